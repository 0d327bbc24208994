/* sql_scan_test.c - tokens and their places. Layer: projection. */
#include "projection/sql_scan.h"

#include "support/test.h"

/* The tokens of |text| as "kind:text", joined by blanks. */
static void assert_tokens(const char *text, const char *wanted)
{
    static const char letters[] = "EWNTDPMXSB"; /* in the order of enum fct_sql_kind */
    struct fct_sql_scan scan;
    struct fct_sql_token token;
    char found[1024] = "";
    size_t len = 0;
    fct_sql_begin(&scan, factum_slice_from(text));
    do {
        fct_sql_next(&scan, &token);
        len += (size_t)snprintf(found + len, sizeof found - len, "%s%c%s%.*s", len > 0 ? " " : "",
                                letters[token.kind], token.kind == FCT_SQL_END ? "" : ":",
                                (int)token.text.len, (const char *)token.text.ptr);
    } while (token.kind != FCT_SQL_END && token.kind != FCT_SQL_BAD && len < sizeof found);
    assert_string_equal(found, wanted);
}

static void assert_bad(const char *text, uint32_t line, uint32_t column, const char *problem)
{
    struct fct_sql_scan scan;
    struct fct_sql_token token;
    fct_sql_begin(&scan, factum_slice_from(text));
    do {
        fct_sql_next(&scan, &token);
    } while (token.kind != FCT_SQL_END && token.kind != FCT_SQL_BAD);
    for (int i = 0; i < 2; i++) { /* the second call returns the same token */
        assert_int_equal(token.kind, FCT_SQL_BAD);
        assert_int_equal(token.line, line);
        assert_int_equal(token.column, column);
        assert_string_equal(token.problem, problem);
        fct_sql_next(&scan, &token);
    }
}

TEST(words_texts_names_and_numbers)
{
    assert_tokens("select a1, _b FROM t;", "W:select W:a1 S:, W:_b W:FROM W:t S:; E");
    assert_tokens("'it''s' \"a\"\"b\" `c` [d]]", "T:'it''s' N:\"a\"\"b\" N:`c` N:[d] S:] E");
    assert_tokens("x'00ff' X'' x", "T:x'00ff' T:X'' W:x E");
    assert_tokens("1 2.5 .5 1e-3 0xFF a.b 1.", "D:1 D:2.5 D:.5 D:1e-3 D:0xFF W:a S:. W:b D:1. E");
    assert_tokens("", "E");
}

TEST(comments_are_left_out_and_directives_are_not)
{
    assert_tokens("a -- b\n/* c\n* / */ d --", "W:a W:d E");
    assert_tokens("--@ on A, B \r\nx --@y", "X:on A, B W:x X:y E");
    assert_tokens("a - b", "W:a S:- W:b E");
}

TEST(parameters_and_templates)
{
    assert_tokens(":a :a.b.c :a. :x::int {{t_1}}", "P:a P:a.b.c P:a S:. P:x S::: W:int M:t_1 E");
}

TEST(places_are_lines_and_columns)
{
    struct fct_sql_scan scan;
    struct fct_sql_token token;
    fct_sql_begin(&scan, factum_slice_from("a\n  'x\ny' /*\n*/ b"));
    fct_sql_next(&scan, &token);
    fct_sql_next(&scan, &token);
    assert_int_equal(token.line, 2);
    assert_int_equal(token.column, 3);
    fct_sql_next(&scan, &token);
    assert_int_equal(token.line, 4);
    assert_int_equal(token.column, 4);
    assert_int_equal(token.end - token.start, 1);
    assert_true(fct_sql_is_word(&token, "B"));
    assert_false(fct_sql_is_word(&token, "BB"));
}

TEST(invalid_tokens_are_reported)
{
    assert_bad("a\n 'b", 2, 2, "a text has no closing quote: '");
    assert_bad("\"b", 1, 1, "a name has no closing quote");
    assert_bad("/* b", 1, 5, "a comment has no end: close it with */");
    assert_bad(": b", 1, 1, "a parameter has no name: write :name");
    assert_bad("x {{ t }}", 1, 3, "a table's name is not closed: write {{name}}");
    assert_bad("x = ?1", 1, 5, "a parameter has the form :name");
    assert_bad("a\x01", 1, 2, "a control character");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(words_texts_names_and_numbers), CASE(comments_are_left_out_and_directives_are_not),
        CASE(parameters_and_templates),      CASE(places_are_lines_and_columns),
        CASE(invalid_tokens_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
