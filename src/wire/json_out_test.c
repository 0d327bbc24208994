/* json_out_test.c - JSON texts, written and read back. Layer: wire. */
#include "support/test.h"

#include "codec/json.h"
#include "core/slice.h"
#include "wire/json_out.h"

TEST(a_text_reads_back_as_it_was)
{
    uint8_t all[0x80];
    for (size_t i = 0; i < sizeof all; i++) {
        all[i] = (uint8_t)i;
    }
    struct fct_buf buf;
    struct fct_json value;
    char plain[256];
    size_t len = 0;
    fct_buf_init(&buf, fct_mem_heap(), 4096);
    assert_int_equal(fct_json_out_text(&buf, fct_slice(all, sizeof all)), FACTUM_OK);
    assert_int_equal(fct_json_parse(fct_buf_slice(&buf), &value, NULL), FACTUM_OK);
    assert_int_equal(fct_json_unescape(value.raw, plain, sizeof plain, &len), FACTUM_OK);
    assert_int_equal(len, sizeof all);
    assert_memory_equal(plain, all, len);
    fct_buf_clear(&buf);
    assert_int_equal(fct_json_out_text(&buf, FCT_SLICE("a\"\\\n\xe2\x82\xac")), FACTUM_OK);
    assert_int_equal(buf.len, 16);
    assert_memory_equal(buf.ptr, "\"a\\\"\\\\\\u000a\xe2\x82\xac\"", 16);
    fct_buf_finish(&buf);
}

TEST(what_is_not_utf_8_becomes_a_question_mark)
{
    static const struct {
        const char *text, *json;
    } cases[] = {
        {"\xff", "\"?\""},
        {"a\xe2\x82", "\"a??\""},
        {"\xe2\x82\xac\xc0\xaf\"", "\"\xe2\x82\xac??\\\"\""},
        {"\xed\xa0\x80x\xff\xffy", "\"???x??y\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fct_buf buf;
        fct_buf_init(&buf, fct_mem_heap(), 64);
        assert_int_equal(fct_json_out_text(&buf, factum_slice_from(cases[i].text)), FACTUM_OK);
        assert_int_equal(buf.len, strlen(cases[i].json));
        assert_memory_equal(buf.ptr, cases[i].json, buf.len);
        fct_buf_finish(&buf);
    }
}

TEST(a_text_that_does_not_fit_changes_nothing)
{
    struct fct_buf buf;
    fct_buf_init(&buf, fct_mem_heap(), 8);
    assert_int_equal(fct_json_out_text(&buf, FCT_SLICE("abc")), FACTUM_OK);
    assert_int_equal(fct_json_out_text(&buf, FCT_SLICE("de")), FACTUM_TOO_BIG);
    assert_int_equal(buf.len, 5);
    assert_int_equal(fct_json_out_text(&buf, FCT_SLICE("d")), FACTUM_OK);
    assert_memory_equal(buf.ptr, "\"abc\"\"d\"", 8);
    assert_int_equal(fct_json_out_text(&buf, fct_slice("x", SIZE_MAX / 2)), FACTUM_TOO_BIG);
    fct_buf_finish(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_text_reads_back_as_it_was),
        CASE(what_is_not_utf_8_becomes_a_question_mark),
        CASE(a_text_that_does_not_fit_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
