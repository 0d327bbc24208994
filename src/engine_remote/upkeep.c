/* upkeep.c - verify and backup at the server, with their progress. Layer: engine_remote. The
 * caller's thread, which waits. */
#include "core/error.h"
#include "core/slice.h"
#include "engine_remote/remote_int.h"
#include "wire/store_upkeep.h"

struct upkeep {
    struct inflow inflow;
    factum_status (*decode)(factum_slice message, struct fct_store_upkept *upkept,
                            factum_error *err);
    const factum_progress *progress;
    bool reported;
    struct fct_store_upkept upkept; /* the last one that has a report */
};

static void upkeep_free(struct inflow *inflow)
{
    fct_mem_free(inflow->distant->mem, FCT_CONTAINER_OF(inflow, struct upkeep, inflow));
}

/* Unlike a read it is not started again after a lost connection: it may have had an effect. */
static factum_status upkeep_step(struct upkeep *upkeep, factum_error *err)
{
    factum_slice message;
    struct fct_store_upkept upkept = {.verify.size = sizeof upkept.verify,
                                      .backup.size = sizeof upkept.backup};
    bool lost = false;
    factum_status status = fct_inflow_next(&upkeep->inflow, &message, &lost, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = upkeep->decode(message, &upkept, err);
    if (status == FACTUM_OK && upkept.has_report) {
        upkeep->upkept = upkept;
        upkeep->reported = true;
    }
    const factum_progress *progress = upkeep->progress;
    if (status == FACTUM_OK && progress != NULL &&
        !progress->step(progress->data, upkept.done, upkept.total)) {
        status = fct_fail(err, FACTUM_CANCELLED, "%s: it was stopped", upkeep->inflow.what);
    }
    return status;
}

/* Runs to the end: OK (with a report), or a failure. */
static factum_status upkeep_run(struct upkeep *upkeep, factum_error *err)
{
    factum_status status;
    fct_inflow_start(&upkeep->inflow);
    do {
        status = upkeep_step(upkeep, err);
        if (status == FACTUM_PENDING) {
            fct_inflow_await(&upkeep->inflow);
        }
    } while (status == FACTUM_OK || status == FACTUM_PENDING);
    if (status == FACTUM_DONE && !upkeep->reported) {
        return fct_fail(err, FACTUM_IO, "%s: the server gave no report", upkeep->inflow.what);
    }
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

static struct upkeep *upkeep_create(struct distant *distant, factum_slice path, const char *what,
                                    const factum_progress *progress)
{
    struct upkeep *upkeep = fct_mem_zalloc(distant->mem, 1, sizeof *upkeep);
    if (upkeep != NULL) {
        upkeep->inflow.distant = distant;
        upkeep->inflow.path = path;
        upkeep->inflow.what = what;
        upkeep->inflow.free = upkeep_free;
        upkeep->progress = progress;
        fct_buf_init(&upkeep->inflow.message, distant->mem, 64 << 10);
    }
    return upkeep;
}

static void upkeep_destroy(struct upkeep *upkeep, bool started)
{
    if (started) {
        fct_inflow_close(&upkeep->inflow);
    } else {
        fct_buf_finish(&upkeep->inflow.message);
        upkeep_free(&upkeep->inflow);
    }
}

factum_status fct_distant_verify(void *self, const factum_progress *progress,
                                 factum_verify_report *report, factum_error *err)
{
    struct upkeep *upkeep =
        upkeep_create(self, FCT_SLICE(FCT_STORE_PATH("Verify")), "verify", progress);
    if (upkeep == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "verify: out of memory");
    }
    upkeep->decode = fct_store_decode_verified;
    factum_status status = fct_store_encode_verify(&upkeep->inflow.message);
    bool started = status == FACTUM_OK;
    status = started ? upkeep_run(upkeep, err) : fct_fail(err, status, "verify: out of memory");
    if ((status == FACTUM_OK || status == FACTUM_CORRUPT) && upkeep->reported) {
        *report = upkeep->upkept.verify;
        report->size = sizeof *report;
    }
    upkeep_destroy(upkeep, started);
    return status;
}

factum_status fct_distant_backup(void *self, const char *to, const factum_progress *progress,
                                 factum_backup_report *report, factum_error *err)
{
    struct upkeep *upkeep =
        upkeep_create(self, FCT_SLICE(FCT_STORE_PATH("Backup")), "backup", progress);
    if (upkeep == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "backup: out of memory");
    }
    upkeep->decode = fct_store_decode_backed_up;
    factum_status status = fct_store_encode_backup(&upkeep->inflow.message, factum_slice_from(to));
    bool started = status == FACTUM_OK;
    status = started ? upkeep_run(upkeep, err) : fct_fail(err, status, "backup: out of memory");
    if (status == FACTUM_OK) {
        *report = upkeep->upkept.backup;
        report->size = sizeof *report;
    }
    upkeep_destroy(upkeep, started);
    return status;
}
