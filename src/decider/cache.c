/* cache.c - a hash table with a list by last use. Layer: decider.
 *
 *     idle: has a fold, in the list              taken: in use by a command
 *     handed on: given back while others wait; the next of them takes it
 *
 * Invariants:
 *  1. |bytes| is the sum of the idle entries' sizes and at most |size_max|; |entry_count| is their
 *     number and at most |entry_count_max|. Every entry that is taken or handed on has a command.
 *  2. An entry is in its bucket until it is freed. An entry is freed when it is idle, to make room,
 *     or when it is given back without a fold while nobody waits.
 *  3. If a command waits for an entry that is not taken, a wake-up of a waiting command is under
 *     way.
 *  4. The lock is never held while memory is freed, a thread sleeps or a decider's function runs.
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
#define TURN_WAIT_NS UINT64_C(1000000000)

struct fct_cache_entry {
    struct fct_cache_entry *next; /* in its bucket */
    struct fct_cache_entry *newer;
    struct fct_cache_entry *older;
    const factum_decider *decider;
    struct factum_fold *fold; /* of an entry that is idle or handed on */
    bool taken;
    uint32_t waiting;
    _Atomic uint32_t turns; /* counts the turns that ended; waiting commands sleep on it */
    uint64_t hash;
    size_t bytes; /* of an idle entry */
    size_t key_size;
    uint8_t key[];
};

struct factum_state_cache {
    const struct fct_mem *mem;
    factum_store *store;
    struct fct_mutex lock;
    struct fct_cache_entry **buckets;
    uint64_t bucket_count; /* a power of two */
    struct fct_cache_entry *newest;
    struct fct_cache_entry *oldest;
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
    factum_error own;
    err = fct_error_or(err, &own);
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

/* Under the lock. */
static void cache_check(const factum_state_cache *cache)
{
    FCT_ASSERT(cache->info.bytes <= cache->size_max &&
               cache->info.entry_count <= cache->entry_count_max); /* 1 */
    FCT_ASSERT((cache->newest == NULL) == (cache->oldest == NULL) &&
               (cache->newest == NULL) == (cache->info.entry_count == 0));
    FCT_ASSERT(cache->info.entry_count > 0 || cache->info.bytes == 0);
}

/* ---- lists, under the lock ------------------------------------------------------------------- */

static struct fct_cache_entry **bucket_of(factum_state_cache *cache, uint64_t hash)
{
    return &cache->buckets[hash & (cache->bucket_count - 1)];
}

static void link_bucket(factum_state_cache *cache, struct fct_cache_entry *entry)
{
    struct fct_cache_entry **bucket = bucket_of(cache, entry->hash);
    entry->next = *bucket;
    *bucket = entry;
}

static void unlink_bucket(factum_state_cache *cache, struct fct_cache_entry *entry)
{
    struct fct_cache_entry **at = bucket_of(cache, entry->hash);
    while (*at != entry) {
        FCT_ASSERT(*at != NULL);
        at = &(*at)->next;
    }
    *at = entry->next;
    entry->next = NULL;
}

static void link_idle(factum_state_cache *cache, struct fct_cache_entry *entry)
{
    FCT_ASSERT(entry->fold != NULL);
    FCT_ASSERT(!entry->taken);
    entry->bytes = sizeof *entry + entry->key_size + fct_fold_size(entry->fold);
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

static void unlink_idle(factum_state_cache *cache, struct fct_cache_entry *entry)
{
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
    cache->info.entry_count--;
    cache->info.bytes -= entry->bytes;
    entry->bytes = 0;
}

/* Removes entries until the bounds hold; returns them as a list by |next|. */
static struct fct_cache_entry *take_excess(factum_state_cache *cache)
{
    struct fct_cache_entry *excess = NULL;
    while (cache->info.bytes > cache->size_max ||
           cache->info.entry_count > cache->entry_count_max) {
        struct fct_cache_entry *entry = cache->oldest;
        FCT_ASSERT(entry != NULL && !entry->taken && entry->waiting == 0); /* 2 */
        unlink_idle(cache, entry);
        unlink_bucket(cache, entry);
        entry->next = excess;
        excess = entry;
        cache->info.evictions++;
    }
    return excess;
}

static void free_entries(const struct fct_mem *mem, struct fct_cache_entry *entry)
{
    while (entry != NULL) {
        struct fct_cache_entry *next = entry->next;
        factum_fold_destroy(entry->fold);
        fct_mem_free(mem, entry);
        entry = next;
    }
}

static struct fct_cache_entry *find_entry(factum_state_cache *cache, uint64_t hash,
                                          const factum_decider *decider, factum_slice key)
{
    struct fct_cache_entry *entry = *bucket_of(cache, hash);
    while (entry != NULL && !(entry->hash == hash && entry->decider == decider &&
                              fct_slice_equal(fct_slice(entry->key, entry->key_size), key))) {
        entry = entry->next;
    }
    return entry;
}

/* ---- turns ----------------------------------------------------------------------------------- */

static struct fct_cache_entry *new_entry(factum_state_cache *cache, const factum_decider *decider,
                                         factum_slice key, uint64_t hash)
{
    struct fct_cache_entry *entry = fct_mem_alloc(cache->mem, sizeof *entry + key.len);
    if (entry != NULL) {
        *entry = (struct fct_cache_entry){
            .decider = decider, .taken = true, .hash = hash, .key_size = key.len};
        memcpy(entry->key, key.ptr, key.len);
    }
    return entry;
}

/* Sleeps until a turn with |entry| ends, without the lock, which the caller has. False: the time is
 * over. */
static bool await_turn(factum_state_cache *cache, const struct fct_os *os,
                       struct fct_cache_entry *entry, uint64_t until)
{
    uint64_t now = fct_os_monotonic(os);
    uint32_t turns = atomic_load(&entry->turns);
    if (now >= until) {
        return false;
    }
    entry->waiting++; /* so that the entry is not freed */
    fct_mutex_unlock(&cache->lock);
    (void)fct_word_wait(&entry->turns, turns, until - now);
    fct_mutex_lock(&cache->lock);
    entry->waiting--;
    return true;
}

/* Takes an entry that is not taken. */
static void begin_turn(factum_state_cache *cache, struct fct_cache_entry *entry)
{
    if (entry->bytes > 0) {
        unlink_idle(cache, entry);
    }
    entry->taken = true;
    if (entry->fold != NULL) {
        cache->info.hits++;
    } else {
        cache->info.misses++;
    }
}

struct fct_cache_turn fct_cache_take(factum_state_cache *cache, const struct fct_os *os,
                                     const factum_decider *decider, factum_slice key,
                                     uint64_t deadline)
{
    uint64_t hash = fct_hash64(key, 0);
    uint64_t until = 0; /* unknown until the command has to wait */
    struct fct_cache_turn turn = {.entry = NULL};
    struct fct_cache_entry *fresh = NULL;
    fct_mutex_lock(&cache->lock);
    cache_check(cache);
    struct fct_cache_entry *entry = find_entry(cache, hash, decider, key);
    if (entry == NULL) {
        fct_mutex_unlock(&cache->lock);
        fresh = new_entry(cache, decider, key, hash);
        fct_mutex_lock(&cache->lock);
        entry = find_entry(cache, hash, decider, key);
    }
    while (entry != NULL && entry->taken) {
        if (until == 0) {
            until = fct_os_monotonic(os) + TURN_WAIT_NS;
            until = deadline > 0 && deadline < until ? deadline : until;
        }
        if (!await_turn(cache, os, entry, until)) {
            break;
        }
    }
    if (entry != NULL && !entry->taken) {
        begin_turn(cache, entry);
        turn = (struct fct_cache_turn){.entry = entry, .fold = entry->fold};
        entry->fold = NULL;
    } else {
        cache->info.misses++;
        if (entry == NULL && fresh != NULL) {
            link_bucket(cache, fresh);
            turn.entry = fresh;
            fresh = NULL;
        }
    }
    cache_check(cache);
    fct_mutex_unlock(&cache->lock);
    fct_mem_free(cache->mem, fresh);
    return turn;
}

void fct_cache_give(factum_state_cache *cache, struct fct_cache_turn turn, struct factum_fold *fold)
{
    struct fct_cache_entry *entry = turn.entry;
    struct fct_cache_entry *excess = NULL;
    if (entry == NULL) {
        factum_fold_destroy(fold); /* it had no turn: the entry belongs to another command */
        return;
    }
    if (fold != NULL) {
        fct_fold_shrink(fold);
    }
    fct_mutex_lock(&cache->lock);
    FCT_ASSERT(entry->taken);
    entry->taken = false;
    entry->fold = fold;
    if (entry->waiting > 0) { /* handed on; the waiting commands keep it alive */
        atomic_fetch_add(&entry->turns, 1);
        fct_word_wake(&entry->turns, 1);
    } else if (fold != NULL) {
        link_idle(cache, entry);
        excess = take_excess(cache);
    } else {
        unlink_bucket(cache, entry);
        excess = entry;
    }
    cache_check(cache);
    fct_mutex_unlock(&cache->lock);
    free_entries(cache->mem, excess);
}

factum_status factum_state_cache_get(factum_state_cache *cache, factum_state_cache_info *info,
                                     factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
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
        struct fct_cache_entry *entry = cache->newest;
        unlink_idle(cache, entry);
        unlink_bucket(cache, entry);
        free_entries(cache->mem, entry);
    }
    fct_mutex_finish(&cache->lock);
    fct_mem_free(cache->mem, cache->buckets);
    fct_mem_free(cache->mem, cache);
}
