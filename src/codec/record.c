/* record.c - encoding and decoding of records; record.h has the format. Layer: codec.
 *
 * Invariants:
 *  1. A size from the bytes is compared with the bytes that exist before it is used.
 *  2. encode writes every byte of the record, padding included; decode accepts what encode writes,
 *     and unknown items in extra.
 */
#include "codec/record.h"

#include <assert.h>

#include "codec/bytes.h"
#include "core/check.h"
#include "core/crc32c.h"
#include "core/slice.h"

enum {
    AT_SIZE = 0,
    AT_CRC = 4,
    AT_REVISION = 8,
    AT_CREATED = 16,
    AT_ID = 24,
    AT_STREAM_SIZE = 40,
    AT_TYPE_SIZE = 42,
    AT_METADATA_SIZE = 44,
    AT_EXTRA_SIZE = 48,
    AT_FLAGS = 50,
    AT_KIND = 51,
};
static_assert(AT_KIND + 1 == FCT_RECORD_HEADER_SIZE, "the header ends with the kind");
static_assert(AT_ID + sizeof(factum_uuid) == AT_STREAM_SIZE, "ids have 16 bytes");

enum item_kind {
    ITEM_TIME = 1,
    ITEM_TAG = 2,
    ITEM_CONTENT_TYPE = 3,
};

uint32_t fct_record_seed(uint64_t salt, uint64_t position)
{
    uint64_t mixed = (salt ^ position) * UINT64_C(0x9e3779b97f4a7c15);
    mixed ^= mixed >> 29;
    return (uint32_t)((mixed * UINT64_C(0xbf58476d1ce4e5b9)) >> 32);
}

static size_t item_size(size_t len)
{
    size_t size = 2;
    for (size_t rest = len >> 7; rest > 0; rest >>= 7) {
        size++;
    }
    return size + len;
}

static size_t extra_size(const struct fct_record *record, const factum_slice *tags,
                         size_t tag_count)
{
    size_t size = (record->flags & FCT_RECORD_HAS_TIME) != 0 ? item_size(8) : 0;
    for (size_t i = 0; i < tag_count; i++) {
        size += item_size(tags[i].len <= UINT16_MAX ? tags[i].len : UINT16_MAX);
    }
    if (record->content_type.len > 0) {
        size_t len = record->content_type.len;
        size += item_size(len <= UINT16_MAX ? len : UINT16_MAX);
    }
    return size; /* above UINT16_MAX if a part is too long */
}

size_t fct_record_size(const struct fct_record *record, const factum_slice *tags, size_t tag_count)
{
    if (record->stream.len > UINT16_MAX || record->type.len > UINT16_MAX ||
        record->metadata.len > FCT_RECORD_SIZE_MAX || record->data.len > FCT_RECORD_SIZE_MAX) {
        return 0;
    }
    size_t extra = extra_size(record, tags, tag_count);
    if (extra > UINT16_MAX) {
        return 0;
    }
    size_t size = FCT_RECORD_HEADER_SIZE + extra + record->stream.len + record->type.len +
                  record->metadata.len + record->data.len + FCT_RECORD_TRAILER_SIZE;
    size = (size + FCT_RECORD_ALIGN - 1) / FCT_RECORD_ALIGN * FCT_RECORD_ALIGN;
    return size > FCT_RECORD_SIZE_MAX ? 0 : size;
}

static uint8_t *put_bytes(uint8_t *to, factum_slice bytes)
{
    if (bytes.len > 0) {
        memcpy(to, bytes.ptr, bytes.len);
    }
    return to + bytes.len;
}

static uint8_t *put_item(uint8_t *to, enum item_kind kind, factum_slice bytes)
{
    *to++ = (uint8_t)kind;
    to += fct_varint_put(to, bytes.len);
    return put_bytes(to, bytes);
}

void fct_record_encode(uint8_t *to, size_t size, const struct fct_record *record,
                       const factum_slice *tags, size_t tag_count, uint64_t salt)
{
    FCT_ASSERT(size % FCT_RECORD_ALIGN == 0);
    FCT_ASSERT(size <= FCT_RECORD_SIZE_MAX);
    uint8_t *at = to + FCT_RECORD_HEADER_SIZE;
    if ((record->flags & FCT_RECORD_HAS_TIME) != 0) {
        uint8_t time[8];
        fct_put_u64(time, (uint64_t)record->time);
        at = put_item(at, ITEM_TIME, fct_slice(time, sizeof time));
    }
    for (size_t i = 0; i < tag_count; i++) {
        at = put_item(at, ITEM_TAG, tags[i]);
    }
    if (record->content_type.len > 0) {
        at = put_item(at, ITEM_CONTENT_TYPE, record->content_type);
    }
    size_t extra = (size_t)(at - to) - FCT_RECORD_HEADER_SIZE;
    at = put_bytes(at, record->stream);
    at = put_bytes(at, record->type);
    at = put_bytes(at, record->metadata);
    at = put_bytes(at, record->data);
    size_t padding = size - FCT_RECORD_TRAILER_SIZE - (size_t)(at - to);
    FCT_ASSERT(padding < FCT_RECORD_ALIGN);
    memset(at, 0, padding);
    fct_put_u32(to + size - FCT_RECORD_TRAILER_SIZE, (uint32_t)size);
    fct_put_u32(to + AT_SIZE, (uint32_t)size);
    fct_put_u64(to + AT_REVISION, record->revision);
    fct_put_u64(to + AT_CREATED, (uint64_t)record->created);
    memcpy(to + AT_ID, record->id.bytes, sizeof record->id.bytes);
    fct_put_u16(to + AT_STREAM_SIZE, (uint16_t)record->stream.len);
    fct_put_u16(to + AT_TYPE_SIZE, (uint16_t)record->type.len);
    fct_put_u32(to + AT_METADATA_SIZE, (uint32_t)record->metadata.len);
    fct_put_u16(to + AT_EXTRA_SIZE, (uint16_t)extra);
    to[AT_FLAGS] = record->flags;
    to[AT_KIND] = (uint8_t)(record->kind | padding << 4);
    fct_put_u32(to + AT_CRC, fct_crc32c(fct_record_seed(salt, record->position), to + AT_REVISION,
                                        size - AT_REVISION));
}

uint32_t fct_record_peek_size(const uint8_t *from, size_t len)
{
    if (len < FCT_RECORD_HEADER_SIZE + FCT_RECORD_TRAILER_SIZE) {
        return 0;
    }
    uint32_t size = fct_get_u32(from + AT_SIZE);
    if (size < FCT_RECORD_HEADER_SIZE + FCT_RECORD_TRAILER_SIZE || size % FCT_RECORD_ALIGN != 0 ||
        size > FCT_RECORD_SIZE_MAX || size > len) {
        return 0;
    }
    return size;
}

/* Reads the item at *offset. False at the end, or if the bytes are not an item. */
static bool next_item(factum_slice extra, size_t *offset, uint8_t *kind, factum_slice *bytes)
{
    if (*offset + 2 > extra.len) {
        return false;
    }
    *kind = extra.ptr[*offset];
    uint64_t len;
    size_t used = fct_varint_get(extra.ptr + *offset + 1, extra.len - *offset - 1, &len);
    if (used == 0 || len > extra.len - *offset - 1 - used) {
        return false;
    }
    *bytes = fct_slice(extra.ptr + *offset + 1 + used, (size_t)len);
    *offset += 1 + used + (size_t)len;
    return true;
}

static factum_status decode_extra(struct fct_record *record)
{
    size_t offset = 0;
    uint8_t kind;
    factum_slice bytes;
    bool has_time = false;
    while (next_item(record->extra, &offset, &kind, &bytes)) {
        if (kind == ITEM_TIME) {
            if (bytes.len != 8) {
                return FACTUM_CORRUPT;
            }
            record->time = (int64_t)fct_get_u64(bytes.ptr);
            has_time = true;
        } else if (kind == ITEM_CONTENT_TYPE) {
            record->content_type = bytes;
        }
    }
    bool said = (record->flags & FCT_RECORD_HAS_TIME) != 0;
    return offset == record->extra.len && said == has_time ? FACTUM_OK : FACTUM_CORRUPT;
}

factum_status fct_record_decode(const uint8_t *from, size_t len, uint64_t position, uint64_t salt,
                                bool verify, struct fct_record *record)
{
    uint32_t size = fct_record_peek_size(from, len);
    if (size == 0 || fct_get_u32(from + size - FCT_RECORD_TRAILER_SIZE) != size) {
        return FACTUM_CORRUPT;
    }
    if (verify &&
        fct_get_u32(from + AT_CRC) !=
            fct_crc32c(fct_record_seed(salt, position), from + AT_REVISION, size - AT_REVISION)) {
        return FACTUM_CORRUPT;
    }
    uint64_t stream = fct_get_u16(from + AT_STREAM_SIZE);
    uint64_t type = fct_get_u16(from + AT_TYPE_SIZE);
    uint64_t metadata = fct_get_u32(from + AT_METADATA_SIZE);
    uint64_t extra = fct_get_u16(from + AT_EXTRA_SIZE);
    uint64_t padding = from[AT_KIND] >> 4;
    uint64_t room = size - FCT_RECORD_HEADER_SIZE - FCT_RECORD_TRAILER_SIZE;
    uint8_t kind = from[AT_KIND] & 15;
    if (padding >= FCT_RECORD_ALIGN || stream + type + metadata + extra + padding > room ||
        (kind != FCT_RECORD_EVENT && kind != FCT_RECORD_COMMIT)) {
        return FACTUM_CORRUPT;
    }
    const uint8_t *at = from + FCT_RECORD_HEADER_SIZE;
    record->position = position;
    record->revision = fct_get_u64(from + AT_REVISION);
    record->created = (int64_t)fct_get_u64(from + AT_CREATED);
    record->time = record->created;
    memcpy(record->id.bytes, from + AT_ID, sizeof record->id.bytes);
    record->extra = fct_slice(at, (size_t)extra);
    record->stream = fct_slice(at + extra, (size_t)stream);
    record->type = fct_slice(at + extra + stream, (size_t)type);
    record->metadata = fct_slice(at + extra + stream + type, (size_t)metadata);
    record->data = fct_slice(at + extra + stream + type + metadata,
                             (size_t)(room - extra - stream - type - metadata - padding));
    record->content_type = fct_slice(NULL, 0);
    record->size = size;
    record->flags = from[AT_FLAGS];
    record->kind = kind;
    return extra == 0 && (record->flags & FCT_RECORD_HAS_TIME) == 0 ? FACTUM_OK
                                                                    : decode_extra(record);
}

bool fct_record_tag_next(const struct fct_record *record, size_t *offset, factum_slice *tag)
{
    uint8_t kind;
    while (next_item(record->extra, offset, &kind, tag)) {
        if (kind == ITEM_TAG) {
            return true;
        }
    }
    return false;
}
