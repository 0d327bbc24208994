/* as_of.h - a model as it was: replayed up to a moment into a file of its own, and kept for the
 * next question. Layer: projection.
 *
 * A moment of the recorded time is a position, that of the last event recorded by then, because
 * recorded time never falls from one position to the next. So a replay that has reached an earlier
 * position goes on from there. The writers' time rises and falls: a replay by it begins at the
 * start, and is used again only for the same moment while nothing was appended since.
 *
 * An event that fails is left out with the later events of its key, as in a live model. At the end
 * the parked keys are tried once more.
 *
 * Invariants of the cache, with the lock:
 *  1. A kept replay holds its build, which is of the same host.
 *  2. |last_used| is at most |as_of_count| of the host.
 *  3. A replay is in one place of the cache, or belongs to a query.
 *
 * Locks: the host's lock guards the cache. A replay that was taken out belongs to one query.
 */
#ifndef FCT_PROJECTION_AS_OF_H
#define FCT_PROJECTION_AS_OF_H

#include "projection/models_int.h"

#define FCT_AS_OF_LOCK "as-of.lock" /* in the directory of the models */
#define FCT_AS_OF_PREFIX "as-of-"   /* of a replay's directory, in that of the models */

struct fct_as_of {
    struct fct_hosted_build *build; /* held */
    char dir[FCT_PATH_SIZE];
    bool by_time;       /* the moment is one of the writers' time */
    int64_t time;       /* if |by_time| */
    uint64_t end;       /* the store's end at that time, if |by_time| */
    uint64_t position;  /* the replay has everything up to here */
    uint64_t last_used; /* the value of models->as_of_count */
    struct fct_checkpoint at;
};

/* A replay of |build| up to the moment of |query|; a moment before the first event gives an empty
 * model. *as_of is the caller's, for fct_as_of_release; NULL on failure. Errors: CANCELLED
 * (query->progress), EXPIRED (query->call); otherwise as factum_read and fct_model_file_open. */
FCT_MUST_USE factum_status fct_as_of_get(struct fct_hosted_build *build,
                                         const factum_model_query *query, struct fct_as_of **as_of,
                                         factum_error *err);
void fct_as_of_release(struct fct_as_of *as_of);
/* Deletes the replays that a killed host has left, unless another host of the directory runs: the
 * first host keeps a lock. Called when a host opens. Errors: IO. */
FCT_MUST_USE factum_status fct_as_of_sweep(struct factum_models *models, factum_error *err);
/* Frees all kept replays and deletes their files. Called when the host closes. */
void fct_as_of_clear(struct factum_models *models);

#endif
