/* flush.c - memtables become runs. Layer: index.
 *
 * Happy path: seal (a new active memtable; the old one waits) -> the background, or whoever needs
 * it, writes the run, syncs it, replaces the manifest, and only then lets the memtable go. Failure:
 * the memtable stays, and it is tried again; nothing is lost, since the log has it all.
 */
#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "index/index_int.h"

#define RETRY_NS UINT64_C(200000000)
#define WRITE_AHEAD 16u /* entries that are fetched before they are written */

void fct_index_changed(struct fct_index *index)
{
    atomic_fetch_add(&index->changes, 1);
    fct_word_wake(&index->changes, UINT32_MAX >> 1);
}

factum_status fct_index_seal(struct fct_index *index, factum_error *err)
{
    fct_mutex_lock(&index->maintenance);
    struct fct_version *version = index->version;
    factum_status status = FACTUM_OK;
    const struct fct_memtable *active = version->active;
    if (version->sealed == NULL && active->posting_count > 0 && !active->hides) {
        struct fct_memtable *fresh = fct_memtable_create(index->mem, active->end);
        struct fct_version *next = fresh == NULL
                                       ? NULL
                                       : fct_version_make(index, version->runs, version->run_count,
                                                          version->active, fresh);
        if (next == NULL) {
            fct_memtable_destroy(fresh);
            status = fct_fail(err, FACTUM_NO_MEMORY, "index: out of memory");
        } else {
            atomic_fetch_sub(&fresh->references, 1); /* the version has it */
            fct_version_install(index, next);
        }
    }
    fct_mutex_unlock(&index->maintenance);
    if (status == FACTUM_OK && index->threads) {
        fct_index_changed(index);
    }
    return status;
}

static factum_status write_entries(struct fct_run_writer *writer,
                                   const struct fct_mem_place *places, size_t count,
                                   factum_error *err)
{
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < count && status == FACTUM_OK; i++) {
        const struct fct_mem_entry *entry = places[i].entry;
        if (i + WRITE_AHEAD < count) {
            FCT_PREFETCH(places[i + WRITE_AHEAD].entry);
            FCT_PREFETCH(places[i + WRITE_AHEAD / 2].entry->head);
        }
        const struct fct_chunk *chunk = entry->head;
        for (; chunk != NULL && status == FACTUM_OK; chunk = chunk->next) {
            const struct fct_run_entry postings = {
                .key = entry->key,
                .count = chunk->count,
                .first = chunk->first,
                .deltas = chunk->bytes,
                .end = chunk->bytes + chunk->used,
            };
            status = fct_run_writer_add_entry(writer, &postings, err);
            FCT_ASSERT(status != FACTUM_CORRUPT);
        }
    }
    return status;
}

factum_status fct_index_open_written(struct fct_index *index, uint64_t number, struct fct_run **run,
                                     factum_error *err)
{
    char name[FCT_RUN_NAME_SIZE];
    char path[FCT_PATH_SIZE];
    factum_status status = fct_run_open(run, index->os, index->mem, index->dir, number, err);
    fct_run_name(number, name);
    if (status != FACTUM_OK && fct_path_join(path, index->dir, name, NULL) == FACTUM_OK) {
        factum_status removed = fct_os_unlink(index->os, path, NULL);
        (void)removed; /* no manifest names it: the next opening removes it */
    }
    return status;
}

factum_status fct_index_write_run(struct fct_index *index, const struct fct_memtable *table,
                                  struct fct_run **run, factum_error *err)
{
    struct fct_run_info info = {
        .store_id = index->store_id,
        .seed = index->seed,
        .number = atomic_fetch_add(&index->next_number, 1),
        .from = table->from,
        .end = table->end,
        .doubtful = table->doubtful,
    };
    struct fct_run_writer *writer = NULL;
    *run = NULL;
    struct fct_mem_place *places = fct_memtable_sorted(table);
    factum_status status = places == NULL
                               ? fct_fail(err, FACTUM_NO_MEMORY, "write index run: out of memory")
                               : fct_run_writer_create(&writer, index->os, index->mem, index->dir,
                                                       &info, table->key_count, err);
    if (status == FACTUM_OK && places != NULL) {
        status = write_entries(writer, places, table->key_count, err);
    }
    if (status == FACTUM_OK) {
        status = fct_run_writer_finish(writer, err);
    }
    fct_run_writer_destroy(writer);
    fct_mem_free(index->mem, places);
    if (status == FACTUM_OK) {
        status = fct_index_open_written(index, info.number, run, err);
    }
    return status;
}

factum_status fct_index_save(struct fct_index *index, struct fct_run *const *runs, size_t run_count,
                             struct fct_index_point covered, factum_error *err)
{
    struct fct_manifest manifest = {
        .store_id = index->store_id,
        .seed = index->seed,
        .next_number = atomic_load(&index->next_number),
        .generation = index->generation + 1,
        .covered = covered,
        .run_count = (uint32_t)run_count,
    };
    if (run_count > FCT_MANIFEST_RUNS_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "the index has too many runs");
    }
    manifest.runs = fct_mem_zalloc(index->mem, run_count + 1, sizeof *manifest.runs);
    if (manifest.runs == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "write the index manifest: out of memory");
    }
    for (size_t i = 0; i < run_count; i++) {
        manifest.runs[i] = (struct fct_manifest_run){
            .number = runs[i]->info.number,
            .from = runs[i]->info.from,
            .to = runs[i]->info.end.position,
            .level = runs[i]->info.level,
        };
    }
    factum_status status = fct_manifest_write(&manifest, index->os, index->mem, index->dir, err);
    fct_manifest_finish(&manifest, index->mem);
    if (status == FACTUM_OK) {
        index->generation++;
        fct_index_set_covered(index, covered);
    }
    return status;
}

/* With maintenance held. */
static factum_status flush_locked(struct fct_index *index, factum_error *err)
{
    struct fct_version *version = index->version;
    struct fct_memtable *table = version->sealed;
    if (table == NULL) {
        return FACTUM_OK;
    }
    struct fct_run *run = NULL;
    struct fct_run **runs = fct_mem_zalloc(index->mem, version->run_count + 1, sizeof(void *));
    factum_status status = runs == NULL ? fct_fail(err, FACTUM_NO_MEMORY, "index: out of memory")
                                        : fct_index_write_run(index, table, &run, err);
    struct fct_version *next = NULL;
    if (status == FACTUM_OK && runs != NULL) {
        for (size_t i = 0; i < version->run_count; i++) {
            runs[i] = version->runs[i];
        }
        runs[version->run_count] = run;
        next = fct_version_make(index, runs, version->run_count + 1, NULL, version->active);
        status = next == NULL
                     ? fct_fail(err, FACTUM_NO_MEMORY, "index: out of memory")
                     : fct_index_save(index, runs, version->run_count + 1, table->end, err);
    }
    if (run != NULL) {
        run->obsolete = status != FACTUM_OK;
        if (atomic_fetch_sub(&run->references, 1) == 1) {
            fct_run_close(run);
        }
    }
    if (status == FACTUM_OK) {
        fct_version_install(index, next);
    } else {
        fct_version_unpin(index, next);
    }
    fct_mem_free(index->mem, (void *)runs);
    return status;
}

factum_status fct_index_flush_sealed(struct fct_index *index, factum_error *err)
{
    factum_error own;
    factum_error *reason = err == NULL ? &own : err;
    fct_mutex_lock(&index->maintenance);
    factum_status status = flush_locked(index, reason);
    index->failure = status;
    if (status != FACTUM_OK) {
        index->failure_err = *reason;
        fct_log_message(&index->sink, FACTUM_LOG_WARN, "index.flush_failed", "%s", reason->text);
    }
    fct_mutex_unlock(&index->maintenance);
    return status;
}

void fct_index_background(void *data)
{
    struct fct_index *index = data;
    for (;;) {
        uint32_t word = atomic_load(&index->changes);
        if (atomic_load(&index->stop) != 0) {
            return;
        }
        atomic_store(&index->working, 1);
        factum_status status = fct_index_flush_sealed(index, NULL);
        bool more = false;
        bool merges = status == FACTUM_OK || status == FACTUM_TOO_BIG; /* there are too many runs */
        if (merges && fct_index_merge_due(index)) {
            factum_error err;
            uint32_t missing = atomic_load(&index->missing_count);
            status = fct_index_merge(index, &err);
            more = status == FACTUM_OK;
            if (!more && status != FACTUM_CANCELLED) { /* the store is being closed: no news */
                fct_log_message(&index->sink, FACTUM_LOG_WARN, "index.merge_failed", "%s",
                                err.text);
            }
            /* With a run set aside the next merge is another one. */
            bool other = status == FACTUM_CANCELLED || atomic_load(&index->missing_count) > missing;
            atomic_store(&index->merge_failure, other ? FACTUM_OK : (int)status);
        }
        atomic_store(&index->working, 0);
        fct_index_changed(index);
        if (more) {
            continue;
        }
        if (atomic_load(&index->changes) == word + 1) { /* nothing new but our own sign */
            fct_word_wait(&index->changes, word + 1, status == FACTUM_OK ? UINT64_MAX : RETRY_NS);
        }
    }
}
