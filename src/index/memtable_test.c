/* memtable_test.c - the newest postings in memory against arrays. Layer: index. */
#include "index/memtable.h"

#include <limits.h>
#include <stdlib.h>

#include "core/random.h"
#include "support/mem_fault.h"
#include "support/test.h"

static struct fct_index_key key_of(uint64_t number)
{
    return (struct fct_index_key){.hash = {.low = number, .high = number % 3},
                                  .kind = FCT_INDEX_STREAM};
}

struct fixture {
    struct fct_mem_fault mem;
    struct fct_memtable *table;
};

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    fct_mem_fault_init(&f->mem);
    f->table = fct_memtable_create(&f->mem.mem, (struct fct_index_point){.position = 64});
    assert_non_null(f->table);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fct_memtable_release(f->table);
    assert_int_equal(atomic_load(&f->mem.held), 0);
    test_free(f);
    return 0;
}

static void add(struct fixture *f, uint64_t number, uint64_t position)
{
    struct fct_index_entry entry = {.key = key_of(number), .position = position};
    assert_true(fct_memtable_reserve(f->table, 1, 0, 1));
    (void)fct_memtable_add(f->table, &entry);
    fct_memtable_show(f->table, f->table->end);
}

TEST(a_new_table_is_empty_and_begins_at_the_end_of_the_log)
{
    struct fixture *f = *state;
    struct fct_index_key key = key_of(1);
    assert_null(fct_memtable_find(f->table, &key));
    assert_int_equal(f->table->key_count, 0);
    assert_int_equal(f->table->posting_count, 0);
    assert_int_equal(f->table->from, 64);
    assert_int_equal(f->table->end.position, 64);
    assert_int_equal(f->table->references, 1);
    fct_memtable_release(NULL);
}

TEST(one_posting_is_first_and_last)
{
    struct fixture *f = *state;
    struct fct_index_key key = key_of(1);
    uint64_t got[2] = {0};
    add(f, 1, 68);
    const struct fct_mem_entry *entry = fct_memtable_find(f->table, &key);
    assert_non_null(entry);
    assert_int_equal(entry->count, 1);
    assert_int_equal(fct_mem_entry_first(entry), 68);
    assert_int_equal(entry->last, 68);
    assert_int_equal(fct_mem_entry_read(entry, 0, got, 2), 1);
    assert_int_equal(got[0], 68);
    assert_int_equal(fct_mem_entry_read(entry, 1, got, 2), 0);
    assert_int_equal(fct_mem_entry_read(entry, UINT64_MAX, got, 2), 0);
    assert_int_equal(fct_mem_entry_read(entry, 0, got, 0), 0);
}

TEST(what_is_added_is_hidden_until_it_is_shown)
{
    struct fixture *f = *state;
    struct fct_index_key old = key_of(1);
    struct fct_index_key new = key_of(2);
    uint64_t position = 100;
    for (uint32_t shown = 1; shown < 300; shown++) { /* over many chunks */
        add(f, 1, position);
        assert_true(fct_memtable_reserve(f->table, 3, 0, 3));
        for (uint64_t i = 1; i <= 3; i++) {
            (void)fct_memtable_add(f->table,
                                   &(struct fct_index_entry){old, position + i * 4, FCT_BIRTH_NO});
        }
        const struct fct_mem_entry *entry = fct_memtable_find(f->table, &old);
        assert_non_null(entry);
        assert_int_equal(fct_mem_entry_shown(f->table, entry), shown * 4 - 3);
        assert_int_equal(fct_mem_entry_last(f->table, entry), position);
        fct_memtable_show(f->table, f->table->end);
        assert_int_equal(fct_mem_entry_shown(f->table, entry), shown * 4);
        assert_int_equal(fct_mem_entry_last(f->table, entry), position + 12);
        position += 1000;
    }
    assert_true(fct_memtable_reserve(f->table, 1, 0, 1));
    (void)fct_memtable_add(f->table, &(struct fct_index_entry){new, position, FCT_BIRTH_NO});
    assert_null(fct_memtable_find(f->table, &new));
    fct_memtable_show(f->table, f->table->end);
    assert_non_null(fct_memtable_find(f->table, &new));
}

TEST(the_position_zero_and_the_greatest_can_be_held)
{
    struct fixture *f = *state;
    struct fct_index_key key = key_of(1);
    uint64_t got[3];
    add(f, 1, 0);
    add(f, 1, 4);
    add(f, 1, UINT64_MAX - 3);
    const struct fct_mem_entry *entry = fct_memtable_find(f->table, &key);
    assert_int_equal(fct_mem_entry_read(entry, 0, got, 3), 3);
    assert_true(got[0] == 0 && got[1] == 4 && got[2] == UINT64_MAX - 3);
    assert_int_equal(fct_mem_entry_seek(entry, UINT64_MAX - 3), 2);
    assert_int_equal(fct_mem_entry_seek(entry, UINT64_MAX), 3);
}

TEST(keys_that_differ_in_one_part_are_different)
{
    struct fixture *f = *state;
    struct fct_index_key a = {.hash = {1, 2}, .kind = FCT_INDEX_STREAM};
    struct fct_index_key low = {.hash = {3, 2}, .kind = FCT_INDEX_STREAM};
    struct fct_index_key high = {.hash = {1, 3}, .kind = FCT_INDEX_STREAM};
    struct fct_index_key kind = {.hash = {1, 2}, .kind = FCT_INDEX_TAG};
    struct fct_index_entry entry = {.key = a, .position = 100};
    assert_true(fct_memtable_reserve(f->table, 1, 0, 1));
    (void)fct_memtable_add(f->table, &entry);
    fct_memtable_show(f->table, f->table->end);
    assert_non_null(fct_memtable_find(f->table, &a));
    assert_null(fct_memtable_find(f->table, &low));
    assert_null(fct_memtable_find(f->table, &high));
    assert_null(fct_memtable_find(f->table, &kind));
}

TEST(the_order_is_kind_then_high_then_low)
{
    static const struct fct_index_key sorted[] = {
        {.kind = FCT_INDEX_STREAM, .hash = {.high = 0, .low = UINT64_MAX}},
        {.kind = FCT_INDEX_STREAM, .hash = {.high = 1, .low = 0}},
        {.kind = FCT_INDEX_STREAM, .hash = {.high = 1, .low = 1}},
        {.kind = FCT_INDEX_TAG, .hash = {.high = 0, .low = 0}},
    };
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 4; j++) {
            int order = fct_index_key_compare(&sorted[i], &sorted[j]);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
            assert_int_equal(fct_index_key_equal(&sorted[i], &sorted[j]), i == j);
        }
    }
}

TEST(sorted_gives_every_key_once_in_order)
{
    struct fixture *f = *state;
    for (uint64_t i = 0; i < 3000; i++) {
        add(f, i * 7919 % 1500, 1000 + i * 4);
    }
    struct fct_mem_place *sorted = fct_memtable_sorted(f->table);
    assert_non_null(sorted);
    assert_int_equal(f->table->key_count, 1500);
    for (size_t i = 1; i < 1500; i++) {
        assert_true(fct_index_key_compare(&sorted[i - 1].entry->key, &sorted[i].entry->key) < 0);
    }
    fct_mem_free(&f->mem.mem, sorted);
}

/* Positions of a few keys, in arrays. */
struct oracle {
    uint64_t *positions[40];
    size_t counts[40];
};

static void assert_list(const struct fct_memtable *table, const struct oracle *oracle, size_t key,
                        struct fct_random *random)
{
    static uint64_t got[20000];
    struct fct_index_key sought = key_of(key);
    const struct fct_mem_entry *entry = fct_memtable_find(table, &sought);
    size_t count = oracle->counts[key];
    if (count == 0) {
        assert_null(entry);
        return;
    }
    assert_non_null(entry);
    assert_int_equal(entry->count, count);
    assert_int_equal(fct_mem_entry_read(entry, 0, got, 20000), count);
    assert_memory_equal(got, oracle->positions[key], count * sizeof got[0]);
    for (int i = 0; i < 50; i++) {
        size_t from = (size_t)fct_random_below(random, count + 1);
        uint32_t room = 1 + (uint32_t)fct_random_below(random, 200);
        size_t expected = count - from < room ? count - from : room;
        assert_int_equal(fct_mem_entry_read(entry, from, got, room), expected);
        assert_memory_equal(got, oracle->positions[key] + from, expected * sizeof got[0]);
        if (from < count) {
            uint64_t position = oracle->positions[key][from];
            assert_int_equal(fct_mem_entry_seek(entry, position), from);
            assert_int_equal(fct_mem_entry_seek(entry, position + 1), from + 1);
        }
    }
    assert_int_equal(fct_mem_entry_seek(entry, 0), 0);
}

TEST(any_lists_are_as_in_an_array)
{
    struct fixture *f = *state;
    const uint64_t seed = 4711;
    struct fct_random random = {seed};
    struct oracle oracle = {.counts = {0}};
    uint64_t position = 64;
    print_message("# seed %llu\n", (unsigned long long)seed);
    for (size_t key = 0; key < 40; key++) {
        oracle.positions[key] = test_calloc(20000, sizeof(uint64_t));
    }
    for (int i = 0; i < 20000; i++) {
        size_t key = (size_t)fct_random_below(&random, fct_random_below(&random, 40) + 1);
        uint64_t step = UINT64_C(4) << fct_random_below(&random, i % 500 == 0 ? 50 : 12);
        position += 4 + step / 4 * 4;
        add(f, key, position);
        oracle.positions[key][oracle.counts[key]++] = position;
    }
    assert_int_equal(f->table->posting_count, 20000);
    for (size_t key = 0; key < 40; key++) {
        assert_list(f->table, &oracle, key, &random);
        test_free(oracle.positions[key]);
    }
}

/* All memory is taken by reserve: the heap then refuses everything, and the adds go on. */
TEST(after_a_reservation_no_add_needs_memory)
{
    struct fixture *f = *state;
    static const size_t counts[] = {1, 2, 767, 768, 769, 1170, 5000};
    const uint64_t seed = 5;
    struct fct_random random = {seed};
    uint64_t position = 64;
    print_message("# seed %llu\n", (unsigned long long)seed);
    f->mem.sticky = 1;
    for (int round = 0; round < 60; round++) {
        size_t count = counts[fct_random_below(&random, sizeof counts / sizeof counts[0])];
        uint64_t keys = 1 + fct_random_below(&random, 6000);
        atomic_store(&f->mem.fail_at, ULONG_MAX);
        assert_true(fct_memtable_reserve(f->table, count, 0, count));
        atomic_store(&f->mem.fail_at, 0);
        for (size_t i = 0; i < count; i++) {
            position += 4;
            struct fct_index_entry entry = {.key = key_of(fct_random_below(&random, keys)),
                                            .position = position};
            (void)fct_memtable_add(f->table, &entry);
        }
    }
    assert_int_equal(f->mem.failed, 0);
}

TEST(a_refused_reservation_leaves_the_table_whole)
{
    struct fixture *f = *state;
    for (uint64_t i = 0; i < 100; i++) {
        add(f, i, 1000 + i * 4);
    }
    for (unsigned long at = 0; at < 4; at++) {
        atomic_store(&f->mem.fail_at, atomic_load(&f->mem.calls) + at);
        assert_false(fct_memtable_reserve(f->table, 20000, 0, 20000));
        for (uint64_t i = 0; i < 100; i++) {
            struct fct_index_key key = key_of(i);
            const struct fct_mem_entry *entry = fct_memtable_find(f->table, &key);
            assert_non_null(entry);
            assert_int_equal(entry->last, 1000 + i * 4);
        }
    }
    assert_int_equal(atomic_load(&f->mem.failed), 4);
    atomic_store(&f->mem.fail_at, ULONG_MAX);
    assert_true(fct_memtable_reserve(f->table, 20000, 0, 20000));
}

TEST(without_memory_there_is_no_table_and_no_leak)
{
    struct fixture *f = *state;
    for (unsigned long at = 0; at < 2; at++) {
        struct fct_mem_fault mem;
        fct_mem_fault_init(&mem);
        atomic_store(&mem.fail_at, at);
        assert_null(fct_memtable_create(&mem.mem, (struct fct_index_point){.position = 0}));
        assert_int_equal(atomic_load(&mem.held), 0);
    }
    add(f, 1, 100);
    atomic_store(&f->mem.fail_at, atomic_load(&f->mem.calls));
    assert_null(fct_memtable_sorted(f->table));
}

TEST(its_memory_is_counted)
{
    struct fixture *f = *state;
    size_t before = f->table->memory;
    assert_true(before > 0);
    for (uint64_t i = 0; i < 50000; i++) {
        add(f, i, 1000 + i * 4);
    }
    assert_true(f->table->memory > before + (size_t)50000 * 40);
    assert_true(f->table->memory < before + (size_t)50000 * 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_new_table_is_empty_and_begins_at_the_end_of_the_log),
        FIXTURE_CASE(one_posting_is_first_and_last),
        FIXTURE_CASE(what_is_added_is_hidden_until_it_is_shown),
        FIXTURE_CASE(the_position_zero_and_the_greatest_can_be_held),
        FIXTURE_CASE(keys_that_differ_in_one_part_are_different),
        CASE(the_order_is_kind_then_high_then_low),
        FIXTURE_CASE(sorted_gives_every_key_once_in_order),
        FIXTURE_CASE(any_lists_are_as_in_an_array),
        FIXTURE_CASE(after_a_reservation_no_add_needs_memory),
        FIXTURE_CASE(a_refused_reservation_leaves_the_table_whole),
        FIXTURE_CASE(without_memory_there_is_no_table_and_no_leak),
        FIXTURE_CASE(its_memory_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
