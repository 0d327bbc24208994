/* merge.c - four neighbouring runs of one level become one of the next. Layer: index.
 *
 * Tiered: a posting is rewritten once a level, so its cost is log4 of the store's size. The lowest
 * level comes first, and in a level the oldest runs. A run that is older than a run of a higher
 * level (as after a rebuild) is treated as of that level, unless a range is missing between the
 * two: so no more than three runs of a level stay. Runs of different levels merge into a run of the
 * highest of these levels. The inputs are walked side by side in the order of their keys; the list
 * of a key is the lists of the inputs, oldest first. Memory: one block, and the block index and
 * the filter of the output. A sealed memtable that waits is flushed in between.
 */
#include "core/check.h"
#include "core/error.h"
#include "index/index_int.h"

enum {
    FANOUT = 4,
    YIELD_EVERY = 4096, /* keys between two checks for a sealed memtable that waits */
};

/* Is no range of the log missing between the two? */
static bool are_neighbours(const struct fct_run *older, const struct fct_run *newer)
{
    return older->info.end.position == newer->info.from;
}

/* The first of the neighbouring runs that end before |end| and are treated as of one level. */
static size_t begin_of_level(const struct fct_version *version, size_t end)
{
    FCT_ASSERT(end > 0 && end <= version->run_count);
    struct fct_run *const *runs = version->runs;
    size_t first = end - 1;
    while (first > 0 && runs[first - 1]->info.level <= runs[end - 1]->info.level &&
           are_neighbours(runs[first - 1], runs[first])) {
        first--;
    }
    return first;
}

/* Picks FANOUT adjacent runs in [first, end) whose highest level is lowest; ties go to the oldest.
 * Returns the first of them; |*level| becomes the level of their merge. */
static size_t lowest_of(const struct fct_version *version, size_t first, size_t end,
                        uint32_t *level)
{
    size_t lowest = first;
    uint32_t lowest_level = UINT32_MAX;
    FCT_ASSERT(end - first >= FANOUT);
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
    FCT_ASSERT(*level <= FCT_RUN_LEVEL_MAX);
    return lowest;
}

/* The first of the FANOUT runs to merge, and the level of their merge; run_count if none is due. */
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
    FCT_ASSERT(!input->ended);
    factum_status status = fct_run_walk_next(&input->walk, &input->entry);
    input->ended = status == FACTUM_DONE;
    return status < 0 ? status : FACTUM_OK;
}

/* Copies all postings that |input| has of |key|. They rise and are in the range of the run, unless
 * the file is damaged. */
static factum_status copy_list(struct fct_run_writer *writer, struct input *input,
                               const struct fct_index_key *key, factum_error *err)
{
    struct fct_run *run = input->walk.run;
    while (!input->ended && fct_index_key_equal(&input->entry.key, key)) {
        factum_status status = FACTUM_CORRUPT;
        if (input->entry.first >= run->info.from) {
            status = fct_run_writer_add_entry(writer, &input->entry, err);
        }
        if (status == FACTUM_OK && fct_run_writer_last(writer) >= run->info.end.position) {
            status = FACTUM_CORRUPT;
        }
        if (status == FACTUM_CORRUPT) {
            atomic_store(&run->bad, true);
        }
        if (status == FACTUM_OK) {
            status = advance(input);
        }
        if (status != FACTUM_OK) {
            return status;
        }
    }
    return FACTUM_OK;
}

/* The least key that an input has left; false if all have ended. */
static bool least_input_key(const struct input *inputs, struct fct_index_key *key)
{
    const struct input *least = NULL;
    for (size_t i = 0; i < FANOUT; i++) {
        if (!inputs[i].ended &&
            (least == NULL || fct_index_key_compare(&inputs[i].entry.key, &least->entry.key) < 0)) {
            least = &inputs[i];
        }
    }
    if (least == NULL) {
        return false;
    }
    *key = least->entry.key;
    return true;
}

static factum_status merge_inputs(struct fct_index *index, struct fct_run_writer *writer,
                                  struct input *inputs, factum_error *err)
{
    struct fct_index_key key;
    for (uint64_t keys = 1; least_input_key(inputs, &key); keys++) {
        for (size_t i = 0; i < FANOUT; i++) {
            factum_status status = copy_list(writer, &inputs[i], &key, err);
            if (status != FACTUM_OK) {
                return status;
            }
        }
        if (keys % YIELD_EVERY == 0) {
            factum_error ignored;
            if (atomic_load(&index->stop) != 0) {
                return fct_fail(err, FACTUM_CANCELLED, "the index is being closed");
            }
            factum_status flushed = fct_index_flush_sealed(index, &ignored);
            (void)flushed; /* a failure is kept in |index|, and the flush is tried again */
        }
    }
    return FACTUM_OK;
}

/* Starts the walks over |runs| and describes their merge. */
static factum_status begin_merge(struct fct_index *index, struct fct_run *const *runs,
                                 struct input *inputs, struct fct_run_info *info)
{
    *info = (struct fct_run_info){
        .store_id = index->store_id,
        .seed = index->seed,
        .from = runs[0]->info.from,
        .end = runs[FANOUT - 1]->info.end,
    };
    for (size_t i = 0; i < FANOUT; i++) {
        FCT_ASSERT(i == 0 || are_neighbours(runs[i - 1], runs[i]));
        inputs[i] = (struct input){.walk = {.run = runs[i]}};
        info->key_count += runs[i]->info.key_count;
        info->doubtful += runs[i]->info.doubtful;
        factum_status status = advance(&inputs[i]);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    info->number = atomic_fetch_add(&index->next_number, 1);
    return FACTUM_OK;
}

static factum_status write_merged(struct fct_index *index, struct fct_run *const *runs,
                                  uint32_t level, struct fct_run **merged, factum_error *err)
{
    struct input inputs[FANOUT];
    struct fct_run_info info;
    struct fct_run_writer *writer = NULL;
    FCT_ASSERT(*merged == NULL);
    FCT_ASSERT(level <= FCT_RUN_LEVEL_MAX);
    factum_status status = begin_merge(index, runs, inputs, &info);
    if (status != FACTUM_OK) {
        return status;
    }
    info.level = level;
    status = fct_run_writer_create(&writer, index->os, index->mem, index->dir, &info,
                                   info.key_count, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = merge_inputs(index, writer, inputs, err);
    if (status == FACTUM_OK) {
        status = fct_run_writer_finish(writer, err);
    }
    fct_run_writer_destroy(writer);
    return status == FACTUM_OK ? fct_index_open_written(index, info.number, merged, err) : status;
}

/* Replaces |inputs| by |merged|, if all are still in the current version. Takes |merged|. */
static factum_status replace(struct fct_index *index, struct fct_run *const *inputs,
                             struct fct_run *merged, factum_error *err)
{
    struct fct_version_edit edit;
    const struct fct_version *version = index->version;
    size_t first = fct_version_place_of(version, inputs[0]);
    size_t found = 0;
    FCT_ASSERT(!merged->obsolete);
    while (found < FANOUT && first + found < version->run_count &&
           version->runs[first + found] == inputs[found]) {
        found++;
    }
    if (found < FANOUT) { /* one was quarantined */
        merged->obsolete = true;
        fct_run_release(merged);
        return fct_fail(err, FACTUM_CANCELLED, "an index run was lost while it was merged");
    }
    fct_version_edit_init(&edit, index);
    edit.first = first;
    edit.removed = FANOUT;
    edit.added = merged;
    edit.durable = true;
    return fct_version_apply(index, &edit, err);
}

/* The next reader has the ranges of these runs rebuilt; the merge is due again then. */
static factum_status quarantine_bad(struct fct_index *index, struct fct_run *const *inputs,
                                    factum_error *err)
{
    for (size_t i = 0; i < FANOUT; i++) {
        if (atomic_load(&inputs[i]->bad)) {
            (void)fct_fail(err, FACTUM_CORRUPT, "index run %s is damaged", inputs[i]->path);
            fct_index_quarantine(index, inputs[i]);
        }
    }
    return FACTUM_CORRUPT; /* if no input is bad: the output was not read back as written */
}

static factum_status merge_runs(struct fct_index *index, struct fct_run *const *inputs,
                                uint32_t level, factum_error *err)
{
    struct fct_run *merged = NULL;
    factum_status status = write_merged(index, inputs, level, &merged, err);
    if (status == FACTUM_CORRUPT) {
        return quarantine_bad(index, inputs, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    FCT_ASSERT(merged != NULL);
    uint64_t size = merged->info.file_size;
    fct_mutex_lock(&index->maintenance);
    status = replace(index, inputs, merged, err);
    fct_mutex_unlock(&index->maintenance);
    if (status == FACTUM_OK) {
        atomic_fetch_add(&index->merges, 1);
        atomic_fetch_add(&index->merged_bytes, size);
    }
    return status;
}

factum_status fct_index_merge(struct fct_index *index, factum_error *err)
{
    uint32_t level;
    factum_status status = FACTUM_OK;
    FCT_ASSERT(!index->read_only);
    struct fct_version *version = fct_version_pin(index);
    size_t first = find_due(version, &level);
    if (first < version->run_count) {
        FCT_ASSERT(first + FANOUT <= version->run_count);
        status = merge_runs(index, version->runs + first, level, err);
    }
    fct_version_unpin(index, version);
    return status;
}
