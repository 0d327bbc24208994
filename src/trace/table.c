/* table.c - see table.h. Layer: trace. Open addressing, at most half full. */
#include "trace/table.h"

#define TABLE_FIRST 64u

void fct_table_init(struct fct_table *table, const struct fct_mem *mem)
{
    *table = (struct fct_table){.mem = mem};
}

void fct_table_finish(struct fct_table *table)
{
    if (table->mem != NULL) {
        fct_mem_free(table->mem, table->slots);
    }
    *table = (struct fct_table){.mem = NULL};
}

struct fct_hash128 fct_table_key(uint64_t kind, factum_slice bytes)
{
    return fct_hash128(bytes, kind);
}

/* The slot of |key|, or the free one where it belongs. */
static struct fct_table_slot *slot_of(struct fct_table_slot *slots, size_t capacity,
                                      struct fct_hash128 key)
{
    size_t at = (size_t)key.low & (capacity - 1);
    while (slots[at].used && !fct_hash128_equal(slots[at].key, key)) {
        at = (at + 1) & (capacity - 1);
    }
    return &slots[at];
}

uint32_t *fct_table_find(const struct fct_table *table, struct fct_hash128 key)
{
    if (table->capacity == 0) {
        return NULL;
    }
    struct fct_table_slot *slot = slot_of(table->slots, table->capacity, key);
    return slot->used ? &slot->value : NULL;
}

static bool table_grow(struct fct_table *table)
{
    size_t capacity = table->capacity == 0 ? TABLE_FIRST : table->capacity * 2;
    struct fct_table_slot *slots = fct_mem_zalloc(table->mem, capacity, sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->slots[i].used) {
            *slot_of(slots, capacity, table->slots[i].key) = table->slots[i];
        }
    }
    fct_mem_free(table->mem, table->slots);
    table->slots = slots;
    table->capacity = capacity;
    return true;
}

uint32_t *fct_table_put(struct fct_table *table, struct fct_hash128 key, uint32_t value)
{
    if (2 * (table->count + 1) > table->capacity && !table_grow(table)) {
        return NULL;
    }
    struct fct_table_slot *slot = slot_of(table->slots, table->capacity, key);
    if (!slot->used) {
        *slot = (struct fct_table_slot){.key = key, .value = value, .used = true};
        table->count++;
    }
    return &slot->value;
}
