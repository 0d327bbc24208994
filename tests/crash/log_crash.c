/* log_crash.c - crashes at every changing call of random runs, in every mode, also inside recovery.
 *
 * Each crash image is first opened for reading, which must serve every acknowledged batch and write
 * nothing. Then it is opened for writing. All acknowledged batches must be there, whole and in
 * order, and nothing that was never submitted. The log must not be reported as damaged. A second
 * opening must change nothing, and no file may be left over. The run then continues from the image
 * and crashes again.
 *
 * Prints TAP. FCT_CRASH_IMAGES: how many images (20000). FCT_CRASH_SEED: the first seed (1).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log_model.h"
#include "sim/sim_disk.h"
#include "support/tap.h"

#define SIZES_MAX 16u

enum reached {
    TORN_TAIL_CLEARED,
    CRASH_IN_RECOVERY,
    ROLL,
    SEALED_LAST,
    OS_COMMIT_LOST,
    CLEAN_END,
    TAIL_REWRITTEN,
    UNACKED_KEPT,
    SECOND_CRASH,
    BEGAN_AT_MARK,
    PREPARED_LEFT,
    SEALED_NOT_TRUNCATED,
    ROLLED_AND_EMPTY,
    NO_SEGMENT_YET,
    REACHED
};
static const char *const reached_names[REACHED] = {
    "torn tail cleared",
    "crash inside recovery",
    "roll",
    "sealed without successor",
    "os commit lost",
    "clean end recognised",
    "tail rewritten",
    "unacknowledged batch kept",
    "crash after crash",
    "scan began at a proof",
    "prepared file left",
    "sealed and not truncated",
    "rolled and still empty",
    "no segment yet",
};
static uint64_t reached[REACHED];
static uint64_t images;
static uint64_t nested;
static uint64_t seed_now;

static void expect(bool good, const char *where, const char *what)
{
    if (!good) {
        model_fail(where, seed_now, what);
    }
}

/* All files must be ones that an open log may have. A prepared segment of an earlier run is
 * removed later. */
static void check_files(struct fct_sim_disk *disk)
{
    const char *path;
    size_t torn = 0;
    for (size_t i = 0; (path = fct_sim_disk_path(disk, i)) != NULL; i++) {
        const char *name = strrchr(path, '/') + 1;
        size_t len = strlen(name);
        bool known = strcmp(name, "END") == 0 || strcmp(name, "LAST") == 0 ||
                     strcmp(name, "prepared.tmp") == 0 ||
                     (len == 24 && strcmp(name + 20, ".seg") == 0);
        torn += strncmp(name, "torn-", 5) == 0;
        expect(known || strncmp(name, "torn-", 5) == 0, "an unknown file is left over", path);
    }
    expect(torn <= 8, "files", "too many torn files are kept");
}

static struct model_run run_on(struct fct_sim_disk *disk, struct model *model, uint64_t seed)
{
    struct model_run run = {
        .os = fct_sim_disk_os(disk),
        .mem = fct_mem_heap(),
        .random = {.state = seed},
        .model = model,
        .ops = 24,
        .reopen_percent = 8,
        .forge = true,
    };
    run.use_proof = fct_random_below(&run.random, 2) == 0;
    run.close = fct_random_below(&run.random, 4) == 0;
    return run;
}

static uint64_t size_of(struct fct_sim_disk *disk, const char *name)
{
    char path[64];
    uint64_t size = 0;
    (void)snprintf(path, sizeof path, MODEL_DIR "/%s", name);
    return fct_sim_disk_bytes(disk, path, &size) == NULL ? 0 : size;
}

/* Opening for reading serves every acknowledged batch and writes nothing. */
static void look(struct fct_sim_disk *disk, const struct model *model)
{
    struct fct_log_options options = {
        .os = fct_sim_disk_os(disk),
        .mem = fct_mem_heap(),
        .dir = MODEL_DIR,
        .read_only = true,
    };
    struct fct_log *log;
    factum_error err;
    bool complete;
    uint64_t calls = fct_sim_disk_calls(disk);
    factum_status status = fct_log_open(&log, &options, &err);
    if (status == FACTUM_NOT_FOUND) {
        expect(model->durable == 0, "opening for reading", err.text);
        reached[NO_SEGMENT_YET]++;
    } else {
        expect(status == FACTUM_OK, "opening for reading", err.text);
        expect(fct_log_state(log) == FCT_LOG_READ_ONLY, "opening for reading",
               fct_log_state_reason(log));
        const char *bad = model_check_damaged(log, model, &complete);
        expect(bad == NULL, "opening for reading", bad);
        expect(complete, "opening for reading", "acknowledged batches are gone");
        expect(fct_log_close(log, &err) == FACTUM_OK, "opening for reading", err.text);
    }
    expect(fct_sim_disk_calls(disk) == calls, "opening for reading", "something was written");
}

/* A second recovery finds nothing to do. */
static void check_again(struct fct_sim_disk *disk, const struct model *model, uint64_t end,
                        uint64_t seed)
{
    static struct model copy;
    struct fct_sim_disk *again = fct_sim_disk_crash(disk, FCT_CRASH_NONE, seed);
    copy = *model;
    struct model_run run = run_on(again, &copy, seed);
    expect(model_open(&run) == FACTUM_OK, "second recovery", run.err.text);
    expect(fct_log_recovery(run.log)->torn_bytes == 0, "second recovery",
           "it clears a torn tail again");
    expect(fct_log_end(run.log) == end, "second recovery", "another end");
    const char *bad = model_check(run.log, &copy, false);
    expect(bad == NULL, "second recovery", bad);
    model_abandon(&run);
    fct_sim_disk_destroy(again);
}

/* Recovers the log on |disk| and compares it with the model of |run|, which afterwards contains
 * what the log contains. The log stays open in |run|. */
static void recover(struct fct_sim_disk *disk, struct model_run *run, const char *where)
{
    struct model *model = run->model;
    size_t count = model->count;
    size_t durable = model->durable;
    images++;
    look(disk, model);
    reached[PREPARED_LEFT] += size_of(disk, "prepared.tmp") > 0;
    uint64_t sizes[SIZES_MAX] = {0};
    for (unsigned i = 1; i < SIZES_MAX; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%020u.seg", i);
        sizes[i] = size_of(disk, name);
    }
    expect(model_open(run) == FACTUM_OK, where, run->err.text);
    const struct fct_log_recovery *found = fct_log_recovery(run->log);
    const char *bad = model_check(run->log, model, true);
    expect(bad == NULL, where, bad);
    reached[TORN_TAIL_CLEARED] += found->torn_bytes > 0;
    reached[TAIL_REWRITTEN] += found->tail_rewritten;
    reached[CLEAN_END] += !found->created && !found->tail_rewritten && found->scanned_bytes == 0;
    reached[BEGAN_AT_MARK] += found->scanned_bytes > 0 && run->use_proof;
    struct fct_log_segment_info last;
    if (fct_log_segment_info(run->log, fct_log_segment_count(run->log) - 1, UINT64_MAX, &last)) {
        reached[SEALED_LAST] += last.sealed;
        reached[SEALED_NOT_TRUNCATED] +=
            last.sealed && last.number < SIZES_MAX && sizes[last.number] > last.size;
        reached[ROLLED_AND_EMPTY] += last.number > 1 && last.size == FCT_SEGMENT_HEADER_SIZE;
    }
    reached[OS_COMMIT_LOST] += model->count + 1 < count;
    reached[UNACKED_KEPT] += model->count > durable;
    check_files(disk);
}

/* Crashes at each call of the recovery of |image|. */
static void crash_in_recovery(const struct fct_sim_disk *image, const struct model *model,
                              uint64_t seed)
{
    static struct model copy;
    for (uint64_t at = 0;; at++) {
        struct fct_sim_disk *disk = fct_sim_disk_clone(image);
        copy = *model;
        struct model_run run = run_on(disk, &copy, seed);
        uint64_t before = fct_sim_disk_calls(disk);
        fct_sim_disk_stop_at(disk, before + at);
        bool whole = model_open(&run) == FACTUM_OK;
        model_abandon(&run);
        if (!whole) {
            enum fct_crash_mode mode = (enum fct_crash_mode)((at + seed) % FCT_CRASH_MODES);
            struct fct_sim_disk *after = fct_sim_disk_crash(disk, mode, seed + at);
            copy = *model;
            run = run_on(after, &copy, seed + 1);
            recover(after, &run, "crash inside recovery");
            model_abandon(&run);
            fct_sim_disk_destroy(after);
            reached[CRASH_IN_RECOVERY]++;
            nested++;
        }
        fct_sim_disk_destroy(disk);
        if (whole) {
            return;
        }
    }
}

/* Continues with a recovered log, and crashes again at a random call. */
static void go_on(struct fct_sim_disk *disk, struct model_run *run, uint64_t seed)
{
    struct fct_random random = {.state = seed};
    run->ops = 8;
    run->close = fct_random_below(&random, 3) == 0;
    fct_sim_disk_stop_at(disk, fct_sim_disk_calls(disk) + fct_random_below(&random, 40));
    model_continue(run);
    model_abandon(run);
    enum fct_crash_mode mode = (enum fct_crash_mode)fct_random_below(&random, FCT_CRASH_MODES);
    struct fct_sim_disk *after = fct_sim_disk_crash(disk, mode, fct_random_next(&random));
    struct model_run next = run_on(after, run->model, seed + 2);
    recover(after, &next, "crash after a crash");
    next.ops = 4;
    next.close = true;
    model_continue(&next);
    expect(next.status == FACTUM_OK, "going on", next.err.text);
    struct model_run last = run_on(after, run->model, seed + 3);
    recover(after, &last, "after a clean close");
    model_abandon(&last);
    fct_sim_disk_destroy(after);
    reached[SECOND_CRASH]++;
}

static void try_image(const struct fct_sim_disk *disk, const struct model *model,
                      enum fct_crash_mode mode, uint64_t seed)
{
    static struct model copy;
    struct fct_sim_disk *image = fct_sim_disk_crash(disk, mode, seed);
    struct fct_sim_disk *untouched = seed % 8 == 0 ? fct_sim_disk_clone(image) : NULL;
    copy = *model;
    struct model_run run = run_on(image, &copy, seed);
    recover(image, &run, "crash");
    if (seed % 4 == 0) {
        check_again(image, &copy, fct_log_end(run.log), seed);
    }
    if (untouched != NULL) {
        crash_in_recovery(untouched, model, seed);
        fct_sim_disk_destroy(untouched);
    }
    if (seed % 3 == 0) {
        go_on(image, &run, seed);
    }
    model_abandon(&run);
    fct_sim_disk_destroy(image);
}

/* One run, crashed at each of its calls in each mode. */
static void explore(uint64_t seed, uint64_t images_max)
{
    static struct model model;
    for (uint64_t at = 0; images < images_max; at++) {
        struct fct_sim_disk *disk = fct_sim_disk_create(seed, false);
        memset(&model, 0, sizeof model);
        struct model_run run = run_on(disk, &model, seed);
        fct_sim_disk_stop_at(disk, at);
        model_do(&run);
        bool whole = run.status == FACTUM_OK;
        uint64_t calls = fct_sim_disk_calls(disk);
        model_abandon(&run);
        reached[ROLL] += run.rolls;
        expect(whole || run.status == FACTUM_IO || run.status == FACTUM_FAILED, "run",
               run.err.text);
        for (int mode = 0; mode < FCT_CRASH_MODES; mode++) {
            try_image(disk, &model, (enum fct_crash_mode)mode,
                      seed * 1000003 + at * 7 + (uint64_t)mode);
        }
        fct_sim_disk_destroy(disk);
        if (whole && calls <= at) {
            return;
        }
    }
}

int main(void)
{
    uint64_t images_max = tap_setting("FCT_CRASH_IMAGES", 20000);
    for (seed_now = tap_setting("FCT_CRASH_SEED", 1); images < images_max; seed_now++) {
        explore(seed_now, images_max);
    }
    model_reached(reached_names, reached, REACHED, images_max >= 5000);
    tap_case(true, "%llu crash images, %llu of them inside recovery, seeds up to %llu",
             (unsigned long long)images, (unsigned long long)nested, (unsigned long long)seed_now);
    return tap_end();
}
