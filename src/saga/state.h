/* state.h - the state of one saga, and the changes that make it. Layer: saga. Pure.
 *
 * A *change* is the control part of one event of the stream "saga:NAME-ID"; the state is the fold
 * of all changes. The other contents of the events (kept values, reasons, texts) belong to
 * record.c.
 *
 * A step has a *generation* for each command id that it has used: a failed command is tried again
 * under a new id; an unanswered one is sent again under its old id, so that it counts once.
 *
 * A step has at most one timer, whose purpose follows from the phase of the step: DOING and UNDOING
 * wait for an answer, RESTING and UNDO_RESTING for the next try. The saga has one more: its
 * deadline or, before its start, the time that a reply waits for it.
 */
#ifndef FCT_SAGA_STATE_H
#define FCT_SAGA_STATE_H

#include "saga/plan.h"

enum fct_saga_phase {
    FCT_SAGA_NONE,         /* not started; replies may have come */
    FCT_SAGA_FORWARD,      /* steps are done */
    FCT_SAGA_COMPENSATING, /* it has failed: undoes what may have happened, in reverse order */
    FCT_SAGA_DONE,
    FCT_SAGA_UNDONE,
    FCT_SAGA_COMPLETED /* closed by an operator */
};

enum fct_step_phase {
    FCT_STEP_IDLE,
    FCT_STEP_DOING,
    FCT_STEP_ASKED,   /* silent; an operator is asked, and an answer still counts */
    FCT_STEP_BLOCKED, /* its command could not be created from the data: nothing was sent */
    FCT_STEP_DONE,
    FCT_STEP_FAILED,  /* without effect */
    FCT_STEP_UNKNOWN, /* silent: it may have happened */
    FCT_STEP_RESTING, /* can only go forward and has failed: tried again later */
    FCT_STEP_UNDOING,
    FCT_STEP_UNDO_RESTING, /* the undo has failed: tried again later */
    FCT_STEP_UNDO_STUCK,   /* the undo has failed for good: an operator has to act */
    FCT_STEP_UNDO_SILENT,  /* the undo was never answered: as STUCK, but it may have happened */
    FCT_STEP_UNDONE
};

/* An answer without a command id that came before its step was started. */
enum fct_early { FCT_EARLY_NONE, FCT_EARLY_OK, FCT_EARLY_FAIL };

struct fct_saga_timer {
    int64_t due;  /* of the wall clock; 0: no timer */
    int64_t wait; /* nanoseconds from the time when it was set */
};

struct fct_step_state {
    uint8_t phase;       /* enum fct_step_phase */
    uint8_t early;       /* enum fct_early */
    uint16_t generation; /* of the newest do; 0: none was sent. Both counts stay at their maximum */
    uint16_t undo_generation;
    uint16_t attempts; /* failed or unanswered tries of the current command */
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

/* The names are those of the events, without the prefix. */
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
    FCT_WHY_FAIL,      /* TIMED_OUT: the step counts as failed */
    FCT_WHY_EARLY,     /* before its step, or its saga, was started */
    FCT_WHY_LATE,      /* the step, or the saga, was over */
    FCT_WHY_DUPLICATE, /* answered with the same before; or a second start */
    FCT_WHY_ASK,       /* STUCK, TIMED_OUT: a pivot, or another step that asks, is silent */
    FCT_WHY_BLOCKED,   /* STUCK: the command could not be created from the data */
    FCT_WHY_UNDO,      /* STUCK: an undo has failed for good */
    FCT_WHY_SILENT,    /* STUCK: an undo was never answered */
    FCT_WHY_DEADLINE   /* FAILED: it took too long */
};

struct fct_change {
    uint8_t kind;        /* enum fct_change_kind */
    uint8_t slot;        /* FCT_SLOT_NONE: the saga itself; of a timer: the deadline */
    uint8_t why;         /* enum fct_why */
    bool undo;           /* STUCK, REPLY_RECORDED: of the undo of |slot| */
    bool ok;             /* SKIPPED, COMPLETED: the result; REPLY_RECORDED: the answer */
    uint16_t generation; /* of STARTED: the one in use */
    uint16_t attempt;    /* of STARTED: 1 when this generation is sent first */
    int64_t due;         /* of TIMER_SET and TIMER_MOVED */
    int64_t wait;
};

/* The state before any change. */
void fct_saga_state_init(struct fct_saga_state *state);
/* Applies |change|. A change that does not fit the state (from a damaged or foreign stream) changes
 * only the fields that it names; |change->slot| is below plan->step_count + 2, or NONE where that
 * is allowed. */
void fct_saga_evolve(const struct fct_saga_plan *plan, struct fct_saga_state *state,
                     const struct fct_change *change);

/* Has the saga ended? */
static inline bool fct_saga_has_ended(const struct fct_saga_state *state)
{
    return state->phase >= FCT_SAGA_DONE;
}
/* Does the saga need an operator? */
bool fct_saga_is_stuck(const struct fct_saga_plan *plan, const struct fct_saga_state *state);
/* Has the pivot happened, so that the saga can only go forward? */
bool fct_saga_pivot_passed(const struct fct_saga_plan *plan, const struct fct_saga_state *state);

#endif
