/* backup.c - backs up the log of an open store. Layer: engine_local.
 *
 * A sealed segment that an earlier backup in the directory has is not copied again: its copy is
 * read to the end and verified, because only that shows what a disk has lost. A damaged copy is
 * replaced. The index is not copied: a restored store rebuilds it.
 *
 * Invariants:
 *  1. A backup that fails leaves an earlier one in the directory as it was: a file is replaced by a
 *     longer one as a whole, and what the old manifest says of its beginning stays true.
 *  2. A backup never goes into a store or its log: it would replace live segments.
 *  3. Each file that a manifest names was read to its end, and verified, by the backup that wrote
 *     the manifest.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "engine_local/backup_int.h"

#define END_SIZE FCT_SEAL_SIZE /* of a sealed segment: its seal, which has the chain value */

struct making {
    struct fct_local *local;
    const char *to;
    struct fct_backup_job job;
    struct fct_backup_manifest earlier;
    bool earlier_valid;
    bool earlier_damaged;
    struct fct_buf text; /* of the new manifest */
    factum_backup_report *report;
};

static void making_check(const struct making *making)
{
    const factum_backup_report *report = making->report;
    FCT_ASSERT(!making->earlier_valid || !making->earlier_damaged);
    FCT_ASSERT(report->copied_files <= report->files);
    FCT_ASSERT(report->copied_bytes <= report->bytes);
    FCT_ASSERT(report->repaired_files <= report->copied_files);
}

/* ---- copies of an earlier backup ------------------------------------------------------------- */

/* Reads the last END_SIZE of the first |size| bytes of the file at |path|. */
static bool read_end(const struct fct_os *os, const char *path, uint64_t size,
                     uint8_t end[END_SIZE])
{
    factum_error ignored;
    struct fct_file *file;
    if (size < END_SIZE || fct_file_open(os, path, FCT_OPEN_READ, &file, &ignored) != FACTUM_OK) {
        return false;
    }
    bool good = fct_file_read(file, size - END_SIZE, end, END_SIZE, &ignored) == FACTUM_OK;
    (void)fct_file_close(&file, &ignored);
    return good;
}

/* Names and sizes also agree with those of a store that was restored from the backup and written to
 * since. The chain value in the seal is that of one history. */
static bool is_same_history(const struct fct_os *os, const char *from, const char *to,
                            uint64_t size)
{
    uint8_t ours[END_SIZE];
    uint8_t theirs[END_SIZE];
    return read_end(os, from, size, ours) && read_end(os, to, size, theirs) &&
           memcmp(ours, theirs, END_SIZE) == 0;
}

/* Does the earlier manifest name a copy of the whole segment? */
static bool is_named(const struct making *making, const struct fct_log_segment_info *info,
                     struct fct_backup_file *file)
{
    uint32_t at = 0;
    while (making->earlier_valid && info->sealed &&
           fct_backup_manifest_next(&making->earlier, &at, file)) {
        if (file->number == info->number) {
            return file->size == info->size;
        }
    }
    return false;
}

/* Reads the copy of a segment in the backup. *kept: it is whole and of this store's history. If
 * not, it has to be copied again, and pass->damage says what is wrong: "" if it is of another
 * history. */
static factum_status check_copy(struct making *making, const struct fct_backup_file *file,
                                const char *from, struct fct_backup_pass *pass, bool *kept,
                                factum_error *err)
{
    struct fct_backup_job *job = &making->job;
    FCT_ASSERT(!*kept);
    FCT_ASSERT(pass->to == NULL); /* the copy is only read */
    struct fct_segment_history before = job->check.history;
    uint64_t done = job->done;
    job->check.history.known = false; /* it may be whole and of another history */
    factum_status status = fct_backup_pass_run(job, pass, err);
    if (status == FACTUM_IO) {
        (void)snprintf(pass->damage, sizeof pass->damage, "it cannot be opened");
    } else if (status == FACTUM_OK && strcmp(pass->sha256, file->sha256) != 0) {
        (void)snprintf(pass->damage, sizeof pass->damage, "its hash is not the manifest's");
    } else if (status == FACTUM_OK) {
        *kept = is_same_history(job->os, from, pass->from, file->size);
    } else if (status != FACTUM_CORRUPT) {
        return status;
    }
    if (!*kept) { /* as if it had not been read */
        job->check.history = before;
        job->done = done;
    }
    return FACTUM_OK;
}

/* ---- segments -------------------------------------------------------------------------------- */

/* The store itself is damaged. |copy|: what is wrong with the segment's copy, or "". */
static factum_status fail_store_damaged(const struct making *making, const char *name,
                                        const struct fct_backup_pass *pass, const char *copy,
                                        factum_error *err)
{
    FCT_ASSERT(pass->damage[0] != '\0');
    if (copy[0] != '\0') {
        return fct_fail(
            err, FACTUM_CORRUPT,
            "backup: %s is damaged in the backup (%.60s), and in the store (%.60s): run "
            "factum verify, and keep older backups",
            name, copy, pass->damage);
    }
    return fct_fail(err, FACTUM_CORRUPT,
                    "backup: segment %s of the store is damaged: %s: run factum verify; "
                    "%s",
                    name, pass->damage,
                    making->earlier_valid ? "the earlier backup is as it was"
                                          : "nothing was backed up");
}

/* Fills |err| if |status|, of adding to the manifest's text, is a failure. */
static factum_status added_text(factum_status status, factum_error *err)
{
    if (status == FACTUM_OK) {
        return FACTUM_OK;
    }
    return fct_fail(err, status, "backup: write the manifest: %s", factum_status_text(status));
}

static factum_status copy_segment(struct making *making, const char *name,
                                  struct fct_backup_pass *pass, const char *damage,
                                  factum_error *err)
{
    factum_backup_report *report = making->report;
    FCT_ASSERT(pass->to != NULL);
    factum_status status = fct_backup_pass_run(&making->job, pass, err);
    if (status == FACTUM_CORRUPT) {
        return fail_store_damaged(making, name, pass, damage, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    FCT_ASSERT(pass->sha256[0] != '\0');
    report->copied_files++;
    report->copied_bytes += pass->size;
    if (damage[0] != '\0') {
        report->repaired_files++;
        fct_log_message(making->job.sink, FACTUM_LOG_WARN, "backup.copied_again",
                        "%s of the backup was damaged and was copied again (%s)", name, damage);
    }
    return FACTUM_OK;
}

static factum_status add_segment(struct making *making, const struct fct_log_segment_info *info,
                                 factum_error *err)
{
    making_check(making);
    char log_dir[FCT_PATH_SIZE];
    char from[FCT_PATH_SIZE];
    char to[FCT_PATH_SIZE];
    factum_status status = fct_path_join(log_dir, making->local->path, "log", err);
    if (status == FACTUM_OK) {
        status = fct_path_join(from, log_dir, info->name, err);
    }
    if (status == FACTUM_OK) {
        status = fct_path_join(to, making->to, info->name, err);
    }
    bool kept = false;
    struct fct_backup_file file;
    struct fct_backup_pass copy = {
        .from = to, .number = info->number, .size = info->size, .full = info->sealed};
    struct fct_backup_pass source = copy;
    source.from = from;
    source.to = to;
    if (status == FACTUM_OK && is_named(making, info, &file)) {
        status = check_copy(making, &file, from, &copy, &kept, err);
    }
    if (status == FACTUM_OK && !kept) {
        status = copy_segment(making, info->name, &source, copy.damage, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    const char *sha256 = kept ? copy.sha256 : source.sha256;
    FCT_ASSERT(sha256[0] != '\0'); /* invariant 3 */
    making->report->files++;
    making->report->bytes += info->size;
    making_check(making);
    return added_text(fct_buf_printf(&making->text,
                                     "%s\n{\"name\":\"%s\",\"size\":%" PRIu64 ",\"sha256\":\"%s\"}",
                                     making->report->files == 1 ? "" : ",", info->name, info->size,
                                     sha256),
                      err);
}

/* ---- the backup ------------------------------------------------------------------------------ */

/* The store id in the header of the first segment in |to|, if there is one. */
static bool first_segment_id(const struct making *making, factum_uuid *id)
{
    factum_error ignored;
    uint8_t bytes[FCT_SEGMENT_HEADER_SIZE];
    struct fct_log_segment_info info;
    struct fct_segment_header header;
    struct fct_file *file;
    if (!fct_log_segment_info(making->local->log, 0, UINT64_MAX, &info) ||
        fct_file_open_in(making->job.os, making->to, info.name, FCT_OPEN_READ, &file, &ignored) !=
            FACTUM_OK) {
        return false;
    }
    bool read = fct_file_read(file, 0, bytes, sizeof bytes, &ignored) == FACTUM_OK &&
                fct_segment_header_decode(bytes, &header) == FACTUM_OK;
    (void)fct_file_close(&file, &ignored);
    if (read) {
        *id = header.store_id;
    }
    return read;
}

/* Keeps the greatest number of a segment in *data. */
static factum_status note_last(void *data, const char *name)
{
    uint64_t *last = data;
    uint64_t number = fct_segment_number(name);
    *last = number > *last ? number : *last;
    return FACTUM_OK;
}

/* EXISTS: there is no manifest that verifies, and the files may have more than this store. */
static factum_status check_without_manifest(const struct making *making, factum_error *err)
{
    factum_error ignored;
    struct fct_log_segment_info info;
    struct fct_file *file;
    uint64_t last = 0;
    uint64_t size = 0;
    FCT_ASSERT(!making->earlier_valid);
    factum_status status = fct_os_list_dir(making->job.os, making->to, note_last, &last, err);
    if (status != FACTUM_OK || last == 0) {
        return status;
    }
    bool more = !fct_log_segment_info(making->local->log, (size_t)(last - 1),
                                      making->report->end_position, &info);
    if (!more && fct_file_open_in(making->job.os, making->to, info.name, FCT_OPEN_READ, &file,
                                  &ignored) == FACTUM_OK) {
        more = fct_file_size(file, &size, &ignored) == FACTUM_OK && size > info.size;
        (void)fct_file_close(&file, &ignored);
    }
    return more ? fct_fail(err, FACTUM_EXISTS,
                           "the backup in %s has no manifest that verifies, and may have more than "
                           "this store: back up into a new directory",
                           making->to)
                : FACTUM_OK;
}

/* Reads what the directory has already. EXISTS: it must not be replaced. */
static factum_status look_at_earlier(struct making *making, factum_error *err)
{
    const char *to = making->to;
    struct fct_backup_manifest *earlier = &making->earlier;
    factum_uuid ours = fct_log_store_id(making->local->log);
    factum_status status =
        fct_backup_manifest_read(earlier, making->job.os, making->job.mem, to, err);
    making->earlier_valid = status == FACTUM_OK;
    making->earlier_damaged = status == FACTUM_CORRUPT;
    if (status != FACTUM_OK && status != FACTUM_CORRUPT && status != FACTUM_NOT_FOUND) {
        return status;
    }
    factum_uuid theirs = earlier->store_id;
    making_check(making);
    bool any = making->earlier_valid || first_segment_id(making, &theirs);
    if (any && memcmp(ours.bytes, theirs.bytes, sizeof ours.bytes) != 0) {
        return fct_fail(err, FACTUM_EXISTS,
                        "%s holds a backup of another store: back up into a new directory", to);
    }
    if (!making->earlier_valid) {
        return check_without_manifest(making, err);
    }
    if (earlier->end_position > making->report->end_position) {
        return fct_fail(err, FACTUM_EXISTS,
                        "the backup in %s goes up to position %" PRIu64 ", this store to %" PRIu64
                        ": back up into a new directory",
                        to, earlier->end_position, making->report->end_position);
    }
    return FACTUM_OK;
}

static factum_status begin_text(struct making *making, factum_error *err)
{
    char id[FACTUM_UUID_TEXT_SIZE];
    char timelines[FCT_TIMELINES_TEXT_SIZE];
    factum_uuid store_id = fct_log_store_id(making->local->log);
    FCT_ASSERT(making->text.len == 0);
    FCT_ASSERT(making->report->files == 0);
    factum_uuid_format(store_id, id);
    fct_timelines_format(&making->local->timelines, store_id, timelines);
    return added_text(fct_buf_printf(&making->text,
                                     "{\"format\":1,\"store_id\":\"%s\",\"end_position\":%" PRIu64
                                     ",\"timelines\":\"%s\",\"files\":[",
                                     id, making->report->end_position, timelines),
                      err);
}

static factum_status write_manifest(struct making *making, factum_error *err)
{
    making_check(making);
    FCT_ASSERT(making->report->files > 0);
    factum_status status = added_text(fct_buf_add_text(&making->text, "\n]}\n"), err);
    if (status == FACTUM_OK) {
        status = fct_os_sync_dir(making->job.os, making->to, err);
    }
    if (status == FACTUM_OK) {
        status = fct_file_replace(making->job.os, making->to, FCT_BACKUP_MANIFEST_NAME,
                                  fct_buf_slice(&making->text), err);
    }
    if (status == FACTUM_OK && making->earlier_damaged) {
        fct_log_message(making->job.sink, FACTUM_LOG_WARN, "backup.copied_again",
                        FCT_BACKUP_MANIFEST_NAME
                        " of the backup was damaged: all files were copied again");
    }
    return status;
}

static factum_status back_up(struct making *making, factum_error *err)
{
    factum_status status = fct_os_make_dir_synced(making->job.os, making->to, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = look_at_earlier(making, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = begin_text(making, err);
    struct fct_log_segment_info info;
    for (size_t i = 0;
         status == FACTUM_OK &&
         fct_log_segment_info(making->local->log, i, making->report->end_position, &info);
         i++) {
        status = add_segment(making, &info, err);
    }
    return status == FACTUM_OK ? write_manifest(making, err) : status;
}

/* Is |to| a store, or below one? Looks at the path's parts, because |to| may not exist yet. */
static bool lies_in_store(const struct fct_os *os, const char *to)
{
    char above[FCT_PATH_SIZE];
    size_t size = strlen(to);
    bool found = fct_backup_is_store(os, to, ".") || fct_backup_is_store(os, to, "..") ||
                 (to[0] != '/' && strncmp(to, "..", 2) != 0 && fct_backup_is_store(os, ".", "."));
    for (size_t i = 1; !found && i < size && i < sizeof above; i++) {
        if (to[i] == '/') {
            memcpy(above, to, i);
            above[i] = '\0';
            found = fct_backup_is_store(os, above, ".");
        }
    }
    return found;
}

factum_status fct_local_backup(void *self, const char *to, const factum_progress *progress,
                               factum_backup_report *report, factum_error *err)
{
    factum_error ignored;
    struct fct_local *local = self;
    fct_local_check(local);
    if (fct_log_state(local->log) == FCT_LOG_DAMAGED) {
        return fct_fail(err, FACTUM_CORRUPT, "a damaged store is not backed up: %s",
                        fct_log_state_reason(local->log));
    }
    if (lies_in_store(local->os, to)) {
        return fct_fail(err, FACTUM_EXISTS,
                        "%s is a store, or lies in one: back up into a directory of its own", to);
    }
    /* Without a sync, a crash of the machine could leave events in the backup alone. */
    factum_status synced = fct_commit_do(local, FCT_TASK_HEARTBEAT, &ignored);
    (void)synced; /* a store that takes no writes is backed up too */
    *report = (factum_backup_report){.size = sizeof *report,
                                     .end_position = atomic_load(&local->published)};
    struct making making = {
        .local = local,
        .to = to,
        .job = {.os = local->os,
                .mem = local->mem,
                .progress = progress,
                .sink = &local->sink,
                .total = report->end_position},
        .report = report,
    };
    fct_buf_init(&making.text, local->mem, FCT_BACKUP_MANIFEST_SIZE_MAX);
    factum_status status = fct_backup_job_init(&making.job, fct_log_store_id(local->log), err);
    if (status == FACTUM_OK) {
        status = back_up(&making, err);
    }
    fct_buf_finish(&making.text);
    fct_backup_manifest_finish(&making.earlier);
    fct_backup_job_finish(&making.job);
    return status;
}
