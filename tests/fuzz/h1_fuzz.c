/* h1_fuzz.c - any bytes as what a client of HTTP/1.1 sends, in any pieces, to a handler.
 *
 * The first byte chooses what the handler does and how big the pieces are. Whatever comes: every
 * exchange is closed once, a refused request gets one answer, and the result does not depend on how
 * the bytes are cut. */
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/check.h"
#include "core/slice.h"
#include "net/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct echo {
    struct fct_session *session;
    struct fct_exchange *exchange;
    struct fct_buf body;
    struct fct_buf seen;
    struct fct_buf sent;
    bool streams;
    bool hoards;   /* releases nothing before the end */
    bool is_early; /* answers in begin */
    bool aborts;   /* in begin */
    size_t unreleased;
};

static void must(factum_status status)
{
    FCT_ASSERT(status == FACTUM_OK);
}

static void on_body(struct fct_exchange *exchange, factum_slice bytes)
{
    struct echo *echo = exchange->data;
    FCT_ASSERT(bytes.len > 0);
    FCT_ASSERT(!echo->is_early);
    FCT_ASSERT(!echo->aborts);
    must(fct_buf_add_slice(&echo->body, bytes));
    echo->unreleased += bytes.len;
    if (!echo->hoards) {
        fct_exchange_release(exchange, bytes.len);
        echo->unreleased = 0;
    }
}

static void on_end(struct fct_exchange *exchange)
{
    struct echo *echo = exchange->data;
    factum_slice body = fct_buf_slice(&echo->body);
    must(fct_buf_add_slice(&echo->seen, exchange->method));
    must(fct_buf_add_slice(&echo->seen, exchange->target));
    must(fct_buf_add_slice(&echo->seen, exchange->authority));
    for (size_t i = 0; i < exchange->field_count; i++) {
        must(fct_buf_add_slice(&echo->seen, exchange->fields[i].name));
        must(fct_buf_add_slice(&echo->seen, exchange->fields[i].value));
    }
    must(fct_buf_add_slice(&echo->seen, body));
    if (!echo->streams) {
        must(fct_exchange_respond(exchange, 200, NULL, 0));
    }
    must(fct_exchange_write(exchange, body));
    must(fct_exchange_finish(exchange, NULL, 0));
    fct_exchange_release(exchange, echo->unreleased);
    echo->unreleased = 0;
}

static void on_writable(struct fct_exchange *exchange)
{
    FCT_ASSERT(fct_exchange_room(exchange) > 0);
}

static void on_closed(struct fct_exchange *exchange, bool complete)
{
    struct echo *echo = exchange->data;
    (void)complete;
    FCT_ASSERT(echo->exchange == exchange);
    echo->exchange = NULL;
}

static const struct fct_exchange_handler handler = {
    .body = on_body, .end = on_end, .writable = on_writable, .closed = on_closed};

static void begin(void *data, struct fct_exchange *exchange)
{
    struct echo *echo = data;
    FCT_ASSERT(echo->exchange == NULL);
    FCT_ASSERT(exchange->method.len > 0);
    FCT_ASSERT(exchange->target.len > 0);
    echo->exchange = exchange;
    echo->unreleased = 0;
    fct_buf_clear(&echo->body);
    exchange->handler = &handler;
    exchange->data = echo;
    if (echo->aborts) {
        fct_exchange_abort(exchange, FCT_ABORT_CALM);
    } else if (echo->streams || echo->is_early) {
        must(fct_exchange_respond(exchange, 200, NULL, 0));
    }
    if (echo->is_early && !echo->aborts) {
        must(fct_exchange_finish(exchange, NULL, 0));
    }
}

static void wants_send(void *data)
{
    (void)data;
}

static void take_sent(struct echo *echo)
{
    const uint8_t *bytes = NULL;
    size_t size = fct_session_send(echo->session, &bytes);
    while (size > 0) {
        must(fct_buf_add(&echo->sent, bytes, size));
        size = fct_session_send(echo->session, &bytes);
    }
}

/* Feeds |bytes| in pieces of |piece|. Returns whether the session is finished. */
static bool run(struct echo *echo, factum_slice bytes, size_t piece)
{
    const struct fct_peer peer = {0};
    const struct fct_session_options options = {
        .mem = fct_mem_heap(),
        .peer = &peer,
        .limits = {.head_size_max = 512, .field_count_max = 8, .body_window = 4096},
        .data = echo,
        .begin = begin,
        .wants_send = wants_send,
    };
    fct_buf_init(&echo->body, fct_mem_heap(), (size_t)1 << 26);
    fct_buf_init(&echo->seen, fct_mem_heap(), (size_t)1 << 26);
    fct_buf_init(&echo->sent, fct_mem_heap(), (size_t)1 << 26);
    must(fct_h1_create(&options, &echo->session, NULL));
    for (size_t at = 0; at < bytes.len; at += piece) {
        size_t size = piece < bytes.len - at ? piece : bytes.len - at;
        bool goes_on = fct_session_receive(echo->session, fct_slice(bytes.ptr + at, size), at);
        FCT_ASSERT(goes_on == !fct_session_is_finished(echo->session));
        take_sent(echo);
    }
    bool finished = fct_session_is_finished(echo->session);
    fct_session_destroy(echo->session);
    FCT_ASSERT(echo->exchange == NULL);
    return finished;
}

static void echo_finish(struct echo *echo)
{
    fct_buf_finish(&echo->body);
    fct_buf_finish(&echo->seen);
    fct_buf_finish(&echo->sent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    factum_slice bytes = fct_slice(data + 1, size - 1);
    const struct echo fresh = {.streams = (data[0] & 1) != 0,
                               .hoards = (data[0] & 2) != 0,
                               .is_early = (data[0] & 8) != 0,
                               .aborts = (data[0] & 12) == 12};
    struct echo whole = fresh;
    struct echo cut = fresh;
    bool finished = run(&whole, bytes, bytes.len > 0 ? bytes.len : 1);
    FCT_ASSERT(run(&cut, bytes, 1 + (data[0] >> 4)) == finished);
    FCT_ASSERT(fct_slice_equal(fct_buf_slice(&whole.seen), fct_buf_slice(&cut.seen)));
    /* An answer that a handler began before a refusal may or may not be sent. */
    if (!whole.streams) {
        FCT_ASSERT(fct_slice_equal(fct_buf_slice(&whole.sent), fct_buf_slice(&cut.sent)));
    }
    echo_finish(&whole);
    echo_finish(&cut);
    return 0;
}
