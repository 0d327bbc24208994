/* number_test.c - numbers by their digits. Layer: schema. */
#include "schema/number.h"

#include "support/test.h"

static struct fct_decimal parsed(const char *text)
{
    return fct_decimal_parse(factum_slice_from(text));
}

TEST(equal_numbers_compare_and_hash_equal_in_every_form)
{
    static const char *const forms[][4] = {
        {"1", "1.0", "10e-1", "0.1e1"},
        {"0", "-0", "0.000", "0e99999999999999999999"},
        {"-1200", "-1.2e3", "-12e2", "-0.0012E6"},
        {"12345678901234567890", "1234567890123456789e1", "12345678901234567890.000",
         "0.12345678901234567890e20"},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        for (size_t k = 1; k < 4; k++) {
            struct fct_decimal a = parsed(forms[i][0]);
            struct fct_decimal b = parsed(forms[i][k]);
            assert_int_equal(fct_decimal_compare(&a, &b), 0);
            assert_true(fct_decimal_hash(&a, 7) == fct_decimal_hash(&b, 7));
        }
    }
}

TEST(numbers_are_ordered_exactly)
{
    static const char *const rising[] = {
        "-1e999999999999999999999",
        "-1e308",
        "-2",
        "-1.0000000000000000000001",
        "-1",
        "-1e-400",
        "0",
        "1e-999999999999",
        "1e-400",
        "0.1",
        "0.10000000000000000000000001",
        "9007199254740992",
        "9007199254740993",
        "1e308",
        "1e309",
    };
    size_t count = sizeof rising / sizeof rising[0];
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++) {
            struct fct_decimal a = parsed(rising[i]);
            struct fct_decimal b = parsed(rising[k]);
            int wanted = i < k ? -1 : i > k;
            int got = fct_decimal_compare(&a, &b);
            assert_int_equal(got < 0 ? -1 : got > 0, wanted);
        }
    }
}

TEST(multiples_are_exact)
{
    static const struct {
        const char *number, *of;
        bool multiple;
    } cases[] = {
        {"0.3", "0.1", true},
        {"19.99", "0.01", true},
        {"0.015", "0.01", false},
        {"1e308", "1e308", true},
        {"1e308", "7", false},
        {"7e1000000000", "7", true},
        {"1e1000000000", "1024", true},
        {"1e9", "1024", false},
        {"0", "3", true},
        {"-6", "3", true},
        {"1e-5", "1e-6", true},
        {"1e-6", "1e-5", false},
        {"999999999999999998999999999999999999", "999999999999999999", false},
        {"999999999999999998000000000000000001", "999999999999999999", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fct_decimal number = parsed(cases[i].number);
        struct fct_decimal of = parsed(cases[i].of);
        struct fct_divisor divisor;
        assert_true(fct_divisor_from(&of, &divisor));
        if (fct_decimal_is_multiple(&number, &divisor) != cases[i].multiple) {
            print_error("%s of %s\n", cases[i].number, cases[i].of);
            fail();
        }
    }
}

TEST(a_divisor_is_above_zero_and_has_18_digits_at_most)
{
    static const char *const refused[] = {"0", "-1", "1234567890123456789", "0.0"};
    struct fct_divisor divisor;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct fct_decimal number = parsed(refused[i]);
        assert_false(fct_divisor_from(&number, &divisor));
    }
}

TEST(counts_are_whole_and_not_negative)
{
    static const struct {
        const char *text;
        bool good;
        uint32_t count;
    } cases[] = {
        {"0", true, 0},
        {"2.0", true, 2},
        {"1e3", true, 1000},
        {"4294967295", true, UINT32_MAX},
        {"1e99", true, UINT32_MAX},
        {"1.5", false, 0},
        {"-1", false, 0},
        {"-0", true, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fct_decimal number = parsed(cases[i].text);
        uint32_t count = 77;
        assert_int_equal(fct_decimal_count(&number, &count), cases[i].good);
        assert_true(!cases[i].good || count == cases[i].count);
    }
}

TEST(small_numbers_become_integers)
{
    int64_t value = 0;
    struct fct_decimal number = parsed("-120e1");
    assert_true(fct_decimal_small(&number, &value));
    assert_true(value == -1200);
    number = parsed("999999999999999999");
    assert_true(fct_decimal_small(&number, &value));
    assert_true(value == INT64_C(999999999999999999));
    number = parsed("1000000000000000000");
    assert_false(fct_decimal_small(&number, &value));
    number = parsed("1.5");
    assert_false(fct_decimal_small(&number, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(equal_numbers_compare_and_hash_equal_in_every_form),
        CASE(numbers_are_ordered_exactly),
        CASE(multiples_are_exact),
        CASE(a_divisor_is_above_zero_and_has_18_digits_at_most),
        CASE(counts_are_whole_and_not_negative),
        CASE(small_numbers_become_integers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
