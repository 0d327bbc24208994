/* link.c - what needs all rules together: loops, dynamic references, tags. Layer: schema. */
#include <stdlib.h>

#include "core/error.h"
#include "core/slice.h"
#include "schema/build_int.h"
#include "schema/value.h"

/* ---- loops ----------------------------------------------------------------------------------- */

/* The keywords that apply a rule to the same value. */
static const enum fct_keyword in_place[] = {FCT_K_REF, FCT_K_NOT, FCT_K_IF, FCT_K_THEN, FCT_K_ELSE};
static const enum fct_keyword in_place_lists[] = {FCT_K_ALL_OF, FCT_K_ANY_OF, FCT_K_ONE_OF};

enum colour { NEW, OPEN, DONE };

/* A rule on the way down, and its edges that were not followed yet. */
struct rule_step {
    uint32_t rule;
    uint32_t edges; /* the index of its first edge in the stack */
};

struct search {
    struct fct_build *build;
    struct fct_buf colours; /* a byte for each rule */
    struct fct_buf steps, edges;
};

static factum_status add_edge(struct search *search, uint32_t rule)
{
    factum_status status = fct_buf_add(&search->edges, &rule, sizeof rule);
    return status == FACTUM_OK ? FACTUM_OK : fct_build_no_room(search->build, status);
}

static factum_status add_list_edges(struct search *search, const uint32_t *list, uint32_t first,
                                    uint32_t stride)
{
    factum_status status = FACTUM_OK;
    for (uint32_t i = first; i < list[0] && status == FACTUM_OK; i += stride) {
        if (list[1 + i] != FCT_RULE_NONE) {
            status = add_edge(search, list[1 + i]);
        }
    }
    return status;
}

/* Goes down into |number|. */
static factum_status open_rule(struct search *search, uint32_t number)
{
    const struct fct_program *program = search->build->program;
    const struct fct_rule *rule = fct_rule_at(program, number);
    struct rule_step step = {.rule = number, .edges = FCT_COUNT_OF(search->edges, uint32_t)};
    factum_status status = fct_buf_add(&search->steps, &step, sizeof step);
    if (status != FACTUM_OK) {
        return fct_build_no_room(search->build, status);
    }
    search->colours.ptr[number] = OPEN;
    for (size_t i = 0; i < sizeof in_place / sizeof in_place[0] && status == FACTUM_OK; i++) {
        if ((rule->keywords & FCT_BIT(in_place[i])) != 0) {
            status = add_edge(search, fct_operand_of(program, rule, in_place[i])->value);
        }
    }
    for (size_t i = 0; i < 3 && status == FACTUM_OK; i++) {
        if ((rule->keywords & FCT_BIT(in_place_lists[i])) != 0) {
            uint32_t at = fct_operand_of(program, rule, in_place_lists[i])->value;
            status = add_list_edges(search, fct_words_at(program, at), 0, 1);
        }
    }
    if (status == FACTUM_OK && (rule->keywords & FCT_BIT(FCT_K_DEPENDENTS)) != 0) {
        uint32_t at = fct_operand_of(program, rule, FCT_K_DEPENDENTS)->value;
        status = add_list_edges(search, fct_words_at(program, at), 1, 4);
    }
    return status;
}

static factum_status follow(struct search *search, uint32_t from)
{
    factum_status status = open_rule(search, from);
    while (status == FACTUM_OK && search->steps.len > 0) {
        uint32_t depth = FCT_COUNT_OF(search->steps, struct rule_step);
        struct rule_step *step = FCT_AT(search->steps, struct rule_step, depth - 1);
        uint32_t edges = FCT_COUNT_OF(search->edges, uint32_t);
        if (edges == step->edges) {
            search->colours.ptr[step->rule] = DONE;
            search->steps.len -= sizeof *step;
            continue;
        }
        uint32_t next = *FCT_AT(search->edges, uint32_t, edges - 1);
        search->edges.len -= sizeof next;
        if (search->colours.ptr[next] == OPEN) {
            const struct fct_rule *rule = fct_rule_at(search->build->program, next);
            return fct_build_fail(search->build, (struct fct_place){rule->document, rule->node},
                                  FACTUM_INVALID,
                                  "leads back to itself without going into the data");
        }
        if (search->colours.ptr[next] == NEW) {
            status = open_rule(search, next);
        }
    }
    return status;
}

factum_status fct_link_loops(struct fct_build *build)
{
    struct fct_program *program = build->program;
    uint32_t count = FCT_COUNT_OF(program->rules, struct fct_rule);
    struct search search = {.build = build};
    fct_buf_init(&search.colours, program->mem, count);
    fct_buf_init(&search.steps, program->mem, program->rules.size_max);
    fct_buf_init(&search.edges, program->mem, program->words.size_max);
    factum_status status = fct_buf_reserve(&search.colours, count);
    if (status != FACTUM_OK) {
        return fct_build_no_room(build, status);
    }
    memset(search.colours.ptr, NEW, count);
    for (uint32_t i = 0; i < count && status == FACTUM_OK; i++) {
        status = search.colours.ptr[i] == NEW ? follow(&search, i) : FACTUM_OK;
    }
    fct_buf_finish(&search.colours);
    fct_buf_finish(&search.steps);
    fct_buf_finish(&search.edges);
    return status;
}

/* ---- dynamic references ---------------------------------------------------------------------- */

/* A dynamic anchor that a reference names. */
struct anchor {
    uint32_t text; /* its name in texts */
    uint32_t resource, rule;
};

static int compare_anchors(const void *a, const void *b)
{
    const struct anchor *left = a;
    const struct anchor *right = b;
    if (left->text != right->text) {
        return left->text < right->text ? -1 : 1;
    }
    return left->resource < right->resource ? -1 : left->resource > right->resource;
}

/* Collects the dynamic anchors whose names are in texts. */
static factum_status collect_anchors(struct fct_build *build, struct fct_buf *anchors)
{
    struct fct_program *program = build->program;
    uint32_t count = fct_names_count(&program->places);
    factum_status status = FACTUM_OK;
    for (uint32_t i = 0; i < count && status == FACTUM_OK; i++) {
        const struct fct_name *name = fct_names_at(&program->places, i);
        factum_slice uri = fct_names_text(&program->places, i);
        const uint8_t *hash = uri.len == 0 ? NULL : memchr(uri.ptr, '#', uri.len);
        if (hash == NULL || name->more == 0 || name->value == FCT_NAMES_NONE) {
            continue;
        }
        struct anchor anchor = {.rule = name->value,
                                .resource = fct_rule_at(program, name->value)->resource};
        anchor.text =
            fct_names_find(&program->texts, fct_slice_from(uri, (size_t)(hash + 1 - uri.ptr)));
        status = anchor.text == FCT_NAMES_NONE ? FACTUM_OK
                                               : fct_buf_add(anchors, &anchor, sizeof anchor);
    }
    return status == FACTUM_OK ? FACTUM_OK : fct_build_no_room(build, status);
}

/* For each name a list of resource, rule, ... in words; its place becomes the name's value in
 * texts. */
static factum_status list_anchors(struct fct_build *build, const struct fct_buf *anchors)
{
    uint32_t count = FCT_COUNT_OF(*anchors, struct anchor);
    factum_status status = FACTUM_OK;
    for (uint32_t i = 0; i < count && status == FACTUM_OK;) {
        uint32_t text = FCT_AT(*anchors, struct anchor, i)->text;
        uint32_t at;
        fct_buf_clear(&build->list);
        while (i < count && FCT_AT(*anchors, struct anchor, i)->text == text) {
            const struct anchor *anchor = FCT_AT(*anchors, struct anchor, i++);
            uint32_t pair[2] = {anchor->resource, anchor->rule};
            if (fct_buf_add(&build->list, pair, sizeof pair) != FACTUM_OK) {
                return fct_build_no_room(build, FACTUM_NO_MEMORY);
            }
        }
        status = fct_compile_list(build, FCT_FIRST(build->list, uint32_t),
                                  FCT_COUNT_OF(build->list, uint32_t), &at);
        fct_names_at(&build->program->texts, text)->value = at;
    }
    return status;
}

/* list_anchors for the roots with "$recursiveAnchor": true. */
static factum_status list_recursive(struct fct_build *build, uint32_t *at)
{
    const struct fct_program *program = build->program;
    uint32_t count = FCT_COUNT_OF(program->resources, struct fct_resource);
    fct_buf_clear(&build->list);
    for (uint32_t i = 0; i < count; i++) {
        const struct fct_resource *resource =
            FCT_AT(program->resources, const struct fct_resource, i);
        const struct fct_document *document = fct_document_at(program, resource->document);
        uint32_t pair[2] = {i, document->rule_of[resource->node]};
        if (resource->recursive && fct_buf_add(&build->list, pair, sizeof pair) != FACTUM_OK) {
            return fct_build_no_room(build, FACTUM_NO_MEMORY);
        }
    }
    return fct_compile_list(build, FCT_FIRST(build->list, uint32_t),
                            FCT_COUNT_OF(build->list, uint32_t), at);
}

/* The operand: the rule without a scope, and the list of rules that a scope may choose from. */
static factum_status complete(struct fct_build *build, const struct fct_dynamic *dynamic,
                              uint32_t recursive)
{
    struct fct_program *program = build->program;
    const struct fct_rule *rule = fct_rule_at(program, dynamic->rule);
    const struct fct_rule *target = fct_rule_at(program, dynamic->target);
    const struct fct_resource *resource =
        FCT_AT(program->resources, const struct fct_resource, target->resource);
    uint32_t pair[2] = {dynamic->target, FCT_RULE_NONE};
    uint32_t at;
    if (dynamic->anchor != FCT_NAMES_NONE) {
        pair[1] = fct_names_at(&program->texts, dynamic->anchor)->value;
    } else if (rule->draft == FACTUM_SCHEMA_2019_09 && resource->recursive &&
               resource->node == target->node) {
        pair[1] = recursive;
    }
    uint32_t before = (uint32_t)FCT_POPCOUNT64(rule->keywords & (FCT_BIT(FCT_K_DYNAMIC_REF) - 1));
    uint32_t operand = rule->operands + before;
    factum_status status = fct_compile_list(build, pair, 2, &at);
    FCT_AT(program->operands, struct fct_operand, operand)->value = at;
    return status;
}

factum_status fct_link_dynamic(struct fct_build *build)
{
    uint32_t count = FCT_COUNT_OF(build->dynamic, struct fct_dynamic);
    uint32_t recursive = 0;
    struct fct_buf anchors;
    if (count == 0) {
        return FACTUM_OK;
    }
    fct_buf_init(&anchors, build->program->mem, build->program->words.size_max);
    factum_status status = collect_anchors(build, &anchors);
    if (status == FACTUM_OK && anchors.len > 0) {
        qsort(anchors.ptr, anchors.len / sizeof(struct anchor), sizeof(struct anchor),
              compare_anchors);
        status = list_anchors(build, &anchors);
    }
    status = status == FACTUM_OK ? list_recursive(build, &recursive) : status;
    for (uint32_t i = 0; i < count && status == FACTUM_OK; i++) {
        status = complete(build, FCT_AT(build->dynamic, const struct fct_dynamic, i), recursive);
    }
    fct_buf_finish(&anchors);
    return status;
}

/* ---- tags ------------------------------------------------------------------------------------ */

#define TAG_VISITS_MAX 100000u
#define TAG_RULES_MAX 256u   /* inside each other, most of them through references */
#define STEP_NONE UINT32_MAX /* instead of a kind: reached by a reference, or the root */

/* A rule on the way down. */
struct visit_tag {
    uint32_t rule;
    uint32_t at;              /* the next member of its properties; FACTUM_JSON_NONE: not begun */
    uint32_t item;            /* the next of its prefixItems; equal to their count: items */
    struct fct_tag_step step; /* by which it was reached */
    bool items_over;
    bool followed; /* its reference was followed */
};

struct tag_walk {
    struct fct_build *build;
    struct visit_tag stack[TAG_RULES_MAX];
    uint32_t depth;
    uint32_t visits;
};

static factum_status note_tag(struct tag_walk *walk, uint32_t node, uint32_t document)
{
    struct fct_build *build = walk->build;
    struct fct_program *program = build->program;
    struct fct_tag tag;
    factum_slice name;
    struct fct_place place = {document, node};
    fct_buf_clear(&build->list);
    for (uint32_t i = 0; i < walk->depth; i++) {
        const struct fct_tag_step *step = &walk->stack[i].step;
        if (step->kind != STEP_NONE && fct_buf_add(&build->list, step, sizeof *step) != FACTUM_OK) {
            return fct_build_no_room(build, FACTUM_NO_MEMORY);
        }
    }
    if (FCT_COUNT_OF(build->list, struct fct_tag_step) > FACTUM_SCHEMA_TAG_DEPTH_MAX) {
        return fct_build_fail(build, place, FACTUM_TOO_BIG,
                              "over the limit of %u properties and items inside each other on the "
                              "way to a tag",
                              FACTUM_SCHEMA_TAG_DEPTH_MAX);
    }
    if (program->tags.len / sizeof tag == FACTUM_SCHEMA_TAGS_MAX) {
        return fct_build_fail(build, place, FACTUM_TOO_BIG, "over the limit of %u tags",
                              FACTUM_SCHEMA_TAGS_MAX);
    }
    factum_status status = fct_load_text(build, place, &name);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_compile_list(build, FCT_FIRST(build->list, uint32_t),
                              FCT_COUNT_OF(build->list, uint32_t), &tag.path);
    if (status == FACTUM_OK) {
        status = fct_names_add(&program->texts, name, &tag.name);
        status = status == FACTUM_OK ? fct_buf_add(&program->tags, &tag, sizeof tag) : status;
        status = status == FACTUM_OK ? status : fct_build_no_room(build, status);
    }
    return status;
}

/* Goes down, unless the rule is on the way already: below it values of any depth are possible, and
 * a tag has one place. */
static factum_status enter(struct tag_walk *walk, uint32_t number, struct fct_tag_step step)
{
    const struct fct_program *program = walk->build->program;
    const struct fct_rule *rule = fct_rule_at(program, number);
    const factum_json *json = &fct_document_at(program, rule->document)->json;
    if (number == FCT_RULE_ANY) {
        return FACTUM_OK; /* no document contains it */
    }
    for (uint32_t i = 0; i < walk->depth; i++) {
        if (walk->stack[i].rule == number) {
            return FACTUM_OK;
        }
    }
    if (walk->depth == TAG_RULES_MAX) {
        return fct_build_fail(
            walk->build, (struct fct_place){rule->document, rule->node}, FACTUM_TOO_BIG,
            "over the limit of %u subschemas inside each other that are searched for tags",
            TAG_RULES_MAX);
    }
    if (++walk->visits > TAG_VISITS_MAX) {
        return fct_build_fail(
            walk->build, (struct fct_place){rule->document, rule->node}, FACTUM_TOO_BIG,
            "over the limit of %u properties that are searched for tags", TAG_VISITS_MAX);
    }
    walk->stack[walk->depth++] =
        (struct visit_tag){.rule = number, .at = FACTUM_JSON_NONE, .step = step};
    uint32_t tag = factum_json_find(json, rule->node, FCT_SLICE("x-factum-tag"));
    return tag == FACTUM_JSON_NONE ? FACTUM_OK : note_tag(walk, tag, rule->document);
}

/* Goes down into the next property of |top|. False: none is left. */
static bool enter_member(struct tag_walk *walk, struct visit_tag *top, factum_status *status)
{
    struct fct_program *program = walk->build->program;
    const struct fct_rule *rule = fct_rule_at(program, top->rule);
    const struct fct_document *document = fct_document_at(program, rule->document);
    const factum_json *json = &document->json;
    factum_slice name;
    if ((rule->keywords & FCT_BIT(FCT_K_MEMBERS)) == 0) {
        return false;
    }
    uint32_t properties = fct_operand_of(program, rule, FCT_K_MEMBERS)->node;
    if (properties == FACTUM_JSON_NONE) {
        return false;
    }
    uint32_t at = top->at == FACTUM_JSON_NONE ? properties + 1 : top->at;
    if (at >= json->nodes[properties].next) {
        return false;
    }
    top->at = json->nodes[at + 1].next;
    *status = fct_load_text(walk->build, (struct fct_place){rule->document, at}, &name);
    if (*status == FACTUM_OK) {
        const struct fct_tag_step step = {FACTUM_SCHEMA_STEP_MEMBER,
                                          fct_names_find(&program->texts, name)};
        *status = enter(walk, document->rule_of[at + 1], step);
    }
    return true;
}

/* Goes down into the schema of the next items of |top|. False: none is left. */
static bool enter_items(struct tag_walk *walk, struct visit_tag *top, factum_status *status)
{
    const struct fct_program *program = walk->build->program;
    const struct fct_rule *rule = fct_rule_at(program, top->rule);
    const bool has_prefix = (rule->keywords & FCT_BIT(FCT_K_PREFIX_ITEMS)) != 0;
    const uint32_t *prefix =
        has_prefix ? fct_words_at(program, fct_operand_of(program, rule, FCT_K_PREFIX_ITEMS)->value)
                   : NULL;
    if (has_prefix && top->item < prefix[0]) {
        const struct fct_tag_step step = {FACTUM_SCHEMA_STEP_ITEM, top->item++};
        *status = enter(walk, prefix[1 + step.value], step);
        return true;
    }
    if (top->items_over || (rule->keywords & FCT_BIT(FCT_K_ITEMS)) == 0) {
        return false;
    }
    top->items_over = true;
    *status = enter(walk, fct_operand_of(program, rule, FCT_K_ITEMS)->value,
                    (struct fct_tag_step){FACTUM_SCHEMA_STEP_ITEMS, top->item});
    return true;
}

/* One step of the walk: down into the next property, items or reference, or up. */
static factum_status advance(struct tag_walk *walk)
{
    struct fct_program *program = walk->build->program;
    struct visit_tag *top = &walk->stack[walk->depth - 1];
    const struct fct_rule *rule = fct_rule_at(program, top->rule);
    factum_status status = FACTUM_OK;
    if (enter_member(walk, top, &status) || enter_items(walk, top, &status)) {
        return status;
    }
    if (!top->followed && (rule->keywords & FCT_BIT(FCT_K_REF)) != 0) {
        top->followed = true;
        return enter(walk, fct_operand_of(program, rule, FCT_K_REF)->value,
                     (struct fct_tag_step){STEP_NONE, 0});
    }
    walk->depth--;
    return FACTUM_OK;
}

factum_status fct_link_tags(struct fct_build *build)
{
    struct tag_walk walk = {.build = build};
    factum_status status = FACTUM_OK;
    if (build->program->has_tags) {
        status = enter(&walk, build->program->root, (struct fct_tag_step){STEP_NONE, 0});
    }
    while (status == FACTUM_OK && walk.depth > 0) {
        status = advance(&walk);
    }
    return status;
}
