/* model_image.c - what a crash has left in the file of a model, and what queries answer, against
 * the fold of the events. See model_world.h. */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "core/arena.h"
#include "core/check.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/slice.h"
#include "crash/model_world.h"
#include "crash/sim_vfs.h"
#include "projection/acts.h"

#define ROWS_MAX ((size_t)4 << 20)
#define TABLES_MAX 4u

static const char *const table_names[TABLES_MAX] = {"account", "journal", "odd", "stock"};

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
            added = added &&
                    fct_buf_printf(&image->rows, "%s%s", i > 0 ? "|" : "",
                                   (const char *)sqlite3_column_text(statement, i)) == FACTUM_OK;
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

/* Its tables are the fold of the events up to its checkpoint, except the parked events. */
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
        !world_may_be_parked(world, build->position, parked, parked_count)) {
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
    factum_status status = fct_acts_open(image->world->store, FCT_SLICE(WORLD_MODEL), 0,
                                         (uint64_t)image->acts, NULL, &cursor, &err);
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
            (void)snprintf(wanted + len, sizeof wanted - (size_t)len, "_%" PRIu64, acts.in_use.run);
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
                    : fct_buf_printf(printing->rows, "%s%.*s", between, FCT_FMT(values[i].bytes)) ==
                          FACTUM_OK;
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
    size_t count = world_poison(world, wanted);
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
        const factum_model_query query = {
            .size = sizeof query, .model = FCT_SLICE(WORLD_MODEL), .sql = factum_slice_from(sql)};
        if (has_table(i, version) &&
            factum_models_query(world->models, &query, &to, &answer, &err) != FACTUM_OK) {
            found = tell("a query", err.text);
        }
    }
    size_t count = world_poison(world, parked);
    if (found == NULL &&
        !world_fold(world, version, UINT64_MAX, parked, count, &wanted, &event_count)) {
        found = tell("the reference", "cannot be");
    } else if (found == NULL && !same_bytes(&rows, &wanted)) {
        found = tell_difference("rows", &rows, &wanted);
    } else if (found == NULL &&
               (answer.status.event_count != event_count || answer.status.version != version)) {
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
