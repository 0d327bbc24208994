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

/* The code that says what |status| says. */
enum fct_grpc_code fct_grpc_code_of(factum_status status);

#define FCT_GRPC_PREFIX_SIZE 5

/* Cuts a body into messages. A message that lies whole in the bytes given is lent from them, one
 * that is split is collected in |buf|. */
struct fct_grpc_deframer {
    struct fct_buf buf;
    size_t message_size_max;
    uint8_t prefix[FCT_GRPC_PREFIX_SIZE];
    size_t prefix_len;
    size_t message_size; /* of the one that is being collected */
};

/* |message_size_max| is asked before anything is allocated. */
void fct_grpc_deframer_init(struct fct_grpc_deframer *deframer, const struct fct_mem *mem,
                            size_t message_size_max);
/* Accepts a zeroed one. */
void fct_grpc_deframer_finish(struct fct_grpc_deframer *deframer);
/* Takes from *bytes: OK with a message (borrowed until the next call, or until *bytes goes), DONE
 * when all of *bytes is used and no message is complete; TOO_BIG, NO_MEMORY; UNSUPPORTED: a
 * compressed message; INVALID: a flag that is neither 0 nor 1. Frees what it collected when the
 * message after it begins. */
FCT_MUST_USE factum_status fct_grpc_deframe(struct fct_grpc_deframer *deframer, factum_slice *bytes,
                                            factum_slice *message, factum_error *err);
/* Is it between two messages? A body must end there. */
bool fct_grpc_deframer_is_empty(const struct fct_grpc_deframer *deframer);

/* A message is written after a prefix of which the length is set at the end:
 *     fct_grpc_frame_begin(buf, &begun); ... encode ...; fct_grpc_frame_end(buf, begun);
 * NO_MEMORY, TOO_BIG. */
FCT_MUST_USE factum_status fct_grpc_frame_begin(struct fct_buf *buf, size_t *begun);
void fct_grpc_frame_end(struct fct_buf *buf, size_t begun);

/* The field grpc-message: |text| (UTF-8) percent-encoded, into |buf|. */
FCT_MUST_USE factum_status fct_grpc_encode_message(struct fct_buf *buf, factum_slice text);
/* The other way, for clients; what is not encoded properly is kept as it is. */
FCT_MUST_USE factum_status fct_grpc_decode_message(struct fct_buf *buf, factum_slice text);

/* The field grpc-timeout ("10S", "9999m") in milliseconds, rounded up, at most INT64_MAX. INVALID:
 * more than 8 digits, no unit, no digit. */
FCT_MUST_USE factum_status fct_grpc_parse_timeout(factum_slice text, int64_t *timeout_ms);

#endif
