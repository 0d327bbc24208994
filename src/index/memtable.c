/* memtable.c - see memtable.h. Layer: index. */
#include "index/memtable.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "codec/bytes.h"
#include "core/check.h"

enum {
    BLOCK_SIZE = 64 << 10,
    CHUNK_MIN = 24,  /* bytes of the first chunk of a list */
    CHUNK_MAX = 512, /* and of the biggest */
    ENTRIES_FIRST = 1024,
    CACHE_LINE = 64,
    UNIT = 4, /* of positions */
};

struct fct_arena_block {
    struct fct_arena_block *next;
    uint8_t bytes[];
};

#define CHUNK_SIZE(payload) ((sizeof(struct fct_chunk) + (payload) + 7) / 8 * 8)
#define BLOCK_WASTE CHUNK_SIZE(CHUNK_MAX) /* what the end of a block may leave unused */

static_assert(sizeof(struct fct_mem_entry) == CACHE_LINE, "no place lies in two lines");

/* Room for |count| empty entries, each in a line of its own; |*block| is to be freed. */
static struct fct_mem_entry *make_entries(const struct fct_mem *mem, size_t count, void **block)
{
    *block = fct_mem_zalloc(mem, count + 1, CACHE_LINE);
    if (*block == NULL) {
        return NULL;
    }
    size_t into = (uintptr_t)*block % CACHE_LINE;
    return (struct fct_mem_entry *)(void *)((uint8_t *)*block +
                                            (into == 0 ? 0 : CACHE_LINE - into));
}

struct fct_memtable *fct_memtable_create(const struct fct_mem *mem, struct fct_index_point from)
{
    struct fct_memtable *table = fct_mem_zalloc(mem, 1, sizeof *table);
    if (table == NULL) {
        return NULL;
    }
    table->mem = mem;
    table->entries = make_entries(mem, ENTRIES_FIRST, &table->entry_block);
    table->entry_mask = ENTRIES_FIRST - 1;
    table->epoch = 1; /* an empty place is of none */
    table->memory = sizeof *table + ENTRIES_FIRST * sizeof *table->entries;
    table->from = from.position;
    table->end = from;
    table->references = 1;
    if (table->entries == NULL) {
        fct_mem_free(mem, table);
        return NULL;
    }
    return table;
}

static void free_blocks(const struct fct_mem *mem, struct fct_arena_block *block)
{
    while (block != NULL) {
        struct fct_arena_block *next = block->next;
        fct_mem_free(mem, block);
        block = next;
    }
}

void fct_memtable_destroy(struct fct_memtable *table)
{
    if (table != NULL) {
        free_blocks(table->mem, table->blocks);
        free_blocks(table->mem, table->spare);
        fct_mem_free(table->mem, table->entry_block);
        fct_mem_free(table->mem, table);
    }
}

static uint32_t home_of(uint32_t mask, const struct fct_index_key *key)
{
    return (uint32_t)(key->hash.low ^ (uint64_t)key->kind * UINT64_C(0x9e3779b1)) & mask;
}

void fct_memtable_prefetch(const struct fct_memtable *table, const struct fct_index_key *key)
{
    FCT_PREFETCH(&table->entries[home_of(table->entry_mask, key)]);
}

void fct_memtable_prefetch_tail(const struct fct_memtable *table, const struct fct_index_key *key)
{
    const struct fct_mem_entry *home = &table->entries[home_of(table->entry_mask, key)];
    if (home->count != 0 && home->tail != NULL) {
        FCT_PREFETCH(home->tail);
        FCT_PREFETCH(home->tail->bytes + 32);
    }
}

static struct fct_mem_entry *place_of(struct fct_mem_entry *entries, uint32_t mask,
                                      const struct fct_index_key *key)
{
    uint32_t at = home_of(mask, key);
    while (entries[at].count != 0 && !fct_index_key_equal(&entries[at].key, key)) {
        at = (at + 1) & mask;
    }
    return &entries[at];
}

static bool grow_entries(struct fct_memtable *table, size_t keys, size_t rare)
{
    uint64_t size = (uint64_t)table->entry_mask + 1;
    while (keys * 4 > size * 3 || (keys + rare) * 16 > size * 15) {
        size *= 2;
    }
    if (size == (uint64_t)table->entry_mask + 1) {
        return true;
    }
    void *block;
    struct fct_mem_entry *entries = make_entries(table->mem, size, &block);
    if (entries == NULL) {
        return false;
    }
    for (uint32_t i = 0; i <= table->entry_mask; i++) {
        if (table->entries[i].count != 0) {
            *place_of(entries, (uint32_t)(size - 1), &table->entries[i].key) = table->entries[i];
        }
    }
    table->memory += (size - table->entry_mask - 1) * sizeof *entries;
    fct_mem_free(table->mem, table->entry_block);
    table->entry_block = block;
    table->entries = entries;
    table->entry_mask = (uint32_t)(size - 1);
    return true;
}

bool fct_memtable_reserve(struct fct_memtable *table, size_t keys, size_t rare, size_t postings)
{
    /* Growing is done for the keys that there are, and at most doubled for those that may come. */
    if (!grow_entries(table, table->key_count + keys, rare)) {
        return false;
    }
    table->reserved = postings * CHUNK_SIZE(CHUNK_MIN);
    while (table->block_left + table->spare_size < table->reserved + BLOCK_WASTE) {
        struct fct_arena_block *block = fct_mem_alloc(table->mem, sizeof *block + BLOCK_SIZE);
        if (block == NULL) {
            return false;
        }
        block->next = table->spare;
        table->spare = block;
        table->spare_size += BLOCK_SIZE - BLOCK_WASTE;
        table->memory += BLOCK_SIZE;
    }
    return true;
}

size_t fct_memtable_used(const struct fct_memtable *table)
{
    return table->memory - table->spare_size / (BLOCK_SIZE - BLOCK_WASTE) * BLOCK_SIZE;
}

static uint8_t *take(struct fct_memtable *table, size_t size)
{
    if (table->block_left < size) {
        struct fct_arena_block *block = table->spare;
        FCT_ASSERT(block != NULL);
        table->spare = block->next;
        table->spare_size -= BLOCK_SIZE - BLOCK_WASTE;
        block->next = table->blocks;
        table->blocks = block;
        table->block_left = BLOCK_SIZE;
    }
    uint8_t *taken = table->blocks->bytes + (BLOCK_SIZE - table->block_left);
    table->block_left -= size;
    return taken;
}

static struct fct_chunk *new_chunk(struct fct_memtable *table, struct fct_mem_entry *entry,
                                   uint64_t position)
{
    size_t payload = entry->tail == NULL ? CHUNK_MIN : (size_t)entry->tail->size * 2;
    payload = payload > CHUNK_MAX ? CHUNK_MAX : payload;
    size_t available = table->block_left + table->spare_size;
    if (available < CHUNK_SIZE(payload) + BLOCK_WASTE + table->reserved) {
        payload = CHUNK_MIN; /* what was promised to others is not touched */
    }
    struct fct_chunk *chunk = (struct fct_chunk *)(void *)take(table, CHUNK_SIZE(payload));
    *chunk = (struct fct_chunk){
        .first = position, .ordinal = entry->count, .count = 1, .size = (uint16_t)payload};
    if (entry->tail == NULL) {
        entry->head = chunk;
    } else {
        entry->tail->next = chunk;
    }
    entry->tail = chunk;
    return chunk;
}

bool fct_memtable_add(struct fct_memtable *table, const struct fct_index_entry *added)
{
    FCT_ASSERT(added->position % UNIT == 0);
    struct fct_mem_entry *entry = place_of(table->entries, table->entry_mask, &added->key);
    bool fresh = entry->count == 0;
    if (fresh) {
        *entry = (struct fct_mem_entry){.key = added->key};
        table->key_count++;
    }
    FCT_ASSERT(entry->count == 0 || added->position > entry->last);
    if (entry->epoch != table->epoch) {
        entry->epoch = table->epoch;
        entry->shown = entry->count;
    }
    table->hides = true;
    struct fct_chunk *tail = entry->tail;
    uint64_t delta = (added->position - entry->last) / UNIT;
    if (tail == NULL || tail->size - tail->used < FCT_VARINT_SIZE_MAX) {
        (void)new_chunk(table, entry, added->position);
    } else {
        tail->used = (uint16_t)(tail->used + fct_varint_put(tail->bytes + tail->used, delta));
        tail->count++;
    }
    size_t promised = CHUNK_SIZE(CHUNK_MIN);
    table->reserved -= table->reserved < promised ? table->reserved : promised;
    entry->last = added->position;
    entry->count++;
    table->posting_count++;
    return fresh;
}

void fct_memtable_show(struct fct_memtable *table)
{
    table->epoch++;
    table->hides = false;
}

const struct fct_mem_entry *fct_memtable_find(const struct fct_memtable *table,
                                              const struct fct_index_key *key)
{
    const struct fct_mem_entry *entry = place_of(table->entries, table->entry_mask, key);
    return fct_mem_entry_shown(table, entry) == 0 ? NULL : entry;
}

uint64_t fct_mem_entry_last(const struct fct_memtable *table, const struct fct_mem_entry *entry)
{
    uint64_t last = entry->last;
    uint32_t shown = fct_mem_entry_shown(table, entry);
    if (shown < entry->count) {
        uint32_t got = fct_mem_entry_read(entry, shown - 1, &last, 1);
        FCT_ASSERT(got == 1);
    }
    return last;
}

uint32_t fct_mem_entry_read(const struct fct_mem_entry *entry, uint64_t ordinal,
                            uint64_t *positions, uint32_t room)
{
    const struct fct_chunk *chunk = entry->head;
    uint32_t done = 0;
    while (chunk != NULL && chunk->ordinal + (uint64_t)chunk->count <= ordinal) {
        chunk = chunk->next;
    }
    for (; chunk != NULL && done < room; chunk = chunk->next) {
        uint64_t position = chunk->first;
        size_t at = 0;
        for (uint64_t i = chunk->ordinal;;) {
            if (i >= ordinal && done < room) {
                positions[done++] = position;
            }
            if (++i == chunk->ordinal + (uint64_t)chunk->count || done == room) {
                break;
            }
            uint64_t delta = 0;
            at += fct_varint_get(chunk->bytes + at, (size_t)(chunk->used - at), &delta);
            position += delta * UNIT;
        }
    }
    return done;
}

uint64_t fct_mem_entry_first(const struct fct_mem_entry *entry)
{
    return entry->head->first;
}

uint64_t fct_mem_entry_seek(const struct fct_mem_entry *entry, uint64_t position)
{
    if (entry->last < position) {
        return entry->count;
    }
    const struct fct_chunk *chunk = entry->head;
    while (chunk->next != NULL && chunk->next->first <= position) {
        chunk = chunk->next;
    }
    uint64_t ordinal = chunk->ordinal;
    uint64_t at_position = chunk->first;
    size_t at = 0;
    while (at_position < position && ordinal + 1 < chunk->ordinal + (uint64_t)chunk->count) {
        uint64_t delta = 0;
        at += fct_varint_get(chunk->bytes + at, (size_t)(chunk->used - at), &delta);
        at_position += delta * UNIT;
        ordinal++;
    }
    return at_position < position ? ordinal + 1 : ordinal;
}

static int compare_places(const void *a, const void *b)
{
    const struct fct_mem_place *x = a;
    const struct fct_mem_place *y = b;
    if (x->begins != y->begins) {
        return x->begins < y->begins ? -1 : 1;
    }
    return fct_index_key_compare(&x->entry->key, &y->entry->key);
}

struct fct_mem_place *fct_memtable_sorted(const struct fct_memtable *table)
{
    struct fct_mem_place *places =
        fct_mem_alloc(table->mem, ((size_t)table->key_count + 1) * sizeof *places);
    if (places == NULL) {
        return NULL;
    }
    size_t count = 0;
    for (uint32_t i = 0; i <= table->entry_mask; i++) {
        const struct fct_mem_entry *entry = &table->entries[i];
        if (entry->count != 0) {
            uint64_t begins = (uint64_t)entry->key.kind << 56 | entry->key.hash.high >> 8;
            places[count++] = (struct fct_mem_place){begins, entry};
        }
    }
    qsort(places, count, sizeof *places, compare_places);
    return places;
}
