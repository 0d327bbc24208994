/* staged.c - see staged.h. Layer: engine_local.
 *
 * Open addressing with linear probing. A place of the table is occupied if its stamp is the current
 * one, so that a new stamp empties the table.
 *
 * Invariants:
 *  1. The table has twice as many places as there is room for slots: a search ends.
 *  2. |stamp| is not 0, which is the stamp of a place that was never used.
 *  3. slot_count <= slot_capacity, and a place that is occupied names a slot below slot_count.
 */
#include "engine_local/staged.h"

#include "core/check.h"

enum { SLOTS_FIRST = 1024 };

static void staged_check(const struct fct_staged *staged)
{
    FCT_ASSERT(staged->slot_count <= staged->slot_capacity);
    FCT_ASSERT(staged->table_mask + 1 == staged->slot_capacity * 2);
    FCT_ASSERT(staged->stamp != 0);
}

/* The first place that is free for |hash|. */
static uint32_t free_place(const struct fct_staged *staged, struct fct_hash128 hash)
{
    uint32_t place = (uint32_t)hash.high & staged->table_mask;
    while (staged->stamps[place] == staged->stamp) {
        place = (place + 1) & staged->table_mask;
    }
    return place;
}

static void occupy(struct fct_staged *staged, uint32_t slot)
{
    FCT_ASSERT(slot < staged->slot_capacity);
    uint32_t place = free_place(staged, staged->slots[slot].head.hash);
    staged->stamps[place] = staged->stamp;
    staged->table[place] = slot;
}

static bool grow(struct fct_staged *staged, uint32_t capacity)
{
    FCT_ASSERT(capacity > staged->slot_capacity);
    FCT_ASSERT((capacity & (capacity - 1)) == 0); /* for the mask */
    uint32_t table_size = capacity * 2;
    struct fct_staged_slot *slots =
        fct_mem_resize(staged->mem, staged->slots, capacity * sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    staged->slots = slots;
    uint32_t *table = fct_mem_alloc(staged->mem, table_size * sizeof *table);
    uint32_t *stamps = fct_mem_zalloc(staged->mem, table_size, sizeof *stamps);
    if (table == NULL || stamps == NULL) {
        fct_mem_free(staged->mem, table);
        fct_mem_free(staged->mem, stamps);
        return false;
    }
    fct_mem_free(staged->mem, staged->table);
    fct_mem_free(staged->mem, staged->stamps);
    staged->table = table;
    staged->stamps = stamps;
    staged->stamp = 1;
    staged->table_mask = table_size - 1;
    staged->slot_capacity = capacity;
    for (uint32_t slot = 0; slot < staged->slot_count; slot++) {
        occupy(staged, slot);
    }
    staged_check(staged);
    return true;
}

bool fct_staged_init(struct fct_staged *staged, const struct fct_mem *mem)
{
    *staged = (struct fct_staged){.mem = mem};
    return grow(staged, SLOTS_FIRST);
}

void fct_staged_finish(struct fct_staged *staged)
{
    if (staged->mem != NULL) {
        fct_mem_free(staged->mem, staged->slots);
        fct_mem_free(staged->mem, staged->table);
        fct_mem_free(staged->mem, staged->stamps);
        *staged = (struct fct_staged){.mem = NULL};
    }
}

void fct_staged_clear(struct fct_staged *staged)
{
    staged_check(staged);
    staged->slot_count = 0;
    if (++staged->stamp == 0) {
        for (uint32_t i = 0; i <= staged->table_mask; i++) {
            staged->stamps[i] = 0;
        }
        staged->stamp = 1;
    }
    staged_check(staged);
}

uint32_t fct_staged_find(const struct fct_staged *staged, struct fct_hash128 hash)
{
    uint32_t place = (uint32_t)hash.high & staged->table_mask;
    while (staged->stamps[place] == staged->stamp) {
        uint32_t slot = staged->table[place];
        FCT_ASSERT(slot < staged->slot_count);
        if (fct_hash128_equal(staged->slots[slot].head.hash, hash)) {
            return slot;
        }
        place = (place + 1) & staged->table_mask;
    }
    return FCT_STAGED_NONE;
}

uint32_t fct_staged_add(struct fct_staged *staged, const struct fct_head *head)
{
    staged_check(staged);
    if (staged->slot_count == staged->slot_capacity && !grow(staged, staged->slot_capacity * 2)) {
        return FCT_STAGED_NONE;
    }
    uint32_t slot = staged->slot_count++;
    staged->slots[slot] = (struct fct_staged_slot){.head = *head};
    occupy(staged, slot);
    staged_check(staged);
    return slot;
}
