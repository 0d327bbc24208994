/* fields.c - see fields.h. Layer: projection. */
#include "projection/fields.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "codec/json_doc.h"
#include "core/check.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/slice.h"
#include "projection/columns.h"
#include "projection/shape.h"

#define FIELD_PATH_SIZE 80u /* of a path in a message; a longer one is truncated */

enum {
    FIELD_TEXTUAL = FCT_SHAPE_TEXT | FCT_SHAPE_ARRAY | FCT_SHAPE_OBJECT,
    FIELD_SCALAR = FCT_SHAPE_TEXT | FCT_SHAPE_INTEGER | FCT_SHAPE_NUMBER | FCT_SHAPE_BOOLEAN
};

struct fields {
    const struct fct_definition *definition;
    const struct fct_mem *mem;
    struct fct_columns *columns;
    struct fct_json_doc doc; /* of the schema that is being searched */
    uint64_t steps_left;
    factum_error *err;
    struct fct_column_place places[FCT_PROJECTION_PARAMETERS_MAX]; /* of the handler */
};

/* A type of a handler. */
struct field_type {
    const struct fct_handler *handler;
    factum_slice name;
    struct fct_shape_source *source; /* of its schema; NULL: it has none */
};

/* The place of a fault in the definition. */
struct field_place {
    uint32_t line;
    uint32_t column;
};

/* ---- paths ----------------------------------------------------------------------------------- */

static bool field_path_add_each(struct fct_path *path)
{
    static const struct fct_path each = {
        .count = 1, .fans_out = true, .steps = {{.kind = FCT_PATH_EACH}}};
    return fct_path_add(path, &each);
}

/* The first |count| steps in the notation of ":a.b": "lines[].sku". */
static void field_path_print(const struct fct_path *path, uint32_t count,
                             char text[FIELD_PATH_SIZE])
{
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < count && used < FIELD_PATH_SIZE; i++) {
        const struct fct_path_step *step = &path->steps[i];
        int len = 0;
        switch (step->kind) {
        case FCT_PATH_MEMBER:
            len = snprintf(text + used, FIELD_PATH_SIZE - used, "%s%.*s", used > 0 ? "." : "",
                           (int)step->len, path->names + step->start);
            break;
        case FCT_PATH_INDEX:
            len = snprintf(text + used, FIELD_PATH_SIZE - used, "[%" PRIu32 "]", step->index);
            break;
        case FCT_PATH_EACH:
            len = snprintf(text + used, FIELD_PATH_SIZE - used, "[]");
            break;
        }
        used += (size_t)len;
    }
}

/* ---- one path -------------------------------------------------------------------------------- */

static struct fct_shape field_shape(const struct field_type *type, const struct fct_path *path)
{
    return fct_shape_of(type->source, path);
}

/* The types of the value that step |step| looks into. */
static unsigned field_types_before(const struct field_type *type, const struct fct_path *path,
                                   uint32_t step)
{
    struct fct_path before = *path;
    before.count = step;
    return field_shape(type, &before).types;
}

/* Fails because |path| finds nothing, or finds a member that the schema does not list. */
static FCT_COLD factum_status field_missing(const struct fields *f, const struct field_type *type,
                                            const struct fct_path *path,
                                            const struct fct_shape *shape, struct field_place place)
{
    char text[FIELD_PATH_SIZE];
    char before[FIELD_PATH_SIZE];
    char what[96];
    uint32_t count = path->count > 0 ? shape->step + 1 : 0;
    field_path_print(path, count, text);
    if (shape->nearest.len > 0) {
        return fct_projection_fail(f->definition, place.line, place.column, FACTUM_INVALID, f->err,
                                   "%.*s has no member %s: did you mean %.*s?", FCT_FMT(type->name),
                                   text, FCT_FMT(shape->nearest));
    }
    if (shape->types != 0) {
        return fct_projection_fail(
            f->definition, place.line, place.column, FACTUM_INVALID, f->err,
            "%.*s has no member %s: its schema lists others. If events have it, list it there, or "
            "set \"additionalProperties\": true",
            FCT_FMT(type->name), text);
    }
    bool member = count > 0 && path->steps[shape->step].kind == FCT_PATH_MEMBER;
    unsigned types = count == 0 ? 0 : field_types_before(type, path, shape->step);
    if (types != 0 && (types & (member ? FCT_SHAPE_OBJECT : FCT_SHAPE_ARRAY)) == 0) {
        field_path_print(path, shape->step, before);
        fct_shape_print(types, what, sizeof what);
        return fct_projection_fail(f->definition, place.line, place.column, FACTUM_INVALID, f->err,
                                   "%.*s has no %s%s: %s is %s", FCT_FMT(type->name),
                                   member ? "member " : "", text,
                                   shape->step == 0 ? "its data" : before, what);
    }
    return fct_projection_fail(f->definition, place.line, place.column, FACTUM_INVALID, f->err,
                               "%.*s has no %s%s: its schema allows no value there",
                               FCT_FMT(type->name), member ? "member " : "",
                               count > 0 ? text : "data");
}

static bool field_is_there(const struct fct_shape *shape)
{
    return shape->types != 0 && !shape->unnamed;
}

/* ---- the elements of "each" ------------------------------------------------------------------ */

/* The path of "each" without a "[]" at its end. */
static struct fct_path field_base(const struct fct_handler *handler)
{
    struct fct_path base = *handler->each;
    if (base.count > 0 && base.steps[base.count - 1].kind == FCT_PATH_EACH) {
        base.count--;
    }
    return base;
}

static factum_status field_check_each(const struct fields *f, const struct field_type *type)
{
    struct field_place place = {.line = type->handler->line, .column = 1};
    char text[FIELD_PATH_SIZE];
    char what[96];
    struct fct_path base = field_base(type->handler);
    struct fct_shape shape = field_shape(type, &base);
    if (!field_is_there(&shape)) {
        return field_missing(f, type, &base, &shape, place);
    }
    if ((shape.types & (FCT_SHAPE_ARRAY | FCT_SHAPE_OBJECT)) != 0) {
        return FACTUM_OK;
    }
    field_path_print(&base, base.count, text);
    fct_shape_print(shape.types, what, sizeof what);
    return fct_projection_fail(f->definition, place.line, place.column, FACTUM_INVALID, f->err,
                               "each needs an array or an object, but %s of %.*s is %s",
                               base.count == 0 ? "the data" : text, FCT_FMT(type->name), what);
}

/* The shape of |path| in an element: of an array, or of the object in its place. *whole becomes the
 * path from the start of the data. */
static struct fct_shape field_item_shape(const struct field_type *type, const struct fct_path *path,
                                         struct fct_path *whole)
{
    static const struct fct_path none;
    struct fct_path base = field_base(type->handler);
    unsigned types = field_shape(type, &base).types;
    struct fct_path of_object = base;
    struct fct_shape shape = {.types = FCT_SHAPE_ANY};
    *whole = base;
    path = path == NULL ? &none : path;
    if (!fct_path_add(&of_object, path) || !field_path_add_each(whole) ||
        !fct_path_add(whole, path)) {
        return shape;
    }
    if ((types & FCT_SHAPE_ARRAY) == 0) {
        *whole = of_object;
        return field_shape(type, whole);
    }
    shape = field_shape(type, whole);
    if ((types & FCT_SHAPE_OBJECT) != 0) {
        struct fct_shape other = field_shape(type, &of_object);
        if (field_is_there(&other)) {
            other.types |= field_is_there(&shape) ? shape.types : 0;
            return other;
        }
    }
    return shape;
}

/* ---- parameters ------------------------------------------------------------------------------ */

static unsigned field_reserved_types(enum fct_parameter_kind kind)
{
    switch (kind) {
    case FCT_PARAMETER_EVENT_ID:
    case FCT_PARAMETER_EVENT_TYPE:
    case FCT_PARAMETER_EVENT_TIME:
    case FCT_PARAMETER_EVENT_DATE:
    case FCT_PARAMETER_STREAM:
        return FCT_SHAPE_TEXT;
    case FCT_PARAMETER_CORRELATION_ID:
    case FCT_PARAMETER_CAUSATION_ID:
        return FCT_SHAPE_TEXT | FCT_SHAPE_NULL;
    case FCT_PARAMETER_EVENT_REVISION:
    case FCT_PARAMETER_EVENT_POSITION:
    case FCT_PARAMETER_ITEM_INDEX:
        return FCT_SHAPE_INTEGER;
    case FCT_PARAMETER_DATA:
    case FCT_PARAMETER_META:
    case FCT_PARAMETER_ITEM:
        break;
    }
    return FCT_SHAPE_ANY;
}

/* The types of the parameter's value, in *types. Errors: INVALID (no value is possible). */
static factum_status field_find(const struct fields *f, const struct field_type *type,
                                const struct fct_parameter *parameter, unsigned *types)
{
    static const struct fct_path none;
    struct fct_path path;
    struct fct_shape shape;
    *types = field_reserved_types(parameter->kind);
    if (type->source == NULL) {
        return FACTUM_OK;
    }
    if (parameter->kind == FCT_PARAMETER_ITEM && type->handler->each != NULL) {
        shape = field_item_shape(type, parameter->path, &path);
    } else if (parameter->kind == FCT_PARAMETER_DATA) {
        path = parameter->path == NULL ? none : *parameter->path;
        shape = field_shape(type, &path);
    } else {
        return FACTUM_OK;
    }
    *types = shape.types;
    struct field_place place = {.line = parameter->line, .column = parameter->column};
    return field_is_there(&shape) ? FACTUM_OK : field_missing(f, type, &path, &shape, place);
}

/* A value that is never a number must not be written to a column of numbers. */
static factum_status field_check_column(const struct fields *f, const struct field_type *type,
                                        const struct fct_parameter *parameter,
                                        const struct fct_column_place *place, unsigned types)
{
    char what[96];
    bool textual =
        (types & FIELD_TEXTUAL) != 0 && (types & ~(unsigned)(FIELD_TEXTUAL | FCT_SHAPE_NULL)) == 0;
    if (place->column.len == 0 || !textual) {
        return FACTUM_OK;
    }
    bool of_type = field_reserved_types(parameter->kind) == FCT_SHAPE_ANY;
    fct_shape_print(types, what, sizeof what);
    return fct_projection_fail(
        f->definition, place->line, place->column_number, FACTUM_INVALID, f->err,
        ":%.*s is %s%s%.*s, but column %.*s takes numbers: it is declared %.*s",
        FCT_FMT(parameter->name), what, of_type ? " in " : "",
        of_type ? fct_fmt_size(type->name) : 0, (const char *)type->name.ptr,
        FCT_FMT(place->column), FCT_FMT(place->type));
}

static factum_status field_check_key(const struct fields *f, const struct field_type *type)
{
    const struct fct_parameter *key = &f->definition->key;
    unsigned types = FCT_SHAPE_ANY;
    char what[96];
    if (key->kind != FCT_PARAMETER_DATA) {
        return FACTUM_OK;
    }
    factum_status status = field_find(f, type, key, &types);
    if (status != FACTUM_OK || (types & FIELD_SCALAR) != 0) {
        return status;
    }
    fct_shape_print(types, what, sizeof what);
    return fct_projection_fail(f->definition, key->line, key->column, FACTUM_INVALID, f->err,
                               "a key is a text or a number, but :%.*s of %.*s is %s",
                               FCT_FMT(key->name), FCT_FMT(type->name), what);
}

/* Checks everything of a handler that depends on the type. */
static factum_status field_check_type(const struct fields *f, const struct field_type *type)
{
    const struct fct_handler *handler = type->handler;
    factum_status status = FACTUM_OK;
    if (type->source != NULL) {
        status = field_check_key(f, type);
        if (status == FACTUM_OK && handler->each != NULL) {
            status = field_check_each(f, type);
        }
    }
    for (size_t i = 0; i < handler->parameter_count && status == FACTUM_OK; i++) {
        unsigned types;
        status = field_find(f, type, &handler->parameters[i], &types);
        if (status == FACTUM_OK) {
            status = field_check_column(f, type, &handler->parameters[i], &f->places[i], types);
        }
    }
    return status;
}

/* UNTESTED: allocates from the heap, which tests cannot make fail. */
static FCT_COLD factum_status fields_no_memory(const struct fct_definition *definition,
                                               factum_error *err)
{
    return fct_fail(err, FACTUM_NO_MEMORY, "projection %.*s: out of memory",
                    FCT_FMT(definition->name));
}

/* ---- schemas --------------------------------------------------------------------------------- */

static factum_status field_check_schema(struct fields *f, const struct fct_handler *handler,
                                        factum_slice name, const factum_json *schema)
{
    struct fct_shape_source source;
    struct field_type type = {.handler = handler, .name = name};
    uint64_t read = schema == NULL ? 0 : schema->count;
    if (schema != NULL && f->steps_left > read) {
        fct_shape_open(&source, schema, f->steps_left - read);
        type.source = &source;
    }
    factum_status status = field_check_type(f, &type);
    if (schema != NULL) {
        f->steps_left = type.source == NULL ? 0 : source.steps_left;
    }
    if (status == FACTUM_OK && f->steps_left == 0) {
        return fct_projection_fail(f->definition, handler->line, 1, FACTUM_TOO_BIG, f->err,
                                   "its fields and the schemas are too much to compare");
    }
    return status;
}

/* The newest schema of |subject|. False: none. */
static bool field_schema_find(const factum_schemas *schemas, factum_slice subject,
                              factum_slice *text)
{
    factum_schema_version version = {.size = sizeof version};
    if (factum_schemas_find(schemas, subject, 0, &version, NULL) != FACTUM_OK) {
        return false;
    }
    *text = version.text;
    return true;
}

/* The schema of |type| in |category|, which may be empty. False: none. */
static bool field_schema_of(const factum_schemas *schemas, factum_slice category, factum_slice type,
                            factum_slice *text)
{
    char subject[2 * FACTUM_NAME_SIZE_MAX + 2];
    if (schemas == NULL) {
        return false;
    }
    if (category.len > 0 && category.len <= FACTUM_NAME_SIZE_MAX &&
        type.len <= FACTUM_NAME_SIZE_MAX) {
        int len = snprintf(subject, sizeof subject, "%.*s/%.*s", (int)category.len,
                           (const char *)category.ptr, (int)type.len, (const char *)type.ptr);
        if (field_schema_find(schemas, fct_slice(subject, (size_t)len), text)) {
            return true;
        }
    }
    /* A subject is divided at its first slash, so a type with a slash has a subject only with its
     * category. */
    return !fct_slice_holds(type, FCT_SLICE("/")) && field_schema_find(schemas, type, text);
}

/* Checks a schema of a type of |handler|; without a schema, what can be checked without one. */
static factum_status field_check_in(struct fields *f, const struct fct_handler *handler,
                                    factum_slice type, const factum_schemas *schemas,
                                    factum_slice category)
{
    static const struct fct_json_extent extent = {.depth_max = FACTUM_JSON_DEPTH_LIMIT};
    factum_slice text;
    const factum_json *schema = NULL;
    if (field_schema_of(schemas, category, type, &text)) {
        struct fct_json_fault fault;
        factum_status status = fct_json_doc_read(&f->doc, text, extent, &fault);
        if (status == FACTUM_NO_MEMORY) {
            return fields_no_memory(f->definition, f->err);
        }
        schema = status == FACTUM_OK ? &f->doc.json : NULL;
    }
    return field_check_schema(f, handler, type, schema);
}

static factum_status field_check_handler(struct fields *f, const struct fct_handler *handler,
                                         const factum_schemas *schemas)
{
    const struct fct_definition *definition = f->definition;
    bool category = definition->source == FACTUM_SOURCE_CATEGORY;
    size_t sources =
        category && definition->source_name_count > 0 ? definition->source_name_count : 1;
    factum_status status = FACTUM_OK;
    fct_columns_find(f->columns, handler, f->places);
    for (size_t i = 0; i < handler->type_count && status == FACTUM_OK; i++) {
        for (size_t j = 0; j < sources && status == FACTUM_OK; j++) {
            factum_slice name = category && definition->source_name_count > 0
                                    ? definition->source_names[j]
                                    : fct_slice(NULL, 0);
            status = field_check_in(f, handler, handler->types[i], schemas, name);
        }
    }
    return status;
}

/* ---- both ways ------------------------------------------------------------------------------- */

/* The caller's, for fields_free. NULL: no memory. */
static struct fields *fields_create(const struct fct_definition *definition, factum_error *err)
{
    const struct fct_mem *mem = fct_mem_heap();
    struct fields *fields = fct_mem_zalloc(mem, 1, sizeof *fields);
    struct fct_columns *columns = fct_columns_create(mem, definition);
    if (fields == NULL || columns == NULL) {
        fct_columns_free(columns);
        fct_mem_free(mem, fields);
        return NULL;
    }
    fields->definition = definition;
    fields->mem = mem;
    fields->columns = columns;
    fields->steps_left = FCT_FIELDS_STEPS_MAX;
    fields->err = err;
    fct_json_doc_init(&fields->doc, mem);
    return fields;
}

static void fields_free(struct fields *fields)
{
    fct_json_doc_finish(&fields->doc);
    fct_columns_free(fields->columns);
    fct_mem_free(fields->mem, fields);
}

factum_status fct_fields_check(const struct fct_definition *definition,
                               const factum_schemas *schemas, factum_error *err)
{
    struct fields *fields = fields_create(definition, err);
    factum_status status = FACTUM_OK;
    if (fields == NULL) {
        return fields_no_memory(definition, err);
    }
    for (size_t i = 0; i < definition->handler_count && status == FACTUM_OK; i++) {
        FCT_ASSERT(definition->handlers[i].parameter_count <= FCT_PROJECTION_PARAMETERS_MAX);
        status = field_check_handler(fields, &definition->handlers[i], schemas);
    }
    fields_free(fields);
    return status;
}

factum_status fct_fields_break(const struct fct_definition *definition, factum_slice type,
                               const factum_json *schema, char *why, size_t size)
{
    factum_error err = {.status = FACTUM_OK};
    struct fields *fields = fields_create(definition, &err);
    factum_status status = fields == NULL ? fields_no_memory(definition, &err) : FACTUM_OK;
    if (fields != NULL) {
        size_t from = 0;
        for (const struct fct_handler *handler = fct_projection_handler(definition, type, &from);
             handler != NULL && status == FACTUM_OK;
             handler = fct_projection_handler(definition, type, &from)) {
            fct_columns_find(fields->columns, handler, fields->places);
            status = field_check_schema(fields, handler, type, schema);
        }
        fields_free(fields);
    }
    if (status != FACTUM_OK && size > 0) {
        (void)snprintf(why, size, "projection %.*s version %" PRIu64 " needs it: %s",
                       FCT_FMT(definition->name), definition->version, err.text);
    }
    return status;
}
