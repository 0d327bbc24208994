/* schemas_calls.c - factum.v1.Schemas: the registry over gRPC. Layer: server.
 *
 * Each call is a job (job.h): it reads the whole registry, and proves a schema on stored events,
 * which may take long. The answer is sent as there is room.
 *
 * The thread uses no call: it has a copy of the request.
 */
#include <string.h>

#include "core/error.h"
#include "core/slice.h"
#include "server/job.h"
#include "server/models.h"
#include "server/store_calls.h"
#include "wire/schemas.h"

#define SCHEMAS_CALL_OUT_MAX ((size_t)16 << 20)
#define SCHEMAS_PAGE_SIZE ((size_t)32 << 10)

struct schemas_job {
    struct fct_job base;        /* out: messages with their frames */
    struct fct_grpc_call *call; /* NULL: the client has disconnected */
    factum_status (*work)(struct schemas_job *job, factum_error *err);
    /* The request, set by the loop before the thread starts. */
    struct fct_buf message; /* the requests borrow from it */
    bool write;
    uint64_t deadline;
    struct fct_schemas_register proof;
    struct fct_schemas_list list;
    struct fct_schemas_show show;
    struct fct_schemas_mode mode;
};

struct schemas_state {
    struct schemas_job *job;
    struct fct_buf out; /* taken from the ended job */
    size_t sent;
};

/* ---- the job --------------------------------------------------------------------------------- */

static factum_status schemas_job_work(struct fct_job *base, factum_error *err)
{
    struct schemas_job *job = FCT_CONTAINER_OF(base, struct schemas_job, base);
    return job->work(job, err);
}

static bool schemas_job_is_wanted(struct fct_job *base)
{
    const struct schemas_job *job = FCT_CONTAINER_OF(base, struct schemas_job, base);
    return job->call != NULL && !job->call->finished;
}

static void schemas_job_free(struct schemas_job *job)
{
    fct_buf_finish(&job->message);
    fct_job_free(&job->base);
}

/* UNSUPPORTED here means a keyword that a schema may not have, not a missing method. */
static void schemas_fail(struct fct_grpc_call *call, factum_status status, const factum_error *err)
{
    enum fct_grpc_code code =
        status == FACTUM_UNSUPPORTED ? FCT_GRPC_INVALID_ARGUMENT : fct_grpc_code_of(status);
    fct_store_call_fail_as(call, code, status, err);
}

/* Sends what there is room for, then ends the call once everything is sent. */
static void schemas_send(struct fct_grpc_call *call)
{
    struct schemas_state *state = call->state;
    while (!call->finished && state->sent < state->out.len) {
        size_t room = fct_grpc_room(call);
        size_t left = state->out.len - state->sent;
        size_t size = left < room ? left : room;
        size = size < SCHEMAS_PAGE_SIZE ? size : SCHEMAS_PAGE_SIZE;
        if (size == 0) {
            return; /* writable continues */
        }
        if (fct_buf_add(&call->out, state->out.ptr + state->sent, size) != FACTUM_OK) {
            fct_store_call_no_memory(call);
            return;
        }
        state->sent += size;
        fct_grpc_send(call);
    }
    if (!call->finished) {
        fct_grpc_finish_ok(call);
    }
}

static void schemas_job_answer(struct schemas_job *job)
{
    struct fct_grpc_call *call = job->call;
    struct schemas_state *state = call->state;
    state->job = NULL;
    if (call->finished) {
        return;
    }
    if (job->base.status != FACTUM_OK) {
        schemas_fail(call, job->base.status, &job->base.err);
        return;
    }
    state->out = job->base.out;
    fct_buf_init(&job->base.out, job->base.server->mem, SCHEMAS_CALL_OUT_MAX);
    schemas_send(call);
}

static void schemas_job_ended(struct fct_job *base)
{
    struct schemas_job *job = FCT_CONTAINER_OF(base, struct schemas_job, base);
    if (job->call != NULL) {
        schemas_job_answer(job);
    }
    schemas_job_free(job);
}

static struct schemas_job *schemas_job_make(struct fct_grpc_call *call, enum fct_job_kind kind,
                                            factum_error *err)
{
    struct schemas_job *job = fct_job_make(call->server, kind, sizeof *job, err);
    if (job != NULL) {
        job->base.thread_name = "factum-schemas";
        job->base.work = schemas_job_work;
        job->base.is_wanted = schemas_job_is_wanted;
        job->base.ended = schemas_job_ended;
        job->call = call;
        job->deadline = call->deadline;
        fct_buf_init(&job->message, call->server->mem, SCHEMAS_CALL_OUT_MAX);
    }
    return job;
}

/* Begins a job with a copy of |message|, if the call's principal may do |operation|. Returns NULL
 * after it has ended the call. */
static struct schemas_job *schemas_job_begin(struct fct_grpc_call *call, factum_slice message,
                                             enum fct_operation operation, enum fct_job_kind kind)
{
    factum_error err;
    if (!fct_grpc_allowed(call, operation, fct_slice(NULL, 0))) {
        return NULL;
    }
    struct schemas_job *job = schemas_job_make(call, kind, &err);
    if (job == NULL) {
        fct_store_call_fail(call, err.status, &err);
        return NULL;
    }
    if (fct_buf_add_slice(&job->message, message) != FACTUM_OK) {
        schemas_job_free(job);
        fct_store_call_no_memory(call);
        return NULL;
    }
    return job;
}

/* Starts |job| if |status|, that of its preparation, is OK; otherwise ends its call. */
static void schemas_job_start(struct schemas_job *job, factum_status status, factum_error *err)
{
    struct fct_grpc_call *call = job->call;
    struct schemas_state *state = call->state;
    if (status == FACTUM_OK) {
        status = fct_job_start(&job->base, err);
    }
    if (status != FACTUM_OK) {
        schemas_job_free(job);
        schemas_fail(call, status, err);
        return;
    }
    state->job = job;
}

/* ---- Register and Check ---------------------------------------------------------------------- */

static bool schemas_step(void *data, uint64_t done, uint64_t total)
{
    const struct schemas_job *job = data;
    (void)done;
    (void)total;
    return !atomic_load(&job->base.stop);
}

static factum_status prove_or_register(struct schemas_job *job, factum_error *err)
{
    const factum_progress progress = {job, schemas_step};
    const factum_call context = {.size = sizeof context, .deadline = job->deadline};
    const struct fct_schemas_register *asked = &job->proof;
    factum_registration done = {.size = sizeof done};
    const factum_register_options options = {.size = sizeof options,
                                             .proof = asked->proof,
                                             .after = asked->after,
                                             .progress = &progress,
                                             .call = &context};
    struct fct_server *server = job->base.server;
    factum_status status = fct_models_schema_check(server, asked->subject, asked->schema, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = job->write ? factum_schema_register(server->store, asked->subject, asked->schema,
                                                 &options, &done, err)
                        : factum_schema_prove(server->store, asked->subject, asked->schema,
                                              &options, &done, err);
    if (status != FACTUM_OK && status != FACTUM_SCHEMA_VIOLATION) {
        return status;
    }
    struct fct_schemas_registered answer = {
        .accepted = status == FACTUM_OK,
        .version = done.version,
        .id = done.id,
        .registered = status == FACTUM_OK && job->write && !done.already,
        .already = done.already,
        .proven_events = done.proven_events,
    };
    if (!answer.accepted) {
        answer.text = fct_utf8_whole(err->text);
        answer.failed_position = done.failed_position;
        answer.failed_revision = done.failed_revision;
        answer.failed_stream = fct_utf8_whole(done.failed_stream);
        answer.failed_pointer = fct_utf8_whole(done.failed_pointer);
    }
    return fct_job_put_end(fct_schemas_encode_registered(&job->base.out, &answer), err);
}

static void begin_register(struct fct_grpc_call *call, factum_slice message, bool write)
{
    factum_error err;
    struct schemas_job *job =
        schemas_job_begin(call, message, FCT_OP_REGISTER_SCHEMA, FCT_JOB_PROOF);
    if (job == NULL) {
        return;
    }
    job->work = prove_or_register;
    job->write = write;
    factum_status status =
        fct_schemas_decode_register(fct_buf_slice(&job->message), &job->proof, &err);
    if (status == FACTUM_OK && job->proof.after > 0 &&
        job->proof.proof != FACTUM_SCHEMA_PROOF_AFTER) {
        status = fct_fail(&err, FACTUM_INVALID, "\"after\" is for SCHEMA_PROOF_AFTER alone");
    }
    schemas_job_start(job, status, &err);
}

static void register_message(struct fct_grpc_call *call, factum_slice message)
{
    begin_register(call, message, true);
}

static void check_message(struct fct_grpc_call *call, factum_slice message)
{
    begin_register(call, message, false);
}

/* ---- List ------------------------------------------------------------------------------------ */

static bool is_listed(const struct schemas_job *job, const factum_schema_version *version)
{
    const struct fct_schemas_list *asked = &job->list;
    return asked->subject.len > 0 ? fct_slice_equal(version->subject, asked->subject)
                                  : asked->all || version->newest;
}

/* Ends a full page, and begins the next. */
static factum_status turn_page(struct schemas_job *job, struct fct_schemas_page *page)
{
    if (fct_schemas_page_size(page) < SCHEMAS_PAGE_SIZE) {
        return FACTUM_OK;
    }
    fct_schemas_page_end(page);
    return fct_schemas_page_begin(page, &job->base.out);
}

static factum_status add_versions(struct schemas_job *job, const factum_schemas *schemas,
                                  struct fct_schemas_page *page)
{
    factum_schema_version version = {.size = sizeof version};
    factum_status status = FACTUM_OK;
    for (size_t i = 0; status == FACTUM_OK && !atomic_load(&job->base.stop) &&
                       factum_schemas_at(schemas, i, &version, NULL) == FACTUM_OK;
         i++) {
        if (!is_listed(job, &version)) {
            continue;
        }
        if (!job->list.texts) {
            version.text = fct_slice(NULL, 0);
        }
        status = turn_page(job, page);
        if (status == FACTUM_OK) {
            status = fct_schemas_page_version(page, &version);
        }
    }
    return status;
}

static factum_status add_modes(struct schemas_job *job, const factum_schemas *schemas,
                               struct fct_schemas_page *page)
{
    struct fct_schemas_mode mode;
    factum_status status = FACTUM_OK;
    for (size_t i = 0; status == FACTUM_OK && factum_schemas_mode_at(schemas, i, &mode.subject,
                                                                     &mode.mode, NULL) == FACTUM_OK;
         i++) {
        if (job->list.subject.len > 0 && !fct_slice_equal(mode.subject, job->list.subject)) {
            continue;
        }
        status = turn_page(job, page);
        if (status == FACTUM_OK) {
            status = fct_schemas_page_mode(page, &mode);
        }
    }
    return status;
}

static factum_status add_all(struct schemas_job *job, const factum_schemas *schemas)
{
    struct fct_schemas_page page;
    factum_status status = fct_schemas_page_begin(&page, &job->base.out);
    if (status != FACTUM_OK) {
        return status;
    }
    status = add_versions(job, schemas, &page);
    if (status != FACTUM_OK) {
        return status;
    }
    status = add_modes(job, schemas, &page);
    if (status != FACTUM_OK) {
        return status;
    }
    fct_schemas_page_end(&page);
    return FACTUM_OK;
}

static factum_status work_list(struct schemas_job *job, factum_error *err)
{
    factum_schemas *schemas;
    factum_schema_version version = {.size = sizeof version};
    factum_status status = factum_schemas_open(job->base.server->store, &schemas, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (job->list.subject.len > 0) {
        status = factum_schemas_find(schemas, job->list.subject, 0, &version, err);
    }
    if (status == FACTUM_OK) {
        status = fct_job_put_end(add_all(job, schemas), err);
    }
    if (status == FACTUM_OK && atomic_load(&job->base.stop)) {
        status = fct_fail(err, FACTUM_CANCELLED, "the list was not finished: the server stops");
    }
    factum_schemas_close(schemas);
    return status;
}

static void schemas_list_message(struct fct_grpc_call *call, factum_slice message)
{
    factum_error err;
    struct schemas_job *job = schemas_job_begin(call, message, FCT_OP_READ_SCHEMAS, FCT_JOB_SHORT);
    if (job != NULL) {
        job->work = work_list;
        factum_status status =
            fct_schemas_decode_list(fct_buf_slice(&job->message), &job->list, &err);
        schemas_job_start(job, status, &err);
    }
}

/* ---- Show ------------------------------------------------------------------------------------ */

static factum_status find_id(const factum_schemas *schemas, uint64_t id,
                             factum_schema_version *version, factum_error *err)
{
    for (size_t i = 0; factum_schemas_at(schemas, i, version, NULL) == FACTUM_OK; i++) {
        if (version->id == id) {
            return FACTUM_OK;
        }
    }
    return fct_fail(err, FACTUM_NOT_FOUND, "no schema has id %llu", (unsigned long long)id);
}

static factum_status work_show(struct schemas_job *job, factum_error *err)
{
    const struct fct_schemas_show *asked = &job->show;
    factum_schemas *schemas;
    struct fct_schemas_shown answer = {.version = {.size = sizeof answer.version}};
    factum_status status = factum_schemas_open(job->base.server->store, &schemas, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = asked->id > 0 ? find_id(schemas, asked->id, &answer.version, err)
                           : factum_schemas_find(schemas, asked->subject, asked->version,
                                                 &answer.version, err);
    if (status == FACTUM_OK) {
        answer.mode = factum_schemas_mode_get(schemas, answer.version.subject);
        status = fct_job_put_end(fct_schemas_encode_shown(&job->base.out, &answer), err);
    }
    factum_schemas_close(schemas);
    return status;
}

static void show_message(struct fct_grpc_call *call, factum_slice message)
{
    factum_error err;
    struct schemas_job *job = schemas_job_begin(call, message, FCT_OP_READ_SCHEMAS, FCT_JOB_SHORT);
    if (job == NULL) {
        return;
    }
    job->work = work_show;
    factum_status status = fct_schemas_decode_show(fct_buf_slice(&job->message), &job->show, &err);
    if (status == FACTUM_OK &&
        (job->show.id > 0) == (job->show.subject.len > 0 || job->show.version > 0)) {
        status = fct_fail(&err, FACTUM_INVALID, "a subject (and a version), or an id, is needed");
    }
    schemas_job_start(job, status, &err);
}

/* ---- SetMode --------------------------------------------------------------------------------- */

static factum_status work_mode(struct schemas_job *job, factum_error *err)
{
    factum_status status =
        factum_schema_mode_set(job->base.server->store, job->mode.subject, job->mode.mode, err);
    return status == FACTUM_OK ? fct_job_put_end(fct_schemas_encode_mode_set(&job->base.out), err)
                               : status;
}

static void mode_message(struct fct_grpc_call *call, factum_slice message)
{
    factum_error err;
    struct schemas_job *job =
        schemas_job_begin(call, message, FCT_OP_REGISTER_SCHEMA, FCT_JOB_SHORT);
    if (job == NULL) {
        return;
    }
    job->work = work_mode;
    factum_status status =
        fct_schemas_decode_set_mode(fct_buf_slice(&job->message), &job->mode, &err);
    if (status == FACTUM_OK && job->mode.mode == FACTUM_SCHEMA_MODE_UNSET) {
        status = fct_fail(&err, FACTUM_INVALID, "a mode is OFF, WARN or REJECT");
    }
    schemas_job_start(job, status, &err);
}

/* ---- the service ----------------------------------------------------------------------------- */

static void schemas_begin(struct fct_grpc_call *call)
{
    struct schemas_state *state = call->state;
    fct_buf_init(&state->out, call->server->mem, SCHEMAS_CALL_OUT_MAX);
}

static void schemas_writable(struct fct_grpc_call *call)
{
    const struct schemas_state *state = call->state;
    if (state->out.len > 0) {
        schemas_send(call);
    }
}

static void schemas_closed(struct fct_grpc_call *call)
{
    struct schemas_state *state = call->state;
    if (state->job != NULL) {
        state->job->call = NULL;
        atomic_store(&state->job->base.stop, true);
    }
    fct_buf_finish(&state->out);
}

#define SCHEMAS_METHOD(name, function)                                                             \
    {                                                                                              \
        .path = FCT_SCHEMAS_PATH(name), .state_size = sizeof(struct schemas_state),                \
        .begin = schemas_begin, .message = (function), .writable = schemas_writable,               \
        .closed = schemas_closed,                                                                  \
    }
static const struct fct_grpc_method schemas_register_method =
    SCHEMAS_METHOD("Register", register_message);
static const struct fct_grpc_method schemas_check_method = SCHEMAS_METHOD("Check", check_message);
static const struct fct_grpc_method schemas_list_method =
    SCHEMAS_METHOD("List", schemas_list_message);
static const struct fct_grpc_method schemas_show_method = SCHEMAS_METHOD("Show", show_message);
static const struct fct_grpc_method schemas_mode_method = SCHEMAS_METHOD("SetMode", mode_message);

const struct fct_grpc_method *const fct_schemas_methods[] = {
    &schemas_register_method, &schemas_check_method, &schemas_list_method,
    &schemas_show_method,     &schemas_mode_method,  NULL,
};
