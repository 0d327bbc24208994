/* h2_head.c - the head of a request: from its fields to an exchange. Layer: net. See h2_int.h.
 *
 * Fields are collected in one buffer of the session, counted while they are decoded, and copied
 * once into the exchange when the head is complete. nghttp2 has checked names, values and the order
 * and number of pseudo fields (RFC 9113, 8.2 and 8.3).
 *
 * Invariants.
 *  1. At most head_size_max bytes and field_count_max fields are kept. Later fields are decoded,
 *     which HPACK needs, and dropped; the answer is 431. Beyond H2_HEAD_FACTOR times as many bytes
 *     the stream is reset, and nghttp2 decodes the rest without reporting it: nghttp2 checks each
 *     value that it reports, and a block of 16 KiB can name 48 MB of them.
 *  2. A stream has either an exchange (its user data) or nothing.
 */
#include "net/h2_int.h"

#include <string.h>

#include "core/check.h"
#include "core/slice.h"

#define H2_FIELD_OVERHEAD 32 /* RFC 9113, 6.5.2 */
#define H2_HEAD_FACTOR 4

int fct_h2_on_begin_headers(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *data)
{
    struct fct_h2 *h2 = data;
    struct fct_h2_head *head = &h2->head;
    fct_buf_clear(&head->bytes);
    head->field_count = 0;
    head->seen_count = 0;
    head->size = 0;
    head->too_big = false;
    head->no_memory = false;
    memset(head->pseudo, 0, sizeof head->pseudo);
    if (h2->shuts_down && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        (void)fct_h2_survives(h2, nghttp2_submit_rst_stream(nghttp2, NGHTTP2_FLAG_NONE,
                                                            frame->hd.stream_id,
                                                            NGHTTP2_REFUSED_STREAM));
    }
    return 0;
}

/* Returns the place of |name| among the pseudo fields; FCT_H2_PSEUDO_COUNT: an ordinary field. */
static enum fct_h2_pseudo h2_head_pseudo(factum_slice name)
{
    static const char *const names[FCT_H2_PSEUDO_COUNT] = {":method", ":scheme", ":path",
                                                           ":authority"};
    unsigned i = 0;
    while (i < FCT_H2_PSEUDO_COUNT && !fct_slice_equal(name, factum_slice_from(names[i]))) {
        i++;
    }
    return (enum fct_h2_pseudo)i;
}

static void h2_head_keep(struct fct_h2_head *head, factum_slice name, factum_slice value)
{
    struct fct_h2_head_field field = {
        .at = (uint32_t)head->bytes.len,
        .name_size = (uint32_t)name.len,
        .value_size = (uint32_t)value.len,
    };
    if (fct_buf_reserve(&head->bytes, name.len + value.len) != FACTUM_OK ||
        fct_buf_add_slice(&head->bytes, name) != FACTUM_OK ||
        fct_buf_add_slice(&head->bytes, value) != FACTUM_OK) {
        head->no_memory = true;
        return;
    }
    enum fct_h2_pseudo pseudo = h2_head_pseudo(name);
    if (pseudo < FCT_H2_PSEUDO_COUNT) {
        head->pseudo[pseudo] = field;
    } else {
        head->fields[head->field_count] = field;
        head->field_count++;
    }
}

/* Stops the report of this head. The reset counts as a glitch when it is sent. */
static int h2_head_give_up(struct fct_h2 *h2, int32_t id)
{
    (void)fct_h2_survives(h2, nghttp2_submit_rst_stream(h2->nghttp2, NGHTTP2_FLAG_NONE, id,
                                                        NGHTTP2_ENHANCE_YOUR_CALM));
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* RST_STREAM is already queued */
}

int fct_h2_on_header(nghttp2_session *nghttp2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                     void *data)
{
    (void)nghttp2;
    (void)flags;
    struct fct_h2 *h2 = data;
    struct fct_h2_head *head = &h2->head;
    const struct fct_session_limits *limits = &h2->options.limits;
    /* Cannot overflow: nghttp2 refuses sizes of 64 KiB and more. */
    head->size += name_size + value_size + H2_FIELD_OVERHEAD;
    if (head->size > H2_HEAD_FACTOR * limits->head_size_max) {
        return h2_head_give_up(h2, frame->hd.stream_id);
    }
    if (head->too_big || head->no_memory) {
        return 0;
    }
    head->seen_count++;
    if (head->size > limits->head_size_max ||
        head->seen_count > limits->field_count_max + FCT_H2_PSEUDO_COUNT) {
        head->too_big = true;
        return 0;
    }
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) { /* trailers are counted and dropped */
        if (head->field_count == limits->field_count_max &&
            h2_head_pseudo(fct_slice(name, name_size)) == FCT_H2_PSEUDO_COUNT) {
            head->too_big = true;
            return 0;
        }
        h2_head_keep(head, fct_slice(name, name_size), fct_slice(value, value_size));
    }
    return 0;
}

int fct_h2_on_invalid_header(nghttp2_session *nghttp2, const nghttp2_frame *frame,
                             const uint8_t *name, size_t name_size, const uint8_t *value,
                             size_t value_size, uint8_t flags, void *data)
{
    (void)nghttp2;
    (void)frame;
    (void)name;
    (void)name_size;
    (void)value;
    (void)value_size;
    (void)flags;
    (void)data;
    /* Otherwise nghttp2 would drop the field and continue; a malformed request is refused (RFC
     * 9113, 8.1.1). */
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* Answers without an exchange. */
static void h2_head_refuse(struct fct_h2 *h2, int32_t id, const char *status)
{
    uint8_t name[] = ":status";
    uint8_t value[4] = {0};
    memcpy(value, status, 3);
    nghttp2_nv field = {.name = name, .value = value, .namelen = sizeof name - 1, .valuelen = 3};
    (void)fct_h2_survives(h2, nghttp2_submit_response(h2->nghttp2, id, &field, 1, NULL));
}

static factum_slice h2_head_value(const uint8_t *bytes, const struct fct_h2_head_field *field)
{
    return fct_slice(bytes + field->at + field->name_size, field->value_size);
}

/* Returns NULL if out of memory. */
static struct fct_h2_stream *h2_head_to_stream(struct fct_h2 *h2, int32_t id)
{
    const struct fct_h2_head *head = &h2->head;
    size_t size = sizeof(struct fct_h2_stream) + head->field_count * sizeof(struct fct_field);
    struct fct_h2_stream *stream = fct_mem_alloc(h2->options.mem, size + head->bytes.len);
    if (stream == NULL) {
        return NULL;
    }
    memset(stream, 0, size);
    uint8_t *bytes = (uint8_t *)stream + size;
    memcpy(bytes, head->bytes.ptr, head->bytes.len);
    for (size_t i = 0; i < head->field_count; i++) {
        const struct fct_h2_head_field *field = &head->fields[i];
        stream->fields[i].name = fct_slice(bytes + field->at, field->name_size);
        stream->fields[i].value = h2_head_value(bytes, field);
    }
    stream->h2 = h2;
    stream->id = id;
    fct_buf_init(&stream->out, h2->options.mem, FCT_H2_WAITING_MAX);
    struct fct_exchange *exchange = &stream->exchange;
    exchange->ops = &fct_h2_exchange_ops;
    exchange->peer = h2->options.peer;
    exchange->http2 = true;
    exchange->method = h2_head_value(bytes, &head->pseudo[FCT_H2_METHOD]);
    exchange->target = h2_head_value(bytes, &head->pseudo[FCT_H2_PATH]);
    exchange->authority = h2_head_value(bytes, &head->pseudo[FCT_H2_AUTHORITY]);
    exchange->fields = stream->fields;
    exchange->field_count = head->field_count;
    if (exchange->authority.len == 0) {
        exchange->authority = fct_exchange_field(exchange, FCT_SLICE("host"));
    }
    return stream;
}

/* Returns the status that refuses the head, or NULL. */
static const char *h2_head_fault(const struct fct_h2_head *head)
{
    if (head->too_big) {
        return "431";
    }
    const uint8_t *bytes = head->bytes.ptr;
    if (fct_slice_equal(h2_head_value(bytes, &head->pseudo[FCT_H2_METHOD]), FCT_SLICE("CONNECT"))) {
        return "501";
    }
    factum_slice scheme = h2_head_value(bytes, &head->pseudo[FCT_H2_SCHEME]);
    bool is_known =
        fct_slice_equal(scheme, FCT_SLICE("http")) || fct_slice_equal(scheme, FCT_SLICE("https"));
    return is_known && head->pseudo[FCT_H2_PATH].value_size > 0 ? NULL : "400";
}

void fct_h2_head_complete(struct fct_h2 *h2, const nghttp2_frame *frame)
{
    int32_t id = frame->hd.stream_id;
    const char *fault = h2->head.no_memory ? NULL : h2_head_fault(&h2->head);
    if (fault != NULL) {
        fct_h2_glitch(h2);
        h2_head_refuse(h2, id, fault);
        return;
    }
    struct fct_h2_stream *stream = h2->head.no_memory ? NULL : h2_head_to_stream(h2, id);
    if (stream == NULL) {
        (void)fct_h2_survives(h2, nghttp2_submit_rst_stream(h2->nghttp2, NGHTTP2_FLAG_NONE, id,
                                                            NGHTTP2_INTERNAL_ERROR));
        return;
    }
    int rv = nghttp2_session_set_stream_user_data(h2->nghttp2, id, stream);
    FCT_ASSERT(rv == 0);
    fct_h2_ring_add(&h2->streams, &stream->all);
    h2->stream_count++;
    h2->options.begin(h2->options.data, &stream->exchange);
    FCT_ASSERT(stream->exchange.handler != NULL);
}
