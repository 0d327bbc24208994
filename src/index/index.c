/* index.c - opening, adding, and looking after the index. Layer: index. See index.h and
 * index_int.h. */
#include "index/index.h"

#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "index/births.h"
#include "index/index_int.h"

#define ADD_AHEAD 16u /* entries whose places are fetched before they are needed */
#define MEMTABLE_SIZE_MAX ((size_t)4 << 20)
#define MEMTABLE_SPAN_MAX (UINT64_C(32) << 20)
#define RUNS_WRITER_WAITS ((size_t)FCT_MANIFEST_RUNS_MAX / 4)
#define MEMTABLE_OVERRUN                                                                           \
    4u /* times the limit that a memtable may reach while the other is written out */

/* ---- opening --------------------------------------------------------------------------------- */

static void note_missing(struct fct_index *index, uint64_t from, uint64_t to)
{
    uint32_t count = atomic_load(&index->missing_count);
    FCT_ASSERT(count < FCT_MISSING_MAX);
    index->missing[count] = (struct fct_missing){from, to};
    atomic_store(&index->missing_count, count + 1);
}

/* Opens what the manifest names; what is bad becomes a missing range, neighbours in one. */
static factum_status open_runs(struct fct_index *index, const struct fct_manifest *manifest,
                               struct fct_run **runs, size_t *run_count, factum_error *err)
{
    uint64_t covered = 0;
    for (uint32_t i = 0; i < manifest->run_count; i++) {
        const struct fct_manifest_run *named = &manifest->runs[i];
        struct fct_run *run;
        factum_status status =
            fct_run_open(&run, index->os, index->mem, index->dir, named->number, err);
        if (status == FACTUM_NO_MEMORY) {
            return status;
        }
        bool fits = status == FACTUM_OK && run->info.from == named->from &&
                    run->info.end.position == named->to && run->info.seed == manifest->seed &&
                    memcmp(run->info.store_id.bytes, manifest->store_id.bytes,
                           sizeof manifest->store_id.bytes) == 0 &&
                    named->from >= covered;
        if (!fits) {
            if (status == FACTUM_OK) {
                fct_run_close(run);
            }
            continue; /* the gap shows below */
        }
        if (run->info.from > covered) {
            note_missing(index, covered, run->info.from);
        }
        covered = run->info.end.position;
        runs[(*run_count)++] = run;
        if (atomic_load(&index->missing_count) + 2 >= FCT_MISSING_MAX) {
            return fct_fail(err, FACTUM_CORRUPT, "the index has too many gaps");
        }
    }
    if (covered < manifest->covered.position) {
        note_missing(index, covered, manifest->covered.position);
    }
    return FACTUM_OK;
}

static factum_status start_empty(struct fct_index *index, factum_error *err)
{
    index->covered = (struct fct_index_point){.position = 0};
    atomic_store(&index->missing_count, 0);
    return fct_os_random(index->os, &index->seed, sizeof index->seed, err);
}

static factum_status load(struct fct_index *index, struct fct_run ***runs, size_t *run_count,
                          factum_error *err)
{
    struct fct_manifest manifest;
    factum_status status = fct_manifest_read(&manifest, index->os, index->mem, index->dir, err);
    bool ours = status == FACTUM_OK && memcmp(manifest.store_id.bytes, index->store_id.bytes,
                                              sizeof manifest.store_id.bytes) == 0;
    atomic_store(&index->next_number, status == FACTUM_OK ? manifest.next_number : 1);
    if (status == FACTUM_NO_MEMORY || (status == FACTUM_IO)) {
        return status;
    }
    *runs = fct_mem_zalloc(index->mem, manifest.run_count + 1u, sizeof(void *));
    if (*runs == NULL) {
        fct_manifest_finish(&manifest, index->mem);
        return fct_fail(err, FACTUM_NO_MEMORY, "open index: out of memory");
    }
    if (!ours) {
        fct_manifest_finish(&manifest, index->mem);
        return start_empty(index, err);
    }
    index->seed = manifest.seed;
    index->generation = manifest.generation;
    index->covered = manifest.covered;
    status = open_runs(index, &manifest, *runs, run_count, err);
    fct_manifest_finish(&manifest, index->mem);
    if (status == FACTUM_CORRUPT) {
        for (size_t i = 0; i < *run_count; i++) {
            fct_run_close((*runs)[i]);
        }
        *run_count = 0;
        status = start_empty(index, err);
    }
    return status;
}

struct stray {
    struct fct_index *index;
    uint64_t numbers[64];
    size_t count;
    uint64_t highest;
};

static bool is_live(const struct fct_index *index, uint64_t number)
{
    for (size_t i = 0; i < index->version->run_count; i++) {
        if (index->version->runs[i]->info.number == number) {
            return true;
        }
    }
    return false;
}

static factum_status note_stray(void *data, const char *name)
{
    struct stray *stray = data;
    uint64_t number = fct_run_number(name);
    stray->highest = number > stray->highest ? number : stray->highest;
    if (number != 0 && !is_live(stray->index, number) && stray->count < 64) {
        stray->numbers[stray->count++] = number;
    }
    return FACTUM_OK;
}

/* Run files that no manifest names are left-overs of a crash, or of a run that was lost. */
static factum_status remove_strays(struct fct_index *index, factum_error *err)
{
    struct stray stray = {.index = index};
    factum_status status = fct_os_list_dir(index->os, index->dir, note_stray, &stray, err);
    for (size_t i = 0; i < stray.count && status == FACTUM_OK; i++) {
        char name[FCT_RUN_NAME_SIZE];
        char path[FCT_PATH_SIZE];
        fct_run_name(stray.numbers[i], name);
        status = fct_path_join(path, index->dir, name, err);
        if (status == FACTUM_OK) {
            status = fct_os_unlink(index->os, path, err);
        }
    }
    if (stray.highest >= atomic_load(&index->next_number)) {
        atomic_store(&index->next_number, stray.highest + 1); /* a name is never used twice */
    }
    return status;
}

static factum_status open_parts(struct fct_index *index, factum_error *err)
{
    struct fct_run **runs = NULL;
    size_t run_count = 0;
    factum_status status =
        index->read_only ? FACTUM_OK : fct_os_make_dir(index->os, index->dir, err);
    if (status == FACTUM_OK) {
        status = load(index, &runs, &run_count, err);
    }
    if (status == FACTUM_OK && !index->read_only && index->generation == 0) {
        /* No manifest was there: the directory may be new, and what is synced in it must stay. */
        status = fct_os_make_dir_synced(index->os, index->dir, err);
    }
    if (status == FACTUM_OK) {
        struct fct_memtable *active = fct_memtable_create(index->mem, index->covered);
        index->version =
            active == NULL ? NULL : fct_version_make(index, runs, run_count, NULL, active);
        if (active != NULL && atomic_fetch_sub(&active->references, 1) == 1) {
            fct_memtable_destroy(active);
        }
        if (index->version == NULL) {
            status = fct_fail(err, FACTUM_NO_MEMORY, "open index: out of memory");
        }
    }
    for (size_t i = 0; i < run_count; i++) {
        if (atomic_fetch_sub(&runs[i]->references, 1) == 1) {
            fct_run_close(runs[i]);
        }
    }
    fct_mem_free(index->mem, (void *)runs);
    if (status == FACTUM_OK && !index->read_only) {
        status = remove_strays(index, err);
    }
    return status;
}

factum_status fct_index_open(struct fct_index **out, const struct fct_index_options *options,
                             factum_error *err)
{
    *out = NULL;
    if (strlen(options->dir) >= FCT_PATH_SIZE) {
        return fct_fail(err, FACTUM_INVALID, "open index: the path is too long");
    }
    struct fct_index *index = fct_mem_zalloc(options->mem, 1, sizeof *index);
    if (index == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "open index: out of memory");
    }
    index->os = options->os;
    index->mem = options->mem;
    index->store_id = options->store_id;
    index->hash_mask = options->hash_mask == 0 ? UINT64_MAX : options->hash_mask;
    index->memtable_size_max =
        options->memtable_size_max == 0 ? MEMTABLE_SIZE_MAX : options->memtable_size_max;
    index->memtable_span_max =
        options->memtable_span_max == 0 ? MEMTABLE_SPAN_MAX : options->memtable_span_max;
    index->read_only = options->read_only;
    index->threads = options->threads && !options->read_only;
    index->healer = options->healer;
    if (options->sink != NULL) {
        index->sink = *options->sink;
    }
    memcpy(index->dir, options->dir, strlen(options->dir) + 1);
    fct_mutex_init(&index->maintenance);
    fct_rwlock_init(&index->lock);
    factum_status status = open_parts(index, err);
    if (status == FACTUM_OK && index->threads) {
        status = fct_thread_start(&index->thread, "factum-index", fct_index_background, index, err);
    }
    if (status != FACTUM_OK) {
        fct_index_close(index);
        return status;
    }
    *out = index;
    return FACTUM_OK;
}

void fct_index_close(struct fct_index *index)
{
    if (index == NULL) {
        return;
    }
    atomic_store(&index->stop, 1);
    atomic_fetch_add(&index->changes, 1);
    fct_word_wake(&index->changes, UINT32_MAX >> 1);
    fct_thread_join(&index->thread);
    fct_version_unpin(index, index->version);
    fct_memtable_destroy(index->rebuild);
    fct_rwlock_finish(&index->lock);
    fct_mutex_finish(&index->maintenance);
    fct_mem_free(index->mem, index);
}

factum_status fct_index_peek(const struct fct_os *os, const char *dir, factum_uuid *store_id,
                             struct fct_index_point *covered, factum_error *err)
{
    struct fct_manifest manifest;
    factum_status status = fct_manifest_read(&manifest, os, fct_mem_heap(), dir, err);
    if (status == FACTUM_OK) {
        *store_id = manifest.store_id;
        *covered = manifest.covered;
        fct_manifest_finish(&manifest, fct_mem_heap());
    }
    return status;
}

/* With maintenance held: |kept| runs from the oldest on, and nothing else. */
static factum_status keep_runs(struct fct_index *index, size_t kept, struct fct_index_point covered,
                               factum_error *err)
{
    struct fct_version *version = index->version;
    struct fct_memtable *active = fct_memtable_create(index->mem, covered);
    struct fct_version *next =
        active == NULL ? NULL : fct_version_make(index, version->runs, kept, NULL, active);
    if (active != NULL && atomic_fetch_sub(&active->references, 1) == 1) {
        fct_memtable_destroy(active);
    }
    if (next == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "index: out of memory");
    }
    factum_status status =
        index->read_only ? FACTUM_OK : fct_index_save(index, version->runs, kept, covered, err);
    if (status != FACTUM_OK) {
        fct_version_unpin(index, next);
        return status;
    }
    for (size_t i = kept; i < version->run_count && !index->read_only; i++) {
        version->runs[i]->obsolete = true;
    }
    fct_index_set_covered(index, covered);
    atomic_store(&index->missing_count, 0);
    atomic_store(&index->truncated, true);
    atomic_store(&next->whole, false);
    fct_version_install(index, next);
    return FACTUM_OK;
}

factum_status fct_index_truncate(struct fct_index *index, uint64_t position, factum_error *err)
{
    fct_mutex_lock(&index->maintenance);
    const struct fct_version *version = index->version;
    struct fct_index_point covered = {.position = 0};
    size_t kept = 0;
    while (index->read_only && kept < version->run_count &&
           version->runs[kept]->info.from == covered.position &&
           version->runs[kept]->info.end.position <= position) {
        covered = version->runs[kept++]->info.end;
    }
    factum_status status = keep_runs(index, kept, covered, err);
    fct_mutex_unlock(&index->maintenance);
    return status;
}

void fct_index_complete(struct fct_index *index)
{
    fct_mutex_lock(&index->maintenance);
    atomic_store(&index->truncated, false);
    atomic_store(&index->version->whole, fct_index_is_whole(index));
    fct_mutex_unlock(&index->maintenance);
}

struct removal {
    const struct fct_os *os;
    const char *dir;
    factum_error *err;
};

static factum_status remove_own(void *data, const char *name)
{
    struct removal *removal = data;
    char path[FCT_PATH_SIZE];
    if (fct_run_number(name) == 0 &&
        strncmp(name, FCT_MANIFEST_NAME, strlen(FCT_MANIFEST_NAME)) != 0) {
        return FACTUM_OK;
    }
    factum_status status = fct_path_join(path, removal->dir, name, removal->err);
    return status == FACTUM_OK ? fct_os_unlink(removal->os, path, removal->err) : status;
}

factum_status fct_index_remove(const struct fct_os *os, const char *dir, factum_error *err)
{
    struct removal removal = {os, dir, err};
    factum_status status = fct_os_list_dir(os, dir, remove_own, &removal, err);
    if (status == FACTUM_NOT_FOUND) {
        return FACTUM_OK;
    }
    return status == FACTUM_OK ? fct_os_sync_dir(os, dir, err) : status;
}

void fct_index_set_covered(struct fct_index *index, struct fct_index_point covered)
{
    fct_rwlock_write(&index->lock);
    index->covered = covered;
    fct_rwlock_unlock(&index->lock);
}

struct fct_index_point fct_index_covered(struct fct_index *index)
{
    fct_rwlock_read(&index->lock); /* a merge may be ending: maintenance would wait for it */
    struct fct_index_point covered = index->covered;
    fct_rwlock_unlock(&index->lock);
    return covered;
}

struct fct_index_key fct_index_key(const struct fct_index *index, enum fct_index_kind kind,
                                   factum_slice name)
{
    struct fct_index_key key = {.hash = fct_hash128(name, index->seed), .kind = kind};
    key.hash.low &= index->hash_mask;
    key.hash.high &= index->hash_mask;
    return key;
}

/* ---- adding ---------------------------------------------------------------------------------- */

static bool full(const struct fct_index *index, const struct fct_memtable *table)
{
    return fct_memtable_used(table) >= index->memtable_size_max ||
           table->end.position - table->from >= index->memtable_span_max;
}

bool fct_index_wants_flush(const struct fct_index *index)
{
    struct fct_index *pinning = (struct fct_index *)(uintptr_t)index;
    struct fct_version *version = fct_version_pin(pinning);
    bool wants =
        !index->read_only && version->active->posting_count > 0 && full(index, version->active);
    fct_version_unpin(pinning, version);
    return wants;
}

/* What the writer has to know of the two memtables. */
struct pressure {
    bool both_full;
    bool too_big;
};

static struct pressure pressure_of(struct fct_index *index)
{
    struct fct_version *version = fct_version_pin(index);
    struct pressure pressure = {
        .both_full = version->sealed != NULL && full(index, version->active),
        .too_big =
            fct_memtable_used(version->active) >= index->memtable_size_max * MEMTABLE_OVERRUN,
    };
    fct_version_unpin(index, version);
    return pressure;
}

/* Both memtables are full: waits for the background, or does its work. */
static factum_status make_way(struct fct_index *index, factum_error *err)
{
    for (;;) {
        uint32_t word = atomic_load(&index->changes);
        struct pressure pressure = pressure_of(index);
        if (!pressure.both_full) {
            return FACTUM_OK;
        }
        if (!index->threads) {
            return fct_index_flush_sealed(index, err);
        }
        fct_mutex_lock(&index->maintenance);
        factum_status failure = index->failure;
        bool waiting = index->version->sealed != NULL;
        if (failure != FACTUM_OK && err != NULL) {
            *err = index->failure_err;
        }
        fct_mutex_unlock(&index->maintenance);
        if (failure != FACTUM_OK) {
            return pressure.too_big ? failure : FACTUM_OK;
        }
        if (waiting) {
            fct_word_wait(&index->changes, word, UINT64_C(100000000));
        }
    }
}

factum_status fct_index_reserve(struct fct_index *index, size_t count, factum_error *err)
{
    factum_status status = FACTUM_OK;
    if (atomic_load(&index->missing_count) > 0) { /* nothing is written until it is whole again */
        bool too_big = !index->read_only && pressure_of(index).too_big;
        status = too_big ? fct_fail(err, FACTUM_CORRUPT, "a part of the index cannot be rebuilt")
                         : FACTUM_OK;
    } else if (!index->read_only) {
        status = make_way(index, err);
        if (status == FACTUM_OK && fct_index_wants_flush(index)) {
            fct_index_await_merges(index);
            bool whole = atomic_load(&index->missing_count) == 0; /* a merge may meet damage */
            status = whole ? fct_index_seal(index, err) : FACTUM_OK;
        }
    }
    if (status != FACTUM_OK) {
        return status;
    }
    fct_rwlock_write(&index->lock);
    bool reserved = fct_memtable_reserve(index->version->active, count, FCT_BIRTHS_KEYS_MAX(count),
                                         count + FCT_BIRTHS_MAX(count));
    fct_rwlock_unlock(&index->lock);
    return reserved ? FACTUM_OK : fct_fail(err, FACTUM_NO_MEMORY, "index: out of memory");
}

/* Adds |count| of |left| entries; which of their keys are new in |table|, a bit each. */
static uint64_t add_some(struct fct_memtable *table, const struct fct_index_entry *entries,
                         size_t count, size_t left)
{
    uint64_t fresh = 0;
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
        fct_births_add(&births, table);
        uint64_t fresh = add_some(table, entries + at, step, count - at);
        fct_rwlock_unlock(&index->lock);
        fct_births_find(&births, entries + at, step, fresh); /* may read runs: without the lock */
    }
    if (births.count > 0) {
        fct_rwlock_write(&index->lock);
        fct_births_add(&births, index->version->active);
        fct_rwlock_unlock(&index->lock);
    }
    fct_births_finish(&births);
}

void fct_index_show(struct fct_index *index, struct fct_index_point end)
{
    fct_rwlock_write(&index->lock);
    struct fct_memtable *table = index->version->active;
    FCT_ASSERT(end.position >= table->end.position);
    fct_memtable_show(table);
    table->end = end;
    fct_rwlock_unlock(&index->lock);
}

factum_status fct_index_flush(struct fct_index *index, factum_error *err)
{
    if (index->read_only || atomic_load(&index->missing_count) > 0) {
        return FACTUM_OK;
    }
    factum_status status = fct_index_flush_sealed(index, err);
    if (status == FACTUM_OK) {
        status = fct_index_seal(index, err);
    }
    return status == FACTUM_OK ? fct_index_flush_sealed(index, err) : status;
}

factum_status fct_index_tick(struct fct_index *index, factum_error *err)
{
    if (index->threads || index->read_only) {
        return FACTUM_OK;
    }
    factum_status status = fct_index_flush_sealed(index, err);
    bool merges = status == FACTUM_OK || status == FACTUM_TOO_BIG; /* there are too many runs */
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

/* As fct_index_settle, but only while there are |runs| or more. */
static factum_status settle_below(struct fct_index *index, size_t runs, factum_error *err)
{
    factum_status status;
    while (has_runs(index, runs)) {
        uint32_t word = atomic_load(&index->changes);
        fct_mutex_lock(&index->maintenance);
        bool waiting = index->version->sealed != NULL;
        status = index->failure;
        if (status != FACTUM_OK && err != NULL) {
            *err = index->failure_err;
        }
        fct_mutex_unlock(&index->maintenance);
        if (status != FACTUM_OK || index->read_only) {
            return status;
        }
        bool busy = atomic_load(&index->working) != 0;
        bool due = fct_index_merge_due(index);
        if (!waiting && !due && !busy) {
            return FACTUM_OK;
        }
        factum_status merge_failure = (factum_status)atomic_load(&index->merge_failure);
        if (due && merge_failure != FACTUM_OK) {
            return fct_fail(err, merge_failure, "runs of the index cannot be merged: %s",
                            factum_status_text(merge_failure));
        }
        if (!index->threads) {
            status = fct_index_tick(index, err);
            if (status != FACTUM_OK) {
                return status;
            }
        } else {
            fct_word_wait(&index->changes, word, UINT64_C(50000000));
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
    factum_status settled = settle_below(index, RUNS_WRITER_WAITS, NULL);
    (void)settled; /* while they cannot be merged, a flush fails when it is too much */
}

/* ---- figures --------------------------------------------------------------------------------- */

void fct_index_stats(const struct fct_index *index, struct fct_index_stats *stats)
{
    struct fct_index *mutable_index = (struct fct_index *)(uintptr_t)index;
    struct fct_version *version = fct_version_pin(mutable_index);
    *stats = (struct fct_index_stats){
        .runs = version->run_count,
        .blocks_read = atomic_load(&index->blocks_read),
        .filter_probes = atomic_load(&index->filter_probes),
        .filter_hits = atomic_load(&index->filter_hits),
        .merges = atomic_load(&index->merges),
        .merged_bytes = atomic_load(&index->merged_bytes),
    };
    for (size_t i = 0; i < version->run_count; i++) {
        const struct fct_run_info *info = &version->runs[i]->info;
        stats->run_bytes += info->file_size;
        stats->filter_bytes += info->filter_size;
        stats->keys += info->key_count;
        stats->postings += info->posting_count;
        stats->doubtful_births += info->doubtful;
    }
    fct_rwlock_read(&mutable_index->lock);
    stats->memory_bytes = version->active->memory;
    stats->memory_bytes += version->sealed == NULL ? 0 : version->sealed->memory;
    stats->doubtful_births += version->active->doubtful;
    stats->doubtful_births += version->sealed == NULL ? 0 : version->sealed->doubtful;
    fct_rwlock_unlock(&mutable_index->lock);
    fct_version_unpin(mutable_index, version);
}
