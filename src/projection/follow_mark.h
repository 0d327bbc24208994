/* follow_mark.h - the checkpoint of a follower, as the newest event of its stream in the store.
 * Layer: projection. A user of the public API of the store. Not thread-safe.
 *
 * The stream "$checkpoint-NAME" has events of the type "$Checkpoint":
 *
 *     {"owner":"4f0c...","events":1042,"token":"f1-..."}
 *
 * |owner| is made by each follower for itself; |events| is how many the store had; |token| is
 * missing until there is a place to go on from. The stream's metadata shows the newest event alone
 * ($maxCount 1).
 *
 * Invariant: each write expects the revision that was read or written last. So of two followers
 * that read the same checkpoint one writes, and the other one is told WRONG_REVISION.
 */
#ifndef FCT_PROJECTION_FOLLOW_MARK_H
#define FCT_PROJECTION_FOLLOW_MARK_H

#include <factum/store.h>

#include "core/compiler.h"

#define FCT_MARK_PREFIX "$checkpoint-"
#define FCT_MARK_TYPE "$Checkpoint"
#define FCT_MARK_DATA_SIZE 192 /* of an event's data, with a zero byte */

struct fct_follow_mark {
    char token[FACTUM_TOKEN_SIZE]; /* "" if there is none */
    factum_uuid owner;             /* zero if there is none */
    uint64_t events;
    bool present; /* the stream exists, at |revision| */
    bool bounded; /* its metadata is as it should be */
    uint64_t revision;
};

/* Is it the stream of a checkpoint, or of its metadata? */
bool fct_follow_mark_stream(factum_slice stream);

/* The data of an event for |mark|, whose token is "" or one that a store has made. */
factum_slice fct_follow_mark_format(const struct fct_follow_mark *mark,
                                    char data[FCT_MARK_DATA_SIZE]);
/* Reads such an event into |mark|, which was zeros. CORRUPT: it is none. */
FCT_MUST_USE factum_status fct_follow_mark_parse(const factum_event *event,
                                                 struct fct_follow_mark *mark, factum_error *err);
/* Reads the checkpoint in |stream|; without one *mark is zeros. CORRUPT: the newest event is no
 * checkpoint. STREAM_DELETED; otherwise as factum_read. */
FCT_MUST_USE factum_status fct_follow_mark_load(factum_store *store, factum_slice stream,
                                                const factum_call *call,
                                                struct fct_follow_mark *mark, factum_error *err);
/* Writes |next|, of which |owner|, |events| and |token| count, after *mark, which then becomes what
 * was written. WRONG_REVISION: somebody else has written since. Otherwise as factum_append. */
FCT_MUST_USE factum_status fct_follow_mark_save(factum_store *store, factum_slice stream,
                                                const factum_call *call,
                                                struct fct_follow_mark *mark,
                                                const struct fct_follow_mark *next,
                                                factum_error *err);

#endif
