/* apply.c - a batch in a transaction, its bad events parked. Layer: projection. See apply.h.
 *
 * Invariants of an applier, between two calls:
 *  1. |at| is the checkpoint that the target has committed.
 *  2. Without |parked_known| the set is not used until it is read again.
 *  3. |failures| is below FCT_BREAKER. If it is not 0, |before_failures| is not after |at|.
 *  4. |skipped| rises strictly.
 */
#include "projection/apply_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/arena.h"
#include "core/check.h"
#include "core/error.h"
#include "core/mem.h"

#define PARKED_PAGE 256u
#define PARKED_ARENA_MAX ((size_t)16 << 20)

/* The batch that is being applied. */
struct batch {
    struct fct_applier *applier;
    const struct fct_bound_event *events;
    size_t count;
    int64_t now;
    uint64_t applied;
    uint32_t failures; /* failures in a row, counted across batches */
    bool run_began_here;
    struct fct_checkpoint before_failures; /* valid if |run_began_here| */
    factum_error *err;
};

void fct_applier_check(const struct fct_applier *applier)
{
    const size_t count = applier->skipped_count;
    FCT_ASSERT(applier->target != NULL);
    FCT_ASSERT(applier->failures < FCT_BREAKER);
    FCT_ASSERT(applier->failures == 0 || applier->before_failures.position <= applier->at.position);
    FCT_ASSERT(count <= applier->skipped_capacity);
    FCT_ASSERT(count < 2 || applier->skipped[count - 2] < applier->skipped[count - 1]);
}

/* ---- what is parked -------------------------------------------------------------------------- */

static factum_status no_memory_for_parked(factum_error *err)
{
    return fct_fail(err, FACTUM_NO_MEMORY, "projection: out of memory for parked keys");
}

static factum_status read_parked_page(struct fct_applier *applier, uint64_t *after,
                                      factum_arena *arena, size_t *count, factum_error *err)
{
    struct fct_parked_row *rows = NULL;
    factum_status status = applier->target->ops->parked_read(applier->target, NULL, *after,
                                                             PARKED_PAGE, arena, &rows, count, err);
    for (size_t i = 0; status == FACTUM_OK && i < *count; i++) {
        *after = rows[i].position;
        if (fct_parked_set_add(&applier->parked, rows[i].key, rows[i].next_attempt) != FACTUM_OK) {
            status = no_memory_for_parked(err);
        }
    }
    return status;
}

factum_status fct_applier_know_parked(struct fct_applier *applier, factum_error *err)
{
    uint64_t after = 0;
    size_t count = PARKED_PAGE;
    factum_arena arena;
    factum_status status = FACTUM_OK;
    if (applier->parked_known) {
        return FACTUM_OK;
    }
    fct_parked_set_clear(&applier->parked);
    fct_arena_init(&arena, fct_mem_heap(), PARKED_ARENA_MAX);
    while (status == FACTUM_OK && count == PARKED_PAGE) {
        factum_arena_reset(&arena);
        status = read_parked_page(applier, &after, &arena, &count, err);
    }
    factum_arena_finish(&arena);
    applier->parked_known = status == FACTUM_OK;
    return status;
}

static factum_status check_limits(const struct fct_applier *applier, factum_slice key,
                                  factum_error *err)
{
    const struct fct_parked_key *found = fct_parked_set_find(&applier->parked, key);
    if (found == NULL && applier->parked.count >= applier->limits.parked_keys_max) {
        const bool one = applier->parked.count == 1;
        return fct_fail(err, FACTUM_TOO_BIG,
                        "%" PRIu64 " key%s parked events, and no more may: look at %s with factum "
                        "parked list",
                        (uint64_t)applier->parked.count, one ? " has" : "s have",
                        one ? "it" : "them");
    }
    if (found != NULL && found->event_count >= applier->limits.parked_events_max) {
        const bool one = found->event_count == 1;
        return fct_fail(err, FACTUM_TOO_BIG,
                        "%" PRIu64 " event%s of the key %.*s %s parked, and no more may be: look "
                        "at %s with factum parked list",
                        found->event_count, one ? "" : "s", FCT_FMT(key), one ? "is" : "are",
                        one ? "it" : "them");
    }
    return FACTUM_OK;
}

/* An empty |reason|: the event waits for an earlier event of its key. */
static factum_status park_event(struct batch *batch, const struct fct_bound_event *event,
                                factum_slice reason)
{
    struct fct_applier *applier = batch->applier;
    const struct fct_parked_row row = {
        .key = event->key,
        .position = event->position,
        .type = event->type,
        .reason = reason,
        .attempts = reason.len > 0 ? 1 : 0,
        .next_attempt = reason.len > 0 ? fct_next_attempt(applier, 1, batch->now, batch->now) : 0,
        .since = batch->now,
    };
    factum_status status = check_limits(applier, event->key, batch->err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = applier->target->ops->park(applier->target, &row, batch->err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (fct_parked_set_add(&applier->parked, event->key, row.next_attempt) != FACTUM_OK) {
        status = no_memory_for_parked(batch->err);
    }
    return status;
}

/* ---- events ---------------------------------------------------------------------------------- */

static bool has_rows(const struct fct_bound_event *event)
{
    for (size_t i = 0; i < event->bound_count; i++) {
        if (event->bound[i].row_count > 0) {
            return true;
        }
    }
    return false;
}

static factum_status run_event(struct batch *batch, const struct fct_bound_event *event)
{
    struct fct_target *target = batch->applier->target;
    if (event->trouble != NULL) {
        return fct_fail(batch->err, FACTUM_INVALID, "%s", event->trouble);
    }
    return target->ops->apply(target, event, batch->err);
}

/* Applies events [from, to) until one fails; *stopped is its index. Leaves out events of parked
 * keys: settle parks them once the other events cannot be taken back any more. */
static factum_status run_events(struct batch *batch, size_t from, size_t to, size_t *stopped)
{
    factum_status status = FACTUM_OK;
    size_t i = from;
    for (; i < to && status == FACTUM_OK; i++) {
        const struct fct_bound_event *event = &batch->events[i];
        if (fct_parked_set_find(&batch->applier->parked, event->key) == NULL) {
            status = run_event(batch, event);
        }
    }
    *stopped = status == FACTUM_OK ? i : i - 1;
    return status;
}

/* Counts the applied events of [from, to), and parks those whose keys are parked already. */
static factum_status settle(struct batch *batch, size_t from, size_t to)
{
    factum_status status = FACTUM_OK;
    for (size_t i = from; i < to && status == FACTUM_OK; i++) {
        const struct fct_bound_event *event = &batch->events[i];
        if (fct_parked_set_find(&batch->applier->parked, event->key) != NULL) {
            status = park_event(batch, event, (factum_slice){NULL, 0});
            continue;
        }
        batch->applied++;
        if (has_rows(event)) {
            batch->failures = 0;
            batch->run_began_here = false;
        }
    }
    return status;
}

/* Fails because the model is at fault, not its events. */
static factum_status breaker(const struct batch *batch)
{
    factum_error why = *batch->err;
    return fct_fail(batch->err, FACTUM_FAILED,
                    "%u events in a row could not be applied, so the model or its definition is "
                    "at fault and none is parked: %s",
                    batch->failures, why.text);
}

bool fct_applier_is_skipped(const struct fct_applier *applier, uint64_t position)
{
    size_t low = 0;
    size_t high = applier->skipped_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (applier->skipped[middle] < position) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < applier->skipped_count && applier->skipped[low] == position;
}

/* The checkpoint as if the batch had ended before event |at|. */
static struct fct_checkpoint before_event(const struct batch *batch, size_t at)
{
    struct fct_checkpoint before = batch->applier->at;
    if (at > 0) {
        before.position = batch->events[at - 1].position;
        before.created = batch->events[at - 1].created;
        before.event_count += batch->applied;
    }
    return before;
}

/* Parks event |at|, which has failed with batch->err. */
static factum_status park_failed(struct batch *batch, size_t at)
{
    const struct fct_bound_event *event = &batch->events[at];
    if (fct_applier_is_skipped(batch->applier, event->position)) {
        return FACTUM_OK;
    }
    if (batch->failures == 0) {
        batch->run_began_here = true;
        batch->before_failures = before_event(batch, at);
    }
    batch->failures++;
    if (batch->failures >= FCT_BREAKER) {
        return breaker(batch);
    }
    factum_error why = *batch->err;
    const char *text = why.text[0] != '\0' ? why.text : "no reason was given";
    return park_event(batch, event, factum_slice_from(text));
}

/* One savepoint: events from |from| up to the end of the batch or the first that fails. *next is
 * the event to go on with. */
static factum_status run_segment(struct batch *batch, size_t from, size_t *next)
{
    const struct fct_target_ops *ops = batch->applier->target->ops;
    struct fct_target *target = batch->applier->target;
    size_t stopped = from;
    size_t again = from;
    factum_status status = ops->save(target, 0, batch->err);
    if (status == FACTUM_OK) {
        status = run_events(batch, from, batch->count, &stopped);
    }
    bool bad = status == FACTUM_INVALID;
    const factum_error why = *batch->err;
    if (bad) {
        status = ops->back_to(target, 0, batch->err);
    }
    if (bad && status == FACTUM_OK) {
        status = run_events(batch, from, stopped, &again);
        if (status == FACTUM_INVALID) {
            return fct_wrap(batch->err, FACTUM_FAILED,
                            "the same events gave another result when they were applied again");
        }
    }
    if (status == FACTUM_OK) {
        status = ops->release(target, 0, batch->err);
    }
    if (status == FACTUM_OK) {
        status = settle(batch, from, stopped);
    }
    *next = stopped;
    if (status == FACTUM_OK && bad) {
        *batch->err = why;
        status = park_failed(batch, stopped);
        *next = stopped + 1;
    }
    return status;
}

/* ---- batches --------------------------------------------------------------------------------- */

void fct_applier_forget(struct fct_applier *applier)
{
    applier->target->ops->rollback(applier->target);
    applier->parked_known = false;
}

/* Removes what earlier batches have parked since the first failure in a row. */
static factum_status undo_run(struct fct_applier *applier, factum_error *err)
{
    const struct fct_target_ops *ops = applier->target->ops;
    struct fct_checkpoint to = applier->before_failures;
    factum_status status = ops->begin(applier->target, &applier->at, &to, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = ops->unpark_after(applier->target, to.position, err);
    if (status == FACTUM_OK) {
        status = ops->commit(applier->target, err);
    }
    if (status != FACTUM_OK) {
        ops->rollback(applier->target);
        return status;
    }
    to.epoch = applier->at.epoch;
    applier->at = to;
    return FACTUM_OK;
}

static factum_status abandon(struct batch *batch, factum_status status)
{
    struct fct_applier *applier = batch->applier;
    bool broken = batch->failures >= FCT_BREAKER;
    fct_applier_forget(applier);
    if (!broken) {
        return status;
    }
    factum_error undoing = {.status = FACTUM_OK};
    if (!batch->run_began_here && applier->failures > 0) {
        factum_status undone = undo_run(applier, &undoing);
        if (undone != FACTUM_OK) {
            return fct_fail(batch->err, undone, "%s", undoing.text);
        }
    }
    applier->failures = 0;
    return status;
}

static factum_status finish_batch(struct batch *batch, struct fct_checkpoint *to)
{
    struct fct_applier *applier = batch->applier;
    const struct fct_target_ops *ops = applier->target->ops;
    factum_status status = FACTUM_OK;
    uint64_t total = applier->at.event_count + batch->applied;
    if (total != to->event_count) {
        to->event_count = total;
        status = ops->set_checkpoint(applier->target, to, batch->err);
    }
    if (status == FACTUM_OK) {
        status = ops->commit(applier->target, batch->err);
    }
    if (status != FACTUM_OK) {
        fct_applier_forget(applier);
        return status;
    }
    if (batch->failures > 0 && batch->run_began_here) {
        applier->before_failures = batch->before_failures;
    }
    applier->failures = batch->failures;
    applier->at = *to;
    return FACTUM_OK;
}

factum_status fct_apply_batch(struct fct_applier *applier, const struct fct_bound_event *events,
                              size_t count, const struct fct_checkpoint *to, int64_t now,
                              factum_error *err)
{
    struct fct_checkpoint end = *to;
    struct batch batch = {
        .applier = applier,
        .events = events,
        .count = count,
        .now = now,
        .failures = applier->failures,
        .err = err,
    };
    fct_applier_check(applier);
    FCT_ASSERT(to->position >= applier->at.position);
    end.epoch = applier->at.epoch;
    end.event_count = applier->at.event_count + count;
    factum_status status = fct_applier_know_parked(applier, batch.err);
    if (status == FACTUM_OK) {
        status = applier->target->ops->begin(applier->target, &applier->at, &end, batch.err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    for (size_t at = 0; status == FACTUM_OK && at < count;) {
        status = run_segment(&batch, at, &at);
    }
    status = status == FACTUM_OK ? finish_batch(&batch, &end) : abandon(&batch, status);
    fct_applier_check(applier);
    return status;
}

/* ---- appliers -------------------------------------------------------------------------------- */

void fct_applier_finish(struct fct_applier *applier)
{
    fct_parked_set_clear(&applier->parked);
    fct_mem_free(fct_mem_heap(), applier->skipped);
    applier->skipped = NULL;
}

factum_status fct_applier_begin(struct fct_applier *applier, struct fct_target *target,
                                const struct fct_apply_limits *limits, factum_error *err)
{
    memset(applier, 0, sizeof *applier);
    applier->target = target;
    applier->limits = *limits;
    fct_parked_set_init(&applier->parked, fct_mem_heap());
    factum_status status = target->ops->take_over(target, &applier->at, err);
    if (status == FACTUM_OK) {
        applier->random = applier->at.epoch;
        status = fct_applier_know_parked(applier, err);
    }
    if (status != FACTUM_OK) {
        fct_applier_finish(applier);
    }
    return status;
}
