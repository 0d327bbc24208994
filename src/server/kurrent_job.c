/* kurrent_job.c - one append of KurrentDB's protocol: collected from messages, checked, submitted,
 * and refused in the protocol's words. Layer: server.
 *
 * Invariants (kurrent_job_check).
 *  1. All slices of the request point into the job: |near| and its chunks.
 *  2. A refused job keeps its first refusal and takes nothing more.
 *  3. A started job frees itself after |answer|, also when its client has disconnected.
 *  4. At most SPARE_JOBS_MAX jobs are kept for the next appends: allocating them took a tenth of
 *     the time of an append.
 *  5. server->collected_size counts |kept| of every job (the messages and the arrays of events),
 *     beside the ops of store_append.c.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "core/uuid.h"
#include "server/kurrent_int.h"

#define EVENTS_FIRST 4
#define SPARE_JOBS_MAX 256
#define EVENTS_MAX ((size_t)100000)

enum fct_operation fct_kurrent_operation(factum_slice stream, bool write)
{
    if (fct_slice_starts(stream, FCT_SLICE("$$"))) {
        return write ? FCT_OP_WRITE_METADATA : FCT_OP_READ_METADATA;
    }
    return write ? FCT_OP_APPEND : FCT_OP_READ_STREAM;
}

static void kurrent_job_check(const struct fct_kurrent_job *job)
{
    const struct fct_server *server = job->server;
    FCT_ASSERT(server->spare_job_count <= SPARE_JOBS_MAX);
    FCT_ASSERT((server->spare_job_count == 0) == (server->spare_jobs == NULL));
    FCT_ASSERT(server->collected_size >= job->kept);
    FCT_ASSERT(job->slot == NULL || *job->slot == job);
}

/* ---- memory ---------------------------------------------------------------------------------- */

struct fct_kurrent_job *fct_kurrent_job_create(struct fct_grpc_call *call)
{
    struct fct_server *server = call->server;
    struct fct_kurrent_job *job = server->spare_jobs;
    if (job != NULL) {
        server->spare_jobs = job->next;
        server->spare_job_count--;
    } else {
        job = fct_mem_alloc(server->mem, sizeof *job);
    }
    if (job != NULL) {
        memset(job, 0, offsetof(struct fct_kurrent_job, first_event));
        job->server = call->server;
        job->call = call;
        job->context = (factum_call){.size = sizeof job->context,
                                     .deadline = call->deadline,
                                     .principal = call->principal->name};
    }
    return job;
}

void fct_kurrent_job_join(struct fct_kurrent_job *job, struct fct_kurrent_job **list)
{
    FCT_ASSERT(job->slot == NULL);
    job->next = *list;
    job->slot = list;
    if (job->next != NULL) {
        job->next->slot = &job->next;
    }
    *list = job;
}

void fct_kurrent_job_leave(struct fct_kurrent_job *job)
{
    if (job->slot != NULL) {
        *job->slot = job->next;
        if (job->next != NULL) {
            job->next->slot = job->slot;
        }
        job->slot = NULL;
    }
}

void fct_kurrent_job_free(struct fct_kurrent_job *job)
{
    const struct fct_mem *mem = job->server->mem;
    kurrent_job_check(job);
    fct_kurrent_job_leave(job);
    fct_timer_stop(&job->timer);
    while (job->chunks != NULL) {
        struct fct_kurrent_chunk *chunk = job->chunks;
        job->chunks = chunk->next;
        fct_mem_free(mem, chunk);
    }
    job->server->collected_size -= job->kept;
    if (job->events != &job->first_event) {
        fct_mem_free(mem, job->events);
    }
    if (job->server->spare_job_count == SPARE_JOBS_MAX) {
        fct_mem_free(mem, job);
        return;
    }
    job->next = job->server->spare_jobs;
    job->server->spare_jobs = job;
    job->server->spare_job_count++;
}

void fct_kurrent_jobs_drop(struct fct_server *server)
{
    while (server->spare_jobs != NULL) {
        struct fct_kurrent_job *job = server->spare_jobs;
        server->spare_jobs = job->next;
        fct_mem_free(server->mem, job);
    }
    server->spare_job_count = 0;
}

static void refuse_append_size(struct fct_kurrent_job *job)
{
    fct_kurrent_job_refuse(job, FCT_KURRENT_REFUSAL_APPEND_TOO_BIG, "");
    job->refusal.append_size_max = (uint32_t)job->server->append_size_max;
}

static void refuse_other(struct fct_kurrent_job *job, enum fct_grpc_code code, const char *text)
{
    fct_kurrent_job_refuse(job, FCT_KURRENT_REFUSAL_OTHER, text);
    job->refusal.code = code;
}

/* Counts more than an event's data: ids, names, and unknown fields. */
static bool may_keep(struct fct_kurrent_job *job, size_t size)
{
    struct fct_server *server = job->server;
    if (size > 2 * server->append_size_max - job->kept) {
        refuse_append_size(job);
        return false;
    }
    if (size > FCT_COLLECTED_MAX - server->collected_size) {
        refuse_other(job, fct_grpc_code_of(FACTUM_BUSY),
                     "too many bytes of appends wait for their end: try again");
        return false;
    }
    return true;
}

/* Returns NULL if out of memory. */
static uint8_t *room_for(struct fct_kurrent_job *job, size_t size)
{
    if (size <= sizeof job->near - job->near_size) {
        uint8_t *bytes = job->near + job->near_size;
        job->near_size += size;
        return bytes;
    }
    struct fct_kurrent_chunk *chunk = fct_mem_alloc(job->server->mem, sizeof *chunk + size);
    if (chunk == NULL) {
        return NULL;
    }
    chunk->len = size;
    chunk->next = job->chunks;
    job->chunks = chunk;
    return chunk->bytes;
}

factum_slice fct_kurrent_job_keep(struct fct_kurrent_job *job, factum_slice message)
{
    FCT_ASSERT(job->kept <= 2 * job->server->append_size_max);
    FCT_ASSERT(job->server->collected_size <= FCT_COLLECTED_MAX);
    size_t size = sizeof(struct fct_kurrent_chunk) + message.len;
    if (job->refused || !may_keep(job, size)) {
        return fct_slice(NULL, 0);
    }
    uint8_t *bytes = room_for(job, message.len);
    if (bytes == NULL) {
        fct_kurrent_job_refuse(job, FCT_KURRENT_REFUSAL_UNKNOWN, "out of memory");
        return fct_slice(NULL, 0);
    }
    job->kept += size;
    job->server->collected_size += size;
    if (message.len > 0) {
        memcpy(bytes, message.ptr, message.len);
    }
    return fct_slice(bytes, message.len);
}

void fct_kurrent_job_trace(struct fct_kurrent_job *job)
{
    const struct fct_exchange *exchange = job->call->exchange;
    factum_slice parent = fct_exchange_field(exchange, FCT_SLICE("traceparent"));
    factum_slice state = fct_exchange_field(exchange, FCT_SLICE("tracestate"));
    if (parent.len > 0) {
        job->context.traceparent = fct_kurrent_job_keep(job, parent);
    }
    if (parent.len > 0 && state.len > 0) {
        job->context.tracestate = fct_kurrent_job_keep(job, state);
    }
}

/* ---- the request ----------------------------------------------------------------------------- */

void fct_kurrent_job_refuse(struct fct_kurrent_job *job, enum fct_kurrent_refusal_kind kind,
                            const char *text)
{
    if (!job->refused) {
        job->refused = true;
        (void)snprintf(job->err.text, sizeof job->err.text, "%s", text);
        job->refusal =
            (struct fct_kurrent_refusal){.kind = kind, .message = factum_slice_from(job->err.text)};
    }
}

static factum_expected expected_of(const struct fct_kurrent_expected *expected, bool *valid)
{
    *valid = true;
    switch (expected->kind) {
    case FCT_KURRENT_EXPECTED_ANY:
        return factum_any();
    case FCT_KURRENT_EXPECTED_NO_STREAM:
        return factum_no_stream();
    case FCT_KURRENT_EXPECTED_STREAM_EXISTS:
        return factum_stream_exists();
    case FCT_KURRENT_EXPECTED_REVISION:
        if (expected->revision == FCT_KURRENT_NONE) {
            return factum_no_stream();
        }
        *valid = expected->revision <= FCT_KURRENT_NUMBER_MAX;
        return factum_at(expected->revision);
    case FCT_KURRENT_EXPECTED_NONE:
        break;
    }
    *valid = false;
    return factum_any();
}

void fct_kurrent_job_target(struct fct_kurrent_job *job, const struct fct_kurrent_target *target)
{
    bool valid;
    job->expected = target->expected;
    job->expectation = (factum_expectation){target->stream, expected_of(&job->expected, &valid)};
    if (!valid) {
        fct_kurrent_job_refuse(job, FCT_KURRENT_REFUSAL_BAD_REQUEST,
                               "the expected stream revision is missing or out of range");
    }
    if (target->stream.len == 0) {
        fct_kurrent_job_refuse(job, FCT_KURRENT_REFUSAL_BAD_REQUEST,
                               "'stream_identifier' is a required argument");
    }
    factum_error err;
    if (fct_rights_check(job->call->principal, fct_kurrent_operation(target->stream, true),
                         target->stream, &err) != FACTUM_OK) {
        fct_kurrent_job_refuse(job, FCT_KURRENT_REFUSAL_ACCESS_DENIED, "");
    }
}

static bool make_room(struct fct_kurrent_job *job)
{
    size_t count = job->pending.request.event_count;
    if (count < job->capacity) {
        return true;
    }
    if (count >= EVENTS_MAX) {
        fct_kurrent_job_refuse(job, FCT_KURRENT_REFUSAL_BAD_REQUEST,
                               "more than 100000 events in one append");
        return false;
    }
    if (count == 0) {
        job->events = &job->first_event;
        job->capacity = 1;
        return true;
    }
    bool first = job->events == &job->first_event;
    size_t capacity = first ? EVENTS_FIRST : 2 * job->capacity;
    size_t more = (capacity - (first ? 0 : job->capacity)) * sizeof(factum_new_event);
    if (!may_keep(job, more)) {
        return false;
    }
    factum_new_event *events =
        fct_mem_resize(job->server->mem, first ? NULL : job->events, capacity * sizeof *events);
    if (events == NULL) {
        fct_kurrent_job_refuse(job, FCT_KURRENT_REFUSAL_UNKNOWN, "out of memory");
        return false;
    }
    if (first) {
        events[0] = job->first_event;
    }
    job->events = events;
    job->capacity = capacity;
    job->kept += more;
    job->server->collected_size += more;
    return true;
}

/* Refuses malformed and too big events. */
static void check_proposed(struct fct_kurrent_job *job, const struct fct_kurrent_proposed *proposed)
{
    size_t size = proposed->data.len + proposed->custom_metadata.len;
    if (proposed->id.form == FCT_KURRENT_ID_NONE || proposed->id.form == FCT_KURRENT_ID_MALFORMED ||
        fct_uuid_is_zero(proposed->id.uuid)) {
        fct_kurrent_job_refuse(job, FCT_KURRENT_REFUSAL_BAD_REQUEST,
                               "an event needs an id: a UUID that is not all zeros");
    } else if (!proposed->has_type || !proposed->has_content_type) {
        job->missing = proposed->has_type ? "content-type" : "type";
        fct_kurrent_job_refuse(job, FCT_KURRENT_REFUSAL_BAD_REQUEST,
                               proposed->has_type
                                   ? "Required Metadata Property 'content-type' is missing"
                                   : "Required Metadata Property 'type' is missing");
    } else if (size > job->server->event_size_max) {
        fct_kurrent_job_refuse(job, FCT_KURRENT_REFUSAL_EVENT_TOO_BIG, "");
        job->refusal.event_id = proposed->id.uuid;
        job->refusal.event_size = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
        job->refusal.event_size_max = (uint32_t)job->server->event_size_max;
    } else if (job->size + size + proposed->type.len > job->server->append_size_max) {
        refuse_append_size(job);
    }
    job->size += size + proposed->type.len;
}

void fct_kurrent_job_add(struct fct_kurrent_job *job, const struct fct_kurrent_proposed *proposed)
{
    if (!job->refused) {
        check_proposed(job, proposed);
    }
    if (job->refused || !make_room(job)) {
        return;
    }
    factum_new_event *event = &job->events[job->pending.request.event_count++];
    *event = (factum_new_event){
        .stream = job->expectation.stream,
        .type = proposed->type,
        .data = proposed->data,
        .metadata = proposed->custom_metadata,
        .id = proposed->id.uuid,
        .content_type = FACTUM_CONTENT_BINARY,
    };
    if (fct_slice_equal(proposed->content_type, FCT_SLICE("application/json"))) {
        event->content_type = FACTUM_CONTENT_JSON;
    } else if (proposed->content_type.len > 0 &&
               memchr(proposed->content_type.ptr, '/', proposed->content_type.len) != NULL) {
        event->media_type = proposed->content_type;
    }
}

/* ---- the outcome ----------------------------------------------------------------------------- */

static void refuse_wrong_version(struct fct_kurrent_job *job)
{
    const factum_append_result *result = &job->pending.op.result;
    bool exists = result->actual_state == FACTUM_STREAM_PRESENT ||
                  result->actual_state == FACTUM_STREAM_SOFT_DELETED;
    if (result->actual_state == FACTUM_STREAM_SOFT_DELETED &&
        job->expected.kind == FCT_KURRENT_EXPECTED_STREAM_EXISTS) {
        fct_kurrent_job_refuse(job, FCT_KURRENT_REFUSAL_STREAM_DELETED, "");
        return;
    }
    fct_kurrent_job_refuse(job, FCT_KURRENT_REFUSAL_WRONG_VERSION, "");
    job->refusal.wrong = (struct fct_kurrent_wrong_version){
        .current = {exists, result->actual_revision}, .expected = job->expected};
}

static void refuse_status(struct fct_kurrent_job *job, factum_status status,
                          const factum_error *err)
{
    if (status == FACTUM_WRONG_REVISION) {
        refuse_wrong_version(job);
    } else if (status == FACTUM_STREAM_DELETED) {
        fct_kurrent_job_refuse(job, FCT_KURRENT_REFUSAL_STREAM_DELETED, "");
    } else if (status == FACTUM_EXPIRED || status == FACTUM_CANCELLED) {
        fct_kurrent_job_refuse(job, FCT_KURRENT_REFUSAL_TIMEOUT, "");
    } else if (status == FACTUM_INVALID || status == FACTUM_TOO_BIG ||
               status == FACTUM_SCHEMA_VIOLATION) {
        fct_kurrent_job_refuse(job, FCT_KURRENT_REFUSAL_BAD_REQUEST, err->text);
    } else {
        refuse_other(job, fct_grpc_code_of(status), err->text);
    }
}

static void answer_and_free(struct fct_kurrent_job *job)
{
    if (job->call != NULL) {
        fct_grpc_release(job->call, job->held);
        job->answer(job);
    }
    fct_kurrent_job_free(job);
}

static void on_appended(struct fct_pending *pending)
{
    struct fct_kurrent_job *job = FCT_CONTAINER_OF(pending, struct fct_kurrent_job, pending);
    if (pending->op.status != FACTUM_OK) {
        refuse_status(job, pending->op.status, &pending->op.err);
    }
    answer_and_free(job);
}

void fct_kurrent_job_start(struct fct_kurrent_job *job)
{
    factum_append_request *request = &job->pending.request;
    factum_error err;
    fct_timer_stop(&job->timer);
    if (!job->refused) {
        request->events = job->events;
        request->expectations = &job->expectation;
        request->expectation_count = 1;
        request->system = true; /* the rights were checked */
        request->call = &job->context;
        job->pending.done = on_appended;
        factum_status status = fct_append_start(job->server, &job->pending, &err);
        if (status == FACTUM_OK) {
            job->started = true;
            return;
        }
        refuse_status(job, status, &err);
    }
    answer_and_free(job);
}

static void never_late(factum_question *question)
{
    (void)question;
    FCT_ASSERT(false); /* the server's store is embedded */
}

bool fct_kurrent_stream_info(const struct fct_server *server, factum_slice stream,
                             factum_stream_info *info)
{
    factum_question question = {.size = sizeof question,
                                .kind = FACTUM_ASK_STREAM,
                                .name = stream,
                                .stream = info,
                                .done = never_late};
    *info = (factum_stream_info){.size = sizeof *info};
    return factum_ask(server->store, &question, NULL) == FACTUM_OK &&
           info->state == FACTUM_STREAM_PRESENT;
}

/* Returns the stream's last revision, the answer to an append without events. */
static struct fct_kurrent_number last_revision(const struct fct_kurrent_job *job)
{
    factum_stream_info info;
    bool known = fct_kurrent_stream_info(job->server, job->expectation.stream, &info) ||
                 info.state == FACTUM_STREAM_SOFT_DELETED;
    return (struct fct_kurrent_number){known, info.last_revision};
}

struct fct_kurrent_appended fct_kurrent_job_result(const struct fct_kurrent_job *job)
{
    const factum_append_result *result = &job->pending.op.result;
    if (job->pending.request.event_count == 0 && job->pending.op.action == FACTUM_ACTION_APPEND) {
        return (struct fct_kurrent_appended){.revision = last_revision(job)};
    }
    return (struct fct_kurrent_appended){.revision = {true, result->revision},
                                         .position = {true, result->position}};
}

/* ---- refusals as trailers -------------------------------------------------------------------- */

#define NUMBER_SIZE 24

static factum_slice number_text(char text[NUMBER_SIZE], uint64_t number)
{
    (void)snprintf(text, NUMBER_SIZE, "%" PRIu64, number);
    return factum_slice_from(text);
}

static factum_slice expected_text(char text[NUMBER_SIZE],
                                  const struct fct_kurrent_expected *expected)
{
    switch (expected->kind) {
    case FCT_KURRENT_EXPECTED_ANY:
    case FCT_KURRENT_EXPECTED_NONE:
        return FCT_SLICE("-2");
    case FCT_KURRENT_EXPECTED_NO_STREAM:
        return FCT_SLICE("-1");
    case FCT_KURRENT_EXPECTED_STREAM_EXISTS:
        return FCT_SLICE("-4");
    case FCT_KURRENT_EXPECTED_REVISION:
        break;
    }
    return expected->revision == FCT_KURRENT_NONE ? FCT_SLICE("-1")
                                                  : number_text(text, expected->revision);
}

static void fail_with(struct fct_kurrent_job *job, enum fct_grpc_code code, const char *text,
                      const struct fct_field *fields, size_t count)
{
    fct_grpc_finish(job->call, code, factum_slice_from(text), fields, count);
}

static void fail_wrong_version(struct fct_kurrent_job *job, const char *operation,
                               factum_slice stream)
{
    char text[128], expected[NUMBER_SIZE], actual[NUMBER_SIZE];
    const struct fct_kurrent_number *current = &job->refusal.wrong.current;
    const struct fct_field fields[] = {
        {FCT_SLICE("exception"), FCT_SLICE("wrong-expected-version")},
        {FCT_SLICE("stream-name"), stream},
        {FCT_SLICE("expected-version"), expected_text(expected, &job->expected)},
        {FCT_SLICE("actual-version"),
         current->given ? number_text(actual, current->value) : FCT_SLICE("-1")},
    };
    (void)snprintf(text, sizeof text, "%s failed due to WrongExpectedVersion.", operation);
    fail_with(job, FCT_GRPC_FAILED_PRECONDITION, text, fields, 4);
}

static void fail_too_big(struct fct_kurrent_job *job)
{
    char text[96], id[FACTUM_UUID_TEXT_SIZE], maximum[NUMBER_SIZE], size[NUMBER_SIZE];
    const struct fct_kurrent_refusal *refusal = &job->refusal;
    if (refusal->kind == FCT_KURRENT_REFUSAL_APPEND_TOO_BIG) {
        const struct fct_field fields[] = {
            {FCT_SLICE("exception"), FCT_SLICE("maximum-append-size-exceeded")},
            {FCT_SLICE("maximum-append-size"), number_text(maximum, refusal->append_size_max)},
        };
        (void)snprintf(text, sizeof text, "Maximum Append Size of %" PRIu32 " Exceeded.",
                       refusal->append_size_max);
        fail_with(job, FCT_GRPC_INVALID_ARGUMENT, text, fields, 2);
        return;
    }
    factum_uuid_format(refusal->event_id, id);
    const struct fct_field fields[] = {
        {FCT_SLICE("exception"), FCT_SLICE("maximum-append-event-size-exceeded")},
        {FCT_SLICE("event-id"), factum_slice_from(id)},
        {FCT_SLICE("proposed-append-event-size"), number_text(size, refusal->event_size)},
        {FCT_SLICE("maximum-append-event-size"), number_text(maximum, refusal->event_size_max)},
    };
    (void)snprintf(text, sizeof text, "An event of %" PRIu32 " bytes: the limit is %" PRIu32 ".",
                   refusal->event_size, refusal->event_size_max);
    fail_with(job, FCT_GRPC_INVALID_ARGUMENT, text, fields, 4);
}

static void fail_bad_request(struct fct_kurrent_job *job)
{
    const struct fct_field fields[] = {
        {FCT_SLICE("exception"), FCT_SLICE("missing-required-metadata-property")},
        {FCT_SLICE("required-metadata-properties"), FCT_SLICE("type,content-type")},
    };
    fail_with(job, FCT_GRPC_INVALID_ARGUMENT, job->err.text, fields, job->missing == NULL ? 0 : 2);
}

static void fail_deleted(struct fct_kurrent_job *job, factum_slice stream)
{
    const struct fct_field fields[] = {
        {FCT_SLICE("exception"), FCT_SLICE("stream-deleted")},
        {FCT_SLICE("stream-name"), stream},
    };
    fail_with(job, FCT_GRPC_FAILED_PRECONDITION, "The stream is deleted.", fields, 2);
}

void fct_kurrent_job_fail_call(struct fct_kurrent_job *job, const char *operation)
{
    struct fct_buf name;
    fct_buf_init(&name, job->server->mem, 4 * FACTUM_NAME_SIZE_MAX);
    if (fct_grpc_encode_message(&name, job->expectation.stream) != FACTUM_OK) {
        fct_buf_clear(&name);
    }
    switch (job->refusal.kind) {
    case FCT_KURRENT_REFUSAL_WRONG_VERSION:
        fail_wrong_version(job, operation, fct_buf_slice(&name));
        break;
    case FCT_KURRENT_REFUSAL_STREAM_DELETED:
        fail_deleted(job, fct_buf_slice(&name));
        break;
    case FCT_KURRENT_REFUSAL_ACCESS_DENIED:
        fct_grpc_deny(job->call, FCT_SLICE("Access Denied"));
        break;
    case FCT_KURRENT_REFUSAL_TIMEOUT:
        fail_with(job, FCT_GRPC_DEADLINE_EXCEEDED, "the deadline has passed", NULL, 0);
        break;
    case FCT_KURRENT_REFUSAL_APPEND_TOO_BIG:
    case FCT_KURRENT_REFUSAL_EVENT_TOO_BIG:
        fail_too_big(job);
        break;
    case FCT_KURRENT_REFUSAL_BAD_REQUEST:
        fail_bad_request(job);
        break;
    case FCT_KURRENT_REFUSAL_OTHER:
        fail_with(job, job->refusal.code, job->err.text, NULL, 0);
        break;
    case FCT_KURRENT_REFUSAL_INVALID_TRANSACTION:
    case FCT_KURRENT_REFUSAL_UNKNOWN:
        fail_with(job, FCT_GRPC_UNKNOWN, job->err.text, NULL, 0);
        break;
    }
    fct_buf_finish(&name);
}
