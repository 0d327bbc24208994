/* cut.h - which nodes of a trace are shown to a person: equal siblings once, and so many at most.
 * Layer: trace. Pure.
 *
 * Two siblings are equal if type, service, flags and all that followed from them are. Shown are
 * first the critical path and what is flagged, with their causes up to the root; then the others in
 * the order of the log. A node is shown only if its cause is.
 */
#ifndef FCT_TRACE_CUT_H
#define FCT_TRACE_CUT_H

#include "trace/flow.h"

struct fct_cut_node {
    uint32_t first;  /* effect in the order of the log; NONE: none */
    uint32_t next;   /* effect of the same cause, or root; NONE */
    uint32_t below;  /* nodes below, at any depth */
    uint32_t hidden; /* of one that is shown: nodes below that nothing stands for */
    uint32_t alike;  /* siblings that it stands for, with itself; 0: one stands for it */
    struct fct_hash128 shape;
    bool shown;
};

struct fct_cut {
    const factum_trace *trace;
    struct fct_cut_node *nodes; /* as many as the trace has */
    uint32_t first_root;
    uint32_t shown;  /* nodes */
    uint32_t hidden; /* roots that nothing stands for, and what is below them */
    bool all;
};

/* |lines_max|: UINT64_MAX: all, each by itself; otherwise 10,000 at most. NO_MEMORY. */
FCT_MUST_USE factum_status fct_cut_make(struct fct_cut *cut, const factum_trace *trace,
                                        uint64_t lines_max, factum_error *err);
/* Accepts one that could not be made. */
void fct_cut_finish(struct fct_cut *cut);
/* The node after |at| in the order of a tree, its causes first, among those that are shown; |at|
 * NONE: the first one. *depth is that of the node. NONE: the end. */
uint32_t fct_cut_next(const struct fct_cut *cut, uint32_t at, uint32_t *depth);
/* Is another sibling of |at| shown after it? */
bool fct_cut_has_more(const struct fct_cut *cut, uint32_t at);

#endif
