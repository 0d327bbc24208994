/* remote_int.h - the engine behind a connection as its files see it. Private to engine_remote.
 *
 *     remote.c   opening, closing, the hand-over from any thread to the loop's, time limits
 *     address.c  what an address says
 *     link.c     the connection: dialling, Open, dialling again
 *     call.c     one gRPC call
 *     append.c   the call Append and what waits for it
 *     ask.c      questions
 *     inflow.c   a call with a stream of answers, read by another thread; on it
 *     read.c, list.c, upkeep.c
 *     watch.c    the call News
 *
 * Threads. Users call from any thread; they leave what they want in lists under |lock| and post
 * |posted|. Everything else happens on the loop's thread: it owns the connection, its calls and all
 * that is marked so. Users' functions are called without the lock.
 */
#ifndef FCT_ENGINE_REMOTE_REMOTE_INT_H
#define FCT_ENGINE_REMOTE_REMOTE_INT_H

#include "core/buf.h"
#include "engine/backlog.h"
#include "engine/news.h"
#include "engine_remote/remote.h"
#include "net/dial.h"
#include "os/thread.h"
#include "wire/grpc.h"
#include "wire/store_news.h"
#include "wire/store_open.h"

#define FCT_DISTANT_PATIENCE_NS UINT64_C(10000000000) /* without a connection */
#define FCT_DISTANT_MESSAGE_MAX ((size_t)48 << 20)
#define FCT_DISTANT_INFLOWS_MAX 512u           /* calls under way; others wait */
#define FCT_DISTANT_WINDOW ((size_t)128 << 10) /* of a call, and again of what waits of it */

struct distant;

/* ---- address.c ------------------------------------------------------------------------------- */

struct distant_address {
    char *memory;     /* of all that follows */
    const char *host; /* NULL: a UNIX socket */
    const char *port;
    const char *path;
    const char *authority; /* for texts and :authority */
    const char *ca_file;   /* or NULL */
    bool secure;
    char *authorization; /* "Basic ...", or NULL; a block of its own, wiped */
};

FCT_MUST_USE factum_status fct_distant_address_read(struct distant_address *address,
                                                    const struct fct_engine_remote_options *options,
                                                    factum_error *err);
/* Accepts a zeroed one. */
void fct_distant_address_finish(struct distant_address *address, const struct fct_mem *mem);

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
    struct fct_client_call *h2; /* NULL: not under way */
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
    /* The reading thread. */
    struct inflow_batch *current;
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
/* From the reading thread: OK with a message that lasts until the next call; PENDING; DONE: the call
 * has ended well; a failure. *lost: the connection went away in between, and the rest should be
 * asked for by another start. */
FCT_MUST_USE factum_status fct_inflow_next(struct inflow *inflow, factum_slice *message, bool *lost,
                                           factum_error *err);
void fct_inflow_ready(struct inflow *inflow, const factum_ready *ready);
/* From the reading thread, its last call: inflow->free is called later. */
void fct_inflow_close(struct inflow *inflow);
/* For fct_inflow_next's user that waits. */
void fct_inflow_await(struct inflow *inflow);
/* Loop's thread. */
void fct_inflows_take(struct distant *distant);
void fct_inflows_start(struct distant *distant);
void fct_inflows_limit(struct distant *distant, uint64_t now);
void fct_inflows_fail(struct distant *distant, factum_status status, const factum_error *err);

/* ---- the engine ------------------------------------------------------------------------------ */

enum distant_state {
    DISTANT_DOWN, /* dials when |retry| is due */
    DISTANT_DIALLING,
    DISTANT_OPENING, /* the call Open */
    DISTANT_UP,
};

struct pending_append;
struct asked;

struct distant_appends { /* loop's thread */
    struct distant_call call;
    struct distant_link all;    /* those that have not ended, in their order */
    struct distant_link unsent; /* of these, those that are to be sent */
    size_t count;
    struct pending_append **slots; /* sent ones, by their number */
    size_t slot_count;             /* a power of 2, or 0 */
    uint64_t number;               /* the last one given */
    struct fct_buf scratch;
};

struct distant {
    const struct fct_mem *mem;
    const struct fct_os *os;
    struct fct_engine_ops ops;
    struct fct_upkeep_ops upkeep;
    struct fct_limits limits;
    struct distant_address address;
    factum_durability durability;
    bool read_only;
    struct fct_tls_context *tls;
    struct fct_news news;
    factum_completer completer; /* of ops that have ended, on their way to their own one */
    struct fct_loop *loop;
    struct fct_thread thread;
    struct fct_task posted;
    struct fct_task send_appends;
    _Atomic uint32_t word; /* rises with what threads of users wait for in inflow.c */

    /* The loop's. */
    enum distant_state state;
    struct fct_dial *dial;
    struct fct_h2_client *client; /* NULL: no connection */
    unsigned dials;               /* whose memory is not freed yet */
    unsigned delay_ms;            /* before the next attempt */
    struct fct_timer retry;
    struct fct_timer limiter; /* looks at time limits while there is something to limit */
    struct fct_task hang_up;  /* closes the connection, outside of its handlers */
    struct distant_call open;
    struct distant_call watch;
    factum_error why; /* there is no connection */
    bool ever_up;
    bool replaced; /* the server has another store, or history: |why| */
    bool stops;
    uint64_t stop_limit;
    uint64_t place;                    /* that News has told last */
    uint32_t hits[FCT_STORE_HITS_MAX]; /* of the answer that is being read */
    struct fct_store_opened opened;    /* what the server said first; its slices are not kept */
    char server[64];                   /* of it, as text */
    struct distant_appends appends;
    struct distant_link asks;
    struct distant_link inflows;
    size_t inflow_calls; /* under way */

    struct fct_mutex lock; /* of what follows */
    struct pending_append *appends_in;
    struct pending_append **appends_last;
    struct pending_append *cancels;
    struct asked *asks_in;
    struct asked **asks_last;
    struct inflow *inflows_in;
    struct inflow **inflows_last;
    struct fct_backlog backlog;
    uint32_t lose;
    bool held;
    bool hangs_up;
    bool stop;
    bool opened_known; /* the first attempt to open has ended, with |open_status| */
    factum_status open_status;
    factum_error open_err;
};

/* remote.c. Any thread: the loop looks at the lists. */
void fct_distant_post(struct distant *distant);
/* Loop's thread: time limits will be looked at. */
void fct_distant_limit(struct distant *distant);
uint64_t fct_distant_now(const struct distant *distant);
/* When to give up without a connection: now and the patience, or |deadline|. */
uint64_t fct_distant_limit_from_now(const struct distant *distant);
/* Milliseconds until |deadline|, rounded up; 0: it has passed. */
uint64_t fct_distant_ms_left(const struct distant *distant, uint64_t deadline);
/* UNREACHABLE, with why there is no connection. */
factum_status fct_distant_unreachable(const struct distant *distant, const char *what,
                                      factum_error *err);

/* link.c. Loop's thread. */
void fct_distant_link_init(struct distant *distant);
void fct_distant_dial(struct distant *distant);
/* Soon, and dials again. */
void fct_distant_hang_up(struct distant *distant);
/* For the end. */
void fct_distant_link_close(struct distant *distant);

/* append.c */
factum_status fct_distant_append(void *self, factum_append_op *op, factum_error *err);
void fct_distant_cancel(void *self, factum_append_op *op);
void fct_distant_completed(void *self, factum_append_op *const *ops, size_t count);
/* Loop's thread. */
void fct_appends_init(struct distant *distant);
void fct_appends_finish(struct distant *distant);
void fct_appends_take(struct distant *distant);
void fct_appends_send(struct distant *distant);
void fct_appends_limit(struct distant *distant, uint64_t now);
/* Ends those whose answer a test has lost. */
void fct_appends_end_lost(struct distant *distant);
/* Ends all, since the engine is closed or the server was replaced. */
void fct_appends_end(struct distant *distant, factum_status unsent, const char *text);

/* ask.c */
factum_status fct_distant_ask(void *self, factum_question *question, factum_error *err);
/* Loop's thread. */
void fct_asks_take(struct distant *distant);
void fct_asks_start(struct distant *distant);
void fct_asks_limit(struct distant *distant, uint64_t now);
void fct_asks_fail(struct distant *distant, factum_status status, const factum_error *err);

/* watch.c. Loop's thread. */
void fct_watch_start(struct distant *distant);

/* read.c, list.c, upkeep.c */
factum_status fct_distant_read(void *self, const factum_read_request *request, bool follow,
                               struct fct_reader **reader, factum_error *err);
factum_status fct_distant_list(void *self, const factum_list_request *request,
                               struct fct_lister **lister, factum_error *err);
factum_status fct_distant_verify(void *self, const factum_progress *progress,
                                 factum_verify_report *report, factum_error *err);
factum_status fct_distant_backup(void *self, const char *to, const factum_progress *progress,
                                 factum_backup_report *report, factum_error *err);

#endif
