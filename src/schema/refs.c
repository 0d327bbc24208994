/* refs.c - the targets of references, in a loaded document or in one that is loaded now.
 * Layer: schema.
 *
 * A reference is a URI, resolved against the resource that contains it. Its fragment is a JSON
 * pointer into the resource, or an anchor in it, or empty: the resource itself.
 */
#include "core/error.h"
#include "core/slice.h"
#include "schema/build_int.h"
#include "schema/metaschema.h"
#include "schema/uri.h"
#include "schema/value.h"

struct reference {
    struct fct_place place; /* of the reference */
    uint32_t resource;      /* of the target */
    uint8_t draft;
};

static const struct fct_metaschema *find_metaschema(factum_slice uri)
{
    for (const struct fct_metaschema *known = fct_metaschemas; known->uri != NULL; known++) {
        if (fct_slice_equal(uri, factum_slice_from(known->uri))) {
            return known;
        }
    }
    return NULL;
}

/* The resource of |entry| in places, if it has one by now. */
static bool has_resource(const struct fct_build *build, uint32_t entry, uint32_t *resource)
{
    *resource = fct_names_at(&build->program->places, entry)->value;
    return *resource != FCT_NAMES_NONE;
}

/* Loads the given documents that were not used yet: one may contain the URI. */
static factum_status load_rest(struct fct_build *build)
{
    uint32_t count = FCT_COUNT_OF(build->program->documents, struct fct_document);
    factum_status status = FACTUM_OK;
    for (uint32_t i = 0; i < count && status == FACTUM_OK; i++) {
        if (!fct_document_at(build->program, i)->loaded) {
            status = fct_load_document(build, i);
        }
    }
    return status;
}

/* The resource with the URI in build->uri. */
static factum_status find_resource(struct fct_build *build, struct reference *reference)
{
    struct fct_names *places = &build->program->places;
    uint32_t entry;
    uint32_t document;
    factum_slice uri = fct_buf_slice(&build->uri);
    factum_status status = fct_names_add(places, uri, &entry);
    if (status != FACTUM_OK) {
        return fct_build_no_room(build, status);
    }
    if (has_resource(build, entry, &reference->resource)) {
        return FACTUM_OK;
    }
    const struct fct_metaschema *known = find_metaschema(uri);
    if (fct_names_at(places, entry)->more != 0) {
        status = fct_load_document(build, fct_names_at(places, entry)->more - 1);
    } else if (known != NULL) {
        status = fct_load_add(build, uri, factum_slice_from(known->text), true, &document);
        status = status == FACTUM_OK ? fct_load_document(build, document) : status;
    } else {
        status = load_rest(build);
    }
    if (status != FACTUM_OK || has_resource(build, entry, &reference->resource)) {
        return status;
    }
    return fct_build_fail(build, reference->place, FACTUM_INVALID,
                          "refers to \"%.*s\", which is not among the documents given",
                          FCT_FMT(fct_names_text(places, entry)));
}

/* Decodes ~1 and ~0 in a token of a JSON pointer, in place. */
static size_t unescape_token(uint8_t *token, size_t len)
{
    size_t out = 0;
    for (size_t at = 0; at < len; out++) {
        bool escape = token[at] == '~' && at + 1 < len;
        bool slash = escape && token[at + 1] == '1';
        bool tilde = escape && token[at + 1] == '0';
        token[out] = slash ? '/' : token[at];
        at += slash || tilde ? 2 : 1;
    }
    return out;
}

/* "0" or a number without a leading zero. */
static bool parse_index(factum_slice token, uint32_t *index)
{
    uint64_t number = 0;
    if (token.len == 0 || token.len > 9 || (token.len > 1 && token.ptr[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < token.len; i++) {
        if (token.ptr[i] < '0' || token.ptr[i] > '9') {
            return false;
        }
        number = number * 10 + (uint64_t)(token.ptr[i] - '0');
    }
    *index = (uint32_t)number;
    return true;
}

static uint32_t step_down(const factum_json *json, uint32_t node, factum_slice token)
{
    uint32_t index;
    if (json->nodes[node].kind == FACTUM_JSON_ARRAY) {
        return parse_index(token, &index) ? fct_value_item(json, node, index) : FACTUM_JSON_NONE;
    }
    return factum_json_find(json, node, token);
}

/* The rule at the end of a JSON pointer, which begins with '/' and is decoded in place. */
static factum_status follow_pointer(struct fct_build *build, struct reference *reference,
                                    uint8_t *pointer, size_t len, uint32_t *target)
{
    const struct fct_program *program = build->program;
    const struct fct_resource *resource =
        FCT_AT(program->resources, const struct fct_resource, reference->resource);
    struct fct_place at = {resource->document, resource->node};
    const struct fct_document *document = fct_document_at(program, at.document);
    for (size_t i = 0; i < len;) {
        size_t end = i + 1;
        while (end < len && pointer[end] != '/') {
            end++;
        }
        size_t size = unescape_token(pointer + i + 1, end - i - 1);
        at.node = step_down(&document->json, at.node, fct_slice(pointer + i + 1, size));
        if (at.node == FACTUM_JSON_NONE) {
            return fct_build_fail(build, reference->place, FACTUM_INVALID,
                                  "leads nowhere: there is no \"%.*s\"",
                                  FCT_FMT(fct_slice(pointer + i + 1, size)));
        }
        if (document->rule_of[at.node] != FCT_RULE_NONE) {
            const struct fct_rule *rule = fct_rule_at(program, document->rule_of[at.node]);
            reference->resource = rule->resource;
            reference->draft = rule->draft;
        }
        i = end;
    }
    *target = document->rule_of[at.node];
    return *target != FCT_RULE_NONE
               ? FACTUM_OK
               : fct_load_place(build, at, reference->resource, reference->draft, target);
}

/* Follows the fragment in build->text. */
static factum_status follow_fragment(struct fct_build *build, struct reference *reference,
                                     uint32_t *target, uint32_t *anchor)
{
    struct fct_program *program = build->program;
    const struct fct_resource *resource =
        FCT_AT(program->resources, const struct fct_resource, reference->resource);
    uint32_t root = fct_document_at(program, resource->document)->rule_of[resource->node];
    uint32_t entry;
    size_t len = fct_uri_decode(build->text.ptr, build->text.len);
    factum_slice fragment = fct_slice(build->text.ptr, len);
    reference->draft = fct_rule_at(program, root)->draft;
    if (len == 0) {
        *target = root;
        return FACTUM_OK;
    }
    if (fragment.ptr[0] == '/') {
        return follow_pointer(build, reference, build->text.ptr, len, target);
    }
    factum_status status = fct_load_anchor(build, reference->resource, fragment, &entry);
    if (status != FACTUM_OK) {
        return status;
    }
    *target = fct_names_at(&program->places, entry)->value;
    if (*target == FCT_RULE_NONE) {
        return fct_build_fail(build, reference->place, FACTUM_INVALID,
                              "leads nowhere: there is no anchor \"%.*s\"", FCT_FMT(fragment));
    }
    if (fct_names_at(&program->places, entry)->more != 0) {
        status = fct_names_add(&program->texts, fragment, anchor);
    }
    return status == FACTUM_OK ? FACTUM_OK : fct_build_no_room(build, status);
}

factum_status fct_refs_resolve(struct fct_build *build, uint32_t rule, struct fct_place place,
                               uint32_t *target, uint32_t *anchor)
{
    struct fct_program *program = build->program;
    struct reference reference = {.place = place};
    factum_slice text;
    *anchor = FCT_NAMES_NONE;
    uint8_t kind = fct_document_at(program, place.document)->json.nodes[place.node].kind;
    if (kind != FACTUM_JSON_TEXT) {
        return fct_build_fail(build, place, FACTUM_INVALID, "must be a string, but is %s",
                              fct_kind_text(kind));
    }
    factum_status status = fct_load_text(build, place, &text);
    if (status != FACTUM_OK) {
        return status;
    }
    uint32_t resource = fct_rule_at(program, rule)->resource;
    uint32_t base = FCT_AT(program->resources, struct fct_resource, resource)->uri;
    fct_buf_clear(&build->uri);
    status = fct_uri_resolve(&build->uri, fct_names_text(&program->places, base), text);
    if (status == FACTUM_OK) {
        factum_slice fragment = fct_uri_split(text).fragment;
        fct_buf_clear(&build->fragment);
        status = fct_buf_add_slice(&build->fragment, fragment);
    }
    if (status != FACTUM_OK) {
        return fct_build_no_room(build, status);
    }
    status = find_resource(build, &reference);
    if (status == FACTUM_OK) {
        /* Loading has used build->text. */
        fct_buf_clear(&build->text);
        status = fct_buf_reserve(&build->text, build->fragment.len + 1);
        status = status == FACTUM_OK
                     ? fct_buf_add_slice(&build->text, fct_buf_slice(&build->fragment))
                     : fct_build_no_room(build, status);
    }
    return status == FACTUM_OK ? follow_fragment(build, &reference, target, anchor) : status;
}
