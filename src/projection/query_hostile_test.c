/* query_hostile_test.c - queries that try to hang or to fill the memory: each ends soon after its
 * time, within its memory, and the next query is answered. Layer: projection. */
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "support/query_fixture.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOWER 10 /* with sanitizers; the time then shows nothing about the real one */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLOWER 10 /* with sanitizers; the time then shows nothing about the real one */
#endif
#endif
#ifndef SLOWER
#define SLOWER 1
#endif

#define TIME_MS_MAX UINT64_C(30)
#define OVER_MS_MAX (UINT64_C(300) * SLOWER)
#define MEMORY_MAX (UINT64_C(64) << 20)
#define MEMORY_OVER (UINT64_C(1) << 20) /* what SQLite rounds up */
#define TABLE_ROWS 300000

/* A text of |n| letters; a table of many rows; numbers without end. */
#define TEXT(n) "replace(hex(zeroblob(" n ")), '00', 'ab')"
#define LONG TEXT("1000000")
#define ENDLESS "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) "

static struct fixture fixture;
static factum_error said; /* of the last hostile query */
static uint64_t longest_over_ms;
static char longest_sql[128];

/* The processor time of the thread, also for the gate: other users of the processor do not change
 * it. */
static uint64_t cpu_ns(const struct fct_os *os)
{
    struct timespec time;
    (void)os;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static uint64_t cpu_ms(void)
{
    return cpu_ns(NULL) / 1000000;
}

static int set_up(void **state)
{
    (void)state;
    static struct fct_os_ops ops;
    static struct fct_os os;
    char sql[512];
    ops = *fct_os_real()->ops;
    ops.monotonic_now = cpu_ns;
    os = (struct fct_os){.ops = &ops, .data = fct_os_real()->data};
    fixture_open(&fixture, &os);
    (void)snprintf(sql, sizeof sql,
                   ENDLESS
                   "INSERT INTO sku_sales__v3 SELECT 's' || i, (i * 7919) %% 100003 FROM n "
                   "LIMIT %d; "
                   "INSERT INTO order_summary__v3 SELECT sku, 'c' || (qty %% 100), qty, sku "
                   "FROM sku_sales__v3 LIMIT 20000",
                   TABLE_ROWS);
    fixture_execute(fixture.path, sql);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

static factum_status run_hostile(const char *sql)
{
    struct fct_query query = {
        .sql = factum_slice_from(sql), .time_ms_max = TIME_MS_MAX, .memory_max = MEMORY_MAX};
    uint64_t start = cpu_ms();
    factum_status status = fixture_run(&fixture, query);
    said = fixture.err;
    uint64_t took = cpu_ms() - start;
    uint64_t over = took > TIME_MS_MAX ? took - TIME_MS_MAX : 0;
    if (over > longest_over_ms) {
        longest_over_ms = over;
        (void)snprintf(longest_sql, sizeof longest_sql, "%s", sql);
    }
    if (getenv("QUERY_HOSTILE_VERBOSE") != NULL) {
        print_message("%4llu ms %5llu KiB %-9s %.100s | %.90s\n", (unsigned long long)took,
                      (unsigned long long)(fct_query_gate_memory(fixture.gate) >> 10),
                      factum_status_name(status), sql, fixture.err.text);
    }
    if (over > OVER_MS_MAX || fct_query_gate_memory(fixture.gate) > MEMORY_MAX + MEMORY_OVER) {
        print_error("%s\ntook %llu ms, %llu bytes\n", sql, (unsigned long long)took,
                    (unsigned long long)fct_query_gate_memory(fixture.gate));
        fail();
    }
    assert_ok(fixture_ask(&fixture, "SELECT qty FROM sku_sales WHERE sku = 'A'"), fixture.err);
    assert_string_equal(fixture.text, "qty\n5");
    return status;
}

static void assert_ends(const char *sql, factum_status wanted)
{
    factum_status status = run_hostile(sql);
    if (status != wanted) {
        print_error("%s\n%s, not %s: %s\n", sql, factum_status_name(status),
                    factum_status_name(wanted), said.text);
        fail();
    }
}

/* The query ends by a limit, whichever comes first, or with an answer. */
static void assert_bounded(const char *sql)
{
    factum_status status = run_hostile(sql);
    if (status != FACTUM_EXPIRED && status != FACTUM_TOO_BIG && status != FACTUM_OK &&
        status != FACTUM_INVALID) {
        print_error("%s\n%s: %s\n", sql, factum_status_name(status), said.text);
        fail();
    }
}

TEST(endless_work_expires)
{
    static const char *const queries[] = {
        ENDLESS "SELECT max(i) FROM n",
        ENDLESS "SELECT i FROM n WHERE i < 0",
        ENDLESS "SELECT (SELECT count(*) FROM n)",
        "SELECT count(*) FROM sku_sales a, sku_sales b",
        "SELECT sum(a.qty + b.qty) FROM sku_sales a, sku_sales b, sku_sales c",
        "SELECT max(a.sku || b.sku) FROM sku_sales a, sku_sales b",
        "SELECT count(*) FROM sku_sales a JOIN sku_sales b ON a.qty + b.qty = -1",
        "SELECT count(*) FROM order_summary WHERE total_cents IN "
        "(SELECT a.qty + b.qty FROM sku_sales a, order_summary o, sku_sales b WHERE o.tracking = "
        "a.sku)",
        "SELECT count(*) FROM json_each('[1,2,3,4,5,6,7,8,9]') a, json_each('[1,2,3,4,5,6,7,8]') b,"
        " sku_sales, sku_sales c",
        "SELECT sum(x) FROM (SELECT sum(a.total_cents) OVER (ORDER BY a.total_cents ROWS BETWEEN "
        "UNBOUNDED PRECEDING "
        "AND UNBOUNDED FOLLOWING EXCLUDE TIES) x FROM order_summary a, order_summary b)",
        ENDLESS "SELECT 1 FROM n WHERE i = (SELECT count(*) FROM sku_sales a, sku_sales b)",
    };
    (void)state;
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        assert_ends(queries[i], FACTUM_EXPIRED);
        assert_text(said,
                    "the query takes longer than 30 ms: let it read less, or give it more time");
    }
}

TEST(long_functions_expire)
{
    static const char *const queries[] = {
        "SELECT instr(" LONG ", " TEXT("400000") " || 'c')",
        "SELECT instr(CAST(" LONG " AS BLOB), CAST(" TEXT("400000") " || 'c' AS BLOB))",
        "SELECT length(replace(" LONG ", " TEXT("400000") " || 'c', ''))",
        "SELECT " LONG " LIKE '%' || " TEXT("400000") " || 'c%'",
        "SELECT " LONG " LIKE '%' || " TEXT("400000") " || 'c%' ESCAPE '!'",
        "SELECT " LONG " GLOB '*' || " TEXT("400000") " || 'c*'",
        "SELECT " LONG " GLOB '*' || replace(hex(zeroblob(300000)), '00', '[a-b]') || 'c'",
        "SELECT length(trim(replace(" LONG
        ", 'b', 'a'), replace(hex(zeroblob(1000000)), '0', 'b') || 'a'))",
        "SELECT length(rtrim(" LONG ", replace(hex(zeroblob(900000)), '0', 'c') || 'ab'))",
        "SELECT length(ltrim(" LONG ", replace(hex(zeroblob(900000)), '0', 'c') || 'ab'))",
        "SELECT length(printf(replace(hex(zeroblob(500000)), '00', '%.900g'), 1.0))",
        "SELECT length(format(replace(hex(zeroblob(900000)), '00', '%.0s'), 1.0))",
    };
    (void)state;
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        assert_bounded(queries[i]);
    }
    assert_ends(queries[0], FACTUM_EXPIRED);
    assert_text(said, "the query takes longer than 30 ms");
    assert_ends("SELECT printf('%1001d', 1)", FACTUM_INVALID);
    assert_text(said, "a width or a precision of printf is at most 1000");
    assert_ends("SELECT printf('%.*f', 2147483647, 1.0)", FACTUM_INVALID);
    assert_ends("SELECT printf('%*d', -2147483648, 1)", FACTUM_INVALID);
}

TEST(memory_is_bounded)
{
    static const char *const queries[] = {
        "SELECT zeroblob(1000000000)",
        "SELECT randomblob(1000000000)",
        "SELECT hex(zeroblob(4000000))",
        "SELECT printf('%1000000000d', 1)",
        "SELECT group_concat(a.sku) FROM sku_sales a, sku_sales b",
        "SELECT json_group_array(a.sku) FROM sku_sales a, sku_sales b",
        "SELECT json_group_object(a.sku, b.sku) FROM sku_sales a, sku_sales b",
        ENDLESS
        ", x AS (SELECT randomblob(1000000) b FROM n LIMIT 1000) SELECT count(b) FROM x ORDER BY b",
        ENDLESS "SELECT i, randomblob(1000) r FROM n ORDER BY r",
        ENDLESS "SELECT DISTINCT randomblob(100) r FROM n",
        ENDLESS "SELECT count(*) FROM (SELECT i FROM n UNION SELECT -i FROM n)",
        ENDLESS "SELECT randomblob(1000) r, count(*) FROM n GROUP BY r",
        "WITH RECURSIVE n(i) AS (VALUES (randomblob(1000)) UNION SELECT randomblob(1000) FROM n) "
        "SELECT count(*) FROM n",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n, (VALUES (1), (2), (3))) "
        "SELECT count(*) FROM n",
        "WITH RECURSIVE s(x) AS (VALUES ('a') UNION ALL SELECT x || x FROM s) SELECT x FROM s",
        ENDLESS "SELECT sum(r) OVER (ORDER BY r) FROM (SELECT random() r FROM n)",
        ENDLESS "SELECT i IN (SELECT random() FROM n) FROM n",
        "SELECT hex(randomblob(1900000)), hex(randomblob(1900000)), hex(randomblob(1900000)),"
        " hex(randomblob(1900000)), hex(randomblob(1900000)), hex(randomblob(1900000)),"
        " hex(randomblob(1900000)), hex(randomblob(1900000)), hex(randomblob(1900000)),"
        " hex(randomblob(1900000)), hex(randomblob(1900000)), hex(randomblob(1900000)),"
        " hex(randomblob(1900000)), hex(randomblob(1900000)), hex(randomblob(1900000)),"
        " hex(randomblob(1900000)), hex(randomblob(1900000)), hex(randomblob(1900000))",
        "SELECT min(a.sku || b.sku), max(zeroblob(4000000) || a.sku) FROM sku_sales a, sku_sales b",
    };
    (void)state;
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        assert_bounded(queries[i]);
    }
    assert_ends("SELECT zeroblob(1000000000)", FACTUM_TOO_BIG);
    assert_text(said, "a text, a BLOB or a row has more than 4194304 bytes");
}

/* With much time and little memory, the memory ends them. */
TEST(queries_that_collect_rows_end_by_the_memory_limit)
{
    static const char *const queries[] = {
        ENDLESS "SELECT i, randomblob(1000) r FROM n ORDER BY r",
        ENDLESS "SELECT DISTINCT randomblob(100) r FROM n",
        ENDLESS "SELECT count(*) FROM (SELECT i FROM n UNION SELECT -i FROM n)",
        ENDLESS "SELECT randomblob(1000) r, count(*) FROM n GROUP BY r",
        "WITH RECURSIVE n(i) AS (VALUES (randomblob(1000)) UNION SELECT randomblob(1000) FROM n) "
        "SELECT count(*) FROM n",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n, (VALUES (1), (2), (3))) "
        "SELECT count(*) FROM n",
        ENDLESS "SELECT sum(r) OVER (ORDER BY r) FROM (SELECT random() r FROM n)",
        "SELECT count(*) FROM (SELECT DISTINCT hex(randomblob(50)) FROM sku_sales)",
    };
    (void)state;
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        struct fct_query query = {.sql = factum_slice_from(queries[i]),
                                  .time_ms_max = 60000,
                                  .rows_max = UINT64_MAX,
                                  .memory_max = UINT64_C(8) << 20};
        if (fixture_run(&fixture, query) != FACTUM_TOO_BIG) {
            print_error("%s: %s\n", queries[i], fixture.err.text);
            fail();
        }
        assert_text(fixture.err, "the query needs more than 8192 KiB of memory: let it");
        assert_true(fct_query_gate_memory(fixture.gate) <= query.memory_max + MEMORY_OVER);
    }
}

TEST(sorts_end_in_time)
{
    static const char *const queries[] = {
        "SELECT sku FROM sku_sales ORDER BY qty, sku DESC LIMIT -1 OFFSET 1000000",
        "SELECT a.qty FROM sku_sales a, (VALUES (1), (2), (3), (4), (5)) ORDER BY 1 DESC LIMIT -1 "
        "OFFSET 10000000",
        "SELECT count(DISTINCT qty), count(DISTINCT sku) FROM sku_sales",
        "SELECT qty, count(*) FROM sku_sales GROUP BY qty ORDER BY 2 LIMIT 1",
        ENDLESS "SELECT random() r FROM n ORDER BY r",
        ENDLESS "SELECT i FROM n ORDER BY -i",
        "SELECT count(*) FROM sku_sales WHERE sku > 's1' OR qty < 50 OR sku < 's5' OR sku = 'x'",
        "SELECT sum(r) FROM (SELECT rank() OVER (PARTITION BY qty % 3 ORDER BY sku DESC) r FROM "
        "sku_sales)",
    };
    (void)state;
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        assert_bounded(queries[i]);
    }
}

/* Each function that a query may call, with the longest arguments. */
static const char *const long_calls[] = {
    "upper(%s)",
    "lower(%s)",
    "length(%s)",
    "hex(%s)",
    "quote(%s)",
    "unicode(%s)",
    "trim(%s)",
    "substr(%s, -1000000, 1)",
    "char(1, 2)",
    "abs(%s)",
    "round(%s)",
    "sum(%s)",
    "avg(%s)",
    "json(%s)",
    "json_valid(%s)",
    "json_quote(%s)",
    "json_array(%s, %s)",
    "json_type(%s)",
    "json_extract(%s, '$.a')",
    "json_set('{}', '$.a', %s)",
    "json_insert('[]', '$[#]', %s)",
    "json_array_length(%s)",
    "json_remove(%s, '$[0]')",
    "date(%s)",
    "strftime(%s)",
    "julianday('now', %s)",
    "strftime(replace(%s, 'ab', '%%f'), 'now')",
    "group_concat(%s, %s)",
    "min(%s, %s)",
    "nullif(%s, %s)",
    "likelihood(%s, 0.5)",
    "typeof(%s)",
    "%s || %s",
    "CAST(%s AS REAL)",
    "CAST(%s AS INTEGER)",
    "%s = %s",
    "%s COLLATE NOCASE = %s",
    "instr(%s, 'c')",
    "replace(%s, 'a', 'b')",
    "%s LIKE '%%c%%'",
    "%s GLOB '*c*'",
    "printf('%%s', %s)",
    "printf(%s)",
    "printf('%%q%%w%%Q', %s, %s, %s)",
    "json_object(%s, %s)",
    "%s -> '$.a'",
    "%s ->> '$.a'",
    "iif(%s, 1, 2)",
    "max(%s, %s)",
    "total(%s)",
};
static const char *const long_texts[] = {
    "replace(hex(zeroblob(2000000)), '00', 'ab')",
    "('[' || replace(hex(zeroblob(700000)), '00', '1,') || '1]')",
    "('{' || replace(hex(zeroblob(390000)), '00', '\"ab\":1,') || '\"c\":1}')",
    "(replace(hex(zeroblob(400)), '00', '[[') || replace(hex(zeroblob(400)), '00', ']]'))",
    "replace(hex(zeroblob(2000000)), '00', '12')",
};

/* |call| of a table's long text, without end. */
static void print_long_call(char *sql, size_t size, const char *call, const char *text)
{
    size_t used = (size_t)snprintf(sql, size,
                                   ENDLESS ", t(x) AS MATERIALIZED (SELECT %s) "
                                           "SELECT count(y) FROM (SELECT ",
                                   text);
    for (const char *c = call; *c != '\0' && used + 8 < size; c++) {
        if (c[0] == '%' && c[1] == 's') {
            used += (size_t)snprintf(sql + used, size - used, "t.x");
            c++;
        } else {
            sql[used++] = *c;
            c += c[0] == '%' && c[1] == '%';
        }
    }
    (void)snprintf(sql + used, size - used, " y, i FROM n, t)");
}

TEST(functions_of_long_texts_end_in_time)
{
    char sql[2048];
    for (size_t i = 0; i < sizeof long_calls / sizeof *long_calls; i++) {
        for (size_t t = 0; t < sizeof long_texts / sizeof *long_texts; t++) {
            print_long_call(sql, sizeof sql, long_calls[i], long_texts[t]);
            assert_bounded(sql);
        }
    }
}

/* |start|, |count| times |part| ("%d" is its number, and the one before), |end|. */
static char *repeat(const char *start, const char *part, unsigned count, const char *end)
{
    size_t size = strlen(start) + (strlen(part) + 24) * count + strlen(end) + 1;
    char *sql = fct_mem_alloc(fct_mem_heap(), size);
    assert_non_null(sql);
    size_t used = (size_t)snprintf(sql, size, "%s", start);
    for (unsigned i = 0; i < count; i++) {
        for (const char *c = part; *c != '\0'; c++) {
            if (*c == '#' || *c == '<') {
                used += (size_t)snprintf(sql + used, size - used, "%u", *c == '#' ? i + 1 : i);
            } else {
                sql[used++] = *c;
            }
        }
    }
    (void)snprintf(sql + used, size - used, "%s", end);
    return sql;
}

/* Statements that take long before they run. */
static const struct {
    const char *start;
    const char *part;
    unsigned count;
    const char *end;
} bombs[] = {
    /* Each part doubles the one before. */
    {"WITH c0(x) AS (SELECT 1)", ", c#(x) AS (SELECT a.x FROM c< a, c< b)", 40,
     " SELECT count(*) FROM c40"},
    {"WITH c0 AS (SELECT 1)", ", c# AS (SELECT 1 FROM c< UNION ALL SELECT 2 FROM c<)", 40,
     " SELECT * FROM c40"},
    {"WITH c0 AS (SELECT 1 AS x)", ", c# AS (SELECT * FROM c< a, c< b)", 30, " SELECT * FROM c30"},
    {"WITH c0 AS (SELECT 1 AS x)", ", c# AS (SELECT (SELECT x FROM c<) + (SELECT x FROM c<) AS x)",
     40, " SELECT x FROM c40"},
    {"WITH c0 AS (SELECT 1 AS x)", ", c# AS (SELECT x+x+x+x AS x FROM c<)", 60,
     " SELECT x FROM c60"},
    /* Long chains and deep nesting. */
    {"WITH c0 AS (SELECT 1 AS x)", ", c# AS (SELECT x FROM c<)", 1700, " SELECT x FROM c1700"},
    {"WITH c0 AS (SELECT 1 x)", ",c# AS(SELECT x FROM c< UNION ALL SELECT 1)", 1200,
     " SELECT x FROM c1200"},
    {"WITH c0 AS (SELECT 1 x)", ",c# AS(SELECT DISTINCT*FROM c<)", 1500, " SELECT x FROM c1500"},
    {"WITH c0 AS (SELECT 1 x)", ",c# AS(SELECT(SELECT x FROM c<)x)", 1400, " SELECT x FROM c1400"},
    {"WITH c0 AS (SELECT 1 x)", ",c# AS(SELECT rank()OVER()x FROM c<)", 1300,
     " SELECT x FROM c1300"},
    {"WITH c0 AS (SELECT 1 x)", ",c# AS(SELECT x FROM c< WHERE x IN c<)", 1200,
     " SELECT x FROM c1200"},
    {"SELECT 1 FROM sku_sales t0", ", sku_sales t#", 63, ""},
    {"SELECT 1 FROM sku_sales t0", " JOIN sku_sales t# ON t#.qty = t<.qty", 62, ""},
    {"SELECT 1 FROM sku_sales t0", " NATURAL JOIN sku_sales t#", 62, ""},
    {"SELECT 1 FROM sku_sales t0", " LEFT JOIN sku_sales t# ON t#.qty = t<.qty OR t#.sku = t<.sku",
     62, " ORDER BY t1.qty, t2.qty, t3.qty, t4.qty"},
    {"SELECT 1", " + 1", 10000, ""},
    {"SELECT ", "(", 20000, "1"},
    {"SELECT ", "-", 20000, "1"},
    {"SELECT ", "NOT ", 10000, "1"},
    {"SELECT ", "abs(", 10000, "1"},
    {"SELECT 1 FROM ", "(SELECT 1 FROM ", 3000, "sku_sales"},
    {"SELECT 1", " UNION SELECT 1", 4000, ""},
    {"VALUES (1)", ", (#)", 6000, ""},
    {"SELECT 1", ", #", 9000, ""},
    {"SELECT * FROM sku_sales WHERE qty IN (1", ", #", 9000, ")"},
    {"SELECT * FROM sku_sales WHERE qty = 1", " OR qty = #", 3000, ""},
    {"SELECT * FROM sku_sales WHERE qty = 1", " AND qty = #", 150, ""},
    {"SELECT * FROM sku_sales WHERE sku = 'a'", " OR (sku = '#' AND qty = #)", 90, ""},
    {"SELECT * FROM sku_sales a, sku_sales b WHERE 1", " AND (a.sku = b.sku OR a.qty = b.qty)", 150,
     ""},
    {"SELECT CASE 1", " WHEN # THEN #", 3000, " END"},
    {"SELECT coalesce(1", ", #", 120, ")"},
    {"SELECT sum(qty)", ", sum(qty + #)", 3000, " FROM sku_sales"},
    {"SELECT 1 FROM sku_sales WINDOW w0 AS (ORDER BY qty)", ", w# AS (ORDER BY qty)", 2000, ""},
    {"SELECT 1", ", rank() OVER (ORDER BY qty + #)", 1500, " FROM sku_sales"},
    {"SELECT 1 FROM sku_sales GROUP BY 1", ", qty + #", 3000, ""},
    {"SELECT 1 FROM sku_sales ORDER BY 1", ", qty + #", 3000, ""},
    {"SELECT :p0", ", :p#", 5000, ""},
    {"SELECT 'a'", " 'b'", 9000, ""},
    {"/*", "*", 60000, ""},
    {"SELECT EXISTS (", "SELECT EXISTS (", 4000, "SELECT 1"},
    {"SELECT (", "SELECT (", 4000, "SELECT 1"},
    {"WITH RECURSIVE c0(x) AS (SELECT 1 UNION ALL SELECT x FROM c0", " UNION ALL SELECT x FROM c0",
     90, ") SELECT max(x) FROM c0"},
};

/* SQLite calls no progress handler while it parses and plans. */
TEST(preparing_ends_in_time)
{
    for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++) {
        char *sql = repeat(bombs[i].start, bombs[i].part, bombs[i].count, bombs[i].end);
        assert_bounded(sql);
        struct fct_query query = {
            .sql = factum_slice_from(sql), .plan = true, .time_ms_max = TIME_MS_MAX};
        uint64_t start = cpu_ms();
        (void)fixture_run(&fixture, query);
        assert_true(cpu_ms() - start <= TIME_MS_MAX + OVER_MS_MAX);
        fct_mem_free(fct_mem_heap(), sql);
    }
}

/* Reading a whole table is one step. */
TEST(a_walk_over_a_table_ends_in_time)
{
    struct fct_query query = {.sql = FCT_SLICE("SELECT count(*) FROM sku_sales"), .time_ms_max = 1};
    assert_status(fixture_run(&fixture, query), FACTUM_EXPIRED);
    query.time_ms_max = 10000;
    assert_ok(fixture_run(&fixture, query), fixture.err);
    assert_string_equal(fixture.text, "count(*)\n300002");
}

TEST(the_longest_query_is_printed)
{
    print_message("the most over its time: %llu ms: %s\n", (unsigned long long)longest_over_ms,
                  longest_sql);
    assert_true(longest_over_ms <= OVER_MS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(endless_work_expires),
        CASE(long_functions_expire),
        CASE(memory_is_bounded),
        CASE(queries_that_collect_rows_end_by_the_memory_limit),
        CASE(sorts_end_in_time),
        CASE(functions_of_long_texts_end_in_time),
        CASE(preparing_ends_in_time),
        CASE(a_walk_over_a_table_ends_in_time),
        CASE(the_longest_query_is_printed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
