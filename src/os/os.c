/* os.c - helpers over the vtable: whole reads and writes, paths, small files. Layer: os. */
#include "os/os.h"

#include <stdio.h>
#include <string.h>

#include "core/error.h"

factum_status fct_file_open(const struct fct_os *os, const char *path, int flags,
                            struct fct_file **file, factum_error *err)
{
    *file = NULL;
    return os->ops->open(os, path, flags, file, err);
}

factum_status fct_file_close(struct fct_file **file, factum_error *err)
{
    struct fct_file *taken = *file;
    *file = NULL;
    return taken == NULL ? FACTUM_OK : taken->os->ops->close(taken, err);
}

factum_status fct_file_read(struct fct_file *file, uint64_t offset, void *bytes, size_t len,
                            factum_error *err)
{
    uint8_t *to = bytes;
    while (len > 0) {
        size_t done = 0;
        factum_status status = file->os->ops->read(file, offset, to, len, &done, err);
        if (status == FACTUM_IO) {
            status = file->os->ops->read_alone(file, offset, to, len, &done, err);
        }
        if (status != FACTUM_OK) {
            return status;
        }
        if (done == 0) {
            return fct_fail(err, FACTUM_CORRUPT, "the file is shorter than it should be");
        }
        to += done;
        offset += done;
        len -= done;
    }
    return FACTUM_OK;
}

factum_status fct_file_write(struct fct_file *file, uint64_t offset, const void *bytes, size_t len,
                             factum_error *err)
{
    const uint8_t *from = bytes;
    while (len > 0) {
        size_t done = 0;
        factum_status status = file->os->ops->write(file, offset, from, len, &done, err);
        if (status != FACTUM_OK) {
            return status;
        }
        if (done == 0) {
            return fct_fail(err, FACTUM_IO, "a write made no progress");
        }
        from += done;
        offset += done;
        len -= done;
    }
    return FACTUM_OK;
}

void fct_file_start_sync(struct fct_file *file, uint64_t offset, uint64_t len)
{
    file->os->ops->start_sync(file, offset, len);
}

factum_status fct_file_sync(struct fct_file *file, factum_error *err)
{
    return file->os->ops->sync(file, err);
}

factum_status fct_file_truncate(struct fct_file *file, uint64_t size, factum_error *err)
{
    return file->os->ops->truncate(file, size, err);
}

factum_status fct_file_size(struct fct_file *file, uint64_t *size, factum_error *err)
{
    return file->os->ops->size(file, size, err);
}

factum_status fct_file_map(struct fct_file *file, uint64_t size, const uint8_t **map,
                           factum_error *err)
{
    return file->os->ops->map(file, size, map, err);
}

factum_status fct_file_populate_alone(struct fct_file *file, const struct fct_map_part *part,
                                      factum_error *err)
{
    return file->os->ops->populate_alone(file, part, err);
}

factum_status fct_file_drop_cache(struct fct_file *file, uint64_t offset, uint64_t end,
                                  factum_error *err)
{
    return file->os->ops->drop_cache(file, offset, end, err);
}

factum_status fct_file_lock(struct fct_file *file, factum_error *err)
{
    return file->os->ops->lock(file, err);
}

void fct_os_unmap(const struct fct_os *os, const uint8_t *map, uint64_t size)
{
    os->ops->unmap(os, map, size);
}

factum_status fct_os_populate(const struct fct_os *os, const uint8_t *from, uint64_t size,
                              factum_error *err)
{
    return os->ops->populate(os, from, size, err);
}

void fct_os_release(const struct fct_os *os, const uint8_t *map, uint64_t size)
{
    os->ops->release(os, map, size);
}

factum_status fct_os_rename(const struct fct_os *os, const char *from, const char *to,
                            factum_error *err)
{
    return os->ops->rename(os, from, to, err);
}

factum_status fct_os_move(const struct fct_os *os, const char *from, const char *to,
                          factum_error *err)
{
    return os->ops->move(os, from, to, err);
}

factum_status fct_os_unlink(const struct fct_os *os, const char *path, factum_error *err)
{
    return os->ops->unlink(os, path, err);
}

factum_status fct_os_make_dir(const struct fct_os *os, const char *path, factum_error *err)
{
    factum_status status = os->ops->make_dir(os, path, err);
    return status == FACTUM_EXISTS ? FACTUM_OK : status;
}

factum_status fct_os_make_dir_synced(const struct fct_os *os, const char *path, factum_error *err)
{
    char parent[FCT_PATH_SIZE];
    size_t length = strlen(path);
    if (length >= sizeof parent) {
        return fct_fail(err, FACTUM_TOO_BIG, "the path of the directory is too long");
    }
    memcpy(parent, path, length + 1);
    while (length > 1 && parent[length - 1] == '/') {
        parent[--length] = '\0';
    }
    char *slash = strrchr(parent, '/');
    if (slash == NULL) {
        memcpy(parent, ".", 2);
    } else {
        slash[slash == parent ? 1 : 0] = '\0';
    }
    factum_status status = fct_os_make_dir(os, path, err);
    return status == FACTUM_OK ? fct_os_sync_dir(os, parent, err) : status;
}

factum_status fct_os_remove_dir(const struct fct_os *os, const char *path, factum_error *err)
{
    return os->ops->remove_dir(os, path, err);
}

factum_status fct_os_sync_dir(const struct fct_os *os, const char *path, factum_error *err)
{
    return os->ops->sync_dir(os, path, err);
}

factum_status fct_os_list_dir(const struct fct_os *os, const char *path,
                              factum_status (*each)(void *data, const char *name), void *data,
                              factum_error *err)
{
    return os->ops->list_dir(os, path, each, data, err);
}

int64_t fct_os_time(const struct fct_os *os)
{
    return os->ops->time_now(os);
}

uint64_t fct_os_monotonic(const struct fct_os *os)
{
    return os->ops->monotonic_now(os);
}

int64_t fct_monotonic_ms(void)
{
    return (int64_t)(fct_os_monotonic(fct_os_real()) / 1000000u);
}

factum_status fct_os_random(const struct fct_os *os, void *bytes, size_t len, factum_error *err)
{
    return os->ops->random(os, bytes, len, err);
}

static factum_status note_any(void *data, const char *name)
{
    bool *any = data;
    (void)name;
    *any = true;
    return FACTUM_OK;
}

factum_status fct_os_dir_has_entries(const struct fct_os *os, const char *path, bool *any,
                                     factum_error *err)
{
    *any = false;
    return fct_os_list_dir(os, path, note_any, any, err);
}

factum_status fct_path_join(char path[FCT_PATH_SIZE], const char *dir, const char *name,
                            factum_error *err)
{
    int len = snprintf(path, FCT_PATH_SIZE, "%s/%s", dir, name);
    if (len < 0 || len >= FCT_PATH_SIZE) {
        return fct_fail(err, FACTUM_TOO_BIG, "the path is too long: %s", name);
    }
    return FACTUM_OK;
}

factum_status fct_file_open_in(const struct fct_os *os, const char *dir, const char *name,
                               int flags, struct fct_file **file, factum_error *err)
{
    char path[FCT_PATH_SIZE];
    factum_status status = fct_path_join(path, dir, name, err);
    return status == FACTUM_OK ? fct_file_open(os, path, flags, file, err) : status;
}

factum_status fct_os_unlink_in(const struct fct_os *os, const char *dir, const char *name,
                               factum_error *err)
{
    char path[FCT_PATH_SIZE];
    factum_status status = fct_path_join(path, dir, name, err);
    return status == FACTUM_OK ? fct_os_unlink(os, path, err) : status;
}

factum_status fct_file_recreate(const struct fct_os *os, const char *path, struct fct_file **file,
                                factum_error *err)
{
    factum_status status = fct_os_unlink(os, path, err);
    if (status != FACTUM_OK && status != FACTUM_NOT_FOUND) {
        return status;
    }
    return fct_file_open(os, path, FCT_OPEN_WRITE | FCT_OPEN_CREATE | FCT_OPEN_EXCLUSIVE, file,
                         err);
}

factum_status fct_file_replace(const struct fct_os *os, const char *dir, const char *name,
                               factum_slice contents, factum_error *err)
{
    factum_error ignored;
    char path[FCT_PATH_SIZE];
    char temporary[FCT_PATH_SIZE + 8];
    factum_status status = fct_path_join(path, dir, name, err);
    if (status != FACTUM_OK) {
        return status;
    }
    (void)snprintf(temporary, sizeof temporary, "%s.tmp", path);
    struct fct_file *file;
    status = fct_file_recreate(os, temporary, &file, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_file_write(file, 0, contents.ptr, contents.len, err);
    if (status == FACTUM_OK) {
        status = fct_file_sync(file, err);
    }
    factum_status closed = fct_file_close(&file, status == FACTUM_OK ? err : &ignored);
    status = status == FACTUM_OK ? closed : status;
    if (status == FACTUM_OK) {
        status = fct_os_rename(os, temporary, path, err);
    }
    if (status != FACTUM_OK) {
        factum_status removed = fct_os_unlink(os, temporary, &ignored);
        (void)removed; /* gives the space back; the next call removes the file in any case */
        return status;
    }
    return fct_os_sync_dir(os, dir, err);
}
