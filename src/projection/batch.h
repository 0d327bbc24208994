/* batch.h - events bound for a target, in memory that is kept from batch to batch.
 * Layer: projection. One thread at a time.
 *
 * Invariants:
 *  1. |count| is at most |events_max|.
 *  2. What the events point to is in |arena|; both are emptied together.
 */
#ifndef FCT_PROJECTION_BATCH_H
#define FCT_PROJECTION_BATCH_H

#include "projection/bind.h"

struct fct_batch {
    struct fct_binder *binder;
    factum_arena arena; /* what the events point to */
    struct fct_bound_event *events;
    size_t count;
    size_t events_max;
    uint64_t size;
    uint64_t size_max;
};

/* |definition| must outlive the batch. Errors: NO_MEMORY; fct_batch_finish is needed all the same.
 */
FCT_MUST_USE factum_status fct_batch_init(struct fct_batch *batch,
                                          const struct fct_definition *definition,
                                          uint32_t events_max, uint64_t size_max,
                                          factum_error *err);
/* Accepts a zeroed batch. */
void fct_batch_finish(struct fct_batch *batch);
void fct_batch_reset(struct fct_batch *batch);
/* Binds |event| and adds it; the batch must not be full. An event that is too big for any batch is
 * added with that as its trouble. Errors: TOO_BIG (no memory left in this batch: apply it, reset
 * it, add the event again), NO_MEMORY. */
FCT_MUST_USE factum_status fct_batch_add(struct fct_batch *batch, const factum_event *event,
                                         factum_error *err);
bool fct_batch_is_full(const struct fct_batch *batch);

#endif
