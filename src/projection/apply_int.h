/* apply_int.h - what applying batches (apply.c) and trying parked events again (apply_retry.c)
 * share. Layer: projection. */
#ifndef FCT_PROJECTION_APPLY_INT_H
#define FCT_PROJECTION_APPLY_INT_H

#include "projection/apply.h"

/* Asserts the invariants at the head of apply.c that take no walk. */
void fct_applier_check(const struct fct_applier *applier);
/* Reads the parked keys from the target if a rollback has made the set differ from it. */
FCT_MUST_USE factum_status fct_applier_know_parked(struct fct_applier *applier, factum_error *err);
/* Has an operator skipped the event at |position|? */
bool fct_applier_is_skipped(const struct fct_applier *applier, uint64_t position);
/* Rolls the transaction back. */
void fct_applier_forget(struct fct_applier *applier);
/* When an event that has failed |attempts| times since |since| is tried again. Full jitter spreads
 * events that failed together. 0: no automatic attempt. */
int64_t fct_next_attempt(struct fct_applier *applier, uint64_t attempts, int64_t since,
                         int64_t now);

#endif
