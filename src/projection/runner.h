/* runner.h - keeps one build up to date: follows the store on a thread of its own, binds events,
 * applies them in batches. Layer: projection. Knows targets by target.h alone.
 *
 *     open the target, take it over, look whether its checkpoint belongs to this store
 *          | yes
 *     follow the store from the checkpoint
 *          a batch is full, or nothing more is there --> apply it
 *          everything was given --> live; try again what is parked and due
 *          somebody wants something (runner_do, stop) --> between two batches
 *
 * What ends it: DENIED, somebody else has taken the build over: FENCED. A broken model, a limit, a
 * checkpoint of another history: STOPPED, with the reason. What may pass (a locked file, a full
 * disk, a server that does not answer) is tried again after a pause: RETRYING.
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

/* Opens the target of the build; it is closed by its ops->close. Called on the runner's thread, and
 * again after a failure that may pass. */
struct fct_target_opener {
    void *data;
    factum_status (*open)(void *data, const struct fct_definition *definition,
                          struct fct_target **target, factum_error *err);
    /* Tells the applier of a target that was just opened what an operator has skipped. */
    factum_status (*prepare)(void *data, struct fct_applier *applier, factum_error *err);
    void (*close)(void *data); /* after the target was closed, or could not be opened */
};

struct fct_runner_options {
    factum_store *store;
    const struct fct_definition *definition; /* must last as long as the runner */
    struct fct_target_opener opener;
    struct fct_apply_limits limits;
    uint32_t batch_events_max;
    uint64_t batch_size_max;
    uint32_t batch_wait_ms;     /* 0: what is there is applied at once */
    const factum_log_sink *log; /* or NULL; must last */
    /* Called without locks after each batch and change of state; optional. */
    void *notify_data;
    void (*notify)(void *data);
};

struct fct_runner_status {
    factum_build_state state;
    uint64_t place; /* everything that is wanted at or before it counts */
    struct fct_checkpoint checkpoint;
    struct fct_parked_counts parked;
    bool file_gone; /* STOPPED because another file, or none, is in its place now */
    char reason[256];
};

/* What is done on the runner's thread, between two batches, with its applier. Its status ends the
 * runner as that of a batch would, unless it is OK, INVALID or NOT_FOUND. */
struct fct_runner_work {
    void *data;
    factum_status (*run)(void *data, struct fct_applier *applier,
                         const struct fct_parked_source *source, int64_t now, factum_error *err);
};

/* Starts the runner. *runner is the caller's, for fct_runner_stop; NULL on failure. NO_MEMORY, IO
 * (no thread). */
FCT_MUST_USE factum_status fct_runner_start(const struct fct_runner_options *options,
                                            struct fct_runner **runner, factum_error *err);
/* Ends the batch under way, closes the target and frees it. Accepts NULL. */
void fct_runner_stop(struct fct_runner *runner);
/* Any thread. */
void fct_runner_status_get(struct fct_runner *runner, struct fct_runner_status *status);
/* Has the runner do |work| and waits until it has: its status. FAILED: the runner has stopped;
 * BUSY: the database or the store does not answer; nothing was done. Not from the runner's thread.
 * */
FCT_MUST_USE factum_status fct_runner_do(struct fct_runner *runner,
                                         const struct fct_runner_work *work, factum_error *err);

#endif
