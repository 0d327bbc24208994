/* generate_source.c - the source of a category: functions that read and print its types.
 * Layer: schema.
 *
 * Each named type gets read_NAME and print_NAME; a type that is used by pointer also gets new_NAME.
 * A function comes after those that it calls, except for recursive types, whose functions are
 * declared first.
 */
#include "schema/generate_out_int.h"

#include <stdio.h>
#include <string.h>

#include "core/check.h"

#define PLACE_SIZE 512

static bool is_plain_type(const struct fct_gen_type *type)
{
    return type->kind < FCT_GEN_ENUM;
}

/* ---- reading a value ------------------------------------------------------------------------- */

/* The functions of <factum/typed.h>, by kind. */
static const char *const readers[FCT_GEN_ENUM] = {
    [FCT_GEN_JSON] = "json",   [FCT_GEN_TEXT] = "text",     [FCT_GEN_NUMBER] = "number",
    [FCT_GEN_INT64] = "int64", [FCT_GEN_UINT64] = "uint64", [FCT_GEN_BOOL] = "bool",
};

static const char *const printers[FCT_GEN_ENUM] = {
    [FCT_GEN_JSON] = "raw",    [FCT_GEN_TEXT] = "text",     [FCT_GEN_NUMBER] = "number",
    [FCT_GEN_INT64] = "int64", [FCT_GEN_UINT64] = "uint64", [FCT_GEN_BOOL] = "bool",
};

/* Prints "read the node |value| into |place|" on one line. */
static void put_read(struct fct_gen_out *out, unsigned indent, const struct fct_gen_use *use,
                     const char *value, const char *place)
{
    if (is_plain_type(use->type)) {
        fct_gen_put(out, "%*sfactum_typed_%s(in, %s, &%s);\n", (int)indent, "",
                    readers[use->type->kind], value, place);
    } else if (use->pointer) {
        fct_gen_put(out, "%*s%s = new_%s(in, %s);\n", (int)indent, "", place, use->type->name,
                    value);
    } else {
        fct_gen_put(out, "%*sread_%s(in, %s, &%s);\n", (int)indent, "", use->type->name, value,
                    place);
    }
}

static void put_print(struct fct_gen_out *out, unsigned indent, const struct fct_gen_use *use,
                      const char *place)
{
    const char *name = use->type->name;
    int i = (int)indent;
    if (is_plain_type(use->type)) {
        fct_gen_put(out, "%*sfactum_json_put_%s(to, %s);\n", i, "", printers[use->type->kind],
                    place);
    } else if (use->pointer) {
        fct_gen_put(out,
                    "%*sif (%s != NULL) {\n%*s    print_%s(to, %s);\n%*s} else {\n"
                    "%*s    factum_json_put_null(to);\n%*s}\n",
                    i, "", place, i, "", name, place, i, "", i, "", i, "");
    } else {
        fct_gen_put(out, "%*sprint_%s(to, &%s);\n", i, "", name, place);
    }
}

/* Code in two parts, on two lines if one would be too long. */
static void put_head(struct fct_gen_out *out, unsigned indent, const char *head, const char *last)
{
    if (indent + strlen(head) + 1 + strlen(last) <= 100) {
        fct_gen_put(out, "%*s%s %s\n", (int)indent, "", head, last);
    } else {
        fct_gen_put(out, "%*s%s\n%*s    %s\n", (int)indent, "", head, (int)indent, "", last);
    }
}

static void put_read_head(struct fct_gen_out *out, const struct fct_gen_type *type, const char *end)
{
    char head[PLACE_SIZE];
    char last[PLACE_SIZE];
    (void)snprintf(head, sizeof head,
                   "static void read_%s(factum_typed_reader *in, uint32_t value,", type->name);
    (void)snprintf(last, sizeof last, "%s *to)%s", type->name, end);
    put_head(out, 0, head, last);
}

static void put_print_head(struct fct_gen_out *out, const struct fct_gen_type *type,
                           const char *end)
{
    char head[PLACE_SIZE];
    char last[PLACE_SIZE];
    (void)snprintf(head, sizeof head, "static void print_%s(factum_json_writer *to,", type->name);
    (void)snprintf(last, sizeof last, "const %s *from)%s", type->name, end);
    put_head(out, 0, head, last);
}

static void begin_read(struct fct_gen_out *out, const struct fct_gen_type *type)
{
    put_read_head(out, type, "");
    fct_gen_put(out, "{\n");
}

static void begin_print(struct fct_gen_out *out, const struct fct_gen_type *type)
{
    put_print_head(out, type, "");
    fct_gen_put(out, "{\n");
}

/* ---- tables of names ------------------------------------------------------------------------- */

static void put_name_row(struct fct_gen_out *out, factum_slice json, const char *required)
{
    fct_gen_put(out, "        {");
    fct_gen_put_literal(out, json);
    fct_gen_put(out, ", %zu, %s},\n", json.len, required);
}

static void put_choice_table(struct fct_gen_out *out, const struct fct_gen_type *type)
{
    fct_gen_put(out, "    static const factum_typed_name names[] = {\n");
    for (const struct fct_gen_choice *choice = type->choices; choice != NULL;
         choice = choice->next) {
        put_name_row(out, choice->json, "false");
    }
    fct_gen_put(out, "    };\n");
}

/* ---- enums ----------------------------------------------------------------------------------- */

static void put_enum(struct fct_gen_out *out, const struct fct_gen_type *type)
{
    begin_read(out, type);
    put_choice_table(out, type);
    fct_gen_put(out,
                "    /* another text gives -1, and with that %s */\n"
                "    to->value = (%s)(factum_typed_choice(in, value, names, %u) + 1);\n"
                "    factum_typed_text(in, value, &to->text);\n}\n\n",
                type->unknown, type->part, (unsigned)type->choice_count);
    begin_print(out, type);
    put_choice_table(out, type);
    fct_gen_put(out,
                "    factum_typed_put_choice(to, names, %u, (uint32_t)from->value, from->text);\n"
                "}\n\n",
                (unsigned)type->choice_count);
}

/* ---- lists, maps, boxes ---------------------------------------------------------------------- */

static void put_list(struct fct_gen_out *out, const struct fct_gen_type *type)
{
    const char *item = fct_gen_c_type(type->item.type);
    char head[PLACE_SIZE];
    char last[PLACE_SIZE];
    (void)snprintf(head, sizeof head, "%s *items =", item);
    (void)snprintf(last, sizeof last,
                   "(%s *)factum_typed_items(in, value, sizeof *items, &to->count);", item);
    begin_read(out, type);
    put_head(out, 4, head, last);
    fct_gen_put(out, "    uint32_t at = factum_json_first(in->json, value);\n"
                     "    to->items = items;\n"
                     "    for (size_t i = 0; i < to->count; i++) {\n");
    put_read(out, 8, &type->item, "at", "items[i]");
    fct_gen_put(out, "        at = factum_json_next(in->json, value, at);\n    }\n}\n\n");
    begin_print(out, type);
    fct_gen_put(out, "    factum_json_put_array(to);\n"
                     "    for (size_t i = 0; i < from->count; i++) {\n");
    put_print(out, 8, &type->item, "from->items[i]");
    fct_gen_put(out, "    }\n    factum_json_put_end(to);\n}\n\n");
}

/* Reads the unnamed members into |place|, which has items and a count. */
static void put_read_entries(struct fct_gen_out *out, const struct fct_gen_type *type,
                             const char *place)
{
    fct_gen_put(out,
                "    %s *items =\n        (%s *)factum_typed_others(&object, sizeof *items, "
                "&%s.count);\n    %s.items = items;\n",
                type->part, type->part, place, place);
    fct_gen_put(out, "    for (size_t i = 0; i < %s.count;) {\n", place);
    fct_gen_put(out, "        int found = factum_typed_next(&object);\n"
                     "        if (found == FACTUM_TYPED_END) {\n            break;\n        }\n"
                     "        if (found == FACTUM_TYPED_OTHER) {\n"
                     "            items[i].name = factum_typed_name_of(&object);\n");
    put_read(out, 12, &type->item, "object.value", "items[i].value");
    fct_gen_put(out, "            i++;\n        }\n    }\n");
}

static void put_print_entries(struct fct_gen_out *out, const struct fct_gen_type *type,
                              const char *place)
{
    char value[PLACE_SIZE + sizeof ".items[i].value"];
    (void)snprintf(value, sizeof value, "%s.items[i].value", place);
    fct_gen_put(out, "    for (size_t i = 0; i < %s.count; i++) {\n", place);
    fct_gen_put(out,
                "        factum_slice name = %s.items[i].name;\n"
                "        factum_json_put_name(to, (const char *)name.ptr, name.len);\n",
                place);
    put_print(out, 8, &type->item, value);
    fct_gen_put(out, "    }\n");
}

static void put_map(struct fct_gen_out *out, const struct fct_gen_type *type)
{
    begin_read(out, type);
    fct_gen_put(out,
                "    factum_typed_object object = factum_typed_members(in, value, NULL, 0);\n");
    put_read_entries(out, type, "(*to)");
    fct_gen_put(out, "}\n\n");
    begin_print(out, type);
    fct_gen_put(out, "    factum_json_put_object(to);\n");
    put_print_entries(out, type, "(*from)");
    fct_gen_put(out, "    factum_json_put_end(to);\n}\n\n");
}

static void put_box(struct fct_gen_out *out, const struct fct_gen_type *type)
{
    begin_read(out, type);
    fct_gen_put(out, "    to->is_null = factum_typed_is_null(in, value);\n"
                     "    if (!to->is_null) {\n");
    put_read(out, 8, &type->item, "value", "to->value");
    fct_gen_put(out, "    }\n}\n\n");
    begin_print(out, type);
    fct_gen_put(out, "    if (from->is_null) {\n        factum_json_put_null(to);\n"
                     "    } else {\n");
    put_print(out, 8, &type->item, "from->value");
    fct_gen_put(out, "    }\n}\n\n");
}

/* ---- structs --------------------------------------------------------------------------------- */

static void put_check_constant(struct fct_gen_out *out, const struct fct_gen_field *field)
{
    static const char *const kinds[] = {"", "", "", "TRUE", "FALSE", "NULL"};
    switch (field->constant) {
    case FCT_GEN_ALWAYS_TEXT:
        fct_gen_put(out, "            factum_typed_is_text(in, object.value, ");
        fct_gen_put_literal(out, field->value);
        fct_gen_put(out, ", %zu);\n", field->value.len);
        break;
    case FCT_GEN_ALWAYS_NUMBER:
        fct_gen_put(out, "            factum_typed_is_number(in, object.value, ");
        fct_gen_put_literal(out, field->value);
        fct_gen_put(out, ");\n");
        break;
    case FCT_GEN_ALWAYS_TRUE:
    case FCT_GEN_ALWAYS_FALSE:
    case FCT_GEN_ALWAYS_NULL:
        fct_gen_put(out, "            factum_typed_is_kind(in, object.value, FACTUM_JSON_%s);\n",
                    kinds[field->constant]);
        break;
    case FCT_GEN_VARIABLE:
        FCT_ASSERT(false);
        break;
    }
}

static void put_read_field(struct fct_gen_out *out, const struct fct_gen_field *field,
                           unsigned number)
{
    char place[PLACE_SIZE];
    (void)snprintf(place, sizeof place, "to->%s", field->name);
    fct_gen_put(out, "        case %u:\n", number);
    if (!field->required) {
        fct_gen_put(out, "            to->has_%s = true;\n", field->name);
    }
    if (field->constant != FCT_GEN_VARIABLE) {
        put_check_constant(out, field);
    } else if (field->use.nullable) {
        fct_gen_put(out,
                    "            %s_is_null = factum_typed_is_null(in, object.value);\n"
                    "            if (!%s_is_null) {\n",
                    place, place);
        put_read(out, 16, &field->use, "object.value", place);
        fct_gen_put(out, "            }\n");
    } else {
        put_read(out, 12, &field->use, "object.value", place);
    }
    fct_gen_put(out, "            break;\n");
}

static void put_member_table(struct fct_gen_out *out, const struct fct_gen_type *type)
{
    fct_gen_put(out, "    static const factum_typed_name names[] = {\n");
    for (const struct fct_gen_field *field = type->fields; field != NULL; field = field->next) {
        put_name_row(out, field->json, field->required ? "true" : "false");
    }
    fct_gen_put(out,
                "    };\n"
                "    factum_typed_object object = factum_typed_members(in, value, names, %u);\n"
                "    for (int found; (found = factum_typed_next(&object)) != FACTUM_TYPED_END;) {\n"
                "        switch (found) {\n",
                (unsigned)type->field_count);
    unsigned number = 0;
    for (const struct fct_gen_field *field = type->fields; field != NULL; field = field->next) {
        put_read_field(out, field, number++);
    }
    fct_gen_put(out, "        default:%s\n            break;\n        }\n    }\n",
                type->rest == FCT_GEN_REST_DROPPED ? " /* a member that the schema does not name */"
                                                   : "");
}

/* Does the type have a C member, for which |to| and |from| are needed? */
static bool has_members(const struct fct_gen_type *type)
{
    for (const struct fct_gen_field *field = type->fields; field != NULL; field = field->next) {
        if (field->constant == FCT_GEN_VARIABLE || !field->required) {
            return true;
        }
    }
    return type->rest != FCT_GEN_REST_DROPPED;
}

static void put_read_struct(struct fct_gen_out *out, const struct fct_gen_type *type)
{
    char place[PLACE_SIZE];
    begin_read(out, type);
    if (type->field_count > 0) {
        put_member_table(out, type);
    } else {
        fct_gen_put(out, "    factum_typed_object object = factum_typed_members(in, value, NULL, "
                         "0);\n");
    }
    if (type->rest == FCT_GEN_REST_KEPT) {
        fct_gen_put(out, "    factum_typed_keep(&object, &to->%s);\n", type->rest_name);
    } else if (type->rest == FCT_GEN_REST_TYPED) {
        (void)snprintf(place, sizeof place, "to->%s", type->rest_name);
        put_read_entries(out, type, place);
    } else if (type->field_count == 0) {
        fct_gen_put(out, "    (void)object; /* it is an object: nothing else is asked */\n");
    }
    fct_gen_put(out, "%s}\n\n", has_members(type) ? "" : "    (void)to;\n");
}

static void put_constant(struct fct_gen_out *out, unsigned indent,
                         const struct fct_gen_field *field)
{
    int i = (int)indent;
    switch (field->constant) {
    case FCT_GEN_ALWAYS_TEXT:
        fct_gen_put(out, "%*sfactum_typed_put_literal(to, ", i, "");
        fct_gen_put_literal(out, field->value);
        fct_gen_put(out, ", %zu);\n", field->value.len);
        break;
    case FCT_GEN_ALWAYS_NUMBER:
        fct_gen_put(out, "%*sfactum_json_put_number(to, factum_slice_from(", i, "");
        fct_gen_put_literal(out, field->value);
        fct_gen_put(out, "));\n");
        break;
    case FCT_GEN_ALWAYS_TRUE:
    case FCT_GEN_ALWAYS_FALSE:
        fct_gen_put(out, "%*sfactum_json_put_bool(to, %s);\n", i, "",
                    field->constant == FCT_GEN_ALWAYS_TRUE ? "true" : "false");
        break;
    case FCT_GEN_ALWAYS_NULL:
        fct_gen_put(out, "%*sfactum_json_put_null(to);\n", i, "");
        break;
    case FCT_GEN_VARIABLE:
        FCT_ASSERT(false);
        break;
    }
}

static void put_print_field(struct fct_gen_out *out, const struct fct_gen_field *field)
{
    char place[PLACE_SIZE];
    unsigned indent = field->required ? 4 : 8;
    (void)snprintf(place, sizeof place, "from->%s", field->name);
    if (!field->required) {
        fct_gen_put(out, "    if (from->has_%s) {\n", field->name);
    }
    fct_gen_put(out, "%*sfactum_json_put_name(to, ", (int)indent, "");
    fct_gen_put_literal(out, field->json);
    fct_gen_put(out, ", %zu);\n", field->json.len);
    if (field->constant != FCT_GEN_VARIABLE) {
        put_constant(out, indent, field);
    } else if (field->use.nullable) {
        fct_gen_put(out, "%*sif (%s_is_null) {\n%*s    factum_json_put_null(to);\n%*s} else {\n",
                    (int)indent, "", place, (int)indent, "", (int)indent, "");
        put_print(out, indent + 4, &field->use, place);
        fct_gen_put(out, "%*s}\n", (int)indent, "");
    } else {
        put_print(out, indent, &field->use, place);
    }
    fct_gen_put(out, field->required ? "" : "    }\n");
}

static void put_print_struct(struct fct_gen_out *out, const struct fct_gen_type *type)
{
    char place[PLACE_SIZE];
    begin_print(out, type);
    fct_gen_put(out, has_members(type) ? "" : "    (void)from;\n");
    fct_gen_put(out, "    factum_json_put_object(to);\n");
    for (const struct fct_gen_field *field = type->fields; field != NULL; field = field->next) {
        put_print_field(out, field);
    }
    (void)snprintf(place, sizeof place, "from->%s", type->rest_name == NULL ? "" : type->rest_name);
    if (type->rest == FCT_GEN_REST_KEPT) {
        fct_gen_put(out, "    factum_typed_put_members(to, &%s);\n", place);
    } else if (type->rest == FCT_GEN_REST_TYPED) {
        put_print_entries(out, type, place);
    }
    fct_gen_put(out, "    factum_json_put_end(to);\n}\n\n");
}

/* ---- unions ---------------------------------------------------------------------------------- */

static void put_union(struct fct_gen_out *out, const struct fct_gen_type *type)
{
    char place[PLACE_SIZE];
    unsigned number = 0;
    begin_read(out, type);
    put_choice_table(out, type);
    fct_gen_put(out, "    switch (factum_typed_variant(in, value, ");
    fct_gen_put_literal(out, type->tag);
    fct_gen_put(out, ", names, %u)) {\n", (unsigned)type->choice_count);
    for (const struct fct_gen_choice *choice = type->choices; choice != NULL;
         choice = choice->next) {
        (void)snprintf(place, sizeof place, "to->as.%s", choice->member);
        fct_gen_put(out, "    case %u:\n        to->variant = %s;\n", number++, choice->enumerator);
        put_read(out, 8, &choice->use, "value", place);
        fct_gen_put(out, "        break;\n");
    }
    fct_gen_put(out,
                "    default:\n        to->variant = %s;\n"
                "        factum_typed_json(in, value, &to->as.unknown);\n        break;\n    }\n}"
                "\n\n",
                type->unknown);
    begin_print(out, type);
    fct_gen_put(out, "    switch (from->variant) {\n");
    for (const struct fct_gen_choice *choice = type->choices; choice != NULL;
         choice = choice->next) {
        (void)snprintf(place, sizeof place, "from->as.%s", choice->member);
        fct_gen_put(out, "    case %s:\n", choice->enumerator);
        put_print(out, 8, &choice->use, place);
        fct_gen_put(out, "        break;\n");
    }
    fct_gen_put(out,
                "    case %s:\n    default:\n"
                "        factum_json_put_raw(to, from->as.unknown);\n        break;\n    }\n}\n\n",
                type->unknown);
}

/* ---- types ----------------------------------------------------------------------------------- */

static void put_new(struct fct_gen_out *out, const struct fct_gen_type *type)
{
    fct_gen_put(out,
                "static const %s *new_%s(factum_typed_reader *in, uint32_t value)\n{\n"
                "    %s *to = (%s *)factum_typed_take(in, sizeof *to);\n"
                "    if (to != NULL) {\n        read_%s(in, value, to);\n    }\n"
                "    return to;\n}\n\n",
                type->name, type->name, type->name, type->name, type->name);
}

static void put_type(struct fct_gen_out *out, const struct fct_gen_type *type)
{
    switch (type->kind) {
    case FCT_GEN_ENUM:
        put_enum(out, type);
        break;
    case FCT_GEN_LIST:
        put_list(out, type);
        break;
    case FCT_GEN_MAP:
        put_map(out, type);
        break;
    case FCT_GEN_BOX:
        put_box(out, type);
        break;
    case FCT_GEN_STRUCT:
        put_read_struct(out, type);
        put_print_struct(out, type);
        break;
    case FCT_GEN_UNION:
        put_union(out, type);
        break;
    case FCT_GEN_JSON:
    case FCT_GEN_TEXT:
    case FCT_GEN_NUMBER:
    case FCT_GEN_INT64:
    case FCT_GEN_UINT64:
    case FCT_GEN_BOOL:
        break;
    }
    if (type->pointed) {
        put_new(out, type);
    }
}

/* Declares the functions of recursive types. */
static void put_prototypes(const struct fct_gen *gen, struct fct_gen_out *out)
{
    bool any = false;
    for (const struct fct_gen_type *type = gen->first; type != NULL; type = type->next) {
        const char *name = type->name;
        if (!type->used || !type->forward) {
            continue;
        }
        any = true;
        put_read_head(out, type, ";");
        put_print_head(out, type, ";");
        if (type->pointed) {
            fct_gen_put(out, "static const %s *new_%s(factum_typed_reader *in, uint32_t value);\n",
                        name, name);
        }
    }
    fct_gen_put(out, any ? "\n" : "");
}

/* ---- the events ------------------------------------------------------------------------------ */

static void put_type_names(const struct fct_gen *gen, struct fct_gen_out *out)
{
    fct_gen_put(out,
                "/* in the order of %s_event_type, which begins with 1 */\n"
                "static const factum_typed_name type_names[] = {\n",
                gen->prefix);
    for (size_t i = 0; i < gen->doc_count; i++) {
        fct_gen_put(out, "    {");
        fct_gen_put_literal(out, gen->docs[i].type);
        fct_gen_put(out, ", %zu, false},\n", gen->docs[i].type.len);
    }
    fct_gen_put(out, "};\n\n");
    fct_gen_put(out,
                "factum_slice %s_event_type_name(%s_event_type type)\n{\n"
                "    return factum_typed_name_at(type_names, %zu, (uint32_t)type);\n}\n\n",
                gen->prefix, gen->prefix, gen->doc_count);
    fct_gen_put(out,
                "%s_event_type %s_event_type_of(factum_slice name)\n{\n"
                "    return (%s_event_type)(factum_typed_find(name, type_names, %zu) + 1);\n}\n\n",
                gen->prefix, gen->prefix, gen->prefix, gen->doc_count);
}

/* |in| is a struct here, and a pointer in all other functions. */
static void put_parse(const struct fct_gen *gen, struct fct_gen_out *out)
{
    char place[PLACE_SIZE];
    fct_gen_put(out,
                "static void read_event(factum_typed_reader *in, %s_event *event)\n{\n"
                "    switch (event->type) {\n",
                gen->prefix);
    for (size_t i = 0; i < gen->doc_count; i++) {
        (void)snprintf(place, sizeof place, "event->as.%s", gen->docs[i].member);
        fct_gen_put(out, "    case %s:\n", gen->docs[i].enumerator);
        put_read(out, 8, &gen->docs[i].use, "FACTUM_JSON_ROOT", place);
        fct_gen_put(out, "        break;\n");
    }
    fct_gen_put(out, "    }\n}\n\n");
    fct_gen_put(out,
                "factum_status %s_event_parse(factum_slice type, const factum_json *data,\n"
                "    factum_arena *arena, %s_event *event, factum_error *err)\n{\n"
                "    factum_typed_reader in = factum_typed_reader_of(data, arena, err);\n"
                "    memset(event, 0, sizeof *event);\n"
                "    int found = factum_typed_find(type, type_names, %zu);\n"
                "    if (found < 0) {\n"
                "        return factum_typed_no_type(&in, type, ",
                gen->prefix, gen->prefix, gen->doc_count);
    fct_gen_put_literal(out, factum_slice_from(gen->prefix));
    fct_gen_put(out,
                ");\n    }\n    event->type = (%s_event_type)(found + 1);\n"
                "    read_event(&in, event);\n"
                "    if (factum_typed_finish(&in) != FACTUM_OK) {\n"
                "        event->type = (%s_event_type)0;\n    }\n"
                "    return factum_typed_finish(&in);\n}\n\n",
                gen->prefix, gen->prefix);
}

static void put_print_event(const struct fct_gen *gen, struct fct_gen_out *out)
{
    char place[PLACE_SIZE];
    fct_gen_put(out,
                "factum_slice %s_event_print(const %s_event *event, factum_json_writer *to)\n{\n",
                gen->prefix, gen->prefix);
    fct_gen_put(out, "    switch (event->type) {\n");
    for (size_t i = 0; i < gen->doc_count; i++) {
        (void)snprintf(place, sizeof place, "event->as.%s", gen->docs[i].member);
        fct_gen_put(out, "    case %s:\n", gen->docs[i].enumerator);
        put_print(out, 8, &gen->docs[i].use, place);
        fct_gen_put(out, "        break;\n");
    }
    fct_gen_put(out,
                "    default:\n        factum_json_writer_fail(to, FACTUM_INVALID, \"an event "
                "without a type\");\n        break;\n    }\n    return "
                "%s_event_type_name(event->type);\n}\n",
                gen->prefix);
}

void fct_gen_write_source(const struct fct_gen *gen, struct fct_gen_out *out)
{
    fct_gen_put(out, "%s", FACTUM_GENERATE_FIRST_LINE);
    fct_gen_put(out, "/* %s.gen.c - see %s.gen.h. */\n#include \"%s.gen.h\"\n\n", gen->prefix,
                gen->prefix, gen->prefix);
    fct_gen_put(out, "#include <string.h>\n\n");
    put_prototypes(gen, out);
    for (const struct fct_gen_type *type = gen->first; type != NULL; type = type->next) {
        if (type->used) {
            put_type(out, type);
        }
    }
    put_type_names(gen, out);
    put_parse(gen, out);
    put_print_event(gen, out);
}
