/* model_diff_test.c - which rows differ between two builds, in memory that does not grow with them.
 * Layer: projection. */
#include "projection/model_diff.h"

#include <inttypes.h>

#include "projection/model_table.h"
#include "support/model_fixture.h"

#define MANY_ROWS 1000000
#define MEMORY_MAX ((int64_t)16 << 20)

struct reported {
    size_t count;
    size_t end_at; /* false at this call; 0: never */
    char text[2048];
};

static void print_value(char *text, size_t size, const factum_value *value)
{
    switch (value->kind) {
    case FACTUM_VALUE_NULL:
        (void)snprintf(text, size, "null");
        break;
    case FACTUM_VALUE_INTEGER:
        (void)snprintf(text, size, "%" PRId64, value->integer);
        break;
    case FACTUM_VALUE_REAL:
        (void)snprintf(text, size, "%g", value->real);
        break;
    case FACTUM_VALUE_TEXT:
    case FACTUM_VALUE_BYTES:
        (void)snprintf(text, size, "'%.*s'", (int)value->bytes.len, (const char *)value->bytes.ptr);
        break;
    }
}

static void add_row(struct reported *reported, const factum_value *values, size_t count)
{
    for (size_t i = 0; values != NULL && i < count; i++) {
        char value[64];
        print_value(value, sizeof value, &values[i]);
        size_t len = strlen(reported->text);
        (void)snprintf(reported->text + len, sizeof reported->text - len, " %s", value);
    }
}

/* "+t a b" is an added row, "-t a b" a removed one, "~t a b > a c" a changed one. */
static bool note(void *data, factum_slice table, factum_row_change kind,
                 const factum_slice *columns, size_t count, const factum_value *before,
                 const factum_value *after)
{
    static const char marks[] = "?+-~";
    struct reported *reported = data;
    size_t len = strlen(reported->text);
    assert_true((before != NULL) == (kind != FACTUM_ROW_ADDED));
    assert_true((after != NULL) == (kind != FACTUM_ROW_REMOVED));
    assert_true(columns[0].len > 0);
    (void)snprintf(reported->text + len, sizeof reported->text - len, "%s%c%.*s",
                   reported->count > 0 ? ", " : "", marks[kind], (int)table.len,
                   (const char *)table.ptr);
    add_row(reported, before, count);
    if (kind == FACTUM_ROW_CHANGED) {
        len = strlen(reported->text);
        (void)snprintf(reported->text + len, sizeof reported->text - len, " >");
    }
    add_row(reported, after, count);
    return ++reported->count != reported->end_at;
}

static void make(struct model_fixture *f, struct fct_build build, const char *first,
                 const char *second)
{
    struct model_definition made;
    model_begin(&made, "orders");
    if (first != NULL) {
        model_relation(&made, first);
    }
    if (second != NULL) {
        model_relation(&made, second);
    }
    assert_ok(fct_model_build_create(f->file, &made.definition, build, &f->err), f->err);
}

static factum_status diff(struct model_fixture *f, struct reported *reported, uint64_t max,
                          uint64_t *total)
{
    const factum_changes changes = {reported, note};
    const struct fct_model_diff run = {
        .before = model_v1, .after = model_v2, .changes_max = max, .changes = &changes};
    f->err = (factum_error){.status = FACTUM_OK};
    return fct_model_diff_run(f->file, &run, total, &f->err);
}

static void assert_diff(struct model_fixture *f, const char *wanted)
{
    struct reported reported = {0};
    uint64_t total = 99;
    assert_ok(diff(f, &reported, 0, &total), f->err);
    assert_string_equal(reported.text, wanted);
    assert_int_equal(total, reported.count);
    assert_true(sqlite3_get_autocommit(f->file->db) != 0);
}

static const char orders[] = "CREATE TABLE {{orders}} (id TEXT PRIMARY KEY, total BIGINT)";

TEST(rows_are_matched_by_their_key)
{
    struct model_fixture *f = *state;
    make(f, model_v1, orders, NULL);
    make(f, model_v2, orders, NULL);
    assert_diff(f, "");
    model_exec(f->file->db, "INSERT INTO orders__v1 VALUES ('b', 1), ('a', 1), ('c', 3), ('e', 5)");
    assert_diff(f, "-orders 'a' 1, -orders 'b' 1, -orders 'c' 3, -orders 'e' 5");
    model_exec(f->file->db, "INSERT INTO orders__v2 VALUES ('c', 3), ('b', 2), ('d', 4), ('f', 6)");
    assert_diff(f, "-orders 'a' 1, ~orders 'b' 1 > 'b' 2, +orders 'd' 4, -orders 'e' 5, "
                   "+orders 'f' 6");
}

TEST(keys_of_several_columns_and_kinds_keep_their_order)
{
    struct model_fixture *f = *state;
    static const char table[] = "CREATE TABLE {{t}} (v, b, a, PRIMARY KEY (a, b)) WITHOUT ROWID";
    make(f, model_v1, table, NULL);
    make(f, model_v2, table, NULL);
    model_exec(f->file->db, "INSERT INTO t__v1 VALUES (1, 'x', 2), (1, 'x', 'two'), (1, 'x', 2.5),"
                            " (1, 'x', 9007199254740993), (1, 'x', x'00'), (1, 'a', 2);"
                            "INSERT INTO t__v2 VALUES (1, 'x', 2.0), (2, 'x', 'two'), (1, 'x', 3),"
                            " (1, 'x', 9007199254740992.0), (1, 'x', x'0000')");
    assert_diff(f, "-t 1 'a' 2, -t 1 'x' 2.5, +t 1 'x' 3, +t 1 'x' 9.0072e+15,"
                   " -t 1 'x' 9007199254740993, ~t 1 'x' 'two' > 2 'x' 'two', -t 1 'x' '',"
                   " +t 1 'x' ''");
}

TEST(a_table_without_a_key_is_a_multiset)
{
    struct model_fixture *f = *state;
    static const char table[] = "CREATE TABLE {{lines}} (sku TEXT, qty BIGINT)";
    make(f, model_v1, table, NULL);
    make(f, model_v2, table, NULL);
    model_exec(f->file->db,
               "INSERT INTO lines__v1 VALUES ('a', 1), ('b', 2), ('a', 1), (NULL, 3), ('a', 1);"
               "INSERT INTO lines__v2 VALUES ('b', 2), ('a', 1), ('b', 2), (NULL, 3), ('b', 5)");
    assert_diff(f, "-lines 'a' 1, -lines 'a' 1, +lines 'b' 2, +lines 'b' 5");
}

TEST(columns_and_tables_of_one_build_alone)
{
    struct model_fixture *f = *state;
    make(f, model_v1, "CREATE TABLE {{orders}} (gone, id TEXT PRIMARY KEY, \"a \"\"b\" BIGINT)",
         "CREATE TABLE {{old}} (x)");
    make(f, model_v2, "CREATE TABLE {{orders}} (id TEXT PRIMARY KEY, \"a \"\"b\" BIGINT, new)",
         "CREATE TABLE {{young}} (k INTEGER PRIMARY KEY, g AS (k * 2))");
    model_exec(f->file->db, "INSERT INTO orders__v1 VALUES ('g', 'i', 1), (NULL, 'j', 2);"
                            "INSERT INTO orders__v2 VALUES ('i', 1, 'n'), ('j', 2, NULL);"
                            "INSERT INTO old__v1 VALUES (7); INSERT INTO young__v2 VALUES (8)");
    assert_diff(f, "~orders 'i' 1 null 'g' > 'i' 1 'n' null, +young 8 16, -old 7");
}

TEST(keys_that_differ_compare_whole_rows)
{
    struct model_fixture *f = *state;
    make(f, model_v1, orders, NULL);
    make(f, model_v2, "CREATE TABLE {{orders}} (id TEXT, total BIGINT PRIMARY KEY)", NULL);
    model_exec(f->file->db, "INSERT INTO orders__v1 VALUES ('a', 1), ('b', 2);"
                            "INSERT INTO orders__v2 VALUES ('b', 2), ('a', 3)");
    assert_diff(f, "-orders 'a' 1, +orders 'a' 3");
}

TEST(more_than_the_limit_is_counted_only)
{
    struct model_fixture *f = *state;
    struct reported reported = {0};
    uint64_t total = 0;
    make(f, model_v1, orders, NULL);
    make(f, model_v2, orders, NULL);
    model_exec(f->file->db, "INSERT INTO orders__v2 VALUES ('a', 1), ('b', 1), ('c', 1), ('d', 1)");
    assert_ok(diff(f, &reported, 2, &total), f->err);
    assert_int_equal(reported.count, 2);
    assert_int_equal(total, 4);
    reported = (struct reported){.end_at = 3};
    total = 99;
    assert_status(diff(f, &reported, 0, &total), FACTUM_CANCELLED);
    assert_int_equal(reported.count, 3);
    assert_int_equal(total, 99);
    assert_true(sqlite3_get_autocommit(f->file->db) != 0);
    assert_ok(fct_model_build_drop(f->file, model_v1, &f->err), f->err);
    assert_status(diff(f, &reported, 0, NULL), FACTUM_NOT_FOUND);
    assert_text(f->err, "there is no build orders__v1");
}

struct steps {
    uint64_t calls;
    uint64_t done;
    uint64_t end_at;
};

static bool count_steps(void *data, uint64_t done, uint64_t total)
{
    struct steps *steps = data;
    assert_int_equal(total, 0);
    assert_true(done >= steps->done);
    steps->done = done;
    return ++steps->calls != steps->end_at;
}

TEST(a_million_rows_are_a_stream)
{
    struct model_fixture *f = *state;
    struct steps steps = {0};
    struct reported reported = {0};
    const factum_changes changes = {&reported, note};
    const factum_progress progress = {&steps, count_steps};
    struct fct_model_diff run = {
        .before = model_v1, .after = model_v2, .changes = &changes, .progress = &progress};
    uint64_t total = 0;
    make(f, model_v1, "CREATE TABLE {{t}} (id TEXT PRIMARY KEY, n) WITHOUT ROWID",
         "CREATE TABLE {{m}} (n, text)");
    make(f, model_v2, "CREATE TABLE {{t}} (id TEXT PRIMARY KEY, n) WITHOUT ROWID",
         "CREATE TABLE {{m}} (n, text)");
    char sql[400];
    (void)snprintf(sql, sizeof sql,
                   "PRAGMA synchronous=OFF; WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT"
                   " i + 1 FROM n WHERE i < %d) INSERT INTO t__v1 SELECT printf('%%08d', i), i"
                   " FROM n; INSERT INTO t__v2 SELECT * FROM t__v1; INSERT INTO m__v1 SELECT"
                   " n, id FROM t__v1 WHERE n %% 5 = 0; INSERT INTO m__v2 SELECT * FROM m__v1;",
                   MANY_ROWS);
    model_exec(f->file->db, sql);
    model_exec(f->file->db,
               "UPDATE t__v2 SET n = 0 WHERE id = '00500000';"
               "DELETE FROM t__v2 WHERE id = '01000000'; DELETE FROM m__v1 WHERE n = 5");
    struct fct_model_file_options options = model_options(f->dir, false);
    struct fct_model_file *reader;
    fct_model_file_close(f->file); /* with its cache */
    f->file = NULL;
    assert_ok(fct_model_file_open(&options, &reader, &f->err), f->err);
    (void)sqlite3_memory_highwater(1);
    assert_ok(fct_model_diff_run(reader, &run, &total, &f->err), f->err);
    assert_true(sqlite3_memory_highwater(0) < MEMORY_MAX);
    assert_string_equal(reported.text, "+m 5 '00000005', ~t '00500000' 500000 > '00500000' 0,"
                                       " -t '01000000' 1000000");
    assert_int_equal(total, 3);
    assert_true(steps.calls > 10);
    assert_true(steps.done > MANY_ROWS);
    steps = (struct steps){.end_at = 3};
    assert_status(fct_model_diff_run(reader, &run, &total, &f->err), FACTUM_CANCELLED);
    assert_int_equal(steps.calls, 3);
    fct_model_file_close(reader);
}

TEST(values_are_compared_exactly)
{
    const factum_value rising[] = {
        {.kind = FACTUM_VALUE_NULL},
        {.kind = FACTUM_VALUE_REAL, .real = -1e300},
        {.kind = FACTUM_VALUE_INTEGER, .integer = INT64_MIN},
        {.kind = FACTUM_VALUE_REAL, .real = -0.5},
        {.kind = FACTUM_VALUE_INTEGER, .integer = 0},
        {.kind = FACTUM_VALUE_REAL, .real = 0.5},
        {.kind = FACTUM_VALUE_INTEGER, .integer = 9007199254740993},
        {.kind = FACTUM_VALUE_INTEGER, .integer = INT64_MAX},
        {.kind = FACTUM_VALUE_REAL, .real = 9223372036854775808.0},
        {.kind = FACTUM_VALUE_TEXT},
        {.kind = FACTUM_VALUE_TEXT, .bytes = FCT_SLICE("a")},
        {.kind = FACTUM_VALUE_TEXT, .bytes = FCT_SLICE("ab")},
        {.kind = FACTUM_VALUE_BYTES},
        {.kind = FACTUM_VALUE_BYTES, .bytes = FCT_SLICE("a")},
    };
    for (size_t i = 0; i < sizeof rising / sizeof *rising; i++) {
        for (size_t k = 0; k < sizeof rising / sizeof *rising; k++) {
            int order = fct_value_compare(&rising[i], &rising[k]);
            assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
        }
    }
    const factum_value one = {.kind = FACTUM_VALUE_INTEGER, .integer = 1};
    const factum_value real = {.kind = FACTUM_VALUE_REAL, .real = 1.0};
    assert_int_equal(fct_value_compare(&one, &real), 0);
    assert_int_equal(fct_value_compare(&real, &one), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MODEL_CASE(rows_are_matched_by_their_key),
        MODEL_CASE(keys_of_several_columns_and_kinds_keep_their_order),
        MODEL_CASE(a_table_without_a_key_is_a_multiset),
        MODEL_CASE(columns_and_tables_of_one_build_alone),
        MODEL_CASE(keys_that_differ_compare_whole_rows),
        MODEL_CASE(more_than_the_limit_is_counted_only),
        MODEL_CASE(a_million_rows_are_a_stream),
        MODEL_CASE(values_are_compared_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
