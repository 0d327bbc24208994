/* open_on.h - a store on an os of the caller's choice: a simulated disk. Layer: api. For the saga
 * layer's simulator; programs open stores by factum_open. */
#ifndef FCT_API_OPEN_ON_H
#define FCT_API_OPEN_ON_H

#include <factum/store.h>

#include "core/compiler.h"
#include "os/os.h"

/* The engine behind the gate. Private. */
struct fct_api_ticker {
    const void *ops;
    void *self;
};

/* Opens the embedded store in |path| of |os|, which lasts longer. It has no threads: nothing
 * happens but in calls. *store is the caller's, for factum_close; NULL on failure. |ticker| is for
 * fct_api_tick, until then. As factum_open. */
FCT_MUST_USE factum_status fct_api_open_on(const struct fct_os *os, const char *path,
                                           struct fct_api_ticker *ticker, factum_store **store,
                                           factum_error *err);
/* What the threads of such a store would do between calls. IO, FAILED, NO_MEMORY. */
FCT_MUST_USE factum_status fct_api_tick(const struct fct_api_ticker *ticker, factum_error *err);

#endif
