/* deployed.h - the definitions that are deployed in a store, loaded. Layer: saga. A user of the
 * public API.
 *
 * Every version that was ever deployed is kept: a running saga keeps its version. One thread at a
 * time.
 */
#ifndef FCT_SAGA_DEPLOYED_H
#define FCT_SAGA_DEPLOYED_H

#include "core/mem.h"
#include "saga/definition.h"

#define FCT_DEPLOYED_MAX 4096u /* versions of all sagas */

struct fct_deployed {
    struct factum_saga *saga;
    uint64_t position; /* sagas start by events after it */
};

struct fct_deployed_set {
    const struct fct_mem *mem;
    struct fct_deployed *items; /* oldest first */
    size_t count;
    size_t capacity;
};

void fct_deployed_init(struct fct_deployed_set *set, const struct fct_mem *mem);
void fct_deployed_finish(struct fct_deployed_set *set);
/* Adds the deployments since the last call. Loaded definitions never move. A definition that this
 * version of the library cannot load is left out and reported to |log|, which may be NULL. Errors:
 * TOO_BIG, NO_MEMORY; otherwise as factum_saga_deployments. */
FCT_MUST_USE factum_status fct_deployed_refresh(struct fct_deployed_set *set, factum_store *store,
                                                const factum_log_sink *log, factum_error *err);
/* The newest version of |name| that was deployed before |position|, or NULL. */
const struct factum_saga *fct_deployed_at(const struct fct_deployed_set *set, factum_slice name,
                                          uint64_t position);
/* Has the deployment of |name| at |position|, or a later one, been added? */
bool fct_deployed_knows(const struct fct_deployed_set *set, factum_slice name, uint64_t position);
/* The version of |name| with |hash|, or NULL. */
const struct factum_saga *fct_deployed_hash(const struct fct_deployed_set *set, factum_slice name,
                                            factum_slice hash);

#endif
