/* state.h - the state of one saga, and the changes that make it. Layer: saga. Pure.
 *
 * A *change* is what one event of the stream "saga:NAME-ID" says, as far as control goes; the state
 * is the fold of all changes. What the events carry besides (kept values, reasons, texts) is none
 * of this file's business: record.c adds it.
 *
 * A step has a *generation* for each command id that it has used: what failed and is tried again
 * gets a new one; what was not answered is sent again under the old one, so that it counts once.
 *
 * A step has at most one timer. What it is for follows from the phase of the step: DOING and
 * UNDOING wait for an answer, RESTING and UNDO_RESTING for the next try. The saga has one more:
 * its deadline, or, before its start, how long a reply waits for it.
 */
#ifndef FCT_SAGA_STATE_H
#define FCT_SAGA_STATE_H

#include "saga/plan.h"

enum fct_saga_phase {
    FCT_SAGA_NONE,         /* not started; replies may have come */
    FCT_SAGA_FORWARD,      /* steps are done */
    FCT_SAGA_COMPENSATING, /* it has failed: what may have happened is undone, in reverse order */
    FCT_SAGA_DONE,
    FCT_SAGA_UNDONE,
    FCT_SAGA_COMPLETED /* closed by an operator */
};

enum fct_step_phase {
    FCT_STEP_IDLE,
    FCT_STEP_DOING,
    FCT_STEP_ASKED,   /* silent; an operator is asked, and an answer still counts */
    FCT_STEP_BLOCKED, /* its command could not be made of the data: nothing was sent */
    FCT_STEP_DONE,
    FCT_STEP_FAILED,  /* without effect */
    FCT_STEP_UNKNOWN, /* silent: it may have happened */
    FCT_STEP_RESTING, /* can only go forward and has failed: is tried again */
    FCT_STEP_UNDOING,
    FCT_STEP_UNDO_RESTING, /* the undo has failed: is tried again */
    FCT_STEP_UNDO_STUCK,   /* the undo has failed for good: an operator has to act */
    FCT_STEP_UNDO_SILENT,  /* the undo was never answered: as STUCK, but it may have happened */
    FCT_STEP_UNDONE
};

/* An answer from outside that came before its step was started. */
enum fct_early { FCT_EARLY_NONE, FCT_EARLY_OK, FCT_EARLY_FAIL };

struct fct_saga_timer {
    int64_t due;  /* of the wall clock; 0: no timer */
    int64_t wait; /* nanoseconds from when it was set */
};

struct fct_step_state {
    uint8_t phase;       /* enum fct_step_phase */
    uint8_t early;       /* enum fct_early */
    uint16_t generation; /* of the newest do; 0: none was sent. Both stay at their maximum */
    uint16_t undo_generation;
    uint16_t attempts; /* tries of what is under way that failed or were not answered */
};

struct fct_saga_state {
    uint8_t phase;       /* enum fct_saga_phase */
    uint8_t stage;       /* that was started last */
    uint8_t failed_slot; /* why it compensates; FCT_SLOT_NONE: deadline or operator */
    bool late;           /* the deadline has passed */
    struct fct_step_state steps[FCT_SAGA_SLOTS_MAX];
    /* The checker compares states up to here. */
    struct fct_saga_timer timers[FCT_SAGA_SLOTS_MAX];
    struct fct_saga_timer deadline;
};

/* The names are those of the events, without what stands before them here. */
enum fct_change_kind {
    FCT_CHANGE_SAGA_STARTED = 1,
    FCT_CHANGE_SAGA_FAILED, /* from now on it compensates; |slot|: the step that failed, or NONE */
    FCT_CHANGE_SAGA_STUCK,  /* |slot|, |why| */
    FCT_CHANGE_SAGA_DONE,
    FCT_CHANGE_SAGA_UNDONE,
    FCT_CHANGE_STEP_STARTED, /* sends a command, unless |why| is FCT_WHY_EARLY */
    FCT_CHANGE_STEP_SUCCEEDED,
    FCT_CHANGE_STEP_FAILED,
    FCT_CHANGE_STEP_TIMED_OUT,
    FCT_CHANGE_UNDO_STARTED, /* sends a command */
    FCT_CHANGE_UNDO_SUCCEEDED,
    FCT_CHANGE_UNDO_FAILED,
    FCT_CHANGE_TIMER_SET, /* |due|, |wait| */
    FCT_CHANGE_TIMER_MOVED,
    FCT_CHANGE_TIMER_CANCELLED,
    FCT_CHANGE_TIMER_FIRED,
    FCT_CHANGE_REPLY_RECORDED, /* a reply without effect; |why| */
    FCT_CHANGE_SAGA_RETRIED,   /* the acts of operators */
    FCT_CHANGE_SAGA_EDITED,
    FCT_CHANGE_SAGA_SKIPPED, /* |ok| */
    FCT_CHANGE_SAGA_UNDO_REQUESTED,
    FCT_CHANGE_SAGA_COMPLETED,
    FCT_CHANGE_SAGA_CANCELLED
};

enum fct_why {
    FCT_WHY_NONE,
    FCT_WHY_FAIL,      /* TIMED_OUT: it counts as failed */
    FCT_WHY_EARLY,     /* before its step, or its saga, was started */
    FCT_WHY_LATE,      /* the step, or the saga, was over */
    FCT_WHY_DUPLICATE, /* it was answered with the same before; a second start */
    FCT_WHY_ASK,       /* STUCK, TIMED_OUT: a pivot, or another step that asks, is silent */
    FCT_WHY_BLOCKED,   /* STUCK: the command could not be made of the data */
    FCT_WHY_UNDO,      /* STUCK: an undo has failed for good */
    FCT_WHY_SILENT,    /* STUCK: an undo was never answered */
    FCT_WHY_DEADLINE   /* FAILED: it took too long */
};

struct fct_change {
    uint8_t kind; /* enum fct_change_kind */
    uint8_t slot; /* FCT_SLOT_NONE: the saga itself; of a timer: the deadline */
    uint8_t why;  /* enum fct_why */
    bool undo;    /* STUCK, REPLY_RECORDED: it is about the undo of |slot| */
    bool ok;      /* SKIPPED, COMPLETED: as what it counts; REPLY_RECORDED: what was answered */
    uint16_t generation; /* of STARTED: the one that it uses */
    uint16_t attempt;    /* of STARTED: 1 for the first time that this generation is sent */
    int64_t due;         /* of TIMER_SET and TIMER_MOVED */
    int64_t wait;
};

/* A state before anything. */
void fct_saga_state_init(struct fct_saga_state *state);
/* The state after |change|. What does not fit the state (from a damaged or foreign stream) changes
 * nothing but what it names; |change->slot| is below plan->step_count + 2, or NONE where it may be.
 */
void fct_saga_evolve(const struct fct_saga_plan *plan, struct fct_saga_state *state,
                     const struct fct_change *change);

/* Has it ended? */
static inline bool fct_saga_has_ended(const struct fct_saga_state *state)
{
    return state->phase >= FCT_SAGA_DONE;
}
/* Does it need an operator? */
bool fct_saga_is_stuck(const struct fct_saga_plan *plan, const struct fct_saga_state *state);
/* Has the pivot happened, so that there is no way back? */
bool fct_saga_pivot_passed(const struct fct_saga_plan *plan, const struct fct_saga_state *state);

#endif
