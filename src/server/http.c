/* http.c - HTTP/JSON: from an exchange to the function of its route. Layer: server. See
 * http_call.h. */
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "server/http_int.h"
#include "wire/media.h"

#define OUT_SIZE_MAX ((size_t)1 << 20) /* beyond the size of the body */

/* ---- finding the route ----------------------------------------------------------------------- */

/* The parts of a path in place of the pattern's braces. */
struct path_names {
    factum_slice items[1 + FCT_HTTP_MORE_NAMES];
    size_t count;
};

/* True if the path matches the pattern "/a/{name}/b". */
static bool path_fits(const struct fct_url *url, const char *pattern, struct path_names *names)
{
    factum_slice rest = factum_slice_from(pattern);
    size_t i = 0;
    *names = (struct path_names){.count = 0};
    for (; rest.len > 0 && i < url->segment_count; i++) {
        rest = fct_slice_from(rest, 1);
        const uint8_t *end = memchr(rest.ptr, '/', rest.len);
        factum_slice part = fct_slice(rest.ptr, end == NULL ? rest.len : (size_t)(end - rest.ptr));
        rest = fct_slice_from(rest, part.len);
        if (part.ptr[0] == '{') {
            FCT_ASSERT(names->count < 1 + FCT_HTTP_MORE_NAMES);
            names->items[names->count++] = url->segments[i];
            if (url->segments[i].len == 0) {
                return false;
            }
        } else if (!fct_slice_equal(part, url->segments[i])) {
            return false;
        }
    }
    return rest.len == 0 && i == url->segment_count;
}

static bool method_fits(const struct fct_http_call *call, const char *method)
{
    factum_slice wanted = call->head ? FCT_SLICE("GET") : call->exchange->method;
    return fct_slice_equal(wanted, factum_slice_from(method));
}

static void refuse_method(struct fct_http_call *call)
{
    char allow[64] = "";
    size_t len = 0;
    size_t count;
    const struct fct_http_route *routes = fct_http_routes(&count);
    for (size_t i = 0; i < count; i++) {
        struct path_names names;
        if (path_fits(&call->url, routes[i].path, &names)) {
            bool get = strcmp(routes[i].method, "GET") == 0;
            int more = snprintf(allow + len, sizeof allow - len, "%s%s%s", len > 0 ? ", " : "",
                                routes[i].method, get ? ", HEAD" : "");
            FCT_ASSERT(more > 0 && (size_t)more < sizeof allow - len);
            len += (size_t)more;
        }
    }
    factum_error err;
    factum_slice method = call->exchange->method;
    if (len == 0) {
        (void)fct_fail(&err, FACTUM_NOT_FOUND,
                       "unknown path: see /api/v1/info and "
                       "docs/openapi.json");
        fct_http_fail(call, FACTUM_NOT_FOUND, &err);
        return;
    }
    (void)fct_fail(&err, FACTUM_UNSUPPORTED, "method %.*s is not allowed here; allowed: %s",
                   FCT_FMT(method), allow);
    fct_http_refuse(
        call, &(struct fct_http_refusal){.code = FACTUM_UNSUPPORTED,
                                         .status = 405,
                                         .detail = err.text,
                                         .field = {FCT_SLICE("allow"), factum_slice_from(allow)}});
}

static bool find_route(struct fct_http_call *call)
{
    size_t count;
    const struct fct_http_route *routes = fct_http_routes(&count);
    for (size_t i = 0; i < count; i++) {
        struct path_names names;
        if (path_fits(&call->url, routes[i].path, &names) && method_fits(call, routes[i].method)) {
            call->route = &routes[i];
            call->name = names.items[0];
            memcpy(call->more_names, names.items + 1, sizeof call->more_names);
            return true;
        }
    }
    refuse_method(call);
    return false;
}

/* ---- checks before the body is read ---------------------------------------------------------- */

static bool in_list(const char *list, factum_slice word)
{
    const char *at = list;
    while ((at = strchr(at, ' ')) != NULL && at[1] != '\0') {
        at++;
        size_t len = strcspn(at, " ");
        if (fct_slice_equal(word, fct_slice(at, len))) {
            return true;
        }
    }
    return false;
}

static factum_status check_query(const struct fct_http_call *call, factum_error *err)
{
    for (size_t i = 0; i < call->url.member_count; i++) {
        factum_slice name = call->url.members[i].name;
        if (!in_list(call->route->query, name)) {
            factum_slice names = factum_slice_from(call->route->query);
            bool none = names.len < 2; /* names are between blanks */
            names.len -= none ? names.len : 1;
            return fct_fail(err, FACTUM_INVALID, "the query has no \"%.*s\" here%s%.*s",
                            FCT_FMT(name), none ? "" : ": it may have", FCT_FMT(names));
        }
    }
    return FACTUM_OK;
}

/* The largest body: an append of the largest size, whose data may be base64, and its JSON. */
static uint64_t body_size_max(const struct fct_http_call *call)
{
    return call->server->append_size_max / 3 * 4 + ((uint64_t)1 << 20);
}

static factum_status refuse_size(const struct fct_http_call *call, factum_error *err)
{
    return fct_fail(err, FACTUM_TOO_BIG, "the body of the request has more than %llu bytes",
                    (unsigned long long)body_size_max(call));
}

static factum_status check_length(const struct fct_http_call *call, factum_error *err)
{
    uint64_t length = 0;
    factum_slice field = fct_exchange_field(call->exchange, FCT_SLICE("content-length"));
    bool known = call->route->body && fct_http_digits(field, &length) == FACTUM_OK;
    return known && length > body_size_max(call) ? refuse_size(call, err) : FACTUM_OK;
}

/* Refuses encoded bodies: nothing is decompressed, so nothing can grow. */
static bool refuse_encoding(struct fct_http_call *call)
{
    factum_slice coding = fct_exchange_field(call->exchange, FCT_SLICE("content-encoding"));
    if (!call->route->body || coding.len == 0 || fct_media_is(coding, "identity")) {
        return false;
    }
    fct_http_refuse(call, &(struct fct_http_refusal){
                              .code = FACTUM_UNSUPPORTED,
                              .status = 415,
                              .detail = "a body is taken without a Content-Encoding",
                              .field = {FCT_SLICE("accept-encoding"), FCT_SLICE("identity")}});
    return true;
}

static bool is_of_models(enum fct_operation operation)
{
    return operation == FCT_OP_QUERY_MODEL || operation == FCT_OP_READ_MODELS ||
           operation == FCT_OP_READ_PROJECTIONS || operation == FCT_OP_ACT_ON_MODEL;
}

/* Checks that the principal may do what the route does to the name in the path. A model is asked
 * for as "$model:NAME". */
static bool may_begin(struct fct_http_call *call)
{
    char model[128];
    factum_slice name = call->name;
    if (is_of_models(call->route->operation) && name.len > 0) {
        int len = snprintf(model, sizeof model, "$model:%.*s", name.len < 100 ? (int)name.len : 100,
                           (const char *)name.ptr);
        name = fct_slice(model, (size_t)len);
    }
    return fct_http_may(call, call->route->operation, name);
}

static void prepare(struct fct_http_call *call)
{
    factum_error err;
    const struct fct_exchange *exchange = call->exchange;
    factum_status status = fct_http_guard(exchange, call->server->advertised_host, &err);
    if (status == FACTUM_OK) {
        status = fct_url_parse(exchange->target, call->memory, &call->url, &err);
    }
    if (status != FACTUM_OK) {
        fct_http_fail(call, status, &err);
        return;
    }
    if (!find_route(call)) {
        return;
    }
    if (call->server->stopping && !call->route->root) {
        (void)fct_fail(&err, FACTUM_BUSY, "the server is shutting down");
        fct_http_fail(call, FACTUM_BUSY, &err);
        return;
    }
    if (!may_begin(call) || refuse_encoding(call)) {
        return;
    }
    status = check_query(call, &err);
    if (status == FACTUM_OK) {
        status = check_length(call, &err);
    }
    if (status != FACTUM_OK) {
        fct_http_fail(call, status, &err);
    }
}

/* ---- the exchange's handler ------------------------------------------------------------------ */

static factum_status keep_body(struct fct_http_call *call, factum_slice bytes, factum_error *err)
{
    struct fct_server *server = call->server;
    if (bytes.len > body_size_max(call) - call->body.len) {
        return refuse_size(call, err);
    }
    if (bytes.len > FCT_HTTP_BODIES_SIZE_MAX - server->http_bodies_size) {
        return fct_fail(err, FACTUM_BUSY,
                        "the bodies of requests under way exceed %llu bytes: try again later",
                        (unsigned long long)FCT_HTTP_BODIES_SIZE_MAX);
    }
    factum_status status = fct_buf_add_slice(&call->body, bytes);
    if (status != FACTUM_OK) {
        return fct_fail(err, FACTUM_NO_MEMORY, "the body of the request: out of memory");
    }
    server->http_bodies_size += bytes.len;
    call->body_counted += bytes.len;
    return FACTUM_OK;
}

static void on_http_body(struct fct_exchange *exchange, factum_slice bytes)
{
    struct fct_http_call *call = exchange->data;
    factum_error err;
    if (!call->answered && call->route->body) {
        factum_status status = keep_body(call, bytes, &err);
        if (status != FACTUM_OK) {
            fct_http_fail(call, status, &err);
        }
    }
    fct_exchange_release(exchange, bytes.len);
}

static void on_http_end(struct fct_exchange *exchange)
{
    struct fct_http_call *call = exchange->data;
    if (!call->answered) {
        fct_http_wait_and_run(call);
    }
}

static void on_http_writable(struct fct_exchange *exchange)
{
    struct fct_http_call *call = exchange->data;
    if (!call->finished && call->work != NULL && call->work->writable != NULL) {
        call->work->writable(call);
    }
}

static void on_http_closed(struct fct_exchange *exchange, bool complete)
{
    struct fct_http_call *call = exchange->data;
    (void)complete;
    call->exchange = NULL;
    exchange->data = NULL;
    bool stays = call->work != NULL && call->work->closed != NULL && call->work->closed(call);
    if (!stays) {
        fct_http_free(call);
    }
}

/* ---- an exchange without memory for its call ------------------------------------------------- */

void fct_http_turn_away(struct fct_exchange *exchange)
{
    const struct fct_field fields[] = {{FCT_SLICE("retry-after"), FCT_SLICE("1")},
                                       {FCT_SLICE("content-length"), FCT_SLICE("0")}};
    exchange->handler = &fct_exchange_ignoring;
    if (fct_exchange_respond(exchange, 503, fields, 2) != FACTUM_OK ||
        fct_exchange_finish(exchange, NULL, 0) != FACTUM_OK) {
        fct_exchange_abort(exchange, FCT_ABORT_INTERNAL);
    }
}

void fct_http_begin(struct fct_server *server, const struct fct_principal *principal,
                    struct fct_exchange *exchange)
{
    static const struct fct_exchange_handler handler = {on_http_body, on_http_end, on_http_writable,
                                                        on_http_closed};
    struct fct_http_call *call =
        fct_mem_zalloc(server->mem, 1, sizeof *call + exchange->target.len);
    if (call == NULL) {
        fct_http_turn_away(exchange);
        return;
    }
    call->server = server;
    call->exchange = exchange;
    call->principal = principal;
    call->head = fct_slice_equal(exchange->method, FCT_SLICE("HEAD"));
    fct_buf_init(&call->body, server->mem, (size_t)body_size_max(call));
    fct_buf_init(&call->out, server->mem, (size_t)body_size_max(call) + OUT_SIZE_MAX);
    exchange->handler = &handler;
    exchange->data = call;
    prepare(call);
}
