/* loop_test.c - tasks, timers and the thread of a loop. Layer: net. */
#include "net/loop.h"

#include <time.h>

#include "core/compiler.h"
#include "os/thread.h"
#include "support/test.h"

struct fixture {
    struct fct_loop *loop;
    factum_error err;
};

struct step {
    struct fct_task task;
    struct fct_loop *loop;
    struct fct_timer timer;
    unsigned runs;
    unsigned again; /* how often it queues itself again */
    struct step *other;
    uint64_t at_ms;
};

static struct fixture f;

static int set_up(void **state)
{
    (void)state;
    assert_ok(fct_loop_create(fct_mem_heap(), &f.loop, &f.err), f.err);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fct_loop_destroy(f.loop);
    return 0;
}

static void run_step(struct fct_task *task)
{
    struct step *step = FCT_CONTAINER_OF(task, struct step, task);
    step->runs++;
    if (step->again > 0) {
        step->again--;
        fct_loop_later(step->loop, task);
    } else {
        fct_loop_stop(step->loop);
    }
}

static void forget_other(struct fct_task *task)
{
    struct step *step = FCT_CONTAINER_OF(task, struct step, task);
    step->runs++;
    fct_loop_forget(step->loop, &step->other->task);
    fct_loop_stop(step->loop);
}

static struct step step_of(void (*run)(struct fct_task *task))
{
    return (struct step){.task = {.run = run}, .loop = f.loop};
}

TEST(a_task_that_is_put_off_runs_once)
{
    struct step step = step_of(run_step);
    fct_loop_later(f.loop, &step.task);
    fct_loop_later(f.loop, &step.task);
    fct_loop_run(f.loop);
    assert_int_equal(step.runs, 1);
}

TEST(a_task_that_queues_itself_again_runs_in_later_turns)
{
    struct step step = step_of(run_step);
    step.again = 100;
    fct_loop_later(f.loop, &step.task);
    fct_loop_run(f.loop);
    assert_int_equal(step.runs, 101);
}

TEST(a_forgotten_task_does_not_run)
{
    struct step first = step_of(forget_other);
    struct step second = step_of(run_step);
    struct step third = step_of(run_step);
    first.other = &second;
    fct_loop_later(f.loop, &first.task);
    fct_loop_later(f.loop, &second.task);
    fct_loop_later(f.loop, &third.task);
    fct_loop_run(f.loop);
    assert_int_equal(first.runs, 1);
    assert_int_equal(second.runs, 0);
    assert_int_equal(third.runs, 1);
}

static void post_it(void *data)
{
    struct step *step = data;
    fct_loop_post(step->loop, &step->task);
    fct_loop_post(step->loop, &step->task);
}

TEST(another_thread_wakes_the_loop)
{
    struct step step = step_of(run_step);
    struct fct_thread thread = {.started = false};
    assert_ok(fct_thread_start(&thread, "poster", post_it, &step, &f.err), f.err);
    fct_loop_run(f.loop);
    fct_thread_join(&thread);
    assert_in_range(step.runs, 1, 2); /* it may run between the two posts */
    step.again = 0;
    if (step.task.slot != NULL) { /* the second post came after the loop had stopped */
        fct_loop_run(f.loop);
    }
}

static uint64_t test_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void burn(struct fct_task *task)
{
    struct step *step = FCT_CONTAINER_OF(task, struct step, task);
    uint64_t until = test_now_ns() + UINT64_C(5000000);
    while (test_now_ns() < until) {
    }
    step->runs++;
    fct_loop_work(step->loop, task);
}

TEST(short_tasks_do_not_wait_for_all_long_work)
{
    struct step works[20];
    struct step short_one = {.loop = f.loop, .again = 5};
    unsigned pieces = 0;
    short_one.task.run = run_step;
    for (size_t i = 0; i < 20; i++) {
        works[i] = (struct step){.loop = f.loop};
        works[i].task.run = burn;
        fct_loop_work(f.loop, &works[i].task);
    }
    fct_loop_later(f.loop, &short_one.task);
    fct_loop_run(f.loop);
    assert_int_equal(short_one.runs, 6);
    for (size_t i = 0; i < 20; i++) {
        pieces += works[i].runs;
        assert_true(works[i].runs <= 1); /* they take turns */
        fct_loop_forget(f.loop, &works[i].task);
        assert_null(works[i].task.slot);
    }
    assert_int_equal(pieces, 6); /* one a turn */
}

static uint64_t timer_order;

static void on_turn_of_timer(struct fct_timer *timer)
{
    struct step *step = FCT_CONTAINER_OF(timer, struct step, timer);
    step->at_ms = timer_order++;
    if (timer_order == 4) {
        fct_loop_stop(step->loop);
    }
}

TEST(timers_of_one_time_run_in_the_order_of_their_starts)
{
    struct step steps[4];
    for (size_t i = 0; i < 4; i++) {
        steps[i] = (struct step){.loop = f.loop};
        steps[i].timer.run = on_turn_of_timer;
        fct_timer_start(f.loop, &steps[i].timer, i == 0 ? 20 : 5, 0);
        assert_true(fct_timer_is_running(&steps[i].timer));
    }
    timer_order = 0;
    fct_loop_run(f.loop);
    assert_int_equal(steps[1].at_ms, 0);
    assert_int_equal(steps[2].at_ms, 1);
    assert_int_equal(steps[3].at_ms, 2);
    assert_int_equal(steps[0].at_ms, 3);
    assert_false(fct_timer_is_running(&steps[0].timer));
}

static void on_timer(struct fct_timer *timer)
{
    struct step *step = FCT_CONTAINER_OF(timer, struct step, timer);
    step->runs++;
    step->at_ms = fct_loop_now_ms(step->loop);
    if (step->again > 0) {
        step->again--;
    } else {
        fct_timer_stop(timer);
        fct_loop_stop(step->loop);
    }
}

TEST(timers_run_in_the_order_of_their_times)
{
    struct step early = step_of(NULL);
    struct step late = step_of(NULL);
    early.timer.run = on_timer;
    late.timer.run = on_timer;
    early.again = 1; /* it does not stop the loop */
    fct_timer_start(f.loop, &late.timer, 30, 0);
    fct_timer_start(f.loop, &early.timer, 10, 0);
    fct_loop_run(f.loop);
    assert_int_equal(early.runs, 1);
    assert_int_equal(late.runs, 1);
    assert_true(early.at_ms <= late.at_ms);
}

TEST(a_timer_repeats_until_it_is_stopped)
{
    struct step step = step_of(NULL);
    step.timer.run = on_timer;
    step.again = 4;
    fct_timer_start(f.loop, &step.timer, 1, 1);
    fct_loop_run(f.loop);
    assert_int_equal(step.runs, 5);
}

TEST(a_stopped_timer_does_not_run)
{
    struct step stopped = step_of(NULL);
    struct step step = step_of(NULL);
    stopped.timer.run = on_timer;
    step.timer.run = on_timer;
    fct_timer_start(f.loop, &stopped.timer, 1, 0);
    fct_timer_start(f.loop, &step.timer, 20, 0);
    fct_timer_stop(&stopped.timer);
    fct_timer_stop(&stopped.timer);
    fct_loop_run(f.loop);
    assert_int_equal(stopped.runs, 0);
    assert_int_equal(step.runs, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_task_that_is_put_off_runs_once),
        FIXTURE_CASE(a_task_that_queues_itself_again_runs_in_later_turns),
        FIXTURE_CASE(a_forgotten_task_does_not_run),
        FIXTURE_CASE(another_thread_wakes_the_loop),
        FIXTURE_CASE(short_tasks_do_not_wait_for_all_long_work),
        FIXTURE_CASE(timers_of_one_time_run_in_the_order_of_their_starts),
        FIXTURE_CASE(timers_run_in_the_order_of_their_times),
        FIXTURE_CASE(a_timer_repeats_until_it_is_stopped),
        FIXTURE_CASE(a_stopped_timer_does_not_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
