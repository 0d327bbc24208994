/* backup_manifest.c - reads and checks factum-backup.json. Layer: engine_local.
 *
 *   {"format":1,"store_id":"...","end_position":N,"timelines":"...",
 *    "files":[{"name":"...","size":N,"sha256":"..."},...]}
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
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
    factum_error ignored;
    struct fct_file *file;
    uint64_t size = 0;
    FCT_ASSERT(text->len == 0);
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
    (void)fct_file_close(&file, &ignored);
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
    factum_error ignored;
    char dir[FCT_PATH_SIZE];
    char inside[FCT_PATH_SIZE];
    struct fct_file *lock = NULL;
    if (fct_path_join(dir, path, below, &ignored) != FACTUM_OK ||
        fct_path_join(inside, dir, "log", &ignored) != FACTUM_OK ||
        fct_os_list_dir(os, inside, ignore_entry, NULL, &ignored) != FACTUM_OK ||
        fct_path_join(inside, dir, "LOCK", &ignored) != FACTUM_OK) {
        return false;
    }
    factum_status status = fct_file_open(os, inside, FCT_OPEN_READ, &lock, &ignored);
    if (status == FACTUM_OK) {
        status = fct_file_close(&lock, &ignored);
    }
    return status != FACTUM_NOT_FOUND;
}

static factum_status fail_no_backup(const struct fct_os *os, const char *dir, factum_error *err)
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

static bool text_member(const factum_json *json, uint32_t object, const char *name, char *to,
                        size_t size)
{
    uint32_t value = factum_json_find(json, object, factum_slice_from(name));
    size_t len;
    if (value == FACTUM_JSON_NONE ||
        factum_json_unescape(json, value, to, size - 1, &len) != FACTUM_OK) {
        return false;
    }
    FCT_ASSERT(len < size);
    to[len] = '\0';
    return strlen(to) == len; /* false: it has a zero byte */
}

static bool number_member(const factum_json *json, uint32_t object, const char *name, uint64_t *to)
{
    uint32_t value = factum_json_find(json, object, factum_slice_from(name));
    int64_t number;
    if (value == FACTUM_JSON_NONE || factum_json_to_int64(json, value, &number) != FACTUM_OK ||
        number < 0) {
        return false;
    }
    *to = (uint64_t)number;
    return true;
}

/* Takes only names that segments have, so that no path comes from the manifest. */
static bool parse_file(const factum_json *json, uint32_t item, struct fct_backup_file *file)
{
    if (!text_member(json, item, "name", file->name, sizeof file->name) ||
        !text_member(json, item, "sha256", file->sha256, sizeof file->sha256) ||
        !number_member(json, item, "size", &file->size)) {
        return false;
    }
    file->number = fct_segment_number(file->name);
    return file->number != 0 && file->size > 0 &&
           strspn(file->sha256, "0123456789abcdef") == SHA256_DIGITS;
}

bool fct_backup_manifest_next(const struct fct_backup_manifest *manifest, uint32_t *at,
                              struct fct_backup_file *file)
{
    const factum_json *json = &manifest->doc.json;
    FCT_ASSERT(manifest->text.len > 0); /* it was read */
    if (*at == FACTUM_JSON_NONE) {
        return false;
    }
    *at = *at == 0 ? factum_json_first(json, manifest->files)
                   : factum_json_next(json, manifest->files, *at);
    return *at != FACTUM_JSON_NONE && parse_file(json, *at, file);
}

static factum_status check_files(const struct fct_backup_manifest *manifest, factum_error *err)
{
    const factum_json *json = &manifest->doc.json;
    uint64_t count = 0;
    struct fct_backup_file file;
    for (uint32_t item = factum_json_first(json, manifest->files); item != FACTUM_JSON_NONE;
         item = factum_json_next(json, manifest->files, item)) {
        if (!parse_file(json, item, &file) || file.number != ++count) {
            return manifest_bad(err, "it does not name segments 1, 2, ... with size and hash");
        }
    }
    return count == 0 ? manifest_bad(err, "it names no files") : FACTUM_OK;
}

static factum_status parse_timelines(struct fct_backup_manifest *manifest, factum_error *err)
{
    const factum_json *json = &manifest->doc.json;
    char text[FCT_TIMELINES_TEXT_SIZE];
    fct_timelines_first(&manifest->timelines, manifest->store_id);
    /* Older manifests have no timelines. */
    bool present =
        factum_json_find(json, FACTUM_JSON_ROOT, FCT_SLICE("timelines")) != FACTUM_JSON_NONE;
    if (present &&
        (!text_member(json, FACTUM_JSON_ROOT, "timelines", text, sizeof text) ||
         !fct_timelines_parse(&manifest->timelines, factum_slice_from(text), manifest->store_id))) {
        return manifest_bad(err, "its timelines do not verify");
    }
    FCT_ASSERT(manifest->timelines.count > 0);
    return FACTUM_OK;
}

static factum_status parse_manifest(struct fct_backup_manifest *manifest, factum_error *err)
{
    static const struct fct_json_extent extent = {.depth_max = FCT_JSON_DEPTH_MAX};
    struct fct_json_fault fault;
    char id[FACTUM_UUID_TEXT_SIZE];
    uint64_t format;
    const factum_json *json = &manifest->doc.json;
    factum_status status =
        fct_json_doc_read(&manifest->doc, fct_buf_slice(&manifest->text), extent, &fault);
    if (status == FACTUM_NO_MEMORY) {
        return fct_fail(err, status, "a manifest of %zu bytes: out of memory", manifest->text.len);
    }
    if (status != FACTUM_OK || factum_json_kind_of(json, FACTUM_JSON_ROOT) != FACTUM_JSON_OBJECT) {
        return manifest_bad(err, "it is not a JSON object");
    }
    if (!number_member(json, FACTUM_JSON_ROOT, "format", &format) || format == 0) {
        return manifest_bad(err, "it has no format");
    }
    if (format > FORMAT) {
        return fct_fail(err, FACTUM_NEWER_FORMAT,
                        "the backup has format %" PRIu64
                        ", and this version knows format 1: use the version that wrote it",
                        format);
    }
    if (!text_member(json, FACTUM_JSON_ROOT, "store_id", id, sizeof id) ||
        factum_uuid_parse(factum_slice_from(id), &manifest->store_id) != FACTUM_OK) {
        return manifest_bad(err, "it has no store_id");
    }
    if (!number_member(json, FACTUM_JSON_ROOT, "end_position", &manifest->end_position)) {
        return manifest_bad(err, "it has no end_position");
    }
    manifest->files = factum_json_find(json, FACTUM_JSON_ROOT, FCT_SLICE("files"));
    if (manifest->files == FACTUM_JSON_NONE ||
        factum_json_kind_of(json, manifest->files) != FACTUM_JSON_ARRAY) {
        return manifest_bad(err, "it has no files");
    }
    status = check_files(manifest, err);
    return status == FACTUM_OK ? parse_timelines(manifest, err) : status;
}

factum_status fct_backup_manifest_read(struct fct_backup_manifest *manifest,
                                       const struct fct_os *os, const struct fct_mem *mem,
                                       const char *dir, factum_error *err)
{
    char path[FCT_PATH_SIZE];
    *manifest = (struct fct_backup_manifest){.end_position = 0};
    fct_buf_init(&manifest->text, mem, FCT_BACKUP_MANIFEST_SIZE_MAX);
    fct_json_doc_init(&manifest->doc, mem);
    factum_status status = fct_path_join(path, dir, FCT_BACKUP_MANIFEST_NAME, err);
    factum_error reason = {.status = FACTUM_OK};
    if (status == FACTUM_OK) {
        status = read_text(os, path, &manifest->text, &reason);
        if (status != FACTUM_OK) {
            *err = reason;
        }
    }
    if (status == FACTUM_NOT_FOUND || reason.os_error == ENOTDIR) {
        return fail_no_backup(os, dir, err);
    }
    return status == FACTUM_OK ? parse_manifest(manifest, err) : status;
}

void fct_backup_manifest_finish(struct fct_backup_manifest *manifest)
{
    fct_buf_finish(&manifest->text);
    fct_json_doc_finish(&manifest->doc);
}
