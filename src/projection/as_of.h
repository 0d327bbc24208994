/* as_of.h - a model as it was: replayed up to a moment into a file of its own, and kept for the
 * next question. Layer: projection.
 *
 * A moment of the recorded time is a position: the last event recorded by then, because recorded
 * time never falls from one position to the next. So a replay that has come to an earlier position
 * goes on from there. The writers' time rises and falls: a replay by it begins at the start, and
 * is used again for the same moment only, while nothing was appended since.
 *
 * An event that fails is left out for its key, as in a live model; at the end the keys that wait
 * are tried once more.
 *
 * Locks: the cache is guarded by the host's lock; a replay belongs to one query at a time.
 */
#ifndef FCT_PROJECTION_AS_OF_H
#define FCT_PROJECTION_AS_OF_H

#include "projection/models_int.h"

#define FCT_AS_OF_LOCK "as-of.lock" /* in the directory of the models */
#define FCT_AS_OF_PREFIX "as-of-"   /* of the directories, in that of the models */

struct fct_as_of {
    struct fct_hosted_build *build; /* held */
    char dir[FCT_PATH_SIZE];
    bool by_time;       /* of the writers */
    int64_t time;       /* if |by_time| */
    uint64_t end;       /* the store's end then, if |by_time| */
    uint64_t position;  /* what it is replayed up to */
    uint64_t last_used; /* a count of questions */
    struct fct_checkpoint at;
};

/* A replay of |build| as |query| asks, for fct_as_of_release; NULL on failure. CANCELLED: by
 * query->progress. EXPIRED: query->call. NOT_FOUND: nothing was recorded by then. Otherwise as
 * factum_read and fct_model_file_open. */
FCT_MUST_USE factum_status fct_as_of_get(struct fct_hosted_build *build,
                                         const factum_model_query *query, struct fct_as_of **as_of,
                                         factum_error *err);
void fct_as_of_release(struct fct_as_of *as_of);
/* Deletes what a host that was killed has left, unless another host of the directory lives: the
 * first one holds a lock. When a host opens. IO. */
FCT_MUST_USE factum_status fct_as_of_sweep(struct factum_models *models, factum_error *err);
/* Frees all that are kept, and their files. When the host closes. */
void fct_as_of_clear(struct factum_models *models);

#endif
