/* backup.c - copies of the log that prove themselves, and stores made of them. Layer: engine_local.
 *
 * A backup is a directory: the segment files, up to the position that was visible when it began,
 * and, written last, factum-backup.json:
 *   {"format":1,"store_id":"...","end_position":N,"timelines":"...",
 *    "files":[{"name":"...","size":N,"sha256":"..."},...]}
 * Segments that are sealed and that an earlier manifest in the directory names, with this seal, are
 * not copied again. The index is not copied: it is rebuilt.
 *
 * Invariants:
 *  1. A backup that fails leaves an earlier one in the directory as it was: a file is replaced by a
 *     longer one as a whole, and what the old manifest says of its beginning stays true.
 *  2. A backup never goes into a store or its log: it would take the place of live segments.
 *  3. Restoring checks every file before anything is made; the file RESTORING stands in the new
 *     directory until all else is durable, and no store opens beside it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "codec/json.h"
#include "core/buf.h"
#include "core/bug.h"
#include "core/error.h"
#include "core/slice.h"
#include "engine_local/local_int.h"
#include "engine_local/sha256.h"

#define BACKUP_NAME "factum-backup.json"
#define COPY_SIZE ((size_t)1 << 20)
#define MANIFEST_SIZE_MAX ((size_t)64 << 20)
#define END_SIZE FCT_SEAL_SIZE /* of a sealed segment: its seal, with the chain up to there */

/* One copy job: buffers, progress, figures. */
struct copier {
    const struct fct_os *os;
    const struct fct_mem *mem;
    const factum_progress *progress;
    factum_backup_report *report;
    uint64_t total;
    uint8_t *buffer;
};

static factum_status step(struct copier *copier, uint64_t done, factum_error *err)
{
    const factum_progress *progress = copier->progress;
    if (progress != NULL && progress->step != NULL &&
        !progress->step(progress->data, done, copier->total)) {
        return fct_fail(err, FACTUM_CANCELLED, "it was stopped");
    }
    return FACTUM_OK;
}

static factum_status copy_bytes(struct copier *copier, struct fct_file *source,
                                struct fct_file *target, uint64_t size, struct fct_sha256 *sha,
                                factum_error *err)
{
    factum_status status = FACTUM_OK;
    for (uint64_t done = 0; done < size && status == FACTUM_OK;) {
        size_t part = size - done < COPY_SIZE ? (size_t)(size - done) : COPY_SIZE;
        status = fct_file_read(source, done, copier->buffer, part, err);
        if (status == FACTUM_OK) {
            fct_sha256_add(sha, copier->buffer, part);
            status = target == NULL ? FACTUM_OK
                                    : fct_file_write(target, done, copier->buffer, part, err);
        }
        done += part;
        copier->report->copied_bytes += part;
        if (status == FACTUM_OK) {
            status = step(copier, copier->report->copied_bytes, err);
        }
    }
    return status;
}

/* |size| bytes of |from|, whose hash is in |text| afterwards. */
static factum_status hash_and_copy(struct copier *copier, const char *from, struct fct_file *target,
                                   uint64_t size, char text[FCT_SHA256_TEXT_SIZE],
                                   factum_error *err)
{
    struct fct_file *source;
    struct fct_sha256 sha;
    factum_status status = fct_file_open(copier->os, from, FCT_OPEN_READ, &source, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_sha256_init(&sha) ? copy_bytes(copier, source, target, size, &sha, err)
                                   : fct_fail(err, FACTUM_NO_MEMORY, "copy: out of memory");
    if (status == FACTUM_CORRUPT) {
        status = fct_fail(err, status, "%s is shorter than the %" PRIu64 " bytes it should have",
                          from, size);
    }
    fct_sha256_finish(&sha, text);
    (void)fct_file_close(&source, NULL);
    return status;
}

/* The same into the file |to|, synced, which is there as a whole or not at all; NULL: only read. */
static factum_status copy_file(struct copier *copier, const char *from, const char *to,
                               uint64_t size, char text[FCT_SHA256_TEXT_SIZE], factum_error *err)
{
    char temporary[FCT_PATH_SIZE + 8];
    struct fct_file *target;
    if (to == NULL) {
        return hash_and_copy(copier, from, NULL, size, text, err);
    }
    (void)snprintf(temporary, sizeof temporary, "%s.tmp", to);
    factum_status status =
        fct_file_open(copier->os, temporary, FCT_OPEN_WRITE | FCT_OPEN_CREATE, &target, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_file_truncate(target, 0, err); /* what an earlier try left */
    if (status == FACTUM_OK) {
        status = hash_and_copy(copier, from, target, size, text, err);
    }
    if (status == FACTUM_OK) {
        status = fct_file_sync(target, err);
    }
    factum_status closed = fct_file_close(&target, status == FACTUM_OK ? err : NULL);
    status = status == FACTUM_OK ? closed : status;
    if (status == FACTUM_OK) {
        status = fct_os_rename(copier->os, temporary, to, err);
    }
    if (status != FACTUM_OK) {
        factum_status removed = fct_os_unlink(copier->os, temporary, NULL);
        (void)removed; /* the next backup writes over it */
    }
    return status;
}

/* ---- the manifest ---------------------------------------------------------------------------- */

struct manifest {
    struct fct_buf text;
    struct fct_json files; /* within text */
    uint64_t end_position;
};

struct manifest_file {
    char name[64];
    char sha256[FCT_SHA256_TEXT_SIZE];
    uint64_t size;
};

static factum_status read_whole(const struct fct_os *os, const char *path, struct fct_buf *text,
                                factum_error *err)
{
    struct fct_file *file;
    uint64_t size = 0;
    factum_status status = fct_file_open(os, path, FCT_OPEN_READ, &file, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_file_size(file, &size, err);
    if (status == FACTUM_OK) {
        status = fct_buf_reserve(text, (size_t)size + 1);
        if (status != FACTUM_OK) {
            status = fct_fail(err, status, "read %s: %s", path, factum_status_text(status));
        }
    }
    if (status == FACTUM_OK) {
        status = fct_file_read(file, 0, text->ptr, (size_t)size, err);
        text->len = (size_t)size;
    }
    (void)fct_file_close(&file, NULL);
    return status;
}

static factum_status manifest_read(struct manifest *manifest, const struct fct_os *os,
                                   const struct fct_mem *mem, const char *dir, factum_error *err)
{
    char path[FCT_PATH_SIZE];
    fct_buf_init(&manifest->text, mem, MANIFEST_SIZE_MAX);
    factum_status status = fct_path_join(path, dir, BACKUP_NAME, err);
    if (status == FACTUM_OK) {
        status = read_whole(os, path, &manifest->text, err);
    }
    if (status == FACTUM_NOT_FOUND) {
        return fct_fail(err, status, "no backup at %s: it has no " BACKUP_NAME, dir);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    struct fct_json object;
    struct fct_json end;
    int64_t number = 0;
    if (fct_json_parse(fct_buf_slice(&manifest->text), &object, NULL) != FACTUM_OK ||
        !fct_json_member(&object, FCT_SLICE("files"), &manifest->files) ||
        manifest->files.type != FCT_JSON_ARRAY ||
        !fct_json_member(&object, FCT_SLICE("end_position"), &end) ||
        fct_json_int64(&end, &number) != FACTUM_OK || number < 0) {
        return fct_fail(err, FACTUM_CORRUPT, "%s is damaged", path);
    }
    manifest->end_position = (uint64_t)number;
    return FACTUM_OK;
}

static bool text_member(const struct fct_json *object, factum_slice name, char *to, size_t size)
{
    struct fct_json value;
    size_t len;
    if (!fct_json_member(object, name, &value) || value.type != FCT_JSON_TEXT ||
        fct_json_unescape(value.raw, to, size - 1, &len) != FACTUM_OK) {
        return false;
    }
    to[len] = '\0';
    return strlen(to) == len;
}

/* The next file; only names that segments have, so that no path comes from the manifest. */
static factum_status manifest_next(const struct manifest *manifest, size_t *offset,
                                   struct manifest_file *file, factum_error *err)
{
    struct fct_json item;
    struct fct_json size;
    int64_t number;
    if (!fct_json_item_next(&manifest->files, offset, &item)) {
        return FACTUM_DONE;
    }
    bool good = item.type == FCT_JSON_OBJECT &&
                text_member(&item, FCT_SLICE("name"), file->name, sizeof file->name) &&
                text_member(&item, FCT_SLICE("sha256"), file->sha256, sizeof file->sha256) &&
                fct_json_member(&item, FCT_SLICE("size"), &size) &&
                fct_json_int64(&size, &number) == FACTUM_OK && number > 0 &&
                strlen(file->name) == 24 && strspn(file->name, "0123456789") == 20 &&
                strcmp(file->name + 20, ".seg") == 0;
    if (!good) {
        return fct_fail(err, FACTUM_CORRUPT, "the backup's manifest is damaged");
    }
    file->size = (uint64_t)number;
    return FACTUM_OK;
}

/* The last bytes of the file at |path|, if it has |size|. */
static bool read_end(const struct copier *copier, const char *path, uint64_t size,
                     uint8_t end[END_SIZE])
{
    struct fct_file *file;
    uint64_t found = 0;
    if (size < END_SIZE ||
        fct_file_open(copier->os, path, FCT_OPEN_READ, &file, NULL) != FACTUM_OK) {
        return false;
    }
    bool good = fct_file_size(file, &found, NULL) == FACTUM_OK && found == size &&
                fct_file_read(file, size - END_SIZE, end, END_SIZE, NULL) == FACTUM_OK;
    (void)fct_file_close(&file, NULL);
    return good;
}

/* Is the sealed segment |from| in the backup, at |path|, already? Its hash as the manifest has it.
 * Names and sizes agree in a store that was restored from the backup and went another way; the
 * seal's chain value is that of one history. */
static bool already_there(const struct copier *copier, const struct manifest *manifest,
                          const struct fct_log_segment_info *info, const char *from,
                          const char *path, char *sha256)
{
    uint8_t ours[END_SIZE];
    uint8_t theirs[END_SIZE];
    size_t offset = 0;
    struct manifest_file file = {.size = 0};
    while (manifest_next(manifest, &offset, &file, NULL) == FACTUM_OK) {
        if (strcmp(file.name, info->name) == 0 && file.size == info->size) {
            memcpy(sha256, file.sha256, sizeof file.sha256);
            return read_end(copier, from, file.size, ours) &&
                   read_end(copier, path, file.size, theirs) &&
                   (memcmp(ours, theirs, END_SIZE) == 0 || fct_bug(FCT_BUG_BACKUP_BY_NAME));
        }
    }
    return false;
}

/* ---- backing up ------------------------------------------------------------------------------ */

/* What adding to the manifest's text came to, with the words for it. */
static factum_status added_text(factum_status status, factum_error *err)
{
    return status == FACTUM_OK ? status
                               : fct_fail(err, status, "backup: write the manifest: %s",
                                          factum_status_text(status));
}

/* What is copied is what verifies: damage must not replace a good copy, with a good hash. */
static factum_status check_segment(struct fct_local *local, const struct fct_log_segment_info *info,
                                   factum_error *err)
{
    struct fct_log_walk walk;
    struct fct_record record;
    factum_status status = fct_log_walk_init(&walk, local->log, info->base, err);
    while (status == FACTUM_OK && walk.position < info->base + info->size) {
        status = fct_log_walk_next(&walk, &record, err);
    }
    return status == FACTUM_CORRUPT ? fct_wrap(err, status, "backup")
           : status < 0             ? status
                                    : FACTUM_OK;
}

static factum_status add_segment(struct fct_local *local, struct copier *copier,
                                 const struct manifest *earlier,
                                 const struct fct_log_segment_info *info, const char *to,
                                 struct fct_buf *text, factum_error *err)
{
    char dir[FCT_PATH_SIZE];
    char from[FCT_PATH_SIZE];
    char target[FCT_PATH_SIZE];
    char sha256[FCT_SHA256_TEXT_SIZE] = "";
    factum_status status = fct_path_join(dir, local->path, "log", err);
    if (status == FACTUM_OK) {
        status = fct_path_join(from, dir, info->name, err);
    }
    if (status == FACTUM_OK) {
        status = fct_path_join(target, to, info->name, err);
    }
    bool there = status == FACTUM_OK && earlier != NULL && info->sealed &&
                 already_there(copier, earlier, info, from, target, sha256);
    if (status == FACTUM_OK && !there) {
        status = check_segment(local, info, err);
    }
    if (status == FACTUM_OK && !there) {
        status = copy_file(copier, from, target, info->size, sha256, err);
        copier->report->copied_files++;
    }
    copier->report->files++;
    copier->report->bytes += info->size;
    if (status == FACTUM_OK) {
        status = added_text(
            fct_buf_printf(text, "%s\n{\"name\":\"%s\",\"size\":%" PRIu64 ",\"sha256\":\"%s\"}",
                           copier->report->files == 1 ? "" : ",", info->name, info->size, sha256),
            err);
    }
    return status;
}

static factum_status backup_segments(struct fct_local *local, struct copier *copier, const char *to,
                                     uint64_t end, factum_error *err)
{
    char id[FACTUM_UUID_TEXT_SIZE];
    char timelines[FCT_TIMELINES_TEXT_SIZE];
    struct manifest earlier = {.end_position = 0};
    bool earlier_valid = manifest_read(&earlier, local->os, local->mem, to, NULL) == FACTUM_OK;
    struct fct_buf text;
    fct_buf_init(&text, local->mem, MANIFEST_SIZE_MAX);
    factum_uuid_format(fct_log_store_id(local->log), id);
    fct_timelines_format(&local->timelines, fct_log_store_id(local->log), timelines);
    char earlier_id[FACTUM_UUID_TEXT_SIZE];
    struct fct_json object;
    if (earlier_valid &&
        (fct_json_parse(fct_buf_slice(&earlier.text), &object, NULL) != FACTUM_OK ||
         !text_member(&object, FCT_SLICE("store_id"), earlier_id, sizeof earlier_id) ||
         strcmp(id, earlier_id) != 0)) {
        fct_buf_finish(&earlier.text);
        return fct_fail(err, FACTUM_EXISTS, "%s holds a backup of another store", to);
    }
    if (earlier_valid && earlier.end_position > end) {
        fct_buf_finish(&earlier.text);
        return fct_fail(err, FACTUM_EXISTS,
                        "the backup in %s goes up to position %" PRIu64 ", this store to %" PRIu64
                        ": back up into a new directory",
                        to, earlier.end_position, end);
    }
    factum_status status =
        added_text(fct_buf_printf(&text,
                                  "{\"format\":1,\"store_id\":\"%s\",\"end_position\":%" PRIu64
                                  ",\"timelines\":\"%s\",\"files\":[",
                                  id, end, timelines),
                   err);
    struct fct_log_segment_info info;
    for (size_t i = 0; status == FACTUM_OK && fct_log_segment_info(local->log, i, end, &info);
         i++) {
        status = add_segment(local, copier, earlier_valid ? &earlier : NULL, &info, to, &text, err);
    }
    if (status == FACTUM_OK) {
        status = added_text(fct_buf_add_text(&text, "\n]}\n"), err);
    }
    if (status == FACTUM_OK) {
        status = fct_os_sync_dir(local->os, to, err);
    }
    if (status == FACTUM_OK) {
        status = fct_file_replace(local->os, to, BACKUP_NAME, fct_buf_slice(&text), err);
    }
    fct_buf_finish(&text);
    fct_buf_finish(&earlier.text);
    return status;
}

static factum_status ignore_name(void *data, const char *name)
{
    (void)data;
    (void)name;
    return FACTUM_OK;
}

/* Is |path|/|below| a store's directory? */
static bool is_store(const struct fct_os *os, const char *path, const char *below)
{
    char dir[FCT_PATH_SIZE];
    char inside[FCT_PATH_SIZE];
    struct fct_file *lock = NULL;
    if (fct_path_join(dir, path, below, NULL) != FACTUM_OK ||
        fct_path_join(inside, dir, "log", NULL) != FACTUM_OK ||
        fct_os_list_dir(os, inside, ignore_name, NULL, NULL) != FACTUM_OK ||
        fct_path_join(inside, dir, "LOCK", NULL) != FACTUM_OK) {
        return false;
    }
    factum_status status = fct_file_open(os, inside, FCT_OPEN_READ, &lock, NULL);
    if (status == FACTUM_OK) {
        status = fct_file_close(&lock, NULL);
    }
    return status != FACTUM_NOT_FOUND;
}

factum_status fct_local_backup(void *self, const char *to, const factum_progress *progress,
                               factum_backup_report *report, factum_error *err)
{
    struct fct_local *local = self;
    if (fct_log_state(local->log) == FCT_LOG_DAMAGED) {
        return fct_fail(err, FACTUM_CORRUPT, "a damaged store is not backed up: %s",
                        fct_log_state_reason(local->log));
    }
    if (is_store(local->os, to, ".") || is_store(local->os, to, "..")) {
        return fct_fail(err, FACTUM_EXISTS,
                        "%s is a store, or lies in one: back up into a directory of its own", to);
    }
    /* What a crash of the machine could take back would be in the backup alone. */
    factum_status synced = fct_commit_do(local, FCT_TASK_HEARTBEAT, NULL);
    (void)synced; /* a store that cannot be written to has what it has */
    *report = (factum_backup_report){.size = sizeof *report,
                                     .end_position = atomic_load(&local->published)};
    struct copier copier = {
        .os = local->os,
        .mem = local->mem,
        .progress = progress,
        .report = report,
        .total = report->end_position,
        .buffer = fct_mem_alloc(local->mem, COPY_SIZE),
    };
    if (copier.buffer == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "backup: out of memory");
    }
    factum_status status = fct_os_make_dir_synced(local->os, to, err);
    if (status == FACTUM_OK) {
        status = backup_segments(local, &copier, to, report->end_position, err);
    }
    fct_mem_free(local->mem, copier.buffer);
    return status;
}

/* ---- restoring ------------------------------------------------------------------------------- */

static factum_status make_target(const struct fct_os *os, const char *to, char *log_dir,
                                 factum_error *err)
{
    bool any = false;
    factum_status status = fct_path_join(log_dir, to, "log", err);
    if (status == FACTUM_OK) {
        status = fct_os_make_dir_synced(os, to, err);
    }
    if (status == FACTUM_OK) {
        status = fct_os_dir_has_entries(os, to, &any, err);
    }
    if (status == FACTUM_OK && any) {
        return fct_fail(err, FACTUM_EXISTS, "%s is not empty: restore into a new directory", to);
    }
    return status;
}

/* Every file, checked against its hash and, if |to| is set, copied there. */
static factum_status each_file(struct copier *copier, const struct manifest *manifest,
                               const char *from, const char *to, factum_error *err)
{
    size_t offset = 0;
    struct manifest_file file = {.size = 0};
    factum_status status;
    while ((status = manifest_next(manifest, &offset, &file, err)) == FACTUM_OK) {
        char source[FCT_PATH_SIZE];
        char target[FCT_PATH_SIZE];
        char sha256[FCT_SHA256_TEXT_SIZE] = "";
        status = fct_path_join(source, from, file.name, err);
        if (status == FACTUM_OK && to != NULL) {
            status = fct_path_join(target, to, file.name, err);
        }
        if (status == FACTUM_OK) {
            status = copy_file(copier, source, to == NULL ? NULL : target, file.size, sha256, err);
        }
        if (status == FACTUM_NOT_FOUND) {
            return fct_fail(err, FACTUM_CORRUPT, "%s is missing from the backup", file.name);
        }
        if (status == FACTUM_OK && strcmp(sha256, file.sha256) != 0) {
            status =
                fct_fail(err, FACTUM_CORRUPT,
                         "%s of the backup is damaged: its hash is not the manifest's", file.name);
        }
        if (status != FACTUM_OK) {
            return status;
        }
        copier->report->files++;
        copier->report->bytes += file.size;
    }
    return status < 0 ? status : FACTUM_OK;
}

static bool is_gone(factum_status status)
{
    return status == FACTUM_OK || status == FACTUM_NOT_FOUND;
}

/* The file RESTORING goes last, on disk too: what cannot be removed is no store. */
static void remove_target(const struct fct_os *os, const struct manifest *manifest, const char *to,
                          const char *log_dir)
{
    size_t offset = 0;
    struct manifest_file file = {.size = 0};
    char path[FCT_PATH_SIZE];
    bool removed = true;
    while (removed && manifest_next(manifest, &offset, &file, NULL) == FACTUM_OK) {
        removed = fct_path_join(path, log_dir, file.name, NULL) == FACTUM_OK &&
                  is_gone(fct_os_unlink(os, path, NULL));
    }
    removed =
        removed && fct_path_join(path, log_dir, FCT_TIMELINES_NAME, NULL) == FACTUM_OK &&
        is_gone(fct_os_unlink(os, path, NULL)) && is_gone(fct_os_sync_dir(os, log_dir, NULL)) &&
        is_gone(fct_os_remove_dir(os, log_dir, NULL)) &&
        fct_os_sync_dir(os, to, NULL) == FACTUM_OK &&
        fct_path_join(path, to, FCT_RESTORING_NAME, NULL) == FACTUM_OK &&
        is_gone(fct_os_unlink(os, path, NULL)) && fct_os_remove_dir(os, to, NULL) == FACTUM_OK;
    (void)removed; /* the error is that of the restore */
}

/* The restored store's history forks at its end: what the store it was taken from did after that is
 * not its own. */
static factum_status fork_history(const struct fct_os *os, const struct manifest *manifest,
                                  const char *log_dir, factum_error *err)
{
    char id[FACTUM_UUID_TEXT_SIZE];
    char text[FCT_TIMELINES_TEXT_SIZE];
    factum_uuid store_id;
    struct fct_json object;
    struct fct_json member;
    struct fct_timelines timelines;
    if (fct_json_parse(fct_buf_slice(&manifest->text), &object, NULL) != FACTUM_OK ||
        !text_member(&object, FCT_SLICE("store_id"), id, sizeof id) ||
        factum_uuid_parse(factum_slice_from(id), &store_id) != FACTUM_OK) {
        return fct_fail(err, FACTUM_CORRUPT, "the backup's manifest is damaged");
    }
    fct_timelines_first(&timelines, store_id);
    bool said = fct_json_member(&object, FCT_SLICE("timelines"), &member); /* older ones do not */
    if (said && (!text_member(&object, FCT_SLICE("timelines"), text, sizeof text) ||
                 !fct_timelines_parse(&timelines, factum_slice_from(text), store_id))) {
        return fct_fail(err, FACTUM_CORRUPT, "the backup's manifest is damaged");
    }
    return fct_timelines_fork(&timelines, os, log_dir, store_id, manifest->end_position, err);
}

/* Into |to|, which is there and empty. */
static factum_status fill_target(struct copier *copier, const struct manifest *manifest,
                                 const char *from, const char *to, const char *log_dir,
                                 factum_error *err)
{
    char path[FCT_PATH_SIZE];
    const struct fct_os *os = copier->os;
    factum_status status = fct_path_join(path, to, FCT_RESTORING_NAME, err);
    if (status == FACTUM_OK) {
        status = fct_file_replace(os, to, FCT_RESTORING_NAME, (factum_slice){0}, err);
    }
    if (status == FACTUM_OK) {
        status = fct_os_make_dir_synced(os, log_dir, err);
    }
    if (status == FACTUM_OK) {
        status = each_file(copier, manifest, from, log_dir, err);
    }
    if (status == FACTUM_OK) {
        status = fork_history(os, manifest, log_dir, err); /* syncs the directory too */
    }
    if (status == FACTUM_OK) {
        status = fct_os_unlink(os, path, err);
    }
    if (status == FACTUM_OK) {
        status = fct_os_sync_dir(os, to, err);
        if (status != FACTUM_OK) { /* it will be removed, and is no store meanwhile */
            factum_status marked =
                fct_file_replace(os, to, FCT_RESTORING_NAME, (factum_slice){0}, NULL);
            (void)marked;
        }
    }
    return status;
}

factum_status fct_engine_local_restore(const struct fct_os *os, const struct fct_mem *mem,
                                       const char *from, const char *to,
                                       const factum_progress *progress,
                                       factum_backup_report *report, factum_error *err)
{
    char log_dir[FCT_PATH_SIZE];
    struct manifest manifest;
    *report = (factum_backup_report){.size = sizeof *report};
    struct copier copier = {.os = os, .mem = mem, .progress = progress, .report = report};
    factum_status status = manifest_read(&manifest, os, mem, from, err);
    if (status == FACTUM_OK) {
        copier.buffer = fct_mem_alloc(mem, COPY_SIZE);
        status = copier.buffer == NULL ? fct_fail(err, FACTUM_NO_MEMORY, "restore: out of memory")
                                       : FACTUM_OK;
    }
    if (status == FACTUM_OK) {
        copier.total = manifest.end_position * 2;
        status = each_file(&copier, &manifest, from, NULL, err); /* all of it, before anything */
    }
    if (status == FACTUM_OK) {
        status = make_target(os, to, log_dir, err);
        if (status == FACTUM_OK) {
            report->files = 0;
            report->bytes = 0;
            status = fill_target(&copier, &manifest, from, to, log_dir, err);
            if (status != FACTUM_OK) {
                remove_target(os, &manifest, to, log_dir);
            }
        }
    }
    report->copied_files = report->files;
    report->copied_bytes = report->bytes;
    report->end_position = manifest.end_position;
    fct_mem_free(mem, copier.buffer);
    fct_buf_finish(&manifest.text);
    return status;
}
