/* backup_int.h - what making, checking and restoring a backup share. Layer: engine_local, private.
 *
 * A backup is a directory: the segment files, up to the position that was visible when it began,
 * and, written last, its manifest, factum-backup.json (docs/formats.md).
 */
#ifndef FCT_ENGINE_LOCAL_BACKUP_INT_H
#define FCT_ENGINE_LOCAL_BACKUP_INT_H

#include "codec/json_doc.h"
#include "codec/sha256.h"
#include "core/buf.h"
#include "engine_local/local_int.h"
#include "engine_local/segment_check.h"

#define FCT_BACKUP_MANIFEST_NAME "factum-backup.json"
#define FCT_BACKUP_MANIFEST_SIZE_MAX ((size_t)64 << 20)

/* ---- backup_manifest.c ----------------------------------------------------------------------- */

struct fct_backup_manifest {
    struct fct_buf text;
    struct fct_json_doc doc; /* of text */
    uint32_t files;          /* the array on its tape */
    factum_uuid store_id;
    uint64_t end_position;
    struct fct_timelines timelines;
};

struct fct_backup_file {
    char name[32];
    char sha256[FCT_SHA256_TEXT_SIZE];
    uint64_t number; /* of the segment */
    uint64_t size;
};

/* Reads the manifest in |dir| and checks all of it: it names segments 1, 2, ..., each with a size
 * and a hash. To be finished in any case. NOT_FOUND (no backup: says what is there instead),
 * CORRUPT, NEWER_FORMAT, IO, NO_MEMORY. */
FCT_MUST_USE factum_status fct_backup_manifest_read(struct fct_backup_manifest *manifest,
                                                    const struct fct_os *os,
                                                    const struct fct_mem *mem, const char *dir,
                                                    factum_error *err);
void fct_backup_manifest_finish(struct fct_backup_manifest *manifest);
/* Steps through the files: *at starts at 0. False at the end. */
bool fct_backup_manifest_next(const struct fct_backup_manifest *manifest, uint32_t *at,
                              struct fct_backup_file *file);
/* Is |path|/|below| a store's directory? */
bool fct_backup_is_store(const struct fct_os *os, const char *path, const char *below);

/* ---- backup_pass.c --------------------------------------------------------------------------- */

/* Work on the files of one backup or store, in the order of its segments. */
struct fct_backup_job {
    const struct fct_os *os;
    const struct fct_mem *mem;
    const factum_progress *progress; /* or NULL */
    const factum_log_sink *sink;     /* or NULL */
    uint64_t total;                  /* bytes to read */
    uint64_t done;
    uint8_t *buffer;
    struct fct_segment_check check;
};

/* With a check that awaits the first segment of the store |store_id|. NO_MEMORY. */
FCT_MUST_USE factum_status fct_backup_job_init(struct fct_backup_job *job, factum_uuid store_id,
                                               factum_error *err);
void fct_backup_job_finish(struct fct_backup_job *job);

/* One reading of a segment's file. */
struct fct_backup_pass {
    const char *from;
    const char
        *to; /* copied there, and synced: it exists as a whole or not at all. NULL: no copy */
    uint64_t number;
    uint64_t size;
    bool full;                         /* it must end with a seal */
    char sha256[FCT_SHA256_TEXT_SIZE]; /* of its bytes; "" unless OK */
    char damage[128];                  /* what is wrong with |from|; "" unless CORRUPT */
};

/* Reads |size| bytes of |from|, hashes, checks and copies them. CORRUPT: they are missing, not to
 * be read, or do not verify, as pass->damage says ("at position 4096: no batch is there"); there is
 * no other text. Nothing is left at |to| then. IO (of opening |from|, and of |to|), NO_SPACE,
 * NO_MEMORY, NEWER_FORMAT, CANCELLED. */
FCT_MUST_USE factum_status fct_backup_pass_run(struct fct_backup_job *job,
                                               struct fct_backup_pass *pass, factum_error *err);

#endif
