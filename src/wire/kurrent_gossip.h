/* kurrent_gossip.h - the answer of the KurrentDB service Gossip: a cluster of one node. Layer:
 * wire. Source: proto/kurrent/gossip.proto. */
#ifndef FCT_WIRE_KURRENT_GOSSIP_H
#define FCT_WIRE_KURRENT_GOSSIP_H

#include <factum/base.h>

#include "core/buf.h"
#include "wire/kurrent_shared.h"

/* The states of a node that clients evaluate. */
enum fct_kurrent_node_state {
    FCT_KURRENT_NODE_INITIALIZING = 0,
    FCT_KURRENT_NODE_UNKNOWN = 2,
    FCT_KURRENT_NODE_FOLLOWER = 6,
    FCT_KURRENT_NODE_LEADER = 8,
    FCT_KURRENT_NODE_SHUTTING_DOWN = 10,
};

/* Clients connect to |address| and |port|: both are as seen from outside the server. */
struct fct_kurrent_member {
    struct fct_kurrent_id instance_id;
    int64_t time; /* nanoseconds since 1970 */
    enum fct_kurrent_node_state state;
    bool is_alive;
    factum_slice address;
    uint32_t port;
};

/* Appends ClusterInfo of one member with its gRPC frame. After a failure |buf| is as before.
 * Errors: NO_MEMORY, TOO_BIG. */
FCT_MUST_USE factum_status fct_kurrent_encode_cluster(struct fct_buf *buf,
                                                      const struct fct_kurrent_member *member);

#endif
