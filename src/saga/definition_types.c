/* definition_types.c - compares a saga with the schemas: types of events and commands, the fields
 * that it picks, and the data of its commands. Layer: saga. See definition_int.h.
 *
 * The schema of a command is that of "command:SERVICE/SERVICE.Command", or otherwise that of
 * "SERVICE.Command". That of an event is that of "TYPE", or otherwise that of "CATEGORY/TYPE" if
 * only one category has the type; with several only the existence of the type is known.
 *
 * projection/shape.h finds what a schema requires at a path, and does not guess. The members that a
 * command requires are those in "required" of the schema itself and of its "allOf".
 */
#include <stdio.h>
#include <string.h>

#include "codec/json.h"
#include "codec/json_doc.h"
#include "codec/json_number.h"
#include "core/check.h"
#include "core/error.h"
#include "core/nearest.h"
#include "core/slice.h"
#include "projection/shape.h"
#include "saga/definition_int.h"

#define TYPED_STEPS_MAX UINT64_C(20000000) /* values of schemas that are visited */
#define TYPED_WHAT_SIZE 64u

/* A schema that was looked for. */
struct typed_schema {
    bool known;        /* the type has one */
    factum_slice text; /* empty: it is not clear which one applies */
};

/* A schema on a tape. */
struct typed_doc {
    struct fct_json_doc doc;
    factum_slice text; /* on the tape; empty: none, or not JSON */
};

struct typed {
    struct fct_loader *loader;
    const struct factum_saga *saga;
    const factum_schemas *schemas;
    uint64_t steps_left;
    bool no_memory;
    struct typed_doc event;
    struct typed_doc command;
};

#define typed_fail(typed, mark, ...)                                                               \
    fct_saga_load_fail((typed)->loader, FACTUM_INVALID, mark, __VA_ARGS__)

/* ---- schemas --------------------------------------------------------------------------------- */

static bool typed_spend(struct typed *typed, uint64_t steps)
{
    bool enough = typed->steps_left > steps;
    typed->steps_left = enough ? typed->steps_left - steps : 0;
    return enough;
}

/* The type of a subject, "order/OrderPlaced". */
static factum_slice typed_type_of(factum_slice subject)
{
    for (size_t i = 0; i < subject.len; i++) {
        if (subject.ptr[i] == '/') {
            return fct_slice_from(subject, i + 1);
        }
    }
    return subject;
}

static struct typed_schema typed_find(const struct typed *typed, factum_slice subject)
{
    factum_schema_version version = {.size = sizeof version};
    struct typed_schema found = {.known = false};
    if (factum_schemas_find(typed->schemas, subject, 0, &version, NULL) == FACTUM_OK) {
        found = (struct typed_schema){.known = true, .text = version.text};
    }
    return found;
}

static struct typed_schema typed_event_schema(struct typed *typed, factum_slice type)
{
    struct typed_schema found = typed_find(typed, type);
    factum_schema_version version = {.size = sizeof version};
    if (found.known) {
        return found;
    }
    for (size_t i = 0;
         typed_spend(typed, 1) && factum_schemas_at(typed->schemas, i, &version, NULL) == FACTUM_OK;
         i++) {
        if (version.newest && fct_slice_equal(typed_type_of(version.subject), type)) {
            found.text = found.known ? fct_slice(NULL, 0) : version.text;
            if (found.known) {
                return found;
            }
            found.known = true;
        }
    }
    return found;
}

static struct typed_schema typed_command_schema(const struct typed *typed,
                                                const struct fct_call_text *call)
{
    char subject[2 * FACTUM_NAME_SIZE_MAX + 16];
    FCT_ASSERT(call->name.len <= FACTUM_NAME_SIZE_MAX);
    int len = snprintf(subject, sizeof subject, "command:%.*s/%.*s", (int)call->service.len,
                       (const char *)call->service.ptr, (int)call->name.len,
                       (const char *)call->name.ptr);
    struct typed_schema found = typed_find(typed, fct_slice(subject, (size_t)len));
    return found.known ? found : typed_find(typed, call->name);
}

/* Puts |text| on the tape of |doc|, unless the tape has it already. False: nothing is known. */
static bool typed_open(struct typed *typed, struct typed_doc *doc, factum_slice text)
{
    static const struct fct_json_extent extent = {.depth_max = FACTUM_JSON_DEPTH_LIMIT};
    struct fct_json_fault fault;
    if (text.len == 0 || (doc->text.ptr == text.ptr && doc->text.len == text.len)) {
        return text.len > 0;
    }
    doc->text = fct_slice(NULL, 0);
    if (!typed_spend(typed, text.len / 8)) {
        return false;
    }
    factum_status status = fct_json_doc_read(&doc->doc, text, extent, &fault);
    typed->no_memory = typed->no_memory || status == FACTUM_NO_MEMORY;
    doc->text = status == FACTUM_OK ? text : doc->text;
    return status == FACTUM_OK;
}

static struct fct_shape typed_shape(struct typed *typed, const struct typed_doc *doc,
                                    const struct fct_path *path)
{
    struct fct_shape_source source;
    fct_shape_open(&source, &doc->doc.json, typed->steps_left);
    struct fct_shape shape = fct_shape_of(&source, path);
    typed->steps_left = source.steps_left;
    return shape;
}

/* ---- what is known --------------------------------------------------------------------------- */

/* |type| has no schema, though others have. */
static FCT_COLD factum_status typed_unknown(const struct typed *typed, factum_slice type,
                                            struct fct_mark mark)
{
    struct fct_nearest nearest;
    factum_schema_version version = {.size = sizeof version};
    fct_nearest_begin(&nearest, type);
    for (size_t i = 0; factum_schemas_at(typed->schemas, i, &version, NULL) == FACTUM_OK; i++) {
        fct_nearest_offer(&nearest, typed_type_of(version.subject));
    }
    if (nearest.best.len > 0) {
        return typed_fail(typed, mark, "unknown-type", "%.*s has no schema: did you mean %.*s?",
                          FCT_FMT(type), FCT_FMT(nearest.best));
    }
    return typed_fail(typed, mark, "unknown-type",
                      "%.*s has no schema, while other types of this saga have: register one, or "
                      "correct the name",
                      FCT_FMT(type));
}

/* Calls |each| for every type that the saga names, until it fails. */
static factum_status typed_each(struct typed *typed,
                                factum_status (*each)(struct typed *typed, factum_slice type,
                                                      struct typed_schema schema,
                                                      struct fct_mark mark))
{
    const struct fct_loader *loader = typed->loader;
    const struct factum_saga *saga = typed->saga;
    factum_status status =
        each(typed, saga->start, typed_event_schema(typed, saga->start), loader->start_mark);
    for (size_t slot = 0; slot < loader->step_count + 2 && status == FACTUM_OK; slot++) {
        const struct fct_step_text *step = &saga->slots[slot];
        const struct fct_call_text *calls[2] = {&step->action, &step->undo};
        for (size_t i = 0; i < 2 && status == FACTUM_OK; i++) {
            if (calls[i]->name.len > 0) {
                status = each(typed, calls[i]->name, typed_command_schema(typed, calls[i]),
                              calls[i]->mark);
            }
        }
        if (status == FACTUM_OK && step->ok.len > 0) {
            status = each(typed, step->ok, typed_event_schema(typed, step->ok),
                          loader->steps[slot].ok_mark);
        }
        for (size_t i = 0; i < step->fail_count && status == FACTUM_OK; i++) {
            status = each(typed, step->fail[i], typed_event_schema(typed, step->fail[i]),
                          loader->steps[slot].fail_marks[i]);
        }
    }
    return status;
}

/* DONE: one is known. */
static factum_status typed_any_known(struct typed *typed, factum_slice type,
                                     struct typed_schema schema, struct fct_mark mark)
{
    (void)typed;
    (void)type;
    (void)mark;
    return schema.known ? FACTUM_DONE : FACTUM_OK;
}

static factum_status typed_all_known(struct typed *typed, factum_slice type,
                                     struct typed_schema schema, struct fct_mark mark)
{
    return schema.known ? FACTUM_OK : typed_unknown(typed, type, mark);
}

/* ---- paths into events ----------------------------------------------------------------------- */

/* The types of the value at |path| in the events |type|; ANY: unknown. INVALID: such a member does
 * not exist. *always: every valid event has it. */
static factum_status typed_pick(struct typed *typed, factum_slice type, const struct fct_path *path,
                                factum_slice text, struct fct_mark mark, unsigned *types,
                                bool *always)
{
    *types = FCT_SHAPE_ANY;
    *always = true;
    struct typed_schema schema = typed_event_schema(typed, type);
    if (!typed_open(typed, &typed->event, schema.text)) {
        return FACTUM_OK;
    }
    struct fct_shape shape = typed_shape(typed, &typed->event, path);
    if (typed->steps_left == 0) {
        return FACTUM_OK;
    }
    if (shape.types == 0 || shape.unnamed) {
        if (shape.nearest.len > 0) {
            return typed_fail(typed, mark, "member", "%.*s has no member %.*s: did you mean %.*s?",
                              FCT_FMT(type), FCT_FMT(text), FCT_FMT(shape.nearest));
        }
        return typed_fail(typed, mark, "member",
                          "%.*s has no member %.*s by its schema: pick one that it has, or list it "
                          "there",
                          FCT_FMT(type), FCT_FMT(text));
    }
    *types = path->fans_out ? FCT_SHAPE_ARRAY : shape.types;
    *always = path->fans_out || shape.always;
    return FACTUM_OK;
}

static factum_status typed_id(struct typed *typed)
{
    const struct fct_loader *loader = typed->loader;
    const struct factum_saga *saga = typed->saga;
    unsigned types;
    bool always;
    char what[TYPED_WHAT_SIZE];
    factum_status status =
        typed_pick(typed, saga->start, saga->id, saga->id_text, loader->id_mark, &types, &always);
    if (status != FACTUM_OK || (types & (FCT_SHAPE_TEXT | FCT_SHAPE_INTEGER)) != 0) {
        return status;
    }
    fct_shape_print(types, what, sizeof what);
    return typed_fail(typed, loader->id_mark, "id",
                      "%.*s of %.*s is %s: an id is a text or a whole number",
                      FCT_FMT(saga->id_text), FCT_FMT(saga->start), what);
}

/* The fields of |keep|, picked from the events |type|. */
static factum_status typed_keep(struct typed *typed, const struct fct_pick *keep, factum_slice type)
{
    factum_status status = FACTUM_OK;
    unsigned types;
    bool always;
    for (size_t i = 0; i < keep->count && status == FACTUM_OK; i++) {
        const struct fct_pick_field *field = &keep->fields[i];
        if (field->path != NULL) {
            status =
                typed_pick(typed, type, field->path, field->text, field->mark, &types, &always);
        }
    }
    return status;
}

/* A participant in another language may not know command ids: then its answer has to contain the id
 * of the saga. */
static void typed_reply_id(struct typed *typed, uint8_t slot)
{
    const struct fct_path *id = typed->saga->id;
    const struct fct_step_parsed *parsed = &typed->loader->steps[slot];
    struct fct_path last = {.count = 1};
    uint32_t at = id->count;
    while (at > 0 && id->steps[at - 1].kind != FCT_PATH_MEMBER) {
        at--;
    }
    struct typed_schema schema = typed_event_schema(typed, parsed->text.ok);
    if (at == 0 || !typed_open(typed, &typed->event, schema.text)) {
        return;
    }
    last.steps[0] = id->steps[at - 1];
    memcpy(last.names, id->names, sizeof last.names);
    struct fct_shape shape = typed_shape(typed, &typed->event, &last);
    if (shape.types == 0 || shape.unnamed) {
        fct_saga_load_warn(
            typed->loader, parsed->ok_mark, "reply-id",
            "%.*s has no member \"%.*s\": such an event belongs to a saga only if it "
            "names the command that it answers",
            FCT_FMT(parsed->text.ok),
            FCT_FMT(fct_slice(last.names + last.steps[0].start, last.steps[0].len)));
    }
}

/* ---- the data of commands -------------------------------------------------------------------- */

/* A command and the mapping of its data. */
struct typed_use {
    const struct fct_call_text *call;
    struct fct_mark mark; /* of the mapping */
};

static unsigned typed_literal(factum_slice text)
{
    static const unsigned types[] = {
        [FACTUM_JSON_NULL] = FCT_SHAPE_NULL,     [FACTUM_JSON_FALSE] = FCT_SHAPE_BOOLEAN,
        [FACTUM_JSON_TRUE] = FCT_SHAPE_BOOLEAN,  [FACTUM_JSON_NUMBER] = FCT_SHAPE_NUMBER,
        [FACTUM_JSON_TEXT] = FCT_SHAPE_TEXT,     [FACTUM_JSON_ARRAY] = FCT_SHAPE_ARRAY,
        [FACTUM_JSON_OBJECT] = FCT_SHAPE_OBJECT,
    };
    struct fct_json value;
    if (fct_json_parse(text, &value, NULL) != FACTUM_OK) {
        return FCT_SHAPE_ANY;
    }
    if (value.kind == FACTUM_JSON_NUMBER && fct_json_number_whole(value.raw)) {
        return FCT_SHAPE_INTEGER;
    }
    return types[value.kind];
}

/* The kept field |name|, and the type of the events that it comes from. */
static const struct fct_pick_field *typed_kept(const struct factum_saga *saga, factum_slice name,
                                               factum_slice *type)
{
    for (size_t slot = 0; slot <= saga->plan.step_count; slot++) {
        const struct fct_pick *keep = slot == 0 ? &saga->keep : &saga->slots[slot - 1].keep;
        for (size_t i = 0; i < keep->count; i++) {
            if (fct_slice_equal(keep->fields[i].name, name)) {
                *type = slot == 0 ? saga->start : saga->slots[slot - 1].ok;
                return &keep->fields[i];
            }
        }
    }
    return NULL;
}

/* The types of the value of |field|. */
static factum_status typed_given(struct typed *typed, const struct fct_pick_field *field,
                                 unsigned *types, bool *always)
{
    const struct fct_path *path = field->path;
    *always = true;
    *types = FCT_SHAPE_ANY;
    if (path == NULL) {
        *types = typed_literal(field->text);
        return FACTUM_OK;
    }
    if (path->count == 0) {
        *types = FCT_SHAPE_OBJECT;
        return FACTUM_OK;
    }
    factum_slice name = fct_slice(path->names + path->steps[0].start, path->steps[0].len);
    factum_slice type = fct_slice(NULL, 0);
    const struct fct_pick_field *kept = typed_kept(typed->saga, name, &type);
    if (kept == NULL) { /* .failure, .saga */
        *types = path->count == 1 ? FCT_SHAPE_OBJECT : FCT_SHAPE_TEXT;
        return FACTUM_OK;
    }
    if (kept->path == NULL) {
        *types = path->count == 1 ? typed_literal(kept->text) : FCT_SHAPE_ANY;
        return FACTUM_OK;
    }
    if (kept->path->fans_out) {
        *types = path->count == 1 ? FCT_SHAPE_ARRAY : FCT_SHAPE_ANY;
        return FACTUM_OK;
    }
    struct fct_path whole = *kept->path;
    struct fct_path rest = *path;
    rest.count--;
    memmove(rest.steps, rest.steps + 1, rest.count * sizeof *rest.steps);
    if (!fct_path_add(&whole, &rest)) {
        return FACTUM_OK;
    }
    return typed_pick(typed, type, &whole, field->text, field->mark, types, always);
}

static FCT_COLD factum_status typed_not_wanted(const struct typed *typed,
                                               const struct typed_use *use,
                                               const struct fct_pick_field *field,
                                               const struct fct_shape *shape)
{
    if (shape->nearest.len > 0) {
        return typed_fail(typed, field->mark, "member",
                          "%.*s has no member \"%.*s\": did you mean %.*s?",
                          FCT_FMT(use->call->name), FCT_FMT(field->name), FCT_FMT(shape->nearest));
    }
    return typed_fail(typed, field->mark, "member",
                      "%.*s has no member \"%.*s\" by its schema: leave it out, or list it there",
                      FCT_FMT(use->call->name), FCT_FMT(field->name));
}

/* The path of the member |name|. False: too long to ask a schema about. */
static bool typed_member(factum_slice name, struct fct_path *path)
{
    *path = (struct fct_path){.count = 1};
    if (name.len > sizeof path->names) {
        return false;
    }
    path->steps[0] = (struct fct_path_step){.kind = FCT_PATH_MEMBER, .len = (uint16_t)name.len};
    memcpy(path->names, name.ptr, name.len);
    return true;
}

/* Does the command on the tape have |field| as a member, of its kind? */
static factum_status typed_use_field(struct typed *typed, const struct typed_use *use,
                                     const struct fct_pick_field *field)
{
    struct fct_path member;
    unsigned given;
    bool always;
    char given_text[TYPED_WHAT_SIZE];
    char wanted_text[TYPED_WHAT_SIZE];
    factum_status status = typed_given(typed, field, &given, &always);
    struct typed_schema schema = typed_command_schema(typed, use->call);
    if (status != FACTUM_OK || !typed_open(typed, &typed->command, schema.text) ||
        !typed_member(field->name, &member)) {
        return status;
    }
    struct fct_shape shape = typed_shape(typed, &typed->command, &member);
    if (shape.types == 0 || shape.unnamed) {
        return typed_not_wanted(typed, use, field, &shape);
    }
    if ((given & shape.types) == 0) {
        fct_shape_print(given, given_text, sizeof given_text);
        fct_shape_print(shape.types, wanted_text, sizeof wanted_text);
        return typed_fail(typed, field->mark, "kind",
                          "%.*s is %s, but \"%.*s\" of %.*s is %s: use a value of that type",
                          FCT_FMT(field->text), given_text, FCT_FMT(field->name),
                          FCT_FMT(use->call->name), wanted_text);
    }
    return FACTUM_OK;
}

/* The command requires |field|: is its value always present? */
static factum_status typed_require_field(struct typed *typed, const struct typed_use *use,
                                         const struct fct_pick_field *field)
{
    unsigned given;
    bool always;
    factum_status status = typed_given(typed, field, &given, &always);
    if (status == FACTUM_OK && !always) {
        fct_saga_load_warn(typed->loader, field->mark, "required",
                           "%.*s requires \"%.*s\", but %.*s may be missing: the saga would be "
                           "stuck",
                           FCT_FMT(use->call->name), FCT_FMT(field->name), FCT_FMT(field->text));
    }
    return status;
}

/* The mapping has the member |name|, which the command requires. */
static factum_status typed_require(struct typed *typed, const struct typed_use *use,
                                   factum_slice name)
{
    const struct fct_pick *with = &use->call->with;
    for (size_t i = 0; i < with->count; i++) {
        const struct fct_pick_field *field = &with->fields[i];
        if (!fct_slice_equal(field->name, name)) {
            continue;
        }
        if (!field->optional) {
            return typed_require_field(typed, use, field);
        }
        return typed_fail(typed, field->mark, "required",
                          "%.*s requires \"%.*s\", which may be missing here (a silent step has "
                          "kept nothing): do not require it",
                          FCT_FMT(use->call->name), FCT_FMT(name));
    }
    return typed_fail(typed, use->mark, "required", "%.*s requires \"%.*s\" by its schema: add it",
                      FCT_FMT(use->call->name), FCT_FMT(name));
}

/* Checks "required" of |schema|, on the tape of commands. */
static factum_status typed_require_all(struct typed *typed, const struct typed_use *use,
                                       uint32_t schema)
{
    const factum_json *json = &typed->command.doc.json;
    uint32_t required = factum_json_find(json, schema, FCT_SLICE("required"));
    factum_status status = FACTUM_OK;
    if (required == FACTUM_JSON_NONE || factum_json_kind_of(json, required) != FACTUM_JSON_ARRAY) {
        return FACTUM_OK;
    }
    for (uint32_t at = factum_json_first(json, required);
         at != FACTUM_JSON_NONE && status == FACTUM_OK && typed_spend(typed, 1);
         at = factum_json_next(json, required, at)) {
        if (factum_json_kind_of(json, at) == FACTUM_JSON_TEXT &&
            !factum_json_is_escaped(json, at)) {
            status = typed_require(typed, use, factum_json_inside(json, at));
        }
    }
    return status;
}

static factum_status typed_use_call(struct typed *typed, const struct typed_use *use)
{
    const struct fct_pick *with = &use->call->with;
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < with->count && status == FACTUM_OK; i++) {
        status = typed_use_field(typed, use, &with->fields[i]);
    }
    struct typed_schema schema = typed_command_schema(typed, use->call);
    if (status != FACTUM_OK || !typed_open(typed, &typed->command, schema.text)) {
        return status;
    }
    const factum_json *json = &typed->command.doc.json;
    status = typed_require_all(typed, use, FACTUM_JSON_ROOT);
    uint32_t all = factum_json_find(json, FACTUM_JSON_ROOT, FCT_SLICE("allOf"));
    if (all != FACTUM_JSON_NONE && factum_json_kind_of(json, all) == FACTUM_JSON_ARRAY) {
        for (uint32_t at = factum_json_first(json, all);
             at != FACTUM_JSON_NONE && status == FACTUM_OK && typed_spend(typed, 1);
             at = factum_json_next(json, all, at)) {
            status = typed_require_all(typed, use, at);
        }
    }
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static factum_status typed_slot(struct typed *typed, uint8_t slot)
{
    const struct fct_loader *loader = typed->loader;
    const struct fct_step_text *step = &typed->saga->slots[slot];
    const struct fct_step_parsed *parsed = slot < loader->step_count    ? &loader->steps[slot]
                                           : slot == loader->step_count ? &loader->done
                                                                        : &loader->undone;
    factum_status status = FACTUM_OK;
    if (step->ok.len > 0) {
        typed_reply_id(typed, slot);
        status = typed_keep(typed, &step->keep, step->ok);
    }
    if (status == FACTUM_OK && step->action.name.len > 0) {
        const struct typed_use use = {&step->action, parsed->with_mark};
        status = typed_use_call(typed, &use);
    }
    if (status == FACTUM_OK && step->undo.name.len > 0) {
        const struct typed_use use = {&step->undo, parsed->undo_with_mark};
        status = typed_use_call(typed, &use);
    }
    return status;
}

static factum_status typed_check(struct typed *typed)
{
    if (typed_each(typed, typed_any_known) == FACTUM_OK) {
        fct_saga_load_warn(typed->loader, typed->loader->start_mark, "no-schemas",
                           "no type that the saga names has a schema: its types and fields are not "
                           "checked");
        return FACTUM_OK;
    }
    factum_status status = typed_each(typed, typed_all_known);
    if (status != FACTUM_OK) {
        return status;
    }
    status = typed_id(typed);
    if (status != FACTUM_OK) {
        return status;
    }
    status = typed_keep(typed, &typed->saga->keep, typed->saga->start);
    for (uint8_t slot = 0; slot < (uint8_t)(typed->loader->step_count + 2) && status == FACTUM_OK;
         slot++) {
        status = typed_slot(typed, slot);
    }
    return status;
}

factum_status fct_saga_load_types(struct fct_loader *loader)
{
    if (loader->schemas == NULL) {
        return FACTUM_OK;
    }
    struct typed typed = {
        .loader = loader,
        .saga = loader->saga,
        .schemas = loader->schemas,
        .steps_left = TYPED_STEPS_MAX,
    };
    fct_json_doc_init(&typed.event.doc, loader->mem);
    fct_json_doc_init(&typed.command.doc, loader->mem);
    factum_status status = typed_check(&typed);
    fct_json_doc_finish(&typed.event.doc);
    fct_json_doc_finish(&typed.command.doc);
    if (typed.no_memory) {
        return fct_fail(loader->err, FACTUM_NO_MEMORY, "out of memory for the schemas of a saga");
    }
    if (status == FACTUM_OK && typed.steps_left == 0) {
        return fct_saga_load_fail(loader, FACTUM_TOO_BIG, loader->start_mark, "schemas",
                                  "the saga and the schemas are too much to compare");
    }
    return status;
}
