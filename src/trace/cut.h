/* cut.h - which nodes of a trace are shown to a person: equal siblings once, up to a limit. Layer:
 * trace. Pure.
 *
 * Two siblings are equal if type, service, flags and everything that followed from them are equal.
 * First the critical path and flagged nodes are shown, with their causes up to the root; then the
 * others in the order of the log. A node is shown only if its cause is.
 */
#ifndef FCT_TRACE_CUT_H
#define FCT_TRACE_CUT_H

#include "trace/flow.h"

struct fct_cut_node {
    uint32_t first;  /* first effect in the order of the log, or NONE */
    uint32_t next;   /* next effect of the same cause, or next root, or NONE */
    uint32_t below;  /* nodes below, at any depth */
    uint32_t hidden; /* of a shown node: nodes below that no shown node stands for */
    uint32_t alike;  /* siblings that it stands for, with itself; 0: another node stands for it */
    struct fct_hash128 shape;
    bool shown;
};

struct fct_cut {
    const factum_trace *trace;
    struct fct_cut_node *nodes; /* one for each node of the trace */
    uint32_t first_root;
    uint32_t shown;  /* nodes */
    uint32_t hidden; /* roots that no shown node stands for, and the nodes below them */
    bool all;
};

/* |lines_max|: UINT64_MAX shows every node; otherwise at most 10,000. Errors: NO_MEMORY. */
FCT_MUST_USE factum_status fct_cut_make(struct fct_cut *cut, const factum_trace *trace,
                                        uint64_t lines_max, factum_error *err);
/* Accepts a cut whose creation failed. */
void fct_cut_finish(struct fct_cut *cut);
/* The next shown node after |at| in the order of a tree, causes first; |at| NONE: the first one.
 * *depth is the node's depth. NONE: the end. */
uint32_t fct_cut_next(const struct fct_cut *cut, uint32_t at, uint32_t *depth);
/* Is a later sibling of |at| shown? */
bool fct_cut_has_more(const struct fct_cut *cut, uint32_t at);

#endif
