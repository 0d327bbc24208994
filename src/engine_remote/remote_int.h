/* remote_int.h - the remote engine as its files see it. Layer: engine_remote, private.
 *
 *     remote.c   opening, closing, the hand-over from any thread to the loop's, time limits
 *     address.c  parses addresses
 *     link.c     the connection: dialling, Open, dialling again
 *     call.c     one call, of gRPC or of plain HTTP
 *     append.c   the call Append and the appends that wait for it
 *     ask.c      questions
 *     inflow.c   a call with a stream of answers, read by another thread; used by
 *     read.c, list.c, upkeep.c
 *     request.c  a plain request of HTTP, also over an inflow
 *     watch.c    the call News
 *
 * Threads. Users call from any thread: they add their requests to lists under |lock| and post
 * |posted|. Everything else happens on the loop's thread, which owns the connection, its calls and
 * the members marked so. Users' functions are called without the lock.
 */
#ifndef FCT_ENGINE_REMOTE_REMOTE_INT_H
#define FCT_ENGINE_REMOTE_REMOTE_INT_H

#include "core/buf.h"
#include "engine/backlog.h"
#include "engine/notifier.h"
#include "engine_remote/inflow.h"
#include "engine_remote/remote.h"
#include "net/dial.h"
#include "os/thread.h"
#include "wire/store_news.h"
#include "wire/store_open.h"

#define FCT_DISTANT_GIVE_UP_NS UINT64_C(10000000000) /* without a connection */

/* ---- address.c ------------------------------------------------------------------------------- */

struct distant_address {
    char *memory;     /* of all members below */
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

/* ---- the engine ------------------------------------------------------------------------------ */

enum distant_state {
    DISTANT_DOWN, /* dials when |retry| is due */
    DISTANT_DIALLING,
    DISTANT_OPENING, /* the call Open */
    DISTANT_UP,
};

struct pending_append;
struct asked;
struct distant_interest;

struct distant_appends { /* loop's thread */
    struct distant_call call;
    struct distant_link all;    /* appends that have not ended, in their order */
    struct distant_link unsent; /* those of them that are to be sent */
    size_t count;
    struct pending_append **slots; /* sent appends by their number */
    size_t slot_count;             /* a power of 2, or 0 */
    uint64_t number;               /* the last number assigned */
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
    struct fct_notifier notifier;
    factum_completer completer; /* of ops that have ended, on the way to their own completer */
    struct fct_loop *loop;
    struct fct_thread thread;
    struct fct_task posted;
    struct fct_task send_appends;
    /* Increased whenever a user's thread that waits in inflow.c may continue. */
    _Atomic uint32_t word;

    /* Used by the loop. */
    enum distant_state state;
    struct fct_dial *dial;
    struct fct_h2_client *client; /* NULL: no connection */
    unsigned dials;               /* dials whose memory is not freed yet */
    unsigned delay_ms;            /* before the next attempt */
    struct fct_timer retry;
    struct fct_timer limiter; /* checks time limits while there is something to limit */
    struct fct_task hang_up;  /* closes the connection, outside of its handlers */
    struct distant_call open;
    struct distant_call watch;
    factum_error why;         /* why no connection exists */
    factum_error other_store; /* if |replaced|: why everything fails from now on */
    factum_log_sink sink;     /* silent without |write| */
    bool ever_up;
    bool logged_down; /* the loss of the connection was logged */
    bool replaced;    /* the server has another store or history: |other_store| */
    bool stops;
    uint64_t stop_limit;
    uint64_t place;                      /* the last place that News reported */
    uint32_t hits[FCT_STORE_HITS_MAX];   /* of the answer that is being decoded */
    struct fct_store_opened opened;      /* the answer to Open; its slices do not last */
    char server[64];                     /* of |opened|, as text */
    struct distant_interest **interests; /* by their numbers, less 1 */
    size_t interest_slots;
    size_t interest_count;
    size_t interest_hint;    /* where the last free slot was found */
    size_t unsent_interests; /* interests that the server does not know yet */
    uint64_t news_requests;  /* requests sent by this connection's News */
    bool uncounted;          /* some interests are not effective yet */
    struct distant_appends appends;
    struct distant_link asks;
    struct distant_link inflows;
    size_t inflow_calls; /* under way */

    struct fct_mutex lock; /* protects the members below */
    struct pending_append *appends_in;
    struct pending_append **appends_last;
    struct pending_append *cancels;
    struct asked *asks_in;
    struct asked **asks_last;
    struct inflow *inflows_in;
    struct inflow **inflows_last;
    struct distant_interest *interests_in;
    uint64_t news_place; /* of the last news; 0: none on this connection */
    uint64_t all_place;  /* of the last news that concerned all interests */
    uint64_t must_see;   /* the highest place that this program knows */
    struct fct_backlog backlog;
    uint32_t lose;
    bool held;
    bool hangs_up;
    bool stop;
    bool opened_known; /* the first attempt to open has ended, with |open_status| */
    factum_status open_status;
    factum_error open_err;
};

/* remote.c. Returns NULL for an engine of another kind. */
struct distant *fct_distant_of(const struct fct_engine *engine);
/* remote.c. Makes the loop look at the lists. Any thread. */
void fct_distant_post(struct distant *distant);
/* Makes the loop check time limits. Loop's thread. */
void fct_distant_limit(struct distant *distant);
uint64_t fct_distant_now(const struct distant *distant);
/* Returns when to give up without a connection: after FCT_DISTANT_GIVE_UP_NS, or at |deadline|. */
uint64_t fct_distant_limit_from_now(const struct distant *distant);
/* Returns the milliseconds until |deadline|, rounded up; 0: it has passed. */
uint64_t fct_distant_ms_left(const struct distant *distant, uint64_t deadline);
/* Fails with UNREACHABLE and the reason. */
factum_status fct_distant_unreachable(const struct distant *distant, const char *what,
                                      factum_error *err);

/* link.c. Loop's thread. */
void fct_distant_link_init(struct distant *distant);
void fct_distant_dial(struct distant *distant);
/* Disconnects soon, and dials again. */
void fct_distant_hang_up(struct distant *distant);
/* Disconnects at the end. */
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
/* Ends the appends whose answer a test has dropped. */
void fct_appends_end_lost(struct distant *distant);
/* Ends all appends, because the engine is closed or the server was replaced. */
void fct_appends_end(struct distant *distant, factum_status unsent, const char *text);

/* ask.c */
factum_status fct_distant_ask(void *self, factum_question *question, factum_error *err);
/* Loop's thread. */
void fct_asks_take(struct distant *distant);
void fct_asks_start(struct distant *distant);
void fct_asks_limit(struct distant *distant, uint64_t now);
void fct_asks_fail(struct distant *distant, factum_status status, const factum_error *err);

/* watch.c. The interest of a following reader, embedded in it. |source| and |name| do not
 * change. */
struct distant_interest {
    factum_source source; /* STREAM, CATEGORY, TYPE or TAG */
    factum_slice name;
    /* Used by the loop. */
    uint32_t number;  /* 0: the server does not know it */
    uint64_t request; /* number of the NewsRequest with it on this connection; 0: none */
    /* Under the lock. */
    struct distant_interest *next; /* in distant->interests_in */
    bool listed;
    bool counts;
    uint64_t since;     /* it is effective since this place ... */
    uint64_t hit_place; /* ... and the last answer that hit it has this one */
};

/* Hands the interest over; fct_distant_post must follow. Any thread. */
void fct_watch_listen(struct distant *distant, struct distant_interest *interest);
/* This program knows |place|: no later answer may be older. Any thread. */
void fct_watch_saw(struct distant *distant, uint64_t place);
/* Returns true if nothing exists for a reader that has everything up to *place; *place becomes the
 * newest place for which this is true. Any thread. */
bool fct_watch_covers(struct distant *distant, const struct distant_interest *interest,
                      uint64_t *place);
/* Loop's thread. */
void fct_watch_take(struct distant *distant);
void fct_watch_forget(struct distant *distant, struct distant_interest *interest);
void fct_watch_start(struct distant *distant);
void fct_watch_finish(struct distant *distant);

/* read.c, list.c, upkeep.c */
factum_status fct_distant_read(void *self, const factum_read_request *request, bool follow,
                               struct fct_reader **out, factum_error *err);
factum_status fct_distant_list(void *self, const factum_list_request *request,
                               struct fct_lister **out, factum_error *err);
factum_status fct_distant_verify(void *self, const factum_progress *progress,
                                 factum_verify_report *report, factum_error *err);
factum_status fct_distant_backup(void *self, const char *to, const factum_progress *progress,
                                 factum_backup_report *report, factum_error *err);

#endif
