/* backup_manifest.c - factum-backup.json, read and checked. Layer: engine_local.
 *
 *   {"format":1,"store_id":"...","end_position":N,"timelines":"...",
 *    "files":[{"name":"...","size":N,"sha256":"..."},...]}
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/slice.h"
#include "engine_local/backup_int.h"

enum { FORMAT = 1, SHA256_DIGITS = FCT_SHA256_TEXT_SIZE - 1 };

static factum_status manifest_bad(factum_error *err, const char *why)
{
    return fct_fail(err, FACTUM_CORRUPT,
                    "the backup's manifest is damaged (" FCT_BACKUP_MANIFEST_NAME ": %s)", why);
}

/* ---- its text -------------------------------------------------------------------------------- */

static factum_status read_text(const struct fct_os *os, const char *path, struct fct_buf *text,
                               factum_error *err)
{
    struct fct_file *file;
    uint64_t size = 0;
    factum_status status = fct_file_open(os, path, FCT_OPEN_READ, &file, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_file_size(file, &size, err);
    if (status == FACTUM_OK && size >= FCT_BACKUP_MANIFEST_SIZE_MAX) {
        status = manifest_bad(err, "it is too long");
    }
    if (status == FACTUM_OK) {
        status = fct_buf_reserve(text, (size_t)size + 1);
        if (status != FACTUM_OK) {
            status = fct_fail(err, status, "read %s: %s", path, factum_status_text(status));
        }
    }
    if (status == FACTUM_OK) {
        status = fct_file_read(file, 0, text->ptr, (size_t)size, err);
        text->len = (size_t)size;
        if (status == FACTUM_IO || status == FACTUM_CORRUPT) {
            status = manifest_bad(err, "it cannot be read");
        }
    }
    (void)fct_file_close(&file, NULL);
    return status;
}

static factum_status ignore_entry(void *data, const char *name)
{
    (void)data;
    (void)name;
    return FACTUM_OK;
}

bool fct_backup_is_store(const struct fct_os *os, const char *path, const char *below)
{
    char dir[FCT_PATH_SIZE];
    char inside[FCT_PATH_SIZE];
    struct fct_file *lock = NULL;
    if (fct_path_join(dir, path, below, NULL) != FACTUM_OK ||
        fct_path_join(inside, dir, "log", NULL) != FACTUM_OK ||
        fct_os_list_dir(os, inside, ignore_entry, NULL, NULL) != FACTUM_OK ||
        fct_path_join(inside, dir, "LOCK", NULL) != FACTUM_OK) {
        return false;
    }
    factum_status status = fct_file_open(os, inside, FCT_OPEN_READ, &lock, NULL);
    if (status == FACTUM_OK) {
        status = fct_file_close(&lock, NULL);
    }
    return status != FACTUM_NOT_FOUND;
}

static factum_status say_no_backup(const struct fct_os *os, const char *dir, factum_error *err)
{
    factum_error reason;
    factum_status listed = fct_os_list_dir(os, dir, ignore_entry, NULL, &reason);
    if (listed != FACTUM_OK && reason.os_error == ENOTDIR) {
        return fct_fail(err, FACTUM_NOT_FOUND, "no backup at %s: it is not a directory", dir);
    }
    if (listed == FACTUM_NOT_FOUND) {
        return fct_fail(err, FACTUM_NOT_FOUND, "no backup at %s: the directory does not exist",
                        dir);
    }
    if (fct_backup_is_store(os, dir, ".")) {
        return fct_fail(err, FACTUM_NOT_FOUND,
                        "no backup at %s: it is a store itself; name the directory that factum "
                        "backup wrote",
                        dir);
    }
    return fct_fail(err, FACTUM_NOT_FOUND, "no backup at %s: it has no " FCT_BACKUP_MANIFEST_NAME,
                    dir);
}

/* ---- its members ----------------------------------------------------------------------------- */

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

static bool number_member(const struct fct_json *object, factum_slice name, uint64_t *to)
{
    struct fct_json value;
    int64_t number;
    if (!fct_json_member(object, name, &value) || fct_json_int64(&value, &number) != FACTUM_OK ||
        number < 0) {
        return false;
    }
    *to = (uint64_t)number;
    return true;
}

/* Only names that segments have, so that no path comes from the manifest. */
static bool parse_file(const struct fct_json *item, struct fct_backup_file *file)
{
    if (item->type != FCT_JSON_OBJECT ||
        !text_member(item, FCT_SLICE("name"), file->name, sizeof file->name) ||
        !text_member(item, FCT_SLICE("sha256"), file->sha256, sizeof file->sha256) ||
        !number_member(item, FCT_SLICE("size"), &file->size)) {
        return false;
    }
    file->number = fct_segment_number(file->name);
    return file->number != 0 && file->size > 0 &&
           strspn(file->sha256, "0123456789abcdef") == SHA256_DIGITS;
}

bool fct_backup_manifest_next(const struct fct_backup_manifest *manifest, size_t *offset,
                              struct fct_backup_file *file)
{
    struct fct_json item;
    return fct_json_item_next(&manifest->files, offset, &item) && parse_file(&item, file);
}

static factum_status check_files(const struct fct_backup_manifest *manifest, factum_error *err)
{
    size_t offset = 0;
    uint64_t count = 0;
    struct fct_json item;
    struct fct_backup_file file;
    while (fct_json_item_next(&manifest->files, &offset, &item)) {
        if (!parse_file(&item, &file) || file.number != ++count) {
            return manifest_bad(err, "it does not name segments 1, 2, ... with size and hash");
        }
    }
    return count == 0 ? manifest_bad(err, "it names no files") : FACTUM_OK;
}

static factum_status parse_timelines(struct fct_backup_manifest *manifest,
                                     const struct fct_json *object, factum_error *err)
{
    char text[FCT_TIMELINES_TEXT_SIZE];
    struct fct_json member;
    fct_timelines_first(&manifest->timelines, manifest->store_id);
    bool said = fct_json_member(object, FCT_SLICE("timelines"), &member); /* older ones do not */
    if (said &&
        (!text_member(object, FCT_SLICE("timelines"), text, sizeof text) ||
         !fct_timelines_parse(&manifest->timelines, factum_slice_from(text), manifest->store_id))) {
        return manifest_bad(err, "its timelines do not verify");
    }
    return FACTUM_OK;
}

static factum_status parse_manifest(struct fct_backup_manifest *manifest, factum_error *err)
{
    char id[FACTUM_UUID_TEXT_SIZE];
    uint64_t format;
    struct fct_json object;
    if (fct_json_parse(fct_buf_slice(&manifest->text), &object, NULL) != FACTUM_OK ||
        object.type != FCT_JSON_OBJECT) {
        return manifest_bad(err, "it is not a JSON object");
    }
    if (!number_member(&object, FCT_SLICE("format"), &format) || format == 0) {
        return manifest_bad(err, "it has no format");
    }
    if (format > FORMAT) {
        return fct_fail(err, FACTUM_NEWER_FORMAT,
                        "the backup has format %" PRIu64
                        ", and this version knows format 1: use the version that wrote it",
                        format);
    }
    if (!text_member(&object, FCT_SLICE("store_id"), id, sizeof id) ||
        factum_uuid_parse(factum_slice_from(id), &manifest->store_id) != FACTUM_OK) {
        return manifest_bad(err, "it has no store_id");
    }
    if (!number_member(&object, FCT_SLICE("end_position"), &manifest->end_position)) {
        return manifest_bad(err, "it has no end_position");
    }
    if (!fct_json_member(&object, FCT_SLICE("files"), &manifest->files) ||
        manifest->files.type != FCT_JSON_ARRAY) {
        return manifest_bad(err, "it has no files");
    }
    factum_status status = check_files(manifest, err);
    return status == FACTUM_OK ? parse_timelines(manifest, &object, err) : status;
}

factum_status fct_backup_manifest_read(struct fct_backup_manifest *manifest,
                                       const struct fct_os *os, const struct fct_mem *mem,
                                       const char *dir, factum_error *err)
{
    char path[FCT_PATH_SIZE];
    *manifest = (struct fct_backup_manifest){.end_position = 0};
    fct_buf_init(&manifest->text, mem, FCT_BACKUP_MANIFEST_SIZE_MAX);
    factum_status status = fct_path_join(path, dir, FCT_BACKUP_MANIFEST_NAME, err);
    factum_error reason = {.status = FACTUM_OK};
    if (status == FACTUM_OK) {
        status = read_text(os, path, &manifest->text, &reason);
        if (status != FACTUM_OK && err != NULL) {
            *err = reason;
        }
    }
    if (status == FACTUM_NOT_FOUND || reason.os_error == ENOTDIR) {
        return say_no_backup(os, dir, err);
    }
    return status == FACTUM_OK ? parse_manifest(manifest, err) : status;
}

void fct_backup_manifest_finish(struct fct_backup_manifest *manifest)
{
    fct_buf_finish(&manifest->text);
}
