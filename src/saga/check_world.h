/* check_world.h - the world that the checker explores: a saga, the participants of its steps, and
 * the messages between them. Layer: saga. Pure: no store, no clock.
 *
 * Only fct_saga_decide decides what the saga does; this file has everything outside the saga. A
 * message that was sent once may be delivered at any later time, any number of times, or never. So
 * silence, duplicates, every order, and crashes that repeat work are all explored.
 *
 * A participant answers under the key of the command: a repeated command gets the first answer. An
 * undo that comes before its do closes the key of the do and is answered with ok. A new generation
 * is a new command, which the participant decides on its own.
 */
#ifndef FCT_SAGA_CHECK_WORLD_H
#define FCT_SAGA_CHECK_WORLD_H

#include "saga/decide.h"

#define FCT_CHECK_KEYS 7u /* generations that fit into a world */
#define FCT_CHECK_INPUTS_MAX 2048u
#define FCT_CHECK_WORDS_MAX (FCT_SAGA_SLOTS_MAX + 1u)

/* A command and its answer, in three bits for each generation. */
enum fct_key_state {
    FCT_KEY_NONE, /* not sent */
    FCT_KEY_SENT,
    FCT_KEY_OK, /* answered; the saga has not seen the answer */
    FCT_KEY_OK_SEEN,
    FCT_KEY_FAIL,
    FCT_KEY_FAIL_SEEN,
    FCT_KEY_CLOSED /* by an undo or an operator: it can have no effect any more */
};

enum fct_effect { FCT_EFFECT_NONE, FCT_EFFECT_HAS, FCT_EFFECT_UNDONE };

struct fct_world_slot {
    struct fct_step_state step; /* |attempts| is limited to the highest value that matters */
    bool timer;
    bool loser;                  /* undone because another step of its stage came first */
    uint8_t effect;              /* enum fct_effect */
    uint8_t dos[FCT_CHECK_KEYS]; /* enum fct_key_state, of generation 1, 2 ... */
    uint8_t undos[FCT_CHECK_KEYS];
};

struct fct_world {
    uint8_t phase; /* enum fct_saga_phase */
    uint8_t stage;
    bool late;
    bool deadline; /* its timer is set */
    uint8_t acts;  /* of operators so far */
    struct fct_world_slot slots[FCT_SAGA_SLOTS_MAX];
};

/* What is explored, and how. */
struct fct_check_setup {
    struct fct_saga_plan plan; /* |retry.times| is at most |generations| */
    fct_saga_decide_fn *decide;
    uint32_t generations;
    uint32_t acts;
    bool no_tombstone; /* faulty participants, for tests */
    bool no_dedupe;
    bool no_reduction;                   /* equivalent states are not merged */
    uint32_t slot_count;                 /* of |slots| */
    uint8_t slots[FCT_SAGA_SLOTS_MAX];   /* the steps, and the final calls that exist */
    uint8_t twin_of[FCT_SAGA_SLOTS_MAX]; /* the first of its equal neighbours */
};

enum fct_check_what {
    FCT_CHECK_START,
    FCT_CHECK_HANDLE,  /* the participant handles a command, with the answer |ok| */
    FCT_CHECK_DELIVER, /* an answer reaches the saga; |outside|: without the command's id */
    FCT_CHECK_TIMER,
    FCT_CHECK_RETRY, /* acts of operators */
    FCT_CHECK_SKIP,
    FCT_CHECK_UNDO,
    FCT_CHECK_CANCEL
};

struct fct_check_input {
    uint8_t what; /* enum fct_check_what */
    uint8_t slot;
    uint8_t generation;
    bool undo;
    bool ok;
    bool outside;
    bool fair; /* it happens in every run in which nothing is lost for ever */
};

enum fct_check_result {
    FCT_CHECK_STEPPED,
    FCT_CHECK_IDLE, /* the input is impossible, or nothing follows from it */
    FCT_CHECK_BROKEN
};

/* Derives the other members from |plan| and the bounds. */
void fct_check_setup_init(struct fct_check_setup *setup, const struct fct_saga_plan *plan,
                          uint32_t generations, uint32_t acts);
void fct_world_init(struct fct_world *world);
/* Fills in the inputs that are possible in |world|; returns their count. */
uint32_t fct_world_inputs(const struct fct_check_setup *setup, const struct fct_world *world,
                          struct fct_check_input inputs[FCT_CHECK_INPUTS_MAX]);
/* *next is the world after |input|, if STEPPED or BROKEN. |out| has what the saga did, without
 * changes if it was not asked. |rule| is the broken rule; static. */
enum fct_check_result fct_world_step(const struct fct_check_setup *setup,
                                     const struct fct_world *world,
                                     const struct fct_check_input *input, struct fct_world *next,
                                     struct fct_saga_outcome *out, const char **rule);
/* Has the saga ended, or does it wait for an operator? */
bool fct_world_is_over(const struct fct_check_setup *setup, const struct fct_world *world,
                       bool *stuck);

/* Packs |world| into words, which are equal for worlds that differ only in the order of equal steps
 * or in dropped history. Returns the count of words, the same for one setup. */
uint32_t fct_world_pack(const struct fct_check_setup *setup, const struct fct_world *world,
                        uint64_t words[FCT_CHECK_WORDS_MAX]);
/* The same for |next|, which follows from |world|, packed as |before|: unchanged slots are
 * copied. */
uint32_t fct_world_pack_next(const struct fct_check_setup *setup, const struct fct_world *next,
                             const struct fct_world *world, const uint64_t *before,
                             uint64_t words[FCT_CHECK_WORDS_MAX]);
void fct_world_unpack(const struct fct_check_setup *setup, const uint64_t *words,
                      struct fct_world *world);

#endif
