/* store_int.h - how the messages of factum.v1.Store are read and written. Layer: wire, private.
 *
 * A message with plain members alone has a table of them: number on the wire, kind, offset in the
 * struct. Only the most frequent messages, Event and NewEvent, are written by hand. If a message
 * field occurs twice, the last one counts.
 */
#ifndef FCT_WIRE_STORE_INT_H
#define FCT_WIRE_STORE_INT_H

#include <stddef.h>

#include "codec/bytes.h"
#include "wire/grpc_message.h"
#include "wire/protobuf.h"
#include "wire/store_shared.h"

#define FCT_STORE_UINT(number) FCT_PB_TAG(number, FCT_PB_VARINT)
#define FCT_STORE_BYTES(number) FCT_PB_TAG(number, FCT_PB_BYTES)

/* ---- tables ---------------------------------------------------------------------------------- */

enum fct_store_kind {
    FCT_STORE_U64,
    FCT_STORE_I64,
    FCT_STORE_SIZE, /* size_t */
    FCT_STORE_U32,
    FCT_STORE_BOOL,
    FCT_STORE_ENUM, /* 0 to |max| */
    FCT_STORE_TEXT, /* a slice of UTF-8 */
    FCT_STORE_ID,   /* 16 bytes; absent: zero */
    FCT_STORE_WORDS /* char[256] with its zero byte */
};

#define FCT_STORE_WORDS_SIZE 256u

struct fct_store_member {
    uint8_t number;
    uint8_t kind;
    uint8_t max;   /* of ENUM */
    bool has_flag; /* an optional field: |flag| is the offset of a bool */
    uint16_t offset;
    uint16_t flag;
};

#define FCT_STORE_MEMBER(number, kind, type, name)                                                 \
    {                                                                                              \
        number, FCT_STORE_##kind, 0, false, offsetof(type, name), 0                                \
    }
#define FCT_STORE_CHOICE(number, max, type, name)                                                  \
    {                                                                                              \
        number, FCT_STORE_ENUM, max, false, offsetof(type, name), 0                                \
    }
#define FCT_STORE_OPTIONAL(number, kind, type, name, flag)                                         \
    {                                                                                              \
        number, FCT_STORE_##kind, 0, true, offsetof(type, name), offsetof(type, flag)              \
    }
/* A table and the number of its members. */
struct fct_store_table {
    const struct fct_store_member *members;
    size_t count;
};
#define FCT_STORE_TABLE(members)                                                                   \
    {                                                                                              \
        members, sizeof(members) / sizeof(members)[0]                                              \
    }

/* Takes |field| if the table has it. Returns false if its value is not valid. */
FCT_MUST_USE bool fct_store_take(const struct fct_store_table *table,
                                 const struct fct_pb_field *field, void *to);
/* Decodes a message with plain members alone into |to|, which is zeroed before. */
FCT_MUST_USE bool fct_store_take_all(const struct fct_store_table *table, factum_slice message,
                                     void *to);
void fct_store_put(struct fct_pb_writer *writer, const struct fct_store_table *table,
                   const void *from);
/* Writes the members as a nested message in field |number|. */
void fct_store_put_nested(struct fct_pb_writer *writer, uint32_t number,
                          const struct fct_store_table *table, const void *from);

/* Fails with INVALID: "not a valid <name> message". */
FCT_MUST_USE factum_status fct_store_invalid(const char *name, factum_error *err);

/* ---- numbers --------------------------------------------------------------------------------- */

/* Read a repeated field of numbers, packed or not. count returns false if the field is not
 * valid. */
FCT_MUST_USE bool fct_store_count_numbers(const struct fct_pb_field *field, size_t *count);
/* |rest| is field->bytes at first. */
uint64_t fct_store_next_number(const struct fct_pb_field *field, factum_slice *rest);
void fct_store_put_numbers(struct fct_pb_writer *writer, uint32_t number, const uint64_t *numbers,
                           size_t count);

/* ---- queries (store_query.c) ----------------------------------------------------------------- */

/* Memory from which arrays are allocated, in units of FCT_STORE_ALIGNMENT. */
struct fct_store_space {
    uint8_t *at;
};
static inline void *fct_store_space_take(struct fct_store_space *space, size_t size)
{
    void *taken = space->at;
    space->at += size;
    return taken;
}

struct fct_store_query_size {
    size_t items;
    size_t names;
};
static inline size_t fct_store_query_memory(const struct fct_store_query_size *size)
{
    return size->items * sizeof(factum_query_item) + size->names * sizeof(factum_slice);
}
void fct_store_put_query(struct fct_pb_writer *writer, uint32_t number, const factum_query *query);
/* Measures a query. Errors: INVALID; TOO_BIG, with its text set. */
FCT_MUST_USE factum_status fct_store_measure_query(factum_slice message,
                                                   struct fct_store_query_size *size,
                                                   factum_error *err);
/* Builds a measured query. */
void fct_store_build_query(factum_slice message, const struct fct_store_query_size *size,
                           struct fct_store_space *space, factum_query *query);

/* ---- bytes: sizes, and writers that return the end of what they wrote; tags have one byte ---- */

static inline size_t fct_store_bytes_size(size_t content)
{
    return content == 0 ? 0 : 1 + fct_varint_size(content) + content;
}
static inline size_t fct_store_uint_size(uint64_t value)
{
    return value == 0 ? 0 : 1 + fct_varint_size(value);
}
static inline uint8_t *fct_store_to_head(uint8_t *to, uint8_t tag, uint64_t value)
{
    *to = tag;
    return to + 1 + fct_varint_put(to + 1, value);
}
static inline uint8_t *fct_store_to_uint(uint8_t *to, uint8_t tag, uint64_t value)
{
    return value == 0 ? to : fct_store_to_head(to, tag, value);
}
static inline uint8_t *fct_store_to_bytes(uint8_t *to, uint8_t tag, factum_slice bytes)
{
    if (bytes.len == 0) {
        return to;
    }
    to = fct_store_to_head(to, tag, bytes.len);
    memcpy(to, bytes.ptr, bytes.len);
    return to + bytes.len;
}

/* store_event.c: adds a field |number| (below 16) with an Event. Errors: NO_MEMORY, TOO_BIG. */
FCT_MUST_USE factum_status fct_store_add_event(struct fct_buf *buf, uint32_t number,
                                               const factum_event *event);

#endif
