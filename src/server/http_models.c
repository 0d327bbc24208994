/* http_models.c - read models over HTTP: the list, their progress, their parked events. Layer:
 * server. Each call is a job (http_job.h): a model's file may have to be read. */
#include "server/http_models.h"

#include <inttypes.h>

#include "core/error.h"

#define BUILDS_MAX 3000u /* in an answer */

/* ---- shared ---------------------------------------------------------------------------------- */

factum_status fct_http_models_there(const struct fct_http_call *call, factum_error *err)
{
    return call->server->models != NULL
               ? FACTUM_OK
               : fct_fail(err, FACTUM_UNSUPPORTED,
                          "this server keeps no read models: start it without --no-run");
}

static bool is_name_byte(uint8_t byte, bool first)
{
    return (byte >= 'a' && byte <= 'z') ||
           (!first && ((byte >= '0' && byte <= '9') || byte == '_'));
}

factum_status fct_http_model_name(factum_slice name, factum_error *err)
{
    bool good = name.len > 0 && name.len <= FACTUM_PROJECTION_NAME_MAX;
    for (size_t i = 0; good && i < name.len; i++) {
        good = is_name_byte(name.ptr[i], i == 0);
    }
    return good ? FACTUM_OK
                : fct_fail(err, FACTUM_INVALID,
                           "\"%.*s\" is not a projection's name: that is a-z, 0-9 and _, a letter "
                           "first, at most %d bytes",
                           FCT_FMT(name), FACTUM_PROJECTION_NAME_MAX);
}

factum_status fct_http_model_members(const factum_json *json, const char *const *names,
                                     uint32_t *values, size_t count, factum_error *err)
{
    for (size_t i = 0; i < count; i++) {
        values[i] = FACTUM_JSON_NONE;
    }
    if (json->count == 0) {
        return FACTUM_OK;
    }
    if (factum_json_kind_of(json, FACTUM_JSON_ROOT) != FACTUM_JSON_OBJECT) {
        return fct_fail(err, FACTUM_INVALID, "the body is a JSON object");
    }
    for (uint32_t at = factum_json_first(json, FACTUM_JSON_ROOT); at != FACTUM_JSON_NONE;
         at = factum_json_next(json, FACTUM_JSON_ROOT, at)) {
        size_t i = 0;
        while (i < count && !factum_json_text_is(json, at, factum_slice_from(names[i]))) {
            i++;
        }
        if (i == count || values[i] != FACTUM_JSON_NONE) {
            return fct_fail(err, FACTUM_INVALID, "the body: %s member \"%.*s\"",
                            i == count ? "unknown" : "duplicate",
                            FCT_FMT(factum_json_inside(json, at)));
        }
        values[i] = at + 1;
    }
    return FACTUM_OK;
}

factum_status fct_http_model_text(struct fct_http_call *call, const factum_json *json,
                                  uint32_t value, const char *name, factum_slice *text,
                                  factum_error *err)
{
    if (value == FACTUM_JSON_NONE) {
        return FACTUM_OK;
    }
    factum_status status = fct_http_json_text(call, factum_json_raw(json, value), text);
    if (status == FACTUM_NO_MEMORY) {
        return fct_fail(err, status, "the server is out of memory");
    }
    return status == FACTUM_OK ? FACTUM_OK
                               : fct_fail(err, FACTUM_INVALID, "\"%s\" is a text of UTF-8", name);
}

factum_status fct_http_model_timeout(const factum_json *json, uint32_t value, int64_t *timeout_ms,
                                     factum_error *err)
{
    double seconds = FCT_MODEL_WAIT_S_DEFAULT;
    bool good =
        value == FACTUM_JSON_NONE || (factum_json_kind_of(json, value) == FACTUM_JSON_NUMBER &&
                                      factum_json_to_double(json, value, &seconds) == FACTUM_OK);
    if (!good || seconds < 0 || seconds > FCT_MODEL_WAIT_S_MAX) {
        return fct_fail(err, FACTUM_INVALID, "\"timeoutSeconds\" is a number from 0 to %u",
                        FCT_MODEL_WAIT_S_MAX);
    }
    *timeout_ms = (int64_t)(seconds * 1000);
    return FACTUM_OK;
}

factum_status fct_http_model_put_lag(struct fct_buf *out, const factum_build_status *status)
{
    return fct_buf_printf(out, "\"events\":%" PRIu64 ",\"seconds\":%" PRId64 ".%03d",
                          status->behind_events, status->behind_time / 1000000000,
                          (int)(status->behind_time % 1000000000 / 1000000));
}

factum_status fct_http_model_put_place(struct fct_buf *out, const factum_store *store,
                                       const factum_build_status *status)
{
    char token[FACTUM_TOKEN_SIZE];
    char time[FACTUM_TIME_TEXT_SIZE];
    factum_token_format(store, status->place, token);
    factum_time_format(status->place_created, time);
    return status->place_created == 0
               ? fct_buf_printf(out, "\"token\":\"%s\",\"position\":%" PRIu64 ",\"created\":null",
                                token, status->place)
               : fct_buf_printf(out, "\"token\":\"%s\",\"position\":%" PRIu64 ",\"created\":\"%s\"",
                                token, status->place, time);
}

factum_status fct_http_model_put_time(struct fct_buf *out, const char *name, int64_t time)
{
    char text[FACTUM_TIME_TEXT_SIZE];
    factum_time_format(time, text);
    return time == 0 ? fct_buf_printf(out, ",\"%s\":null", name)
                     : fct_buf_printf(out, ",\"%s\":\"%s\"", name, text);
}

factum_status fct_http_model_end(struct fct_http_job *job, factum_status status, factum_status put,
                                 factum_error *err)
{
    if (status == FACTUM_OK && put != FACTUM_OK) {
        status = fct_job_put_end(put, err);
    } else if (status == FACTUM_OK && atomic_load(&job->base.stop)) {
        status = fct_fail(err, FACTUM_CANCELLED, "the call was cancelled");
    }
    if (status != FACTUM_OK) {
        fct_buf_clear(&job->base.out);
    }
    return status;
}

/* ---- lists ----------------------------------------------------------------------------------- */

bool fct_http_model_list_add(struct fct_http_model_list *list, struct fct_http_job *job)
{
    if (list->count == list->limit) {
        list->more = true;
        return false;
    }
    list->put = fct_buf_add_text(&job->base.out, list->count > 0 ? ",\n" : "");
    list->count++;
    return list->put == FACTUM_OK;
}

bool fct_http_model_list_goes_on(const struct fct_http_model_list *list,
                                 const struct fct_http_job *job)
{
    return list->put == FACTUM_OK && !list->more && !atomic_load(&job->base.stop);
}

factum_status fct_http_model_list_end(struct fct_http_model_list *list, struct fct_http_job *job,
                                      factum_status status, factum_error *err)
{
    if (status == FACTUM_OK && list->put == FACTUM_OK) {
        list->put = fct_buf_printf(&job->base.out, "],\"more\":%s}", list->more ? "true" : "false");
    }
    return fct_http_model_end(job, status, list->put, err);
}

struct model_job {
    struct fct_http_job job;
    factum_slice key;
    struct fct_http_model_list list;
};

static struct model_job *model_job_of(struct fct_http_job *job)
{
    return FCT_CONTAINER_OF(job, struct model_job, job);
}

/* Returns NULL after it has answered the reason. */
static struct model_job *model_job_make(struct fct_http_call *call,
                                        factum_status (*work)(struct fct_http_job *job,
                                                              factum_error *err))
{
    struct model_job *made = fct_http_job_make(call, FCT_JOB_SHORT, sizeof *made);
    if (made != NULL) {
        made->job.work = work;
        made->job.base.thread_name = "factum-models";
        made->list.limit = BUILDS_MAX;
    }
    return made;
}

static factum_status put_build(struct fct_buf *out, const factum_store *store,
                               const factum_build_status *build)
{
    factum_status status = fct_http_put(out, "{\"name\":", build->model);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_buf_printf(out, ",\"version\":%" PRIu64 ",\"inUse\":%s,\"state\":\"%s\",",
                            build->version, build->in_use ? "true" : "false",
                            factum_build_state_name(build->state));
    if (status != FACTUM_OK) {
        return status;
    }
    if (build->reason[0] != '\0') {
        status = fct_http_put(out, "\"reason\":", factum_slice_from(build->reason));
        status = status == FACTUM_OK ? fct_buf_add_text(out, ",") : status;
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_buf_add_text(out, "\"asOf\":{");
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_model_put_place(out, store, build);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_buf_add_text(out, "},\"behind\":{");
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_model_put_lag(out, build);
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_buf_printf(
        out, "},\"events\":%" PRIu64 ",\"parked\":{\"keys\":%" PRIu64 ",\"events\":%" PRIu64 "}}",
        build->event_count, build->parked_keys, build->parked_events);
}

static bool put_each_build(void *data, const factum_build_status *build)
{
    struct model_job *asked = data;
    if (fct_http_model_list_add(&asked->list, &asked->job)) {
        asked->list.put = put_build(&asked->job.base.out, asked->job.call->server->store, build);
    }
    return fct_http_model_list_goes_on(&asked->list, &asked->job);
}

static factum_status list_builds(struct fct_http_job *job, factum_error *err)
{
    struct model_job *asked = model_job_of(job);
    const factum_build_each each = {asked, put_each_build};
    asked->list.put = fct_buf_add_text(&job->base.out, "{\"builds\":[");
    factum_status status =
        factum_models_list(job->call->server->models, job->call->name, &each, err);
    return fct_http_model_list_end(&asked->list, job, status, err);
}

void fct_http_models_list(struct fct_http_call *call)
{
    factum_error err;
    struct model_job *asked = model_job_make(call, list_builds);
    if (asked != NULL) {
        factum_status status = fct_http_models_there(call, &err);
        fct_http_job_start(&asked->job, status, &err);
    }
}

void fct_http_model_get(struct fct_http_call *call)
{
    fct_http_models_list(call);
}

/* ---- parked events --------------------------------------------------------------------------- */

static factum_status put_parked_event(struct fct_buf *out, const factum_parked *parked)
{
    factum_status status = fct_http_put(out, "{\"name\":", parked->model);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_buf_printf(out, ",\"version\":%" PRIu64, parked->version);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_put(out, ",\"key\":", parked->key);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_buf_printf(out, ",\"position\":%" PRIu64, parked->position);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_put(out, ",\"type\":", parked->type);
    if (status != FACTUM_OK) {
        return status;
    }
    /* null: it waits for the first one of its key */
    return parked->reason.len > 0 ? fct_http_put(out, ",\"reason\":", parked->reason)
                                  : fct_buf_add_text(out, ",\"reason\":null");
}

static factum_status put_parked(struct fct_buf *out, const factum_store *store,
                                const factum_parked *parked)
{
    char token[FACTUM_TOKEN_SIZE];
    factum_token_format(store, parked->position, token);
    factum_status status = put_parked_event(out, parked);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_buf_printf(out, ",\"attempts\":%" PRIu64, parked->attempts);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_model_put_time(out, "nextAttempt", parked->next_attempt);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_model_put_time(out, "since", parked->since);
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_buf_printf(out, ",\"token\":\"%s\"}", token);
}

static bool put_each_parked(void *data, const factum_parked *parked)
{
    struct model_job *asked = data;
    if (fct_http_model_list_add(&asked->list, &asked->job)) {
        asked->list.put = put_parked(&asked->job.base.out, asked->job.call->server->store, parked);
    }
    return fct_http_model_list_goes_on(&asked->list, &asked->job);
}

static factum_status list_parked_events(struct fct_http_job *job, factum_error *err)
{
    struct model_job *asked = model_job_of(job);
    const factum_parked_each each = {asked, put_each_parked};
    asked->list.put = fct_buf_add_text(&job->base.out, "{\"parked\":[");
    factum_status status =
        factum_models_parked(job->call->server->models, job->call->name, asked->key, &each, err);
    return fct_http_model_list_end(&asked->list, job, status, err);
}

void fct_http_model_parked(struct fct_http_call *call)
{
    factum_error err;
    struct model_job *asked = model_job_make(call, list_parked_events);
    if (asked != NULL) {
        asked->list.limit = FCT_HTTP_LIMIT_DEFAULT;
        asked->key = fct_http_text(call, "key");
        factum_status status = fct_http_models_there(call, &err);
        if (status == FACTUM_OK) {
            status = fct_http_limit(call, &asked->list.limit, &err);
        }
        fct_http_job_start(&asked->job, status, &err);
    }
}
