/* rebuild.c - rebuilds the runs of ranges of the log whose runs were lost. Layer: index.
 *
 * Knows nothing of the log: who rebuilds reads it and adds; each memtable of that becomes a run in
 * its place. Ranges are rebuilt in the order of the log, so that what was born in a range shows by
 * the runs before it. The runs are merged on the way, so that a manifest has room for them, however
 * large the range is.
 */
#include "core/error.h"
#include "index/births.h"
#include "index/index_int.h"

bool fct_index_missing(const struct fct_index *index, uint64_t *from, uint64_t *to)
{
    uint32_t count = atomic_load(&index->missing_count);
    if (count == 0) {
        return false;
    }
    const struct fct_missing *first = &index->missing[0];
    for (uint32_t i = 1; i < count; i++) {
        first = index->missing[i].from < first->from ? &index->missing[i] : first;
    }
    *from = first->from;
    *to = first->to;
    return true;
}

factum_status fct_index_rebuild_begin(struct fct_index *index, uint64_t from, uint64_t to,
                                      factum_error *err)
{
    fct_memtable_destroy(index->rebuild);
    index->rebuild_range = (struct fct_missing){from, to};
    index->rebuild = fct_memtable_create(index->mem, (struct fct_index_point){.position = from});
    return index->rebuild == NULL ? fct_fail(err, FACTUM_NO_MEMORY, "index: out of memory")
                                  : FACTUM_OK;
}

factum_status fct_index_rebuild_add(struct fct_index *index, const struct fct_index_entry *entries,
                                    size_t count, factum_error *err)
{
    struct fct_births births;
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
    return FACTUM_OK;
}

bool fct_index_rebuild_full(const struct fct_index *index)
{
    return fct_memtable_used(index->rebuild) >= index->memtable_size_max;
}

/* What was rebuilt, up to |to|, is no longer missing. */
static void drop_missing(struct fct_index *index, uint64_t to)
{
    uint32_t count = atomic_load(&index->missing_count);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct fct_missing range = index->missing[i];
        if (range.from == index->rebuild_range.from && range.to == index->rebuild_range.to) {
            range.from = to;
        }
        if (range.from < range.to) {
            index->missing[kept++] = range;
        }
    }
    atomic_store(&index->missing_count, kept);
}

/* With maintenance held: |run| in its place by position. */
static factum_status insert_run(struct fct_index *index, struct fct_run *run, factum_error *err)
{
    struct fct_version *version = index->version;
    struct fct_run **runs = fct_mem_zalloc(index->mem, version->run_count + 1, sizeof(void *));
    if (runs == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "index: out of memory");
    }
    size_t count = 0;
    bool placed = false;
    for (size_t i = 0; i < version->run_count; i++) {
        if (!placed && version->runs[i]->info.from >= run->info.end.position) {
            runs[count++] = run;
            placed = true;
        }
        runs[count++] = version->runs[i];
    }
    if (!placed) {
        runs[count++] = run;
    }
    struct fct_version *next =
        fct_version_make(index, runs, count, version->sealed, version->active);
    factum_status status = next == NULL ? fct_fail(err, FACTUM_NO_MEMORY, "index: out of memory")
                                        : fct_index_save(index, runs, count, index->covered, err);
    if (status == FACTUM_OK) {
        drop_missing(index, run->info.end.position);
        atomic_store(&next->whole, fct_index_is_whole(index));
        fct_version_install(index, next);
    } else {
        fct_version_unpin(index, next);
    }
    fct_mem_free(index->mem, (void *)runs);
    return status;
}

factum_status fct_index_rebuild_end(struct fct_index *index, uint64_t to, factum_error *err)
{
    struct fct_run *run = NULL;
    struct fct_index_point covered = fct_index_covered(index);
    index->rebuild->end =
        to == covered.position ? covered : (struct fct_index_point){.position = to};
    factum_status status = fct_index_write_run(index, index->rebuild, &run, err);
    if (status == FACTUM_OK) {
        fct_mutex_lock(&index->maintenance);
        status = insert_run(index, run, err);
        fct_mutex_unlock(&index->maintenance);
        if (status != FACTUM_OK) {
            run->obsolete = true; /* nobody else has it; else who merges it says so */
        }
        if (atomic_fetch_sub(&run->references, 1) == 1) {
            fct_run_close(run);
        }
    }
    fct_memtable_destroy(index->rebuild);
    index->rebuild = NULL;
    fct_index_changed(index);
    fct_index_await_merges(index);
    return status;
}
