/* store_calls.c - see store_calls.h; the table of factum.v1.Store. Layer: server. */
#include "server/store_calls.h"
#include "core/error.h"
#include "core/slice.h"

const struct fct_grpc_method *const fct_store_methods[] = {
    &fct_store_open_method,   &fct_store_append_method, &fct_store_read_method,
    &fct_store_news_method,   &fct_store_ask_method,    &fct_store_list_method,
    &fct_store_verify_method, &fct_store_backup_method, NULL,
};

void fct_store_call_fail_as(struct fct_grpc_call *call, enum fct_grpc_code code,
                            factum_status status, const factum_error *err)
{
    char number[FCT_STORE_NUMBER_SIZE_MAX];
    char os_error[FCT_STORE_NUMBER_SIZE_MAX];
    const struct fct_field fields[] = {
        {FCT_SLICE(FCT_STORE_TRAILER_STATUS),
         fct_store_format_number(fct_store_number_of(status), number)},
        {FCT_SLICE(FCT_STORE_TRAILER_OS_ERROR),
         fct_store_format_number(err->os_error > 0 ? (uint64_t)err->os_error : 0, os_error)},
    };
    fct_grpc_finish(call, code, factum_slice_from(err->text), fields, err->os_error > 0 ? 2 : 1);
}

void fct_store_call_fail(struct fct_grpc_call *call, factum_status status, const factum_error *err)
{
    fct_store_call_fail_as(call, fct_grpc_code_of(status), status, err);
}

void fct_store_call_no_memory(struct fct_grpc_call *call)
{
    factum_error err = {.text = "the server is out of memory"};
    fct_store_call_fail(call, FACTUM_NO_MEMORY, &err);
}

void fct_store_call_answer(struct fct_grpc_call *call, factum_status status)
{
    if (status != FACTUM_OK) {
        fct_store_call_no_memory(call);
        return;
    }
    fct_grpc_send(call);
    fct_grpc_finish_ok(call);
}

factum_call fct_store_call_context(const struct fct_grpc_call *call)
{
    return (factum_call){
        .size = sizeof(factum_call),
        .deadline = call->deadline,
        .principal = call->principal->name,
        .traceparent = fct_exchange_field(call->exchange, FCT_SLICE("traceparent")),
        .tracestate = fct_exchange_field(call->exchange, FCT_SLICE("tracestate")),
    };
}

bool fct_store_call_may_read(struct fct_grpc_call *call, factum_source source, factum_slice name,
                             bool *skip_system)
{
    bool allowed = false;
    if (source == FACTUM_SOURCE_STREAM) {
        allowed = fct_grpc_allowed(call, FCT_OP_READ_STREAM, name);
    } else if (source == FACTUM_SOURCE_ALL && !*skip_system) {
        allowed = fct_grpc_allowed(call, FCT_OP_READ_ALL, FCT_SLICE("$all"));
    } else {
        allowed = fct_grpc_allowed(call, FCT_OP_READ_ALL, fct_slice(NULL, 0));
    }
    /* Names of a stream and a metastream were checked. Many streams, like those in a virtual one,
     * are returned without system streams. */
    bool one = source == FACTUM_SOURCE_STREAM &&
               (!fct_slice_starts(name, FCT_SLICE("$")) || fct_slice_starts(name, FCT_SLICE("$$")));
    if (call->principal->right < FCT_RIGHT_ADMIN && !one) {
        *skip_system = true;
    }
    return allowed;
}
