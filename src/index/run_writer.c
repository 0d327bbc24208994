/* run_writer.c - writing a run in one pass: see run.h. Layer: index.
 *
 * Memory: the filter, the block index, the current block and entry, and an output buffer of whole
 * blocks. No page is written twice.
 *
 * Invariants, asserted by check_writer:
 *  1. The output buffer contains whole blocks and has room for another.
 *  2. The current entry, its offset and the tail of the block fit into the current block.
 *  3. Only an entry with postings has differences.
 *  4. Blocks are sealed in order: as many as block_count.
 */
#include <string.h>

#include "core/buf.h"
#include "core/check.h"
#include "core/crc32c.h"
#include "core/error.h"
#include "index/filter.h"
#include "index/run.h"

enum {
    OUTPUT_SIZE = 16 * FCT_RUN_PAGE_SIZE,
    ENTRY_ROOM = 17 + 4 * FCT_VARINT_SIZE_MAX + 2, /* an entry starts only if so many bytes fit */
    BLOCK_TAIL = 6,
};

struct fct_run_writer {
    const struct fct_os *os;
    const struct fct_mem *mem;
    struct fct_run_info info;
    struct fct_file *file;
    char dir[FCT_PATH_SIZE];
    char path[FCT_PATH_SIZE];
    uint8_t *output; /* blocks that are not written yet */
    size_t output_used;
    uint64_t written; /* bytes of the file */
    uint64_t sealed;  /* pages with a checksum */
    uint8_t *filter;
    struct fct_buf index;
    bool finished;

    /* the current block: entries from the front; their offsets are added when it ends */
    uint8_t block[FCT_RUN_PAGE_SIZE];
    size_t used;
    uint16_t offsets[FCT_RUN_PAGE_SIZE / 20];
    uint32_t entries;
    /* the current entry: its differences are in |deltas| until it ends */
    struct fct_index_key key;
    uint64_t ordinal;
    uint64_t first;
    uint64_t last;
    uint64_t count; /* of the entry */
    uint64_t total; /* of the key, in the entries before */
    uint8_t deltas[FCT_RUN_PAGE_SIZE];
    size_t deltas_used;
};

static void check_writer(const struct fct_run_writer *writer)
{
    FCT_ASSERT(writer->output_used % FCT_RUN_PAGE_SIZE == 0);            /* 1 */
    FCT_ASSERT(writer->output_used < OUTPUT_SIZE);                       /* 1 */
    FCT_ASSERT(writer->used + writer->deltas_used <= FCT_RUN_PAGE_SIZE); /* 2 */
    FCT_ASSERT(writer->count > 0 || writer->deltas_used == 0);           /* 3 */
    FCT_ASSERT(writer->sealed == writer->info.block_count);              /* 4 */
}

/* The parts of a writer that need memory or the disk. */
static factum_status open_writer(struct fct_run_writer *writer, uint64_t keys_max,
                                 factum_error *err)
{
    char name[FCT_RUN_NAME_SIZE];
    writer->info.filter_size = fct_filter_size(keys_max);
    writer->output = fct_mem_alloc(writer->mem, OUTPUT_SIZE);
    writer->filter = fct_mem_zalloc(writer->mem, 1, (size_t)writer->info.filter_size);
    if (writer->output == NULL || writer->filter == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "write index run: out of memory");
    }
    fct_run_name(writer->info.number, name);
    factum_status status = fct_path_join(writer->path, writer->dir, name, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_file_open(writer->os, writer->path, FCT_OPEN_WRITE | FCT_OPEN_CREATE,
                           &writer->file, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_file_truncate(writer->file, 0, err);
}

factum_status fct_run_writer_create(struct fct_run_writer **out, const struct fct_os *os,
                                    const struct fct_mem *mem, const char *dir,
                                    const struct fct_run_info *info, uint64_t keys_max,
                                    factum_error *err)
{
    *out = NULL;
    if (strlen(dir) >= FCT_PATH_SIZE) {
        return fct_fail(err, FACTUM_INVALID, "write index run: the path is too long");
    }
    struct fct_run_writer *writer = fct_mem_zalloc(mem, 1, sizeof *writer);
    if (writer == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "write index run: out of memory");
    }
    writer->os = os;
    writer->mem = mem;
    writer->info = *info;
    writer->info.block_count = 0;
    writer->info.key_count = 0;
    writer->info.posting_count = 0;
    memcpy(writer->dir, dir, strlen(dir) + 1);
    fct_buf_init(&writer->index, mem, SIZE_MAX / 4);
    factum_status status = open_writer(writer, keys_max, err);
    if (status != FACTUM_OK) {
        fct_run_writer_destroy(writer);
        return status;
    }
    check_writer(writer);
    *out = writer;
    return FACTUM_OK;
}

/* Starts writing back each step before the next, so that the final sync is short: commits of the
 * log wait for it on the same device. */
static factum_status write_part(struct fct_run_writer *writer, const uint8_t *bytes, size_t len,
                                factum_error *err)
{
    FCT_ASSERT(!writer->finished);
    for (size_t done = 0; done < len;) {
        size_t step = len - done < OUTPUT_SIZE ? len - done : OUTPUT_SIZE;
        factum_status status =
            fct_file_write(writer->file, writer->written, bytes + done, step, err);
        if (status != FACTUM_OK) {
            return status;
        }
        fct_file_start_sync(writer->file, writer->written, step);
        writer->written += step;
        done += step;
    }
    return FACTUM_OK;
}

static factum_status write_output(struct fct_run_writer *writer, factum_error *err)
{
    FCT_ASSERT(writer->output_used % FCT_RUN_PAGE_SIZE == 0 && writer->output_used <= OUTPUT_SIZE);
    factum_status status = write_part(writer, writer->output, writer->output_used, err);
    writer->output_used = 0;
    return status;
}

/* Writes the checksums of the next pages of the file. */
static void seal_pages(struct fct_run_writer *writer, uint8_t *pages, size_t size)
{
    FCT_ASSERT(size % FCT_RUN_PAGE_SIZE == 0);
    for (size_t at = 0; at < size; at += FCT_RUN_PAGE_SIZE) {
        fct_put_u32(pages + at + FCT_RUN_PAGE_ROOM,
                    fct_run_page_crc(writer->info.number, writer->sealed++, pages + at));
    }
}

/* Fills the current page of the block index with zeros. */
static factum_status end_index_page(struct fct_run_writer *writer)
{
    static const uint8_t zeros[FCT_RUN_PAGE_SIZE];
    size_t used = writer->index.len % FCT_RUN_PAGE_SIZE;
    FCT_ASSERT(used % FCT_RUN_INDEX_ENTRY_SIZE == 0);
    return used == 0 ? FACTUM_OK : fct_buf_add(&writer->index, zeros, FCT_RUN_PAGE_SIZE - used);
}

/* Adds the current block, which begins with the current entry, to the block index. */
static factum_status index_block(struct fct_run_writer *writer, factum_error *err)
{
    uint8_t entry[FCT_RUN_INDEX_ENTRY_SIZE] = {0};
    FCT_ASSERT(writer->entries == 0);
    fct_put_u64(entry, writer->key.hash.high);
    fct_put_u64(entry + 8, writer->key.hash.low);
    fct_put_u64(entry + 16, writer->first);
    fct_put_u32(entry + 24, (uint32_t)writer->ordinal);
    entry[28] = (uint8_t)writer->key.kind;
    factum_status status = fct_buf_add(&writer->index, entry, sizeof entry);
    if (status == FACTUM_OK &&
        writer->index.len % FCT_RUN_PAGE_SIZE + FCT_RUN_INDEX_ENTRY_SIZE > FCT_RUN_PAGE_ROOM) {
        status = end_index_page(writer);
    }
    return status == FACTUM_OK ? status : fct_fail(err, status, "write index run: out of memory");
}

/* Completes the current block, if it has entries, and passes it to the output. */
static factum_status end_block(struct fct_run_writer *writer, factum_error *err)
{
    if (writer->entries == 0) {
        return FACTUM_OK;
    }
    uint8_t *block = writer->block;
    size_t tail = FCT_RUN_PAGE_SIZE - BLOCK_TAIL - 2 * (size_t)writer->entries;
    FCT_ASSERT(writer->used <= tail); /* 2 */
    FCT_ASSERT(writer->count == 0);
    memset(block + writer->used, 0, tail - writer->used);
    for (uint32_t i = 0; i < writer->entries; i++) {
        fct_put_u16(block + tail + 2 * (size_t)i, writer->offsets[i]);
    }
    fct_put_u16(block + FCT_RUN_PAGE_SIZE - 6, (uint16_t)writer->entries);
    seal_pages(writer, block, FCT_RUN_PAGE_SIZE);
    memcpy(writer->output + writer->output_used, block, FCT_RUN_PAGE_SIZE);
    writer->output_used += FCT_RUN_PAGE_SIZE;
    writer->info.block_count++;
    writer->used = 0;
    writer->entries = 0;
    return writer->output_used == OUTPUT_SIZE ? write_output(writer, err) : FACTUM_OK;
}

/* Moves the current entry, if there is one, into the block, which has room for it. */
static factum_status end_entry(struct fct_run_writer *writer, factum_error *err)
{
    if (writer->count == 0) {
        return FACTUM_OK;
    }
    if (writer->entries == 0) {
        factum_status status = index_block(writer, err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    uint8_t *at = writer->block + writer->used;
    writer->offsets[writer->entries++] = (uint16_t)writer->used;
    at[0] = (uint8_t)writer->key.kind;
    fct_put_u64(at + 1, writer->key.hash.high);
    fct_put_u64(at + 9, writer->key.hash.low);
    at += 17;
    at += fct_varint_put(at, writer->count);
    at += fct_varint_put(at, writer->ordinal);
    at += fct_varint_put(at, writer->first / 4);
    memcpy(at, writer->deltas, writer->deltas_used);
    writer->used = (size_t)(at - writer->block) + writer->deltas_used;
    FCT_ASSERT(writer->used + BLOCK_TAIL + 2 * (size_t)writer->entries <=
               FCT_RUN_PAGE_SIZE); /* 2 */
    FCT_ASSERT(writer->entries <= sizeof writer->offsets / sizeof writer->offsets[0]);
    writer->total += writer->count;
    writer->count = 0;
    writer->deltas_used = 0;
    return FACTUM_OK;
}

/* Bytes left in the block after the current entry and its offset. */
static size_t room_left(const struct fct_run_writer *writer)
{
    size_t entry = writer->count == 0 ? 0 : ENTRY_ROOM + writer->deltas_used;
    size_t taken = writer->used + entry + BLOCK_TAIL + 2 * (size_t)writer->entries;
    return taken >= FCT_RUN_PAGE_SIZE ? 0 : FCT_RUN_PAGE_SIZE - taken;
}

/* Is |key| the key of the last posting? */
static bool is_last_key(const struct fct_run_writer *writer, const struct fct_index_key *key)
{
    return writer->info.posting_count > 0 && fct_index_key_equal(&writer->key, key);
}

/* Makes room for a posting of |key|: ends the entry or the block before it. */
static factum_status make_room(struct fct_run_writer *writer, const struct fct_index_key *key,
                               factum_error *err)
{
    factum_status status = FACTUM_OK;
    if (!is_last_key(writer, key)) {
        status = end_entry(writer, err);
        writer->total = 0;
        writer->info.key_count++;
        fct_filter_add(writer->filter, writer->info.filter_size, key);
    } else if (writer->count > 0 && room_left(writer) < FCT_VARINT_SIZE_MAX) {
        status = end_entry(writer, err);
    }
    if (status == FACTUM_OK && writer->count == 0 && room_left(writer) < ENTRY_ROOM) {
        status = end_block(writer, err);
    }
    return status;
}

factum_status fct_run_writer_add(struct fct_run_writer *writer, const struct fct_index_key *key,
                                 uint64_t position, factum_error *err)
{
    factum_status status = make_room(writer, key, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (writer->count == 0) {
        writer->key = *key;
        writer->ordinal = writer->total;
        writer->first = position;
    } else {
        FCT_ASSERT(position > writer->last);
        writer->deltas_used +=
            fct_varint_put(writer->deltas + writer->deltas_used, (position - writer->last) / 4);
    }
    writer->last = position;
    writer->count++;
    writer->info.posting_count++;
    return FACTUM_OK;
}

uint64_t fct_run_writer_last(const struct fct_run_writer *writer)
{
    FCT_ASSERT(writer->info.posting_count > 0);
    return writer->last;
}

/* Adds the difference at |at| to |*position| and returns its length; 0 if it is not valid. */
static size_t take_delta(const uint8_t *at, const uint8_t *end, uint64_t *position)
{
    uint64_t delta = 0;
    size_t size = fct_varint_get(at, (size_t)(end - at), &delta);
    if (delta == 0 || delta > (UINT64_MAX - *position) / 4) {
        return 0;
    }
    *position += delta * 4;
    return size;
}

/* Copies differences unchanged, as many as the block has room for. False: one is not valid. */
static bool copy_deltas(struct fct_run_writer *writer, const uint8_t **at, const uint8_t *end,
                        uint64_t *left)
{
    const uint8_t *from = *at;
    FCT_ASSERT(writer->count > 0);
    size_t left_in_block = room_left(writer);
    uint64_t count = 0;
    for (; count < *left && left_in_block >= FCT_VARINT_SIZE_MAX; count++) {
        size_t size = take_delta(*at, end, &writer->last);
        if (size == 0) {
            return false;
        }
        *at += size;
        left_in_block -= size;
    }
    memcpy(writer->deltas + writer->deltas_used, from, (size_t)(*at - from));
    writer->deltas_used += (size_t)(*at - from);
    writer->count += count;
    writer->info.posting_count += count;
    *left -= count;
    return true;
}

factum_status fct_run_writer_add_entry(struct fct_run_writer *writer,
                                       const struct fct_run_entry *entry, factum_error *err)
{
    const uint8_t *at = entry->deltas;
    uint64_t position = entry->first;
    uint64_t left = entry->count;
    check_writer(writer);
    FCT_ASSERT(left > 0);
    bool rises = !is_last_key(writer, &entry->key) || position > writer->last;
    while (rises && left > 0) {
        factum_status status = fct_run_writer_add(writer, &entry->key, position, err);
        if (status != FACTUM_OK) {
            return status;
        }
        left--;
        rises = copy_deltas(writer, &at, entry->end, &left);
        if (rises && left > 0) { /* the next posting is for another block */
            position = writer->last;
            size_t size = take_delta(at, entry->end, &position);
            at += size;
            rises = size > 0;
        }
    }
    return rises ? FACTUM_OK
                 : fct_fail(err, FACTUM_CORRUPT, "write index run: positions do not rise");
}

static void encode_footer(const struct fct_run_writer *writer, uint8_t to[FCT_RUN_FOOTER_SIZE])
{
    const struct fct_run_info *info = &writer->info;
    memset(to, 0, FCT_RUN_FOOTER_SIZE);
    memcpy(to, "FACTUMRN", 8);
    fct_put_u32(to + 8, FCT_RUN_FORMAT);
    fct_put_u32(to + 12, info->level);
    memcpy(to + 16, info->store_id.bytes, 16);
    fct_put_u64(to + 32, info->seed);
    fct_put_u64(to + 40, info->number);
    fct_put_u64(to + 48, info->from);
    fct_put_u64(to + 56, info->end.position);
    fct_put_u64(to + 64, info->end.batch_number);
    fct_put_u64(to + 72, info->end.chain);
    fct_put_u64(to + 80, info->block_count);
    fct_put_u64(to + 88, info->key_count);
    fct_put_u64(to + 96, info->posting_count);
    fct_put_u64(to + 104, info->filter_size);
    fct_put_u64(to + 112, info->doubtful);
    fct_put_u32(to + 156, fct_crc32c(0, to, 156));
}

/* Writes the block index, the filter and the footer. */
static factum_status write_tables(struct fct_run_writer *writer, factum_error *err)
{
    uint8_t footer[FCT_RUN_FOOTER_SIZE];
    seal_pages(writer, writer->index.ptr, writer->index.len);
    seal_pages(writer, writer->filter, (size_t)writer->info.filter_size);
    FCT_ASSERT(writer->written == writer->info.block_count * FCT_RUN_PAGE_SIZE);
    encode_footer(writer, footer);
    const factum_slice parts[] = {
        {writer->index.ptr, writer->index.len},
        {writer->filter, (size_t)writer->info.filter_size},
        {footer, sizeof footer},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        factum_status status = write_part(writer, (const uint8_t *)parts[i].ptr, parts[i].len, err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    return FACTUM_OK;
}

factum_status fct_run_writer_finish(struct fct_run_writer *writer, factum_error *err)
{
    check_writer(writer);
    factum_status status = end_entry(writer, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = end_block(writer, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = write_output(writer, err);
    if (status != FACTUM_OK) {
        return status;
    }
    check_writer(writer);
    if (end_index_page(writer) != FACTUM_OK) {
        return fct_fail(err, FACTUM_NO_MEMORY, "write index run: out of memory");
    }
    status = write_tables(writer, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_file_sync(writer->file, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_os_sync_dir(writer->os, writer->dir, err);
    writer->finished = status == FACTUM_OK;
    return status;
}

void fct_run_writer_destroy(struct fct_run_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    factum_error ignored;
    bool created = writer->file != NULL;
    (void)fct_file_close(&writer->file, &ignored);
    if (created && !writer->finished) {
        factum_status removed = fct_os_unlink(writer->os, writer->path, &ignored);
        (void)removed; /* no manifest names the file: the next opening deletes it */
    }
    fct_buf_finish(&writer->index);
    fct_mem_free(writer->mem, writer->output);
    fct_mem_free(writer->mem, writer->filter);
    fct_mem_free(writer->mem, writer);
}
