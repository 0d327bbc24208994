/* Only for benchmarks: a failure, and a call that does not end with OK, end the program. */
#ifndef RPC_H
#define RPC_H
#include "door.h"

#include <nghttp2/nghttp2.h>

#include "core/buf.h"
#include "wire/grpc.h"

struct rpc;

struct call {
    struct rpc *rpc;
    struct call *next; /* calls that can be used again */
    int32_t id;
    uint64_t tag;
    bool closing; /* the client sends nothing more */
    bool waiting; /* waits for something to send */
    bool ended;
    bool cancelled;
    int status; /* grpc-status */
    size_t sent;
    struct fct_buf out;
    struct fct_grpc_deframer in;
    void (*message)(struct call *call, factum_slice message);
    void (*end)(struct call *call); /* may be NULL */
    void *user;
};

struct rpc {
    int fd;
    nghttp2_session *session;
    struct call *free_calls;
    struct tags tags;
    size_t out_at, out_size;
    uint8_t out[1 << 18];
    uint8_t in[1 << 18];
    struct call *batch; /* set by the door: the call of all appends */
    wl_sink *sink;      /* set by the door: called for each message that is read; NULL: arrived() */
    bool seen;
};

struct rpc *rpc_dial(void); /* NULL: nobody listens */
void rpc_hangup(void *conn);
int rpc_fd(void *conn);
void rpc_flush(void *conn);
/* Waits for answers, and calls message() and end() of calls. */
void rpc_take(void *conn);
/* A new call; send a message with call->out and rpc_say(). It is freed when it has ended, after
 * end(). */
struct call *rpc_call(struct rpc *rpc, void (*message)(struct call *call, factum_slice message));
/* Begins the call. */
void rpc_begin(struct call *call, const char *path);
/* Sends the new bytes of call->out. */
void rpc_say(struct call *call);
/* Waits until the call has ended. */
void rpc_finish(struct call *call);
#endif
