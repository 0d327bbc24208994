/* request.c - see <factum/remote.h>: a plain HTTP request on the connection of a store.
 * Layer: engine_remote. The caller's thread, which waits.
 *
 * The server is not trusted: the answer's body is bounded, at most PROBLEM_MAX bytes of a refusal
 * are kept, and a refusal without a status of Factum is IO.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <factum/json.h>
#include <factum/remote.h>

#include "api/scheme.h"
#include "core/error.h"
#include "core/sized.h"
#include "core/slice.h"
#include "engine/deliver.h"
#include "engine_remote/remote_int.h"

#define BODY_MAX ((size_t)32 << 20)
#define ANSWER_MAX_DEFAULT (UINT64_C(64) << 20)
#define PROBLEM_MAX ((size_t)64 << 10)
#define DETAIL_MAX 4096u
#define METHOD_MAX 16u
#define TARGET_MAX 8192u
#define TYPE_MAX 128u
#define TEXTS_MAX (METHOD_MAX + TARGET_MAX + TYPE_MAX + 1)
#define LOOK_NS UINT64_C(100000000) /* interval of checking whether it is still wanted */
#define NS_PER_MS UINT64_C(1000000)

struct request {
    struct inflow inflow;
    struct distant_plain plain;
    factum_remote_request given;
    const factum_remote_body *to;
    char what[128];       /* for error texts: "GET /api/v1/models" */
    struct fct_buf texts; /* method, target, content type */
    struct distant_head head;
    bool has_head;
    uint64_t taken;         /* bytes of the body */
    struct fct_buf problem; /* the body of a refusal */
};

static struct request *request_of(struct inflow *inflow)
{
    return FCT_CONTAINER_OF(inflow, struct request, inflow);
}

/* Called by the loop, its last user. */
static void request_free(struct inflow *inflow)
{
    struct request *request = request_of(inflow);
    fct_buf_finish(&request->problem);
    fct_buf_finish(&request->texts);
    fct_mem_free(inflow->distant->mem, request);
}

/* ---- the answer ------------------------------------------------------------------------------ */

static bool request_is_done_well(const struct request *request)
{
    return request->head.status >= 200 && request->head.status < 300;
}

static factum_status request_take_head(struct request *request, factum_slice message,
                                       factum_error *err)
{
    if (message.len != sizeof request->head) {
        return fct_fail(err, FACTUM_IO, "%s: the answer has no head", request->what);
    }
    memcpy(&request->head, message.ptr, sizeof request->head);
    fct_text_clean(request->head.type);
    request->has_head = true;
    return FACTUM_OK;
}

/* A refusal over PROBLEM_MAX is not kept: it then names no status. */
static void request_take_problem(struct request *request, factum_slice bytes)
{
    if (fct_buf_add_slice(&request->problem, bytes) != FACTUM_OK) {
        fct_buf_clear(&request->problem);
    }
}

static factum_status request_take(struct request *request, factum_slice message, factum_error *err)
{
    if (!request->has_head) {
        return request_take_head(request, message, err);
    }
    if (message.len > request->given.answer_max - request->taken) {
        return fct_fail(err, FACTUM_TOO_BIG, "%s: the answer is over %" PRIu64 " bytes",
                        request->what, request->given.answer_max);
    }
    request->taken += message.len;
    if (!request_is_done_well(request)) {
        request_take_problem(request, message);
    } else if (request->to != NULL && !request->to->bytes(request->to->data, message)) {
        return fct_fail(err, FACTUM_CANCELLED, "%s: it was stopped", request->what);
    }
    return FACTUM_OK;
}

/* ---- refusals -------------------------------------------------------------------------------- */

static factum_status request_code(const factum_json *json)
{
    static const factum_status codes[] = {
#define REQUEST_CODE(name, value, text) FACTUM_##name,
        FACTUM_STATUS_LIST(REQUEST_CODE)
#undef REQUEST_CODE
    };
    uint32_t code = factum_json_find(json, FACTUM_JSON_ROOT, FCT_SLICE("code"));
    for (size_t i = 0; code != FACTUM_JSON_NONE && i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i] < 0 &&
            factum_json_text_is(json, code, factum_slice_from(factum_status_name(codes[i])))) {
            return codes[i];
        }
    }
    return FACTUM_OK;
}

/* OK: the problem names no status of Factum. */
static factum_status request_read_problem(const struct request *request, factum_json_node *nodes,
                                          size_t count, factum_error *err)
{
    char text[DETAIL_MAX];
    size_t len = 0;
    factum_json json;
    if (factum_json_parse(fct_buf_slice(&request->problem), NULL, nodes, count, &json, NULL) !=
        FACTUM_OK) {
        return FACTUM_OK;
    }
    factum_status status = request_code(&json);
    uint32_t detail = factum_json_find(&json, FACTUM_JSON_ROOT, FCT_SLICE("detail"));
    bool has_text = detail != FACTUM_JSON_NONE &&
                    factum_json_unescape(&json, detail, text, sizeof text, &len) == FACTUM_OK;
    if (status == FACTUM_OK) {
        return status;
    }
    return has_text ? fct_fail(err, status, "%.*s", (int)len, text)
                    : fct_fail(err, status, "%s: %s", request->what, factum_status_text(status));
}

static factum_status request_refused(const struct request *request, factum_error *err)
{
    const struct fct_mem *mem = request->inflow.distant->mem;
    unsigned http_status = request->head.status;
    size_t count = factum_json_nodes_max(request->problem.len);
    factum_json_node *nodes = fct_mem_zalloc(mem, count + 1, sizeof *nodes);
    if (nodes == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "%s: out of memory", request->what);
    }
    factum_status status = request_read_problem(request, nodes, count, err);
    fct_mem_free(mem, nodes);
    if (status != FACTUM_OK) {
        return status;
    }
    bool denied = http_status == 401 || http_status == 403;
    return fct_fail(err, denied ? FACTUM_DENIED : FACTUM_IO,
                    "%s: %s answers with HTTP status %u, and does not say why", request->what,
                    request->inflow.distant->address.authority, http_status);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static factum_status request_wait(struct request *request, factum_error *err)
{
    const factum_progress *progress = request->given.progress;
    fct_inflow_await_for(&request->inflow, progress == NULL ? UINT64_MAX : LOOK_NS);
    return progress == NULL || progress->step(progress->data, request->taken, 0)
               ? FACTUM_OK
               : fct_fail(err, FACTUM_CANCELLED, "%s: it was stopped", request->what);
}

/* The call has ended with |status|. */
static factum_status request_end(const struct request *request, factum_status status, bool lost,
                                 factum_error *err)
{
    if (lost && request->given.once && request->has_head) {
        return fct_fail(err, FACTUM_UNKNOWN_OUTCOME,
                        "%s: the connection was lost in the middle of the answer", request->what);
    }
    if (status != FACTUM_DONE) {
        return status;
    }
    return request_is_done_well(request) ? FACTUM_OK : request_refused(request, err);
}

static factum_status request_run(struct request *request, factum_error *err)
{
    factum_slice message;
    bool lost = false;
    factum_status status;
    fct_inflow_start(&request->inflow);
    do {
        status = fct_inflow_next(&request->inflow, &message, &lost, err);
        if (status == FACTUM_OK) {
            status = request_take(request, message, err);
        } else if (status == FACTUM_PENDING) {
            status = request_wait(request, err);
        } else {
            return request_end(request, status, lost, err);
        }
    } while (status == FACTUM_OK);
    return status;
}

/* ---- the request ----------------------------------------------------------------------------- */

static bool request_is_text(const char *text, size_t size_max)
{
    size_t len = text == NULL ? 0 : strlen(text);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] <= 0x20 || (unsigned char)text[i] >= 0x7f) {
            return false;
        }
    }
    return len > 0 && len <= size_max;
}

static factum_status request_check(factum_store *store, const factum_remote_request *request,
                                   const factum_remote_body *body, factum_error *err)
{
    if (store == NULL || fct_distant_of(fct_api_engine(store)) == NULL) {
        return fct_fail(err, store == NULL ? FACTUM_INVALID : FACTUM_UNSUPPORTED,
                        "request: the store is not one behind an address");
    }
    if (!request_is_text(request->method, METHOD_MAX) ||
        !request_is_text(request->target, TARGET_MAX) || request->target[0] != '/') {
        return fct_fail(err, FACTUM_INVALID,
                        "request: it needs a method, and a target that begins "
                        "with \"/\" and is percent encoded");
    }
    if ((request->content_type != NULL && !request_is_text(request->content_type, TYPE_MAX)) ||
        (request->content_type == NULL && request->body.len > 0)) {
        return fct_fail(err, FACTUM_INVALID, "request: a body needs a content type, in one word");
    }
    if ((body != NULL && body->bytes == NULL) || request->timeout_ms < 0 ||
        (request->progress != NULL && request->progress->step == NULL)) {
        return fct_fail(err, FACTUM_INVALID, "request: a function or a time limit is wrong");
    }
    return request->body.len <= BODY_MAX
               ? FACTUM_OK
               : fct_fail(err, FACTUM_TOO_BIG, "request: the body is over %zu bytes", BODY_MAX);
}

/* Returns NULL if out of memory. |given| must last longer. */
static struct request *request_create(struct distant *distant, const factum_remote_request *given,
                                      const factum_remote_body *body)
{
    struct request *request = fct_mem_zalloc(distant->mem, 1, sizeof *request);
    if (request == NULL) {
        return NULL;
    }
    request->given = *given;
    request->to = body;
    if (request->given.answer_max == 0) {
        request->given.answer_max = ANSWER_MAX_DEFAULT;
    }
    (void)snprintf(request->what, sizeof request->what, "%s %.*s", given->method,
                   (int)strcspn(given->target, "?"), given->target);
    fct_buf_init(&request->problem, distant->mem, PROBLEM_MAX);
    fct_buf_init(&request->texts, distant->mem, TEXTS_MAX);
    struct inflow *inflow = &request->inflow;
    inflow->distant = distant;
    inflow->what = request->what;
    inflow->free = request_free;
    inflow->once = given->once;
    inflow->plain = &request->plain;
    if (given->timeout_ms > 0) {
        uint64_t now = fct_distant_now(distant);
        uint64_t left = (UINT64_MAX - now) / NS_PER_MS;
        uint64_t wanted = (uint64_t)given->timeout_ms;
        inflow->deadline = now + (wanted < left ? wanted : left) * NS_PER_MS;
    }
    fct_buf_init(&inflow->message, distant->mem, BODY_MAX + 4096);
    return request;
}

/* Copies what the loop uses, possibly a moment after the caller has returned. */
static factum_status request_copy(struct request *request, factum_error *err)
{
    const factum_remote_request *given = &request->given;
    factum_slice method = factum_slice_from(given->method);
    factum_slice target = factum_slice_from(given->target);
    factum_slice type = factum_slice_from(given->content_type);
    factum_status status = fct_buf_add_slice(&request->inflow.message, given->body);
    if (status == FACTUM_OK) {
        status = fct_buf_printf(&request->texts, "%s%s%s", given->method, given->target,
                                given->content_type == NULL ? "" : given->content_type);
    }
    if (status != FACTUM_OK) {
        return fct_fail(err, FACTUM_NO_MEMORY, "%s: out of memory", request->what);
    }
    const uint8_t *texts = request->texts.ptr;
    request->plain = (struct distant_plain){
        .method = fct_slice(texts, method.len),
        .content_type = fct_slice(texts + method.len + target.len, type.len),
    };
    request->inflow.path = fct_slice(texts + method.len, target.len);
    return FACTUM_OK;
}

static void request_destroy(struct request *request, bool started)
{
    if (started) {
        fct_inflow_close(&request->inflow);
    } else {
        fct_buf_finish(&request->inflow.message);
        request_free(&request->inflow);
    }
}

factum_status factum_remote_send(factum_store *store, const factum_remote_request *request,
                                 const factum_remote_body *body, factum_remote_answer *answer,
                                 factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_remote_request full;
    factum_remote_answer filled = {.size = sizeof filled};
    factum_status status = fct_sized_read(&full, sizeof full, request, "request", err);
    if (status == FACTUM_OK && answer != NULL) {
        status = fct_sized_check(answer, "request: the answer", err);
    }
    if (status == FACTUM_OK) {
        status = request_check(store, &full, body, err);
    }
    if (status == FACTUM_OK) {
        status = fct_callback_refuse("request", err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    struct request *made = request_create(fct_distant_of(fct_api_engine(store)), &full, body);
    if (made == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "request: out of memory");
    }
    status = request_copy(made, err);
    bool started = status == FACTUM_OK;
    if (started) {
        status = request_run(made, err);
    }
    filled.http_status = made->head.status;
    memcpy(filled.content_type, made->head.type, sizeof filled.content_type);
    if (answer != NULL) {
        fct_sized_write(answer, &filled, sizeof filled);
    }
    request_destroy(made, started);
    return status;
}
