/* grpc.h - gRPC over HTTP/2, without HTTP/2: message frames, status, deadlines, binary fields.
 * Layer: wire.
 *
 * Source: the gRPC protocol, "gRPC over HTTP2" (PROTOCOL-HTTP2.md); codes: google/rpc/code.proto.
 */
#ifndef FCT_WIRE_GRPC_H
#define FCT_WIRE_GRPC_H

#include <factum/base.h>

#include "core/buf.h"

enum fct_grpc_code {
    FCT_GRPC_OK = 0,
    FCT_GRPC_CANCELLED = 1,
    FCT_GRPC_UNKNOWN = 2,
    FCT_GRPC_INVALID_ARGUMENT = 3,
    FCT_GRPC_DEADLINE_EXCEEDED = 4,
    FCT_GRPC_NOT_FOUND = 5,
    FCT_GRPC_ALREADY_EXISTS = 6,
    FCT_GRPC_PERMISSION_DENIED = 7,
    FCT_GRPC_RESOURCE_EXHAUSTED = 8,
    FCT_GRPC_FAILED_PRECONDITION = 9,
    FCT_GRPC_ABORTED = 10,
    FCT_GRPC_OUT_OF_RANGE = 11,
    FCT_GRPC_UNIMPLEMENTED = 12,
    FCT_GRPC_INTERNAL = 13,
    FCT_GRPC_UNAVAILABLE = 14,
    FCT_GRPC_DATA_LOSS = 15,
    FCT_GRPC_UNAUTHENTICATED = 16,
};

/* Returns the gRPC code for |status|. */
enum fct_grpc_code fct_grpc_code_of(factum_status status);

#define FCT_GRPC_PREFIX_SIZE 5

/* Splits a body into messages. A message that is complete in the bytes given is lent from them; a
 * message that arrives in pieces is collected in |buf|. */
struct fct_grpc_deframer {
    struct fct_buf buf;
    size_t message_size_max;
    uint8_t prefix[FCT_GRPC_PREFIX_SIZE];
    size_t prefix_len;
    size_t message_size; /* size of the message that is being collected */
};

/* |message_size_max| is checked before anything is allocated. */
void fct_grpc_deframer_init(struct fct_grpc_deframer *deframer, const struct fct_mem *mem,
                            size_t message_size_max);
/* Accepts a zeroed deframer. */
void fct_grpc_deframer_finish(struct fct_grpc_deframer *deframer);
/* Takes bytes from *bytes. OK: *message is the next message, borrowed until the next call or until
 * the caller's bytes end. DONE: all bytes are taken, and no message is complete. Frees the memory
 * of a collected message when the next message begins. Errors: TOO_BIG; NO_MEMORY; UNSUPPORTED (a
 * compressed message); INVALID (a flag that is neither 0 nor 1). */
FCT_MUST_USE factum_status fct_grpc_deframe(struct fct_grpc_deframer *deframer, factum_slice *bytes,
                                            factum_slice *message, factum_error *err);
/* True between two messages. A body must end there. */
bool fct_grpc_deframer_is_empty(const struct fct_grpc_deframer *deframer);

/* Writes the prefix of a message; fct_grpc_frame_end fills in the length:
 *
 *     fct_grpc_frame_begin(buf, &begun); ... encode ...; fct_grpc_frame_end(buf, begun);
 *
 * Errors: NO_MEMORY, TOO_BIG.
 */
FCT_MUST_USE factum_status fct_grpc_frame_begin(struct fct_buf *buf, size_t *begun);
void fct_grpc_frame_end(struct fct_buf *buf, size_t begun);

/* Appends |text| (UTF-8) to |buf|, percent-encoded as the value of the field grpc-message. */
FCT_MUST_USE factum_status fct_grpc_encode_message(struct fct_buf *buf, factum_slice text);
/* Decodes a grpc-message, for clients. Bytes that are not properly encoded are kept as they are. */
FCT_MUST_USE factum_status fct_grpc_decode_message(struct fct_buf *buf, factum_slice text);

/* Parses a grpc-timeout ("10S", "9999m"). *timeout_ms is rounded up and at most INT64_MAX. Errors:
 * INVALID (more than 8 digits, no digit, no unit). */
FCT_MUST_USE factum_status fct_grpc_parse_timeout(factum_slice text, int64_t *timeout_ms);

#endif
