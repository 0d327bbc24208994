/* manager.h - runs sagas: routes events to instances, commits what follows, fires timers. Layer:
 * saga.
 *
 * The manager has no thread and no clock: its owner feeds it events in the order of the log, passes
 * the time, and returns appends that have ended. So a host can drive it by a thread (host.c), and
 * the simulator by a seed.
 *
 *     an event --> which sagas does it concern? --> a queue for each saga
 *     a queue  --> load the instance --> one step --> one append under way --> fold it --> next
 *     input
 *
 * Inputs of one saga are taken in the order of the log, one after another; those of different sagas
 * concurrently. An input is forgotten only when everything that follows from it is committed:
 * place() is before all other inputs.
 */
#ifndef FCT_SAGA_MANAGER_H
#define FCT_SAGA_MANAGER_H

#include <factum/async.h>
#include <factum/sagas.h>

#include "core/mem.h"
#include "saga/deployed.h"

struct fct_manager;

struct fct_manager_options {
    factum_store *store; /* instances and definitions are read from it */
    const struct fct_mem *mem;
    factum_slice host; /* the host whose sagas it runs; must last */
    uint32_t commits_max;
    uint32_t loaded_max;
    uint32_t timers_max;        /* timers that may fire in one second */
    const factum_log_sink *log; /* or NULL; must last */
    void *data;
    /* Starts the append; fct_manager_completed is called when it has ended, not from inside.
     * Errors: as factum_append_submit. */
    factum_status (*submit)(void *data, factum_append_op *op, factum_error *err);
};

/* Creates a manager and reads the deployed definitions. *manager is the caller's; NULL on
 * failure. */
FCT_MUST_USE factum_status fct_manager_create(const struct fct_manager_options *options,
                                              struct fct_manager **manager, factum_error *err);
/* Every submitted append must have been returned. Accepts NULL. */
void fct_manager_destroy(struct fct_manager *manager);

/* Adds a saga that has not ended, by the lists; one of another host is left out. |due|: time of its
 * next timer, or 0. Errors: NO_MEMORY. */
FCT_MUST_USE factum_status fct_manager_add_open(struct fct_manager *manager, factum_slice saga,
                                                factum_slice id, int64_t due, factum_error *err);

/* Replaces the lists: reads every stream of a saga in turn. Errors: as fct_manager_feed and
 * factum_list_open. */
FCT_MUST_USE factum_status fct_manager_scan(struct fct_manager *manager, int64_t now,
                                            factum_error *err);

/* Takes |event|, the next one of the log. An event that cannot be taken is counted and logged, and
 * is not a failure. Errors: BUSY (too many inputs wait; feed it again later). After any other
 * failure, of the store or NO_MEMORY, destroy the manager and create a new one. */
FCT_MUST_USE factum_status fct_manager_feed(struct fct_manager *manager, const factum_event *event,
                                            int64_t now, factum_error *err);
/* |op| has ended. Errors: as fct_manager_feed. */
FCT_MUST_USE factum_status fct_manager_completed(struct fct_manager *manager, factum_append_op *op,
                                                 int64_t now, factum_error *err);
/* Fires the timers that are due at |now|, and tries again after transient failures. */
FCT_MUST_USE factum_status fct_manager_tick(struct fct_manager *manager, int64_t now,
                                            factum_error *err);
/* When tick has work next; INT64_MAX: never. */
int64_t fct_manager_next(const struct fct_manager *manager);
/* All events at or before it were taken, with what follows from them committed; 0: before the
 * first. */
uint64_t fct_manager_place(const struct fct_manager *manager);
/* Everything at or before |place| has been fed, or left out by the owner's query. */
void fct_manager_fed(struct fct_manager *manager, uint64_t place);
/* Appends under way. */
uint32_t fct_manager_commits(const struct fct_manager *manager);
/* Adds the counts of |manager| to those of |info|, and sets place, open_count and loaded_count. */
void fct_manager_count(const struct fct_manager *manager, factum_sagas_info *info);
/* Where to read the log from without a checkpoint: before the first deployment. False: nothing is
 * deployed. */
bool fct_manager_first(const struct fct_manager *manager, uint64_t *position);

#endif
