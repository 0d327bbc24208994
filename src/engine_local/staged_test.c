/* staged_test.c - the table of the streams that a batch touches: it grows, is cleared at once, and
 * is unchanged if memory runs out. */
#include "support/test.h"

#include <limits.h>

#include "engine_local/staged.h"
#include "support/mem_fault.h"

enum { MANY = 5000 }; /* more than it begins with, twice */

static struct fct_hash128 hash_of(uint64_t i)
{
    return (struct fct_hash128){.low = i, .high = i * UINT64_C(0x9e3779b97f4a7c15)};
}

static uint32_t add(struct fct_staged *staged, struct fct_hash128 hash, uint64_t revision)
{
    struct fct_head head = {.hash = hash, .last_revision = revision};
    return fct_staged_add(staged, &head);
}

TEST(slots_keep_their_numbers_while_the_table_grows)
{
    struct fct_staged staged;
    (void)state;
    assert_true(fct_staged_init(&staged, fct_mem_heap()));
    for (uint64_t i = 0; i < MANY; i++) {
        assert_int_equal(fct_staged_find(&staged, hash_of(i)), FCT_STAGED_NONE);
        assert_int_equal(add(&staged, hash_of(i), i), i);
    }
    for (uint64_t i = 0; i < MANY; i++) {
        uint32_t slot = fct_staged_find(&staged, hash_of(i));
        assert_int_equal(slot, i);
        assert_int_equal(staged.slots[slot].head.last_revision, i);
        assert_int_equal(staged.slots[slot].event_count, 0);
        assert_false(staged.slots[slot].changed);
    }
    fct_staged_finish(&staged);
}

TEST(streams_at_one_place_of_the_table_are_kept_apart)
{
    struct fct_staged staged;
    (void)state;
    assert_true(fct_staged_init(&staged, fct_mem_heap()));
    for (uint64_t i = 0; i < 300; i++) { /* the low bits of |high| choose the place */
        (void)add(&staged, (struct fct_hash128){i, 5}, i);
        (void)add(&staged, (struct fct_hash128){i, UINT64_C(5) << 32 | 5}, 1000 + i);
    }
    for (uint64_t i = 0; i < 300; i++) {
        uint32_t slot = fct_staged_find(&staged, (struct fct_hash128){i, 5});
        assert_int_equal(staged.slots[slot].head.last_revision, i);
    }
    assert_int_equal(fct_staged_find(&staged, (struct fct_hash128){300, 5}), FCT_STAGED_NONE);
    fct_staged_finish(&staged);
}

TEST(a_cleared_table_knows_nothing_and_begins_at_slot_0)
{
    struct fct_staged staged;
    (void)state;
    assert_true(fct_staged_init(&staged, fct_mem_heap()));
    for (uint64_t round = 0; round < 50; round++) {
        for (uint64_t i = 0; i < 40; i++) {
            assert_int_equal(fct_staged_find(&staged, hash_of(i)), FCT_STAGED_NONE);
            assert_int_equal(add(&staged, hash_of(i), round), i);
        }
        fct_staged_clear(&staged);
    }
    fct_staged_finish(&staged);
}

TEST(the_stamp_may_wrap_around)
{
    struct fct_staged staged;
    (void)state;
    assert_true(fct_staged_init(&staged, fct_mem_heap()));
    (void)add(&staged, hash_of(1), 1); /* with stamp 1, which comes again after the wrap */
    staged.stamp = UINT32_MAX;
    staged.slot_count = 0;
    (void)add(&staged, hash_of(2), 2);
    fct_staged_clear(&staged);
    assert_int_equal(fct_staged_find(&staged, hash_of(1)), FCT_STAGED_NONE);
    assert_int_equal(fct_staged_find(&staged, hash_of(2)), FCT_STAGED_NONE);
    assert_int_equal(add(&staged, hash_of(3), 3), 0);
    assert_int_equal(fct_staged_find(&staged, hash_of(3)), 0);
    fct_staged_finish(&staged);
}

TEST(any_allocation_may_fail_and_what_was_there_stays)
{
    struct fct_mem_fault mem;
    struct fct_staged staged;
    (void)state;
    for (unsigned long fail_at = 0; fail_at < 3; fail_at++) {
        fct_mem_fault_init(&mem);
        mem.fail_at = fail_at;
        assert_false(fct_staged_init(&staged, &mem.mem));
        fct_staged_finish(&staged);
        assert_int_equal(mem.held, 0);
    }
    for (unsigned long fail_at = 0; fail_at < 3; fail_at++) { /* while it grows */
        fct_mem_fault_init(&mem);
        assert_true(fct_staged_init(&staged, &mem.mem));
        uint64_t count = 0;
        mem.fail_at = mem.calls + fail_at;
        while (add(&staged, hash_of(count), count) != FCT_STAGED_NONE) {
            count++;
        }
        assert_int_equal(staged.slot_count, count);
        for (uint64_t i = 0; i < count; i++) {
            assert_int_equal(fct_staged_find(&staged, hash_of(i)), i);
        }
        assert_int_equal(fct_staged_find(&staged, hash_of(count)), FCT_STAGED_NONE);
        assert_int_equal(add(&staged, hash_of(count), count), count); /* now memory is available */
        fct_staged_finish(&staged);
        fct_staged_finish(&staged); /* a finished one */
        assert_int_equal(mem.held, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(slots_keep_their_numbers_while_the_table_grows),
        CASE(streams_at_one_place_of_the_table_are_kept_apart),
        CASE(a_cleared_table_knows_nothing_and_begins_at_slot_0),
        CASE(the_stamp_may_wrap_around),
        CASE(any_allocation_may_fail_and_what_was_there_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
