/* http_schemas.c - the registry over HTTP: schemas are listed, read, registered and checked, modes
 * are set. Layer: server.
 *
 * Each call is a job on a thread of its own: the registry is read whole, and a schema is proven on
 * stored events, which may last.
 *
 *     loop                                  thread
 *     run -> start                     ->   factum_schema_register and the like, the answer's text
 *     every 20 ms, if the server stops:
 *     stop = true                      ->   the proof's next step returns false: CANCELLED
 *     the exchange has closed: the same
 *     join, answer                     <-   fct_loop_post, its last act
 *
 * Invariants.
 *  1. A job, and a call that has one, are freed by the loop alone, after the thread was joined.
 *     Until then the call's body and URL stay as they are.
 *  2. The server does not end while one of server->schema_jobs is not 0.
 *  3. The thread uses no exchange, and of the call its name, its body, and the server's store and
 *     loop.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

#include <factum/registry.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "os/thread.h"
#include "server/http_int.h"
#include "wire/json_out.h"
#include "wire/media.h"

#define SCHEMAS_LOOK_MS 20u
#define SCHEMAS_OUT_MAX ((size_t)64 << 20)

/* At once. A proof may take a processor for long, a reader takes its memory. */
static const size_t schema_jobs_max[FCT_SCHEMA_JOB_KINDS] = {
    [FCT_SCHEMA_JOB_SHORT] = 16,
    [FCT_SCHEMA_JOB_PROOF] = 2,
};

struct schema_job {
    struct fct_http_call *call; /* its exchange is NULL when the client has gone */
    enum fct_schema_job_kind kind;
    factum_status (*work)(struct schema_job *job, factum_error *err);
    struct fct_thread thread;
    struct fct_task task;
    struct fct_timer timer;
    _Atomic bool stop;
    /* What is asked, set by the loop before the thread starts. */
    bool all;
    bool write;
    uint64_t number;
    factum_schema_mode mode;
    factum_register_options options;
    /* The thread's, until |task| runs. */
    factum_status status;
    factum_error err;
    unsigned http_status; /* 0: 200, or that of the failure */
    bool has_version;     /* for the ETag */
    uint64_t version;
    struct fct_buf out; /* the answer; of a refusal, its further members */
};

/* ---- the job --------------------------------------------------------------------------------- */

static void schema_job_run(void *data)
{
    struct schema_job *job = data;
    job->status = job->work(job, &job->err);
    fct_loop_post(job->call->server->loop, &job->task);
}

static void schema_job_on_timer(struct fct_timer *timer)
{
    struct schema_job *job = FCT_CONTAINER_OF(timer, struct schema_job, timer);
    if (job->call->server->stopping) {
        atomic_store(&job->stop, true);
    }
}

static void schema_job_free(struct schema_job *job)
{
    struct fct_server *server = job->call->server;
    fct_timer_stop(&job->timer);
    FCT_ASSERT(server->schema_jobs[job->kind] > 0);
    server->schema_jobs[job->kind]--;
    fct_buf_finish(&job->out);
    fct_mem_free(server->mem, job);
}

static void schema_job_refuse(struct schema_job *job)
{
    struct fct_http_refusal refusal = {.code = job->status, .detail = job->err.text};
    if (job->status == FACTUM_SCHEMA_VIOLATION) {
        refusal.more = fct_buf_slice(&job->out);
    } else if (job->status == FACTUM_UNSUPPORTED) {
        refusal.status = 400; /* a keyword that the schema may not have, not a call */
    }
    fct_http_refuse(job->call, &refusal);
}

static void schema_job_answer(struct schema_job *job)
{
    if (job->status != FACTUM_OK) {
        schema_job_refuse(job);
        return;
    }
    char text[32];
    (void)snprintf(text, sizeof text, "\"%" PRIu64 "\"", job->version);
    const struct fct_field etag = {FCT_SLICE("etag"), factum_slice_from(text)};
    fct_http_answer(job->call,
                    &(struct fct_http_answer){
                        .status = job->http_status == 0 ? 200 : job->http_status,
                        .type = "application/json",
                        .body = job->out.len == 0 ? FCT_SLICE("{}") : fct_buf_slice(&job->out),
                        .fields = &etag,
                        .field_count = job->has_version ? 1 : 0});
}

static void schema_job_on_end(struct fct_task *task)
{
    struct schema_job *job = FCT_CONTAINER_OF(task, struct schema_job, task);
    struct fct_http_call *call = job->call;
    fct_thread_join(&job->thread);
    call->state = NULL;
    call->work = NULL;
    bool gone = call->exchange == NULL;
    if (!gone) {
        schema_job_answer(job);
    }
    schema_job_free(job);
    if (gone) {
        fct_http_free(call);
    }
}

static bool schema_call_closed(struct fct_http_call *call)
{
    struct schema_job *job = call->state;
    atomic_store(&job->stop, true);
    return true;
}

static const struct fct_http_work schema_work = {.closed = schema_call_closed};

static struct schema_job *schema_job_make(struct fct_http_call *call, enum fct_schema_job_kind kind,
                                          factum_error *err)
{
    struct fct_server *server = call->server;
    if (server->schema_jobs[kind] >= schema_jobs_max[kind]) {
        (void)fct_fail(err, FACTUM_BUSY, "%zu such calls are under way: try again later",
                       schema_jobs_max[kind]);
        return NULL;
    }
    struct schema_job *job = fct_mem_zalloc(server->mem, 1, sizeof *job);
    if (job == NULL) {
        (void)fct_fail(err, FACTUM_NO_MEMORY, "the server is out of memory");
        return NULL;
    }
    server->schema_jobs[kind]++;
    job->call = call;
    job->kind = kind;
    job->task.run = schema_job_on_end;
    job->timer.run = schema_job_on_timer;
    job->options.size = sizeof job->options;
    fct_buf_init(&job->out, server->mem, SCHEMAS_OUT_MAX);
    return job;
}

/* Starts |job|, or answers why not: |status| is that of its preparation. */
static void schema_job_start(struct schema_job *job, factum_status status, factum_error *err)
{
    struct fct_http_call *call = job->call;
    if (status == FACTUM_OK) {
        status = fct_thread_start(&job->thread, "factum-schemas", schema_job_run, job, err);
    }
    if (status != FACTUM_OK) {
        schema_job_free(job);
        fct_http_fail(call, status, err);
        return;
    }
    call->state = job;
    call->work = &schema_work;
    fct_timer_start(call->server->loop, &job->timer, SCHEMAS_LOOK_MS, SCHEMAS_LOOK_MS);
}

/* ---- texts ----------------------------------------------------------------------------------- */

static factum_status out_failed(factum_status status, factum_error *err)
{
    return status == FACTUM_OK ? FACTUM_OK
                               : fct_fail(err, status, "the answer could not be made: %s",
                                          factum_status_text(status));
}

static factum_status put_member(struct fct_buf *out, const char *start, factum_slice text)
{
    factum_status status = fct_buf_add_text(out, start);
    return status == FACTUM_OK ? fct_json_out_text(out, text) : status;
}

static factum_schema_mode mode_of_subject(const factum_schemas *schemas, factum_slice subject)
{
    factum_slice name;
    factum_schema_mode mode;
    for (size_t i = 0; factum_schemas_mode_at(schemas, i, &name, &mode, NULL) == FACTUM_OK; i++) {
        if (fct_slice_equal(name, subject)) {
            return mode;
        }
    }
    return FACTUM_SCHEMA_MODE_UNSET;
}

static const char *proof_word(factum_schema_proof proof)
{
    switch (proof) {
    case FACTUM_SCHEMA_PROOF_AFTER:
        return "after";
    case FACTUM_SCHEMA_PROOF_NONE:
        return "none";
    case FACTUM_SCHEMA_PROOF_ALL:
        break;
    }
    return "all";
}

/* An object's members without its end. */
static factum_status put_version(const struct schema_job *job, struct fct_buf *out,
                                 const factum_schemas *schemas,
                                 const factum_schema_version *version)
{
    char created[FACTUM_TIME_TEXT_SIZE];
    char token[FACTUM_TOKEN_SIZE];
    factum_schema_mode mode = mode_of_subject(schemas, version->subject);
    factum_time_format(version->created, created);
    factum_status status = put_member(out, "{\"subject\":", version->subject);
    if (status == FACTUM_OK) {
        status = fct_buf_printf(
            out,
            ",\"version\":%" PRIu64 ",\"id\":%" PRIu64
            ",\"hash\":\"%.*s\",\"created\":\"%s\",\"proof\":\"%s\",\"newest\":%s",
            version->version, version->id, (int)version->hash.len, (const char *)version->hash.ptr,
            created, proof_word(version->proof), version->newest ? "true" : "false");
    }
    if (status == FACTUM_OK && version->proof == FACTUM_SCHEMA_PROOF_AFTER) {
        factum_token_format(job->call->server->store, version->after, token);
        status = fct_buf_printf(out, ",\"after\":\"%s\"", token);
    }
    return status == FACTUM_OK && mode != FACTUM_SCHEMA_MODE_UNSET
               ? fct_buf_printf(out, ",\"mode\":\"%s\"", factum_schema_mode_name(mode))
               : status;
}

/* ---- reading --------------------------------------------------------------------------------- */

static factum_status put_versions(const struct schema_job *job, struct fct_buf *out,
                                  const factum_schemas *schemas)
{
    factum_schema_version version = {.size = sizeof version};
    factum_status status = fct_buf_add_text(out, "{\"schemas\":[");
    bool first = true;
    for (size_t i = 0;
         status == FACTUM_OK && factum_schemas_at(schemas, i, &version, NULL) == FACTUM_OK &&
         !atomic_load(&job->stop);
         i++) {
        if (!version.newest && !job->all) {
            continue;
        }
        status = fct_buf_add_text(out, first ? "" : ",\n");
        first = false;
        if (status == FACTUM_OK) {
            status = put_version(job, out, schemas, &version);
        }
        if (status == FACTUM_OK) {
            status = fct_buf_add_text(out, "}");
        }
    }
    return status;
}

static factum_status put_modes(struct fct_buf *out, const factum_schemas *schemas)
{
    factum_slice subject;
    factum_schema_mode mode;
    factum_status status = fct_buf_add_text(out, "],\"modes\":[");
    for (size_t i = 0; status == FACTUM_OK &&
                       factum_schemas_mode_at(schemas, i, &subject, &mode, NULL) == FACTUM_OK;
         i++) {
        status = put_member(out, i == 0 ? "{\"subject\":" : ",\n{\"subject\":", subject);
        if (status == FACTUM_OK) {
            status = fct_buf_printf(out, ",\"mode\":\"%s\"}", factum_schema_mode_name(mode));
        }
    }
    return status == FACTUM_OK ? fct_buf_add_text(out, "]}") : status;
}

static factum_status list_schemas(struct schema_job *job, factum_error *err)
{
    factum_schemas *schemas;
    factum_status status = factum_schemas_open(job->call->server->store, &schemas, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = put_versions(job, &job->out, schemas);
    if (status == FACTUM_OK) {
        status = put_modes(&job->out, schemas);
    }
    factum_schemas_close(schemas);
    return out_failed(status, err);
}

static factum_status show_schema(struct schema_job *job, factum_error *err)
{
    factum_schemas *schemas;
    factum_schema_version version = {.size = sizeof version};
    factum_status status = factum_schemas_open(job->call->server->store, &schemas, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = factum_schemas_find(schemas, job->call->name, job->number, &version, err);
    if (status == FACTUM_OK) {
        status = put_version(job, &job->out, schemas, &version);
        if (status == FACTUM_OK) {
            status = fct_buf_add_text(&job->out, ",\"schema\":");
        }
        if (status == FACTUM_OK) {
            status = fct_buf_add_slice(&job->out, version.text);
        }
        if (status == FACTUM_OK) {
            status = fct_buf_add_text(&job->out, "}");
        }
        status = out_failed(status, err);
        job->has_version = true;
        job->version = version.version;
    }
    factum_schemas_close(schemas);
    return status;
}

void fct_http_schemas_list(struct fct_http_call *call)
{
    factum_error err;
    struct schema_job *job = schema_job_make(call, FCT_SCHEMA_JOB_SHORT, &err);
    if (job == NULL) {
        fct_http_fail(call, err.status, &err);
        return;
    }
    job->work = list_schemas;
    factum_status status = fct_http_flag(call, "all", &job->all, &err);
    schema_job_start(job, status, &err);
}

void fct_http_schema_get(struct fct_http_call *call)
{
    factum_error err;
    struct schema_job *job = schema_job_make(call, FCT_SCHEMA_JOB_SHORT, &err);
    if (job == NULL) {
        fct_http_fail(call, err.status, &err);
        return;
    }
    job->work = show_schema;
    factum_status status = fct_http_number(call, "version", &job->number, &err);
    if (status == FACTUM_OK && job->number == 0 && fct_http_text(call, "version").ptr != NULL) {
        status = fct_fail(&err, FACTUM_INVALID, "\"version\" is 1 or more");
    }
    schema_job_start(job, status, &err);
}

/* ---- registering and checking ---------------------------------------------------------------- */

static bool schema_step(void *data, uint64_t done, uint64_t total)
{
    const struct schema_job *job = data;
    (void)done;
    (void)total;
    return !atomic_load(&job->stop);
}

/* The members of the refusal: the first stored event that does not fit. */
static factum_status put_failed_event(struct schema_job *job, const factum_registration *done)
{
    char token[FACTUM_TOKEN_SIZE];
    struct fct_buf *out = &job->out;
    factum_token_format(job->call->server->store, done->failed_position, token);
    factum_status status =
        fct_buf_printf(out, ",\"position\":%" PRIu64 ",\"token\":\"%s\",\"revision\":%" PRIu64,
                       done->failed_position, token, done->failed_revision);
    if (status == FACTUM_OK) {
        status = put_member(out, ",\"stream\":", factum_slice_from(done->failed_stream));
    }
    return status == FACTUM_OK
               ? put_member(out, ",\"pointer\":", factum_slice_from(done->failed_pointer))
               : status;
}

static factum_status put_registration(struct schema_job *job, const factum_registration *done)
{
    bool written = job->write && !done->already;
    factum_status status =
        put_member(&job->out, "{\"accepted\":true,\"subject\":", job->call->name);
    return status == FACTUM_OK
               ? fct_buf_printf(&job->out,
                                ",\"version\":%" PRIu64 ",\"id\":%" PRIu64
                                ",\"registered\":%s,\"already\":%s,\"provenEvents\":%" PRIu64 "}",
                                done->version, done->id, written ? "true" : "false",
                                done->already ? "true" : "false", done->proven_events)
               : status;
}

static factum_status register_schema(struct schema_job *job, factum_error *err)
{
    struct fct_http_call *call = job->call;
    const factum_progress progress = {job, schema_step};
    factum_registration done = {.size = sizeof done};
    const factum_slice text = fct_buf_slice(&call->body);
    job->options.progress = &progress;
    factum_status status = job->write ? factum_schema_register(call->server->store, call->name,
                                                               text, &job->options, &done, err)
                                      : factum_schema_prove(call->server->store, call->name, text,
                                                            &job->options, &done, err);
    if (status == FACTUM_SCHEMA_VIOLATION && put_failed_event(job, &done) != FACTUM_OK) {
        fct_buf_clear(&job->out); /* its text says it too */
    }
    if (status != FACTUM_OK) {
        return status;
    }
    job->http_status = job->write && !done.already ? 201 : 200;
    job->has_version = job->write;
    job->version = done.version;
    if (put_registration(job, &done) != FACTUM_OK) { /* it is registered: say at least that */
        fct_buf_clear(&job->out);
    }
    return FACTUM_OK;
}

/* ?after and ?unproven. */
static factum_status read_proof(struct schema_job *job, factum_error *err)
{
    bool after = false;
    bool unproven = false;
    factum_status status = fct_http_after(job->call, &job->options.after, &after, err);
    if (status == FACTUM_OK) {
        status = fct_http_flag(job->call, "unproven", &unproven, err);
    }
    if (status == FACTUM_OK && after && unproven) {
        return fct_fail(err, FACTUM_INVALID, "\"after\" and \"unproven\" exclude each other");
    }
    if (after) {
        job->options.proof = FACTUM_SCHEMA_PROOF_AFTER;
    } else if (unproven) {
        job->options.proof = FACTUM_SCHEMA_PROOF_NONE;
    }
    return status;
}

/* False: the body has another type, which was answered. */
static bool has_json_body(struct fct_http_call *call, const char *detail)
{
    factum_slice field = fct_exchange_field(call->exchange, FCT_SLICE("content-type"));
    if (fct_media_is_json(fct_media_type(field)) && !fct_media_is_foreign(field)) {
        return true;
    }
    fct_http_refuse(call, &(struct fct_http_refusal){
                              .code = FACTUM_UNSUPPORTED, .status = 415, .detail = detail});
    return false;
}

static void begin_proof(struct fct_http_call *call, bool write)
{
    factum_error err;
    if (!has_json_body(call, "the body is the schema, as application/schema+json or "
                             "application/json")) {
        return;
    }
    struct schema_job *job = schema_job_make(call, FCT_SCHEMA_JOB_PROOF, &err);
    if (job == NULL) {
        fct_http_fail(call, err.status, &err);
        return;
    }
    job->work = register_schema;
    job->write = write;
    factum_status status = read_proof(job, &err);
    schema_job_start(job, status, &err);
}

void fct_http_schema_register(struct fct_http_call *call)
{
    begin_proof(call, true);
}

void fct_http_schema_check(struct fct_http_call *call)
{
    begin_proof(call, false);
}

/* ---- modes ----------------------------------------------------------------------------------- */

static factum_status set_mode(struct schema_job *job, factum_error *err)
{
    struct fct_http_call *call = job->call;
    factum_status status = factum_schema_mode_set(call->server->store, call->name, job->mode, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = put_member(&job->out, "{\"subject\":", call->name);
    if (status == FACTUM_OK) {
        status = fct_buf_printf(&job->out, ",\"mode\":\"%s\"}", factum_schema_mode_name(job->mode));
    }
    if (status != FACTUM_OK) { /* it is set: say at least that */
        fct_buf_clear(&job->out);
    }
    return FACTUM_OK;
}

/* {"mode":"warn"} */
static factum_status read_mode(struct schema_job *job, factum_error *err)
{
    struct fct_json value;
    struct fct_json_member member = {.name = FCT_SLICE("mode")};
    struct fct_json_fault fault;
    factum_slice word = {NULL, 0};
    struct fct_http_call *call = job->call;
    factum_status status = fct_json_pick(fct_buf_slice(&call->body), &value, &member, 1, &fault);
    if (status != FACTUM_OK) {
        return fct_fail(err, FACTUM_INVALID, "the body: not valid JSON: %s at byte %zu",
                        fault.reason, fault.at);
    }
    if (member.found) {
        status = fct_http_json_text(call, member.value.raw, &word);
    }
    for (int mode = FACTUM_SCHEMA_MODE_OFF;
         status == FACTUM_OK && mode <= FACTUM_SCHEMA_MODE_REJECT; mode++) {
        const char *name = factum_schema_mode_name((factum_schema_mode)mode);
        if (fct_slice_equal(word, factum_slice_from(name))) {
            job->mode = (factum_schema_mode)mode;
            return FACTUM_OK;
        }
    }
    return status == FACTUM_NO_MEMORY
               ? fct_fail(err, status, "the server is out of memory")
               : fct_fail(err, FACTUM_INVALID,
                          "the body is {\"mode\": \"off\"}, \"warn\" or \"reject\"");
}

void fct_http_schema_mode_put(struct fct_http_call *call)
{
    factum_error err;
    if (!has_json_body(call, "the body is application/json: {\"mode\": \"warn\"}")) {
        return;
    }
    struct schema_job *job = schema_job_make(call, FCT_SCHEMA_JOB_SHORT, &err);
    if (job == NULL) {
        fct_http_fail(call, err.status, &err);
        return;
    }
    job->work = set_mode;
    factum_status status = read_mode(job, &err);
    schema_job_start(job, status, &err);
}
