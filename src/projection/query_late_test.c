/* query_late_test.c - a process that used SQLite before the guard was installed: limits of time
 * hold, and memory is the growth of the process. Layer: projection. */
#include "support/query_fixture.h"

#define ENDLESS "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) "

static struct fixture fixture;

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(sqlite3_initialize(), SQLITE_OK);
    fixture_open(&fixture, fct_os_real());
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

TEST(memory_is_not_counted_by_thread)
{
    assert_false(fct_query_guard_is_exact());
    assert_ok(fixture_ask(&fixture, "SELECT sum(qty) FROM sku_sales"), fixture.err);
    assert_string_equal(fixture.text, "sum(qty)\n12");
    assert_int_equal(fct_query_gate_memory(fixture.gate), 0);
}

TEST(time_and_memory_end_a_query_all_the_same)
{
    struct fct_query query = {.sql = FCT_SLICE(ENDLESS "SELECT max(i) FROM n"), .time_ms_max = 50};
    assert_status(fixture_run(&fixture, query), FACTUM_EXPIRED);
    query.sql = FCT_SLICE(ENDLESS "SELECT DISTINCT hex(randomblob(500)) FROM n");
    query.time_ms_max = 60000;
    query.rows_max = UINT64_MAX;
    query.memory_max = UINT64_C(8) << 20;
    assert_status(fixture_run(&fixture, query), FACTUM_TOO_BIG);
    assert_text(fixture.err, "the query needs more than 8192 KiB of memory");
    assert_ok(fixture_ask(&fixture, "SELECT 1"), fixture.err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(memory_is_not_counted_by_thread),
        CASE(time_and_memory_end_a_query_all_the_same),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
