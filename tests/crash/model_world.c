/* model_world.c - see model_world.h. */
#include "crash/model_world.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <factum/testing.h>

#include "api/store_int.h"
#include "core/arena.h"
#include "core/check.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/slice.h"
#include "crash/sim_vfs.h"
#include "engine_local/local.h"
#include "gate/gate.h"
#include "projection/models_int.h"

#define ROWS_MAX ((size_t)4 << 20)
#define STEP_MS 20
#define WAIT_MS 60000
#define SKUS 7u
#define TOGETHER_MAX 5
#define TABLES_MAX 4u

static const char *const table_names[TABLES_MAX] = {"account", "journal", "odd", "stock"};
static const char *const kind_names[] = {"Opened", "Moved", "Linked", "Listed"};

void world_die(const struct world *world, const char *what, const char *why)
{
    printf("not ok - %s: %s (seed %" PRIu64 ")\n1..1\n", what, why, world->seed);
    exit(1);
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
        version, version,
        version % 2 == 1 ? "INSERT INTO {{odd}} (id, v) VALUES (:id, 0);\n" : "", version, version,
        version);
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
            if (event.data.len < strlen(head) ||
                memcmp(event.data.ptr, head, strlen(head)) != 0) {
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
    if (open_world_store(world, &err) != FACTUM_OK ||
        world_deploy(world, 1, &err) != FACTUM_OK) {
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
    const factum_models_options options = {.size = sizeof options,
                                           .path = "/models",
                                           .batch_events_max = world->batch,
                                           .log = &log};
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

bool world_wait(struct world *world)
{
    factum_error err;
    uint64_t place = world->known > 0 ? world->positions[world->known - 1] : 0;
    for (int waited = 0; waited < WAIT_MS; waited += STEP_MS) {
        factum_status status = factum_models_wait(world->models, FCT_SLICE(WORLD_MODEL), place,
                                                  STEP_MS, NULL, &err);
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
           status->version, status->in_use ? " in use" : "",
           factum_build_state_name(status->state), status->event_count, status->place,
           status->behind_events, status->parked_events, status->reason);
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
    factum_status status =
        factum_models_list(world->models, FCT_SLICE(WORLD_MODEL), &each, &err);
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
        status = fct_buf_printf(rows, "journal|%" PRIu64 "|%u|a%02u\n",
                                world->positions[journal[i]], version,
                                world->specs[journal[i]].key);
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

/* Is |parked| what can be parked at |position|: of a key all events from one that can fail on? */
static bool may_be_parked(const struct world *world, uint64_t position, const uint64_t *parked,
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

/* What stays parked for good: of a key all events from its first poison on. */
static size_t poison_of(const struct world *world, uint64_t *parked)
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

/* ---- the file after a crash ------------------------------------------------------------------ */

static char problem[512];

static const char *tell(const char *what, const char *why)
{
    (void)snprintf(problem, sizeof problem, "%.60s: %.400s", what, why);
    return problem;
}

/* The first line in which two texts differ. */
static const char *tell_difference(const char *what, const struct fct_buf *is,
                                   const struct fct_buf *wanted)
{
    size_t at = 0;
    size_t line = 0;
    while (at < is->len && at < wanted->len && is->ptr[at] == wanted->ptr[at]) {
        at++;
        line = is->ptr[at - 1] == '\n' ? at : line;
    }
    (void)snprintf(problem, sizeof problem, "%s: \"%.*s\", not \"%.*s\"", what,
                   (int)(is->len - line < 100 ? is->len - line : 100), (const char *)is->ptr + line,
                   (int)(wanted->len - line < 100 ? wanted->len - line : 100),
                   (const char *)wanted->ptr + line);
    return problem;
}

static bool same_bytes(const struct fct_buf *a, const struct fct_buf *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->ptr, b->ptr, a->len) == 0);
}

/* The file that is looked at. */
struct image {
    struct world *world;
    sqlite3 *db;
    struct fct_buf rows;
    struct fct_buf wanted;
    char in_use[64];
    int64_t acts;
};

/* The rows of |sql| behind |head|, values joined by '|'. */
static int print_rows(struct image *image, const char *head, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(image->db, sql, -1, &statement, NULL);
    while (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        code = SQLITE_OK;
        bool added = fct_buf_add_text(&image->rows, head) == FACTUM_OK;
        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            added = added && fct_buf_printf(&image->rows, "%s%s", i > 0 ? "|" : "",
                                            (const char *)sqlite3_column_text(statement, i)) ==
                                 FACTUM_OK;
        }
        FCT_ASSERT(added && fct_buf_add_text(&image->rows, "\n") == FACTUM_OK);
    }
    (void)sqlite3_finalize(statement);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static const char *check_rows(struct image *image, const char *what, const char *sql,
                              const char *wanted)
{
    fct_buf_clear(&image->rows);
    fct_buf_clear(&image->wanted);
    if (print_rows(image, "", sql) != SQLITE_OK) {
        return tell(what, sqlite3_errmsg(image->db));
    }
    FCT_ASSERT(fct_buf_add_text(&image->wanted, wanted) == FACTUM_OK);
    return same_bytes(&image->rows, &image->wanted)
               ? NULL
               : tell_difference(what, &image->rows, &image->wanted);
}

struct build_at {
    char name[64];
    char suffix[32];
    uint64_t version;
    uint64_t position;
    uint64_t event_count;
};

static size_t read_builds(struct image *image, struct build_at builds[WORLD_BUILDS_MAX])
{
    sqlite3_stmt *statement = NULL;
    size_t count = 0;
    int code = sqlite3_prepare_v2(image->db,
                                  "SELECT name, version, position, event_count"
                                  " FROM factum_checkpoint ORDER BY name",
                                  -1, &statement, NULL);
    while (code == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
        FCT_ASSERT(count < WORLD_BUILDS_MAX);
        struct build_at *build = &builds[count++];
        (void)snprintf(build->name, sizeof build->name, "%s",
                       (const char *)sqlite3_column_text(statement, 0));
        (void)snprintf(build->suffix, sizeof build->suffix, "%s",
                       build->name + sizeof WORLD_MODEL - 1);
        build->version = (uint64_t)sqlite3_column_int64(statement, 1);
        build->position = (uint64_t)sqlite3_column_int64(statement, 2);
        build->event_count = (uint64_t)sqlite3_column_int64(statement, 3);
    }
    (void)sqlite3_finalize(statement);
    return count;
}

static size_t read_parked(struct image *image, const char *build, uint64_t *parked)
{
    sqlite3_stmt *statement = NULL;
    size_t count = 0;
    int code = sqlite3_prepare_v2(
        image->db, "SELECT position FROM factum_parked WHERE build = ?1 ORDER BY position", -1,
        &statement, NULL);
    if (code == SQLITE_OK) {
        (void)sqlite3_bind_text(statement, 1, build, -1, SQLITE_TRANSIENT);
        while (sqlite3_step(statement) == SQLITE_ROW && count < WORLD_EVENTS_MAX) {
            parked[count++] = (uint64_t)sqlite3_column_int64(statement, 0);
        }
    }
    (void)sqlite3_finalize(statement);
    return count;
}

static bool has_table(unsigned table, uint64_t version)
{
    return strcmp(table_names[table], "odd") != 0 || version % 2 == 1;
}

/* Its tables are the fold of the events up to its checkpoint, but for what is parked. */
static const char *check_build(struct image *image, const struct build_at *build)
{
    static uint64_t parked[WORLD_EVENTS_MAX];
    const struct world *world = image->world;
    uint64_t event_count;
    size_t parked_count = read_parked(image, build->name, parked);
    factum_error err;
    uint64_t end = 0;
    if (factum_visible_place(world->store, &end, &err) != FACTUM_OK || build->position > end) {
        return tell("the checkpoint is ahead of the store", build->name);
    }
    if (!world_fold(world, (unsigned)build->version, build->position, parked, parked_count,
                    &image->wanted, &event_count) ||
        !may_be_parked(world, build->position, parked, parked_count)) {
        return tell("what is parked cannot be", build->name);
    }
    if (event_count != build->event_count) {
        (void)snprintf(problem, sizeof problem, "%s counts %" PRIu64 " events, not %" PRIu64,
                       build->name, build->event_count, event_count);
        return problem;
    }
    fct_buf_clear(&image->rows);
    for (unsigned i = 0; i < TABLES_MAX; i++) {
        char head[32];
        char sql[128];
        (void)snprintf(head, sizeof head, "%s|", table_names[i]);
        (void)snprintf(sql, sizeof sql, "SELECT * FROM \"%s%s\" ORDER BY 1", table_names[i],
                       build->suffix);
        if (has_table(i, build->version) && print_rows(image, head, sql) != SQLITE_OK) {
            return tell(build->name, sqlite3_errmsg(image->db));
        }
    }
    return same_bytes(&image->rows, &image->wanted)
               ? NULL
               : tell_difference(build->name, &image->rows, &image->wanted);
}

static const char *check_floors(const struct world *world, const struct build_at *builds,
                                size_t count)
{
    for (unsigned i = 0; i < world->floor_count; i++) {
        const struct world_floor *floor = &world->floors[i];
        size_t found = 0;
        uint64_t most = 0;
        for (size_t k = 0; k < count; k++) {
            if (builds[k].version == floor->version) {
                found++;
                most = builds[k].event_count > most ? builds[k].event_count : most;
            }
        }
        if (floor->event_count > 0 && count == 0) {
            return tell("all that was committed is lost", "");
        }
        if (found == 1 && floor->builds == 1 && most < floor->event_count) {
            (void)snprintf(problem, sizeof problem,
                           "version %" PRIu64 " has lost commits: %" PRIu64 " events of %" PRIu64,
                           floor->version, most, floor->event_count);
            return problem;
        }
    }
    return NULL;
}

/* The views are the tables of the build in use, and nothing else is there but the builds. */
static const char *check_schema(struct image *image, const struct build_at *builds, size_t count)
{
    struct fct_buf wanted;
    const char *found = NULL;
    bool added = true;
    fct_buf_init(&wanted, fct_mem_heap(), ROWS_MAX);
    for (unsigned i = 0; i < TABLES_MAX; i++) {
        for (size_t k = 0; k < count; k++) {
            if (strcmp(builds[k].name, image->in_use) == 0 && has_table(i, builds[k].version)) {
                added = added && fct_buf_printf(&wanted, "%s|1\n", table_names[i]) == FACTUM_OK;
            }
        }
    }
    char sql[256];
    (void)snprintf(sql, sizeof sql,
                   "SELECT name, instr(sql, '\"' || name || '%s\"') > 0 FROM sqlite_schema"
                   " WHERE type = 'view' ORDER BY name",
                   image->in_use[0] == '\0' ? "" : image->in_use + sizeof WORLD_MODEL - 1);
    FCT_ASSERT(added && fct_buf_add(&wanted, "", 1) == FACTUM_OK);
    found = check_rows(image, "views", sql, (const char *)wanted.ptr);
    fct_buf_clear(&wanted);
    for (unsigned i = 0; i < TABLES_MAX; i++) {
        for (size_t k = 0; k < count; k++) {
            if (has_table(i, builds[k].version)) {
                added = added && fct_buf_printf(&wanted, "%s%s\n", table_names[i],
                                                builds[k].suffix) == FACTUM_OK;
            }
        }
    }
    FCT_ASSERT(added && fct_buf_add(&wanted, "", 1) == FACTUM_OK);
    if (found == NULL) {
        found = check_rows(image, "tables",
                           "SELECT name FROM sqlite_schema WHERE type = 'table' AND"
                           " name NOT LIKE 'factum_%' AND name NOT LIKE 'sqlite_%' ORDER BY name",
                           (const char *)wanted.ptr);
    }
    fct_buf_finish(&wanted);
    return found;
}

static bool was_refused(struct image *image, uint64_t revision)
{
    sqlite3_stmt *statement = NULL;
    bool refused = false;
    if (sqlite3_prepare_v2(image->db, "SELECT 1 FROM factum_refused WHERE revision = ?1", -1,
                           &statement, NULL) == SQLITE_OK) {
        (void)sqlite3_bind_int64(statement, 1, (int64_t)revision);
        refused = sqlite3_step(statement) == SQLITE_ROW;
    }
    (void)sqlite3_finalize(statement);
    return refused;
}

/* What is in use is what the acts say that the file has carried out. */
static const char *check_acts(struct image *image)
{
    struct fct_acts acts = {.any = false};
    factum_cursor *cursor;
    factum_event event;
    factum_arena arena;
    struct fct_act act;
    factum_error err;
    if (image->acts < 0) {
        return image->in_use[0] == '\0' ? NULL : tell("in use without an act", image->in_use);
    }
    factum_status status =
        fct_acts_open(image->world->store, FCT_SLICE(WORLD_MODEL), 0, (uint64_t)image->acts, NULL,
                      &cursor, &err);
    if (status != FACTUM_OK) {
        return tell("the file has acts that the stream has not", err.text);
    }
    fct_arena_init(&arena, fct_mem_heap(), ROWS_MAX);
    while ((status = factum_cursor_next(cursor, &event, &err)) == FACTUM_OK) {
        factum_arena_reset(&arena);
        if (fct_act_parse(&event, &arena, &act, &err) == FACTUM_OK &&
            !was_refused(image, event.revision)) {
            fct_acts_add(&acts, &act, event.revision, event.position, event.created);
        }
        acts.revision = event.revision;
    }
    factum_arena_finish(&arena);
    factum_cursor_close(cursor);
    if (status != FACTUM_DONE || acts.revision != (uint64_t)image->acts) {
        return tell("the file has acts that the stream has not", err.text);
    }
    char wanted[64] = "";
    if (acts.in_use.version != 0) {
        int len = snprintf(wanted, sizeof wanted, WORLD_MODEL "__v%" PRIu64, acts.in_use.version);
        if (acts.in_use.run > 1) {
            (void)snprintf(wanted + len, sizeof wanted - (size_t)len, "_%" PRIu64,
                           acts.in_use.run);
        }
    }
    return strcmp(wanted, image->in_use) == 0 ? NULL : tell("in use against the acts", wanted);
}

static void read_model_row(struct image *image)
{
    sqlite3_stmt *statement = NULL;
    image->acts = -1;
    if (sqlite3_prepare_v2(image->db, "SELECT acts, in_use FROM factum_model", -1, &statement,
                           NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        image->acts = sqlite3_column_int64(statement, 0);
        (void)snprintf(image->in_use, sizeof image->in_use, "%s",
                       (const char *)sqlite3_column_text(statement, 1));
    }
    (void)sqlite3_finalize(statement);
}

static const char *check_image(struct image *image)
{
    struct build_at builds[WORLD_BUILDS_MAX];
    const char *found = check_rows(image, "pages", "PRAGMA integrity_check", "ok\n");
    if (found != NULL) {
        return found;
    }
    read_model_row(image);
    size_t count = read_builds(image, builds);
    found = check_floors(image->world, builds, count);
    found = found == NULL ? check_schema(image, builds, count) : found;
    found = found == NULL ? check_acts(image) : found;
    for (size_t i = 0; i < count && found == NULL; i++) {
        found = check_build(image, &builds[i]);
    }
    return found;
}

const char *world_examine(struct world *world)
{
    struct image image = {.world = world};
    struct fct_sim_disk *copy = fct_sim_disk_clone(world->disk);
    const char *found = NULL;
    sim_vfs_use(copy);
    fct_buf_init(&image.rows, fct_mem_heap(), ROWS_MAX);
    fct_buf_init(&image.wanted, fct_mem_heap(), ROWS_MAX);
    int code = sqlite3_open_v2("/models/" WORLD_MODEL ".db", &image.db,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK) {
        found = check_image(&image);
    } else {
        found = check_floors(world, NULL, 0);
    }
    (void)sqlite3_close(image.db);
    fct_buf_finish(&image.rows);
    fct_buf_finish(&image.wanted);
    sim_vfs_use(world->disk);
    fct_sim_disk_destroy(copy);
    return found;
}

/* ---- the answers ----------------------------------------------------------------------------- */

struct printing {
    struct fct_buf *rows;
    const char *table;
};

static bool print_columns(void *data, const factum_slice *names, size_t count)
{
    (void)data;
    (void)names;
    (void)count;
    return true;
}

static bool print_row(void *data, const factum_value *values, size_t count)
{
    const struct printing *printing = data;
    bool added = fct_buf_printf(printing->rows, "%s|", printing->table) == FACTUM_OK;
    for (size_t i = 0; i < count && added; i++) {
        const char *between = i > 0 ? "|" : "";
        added = values[i].kind == FACTUM_VALUE_INTEGER
                    ? fct_buf_printf(printing->rows, "%s%" PRId64, between, values[i].integer) ==
                          FACTUM_OK
                    : fct_buf_printf(printing->rows, "%s%.*s", between,
                                     FCT_FMT(values[i].bytes)) == FACTUM_OK;
    }
    return added && fct_buf_add_text(printing->rows, "\n") == FACTUM_OK;
}

struct parked_list {
    uint64_t positions[WORLD_EVENTS_MAX];
    size_t count;
    uint64_t version;
};

static bool note_parked(void *data, const factum_parked *parked)
{
    struct parked_list *list = data;
    if (parked->version == list->version && list->count < WORLD_EVENTS_MAX) {
        list->positions[list->count++] = parked->position;
    }
    return true;
}

static const char *compare_parked(struct world *world, unsigned version)
{
    static struct parked_list list;
    static uint64_t wanted[WORLD_EVENTS_MAX];
    const factum_parked_each each = {&list, note_parked};
    factum_error err;
    list.count = 0;
    list.version = version;
    size_t count = poison_of(world, wanted);
    if (factum_models_parked(world->models, FCT_SLICE(WORLD_MODEL), factum_slice_from(""), &each,
                             &err) != FACTUM_OK) {
        return tell("parked", err.text);
    }
    /* Those of the build in use come first; another run of the version may have its own. */
    if (list.count < count || memcmp(list.positions, wanted, count * sizeof *wanted) != 0) {
        (void)snprintf(problem, sizeof problem, "%zu events are parked, not %zu", list.count,
                       count);
        return problem;
    }
    return NULL;
}

const char *world_compare(struct world *world, unsigned version, uint64_t *hash)
{
    static uint64_t parked[WORLD_EVENTS_MAX];
    struct fct_buf rows;
    struct fct_buf wanted;
    factum_error err;
    uint64_t event_count;
    factum_model_answer answer = {.size = sizeof answer};
    fct_buf_init(&rows, fct_mem_heap(), ROWS_MAX);
    fct_buf_init(&wanted, fct_mem_heap(), ROWS_MAX);
    const char *found = compare_parked(world, version);
    for (unsigned i = 0; i < TABLES_MAX && found == NULL; i++) {
        char sql[64];
        struct printing printing = {&rows, table_names[i]};
        const factum_rows to = {&printing, print_columns, print_row};
        (void)snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY 1", table_names[i]);
        const factum_model_query query = {.size = sizeof query,
                                          .model = FCT_SLICE(WORLD_MODEL),
                                          .sql = factum_slice_from(sql)};
        if (has_table(i, version) &&
            factum_models_query(world->models, &query, &to, &answer, &err) != FACTUM_OK) {
            found = tell("a query", err.text);
        }
    }
    size_t count = poison_of(world, parked);
    if (found == NULL &&
        !world_fold(world, version, UINT64_MAX, parked, count, &wanted, &event_count)) {
        found = tell("the reference", "cannot be");
    } else if (found == NULL && !same_bytes(&rows, &wanted)) {
        found = tell_difference("rows", &rows, &wanted);
    } else if (found == NULL && (answer.status.event_count != event_count ||
                                 answer.status.version != version)) {
        (void)snprintf(problem, sizeof problem,
                       "version %" PRIu64 " counts %" PRIu64 " events, not version %u %" PRIu64,
                       answer.status.version, answer.status.event_count, version, event_count);
        found = problem;
    }
    if (hash != NULL) {
        *hash = fct_hash64(fct_buf_slice(&rows), 0);
    }
    fct_buf_finish(&rows);
    fct_buf_finish(&wanted);
    return found;
}
