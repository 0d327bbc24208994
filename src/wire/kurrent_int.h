/* kurrent_int.h - decodes and encodes the parts of messages that several KurrentDB services share.
 * Layer: wire, private.
 *
 * A `take` function decodes a nested message into a struct that may be filled already, as protobuf
 * merges a field that comes twice. Statuses: OK, INVALID, TOO_BIG; the caller, which knows the name
 * of the whole message, adds the text. Slices borrow from the message.
 */
#ifndef FCT_WIRE_KURRENT_INT_H
#define FCT_WIRE_KURRENT_INT_H

#include <factum/base.h>

#include "core/compiler.h"
#include "wire/grpc_message.h"
#include "wire/kurrent_shared.h"
#include "wire/protobuf.h"

#define FCT_KURRENT_UINT(number) FCT_PB_TAG(number, FCT_PB_VARINT)
#define FCT_KURRENT_BYTES(number) FCT_PB_TAG(number, FCT_PB_BYTES)

/* Ends a loop of fct_pb_next: OK if the bytes were a message, otherwise INVALID. */
FCT_MUST_USE factum_status fct_kurrent_end(const struct fct_pb_reader *reader);
/* Adds the text of |status|: "not a valid <name> message". */
FCT_MUST_USE factum_status fct_kurrent_result(factum_status status, const char *name,
                                              factum_error *err);

/* Decodes a StreamIdentifier. */
FCT_MUST_USE factum_status fct_kurrent_take_stream(factum_slice message, factum_slice *stream);
/* Decodes a UUID. */
FCT_MUST_USE factum_status fct_kurrent_take_id(factum_slice message, struct fct_kurrent_id *id);
/* Returns the 8 bytes at |from| as a number, the first byte as its highest. */
uint64_t fct_kurrent_id_half(const factum_uuid *uuid, size_t from);
/* Decodes a field of type string. */
FCT_MUST_USE factum_status fct_kurrent_take_text(factum_slice bytes, factum_slice *text);
/* Decodes FilterOptions. */
FCT_MUST_USE factum_status fct_kurrent_take_filter(factum_slice message,
                                                   struct fct_kurrent_filter *filter);
/* Decodes a field of the oneof of expected revisions that Append, BatchAppend, Delete and Tombstone
 * share: 2 number, 3 no_stream, 4 any, 5 stream_exists. Returns false for another field. */
bool fct_kurrent_take_expected(const struct fct_pb_field *field,
                               struct fct_kurrent_expected *expected);

/* Add field |number|: a StreamIdentifier; a UUID (NONE and MALFORMED are left out); an empty
 * message; a position as commit and prepare; a Timestamp. */
void fct_kurrent_add_stream(struct fct_pb_writer *writer, uint32_t number, factum_slice stream);
void fct_kurrent_add_id(struct fct_pb_writer *writer, uint32_t number,
                        const struct fct_kurrent_id *id);
void fct_kurrent_add_empty(struct fct_pb_writer *writer, uint32_t number);
void fct_kurrent_add_position(struct fct_pb_writer *writer, uint32_t number, uint64_t position);
void fct_kurrent_add_time(struct fct_pb_writer *writer, uint32_t number, int64_t time);

#endif
