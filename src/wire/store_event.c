/* store_event.c - Event of factum.v1.Store, the message that is sent most. Layer: wire.
 *
 * The size is computed first; then the message is written once, front to back, into the buffer. All
 * tags have one byte. Invariant: the bytes written have the computed size (fct_store_add_event
 * asserts it).
 */
#include "core/check.h"
#include "core/slice.h"
#include "wire/store_int.h"

static size_t store_event_size(const factum_event *event)
{
    size_t size = fct_store_bytes_size(event->stream.len) + fct_store_bytes_size(event->type.len) +
                  fct_store_bytes_size(event->data.len) +
                  fct_store_bytes_size(event->metadata.len) +
                  fct_store_bytes_size(event->content_type.len) +
                  fct_store_bytes_size(sizeof event->id.bytes);
    for (size_t i = 0; i < event->tag_count; i++) {
        size += 1 + fct_varint_size(event->tags[i].len) + event->tags[i].len;
    }
    size += fct_store_uint_size(event->revision) + fct_store_uint_size(event->position) +
            fct_store_uint_size(event->ordinal) + fct_store_uint_size((uint64_t)event->created) +
            fct_store_uint_size(event->commit);
    size += event->has_time ? 1 + fct_varint_size((uint64_t)event->time) : 0;
    size += event->last_of_commit ? 2 : 0;
    size += event->key != NULL ? 1 + fct_varint_size(event->key->len) + event->key->len : 0;
    return size;
}

static uint8_t *store_put_name(uint8_t *to, uint8_t tag, factum_slice name)
{
    to = fct_store_to_head(to, tag, name.len);
    if (name.len > 0) {
        memcpy(to, name.ptr, name.len);
    }
    return to + name.len;
}

static uint8_t *store_write_event(uint8_t *to, const factum_event *event)
{
    to = fct_store_to_bytes(to, 0x0a, event->stream);
    to = fct_store_to_bytes(to, 0x12, event->type);
    to = fct_store_to_bytes(to, 0x1a, event->data);
    to = fct_store_to_bytes(to, 0x22, event->metadata);
    to = fct_store_to_bytes(to, 0x2a, event->content_type);
    for (size_t i = 0; i < event->tag_count; i++) {
        to = store_put_name(to, 0x32, event->tags[i]);
    }
    to = fct_store_to_bytes(to, 0x3a, fct_slice(event->id.bytes, sizeof event->id.bytes));
    to = fct_store_to_uint(to, 0x40, event->revision);
    to = fct_store_to_uint(to, 0x48, event->position);
    to = fct_store_to_uint(to, 0x50, event->ordinal);
    to = fct_store_to_uint(to, 0x58, (uint64_t)event->created);
    if (event->has_time) {
        to = fct_store_to_head(to, 0x60, (uint64_t)event->time);
    }
    to = fct_store_to_uint(to, 0x68, event->last_of_commit ? 1 : 0);
    to = fct_store_to_uint(to, 0x70, event->commit);
    return event->key != NULL ? store_put_name(to, 0x7a, *event->key) : to;
}

factum_status fct_store_add_event(struct fct_buf *buf, uint32_t number, const factum_event *event)
{
    size_t size = store_event_size(event);
    size_t whole = 1 + fct_varint_size(size) + size;
    FCT_ASSERT(number < 16);
    factum_status status = fct_buf_reserve(buf, whole);
    if (status != FACTUM_OK) {
        return status;
    }
    uint8_t *to = buf->ptr + buf->len;
    to = fct_store_to_head(to, (uint8_t)(number << 3 | FCT_PB_BYTES), size);
    to = store_write_event(to, event);
    buf->len += whole;
    FCT_ASSERT(to == buf->ptr + buf->len);
    return FACTUM_OK;
}

/* ---- decoding -------------------------------------------------------------------------------- */

static bool store_take_text(factum_slice bytes, factum_slice *text)
{
    *text = bytes;
    return fct_utf8_valid(bytes);
}

static bool store_take_id(factum_slice bytes, factum_uuid *id)
{
    if (bytes.len != sizeof id->bytes) {
        return false;
    }
    memcpy(id->bytes, bytes.ptr, sizeof id->bytes);
    return true;
}

static bool store_take_event_bytes(const struct fct_pb_field *field,
                                   struct fct_store_event_room *room, factum_event *event)
{
    switch (field->number) {
    case 1:
        return store_take_text(field->bytes, &event->stream);
    case 2:
        return store_take_text(field->bytes, &event->type);
    case 3:
        event->data = field->bytes;
        return true;
    case 4:
        event->metadata = field->bytes;
        return true;
    case 5:
        return store_take_text(field->bytes, &event->content_type);
    case 6:
        return event->tag_count < FACTUM_TAGS_MAX &&
               store_take_text(field->bytes, &room->tags[event->tag_count++]);
    case 7:
        return store_take_id(field->bytes, &event->id);
    case 15:
        event->key = &room->key;
        return store_take_text(field->bytes, &room->key);
    default:
        return true;
    }
}

static void store_take_event_number(const struct fct_pb_field *field, factum_event *event)
{
    switch (field->number) {
    case 8:
        event->revision = field->value;
        break;
    case 9:
        event->position = field->value;
        break;
    case 10:
        event->ordinal = field->value;
        break;
    case 11:
        event->created = (int64_t)field->value;
        break;
    case 12:
        event->has_time = true;
        event->time = (int64_t)field->value;
        break;
    case 13:
        event->last_of_commit = field->value != 0;
        break;
    case 14:
        event->commit = field->value;
        break;
    default:
        break;
    }
}

factum_status fct_store_decode_event(factum_slice message, struct fct_store_event_room *room,
                                     factum_event *event, factum_error *err)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    *event = (factum_event){.tags = room->tags};
    while (fct_pb_next(&reader, &field)) {
        if (field.type == FCT_PB_BYTES) {
            if (!store_take_event_bytes(&field, room, event)) {
                return fct_store_invalid("Event", err);
            }
        } else if (field.type == FCT_PB_VARINT) {
            store_take_event_number(&field, event);
        }
    }
    if (reader.failed) {
        return fct_store_invalid("Event", err);
    }
    if (!event->has_time) {
        event->time = event->created;
    }
    return FACTUM_OK;
}
