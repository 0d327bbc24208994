/* cache.h - folds that wait for the next command. Layer: decider. Thread-safe.
 *
 * A command takes a fold out of the cache and gives it back after use, so no two threads share a
 * state, and nothing is copied. Commands about one subject take turns: a command waits while the
 * fold is in use, since otherwise one of the two would lose the race to append. It does not wait
 * for ever: after that it continues without the cache, and the store decides the race.
 */
#ifndef FCT_DECIDER_CACHE_H
#define FCT_DECIDER_CACHE_H

#include "decider/fold.h"
#include "os/os.h"

FCT_MUST_USE factum_status fct_cache_create(const struct fct_mem *mem, factum_store *store,
                                            const factum_state_cache_options *options,
                                            factum_state_cache **cache, factum_error *err);
/* Does the cache belong to |store|? */
bool fct_cache_is_of(const factum_state_cache *cache, const factum_store *store);
struct fct_cache_entry;

/* What a command gets from the cache. */
struct fct_cache_turn {
    struct fct_cache_entry *entry; /* NULL: the wait was too long; continue without the cache */
    struct factum_fold *fold;      /* NULL: the command creates its own */
};
/* Waits for the turn with the subject of |key|, until |deadline| (by the monotonic clock of |os|;
 * 0: none) but at most a second. */
struct fct_cache_turn fct_cache_take(factum_state_cache *cache, const struct fct_os *os,
                                     const factum_decider *decider, factum_slice key,
                                     uint64_t deadline);
/* Ends the turn. The cache owns |fold| from now on, and may destroy it at once; NULL: no fold is
 * kept. */
void fct_cache_give(factum_state_cache *cache, struct fct_cache_turn turn,
                    struct factum_fold *fold);

#endif
