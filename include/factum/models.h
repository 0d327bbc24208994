/* models.h - read models, kept up to date from the events of a store. Queries in SQL: model_rows.h.
 *
 *     factum_models *models;
 *     factum_models_options options = {.size = sizeof options, .path = "orders.factum/models"};
 *     status = factum_models_open(store, &options, &models, &err);
 *     ...
 *     factum_model_query query = {.size = sizeof query,
 *         .model = factum_slice_from("order_summary"),
 *         .sql = factum_slice_from("SELECT * FROM order_summary WHERE customer_id = 'c7'"),
 *         .wait_set = true, .wait = appended.position, .wait_ms = 5000};
 *     status = factum_models_query(models, &query, &rows, &answer, &err);
 *     ...
 *     factum_models_close(models);
 *
 * Each model is one SQLite file, NAME.db, with its tables, its checkpoint and its parked events. A
 * batch of events is one transaction, which moves the checkpoint first. So each event is applied
 * exactly once, and the epoch of the checkpoint keeps a second process that runs the same model
 * from writing. A file may be deleted at any time: it is rebuilt.
 *
 * An event that a statement cannot take is tried again, then *parked*: it and all later events of
 * its key wait for an operator, while other keys go on. If every event fails, the database is
 * broken: nothing is parked, and the runner reports it and stops.
 *
 * Link libfactum-sql (pkg-config factum-sql).
 *
 * Valid C99 and C++17. Any thread may call these functions. Rules of sizes, statuses and pointers:
 * store.h. */
#ifndef FACTUM_MODELS_H
#define FACTUM_MODELS_H

#include <factum/projection.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct factum_models factum_models;

typedef struct factum_models_options {
    size_t size;
    const char *path;  /* the directory of the models, created if missing */
    factum_slice host; /* the host whose projections are run; empty: "server" */
    bool no_run;       /* no event is applied: lists and queries see the models as they are. Acts
                          that need no events are carried out */
    /* Only these projections, of any host; NULL: all of |host|. */
    const factum_slice *names;
    size_t name_count;
    uint32_t batch_events_max;  /* events of one transaction; 0: 5,000 */
    uint64_t batch_size_max;    /* bytes of them; 0: 8 MiB */
    uint64_t parked_keys_max;   /* 0: 1,024. At a limit the runner stops; nothing is dropped */
    uint64_t parked_events_max; /* of one key; 0: 1,024 */
    const factum_log_sink *log; /* copied; NULL: silent */
    /* The models are copies of those that another host keeps: an act that cannot be carried out is
     * refused here only, not recorded as refused for all hosts. */
    bool copy;
    /* How long events that come while the model is live wait for others, so that a transaction has
     * more of them; 0: not at all. Callers that wait for a place wait so much longer. */
    uint32_t batch_wait_ms;
} factum_models_options;

/* Opens the models of |store|, which must stay open longer, and runs them on threads of their own
 * unless no_run. *models gets them; they are yours until factum_models_close; NULL on failure.
 * Errors: INVALID, IO, NO_SPACE, NO_MEMORY, and those of factum_read. */
FACTUM_API FACTUM_MUST_USE factum_status factum_models_open(factum_store *store,
                                                            const factum_models_options *options,
                                                            factum_models **models,
                                                            factum_error *err);
/* Ends the batches under way and frees |models|. Accepts NULL. Before the store is closed. */
FACTUM_API void factum_models_close(factum_models *models);

/* ---- how fresh ------------------------------------------------------------------------------- */

typedef enum factum_build_state {
    FACTUM_BUILD_STARTING = 0,
    FACTUM_BUILD_CATCHING_UP = 1,
    FACTUM_BUILD_LIVE = 2,
    FACTUM_BUILD_PAUSED = 3,
    FACTUM_BUILD_FENCED = 4,  /* another process runs it */
    FACTUM_BUILD_STOPPED = 5, /* |reason| says why and what to do; RESUME lets it try again */
    FACTUM_BUILD_RETRYING = 6 /* the database or the store does not answer; it tries again */
} factum_build_state;
/* "starting", "catching up" ... Static. */
FACTUM_API const char *factum_build_state_name(factum_build_state state);

/* One build of a model: the tables of a version, and how far they have come. */
typedef struct factum_build_status {
    size_t size;
    factum_slice model;
    uint64_t version;
    bool in_use; /* queries see this build */
    factum_build_state state;
    uint64_t place;         /* all events of the projection at or before it are applied */
    int64_t place_created;  /* when the last applied event was recorded; 0: none yet */
    uint64_t behind_events; /* events of its source that it has not seen, an upper bound */
    int64_t behind_time;    /* nanoseconds since the first of them was recorded; 0: none */
    uint64_t event_count;   /* events applied */
    uint64_t parked_keys;
    uint64_t parked_events;
    char reason[256]; /* of STOPPED and RETRYING; otherwise "" */
} factum_build_status;

typedef struct factum_build_each {
    void *data;
    /* |status| lasts for the call only; false ends the list. */
    bool (*each)(void *data, const factum_build_status *status);
} factum_build_each;

/* Calls |each| with the builds of |model|, or of all models if it is empty. A build whose file
 * cannot be read now is RETRYING, with the reason. Errors: NOT_FOUND (|model| does not exist),
 * NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_models_list(factum_models *models,
                                                            factum_slice model,
                                                            const factum_build_each *each,
                                                            factum_error *err);

/* Waits until the version of |model| that is in use has all events at or before |place| that it
 * wants, at most |timeout_ms| (-1: for ever, 0: not at all). Returns at once if it has them, or if
 * none of the missing events is for it. A host that was just opened, and has not read what is
 * deployed, is waited for as well. TIMEOUT: not yet; |status|, optional, then says how far behind
 * it is.
 * Errors: NOT_FOUND (|model| does not exist), and those of factum_read. */
FACTUM_API FACTUM_MUST_USE factum_status factum_models_wait(factum_models *models,
                                                            factum_slice model, uint64_t place,
                                                            int64_t timeout_ms,
                                                            factum_build_status *status,
                                                            factum_error *err);
/* As factum_models_wait, for each model of mode sync that wants one of the |count| events: the wait
 * of an append of these events. OK also if no model does. */
FACTUM_API FACTUM_MUST_USE factum_status factum_models_wait_sync(
    factum_models *models, const factum_new_event *events, size_t count, uint64_t place,
    int64_t timeout_ms, factum_build_status *status, factum_error *err);
/* True if a model of mode sync is in use, so that factum_models_wait_sync may have to wait. Costs
 * one atomic read. */
FACTUM_API bool factum_models_any_sync(const factum_models *models);
/* True if a model of mode sync wants one of these events. Does not wait. */
FACTUM_API bool factum_models_wants_sync(factum_models *models, const factum_new_event *events,
                                         size_t count);

/* ---- parked events --------------------------------------------------------------------------- */

typedef struct factum_parked {
    size_t size;
    factum_slice model;
    uint64_t version;
    factum_slice key;
    uint64_t position;
    factum_slice type;
    factum_slice reason; /* of the first of its key; empty for those that wait for the first */
    uint64_t attempts;
    int64_t next_attempt; /* when it is tried again automatically; 0: an operator has to act */
    int64_t since;
} factum_parked;

typedef struct factum_parked_each {
    void *data;
    bool (*each)(void *data, const factum_parked *parked);
} factum_parked_each;

/* Calls |each| with the parked events of |model| (empty: all) and |key| (empty: all), in the order
 * of their positions. Errors: those of factum_models_list. */
FACTUM_API FACTUM_MUST_USE factum_status factum_models_parked(factum_models *models,
                                                              factum_slice model, factum_slice key,
                                                              const factum_parked_each *each,
                                                              factum_error *err);
/* Waits until a host of this directory has carried out the act at |revision| of the definition's
 * stream, at most |timeout_ms| (-1: for ever, 0: not at all). The outcomes of the newest 10,000
 * acts are known. TIMEOUT: not yet, or the model does not exist; a swap waits until the new build
 * has caught up.
 * Errors: INVALID (the act could not be done: the text says why), IO, CORRUPT and NEWER_FORMAT (the
 * file). */
FACTUM_API FACTUM_MUST_USE factum_status factum_models_act_wait(factum_models *models,
                                                                factum_slice model,
                                                                uint64_t revision,
                                                                int64_t timeout_ms,
                                                                factum_error *err);

#ifdef __cplusplus
}
#endif
#endif
