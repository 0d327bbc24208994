/* http_commands.c - a command over HTTP: the deployed decider of its category decides, and the
 * resulting events are appended. Layer: server.
 *
 *     POST /api/v1/commands/account/42/Deposit      the stream is account-42
 *
 * A job (http_job.h): it reads the stream, runs the script and syncs the events. A client that
 * disconnects does not end it, because its command may already be effective; COMMAND_MS does.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/slice.h"
#include "server/deciders.h"
#include "server/http_job.h"
#include "server/models.h"
#include "wire/problem.h"

#define COMMAND_MS 10000

struct command_job {
    struct fct_http_job job;
    /* The request, in the call's memory. */
    factum_slice stream;
    factum_slice name;
    factum_slice id;
    factum_slice key;
    factum_call context;
    /* Used by the thread. */
    struct fct_decider_use *use;
    bool decided;
    factum_result result;
};

static struct command_job *command_job_of(struct fct_http_job *job)
{
    return FCT_CONTAINER_OF(job, struct command_job, job);
}

/* ---- the answer's text ----------------------------------------------------------------------- */

/* Adds the events of the commit, each as a read returns it. */
static factum_status put_cursor(struct fct_buf *out, factum_cursor *cursor)
{
    factum_event event;
    factum_slice line;
    factum_ndjson *ndjson = factum_ndjson_create();
    factum_status status = ndjson == NULL ? FACTUM_NO_MEMORY : FACTUM_OK;
    for (bool first = true; status == FACTUM_OK; first = false) {
        status = factum_cursor_next(cursor, &event, NULL);
        if (status == FACTUM_OK) {
            status = factum_ndjson_format(ndjson, &event, &line, NULL);
        }
        if (status == FACTUM_OK && !first) {
            status = fct_buf_add_text(out, ",\n");
        }
        if (status == FACTUM_OK) {
            status = fct_buf_add(out, line.ptr, line.len - 1); /* without its line end */
        }
    }
    factum_ndjson_destroy(ndjson);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

static factum_status put_events(const struct command_job *asked, struct fct_buf *out)
{
    const factum_result *result = &asked->result;
    const factum_read_request commit = fct_read_of_commit(result);
    factum_cursor *cursor;
    size_t before = out->len;
    factum_status status = fct_buf_add_text(out, ",\"events\":[");
    if (status == FACTUM_OK && result->event_count > 0) {
        status = factum_read(asked->job.call->server->store, &commit, &cursor, NULL);
        if (status == FACTUM_OK) {
            status = put_cursor(out, cursor);
            factum_cursor_close(cursor);
        }
    }
    if (status == FACTUM_OK) {
        status = fct_buf_add_text(out, "]");
    }
    if (status != FACTUM_OK) { /* the command is effective: the answer omits the events */
        out->len = before;
    }
    return FACTUM_OK;
}

static factum_status put_place(const struct command_job *asked, struct fct_buf *out)
{
    const factum_result *result = &asked->result;
    char token[FACTUM_TOKEN_SIZE];
    factum_status status = FACTUM_OK;
    factum_token_format(asked->job.call->server->store, result->place, token);
    if (result->has_revision) {
        status = fct_buf_printf(out, ",\"revision\":%" PRIu64, result->revision);
    }
    if (status == FACTUM_OK && result->event_count > 0) {
        status = fct_buf_printf(out, ",\"position\":%" PRIu64 ",\"firstPosition\":%" PRIu64,
                                result->position, result->first_position);
    }
    if (status == FACTUM_OK && asked->key.len > 0) {
        status = fct_http_put(out, ",\"key\":", asked->key);
    }
    return status == FACTUM_OK ? fct_buf_printf(out, ",\"token\":\"%s\"", token) : status;
}

static factum_status put_command(const struct command_job *asked, struct fct_buf *out)
{
    const factum_result *result = &asked->result;
    bool over_query = factum_script_has_query(fct_deciders_get(asked->use));
    factum_status status =
        fct_buf_printf(out, "{\"verdict\":\"%s\",\"already\":%s,\"count\":%" PRIu64,
                       result->verdict == FACTUM_ACCEPTED ? "accepted" : "nothing",
                       result->already ? "true" : "false", result->event_count);
    if (status != FACTUM_OK) {
        return status;
    }
    if (!over_query) {
        status = fct_http_put(out, ",\"stream\":", asked->stream);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = put_place(asked, out);
    if (status != FACTUM_OK) {
        return status;
    }
    status = put_events(asked, out);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_models_sync_commit(asked->job.call->server, result, &asked->job.base.stop, out);
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_buf_add_text(out, "}");
}

/* Adds the further members of a rejection. */
static factum_status put_rejection(const struct command_job *asked, struct fct_buf *out)
{
    factum_status status = fct_buf_add_text(out, ",\"verdict\":\"rejected\"");
    return status == FACTUM_OK ? put_place(asked, out) : status;
}

/* ---- deciding -------------------------------------------------------------------------------- */

/* True if the script or its definition has failed, which refuses the command. */
static bool is_of_decider(factum_status status)
{
    return status == FACTUM_INVALID || status == FACTUM_TOO_BIG || status == FACTUM_NEWER_FORMAT;
}

static factum_status transact(struct command_job *asked, factum_error *err)
{
    factum_store *store = asked->job.call->server->store;
    const factum_script_decider *decider = fct_deciders_get(asked->use);
    factum_call call = asked->context;
    call.deadline = factum_deadline(COMMAND_MS);
    const factum_script_command command = {
        .size = sizeof command,
        .decider = decider,
        .name = asked->name,
        .id = asked->id,
        .data = asked->job.call->body.len == 0 ? FCT_SLICE("{}")
                                               : fct_buf_slice(&asked->job.call->body),
        .time = factum_now(store),
        .stream = asked->stream,
    };
    const factum_transact_request request = {
        .size = sizeof request,
        .stream = factum_script_has_query(decider) ? fct_slice(NULL, 0) : asked->stream,
        .command = &command,
        .command_id = asked->key,
        .correlation_id = call.correlation_id,
        .causation_id = call.causation_id,
        .traceparent = call.traceparent,
        .tracestate = call.tracestate,
        .call = &call,
    };
    return factum_transact(store, factum_script_decider_get(decider), &request, &asked->result,
                           err);
}

/* Checks the command before the decider is involved: a bad name or bad data is 400. */
static factum_status check_command(const struct command_job *asked, factum_error *err)
{
    const struct fct_http_call *call = asked->job.call;
    factum_stream_info info = {.size = sizeof info};
    factum_status status = factum_stream_info_get(call->server->store, asked->stream, &info, err);
    if (status == FACTUM_OK && call->body.len > 0) {
        status = factum_json_check(fct_buf_slice(&call->body), err);
    }
    return status;
}

static factum_status put_decided(struct command_job *asked)
{
    struct fct_http_job *job = &asked->job;
    asked->decided = true;
    /* The revision of a repeat is not the stream's last one. */
    job->has_tag = asked->result.has_revision && !asked->result.already &&
                   !factum_script_has_query(fct_deciders_get(asked->use));
    job->tag = asked->result.revision;
    return asked->result.verdict == FACTUM_REJECTED ? put_rejection(asked, &job->base.out)
                                                    : put_command(asked, &job->base.out);
}

static factum_status decide_by(struct command_job *asked, factum_error *err)
{
    factum_status status = transact(asked, err);
    if (status == FACTUM_WRONG_REVISION || status == FACTUM_CONDITION_FAILED) {
        return fct_wrap(err, status, "send the command again");
    }
    if (status == FACTUM_OK && put_decided(asked) != FACTUM_OK) {
        fct_buf_clear(&asked->job.base.out); /* it is effective: answer at least that */
    }
    return status;
}

static factum_status decide_command(struct fct_http_job *job, factum_error *err)
{
    struct command_job *asked = command_job_of(job);
    struct fct_server *server = job->call->server;
    factum_status status = check_command(asked, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_deciders_take(server, job->call->name, &asked->use, err);
    if (status == FACTUM_OK) {
        status = decide_by(asked, err);
    }
    fct_deciders_give(server, asked->use);
    job->http_status = is_of_decider(status) ? 422 : 0;
    return status;
}

/* ---- the loop's side ------------------------------------------------------------------------- */

static void answer_rejection(struct command_job *asked)
{
    const struct fct_problem problem = {
        .status = 422,
        .detail = factum_slice_from(asked->result.text),
        .rejection = factum_slice_from(asked->result.code),
        .more = fct_buf_slice(&asked->job.base.out),
    };
    struct fct_buf body;
    fct_buf_init(&body, asked->job.call->server->mem, (size_t)64 << 10);
    if (fct_problem_format(&body, &problem) != FACTUM_OK) {
        fct_buf_clear(&body); /* the status alone is the answer */
    }
    fct_http_answer(asked->job.call,
                    &(struct fct_http_answer){.status = problem.status,
                                              .type = body.len > 0 ? FCT_PROBLEM_TYPE : NULL,
                                              .body = fct_buf_slice(&body)});
    fct_buf_finish(&body);
}

static void answer_command(struct fct_http_job *job)
{
    struct command_job *asked = command_job_of(job);
    if (asked->decided && asked->result.verdict == FACTUM_REJECTED) {
        answer_rejection(asked);
    } else {
        fct_http_job_answer(job);
    }
}

static void finish_command(struct fct_http_job *job)
{
    struct command_job *asked = command_job_of(job);
    const factum_result *result = &asked->result;
    enum fct_command_outcome outcome = FCT_COMMAND_FAILED;
    if (asked->decided && result->verdict == FACTUM_REJECTED) {
        outcome = FCT_COMMAND_REJECTED;
    } else if (asked->decided && result->verdict == FACTUM_NOOP) {
        outcome = FCT_COMMAND_NOTHING;
    } else if (asked->decided) {
        outcome = result->already ? FCT_COMMAND_ALREADY : FCT_COMMAND_ACCEPTED;
    }
    job->call->server->counters.commands[outcome]++;
}

static factum_status read_fields(struct command_job *asked, factum_error *err)
{
    factum_status status = fct_http_context_read(asked->job.call, &asked->context, err);
    return status == FACTUM_OK ? fct_http_key(asked->job.call, &asked->key, err) : status;
}

factum_status fct_http_category(const struct fct_http_call *call, factum_error *err)
{
    factum_slice name = call->name;
    return name.len > 0 && name.ptr[0] != '$' && memchr(name.ptr, '-', name.len) == NULL &&
                   fct_utf8_valid(name)
               ? FACTUM_OK
               : fct_fail(err, FACTUM_INVALID,
                          "\"%.*s\" is not a category: that is the part of a stream's name before "
                          "its first '-', which does not begin with '$'",
                          FCT_FMT(name));
}

/* "account" and "42" are the stream "account-42". */
static factum_status name_stream(struct command_job *asked, factum_error *err)
{
    struct fct_http_call *call = asked->job.call;
    factum_status status = fct_http_category(call, err);
    if (status != FACTUM_OK) {
        return status;
    }
    asked->id = call->more_names[0];
    asked->name = call->more_names[1];
    size_t size = call->name.len + 1 + asked->id.len;
    uint8_t *stream = fct_http_take(call, size);
    if (stream == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "the server is out of memory");
    }
    memcpy(stream, call->name.ptr, call->name.len);
    stream[call->name.len] = '-';
    memcpy(stream + call->name.len + 1, asked->id.ptr, asked->id.len);
    asked->stream = fct_slice(stream, size);
    return fct_utf8_valid(asked->name) && asked->name.len <= FACTUM_NAME_SIZE_MAX
               ? FACTUM_OK
               : fct_fail(err, FACTUM_INVALID, "a command's name is UTF-8 of at most %d bytes",
                          FACTUM_NAME_SIZE_MAX);
}

void fct_http_command(struct fct_http_call *call)
{
    factum_error err;
    if (call->body.len > 0 &&
        !fct_http_has_json(call, "the body is the command's data, as application/json; without a "
                                 "body it is {}")) {
        return;
    }
    struct command_job *asked = fct_http_job_make(call, FCT_JOB_COMMAND, sizeof *asked);
    if (asked == NULL) {
        return;
    }
    asked->job.work = decide_command;
    asked->job.answer = answer_command;
    asked->job.base.thread_name = "factum-command";
    factum_status status = name_stream(asked, &err);
    if (status == FACTUM_OK) {
        status = read_fields(asked, &err);
    }
    asked->job.finish = finish_command;
    fct_http_job_start(&asked->job, status, &err);
}
