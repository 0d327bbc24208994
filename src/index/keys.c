/* keys.c - all keys of a kind: the runs and the memtables walked side by side. Layer: index.
 *
 * A snapshot: the version is pinned, and the memtables' keys with their counts are copied when it
 * is opened.
 */
#include "core/error.h"
#include "index/index_int.h"

/* What a memtable had when the walk began. */
struct copied {
    struct fct_index_key key;
    uint64_t count;
    uint64_t first;
    uint64_t last;
};

struct fct_index_keys {
    struct fct_index *index;
    struct fct_version *version;
    enum fct_index_kind kind;
    struct copied *copied; /* of both memtables: sealed, then active, each in order */
    size_t copied_end[2];
    size_t copied_at[2];
    struct run_at {
        struct fct_run_walk walk;
        struct fct_run_entry entry;
        bool ended;
    } runs[];
};

static factum_status lost_run(struct fct_index_keys *keys, struct fct_run *run, factum_error *err)
{
    fct_index_set_aside(keys->index, run);
    return fct_fail(err, FACTUM_CORRUPT, "a part of the index is damaged and has to be made anew");
}

static factum_status advance_run(struct fct_index_keys *keys, struct run_at *at, factum_error *err)
{
    factum_status status = fct_run_walk_next(&at->walk, &at->entry);
    if (status == FACTUM_CORRUPT) {
        return lost_run(keys, at->walk.run, err);
    }
    at->ended = status == FACTUM_DONE || at->entry.key.kind != keys->kind;
    return FACTUM_OK;
}

static factum_status copy_table(struct fct_index_keys *keys, const struct fct_memtable *table,
                                size_t *count, factum_error *err)
{
    if (table == NULL) {
        return FACTUM_OK;
    }
    struct fct_mem_place *sorted = fct_memtable_sorted(table);
    struct copied *grown = fct_mem_resize(keys->index->mem, keys->copied,
                                          (*count + table->key_count + 1) * sizeof *keys->copied);
    if (grown != NULL) {
        keys->copied = grown;
    }
    if (sorted == NULL || grown == NULL) {
        fct_mem_free(keys->index->mem, sorted);
        return fct_fail(err, FACTUM_NO_MEMORY, "list: out of memory");
    }
    for (uint32_t i = 0; i < table->key_count; i++) {
        const struct fct_mem_entry *entry = sorted[i].entry;
        uint32_t shown = fct_mem_entry_shown(table, entry);
        if (entry->key.kind == keys->kind && shown > 0) {
            keys->copied[(*count)++] = (struct copied){
                entry->key, shown, fct_mem_entry_first(entry), fct_mem_entry_last(table, entry)};
        }
    }
    fct_mem_free(keys->index->mem, sorted);
    return FACTUM_OK;
}

factum_status fct_index_keys_open(struct fct_index *index, enum fct_index_kind kind,
                                  struct fct_index_keys **out, factum_error *err)
{
    *out = NULL;
    struct fct_version *version = fct_version_pin(index);
    if (!atomic_load(&version->whole)) {
        fct_version_unpin(index, version);
        return fct_fail(err, FACTUM_CORRUPT, "a part of the index is missing");
    }
    struct fct_index_keys *keys =
        fct_mem_zalloc(index->mem, 1, sizeof *keys + version->run_count * sizeof keys->runs[0]);
    if (keys == NULL) {
        fct_version_unpin(index, version);
        return fct_fail(err, FACTUM_NO_MEMORY, "list: out of memory");
    }
    keys->index = index;
    keys->version = version;
    keys->kind = kind;
    size_t count = 0;
    fct_rwlock_read(&index->lock);
    factum_status status = copy_table(keys, version->sealed, &count, err);
    keys->copied_end[0] = count;
    keys->copied_at[1] = count;
    if (status == FACTUM_OK) {
        status = copy_table(keys, version->active, &count, err);
    }
    keys->copied_end[1] = count;
    fct_rwlock_unlock(&index->lock);
    for (size_t i = 0; i < version->run_count && status == FACTUM_OK; i++) {
        status = fct_run_walk_kind(&keys->runs[i].walk, version->runs[i], kind);
        status = status == FACTUM_OK ? advance_run(keys, &keys->runs[i], err)
                                     : lost_run(keys, version->runs[i], err);
    }
    if (status != FACTUM_OK) {
        fct_index_keys_close(keys);
        return status;
    }
    *out = keys;
    return FACTUM_OK;
}

static const struct fct_index_key *least_key(const struct fct_index_keys *keys)
{
    const struct fct_index_key *least = NULL;
    for (size_t i = 0; i < keys->version->run_count; i++) {
        const struct fct_index_key *key = &keys->runs[i].entry.key;
        if (!keys->runs[i].ended && (least == NULL || fct_index_key_compare(key, least) < 0)) {
            least = key;
        }
    }
    for (size_t t = 0; t < 2; t++) {
        if (keys->copied_at[t] < keys->copied_end[t]) {
            const struct fct_index_key *key = &keys->copied[keys->copied_at[t]].key;
            least = least == NULL || fct_index_key_compare(key, least) < 0 ? key : least;
        }
    }
    return least;
}

factum_status fct_index_keys_next(struct fct_index_keys *keys, struct fct_index_key *key,
                                  uint64_t *count, uint64_t *first, uint64_t *last,
                                  factum_error *err)
{
    const struct fct_index_key *least = least_key(keys);
    if (least == NULL) {
        return FACTUM_DONE;
    }
    *key = *least;
    *count = 0;
    for (size_t i = 0; i < keys->version->run_count; i++) {
        struct run_at *at = &keys->runs[i];
        while (!at->ended && fct_index_key_equal(&at->entry.key, key)) {
            *first = *count == 0 ? at->entry.first : *first;
            *count += at->entry.count;
            *last = fct_run_entry_last(&at->entry);
            factum_status status = advance_run(keys, at, err);
            if (status != FACTUM_OK) {
                return status;
            }
        }
    }
    for (size_t t = 0; t < 2; t++) {
        const struct copied *copied = &keys->copied[keys->copied_at[t]];
        if (keys->copied_at[t] < keys->copied_end[t] && fct_index_key_equal(&copied->key, key)) {
            *first = *count == 0 ? copied->first : *first;
            *count += copied->count;
            *last = copied->last;
            keys->copied_at[t]++;
        }
    }
    return FACTUM_OK;
}

void fct_index_keys_close(struct fct_index_keys *keys)
{
    if (keys != NULL) {
        fct_version_unpin(keys->index, keys->version);
        fct_mem_free(keys->index->mem, keys->copied);
        fct_mem_free(keys->index->mem, keys);
    }
}
