/* open_on.h - a store on a given os, such as a simulated disk. Layer: api. For the saga layer's
 * simulator; programs open stores with factum_open. */
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

/* Opens the embedded store in |path| of |os|, which must outlive it. The store has no threads: it
 * works only inside calls. *store is the caller's, for factum_close; NULL on failure. |ticker| is
 * for fct_api_tick until then. Errors: as factum_open. */
FCT_MUST_USE factum_status fct_api_open_on(const struct fct_os *os, const char *path,
                                           struct fct_api_ticker *ticker, factum_store **store,
                                           factum_error *err);
/* Does the work that the threads of a store do between calls. Errors: IO, FAILED, NO_MEMORY. */
FCT_MUST_USE factum_status fct_api_tick(const struct fct_api_ticker *ticker, factum_error *err);

#endif
