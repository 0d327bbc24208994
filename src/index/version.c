/* version.c - what readers see, the one way to change it, and what happens to damaged runs.
 * Layer: index. The invariants are those of index_int.h. */
#include <inttypes.h>

#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "index/index_int.h"

/* ---- references ------------------------------------------------------------------------------ */

struct fct_version *fct_version_create(const struct fct_index *index, size_t run_room)
{
    struct fct_version *version =
        fct_mem_zalloc(index->mem, 1, sizeof *version + run_room * sizeof version->runs[0]);
    if (version == NULL) {
        return NULL;
    }
    atomic_init(&version->references, 1);
    version->run_room = run_room;
    return version;
}

struct fct_version *fct_version_pin(struct fct_index *index)
{
    fct_rwlock_read(&index->lock);
    struct fct_version *version = index->version;
    uint32_t before = atomic_fetch_add(&version->references, 1);
    fct_rwlock_unlock(&index->lock);
    FCT_ASSERT(before > 0);
    return version;
}

void fct_version_unpin(const struct fct_index *index, struct fct_version *version)
{
    if (version == NULL) {
        return;
    }
    uint32_t before = atomic_fetch_sub(&version->references, 1);
    FCT_ASSERT(before > 0);
    if (before > 1) {
        return;
    }
    for (size_t i = 0; i < version->run_count; i++) {
        fct_run_release(version->runs[i]);
    }
    fct_memtable_release(version->sealed);
    fct_memtable_release(version->active);
    fct_mem_free(index->mem, version);
}

size_t fct_version_place_of(const struct fct_version *version, const struct fct_run *run)
{
    size_t i = 0;
    while (i < version->run_count && version->runs[i] != run) {
        i++;
    }
    return i;
}

/* ---- invariants ------------------------------------------------------------------------------ */

static void check_tables(const struct fct_index *index)
{
    const struct fct_memtable *sealed = index->version->sealed;
    const struct fct_memtable *active = index->version->active;
    FCT_ASSERT(active != NULL);
    FCT_ASSERT(active != sealed);
    if (sealed == NULL) {
        FCT_ASSERT(active->from == index->covered.position); /* 3 */
        return;
    }
    FCT_ASSERT(sealed->from == index->covered.position); /* 3 */
    FCT_ASSERT(sealed->end.position == active->from);    /* 3 */
    FCT_ASSERT(sealed->posting_count > 0);               /* 4 */
    FCT_ASSERT(!sealed->hides);                          /* 4 */
}

void fct_version_check(const struct fct_index *index)
{
    const struct fct_version *version = index->version;
    uint64_t missing = 0; /* bytes of the log */
    uint64_t gaps = 0;
    uint64_t end = 0;
    uint32_t missing_count = atomic_load(&index->missing_count);
    FCT_ASSERT(atomic_load(&version->references) > 0);
    FCT_ASSERT(version->run_count <= version->run_room);
    FCT_ASSERT(missing_count <= FCT_MISSING_MAX);
    check_tables(index);
    for (size_t i = 0; i < version->run_count; i++) {
        const struct fct_run_info *info = &version->runs[i]->info;
        FCT_ASSERT(info->from >= end); /* 1 */
        FCT_ASSERT(info->end.position >= info->from);
        gaps += info->from - end;
        end = info->end.position;
    }
    FCT_ASSERT(end <= index->covered.position); /* 2 */
    gaps += index->covered.position - end;
    for (uint32_t i = 0; i < missing_count; i++) {
        FCT_ASSERT(index->missing[i].from < index->missing[i].to);
        missing += index->missing[i].to - index->missing[i].from;
    }
    FCT_ASSERT(missing == gaps);                                                           /* 2 */
    FCT_ASSERT(atomic_load(&version->whole) == (missing_count == 0 && !index->truncated)); /* 5 */
}

/* ---- edits ----------------------------------------------------------------------------------- */

void fct_version_edit_init(struct fct_version_edit *edit, const struct fct_index *index)
{
    const struct fct_version *version = index->version;
    FCT_ASSERT(version != NULL);
    *edit = (struct fct_version_edit){
        .first = version->run_count,
        .sealed = version->sealed,
        .active = version->active,
        .truncated = index->truncated,
        .covered = index->covered,
        .missing_count = atomic_load(&index->missing_count),
    };
    FCT_ASSERT(edit->missing_count <= FCT_MISSING_MAX);
    for (uint32_t i = 0; i < edit->missing_count; i++) {
        edit->missing[i] = index->missing[i];
    }
}

static void add_runs(struct fct_version *version, struct fct_run *const *runs, size_t count)
{
    FCT_ASSERT(version->run_count + count <= version->run_room);
    for (size_t i = 0; i < count; i++) {
        fct_run_retain(runs[i]);
        version->runs[version->run_count++] = runs[i];
    }
}

/* The current version with the edit applied; NULL without memory. */
static struct fct_version *edited(const struct fct_index *index,
                                  const struct fct_version_edit *edit)
{
    const struct fct_version *before = index->version;
    size_t rest = edit->first + edit->removed;
    FCT_ASSERT(rest <= before->run_count);
    struct fct_version *after =
        fct_version_create(index, before->run_count - edit->removed + (edit->added != NULL));
    if (after == NULL) {
        return NULL;
    }
    add_runs(after, before->runs, edit->first);
    if (edit->added != NULL) {
        add_runs(after, &edit->added, 1);
    }
    add_runs(after, before->runs + rest, before->run_count - rest);
    if (edit->sealed != NULL) {
        fct_memtable_retain(edit->sealed);
    }
    fct_memtable_retain(edit->active);
    after->sealed = edit->sealed;
    after->active = edit->active;
    atomic_init(&after->whole, edit->missing_count == 0 && !edit->truncated);
    return after;
}

/* Replaces the manifest by one that names the runs of |version|. */
static factum_status save(struct fct_index *index, const struct fct_version *version,
                          struct fct_index_point covered, factum_error *err)
{
    size_t run_count = version->run_count;
    FCT_ASSERT(!index->read_only);
    if (run_count > FCT_MANIFEST_RUNS_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "the index has %zu runs; a manifest names %u at most",
                        run_count, FCT_MANIFEST_RUNS_MAX);
    }
    struct fct_manifest manifest = {
        .store_id = index->store_id,
        .seed = index->seed,
        .next_number = atomic_load(&index->next_number),
        .generation = index->generation + 1,
        .covered = covered,
        .run_count = (uint32_t)run_count,
        .runs = fct_mem_zalloc(index->mem, run_count + 1, sizeof *manifest.runs),
    };
    if (manifest.runs == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "write the index manifest: out of memory");
    }
    for (size_t i = 0; i < run_count; i++) {
        const struct fct_run_info *info = &version->runs[i]->info;
        manifest.runs[i] = (struct fct_manifest_run){
            .number = info->number,
            .from = info->from,
            .to = info->end.position,
            .level = info->level,
        };
    }
    factum_status status = fct_manifest_write(&manifest, index->os, index->mem, index->dir, err);
    fct_manifest_finish(&manifest, index->mem);
    if (status == FACTUM_OK) {
        index->generation++;
    }
    return status;
}

/* The moment in which an edit takes effect. Returns the version before. */
static struct fct_version *install(struct fct_index *index, const struct fct_version_edit *edit,
                                   struct fct_version *after)
{
    fct_rwlock_write(&index->lock);
    struct fct_version *before = index->version;
    FCT_ASSERT(before != after);
    index->version = after;
    index->covered = edit->covered;
    index->truncated = edit->truncated;
    for (uint32_t i = 0; i < edit->missing_count; i++) {
        index->missing[i] = edit->missing[i];
    }
    atomic_store(&index->missing_count, edit->missing_count);
    fct_rwlock_unlock(&index->lock);
    return before;
}

factum_status fct_version_apply(struct fct_index *index, const struct fct_version_edit *edit,
                                factum_error *err)
{
    fct_version_check(index);
    factum_status status = FACTUM_OK;
    struct fct_version *unused = edited(index, edit);
    if (unused == NULL) {
        status = fct_fail(err, FACTUM_NO_MEMORY, "index: out of memory");
        goto done;
    }
    if (edit->durable) {
        status = save(index, unused, edit->covered, err);
        if (status != FACTUM_OK) {
            goto done;
        }
        for (size_t i = 0; i < edit->removed; i++) {
            index->version->runs[edit->first + i]->obsolete = true;
        }
    }
    unused = install(index, edit, unused);
done:
    if (status != FACTUM_OK && edit->added != NULL) {
        edit->added->obsolete = true;
    }
    fct_run_release(edit->added);
    fct_version_unpin(index, unused);
    fct_version_check(index);
    return status;
}

/* ---- damage ---------------------------------------------------------------------------------- */

void fct_index_quarantine(struct fct_index *index, struct fct_run *run)
{
    struct fct_version_edit edit;
    factum_error ignored;
    FCT_ASSERT(run->info.from < run->info.end.position);
    fct_mutex_lock(&index->maintenance);
    fct_version_edit_init(&edit, index);
    edit.first = fct_version_place_of(index->version, run);
    edit.removed = 1;
    if (edit.first == index->version->run_count || edit.missing_count == FCT_MISSING_MAX) {
        goto done;
    }
    edit.missing[edit.missing_count++] =
        (struct fct_missing){run->info.from, run->info.end.position};
    if (fct_version_apply(index, &edit, &ignored) == FACTUM_OK) {
        fct_log_message(&index->sink, FACTUM_LOG_WARN, "index.run_damaged",
                        "%s is damaged and will be rebuilt", run->path);
    }
done:
    fct_mutex_unlock(&index->maintenance);
}

factum_status fct_index_damaged(struct fct_index *index, struct fct_run *run, factum_error *err)
{
    if (run != NULL) {
        fct_index_quarantine(index, run);
    }
    return fct_fail(err, FACTUM_CORRUPT, "a part of the index is damaged and has to be rebuilt");
}

bool fct_index_heal(struct fct_index *index, unsigned *tries, factum_error *err)
{
    factum_error reason = {.os_error = 0};
    FCT_ASSERT(*tries <= FCT_HEALS_MAX);
    if (index->healer.heal == NULL || *tries == FCT_HEALS_MAX) {
        return false;
    }
    ++*tries;
    factum_status status = index->healer.heal(index->healer.data, &reason);
    if (status != FACTUM_OK) {
        (void)fct_fail(err, FACTUM_CORRUPT,
                       "a part of the index is damaged and cannot be rebuilt: %s", reason.text);
    }
    return status == FACTUM_OK;
}
