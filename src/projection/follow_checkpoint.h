/* follow_checkpoint.h - the checkpoint of a follower, as the newest event of its stream in the
 * store. Layer: projection. A user of the public API of the store. Not thread-safe.
 *
 * The stream "$checkpoint-NAME" has events of the type "$Checkpoint":
 *
 *     {"owner":"4f0c...","events":1042,"token":"f1-..."}
 *
 * Each follower creates its own |owner|; |events| is the number of events in the store; |token| is
 * missing until a place was reached. The stream's metadata shows only the newest event ($maxCount
 * 1).
 *
 * Invariant: each write expects the revision that was read or written last. So of two followers
 * that read the same checkpoint one writes, and the other one gets WRONG_REVISION.
 */
#ifndef FCT_PROJECTION_FOLLOW_CHECKPOINT_H
#define FCT_PROJECTION_FOLLOW_CHECKPOINT_H

#include <factum/store.h>

#include "core/compiler.h"

#define FCT_FOLLOW_CHECKPOINT_PREFIX "$checkpoint-"
#define FCT_FOLLOW_CHECKPOINT_TYPE "$Checkpoint"
#define FCT_FOLLOW_CHECKPOINT_SIZE 192 /* of an event's data, with a zero byte */

struct fct_follow_checkpoint {
    char token[FACTUM_TOKEN_SIZE]; /* "": none */
    factum_uuid owner;             /* zero: none */
    uint64_t events;
    bool present; /* the stream exists, at |revision| */
    bool bounded; /* its metadata is the right one */
    uint64_t revision;
};

/* Is |stream| that of a checkpoint, or its metadata? */
bool fct_follow_checkpoint_stream(factum_slice stream);

/* The data of an event for |saved|, whose token is "" or created by a store. */
factum_slice fct_follow_checkpoint_format(const struct fct_follow_checkpoint *saved,
                                          char data[FCT_FOLLOW_CHECKPOINT_SIZE]);
/* Parses |event| into the zeroed |saved|. Errors: CORRUPT (not a checkpoint). */
FCT_MUST_USE factum_status fct_follow_checkpoint_parse(const factum_event *event,
                                                       struct fct_follow_checkpoint *saved,
                                                       factum_error *err);
/* Reads the checkpoint in |stream|; without one *saved is zeros. Errors: CORRUPT (the newest event
 * is not a checkpoint), STREAM_DELETED; otherwise as factum_read. */
FCT_MUST_USE factum_status fct_follow_checkpoint_load(factum_store *store, factum_slice stream,
                                                      const factum_call *call,
                                                      struct fct_follow_checkpoint *saved,
                                                      factum_error *err);
/* Writes |owner|, |events| and |token| of |next| after *saved, which becomes what was written.
 * Errors: WRONG_REVISION (another follower has written since); otherwise as factum_append. */
FCT_MUST_USE factum_status fct_follow_checkpoint_save(factum_store *store, factum_slice stream,
                                                      const factum_call *call,
                                                      struct fct_follow_checkpoint *saved,
                                                      const struct fct_follow_checkpoint *next,
                                                      factum_error *err);

#endif
