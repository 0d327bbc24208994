/* filter_test.c - a filter never denies a key that was added, and seldom affirms another. Layer:
 * index. */
#include "index/filter.h"

#include <stdlib.h>

#include "core/random.h"
#include "support/test.h"

static struct fct_index_key random_key(struct fct_random *random)
{
    return (struct fct_index_key){
        .hash = {.low = fct_random_next(random), .high = fct_random_next(random)},
        .kind = (enum fct_index_kind)(1 + fct_random_below(random, 6)),
    };
}

static bool test_key(const uint8_t *filter, uint64_t size, const struct fct_index_key *key)
{
    uint64_t mixed = fct_filter_mix(key);
    return fct_filter_test(filter + fct_filter_block(mixed, size), mixed);
}

TEST(its_size_is_a_whole_number_of_pages)
{
    assert_int_equal(fct_filter_size(0), 4096);
    assert_int_equal(fct_filter_size(1), 4096);
    assert_int_equal(fct_filter_size(2688), 4096); /* 63 blocks of 512 bits */
    assert_int_equal(fct_filter_size(2689), 8192);
    assert_int_equal(fct_filter_size(1000000), 373 * 4096);
}

TEST(every_block_lies_inside)
{
    static const uint64_t sizes[] = {4096, 8192, 3 * 4096, 1000 * 4096};
    struct fct_random random = {1};
    for (size_t i = 0; i < 4; i++) {
        assert_true(fct_filter_block(0, sizes[i]) == 0);
        assert_true(fct_filter_block(UINT64_MAX, sizes[i]) == sizes[i] - 128);
        for (int j = 0; j < 10000; j++) {
            uint64_t block = fct_filter_block(fct_random_next(&random), sizes[i]);
            assert_true(block % 64 == 0 && block <= sizes[i] - 128);
            assert_true(block % 4096 != 4096 - 64); /* where the page's checksum is */
        }
    }
}

TEST(every_block_is_used_as_often_as_others)
{
    enum { PAGES = 3, KEYS = 63 * PAGES * 1000 };
    static uint32_t used[PAGES * 64];
    struct fct_random random = {4};
    for (int i = 0; i < KEYS; i++) {
        used[fct_filter_block(fct_random_next(&random), PAGES * 4096) / 64]++;
    }
    for (size_t i = 0; i < PAGES * 64; i++) {
        assert_in_range(used[i], i % 64 == 63 ? 0 : 850, i % 64 == 63 ? 0 : 1150);
    }
}

TEST(an_empty_filter_denies_everything)
{
    static uint8_t filter[8192];
    struct fct_random random = {2};
    for (int i = 0; i < 10000; i++) {
        struct fct_index_key key = random_key(&random);
        assert_false(test_key(filter, sizeof filter, &key));
    }
}

TEST(what_was_added_is_never_denied)
{
    static const uint64_t counts[] = {1, 2, 2688, 2689, 20000};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        uint64_t size = fct_filter_size(counts[i]);
        uint8_t *filter = test_calloc(1, size);
        struct fct_random random = {i};
        for (uint64_t j = 0; j < counts[i]; j++) {
            struct fct_index_key key = random_key(&random);
            fct_filter_add(filter, size, &key);
        }
        random.state = i;
        for (uint64_t j = 0; j < counts[i]; j++) {
            struct fct_index_key key = random_key(&random);
            assert_true(test_key(filter, size, &key));
        }
        test_free(filter);
    }
}

TEST(below_one_in_a_hundred_other_keys_is_affirmed)
{
    const uint64_t seed = 77;
    const uint64_t count = 50000;
    uint64_t size = fct_filter_size(count);
    uint8_t *filter = test_calloc(1, size);
    struct fct_random random = {seed};
    int affirmed = 0;
    print_message("# seed %llu\n", (unsigned long long)seed);
    for (uint64_t j = 0; j < count; j++) {
        struct fct_index_key key = random_key(&random);
        fct_filter_add(filter, size, &key);
    }
    for (uint64_t j = 0; j < count; j++) {
        struct fct_index_key key = random_key(&random);
        affirmed += test_key(filter, size, &key);
    }
    assert_in_range(affirmed, 1, count / 100);
    test_free(filter);
}

TEST(the_same_hash_of_another_kind_is_another_key)
{
    uint64_t size = fct_filter_size(2688);
    uint8_t *filter = test_calloc(1, size);
    struct fct_random random = {3};
    int affirmed = 0;
    for (int i = 0; i < 2688; i++) {
        struct fct_index_key key = random_key(&random);
        key.kind = FCT_INDEX_STREAM;
        fct_filter_add(filter, size, &key);
        key.kind = FCT_INDEX_TAG;
        affirmed += test_key(filter, size, &key);
    }
    assert_true(affirmed < 60);
    test_free(filter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(its_size_is_a_whole_number_of_pages),
        CASE(every_block_is_used_as_often_as_others),
        CASE(every_block_lies_inside),
        CASE(an_empty_filter_denies_everything),
        CASE(what_was_added_is_never_denied),
        CASE(below_one_in_a_hundred_other_keys_is_affirmed),
        CASE(the_same_hash_of_another_kind_is_another_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
