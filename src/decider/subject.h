/* subject.h - what a command is decided about: a stream or a query. Layer: decider. Pure. */
#ifndef FCT_DECIDER_SUBJECT_H
#define FCT_DECIDER_SUBJECT_H

#include <factum/decider.h>

#include "core/arena.h"
#include "core/compiler.h"
#include "decider/decision.h"

struct fct_subject {
    factum_slice stream; /* empty: the query */
    factum_query query;  /* borrowed from the request, or in the arena */
    factum_slice key;    /* what it is, as bytes: equal for equal subjects of equal deciders */
    size_t about_at;     /* where, in |key|, the decider ends and the stream or query begins */
};

/* From the request, or by the decider's |query|; |arena| keeps what it needs. INVALID, NO_MEMORY,
 * TOO_BIG. */
FCT_MUST_USE factum_status fct_subject_init(struct fct_subject *subject,
                                            const factum_decider *decider,
                                            const factum_transact_request *request,
                                            struct factum_arena *arena, factum_error *err);
/* Would a read of the subject give the event? */
bool fct_subject_fits(const struct fct_subject *subject, const struct fct_emitted *event);
/* The same, if the event may have more tags when it is stored. */
bool fct_subject_may_fit(const struct fct_subject *subject, const struct fct_emitted *event);

#endif
