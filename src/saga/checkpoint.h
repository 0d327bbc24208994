/* checkpoint.h - how far a host of sagas has come, as the newest event of a stream. Layer: saga.
 *
 * The stream "$checkpoint-sagas-HOST" has events "$Checkpoint" {"token": ...}; one stays visible
 * ($maxCount 1). It is for speed alone: what is taken twice is known by each saga. So nothing
 * depends on who wrote it last, or that it was written at all.
 */
#ifndef FCT_SAGA_CHECKPOINT_H
#define FCT_SAGA_CHECKPOINT_H

#include <factum/saga.h>

#include "core/compiler.h"

struct fct_saga_checkpoint {
    char stream[sizeof "$checkpoint-sagas-" + FACTUM_SAGA_NAME_MAX];
    bool present; /* there is one: |place| */
    bool bounded; /* its stream shows one event alone */
    uint64_t place;
    uint64_t passed; /* events since the last one that may have been inputs */
    int64_t kept_at;
};

/* Reads the newest one. One of another history of the store counts as none. As factum_read. */
FCT_MUST_USE factum_status fct_saga_checkpoint_load(struct fct_saga_checkpoint *checkpoint,
                                                    factum_store *store, factum_slice host,
                                                    factum_error *err);
/* |event| was fed. */
void fct_saga_checkpoint_passed(struct fct_saga_checkpoint *checkpoint, const factum_event *event);
/* Writes one if it is time, or at all if |now_or_never|. As factum_append; BUSY is no failure. */
FCT_MUST_USE factum_status fct_saga_checkpoint_keep(struct fct_saga_checkpoint *checkpoint,
                                                    factum_store *store, uint64_t place,
                                                    int64_t now, bool now_or_never,
                                                    factum_error *err);

#endif
