/* postings.c - reading the list of a key: over the runs, oldest first, then the memtables.
 * Layer: index.
 *
 * A cursor holds an ordinal and refills its batch from there; since ordinals never change, it needs
 * no snapshot. A refill pins a version, asks each run how many postings of the key it has (one
 * filter probe for those that have none), and reads from where the ordinal falls. What meets damage
 * lets go of the version, has it healed, and begins again at the same ordinal.
 */
#include "core/check.h"
#include "core/error.h"
#include "index/index_int.h"

/* One source of postings of a key: a run or a memtable, and what it has. */
struct source {
    struct fct_run *run; /* or: */
    const struct fct_memtable *table;
    const struct fct_mem_entry *entry; /* in |table| */
    struct fct_run_entry last;         /* of a run */
    uint64_t count;
};

static factum_status look_into_run(struct fct_index *index, struct fct_run *run,
                                   const struct fct_index_key *key, struct source *source,
                                   factum_error *err)
{
    *source = (struct source){.run = run};
    atomic_fetch_add_explicit(&index->filter_probes, 1, memory_order_relaxed);
    if (atomic_load(&run->bad)) {
        return fct_index_damaged(index, run, err);
    }
    factum_status status = fct_run_probe(run, key);
    if (status == FACTUM_DONE) {
        return FACTUM_OK;
    }
    if (status == FACTUM_OK) {
        atomic_fetch_add_explicit(&index->filter_hits, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&index->blocks_read, 1, memory_order_relaxed);
        status = fct_run_find_ordinal(run, key, UINT64_MAX, &source->last);
    }
    if (status == FACTUM_CORRUPT) {
        return fct_index_damaged(index, run, err);
    }
    if (status == FACTUM_OK) {
        source->count = source->last.ordinal + source->last.count;
    }
    return FACTUM_OK;
}

/* The i-th source of a version: runs, then sealed, then active. Memtables with the lock held. */
static factum_status look_into(struct fct_index *index, struct fct_version *version, size_t i,
                               const struct fct_index_key *key, struct source *source,
                               factum_error *err)
{
    if (i < version->run_count) {
        return look_into_run(index, version->runs[i], key, source, err);
    }
    const struct fct_memtable *table = i == version->run_count ? version->sealed : version->active;
    *source = (struct source){.run = NULL};
    source->table = table;
    source->entry = table == NULL ? NULL : fct_memtable_find(table, key);
    if (source->entry != NULL) {
        source->count = fct_mem_entry_shown(table, source->entry);
    }
    return FACTUM_OK;
}

static size_t source_count(const struct fct_version *version)
{
    return version->run_count + 2;
}

/* The lock is taken once for both memtables, so that no posting is seen in neither or twice. */
static void lock_for(struct fct_index *index, const struct fct_version *version, size_t i)
{
    if (i == version->run_count) {
        fct_rwlock_read(&index->lock);
    }
}

/* The version to read; NULL if a part of the index is missing. */
static struct fct_version *begin(struct fct_index *index, factum_error *err)
{
    struct fct_version *version = fct_version_pin(index);
    if (!atomic_load(&version->whole)) {
        fct_version_unpin(index, version);
        (void)fct_index_damaged(index, NULL, err);
        return NULL;
    }
    return version;
}

static factum_status end(struct fct_index *index, struct fct_version *version, bool locked,
                         factum_status status)
{
    if (locked) {
        fct_rwlock_unlock(&index->lock);
    }
    fct_version_unpin(index, version);
    return status;
}

/* ---- whole lists ----------------------------------------------------------------------------- */

static factum_status first_of(const struct source *source, const struct fct_index_key *key,
                              uint64_t *position)
{
    if (source->run == NULL) {
        *position = fct_mem_entry_first(source->entry);
        return FACTUM_OK;
    }
    struct fct_run_entry entry;
    factum_status status = fct_run_find_ordinal(source->run, key, 0, &entry);
    *position = status == FACTUM_OK ? entry.first : 0;
    return status;
}

static factum_status find_once(struct fct_index *index, const struct fct_index_key *key,
                               uint64_t *count, uint64_t *first, uint64_t *last, factum_error *err)
{
    *count = 0;
    struct fct_version *version = begin(index, err);
    if (version == NULL) {
        return FACTUM_CORRUPT;
    }
    factum_status status = FACTUM_OK;
    struct source source;
    bool locked = false;
    for (size_t i = 0; i < source_count(version) && status == FACTUM_OK; i++) {
        lock_for(index, version, i);
        locked = i >= version->run_count;
        status = look_into(index, version, i, key, &source, err);
        if (status != FACTUM_OK || source.count == 0) {
            continue;
        }
        if (*count == 0 && first != NULL && first_of(&source, key, first) != FACTUM_OK) {
            status = fct_index_damaged(index, source.run, err);
        }
        if (last != NULL) {
            *last = source.run == NULL ? fct_mem_entry_last(source.table, source.entry)
                                       : fct_run_entry_last(&source.last);
        }
        *count += source.count;
    }
    return end(index, version, locked, status);
}

factum_status fct_index_find(struct fct_index *index, const struct fct_index_key *key,
                             uint64_t *count, uint64_t *first, uint64_t *last, factum_error *err)
{
    unsigned tries = 0;
    factum_status status;
    do {
        status = find_once(index, key, count, first, last, err);
    } while (status == FACTUM_CORRUPT && fct_index_heal(index, &tries, err));
    return status;
}

/* ---- cursors --------------------------------------------------------------------------------- */

void fct_postings_init(struct fct_postings *postings, struct fct_index *index,
                       const struct fct_index_key *key)
{
    postings->index = index;
    postings->key = *key;
    postings->ordinal = 0;
    postings->at = 0;
    postings->count = 0;
}

void fct_postings_seek(struct fct_postings *postings, uint64_t ordinal)
{
    if (ordinal >= postings->ordinal && ordinal - postings->ordinal <= postings->count) {
        postings->at = (uint32_t)(ordinal - postings->ordinal);
        return;
    }
    postings->ordinal = ordinal;
    postings->at = 0;
    postings->count = 0;
}

uint64_t fct_postings_ordinal(const struct fct_postings *postings)
{
    return postings->ordinal + postings->at;
}

/* Adds what a run has from |ordinal| (its own) on to the batch. */
static factum_status read_run(struct fct_postings *postings, struct source *source,
                              uint64_t ordinal, uint32_t room)
{
    while (ordinal < source->count && room > 0) {
        struct fct_run_entry entry = source->last;
        if (ordinal < entry.ordinal) {
            factum_status status =
                fct_run_find_ordinal(source->run, &postings->key, ordinal, &entry);
            if (status != FACTUM_OK || ordinal >= entry.ordinal + entry.count) {
                return FACTUM_CORRUPT;
            }
        }
        uint64_t position = entry.first;
        const uint8_t *at = entry.deltas;
        for (uint64_t i = entry.ordinal;;) {
            if (i >= ordinal) {
                postings->batch[postings->count++] = position;
                room--;
            }
            if (++i == entry.ordinal + entry.count || room == 0) {
                ordinal = i;
                break;
            }
            at = fct_run_delta(at, entry.end, &position);
        }
    }
    return FACTUM_OK;
}

/* Fills the batch with up to |room| postings from |ordinal| on. */
static factum_status fill_once(struct fct_postings *postings, uint64_t ordinal, uint32_t room,
                               factum_error *err)
{
    struct fct_index *index = postings->index;
    postings->ordinal = ordinal;
    postings->at = 0;
    postings->count = 0;
    struct fct_version *version = begin(index, err);
    if (version == NULL) {
        return FACTUM_CORRUPT;
    }
    factum_status status = FACTUM_OK;
    bool locked = false;
    uint64_t base = 0;
    for (size_t i = 0; i < source_count(version) && status == FACTUM_OK; i++) {
        struct source source;
        if (postings->count == room) {
            break;
        }
        lock_for(index, version, i);
        locked = i >= version->run_count;
        status = look_into(index, version, i, &postings->key, &source, err);
        uint64_t from = ordinal + postings->count;
        if (status == FACTUM_OK && from < base + source.count) {
            uint64_t there = base + source.count - from;
            uint32_t left = room - postings->count;
            left = there < left ? (uint32_t)there : left;
            if (source.run == NULL) {
                postings->count += fct_mem_entry_read(source.entry, from - base,
                                                      postings->batch + postings->count, left);
            } else if (read_run(postings, &source, from - base, left) != FACTUM_OK) {
                status = fct_index_damaged(index, source.run, err);
            }
        }
        base += status == FACTUM_OK ? source.count : 0;
    }
    if (status != FACTUM_OK) {
        postings->count = 0;
    }
    return end(index, version, locked, status);
}

static factum_status fill(struct fct_postings *postings, uint64_t ordinal, uint32_t room,
                          factum_error *err)
{
    unsigned tries = 0;
    factum_status status;
    do {
        status = fill_once(postings, ordinal, room, err);
    } while (status == FACTUM_CORRUPT && fct_index_heal(postings->index, &tries, err));
    return status;
}

factum_status fct_postings_next(struct fct_postings *postings, uint64_t *position,
                                factum_error *err)
{
    if (postings->at == postings->count) {
        factum_status status =
            fill(postings, fct_postings_ordinal(postings), FCT_POSTINGS_BATCH, err);
        if (status != FACTUM_OK) {
            return status;
        }
        if (postings->count == 0) {
            return FACTUM_DONE;
        }
    }
    *position = postings->batch[postings->at++];
    return FACTUM_OK;
}

/* Fills the batch with what is before |end_ordinal|, and stands behind it. */
static factum_status fill_before(struct fct_postings *postings, uint64_t end_ordinal,
                                 factum_error *err)
{
    uint64_t start = end_ordinal > FCT_POSTINGS_BATCH ? end_ordinal - FCT_POSTINGS_BATCH : 0;
    factum_status status = fill(postings, start, (uint32_t)(end_ordinal - start), err);
    if (status != FACTUM_OK || postings->count == 0) {
        postings->ordinal = end_ordinal;
        return status;
    }
    postings->at = postings->count;
    return FACTUM_OK;
}

factum_status fct_postings_previous(struct fct_postings *postings, uint64_t *position,
                                    factum_error *err)
{
    if (postings->at == 0) {
        uint64_t end_ordinal = postings->ordinal;
        uint64_t count = 0;
        factum_status status = fill_before(postings, end_ordinal, err);
        if (status == FACTUM_OK && postings->count == 0 && end_ordinal > 0) { /* past the end */
            status = fct_index_find(postings->index, &postings->key, &count, NULL, NULL, err);
        }
        if (status == FACTUM_OK && count > 0 && count < end_ordinal) {
            status = fill_before(postings, count, err);
        }
        if (status != FACTUM_OK || postings->count == 0) {
            return status == FACTUM_OK ? FACTUM_DONE : status;
        }
    }
    *position = postings->batch[--postings->at];
    return FACTUM_OK;
}

/* The ordinal in |source| of its first posting at or after |position|. */
static factum_status seek_in(const struct source *source, const struct fct_index_key *key,
                             uint64_t position, uint64_t *ordinal)
{
    if (source->run == NULL) {
        uint64_t found = source->entry == NULL ? 0 : fct_mem_entry_seek(source->entry, position);
        *ordinal = found < source->count ? found : source->count; /* what is hidden is behind */
        return FACTUM_OK;
    }
    struct fct_run_entry entry;
    factum_status status = fct_run_find_position(source->run, key, position, &entry);
    if (status != FACTUM_OK) {
        *ordinal = 0;
        return status < 0 ? status : FACTUM_OK;
    }
    uint64_t at_position = entry.first;
    const uint8_t *at = entry.deltas;
    *ordinal = entry.ordinal;
    for (uint64_t i = 1; at_position < position; i++) {
        ++*ordinal;
        if (i == entry.count) {
            break;
        }
        at = fct_run_delta(at, entry.end, &at_position);
    }
    return FACTUM_OK;
}

static factum_status seek_once(struct fct_postings *postings, uint64_t position, factum_error *err)
{
    struct fct_index *index = postings->index;
    struct fct_version *version = begin(index, err);
    if (version == NULL) {
        return FACTUM_CORRUPT;
    }
    factum_status status = FACTUM_OK;
    bool locked = false;
    uint64_t base = 0;
    for (size_t i = 0; i < source_count(version) && status == FACTUM_OK; i++) {
        struct source source;
        lock_for(index, version, i);
        locked = i >= version->run_count;
        status = look_into(index, version, i, &postings->key, &source, err);
        if (status != FACTUM_OK || source.count == 0) {
            continue;
        }
        uint64_t ordinal;
        if (seek_in(&source, &postings->key, position, &ordinal) != FACTUM_OK) {
            status = fct_index_damaged(index, source.run, err);
        } else if (ordinal < source.count) {
            base += ordinal;
            break;
        }
        base += source.count;
    }
    if (status == FACTUM_OK) {
        fct_postings_seek(postings, base);
    }
    return end(index, version, locked, status);
}

factum_status fct_postings_seek_position(struct fct_postings *postings, uint64_t position,
                                         factum_error *err)
{
    unsigned tries = 0;
    factum_status status;
    do {
        status = seek_once(postings, position, err);
    } while (status == FACTUM_CORRUPT && fct_index_heal(postings->index, &tries, err));
    return status;
}

factum_status fct_index_count_between(struct fct_index *index, const struct fct_index_key *key,
                                      uint64_t after, uint64_t upto, uint64_t *count,
                                      factum_error *err)
{
    struct fct_postings postings;
    *count = 0;
    if (upto <= after) {
        return FACTUM_OK;
    }
    fct_postings_init(&postings, index, key);
    factum_status status = fct_postings_seek_position(&postings, after + 1, err);
    uint64_t first = fct_postings_ordinal(&postings);
    if (status == FACTUM_OK && upto < UINT64_MAX) {
        status = fct_postings_seek_position(&postings, upto + 1, err);
        *count = fct_postings_ordinal(&postings) - first;
    } else if (status == FACTUM_OK) {
        status = fct_index_find(index, key, count, NULL, NULL, err);
        *count -= first;
    }
    return status;
}
