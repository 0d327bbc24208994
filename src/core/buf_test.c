/* buf_test.c - bytes that grow, up to their maximum. Layer: core. */
#include "core/buf.h"

#include "core/slice.h"
#include "support/test.h"

/* A heap that refuses while |refuse| is set, and counts the blocks in use. */
struct heap {
    struct fct_mem mem;
    bool refuse;
    long held;
};

static void *heap_resize(void *data, void *block, size_t size)
{
    struct heap *heap = data;
    if (size != 0 && heap->refuse) {
        return NULL;
    }
    heap->held += (block == NULL) - (size == 0);
    return fct_mem_heap()->resize(NULL, block, size);
}

static void heap_init(struct heap *heap)
{
    *heap = (struct heap){.mem = {heap, heap_resize}};
}

TEST(a_new_buffer_holds_nothing_and_has_allocated_nothing)
{
    struct heap heap;
    struct fct_buf buf;
    heap_init(&heap);
    fct_buf_init(&buf, &heap.mem, 10);
    assert_int_equal(buf.len, 0);
    assert_int_equal(heap.held, 0);
    assert_int_equal(fct_buf_slice(&buf).len, 0);
    fct_buf_finish(&buf);
}

TEST(additions_follow_the_earlier_bytes)
{
    struct fct_buf buf;
    fct_buf_init(&buf, fct_mem_heap(), 64);
    assert_status(fct_buf_add_text(&buf, "ab"), FACTUM_OK);
    assert_status(fct_buf_add_slice(&buf, FCT_SLICE("cd")), FACTUM_OK);
    assert_status(fct_buf_printf(&buf, "%d!", 7), FACTUM_OK);
    assert_true(fct_slice_equal(fct_buf_slice(&buf), FCT_SLICE("abcd7!")));
    fct_buf_finish(&buf);
}

TEST(nothing_can_be_added_everywhere)
{
    struct fct_buf buf;
    fct_buf_init(&buf, fct_mem_heap(), 0);
    assert_status(fct_buf_add(&buf, NULL, 0), FACTUM_OK);
    assert_status(fct_buf_reserve(&buf, 0), FACTUM_OK);
    assert_int_equal(buf.len, 0);
    assert_null(buf.ptr);
    fct_buf_finish(&buf);
}

TEST(a_buffer_fills_to_its_maximum_and_not_beyond)
{
    static const size_t maxima[] = {1, 2, 63, 64, 65, 127, 128, 129, 1000};
    for (size_t i = 0; i < sizeof maxima / sizeof maxima[0]; i++) {
        struct fct_buf buf;
        fct_buf_init(&buf, fct_mem_heap(), maxima[i]);
        for (size_t at = 0; at < maxima[i]; at++) {
            uint8_t byte = (uint8_t)at;
            assert_status(fct_buf_add(&buf, &byte, 1), FACTUM_OK);
            assert_true(buf.capacity <= maxima[i]);
        }
        assert_status(fct_buf_add(&buf, "x", 1), FACTUM_TOO_BIG);
        assert_int_equal(buf.len, maxima[i]);
        for (size_t at = 0; at < maxima[i]; at++) {
            assert_int_equal(buf.ptr[at], (uint8_t)at);
        }
        fct_buf_finish(&buf);
    }
}

TEST(one_addition_may_take_the_whole_maximum)
{
    static const uint8_t bytes[1001];
    for (size_t len = 999; len <= 1001; len++) {
        struct fct_buf buf;
        fct_buf_init(&buf, fct_mem_heap(), 1000);
        assert_status(fct_buf_add(&buf, bytes, len), len > 1000 ? FACTUM_TOO_BIG : FACTUM_OK);
        assert_int_equal(buf.len, len > 1000 ? 0 : len);
        fct_buf_finish(&buf);
    }
}

TEST(what_is_over_the_maximum_is_refused_and_changes_nothing)
{
    struct fct_buf buf;
    fct_buf_init(&buf, fct_mem_heap(), 4);
    assert_status(fct_buf_add(&buf, "abc", 3), FACTUM_OK);
    assert_status(fct_buf_add(&buf, "de", 2), FACTUM_TOO_BIG);
    assert_int_equal(buf.len, 3);
    assert_memory_equal(buf.ptr, "abc", 3);
    fct_buf_finish(&buf);
}

TEST(sizes_near_the_end_of_size_t_do_not_wrap)
{
    struct fct_buf buf;
    fct_buf_init(&buf, fct_mem_heap(), SIZE_MAX / 4);
    assert_status(fct_buf_add(&buf, "abc", 3), FACTUM_OK);
    assert_status(fct_buf_reserve(&buf, SIZE_MAX), FACTUM_TOO_BIG);
    assert_status(fct_buf_reserve(&buf, SIZE_MAX - 2), FACTUM_TOO_BIG);
    assert_status(fct_buf_reserve(&buf, SIZE_MAX / 4 - 2), FACTUM_TOO_BIG);
    assert_int_equal(buf.len, 3);
    fct_buf_finish(&buf);
}

TEST(without_memory_the_contents_stay)
{
    static const uint8_t bytes[100];
    struct heap heap;
    struct fct_buf buf;
    heap_init(&heap);
    fct_buf_init(&buf, &heap.mem, 1000);
    assert_status(fct_buf_add_text(&buf, "abc"), FACTUM_OK);
    heap.refuse = true;
    assert_status(fct_buf_add(&buf, bytes, sizeof bytes), FACTUM_NO_MEMORY);
    assert_status(fct_buf_printf(&buf, "%100d", 1), FACTUM_NO_MEMORY);
    assert_true(fct_slice_equal(fct_buf_slice(&buf), FCT_SLICE("abc")));
    heap.refuse = false;
    assert_status(fct_buf_add(&buf, bytes, sizeof bytes), FACTUM_OK);
    assert_int_equal(buf.len, 103);
    fct_buf_finish(&buf);
    assert_int_equal(heap.held, 0);
}

TEST(after_a_reservation_additions_do_not_move_the_bytes)
{
    struct fct_buf buf;
    fct_buf_init(&buf, fct_mem_heap(), 4096);
    assert_status(fct_buf_reserve(&buf, 4096), FACTUM_OK);
    const uint8_t *before = buf.ptr;
    for (int i = 0; i < 4096; i++) {
        assert_status(fct_buf_add(&buf, "x", 1), FACTUM_OK);
    }
    assert_ptr_equal(buf.ptr, before);
    fct_buf_finish(&buf);
}

TEST(clearing_forgets_the_contents_and_keeps_the_memory)
{
    struct heap heap;
    struct fct_buf buf;
    heap_init(&heap);
    fct_buf_init(&buf, &heap.mem, 10);
    assert_status(fct_buf_add_text(&buf, "abcdefghij"), FACTUM_OK);
    fct_buf_clear(&buf);
    assert_int_equal(buf.len, 0);
    heap.refuse = true;
    assert_status(fct_buf_add_text(&buf, "0123456789"), FACTUM_OK);
    assert_memory_equal(buf.ptr, "0123456789", 10);
    fct_buf_finish(&buf);
}

TEST(a_format_needs_room_for_its_zero_byte)
{
    struct fct_buf buf;
    fct_buf_init(&buf, fct_mem_heap(), 4);
    assert_status(fct_buf_printf(&buf, "%s", "abcd"), FACTUM_TOO_BIG);
    assert_int_equal(buf.len, 0);
    assert_status(fct_buf_printf(&buf, "%s", "abc"), FACTUM_OK);
    assert_true(fct_slice_equal(fct_buf_slice(&buf), FCT_SLICE("abc")));
    assert_status(fct_buf_printf(&buf, "%s", ""), FACTUM_OK);
    assert_int_equal(buf.len, 3);
    fct_buf_finish(&buf);
}

TEST(finishing_accepts_what_is_zeroed_and_what_is_finished)
{
    struct heap heap;
    struct fct_buf buf = {0};
    fct_buf_finish(&buf);
    heap_init(&heap);
    fct_buf_init(&buf, &heap.mem, 10);
    assert_status(fct_buf_add_text(&buf, "abc"), FACTUM_OK);
    fct_buf_finish(&buf);
    fct_buf_finish(&buf);
    assert_int_equal(heap.held, 0);
    assert_int_equal(buf.len, 0);
    assert_status(fct_buf_add_text(&buf, "again"), FACTUM_OK);
    fct_buf_finish(&buf);
    assert_int_equal(heap.held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_new_buffer_holds_nothing_and_has_allocated_nothing),
        CASE(additions_follow_the_earlier_bytes),
        CASE(nothing_can_be_added_everywhere),
        CASE(a_buffer_fills_to_its_maximum_and_not_beyond),
        CASE(one_addition_may_take_the_whole_maximum),
        CASE(what_is_over_the_maximum_is_refused_and_changes_nothing),
        CASE(sizes_near_the_end_of_size_t_do_not_wrap),
        CASE(without_memory_the_contents_stay),
        CASE(after_a_reservation_additions_do_not_move_the_bytes),
        CASE(clearing_forgets_the_contents_and_keeps_the_memory),
        CASE(a_format_needs_room_for_its_zero_byte),
        CASE(finishing_accepts_what_is_zeroed_and_what_is_finished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
