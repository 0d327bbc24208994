/* rebuild.c - rebuilds the runs of missing ranges of the log. Layer: index.
 *
 * Knows nothing of the log: the caller reads the log and adds entries; each full memtable of them
 * becomes a run in its place. Ranges are rebuilt in the order of the log, so that the runs before a
 * range tell which names were born in it. Runs are merged on the way, so that a manifest has room
 * for them, however large the range is.
 *
 * Invariant: |rebuild| exists from fct_index_rebuild_begin to fct_index_rebuild_end, begins where
 * |rebuild_range| begins, and hides nothing that matters: no reader sees it.
 */
#include "core/check.h"
#include "core/error.h"
#include "index/births.h"
#include "index/index_int.h"

bool fct_index_missing(struct fct_index *index, uint64_t *from, uint64_t *to)
{
    if (atomic_load(&index->missing_count) == 0) {
        return false;
    }
    fct_rwlock_read(&index->lock);
    uint32_t count = atomic_load(&index->missing_count);
    const struct fct_missing *first = &index->missing[0];
    for (uint32_t i = 1; i < count; i++) {
        first = index->missing[i].from < first->from ? &index->missing[i] : first;
    }
    *from = first->from;
    *to = first->to;
    fct_rwlock_unlock(&index->lock);
    FCT_ASSERT(count == 0 || *from < *to);
    return count > 0;
}

static void check_rebuild(const struct fct_index *index)
{
    FCT_ASSERT(index->rebuild != NULL);
    FCT_ASSERT(index->rebuild->from == index->rebuild_range.from);
    fct_memtable_check(index->rebuild);
}

factum_status fct_index_rebuild_begin(struct fct_index *index, uint64_t from, uint64_t to,
                                      factum_error *err)
{
    FCT_ASSERT(!index->read_only);
    FCT_ASSERT(from < to);
    fct_memtable_release(index->rebuild); /* of an attempt that failed */
    index->rebuild_range = (struct fct_missing){from, to};
    index->rebuild = fct_memtable_create(index->mem, (struct fct_index_point){.position = from});
    return index->rebuild == NULL ? fct_fail(err, FACTUM_NO_MEMORY, "index: out of memory")
                                  : FACTUM_OK;
}

factum_status fct_index_rebuild_add(struct fct_index *index, const struct fct_index_entry *entries,
                                    size_t count, factum_error *err)
{
    struct fct_births births;
    check_rebuild(index);
    if (!fct_memtable_reserve(index->rebuild, count, FCT_BIRTHS_KEYS_MAX(count),
                              count + FCT_BIRTHS_MAX(count))) {
        return fct_fail(err, FACTUM_NO_MEMORY, "index: out of memory");
    }
    fct_births_init_rebuild(&births, index, index->rebuild_range.from);
    for (size_t at = 0; at < count; at += FCT_BIRTHS_STEP) {
        size_t step = count - at < FCT_BIRTHS_STEP ? count - at : FCT_BIRTHS_STEP;
        uint64_t fresh = 0;
        for (size_t i = 0; i < step; i++) {
            fresh |= (uint64_t)fct_memtable_add(index->rebuild, &entries[at + i]) << i;
        }
        fct_births_find(&births, entries + at, step, fresh);
        fct_births_add(&births, index->rebuild);
    }
    fct_births_finish(&births);
    check_rebuild(index);
    return FACTUM_OK;
}

bool fct_index_rebuild_full(const struct fct_index *index)
{
    FCT_ASSERT(index->rebuild != NULL);
    return fct_memtable_used(index->rebuild) >= index->memtable_size_max;
}

/* The part of |range| before |to| is no longer missing. */
static void drop_missing(struct fct_version_edit *edit, struct fct_missing range, uint64_t to)
{
    uint32_t kept = 0;
    FCT_ASSERT(range.from < to && to <= range.to);
    for (uint32_t i = 0; i < edit->missing_count; i++) {
        struct fct_missing rest = edit->missing[i];
        if (rest.from == range.from && rest.to == range.to) {
            rest.from = to;
        }
        if (rest.from < rest.to) {
            edit->missing[kept++] = rest;
        }
    }
    edit->missing_count = kept;
}

/* Puts |run| (taken) into its place by position. */
static factum_status insert_run(struct fct_index *index, struct fct_run *run, factum_error *err)
{
    struct fct_version_edit edit;
    fct_mutex_lock(&index->maintenance);
    const struct fct_version *version = index->version;
    fct_version_edit_init(&edit, index);
    edit.first = 0;
    while (edit.first < version->run_count &&
           version->runs[edit.first]->info.from < run->info.end.position) {
        edit.first++;
    }
    edit.added = run;
    edit.durable = true;
    drop_missing(&edit, index->rebuild_range, run->info.end.position);
    factum_status status = fct_version_apply(index, &edit, err);
    fct_mutex_unlock(&index->maintenance);
    return status;
}

factum_status fct_index_rebuild_end(struct fct_index *index, uint64_t to, factum_error *err)
{
    struct fct_run *run = NULL;
    struct fct_index_point covered = fct_index_covered(index);
    check_rebuild(index);
    FCT_ASSERT(index->rebuild_range.from < to && to <= index->rebuild_range.to);
    index->rebuild->end =
        to == covered.position ? covered : (struct fct_index_point){.position = to};
    factum_status status = fct_index_write_run(index, index->rebuild, &run, err);
    if (status == FACTUM_OK) {
        status = insert_run(index, run, err);
    }
    fct_memtable_release(index->rebuild);
    index->rebuild = NULL;
    fct_index_changed(index);
    fct_index_await_merges(index);
    return status;
}
