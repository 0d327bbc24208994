/* checkpoint.h - how far a host of sagas has read, as the newest event of a stream. Layer: saga.
 *
 * The stream "$checkpoint-sagas-HOST" has events "$Checkpoint" {"token": ...}, of which one stays
 * visible ($maxCount 1). A checkpoint only saves time: each saga recognises an event that it has
 * taken before. So nothing depends on who wrote the last one, or that any was written.
 */
#ifndef FCT_SAGA_CHECKPOINT_H
#define FCT_SAGA_CHECKPOINT_H

#include <factum/saga.h>

#include "core/compiler.h"

struct fct_saga_checkpoint {
    char stream[sizeof "$checkpoint-sagas-" + FACTUM_SAGA_NAME_MAX];
    bool present; /* |place| is set */
    bool bounded; /* its stream shows only one event */
    uint64_t place;
    uint64_t passed; /* events since the last checkpoint that may have been inputs */
    int64_t kept_at;
};

/* Reads the newest checkpoint. One from another history of the store is ignored. Errors: as
 * factum_read. */
FCT_MUST_USE factum_status fct_saga_checkpoint_load(struct fct_saga_checkpoint *checkpoint,
                                                    factum_store *store, factum_slice host,
                                                    factum_error *err);
/* |event| was fed. */
void fct_saga_checkpoint_passed(struct fct_saga_checkpoint *checkpoint, const factum_event *event);
/* Writes a checkpoint if it is time; |now_or_never|: if there is anything to write. BUSY is not a
 * failure. Errors: as factum_append. */
FCT_MUST_USE factum_status fct_saga_checkpoint_keep(struct fct_saga_checkpoint *checkpoint,
                                                    factum_store *store, uint64_t place,
                                                    int64_t now, bool now_or_never,
                                                    factum_error *err);

#endif
