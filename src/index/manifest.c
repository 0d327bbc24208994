/* manifest.c - see manifest.h. Layer: index. */
#include "index/manifest.h"

#include <string.h>

#include "codec/bytes.h"
#include "core/crc32c.h"
#include "core/error.h"
#include "core/slice.h"

enum {
    HEAD_SIZE = 80,
    RUN_SIZE = 32,
    FORMAT = 1,
};

static factum_status read_file(const struct fct_os *os, const struct fct_mem *mem, const char *dir,
                               uint8_t **bytes, size_t *len, factum_error *err)
{
    char path[FCT_PATH_SIZE];
    struct fct_file *file;
    uint64_t size = 0;
    *bytes = NULL;
    factum_status status = fct_path_join(path, dir, FCT_MANIFEST_NAME, err);
    if (status == FACTUM_OK) {
        status = fct_file_open(os, path, FCT_OPEN_READ, &file, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_file_size(file, &size, err);
    if (status == FACTUM_OK &&
        (size < HEAD_SIZE + 4 || size > HEAD_SIZE + 4 + RUN_SIZE * FCT_MANIFEST_RUNS_MAX)) {
        status = fct_fail(err, FACTUM_NOT_FOUND, "the index manifest has an impossible size");
    }
    if (status == FACTUM_OK) {
        *bytes = fct_mem_alloc(mem, (size_t)size);
        status = *bytes == NULL ? fct_fail(err, FACTUM_NO_MEMORY, "open index: out of memory")
                                : fct_file_read(file, 0, *bytes, (size_t)size, err);
        if (status == FACTUM_IO) { /* derived data: it is rebuilt */
            status = fct_fail(err, FACTUM_NOT_FOUND, "the index manifest cannot be read");
        }
    }
    (void)fct_file_close(&file, NULL);
    *len = (size_t)size;
    return status;
}

static bool decode(const uint8_t *bytes, size_t len, struct fct_manifest *manifest)
{
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
    return manifest->run_count <= FCT_MANIFEST_RUNS_MAX &&
           len == HEAD_SIZE + 4 + (size_t)RUN_SIZE * manifest->run_count;
}

factum_status fct_manifest_read(struct fct_manifest *manifest, const struct fct_os *os,
                                const struct fct_mem *mem, const char *dir, factum_error *err)
{
    uint8_t *bytes;
    size_t len;
    struct fct_manifest read = {.runs = NULL};
    *manifest = (struct fct_manifest){.runs = NULL};
    factum_status status = read_file(os, mem, dir, &bytes, &len, err);
    if (status == FACTUM_OK && !decode(bytes, len, &read)) {
        status = fct_fail(err, FACTUM_NOT_FOUND, "the index manifest is damaged");
    }
    if (status == FACTUM_OK) {
        read.runs = fct_mem_zalloc(mem, read.run_count + 1u, sizeof *read.runs);
        if (read.runs == NULL) {
            status = fct_fail(err, FACTUM_NO_MEMORY, "open index: out of memory");
        }
    }
    for (uint32_t i = 0; status == FACTUM_OK && read.runs != NULL && i < read.run_count; i++) {
        const uint8_t *at = bytes + HEAD_SIZE + (size_t)RUN_SIZE * i;
        read.runs[i] = (struct fct_manifest_run){
            .number = fct_get_u64(at),
            .from = fct_get_u64(at + 8),
            .to = fct_get_u64(at + 16),
            .level = fct_get_u32(at + 24),
        };
    }
    fct_mem_free(mem, bytes);
    if (status == FACTUM_OK) {
        *manifest = read;
    }
    return status;
}

factum_status fct_manifest_write(const struct fct_manifest *manifest, const struct fct_os *os,
                                 const struct fct_mem *mem, const char *dir, factum_error *err)
{
    size_t len = HEAD_SIZE + 4 + (size_t)RUN_SIZE * manifest->run_count;
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
