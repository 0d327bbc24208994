/* grpc_message.h - a protobuf message in its gRPC frame, written into a buffer. Layer: wire.
 *
 *     struct fct_grpc_message message = fct_grpc_message_begin(buf);
 *     fct_pb_put_uint(&message.writer, ...);
 *     status = fct_grpc_message_end(&message);
 */
#ifndef FCT_WIRE_GRPC_MESSAGE_H
#define FCT_WIRE_GRPC_MESSAGE_H

#include "wire/protobuf.h"

struct fct_grpc_message {
    struct fct_pb_writer writer;
    size_t before; /* size of the buffer before the frame */
    size_t begun;  /* of fct_grpc_frame_begin */
};

struct fct_grpc_message fct_grpc_message_begin(struct fct_buf *buf);
/* Ends the frame. After a failure the buffer is as before begin. Errors: NO_MEMORY; TOO_BIG (the
 * buffer's maximum, or 4 GiB). */
FCT_MUST_USE factum_status fct_grpc_message_end(struct fct_grpc_message *message);

#endif
