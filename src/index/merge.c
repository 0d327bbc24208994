/* merge.c - four neighbouring runs of one level become one of the next. Layer: index.
 *
 * Tiered: a posting is rewritten once a level, so that its cost is log4 of the store's size. The
 * lowest level comes first, in it the oldest. A run that is older than one of a higher level, as
 * after a part was rebuilt, counts as of that level, unless a range is missing between them: so
 * no more than three of a level stay. What becomes of four of unlike levels is of the highest. The
 * inputs are walked side by side in the order of their keys; the list of a key is the inputs'
 * lists, oldest first. Memory: one block, and block index and filter of the output. A memtable
 * that waits is written out in between.
 */
#include "core/check.h"
#include "core/error.h"
#include "index/index_int.h"

enum {
    FANOUT = 4,
    YIELD_EVERY = 4096, /* keys between looks at the memtable that may wait */
};

/* No range between them is missing. */
static bool are_neighbours(const struct fct_run *older, const struct fct_run *newer)
{
    return older->info.end.position == newer->info.from;
}

/* Where the neighbours begin that end before |end| and count as of the level of the last. */
static size_t begin_of_level(const struct fct_version *version, size_t end)
{
    struct fct_run *const *runs = version->runs;
    size_t first = end - 1;
    while (first > 0 && runs[first - 1]->info.level <= runs[end - 1]->info.level &&
           are_neighbours(runs[first - 1], runs[first])) {
        first--;
    }
    return first;
}

/* FANOUT of the runs from |first| on: those of the lowest level, the oldest such. */
static size_t lowest_of(const struct fct_version *version, size_t first, size_t end,
                        uint32_t *level)
{
    size_t lowest = first;
    uint32_t lowest_level = UINT32_MAX;
    for (; first + FANOUT <= end; first++) {
        uint32_t high = 0;
        uint32_t low = UINT32_MAX;
        for (size_t i = first; i < first + FANOUT; i++) {
            uint32_t own = version->runs[i]->info.level;
            high = own > high ? own : high;
            low = own < low ? own : low;
        }
        if (high < lowest_level) {
            lowest = first;
            lowest_level = high;
            *level = high == low && high < FCT_RUN_LEVEL_MAX ? high + 1 : high;
        }
    }
    return lowest;
}

/* The first of FANOUT runs to be merged, and the level of what becomes of them; run_count if there
 * are none. */
static size_t find_due(const struct fct_version *version, uint32_t *level)
{
    *level = 0;
    for (size_t end = version->run_count; end > 0;) {
        size_t first = begin_of_level(version, end);
        if (end - first >= FANOUT) {
            return lowest_of(version, first, end, level);
        }
        end = first;
    }
    return version->run_count;
}

bool fct_index_merge_due(struct fct_index *index)
{
    uint32_t level;
    struct fct_version *version = fct_version_pin(index);
    bool due = !index->read_only && find_due(version, &level) < version->run_count;
    fct_version_unpin(index, version);
    return due;
}

struct input {
    struct fct_run_walk walk;
    struct fct_run_entry entry;
    bool ended;
};

static factum_status advance(struct input *input)
{
    factum_status status = fct_run_walk_next(&input->walk, &input->entry);
    input->ended = status == FACTUM_DONE;
    return status < 0 ? status : FACTUM_OK;
}

/* All postings that |input| has of |key|. They rise, and lie in the range of the run: a file may
 * say otherwise, and then it is damaged. */
static factum_status copy_list(struct fct_run_writer *writer, struct input *input,
                               const struct fct_index_key *key, factum_error *err)
{
    struct fct_run *run = input->walk.run;
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK && !input->ended && fct_index_key_equal(&input->entry.key, key)) {
        status = input->entry.first < run->info.from
                     ? FACTUM_CORRUPT
                     : fct_run_writer_add_entry(writer, &input->entry, err);
        if (status == FACTUM_OK && fct_run_writer_last(writer) >= run->info.end.position) {
            status = FACTUM_CORRUPT;
        }
        if (status == FACTUM_OK) {
            status = advance(input);
        } else if (status == FACTUM_CORRUPT) {
            atomic_store(&run->bad, true);
        }
    }
    return status;
}

static factum_status merge_inputs(struct fct_index *index, struct fct_run_writer *writer,
                                  struct input *inputs, factum_error *err)
{
    factum_status status = FACTUM_OK;
    for (uint64_t keys = 1; status == FACTUM_OK; keys++) {
        const struct input *least = NULL;
        for (size_t i = 0; i < FANOUT; i++) {
            if (!inputs[i].ended &&
                (least == NULL ||
                 fct_index_key_compare(&inputs[i].entry.key, &least->entry.key) < 0)) {
                least = &inputs[i];
            }
        }
        if (least == NULL) {
            return FACTUM_OK;
        }
        struct fct_index_key key = least->entry.key;
        for (size_t i = 0; i < FANOUT && status == FACTUM_OK; i++) {
            status = copy_list(writer, &inputs[i], &key, err);
        }
        if (keys % YIELD_EVERY == 0 && status == FACTUM_OK) {
            if (atomic_load(&index->stop) != 0) {
                return fct_fail(err, FACTUM_CANCELLED, "the index is being closed");
            }
            factum_status flushed = fct_index_flush_sealed(index, NULL);
            (void)flushed; /* kept in index->failure, and tried again */
        }
    }
    return status;
}

static factum_status write_merged(struct fct_index *index, struct fct_run *const *runs,
                                  uint32_t level, struct fct_run **merged, factum_error *err)
{
    struct input inputs[FANOUT] = {0};
    uint64_t keys = 0;
    uint64_t doubtful = 0;
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < FANOUT && status == FACTUM_OK; i++) {
        inputs[i].walk.run = runs[i];
        keys += runs[i]->info.key_count;
        doubtful += runs[i]->info.doubtful;
        status = advance(&inputs[i]);
    }
    struct fct_run_info info = {
        .store_id = index->store_id,
        .seed = index->seed,
        .number = atomic_fetch_add(&index->next_number, 1),
        .from = runs[0]->info.from,
        .end = runs[FANOUT - 1]->info.end,
        .level = level,
        .doubtful = doubtful,
    };
    struct fct_run_writer *writer = NULL;
    if (status == FACTUM_OK) {
        status =
            fct_run_writer_create(&writer, index->os, index->mem, index->dir, &info, keys, err);
    }
    if (status == FACTUM_OK) {
        status = merge_inputs(index, writer, inputs, err);
    }
    if (status == FACTUM_OK) {
        status = fct_run_writer_finish(writer, err);
    }
    fct_run_writer_destroy(writer);
    if (status == FACTUM_OK) {
        status = fct_index_open_written(index, info.number, merged, err);
    }
    return status;
}

/* Puts |merged| in the place of its inputs, if they are still there. */
static factum_status replace(struct fct_index *index, struct fct_run *const *inputs,
                             struct fct_run *merged, factum_error *err)
{
    struct fct_version *version = index->version;
    struct fct_run **runs = fct_mem_zalloc(index->mem, version->run_count + 1, sizeof(void *));
    if (runs == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "index: out of memory");
    }
    size_t count = 0;
    size_t replaced = 0;
    for (size_t i = 0; i < version->run_count; i++) {
        if (replaced < FANOUT && version->runs[i] == inputs[replaced]) {
            if (replaced++ == 0) {
                runs[count++] = merged;
            }
        } else {
            runs[count++] = version->runs[i];
        }
    }
    factum_status status = FACTUM_OK;
    struct fct_version *next = NULL;
    if (replaced != FANOUT) {
        status = fct_fail(err, FACTUM_CANCELLED, "a run was lost while it was merged");
    } else {
        next = fct_version_make(index, runs, count, version->sealed, version->active);
        status = next == NULL ? fct_fail(err, FACTUM_NO_MEMORY, "index: out of memory")
                              : fct_index_save(index, runs, count, index->covered, err);
    }
    if (status == FACTUM_OK) {
        for (size_t i = 0; i < FANOUT; i++) {
            inputs[i]->obsolete = true;
        }
        fct_version_install(index, next);
    } else {
        fct_version_unpin(index, next);
    }
    fct_mem_free(index->mem, (void *)runs);
    return status;
}

/* Whoever reads next has what they cover rebuilt; the merge waits for that. */
static factum_status quarantine_bad(struct fct_index *index, struct fct_run *const *inputs,
                                    factum_error *err)
{
    for (size_t i = 0; i < FANOUT; i++) {
        if (atomic_load(&inputs[i]->bad)) {
            (void)fct_fail(err, FACTUM_CORRUPT, "index run %s is damaged", inputs[i]->path);
            fct_index_quarantine(index, inputs[i]);
        }
    }
    return FACTUM_CORRUPT;
}

factum_status fct_index_merge(struct fct_index *index, factum_error *err)
{
    uint32_t level;
    struct fct_version *version = fct_version_pin(index);
    size_t first = find_due(version, &level);
    factum_status status = FACTUM_OK;
    struct fct_run *merged = NULL;
    if (first < version->run_count) {
        struct fct_run *const *inputs = version->runs + first;
        status = write_merged(index, inputs, level, &merged, err);
        if (status == FACTUM_CORRUPT) {
            status = quarantine_bad(index, inputs, err);
        }
        if (status == FACTUM_OK) {
            fct_mutex_lock(&index->maintenance);
            status = replace(index, inputs, merged, err);
            fct_mutex_unlock(&index->maintenance);
        }
        if (status == FACTUM_OK) {
            FCT_ASSERT(merged != NULL);
            atomic_fetch_add(&index->merges, 1);
            atomic_fetch_add(&index->merged_bytes, merged->info.file_size);
        }
        if (merged != NULL) {
            if (status != FACTUM_OK) {
                merged->obsolete = true; /* nobody else has it */
            }
            if (atomic_fetch_sub(&merged->references, 1) == 1) {
                fct_run_close(merged);
            }
        }
    }
    fct_version_unpin(index, version);
    return status;
}
