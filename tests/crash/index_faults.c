/* index_faults.c - the index with every call to the machine, and every allocation, failing: one
 * alone, or all from one on.
 *
 * One fixed script adds, flushes, merges, reads, lists, verifies, opens again, loses a run and
 * rebuilds it, and is truncated, all on the simulated disk. It runs without a fault to count the
 * calls, and then once for each call and kind of fault. Each step that fails must return a reason,
 * and what a reader gets must agree with a model. No memory is left allocated. Afterwards, without
 * the fault, the index opens, is rebuilt and replayed, and agrees with the model. Prints TAP.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "index/index_int.h"
#include "index/scan.h"
#include "sim/sim_disk.h"
#include "support/fault.h"
#include "support/index_model.h"
#include "support/mem_fault.h"
#include "support/tap.h"

enum { TRIES = 3 };

struct world {
    struct fct_sim_disk *disk;
    struct fct_fault fault;
    struct fct_mem_fault mem;
    struct model model;
    struct fct_index *index;
    uint64_t failures; /* of steps of the script */
    uint64_t merges;
};

static const factum_uuid store = {{7}};

static void world_init(struct world *world, const char *what)
{
    memset(world, 0, sizeof *world);
    world->disk = fct_sim_disk_create(5, false);
    fct_fault_init(&world->fault, fct_sim_disk_os(world->disk));
    fct_mem_fault_init(&world->mem);
    model_init(&world->model, 5);
    (void)snprintf(world->model.what, sizeof world->model.what, "%s", what);
}

static void world_finish(struct world *world)
{
    fct_index_close(world->index);
    world->index = NULL;
    if (atomic_load(&world->mem.held) != 0) {
        model_die(&world->model, "memory is still allocated");
    }
    fct_sim_disk_destroy(world->disk);
    model_finish(&world->model);
}

/* ---- the script: each step may fail; it returns true if it succeeds -------------------------- */

static bool passed(struct world *world, factum_status status, const factum_error *err)
{
    uint64_t from;
    uint64_t to;
    if (status == FACTUM_OK) {
        return true;
    }
    world->failures++;
    if (status != err->status || err->text[0] == '\0') {
        model_die(&world->model, "a failure without a reason");
    }
    bool missing = world->index != NULL && (fct_index_missing(world->index, &from, &to) ||
                                            !atomic_load(&world->index->version->whole));
    if (status == FACTUM_CORRUPT && !missing) {
        model_die(&world->model, "damage is reported, but no range is missing");
    }
    if (status != FACTUM_CORRUPT && status != FACTUM_IO && status != FACTUM_NO_SPACE &&
        status != FACTUM_NO_MEMORY) {
        model_die(&world->model, err->text);
    }
    return false;
}

static bool open_index(struct world *world)
{
    factum_error err = {.text = ""};
    struct fct_index_options options = {
        .os = &world->fault.os,
        .mem = &world->mem.mem,
        .dir = "/index",
        .store_id = store,
        .memtable_size_max = (size_t)1 << 20,
        .memtable_span_max = 2500,
    };
    for (int i = 0; i < TRIES && world->index == NULL; i++) {
        factum_status status = fct_index_open(&world->index, &options, &err);
        if (!passed(world, status, &err) && world->index != NULL) {
            model_die(&world->model, "an index that could not be opened");
        }
    }
    return world->index != NULL;
}

static bool mend(struct world *world)
{
    factum_error err = {.text = ""};
    bool whole = false;
    for (int i = 0; i < TRIES && !whole; i++) {
        whole = passed(world, model_rebuild_missing(&world->model, world->index, &err), &err);
    }
    return whole;
}

/* Checks everything. Rebuilds what was lost, as the engine does. */
static bool check(struct world *world)
{
    factum_error err = {.text = ""};
    bool right = false;
    for (int i = 0; i < TRIES && !right; i++) {
        right = mend(world) && passed(world, model_check(&world->model, world->index, &err), &err);
    }
    return right;
}

static bool add_batch(struct world *world, size_t batch)
{
    struct fct_index_entry entries[MODEL_BATCH_MAX * 3];
    factum_error err = {.text = ""};
    size_t count = model_entries(&world->model, world->index, batch, entries);
    for (int i = 0; i < TRIES; i++) {
        if (passed(world, fct_index_reserve(world->index, count, &err), &err)) {
            fct_index_add(world->index, entries, count);
            fct_index_show(world->index, model_point(&world->model, batch));
            return true;
        }
    }
    return false;
}

static bool replay(struct world *world)
{
    uint64_t from = fct_index_covered(world->index).position;
    for (size_t i = 0; i < world->model.batch_count; i++) {
        if (world->model.batches[i].start >= from && !add_batch(world, i)) {
            return false;
        }
    }
    return true;
}

static void look_after(struct world *world)
{
    factum_error err = {.text = ""};
    struct fct_index_stats before;
    struct fct_index_stats after;
    fct_index_stats(world->index, &before);
    (void)passed(world, fct_index_tick(world->index, &err), &err);
    fct_index_stats(world->index, &after);
    world->merges += after.merges - before.merges;
}

static bool grow(struct world *world, int batches)
{
    for (int i = 0; i < batches; i++) {
        model_batch(&world->model, 12);
        if (!mend(world) || !add_batch(world, world->model.batch_count - 1)) {
            return false;
        }
        look_after(world);
    }
    return true;
}

static void flush(struct world *world)
{
    factum_error err = {.text = ""};
    (void)passed(world, fct_index_flush(world->index, &err), &err);
}

static bool reopen(struct world *world)
{
    fct_index_close(world->index);
    world->index = NULL;
    return open_index(world) && mend(world) && replay(world);
}

static void lose_a_run(struct world *world)
{
    char path[FCT_PATH_SIZE];
    const struct fct_version *version = world->index->version;
    if (version->run_count > 0) {
        memcpy(path, version->runs[0]->path, sizeof path);
        fct_index_close(world->index);
        world->index = NULL;
        factum_status status = fct_os_unlink(fct_sim_disk_os(world->disk), path, NULL);
        FCT_ASSERT(status == FACTUM_OK);
    }
}

static bool truncate_index(struct world *world)
{
    factum_error err = {.text = ""};
    if (!passed(world, fct_index_truncate(world->index, 100, &err), &err)) {
        return true; /* nothing has changed */
    }
    if (!replay(world)) {
        return false;
    }
    fct_index_complete(world->index);
    return true;
}

static bool verify(struct world *world)
{
    factum_error err = {.text = ""};
    return passed(world, fct_index_verify(world->index, NULL, &err), &err);
}

/* Stops at the first step that later steps need. */
static bool run_script(struct world *world)
{
    if (!open_index(world) || !grow(world, 60)) {
        return false;
    }
    bool right = check(world);
    flush(world);
    right = right && check(world);
    if (!reopen(world) || !grow(world, 20)) {
        return false;
    }
    right = right && check(world) && verify(world);
    lose_a_run(world);
    if (world->index == NULL && !(open_index(world) && mend(world) && replay(world))) {
        return false;
    }
    right = right && check(world);
    if (!truncate_index(world)) {
        return false;
    }
    right = right && check(world);
    flush(world);
    return right && check(world);
}

/* ---- afterwards ------------------------------------------------------------------------------ */

static factum_status count_run(void *data, const char *name)
{
    *(size_t *)data += fct_run_number(name) != 0;
    return FACTUM_OK;
}

/* Without the fault the index is right again, and each run file is named by the manifest. */
static void judge(struct world *world)
{
    factum_error err = {.text = ""};
    size_t files = 0;
    world->fault.at = UINT64_MAX;
    atomic_store(&world->mem.fail_at, ULONG_MAX);
    fct_index_close(world->index);
    world->index = NULL;
    if (atomic_load(&world->mem.held) != 0) {
        model_die(&world->model, "memory is still allocated");
    }
    world->failures = 0;
    if (!reopen(world) || !check(world) || !verify(world) || world->failures > 0) {
        model_die(&world->model, "the index is wrong even without the fault");
    }
    factum_status status =
        fct_os_list_dir(fct_sim_disk_os(world->disk), "/index", count_run, &files, &err);
    if (status != FACTUM_OK || files != world->index->version->run_count) {
        model_die(&world->model, "a run that the manifest does not name is left over");
    }
}

static void say(const char *name, uint64_t runs, uint64_t failed)
{
    tap_case(failed > 0, "%s (%" PRIu64 " runs, %" PRIu64 " failed steps)", name, runs, failed);
}

static void fail_every_call(enum fct_fault_kind kind, const char *name, bool sticky, uint64_t calls)
{
    uint64_t failed = 0;
    for (uint64_t at = 0; at < calls; at++) {
        char what[96];
        struct world world;
        (void)snprintf(what, sizeof what, "%s, call %" PRIu64 "%s", name, at,
                       sticky ? " and all after it" : "");
        world_init(&world, what);
        world.fault.kind = kind;
        world.fault.at = at;
        world.fault.sticky = sticky;
        (void)run_script(&world);
        failed += kind == FCT_FAULT_SHORT ? world.fault.failed : world.failures;
        if (kind == FCT_FAULT_SHORT && world.failures > 0) {
            model_die(&world.model, "a short read or write is no failure");
        }
        judge(&world);
        world_finish(&world);
    }
    char text[96];
    (void)snprintf(text, sizeof text, "%s at any call%s", name, sticky ? " and all after it" : "");
    say(text, calls, failed);
}

static void fail_every_allocation(bool sticky, uint64_t calls)
{
    uint64_t failed = 0;
    for (uint64_t at = 0; at < calls; at++) {
        char what[96];
        struct world world;
        (void)snprintf(what, sizeof what, "no memory, allocation %" PRIu64 "%s", at,
                       sticky ? " and all after it" : "");
        world_init(&world, what);
        world.mem.sticky = sticky;
        atomic_store(&world.mem.fail_at, at);
        (void)run_script(&world);
        failed += world.failures;
        judge(&world);
        world_finish(&world);
    }
    say(sticky ? "no memory from any allocation on" : "no memory at any allocation", calls, failed);
}

int main(void)
{
    static struct world world;
    world_init(&world, "without a fault");
    if (!run_script(&world) || world.failures > 0) {
        model_die(&world.model, "a step failed");
    }
    struct fct_index_stats stats;
    fct_index_stats(world.index, &stats);
    uint64_t calls = world.fault.calls;
    uint64_t allocations = atomic_load(&world.mem.calls);
    printf("# %" PRIu64 " calls, %" PRIu64 " allocations\n", calls, allocations);
    if (stats.runs < 2 || world.merges < 3) {
        model_die(&world.model, "too little happens");
    }
    judge(&world);
    world_finish(&world);
    for (int sticky = 0; sticky < 2; sticky++) {
        fail_every_call(FCT_FAULT_EIO, "an input/output error", sticky, calls);
        fail_every_call(FCT_FAULT_ENOSPC, "a full disk", sticky, calls);
        fail_every_call(FCT_FAULT_SHORT, "a short read or write", sticky, calls);
        fail_every_allocation(sticky, allocations);
    }
    return tap_end();
}
