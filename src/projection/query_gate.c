/* query_gate.c - a connection that answers queries: opening it, one query after another.
 * Layer: projection. Parameters are bound in query_bind.c. See query_gate.h.
 *
 * Invariants, between two runs:
 *  1. The connection has no transaction, and the rules are off.
 *  2. No guard of the gate is on for this thread.
 */
#include "projection/query_gate.h"

#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "projection/query_bind.h"
#include "projection/query_files.h"
#include "projection/query_functions.h"
#include "projection/query_guard.h"
#include "projection/sql_scan.h"

/* Steps of a statement between two looks at the clock. A step that creates the longest value takes
 * a few milliseconds. */
#define GATE_STEPS 64
#define GATE_VALUE_SIZE_MIN (UINT64_C(64) << 10)
#define GATE_VALUE_SIZE_MAX (UINT64_C(16) << 20)
#define GATE_PLAN_PREFIX "EXPLAIN QUERY PLAN "
#define GATE_PLAN_DEPTH_MAX 64u

/* The gate's own statements, which every run needs. */
enum gate_own { GATE_BEGIN, GATE_PIN, GATE_END, GATE_OWN_COUNT };

struct fct_query_gate {
    const struct fct_os *os;
    const struct fct_mem *mem;
    sqlite3 *db;
    sqlite3_stmt *own[GATE_OWN_COUNT];
    struct fct_query_guard guard;
    struct fct_query_rules rules;
};

/* One run. */
struct gate_run {
    struct fct_query_gate *gate;
    const struct fct_query *query;
    const factum_rows *rows;
    uint64_t rows_max;
    uint64_t time_ms_max;
    uint64_t memory_max;
    sqlite3_stmt *statement;
    size_t prefix; /* bytes of the prepared text before the query */
    int column_count;
    factum_value *values; /* column_count values */
    uint64_t row_count;
    factum_error *err;
};

/* ---- failures -------------------------------------------------------------------------------- */

static factum_status gate_fail_stopped(const struct gate_run *run)
{
    switch (run->gate->guard.stop) {
    case FCT_QUERY_STOP_TIME:
        return fct_fail(
            run->err, FACTUM_EXPIRED,
            "the query takes longer than %llu ms: let it read less, or give it more time",
            (unsigned long long)run->time_ms_max);
    case FCT_QUERY_STOP_MEMORY:
        return fct_fail(run->err, FACTUM_TOO_BIG,
                        "the query needs more than %llu KiB of memory: let it sort and collect "
                        "less, or give it more",
                        (unsigned long long)(run->memory_max >> 10));
    case FCT_QUERY_STOP_CALLER:
    case FCT_QUERY_GOES_ON:
    default:
        return fct_fail(run->err, FACTUM_CANCELLED, "the query was cancelled");
    }
}

/* Prints "query:2:8: " for |offset| in the query; "" if SQLite does not know it. */
static void gate_place(const struct gate_run *run, int offset, char *text, size_t size)
{
    factum_slice sql = run->query->sql;
    text[0] = '\0';
    if (offset < 0 || (size_t)offset < run->prefix || (size_t)offset - run->prefix > sql.len) {
        return;
    }
    uint32_t line = 1;
    size_t line_start = 0;
    size_t end = (size_t)offset - run->prefix;
    for (size_t i = 0; i < end; i++) {
        if (sql.ptr[i] == '\n') {
            line++;
            line_start = i + 1;
        }
    }
    (void)snprintf(text, size, "query:%u:%zu: ", line, end - line_start + 1);
}

/* Fails with the reason why the rules or SQLite refuse the query. */
static factum_status gate_fail_query(const struct gate_run *run)
{
    static const char no_table[] = "no such table: ";
    static const char virtual_table[] = "vtable constructor failed: ";
    char place[48];
    char list[96];
    sqlite3 *db = run->gate->db;
    const char *text = sqlite3_errmsg(db);
    gate_place(run, sqlite3_error_offset(db), place, sizeof place);
    if (strncmp(text, virtual_table, sizeof virtual_table - 1) == 0) {
        /* The rules refused SQLite's declaration of the virtual table. */
        run->gate->rules.refusal[0] = '\0';
        fct_query_rules_refuse_table(&run->gate->rules, text + sizeof virtual_table - 1);
    }
    if (run->gate->rules.refusal[0] != '\0') {
        return fct_fail(run->err, FACTUM_INVALID, "%s%s", place, run->gate->rules.refusal);
    }
    if (strncmp(text, no_table, sizeof no_table - 1) == 0) {
        fct_query_rules_list(run->query->tables, run->query->table_count, list, sizeof list);
        return fct_fail(run->err, FACTUM_INVALID, "%s%.100s; its model has %s", place, text,
                        list[0] != '\0' ? list : "none");
    }
    return fct_fail(run->err, FACTUM_INVALID, "%s%.180s", place, text);
}

/* Fails with |code|, which is not the query's fault. */
static factum_status gate_fail_database(factum_error *err, sqlite3 *db, int code)
{
    const char *text = db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(code);
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_SCHEMA:
        return fct_fail(err, FACTUM_BUSY, "the read model is being changed: %.120s", text);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return fct_fail(err, FACTUM_CORRUPT, "the file of the read model is damaged: %.120s", text);
    case SQLITE_NOMEM:
        return fct_fail(err, FACTUM_NO_MEMORY, "no memory for a query");
    default:
        return fct_fail(err, FACTUM_IO, "the file of the read model cannot be read: %.120s", text);
    }
}

/* Fails with |code| of preparing or running the statement. */
static factum_status gate_fail(const struct gate_run *run, int code)
{
    if (run->gate->guard.stop != FCT_QUERY_GOES_ON) {
        return gate_fail_stopped(run);
    }
    switch (code & 0xff) {
    case SQLITE_AUTH:
    case SQLITE_ERROR:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
        return gate_fail_query(run);
    case SQLITE_TOOBIG:
        return fct_fail(run->err, FACTUM_TOO_BIG,
                        "a text, a BLOB or a row has more than %d bytes: read less of it, or give "
                        "the query more memory",
                        sqlite3_limit(run->gate->db, SQLITE_LIMIT_LENGTH, -1));
    default:
        return gate_fail_database(run->err, run->gate->db, code);
    }
}

/* ---- opening --------------------------------------------------------------------------------- */

/* The progress handler. */
static int gate_progress(void *data)
{
    struct fct_query_guard *guard = data;
    return fct_query_guard_here() == guard && !fct_query_guard_check(guard);
}

static int gate_configure(sqlite3 *db)
{
    static const struct {
        int what;
        int value;
    } switches[] = {
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0}, {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
        {SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0}, {SQLITE_DBCONFIG_DQS_DML, 0},
    };
    static const struct {
        int what;
        int value;
    } limits[] = {
        {SQLITE_LIMIT_SQL_LENGTH, (int)FCT_QUERY_SQL_SIZE_MAX + 64},
        {SQLITE_LIMIT_EXPR_DEPTH, 200},
        {SQLITE_LIMIT_COMPOUND_SELECT, 100},
        {SQLITE_LIMIT_VDBE_OP, 250000},
        {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50000},
        {SQLITE_LIMIT_VARIABLE_NUMBER, (int)FCT_QUERY_PARAMETERS_MAX},
        {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
        {SQLITE_LIMIT_WORKER_THREADS, 0},
    };
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++) {
        int code = sqlite3_db_config(db, switches[i].what, switches[i].value, NULL);
        if (code != SQLITE_OK) {
            return code;
        }
    }
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        (void)sqlite3_limit(db, limits[i].what, limits[i].value);
    }
    /* The cache size is also how much SQLite sorts in one step. */
    return sqlite3_exec(db,
                        "PRAGMA query_only = 1; PRAGMA temp_store = file; PRAGMA mmap_size = 0;"
                        "PRAGMA cache_size = -1024; PRAGMA threads = 0",
                        NULL, NULL, NULL);
}

/* Prepares the gate's own statements, and declares the two table-valued functions that queries may
 * use: SQLite declares one at its first use, which the rules refuse. So all others stay unknown. */
static int gate_prepare_own(struct fct_query_gate *gate)
{
    sqlite3_stmt *known = NULL;
    static const char *const texts[GATE_OWN_COUNT] = {
        [GATE_BEGIN] = "BEGIN",
        [GATE_PIN] = "SELECT 1 FROM sqlite_schema LIMIT 1",
        [GATE_END] = "COMMIT",
    };
    int code = SQLITE_OK;
    for (int i = 0; i < GATE_OWN_COUNT && code == SQLITE_OK; i++) {
        code = sqlite3_prepare_v3(gate->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &gate->own[i],
                                  NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_prepare_v2(gate->db, "SELECT 1 FROM json_each('1'), json_tree('1')", -1,
                                  &known, NULL);
        (void)sqlite3_finalize(known);
    }
    return code;
}

static factum_status gate_connect(struct fct_query_gate *gate,
                                  const struct fct_query_gate_options *options, factum_error *err)
{
    if (gate->db == NULL) {
        const char *vfs = fct_query_files_vfs();
        int code = vfs != NULL ? sqlite3_open_v2(options->path, &gate->db,
                                                 SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX |
                                                     SQLITE_OPEN_PRIVATECACHE,
                                                 vfs)
                               : SQLITE_NOMEM;
        if (code == SQLITE_CANTOPEN) {
            return fct_fail(err, FACTUM_NOT_FOUND,
                            "the read model has no file %.120s that can be read", options->path);
        }
        if (code != SQLITE_OK) {
            return gate_fail_database(err, gate->db, code);
        }
    }
    gate->guard.os = gate->os;
    gate->guard.db = gate->db;
    int code = sqlite3_busy_timeout(gate->db, (int)FCT_QUERY_TIME_MS_MAX);
    code = code == SQLITE_OK ? gate_configure(gate->db) : code;
    code = code == SQLITE_OK ? fct_query_functions_add(&gate->guard) : code;
    if (code == SQLITE_OK) {
        sqlite3_progress_handler(gate->db, GATE_STEPS, gate_progress, &gate->guard);
        fct_query_rules_attach(&gate->rules, gate->db);
        code = gate_prepare_own(gate);
    }
    return code == SQLITE_OK ? FACTUM_OK : gate_fail_database(err, gate->db, code);
}

factum_status fct_query_gate_open(const struct fct_query_gate_options *options,
                                  struct fct_query_gate **gate, factum_error *err)
{
    FCT_ASSERT((options->path != NULL) != (options->db != NULL));
    *gate = NULL;
    fct_query_guard_install();
    struct fct_query_gate *fresh = fct_mem_zalloc(options->mem, 1, sizeof *fresh);
    if (fresh == NULL) {
        (void)sqlite3_close(options->db);
        return fct_fail(err, FACTUM_NO_MEMORY, "no memory for a query");
    }
    fresh->os = options->os;
    fresh->mem = options->mem;
    fresh->db = options->db;
    factum_status status = gate_connect(fresh, options, err);
    if (status != FACTUM_OK) {
        fct_query_gate_close(fresh);
        return status;
    }
    *gate = fresh;
    return FACTUM_OK;
}

void fct_query_gate_close(struct fct_query_gate *gate)
{
    if (gate == NULL) {
        return;
    }
    for (int i = 0; i < GATE_OWN_COUNT; i++) {
        (void)sqlite3_finalize(gate->own[i]);
    }
    int code = sqlite3_close(gate->db);
    FCT_ASSERT(code == SQLITE_OK); /* no statement is left */
    fct_mem_free(gate->mem, gate);
}

bool fct_query_gate_has_moved(const struct fct_query_gate *gate)
{
    int moved = 0;
    int code = sqlite3_file_control(gate->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    return code == SQLITE_OK && moved != 0;
}

uint64_t fct_query_gate_memory(const struct fct_query_gate *gate)
{
    return (uint64_t)gate->guard.memory_peak;
}

/* ---- the statement --------------------------------------------------------------------------- */

/* Checks the text before SQLite prepares it, because PRAGMA acts while it is prepared. */
static factum_status gate_check_text(const struct gate_run *run)
{
    factum_slice sql = run->query->sql;
    struct fct_sql_scan scan;
    struct fct_sql_token token;
    if (sql.len > FCT_QUERY_SQL_SIZE_MAX) {
        return fct_fail(run->err, FACTUM_TOO_BIG, "a query of %zu bytes: at most %zu", sql.len,
                        FCT_QUERY_SQL_SIZE_MAX);
    }
    if (!fct_utf8_valid(sql) || (sql.len > 0 && memchr(sql.ptr, '\0', sql.len) != NULL)) {
        return fct_fail(run->err, FACTUM_INVALID,
                        "the text of a query is UTF-8 without zero bytes");
    }
    fct_sql_begin(&scan, sql);
    do {
        fct_sql_next(&scan, &token);
    } while (token.kind == FCT_SQL_DIRECTIVE); /* a comment for SQLite */
    if (token.kind == FCT_SQL_END) {
        return fct_fail(run->err, FACTUM_INVALID, "there is no query: write one SELECT");
    }
    if (fct_sql_is_word(&token, "SELECT") || fct_sql_is_word(&token, "WITH") ||
        fct_sql_is_word(&token, "VALUES")) {
        return FACTUM_OK;
    }
    if (token.kind == FCT_SQL_BAD) {
        return fct_fail(run->err, FACTUM_INVALID, "query:%u:%u: %s", token.line, token.column,
                        token.problem);
    }
    return fct_fail(run->err, FACTUM_INVALID,
                    "query:%u:%u: a query is one SELECT, WITH ... SELECT or VALUES, and does not "
                    "begin with %.*s",
                    token.line, token.column, FCT_FMT(token.text));
}

/* Only spaces, comments and semicolons may follow the statement. */
static factum_status gate_check_tail(const struct gate_run *run, const char *tail, const char *end)
{
    struct fct_sql_scan scan;
    struct fct_sql_token token;
    fct_sql_begin(&scan, fct_slice(tail, (size_t)(end - tail)));
    do {
        fct_sql_next(&scan, &token);
    } while (token.kind == FCT_SQL_DIRECTIVE || fct_sql_is_symbol(&token, ';'));
    if (token.kind == FCT_SQL_BAD) {
        return fct_fail(run->err, FACTUM_INVALID, "after the query: %s", token.problem);
    }
    if (token.kind != FCT_SQL_END) {
        return fct_fail(run->err, FACTUM_INVALID,
                        "a query is one statement: another one begins with %.*s",
                        FCT_FMT(token.text));
    }
    return FACTUM_OK;
}

/* Prepares |text|: |run->prefix| bytes, then the query. */
static factum_status gate_prepare_text(struct gate_run *run, factum_slice text)
{
    struct fct_query_gate *gate = run->gate;
    const char *tail = NULL;
    gate->rules.on = true;
    fct_query_guard_begin(&gate->guard);
    int code =
        sqlite3_prepare_v2(gate->db, (const char *)text.ptr, (int)text.len, &run->statement, &tail);
    fct_query_guard_end(&gate->guard);
    gate->rules.on = false;
    if (code != SQLITE_OK || gate->guard.stop != FCT_QUERY_GOES_ON) {
        return gate_fail(run, code);
    }
    factum_status status = gate_check_tail(run, tail, (const char *)text.ptr + text.len);
    if (status != FACTUM_OK) {
        return status;
    }
    code = fct_query_rules_settle(&gate->rules, gate->db);
    if (code != SQLITE_OK) {
        return gate_fail_database(run->err, gate->db, code);
    }
    if (gate->rules.refusal[0] != '\0') {
        return gate_fail_query(run);
    }
    if (run->statement == NULL || sqlite3_stmt_readonly(run->statement) == 0) {
        return fct_fail(run->err, FACTUM_INVALID, "a query is one SELECT, which changes nothing");
    }
    return FACTUM_OK;
}

static factum_status gate_prepare(struct gate_run *run)
{
    factum_slice sql = run->query->sql;
    fct_query_rules_start(&run->gate->rules, run->query->tables, run->query->table_count);
    if (!run->query->plan) {
        return gate_prepare_text(run, sql);
    }
    run->prefix = sizeof GATE_PLAN_PREFIX - 1;
    uint8_t *text = fct_mem_alloc(run->gate->mem, run->prefix + sql.len);
    if (text == NULL) {
        return fct_fail(run->err, FACTUM_NO_MEMORY, "no memory for a query");
    }
    memcpy(text, GATE_PLAN_PREFIX, run->prefix);
    memcpy(text + run->prefix, sql.ptr, sql.len);
    factum_status status = gate_prepare_text(run, fct_slice(text, run->prefix + sql.len));
    fct_mem_free(run->gate->mem, text);
    return status;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* OK: there is a row. DONE: no more rows. */
static factum_status gate_step(struct gate_run *run)
{
    struct fct_query_gate *gate = run->gate;
    gate->rules.on = true; /* SQLite may prepare the statement again */
    fct_query_guard_begin(&gate->guard);
    bool goes_on = fct_query_guard_check(&gate->guard);
    int code = goes_on ? sqlite3_step(run->statement) : SQLITE_INTERRUPT;
    fct_query_guard_end(&gate->guard);
    gate->rules.on = false;
    if (gate->guard.stop != FCT_QUERY_GOES_ON || (code != SQLITE_ROW && code != SQLITE_DONE)) {
        return gate_fail(run, code);
    }
    return code == SQLITE_ROW ? FACTUM_OK : FACTUM_DONE;
}

/* Converts the value of a column. False: no memory. */
static bool gate_value(sqlite3_stmt *statement, int column, factum_value *value)
{
    *value = (factum_value){.kind = FACTUM_VALUE_NULL};
    const void *bytes = NULL;
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        value->kind = FACTUM_VALUE_INTEGER;
        value->integer = sqlite3_column_int64(statement, column);
        return true;
    case SQLITE_FLOAT:
        value->kind = FACTUM_VALUE_REAL;
        value->real = sqlite3_column_double(statement, column);
        return true;
    case SQLITE_TEXT:
        bytes = sqlite3_column_text(statement, column);
        value->bytes = fct_slice(bytes, (size_t)sqlite3_column_bytes(statement, column));
        value->kind =
            bytes != NULL && fct_utf8_valid(value->bytes) ? FACTUM_VALUE_TEXT : FACTUM_VALUE_BYTES;
        return bytes != NULL;
    case SQLITE_BLOB:
        bytes = sqlite3_column_blob(statement, column);
        value->kind = FACTUM_VALUE_BYTES;
        value->bytes = fct_slice(bytes, (size_t)sqlite3_column_bytes(statement, column));
        return bytes != NULL || value->bytes.len == 0;
    default:
        return true;
    }
}

static factum_status gate_fail_ended(const struct gate_run *run)
{
    return fct_fail(run->err, FACTUM_CANCELLED, "the reader of the answer has ended it");
}

static factum_status gate_read_row(struct gate_run *run)
{
    struct fct_query_guard *guard = &run->gate->guard;
    bool room = true;
    fct_query_guard_begin(guard);
    for (int i = 0; i < run->column_count && room; i++) {
        room = gate_value(run->statement, i, &run->values[i]);
    }
    fct_query_guard_end(guard);
    if (guard->stop != FCT_QUERY_GOES_ON || !room) {
        return gate_fail(run, SQLITE_NOMEM);
    }
    return FACTUM_OK;
}

static factum_status gate_count_row(struct gate_run *run)
{
    if (run->row_count >= run->rows_max) {
        return fct_fail(run->err, FACTUM_TOO_BIG,
                        "the answer has more than %llu row%s: add a LIMIT, or allow it more",
                        (unsigned long long)run->rows_max, run->rows_max == 1 ? "" : "s");
    }
    run->row_count++;
    return FACTUM_OK;
}

static factum_status gate_give_columns(struct gate_run *run)
{
    size_t count = (size_t)run->column_count;
    factum_slice *names = fct_mem_zalloc(run->gate->mem, count, sizeof *names);
    if (names == NULL) {
        return fct_fail(run->err, FACTUM_NO_MEMORY, "no memory for a query");
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = factum_slice_from(sqlite3_column_name(run->statement, (int)i));
    }
    bool wanted = run->rows->columns(run->rows->data, names, count);
    fct_mem_free(run->gate->mem, names);
    return wanted ? FACTUM_OK : gate_fail_ended(run);
}

static factum_status gate_give_rows(struct gate_run *run)
{
    factum_status status = gate_give_columns(run);
    while (status == FACTUM_OK) {
        status = gate_step(run);
        if (status == FACTUM_OK) {
            status = gate_count_row(run);
        }
        if (status == FACTUM_OK) {
            status = gate_read_row(run);
        }
        if (status == FACTUM_OK &&
            !run->rows->row(run->rows->data, run->values, (size_t)run->column_count)) {
            status = gate_fail_ended(run);
        }
    }
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

/* ---- plans ----------------------------------------------------------------------------------- */

/* The steps that contain the last step that was read. */
struct gate_plan {
    int inside[GATE_PLAN_DEPTH_MAX];
    size_t depth;
};

/* The depth of the step |id| in the plan. A step comes after the steps that contain it. */
static size_t gate_plan_depth(struct gate_plan *plan, int id, int parent)
{
    while (plan->depth > 0 && plan->inside[plan->depth - 1] != parent) {
        plan->depth--;
    }
    size_t depth = plan->depth;
    if (depth < GATE_PLAN_DEPTH_MAX) {
        plan->inside[plan->depth++] = id;
    }
    return depth;
}

/* Gives the row of a step: its text, indented by two spaces for each step that contains it. */
static factum_status gate_give_step(struct gate_run *run, size_t depth)
{
    char text[512];
    const unsigned char *detail = sqlite3_column_text(run->statement, 3);
    int len = snprintf(text, sizeof text, "%*s%s", (int)(depth * 2), "",
                       detail != NULL ? (const char *)detail : "");
    size_t size = len < (int)sizeof text ? (size_t)len : sizeof text - 1;
    factum_value value = {.kind = FACTUM_VALUE_TEXT,
                          .bytes = fct_slice(text, fct_utf8_prefix(fct_slice(text, size)))};
    return run->rows->row(run->rows->data, &value, 1) ? FACTUM_OK : gate_fail_ended(run);
}

static factum_status gate_give_plan(struct gate_run *run)
{
    struct gate_plan plan = {.depth = 0};
    factum_slice name = FCT_SLICE("plan");
    factum_status status =
        run->rows->columns(run->rows->data, &name, 1) ? FACTUM_OK : gate_fail_ended(run);
    while (status == FACTUM_OK) {
        status = gate_step(run);
        if (status == FACTUM_OK) {
            status = gate_count_row(run);
        }
        if (status == FACTUM_OK) {
            int id = sqlite3_column_int(run->statement, 0);
            int parent = sqlite3_column_int(run->statement, 1);
            status = gate_give_step(run, gate_plan_depth(&plan, id, parent));
        }
    }
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

/* ---- a run ----------------------------------------------------------------------------------- */

/* Steps one of the gate's own statements once. Returns its code; OK for a row. */
static int gate_step_own(struct fct_query_gate *gate, enum gate_own which)
{
    int code = sqlite3_step(gate->own[which]);
    (void)sqlite3_reset(gate->own[which]);
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

/* Begins the transaction, which sees the file as of now. */
static factum_status gate_begin(struct gate_run *run)
{
    struct fct_query_gate *gate = run->gate;
    int code = gate_step_own(gate, GATE_BEGIN);
    code = code == SQLITE_OK ? gate_step_own(gate, GATE_PIN) : code;
    if (code != SQLITE_OK) {
        return gate_fail_database(run->err, gate->db, code);
    }
    const struct fct_query_snapshot *snapshot = &run->query->snapshot;
    return snapshot->read != NULL ? snapshot->read(snapshot->data, gate->db, run->err) : FACTUM_OK;
}

static factum_status gate_answer(struct gate_run *run)
{
    factum_status status = gate_prepare(run);
    if (status == FACTUM_OK) {
        status = fct_query_bind(run->statement, run->query, run->err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (run->query->plan) {
        return gate_give_plan(run);
    }
    run->column_count = sqlite3_column_count(run->statement);
    run->values = fct_mem_zalloc(run->gate->mem, (size_t)run->column_count, sizeof *run->values);
    if (run->values == NULL) {
        return fct_fail(run->err, FACTUM_NO_MEMORY, "no memory for a query");
    }
    return gate_give_rows(run);
}

/* Sets the limits of the run in the guard and the connection. */
static void gate_set_limits(struct gate_run *run)
{
    struct fct_query_gate *gate = run->gate;
    const struct fct_query *query = run->query;
    run->rows_max = query->rows_max > 0 ? query->rows_max : FCT_QUERY_ROWS_MAX;
    run->time_ms_max = query->time_ms_max > 0 ? query->time_ms_max : FCT_QUERY_TIME_MS_MAX;
    run->memory_max = query->memory_max > 0 ? query->memory_max : FCT_QUERY_MEMORY_MAX;
    if (run->memory_max < FCT_QUERY_MEMORY_MIN) {
        run->memory_max = FCT_QUERY_MEMORY_MIN;
    }
    if (run->memory_max > INT64_MAX / 2) {
        run->memory_max = INT64_MAX / 2;
    }
    uint64_t time_ns_max =
        run->time_ms_max < UINT64_MAX / 2000000 ? run->time_ms_max * 1000000 : UINT64_MAX / 2;
    uint64_t value_size_max = run->memory_max / 16;
    if (value_size_max < GATE_VALUE_SIZE_MIN) {
        value_size_max = GATE_VALUE_SIZE_MIN;
    }
    if (value_size_max > GATE_VALUE_SIZE_MAX) {
        value_size_max = GATE_VALUE_SIZE_MAX;
    }
    (void)sqlite3_limit(gate->db, SQLITE_LIMIT_LENGTH, (int)value_size_max);
    (void)sqlite3_busy_timeout(gate->db,
                               run->time_ms_max < INT32_MAX ? (int)run->time_ms_max : INT32_MAX);
    gate->guard.deadline = fct_os_monotonic(gate->os) + time_ns_max;
    gate->guard.memory_max = (int64_t)run->memory_max;
    gate->guard.stopped = query->stopped;
    gate->guard.stopped_data = query->stopped_data;
    fct_query_guard_start(&gate->guard);
}

factum_status fct_query_gate_run(struct fct_query_gate *gate, const struct fct_query *query,
                                 const factum_rows *rows, uint64_t *row_count, factum_error *err)
{
    struct gate_run run = {.gate = gate, .query = query, .rows = rows, .err = err};
    FCT_ASSERT(sqlite3_get_autocommit(gate->db) != 0);
    *row_count = 0;
    gate_set_limits(&run);
    factum_status status = gate_check_text(&run);
    if (status != FACTUM_OK) {
        return status;
    }
    status = gate_begin(&run);
    if (status == FACTUM_OK) {
        status = gate_answer(&run);
    }
    (void)sqlite3_finalize(run.statement);
    fct_mem_free(gate->mem, run.values);
    if (sqlite3_get_autocommit(gate->db) == 0 && gate_step_own(gate, GATE_END) != SQLITE_OK) {
        /* UNTESTED: SQLite has no reason to refuse the end of a transaction that only read. */
        (void)sqlite3_exec(gate->db, "ROLLBACK", NULL, NULL, NULL);
    }
    *row_count = run.row_count;
    return status;
}
