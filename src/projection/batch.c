/* batch.c - see batch.h. Layer: projection. */
#include "projection/batch.h"

#include <string.h>

#include "core/arena.h"
#include "core/check.h"
#include "core/error.h"
#include "core/mem.h"

/* One event with 16 MiB of data, its decoded values and its rows, besides a full batch. */
#define BATCH_ARENA_MAX ((size_t)256 << 20)

factum_status fct_batch_init(struct fct_batch *batch, const struct fct_definition *definition,
                             uint32_t events_max, uint64_t size_max, factum_error *err)
{
    memset(batch, 0, sizeof *batch);
    fct_arena_init(&batch->arena, fct_mem_heap(), BATCH_ARENA_MAX);
    batch->events_max = events_max;
    batch->size_max = size_max;
    batch->events = fct_mem_zalloc(fct_mem_heap(), events_max, sizeof *batch->events);
    if (batch->events == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "projection: out of memory for a batch");
    }
    return fct_binder_create(definition, &batch->binder, err);
}

void fct_batch_finish(struct fct_batch *batch)
{
    if (batch->events == NULL) {
        return;
    }
    fct_binder_free(batch->binder);
    factum_arena_finish(&batch->arena);
    fct_mem_free(fct_mem_heap(), batch->events);
    batch->events = NULL;
}

void fct_batch_reset(struct fct_batch *batch)
{
    batch->count = 0;
    batch->size = 0;
    factum_arena_reset(&batch->arena);
}

/* Adds an event whose rows do not fit into the memory of a whole batch: its trouble says so. */
static factum_status bind_as_trouble(struct fct_batch *batch, const factum_event *event,
                                     struct fct_bound_event *bound, factum_error *err)
{
    const factum_slice why = factum_arena_copy(&batch->arena, factum_slice_from(err->text));
    char *trouble = factum_arena_alloc(&batch->arena, why.len + 1);
    *bound = (struct fct_bound_event){
        .position = event->position,
        .created = event->created,
        .size = event->data.len + event->metadata.len,
        .key = factum_arena_copy(&batch->arena, event->stream),
        .type = factum_arena_copy(&batch->arena, event->type),
        .trouble = trouble,
    };
    if (trouble == NULL) {
        return fct_arena_status(&batch->arena, "projection: an event", err);
    }
    memcpy(trouble, why.ptr, why.len);
    trouble[why.len] = '\0';
    return FACTUM_OK;
}

factum_status fct_batch_add(struct fct_batch *batch, const factum_event *event, factum_error *err)
{
    FCT_ASSERT(batch->count < batch->events_max);
    FCT_ASSERT(!fct_batch_is_full(batch));
    struct fct_bound_event *bound = &batch->events[batch->count];
    factum_status status = fct_bind(batch->binder, event, &batch->arena, bound, err);
    /* The batch is empty, so the event itself is too big. */
    if (status == FACTUM_TOO_BIG && batch->count == 0) {
        factum_arena_reset(&batch->arena);
        status = bind_as_trouble(batch, event, bound, err);
    }
    if (status == FACTUM_OK) {
        batch->count++;
        batch->size += bound->size;
    }
    return status;
}

bool fct_batch_is_full(const struct fct_batch *batch)
{
    return batch->count >= batch->events_max || batch->size >= batch->size_max;
}
