/* problem_test.c - problem details and their statuses. Layer: wire. */
#include "support/test.h"

#include "codec/json.h"
#include "core/slice.h"
#include "wire/problem.h"

TEST(every_failure_has_a_status_of_http)
{
    static const struct {
        factum_status code;
        unsigned status;
    } cases[] = {
        {FACTUM_INVALID, 400},
        {FACTUM_NO_MEMORY, 503},
        {FACTUM_IO, 500},
        {FACTUM_NO_SPACE, 503},
        {FACTUM_CORRUPT, 500},
        {FACTUM_WRONG_REVISION, 409},
        {FACTUM_CONDITION_FAILED, 409},
        {FACTUM_KEY_CONFLICT, 409},
        {FACTUM_STREAM_NOT_FOUND, 404},
        {FACTUM_STREAM_DELETED, 410},
        {FACTUM_TOO_BIG, 413},
        {FACTUM_BUSY, 503},
        {FACTUM_LOCKED, 503},
        {FACTUM_FAILED, 503},
        {FACTUM_READ_ONLY, 503},
        {FACTUM_UNSUPPORTED, 501},
        {FACTUM_NOT_FOUND, 404},
        {FACTUM_CANCELLED, 503},
        {FACTUM_UNKNOWN_OUTCOME, 500},
        {FACTUM_NEWER_FORMAT, 500},
        {FACTUM_EXISTS, 409},
        {FACTUM_EXPIRED, 504},
        {FACTUM_WRONG_TIMELINE, 409},
        {FACTUM_DENIED, 403},
        {FACTUM_UNREACHABLE, 502},
    };
    for (int code = -1; code >= -25; code--) {
        bool found = false;
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            if (cases[i].code == code) {
                assert_int_equal(fct_problem_status((factum_status)code), cases[i].status);
                found = true;
            }
        }
        assert_true(found);
    }
    assert_true(fct_problem_is_passing(503));
    assert_false(fct_problem_is_passing(409));
}

TEST(a_problem_is_json_with_the_text_of_the_error)
{
    struct fct_buf buf;
    struct fct_json value;
    fct_buf_init(&buf, fct_mem_heap(), 4096);
    struct fct_problem problem = {.code = FACTUM_WRONG_REVISION,
                                  .status = 412,
                                  .detail = FCT_SLICE("stream \"a\\b\""),
                                  .more = FCT_SLICE(",\"actualRevision\":3")};
    assert_int_equal(fct_problem_format(&buf, &problem), FACTUM_OK);
    static const char expected[] =
        "{\"type\":\"urn:factum:problem:WRONG_REVISION\",\"title\":\"the stream is not at the "
        "expected revision\",\"status\":412,\"detail\":\"stream \\\"a\\\\b\\\"\","
        "\"code\":\"WRONG_REVISION\",\"actualRevision\":3}";
    assert_int_equal(buf.len, strlen(expected));
    assert_memory_equal(buf.ptr, expected, buf.len);
    assert_int_equal(fct_json_parse(fct_buf_slice(&buf), &value, NULL), FACTUM_OK);
    fct_buf_finish(&buf);
}

TEST(a_problem_without_room_is_refused)
{
    struct fct_problem problem = {.code = FACTUM_BUSY,
                                  .status = 503,
                                  .detail = FCT_SLICE("x"),
                                  .more = FCT_SLICE(",\"a\":1")};
    factum_status status = FACTUM_TOO_BIG;
    size_t size = 0;
    for (; status != FACTUM_OK; size++) {
        struct fct_buf buf;
        assert_true(size < 4096);
        fct_buf_init(&buf, fct_mem_heap(), size);
        status = fct_problem_format(&buf, &problem);
        assert_true(status == FACTUM_OK || status == FACTUM_TOO_BIG);
        fct_buf_finish(&buf);
    }
    assert_true(size > 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_failure_has_a_status_of_http),
        CASE(a_problem_is_json_with_the_text_of_the_error),
        CASE(a_problem_without_room_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
