/* model_world.c - the events, the store, the host and the fold. See model_world.h; what the file
 * and the queries say is in model_image.c. */
#include "crash/model_world.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <factum/testing.h>

#include "api/store_int.h"
#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "crash/sim_vfs.h"
#include "engine_local/local.h"
#include "gate/gate.h"
#include "projection/models_int.h"
#include "support/tap.h"

#define STEP_MS 20
#define SKUS 7u
#define TOGETHER_MAX 5

static const char *const kind_names[] = {"Opened", "Moved", "Linked", "Listed"};

void world_die(const struct world *world, const char *what, const char *why)
{
    tap_fail("%s: %s (seed %" PRIu64 ")", what, why, world->seed);
}

/* ---- events ---------------------------------------------------------------------------------- */

static uint64_t below(struct world *world, uint64_t bound)
{
    return fct_random_below(&world->random, bound);
}

static void make_spec(struct world *world, struct spec *spec, bool open[WORLD_KEYS])
{
    spec->key = (unsigned)below(world, WORLD_KEYS);
    spec->other = (unsigned)below(world, WORLD_KEYS);
    spec->amount = (int)below(world, 100);
    if (!open[spec->key]) {
        open[spec->key] = true;
        spec->kind = SPEC_OPENED;
        return;
    }
    uint64_t chance = below(world, 100);
    spec->kind = chance < 45 ? SPEC_MOVED : chance < 60 ? SPEC_LINKED : SPEC_LISTED;
    spec->poison = spec->kind == SPEC_MOVED && spec->key < 3 && below(world, 60) == 0;
    spec->amount = spec->poison ? -1000000 : spec->amount;
    spec->line_count = spec->kind == SPEC_LISTED ? (unsigned)below(world, WORLD_LINES_MAX + 1) : 0;
    for (unsigned i = 0; i < spec->line_count; i++) {
        spec->skus[i] = (unsigned)below(world, SKUS);
        spec->quantities[i] = 1 + (unsigned)below(world, 9);
    }
}

static unsigned total_of(const struct spec *spec)
{
    unsigned total = 0;
    for (unsigned i = 0; i < spec->line_count; i++) {
        total += spec->quantities[i];
    }
    return total;
}

static void format_spec(const struct spec *spec, size_t number, char *data, size_t size)
{
    int len = snprintf(data, size,
                       "{\"n\":%zu,\"id\":\"a%02u\",\"other\":\"a%02u\",\"amount\":%d,"
                       "\"total\":%u,\"lines\":[",
                       number, spec->key, spec->other, spec->amount, total_of(spec));
    for (unsigned i = 0; i < spec->line_count; i++) {
        len += snprintf(data + len, size - (size_t)len, "%s{\"sku\":\"s%u\",\"qty\":%u}",
                        i > 0 ? "," : "", spec->skus[i], spec->quantities[i]);
    }
    (void)snprintf(data + len, size - (size_t)len, "]}");
}

/* ---- the definition -------------------------------------------------------------------------- */

void world_definition(unsigned version, char *text, size_t size)
{
    (void)snprintf(
        text, size,
        "--@ projection " WORLD_MODEL " version %u\n"
        "--@ from category acct\n"
        "--@ poison retry 0 within 1s then park\n"
        "--@ tables\n"
        "CREATE TABLE {{account}} (id TEXT PRIMARY KEY, v INTEGER NOT NULL,\n"
        "  balance INTEGER NOT NULL CHECK (balance >= 0), moves INTEGER NOT NULL,\n"
        "  links INTEGER NOT NULL, qty INTEGER NOT NULL);\n"
        "CREATE TABLE {{stock}} (sku TEXT PRIMARY KEY, v INTEGER NOT NULL, qty INTEGER NOT NULL,\n"
        "  touches INTEGER NOT NULL);\n"
        "CREATE TABLE {{journal}} (position INTEGER PRIMARY KEY, v INTEGER NOT NULL,\n"
        "  id TEXT NOT NULL);\n"
        "%s"
        "--@ on Opened\n"
        "INSERT INTO {{account}} (id, v, balance, moves, links, qty)\n"
        "VALUES (:id, %u, :amount * %u, 0, 0, 0);\n"
        "%s"
        "--@ on Moved expect 1\n"
        "UPDATE {{account}} SET balance = balance + :amount * %u, moves = moves + 1\n"
        "WHERE id = :id;\n"
        "--@ on Linked expect 1\n"
        "UPDATE {{account}} SET links = links + 1 WHERE id = :id\n"
        "AND EXISTS (SELECT 1 FROM {{account}} AS o WHERE o.id = :other);\n"
        "--@ on Listed expect 1\n"
        "UPDATE {{account}} SET qty = qty + :total WHERE id = :id;\n"
        "--@ on Listed\n"
        "INSERT INTO {{journal}} (position, v, id) VALUES (:event_position, %u, :id);\n"
        "--@ on Listed each .lines[]\n"
        "INSERT INTO {{stock}} (sku, v, qty, touches) VALUES (:sku, %u, :qty, 1)\n"
        "ON CONFLICT (sku) DO UPDATE SET qty = {{stock}}.qty + excluded.qty,\n"
        "  touches = {{stock}}.touches + 1;\n",
        version,
        version % 2 == 1 ? "CREATE TABLE {{odd}} (id TEXT PRIMARY KEY, v INTEGER NOT NULL);\n" : "",
        version, version, version % 2 == 1 ? "INSERT INTO {{odd}} (id, v) VALUES (:id, 0);\n" : "",
        version, version, version);
}

factum_status world_deploy(struct world *world, unsigned version, factum_error *err)
{
    char text[WORLD_DEFINITION_SIZE];
    factum_projection *projection;
    world_definition(version, text, sizeof text);
    if (factum_projection_load(factum_slice_from(text), NULL, &projection, err) != FACTUM_OK) {
        world_die(world, "the definition", err->text);
    }
    factum_status status = factum_projection_deploy(world->store, projection, NULL, NULL, err);
    factum_projection_free(projection);
    return status;
}

factum_status world_act(struct world *world, factum_projection_act act, uint64_t *revision,
                        factum_error *err)
{
    factum_act_result result = {.size = sizeof result};
    const factum_act_request request = {
        .size = sizeof request, .act = act, .projection = FCT_SLICE(WORLD_MODEL)};
    factum_status status = factum_projection_act_record(world->store, &request, &result, err);
    *revision = result.revision;
    return status;
}

/* ---- the store ------------------------------------------------------------------------------- */

static uint64_t real_monotonic(const struct fct_os *os)
{
    (void)os;
    return fct_os_monotonic(fct_os_real());
}

/* The disk, with a clock that goes: subscriptions wait by it. */
static void make_world_os(struct world *world)
{
    world->os_ops = *fct_sim_disk_os(world->disk)->ops;
    world->os_ops.monotonic_now = real_monotonic;
    world->os = (struct fct_os){&world->os_ops, fct_sim_disk_os(world->disk)->data};
}

static factum_status open_world_store(struct world *world, factum_error *err)
{
    const struct fct_local_options options = {
        .os = &world->os,
        .mem = fct_mem_heap(),
        .path = "/store",
        .segment_size_first = 32 << 10,
        .segment_size_max = 32 << 10,
        .memtable_span_max = 8 << 10,
        .threads = true,
    };
    make_world_os(world);
    if (!world->local) {
        return factum_testing_open_memory(NULL, &world->store, err);
    }
    struct factum_store *made = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *made);
    FCT_ASSERT(made != NULL);
    factum_status status = fct_engine_local_open(&made->engine, &options, err);
    if (status == FACTUM_OK) {
        status = fct_gate_put(&made->engine, NULL, err);
    }
    if (status != FACTUM_OK) {
        fct_mem_free(fct_mem_heap(), made);
        made = NULL;
    }
    world->store = made;
    return status;
}

static void close_world_store(struct world *world)
{
    factum_error err;
    factum_status status = factum_close(world->store, &err);
    world->store = NULL;
    if (status != FACTUM_OK && !world_has_crashed(world)) {
        world_die(world, "closing the store", err.text);
    }
}

/* Which of the events the store has. */
static void learn_positions(struct world *world)
{
    const factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_CATEGORY, .name = FCT_SLICE("acct")};
    factum_error err;
    factum_cursor *cursor;
    factum_event event;
    size_t known = 0;
    factum_status status = factum_read(world->store, &request, &cursor, &err);
    while (status == FACTUM_OK) {
        status = factum_cursor_next(cursor, &event, &err);
        if (status == FACTUM_OK) {
            char head[32];
            (void)snprintf(head, sizeof head, "{\"n\":%zu,", known);
            if (event.data.len < strlen(head) || memcmp(event.data.ptr, head, strlen(head)) != 0) {
                world_die(world, "the store has other events", head);
            }
            world->positions[known++] = event.position;
        }
    }
    factum_cursor_close(cursor);
    if (status != FACTUM_DONE) {
        world_die(world, "reading the store", err.text);
    }
    if (known < world->known) {
        world_die(world, "the store has lost events", "");
    }
    world->known = known;
}

/* Events of one append. */
struct appending {
    size_t count;
    factum_new_event events[TOGETHER_MAX];
    factum_expectation expectations[TOGETHER_MAX];
    size_t stream_count;
    char data[TOGETHER_MAX][320];
    char streams[TOGETHER_MAX][16];
};

static void add_spec(struct appending *to, const struct spec *spec, size_t number)
{
    size_t i = to->count++;
    format_spec(spec, number, to->data[i], sizeof to->data[i]);
    (void)snprintf(to->streams[i], sizeof to->streams[i], "acct-%u", spec->key);
    factum_slice stream = factum_slice_from(to->streams[i]);
    to->events[i] = (factum_new_event){.stream = stream,
                                       .type = factum_slice_from(kind_names[spec->kind]),
                                       .data = factum_slice_from(to->data[i])};
    size_t k = 0;
    while (k < to->stream_count && !fct_slice_equal(to->expectations[k].stream, stream)) {
        k++;
    }
    if (k == to->stream_count) {
        to->expectations[to->stream_count++] = (factum_expectation){stream, factum_any()};
    }
}

bool world_append(struct world *world, size_t count)
{
    static struct appending now;
    factum_error err;
    size_t at = world->known;
    while (at < count) {
        size_t together = 1 + (size_t)below(world, TOGETHER_MAX);
        memset(&now, 0, sizeof now);
        while (now.count < together && at + now.count < count) {
            add_spec(&now, &world->specs[at + now.count], at + now.count);
        }
        const factum_append_request request = {.size = sizeof request,
                                               .events = now.events,
                                               .event_count = now.count,
                                               .expectations = now.expectations,
                                               .expectation_count = now.stream_count};
        if (factum_append(world->store, &request, NULL, NULL, &err) != FACTUM_OK) {
            if (!world->local || !world_has_crashed(world)) {
                world_die(world, "append", err.text);
            }
            return false;
        }
        at += now.count;
    }
    learn_positions(world);
    return true;
}

/* ---- the world ------------------------------------------------------------------------------- */

void world_make(struct world *world, uint64_t seed, size_t events, bool local)
{
    bool open[WORLD_KEYS] = {false};
    factum_error err;
    memset(world, 0, sizeof *world);
    world->seed = seed;
    world->random.state = seed;
    world->local = local;
    world->batch = 1 + (uint32_t)below(world, 40);
    FCT_ASSERT(events <= WORLD_EVENTS_MAX);
    world->spec_count = events;
    for (size_t i = 0; i < events; i++) {
        make_spec(world, &world->specs[i], open);
    }
    world->disk = fct_sim_disk_create(seed, true);
    sim_vfs_use(world->disk);
    if (open_world_store(world, &err) != FACTUM_OK || world_deploy(world, 1, &err) != FACTUM_OK) {
        world_die(world, "making the store", err.text);
    }
}

void world_drop(struct world *world)
{
    factum_models_close(world->models);
    world->models = NULL;
    close_world_store(world);
    if (!sim_vfs_is_idle()) {
        world_die(world, "a database is still open", "");
    }
    fct_sim_disk_destroy(world->disk);
    world->disk = NULL;
}

/* With FCT_CRASH_LOG in the environment: what the host says. */
static void print_log(void *data, factum_log_level level, const char *id, const char *text)
{
    (void)data;
    (void)level;
    if (getenv("FCT_CRASH_LOG") != NULL) {
        printf("# %s: %s\n", id, text);
    }
}

factum_status world_open(struct world *world, factum_error *err)
{
    const factum_log_sink log = {NULL, print_log};
    const factum_models_options options = {
        .size = sizeof options, .path = "/models", .batch_events_max = world->batch, .log = &log};
    return fct_models_open(world->store, &options, fct_sim_disk_os(world->disk), &world->models,
                           err);
}

void world_crash_after(struct world *world, uint64_t after)
{
    fct_sim_disk_stop_at(world->disk, fct_sim_disk_calls(world->disk) + after);
}

bool world_has_crashed(const struct world *world)
{
    return fct_sim_disk_has_stopped(world->disk);
}

uint64_t world_clock(void)
{
    return fct_os_monotonic(fct_os_real());
}

bool world_wait(struct world *world)
{
    factum_error err;
    uint64_t place = world->known > 0 ? world->positions[world->known - 1] : 0;
    uint64_t until = world_clock() + WORLD_PATIENCE;
    while (world_clock() < until) {
        factum_status status =
            factum_models_wait(world->models, FCT_SLICE(WORLD_MODEL), place, STEP_MS, NULL, &err);
        if (world_has_crashed(world)) {
            return false;
        }
        if (status == FACTUM_OK) {
            return true;
        }
        if (status == FACTUM_NOT_FOUND || status == FACTUM_BUSY) {
            (void)sqlite3_sleep(1); /* its host has not come so far */
        } else if (status != FACTUM_TIMEOUT) {
            world_die(world, "waiting for the model", err.text);
        }
    }
    world_die(world, "the model does not come", err.text);
    return false;
}

static bool note_floor(void *data, const factum_build_status *status)
{
    struct world *world = data;
    unsigned i = 0;
    while (i < world->floor_count && world->floors[i].version != status->version) {
        i++;
    }
    FCT_ASSERT(i < WORLD_BUILDS_MAX);
    if (i == world->floor_count) {
        world->floors[world->floor_count++] = (struct world_floor){.version = status->version};
    }
    world->floors[i].builds++;
    world->floors[i].event_count = status->event_count;
    return true;
}

static bool print_build(void *data, const factum_build_status *status)
{
    (void)data;
    printf("# version %" PRIu64 "%s: %s, %" PRIu64 " events, place %" PRIu64 ", %" PRIu64
           " behind, %" PRIu64 " parked; %s\n",
           status->version, status->in_use ? " in use" : "", factum_build_state_name(status->state),
           status->event_count, status->place, status->behind_events, status->parked_events,
           status->reason);
    return true;
}

void world_list(struct world *world)
{
    const factum_build_each each = {NULL, print_build};
    factum_error err;
    if (factum_models_list(world->models, FCT_SLICE(WORLD_MODEL), &each, &err) != FACTUM_OK) {
        printf("# %s\n", err.text);
    }
}

void world_note_floors(struct world *world)
{
    const factum_build_each each = {world, note_floor};
    factum_error err;
    world->floor_count = 0;
    factum_status status = factum_models_list(world->models, FCT_SLICE(WORLD_MODEL), &each, &err);
    if (status != FACTUM_OK) {
        world->floor_count = 0; /* the host has not come so far, or cannot read */
    }
}

void world_cut_power(struct world *world, enum fct_crash_mode mode)
{
    factum_error err;
    factum_models_close(world->models);
    world->models = NULL;
    if (world->local) {
        close_world_store(world);
    }
    if (!sim_vfs_is_idle()) {
        world_die(world, "a database is still open", "");
    }
    struct fct_sim_disk *after =
        fct_sim_disk_crash(world->disk, mode, fct_random_next(&world->random));
    fct_sim_disk_destroy(world->disk);
    world->disk = after;
    sim_vfs_use(after);
    if (world->local && open_world_store(world, &err) != FACTUM_OK) {
        world_die(world, "opening the store after a crash", err.text);
    }
    learn_positions(world);
}

/* ---- the fold -------------------------------------------------------------------------------- */

struct account {
    bool open;
    int64_t balance;
    unsigned moves;
    unsigned links;
    unsigned qty;
};

struct folded {
    struct account accounts[WORLD_KEYS];
    unsigned qty[SKUS];
    unsigned touches[SKUS];
};

static bool fold_one(struct folded *folded, const struct spec *spec)
{
    struct account *account = &folded->accounts[spec->key];
    if (account->open == (spec->kind == SPEC_OPENED) || spec->poison) {
        return false;
    }
    account->open = true;
    account->balance += spec->kind == SPEC_OPENED || spec->kind == SPEC_MOVED ? spec->amount : 0;
    account->moves += spec->kind == SPEC_MOVED ? 1 : 0;
    account->links += spec->kind == SPEC_LINKED ? 1 : 0;
    account->qty += total_of(spec);
    for (unsigned i = 0; i < spec->line_count; i++) {
        folded->qty[spec->skus[i]] += spec->quantities[i];
        folded->touches[spec->skus[i]]++;
    }
    return true;
}

static void print_folded(const struct world *world, const struct folded *folded, unsigned version,
                         const size_t *journal, size_t journal_count, struct fct_buf *rows)
{
    factum_status status = FACTUM_OK;
    for (unsigned i = 0; i < WORLD_KEYS && status == FACTUM_OK; i++) {
        const struct account *account = &folded->accounts[i];
        if (account->open) {
            status = fct_buf_printf(rows, "account|a%02u|%u|%" PRId64 "|%u|%u|%u\n", i, version,
                                    account->balance * (int64_t)version, account->moves,
                                    account->links, account->qty);
        }
    }
    for (size_t i = 0; i < journal_count && status == FACTUM_OK; i++) {
        status =
            fct_buf_printf(rows, "journal|%" PRIu64 "|%u|a%02u\n", world->positions[journal[i]],
                           version, world->specs[journal[i]].key);
    }
    for (unsigned i = 0; i < WORLD_KEYS && status == FACTUM_OK && version % 2 == 1; i++) {
        if (folded->accounts[i].open) {
            status = fct_buf_printf(rows, "odd|a%02u|0\n", i);
        }
    }
    for (unsigned i = 0; i < SKUS && status == FACTUM_OK; i++) {
        if (folded->touches[i] > 0) {
            status = fct_buf_printf(rows, "stock|s%u|%u|%u|%u\n", i, version, folded->qty[i],
                                    folded->touches[i]);
        }
    }
    FCT_ASSERT(status == FACTUM_OK);
}

bool world_fold(const struct world *world, unsigned version, uint64_t position,
                const uint64_t *parked, size_t parked_count, struct fct_buf *rows,
                uint64_t *event_count)
{
    static size_t journal[WORLD_EVENTS_MAX];
    struct folded folded = {.qty = {0}};
    size_t journal_count = 0;
    size_t skipped = 0;
    *event_count = 0;
    fct_buf_clear(rows);
    for (size_t i = 0; i < world->known && world->positions[i] <= position; i++) {
        if (skipped < parked_count && parked[skipped] == world->positions[i]) {
            skipped++;
            continue;
        }
        if (!fold_one(&folded, &world->specs[i])) {
            return false;
        }
        if (world->specs[i].kind == SPEC_LISTED) {
            journal[journal_count++] = i;
        }
        (*event_count)++;
    }
    print_folded(world, &folded, version, journal, journal_count, rows);
    return skipped == parked_count; /* every one of them is an event of ours */
}

bool world_may_be_parked(const struct world *world, uint64_t position, const uint64_t *parked,
                         size_t parked_count)
{
    bool blocked[WORLD_KEYS] = {false};
    size_t at = 0;
    for (size_t i = 0; i < world->known && world->positions[i] <= position; i++) {
        const struct spec *spec = &world->specs[i];
        bool is_parked = at < parked_count && parked[at] == world->positions[i];
        at += is_parked ? 1 : 0;
        if (is_parked && !blocked[spec->key] && !spec->poison && spec->kind != SPEC_LINKED) {
            return false;
        }
        if (!is_parked && blocked[spec->key]) {
            return false;
        }
        blocked[spec->key] = blocked[spec->key] || is_parked;
    }
    return true;
}

size_t world_poison(const struct world *world, uint64_t *parked)
{
    bool blocked[WORLD_KEYS] = {false};
    size_t count = 0;
    for (size_t i = 0; i < world->known; i++) {
        const struct spec *spec = &world->specs[i];
        blocked[spec->key] = blocked[spec->key] || spec->poison;
        if (blocked[spec->key]) {
            parked[count++] = world->positions[i];
        }
    }
    return count;
}
