/* store_int.h - what is behind the public handles, and what opening a store is made of. Private to
 * api. */
#ifndef FCT_API_STORE_INT_H
#define FCT_API_STORE_INT_H

#include "engine/engine.h"
#include "os/clock.h"

struct factum_store {
    struct fct_engine engine;
    struct fct_os_clock clock; /* the engine's os, if the program gave a clock */
};

/* INVALID with this text ("append: a store is needed") unless |given|. */
FCT_MUST_USE factum_status fct_api_need(bool given, const char *text, factum_error *err);

/* What every way to open a store needs before it opens the engine. */
struct fct_api_opening {
    factum_store_options options; /* whole */
    struct fct_limits limits;
    const struct fct_os *os; /* for the engine: the real one, or the new store's */
    factum_store *store;     /* new: its clock is set, the rest is zero */
};
/* |options| may be NULL. INVALID, NO_MEMORY. */
FCT_MUST_USE factum_status fct_api_opening_begin(struct fct_api_opening *opening,
                                                 const factum_store_options *options,
                                                 factum_error *err);
/* After the engine was opened with |status|: *store is the new store, or it is freed. */
FCT_MUST_USE factum_status fct_api_opening_end(struct fct_api_opening *opening,
                                               factum_status status, factum_store **store);

#endif
