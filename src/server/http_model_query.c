/* http_model_query.c - a query to a read model over HTTP. Layer: server.
 *
 *     POST /api/v1/models/order_summary/query
 *     {"sql": "SELECT ..."} or {"query": NAME, "parameters": {...}}, and "wait": TOKEN,
 *     "timeoutSeconds": N, "at": TIME or TOKEN, "timeAt": TIME, "plan": true, "rowsMax": N,
 *     "typed": true
 *
 * A job (http_job.h): other calls are served while it waits for its place and while SQLite works.
 * Rows are written as JSON as they come. It ends at the limits of model_rows.h, at the size of a
 * job's answer, and at its next row once the client has disconnected.
 */
#include <inttypes.h>

#include "core/error.h"
#include "os/os.h"
#include "server/http_models.h"

#define PARAMETERS_MAX 256u
#define ROWS_MAX 100000u

struct query_job {
    struct fct_http_job job;
    factum_model_query query; /* without its wait, which is done in slices */
    bool has_wait;
    uint64_t wait;
    int64_t timeout_ms;
    bool typed;
    /* Used by the thread. */
    bool first_row;
    factum_status put;
};

static struct query_job *query_job_of(struct fct_http_job *job)
{
    return FCT_CONTAINER_OF(job, struct query_job, job);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static bool put_columns(void *data, const factum_slice *names, size_t count)
{
    struct query_job *asked = data;
    struct fct_buf *out = &asked->job.base.out;
    fct_buf_clear(out);
    asked->put = fct_buf_add_text(out, "{\"columns\":");
    if (asked->put == FACTUM_OK) {
        asked->put = fct_http_model_put_names(out, names, count);
    }
    if (asked->put == FACTUM_OK) {
        asked->put = fct_buf_add_text(out, ",\"rows\":[");
    }
    return asked->put == FACTUM_OK;
}

static bool put_row(void *data, const factum_value *values, size_t count)
{
    struct query_job *asked = data;
    struct fct_buf *out = &asked->job.base.out;
    asked->put = fct_buf_add_text(out, asked->first_row ? "" : ",\n");
    asked->first_row = false;
    if (asked->put == FACTUM_OK) {
        asked->put = fct_http_model_put_values(out, values, count, asked->typed);
    }
    return asked->put == FACTUM_OK && !atomic_load(&asked->job.base.stop);
}

/* Adds how fresh the rows are. */
static factum_status put_fresh(struct fct_buf *out, const factum_store *store,
                               const factum_build_status *build)
{
    factum_status status = fct_buf_add_text(out, "\"asOf\":{");
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_model_put_place(out, store, build);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_buf_printf(out, ",\"version\":%" PRIu64 "},\"behind\":{", build->version);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_model_put_lag(out, build);
    if (status != FACTUM_OK) {
        return status;
    }
    if (build->behind_events > 0) { /* why it is behind: "paused", "building" ... */
        status = fct_buf_printf(out, ",\"state\":\"%s\"", factum_build_state_name(build->state));
    }
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_buf_add_text(out, "}");
}

/* ---- on the thread --------------------------------------------------------------------------- */

/* The wait was too short: 504, with the model's lag. */
static factum_status refuse_wait(struct query_job *asked, const factum_build_status *behind,
                                 factum_error *err)
{
    struct fct_buf *out = &asked->job.base.out;
    factum_status put = fct_buf_add_text(out, ",");
    if (put == FACTUM_OK) {
        put = put_fresh(out, asked->job.call->server->store, behind);
    }
    if (put != FACTUM_OK) {
        fct_buf_clear(out);
    }
    err->status = FACTUM_EXPIRED; /* keeps its text */
    return FACTUM_EXPIRED;
}

static factum_status wait_for_place(struct query_job *asked, factum_error *err)
{
    int64_t begun = fct_monotonic_ms();
    factum_build_status behind = {.size = sizeof behind};
    factum_status status = asked->has_wait ? FACTUM_TIMEOUT : FACTUM_OK;
    while (status == FACTUM_TIMEOUT) {
        int64_t passed = fct_monotonic_ms() - begun;
        int64_t left = passed < asked->timeout_ms ? asked->timeout_ms - passed : 0;
        status =
            factum_models_wait(asked->job.call->server->models, asked->query.model, asked->wait,
                               left < FCT_MODEL_SLICE_MS ? left : FCT_MODEL_SLICE_MS, &behind, err);
        if (status == FACTUM_TIMEOUT && atomic_load(&asked->job.base.stop)) {
            return fct_fail(err, FACTUM_CANCELLED, "the query was cancelled");
        }
        if (status == FACTUM_TIMEOUT && left == 0) {
            return refuse_wait(asked, &behind, err);
        }
    }
    return status;
}

/* Called during a replay. */
static bool is_wanted(void *data, uint64_t done, uint64_t total)
{
    struct query_job *asked = data;
    (void)done;
    (void)total;
    return !atomic_load(&asked->job.base.stop);
}

static bool is_of_the_past(const factum_model_query *query)
{
    return query->at_created_set || query->at_time_set || query->at_position_set;
}

static factum_status query_model(struct fct_http_job *job, factum_error *err)
{
    struct query_job *asked = query_job_of(job);
    factum_model_answer answer = {.size = sizeof answer};
    const factum_rows rows = {asked, put_columns, put_row};
    const factum_progress progress = {asked, is_wanted};
    factum_status status = wait_for_place(asked, err);
    if (status != FACTUM_OK) {
        return status;
    }
    asked->first_row = true;
    asked->query.progress = &progress;
    status = factum_models_query(job->call->server->models, &asked->query, &rows, &answer, err);
    if (asked->put == FACTUM_TOO_BIG) { /* it ended the query */
        status = fct_fail(err, FACTUM_TOO_BIG,
                          "the answer is over 16 MiB of JSON: ask for fewer rows or columns");
    } else if (asked->put != FACTUM_OK) {
        status = fct_job_put_end(asked->put, err);
    }
    if (asked->has_wait && !is_of_the_past(&asked->query) && answer.status.place < asked->wait) {
        answer.status.place = asked->wait; /* no event up to |wait| concerns the model */
    }
    if (status == FACTUM_OK) {
        asked->put = fct_buf_add_text(&job->base.out, "],");
    }
    if (status == FACTUM_OK && asked->put == FACTUM_OK) {
        asked->put = put_fresh(&job->base.out, job->call->server->store, &answer.status);
    }
    if (status == FACTUM_OK && asked->put == FACTUM_OK) {
        asked->put = fct_buf_add_text(&job->base.out, "}");
    }
    return fct_http_model_end(job, status, asked->put, err);
}

/* ---- the body -------------------------------------------------------------------------------- */

enum query_member {
    QUERY_SQL,
    QUERY_NAMED,
    QUERY_PARAMETERS,
    QUERY_WAIT,
    QUERY_TIMEOUT,
    QUERY_PLAN,
    QUERY_ROWS_MAX,
    QUERY_AT,
    QUERY_TIME_AT,
    QUERY_TYPED,
    QUERY_MEMBERS
};

static const char *const query_members[QUERY_MEMBERS] = {
    "sql",  "query",   "parameters", "wait",   "timeoutSeconds",
    "plan", "rowsMax", "at",         "timeAt", "typed",
};

static factum_status take_number(const factum_json *json, uint32_t value, factum_value *taken)
{
    bool integer = (factum_json_at(json, value)->flags & FACTUM_JSON_INTEGER) != 0;
    taken->kind = integer ? FACTUM_VALUE_INTEGER : FACTUM_VALUE_REAL;
    return integer ? factum_json_to_int64(json, value, &taken->integer)
                   : factum_json_to_double(json, value, &taken->real);
}

static factum_status take_value(struct fct_http_call *call, const factum_json *json, uint32_t value,
                                factum_value *taken)
{
    switch (factum_json_kind_of(json, value)) {
    case FACTUM_JSON_NULL:
        taken->kind = FACTUM_VALUE_NULL;
        return FACTUM_OK;
    case FACTUM_JSON_FALSE:
    case FACTUM_JSON_TRUE:
        taken->kind = FACTUM_VALUE_INTEGER;
        taken->integer = factum_json_kind_of(json, value) == FACTUM_JSON_TRUE ? 1 : 0;
        return FACTUM_OK;
    case FACTUM_JSON_NUMBER:
        return take_number(json, value, taken);
    case FACTUM_JSON_TEXT:
        taken->kind = FACTUM_VALUE_TEXT;
        return fct_http_json_text(call, factum_json_raw(json, value), &taken->bytes);
    case FACTUM_JSON_ARRAY:
    case FACTUM_JSON_OBJECT:
        break;
    }
    return FACTUM_INVALID;
}

static factum_status take_parameters(struct query_job *asked, const factum_json *json,
                                     uint32_t value, factum_error *err)
{
    struct fct_http_call *call = asked->job.call;
    if (value == FACTUM_JSON_NONE) {
        return FACTUM_OK;
    }
    uint32_t count = factum_json_count(json, value);
    if (factum_json_kind_of(json, value) != FACTUM_JSON_OBJECT || count > PARAMETERS_MAX) {
        return fct_fail(err, FACTUM_INVALID,
                        "\"parameters\" is an object with at most %u members: {\"name\": value}",
                        PARAMETERS_MAX);
    }
    factum_model_parameter *list = fct_http_take(call, ((size_t)count + 1) * sizeof *list);
    if (list == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "the server is out of memory");
    }
    size_t taken = 0;
    for (uint32_t at = factum_json_first(json, value); at != FACTUM_JSON_NONE;
         at = factum_json_next(json, value, at)) {
        factum_status status =
            fct_http_json_text(call, factum_json_raw(json, at), &list[taken].name);
        if (status == FACTUM_OK) {
            status = take_value(call, json, at + 1, &list[taken].value);
        }
        if (status != FACTUM_OK) {
            return fct_fail(err, status,
                            "the parameter \"%.*s\" is a text, null, true, false, or a number that "
                            "fits 64 bits",
                            FCT_FMT(factum_json_inside(json, at)));
        }
        taken++;
    }
    asked->query.parameters = list;
    asked->query.parameter_count = taken;
    return FACTUM_OK;
}

static factum_status take_flag(const factum_json *json, uint32_t value, const char *name,
                               bool *taken, factum_error *err)
{
    if (value == FACTUM_JSON_NONE) {
        return FACTUM_OK;
    }
    *taken = factum_json_kind_of(json, value) == FACTUM_JSON_TRUE;
    return *taken || factum_json_kind_of(json, value) == FACTUM_JSON_FALSE
               ? FACTUM_OK
               : fct_fail(err, FACTUM_INVALID, "\"%s\" is true or false", name);
}

static factum_status take_limits(struct query_job *asked, const factum_json *json,
                                 const uint32_t values[QUERY_MEMBERS], factum_error *err)
{
    uint32_t rows_max = values[QUERY_ROWS_MAX];
    factum_status status = take_flag(json, values[QUERY_PLAN], "plan", &asked->query.plan, err);
    if (status == FACTUM_OK) {
        status = take_flag(json, values[QUERY_TYPED], "typed", &asked->typed, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (rows_max != FACTUM_JSON_NONE &&
        (factum_json_to_uint64(json, rows_max, &asked->query.rows_max) != FACTUM_OK ||
         asked->query.rows_max == 0 || asked->query.rows_max > ROWS_MAX)) {
        return fct_fail(err, FACTUM_INVALID, "\"rowsMax\" is a number from 1 to %u", ROWS_MAX);
    }
    return fct_http_model_timeout(json, values[QUERY_TIMEOUT], &asked->timeout_ms, err);
}

static factum_status take_wait(struct query_job *asked, const factum_json *json, uint32_t value,
                               factum_error *err)
{
    factum_slice token = {NULL, 0};
    factum_status status = fct_http_model_text(asked->job.call, json, value, "wait", &token, err);
    asked->has_wait = value != FACTUM_JSON_NONE;
    if (status == FACTUM_OK && asked->has_wait) {
        status = factum_token_parse(asked->job.call->server->store, token, &asked->wait, err);
        status = status == FACTUM_OK ? FACTUM_OK : fct_wrap(err, status, "\"wait\"");
    }
    return status;
}

/* Reads "at", a time or a token, and "timeAt", a time. */
static factum_status take_moment(struct query_job *asked, const factum_json *json,
                                 const uint32_t values[QUERY_MEMBERS], factum_error *err)
{
    struct fct_http_call *call = asked->job.call;
    factum_model_query *query = &asked->query;
    factum_slice at = {NULL, 0};
    factum_slice time_at = {NULL, 0};
    factum_status status = fct_http_model_text(call, json, values[QUERY_AT], "at", &at, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_model_text(call, json, values[QUERY_TIME_AT], "timeAt", &time_at, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (at.ptr != NULL && time_at.ptr != NULL) {
        return fct_fail(err, FACTUM_INVALID, "\"at\" and \"timeAt\" exclude each other");
    }
    if (time_at.ptr != NULL) {
        query->at_time_set = true;
        status = factum_time_parse(time_at, &query->at) == FACTUM_OK
                     ? FACTUM_OK
                     : fct_fail(err, FACTUM_INVALID, "\"timeAt\" is a time of RFC 3339");
    } else if (at.ptr != NULL) {
        query->at_created_set = factum_time_parse(at, &query->at) == FACTUM_OK;
        query->at_position_set = !query->at_created_set;
        if (query->at_position_set) {
            status = factum_token_parse(call->server->store, at, &query->at_position, err);
            status = status == FACTUM_OK
                         ? FACTUM_OK
                         : fct_wrap(err, status, "\"at\", a time of RFC 3339 or a token");
        }
    }
    return status;
}

static factum_status take_model_query(struct query_job *asked, const factum_json *json,
                                      factum_error *err)
{
    struct fct_http_call *call = asked->job.call;
    uint32_t values[QUERY_MEMBERS];
    factum_status status = fct_http_model_members(json, query_members, values, QUERY_MEMBERS, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_model_text(call, json, values[QUERY_SQL], "sql", &asked->query.sql, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status =
        fct_http_model_text(call, json, values[QUERY_NAMED], "query", &asked->query.named, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if ((asked->query.sql.len > 0) == (asked->query.named.len > 0)) {
        return fct_fail(err, FACTUM_INVALID,
                        "the body has \"sql\", a SELECT, or \"query\", the name of a query");
    }
    status = take_parameters(asked, json, values[QUERY_PARAMETERS], err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = take_wait(asked, json, values[QUERY_WAIT], err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = take_moment(asked, json, values, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return take_limits(asked, json, values, err);
}

void fct_http_model_query(struct fct_http_call *call)
{
    factum_error err;
    struct fct_json_doc doc = {.mem = NULL};
    if (!fct_http_has_json(call, "the body is application/json: {\"sql\": \"SELECT ...\"}")) {
        return;
    }
    struct query_job *asked = fct_http_job_make(call, FCT_JOB_QUERY, sizeof *asked);
    if (asked == NULL) {
        return;
    }
    asked->job.work = query_model;
    asked->job.base.thread_name = "factum-query";
    asked->query = (factum_model_query){.size = sizeof asked->query, .model = call->name};
    factum_status status = fct_http_models_there(call, &err);
    if (status == FACTUM_OK) {
        status = fct_http_body_json(call, 2, &doc, &err);
    }
    if (status == FACTUM_OK) {
        status = take_model_query(asked, &doc.json, &err);
    }
    fct_json_doc_finish(&doc);
    fct_http_job_start(&asked->job, status, &err);
}
