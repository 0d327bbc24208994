/* kurrent_gossip.c - see kurrent_gossip.h. Layer: wire. */
#include "wire/kurrent_gossip.h"

#include "wire/kurrent_int.h"

enum { GOSSIP_TICK_NS = 100 };

factum_status fct_kurrent_encode_cluster(struct fct_buf *buf,
                                         const struct fct_kurrent_member *member)
{
    struct fct_grpc_message reply = fct_grpc_message_begin(buf);
    struct fct_pb_writer *writer = &reply.writer;
    size_t begun = fct_pb_begin(writer, 1);
    fct_kurrent_add_id(writer, 1, &member->instance_id);
    fct_pb_put_uint(writer, 2, (uint64_t)(member->time / GOSSIP_TICK_NS));
    fct_pb_put_uint(writer, 3, (uint64_t)member->state);
    fct_pb_put_uint(writer, 4, member->is_alive);
    size_t end_point = fct_pb_begin(writer, 5);
    fct_pb_put_bytes(writer, 1, member->address);
    fct_pb_put_uint(writer, 2, member->port);
    fct_pb_end(writer, end_point);
    fct_pb_end(writer, begun);
    return fct_grpc_message_end(&reply);
}
