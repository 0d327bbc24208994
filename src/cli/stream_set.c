/* stream_set.c - see stream_set.h. Layer: cli. */
#include "cli/stream_set.h"

#include <string.h>

#include <xxhash.h>

static uint32_t slot_of(const struct stream_set *set, uint64_t hash)
{
    uint32_t slot = (uint32_t)(hash % STREAM_SET_SLOTS);
    while (set->stamps[slot] == set->stamp && set->hashes[slot] != hash) {
        slot = (slot + 1) % STREAM_SET_SLOTS;
    }
    return slot;
}

void stream_set_clear(struct stream_set *set)
{
    set->count = 0;
    if (++set->stamp == 0) {
        memset(set->stamps, 0, sizeof set->stamps);
        set->stamp = 1;
    }
}

bool stream_set_has(const struct stream_set *set, factum_slice stream)
{
    return set->stamps[slot_of(set, XXH3_64bits(stream.ptr, stream.len))] == set->stamp;
}

bool stream_set_add(struct stream_set *set, factum_slice stream)
{
    uint64_t hash = XXH3_64bits(stream.ptr, stream.len);
    uint32_t slot = slot_of(set, hash);
    if (set->stamps[slot] == set->stamp) {
        return true;
    }
    if (set->count >= STREAM_SET_SLOTS / 2) {
        return false;
    }
    set->hashes[slot] = hash;
    set->stamps[slot] = set->stamp;
    set->count++;
    return true;
}
