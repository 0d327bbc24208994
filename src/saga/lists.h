/* lists.h - the sagas of a store as tables, a read model: which are open, which timers run. Layer:
 * saga.
 *
 * An ordinary projection, "saga_instances", over the streams of sagas, in the host's directory.
 * When the manager starts, it reads the open sagas from there, so that it need not read all
 * streams.
 */
#ifndef FCT_SAGA_LISTS_H
#define FCT_SAGA_LISTS_H

#include <factum/sagas.h>

#include "core/compiler.h"

#define FCT_LISTS_MODEL "saga_instances"
#define FCT_LISTS_HOST "sagas"

struct fct_saga_lists;

/* Deploys the projection, unless this version of it is deployed. Errors: as
 * factum_projection_deploy. */
FCT_MUST_USE factum_status fct_saga_lists_deploy(factum_store *store, const factum_call *call,
                                                 factum_error *err);
/* Opens and runs it. Errors: as factum_models_open. */
FCT_MUST_USE factum_status fct_saga_lists_open(factum_store *store, const char *path,
                                               const factum_log_sink *log,
                                               struct fct_saga_lists **lists, factum_error *err);
/* Accepts NULL. */
void fct_saga_lists_close(struct fct_saga_lists *lists);
/* Waits until it has everything at or before |place|; OK if nothing was ever deployed. Errors: as
 * factum_models_wait. */
FCT_MUST_USE factum_status fct_saga_lists_wait(struct fct_saga_lists *lists, uint64_t place,
                                               int64_t timeout_ms, factum_error *err);
/* Are the lists behind |place|, and will they stay so until an operator acts? Then *err says why,
 * and what to do. */
bool fct_saga_lists_have_stopped(struct fct_saga_lists *lists, uint64_t place, factum_error *err);

struct fct_open_each {
    void *data;
    /* |due|: time of its next timer, 0: none. Return false to stop. */
    bool (*each)(void *data, factum_slice saga, factum_slice id, int64_t due);
};
/* Calls |each| for every saga that has not ended; for one that never started only while it has a
 * timer. Errors: as factum_models_query. */
FCT_MUST_USE factum_status fct_saga_lists_open_sagas(struct fct_saga_lists *lists,
                                                     const struct fct_open_each *each,
                                                     factum_error *err);

FCT_MUST_USE factum_status fct_saga_lists_list(struct fct_saga_lists *lists,
                                               const factum_saga_filter *filter,
                                               const factum_saga_each *each, factum_error *err);
FCT_MUST_USE factum_status fct_saga_lists_timers(struct fct_saga_lists *lists,
                                                 const factum_saga_filter *filter,
                                                 const factum_saga_timer_each *each,
                                                 factum_error *err);

#endif
