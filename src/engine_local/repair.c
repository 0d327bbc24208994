/* repair.c - repairs a closed store: see factum_repair. Layer: engine_local. */
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "engine_local/local_int.h"

/* A store that is being repaired. */
struct repair {
    const struct fct_os *os;
    const struct fct_mem *mem;
    const char *path;
    const factum_progress *progress; /* of the check of the log; or NULL */
    char log_dir[FCT_PATH_SIZE];
    char index_dir[FCT_PATH_SIZE];
    factum_uuid index_store;
    struct fct_index_point index_point;
    factum_uuid store_id;      /* of the log; for a loss */
    uint64_t accept_loss_from; /* for a loss */
};

/* find_store has looked for the store. */
static void repair_check(const struct repair *repair)
{
    FCT_ASSERT(repair->os != NULL);
    FCT_ASSERT(repair->mem != NULL);
    FCT_ASSERT(repair->log_dir[0] != '\0');
    FCT_ASSERT(repair->index_dir[0] != '\0');
}

/* Looks for a store, before anything is changed. Errors: NOT_FOUND. */
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
               ? fct_local_index_point(repair->os, repair->index_dir, &repair->index_store,
                                       &repair->index_point, err)
               : status;
}

static struct fct_log_options log_options(const struct repair *repair)
{
    const struct fct_index_point *point = &repair->index_point;
    return (struct fct_log_options){
        .os = repair->os,
        .mem = repair->mem,
        .dir = repair->log_dir,
        .proof = {point->position, point->batch_number, point->chain},
        .proof_store_id = repair->index_store,
    };
}

static factum_status load_store_id(struct repair *repair, factum_error *err)
{
    struct fct_log *log;
    struct fct_log_options options = log_options(repair);
    options.read_only = true;
    repair_check(repair);
    factum_status status = fct_log_open(&log, &options, err);
    if (status != FACTUM_OK) {
        return status;
    }
    repair->store_id = fct_log_store_id(log);
    return fct_log_close(log, err);
}

/* Called when the log has noted the loss: makes tokens and postings of the lost events invalid. A
 * repair that is interrupted here is run again, and forks at the same place. */
static factum_status forget_lost(void *data, factum_error *err)
{
    const struct repair *repair = data;
    struct fct_timelines timelines;
    bool damaged; /* makes no difference: the loss begins a new timeline */
    repair_check(repair);
    factum_status status = fct_timelines_load(&timelines, repair->os, repair->log_dir,
                                              repair->store_id, &damaged, err);
    if (status == FACTUM_OK) {
        status = fct_timelines_fork(&timelines, repair->os, repair->log_dir, repair->store_id,
                                    repair->accept_loss_from, err);
    }
    return status == FACTUM_OK ? fct_index_remove(repair->os, repair->index_dir, err) : status;
}

static factum_status accept_loss(struct repair *repair, uint64_t from, factum_error *err)
{
    struct fct_log_options log = log_options(repair);
    repair_check(repair);
    repair->accept_loss_from = from;
    factum_status status = load_store_id(repair, err);
    return status == FACTUM_OK ? fct_log_accept_loss(&log, from, forget_lost, repair, err) : status;
}

/* The index is also evidence for recovery: it is deleted only if every byte of the log verifies.
 * The index of another history is not evidence: then the log has to verify without it. */
static factum_status drop_index(const struct repair *repair, factum_error *err)
{
    factum_error ignored;
    struct fct_log *log;
    struct fct_log_verify_report report = {.bad_from = UINT64_MAX};
    factum_error reason;
    struct fct_log_options options = log_options(repair);
    options.read_only = true;
    repair_check(repair);
    factum_status status = fct_log_open(&log, &options, &reason);
    if (status == FACTUM_CORRUPT) {
        options.proof = (struct fct_log_point){.position = 0};
        status = fct_log_open(&log, &options, &reason);
    }
    if (status == FACTUM_OK) {
        struct fct_log_visitor watch = {.data = NULL};
        if (repair->progress != NULL) {
            watch.data = repair->progress->data;
            watch.progress = repair->progress->step;
        }
        status = fct_log_verify(log, &watch, &report, &reason);
    } else {
        log = NULL;
    }
    if (status == FACTUM_CORRUPT && log != NULL) {
        status = fct_fail(err, FACTUM_CORRUPT, "the index is kept, as evidence: %s", reason.text);
    } else if (status == FACTUM_CANCELLED) {
        status = fct_fail(err, status, "repair was stopped: nothing is changed");
    } else if (status != FACTUM_OK) {
        *err = reason;
    }
    factum_status closed = fct_log_close(log, status == FACTUM_OK ? err : &ignored);
    FCT_ASSERT(status != FACTUM_OK || report.bad_from == UINT64_MAX);
    status = status == FACTUM_OK ? closed : status;
    return status == FACTUM_OK ? fct_index_remove(repair->os, repair->index_dir, err) : status;
}

factum_status fct_engine_local_repair(const struct fct_os *os, const struct fct_mem *mem,
                                      const char *path, const factum_repair_options *options,
                                      const factum_progress *progress, factum_error *err)
{
    factum_error ignored;
    struct fct_store_dir dir = {.lock = NULL};
    struct repair repair = {.os = os, .mem = mem, .path = path, .progress = progress};
    factum_status status = find_store(&repair, err);
    if (status == FACTUM_OK) {
        status = fct_store_dir_open(&dir, os, path, true, err);
        repair.os = &dir.dir.os;
    }
    if (status == FACTUM_OK && options->accept_loss) {
        status = accept_loss(&repair, options->accept_loss_from, err);
    }
    /* accept_loss has deleted the index already. */
    if (status == FACTUM_OK && options->rebuild_index && !options->accept_loss) {
        status = drop_index(&repair, err);
    }
    factum_status closed = fct_store_dir_close(&dir, status == FACTUM_OK ? err : &ignored);
    status = status == FACTUM_OK ? closed : status;
    if (status != FACTUM_OK) {
        return status;
    }
    /* Opening rebuilds the index, and closing writes it out. */
    struct fct_engine engine;
    struct fct_local_options open_options = {
        .os = os, .mem = mem, .path = path, .must_exist = true, .threads = true};
    status = fct_engine_local_open(&engine, &open_options, err);
    return status == FACTUM_OK ? fct_engine_close(&engine, err) : status;
}
