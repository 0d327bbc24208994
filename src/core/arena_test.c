/* arena_test.c - pieces, the maximum, reset, and a heap that gives nothing. Layer: core. */
#include "core/arena.h"

#include "support/test.h"

/* A heap that counts its blocks and gives at most |limit| of them in all. */
struct counted {
    struct fct_mem mem;
    size_t live, given, limit;
};

static void *counted_resize(void *data, void *block, size_t size)
{
    struct counted *counted = data;
    if (size == 0) {
        counted->live -= block != NULL ? 1 : 0;
        return fct_mem_resize(fct_mem_heap(), block, 0);
    }
    if (counted->given == counted->limit) {
        return NULL;
    }
    counted->given++;
    counted->live++;
    return fct_mem_alloc(fct_mem_heap(), size);
}

static void counted_init(struct counted *counted, size_t limit)
{
    *counted = (struct counted){.limit = limit};
    counted->mem = (struct fct_mem){counted, counted_resize};
}

TEST(pieces_are_aligned_and_do_not_overlap)
{
    factum_arena arena;
    uint8_t *pieces[600];
    factum_arena_init(&arena, 0);
    for (size_t i = 0; i < 600; i++) {
        pieces[i] = factum_arena_take(&arena, i);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % FACTUM_ARENA_ALIGN, 0);
        memset(pieces[i], (int)(i & 0xff), i);
    }
    for (size_t i = 0; i < 600; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_int_equal(pieces[i][k], i & 0xff);
        }
    }
    factum_arena_finish(&arena);
}

TEST(a_piece_over_the_maximum_is_refused_and_what_fits_is_still_given)
{
    factum_arena arena;
    factum_arena_init(&arena, 8192);
    assert_non_null(factum_arena_take(&arena, 4000));
    assert_null(factum_arena_take(&arena, 8192));
    assert_int_equal(factum_arena_status(&arena), FACTUM_TOO_BIG);
    assert_null(factum_arena_take(&arena, SIZE_MAX));
    assert_int_equal(factum_arena_status(&arena), FACTUM_TOO_BIG);
    assert_non_null(factum_arena_take(&arena, 4000));
    assert_null(factum_arena_take(&arena, 4000));
    assert_true(arena.size <= 8192);
    factum_arena_finish(&arena);
}

TEST(an_arena_that_is_reset_takes_nothing_more_from_the_heap)
{
    struct counted counted;
    factum_arena arena;
    counted_init(&counted, 100);
    fct_arena_init(&arena, &counted.mem, 0);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 1000; i++) {
            assert_non_null(factum_arena_take(&arena, 100));
        }
        factum_arena_reset(&arena);
        assert_int_equal(counted.live, 1);
    }
    assert_true(counted.given < 10);
    factum_arena_finish(&arena);
    assert_int_equal(counted.live, 0);
}

TEST(a_failed_allocation_differs_from_the_maximum)
{
    struct counted counted;
    factum_arena arena;
    counted_init(&counted, 1);
    fct_arena_init(&arena, &counted.mem, 0);
    assert_non_null(factum_arena_take(&arena, 4000));
    assert_null(factum_arena_take(&arena, 4000));
    assert_int_equal(factum_arena_status(&arena), FACTUM_NO_MEMORY);
    factum_arena_finish(&arena);
    assert_int_equal(counted.live, 0);
}

TEST(zeroed_and_finished_arenas_can_be_finished)
{
    factum_arena arena = {.at = NULL};
    factum_arena_finish(&arena);
    factum_arena_init(&arena, 0);
    factum_arena_reset(&arena);
    assert_non_null(factum_arena_take(&arena, 0));
    factum_arena_finish(&arena);
    factum_arena_finish(&arena);
    assert_non_null(factum_arena_take(&arena, 1));
    factum_arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(pieces_are_aligned_and_do_not_overlap),
        CASE(a_piece_over_the_maximum_is_refused_and_what_fits_is_still_given),
        CASE(an_arena_that_is_reset_takes_nothing_more_from_the_heap),
        CASE(a_failed_allocation_differs_from_the_maximum),
        CASE(zeroed_and_finished_arenas_can_be_finished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
