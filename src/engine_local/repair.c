/* repair.c - mending a store that is closed. Layer: engine_local. See factum_repair. */
#include <string.h>

#include "core/error.h"
#include "engine_local/local_int.h"

/* What is to be repaired: a store's directory, its parts, and what the index proves. */
struct repair {
    const struct fct_os *os;
    const struct fct_mem *mem;
    const char *path;
    char log_dir[FCT_PATH_SIZE];
    char index_dir[FCT_PATH_SIZE];
    factum_uuid index_store;
    struct fct_index_mark index_mark;
};

/* Before anything is touched: is there a store? */
static factum_status find_store(struct repair *repair, factum_error *err)
{
    bool any = false;
    factum_status status = fct_path_join(repair->log_dir, repair->path, "log", err);
    if (status == FACTUM_OK) {
        status = fct_path_join(repair->index_dir, repair->path, "index", err);
    }
    if (status == FACTUM_OK) {
        status = fct_os_dir_has_entries(repair->os, repair->log_dir, &any, err);
    }
    if (status == FACTUM_NOT_FOUND || (status == FACTUM_OK && !any)) {
        return fct_fail(err, FACTUM_NOT_FOUND, "no store at %s", repair->path);
    }
    return status == FACTUM_OK
               ? fct_local_index_mark(repair->os, repair->index_dir, &repair->index_store,
                                      &repair->index_mark, err)
               : status;
}

static struct fct_log_options log_options(const struct repair *repair)
{
    const struct fct_index_mark *mark = &repair->index_mark;
    return (struct fct_log_options){
        .os = repair->os,
        .mem = repair->mem,
        .dir = repair->log_dir,
        .mark = {mark->position, mark->batch_number, mark->chain},
        .mark_store_id = repair->index_store,
    };
}

static factum_status forget_index(void *data, factum_error *err)
{
    const struct repair *repair = data;
    return fct_index_remove(repair->os, repair->index_dir, err);
}

/* The index is evidence of what was acknowledged: it goes only when the log needs no such. */
static factum_status drop_index(const struct repair *repair, factum_error *err)
{
    struct fct_log *log;
    struct fct_log_options options = log_options(repair);
    options.read_only = true;
    factum_status status = fct_log_open(&log, &options, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (fct_log_state(log) == FCT_LOG_DAMAGED) {
        status = fct_fail(err, FACTUM_CORRUPT, "the index is kept, as evidence: %s",
                          fct_log_state_reason(log));
    }
    factum_status closed = fct_log_close(log, status == FACTUM_OK ? err : NULL);
    status = status == FACTUM_OK ? closed : status;
    return status == FACTUM_OK ? fct_index_remove(repair->os, repair->index_dir, err) : status;
}

factum_status fct_engine_local_repair(const struct fct_os *os, const struct fct_mem *mem,
                                      const char *path, const factum_repair_options *options,
                                      const factum_progress *progress, factum_error *err)
{
    char lock_path[FCT_PATH_SIZE];
    struct fct_file *lock = NULL;
    struct repair repair = {.os = os, .mem = mem, .path = path};
    (void)progress;
    factum_status status = find_store(&repair, err);
    if (status == FACTUM_OK) {
        status = fct_path_join(lock_path, path, "LOCK", err);
    }
    if (status == FACTUM_OK) {
        status = fct_file_open(os, lock_path, FCT_OPEN_WRITE | FCT_OPEN_CREATE, &lock, err);
    }
    if (status == FACTUM_OK) {
        status = fct_local_lock(lock, path, err);
    }
    if (status == FACTUM_OK && options->accept_loss) {
        struct fct_log_options log = log_options(&repair);
        status = fct_log_accept_loss(&log, options->accept_loss_from, forget_index, &repair, err);
    }
    if (status == FACTUM_OK && options->rebuild_index) {
        repair.index_mark.position = options->accept_loss ? 0 : repair.index_mark.position;
        status = drop_index(&repair, err);
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
