/* inflow.h - the parts of the remote engine that know nothing of stores: rings, gRPC calls,
 * plain HTTP calls, and streams of answers that another thread reads. Layer: engine_remote,
 * private. The files and threads of the engine are in remote_int.h. */
#ifndef FCT_ENGINE_REMOTE_INFLOW_H
#define FCT_ENGINE_REMOTE_INFLOW_H

#include "core/buf.h"
#include "engine/engine.h"
#include "net/h2_client.h"
#include "wire/grpc.h"

#define FCT_DISTANT_MESSAGE_MAX ((size_t)48 << 20)
#define FCT_DISTANT_INFLOWS_MAX 512u           /* calls under way; further ones wait */
#define FCT_DISTANT_WINDOW ((size_t)128 << 10) /* of a call, and again of its waiting bytes */

struct distant;

/* ---- rings ----------------------------------------------------------------------------------- */

struct distant_link {
    struct distant_link *prev;
    struct distant_link *next; /* NULL: in no ring */
};
void fct_distant_ring_init(struct distant_link *ring);
bool fct_distant_ring_is_empty(const struct distant_link *ring);
/* Adds |link|, which is in no ring, at the end. */
void fct_distant_ring_add(struct distant_link *ring, struct distant_link *link);
/* Accepts a member of no ring. */
void fct_distant_ring_remove(struct distant_link *link);

/* ---- call.c ---------------------------------------------------------------------------------- */

enum distant_end {
    DISTANT_ANSWERED,  /* with call->status and call->err */
    DISTANT_UNTOUCHED, /* the server has not processed the call */
    DISTANT_LOST,      /* the connection was lost, or the call was stopped by the server */
    DISTANT_STOPPED,   /* by fct_distant_call_stop */
};

/* A call of HTTP without gRPC: the first message is its head, then each piece of the answer's body
 * is a message, whatever the status is. */
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
    /* After bytes came: true if they are held until fct_distant_call_release. NULL: never. */
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

/* Starts a call. |message| is sent unless empty; |ends|: nothing more will be written. |timeout_ms|
 * 0: none. Errors: UNREACHABLE (no call can be started now), NO_MEMORY. */
FCT_MUST_USE factum_status fct_distant_call_start(struct distant_call *call, factum_slice path,
                                                  uint64_t timeout_ms, factum_slice message,
                                                  bool ends);
void fct_distant_call_release(struct distant_call *call);
/* |ended| follows with STOPPED, not from inside this call. Does nothing if no call is under way. */
void fct_distant_call_stop(struct distant_call *call);

/* ---- inflow.c -------------------------------------------------------------------------------- */

struct inflow;
struct inflow_batch;

/* A call with one request and a stream of answers, which one thread of a user reads. Zero it, set
 * |distant|, |path|, |what| and |free|; fct_inflow_start begins. */
struct inflow {
    struct distant *distant;
    factum_slice path;
    const char *what;                    /* "read": for texts */
    void (*free)(struct inflow *inflow); /* frees the struct that contains it; loop's thread */
    uint64_t deadline;
    const struct distant_plain *plain; /* as in its call */
    bool once;                         /* it is not sent again once it may have arrived */
    /* Used by the reading thread. */
    struct inflow_batch *current;
    _Atomic uint32_t woken; /* of fct_inflow_await_for */
    /* Used by the loop. */
    struct distant_call call;
    struct distant_link active; /* in distant->inflows while it is wanted or under way */
    uint64_t limit;             /* when it stops waiting for a connection; 0: not set */
    bool got_message;           /* a message came since the start */
    factum_status given_up;     /* why its call was stopped, with |given_up_err|; OK: not stopped */
    factum_error given_up_err;
    struct fct_buf message;
    /* Under distant->lock. */
    struct inflow *next; /* in distant->inflows_in */
    struct inflow_batch *first;
    struct inflow_batch **last;
    size_t queued; /* bytes */
    bool listed;
    bool wanted;  /* to be started; the loop owns |message| then */
    bool running; /* from start until it has ended */
    bool drained; /* bytes may be released */
    bool abandoned;
    bool closing;
    bool calling;         /* |ready| runs */
    bool lost;            /* it ended because the connection was lost */
    factum_status status; /* the outcome, unless |running| */
    factum_error err;
    factum_ready ready;
};

/* Starts, or starts again after an end, with the framed request in inflow->message. Reading
 * thread. */
void fct_inflow_start(struct inflow *inflow);
/* The call under way is no longer wanted. Its messages are dropped, and fct_inflow_next soon
 * reports its end; then it may start again. Reading thread. */
void fct_inflow_abandon(struct inflow *inflow);
/* Returns OK with a message that lasts until the next call; PENDING; DONE when the call has ended
 * well; or a failure. *lost: the connection was lost meanwhile, and the caller should start again
 * for the rest. Reading thread. */
FCT_MUST_USE factum_status fct_inflow_next(struct inflow *inflow, factum_slice *message, bool *lost,
                                           factum_error *err);
void fct_inflow_ready(struct inflow *inflow, const factum_ready *ready);
/* The reading thread's last call: inflow->free is called later. */
void fct_inflow_close(struct inflow *inflow);
/* Waits until fct_inflow_next may return something else than PENDING. */
void fct_inflow_await(struct inflow *inflow);
/* The same for at most |ns|, possibly less. */
void fct_inflow_await_for(struct inflow *inflow, uint64_t ns);
/* Loop's thread. */
void fct_inflows_take(struct distant *distant);
void fct_inflows_start(struct distant *distant);
void fct_inflows_limit(struct distant *distant, uint64_t now);
void fct_inflows_fail(struct distant *distant, factum_status status, const factum_error *err);

#endif
