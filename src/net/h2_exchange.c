/* h2_exchange.c - the answer of an HTTP/2 stream: implements exchange.h. Layer: net. See h2_int.h.
 *
 * The bytes of an answer wait in stream->out. nghttp2 asks for them when the peer's windows allow
 * (on_read), and they are copied from there straight into the bytes that send returns
 * (on_send_data).
 *
 *     write -> stream->out -> on_read: how many -> on_send_data: header and bytes into h2->out
 *
 * Invariants.
 *  1. After abort and in a broken session the functions accept everything and do nothing, and there
 *     is no room; closed() is due.
 *  2. A writer that found no room left more than half of the least room waiting (was_full), or the
 *     connection was over its maximum (was_over). So writable follows: for that stream, or for all.
 *  3. A stream keeps at most H2_KEPT_SIZE of memory of an answer that is sent, and the session
 *     keeps one more buffer (spare). The rest is freed.
 *  4. h2->waiting is the sum of the waiting bytes of all answers.
 *  5. h2->held_ends is the number of streams with holds_end.
 */
#include "net/h2_int.h"

#include <string.h>

#include "core/check.h"
#include "core/slice.h"

enum {
    H2_KEPT_SIZE = 2048,
    H2_ROOM_MIN = 16 * 1024, /* per answer, however many answers there are */
    H2_SPARE_SIZE_MAX = 512 * 1024,
    H2_END_TICKS_MAX = 2, /* of the owner: 1 to 2 seconds */
    H2_OVER_FACTOR = 4,   /* once this many times session_write_max wait, no answer has room */
};

/* One allocation: the names and values follow the array. */
struct fct_h2_trailers {
    size_t count;
    nghttp2_nv fields[];
};

static struct fct_h2_stream *h2_stream_of(struct fct_exchange *exchange)
{
    return (struct fct_h2_stream *)(void *)exchange;
}

static bool h2_answer_is_lost(const struct fct_h2_stream *stream)
{
    return stream->is_dead || stream->h2->is_broken;
}

static size_t h2_answer_waiting(const struct fct_h2_stream *stream)
{
    FCT_ASSERT(stream->out_from <= stream->out.len);
    return stream->out.len - stream->out_from;
}

/* Answers that wait for their client, each of one big event, may exceed all rooms together. */
static bool h2_answers_are_over(const struct fct_h2 *h2)
{
    return h2->waiting / H2_OVER_FACTOR >= h2->options.limits.session_write_max;
}

/* Counts |size| bytes that no longer wait. */
static void h2_answers_shrink(struct fct_h2 *h2, size_t size)
{
    FCT_ASSERT(h2->waiting >= size);
    h2->waiting -= size;
    if (!h2->was_over || h2->waiting > h2->options.limits.session_write_max) {
        return;
    }
    h2->was_over = false;
    for (struct fct_h2_link *at = h2->streams.next; at != &h2->streams; at = at->next) {
        fct_h2_ring_add(&h2->writable, &FCT_H2_STREAM_OF(at, all)->writable);
    }
    fct_h2_signal(h2);
}

/* Returns how much of |stream|'s answer may wait now: the rest of the connection's, within
 * bounds. */
static size_t h2_answer_limit(const struct fct_h2_stream *stream)
{
    const struct fct_h2 *h2 = stream->h2;
    size_t max = h2->options.limits.session_write_max;
    size_t left = h2->waiting < max ? max - h2->waiting : 0;
    size_t limit = h2_answer_waiting(stream) + left;
    if (limit < H2_ROOM_MIN) {
        limit = H2_ROOM_MIN;
    }
    size_t limit_max = h2->options.limits.write_buffer_max;
    return limit < limit_max ? limit : limit_max;
}

/* Everything of |stream|'s answer was sent: gives its memory to the session, or frees it. */
static void h2_answer_recycle(struct fct_h2_stream *stream, size_t kept_size)
{
    struct fct_buf *spare = &stream->h2->spare;
    stream->out_from = 0;
    fct_buf_clear(&stream->out);
    if (stream->out.capacity <= kept_size) {
        return;
    }
    if (spare->ptr == NULL && stream->out.capacity <= H2_SPARE_SIZE_MAX) {
        struct fct_buf empty = *spare;
        *spare = stream->out;
        stream->out = empty;
    } else {
        fct_buf_finish(&stream->out);
    }
}

/* Resumes a stream that nghttp2 had asked in vain. */
static void h2_answer_resume(struct fct_h2_stream *stream)
{
    if (stream->deferred) {
        stream->deferred = false;
        (void)fct_h2_survives(stream->h2,
                              nghttp2_session_resume_data(stream->h2->nghttp2, stream->id));
    }
    fct_h2_signal(stream->h2);
}

/* ---- the end of an answer --------------------------------------------------------------------
 *
 * If an answer ends before its request, the stream is reset (RFC 9113, 8.1). Clients that send the
 * end of a request in a frame of its own may take this reset for a lost connection, although they
 * have the whole answer; other clients wait forever if there is no reset. So the end of an answer
 * waits for the end of its request, which usually follows at once.
 */

static bool h2_answer_must_hold(const struct fct_h2_stream *stream)
{
    return !stream->request_ended && !stream->held_enough && !stream->exchange.ends_first &&
           !stream->h2->shuts_down;
}

static void h2_answer_hold_end(struct fct_h2_stream *stream)
{
    if (!stream->holds_end) {
        stream->holds_end = true;
        stream->end_ticks = 0;
        stream->h2->held_ends++;
    }
}

static void h2_answer_unhold(struct fct_h2_stream *stream)
{
    if (stream->holds_end) {
        FCT_ASSERT(stream->h2->held_ends > 0);
        stream->holds_end = false;
        stream->h2->held_ends--;
    }
}

/* After the last DATA frame, which does not end the stream. */
static int h2_answer_submit_trailers(struct fct_h2_stream *stream)
{
    struct fct_h2 *h2 = stream->h2;
    int rv = nghttp2_submit_trailer(h2->nghttp2, stream->id, stream->trailers->fields,
                                    stream->trailers->count);
    fct_mem_free(h2->options.mem, stream->trailers);
    stream->trailers = NULL;
    return rv;
}

/* Without trailers the end is a DATA frame of its own if it waits: it must not wait for a window
 * too, which only the peer can open. */
static bool h2_answer_can_hold(const struct fct_h2_stream *stream, size_t size)
{
    nghttp2_session *nghttp2 = stream->h2->nghttp2;
    int32_t own = nghttp2_session_get_stream_remote_window_size(nghttp2, stream->id);
    int32_t shared = nghttp2_session_get_remote_window_size(nghttp2);
    return stream->trailers != NULL ||
           (own > 0 && size < (size_t)own && shared > 0 && size < (size_t)shared);
}

void fct_h2_answer_release_end(struct fct_h2_stream *stream)
{
    stream->held_enough = true;
    if (!stream->holds_end || stream->is_dead) {
        return;
    }
    h2_answer_unhold(stream);
    if (stream->trailers == NULL) {
        h2_answer_resume(stream);
    } else if (h2_answer_submit_trailers(stream) == 0) {
        fct_h2_signal(stream->h2);
    } else {
        fct_exchange_abort(&stream->exchange, FCT_ABORT_INTERNAL);
    }
}

void fct_h2_release_ends(struct fct_h2 *h2, bool all)
{
    for (struct fct_h2_link *at = h2->streams.next; h2->held_ends > 0 && at != &h2->streams;
         at = at->next) {
        struct fct_h2_stream *stream = FCT_H2_STREAM_OF(at, all);
        if (stream->holds_end && (all || ++stream->end_ticks >= H2_END_TICKS_MAX)) {
            fct_h2_answer_release_end(stream);
        }
    }
}

/* ---- the bytes of an answer ------------------------------------------------------------------ */

void fct_h2_answer_free(struct fct_h2_stream *stream)
{
    h2_answer_unhold(stream);
    h2_answers_shrink(stream->h2, h2_answer_waiting(stream));
    h2_answer_recycle(stream, 0);
    fct_mem_free(stream->h2->options.mem, stream->trailers);
    stream->trailers = NULL;
}

/* nghttp2 asks how much of the answer a DATA frame may take: at most |size|. */
static ssize_t h2_answer_on_read(nghttp2_session *nghttp2, int32_t id, uint8_t *bytes, size_t size,
                                 uint32_t *flags, nghttp2_data_source *source, void *data)
{
    (void)nghttp2;
    (void)bytes;
    (void)source;
    struct fct_h2 *h2 = data;
    struct fct_h2_stream *stream = fct_h2_find(h2, id);
    if (stream == NULL || stream->is_dead) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* RST_STREAM is already queued */
    }
    size_t waiting = h2_answer_waiting(stream);
    if (waiting == 0 && !stream->finished) {
        stream->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (h2->out.size_max - h2->out.len < 2 * FCT_H2_PIECE_MAX) {
        return NGHTTP2_ERR_PAUSE; /* no room: ends this send; the next one asks again for this
                                   * frame. DEFERRED would wait for a resume instead */
    }
    if (size > waiting) {
        size = waiting;
    }
    bool ends = stream->finished && size == waiting;
    bool holds = ends && h2_answer_must_hold(stream) && h2_answer_can_hold(stream, size);
    if (holds && stream->trailers == NULL && waiting == 0) {
        h2_answer_hold_end(stream);
        stream->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (!ends || (holds && stream->trailers == NULL)) {
        return (ssize_t)size;
    }
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (stream->trailers != NULL) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (holds) {
            h2_answer_hold_end(stream);
        } else if (h2_answer_submit_trailers(stream) != 0) {
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
    }
    return (ssize_t)size;
}

int fct_h2_on_send_data(nghttp2_session *nghttp2, nghttp2_frame *frame, const uint8_t *header,
                        size_t size, nghttp2_data_source *source, void *data)
{
    (void)nghttp2;
    (void)source;
    struct fct_h2 *h2 = data;
    struct fct_h2_stream *stream = fct_h2_find(h2, frame->hd.stream_id);
    if (stream == NULL) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    FCT_ASSERT(size <= h2_answer_waiting(stream));
    if (fct_buf_reserve(&h2->out, FCT_H2_FRAME_HEADER_SIZE + size) != FACTUM_OK ||
        fct_buf_add(&h2->out, header, FCT_H2_FRAME_HEADER_SIZE) != FACTUM_OK ||
        fct_buf_add(&h2->out, stream->out.ptr + stream->out_from, size) != FACTUM_OK) {
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    stream->out_from += size;
    h2_answers_shrink(h2, size);
    size_t waiting = h2_answer_waiting(stream);
    if (waiting == 0) {
        h2_answer_recycle(stream, H2_KEPT_SIZE);
    }
    if (stream->was_full && waiting <= h2_answer_limit(stream) / 2) {
        fct_h2_ring_add(&h2->writable, &stream->writable);
    }
    return 0;
}

void fct_h2_run_writable(struct fct_h2 *h2)
{
    struct fct_h2_link round;
    fct_h2_ring_init(&round);
    while (!fct_h2_ring_is_empty(&h2->writable)) {
        struct fct_h2_link *link = h2->writable.next;
        fct_h2_ring_remove(link);
        fct_h2_ring_add(&round, link);
    }
    while (!fct_h2_ring_is_empty(&round)) {
        struct fct_h2_stream *stream = FCT_H2_STREAM_OF(round.next, writable);
        fct_h2_ring_remove(&stream->writable);
        stream->was_full = h2_answer_waiting(stream) > h2_answer_limit(stream) / 2;
        if (!stream->was_full && !stream->is_dead && !stream->finished) {
            stream->exchange.handler->writable(&stream->exchange);
        }
    }
}

static bool h2_answer_field_is_valid(const struct fct_field *field)
{
    return field->name.len > 0 && field->name.ptr[0] != ':' &&
           nghttp2_check_header_name(field->name.ptr, field->name.len) != 0 &&
           (field->value.len == 0 ||
            nghttp2_check_header_value_rfc9113(field->value.ptr, field->value.len) != 0);
}

static bool h2_answer_fields_are_valid(const struct fct_field *fields, size_t count)
{
    if (count > FCT_H2_FIELDS_MAX) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!h2_answer_field_is_valid(&fields[i])) {
            return false;
        }
    }
    return true;
}

/* nghttp2 takes mutable pointers to bytes that it only copies. */
static uint8_t *h2_answer_borrow(factum_slice slice)
{
    union {
        const uint8_t *in;
        uint8_t *out;
    } ptr = {.in = slice.len == 0 ? (const uint8_t *)"" : slice.ptr};
    return ptr.out;
}

static nghttp2_nv h2_answer_nv(factum_slice name, factum_slice value)
{
    return (nghttp2_nv){
        .name = h2_answer_borrow(name),
        .namelen = name.len,
        .value = h2_answer_borrow(value),
        .valuelen = value.len,
    };
}

static factum_status h2_respond(struct fct_exchange *exchange, unsigned status,
                                const struct fct_field *fields, size_t count)
{
    struct fct_h2_stream *stream = h2_stream_of(exchange);
    FCT_ASSERT(!stream->responded);
    FCT_ASSERT(status >= 200 && status <= 999);
    if (!h2_answer_fields_are_valid(fields, count)) {
        return FACTUM_INVALID;
    }
    if (h2_answer_is_lost(stream)) {
        stream->responded = true;
        return FACTUM_OK;
    }
    nghttp2_nv answer[FCT_H2_FIELDS_MAX + 1];
    const uint8_t digits[3] = {(uint8_t)('0' + status / 100), (uint8_t)('0' + status / 10 % 10),
                               (uint8_t)('0' + status % 10)};
    answer[0] = h2_answer_nv(FCT_SLICE(":status"), fct_slice(digits, sizeof digits));
    for (size_t i = 0; i < count; i++) {
        answer[i + 1] = h2_answer_nv(fields[i].name, fields[i].value);
    }
    nghttp2_data_provider provider = {.read_callback = h2_answer_on_read};
    int rv = nghttp2_submit_response(stream->h2->nghttp2, stream->id, answer, count + 1, &provider);
    if (rv != 0) {
        return FACTUM_NO_MEMORY;
    }
    stream->responded = true;
    fct_h2_signal(stream->h2);
    return FACTUM_OK;
}

static size_t h2_room(const struct fct_exchange *exchange)
{
    const struct fct_h2_stream *stream = (const struct fct_h2_stream *)(const void *)exchange;
    size_t waiting = h2_answer_waiting(stream);
    bool none = h2_answer_is_lost(stream) || h2_answers_are_over(stream->h2);
    size_t max = none ? 0 : h2_answer_limit(stream);
    return waiting < max ? max - waiting : 0;
}

/* Moves the waiting bytes to the beginning. */
static void h2_answer_compact(struct fct_h2_stream *stream)
{
    size_t waiting = h2_answer_waiting(stream);
    if (stream->out_from > 0 && stream->out.ptr != NULL) {
        memmove(stream->out.ptr, stream->out.ptr + stream->out_from, waiting);
        stream->out.len = waiting;
        stream->out_from = 0;
    }
}

static factum_status h2_write(struct fct_exchange *exchange, factum_slice bytes)
{
    struct fct_h2_stream *stream = h2_stream_of(exchange);
    struct fct_h2 *h2 = stream->h2;
    FCT_ASSERT(stream->responded);
    FCT_ASSERT(!stream->finished);
    if (h2_answer_is_lost(stream) || bytes.len == 0) {
        return FACTUM_OK;
    }
    if (stream->out.ptr == NULL && h2->spare.ptr != NULL) {
        struct fct_buf empty = stream->out;
        stream->out = h2->spare;
        h2->spare = empty;
    }
    /* Moves no more bytes than were sent since the last move, unless the maximum requires it. */
    bool grows = bytes.len > stream->out.capacity - stream->out.len;
    bool is_over = stream->out.len > stream->out.size_max - bytes.len;
    if (bytes.len > stream->out.size_max) {
        return FACTUM_TOO_BIG;
    }
    if (is_over || (grows && stream->out_from >= h2_answer_waiting(stream))) {
        h2_answer_compact(stream);
    }
    factum_status status = fct_buf_add_slice(&stream->out, bytes);
    if (status != FACTUM_OK) {
        return status;
    }
    h2->waiting += bytes.len;
    h2->was_over = h2->was_over || h2_answers_are_over(h2);
    /* The room may shrink to this before the writer asks for it. */
    if (h2_answer_waiting(stream) > H2_ROOM_MIN / 2 ||
        h2_answer_waiting(stream) > h2->options.limits.write_buffer_max / 2) {
        stream->was_full = true;
    }
    h2_answer_resume(stream);
    return FACTUM_OK;
}

/* Returns NULL if out of memory. */
static struct fct_h2_trailers *h2_trailers_copy(const struct fct_mem *mem,
                                                const struct fct_field *fields, size_t count)
{
    size_t size = sizeof(struct fct_h2_trailers) + count * sizeof(nghttp2_nv);
    size_t at = size;
    for (size_t i = 0; i < count; i++) {
        size += fields[i].name.len + fields[i].value.len;
    }
    struct fct_h2_trailers *trailers = fct_mem_alloc(mem, size);
    if (trailers == NULL) {
        return NULL;
    }
    trailers->count = count;
    uint8_t *bytes = (uint8_t *)trailers + at;
    for (size_t i = 0; i < count; i++) {
        const struct fct_field *field = &fields[i];
        memcpy(bytes, field->name.ptr, field->name.len);
        if (field->value.len > 0) {
            memcpy(bytes + field->name.len, field->value.ptr, field->value.len);
        }
        trailers->fields[i] = h2_answer_nv(fct_slice(bytes, field->name.len),
                                           fct_slice(bytes + field->name.len, field->value.len));
        bytes += field->name.len + field->value.len;
    }
    return trailers;
}

static factum_status h2_finish(struct fct_exchange *exchange, const struct fct_field *trailers,
                               size_t count)
{
    struct fct_h2_stream *stream = h2_stream_of(exchange);
    FCT_ASSERT(stream->responded);
    FCT_ASSERT(!stream->finished);
    if (!h2_answer_fields_are_valid(trailers, count)) {
        return FACTUM_INVALID;
    }
    if (h2_answer_is_lost(stream)) {
        stream->finished = true;
        return FACTUM_OK;
    }
    if (count > 0) {
        stream->trailers = h2_trailers_copy(stream->h2->options.mem, trailers, count);
        if (stream->trailers == NULL) {
            return FACTUM_NO_MEMORY;
        }
    }
    stream->finished = true;
    h2_answer_resume(stream);
    return FACTUM_OK;
}

static void h2_release(struct fct_exchange *exchange, size_t size)
{
    struct fct_h2_stream *stream = h2_stream_of(exchange);
    struct fct_h2 *h2 = stream->h2;
    FCT_ASSERT(size <= stream->unreleased);
    stream->unreleased -= size;
    if (!h2->is_broken && size > 0) {
        (void)fct_h2_survives(h2, nghttp2_session_consume(h2->nghttp2, stream->id, size));
        if (nghttp2_session_want_write(h2->nghttp2) != 0) {
            fct_h2_signal(h2);
        }
    }
}

static uint32_t h2_abort_code(enum fct_abort why)
{
    switch (why) {
    case FCT_ABORT_PROTOCOL:
        return NGHTTP2_PROTOCOL_ERROR;
    case FCT_ABORT_INTERNAL:
        return NGHTTP2_INTERNAL_ERROR;
    case FCT_ABORT_CALM:
        return NGHTTP2_ENHANCE_YOUR_CALM;
    case FCT_ABORT_CANCEL:
        break;
    }
    return NGHTTP2_CANCEL;
}

static void h2_abort(struct fct_exchange *exchange, enum fct_abort why)
{
    struct fct_h2_stream *stream = h2_stream_of(exchange);
    struct fct_h2 *h2 = stream->h2;
    if (stream->is_dead) {
        return;
    }
    stream->is_dead = true;
    fct_h2_ring_add(&h2->aborted, &stream->aborted);
    if (!h2->is_broken) {
        (void)fct_h2_survives(h2, nghttp2_submit_rst_stream(h2->nghttp2, NGHTTP2_FLAG_NONE,
                                                            stream->id, h2_abort_code(why)));
    }
    fct_h2_signal(h2);
}

/* The peer may open more streams once it has seen the new SETTINGS. */
static void h2_trust(struct fct_exchange *exchange)
{
    struct fct_h2 *h2 = h2_stream_of(exchange)->h2;
    const nghttp2_settings_entry setting = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                                            (uint32_t)h2->options.limits.exchanges_max};
    if (!h2->is_trusted && !h2->is_over) {
        h2->is_trusted = true;
        (void)fct_h2_survives(h2,
                              nghttp2_submit_settings(h2->nghttp2, NGHTTP2_FLAG_NONE, &setting, 1));
        fct_h2_signal(h2);
    }
}

const struct fct_exchange_ops fct_h2_exchange_ops = {
    .respond = h2_respond,
    .room = h2_room,
    .write = h2_write,
    .finish = h2_finish,
    .release = h2_release,
    .abort = h2_abort,
    .trust = h2_trust,
};
