/* table_test.c - answers as a table to read, as CSV and as JSON. Layer: cli. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/test.h"

#include "cli/table.h"

enum form {
    TABLE,
    CSV,
    JSON,
};

static void assert_printed(const struct table *table, enum form form, size_t cut,
                           const char *wanted)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    assert_non_null(to);
    if (form == TABLE) {
        assert_true(table_print(table, to, cut));
    } else if (form == CSV) {
        table_print_csv(table, to);
    } else {
        table_print_json(table, to);
    }
    assert_int_equal(fclose(to), 0);
    assert_string_equal(text, wanted);
    free(text);
}

static factum_value text(const char *text)
{
    return (factum_value){.kind = FACTUM_VALUE_TEXT, .bytes = factum_slice_from(text)};
}

static factum_value integer(int64_t number)
{
    return (factum_value){.kind = FACTUM_VALUE_INTEGER, .integer = number};
}

static factum_value real(double number)
{
    return (factum_value){.kind = FACTUM_VALUE_REAL, .real = number};
}

static factum_value bytes(const char *text, size_t len)
{
    return (factum_value){.kind = FACTUM_VALUE_BYTES, .bytes = {(const uint8_t *)text, len}};
}

static const factum_value none = {.kind = FACTUM_VALUE_NULL};

static void begin(struct table *table, const char *first, const char *second)
{
    const factum_slice names[] = {factum_slice_from(first), factum_slice_from(second)};
    *table = (struct table){.failed = false};
    assert_true(table_columns(table, names, 2));
}

static void add(struct table *table, factum_value first, factum_value second)
{
    const factum_value values[] = {first, second};
    assert_true(table_row(table, values, 2));
}

TEST(numbers_are_aligned_right)
{
    struct table table;
    begin(&table, "id", "total");
    add(&table, text("o1"), integer(-7));
    add(&table, text("order 22"), real(1234.5));
    add(&table, none, none);
    assert_int_equal(table_row_count(&table), 3);
    assert_printed(&table, TABLE, 0,
                   "id         total\n"
                   "o1            -7\n"
                   "order 22  1234.5\n"
                   "-              -\n");
    table_finish(&table);
}

TEST(a_column_with_a_text_is_no_column_of_numbers)
{
    struct table table;
    begin(&table, "mixed", "last");
    add(&table, integer(12345678), text("a"));
    add(&table, text("x"), text("b"));
    assert_printed(&table, TABLE, 0,
                   "mixed     last\n"
                   "12345678  a\n"
                   "x         b\n");
    table_finish(&table);
}

TEST(widths_are_those_of_a_terminal)
{
    struct table table;
    begin(&table, "name", "n");
    add(&table, text("Zo\xc3\xab"), integer(1));         /* three characters, four bytes */
    add(&table, text("e\xcc\x81t"), integer(2));         /* with a combining accent */
    add(&table, text("\xe6\x9d\xb1\xe4\xba\xac"), none); /* two that are wide */
    add(&table, text("a\nb\x1b"), integer(3)); /* control characters, which a terminal would obey */
    add(&table, bytes("\x00\xff", 2), integer(4));
    assert_printed(&table, TABLE, 0,
                   "name        n\n"
                   "Zo\xc3\xab         1\n"
                   "e\xcc\x81t          2\n"
                   "\xe6\x9d\xb1\xe4\xba\xac        -\n"
                   "a\\x0ab\\x1b  3\n"
                   "x'00ff'     4\n");
    table_finish(&table);
}

TEST(long_values_are_cut_on_a_terminal_only)
{
    struct table table;
    begin(&table, "a", "b");
    add(&table, text("123456789"), text("12345"));
    assert_printed(&table, TABLE, 5,
                   "a      b\n"
                   "1234\xe2\x80\xa6  12345\n");
    assert_printed(&table, TABLE, 0,
                   "a          b\n"
                   "123456789  12345\n");
    table_finish(&table);
}

TEST(csv_quotes_only_what_needs_quotes)
{
    struct table table;
    begin(&table, "a,b", "c");
    add(&table, text("say \"hi\""), text("two\r\nlines"));
    add(&table, none, text(""));
    add(&table, bytes("hi!!", 4), integer(5));
    assert_printed(&table, CSV, 0,
                   "\"a,b\",c\r\n"
                   "\"say \"\"hi\"\"\",\"two\r\nlines\"\r\n"
                   ",\"\"\r\n"
                   "aGkhIQ==,5\r\n");
    table_finish(&table);
}

TEST(json_has_each_value_in_its_kind)
{
    struct table table;
    begin(&table, "a", "b\"");
    assert_printed(&table, JSON, 0, "\"columns\":[\"a\",\"b\\\"\"],\"rows\":[]");
    add(&table, text("1\n\xff"), integer(INT64_MIN));
    add(&table, none, bytes("abc", 3));
    assert_printed(&table, JSON, 0,
                   "\"columns\":[\"a\",\"b\\\"\"],\"rows\":[[\"1\\u000a\xef\xbf\xbd\","
                   "-9223372036854775808],[null,\"YWJj\"]]");
    table_finish(&table);
}

TEST(reals_keep_their_value_and_their_kind)
{
    struct table table;
    begin(&table, "a", "b");
    add(&table, real(10), real(0.1));
    add(&table, real(1e300), real(0.1 + 0.2));
    add(&table, real((double)INFINITY), real(-(double)INFINITY));
    assert_printed(&table, JSON, 0,
                   "\"columns\":[\"a\",\"b\"],\"rows\":[[10.0,0.1],[1e+300,0.30000000000000004],"
                   "[9e999,-9e999]]");
    table_finish(&table);
}

TEST(columns_that_are_set_again_start_a_new_table)
{
    struct table table;
    begin(&table, "a", "b");
    add(&table, integer(1), integer(2));
    const factum_slice name = factum_slice_from("c");
    assert_true(table_columns(&table, &name, 1));
    assert_int_equal(table_row_count(&table), 0);
    assert_printed(&table, CSV, 0, "c\r\n");
    table_finish(&table);
}

TEST(a_table_over_its_maximum_fails)
{
    struct table table;
    begin(&table, "a", "b");
    size_t size = (size_t)64 << 20;
    char *big = calloc(1, size);
    assert_non_null(big);
    const factum_value values[] = {bytes(big, size), none};
    for (int i = 0; i < 3; i++) {
        assert_true(table_row(&table, values, 2));
    }
    assert_false(table_row(&table, values, 2));
    assert_true(table.failed && table.too_big);
    assert_int_equal(table_check(&table), EXIT_USAGE);
    assert_false(table_row(&table, values + 1, 1));
    free(big);
    table_finish(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(numbers_are_aligned_right),
        CASE(a_column_with_a_text_is_no_column_of_numbers),
        CASE(widths_are_those_of_a_terminal),
        CASE(long_values_are_cut_on_a_terminal_only),
        CASE(csv_quotes_only_what_needs_quotes),
        CASE(json_has_each_value_in_its_kind),
        CASE(reals_keep_their_value_and_their_kind),
        CASE(columns_that_are_set_again_start_a_new_table),
        CASE(a_table_over_its_maximum_fails),
    };
    if (setenv("NO_COLOR", "1", 1) != 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
