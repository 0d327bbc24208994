/* name_test.c - which names are valid, which are those of streams, and who may write them. */
#include "support/test.h"

#include "core/slice.h"
#include "engine/name.h"

TEST(a_name_is_text_of_1_to_1024_bytes)
{
    static char text[FACTUM_NAME_SIZE_MAX + 1];
    factum_error err;
    memset(text, 'n', sizeof text);
    assert_ok(fct_name_check(fct_slice(text, 1), "a tag", &err), err);
    assert_ok(fct_name_check(fct_slice(text, FACTUM_NAME_SIZE_MAX), "a tag", &err), err);
    assert_status(fct_name_check(fct_slice(text, sizeof text), "a tag", &err), FACTUM_TOO_BIG);
    assert_string_equal(err.text, "a tag has a name of 1025 bytes, "
                                  "\"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn...\": at most 1024, "
                                  "shorten it");
    assert_status(fct_name_check(fct_slice(text, SIZE_MAX), "a tag", &err), FACTUM_TOO_BIG);
    assert_status(fct_name_check(fct_slice(text, 0), "a tag", &err), FACTUM_INVALID);
    assert_string_equal(err.text, "a tag has no name: give it one");
    assert_status(fct_name_check(fct_slice(NULL, 9), "a tag", &err), FACTUM_INVALID);
    assert_status(fct_name_check(fct_slice(NULL, 9), "a tag", NULL), FACTUM_INVALID);
}

TEST(names_with_a_prefix_are_longer_by_it)
{
    static const char *const prefixes[] = {"$$", "$ce-", "$et-", "$bc-", "$al-", "nn"};
    char text[FACTUM_NAME_SIZE_MAX + 8];
    factum_error err;
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        size_t len = strlen(prefixes[i]);
        size_t most = FACTUM_NAME_SIZE_MAX + (i < 4 ? len : 0);
        memset(text, 'n', sizeof text);
        memcpy(text, prefixes[i], len);
        assert_ok(fct_name_check_readable(fct_slice(text, most), "a stream", &err), err);
        assert_status(fct_name_check_readable(fct_slice(text, most + 1), "a stream", &err),
                      FACTUM_TOO_BIG);
        bool written = len == 2;
        assert_status(fct_name_check_stream(fct_slice(text, most), &err),
                      written || i == 4 ? FACTUM_OK : FACTUM_INVALID);
        assert_status(fct_name_check_written(fct_slice(text, most), false, &err),
                      written ? FACTUM_OK : FACTUM_INVALID);
    }
    memcpy(text, "$$", 2);
    assert_status(fct_name_check_stream(fct_slice(text, FACTUM_NAME_SIZE_MAX + 3), &err),
                  FACTUM_TOO_BIG);
    assert_string_equal(err.text, "a stream has a name of 1027 bytes, "
                                  "\"$$nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn...\": at most 1026, "
                                  "shorten it");
    assert_status(fct_name_check_readable(fct_slice(NULL, 9), "a stream", &err), FACTUM_INVALID);
}

TEST(what_may_be_empty_is_checked_if_it_is_not)
{
    factum_error err;
    assert_ok(fct_name_check_optional(fct_slice(NULL, 0), "a key", &err), err);
    assert_ok(fct_name_check_optional(FCT_SLICE("k"), "a key", &err), err);
    assert_status(fct_name_check_optional(FCT_SLICE("\x80"), "a key", &err), FACTUM_INVALID);
    assert_string_equal(err.text, "a key has a name that is not UTF-8 text: \"\\x80\"");
}

TEST(the_name_that_is_shown_is_plain_text)
{
    factum_error err;
    static char many[FACTUM_NAME_SIZE_MAX];
    memset(many, 0xff, sizeof many);
    assert_status(fct_name_check(FCT_SLICE("a\n\x7f\xc3\xa4\xff"), "a tag", &err), FACTUM_INVALID);
    assert_string_equal(err.text,
                        "a tag has a name that is not UTF-8 text: \"a\\x0a\\x7f\\xc3\\xa4\\xff\"");
    assert_status(fct_name_check(fct_slice(many, sizeof many), "a tag", &err), FACTUM_INVALID);
    assert_text(err, "\\xff\\xff...\""); /* all of it fits */
    assert_status(fct_name_check(FCT_SLICE("a\0b"), "a tag", &err), FACTUM_INVALID);
    assert_string_equal(err.text, "a tag has a name with a NUL byte in it: \"a\\x00b\"");
}

TEST(streams_that_can_be_and_streams_that_cannot)
{
    static const struct {
        const char *name;
        const char *refusal; /* NULL: it can be */
        bool by_users;       /* may be written without permission */
    } cases[] = {
        {"order-1", NULL, true},
        {"a$", NULL, true},
        {"$", NULL, false},
        {"$jobs", NULL, false},
        {"$ce-", NULL, false}, /* of no category */
        {"$ce", NULL, false},
        {"$allx", NULL, false},
        {"$$order-1", NULL, true},
        {"$$$jobs", NULL, true},
        {"$all", "stream $all is made by the store: it can be read only", false},
        {"$ce-x", "stream $ce-x is made by the store: it can be read only", false},
        {"$et-x", "stream $et-x is made by the store: it can be read only", false},
        {"$bc-x", "stream $bc-x is made by the store: it can be read only", false},
        {"$$", "$$ is not the name of a stream: a metastream is $$ and the name of a stream",
         false},
        {"$$$$x", "$$$$x is not the name of a stream: a metastream is $$ and the name of a stream",
         false},
        {"", "a stream has no name: give it one", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        factum_error err;
        factum_slice name = factum_slice_from(cases[i].name);
        factum_status expected = cases[i].refusal == NULL ? FACTUM_OK : FACTUM_INVALID;
        assert_status(fct_name_check_stream(name, &err), expected);
        if (cases[i].refusal != NULL) {
            assert_string_equal(err.text, cases[i].refusal);
        }
        assert_status(fct_name_check_written(name, true, &err), expected);
        assert_status(fct_name_check_written(name, false, &err),
                      cases[i].by_users ? FACTUM_OK : FACTUM_INVALID);
    }
}

TEST(a_virtual_stream_stands_for_a_source)
{
    factum_source source = FACTUM_SOURCE_ALL;
    factum_slice rest = FCT_SLICE("as it was");
    assert_false(fct_name_resolve_virtual(FCT_SLICE("$ce-"), &source, &rest));
    assert_false(fct_name_resolve_virtual(FCT_SLICE(""), &source, &rest));
    assert_false(fct_name_resolve_virtual(FCT_SLICE("$all"), &source, &rest));
    assert_int_equal(source, FACTUM_SOURCE_ALL);
    assert_int_equal(rest.len, 9);
    assert_true(fct_name_resolve_virtual(FCT_SLICE("$ce-a-b"), &source, &rest));
    assert_int_equal(source, FACTUM_SOURCE_CATEGORY);
    assert_true(fct_slice_equal(rest, FCT_SLICE("a-b")));
    assert_true(fct_name_resolve_virtual(FCT_SLICE("$et-T"), &source, &rest));
    assert_int_equal(source, FACTUM_SOURCE_TYPE);
    assert_true(fct_name_resolve_virtual(FCT_SLICE("$bc-$ce-a"), &source, &rest));
    assert_int_equal(source, FACTUM_SOURCE_CORRELATION);
    assert_true(fct_slice_equal(rest, FCT_SLICE("$ce-a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_name_is_text_of_1_to_1024_bytes),
        CASE(names_with_a_prefix_are_longer_by_it),
        CASE(what_may_be_empty_is_checked_if_it_is_not),
        CASE(the_name_that_is_shown_is_plain_text),
        CASE(streams_that_can_be_and_streams_that_cannot),
        CASE(a_virtual_stream_stands_for_a_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
