/* keys.c - all keys of a kind: the runs and the memtables walked side by side. Layer: index.
 *
 * A walk reads a snapshot: the version is pinned, and the keys of the memtables are copied with
 * their counts when the snapshot is taken. When a run turns out to be damaged, the walk drops the
 * snapshot, has the damage healed, and goes on after its last key in a new snapshot.
 *
 * Invariants of a snapshot: copied_at[t] <= copied_end[t]; the copies of the sealed memtable come
 * before those of the active one; a run has ended, or |entry| is its next entry and of |kind|.
 */
#include "index/keys.h"

#include "core/check.h"
#include "core/error.h"
#include "index/index_int.h"

/* What a memtable had of a key when the snapshot was taken. */
struct copied {
    struct fct_index_key key;
    uint64_t count;
    uint64_t first;
    uint64_t last;
};

struct snapshot {
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

struct fct_index_keys {
    struct fct_index *index;
    enum fct_index_kind kind;
    struct snapshot *snapshot; /* NULL: dropped because of damage */
    bool begun;
    struct fct_index_key last; /* if begun: the key that was returned last */
};

static void drop_snapshot(struct snapshot *snapshot)
{
    if (snapshot != NULL) {
        fct_version_unpin(snapshot->index, snapshot->version);
        fct_mem_free(snapshot->index->mem, snapshot->copied);
        fct_mem_free(snapshot->index->mem, snapshot);
    }
}

static void check_snapshot(const struct snapshot *snapshot)
{
    FCT_ASSERT(snapshot->version != NULL);
    FCT_ASSERT(snapshot->copied_at[0] <= snapshot->copied_end[0]);
    FCT_ASSERT(snapshot->copied_end[0] <= snapshot->copied_at[1]);
    FCT_ASSERT(snapshot->copied_at[1] <= snapshot->copied_end[1]);
}

static factum_status advance_run(struct snapshot *snapshot, struct run_at *at, factum_error *err)
{
    FCT_ASSERT(!at->ended);
    factum_status status = fct_run_walk_next(&at->walk, &at->entry);
    if (status == FACTUM_CORRUPT) {
        return fct_index_damaged(snapshot->index, at->walk.run, err);
    }
    at->ended = status == FACTUM_DONE || at->entry.key.kind != snapshot->kind;
    return FACTUM_OK;
}

static factum_status start_run(struct snapshot *snapshot, struct run_at *at, struct fct_run *run,
                               factum_error *err)
{
    if (fct_run_walk_kind(&at->walk, run, snapshot->kind) != FACTUM_OK) {
        return fct_index_damaged(snapshot->index, run, err);
    }
    return advance_run(snapshot, at, err);
}

static factum_status copy_table(struct snapshot *snapshot, const struct fct_memtable *table,
                                size_t *count, factum_error *err)
{
    if (table == NULL) {
        return FACTUM_OK;
    }
    const struct fct_mem *mem = snapshot->index->mem;
    struct fct_mem_place *sorted = fct_memtable_sorted(table);
    struct copied *grown = fct_mem_resize(
        mem, snapshot->copied, (*count + table->key_count + 1) * sizeof *snapshot->copied);
    if (grown != NULL) {
        snapshot->copied = grown;
    }
    if (sorted == NULL || grown == NULL) {
        fct_mem_free(mem, sorted);
        return fct_fail(err, FACTUM_NO_MEMORY, "list: out of memory");
    }
    for (uint32_t i = 0; i < table->key_count; i++) {
        const struct fct_mem_entry *entry = sorted[i].entry;
        uint32_t shown = fct_mem_entry_shown(table, entry);
        if (entry->key.kind == snapshot->kind && shown > 0) {
            snapshot->copied[(*count)++] = (struct copied){
                entry->key, shown, fct_mem_entry_first(entry), fct_mem_entry_last(table, entry)};
        }
    }
    FCT_ASSERT(*count <= (size_t)snapshot->copied_end[0] + table->key_count);
    fct_mem_free(mem, sorted);
    return FACTUM_OK;
}

/* Both memtables under one lock, so that no posting is seen in neither or twice. */
static factum_status copy_tables(struct snapshot *snapshot, factum_error *err)
{
    size_t count = 0;
    fct_rwlock_read(&snapshot->index->lock);
    factum_status status = copy_table(snapshot, snapshot->version->sealed, &count, err);
    snapshot->copied_end[0] = count;
    snapshot->copied_at[1] = count;
    if (status == FACTUM_OK) {
        status = copy_table(snapshot, snapshot->version->active, &count, err);
    }
    snapshot->copied_end[1] = count;
    fct_rwlock_unlock(&snapshot->index->lock);
    return status;
}

static factum_status take_snapshot(struct fct_index_keys *keys, factum_error *err)
{
    struct fct_index *index = keys->index;
    FCT_ASSERT(keys->snapshot == NULL);
    struct fct_version *version = fct_version_pin(index);
    if (!atomic_load(&version->whole)) {
        fct_version_unpin(index, version);
        return fct_index_damaged(index, NULL, err);
    }
    struct snapshot *snapshot = fct_mem_zalloc(
        index->mem, 1, sizeof *snapshot + version->run_count * sizeof snapshot->runs[0]);
    if (snapshot == NULL) {
        fct_version_unpin(index, version);
        return fct_fail(err, FACTUM_NO_MEMORY, "list: out of memory");
    }
    snapshot->index = index;
    snapshot->version = version;
    snapshot->kind = keys->kind;
    factum_status status = copy_tables(snapshot, err);
    for (size_t i = 0; i < version->run_count && status == FACTUM_OK; i++) {
        status = start_run(snapshot, &snapshot->runs[i], version->runs[i], err);
    }
    if (status != FACTUM_OK) {
        drop_snapshot(snapshot);
        return status;
    }
    check_snapshot(snapshot);
    keys->snapshot = snapshot;
    return FACTUM_OK;
}

static const struct fct_index_key *least_key(const struct snapshot *snapshot)
{
    const struct fct_index_key *least = NULL;
    FCT_ASSERT(snapshot->version != NULL);
    for (size_t i = 0; i < snapshot->version->run_count; i++) {
        const struct fct_index_key *key = &snapshot->runs[i].entry.key;
        if (!snapshot->runs[i].ended && (least == NULL || fct_index_key_compare(key, least) < 0)) {
            least = key;
        }
    }
    for (size_t t = 0; t < 2; t++) {
        if (snapshot->copied_at[t] < snapshot->copied_end[t]) {
            const struct fct_index_key *key = &snapshot->copied[snapshot->copied_at[t]].key;
            least = least == NULL || fct_index_key_compare(key, least) < 0 ? key : least;
        }
    }
    return least;
}

/* Adds the postings of a source that come after those of |next|. */
static void add_postings(struct copied *next, uint64_t count, uint64_t first, uint64_t last)
{
    FCT_ASSERT(count > 0);
    next->first = next->count == 0 ? first : next->first;
    next->count += count;
    next->last = last;
}

/* The least key that is left, with its postings in all sources. */
static factum_status snapshot_next(struct snapshot *snapshot, struct copied *next,
                                   factum_error *err)
{
    check_snapshot(snapshot);
    const struct fct_index_key *least = least_key(snapshot);
    if (least == NULL) {
        return FACTUM_DONE;
    }
    *next = (struct copied){.key = *least};
    for (size_t i = 0; i < snapshot->version->run_count; i++) {
        struct run_at *at = &snapshot->runs[i];
        while (!at->ended && fct_index_key_equal(&at->entry.key, &next->key)) {
            const struct fct_run_entry *entry = &at->entry;
            add_postings(next, entry->count, entry->first, fct_run_entry_last(entry));
            factum_status status = advance_run(snapshot, at, err);
            if (status != FACTUM_OK) {
                return status;
            }
        }
    }
    for (size_t t = 0; t < 2; t++) {
        const struct copied *copied = &snapshot->copied[snapshot->copied_at[t]];
        if (snapshot->copied_at[t] < snapshot->copied_end[t] &&
            fct_index_key_equal(&copied->key, &next->key)) {
            add_postings(next, copied->count, copied->first, copied->last);
            snapshot->copied_at[t]++;
        }
    }
    check_snapshot(snapshot);
    return FACTUM_OK;
}

/* The next key that was not returned yet. */
static factum_status next_once(struct fct_index_keys *keys, struct copied *next, factum_error *err)
{
    factum_status status = keys->snapshot == NULL ? take_snapshot(keys, err) : FACTUM_OK;
    FCT_ASSERT(status != FACTUM_OK || keys->snapshot != NULL);
    while (status == FACTUM_OK) {
        status = snapshot_next(keys->snapshot, next, err);
        if (status != FACTUM_OK || !keys->begun ||
            fct_index_key_compare(&next->key, &keys->last) > 0) {
            break;
        }
    }
    if (status == FACTUM_CORRUPT) {
        drop_snapshot(keys->snapshot);
        keys->snapshot = NULL;
    }
    return status;
}

factum_status fct_index_keys_open(struct fct_index *index, enum fct_index_kind kind,
                                  struct fct_index_keys **out, factum_error *err)
{
    unsigned tries = 0;
    factum_status status;
    *out = NULL;
    struct fct_index_keys *keys = fct_mem_zalloc(index->mem, 1, sizeof *keys);
    if (keys == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "list: out of memory");
    }
    keys->index = index;
    keys->kind = kind;
    do {
        status = take_snapshot(keys, err);
    } while (status == FACTUM_CORRUPT && fct_index_heal(index, &tries, err));
    if (status != FACTUM_OK) {
        fct_index_keys_close(keys);
        return status;
    }
    *out = keys;
    return FACTUM_OK;
}

factum_status fct_index_keys_next(struct fct_index_keys *keys, struct fct_index_key *key,
                                  uint64_t *count, uint64_t *first, uint64_t *last,
                                  factum_error *err)
{
    unsigned tries = 0;
    struct copied next;
    factum_status status;
    do {
        status = next_once(keys, &next, err);
    } while (status == FACTUM_CORRUPT && fct_index_heal(keys->index, &tries, err));
    if (status != FACTUM_OK) {
        return status;
    }
    FCT_ASSERT(next.count > 0);
    FCT_ASSERT(next.key.kind == keys->kind);
    keys->begun = true;
    keys->last = next.key;
    *key = next.key;
    *count = next.count;
    *first = next.first;
    *last = next.last;
    return FACTUM_OK;
}

void fct_index_keys_close(struct fct_index_keys *keys)
{
    if (keys != NULL) {
        drop_snapshot(keys->snapshot);
        fct_mem_free(keys->index->mem, keys);
    }
}
