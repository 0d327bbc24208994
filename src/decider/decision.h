/* decision.h - what factum_decision is: the events that |decide| emits, or its rejection. Layer:
 * decider. Not thread-safe. */
#ifndef FCT_DECIDER_DECISION_H
#define FCT_DECIDER_DECISION_H

#include <factum/decider.h>

#include "core/arena.h"

#define FCT_DECISION_EVENTS_MAX 100000 /* the store's own limit may be lower */

struct fct_emitted {
    factum_slice stream;
    factum_slice type;
    factum_slice data;
    const factum_slice *tags;
    size_t tag_count;
    const void *typed; /* parsed from type and data */
};

struct factum_decision {
    const factum_decider *decider;
    struct factum_arena *arena; /* of all emitted events */
    factum_slice stream;        /* the subject of the decision; empty: each event names its stream
                                 */
    struct fct_emitted *events;
    size_t count;
    size_t capacity;
    factum_status failed; /* the first failure; later events are ignored */
    factum_error err;
    char code[FACTUM_CODE_SIZE];
    char text[FACTUM_REJECT_TEXT_SIZE];
};

/* Text that was printed into an arena; lasts as long as the arena's content. |what| begins the text
 * of a failure. Errors: INVALID, NO_MEMORY, TOO_BIG. */
FCT_MUST_USE factum_status fct_printed(factum_json_writer *to, const char *what, factum_slice *text,
                                       factum_error *err);
/* Resets |arena|: one decision after another uses it. */
void fct_decision_init(struct factum_decision *decision, const factum_decider *decider,
                       struct factum_arena *arena, factum_slice stream);
/* Calls |decide| and checks the outcome: *verdict, and the events or the rejection. Errors: INVALID
 * (the decider contradicts itself), NO_MEMORY, TOO_BIG. */
FCT_MUST_USE factum_status fct_decide_now(struct factum_decision *decision, const void *state,
                                          const void *command, factum_verdict *verdict,
                                          factum_error *err);

#endif
