/* version.c - what readers see, and how it is replaced. Layer: index. */
#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "index/index_int.h"

bool fct_index_is_whole(const struct fct_index *index)
{
    return atomic_load(&index->missing_count) == 0 && !atomic_load(&index->truncated);
}

struct fct_version *fct_version_pin(struct fct_index *index)
{
    fct_rwlock_read(&index->lock);
    struct fct_version *version = index->version;
    atomic_fetch_add(&version->references, 1);
    fct_rwlock_unlock(&index->lock);
    return version;
}

static void let_go_table(struct fct_memtable *table)
{
    if (table != NULL && atomic_fetch_sub(&table->references, 1) == 1) {
        fct_memtable_destroy(table);
    }
}

void fct_version_unpin(struct fct_index *index, struct fct_version *version)
{
    if (version == NULL || atomic_fetch_sub(&version->references, 1) != 1) {
        return;
    }
    for (size_t i = 0; i < version->run_count; i++) {
        if (atomic_fetch_sub(&version->runs[i]->references, 1) == 1) {
            fct_run_close(version->runs[i]);
        }
    }
    let_go_table(version->sealed);
    let_go_table(version->active);
    fct_mem_free(index->mem, version);
}

struct fct_version *fct_version_make(struct fct_index *index, struct fct_run *const *runs,
                                     size_t run_count, struct fct_memtable *sealed,
                                     struct fct_memtable *active)
{
    struct fct_version *version =
        fct_mem_alloc(index->mem, sizeof *version + run_count * sizeof version->runs[0]);
    if (version == NULL) {
        return NULL;
    }
    atomic_init(&version->references, 1);
    atomic_init(&version->whole, fct_index_is_whole(index));
    version->run_count = run_count;
    for (size_t i = 0; i < run_count; i++) {
        version->runs[i] = runs[i];
        atomic_fetch_add(&runs[i]->references, 1);
    }
    version->sealed = sealed;
    version->active = active;
    if (sealed != NULL) {
        atomic_fetch_add(&sealed->references, 1);
    }
    atomic_fetch_add(&active->references, 1);
    return version;
}

void fct_version_install(struct fct_index *index, struct fct_version *version)
{
    fct_rwlock_write(&index->lock);
    struct fct_version *before = index->version;
    index->version = version;
    fct_rwlock_unlock(&index->lock);
    fct_version_unpin(index, before);
}

void fct_index_quarantine(struct fct_index *index, struct fct_run *run)
{
    fct_mutex_lock(&index->maintenance);
    struct fct_version *version = index->version; /* replaced under maintenance only */
    size_t at = 0;
    while (at < version->run_count && version->runs[at] != run) {
        at++;
    }
    uint32_t missing = atomic_load(&index->missing_count);
    struct fct_run **runs = fct_mem_zalloc(index->mem, version->run_count + 1, sizeof(void *));
    if (at < version->run_count && missing < FCT_MISSING_MAX && runs != NULL) {
        size_t count = 0;
        for (size_t i = 0; i < version->run_count; i++) {
            if (i != at) {
                runs[count++] = version->runs[i];
            }
        }
        index->missing[missing] = (struct fct_missing){run->info.from, run->info.end.position};
        atomic_store(&index->missing_count, missing + 1);
        struct fct_version *without =
            fct_version_make(index, runs, count, version->sealed, version->active);
        if (without == NULL) {
            atomic_store(&index->missing_count, missing); /* the next reader tries again */
        } else {
            fct_log_message(&index->sink, FACTUM_LOG_WARN, "index.run_damaged",
                            "%s is damaged and will be rebuilt", run->path);
            fct_version_install(index, without);
        }
    }
    fct_mem_free(index->mem, (void *)runs);
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
    if (index->healer.heal == NULL || ++*tries > FCT_HEALS_MAX) {
        return false;
    }
    factum_status status = index->healer.heal(index->healer.data, &reason);
    if (status != FACTUM_OK) {
        factum_status told =
            fct_fail(err, FACTUM_CORRUPT,
                     "a part of the index is damaged and cannot be rebuilt: %s", reason.text);
        (void)told; /* the reader has answered it already */
    }
    return status == FACTUM_OK;
}
