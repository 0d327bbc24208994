/* apply_int.h - what applying batches and trying parked events again share. Private to the
 * appliers of this layer. */
#ifndef FCT_PROJECTION_APPLY_INT_H
#define FCT_PROJECTION_APPLY_INT_H

#include "projection/apply.h"

/* Reads what is parked, if a rollback has made the set another one than the tables say. */
FCT_MUST_USE factum_status fct_applier_know_parked(struct fct_applier *applier, factum_error *err);
/* Has an operator skipped the event at |position|? */
bool fct_applier_is_skipped(const struct fct_applier *applier, uint64_t position);
/* Rolls the transaction back. */
void fct_applier_forget(struct fct_applier *applier);
/* When an event that has failed |attempts| times since |since| is tried again: with full jitter, so
 * that what failed together is not tried again together. 0: not by itself. */
int64_t fct_next_attempt(struct fct_applier *applier, uint64_t attempts, int64_t since,
                         int64_t now);

#endif
