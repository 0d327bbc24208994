/* recent_test.c - the newest events: which are kept, which are dropped, and what a number leads
 * to. Layer: server. */
#include "support/mem_fault.h"
#include "support/test.h"

#include "core/slice.h"
#include "server/recent.h"

struct fixture {
    struct fct_mem_fault fault;
    struct fct_recent recent;
};

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    fct_mem_fault_init(&f->fault);
    f->recent.mem = &f->fault.mem;
    fct_recent_restart(&f->recent, 100);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fct_recent_finish(&f->recent);
    assert_int_equal(f->fault.held, 0);
    test_free(f);
    return 0;
}

#define RECENT_TEST(name) static void name(void **state)
#define RECENT_CASE(name) FIXTURE_CASE(name)

static struct fct_recent_event *add(struct fixture *f, uint64_t position, factum_slice data)
{
    const factum_slice tags[] = {FCT_SLICE("a"), FCT_SLICE("longer")};
    const factum_event event = {.stream = FCT_SLICE("stream"),
                                .type = FCT_SLICE("Type"),
                                .data = data,
                                .metadata = FCT_SLICE("{}"),
                                .content_type = FCT_SLICE("text/plain"),
                                .tags = tags,
                                .tag_count = 2,
                                .position = position};
    return fct_recent_add(&f->recent, &event);
}

RECENT_TEST(an_event_is_kept_with_all_that_it_points_to)
{
    struct fixture *f = *state;
    char data[] = "data";
    uint64_t number = 0;
    assert_non_null(add(f, 200, factum_slice_from(data)));
    memset(data, 'x', 4);
    assert_true(fct_recent_covers(&f->recent, 100, &number));
    const struct fct_recent_event *kept = fct_recent_get(&f->recent, number);
    assert_non_null(kept);
    assert_true(fct_slice_equal(kept->event.data, FCT_SLICE("data")));
    assert_true(fct_slice_equal(kept->event.stream, FCT_SLICE("stream")));
    assert_true(fct_slice_equal(kept->event.content_type, FCT_SLICE("text/plain")));
    assert_int_equal(kept->event.tag_count, 2);
    assert_true(fct_slice_equal(kept->event.tags[1], FCT_SLICE("longer")));
    assert_int_equal(kept->stream_hash, fct_recent_hash(FCT_SLICE("stream")));
    assert_null(fct_recent_get(&f->recent, number + 1));
    assert_null(fct_recent_get(&f->recent, number - 1));
}

RECENT_TEST(a_place_is_covered_if_nothing_after_it_is_missing)
{
    struct fixture *f = *state;
    uint64_t first = 0;
    uint64_t number = 0;
    assert_false(fct_recent_covers(&f->recent, 99, &number));
    assert_true(fct_recent_covers(&f->recent, 100, &first));
    for (uint64_t i = 0; i < 10; i++) {
        add(f, 200 + 10 * i, FCT_SLICE("data"));
    }
    fct_recent_reach(&f->recent, 500);
    static const struct {
        uint64_t place, number;
    } cases[] = {{100, 0}, {199, 0}, {200, 1}, {205, 1}, {210, 2}, {289, 9}, {290, 10}, {900, 10}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(fct_recent_covers(&f->recent, cases[i].place, &number));
        assert_int_equal(number - first, cases[i].number);
    }
    assert_int_equal(f->recent.place, 500);
    fct_recent_restart(&f->recent, 600);
    assert_false(fct_recent_covers(&f->recent, 599, &number));
    assert_true(fct_recent_covers(&f->recent, 600, &number));
    assert_true(first + 10 < f->recent.first); /* a follower at the end sees that it missed some */
}

RECENT_TEST(the_oldest_go_when_there_are_too_many_or_too_large_ones)
{
    struct fixture *f = *state;
    uint64_t number = 0;
    uint64_t first = f->recent.first;
    for (uint64_t i = 0; i < FCT_RECENT_MAX + 3; i++) {
        assert_non_null(add(f, 200 + i, FCT_SLICE("")));
    }
    assert_int_equal(f->recent.first, first + 3);
    assert_false(fct_recent_covers(&f->recent, 201, &number));
    assert_true(fct_recent_covers(&f->recent, 202, &number));
    assert_null(fct_recent_get(&f->recent, first + 2));
    uint8_t *large = test_malloc(FCT_RECENT_EVENT_MAX);
    memset(large, 'x', FCT_RECENT_EVENT_MAX);
    for (uint64_t i = 0; i < 9; i++) {
        assert_non_null(add(f, 9000 + i, fct_slice(large, FCT_RECENT_EVENT_MAX - 1000)));
        assert_true(f->recent.size <= FCT_RECENT_SIZE_MAX);
    }
    assert_true((size_t)f->fault.held <= FCT_RECENT_SIZE_MAX + 4096);
    assert_true(fct_recent_covers(&f->recent, 9007, &number));
    assert_int_equal(number, f->recent.end - 1);
    assert_null(add(f, 10000, fct_slice(large, FCT_RECENT_EVENT_MAX)));
    assert_int_equal(f->recent.first, f->recent.end);
    assert_int_equal(f->recent.since, 10000);
    assert_int_equal(f->fault.held, 0);
    test_free(large);
}

RECENT_TEST(what_it_was_encoded_to_is_kept_with_it_and_counted)
{
    struct fixture *f = *state;
    struct fct_recent_event *event = add(f, 200, FCT_SLICE("data"));
    size_t before = f->recent.size;
    assert_null(event->encoded[FCT_SHAPE_SSE]);
    fct_recent_keep(&f->recent, event, FCT_SHAPE_SSE, FCT_SLICE("id: 1\n\n"));
    assert_int_equal(event->encoded_len[FCT_SHAPE_SSE], 7);
    assert_memory_equal(event->encoded[FCT_SHAPE_SSE], "id: 1\n\n", 7);
    assert_null(event->encoded[FCT_SHAPE_KURRENT]);
    assert_int_equal(f->recent.size, before + 7);
}

RECENT_TEST(without_memory_nothing_is_kept_and_nothing_is_wrong)
{
    struct fixture *f = *state;
    struct fct_recent_event *event = add(f, 200, FCT_SLICE("data"));
    f->fault.fail_at = f->fault.calls;
    fct_recent_keep(&f->recent, event, FCT_SHAPE_SSE, FCT_SLICE("id"));
    assert_null(event->encoded[FCT_SHAPE_SSE]);
    f->fault.fail_at = f->fault.calls;
    assert_null(add(f, 300, FCT_SLICE("data")));
    assert_int_equal(f->recent.since, 300);
    assert_int_equal(f->recent.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RECENT_CASE(an_event_is_kept_with_all_that_it_points_to),
        RECENT_CASE(a_place_is_covered_if_nothing_after_it_is_missing),
        RECENT_CASE(the_oldest_go_when_there_are_too_many_or_too_large_ones),
        RECENT_CASE(what_it_was_encoded_to_is_kept_with_it_and_counted),
        RECENT_CASE(without_memory_nothing_is_kept_and_nothing_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
