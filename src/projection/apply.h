/* apply.h - applies batches of events to a target, exactly once, and parks events that cannot be
 * applied. Layer: projection. Knows targets by target.h alone, and no store: events come bound.
 *
 *     begin: the checkpoint moves from its old place to the end of the batch
 *         |--DENIED--> another runner owns this build
 *     apply event by event under one savepoint
 *         |--INVALID at event i--> back to the savepoint, apply those before i again, park i,
 *         |                        a new savepoint, go on after i
 *         |--any other failure--> roll back: nothing of the batch counts, nothing is parked
 *     commit
 *
 * So an event is applied at most twice, however many of a batch are bad. Later events of a parked
 * key wait for it, so that the order of the key is kept.
 *
 * The breaker. An event that fails while others are applied is bad. If FCT_BREAKER events fail in a
 * row and none is applied in between, the model or its definition is at fault. Then everything that
 * was parked since the first of them is removed, the checkpoint goes back to before that event, and
 * the answer is FAILED. The tables have not changed since then, because no event was applied.
 *
 * One thread at a time for each applier.
 */
#ifndef FCT_PROJECTION_APPLY_H
#define FCT_PROJECTION_APPLY_H

#include "projection/parked_set.h"
#include "projection/target.h"

#define FCT_BREAKER 16u

struct fct_apply_limits {
    uint32_t retries;     /* after the first attempt; then only an operator can try again */
    int64_t retry_within; /* nanoseconds after the first attempt; no automatic attempt is later */
    uint64_t parked_keys_max;
    uint64_t parked_events_max; /* of one key */
};

/* Reads a parked event from the store again and binds it, in |arena|. Errors: NOT_FOUND (the store
 * does not have it any more). */
struct fct_parked_source {
    void *data;
    factum_status (*load)(void *data, uint64_t position, factum_arena *arena,
                          struct fct_bound_event *event, factum_error *err);
};

struct fct_applier {
    struct fct_target *target;
    struct fct_apply_limits limits;
    struct fct_checkpoint at; /* the newest committed checkpoint */
    struct fct_parked_set parked;
    bool parked_known; /* false after a rollback: the set has to be read again */
    /* The failures in a row, and the checkpoint before the first of them. */
    uint32_t failures;
    struct fct_checkpoint before_failures;
    uint64_t random;   /* state of the jitter of attempts */
    uint64_t *skipped; /* positions that an operator has skipped, rising */
    size_t skipped_count;
    size_t skipped_capacity;
};

/* Takes the build over: its epoch rises, and |applier| reads its checkpoint and its parked keys.
 * |target| must outlive the applier. Errors: as fct_target_ops.take_over. */
FCT_MUST_USE factum_status fct_applier_begin(struct fct_applier *applier, struct fct_target *target,
                                             const struct fct_apply_limits *limits,
                                             factum_error *err);
void fct_applier_finish(struct fct_applier *applier);

/* Applies |events|, which come after the checkpoint in the order of their positions, and moves the
 * checkpoint to |to|, whose event_count is ignored. |now| is the time of the attempts. After a
 * failure everything is as before the call. Errors: DENIED (fenced off: stop), FAILED (the model or
 * its definition is broken: stop, or try again after it was repaired), TOO_BIG (a limit of parked
 * events: stop); otherwise as the target. */
FCT_MUST_USE factum_status fct_apply_batch(struct fct_applier *applier,
                                           const struct fct_bound_event *events, size_t count,
                                           const struct fct_checkpoint *to, int64_t now,
                                           factum_error *err);

/* Tries the parked events of |key| again, or (NULL) those of every key that is due at |now|. The
 * events of a key are tried in their order until one fails. |forced|: keys that are not due are
 * tried too. *next (optional) is when the next attempt is due; 0: none. Errors: as
 * fct_apply_batch. */
FCT_MUST_USE factum_status fct_apply_retry(struct fct_applier *applier, const factum_slice *key,
                                           bool forced, const struct fct_parked_source *source,
                                           int64_t now, int64_t *next, factum_error *err);
/* Records that an operator skips the event at |position|: if the event fails, now or later, it is
 * left out and not parked. Errors: NO_MEMORY. */
FCT_MUST_USE factum_status fct_applier_skip(struct fct_applier *applier, uint64_t position,
                                            factum_error *err);
/* fct_applier_skip for an event that may be parked: it is removed; if it was the first of its key,
 * the key is due. OK if the event is not parked. Errors: as fct_apply_batch. */
FCT_MUST_USE factum_status fct_apply_skip(struct fct_applier *applier, uint64_t position,
                                          int64_t now, factum_error *err);

#endif
