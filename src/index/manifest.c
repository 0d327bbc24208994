/* manifest.c - reading and replacing index/MANIFEST: see manifest.h. Layer: index. */
#include "index/manifest.h"

#include <string.h>

#include "codec/bytes.h"
#include "core/check.h"
#include "core/crc32c.h"
#include "core/error.h"
#include "core/slice.h"

enum {
    HEAD_SIZE = 80,
    RUN_SIZE = 32,
    FORMAT = 1,
};

/* Reads the whole file. Whatever cannot be read is NOT_FOUND: the index is derived, and a new one
 * is built. */
static factum_status read_file(struct fct_file *file, const struct fct_mem *mem, uint8_t **bytes,
                               size_t *len, factum_error *err)
{
    uint64_t size = 0;
    factum_status status = fct_file_size(file, &size, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (size < HEAD_SIZE + 4 || size > HEAD_SIZE + 4 + RUN_SIZE * FCT_MANIFEST_RUNS_MAX) {
        return fct_fail(err, FACTUM_NOT_FOUND, "the index manifest has an impossible size");
    }
    *bytes = fct_mem_alloc(mem, (size_t)size);
    if (*bytes == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "open index: out of memory");
    }
    *len = (size_t)size;
    status = fct_file_read(file, 0, *bytes, (size_t)size, err);
    if (status == FACTUM_IO) {
        return fct_fail(err, FACTUM_NOT_FOUND, "the index manifest cannot be read");
    }
    return status;
}

static bool decode(const uint8_t *bytes, size_t len, struct fct_manifest *manifest)
{
    FCT_ASSERT(len >= HEAD_SIZE + 4);
    if (memcmp(bytes, "FACTUMIX", 8) != 0 || fct_get_u32(bytes + 8) != FORMAT ||
        fct_get_u32(bytes + len - 4) != fct_crc32c(0, bytes, len - 4)) {
        return false;
    }
    *manifest = (struct fct_manifest){
        .run_count = fct_get_u32(bytes + 12),
        .seed = fct_get_u64(bytes + 32),
        .next_number = fct_get_u64(bytes + 40),
        .generation = fct_get_u64(bytes + 48),
        .covered = {fct_get_u64(bytes + 56), fct_get_u64(bytes + 64), fct_get_u64(bytes + 72)},
    };
    memcpy(manifest->store_id.bytes, bytes + 16, 16);
    return manifest->run_count <= FCT_MANIFEST_RUNS_MAX && manifest->next_number > 0 &&
           manifest->next_number <= FCT_RUN_NUMBER_MAX &&
           len == HEAD_SIZE + 4 + (size_t)RUN_SIZE * manifest->run_count;
}

/* Errors: NOT_FOUND (a number that no run has), NO_MEMORY. */
static factum_status decode_runs(const uint8_t *bytes, struct fct_manifest *manifest,
                                 const struct fct_mem *mem, factum_error *err)
{
    FCT_ASSERT(manifest->run_count <= FCT_MANIFEST_RUNS_MAX);
    manifest->runs = fct_mem_zalloc(mem, manifest->run_count + 1u, sizeof *manifest->runs);
    if (manifest->runs == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "open index: out of memory");
    }
    for (uint32_t i = 0; i < manifest->run_count; i++) {
        const uint8_t *at = bytes + HEAD_SIZE + (size_t)RUN_SIZE * i;
        manifest->runs[i] = (struct fct_manifest_run){
            .number = fct_get_u64(at),
            .from = fct_get_u64(at + 8),
            .to = fct_get_u64(at + 16),
            .level = fct_get_u32(at + 24),
        };
        uint64_t number = manifest->runs[i].number;
        if (number == 0 || number >= manifest->next_number) {
            fct_manifest_finish(manifest, mem);
            return fct_fail(err, FACTUM_NOT_FOUND, "the index manifest is damaged");
        }
    }
    return FACTUM_OK;
}

factum_status fct_manifest_read(struct fct_manifest *manifest, const struct fct_os *os,
                                const struct fct_mem *mem, const char *dir, factum_error *err)
{
    char path[FCT_PATH_SIZE];
    struct fct_file *file;
    struct fct_manifest read = {.runs = NULL};
    uint8_t *bytes = NULL;
    size_t len = 0;
    factum_error ignored;
    *manifest = (struct fct_manifest){.runs = NULL};
    factum_status status = fct_path_join(path, dir, FCT_MANIFEST_NAME, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_file_open(os, path, FCT_OPEN_READ, &file, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = read_file(file, mem, &bytes, &len, err);
    if (status != FACTUM_OK) {
        goto done;
    }
    if (!decode(bytes, len, &read)) {
        status = fct_fail(err, FACTUM_NOT_FOUND, "the index manifest is damaged");
        goto done;
    }
    status = decode_runs(bytes, &read, mem, err);
    if (status == FACTUM_OK) {
        *manifest = read;
    }
done:
    (void)fct_file_close(&file, &ignored);
    fct_mem_free(mem, bytes);
    return status;
}

/* What this layer writes: the runs are in the order of the log, do not overlap, and end before
 * |covered|; their numbers are in use. */
static void check_manifest(const struct fct_manifest *manifest)
{
    uint64_t end = 0;
    FCT_ASSERT(manifest->run_count <= FCT_MANIFEST_RUNS_MAX);
    for (uint32_t i = 0; i < manifest->run_count; i++) {
        const struct fct_manifest_run *run = &manifest->runs[i];
        FCT_ASSERT(run->from >= end);
        FCT_ASSERT(run->to >= run->from);
        FCT_ASSERT(run->number < manifest->next_number);
        end = run->to;
    }
    FCT_ASSERT(end <= manifest->covered.position);
}

factum_status fct_manifest_write(const struct fct_manifest *manifest, const struct fct_os *os,
                                 const struct fct_mem *mem, const char *dir, factum_error *err)
{
    size_t len = HEAD_SIZE + 4 + (size_t)RUN_SIZE * manifest->run_count;
    check_manifest(manifest);
    uint8_t *bytes = fct_mem_zalloc(mem, 1, len);
    if (bytes == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "write the index manifest: out of memory");
    }
    memcpy(bytes, "FACTUMIX", 8);
    fct_put_u32(bytes + 8, FORMAT);
    fct_put_u32(bytes + 12, manifest->run_count);
    memcpy(bytes + 16, manifest->store_id.bytes, 16);
    fct_put_u64(bytes + 32, manifest->seed);
    fct_put_u64(bytes + 40, manifest->next_number);
    fct_put_u64(bytes + 48, manifest->generation);
    fct_put_u64(bytes + 56, manifest->covered.position);
    fct_put_u64(bytes + 64, manifest->covered.batch_number);
    fct_put_u64(bytes + 72, manifest->covered.chain);
    for (uint32_t i = 0; i < manifest->run_count; i++) {
        uint8_t *at = bytes + HEAD_SIZE + (size_t)RUN_SIZE * i;
        fct_put_u64(at, manifest->runs[i].number);
        fct_put_u64(at + 8, manifest->runs[i].from);
        fct_put_u64(at + 16, manifest->runs[i].to);
        fct_put_u32(at + 24, manifest->runs[i].level);
    }
    fct_put_u32(bytes + len - 4, fct_crc32c(0, bytes, len - 4));
    factum_status status = fct_file_replace(os, dir, FCT_MANIFEST_NAME, fct_slice(bytes, len), err);
    fct_mem_free(mem, bytes);
    return status;
}

void fct_manifest_finish(struct fct_manifest *manifest, const struct fct_mem *mem)
{
    fct_mem_free(mem, manifest->runs);
    manifest->runs = NULL;
}
