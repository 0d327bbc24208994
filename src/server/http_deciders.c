/* http_deciders.c - deciders over HTTP: deployed, listed, shown. Layer: server. Each call is a job
 * (http_job.h): a script is opened before it is deployed, which may take long. */
#include <inttypes.h>

#include "core/error.h"
#include "core/slice.h"
#include "server/deciders.h"
#include "server/http_job.h"
#include "wire/media.h"

struct decider_job {
    struct fct_http_job job;
    bool has_revision;
    uint64_t revision;
    factum_slice text;
    factum_deploy_options options;
    bool by_field; /* the expectation is in If-Match or If-None-Match: 412 */
    bool first;    /* the next item is the first of a list */
    factum_status put;
};

static struct decider_job *decider_job_of(struct fct_http_job *job)
{
    return FCT_CONTAINER_OF(job, struct decider_job, job);
}

/* Returns NULL after it has answered the reason. */
static struct decider_job *decider_job_make(struct fct_http_call *call,
                                            factum_status (*work)(struct fct_http_job *job,
                                                                  factum_error *err))
{
    struct decider_job *made = fct_http_job_make(call, FCT_JOB_SHORT, sizeof *made);
    if (made != NULL) {
        made->job.work = work;
        made->job.base.thread_name = "factum-deciders";
        made->options.size = sizeof made->options;
    }
    return made;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Adds an object's members without its end. */
static factum_status put_deployed(const struct fct_http_job *job, struct fct_buf *out,
                                  const factum_deployed *deployed)
{
    char created[FACTUM_TIME_TEXT_SIZE];
    char token[FACTUM_TOKEN_SIZE];
    factum_time_format(deployed->created, created);
    factum_token_format(job->call->server->store, deployed->position, token);
    factum_status status = fct_http_put(out, "{\"category\":", deployed->category);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_buf_printf(out,
                            ",\"revision\":%" PRIu64 ",\"position\":%" PRIu64
                            ",\"created\":\"%s\",\"hash\":\"%.*s\"",
                            deployed->revision, deployed->position, created,
                            (int)deployed->hash.len, (const char *)deployed->hash.ptr);
    if (status != FACTUM_OK) {
        return status;
    }
    if (deployed->by.len > 0) {
        status = fct_http_put(out, ",\"by\":", deployed->by);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (deployed->why.len > 0) {
        status = fct_http_put(out, ",\"why\":", deployed->why);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_buf_printf(out, ",\"token\":\"%s\"", token);
}

static bool put_each(void *data, const factum_deployed *deployed)
{
    struct decider_job *asked = data;
    struct fct_buf *out = &asked->job.base.out;
    asked->put = fct_buf_add_text(out, asked->first ? "" : ",\n");
    asked->first = false;
    if (asked->put == FACTUM_OK) {
        asked->put = put_deployed(&asked->job, out, deployed);
    }
    if (asked->put == FACTUM_OK) {
        asked->put = fct_buf_add_text(out, "}");
    }
    return asked->put == FACTUM_OK && !atomic_load(&asked->job.base.stop);
}

static factum_status list_deciders(struct fct_http_job *job, factum_error *err)
{
    struct decider_job *asked = decider_job_of(job);
    const factum_deployed_each each = {asked, put_each};
    asked->first = true;
    asked->put = fct_buf_add_text(&job->base.out, "{\"deciders\":[");
    factum_status status = FACTUM_OK;
    if (asked->put == FACTUM_OK) {
        status = factum_decider_list(job->call->server->store, &each, err);
    }
    if (asked->put == FACTUM_OK && status == FACTUM_OK) {
        asked->put = fct_buf_add_text(&job->base.out, "]}");
    }
    status = asked->put == FACTUM_OK ? status : fct_job_put_end(asked->put, err);
    if (status != FACTUM_OK) {
        fct_buf_clear(&job->base.out);
    }
    return status;
}

static factum_status show_decider(struct fct_http_job *job, factum_error *err)
{
    const struct decider_job *asked = decider_job_of(job);
    factum_deployed *deployed;
    factum_status status =
        factum_decider_find(job->call->server->store, job->call->name,
                            asked->has_revision ? &asked->revision : NULL, &deployed, err);
    if (status != FACTUM_OK) {
        /* the category is valid: the stored definition cannot be read */
        job->http_status = status == FACTUM_INVALID ? 500 : 0;
        return status;
    }
    job->has_tag = true;
    job->tag = deployed->revision;
    status = put_deployed(job, &job->base.out, deployed);
    if (status == FACTUM_OK) {
        status = fct_http_put(&job->base.out, ",\"text\":", deployed->text);
    }
    if (status == FACTUM_OK) {
        status = fct_buf_add_text(&job->base.out, "}");
    }
    factum_deployed_free(deployed);
    if (status != FACTUM_OK) {
        fct_buf_clear(&job->base.out);
    }
    return fct_job_put_end(status, err);
}

void fct_http_deciders_list(struct fct_http_call *call)
{
    factum_error err;
    struct decider_job *asked = decider_job_make(call, list_deciders);
    if (asked != NULL) {
        fct_http_job_start(&asked->job, FACTUM_OK, &err);
    }
}

void fct_http_decider_get(struct fct_http_call *call)
{
    factum_error err;
    struct decider_job *asked = decider_job_make(call, show_decider);
    if (asked != NULL) {
        factum_status status = fct_http_category(call, &err);
        if (status == FACTUM_OK) {
            status = fct_http_number(call, "revision", &asked->revision, &err);
        }
        asked->has_revision = fct_http_text(call, "revision").ptr != NULL;
        fct_http_job_start(&asked->job, status, &err);
    }
}

/* ---- deploying ------------------------------------------------------------------------------- */

/* True if the script is at fault: refused by a check with 422, like an event that does not fit. */
static bool is_of_script(factum_status status)
{
    return status == FACTUM_INVALID || status == FACTUM_TOO_BIG;
}

static factum_status deploy_decider(struct fct_http_job *job, factum_error *err)
{
    const struct decider_job *asked = decider_job_of(job);
    factum_store *store = job->call->server->store;
    factum_deployment done = {.size = sizeof done};
    char token[FACTUM_TOKEN_SIZE];
    factum_status status =
        factum_decider_deploy(store, job->call->name, asked->text, &asked->options, &done, err);
    if (status != FACTUM_OK) {
        job->http_status = is_of_script(status)                                 ? 422
                           : status == FACTUM_WRONG_REVISION && asked->by_field ? 412
                                                                                : 0;
        return status;
    }
    job->http_status = done.already ? 200 : 201;
    job->has_tag = true;
    job->tag = done.revision;
    factum_token_format(store, done.position, token);
    status = fct_http_put(&job->base.out, "{\"category\":", job->call->name);
    if (status == FACTUM_OK) {
        status = fct_buf_printf(&job->base.out,
                                ",\"revision\":%" PRIu64 ",\"position\":%" PRIu64
                                ",\"hash\":\"%s\",\"already\":%s,\"token\":\"%s\"}",
                                done.revision, done.position, done.hash,
                                done.already ? "true" : "false", token);
    }
    if (status != FACTUM_OK) { /* it is deployed: answer at least that */
        fct_buf_clear(&job->base.out);
    }
    return FACTUM_OK;
}

/* {"text": "...", "why": "..."} */
static factum_status read_json_text(struct decider_job *asked, factum_error *err)
{
    struct fct_http_call *call = asked->job.call;
    struct fct_json value;
    struct fct_json_fault fault;
    struct fct_json_member members[] = {{.name = FCT_SLICE("text")}, {.name = FCT_SLICE("why")}};
    factum_status status = fct_json_pick(fct_buf_slice(&call->body), &value, members, 2, &fault);
    if (status != FACTUM_OK) {
        return fct_fail(err, FACTUM_INVALID, "the body: not valid JSON: %s at byte %zu",
                        fault.reason, fault.at);
    }
    if (!members[0].found) {
        return fct_fail(err, FACTUM_INVALID,
                        "the body is {\"text\": the script in Lua, \"why\": ...}, or the script as "
                        "text/x-lua");
    }
    status = fct_http_json_text(call, members[0].value.raw, &asked->text);
    if (status == FACTUM_OK && members[1].found) {
        status = fct_http_json_text(call, members[1].value.raw, &asked->options.why);
    }
    if (status == FACTUM_NO_MEMORY) {
        return fct_fail(err, status, "the server is out of memory");
    }
    return status == FACTUM_OK
               ? FACTUM_OK
               : fct_fail(err, FACTUM_INVALID, "\"text\" and \"why\" are texts of UTF-8");
}

static factum_status read_deployment(struct decider_job *asked, bool json, factum_error *err)
{
    struct fct_http_call *call = asked->job.call;
    factum_status status = fct_http_category(call, err);
    if (status == FACTUM_OK) {
        status = fct_http_expected(call, &asked->options.expected, &asked->by_field, err);
    }
    if (asked->options.expected.kind == FACTUM_EXPECTED_ANY) {
        asked->options.expected.kind = FACTUM_EXPECTED_NONE; /* the current definition */
    }
    asked->text = fct_buf_slice(&call->body);
    asked->options.by = call->principal->name;
    asked->options.why = fct_http_text(call, "why");
    if (status == FACTUM_OK && json) {
        status = read_json_text(asked, err);
    }
    if (status == FACTUM_OK && asked->text.len == 0) {
        return fct_fail(err, FACTUM_INVALID, "the body has no script");
    }
    if (status == FACTUM_OK && (asked->options.why.len > FACTUM_DEPLOY_REASON_MAX ||
                                !fct_utf8_valid(asked->options.why))) {
        return fct_fail(err, FACTUM_INVALID, "\"why\" is UTF-8 of at most %d bytes",
                        FACTUM_DEPLOY_REASON_MAX);
    }
    return status;
}

void fct_http_decider_deploy(struct fct_http_call *call)
{
    factum_error err;
    factum_slice field = fct_exchange_field(call->exchange, FCT_SLICE("content-type"));
    factum_slice type = fct_media_type(field);
    bool json = fct_media_is_json(type);
    bool lua = fct_media_is(type, "text/x-lua") || fct_media_is(type, "application/x-lua") ||
               fct_media_is(type, "text/plain");
    if (fct_media_is_foreign(field) || (!json && !lua)) {
        fct_http_refuse(call, &(struct fct_http_refusal){
                                  .code = FACTUM_UNSUPPORTED,
                                  .status = 415,
                                  .detail = "the body is the script, as text/x-lua or text/plain, "
                                            "or application/json: {\"text\": ..., \"why\": ...}"});
        return;
    }
    struct decider_job *asked = decider_job_make(call, deploy_decider);
    if (asked != NULL) {
        factum_status status = read_deployment(asked, json, &err);
        fct_http_job_start(&asked->job, status, &err);
    }
}
