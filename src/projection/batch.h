/* batch.h - events on their way to a target: bound, in memory that is kept. Layer: projection. */
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

/* |definition| must last. NO_MEMORY. On failure the batch is to be finished all the same. */
FCT_MUST_USE factum_status fct_batch_init(struct fct_batch *batch,
                                          const struct fct_definition *definition,
                                          uint32_t events_max, uint64_t size_max,
                                          factum_error *err);
/* Accepts a zeroed one. */
void fct_batch_finish(struct fct_batch *batch);
void fct_batch_reset(struct fct_batch *batch);
/* Binds |event|; not if it is full. TOO_BIG: there is no memory left for it in this batch: apply it
 * and add the event to the next one. An event that is too big for any batch is added with that as
 * its trouble. NO_MEMORY. */
FCT_MUST_USE factum_status fct_batch_add(struct fct_batch *batch, const factum_event *event,
                                         factum_error *err);
bool fct_batch_is_full(const struct fct_batch *batch);

#endif
