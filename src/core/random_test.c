/* random_test.c - the generator's values do not change, and its ranges are even. Layer: core. */
#include "core/random.h"

#include "support/test.h"

static void the_published_values_hold(void **state)
{
    (void)state;
    struct fct_random random = {1234567};
    assert_true(fct_random_next(&random) == UINT64_C(6457827717110365317));
    assert_true(fct_random_next(&random) == UINT64_C(3203168211198807973));
    assert_true(fct_random_next(&random) == UINT64_C(9817491932198370423));
    assert_true(fct_random_next(&random) == UINT64_C(4593380528125082431));
    assert_true(fct_random_next(&random) == UINT64_C(16408922859458223821));
}

static void the_same_seed_gives_the_same_values(void **state)
{
    (void)state;
    struct fct_random a = {42};
    struct fct_random b = {42};
    for (int i = 0; i < 100; i++) {
        assert_true(fct_random_next(&a) == fct_random_next(&b));
    }
}

static void below_one_there_is_only_zero(void **state)
{
    (void)state;
    struct fct_random random = {7};
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(fct_random_below(&random, 1), 0);
    }
}

static void values_stay_below_any_bound(void **state)
{
    (void)state;
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
static void small_values_are_even(void **state)
{
    (void)state;
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
static void large_bounds_have_no_bias(void **state)
{
    (void)state;
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
        cmocka_unit_test(the_published_values_hold),
        cmocka_unit_test(the_same_seed_gives_the_same_values),
        cmocka_unit_test(below_one_there_is_only_zero),
        cmocka_unit_test(values_stay_below_any_bound),
        cmocka_unit_test(small_values_are_even),
        cmocka_unit_test(large_bounds_have_no_bias),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
