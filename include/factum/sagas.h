/* sagas.h - runs sagas, and lists them. One saga, and acts of operators: saga_view.h.
 *
 *     factum_sagas *sagas;
 *     factum_sagas_options options = {.size = sizeof options, .path = "orders.factum/models"};
 *     status = factum_sagas_open(store, &options, &sagas, &err);   // from now on they run
 *     ...
 *     factum_sagas_close(sagas);
 *
 * The truth about a saga is its stream "saga:NAME-ID". Each input leads to one commit, with the
 * changes of the state, the timers that run, and the commands that are sent
 * ("command:SERVICE-NAME-ID"). So a command cannot be sent without the state that it follows from,
 * nor the other way round. Two hosts of the same sagas fence each other by the revision of that
 * stream. What a host keeps in its directory is derived, and may be deleted.
 *
 * Link libfactum-saga (pkg-config factum-saga). Valid C99 and C++17. Any thread may call these
 * functions. Rules of sizes, statuses and pointers: store.h. */
#ifndef FACTUM_SAGAS_H
#define FACTUM_SAGAS_H

#include <factum/saga.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- running --------------------------------------------------------------------------------- */

typedef struct factum_sagas factum_sagas;

typedef struct factum_sagas_options {
    size_t size;
    const char *path;     /* the directory of the lists, created if missing */
    factum_slice host;    /* the host whose sagas are run; empty: "server" */
    bool no_run;          /* no event is taken and no timer fires; the lists are still updated */
    uint32_t commits_max; /* under way at once; 0: 1,024 */
    uint32_t loaded_max;  /* instances kept in memory between inputs; 0: 10,000 */
    uint32_t timers_max;  /* that fire in one second, so that new work gets its turn; 0: 1,000 */
    const factum_log_sink *log; /* copied; NULL: silent */
    /* The monotonic clock, for tests; lasts as long as the sagas. NULL: the machine's. The wall
     * clock is the store's. */
    const factum_clock *monotonic;
} factum_sagas_options;

/* Opens the sagas of |store|, which must stay open longer, and runs them on a thread of their own
 * unless no_run. *sagas gets them; they are yours until factum_sagas_close; NULL on failure.
 * Errors: INVALID, UNSUPPORTED (a store that cannot append to several streams at once), and those
 * of factum_models_open. */
FACTUM_API FACTUM_MUST_USE factum_status factum_sagas_open(factum_store *store,
                                                           const factum_sagas_options *options,
                                                           factum_sagas **sagas, factum_error *err);
/* Waits for the commits under way and frees |sagas|. Accepts NULL. Before the store is closed. */
FACTUM_API void factum_sagas_close(factum_sagas *sagas);
/* Waits until every event at or before |place| has been taken, with the commits that follow from
 * it, at most |timeout_ms| (-1: for ever): OK, or TIMEOUT. Errors: FAILED (opened with no_run). */
FACTUM_API FACTUM_MUST_USE factum_status factum_sagas_wait(factum_sagas *sagas, uint64_t place,
                                                           int64_t timeout_ms, factum_error *err);

typedef struct factum_sagas_info {
    size_t size;
    bool ready; /* caught up with what happened while the host did not run */
    uint64_t place;
    uint64_t open_count; /* instances that have not ended */
    uint64_t loaded_count;
    uint64_t started_count; /* since the open, as are the counts below */
    uint64_t ended_count;
    uint64_t commit_count;
    uint64_t conflict_count;  /* commits refused because another host or an operator was faster */
    uint64_t duplicate_count; /* starts and replies that had come before */
    uint64_t unmatched_count; /* replies to a saga that does not exist (yet) */
    uint64_t stuck_count;     /* instances that became stuck */
    uint64_t timer_count;     /* timers that have fired */
    uint64_t bad_count;       /* inputs that could not be taken */
    bool clock_parted;        /* the wall clock has jumped: timers use only the monotonic clock */
    char reason[256];         /* why it does not run now; otherwise "" */
} factum_sagas_info;

/* Figures of |sagas|, into |info|. Errors: INVALID. */
FACTUM_API FACTUM_MUST_USE factum_status factum_sagas_info_get(factum_sagas *sagas,
                                                               factum_sagas_info *info,
                                                               factum_error *err);

/* ---- lists ----------------------------------------------------------------------------------- */

typedef enum factum_saga_status {
    FACTUM_SAGA_ANY = 0,
    FACTUM_SAGA_WAITING = 1, /* not started: a reply has come before the event that starts it */
    FACTUM_SAGA_RUNNING = 2,
    FACTUM_SAGA_COMPENSATING = 3,
    FACTUM_SAGA_STUCK = 4, /* needs an operator */
    FACTUM_SAGA_DONE = 5,
    FACTUM_SAGA_UNDONE = 6,
    FACTUM_SAGA_COMPLETED = 7, /* closed by an operator */
    FACTUM_SAGA_OPEN = 8       /* of a filter: any that has not ended */
} factum_saga_status;
/* "running", "stuck" ... Static. */
FACTUM_API const char *factum_saga_status_name(factum_saga_status status);

typedef struct factum_saga_entry {
    size_t size;
    factum_slice saga; /* its name */
    factum_slice id;
    uint64_t version;
    factum_saga_status status;
    factum_slice step; /* the step that was started last, or is stuck */
    int64_t started;
    int64_t changed;
    int64_t due;       /* of its next timer; 0: none */
    uint64_t position; /* of its first event: the next page begins after it */
} factum_saga_entry;

typedef struct factum_saga_filter {
    size_t size;
    factum_slice saga; /* empty: all */
    factum_saga_status status;
    uint64_t after;     /* a position */
    uint64_t count_max; /* 0: 1,000; at most 1,000,000 */
    bool wait_set;      /* waits until the lists include everything at or before |wait| */
    uint64_t wait;
    int64_t wait_ms; /* the longest wait; then TIMEOUT */
} factum_saga_filter;

typedef struct factum_saga_each {
    void *data;
    /* |entry| lasts for the call only; false ends the list. */
    bool (*each)(void *data, const factum_saga_entry *entry);
} factum_saga_each;

/* Calls |each| with sagas, in the order of their first events. |filter| is optional. Errors: those
 * of factum_models_query. */
FACTUM_API FACTUM_MUST_USE factum_status factum_sagas_list(factum_sagas *sagas,
                                                           const factum_saga_filter *filter,
                                                           const factum_saga_each *each,
                                                           factum_error *err);

typedef struct factum_saga_timer {
    size_t size;
    factum_slice saga;
    factum_slice id;
    factum_slice timer; /* the name of a step, or "deadline" */
    int64_t due;
    int64_t wait; /* nanoseconds from when it was set */
} factum_saga_timer;

typedef struct factum_saga_timer_each {
    void *data;
    bool (*each)(void *data, const factum_saga_timer *timer);
} factum_saga_timer_each;

/* Calls |each| with timers, the next one first. |status| and |after| of |filter| are ignored.
 * Errors: those of factum_models_query. */
FACTUM_API FACTUM_MUST_USE factum_status factum_sagas_timers(factum_sagas *sagas,
                                                             const factum_saga_filter *filter,
                                                             const factum_saga_timer_each *each,
                                                             factum_error *err);

#ifdef __cplusplus
}
#endif
#endif
