/* h1.c - a session of HTTP/1.1: input, the exchange that is open, times. Layer: net.
 *
 * See session.h for the contract and h1_int.h for the other files and the invariants
 * (h1_session_check). The bytes of a head are collected, at most head_size_max of them, and parsed
 * in one piece; a body passes through.
 *
 *     READS_HEAD --head complete--> READS_BODY --end of the body--> READS_NOTHING
 *          ^                                                              |
 *          +---- the answer is finished and handed out: closed() ---------+
 *
 * Bytes that cannot be read yet (no window, or the next request) wait in |rest|; send continues
 * with them, because a handler must not be called from inside release and finish.
 */
#include "net/h1_int.h"

#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"

enum {
    H1_BODY_GRACE_MS = 10 * 1000, /* after this time a body must have come at ... */
    H1_BODY_RATE = 1024,          /* ... this rate, bytes per second */
    H1_KEEP_MAX = 16 << 10,       /* memory that an empty buffer keeps */
};

static struct fct_h1 *h1_of(struct fct_session *session)
{
    return (struct fct_h1 *)session;
}

static void h1_session_check(const struct fct_h1 *h1)
{
    FCT_ASSERT(h1->is_open == (h1->reading != FCT_H1_READS_HEAD));
    FCT_ASSERT(h1->is_open || !h1->is_aborted);
    FCT_ASSERT(h1->is_open || h1->answer.progress == FCT_H1_NOT_BEGUN);
    FCT_ASSERT(h1->is_open || h1->unreleased == 0);
    FCT_ASSERT(h1->rest.len == 0 || h1->input.len > 0);
}

void fct_h1_wake(struct fct_h1 *h1)
{
    if (!h1->is_inside && !h1->has_woken) {
        h1->has_woken = true;
        h1->wants_send(h1->data);
    }
}

/* ---- the end of exchanges -------------------------------------------------------------------- */

static void h1_close_exchange(struct fct_h1 *h1, bool complete)
{
    FCT_ASSERT(h1->is_open);
    struct fct_exchange *exchange = &h1->exchange.base;
    exchange->handler->closed(exchange, complete);
    h1->is_open = false;
    h1->is_aborted = false;
    h1->is_full = false;
    h1->is_head = false;
    h1->unreleased = 0;
    h1->answer = (struct fct_h1_answer){0};
    h1->reading = FCT_H1_READS_HEAD;
    h1->active_at = h1->now;
    fct_buf_clear(&h1->head);
    fct_h1_check_head(&h1->check, h1->limits.head_size_max, h1->limits.field_count_max);
}

/* Ends the connection. The peer gets the reason, unless it may already have part of an answer: it
 * must not take the refusal for the rest of that answer. */
static void h1_fail(struct fct_h1 *h1, unsigned status, const char *reason)
{
    if (h1->is_finished) {
        return;
    }
    h1->is_finished = true;
    h1->keep_alive = false;
    struct fct_h1_answer *answer = &h1->answer;
    if (!h1->is_open || answer->progress == FCT_H1_NOT_BEGUN) {
        fct_h1_answer_refusal(h1, status, reason);
    } else if (answer->progress != FCT_H1_FINISHED && !answer->is_sent) {
        h1->out.len = answer->from;
        fct_h1_answer_refusal(h1, status, reason);
    }
    if (h1->is_open) {
        h1_close_exchange(h1, false);
    }
    h1->rest = fct_slice(NULL, 0);
}

static void h1_fail_aborted(struct fct_h1 *h1)
{
    switch (h1->why) {
    case FCT_ABORT_CANCEL:
        h1_fail(h1, 503, "the request was cancelled");
        break;
    case FCT_ABORT_PROTOCOL:
        h1_fail(h1, 400, "the request breaks a rule of its protocol");
        break;
    case FCT_ABORT_INTERNAL:
        h1_fail(h1, 500, "the server failed");
        break;
    case FCT_ABORT_CALM:
        h1_fail(h1, 429, "too many requests");
        break;
    }
}

bool fct_h1_may_drain(const struct fct_h1 *h1)
{
    if (h1->reading != FCT_H1_READS_BODY) {
        return true;
    }
    return h1->drained <= FCT_H1_DRAIN_MAX &&
           (h1->is_chunked || h1->parser.content_length <= FCT_H1_DRAIN_MAX);
}

/* Closes the exchange if both sides have ended or it was aborted. */
static void h1_settle(struct fct_h1 *h1)
{
    if (!h1->is_open) {
        return;
    }
    if (h1->is_aborted) {
        h1_fail_aborted(h1);
        return;
    }
    if (h1->answer.progress != FCT_H1_FINISHED || h1->out.len > 0) {
        return;
    }
    bool complete = h1->reading == FCT_H1_READS_NOTHING;
    if (complete || !h1->keep_alive || !fct_h1_may_drain(h1)) {
        h1->is_finished = !complete || !h1->keep_alive;
        h1_close_exchange(h1, complete);
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

static void h1_end_request(struct fct_h1 *h1)
{
    h1->reading = FCT_H1_READS_NOTHING;
    if (!h1->is_aborted && h1->answer.progress != FCT_H1_FINISHED) {
        h1->exchange.base.handler->end(&h1->exchange.base);
    }
}

/* Called when the head is complete: passes the exchange to its handler. */
static void h1_begin(struct fct_h1 *h1)
{
    unsigned status = 0;
    const char *reason = NULL;
    if (!fct_h1_read_head(h1, &status, &reason)) {
        h1_fail(h1, status, reason);
        return;
    }
    h1->keep_alive = h1->keep_alive && !h1->is_closing;
    h1->drained = 0;
    h1->body_size = 0;
    h1->body_waited = 0;
    h1->is_open = true;
    h1->reading = FCT_H1_READS_BODY;
    if (h1->is_chunked) {
        fct_h1_check_chunks(&h1->check, h1->limits.head_size_max, h1->limits.field_count_max);
    }
    h1->exchange.base.endless = false;
    h1->exchange.base.ends_first = false;
    h1->exchange.base.handler = NULL;
    h1->exchange.base.data = NULL;
    h1->begin(h1->data, &h1->exchange.base);
    FCT_ASSERT(h1->exchange.base.handler != NULL);
    if (h1->complete) {
        h1_end_request(h1);
        return;
    }
    if (h1->expects_continue && !h1->is_aborted && h1->answer.progress == FCT_H1_NOT_BEGUN) {
        const factum_slice text = FCT_SLICE("HTTP/1.1 100 Continue\r\n\r\n");
        h1->expects_continue = false;
        if (fct_buf_add_slice(&h1->out, text) != FACTUM_OK) {
            h1_fail(h1, 503, "out of memory");
        }
    }
}

static size_t h1_take_head(struct fct_h1 *h1, factum_slice bytes)
{
    if (h1->check.place == FCT_H1_START) {
        h1->head_at = h1->now;
    }
    size_t used = fct_h1_check_take(&h1->check, bytes);
    if (h1->check.status != 0) {
        h1_fail(h1, h1->check.status, h1->check.reason);
    } else if (fct_buf_add(&h1->head, bytes.ptr, used) != FACTUM_OK) {
        h1_fail(h1, 503, "out of memory");
    } else if (h1->check.place == FCT_H1_DONE) {
        h1_begin(h1);
    }
    return used;
}

/* Checks the bytes before |end| that llhttp has consumed since the last data. */
static bool h1_check_framing(struct fct_h1 *h1, const uint8_t *end)
{
    if (!h1->is_chunked || h1->check.status != 0 || end < h1->framed) {
        return h1->check.status == 0;
    }
    size_t size = (size_t)(end - h1->framed);
    return fct_h1_check_take(&h1->check, fct_slice(h1->framed, size)) == size;
}

/* Refuses a body that llhttp or the check refuses. The check looks first, at the bytes before the
 * place that llhttp refuses, so that the answer does not depend on how the bytes were split. */
static void h1_fail_body(struct fct_h1 *h1, enum llhttp_errno error)
{
    if (error != HPE_OK) {
        (void)h1_check_framing(h1, (const uint8_t *)llhttp_get_error_pos(&h1->parser));
    }
    if (h1->check.status != 0) {
        h1_fail(h1, h1->check.status, h1->check.reason);
    } else {
        h1_fail(h1, 400, "not a chunked body");
    }
}

static size_t h1_take_body(struct fct_h1 *h1, factum_slice bytes)
{
    size_t size = bytes.len;
    if (h1->is_aborted) {
        return 0;
    }
    if (h1->answer.progress == FCT_H1_FINISHED) {
        size = fct_h1_may_drain(h1) ? size : 0;
    } else {
        size_t window = h1->limits.body_window;
        window = h1->unreleased < window ? window - h1->unreleased : 0;
        size = size < window ? size : window;
    }
    if (size == 0) {
        return 0;
    }
    h1->framed = bytes.ptr;
    enum llhttp_errno error = llhttp_execute(&h1->parser, (const char *)bytes.ptr, size);
    const uint8_t *end = bytes.ptr + size;
    if (error == HPE_PAUSED && h1->complete) {
        end = (const uint8_t *)llhttp_get_error_pos(&h1->parser);
        error = HPE_OK;
    }
    size_t used = (size_t)(end - bytes.ptr);
    if (error != HPE_OK || !h1_check_framing(h1, end) ||
        (h1->is_chunked && (h1->check.place == FCT_H1_DONE) != h1->complete)) {
        h1_fail_body(h1, error);
    } else if (h1->complete) {
        h1_end_request(h1);
    }
    return used;
}

/* Reads what can be read of |rest|, and closes what can be closed. Each turn uses up bytes or ends
 * an exchange. */
static void h1_pump(struct fct_h1 *h1)
{
    size_t used = 1;
    while (used > 0) {
        h1_settle(h1);
        if (h1->is_finished) {
            h1->rest = fct_slice(NULL, 0);
        }
        if (h1->rest.len == 0) {
            return;
        }
        used = 0;
        if (h1->reading == FCT_H1_READS_HEAD) {
            used = h1_take_head(h1, h1->rest);
        } else if (h1->reading == FCT_H1_READS_BODY) {
            used = h1_take_body(h1, h1->rest);
        }
        if (!h1->is_finished) {
            h1->rest = fct_slice_from(h1->rest, used);
        }
    }
}

/* The peer has ended its side and its last byte is read: closes what cannot be completed any
 * more. */
static void h1_check_last(struct fct_h1 *h1)
{
    bool answers = h1->is_open && h1->reading == FCT_H1_READS_NOTHING && !h1->exchange.base.endless;
    if (h1->is_last && !answers && h1->rest.len == 0) {
        h1->is_finished = true;
    }
}

static void h1_empty(struct fct_buf *buf)
{
    fct_buf_clear(buf);
    if (buf->capacity > H1_KEEP_MAX) {
        fct_buf_finish(buf);
    }
}

/* Appends |bytes| to the waiting bytes. */
static factum_status h1_add_input(struct fct_h1 *h1, factum_slice bytes)
{
    struct fct_buf *input = &h1->input;
    if (h1->rest.len == 0) {
        h1->rest = bytes;
        return FACTUM_OK;
    }
    if (h1->rest.ptr != input->ptr) {
        memmove(input->ptr, h1->rest.ptr, h1->rest.len);
    }
    input->len = h1->rest.len;
    factum_status status = fct_buf_add_slice(input, bytes);
    h1->rest = fct_buf_slice(input);
    return status;
}

/* Copies the unread bytes into |input|: the caller's bytes are valid during receive alone. */
static factum_status h1_keep_input(struct fct_h1 *h1)
{
    struct fct_buf *input = &h1->input;
    if (h1->rest.len == 0) {
        h1_empty(input);
        return FACTUM_OK;
    }
    if (input->len > 0) {
        return FACTUM_OK; /* already copied */
    }
    factum_status status = fct_buf_add_slice(input, h1->rest);
    h1->rest = fct_buf_slice(input);
    return status;
}

/* ---- time ------------------------------------------------------------------------------------ */

/* True if only the peer can continue the body. A body is late only during such times. */
static bool h1_waits_for_body(const struct fct_h1 *h1)
{
    return h1->is_open && h1->reading == FCT_H1_READS_BODY && h1->unreleased == 0 &&
           !h1->is_aborted;
}

static void h1_set_time(struct fct_h1 *h1, uint64_t now_ms)
{
    if (!h1->has_time) {
        h1->has_time = true;
        h1->now = now_ms;
        h1->active_at = now_ms;
    }
    if (now_ms > h1->now) {
        h1->body_waited += h1_waits_for_body(h1) ? now_ms - h1->now : 0;
        h1->now = now_ms;
    }
}

static bool h1_body_is_late(const struct fct_h1 *h1)
{
    if (!h1_waits_for_body(h1) || h1->body_waited < H1_BODY_GRACE_MS) {
        return false;
    }
    return h1->body_size < (h1->body_waited - H1_BODY_GRACE_MS) / 1000 * H1_BODY_RATE;
}

static void h1_check_times(struct fct_h1 *h1)
{
    if (h1->is_open) {
        if (h1_body_is_late(h1)) {
            h1_fail(h1, 408, "the body arrives too slowly");
        }
    } else if (h1->check.place != FCT_H1_START) {
        if (h1->now - h1->head_at >= h1->limits.header_ms) {
            h1_fail(h1, 408, "the head did not arrive in time");
        }
    } else if (h1->now - h1->active_at >= h1->limits.idle_ms) {
        h1->is_finished = true;
    }
}

/* ---- the operations of a session ------------------------------------------------------------- */

static bool h1_receive(struct fct_session *session, factum_slice bytes, uint64_t now_ms)
{
    struct fct_h1 *h1 = h1_of(session);
    FCT_ASSERT(!h1->is_inside);
    h1_session_check(h1);
    h1_set_time(h1, now_ms);
    if (h1->is_finished || bytes.len == 0) {
        return !h1->is_finished;
    }
    h1->is_inside = true;
    h1->active_at = h1->now;
    if (h1_add_input(h1, bytes) != FACTUM_OK) {
        h1_fail(h1, 503, "out of memory");
    }
    h1_pump(h1);
    if (h1_keep_input(h1) != FACTUM_OK) {
        h1_fail(h1, 503, "out of memory");
    }
    h1->is_inside = false;
    h1_session_check(h1);
    return !h1->is_finished;
}

static bool h1_wants_receive(const struct fct_session *session)
{
    const struct fct_h1 *h1 = (const struct fct_h1 *)session;
    return !h1->is_finished && h1->rest.len == 0;
}

static bool h1_input_ended(struct fct_session *session)
{
    struct fct_h1 *h1 = h1_of(session);
    h1->is_last = true;
    if (!h1->is_finished) {
        h1_check_last(h1);
        return !h1->is_finished;
    }
    return h1->out.len > 0;
}

/* Hands out the bytes in |out|, and lets the handler write more. */
static size_t h1_hand_out(struct fct_h1 *h1, const uint8_t **bytes)
{
    struct fct_buf last = h1->sent;
    h1->sent = h1->out;
    h1_empty(&last);
    h1->out = last;
    h1->answer.is_sent = h1->answer.progress != FCT_H1_NOT_BEGUN;
    if (h1->is_full && h1->is_open) {
        h1->is_full = false;
        if (!h1->is_aborted && h1->answer.progress != FCT_H1_FINISHED) {
            h1->exchange.base.handler->writable(&h1->exchange.base);
        }
    }
    *bytes = h1->sent.ptr;
    return h1->sent.len;
}

static size_t h1_send(struct fct_session *session, const uint8_t **bytes)
{
    struct fct_h1 *h1 = h1_of(session);
    FCT_ASSERT(!h1->is_inside);
    h1_session_check(h1);
    h1->is_inside = true;
    h1_pump(h1);
    h1_check_last(h1);
    /* Cannot fail: the rest is already in |input|, so this only frees memory. */
    (void)h1_keep_input(h1);
    if (fct_h1_answer_flush(h1) != FACTUM_OK) {
        h1_fail(h1, 503, "out of memory");
    }
    size_t size = 0;
    *bytes = NULL;
    if (h1->out.len > 0) {
        size = h1_hand_out(h1, bytes);
    } else {
        h1->has_woken = false;
        h1_empty(&h1->sent);
    }
    h1->is_inside = false;
    h1_session_check(h1);
    return size;
}

static void h1_tick(struct fct_session *session, uint64_t now_ms)
{
    struct fct_h1 *h1 = h1_of(session);
    FCT_ASSERT(!h1->is_inside);
    h1_session_check(h1);
    h1_set_time(h1, now_ms);
    if (h1->is_finished) {
        return;
    }
    h1->is_inside = true;
    h1_check_times(h1);
    h1->is_inside = false;
    if (h1->is_finished) {
        fct_h1_wake(h1);
    }
}

static void h1_shut_down(struct fct_session *session)
{
    struct fct_h1 *h1 = h1_of(session);
    FCT_ASSERT(!h1->is_inside);
    h1_session_check(h1);
    h1->is_closing = true;
    if (h1->is_open) {
        h1->keep_alive = false;
    } else if (h1->check.place == FCT_H1_START) {
        h1->is_finished = true;
        fct_h1_wake(h1);
    }
}

static bool h1_is_finished(const struct fct_session *session)
{
    return ((const struct fct_h1 *)session)->is_finished;
}

/* Includes |sent|, which the caller may still be using. */
static size_t h1_waiting(const struct fct_session *session)
{
    const struct fct_h1 *h1 = (const struct fct_h1 *)session;
    return h1->out.capacity + h1->sent.capacity;
}

static void h1_destroy(struct fct_session *session)
{
    struct fct_h1 *h1 = h1_of(session);
    FCT_ASSERT(!h1->is_inside);
    h1->is_inside = true;
    if (h1->is_open) {
        h1_close_exchange(h1, false);
    }
    fct_buf_finish(&h1->head);
    fct_buf_finish(&h1->input);
    fct_buf_finish(&h1->out);
    fct_buf_finish(&h1->sent);
    fct_mem_free(h1->mem, h1->fields);
    fct_mem_free(h1->mem, h1);
}

static const struct fct_session_ops h1_ops = {
    .receive = h1_receive,
    .wants_receive = h1_wants_receive,
    .input_ended = h1_input_ended,
    .send = h1_send,
    .tick = h1_tick,
    .shut_down = h1_shut_down,
    .is_finished = h1_is_finished,
    .waiting = h1_waiting,
    .destroy = h1_destroy,
};

static struct fct_session_limits h1_limits(struct fct_session_limits limits)
{
    limits.head_size_max = limits.head_size_max > 0 ? limits.head_size_max : 16 << 10;
    limits.field_count_max = limits.field_count_max > 0 ? limits.field_count_max : 100;
    limits.body_window = limits.body_window > 0 ? limits.body_window : 1 << 20;
    limits.write_buffer_max = limits.write_buffer_max > 0 ? limits.write_buffer_max : 256 << 10;
    limits.header_ms = limits.header_ms > 0 ? limits.header_ms : 10 * 1000;
    limits.idle_ms = limits.idle_ms > 0 ? limits.idle_ms : 300 * 1000;
    return limits;
}

factum_status fct_h1_create(const struct fct_session_options *options, struct fct_session **session,
                            factum_error *err)
{
    struct fct_h1 *h1 = fct_mem_zalloc(options->mem, 1, sizeof *h1);
    if (h1 == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "no memory for a connection");
    }
    h1->base.ops = &h1_ops;
    h1->mem = options->mem;
    h1->limits = h1_limits(options->limits);
    h1->data = options->data;
    h1->begin = options->begin;
    h1->wants_send = options->wants_send;
    h1->exchange.base.ops = &fct_h1_exchange_ops;
    h1->exchange.base.peer = options->peer;
    h1->exchange.h1 = h1;
    /* two bytes more: one empty line may precede the head */
    fct_buf_init(&h1->head, h1->mem, h1->limits.head_size_max + 2);
    fct_buf_init(&h1->input, h1->mem, FCT_H1_INPUT_MAX);
    fct_buf_init(&h1->out, h1->mem, FCT_H1_OUT_MAX);
    fct_buf_init(&h1->sent, h1->mem, FCT_H1_OUT_MAX);
    fct_h1_check_head(&h1->check, h1->limits.head_size_max, h1->limits.field_count_max);
    *session = &h1->base;
    return FACTUM_OK;
}
