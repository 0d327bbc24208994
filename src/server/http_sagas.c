/* http_sagas.c - sagas over HTTP: deployed, listed, shown, drawn, acted on. Layer: server. Each
 * call is a job (http_job.h). Only with sagas; without them sagas_off.c has these routes.
 *
 * The members of answers are those of `factum saga ... --json`: the same functions write them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <factum/saga_view.h>

#include "core/error.h"
#include "core/slice.h"
#include "server/http_models.h"
#include "wire/media.h"

#define SAGA_LISTS_WAIT_MS 1000 /* for lists that are slightly behind */
#define SAGA_TYPE                                                                                  \
    "the body is the definition, as application/yaml or text/plain; the reason is ?why="

struct saga_job {
    struct fct_http_job job;
    factum_saga_filter filter;
    factum_slice saga_id; /* NAME-ID */
    factum_saga_act_request request;
    bool by_field; /* the revision is in If-Match */
    bool dot;
    factum_saga_deploy_options deploy;
    /* Used by the thread. */
    factum_arena arena;
    factum_status put;
    bool first;
    uint64_t count;
    uint64_t last;
};

static struct saga_job *saga_job_of(struct fct_http_job *job)
{
    return FCT_CONTAINER_OF(job, struct saga_job, job);
}

/* Checks that the server runs sagas. Errors: UNSUPPORTED. */
static factum_status sagas_there(const struct fct_http_call *call, factum_error *err)
{
    return call->server->sagas != NULL
               ? FACTUM_OK
               : fct_fail(err, FACTUM_UNSUPPORTED,
                          "this server runs no sagas: start it without --no-run");
}

/* Returns NULL after it has answered the reason. */
static struct saga_job *saga_job_make(struct fct_http_call *call, enum fct_job_kind kind,
                                      factum_status (*work)(struct fct_http_job *job,
                                                            factum_error *err))
{
    struct saga_job *made = fct_http_job_make(call, kind, sizeof *made);
    if (made != NULL) {
        made->job.work = work;
        made->job.base.thread_name = "factum-sagas";
        made->first = true;
    }
    return made;
}

/* Copies NAME-ID of the path into the call's memory. */
static factum_status take_saga_id(struct saga_job *asked, factum_error *err)
{
    struct fct_http_call *call = asked->job.call;
    factum_slice id = call->more_names[0];
    factum_status status = fct_http_model_name(call->name, err);
    if (status != FACTUM_OK) {
        return status;
    }
    size_t size = call->name.len + 1 + id.len;
    uint8_t *text = fct_http_take(call, size);
    if (text == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "the server is out of memory");
    }
    memcpy(text, call->name.ptr, call->name.len);
    text[call->name.len] = '-';
    memcpy(text + call->name.len + 1, id.ptr, id.len);
    asked->saga_id = fct_slice(text, size);
    return FACTUM_OK;
}

/* ---- lists ----------------------------------------------------------------------------------- */

static void put_written(struct saga_job *asked, factum_json_writer *to)
{
    factum_status status = factum_json_writer_finish(to, NULL);
    if (status == FACTUM_OK) {
        status = fct_buf_add_slice(&asked->job.base.out, fct_slice(to->buffer, to->used));
    }
    asked->put = status;
    factum_arena_reset(&asked->arena);
}

static void begin_saga_item(struct saga_job *asked, factum_json_writer *to)
{
    asked->put = fct_buf_add_text(&asked->job.base.out, asked->first ? "" : ",\n");
    asked->first = false;
    asked->count++;
    factum_json_writer_in(to, &asked->arena);
}

static bool put_saga_entry(void *data, const factum_saga_entry *entry)
{
    struct saga_job *asked = data;
    factum_json_writer to;
    begin_saga_item(asked, &to);
    factum_saga_entry_write(entry, &to);
    asked->last = entry->position;
    if (asked->put == FACTUM_OK) {
        put_written(asked, &to);
    }
    return asked->put == FACTUM_OK && !atomic_load(&asked->job.base.stop);
}

static bool put_saga_timer(void *data, const factum_saga_timer *timer)
{
    struct saga_job *asked = data;
    factum_json_writer to;
    begin_saga_item(asked, &to);
    factum_saga_timer_write(timer, &to);
    if (asked->put == FACTUM_OK) {
        put_written(asked, &to);
    }
    return asked->put == FACTUM_OK && !atomic_load(&asked->job.base.stop);
}

static bool put_saga_version(void *data, const factum_saga_deployed *deployed)
{
    struct saga_job *asked = data;
    factum_json_writer to;
    begin_saga_item(asked, &to);
    factum_saga_deployed_write(deployed, &to);
    if (asked->put == FACTUM_OK) {
        put_written(asked, &to);
    }
    return asked->put == FACTUM_OK && !atomic_load(&asked->job.base.stop);
}

static factum_status ask_lists(struct saga_job *asked, bool timers, factum_error *err)
{
    const factum_saga_each each = {asked, put_saga_entry};
    const factum_saga_timer_each each_timer = {asked, put_saga_timer};
    factum_sagas *sagas = asked->job.call->server->sagas;
    return timers ? factum_sagas_timers(sagas, &asked->filter, &each_timer, err)
                  : factum_sagas_list(sagas, &asked->filter, &each, err);
}

/* Waits a moment for what was visible when the call came; lists that are further behind answer as
 * they are. */
static factum_status list_of(struct saga_job *asked, bool timers, factum_error *err)
{
    struct fct_buf *out = &asked->job.base.out;
    factum_arena_init(&asked->arena, 0);
    asked->put = fct_buf_add_text(out, timers ? "{\"timers\":[" : "{\"sagas\":[");
    factum_status status =
        factum_visible_place(asked->job.call->server->store, &asked->filter.wait, err);
    if (status == FACTUM_OK) {
        asked->filter.wait_set = true;
        asked->filter.wait_ms = SAGA_LISTS_WAIT_MS;
        status = ask_lists(asked, timers, err);
    }
    if (status == FACTUM_TIMEOUT) {
        asked->filter.wait_set = false;
        status = ask_lists(asked, timers, err);
    }
    factum_arena_finish(&asked->arena);
    if (status == FACTUM_OK && asked->put == FACTUM_OK) {
        bool more = asked->count == asked->filter.count_max;
        asked->put = fct_buf_printf(out, "],\"more\":%s", more ? "true" : "false");
        if (asked->put == FACTUM_OK) {
            asked->put = more && !timers
                             ? fct_buf_printf(out, ",\"after\":%" PRIu64 "}", asked->last)
                             : fct_buf_add_text(out, "}");
        }
    }
    return fct_http_model_end(&asked->job, status, asked->put, err);
}

static factum_status list_sagas(struct fct_http_job *job, factum_error *err)
{
    return list_of(saga_job_of(job), false, err);
}

static factum_status list_timers(struct fct_http_job *job, factum_error *err)
{
    return list_of(saga_job_of(job), true, err);
}

static factum_status take_status(struct saga_job *asked, factum_error *err)
{
    factum_slice name = fct_http_text(asked->job.call, "status");
    if (name.ptr == NULL) {
        return FACTUM_OK;
    }
    for (int i = FACTUM_SAGA_WAITING; i <= FACTUM_SAGA_OPEN; i++) {
        factum_saga_status status = (factum_saga_status)i;
        if (fct_slice_equal(name, factum_slice_from(factum_saga_status_name(status)))) {
            asked->filter.status = status;
            return FACTUM_OK;
        }
    }
    return fct_fail(err, FACTUM_INVALID,
                    "\"status\" is waiting, running, compensating, stuck, done, undone, completed "
                    "or open, not \"%.*s\"",
                    FCT_FMT(name));
}

static void start_list(struct fct_http_call *call,
                       factum_status (*work)(struct fct_http_job *job, factum_error *err))
{
    factum_error err;
    struct saga_job *asked = saga_job_make(call, FCT_JOB_SHORT, work);
    if (asked == NULL) {
        return;
    }
    asked->filter = (factum_saga_filter){.size = sizeof asked->filter,
                                         .saga = fct_http_text(call, "saga"),
                                         .count_max = FCT_HTTP_LIMIT_DEFAULT};
    factum_status status = sagas_there(call, &err);
    if (status == FACTUM_OK) {
        status = take_status(asked, &err);
    }
    if (status == FACTUM_OK) {
        status = fct_http_number(call, "after", &asked->filter.after, &err);
    }
    if (status == FACTUM_OK) {
        status = fct_http_limit(call, &asked->filter.count_max, &err);
    }
    fct_http_job_start(&asked->job, status, &err);
}

void fct_http_sagas_list(struct fct_http_call *call)
{
    start_list(call, list_sagas);
}

void fct_http_saga_timers(struct fct_http_call *call)
{
    start_list(call, list_timers);
}

static factum_status list_versions(struct fct_http_job *job, factum_error *err)
{
    struct saga_job *asked = saga_job_of(job);
    const factum_saga_deployed_each each = {asked, put_saga_version};
    factum_arena_init(&asked->arena, 0);
    asked->put = fct_buf_add_text(&job->base.out, "{\"versions\":[");
    factum_status status =
        factum_saga_deployments(job->call->server->store, job->call->name, &each, err);
    factum_arena_finish(&asked->arena);
    if (status == FACTUM_OK && asked->put == FACTUM_OK) {
        asked->put = fct_buf_add_text(&job->base.out, "]}");
    }
    return fct_http_model_end(job, status, asked->put, err);
}

void fct_http_saga_versions(struct fct_http_call *call)
{
    factum_error err;
    struct saga_job *asked = saga_job_make(call, FCT_JOB_SHORT, list_versions);
    if (asked != NULL) {
        fct_http_job_start(&asked->job, fct_http_model_name(call->name, &err), &err);
    }
}

/* ---- one saga -------------------------------------------------------------------------------- */

static factum_status put_view(struct saga_job *asked, const factum_saga_view *view)
{
    factum_json_writer to;
    factum_arena_init(&asked->arena, 0);
    factum_json_writer_in(&to, &asked->arena);
    factum_saga_view_write(view, &to);
    put_written(asked, &to);
    factum_arena_finish(&asked->arena);
    return asked->put;
}

static factum_status show_saga(struct fct_http_job *job, factum_error *err)
{
    struct saga_job *asked = saga_job_of(job);
    factum_saga_view view = {.size = sizeof view};
    factum_status status =
        factum_saga_view_get(job->call->server->store, asked->saga_id, &view, err);
    if (status == FACTUM_OK) {
        job->has_tag = true;
        job->tag = view.revision;
        asked->put = put_view(asked, &view);
    }
    factum_saga_view_free(&view);
    return fct_http_model_end(job, status, asked->put, err);
}

static factum_status draw_saga(struct fct_http_job *job, factum_error *err)
{
    struct saga_job *asked = saga_job_of(job);
    factum_saga_view view = {.size = sizeof view};
    factum_slice text;
    factum_status status =
        factum_saga_view_get(job->call->server->store, asked->saga_id, &view, err);
    if (status == FACTUM_OK) {
        status = factum_saga_graph(&view, asked->dot ? FACTUM_SAGA_DOT : FACTUM_SAGA_MERMAID, &text,
                                   err);
    }
    if (status == FACTUM_OK) {
        asked->put = fct_buf_add_slice(&job->base.out, text);
    }
    factum_saga_view_free(&view);
    return fct_http_model_end(job, status, asked->put, err);
}

static void answer_drawing(struct fct_http_job *job)
{
    const struct saga_job *asked = saga_job_of(job);
    if (job->base.status != FACTUM_OK) {
        fct_http_job_answer(job);
        return;
    }
    fct_http_answer(job->call, &(struct fct_http_answer){.status = 200,
                                                         .type = asked->dot ? "text/vnd.graphviz"
                                                                            : "text/vnd.mermaid",
                                                         .body = fct_buf_slice(&job->base.out)});
}

void fct_http_saga_get(struct fct_http_call *call)
{
    factum_error err;
    struct saga_job *asked = saga_job_make(call, FCT_JOB_SHORT, show_saga);
    if (asked != NULL) {
        fct_http_job_start(&asked->job, take_saga_id(asked, &err), &err);
    }
}

void fct_http_saga_graph(struct fct_http_call *call)
{
    factum_error err;
    factum_slice format = fct_http_text(call, "format");
    struct saga_job *asked = saga_job_make(call, FCT_JOB_SHORT, draw_saga);
    if (asked == NULL) {
        return;
    }
    asked->job.answer = answer_drawing;
    asked->dot = fct_slice_equal(format, FCT_SLICE("dot"));
    factum_status status = take_saga_id(asked, &err);
    if (status == FACTUM_OK && format.ptr != NULL && !asked->dot &&
        !fct_slice_equal(format, FCT_SLICE("mermaid"))) {
        status = fct_fail(&err, FACTUM_INVALID, "\"format\" is mermaid or dot");
    }
    fct_http_job_start(&asked->job, status, &err);
}

/* ---- deploying ------------------------------------------------------------------------------- */

/* Adds the findings of the check to the answer or to the refusal. */
static factum_status put_report(struct fct_buf *out, const factum_saga_report *report)
{
    factum_status status = fct_buf_printf(out, ",\"states\":%" PRIu64, report->state_count);
    if (status == FACTUM_OK && report->broken_rule[0] != '\0') {
        status = fct_http_put(out, ",\"rule\":", factum_slice_from(report->broken_rule));
    }
    return status == FACTUM_OK && report->table_len > 0
               ? fct_http_put(out, ",\"table\":", fct_slice(report->table, report->table_len))
               : status;
}

static factum_status put_saga_deployed(struct saga_job *asked, const factum_saga *saga,
                                       const factum_act_result *done,
                                       const factum_saga_report *report, factum_error *err)
{
    struct fct_buf *out = &asked->job.base.out;
    char token[FACTUM_TOKEN_SIZE];
    factum_saga_info info = {.size = sizeof info};
    factum_status status = factum_saga_info_get(saga, &info, err);
    if (status != FACTUM_OK) {
        return status;
    }
    factum_token_format(asked->job.call->server->store, done->position, token);
    asked->job.http_status = done->already ? 200 : 201;
    asked->put = fct_http_put(out, "{\"name\":", info.name);
    if (asked->put == FACTUM_OK) {
        asked->put =
            fct_buf_printf(out,
                           ",\"version\":%" PRIu64 ",\"hash\":\"%.*s\",\"revision\":%" PRIu64
                           ",\"position\":%" PRIu64 ",\"already\":%s,\"token\":\"%s\"",
                           info.version, FCT_FMT(info.hash), done->revision, done->position,
                           done->already ? "true" : "false", token);
    }
    if (asked->put == FACTUM_OK) {
        asked->put = put_report(out, report);
    }
    if (asked->put == FACTUM_OK) {
        asked->put = fct_buf_add_text(out, "}");
    }
    return fct_http_model_end(&asked->job, FACTUM_OK, asked->put, err);
}

static factum_status deploy_loaded_saga(struct saga_job *asked, const factum_saga *saga,
                                        factum_error *err)
{
    factum_act_result done = {.size = sizeof done};
    factum_saga_report report = {.size = sizeof report};
    factum_status status = factum_saga_deploy(asked->job.call->server->store, saga, &asked->deploy,
                                              &done, &report, err);
    if (status == FACTUM_OK) {
        status = put_saga_deployed(asked, saga, &done, &report, err);
    } else if (status == FACTUM_CONDITION_FAILED) {
        asked->job.http_status = 422;
        if (put_report(&asked->job.base.out, &report) != FACTUM_OK) {
            fct_buf_clear(&asked->job.base.out);
        }
    } else {
        asked->job.http_status = status == FACTUM_INVALID ? 409 : 0;
    }
    factum_saga_report_free(&report);
    return status;
}

static factum_status deploy_saga(struct fct_http_job *job, factum_error *err)
{
    struct saga_job *asked = saga_job_of(job);
    factum_schemas *schemas;
    factum_saga *saga;
    factum_status status = factum_schemas_open(job->call->server->store, &schemas, err);
    if (status != FACTUM_OK) {
        return status;
    }
    const factum_saga_options options = {
        .size = sizeof options, .name = "saga.yaml", .schemas = schemas};
    status = factum_saga_load(fct_buf_slice(&job->call->body), &options, &saga, err);
    factum_schemas_close(schemas);
    if (status != FACTUM_OK) {
        bool of_text =
            status == FACTUM_INVALID || status == FACTUM_TOO_BIG || status == FACTUM_UNSUPPORTED;
        job->http_status = of_text ? 422 : 0;
        return status;
    }
    status = deploy_loaded_saga(asked, saga, err);
    factum_saga_free(saga);
    return status;
}

void fct_http_saga_deploy(struct fct_http_call *call)
{
    factum_error err;
    factum_slice field = fct_exchange_field(call->exchange, FCT_SLICE("content-type"));
    factum_slice type = fct_media_type(field);
    if (fct_media_is_foreign(field) ||
        !(fct_media_is(type, "application/yaml") || fct_media_is(type, "text/plain"))) {
        fct_http_refuse(call, &(struct fct_http_refusal){
                                  .code = FACTUM_UNSUPPORTED, .status = 415, .detail = SAGA_TYPE});
        return;
    }
    struct saga_job *asked = saga_job_make(call, FCT_JOB_ACT, deploy_saga);
    if (asked == NULL) {
        return;
    }
    asked->deploy = (factum_saga_deploy_options){.size = sizeof asked->deploy};
    asked->deploy.act = (factum_act_options){.size = sizeof asked->deploy.act,
                                             .by = call->principal->name,
                                             .why = fct_http_text(call, "why")};
    factum_status status = fct_http_flag(call, "force", &asked->deploy.forced, &err);
    if (status == FACTUM_OK && call->body.len == 0) {
        status = fct_fail(&err, FACTUM_INVALID, "the body has no definition");
    }
    fct_http_job_start(&asked->job, status, &err);
}

/* ---- acts ------------------------------------------------------------------------------------ */

static factum_status put_saga_outcome(struct saga_job *asked,
                                      const factum_saga_act_outcome *outcome)
{
    struct fct_buf *out = &asked->job.base.out;
    char token[FACTUM_TOKEN_SIZE];
    const struct fct_http_call *call = asked->job.call;
    factum_status status = fct_http_put(out, "{\"saga\":", call->name);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_put(out, ",\"id\":", call->more_names[0]);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_buf_printf(out, ",\"verb\":\"%s\",\"whatIf\":%s,\"revision\":%" PRIu64,
                            factum_saga_verb_name(asked->request.verb),
                            asked->request.what_if ? "true" : "false", outcome->revision);
    if (status != FACTUM_OK) {
        return status;
    }
    if (!asked->request.what_if) {
        factum_token_format(call->server->store, outcome->position, token);
        status = fct_buf_printf(out, ",\"position\":%" PRIu64 ",\"token\":\"%s\"",
                                outcome->position, token);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_put(out, ",\"consequence\":", factum_slice_from(outcome->consequence));
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_buf_add_text(out, "}");
}

static factum_status act_on_saga(struct fct_http_job *job, factum_error *err)
{
    struct saga_job *asked = saga_job_of(job);
    factum_saga_act_outcome outcome = {.size = sizeof outcome};
    asked->request.saga_id = asked->saga_id;
    factum_status status =
        factum_saga_act(job->call->server->store, &asked->request, &outcome, err);
    if (status != FACTUM_OK) {
        job->http_status = status == FACTUM_WRONG_REVISION && asked->by_field ? 412 : 0;
        return status;
    }
    job->has_tag = true;
    job->tag = outcome.revision;
    if (put_saga_outcome(asked, &outcome) != FACTUM_OK) {
        fct_buf_clear(&job->base.out); /* it is done: answer at least that */
    }
    return FACTUM_OK;
}

enum verb_member {
    VERB_STEP,
    VERB_REASON,
    VERB_BY,
    VERB_DATA,
    VERB_RESULT,
    VERB_REVISION,
    VERB_WHAT_IF,
    VERB_DUE,
    VERB_MEMBERS
};
static const char *const verb_members[VERB_MEMBERS] = {"step",   "reason",   "by",     "data",
                                                       "result", "revision", "whatIf", "due"};

static factum_status take_texts(struct saga_job *asked, const factum_json *json,
                                const uint32_t values[VERB_MEMBERS], factum_error *err)
{
    struct fct_http_call *call = asked->job.call;
    factum_saga_act_request *request = &asked->request;
    factum_slice result = fct_slice(NULL, 0);
    factum_slice due = fct_slice(NULL, 0);
    struct {
        enum verb_member member;
        factum_slice *text;
    } texts[] = {{VERB_STEP, &request->step},
                 {VERB_REASON, &request->reason},
                 {VERB_BY, &request->by},
                 {VERB_RESULT, &result},
                 {VERB_DUE, &due}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        factum_status status = fct_http_model_text(
            call, json, values[texts[i].member], verb_members[texts[i].member], texts[i].text, err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    request->ok = fct_slice_equal(result, FCT_SLICE("ok"));
    bool known = result.len == 0 || request->ok || fct_slice_equal(result, FCT_SLICE("fail"));
    if (!known || (result.len == 0 && request->verb == FACTUM_SAGA_SKIP)) {
        return fct_fail(err, FACTUM_INVALID, "\"result\" is \"ok\" or \"fail\"; a skip needs it");
    }
    return due.len == 0 || factum_time_parse(due, &request->due) == FACTUM_OK
               ? FACTUM_OK
               : fct_fail(err, FACTUM_INVALID, "\"due\" is a time as 2026-01-31T12:00:00Z");
}

static factum_status take_verb_rest(struct saga_job *asked, const factum_json *json,
                                    const uint32_t values[VERB_MEMBERS], factum_error *err)
{
    factum_saga_act_request *request = &asked->request;
    if (values[VERB_REVISION] != FACTUM_JSON_NONE) {
        if (request->revision_set ||
            factum_json_to_uint64(json, values[VERB_REVISION], &request->revision) != FACTUM_OK) {
            return fct_fail(err, FACTUM_INVALID,
                            "\"revision\" is a whole number, and If-Match is not there besides");
        }
        request->revision_set = true;
    }
    if (values[VERB_WHAT_IF] != FACTUM_JSON_NONE) {
        factum_json_kind kind = factum_json_kind_of(json, values[VERB_WHAT_IF]);
        if (kind != FACTUM_JSON_TRUE && kind != FACTUM_JSON_FALSE) {
            return fct_fail(err, FACTUM_INVALID, "\"whatIf\" is true or false");
        }
        request->what_if = kind == FACTUM_JSON_TRUE;
    }
    return values[VERB_DATA] == FACTUM_JSON_NONE
               ? FACTUM_OK
               : fct_http_copy(asked->job.call, factum_json_raw(json, values[VERB_DATA]),
                               &request->data);
}

static factum_status take_verb(struct saga_job *asked, const factum_json *json, factum_error *err)
{
    uint32_t values[VERB_MEMBERS];
    factum_expected expected = factum_any();
    factum_status status = fct_http_model_members(json, verb_members, values, VERB_MEMBERS, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_expected(asked->job.call, &expected, &asked->by_field, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (asked->by_field) {
        asked->request.revision_set = expected.kind == factum_at(0).kind;
        asked->request.revision = expected.revision;
    }
    status = take_texts(asked, json, values, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return take_verb_rest(asked, json, values, err);
}

/* Returns 0 for an unknown name. */
static factum_saga_verb find_verb(factum_slice name)
{
    for (int i = FACTUM_SAGA_RETRY; i <= FACTUM_SAGA_TIMER_CANCEL; i++) {
        factum_saga_verb verb = (factum_saga_verb)i;
        if (fct_slice_equal(name, factum_slice_from(factum_saga_verb_name(verb)))) {
            return verb;
        }
    }
    return (factum_saga_verb)0;
}

void fct_http_saga_act(struct fct_http_call *call)
{
    factum_error err;
    struct fct_json_doc doc = {.mem = NULL};
    factum_saga_verb verb = find_verb(call->more_names[1]);
    if (factum_saga_verb_name(verb)[0] == '\0') {
        (void)fct_fail(&err, FACTUM_NOT_FOUND,
                       "an act is retry, edit, skip, undo, complete, cancel, move-timer or "
                       "cancel-timer");
        fct_http_fail(call, FACTUM_NOT_FOUND, &err);
        return;
    }
    if (!fct_http_has_json(call, "the body is application/json: {\"reason\": ...}")) {
        return;
    }
    struct saga_job *asked = saga_job_make(call, FCT_JOB_ACT, act_on_saga);
    if (asked == NULL) {
        return;
    }
    asked->request = (factum_saga_act_request){
        .size = sizeof asked->request, .verb = verb, .by = call->principal->name};
    factum_status status = take_saga_id(asked, &err);
    if (status == FACTUM_OK) {
        status = fct_http_body_json(call, 1, &doc, &err);
    }
    if (status == FACTUM_OK) {
        status = take_verb(asked, &doc.json, &err);
    }
    fct_json_doc_finish(&doc);
    fct_http_job_start(&asked->job, status, &err);
}

/* Returns false if no sagas run here. */
bool fct_server_sagas_info(const struct fct_server *server, factum_sagas_info *info)
{
    return server->sagas != NULL && factum_sagas_info_get(server->sagas, info, NULL) == FACTUM_OK;
}
