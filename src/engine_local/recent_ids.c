/* recent_ids.c - see recent_ids.h. Layer: engine_local.
 *
 * A ring of the newest ids, and an open-addressing table over it with linear probing. What the ring
 * drops leaves the table by backward-shift deletion, so that a search ends at the first empty
 * place.
 */
#include "engine_local/recent_ids.h"

#include <string.h>

#include "core/check.h"

static uint32_t hash_of(factum_uuid id)
{
    uint64_t low;
    uint64_t high;
    memcpy(&low, id.bytes, sizeof low);
    memcpy(&high, id.bytes + 8, sizeof high);
    uint64_t mixed = (low ^ (high * UINT64_C(0x9e3779b97f4a7c15))) * UINT64_C(0xbf58476d1ce4e5b9);
    return (uint32_t)(mixed >> 32);
}

void fct_recent_ids_init(struct fct_recent_ids *recent, const struct fct_mem *mem)
{
    *recent = (struct fct_recent_ids){.mem = mem};
}

void fct_recent_ids_finish(struct fct_recent_ids *recent)
{
    if (recent->mem != NULL) {
        fct_mem_free(recent->mem, recent->positions);
        *recent = (struct fct_recent_ids){.mem = NULL};
    }
}

bool fct_recent_ids_prepare(struct fct_recent_ids *recent)
{
    if (recent->positions != NULL) {
        return true;
    }
    uint8_t *block = fct_mem_zalloc(recent->mem, FCT_RECENT_IDS, 8 + 4 + 8);
    if (block == NULL) {
        return false;
    }
    recent->positions = (uint64_t *)(void *)block;
    recent->hashes = (uint32_t *)(void *)(block + (size_t)FCT_RECENT_IDS * 8);
    recent->table = recent->hashes + FCT_RECENT_IDS;
    return true;
}

static uint32_t place_of(uint32_t hash, uint32_t step)
{
    return (hash + step) & (FCT_RECENT_IDS * 2 - 1);
}

static void unlink_oldest(struct fct_recent_ids *recent, uint32_t ring)
{
    if (recent->positions[ring] == 0) {
        return;
    }
    uint32_t mask = FCT_RECENT_IDS * 2 - 1;
    uint32_t hole = 0;
    uint32_t step = 0;
    for (;; step++) {
        hole = place_of(recent->hashes[ring], step);
        FCT_ASSERT(recent->table[hole] != 0);
        if (recent->table[hole] == ring + 1) {
            break;
        }
    }
    /* Backward-shift deletion keeps every probe sequence unbroken. */
    for (uint32_t at = (hole + 1) & mask; recent->table[at] != 0; at = (at + 1) & mask) {
        uint32_t home = recent->hashes[recent->table[at] - 1] & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            recent->table[hole] = recent->table[at];
            hole = at;
        }
    }
    recent->table[hole] = 0;
}

void fct_recent_ids_add(struct fct_recent_ids *recent, factum_uuid id, uint64_t position)
{
    uint32_t ring = recent->next;
    unlink_oldest(recent, ring);
    recent->positions[ring] = position;
    recent->hashes[ring] = hash_of(id);
    uint32_t step = 0;
    while (recent->table[place_of(recent->hashes[ring], step)] != 0) {
        step++;
    }
    recent->table[place_of(recent->hashes[ring], step)] = ring + 1;
    recent->next = (ring + 1) % FCT_RECENT_IDS;
}

bool fct_recent_ids_next(const struct fct_recent_ids *recent, factum_uuid id, uint32_t *cursor,
                         uint64_t *position)
{
    uint32_t hash = hash_of(id);
    for (;;) {
        uint32_t ring = recent->table[place_of(hash, *cursor)];
        if (ring == 0) {
            return false;
        }
        ++*cursor;
        if (recent->hashes[ring - 1] == hash) {
            *position = recent->positions[ring - 1];
            return true;
        }
    }
}
