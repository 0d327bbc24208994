/* timelines.c - the histories that a store has had: log/TIMELINES. Layer: engine_local.
 *
 * A restore and a repair with loss begin a new timeline, so that a token of the events that were
 * given up is not taken for a place among the events that replaced them. A store without the file
 * has one timeline; its id is a hash of the store's id. A file that does not verify gives one
 * timeline with a random id: every earlier token is refused.
 *
 *   offset size
 *        0    8  magic "FACTUMTL"
 *        8    4  format (1)            12   4  number of timelines n, 1 to 32
 *       16   16  store id
 *       32  16n  each: id 8 | first position 8
 *      end    4  CRC-32C of all bytes before it
 *
 * Invariants:
 *  1. There are 1 to FCT_TIMELINES_MAX timelines.
 *  2. The first one begins at position 0, and each later one after the one before it.
 */
#include <assert.h>
#include <string.h>

#include "codec/bytes.h"
#include "core/check.h"
#include "core/crc32c.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/slice.h"
#include "engine_local/timelines.h"

#define MAGIC "FACTUMTL"
#define FORMAT 1u
#define HEADER_SIZE 32u
#define ITEM_SIZE 16u
#define FILE_SIZE_MAX (HEADER_SIZE + FCT_TIMELINES_MAX * ITEM_SIZE + 4u)

static_assert(FCT_TIMELINES_TEXT_SIZE > 2 * FILE_SIZE_MAX, "the text of a full file fits");

static void timelines_check(const struct fct_timelines *timelines)
{
    FCT_ASSERT(timelines->count > 0);
    FCT_ASSERT(timelines->count <= FCT_TIMELINES_MAX);
    FCT_ASSERT(timelines->items[0].from == 0);
    for (uint32_t i = 1; i < timelines->count; i++) {
        FCT_ASSERT(timelines->items[i].from > timelines->items[i - 1].from);
    }
}

void fct_timelines_first(struct fct_timelines *timelines, factum_uuid store_id)
{
    uint64_t id = fct_hash64(fct_slice(store_id.bytes, sizeof store_id.bytes), 0);
    *timelines = (struct fct_timelines){.count = 1, .items = {{id, 0}}};
}

static bool decode(struct fct_timelines *timelines, const uint8_t *bytes, size_t size,
                   factum_uuid store_id)
{
    if (size < HEADER_SIZE + ITEM_SIZE + 4 || memcmp(bytes, MAGIC, 8) != 0 ||
        fct_get_u32(bytes + 8) != FORMAT) {
        return false;
    }
    struct fct_timelines decoded = {.count = fct_get_u32(bytes + 12)};
    uint32_t count = decoded.count;
    if (count == 0 || count > FCT_TIMELINES_MAX || size != HEADER_SIZE + count * ITEM_SIZE + 4 ||
        memcmp(bytes + 16, store_id.bytes, sizeof store_id.bytes) != 0 ||
        fct_get_u32(bytes + size - 4) != fct_crc32c(0, bytes, size - 4)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *item = bytes + HEADER_SIZE + i * ITEM_SIZE;
        uint64_t from = fct_get_u64(item + 8);
        decoded.items[i] = (struct fct_timeline){fct_get_u64(item), from};
        if (i == 0 ? from != 0 : from <= decoded.items[i - 1].from) {
            return false;
        }
    }
    *timelines = decoded;
    timelines_check(timelines);
    return true;
}

static size_t encode(uint8_t bytes[FILE_SIZE_MAX], const struct fct_timelines *timelines,
                     factum_uuid store_id)
{
    timelines_check(timelines);
    memcpy(bytes, MAGIC, 8);
    fct_put_u32(bytes + 8, FORMAT);
    fct_put_u32(bytes + 12, timelines->count);
    memcpy(bytes + 16, store_id.bytes, sizeof store_id.bytes);
    for (uint32_t i = 0; i < timelines->count; i++) {
        uint8_t *item = bytes + HEADER_SIZE + i * ITEM_SIZE;
        fct_put_u64(item, timelines->items[i].id);
        fct_put_u64(item + 8, timelines->items[i].from);
    }
    size_t size = HEADER_SIZE + timelines->count * ITEM_SIZE;
    fct_put_u32(bytes + size, fct_crc32c(0, bytes, size));
    return size + 4;
}

/* Errors: NOT_FOUND (no file), CORRUPT (it does not verify), IO. */
static factum_status read_file(struct fct_timelines *timelines, const struct fct_os *os,
                               const char *path, factum_uuid store_id, factum_error *err)
{
    factum_error ignored;
    struct fct_file *file;
    uint8_t bytes[FILE_SIZE_MAX];
    uint64_t size;
    factum_status status = fct_file_open(os, path, FCT_OPEN_READ, &file, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_file_size(file, &size, err);
    if (status == FACTUM_OK && size > sizeof bytes) {
        status = fct_fail(err, FACTUM_CORRUPT, "%s is damaged", path);
    }
    if (status == FACTUM_OK) {
        status = fct_file_read(file, 0, bytes, (size_t)size, err);
    }
    if (status == FACTUM_OK && !decode(timelines, bytes, (size_t)size, store_id)) {
        status = fct_fail(err, FACTUM_CORRUPT, "%s is damaged", path);
    }
    factum_status closed = fct_file_close(&file, status == FACTUM_OK ? err : &ignored);
    return status == FACTUM_OK ? closed : status;
}

factum_status fct_timelines_load(struct fct_timelines *timelines, const struct fct_os *os,
                                 const char *log_dir, factum_uuid store_id, bool *damaged,
                                 factum_error *err)
{
    char path[FCT_PATH_SIZE];
    *damaged = false;
    factum_status status = fct_path_join(path, log_dir, FCT_TIMELINES_NAME, err);
    if (status == FACTUM_OK) {
        status = read_file(timelines, os, path, store_id, err);
    }
    if (status == FACTUM_NOT_FOUND) {
        fct_timelines_first(timelines, store_id);
        return FACTUM_OK;
    }
    if (status == FACTUM_CORRUPT) {
        *damaged = true;
        *timelines = (struct fct_timelines){.count = 1};
        return fct_os_random(os, &timelines->items[0].id, sizeof timelines->items[0].id, err);
    }
    return status;
}

/* Makes |fresh| the current timeline. */
static void add_timeline(struct fct_timelines *timelines, struct fct_timeline fresh)
{
    timelines_check(timelines);
    /* A timeline that began at or after the fork is given up as a whole. */
    while (timelines->count > 0 && timelines->items[timelines->count - 1].from >= fresh.from) {
        timelines->count--;
    }
    if (timelines->count == FCT_TIMELINES_MAX) { /* tokens of the oldest are refused from now on */
        memmove(&timelines->items[0], &timelines->items[1],
                (FCT_TIMELINES_MAX - 1) * sizeof timelines->items[0]);
        timelines->items[0].from = 0;
        timelines->count--;
    }
    timelines->items[timelines->count++] = fresh;
    timelines_check(timelines);
}

factum_status fct_timelines_fork(struct fct_timelines *timelines, const struct fct_os *os,
                                 const char *log_dir, factum_uuid store_id, uint64_t from,
                                 factum_error *err)
{
    uint8_t bytes[FILE_SIZE_MAX];
    struct fct_timelines forked = *timelines;
    struct fct_timeline fresh = {.from = from};
    factum_status status = fct_os_random(os, &fresh.id, sizeof fresh.id, err);
    if (status != FACTUM_OK) {
        return status;
    }
    add_timeline(&forked, fresh);
    status = fct_file_replace(os, log_dir, FCT_TIMELINES_NAME,
                              fct_slice(bytes, encode(bytes, &forked, store_id)), err);
    if (status == FACTUM_OK) {
        *timelines = forked;
    }
    return status;
}

void fct_timelines_format(const struct fct_timelines *timelines, factum_uuid store_id,
                          char text[FCT_TIMELINES_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[FILE_SIZE_MAX];
    size_t size = encode(bytes, timelines, store_id);
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    FCT_ASSERT(2 * size < FCT_TIMELINES_TEXT_SIZE);
    text[2 * size] = '\0';
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool fct_timelines_parse(struct fct_timelines *timelines, factum_slice text, factum_uuid store_id)
{
    uint8_t bytes[FILE_SIZE_MAX];
    if (text.len % 2 != 0 || text.len / 2 > sizeof bytes) {
        return false;
    }
    for (size_t i = 0; i < text.len / 2; i++) {
        int high = hex_value(text.ptr[2 * i]);
        int low = hex_value(text.ptr[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return decode(timelines, bytes, text.len / 2, store_id);
}
