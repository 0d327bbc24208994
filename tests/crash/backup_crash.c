/* backup_crash.c - a crash, a full stop or a failed call in the middle of a backup or a restore.
 *
 * A store is backed up, continues, and is backed up again into the same directory. The second
 * backup is stopped at each call in turn. Each crash leaves a backup that restores to a store with
 * at least the events of the first backup. The same is done with a backup whose copy of a segment
 * is damaged: what the crash leaves is reported as damaged and repaired by the next backup, or it
 * verifies and restores. Every backup that verifies can be restored.
 *
 * A restore is stopped at each call, or one of its calls fails and the power is cut afterwards. It
 * leaves no store, or a whole one. A restored store accepts the tokens of its own events, and no
 * others. Prints TAP.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/slice.h"
#include "engine/token.h"
#include "engine_local/local.h"
#include "sim/sim_disk.h"
#include "support/engine_calls.h"
#include "support/fault.h"
#include "support/tap.h"

enum { FIRST_EVENTS = 60, ALL_EVENTS = 100 };

static char what_runs[96];
static uint64_t seed; /* of the next crash */
static char tokens[ALL_EVENTS][FACTUM_TOKEN_SIZE];

static void die(const char *what, const char *why)
{
    tap_fail("%s: %s (%s)", what, why, what_runs);
}

static factum_status open_store_on(struct fct_engine *engine, const struct fct_os *os,
                                   const char *path, bool must_exist, factum_error *err)
{
    struct fct_local_options options = {
        .os = os,
        .mem = fct_mem_heap(),
        .path = path,
        .must_exist = must_exist,
        .segment_size_first = 8 << 10,
        .segment_size_max = 8 << 10,
    };
    return fct_engine_local_open(engine, &options, err);
}

static factum_status open_store(struct fct_engine *engine, struct fct_sim_disk *disk,
                                const char *path, bool must_exist, factum_error *err)
{
    return open_store_on(engine, fct_sim_disk_os(disk), path, must_exist, err);
}

/* The events from number |from| on, up to |to|, and their tokens. */
static void append(struct fct_engine *engine, unsigned from, unsigned to)
{
    static char data[300];
    factum_slice stream = FCT_SLICE("order-1");
    factum_new_event event = {
        .stream = stream, .type = FCT_SLICE("T"), .data = fct_slice(data, sizeof data)};
    factum_expectation any = {stream, factum_any()};
    factum_append_request request = {.size = sizeof request,
                                     .events = &event,
                                     .event_count = 1,
                                     .expectations = &any,
                                     .expectation_count = 1};
    factum_append_result result;
    factum_error err;
    for (unsigned i = from; i < to; i++) {
        if (fct_engine_append(engine, &request, &result, NULL, &err) != FACTUM_OK) {
            die("append", err.text);
        }
        fct_token_format(&engine->timelines, result.position, tokens[i]);
    }
}

static factum_status back_up(struct fct_engine *engine)
{
    factum_error ignored;
    factum_backup_report report;
    return engine_backup(engine, "/backup", &report, &ignored);
}

static factum_status restore(const struct fct_os *os, factum_error *err)
{
    factum_backup_report report;
    return fct_engine_local_restore(os, fct_mem_heap(), "/backup", "/restored", NULL, &report, err);
}

static void close_store(struct fct_engine *engine)
{
    factum_error ignored;
    factum_status closed = fct_engine_close(engine, &ignored);
    (void)closed; /* the disk may have stopped */
}

/* A store with all events, and a backup of its first events. */
static struct fct_sim_disk *prepare(struct fct_engine *engine)
{
    factum_error err;
    struct fct_sim_disk *disk = fct_sim_disk_create(1, false);
    FCT_ASSERT(disk != NULL);
    if (open_store(engine, disk, "/store", false, &err) != FACTUM_OK) {
        die("open", err.text);
    }
    append(engine, 0, FIRST_EVENTS);
    if (back_up(engine) != FACTUM_OK) {
        die("backup", "");
    }
    append(engine, FIRST_EVENTS, ALL_EVENTS);
    return disk;
}

/* The first |count| tokens are accepted, and no others. */
static void check_tokens(const struct fct_engine *engine, uint64_t count)
{
    for (uint64_t i = 0; i < ALL_EVENTS; i++) {
        uint64_t place;
        factum_error err;
        factum_status status =
            fct_token_parse(&engine->timelines, factum_slice_from(tokens[i]), &place, &err);
        if (i < count && status != FACTUM_OK) {
            die("a token of a restored event is refused", err.text);
        }
        if (i >= count && status != FACTUM_WRONG_TIMELINE) {
            die("a token of an event that was not restored is accepted", tokens[i]);
        }
    }
}

/* The number of events in the restored store; 0 without a store. */
static uint64_t count_restored(struct fct_sim_disk *disk)
{
    struct fct_engine engine;
    factum_verify_report report;
    factum_error err;
    factum_status status = open_store(&engine, disk, "/restored", true, &err);
    if (status == FACTUM_NOT_FOUND) {
        return 0;
    }
    if (status != FACTUM_OK || engine_verify(&engine, &report, &err) != FACTUM_OK) {
        die("a restored store is damaged", err.text);
    }
    check_tokens(&engine, report.events);
    close_store(&engine);
    return report.events;
}

static struct fct_sim_disk *crash(const struct fct_sim_disk *disk, unsigned mode)
{
    struct fct_sim_disk *image = fct_sim_disk_crash(disk, (enum fct_crash_mode)mode, seed++);
    FCT_ASSERT(image != NULL);
    return image;
}

/* Stops the second backup at a call. False if it ended before that call. */
static bool crash_in_backup(uint64_t step)
{
    struct fct_engine engine;
    factum_error err;
    struct fct_sim_disk *disk = prepare(&engine);
    (void)snprintf(what_runs, sizeof what_runs, "backup stopped at call %" PRIu64, step);
    fct_sim_disk_stop_at(disk, fct_sim_disk_calls(disk) + step);
    bool ended = back_up(&engine) == FACTUM_OK;
    close_store(&engine);
    for (unsigned mode = 0; mode < FCT_CRASH_MODES; mode++) {
        struct fct_sim_disk *image = crash(disk, mode);
        if (restore(fct_sim_disk_os(image), &err) != FACTUM_OK) {
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

/* ---- a damaged copy -------------------------------------------------------------------------- */

static factum_status verify_backup(const struct fct_os *os, factum_error *err)
{
    factum_backup_verify_report report;
    return fct_engine_local_backup_verify(os, fct_mem_heap(), "/backup", NULL, NULL, &report, err);
}

/* Changes a byte of the backup's second segment, which is sealed. */
static void damage_copy(struct fct_sim_disk *disk)
{
    static const char path[] = "/backup/00000000000000000002.seg";
    const struct fct_os *os = fct_sim_disk_os(disk);
    struct fct_file *file;
    uint8_t byte;
    factum_error err;
    factum_status status = fct_file_open(os, path, FCT_OPEN_WRITE, &file, &err);
    if (status == FACTUM_OK) {
        status = fct_file_read(file, 5000, &byte, 1, &err);
    }
    if (status == FACTUM_OK) {
        byte ^= 1;
        status = fct_file_write(file, 5000, &byte, 1, &err);
    }
    if (status == FACTUM_OK) {
        status = fct_file_sync(file, &err);
    }
    if (status != FACTUM_OK || fct_file_close(&file, &err) != FACTUM_OK ||
        verify_backup(os, &err) != FACTUM_CORRUPT) {
        die("the damage is not found", err.text);
    }
}

/* The backup on |disk| verifies and restores, or neither. True if it does. */
static bool check_backup(struct fct_sim_disk *disk)
{
    factum_error err;
    factum_status verified = verify_backup(fct_sim_disk_os(disk), &err);
    if (verified != FACTUM_OK && verified != FACTUM_CORRUPT) {
        die("a backup is not checked", err.text);
    }
    factum_status restored = restore(fct_sim_disk_os(disk), &err);
    if (restored != verified) {
        die("a backup verifies and does not restore, or the reverse", err.text);
    }
    if (verified != FACTUM_OK) {
        return false;
    }
    uint64_t events = count_restored(disk);
    if (events != FIRST_EVENTS && events != ALL_EVENTS) {
        die("a backup has lost events", "");
    }
    return true;
}

/* The next backup of the store on |disk| repairs a damaged one. */
static void check_next_backup(struct fct_sim_disk *disk)
{
    struct fct_engine engine;
    factum_error err;
    if (open_store(&engine, disk, "/store", true, &err) != FACTUM_OK) {
        die("the store does not open", err.text);
    }
    if (back_up(&engine) != FACTUM_OK || !check_backup(disk)) {
        die("the next backup is not whole", "");
    }
    close_store(&engine);
}

/* Stops the second backup, on a damaged copy, at a call, or lets the call fail. False if it has
 * fewer calls. */
static bool crash_in_repair(const struct fct_sim_disk *damaged, enum fct_fault_kind kind,
                            uint64_t step, bool sticky)
{
    struct fct_engine engine;
    struct fct_fault fault;
    factum_error err;
    struct fct_sim_disk *disk = fct_sim_disk_clone(damaged);
    FCT_ASSERT(disk != NULL);
    (void)snprintf(what_runs, sizeof what_runs,
                   "backup on a damaged copy, kind %d at call %" PRIu64 "%s", (int)kind, step,
                   sticky ? " and after it" : "");
    fct_fault_init(&fault, fct_sim_disk_os(disk));
    if (open_store_on(&engine, &fault.os, "/store", true, &err) != FACTUM_OK) {
        die("open", err.text);
    }
    if (kind == FCT_FAULT_NONE) {
        fct_sim_disk_stop_at(disk, fct_sim_disk_calls(disk) + step);
    }
    uint64_t before = fault.calls;
    fault.at = before + step;
    fault.kind = kind;
    fault.sticky = sticky;
    bool ended = back_up(&engine) == FACTUM_OK;
    bool reached = kind == FCT_FAULT_NONE ? !ended : fault.calls - before > step;
    close_store(&engine);
    /* One crash after a failed call is enough: every call has a crash of its own elsewhere. */
    unsigned modes = kind == FCT_FAULT_NONE ? FCT_CRASH_MODES : 1;
    for (unsigned mode = 0; mode < modes; mode++) {
        struct fct_sim_disk *image = crash(disk, mode);
        struct fct_sim_disk *again = fct_sim_disk_clone(image);
        FCT_ASSERT(again != NULL);
        if (!check_backup(image) && ended) {
            die("a backup that reported success is damaged", "");
        }
        check_next_backup(again);
        fct_sim_disk_destroy(image);
        fct_sim_disk_destroy(again);
    }
    fct_sim_disk_destroy(disk);
    return reached;
}

static uint64_t sweep_repair(const struct fct_sim_disk *damaged, enum fct_fault_kind kind,
                             bool sticky)
{
    uint64_t step = 0;
    while (crash_in_repair(damaged, kind, step, sticky)) {
        step++;
    }
    return step;
}

/* ---- restores -------------------------------------------------------------------------------- */

/* A crash now leaves no store, or the whole one; if the restore has |ended|, the whole one. */
static void check_crashes(const struct fct_sim_disk *disk, bool ended)
{
    for (unsigned mode = 0; mode < FCT_CRASH_MODES; mode++) {
        struct fct_sim_disk *image = crash(disk, mode);
        uint64_t events = count_restored(image);
        if (events != FIRST_EVENTS && (ended || events != 0)) {
            die("a part of a backup opens as a store", "");
        }
        fct_sim_disk_destroy(image);
    }
}

static bool crash_in_restore(const struct fct_sim_disk *prepared, uint64_t step)
{
    factum_error err;
    struct fct_sim_disk *disk = fct_sim_disk_clone(prepared);
    FCT_ASSERT(disk != NULL);
    (void)snprintf(what_runs, sizeof what_runs, "restore stopped at call %" PRIu64, step);
    fct_sim_disk_stop_at(disk, fct_sim_disk_calls(disk) + step);
    bool ended = restore(fct_sim_disk_os(disk), &err) == FACTUM_OK;
    check_crashes(disk, ended);
    fct_sim_disk_destroy(disk);
    return !ended;
}

/* Runs a restore with call |at| failing. False if it has fewer calls. */
static bool fail_in_restore(const struct fct_sim_disk *prepared, enum fct_fault_kind kind,
                            uint64_t at, bool sticky)
{
    struct fct_fault fault;
    factum_error err;
    struct fct_sim_disk *disk = fct_sim_disk_clone(prepared);
    FCT_ASSERT(disk != NULL);
    (void)snprintf(what_runs, sizeof what_runs, "kind %d at call %" PRIu64 " of a restore%s",
                   (int)kind, at, sticky ? " and after it" : "");
    fct_fault_init(&fault, fct_sim_disk_os(disk));
    fault.kind = kind;
    fault.at = at;
    fault.sticky = sticky;
    bool ended = restore(&fault.os, &err) == FACTUM_OK;
    bool reached = fault.calls > at;
    check_crashes(disk, ended);
    if (!ended && !sticky && restore(fct_sim_disk_os(disk), &err) != FACTUM_OK) {
        die("a failed restore left files", err.text);
    }
    if ((ended || !sticky) && count_restored(disk) != FIRST_EVENTS) {
        die("a restore has lost events", "");
    }
    fct_sim_disk_destroy(disk);
    return reached;
}

int main(void)
{
    uint64_t backups = 0;
    uint64_t restores = 0;
    uint64_t faults = 0;
    struct fct_engine engine;
    while (crash_in_backup(backups)) {
        backups++;
    }
    tap_case(true, "a backup, stopped at each of %" PRIu64 " calls", backups);
    struct fct_sim_disk *prepared = prepare(&engine);
    close_store(&engine);
    while (crash_in_restore(prepared, restores)) {
        restores++;
    }
    tap_case(true, "a restore, stopped at each of %" PRIu64 " calls", restores);
    for (int i = 0; i < 4; i++) {
        enum fct_fault_kind kind = i < 2 ? FCT_FAULT_EIO : FCT_FAULT_ENOSPC;
        faults = 0;
        while (fail_in_restore(prepared, kind, faults, i % 2 == 1)) {
            faults++;
        }
    }
    tap_case(true, "a restore, failing at each of %" PRIu64 " calls", faults);
    damage_copy(prepared);
    uint64_t steps = sweep_repair(prepared, FCT_FAULT_NONE, false);
    tap_case(true, "a backup on a damaged copy, stopped at each of %" PRIu64 " calls", steps);
    for (int i = 0; i < 4; i++) {
        steps = sweep_repair(prepared, i < 2 ? FCT_FAULT_EIO : FCT_FAULT_ENOSPC, i % 2 == 1);
    }
    tap_case(true, "a backup on a damaged copy, failing at each of %" PRIu64 " calls", steps);
    fct_sim_disk_destroy(prepared);
    return tap_end();
}
