/* trace.h - which flow and trace an event belongs to, in its metadata. Layer: gate.
 *
 * Only of appends with a context (factum_call): one without is not touched. The context's
 * correlation and causation ids become "$correlationId" and "$causationId" of events that say none.
 * Of the trace, for each event:
 *  1. "traceparent" in its metadata, of whatever value, stays, and nothing is added;
 *  2. otherwise "$traceId" and "$spanId", as KurrentDB's clients write them, give a "traceparent"
 *     with the flag "sampled";
 *  3. otherwise the context's traceparent gives one with the same trace and flags, and a new id for
 *     the append, the same in all its events; its tracestate goes along.
 * A context whose traceparent is not valid begins a new trace, without its tracestate.
 *
 * Nothing is ever overwritten, and what is not valid stays as it is. Events of system streams, and
 * metadata that is no JSON object, are not touched. What was asked for by key is hashed before, and
 * members of traces do not count in that: a retry in another trace, or with other ids in its
 * context, is recognised.
 */
#ifndef FCT_GATE_TRACE_H
#define FCT_GATE_TRACE_H

#include <stdatomic.h>

#include "engine/engine.h"

struct fct_tracing {
    const struct fct_mem *mem;
    uint64_t seed;
    _Atomic uint64_t made; /* ids so far */
};

void fct_tracing_init(struct fct_tracing *tracing, const struct fct_mem *mem);
/* Stamps the events of |op|, which is prepared. If there is something to add, the op's request is
 * changed to a copy, which the op's tail owns. NO_MEMORY: nothing has changed. */
FCT_MUST_USE factum_status fct_trace_stamp(struct fct_tracing *tracing, factum_append_op *op,
                                           factum_error *err);

#endif
