/* protobuf.h - the encoding of Protocol Buffers: fields read in order, messages written in one
 * pass.
 * Layer: wire.
 *
 * Source: protobuf.dev, "Encoding" (proto3). Knows no message; each message has its own file.
 * Groups are refused. The reader skips the bytes of each field, so a caller ignores unknown fields.
 *
 * Reading: a reader borrows its bytes and returns slices of them. A nested message is another
 * reader over the slice of its field, so that the depth is bounded by the caller's code. Writing:
 * into a fct_buf. A nested message is begun and ended; its length is filled in at the end, as the
 * shortest varint.
 */
#ifndef FCT_WIRE_PROTOBUF_H
#define FCT_WIRE_PROTOBUF_H

#include <factum/base.h>

#include "core/buf.h"

enum fct_pb_type { FCT_PB_VARINT = 0, FCT_PB_I64 = 1, FCT_PB_BYTES = 2, FCT_PB_I32 = 5 };

struct fct_pb_field {
    uint32_t number;
    enum fct_pb_type type;
    uint64_t value;     /* VARINT, I64, I32 */
    factum_slice bytes; /* BYTES */
};

/* The tag of a field, to switch over number and type at once: a known number with another type is
 * an unknown field. */
#define FCT_PB_TAG(number, type) ((uint32_t)(number) << 3 | (type))

static inline uint32_t fct_pb_tag(const struct fct_pb_field *field)
{
    return FCT_PB_TAG(field->number, (uint32_t)field->type);
}

struct fct_pb_reader {
    factum_slice rest;
    bool failed; /* the bytes are not a message */
};

struct fct_pb_reader fct_pb_reader(factum_slice message);
/* Reads the next field. Returns false at the end, and at bytes that are not a message
 * (reader->failed). */
bool fct_pb_next(struct fct_pb_reader *reader, struct fct_pb_field *field);
/* The value of an int32, uint32 or enum field: the lower half, as in every reader of protobuf. */
static inline uint32_t fct_pb_u32(uint64_t value)
{
    return (uint32_t)(value & UINT32_MAX);
}
/* sint64. */
int64_t fct_pb_unzigzag(uint64_t value);
uint64_t fct_pb_zigzag(int64_t value);

/* Writes a message. Failures of the buffer (NO_MEMORY, TOO_BIG) are kept in |status|: check it at
 * the end. After a failure part of the message may be written. */
struct fct_pb_writer {
    struct fct_buf *buf; /* borrowed */
    factum_status status;
};

struct fct_pb_writer fct_pb_writer(struct fct_buf *buf);
/* Zero and empty values are left out, as proto3 requires for plain fields ... */
void fct_pb_put_uint(struct fct_pb_writer *writer, uint32_t number, uint64_t value);
void fct_pb_put_bytes(struct fct_pb_writer *writer, uint32_t number, factum_slice bytes);
void fct_pb_put_float(struct fct_pb_writer *writer, uint32_t number, float value);
/* ... and written here: members of a oneof, optional fields, map entries, repeated fields. */
void fct_pb_add_uint(struct fct_pb_writer *writer, uint32_t number, uint64_t value);
void fct_pb_add_bytes(struct fct_pb_writer *writer, uint32_t number, factum_slice bytes);
/* Begin and end a nested message: end takes the result of begin. */
size_t fct_pb_begin(struct fct_pb_writer *writer, uint32_t number);
void fct_pb_end(struct fct_pb_writer *writer, size_t begun);

#endif
