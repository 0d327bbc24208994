/* model_crash.c - read models over losses of power: SQLite on the simulated disk, stopped at any
 * call that changes the disk, also amid recovery.
 *
 * A round runs a host of models over a store, in memory or on the same disk, and cuts the power at
 * a random call, or once the host is idle or closed. Before anybody opens what the disk then holds,
 * it is looked at: the pages are sound, the tables of each build are the fold of the events up to
 * its checkpoint, each once, without those that are parked; nothing that was committed is lost; the
 * views are one build's, which is that of the acts that the file has. Then the round goes on from
 * it. At the end all rows, what is parked, and the count are those of a run without a crash, and of
 * a fold in plain C.
 *
 *   1. PR-01: events, poison and retries
 *   2. PR-08: versions built beside, swaps and roll-backs, under appends and a reader
 *   3. syncs that fail and lose what they should write
 *   4. with syncs left out, the checks find what is lost: they can fail
 *
 * FCT_CRASH_IMAGES / 1250: how many power cuts (default 400). FCT_CRASH_SEED: the first seed (1).
 * Prints TAP.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/slice.h"
#include "crash/model_world.h"
#include "crash/sim_vfs.h"
#include "os/thread.h"
#include "projection/query_guard.h"
#include "support/tap.h"

#define ACT_MS 120000

struct tally {
    uint64_t seeds;
    uint64_t cuts;
    uint64_t in_recovery;
    uint64_t acts;
    uint64_t answers; /* of the reader */
    uint64_t floors;  /* cuts before which something was known to be committed */
    uint64_t found;   /* losses, where they are wanted */
};

static struct world the_world; /* it is large */

static uint64_t below(struct world *world, uint64_t bound)
{
    return fct_random_below(&world->random, bound);
}

static void must(const struct world *world, factum_status status, const factum_error *err,
                 const char *what)
{
    if (status != FACTUM_OK) {
        world_die(world, what, err->text);
    }
}

/* Early calls are those of recovery; a commit has a few. */
static uint64_t some_calls(struct world *world)
{
    static const uint64_t most[] = {8, 40, 200, 1500};
    return below(world, most[below(world, 4)]);
}

static void open_host(struct world *world)
{
    factum_error err;
    factum_status status = world_open(world, &err);
    if (status != FACTUM_OK && !world_has_crashed(world)) {
        world_die(world, "opening the models", err.text);
    }
}

/* Cuts the power and looks at what is left. */
static const char *cut_and_look(struct world *world, struct tally *tally)
{
    for (unsigned i = 0; i < world->floor_count; i++) {
        tally->floors += world->floors[i].event_count > 0 ? 1 : 0;
    }
    enum fct_crash_mode mode = (enum fct_crash_mode)below(world, FCT_CRASH_MODES);
    world_cut_power(world, mode);
    tally->cuts++;
    return world_examine(world);
}

static void must_be_sound(const struct world *world, const char *found)
{
    if (found != NULL) {
        world_die(world, "after a loss of power", found);
    }
}

/* A host that comes up on what a crash has left, and is stopped before it has come far. */
static const char *crash_in_recovery(struct world *world, struct tally *tally)
{
    const char *found = NULL;
    while (found == NULL && below(world, 3) == 0) {
        world_crash_after(world, below(world, 12));
        open_host(world);
        if (world->models != NULL) {
            (void)world_wait(world);
            world_note_floors(world);
        }
        tally->in_recovery++;
        found = cut_and_look(world, tally);
    }
    return found;
}

/* ---- 1: events ------------------------------------------------------------------------------- */

/* Runs the host over some more events, up to a loss of power. */
static const char *play_round(struct world *world, struct tally *tally)
{
    uint64_t how = below(world, 10);
    world->floor_count = 0;
    open_host(world);
    if (how > 1) {
        world_crash_after(world, some_calls(world));
    }
    size_t more = world->known + (size_t)below(world, world->spec_count / 3);
    more = more < world->spec_count ? more : world->spec_count;
    bool stored = world_append(world, more);
    if (world->models != NULL) {
        if (stored) {
            (void)world_wait(world);
        }
        world_note_floors(world);
    }
    if (how == 0) { /* in order, and then the power goes */
        factum_models_close(world->models);
        world->models = NULL;
    }
    const char *found = cut_and_look(world, tally);
    return found == NULL ? crash_in_recovery(world, tally) : found;
}

/* All events, all retries: the end of every run. */
static void finish(struct world *world)
{
    factum_error err;
    uint64_t revision;
    if (world->models == NULL) {
        open_host(world);
    }
    if (!world_append(world, world->spec_count) || !world_wait(world)) {
        world_die(world, "the end of the run", "crashed");
    }
    must(world, world_act(world, FACTUM_ACT_RETRY_ALL, &revision, &err), &err, "retry");
    must(world,
         factum_models_act_wait(world->models, FCT_SLICE(WORLD_MODEL), revision, ACT_MS, &err),
         &err, "waiting for the retry");
}

static uint64_t compare(struct world *world, unsigned version)
{
    uint64_t hash = 0;
    const char *found = world_compare(world, version, &hash);
    if (found != NULL) {
        world_die(world, "at the end", found);
    }
    return hash;
}

static size_t events_of(uint64_t seed)
{
    return 200 + (size_t)(seed * 7919 % 1000);
}

/* Nothing goes wrong. */
static uint64_t reference(uint64_t seed, bool local)
{
    world_make(&the_world, seed, events_of(seed), local);
    finish(&the_world);
    uint64_t hash = compare(&the_world, 1);
    world_drop(&the_world);
    return hash;
}

static void play_events(uint64_t seed, struct tally *tally)
{
    bool local = seed % 2 == 0;
    uint64_t wanted = reference(seed, local);
    world_make(&the_world, seed, events_of(seed), local);
    for (uint64_t rounds = 4 + below(&the_world, 5); rounds > 0; rounds--) {
        must_be_sound(&the_world, play_round(&the_world, tally));
    }
    finish(&the_world);
    /* Positions in the journal are another run's if its appends were cut otherwise. */
    uint64_t hash = compare(&the_world, 1);
    if (!local && hash != wanted) {
        world_die(&the_world, "at the end", "the rows differ from those of a run without a crash");
    }
    world_drop(&the_world);
    tally->seeds++;
}

/* ---- 2: versions ----------------------------------------------------------------------------- */

/* Asks all the time; an answer is of one version. */
struct reader {
    struct world *world;
    struct fct_thread thread;
    atomic_bool stop;
    uint64_t answers;
    char wrong[256];
};

struct seen_row {
    int64_t values[6];
    size_t count;
};

static bool take_names(void *data, const factum_slice *names, size_t count)
{
    (void)data;
    (void)names;
    return count == 6;
}

static bool take_values(void *data, const factum_value *values, size_t count)
{
    struct seen_row *seen = data;
    for (size_t i = 0; i < count && i < 6; i++) {
        seen->values[i] = values[i].kind == FACTUM_VALUE_INTEGER ? values[i].integer : -1;
    }
    seen->count = count;
    return true;
}

/* False: it is a mixture. */
static bool ask_once(struct reader *reader)
{
    static const char sql[] = "SELECT (SELECT min(v) FROM account), (SELECT max(v) FROM account),"
                              " (SELECT min(v) FROM stock), (SELECT max(v) FROM stock),"
                              " (SELECT coalesce(sum(qty), 0) FROM account),"
                              " (SELECT coalesce(sum(qty), 0) FROM stock)";
    factum_error err;
    struct seen_row seen = {.count = 0};
    factum_model_answer answer = {.size = sizeof answer};
    const factum_rows rows = {&seen, take_names, take_values};
    const factum_model_query query = {
        .size = sizeof query, .model = FCT_SLICE(WORLD_MODEL), .sql = factum_slice_from(sql)};
    if (factum_models_query(reader->world->models, &query, &rows, &answer, &err) != FACTUM_OK) {
        return true; /* the disk has crashed, or nothing is in use yet */
    }
    int64_t version = (int64_t)answer.status.version;
    bool whole = seen.count == 6 && seen.values[4] == seen.values[5];
    for (size_t i = 0; i < 4; i++) {
        whole = whole && (seen.values[i] == -1 || seen.values[i] == version);
    }
    reader->answers++;
    if (!whole) {
        (void)snprintf(reader->wrong, sizeof reader->wrong,
                       "version %" PRId64 ": %" PRId64 "..%" PRId64 ", %" PRId64 "..%" PRId64
                       ", %" PRId64 " and %" PRId64,
                       version, seen.values[0], seen.values[1], seen.values[2], seen.values[3],
                       seen.values[4], seen.values[5]);
    }
    return whole;
}

static void read_all_the_time(void *data)
{
    struct reader *reader = data;
    while (!atomic_load(&reader->stop) && ask_once(reader)) {
    }
}

static void start_reader(struct reader *reader, struct world *world)
{
    factum_error err;
    memset(reader, 0, sizeof *reader);
    reader->world = world;
    must(world, fct_thread_start(&reader->thread, "reader", read_all_the_time, reader, &err), &err,
         "a thread");
}

static void stop_reader(struct reader *reader, struct tally *tally)
{
    atomic_store(&reader->stop, true);
    fct_thread_join(&reader->thread);
    tally->answers += reader->answers;
    if (reader->wrong[0] != '\0') {
        world_die(reader->world, "a reader saw a mixture", reader->wrong);
    }
}

/* What the stream of the definition says. */
struct wanted_state {
    uint64_t version;
    uint64_t in_use;
    uint64_t previous;
    bool building;
};

static bool note_state(void *data, const factum_projection_state *state)
{
    *(struct wanted_state *)data =
        (struct wanted_state){state->version, state->in_use, state->previous, state->building};
    return true;
}

static struct wanted_state look_at_stream(struct world *world)
{
    struct wanted_state state = {.version = 0};
    const factum_projection_each each = {&state, note_state};
    factum_error err;
    must(world, factum_projection_find(world->store, FCT_SLICE(WORLD_MODEL), 0, &each, &err), &err,
         "reading the definition");
    return state;
}

/* The next act, of those that make sense now. False: it was not recorded, because the disk is
 * gone. */
static bool act_next(struct world *world, uint64_t *revision)
{
    struct wanted_state state = look_at_stream(world);
    factum_error err;
    factum_status status;
    uint64_t chance = below(world, 10);
    *revision = UINT64_MAX;
    if (state.building) {
        status = world_act(world, FACTUM_ACT_SWAP, revision, &err);
    } else if (state.previous != 0 && chance < 4) {
        status = world_act(world, FACTUM_ACT_ROLLBACK, revision, &err);
    } else if (chance < 6) {
        status = world_act(world, FACTUM_ACT_REBUILD, revision, &err);
    } else {
        status = world_deploy(world, (unsigned)state.version + 1, &err);
    }
    if (status != FACTUM_OK && !(world->local && world_has_crashed(world))) {
        world_die(world, "an act", err.text);
    }
    return status == FACTUM_OK;
}

/* Waits until the act is carried out, or the disk has crashed. */
static void wait_for_act(struct world *world, uint64_t revision)
{
    factum_error err;
    factum_status status = FACTUM_TIMEOUT;
    uint64_t until = world_clock() + WORLD_PATIENCE;
    while (status != FACTUM_OK && world_clock() < until && !world_has_crashed(world)) {
        status = factum_models_act_wait(world->models, FCT_SLICE(WORLD_MODEL), revision, 20, &err);
    }
    if (status != FACTUM_OK && !world_has_crashed(world)) {
        world_list(world);
        world_die(world, "an act is not carried out", err.text);
    }
}

/* One or two acts under appends, up to a loss of power amid them. */
static void play_acts(struct world *world, struct tally *tally)
{
    struct reader reader;
    world->floor_count = 0;
    open_host(world);
    if (world->models == NULL || !world_wait(world)) {
        must_be_sound(world, cut_and_look(world, tally));
        return;
    }
    start_reader(&reader, world);
    uint64_t revision = UINT64_MAX;
    size_t more = world->known + (size_t)below(world, 60);
    world_crash_after(world, some_calls(world));
    bool going = act_next(world, &revision);
    going = going && world_append(world, more < world->spec_count ? more : world->spec_count);
    if (going && revision != UINT64_MAX) {
        wait_for_act(world, revision);
        tally->acts += world_has_crashed(world) ? 0 : 1;
    }
    if (going && !world_has_crashed(world)) {
        (void)world_wait(world);
    }
    world_note_floors(world);
    stop_reader(&reader, tally);
    must_be_sound(world, cut_and_look(world, tally));
    must_be_sound(world, crash_in_recovery(world, tally));
}

/* To whatever the stream says, and there and back again. */
static void finish_versions(struct world *world, struct tally *tally)
{
    factum_error err;
    uint64_t revision;
    finish(world);
    struct wanted_state state = look_at_stream(world);
    if (state.building) {
        must(world, world_act(world, FACTUM_ACT_SWAP, &revision, &err), &err, "swap");
        wait_for_act(world, revision);
        tally->acts++;
        finish(world);
        state = look_at_stream(world);
    }
    (void)compare(world, (unsigned)state.in_use);
    for (int turn = 0; turn < 2 && state.previous != 0; turn++) {
        uint64_t expected = state.previous;
        must(world, world_act(world, FACTUM_ACT_ROLLBACK, &revision, &err), &err, "rollback");
        wait_for_act(world, revision);
        tally->acts++;
        finish(world);
        (void)compare(world, (unsigned)expected);
        state = look_at_stream(world);
    }
}

static void play_versions(uint64_t seed, struct tally *tally)
{
    world_make(&the_world, seed, 900, seed % 2 == 0);
    (void)world_append(&the_world, 200 + (size_t)below(&the_world, 200));
    for (int round = 0; round < 7; round++) {
        play_acts(&the_world, tally);
    }
    finish_versions(&the_world, tally);
    world_drop(&the_world);
    tally->seeds++;
}

/* ---- 3: syncs that fail ---------------------------------------------------------------------- */

/* The runner goes on by itself after a sync has failed and lost what it should write. Commits after
 * it may be lost with it: SQLite finds the frames in the cache, and Linux does not write them
 * again. Then the model is as it was before, all of it, and the events count once all the same. */
static void play_lost_syncs(uint64_t seed, struct tally *tally)
{
    world_make(&the_world, seed, 300, false); /* a store on the disk would stop at such a sync */
    for (int round = 0; round < 4; round++) {
        open_host(&the_world);
        fct_sim_disk_lose_sync(the_world.disk,
                               fct_sim_disk_calls(the_world.disk) + some_calls(&the_world));
        (void)world_append(&the_world, the_world.known + 60);
        if (!world_wait(&the_world)) {
            world_die(&the_world, "a lost sync", "has stopped the disk");
        }
        fct_sim_disk_lose_sync(the_world.disk, UINT64_MAX);
        the_world.floor_count = 0;
        must_be_sound(&the_world, cut_and_look(&the_world, tally));
    }
    finish(&the_world);
    (void)compare(&the_world, 1);
    world_drop(&the_world);
    tally->seeds++;
}

/* ---- 4: the checks can fail ------------------------------------------------------------------ */

/* One run in which syncs are left out; ends at the first loss that is found. */
static void play_omission(uint64_t seed, unsigned omission, struct tally *tally)
{
    const char *found = NULL;
    world_make(&the_world, seed, 600, false);
    sim_vfs_omit(omission);
    for (int round = 0; round < 6 && found == NULL; round++) {
        found = play_round(&the_world, tally);
    }
    sim_vfs_omit(SIM_VFS_HONEST);
    tally->found += found != NULL ? 1 : 0;
    world_drop(&the_world);
    tally->seeds++;
}

static void expect_losses(uint64_t seed, unsigned omission, const char *what)
{
    struct tally tally = {.seeds = 0};
    while (tally.found == 0 && tally.seeds < 40) {
        play_omission(seed++, omission, &tally);
    }
    tap_case(tally.found > 0, "without %s a loss is found: after %" PRIu64 " power cuts", what,
             tally.cuts);
}

/* ---- all of it ------------------------------------------------------------------------------- */

int main(void)
{
    uint64_t images = tap_setting("FCT_CRASH_IMAGES", 500000) / 1250;
    uint64_t first = tap_setting("FCT_CRASH_SEED", 1);
    struct tally events = {.seeds = 0};
    struct tally versions = {.seeds = 0};
    struct tally lost = {.seeds = 0};
    fct_query_guard_install();
    FCT_ASSERT(sim_vfs_install());
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (uint64_t seed = first; events.cuts < images * 6 / 10; seed++) {
        play_events(seed, &events);
    }
    tap_case(true,
             "PR-01: each event counts once over %" PRIu64 " losses of power, %" PRIu64
             " of them during recovery, %" PRIu64 " after known commits, %" PRIu64 " seeds",
             events.cuts, events.in_recovery, events.floors, events.seeds);
    for (uint64_t seed = first; versions.cuts < images * 3 / 10; seed++) {
        play_versions(seed, &versions);
    }
    tap_case(true,
             "PR-08: one version or the other over %" PRIu64 " losses of power, %" PRIu64
             " of them during recovery, %" PRIu64 " seeds; %" PRIu64 " acts, %" PRIu64 " answers",
             versions.cuts, versions.in_recovery, versions.seeds, versions.acts, versions.answers);
    for (uint64_t seed = first; lost.cuts < images / 10; seed++) {
        play_lost_syncs(seed, &lost);
    }
    tap_case(true, "syncs that fail: %" PRIu64 " losses of power, %" PRIu64 " seeds", lost.cuts,
             lost.seeds);
    expect_losses(first, SIM_VFS_NO_SYNC, "any sync");
    expect_losses(first, SIM_VFS_NO_WAL, "syncs of the WAL");
    expect_losses(first, SIM_VFS_NO_DATABASE, "syncs of the database");
    expect_losses(first, SIM_VFS_NO_DIRECTORY, "syncs of the directory");
    return tap_end();
}
