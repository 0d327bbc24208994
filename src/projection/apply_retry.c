/* apply_retry.c - parked events, tried again or left out. Layer: projection. See apply.h.
 *
 * A key is one transaction. Its events are applied in their order, each under a savepoint, until
 * one fails. The checkpoint is compared but not moved, so that a runner that was fenced off writes
 * nothing.
 */
#include <string.h>

#include "core/arena.h"
#include "core/check.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/mem.h"
#include "projection/apply_int.h"

#define RETRY_PAGE 64u
#define RETRY_ARENA_MAX ((size_t)256 << 20) /* as of a batch */
#define ATTEMPT_FIRST INT64_C(500000000) /* nanoseconds: the longest wait after the first failure */
#define ATTEMPT_LAST INT64_C(30000000000) /* it doubles with each failure up to this */

int64_t fct_next_attempt(struct fct_applier *applier, uint64_t attempts, int64_t since, int64_t now)
{
    int64_t most = ATTEMPT_FIRST;
    if (attempts > applier->limits.retries) {
        return 0;
    }
    for (uint64_t i = 1; i < attempts && most < ATTEMPT_LAST; i++) {
        most *= 2;
    }
    most = most < ATTEMPT_LAST ? most : ATTEMPT_LAST;
    const uint64_t seed[2] = {applier->random, (uint64_t)now};
    applier->random =
        fct_hash64((factum_slice){(const uint8_t *)seed, sizeof seed}, applier->random);
    int64_t next = now + 1 + (int64_t)(applier->random % (uint64_t)most);
    return next - since <= applier->limits.retry_within ? next : 0;
}

/* ---- one event ------------------------------------------------------------------------------- */

/* Applies the event: *applied. Otherwise everything is as before, and |*err| has the reason. */
static factum_status try_event(struct fct_applier *applier, const struct fct_parked_source *source,
                               uint64_t position, factum_arena *arena, bool *applied,
                               factum_error *err)
{
    const struct fct_target_ops *ops = applier->target->ops;
    struct fct_bound_event event;
    *applied = false;
    factum_status status = source->load(source->data, position, arena, &event, err);
    if (status == FACTUM_NOT_FOUND) { /* the store does not have the event any more */
        return FACTUM_OK;
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (event.trouble != NULL) {
        (void)fct_fail(err, FACTUM_INVALID, "%s", event.trouble);
        return FACTUM_OK;
    }
    status = ops->save(applier->target, 0, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = ops->apply(applier->target, &event, err);
    if (status == FACTUM_OK) {
        *applied = true;
        return ops->release(applier->target, 0, err);
    }
    if (status != FACTUM_INVALID) {
        return status;
    }
    const factum_error why = *err;
    status = ops->back_to(applier->target, 0, err);
    if (status == FACTUM_OK) {
        status = ops->release(applier->target, 0, err);
    }
    if (status == FACTUM_OK) {
        *err = why;
    }
    return status;
}

/* Writes the row again after another failed attempt. */
static factum_status put_back(struct fct_applier *applier, const struct fct_parked_row *row,
                              int64_t now, factum_error *err)
{
    const factum_error why = *err;
    struct fct_parked_row again = *row;
    again.reason = factum_slice_from(why.text[0] != '\0' ? why.text : "no reason was given");
    again.attempts = row->attempts + 1;
    again.next_attempt = fct_next_attempt(applier, again.attempts, row->since, now);
    struct fct_parked_key *key = fct_parked_set_find(&applier->parked, row->key);
    if (key != NULL) {
        key->next_attempt = again.next_attempt;
    }
    factum_status status = applier->target->ops->unpark(applier->target, row->position, err);
    return status == FACTUM_OK ? applier->target->ops->park(applier->target, &again, err) : status;
}

/* ---- one key --------------------------------------------------------------------------------- */

struct key_run {
    struct fct_applier *applier;
    const struct fct_parked_source *source;
    int64_t now;
    uint64_t after;
    uint64_t applied;
    bool stopped; /* an event has failed again, or none is left */
};

static factum_status drain_page(struct key_run *run, const factum_slice *key, factum_arena *arena,
                                factum_error *err)
{
    struct fct_applier *applier = run->applier;
    struct fct_parked_row *rows = NULL;
    size_t count = 0;
    factum_status status = applier->target->ops->parked_read(applier->target, key, run->after,
                                                             RETRY_PAGE, arena, &rows, &count, err);
    run->stopped = count < RETRY_PAGE;
    for (size_t i = 0; status == FACTUM_OK && i < count; i++) {
        bool applied;
        status = try_event(applier, run->source, rows[i].position, arena, &applied, err);
        if (status == FACTUM_TOO_BIG && i > 0) { /* the next page starts with an empty arena */
            run->stopped = false;
            return FACTUM_OK;
        }
        bool skipped = fct_applier_is_skipped(applier, rows[i].position);
        if (status == FACTUM_TOO_BIG || (status == FACTUM_OK && !applied && !skipped)) {
            run->stopped = true;
            return put_back(applier, &rows[i], run->now, err);
        }
        if (status == FACTUM_OK) {
            status = applier->target->ops->unpark(applier->target, rows[i].position, err);
        }
        if (status == FACTUM_OK) {
            fct_parked_set_remove(&applier->parked, rows[i].key);
            run->after = rows[i].position;
            run->applied += applied ? 1 : 0;
        }
    }
    return status;
}

static factum_status drain_key(struct fct_applier *applier, const factum_slice *key,
                               const struct fct_parked_source *source, int64_t now,
                               factum_error *err)
{
    factum_arena arena;
    struct fct_checkpoint to = applier->at;
    struct key_run run = {.applier = applier, .source = source, .now = now};
    factum_status status = applier->target->ops->begin(applier->target, &applier->at, &to, err);
    if (status != FACTUM_OK) {
        return status;
    }
    fct_arena_init(&arena, fct_mem_heap(), RETRY_ARENA_MAX);
    while (status == FACTUM_OK && !run.stopped) {
        factum_arena_reset(&arena);
        status = drain_page(&run, key, &arena, err);
    }
    factum_arena_finish(&arena);
    to.event_count += run.applied;
    if (status == FACTUM_OK && run.applied > 0) {
        status = applier->target->ops->set_checkpoint(applier->target, &to, err);
    }
    if (status == FACTUM_OK) {
        status = applier->target->ops->commit(applier->target, err);
    }
    if (status != FACTUM_OK) {
        fct_applier_forget(applier);
        return status;
    }
    applier->at = to;
    if (run.applied > 0) { /* ends the run of failures: it could not be taken back any more */
        applier->failures = 0;
    }
    return FACTUM_OK;
}

/* ---- the calls ------------------------------------------------------------------------------- */

/* The next key to try, copied into |arena|. *from moves past the key before it is tried, so that
 * each is tried once. False: none is left. */
static bool next_key(const struct fct_applier *applier, size_t *from, bool forced, int64_t now,
                     factum_arena *arena, factum_slice *key)
{
    for (; *from < applier->parked.count; ++*from) {
        const struct fct_parked_key *entry = &applier->parked.entries[*from];
        if (forced || (entry->next_attempt != 0 && entry->next_attempt <= now)) {
            *key = factum_arena_copy(arena, entry->key);
            return true;
        }
    }
    return false;
}

static factum_status drain_due(struct fct_applier *applier, bool forced,
                               const struct fct_parked_source *source, int64_t now,
                               factum_error *err)
{
    factum_arena arena;
    factum_slice key;
    size_t at = 0;
    factum_status status = FACTUM_OK;
    fct_arena_init(&arena, fct_mem_heap(), RETRY_ARENA_MAX);
    while (status == FACTUM_OK && next_key(applier, &at, forced, now, &arena, &key)) {
        status = fct_arena_status(&arena, "projection: a parked key", err);
        if (status == FACTUM_OK) {
            status = drain_key(applier, &key, source, now, err);
        }
        /* A key without events has left the set, and the next key has its index. */
        if (fct_parked_set_find(&applier->parked, key) != NULL) {
            at++;
        }
        factum_arena_reset(&arena);
    }
    factum_arena_finish(&arena);
    return status;
}

factum_status fct_apply_retry(struct fct_applier *applier, const factum_slice *key, bool forced,
                              const struct fct_parked_source *source, int64_t now, int64_t *next,
                              factum_error *err)
{
    fct_applier_check(applier);
    factum_status status = fct_applier_know_parked(applier, err);
    if (status == FACTUM_OK && key == NULL) {
        status = drain_due(applier, forced, source, now, err);
    } else if (status == FACTUM_OK && fct_parked_set_find(&applier->parked, *key) != NULL) {
        status = drain_key(applier, key, source, now, err);
    }
    fct_applier_check(applier);
    if (next != NULL) {
        *next = status == FACTUM_OK ? fct_parked_set_due(&applier->parked) : 0;
    }
    return status;
}

/* Makes the first event of the key due at |now|. */
static factum_status make_due(struct fct_applier *applier, factum_slice key, factum_arena *arena,
                              int64_t now, factum_error *err)
{
    const struct fct_target_ops *ops = applier->target->ops;
    struct fct_parked_row *rows = NULL;
    struct fct_parked_key *entry = fct_parked_set_find(&applier->parked, key);
    size_t count = 0;
    if (entry == NULL) {
        return FACTUM_OK;
    }
    factum_status status = ops->parked_read(applier->target, &key, 0, 1, arena, &rows, &count, err);
    if (status != FACTUM_OK || count == 0) {
        return status;
    }
    rows[0].next_attempt = now;
    entry->next_attempt = now;
    status = ops->unpark(applier->target, rows[0].position, err);
    return status == FACTUM_OK ? ops->park(applier->target, &rows[0], err) : status;
}

static factum_status skip_row(struct fct_applier *applier, uint64_t position, factum_arena *arena,
                              int64_t now, factum_error *err)
{
    const struct fct_target_ops *ops = applier->target->ops;
    struct fct_parked_row *rows = NULL;
    size_t count = 0;
    factum_status status = ops->parked_read(applier->target, NULL, position > 0 ? position - 1 : 0,
                                            1, arena, &rows, &count, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (count == 0 || rows[0].position != position) {
        return FACTUM_OK;
    }
    status = ops->unpark(applier->target, position, err);
    if (status != FACTUM_OK) {
        return status;
    }
    fct_parked_set_remove(&applier->parked, rows[0].key);
    return make_due(applier, rows[0].key, arena, now, err);
}

factum_status fct_applier_skip(struct fct_applier *applier, uint64_t position, factum_error *err)
{
    if (applier->skipped_count == applier->skipped_capacity) {
        size_t capacity = applier->skipped_capacity == 0 ? 16 : applier->skipped_capacity * 2;
        uint64_t *grown =
            fct_mem_resize(fct_mem_heap(), applier->skipped, capacity * sizeof *grown);
        if (grown == NULL) {
            return fct_fail(err, FACTUM_NO_MEMORY, "projection: out of memory for skipped events");
        }
        applier->skipped = grown;
        applier->skipped_capacity = capacity;
    }
    size_t at = applier->skipped_count;
    while (at > 0 && applier->skipped[at - 1] >= position) {
        at--;
    }
    if (at < applier->skipped_count && applier->skipped[at] == position) {
        return FACTUM_OK;
    }
    memmove(applier->skipped + at + 1, applier->skipped + at,
            (applier->skipped_count - at) * sizeof *applier->skipped);
    applier->skipped[at] = position;
    applier->skipped_count++;
    FCT_ASSERT(at + 1 == applier->skipped_count || position < applier->skipped[at + 1]);
    fct_applier_check(applier);
    return FACTUM_OK;
}

factum_status fct_apply_skip(struct fct_applier *applier, uint64_t position, int64_t now,
                             factum_error *err)
{
    factum_arena arena;
    struct fct_checkpoint to = applier->at;
    factum_status status = fct_applier_skip(applier, position, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_applier_know_parked(applier, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = applier->target->ops->begin(applier->target, &applier->at, &to, err);
    if (status != FACTUM_OK) {
        return status;
    }
    fct_arena_init(&arena, fct_mem_heap(), RETRY_ARENA_MAX);
    status = skip_row(applier, position, &arena, now, err);
    factum_arena_finish(&arena);
    if (status == FACTUM_OK) {
        status = applier->target->ops->commit(applier->target, err);
    }
    if (status != FACTUM_OK) {
        fct_applier_forget(applier);
    }
    return status;
}
