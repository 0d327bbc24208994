/* cache.h - folds that wait for the next command. Layer: decider. Thread-safe.
 *
 * A fold is taken by the command that uses it, and given back afterwards: no two threads see one
 * state, and nothing is copied. Commands about one thing take turns: one that comes while the fold
 * is in use waits for it, as otherwise one of the two would lose its race. It does not wait for
 * ever; then it goes on without the cache, and the store decides.
 */
#ifndef FCT_DECIDER_CACHE_H
#define FCT_DECIDER_CACHE_H

#include "decider/fold.h"
#include "os/os.h"

FCT_MUST_USE factum_status fct_cache_create(const struct fct_mem *mem, factum_store *store,
                                            const factum_state_cache_options *options,
                                            factum_state_cache **cache, factum_error *err);
/* Is it a cache of |store|? */
bool fct_cache_is_of(const factum_state_cache *cache, const factum_store *store);
struct fct_cache_entry;

/* What a command has of the cache. */
struct fct_cache_turn {
    struct fct_cache_entry *entry; /* NULL: it could not wait any longer; it goes on alone */
    struct factum_fold *fold;      /* NULL: it makes its own */
};
/* Waits until it is this command's turn with the subject of |key|, or until |deadline| (by the
 * monotonic clock of |os|; 0: none), or for a second. */
struct fct_cache_turn fct_cache_take(factum_state_cache *cache, const struct fct_os *os,
                                     const factum_decider *decider, factum_slice key,
                                     uint64_t deadline);
/* Ends the turn. The cache owns |fold| from now on, and may destroy it at once; NULL: there is
 * nothing to keep. */
void fct_cache_give(factum_state_cache *cache, struct fct_cache_turn turn,
                    struct factum_fold *fold);

#endif
