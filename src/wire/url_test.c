/* url_test.c - targets of requests, taken apart or refused. Layer: wire. */
#include "support/test.h"

#include "core/slice.h"
#include "wire/url.h"

static uint8_t memory[65536];

static factum_status parse_text(const char *text, struct fct_url *url, factum_error *err)
{
    return fct_url_parse(factum_slice_from(text), memory, url, err);
}

static void assert_part(factum_slice part, const char *text)
{
    assert_int_equal(part.len, strlen(text));
    assert_memory_equal(part.ptr, text, part.len);
}

TEST(a_path_is_split_before_it_is_decoded)
{
    struct fct_url url;
    factum_error err;
    assert_ok(parse_text("/api/v1/streams/a%2Fb+c%E2%82%AC/info", &url, &err), err);
    assert_int_equal(url.segment_count, 5);
    assert_part(url.segments[3], "a/b+c\xe2\x82\xac");
    assert_part(url.segments[4], "info");
    assert_int_equal(url.member_count, 0);
    assert_ok(parse_text("/", &url, &err), err);
    assert_int_equal(url.segment_count, 1);
    assert_part(url.segments[0], "");
    assert_ok(parse_text("/a/", &url, &err), err);
    assert_int_equal(url.segment_count, 2);
}

TEST(a_query_has_members_with_and_without_values)
{
    struct fct_url url;
    factum_error err;
    assert_ok(parse_text("/e?backwards&type=A+b%2B&&q=%7B=&z=", &url, &err), err);
    assert_int_equal(url.member_count, 4);
    assert_false(fct_url_member(&url, "backwards")->has_value);
    assert_part(fct_url_member(&url, "type")->value, "A b+");
    assert_part(fct_url_member(&url, "q")->value, "{=");
    assert_true(fct_url_member(&url, "z")->has_value);
    assert_null(fct_url_member(&url, "Z"));
    assert_null(fct_url_member(&url, ""));
}

TEST(a_bad_target_is_refused_with_its_reason)
{
    static const struct {
        const char *target, *reason;
    } cases[] = {
        {"", "begins with /"},
        {"*", "begins with /"},
        {"http://h/a", "begins with /"},
        {"/a%", "\"a%\" in the URL is not percent-encoded UTF-8"},
        {"/a%2", "\"a%2\""},
        {"/a%2g", "\"a%2g\""},
        {"/a%00b", "\"a%00b\""},
        {"/%ff", "\"%ff\""},
        {"/%c0%af", "\"%c0%af\""},
        {"/%ed%a0%80", "\"%ed%a0%80\""},
        {"/?a=%", "\"a=%\""},
        {"/?%=a", "\"%=a\""},
        {"/?a=1&a=2", "\"a\" occurs twice in the query"},
        {"/?a=1&%61", "\"a\" occurs twice in the query"},
        {"/a b", "byte 0x20"},
        {"/a#b", "byte 0x23 in the URL must be percent-encoded (%23)"},
        {"/\xc3\xa4", "byte 0xc3"},
        {"/a\rb", "byte 0x0d"},
        {"/\x7f", "byte 0x7f"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fct_url url;
        factum_error err;
        assert_status(parse_text(cases[i].target, &url, &err), FACTUM_INVALID);
        assert_text(err, cases[i].reason);
    }
}

TEST(segments_and_members_have_their_maximum)
{
    for (size_t more = 0; more < 2; more++) {
        char target[256] = "";
        struct fct_url url;
        factum_error err;
        for (size_t i = 0; i < FCT_URL_SEGMENTS_MAX + more; i++) {
            memcpy(target + 2 * i, "/a", 3);
        }
        assert_status(parse_text(target, &url, &err), more == 0 ? FACTUM_OK : FACTUM_TOO_BIG);
        memcpy(target, "/?", 3);
        for (size_t i = 0; i < FCT_URL_MEMBERS_MAX + more; i++) {
            (void)snprintf(target + 2 + 4 * i, 5, "&%03zu", i);
        }
        assert_status(parse_text(target, &url, &err), more == 0 ? FACTUM_OK : FACTUM_TOO_BIG);
    }
}

TEST(each_beginning_of_a_target_is_taken_or_refused)
{
    static const char whole[] = "/api/v1/streams/%E2%82%AC/x?a=%E2%82%AC&b&c=1";
    for (size_t len = 0; len < sizeof whole; len++) {
        char *copy = test_malloc(len + 1); /* its end is watched */
        uint8_t *to = test_malloc(len + 1);
        struct fct_url url;
        factum_error err;
        memcpy(copy, whole, len);
        factum_status status = fct_url_parse(fct_slice(copy, len), to, &url, &err);
        assert_true(status == FACTUM_OK || status == FACTUM_INVALID);
        test_free(copy);
        test_free(to);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_path_is_split_before_it_is_decoded),
        CASE(a_query_has_members_with_and_without_values),
        CASE(a_bad_target_is_refused_with_its_reason),
        CASE(segments_and_members_have_their_maximum),
        CASE(each_beginning_of_a_target_is_taken_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
