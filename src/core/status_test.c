/* status_test.c - statuses, and error records that are filled, cut and wrapped. Layer: core. */
#include <errno.h>

#include "core/error.h"
#include "core/slice.h"
#include "support/test.h"

TEST(every_status_has_its_own_text_and_name)
{
    static const factum_status all[] = {
#define VALUE(name, value, text) FACTUM_##name,
        FACTUM_STATUS_LIST(VALUE)
#undef VALUE
    };
    const size_t count = sizeof all / sizeof all[0];
    for (size_t i = 0; i < count; i++) {
        assert_string_not_equal(factum_status_text(all[i]), "unknown status");
        assert_string_not_equal(factum_status_name(all[i]), "UNKNOWN");
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(all[i], all[j]);
            assert_string_not_equal(factum_status_text(all[i]), factum_status_text(all[j]));
            assert_string_not_equal(factum_status_name(all[i]), factum_status_name(all[j]));
        }
    }
}

TEST(an_unknown_status_is_named_unknown)
{
    assert_string_equal(factum_status_text((factum_status)-999), "unknown status");
    assert_string_equal(factum_status_name((factum_status)999), "UNKNOWN");
}

TEST(released_values_do_not_change)
{
    assert_int_equal(FACTUM_OK, 0);
    assert_int_equal(FACTUM_TIMEOUT, 3);
    assert_int_equal(FACTUM_INVALID, -1);
    assert_int_equal(FACTUM_WRONG_REVISION, -6);
    assert_int_equal(FACTUM_UNKNOWN_OUTCOME, -19);
    assert_int_equal(FACTUM_EXISTS, -21);
}

TEST(three_statuses_may_go_away_by_themselves)
{
    int retryable = 0;
    int fatal = 0;
    for (int value = -100; value <= 100; value++) {
        retryable += factum_status_is_retryable((factum_status)value);
        fatal += factum_status_is_fatal((factum_status)value);
    }
    assert_int_equal(retryable, 3);
    assert_int_equal(fatal, 2);
    assert_true(factum_status_is_retryable(FACTUM_BUSY));
    assert_true(factum_status_is_retryable(FACTUM_LOCKED));
    assert_true(factum_status_is_retryable(FACTUM_NO_SPACE));
    assert_true(factum_status_is_fatal(FACTUM_FAILED));
    assert_true(factum_status_is_fatal(FACTUM_UNKNOWN_OUTCOME));
}

TEST(the_version_number_agrees_with_the_version_text)
{
    char text[32];
    uint32_t number = factum_version_number();
    assert_int_equal(number, FACTUM_VERSION_NUMBER);
    (void)snprintf(text, sizeof text, "%u.%u.%u", number >> 16, number >> 8 & 0xff, number & 0xff);
    assert_string_equal(text, FACTUM_VERSION);
}

/* ---- error records --------------------------------------------------------------------------- */

TEST(a_failure_fills_the_record_and_returns_its_status)
{
    factum_error err = {.os_error = 99};
    assert_status(fct_fail(&err, FACTUM_TOO_BIG, "event %d is too big", 3), FACTUM_TOO_BIG);
    assert_int_equal(err.status, FACTUM_TOO_BIG);
    assert_int_equal(err.os_error, 0);
    assert_string_equal(err.text, "event 3 is too big");
}

TEST(without_a_record_the_status_is_returned_all_the_same)
{
    assert_status(fct_fail(NULL, FACTUM_CORRUPT, "x"), FACTUM_CORRUPT);
    assert_status(fct_fail_os(NULL, ENOSPC, "x"), FACTUM_NO_SPACE);
    assert_status(fct_wrap(NULL, FACTUM_BUSY, "x"), FACTUM_BUSY);
}

TEST(a_text_is_cut_where_the_record_ends)
{
    factum_error err;
    for (int len = 254; len <= 258; len++) {
        (void)fct_fail(&err, FACTUM_IO, "%*d", len, 1);
        assert_int_equal(strlen(err.text), len < 255 ? len : 255);
    }
}

TEST(a_text_is_cut_between_characters)
{
    static const char *const characters[] = {"\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < sizeof characters / sizeof characters[0]; i++) {
        int size = (int)strlen(characters[i]);
        for (int before = 255 - 4; before <= 255; before++) {
            size_t whole = before + size <= 255 ? (size_t)(before + size) : (size_t)before;
            factum_error err;
            (void)fct_fail(&err, FACTUM_IO, "%*d%s", before, 1, characters[i]);
            assert_int_equal(strlen(err.text), whole);
            (void)fct_fail_os(&err, EIO, "%*d%s", before, 1, characters[i]);
            assert_true(fct_utf8_valid(factum_slice_from(err.text)));
            (void)fct_fail(&err, FACTUM_IO, "%*d%s", before - 3, 1, characters[i]);
            (void)fct_wrap(&err, FACTUM_IO, "x");
            assert_int_equal(strlen(err.text), whole);
        }
    }
}

TEST(control_bytes_of_names_become_question_marks)
{
    factum_error err;
    (void)fct_fail(&err, FACTUM_IO, "a\nb\tc\x1b[31md\x7f\x01%s", "\xc3\xa4");
    assert_string_equal(err.text, "a?b?c?[31md??\xc3\xa4");
    (void)fct_fail_os(&err, EIO, "open %s", "a\rb");
    assert_string_equal(err.text, "open a?b: Input/output error");
    (void)fct_wrap(&err, FACTUM_IO, "x\ny");
    assert_string_equal(err.text, "x?y: open a?b: Input/output error");
}

TEST(a_slice_is_printed_by_its_length)
{
    factum_error err;
    (void)fct_fail(&err, FACTUM_IO, "stream %.*s", FCT_FMT(fct_slice("order-17", 5)));
    assert_string_equal(err.text, "stream order");
    (void)fct_fail(&err, FACTUM_IO, "[%.*s]", FCT_FMT(fct_slice("", 0)));
    assert_string_equal(err.text, "[]");
}

TEST(a_failed_call_has_the_reason_of_the_system)
{
    static const struct {
        int os_error;
        factum_status status;
        const char *text;
    } cases[] = {
        {ENOSPC, FACTUM_NO_SPACE, "write a: No space left on device"},
        {EDQUOT, FACTUM_NO_SPACE, "write a: Disk quota exceeded"},
        {EFBIG, FACTUM_NO_SPACE, "write a: File too large"},
        {ENOMEM, FACTUM_NO_MEMORY, "write a: Cannot allocate memory"},
        {ENOENT, FACTUM_NOT_FOUND, "write a: No such file or directory"},
        {EEXIST, FACTUM_EXISTS, "write a: File exists"},
        {EIO, FACTUM_IO, "write a: Input/output error"},
        {EACCES, FACTUM_IO, "write a: Permission denied"},
        {EROFS, FACTUM_IO, "write a: Read-only file system"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        factum_error err;
        assert_status(fct_fail_os(&err, cases[i].os_error, "write %s", "a"), cases[i].status);
        assert_int_equal(err.status, cases[i].status);
        assert_int_equal(err.os_error, cases[i].os_error);
        assert_string_equal(err.text, cases[i].text);
    }
}

TEST(a_long_name_leaves_out_the_reason_and_not_the_end)
{
    factum_error err;
    for (int len = 230; len <= 300; len++) {
        memset(err.text, 'x', sizeof err.text);
        (void)fct_fail_os(&err, EIO, "%*d", len, 1);
        assert_int_equal(strlen(err.text), len + 20 < 255 ? len + 20 : 255);
    }
}

TEST(wrapping_puts_the_context_before_the_cause)
{
    factum_error err;
    (void)fct_fail_os(&err, ENOSPC, "write b");
    assert_status(fct_wrap(&err, FACTUM_NO_SPACE, "append to %s", "a"), FACTUM_NO_SPACE);
    assert_string_equal(err.text, "append to a: write b: No space left on device");
    assert_int_equal(err.status, FACTUM_NO_SPACE);
    assert_int_equal(err.os_error, ENOSPC);
}

TEST(wrapping_gives_a_failure_the_status_that_it_means_to_the_caller)
{
    factum_error err;
    (void)fct_fail_os(&err, ENOSPC, "sync b");
    assert_status(fct_wrap(&err, FACTUM_IO, "after a was renamed"), FACTUM_IO);
    assert_string_equal(err.text, "after a was renamed: sync b: No space left on device");
    assert_int_equal(err.status, FACTUM_IO);
    assert_int_equal(err.os_error, ENOSPC);
}

TEST(wrapping_cuts_at_the_end)
{
    factum_error err;
    for (int len = 245; len <= 300; len++) {
        (void)fct_fail(&err, FACTUM_IO, "0123456789");
        (void)fct_wrap(&err, FACTUM_IO, "%0*d", len, 0);
        int kept = len < 255 ? len : 255;
        for (int i = 0; i < kept; i++) {
            assert_int_equal(err.text[i], '0');
        }
        assert_true(strlen(err.text) <= 255);
        assert_true(len + 2 > 254 || strstr(err.text, ": 0") != NULL);
    }
    (void)fct_fail(&err, FACTUM_IO, "%*d", 255, 7);
    (void)fct_wrap(&err, FACTUM_IO, "a");
    assert_int_equal(strlen(err.text), 255);
    assert_memory_equal(err.text, "a:  ", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_status_has_its_own_text_and_name),
        CASE(an_unknown_status_is_named_unknown),
        CASE(released_values_do_not_change),
        CASE(three_statuses_may_go_away_by_themselves),
        CASE(the_version_number_agrees_with_the_version_text),
        CASE(a_failure_fills_the_record_and_returns_its_status),
        CASE(without_a_record_the_status_is_returned_all_the_same),
        CASE(a_text_is_cut_where_the_record_ends),
        CASE(a_text_is_cut_between_characters),
        CASE(control_bytes_of_names_become_question_marks),
        CASE(a_slice_is_printed_by_its_length),
        CASE(a_failed_call_has_the_reason_of_the_system),
        CASE(a_long_name_leaves_out_the_reason_and_not_the_end),
        CASE(wrapping_puts_the_context_before_the_cause),
        CASE(wrapping_gives_a_failure_the_status_that_it_means_to_the_caller),
        CASE(wrapping_cuts_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
