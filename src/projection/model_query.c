/* model_query.c - queries against the build in use. Layer: projection. See models_int.h and
 * query_gate.h.
 *
 * The build in use when a query begins decides what the query may read. The query's own transaction
 * reads the checkpoint and which build is in use. If a swap came in between, the query runs again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/sized.h"
#include "core/slice.h"
#include "projection/as_of.h"
#include "projection/kept_gates.h"
#include "projection/query_gate.h"
#include "projection/sqlite_status.h"

#define QUERY_ARENA_MAX ((size_t)1 << 20)
#define TRIES_MAX 250 /* of a query that meets a swap, 20 ms apart */
#define TRY_AGAIN_NS 20000000u

static const char snapshot_sql[] = "SELECT m.in_use, c.position, c.created, c.event_count FROM"
                                   " factum_model m JOIN factum_checkpoint c ON c.name = m.in_use";

/* One query in progress. */
struct asking {
    struct fct_hosted_build *build;
    const factum_model_query *query;
    char name[FCT_MODEL_BUILD_NAME_SIZE]; /* of the build of |tables| */
    struct fct_query_table *tables;
    size_t table_count;
    const struct fct_as_of *as_of; /* NULL: the model as it is now */
    bool swapped;                  /* another build has come into use */
    struct fct_checkpoint at;
    factum_build_status before; /* read before the snapshot */
};

/* ---- what it may read ------------------------------------------------------------------------ */

static factum_status list_tables(struct asking *asking, factum_arena *arena, factum_error *err)
{
    const struct fct_definition *definition = asking->build->definition;
    const struct fct_build id = {asking->build->id.version, asking->build->id.run};
    char suffix[FCT_BUILD_SUFFIX_SIZE];
    fct_build_suffix(id, suffix);
    asking->tables =
        factum_arena_alloc(arena, (definition->relation_count + 1) * sizeof *asking->tables);
    for (size_t i = 0; i < definition->relation_count && asking->tables != NULL; i++) {
        const struct fct_relation *relation = &definition->relations[i];
        if (relation->is_index) {
            continue;
        }
        size_t size = relation->name.len + strlen(suffix) + 1;
        char *over = factum_arena_alloc(arena, size);
        if (over == NULL) {
            break;
        }
        (void)snprintf(over, size, "%.*s%s", (int)relation->name.len,
                       (const char *)relation->name.ptr, suffix);
        asking->tables[asking->table_count++] =
            (struct fct_query_table){relation->name, factum_slice_from(over)};
    }
    (void)snprintf(asking->name, sizeof asking->name, "%s%s", asking->build->model->name, suffix);
    return fct_arena_status(arena, "query: its tables", err);
}

static factum_status read_snapshot(void *data, sqlite3 *db, factum_error *err)
{
    struct asking *asking = data;
    sqlite3_stmt *statement;
    bool row = false;
    factum_status status = fct_sqlite_prepare(db, factum_slice_from(snapshot_sql),
                                              "read the checkpoint", &statement, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_sqlite_step(statement, "read the checkpoint", &row, err);
    if (status == FACTUM_OK) {
        asking->swapped = !row || !fct_slice_equal(fct_sqlite_text(statement, 0),
                                                   factum_slice_from(asking->name));
        asking->at.position = row ? (uint64_t)sqlite3_column_int64(statement, 1) : 0;
        asking->at.created = row ? sqlite3_column_int64(statement, 2) : 0;
        asking->at.event_count = row ? (uint64_t)sqlite3_column_int64(statement, 3) : 0;
    }
    sqlite3_finalize(statement);
    return status == FACTUM_OK && asking->swapped
               ? fct_fail(err, FACTUM_BUSY, "the model is being swapped: ask again")
               : status;
}

/* ---- the query ------------------------------------------------------------------------------- */

static const struct fct_named_query *named_query_of(const struct fct_definition *definition,
                                                    factum_slice name)
{
    for (size_t i = 0; i < definition->query_count; i++) {
        if (fct_slice_equal(definition->queries[i].name, name)) {
            return &definition->queries[i];
        }
    }
    return NULL;
}

/* The SQL of the query and, for a named one, the names of its numbered parameters. */
static factum_status find_sql(const struct asking *asking, factum_arena *arena, struct fct_buf *buf,
                              struct fct_query *query, factum_error *err)
{
    query->sql = asking->query->sql;
    if (asking->query->named.len == 0) {
        return FACTUM_OK;
    }
    const struct fct_named_query *named =
        named_query_of(asking->build->definition, asking->query->named);
    if (named == NULL) {
        return fct_fail(err, FACTUM_NOT_FOUND, "the projection %s has no query %.*s",
                        asking->build->model->name, FCT_FMT(asking->query->named));
    }
    factum_slice *names = factum_arena_alloc(arena, (named->parameter_count + 1) * sizeof *names);
    if (names == NULL) {
        return fct_arena_status(arena, "query: its parameters", err);
    }
    for (size_t i = 0; i < named->parameter_count; i++) {
        names[i] = named->parameters[i].name;
    }
    /* "t" is the view over the tables of the build in use. */
    factum_status status = fct_statement_print(&named->statement, "", buf);
    if (status != FACTUM_OK) {
        return fct_fail(err, status, "query: no memory for the text of %.*s",
                        FCT_FMT(asking->query->named));
    }
    query->sql = (factum_slice){buf->ptr, buf->len};
    query->numbered = names;
    query->numbered_count = named->parameter_count;
    return FACTUM_OK;
}

static bool is_past(void *data)
{
    const factum_call *call = data;
    return call != NULL && call->deadline != 0 && fct_os_monotonic(fct_os_real()) >= call->deadline;
}

/* A gate to the model as it is now, or to a replay. Gates to replays are not kept. */
static factum_status take_gate(const struct asking *asking, struct fct_kept_gate *taken,
                               factum_error *err)
{
    char path[FCT_PATH_SIZE + FACTUM_PROJECTION_NAME_MAX + sizeof "/.db"];
    struct fct_model *model = asking->build->model;
    if (asking->as_of == NULL) {
        return fct_kept_gate_take(asking->build->models, model, taken, err);
    }
    (void)snprintf(path, sizeof path, "%s/%s.db", asking->as_of->dir, model->name);
    const struct fct_query_gate_options options = {
        .os = fct_os_real(), .mem = fct_mem_heap(), .path = path};
    return fct_query_gate_open(&options, &taken->gate, err);
}

static void give_gate(const struct asking *asking, struct fct_kept_gate *taken,
                      factum_status status)
{
    if (asking->as_of == NULL) {
        fct_kept_gate_give(asking->build->models, taken, status);
    } else {
        fct_query_gate_close(taken->gate);
    }
}

static factum_status run_query(struct asking *asking, const factum_rows *rows, uint64_t *row_count,
                               factum_error *err)
{
    factum_arena arena;
    struct fct_buf buf;
    struct fct_kept_gate taken = {.gate = NULL};
    const factum_model_query *asked = asking->query;
    struct fct_query query = {
        .parameters = asked->parameters,
        .parameter_count = asked->parameter_count,
        .plan = asked->plan,
        .rows_max = asked->rows_max,
        .time_ms_max = asked->time_ms_max,
        .memory_max = asked->memory_max,
        .stopped = is_past,
        .stopped_data = (void *)(uintptr_t)asked->call,
        .snapshot = {asking, read_snapshot},
    };
    fct_arena_init(&arena, fct_mem_heap(), QUERY_ARENA_MAX);
    fct_buf_init(&buf, fct_mem_heap(), QUERY_ARENA_MAX);
    factum_status status = list_tables(asking, &arena, err);
    query.tables = asking->tables;
    query.table_count = asking->table_count;
    if (status == FACTUM_OK) {
        status = find_sql(asking, &arena, &buf, &query, err);
    }
    if (status == FACTUM_OK) {
        status = take_gate(asking, &taken, err);
    }
    if (status == FACTUM_OK) {
        status = fct_query_gate_run(taken.gate, &query, rows, row_count, err);
    }
    if (status == FACTUM_CANCELLED && is_past((void *)(uintptr_t)asked->call)) {
        status = fct_fail(err, FACTUM_EXPIRED, "the query's deadline has passed");
    }
    give_gate(asking, &taken, status);
    fct_buf_finish(&buf);
    factum_arena_finish(&arena);
    return status;
}

/* The answer of a replay, which has everything up to its moment. */
static void answer_past(const struct asking *asking, uint64_t row_count,
                        factum_model_answer *answer)
{
    factum_model_answer full = {.size = sizeof full, .row_count = row_count};
    full.status = (factum_build_status){
        .size = sizeof full.status,
        .model = factum_slice_from(asking->build->model->name),
        .version = asking->build->id.version,
        .in_use = true,
        .state = FACTUM_BUILD_LIVE,
        .place = asking->as_of->position,
        .place_created = asking->at.created,
        .event_count = asking->at.event_count,
    };
    fct_sized_write(answer, &full, sizeof full);
}

/* The snapshot contains everything that the build had before it was taken. So the answer never
 * names a later moment than that of its rows. */
static void answer_now(const struct asking *asking, uint64_t row_count, factum_model_answer *answer)
{
    factum_model_answer full = {
        .size = sizeof full, .row_count = row_count, .status = asking->before};
    if (asking->as_of != NULL) {
        answer_past(asking, row_count, answer);
        return;
    }
    if (full.status.place < asking->at.position) {
        full.status.place = asking->at.position;
    }
    full.status.place_created = asking->at.created;
    full.status.event_count = asking->at.event_count;
    fct_sized_write(answer, &full, sizeof full);
}

static factum_status wait_first(struct factum_models *models, const factum_model_query *query,
                                factum_model_answer *answer, factum_error *err)
{
    factum_build_status behind = {.size = sizeof behind};
    int64_t wait_ms = query->wait_ms;
    if (!query->wait_set) {
        return FACTUM_OK;
    }
    if (query->call != NULL && query->call->deadline != 0) {
        uint64_t now = fct_os_monotonic(fct_os_real());
        uint64_t left = query->call->deadline > now ? query->call->deadline - now : 0;
        int64_t left_ms = (int64_t)(left / 1000000u);
        wait_ms = wait_ms < 0 || wait_ms > left_ms ? left_ms : wait_ms;
    }
    factum_status status =
        factum_models_wait(models, query->model, query->wait, wait_ms, &behind, err);
    if (status == FACTUM_TIMEOUT && answer != NULL) {
        const factum_model_answer full = {.size = sizeof full, .status = behind};
        fct_sized_write(answer, &full, sizeof full);
    }
    return status;
}

static factum_status check_query(const factum_models *models, const factum_model_query *given,
                                 const factum_rows *rows, const factum_model_answer *answer,
                                 factum_model_query *query, factum_error *err)
{
    if (models == NULL || rows == NULL || rows->columns == NULL || rows->row == NULL) {
        return fct_fail(err, FACTUM_INVALID, "query: a host and functions for rows are needed");
    }
    factum_status status = fct_sized_read(query, sizeof *query, given, "query: the query", err);
    if (status == FACTUM_OK && answer != NULL) {
        status = fct_sized_check(answer, "query: the answer", err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if ((query->sql.len > 0) == (query->named.len > 0)) {
        return fct_fail(err, FACTUM_INVALID, "query: SQL, or the name of a query, is needed");
    }
    if (query->at_created_set + query->at_time_set + query->at_position_set > 1) {
        return fct_fail(err, FACTUM_INVALID, "query: as of one moment, not several");
    }
    return FACTUM_OK;
}

factum_status factum_models_query(factum_models *models, const factum_model_query *given,
                                  const factum_rows *rows, factum_model_answer *answer,
                                  factum_error *err)
{
    factum_model_query query = {.size = sizeof query};
    struct asking asking;
    uint64_t row_count = 0;
    factum_error own;
    err = fct_error_or(err, &own);
    factum_status status = check_query(models, given, rows, answer, &query, err);
    if (status == FACTUM_OK) {
        status = wait_first(models, &query, answer, err);
    }
    for (int i = 0; status == FACTUM_OK; i++) {
        uint32_t seen = atomic_load(&models->changes);
        memset(&asking, 0, sizeof asking);
        asking.query = &query;
        status = fct_models_in_use(models, query.model, &asking.build, err);
        if (status != FACTUM_OK) {
            break;
        }
        struct fct_as_of *as_of = NULL;
        if (query.at_created_set || query.at_time_set || query.at_position_set) {
            status = fct_as_of_get(asking.build, &query, &as_of, err);
            asking.as_of = as_of;
        } else if (answer != NULL) {
            status = fct_hosted_build_status(asking.build, true, &asking.before, err);
        }
        if (status == FACTUM_OK) {
            status = run_query(&asking, rows, &row_count, err);
        }
        bool again = status == FACTUM_BUSY && asking.swapped && i < TRIES_MAX;
        if (status == FACTUM_OK && answer != NULL) {
            answer_now(&asking, row_count, answer);
        }
        fct_as_of_release(as_of);
        fct_hosted_build_release(asking.build);
        if (!again) {
            break;
        }
        (void)fct_word_wait(&models->changes, seen, TRY_AGAIN_NS);
        status = FACTUM_OK;
    }
    return status;
}
