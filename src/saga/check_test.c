/* check_test.c - the checker on plans made by hand, with faults planted. Layer: saga. */
#include <time.h>

#include "core/mem.h"
#include "saga/check_explore.h"
#include "support/test.h"

#define SECOND INT64_C(1000000000)

/* ---- plans ----------------------------------------------------------------------------------- */

static struct fct_saga_plan empty_plan(void)
{
    return (struct fct_saga_plan){.pivot = FCT_SLOT_NONE};
}

/* Adds a step; |stage| is the last one or a new one. */
static struct fct_plan_step *add_step(struct fct_saga_plan *plan, uint8_t stage, bool has_undo)
{
    struct fct_plan_step *step = &plan->steps[plan->step_count];
    *step = (struct fct_plan_step){
        .stage = stage,
        .has_undo = has_undo,
        .refusable = true,
        .within = SECOND,
        .retry = {.times = 5, .from = SECOND, .to = SECOND, .factor = 2},
    };
    if (stage == plan->stage_count) {
        plan->first_of[plan->stage_count++] = (uint8_t)plan->step_count;
    }
    plan->step_count++;
    plan->first_of[plan->stage_count] = (uint8_t)plan->step_count;
    return step;
}

static void end_plan(struct fct_saga_plan *plan, bool has_done, bool has_undone)
{
    for (uint32_t i = plan->step_count; i < plan->step_count + 2; i++) {
        plan->steps[i] = (struct fct_plan_step){.within = SECOND,
                                                .retry = {.from = SECOND, .to = SECOND}};
    }
    plan->has_done = has_done;
    plan->has_undone = has_undone;
}

static struct fct_saga_plan chain(uint32_t count)
{
    struct fct_saga_plan plan = empty_plan();
    for (uint32_t i = 0; i < count; i++) {
        (void)add_step(&plan, (uint8_t)i, true);
    }
    end_plan(&plan, false, false);
    return plan;
}

/* reserve_stock, charge_payment, ship (the pivot), then two side by side; a call if undone. */
static struct fct_saga_plan fulfilment(void)
{
    struct fct_saga_plan plan = empty_plan();
    (void)add_step(&plan, 0, true);
    (void)add_step(&plan, 1, true);
    struct fct_plan_step *ship = add_step(&plan, 2, false);
    ship->pivot = true;
    ship->on_timeout = FCT_TIMEOUT_ASK;
    plan.pivot = 2;
    (void)add_step(&plan, 3, false);
    (void)add_step(&plan, 3, false);
    plan.deadline = 100 * SECOND;
    end_plan(&plan, false, true);
    return plan;
}

static struct fct_check_found explore(const struct fct_check_setup *setup)
{
    struct fct_check_found found;
    factum_error err;
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    assert_ok(fct_check_explore(setup, 50000000, NULL, fct_mem_heap(), &found, &err), err);
    clock_gettime(CLOCK_MONOTONIC, &b);
    double s = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
    print_message("%llu states, run %llu, done %llu undone %llu stuck %llu, %s %.3f s, %.0f/s\n",
                  (unsigned long long)found.state_count, (unsigned long long)found.run_length,
                  (unsigned long long)found.done_count, (unsigned long long)found.undone_count,
                  (unsigned long long)found.stuck_count, found.rule ? found.rule : "sound", s,
                  (double)found.state_count / s);
    for (uint32_t i = 0; i < found.run_count; i++) {
        print_message("   what %d slot %d gen %d undo %d ok %d out %d\n", found.run[i].what,
                      found.run[i].slot, found.run[i].generation, found.run[i].undo,
                      found.run[i].ok, found.run[i].outside);
    }
    return found;
}

static void a_right_saga_is_sound(void **state)
{
    (void)state;
    for (int no = 0; no < 2; no++) {
        for (uint32_t acts = 0; acts < 3; acts++) {
            for (uint32_t n = 1; n < 4; n++) {
                struct fct_saga_plan plan = chain(n);
                struct fct_check_setup setup;
                fct_check_setup_init(&setup, &plan, 2, acts);
                setup.no_reduction = no;
                if (no && acts == 2 && n > 2) {
                    continue;
                }
                struct fct_check_found found = explore(&setup);
                assert_null(found.rule);
                fct_check_found_finish(&found, fct_mem_heap());
            }
        }
    }
    struct fct_saga_plan plan = fulfilment();
    struct fct_check_setup setup;
    fct_check_setup_init(&setup, &plan, 2, 1);
    struct fct_check_found found = explore(&setup);
    assert_null(found.rule);
    fct_check_found_finish(&found, fct_mem_heap());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_right_saga_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
