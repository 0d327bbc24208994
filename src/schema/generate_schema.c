/* generate_schema.c - JSON Schemas on the tape: keywords, $ref, allOf. Layer: schema.
 *
 * Follows a $ref inside its own document only. Does not know C.
 */
#include "schema/generate_int.h"

#include <string.h>

#include "core/error.h"
#include "core/slice.h"

#define NOTE_SIZE_MAX 1000  /* bytes of title and description in a comment */
#define WORK_MAX 100000000u /* nodes that all $refs together may visit */

uint32_t fct_gen_key(const struct fct_gen *gen, uint32_t node, const char *key)
{
    return factum_json_find(&gen->doc->json, node, factum_slice_from(key));
}

factum_status fct_gen_text(struct fct_gen *gen, uint32_t node, factum_slice *text)
{
    const factum_json *json = &gen->doc->json;
    factum_slice inside = factum_json_inside(json, node);
    size_t len = 0;
    *text = inside;
    if (factum_json_is_escaped(json, node)) {
        char *room = fct_gen_take(gen, inside.len);
        if (room == NULL) {
            return fct_gen_no_memory(gen);
        }
        if (factum_json_unescape(json, node, room, inside.len, &len) != FACTUM_OK) {
            return fct_gen_fail(gen, FACTUM_INVALID, node, "a lone surrogate in a text");
        }
        *text = fct_slice(room, len);
    }
    if (text->len > FACTUM_GENERATE_NAME_SIZE_MAX) {
        return fct_gen_fail(gen, FACTUM_TOO_BIG, node, "a name of more than 1024 bytes");
    }
    return FACTUM_OK;
}

bool fct_gen_has_structure(const struct fct_gen *gen, uint32_t node)
{
    static const char *const keys[] = {
        "$ref",  "$dynamicRef", "$recursiveRef", "type",  "properties", "patternProperties",
        "items", "prefixItems", "enum",          "const", "required",   "additionalProperties",
        "allOf", "anyOf",       "oneOf",
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (fct_gen_key(gen, node, keys[i]) != FACTUM_JSON_NONE) {
            return true;
        }
    }
    return factum_json_kind_of(&gen->doc->json, node) == FACTUM_JSON_FALSE;
}

/* ---- notes ----------------------------------------------------------------------------------- */

/* The text of the keyword for people: truncated if it is long, empty if the keyword is missing. */
static factum_status note_part(struct fct_gen *gen, uint32_t node, const char *key,
                               factum_slice *part)
{
    const factum_json *json = &gen->doc->json;
    uint32_t at = fct_gen_key(gen, node, key);
    size_t len = 0;
    *part = fct_slice("", 0);
    if (at == FACTUM_JSON_NONE || factum_json_kind_of(json, at) != FACTUM_JSON_TEXT) {
        return FACTUM_OK;
    }
    factum_slice inside = factum_json_inside(json, at);
    char *room = fct_gen_take(gen, inside.len);
    if (room == NULL) {
        return fct_gen_no_memory(gen);
    }
    if (factum_json_unescape(json, at, room, inside.len, &len) != FACTUM_OK) {
        return FACTUM_OK; /* a lone surrogate: not a text for people */
    }
    size_t kept = len > NOTE_SIZE_MAX ? fct_utf8_prefix(fct_slice(room, NOTE_SIZE_MAX)) : len;
    *part = fct_slice(room, kept);
    return FACTUM_OK;
}

factum_status fct_gen_note(struct fct_gen *gen, uint32_t node, factum_slice *note)
{
    factum_slice title;
    factum_slice description;
    const char *text;
    factum_status status = note_part(gen, node, "title", &title);
    if (status == FACTUM_OK) {
        status = note_part(gen, node, "description", &description);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (title.len == 0 || description.len == 0) {
        *note = title.len == 0 ? description : title;
        return FACTUM_OK;
    }
    bool ended = strchr(".:!?", title.ptr[title.len - 1]) != NULL;
    status = fct_gen_format(gen, &text, "%.*s%s %.*s", (int)title.len, (const char *)title.ptr,
                            ended ? "" : ".", (int)description.len, (const char *)description.ptr);
    *note = status == FACTUM_OK ? factum_slice_from(text) : title;
    return status;
}

/* ---- documents ------------------------------------------------------------------------------- */

/* Does a schema below the root have an "$id" that is not an anchor? */
static bool has_nested_ids(const factum_json *json)
{
    uint32_t root = factum_json_find(json, FACTUM_JSON_ROOT, FCT_SLICE("$id"));
    for (uint32_t at = 0; at + 1 < json->count; at++) {
        bool name = (json->nodes[at].flags & FACTUM_JSON_NAME) != 0;
        if (!name || at + 1 == root || factum_json_kind_of(json, at + 1) != FACTUM_JSON_TEXT) {
            continue;
        }
        factum_slice value = factum_json_inside(json, at + 1);
        if (factum_json_text_is(json, at, FCT_SLICE("$id")) &&
            (value.len == 0 || value.ptr[0] != '#')) {
            return true;
        }
    }
    return false;
}

/* Does the draft ignore keywords beside a $ref? */
static bool is_legacy(const factum_json *json)
{
    static const char *const drafts[] = {"draft-03", "draft-04", "draft-06", "draft-07"};
    uint32_t at = factum_json_find(json, FACTUM_JSON_ROOT, FCT_SLICE("$schema"));
    if (at == FACTUM_JSON_NONE) {
        return false;
    }
    factum_slice text = factum_json_inside(json, at);
    for (size_t i = 0; i < sizeof drafts / sizeof drafts[0]; i++) {
        for (size_t k = 0; k < text.len; k++) {
            if (fct_slice_starts(fct_slice_from(text, k), factum_slice_from(drafts[i]))) {
                return true;
            }
        }
    }
    return false;
}

factum_status fct_gen_doc_init(struct fct_gen *gen, struct fct_gen_doc *doc,
                               const factum_generate_schema *schema)
{
    factum_json_options options = {.size = sizeof options, .depth_max = FACTUM_JSON_DEPTH_LIMIT};
    doc->type = schema->type;
    if (schema->text.len > FACTUM_GENERATE_SCHEMA_SIZE_MAX) {
        return fct_fail(gen->err, FACTUM_TOO_BIG, "the schema of %.*s has more than %u bytes",
                        FCT_FMT(schema->type), FACTUM_GENERATE_SCHEMA_SIZE_MAX);
    }
    size_t capacity = factum_json_nodes_max(schema->text.len);
    factum_json_node *nodes = fct_mem_alloc(gen->mem, (capacity + 1) * sizeof *nodes);
    if (nodes == NULL) {
        return fct_gen_no_memory(gen);
    }
    factum_status status =
        factum_json_parse(schema->text, &options, nodes, capacity, &doc->json, gen->err);
    size_t size = status == FACTUM_OK ? doc->json.count * sizeof *nodes : 0;
    factum_json_node *kept = status == FACTUM_OK ? fct_gen_take(gen, size) : NULL;
    if (status != FACTUM_OK) {
        status = fct_wrap(gen->err, status, "the schema of %.*s", FCT_FMT(schema->type));
    } else if (kept == NULL) {
        status = fct_gen_no_memory(gen);
    } else {
        memcpy(kept, nodes, size);
        doc->json.nodes = kept;
    }
    fct_mem_free(gen->mem, nodes);
    if (status != FACTUM_OK) {
        return status;
    }
    doc->uses = fct_gen_take(gen, doc->json.count * sizeof(struct fct_gen_use *));
    doc->legacy = is_legacy(&doc->json);
    doc->nested_ids = has_nested_ids(&doc->json);
    uint32_t id = factum_json_find(&doc->json, FACTUM_JSON_ROOT, FCT_SLICE("$id"));
    if (id != FACTUM_JSON_NONE) {
        doc->id = factum_json_inside(&doc->json, id);
    }
    return doc->uses == NULL ? fct_gen_no_memory(gen) : FACTUM_OK;
}

/* ---- $ref ------------------------------------------------------------------------------------ */

static int hex_digit_of(uint8_t c)
{
    uint8_t small = c | 0x20;
    return c >= '0' && c <= '9' ? c - '0' : small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

/* Decodes a step of a pointer in place: "a~1b%20c" becomes "a/b c". False: malformed. */
static bool decode_step(uint8_t *text, size_t *len)
{
    size_t to = 0;
    for (size_t at = 0; at < *len; at++) {
        uint8_t c = text[at];
        if (c == '%') {
            int high = at + 2 < *len ? hex_digit_of(text[at + 1]) : -1;
            int low = at + 2 < *len ? hex_digit_of(text[at + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            c = (uint8_t)(high << 4 | low);
            at += 2;
        }
        text[to++] = c;
    }
    *len = to;
    to = 0;
    for (size_t at = 0; at < *len; at++) {
        uint8_t c = text[at];
        if (c == '~') {
            if (at + 1 >= *len || (text[at + 1] != '0' && text[at + 1] != '1')) {
                return false;
            }
            c = text[++at] == '0' ? '~' : '/';
        }
        text[to++] = c;
    }
    *len = to;
    return true;
}

/* The item of an array with the index |step|. */
static uint32_t item_at(const factum_json *json, uint32_t array, factum_slice step)
{
    size_t wanted = 0;
    for (size_t i = 0; i < step.len; i++) {
        if (step.ptr[i] < '0' || step.ptr[i] > '9' || wanted > json->count) {
            return FACTUM_JSON_NONE;
        }
        wanted = wanted * 10 + (size_t)(step.ptr[i] - '0');
    }
    uint32_t at = step.len == 0 ? FACTUM_JSON_NONE : factum_json_first(json, array);
    for (; at != FACTUM_JSON_NONE && wanted > 0; wanted--) {
        at = factum_json_next(json, array, at);
    }
    return at;
}

/* Follows "/definitions/line"; *last is its last step. */
static uint32_t walk_pointer(struct fct_gen *gen, factum_slice pointer, factum_slice *last)
{
    const factum_json *json = &gen->doc->json;
    uint32_t node = FACTUM_JSON_ROOT;
    size_t at = 0;
    while (at < pointer.len && node != FACTUM_JSON_NONE) {
        size_t from = ++at;
        while (at < pointer.len && pointer.ptr[at] != '/') {
            at++;
        }
        size_t len = at - from;
        uint8_t *step = fct_gen_take(gen, len + 1);
        if (step == NULL) {
            return FACTUM_JSON_NONE;
        }
        memcpy(step, pointer.ptr + from, len);
        if (!decode_step(step, &len) || !fct_utf8_valid(fct_slice(step, len))) {
            return FACTUM_JSON_NONE;
        }
        *last = fct_slice(step, len);
        gen->work += json->nodes[node].next - node;
        node = factum_json_kind_of(json, node) == FACTUM_JSON_ARRAY
                   ? item_at(json, node, *last)
                   : factum_json_find(json, node, *last);
    }
    return node;
}

/* The innermost object that contains the node |inside|. */
static uint32_t object_around(const factum_json *json, uint32_t inside)
{
    uint32_t at = inside;
    while (at-- > 0) {
        if (json->nodes[at].kind == FACTUM_JSON_OBJECT && json->nodes[at].next > inside) {
            return at;
        }
    }
    return FACTUM_JSON_NONE;
}

/* The schema with the "$anchor" |name|, in old drafts with the "$id" "#name". */
static uint32_t find_anchor(const factum_json *json, factum_slice name)
{
    for (uint32_t at = 0; at + 1 < json->count; at++) {
        if ((json->nodes[at].flags & FACTUM_JSON_NAME) == 0 ||
            factum_json_kind_of(json, at + 1) != FACTUM_JSON_TEXT) {
            continue;
        }
        factum_slice value = factum_json_inside(json, at + 1);
        bool old = factum_json_text_is(json, at, FCT_SLICE("$id")) && value.len > 0 &&
                   value.ptr[0] == '#' && fct_slice_equal(fct_slice_from(value, 1), name);
        if (old ||
            (factum_json_text_is(json, at, FCT_SLICE("$anchor")) && fct_slice_equal(value, name))) {
            return object_around(json, at);
        }
    }
    return FACTUM_JSON_NONE;
}

/* The target of the $ref of |node|. FACTUM_JSON_NONE: outside of the document, or missing. */
static uint32_t resolve(struct fct_gen *gen, uint32_t ref, factum_slice *last)
{
    const factum_json *json = &gen->doc->json;
    factum_slice text;
    if (gen->doc->nested_ids || factum_json_kind_of(json, ref) != FACTUM_JSON_TEXT ||
        fct_gen_text(gen, ref, &text) != FACTUM_OK) {
        return FACTUM_JSON_NONE;
    }
    if (gen->doc->id.len > 0 && fct_slice_starts(text, gen->doc->id)) {
        text = fct_slice_from(text, gen->doc->id.len);
    } else if (text.len == 0 || text.ptr[0] != '#') {
        return FACTUM_JSON_NONE;
    }
    if (text.len <= 1) {
        return text.len == 0 || text.ptr[0] == '#' ? FACTUM_JSON_ROOT : FACTUM_JSON_NONE;
    }
    if (text.ptr[0] != '#') {
        return FACTUM_JSON_NONE;
    }
    factum_slice fragment = fct_slice_from(text, 1);
    if (fragment.ptr[0] == '/') {
        return walk_pointer(gen, fragment, last);
    }
    *last = fragment;
    gen->work += json->count;
    return find_anchor(json, fragment);
}

/* ---- following ------------------------------------------------------------------------------- */

/* Has |node| keywords of structure besides |key|? */
static bool has_more_than(const struct fct_gen *gen, uint32_t node, const char *key)
{
    static const char *const keys[] = {
        "$ref",  "$dynamicRef", "$recursiveRef", "type",  "properties", "patternProperties",
        "items", "prefixItems", "enum",          "const", "required",   "additionalProperties",
        "allOf", "anyOf",       "oneOf",
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(keys[i], key) != 0 && fct_gen_key(gen, node, keys[i]) != FACTUM_JSON_NONE) {
            return true;
        }
    }
    return false;
}

/* The only schema of an allOf with more than limits. FACTUM_JSON_NONE: none, or several. */
static uint32_t single_of(struct fct_gen *gen, uint32_t all)
{
    const factum_json *json = &gen->doc->json;
    uint32_t found = FACTUM_JSON_NONE;
    gen->work += json->nodes[all].next - all;
    for (uint32_t at = factum_json_first(json, all); at != FACTUM_JSON_NONE;
         at = factum_json_next(json, all, at)) {
        if (fct_gen_has_structure(gen, at)) {
            if (found != FACTUM_JSON_NONE) {
                return FACTUM_JSON_NONE;
            }
            found = at;
        }
    }
    return found;
}

factum_status fct_gen_follow(struct fct_gen *gen, uint32_t node, struct fct_gen_target *target)
{
    *target = (struct fct_gen_target){.node = node};
    for (unsigned steps = 0; steps < FACTUM_GENERATE_DEPTH_MAX; steps++) {
        if (gen->work > WORK_MAX) {
            return fct_gen_fail(gen, FACTUM_TOO_BIG, node, "its $refs take too long to follow");
        }
        uint32_t ref = fct_gen_key(gen, target->node, "$ref");
        uint32_t all = fct_gen_key(gen, target->node, "allOf");
        if (ref != FACTUM_JSON_NONE &&
            (gen->doc->legacy || !has_more_than(gen, target->node, "$ref"))) {
            factum_slice last = fct_slice("", 0);
            uint32_t next = resolve(gen, ref, &last);
            if (next == FACTUM_JSON_NONE) {
                target->open = "its $ref leads out of the schema, or to nothing";
                return FACTUM_OK;
            }
            target->node = next;
            target->definition = last;
        } else if (all != FACTUM_JSON_NONE && !has_more_than(gen, target->node, "allOf") &&
                   single_of(gen, all) != FACTUM_JSON_NONE) {
            target->node = single_of(gen, all);
        } else {
            return FACTUM_OK;
        }
    }
    return fct_gen_fail(gen, FACTUM_INVALID, node, "a $ref that leads to itself");
}

/* NOLINTNEXTLINE(misc-no-recursion): by |depth| */
static factum_status add_followed(struct fct_gen *gen, uint32_t node, struct fct_gen_parts *parts,
                                  uint32_t depth)
{
    struct fct_gen_target target;
    factum_status status = fct_gen_follow(gen, node, &target);
    if (status == FACTUM_OK && target.open != NULL) {
        parts->open = target.open;
        return FACTUM_OK;
    }
    return status != FACTUM_OK ? status : fct_gen_add_parts(gen, target.node, parts, depth + 1);
}

/* NOLINTNEXTLINE(misc-no-recursion): by |depth| */
factum_status fct_gen_add_parts(struct fct_gen *gen, uint32_t node, struct fct_gen_parts *parts,
                                uint32_t depth)
{
    const factum_json *json = &gen->doc->json;
    if (parts->count == FCT_GEN_PARTS_MAX || depth == FACTUM_GENERATE_DEPTH_MAX) {
        return fct_gen_fail(gen, FACTUM_TOO_BIG, node, "an allOf of more than 64 schemas");
    }
    if (factum_json_kind_of(json, node) == FACTUM_JSON_FALSE) {
        parts->open = "the schema false lets nothing pass";
        return FACTUM_OK;
    }
    if (fct_gen_key(gen, node, "$dynamicRef") != FACTUM_JSON_NONE ||
        fct_gen_key(gen, node, "$recursiveRef") != FACTUM_JSON_NONE) {
        parts->open = "a dynamic $ref";
        return FACTUM_OK;
    }
    parts->nodes[parts->count++] = node;
    factum_status status = FACTUM_OK;
    uint32_t ref = fct_gen_key(gen, node, "$ref");
    if (ref != FACTUM_JSON_NONE) {
        factum_slice last;
        uint32_t next = resolve(gen, ref, &last);
        parts->open = next == FACTUM_JSON_NONE ? "its $ref leads out of the schema, or to nothing"
                                               : parts->open;
        status = next == FACTUM_JSON_NONE ? FACTUM_OK : add_followed(gen, next, parts, depth);
    }
    uint32_t all = fct_gen_key(gen, node, "allOf");
    uint32_t at = all == FACTUM_JSON_NONE ? all : factum_json_first(json, all);
    for (; status == FACTUM_OK && at != FACTUM_JSON_NONE; at = factum_json_next(json, all, at)) {
        status = add_followed(gen, at, parts, depth);
    }
    return status;
}
