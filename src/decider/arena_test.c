/* arena_test.c - memory with one end: alignment, limits, failures. */
#include "support/mem_fault.h"
#include "support/test.h"

#include "core/slice.h"
#include "decider/arena.h"

#define TEST(name) static void name(void **state)
#define CASE(name) cmocka_unit_test(name)

TEST(memory_is_zero_and_aligned_and_stays)
{
    struct factum_arena arena;
    uint8_t *blocks[200];
    (void)state;
    fct_arena_init(&arena, fct_mem_heap(), 1 << 20);
    for (size_t i = 0; i < 200; i++) {
        blocks[i] = factum_arena_alloc(&arena, i + 1);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % 16, 0);
        for (size_t j = 0; j <= i; j++) {
            assert_int_equal(blocks[i][j], 0);
        }
        memset(blocks[i], (int)i, i + 1);
    }
    for (size_t i = 0; i < 200; i++) {
        assert_int_equal(blocks[i][0], i);
        assert_int_equal(blocks[i][i], i);
    }
    fct_arena_finish(&arena);
    assert_int_equal(arena.size, 0);
}

TEST(what_is_over_the_limit_is_refused_and_so_is_all_after_it)
{
    struct factum_arena arena;
    factum_error err;
    (void)state;
    fct_arena_init(&arena, fct_mem_heap(), 1000);
    assert_non_null(factum_arena_alloc(&arena, 100));
    assert_null(factum_arena_alloc(&arena, 1000));
    assert_null(factum_arena_alloc(&arena, 1));
    assert_null(factum_arena_copy(&arena, FCT_SLICE("x")).ptr);
    assert_status(fct_arena_status(&arena, "the state", &err), FACTUM_TOO_BIG);
    assert_string_equal(err.text, "the state needs more than 1000 bytes of memory");
    assert_true(arena.size <= 1000);
    fct_arena_reset(&arena);
    assert_int_equal(fct_arena_status(&arena, "the state", &err), FACTUM_OK);
    assert_non_null(factum_arena_alloc(&arena, 1));
    assert_null(factum_arena_alloc(&arena, SIZE_MAX));
    fct_arena_finish(&arena);
}

TEST(the_whole_limit_can_be_used)
{
    struct factum_arena arena;
    size_t given = 0;
    (void)state;
    fct_arena_init(&arena, fct_mem_heap(), 8192);
    while (factum_arena_alloc(&arena, 16) != NULL) {
        given += 16;
    }
    assert_true(given > 8192 - 8192 / 4);
    assert_true(arena.size <= 8192);
    fct_arena_finish(&arena);
}

TEST(without_memory_it_says_so)
{
    struct fct_mem_fault fault;
    struct factum_arena arena;
    factum_error err;
    (void)state;
    fct_mem_fault_init(&fault);
    fault.fail_at = 1;
    fct_arena_init(&arena, &fault.mem, 1 << 20);
    assert_non_null(factum_arena_alloc(&arena, 100));
    assert_null(factum_arena_alloc(&arena, 4000));
    assert_status(fct_arena_status(&arena, "the event", &err), FACTUM_NO_MEMORY);
    assert_string_equal(err.text, "the event: out of memory");
    fct_arena_finish(&arena);
    assert_int_equal(fault.held, 0);
}

TEST(copies_are_copies)
{
    struct factum_arena arena;
    char text[] = "text";
    (void)state;
    fct_arena_init(&arena, fct_mem_heap(), 1 << 20);
    factum_slice copy = factum_arena_copy(&arena, factum_slice_from(text));
    text[0] = 'n';
    assert_true(fct_slice_equal(copy, FCT_SLICE("text")));
    assert_int_equal(factum_arena_copy(&arena, FCT_SLICE("")).len, 0);
    assert_int_equal(factum_arena_copy(&arena, (factum_slice){.ptr = NULL}).len, 0);
    assert_null(factum_arena_alloc(&arena, 0));
    assert_null(factum_arena_alloc(NULL, 1));
    assert_int_equal(arena.failed, FACTUM_OK);
    fct_arena_finish(&arena);
}

TEST(a_reset_keeps_one_chunk)
{
    struct factum_arena arena;
    (void)state;
    fct_arena_init(&arena, fct_mem_heap(), 1 << 20);
    for (int i = 0; i < 100; i++) {
        assert_non_null(factum_arena_alloc(&arena, 100));
    }
    size_t all = arena.size;
    fct_arena_reset(&arena);
    assert_true(arena.size > 0 && arena.size < all);
    uint8_t *block = factum_arena_alloc(&arena, 64);
    memset(block, 1, 64);
    fct_arena_poison(&arena);
    assert_int_equal(block[63], 0xd5);
    fct_arena_finish(&arena);
    fct_arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(memory_is_zero_and_aligned_and_stays),
        CASE(what_is_over_the_limit_is_refused_and_so_is_all_after_it),
        CASE(the_whole_limit_can_be_used),
        CASE(without_memory_it_says_so),
        CASE(copies_are_copies),
        CASE(a_reset_keeps_one_chunk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
