/* transact.h - factum_transact with the world passed in, for tests that make it fail.
 * Layer: decider. */
#ifndef FCT_DECIDER_TRANSACT_H
#define FCT_DECIDER_TRANSACT_H

#include <factum/decider.h>

#include "core/mem.h"
#include "os/os.h"

struct fct_transact_world {
    const struct fct_mem *mem;
    const struct fct_os *os; /* its random numbers and its monotonic clock */
};

/* As factum_transact; |store| is not NULL. */
FCT_MUST_USE factum_status fct_transact(const struct fct_transact_world *world, factum_store *store,
                                        const factum_decider *decider,
                                        const factum_transact_request *request,
                                        factum_result *result, factum_error *err);

#endif
