/* index.c - opening, truncating and removing the index, and its figures. Layer: index. Adding is in
 * writer.c; see index.h and index_int.h. */
#include "index/index.h"

#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/uuid.h"
#include "index/index_int.h"

#define MEMTABLE_SIZE_MAX ((size_t)4 << 20)
#define MEMTABLE_SPAN_MAX (UINT64_C(32) << 20)

/* ---- opening --------------------------------------------------------------------------------- */

static void note_missing(struct fct_index *index, uint64_t from, uint64_t to)
{
    uint32_t count = atomic_load(&index->missing_count);
    FCT_ASSERT(count < FCT_MISSING_MAX);
    FCT_ASSERT(from < to);
    index->missing[count] = (struct fct_missing){from, to};
    atomic_store(&index->missing_count, count + 1);
}

/* Is |run| the one that the manifest means? */
static bool is_named(const struct fct_run *run, const struct fct_manifest_run *named,
                     const struct fct_manifest *manifest)
{
    const struct fct_run_info *info = &run->info;
    return info->from == named->from && info->end.position == named->to &&
           named->from < named->to && info->seed == manifest->seed &&
           fct_uuid_equal(info->store_id, manifest->store_id);
}

/* Opens the runs of the manifest; what a bad run covers becomes a missing range, together with the
 * missing neighbours. Errors: NO_MEMORY; CORRUPT: none of the index is worth keeping. */
static factum_status open_runs(struct fct_index *index, const struct fct_manifest *manifest,
                               factum_error *err)
{
    struct fct_version *version = index->version;
    uint64_t covered = 0;
    FCT_ASSERT(version->run_count == 0);
    FCT_ASSERT(version->run_room >= manifest->run_count);
    for (uint32_t i = 0; i < manifest->run_count; i++) {
        const struct fct_manifest_run *named = &manifest->runs[i];
        struct fct_run *run;
        factum_status status =
            fct_run_open(&run, index->os, index->mem, index->dir, named->number, err);
        if (status == FACTUM_NO_MEMORY) {
            return status;
        }
        if (status != FACTUM_OK || named->from < covered || !is_named(run, named, manifest)) {
            fct_run_release(run);
            continue; /* the next run shows the gap */
        }
        if (run->info.from > covered) {
            note_missing(index, covered, run->info.from);
        }
        covered = run->info.end.position;
        FCT_ASSERT(version->run_count < version->run_room);
        version->runs[version->run_count++] = run;
        if (atomic_load(&index->missing_count) + 2 >= FCT_MISSING_MAX) {
            return fct_fail(err, FACTUM_CORRUPT, "the index has too many gaps");
        }
    }
    if (covered > manifest->covered.position) {
        return fct_fail(err, FACTUM_CORRUPT, "the index manifest covers less than its runs");
    }
    if (covered < manifest->covered.position) {
        note_missing(index, covered, manifest->covered.position);
    }
    return FACTUM_OK;
}

static factum_status start_empty(struct fct_index *index, factum_error *err)
{
    struct fct_version *version = index->version;
    FCT_ASSERT(version->active == NULL);
    while (version->run_count > 0) {
        fct_run_release(version->runs[--version->run_count]);
    }
    index->covered = (struct fct_index_point){.position = 0};
    atomic_store(&index->missing_count, 0);
    return fct_os_random(index->os, &index->seed, sizeof index->seed, err);
}

/* Creates the version, without an active memtable, from the files. */
static factum_status load(struct fct_index *index, factum_error *err)
{
    struct fct_manifest manifest;
    FCT_ASSERT(index->version == NULL);
    factum_status status = fct_manifest_read(&manifest, index->os, index->mem, index->dir, err);
    if (status == FACTUM_NO_MEMORY || status == FACTUM_IO) {
        return status;
    }
    bool found = status == FACTUM_OK;
    bool ours = found && memcmp(manifest.store_id.bytes, index->store_id.bytes,
                                sizeof manifest.store_id.bytes) == 0;
    atomic_store(&index->next_number, found ? manifest.next_number : 1);
    index->version = fct_version_create(index, manifest.run_count);
    if (index->version == NULL) {
        status = fct_fail(err, FACTUM_NO_MEMORY, "open index: out of memory");
        goto done;
    }
    if (!ours) {
        status = start_empty(index, err);
        goto done;
    }
    index->seed = manifest.seed;
    index->generation = manifest.generation;
    index->covered = manifest.covered;
    status = open_runs(index, &manifest, err);
    if (status == FACTUM_CORRUPT) {
        status = start_empty(index, err);
    }
done:
    FCT_ASSERT(status != FACTUM_OK || index->version != NULL);
    fct_manifest_finish(&manifest, index->mem);
    return status;
}

/* Run files that the manifest does not name: up to 64, the next opening finds the others. */
struct stray {
    struct fct_index *index;
    uint64_t numbers[64];
    size_t count;
    uint64_t highest;
};

static bool is_live(const struct fct_index *index, uint64_t number)
{
    FCT_ASSERT(number != 0);
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
    if (number <= FCT_RUN_NUMBER_MAX && number > stray->highest) {
        stray->highest = number;
    }
    if (number != 0 && !is_live(stray->index, number) && stray->count < 64) {
        stray->numbers[stray->count++] = number;
    }
    return FACTUM_OK;
}

/* Deletes the run files that a crash or the loss of a run has left. A run's number is never used
 * twice, also not one whose file could not be deleted. */
static factum_status remove_strays(struct fct_index *index, factum_error *err)
{
    struct stray stray = {.index = index};
    FCT_ASSERT(!index->read_only);
    factum_status status = fct_os_list_dir(index->os, index->dir, note_stray, &stray, err);
    for (size_t i = 0; i < stray.count && status == FACTUM_OK; i++) {
        char name[FCT_RUN_NAME_SIZE];
        fct_run_name(stray.numbers[i], name);
        status = fct_os_unlink_in(index->os, index->dir, name, err);
    }
    if (stray.highest >= atomic_load(&index->next_number)) {
        atomic_store(&index->next_number, stray.highest + 1);
    }
    return status;
}

static factum_status open_parts(struct fct_index *index, factum_error *err)
{
    factum_status status = FACTUM_OK;
    if (!index->read_only) {
        status = fct_os_make_dir(index->os, index->dir, err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    status = load(index, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (!index->read_only && index->generation == 0) {
        /* There was no manifest: the directory may be new, and files synced in it must stay. */
        status = fct_os_make_dir_synced(index->os, index->dir, err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    index->version->active = fct_memtable_create(index->mem, index->covered);
    if (index->version->active == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "open index: out of memory");
    }
    atomic_store(&index->version->whole, atomic_load(&index->missing_count) == 0);
    fct_version_check(index);
    return index->read_only ? FACTUM_OK : remove_strays(index, err);
}

static void set_options(struct fct_index *index, const struct fct_index_options *options)
{
    FCT_ASSERT(options->os != NULL);
    FCT_ASSERT(options->mem != NULL);
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
    set_options(index, options);
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
    fct_index_changed(index);
    fct_thread_join(&index->thread);
    FCT_ASSERT(atomic_load(&index->working) == 0);
    FCT_ASSERT(index->version == NULL || atomic_load(&index->version->references) == 1);
    fct_version_unpin(index, index->version);
    fct_memtable_release(index->rebuild);
    fct_rwlock_finish(&index->lock);
    fct_mutex_finish(&index->maintenance);
    fct_mem_free(index->mem, index);
}

factum_status fct_index_peek(const struct fct_os *os, const char *dir, factum_uuid *store_id,
                             struct fct_index_point *covered, factum_error *err)
{
    struct fct_manifest manifest;
    factum_status status = fct_manifest_read(&manifest, os, fct_mem_heap(), dir, err);
    if (status != FACTUM_OK) {
        return status;
    }
    *store_id = manifest.store_id;
    *covered = manifest.covered;
    fct_manifest_finish(&manifest, fct_mem_heap());
    return FACTUM_OK;
}

/* ---- truncating and removing ----------------------------------------------------------------- */

/* Keeps the |kept| oldest runs, which end at |covered|, and nothing else. With maintenance held. */
static factum_status keep_runs(struct fct_index *index, size_t kept, struct fct_index_point covered,
                               factum_error *err)
{
    struct fct_version_edit edit;
    struct fct_memtable *active = fct_memtable_create(index->mem, covered);
    if (active == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "index: out of memory");
    }
    fct_version_edit_init(&edit, index);
    FCT_ASSERT(kept <= edit.first);
    edit.removed = edit.first - kept;
    edit.first = kept;
    edit.sealed = NULL;
    edit.active = active;
    edit.durable = !index->read_only;
    edit.truncated = true;
    edit.covered = covered;
    edit.missing_count = 0;
    factum_status status = fct_version_apply(index, &edit, err);
    fct_memtable_release(active);
    return status;
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
    FCT_ASSERT(covered.position <= position);
    factum_status status = keep_runs(index, kept, covered, err);
    fct_mutex_unlock(&index->maintenance);
    return status;
}

void fct_index_complete(struct fct_index *index)
{
    fct_mutex_lock(&index->maintenance);
    fct_rwlock_write(&index->lock);
    index->truncated = false;
    atomic_store(&index->version->whole, atomic_load(&index->missing_count) == 0);
    fct_rwlock_unlock(&index->lock);
    fct_version_check(index);
    fct_mutex_unlock(&index->maintenance);
}

struct removal {
    const struct fct_os *os;
    const char *dir;
    factum_error *err;
};

static factum_status remove_own(void *data, const char *name)
{
    const struct removal *removal = data;
    if (fct_run_number(name) == 0 &&
        strncmp(name, FCT_MANIFEST_NAME, strlen(FCT_MANIFEST_NAME)) != 0) {
        return FACTUM_OK;
    }
    return fct_os_unlink_in(removal->os, removal->dir, name, removal->err);
}

factum_status fct_index_remove(const struct fct_os *os, const char *dir, factum_error *err)
{
    struct removal removal = {os, dir, err};
    factum_status status = fct_os_list_dir(os, dir, remove_own, &removal, err);
    if (status == FACTUM_NOT_FOUND) {
        return FACTUM_OK;
    }
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_os_sync_dir(os, dir, err);
}

struct fct_index_point fct_index_covered(struct fct_index *index)
{
    fct_rwlock_read(&index->lock); /* not maintenance: a flush may hold it for long */
    struct fct_index_point covered = index->covered;
    fct_rwlock_unlock(&index->lock);
    return covered;
}

struct fct_index_key fct_index_key(const struct fct_index *index, enum fct_index_kind kind,
                                   factum_slice name)
{
    FCT_ASSERT(kind >= FCT_INDEX_STREAM && kind < FCT_INDEX_BIRTH); /* births have no names */
    struct fct_index_key key = {.hash = fct_hash128(name, index->seed), .kind = kind};
    key.hash.low &= index->hash_mask;
    key.hash.high &= index->hash_mask;
    return key;
}

/* ---- figures --------------------------------------------------------------------------------- */

void fct_index_stats(struct fct_index *index, struct fct_index_stats *stats)
{
    struct fct_version *version = fct_version_pin(index);
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
        stats->keys += info->key_count;
        stats->postings += info->posting_count;
        stats->doubtful_births += info->doubtful;
        FCT_ASSERT(info->filter_size <= info->file_size);
    }
    fct_rwlock_read(&index->lock);
    stats->memory_bytes = version->active->memory;
    stats->memory_bytes += version->sealed == NULL ? 0 : version->sealed->memory;
    stats->doubtful_births += version->active->doubtful;
    stats->doubtful_births += version->sealed == NULL ? 0 : version->sealed->doubtful;
    fct_rwlock_unlock(&index->lock);
    fct_version_unpin(index, version);
}
