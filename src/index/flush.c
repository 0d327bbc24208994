/* flush.c - memtables become runs, and the background thread. Layer: index.
 *
 * Happy path: the writer seals the active memtable and goes on with an empty one; the background
 * (or whoever needs it) writes the sealed one as a run and syncs it, replaces the manifest, and
 * only then drops the memtable. On failure the memtable stays and the flush is tried again. Nothing
 * is lost, because the log has everything.
 */
#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "index/index_int.h"

#define RETRY_NS UINT64_C(200000000)
#define WRITE_AHEAD 16u /* entries that are prefetched before they are written */

void fct_index_changed(struct fct_index *index)
{
    atomic_fetch_add(&index->changes, 1);
    fct_word_wake(&index->changes, FCT_WAKE_ALL);
}

/* With maintenance held, and nothing sealed. */
static factum_status seal_active(struct fct_index *index, factum_error *err)
{
    struct fct_version_edit edit;
    struct fct_memtable *active = index->version->active;
    FCT_ASSERT(index->version->sealed == NULL);
    fct_memtable_check(active);
    struct fct_memtable *fresh = fct_memtable_create(index->mem, active->end);
    if (fresh == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "index: out of memory");
    }
    fct_version_edit_init(&edit, index);
    edit.sealed = active;
    edit.active = fresh;
    factum_status status = fct_version_apply(index, &edit, err);
    fct_memtable_release(fresh);
    return status;
}

factum_status fct_index_seal(struct fct_index *index, factum_error *err)
{
    FCT_ASSERT(!index->read_only);
    fct_mutex_lock(&index->maintenance);
    factum_status status = FACTUM_OK;
    const struct fct_version *version = index->version;
    const struct fct_memtable *active = version->active;
    if (version->sealed == NULL && active->posting_count > 0 && !active->hides) {
        status = seal_active(index, err);
    }
    fct_mutex_unlock(&index->maintenance);
    if (status == FACTUM_OK && index->threads) {
        fct_index_changed(index);
    }
    return status;
}

static factum_status write_entry(struct fct_run_writer *writer, const struct fct_mem_entry *entry,
                                 factum_error *err)
{
    uint64_t written = 0;
    for (const struct fct_chunk *chunk = entry->head; chunk != NULL; chunk = chunk->next) {
        const struct fct_run_entry postings = {
            .key = entry->key,
            .count = chunk->count,
            .first = chunk->first,
            .deltas = chunk->bytes,
            .end = chunk->bytes + chunk->used,
        };
        FCT_ASSERT(chunk->ordinal == written);
        factum_status status = fct_run_writer_add_entry(writer, &postings, err);
        FCT_ASSERT(status != FACTUM_CORRUPT);
        if (status != FACTUM_OK) {
            return status;
        }
        written += chunk->count;
    }
    FCT_ASSERT(written == entry->count);
    return FACTUM_OK;
}

static factum_status write_entries(struct fct_run_writer *writer,
                                   const struct fct_mem_place *places, size_t count,
                                   factum_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (i + WRITE_AHEAD < count) {
            FCT_PREFETCH(places[i + WRITE_AHEAD].entry);
            FCT_PREFETCH(places[i + WRITE_AHEAD / 2].entry->head);
        }
        factum_status status = write_entry(writer, places[i].entry, err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    return FACTUM_OK;
}

factum_status fct_index_open_written(struct fct_index *index, uint64_t number, struct fct_run **run,
                                     factum_error *err)
{
    factum_error ignored;
    char name[FCT_RUN_NAME_SIZE];
    factum_status status = fct_run_open(run, index->os, index->mem, index->dir, number, err);
    FCT_ASSERT((status == FACTUM_OK) == (*run != NULL));
    if (status == FACTUM_OK) {
        return FACTUM_OK;
    }
    fct_run_name(number, name);
    factum_status removed = fct_os_unlink_in(index->os, index->dir, name, &ignored);
    (void)removed; /* no manifest names the file: the next opening deletes it */
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
    factum_status status = FACTUM_OK;
    *run = NULL;
    fct_memtable_check(table);
    FCT_ASSERT(table->end.position > table->from);
    struct fct_mem_place *places = fct_memtable_sorted(table);
    if (places == NULL) {
        status = fct_fail(err, FACTUM_NO_MEMORY, "write index run: out of memory");
        goto done;
    }
    status = fct_run_writer_create(&writer, index->os, index->mem, index->dir, &info,
                                   table->key_count, err);
    if (status != FACTUM_OK) {
        goto done;
    }
    status = write_entries(writer, places, table->key_count, err);
    if (status != FACTUM_OK) {
        goto done;
    }
    status = fct_run_writer_finish(writer, err);
done:
    fct_run_writer_destroy(writer);
    fct_mem_free(index->mem, places);
    return status == FACTUM_OK ? fct_index_open_written(index, info.number, run, err) : status;
}

/* With maintenance held. */
static factum_status flush_locked(struct fct_index *index, factum_error *err)
{
    struct fct_version_edit edit;
    const struct fct_memtable *table = index->version->sealed;
    if (table == NULL) {
        return FACTUM_OK;
    }
    fct_version_edit_init(&edit, index);
    factum_status status = fct_index_write_run(index, table, &edit.added, err);
    if (status != FACTUM_OK) {
        return status;
    }
    FCT_ASSERT(edit.added->info.from == index->covered.position);
    edit.sealed = NULL;
    edit.durable = true;
    edit.covered = table->end;
    return fct_version_apply(index, &edit, err);
}

factum_status fct_index_flush_sealed(struct fct_index *index, factum_error *err)
{
    fct_mutex_lock(&index->maintenance);
    factum_status status = flush_locked(index, err);
    index->failure = status;
    if (status != FACTUM_OK) {
        index->failure_err = *err;
        fct_log_message(&index->sink, FACTUM_LOG_WARN, "index.flush_failed", "%s", err->text);
    }
    FCT_ASSERT(status != FACTUM_OK || index->version->sealed == NULL);
    fct_mutex_unlock(&index->maintenance);
    return status;
}

/* One merge. Returns whether another one may be due. */
static bool merge_in_background(struct fct_index *index, factum_status *status)
{
    factum_error err;
    uint32_t missing = atomic_load(&index->missing_count);
    *status = fct_index_merge(index, &err);
    if (*status == FACTUM_CANCELLED) { /* by a close, or other runs are due now */
        atomic_store(&index->merge_failure, FACTUM_OK);
        return false;
    }
    if (*status != FACTUM_OK) {
        fct_log_message(&index->sink, FACTUM_LOG_WARN, "index.merge_failed", "%s", err.text);
    }
    /* After a quarantine the next merge has other inputs. */
    bool other = atomic_load(&index->missing_count) > missing;
    atomic_store(&index->merge_failure, other ? FACTUM_OK : (int)*status);
    return *status == FACTUM_OK;
}

void fct_index_background(void *data)
{
    struct fct_index *index = data;
    FCT_ASSERT(index->threads && !index->read_only);
    for (;;) {
        factum_error err;
        bool more = false;
        uint32_t changes = atomic_load(&index->changes);
        if (atomic_load(&index->stop) != 0) {
            return;
        }
        atomic_store(&index->working, 1);
        factum_status status = fct_index_flush_sealed(index, &err);
        /* TOO_BIG: the manifest is full; merges give it room. */
        bool merges = status == FACTUM_OK || status == FACTUM_TOO_BIG;
        if (merges && fct_index_merge_due(index)) {
            more = merge_in_background(index, &status);
        }
        atomic_store(&index->working, 0);
        fct_index_changed(index);
        if (more) {
            continue;
        }
        if (atomic_load(&index->changes) == changes + 1) { /* only our own change */
            fct_word_wait(&index->changes, changes + 1,
                          status == FACTUM_OK ? UINT64_MAX : RETRY_NS);
        }
    }
}
