/* grpc_call.c - see grpc_call.h. Layer: server.
 *
 * Invariants (grpc_check).
 *  1. Between calls of the exchange at most |held| bytes of the body are not released.
 *  2. server->partial_size is the sum of |partial_size| of all calls.
 */
#include "server/grpc_call.h"

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"

#define MESSAGE_SIZE_MAX ((size_t)48 << 20) /* one that carries a whole append */
#define MESSAGE_SIZE_MAX_OF_NOBODY ((size_t)64 << 10)
#define PARTIAL_MAX ((uint64_t)256 << 20) /* bytes of incomplete messages, over all calls */
#define GRPC_OUT_SIZE_MAX ((size_t)64 << 20)
#define OUT_KEPT ((size_t)256 << 10) /* memory that an empty buffer keeps */
#define TRAILERS_MAX 8

static const struct fct_grpc_method *const *const services[] = {
    fct_kurrent_streams_methods,
    fct_kurrent_services_methods,
    fct_store_methods,
    fct_schemas_methods,
};

static const struct fct_grpc_method *find_method(factum_slice path)
{
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
        for (const struct fct_grpc_method *const *method = services[i]; *method != NULL; method++) {
            if (fct_slice_equal(path, factum_slice_from((*method)->path))) {
                return *method;
            }
        }
    }
    return NULL;
}

/* May the client keep its side open until the call ends? Clients also ask for persistent
 * subscriptions, which are not offered. */
static bool is_bidirectional(const struct fct_grpc_method *method, factum_slice path)
{
    return method != NULL
               ? method->bidirectional
               : fct_slice_equal(path, FCT_SLICE("/event_store.client.persistent_subscriptions."
                                                 "PersistentSubscriptions/Read"));
}

/* ---- answers --------------------------------------------------------------------------------- */

static const struct fct_field content_type = {
    .name = {(const uint8_t *)"content-type", 12},
    .value = {(const uint8_t *)"application/grpc", 16},
};

/* Returns false if the call is aborted. */
static bool respond(struct fct_grpc_call *call)
{
    if (call->responded) {
        return true;
    }
    call->responded = true;
    if (fct_exchange_respond(call->exchange, 200, &content_type, 1) != FACTUM_OK) {
        call->finished = true;
        fct_exchange_abort(call->exchange, FCT_ABORT_INTERNAL);
        return false;
    }
    return true;
}

void fct_grpc_send(struct fct_grpc_call *call)
{
    if (!call->finished && respond(call) &&
        fct_exchange_write(call->exchange, fct_buf_slice(&call->out)) != FACTUM_OK) {
        call->finished = true;
        fct_exchange_abort(call->exchange, FCT_ABORT_INTERNAL);
    }
    fct_buf_clear(&call->out);
    if (call->out.capacity > OUT_KEPT) {
        fct_buf_finish(&call->out);
    }
}

void fct_grpc_rest(struct fct_grpc_call *call)
{
    FCT_ASSERT(call->out.len == 0);
    fct_buf_finish(&call->out);
}

size_t fct_grpc_room(const struct fct_grpc_call *call)
{
    return call->finished ? 0 : fct_exchange_room(call->exchange);
}

static struct fct_field status_field(enum fct_grpc_code code)
{
    static const char digits[] = "00010203040506070809101112131415"
                                 "16";
    size_t at = 2 * (size_t)code + (code < 10 ? 1 : 0);
    return (struct fct_field){FCT_SLICE("grpc-status"), fct_slice(digits + at, code < 10 ? 1 : 2)};
}

void fct_grpc_finish(struct fct_grpc_call *call, enum fct_grpc_code code, factum_slice text,
                     const struct fct_field *fields, size_t count)
{
    struct fct_field all[TRAILERS_MAX];
    size_t used = 0;
    if (call->finished) {
        return;
    }
    FCT_ASSERT(count <= TRAILERS_MAX - 2);
    fct_timer_stop(&call->deadline_timer);
    all[used++] = status_field(code);
    fct_buf_clear(&call->out);
    if (text.len > 0 && fct_grpc_encode_message(&call->out, text) == FACTUM_OK) {
        all[used++] = (struct fct_field){FCT_SLICE("grpc-message"), fct_buf_slice(&call->out)};
    }
    for (size_t i = 0; i < count; i++) {
        all[used++] = fields[i];
    }
    if (respond(call) && fct_exchange_finish(call->exchange, all, used) != FACTUM_OK) {
        fct_exchange_abort(call->exchange, FCT_ABORT_INTERNAL);
    }
    call->finished = true;
    fct_buf_clear(&call->out);
}

void fct_grpc_finish_ok(struct fct_grpc_call *call)
{
    fct_grpc_finish(call, FCT_GRPC_OK, fct_slice(NULL, 0), NULL, 0);
}

void fct_grpc_fail(struct fct_grpc_call *call, factum_status status, const factum_error *err)
{
    fct_grpc_finish(call, fct_grpc_code_of(status), factum_slice_from(err->text), NULL, 0);
}

void fct_grpc_deny(struct fct_grpc_call *call, factum_slice text)
{
    bool anonymous = call->principal->right == FCT_RIGHT_NONE;
    const struct fct_field denied = {FCT_SLICE("exception"), FCT_SLICE("access-denied")};
    fct_grpc_finish(call, anonymous ? FCT_GRPC_UNAUTHENTICATED : FCT_GRPC_PERMISSION_DENIED, text,
                    &denied, 1);
}

bool fct_grpc_allowed(struct fct_grpc_call *call, enum fct_operation operation, factum_slice stream)
{
    factum_error err;
    if (fct_rights_check(call->principal, operation, stream, &err) == FACTUM_OK) {
        return true;
    }
    fct_grpc_deny(call, factum_slice_from(err.text));
    return false;
}

static void grpc_check(const struct fct_grpc_call *call)
{
    FCT_ASSERT(call->unreleased <= call->held);
    FCT_ASSERT(call->server->partial_size >= call->partial_size);
    FCT_ASSERT(call->method->streams_requests || call->message_count <= 2);
}

/* ---- the exchange's side --------------------------------------------------------------------- */

static void fail_message(struct fct_grpc_call *call, factum_status status, const factum_error *err)
{
    if (status == FACTUM_TOO_BIG && call->principal->right == FCT_RIGHT_NONE) {
        fct_grpc_finish(call, FCT_GRPC_UNAUTHENTICATED, FCT_SLICE("log in before so big a message"),
                        NULL, 0);
        return;
    }
    enum fct_grpc_code code = status == FACTUM_TOO_BIG       ? FCT_GRPC_RESOURCE_EXHAUSTED
                              : status == FACTUM_UNSUPPORTED ? FCT_GRPC_UNIMPLEMENTED
                                                             : fct_grpc_code_of(status);
    fct_grpc_finish(call, code, factum_slice_from(err->text), NULL, 0);
}

/* Releases the bytes of the body that are not needed to keep |held| bytes unreleased. Bytes of a
 * message may have been released while the rest of it came: later bytes are held in their place. */
static void settle(struct fct_grpc_call *call)
{
    if (call->unreleased > call->held) {
        size_t size = call->unreleased - call->held;
        call->unreleased = call->held;
        fct_exchange_release(call->exchange, size);
    }
}

void fct_grpc_hold(struct fct_grpc_call *call, size_t size)
{
    call->held += size;
}

void fct_grpc_release(struct fct_grpc_call *call, size_t size)
{
    FCT_ASSERT(size <= call->held);
    call->held -= size;
    settle(call);
}

/* Counts the bytes that the deframer has collected. All calls together have a maximum: a client may
 * begin many messages and end none. */
static void count_partial(struct fct_grpc_call *call)
{
    struct fct_server *server = call->server;
    if (call->finished || fct_grpc_deframer_is_empty(&call->deframer)) {
        fct_grpc_deframer_finish(&call->deframer);
    }
    server->partial_size -= call->partial_size;
    call->partial_size = call->deframer.buf.capacity;
    server->partial_size += call->partial_size;
    if (server->partial_size > PARTIAL_MAX) {
        fct_grpc_finish(call, FCT_GRPC_RESOURCE_EXHAUSTED,
                        FCT_SLICE("too many bytes of messages wait for their end: try again"), NULL,
                        0);
        fct_grpc_deframer_finish(&call->deframer);
        server->partial_size -= call->partial_size;
        call->partial_size = 0;
    }
}

static void on_body(struct fct_exchange *exchange, factum_slice bytes)
{
    struct fct_grpc_call *call = exchange->data;
    size_t size = bytes.len;
    grpc_check(call);
    while (!call->finished) {
        factum_slice message;
        factum_error err;
        factum_status status = fct_grpc_deframe(&call->deframer, &bytes, &message, &err);
        if (status == FACTUM_DONE) {
            break;
        }
        if (status != FACTUM_OK) {
            fail_message(call, status, &err);
            break;
        }
        if (++call->message_count > 1 && !call->method->streams_requests) {
            fct_grpc_finish(call, FCT_GRPC_INVALID_ARGUMENT,
                            FCT_SLICE("a second message in a call that takes one"), NULL, 0);
            break;
        }
        call->method->message(call, message);
    }
    count_partial(call);
    call->unreleased += size;
    settle(call);
    grpc_check(call);
}

static void on_end(struct fct_exchange *exchange)
{
    struct fct_grpc_call *call = exchange->data;
    grpc_check(call);
    if (call->finished) {
        return;
    }
    bool split = !fct_grpc_deframer_is_empty(&call->deframer);
    if (split || (call->message_count == 0 && !call->method->streams_requests)) {
        fct_grpc_finish(call, FCT_GRPC_INVALID_ARGUMENT,
                        split ? FCT_SLICE("the request ends inside a message")
                              : FCT_SLICE("the request has no message"),
                        NULL, 0);
        return;
    }
    if (call->method->end != NULL) {
        call->method->end(call);
    }
}

static void on_writable(struct fct_exchange *exchange)
{
    struct fct_grpc_call *call = exchange->data;
    grpc_check(call);
    if (!call->finished && call->method->writable != NULL) {
        call->method->writable(call);
    }
}

static void on_closed(struct fct_exchange *exchange, bool complete)
{
    struct fct_grpc_call *call = exchange->data;
    (void)complete;
    grpc_check(call);
    call->finished = true;
    fct_timer_stop(&call->deadline_timer);
    if (call->method->closed != NULL) {
        call->method->closed(call);
    }
    fct_grpc_deframer_finish(&call->deframer);
    FCT_ASSERT(call->server->partial_size >= call->partial_size);
    call->server->partial_size -= call->partial_size;
    fct_buf_finish(&call->out);
    fct_mem_free(call->server->mem, call);
}

static const struct fct_exchange_handler grpc_handler = {on_body, on_end, on_writable, on_closed};

void fct_grpc_refuse(struct fct_exchange *exchange, enum fct_grpc_code code, factum_slice text)
{
    const struct fct_field trailers[] = {status_field(code), {FCT_SLICE("grpc-message"), text}};
    exchange->handler = &fct_exchange_ignoring;
    exchange->ends_first = is_bidirectional(find_method(exchange->target), exchange->target);
    if (fct_exchange_respond(exchange, 200, &content_type, 1) != FACTUM_OK ||
        fct_exchange_finish(exchange, trailers, 2) != FACTUM_OK) {
        fct_exchange_abort(exchange, FCT_ABORT_INTERNAL);
    }
}

static void on_deadline(struct fct_timer *timer)
{
    struct fct_grpc_call *call = FCT_CONTAINER_OF(timer, struct fct_grpc_call, deadline_timer);
    fct_grpc_finish(call, FCT_GRPC_DEADLINE_EXCEEDED, FCT_SLICE("the deadline has passed"), NULL,
                    0);
    count_partial(call);
}

/* Returns false for a malformed deadline. */
static bool begin_deadline(struct fct_grpc_call *call)
{
    factum_slice text = fct_exchange_field(call->exchange, FCT_SLICE("grpc-timeout"));
    int64_t timeout_ms;
    if (text.ptr == NULL) {
        return true;
    }
    if (fct_grpc_parse_timeout(text, &timeout_ms) != FACTUM_OK) {
        return false;
    }
    call->deadline = factum_deadline(timeout_ms);
    unsigned after = timeout_ms > INT32_MAX ? INT32_MAX : (unsigned)timeout_ms;
    fct_timer_start(call->server->loop, &call->deadline_timer, after, 0);
    return true;
}

static struct fct_grpc_call *make_call(struct fct_server *server,
                                       const struct fct_principal *principal,
                                       const struct fct_grpc_method *method)
{
    bool nobody = principal->right == FCT_RIGHT_NONE;
    size_t head = (sizeof(struct fct_grpc_call) + 15) / 16 * 16;
    uint8_t *block = fct_mem_zalloc(server->mem, 1, head + method->state_size);
    if (block == NULL) {
        return NULL;
    }
    struct fct_grpc_call *call = (void *)block;
    call->server = server;
    call->principal = principal;
    call->method = method;
    call->state = block + head;
    call->deadline_timer.run = on_deadline;
    fct_grpc_deframer_init(&call->deframer, server->mem,
                           nobody ? MESSAGE_SIZE_MAX_OF_NOBODY : MESSAGE_SIZE_MAX);
    fct_buf_init(&call->out, server->mem, GRPC_OUT_SIZE_MAX);
    return call;
}

/* Returns why a method is not offered, and what to use instead: docs/guide/kurrentdb.md. */
static factum_slice unoffered_text(factum_slice path)
{
    static const char *const texts[][2] = {
        {"/event_store.client.persistent_subscriptions.",
         "persistent subscriptions are not offered: use a catch-up subscription, and store its "
         "checkpoint with what you made of the events"},
        {"/event_store.client.projections.",
         "projections are not run: category, type and correlation streams ($ce-, $et-, $bc-) are "
         "always there; for anything else use a subscriber"},
        {"/event_store.client.users.",
         "there are no users yet: clients log in as admin with the secret of the first start"},
        {"/event_store.client.operations.",
         "this operation is not offered: stop the server by SIGTERM; there is no scavenge yet"},
        {"/event_store.client.monitoring.", "figures are at /metrics, over HTTP"},
        {"/kurrentdb.protocol.v2.",
         "version 2 of the protocol is not offered: factum.v1.Store and POST /api/v1/events append "
         "to several streams at once"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (fct_slice_starts(path, factum_slice_from(texts[i][0]))) {
            return factum_slice_from(texts[i][1]);
        }
    }
    return FCT_SLICE("unknown method: see docs/guide/kurrentdb.md and proto/");
}

void fct_grpc_begin(struct fct_server *server, const struct fct_principal *principal,
                    struct fct_exchange *exchange)
{
    const struct fct_grpc_method *method = find_method(exchange->target);
    if (method == NULL) {
        fct_grpc_refuse(exchange, FCT_GRPC_UNIMPLEMENTED, unoffered_text(exchange->target));
        return;
    }
    if (server->stopping) {
        fct_grpc_refuse(exchange, FCT_GRPC_UNAVAILABLE, FCT_SLICE("the server is shutting down"));
        return;
    }
    struct fct_grpc_call *call = make_call(server, principal, method);
    if (call == NULL) {
        fct_grpc_refuse(exchange, FCT_GRPC_RESOURCE_EXHAUSTED, FCT_SLICE("out of memory"));
        return;
    }
    call->exchange = exchange;
    exchange->handler = &grpc_handler;
    exchange->ends_first = method->bidirectional;
    exchange->data = call;
    if (!begin_deadline(call)) {
        fct_grpc_finish(call, FCT_GRPC_INVALID_ARGUMENT, FCT_SLICE("grpc-timeout is malformed"),
                        NULL, 0);
    } else if (method->begin != NULL) {
        method->begin(call);
    }
}
