/* server_int.h - what the services of the server share: the store, and appends and reads that
 * return to the loop's thread. Layer: server, which uses the public API of the store alone.
 *
 * One loop thread does everything here, except that completions and news of the store arrive on the
 * store's threads and are posted (appends.c, feed.c).
 *
 * The begin function of a service takes an exchange (net/exchange.h): kurrent and factum.v1 over
 * gRPC, http for everything else. fct_rights_check is asked before anything is touched.
 */
#ifndef FCT_SERVER_SERVER_INT_H
#define FCT_SERVER_SERVER_INT_H

#include <factum/async.h>

#include "core/buf.h"
#include "net/exchange.h"
#include "net/loop.h"
#include "server/auth.h"
#include "server/recent.h"
#include "server/rights.h"
#include "wire/grpc.h"

#define FCT_REFUSALS 32
#define FCT_COLLECTED_MAX ((uint64_t)256 << 20)

#define FCT_LATENCY_BOUNDS 12

struct fct_deciders;
struct factum_models;
struct factum_sagas;
struct factum_endpoints;
struct fct_kurrent_job;

/* The outcomes of commands over HTTP. */
enum fct_command_outcome {
    FCT_COMMAND_ACCEPTED,
    FCT_COMMAND_ALREADY,
    FCT_COMMAND_NOTHING,
    FCT_COMMAND_REJECTED,
    FCT_COMMAND_FAILED,
    FCT_COMMAND_OUTCOMES
};

struct fct_server_counters {
    uint64_t appends; /* acknowledged */
    uint64_t events_appended;
    uint64_t bytes_appended; /* of data and metadata */
    uint64_t append_groups;  /* appends that ended together are one */
    /* How long acknowledged appends took, from start to end: counted at the first bound (appends.c)
     * that the time does not exceed, or in the last element. */
    uint64_t append_latency[FCT_LATENCY_BOUNDS + 1];
    uint64_t append_latency_ns;      /* sum over all appends */
    uint64_t refusals[FCT_REFUSALS]; /* by -status */
    uint64_t commands[FCT_COMMAND_OUTCOMES];
    uint64_t events_read;   /* returned to readers and subscribers */
    uint64_t subscriptions; /* open now */
};

/* The kinds of calls with a thread of their own (job.h). */
enum fct_job_kind {
    FCT_JOB_SHORT,   /* reads or writes a definition */
    FCT_JOB_PROOF,   /* of a schema, on stored events */
    FCT_JOB_STATE,   /* folds a stream */
    FCT_JOB_COMMAND, /* decides and appends */
    FCT_JOB_QUERY,   /* queries a read model, possibly after waiting for it */
    FCT_JOB_ACT,     /* deploys a projection, or acts on one, and waits for its host */
    FCT_JOB_SYNC,    /* waits for models of mode sync, after an append */
    FCT_JOB_METRICS, /* looks at the models */
    FCT_JOB_TRACE,   /* reads a flow and builds its tree */
    FCT_JOB_KINDS
};

struct fct_server {
    const struct fct_mem *mem;
    struct fct_loop *loop;
    factum_store *store;   /* borrowed */
    factum_log_sink log;   /* silent without |write| */
    struct fct_auth *auth; /* NULL: insecure, everybody is the admin */
    struct fct_server_counters counters;
    uint64_t append_size_max;
    uint64_t event_size_max;
    bool allow_deploy;            /* the admin may deploy code (rights.h) */
    bool stopping;                /* new calls are refused */
    size_t upkeep_count;          /* long work under way on threads of its own (store_upkeep.c) */
    size_t jobs[FCT_JOB_KINDS];   /* under way */
    struct factum_models *models; /* borrowed; NULL: none (models.h) */
    struct factum_sagas *sagas;   /* borrowed; NULL: none (factum/saga.h) */
    struct factum_endpoints *endpoints; /* borrowed; NULL: none (factum/endpoint.h) */
    struct fct_deciders *deciders;      /* opened deciders (deciders.h) */
    uint64_t partial_size;              /* bytes of incomplete messages (grpc_call.c) */
    /* Bytes of unanswered gRPC appends (store_append.c, kurrent_job.c), at most
     * FCT_COLLECTED_MAX. */
    uint64_t collected_size;
    bool room_wanted;                   /* an append was refused for that: fct_feeds_room is due */
    struct fct_kurrent_job *spare_jobs; /* for further appends (kurrent_job.c) */
    size_t spare_job_count;
    struct fct_appends *appends;
    struct fct_feeds *feeds;
    struct fct_acceptor *acceptor; /* for metrics */
    factum_slice advertised_host;  /* for Gossip; empty: the address that was connected to */
    uint16_t advertised_port;
    uint64_t started_ms;
    uint64_t http_bodies_size; /* bytes of requests' bodies that calls hold (http_call.h) */
};

/* ---- kurrent_job.c --------------------------------------------------------------------------- */

/* Frees the jobs that were kept for further appends. */
void fct_kurrent_jobs_drop(struct fct_server *server);

/* ---- appends.c ------------------------------------------------------------------------------- */

/* A model of mode sync that does not, or may not, have the events of an append yet. */
struct fct_behind {
    factum_slice model; /* empty: unknown */
    uint64_t events;
    int64_t time;     /* nanoseconds */
    const char *text; /* for people */
};

/* One append under way, embedded in the struct that owns the memory of its request. Zero it first,
 * set |request|, |done| and |data|. */
struct fct_pending {
    factum_append_op op; /* the outcome is in op.status, op.result and op.err; action may be set */
    factum_append_request request;
    void (*done)(struct fct_pending *pending);
    void *data;
    const struct fct_behind *behind; /* while |done| runs; NULL: no model is behind */
    struct fct_pending *next;        /* private to appends.c, like the next */
    uint64_t started_ns;
};

FCT_MUST_USE factum_status fct_appends_open(struct fct_server *server, factum_error *err);
/* In nanoseconds, rising. */
extern const uint64_t fct_latency_bounds[FCT_LATENCY_BOUNDS];
/* Returns the number of appends whose |done| was not called yet. */
uint64_t fct_appends_under_way(const struct fct_server *server);
/* No append may be under way. */
void fct_appends_close(struct fct_server *server);
/* Answers an append that the store has ended, and that was waiting for models. */
void fct_append_end(struct fct_server *server, struct fct_pending *pending);
/* Starts an append. OK: |done| is called once on the loop's thread, never from inside this call;
 * the memory of the request must last until then. Otherwise |done| is not called. Errors: those of
 * factum_append_submit. */
FCT_MUST_USE factum_status fct_append_start(struct fct_server *server, struct fct_pending *pending,
                                            factum_error *err);

/* ---- feed.c ---------------------------------------------------------------------------------- */

/* The protocol of a subscriber, for metrics. */
enum fct_feed_protocol { FCT_FEED_KURRENT, FCT_FEED_HTTP, FCT_FEED_STORE, FCT_FEED_PROTOCOLS };

/* One reader of the store: a read that ends, or one that follows. Zero it first. */
struct fct_feed {
    struct fct_server *server;
    factum_cursor *cursor;
    factum_subscription *subscription;
    bool follow;
    /* Set before open: a read that later reads continue, like factum_read_start's follow. */
    bool series;
    enum fct_feed_protocol protocol; /* set before open */
    factum_source interest; /* what wakes it: STREAM, CATEGORY or TYPE |name|; ALL: anything */
    struct fct_buf name;
    void (*wake)(struct fct_feed *feed);
    void *data;
    struct fct_task task;
    struct fct_feed *next; /* in the table of waiting feeds */
    struct fct_feed **slot;
    struct fct_feed *newer; /* in the list of all feeds that follow */
    struct fct_feed *older;
    bool counted;                   /* in that list */
    bool shares;                    /* it may ride: it reads what the tail reads, in the same way */
    bool rides;                     /* then |subscription| is NULL */
    bool caught_up;                 /* while riding: CAUGHT_UP was returned since the last event */
    bool skip_system;               /* as in its request */
    uint64_t hash;                  /* of |name|, for recent events */
    uint64_t number;                /* of the next recent event to examine */
    uint64_t place;                 /* while riding */
    struct fct_recent_event *given; /* the last event returned, if it is a recent one */
};

FCT_MUST_USE factum_status fct_feeds_open(struct fct_server *server, factum_error *err);
/* Returns the newest of all feeds that follow; the others by |older|. */
const struct fct_feed *fct_feeds_first(const struct fct_server *server);
/* Wakes all feeds, so that they see that the server is stopping. */
void fct_feeds_stop(struct fct_server *server);

/* Is called on the loop's thread with news of the store: bits of factum_news, or 0 when the server
 * is stopping. Zero it first, set |news|. */
struct fct_watcher {
    void (*news)(struct fct_watcher *watcher, uint32_t news);
    struct fct_watcher *next;
    struct fct_watcher **slot;
};
void fct_feeds_watch(struct fct_server *server, struct fct_watcher *watcher);
/* Not from inside |news| of another watcher. Accepts a watcher that is not registered. */
void fct_feeds_unwatch(struct fct_watcher *watcher);
/* Notifies the watchers that appends are taken again (FACTUM_NEWS_ROOM). */
void fct_feeds_room(struct fct_server *server);
/* All feeds must be closed. */
void fct_feeds_close(struct fct_server *server);
/* Opens a feed. |request| is as for factum_read or, with |follow|, factum_subscribe; needed during
 * the call only. |wake| and |data| must be set. Errors: those of the two functions. */
FCT_MUST_USE factum_status fct_feed_open(struct fct_server *server, struct fct_feed *feed,
                                         const factum_read_request *request, bool follow,
                                         factum_error *err);
/* Returns OK with an event (borrowed until the next call), or DONE when a read has ended. A feed
 * that follows returns CAUGHT_UP once each time that it has returned everything, and then PENDING:
 * wake will be called. PENDING is also returned when a filter has let nothing pass for long: the
 * feed continues in another turn. Errors: those of factum_cursor_next and
 * factum_subscription_next. */
FCT_MUST_USE factum_status fct_feed_next(struct fct_feed *feed, factum_event *event,
                                         factum_error *err);
/* True for a feed that follows and waits for new events, or rides with the tail. */
bool fct_feed_is_live(const struct fct_feed *feed);
/* Gets the bytes of the event that fct_feed_next has just returned, if another feed has shared
 * them. They last until the next call. Returns false otherwise. */
FCT_MUST_USE bool fct_feed_shared(const struct fct_feed *feed, enum fct_shape shape,
                                  factum_slice *bytes);
/* Shares |bytes|, the event in a form that was not shared yet: copied if other feeds ride. */
void fct_feed_share(struct fct_feed *feed, enum fct_shape shape, factum_slice bytes);
/* Returns the checkpoint, like factum_subscription_checkpoint; of a read factum_cursor_place. */
uint64_t fct_feed_place(const struct fct_feed *feed);
/* Calls wake in one of the next turns of the loop: for a reader that has used up its turn. */
void fct_feed_again(struct fct_feed *feed);
/* Accepts a zeroed feed. */
void fct_feed_close(struct fct_feed *feed);

/* ---- how services begin ---------------------------------------------------------------------- */

/* Sets the exchange's handler. |principal| is static. */
void fct_http_begin(struct fct_server *server, const struct fct_principal *principal,
                    struct fct_exchange *exchange);
void fct_grpc_begin(struct fct_server *server, const struct fct_principal *principal,
                    struct fct_exchange *exchange);
/* Refuses a call at once, before it has begun. |text| is plain ASCII. */
void fct_grpc_refuse(struct fct_exchange *exchange, enum fct_grpc_code code, factum_slice text);
/* Answers 503 at once: the client may try again. */
void fct_http_turn_away(struct fct_exchange *exchange);

#endif
