/* store_int.h - the structs behind the public handles, and the steps of opening a store. Private to
 * api. */
#ifndef FCT_API_STORE_INT_H
#define FCT_API_STORE_INT_H

#include "engine/engine.h"
#include "os/clock.h"

struct factum_store {
    struct fct_engine engine;
    struct fct_os_clock clock; /* the engine's os, if the program gave a clock */
};

/* INVALID with the text |text| ("append: a store is needed") unless |given|. */
FCT_MUST_USE factum_status fct_api_need(bool given, const char *text, factum_error *err);

/* What every way of opening a store prepares before it opens the engine. */
struct fct_api_opening {
    factum_store_options options; /* complete */
    struct fct_limits limits;
    const struct fct_os *os; /* for the engine: the real one, or that of the new store */
    factum_store *store;     /* new: its clock is set, everything else is zero */
};
/* |options| may be NULL. Errors: INVALID, NO_MEMORY. */
FCT_MUST_USE factum_status fct_api_opening_begin(struct fct_api_opening *opening,
                                                 const factum_store_options *options,
                                                 factum_error *err);
/* After the engine was opened with |status|: *store becomes the new store, or the store is
 * freed. */
FCT_MUST_USE factum_status fct_api_opening_end(struct fct_api_opening *opening,
                                               factum_status status, factum_store **store);

#endif
