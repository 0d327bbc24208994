/* manifest.h - index/MANIFEST: which runs are live, and how far they cover the log. Layer: index,
 * private to it.
 *
 *   offset size
 *        0    8  magic "FACTUMIX"
 *        8    4  format (1)            12   4  number of runs
 *       16   16  store id              32   8  hash seed
 *       40    8  next run number       48   8  generation
 *       56    8  position covered      64   8  batch number there     72  8  chain there
 *       80   32 each: run number 8 | from 8 | to 8 | level 4 | 0 (4)
 *      end    4  CRC-32C of all bytes before it
 */
#ifndef FCT_INDEX_MANIFEST_H
#define FCT_INDEX_MANIFEST_H

#include "index/index.h"

#define FCT_MANIFEST_NAME "MANIFEST"
#define FCT_MANIFEST_RUNS_MAX 4096u
#define FCT_RUN_NUMBER_MAX (UINT64_MAX / 2) /* so that numbers never run out */

struct fct_manifest_run {
    uint64_t number;
    uint64_t from;
    uint64_t to;
    uint32_t level;
};

struct fct_manifest {
    factum_uuid store_id;
    uint64_t seed;
    uint64_t next_number;
    uint64_t generation;
    struct fct_index_point covered;
    uint32_t run_count;
    struct fct_manifest_run *runs; /* owned: fct_manifest_finish */
};

/* A range of the log that no run covers. */
struct fct_missing {
    uint64_t from;
    uint64_t to;
};

/* Reads the manifest in |dir|; fct_manifest_finish frees it. On failure |manifest| is empty.
 * Errors: NOT_FOUND (no manifest, or none that can be read and verified), NO_MEMORY, IO (the file
 * cannot be opened), INVALID (the path is too long). */
FCT_MUST_USE factum_status fct_manifest_read(struct fct_manifest *manifest, const struct fct_os *os,
                                             const struct fct_mem *mem, const char *dir,
                                             factum_error *err);
/* Replaces the manifest in |dir| by a synced one, atomically. The runs are in the order of the log.
 * Errors: NO_MEMORY, and those of fct_file_replace. */
FCT_MUST_USE factum_status fct_manifest_write(const struct fct_manifest *manifest,
                                              const struct fct_os *os, const struct fct_mem *mem,
                                              const char *dir, factum_error *err);
/* Frees |runs|. Accepts an empty manifest. */
void fct_manifest_finish(struct fct_manifest *manifest, const struct fct_mem *mem);

#endif
