/* grpc_message.c - see grpc_message.h. Layer: wire. */
#include "wire/grpc_message.h"

#include "wire/grpc.h"

struct fct_grpc_message fct_grpc_message_begin(struct fct_buf *buf)
{
    struct fct_grpc_message message = {.writer = fct_pb_writer(buf), .before = buf->len};
    message.writer.status = fct_grpc_frame_begin(buf, &message.begun);
    return message;
}

factum_status fct_grpc_message_end(struct fct_grpc_message *message)
{
    struct fct_buf *buf = message->writer.buf;
    if (message->writer.status == FACTUM_OK && buf->len - message->begun > UINT32_MAX) {
        message->writer.status = FACTUM_TOO_BIG;
    }
    if (message->writer.status != FACTUM_OK) {
        buf->len = message->before;
        return message->writer.status;
    }
    fct_grpc_frame_end(buf, message->begun);
    return FACTUM_OK;
}
