/* look.h - one saga, loaded for a person who looks at it or acts on it. Layer: saga. A user of the
 * public API.
 *
 * It is loaded from the store, so that it works without a host. Nothing is kept.
 */
#ifndef FCT_SAGA_LOOK_H
#define FCT_SAGA_LOOK_H

#include <factum/sagas.h>

#include "saga/instance.h"

struct fct_look {
    struct fct_deployed_set set;
    struct fct_instance instance;
    /* Of the event that began the newest commit, for an act that comes too late. */
    char last_type[64];
    char last_by[128]; /* "": not given, or not an operator */
};

struct fct_look_each {
    void *data;
    /* |event| has just been folded. */
    factum_status (*each)(void *data, const struct fct_instance *instance,
                          const factum_event *event, factum_error *err);
};

/* Loads the saga |saga_id| ("NAME-ID", whose text must last as long as |look|) and calls |each|,
 * which may be NULL, for its events. Call fct_look_finish in any case. Errors: NOT_FOUND (the saga
 * does not exist), INVALID (not the id of a saga); otherwise as fct_deployed_refresh and
 * fct_instance_load. */
FCT_MUST_USE factum_status fct_look_open(factum_store *store, factum_slice saga_id,
                                         const struct fct_look_each *each, struct fct_look *look,
                                         factum_error *err);
void fct_look_finish(struct fct_look *look);

/* The state by the names that the lists use. */
factum_saga_status fct_look_status(const struct fct_instance *instance);
/* "waiting for its answer" and so on. Static. */
const char *fct_look_phase(uint8_t phase);

#endif
