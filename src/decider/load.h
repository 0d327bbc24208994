/* load.h - makes a fold as new as the store, by reading all of its subject or only newer events.
 * Layer: decider. */
#ifndef FCT_DECIDER_LOAD_H
#define FCT_DECIDER_LOAD_H

#include <factum/async.h>

#include "decider/fold.h"
#include "decider/subject.h"

struct fct_source {
    factum_store *store;
    const struct fct_subject *subject;
    const factum_call *call; /* or NULL */
};

/* Reads from the beginning. A stream that does not exist gives the initial state. Errors: as
 * factum_fold_read. */
FCT_MUST_USE factum_status fct_load_all(const struct fct_source *source, struct factum_fold *fold,
                                        factum_error *err);
/* Reads what was appended since the fold was read; *changed if anything was. */
FCT_MUST_USE factum_status fct_load_newer(const struct fct_source *source, struct factum_fold *fold,
                                          bool *changed, factum_error *err);
/* Asks a question and waits for the answer, at most until the call's deadline. */
FCT_MUST_USE factum_status fct_ask_and_wait(factum_store *store, factum_question *question,
                                            factum_error *err);

#endif
