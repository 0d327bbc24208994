/* protobuf.c - see protobuf.h. Layer: wire.
 *
 * A field is a tag (number * 8 + type) as a varint, and a value:
 *
 *     type 0   varint of up to 10 bytes
 *     type 1   8 bytes, little-endian
 *     type 2   a size as a varint, then the bytes
 *     type 5   4 bytes, little-endian
 *
 * Types 3 and 4 begin and end groups, 6 and 7 do not exist: all four are refused.
 */
#include "wire/protobuf.h"

#include <assert.h>
#include <string.h>

#include "codec/bytes.h"
#include "core/check.h"
#include "core/slice.h"

#define PB_NUMBER_MAX ((UINT32_C(1) << 29) - 1)

enum { PB_TAG_SIZE_MAX = 5, PB_FIELD_HEAD_SIZE_MAX = PB_TAG_SIZE_MAX + FCT_VARINT_SIZE_MAX };

/* ---- reading --------------------------------------------------------------------------------- */

struct fct_pb_reader fct_pb_reader(factum_slice message)
{
    return (struct fct_pb_reader){.rest = message};
}

static bool pb_fail(struct fct_pb_reader *reader)
{
    reader->failed = true;
    return false;
}

static bool pb_take_varint(factum_slice *rest, uint64_t *value)
{
    size_t size = fct_varint_get(rest->ptr, rest->len, value);
    if (size == 0) {
        return false;
    }
    *rest = fct_slice_from(*rest, size);
    return true;
}

static bool pb_take_bytes(factum_slice *rest, uint64_t size, factum_slice *bytes)
{
    if (size > rest->len) {
        return false;
    }
    *bytes = fct_slice(rest->ptr, (size_t)size);
    *rest = fct_slice_from(*rest, (size_t)size);
    return true;
}

static bool pb_take_value(factum_slice *rest, struct fct_pb_field *field)
{
    factum_slice bytes;
    switch (field->type) {
    case FCT_PB_VARINT:
        return pb_take_varint(rest, &field->value);
    case FCT_PB_BYTES:
        return pb_take_varint(rest, &field->value) &&
               pb_take_bytes(rest, field->value, &field->bytes);
    case FCT_PB_I64:
        if (!pb_take_bytes(rest, sizeof(uint64_t), &bytes)) {
            return false;
        }
        field->value = fct_get_u64(bytes.ptr);
        return true;
    case FCT_PB_I32:
        if (!pb_take_bytes(rest, sizeof(uint32_t), &bytes)) {
            return false;
        }
        field->value = fct_get_u32(bytes.ptr);
        return true;
    default:
        return false;
    }
}

bool fct_pb_next(struct fct_pb_reader *reader, struct fct_pb_field *field)
{
    uint64_t tag;
    if (reader->failed || reader->rest.len == 0) {
        return false;
    }
    factum_slice rest = reader->rest;
    if (!pb_take_varint(&rest, &tag)) {
        return pb_fail(reader);
    }
    if (tag >> 3 == 0 || tag >> 3 > PB_NUMBER_MAX) {
        return pb_fail(reader);
    }
    *field = (struct fct_pb_field){.number = (uint32_t)(tag >> 3), .type = tag & 7};
    if (!pb_take_value(&rest, field)) {
        return pb_fail(reader);
    }
    reader->rest = rest;
    return true;
}

int64_t fct_pb_unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

uint64_t fct_pb_zigzag(int64_t value)
{
    uint64_t bits = (uint64_t)value;
    return bits << 1 ^ (0 - (bits >> 63));
}

/* ---- writing --------------------------------------------------------------------------------- */

struct fct_pb_writer fct_pb_writer(struct fct_buf *buf)
{
    return (struct fct_pb_writer){.buf = buf, .status = FACTUM_OK};
}

static bool pb_reserve(struct fct_pb_writer *writer, size_t more)
{
    if (writer->status == FACTUM_OK) {
        writer->status = fct_buf_reserve(writer->buf, more);
    }
    return writer->status == FACTUM_OK;
}

/* Encodes a tag, and the varint that follows it in every field that we write. Returns the size. */
static size_t pb_head(uint8_t to[PB_FIELD_HEAD_SIZE_MAX], uint32_t number, enum fct_pb_type type,
                      uint64_t value)
{
    FCT_ASSERT(number >= 1);
    FCT_ASSERT(number <= PB_NUMBER_MAX);
    size_t size = fct_varint_put(to, (uint64_t)number << 3 | type);
    return size + fct_varint_put(to + size, value);
}

void fct_pb_add_uint(struct fct_pb_writer *writer, uint32_t number, uint64_t value)
{
    uint8_t field[PB_FIELD_HEAD_SIZE_MAX];
    size_t size = pb_head(field, number, FCT_PB_VARINT, value);
    if (pb_reserve(writer, size)) {
        memcpy(writer->buf->ptr + writer->buf->len, field, size);
        writer->buf->len += size;
    }
}

void fct_pb_add_bytes(struct fct_pb_writer *writer, uint32_t number, factum_slice bytes)
{
    uint8_t head[PB_FIELD_HEAD_SIZE_MAX];
    size_t size = pb_head(head, number, FCT_PB_BYTES, bytes.len);
    struct fct_buf *buf = writer->buf;
    FCT_ASSERT(bytes.len <= SIZE_MAX - size);
    if (pb_reserve(writer, size + bytes.len)) {
        memcpy(buf->ptr + buf->len, head, size);
        if (bytes.len > 0) {
            memcpy(buf->ptr + buf->len + size, bytes.ptr, bytes.len);
        }
        buf->len += size + bytes.len;
    }
}

void fct_pb_put_uint(struct fct_pb_writer *writer, uint32_t number, uint64_t value)
{
    if (value != 0) {
        fct_pb_add_uint(writer, number, value);
    }
}

void fct_pb_put_bytes(struct fct_pb_writer *writer, uint32_t number, factum_slice bytes)
{
    if (bytes.len != 0) {
        fct_pb_add_bytes(writer, number, bytes);
    }
}

void fct_pb_put_float(struct fct_pb_writer *writer, uint32_t number, float value)
{
    uint8_t field[PB_TAG_SIZE_MAX + sizeof(uint32_t)];
    uint32_t bits;
    static_assert(sizeof bits == sizeof value, "a float has 4 bytes");
    memcpy(&bits, &value, sizeof bits);
    FCT_ASSERT(number >= 1);
    FCT_ASSERT(number <= PB_NUMBER_MAX);
    size_t size = fct_varint_put(field, (uint64_t)number << 3 | FCT_PB_I32);
    fct_put_u32(field + size, bits);
    size += sizeof bits;
    if (bits != 0 && pb_reserve(writer, size)) {
        memcpy(writer->buf->ptr + writer->buf->len, field, size);
        writer->buf->len += size;
    }
}

/* Reserves one byte for the size, which most nested messages need. fct_pb_end moves a longer
 * message by one memmove, of at most the buffer's maximum. */
size_t fct_pb_begin(struct fct_pb_writer *writer, uint32_t number)
{
    uint8_t head[PB_FIELD_HEAD_SIZE_MAX];
    size_t size = pb_head(head, number, FCT_PB_BYTES, 0);
    if (pb_reserve(writer, size)) {
        memcpy(writer->buf->ptr + writer->buf->len, head, size);
        writer->buf->len += size;
    }
    return writer->buf->len;
}

void fct_pb_end(struct fct_pb_writer *writer, size_t begun)
{
    uint8_t size_bytes[FCT_VARINT_SIZE_MAX];
    struct fct_buf *buf = writer->buf;
    if (writer->status != FACTUM_OK) {
        return;
    }
    FCT_ASSERT(begun >= 2);
    FCT_ASSERT(begun <= buf->len);
    size_t size = buf->len - begun;
    size_t more = fct_varint_put(size_bytes, size) - 1;
    if (more > 0) {
        if (!pb_reserve(writer, more)) {
            return;
        }
        memmove(buf->ptr + begun + more, buf->ptr + begun, size);
        buf->len += more;
    }
    memcpy(buf->ptr + begun - 1, size_bytes, more + 1);
}
