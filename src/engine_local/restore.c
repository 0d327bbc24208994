/* restore.c - verifies a backup, and creates a store from it. Layer: engine_local.
 *
 * Invariants:
 *  1. A backup that verifies can be restored, and one that does not is not: a restore begins with
 *     the same check of every file, before it creates anything.
 *  2. The file RESTORING is in the new directory until everything else is durable, and no store
 *     opens beside it.
 *  3. Nothing that exists is replaced: the target is new or empty, and only one restore can create
 *     RESTORING there.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "engine_local/backup_int.h"

/* ---- checking -------------------------------------------------------------------------------- */

struct checking {
    struct fct_backup_job *job;
    const struct fct_backup_manifest *manifest;
    const char *from;
    bool first_only; /* stop at the first problem */
    factum_backup_verify_report *report;
};

FCT_PRINTF(2, 3)
static void note_problem(struct checking *checking, const char *format, ...)
{
    factum_backup_verify_report *report = checking->report;
    char text[sizeof report->first_problem];
    va_list args;
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is, the line before */
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (report->problems++ == 0) {
        memcpy(report->first_problem, text, sizeof text);
    }
    fct_log_message(checking->job->sink, FACTUM_LOG_ERROR, "backup.damaged", "%s", text);
}

static factum_status check_file(struct checking *checking, const struct fct_backup_file *file,
                                bool last, factum_error *err)
{
    char path[FCT_PATH_SIZE];
    factum_status status = fct_path_join(path, checking->from, file->name, err);
    if (status != FACTUM_OK) {
        return status;
    }
    struct fct_backup_pass pass = {
        .from = path, .number = file->number, .size = file->size, .full = !last};
    status = fct_backup_pass_run(checking->job, &pass, err);
    if (status == FACTUM_CORRUPT) {
        note_problem(checking, "%s of the backup is damaged: %s", file->name, pass.damage);
        return FACTUM_OK;
    }
    if (status == FACTUM_OK && strcmp(pass.sha256, file->sha256) != 0) {
        note_problem(checking,
                     "%s of the backup is damaged: its hash is not the manifest's, although its "
                     "batches verify",
                     file->name);
    }
    return status;
}

static factum_status check_files_of(struct checking *checking, factum_error *err)
{
    const struct fct_backup_manifest *manifest = checking->manifest;
    factum_backup_verify_report *report = checking->report;
    struct fct_backup_file file;
    struct fct_backup_file next;
    uint32_t at = 0;
    bool more = fct_backup_manifest_next(manifest, &at, &next);
    FCT_ASSERT(more); /* a manifest that was read names files */
    factum_status status = FACTUM_OK;
    while (more && status == FACTUM_OK && (report->problems == 0 || !checking->first_only)) {
        file = next;
        more = fct_backup_manifest_next(manifest, &at, &next);
        status = check_file(checking, &file, !more, err);
        report->files++;
        report->bytes += file.size;
    }
    const struct fct_segment_history *history = &checking->job->check.history;
    FCT_ASSERT(status != FACTUM_OK || report->problems > 0 || history->known);
    if (status == FACTUM_OK && report->problems == 0 && history->end != manifest->end_position) {
        note_problem(checking,
                     "the backup's segments end at position %" PRIu64
                     ", its manifest says %" PRIu64,
                     history->end, manifest->end_position);
    }
    return status;
}

/* Fills in the figures of the check. Errors: CORRUPT (it found a problem). */
static factum_status conclude(const struct checking *checking, factum_error *err)
{
    factum_backup_verify_report *report = checking->report;
    FCT_ASSERT((report->problems == 0) == (report->first_problem[0] == '\0'));
    const struct fct_segment_check *check = &checking->job->check;
    report->batches = check->batches;
    report->records = check->records;
    report->events = check->events;
    if (report->problems == 0) {
        return FACTUM_OK;
    }
    return fct_fail(err, FACTUM_CORRUPT,
                    "%s; run factum backup with its store, which copies it again, or use an older "
                    "backup",
                    report->first_problem);
}

/* A manifest that does not verify is a problem too. */
static factum_status read_manifest(struct checking *checking, struct fct_backup_manifest *manifest,
                                   factum_error *err)
{
    const struct fct_backup_job *job = checking->job;
    factum_error reason;
    factum_status status =
        fct_backup_manifest_read(manifest, job->os, job->mem, checking->from, &reason);
    FCT_ASSERT(checking->manifest == NULL);
    FCT_ASSERT(checking->report->problems == 0);
    checking->manifest = manifest;
    if (status == FACTUM_CORRUPT) {
        note_problem(checking, "%.200s", reason.text);
        return conclude(checking, err);
    }
    if (status != FACTUM_OK) {
        *err = reason;
    }
    checking->report->end_position = manifest->end_position;
    checking->report->store_id = manifest->store_id;
    return status;
}

/* Reads the manifest and every file that it names. |readings|: how often the files are read in all,
 * for the progress. Finish the job and the manifest also after a failure. */
static factum_status check_backup(struct checking *checking, struct fct_backup_manifest *manifest,
                                  uint64_t readings, factum_error *err)
{
    struct fct_backup_job *job = checking->job;
    FCT_ASSERT(readings > 0);
    *checking->report = (factum_backup_verify_report){.size = sizeof *checking->report};
    factum_status status = read_manifest(checking, manifest, err);
    if (status == FACTUM_OK) {
        job->total = manifest->end_position * readings;
        status = fct_backup_job_init(job, manifest->store_id, err);
    }
    if (status == FACTUM_OK) {
        status = check_files_of(checking, err);
    }
    return status == FACTUM_OK ? conclude(checking, err) : status;
}

factum_status fct_engine_local_backup_verify(const struct fct_os *os, const struct fct_mem *mem,
                                             const char *from, const factum_log_sink *sink,
                                             const factum_progress *progress,
                                             factum_backup_verify_report *report, factum_error *err)
{
    struct fct_backup_manifest manifest;
    struct fct_backup_job job = {.os = os, .mem = mem, .progress = progress, .sink = sink};
    struct checking checking = {.job = &job, .from = from, .report = report};
    factum_status status = check_backup(&checking, &manifest, 1, err);
    fct_backup_job_finish(&job);
    fct_backup_manifest_finish(&manifest);
    return status;
}

/* ---- the target ------------------------------------------------------------------------------ */

struct target {
    const struct fct_os *os;
    const char *path;
    char log_dir[FCT_PATH_SIZE];
    char restoring[FCT_PATH_SIZE]; /* the file RESTORING */
    bool claimed;                  /* this restore created RESTORING */
};

/* Of a target that is claimed. */
static void target_check(const struct target *target)
{
    FCT_ASSERT(target->claimed); /* invariant 3 */
    FCT_ASSERT(target->log_dir[0] != '\0');
    FCT_ASSERT(target->restoring[0] != '\0');
}

struct entries {
    bool any;
    bool restoring;
};

static factum_status note_target_entry(void *data, const char *name)
{
    struct entries *entries = data;
    bool restoring = strcmp(name, FCT_RESTORING_NAME) == 0;
    entries->restoring = entries->restoring || restoring;
    entries->any = entries->any || !restoring;
    return FACTUM_OK;
}

static factum_status fail_not_empty(const struct target *target, bool restoring, factum_error *err)
{
    if (restoring) {
        return fct_fail(err, FACTUM_EXISTS,
                        "%s holds a restore that is under way or did not end: if none is running, "
                        "remove it, and restore again",
                        target->path);
    }
    return fct_fail(err, FACTUM_EXISTS, "%s is not empty: restore into a new directory",
                    target->path);
}

/* Creates the directory if it is missing, and RESTORING in it, durably, if it is empty. */
static factum_status claim_target(struct target *target, factum_error *err)
{
    factum_error ignored;
    struct fct_file *file;
    struct entries entries = {false, false};
    const struct fct_os *os = target->os;
    factum_status status = fct_path_join(target->log_dir, target->path, "log", err);
    if (status == FACTUM_OK) {
        status = fct_path_join(target->restoring, target->path, FCT_RESTORING_NAME, err);
    }
    if (status == FACTUM_OK) {
        status = fct_os_make_dir_synced(os, target->path, err);
    }
    if (status == FACTUM_OK) {
        status = fct_os_list_dir(os, target->path, note_target_entry, &entries, err);
    }
    if (status == FACTUM_OK && (entries.any || entries.restoring)) {
        return fail_not_empty(target, entries.restoring, err);
    }
    if (status == FACTUM_OK) {
        status = fct_file_open(os, target->restoring,
                               FCT_OPEN_WRITE | FCT_OPEN_CREATE | FCT_OPEN_EXCLUSIVE, &file, err);
    }
    if (status != FACTUM_OK) {
        return status == FACTUM_EXISTS ? fail_not_empty(target, true, err) : status;
    }
    FCT_ASSERT(!target->claimed);
    target->claimed = true;
    target_check(target);
    status = fct_file_sync(file, err);
    factum_status closed = fct_file_close(&file, status == FACTUM_OK ? err : &ignored);
    status = status == FACTUM_OK ? closed : status;
    if (status == FACTUM_OK) { /* a store that was created meanwhile did not see RESTORING */
        status = fct_os_list_dir(os, target->path, note_target_entry, &entries, err);
    }
    if (status == FACTUM_OK && entries.any) {
        status = fail_not_empty(target, false, err);
    }
    return status == FACTUM_OK ? fct_os_sync_dir(os, target->path, err) : status;
}

static bool is_removed(factum_status status)
{
    return status == FACTUM_OK || status == FACTUM_NOT_FOUND;
}

/* Removes RESTORING last, on disk too: if something cannot be removed, no store opens there. */
static void remove_target(const struct target *target, const struct fct_backup_manifest *manifest)
{
    factum_error ignored;
    target_check(target);
    uint32_t at = 0;
    struct fct_backup_file file;
    const struct fct_os *os = target->os;
    const char *log_dir = target->log_dir;
    bool removed = true;
    while (removed && fct_backup_manifest_next(manifest, &at, &file)) {
        removed = is_removed(fct_os_unlink_in(os, log_dir, file.name, &ignored));
    }
    removed = removed && is_removed(fct_os_unlink_in(os, log_dir, FCT_TIMELINES_NAME, &ignored)) &&
              is_removed(fct_os_sync_dir(os, log_dir, &ignored)) &&
              is_removed(fct_os_remove_dir(os, log_dir, &ignored)) &&
              fct_os_sync_dir(os, target->path, &ignored) == FACTUM_OK &&
              is_removed(fct_os_unlink_in(os, target->path, FCT_RESTORING_NAME, &ignored)) &&
              fct_os_remove_dir(os, target->path, &ignored) == FACTUM_OK;
    (void)removed; /* the restore has failed, and reports its own error */
}

/* ---- restoring ------------------------------------------------------------------------------- */

/* Copies the files, and checks them again: they may have changed since they were checked. */
static factum_status copy_files(struct fct_backup_job *job,
                                const struct fct_backup_manifest *manifest, const char *from,
                                const char *log_dir, factum_error *err)
{
    char source[FCT_PATH_SIZE];
    char copy[FCT_PATH_SIZE];
    struct fct_backup_file file;
    uint32_t at = 0;
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK && fct_backup_manifest_next(manifest, &at, &file)) {
        struct fct_backup_pass pass = {
            .from = source, .to = copy, .number = file.number, .size = file.size};
        status = fct_path_join(source, from, file.name, err);
        if (status == FACTUM_OK) {
            status = fct_path_join(copy, log_dir, file.name, err);
        }
        if (status == FACTUM_OK) {
            status = fct_backup_pass_run(job, &pass, err);
        }
        if (status == FACTUM_CORRUPT ||
            (status == FACTUM_OK && strcmp(pass.sha256, file.sha256) != 0)) {
            status = fct_fail(
                err, FACTUM_CORRUPT, "%s of the backup is damaged, or was changed meanwhile: %s",
                file.name, status == FACTUM_OK ? "its hash is not the manifest's" : pass.damage);
        }
    }
    return status;
}

/* Fills the target, which is claimed. The history of the restored store forks at the end of the
 * backup: events that the original store appended later are not in it. */
static factum_status fill_target(struct target *target, struct fct_backup_job *job,
                                 struct fct_backup_manifest *manifest, const char *from,
                                 factum_error *err)
{
    factum_error ignored;
    const struct fct_os *os = target->os;
    target_check(target);
    factum_status status = fct_os_make_dir_synced(os, target->log_dir, err);
    if (status == FACTUM_OK) {
        fct_segment_check_finish(&job->check);
        fct_segment_check_init(&job->check, job->mem, manifest->store_id);
        status = copy_files(job, manifest, from, target->log_dir, err);
    }
    if (status == FACTUM_OK) { /* syncs the directory too */
        status = fct_timelines_fork(&manifest->timelines, os, target->log_dir, manifest->store_id,
                                    manifest->end_position, err);
    }
    if (status == FACTUM_OK) {
        status = fct_os_unlink(os, target->restoring, err);
    }
    if (status == FACTUM_OK) {
        status = fct_os_sync_dir(os, target->path, err);
        /* If RESTORING can be created again, the target can be removed. Otherwise it stays: it is a
         * whole store, and whether a crash brings RESTORING back is not known. */
        if (status != FACTUM_OK && fct_file_replace(os, target->path, FCT_RESTORING_NAME,
                                                    (factum_slice){0}, &ignored) != FACTUM_OK) {
            target->claimed = false;
        }
    }
    return status;
}

factum_status fct_engine_local_restore(const struct fct_os *os, const struct fct_mem *mem,
                                       const char *from, const char *to,
                                       const factum_progress *progress,
                                       factum_backup_report *report, factum_error *err)
{
    factum_backup_verify_report checked;
    struct fct_backup_manifest manifest;
    struct fct_backup_job job = {.os = os, .mem = mem, .progress = progress};
    struct checking checking = {.job = &job, .from = from, .first_only = true, .report = &checked};
    factum_status status = check_backup(&checking, &manifest, 2, err);
    struct target *target = status == FACTUM_OK ? fct_mem_zalloc(mem, 1, sizeof *target) : NULL;
    if (target != NULL) {
        target->os = os;
        target->path = to;
        status = claim_target(target, err);
        if (status == FACTUM_OK) {
            status = fill_target(target, &job, &manifest, from, err);
        }
        if (status != FACTUM_OK && target->claimed) {
            remove_target(target, &manifest);
        }
        fct_mem_free(mem, target);
    } else if (status == FACTUM_OK) {
        status = fct_fail(err, FACTUM_NO_MEMORY, "restore: out of memory");
    }
    *report = (factum_backup_report){
        .size = sizeof *report,
        .files = checked.files,
        .copied_files = checked.files,
        .bytes = checked.bytes,
        .copied_bytes = checked.bytes,
        .end_position = manifest.end_position,
    };
    fct_backup_job_finish(&job);
    fct_backup_manifest_finish(&manifest);
    return status;
}
