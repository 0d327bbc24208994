/* pattern_refs.c - what each back-reference of a pattern means. Layer: schema.
 *
 * A group that has not matched yet makes a back-reference match nothing, in ECMA-262 as in PCRE2
 * with MATCH_UNSET_BACKREF. They differ in repetitions. ECMA-262 forgets the groups inside a
 * repetition whenever it begins again, and undoes an optional repetition that matched nothing;
 * PCRE2 does neither. So for a reference R to a group G, with L the innermost group around both:
 *
 *   - R is always empty if G cannot be complete before R in the same round of L: R is inside G, or
 *     in another alternative of L, or before G in the direction of matching (backwards inside a
 *     look-behind), or G is inside a negative look-around.
 *   - Otherwise the two agree if each round of the repetitions around G surely sets it, none of
 *     them may match nothing, and G surely is set between the beginning of a round of L and R, or L
 *     is not repeated. If R is outside a look-around that G is inside of, nothing in it that may
 *     match nothing may be optional: the two come to the same ways to match in another order, and a
 *     look-around keeps the first. What does not agree is refused.
 */
#include "schema/pattern_int.h"

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"

static bool pattern_is_behind(enum fct_pattern_group group)
{
    return group == FCT_PATTERN_BEHIND || group == FCT_PATTERN_NOT_BEHIND;
}

/* Is |node| a look-behind or inside of one? */
static bool pattern_inside_behind(const struct fct_pattern_parse *parse, uint32_t node)
{
    for (; node != FCT_PATTERN_NONE; node = parse->nodes[node].parent) {
        if (parse->nodes[node].kind == FCT_PATTERN_OPEN &&
            pattern_is_behind(parse->nodes[node].group)) {
            return true;
        }
    }
    return false;
}

/* Is the content of the group |open| matched from right to left? */
static bool pattern_backwards(const struct fct_pattern_parse *parse, uint32_t open)
{
    for (; open != FCT_PATTERN_NONE; open = parse->nodes[open].parent) {
        enum fct_pattern_group group = parse->nodes[open].group;
        if (group != FCT_PATTERN_PLAIN && group != FCT_PATTERN_CAPTURE) {
            return pattern_is_behind(group);
        }
    }
    return false;
}

static bool pattern_encloses(const struct fct_pattern_parse *parse, uint32_t open, uint32_t node)
{
    while (node != FCT_PATTERN_NONE && node > open) {
        node = parse->nodes[node].parent;
    }
    return node == open;
}

/* The node around |node|, or |node| itself, that is directly in |open|. */
static uint32_t pattern_child_of(const struct fct_pattern_parse *parse, uint32_t open,
                                 uint32_t node)
{
    while (parse->nodes[node].parent != open) {
        node = parse->nodes[node].parent;
    }
    return node;
}

/* The innermost group around the reference |ref| and the group |open|, which does not contain
 * |ref|. */
static uint32_t pattern_common(const struct fct_pattern_parse *parse, uint32_t ref, uint32_t open)
{
    uint32_t common = parse->nodes[ref].parent;
    while (!pattern_encloses(parse, common, open)) {
        common = parse->nodes[common].parent;
    }
    return common;
}

static bool pattern_ref_is_empty(const struct fct_pattern_parse *parse, uint32_t ref, uint32_t open)
{
    if (pattern_encloses(parse, open, ref)) {
        return true;
    }
    uint32_t common = pattern_common(parse, ref, open);
    uint32_t ref_child = pattern_child_of(parse, common, ref);
    uint32_t open_child = pattern_child_of(parse, common, open);
    if (parse->nodes[ref_child].branch != parse->nodes[open_child].branch ||
        (open_child > ref_child) != pattern_backwards(parse, common)) {
        return true;
    }
    for (uint32_t node = open; node != common; node = parse->nodes[node].parent) {
        if (parse->nodes[node].group == FCT_PATTERN_NOT_AHEAD ||
            parse->nodes[node].group == FCT_PATTERN_NOT_BEHIND) {
            return true;
        }
    }
    return false;
}

/* Does the group |open| contain an optional repetition that may match nothing? */
static bool pattern_has_empty_rounds(const struct fct_pattern_parse *parse, uint32_t open)
{
    uint32_t outside = parse->nodes[open].parent;
    for (uint32_t at = open + 1; at < parse->node_count; at++) {
        const struct fct_pattern_node *node = &parse->nodes[at];
        if (node->kind == FCT_PATTERN_CLOSE && node->parent == outside) {
            return false;
        }
        if (node->kind == FCT_PATTERN_OPEN && node->min != node->max && node->may_be_empty) {
            return true;
        }
    }
    return false;
}

/* Do the repetitions leave the group |open| at |ref| as in ECMA-262? It is not always empty
 * there. */
static bool pattern_ref_agrees(const struct fct_pattern_parse *parse, uint32_t ref, uint32_t open)
{
    uint32_t common = pattern_common(parse, ref, open);
    uint32_t around = FCT_PATTERN_NONE; /* the outermost look-around between them */
    bool surely_set = true;
    for (uint32_t at = open; at != common; at = parse->nodes[at].parent) {
        const struct fct_pattern_node *node = &parse->nodes[at];
        if (at != open && node->branch_count > 1) {
            surely_set = false;
        }
        if (node->max > 1 && (!surely_set || pattern_inside_behind(parse, at))) {
            return false;
        }
        if (node->min != node->max && node->may_be_empty) {
            return false;
        }
        surely_set = surely_set && node->min > 0;
        around = node->group > FCT_PATTERN_CAPTURE ? at : around;
    }
    if (around != FCT_PATTERN_NONE && pattern_has_empty_rounds(parse, around)) {
        return false;
    }
    for (uint32_t at = common; at != FCT_PATTERN_NONE && !surely_set;
         at = parse->nodes[at].parent) {
        if (parse->nodes[at].max > 1) {
            return false;
        }
    }
    return true;
}

/* Errors: INVALID (no such group). */
static factum_status pattern_ref_find(struct fct_pattern_parse *parse, struct fct_pattern_node *ref)
{
    const uint8_t *names = parse->names.ptr;
    for (uint32_t i = 0; ref->len > 0 && i < parse->name_count; i++) {
        const struct fct_pattern_name *name = &parse->group_names[i];
        if (fct_slice_equal(fct_slice(names + name->from, name->len),
                            fct_slice(names + ref->from, ref->len))) {
            ref->number = name->number;
        }
    }
    return ref->number > 0 && ref->number <= parse->capture_count
               ? FACTUM_OK
               : fct_pattern_bad(parse, ref->at, "a back-reference to a group that does not exist");
}

static void pattern_ref_resolve(struct fct_pattern_parse *parse, uint32_t at)
{
    struct fct_pattern_node *ref = &parse->nodes[at];
    uint32_t open = parse->captures[ref->number - 1];
    const char *refused = NULL;
    FCT_ASSERT(parse->nodes[open].group == FCT_PATTERN_CAPTURE);
    if (pattern_ref_is_empty(parse, at, open)) {
        return;
    }
    if (pattern_inside_behind(parse, at)) {
        refused = "inside a look-behind";
    } else if (!pattern_ref_agrees(parse, at, open)) {
        refused = "to a group that a repetition resets";
    }
    if (refused != NULL && parse->unsupported.status == FACTUM_OK) {
        (void)fct_fail(&parse->unsupported, FACTUM_UNSUPPORTED,
                       "a back-reference %s, at byte %u of a pattern, is not supported", refused,
                       (unsigned)ref->at);
    }
    ref->live = true;
    parse->nodes[open].referenced = true;
}

factum_status fct_pattern_refs_resolve(struct fct_pattern_parse *parse)
{
    for (uint32_t i = 0; i < parse->node_count; i++) {
        if (parse->nodes[i].kind != FCT_PATTERN_REF) {
            continue;
        }
        factum_status status = pattern_ref_find(parse, &parse->nodes[i]);
        if (status != FACTUM_OK) {
            return status;
        }
        pattern_ref_resolve(parse, i);
    }
    return FACTUM_OK;
}
