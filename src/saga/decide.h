/* decide.h - the one transition function of sagas: what follows from an input. Layer: saga. Pure:
 * no clock, no store, no memory of its own.
 *
 * The manager runs it on real events, the checker on every input that there could be, what-if on
 * the inputs that a person asks about. So what is proven is what runs.
 *
 * Three outcomes of a step (patterns of sagas; Garcia-Molina and Salem, "Sagas", 1987): ok, fail,
 * and unknown, when it was silent for too long. Before the pivot, fail and unknown make the saga
 * compensate: steps that are still running are waited for, then all that may have happened is
 * undone, stage by stage in reverse order. Behind the pivot a step is tried until it succeeds.
 */
#ifndef FCT_SAGA_DECIDE_H
#define FCT_SAGA_DECIDE_H

#include "core/compiler.h"
#include "saga/state.h"

enum fct_input_kind {
    FCT_INPUT_START,
    FCT_INPUT_REPLY,   /* |slot|, |undo|, |generation|, |ok| */
    FCT_INPUT_OUTSIDE, /* as REPLY to a do, from somebody who knows no command id */
    FCT_INPUT_TIMER,   /* the timer of |slot| is due; NONE: the deadline */
    FCT_INPUT_RETRY,   /* acts of operators: |slot| */
    FCT_INPUT_EDIT,
    FCT_INPUT_SKIP, /* |slot|, |ok|: it counts as that */
    FCT_INPUT_UNDO, /* compensate now; with |slot|: undo that step once more */
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

/* What decide needs to know that is no part of the state. */
struct fct_saga_world {
    int64_t now; /* nanoseconds of the wall clock; 0: the checker's, in which all timers are due */
    uint64_t seed;      /* jitter follows from it: of one saga always the same */
    int64_t reply_kept; /* how long a reply waits for its saga to start; nanoseconds */
    void *data;
    /* Can the command of |slot| be made of the data that is there? NULL: always. */
    bool (*sendable)(void *data, uint8_t slot, bool undo);
};

/* At most four of a slot: an answer that came early is taken (two), and the step, which is not
 * wanted any more, is undone (two). */
#define FCT_CHANGES_MAX (4u * FCT_SAGA_SLOTS_MAX + 8u)

struct fct_saga_outcome {
    uint32_t count;
    struct fct_change changes[FCT_CHANGES_MAX];
    struct fct_saga_state state; /* after them */
    /* A SKIP of a command that was not answered holds only under the key of that command: the
     * append takes the key of its newest generation, so that the command finds it taken when it
     * comes late, and is refused if it is taken already. FCT_SLOT_NONE: no key is to be closed. */
    uint8_t close_slot;
    /* It is the key of the undo. Before, and by an append of its own, the key of the do is closed
     * if it is free: neither do nor undo may have come yet. */
    bool close_undo;
};

/* What follows from |input|. No changes: it is of no interest any more (a timer that is not set).
 * CONDITION_FAILED: an operator's act that is out of turn; the text says what is true now. INVALID:
 * an act that needs a step has none. */
FCT_MUST_USE factum_status fct_saga_decide(const struct fct_saga_plan *plan,
                                           const struct fct_saga_state *state,
                                           const struct fct_saga_input *input,
                                           const struct fct_saga_world *world,
                                           struct fct_saga_outcome *out, factum_error *err);

/* fct_saga_decide, or in a test something that is wrong. */
typedef factum_status fct_saga_decide_fn(const struct fct_saga_plan *plan,
                                         const struct fct_saga_state *state,
                                         const struct fct_saga_input *input,
                                         const struct fct_saga_world *world,
                                         struct fct_saga_outcome *out, factum_error *err);

/* How long to wait before try number |attempt|, 1 for the first repetition. */
int64_t fct_retry_wait(const struct fct_retry *retry, uint32_t attempt, uint64_t seed);

#endif
