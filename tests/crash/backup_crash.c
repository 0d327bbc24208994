/* backup_crash.c - a crash, or a full stop, in the middle of a backup or a restore.
 *
 * A store is backed up, goes on, and is backed up again into the same directory, stopped at each
 * call in turn: whatever the crash leaves, a backup is there that restores to a store with all
 * events of the first backup at least. A restore is stopped at each call: what the crash leaves is
 * no store, or the whole one. Prints TAP.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/slice.h"
#include "engine_local/local.h"
#include "os/sim_disk.h"

enum { FIRST_EVENTS = 60, ALL_EVENTS = 100 };

static uint64_t stopped_at;

static void die(const char *what, const char *why)
{
    printf("not ok - %s: %s (stopped at call %" PRIu64 ")\n", what, why, stopped_at);
    exit(1);
}

static factum_status open_store(struct fct_engine *engine, struct fct_sim_disk *disk,
                                const char *path, bool must_exist, factum_error *err)
{
    struct fct_local_options options = {
        .os = fct_sim_disk_os(disk),
        .mem = fct_mem_heap(),
        .path = path,
        .must_exist = must_exist,
        .segment_size_first = 8 << 10,
        .segment_size_max = 8 << 10,
    };
    return fct_engine_local_open(engine, &options, err);
}

static void append(struct fct_engine *engine, unsigned count)
{
    static char data[300];
    factum_slice stream = FCT_SLICE("order-1");
    factum_new_event event = {
        .stream = stream, .type = FCT_SLICE("T"), .data = fct_slice(data, sizeof data)};
    factum_expectation any = {stream, {.kind = FACTUM_EXPECTED_ANY}};
    factum_append_request request = {.size = sizeof request,
                                     .events = &event,
                                     .event_count = 1,
                                     .expectations = &any,
                                     .expectation_count = 1};
    factum_error err;
    for (unsigned i = 0; i < count; i++) {
        if (fct_engine_append(engine, &request, NULL, NULL, &err) != FACTUM_OK) {
            die("append", err.text);
        }
    }
}

static factum_status back_up(struct fct_engine *engine)
{
    factum_backup_report report;
    return fct_engine_local_backup(engine, "/backup", NULL, &report, NULL);
}

static factum_status restore(struct fct_sim_disk *disk, factum_error *err)
{
    factum_backup_report report;
    return fct_engine_local_restore(fct_sim_disk_os(disk), fct_mem_heap(), "/backup", "/restored",
                                    NULL, &report, err);
}

static void close_store(struct fct_engine *engine)
{
    factum_status closed = engine->ops->close(engine->self, NULL);
    (void)closed; /* the disk may have stopped */
}

/* A store with everything and a backup of its beginning. */
static struct fct_sim_disk *prepare(struct fct_engine *engine)
{
    factum_error err;
    struct fct_sim_disk *disk = fct_sim_disk_create(1, false);
    FCT_ASSERT(disk != NULL);
    if (open_store(engine, disk, "/store", false, &err) != FACTUM_OK) {
        die("open", err.text);
    }
    append(engine, FIRST_EVENTS);
    if (back_up(engine) != FACTUM_OK) {
        die("backup", "");
    }
    append(engine, ALL_EVENTS - FIRST_EVENTS);
    return disk;
}

/* The events of the restored store; 0 if there is none. */
static uint64_t count_restored(struct fct_sim_disk *disk)
{
    struct fct_engine engine;
    factum_verify_report report;
    factum_error err;
    factum_status status = open_store(&engine, disk, "/restored", true, &err);
    if (status == FACTUM_NOT_FOUND) {
        return 0;
    }
    if (status != FACTUM_OK || engine.ops->verify(engine.self, NULL, &report, &err) != FACTUM_OK) {
        die("a restored store is damaged", err.text);
    }
    close_store(&engine);
    return report.events;
}

static struct fct_sim_disk *crash(const struct fct_sim_disk *disk, unsigned mode)
{
    struct fct_sim_disk *image =
        fct_sim_disk_crash(disk, (enum fct_crash_mode)mode, stopped_at * 31 + mode);
    FCT_ASSERT(image != NULL);
    return image;
}

/* The second backup, stopped; false if it ended before. */
static bool crash_in_backup(uint64_t step)
{
    struct fct_engine engine;
    factum_error err;
    struct fct_sim_disk *disk = prepare(&engine);
    stopped_at = step;
    fct_sim_disk_stop_at(disk, fct_sim_disk_calls(disk) + step);
    bool ended = back_up(&engine) == FACTUM_OK;
    close_store(&engine);
    for (unsigned mode = 0; mode < FCT_CRASH_MODES; mode++) {
        struct fct_sim_disk *image = crash(disk, mode);
        if (restore(image, &err) != FACTUM_OK) {
            die("no backup is left", err.text);
        }
        uint64_t events = count_restored(image);
        if (events != FIRST_EVENTS && events != ALL_EVENTS) {

            die("a backup has lost events", "");
        }
        if (ended && events != ALL_EVENTS) {
            die("an acknowledged backup is lost", "");
        }
        fct_sim_disk_destroy(image);
    }
    fct_sim_disk_destroy(disk);
    return !ended;
}

static bool crash_in_restore(uint64_t step)
{
    struct fct_engine engine;
    factum_error err;
    struct fct_sim_disk *disk = prepare(&engine);
    close_store(&engine);
    stopped_at = step;
    fct_sim_disk_stop_at(disk, fct_sim_disk_calls(disk) + step);
    bool ended = restore(disk, &err) == FACTUM_OK;
    for (unsigned mode = 0; mode < FCT_CRASH_MODES; mode++) {
        struct fct_sim_disk *image = crash(disk, mode);
        uint64_t events = count_restored(image);
        if (events != FIRST_EVENTS && (ended || events != 0)) {
            die("a part of a backup passes for a store", "");
        }
        fct_sim_disk_destroy(image);
    }
    fct_sim_disk_destroy(disk);
    return !ended;
}

int main(void)
{
    uint64_t backups = 0;
    uint64_t restores = 0;
    while (crash_in_backup(backups)) {
        backups++;
    }
    printf("ok 1 - a backup, stopped at each of %" PRIu64 " calls\n", backups);
    while (crash_in_restore(restores)) {
        restores++;
    }
    printf("ok 2 - a restore, stopped at each of %" PRIu64 " calls\n1..2\n", restores);
    return 0;
}
