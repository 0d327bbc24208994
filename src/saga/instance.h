/* instance.h - one saga: its state, its kept values, and the append that an input leads to. Layer:
 * saga.
 *
 * An instance is the fold of its stream. fct_instance_step computes what an input appends, in one
 * commit: the events of the saga and the commands that it sends. After the commit,
 * fct_instance_take folds those events, as loading would. Only fct_instance_load waits.
 *
 * A commit expects the revision that the instance was folded to. Of two hosts, or of a host and an
 * operator, one is refused, loads again and decides again; its commands were never sent.
 */
#ifndef FCT_SAGA_INSTANCE_H
#define FCT_SAGA_INSTANCE_H

#include "core/mem.h"
#include "saga/decide.h"
#include "saga/deployed.h"
#include "saga/record.h"

#define FCT_FAILURE_CODE_SIZE 64  /* with the zero byte */
#define FCT_FAILURE_TEXT_SIZE 512 /* with the zero byte */
/* Bytes of JSON that a saga keeps: together with the rest they fit into an event of 1 MiB. */
#define FCT_KEPT_MAX (960u << 10)

/* The reason for compensating. */
struct fct_failure {
    char code[FCT_FAILURE_CODE_SIZE];
    char text[FCT_FAILURE_TEXT_SIZE];
    uint8_t slot;
};

struct fct_instance {
    const struct fct_mem *mem;
    const struct fct_deployed_set *set;
    struct fct_saga_key key;        /* the caller's texts, which must last as long */
    const struct factum_saga *saga; /* NULL: no event was folded yet */
    struct fct_saga_state state;
    struct fct_failure failure;
    factum_slice kept; /* a JSON object on the heap, or empty */
    char *correlation; /* on the heap, or NULL */
    char trace_id[33]; /* of the first event that has one, up to the one that gives |correlation| */
    bool exists;
    uint64_t revision; /* of the last event */
    uint64_t position; /* of the last one that was read from the store */
    bool has_input;
    uint64_t input;  /* events of the store up to here were taken */
    int64_t started; /* when the start was recorded; 0: not yet */
    int64_t changed; /* when the last event was recorded */
};

void fct_instance_init(struct fct_instance *instance, const struct fct_mem *mem,
                       const struct fct_deployed_set *set, const struct fct_saga_key *key);
void fct_instance_finish(struct fct_instance *instance);
/* Folds the stream as it is now. OK also if it does not exist. Errors: CORRUPT (an event
 * of a saga's type has data that no saga writes; or no definition for an event of the stream is
 * deployed here; the text says which), TOO_BIG (an event needs too much memory to be parsed);
 * otherwise as factum_read. An event of another type changes neither |state| nor |kept|. */
FCT_MUST_USE factum_status fct_instance_load(struct fct_instance *instance, factum_store *store,
                                             factum_error *err);
/* Folds |event|, the next one of the stream. */
FCT_MUST_USE factum_status fct_instance_fold(struct fct_instance *instance,
                                             const factum_event *event, factum_error *err);

/* |state| of a saga that has not started, with early answers (replies before the start) moved to
 * the slots that their steps have in |to|: another version may have been deployed meanwhile. */
struct fct_saga_state fct_instance_remap(const struct fct_saga_state *state,
                                         const struct factum_saga *from,
                                         const struct factum_saga *to);

/* An input of the instance. */
struct fct_step_input {
    struct fct_saga_input control;
    const factum_event *event; /* the event that is taken; NULL: a timer or an operator */
    factum_slice keep;         /* of an EDIT or a SKIP: a JSON object, or empty */
    factum_slice by;           /* of an operator; so is the next */
    factum_slice reason;
    /* A command that the store has refused, and why: it is not sent, and the saga is stuck.
     * FCT_SLOT_NONE: none. */
    uint8_t refused_slot;
    bool refused_undo;
    const char *refused_text;
    uint64_t
        refused_before[2]; /* commands refused earlier: bit |slot| of [0] for a do, [1] an undo */
};

/* What is to be appended, in the arena that it was made in. */
struct fct_step_append {
    struct fct_saga_outcome outcome; /* count 0: nothing is to be appended */
    const struct factum_saga *saga;  /* the definition that it was made by */
    struct fct_record *records;      /* outcome.count of them: the contents of the saga's events */
    factum_slice metadata;           /* of each of these */
    factum_append_request request;
    size_t event_count;
    factum_new_event *events;
    /* Of each event: the slot of the command that it is or cancels; FCT_SLOT_NONE: an event of the
     * saga. */
    uint8_t *slot_of;
    bool *undo_of;
};

/* Has the instance taken |event| already? */
bool fct_instance_knows(const struct fct_instance *instance, const factum_event *event);
/* Computes what |input| leads to, at |now|. |saga| is the definition unless the saga has started:
 * then its own is used.
 * Errors: CONDITION_FAILED (an act that is not possible now), INVALID, TOO_BIG, NO_MEMORY. */
FCT_MUST_USE factum_status fct_instance_step(const struct fct_instance *instance,
                                             const struct factum_saga *saga,
                                             const struct fct_step_input *input, int64_t now,
                                             factum_arena *arena, struct fct_step_append *append,
                                             factum_error *err);
/* Folds |append|, which was committed at |now|, into the instance. After a failure the instance has
 * to be loaded again. */
FCT_MUST_USE factum_status fct_instance_take(struct fct_instance *instance,
                                             const struct fct_step_append *append, int64_t now,
                                             factum_error *err);

#endif
