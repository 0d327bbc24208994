/* http_call.c - see http_call.h: memory and answers. Layer: server. */
#include "server/http_call.h"

#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "wire/problem.h"

#define CHUNK_SIZE 4096
#define RETRY_AFTER_S "1"

struct fct_http_chunk {
    struct fct_http_chunk *next;
    size_t size;
    size_t used;
    alignas(16) uint8_t bytes[];
};

/* ---- memory ---------------------------------------------------------------------------------- */

void *fct_http_take(struct fct_http_call *call, size_t size)
{
    FCT_ASSERT(size > 0);
    struct fct_http_chunk *chunk = call->chunks;
    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    size = (size + 15) / 16 * 16;
    if (chunk == NULL || size > chunk->size - chunk->used) {
        size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;
        chunk = fct_mem_alloc(call->server->mem, sizeof *chunk + room);
        if (chunk == NULL) {
            return NULL;
        }
        chunk->size = room;
        chunk->used = 0;
        chunk->next = call->chunks;
        call->chunks = chunk;
    }
    void *taken = chunk->bytes + chunk->used;
    chunk->used += size;
    memset(taken, 0, size);
    return taken;
}

factum_status fct_http_copy(struct fct_http_call *call, factum_slice text, factum_slice *copy)
{
    if (text.len == 0) {
        *copy = fct_slice(NULL, 0);
        return FACTUM_OK;
    }
    uint8_t *bytes = fct_http_take(call, text.len);
    if (bytes == NULL) {
        return FACTUM_NO_MEMORY;
    }
    memcpy(bytes, text.ptr, text.len);
    *copy = fct_slice(bytes, text.len);
    return FACTUM_OK;
}

void fct_http_free(struct fct_http_call *call)
{
    FCT_ASSERT(call->exchange == NULL);
    const struct fct_mem *mem = call->server->mem;
    while (call->chunks != NULL) {
        struct fct_http_chunk *chunk = call->chunks;
        call->chunks = chunk->next;
        fct_mem_free(mem, chunk);
    }
    FCT_ASSERT(call->server->http_bodies_size >= call->body_counted);
    call->server->http_bodies_size -= call->body_counted;
    fct_buf_finish(&call->body);
    fct_buf_finish(&call->out);
    fct_mem_free(mem, call);
}

static void http_call_check(const struct fct_http_call *call)
{
    FCT_ASSERT(!call->finished || call->answered);
    FCT_ASSERT(call->server->http_bodies_size >= call->body_counted);
    FCT_ASSERT(call->server->http_bodies_size <= FCT_HTTP_BODIES_SIZE_MAX);
}

/* ---- answers --------------------------------------------------------------------------------- */

static void abort_call(struct fct_http_call *call)
{
    call->answered = true;
    if (!call->finished) {
        call->finished = true;
        fct_exchange_abort(call->exchange, FCT_ABORT_INTERNAL);
    }
}

/* Fields of every answer: it is not cached, and its type is not guessed. */
static size_t common_fields(struct fct_field *fields)
{
    fields[0] = (struct fct_field){FCT_SLICE("cache-control"), FCT_SLICE("no-store")};
    fields[1] = (struct fct_field){FCT_SLICE("x-content-type-options"), FCT_SLICE("nosniff")};
    return 2;
}

static bool respond_call(struct fct_http_call *call, unsigned status,
                         const struct fct_field *fields, size_t count)
{
    http_call_check(call);
    FCT_ASSERT(!call->answered);
    FCT_ASSERT(call->exchange != NULL);
    call->answered = true;
    if (fct_exchange_respond(call->exchange, status, fields, count) != FACTUM_OK) {
        abort_call(call);
        return false;
    }
    return true;
}

bool fct_http_write(struct fct_http_call *call, factum_slice bytes)
{
    if (call->head || bytes.len == 0) {
        return true;
    }
    if (fct_exchange_write(call->exchange, bytes) != FACTUM_OK) {
        abort_call(call);
        return false;
    }
    return true;
}

void fct_http_finish(struct fct_http_call *call, const struct fct_field *trailers, size_t count)
{
    http_call_check(call);
    FCT_ASSERT(call->answered);
    FCT_ASSERT(!call->finished);
    call->finished = true;
    if (fct_exchange_finish(call->exchange, trailers, count) != FACTUM_OK) {
        fct_exchange_abort(call->exchange, FCT_ABORT_INTERNAL);
    }
}

void fct_http_answer(struct fct_http_call *call, const struct fct_http_answer *answer)
{
    struct fct_field fields[FCT_HTTP_FIELDS_MAX + 4];
    char length[24];
    FCT_ASSERT(answer->field_count <= FCT_HTTP_FIELDS_MAX);
    size_t count = common_fields(fields);
    if (answer->type != NULL) {
        fields[count++] =
            (struct fct_field){FCT_SLICE("content-type"), factum_slice_from(answer->type)};
    }
    if (answer->status != 204) {
        (void)snprintf(length, sizeof length, "%zu", answer->body.len);
        fields[count++] =
            (struct fct_field){FCT_SLICE("content-length"), factum_slice_from(length)};
    }
    for (size_t i = 0; i < answer->field_count; i++) {
        fields[count++] = answer->fields[i];
    }
    if (respond_call(call, answer->status, fields, count) && fct_http_write(call, answer->body)) {
        fct_http_finish(call, NULL, 0);
    }
}

void fct_http_answer_out(struct fct_http_call *call, factum_status status)
{
    if (status != FACTUM_OK) {
        factum_error err;
        (void)fct_fail(&err, status, "the answer could not be written: %s",
                       factum_status_text(status));
        fct_http_fail(call, status, &err);
        return;
    }
    fct_http_answer(call, &(struct fct_http_answer){.status = 200,
                                                    .type = "application/json",
                                                    .body = fct_buf_slice(&call->out)});
}

bool fct_http_stream(struct fct_http_call *call, const struct fct_field *fields, size_t field_count)
{
    struct fct_field all[FCT_HTTP_FIELDS_MAX + 2];
    FCT_ASSERT(field_count <= FCT_HTTP_FIELDS_MAX);
    size_t count = common_fields(all);
    for (size_t i = 0; i < field_count; i++) {
        all[count++] = fields[i];
    }
    if (!respond_call(call, 200, all, count)) {
        return false;
    }
    if (call->head) {
        fct_http_finish(call, NULL, 0);
    }
    return !call->head;
}

/* ---- refusals -------------------------------------------------------------------------------- */

void fct_http_refuse(struct fct_http_call *call, const struct fct_http_refusal *refusal)
{
    FCT_ASSERT(refusal->code < 0);
    if (call->answered) {
        abort_call(call);
        return;
    }
    size_t kind = (size_t)-refusal->code;
    struct fct_server_counters *counters = &call->server->counters;
    if (!refusal->counted && kind < FCT_REFUSALS) {
        counters->refusals[kind]++;
    }
    struct fct_problem problem = {
        .code = refusal->code,
        .status = refusal->status != 0 ? refusal->status : fct_problem_status(refusal->code),
        .detail = factum_slice_from(refusal->detail),
        .more = refusal->more,
    };
    struct fct_field fields[2];
    size_t count = 0;
    if (fct_problem_is_passing(problem.status)) {
        fields[count++] = (struct fct_field){FCT_SLICE("retry-after"), FCT_SLICE(RETRY_AFTER_S)};
    }
    if (refusal->field.name.len > 0) {
        fields[count++] = refusal->field;
    }
    struct fct_buf body;
    fct_buf_init(&body, call->server->mem, 64 * 1024);
    if (fct_problem_format(&body, &problem) != FACTUM_OK) {
        fct_buf_clear(&body); /* the status alone is the answer */
    }
    fct_http_answer(call, &(struct fct_http_answer){.status = problem.status,
                                                    .type = body.len > 0 ? FCT_PROBLEM_TYPE : NULL,
                                                    .body = fct_buf_slice(&body),
                                                    .fields = fields,
                                                    .field_count = count});
    fct_buf_finish(&body);
}

void fct_http_fail(struct fct_http_call *call, factum_status code, const factum_error *err)
{
    fct_http_refuse(call, &(struct fct_http_refusal){.code = code, .detail = err->text});
}

bool fct_http_may(struct fct_http_call *call, enum fct_operation operation, factum_slice stream)
{
    factum_error err;
    factum_status status = fct_rights_check(call->principal, operation, stream, &err);
    if (status == FACTUM_OK) {
        return true;
    }
    bool nobody = call->principal->right == FCT_RIGHT_NONE;
    struct fct_http_refusal refusal = {.code = status, .detail = err.text};
    if (nobody && status == FACTUM_DENIED) {
        refusal.status = 401;
        refusal.field = (struct fct_field){FCT_SLICE("www-authenticate"),
                                           FCT_SLICE("Basic realm=\"factum\", charset=\"UTF-8\"")};
    }
    fct_http_refuse(call, &refusal);
    return false;
}
