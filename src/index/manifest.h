/* manifest.h - index/MANIFEST: which runs live, and how far they cover the log. Layer: index,
 * private.
 *
 *   offset size
 *        0    8  magic "FACTUMIX"
 *        8    4  format (1)            12   4  number of runs
 *       16   16  store id              32   8  hash seed
 *       40    8  next run number       48   8  generation
 *       56    8  position covered      64   8  batch number there     72  8  chain there
 *       80   32 each: run number 8 | from 8 | to 8 | level 4 | 0 (4)
 *      end    4  CRC-32C of all before
 */
#ifndef FCT_INDEX_MANIFEST_H
#define FCT_INDEX_MANIFEST_H

#include "index/index.h"

#define FCT_MANIFEST_NAME "MANIFEST"
#define FCT_MANIFEST_RUNS_MAX 4096u

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

FCT_MUST_USE factum_status fct_manifest_read(struct fct_manifest *manifest, const struct fct_os *os,
                                             const struct fct_mem *mem, const char *dir,
                                             factum_error *err);
FCT_MUST_USE factum_status fct_manifest_write(const struct fct_manifest *manifest,
                                              const struct fct_os *os, const struct fct_mem *mem,
                                              const char *dir, factum_error *err);
void fct_manifest_finish(struct fct_manifest *manifest, const struct fct_mem *mem);

#endif
