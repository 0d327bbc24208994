/* memtable.c - see memtable.h for the structure and its invariants. Layer: index. */
#include "index/memtable.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "codec/bytes.h"
#include "core/check.h"

enum {
    BLOCK_SIZE = 64 << 10,
    CHUNK_MIN = 24,  /* bytes of the first chunk of a list */
    CHUNK_MAX = 512, /* bytes of the biggest chunk */
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

static_assert(sizeof(struct fct_mem_entry) == CACHE_LINE, "an entry fills one cache line");

/* |count| empty entries, each in a cache line of its own; the caller frees |*block|. */
static struct fct_mem_entry *create_entries(const struct fct_mem *mem, size_t count, void **block)
{
    *block = fct_mem_zalloc(mem, count + 1, CACHE_LINE);
    if (*block == NULL) {
        return NULL;
    }
    size_t into = (uintptr_t)*block % CACHE_LINE;
    return (struct fct_mem_entry *)(void *)((uint8_t *)*block +
                                            (into == 0 ? 0 : CACHE_LINE - into));
}

void fct_memtable_check(const struct fct_memtable *table)
{
    FCT_ASSERT(atomic_load(&table->references) > 0);
    FCT_ASSERT((table->entry_mask & (table->entry_mask + 1)) == 0); /* 1 */
    FCT_ASSERT(table->key_count <= table->entry_mask);              /* 1 */
    FCT_ASSERT(table->key_count <= table->posting_count);           /* 2 */
    FCT_ASSERT(table->block_left <= BLOCK_SIZE);
    FCT_ASSERT((table->spare_size == 0) == (table->spare == NULL));
    FCT_ASSERT(table->block_left + table->spare_size >= table->reserved); /* 3 */
    FCT_ASSERT(table->from <= table->end.position);                       /* 4 */
    FCT_ASSERT(!table->hides || table->posting_count > 0);                /* 5 */
}

struct fct_memtable *fct_memtable_create(const struct fct_mem *mem, struct fct_index_point from)
{
    struct fct_memtable *table = fct_mem_zalloc(mem, 1, sizeof *table);
    if (table == NULL) {
        return NULL;
    }
    table->entries = create_entries(mem, ENTRIES_FIRST, &table->entry_block);
    if (table->entries == NULL) {
        fct_mem_free(mem, table);
        return NULL;
    }
    table->mem = mem;
    table->entry_mask = ENTRIES_FIRST - 1;
    table->epoch = 1; /* an empty place has epoch 0 */
    table->memory = sizeof *table + ENTRIES_FIRST * sizeof *table->entries;
    table->from = from.position;
    table->end = from;
    atomic_init(&table->references, 1);
    fct_memtable_check(table);
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

void fct_memtable_retain(struct fct_memtable *table)
{
    uint32_t before = atomic_fetch_add(&table->references, 1);
    FCT_ASSERT(before > 0);
}

void fct_memtable_release(struct fct_memtable *table)
{
    if (table == NULL) {
        return;
    }
    uint32_t before = atomic_fetch_sub(&table->references, 1);
    FCT_ASSERT(before > 0);
    if (before == 1) {
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

/* Makes the hash table so large that |keys| fill 3/4 of it at most, and with |rare| more 15/16. */
static bool grow_entries(struct fct_memtable *table, size_t keys, size_t rare)
{
    uint64_t size = (uint64_t)table->entry_mask + 1;
    FCT_ASSERT(keys >= table->key_count);
    while (keys * 4 > size * 3 || (keys + rare) * 16 > size * 15) {
        size *= 2;
    }
    if (size == (uint64_t)table->entry_mask + 1) {
        return true;
    }
    void *block;
    struct fct_mem_entry *entries = create_entries(table->mem, size, &block);
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
    FCT_ASSERT((uintptr_t)entries % CACHE_LINE == 0);
    return true;
}

bool fct_memtable_reserve(struct fct_memtable *table, size_t keys, size_t rare, size_t postings)
{
    size_t reserved = postings * CHUNK_SIZE(CHUNK_MIN);
    fct_memtable_check(table);
    if (!grow_entries(table, table->key_count + keys, rare)) {
        return false;
    }
    while (table->block_left + table->spare_size < reserved + BLOCK_WASTE) {
        struct fct_arena_block *block = fct_mem_alloc(table->mem, sizeof *block + BLOCK_SIZE);
        if (block == NULL) {
            return false;
        }
        block->next = table->spare;
        table->spare = block;
        table->spare_size += BLOCK_SIZE - BLOCK_WASTE;
        table->memory += BLOCK_SIZE;
    }
    table->reserved = reserved;
    fct_memtable_check(table);
    return true;
}

size_t fct_memtable_used(const struct fct_memtable *table)
{
    FCT_ASSERT(table->spare_size % (BLOCK_SIZE - BLOCK_WASTE) == 0);
    return table->memory - table->spare_size / (BLOCK_SIZE - BLOCK_WASTE) * BLOCK_SIZE;
}

/* |size| bytes of the arena, which has them: invariant 3. */
static uint8_t *take_bytes(struct fct_memtable *table, size_t size)
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
    FCT_ASSERT(table->block_left >= size);
    table->block_left -= size;
    return taken;
}

static void add_chunk(struct fct_memtable *table, struct fct_mem_entry *entry, uint64_t position)
{
    FCT_ASSERT((entry->tail == NULL) == (entry->count == 0));
    size_t payload = entry->tail == NULL ? CHUNK_MIN : (size_t)entry->tail->size * 2;
    payload = payload > CHUNK_MAX ? CHUNK_MAX : payload;
    size_t available = table->block_left + table->spare_size;
    if (available < CHUNK_SIZE(payload) + BLOCK_WASTE + table->reserved) {
        payload = CHUNK_MIN; /* leaves what is reserved for other postings */
    }
    struct fct_chunk *chunk = (struct fct_chunk *)(void *)take_bytes(table, CHUNK_SIZE(payload));
    *chunk = (struct fct_chunk){
        .first = position, .ordinal = entry->count, .count = 1, .size = (uint16_t)payload};
    if (entry->tail == NULL) {
        entry->head = chunk;
    } else {
        entry->tail->next = chunk;
    }
    entry->tail = chunk;
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
        add_chunk(table, entry, added->position);
    } else {
        tail->used = (uint16_t)(tail->used + fct_varint_put(tail->bytes + tail->used, delta));
        tail->count++;
    }
    size_t share = CHUNK_SIZE(CHUNK_MIN); /* what was reserved for this posting */
    table->reserved -= table->reserved < share ? table->reserved : share;
    entry->last = added->position;
    entry->count++;
    table->posting_count++;
    FCT_ASSERT(table->key_count <= table->entry_mask); /* 1 */
    return fresh;
}

void fct_memtable_show(struct fct_memtable *table, struct fct_index_point end)
{
    FCT_ASSERT(end.position >= table->end.position);
    table->epoch++;
    table->hides = false;
    table->end = end;
    fct_memtable_check(table);
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
    FCT_ASSERT(shown > 0);
    FCT_ASSERT(shown <= entry->count);
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
    FCT_ASSERT(done <= room);
    return done;
}

uint64_t fct_mem_entry_first(const struct fct_mem_entry *entry)
{
    FCT_ASSERT(entry->count > 0);
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
    ordinal += at_position < position;
    FCT_ASSERT(ordinal < entry->count);
    return ordinal;
}

static int compare_places(const void *a, const void *b)
{
    const struct fct_mem_place *x = a;
    const struct fct_mem_place *y = b;
    if (x->prefix != y->prefix) {
        return x->prefix < y->prefix ? -1 : 1;
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
            uint64_t prefix = (uint64_t)entry->key.kind << 56 | entry->key.hash.high >> 8;
            places[count++] = (struct fct_mem_place){prefix, entry};
        }
    }
    FCT_ASSERT(count == table->key_count);
    qsort(places, count, sizeof *places, compare_places);
    return places;
}
