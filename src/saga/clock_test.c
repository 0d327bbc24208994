/* clock_test.c - the time that timers use, with wall clocks that are set. Layer: saga. */
#include "saga/clock.h"
#include "support/test.h"

#define SECOND INT64_C(1000000000)
#define HOUR (3600 * SECOND)
#define WALL (INT64_C(1800000000) * SECOND)

TEST(it_goes_with_the_wall_clock_as_long_as_both_agree)
{
    struct fct_saga_clock clock = {.started = false};
    (void)state;
    assert_int_equal(fct_saga_clock_now(&clock, WALL, 7 * SECOND), WALL);
    assert_int_equal(fct_saga_clock_now(&clock, WALL + SECOND, 8 * SECOND), WALL + SECOND);
    /* A small step, as time servers make them, is followed at once. */
    int64_t stepped = WALL + 2 * SECOND + FCT_CLOCK_GUARD;
    assert_int_equal(fct_saga_clock_now(&clock, stepped, 9 * SECOND), stepped);
    assert_false(clock.parted);
}

TEST(a_jump_is_not_followed_and_time_continues)
{
    static const int64_t jumps[] = {24 * HOUR, -HOUR, FCT_CLOCK_GUARD + 1, -FCT_CLOCK_GUARD - 1};
    (void)state;
    for (size_t i = 0; i < sizeof jumps / sizeof *jumps; i++) {
        struct fct_saga_clock clock = {.started = false};
        (void)fct_saga_clock_now(&clock, WALL, 0);
        for (int64_t s = 1; s <= 60; s++) {
            int64_t now = fct_saga_clock_now(&clock, WALL + s * SECOND + jumps[i], s * SECOND);
            assert_int_equal(now, WALL + s * SECOND);
            assert_true(clock.parted);
        }
        int64_t back = WALL + 61 * SECOND;
        assert_int_equal(fct_saga_clock_now(&clock, back, 61 * SECOND), back);
        assert_false(clock.parted);
    }
}

TEST(small_steps_add_up_without_being_taken_for_a_jump)
{
    struct fct_saga_clock clock = {.started = false};
    (void)state;
    for (int64_t s = 0; s < 100; s++) {
        int64_t wall = WALL + s * 4 * SECOND;
        assert_int_equal(fct_saga_clock_now(&clock, wall, s * SECOND), wall);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(it_goes_with_the_wall_clock_as_long_as_both_agree),
        CASE(a_jump_is_not_followed_and_time_continues),
        CASE(small_steps_add_up_without_being_taken_for_a_jump),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
