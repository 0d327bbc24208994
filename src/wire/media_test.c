/* media_test.c - media types and Accept fields. Layer: wire. */
#include "support/test.h"

#include "core/slice.h"
#include "wire/media.h"

TEST(a_type_is_the_text_before_its_parameters)
{
    factum_slice type = fct_media_type(FCT_SLICE(" Application/JSON ; charset=utf-8"));
    assert_int_equal(type.len, 16);
    assert_true(fct_media_is(type, "application/json"));
    assert_false(fct_media_is(type, "application/jso"));
    assert_true(fct_media_is_json(type));
    assert_true(fct_media_is_json(FCT_SLICE("text/json")));
    assert_true(fct_media_is_json(FCT_SLICE("application/x+JSON")));
    assert_false(fct_media_is_json(FCT_SLICE("+json")));
    assert_false(fct_media_is_json(FCT_SLICE("")));
    assert_int_equal(fct_media_type(FCT_SLICE("")).len, 0);
    assert_int_equal(fct_media_type(FCT_SLICE(";")).len, 0);
}

TEST(another_charset_than_utf_8_is_noticed)
{
    assert_false(fct_media_is_foreign(FCT_SLICE("application/json")));
    assert_false(fct_media_is_foreign(FCT_SLICE("a/b; Charset=UTF-8")));
    assert_false(fct_media_is_foreign(FCT_SLICE("a/b; x=y; charset=\"utf-8\"")));
    assert_true(fct_media_is_foreign(FCT_SLICE("a/b; x=y;charset = latin1")));
    assert_true(fct_media_is_foreign(FCT_SLICE("a/b; charset=\"utf-16\"")));
}

TEST(an_accept_field_chooses_by_its_qualities)
{
    static const char *const offers[] = {"application/json", "application/x-ndjson",
                                         "text/event-stream"};
    static const struct {
        const char *accept;
        size_t chosen;
    } cases[] = {
        {"", 0},
        {"  ", 0},
        {"*/*", 0},
        {"application/json", 0},
        {"APPLICATION/X-NDJSON", 1},
        {"text/event-stream", 2},
        {"text/*", 2},
        {"application/*;q=0.5, text/event-stream;q=0.4", 0},
        {"application/*;q=0.5, text/event-stream;q=0.6", 2},
        {"application/json;q=0.1, application/x-ndjson", 1},
        {"application/json;q=0, */*", 1},
        {"*/*;q=0", 3},
        {"text/html", 3},
        {"text/html, */*;q=0.1", 0},
        {"text/html;q=x, text/event-stream;level=1;q=1.000", 2},
        {"application/json;q=2", 3},
        {"application/json;q=1.5", 3},
        {"application/json;q=0.0001", 3},
        {"/*", 3},
        {",,;;=,", 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(fct_media_choose(factum_slice_from(cases[i].accept), offers, 3),
                         cases[i].chosen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_type_is_the_text_before_its_parameters),
        CASE(another_charset_than_utf_8_is_noticed),
        CASE(an_accept_field_chooses_by_its_qualities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
