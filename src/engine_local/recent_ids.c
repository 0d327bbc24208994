/* recent_ids.c - see recent_ids.h. Layer: engine_local.
 *
 * A ring of the newest ids, and an open-addressing table over it with linear probing. An id that
 * leaves the ring leaves the table by backward-shift deletion.
 *
 * Invariants:
 *  1. Positions rise from the oldest entry of the ring to the newest; 0 is an entry never used.
 *  2. Each used entry of the ring has one place in the table, and no empty place lies between that
 *     and the place that its hash names: a search ends at the first empty place.
 *  3. The table has twice as many places as the ring has entries.
 */
#include "engine_local/recent_ids.h"

#include <assert.h>
#include <string.h>

#include "core/check.h"

#define TABLE_SIZE (FCT_RECENT_IDS * 2u)

static_assert((TABLE_SIZE & (TABLE_SIZE - 1)) == 0, "a mask chooses the place");

static void recent_ids_check(const struct fct_recent_ids *recent)
{
    FCT_ASSERT(recent->positions != NULL);
    FCT_ASSERT(recent->next < FCT_RECENT_IDS);
}

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
    recent_ids_check(recent);
    return true;
}

static uint32_t place_of(uint32_t hash, uint32_t step)
{
    return (hash + step) & (TABLE_SIZE - 1);
}

/* The place of the entry |ring|, which is in the table. */
static uint32_t find_place(const struct fct_recent_ids *recent, uint32_t ring)
{
    for (uint32_t step = 0;; step++) {
        uint32_t place = place_of(recent->hashes[ring], step);
        FCT_ASSERT(recent->table[place] != 0); /* invariant 2 */
        if (recent->table[place] == ring + 1) {
            return place;
        }
    }
}

/* Removes the entry |ring| from the table, if it was used. */
static void unlink_entry(struct fct_recent_ids *recent, uint32_t ring)
{
    if (recent->positions[ring] == 0) {
        return;
    }
    uint32_t mask = TABLE_SIZE - 1;
    uint32_t hole = find_place(recent, ring);
    for (uint32_t place = (hole + 1) & mask; recent->table[place] != 0;
         place = (place + 1) & mask) {
        uint32_t home = recent->hashes[recent->table[place] - 1] & mask;
        if (((place - home) & mask) >= ((place - hole) & mask)) {
            recent->table[hole] = recent->table[place];
            hole = place;
        }
    }
    recent->table[hole] = 0;
}

void fct_recent_ids_add(struct fct_recent_ids *recent, factum_uuid id, uint64_t position)
{
    uint32_t ring = recent->next;
    recent_ids_check(recent);
    FCT_ASSERT(position > recent->positions[(ring + FCT_RECENT_IDS - 1) % FCT_RECENT_IDS]);
    unlink_entry(recent, ring);
    recent->positions[ring] = position;
    recent->hashes[ring] = hash_of(id);
    uint32_t step = 0;
    while (recent->table[place_of(recent->hashes[ring], step)] != 0) {
        step++;
    }
    recent->table[place_of(recent->hashes[ring], step)] = ring + 1;
    recent->next = (ring + 1) % FCT_RECENT_IDS;
    recent_ids_check(recent);
}

bool fct_recent_ids_next(const struct fct_recent_ids *recent, factum_uuid id, uint32_t *cursor,
                         uint64_t *position)
{
    uint32_t hash = hash_of(id);
    recent_ids_check(recent);
    for (;;) {
        uint32_t ring = recent->table[place_of(hash, *cursor)];
        if (ring == 0) {
            return false;
        }
        FCT_ASSERT(ring <= FCT_RECENT_IDS);
        ++*cursor;
        if (recent->hashes[ring - 1] == hash) {
            *position = recent->positions[ring - 1];
            return true;
        }
    }
}
