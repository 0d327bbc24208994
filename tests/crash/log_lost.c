/* log_lost.c - syncs that fail as they do on Linux: the written bytes stay visible but are not on
 * disk, and the next sync reports success.
 *
 * Each sync of a run fails in turn, and then syncs of the recovery that follows. The next process
 * finds the same page cache. All batches that it acknowledges, and all that it has served, must be
 * there after a power cut (rule R12).
 *
 * Prints TAP. FCT_CRASH_IMAGES: how many power cuts (20000). FCT_CRASH_SEED: the first seed (1).
 */
#include <stdio.h>
#include <string.h>

#include "log_model.h"
#include "sim/sim_disk.h"
#include "support/tap.h"

enum { REOPENINGS = 3 };

enum reached {
    LOST_IN_COMMIT,
    LOST_IN_RECOVERY,
    SHOWN_AND_KEPT,
    NOT_SHOWN,
    TAIL_REWRITTEN,
    TORN_TAIL_CLEARED,
    REACHED
};
static const char *const reached_names[REACHED] = {
    "sync of a commit lost",     "sync of a recovery lost", "unacknowledged batch shown and kept",
    "unacknowledged batch gone", "tail rewritten",          "torn tail cleared",
};
static uint64_t reached[REACHED];
static uint64_t images;
static uint64_t seed_now;

static void expect(bool good, const char *where, const char *what)
{
    if (!good) {
        model_fail(where, seed_now, what);
    }
}

static struct model_run run_on(struct fct_sim_disk *disk, struct model *model, uint64_t seed)
{
    return (struct model_run){
        .os = fct_sim_disk_os(disk),
        .mem = fct_mem_heap(),
        .random = {.state = seed},
        .model = model,
        .ops = 14,
        .reopen_percent = 8,
        .use_proof = seed % 2 == 0,
    };
}

/* Opens the log of |run|, which must be whole. Removes the batches that it lacks from the model. */
static void open_whole(struct model_run *run, const char *where)
{
    struct model *model = run->model;
    size_t durable = model->durable;
    size_t count = model->count;
    expect(model_open(run) == FACTUM_OK, where, run->err.text);
    const char *bad = model_check(run->log, model, true);
    expect(bad == NULL, where, bad);
    reached[SHOWN_AND_KEPT] += model->count > durable;
    reached[NOT_SHOWN] += model->count < count;
    reached[TAIL_REWRITTEN] += fct_log_recovery(run->log)->tail_rewritten;
    reached[TORN_TAIL_CLEARED] += fct_log_recovery(run->log)->torn_bytes > 0;
}

/* Opens the log in later processes on the same machine. Some lose a sync of their recovery. */
static void reopen(struct fct_sim_disk *disk, struct model *model, uint64_t seed)
{
    struct fct_random random = {.state = seed};
    for (int i = 0; i < REOPENINGS; i++) {
        struct model_run run = run_on(disk, model, fct_random_next(&random));
        fct_sim_disk_lose_sync(disk, fct_sim_disk_calls(disk) + fct_random_below(&random, 6));
        bool whole = model_open(&run) == FACTUM_OK;
        expect(whole || run.status == FACTUM_IO, "reopening", run.err.text);
        model_abandon(&run);
        reached[LOST_IN_RECOVERY] += !whole;
        fct_sim_disk_lose_sync(disk, UINT64_MAX);
        if (whole) {
            return;
        }
    }
}

static void cut_power(const struct fct_sim_disk *disk, const struct model *model, uint64_t seed)
{
    static struct model copy;
    for (int mode = 0; mode < FCT_CRASH_MODES; mode++) {
        struct fct_sim_disk *after = fct_sim_disk_crash(disk, (enum fct_crash_mode)mode, seed);
        copy = *model;
        struct model_run run = run_on(after, &copy, seed);
        open_whole(&run, "after a power cut");
        model_abandon(&run);
        fct_sim_disk_destroy(after);
        images++;
    }
}

/* False if the run has no sync at or after call |at|. */
static bool lose(uint64_t seed, uint64_t at)
{
    static struct model model;
    struct fct_sim_disk *disk = fct_sim_disk_create(seed, false);
    memset(&model, 0, sizeof model);
    struct model_run run = run_on(disk, &model, seed);
    run.close = seed % 3 == 0;
    fct_sim_disk_lose_sync(disk, at);
    model_do(&run);
    fct_sim_disk_lose_sync(disk, UINT64_MAX);
    bool lost = run.status != FACTUM_OK;
    expect(!lost || run.status == FACTUM_IO, "run", run.err.text);
    reached[LOST_IN_COMMIT] += run.log != NULL && fct_log_state(run.log) == FCT_LOG_FAILED;
    model_abandon(&run);
    if (lost && seed % 2 == 0) {
        reopen(disk, &model, seed + at);
    }
    run = run_on(disk, &model, seed + 1);
    open_whole(&run, "the next process");
    cut_power(disk, &model, seed + at);
    run.ops = 6;
    model_continue(&run);
    expect(run.status == FACTUM_OK, "going on", run.err.text);
    cut_power(disk, &model, seed + at + 1);
    model_abandon(&run);
    fct_sim_disk_destroy(disk);
    return lost;
}

int main(void)
{
    uint64_t images_max = tap_setting("FCT_CRASH_IMAGES", 20000);
    for (seed_now = tap_setting("FCT_CRASH_SEED", 1); images < images_max; seed_now++) {
        for (uint64_t at = 0; images < images_max && lose(seed_now, at); at++) {
        }
    }
    model_reached(reached_names, reached, REACHED, images_max >= 5000);
    tap_case(true, "%llu power cuts after lost syncs, seeds up to %llu", (unsigned long long)images,
             (unsigned long long)seed_now);
    return tap_end();
}
