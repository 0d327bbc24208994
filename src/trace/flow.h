/* flow.h - the events of one flow, as nodes, and the tree over them. Layer: trace.
 *
 *     find.c      which events the id names
 *     collect.c   an event -> a node; then all events with the same correlation ids
 *     tree.c      nodes in the order of the log -> causes, flags, the critical path
 *     print_*.c   the tree as text, JSON, a graph
 *
 * Invariants:
 *  1. After fct_flow_build, |nodes| are in the order of the log, and |cause| of a node is NONE or a
 *     lower number: so every walk along causes ends.
 *  2. No position occurs twice.
 *  3. All texts of nodes are in |texts|.
 */
#ifndef FCT_TRACE_FLOW_H
#define FCT_TRACE_FLOW_H

#include <factum/trace.h>

#include "core/arena.h"
#include "trace/table.h"

#define FCT_NODE_NONE UINT32_MAX
#define FCT_FLOW_TEXTS_MAX ((size_t)256 << 20)
#define FCT_FLOW_CORRELATIONS_MAX 64u /* different ones that are followed */

/* The meaning of an event to its saga. */
enum fct_node_role {
    FCT_ROLE_OTHER,
    FCT_ROLE_STUCK, /* SagaStuck */
    FCT_ROLE_STEP,  /* another change of |step| */
    FCT_ROLE_SAGA,  /* a change of the whole saga, which ends every STUCK */
};

struct fct_node {
    uint64_t position;
    uint64_t revision;
    int64_t created;
    factum_uuid id;
    factum_slice stream;
    factum_slice type;
    factum_slice correlation;
    factum_slice causation;
    factum_slice command_id;
    factum_slice trace_id;
    factum_slice step;
    factum_slice code;
    factum_slice text;
    uint64_t input; /* position of the event that a saga's commit answers; 0: unknown */
    uint32_t cause;
    uint32_t root;
    uint32_t flags;
    uint8_t role;
};

struct factum_trace {
    const struct fct_mem *mem;
    factum_arena texts;
    struct fct_node *nodes;
    uint32_t count;
    uint32_t capacity;
    factum_slice id; /* the id in the request */
    factum_trace_info info;
};

/* State while the trace is opened. */
struct fct_flow {
    factum_trace *trace;
    factum_store *store;
    factum_trace_options options;
    struct fct_table seen; /* positions, event ids and correlation ids */
    uint32_t correlations;
    uint64_t events_read;
};

/* Kinds of keys in tables. */
enum fct_key { FCT_KEY_POSITION, FCT_KEY_ID, FCT_KEY_COMMAND, FCT_KEY_TEXT, FCT_KEY_STEP };

/* ---- collect.c ------------------------------------------------------------------------------- */

/* Metadata, decoded into the caller's memory. */
struct fct_marks {
    factum_slice correlation;
    factum_slice causation;
    factum_slice command_id;
    factum_slice trace_id;
    char memory[3][FACTUM_NAME_SIZE_MAX];
    char trace[32];
};
/* Reads metadata of any form; an invalid member is treated as missing. */
void fct_marks_read(factum_slice metadata, struct fct_marks *marks);

/* Is |event| of a system stream, and are those left out? */
bool fct_flow_hides(const struct fct_flow *flow, const factum_event *event);
/* Adds |event|, unless it is hidden, its position is in the flow already, or the flow is full: then
 * the trace is truncated. Errors: NO_MEMORY, TOO_BIG, CANCELLED. */
FCT_MUST_USE factum_status fct_flow_add(struct fct_flow *flow, const factum_event *event,
                                        factum_error *err);
/* Adds all events of a source. */
FCT_MUST_USE factum_status fct_flow_read(struct fct_flow *flow, factum_source source,
                                         factum_slice name, factum_error *err);
/* Counts a read event, and asks now and then whether to continue. Errors: CANCELLED. */
FCT_MUST_USE factum_status fct_flow_step(struct fct_flow *flow, factum_error *err);
/* Adds the events with the correlation ids of the nodes. */
FCT_MUST_USE factum_status fct_flow_expand(struct fct_flow *flow, factum_error *err);

/* ---- find.c, tree.c -------------------------------------------------------------------------- */

/* Adds the events that |id| names. Errors: NOT_FOUND. */
FCT_MUST_USE factum_status fct_flow_find(struct fct_flow *flow, factum_slice id, factum_error *err);
FCT_MUST_USE factum_status fct_flow_build(factum_trace *trace, factum_error *err);
/* The slice of |stream|. */
factum_slice fct_node_service(const struct fct_node *node);

#endif
