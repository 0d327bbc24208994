/* plan.h - the control part of a saga: which steps, in which order, which undos. Layer: saga.
 * Numbers only: no texts, no data, no store. Made by definition_plan.c; immutable.
 *
 * A plan is a sequence of *stages*; the steps of a stage run side by side. Most stages have one
 * step. After the steps come two slots for the final calls of a saga: FCT_SLOT_DONE and
 * FCT_SLOT_UNDONE give their numbers. Steps after the pivot, and both calls, can only go forward:
 * they are tried for ever.
 *
 * Invariants (the load checks them, rules.c):
 *  1. The steps of a stage are adjacent, and stages rise.
 *  2. |pivot| is alone in its stage.
 *  3. No step after the pivot has an undo; every step before it has an undo or a reason for none.
 */
#ifndef FCT_SAGA_PLAN_H
#define FCT_SAGA_PLAN_H

#include <factum/saga.h>

#define FCT_SAGA_STEPS_MAX ((uint32_t)FACTUM_SAGA_STEPS_MAX)
#define FCT_SAGA_SLOTS_MAX (FCT_SAGA_STEPS_MAX + 2u)
#define FCT_SLOT_NONE 0xffu

enum fct_on_timeout {
    FCT_TIMEOUT_COMPENSATE, /* it may have happened: undo it with the others */
    FCT_TIMEOUT_ASK,        /* wait for an answer, or for an operator */
    FCT_TIMEOUT_FAIL        /* as if refused; only where nothing has to be undone */
};

enum fct_jitter { FCT_JITTER_FULL, FCT_JITTER_EQUAL, FCT_JITTER_NONE };

/* The wait before the next try, and the number of tries. */
struct fct_retry {
    uint32_t times; /* 0: for ever */
    int64_t from;   /* nanoseconds */
    int64_t to;
    double factor;
    enum fct_jitter jitter;
};

struct fct_plan_step {
    uint8_t stage;
    bool has_undo;
    bool pivot;
    bool refusable; /* it names an event for "failed" */
    enum fct_on_timeout on_timeout;
    int64_t within; /* nanoseconds, above 0 */
    struct fct_retry retry;
};

struct fct_saga_plan {
    uint32_t step_count;
    uint32_t stage_count;
    uint8_t pivot; /* a slot, or FCT_SLOT_NONE */
    bool has_done; /* has a final call */
    bool has_undone;
    int64_t deadline;                               /* nanoseconds; 0: none */
    struct fct_plan_step steps[FCT_SAGA_SLOTS_MAX]; /* step_count steps, then the two calls */
    uint8_t first_of[FCT_SAGA_STEPS_MAX + 1]; /* the first step of each stage, then step_count */
    bool any_of[FCT_SAGA_STEPS_MAX];          /* by stage: one success is enough */
};

#define FCT_SLOT_DONE(plan) ((uint8_t)(plan)->step_count)
#define FCT_SLOT_UNDONE(plan) ((uint8_t)((plan)->step_count + 1u))

/* Is |slot| one of the two final calls? */
static inline bool fct_plan_is_call(const struct fct_saga_plan *plan, uint8_t slot)
{
    return slot >= plan->step_count;
}

/* Can |slot| only go forward? */
static inline bool fct_plan_is_forward(const struct fct_saga_plan *plan, uint8_t slot)
{
    return fct_plan_is_call(plan, slot) ||
           (plan->pivot != FCT_SLOT_NONE &&
            plan->steps[slot].stage > plan->steps[plan->pivot].stage);
}

#endif
