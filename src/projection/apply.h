/* apply.h - batches of events applied to a target, exactly once; what cannot be applied is parked.
 * Layer: projection. Knows targets by target.h alone, and no store: events come bound.
 *
 *     begin: the checkpoint moves from where it was to the end of the batch
 *         |--DENIED--> somebody else runs this build
 *     apply event by event under one savepoint
 *         |--INVALID at event i--> back to the savepoint, apply those before i again, park i,
 *         |                        a new savepoint, go on after i
 *         |--any other failure--> roll back: nothing of the batch counts, nothing is parked
 *     commit
 *
 * So an event is applied twice at most, however many of a batch are bad. Later events of a parked
 * key wait behind it, so that the key's order holds.
 *
 * The breaker. An event that fails while others are applied is bad. If FCT_BREAKER events fail in a
 * row and none is applied in between, the model or its definition is: then all that was parked
 * since the first of them is taken out again, the checkpoint goes back to before it, and the answer
 * is FAILED. Nothing else has changed in the tables since then, because none was applied.
 *
 * One thread at a time for each applier.
 */
#ifndef FCT_PROJECTION_APPLY_H
#define FCT_PROJECTION_APPLY_H

#include "projection/parked_set.h"
#include "projection/target.h"

#define FCT_BREAKER 16u

struct fct_apply_limits {
    uint32_t retries;     /* after the first attempt; then an operator has to act */
    int64_t retry_within; /* nanoseconds: no attempt by itself later than this after the first */
    uint64_t parked_keys_max;
    uint64_t parked_events_max; /* of one key */
};

/* Gives an event that is parked once more, bound, in |arena|. NOT_FOUND: it is not there any more.
 */
struct fct_parked_source {
    void *data;
    factum_status (*load)(void *data, uint64_t position, factum_arena *arena,
                          struct fct_bound_event *event, factum_error *err);
};

struct fct_applier {
    struct fct_target *target;
    struct fct_apply_limits limits;
    struct fct_checkpoint at; /* as it was committed last */
    struct fct_parked_set parked;
    bool parked_known; /* false: a transaction was rolled back, read it again */
    /* The failures in a row: how many, and the checkpoint before the first of them. */
    uint32_t failures;
    struct fct_checkpoint before_failures;
    uint64_t random;   /* for the jitter of attempts */
    uint64_t *skipped; /* positions that an operator has skipped, rising */
    size_t skipped_count;
    size_t skipped_capacity;
};

/* Takes the build over: its epoch rises, |applier| knows its checkpoint and what is parked.
 * |target| must last. As fct_target_ops.take_over. */
FCT_MUST_USE factum_status fct_applier_begin(struct fct_applier *applier, struct fct_target *target,
                                             const struct fct_apply_limits *limits,
                                             factum_error *err);
void fct_applier_finish(struct fct_applier *applier);

/* Applies |events|, which lie after the checkpoint in the order of their positions, and moves it to
 * |to|, whose event_count is ignored. |now|: the time of attempts. Failures, after which all is as
 * before: DENIED (fenced off: stop), FAILED (a broken model or definition: stop, or try again after
 * it was mended), TOO_BIG (a limit of parked events: stop), others as the target's. */
FCT_MUST_USE factum_status fct_apply_batch(struct fct_applier *applier,
                                           const struct fct_bound_event *events, size_t count,
                                           const struct fct_checkpoint *to, int64_t now,
                                           factum_error *err);

/* Tries the parked events of |key| again, or (NULL) of every key that is due at |now|, each key in
 * its order until one fails or it is empty. |forced|: those that are not due, too. *next, optional,
 * is when the next attempt is due; 0: none. Failures as fct_apply_batch. */
FCT_MUST_USE factum_status fct_apply_retry(struct fct_applier *applier, const factum_slice *key,
                                           bool forced, const struct fct_parked_source *source,
                                           int64_t now, int64_t *next, factum_error *err);
/* An operator skips the event at |position|: if it fails, now or later, it is left out and not
 * parked. NO_MEMORY. */
FCT_MUST_USE factum_status fct_applier_skip(struct fct_applier *applier, uint64_t position,
                                            factum_error *err);
/* The same for one that is parked, which is taken out; if it was the first of its key, the rest is
 * due. OK also if it is not parked. Failures as fct_apply_batch. */
FCT_MUST_USE factum_status fct_apply_skip(struct fct_applier *applier, uint64_t position,
                                          int64_t now, factum_error *err);

#endif
