/* http_endpoints.c - HTTP endpoints that take commands of sagas, and their parked deliveries:
 * listed, retried, skipped. Layer: server. Each call is a job (http_job.h): it reads endpoints.db.
 * Only with sagas; without them sagas_off.c has these routes.
 *
 * Answers contain no URLs, because one may be a secret. URLs are in "$definition:endpoint-SERVICE".
 */
#include <inttypes.h>

#include <factum/endpoint.h>

#include "core/error.h"
#include "core/slice.h"
#include "server/http_models.h"

#define ENDPOINTS_MAX 10000u

struct endpoint_job {
    struct fct_http_job job;
    factum_slice service; /* empty: all */
    factum_slice key;     /* empty: all */
    factum_slice reason;
    factum_slice by;
    uint64_t position;
    /* Used by the thread. */
    struct fct_http_model_list list;
    bool found;
    factum_status put;
};

static struct endpoint_job *endpoint_job_of(struct fct_http_job *job)
{
    return FCT_CONTAINER_OF(job, struct endpoint_job, job);
}

static factum_status endpoints_there(const struct fct_http_call *call, factum_error *err)
{
    return call->server->endpoints != NULL
               ? FACTUM_OK
               : fct_fail(err, FACTUM_UNSUPPORTED,
                          "this server calls no endpoints: start it with --endpoints-allow");
}

/* Returns NULL after it has answered the reason. */
static struct endpoint_job *endpoint_job_make(struct fct_http_call *call, enum fct_job_kind kind,
                                              factum_status (*work)(struct fct_http_job *job,
                                                                    factum_error *err))
{
    struct endpoint_job *made = fct_http_job_make(call, kind, sizeof *made);
    if (made != NULL) {
        made->job.work = work;
        made->job.base.thread_name = "factum-endpoint";
        made->list.limit = ENDPOINTS_MAX;
        made->service = call->name;
    }
    return made;
}

/* ---- lists ----------------------------------------------------------------------------------- */

static factum_status put_endpoint_status(struct fct_buf *out,
                                         const factum_endpoint_status *endpoint)
{
    factum_status status = fct_http_put(out, "{\"service\":", endpoint->service);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_buf_printf(out,
                            ",\"disabled\":%s,\"waiting\":%" PRIu64 ",\"parked\":%" PRIu64
                            ",\"delivered\":%" PRIu64,
                            endpoint->disabled ? "true" : "false", endpoint->waiting,
                            endpoint->parked, endpoint->delivered);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_model_put_time(out, "notBefore", endpoint->not_before);
    if (status != FACTUM_OK) {
        return status;
    }
    if (endpoint->problem.len > 0) {
        status = fct_http_put(out, ",\"problem\":", endpoint->problem);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_buf_add_text(out, "}");
}

static bool put_each_endpoint(void *data, const factum_endpoint_status *endpoint)
{
    struct endpoint_job *asked = data;
    if (fct_http_model_list_add(&asked->list, &asked->job)) {
        asked->list.put = put_endpoint_status(&asked->job.base.out, endpoint);
    }
    return fct_http_model_list_goes_on(&asked->list, &asked->job);
}

static factum_status put_delivery(struct fct_buf *out, const factum_store *store,
                                  const factum_endpoint_parked *parked)
{
    char token[FACTUM_TOKEN_SIZE];
    factum_token_format(store, parked->position, token);
    factum_status status = fct_http_put(out, "{\"service\":", parked->service);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_put(out, ",\"key\":", parked->key);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_put(out, ",\"commandId\":", parked->command_id);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_put(out, ",\"reason\":", parked->reason);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_buf_printf(out, ",\"attempts\":%" PRIu64 ",\"mayBeDone\":%s", parked->attempts,
                            parked->may_be_done ? "true" : "false");
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_model_put_time(out, "since", parked->since);
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_buf_printf(out, ",\"position\":%" PRIu64 ",\"token\":\"%s\"}", parked->position,
                          token);
}

static bool put_each_delivery(void *data, const factum_endpoint_parked *parked)
{
    struct endpoint_job *asked = data;
    if (fct_http_model_list_add(&asked->list, &asked->job)) {
        asked->list.put =
            put_delivery(&asked->job.base.out, asked->job.call->server->store, parked);
    }
    return fct_http_model_list_goes_on(&asked->list, &asked->job);
}

static factum_status list_endpoints(struct fct_http_job *job, factum_error *err)
{
    struct endpoint_job *asked = endpoint_job_of(job);
    const factum_endpoint_status_each each = {asked, put_each_endpoint};
    asked->list.put = fct_buf_add_text(&job->base.out, "{\"endpoints\":[");
    factum_status status = factum_endpoints_status(job->call->server->endpoints, &each, err);
    return fct_http_model_list_end(&asked->list, job, status, err);
}

static factum_status list_deliveries(struct fct_http_job *job, factum_error *err)
{
    struct endpoint_job *asked = endpoint_job_of(job);
    const factum_endpoint_parked_each each = {asked, put_each_delivery};
    asked->list.put = fct_buf_add_text(&job->base.out, "{\"deliveries\":[");
    factum_status status = factum_endpoints_parked(job->call->server->endpoints, asked->service,
                                                   asked->key, &each, err);
    return fct_http_model_list_end(&asked->list, job, status, err);
}

void fct_http_endpoints_list(struct fct_http_call *call)
{
    factum_error err;
    struct endpoint_job *asked = endpoint_job_make(call, FCT_JOB_SHORT, list_endpoints);
    if (asked != NULL) {
        fct_http_job_start(&asked->job, endpoints_there(call, &err), &err);
    }
}

void fct_http_deliveries_list(struct fct_http_call *call)
{
    factum_error err;
    struct endpoint_job *asked = endpoint_job_make(call, FCT_JOB_SHORT, list_deliveries);
    if (asked == NULL) {
        return;
    }
    asked->list.limit = FCT_HTTP_LIMIT_DEFAULT;
    asked->service = fct_http_text(call, "service");
    asked->key = fct_http_text(call, "key");
    factum_status status = endpoints_there(call, &err);
    if (status == FACTUM_OK) {
        status = fct_http_limit(call, &asked->list.limit, &err);
    }
    fct_http_job_start(&asked->job, status, &err);
}

/* ---- acts ------------------------------------------------------------------------------------ */

static factum_status put_delivery_act(struct endpoint_job *asked, const char *member,
                                      uint64_t value, factum_error *err)
{
    struct fct_buf *out = &asked->job.base.out;
    asked->put = fct_http_put(out, "{\"service\":", asked->service);
    if (asked->put == FACTUM_OK) {
        asked->put = fct_buf_printf(out, ",\"%s\":%" PRIu64 "}", member, value);
    }
    return fct_http_model_end(&asked->job, FACTUM_OK, asked->put, err);
}

static factum_status retry_deliveries(struct fct_http_job *job, factum_error *err)
{
    struct endpoint_job *asked = endpoint_job_of(job);
    uint64_t count = 0;
    factum_status status = factum_endpoints_retry(job->call->server->endpoints, asked->service,
                                                  asked->key, &count, err);
    if (status == FACTUM_OK && count == 0) {
        return fct_fail(err, FACTUM_NOT_FOUND, "no delivery of %.*s%s%.*s is parked",
                        FCT_FMT(asked->service), asked->key.len > 0 ? " with the key " : "",
                        FCT_FMT(asked->key));
    }
    return status == FACTUM_OK ? put_delivery_act(asked, "retried", count, err) : status;
}

static bool find_delivery(void *data, const factum_endpoint_parked *parked)
{
    struct endpoint_job *asked = data;
    asked->found = parked->position == asked->position;
    return !asked->found;
}

static factum_status skip_delivery(struct fct_http_job *job, factum_error *err)
{
    struct endpoint_job *asked = endpoint_job_of(job);
    factum_endpoints *endpoints = job->call->server->endpoints;
    const factum_endpoint_parked_each each = {asked, find_delivery};
    factum_status status =
        factum_endpoints_parked(endpoints, asked->service, FCT_SLICE(""), &each, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (!asked->found) {
        return fct_fail(err, FACTUM_NOT_FOUND, "no delivery of %.*s is parked at position %" PRIu64,
                        FCT_FMT(asked->service), asked->position);
    }
    status = factum_endpoints_skip(endpoints, asked->position, asked->reason, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return put_delivery_act(asked, "skipped", asked->position, err);
}

/* Adds who skipped to the reason: the reply that the saga gets has one text. */
static factum_status add_by(struct endpoint_job *asked, factum_error *err)
{
    struct fct_buf *text = &asked->job.call->out;
    if (asked->reason.len == 0) {
        return fct_fail(err, FACTUM_INVALID, "a skip needs its \"reason\"");
    }
    if (asked->by.len > FACTUM_NAME_SIZE_MAX) {
        return fct_fail(err, FACTUM_INVALID, "\"by\" is at most %d bytes", FACTUM_NAME_SIZE_MAX);
    }
    fct_buf_clear(text);
    factum_status status =
        fct_buf_printf(text, "%.*s (by %.*s)", FCT_FMT(asked->reason), FCT_FMT(asked->by));
    if (status == FACTUM_OK) {
        status = fct_http_copy(asked->job.call, fct_buf_slice(text), &asked->reason);
    }
    fct_buf_clear(text);
    return status == FACTUM_OK ? FACTUM_OK : fct_job_put_end(status, err);
}

static factum_status take_retry(struct endpoint_job *asked, const factum_json *json,
                                factum_error *err)
{
    static const char *const names[] = {"key"};
    uint32_t value;
    factum_status status = fct_http_model_members(json, names, &value, 1, err);
    if (status != FACTUM_OK || value == FACTUM_JSON_NONE) {
        return status;
    }
    status = fct_http_model_text(asked->job.call, json, value, names[0], &asked->key, err);
    return status == FACTUM_OK && asked->key.len == 0
               ? fct_fail(err, FACTUM_INVALID,
                          "\"key\" is empty; without it the deliveries of every key are retried")
               : status;
}

static factum_status take_skip(struct endpoint_job *asked, const factum_json *json,
                               factum_error *err)
{
    enum { SKIP_POSITION, SKIP_REASON, SKIP_BY, SKIP_MEMBERS };
    static const char *const names[SKIP_MEMBERS] = {"position", "reason", "by"};
    struct fct_http_call *call = asked->job.call;
    uint32_t values[SKIP_MEMBERS];
    asked->by = call->principal->name;
    factum_status status = fct_http_model_members(json, names, values, SKIP_MEMBERS, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (values[SKIP_POSITION] == FACTUM_JSON_NONE ||
        factum_json_to_uint64(json, values[SKIP_POSITION], &asked->position) != FACTUM_OK) {
        return fct_fail(err, FACTUM_INVALID, "a skip needs its \"position\", a whole number");
    }
    status = fct_http_model_text(call, json, values[SKIP_REASON], "reason", &asked->reason, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_model_text(call, json, values[SKIP_BY], "by", &asked->by, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return add_by(asked, err);
}

static void start_delivery_act(struct fct_http_call *call, bool skip)
{
    factum_error err;
    struct fct_json_doc doc = {.mem = NULL};
    if ((skip || call->body.len > 0) &&
        !fct_http_has_json(call, skip ? "the body is application/json: {\"position\", \"reason\"}"
                                      : "the body is application/json: {\"key\"}, or empty")) {
        return;
    }
    struct endpoint_job *asked =
        endpoint_job_make(call, FCT_JOB_ACT, skip ? skip_delivery : retry_deliveries);
    if (asked == NULL) {
        return;
    }
    factum_status status = endpoints_there(call, &err);
    if (status == FACTUM_OK && call->body.len > 0) {
        status = fct_http_body_json(call, 1, &doc, &err);
    }
    if (status == FACTUM_OK && (skip || call->body.len > 0)) {
        status = skip ? take_skip(asked, &doc.json, &err) : take_retry(asked, &doc.json, &err);
    }
    fct_json_doc_finish(&doc);
    fct_http_job_start(&asked->job, status, &err);
}

void fct_http_delivery_retry(struct fct_http_call *call)
{
    start_delivery_act(call, false);
}

void fct_http_delivery_skip(struct fct_http_call *call)
{
    start_delivery_act(call, true);
}
