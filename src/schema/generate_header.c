/* generate_header.c - the header of a category: its types and the union of its events. Layer:
 * schema. */
#include "schema/generate_out_int.h"

#include <stdio.h>
#include <string.h>

#include "core/slice.h"

#define CODE_SIZE 512
#define REMARK_SIZE 4096

const char *fct_gen_c_type(const struct fct_gen_type *type)
{
    switch (type->kind) {
    case FCT_GEN_JSON:
    case FCT_GEN_TEXT:
    case FCT_GEN_NUMBER:
        return "factum_slice";
    case FCT_GEN_INT64:
        return "int64_t";
    case FCT_GEN_UINT64:
        return "uint64_t";
    case FCT_GEN_BOOL:
        return "bool";
    case FCT_GEN_ENUM:
    case FCT_GEN_LIST:
    case FCT_GEN_MAP:
    case FCT_GEN_BOX:
    case FCT_GEN_STRUCT:
    case FCT_GEN_UNION:
        return type->name;
    }
    return type->name;
}

/* ---- members --------------------------------------------------------------------------------- */

/* What a comment must add, because the C type of the value does not show it. */
static const char *hint_of(const struct fct_gen_use *use)
{
    switch (use->type->kind) {
    case FCT_GEN_JSON:
        return "JSON as it stands";
    case FCT_GEN_NUMBER:
        return "a number as it stands";
    case FCT_GEN_TEXT:
    case FCT_GEN_INT64:
    case FCT_GEN_UINT64:
    case FCT_GEN_BOOL:
    case FCT_GEN_ENUM:
    case FCT_GEN_LIST:
    case FCT_GEN_MAP:
    case FCT_GEN_BOX:
    case FCT_GEN_STRUCT:
    case FCT_GEN_UNION:
        break;
    }
    return "";
}

/* A comment in parts; what does not fit is left out. */
struct remark {
    char text[REMARK_SIZE];
    size_t len;
};

static void add_remark(struct remark *remark, factum_slice text)
{
    if (text.len > 0 && remark->len + 2 + text.len < sizeof remark->text) {
        if (remark->len > 0) {
            bool ended = strchr(".:!?", remark->text[remark->len - 1]) != NULL;
            memcpy(remark->text + remark->len, ended ? "  " : "; ", 2);
            remark->len += 2;
        }
        memcpy(remark->text + remark->len, text.ptr, text.len);
        remark->len += text.len;
    }
}

/* Adds the name in the JSON, if C has another one. */
static void add_name_remark(struct remark *remark, factum_slice json, const char *name)
{
    if (!fct_slice_equal(json, factum_slice_from(name))) {
        char text[FACTUM_GENERATE_NAME_SIZE_MAX + 16];
        int len =
            snprintf(text, sizeof text, "\"%.*s\" in JSON", (int)json.len, (const char *)json.ptr);
        add_remark(remark, fct_slice(text, (size_t)len < sizeof text ? (size_t)len : 0));
    }
}

static void add_use_remark(struct remark *remark, const struct fct_gen_use *use)
{
    char text[CODE_SIZE];
    const char *hint = hint_of(use);
    const char *why = use->remark == NULL ? "" : use->remark;
    (void)snprintf(text, sizeof text, "%s%s%s", hint, hint[0] != '\0' && why[0] != '\0' ? ": " : "",
                   why);
    add_remark(remark, factum_slice_from(text));
}

static void declare_member(struct fct_gen_out *out, const struct fct_gen_use *use, const char *name,
                           const struct remark *remark)
{
    char code[CODE_SIZE];
    (void)snprintf(code, sizeof code, "%s%s %s%s;", use->pointer ? "const " : "",
                   fct_gen_c_type(use->type), use->pointer ? "*" : "", name);
    fct_gen_put_line(out, 4, code, fct_slice(remark->text, remark->len));
}

static void declare_flag(struct fct_gen_out *out, const char *before, const char *name,
                         const char *after)
{
    fct_gen_put(out, "    bool %s%s%s;\n", before, name, after);
}

/* A constant member needs no place. Only its presence is declared, if it may be absent. */
static void declare_constant(struct fct_gen_out *out, const struct fct_gen_field *field)
{
    static const char *const words[] = {"", "", "", "true", "false", "null"};
    struct remark remark = {.len = 0};
    char text[FACTUM_GENERATE_NAME_SIZE_MAX + CODE_SIZE];
    bool is_text = field->constant == FCT_GEN_ALWAYS_TEXT;
    bool is_word = !is_text && field->constant != FCT_GEN_ALWAYS_NUMBER;
    factum_slice value = is_word ? factum_slice_from(words[field->constant]) : field->value;
    int len = snprintf(text, sizeof text, "%s is %s%.*s%s", field->name, is_text ? "\"" : "",
                       (int)value.len, (const char *)value.ptr, is_text ? "\"" : "");
    add_name_remark(&remark, field->json, field->name);
    add_remark(&remark, fct_slice(text, (size_t)len < sizeof text ? (size_t)len : 0));
    add_remark(&remark, field->note);
    if (field->required) {
        fct_gen_put_comment(out, 4, fct_slice(remark.text, remark.len));
        return;
    }
    (void)snprintf(text, sizeof text, "bool has_%s;", field->name);
    fct_gen_put_line(out, 4, text, fct_slice(remark.text, remark.len));
}

static void declare_field(struct fct_gen_out *out, const struct fct_gen_field *field)
{
    struct remark remark = {.len = 0};
    if (field->constant != FCT_GEN_VARIABLE) {
        declare_constant(out, field);
        return;
    }
    if (!field->required) {
        declare_flag(out, "has_", field->name, "");
    }
    if (field->use.nullable) {
        declare_flag(out, "", field->name, "_is_null");
    }
    add_name_remark(&remark, field->json, field->name);
    add_remark(&remark, field->note);
    add_use_remark(&remark, &field->use);
    declare_member(out, &field->use, field->name, &remark);
}

/* ---- types ----------------------------------------------------------------------------------- */

/* Prints "typedef struct x {", or "struct x {" if the name was declared before. */
static void begin_struct(struct fct_gen_out *out, const struct fct_gen_type *type)
{
    fct_gen_put_comment(out, 0, type->note);
    fct_gen_put(out, "%sstruct %s {\n", type->forward ? "" : "typedef ", type->name);
}

static void end_struct(struct fct_gen_out *out, const struct fct_gen_type *type)
{
    fct_gen_put(out, type->forward ? "};\n\n" : "} %s;\n\n", type->name);
}

static void declare_value(struct fct_gen_out *out, const struct fct_gen_use *use, const char *name)
{
    struct remark remark = {.len = 0};
    add_use_remark(&remark, use);
    declare_member(out, use, name, &remark);
}

static void define_entry(struct fct_gen_out *out, const struct fct_gen_type *type)
{
    fct_gen_put(out, "typedef struct %s {\n    factum_slice name;\n", type->part);
    declare_value(out, &type->item, "value");
    fct_gen_put(out, "} %s;\n\n", type->part);
}

static bool is_empty(const struct fct_gen_type *type)
{
    for (const struct fct_gen_field *field = type->fields; field != NULL; field = field->next) {
        if (field->constant == FCT_GEN_VARIABLE || !field->required) {
            return false;
        }
    }
    return type->rest == FCT_GEN_REST_DROPPED;
}

static void define_struct(struct fct_gen_out *out, const struct fct_gen_type *type)
{
    if (type->rest == FCT_GEN_REST_TYPED) {
        define_entry(out, type);
    }
    begin_struct(out, type);
    for (const struct fct_gen_field *field = type->fields; field != NULL; field = field->next) {
        declare_field(out, field);
    }
    if (type->rest == FCT_GEN_REST_KEPT) {
        fct_gen_put(out, "    factum_members %s; /* members that the schema does not name */\n",
                    type->rest_name);
    } else if (type->rest == FCT_GEN_REST_TYPED) {
        fct_gen_put(out,
                    "    struct {\n        const %s *items;\n        size_t count;\n"
                    "    } %s; /* members that the schema does not name */\n",
                    type->part, type->rest_name);
    } else if (is_empty(type)) {
        fct_gen_put(out, "    char nothing; /* C has no empty struct */\n");
    }
    end_struct(out, type);
}

static void define_choices(struct fct_gen_out *out, const struct fct_gen_type *type,
                           const char *unknown)
{
    char code[CODE_SIZE];
    fct_gen_put(out, "typedef enum %s {\n    %s, /* %s */\n", type->part, type->unknown, unknown);
    for (const struct fct_gen_choice *choice = type->choices; choice != NULL;
         choice = choice->next) {
        char text[FACTUM_GENERATE_NAME_SIZE_MAX + 8];
        int len = snprintf(text, sizeof text, "\"%.*s\"", (int)choice->json.len,
                           (const char *)choice->json.ptr);
        (void)snprintf(code, sizeof code, "%s%s", choice->enumerator,
                       choice->next == NULL ? "" : ",");
        fct_gen_put_line(out, 4, code, fct_slice(text, len < 0 ? 0 : (size_t)len));
    }
    fct_gen_put(out, "} %s;\n\n", type->part);
}

static void define_enum(struct fct_gen_out *out, const struct fct_gen_type *type)
{
    define_choices(out, type, "a text that the schema did not name");
    begin_struct(out, type);
    fct_gen_put(
        out,
        "    %s value;\n"
        "    factum_slice text; /* as in the event; printed only if |value| is unknown */\n",
        type->part);
    end_struct(out, type);
}

static void define_union(struct fct_gen_out *out, const struct fct_gen_type *type)
{
    char code[CODE_SIZE];
    char text[FACTUM_GENERATE_NAME_SIZE_MAX + 16];
    int len = snprintf(text, sizeof text, "told by \"%.*s\"", (int)type->tag.len,
                       (const char *)type->tag.ptr);
    define_choices(out, type, "a variant that the schema did not name");
    begin_struct(out, type);
    (void)snprintf(code, sizeof code, "%s variant;", type->part);
    fct_gen_put_line(out, 4, code, fct_slice(text, len < 0 ? 0 : (size_t)len));
    fct_gen_put(out, "    union {\n        factum_slice unknown; /* JSON as it stands */\n");
    for (const struct fct_gen_choice *choice = type->choices; choice != NULL;
         choice = choice->next) {
        fct_gen_put(out, "        %s%s %s%s;\n", choice->use.pointer ? "const " : "",
                    choice->use.type->name, choice->use.pointer ? "*" : "", choice->member);
    }
    fct_gen_put(out, "    } as;\n");
    end_struct(out, type);
}

static void define_list(struct fct_gen_out *out, const struct fct_gen_type *type, const char *item)
{
    begin_struct(out, type);
    fct_gen_put(out, "    const %s *items;\n    size_t count;\n", item);
    end_struct(out, type);
}

static void define_box(struct fct_gen_out *out, const struct fct_gen_type *type)
{
    begin_struct(out, type);
    fct_gen_put(out, "    bool is_null;\n");
    declare_value(out, &type->item, "value");
    end_struct(out, type);
}

static void define_type(struct fct_gen_out *out, const struct fct_gen_type *type)
{
    switch (type->kind) {
    case FCT_GEN_ENUM:
        define_enum(out, type);
        break;
    case FCT_GEN_LIST:
        define_list(out, type, fct_gen_c_type(type->item.type));
        break;
    case FCT_GEN_MAP:
        define_entry(out, type);
        define_list(out, type, type->part);
        break;
    case FCT_GEN_BOX:
        define_box(out, type);
        break;
    case FCT_GEN_STRUCT:
        define_struct(out, type);
        break;
    case FCT_GEN_UNION:
        define_union(out, type);
        break;
    case FCT_GEN_JSON:
    case FCT_GEN_TEXT:
    case FCT_GEN_NUMBER:
    case FCT_GEN_INT64:
    case FCT_GEN_UINT64:
    case FCT_GEN_BOOL:
        break;
    }
}

/* ---- the events ------------------------------------------------------------------------------ */

static void define_event_enum(const struct fct_gen *gen, struct fct_gen_out *out)
{
    char code[CODE_SIZE];
    fct_gen_put(out, "typedef enum %s_event_type {\n", gen->prefix);
    for (size_t i = 0; i < gen->doc_count; i++) {
        const struct fct_gen_doc *doc = &gen->docs[i];
        (void)snprintf(code, sizeof code, "%s%s%s", doc->enumerator, i == 0 ? " = 1" : "",
                       i + 1 == gen->doc_count ? "" : ",");
        fct_gen_put_line(out, 4, code, doc->type);
    }
    fct_gen_put(out, "} %s_event_type;\n\n", gen->prefix);
}

static void define_event(const struct fct_gen *gen, struct fct_gen_out *out)
{
    fct_gen_put(out, "/* One event of the category. */\ntypedef struct %s_event {\n", gen->prefix);
    fct_gen_put(out, "    %s_event_type type;\n    union {\n", gen->prefix);
    for (size_t i = 0; i < gen->doc_count; i++) {
        const struct fct_gen_use *use = &gen->docs[i].use;
        fct_gen_put(out, "        %s%s %s%s;\n", use->pointer ? "const " : "",
                    fct_gen_c_type(use->type), use->pointer ? "*" : "", gen->docs[i].member);
    }
    fct_gen_put(out, "    } as;\n} %s_event;\n\n", gen->prefix);
}

static void declare_functions(const struct fct_gen *gen, struct fct_gen_out *out)
{
    const char *p = gen->prefix;
    fct_gen_put(
        out, "/* The data of an event of |type|. Its texts are slices of data->text or lie in "
             "|arena|, as do\n * lists: *event lasts as long as both. NOT_FOUND: no such type in "
             "this file. INVALID: the data\n * does not fit; the text of |err| begins with its "
             "place, a JSON pointer. TOO_BIG: the arena's\n * maximum. NO_MEMORY. After a failure "
             "event->type is 0. */\n");
    fct_gen_put(out,
                "factum_status %s_event_parse(factum_slice type, const factum_json *data,\n"
                "    factum_arena *arena, %s_event *event, factum_error *err);\n\n",
                p, p);
    fct_gen_put(out,
                "/* Prints the data of the event and returns the name of its type;\n"
                " * factum_json_writer_finish says whether it could. As factum_decider.print. */\n"
                "factum_slice %s_event_print(const %s_event *event, factum_json_writer *to);\n\n",
                p, p);
    fct_gen_put(out, "/* The name of the type in the store, static; empty if it is no type. */\n");
    fct_gen_put(out, "factum_slice %s_event_type_name(%s_event_type type);\n\n", p, p);
    fct_gen_put(out,
                "/* The type with that name; 0 if there is none. */\n"
                "%s_event_type %s_event_type_of(factum_slice name);\n\n",
                p, p);
}

/* Declares types that are used before they can be defined. */
static void declare_forwards(const struct fct_gen *gen, struct fct_gen_out *out)
{
    bool any = false;
    for (const struct fct_gen_type *type = gen->first; type != NULL; type = type->next) {
        if (type->used && type->forward) {
            fct_gen_put(out, "typedef struct %s %s;\n", type->name, type->name);
            any = true;
        }
    }
    fct_gen_put(out, any ? "\n" : "");
}

static void put_opening(const struct fct_gen *gen, struct fct_gen_out *out)
{
    char text[FACTUM_GENERATE_NAME_SIZE_MAX + 256];
    (void)snprintf(text, sizeof text, "%s.gen.h - the events of category %.*s, as C types.",
                   gen->prefix, (int)gen->category.len, (const char *)gen->category.ptr);
    fct_gen_put(out, "%s", FACTUM_GENERATE_MARK);
    fct_gen_put_comment(out, 0, factum_slice_from(text));
    fct_gen_put(out, "#ifndef %s_GEN_H\n#define %s_GEN_H\n\n", gen->upper, gen->upper);
    fct_gen_put(out, "#include <factum/typed.h>\n\n"
                     "/* A switch over the types without a default has to name them all. */\n"
                     "#if defined(__GNUC__)\n#pragma GCC diagnostic error \"-Wswitch\"\n#endif\n\n"
                     "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
}

void fct_gen_write_header(const struct fct_gen *gen, struct fct_gen_out *out)
{
    put_opening(gen, out);
    declare_forwards(gen, out);
    for (const struct fct_gen_type *type = gen->first; type != NULL; type = type->next) {
        if (type->used) {
            define_type(out, type);
        }
    }
    define_event_enum(gen, out);
    define_event(gen, out);
    declare_functions(gen, out);
    fct_gen_put(out, "#ifdef __cplusplus\n}\n#endif\n#endif\n");
}
