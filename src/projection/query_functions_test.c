/* query_functions_test.c - our instr, replace, trim, LIKE, GLOB and printf give the results of
 * SQLite's own. Layer: projection. */
#include "projection/query_functions.h"

#include "core/random.h"
#include "support/test.h"

#define ROUNDS 60000

static struct fct_query_guard guard;
static sqlite3 *ours;
static sqlite3 *theirs;
static struct fct_random randoms = {.state = 7};

static int set_up(void **state)
{
    (void)state;
    fct_query_guard_install();
    assert_int_equal(sqlite3_open(":memory:", &ours), SQLITE_OK);
    assert_int_equal(sqlite3_open(":memory:", &theirs), SQLITE_OK);
    guard = (struct fct_query_guard){.os = fct_os_real(), .db = ours};
    assert_int_equal(fct_query_functions_add(&guard), SQLITE_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(sqlite3_close(ours), SQLITE_OK);
    assert_int_equal(sqlite3_close(theirs), SQLITE_OK);
    return 0;
}

/* A row of one column, as "type:quoted". */
static void answer(sqlite3 *db, const char *sql, const char *const *texts, char *text, size_t size)
{
    char whole[512];
    sqlite3_stmt *statement = NULL;
    (void)snprintf(whole, sizeof whole, "SELECT typeof(v) || ':' || quote(v) FROM (SELECT %s AS v)",
                   sql);
    if (sqlite3_prepare_v2(db, whole, -1, &statement, NULL) != SQLITE_OK) {
        print_error("%s: %s\n", whole, sqlite3_errmsg(db));
        fail();
    }
    for (int i = 0; i < 3 && i < sqlite3_bind_parameter_count(statement); i++) {
        (void)sqlite3_bind_text(statement, i + 1, texts[i], -1, SQLITE_STATIC);
    }
    if (sqlite3_step(statement) == SQLITE_ROW) {
        (void)snprintf(text, size, "%s", (const char *)sqlite3_column_text(statement, 0));
    } else {
        (void)snprintf(text, size, "error: %s", sqlite3_errmsg(db));
    }
    (void)sqlite3_finalize(statement);
}

static void assert_same(const char *sql, const char *const *texts)
{
    char a[4096];
    char b[4096];
    answer(ours, sql, texts, a, sizeof a);
    answer(theirs, sql, texts, b, sizeof b);
    if (strcmp(a, b) != 0) {
        print_error("%s with '%s', '%s', '%s'\n  %s, not %s\n", sql, texts[0], texts[1], texts[2],
                    a, b);
        fail();
    }
}

/* A short text of few different characters, so that many of them match. */
static void random_text(char *text, size_t size, const char *const *parts, size_t part_count)
{
    size_t used = 0;
    text[0] = '\0';
    for (uint64_t i = fct_random_below(&randoms, 9); i > 0 && used + 5 < size; i--) {
        used += (size_t)snprintf(text + used, size - used, "%s",
                                 parts[fct_random_below(&randoms, part_count)]);
    }
}

static void compare(const char *const *queries, size_t query_count, const char *const *parts,
                    size_t part_count)
{
    char texts[3][64];
    const char *const given[] = {texts[0], texts[1], texts[2]};
    for (int i = 0; i < ROUNDS; i++) {
        for (int t = 0; t < 3; t++) {
            random_text(texts[t], sizeof texts[t], parts, part_count);
        }
        assert_same(queries[(size_t)i % query_count], given);
    }
}

TEST(patterns_match_as_in_sqlite)
{
    static const char *const parts[] = {"a",
                                        "B",
                                        "b",
                                        "%",
                                        "_",
                                        "!",
                                        "*",
                                        "?",
                                        "[",
                                        "]",
                                        "^",
                                        "-",
                                        "\xc3\xa9",
                                        "\xe2\x82\xac",
                                        "\xf0\x9f\x98\x80",
                                        "\x80",
                                        "[a-b]",
                                        "%%",
                                        "**"};
    static const char *const queries[] = {
        "?1 LIKE ?2",
        "?1 GLOB ?2",
        "?1 LIKE ?2 ESCAPE '!'",
        "?1 LIKE ?2 ESCAPE '_'",
        "?1 LIKE ?2 ESCAPE '%'",
        "?1 LIKE ?2 ESCAPE '\xc3\xa9'",
        "?2 GLOB '*' || ?1 || '*'",
        "?1 || ?2 || ?3 LIKE '%' || ?2 || '%'",
        "?1 LIKE ?2 ESCAPE ?3",
        "?1 || ?3 GLOB '*' || ?2 || ?3",
    };
    (void)state;
    compare(queries, sizeof queries / sizeof *queries, parts, sizeof parts / sizeof *parts);
}

TEST(texts_are_found_as_in_sqlite)
{
    static const char *const parts[] = {"a", "b", "ab", " ", "\xc3\xa9", "\xe2\x82\xac"};
    static const char *const queries[] = {
        "instr(?1, ?2)",
        "instr(CAST(?1 AS BLOB), CAST(?2 AS BLOB))",
        "instr(?1, CAST(?2 AS BLOB))",
        "replace(?1, ?2, ?3)",
        "replace(?1 || ?2 || ?1 || ?2, ?2, ?3)",
        "trim(?1, ?2)",
        "ltrim(?1, ?2)",
        "rtrim(?1, ?2)",
        "instr(?1 || ?2, ?2)",
        "trim(?1)",
        "instr(?1 || ?2 || ?3, ?3)",
    };
    (void)state;
    compare(queries, sizeof queries / sizeof *queries, parts, sizeof parts / sizeof *parts);
}

TEST(special_values_give_the_results_of_sqlite)
{
    static const char *const queries[] = {
        "instr(NULL, 'a')",
        "instr('a', NULL)",
        "instr('', '')",
        "instr('a', '')",
        "instr('', 'a')",
        "instr(12345, 34)",
        "instr(x'', x'')",
        "instr('a' || char(0) || 'b', 'b')",
        "replace(NULL, 'a', 'b')",
        "replace('a', NULL, 'b')",
        "replace('a', 'a', NULL)",
        "replace('a', '', NULL)",
        "replace('', 'a', 'b')",
        "replace(1.5, '.', ',')",
        "replace(x'616200', 'a', 'b')",
        "replace('aaa', 'a', '')",
        "replace('a' || char(0) || 'a', 'a', 'b')",
        "trim(NULL, 'a')",
        "trim('a', NULL)",
        "trim('', 'a')",
        "trim('aba', '')",
        "trim(121, 1)",
        "NULL LIKE 'a'",
        "'a' LIKE NULL",
        "'a' LIKE 'a' ESCAPE NULL",
        "12 LIKE '1_'",
        "'' LIKE ''",
        "'' LIKE '%'",
        "'a' LIKE ''",
        "x'61' LIKE 'a'",
        "'a' LIKE x'61'",
        "x'61' GLOB 'a'",
        "1.5 GLOB '1.*'",
        "'a' LIKE 'b' ESCAPE ''",
        "'A' LIKE 'a'",
        "'A' GLOB 'a'",
        "'\xc3\x89' LIKE '\xc3\xa9'",
    };
    (void)state;
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        assert_same(queries[i], (const char *const[]){"", "", ""});
    }
}

TEST(numbers_print_as_in_sqlite)
{
    static const char *const queries[] = {
        "printf('%d|%5d|%-5d|%05d|%+d|% d|%,d', 42, 42, 42, 42, 42, 42, 1234567)",
        "printf('%i %u %x %X %o %#x %#o', -1, -1, 255, 255, 8, 255, 8)",
        "printf('%lld %ld', 9223372036854775807, -5)",
        "printf('%d', '12abc')",
        "printf('%d', NULL)",
        "printf('%.2f|%8.3f|%-8.1f|%08.2f|%+.1f', 1.005, 3.14159, 2.5, -1.5, 1)",
        "printf('%e %E %g %G %.10g %!.15g', 12345.678, 0.00012, 1e20, 1e-7, 0.1, 0.1)",
        "printf('%f %f', 9e999, -9e999)",
        "printf('%,.2f', 1234567.891)",
        "printf('%f', 'x')",
        "printf('%s|%10s|%-10s|%.2s|%s', 'abc', 'abc', 'abc', 'abc', NULL)",
        "printf('%!.2s|%!5s', '\xc3\xa9\xc3\xa9\xc3\xa9', '\xc3\xa9')",
        "printf('%q %Q %w %Q', 'it''s', 'it''s', 'a\"b', NULL)",
        "printf('%c%c', 'xyz', '\xe2\x82\xac')",
        "printf('%5c|%-5c|%.3c', 'x', 'y', 'z')",
        "printf('%*d|%-*d|%.*f', 6, 42, 6, 42, 1, 2.25)",
        "printf('%*d', -6, 42)",
        "printf('%.*f', -2, 1.0)",
        "printf('%%')",
        "printf(NULL)",
        "printf('a%db')",
        "printf('%s.')",
        "printf('%d %d', 1)",
        "printf('plain')",
        "printf(12)",
        "printf('%r %r %r', 1, 2, 13)",
        "format('%d', 1)",
        "printf('%.0f', 0.5)",
        "printf('%5%|%-5%')",
        "printf('%.999f', 1.0/3)",
        "printf('%1000d', 1)",
        "printf('%z', 'a')",
        "printf('%s', x'6162')",
        "printf('%.3c|%c.', 'x', 12)",
        "printf('%+,d % x', 1234, 10)",
        "printf('%010d|%-010d|%0,12d', -42, -42, 1234567)",
        "printf('%#g %#.0f', 1.0, 1.0)",
        "printf('%.30f', 0.1)",
        "printf('%!.30f', 0.1)",
        "printf('%10.4d|%-10.4x', 42, 42)",
    };
    (void)state;
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        assert_same(queries[i], (const char *const[]){"", "", ""});
    }
    char text[256];
    const char *const none[] = {"", "", ""};
    answer(ours, "printf('%y', 1)", none, text, sizeof text);
    assert_non_null(strstr(text, "error: printf knows "));
    answer(ours, "printf('%', 1)", none, text, sizeof text);
    assert_non_null(strstr(text, "error: printf knows "));
    answer(ours, "printf('')", none, text, sizeof text);
    assert_string_equal(text, "text:''");
}

TEST(a_function_ends_with_its_query)
{
    sqlite3_stmt *statement = NULL;
    assert_int_equal(
        sqlite3_prepare_v2(ours,
                           "SELECT length(replace(hex(zeroblob(200000)), hex(zeroblob(99999)) "
                           "|| '1', ''))",
                           -1, &statement, NULL),
        SQLITE_OK);
    guard.deadline = fct_os_monotonic(guard.os) + 5000000;
    guard.memory_max = 64 << 20;
    fct_query_guard_start(&guard);
    fct_query_guard_begin(&guard);
    assert_int_not_equal(sqlite3_step(statement), SQLITE_ROW);
    fct_query_guard_end(&guard);
    assert_int_equal(guard.stop, FCT_QUERY_STOP_TIME);
    (void)sqlite3_finalize(statement);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(patterns_match_as_in_sqlite),
        CASE(texts_are_found_as_in_sqlite),
        CASE(special_values_give_the_results_of_sqlite),
        CASE(numbers_print_as_in_sqlite),
        CASE(a_function_ends_with_its_query),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
