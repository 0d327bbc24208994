/* backup_pass.c - one reading of a segment's file: hashed, checked, and copied.
 * Layer: engine_local.
 *
 * Reads with pread, never through a map: a block that the device cannot read is damage to report,
 * not a signal. A file that is only checked is read from the device, as far as the system allows,
 * because the cache may have bytes that the device has lost.
 *
 * Invariant: the bytes that are hashed and written are the bytes that were checked.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "engine_local/backup_int.h"

#define PART_SIZE ((size_t)1 << 20)
#define BLOCK_SIZE ((size_t)4096) /* of a device: read after a failure, to find the place */

static void job_check(const struct fct_backup_job *job)
{
    FCT_ASSERT(job->os != NULL);
    FCT_ASSERT(job->mem != NULL);
    FCT_ASSERT(job->buffer != NULL);
}

factum_status fct_backup_job_init(struct fct_backup_job *job, factum_uuid store_id,
                                  factum_error *err)
{
    FCT_ASSERT(job->buffer == NULL);
    fct_segment_check_init(&job->check, job->mem, store_id);
    job->buffer = fct_mem_alloc(job->mem, PART_SIZE);
    return job->buffer == NULL ? fct_fail(err, FACTUM_NO_MEMORY, "backup: out of memory")
                               : FACTUM_OK;
}

void fct_backup_job_finish(struct fct_backup_job *job)
{
    fct_segment_check_finish(&job->check);
    fct_mem_free(job->mem, job->buffer);
    job->buffer = NULL;
}

static factum_status job_step(struct fct_backup_job *job, size_t done, factum_error *err)
{
    const factum_progress *progress = job->progress;
    job->done += done;
    if (progress != NULL && progress->step != NULL &&
        !progress->step(progress->data, job->done, job->total)) {
        return fct_fail(err, FACTUM_CANCELLED, "it was stopped");
    }
    return FACTUM_OK;
}

/* Describes the damage that the check met. */
static factum_status note_unverified(const struct fct_backup_job *job, struct fct_backup_pass *pass)
{
    FCT_ASSERT(job->check.bad_why != NULL);
    FCT_ASSERT(!job->check.history.known);
    (void)snprintf(pass->damage, sizeof pass->damage, "at position %" PRIu64 ": %s",
                   job->check.bad_position, job->check.bad_why);
    return FACTUM_CORRUPT;
}

/* Reads *size bytes at |offset| into the buffer. *size becomes less if only a part can be read. */
static factum_status read_part(struct fct_backup_job *job, struct fct_backup_pass *pass,
                               struct fct_file *source, uint64_t offset, size_t *size)
{
    factum_error reason;
    FCT_ASSERT(*size > 0);
    FCT_ASSERT(*size <= PART_SIZE);
    factum_status status = fct_file_read(source, offset, job->buffer, *size, &reason);
    if (status == FACTUM_IO && *size > BLOCK_SIZE) {
        *size = BLOCK_SIZE;
        status = fct_file_read(source, offset, job->buffer, *size, &reason);
    }
    if (status != FACTUM_OK) {
        (void)snprintf(pass->damage, sizeof pass->damage,
                       "at position %" PRIu64 ": it cannot be read: %.60s",
                       fct_segment_check_position(&job->check), reason.text);
        job->check.history.known = false;
        return FACTUM_CORRUPT;
    }
    return FACTUM_OK;
}

static factum_status pass_bytes(struct fct_backup_job *job, struct fct_backup_pass *pass,
                                struct fct_file *source, struct fct_file *target,
                                struct fct_sha256 *sha, factum_error *err)
{
    factum_status status = FACTUM_OK;
    size_t size_max = PART_SIZE;
    for (uint64_t offset = 0; offset < pass->size && status == FACTUM_OK;) {
        uint64_t rest = pass->size - offset;
        size_t wanted = rest < size_max ? (size_t)rest : size_max;
        size_t size = wanted;
        status = read_part(job, pass, source, offset, &size);
        FCT_ASSERT(size <= wanted);
        size_max = size < wanted ? BLOCK_SIZE : size_max;
        if (status == FACTUM_OK) {
            fct_sha256_add(sha, job->buffer, size);
            status = fct_segment_check_add(&job->check, job->buffer, size, err);
            status = status == FACTUM_CORRUPT ? note_unverified(job, pass) : status;
        }
        if (status == FACTUM_OK && target != NULL) {
            status = fct_file_write(target, offset, job->buffer, size, err);
        }
        offset += size;
        if (status == FACTUM_OK) {
            status = job_step(job, size, err);
        }
    }
    if (status == FACTUM_OK && fct_segment_check_end(&job->check, pass->full) != FACTUM_OK) {
        status = note_unverified(job, pass);
    }
    return status;
}

/* Checks the file's size. If the file is only checked, drops it from the cache. */
static factum_status begin_reading(struct fct_backup_job *job, struct fct_backup_pass *pass,
                                   struct fct_file *source, factum_error *err)
{
    uint64_t size = 0;
    fct_segment_check_begin(&job->check, pass->number, pass->size);
    factum_status status = fct_file_size(source, &size, err);
    if (status == FACTUM_OK && size < pass->size) {
        (void)snprintf(pass->damage, sizeof pass->damage,
                       "it has %" PRIu64 " bytes, and should have %" PRIu64, size, pass->size);
        job->check.history.known = false;
        return FACTUM_CORRUPT;
    }
    return status == FACTUM_OK && pass->to == NULL ? fct_file_drop_cache(source, 0, pass->size, err)
                                                   : status;
}

static factum_status read_source(struct fct_backup_job *job, struct fct_backup_pass *pass,
                                 struct fct_file *target, factum_error *err)
{
    factum_error ignored;
    struct fct_file *source;
    struct fct_sha256 sha;
    FCT_ASSERT((target == NULL) == (pass->to == NULL));
    factum_status status = fct_file_open(job->os, pass->from, FCT_OPEN_READ, &source, err);
    if (status == FACTUM_NOT_FOUND) {
        (void)snprintf(pass->damage, sizeof pass->damage, "it is missing");
        job->check.history.known = false;
        return FACTUM_CORRUPT;
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_sha256_init(&sha, err);
    if (status == FACTUM_OK) {
        status = begin_reading(job, pass, source, err);
    }
    if (status == FACTUM_OK) {
        status = pass_bytes(job, pass, source, target, &sha, err);
    }
    factum_status hashed =
        fct_sha256_finish(&sha, pass->sha256, status == FACTUM_OK ? err : &ignored);
    (void)fct_file_close(&source, &ignored);
    return status == FACTUM_OK ? hashed : status;
}

/* Copies the file to |temporary|, synced. */
static factum_status fill_copy(struct fct_backup_job *job, struct fct_backup_pass *pass,
                               const char *temporary, factum_error *err)
{
    factum_error ignored;
    struct fct_file *target;
    factum_status status = fct_file_recreate(job->os, temporary, &target, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = read_source(job, pass, target, err);
    if (status == FACTUM_OK) {
        status = fct_file_sync(target, err);
    }
    factum_status closed = fct_file_close(&target, status == FACTUM_OK ? err : &ignored);
    return status == FACTUM_OK ? closed : status;
}

static factum_status copy_source(struct fct_backup_job *job, struct fct_backup_pass *pass,
                                 factum_error *err)
{
    factum_error ignored;
    char temporary[FCT_PATH_SIZE + 8];
    FCT_ASSERT(pass->to != NULL);
    (void)snprintf(temporary, sizeof temporary, "%s.tmp", pass->to);
    factum_status status = fill_copy(job, pass, temporary, err);
    if (status == FACTUM_OK) {
        status = fct_os_rename(job->os, temporary, pass->to, err);
    }
    if (status != FACTUM_OK) {
        factum_status removed = fct_os_unlink(job->os, temporary, &ignored);
        (void)removed; /* the next backup removes it */
    }
    return status;
}

factum_status fct_backup_pass_run(struct fct_backup_job *job, struct fct_backup_pass *pass,
                                  factum_error *err)
{
    job_check(job);
    pass->damage[0] = '\0';
    pass->sha256[0] = '\0';
    factum_status status =
        pass->to == NULL ? read_source(job, pass, NULL, err) : copy_source(job, pass, err);
    if (status != FACTUM_OK) {
        pass->sha256[0] = '\0';
    }
    job_check(job);
    FCT_ASSERT(status != FACTUM_OK || pass->sha256[0] != '\0');
    FCT_ASSERT(status != FACTUM_CORRUPT || pass->damage[0] != '\0');
    FCT_ASSERT(status != FACTUM_CORRUPT || !job->check.history.known);
    return status;
}
