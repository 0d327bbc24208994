/* log_repair.c - a repair that gives up damaged batches, interrupted at every call.
 *
 * A log is damaged so that opening reports it. The repair is stopped at each call in turn and the
 * power is cut, or the call fails. All batches before the damage must be served at any time. The
 * log must not be accepted as whole before the repair is complete. The repair can be run again,
 * from the position that the log then names. No position is used twice.
 *
 * Prints TAP. FCT_CRASH_IMAGES / 10: how many images (20000 / 10). FCT_CRASH_SEED: the first seed
 * (1).
 */
#include <stdio.h>
#include <string.h>

#include "log_model.h"
#include "sim/sim_disk.h"
#include "support/fault.h"
#include "support/tap.h"

enum { SEGMENTS_MAX = 32, REPAIRS_MAX = 4 };

enum kind { FLIPPED_BIT, DAMAGED_HEADER, DAMAGED_SEAL, SHORT_FILE, LOST_FILE, FAILED_BLOCK, KINDS };

enum reached {
    TAIL_DAMAGE,
    SEALED_DAMAGE,
    HEADER_DAMAGE,
    FILES_SET_ASIDE,
    CRASH_IN_REPAIR,
    REPAIRED_AGAIN,
    DONE_BEFORE_CRASH,
    FAILED_CALL,
    REACHED
};
static const char *const reached_names[REACHED] = {
    "damage in the last segment", "damage in a sealed segment", "damaged header given up",
    "segments quarantined",       "crash inside repair",        "repaired again from another place",
    "crash when all was done",    "failed call inside repair",
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

static struct model_run run_on(const struct fct_os *os, struct model *model, uint64_t seed)
{
    return (struct model_run){
        .os = os,
        .mem = fct_mem_heap(),
        .random = {.state = seed},
        .model = model,
        .ops = 6,
        .close = true,
    };
}

static struct fct_log_options options_on(const struct fct_os *os)
{
    return (struct fct_log_options){
        .os = os,
        .mem = fct_mem_heap(),
        .dir = MODEL_DIR,
        .segment_size_first = 16384,
        .segment_size_max = 65536,
    };
}

/* ---- damaged logs ---------------------------------------------------------------------------- */

struct scene {
    struct fct_sim_disk *disk; /* all on it is durable */
    struct model model;        /* the batches before the damage */
    uint64_t from;             /* where the damage begins */
    uint64_t highest;          /* position that was assigned */
    size_t segments;
    struct fct_log_segment_info infos[SEGMENTS_MAX];
};

/* Makes a log that was closed or, for every second seed, left by a process that died after a
 * heartbeat. For some of the latter LAST is missing, so that only the segments show where the log
 * ended. */
static void make_log(struct scene *scene, uint64_t seed)
{
    *scene = (struct scene){.disk = fct_sim_disk_create(seed, false)};
    struct model_run run = run_on(fct_sim_disk_os(scene->disk), &scene->model, seed);
    run.ops = 10 + (unsigned)fct_random_below(&run.random, 50);
    run.close = false;
    model_do(&run);
    expect(run.status == FACTUM_OK, "make a log", run.err.text);
    while (scene->segments < SEGMENTS_MAX &&
           fct_log_segment_info(run.log, scene->segments, UINT64_MAX,
                                &scene->infos[scene->segments])) {
        scene->segments++;
    }
    scene->highest = fct_log_end(run.log);
    if (seed % 2 == 0) {
        expect(fct_log_heartbeat(run.log, &run.err) == FACTUM_OK, "make a log", run.err.text);
        scene->highest = fct_log_end(run.log);
        fct_sim_disk_stop_at(scene->disk, fct_sim_disk_calls(scene->disk));
        model_abandon(&run);
        fct_sim_disk_stop_at(scene->disk, UINT64_MAX);
        if (seed % KINDS != LOST_FILE) {
            factum_status removed =
                fct_os_unlink(fct_sim_disk_os(scene->disk), MODEL_DIR "/LAST", NULL);
            (void)removed; /* a log without a batch has no LAST */
        }
    } else {
        expect(fct_log_close(run.log, &run.err) == FACTUM_OK, "make a log", run.err.text);
    }
}

static void damage(struct scene *scene, uint64_t seed)
{
    struct fct_sim_disk *settled = fct_sim_disk_crash(scene->disk, FCT_CRASH_ALL, seed);
    fct_sim_disk_destroy(scene->disk);
    scene->disk = settled;
    struct fct_random random = {.state = seed};
    size_t index = (size_t)fct_random_below(&random, scene->segments);
    const struct fct_log_segment_info *info = &scene->infos[index];
    char path[64];
    uint64_t size;
    (void)snprintf(path, sizeof path, MODEL_DIR "/%s", info->name);
    uint8_t *bytes = fct_sim_disk_bytes(scene->disk, path, &size);
    const struct fct_os *os = fct_sim_disk_os(scene->disk);
    uint64_t at = FCT_SEGMENT_HEADER_SIZE;
    if (info->size > at) {
        at += fct_random_below(&random, info->size - at);
    }
    struct fct_file *file = NULL;
    switch ((enum kind)(seed % KINDS)) {
    case FLIPPED_BIT:
        bytes[at] ^= 4;
        break;
    case DAMAGED_HEADER:
        bytes[fct_random_below(&random, 90)] ^= 16;
        break;
    case DAMAGED_SEAL:
        bytes[info->size - 1 - fct_random_below(&random, 100)] ^= 1;
        break;
    case SHORT_FILE:
        expect(fct_file_open(os, path, FCT_OPEN_WRITE, &file, NULL) == FACTUM_OK &&
                   fct_file_truncate(file, at, NULL) == FACTUM_OK,
               "damage", path);
        (void)fct_file_close(&file, NULL);
        break;
    case LOST_FILE:
        (void)snprintf(path, sizeof path, MODEL_DIR "/%s", scene->infos[scene->segments - 1].name);
        expect(fct_os_unlink(os, path, NULL) == FACTUM_OK, "damage", path);
        break;
    case FAILED_BLOCK:
        expect(fct_sim_disk_fail_block(scene->disk, path, at), "damage", path);
        break;
    case KINDS:
        break;
    }
    settled = fct_sim_disk_crash(scene->disk, FCT_CRASH_ALL, seed);
    fct_sim_disk_destroy(scene->disk);
    scene->disk = settled;
}

/* The position of the damage; UINT64_MAX if the log is whole. */
static uint64_t damaged_from(struct fct_log *log)
{
    struct fct_log_verify_report report;
    factum_error err;
    factum_status status = fct_log_verify(log, NULL, &report, &err);
    expect(status == FACTUM_OK || status == FACTUM_CORRUPT, "verify", err.text);
    return report.bad_from;
}

/* False if the log cannot be opened, or the damage is not found: log_corruption.c has these cases.
 * Afterwards the model contains the batches before the damage, and no others. */
static bool find_damage(struct scene *scene)
{
    struct fct_sim_disk *look = fct_sim_disk_clone(scene->disk);
    struct fct_log_options options = options_on(fct_sim_disk_os(look));
    struct fct_log *log;
    factum_error err;
    options.read_only = true;
    scene->from = UINT64_MAX;
    if (fct_log_open(&log, &options, &err) == FACTUM_OK) {
        scene->from = damaged_from(log);
        const char *bad = model_check_named(log, &scene->model, scene->from);
        expect(bad == NULL || scene->from == UINT64_MAX, "look", bad);
        expect(fct_log_close(log, &err) == FACTUM_OK, "look", err.text);
    }
    fct_sim_disk_destroy(look);
    struct model *model = &scene->model;
    size_t before = 0;
    while (before < model->count && model->batches[before].end <= scene->from) {
        before++;
    }
    model->count = before;
    model->durable = before;
    return scene->from != UINT64_MAX;
}

/* ---- repairs --------------------------------------------------------------------------------- */

/* Nothing else refers to the log, so nothing has to forget the loss. */
static factum_status forget_nothing(void *data, factum_error *err)
{
    (void)data;
    (void)err;
    return FACTUM_OK;
}

/* All batches before the damage can be read, and reading them changes nothing on the disk. */
static void check_served(const struct scene *scene, struct fct_sim_disk *disk)
{
    struct fct_log_options options = options_on(fct_sim_disk_os(disk));
    struct fct_log *log;
    factum_error err;
    struct fct_log_walk walk;
    struct fct_record record;
    uint64_t calls = fct_sim_disk_calls(disk);
    options.read_only = true;
    expect(fct_log_open(&log, &options, &err) == FACTUM_OK, "interrupted repair", err.text);
    expect(fct_log_walk_init(&walk, log, 0, &err) == FACTUM_OK, "interrupted repair", err.text);
    for (size_t i = 0; i < scene->model.count; i++) {
        for (uint32_t index = 0; index < scene->model.batches[i].records; index++) {
            expect(fct_log_walk_next(&walk, &record, &err) == FACTUM_OK, "interrupted repair",
                   "a batch before the damage is not served");
        }
        expect(record.position + record.size == scene->model.batches[i].end, "interrupted repair",
               "another batch is served");
    }
    (void)fct_log_close(log, &err);
    expect(fct_sim_disk_calls(disk) == calls, "read only", "something was written");
}

/* Repeats the repair until the log is whole. Returns the number of repairs. */
static int repair_on(const struct scene *scene, const struct fct_os *os)
{
    struct fct_log_options options = options_on(os);
    uint64_t from = scene->from;
    factum_error err;
    for (int repairs = 0;; repairs++) {
        struct fct_log *log;
        options.read_only = true;
        expect(fct_log_open(&log, &options, &err) == FACTUM_OK, "repair again", err.text);
        uint64_t bad = damaged_from(log);
        expect(fct_log_close(log, &err) == FACTUM_OK, "repair again", err.text);
        if (bad == UINT64_MAX) {
            return repairs;
        }
        expect(repairs < REPAIRS_MAX, "repair again", "the repairs do not end");
        expect(bad >= scene->from, "repair again", "more is damaged than before");
        reached[REPAIRED_AGAIN] += bad != from;
        from = bad;
        options.read_only = false;
        expect(fct_log_accept_loss(&options, bad, forget_nothing, NULL, &err) == FACTUM_OK,
               "repair again", err.text);
    }
}

/* The log is whole, contains the batches before the damage, and continues after every position that
 * was ever assigned. */
static void check_repaired(const struct scene *scene, const struct fct_os *os, uint64_t seed)
{
    static struct model model;
    model = scene->model;
    struct model_run run = run_on(os, &model, seed);
    expect(model_open(&run) == FACTUM_OK, "repaired", run.err.text);
    const char *bad = model_check(run.log, &model, true);
    expect(bad == NULL, "repaired", bad);
    expect(model.count == scene->model.count, "repaired", "a lost batch came back");
    expect(fct_log_end(run.log) > scene->highest, "repaired", "positions are used again");
    model_continue(&run);
    expect(run.status == FACTUM_OK, "going on", run.err.text);
    run = run_on(os, &model, seed);
    expect(model_open(&run) == FACTUM_OK, "opened again", run.err.text);
    bad = model_check(run.log, &model, true);
    expect(bad == NULL, "opened again", bad);
    model_abandon(&run);
}

/* False if the repair has no call |at|. */
static bool crash_at(const struct scene *scene, uint64_t at, uint64_t seed)
{
    struct fct_sim_disk *disk = fct_sim_disk_clone(scene->disk);
    struct fct_log_options options = options_on(fct_sim_disk_os(disk));
    factum_error err;
    fct_sim_disk_stop_at(disk, fct_sim_disk_calls(disk) + at);
    factum_status status = fct_log_accept_loss(&options, scene->from, forget_nothing, NULL, &err);
    bool whole = status == FACTUM_OK;
    expect(whole || status == FACTUM_IO || status == FACTUM_FAILED, "repair", err.text);
    for (int mode = 0; mode < FCT_CRASH_MODES; mode++) {
        struct fct_sim_disk *after = fct_sim_disk_crash(disk, (enum fct_crash_mode)mode, seed);
        check_served(scene, after);
        int repairs = repair_on(scene, fct_sim_disk_os(after));
        expect(!whole || repairs == 0, "repair", "a repair that succeeded is not durable");
        reached[DONE_BEFORE_CRASH] += repairs == 0 && !whole;
        reached[CRASH_IN_REPAIR] += repairs > 0;
        check_repaired(scene, fct_sim_disk_os(after), seed);
        fct_sim_disk_destroy(after);
        images++;
    }
    fct_sim_disk_destroy(disk);
    return !whole;
}

/* False if the repair has no call |at|. */
static bool fail_at(const struct scene *scene, uint64_t at, enum fct_fault_kind kind)
{
    struct fct_sim_disk *disk = fct_sim_disk_clone(scene->disk);
    struct fct_fault fault;
    fct_fault_init(&fault, fct_sim_disk_os(disk));
    fault.kind = kind;
    fault.at = at;
    struct fct_log_options options = options_on(&fault.os);
    factum_error err;
    factum_status status = fct_log_accept_loss(&options, scene->from, forget_nothing, NULL, &err);
    expect(status == FACTUM_OK || fault.failed > 0, "repair", err.text);
    bool reached_call = fault.calls > at;
    reached[FAILED_CALL] += fault.failed > 0;
    check_served(scene, disk);
    (void)repair_on(scene, fct_sim_disk_os(disk));
    check_repaired(scene, fct_sim_disk_os(disk), at);
    fct_sim_disk_destroy(disk);
    return reached_call;
}

static void explore(uint64_t seed)
{
    static struct scene scene;
    make_log(&scene, seed);
    damage(&scene, seed);
    if (find_damage(&scene)) {
        const struct fct_log_segment_info *last = &scene.infos[scene.segments - 1];
        reached[HEADER_DAMAGE] += seed % KINDS == DAMAGED_HEADER;
        reached[TAIL_DAMAGE] += scene.from > last->base;
        reached[SEALED_DAMAGE] += scene.from < last->base;
        reached[FILES_SET_ASIDE] += scene.from < last->base;
        for (uint64_t at = 0; crash_at(&scene, at, seed * 1009 + at); at++) {
        }
        for (uint64_t at = 0; fail_at(&scene, at, FCT_FAULT_EIO); at++) {
        }
        for (uint64_t at = 0; fail_at(&scene, at, FCT_FAULT_ENOSPC); at++) {
        }
    }
    fct_sim_disk_destroy(scene.disk);
}

int main(void)
{
    uint64_t images_max = tap_setting("FCT_CRASH_IMAGES", 20000) / 10;
    for (seed_now = tap_setting("FCT_CRASH_SEED", 1); images < images_max; seed_now++) {
        explore(seed_now);
    }
    model_reached(reached_names, reached, REACHED, images_max >= 2000);
    tap_case(true, "%llu crashes inside repairs, seeds up to %llu", (unsigned long long)images,
             (unsigned long long)seed_now);
    return tap_end();
}
