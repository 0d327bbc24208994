/* writer.c - adding to the index: room, entries, showing, flushing. Layer: index.
 *
 * One thread at a time calls these functions (index.h). A memtable takes entries until it is full;
 * then it is sealed, and the background flushes it while the next one fills. The writer waits when
 * the next one is full as well and when there are very many runs: so memory and the manifest stay
 * bounded.
 */
#include "core/check.h"
#include "core/error.h"
#include "index/births.h"
#include "index/index_int.h"

#define ADD_AHEAD 16u /* entries whose places are prefetched before they are needed */
#define RUNS_WRITER_WAITS ((size_t)FCT_MANIFEST_RUNS_MAX / 4)
/* A memtable may reach so many times its limit while the other one cannot be flushed. */
#define MEMTABLE_OVERRUN 4u
#define FLUSH_WAIT_NS UINT64_C(100000000)
#define SETTLE_WAIT_NS UINT64_C(50000000)

static bool is_full(const struct fct_index *index, const struct fct_memtable *table)
{
    FCT_ASSERT(table->end.position >= table->from);
    return fct_memtable_used(table) >= index->memtable_size_max ||
           table->end.position - table->from >= index->memtable_span_max;
}

bool fct_index_wants_flush(struct fct_index *index)
{
    struct fct_version *version = fct_version_pin(index);
    bool wants =
        !index->read_only && version->active->posting_count > 0 && is_full(index, version->active);
    fct_version_unpin(index, version);
    return wants;
}

/* How far the memtables are from their limits. */
struct pressure {
    bool both_full;
    bool too_big;
};

static struct pressure pressure_of(struct fct_index *index)
{
    struct fct_version *version = fct_version_pin(index);
    struct pressure pressure = {
        .both_full = version->sealed != NULL && is_full(index, version->active),
        .too_big =
            fct_memtable_used(version->active) >= index->memtable_size_max * MEMTABLE_OVERRUN,
    };
    fct_version_unpin(index, version);
    return pressure;
}

/* What the background has left to do, and why it cannot. */
struct backlog {
    bool sealed; /* a memtable waits to be flushed */
    factum_status failure;
};

/* Copies the text of a failure to |err|. */
static struct backlog backlog_of(struct fct_index *index, factum_error *err)
{
    fct_mutex_lock(&index->maintenance);
    struct backlog backlog = {
        .sealed = index->version->sealed != NULL,
        .failure = index->failure,
    };
    if (backlog.failure != FACTUM_OK) {
        *err = index->failure_err;
    }
    fct_mutex_unlock(&index->maintenance);
    return backlog;
}

/* Returns when not both memtables are full: waits for the background, or does its work. If a flush
 * failed the active memtable grows on, up to MEMTABLE_OVERRUN times its limit. */
static factum_status await_room(struct fct_index *index, factum_error *err)
{
    FCT_ASSERT(!index->read_only);
    for (;;) {
        uint32_t changes = atomic_load(&index->changes);
        struct pressure pressure = pressure_of(index);
        if (!pressure.both_full) {
            return FACTUM_OK;
        }
        if (!index->threads) {
            return fct_index_flush_sealed(index, err);
        }
        struct backlog backlog = backlog_of(index, err);
        if (backlog.failure != FACTUM_OK) {
            return pressure.too_big ? backlog.failure : FACTUM_OK;
        }
        if (backlog.sealed) {
            fct_word_wait(&index->changes, changes, FLUSH_WAIT_NS);
        }
    }
}

/* Seals the active memtable if it is full. */
static factum_status seal_if_full(struct fct_index *index, factum_error *err)
{
    FCT_ASSERT(!index->read_only);
    factum_status status = await_room(index, err);
    if (status != FACTUM_OK || !fct_index_wants_flush(index)) {
        return status;
    }
    fct_index_await_merges(index);
    if (atomic_load(&index->missing_count) > 0) { /* a merge has met damage */
        return FACTUM_OK;
    }
    return fct_index_seal(index, err);
}

factum_status fct_index_reserve(struct fct_index *index, size_t count, factum_error *err)
{
    if (!index->read_only) {
        factum_status status = FACTUM_OK;
        if (atomic_load(&index->missing_count) == 0) {
            status = seal_if_full(index, err);
        } else if (pressure_of(index).too_big) { /* nothing is flushed while a range is missing */
            status = fct_fail(err, FACTUM_CORRUPT, "a part of the index cannot be rebuilt");
        }
        if (status != FACTUM_OK) {
            return status;
        }
    }
    fct_rwlock_write(&index->lock);
    bool reserved = fct_memtable_reserve(index->version->active, count, FCT_BIRTHS_KEYS_MAX(count),
                                         count + FCT_BIRTHS_MAX(count));
    fct_rwlock_unlock(&index->lock);
    return reserved ? FACTUM_OK : fct_fail(err, FACTUM_NO_MEMORY, "index: out of memory");
}

/* Adds the first |count| of |left| entries. Returns a bit for each: its key is new in |table|. */
static uint64_t add_some(struct fct_memtable *table, const struct fct_index_entry *entries,
                         size_t count, size_t left)
{
    uint64_t fresh = 0;
    FCT_ASSERT(count <= 64 && count <= left);
    for (size_t i = 0; i < count; i++) {
        if (i + ADD_AHEAD < left) {
            fct_memtable_prefetch(table, &entries[i + ADD_AHEAD].key);
            fct_memtable_prefetch_tail(table, &entries[i + ADD_AHEAD / 2].key);
        }
        fresh |= (uint64_t)fct_memtable_add(table, &entries[i]) << i;
    }
    return fresh;
}

void fct_index_add(struct fct_index *index, const struct fct_index_entry *entries, size_t count)
{
    struct fct_births births;
    fct_births_init(&births, index);
    for (size_t at = 0; at < count; at += FCT_BIRTHS_STEP) {
        size_t step = count - at < FCT_BIRTHS_STEP ? count - at : FCT_BIRTHS_STEP;
        fct_rwlock_write(&index->lock);
        struct fct_memtable *table = index->version->active;
        FCT_ASSERT(at > 0 || entries[0].position >= table->end.position);
        fct_births_add(&births, table);
        uint64_t fresh = add_some(table, entries + at, step, count - at);
        fct_rwlock_unlock(&index->lock);
        fct_births_find(&births, entries + at, step,
                        fresh); /* without the lock: it may read runs */
    }
    if (births.count > 0 || births.doubtful > 0) {
        fct_rwlock_write(&index->lock);
        fct_births_add(&births, index->version->active);
        fct_rwlock_unlock(&index->lock);
    }
    fct_births_finish(&births);
}

void fct_index_show(struct fct_index *index, struct fct_index_point end)
{
    fct_rwlock_write(&index->lock);
    fct_memtable_show(index->version->active, end);
    fct_rwlock_unlock(&index->lock);
}

factum_status fct_index_flush(struct fct_index *index, factum_error *err)
{
    if (index->read_only || atomic_load(&index->missing_count) > 0) {
        return FACTUM_OK;
    }
    factum_status status = fct_index_flush_sealed(index, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_index_seal(index, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_index_flush_sealed(index, err);
}

/* ---- background work without a thread, and waiting for it ------------------------------------ */

factum_status fct_index_tick(struct fct_index *index, factum_error *err)
{
    if (index->threads || index->read_only) {
        return FACTUM_OK;
    }
    factum_status status = fct_index_flush_sealed(index, err);
    /* TOO_BIG: the manifest is full; merges give it room. */
    bool merges = status == FACTUM_OK || status == FACTUM_TOO_BIG;
    if (merges && fct_index_merge_due(index)) {
        status = fct_index_merge(index, err);
    }
    return status;
}

static bool has_runs(struct fct_index *index, size_t count)
{
    struct fct_version *version = fct_version_pin(index);
    bool has = version->run_count >= count;
    fct_version_unpin(index, version);
    return has;
}

/* As fct_index_settle, but only while there are |runs| runs or more. */
static factum_status settle_below(struct fct_index *index, size_t runs, factum_error *err)
{
    while (has_runs(index, runs)) {
        uint32_t changes = atomic_load(&index->changes);
        struct backlog backlog = backlog_of(index, err);
        if (backlog.failure != FACTUM_OK || index->read_only) {
            return backlog.failure;
        }
        bool busy = atomic_load(&index->working) != 0;
        bool due = fct_index_merge_due(index);
        if (!backlog.sealed && !due && !busy) {
            return FACTUM_OK;
        }
        factum_status merge_failure = (factum_status)atomic_load(&index->merge_failure);
        if (due && merge_failure != FACTUM_OK) {
            return fct_fail(err, merge_failure, "runs of the index cannot be merged: %s",
                            factum_status_text(merge_failure));
        }
        if (index->threads) {
            fct_word_wait(&index->changes, changes, SETTLE_WAIT_NS);
            continue;
        }
        factum_status status = fct_index_tick(index, err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    return FACTUM_OK;
}

factum_status fct_index_settle(struct fct_index *index, factum_error *err)
{
    return settle_below(index, 0, err);
}

void fct_index_await_merges(struct fct_index *index)
{
    factum_error ignored;
    factum_status settled = settle_below(index, RUNS_WRITER_WAITS, &ignored);
    (void)settled; /* without merges a flush fails once the manifest is full */
}
