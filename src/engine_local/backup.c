/* backup.c - copies of the log that prove themselves, and stores made of them. Layer: engine_local.
 *
 * A backup is a directory: the segment files, up to the position that was visible when it began,
 * and, written last, factum-backup.json:
 *   {"format":1,"store_id":"...","end_position":N,
 *    "files":[{"name":"...","size":N,"sha256":"..."},...]}
 * Segments that are sealed and that an earlier manifest in the directory names are not copied
 * again. The index is not copied: it is made anew. Restoring checks every file before the store
 * appears.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "codec/json.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/slice.h"
#include "engine_local/local_int.h"
#include "engine_local/sha256.h"

#define BACKUP_NAME "factum-backup.json"
#define COPY_SIZE ((size_t)1 << 20)
#define MANIFEST_SIZE_MAX ((size_t)64 << 20)

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

/* |size| bytes of |from| into the file |to| (NULL: only read), synced; their hash in |text|. */
static factum_status copy_file(struct copier *copier, const char *from, const char *to,
                               uint64_t size, char text[FCT_SHA256_TEXT_SIZE], factum_error *err)
{
    struct fct_file *source = NULL;
    struct fct_file *target = NULL;
    struct fct_sha256 sha;
    bool hashing = fct_sha256_init(&sha);
    factum_status status = fct_file_open(copier->os, from, FCT_OPEN_READ, &source, err);
    if (status == FACTUM_OK && !hashing) {
        status = fct_fail(err, FACTUM_NO_MEMORY, "copy: out of memory");
    }
    if (status == FACTUM_OK && to != NULL) {
        status = fct_file_open(copier->os, to, FCT_OPEN_WRITE | FCT_OPEN_CREATE, &target, err);
        if (status == FACTUM_OK) {
            status = fct_file_truncate(target, 0, err);
        }
    }
    for (uint64_t done = 0; done < size && status == FACTUM_OK;) {
        size_t part = size - done < COPY_SIZE ? (size_t)(size - done) : COPY_SIZE;
        status = fct_file_read(source, done, copier->buffer, part, err);
        if (status == FACTUM_OK) {
            fct_sha256_add(&sha, copier->buffer, part);
            status = target == NULL ? FACTUM_OK
                                    : fct_file_write(target, done, copier->buffer, part, err);
        }
        done += part;
        copier->report->copied_bytes += part;
        if (status == FACTUM_OK) {
            status = step(copier, copier->report->copied_bytes, err);
        }
    }
    if (status == FACTUM_OK && target != NULL) {
        status = fct_file_sync(target, err);
    }
    (void)fct_file_close(&source, NULL);
    factum_status closed = fct_file_close(&target, status == FACTUM_OK ? err : NULL);
    fct_sha256_finish(&sha, text);
    return status == FACTUM_OK ? closed : status;
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
    if (status == FACTUM_OK && fct_buf_reserve(text, (size_t)size + 1) != FACTUM_OK) {
        status = fct_fail(err, FACTUM_TOO_BIG, "%s is too big", path);
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

/* Is the sealed segment in the backup already? Its hash as the manifest has it. */
static bool already_there(const struct manifest *manifest, bool valid,
                          const struct fct_log_segment_info *info, char *sha256)
{
    size_t offset = 0;
    struct manifest_file file = {.size = 0};
    while (valid && info->sealed && manifest_next(manifest, &offset, &file, NULL) == FACTUM_OK) {
        if (strcmp(file.name, info->name) == 0 && file.size == info->size) {
            memcpy(sha256, file.sha256, sizeof file.sha256);
            return true;
        }
    }
    return false;
}

/* ---- backing up ------------------------------------------------------------------------------ */

static factum_status add_segment(struct fct_local *local, struct copier *copier,
                                 const struct manifest *earlier, bool earlier_valid,
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
    if (status == FACTUM_OK && !already_there(earlier, earlier_valid, info, sha256)) {
        status = copy_file(copier, from, target, info->size, sha256, err);
        copier->report->copied_files++;
    }
    copier->report->files++;
    copier->report->bytes += info->size;
    if (status == FACTUM_OK) {
        status =
            fct_buf_printf(text, "%s\n{\"name\":\"%s\",\"size\":%" PRIu64 ",\"sha256\":\"%s\"}",
                           copier->report->files == 1 ? "" : ",", info->name, info->size, sha256);
    }
    return status;
}

static factum_status backup_segments(struct fct_local *local, struct copier *copier, const char *to,
                                     uint64_t end, factum_error *err)
{
    char id[FACTUM_UUID_TEXT_SIZE];
    struct manifest earlier = {.end_position = 0};
    bool earlier_valid = manifest_read(&earlier, local->os, local->mem, to, NULL) == FACTUM_OK;
    struct fct_buf text;
    fct_buf_init(&text, local->mem, MANIFEST_SIZE_MAX);
    factum_uuid_format(fct_log_store_id(local->log), id);
    char earlier_id[FACTUM_UUID_TEXT_SIZE];
    struct fct_json object;
    if (earlier_valid &&
        (fct_json_parse(fct_buf_slice(&earlier.text), &object, NULL) != FACTUM_OK ||
         !text_member(&object, FCT_SLICE("store_id"), earlier_id, sizeof earlier_id) ||
         strcmp(id, earlier_id) != 0)) {
        fct_buf_finish(&earlier.text);
        return fct_fail(err, FACTUM_EXISTS, "%s holds a backup of another store", to);
    }
    factum_status status = fct_buf_printf(
        &text, "{\"format\":1,\"store_id\":\"%s\",\"end_position\":%" PRIu64 ",\"files\":[", id,
        end);
    struct fct_log_segment_info info;
    for (size_t i = 0; status == FACTUM_OK && fct_log_segment_info(local->log, i, end, &info);
         i++) {
        status = add_segment(local, copier, &earlier, earlier_valid, &info, to, &text, err);
    }
    if (status == FACTUM_OK) {
        status = fct_buf_add_text(&text, "\n]}\n");
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

factum_status fct_engine_local_backup(struct fct_engine *engine, const char *to,
                                      const factum_progress *progress, factum_backup_report *report,
                                      factum_error *err)
{
    struct fct_local *local = engine->self;
    *report = (factum_backup_report){.end_position = atomic_load(&local->published)};
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
    factum_status status = fct_os_make_dir(local->os, to, err);
    if (status == FACTUM_OK) {
        status = backup_segments(local, &copier, to, report->end_position, err);
    }
    fct_mem_free(local->mem, copier.buffer);
    return status;
}

/* ---- restoring ------------------------------------------------------------------------------- */

static factum_status note_any(void *data, const char *name)
{
    bool *any = data;
    (void)name;
    *any = true;
    return FACTUM_OK;
}

static factum_status make_target(const struct fct_os *os, const char *to, char *log_dir,
                                 factum_error *err)
{
    bool any = false;
    factum_status status = fct_os_make_dir(os, to, err);
    if (status == FACTUM_OK) {
        status = fct_os_list_dir(os, to, note_any, &any, err);
    }
    if (status == FACTUM_OK && any) {
        return fct_fail(err, FACTUM_EXISTS, "%s is not empty: restore into a new directory", to);
    }
    if (status == FACTUM_OK) {
        status = fct_path_join(log_dir, to, "log", err);
    }
    return status == FACTUM_OK ? fct_os_make_dir(os, log_dir, err) : status;
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

/* As far as it was made; what cannot be removed stays. */
static void remove_target(const struct fct_os *os, const struct manifest *manifest, const char *to,
                          const char *log_dir)
{
    size_t offset = 0;
    struct manifest_file file = {.size = 0};
    bool removed = true;
    while (manifest_next(manifest, &offset, &file, NULL) == FACTUM_OK) {
        char path[FCT_PATH_SIZE];
        if (fct_path_join(path, log_dir, file.name, NULL) == FACTUM_OK) {
            removed = fct_os_unlink(os, path, NULL) == FACTUM_OK && removed;
        }
    }
    removed = fct_os_remove_dir(os, log_dir, NULL) == FACTUM_OK && removed;
    removed = fct_os_remove_dir(os, to, NULL) == FACTUM_OK && removed;
    (void)removed;
}

factum_status fct_engine_local_restore(const struct fct_os *os, const struct fct_mem *mem,
                                       const char *from, const char *to,
                                       const factum_progress *progress,
                                       factum_backup_report *report, factum_error *err)
{
    char log_dir[FCT_PATH_SIZE];
    struct manifest manifest;
    *report = (factum_backup_report){.files = 0};
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
            status = each_file(&copier, &manifest, from, log_dir, err);
            status = status == FACTUM_OK ? fct_os_sync_dir(os, log_dir, err) : status;
            status = status == FACTUM_OK ? fct_os_sync_dir(os, to, err) : status;
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
