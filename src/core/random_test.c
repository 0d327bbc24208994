/* random_test.c - the generator's values do not change, and its ranges are even. Layer: core. */
#include "core/random.h"

#include "support/test.h"

TEST(the_published_values_hold)
{
    struct fct_random random = {1234567};
    assert_true(fct_random_next(&random) == UINT64_C(6457827717110365317));
    assert_true(fct_random_next(&random) == UINT64_C(3203168211198807973));
    assert_true(fct_random_next(&random) == UINT64_C(9817491932198370423));
    assert_true(fct_random_next(&random) == UINT64_C(4593380528125082431));
    assert_true(fct_random_next(&random) == UINT64_C(16408922859458223821));
}

TEST(the_same_seed_gives_the_same_values)
{
    struct fct_random a = {42};
    struct fct_random b = {42};
    for (int i = 0; i < 100; i++) {
        assert_true(fct_random_next(&a) == fct_random_next(&b));
    }
}

TEST(below_one_there_is_only_zero)
{
    struct fct_random random = {7};
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(fct_random_below(&random, 1), 0);
    }
}

TEST(values_stay_below_any_bound)
{
    static const uint64_t bounds[] = {2,
                                      3,
                                      10,
                                      255,
                                      256,
                                      257,
                                      UINT32_MAX,
                                      UINT64_C(1) << 63,
                                      (UINT64_C(1) << 63) + 1,
                                      UINT64_MAX - 1,
                                      UINT64_MAX};
    struct fct_random random = {8};
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        for (int j = 0; j < 1000; j++) {
            assert_true(fct_random_below(&random, bounds[i]) < bounds[i]);
        }
    }
}

/* 100,000 draws of 10: each some 10,000 times, within 5 standard deviations. */
TEST(small_values_are_even)
{
    int counts[10] = {0};
    struct fct_random random = {9};
    for (int i = 0; i < 100000; i++) {
        counts[fct_random_below(&random, 10)]++;
    }
    for (int i = 0; i < 10; i++) {
        assert_in_range(counts[i], 9500, 10500);
    }
}

/* A plain remainder would put twice as many into the lower third. */
TEST(large_bounds_have_no_bias)
{
    const uint64_t bound = UINT64_C(3) << 62;
    struct fct_random random = {10};
    int low = 0;
    for (int i = 0; i < 30000; i++) {
        low += fct_random_below(&random, bound) < bound / 3;
    }
    assert_in_range(low, 9500, 10500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_published_values_hold),    CASE(the_same_seed_gives_the_same_values),
        CASE(below_one_there_is_only_zero), CASE(values_stay_below_any_bound),
        CASE(small_values_are_even),        CASE(large_bounds_have_no_bias),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
