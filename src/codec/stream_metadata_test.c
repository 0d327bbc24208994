/* stream_metadata_test.c - metadata of a stream, as it is given. Layer: codec. */
#include "codec/stream_metadata.h"

#include "core/mem.h"
#include "core/slice.h"
#include "support/test.h"

static void assert_refused(const char *json, const char *text)
{
    struct fct_given_metadata given;
    factum_error err;
    assert_status(fct_given_metadata_read(factum_slice_from(json), &given, &err), FACTUM_INVALID);
    assert_text(err, text);
}

TEST(metadata_is_an_object_whose_own_members_are_numbers)
{
    assert_refused("", "not valid JSON");
    assert_refused("{", "not valid JSON");
    assert_refused("[1]", "is a JSON object, not [1]");
    assert_refused("{\"$maxCount\":-1}", "$maxCount is a whole number, 0 or more, not -1");
    assert_refused("{\"$maxAge\":\"1\"}", "$maxAge is a whole number");
    assert_refused("{\"$tb\":1.5}", "$tb is a whole number");
    assert_refused("{\"$tb\":9223372036854775808}", "$tb is a whole number");
}

TEST(what_hides_events_becomes_the_first_member)
{
    static const struct {
        const char *json;
        const char *with;
        bool has_before;
    } cases[] = {{"{}", "{\"$tb\":7}", false},
                 {" { } ", "{\"$tb\":7 }", false},
                 {"{\"a\":1}", "{\"$tb\":7,\"a\":1}", false},
                 {"{\"$tb\":2}", "{\"$tb\":7,\"$tb\":2}", true}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fct_given_metadata given;
        struct fct_buf buf;
        factum_error err;
        fct_buf_init(&buf, fct_mem_heap(), 100);
        assert_ok(fct_given_metadata_read(factum_slice_from(cases[i].json), &given, &err), err);
        assert_int_equal(given.has_before, cases[i].has_before);
        assert_status(fct_given_metadata_put(&given, 7, &buf), FACTUM_OK);
        assert_true(fct_slice_equal(fct_buf_slice(&buf), factum_slice_from(cases[i].with)));
        fct_buf_finish(&buf);
    }
}

TEST(a_deleted_stream_hides_all_its_events)
{
    factum_stream_info info = {.state = FACTUM_STREAM_PRESENT, .last_revision = 4};
    assert_int_equal(fct_hidden_before(&info), 0);
    info.truncate_before = 3;
    assert_int_equal(fct_hidden_before(&info), 3);
    info.truncate_before = FCT_SOFT_DELETED;
    info.state = FACTUM_STREAM_SOFT_DELETED;
    assert_int_equal(fct_hidden_before(&info), 5);
    info.state = FACTUM_STREAM_ABSENT;
    assert_int_equal(fct_hidden_before(&info), 0);
}

TEST(an_open_expectation_is_of_the_metadata_that_was_seen)
{
    factum_stream_info info = {.has_metadata = false};
    assert_int_equal(fct_metadata_expected(factum_any(), &info).kind, FACTUM_EXPECTED_NO_STREAM);
    info.has_metadata = true;
    info.metadata_revision = 9;
    factum_expected seen = fct_metadata_expected(factum_any(), &info);
    assert_int_equal(seen.kind, factum_at(9).kind);
    assert_int_equal(seen.revision, 9);
    assert_int_equal(fct_metadata_expected(factum_at(2), &info).revision, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(metadata_is_an_object_whose_own_members_are_numbers),
        CASE(what_hides_events_becomes_the_first_member),
        CASE(a_deleted_stream_hides_all_its_events),
        CASE(an_open_expectation_is_of_the_metadata_that_was_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
