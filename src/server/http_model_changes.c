/* http_model_changes.c - rows that would change, over HTTP: by a swap, or by a parked event.
 * Layer: server.
 *
 *     GET  /api/v1/projections/orders/diff?limit=N
 *     POST /api/v1/models/orders/parked/POSITION/try
 *
 * Jobs (http_job.h). All changes are counted by table; at most |limit| are shown. They come table
 * by table, so that only the current table's counts are kept.
 */
#include <inttypes.h>
#include <stdio.h>

#include "core/error.h"
#include "core/slice.h"
#include "server/http_models.h"

#define TABLES_SIZE_MAX ((size_t)1 << 20)

struct changes_job {
    struct fct_http_job job;
    uint64_t limit;
    uint64_t position; /* of the parked event */
    bool typed;
    /* Used by the thread. */
    uint64_t total;
    uint64_t counts[4]; /* of the current table, by factum_row_change */
    char table[256];    /* its name; "": none yet */
    bool any_table;
    struct fct_buf tables; /* the tables before it, as JSON */
    factum_status put;
};

static struct changes_job *changes_job_of(struct fct_http_job *job)
{
    return FCT_CONTAINER_OF(job, struct changes_job, job);
}

/* ---- one change ------------------------------------------------------------------------------ */

static const char *change_name(factum_row_change kind)
{
    return kind == FACTUM_ROW_ADDED ? "added" : kind == FACTUM_ROW_REMOVED ? "removed" : "changed";
}

/* Ends the counts of the current table, if one exists. */
static factum_status end_table(struct changes_job *asked)
{
    struct fct_buf *out = &asked->tables;
    if (asked->table[0] == '\0') {
        return FACTUM_OK;
    }
    factum_status status = fct_http_put(
        out, asked->any_table ? ",{\"table\":" : "{\"table\":", factum_slice_from(asked->table));
    asked->any_table = true;
    if (status == FACTUM_OK) {
        status = fct_buf_printf(
            out, ",\"added\":%" PRIu64 ",\"removed\":%" PRIu64 ",\"changed\":%" PRIu64 "}",
            asked->counts[FACTUM_ROW_ADDED], asked->counts[FACTUM_ROW_REMOVED],
            asked->counts[FACTUM_ROW_CHANGED]);
    }
    asked->table[0] = '\0';
    asked->counts[FACTUM_ROW_ADDED] = 0;
    asked->counts[FACTUM_ROW_REMOVED] = 0;
    asked->counts[FACTUM_ROW_CHANGED] = 0;
    return status;
}

static factum_status put_side(struct changes_job *asked, const char *name,
                              const factum_value *values, size_t count)
{
    struct fct_buf *out = &asked->job.base.out;
    factum_status status = fct_buf_add_text(out, name);
    if (status != FACTUM_OK) {
        return status;
    }
    return values == NULL ? fct_buf_add_text(out, "null")
                          : fct_http_model_put_values(out, values, count, asked->typed);
}

static factum_status put_change(struct changes_job *asked, factum_row_change kind,
                                const factum_slice *columns, size_t count,
                                const factum_value *before, const factum_value *after)
{
    struct fct_buf *out = &asked->job.base.out;
    factum_status status = fct_http_put(
        out, asked->total > 1 ? ",\n{\"table\":" : "{\"table\":", factum_slice_from(asked->table));
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_buf_printf(out, ",\"change\":\"%s\",\"columns\":", change_name(kind));
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_model_put_names(out, columns, count);
    if (status != FACTUM_OK) {
        return status;
    }
    status = put_side(asked, ",\"before\":", before, count);
    if (status != FACTUM_OK) {
        return status;
    }
    status = put_side(asked, ",\"after\":", after, count);
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_buf_add_text(out, "}");
}

static bool take_change(void *data, factum_slice table, factum_row_change kind,
                        const factum_slice *columns, size_t count, const factum_value *before,
                        const factum_value *after)
{
    struct changes_job *asked = data;
    if (!fct_slice_equal(table, factum_slice_from(asked->table))) {
        asked->put = end_table(asked);
        (void)snprintf(asked->table, sizeof asked->table, "%.*s", FCT_FMT(table));
    }
    asked->counts[kind]++;
    asked->total++;
    if (asked->put == FACTUM_OK && asked->total <= asked->limit) {
        asked->put = put_change(asked, kind, columns, count, before, after);
    }
    return asked->put == FACTUM_OK && !atomic_load(&asked->job.base.stop);
}

/* ---- the jobs -------------------------------------------------------------------------------- */

static factum_status put_counts(struct changes_job *asked)
{
    struct fct_buf *out = &asked->job.base.out;
    factum_status status = fct_buf_add_text(out, "],\"tables\":[");
    if (status == FACTUM_OK) {
        status = fct_buf_add_slice(out, fct_buf_slice(&asked->tables));
    }
    return status == FACTUM_OK
               ? fct_buf_printf(out, "],\"total\":%" PRIu64 ",\"more\":%s}", asked->total,
                                asked->total > asked->limit ? "true" : "false")
               : status;
}

static factum_status end_changes(struct changes_job *asked, factum_status status, factum_error *err)
{
    if (asked->put == FACTUM_TOO_BIG) { /* it ended the comparison */
        status = fct_fail(err, FACTUM_TOO_BIG,
                          "the answer is over 16 MiB of JSON: ask for fewer changes, by ?limit");
    } else if (asked->put != FACTUM_OK) {
        status = fct_job_put_end(asked->put, err);
    }
    if (status == FACTUM_OK) {
        asked->put = end_table(asked);
    }
    if (status == FACTUM_OK && asked->put == FACTUM_OK) {
        asked->put = put_counts(asked);
    }
    return fct_http_model_end(&asked->job, status, asked->put, err);
}

static bool diff_goes_on(void *data, uint64_t done, uint64_t total)
{
    const struct fct_http_job *job = data;
    (void)done;
    (void)total;
    return !atomic_load(&job->base.stop);
}

static factum_status find_changes(struct fct_http_job *job, factum_error *err)
{
    struct changes_job *asked = changes_job_of(job);
    const factum_changes changes = {asked, take_change};
    const factum_progress progress = {job, diff_goes_on};
    asked->put = fct_buf_add_text(&job->base.out, "{\"changes\":[");
    factum_status status = factum_models_diff(job->call->server->models, job->call->name, 0,
                                              &changes, &progress, NULL, err);
    return end_changes(asked, status, err);
}

static factum_status try_parked(struct fct_http_job *job, factum_error *err)
{
    struct changes_job *asked = changes_job_of(job);
    const factum_changes changes = {asked, take_change};
    asked->put = fct_buf_add_text(&job->base.out, "{\"changes\":[");
    factum_status status = factum_models_try(job->call->server->models, job->call->name,
                                             asked->position, &changes, err);
    job->http_status = status == FACTUM_INVALID ? 422 : 0; /* the event is at fault */
    return end_changes(asked, status, err);
}

static void changes_finish(struct fct_http_job *job)
{
    fct_buf_finish(&changes_job_of(job)->tables);
}

/* Returns NULL after it has answered the reason. *status: what is wrong with the call. */
static struct changes_job *changes_job_make(struct fct_http_call *call,
                                            factum_status (*work)(struct fct_http_job *job,
                                                                  factum_error *err),
                                            factum_status *status, factum_error *err)
{
    struct changes_job *made = fct_http_job_make(call, FCT_JOB_QUERY, sizeof *made);
    if (made == NULL) {
        return NULL;
    }
    made->job.work = work;
    made->job.finish = changes_finish;
    made->job.base.thread_name = "factum-query";
    made->limit = FCT_HTTP_LIMIT_MAX;
    fct_buf_init(&made->tables, call->server->mem, TABLES_SIZE_MAX);
    *status = fct_http_models_there(call, err);
    if (*status == FACTUM_OK) {
        *status = fct_http_model_name(call->name, err);
    }
    if (*status == FACTUM_OK) {
        *status = fct_http_flag(call, "typed", &made->typed, err);
    }
    return made;
}

void fct_http_projection_diff(struct fct_http_call *call)
{
    factum_error err;
    factum_status status;
    struct changes_job *asked = changes_job_make(call, find_changes, &status, &err);
    if (asked != NULL) {
        asked->limit = FCT_HTTP_LIMIT_DEFAULT;
        if (status == FACTUM_OK) {
            status = fct_http_limit(call, &asked->limit, &err);
        }
        fct_http_job_start(&asked->job, status, &err);
    }
}

void fct_http_model_try(struct fct_http_call *call)
{
    factum_error err;
    factum_status status;
    struct changes_job *asked = changes_job_make(call, try_parked, &status, &err);
    if (asked != NULL) {
        if (status == FACTUM_OK &&
            fct_http_digits(call->more_names[0], &asked->position) != FACTUM_OK) {
            status = fct_fail(&err, FACTUM_INVALID, "a position is a whole number");
        }
        fct_http_job_start(&asked->job, status, &err);
    }
}
