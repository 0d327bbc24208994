/* time_text_test.c - times as RFC 3339 text, there and back. Layer: core. */
#include "core/random.h"
#include "core/slice.h"
#include "support/test.h"

#define SECOND INT64_C(1000000000)
#define DAY (86400 * SECOND)

static void assert_format(int64_t time, const char *expected)
{
    char text[FACTUM_TIME_TEXT_SIZE];
    factum_time_format(time, text);
    assert_string_equal(text, expected);
}

static void assert_parse(const char *text, int64_t expected)
{
    int64_t time = 7;
    factum_status status = factum_time_parse(factum_slice_from(text), &time);
    if (status != FACTUM_OK || time != expected) {
        print_error("%s: %s, %lld\n", text, factum_status_name(status), (long long)time);
        fail();
    }
}

static void assert_refused(const char *text)
{
    int64_t time = 7;
    if (factum_time_parse(factum_slice_from(text), &time) != FACTUM_INVALID || time != 7) {
        print_error("accepted: %s\n", text);
        fail();
    }
}

static void assert_round_trip(int64_t time)
{
    char text[FACTUM_TIME_TEXT_SIZE];
    factum_time_format(time, text);
    assert_parse(text, time);
}

TEST(the_beginning_is_1970)
{
    assert_format(0, "1970-01-01T00:00:00Z");
    assert_format(1, "1970-01-01T00:00:00.000000001Z");
    assert_format(-1, "1969-12-31T23:59:59.999999999Z");
    assert_parse("1970-01-01T00:00:00Z", 0);
    assert_parse("1970-01-01", 0);
}

TEST(as_many_decimals_as_the_time_needs)
{
    assert_format(SECOND, "1970-01-01T00:00:01Z");
    assert_format(SECOND + 1000000, "1970-01-01T00:00:01.001Z");
    assert_format(SECOND + 1000, "1970-01-01T00:00:01.000001Z");
    assert_format(SECOND + 999999999, "1970-01-01T00:00:01.999999999Z");
    assert_format(SECOND + 120000000, "1970-01-01T00:00:01.120Z");
}

TEST(times_before_1970_are_negative)
{
    assert_format(-SECOND, "1969-12-31T23:59:59Z");
    assert_format(-DAY, "1969-12-31T00:00:00Z");
    assert_format(-DAY - 1, "1969-12-30T23:59:59.999999999Z");
    assert_parse("1948-05-14T16:00:00Z", INT64_C(-682675200) * SECOND);
    assert_format(INT64_C(-682675200) * SECOND, "1948-05-14T16:00:00Z");
    assert_format(INT64_C(-682675200) * SECOND + 5, "1948-05-14T16:00:00.000000005Z");
    assert_round_trip(INT64_C(-682675200) * SECOND - 123456789);
}

TEST(the_first_and_the_last_time_are_printed_and_read)
{
    assert_format(INT64_MIN, "1677-09-21T00:12:43.145224192Z");
    assert_format(INT64_MAX, "2262-04-11T23:47:16.854775807Z");
    assert_round_trip(INT64_MIN);
    assert_round_trip(INT64_MIN + 1);
    assert_round_trip(INT64_MAX - 1);
    assert_round_trip(INT64_MAX);
    assert_refused("1677-09-21T00:12:43.145224191Z");
    assert_refused("1677-09-21T00:12:43Z");
    assert_refused("1677-09-21T00:12:42.999999999Z");
    assert_refused("2262-04-11T23:47:16.854775808Z");
    assert_refused("2262-04-11T23:47:17Z");
    assert_parse("1677-09-21T00:12:44Z", INT64_C(-9223372036) * SECOND);
    assert_refused("1676-12-31");
    assert_refused("2263-01-01");
    assert_refused("0000-01-01");
    assert_refused("9999-12-31");
}

TEST(an_offset_can_bring_a_time_back_into_range)
{
    assert_parse("1677-09-20T23:12:43.145224192-01:00", INT64_MIN);
    assert_parse("2262-04-12T00:47:16.854775807+01:00", INT64_MAX);
    assert_refused("1677-09-21T00:12:43.145224192+00:01");
    assert_refused("2262-04-11T23:47:16.854775807-00:01");
}

TEST(leap_years_have_a_29th_of_february)
{
    assert_parse("2000-02-29", INT64_C(951782400) * SECOND);
    assert_parse("2000-03-01", INT64_C(951868800) * SECOND);
    assert_parse("2024-02-29T12:00:00Z", INT64_C(1709208000) * SECOND);
    assert_parse("1948-02-29", INT64_C(-689212800) * SECOND);
    assert_parse("2024-12-31", INT64_C(1735603200) * SECOND);
    assert_refused("1900-02-29");
    assert_refused("2100-02-29");
    assert_refused("2023-02-29");
    assert_refused("2024-02-30");
}

TEST(every_month_has_its_last_day_and_no_other)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    for (int month = 1; month <= 12; month++) {
        char text[32];
        int64_t last;
        int64_t first;
        (void)snprintf(text, sizeof text, "2023-%02d-%02d", month, days[month - 1]);
        assert_status(factum_time_parse(factum_slice_from(text), &last), FACTUM_OK);
        (void)snprintf(text, sizeof text, "2023-%02d-%02d", month, days[month - 1] + 1);
        assert_refused(text);
        (void)snprintf(text, sizeof text, "%d-%02d-01", month == 12 ? 2024 : 2023, month % 12 + 1);
        assert_status(factum_time_parse(factum_slice_from(text), &first), FACTUM_OK);
        assert_int_equal(first - last, DAY);
    }
}

/* A calendar that only counts: every day of the range, one after the other. */
TEST(every_day_of_the_range_comes_after_the_one_before)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = 1678;
    int month = 1;
    int day = 1;
    for (int64_t time = INT64_C(-106650) * DAY; year < 2262; time += DAY) {
        char expected[64];
        char text[FACTUM_TIME_TEXT_SIZE];
        (void)snprintf(expected, sizeof expected, "%04d-%02d-%02dT00:00:00Z", year, month, day);
        factum_time_format(time, text);
        if (strcmp(text, expected) != 0) {
            print_error("%s, not %s\n", text, expected);
            fail();
        }
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        if (++day > days[month - 1] + (month == 2 && leap ? 1 : 0)) {
            day = 1;
            month = month % 12 + 1;
            year += month == 1;
        }
    }
}

TEST(any_time_comes_back_from_its_text)
{
    const uint64_t seed = 19480514;
    struct fct_random random = {seed};
    print_message("# seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < 20000; i++) {
        int64_t time = (int64_t)fct_random_next(&random);
        assert_round_trip(time);
        assert_round_trip(time - time % 1000);
        assert_round_trip(time - time % 1000000);
        assert_round_trip(time - time % SECOND);
    }
}

TEST(texts_are_in_the_order_of_their_times)
{
    const uint64_t seed = 3;
    struct fct_random random = {seed};
    print_message("# seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < 5000; i++) {
        char a[FACTUM_TIME_TEXT_SIZE];
        char b[FACTUM_TIME_TEXT_SIZE];
        int64_t time = (int64_t)(fct_random_next(&random) >> 1) / SECOND * SECOND;
        int64_t later = time + (int64_t)(1 + fct_random_below(&random, 1000)) * SECOND;
        if (later > time) {
            factum_time_format(time, a);
            factum_time_format(later, b);
            assert_true(strcmp(a, b) < 0);
        }
    }
}

TEST(an_offset_is_taken_off)
{
    assert_parse("1970-01-01T02:00:00+02:00", 0);
    assert_parse("1969-12-31T16:30:00-07:30", 0);
    assert_parse("1970-01-01T23:59:00+23:59", 0);
    assert_parse("1970-01-01T00:00:00-00:00", 0);
    assert_parse("1970-01-01T00:00:00+00:00", 0);
    assert_refused("1970-01-01T00:00:00+24:00");
    assert_refused("1970-01-01T00:00:00+00:60");
    assert_refused("1970-01-01T00:00:00+0000");
    assert_refused("1970-01-01T00:00:00+00");
    assert_refused("1970-01-01T00:00:00");
}

TEST(letters_may_be_small_and_the_t_a_space)
{
    assert_parse("1970-01-01t00:00:01z", SECOND);
    assert_parse("1970-01-01 00:00:01Z", SECOND);
    assert_parse("1970-01-01T00:00:01,5Z", SECOND + SECOND / 2);
}

TEST(up_to_nine_decimals_are_read)
{
    assert_parse("1970-01-01T00:00:00.1Z", 100000000);
    assert_parse("1970-01-01T00:00:00.12Z", 120000000);
    assert_parse("1970-01-01T00:00:00.000000001Z", 1);
    assert_parse("1970-01-01T00:00:00.123456789Z", 123456789);
    assert_refused("1970-01-01T00:00:00.1234567890Z");
    assert_refused("1970-01-01T00:00:00.Z");
    assert_refused("1970-01-01T00:00:00.");
}

TEST(a_leap_second_is_the_last_moment_before_midnight)
{
    int64_t midnight;
    assert_status(factum_time_parse(FCT_SLICE("2017-01-01"), &midnight), FACTUM_OK);
    assert_parse("2016-12-31T23:59:60Z", midnight - 1);
    assert_parse("2016-12-31T23:59:60.25Z", midnight - 1);
    assert_parse("2017-01-01T01:59:60+02:00", midnight - 1);
    assert_status(factum_time_parse(FCT_SLICE("1948-07-01"), &midnight), FACTUM_OK);
    assert_parse("1948-06-30T23:59:60Z", midnight - 1);
}

TEST(second_60_anywhere_else_is_refused)
{
    static const char *const texts[] = {
        "2025-03-10T12:34:60Z",      "2016-12-31T23:59:61Z", "2016-12-31T23:58:60Z",
        "2016-12-31T23:59:60+01:00", "2016-12-30T23:59:60Z", "2016-06-29T23:59:60Z",
        "1970-01-01T00:00:60Z",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_refused(texts[i]);
    }
}

TEST(what_is_out_of_its_range_is_refused)
{
    static const char *const texts[] = {
        "2024-00-01",
        "2024-13-01",
        "2024-01-00",
        "2024-01-32",
        "2024-04-31",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:60:00Z",
        "2024-01-01T00:00:61Z",
        "2024-1-1",
        "24-01-01",
        "02024-01-01",
        "+2024-01-01",
        "-2024-01-01",
        "2024-01-01T0:00:00Z",
        "2024-01-01T00:00Z",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_refused(texts[i]);
    }
}

TEST(every_truncated_time_except_a_date_is_refused)
{
    static const char whole[] = "2024-02-29T12:34:56.789012345+01:30";
    int64_t time = 0;
    for (size_t len = 0; len < sizeof whole; len++) {
        factum_status status = factum_time_parse(fct_slice(whole, len), &time);
        bool good = len == 10 || len == sizeof whole - 1;
        assert_status(status, good ? FACTUM_OK : FACTUM_INVALID);
    }
}

TEST(every_strange_byte_in_a_time_is_refused)
{
    char text[] = "2024-02-29T12:34:56Z";
    for (size_t i = 0; i < sizeof text - 1; i++) {
        static const char strange[] = {'\0', '/', ';', 'x', '\x80', '\xff', '\n'};
        char before = text[i];
        for (size_t j = 0; j < sizeof strange; j++) {
            int64_t time = 7;
            text[i] = strange[j];
            assert_status(factum_time_parse(fct_slice(text, sizeof text - 1), &time),
                          FACTUM_INVALID);
            assert_int_equal(time, 7);
        }
        text[i] = before;
    }
    assert_refused("2024-02-29T12:34:56Z ");
    assert_refused(" 2024-02-29T12:34:56Z");
    assert_refused("");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_beginning_is_1970),
        CASE(as_many_decimals_as_the_time_needs),
        CASE(times_before_1970_are_negative),
        CASE(the_first_and_the_last_time_are_printed_and_read),
        CASE(an_offset_can_bring_a_time_back_into_range),
        CASE(leap_years_have_a_29th_of_february),
        CASE(every_month_has_its_last_day_and_no_other),
        CASE(every_day_of_the_range_comes_after_the_one_before),
        CASE(any_time_comes_back_from_its_text),
        CASE(texts_are_in_the_order_of_their_times),
        CASE(an_offset_is_taken_off),
        CASE(letters_may_be_small_and_the_t_a_space),
        CASE(up_to_nine_decimals_are_read),
        CASE(a_leap_second_is_the_last_moment_before_midnight),
        CASE(second_60_anywhere_else_is_refused),
        CASE(what_is_out_of_its_range_is_refused),
        CASE(every_truncated_time_except_a_date_is_refused),
        CASE(every_strange_byte_in_a_time_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
