/* segment.c - see segment.h. Layer: log. */
#include "log/segment.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"

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

static struct fct_segment *make(const struct fct_mem *mem, factum_error *err)
{
    struct fct_segment *segment = fct_mem_zalloc(mem, 1, sizeof *segment);
    if (segment == NULL) {
        (void)fct_fail(err, FACTUM_NO_MEMORY, "open segment: out of memory");
    }
    return segment;
}

factum_status fct_segment_close(struct fct_segment *segment, const struct fct_mem *mem,
                                factum_error *err)
{
    if (segment == NULL) {
        return FACTUM_OK;
    }
    const uint8_t *map = atomic_load(&segment->map);
    if (map != NULL) {
        fct_os_unmap(segment->file->os, map, segment->map_size);
    }
    factum_status status = fct_file_close(&segment->file, err);
    fct_mem_free(mem, segment);
    return status;
}

static factum_status read_header(struct fct_segment *segment, const char *name, factum_error *err)
{
    uint8_t bytes[FCT_SEGMENT_HEADER_SIZE];
    factum_status status = fct_file_size(segment->file, &segment->capacity, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (segment->capacity < FCT_SEGMENT_HEADER_SIZE) {
        return fct_fail(err, FACTUM_CORRUPT, "segment %s is too short to have a header", name);
    }
    status = fct_file_read(segment->file, 0, bytes, sizeof bytes, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_segment_header_decode(bytes, &segment->header);
    if (status == FACTUM_NEWER_FORMAT) {
        return fct_fail(err, status, "segment %s was written by a newer version of Factum", name);
    }
    if (status != FACTUM_OK) {
        return fct_fail(err, status, "the header of segment %s is damaged", name);
    }
    if (segment->header.number != fct_segment_number(name)) {
        return fct_fail(err, FACTUM_CORRUPT, "segment %s says that it is number %" PRIu64, name,
                        segment->header.number);
    }
    return FACTUM_OK;
}

factum_status fct_segment_open(struct fct_segment **out, const struct fct_os *os,
                               const struct fct_mem *mem, const char *dir, const char *name,
                               bool write, factum_error *err)
{
    char path[FCT_PATH_SIZE];
    *out = NULL;
    struct fct_segment *segment = make(mem, err);
    if (segment == NULL) {
        return FACTUM_NO_MEMORY;
    }
    factum_status status = fct_path_join(path, dir, name, err);
    if (status == FACTUM_OK) {
        status = fct_file_open(os, path, write ? FCT_OPEN_WRITE : FCT_OPEN_READ, &segment->file,
                               err);
    }
    if (status == FACTUM_OK) {
        status = read_header(segment, name, err);
    }
    if (status != FACTUM_OK) {
        (void)fct_segment_close(segment, mem, NULL);
        return status;
    }
    *out = segment;
    return FACTUM_OK;
}

factum_status fct_segment_create(struct fct_segment **out, const struct fct_os *os,
                                 const struct fct_mem *mem, const char *dir, const char *temporary,
                                 struct fct_file *file, const struct fct_segment_header *header,
                                 factum_error *err)
{
    uint8_t bytes[FCT_SEGMENT_HEADER_SIZE];
    char from[FCT_PATH_SIZE];
    char to[FCT_PATH_SIZE];
    char name[FCT_SEGMENT_NAME_SIZE];
    *out = NULL;
    struct fct_segment *segment = make(mem, err);
    if (segment == NULL) {
        (void)fct_file_close(&file, NULL);
        return FACTUM_NO_MEMORY;
    }
    segment->file = file;
    segment->header = *header;
    segment->capacity = header->size;
    atomic_store(&segment->used, FCT_SEGMENT_HEADER_SIZE);
    fct_segment_name(header->number, name);
    fct_segment_header_encode(bytes, header);
    factum_status status = fct_path_join(from, dir, temporary, err);
    if (status == FACTUM_OK) {
        status = fct_path_join(to, dir, name, err);
    }
    if (status == FACTUM_OK) {
        status = fct_file_write(file, 0, bytes, sizeof bytes, err);
    }
    if (status == FACTUM_OK) {
        status = fct_file_sync(file, err);
    }
    if (status == FACTUM_OK) {
        status = fct_os_rename(os, from, to, err);
    }
    if (status == FACTUM_OK) {
        status = fct_os_sync_dir(os, dir, err);
    }
    if (status != FACTUM_OK) {
        (void)fct_segment_close(segment, mem, NULL);
        return status;
    }
    *out = segment;
    return FACTUM_OK;
}

const uint8_t *fct_segment_map(struct fct_segment *segment, factum_error *err)
{
    const uint8_t *map = atomic_load_explicit(&segment->map, memory_order_acquire);
    if (map != NULL) {
        return map;
    }
    uint64_t size = segment->capacity;
    if (fct_file_map(segment->file, size, &map, err) != FACTUM_OK) {
        return NULL;
    }
    segment->map_size = size; /* the same for all who come here */
    const uint8_t *expected = NULL;
    if (!atomic_compare_exchange_strong(&segment->map, &expected, map)) {
        fct_os_unmap(segment->file->os, map, size);
        return expected;
    }
    return map;
}

factum_status fct_segment_read_seal(struct fct_segment *segment, struct fct_batch_header *seal,
                                    struct fct_segment_footer *footer, uint64_t *chain,
                                    factum_error *err)
{
    uint8_t bytes[FCT_SEAL_SIZE];
    uint64_t size = segment->capacity;
    if (size < FCT_SEGMENT_HEADER_SIZE + FCT_SEAL_SIZE || size % 8 != 0) {
        return FACTUM_DONE;
    }
    uint64_t offset = size - FCT_SEAL_SIZE;
    factum_status status = fct_file_read(segment->file, offset, bytes, sizeof bytes, err);
    if (status != FACTUM_OK) {
        return status;
    }
    uint64_t position = segment->header.base + offset;
    if (fct_batch_header_decode(bytes, position, segment->header.salt, seal) != FACTUM_OK ||
        (seal->flags & FCT_BATCH_SEAL) == 0 || seal->payload_size != FCT_FOOTER_SIZE ||
        fct_batch_payload_crc(seal->chain, bytes + FCT_BATCH_HEADER_SIZE, FCT_FOOTER_SIZE) !=
            seal->payload_crc ||
        fct_segment_footer_decode(bytes + FCT_BATCH_HEADER_SIZE, footer) != FACTUM_OK ||
        footer->end_position != position + FCT_SEAL_SIZE) {
        return FACTUM_DONE;
    }
    *chain = fct_batch_chain(bytes);
    return FACTUM_OK;
}
