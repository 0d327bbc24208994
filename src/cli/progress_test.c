/* progress_test.c - the progress bar's arithmetic and its text. Layer: cli. */
#include "cli/progress.h"

#include <string.h>

#include "support/test.h"

#include "cli/cli.h"

static void assert_bar(const struct progress_view *view, const char *expected)
{
    char text[PROGRESS_TEXT_SIZE];
    progress_format(view, text);
    assert_string_equal(text, expected);
}

TEST(the_time_left_follows_from_the_rate_so_far)
{
    struct progress_view view = {.seconds = 10, .done = 250, .total = 1000};
    assert_true(progress_seconds_left(&view) == 30);
    view.done = 1000;
    assert_true(progress_seconds_left(&view) == 0);
}

/* 20 % were done before, 10 % in 10 seconds: the other 70 % take 70 seconds, not 23. */
TEST(what_an_earlier_run_did_does_not_count_for_the_time_left)
{
    struct progress_view view = {.seconds = 10, .skipped = 200, .done = 300, .total = 1000};
    assert_true(progress_seconds_left(&view) == 70);
}

TEST(without_a_rate_or_a_total_no_time_left_is_known)
{
    const struct progress_view views[] = {
        {.seconds = 0, .done = 250, .total = 1000},                  /* just begun */
        {.seconds = 10, .done = 0, .total = 1000},                   /* nothing done yet */
        {.seconds = 10, .done = 250, .total = 0},                    /* a pipe has no size */
        {.seconds = 10, .done = 1001, .total = 1000},                /* a file that grew */
        {.seconds = 10, .skipped = 250, .done = 250, .total = 1000}, /* only skipped */
        {.seconds = 10, .done = 1, .total = UINT64_C(1) << 60},      /* for ever */
    };
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
        assert_true(progress_seconds_left(&views[i]) < 0);
    }
}

TEST(a_bar_has_part_amount_rate_and_time_left)
{
    struct progress_view view = {
        .what = "import", .seconds = 10, .done = 250, .total = 1000, .items = 12345, .columns = 80};
    assert_bar(&view, "import [######..................]  25 %  12,345 events, 1,234/s, 0:30 left");
    view.items = 0;
    assert_bar(&view, "import [######..................]  25 %  250 B, 25 B/s, 0:30 left");
    view.seconds = 2000;
    assert_bar(&view, "import [######..................]  25 %  250 B, 0 B/s, 1:40:00 left");
    view.done = view.total;
    view.items = 1;
    assert_bar(&view, "import [########################] 100 %  1 event, 0/s, 0:00 left");
}

TEST(a_bar_without_a_total_has_amount_and_rate)
{
    struct progress_view view = {
        .what = "import", .seconds = 10, .done = 250, .items = 20, .columns = 80};
    assert_bar(&view, "import  20 events, 2/s");
    view.seconds = 0;
    assert_bar(&view, "import  20 events");
}

TEST(items_have_the_name_that_the_caller_gives)
{
    struct progress_view view = {.what = "check",
                                 .seconds = 10,
                                 .done = 250,
                                 .items = 12345,
                                 .item_name = "state",
                                 .items_name = "states",
                                 .columns = 80};
    assert_bar(&view, "check  12,345 states, 1,234/s");
    view.items = 1;
    assert_bar(&view, "check  1 state, 0/s");
}

TEST(the_rate_is_of_this_run)
{
    struct progress_view view = {
        .what = "import", .seconds = 10, .skipped = 200, .done = 300, .total = 1000, .columns = 80};
    assert_bar(&view, "import [#######.................]  30 %  300 B, 10 B/s, 1:10 left");
}

TEST(a_narrow_terminal_gets_less)
{
    struct progress_view view = {.what = "import",
                                 .seconds = 10,
                                 .done = 250,
                                 .total = 1000,
                                 .items = 1234567,
                                 .columns = 70};
    assert_bar(&view, "import [###...........]  25 %  1,234,567 events, 123,456/s, 0:30 left");
    view.columns = 60;
    assert_bar(&view, "import  25 %  1,234,567 events, 123,456/s, 0:30 left");
    view.columns = 45;
    assert_bar(&view, "import  25 %  1,234,567 events, 0:30 left");
    view.columns = 40;
    assert_bar(&view, "import  25 %, 0:30 left");
    view.columns = 10;
    assert_bar(&view, "import  2");
}

TEST(a_bar_is_never_as_wide_as_the_terminal)
{
    char text[PROGRESS_TEXT_SIZE];
    struct progress_view view = {.what = "restore", .seconds = 1};
    for (view.columns = 0; view.columns < 300; view.columns++) {
        for (unsigned bits = 0; bits < 64; bits += 7) {
            view.total = UINT64_MAX >> bits;
            view.done = view.total - view.total / 3;
            view.items = bits % 2 == 0 ? 0 : view.done;
            progress_format(&view, text);
            assert_true(strlen(text) < view.columns || strlen(text) <= 1);
            assert_true(strlen(text) < PROGRESS_TEXT_SIZE);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_time_left_follows_from_the_rate_so_far),
        CASE(what_an_earlier_run_did_does_not_count_for_the_time_left),
        CASE(without_a_rate_or_a_total_no_time_left_is_known),
        CASE(a_bar_has_part_amount_rate_and_time_left),
        CASE(a_bar_without_a_total_has_amount_and_rate),
        CASE(items_have_the_name_that_the_caller_gives),
        CASE(the_rate_is_of_this_run),
        CASE(a_narrow_terminal_gets_less),
        CASE(a_bar_is_never_as_wide_as_the_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
