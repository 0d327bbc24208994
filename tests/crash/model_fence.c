/* model_fence.c - PR-02: two processes run one read model. The first is stopped between reading a
 * batch and its transaction; the second takes over, goes on, and may be killed at any call that
 * changes the disk, or the power goes. Then the first goes on with what it remembers.
 *
 * If the second has taken over, the first is refused before a statement of the model runs, and has
 * changed nothing; if the second was killed before that, the first goes on as if nothing had been.
 * Either way each event counts once in the end. Both are appliers on targets of SQLite on the
 * simulated disk, one step after another, so every seed does the same each time.
 *
 * FCT_CRASH_IMAGES / 250: how many rounds (default 400). FCT_CRASH_SEED: the first seed (1). Prints
 * TAP.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/slice.h"
#include "crash/model_world.h"
#include "crash/sim_vfs.h"
#include "projection/apply.h"
#include "projection/batch.h"
#include "projection/definition.h"
#include "projection/query_guard.h"
#include "projection/sqlite_target.h"
#include "support/tap.h"

enum { EVENTS = 80, STALE = 0, FRESH = 1, LATER = 2, WATCHER = 3 };

#define FOREVER INT64_MAX
#define NOW INT64_C(1700000000000000000)

static const struct fct_apply_limits limits = {
    .retry_within = FOREVER, .parked_keys_max = 64, .parked_events_max = 1024};
static const struct fct_build the_build = {1, 1};

/* A process that runs the model. */
struct side {
    unsigned actor;
    struct fct_model_file *file;
    struct fct_target *target;
    struct fct_applier applier;
    bool begun;
};

struct rounds {
    uint64_t played;
    uint64_t fenced;
    uint64_t killed;
    uint64_t not_taken; /* the second was killed before it had taken over */
    uint64_t cuts;
    uint64_t statements; /* of the model, that a trace has seen in all */
};

static struct world the_world;
static struct fct_definition *the_definition;
static struct rounds rounds;
static uint64_t statements_seen; /* of the model, by a trace */

static uint64_t below(uint64_t bound)
{
    return fct_random_below(&the_world.random, bound);
}

static void must(factum_status status, const factum_error *err, const char *what)
{
    if (status != FACTUM_OK) {
        world_die(&the_world, what, err->text);
    }
}

/* ---- sides ----------------------------------------------------------------------------------- */

static int note_statement(unsigned kind, void *data, void *statement, void *text)
{
    const char *sql = sqlite3_sql(statement);
    (void)kind;
    (void)data;
    (void)text;
    statements_seen +=
        sql != NULL && strstr(sql, "__v") != NULL && strstr(sql, "factum_") == NULL ? 1 : 0;
    return 0;
}

static factum_status open_side(struct side *side, unsigned actor, factum_error *err)
{
    factum_info info = {.size = sizeof info};
    must(factum_info_get(the_world.store, &info, err), err, "the store");
    const struct fct_model_file_options options = {.dir = "/models",
                                                   .name = FCT_SLICE(WORLD_MODEL),
                                                   .store = info.store_id,
                                                   .write = true,
                                                   .mem = fct_mem_heap(),
                                                   .os = fct_sim_disk_os(the_world.disk)};
    memset(side, 0, sizeof *side);
    side->actor = actor;
    sim_vfs_bear(actor);
    factum_status status = fct_model_file_open(&options, &side->file, err);
    if (status == FACTUM_OK) {
        (void)sqlite3_trace_v2(side->file->db, SQLITE_TRACE_STMT, note_statement, NULL);
        status = fct_sqlite_target_open(side->file, the_definition, the_build, &side->target, err);
    }
    return status;
}

static factum_status take_over(struct side *side, factum_error *err)
{
    sim_vfs_act_as(side->actor);
    factum_status status = fct_applier_begin(&side->applier, side->target, &limits, err);
    side->begun = status == FACTUM_OK;
    return status;
}

static void close_files(struct side *side)
{
    sim_vfs_act_as(side->actor);
    if (side->target != NULL) {
        side->target->ops->close(side->target);
    }
    fct_model_file_close(side->file);
    side->target = NULL;
    side->file = NULL;
}

static void close_side(struct side *side)
{
    if (side->begun) {
        fct_applier_finish(&side->applier);
    }
    close_files(side);
}

/* ---- batches --------------------------------------------------------------------------------- */

/* Binds the events of |side| from its checkpoint on, at most |count|. False: it has them all. */
static bool read_batch(const struct side *side, size_t count, struct fct_batch *batch,
                       struct fct_checkpoint *to)
{
    const factum_read_request request = {.size = sizeof request,
                                         .source = FACTUM_SOURCE_CATEGORY,
                                         .name = FCT_SLICE("acct"),
                                         .from = FACTUM_FROM_AFTER,
                                         .from_value = side->applier.at.position};
    factum_error err;
    factum_cursor *cursor;
    factum_event event;
    *to = side->applier.at;
    must(fct_batch_init(batch, the_definition, EVENTS, 1 << 20, &err), &err, "a batch");
    must(factum_read(the_world.store, &request, &cursor, &err), &err, "reading");
    while (batch->count < count && factum_cursor_next(cursor, &event, &err) == FACTUM_OK) {
        must(fct_batch_add(batch, &event, &err), &err, "binding");
        to->position = event.position;
        to->created = event.created;
    }
    factum_cursor_close(cursor);
    factum_token_format(the_world.store, to->position, to->token);
    return batch->count > 0;
}

static factum_status apply_batch(struct side *side, const struct fct_batch *batch,
                                 const struct fct_checkpoint *to, factum_error *err)
{
    sim_vfs_act_as(side->actor);
    return fct_apply_batch(&side->applier, batch->events, batch->count, to, NOW, err);
}

/* Applies |count| batches or all there are; the first failure. */
static factum_status go_on(struct side *side, size_t count, factum_error *err)
{
    factum_status status = FACTUM_OK;
    bool more = true;
    for (; count > 0 && more && status == FACTUM_OK; count--) {
        struct fct_batch batch;
        struct fct_checkpoint to;
        more = read_batch(side, 1 + (size_t)below(12), &batch, &to);
        if (more) {
            status = apply_batch(side, &batch, &to, err);
        }
        fct_batch_finish(&batch);
    }
    return status;
}

static factum_status load_event(void *data, uint64_t position, factum_arena *arena,
                                struct fct_bound_event *event, factum_error *err)
{
    const struct fct_batch *batch = data;
    factum_event_copy copy = {.memory = NULL};
    factum_status status = factum_read_event(the_world.store, position, &copy, err);
    if (status == FACTUM_OK) {
        status = fct_bind(batch->binder, &copy.event, arena, event, err);
    }
    factum_event_copy_free(&copy);
    return status;
}

/* ---- what the file says ---------------------------------------------------------------------- */

/* The file by eyes of its own; the others do not notice. */
static struct fct_checkpoint look_at_file(void)
{
    factum_error err;
    struct side watcher;
    struct fct_checkpoint at = {.position = 0};
    must(open_side(&watcher, WATCHER, &err), &err, "looking at the model");
    must(watcher.target->ops->read_checkpoint(watcher.target, &at, &err), &err, "the checkpoint");
    close_files(&watcher);
    return at;
}

static void must_be_sound(void)
{
    sim_vfs_bear(WATCHER);
    const char *found = world_examine(&the_world);
    if (found != NULL) {
        world_die(&the_world, "the model", found);
    }
}

static bool same_place(const struct fct_checkpoint *a, const struct fct_checkpoint *b)
{
    return a->position == b->position && a->epoch == b->epoch && a->event_count == b->event_count;
}

/* ---- a round --------------------------------------------------------------------------------- */

static void make_model(void)
{
    factum_error err;
    factum_info info = {.size = sizeof info};
    struct fct_model_file *file;
    must(factum_info_get(the_world.store, &info, &err), &err, "the store");
    must(fct_os_make_dir_synced(fct_sim_disk_os(the_world.disk), "/models", &err), &err,
         "a directory");
    const struct fct_model_file_options options = {.dir = "/models",
                                                   .name = FCT_SLICE(WORLD_MODEL),
                                                   .store = info.store_id,
                                                   .write = true,
                                                   .mem = fct_mem_heap(),
                                                   .os = fct_sim_disk_os(the_world.disk)};
    sim_vfs_bear(WATCHER);
    must(fct_model_file_open(&options, &file, &err), &err, "making the model");
    must(fct_model_build_create(file, the_definition, the_build, &err), &err, "making the build");
    fct_model_file_close(file);
}

/* The second process: takes over and goes on; killed on the way, or not. Stays open in |fresh|
 * unless it was killed. */
static void let_second_run(struct side *fresh, bool killed)
{
    factum_error err;
    factum_status status = open_side(fresh, FRESH, &err);
    must(status, &err, "the second process");
    if (killed) {
        sim_vfs_kill_at(FRESH, below(below(2) == 0 ? 6 : 60));
    }
    status = take_over(fresh, &err);
    if (status == FACTUM_OK) {
        status = go_on(fresh, 1 + (size_t)below(8), &err);
    }
    killed = sim_vfs_is_dead(FRESH);
    if (status != FACTUM_OK && !killed) {
        world_die(&the_world, "the second process", err.text);
    }
    if (killed) {
        rounds.killed++;
        close_side(fresh);
        memset(fresh, 0, sizeof *fresh);
    }
}

/* Both processes and the disk's caches go. The first is one that was stopped as a whole machine,
 * and remembers. */
static void cut_power_under(struct side *stale, struct side *fresh)
{
    factum_error err;
    struct fct_applier remembered = stale->applier;
    close_files(stale);
    close_side(fresh);
    memset(fresh, 0, sizeof *fresh);
    world_cut_power(&the_world, (enum fct_crash_mode)below(FCT_CRASH_MODES));
    rounds.cuts++;
    must_be_sound();
    must(open_side(stale, STALE, &err), &err, "the first process");
    stale->applier = remembered;
    stale->applier.target = stale->target;
    stale->begun = true;
}

/* The first goes on: fenced, if another epoch is in the file. */
static void let_first_go_on(struct side *stale, const struct fct_batch *batch,
                            const struct fct_checkpoint *to)
{
    factum_error err;
    const struct fct_checkpoint before = look_at_file();
    bool taken = before.epoch != stale->applier.at.epoch;
    int64_t changes = sqlite3_total_changes64(stale->file->db);
    rounds.statements += statements_seen;
    statements_seen = 0;
    factum_status status = apply_batch(stale, batch, to, &err);
    if (!taken) {
        must(status, &err, "nobody has taken it over");
        rounds.not_taken++;
        return;
    }
    const struct fct_parked_source source = {(void *)(uintptr_t)batch, load_event};
    if (status != FACTUM_DENIED) {
        world_die(&the_world, "the first process is not fenced", err.text);
    }
    status = fct_apply_retry(&stale->applier, NULL, true, &source, NOW, NULL, &err);
    if (status != FACTUM_DENIED && stale->applier.parked.count > 0) {
        world_die(&the_world, "a retry of the first is not fenced", err.text);
    }
    const struct fct_checkpoint after = look_at_file();
    if (statements_seen > 0 || sqlite3_total_changes64(stale->file->db) != changes ||
        !same_place(&before, &after)) {
        world_die(&the_world, "the first process came to a statement of the model", "");
    }
    rounds.fenced++;
}

/* Whoever comes next brings it to the end. */
static void finish(void)
{
    factum_error err;
    struct side later;
    struct fct_batch batch;
    must(open_side(&later, LATER, &err), &err, "the last process");
    must(take_over(&later, &err), &err, "the last process");
    must(go_on(&later, SIZE_MAX, &err), &err, "the last process");
    must(fct_batch_init(&batch, the_definition, 1, 1 << 20, &err), &err, "a batch");
    const struct fct_parked_source source = {&batch, load_event};
    sim_vfs_act_as(LATER);
    must(fct_apply_retry(&later.applier, NULL, true, &source, NOW, NULL, &err), &err, "a retry");
    fct_batch_finish(&batch);
    if (later.applier.at.position != the_world.positions[EVENTS - 1]) {
        world_die(&the_world, "not all was read", "");
    }
    close_side(&later);
    must_be_sound();
}

static void play(uint64_t seed)
{
    factum_error err;
    struct side stale;
    struct side fresh;
    struct fct_batch batch;
    struct fct_checkpoint to;
    world_make(&the_world, seed, EVENTS, false);
    if (!world_append(&the_world, EVENTS)) {
        world_die(&the_world, "append", "");
    }
    make_model();
    must(open_side(&stale, STALE, &err), &err, "the first process");
    must(take_over(&stale, &err), &err, "the first process");
    must(go_on(&stale, (size_t)below(4), &err), &err, "the first process");
    (void)read_batch(&stale, 1 + (size_t)below(12), &batch, &to);
    let_second_run(&fresh, seed % 3 != 0);
    must_be_sound();
    if (seed % 2 == 0) {
        cut_power_under(&stale, &fresh);
    }
    let_first_go_on(&stale, &batch, &to);
    fct_batch_finish(&batch);
    must_be_sound();
    close_side(&fresh);
    close_side(&stale);
    finish();
    world_drop(&the_world);
    rounds.played++;
}

int main(void)
{
    char text[WORLD_DEFINITION_SIZE];
    factum_error err;
    uint64_t first = tap_setting("FCT_CRASH_SEED", 1);
    uint64_t wanted = tap_setting("FCT_CRASH_IMAGES", 100000) / 250;
    fct_query_guard_install();
    FCT_ASSERT(sim_vfs_install());
    world_definition(1, text, sizeof text);
    must(fct_projection_parse(factum_slice_from(text), "ledger.sql", FCT_DIALECT_SQLITE,
                              &the_definition, &err),
         &err, "the definition");
    for (uint64_t seed = first; seed < first + wanted; seed++) {
        play(seed);
    }
    fct_projection_definition_free(the_definition);
    bool all = rounds.fenced > 0 && rounds.killed > 0 && rounds.not_taken > 0 && rounds.cuts > 0 &&
               rounds.statements > 0;
    tap_case(all || wanted < 50,
             "PR-02: %" PRIu64 " rounds: %" PRIu64 " times the first process is fenced before"
             " a statement of the model, %" PRIu64 " times nobody had taken over; the second killed"
             " %" PRIu64 " times, the power cut %" PRIu64 " times",
             rounds.played, rounds.fenced, rounds.not_taken, rounds.killed, rounds.cuts);
    return tap_end();
}
