/* subject.h - what a command decides about: a stream or a query. Layer: decider. Pure. */
#ifndef FCT_DECIDER_SUBJECT_H
#define FCT_DECIDER_SUBJECT_H

#include <factum/decider.h>

#include "core/arena.h"
#include "core/compiler.h"
#include "decider/decision.h"

struct fct_subject {
    factum_slice stream; /* empty: the query */
    factum_query query;  /* borrowed from the request, or in the arena */
    factum_slice key;    /* as bytes: equal for equal subjects of equal deciders */
    factum_slice about;  /* the stream or query, as bytes; empty: the decider's query names it */
    bool of_command;     /* the decider's own query names it: fct_subject_ask */
};

/* Makes the subject of the request; |arena| has the memory it needs. If the request has no stream
 * and no query, fct_subject_ask has to name it, and |query| and |key| are empty until then. Errors:
 * INVALID, NO_MEMORY, TOO_BIG. */
FCT_MUST_USE factum_status fct_subject_init(struct fct_subject *subject,
                                            const factum_decider *decider,
                                            const factum_transact_request *request,
                                            struct factum_arena *arena, factum_error *err);
/* Asks the decider's |query| if the subject is |of_command|. Errors: INVALID, NO_MEMORY, TOO_BIG,
 * or the failure of the decider. */
FCT_MUST_USE factum_status fct_subject_ask(struct fct_subject *subject,
                                           const factum_decider *decider, const void *command,
                                           struct factum_arena *arena, factum_error *err);
/* Would a read of the subject return the event? */
bool fct_subject_fits(const struct fct_subject *subject, const struct fct_emitted *event);
/* The same for an event that may get more tags when it is stored. */
bool fct_subject_may_fit(const struct fct_subject *subject, const struct fct_emitted *event);

#endif
