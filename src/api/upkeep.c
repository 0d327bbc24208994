/* upkeep.c - long tasks on whole stores: verify, backup, restore, repair. Layer: api.
 *
 * Reports and options are read and written in the sizes that the caller was compiled with.
 */
#include "api/scheme.h"
#include "api/store_int.h"
#include "core/error.h"
#include "core/sized.h"
#include "engine/deliver.h"
#include "engine_local/local.h"

/* INVALID if |report| is given but too small. It may be NULL. */
static factum_status check_report(const void *report, const char *what, factum_error *err)
{
    return report == NULL ? FACTUM_OK : fct_sized_check(report, what, err);
}

static factum_status check_progress(const factum_progress *progress, factum_error *err)
{
    return fct_api_need(progress == NULL || progress->step != NULL, "progress: step is NULL", err);
}

factum_status factum_verify(factum_store *store, const factum_progress *progress,
                            factum_verify_report *report, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_verify_report full = {.size = sizeof full};
    if (store == NULL) {
        return fct_api_need(false, "verify: a store is needed", err);
    }
    factum_status status = fct_callback_refuse("verify", err);
    if (status == FACTUM_OK) {
        status = check_report(report, "verify: the report", err);
    }
    if (status == FACTUM_OK) {
        status = check_progress(progress, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    const struct fct_upkeep_ops *upkeep = store->engine.ops->upkeep;
    if (upkeep == NULL || upkeep->verify == NULL) {
        return fct_fail(err, FACTUM_UNSUPPORTED, "this store cannot be verified");
    }
    status = upkeep->verify(store->engine.self, progress, &full, err);
    if (report != NULL && (status == FACTUM_OK || status == FACTUM_CORRUPT)) {
        fct_sized_write(report, &full, sizeof full);
    }
    return status;
}

factum_status factum_backup(factum_store *store, const char *to, const factum_progress *progress,
                            factum_backup_report *report, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_backup_report full = {.size = sizeof full};
    if (store == NULL || to == NULL) {
        return fct_api_need(false, "backup: a store and a directory are needed", err);
    }
    factum_status status = fct_callback_refuse("backup", err);
    if (status == FACTUM_OK) {
        status = check_report(report, "backup: the report", err);
    }
    if (status == FACTUM_OK) {
        status = check_progress(progress, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    const struct fct_upkeep_ops *upkeep = store->engine.ops->upkeep;
    if (upkeep == NULL || upkeep->backup == NULL) {
        return fct_fail(err, FACTUM_UNSUPPORTED, "this store cannot be backed up");
    }
    status = upkeep->backup(store->engine.self, to, progress, &full, err);
    if (report != NULL && status == FACTUM_OK) {
        fct_sized_write(report, &full, sizeof full);
    }
    return status;
}

factum_status factum_backup_verify(const char *from, const factum_log_sink *log,
                                   const factum_progress *progress,
                                   factum_backup_verify_report *report, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_backup_verify_report full = {.size = sizeof full};
    if (from == NULL) {
        return fct_api_need(false, "verify a backup: a directory is needed", err);
    }
    factum_status status = check_report(report, "verify a backup: the report", err);
    if (status == FACTUM_OK) {
        status = fct_api_need(log == NULL || log->write != NULL,
                              "verify a backup: the log sink has no function to write", err);
    }
    if (status == FACTUM_OK) {
        status = check_progress(progress, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_engine_local_backup_verify(fct_os_real(), fct_mem_heap(), from, log, progress,
                                            &full, err);
    if (report != NULL && (status == FACTUM_OK || status == FACTUM_CORRUPT)) {
        fct_sized_write(report, &full, sizeof full);
    }
    return status;
}

factum_status factum_restore(const char *from, const char *to, const factum_progress *progress,
                             factum_backup_report *report, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_backup_report full = {.size = sizeof full};
    if (from == NULL || to == NULL) {
        return fct_api_need(false, "restore: two directories are needed", err);
    }
    factum_status status = check_report(report, "restore: the report", err);
    if (status == FACTUM_OK) {
        status = check_progress(progress, err);
    }
    if (status == FACTUM_OK) {
        status = fct_api_refuse_address(from, "restore", err);
    }
    if (status == FACTUM_OK) {
        status = fct_api_refuse_address(to, "restore", err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status =
        fct_engine_local_restore(fct_os_real(), fct_mem_heap(), from, to, progress, &full, err);
    if (report != NULL && status == FACTUM_OK) {
        fct_sized_write(report, &full, sizeof full);
    }
    return status;
}

factum_status factum_repair(const char *path, const factum_repair_options *options,
                            const factum_progress *progress, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_repair_options full;
    if (path == NULL) {
        return fct_api_need(false, "repair: a path is needed", err);
    }
    factum_status status =
        fct_sized_read(&full, sizeof full, options, "repair: the options struct", err);
    if (status == FACTUM_OK) {
        status = check_progress(progress, err);
    }
    if (status == FACTUM_OK) {
        status = fct_api_refuse_address(path, "repair", err);
    }
    return status == FACTUM_OK
               ? fct_engine_local_repair(fct_os_real(), fct_mem_heap(), path, &full, progress, err)
               : status;
}
