/* decide.h - the one transition function of sagas: what follows from an input. Layer: saga. Pure:
 * no clock, no store, no memory of its own.
 *
 * The manager runs it on real events, the checker on every possible input, what-if on the inputs
 * that a person asks about. So the checker proves the code that runs.
 *
 * A step has three outcomes (patterns of sagas; Garcia-Molina and Salem, "Sagas", 1987): ok, fail,
 * and unknown if it was silent for too long. Before the pivot, fail and unknown make the saga
 * compensate: it waits for steps that still run, then undoes everything that may have happened,
 * stage by stage in reverse order. After the pivot a step is tried until it succeeds.
 */
#ifndef FCT_SAGA_DECIDE_H
#define FCT_SAGA_DECIDE_H

#include "core/compiler.h"
#include "saga/state.h"

enum fct_input_kind {
    FCT_INPUT_START,
    FCT_INPUT_REPLY,   /* |slot|, |undo|, |generation|, |ok| */
    FCT_INPUT_OUTSIDE, /* as REPLY to a do, from a sender without the command's id */
    FCT_INPUT_TIMER,   /* the timer of |slot| is due; NONE: the deadline */
    FCT_INPUT_RETRY,   /* acts of operators: |slot| */
    FCT_INPUT_EDIT,
    FCT_INPUT_SKIP, /* |slot|, |ok|: the result that it counts as */
    FCT_INPUT_UNDO, /* compensate now; with |slot|: undo that step again */
    FCT_INPUT_COMPLETE,
    FCT_INPUT_CANCEL,
    FCT_INPUT_TIMER_MOVE, /* |slot|, |due| */
    FCT_INPUT_TIMER_CANCEL
};

struct fct_saga_input {
    uint8_t kind;
    uint8_t slot;
    bool undo;
    bool ok;
    uint16_t generation;
    int64_t due;
};

/* What decide needs to know besides the state. */
struct fct_saga_world {
    int64_t now; /* nanoseconds of the wall clock; 0: the checker's, in which all timers are due */
    uint64_t seed;      /* jitter follows from it; constant for a saga */
    int64_t reply_kept; /* how long a reply waits for its saga to start; nanoseconds */
    void *data;
    /* Can the command of |slot| be created from the data? NULL: always. */
    bool (*sendable)(void *data, uint8_t slot, bool undo);
};

/* At most four for a slot: an early answer is taken (two), and the step, which is no longer wanted,
 * is undone (two). */
#define FCT_CHANGES_MAX (4u * FCT_SAGA_SLOTS_MAX + 8u)

struct fct_saga_outcome {
    uint32_t count;
    struct fct_change changes[FCT_CHANGES_MAX];
    struct fct_saga_state state; /* after the changes */
    /* A SKIP of an unanswered command is valid only under the key of that command. The append takes
     * the key of its newest generation: a late command then finds the key taken, and the append is
     * refused if the command came first. FCT_SLOT_NONE: no key is to be closed. */
    uint8_t close_slot;
    /* It is the key of the undo. Before, by an append of its own, the key of the do is closed if it
     * is free: neither do nor undo may have arrived yet. */
    bool close_undo;
};

/* What follows from |input|. Without changes the input has no effect (such as a timer that is not
 * set). Errors: CONDITION_FAILED (an operator's act that is not possible now; the text describes
 * the present state), INVALID (an act that needs a step has none). */
FCT_MUST_USE factum_status fct_saga_decide(const struct fct_saga_plan *plan,
                                           const struct fct_saga_state *state,
                                           const struct fct_saga_input *input,
                                           const struct fct_saga_world *world,
                                           struct fct_saga_outcome *out, factum_error *err);

/* fct_saga_decide, or a faulty function in a test. */
typedef factum_status fct_saga_decide_fn(const struct fct_saga_plan *plan,
                                         const struct fct_saga_state *state,
                                         const struct fct_saga_input *input,
                                         const struct fct_saga_world *world,
                                         struct fct_saga_outcome *out, factum_error *err);

/* The wait before try number |attempt|, 1 for the first repetition. */
int64_t fct_retry_wait(const struct fct_retry *retry, uint32_t attempt, uint64_t seed);

#endif
