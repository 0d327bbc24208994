/* segment.c - one file of the log: opening, creating, mapping, its seal. Layer: log. segment.h has
 * the invariants. */
#include "log/segment.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "log/log.h"

void fct_segment_name(uint64_t number, char name[FCT_SEGMENT_NAME_SIZE])
{
    (void)snprintf(name, FCT_SEGMENT_NAME_SIZE, "%020" PRIu64 ".seg", number);
}

uint64_t fct_segment_number(const char *name)
{
    uint64_t number = 0;
    for (size_t i = 0; i < 20; i++) {
        if (name[i] < '0' || name[i] > '9' || number > UINT64_MAX / 16) {
            return 0;
        }
        number = number * 10 + (uint64_t)(name[i] - '0');
    }
    return strcmp(name + 20, ".seg") == 0 ? number : 0;
}

/* The invariants of segment.h, as far as they cost a compare each. */
static void segment_check(const struct fct_segment *segment)
{
    uint64_t used = atomic_load_explicit(&segment->used, memory_order_relaxed);
    uint64_t bad = atomic_load_explicit(&segment->first_bad, memory_order_relaxed);
    FCT_ASSERT(used >= FCT_SEGMENT_HEADER_SIZE);
    FCT_ASSERT(used <= segment->capacity);
    FCT_ASSERT(segment->capacity <= segment->file_size);
    FCT_ASSERT(bad == 0 || bad >= FCT_SEGMENT_HEADER_SIZE);
    FCT_ASSERT(bad <= segment->capacity);
}

static factum_status open_file(const struct fct_segment *segment, uint64_t number, bool write,
                               struct fct_file **file, factum_error *err)
{
    char name[FCT_SEGMENT_NAME_SIZE];
    FCT_ASSERT(number > 0);
    fct_segment_name(number, name);
    return fct_file_open_in(segment->os, segment->dir, name, write ? FCT_OPEN_WRITE : FCT_OPEN_READ,
                            file, err);
}

/* Opens the mapped file for a reader: segment->file belongs to the writer, or is closed. */
static factum_status open_mapped(void *data, struct fct_file **file, factum_error *err)
{
    const struct fct_segment *segment = data;
    FCT_ASSERT(atomic_load(&segment->map) != NULL);
    return open_file(segment, segment->header.number, false, file, err);
}

static struct fct_segment *segment_alloc(const struct fct_os *os, const struct fct_mem *mem,
                                         const char *dir, factum_error *err)
{
    struct fct_segment *segment = fct_mem_zalloc(mem, 1, sizeof *segment);
    if (segment == NULL) {
        (void)fct_fail(err, FACTUM_NO_MEMORY, "open segment: out of memory");
        return NULL;
    }
    segment->os = os;
    segment->dir = dir;
    atomic_store(&segment->used, FCT_SEGMENT_HEADER_SIZE);
    segment->proven = fct_proven(open_mapped, segment, segment->proven_words,
                                 FCT_SEGMENT_PROVEN_WORDS, FCT_SEGMENT_SIZE_MAX);
    return segment;
}

factum_status fct_segment_close(struct fct_segment *segment, const struct fct_mem *mem,
                                factum_error *err)
{
    if (segment == NULL) {
        return FACTUM_OK;
    }
    fct_segment_unmap(segment);
    factum_status status = fct_file_close(&segment->file, err);
    fct_mem_free(mem, segment);
    return status;
}

static factum_status read_header(struct fct_segment *segment, uint64_t number, factum_error *err)
{
    uint8_t bytes[FCT_SEGMENT_HEADER_SIZE];
    char name[FCT_SEGMENT_NAME_SIZE];
    fct_segment_name(number, name);
    factum_status status = fct_file_size(segment->file, &segment->file_size, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (segment->file_size < FCT_SEGMENT_HEADER_SIZE) {
        return fct_fail(err, FACTUM_CORRUPT,
                        "segment %s is too short to have a header: restore it from a backup", name);
    }
    status = fct_file_read(segment->file, 0, bytes, sizeof bytes, err);
    if (status == FACTUM_IO) {
        return fct_fail(err, FACTUM_CORRUPT,
                        "the header of segment %s cannot be read: restore it from a backup", name);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_segment_header_decode(bytes, &segment->header);
    if (status == FACTUM_NEWER_FORMAT) {
        return fct_fail(
            err, status,
            "segment %s was written by a newer version of Factum: open it with that one", name);
    }
    if (status != FACTUM_OK) {
        return fct_fail(err, status,
                        "the header of segment %s is damaged: restore it from a backup", name);
    }
    bool more = segment->file_size > segment->header.size;
    segment->capacity = more ? segment->header.size : segment->file_size;
    segment_check(segment);
    segment->proven = fct_proven(open_mapped, segment, segment->proven_words,
                                 FCT_SEGMENT_PROVEN_WORDS, segment->header.size);
    return FACTUM_OK;
}

factum_status fct_segment_open(struct fct_segment **out, const struct fct_os *os,
                               const struct fct_mem *mem, const char *dir, uint64_t number,
                               bool write, factum_error *err)
{
    *out = NULL;
    struct fct_segment *segment = segment_alloc(os, mem, dir, err);
    if (segment == NULL) {
        return FACTUM_NO_MEMORY;
    }
    factum_status status = open_file(segment, number, write, &segment->file, err);
    if (status == FACTUM_OK) {
        status = read_header(segment, number, err);
    }
    if (status != FACTUM_OK) {
        factum_error later;
        (void)fct_segment_close(segment, mem, &later);
        return status;
    }
    *out = segment;
    return FACTUM_OK;
}

factum_status fct_segment_new(struct fct_segment **out, const struct fct_os *os,
                              const struct fct_mem *mem, const char *dir, struct fct_file *file,
                              uint64_t size, factum_error *err)
{
    *out = NULL;
    struct fct_segment *segment = segment_alloc(os, mem, dir, err);
    if (segment == NULL) {
        return FACTUM_NO_MEMORY;
    }
    FCT_ASSERT(size >= 2 * FCT_SEGMENT_HEADER_SIZE);
    segment->file = file;
    segment->file_size = size;
    segment->capacity = size;
    segment->proven =
        fct_proven(open_mapped, segment, segment->proven_words, FCT_SEGMENT_PROVEN_WORDS, size);
    factum_status status = fct_segment_map_tail(segment, err);
    if (status != FACTUM_OK) {
        fct_mem_free(mem, segment); /* the file stays the caller's */
        return status;
    }
    *out = segment;
    return FACTUM_OK;
}

factum_status fct_segment_activate(struct fct_segment *segment,
                                   const struct fct_segment_header *header, const char *temporary,
                                   factum_error *err)
{
    uint8_t bytes[FCT_SEGMENT_HEADER_SIZE];
    char from[FCT_PATH_SIZE];
    char to[FCT_PATH_SIZE];
    char name[FCT_SEGMENT_NAME_SIZE];
    FCT_ASSERT(header->size == segment->capacity);
    FCT_ASSERT(segment->header.number == 0);
    segment_check(segment);
    segment->header = *header;
    fct_segment_name(header->number, name);
    fct_segment_header_encode(bytes, header);
    factum_status status = fct_path_join(from, segment->dir, temporary, err);
    if (status == FACTUM_OK) {
        status = fct_path_join(to, segment->dir, name, err);
    }
    if (status == FACTUM_OK) {
        status = fct_file_write(segment->file, 0, bytes, sizeof bytes, err);
    }
    if (status == FACTUM_OK) {
        status = fct_file_sync(segment->file, err);
    }
    if (status == FACTUM_OK) {
        status = fct_os_move(segment->os, from, to, err);
    }
    if (status == FACTUM_OK) {
        status = fct_os_sync_dir(segment->os, segment->dir, err);
    }
    return status;
}

/* ---- maps ------------------------------------------------------------------------------------ */

factum_status fct_segment_map_tail(struct fct_segment *segment, factum_error *err)
{
    const uint8_t *map;
    FCT_ASSERT(atomic_load(&segment->map) == NULL);
    segment_check(segment);
    factum_status status = fct_file_map(segment->file, segment->capacity, &map, err);
    if (status == FACTUM_OK) {
        atomic_store(&segment->map, map);
    }
    return status;
}

void fct_segment_unmap(struct fct_segment *segment)
{
    const uint8_t *map = atomic_exchange(&segment->map, NULL);
    if (map != NULL) {
        fct_os_unmap(segment->os, map, segment->capacity);
    }
    fct_segment_forget_read(segment);
}

factum_status fct_segment_truncate(struct fct_segment *segment, uint64_t size, factum_error *err)
{
    FCT_ASSERT(size == atomic_load(&segment->used));
    FCT_ASSERT(atomic_load(&segment->sealed));
    fct_segment_unmap(segment); /* no map outlives a change of the size */
    factum_status status = fct_file_truncate(segment->file, size, err);
    if (status == FACTUM_OK) {
        status = fct_file_sync(segment->file, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    segment->file_size = size;
    segment->capacity = size;
    return fct_segment_map_tail(segment, err);
}

void fct_segment_forget_read(struct fct_segment *segment)
{
    for (size_t i = 0; i < 2 * (size_t)FCT_SEGMENT_PROVEN_WORDS; i++) {
        atomic_store(&segment->proven_words[i], 0);
    }
    atomic_store(&segment->first_bad, 0);
}

factum_status fct_segment_salvage(struct fct_segment *segment, uint64_t offset, uint64_t size,
                                  uint8_t *bytes, uint64_t *failed, factum_error *err)
{
    factum_status status = FACTUM_OK;
    FCT_ASSERT(offset + size <= segment->capacity || size == 0);
    *failed = 0;
    while (status == FACTUM_OK && size > 0) {
        uint64_t room = FCT_SEGMENT_HEADER_SIZE - offset % FCT_SEGMENT_HEADER_SIZE; /* a block */
        size_t step = (size_t)(size < room ? size : room);
        status = fct_file_read(segment->file, offset, bytes, step, err);
        if (status == FACTUM_IO) {
            memset(bytes, 0, step);
            ++*failed;
            status = FACTUM_OK;
        }
        offset += step;
        bytes += step;
        size -= step;
    }
    return status;
}

/* Maps a sealed segment through a file that is open only for this. */
static factum_status map_sealed(struct fct_segment *segment, const uint8_t **map, factum_error *err)
{
    struct fct_file *file;
    uint64_t size;
    FCT_ASSERT(segment->header.number > 0);
    factum_status status = open_file(segment, segment->header.number, false, &file, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_file_size(file, &size, err);
    if (status == FACTUM_OK && size < segment->capacity) {
        status = fct_fail(err, FACTUM_CORRUPT,
                          "segment %020" PRIu64 ".seg has %" PRIu64 " bytes, and needs %" PRIu64
                          ": restore it from a backup",
                          segment->header.number, size, segment->capacity);
    }
    if (status == FACTUM_OK) {
        status = fct_file_map(file, segment->capacity, map, err);
    }
    factum_error later;
    (void)fct_file_close(&file, &later); /* it was open for reading only */
    return status;
}

factum_status fct_segment_map(struct fct_segment *segment, const uint8_t **out, factum_error *err)
{
    const uint8_t *map = atomic_load_explicit(&segment->map, memory_order_acquire);
    if (FCT_UNLIKELY(map == NULL)) {
        factum_status status = map_sealed(segment, &map, err);
        if (status != FACTUM_OK) {
            return status;
        }
        const uint8_t *expected = NULL;
        if (!atomic_compare_exchange_strong(&segment->map, &expected, map)) {
            fct_os_unmap(segment->os, map, segment->capacity); /* another thread was faster */
            map = expected;
        }
        segment_check(segment);
    }
    FCT_ASSERT(map != NULL);
    *out = map;
    return FACTUM_OK;
}

/* ---- the seal -------------------------------------------------------------------------------- */

factum_status fct_seal_decode(const uint8_t bytes[FCT_SEAL_SIZE], uint64_t position, uint64_t salt,
                              struct fct_batch_header *seal, struct fct_segment_footer *footer)
{
    const uint8_t *payload = bytes + FCT_BATCH_HEADER_SIZE;
    if (fct_batch_header_decode(bytes, position, salt, seal) != FACTUM_OK ||
        (seal->flags & FCT_BATCH_SEAL) == 0 || seal->payload_size != FCT_FOOTER_SIZE ||
        fct_batch_payload_crc(seal->chain, payload, FCT_FOOTER_SIZE) != seal->payload_crc ||
        fct_segment_footer_decode(payload, footer) != FACTUM_OK ||
        footer->end_position != position + FCT_SEAL_SIZE || footer->chain != seal->chain) {
        return FACTUM_CORRUPT;
    }
    return FACTUM_OK;
}

factum_status fct_segment_read_seal(struct fct_segment *segment, struct fct_batch_header *seal,
                                    struct fct_segment_footer *footer, uint64_t *chain,
                                    factum_error *err)
{
    uint8_t bytes[FCT_SEAL_SIZE];
    uint64_t size = segment->file_size;
    if (size < FCT_SEGMENT_HEADER_SIZE + FCT_SEAL_SIZE || size % 8 != 0 ||
        size > segment->header.size) {
        return FACTUM_DONE;
    }
    uint64_t offset = size - FCT_SEAL_SIZE;
    segment_check(segment);
    factum_status status = fct_file_read(segment->file, offset, bytes, sizeof bytes, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (fct_seal_decode(bytes, segment->header.base + offset, segment->header.salt, seal, footer) !=
        FACTUM_OK) {
        return FACTUM_DONE;
    }
    *chain = fct_batch_chain(bytes);
    return FACTUM_OK;
}
