/* h2_fixture.h - an HTTP/2 session under test, a handler of its exchanges, and a client of
 * nghttp2 at the other end; no sockets. For the tests and the fuzzer of net. */
#ifndef FCT_TESTS_SUPPORT_H2_FIXTURE_H
#define FCT_TESTS_SUPPORT_H2_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

#include "core/check.h"
#include "core/slice.h"
#include "net/session.h"
#include "support/mem_fault.h"

#define H2_CALLS_MAX 4096

/* Where the handler aborts. */
enum h2_place { H2_NOWHERE, H2_IN_BEGIN, H2_IN_BODY, H2_IN_END, H2_IN_WRITABLE };

/* What the handler does with an exchange. */
enum h2_mode {
    H2_ECHO,   /* responds at once, echoes the body, ends with a trailer */
    H2_HOLD,   /* responds at once, releases nothing, ends with the request */
    H2_SILENT, /* does nothing */
    H2_FLOW,   /* responds and writes flow_size bytes as room allows, then ends */
};

struct h2_server;

/* The server's view of an exchange. */
struct h2_call {
    struct h2_server *server;
    struct fct_exchange *exchange; /* NULL after closed */
    size_t body_size;
    size_t unreleased;
    size_t written;
    size_t waits; /* how often there was no room */
    unsigned writable_count;
    unsigned ended;
    unsigned closed;
    bool complete;
    bool failed; /* a function failed, so it was aborted */
};

struct h2_server {
    struct fct_mem_fault fault;
    struct fct_peer peer;
    struct fct_session_options options;
    struct fct_session *session;
    enum h2_mode mode;
    enum h2_place abort_in;
    size_t flow_size;
    size_t message_size; /* for H2_FLOW */
    uint64_t now_ms;
    unsigned wants;
    bool alive; /* the last return value of receive */
    struct h2_call calls[H2_CALLS_MAX];
    size_t call_count;
};

static inline void h2_fail(struct h2_call *call)
{
    call->failed = true;
    fct_exchange_abort(call->exchange, FCT_ABORT_INTERNAL);
}

static inline void h2_end_answer(struct h2_call *call)
{
    const struct fct_field trailer = {FCT_SLICE("grpc-status"), FCT_SLICE("0")};
    if (fct_exchange_finish(call->exchange, &trailer, 1) != FACTUM_OK) {
        h2_fail(call);
    }
}

/* Aborts the exchange if this is the chosen place. */
static inline void h2_at(struct h2_call *call, enum h2_place place)
{
    if (call->server->abort_in == place) {
        h2_fail(call);
    }
}

static inline void h2_flow(struct h2_server *server, struct h2_call *call)
{
    static const uint8_t zeros[1 << 20];
    while (call->written < server->flow_size) {
        size_t left = server->flow_size - call->written;
        size_t size = left < server->message_size ? left : server->message_size;
        if (fct_exchange_room(call->exchange) == 0) {
            call->waits++;
            return;
        }
        if (fct_exchange_write(call->exchange, fct_slice(zeros, size)) != FACTUM_OK) {
            h2_fail(call);
            return;
        }
        call->written += size;
    }
    h2_end_answer(call);
}

static inline void h2_on_body(struct fct_exchange *exchange, factum_slice bytes)
{
    struct h2_call *call = exchange->data;
    struct h2_server *server = call->server;
    call->body_size += bytes.len;
    call->unreleased += bytes.len;
    h2_at(call, H2_IN_BODY);
    if (server->mode == H2_ECHO && !call->failed) {
        if (fct_exchange_write(exchange, bytes) != FACTUM_OK) {
            h2_fail(call);
            return;
        }
        call->unreleased -= bytes.len;
        fct_exchange_release(exchange, bytes.len);
    }
}

static inline void h2_on_end(struct fct_exchange *exchange)
{
    struct h2_call *call = exchange->data;
    struct h2_server *server = call->server;
    call->ended++;
    h2_at(call, H2_IN_END);
    if ((server->mode == H2_ECHO || server->mode == H2_HOLD) && !call->failed) {
        h2_end_answer(call);
    }
}

static inline void h2_on_writable(struct fct_exchange *exchange)
{
    struct h2_call *call = exchange->data;
    struct h2_server *server = call->server;
    call->writable_count++;
    h2_at(call, H2_IN_WRITABLE);
    if (server->mode == H2_FLOW && !call->failed) {
        h2_flow(server, call);
    }
}

static inline void h2_on_closed(struct fct_exchange *exchange, bool complete)
{
    struct h2_call *call = exchange->data;
    call->closed++;
    call->complete = complete;
    call->exchange = NULL;
}

static inline void h2_begin(void *data, struct fct_exchange *exchange)
{
    static const struct fct_exchange_handler handler = {h2_on_body, h2_on_end, h2_on_writable,
                                                        h2_on_closed};
    struct h2_server *server = data;
    FCT_ASSERT(server->call_count < H2_CALLS_MAX);
    struct h2_call *call = &server->calls[server->call_count];
    server->call_count++;
    call->server = server;
    call->exchange = exchange;
    exchange->handler = &handler;
    exchange->data = call;
    h2_at(call, H2_IN_BEGIN);
    const struct fct_field type = {FCT_SLICE("content-type"), FCT_SLICE("application/grpc")};
    if (server->mode == H2_SILENT) {
        return;
    }
    if (fct_exchange_respond(exchange, 200, &type, 1) != FACTUM_OK) {
        h2_fail(call);
    } else if (server->mode == H2_FLOW) {
        h2_flow(server, call);
    }
}

static inline void h2_wants_send(void *data)
{
    struct h2_server *server = data;
    server->wants++;
}

/* Set limits in server->options.limits and the mode before h2_server_start. */
static inline void h2_server_init(struct h2_server *server, enum h2_mode mode)
{
    memset(server, 0, sizeof *server);
    fct_mem_fault_init(&server->fault);
    server->peer.address = FCT_SLICE("127.0.0.1:1");
    server->options = (struct fct_session_options){
        .mem = &server->fault.mem,
        .peer = &server->peer,
        .data = server,
        .begin = h2_begin,
        .wants_send = h2_wants_send,
    };
    server->mode = mode;
    server->alive = true;
    server->message_size = 1000;
}

static inline factum_status h2_server_start(struct h2_server *server)
{
    return fct_h2_create(&server->options, &server->session, NULL);
}

/* Gives |bytes| in pieces of |piece|; false once the session takes no more. */
static inline bool h2_server_feed(struct h2_server *server, factum_slice bytes, size_t piece)
{
    for (size_t at = 0; at < bytes.len && server->alive; at += piece) {
        size_t size = bytes.len - at < piece ? bytes.len - at : piece;
        server->alive =
            fct_session_receive(server->session, fct_slice(bytes.ptr + at, size), server->now_ms);
    }
    return server->alive;
}

static inline unsigned h2_server_open_count(const struct h2_server *server)
{
    unsigned count = 0;
    for (size_t i = 0; i < server->call_count; i++) {
        count += server->calls[i].closed == 0;
    }
    return count;
}

#endif
