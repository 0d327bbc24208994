/* server_int.h - what the services of the server share: the store, appends and reads that come back
 * on the loop's thread. Layer: server, which uses the public API of the store alone.
 *
 * One loop thread does everything here, except that completions and news of the store come on its
 * threads and are posted (appends.c, feed.c).
 *
 * A service gets an exchange (net/exchange.h) by its begin function: kurrent and factum.v1 over
 * gRPC, http for everything else. Who asks, and what for, is checked by fct_rights_check before
 * anything is touched.
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

/* How commands over HTTP have ended. */
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
    uint64_t append_groups;  /* appends that ended together count as one */
    /* How long acknowledged appends took, from start to end: each in the first bound (appends.c)
     * that it does not exceed, or in the last element. */
    uint64_t append_latency[FCT_LATENCY_BOUNDS + 1];
    uint64_t append_latency_ns;      /* of all together */
    uint64_t refusals[FCT_REFUSALS]; /* by -status */
    uint64_t commands[FCT_COMMAND_OUTCOMES];
    uint64_t events_read;   /* given to readers and subscribers */
    uint64_t subscriptions; /* open now */
};

/* Calls that have a thread of their own (job.h). */
enum fct_job_kind {
    FCT_JOB_SHORT,   /* reads or writes a definition */
    FCT_JOB_PROOF,   /* of a schema, on stored events */
    FCT_JOB_STATE,   /* folds a stream */
    FCT_JOB_COMMAND, /* decides and appends */
    FCT_JOB_QUERY,   /* asks a read model, perhaps after a wait for it */
    FCT_JOB_ACT,     /* deploys a projection, or acts on one, and waits for its host */
    FCT_JOB_SYNC,    /* waits for models of mode sync, after an append */
    FCT_JOB_METRICS, /* looks at the models */
    FCT_JOB_TRACE,   /* reads a flow and makes its tree */
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
    bool allow_deploy;            /* code may come from whoever is the admin (rights.h) */
    bool stopping;                /* new calls are refused */
    size_t upkeep_count;          /* long work under way, on threads of its own (store_upkeep.c) */
    size_t jobs[FCT_JOB_KINDS];   /* under way */
    struct factum_models *models; /* borrowed; NULL: none (models.h) */
    struct factum_sagas *sagas;   /* the same (sagas.h) */
    struct factum_endpoints *endpoints; /* the same (endpoint.h) */
    struct fct_deciders *deciders;      /* opened ones (deciders.h) */
    uint64_t partial_size;              /* bytes of messages that are not complete (grpc_call.c) */
    uint64_t collected_size; /* bytes of the messages of appends that are not answered, at most
                                FCT_COLLECTED_MAX */
    bool room_wanted;        /* an append was refused for that: fct_feeds_room is due */
    struct fct_kurrent_job *spare_jobs; /* to be used again (kurrent_job.c) */
    size_t spare_job_count;
    struct fct_appends *appends;
    struct fct_feeds *feeds;
    struct fct_doors *doors;      /* for figures */
    factum_slice advertised_host; /* for Gossip; empty: the address that was connected to */
    uint16_t advertised_port;
    uint64_t started_ms;
    uint64_t http_bodies_size; /* bytes of requests' bodies that calls hold (http_call.h) */
};

/* ---- kurrent_job.c --------------------------------------------------------------------------- */

/* Frees what was kept for further appends. */
void fct_kurrent_jobs_drop(struct fct_server *server);

/* ---- appends.c ------------------------------------------------------------------------------- */

/* A model of mode sync that does not have the events of an append yet, or may not have them. */
struct fct_behind {
    factum_slice model; /* empty: it is not known which */
    uint64_t events;
    int64_t time;     /* nanoseconds */
    const char *text; /* of people */
};

/* One append under way, embedded in what owns the memory of its request. Zero it first, set
 * |request|, |done| and |data|. */
struct fct_pending {
    factum_append_op op; /* outcome in op.status, op.result and op.err; action may be set */
    factum_append_request request;
    void (*done)(struct fct_pending *pending);
    void *data;
    const struct fct_behind *behind; /* while |done| runs; NULL: no model is behind */
    struct fct_pending *next;        /* appends.c's, and so is this */
    uint64_t started_ns;
};

FCT_MUST_USE factum_status fct_appends_open(struct fct_server *server, factum_error *err);
/* In nanoseconds, rising. */
extern const uint64_t fct_latency_bounds[FCT_LATENCY_BOUNDS];
/* Those whose |done| was not called yet. */
uint64_t fct_appends_under_way(const struct fct_server *server);
/* None is under way. */
void fct_appends_close(struct fct_server *server);
/* Answers an append that the store has ended, and that was waiting for models. */
void fct_append_end(struct fct_server *server, struct fct_pending *pending);
/* Starts it: OK, and |done| is called once on the loop's thread, never from inside this call; all
 * that the request points to stays until then. Otherwise as factum_append_submit, and |done| is not
 * called. */
FCT_MUST_USE factum_status fct_append_start(struct fct_server *server, struct fct_pending *pending,
                                            factum_error *err);

/* ---- feed.c ---------------------------------------------------------------------------------- */

/* Whose subscriber it is: for figures. */
enum fct_feed_door { FCT_FEED_KURRENT, FCT_FEED_HTTP, FCT_FEED_STORE, FCT_FEED_DOORS };

/* One reader's way through the store: a read that ends, or one that follows. Zero it first. */
struct fct_feed {
    struct fct_server *server;
    factum_cursor *cursor;
    factum_subscription *subscription;
    bool follow;
    bool series; /* set before open: a read that others go on from, as factum_read_start's follow */
    enum fct_feed_door door; /* set before open */
    factum_source interest;  /* what wakes it: STREAM, CATEGORY or TYPE |name|; ALL: anything */
    struct fct_buf name;
    void (*wake)(struct fct_feed *feed);
    void *data;
    struct fct_task task;
    struct fct_feed *next; /* in the table of those that wait */
    struct fct_feed **slot;
    struct fct_feed *newer; /* among all that follow */
    struct fct_feed *older;
    bool counted;     /* it is among them */
    bool shares;      /* it may ride: it wants what the tail reads, as the tail reads it */
    bool rides;       /* then |subscription| is NULL */
    bool said;        /* of one that rides: CAUGHT_UP, since the last event */
    bool skip_system; /* as in its request */
    uint64_t hash;    /* of |name|, for recent events */
    uint64_t number;  /* of the next recent event to look at */
    uint64_t place;   /* of one that rides */
    struct fct_recent_event *given; /* the last event given, if it is a recent one */
};

FCT_MUST_USE factum_status fct_feeds_open(struct fct_server *server, factum_error *err);
/* Of all feeds that follow, the newest; the others by |older|. */
const struct fct_feed *fct_feeds_first(const struct fct_server *server);
/* Wakes all, so that they see that the server is stopping. */
void fct_feeds_stop(struct fct_server *server);

/* Who is called on the loop's thread with news of the store: bits of factum_news, or 0 when the
 * server is stopping. Zero it first, set |news|. */
struct fct_watcher {
    void (*news)(struct fct_watcher *watcher, uint32_t news);
    struct fct_watcher *next;
    struct fct_watcher **slot;
};
void fct_feeds_watch(struct fct_server *server, struct fct_watcher *watcher);
/* Not from inside |news| of another one. Accepts one that does not watch. */
void fct_feeds_unwatch(struct fct_watcher *watcher);
/* Tells the watchers that appends are taken again (FACTUM_NEWS_ROOM). */
void fct_feeds_room(struct fct_server *server);
/* All feeds are closed. */
void fct_feeds_close(struct fct_server *server);
/* |request| as for factum_read or, with |follow|, factum_subscribe; needed for the call only.
 * |wake| and |data| were set. The statuses of those two. */
FCT_MUST_USE factum_status fct_feed_open(struct fct_server *server, struct fct_feed *feed,
                                         const factum_read_request *request, bool follow,
                                         factum_error *err);
/* OK with an event (borrowed until the next call); DONE: a read has ended; of one that follows
 * CAUGHT_UP, once each time that it has given all, and then PENDING: wake will be called. PENDING
 * also when a filter has let nothing pass for long: it goes on in another turn. Otherwise the
 * failures of factum_cursor_next and factum_subscription_next. */
FCT_MUST_USE factum_status fct_feed_next(struct fct_feed *feed, factum_event *event,
                                         factum_error *err);
/* Of one that follows: does it wait for what comes, or ride with the tail? */
bool fct_feed_is_live(const struct fct_feed *feed);
/* The bytes of the event that fct_feed_next has just given, if another feed has shared them: until
 * the next call. */
FCT_MUST_USE bool fct_feed_shared(const struct fct_feed *feed, enum fct_shape shape,
                                  factum_slice *bytes);
/* This is what the event is in that shape, which was not shared yet: copied for others, if there
 * are any. */
void fct_feed_share(struct fct_feed *feed, enum fct_shape shape, factum_slice bytes);
/* The checkpoint, as factum_subscription_checkpoint; of a read factum_cursor_place. */
uint64_t fct_feed_place(const struct fct_feed *feed);
/* Calls wake in one of the next turns of the loop: for who has used up its turn. */
void fct_feed_again(struct fct_feed *feed);
/* Accepts a zeroed one. */
void fct_feed_close(struct fct_feed *feed);

/* ---- the services' doors --------------------------------------------------------------------- */

/* Sets the exchange's handler. |principal| is static. */
void fct_http_begin(struct fct_server *server, const struct fct_principal *principal,
                    struct fct_exchange *exchange);
void fct_grpc_begin(struct fct_server *server, const struct fct_principal *principal,
                    struct fct_exchange *exchange);
/* Answers at once that the call is refused, before it has begun. |text| is plain ASCII. */
void fct_grpc_refuse(struct fct_exchange *exchange, enum fct_grpc_code code, factum_slice text);
/* Answers at once 503, to be tried again. */
void fct_http_turn_away(struct fct_exchange *exchange);

#endif
