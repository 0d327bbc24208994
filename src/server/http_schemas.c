/* http_schemas.c - the registry over HTTP: schemas are listed, read, registered and checked, modes
 * are set. Layer: server.
 *
 * Each call is a job (http_job.h): it reads the whole registry, and proves a schema on stored
 * events, which may take long. A proof ends at its next step once its client has disconnected.
 */
#include <inttypes.h>
#include <stdio.h>

#include <factum/registry.h>

#include "core/error.h"
#include "core/slice.h"
#include "server/http_job.h"
#include "server/models.h"

struct schema_job {
    struct fct_http_job job;
    /* The request, set by the loop before the thread starts. */
    bool all;
    bool write;
    uint64_t number;
    factum_schema_mode mode;
    factum_register_options options;
};

/* ---- the job --------------------------------------------------------------------------------- */

static void schema_job_answer(struct fct_http_job *job)
{
    if (job->base.status != FACTUM_OK && job->base.status != FACTUM_SCHEMA_VIOLATION) {
        fct_buf_clear(&job->base.out); /* the beginning of an incomplete answer */
    }
    if (job->base.status == FACTUM_UNSUPPORTED) {
        /* The status is about a keyword of the schema, not about the call. */
        job->http_status = 400;
    }
    fct_http_job_answer(job);
}

/* Returns NULL after it has answered the reason. */
static struct schema_job *schema_job_make(struct fct_http_call *call, enum fct_job_kind kind,
                                          factum_status (*work)(struct fct_http_job *job,
                                                                factum_error *err))
{
    struct schema_job *made = fct_http_job_make(call, kind, sizeof *made);
    if (made != NULL) {
        made->job.work = work;
        made->job.answer = schema_job_answer;
        made->job.base.thread_name = "factum-schemas";
        made->options.size = sizeof made->options;
    }
    return made;
}

static struct schema_job *schema_job_of(struct fct_http_job *job)
{
    return FCT_CONTAINER_OF(job, struct schema_job, job);
}

/* ---- texts ----------------------------------------------------------------------------------- */

/* Adds an object's members without its end. */
static factum_status put_version(const struct fct_http_job *job, struct fct_buf *out,
                                 const factum_schemas *schemas,
                                 const factum_schema_version *version)
{
    char created[FACTUM_TIME_TEXT_SIZE];
    char token[FACTUM_TOKEN_SIZE];
    factum_schema_mode mode = factum_schemas_mode_get(schemas, version->subject);
    factum_time_format(version->created, created);
    factum_status status = fct_http_put(out, "{\"subject\":", version->subject);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_buf_printf(
        out,
        ",\"version\":%" PRIu64 ",\"id\":%" PRIu64
        ",\"hash\":\"%.*s\",\"created\":\"%s\",\"proof\":\"%s\",\"newest\":%s",
        version->version, version->id, (int)version->hash.len, (const char *)version->hash.ptr,
        created, factum_schema_proof_name(version->proof), version->newest ? "true" : "false");
    if (status != FACTUM_OK) {
        return status;
    }
    if (version->proof == FACTUM_SCHEMA_PROOF_AFTER) {
        factum_token_format(job->call->server->store, version->after, token);
        status = fct_buf_printf(out, ",\"after\":\"%s\"", token);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    return mode != FACTUM_SCHEMA_MODE_UNSET
               ? fct_buf_printf(out, ",\"mode\":\"%s\"", factum_schema_mode_name(mode))
               : FACTUM_OK;
}

/* ---- reading --------------------------------------------------------------------------------- */

static factum_status put_versions(const struct schema_job *asked, struct fct_buf *out,
                                  const factum_schemas *schemas)
{
    factum_schema_version version = {.size = sizeof version};
    factum_status status = fct_buf_add_text(out, "{\"schemas\":[");
    if (status != FACTUM_OK) {
        return status;
    }
    bool first = true;
    for (size_t i = 0; factum_schemas_at(schemas, i, &version, NULL) == FACTUM_OK &&
                       !atomic_load(&asked->job.base.stop);
         i++) {
        if (!version.newest && !asked->all) {
            continue;
        }
        status = fct_buf_add_text(out, first ? "" : ",\n");
        if (status != FACTUM_OK) {
            return status;
        }
        first = false;
        status = put_version(&asked->job, out, schemas, &version);
        if (status != FACTUM_OK) {
            return status;
        }
        status = fct_buf_add_text(out, "}");
        if (status != FACTUM_OK) {
            return status;
        }
    }
    return FACTUM_OK;
}

static factum_status put_modes(struct fct_buf *out, const factum_schemas *schemas)
{
    factum_slice subject;
    factum_schema_mode mode;
    factum_status status = fct_buf_add_text(out, "],\"modes\":[");
    for (size_t i = 0; status == FACTUM_OK &&
                       factum_schemas_mode_at(schemas, i, &subject, &mode, NULL) == FACTUM_OK;
         i++) {
        status = fct_http_put(out, i == 0 ? "{\"subject\":" : ",\n{\"subject\":", subject);
        if (status == FACTUM_OK) {
            status = fct_buf_printf(out, ",\"mode\":\"%s\"}", factum_schema_mode_name(mode));
        }
    }
    return status == FACTUM_OK ? fct_buf_add_text(out, "]}") : status;
}

static factum_status list_schemas(struct fct_http_job *job, factum_error *err)
{
    factum_schemas *schemas;
    factum_status status = factum_schemas_open(job->call->server->store, &schemas, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = put_versions(schema_job_of(job), &job->base.out, schemas);
    if (status == FACTUM_OK) {
        status = put_modes(&job->base.out, schemas);
    }
    factum_schemas_close(schemas);
    if (atomic_load(&job->base.stop)) {
        return fct_fail(err, FACTUM_CANCELLED, "the list was not finished: the server stops");
    }
    return fct_job_put_end(status, err);
}

/* The version with its text. */
static factum_status put_schema(struct fct_http_job *job, const factum_schemas *schemas,
                                const factum_schema_version *version)
{
    struct fct_buf *out = &job->base.out;
    factum_status status = put_version(job, out, schemas, version);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_buf_add_text(out, ",\"schema\":");
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_buf_add_slice(out, version->text);
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_buf_add_text(out, "}");
}

static factum_status show_schema(struct fct_http_job *job, factum_error *err)
{
    factum_schemas *schemas;
    factum_schema_version version = {.size = sizeof version};
    factum_status status = factum_schemas_open(job->call->server->store, &schemas, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status =
        factum_schemas_find(schemas, job->call->name, schema_job_of(job)->number, &version, err);
    if (status == FACTUM_OK) {
        status = fct_job_put_end(put_schema(job, schemas, &version), err);
        job->has_tag = true;
        job->tag = version.version;
    }
    factum_schemas_close(schemas);
    return status;
}

void fct_http_schemas_list(struct fct_http_call *call)
{
    factum_error err;
    struct schema_job *asked = schema_job_make(call, FCT_JOB_SHORT, list_schemas);
    if (asked != NULL) {
        factum_status status = fct_http_flag(call, "all", &asked->all, &err);
        fct_http_job_start(&asked->job, status, &err);
    }
}

void fct_http_schema_get(struct fct_http_call *call)
{
    factum_error err;
    struct schema_job *asked = schema_job_make(call, FCT_JOB_SHORT, show_schema);
    if (asked == NULL) {
        return;
    }
    factum_status status = fct_http_number(call, "version", &asked->number, &err);
    if (status == FACTUM_OK && asked->number == 0 && fct_http_text(call, "version").ptr != NULL) {
        status = fct_fail(&err, FACTUM_INVALID, "\"version\" is 1 or more");
    }
    fct_http_job_start(&asked->job, status, &err);
}

/* ---- registering and checking ---------------------------------------------------------------- */

static bool schema_step(void *data, uint64_t done, uint64_t total)
{
    const struct fct_http_job *job = data;
    (void)done;
    (void)total;
    return !atomic_load(&job->base.stop);
}

/* Adds the members of the refusal: the first stored event that does not fit. */
static factum_status put_failed_event(struct fct_http_job *job, const factum_registration *done)
{
    char token[FACTUM_TOKEN_SIZE];
    struct fct_buf *out = &job->base.out;
    factum_token_format(job->call->server->store, done->failed_position, token);
    factum_status status =
        fct_buf_printf(out, ",\"position\":%" PRIu64 ",\"token\":\"%s\",\"revision\":%" PRIu64,
                       done->failed_position, token, done->failed_revision);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_put(out, ",\"stream\":", factum_slice_from(done->failed_stream));
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_http_put(out, ",\"pointer\":", factum_slice_from(done->failed_pointer));
}

static factum_status put_registration(struct fct_http_job *job, const factum_registration *done)
{
    bool written = schema_job_of(job)->write && !done->already;
    factum_status status =
        fct_http_put(&job->base.out, "{\"accepted\":true,\"subject\":", job->call->name);
    return status == FACTUM_OK
               ? fct_buf_printf(&job->base.out,
                                ",\"version\":%" PRIu64 ",\"id\":%" PRIu64
                                ",\"registered\":%s,\"already\":%s,\"provenEvents\":%" PRIu64 "}",
                                done->version, done->id, written ? "true" : "false",
                                done->already ? "true" : "false", done->proven_events)
               : status;
}

static factum_status register_schema(struct fct_http_job *job, factum_error *err)
{
    struct fct_http_call *call = job->call;
    struct schema_job *asked = schema_job_of(job);
    const factum_progress progress = {job, schema_step};
    factum_registration done = {.size = sizeof done};
    const factum_slice text = fct_buf_slice(&call->body);
    asked->options.progress = &progress;
    factum_status status = fct_models_schema_check(call->server, call->name, text, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = asked->write ? factum_schema_register(call->server->store, call->name, text,
                                                   &asked->options, &done, err)
                          : factum_schema_prove(call->server->store, call->name, text,
                                                &asked->options, &done, err);
    if (status == FACTUM_SCHEMA_VIOLATION && put_failed_event(job, &done) != FACTUM_OK) {
        fct_buf_clear(&job->base.out); /* the text alone is the answer */
    }
    if (status != FACTUM_OK) {
        return status;
    }
    job->http_status = asked->write && !done.already ? 201 : 200;
    job->has_tag = asked->write;
    job->tag = done.version;
    if (put_registration(job, &done) != FACTUM_OK) { /* it is registered: answer at least that */
        fct_buf_clear(&job->base.out);
    }
    return FACTUM_OK;
}

/* Reads ?after and ?unproven. */
static factum_status read_proof(struct schema_job *asked, factum_error *err)
{
    bool after = false;
    bool unproven = false;
    factum_status status = fct_http_after(asked->job.call, &asked->options.after, &after, err);
    if (status == FACTUM_OK) {
        status = fct_http_flag(asked->job.call, "unproven", &unproven, err);
    }
    if (status == FACTUM_OK && after && unproven) {
        return fct_fail(err, FACTUM_INVALID, "\"after\" and \"unproven\" exclude each other");
    }
    if (after) {
        asked->options.proof = FACTUM_SCHEMA_PROOF_AFTER;
    } else if (unproven) {
        asked->options.proof = FACTUM_SCHEMA_PROOF_NONE;
    }
    return status;
}

static void begin_proof(struct fct_http_call *call, bool write)
{
    factum_error err;
    if (!fct_http_has_json(call, "the body is the schema, as application/schema+json or "
                                 "application/json")) {
        return;
    }
    struct schema_job *asked = schema_job_make(call, FCT_JOB_PROOF, register_schema);
    if (asked != NULL) {
        asked->write = write;
        factum_status status = read_proof(asked, &err);
        fct_http_job_start(&asked->job, status, &err);
    }
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

static factum_status set_mode(struct fct_http_job *job, factum_error *err)
{
    struct fct_http_call *call = job->call;
    factum_schema_mode mode = schema_job_of(job)->mode;
    factum_status status = factum_schema_mode_set(call->server->store, call->name, mode, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_put(&job->base.out, "{\"subject\":", call->name);
    if (status == FACTUM_OK) {
        status = fct_buf_printf(&job->base.out, ",\"mode\":\"%s\"}", factum_schema_mode_name(mode));
    }
    if (status != FACTUM_OK) { /* it is set: answer at least that */
        fct_buf_clear(&job->base.out);
    }
    return FACTUM_OK;
}

/* {"mode":"warn"} */
static factum_status read_mode(struct schema_job *asked, factum_error *err)
{
    struct fct_json value;
    struct fct_json_member member = {.name = FCT_SLICE("mode")};
    struct fct_json_fault fault;
    factum_slice word = {NULL, 0};
    struct fct_http_call *call = asked->job.call;
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
            asked->mode = (factum_schema_mode)mode;
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
    if (!fct_http_has_json(call, "the body is application/json: {\"mode\": \"warn\"}")) {
        return;
    }
    struct schema_job *asked = schema_job_make(call, FCT_JOB_SHORT, set_mode);
    if (asked != NULL) {
        factum_status status = read_mode(asked, &err);
        fct_http_job_start(&asked->job, status, &err);
    }
}
