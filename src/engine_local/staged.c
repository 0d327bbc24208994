/* staged.c - see staged.h. Layer: engine_local. Open addressing with stamps, so that clearing is
 * free. */
#include "engine_local/staged.h"

#include "core/check.h"

enum { SLOTS_FIRST = 1024 };

static bool grow(struct fct_staged *staged, uint32_t capacity)
{
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
    for (uint32_t i = 0; i < staged->slot_count; i++) {
        uint32_t at = (uint32_t)staged->slots[i].head.hash.high & staged->table_mask;
        while (stamps[at] == staged->stamp) {
            at = (at + 1) & staged->table_mask;
        }
        stamps[at] = staged->stamp;
        table[at] = i;
    }
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
    staged->slot_count = 0;
    if (++staged->stamp == 0) {
        for (uint32_t i = 0; i <= staged->table_mask; i++) {
            staged->stamps[i] = 0;
        }
        staged->stamp = 1;
    }
}

uint32_t fct_staged_find(const struct fct_staged *staged, struct fct_hash128 hash)
{
    uint32_t at = (uint32_t)hash.high & staged->table_mask;
    while (staged->stamps[at] == staged->stamp) {
        uint32_t slot = staged->table[at];
        if (fct_hash128_equal(staged->slots[slot].head.hash, hash)) {
            return slot;
        }
        at = (at + 1) & staged->table_mask;
    }
    return FCT_STAGED_NONE;
}

uint32_t fct_staged_add(struct fct_staged *staged, const struct fct_head *head)
{
    if (staged->slot_count == staged->slot_capacity && !grow(staged, staged->slot_capacity * 2)) {
        return FCT_STAGED_NONE;
    }
    uint32_t slot = staged->slot_count++;
    staged->slots[slot] = (struct fct_staged_slot){.head = *head};
    uint32_t at = (uint32_t)head->hash.high & staged->table_mask;
    while (staged->stamps[at] == staged->stamp) {
        at = (at + 1) & staged->table_mask;
    }
    staged->stamps[at] = staged->stamp;
    staged->table[at] = slot;
    return slot;
}
