/* filter_test.c - a filter never denies what was added, seldom affirms the rest. Layer: index. */
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

static void its_size_is_a_whole_number_of_blocks(void **state)
{
    (void)state;
    assert_int_equal(fct_filter_size(0), 64);
    assert_int_equal(fct_filter_size(1), 64);
    assert_int_equal(fct_filter_size(42), 64);
    assert_int_equal(fct_filter_size(43), 128);
    assert_int_equal(fct_filter_size(1000000), 1500032);
    for (uint64_t keys = 0; keys < 5000; keys++) {
        assert_int_equal(fct_filter_size(keys) % 64, 0);
        assert_true(fct_filter_size(keys) * 8 >= keys * 12);
    }
}

static void every_block_lies_inside(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {64, 128, 192, 64 * 1000};
    struct fct_random random = {1};
    for (size_t i = 0; i < 4; i++) {
        assert_true(fct_filter_block(0, sizes[i]) == 0);
        assert_true(fct_filter_block(UINT64_MAX, sizes[i]) == sizes[i] - 64);
        for (int j = 0; j < 10000; j++) {
            uint64_t block = fct_filter_block(fct_random_next(&random), sizes[i]);
            assert_true(block % 64 == 0 && block <= sizes[i] - 64);
        }
    }
}

static void an_empty_filter_denies_everything(void **state)
{
    (void)state;
    static uint8_t filter[128];
    struct fct_random random = {2};
    for (int i = 0; i < 10000; i++) {
        struct fct_index_key key = random_key(&random);
        assert_false(fct_filter_test(filter, sizeof filter, &key));
    }
}

static void what_was_added_is_never_denied(void **state)
{
    (void)state;
    static const uint64_t counts[] = {1, 2, 42, 43, 1000, 20000};
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
            assert_true(fct_filter_test(filter, size, &key));
        }
        test_free(filter);
    }
}

static void below_one_in_a_hundred_other_keys_is_affirmed(void **state)
{
    (void)state;
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
        affirmed += fct_filter_test(filter, size, &key);
    }
    assert_in_range(affirmed, 1, count / 100);
    test_free(filter);
}

static void the_same_hash_of_another_kind_is_another_key(void **state)
{
    (void)state;
    uint64_t size = fct_filter_size(1000);
    uint8_t *filter = test_calloc(1, size);
    struct fct_random random = {3};
    int affirmed = 0;
    for (int i = 0; i < 1000; i++) {
        struct fct_index_key key = random_key(&random);
        key.kind = FCT_INDEX_STREAM;
        fct_filter_add(filter, size, &key);
        key.kind = FCT_INDEX_TAG;
        affirmed += fct_filter_test(filter, size, &key);
    }
    assert_true(affirmed < 30);
    test_free(filter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_size_is_a_whole_number_of_blocks),
        cmocka_unit_test(every_block_lies_inside),
        cmocka_unit_test(an_empty_filter_denies_everything),
        cmocka_unit_test(what_was_added_is_never_denied),
        cmocka_unit_test(below_one_in_a_hundred_other_keys_is_affirmed),
        cmocka_unit_test(the_same_hash_of_another_kind_is_another_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
