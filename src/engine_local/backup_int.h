/* backup_int.h - shared by backup, verification of a backup, and restore. Layer: engine_local,
 * private to it.
 *
 * A backup is a directory with the segment files, up to the position that was published when the
 * backup began, and its manifest, factum-backup.json, which is written last (docs/formats.md).
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

/* Reads the manifest in |dir| and checks it completely: it names segments 1, 2, ..., each with a
 * size and a hash. Finish it also after a failure.
 * Errors: NOT_FOUND (no backup; the text says what is there instead), CORRUPT, NEWER_FORMAT, IO,
 * NO_MEMORY. */
FCT_MUST_USE factum_status fct_backup_manifest_read(struct fct_backup_manifest *manifest,
                                                    const struct fct_os *os,
                                                    const struct fct_mem *mem, const char *dir,
                                                    factum_error *err);
void fct_backup_manifest_finish(struct fct_backup_manifest *manifest);
/* Steps through the files; *at begins with 0. False: there are no more. */
bool fct_backup_manifest_next(const struct fct_backup_manifest *manifest, uint32_t *at,
                              struct fct_backup_file *file);
/* Is |path|/|below| a store's directory? */
bool fct_backup_is_store(const struct fct_os *os, const char *path, const char *below);

/* ---- backup_pass.c --------------------------------------------------------------------------- */

/* Work on the files of one backup or store, in the order of the segments. */
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

/* The members up to |total| are set. The check begins with the first segment of the store
 * |store_id|. Errors: NO_MEMORY. */
FCT_MUST_USE factum_status fct_backup_job_init(struct fct_backup_job *job, factum_uuid store_id,
                                               factum_error *err);
/* Accepts a job that was not initialised, if its members are zero. */
void fct_backup_job_finish(struct fct_backup_job *job);

/* One reading of a segment's file. */
struct fct_backup_pass {
    const char *from;
    const char *to; /* path of the copy; NULL: the file is only checked */
    uint64_t number;
    uint64_t size;
    bool full;                         /* it must end with a seal */
    char sha256[FCT_SHA256_TEXT_SIZE]; /* of the bytes; "" after a failure */
    char damage[128];                  /* what is wrong with |from|, after CORRUPT; otherwise "" */
};

/* Reads |size| bytes of |from|; hashes, checks and copies them. The copy is durable, and exists as
 * a whole or not at all.
 * Errors: CORRUPT (bytes are missing, cannot be read, or do not verify: pass->damage says so, for
 * example "at position 4096: no batch begins there", and |err| is unchanged), IO (opening |from|,
 * or |to|), NO_SPACE, NO_MEMORY, NEWER_FORMAT, CANCELLED. */
FCT_MUST_USE factum_status fct_backup_pass_run(struct fct_backup_job *job,
                                               struct fct_backup_pass *pass, factum_error *err);

#endif
