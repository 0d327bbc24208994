/* inflow.h - the parts of the engine behind a connection that know nothing of stores: rings, gRPC
 * calls, plain calls of HTTP, and streams of answers that another thread reads. Private to
 * engine_remote; its map and its threads are in remote_int.h. */
#ifndef FCT_ENGINE_REMOTE_INFLOW_H
#define FCT_ENGINE_REMOTE_INFLOW_H

#include "core/buf.h"
#include "engine/engine.h"
#include "net/h2_client.h"
#include "wire/grpc.h"

#define FCT_DISTANT_MESSAGE_MAX ((size_t)48 << 20)
#define FCT_DISTANT_INFLOWS_MAX 512u           /* calls under way; others wait */
#define FCT_DISTANT_WINDOW ((size_t)128 << 10) /* of a call, and again of what waits of it */

struct distant;

/* ---- rings ----------------------------------------------------------------------------------- */

struct distant_link {
    struct distant_link *prev;
    struct distant_link *next; /* NULL: in no ring */
};
void fct_distant_ring_init(struct distant_link *ring);
bool fct_distant_ring_is_empty(const struct distant_link *ring);
/* At the end. Not a member yet. */
void fct_distant_ring_add(struct distant_link *ring, struct distant_link *link);
/* Accepts a member of no ring. */
void fct_distant_ring_remove(struct distant_link *link);

/* ---- call.c ---------------------------------------------------------------------------------- */

enum distant_end {
    DISTANT_ANSWERED,  /* call->status, call->err */
    DISTANT_UNTOUCHED, /* the server has done nothing of it */
    DISTANT_LOST,      /* the connection went away, or was broken off */
    DISTANT_STOPPED,   /* by fct_distant_call_stop */
};

/* A call of HTTP without gRPC: the first message is its head, and then each piece of the answer's
 * body is one, whatever the status is. */
struct distant_plain {
    factum_slice method;
    factum_slice content_type; /* of the body; empty: no body */
};
struct distant_head {
    unsigned status;
    char type[64]; /* the answer's content type, truncated */
};

struct distant_call;
struct distant_call_ops {
    void (*message)(struct distant_call *call, factum_slice message); /* borrowed */
    void (*writable)(struct distant_call *call);                      /* or NULL */
    /* The last one. The call may be started again, or freed. */
    void (*ended)(struct distant_call *call, enum distant_end end);
    /* After bytes came: are they held until fct_distant_call_release? NULL: no. */
    bool (*holds)(struct distant_call *call);
};

/* Loop's thread. Zeroed: not under way. */
struct distant_call {
    struct distant *distant;
    const struct distant_call_ops *ops;
    const struct distant_plain *plain; /* NULL: a call of gRPC */
    struct fct_client_call *h2;        /* NULL: not under way */
    struct fct_grpc_deframer deframer;
    size_t unreleased;
    unsigned http_status;
    bool has_outcome;
    bool stopped;
    factum_status status; /* the outcome */
    factum_error err;
};

/* |message|: sent if it is not empty; |ends|: nothing more will be written. |timeout_ms| 0: none.
 * UNREACHABLE: no call can be started now. NO_MEMORY. */
FCT_MUST_USE factum_status fct_distant_call_start(struct distant_call *call, factum_slice path,
                                                  uint64_t timeout_ms, factum_slice message,
                                                  bool ends);
void fct_distant_call_release(struct distant_call *call);
/* |ended| follows with STOPPED, not from inside. Does nothing if it is not under way. */
void fct_distant_call_stop(struct distant_call *call);

/* ---- inflow.c -------------------------------------------------------------------------------- */

struct inflow;
struct inflow_batch;

/* A call with one request and a stream of answers, which one thread of a user's reads. Zeroed, with
 * |distant|, |path|, |what| and |free| set, it begins with fct_inflow_start. */
struct inflow {
    struct distant *distant;
    factum_slice path;
    const char *what;                    /* "read": for texts */
    void (*free)(struct inflow *inflow); /* frees the struct that it is part of; loop's thread */
    uint64_t deadline;
    const struct distant_plain *plain; /* as of its call */
    bool once;                         /* it is not sent again after it may have arrived */
    /* The reading thread. */
    struct inflow_batch *current;
    _Atomic uint32_t woken; /* of fct_inflow_await_for */
    /* The loop's. */
    struct distant_call call;
    struct distant_link active; /* in distant->inflows while it is wanted or under way */
    uint64_t limit;             /* when it gives up waiting for a connection; 0: not set */
    bool got_message;           /* since it was started */
    factum_status given_up;     /* why its call was stopped, with |given_up_err|; OK: it was not */
    factum_error given_up_err;
    struct fct_buf message;
    /* Under distant->lock. */
    struct inflow *next; /* in distant->inflows_in */
    struct inflow_batch *first;
    struct inflow_batch **last;
    size_t queued; /* bytes */
    bool listed;
    bool wanted;  /* to be started; |message| is the loop's then */
    bool running; /* from start until it has ended */
    bool drained; /* bytes may be released */
    bool abandoned;
    bool closing;
    bool calling;         /* |ready| runs */
    bool lost;            /* it ended because the connection went away */
    factum_status status; /* of the end, if it is not running */
    factum_error err;
    factum_ready ready;
};

/* From the reading thread: begins, or begins again after an end, with the request (framed) that is
 * in inflow->message. */
void fct_inflow_start(struct inflow *inflow);
/* From the reading thread: what is under way is not wanted any more. What came is thrown away, and
 * fct_inflow_next soon says that it has ended; then it may begin again. */
void fct_inflow_abandon(struct inflow *inflow);
/* From the reading thread: OK with a message that lasts until the next call; PENDING; DONE: the
 * call has ended well; a failure. *lost: the connection went away in between, and the rest should
 * be asked for by another start. */
FCT_MUST_USE factum_status fct_inflow_next(struct inflow *inflow, factum_slice *message, bool *lost,
                                           factum_error *err);
void fct_inflow_ready(struct inflow *inflow, const factum_ready *ready);
/* From the reading thread, its last call: inflow->free is called later. */
void fct_inflow_close(struct inflow *inflow);
/* For fct_inflow_next's user that waits. */
void fct_inflow_await(struct inflow *inflow);
/* The same, no longer than |ns|, and perhaps less. */
void fct_inflow_await_for(struct inflow *inflow, uint64_t ns);
/* Loop's thread. */
void fct_inflows_take(struct distant *distant);
void fct_inflows_start(struct distant *distant);
void fct_inflows_limit(struct distant *distant, uint64_t now);
void fct_inflows_fail(struct distant *distant, factum_status status, const factum_error *err);

#endif
