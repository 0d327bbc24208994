/* load.c - documents: parsed, their subschemas found, their URIs and anchors recorded. Layer:
 * schema.
 *
 * A walk over the keywords that contain subschemas finds those of a document, so "properties"
 * inside "const" or "enum" is data. It does not know the meaning of keywords.
 *
 * Invariants:
 * 1. rule_of[node] is a rule if and only if the walk has seen the node as a subschema.
 * 2. A rule's resource is the nearest one around it; its draft is that of the resource.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "schema/build_int.h"
#include "schema/keywords.h"
#include "schema/metaschema.h"
#include "schema/uri.h"
#include "schema/value.h"

/* A subschema to visit. */
struct todo {
    uint32_t node, resource;
    uint32_t draft;
};

/* The current subschema. */
struct visit {
    struct fct_place place;
    const factum_json *json;
    uint32_t resource, rule;
    uint8_t draft;
    bool root; /* of its document */
};

/* ---- errors ---------------------------------------------------------------------------------- */

factum_status fct_build_fail(struct fct_build *build, struct fct_place place, factum_status status,
                             const char *format, ...)
{
    char pointer[160];
    char text[240];
    va_list args;
    const struct fct_document *document = fct_document_at(build->program, place.document);
    factum_slice uri = fct_names_text(&build->program->places, document->uri);
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is, the line before */
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    pointer[0] = '\0';
    if (document->json.count > place.node) {
        (void)factum_json_pointer(&document->json, place.node, pointer, sizeof pointer);
    }
    return fct_fail(build->err, status, "%.*s#%s: %s", FCT_FMT(uri), pointer, text);
}

factum_status fct_build_no_room(struct fct_build *build, factum_status status)
{
    return fct_fail(build->err, status,
                    status == FACTUM_NO_MEMORY ? "out of memory"
                                               : "the schema is too big once it is compiled");
}

const char *fct_kind_text(uint8_t kind)
{
    static const char *const texts[] = {"null",     "false",    "true",     "a number",
                                        "a string", "an array", "an object"};
    return kind < sizeof texts / sizeof texts[0] ? texts[kind] : "";
}

/* ---- documents ------------------------------------------------------------------------------- */

static struct fct_document *document_of(struct fct_build *build, uint32_t document)
{
    return FCT_AT(build->program->documents, struct fct_document, document);
}

static struct fct_resource *resource_of(struct fct_build *build, uint32_t resource)
{
    return FCT_AT(build->program->resources, struct fct_resource, resource);
}

static factum_status copy_text(struct fct_build *build, struct fct_document *document,
                               factum_slice text)
{
    document->text = fct_mem_alloc(build->program->mem, text.len + 1);
    if (document->text == NULL) {
        return fct_build_no_room(build, FACTUM_NO_MEMORY);
    }
    memcpy(document->text, text.ptr, text.len);
    document->json.text = fct_slice(document->text, text.len);
    return FACTUM_OK;
}

factum_status fct_load_add(struct fct_build *build, factum_slice uri, factum_slice text,
                           bool builtin, uint32_t *document)
{
    struct fct_program *program = build->program;
    struct fct_document fresh = {.builtin = builtin, .json = {.text = text}};
    uint32_t number = FCT_COUNT_OF(program->documents, struct fct_document);
    if (text.len > program->limits.size_max) {
        return fct_fail(build->err, FACTUM_TOO_BIG,
                        "the schema %.*s has %zu bytes: over the limit of %zu", FCT_FMT(uri),
                        text.len, program->limits.size_max);
    }
    factum_status status = fct_names_add(&program->places, uri, &fresh.uri);
    if (status == FACTUM_OK && fct_names_at(&program->places, fresh.uri)->more != 0) {
        return fct_fail(build->err, FACTUM_INVALID, "the document %.*s is given twice",
                        FCT_FMT(uri));
    }
    if (status == FACTUM_OK && !builtin) {
        status = copy_text(build, &fresh, text);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    if (status == FACTUM_OK) {
        status = fct_buf_add(&program->documents, &fresh, sizeof fresh);
    }
    if (status != FACTUM_OK) {
        fct_mem_free(program->mem, fresh.text);
        return fct_build_no_room(build, status);
    }
    fct_names_at(&program->places, fresh.uri)->more = number + 1;
    *document = number;
    return FACTUM_OK;
}

/* Parses the document, and allocates the rules of its nodes. */
static factum_status parse(struct fct_build *build, struct fct_document *document)
{
    const struct fct_mem *mem = build->program->mem;
    factum_slice uri = fct_names_text(&build->program->places, document->uri);
    factum_json_options options = {.size = sizeof options};
    size_t room = factum_json_nodes_max(document->json.text.len);
    size_t size = sizeof(factum_json_node);
    document->nodes = fct_mem_zalloc(mem, room, size);
    if (document->nodes == NULL) {
        return fct_build_no_room(build, FACTUM_NO_MEMORY);
    }
    factum_status status = factum_json_parse(document->json.text, &options, document->nodes, room,
                                             &document->json, build->err);
    if (status != FACTUM_OK) {
        return fct_wrap(build->err, status, "%.*s", uri.len > 0 ? fct_fmt_size(uri) : 10,
                        uri.len > 0 ? (const char *)uri.ptr : "the schema");
    }
    factum_json_node *fit = fct_mem_resize(mem, document->nodes, document->json.count * size);
    document->nodes = fit == NULL ? document->nodes : fit;
    document->json.nodes = document->nodes;
    document->rule_of = fct_mem_zalloc(mem, document->json.count, sizeof(uint32_t));
    if (document->rule_of == NULL) {
        return fct_build_no_room(build, FACTUM_NO_MEMORY);
    }
    memset(document->rule_of, 0xff, document->json.count * sizeof(uint32_t));
    return FACTUM_OK;
}

/* ---- texts, URIs, anchors -------------------------------------------------------------------- */

factum_status fct_load_text(struct fct_build *build, struct fct_place place, factum_slice *text)
{
    const factum_json *json = &fct_document_at(build->program, place.document)->json;
    struct fct_text raw = fct_value_text(json, place.node);
    bool lone;
    *text = raw.raw;
    if (!raw.escaped) {
        return FACTUM_OK;
    }
    fct_buf_clear(&build->text);
    factum_status status = fct_buf_reserve(&build->text, raw.raw.len + 1);
    if (status != FACTUM_OK) {
        return fct_build_no_room(build, status);
    }
    *text = fct_slice(build->text.ptr, fct_text_plain(raw, build->text.ptr, &lone));
    return lone ? fct_build_fail(build, place, FACTUM_INVALID, "has half of a surrogate pair")
                : FACTUM_OK;
}

factum_status fct_load_anchor(struct fct_build *build, uint32_t resource, factum_slice anchor,
                              uint32_t *entry)
{
    struct fct_names *places = &build->program->places;
    fct_buf_clear(&build->uri);
    factum_status status =
        fct_buf_add_slice(&build->uri, fct_names_text(places, resource_of(build, resource)->uri));
    if (status == FACTUM_OK) {
        status = fct_buf_add_text(&build->uri, "#");
    }
    if (status == FACTUM_OK) {
        status = fct_buf_add_slice(&build->uri, anchor);
    }
    if (status == FACTUM_OK) {
        status = fct_names_add(places, fct_buf_slice(&build->uri), entry);
    }
    return status == FACTUM_OK ? FACTUM_OK : fct_build_no_room(build, status);
}

/* The text of a keyword whose value must be one. */
static factum_status take_text(struct fct_build *build, const struct visit *visit, uint32_t node,
                               factum_slice *text)
{
    struct fct_place place = {visit->place.document, node};
    uint8_t kind = visit->json->nodes[node].kind;
    if (kind != FACTUM_JSON_TEXT) {
        return fct_build_fail(build, place, FACTUM_INVALID, "must be a string, but is %s",
                              fct_kind_text(kind));
    }
    return fct_load_text(build, place, text);
}

static factum_status note_anchor(struct fct_build *build, const struct visit *visit, uint32_t node,
                                 factum_slice anchor, bool dynamic)
{
    uint32_t entry;
    struct fct_place place = {visit->place.document, node};
    uint8_t first = anchor.len > 0 ? anchor.ptr[0] : 0;
    bool letter = (first | 0x20) >= 'a' && (first | 0x20) <= 'z';
    if (visit->draft >= FACTUM_SCHEMA_2019_09 && !letter && first != '_') {
        return fct_build_fail(build, place, FACTUM_INVALID,
                              "an anchor begins with a letter or _, but is \"%.*s\"",
                              FCT_FMT(anchor));
    }
    factum_status status = fct_load_anchor(build, visit->resource, anchor, &entry);
    if (status != FACTUM_OK) {
        return status;
    }
    struct fct_name *name = fct_names_at(&build->program->places, entry);
    if (name->value != FCT_NAMES_NONE && name->value != visit->rule) {
        return fct_build_fail(build, place, FACTUM_INVALID,
                              "the anchor appears twice in one resource");
    }
    name->value = visit->rule;
    name->more |= dynamic ? 1 : 0;
    return FACTUM_OK;
}

/* Makes the subschema a resource with the URI |text|, resolved against that of the resource around
 * it. */
static factum_status note_uri(struct fct_build *build, struct visit *visit, uint32_t node,
                              factum_slice text)
{
    struct fct_program *program = build->program;
    struct fct_resource fresh = {.document = visit->place.document, .node = visit->place.node};
    uint32_t number = FCT_COUNT_OF(program->resources, struct fct_resource);
    factum_slice base = fct_names_text(&program->places, resource_of(build, visit->resource)->uri);
    fct_buf_clear(&build->uri);
    factum_status status = fct_uri_resolve(&build->uri, base, text);
    if (status == FACTUM_OK) {
        status = fct_names_add(&program->places, fct_buf_slice(&build->uri), &fresh.uri);
    }
    if (status == FACTUM_OK && visit->root) {
        resource_of(build, visit->resource)->uri = fresh.uri;
        number = visit->resource;
    } else if (status == FACTUM_OK) {
        status = fct_buf_add(&program->resources, &fresh, sizeof fresh);
    }
    if (status != FACTUM_OK) {
        return fct_build_no_room(build, status);
    }
    struct fct_name *name = fct_names_at(&program->places, fresh.uri);
    if (name->value != FCT_NAMES_NONE && name->value != number) {
        return fct_build_fail(build, (struct fct_place){visit->place.document, node},
                              FACTUM_INVALID, "another schema has this URI");
    }
    name->value = number;
    visit->resource = number;
    return FACTUM_OK;
}

static factum_status take_id(struct fct_build *build, struct visit *visit, uint32_t node)
{
    factum_slice text = {NULL, 0};
    factum_status status = take_text(build, visit, node, &text);
    if (status != FACTUM_OK) {
        return status;
    }
    struct fct_uri uri = fct_uri_split(text);
    factum_slice anchor = uri.fragment;
    if (visit->draft >= FACTUM_SCHEMA_2019_09 && anchor.len > 0) {
        return fct_build_fail(build, (struct fct_place){visit->place.document, node},
                              FACTUM_INVALID, "has the fragment \"%.*s\": use \"$anchor\" for that",
                              FCT_FMT(anchor));
    }
    if (text.len > 0 && text.ptr[0] != '#') {
        status = note_uri(build, visit, node, text);
    }
    if (status == FACTUM_OK && anchor.len > 0 && anchor.ptr[0] != '/') {
        status = note_anchor(build, visit, node, anchor, false);
    }
    return status;
}

/* ---- the draft ------------------------------------------------------------------------------- */

static factum_status take_draft(struct fct_build *build, struct visit *visit, uint32_t node)
{
    factum_slice text = {NULL, 0};
    struct fct_place place = {visit->place.document, node};
    factum_status status = take_text(build, visit, node, &text);
    if (status != FACTUM_OK) {
        return status;
    }
    text.len -= text.len > 0 && text.ptr[text.len - 1] == '#' ? 1 : 0;
    for (const struct fct_metaschema *known = fct_metaschemas; known->uri != NULL; known++) {
        if (known->is_dialect && fct_slice_equal(text, factum_slice_from(known->uri))) {
            visit->draft = (uint8_t)known->draft;
            return FACTUM_OK;
        }
    }
    if (fct_slice_equal(text, FCT_SLICE("http://json-schema.org/draft-04/schema"))) {
        return fct_build_fail(build, place, FACTUM_UNSUPPORTED,
                              "draft-04 is not supported: draft-06, draft-07, 2019-09 and 2020-12 "
                              "are");
    }
    return fct_build_fail(build, place, FACTUM_UNSUPPORTED,
                          "the draft \"%.*s\" is not known: draft-06, draft-07, 2019-09 and "
                          "2020-12 are",
                          FCT_FMT(text));
}

/* ---- the walk -------------------------------------------------------------------------------- */

static factum_status add_rule(struct fct_build *build, struct visit *visit)
{
    struct fct_program *program = build->program;
    uint32_t count = FCT_COUNT_OF(program->rules, struct fct_rule);
    struct fct_rule rule = {
        .document = visit->place.document, .node = visit->place.node, .types = FCT_TYPES_ALL};
    if (count >= program->limits.rules_max) {
        return fct_build_fail(build, visit->place, FACTUM_TOO_BIG,
                              "over the limit of %" PRIu32 " subschemas",
                              program->limits.rules_max);
    }
    factum_status status = fct_buf_add(&program->rules, &rule, sizeof rule);
    if (status != FACTUM_OK) {
        return fct_build_no_room(build, status);
    }
    document_of(build, visit->place.document)->rule_of[visit->place.node] = count;
    visit->rule = count;
    return FACTUM_OK;
}

/* "$schema" at the beginning of a resource, "$id", and anchors: needed before other keywords. */
static factum_status take_head(struct fct_build *build, struct visit *visit)
{
    const factum_json *json = visit->json;
    uint32_t object = visit->place.node;
    uint32_t id = factum_json_find(json, object, FCT_SLICE("$id"));
    uint32_t draft = factum_json_find(json, object, FCT_SLICE("$schema"));
    uint32_t anchor = factum_json_find(json, object, FCT_SLICE("$anchor"));
    uint32_t dynamic = factum_json_find(json, object, FCT_SLICE("$dynamicAnchor"));
    uint32_t recursive = factum_json_find(json, object, FCT_SLICE("$recursiveAnchor"));
    bool has_ref = factum_json_find(json, object, FCT_SLICE("$ref")) != FACTUM_JSON_NONE;
    factum_slice text = {NULL, 0};
    factum_status status = FACTUM_OK;
    if (draft != FACTUM_JSON_NONE && (visit->root || id != FACTUM_JSON_NONE)) {
        status = take_draft(build, visit, draft);
    }
    bool alone = has_ref && visit->draft <= FACTUM_SCHEMA_DRAFT_07; /* "$ref" has no siblings */
    if (status == FACTUM_OK && id != FACTUM_JSON_NONE && !alone) {
        status = take_id(build, visit, id);
    }
    if (status == FACTUM_OK && anchor != FACTUM_JSON_NONE &&
        visit->draft >= FACTUM_SCHEMA_2019_09) {
        status = take_text(build, visit, anchor, &text);
        status = status == FACTUM_OK ? note_anchor(build, visit, anchor, text, false) : status;
    }
    if (status == FACTUM_OK && dynamic != FACTUM_JSON_NONE &&
        visit->draft == FACTUM_SCHEMA_2020_12) {
        status = take_text(build, visit, dynamic, &text);
        status = status == FACTUM_OK ? note_anchor(build, visit, dynamic, text, true) : status;
    }
    struct fct_resource *resource = resource_of(build, visit->resource);
    if (recursive != FACTUM_JSON_NONE && visit->draft == FACTUM_SCHEMA_2019_09 &&
        resource->node == object && json->nodes[recursive].kind == FACTUM_JSON_TRUE) {
        resource->recursive = true;
    }
    return status;
}

static factum_status push(struct fct_build *build, const struct visit *visit, uint32_t node)
{
    struct todo todo = {.node = node, .resource = visit->resource, .draft = visit->draft};
    factum_status status = fct_buf_add(&build->todo, &todo, sizeof todo);
    return status == FACTUM_OK ? FACTUM_OK : fct_build_no_room(build, status);
}

/* Pushes the subschemas in an array or an object; of dependencies only those that are not
 * arrays. */
static factum_status push_inside(struct fct_build *build, const struct visit *visit, uint32_t node,
                                 enum fct_holds holds)
{
    const factum_json *json = visit->json;
    bool map = holds == FCT_HOLDS_MAP || holds == FCT_HOLDS_DEPENDENCIES;
    uint8_t wanted = map ? FACTUM_JSON_OBJECT : FACTUM_JSON_ARRAY;
    factum_status status = FACTUM_OK;
    if (json->nodes[node].kind != wanted) {
        return fct_build_fail(build, (struct fct_place){visit->place.document, node},
                              FACTUM_INVALID, "must be %s of schemas, but is %s",
                              fct_kind_text(wanted), fct_kind_text(json->nodes[node].kind));
    }
    for (uint32_t at = node + 1; at < json->nodes[node].next && status == FACTUM_OK;) {
        uint32_t value = map ? at + 1 : at;
        bool names =
            holds == FCT_HOLDS_DEPENDENCIES && json->nodes[value].kind == FACTUM_JSON_ARRAY;
        status = names ? FACTUM_OK : push(build, visit, value);
        at = json->nodes[value].next;
    }
    return status;
}

static factum_status push_children(struct fct_build *build, const struct visit *visit,
                                   enum fct_word word, uint32_t value)
{
    enum fct_holds holds = fct_word_holds(word, visit->draft);
    bool array = visit->json->nodes[value].kind == FACTUM_JSON_ARRAY;
    switch (holds) {
    case FCT_HOLDS_VALUE:
        return FACTUM_OK;
    case FCT_HOLDS_SCHEMA:
        return push(build, visit, value);
    case FCT_HOLDS_SCHEMA_ARRAY:
        return array ? push_inside(build, visit, value, FCT_HOLDS_ARRAY)
                     : push(build, visit, value);
    case FCT_HOLDS_ARRAY:
    case FCT_HOLDS_MAP:
    case FCT_HOLDS_DEPENDENCIES:
        return push_inside(build, visit, value, holds);
    }
    return FACTUM_OK;
}

static factum_status visit_members(struct fct_build *build, const struct visit *visit)
{
    const factum_json *json = visit->json;
    uint32_t object = visit->place.node;
    bool alone = visit->draft <= FACTUM_SCHEMA_DRAFT_07 &&
                 factum_json_find(json, object, FCT_SLICE("$ref")) != FACTUM_JSON_NONE;
    factum_status status = FACTUM_OK;
    for (uint32_t at = object + 1; at < json->nodes[object].next && status == FACTUM_OK;) {
        factum_slice name;
        status = fct_load_text(build, (struct fct_place){visit->place.document, at}, &name);
        if (status == FACTUM_OK) {
            enum fct_word word = fct_word_of(name, visit->draft);
            bool ignored = alone && word != FCT_WORD_DEFINITIONS;
            status = ignored ? FACTUM_OK : push_children(build, visit, word, at + 1);
        }
        at = json->nodes[at + 1].next;
    }
    return status;
}

static factum_status visit_schema(struct fct_build *build, uint32_t document, struct todo todo)
{
    struct visit visit = {.place = {document, todo.node},
                          .json = &document_of(build, document)->json,
                          .resource = todo.resource,
                          .draft = (uint8_t)todo.draft,
                          .root = todo.node == FACTUM_JSON_ROOT};
    uint8_t kind = visit.json->nodes[todo.node].kind;
    if (document_of(build, document)->rule_of[todo.node] != FCT_RULE_NONE) {
        return FACTUM_OK;
    }
    if (kind != FACTUM_JSON_OBJECT && kind != FACTUM_JSON_TRUE && kind != FACTUM_JSON_FALSE) {
        return fct_build_fail(build, visit.place, FACTUM_INVALID,
                              "must be a schema (an object, true or false), but is %s",
                              fct_kind_text(kind));
    }
    factum_status status = add_rule(build, &visit);
    if (status == FACTUM_OK && kind == FACTUM_JSON_OBJECT) {
        status = take_head(build, &visit);
        status = status == FACTUM_OK ? visit_members(build, &visit) : status;
    }
    struct fct_rule *rule = FCT_AT(build->program->rules, struct fct_rule, visit.rule);
    rule->resource = visit.resource;
    rule->draft = visit.draft;
    return status;
}

/* Last in, first out: no rule depends on the order in which rules are found. */
static factum_status walk(struct fct_build *build, uint32_t document, struct todo first)
{
    factum_status status = visit_schema(build, document, first);
    while (status == FACTUM_OK && build->todo.len > 0) {
        build->todo.len -= sizeof first;
        struct todo next;
        memcpy(&next, build->todo.ptr + build->todo.len, sizeof next);
        status = visit_schema(build, document, next);
    }
    return status;
}

factum_status fct_load_document(struct fct_build *build, uint32_t document)
{
    struct fct_program *program = build->program;
    struct fct_document *fresh = document_of(build, document);
    struct fct_resource resource = {.uri = fresh->uri, .document = document};
    uint32_t number = FCT_COUNT_OF(program->resources, struct fct_resource);
    FCT_ASSERT(!fresh->loaded);
    fresh->loaded = true;
    factum_status status = parse(build, fresh);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_buf_add(&program->resources, &resource, sizeof resource);
    if (status != FACTUM_OK) {
        return fct_build_no_room(build, status);
    }
    struct fct_name *name = fct_names_at(&program->places, fresh->uri);
    if (name->value == FCT_NAMES_NONE) {
        name->value = number;
    }
    struct todo root = {.node = FACTUM_JSON_ROOT, .resource = number, .draft = program->draft};
    return walk(build, document, root);
}

factum_status fct_load_place(struct fct_build *build, struct fct_place place, uint32_t resource,
                             uint8_t draft, uint32_t *rule)
{
    struct todo todo = {.node = place.node, .resource = resource, .draft = draft};
    factum_status status = walk(build, place.document, todo);
    if (status == FACTUM_OK) {
        *rule = document_of(build, place.document)->rule_of[place.node];
    }
    return status;
}
