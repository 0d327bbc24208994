/* scan.c - reading and checking a whole index: see scan.h. Layer: index.
 *
 * The runs and the memtables of a pinned version are sources. A heap keeps them in the order of
 * their next keys; sources with the same key are in the order of their positions, oldest first. So
 * the postings of a key come in the order of its list.
 *
 * Invariants: the heap contains each source that has something left, once; a source has its next
 * entry (run) or key (memtable) ready; its parent in the heap does not come after it.
 */
#include "index/scan.h"

#include "core/check.h"
#include "core/error.h"
#include "index/index_int.h"

#define BATCH 128u
#define PROGRESS_EVERY 256u /* blocks of runs */

/* A key of a memtable with the number of its postings when the scan began. */
struct counted {
    struct fct_index_key key;
    uint64_t count;
};

struct scan_source {
    struct fct_run_walk walk;
    struct fct_run_entry entry; /* the next one in |walk|, if |table| is NULL */
    const struct fct_memtable *table;
    struct counted *counted;
    size_t counted_at;
    size_t counted_end;
};

struct scan {
    struct fct_index *index;
    const struct fct_index_visitor *visitor;
    struct fct_version *version;
    struct fct_index_key key; /* of the current list */
    uint64_t ordinal;         /* in that list */
    uint64_t blocks;          /* read since the last progress call */
    struct scan_source *sources;
    size_t count;
    size_t *heap; /* indexes of the sources that have something left */
    size_t heap_count;
};

/* ---- the heap -------------------------------------------------------------------------------- */

static const struct fct_index_key *key_of(const struct scan_source *source)
{
    FCT_ASSERT(source->table == NULL || source->counted_at < source->counted_end);
    return source->table == NULL ? &source->entry.key : &source->counted[source->counted_at].key;
}

static bool comes_before(const struct scan *scan, size_t a, size_t b)
{
    int order = fct_index_key_compare(key_of(&scan->sources[a]), key_of(&scan->sources[b]));
    return order != 0 ? order < 0 : a < b;
}

/* Moves the source at |at| down past those that come before it. */
static void sift(struct scan *scan, size_t at)
{
    FCT_ASSERT(scan->heap_count <= scan->count);
    size_t *heap = scan->heap;
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < scan->heap_count; child++) {
            least = comes_before(scan, heap[child], heap[least]) ? child : least;
        }
        if (least == at) {
            return;
        }
        size_t moved = heap[at];
        heap[at] = heap[least];
        heap[least] = moved;
        at = least;
    }
}

/* ---- sources --------------------------------------------------------------------------------- */

static factum_status report_progress(struct scan *scan, factum_error *err)
{
    const struct fct_index_visitor *visitor = scan->visitor;
    uint64_t bytes = scan->blocks * FCT_RUN_PAGE_SIZE;
    scan->blocks = 0;
    if (visitor->progress == NULL || visitor->progress(visitor->data, bytes)) {
        return FACTUM_OK;
    }
    return fct_fail(err, FACTUM_CANCELLED, "verify was stopped");
}

/* Moves a source to its next entry or key: OK, or DONE. */
static factum_status scan_advance(struct scan *scan, struct scan_source *source, factum_error *err)
{
    if (source->table != NULL) {
        FCT_ASSERT(source->counted_at < source->counted_end);
        return ++source->counted_at < source->counted_end ? FACTUM_OK : FACTUM_DONE;
    }
    uint64_t block = source->walk.block;
    factum_status status = fct_run_walk_next(&source->walk, &source->entry);
    if (status == FACTUM_CORRUPT) {
        return fct_index_damaged(scan->index, source->walk.run, err);
    }
    FCT_ASSERT(source->walk.block >= block);
    scan->blocks += source->walk.block - block;
    if (scan->blocks >= PROGRESS_EVERY) {
        factum_status stopped = report_progress(scan, err);
        if (stopped != FACTUM_OK) {
            return stopped;
        }
    }
    return status;
}

/* With the index's lock held, which is taken once for both memtables: so no posting is seen in
 * neither or in both. */
static factum_status count_table(struct scan *scan, const struct fct_memtable *table,
                                 factum_error *err)
{
    const struct fct_mem *mem = scan->index->mem;
    if (table == NULL) {
        return FACTUM_OK;
    }
    FCT_ASSERT(scan->count < scan->version->run_count + 2); /* room in |sources| */
    struct scan_source *source = &scan->sources[scan->count];
    *source = (struct scan_source){.table = table};
    scan->count++;
    struct fct_mem_place *sorted = fct_memtable_sorted(table);
    source->counted = fct_mem_alloc(mem, ((size_t)table->key_count + 1) * sizeof *source->counted);
    for (uint32_t i = 0; sorted != NULL && source->counted != NULL && i < table->key_count; i++) {
        uint32_t shown = fct_mem_entry_shown(table, sorted[i].entry);
        if (shown > 0) {
            source->counted[source->counted_end++] = (struct counted){sorted[i].entry->key, shown};
        }
    }
    FCT_ASSERT(source->counted_end <= table->key_count);
    bool complete = sorted != NULL && source->counted != NULL;
    fct_mem_free(mem, sorted);
    return complete ? FACTUM_OK : fct_fail(err, FACTUM_NO_MEMORY, "verify: out of memory");
}

static factum_status open_runs_of(struct scan *scan, factum_error *err)
{
    const struct fct_version *version = scan->version;
    FCT_ASSERT(scan->count == 0);
    FCT_ASSERT(scan->heap_count == 0);
    for (size_t i = 0; i < version->run_count; i++) {
        struct scan_source *source = &scan->sources[scan->count];
        *source = (struct scan_source){.walk = {.run = version->runs[i]}};
        scan->heap[scan->heap_count] = scan->count++;
        factum_status status = scan_advance(scan, source, err);
        if (status < 0) {
            return status;
        }
        scan->heap_count += status == FACTUM_OK;
    }
    return FACTUM_OK;
}

static factum_status open_sources(struct scan *scan, factum_error *err)
{
    const struct fct_version *version = scan->version;
    factum_status status = open_runs_of(scan, err);
    if (status != FACTUM_OK) {
        return status;
    }
    size_t tables = scan->count;
    fct_rwlock_read(&scan->index->lock);
    status = count_table(scan, version->sealed, err);
    if (status == FACTUM_OK) {
        status = count_table(scan, version->active, err);
    }
    fct_rwlock_unlock(&scan->index->lock);
    if (status != FACTUM_OK) {
        return status;
    }
    FCT_ASSERT(scan->count <= version->run_count + 2);
    for (size_t i = tables; i < scan->count; i++) {
        if (scan->sources[i].counted_end > 0) {
            scan->heap[scan->heap_count++] = i;
        }
    }
    for (size_t i = scan->heap_count; i-- > 0;) {
        sift(scan, i);
    }
    return FACTUM_OK;
}

/* ---- postings -------------------------------------------------------------------------------- */

static factum_status visit(struct scan *scan, const uint64_t *positions, uint32_t count,
                           factum_error *err)
{
    FCT_ASSERT(count > 0);
    const struct fct_index_postings postings = {scan->key, scan->ordinal, positions, count};
    scan->ordinal += count;
    return scan->visitor->postings(scan->visitor->data, &postings, err);
}

static factum_status visit_entry(struct scan *scan, const struct fct_run_entry *entry,
                                 factum_error *err)
{
    uint64_t batch[BATCH];
    uint64_t position = entry->first;
    const uint8_t *at = entry->deltas;
    factum_status status = FACTUM_OK;
    for (uint64_t left = entry->count; status == FACTUM_OK && left > 0;) {
        uint32_t count = 0;
        while (count < BATCH && left > 0) {
            batch[count++] = position;
            left--;
            if (left > 0) {
                at = fct_run_delta(at, entry->end, &position);
            }
        }
        status = visit(scan, batch, count, err);
    }
    return status;
}

static factum_status visit_table(struct scan *scan, const struct scan_source *source,
                                 factum_error *err)
{
    uint64_t batch[BATCH];
    const struct counted *counted = &source->counted[source->counted_at];
    factum_status status = FACTUM_OK;
    for (uint64_t done = 0; status == FACTUM_OK && done < counted->count;) {
        uint64_t left = counted->count - done;
        uint32_t wanted = left < BATCH ? (uint32_t)left : BATCH;
        fct_rwlock_read(&scan->index->lock);
        const struct fct_mem_entry *entry = fct_memtable_find(source->table, &counted->key);
        uint32_t got = entry == NULL ? 0 : fct_mem_entry_read(entry, done, batch, wanted);
        fct_rwlock_unlock(&scan->index->lock);
        FCT_ASSERT(got == wanted);
        done += got;
        status = visit(scan, batch, got, err);
    }
    return status;
}

/* Visits what the first source of the heap has ready, and moves it on. */
static factum_status scan_step(struct scan *scan, factum_error *err)
{
    FCT_ASSERT(scan->heap_count > 0);
    struct scan_source *source = &scan->sources[scan->heap[0]];
    const struct fct_index_key *key = key_of(source);
    if (!fct_index_key_equal(key, &scan->key)) {
        scan->key = *key;
        scan->ordinal = 0;
    }
    factum_status status = source->table == NULL ? visit_entry(scan, &source->entry, err)
                                                 : visit_table(scan, source, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = scan_advance(scan, source, err);
    if (status == FACTUM_DONE) {
        scan->heap[0] = scan->heap[--scan->heap_count];
        status = FACTUM_OK;
    }
    if (status == FACTUM_OK) {
        sift(scan, 0);
    }
    return status;
}

static factum_status scan_all(struct scan *scan, factum_error *err)
{
    factum_status status = open_sources(scan, err);
    while (status == FACTUM_OK && scan->heap_count > 0) {
        status = scan_step(scan, err);
    }
    return status == FACTUM_OK ? report_progress(scan, err) : status;
}

factum_status fct_index_scan(struct fct_index *index, const struct fct_index_visitor *visitor,
                             factum_error *err)
{
    struct scan scan = {.index = index, .visitor = visitor, .version = fct_version_pin(index)};
    size_t sources_max = scan.version->run_count + 2;
    factum_status status;
    FCT_ASSERT(visitor->postings != NULL);
    if (!atomic_load(&scan.version->whole)) {
        status = fct_index_damaged(index, NULL, err);
        goto done;
    }
    scan.sources = fct_mem_zalloc(index->mem, sources_max, sizeof *scan.sources);
    scan.heap = fct_mem_zalloc(index->mem, sources_max, sizeof *scan.heap);
    if (scan.sources == NULL || scan.heap == NULL) {
        status = fct_fail(err, FACTUM_NO_MEMORY, "verify: out of memory");
        goto done;
    }
    status = scan_all(&scan, err);
done:
    for (size_t i = 0; i < scan.count; i++) {
        fct_mem_free(index->mem, scan.sources[i].counted);
    }
    fct_mem_free(index->mem, scan.heap);
    fct_mem_free(index->mem, scan.sources);
    fct_version_unpin(index, scan.version);
    return status;
}

factum_status fct_index_verify(struct fct_index *index, const struct fct_index_visitor *visitor,
                               factum_error *err)
{
    struct fct_version *version = fct_version_pin(index);
    factum_status result = FACTUM_OK;
    factum_error ignored;
    bool going_on = true;
    for (size_t i = 0; going_on && i < version->run_count; i++) {
        struct fct_run *run = version->runs[i];
        if (fct_run_verify(run) != FACTUM_OK) {
            factum_error *first = result == FACTUM_OK ? err : &ignored;
            result =
                fct_fail(first, FACTUM_CORRUPT,
                         "index run %s is damaged; it is being rebuilt from the log, and nothing "
                         "is lost",
                         run->path);
            fct_index_quarantine(index, run);
        }
        going_on = visitor == NULL || visitor->progress == NULL ||
                   visitor->progress(visitor->data, run->info.file_size);
    }
    fct_version_unpin(index, version);
    FCT_ASSERT(result == FACTUM_OK || result == FACTUM_CORRUPT);
    return going_on ? result : fct_fail(err, FACTUM_CANCELLED, "verify was stopped");
}
