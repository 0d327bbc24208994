/* repair.c - mending a store that is closed. Layer: engine_local. See factum_repair. */
#include <string.h>

#include "core/error.h"
#include "engine_local/local_int.h"

struct removal {
    const struct fct_os *os;
    const char *dir;
    factum_error *err;
};

static factum_status remove_one(void *data, const char *name)
{
    struct removal *removal = data;
    char path[FCT_PATH_SIZE];
    factum_status status = fct_path_join(path, removal->dir, name, removal->err);
    return status == FACTUM_OK ? fct_os_unlink(removal->os, path, removal->err) : status;
}

static factum_status remove_index(const struct fct_os *os, const char *path, factum_error *err)
{
    char dir[FCT_PATH_SIZE];
    factum_status status = fct_path_join(dir, path, "index", err);
    if (status != FACTUM_OK) {
        return status;
    }
    struct removal removal = {os, dir, err};
    status = fct_os_list_dir(os, dir, remove_one, &removal, err);
    if (status == FACTUM_NOT_FOUND) {
        return FACTUM_OK;
    }
    return status == FACTUM_OK ? fct_os_sync_dir(os, dir, err) : status;
}

static factum_status accept_loss(const struct fct_os *os, const struct fct_mem *mem,
                                 const char *path, uint64_t from, factum_error *err)
{
    char dir[FCT_PATH_SIZE];
    factum_status status = fct_path_join(dir, path, "log", err);
    struct fct_log_options options = {.os = os, .mem = mem, .dir = dir};
    /* The index names what is to be given up: it goes first, or it would testify against the cut.
     */
    if (status == FACTUM_OK) {
        status = remove_index(os, path, err);
    }
    return status == FACTUM_OK ? fct_log_accept_loss(&options, from, err) : status;
}

factum_status fct_engine_local_repair(const struct fct_os *os, const struct fct_mem *mem,
                                      const char *path, const factum_repair_options *options,
                                      const factum_progress *progress, factum_error *err)
{
    char lock_path[FCT_PATH_SIZE];
    struct fct_file *lock = NULL;
    (void)progress;
    factum_status status = fct_path_join(lock_path, path, "LOCK", err);
    if (status == FACTUM_OK) {
        status = fct_file_open(os, lock_path, FCT_OPEN_WRITE | FCT_OPEN_CREATE, &lock, err);
    }
    if (status == FACTUM_NOT_FOUND) {
        return fct_fail(err, status, "no store at %s", path);
    }
    if (status == FACTUM_OK) {
        status = fct_file_lock(lock, err);
    }
    if (status == FACTUM_OK && options->accept_loss) {
        status = accept_loss(os, mem, path, options->accept_loss_from, err);
    }
    if (status == FACTUM_OK && options->rebuild_index) {
        status = remove_index(os, path, err);
    }
    factum_status closed = fct_file_close(&lock, status == FACTUM_OK ? err : NULL);
    status = status == FACTUM_OK ? closed : status;
    if (status != FACTUM_OK) {
        return status;
    }
    /* Opening makes the index anew, and closing keeps it. */
    struct fct_engine engine;
    struct fct_local_options open_options = {
        .os = os, .mem = mem, .path = path, .must_exist = true, .threads = true};
    status = fct_engine_local_open(&engine, &open_options, err);
    return status == FACTUM_OK ? engine.ops->close(engine.self, err) : status;
}
