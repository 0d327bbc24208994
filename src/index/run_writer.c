/* run_writer.c - see run.h. Layer: index. Streams: memory is the filter, the block index and one
 * buffer. */
#include <string.h>

#include "core/buf.h"
#include "core/check.h"
#include "core/crc32c.h"
#include "core/error.h"
#include "index/filter.h"
#include "index/run.h"

enum {
    OUTPUT_SIZE = 16 * FCT_RUN_PAGE_SIZE,
    ENTRY_ROOM = 17 + 4 * FCT_VARINT_SIZE_MAX + 2, /* the least that starts an entry in a block */
    BLOCK_TAIL = 6,
};

struct fct_run_writer {
    const struct fct_os *os;
    const struct fct_mem *mem;
    struct fct_run_info info;
    struct fct_file *file;
    char dir[FCT_PATH_SIZE];
    char path[FCT_PATH_SIZE];
    uint8_t *output; /* whole blocks, not written yet */
    size_t output_used;
    uint64_t written;
    uint64_t sealed; /* pages */
    uint8_t *filter;
    struct fct_buf index;
    bool finished;

    /* the block under way: entries from the front, their offsets aside */
    uint8_t block[FCT_RUN_PAGE_SIZE];
    size_t used;
    uint16_t offsets[FCT_RUN_PAGE_SIZE / 20];
    uint32_t entries;
    /* the entry under way; its deltas lie in |deltas| until it ends */
    struct fct_index_key key;
    uint64_t ordinal;
    uint64_t first;
    uint64_t last;
    uint64_t count; /* of the entry */
    uint64_t total; /* of the key, so far */
    uint8_t deltas[FCT_RUN_PAGE_SIZE];
    size_t deltas_used;
};

factum_status fct_run_writer_create(struct fct_run_writer **out, const struct fct_os *os,
                                    const struct fct_mem *mem, const char *dir,
                                    const struct fct_run_info *info, uint64_t keys_max,
                                    factum_error *err)
{
    char name[FCT_RUN_NAME_SIZE];
    *out = NULL;
    struct fct_run_writer *writer = fct_mem_zalloc(mem, 1, sizeof *writer);
    if (writer == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "write index run: out of memory");
    }
    writer->os = os;
    writer->mem = mem;
    writer->info = *info;
    writer->info.filter_size = fct_filter_size(keys_max);
    writer->info.block_count = 0;
    writer->info.key_count = 0;
    writer->info.posting_count = 0;
    fct_buf_init(&writer->index, mem, SIZE_MAX / 4);
    writer->output = fct_mem_alloc(mem, OUTPUT_SIZE);
    writer->filter = fct_mem_zalloc(mem, 1, (size_t)writer->info.filter_size);
    fct_run_name(info->number, name);
    factum_status status = writer->output == NULL || writer->filter == NULL
                               ? fct_fail(err, FACTUM_NO_MEMORY, "write index run: out of memory")
                               : fct_path_join(writer->path, dir, name, err);
    if (status == FACTUM_OK) {
        memcpy(writer->dir, dir, strlen(dir) + 1);
        status =
            fct_file_open(os, writer->path, FCT_OPEN_WRITE | FCT_OPEN_CREATE, &writer->file, err);
    }
    if (status == FACTUM_OK) {
        status = fct_file_truncate(writer->file, 0, err);
    }
    if (status != FACTUM_OK) {
        fct_run_writer_destroy(writer);
        return status;
    }
    *out = writer;
    return FACTUM_OK;
}

/* In steps that are on their way to the device before the next: no commit waits behind a long sync.
 */
static factum_status write_part(struct fct_run_writer *writer, const uint8_t *bytes, size_t len,
                                factum_error *err)
{
    factum_status status = FACTUM_OK;
    for (size_t done = 0; status == FACTUM_OK && done < len;) {
        size_t step = len - done < OUTPUT_SIZE ? len - done : OUTPUT_SIZE;
        status = fct_file_write(writer->file, writer->written, bytes + done, step, err);
        if (status == FACTUM_OK) {
            fct_file_start_sync(writer->file, writer->written, step);
        }
        writer->written += step;
        done += step;
    }
    return status;
}

static factum_status write_output(struct fct_run_writer *writer, factum_error *err)
{
    factum_status status = write_part(writer, writer->output, writer->output_used, err);
    writer->output_used = 0;
    return status;
}

static void seal_pages(struct fct_run_writer *writer, uint8_t *pages, size_t size)
{
    for (size_t at = 0; at < size; at += FCT_RUN_PAGE_SIZE) {
        fct_put_u32(pages + at + FCT_RUN_PAGE_ROOM,
                    fct_run_page_crc(writer->info.number, writer->sealed++, pages + at));
    }
}

/* Leaves the rest of the page of the block index under way empty. */
static factum_status end_index_page(struct fct_run_writer *writer)
{
    static const uint8_t zeros[FCT_RUN_PAGE_SIZE];
    size_t used = writer->index.len % FCT_RUN_PAGE_SIZE;
    return used == 0 ? FACTUM_OK : fct_buf_add(&writer->index, zeros, FCT_RUN_PAGE_SIZE - used);
}

static factum_status index_block(struct fct_run_writer *writer, factum_error *err)
{
    uint8_t entry[FCT_RUN_INDEX_ENTRY_SIZE] = {0};
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

static factum_status end_block(struct fct_run_writer *writer, factum_error *err)
{
    if (writer->entries == 0) {
        return FACTUM_OK;
    }
    uint8_t *block = writer->block;
    size_t tail = FCT_RUN_PAGE_SIZE - BLOCK_TAIL - 2 * (size_t)writer->entries;
    FCT_ASSERT(writer->used <= tail);
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

/* Puts the entry under way into the block, which has room for it. */
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
    writer->total += writer->count;
    writer->count = 0;
    writer->deltas_used = 0;
    return FACTUM_OK;
}

/* Bytes left in the block after the entry under way and its offset. */
static size_t room(const struct fct_run_writer *writer)
{
    size_t entry = writer->count == 0 ? 0 : ENTRY_ROOM + writer->deltas_used;
    size_t taken = writer->used + entry + BLOCK_TAIL + 2 * (size_t)writer->entries;
    return taken >= FCT_RUN_PAGE_SIZE ? 0 : FCT_RUN_PAGE_SIZE - taken;
}

/* Is |key| the one of the last posting? */
static bool follows(const struct fct_run_writer *writer, const struct fct_index_key *key)
{
    return writer->info.posting_count > 0 && fct_index_key_equal(&writer->key, key);
}

factum_status fct_run_writer_add(struct fct_run_writer *writer, const struct fct_index_key *key,
                                 uint64_t position, factum_error *err)
{
    factum_status status = FACTUM_OK;
    if (!follows(writer, key)) {
        status = end_entry(writer, err);
        writer->total = 0;
        writer->info.key_count++;
        fct_filter_add(writer->filter, writer->info.filter_size, key);
    } else if (writer->count > 0 && room(writer) < FCT_VARINT_SIZE_MAX) {
        status = end_entry(writer, err);
    }
    if (status == FACTUM_OK && writer->count == 0 && room(writer) < ENTRY_ROOM) {
        status = end_block(writer, err);
    }
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
    return writer->last;
}

/* The length of the difference at |at|, which is added to |*position|; 0 if it is none. */
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

/* Copies differences as they are, as many as the block has room for; false if one is none. */
static bool copy_deltas(struct fct_run_writer *writer, const uint8_t **at, const uint8_t *end,
                        uint64_t *left)
{
    const uint8_t *from = *at;
    size_t left_in_block = room(writer);
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
    bool rises = !follows(writer, &entry->key) || position > writer->last;
    while (rises && left > 0) {
        factum_status status = fct_run_writer_add(writer, &entry->key, position, err);
        if (status != FACTUM_OK) {
            return status;
        }
        left--;
        rises = copy_deltas(writer, &at, entry->end, &left);
        if (rises && left > 0) { /* the next goes to another block */
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

factum_status fct_run_writer_finish(struct fct_run_writer *writer, factum_error *err)
{
    uint8_t footer[FCT_RUN_FOOTER_SIZE];
    factum_status status = end_entry(writer, err);
    if (status == FACTUM_OK) {
        status = end_block(writer, err);
    }
    if (status == FACTUM_OK) {
        status = write_output(writer, err);
    }
    if (status == FACTUM_OK && end_index_page(writer) != FACTUM_OK) {
        status = fct_fail(err, FACTUM_NO_MEMORY, "write index run: out of memory");
    }
    if (status != FACTUM_OK) {
        return status;
    }
    seal_pages(writer, writer->index.ptr, writer->index.len);
    seal_pages(writer, writer->filter, (size_t)writer->info.filter_size);
    encode_footer(writer, footer);
    const factum_slice parts[] = {
        {writer->index.ptr, writer->index.len},
        {writer->filter, (size_t)writer->info.filter_size},
        {footer, sizeof footer},
    };
    for (size_t i = 0; status == FACTUM_OK && i < sizeof parts / sizeof parts[0]; i++) {
        status = write_part(writer, (const uint8_t *)parts[i].ptr, parts[i].len, err);
    }
    if (status == FACTUM_OK) {
        status = fct_file_sync(writer->file, err);
    }
    if (status == FACTUM_OK) {
        status = fct_os_sync_dir(writer->os, writer->dir, err);
    }
    writer->finished = status == FACTUM_OK;
    return status;
}

void fct_run_writer_destroy(struct fct_run_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    bool made = writer->file != NULL;
    (void)fct_file_close(&writer->file, NULL);
    if (made && !writer->finished) {
        factum_status removed = fct_os_unlink(writer->os, writer->path, NULL);
        (void)removed; /* no manifest names it: the next opening removes it */
    }
    fct_buf_finish(&writer->index);
    fct_mem_free(writer->mem, writer->output);
    fct_mem_free(writer->mem, writer->filter);
    fct_mem_free(writer->mem, writer);
}
