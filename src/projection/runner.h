/* runner.h - keeps one build up to date: a thread that follows the store, binds events, and applies
 * them in batches. Layer: projection. Knows targets by target.h alone.
 *
 *     open the target, take it over, check that its checkpoint belongs to this store
 *          |
 *     follow the store from the checkpoint
 *          a batch is full, or no event is left --> apply it
 *          every event was read --> live; try parked events that are due
 *          another thread wants something (fct_runner_do, fct_runner_stop) --> between two batches
 *
 * The ends. DENIED: another runner has taken the build over: FENCED. A broken model, a limit, a
 * checkpoint of another history: STOPPED, with the reason. A failure that may pass (a locked file,
 * a full disk, a server that does not answer): RETRYING, and again after a pause.
 *
 * Locks. |lock| guards the status and the mailbox; it is never held while the target or the store
 * is called.
 */
#ifndef FCT_PROJECTION_RUNNER_H
#define FCT_PROJECTION_RUNNER_H

#include <factum/models.h>

#include "projection/apply.h"
#include "projection/definition.h"

struct fct_runner;

/* Opens the target of the build; its ops->close closes it. Called on the runner's thread, and again
 * after a failure that may pass. */
struct fct_target_opener {
    void *data;
    factum_status (*open)(void *data, const struct fct_definition *definition,
                          struct fct_target **target, factum_error *err);
    /* Gives the applier of a new target the positions that an operator has skipped. */
    factum_status (*prepare)(void *data, struct fct_applier *applier, factum_error *err);
    void (*close)(void *data); /* called after the target was closed, or could not be opened */
};

struct fct_runner_options {
    factum_store *store;
    const struct fct_definition *definition; /* must outlive the runner */
    struct fct_target_opener opener;
    struct fct_apply_limits limits;
    uint32_t batch_events_max;
    uint64_t batch_size_max;
    uint32_t batch_wait_ms;     /* 0: events are applied at once */
    const factum_log_sink *log; /* or NULL; must outlive the runner */
    /* Called without locks after each batch and change of state; optional. */
    void *notify_data;
    void (*notify)(void *data);
};

struct fct_runner_status {
    factum_build_state state;
    uint64_t place; /* every wanted event at or before it is applied or parked */
    struct fct_checkpoint checkpoint;
    struct fct_parked_counts parked;
    bool file_gone; /* STOPPED because the file was deleted or replaced */
    char reason[256];
};

/* Work for the runner's thread, done between two batches with its applier. A status other than OK,
 * INVALID and NOT_FOUND ends the runner as that of a batch does. */
struct fct_runner_work {
    void *data;
    factum_status (*run)(void *data, struct fct_applier *applier,
                         const struct fct_parked_source *source, int64_t now, factum_error *err);
};

/* Starts the runner. *runner is the caller's, for fct_runner_stop; NULL on failure. Errors:
 * NO_MEMORY, IO (no thread). */
FCT_MUST_USE factum_status fct_runner_start(const struct fct_runner_options *options,
                                            struct fct_runner **runner, factum_error *err);
/* Ends after the current batch, closes the target and frees the runner. Accepts NULL. */
void fct_runner_stop(struct fct_runner *runner);
/* Any thread. */
void fct_runner_status_get(struct fct_runner *runner, struct fct_runner_status *status);
/* Lets the runner do |work| and waits for it; returns the status of the work. Any thread but the
 * runner's. Errors: FAILED (the runner has stopped), BUSY (the database or the store does not
 * answer; the work was not done); otherwise as |work|. */
FCT_MUST_USE factum_status fct_runner_do(struct fct_runner *runner,
                                         const struct fct_runner_work *work, factum_error *err);

#endif
