/* cache.h - folds that wait for the next command. Layer: decider. Thread-safe.
 *
 * A fold is taken out by the command that uses it, and put back afterwards. So no two threads see
 * one state, and nothing is copied. Several folds of one subject may be in the cache, of commands
 * that met; the one that was put back last is taken first.
 */
#ifndef FCT_DECIDER_CACHE_H
#define FCT_DECIDER_CACHE_H

#include "decider/fold.h"

FCT_MUST_USE factum_status fct_cache_create(const struct fct_mem *mem, factum_store *store,
                                            const factum_state_cache_options *options,
                                            factum_state_cache **cache, factum_error *err);
/* Is it a cache of |store|? */
bool fct_cache_is_of(const factum_state_cache *cache, const factum_store *store);
/* A fold by |decider| of the subject with |key|, or NULL. */
struct factum_fold *fct_cache_take(factum_state_cache *cache, const factum_decider *decider,
                                   factum_slice key);
/* The cache owns |fold| from now on, and may destroy it at once. */
void fct_cache_put(factum_state_cache *cache, factum_slice key, struct factum_fold *fold);

#endif
