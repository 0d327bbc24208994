/* query_gate_test.c - answers, refusals and their messages, limits of rows. Layer: projection.
 * Queries that try to hang or to fill the memory are in query_hostile_test.c. */
#include "projection/query_gate.h"

#include "os/thread.h"
#include "projection/query_files.h"
#include "support/query_fixture.h"

static void assert_answer(struct fixture *f, const char *sql, const char *wanted)
{
    factum_status status = fixture_ask(f, sql);
    if (status != FACTUM_OK) {
        print_error("%s: %s\n", sql, f->err.text);
    }
    assert_int_equal(status, FACTUM_OK);
    assert_string_equal(f->text, wanted);
}

static void assert_refused(struct fixture *f, const char *sql, const char *why)
{
    factum_status status = fixture_ask(f, sql);
    if (status != FACTUM_INVALID || strstr(f->err.text, why) == NULL) {
        print_error("%s\n  %s: %s\n  wanted: %s\n", sql, factum_status_name(status), f->err.text,
                    why);
        fail();
    }
    assert_string_equal(f->text, "");
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture_open(&fixture, fct_os_real());
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    fixture_close(*state);
    return 0;
}

/* ---- answers --------------------------------------------------------------------------------- */

TEST(a_query_gives_columns_and_rows)
{
    struct fixture *f = *state;
    assert_answer(f,
                  "SELECT order_id, total_cents AS cents, tracking FROM order_summary "
                  "WHERE customer_id = 'c7' ORDER BY 1",
                  "order_id|cents|tracking\no1|1200|NULL\no2|300|T1");
    assert_answer(f,
                  "WITH c AS (SELECT customer_id, sum(total_cents) s FROM order_summary "
                  "GROUP BY 1) SELECT count(*), max(s) FROM c;  -- the end\n;",
                  "count(*)|max(s)\n2|1500");
    assert_answer(f, "VALUES (1, 2.5, x'00ff', 'a'), (NULL, -1, x'', '')",
                  "column1|column2|column3|column4\n1|2.5|x00ff|a\nNULL|-1|x|");
    assert_answer(f, "SELECT 1 WHERE 0", "1");
    assert_answer(f, "/* c */ --@ c\nselect count(*) from ORDER_SUMMARY, sku_sales", "count(*)\n6");
    assert_answer(f, "SELECT CAST(x'61ff' AS TEXT) AS bytes", "bytes\nx61ff");
    assert_int_equal(f->row_count, 1);
}

TEST(a_query_may_use_subqueries_and_json)
{
    struct fixture *f = *state;
    assert_answer(f, "SELECT sum(value) FROM json_each('[1,2,3]')", "sum(value)\n6");
    assert_answer(f, "SELECT count(*) FROM json_tree('{\"a\":[1,2]}')", "count(*)\n4");
    assert_answer(f,
                  "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 5) "
                  "SELECT sum(i) FROM n",
                  "sum(i)\n15");
    assert_answer(f, "WITH c AS (SELECT 1), d(x) AS (SELECT 2) SELECT count(*) FROM c, d",
                  "count(*)\n1");
    assert_answer(f,
                  "SELECT order_id, row_number() OVER (ORDER BY order_id) AS n "
                  "FROM order_summary o WHERE EXISTS (SELECT 1 FROM sku_sales WHERE qty > 5)",
                  "order_id|n\no1|1\no2|2\no3|3");
    assert_answer(f, "SELECT 1 FROM order_summary LIMIT 1", "1\n1");
    assert_answer(f, "SELECT '{\"a\":7}' ->> '$.a' AS a", "a\n7");
    assert_answer(f, "SELECT count(*) FROM sku_sales__v3",
                  "count(*)\n2"); /* its own, as it shows */
}

TEST(parameters_are_bound_by_name)
{
    struct fixture *f = *state;
    factum_model_parameter parameters[] = {
        {FCT_SLICE("c"), {.kind = FACTUM_VALUE_TEXT, .bytes = FCT_SLICE("c7")}},
        {FCT_SLICE("least"), {.kind = FACTUM_VALUE_INTEGER, .integer = 1000}},
    };
    struct fct_query query = {
        .sql = FCT_SLICE("SELECT order_id FROM order_summary WHERE customer_id = :c "
                         "AND total_cents > :least AND :c IS NOT NULL"),
        .parameters = parameters,
        .parameter_count = 2,
    };
    assert_ok(fixture_run(f, query), f->err);
    assert_string_equal(f->text, "order_id\no1");
    factum_slice names[] = {FCT_SLICE("least"), FCT_SLICE("c")};
    query.sql = FCT_SLICE("SELECT order_id FROM order_summary WHERE customer_id = ?2 "
                          "AND total_cents > ?1");
    query.numbered = names;
    query.numbered_count = 2;
    assert_ok(fixture_run(f, query), f->err);
    assert_string_equal(f->text, "order_id\no1");
    query.numbered_count = 1;
    assert_status(fixture_run(f, query), FACTUM_INVALID);
    assert_text(f->err, "a parameter has the form :name, not ?2");
}

TEST(every_kind_of_value_can_be_bound)
{
    struct fixture *f = *state;
    factum_model_parameter parameters[] = {
        {FCT_SLICE("n"), {.kind = FACTUM_VALUE_NULL}},
        {FCT_SLICE("i"), {.kind = FACTUM_VALUE_INTEGER, .integer = INT64_MIN}},
        {FCT_SLICE("r"), {.kind = FACTUM_VALUE_REAL, .real = 0.5}},
        {FCT_SLICE("t"), {.kind = FACTUM_VALUE_TEXT}},
        {FCT_SLICE("b"), {.kind = FACTUM_VALUE_BYTES, .bytes = FCT_SLICE("\0\1")}},
    };
    struct fct_query query = {.sql = FCT_SLICE("SELECT :n, :i, :r, :t, :b, typeof(:t)"),
                              .parameters = parameters,
                              .parameter_count = 5};
    assert_ok(fixture_run(f, query), f->err);
    assert_string_equal(f->text, ":n|:i|:r|:t|:b|typeof(:t)\n"
                                 "NULL|-9223372036854775808|0.5||x0001|text");
}

TEST(wrong_parameters_are_named)
{
    struct fixture *f = *state;
    factum_model_parameter parameters[] = {
        {FCT_SLICE("c"), {.kind = FACTUM_VALUE_TEXT, .bytes = FCT_SLICE("\xff")}},
        {FCT_SLICE("c"), {.kind = FACTUM_VALUE_INTEGER}},
    };
    struct fct_query query = {.sql = FCT_SLICE("SELECT :c, :d"), .parameters = parameters};
    assert_status(fixture_run(f, query), FACTUM_INVALID);
    assert_text(f->err, "the parameter :c is missing");
    query.parameter_count = 1;
    query.sql = FCT_SLICE("SELECT :c");
    assert_status(fixture_run(f, query), FACTUM_INVALID);
    assert_text(f->err, "the parameter :c is a text that is not UTF-8");
    parameters[0].value.kind = (factum_value_kind)9;
    assert_status(fixture_run(f, query), FACTUM_INVALID);
    assert_text(f->err, "the parameter :c is of an unknown kind: 9");
    parameters[0].value.kind = FACTUM_VALUE_NULL;
    query.parameter_count = 2;
    assert_status(fixture_run(f, query), FACTUM_INVALID);
    assert_text(f->err, "the parameter :c is given twice");
    parameters[1].name = FCT_SLICE("e");
    assert_status(fixture_run(f, query), FACTUM_INVALID);
    assert_text(f->err, "the query has no parameter :e");
    assert_refused(f, "SELECT ?", "a parameter has the form :name, not ?");
    assert_refused(f, "SELECT ?3", "a parameter has the form :name, not ?");
    assert_refused(f, "SELECT $a", "a parameter has the form :name, not $a");
    assert_refused(f, "SELECT @a", "a parameter has the form :name, not @a");
}

TEST(a_plan_is_a_row_a_step)
{
    struct fixture *f = *state;
    struct fct_query query = {
        .sql = FCT_SLICE(
            "SELECT * FROM order_summary WHERE customer_id = 'x' UNION "
            "SELECT * FROM order_summary WHERE total_cents IN (SELECT qty FROM sku_sales)"),
        .plan = true,
    };
    assert_ok(fixture_run(f, query), f->err);
    assert_non_null(strstr(f->text, "plan\n"));
    assert_non_null(strstr(f->text, "\n    SEARCH order_summary__v3 USING INDEX "
                                    "order_summary_by_customer__v3 (customer_id=?)\n"));
    query.sql = FCT_SLICE("SELECT *\n FROM nosuch");
    assert_status(fixture_run(f, query), FACTUM_INVALID);
    assert_text(f->err, "no such table: nosuch");
    query.sql = FCT_SLICE("SELECT 1,\n  totl FROM sku_sales");
    assert_status(fixture_run(f, query), FACTUM_INVALID);
    assert_text(f->err, "query:2:3: no such column: totl");
    query.sql = FCT_SLICE("SELECT * FROM factum_parked");
    assert_status(fixture_run(f, query), FACTUM_INVALID);
}

/* ---- what is refused ------------------------------------------------------------------------- */

TEST(only_tables_of_the_model_are_read)
{
    static const char *const names[] = {
        "factum_parked",        "factum_checkpoint",    "sqlite_master",
        "sqlite_schema",        "main.sqlite_schema",   "temp.sqlite_schema",
        "sqlite_temp_schema",   "order_summary__v4",    "dbstat",
        "sqlite_stmt",          "pragma_table_list",    "pragma_table_info('sku_sales')",
        "pragma_database_list", "pragma_function_list", "pragma_compile_options",
    };
    struct fixture *f = *state;
    char sql[256];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        (void)snprintf(sql, sizeof sql, "SELECT * FROM %s", names[i]);
        assert_refused(f, sql,
                       "a query reads only the tables of its model: order_summary, "
                       "sku_sales; not ");
        (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", names[i]);
        assert_refused(f, sql, "reads only the tables of its model");
        (void)snprintf(sql, sizeof sql, "SELECT 1 FROM sku_sales WHERE EXISTS (SELECT 1 FROM %s)",
                       names[i]);
        assert_refused(f, sql, "reads only the tables of its model");
        (void)snprintf(sql, sizeof sql, "WITH c AS (SELECT * FROM %s) SELECT 1 FROM c", names[i]);
        assert_refused(f, sql, "reads only the tables of its model");
    }
    assert_refused(f, "SELECT * FROM sqlite_schema", "not sqlite_schema");
    assert_refused(f, "SELECT * FROM order_summary__v3", "not order_summary__v3");
    assert_refused(f, "SELECT * FROM sneaky", "reads only the tables of its model");
    assert_refused(f, "SELECT count(*) FROM sneaky", "reads only the tables of its model");
    assert_refused(f,
                   "SELECT count(*) FROM factum_parked, (WITH factum_parked AS (SELECT 1) "
                   "SELECT 1 FROM factum_parked)",
                   "not factum_parked");
    assert_refused(f, "SELECT * FROM nosuch",
                   "no such table: nosuch; its model has "
                   "order_summary, sku_sales");
    assert_refused(f, "SELECT * FROM fts5vocab", "no such table");
    assert_refused(f, "SELECT * FROM generate_series(1, 2)", "no such table");
}

TEST(a_cte_named_like_a_view_reads_only_the_tables_of_the_view)
{
    struct fixture *f = *state;
    /* Inside a name like the view's only the view's table can be read: the same rows. */
    assert_answer(f, "WITH sku_sales AS (SELECT sku FROM sku_sales__v3) SELECT sku FROM sku_sales",
                  "sku\nA\nB");
    assert_refused(f, "WITH sku_sales AS (SELECT * FROM order_summary__v4) SELECT * FROM sku_sales",
                   "not order_summary__v4");
    assert_refused(f, "WITH sku_sales AS (SELECT * FROM factum_parked) SELECT * FROM sku_sales",
                   "not factum_parked");
    assert_answer(f, "WITH factum_parked AS (SELECT 1 AS a) SELECT a FROM factum_parked", "a\n1");
}

TEST(only_a_select_is_a_query)
{
    static const char *const others[] = {
        "INSERT INTO sku_sales__v3 VALUES ('C', 1)",
        "UPDATE sku_sales__v3 SET qty = 0",
        "DELETE FROM sku_sales__v3",
        "REPLACE INTO sku_sales__v3 VALUES ('C', 1)",
        "CREATE TABLE x (a)",
        "CREATE TEMP TABLE x (a)",
        "CREATE TEMP VIEW x AS SELECT 1",
        "CREATE VIRTUAL TABLE x USING fts5(a)",
        "DROP TABLE sku_sales__v3",
        "ALTER TABLE x ADD y",
        "PRAGMA query_only = 0",
        "PRAGMA writable_schema = 1",
        "PRAGMA journal_mode = delete",
        "ATTACH '/etc/passwd' AS x",
        "DETACH main",
        "VACUUM",
        "VACUUM INTO '/tmp/x'",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT x",
        "RELEASE x",
        "ANALYZE",
        "REINDEX",
        "EXPLAIN SELECT 1",
        "EXPLAIN QUERY PLAN SELECT 1",
        "'SELECT'",
        "(SELECT 1)",
        "\"SELECT\" 1",
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_refused(f, others[i],
                       "a query is one SELECT, WITH ... SELECT or VALUES, and does "
                       "not begin with ");
    }
    assert_refused(f, " \n  UPDATE x", "query:2:3: a query is one SELECT");
    assert_refused(f, "", "there is no query: write one SELECT");
    assert_refused(f, "  -- nothing\n", "there is no query");
    assert_refused(f, ";", "a query is one SELECT");
    assert_refused(f, "/* open", "query:1:8: a comment has no end: close it with */");
    assert_refused(f, "WITH c AS (SELECT 1) INSERT INTO sku_sales__v3 SELECT 1, 2",
                   "it cannot INSERT");
    assert_refused(f, "WITH c AS (SELECT 1) UPDATE sku_sales__v3 SET qty = 0", "it cannot UPDATE");
    assert_refused(f, "WITH c AS (SELECT 1) DELETE FROM sku_sales__v3", "it cannot DELETE");
    assert_answer(f, "SELECT sku, qty FROM sku_sales", "sku|qty\nA|5\nB|7"); /* as before */
}

TEST(a_query_is_one_statement)
{
    struct fixture *f = *state;
    assert_refused(f, "SELECT 1; SELECT 2",
                   "a query is one statement: another one begins with SELECT");
    assert_refused(f, "SELECT 1; DELETE FROM sku_sales__v3", "another one begins with DELETE");
    assert_refused(f, "SELECT 1; /* open", "after the query: a comment has no end");
    assert_answer(f, "SELECT 1 ;; --@ x\n ; /* end */", "1\n1");
    assert_status(fixture_run(f, (struct fct_query){.sql = FCT_SLICE("SELECT 1\0; DROP")}),
                  FACTUM_INVALID);
    assert_text(f->err, "the text of a query is UTF-8 without zero bytes");
    assert_status(fixture_run(f, (struct fct_query){.sql = FCT_SLICE("SELECT '\xc0'")}),
                  FACTUM_INVALID);
    assert_status(fixture_run(f, (struct fct_query){.sql = {(const uint8_t *)fixture_schema,
                                                            FCT_QUERY_SQL_SIZE_MAX + 1}}),
                  FACTUM_TOO_BIG);
    assert_text(f->err, "a query of 65537 bytes: at most 65536");
}

TEST(only_known_functions_are_called)
{
    static const char *const calls[] = {
        "load_extension('x')",
        "fts3_tokenizer('simple')",
        "sqlite_version()",
        "changes()",
        "last_insert_rowid()",
        "total_changes()",
        "sqlite_compileoption_get(1)",
        "sqlite_log(1, 'x')",
        "json_patch('{}', '{}')",
        "sqlite_offset(sku)",
        "match('a', 'b')",
        "rtreecheck('x')",
        "bm25(sku_sales)",
        "soundex('a')",
    };
    struct fixture *f = *state;
    char sql[256];
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        (void)snprintf(sql, sizeof sql, "SELECT %s FROM sku_sales", calls[i]);
        factum_status status = fixture_ask(f, sql);
        if (status != FACTUM_INVALID) {
            print_error("%s: %s\n", sql, factum_status_name(status));
        }
        assert_int_equal(status, FACTUM_INVALID);
    }
    assert_refused(f, "SELECT load_extension('x')",
                   "a query cannot call the function load_extension");
    assert_refused(f, "SELECT json_patch('{}', '{}')", "the function json_patch: use json_set");
    assert_refused(f, "SELECT 'a' MATCH 'b'", "");
    assert_refused(f, "SELECT 'a' REGEXP 'b'", "");
    assert_refused(f, "SELECT nosuch(1)", "query:1:8: no such function: nosuch");
    assert_answer(f,
                  "SELECT Upper('a'), 'b' LIKE 'B', abs(-1), date('2026-01-31', '+1 month') AS d",
                  "Upper('a')|'b' LIKE 'B'|abs(-1)|d\nA|1|1|2026-03-03");
}

TEST(errors_of_sql_have_a_place)
{
    struct fixture *f = *state;
    assert_refused(f, "SELECT order_id,\n       totl FROM order_summary",
                   "query:2:8: no such column: totl");
    assert_refused(f, "SELECT 1 FRM x y", "query:1:");
    assert_refused(f, "SELECT \"text\"", "no such column: text");
    assert_refused(f, "SELECT 'x", "query:1:8:");
    assert_status(fixture_ask(f, "SELECT abs(-9223372036854775807 - 1)"), FACTUM_INVALID);
    assert_text(f->err, "integer overflow");
    assert_status(fixture_ask(f, "SELECT json('{')"), FACTUM_INVALID);
    assert_text(f->err, "malformed JSON");
    assert_status(fixture_ask(f, "SELECT 1 LIKE 'a' ESCAPE 'xx'"), FACTUM_INVALID);
    assert_text(f->err, "ESCAPE expression must be a single character");
}

/* ---- limits, snapshots, files ---------------------------------------------------------------- */

TEST(more_rows_than_allowed_are_an_error)
{
    struct fixture *f = *state;
    struct fct_query query = {.sql = FCT_SLICE("SELECT sku FROM sku_sales"), .rows_max = 2};
    assert_ok(fixture_run(f, query), f->err);
    query.rows_max = 1;
    assert_status(fixture_run(f, query), FACTUM_TOO_BIG);
    assert_text(f->err, "the answer has more than 1 row: add a LIMIT, or allow it more");
    assert_string_equal(f->text, "sku\nA");
    query.sql = FCT_SLICE("WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) "
                          "SELECT i FROM n");
    query.rows_max = 0;
    assert_status(fixture_run(f, query), FACTUM_TOO_BIG);
    assert_int_equal(f->row_count, FCT_QUERY_ROWS_MAX);
}

static bool stop_after(void *data)
{
    int *left = data;
    return --*left < 0;
}

TEST(a_reader_or_a_caller_can_end_it)
{
    struct fixture *f = *state;
    f->rows_wanted = 1;
    assert_status(fixture_ask(f, "SELECT sku FROM sku_sales"), FACTUM_CANCELLED);
    assert_string_equal(f->text, "sku\nA");
    f->rows_wanted = 0;
    int left = 100;
    struct fct_query query = {
        .sql = FCT_SLICE("WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) "
                         "SELECT max(i) FROM n"),
        .stopped = stop_after,
        .stopped_data = &left,
    };
    assert_status(fixture_run(f, query), FACTUM_CANCELLED);
    assert_text(f->err, "the query was cancelled");
}

/* Reads the checkpoint; then another connection writes. */
struct snapshot {
    struct fixture *f;
    int64_t position;
    factum_status status;
};

static factum_status read_snapshot(void *data, sqlite3 *db, factum_error *err)
{
    struct snapshot *snapshot = data;
    sqlite3_stmt *statement = NULL;
    (void)err;
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT position FROM factum_checkpoint", -1, &statement, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    snapshot->position = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    fixture_execute(snapshot->f->path, "UPDATE factum_checkpoint SET position = position + 1;"
                                       "UPDATE sku_sales__v3 SET qty = qty + 1");
    if (snapshot->status != FACTUM_OK) {
        *err = (factum_error){.status = snapshot->status, .text = "no checkpoint"};
    }
    return snapshot->status;
}

TEST(checkpoint_and_rows_are_of_one_moment)
{
    struct fixture *f = *state;
    struct snapshot snapshot = {.f = f};
    struct fct_query query = {.sql = FCT_SLICE("SELECT qty FROM sku_sales WHERE sku = 'A'"),
                              .snapshot = {&snapshot, read_snapshot}};
    assert_ok(fixture_run(f, query), f->err);
    assert_string_equal(f->text, "qty\n5");
    assert_int_equal(snapshot.position, 42);
    assert_ok(fixture_run(f, query), f->err);
    assert_string_equal(f->text, "qty\n6");
    assert_int_equal(snapshot.position, 43);
    snapshot.status = FACTUM_CORRUPT;
    assert_status(fixture_run(f, query), FACTUM_CORRUPT);
    assert_string_equal(f->text, "");
    snapshot.status = FACTUM_OK;
}

TEST(a_swap_shows_in_the_next_query)
{
    struct fixture *f = *state;
    assert_answer(f, "SELECT count(*) FROM order_summary", "count(*)\n3");
    fixture_execute(f->path, "BEGIN; DROP VIEW order_summary;"
                             "CREATE VIEW order_summary AS SELECT * FROM order_summary__v4;"
                             "DROP TABLE order_summary__v3; COMMIT");
    assert_refused(f, "SELECT * FROM order_summary", "not order_summary__v4"); /* an old list */
    f->tables[0].over = FCT_SLICE("order_summary__v4");
    assert_answer(f, "SELECT * FROM order_summary", "order_id|customer_id");
    assert_refused(f, "SELECT tracking FROM order_summary", "no such column: tracking");
}

TEST(unusable_files_are_reported)
{
    struct fixture *f = *state;
    struct fct_query_gate *gate = f->gate;
    struct fct_query_gate_options options = {
        .os = fct_os_real(), .mem = &f->fault.mem, .path = "/nonexistent/m.db"};
    assert_status(fct_query_gate_open(&options, &gate, &f->err), FACTUM_NOT_FOUND);
    assert_text(f->err, "the read model has no file /nonexistent/m.db");
    assert_null(gate);
    char path[SCRATCH_SIZE + 16];
    (void)snprintf(path, sizeof path, "%s/n.db", f->dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(
        fputs("this is no database, but a text that is long enough to have a header .......",
              file) >= 0);
    assert_int_equal(fclose(file), 0);
    options.path = path;
    assert_status(fct_query_gate_open(&options, &gate, &f->err), FACTUM_CORRUPT);
    assert_null(gate);
    f->fault.fail_at = f->fault.calls;
    options.path = f->path;
    assert_status(fct_query_gate_open(&options, &gate, &f->err), FACTUM_NO_MEMORY);
    f->fault.fail_at = f->fault.calls;
    assert_status(fixture_ask(f, "SELECT 1"), FACTUM_NO_MEMORY);
    assert_answer(f, "SELECT 1", "1\n1");
}

TEST(a_database_in_memory_can_be_queried)
{
    struct fixture *f = *state;
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                                     fct_query_files_vfs()),
                     SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, fixture_schema, NULL, NULL, NULL), SQLITE_OK);
    struct fct_query_gate_options options = {.os = fct_os_real(), .mem = &f->fault.mem, .db = db};
    fct_query_gate_close(f->gate);
    assert_ok(fct_query_gate_open(&options, &f->gate, &f->err), f->err);
    assert_answer(f, "SELECT sum(qty) FROM sku_sales", "sum(qty)\n12");
    assert_refused(f, "WITH c AS (SELECT 1) DELETE FROM sku_sales__v3", "it cannot DELETE");
    assert_refused(f, "SELECT * FROM factum_parked", "not factum_parked");
}

/* A thread whose queries need too much memory. */
struct glutton {
    struct fct_query_gate *gate;
    factum_status status;
    int rounds;
};

static bool ignore_columns(void *data, const factum_slice *names, size_t count)
{
    (void)data;
    (void)names;
    return count > 0;
}

static bool ignore_row(void *data, const factum_value *values, size_t count)
{
    (void)data;
    (void)values;
    return count > 0;
}

static void be_glutton(void *data)
{
    struct glutton *glutton = data;
    const factum_rows rows = {.columns = ignore_columns, .row = ignore_row};
    struct fct_query query = {
        .sql = FCT_SLICE("WITH RECURSIVE n(i) AS (VALUES (1) UNION SELECT random() FROM n) "
                         "SELECT count(*) FROM n"),
        .time_ms_max = 60000,
        .memory_max = UINT64_C(4) << 20,
    };
    glutton->status = FACTUM_TOO_BIG;
    for (int i = 0; i < glutton->rounds && glutton->status == FACTUM_TOO_BIG; i++) {
        uint64_t row_count = 0;
        factum_error err;
        glutton->status = fct_query_gate_run(glutton->gate, &query, &rows, &row_count, &err);
    }
}

TEST(memory_of_one_query_is_not_that_of_another)
{
    struct fixture *f = *state;
    struct glutton gluttons[2] = {{.rounds = 5}, {.rounds = 5}};
    struct fct_thread threads[2] = {{.started = false}, {.started = false}};
    struct fct_query_gate_options options = {
        .os = fct_os_real(), .mem = &f->fault.mem, .path = f->path};
    for (int i = 0; i < 2; i++) {
        assert_ok(fct_query_gate_open(&options, &gluttons[i].gate, &f->err), f->err);
        assert_ok(fct_thread_start(&threads[i], "glutton", be_glutton, &gluttons[i], &f->err),
                  f->err);
    }
    for (int i = 0; i < 500; i++) {
        assert_answer(f, "SELECT sum(qty) FROM sku_sales", "sum(qty)\n12");
        assert_true(fct_query_gate_memory(f->gate) < UINT64_C(1) << 20);
    }
    for (int i = 0; i < 2; i++) {
        fct_thread_join(&threads[i]);
        assert_int_equal(gluttons[i].status, FACTUM_TOO_BIG);
        fct_query_gate_close(gluttons[i].gate);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_query_gives_columns_and_rows),
        FIXTURE_CASE(a_query_may_use_subqueries_and_json),
        FIXTURE_CASE(parameters_are_bound_by_name),
        FIXTURE_CASE(every_kind_of_value_can_be_bound),
        FIXTURE_CASE(wrong_parameters_are_named),
        FIXTURE_CASE(a_plan_is_a_row_a_step),
        FIXTURE_CASE(only_tables_of_the_model_are_read),
        FIXTURE_CASE(a_cte_named_like_a_view_reads_only_the_tables_of_the_view),
        FIXTURE_CASE(only_a_select_is_a_query),
        FIXTURE_CASE(a_query_is_one_statement),
        FIXTURE_CASE(only_known_functions_are_called),
        FIXTURE_CASE(errors_of_sql_have_a_place),
        FIXTURE_CASE(more_rows_than_allowed_are_an_error),
        FIXTURE_CASE(a_reader_or_a_caller_can_end_it),
        FIXTURE_CASE(checkpoint_and_rows_are_of_one_moment),
        FIXTURE_CASE(a_swap_shows_in_the_next_query),
        FIXTURE_CASE(unusable_files_are_reported),
        FIXTURE_CASE(a_database_in_memory_can_be_queried),
        FIXTURE_CASE(memory_of_one_query_is_not_that_of_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
