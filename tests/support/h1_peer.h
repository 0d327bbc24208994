/* h1_peer.h - a client and a handler around a session of HTTP/1.1, for its unit tests. Uses net.
 *
 * The handler records the requests; its kind decides how it answers. Everything that the session
 * sends is in |out|.
 */
#ifndef FCT_TESTS_SUPPORT_H1_PEER_H
#define FCT_TESTS_SUPPORT_H1_PEER_H

#include <stdlib.h>

#include "support/mem_fault.h"
#include "support/test.h"

#include "core/buf.h"
#include "core/slice.h"
#include "net/session.h"

enum h1_kind {
    H1_ECHO,   /* at the end of the request: 200 and its body */
    H1_STREAM, /* the body as it comes, in chunks */
    H1_HOLD,   /* no answer: the test answers, and releases */
    H1_EARLY,  /* 200 without a body, in begin */
    H1_ABORT,  /* fct_exchange_abort in begin, with |why| */
};

struct h1_peer {
    struct fct_mem_fault mem;
    struct fct_peer peer;
    struct fct_session_limits limits;
    struct fct_session *session;
    struct fct_buf out;  /* all that was sent */
    struct fct_buf body; /* state of the open exchange */
    struct fct_buf log;  /* "POST /a abc\n" for each request that ended */
    enum h1_kind kind;
    enum fct_abort why;
    struct fct_exchange *exchange;
    uint64_t now;
    int begun, ended, closed, complete, writable, wakes;
    bool failed; /* a call of exchange.h was refused, and the exchange aborted */
    char outcome[256];
};

static inline struct h1_peer *h1_peer_of(struct fct_exchange *exchange)
{
    return exchange->data;
}

/* What a handler must do after a refused call. */
static inline bool h1_peer_tried(struct fct_exchange *exchange, factum_status status)
{
    if (status != FACTUM_OK) {
        h1_peer_of(exchange)->failed = true;
        fct_exchange_abort(exchange, FCT_ABORT_INTERNAL);
    }
    return status == FACTUM_OK;
}

static inline bool h1_peer_respond(struct fct_exchange *exchange)
{
    const struct fct_field fields[] = {{FCT_SLICE("x-kind"), FCT_SLICE("test")}};
    return h1_peer_tried(exchange, fct_exchange_respond(exchange, 200, fields, 1));
}

static inline void h1_peer_on_body(struct fct_exchange *exchange, factum_slice bytes)
{
    struct h1_peer *p = h1_peer_of(exchange);
    assert_true(bytes.len > 0);
    assert_ptr_equal(exchange, p->exchange);
    assert_int_equal(fct_buf_add_slice(&p->body, bytes), FACTUM_OK);
    if (p->kind == H1_STREAM && !p->failed) {
        (void)h1_peer_tried(exchange, fct_exchange_write(exchange, bytes));
    }
    if (p->kind != H1_HOLD) {
        fct_exchange_release(exchange, bytes.len);
    }
}

static inline void h1_peer_on_end(struct fct_exchange *exchange)
{
    struct h1_peer *p = h1_peer_of(exchange);
    p->ended++;
    assert_int_equal(p->begun, p->closed + 1);
    int status = fct_buf_add_slice(&p->log, exchange->method);
    status |= fct_buf_add_text(&p->log, " ");
    status |= fct_buf_add_slice(&p->log, exchange->target);
    status |= fct_buf_add_text(&p->log, " ");
    status |= fct_buf_add_slice(&p->log, fct_buf_slice(&p->body));
    status |= fct_buf_add_text(&p->log, "\n");
    assert_int_equal(status, 0);
    if (p->kind == H1_ECHO && h1_peer_respond(exchange) &&
        h1_peer_tried(exchange, fct_exchange_write(exchange, fct_buf_slice(&p->body)))) {
        (void)h1_peer_tried(exchange, fct_exchange_finish(exchange, NULL, 0));
    }
    if (p->kind == H1_STREAM && !p->failed) {
        (void)h1_peer_tried(exchange, fct_exchange_finish(exchange, NULL, 0));
    }
}

static inline void h1_peer_on_writable(struct fct_exchange *exchange)
{
    assert_true(fct_exchange_room(exchange) > 0);
    h1_peer_of(exchange)->writable++;
}

static inline void h1_peer_on_closed(struct fct_exchange *exchange, bool complete)
{
    struct h1_peer *p = h1_peer_of(exchange);
    assert_ptr_equal(exchange, p->exchange);
    p->closed++;
    p->complete += complete ? 1 : 0;
    p->exchange = NULL;
}

static const struct fct_exchange_handler h1_peer_handler = {
    .body = h1_peer_on_body,
    .end = h1_peer_on_end,
    .writable = h1_peer_on_writable,
    .closed = h1_peer_on_closed,
};

static inline void h1_peer_begin(void *data, struct fct_exchange *exchange)
{
    struct h1_peer *p = data;
    assert_null(p->exchange);
    exchange->handler = &h1_peer_handler;
    exchange->data = p;
    p->exchange = exchange;
    p->begun++;
    p->failed = false;
    fct_buf_clear(&p->body);
    if (p->kind == H1_STREAM) {
        (void)h1_peer_respond(exchange);
    } else if (p->kind == H1_EARLY && h1_peer_respond(exchange)) {
        (void)h1_peer_tried(exchange, fct_exchange_finish(exchange, NULL, 0));
    } else if (p->kind == H1_ABORT) {
        fct_exchange_abort(exchange, p->why);
    }
}

static inline void h1_peer_wants_send(void *data)
{
    ((struct h1_peer *)data)->wakes++;
}

/* Opens a session; p->limits may be set before. */
static inline factum_status h1_peer_open(struct h1_peer *p)
{
    const struct fct_session_options options = {.mem = &p->mem.mem,
                                                .peer = &p->peer,
                                                .limits = p->limits,
                                                .data = p,
                                                .begin = h1_peer_begin,
                                                .wants_send = h1_peer_wants_send};
    factum_error err;
    return fct_h1_create(&options, &p->session, &err);
}

/* A peer without a session; |kind| is how it answers. */
static inline void h1_peer_init(struct h1_peer *p, enum h1_kind kind)
{
    *p = (struct h1_peer){.kind = kind, .now = 1000};
    fct_mem_fault_init(&p->mem);
    fct_buf_init(&p->out, fct_mem_heap(), SIZE_MAX / 2);
    fct_buf_init(&p->body, fct_mem_heap(), SIZE_MAX / 2);
    fct_buf_init(&p->log, fct_mem_heap(), SIZE_MAX / 2);
}

static inline void h1_peer_start(struct h1_peer *p, enum h1_kind kind)
{
    h1_peer_init(p, kind);
    assert_int_equal(h1_peer_open(p), FACTUM_OK);
}

/* Destroys the session; asserts that every exchange was closed and every block freed. */
static inline void h1_peer_finish(struct h1_peer *p)
{
    fct_session_destroy(p->session);
    assert_int_equal(p->closed, p->begun);
    assert_null(p->exchange);
    assert_int_equal(atomic_load(&p->mem.held), 0);
    fct_buf_finish(&p->out);
    fct_buf_finish(&p->body);
    fct_buf_finish(&p->log);
}

/* Calls send once, and appends its bytes to |out|. */
static inline size_t h1_peer_send_once(struct h1_peer *p)
{
    const uint8_t *bytes = NULL;
    size_t size = fct_session_send(p->session, &bytes);
    assert_int_equal(fct_buf_add(&p->out, bytes, size), FACTUM_OK);
    return size;
}

static inline void h1_peer_send(struct h1_peer *p)
{
    size_t turns = 0;
    while (h1_peer_send_once(p) > 0) {
        assert_true(++turns < 100000);
    }
}

/* Gives the bytes to the session, which sends what it has. */
static inline void h1_peer_give(struct h1_peer *p, factum_slice bytes)
{
    bool goes_on = fct_session_receive(p->session, bytes, p->now);
    assert_int_equal(goes_on, !fct_session_is_finished(p->session));
    h1_peer_send(p);
}

static inline void h1_peer_tick(struct h1_peer *p, uint64_t ms)
{
    p->now += ms;
    fct_session_tick(p->session, p->now);
    h1_peer_send(p);
}

static inline size_t h1_peer_count(const struct h1_peer *p, const char *text)
{
    size_t count = 0;
    size_t len = strlen(text);
    for (size_t at = 0; at + len <= p->out.len; at++) {
        count += memcmp(p->out.ptr + at, text, len) == 0 ? 1 : 0;
    }
    return count;
}

/* "200 400 closed": the status of each answer, then the state of the connection. */
static inline const char *h1_peer_outcome(struct h1_peer *p)
{
    size_t len = 0;
    for (size_t at = 0; at + 12 <= p->out.len && len + 16 < sizeof p->outcome; at++) {
        bool is_line = at == 0 || p->out.ptr[at - 1] == '\n';
        if (is_line && memcmp(p->out.ptr + at, "HTTP/1.1 ", 9) == 0) {
            memcpy(p->outcome + len, p->out.ptr + at + 9, 3);
            p->outcome[len + 3] = ' ';
            len += 4;
        }
    }
    const char *state = fct_session_is_finished(p->session) ? "closed" : "open";
    memcpy(p->outcome + len, state, strlen(state) + 1);
    return p->outcome;
}

#define assert_sent(p, text)                                                                       \
    do {                                                                                           \
        const char *sent_ = (text);                                                                \
        if (!fct_slice_equal(fct_buf_slice(&(p)->out), factum_slice_from(sent_))) {                \
            print_error("sent:\n%.*s\nnot:\n%s\n", (int)(p)->out.len, (const char *)(p)->out.ptr,  \
                        sent_);                                                                    \
            fail();                                                                                \
        }                                                                                          \
        (p)->out.len = 0;                                                                          \
    } while (0)

#endif
