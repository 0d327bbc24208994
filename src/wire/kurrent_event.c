/* kurrent_event.c - ReadResp with an event, the message that the server writes most. Layer: wire.
 *
 * All sizes are computed first. Then the message is written once, front to back, into the buffer:
 *
 *     ReadResp        0a size                          event
 *       ReadEvent     0a size RecordedEvent            event
 *                     12 size RecordedEvent            link
 *                     18 position | 22 00              commit_position or no_position
 *     RecordedEvent   0a size UUID                     id
 *                     12 size 1a size stream           stream_identifier
 *                     18 revision  20 position  28 position
 *                     32 size 0a size key 12 size value, for each of three keys
 *                     3a size custom metadata  42 size data
 *     UUID            12 24 text | 0a size 08 high 10 low
 *
 * Invariant: the bytes written have the computed size; fct_kurrent_encode_event asserts it.
 */
#include "wire/kurrent_replies.h"

#include <string.h>

#include "codec/bytes.h"
#include "core/check.h"
#include "wire/kurrent_int.h"

enum { EVENT_UUID_TEXT_SIZE = FACTUM_UUID_TEXT_SIZE - 1, EVENT_TICKS_SIZE_MAX = 20 };

/* The sizes of the contents of nested messages, without tag and size of their own. */
struct event_sizes {
    size_t id;
    size_t id_structured;
    size_t stream;
    size_t type;
    size_t content_type;
    size_t created;
    size_t whole;
    uint64_t id_high;
    uint64_t id_low;
    char ticks[EVENT_TICKS_SIZE_MAX]; /* the text is its last |ticks_size| bytes */
    size_t ticks_size;
};

static const char event_key_type[] = "type";
static const char event_key_content_type[] = "content-type";
static const char event_key_created[] = "created";

/* ---- sizes ----------------------------------------------------------------------------------- */

/* With a tag of one byte, which all fields here have. */
static size_t event_field_size(size_t content)
{
    return 1 + fct_varint_size(content) + content;
}

static size_t event_number_size(uint64_t value)
{
    return value == 0 ? 0 : 1 + fct_varint_size(value);
}

static size_t event_optional_size(size_t content)
{
    return content == 0 ? 0 : event_field_size(content);
}

static size_t event_entry_size(size_t key_size, size_t value_size)
{
    return event_field_size(key_size) + event_field_size(value_size);
}

/* the digits of 00 to 99 */
static const char event_pairs[] = "00010203040506070809101112131415161718192021222324"
                                  "25262728293031323334353637383940414243444546474849"
                                  "50515253545556575859606162636465666768697071727374"
                                  "75767778798081828384858687888990919293949596979899";

/* Writes units of 100 ns, rounded down, as decimal text at the end of |ticks|. */
static void event_format_ticks(struct event_sizes *sizes, int64_t created)
{
    int64_t ticks = created / 100 - (created % 100 < 0);
    uint64_t rest = ticks < 0 ? (uint64_t)-ticks : (uint64_t)ticks;
    size_t at = sizeof sizes->ticks;
    for (; rest >= 100; rest /= 100) { /* two digits at a time: this runs for each event read */
        const char *pair = &event_pairs[2 * (rest % 100)];
        sizes->ticks[--at] = pair[1];
        sizes->ticks[--at] = pair[0];
    }
    if (rest >= 10) {
        sizes->ticks[--at] = (char)('0' + rest % 10);
        rest /= 10;
    }
    sizes->ticks[--at] = (char)('0' + rest);
    if (ticks < 0) {
        sizes->ticks[--at] = '-';
    }
    sizes->ticks_size = sizeof sizes->ticks - at;
}

static void event_measure_id(struct event_sizes *sizes, const factum_uuid *id,
                             enum fct_kurrent_id_form form)
{
    if (form == FCT_KURRENT_ID_STRING) {
        sizes->id = event_field_size(EVENT_UUID_TEXT_SIZE);
        return;
    }
    FCT_ASSERT(form == FCT_KURRENT_ID_STRUCTURED);
    sizes->id_high = fct_kurrent_id_half(id, 0);
    sizes->id_low = fct_kurrent_id_half(id, 8);
    sizes->id_structured = event_number_size(sizes->id_high) + event_number_size(sizes->id_low);
    sizes->id = event_field_size(sizes->id_structured);
}

static void event_measure(struct event_sizes *sizes, const struct fct_kurrent_event *event,
                          enum fct_kurrent_id_form form)
{
    event_measure_id(sizes, &event->id, form);
    event_format_ticks(sizes, event->created);
    sizes->stream = event_optional_size(event->stream.len);
    sizes->type = event_entry_size(sizeof event_key_type - 1, event->type.len);
    sizes->content_type =
        event_entry_size(sizeof event_key_content_type - 1, event->content_type.len);
    sizes->created = event_entry_size(sizeof event_key_created - 1, sizes->ticks_size);
    sizes->whole = event_field_size(sizes->id) + event_field_size(sizes->stream) +
                   event_number_size(event->revision) + 2 * event_number_size(event->position) +
                   event_field_size(sizes->type) + event_field_size(sizes->content_type) +
                   event_field_size(sizes->created) +
                   event_optional_size(event->custom_metadata.len) +
                   event_optional_size(event->data.len);
}

struct event_frame {
    struct event_sizes event;
    struct event_sizes link;
    size_t read_event;
    size_t message;
};

static void event_measure_frame(struct event_frame *frame,
                                const struct fct_kurrent_read_event *read_event)
{
    size_t size = read_event->position.given ? 1 + fct_varint_size(read_event->position.value)
                                             : event_field_size(0);
    if (read_event->event != NULL) {
        event_measure(&frame->event, read_event->event, read_event->id_form);
        size += event_field_size(frame->event.whole);
    }
    if (read_event->link != NULL) {
        event_measure(&frame->link, read_event->link, read_event->id_form);
        size += event_field_size(frame->link.whole);
    }
    frame->read_event = size;
    frame->message = event_field_size(size);
}

size_t fct_kurrent_event_size(const struct fct_kurrent_read_event *read_event)
{
    struct event_frame frame;
    event_measure_frame(&frame, read_event);
    return FCT_GRPC_PREFIX_SIZE + frame.message;
}

/* ---- bytes: each function returns the end of what it wrote ----------------------------------- */

static uint8_t *event_put_head(uint8_t *to, uint8_t tag, uint64_t value)
{
    *to = tag;
    return to + 1 + fct_varint_put(to + 1, value);
}

static uint8_t *event_put_number(uint8_t *to, uint8_t tag, uint64_t value)
{
    return value == 0 ? to : event_put_head(to, tag, value);
}

static uint8_t *event_put_bytes(uint8_t *to, uint8_t tag, const void *bytes, size_t size)
{
    to = event_put_head(to, tag, size);
    if (size > 0) {
        memcpy(to, bytes, size);
    }
    return to + size;
}

static uint8_t *event_put_optional(uint8_t *to, uint8_t tag, factum_slice bytes)
{
    return bytes.len == 0 ? to : event_put_bytes(to, tag, bytes.ptr, bytes.len);
}

static uint8_t *event_put_id(uint8_t *to, const struct event_sizes *sizes, factum_uuid id,
                             enum fct_kurrent_id_form form)
{
    char text[FACTUM_UUID_TEXT_SIZE];
    to = event_put_head(to, 0x0a, sizes->id);
    if (form == FCT_KURRENT_ID_STRING) {
        factum_uuid_format(id, text);
        return event_put_bytes(to, 0x12, text, EVENT_UUID_TEXT_SIZE);
    }
    to = event_put_head(to, 0x0a, sizes->id_structured);
    to = event_put_number(to, 0x08, sizes->id_high);
    return event_put_number(to, 0x10, sizes->id_low);
}

static uint8_t *event_put_recorded(uint8_t *to, const struct event_sizes *sizes,
                                   const struct fct_kurrent_event *event,
                                   enum fct_kurrent_id_form form)
{
    to = event_put_id(to, sizes, event->id, form);
    to = event_put_head(to, 0x12, sizes->stream);
    to = event_put_optional(to, 0x1a, event->stream);
    to = event_put_number(to, 0x18, event->revision);
    to = event_put_number(to, 0x20, event->position);
    to = event_put_number(to, 0x28, event->position);
    to = event_put_head(to, 0x32, sizes->type);
    to = event_put_bytes(to, 0x0a, event_key_type, sizeof event_key_type - 1);
    to = event_put_bytes(to, 0x12, event->type.ptr, event->type.len);
    to = event_put_head(to, 0x32, sizes->content_type);
    to = event_put_bytes(to, 0x0a, event_key_content_type, sizeof event_key_content_type - 1);
    to = event_put_bytes(to, 0x12, event->content_type.ptr, event->content_type.len);
    to = event_put_head(to, 0x32, sizes->created);
    to = event_put_bytes(to, 0x0a, event_key_created, sizeof event_key_created - 1);
    to = event_put_bytes(to, 0x12, sizes->ticks + sizeof sizes->ticks - sizes->ticks_size,
                         sizes->ticks_size);
    to = event_put_optional(to, 0x3a, event->custom_metadata);
    return event_put_optional(to, 0x42, event->data);
}

factum_status fct_kurrent_encode_event(struct fct_buf *buf,
                                       const struct fct_kurrent_read_event *read_event)
{
    struct event_frame frame;
    event_measure_frame(&frame, read_event);
    if (frame.message > UINT32_MAX) {
        return FACTUM_TOO_BIG;
    }
    size_t size = FCT_GRPC_PREFIX_SIZE + frame.message;
    factum_status status = fct_buf_reserve(buf, size);
    if (status != FACTUM_OK) {
        return status;
    }
    size_t begun = buf->len + FCT_GRPC_PREFIX_SIZE;
    uint8_t *to = event_put_head(buf->ptr + begun, 0x0a, frame.read_event);
    if (read_event->event != NULL) {
        to = event_put_head(to, 0x0a, frame.event.whole);
        to = event_put_recorded(to, &frame.event, read_event->event, read_event->id_form);
    }
    if (read_event->link != NULL) {
        to = event_put_head(to, 0x12, frame.link.whole);
        to = event_put_recorded(to, &frame.link, read_event->link, read_event->id_form);
    }
    to = read_event->position.given ? event_put_head(to, 0x18, read_event->position.value)
                                    : event_put_head(to, 0x22, 0);
    FCT_ASSERT(to == buf->ptr + buf->len + size);
    buf->len += size;
    fct_grpc_frame_end(buf, begun);
    return FACTUM_OK;
}
