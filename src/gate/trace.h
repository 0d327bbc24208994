/* trace.h - which flow and trace an event belongs to, in its metadata. Layer: gate.
 *
 * Only appends with a context (factum_call) are changed. The context's correlation and causation
 * ids become "$correlationId" and "$causationId" of events that have none. Of the trace, for each
 * event:
 *  1. "traceparent" in its metadata, whatever its value, stays, and nothing is added;
 *  2. otherwise "$traceId" and "$spanId", as KurrentDB's clients write them, give a "traceparent"
 *     with the flag "sampled";
 *  3. otherwise the context's traceparent gives one with the same trace and flags, and a new id for
 *     the append, the same in all its events; its tracestate is copied. A context whose traceparent
 *     is not valid starts a new trace, without its tracestate.
 *
 * Nothing is ever overwritten, and invalid members stay as they are. Events of system streams, and
 * metadata that is not a JSON object, are not changed. The content of an append with a key is
 * hashed before, and members of traces do not count in that hash: a retry in another trace, or with
 * other ids in its context, is recognised.
 */
#ifndef FCT_GATE_TRACE_H
#define FCT_GATE_TRACE_H

#include <stdatomic.h>

#include "engine/engine.h"

struct fct_tracing {
    const struct fct_mem *mem;
    uint64_t seed;
    _Atomic uint64_t made; /* count of the ids so far */
};

void fct_tracing_init(struct fct_tracing *tracing, const struct fct_mem *mem);
/* Stamps the events of |op|, which is prepared. If events get additions, the op's request becomes a
 * copy, which the op's tail owns. Errors: NO_MEMORY (nothing has changed). */
FCT_MUST_USE factum_status fct_trace_stamp(struct fct_tracing *tracing, factum_append_op *op,
                                           factum_error *err);

#endif
