/* cache.c - a hash table with a list of use. Layer: decider.
 *
 * Invariants:
 *  1. |bytes| is the sum of the entries' sizes and at most |size_max|; |count| at most
 *     |entry_count_max|.
 *  2. An entry is in one bucket's list and in the list of use, the last used first.
 *  3. The lock is never held while memory is freed or a decider's function runs.
 */
#include "decider/cache.h"

#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/sized.h"
#include "core/slice.h"
#include "os/thread.h"

#define CACHE_SIZE_DEFAULT (UINT64_C(64) << 20)
#define CACHE_ENTRIES_DEFAULT 65536
#define CACHE_ENTRIES_MAX (UINT64_C(1) << 24)

struct cache_entry {
    struct cache_entry *next; /* in its bucket */
    struct cache_entry *newer;
    struct cache_entry *older;
    struct factum_fold *fold;
    uint64_t hash;
    size_t bytes;
    size_t key_size;
    uint8_t key[];
};

struct factum_state_cache {
    const struct fct_mem *mem;
    factum_store *store;
    struct fct_mutex lock;
    struct cache_entry **buckets;
    uint64_t bucket_count; /* a power of two */
    struct cache_entry *newest;
    struct cache_entry *oldest;
    uint64_t size_max;
    uint64_t entry_count_max;
    factum_state_cache_info info;
};

static uint64_t power_of_two(uint64_t least)
{
    uint64_t power = 16;
    while (power < least) {
        power *= 2;
    }
    return power;
}

factum_status fct_cache_create(const struct fct_mem *mem, factum_store *store,
                               const factum_state_cache_options *options,
                               factum_state_cache **cache, factum_error *err)
{
    uint64_t entries =
        options->entry_count_max == 0 ? CACHE_ENTRIES_DEFAULT : options->entry_count_max;
    if (entries > CACHE_ENTRIES_MAX) {
        return fct_fail(err, FACTUM_INVALID, "state cache: at most %llu entries",
                        (unsigned long long)CACHE_ENTRIES_MAX);
    }
    struct factum_state_cache *made = fct_mem_zalloc(mem, 1, sizeof *made);
    if (made == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "state cache: out of memory");
    }
    made->bucket_count = power_of_two(entries);
    made->buckets = fct_mem_zalloc(mem, (size_t)made->bucket_count, sizeof *made->buckets);
    if (made->buckets == NULL) {
        fct_mem_free(mem, made);
        return fct_fail(err, FACTUM_NO_MEMORY, "state cache: out of memory");
    }
    made->mem = mem;
    made->store = store;
    made->size_max = options->size_max == 0 ? CACHE_SIZE_DEFAULT : options->size_max;
    made->entry_count_max = entries;
    made->info.size = sizeof made->info;
    fct_mutex_init(&made->lock);
    *cache = made;
    return FACTUM_OK;
}

factum_status factum_state_cache_create(factum_store *store,
                                        const factum_state_cache_options *options,
                                        factum_state_cache **cache, factum_error *err)
{
    factum_state_cache_options full = {.size = sizeof full};
    if (store == NULL || cache == NULL) {
        return fct_fail(err, FACTUM_INVALID,
                        "state cache: a store and a place for the cache are needed");
    }
    *cache = NULL;
    if (options != NULL) {
        factum_status status =
            fct_sized_read(&full, sizeof full, options, "state cache: the options struct", err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    return fct_cache_create(fct_mem_heap(), store, &full, cache, err);
}

bool fct_cache_is_of(const factum_state_cache *cache, const factum_store *store)
{
    return cache->store == store;
}

/* ---- lists, under the lock ------------------------------------------------------------------- */

static struct cache_entry **bucket_of(factum_state_cache *cache, uint64_t hash)
{
    return &cache->buckets[hash & (cache->bucket_count - 1)];
}

static void link_entry(factum_state_cache *cache, struct cache_entry *entry)
{
    struct cache_entry **bucket = bucket_of(cache, entry->hash);
    entry->next = *bucket; /* first: the state that was used last is the newest of its subject */
    *bucket = entry;
    entry->older = cache->newest;
    entry->newer = NULL;
    if (cache->newest != NULL) {
        cache->newest->newer = entry;
    } else {
        cache->oldest = entry;
    }
    cache->newest = entry;
    cache->info.entry_count++;
    cache->info.bytes += entry->bytes;
}

static void unlink_entry(factum_state_cache *cache, struct cache_entry *entry)
{
    struct cache_entry **at = bucket_of(cache, entry->hash);
    while (*at != entry) {
        FCT_ASSERT(*at != NULL);
        at = &(*at)->next;
    }
    *at = entry->next;
    if (entry->newer != NULL) {
        entry->newer->older = entry->older;
    } else {
        cache->newest = entry->older;
    }
    if (entry->older != NULL) {
        entry->older->newer = entry->newer;
    } else {
        cache->oldest = entry->newer;
    }
    entry->next = NULL;
    cache->info.entry_count--;
    cache->info.bytes -= entry->bytes;
}

/* Takes what is over the bounds out; a list by |next|. */
static struct cache_entry *take_excess(factum_state_cache *cache)
{
    struct cache_entry *excess = NULL;
    while (cache->info.bytes > cache->size_max ||
           cache->info.entry_count > cache->entry_count_max) {
        struct cache_entry *entry = cache->oldest;
        unlink_entry(cache, entry);
        entry->next = excess;
        excess = entry;
        cache->info.evictions++;
    }
    return excess;
}

static void free_entries(const struct fct_mem *mem, struct cache_entry *entry)
{
    while (entry != NULL) {
        struct cache_entry *next = entry->next;
        factum_fold_destroy(entry->fold);
        fct_mem_free(mem, entry);
        entry = next;
    }
}

/* ---- taking and putting back ----------------------------------------------------------------- */

struct factum_fold *fct_cache_take(factum_state_cache *cache, const factum_decider *decider,
                                   factum_slice key)
{
    uint64_t hash = fct_hash64(key, 0);
    struct factum_fold *fold = NULL;
    fct_mutex_lock(&cache->lock);
    struct cache_entry *entry = *bucket_of(cache, hash);
    while (entry != NULL &&
           !(entry->hash == hash && entry->fold->decider == decider &&
             fct_slice_equal(fct_slice(entry->key, entry->key_size), key))) {
        entry = entry->next;
    }
    if (entry != NULL) {
        unlink_entry(cache, entry);
        cache->info.hits++;
    } else {
        cache->info.misses++;
    }
    fct_mutex_unlock(&cache->lock);
    if (entry != NULL) {
        fold = entry->fold;
        fct_mem_free(cache->mem, entry);
    }
    return fold;
}

void fct_cache_put(factum_state_cache *cache, factum_slice key, struct factum_fold *fold)
{
    fct_fold_shrink(fold);
    struct cache_entry *entry = fct_mem_alloc(cache->mem, sizeof *entry + key.len);
    if (entry == NULL) {
        factum_fold_destroy(fold); /* the next command reads again */
        return;
    }
    *entry = (struct cache_entry){.fold = fold,
                                  .hash = fct_hash64(key, 0),
                                  .bytes = sizeof *entry + key.len + fct_fold_size(fold),
                                  .key_size = key.len};
    memcpy(entry->key, key.ptr, key.len);
    fct_mutex_lock(&cache->lock);
    link_entry(cache, entry);
    struct cache_entry *excess = take_excess(cache);
    fct_mutex_unlock(&cache->lock);
    free_entries(cache->mem, excess);
}

factum_status factum_state_cache_get(factum_state_cache *cache, factum_state_cache_info *info,
                                     factum_error *err)
{
    if (cache == NULL) {
        return fct_fail(err, FACTUM_INVALID, "state cache: a cache is needed");
    }
    factum_status status = fct_sized_check(info, "state cache: the info struct", err);
    if (status == FACTUM_OK) {
        fct_mutex_lock(&cache->lock);
        fct_sized_write(info, &cache->info, sizeof cache->info);
        fct_mutex_unlock(&cache->lock);
    }
    return status;
}

void factum_state_cache_destroy(factum_state_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    while (cache->newest != NULL) {
        struct cache_entry *entry = cache->newest;
        unlink_entry(cache, entry);
        free_entries(cache->mem, entry);
    }
    fct_mutex_finish(&cache->lock);
    fct_mem_free(cache->mem, cache->buckets);
    fct_mem_free(cache->mem, cache);
}
