/* json_number_test.c - the numbers of JSON: whole ones, doubles, and their order. Layer: codec. */
#include "codec/json_number.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>

#include "core/random.h"
#include "support/test.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- whole numbers --------------------------------------------------------------------------- */

TEST(whole_numbers_within_64_bits_are_exact)
{
    static const struct {
        const char *text;
        bool is_signed, is_unsigned;
        uint64_t number; /* of a negative one, its two's complement */
    } cases[] = {
        {"0", true, true, 0},
        {"-0", true, true, 0},
        {"-0.0e-7", true, true, 0},
        {"0e99999999999999999999999", true, true, 0},
        {"1.0", true, true, 1},
        {"1e3", true, true, 1000},
        {"1.5E+1", true, true, 15},
        {"1200e-2", true, true, 12},
        {"1e0000000000000000000000000003", true, true, 1000},
        {"0.00000000000000000000000000001e29", true, true, 1},
        {"-1", true, false, UINT64_MAX},
        {"9223372036854775807", true, true, INT64_MAX},
        {"9223372036854775808", false, true, UINT64_C(1) << 63},
        {"-9223372036854775808", true, false, UINT64_C(1) << 63},
        {"-9223372036854775809", false, false, 0},
        {"18446744073709551615", false, true, UINT64_MAX},
        {"1844674407370955161.5e1", false, true, UINT64_MAX},
        {"18446744073709551616", false, false, 0},
        {"99999999999999999999", false, false, 0},
        {"1e19", false, true, UINT64_C(10000000000000000000)},
        {"1e20", false, false, 0},
        {"1e99999999999999999999999", false, false, 0},
        {"0.5", false, false, 0},
        {"1e-1", false, false, 0},
        {"1e-99999999999999999999999", false, false, 0},
        {"9223372036854775807.5", false, false, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        factum_slice text = factum_slice_from(cases[i].text);
        int64_t with_sign = 77;
        uint64_t without = 77;
        assert_status(fct_json_number_int64(text, &with_sign),
                      cases[i].is_signed ? FACTUM_OK : FACTUM_INVALID);
        assert_status(fct_json_number_uint64(text, &without),
                      cases[i].is_unsigned ? FACTUM_OK : FACTUM_INVALID);
        assert_true((uint64_t)with_sign == (cases[i].is_signed ? cases[i].number : 77));
        assert_true(without == (cases[i].is_unsigned ? cases[i].number : 77));
    }
}

TEST(a_number_of_any_size_is_whole_or_not)
{
    static const char *const whole[] = {"0",       "-0.000",
                                        "0e-9",    "1e400",
                                        "12.34e2", "-1e99999999999999999999",
                                        "100e-2",  "123456789012345678901234567890"};
    static const char *const not_whole[] = {"0.1",   "12.34e1",
                                            "1e-1",  "1e-99999999999999999999",
                                            "10e-2", "123456789012345678901234567890.5"};
    for (size_t i = 0; i < COUNT(whole); i++) {
        assert_true(fct_json_number_whole(factum_slice_from(whole[i])));
    }
    for (size_t i = 0; i < COUNT(not_whole); i++) {
        assert_false(fct_json_number_whole(factum_slice_from(not_whole[i])));
    }
}

/* ---- doubles --------------------------------------------------------------------------------- */

static double double_of(const char *text)
{
    double number = 77;
    assert_status(fct_json_number_double(factum_slice_from(text), &number), FACTUM_OK);
    return number;
}

static bool same_double(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

TEST(doubles_are_rounded_to_the_nearest)
{
    static const struct {
        const char *text;
        double number;
    } cases[] = {
        {"0", 0.0},
        {"-0", -0.0},
        {"-0.0e5", -0.0},
        {"1", 1.0},
        {"0.1", 0.1},
        {"-12.5e-1", -1.25},
        {"1e22", 1e22},
        {"1e23", 1e23},
        {"123456789012345678", 123456789012345678.0},
        {"9007199254740993", 9007199254740992.0}, /* a tie: to the even one */
        {"9007199254740993.0000000000000000000001", 9007199254740994.0},
        {"9007199254740995", 9007199254740996.0},
        {"1.7976931348623157e308", DBL_MAX},
        {"1.7976931348623158079e308", DBL_MAX},
        {"2.2250738585072014e-308", DBL_MIN},
        {"4.9e-324", 4.9e-324},
        {"2.4703282292062327208e-324", 0.0}, /* just under half of the least */
        {"2.4703282292062327209e-324", 4.9e-324},
        {"1e-400", 0.0},
        {"-1e-99999999999999999999", -0.0},
        {"0e99999999999999999999", 0.0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (!same_double(double_of(cases[i].text), cases[i].number)) {
            print_error("%s: %.17g\n", cases[i].text, double_of(cases[i].text));
            fail();
        }
    }
    static const char *const too_large[] = {"1e309", "-1e309", "1.7976931348623159e308", "1e400",
                                            "1e99999999999999999999"};
    for (size_t i = 0; i < COUNT(too_large); i++) {
        double number = 77;
        assert_status(fct_json_number_double(factum_slice_from(too_large[i]), &number),
                      FACTUM_INVALID);
        assert_true(same_double(number, 77));
    }
}

TEST(any_digit_of_a_long_number_decides_a_tie)
{
    static char text[5000];
    /* 2^53 + 1 and some 4,900 zeros: a tie, until a last digit decides it */
    memcpy(text, "9007199254740993.", 17);
    memset(text + 17, '0', 4900);
    assert_true(same_double(double_of(text), 9007199254740992.0));
    text[17 + 4899] = '1';
    assert_true(same_double(double_of(text), 9007199254740994.0));
    /* many digits, and an exponent that cancels them */
    memset(text, '3', 4000);
    memcpy(text + 4000, "e-4000", 7);
    assert_true(same_double(double_of(text), 1.0 / 3));
    memcpy(text, "0.", 2);
    memset(text + 2, '0', 4000);
    memcpy(text + 4002, "25e4000", 8);
    assert_true(same_double(double_of(text), 0.25));
}

TEST(any_double_comes_back)
{
    struct fct_random random = {754};
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = fct_random_next(&random);
        double number;
        char text[40];
        memcpy(&number, &bits, sizeof number);
        if (isfinite(number)) {
            (void)snprintf(text, sizeof text, "%.17g", number);
            assert_true(same_double(double_of(text), number));
        }
    }
}

TEST(the_locale_does_not_matter)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"};
    bool set = false;
    for (size_t i = 0; i < COUNT(names) && !set; i++) {
        set = setlocale(LC_NUMERIC, names[i]) != NULL;
    }
    if (!set) {
        skip(); /* no locale with another point than '.' is installed */
    }
    double number = double_of("0.5");
    (void)setlocale(LC_NUMERIC, "C");
    assert_true(same_double(number, 0.5));
}

/* ---- order ----------------------------------------------------------------------------------- */

static int order(const char *a, const char *b)
{
    int result = factum_json_compare_numbers(factum_slice_from(a), factum_slice_from(b));
    return (result > 0) - (result < 0);
}

TEST(numbers_are_in_their_exact_order)
{
    /* Each line is larger than the one before; numbers of a line are equal. */
    static const char *const lines[][4] = {
        {"-1e99999999999999999999999", "-10e99999999999999999999998"},
        {"-1e99999999999999999999998"},
        {"-1e400", "-10e399", "-0.1e401"},
        {"-1e399"},
        {"-9007199254740993", "-9007199254740993.0"},
        {"-9007199254740992"},
        {"-2"},
        {"-1.5", "-15e-1", "-0.15E+1"},
        {"-1e-400"},
        {"-1e-99999999999999999999998"},
        {"-1e-99999999999999999999999", "-0.1e-99999999999999999999998"},
        {"0", "-0", "0.000e7", "0e99999999999999999999999"},
        {"1e-100000000000000000000000"},
        {"1e-99999999999999999999999", "0.1e-99999999999999999999998"},
        {"1e-400", "0.00001e-395"},
        {"0.0009"},
        {"0.001", "1e-3"},
        {"0.12"},
        {"0.123"},
        {"0.1230000000000000000000000000000000001"},
        {"1", "1.0", "10e-1", "1e00000000000000000000000"},
        {"9.999"},
        {"10", "1e1", "1e+0000001"},
        {"100", "100.000"},
        {"9007199254740992"},
        {"9007199254740993", "9.007199254740993e15"},
        {"123456789012345678901234567890"},
        {"123456789012345678901234567891"},
        {"1e399"},
        {"1e400", "10e399"},
        {"1e99999999999999999999998"},
        {"1e99999999999999999999999", "10e99999999999999999999998"},
        {"1e100000000000000000000000"},
    };
    for (size_t i = 0; i < COUNT(lines); i++) {
        for (size_t j = 0; j < COUNT(lines); j++) {
            for (size_t k = 0; k < 16; k++) {
                const char *a = lines[i][k / 4];
                const char *b = lines[j][k % 4];
                int expected = (i > j) - (i < j);
                if (a != NULL && b != NULL && order(a, b) != expected) {
                    print_error("%s and %s: %d\n", a, b, order(a, b));
                    fail();
                }
            }
        }
    }
}

TEST(the_order_is_that_of_integers)
{
    struct fct_random random = {1};
    for (int i = 0; i < 20000; i++) {
        int64_t a = (int64_t)fct_random_next(&random) >> fct_random_below(&random, 64);
        int64_t b = (int64_t)fct_random_next(&random) >> fct_random_below(&random, 64);
        char text_a[40];
        char text_b[40];
        (void)snprintf(text_a, sizeof text_a, "%lld", (long long)a);
        (void)snprintf(text_b, sizeof text_b, "%lld00e-2", (long long)b);
        assert_int_equal(order(text_a, text_b), (a > b) - (a < b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(whole_numbers_within_64_bits_are_exact),
        CASE(a_number_of_any_size_is_whole_or_not),
        CASE(doubles_are_rounded_to_the_nearest),
        CASE(any_digit_of_a_long_number_decides_a_tie),
        CASE(any_double_comes_back),
        CASE(the_locale_does_not_matter),
        CASE(numbers_are_in_their_exact_order),
        CASE(the_order_is_that_of_integers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
