/* http_context.c - the origin of a request, from its header: its trace, and the ids of its flow and
 * its cause. Layer: server. */
#include "core/error.h"
#include "core/slice.h"
#include "server/http_int.h"

/* Copies a header field into the call's memory. */
static factum_status copy_field(struct fct_http_call *call, factum_slice name, factum_slice *copy)
{
    return fct_http_copy(call, fct_exchange_field(call->exchange, name), copy);
}

/* True for two traceparent fields: then the trace is ignored, like an invalid one. */
static bool has_two_parents(const struct fct_exchange *exchange)
{
    size_t count = 0;
    for (size_t i = 0; i < exchange->field_count; i++) {
        count += fct_slice_equal(exchange->fields[i].name, FCT_SLICE("traceparent")) ? 1 : 0;
    }
    return count > 1;
}

factum_status fct_http_context_read(struct fct_http_call *call, factum_call *context,
                                    factum_error *err)
{
    *context = (factum_call){.size = sizeof *context, .principal = call->principal->name};
    factum_status status =
        copy_field(call, FCT_SLICE("x-correlation-id"), &context->correlation_id);
    if (status == FACTUM_OK) {
        status = copy_field(call, FCT_SLICE("x-causation-id"), &context->causation_id);
    }
    if (status == FACTUM_OK) {
        status = copy_field(call, FCT_SLICE("traceparent"), &context->traceparent);
    }
    if (status == FACTUM_OK) {
        status = copy_field(call, FCT_SLICE("tracestate"), &context->tracestate);
    }
    if (status != FACTUM_OK) {
        return fct_fail(err, FACTUM_NO_MEMORY, "the server is out of memory");
    }
    if (has_two_parents(call->exchange)) {
        context->traceparent = FCT_SLICE("two");
    }
    bool good = fct_utf8_valid(context->correlation_id) && fct_utf8_valid(context->causation_id) &&
                context->correlation_id.len <= FACTUM_NAME_SIZE_MAX &&
                context->causation_id.len <= FACTUM_NAME_SIZE_MAX;
    return good ? FACTUM_OK
                : fct_fail(err, FACTUM_INVALID,
                           "X-Correlation-ID and X-Causation-ID are UTF-8 of at most %d bytes",
                           FACTUM_NAME_SIZE_MAX);
}
