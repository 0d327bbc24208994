/* heads_test.c - the cache of heads: a head is found until its place is needed for another. */
#include "support/test.h"

#include <limits.h>

#include "engine_local/heads.h"
#include "support/mem_fault.h"

static struct fct_head head_of(uint64_t low, uint64_t high, uint64_t revision)
{
    return (struct fct_head){
        .hash = {low, high}, .last_revision = revision, .flags = FCT_HEAD_PRESENT};
}

static void put(struct fct_heads *heads, uint64_t low, uint64_t high, uint64_t revision)
{
    struct fct_head head = head_of(low, high, revision);
    fct_heads_put(heads, &head);
}

static const struct fct_head *find(const struct fct_heads *heads, uint64_t low, uint64_t high)
{
    return fct_heads_find(heads, (struct fct_hash128){low, high});
}

TEST(only_heads_that_were_put_are_found)
{
    struct fct_heads heads;
    (void)state;
    assert_true(fct_heads_init(&heads, fct_mem_heap(), 64));
    assert_null(find(&heads, 0, 0)); /* an empty place has the hash 0, too */
    put(&heads, 0, 0, 3);
    put(&heads, 7, 1, 4);
    assert_int_equal(find(&heads, 0, 0)->last_revision, 3);
    assert_int_equal(find(&heads, 7, 1)->last_revision, 4);
    assert_null(find(&heads, 7, 2)); /* the same set, another stream */
    assert_null(find(&heads, 8, 1));
    fct_heads_prefetch(&heads, (struct fct_hash128){7, 1}); /* changes nothing */
    assert_int_equal(find(&heads, 7, 1)->flags, FCT_HEAD_PRESENT);
    fct_heads_finish(&heads);
}

TEST(a_head_that_is_put_again_takes_its_own_place)
{
    struct fct_heads heads;
    (void)state;
    assert_true(fct_heads_init(&heads, fct_mem_heap(), FCT_HEADS_WAYS));
    for (uint64_t i = 0; i < FCT_HEADS_WAYS; i++) {
        put(&heads, 0, i, i);
    }
    put(&heads, 0, 2, 20);
    for (uint64_t i = 0; i < FCT_HEADS_WAYS; i++) {
        assert_int_equal(find(&heads, 0, i)->last_revision, i == 2 ? 20 : i);
    }
    fct_heads_finish(&heads);
}

TEST(a_full_set_drops_its_oldest_head)
{
    struct fct_heads heads;
    (void)state;
    assert_true(fct_heads_init(&heads, fct_mem_heap(), FCT_HEADS_WAYS));
    for (uint64_t i = 0; i < FCT_HEADS_WAYS; i++) {
        put(&heads, 0, i, i);
    }
    put(&heads, 0, 0, 0); /* again: it is not the oldest any more */
    put(&heads, 0, 100, 100);
    assert_null(find(&heads, 0, 1));
    assert_non_null(find(&heads, 0, 0));
    assert_non_null(find(&heads, 0, 100));
    fct_heads_finish(&heads);
}

TEST(the_clock_may_wrap_around)
{
    struct fct_heads heads;
    (void)state;
    assert_true(fct_heads_init(&heads, fct_mem_heap(), FCT_HEADS_WAYS));
    heads.clock = UINT32_MAX - 2;
    for (uint64_t i = 0; i < FCT_HEADS_WAYS; i++) { /* 2 before the clock wraps, 2 after */
        put(&heads, 0, i, i);
    }
    for (uint64_t i = 0; i < FCT_HEADS_WAYS; i++) {
        assert_non_null(find(&heads, 0, i));
    }
    put(&heads, 0, 100, 100);
    assert_null(find(&heads, 0, 0)); /* still the oldest */
    assert_non_null(find(&heads, 0, FCT_HEADS_WAYS - 1));
    fct_heads_finish(&heads);
}

TEST(as_many_heads_as_requested_fit)
{
    struct fct_heads heads;
    (void)state;
    assert_true(fct_heads_init(&heads, fct_mem_heap(), 100)); /* 128 places */
    for (uint64_t i = 0; i < 128; i++) {
        put(&heads, i, i, i);
    }
    for (uint64_t i = 0; i < 128; i++) {
        assert_int_equal(find(&heads, i, i)->last_revision, i);
    }
    fct_heads_finish(&heads);
}

TEST(without_memory_there_is_no_cache_and_nothing_to_free)
{
    struct fct_mem_fault mem;
    struct fct_heads heads;
    (void)state;
    fct_mem_fault_init(&mem);
    mem.fail_at = 0;
    assert_false(fct_heads_init(&heads, &mem.mem, 64));
    fct_heads_finish(&heads);
    mem.fail_at = ULONG_MAX;
    assert_true(fct_heads_init(&heads, &mem.mem, 64));
    fct_heads_finish(&heads);
    fct_heads_finish(&heads); /* a finished one */
    assert_int_equal(mem.held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(only_heads_that_were_put_are_found),
        CASE(a_head_that_is_put_again_takes_its_own_place),
        CASE(a_full_set_drops_its_oldest_head),
        CASE(the_clock_may_wrap_around),
        CASE(as_many_heads_as_requested_fit),
        CASE(without_memory_there_is_no_cache_and_nothing_to_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
