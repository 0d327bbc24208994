/* http_projections.c - definitions of read models over HTTP: deployed, listed, shown, acted on.
 * Layer: server. Each call is a job (http_job.h).
 *
 * A deployment or an act is recorded first. Then the call waits until the host of the models has
 * carried it out: 200 or 201 if it has, 202 if it has not within the time given. The record stays,
 * whatever happens to the call.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/slice.h"
#include "os/os.h"
#include "server/http_models.h"
#include "wire/media.h"

#define WHY_SIZE_MAX 4096u
#define DEFINITION_TYPE                                                                            \
    "the body is the definition, as application/sql or text/plain; the reason is ?why="

struct projection_job {
    struct fct_http_job job;
    uint64_t version;
    uint64_t revision;
    int64_t timeout_ms;
    factum_act_options options;
    factum_act_request request; /* its size is 0 for a deployment */
    /* Used by the thread. */
    char hash[65]; /* of the deployed definition, with |version| */
    factum_status put;
    bool first;
    bool found;
};

static struct projection_job *projection_job_of(struct fct_http_job *job)
{
    return FCT_CONTAINER_OF(job, struct projection_job, job);
}

/* Returns NULL after it has answered the reason. */
static struct projection_job *
projection_job_make(struct fct_http_call *call, enum fct_job_kind kind,
                    factum_status (*work)(struct fct_http_job *job, factum_error *err))
{
    struct projection_job *made = fct_http_job_make(call, kind, sizeof *made);
    if (made != NULL) {
        made->job.work = work;
        made->job.base.thread_name = "factum-models";
        made->first = true;
        made->options =
            (factum_act_options){.size = sizeof made->options, .by = call->principal->name};
        made->timeout_ms = FCT_MODEL_WAIT_S_DEFAULT * INT64_C(1000);
    }
    return made;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Adds an object's members without its end. */
static factum_status put_projection(struct fct_buf *out, const factum_projection_state *state)
{
    char created[FACTUM_TIME_TEXT_SIZE];
    factum_time_format(state->created, created);
    factum_status status = fct_http_put(out, "{\"name\":", state->name);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_buf_printf(out,
                            ",\"version\":%" PRIu64 ",\"newest\":%" PRIu64 ",\"previous\":%" PRIu64
                            ",\"building\":%s,\"paused\":%s,\"removed\":%s,\"mode\":\"%s\"",
                            state->in_use, state->version, state->previous,
                            state->building ? "true" : "false", state->paused ? "true" : "false",
                            state->removed ? "true" : "false",
                            state->mode == FACTUM_PROJECTION_SYNC ? "sync" : "async");
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_put(out, ",\"host\":", state->host);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_buf_printf(out, ",\"hash\":\"%.*s\",\"created\":\"%s\",\"revision\":%" PRIu64,
                            FCT_FMT(state->hash), created, state->revision);
    if (status != FACTUM_OK) {
        return status;
    }
    if (state->by.len > 0) {
        status = fct_http_put(out, ",\"by\":", state->by);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    return state->why.len > 0 ? fct_http_put(out, ",\"why\":", state->why) : FACTUM_OK;
}

/* A copy of the state of the build in use: the texts of the original do not last. */
struct lag {
    bool known;
    factum_build_status in_use;
};

static bool take_lag(void *data, const factum_build_status *build)
{
    struct lag *lag = data;
    if (build->in_use) {
        lag->known = true;
        lag->in_use = *build;
    }
    return true;
}

/* Also for a model that this server does not keep: then only its deployment is known. */
static factum_status look_for_lag(const struct projection_job *asked,
                                  const factum_projection_state *state, struct lag *lag)
{
    factum_models *models = asked->job.call->server->models;
    const factum_build_each each = {lag, take_lag};
    factum_error err;
    if (models == NULL || state->removed) {
        return FACTUM_OK;
    }
    factum_status status = factum_models_list(models, state->name, &each, &err);
    return status == FACTUM_NO_MEMORY ? status : FACTUM_OK;
}

static const char *state_of(const factum_projection_state *state, const struct lag *lag)
{
    if (state->removed) {
        return "removed";
    }
    if (state->paused) {
        return "paused";
    }
    return !lag->known ? "deployed" : lag->in_use.behind_events > 0 ? "behind" : "up to date";
}

static factum_status put_lag(struct fct_buf *out, const factum_projection_state *state,
                             const struct lag *lag)
{
    factum_status status = fct_buf_printf(out, ",\"state\":\"%s\"", state_of(state, lag));
    if (status == FACTUM_OK && lag->known) {
        status = fct_buf_add_text(out, ",\"behind\":{");
    }
    if (status == FACTUM_OK && lag->known) {
        status = fct_http_model_put_lag(out, &lag->in_use);
    }
    return status == FACTUM_OK && lag->known
               ? fct_buf_printf(out, "},\"parked\":{\"keys\":%" PRIu64 ",\"events\":%" PRIu64 "}",
                                lag->in_use.parked_keys, lag->in_use.parked_events)
               : status;
}

static bool put_each_state(void *data, const factum_projection_state *state)
{
    struct projection_job *asked = data;
    struct fct_buf *out = &asked->job.base.out;
    struct lag lag = {.known = false};
    asked->put = fct_buf_add_text(out, asked->first ? "" : ",\n");
    asked->first = false;
    if (asked->put == FACTUM_OK) {
        asked->put = put_projection(out, state);
    }
    if (asked->put == FACTUM_OK) {
        asked->put = look_for_lag(asked, state, &lag);
    }
    if (asked->put == FACTUM_OK) {
        asked->put = put_lag(out, state, &lag);
    }
    if (asked->put == FACTUM_OK) {
        asked->put = fct_buf_add_text(out, "}");
    }
    return asked->put == FACTUM_OK && !atomic_load(&asked->job.base.stop);
}

static factum_status list_projections(struct fct_http_job *job, factum_error *err)
{
    struct projection_job *asked = projection_job_of(job);
    const factum_projection_each each = {asked, put_each_state};
    asked->put = fct_buf_add_text(&job->base.out, "{\"projections\":[");
    factum_status status = factum_projection_list(job->call->server->store, &each, err);
    if (status == FACTUM_OK && asked->put == FACTUM_OK) {
        asked->put = fct_buf_add_text(&job->base.out, "]}");
    }
    return fct_http_model_end(job, status, asked->put, err);
}

static bool put_one_state(void *data, const factum_projection_state *state)
{
    struct projection_job *asked = data;
    struct fct_buf *out = &asked->job.base.out;
    asked->job.has_tag = true;
    asked->job.tag = state->revision;
    asked->put = put_projection(out, state);
    if (asked->put == FACTUM_OK) {
        asked->put = fct_http_put(out, ",\"text\":", state->text);
    }
    if (asked->put == FACTUM_OK) {
        asked->put = fct_buf_add_text(out, "}");
    }
    return false;
}

static factum_status show_projection(struct fct_http_job *job, factum_error *err)
{
    struct projection_job *asked = projection_job_of(job);
    const factum_projection_each each = {asked, put_one_state};
    factum_status status = factum_projection_find(job->call->server->store, job->call->name,
                                                  asked->version, &each, err);
    return fct_http_model_end(job, status, asked->put, err);
}

void fct_http_projections_list(struct fct_http_call *call)
{
    factum_error err;
    struct projection_job *asked = projection_job_make(call, FCT_JOB_SHORT, list_projections);
    if (asked != NULL) {
        fct_http_job_start(&asked->job, FACTUM_OK, &err);
    }
}

void fct_http_projection_get(struct fct_http_call *call)
{
    factum_error err;
    struct projection_job *asked = projection_job_make(call, FCT_JOB_SHORT, show_projection);
    if (asked != NULL) {
        factum_status status = fct_http_model_name(call->name, &err);
        if (status == FACTUM_OK) {
            status = fct_http_number(call, "version", &asked->version, &err);
        }
        fct_http_job_start(&asked->job, status, &err);
    }
}

/* ---- what was recorded is waited for --------------------------------------------------------- */

/* OK: carried out. TIMEOUT: not yet, or not by this server. */
static factum_status wait_for_host(struct projection_job *asked, factum_slice name,
                                   uint64_t revision, factum_error *err)
{
    factum_models *models = asked->job.call->server->models;
    int64_t begun = fct_monotonic_ms();
    factum_status status = FACTUM_TIMEOUT;
    while (models != NULL && status == FACTUM_TIMEOUT) {
        int64_t passed = fct_monotonic_ms() - begun;
        int64_t left = passed < asked->timeout_ms ? asked->timeout_ms - passed : 0;
        status = factum_models_act_wait(models, name, revision,
                                        left < FCT_MODEL_SLICE_MS ? left : FCT_MODEL_SLICE_MS, err);
        if (left == 0 || atomic_load(&asked->job.base.stop)) {
            break;
        }
    }
    return status;
}

struct in_use {
    uint64_t version;
};

static bool take_version(void *data, const factum_projection_state *state)
{
    ((struct in_use *)data)->version = state->in_use;
    return false;
}

/* Adds what was deployed, or the act, and the version then in use. */
static factum_status put_what(struct projection_job *asked, factum_slice name)
{
    struct fct_buf *out = &asked->job.base.out;
    struct in_use in_use = {0};
    const factum_projection_each each = {&in_use, take_version};
    factum_error err;
    if (asked->request.size == 0) {
        return fct_buf_printf(out, ",\"version\":%" PRIu64 ",\"hash\":\"%s\"", asked->version,
                              asked->hash);
    }
    factum_status status =
        factum_projection_find(asked->job.call->server->store, name, 0, &each, &err);
    return fct_buf_printf(out, ",\"act\":\"%s\",\"version\":%" PRIu64,
                          factum_projection_act_name(asked->request.act),
                          status == FACTUM_OK ? in_use.version : 0);
}

static factum_status put_recorded(struct projection_job *asked, factum_slice name,
                                  const factum_act_result *result, bool done)
{
    struct fct_buf *out = &asked->job.base.out;
    char token[FACTUM_TOKEN_SIZE];
    factum_token_format(asked->job.call->server->store, result->position, token);
    factum_status status = fct_http_put(out, "{\"name\":", name);
    if (status == FACTUM_OK) {
        status = put_what(asked, name);
    }
    return status == FACTUM_OK
               ? fct_buf_printf(out,
                                ",\"revision\":%" PRIu64 ",\"position\":%" PRIu64
                                ",\"already\":%s,\"done\":%s,\"token\":\"%s\"}",
                                result->revision, result->position,
                                result->already ? "true" : "false", done ? "true" : "false", token)
               : status;
}

/* It is recorded: the answer reports what the host has done. */
static factum_status end_recorded(struct projection_job *asked, factum_slice name,
                                  const factum_act_result *result, unsigned done_status,
                                  factum_error *err)
{
    struct fct_http_job *job = &asked->job;
    factum_status status = wait_for_host(asked, name, result->revision, err);
    if (status != FACTUM_OK && status != FACTUM_TIMEOUT) {
        job->http_status = status == FACTUM_INVALID ? 409 : 0;
        if (fct_buf_printf(&job->base.out, ",\"recorded\":true,\"revision\":%" PRIu64,
                           result->revision) != FACTUM_OK) {
            fct_buf_clear(&job->base.out);
        }
        return status;
    }
    job->http_status = status == FACTUM_OK ? done_status : 202;
    job->has_tag = true;
    job->tag = result->revision;
    if (put_recorded(asked, name, result, status == FACTUM_OK) != FACTUM_OK) {
        fct_buf_clear(&job->base.out); /* answer at least that */
    }
    return FACTUM_OK;
}

/* ---- deploying ------------------------------------------------------------------------------- */

static factum_status load_definition(const struct fct_http_job *job, factum_projection **projection,
                                     factum_error *err)
{
    factum_schemas *schemas;
    factum_status status = factum_schemas_open(job->call->server->store, &schemas, err);
    if (status != FACTUM_OK) {
        return status;
    }
    const factum_projection_options options = {
        .size = sizeof options, .name = "projection.sql", .schemas = schemas};
    status = factum_projection_load(fct_buf_slice(&job->call->body), &options, projection, err);
    factum_schemas_close(schemas);
    return status;
}

/* INVALID means that the projection's state does not allow the act: 409. */
static unsigned conflict_or(factum_status status, unsigned otherwise)
{
    return status == FACTUM_INVALID ? 409 : otherwise;
}

static factum_status deploy_loaded(struct projection_job *asked,
                                   const factum_projection *projection, factum_error *err)
{
    factum_act_result result = {.size = sizeof result};
    factum_projection_info info = {.size = sizeof info};
    factum_status status = factum_projection_info_get(projection, &info, err);
    if (status == FACTUM_OK) {
        asked->version = info.version;
        (void)snprintf(asked->hash, sizeof asked->hash, "%.*s", FCT_FMT(info.hash));
        status = factum_projection_deploy(asked->job.call->server->store, projection,
                                          &asked->options, &result, err);
        asked->job.http_status = conflict_or(status, 0);
    }
    return status == FACTUM_OK
               ? end_recorded(asked, info.name, &result, result.already ? 200 : 201, err)
               : status;
}

static factum_status deploy_projection(struct fct_http_job *job, factum_error *err)
{
    struct projection_job *asked = projection_job_of(job);
    factum_projection *projection;
    factum_status status = load_definition(job, &projection, err);
    if (status != FACTUM_OK) {
        bool of_text =
            status == FACTUM_INVALID || status == FACTUM_TOO_BIG || status == FACTUM_UNSUPPORTED;
        job->http_status = of_text ? 422 : 0;
        return status;
    }
    status = deploy_loaded(asked, projection, err);
    factum_projection_free(projection);
    return status;
}

static factum_status check_said(const factum_act_options *options, factum_error *err)
{
    if (options->why.len > WHY_SIZE_MAX || !fct_utf8_valid(options->why)) {
        return fct_fail(err, FACTUM_INVALID, "\"why\" is UTF-8 of at most %u bytes", WHY_SIZE_MAX);
    }
    return options->by.len <= FACTUM_NAME_SIZE_MAX && fct_utf8_valid(options->by)
               ? FACTUM_OK
               : fct_fail(err, FACTUM_INVALID, "\"by\" is UTF-8 of at most %d bytes",
                          FACTUM_NAME_SIZE_MAX);
}

/* Reads ?timeout, in seconds. */
static factum_status take_timeout(const struct fct_http_call *call, uint64_t *seconds,
                                  factum_error *err)
{
    factum_status status = fct_http_number(call, "timeout", seconds, err);
    return status == FACTUM_OK && *seconds > FCT_MODEL_WAIT_S_MAX
               ? fct_fail(err, FACTUM_INVALID, "\"timeout\" is 0 to %u seconds",
                          FCT_MODEL_WAIT_S_MAX)
               : status;
}

void fct_http_projection_deploy(struct fct_http_call *call)
{
    factum_error err;
    factum_slice field = fct_exchange_field(call->exchange, FCT_SLICE("content-type"));
    factum_slice type = fct_media_type(field);
    uint64_t seconds = FCT_MODEL_WAIT_S_DEFAULT;
    if (fct_media_is_foreign(field) ||
        !(fct_media_is(type, "application/sql") || fct_media_is(type, "text/plain"))) {
        fct_http_refuse(call, &(struct fct_http_refusal){.code = FACTUM_UNSUPPORTED,
                                                         .status = 415,
                                                         .detail = DEFINITION_TYPE});
        return;
    }
    struct projection_job *asked = projection_job_make(call, FCT_JOB_ACT, deploy_projection);
    if (asked == NULL) {
        return;
    }
    asked->options.why = fct_http_text(call, "why");
    factum_status status = take_timeout(call, &seconds, &err);
    asked->timeout_ms = (int64_t)seconds * 1000;
    if (status == FACTUM_OK) {
        status = check_said(&asked->options, &err);
    }
    if (status == FACTUM_OK && call->body.len == 0) {
        status = fct_fail(&err, FACTUM_INVALID, "the body has no definition");
    }
    fct_http_job_start(&asked->job, status, &err);
}

/* ---- acts ------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    factum_projection_act act;
    enum fct_operation operation;
} act_routes[] = {
    {"pause", FACTUM_ACT_PAUSE, FCT_OP_DEPLOY},
    {"resume", FACTUM_ACT_RESUME, FCT_OP_DEPLOY},
    {"remove", FACTUM_ACT_REMOVE, FCT_OP_DEPLOY},
    {"rebuild", FACTUM_ACT_REBUILD, FCT_OP_DEPLOY},
    {"swap", FACTUM_ACT_SWAP, FCT_OP_DEPLOY},
    {"rollback", FACTUM_ACT_ROLLBACK, FCT_OP_DEPLOY},
    {"retry", FACTUM_ACT_RETRY, FCT_OP_ACT_ON_MODEL},
    {"skip", FACTUM_ACT_SKIP, FCT_OP_ACT_ON_MODEL},
};
#define ACT_ROUTES (sizeof act_routes / sizeof act_routes[0])

static factum_status record_act(struct fct_http_job *job, factum_error *err)
{
    struct projection_job *asked = projection_job_of(job);
    factum_act_result result = {.size = sizeof result};
    factum_status status =
        factum_projection_act_record(job->call->server->store, &asked->request, &result, err);
    if (status != FACTUM_OK) {
        job->http_status = conflict_or(status, 0);
        return status;
    }
    return end_recorded(asked, job->call->name, &result, 200, err);
}

enum act_member { ACT_WHY, ACT_BY, ACT_KEY, ACT_POSITION, ACT_TIMEOUT, ACT_MEMBERS };
static const char *const act_members[ACT_MEMBERS] = {"why", "by", "key", "position",
                                                     "timeoutSeconds"};

/* A retry without a key is one of all keys; a skip needs a position. */
static factum_status complete_act(struct projection_job *asked, const factum_json *json,
                                  const uint32_t values[ACT_MEMBERS], factum_error *err)
{
    factum_act_request *request = &asked->request;
    bool has_key = values[ACT_KEY] != FACTUM_JSON_NONE;
    bool has_position = values[ACT_POSITION] != FACTUM_JSON_NONE;
    if (has_key && request->act != FACTUM_ACT_RETRY) {
        return fct_fail(err, FACTUM_INVALID, "\"key\" belongs to a retry");
    }
    if (has_position != (request->act == FACTUM_ACT_SKIP)) {
        return fct_fail(err, FACTUM_INVALID, "\"position\" belongs to a skip, which needs it");
    }
    if (has_position &&
        factum_json_to_uint64(json, values[ACT_POSITION], &request->position) != FACTUM_OK) {
        return fct_fail(err, FACTUM_INVALID, "\"position\" is a whole number");
    }
    if (request->act == FACTUM_ACT_RETRY && !has_key) {
        request->act = FACTUM_ACT_RETRY_ALL;
    }
    return FACTUM_OK;
}

static factum_status take_act(struct projection_job *asked, const factum_json *json,
                              factum_error *err)
{
    struct fct_http_call *call = asked->job.call;
    uint32_t values[ACT_MEMBERS];
    factum_status status = fct_http_model_members(json, act_members, values, ACT_MEMBERS, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_model_text(call, json, values[ACT_WHY], "why", &asked->options.why, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_model_text(call, json, values[ACT_BY], "by", &asked->options.by, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_model_text(call, json, values[ACT_KEY], "key", &asked->request.key, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = complete_act(asked, json, values, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = check_said(&asked->options, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_http_model_timeout(json, values[ACT_TIMEOUT], &asked->timeout_ms, err);
}

static size_t find_act(factum_slice name)
{
    size_t i = 0;
    while (i < ACT_ROUTES && !fct_slice_equal(name, factum_slice_from(act_routes[i].name))) {
        i++;
    }
    return i;
}

void fct_http_projection_act(struct fct_http_call *call)
{
    factum_error err;
    struct fct_json_doc doc = {.mem = NULL};
    size_t at = find_act(call->more_names[0]);
    if (at == ACT_ROUTES) {
        (void)fct_fail(&err, FACTUM_NOT_FOUND,
                       "an act is pause, resume, remove, rebuild, swap, rollback, retry or skip");
        fct_http_fail(call, FACTUM_NOT_FOUND, &err);
        return;
    }
    if (!fct_http_may(call, act_routes[at].operation, call->name) ||
        (call->body.len > 0 &&
         !fct_http_has_json(call, "the body is application/json: {\"why\": ...}, or empty"))) {
        return;
    }
    struct projection_job *asked = projection_job_make(call, FCT_JOB_ACT, record_act);
    if (asked == NULL) {
        return;
    }
    asked->request = (factum_act_request){.size = sizeof asked->request,
                                          .act = act_routes[at].act,
                                          .projection = call->name,
                                          .options = &asked->options};
    factum_status status = fct_http_model_name(call->name, &err);
    if (status == FACTUM_OK && call->body.len > 0) {
        status = fct_http_body_json(call, 1, &doc, &err);
    }
    if (status == FACTUM_OK) {
        status = take_act(asked, &doc.json, &err);
    }
    fct_json_doc_finish(&doc);
    fct_http_job_start(&asked->job, status, &err);
}

/* ---- the outcome of an act ------------------------------------------------------------------- */

static factum_status look_for_act(struct fct_http_job *job, factum_error *err)
{
    struct projection_job *asked = projection_job_of(job);
    factum_slice name = job->call->name;
    factum_status status = wait_for_host(asked, name, asked->revision, err);
    if (status != FACTUM_OK && status != FACTUM_TIMEOUT) {
        job->http_status = conflict_or(status, 0);
        return status;
    }
    asked->put = fct_http_put(&job->base.out, "{\"name\":", name);
    if (asked->put == FACTUM_OK) {
        asked->put = fct_buf_printf(&job->base.out, ",\"revision\":%" PRIu64 ",\"done\":%s}",
                                    asked->revision, status == FACTUM_OK ? "true" : "false");
    }
    return fct_http_model_end(job, FACTUM_OK, asked->put, err);
}

void fct_http_projection_act_get(struct fct_http_call *call)
{
    factum_error err;
    uint64_t seconds = FCT_MODEL_WAIT_S_DEFAULT;
    struct projection_job *asked = projection_job_make(call, FCT_JOB_ACT, look_for_act);
    if (asked == NULL) {
        return;
    }
    factum_status status = fct_http_models_there(call, &err);
    if (status == FACTUM_OK) {
        status = fct_http_model_name(call->name, &err);
    }
    if (status == FACTUM_OK &&
        fct_http_digits(call->more_names[0], &asked->revision) != FACTUM_OK) {
        status = fct_fail(&err, FACTUM_INVALID, "a revision is a whole number");
    }
    if (status == FACTUM_OK) {
        status = take_timeout(call, &seconds, &err);
    }
    asked->timeout_ms = (int64_t)seconds * 1000;
    fct_http_job_start(&asked->job, status, &err);
}
