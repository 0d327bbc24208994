/* repair_crash.c - a repair with loss of a whole store, stopped or failing at each call, and the
 * tokens afterwards.
 *
 * A store is damaged in its middle. The repair is stopped at each call in turn and the power is
 * cut, or the call fails. Afterwards the store is still damaged, and the repair can be run again,
 * or it is whole, and tokens of lost events are refused. Tokens of events before the damage are
 * accepted at any time, and these events are there. Prints TAP.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "engine/event_copy.h"
#include "engine/token.h"
#include "engine_local/local.h"
#include "sim/sim_disk.h"
#include "support/engine_calls.h"
#include "support/fault.h"
#include "support/tap.h"

enum { EVENTS = 80, DATA_SIZE = 300 };

/* A damaged store, and the tokens that its users have. */
struct scene {
    struct fct_sim_disk *disk;
    uint64_t damaged_from;
    uint64_t places[EVENTS];
    char tokens[EVENTS][FACTUM_TOKEN_SIZE];
};

static char what_runs[96];

static void die(const char *what, const char *why)
{
    tap_fail("%s: %s (%s)", what, why, what_runs);
}

static void must(factum_status status, const char *what, const factum_error *err)
{
    if (status != FACTUM_OK) {
        die(what, status < 0 ? err->text : factum_status_name(status));
    }
}

static void open_store(struct fct_engine *engine, struct fct_sim_disk *disk)
{
    struct fct_local_options options = {
        .os = fct_sim_disk_os(disk),
        .mem = fct_mem_heap(),
        .path = "/store",
        .segment_size_first = 8 << 10,
        .segment_size_max = 8 << 10,
    };
    factum_error err;
    must(fct_engine_local_open(engine, &options, &err), "open", &err);
}

static void close_store(struct fct_engine *engine)
{
    factum_error err;
    must(fct_engine_close(engine, &err), "close", &err);
}

static uint64_t append(struct fct_engine *engine)
{
    factum_append_result result;
    factum_error err;
    must(engine_append_zeros(engine, DATA_SIZE, &result, &err), "append", &err);
    return result.position;
}

static struct fct_sim_disk *crash(const struct fct_sim_disk *disk, enum fct_crash_mode mode,
                                  uint64_t seed)
{
    struct fct_sim_disk *image = fct_sim_disk_crash(disk, mode, seed);
    FCT_ASSERT(image != NULL);
    return image;
}

/* The position of the damage; UINT64_MAX if the log is whole. Verifies, since opening checks only
 * the end of the log. */
static uint64_t damage_of(struct fct_engine *engine)
{
    factum_verify_report report;
    factum_error err;
    factum_status status = engine_verify(engine, &report, &err);
    if (status != FACTUM_OK && (status != FACTUM_CORRUPT || report.damaged_from == UINT64_MAX)) {
        die("verify", err.text);
    }
    return report.damaged_from;
}

/* Flips a bit of the event at |place|. */
static void damage(struct fct_sim_disk *disk, uint64_t place)
{
    const char *path;
    uint64_t base = 0;
    for (size_t i = 0; (path = fct_sim_disk_path(disk, i)) != NULL; i++) {
        uint64_t size;
        if (strstr(path, ".seg") == NULL) {
            continue;
        }
        uint8_t *bytes = fct_sim_disk_bytes(disk, path, &size);
        memcpy(&base, bytes + 48, sizeof base); /* docs/formats.md: the position of offset 0 */
        if (place >= base && place - base < size) {
            bytes[place - base + 60] ^= 1;
            return;
        }
    }
    die("no event has this position", "");
}

static void prepare(struct scene *scene, size_t damaged_event)
{
    struct fct_engine engine;
    struct fct_sim_disk *disk = fct_sim_disk_create(1, true);
    FCT_ASSERT(disk != NULL);
    open_store(&engine, disk);
    for (size_t i = 0; i < EVENTS; i++) {
        scene->places[i] = append(&engine);
        fct_token_format(&engine.timelines, scene->places[i], scene->tokens[i]);
    }
    close_store(&engine);
    damage(disk, scene->places[damaged_event]);
    scene->disk = crash(disk, FCT_CRASH_ALL, 1); /* the damage is durable */
    fct_sim_disk_destroy(disk);
    open_store(&engine, scene->disk);
    scene->damaged_from = damage_of(&engine);
    close_store(&engine);
    if (scene->damaged_from > scene->places[damaged_event] ||
        scene->damaged_from <= scene->places[0]) {
        die("the damage is not found", "");
    }
    struct fct_sim_disk *settled = crash(scene->disk, FCT_CRASH_ALL, 1);
    fct_sim_disk_destroy(scene->disk);
    scene->disk = settled;
}

static factum_status repair(const struct fct_os *os, uint64_t from, factum_error *err)
{
    const factum_repair_options options = {
        .size = sizeof options, .accept_loss = true, .accept_loss_from = from};
    return fct_engine_local_repair(os, fct_mem_heap(), "/store", &options, NULL, err);
}

/* ---- what must be true afterwards ------------------------------------------------------------ */

/* Does the store have an event at |place|? */
static bool is_there(struct fct_engine *engine, uint64_t place)
{
    factum_event_copy copy = {.memory = NULL};
    factum_question question = {
        .size = sizeof question, .kind = FACTUM_ASK_EVENT, .position = place, .event = &copy};
    factum_error err;
    factum_status status = fct_engine_answer(engine, &question, &err);
    fct_event_copy_finish(&copy);
    return status == FACTUM_OK;
}

/* |whole|: the damaged events were given up. */
static void check_tokens(struct fct_engine *engine, const struct scene *scene, bool whole)
{
    for (size_t i = 0; i < EVENTS; i++) {
        uint64_t place = 0;
        factum_error err;
        factum_status status =
            fct_token_parse(&engine->timelines, factum_slice_from(scene->tokens[i]), &place, &err);
        bool kept = scene->places[i] < scene->damaged_from;
        if (kept && (status != FACTUM_OK || place != scene->places[i])) {
            die("a token of what is kept is refused", scene->tokens[i]);
        }
        if (kept && !is_there(engine, place)) {
            die("what was kept is not there", scene->tokens[i]);
        }
        if (!kept && whole && status != FACTUM_WRONG_TIMELINE) {
            die("a token of what was given up is accepted", scene->tokens[i]);
        }
    }
}

static void check_goes_on(struct fct_engine *engine, struct fct_sim_disk *disk)
{
    char token[FACTUM_TOKEN_SIZE];
    uint64_t place = 0;
    factum_error err;
    factum_verify_report report;
    uint64_t appended = append(engine);
    fct_token_format(&engine->timelines, appended, token);
    must(engine_verify(engine, &report, &err), "verify", &err);
    close_store(engine);
    open_store(engine, disk);
    must(fct_token_parse(&engine->timelines, factum_slice_from(token), &place, &err),
         "a token of the new timeline", &err);
    if (place != appended || !is_there(engine, place)) {
        die("a token of the new timeline names another place", token);
    }
}

/* |done|: the repair has succeeded. */
static void check(struct fct_sim_disk *disk, const struct scene *scene, bool done)
{
    struct fct_engine engine;
    open_store(&engine, disk);
    uint64_t from = damage_of(&engine);
    if (from != UINT64_MAX) {
        factum_error err;
        if (done) {
            die("an acknowledged repair is lost", "");
        }
        check_tokens(&engine, scene, false);
        close_store(&engine);
        must(repair(fct_sim_disk_os(disk), from, &err), "repair again", &err);
        open_store(&engine, disk);
        from = damage_of(&engine);
    }
    if (from != UINT64_MAX) {
        die("the store is damaged after its repair", "");
    }
    check_tokens(&engine, scene, true);
    check_goes_on(&engine, disk);
    close_store(&engine);
}

/* ---- the sweeps ------------------------------------------------------------------------------ */

/* False if the repair ended before call |step|. */
static bool stop_at(const struct scene *scene, uint64_t step)
{
    factum_error err;
    struct fct_sim_disk *disk = fct_sim_disk_clone(scene->disk);
    FCT_ASSERT(disk != NULL);
    (void)snprintf(what_runs, sizeof what_runs, "stopped at call %" PRIu64, step);
    fct_sim_disk_stop_at(disk, fct_sim_disk_calls(disk) + step);
    bool done = repair(fct_sim_disk_os(disk), scene->damaged_from, &err) == FACTUM_OK;
    for (int mode = 0; mode < FCT_CRASH_MODES; mode++) {
        struct fct_sim_disk *image =
            crash(disk, (enum fct_crash_mode)mode, step * FCT_CRASH_MODES + (uint64_t)mode);
        check(image, scene, done);
        fct_sim_disk_destroy(image);
    }
    fct_sim_disk_destroy(disk);
    return !done;
}

/* False if the repair ended before call |at|. */
static bool fail_at(const struct scene *scene, enum fct_fault_kind kind, uint64_t at, bool sticky)
{
    struct fct_fault fault;
    factum_error err = {.text = ""};
    struct fct_sim_disk *disk = fct_sim_disk_clone(scene->disk);
    FCT_ASSERT(disk != NULL);
    (void)snprintf(what_runs, sizeof what_runs, "kind %d at call %" PRIu64 "%s", (int)kind, at,
                   sticky ? " and after it" : "");
    fct_fault_init(&fault, fct_sim_disk_os(disk));
    fault.kind = kind;
    fault.at = at;
    fault.sticky = sticky;
    factum_status status = repair(&fault.os, scene->damaged_from, &err);
    if (status < 0 && (err.status != status || err.text[0] == '\0')) {
        die("a failure without a reason", err.text);
    }
    bool reached = fault.calls > at;
    check(disk, scene, status == FACTUM_OK);
    fct_sim_disk_destroy(disk);
    return reached;
}

static void sweep(const char *where, size_t damaged_event)
{
    struct scene scene;
    uint64_t stops = 0;
    uint64_t faults = 0;
    prepare(&scene, damaged_event);
    while (stop_at(&scene, stops)) {
        stops++;
    }
    tap_case(true, "a repair of damage %s, stopped at each of %" PRIu64 " calls", where, stops);
    for (int i = 0; i < 4; i++) {
        enum fct_fault_kind kind = i < 2 ? FCT_FAULT_EIO : FCT_FAULT_ENOSPC;
        faults = 0;
        while (fail_at(&scene, kind, faults, i % 2 == 1)) {
            faults++;
        }
    }
    tap_case(true, "a repair of damage %s, failing at each of %" PRIu64 " calls", where, faults);
    fct_sim_disk_destroy(scene.disk);
}

int main(void)
{
    sweep("in the first segment", 5);
    sweep("in the middle", EVENTS / 2);
    sweep("in the last segment", EVENTS - 4);
    return tap_end();
}
