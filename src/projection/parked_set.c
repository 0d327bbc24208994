/* parked_set.c - a sorted array of keys. Layer: projection. See parked_set.h. */
#include "projection/parked_set.h"

#include <string.h>

#include "core/check.h"
#include "core/hash.h"
#include "core/slice.h"

static uint64_t key_hash(factum_slice key)
{
    return fct_hash64(key, 0);
}

/* The invariants in parked_set.h that take no walk. */
static void parked_set_check(const struct fct_parked_set *set)
{
    FCT_ASSERT(set->count <= set->capacity);
    FCT_ASSERT(set->event_count >= set->count);
    FCT_ASSERT((set->count == 0) == (set->event_count == 0));
}

/* Entry |at| is between its neighbours and has an event. */
static void parked_set_check_entry(const struct fct_parked_set *set, size_t at)
{
    FCT_ASSERT(at < set->count);
    FCT_ASSERT(set->entries[at].event_count > 0);
    FCT_ASSERT(at == 0 || set->entries[at - 1].hash <= set->entries[at].hash);
    FCT_ASSERT(at + 1 == set->count || set->entries[at].hash <= set->entries[at + 1].hash);
}

/* The index of the first entry whose hash is not below |hash|. */
static size_t first_of(const struct fct_parked_set *set, uint64_t hash)
{
    size_t low = 0;
    size_t high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->entries[middle].hash < hash) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void fct_parked_set_init(struct fct_parked_set *set, const struct fct_mem *mem)
{
    *set = (struct fct_parked_set){.mem = mem};
}

void fct_parked_set_clear(struct fct_parked_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        fct_mem_free(set->mem, (void *)(uintptr_t)set->entries[i].key.ptr);
    }
    fct_mem_free(set->mem, set->entries);
    fct_parked_set_init(set, set->mem);
}

struct fct_parked_key *fct_parked_set_find(const struct fct_parked_set *set, factum_slice key)
{
    if (set->count == 0) {
        return NULL;
    }
    uint64_t hash = key_hash(key);
    for (size_t i = first_of(set, hash); i < set->count && set->entries[i].hash == hash; i++) {
        if (fct_slice_equal(set->entries[i].key, key)) {
            return &set->entries[i];
        }
    }
    return NULL;
}

static factum_status make_room(struct fct_parked_set *set)
{
    if (set->count < set->capacity) {
        return FACTUM_OK;
    }
    size_t capacity = set->capacity == 0 ? 16 : set->capacity * 2;
    struct fct_parked_key *entries =
        fct_mem_resize(set->mem, set->entries, capacity * sizeof *entries);
    if (entries == NULL) {
        return FACTUM_NO_MEMORY;
    }
    set->entries = entries;
    set->capacity = capacity;
    return FACTUM_OK;
}

factum_status fct_parked_set_add(struct fct_parked_set *set, factum_slice key, int64_t next_attempt)
{
    struct fct_parked_key *found = fct_parked_set_find(set, key);
    parked_set_check(set);
    if (found != NULL) {
        found->event_count++;
        set->event_count++;
        return FACTUM_OK;
    }
    uint8_t *copy = fct_mem_alloc(set->mem, key.len > 0 ? key.len : 1);
    if (copy == NULL || make_room(set) != FACTUM_OK) {
        fct_mem_free(set->mem, copy);
        return FACTUM_NO_MEMORY;
    }
    if (key.len > 0) {
        memcpy(copy, key.ptr, key.len);
    }
    uint64_t hash = key_hash(key);
    size_t at = first_of(set, hash);
    memmove(set->entries + at + 1, set->entries + at, (set->count - at) * sizeof *set->entries);
    set->entries[at] = (struct fct_parked_key){
        .hash = hash, .key = {copy, key.len}, .event_count = 1, .next_attempt = next_attempt};
    set->count++;
    set->event_count++;
    parked_set_check(set);
    parked_set_check_entry(set, at);
    return FACTUM_OK;
}

void fct_parked_set_remove(struct fct_parked_set *set, factum_slice key)
{
    struct fct_parked_key *found = fct_parked_set_find(set, key);
    if (found == NULL) {
        return; /* the table was changed by hand */
    }
    parked_set_check(set);
    set->event_count--;
    found->event_count--;
    if (found->event_count > 0) {
        return;
    }
    fct_mem_free(set->mem, (void *)(uintptr_t)found->key.ptr);
    size_t at = (size_t)(found - set->entries);
    set->count--;
    memmove(set->entries + at, set->entries + at + 1, (set->count - at) * sizeof *set->entries);
    parked_set_check(set);
}

int64_t fct_parked_set_due(const struct fct_parked_set *set)
{
    int64_t due = 0;
    for (size_t i = 0; i < set->count; i++) {
        int64_t next = set->entries[i].next_attempt;
        if (next != 0 && (due == 0 || next < due)) {
            due = next;
        }
    }
    return due;
}
