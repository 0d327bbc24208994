/* cut.c - see cut.h. Layer: trace. Two passes over the log, one from its end; nothing recurses. */
#include "trace/cut.h"

#include "core/error.h"
#include "core/slice.h"

#define LINES_MAX 10000u

static factum_status cut_no_memory(factum_error *err)
{
    return fct_fail(err, FACTUM_NO_MEMORY, "trace: out of memory");
}

/* From the last node to the first: each node is complete before it is added to its cause. */
static void join_nodes(struct fct_cut *cut)
{
    const factum_trace *trace = cut->trace;
    cut->first_root = FCT_NODE_NONE;
    for (uint32_t i = trace->count; i-- > 0;) {
        const struct fct_node *node = &trace->nodes[i];
        struct fct_cut_node *at = &cut->nodes[i];
        struct fct_hash128 below = at->shape;
        const factum_slice parts[] = {
            fct_slice(&below, sizeof below),
            fct_slice(&node->type.len, sizeof node->type.len),
            node->type,
            fct_slice(&node->flags, sizeof node->flags),
            fct_node_service(node),
        };
        at->shape = fct_hash128_parts(parts, sizeof parts / sizeof parts[0], at->below);
        at->alike = 1;
        uint32_t *list = &cut->first_root;
        if (node->cause != FCT_NODE_NONE) {
            struct fct_cut_node *cause = &cut->nodes[node->cause];
            const factum_slice both[] = {fct_slice(&cause->shape, sizeof cause->shape),
                                         fct_slice(&at->shape, sizeof at->shape)};
            cause->shape = fct_hash128_parts(both, 2, 0);
            cause->below += at->below + 1;
            list = &cause->first;
        }
        at->next = *list;
        *list = i;
    }
}

/* The first of equal siblings stands for all. */
static factum_status join_alike(struct fct_cut *cut, factum_error *err)
{
    const factum_trace *trace = cut->trace;
    struct fct_table shapes;
    factum_status status = FACTUM_OK;
    fct_table_init(&shapes, trace->mem);
    for (uint32_t i = 0; status == FACTUM_OK && i < trace->count; i++) {
        uint32_t cause = trace->nodes[i].cause;
        struct fct_cut_node *at = &cut->nodes[i];
        if (cause != FCT_NODE_NONE && cut->nodes[cause].alike == 0) {
            at->alike = 0; /* its cause is not shown */
            continue;
        }
        const uint32_t *first = fct_table_put(
            &shapes, fct_table_key(cause, fct_slice(&at->shape, sizeof at->shape)), i);
        if (first == NULL) {
            status = cut_no_memory(err);
        } else if (*first != i) {
            cut->nodes[*first].alike++;
            at->alike = 0;
        }
    }
    fct_table_finish(&shapes);
    return status;
}

/* Shows node |i| and its causes, if there is room for all of them. */
static void show_with_causes(struct fct_cut *cut, uint32_t i, uint64_t lines_max)
{
    const struct fct_node *nodes = cut->trace->nodes;
    uint64_t room = lines_max > cut->shown ? lines_max - cut->shown : 0;
    uint64_t wanted = 0;
    for (uint32_t at = i; at != FCT_NODE_NONE && !cut->nodes[at].shown && wanted <= room;
         at = nodes[at].cause) {
        wanted++;
    }
    if (wanted > room) {
        return;
    }
    for (uint32_t at = i; at != FCT_NODE_NONE && !cut->nodes[at].shown; at = nodes[at].cause) {
        cut->nodes[at].shown = true;
        cut->shown++;
    }
}

/* A path that is too long is shown from its root as far as there is room. */
static void show_path(struct fct_cut *cut, uint64_t lines_max)
{
    const factum_trace *trace = cut->trace;
    for (uint32_t i = 0; i < trace->count && cut->shown < lines_max; i++) {
        if ((trace->nodes[i].flags & FACTUM_TRACE_CRITICAL) != 0 && cut->nodes[i].alike > 0) {
            show_with_causes(cut, i, lines_max);
        }
    }
}

static void show_nodes(struct fct_cut *cut, uint64_t lines_max)
{
    const factum_trace *trace = cut->trace;
    const uint32_t plain = FACTUM_TRACE_COMMAND | FACTUM_TRACE_CRITICAL;
    show_path(cut, lines_max - lines_max / 4);
    for (uint32_t i = 0; i < trace->count && cut->shown < lines_max; i++) {
        if ((trace->nodes[i].flags & ~plain) != 0 && cut->nodes[i].alike > 0) {
            show_with_causes(cut, i, lines_max);
        }
    }
    for (uint32_t i = 0; i < trace->count && cut->shown < lines_max; i++) {
        uint32_t cause = trace->nodes[i].cause;
        if (cut->nodes[i].alike > 0 && !cut->nodes[i].shown &&
            (cause == FCT_NODE_NONE || cut->nodes[cause].shown)) {
            cut->nodes[i].shown = true;
            cut->shown++;
        }
    }
}

/* Counts the nodes that no shown node stands for, at the nearest cause that is shown. */
static void count_hidden(struct fct_cut *cut)
{
    const factum_trace *trace = cut->trace;
    for (uint32_t i = 0; i < trace->count; i++) {
        uint32_t cause = trace->nodes[i].cause;
        const struct fct_cut_node *at = &cut->nodes[i];
        if (at->shown || at->alike == 0) {
            continue;
        }
        uint32_t hidden = at->alike * (at->below + 1);
        if (cause == FCT_NODE_NONE) {
            cut->hidden += hidden;
        } else if (cut->nodes[cause].shown) {
            cut->nodes[cause].hidden += hidden;
        }
    }
}

static void show_all(struct fct_cut *cut)
{
    for (uint32_t i = 0; i < cut->trace->count; i++) {
        cut->nodes[i].shown = true;
    }
    cut->shown = cut->trace->count;
}

factum_status fct_cut_make(struct fct_cut *cut, const factum_trace *trace, uint64_t lines_max,
                           factum_error *err)
{
    *cut = (struct fct_cut){.trace = trace, .all = lines_max == UINT64_MAX};
    cut->nodes = fct_mem_zalloc(trace->mem, trace->count, sizeof *cut->nodes);
    if (cut->nodes == NULL) {
        return cut_no_memory(err);
    }
    for (uint32_t i = 0; i < trace->count; i++) {
        cut->nodes[i].first = cut->nodes[i].next = FCT_NODE_NONE;
    }
    join_nodes(cut);
    factum_status status = cut->all ? FACTUM_OK : join_alike(cut, err);
    if (status != FACTUM_OK) {
        fct_cut_finish(cut);
    } else if (cut->all) {
        show_all(cut);
    } else {
        show_nodes(cut, lines_max < LINES_MAX ? lines_max : LINES_MAX);
        count_hidden(cut);
    }
    return status;
}

void fct_cut_finish(struct fct_cut *cut)
{
    fct_mem_free(cut->trace->mem, cut->nodes);
    cut->nodes = NULL;
}

/* |at|, or the first later sibling that is shown. */
static uint32_t first_shown(const struct fct_cut *cut, uint32_t at)
{
    while (at != FCT_NODE_NONE && !cut->nodes[at].shown) {
        at = cut->nodes[at].next;
    }
    return at;
}

bool fct_cut_has_more(const struct fct_cut *cut, uint32_t at)
{
    return first_shown(cut, cut->nodes[at].next) != FCT_NODE_NONE;
}

uint32_t fct_cut_next(const struct fct_cut *cut, uint32_t at, uint32_t *depth)
{
    if (at == FCT_NODE_NONE) {
        *depth = 0;
        return first_shown(cut, cut->first_root);
    }
    uint32_t found = first_shown(cut, cut->nodes[at].first);
    if (found != FCT_NODE_NONE) {
        (*depth)++;
        return found;
    }
    while (at != FCT_NODE_NONE) {
        found = first_shown(cut, cut->nodes[at].next);
        if (found != FCT_NODE_NONE) {
            return found;
        }
        at = cut->trace->nodes[at].cause;
        *depth -= at == FCT_NODE_NONE ? 0 : 1;
    }
    return FCT_NODE_NONE;
}
