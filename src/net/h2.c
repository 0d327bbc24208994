/* h2.c - the HTTP/2 session (RFC 9113) over nghttp2: its life, receive, send and the time limits.
 * Layer: net. See session.h for the contract and h2_int.h for the other files.
 *
 * Knows nothing of sockets, TLS, gRPC or stores.
 *
 * Invariants (h2_check).
 *  1. A byte of a body counts against the connection's window until it is released or its
 *     exchange is closed. Bytes that belong to no exchange are given back at once.
 *  2. closed() is called once for each exchange: when nghttp2 closes the stream, by the receive,
 *     send or tick that follows an abort, or by destroy.
 *  3. After a failed allocation inside nghttp2 the session is broken: neither receive nor send
 *     calls nghttp2 again.
 */
#include "net/h2_int.h"

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"

enum {
    H2_SETTINGS_MAX = 32, /* per frame */
    H2_OUTBOUND_ACKS_MAX = 1000,
    /* nghttp2 counts each piece of a CONTINUATION header, so a header that comes byte by byte
     * counts nine times. The watch counts frames. */
    H2_CONTINUATIONS_MAX = 128,
    H2_RESETS_BURST = 2000,
    H2_RESETS_PER_SECOND = 200,
    /* Frames other than DATA; a peer that causes more is refused. */
    H2_OUTBOUND_QUEUE_MAX = 16 * 1024,
    H2_OUTBOUND_QUEUE_ENOUGH = 4096, /* a peer that causes this many has to wait */
    H2_OUT_FIRST = 4096,
    H2_LATE_SIZE_MAX = 64 * 1024, /* of a request that nobody needs any more */
    H2_WINDOW_FIRST = 65535,      /* of a peer that has not seen our SETTINGS: RFC 9113, 6.9.2 */
};

#define H2_WINDOW_MAX ((size_t)INT32_MAX)
#define H2_HEAD_SIZE_LIMIT ((size_t)1 << 20)

void fct_h2_ring_init(struct fct_h2_link *ring)
{
    ring->prev = ring;
    ring->next = ring;
}

bool fct_h2_ring_is_empty(const struct fct_h2_link *ring)
{
    return ring->next == ring;
}

void fct_h2_ring_add(struct fct_h2_link *ring, struct fct_h2_link *link)
{
    if (link->next == NULL) {
        link->prev = ring->prev;
        link->next = ring;
        ring->prev->next = link;
        ring->prev = link;
    }
}

void fct_h2_ring_remove(struct fct_h2_link *link)
{
    if (link->next != NULL) {
        link->prev->next = link->next;
        link->next->prev = link->prev;
        *link = (struct fct_h2_link){NULL, NULL};
    }
}

static struct fct_h2 *h2_of(struct fct_session *session)
{
    return (struct fct_h2 *)(void *)session;
}

bool fct_h2_survives(struct fct_h2 *h2, int rv)
{
    if (rv < NGHTTP2_ERR_FATAL) {
        h2->is_broken = true;
        h2->is_over = true;
        fct_h2_signal(h2); /* the owner has to see that the session is finished */
        return false;
    }
    return true;
}

void fct_h2_signal(struct fct_h2 *h2)
{
    if (!h2->inside && !h2->signalled) {
        h2->signalled = true;
        h2->options.wants_send(h2->options.data);
    }
}

void fct_h2_terminate(struct fct_h2 *h2, uint32_t error_code)
{
    if (!h2->is_over) {
        h2->is_over = true;
        (void)fct_h2_survives(h2, nghttp2_session_terminate_session(h2->nghttp2, error_code));
    }
}

void fct_h2_glitch(struct fct_h2 *h2)
{
    if (!fct_h2_watch_glitch(&h2->watch)) {
        fct_h2_terminate(h2, NGHTTP2_ENHANCE_YOUR_CALM);
    }
}

struct fct_h2_stream *fct_h2_find(struct fct_h2 *h2, int32_t id)
{
    return nghttp2_session_get_stream_user_data(h2->nghttp2, id);
}

void fct_h2_close(struct fct_h2_stream *stream, bool complete)
{
    struct fct_h2 *h2 = stream->h2;
    FCT_ASSERT(h2->stream_count > 0);
    stream->is_dead = true;
    (void)nghttp2_session_set_stream_user_data(h2->nghttp2, stream->id, NULL);
    fct_h2_ring_remove(&stream->all);
    fct_h2_ring_remove(&stream->writable);
    fct_h2_ring_remove(&stream->aborted);
    h2->stream_count--;
    h2->active_ms = h2->now_ms;
    stream->exchange.handler->closed(&stream->exchange, complete);
    if (stream->unreleased > 0 && !h2->is_broken) {
        (void)fct_h2_survives(h2,
                              nghttp2_session_consume_connection(h2->nghttp2, stream->unreleased));
    }
    fct_h2_answer_free(stream);
    fct_mem_free(h2->options.mem, stream);
}

static void h2_close_aborted(struct fct_h2 *h2)
{
    while (!fct_h2_ring_is_empty(&h2->aborted)) {
        fct_h2_close(FCT_H2_STREAM_OF(h2->aborted.next, aborted), false);
    }
}

static void h2_request_ended(struct fct_h2_stream *stream)
{
    stream->request_ended = true;
    fct_h2_answer_release_end(stream);
    if (!stream->is_dead && !stream->finished) {
        stream->exchange.handler->end(&stream->exchange);
    }
}

static int h2_on_frame_recv(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *data)
{
    (void)nghttp2;
    struct fct_h2 *h2 = data;
    uint8_t type = frame->hd.type;
    if (h2->is_broken || h2->is_over) {
        return 0;
    }
    if (type == NGHTTP2_HEADERS) {
        if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
            fct_h2_head_complete(h2, frame);
        } else if (h2->head.too_big) { /* the trailers */
            (void)fct_h2_survives(h2, nghttp2_submit_rst_stream(nghttp2, NGHTTP2_FLAG_NONE,
                                                                frame->hd.stream_id,
                                                                NGHTTP2_PROTOCOL_ERROR));
            return 0;
        }
    }
    if (h2->is_broken) {
        return 0;
    }
    struct fct_h2_stream *stream = fct_h2_find(h2, frame->hd.stream_id);
    if (stream == NULL) {
        return 0;
    }
    if (type == NGHTTP2_RST_STREAM && !stream->headers_sent) {
        fct_h2_glitch(h2);
    }
    bool can_end = type == NGHTTP2_HEADERS || type == NGHTTP2_DATA;
    if (can_end && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        h2_request_ended(stream);
    }
    return 0;
}

static int h2_on_data(nghttp2_session *nghttp2, uint8_t flags, int32_t id, const uint8_t *bytes,
                      size_t size, void *data)
{
    (void)flags;
    struct fct_h2 *h2 = data;
    if (h2->is_broken) {
        return 0;
    }
    struct fct_h2_stream *stream = fct_h2_find(h2, id);
    size_t window = h2->options.limits.body_window;
    if (window < H2_WINDOW_FIRST) {
        window = H2_WINDOW_FIRST;
    }
    bool is_wanted = stream != NULL && !stream->is_dead && !stream->finished && !h2->is_over;
    if (stream != NULL && stream->finished) {
        stream->late_size += size;
        if (stream->late_size > H2_LATE_SIZE_MAX) {
            fct_h2_answer_release_end(stream);
        }
    }
    /* nghttp2 resets a stream beyond its window, and still reports the bytes. */
    if (!is_wanted || size > window - stream->unreleased) {
        (void)fct_h2_survives(h2, nghttp2_session_consume(nghttp2, id, size));
        return 0;
    }
    stream->unreleased += size;
    stream->exchange.handler->body(&stream->exchange, fct_slice(bytes, size));
    return 0;
}

static int h2_on_stream_close(nghttp2_session *nghttp2, int32_t id, uint32_t error_code, void *data)
{
    (void)nghttp2;
    struct fct_h2_stream *stream = fct_h2_find(data, id);
    if (stream != NULL) {
        bool ended = stream->request_ended && stream->answer_ended;
        fct_h2_close(stream, ended && error_code == NGHTTP2_NO_ERROR);
    }
    return 0;
}

/* True for a reset that the peer provoked. The other codes are our own resets: an answer that ended
 * before its request, a cancel, no memory. */
static bool h2_reset_is_glitch(uint32_t error_code)
{
    return error_code != NGHTTP2_NO_ERROR && error_code != NGHTTP2_CANCEL &&
           error_code != NGHTTP2_INTERNAL_ERROR;
}

static int h2_on_frame_send(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *data)
{
    struct fct_h2 *h2 = data;
    uint8_t type = frame->hd.type;
    if (type == NGHTTP2_RST_STREAM && h2_reset_is_glitch(frame->rst_stream.error_code)) {
        fct_h2_glitch(h2);
    }
    if (type != NGHTTP2_HEADERS && type != NGHTTP2_DATA) {
        return 0;
    }
    fct_h2_watch_sent(&h2->watch, frame->hd.length);
    struct fct_h2_stream *stream = fct_h2_find(h2, frame->hd.stream_id);
    bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (stream != NULL) {
        stream->headers_sent = true;
        stream->answer_ended = ends;
    }
    /* An answer that ends before its request frees the stream (RFC 9113, 8.1). */
    if (ends && nghttp2_session_get_stream_remote_close(nghttp2, frame->hd.stream_id) == 0) {
        (void)fct_h2_survives(h2, nghttp2_submit_rst_stream(nghttp2, NGHTTP2_FLAG_NONE,
                                                            frame->hd.stream_id, NGHTTP2_NO_ERROR));
    }
    return 0;
}

/* Called for headers that cannot be sent, because they are too long or the stream ends. */
static int h2_on_frame_not_send(nghttp2_session *nghttp2, const nghttp2_frame *frame, int rv,
                                void *data)
{
    (void)nghttp2;
    (void)rv;
    struct fct_h2 *h2 = data;
    if (frame->hd.type == NGHTTP2_HEADERS) {
        struct fct_h2_stream *stream = fct_h2_find(h2, frame->hd.stream_id);
        if (stream != NULL) {
            fct_exchange_abort(&stream->exchange, FCT_ABORT_INTERNAL);
        }
    }
    return 0;
}

static void h2_begin_time(struct fct_h2 *h2, uint64_t now_ms)
{
    if (!h2->has_begun) {
        h2->has_begun = true;
        h2->active_ms = now_ms;
    }
    h2->now_ms = now_ms;
    fct_h2_watch_time(&h2->watch, now_ms);
}

static void h2_check(const struct fct_h2 *h2)
{
    FCT_ASSERT(!h2->inside);
    FCT_ASSERT((h2->stream_count == 0) == fct_h2_ring_is_empty(&h2->streams));
    FCT_ASSERT(h2->stream_count > 0 || h2->waiting == 0);
    FCT_ASSERT(h2->held_ends <= h2->stream_count);
    FCT_ASSERT(h2->stream_count > 0 || fct_h2_ring_is_empty(&h2->aborted));
    FCT_ASSERT(!h2->is_broken || h2->is_over);
}

/* Called when nghttp2 refuses to continue. */
static void h2_receive_failed(struct fct_h2 *h2, ssize_t rv)
{
    switch ((int)rv) {
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
        fct_h2_terminate(h2, NGHTTP2_PROTOCOL_ERROR);
        break;
    case NGHTTP2_ERR_FLOODED:
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
        fct_h2_terminate(h2, NGHTTP2_ENHANCE_YOUR_CALM);
        break;
    default:
        (void)fct_h2_survives(h2, NGHTTP2_ERR_NOMEM);
        break;
    }
}

static bool h2_receive(struct fct_session *session, factum_slice bytes, uint64_t now_ms)
{
    struct fct_h2 *h2 = h2_of(session);
    h2_check(h2);
    h2_begin_time(h2, now_ms);
    h2->inside = true;
    h2_close_aborted(h2);
    if (!h2->is_over && bytes.len > 0) {
        h2->active_ms = now_ms;
        if (!fct_h2_watch_bytes(&h2->watch, bytes)) {
            fct_h2_terminate(h2, NGHTTP2_ENHANCE_YOUR_CALM);
        } else {
            ssize_t rv = nghttp2_session_mem_recv(h2->nghttp2, bytes.ptr, bytes.len);
            if (rv < 0) {
                h2_receive_failed(h2, rv);
            }
        }
        if (!h2->is_broken &&
            nghttp2_session_get_outbound_queue_size(h2->nghttp2) > H2_OUTBOUND_QUEUE_MAX) {
            fct_h2_terminate(h2, NGHTTP2_ENHANCE_YOUR_CALM);
        }
        h2_close_aborted(h2);
    }
    h2->inside = false;
    h2_check(h2);
    return !h2->is_over;
}

/* Takes frames from nghttp2 until it has none or h2->out is full. */
static void h2_gather(struct fct_h2 *h2)
{
    while (!h2->is_broken && h2->out.size_max - h2->out.len >= FCT_H2_PIECE_MAX) {
        const uint8_t *piece = NULL;
        ssize_t size = nghttp2_session_mem_send(h2->nghttp2, &piece);
        if (size < 0) {
            (void)fct_h2_survives(h2, NGHTTP2_ERR_NOMEM);
            return;
        }
        if (size == 0) {
            return;
        }
        FCT_ASSERT((size_t)size <= FCT_H2_PIECE_MAX);
        if (fct_buf_add(&h2->out, piece, (size_t)size) != FACTUM_OK) {
            (void)fct_h2_survives(h2, NGHTTP2_ERR_NOMEM);
        }
    }
}

static size_t h2_send(struct fct_session *session, const uint8_t **bytes)
{
    struct fct_h2 *h2 = h2_of(session);
    h2_check(h2);
    h2->inside = true;
    fct_buf_clear(&h2->out);
    h2_close_aborted(h2);
    if (!h2->is_broken) {
        fct_h2_run_writable(h2);
    }
    if (!h2->is_broken && h2->out.capacity == 0) {
        (void)fct_h2_survives(
            h2, fct_buf_reserve(&h2->out, H2_OUT_FIRST) == FACTUM_OK ? 0 : NGHTTP2_ERR_NOMEM);
    }
    h2_gather(h2);
    if (h2->out.len == 0) {
        h2->signalled = false;
    } else {
        h2->was_used = true;
    }
    h2->inside = false;
    h2_check(h2);
    *bytes = h2->out.ptr;
    return h2->out.len;
}

static void h2_check_times(struct fct_h2 *h2)
{
    const struct fct_session_limits *limits = &h2->options.limits;
    if (h2->watch.is_pending && h2->now_ms > h2->watch.pending_ms &&
        h2->now_ms - h2->watch.pending_ms >= limits->header_ms) {
        fct_h2_terminate(h2, NGHTTP2_ENHANCE_YOUR_CALM);
    }
    if (h2->stream_count > 0) {
        h2->active_ms = h2->now_ms;
    } else if (h2->now_ms > h2->active_ms && h2->now_ms - h2->active_ms >= limits->idle_ms) {
        fct_h2_terminate(h2, NGHTTP2_NO_ERROR);
    }
}

static void h2_tick(struct fct_session *session, uint64_t now_ms)
{
    struct fct_h2 *h2 = h2_of(session);
    h2_check(h2);
    bool was_over = h2->is_over;
    h2_begin_time(h2, now_ms);
    h2->inside = true;
    h2_close_aborted(h2);
    if (!h2->is_over) {
        fct_h2_release_ends(h2, false);
        h2_check_times(h2);
    }
    if (!h2->was_used) { /* an idle connection keeps no buffers */
        fct_buf_finish(&h2->out);
        fct_buf_finish(&h2->spare);
        fct_buf_finish(&h2->head.bytes);
    }
    h2->was_used = false;
    h2->inside = false;
    if (h2->is_over ? !was_over : nghttp2_session_want_write(h2->nghttp2) != 0) {
        fct_h2_signal(h2);
    }
}

static void h2_shut_down(struct fct_session *session)
{
    struct fct_h2 *h2 = h2_of(session);
    if (h2->shuts_down || h2->is_over) {
        return;
    }
    h2->shuts_down = true;
    fct_h2_release_ends(h2, true);
    int32_t last = nghttp2_session_get_last_proc_stream_id(h2->nghttp2);
    (void)fct_h2_survives(
        h2, nghttp2_submit_goaway(h2->nghttp2, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0));
    fct_h2_signal(h2);
}

static bool h2_is_finished(const struct fct_session *session)
{
    const struct fct_h2 *h2 = (const struct fct_h2 *)(const void *)session;
    return h2->is_over || (nghttp2_session_want_read(h2->nghttp2) == 0 &&
                           nghttp2_session_want_write(h2->nghttp2) == 0);
}

static size_t h2_waiting(const struct fct_session *session)
{
    return ((const struct fct_h2 *)(const void *)session)->waiting;
}

static void h2_destroy(struct fct_session *session)
{
    struct fct_h2 *h2 = h2_of(session);
    FCT_ASSERT(!h2->inside);
    h2->inside = true;
    h2->is_broken = true;
    h2->is_over = true;
    while (!fct_h2_ring_is_empty(&h2->streams)) {
        fct_h2_close(FCT_H2_STREAM_OF(h2->streams.next, all), false);
    }
    FCT_ASSERT(h2->stream_count == 0);
    nghttp2_session_del(h2->nghttp2);
    fct_buf_finish(&h2->out);
    fct_buf_finish(&h2->spare);
    fct_buf_finish(&h2->head.bytes);
    fct_mem_free(h2->options.mem, h2->head.fields);
    fct_mem_free(h2->options.mem, h2);
}

static void *h2_mem_alloc(size_t size, void *data)
{
    struct fct_h2 *h2 = data;
    return fct_mem_alloc(h2->options.mem, size == 0 ? 1 : size);
}

static void h2_mem_free(void *block, void *data)
{
    struct fct_h2 *h2 = data;
    fct_mem_free(h2->options.mem, block);
}

static void *h2_mem_zalloc(size_t count, size_t size, void *data)
{
    struct fct_h2 *h2 = data;
    bool is_empty = count == 0 || size == 0;
    return fct_mem_zalloc(h2->options.mem, is_empty ? 1 : count, is_empty ? 1 : size);
}

static void *h2_mem_resize(void *block, size_t size, void *data)
{
    struct fct_h2 *h2 = data;
    return fct_mem_resize(h2->options.mem, block, size == 0 ? 1 : size);
}

static size_t h2_limit(size_t given, size_t usual, size_t max)
{
    size_t limit = given == 0 ? usual : given;
    return limit < max ? limit : max;
}

static void h2_limits_fill(struct fct_session_limits *limits)
{
    limits->head_size_max = h2_limit(limits->head_size_max, 16 * 1024, H2_HEAD_SIZE_LIMIT);
    limits->field_count_max = h2_limit(limits->field_count_max, 100, H2_HEAD_SIZE_LIMIT);
    limits->exchanges_max = h2_limit(limits->exchanges_max, 1024, H2_WINDOW_MAX);
    limits->exchanges_first_max =
        h2_limit(limits->exchanges_first_max, limits->exchanges_max, limits->exchanges_max);
    limits->body_window = h2_limit(limits->body_window, 1 << 20, H2_WINDOW_MAX);
    limits->session_window = h2_limit(limits->session_window, 8 << 20, H2_WINDOW_MAX);
    limits->write_buffer_max =
        h2_limit(limits->write_buffer_max, 256 * 1024, FCT_H2_WAITING_MAX / 2);
    limits->session_write_max = h2_limit(limits->session_write_max, 16 << 20, SIZE_MAX);
    limits->glitches_burst = h2_limit(limits->glitches_burst, 200, H2_WINDOW_MAX);
    limits->glitches_per_second = h2_limit(limits->glitches_per_second, 20, H2_WINDOW_MAX);
    limits->header_ms = limits->header_ms == 0 ? 10000 : limits->header_ms;
    limits->idle_ms = limits->idle_ms == 0 ? 300000 : limits->idle_ms;
}

static void h2_set_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, fct_h2_on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, fct_h2_on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, fct_h2_on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, h2_on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, h2_on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, h2_on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, h2_on_frame_send);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, h2_on_frame_not_send);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, fct_h2_on_send_data);
}

static void h2_set_options(nghttp2_option *option)
{
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_reserved_remote_streams(option, 0);
    nghttp2_option_set_max_settings(option, H2_SETTINGS_MAX);
    nghttp2_option_set_max_outbound_ack(option, H2_OUTBOUND_ACKS_MAX);
    nghttp2_option_set_max_continuations(option, H2_CONTINUATIONS_MAX);
    nghttp2_option_set_stream_reset_rate_limit(option, H2_RESETS_BURST, H2_RESETS_PER_SECOND);
}

/* Submits the preface of a server: SETTINGS, and the window of the connection. */
static bool h2_submit_preface(struct fct_h2 *h2)
{
    const struct fct_session_limits *limits = &h2->options.limits;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, (uint32_t)limits->exchanges_first_max},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (uint32_t)limits->body_window},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)limits->head_size_max},
    };
    return nghttp2_submit_settings(h2->nghttp2, NGHTTP2_FLAG_NONE, settings,
                                   sizeof settings / sizeof settings[0]) == 0 &&
           nghttp2_session_set_local_window_size(h2->nghttp2, NGHTTP2_FLAG_NONE, 0,
                                                 (int32_t)limits->session_window) == 0;
}

static bool h2_create_nghttp2(struct fct_h2 *h2)
{
    nghttp2_mem mem = {h2, h2_mem_alloc, h2_mem_free, h2_mem_zalloc, h2_mem_resize};
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    bool done = nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&option) == 0;
    if (done) {
        h2_set_callbacks(callbacks);
        h2_set_options(option);
        done = nghttp2_session_server_new3(&h2->nghttp2, callbacks, h2, option, &mem) == 0 &&
               h2_submit_preface(h2);
    }
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return done;
}

/* Windows hold bodies back, and the room of exchanges holds answers back. The remaining frames are
 * answers to the peer's frames. */
static bool h2_wants_receive(const struct fct_session *session)
{
    const struct fct_h2 *h2 = (const struct fct_h2 *)(const void *)session;
    return h2->is_over ||
           nghttp2_session_get_outbound_queue_size(h2->nghttp2) < H2_OUTBOUND_QUEUE_ENOUGH;
}

static bool h2_input_ended(struct fct_session *session)
{
    (void)session;
    return false; /* windows and pings need both sides */
}

static const struct fct_session_ops h2_ops = {
    .receive = h2_receive,
    .send = h2_send,
    .tick = h2_tick,
    .shut_down = h2_shut_down,
    .is_finished = h2_is_finished,
    .waiting = h2_waiting,
    .wants_receive = h2_wants_receive,
    .input_ended = h2_input_ended,
    .destroy = h2_destroy,
};

factum_status fct_h2_create(const struct fct_session_options *options, struct fct_session **session,
                            factum_error *err)
{
    const struct fct_mem *mem = options->mem;
    struct fct_h2 *h2 = fct_mem_zalloc(mem, 1, sizeof *h2);
    if (h2 == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "no memory for an HTTP/2 session");
    }
    h2->session.ops = &h2_ops;
    h2->options = *options;
    h2_limits_fill(&h2->options.limits);
    h2->is_trusted = options->limits.exchanges_first_max == 0;
    const struct fct_session_limits *limits = &h2->options.limits;
    fct_h2_ring_init(&h2->streams);
    fct_h2_ring_init(&h2->writable);
    fct_h2_ring_init(&h2->aborted);
    fct_h2_watch_init(&h2->watch, limits);
    fct_buf_init(&h2->head.bytes, mem, limits->head_size_max);
    fct_buf_init(&h2->out, mem, FCT_H2_SEND_MAX);
    fct_buf_init(&h2->spare, mem, FCT_H2_WAITING_MAX);
    h2->head.fields = fct_mem_zalloc(mem, limits->field_count_max, sizeof *h2->head.fields);
    if (h2->head.fields == NULL || !h2_create_nghttp2(h2)) {
        h2_destroy(&h2->session);
        return fct_fail(err, FACTUM_NO_MEMORY, "no memory for an HTTP/2 session");
    }
    *session = &h2->session;
    return FACTUM_OK;
}
