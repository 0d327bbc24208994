/* mem_test.c - the allocator's helpers. Layer: core. */
#include "core/mem.h"

#include "support/test.h"

struct spy {
    struct fct_mem mem;
    int calls;
    size_t size; /* argument of the last call */
    void *block; /* argument of the last call */
    bool refuse;
};

static void *spy_resize(void *data, void *block, size_t size)
{
    struct spy *spy = data;
    spy->calls++;
    spy->size = size;
    spy->block = block;
    return spy->refuse ? NULL : fct_mem_heap()->resize(NULL, block, size);
}

static void spy_init(struct spy *spy)
{
    *spy = (struct spy){.mem = {spy, spy_resize}};
}

TEST(a_block_keeps_its_bytes_when_it_grows)
{
    uint8_t *block = fct_mem_alloc(fct_mem_heap(), 3);
    assert_non_null(block);
    memcpy(block, "abc", 3);
    uint8_t *grown = fct_mem_resize(fct_mem_heap(), block, 100000);
    assert_non_null(grown);
    assert_memory_equal(grown, "abc", 3);
    fct_mem_free(fct_mem_heap(), grown);
}

TEST(zalloc_clears_every_byte)
{
    struct spy spy;
    spy_init(&spy);
    uint8_t *block = fct_mem_zalloc(&spy.mem, 333, 3);
    assert_non_null(block);
    assert_int_equal(spy.size, 999);
    for (size_t i = 0; i < 999; i++) {
        assert_int_equal(block[i], 0);
    }
    fct_mem_free(&spy.mem, block);
}

TEST(a_product_that_overflows_is_refused_without_an_allocation)
{
    struct spy spy;
    spy_init(&spy);
    assert_null(fct_mem_zalloc(&spy.mem, SIZE_MAX, 2));
    assert_null(fct_mem_zalloc(&spy.mem, 2, SIZE_MAX));
    assert_null(fct_mem_zalloc(&spy.mem, SIZE_MAX / 8 + 1, 8));
    assert_int_equal(spy.calls, 0);
    spy.refuse = true;
    assert_null(fct_mem_zalloc(&spy.mem, SIZE_MAX / 8, 8));
    assert_int_equal(spy.size, SIZE_MAX / 8 * 8);
}

TEST(a_refusal_is_passed_on)
{
    struct spy spy;
    spy_init(&spy);
    spy.refuse = true;
    assert_null(fct_mem_alloc(&spy.mem, 1));
    assert_null(fct_mem_zalloc(&spy.mem, 1, 1));
    assert_null(fct_mem_resize(&spy.mem, NULL, 1));
    assert_int_equal(spy.calls, 3);
}

TEST(freeing_null_calls_no_allocator)
{
    struct spy spy;
    spy_init(&spy);
    fct_mem_free(&spy.mem, NULL);
    assert_int_equal(spy.calls, 0);
    void *block = fct_mem_alloc(&spy.mem, 5);
    assert_non_null(block);
    fct_mem_free(&spy.mem, block);
    assert_int_equal(spy.calls, 2);
    assert_int_equal(spy.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_block_keeps_its_bytes_when_it_grows),
        CASE(zalloc_clears_every_byte),
        CASE(a_product_that_overflows_is_refused_without_an_allocation),
        CASE(a_refusal_is_passed_on),
        CASE(freeing_null_calls_no_allocator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
