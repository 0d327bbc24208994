/* hash_test.c - hashes that indexes on disk were built with do not change. Layer: core. */
#include "core/hash.h"

#include "core/slice.h"
#include "support/test.h"

TEST(the_published_values_hold)
{
    /* XXH3 of nothing, seed 0, as its specification gives them. */
    assert_true(fct_hash64((factum_slice){0}, 0) == UINT64_C(0x2d06800538d394c2));
    struct fct_hash128 hash = fct_hash128((factum_slice){0}, 0);
    assert_true(hash.low == UINT64_C(0x6001c324468d497f));
    assert_true(hash.high == UINT64_C(0x99aa06d3014798d8));
}

TEST(another_seed_gives_another_hash)
{
    factum_slice name = FCT_SLICE("order-1");
    assert_true(fct_hash64(name, 0) != fct_hash64(name, 1));
    assert_false(fct_hash128_equal(fct_hash128(name, 0), fct_hash128(name, 1)));
    assert_false(fct_hash128_equal(fct_hash128(name, 0), fct_hash128(name, UINT64_MAX)));
    assert_true(fct_hash128_equal(fct_hash128(name, 7), fct_hash128(name, 7)));
}

TEST(names_of_every_length_differ)
{
    static uint8_t text[600];
    struct fct_hash128 before = fct_hash128(fct_slice(text, 0), 5);
    for (size_t len = 1; len <= sizeof text; len++) {
        struct fct_hash128 hash = fct_hash128(fct_slice(text, len), 5);
        assert_false(fct_hash128_equal(hash, before));
        before = hash;
    }
}

TEST(equality_looks_at_both_halves)
{
    struct fct_hash128 a = {.low = 1, .high = 2};
    struct fct_hash128 low = {.low = 3, .high = 2};
    struct fct_hash128 high = {.low = 1, .high = 3};
    assert_true(fct_hash128_equal(a, a));
    assert_false(fct_hash128_equal(a, low));
    assert_false(fct_hash128_equal(a, high));
}

TEST(the_order_is_that_of_the_high_half_then_of_the_low)
{
    static const struct fct_hash128 sorted[] = {
        {.high = 0, .low = 0},          {.high = 0, .low = 1},
        {.high = 0, .low = UINT64_MAX}, {.high = 1, .low = 0},
        {.high = UINT64_MAX, .low = 0}, {.high = UINT64_MAX, .low = UINT64_MAX},
    };
    for (int i = 0; i < 6; i++) {
        for (int j = 0; j < 6; j++) {
            int order = fct_hash128_compare(sorted[i], sorted[j]);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_published_values_hold),
        CASE(another_seed_gives_another_hash),
        CASE(names_of_every_length_differ),
        CASE(equality_looks_at_both_halves),
        CASE(the_order_is_that_of_the_high_half_then_of_the_low),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
