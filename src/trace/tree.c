/* tree.c - nodes in the order of the log become a tree: causes, what is open, stuck or failed, and
 * the critical path. Layer: trace. See flow.h.
 *
 * Nodes are taken in the order of the log, and a cause is looked up among the earlier ones: no
 * metadata can cause a cycle, and one pass is enough.
 */
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "trace/flow.h"

/* What is known of command ids, steps and streams. */
struct tree {
    factum_trace *trace;
    struct fct_table ids;      /* event ids -> the first node */
    struct fct_table commands; /* command ids -> the node that the next answer belongs to */
    struct fct_table answered; /* command ids that are the cause of an event */
    struct fct_table stuck;    /* a stream and a step -> the SagaStuck in force, or NONE */
    struct fct_table ended;    /* streams -> the last change of the whole saga */
};

static factum_status tree_no_memory(factum_error *err)
{
    return fct_fail(err, FACTUM_NO_MEMORY, "trace: out of memory");
}

static int compare_nodes(const void *a, const void *b)
{
    const struct fct_node *x = a;
    const struct fct_node *y = b;
    return (x->position > y->position) - (x->position < y->position);
}

/* ---- causes ---------------------------------------------------------------------------------- */

static struct fct_hash128 id_key(const factum_uuid *id)
{
    return fct_table_key(FCT_KEY_ID, fct_slice(id->bytes, sizeof id->bytes));
}

/* The node that the text |causation| names; NONE: no node so far. */
static uint32_t find_cause(const struct tree *tree, factum_slice causation)
{
    factum_uuid id;
    const uint32_t *at = NULL;
    if (factum_uuid_parse(causation, &id) == FACTUM_OK) {
        at = fct_table_find(&tree->ids, id_key(&id));
    }
    if (at == NULL) {
        at = fct_table_find(&tree->commands, fct_table_key(FCT_KEY_COMMAND, causation));
    }
    return at == NULL ? FCT_NODE_NONE : *at;
}

/* An event that a decider appended for a command, without naming a cause, is caused by the
 * command's event. */
static uint32_t cause_of(const struct tree *tree, const struct fct_node *node)
{
    const struct fct_node *nodes = tree->trace->nodes;
    if (node->causation.len > 0) {
        return find_cause(tree, node->causation);
    }
    if (node->command_id.len == 0 || (node->flags & FACTUM_TRACE_COMMAND) != 0) {
        return FCT_NODE_NONE;
    }
    uint32_t cause = find_cause(tree, node->command_id);
    bool command = cause != FCT_NODE_NONE && (nodes[cause].flags & FACTUM_TRACE_COMMAND) != 0;
    return command ? cause : FCT_NODE_NONE;
}

/* Records node |i| for later nodes. A command that was sent again replaces the earlier one: the
 * next answer belongs to it. */
static bool enter_node(struct tree *tree, uint32_t i)
{
    const struct fct_node *node = &tree->trace->nodes[i];
    if (fct_table_put(&tree->ids, id_key(&node->id), i) == NULL) {
        return false;
    }
    if (node->command_id.len == 0) {
        return true;
    }
    uint32_t *at =
        fct_table_put(&tree->commands, fct_table_key(FCT_KEY_COMMAND, node->command_id), i);
    if (at != NULL && (node->flags & FACTUM_TRACE_COMMAND) != 0) {
        *at = i;
    }
    return at != NULL;
}

/* Records both the name of the cause and the command id of the cause: an answer by the event's id
 * is an answer too. */
static bool mark_answered(struct tree *tree, const struct fct_node *node)
{
    if (node->causation.len == 0 || (fct_slice_equal(node->type, FCT_SLICE("CommandCancelled")) &&
                                     fct_slice_starts(node->stream, FCT_SLICE("command:")))) {
        return true;
    }
    struct fct_hash128 key = fct_table_key(FCT_KEY_COMMAND, node->causation);
    return fct_table_put(&tree->answered, key, 1) != NULL;
}

static factum_status link_nodes(struct tree *tree, factum_error *err)
{
    factum_trace *trace = tree->trace;
    for (uint32_t i = 0; i < trace->count; i++) {
        struct fct_node *node = &trace->nodes[i];
        node->cause = cause_of(tree, node);
        FCT_ASSERT(node->cause == FCT_NODE_NONE || node->cause < i);
        node->root = node->cause == FCT_NODE_NONE ? i : trace->nodes[node->cause].root;
        if (!mark_answered(tree, node) || !enter_node(tree, i)) {
            return tree_no_memory(err);
        }
    }
    return FACTUM_OK;
}

/* Flags roots that name a cause: is the cause nowhere, or not before them? */
static void flag_roots(const struct tree *tree)
{
    factum_trace *trace = tree->trace;
    for (uint32_t i = 0; i < trace->count; i++) {
        struct fct_node *node = &trace->nodes[i];
        if (node->cause != FCT_NODE_NONE) {
            continue;
        }
        trace->info.root_count++;
        if (node->causation.len > 0) {
            trace->info.missing_count++;
            node->flags |= find_cause(tree, node->causation) == FCT_NODE_NONE
                               ? (uint32_t)FACTUM_TRACE_CAUSE_MISSING
                               : (uint32_t)FACTUM_TRACE_CAUSE_LATER;
        }
    }
}

/* ---- what is open, stuck, failed ------------------------------------------------------------- */

/* A command without an id is known by the id of its event. */
static void flag_open(const struct tree *tree, struct fct_node *node)
{
    char id[FACTUM_UUID_TEXT_SIZE];
    factum_slice command = node->command_id;
    if (command.len == 0) {
        factum_uuid_format(node->id, id);
        command = factum_slice_from(id);
    }
    if (fct_table_find(&tree->answered, fct_table_key(FCT_KEY_COMMAND, command)) == NULL) {
        node->flags |= FACTUM_TRACE_OPEN;
        tree->trace->info.open_count++;
    }
}

static struct fct_hash128 step_key(const struct fct_node *node)
{
    struct fct_hash128 stream = fct_table_key(FCT_KEY_STEP, node->stream);
    return fct_table_key(stream.low ^ stream.high, node->step);
}

static bool follow_saga(struct tree *tree, uint32_t i)
{
    const struct fct_node *node = &tree->trace->nodes[i];
    uint32_t *at = NULL;
    if (node->role == FCT_ROLE_OTHER) {
        return true;
    }
    /* A change without a step, such as a retry of all, changes the whole saga. */
    bool whole =
        node->role == FCT_ROLE_SAGA || (node->role == FCT_ROLE_STEP && node->step.len == 0 &&
                                        !fct_slice_equal(node->type, FCT_SLICE("SagaFailed")));
    if (whole) {
        at = fct_table_put(&tree->ended, fct_table_key(FCT_KEY_TEXT, node->stream), i);
    } else {
        at = fct_table_put(&tree->stuck, step_key(node), i);
    }
    if (at != NULL) {
        *at = whole || node->role == FCT_ROLE_STUCK ? i : FCT_NODE_NONE;
    }
    return at != NULL;
}

static bool is_stuck(const struct tree *tree, uint32_t i)
{
    const struct fct_node *node = &tree->trace->nodes[i];
    if (node->role != FCT_ROLE_STUCK) {
        return false;
    }
    const uint32_t *last = fct_table_find(&tree->stuck, step_key(node));
    const uint32_t *ended = fct_table_find(&tree->ended, fct_table_key(FCT_KEY_TEXT, node->stream));
    return last != NULL && *last == i && (ended == NULL || *ended < i);
}

static factum_status flag_nodes(struct tree *tree, factum_error *err)
{
    factum_trace *trace = tree->trace;
    for (uint32_t i = 0; i < trace->count; i++) {
        if (!follow_saga(tree, i)) {
            return tree_no_memory(err);
        }
    }
    for (uint32_t i = 0; i < trace->count; i++) {
        struct fct_node *node = &trace->nodes[i];
        if ((node->flags & FACTUM_TRACE_COMMAND) != 0) {
            flag_open(tree, node);
        }
        if (is_stuck(tree, i)) {
            node->flags |= FACTUM_TRACE_STUCK;
            trace->info.stuck_count++;
        }
        trace->info.failed_count += (node->flags & FACTUM_TRACE_FAILED) != 0 ? 1 : 0;
        trace->info.timed_out_count += (node->flags & FACTUM_TRACE_TIMED_OUT) != 0 ? 1 : 0;
    }
    return FACTUM_OK;
}

/* ---- figures --------------------------------------------------------------------------------- */

/* Of the chains from a root to an event, the one that took longest; one that took as long and
 * continues it replaces it. */
static void find_path(factum_trace *trace)
{
    uint32_t end = 0;
    int64_t longest = -1;
    for (uint32_t i = 0; i < trace->count; i++) {
        int64_t took = trace->nodes[i].created - trace->nodes[trace->nodes[i].root].created;
        bool alike = took == longest && trace->nodes[i].cause == end;
        if (took > longest || alike) {
            longest = took;
            end = i;
        }
    }
    trace->info.path_time = longest;
    for (uint32_t at = end; at != FCT_NODE_NONE; at = trace->nodes[at].cause) {
        trace->nodes[at].flags |= FACTUM_TRACE_CRITICAL;
        trace->info.path_length++;
    }
}

factum_slice fct_node_service(const struct fct_node *node)
{
    static const char prefix[] = "command:";
    factum_slice stream = node->stream;
    if (fct_slice_starts(stream, FCT_SLICE("command:"))) {
        stream = fct_slice_from(stream, sizeof prefix - 1);
    }
    const uint8_t *dash = stream.len == 0 ? NULL : memchr(stream.ptr, '-', stream.len);
    return dash == NULL || stream.ptr[0] == '$' || dash == stream.ptr
               ? stream
               : fct_slice(stream.ptr, (size_t)(dash - stream.ptr));
}

static factum_status count_names(factum_trace *trace, factum_error *err)
{
    struct fct_table streams;
    struct fct_table services;
    factum_status status = FACTUM_OK;
    fct_table_init(&streams, trace->mem);
    fct_table_init(&services, trace->mem);
    for (uint32_t i = 0; status == FACTUM_OK && i < trace->count; i++) {
        const struct fct_node *node = &trace->nodes[i];
        struct fct_hash128 service = fct_table_key(FCT_KEY_TEXT, fct_node_service(node));
        if (fct_table_put(&streams, fct_table_key(FCT_KEY_TEXT, node->stream), i) == NULL ||
            fct_table_put(&services, service, i) == NULL) {
            status = tree_no_memory(err);
        }
        if (trace->info.correlation.len == 0) {
            trace->info.correlation = node->correlation;
        }
    }
    trace->info.stream_count = streams.count;
    trace->info.service_count = services.count;
    fct_table_finish(&streams);
    fct_table_finish(&services);
    return status;
}

factum_status fct_flow_build(factum_trace *trace, factum_error *err)
{
    struct tree tree = {.trace = trace};
    struct fct_table *const tables[] = {&tree.ids, &tree.commands, &tree.answered, &tree.stuck,
                                        &tree.ended};
    FCT_ASSERT(trace->count > 0);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        fct_table_init(tables[i], trace->mem);
    }
    qsort(trace->nodes, trace->count, sizeof *trace->nodes, compare_nodes);
    trace->info.event_count = trace->count;
    trace->info.first_created = trace->nodes[0].created;
    trace->info.last_created = trace->nodes[trace->count - 1].created;
    factum_status status = link_nodes(&tree, err);
    if (status == FACTUM_OK) {
        flag_roots(&tree);
        status = flag_nodes(&tree, err);
    }
    if (status == FACTUM_OK) {
        find_path(trace);
        status = count_names(trace, err);
    }
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        fct_table_finish(tables[i]);
    }
    return status;
}
