/* instance.h - one saga: its state, what it keeps, and what an input makes of it. Layer: saga.
 *
 * An instance is the fold of its stream. fct_instance_step says what an input would append, in one
 * commit: the events of the saga and the commands that it sends. When that is committed,
 * fct_instance_take folds what its events say, as loading would. Nothing here waits but
 * fct_instance_load.
 *
 * Invariant: a commit expects the revision that the instance was folded to. Of two hosts, or of a
 * host and an operator, one is refused, loads again and decides again; its commands were never
 * sent.
 */
#ifndef FCT_SAGA_INSTANCE_H
#define FCT_SAGA_INSTANCE_H

#include "core/mem.h"
#include "saga/decide.h"
#include "saga/deployed.h"
#include "saga/record.h"

#define FCT_FAILURE_CODE_SIZE 64  /* with the zero byte */
#define FCT_FAILURE_TEXT_SIZE 512 /* with the zero byte */
/* Bytes of JSON that a saga keeps: with what stands beside them they fit into an event of 1 MiB. */
#define FCT_KEPT_MAX (960u << 10)

/* Why it compensates. */
struct fct_failure {
    char code[FCT_FAILURE_CODE_SIZE];
    char text[FCT_FAILURE_TEXT_SIZE];
    uint8_t slot;
};

struct fct_instance {
    const struct fct_mem *mem;
    const struct fct_deployed_set *set;
    struct fct_saga_key key;        /* the caller's texts, which last as long */
    const struct factum_saga *saga; /* NULL: no event was folded yet */
    struct fct_saga_state state;
    struct fct_failure failure;
    factum_slice kept; /* a JSON object on the heap, or empty */
    char *correlation; /* on the heap, or NULL */
    char trace_id[33]; /* of the first event; "" if there is none */
    bool exists;
    uint64_t revision; /* of the last event */
    uint64_t position; /* of the last one that was read from the store */
    bool has_input;
    uint64_t input;  /* events of the store up to here were taken */
    int64_t started; /* when it was recorded; 0: not yet */
    int64_t changed; /* when the last event was recorded */
};

void fct_instance_init(struct fct_instance *instance, const struct fct_mem *mem,
                       const struct fct_deployed_set *set, const struct fct_saga_key *key);
void fct_instance_finish(struct fct_instance *instance);
/* Folds the stream as it is now. OK also if there is none. CORRUPT: the stream holds what no saga
 * writes, or its definition is not there; says so. Otherwise as factum_read. */
FCT_MUST_USE factum_status fct_instance_load(struct fct_instance *instance, factum_store *store,
                                             factum_error *err);
/* The state after |event|, the next one of the stream. */
FCT_MUST_USE factum_status fct_instance_fold(struct fct_instance *instance,
                                             const factum_event *event, factum_error *err);

/* |state| of a saga that has not started, with the answers that came early at the slots that their
 * steps have in |to|: another version may have been deployed meanwhile. */
struct fct_saga_state fct_instance_remap(const struct fct_saga_state *state,
                                         const struct factum_saga *from,
                                         const struct factum_saga *to);

/* What happens to it. */
struct fct_step_input {
    struct fct_saga_input control;
    const factum_event *event; /* that is taken; NULL: a timer or an operator */
    factum_slice keep;         /* of an EDIT or a SKIP: a JSON object, or empty */
    factum_slice by;           /* of an operator; so is the next */
    factum_slice reason;
    /* A command that the store has refused, and why: it is not sent, and the saga is stuck.
     * FCT_SLOT_NONE: none. */
    uint8_t refused_slot;
    bool refused_undo;
    const char *refused_text;
    uint64_t refused_before[2]; /* those before it, by slot: of dos, and of undos */
};

/* What is to be appended. In the arena that it was made in. */
struct fct_step_append {
    struct fct_saga_outcome outcome; /* count 0: nothing is to be appended */
    const struct factum_saga *saga;  /* by which it was made */
    struct fct_record *records;      /* outcome.count of them: what the events of the saga say */
    factum_slice metadata;           /* of each of these */
    factum_append_request request;
    size_t event_count;
    factum_new_event *events;
    uint8_t *slot_of; /* of each event: the slot whose command it is; FCT_SLOT_NONE: of the saga */
    bool *undo_of;
};

/* Has the instance taken |event| already? */
bool fct_instance_knows(const struct fct_instance *instance, const factum_event *event);
/* What |input| makes, at |now|. |saga| is the definition if the instance has none yet.
 * CONDITION_FAILED: an act out of turn. INVALID, TOO_BIG, NO_MEMORY. */
FCT_MUST_USE factum_status fct_instance_step(const struct fct_instance *instance,
                                             const struct factum_saga *saga,
                                             const struct fct_step_input *input, int64_t now,
                                             factum_arena *arena, struct fct_step_append *append,
                                             factum_error *err);
/* Folds |append|, which was committed at |now|, into the instance. A failure: it is to be loaded
 * again. */
FCT_MUST_USE factum_status fct_instance_take(struct fct_instance *instance,
                                             const struct fct_step_append *append, int64_t now,
                                             factum_error *err);

#endif
