/* http_state.c - the state that the deployed decider folds from a stream, over HTTP: now, or as of
 * an earlier point, and which event has set each value. Layer: server. A job (http_job.h): it reads
 * the whole stream. It ends when its client disconnects, and after STATE_MS. */
#include <inttypes.h>

#include "core/error.h"
#include "core/slice.h"
#include "server/deciders.h"
#include "server/http_job.h"

#define STATE_MS 30000

struct state_job {
    struct fct_http_job job;
    factum_read_request request;
    factum_slice category;
    bool with_blame;
    /* Used by the thread. */
    struct fct_decider_use *use;
    factum_fold *fold;
    factum_blame *blame;
    int64_t time; /* of the last event */
};

static struct state_job *state_job_of(struct fct_http_job *job)
{
    return FCT_CONTAINER_OF(job, struct state_job, job);
}

/* ---- the answer's text ----------------------------------------------------------------------- */

static factum_status put_blamed(struct fct_buf *out, const factum_blamed *value)
{
    char time[FACTUM_TIME_TEXT_SIZE];
    char id[FACTUM_UUID_TEXT_SIZE];
    factum_status status = fct_http_put(out, "{\"path\":", value->path);
    if (status == FACTUM_OK) {
        status = fct_buf_add_text(out, ",\"value\":");
    }
    if (status == FACTUM_OK) {
        status = fct_buf_add_slice(out, value->value);
    }
    if (status != FACTUM_OK || value->initial) {
        return status == FACTUM_OK ? fct_buf_add_text(out, ",\"initial\":true}") : status;
    }
    factum_time_format(value->time, time);
    factum_uuid_format(value->id, id);
    status = fct_buf_printf(out, ",\"revision\":%" PRIu64, value->revision);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_put(out, ",\"type\":", value->type);
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_buf_printf(out, ",\"time\":\"%s\",\"id\":\"%s\"}", time, id);
}

static factum_status put_blame(struct fct_buf *out, const factum_blame *blame)
{
    factum_blamed value = {.size = sizeof value};
    factum_status status = fct_buf_add_text(out, ",\"blame\":[");
    for (size_t i = 0; status == FACTUM_OK && factum_blame_at(blame, i, &value, NULL) == FACTUM_OK;
         i++) {
        status = fct_buf_add_text(out, i == 0 ? "" : ",\n");
        if (status == FACTUM_OK) {
            status = put_blamed(out, &value);
        }
    }
    return status == FACTUM_OK ? fct_buf_add_text(out, "]") : status;
}

static factum_status put_state_head(const struct state_job *asked, struct fct_buf *out,
                                    const factum_fold_info *info)
{
    const struct fct_http_call *call = asked->job.call;
    char time[FACTUM_TIME_TEXT_SIZE];
    char token[FACTUM_TOKEN_SIZE];
    factum_status status = fct_http_put(out, "{\"stream\":", call->name);
    if (status == FACTUM_OK && info->event_count > 0) {
        factum_time_format(asked->time, time);
        factum_token_format(call->server->store, info->position, token);
        status = fct_buf_printf(out,
                                ",\"revision\":%" PRIu64 ",\"position\":%" PRIu64
                                ",\"time\":\"%s\",\"token\":\"%s\"",
                                info->revision, info->position, time, token);
    }
    return status == FACTUM_OK
               ? fct_buf_printf(out, ",\"events\":%" PRIu64 ",\"decider\":%" PRIu64 ",\"state\":",
                                info->event_count, fct_deciders_revision(asked->use))
               : status;
}

/* A failure of the script is 422, as for a command. */
static factum_status by_script(struct state_job *asked, factum_status status)
{
    if (status == FACTUM_INVALID || status == FACTUM_TOO_BIG) {
        asked->job.http_status = 422;
    }
    return status;
}

static factum_status take_state(struct state_job *asked, factum_slice *json, factum_fold_info *info,
                                factum_error *err)
{
    *info = (factum_fold_info){.size = sizeof *info};
    factum_status status = factum_fold_get(asked->fold, info, err);
    if (status == FACTUM_OK) {
        status = factum_script_state_json(fct_deciders_get(asked->use), info->state, json, err);
    }
    return by_script(asked, status);
}

static factum_status put_state(struct state_job *asked, factum_error *err)
{
    struct fct_buf *out = &asked->job.base.out;
    factum_slice json;
    factum_fold_info info;
    factum_status status = take_state(asked, &json, &info, err);
    if (status != FACTUM_OK) {
        return status;
    }
    asked->job.has_tag = info.event_count > 0;
    asked->job.tag = info.revision;
    status = put_state_head(asked, out, &info);
    if (status == FACTUM_OK) {
        status = fct_buf_add_slice(out, json);
    }
    if (status == FACTUM_OK && asked->blame != NULL) {
        status = put_blame(out, asked->blame);
    }
    if (status == FACTUM_OK) {
        status = fct_buf_add_text(out, "}");
    }
    if (status != FACTUM_OK) {
        fct_buf_clear(out);
    }
    return fct_job_put_end(status, err);
}

/* ---- folding --------------------------------------------------------------------------------- */

static factum_status take_blame(struct state_job *asked, const factum_event *event,
                                factum_error *err)
{
    factum_slice json = {NULL, 0};
    factum_fold_info info;
    if (asked->blame == NULL) {
        return FACTUM_OK;
    }
    factum_status status = take_state(asked, &json, &info, err);
    return status == FACTUM_OK ? factum_blame_take(asked->blame, json, event, err) : status;
}

static factum_status fold_cursor(struct state_job *asked, factum_cursor *cursor, factum_error *err)
{
    factum_event event;
    factum_status status = take_blame(asked, NULL, err);
    while (status == FACTUM_OK) {
        if (atomic_load(&asked->job.base.stop)) {
            return fct_fail(err, FACTUM_CANCELLED,
                            "the state was not finished: the server stops, or the call was ended");
        }
        status = factum_cursor_next(cursor, &event, err);
        if (status == FACTUM_OK) {
            asked->time = event.time;
            status = by_script(asked, factum_fold_add(asked->fold, &event, err));
        }
        if (status == FACTUM_OK) {
            status = take_blame(asked, &event, err);
        }
    }
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

static factum_status fold_stream(struct state_job *asked, factum_error *err)
{
    factum_cursor *cursor;
    const factum_decider *decider = factum_script_decider_get(fct_deciders_get(asked->use));
    const factum_call call = {
        .size = sizeof call,
        .deadline = factum_deadline(STATE_MS),
        .principal = asked->job.call->principal->name,
    };
    factum_read_request request = asked->request;
    request.call = &call;
    factum_status status = factum_read(asked->job.call->server->store, &request, &cursor, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = factum_fold_create(decider, NULL, &asked->fold, err);
    if (status == FACTUM_OK && asked->with_blame) {
        status = factum_blame_create(0, &asked->blame, err);
    }
    if (status == FACTUM_OK) {
        status = fold_cursor(asked, cursor, err);
    }
    factum_cursor_close(cursor);
    return status;
}

static factum_status show_state(struct fct_http_job *job, factum_error *err)
{
    struct state_job *asked = state_job_of(job);
    factum_status status =
        by_script(asked, fct_deciders_take(job->call->server, asked->category, &asked->use, err));
    if (status == FACTUM_OK) {
        status = fold_stream(asked, err);
    }
    if (status == FACTUM_OK) {
        status = put_state(asked, err);
    }
    factum_blame_destroy(asked->blame);
    factum_fold_destroy(asked->fold);
    fct_deciders_give(job->call->server, asked->use);
    return status;
}

/* ---- the loop's side ------------------------------------------------------------------------- */

/* ?revision is ?at that takes a revision alone. */
static factum_status read_state_query(struct state_job *asked, factum_error *err)
{
    const struct fct_http_call *call = asked->job.call;
    uint64_t revision = 0;
    size_t len = 0;
    while (len < call->name.len && call->name.ptr[len] != '-') {
        len++;
    }
    asked->category = fct_slice(call->name.ptr, len);
    if (len == 0 || len + 1 >= call->name.len || call->name.ptr[0] == '$') {
        return fct_fail(err, FACTUM_INVALID, "\"%.*s\" is not a stream of a category: CATEGORY-ID",
                        FCT_FMT(call->name));
    }
    factum_status status = fct_http_at(call, &asked->request, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_number(call, "revision", &revision, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (fct_http_text(call, "revision").ptr != NULL) {
        bool twice = asked->request.until_revision_set;
        asked->request.until_revision_set = true;
        asked->request.until_revision = revision;
        if (twice) {
            return fct_fail(err, FACTUM_INVALID, "\"at\" and \"revision\" name a revision each");
        }
    }
    return fct_http_flag(call, "blame", &asked->with_blame, err);
}

void fct_http_stream_state(struct fct_http_call *call)
{
    factum_error err;
    struct state_job *asked = fct_http_job_make(call, FCT_JOB_STATE, sizeof *asked);
    if (asked == NULL) {
        return;
    }
    asked->job.work = show_state;
    asked->job.base.thread_name = "factum-state";
    asked->request = (factum_read_request){
        .size = sizeof asked->request, .source = FACTUM_SOURCE_STREAM, .name = call->name};
    factum_status status = read_state_query(asked, &err);
    fct_http_job_start(&asked->job, status, &err);
}
