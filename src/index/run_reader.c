/* run_reader.c - opening, searching, walking and verifying a run: see run.h. Layer: index.
 *
 * The footer is checked when the run is opened, a page when it is first used. A checksum proves
 * only what was written: numbers from the file are compared with their limits before use.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/crc32c.h"
#include "core/error.h"
#include "index/filter.h"
#include "index/run.h"

void fct_run_name(uint64_t number, char name[FCT_RUN_NAME_SIZE])
{
    (void)snprintf(name, FCT_RUN_NAME_SIZE, "%016" PRIx64 ".run", number);
}

uint64_t fct_run_number(const char *name)
{
    uint64_t number = 0;
    for (size_t i = 0; i < 16; i++) {
        char c = name[i];
        bool digit = c >= '0' && c <= '9';
        if (!digit && !(c >= 'a' && c <= 'f')) {
            return 0;
        }
        number = number << 4 | (uint64_t)(digit ? c - '0' : c - 'a' + 10);
    }
    return strcmp(name + 16, ".run") == 0 ? number : 0;
}

static bool decode_footer(const uint8_t *from, struct fct_run_info *info)
{
    if (memcmp(from, "FACTUMRN", 8) != 0 || fct_get_u32(from + 8) != FCT_RUN_FORMAT ||
        fct_get_u32(from + 156) != fct_crc32c(0, from, 156)) {
        return false;
    }
    info->level = fct_get_u32(from + 12);
    memcpy(info->store_id.bytes, from + 16, 16);
    info->seed = fct_get_u64(from + 32);
    info->number = fct_get_u64(from + 40);
    info->from = fct_get_u64(from + 48);
    info->end.position = fct_get_u64(from + 56);
    info->end.batch_number = fct_get_u64(from + 64);
    info->end.chain = fct_get_u64(from + 72);
    info->block_count = fct_get_u64(from + 80);
    info->key_count = fct_get_u64(from + 88);
    info->posting_count = fct_get_u64(from + 96);
    info->filter_size = fct_get_u64(from + 104);
    info->doubtful = fct_get_u64(from + 112);
    return true;
}

static uint64_t index_page_count(const struct fct_run_info *info)
{
    return info->block_count / FCT_RUN_INDEX_ENTRIES +
           (info->block_count % FCT_RUN_INDEX_ENTRIES != 0);
}

/* Does the footer describe exactly |page_count| pages? A posting takes at least a byte. */
static bool sizes_fit(const struct fct_run_info *info, uint64_t page_count)
{
    return page_count * FCT_RUN_PAGE_SIZE + FCT_RUN_FOOTER_SIZE == info->file_size &&
           info->filter_size % FCT_RUN_PAGE_SIZE == 0 && info->filter_size > 0 &&
           info->block_count < page_count && info->level <= FCT_RUN_LEVEL_MAX &&
           info->posting_count <= info->block_count * FCT_RUN_PAGE_SIZE &&
           info->key_count <= info->posting_count &&
           info->block_count + index_page_count(info) + info->filter_size / FCT_RUN_PAGE_SIZE ==
               page_count;
}

/* Can the device read this part of the file? */
static bool can_read(struct fct_run *run, uint64_t offset, uint64_t size)
{
    FCT_ASSERT(offset + size <= run->info.file_size);
    const struct fct_map_part part = {run->map, run->info.file_size, offset, size};
    return fct_proven_read(&run->proven, run->os, &part);
}

static const uint8_t *footer_of(const struct fct_run *run)
{
    FCT_ASSERT(run->info.file_size >= FCT_RUN_FOOTER_SIZE + FCT_RUN_PAGE_SIZE);
    return run->map + run->info.file_size - FCT_RUN_FOOTER_SIZE;
}

static factum_status check_footer(struct fct_run *run, uint64_t number, factum_error *err)
{
    struct fct_run_info *info = &run->info;
    if (!can_read(run, info->file_size - FCT_RUN_FOOTER_SIZE, FCT_RUN_FOOTER_SIZE)) {
        return fct_fail(err, FACTUM_IO, "index run %s cannot be read", run->path);
    }
    run->page_count = (info->file_size - FCT_RUN_FOOTER_SIZE) / FCT_RUN_PAGE_SIZE;
    if (!decode_footer(footer_of(run), info) || info->number != number ||
        !sizes_fit(info, run->page_count)) {
        return fct_fail(err, FACTUM_CORRUPT, "index run %s is damaged", run->path);
    }
    return FACTUM_OK;
}

/* Words of |verified|: a bit a page. */
static size_t verified_words(const struct fct_run *run)
{
    return (size_t)(run->info.file_size / FCT_RUN_PAGE_SIZE / 64 + 1);
}

/* Pages are checked again when they are next used. */
static void clear_bits(struct fct_run *run)
{
    size_t words = verified_words(run) + 2 * fct_proven_word_count(run->info.file_size);
    FCT_ASSERT(run->verified != NULL);
    for (size_t i = 0; i < words; i++) {
        atomic_store(&run->verified[i], 0);
    }
}

static factum_status open_mapped(void *data, struct fct_file **file, factum_error *err)
{
    const struct fct_run *run = data;
    return fct_file_open(run->os, run->path, FCT_OPEN_READ, file, err);
}

static factum_status create_bits(struct fct_run *run, factum_error *err)
{
    uint64_t size = run->info.file_size;
    size_t pages = verified_words(run);
    FCT_ASSERT(run->verified_memory == NULL);
    size_t words = fct_proven_word_count(size);
    run->verified_memory = fct_mem_zalloc(run->mem, pages + 2 * words, sizeof(uint64_t));
    run->verified = run->verified_memory;
    if (run->verified == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "open index run: out of memory");
    }
    run->proven = fct_proven(open_mapped, run, run->verified + pages, words, size);
    return FACTUM_OK;
}

/* Opens, maps and checks the file of |run|. */
static factum_status open_file(struct fct_run *run, const char *dir, uint64_t number,
                               factum_error *err)
{
    char name[FCT_RUN_NAME_SIZE];
    fct_run_name(number, name);
    factum_status status = fct_path_join(run->path, dir, name, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_file_open(run->os, run->path, FCT_OPEN_READ, &run->file, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_file_size(run->file, &run->info.file_size, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (run->info.file_size < FCT_RUN_FOOTER_SIZE + FCT_RUN_PAGE_SIZE) {
        return fct_fail(err, FACTUM_CORRUPT, "index run %s is too short", run->path);
    }
    status = fct_file_map(run->file, run->info.file_size, &run->map, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = create_bits(run, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return check_footer(run, number, err);
}

/* What opening has proven, and what no page may change. O(1). */
static void check_run(const struct fct_run *run)
{
    const struct fct_run_info *info = &run->info;
    FCT_ASSERT(atomic_load_explicit(&run->references, memory_order_relaxed) > 0);
    FCT_ASSERT(run->map != NULL);
    FCT_ASSERT(run->page_count * FCT_RUN_PAGE_SIZE + FCT_RUN_FOOTER_SIZE == info->file_size);
    FCT_ASSERT(info->block_count + info->filter_size / FCT_RUN_PAGE_SIZE <= run->page_count);
    FCT_ASSERT(info->filter_size > 0);
}

factum_status fct_run_open(struct fct_run **out, const struct fct_os *os, const struct fct_mem *mem,
                           const char *dir, uint64_t number, factum_error *err)
{
    *out = NULL;
    struct fct_run *run = fct_mem_zalloc(mem, 1, sizeof *run);
    if (run == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "open index run: out of memory");
    }
    run->os = os;
    run->mem = mem;
    atomic_init(&run->references, 1);
    factum_status status = open_file(run, dir, number, err);
    if (status != FACTUM_OK) {
        fct_run_release(run);
        return status;
    }
    check_run(run);
    *out = run;
    return FACTUM_OK;
}

void fct_run_retain(struct fct_run *run)
{
    uint32_t before = atomic_fetch_add(&run->references, 1);
    FCT_ASSERT(before > 0);
}

void fct_run_release(struct fct_run *run)
{
    factum_error ignored;
    if (run == NULL) {
        return;
    }
    uint32_t before = atomic_fetch_sub(&run->references, 1);
    FCT_ASSERT(before > 0);
    if (before > 1) {
        return;
    }
    if (run->map != NULL) {
        fct_os_unmap(run->os, run->map, run->info.file_size);
    }
    (void)fct_file_close(&run->file, &ignored);
    if (run->obsolete) {
        factum_status removed = fct_os_unlink(run->os, run->path, &ignored);
        (void)removed; /* the next opening deletes what no manifest names */
    }
    fct_mem_free(run->mem, run->verified_memory);
    fct_mem_free(run->mem, run);
}

uint32_t fct_run_page_crc(uint64_t run, uint64_t number, const uint8_t page[FCT_RUN_PAGE_SIZE])
{
    uint64_t seed = ((run << 20) + number) * UINT64_C(0x9e3779b97f4a7c15);
    return fct_crc32c((uint32_t)(seed >> 32), page, FCT_RUN_PAGE_ROOM);
}

static const uint8_t *damaged_page(struct fct_run *run)
{
    atomic_store(&run->bad, true);
    return NULL;
}

/* The page, checked; NULL if it is damaged, and then the run is bad. */
static const uint8_t *page_at(struct fct_run *run, uint64_t number)
{
    FCT_ASSERT(number < run->page_count);
    const uint8_t *page = run->map + number * FCT_RUN_PAGE_SIZE;
    uint64_t bit = UINT64_C(1) << (number % 64);
    if ((atomic_load_explicit(&run->verified[number / 64], memory_order_relaxed) & bit) != 0) {
        return page;
    }
    if (!can_read(run, number * FCT_RUN_PAGE_SIZE, FCT_RUN_PAGE_SIZE)) {
        return damaged_page(run);
    }
    uint32_t crc = fct_run_page_crc(run->info.number, number, page);
    if (crc != fct_get_u32(page + FCT_RUN_PAGE_ROOM)) {
        return damaged_page(run);
    }
    atomic_fetch_or(&run->verified[number / 64], bit);
    return page;
}

static const uint8_t *block_at(struct fct_run *run, uint64_t block)
{
    FCT_ASSERT(block < run->info.block_count);
    const uint8_t *bytes = page_at(run, block);
    if (bytes == NULL) {
        return NULL;
    }
    uint32_t count = fct_get_u16(bytes + FCT_RUN_PAGE_SIZE - 6);
    return count == 0 || count * 2 > FCT_RUN_PAGE_SIZE - 6 ? damaged_page(run) : bytes;
}

/* Decodes the entry at |at|. False: it is not valid. */
static bool decode_entry(const uint8_t *at, const uint8_t *end, struct fct_run_entry *entry)
{
    if (end - at < 20) {
        return false;
    }
    entry->key.kind = (enum fct_index_kind)at[0];
    entry->key.hash.high = fct_get_u64(at + 1);
    entry->key.hash.low = fct_get_u64(at + 9);
    at += 17;
    uint64_t first = 0;
    size_t a = fct_varint_get(at, (size_t)(end - at), &entry->count);
    at += a;
    size_t b = fct_varint_get(at, (size_t)(end - at), &entry->ordinal);
    at += b;
    size_t c = fct_varint_get(at, (size_t)(end - at), &first);
    at += c;
    entry->first = first * 4;
    entry->deltas = at;
    entry->end = end;
    /* A difference takes at least a byte: so a count from the file bounds the work of a reader. */
    return a != 0 && b != 0 && c != 0 && entry->count > 0 &&
           entry->count - 1 <= (uint64_t)(end - at);
}

/* Decodes entry |i| of a block. False: it is not valid. */
static bool entry_in(const uint8_t *block, uint32_t i, struct fct_run_entry *entry)
{
    uint32_t count = fct_get_u16(block + FCT_RUN_PAGE_SIZE - 6);
    FCT_ASSERT(i < count);
    const uint8_t *offsets = block + FCT_RUN_PAGE_SIZE - 6 - 2 * (size_t)count;
    uint32_t from = fct_get_u16(offsets + 2 * (size_t)i);
    uint32_t to =
        i + 1 == count ? (uint32_t)(offsets - block) : fct_get_u16(offsets + 2 * (size_t)(i + 1));
    return from < to && to <= (uint32_t)(offsets - block) &&
           decode_entry(block + from, block + to, entry);
}

factum_status fct_run_entry_at(struct fct_run *run, uint64_t block, uint32_t i,
                               struct fct_run_entry *entry)
{
    const uint8_t *bytes = block_at(run, block);
    if (bytes == NULL) {
        return FACTUM_CORRUPT;
    }
    if (i >= fct_get_u16(bytes + FCT_RUN_PAGE_SIZE - 6)) {
        return FACTUM_DONE;
    }
    if (!entry_in(bytes, i, entry)) {
        atomic_store(&run->bad, true);
        return FACTUM_CORRUPT;
    }
    return FACTUM_OK;
}

factum_status fct_run_probe(struct fct_run *run, const struct fct_index_key *key)
{
    uint64_t mixed = fct_filter_mix(key);
    uint64_t at = fct_filter_block(mixed, run->info.filter_size);
    uint64_t filter = run->page_count - run->info.filter_size / FCT_RUN_PAGE_SIZE;
    const uint8_t *page = page_at(run, filter + at / FCT_RUN_PAGE_SIZE);
    if (page == NULL) {
        return FACTUM_CORRUPT;
    }
    return fct_filter_test(page + at % FCT_RUN_PAGE_SIZE, mixed) ? FACTUM_OK : FACTUM_DONE;
}

/* A search for the last entry of a key that begins at or before an ordinal or a position. */
struct target {
    const struct fct_index_key *key;
    uint64_t place; /* ordinal, or position if by_position */
    bool by_position;
};

/* Does an entry with this key, ordinal and position begin at or before the target? */
static bool not_after(const struct fct_index_key *key, uint64_t ordinal, uint64_t position,
                      const struct target *target)
{
    int order = fct_index_key_compare(key, target->key);
    if (order != 0) {
        return order < 0;
    }
    return (target->by_position ? position : ordinal) <= target->place;
}

/* The last block that begins at or before the target; block 0 if none does. */
static factum_status find_block(struct fct_run *run, const struct target *target, uint64_t *block)
{
    uint64_t low = 0;
    uint64_t high = run->info.block_count;
    FCT_ASSERT(high > 0);
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        const uint8_t *at = page_at(run, run->info.block_count + middle / FCT_RUN_INDEX_ENTRIES);
        if (at == NULL) {
            return FACTUM_CORRUPT;
        }
        at += middle % FCT_RUN_INDEX_ENTRIES * FCT_RUN_INDEX_ENTRY_SIZE;
        struct fct_index_key key = {
            .hash = {.high = fct_get_u64(at), .low = fct_get_u64(at + 8)},
            .kind = (enum fct_index_kind)at[28],
        };
        if (not_after(&key, fct_get_u32(at + 24), fct_get_u64(at + 16), target)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    FCT_ASSERT(low < run->info.block_count);
    *block = low;
    return FACTUM_OK;
}

/* The last entry of |block| that begins at or before the target; entry 0 if none does. False: an
 * entry is not valid. */
static bool find_entry(const uint8_t *block, const struct target *target,
                       struct fct_run_entry *entry)
{
    uint32_t low = 0;
    uint32_t high = fct_get_u16(block + FCT_RUN_PAGE_SIZE - 6);
    FCT_ASSERT(high > 0);
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (!entry_in(block, middle, entry)) {
            return false;
        }
        if (not_after(&entry->key, entry->ordinal, entry->first, target)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return entry_in(block, low, entry);
}

static factum_status find(struct fct_run *run, const struct target *target,
                          struct fct_run_entry *entry)
{
    if (run->info.block_count == 0) {
        return FACTUM_DONE;
    }
    uint64_t number;
    factum_status status = find_block(run, target, &number);
    if (status != FACTUM_OK) {
        return status;
    }
    const uint8_t *block = block_at(run, number);
    if (block == NULL) {
        return FACTUM_CORRUPT;
    }
    if (!find_entry(block, target, entry)) {
        atomic_store(&run->bad, true);
        return FACTUM_CORRUPT;
    }
    bool found = fct_index_key_equal(&entry->key, target->key) &&
                 not_after(&entry->key, entry->ordinal, entry->first, target);
    return found ? FACTUM_OK : FACTUM_DONE;
}

factum_status fct_run_find_ordinal(struct fct_run *run, const struct fct_index_key *key,
                                   uint64_t ordinal, struct fct_run_entry *entry)
{
    struct target target = {.key = key, .place = ordinal};
    return find(run, &target, entry);
}

factum_status fct_run_find_position(struct fct_run *run, const struct fct_index_key *key,
                                    uint64_t position, struct fct_run_entry *entry)
{
    struct target target = {.key = key, .place = position, .by_position = true};
    return find(run, &target, entry);
}

uint64_t fct_run_entry_last(const struct fct_run_entry *entry)
{
    uint64_t position = entry->first;
    const uint8_t *at = entry->deltas;
    FCT_ASSERT(entry->count > 0);
    for (uint64_t i = 1; i < entry->count; i++) {
        at = fct_run_delta(at, entry->end, &position);
    }
    return position;
}

factum_status fct_run_walk_next(struct fct_run_walk *walk, struct fct_run_entry *entry)
{
    FCT_ASSERT(walk->block <= walk->run->info.block_count);
    while (walk->block < walk->run->info.block_count) {
        factum_status status = fct_run_entry_at(walk->run, walk->block, walk->i, entry);
        if (status != FACTUM_DONE) {
            walk->i++;
            return status;
        }
        walk->block++;
        walk->i = 0;
    }
    return FACTUM_DONE;
}

/* What verifying has seen of a run so far. */
struct seen {
    struct fct_run_entry entry; /* the last one */
    uint64_t last;              /* its last position */
    uint64_t keys;
    uint64_t postings;
};

/* The position of the last posting of |entry|; false if its positions do not rise. */
static bool last_of(const struct fct_run_entry *entry, uint64_t *last)
{
    const uint8_t *at = entry->deltas;
    uint64_t position = entry->first;
    for (uint64_t i = 1; i < entry->count; i++) {
        uint64_t before = position;
        at = fct_run_delta(at, entry->end, &position);
        if (position <= before) {
            return false;
        }
    }
    *last = position;
    return true;
}

/* Does the block index describe the first entry of |block|? */
static bool is_indexed(struct fct_run *run, uint64_t block, const struct fct_run_entry *begin)
{
    FCT_ASSERT(block < run->info.block_count);
    const uint8_t *at = page_at(run, run->info.block_count + block / FCT_RUN_INDEX_ENTRIES);
    if (at == NULL) {
        return false;
    }
    at += block % FCT_RUN_INDEX_ENTRIES * FCT_RUN_INDEX_ENTRY_SIZE;
    return fct_get_u64(at) == begin->key.hash.high && fct_get_u64(at + 8) == begin->key.hash.low &&
           fct_get_u64(at + 16) == begin->first && fct_get_u32(at + 24) == begin->ordinal &&
           at[28] == (uint8_t)begin->key.kind;
}

/* May |entry| come next? Entries rise by key and ordinal, and positions in the list of a key; the
 * filter contains each key. */
static bool entry_follows(struct fct_run *run, const struct fct_run_entry *entry, struct seen *seen)
{
    const struct fct_run_entry *before = &seen->entry;
    if (seen->postings > 0 && fct_index_key_equal(&before->key, &entry->key)) {
        return entry->ordinal == before->ordinal + before->count && entry->first > seen->last;
    }
    seen->keys++;
    return entry->ordinal == 0 && entry->key.kind >= FCT_INDEX_STREAM &&
           entry->key.kind <= FCT_INDEX_BIRTH &&
           (seen->postings == 0 || fct_index_key_compare(&before->key, &entry->key) < 0) &&
           fct_run_probe(run, &entry->key) == FACTUM_OK;
}

static bool entries_verify(struct fct_run *run, const struct fct_run_info *info)
{
    struct fct_run_walk walk = {.run = run};
    struct fct_run_entry entry;
    struct seen seen = {.postings = 0};
    factum_status status;
    while ((status = fct_run_walk_next(&walk, &entry)) == FACTUM_OK) {
        uint64_t last;
        if (!entry_follows(run, &entry, &seen) || !last_of(&entry, &last) ||
            entry.first < info->from || last >= info->end.position ||
            (walk.i == 1 && !is_indexed(run, walk.block, &entry))) {
            return false;
        }
        seen.postings += entry.count;
        seen.entry = entry;
        seen.last = last;
    }
    return status == FACTUM_DONE && seen.postings == info->posting_count &&
           seen.keys == info->key_count;
}

factum_status fct_run_verify(struct fct_run *run)
{
    struct fct_run_info info = {.level = 0};
    uint64_t size = run->info.file_size;
    check_run(run);
    clear_bits(run);
    bool good = can_read(run, size - FCT_RUN_FOOTER_SIZE, FCT_RUN_FOOTER_SIZE) &&
                decode_footer(footer_of(run), &info) && entries_verify(run, &info);
    for (uint64_t page = run->info.block_count; good && page < run->page_count; page++) {
        good = page_at(run, page) != NULL;
    }
    if (!good) {
        atomic_store(&run->bad, true);
    }
    check_run(run);
    return good ? FACTUM_OK : FACTUM_CORRUPT;
}

factum_status fct_run_walk_kind(struct fct_run_walk *walk, struct fct_run *run,
                                enum fct_index_kind kind)
{
    struct fct_index_key key = {.kind = kind};
    struct target target = {.key = &key};
    check_run(run);
    *walk = (struct fct_run_walk){.run = run};
    if (run->info.block_count == 0) {
        return FACTUM_OK;
    }
    factum_status status = find_block(run, &target, &walk->block);
    if (status != FACTUM_OK) {
        return status;
    }
    struct fct_run_entry entry;
    struct fct_run_walk before = *walk;
    while ((status = fct_run_walk_next(walk, &entry)) == FACTUM_OK && entry.key.kind < kind) {
        before = *walk;
    }
    if (status == FACTUM_OK) {
        *walk = before;
    }
    return status < 0 ? status : FACTUM_OK;
}
