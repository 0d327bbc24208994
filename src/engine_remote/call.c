/* call.c - one call of the engine: fields, frames, and its outcome. Layer: engine_remote.
 *
 * Source: the gRPC protocol, "gRPC over HTTP2" (PROTOCOL-HTTP2.md). A plain call (HTTP without
 * gRPC) has no gRPC frames and no grpc-status. Knows no message.
 *
 * Invariants.
 *  1. |h2| is set from a successful start until |ended| is called, once.
 *  2. After stop only |ended| is called.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "engine_remote/remote_int.h"
#include "wire/store_shared.h"

#define CALL_TIMEOUT_DIGITS_MAX UINT64_C(99999999)
#define CALL_FIELDS 5

/* ---- the end --------------------------------------------------------------------------------- */

static factum_slice call_field(const struct fct_field *fields, size_t count, factum_slice name)
{
    for (size_t i = 0; i < count; i++) {
        if (fct_slice_equal(fields[i].name, name)) {
            return fields[i].value;
        }
    }
    return fct_slice(NULL, 0);
}

static void call_take_outcome(struct distant_call *call, const struct fct_field *fields,
                              size_t count)
{
    factum_slice code = call_field(fields, count, FCT_SLICE("grpc-status"));
    if (code.ptr == NULL) {
        return;
    }
    call->has_outcome = true;
    call->status = fct_store_outcome(
        code, call_field(fields, count, FCT_SLICE("grpc-message")),
        call_field(fields, count, FCT_SLICE(FCT_STORE_TRAILER_STATUS)),
        call_field(fields, count, FCT_SLICE(FCT_STORE_TRAILER_OS_ERROR)), &call->err);
}

/* Explains an answer without a gRPC status. */
static void call_explain(struct distant_call *call)
{
    const struct distant *distant = call->distant;
    switch (call->http_status) {
    case 401:
    case 403:
        call->status = fct_fail(&call->err, FACTUM_DENIED, "%s does not accept this secret",
                                distant->address.authority);
        break;
    default:
        call->status = fct_fail(&call->err, FACTUM_UNREACHABLE,
                                "%s does not answer like a Factum server (HTTP status %u)",
                                distant->address.authority, call->http_status);
        break;
    }
}

static void call_closed(struct fct_client_call *h2, enum fct_client_end how)
{
    struct distant_call *call = h2->data;
    enum distant_end end = DISTANT_LOST;
    switch (how) {
    case FCT_CLIENT_COMPLETE:
        end = DISTANT_ANSWERED;
        break;
    case FCT_CLIENT_REFUSED:
        end = DISTANT_UNTOUCHED;
        break;
    case FCT_CLIENT_CANCELLED:
        end = call->stopped ? DISTANT_STOPPED : DISTANT_ANSWERED; /* or stopped by call_data */
        break;
    case FCT_CLIENT_RESET:
        call->has_outcome = true;
        call->status = fct_fail(&call->err, FACTUM_IO, "%s has broken off the call",
                                call->distant->address.authority);
        end = DISTANT_ANSWERED;
        break;
    case FCT_CLIENT_LOST:
        break;
    }
    if (call->stopped) {
        end = DISTANT_STOPPED;
    } else if (end == DISTANT_ANSWERED && !call->has_outcome) {
        call_explain(call);
    }
    call->h2 = NULL;
    fct_grpc_deframer_finish(&call->deframer);
    call->ops->ended(call, end);
}

/* ---- what comes ------------------------------------------------------------------------------ */

static void call_take_head(struct distant_call *call, unsigned status, factum_slice type)
{
    struct distant_head head = {.status = status};
    size_t len = type.len < sizeof head.type ? type.len : sizeof head.type - 1;
    if (len > 0) {
        memcpy(head.type, type.ptr, len);
    }
    call->has_outcome = true;
    call->status = FACTUM_OK;
    call->ops->message(call, fct_slice(&head, sizeof head));
}

static void call_released_or_held(struct distant_call *call)
{
    if (call->ops->holds == NULL || !call->ops->holds(call)) {
        fct_distant_call_release(call);
    }
}

/* Takes bytes of a plain answer. */
static void call_take_bytes(struct distant_call *call, factum_slice bytes)
{
    if (!call->stopped && bytes.len > 0) {
        call->ops->message(call, bytes);
    }
    if (!call->stopped) {
        call_released_or_held(call);
    }
}

static void call_head(struct fct_client_call *h2, unsigned status, const struct fct_field *fields,
                      size_t count)
{
    struct distant_call *call = h2->data;
    call->http_status = status;
    if (call->plain == NULL) {
        call_take_outcome(call, fields, count); /* an answer that has trailers alone */
    } else if (!call->stopped) {
        call_take_head(call, status, call_field(fields, count, FCT_SLICE("content-type")));
    }
}

static void call_trailers(struct fct_client_call *h2, const struct fct_field *fields, size_t count)
{
    struct distant_call *call = h2->data;
    if (call->plain == NULL) {
        call_take_outcome(call, fields, count);
    }
}

/* Stops the call, because the answer is no message. */
static void call_break_off(struct distant_call *call, factum_status status, const factum_error *err)
{
    call->has_outcome = true;
    call->status = status;
    call->err = *err;
    fct_client_cancel(call->h2);
}

static void call_data(struct fct_client_call *h2, factum_slice bytes)
{
    struct distant_call *call = h2->data;
    factum_slice message;
    factum_error err;
    factum_status status = FACTUM_OK;
    call->unreleased += bytes.len;
    if (call->plain != NULL) {
        call_take_bytes(call, bytes);
        return;
    }
    if (call->http_status != 200) {
        fct_distant_call_release(call); /* a page for people */
        return;
    }
    while (!call->stopped && status == FACTUM_OK) {
        status = fct_grpc_deframe(&call->deframer, &bytes, &message, &err);
        if (status == FACTUM_OK) {
            call->ops->message(call, message);
        }
    }
    if (call->stopped) {
        return;
    }
    if (status != FACTUM_DONE) {
        call_break_off(call, status, &err);
    } else {
        call_released_or_held(call);
    }
}

static void call_writable(struct fct_client_call *h2)
{
    struct distant_call *call = h2->data;
    if (!call->stopped && call->ops->writable != NULL) {
        call->ops->writable(call);
    }
}

void fct_distant_call_release(struct distant_call *call)
{
    if (call->h2 != NULL && call->unreleased > 0) {
        size_t size = call->unreleased;
        call->unreleased = 0;
        fct_client_release(call->h2, size);
    }
}

/* ---- starting and stopping ------------------------------------------------------------------- */

void fct_distant_call_stop(struct distant_call *call)
{
    if (call->h2 != NULL && !call->stopped) {
        call->stopped = true;
        fct_client_cancel(call->h2);
    }
}

/* grpc-timeout has 8 digits and a unit. */
static factum_slice call_timeout(uint64_t ms, char text[24])
{
    bool seconds = ms > CALL_TIMEOUT_DIGITS_MAX;
    uint64_t number = seconds ? ms / 1000 : ms;
    number = number < CALL_TIMEOUT_DIGITS_MAX ? number : CALL_TIMEOUT_DIGITS_MAX;
    (void)snprintf(text, 24, "%" PRIu64 "%c", number, seconds ? 'S' : 'm');
    return factum_slice_from(text);
}

/* Fills |fields|, and returns how many. |timeout| must last as long as they. */
static size_t call_fields(const struct distant_call *call, uint64_t timeout_ms, char timeout[24],
                          struct fct_field fields[CALL_FIELDS])
{
    const char *authorization = call->distant->address.authorization;
    size_t count = 0;
    fields[count++] =
        (struct fct_field){FCT_SLICE("user-agent"), FCT_SLICE("factum/" FACTUM_VERSION)};
    if (call->plain == NULL) {
        fields[count++] =
            (struct fct_field){FCT_SLICE("content-type"), FCT_SLICE("application/grpc")};
        fields[count++] = (struct fct_field){FCT_SLICE("te"), FCT_SLICE("trailers")};
    } else if (call->plain->content_type.len > 0) {
        fields[count++] = (struct fct_field){FCT_SLICE("content-type"), call->plain->content_type};
    }
    if (timeout_ms > 0 && call->plain == NULL) {
        fields[count++] =
            (struct fct_field){FCT_SLICE("grpc-timeout"), call_timeout(timeout_ms, timeout)};
    }
    if (authorization != NULL) {
        fields[count++] =
            (struct fct_field){FCT_SLICE("authorization"), factum_slice_from(authorization)};
    }
    return count;
}

factum_status fct_distant_call_start(struct distant_call *call, factum_slice path,
                                     uint64_t timeout_ms, factum_slice message, bool ends)
{
    static const struct fct_client_handler handler = {call_head, call_data, call_trailers,
                                                      call_writable, call_closed};
    struct distant *distant = call->distant;
    char timeout[24];
    struct fct_field fields[CALL_FIELDS];
    FCT_ASSERT(call->h2 == NULL);
    if (distant->client == NULL) {
        return FACTUM_UNREACHABLE;
    }
    size_t count = call_fields(call, timeout_ms, timeout, fields);
    factum_slice method = call->plain == NULL ? FCT_SLICE("POST") : call->plain->method;
    factum_status status =
        fct_h2_client_request(distant->client, method, path, fields, count, &call->h2);
    if (status != FACTUM_OK) {
        call->h2 = NULL;
        return status;
    }
    call->h2->handler = &handler;
    call->h2->data = call;
    call->unreleased = 0;
    call->http_status = 0;
    call->has_outcome = false;
    call->stopped = false;
    fct_grpc_deframer_init(&call->deframer, distant->mem, FCT_DISTANT_MESSAGE_MAX);
    if (fct_client_write(call->h2, message) != FACTUM_OK) {
        factum_error err;
        call_break_off(call, fct_fail(&err, FACTUM_NO_MEMORY, "no memory for a request"), &err);
    } else if (ends) {
        fct_client_end(call->h2);
    }
    return FACTUM_OK;
}
