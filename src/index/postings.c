/* postings.c - reading the list of a key: over the runs, oldest first, then the memtables.
 * Layer: index.
 *
 * A cursor holds an ordinal and refills its batch from there; since ordinals never change, it needs
 * no snapshot. A refill pins a version, asks each run how many postings of the key it has (one
 * filter probe for a run that has none), and reads from where the ordinal is. A reader that meets
 * damage unpins the version, has the damage healed, and starts again at the same ordinal.
 *
 * Invariants of a cursor: at <= count <= FCT_POSTINGS_BATCH; batch[i] is the posting with the
 * ordinal |ordinal| + i.
 */
#include "core/check.h"
#include "core/error.h"
#include "index/index_int.h"

/* ---- the sources of a key -------------------------------------------------------------------- */

/* A run or a memtable, and what it has of a key. */
struct source {
    struct fct_run *run;              /* or: */
    const struct fct_memtable *table; /* with the lock held */
    const struct fct_mem_entry *entry;
    struct fct_run_entry last; /* of the key in |run| */
    uint64_t count;            /* postings */
};

/* Visits the sources that have postings of a key, in the order of its list: the runs, oldest first,
 * then the sealed and the active memtable. Both memtables are read under one lock, so that no
 * posting is seen in neither or in both. */
struct sources {
    struct fct_index *index;
    const struct fct_index_key *key;
    struct fct_version *version; /* pinned; NULL: closed */
    size_t next;                 /* a run; after them the memtables */
    bool locked;
    uint64_t base; /* postings in the sources before |current|: the ordinal of its first one */
    struct source current;
};

/* Errors: CORRUPT (a range is missing); nothing is open then. */
static factum_status sources_open(struct sources *sources, struct fct_index *index,
                                  const struct fct_index_key *key, factum_error *err)
{
    *sources = (struct sources){.index = index, .key = key, .version = fct_version_pin(index)};
    if (atomic_load(&sources->version->whole)) {
        return FACTUM_OK;
    }
    fct_version_unpin(index, sources->version);
    sources->version = NULL;
    return fct_index_damaged(index, NULL, err);
}

static void sources_close(struct sources *sources)
{
    if (sources->version == NULL) {
        return;
    }
    FCT_ASSERT(!sources->locked || sources->next > sources->version->run_count);
    if (sources->locked) {
        fct_rwlock_unlock(&sources->index->lock);
    }
    fct_version_unpin(sources->index, sources->version);
    sources->version = NULL;
}

/* OK also if |run| has no posting of the key: count is 0 then. */
static factum_status look_into_run(struct sources *sources, struct fct_run *run)
{
    struct fct_index *index = sources->index;
    struct source *source = &sources->current;
    FCT_ASSERT(!sources->locked); /* reading a run may wait for the disk */
    *source = (struct source){.run = run};
    atomic_fetch_add_explicit(&index->filter_probes, 1, memory_order_relaxed);
    if (atomic_load(&run->bad)) {
        return FACTUM_CORRUPT;
    }
    factum_status status = fct_run_probe(run, sources->key);
    if (status == FACTUM_OK) {
        atomic_fetch_add_explicit(&index->filter_hits, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&index->blocks_read, 1, memory_order_relaxed);
        status = fct_run_find_ordinal(run, sources->key, UINT64_MAX, &source->last);
    }
    if (status == FACTUM_OK) {
        source->count = source->last.ordinal + source->last.count;
    }
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

static void look_into_table(struct sources *sources, const struct fct_memtable *table)
{
    struct source *source = &sources->current;
    *source = (struct source){.table = table};
    FCT_ASSERT(sources->locked);
    if (table == NULL) {
        return;
    }
    source->entry = fct_memtable_find(table, sources->key);
    if (source->entry != NULL) {
        source->count = fct_mem_entry_shown(table, source->entry);
    }
}

/* Answers for damage in the current source: its run is quarantined. */
static factum_status sources_damaged(struct sources *sources, factum_error *err)
{
    FCT_ASSERT(!sources->locked); /* memtables are not damaged, and quarantine takes the lock */
    return fct_index_damaged(sources->index, sources->current.run, err);
}

/* To the next source that has postings: OK, or DONE. */
static factum_status sources_next(struct sources *sources, factum_error *err)
{
    const struct fct_version *version = sources->version;
    FCT_ASSERT(version != NULL);
    sources->base += sources->current.count;
    for (;;) {
        size_t i = sources->next++;
        if (i < version->run_count) {
            if (look_into_run(sources, version->runs[i]) != FACTUM_OK) {
                return sources_damaged(sources, err);
            }
        } else if (i == version->run_count) {
            fct_rwlock_read(&sources->index->lock);
            sources->locked = true;
            look_into_table(sources, version->sealed);
        } else if (i == version->run_count + 1) {
            look_into_table(sources, version->active);
        } else {
            sources->current.count = 0;
            return FACTUM_DONE;
        }
        if (sources->current.count > 0) {
            return FACTUM_OK;
        }
    }
}

/* ---- whole lists ----------------------------------------------------------------------------- */

static factum_status source_first(struct sources *sources, uint64_t *position, factum_error *err)
{
    const struct source *source = &sources->current;
    FCT_ASSERT(source->count > 0);
    if (source->run == NULL) {
        *position = fct_mem_entry_first(source->entry);
        return FACTUM_OK;
    }
    struct fct_run_entry entry;
    if (fct_run_find_ordinal(source->run, sources->key, 0, &entry) != FACTUM_OK) {
        return sources_damaged(sources, err);
    }
    *position = entry.first;
    return FACTUM_OK;
}

static uint64_t source_last(const struct source *source)
{
    FCT_ASSERT(source->count > 0);
    return source->run == NULL ? fct_mem_entry_last(source->table, source->entry)
                               : fct_run_entry_last(&source->last);
}

static factum_status find_once(struct fct_index *index, const struct fct_index_key *key,
                               uint64_t *count, uint64_t *first, uint64_t *last, factum_error *err)
{
    struct sources sources;
    *count = 0;
    factum_status status = sources_open(&sources, index, key, err);
    while (status == FACTUM_OK) {
        status = sources_next(&sources, err);
        if (status != FACTUM_OK) {
            break;
        }
        if (*count == 0 && first != NULL) {
            status = source_first(&sources, first, err);
        }
        if (last != NULL) {
            *last = source_last(&sources.current);
        }
        *count += sources.current.count;
    }
    sources_close(&sources);
    return status == FACTUM_DONE ? FACTUM_OK : status;
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

static void check_postings(const struct fct_postings *postings)
{
    FCT_ASSERT(postings->at <= postings->count);
    FCT_ASSERT(postings->count <= FCT_POSTINGS_BATCH);
}

/* Drops the batch; the next one begins at |ordinal|. */
static void postings_empty(struct fct_postings *postings, uint64_t ordinal)
{
    postings->ordinal = ordinal;
    postings->at = 0;
    postings->count = 0;
}

void fct_postings_init(struct fct_postings *postings, struct fct_index *index,
                       const struct fct_index_key *key)
{
    postings->index = index;
    postings->key = *key;
    postings_empty(postings, 0);
    check_postings(postings);
}

void fct_postings_seek(struct fct_postings *postings, uint64_t ordinal)
{
    check_postings(postings);
    if (ordinal >= postings->ordinal && ordinal - postings->ordinal <= postings->count) {
        postings->at = (uint32_t)(ordinal - postings->ordinal);
        check_postings(postings);
        return;
    }
    postings_empty(postings, ordinal);
}

uint64_t fct_postings_ordinal(const struct fct_postings *postings)
{
    return postings->ordinal + postings->at;
}

/* Appends up to |room| postings to the batch: those of |entry| from |ordinal| (in the run) on.
 * Returns how many. */
static uint32_t take_entry(struct fct_postings *postings, const struct fct_run_entry *entry,
                           uint64_t ordinal, uint32_t room)
{
    uint64_t position = entry->first;
    const uint8_t *at = entry->deltas;
    uint32_t taken = 0;
    FCT_ASSERT(room > 0);
    for (uint64_t i = entry->ordinal;;) {
        if (i >= ordinal) {
            postings->batch[postings->count++] = position;
            taken++;
        }
        if (++i == entry->ordinal + entry->count || taken == room) {
            return taken;
        }
        at = fct_run_delta(at, entry->end, &position);
    }
}

/* Appends |room| postings of a run from |ordinal| (its own) on. CORRUPT: not all are found. */
static factum_status read_run(struct fct_postings *postings, const struct source *source,
                              uint64_t ordinal, uint32_t room)
{
    FCT_ASSERT(source->run != NULL);
    while (room > 0) {
        struct fct_run_entry entry = source->last;
        if (ordinal < entry.ordinal) {
            factum_status status =
                fct_run_find_ordinal(source->run, &postings->key, ordinal, &entry);
            if (status != FACTUM_OK || ordinal >= entry.ordinal + entry.count) {
                return FACTUM_CORRUPT;
            }
        }
        uint32_t taken = take_entry(postings, &entry, ordinal, room);
        room -= taken;
        ordinal += taken;
    }
    return FACTUM_OK;
}

/* Appends what the current source has of the |room| postings that start at |ordinal|. */
static factum_status fill_from(struct fct_postings *postings, struct sources *sources,
                               uint64_t ordinal, uint32_t room, factum_error *err)
{
    const struct source *source = &sources->current;
    uint64_t from = ordinal + postings->count; /* the next that is wanted */
    if (from >= sources->base + source->count) {
        return FACTUM_OK; /* all of the source is before it */
    }
    FCT_ASSERT(from >= sources->base);
    uint64_t have = sources->base + source->count - from;
    uint32_t wanted = room - postings->count;
    wanted = have < wanted ? (uint32_t)have : wanted;
    from -= sources->base;
    if (source->run == NULL) {
        uint32_t got =
            fct_mem_entry_read(source->entry, from, postings->batch + postings->count, wanted);
        FCT_ASSERT(got == wanted);
        postings->count += got;
        return FACTUM_OK;
    }
    return read_run(postings, source, from, wanted) == FACTUM_OK ? FACTUM_OK
                                                                 : sources_damaged(sources, err);
}

/* Fills the batch with up to |room| postings from |ordinal| on. */
static factum_status fill_once(struct fct_postings *postings, uint64_t ordinal, uint32_t room,
                               factum_error *err)
{
    struct sources sources;
    FCT_ASSERT(room <= FCT_POSTINGS_BATCH);
    postings_empty(postings, ordinal);
    factum_status status = sources_open(&sources, postings->index, &postings->key, err);
    while (status == FACTUM_OK && postings->count < room) {
        status = sources_next(&sources, err);
        if (status == FACTUM_OK) {
            status = fill_from(postings, &sources, ordinal, room, err);
        }
    }
    sources_close(&sources);
    if (status < 0) {
        postings->count = 0;
        return status;
    }
    check_postings(postings);
    return FACTUM_OK;
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
    FCT_ASSERT(postings->at <= postings->count);
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

/* Fills the batch with the postings before |end_ordinal|, and moves after the last of them. */
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
    check_postings(postings);
    return FACTUM_OK;
}

factum_status fct_postings_previous(struct fct_postings *postings, uint64_t *position,
                                    factum_error *err)
{
    FCT_ASSERT(postings->at <= postings->count);
    if (postings->at == 0) {
        uint64_t end_ordinal = postings->ordinal;
        uint64_t count = 0;
        factum_status status = fill_before(postings, end_ordinal, err);
        if (status == FACTUM_OK && postings->count == 0 &&
            end_ordinal > 0) { /* |end_ordinal| is past the end */
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
    FCT_ASSERT(source->count > 0);
    if (source->run == NULL) {
        uint64_t found = fct_mem_entry_seek(source->entry, position);
        *ordinal = found < source->count ? found : source->count; /* hidden ones come last */
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
    struct sources sources;
    factum_status status = sources_open(&sources, postings->index, &postings->key, err);
    if (status != FACTUM_OK) {
        return status;
    }
    uint64_t ordinal = 0; /* in the current source */
    while ((status = sources_next(&sources, err)) == FACTUM_OK) {
        if (seek_in(&sources.current, &postings->key, position, &ordinal) != FACTUM_OK) {
            status = sources_damaged(&sources, err);
            break;
        }
        if (ordinal < sources.current.count) {
            break;
        }
        ordinal = 0;
    }
    if (status >= 0) {
        fct_postings_seek(postings, sources.base + ordinal); /* DONE: base is the whole count */
        status = FACTUM_OK;
    }
    sources_close(&sources);
    return status;
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
    if (status != FACTUM_OK) {
        return status;
    }
    uint64_t first = fct_postings_ordinal(&postings);
    uint64_t end = 0;
    if (upto < UINT64_MAX) {
        status = fct_postings_seek_position(&postings, upto + 1, err);
        end = fct_postings_ordinal(&postings);
    } else {
        status = fct_index_find(index, key, &end, NULL, NULL, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    *count = end > first ? end - first : 0; /* less only in a run whose positions do not rise */
    return FACTUM_OK;
}
