/* endpoint_definition.c - deploying and changing endpoints: the calls of <factum/endpoint.h> that
 * write to an endpoint's stream, and the list. Layer: saga. A user of the public API.
 *
 *     read the stream, fold it --> append at the revision that was read
 *                                       | WRONG_REVISION: another act came first
 */
#include "saga/endpoint_definition.h"

#include <stdio.h>
#include <string.h>

#include <factum/json_write.h>

#include "codec/json.h"
#include "core/arena.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/sized.h"
#include "core/slice.h"
#include "saga/endpoint_url.h"

#define ENDPOINT_ARENA_MAX ((size_t)32 << 20) /* for thousands of changes to one endpoint */
#define ENDPOINT_WHY_MAX 4096u

static const char *const endpoint_types[] = {"$EndpointDeployed", "$EndpointEnabled",
                                             "$EndpointDisabled", "$EndpointRemoved"};

/* ---- reading --------------------------------------------------------------------------------- */

static factum_slice member_text(const struct fct_json_member *member, factum_arena *arena)
{
    size_t len = 0;
    if (!member->found || member->value.kind != FACTUM_JSON_TEXT) {
        return (factum_slice){NULL, 0};
    }
    char *text = factum_arena_take(arena, member->value.raw.len);
    bool good = text != NULL && fct_json_unescape(member->value.raw, text, member->value.raw.len,
                                                  &len) == FACTUM_OK;
    return good ? fct_slice(text, len) : (factum_slice){NULL, 0};
}

static uint32_t member_number(const struct fct_json_member *member, uint32_t otherwise,
                              uint32_t most)
{
    int64_t number = 0;
    bool good = member->found && fct_json_int64(&member->value, &number) == FACTUM_OK &&
                number > 0 && number <= most;
    return good ? (uint32_t)number : otherwise;
}

static factum_status no_endpoint_event(const factum_event *event, factum_error *err)
{
    return fct_fail(err, FACTUM_CORRUPT, "endpoint: the event %.*s in %.*s is not understood",
                    FCT_FMT(event->type), FCT_FMT(event->stream));
}

static void fold_deployed(factum_endpoint_state *state, const struct fct_json_member *members,
                          factum_arena *arena)
{
    state->url = member_text(&members[2], arena);
    state->secret = member_text(&members[3], arena);
    state->timeout_ms =
        member_number(&members[4], FCT_ENDPOINT_TIMEOUT_MS, FCT_ENDPOINT_TIMEOUT_MAX_MS);
    state->parallel = member_number(&members[5], FCT_ENDPOINT_PARALLEL, FCT_ENDPOINT_PARALLEL_MAX);
    state->disabled = false;
    state->removed = false;
}

factum_status fct_endpoint_fold(factum_endpoint_state *state, const factum_event *event,
                                factum_arena *arena, factum_error *err)
{
    struct fct_json whole;
    struct fct_json_member members[] = {
        {.name = FCT_SLICE("by")},        {.name = FCT_SLICE("why")},
        {.name = FCT_SLICE("url")},       {.name = FCT_SLICE("secret")},
        {.name = FCT_SLICE("timeoutMs")}, {.name = FCT_SLICE("parallel")}};
    factum_slice prefix = FCT_SLICE(FCT_ENDPOINT_STREAM_PREFIX);
    if (!fct_slice_starts(event->stream, prefix) ||
        !fct_endpoint_name_valid(fct_slice_from(event->stream, prefix.len)) ||
        fct_json_pick(event->data, &whole, members, 6, NULL) != FACTUM_OK) {
        return no_endpoint_event(event, err);
    }
    if (fct_slice_equal(event->type, FCT_SLICE("$EndpointDeployed"))) {
        fold_deployed(state, members, arena);
    } else if (fct_slice_equal(event->type, FCT_SLICE("$EndpointRemoved"))) {
        state->removed = true;
    } else if (fct_slice_equal(event->type, FCT_SLICE("$EndpointDisabled"))) {
        state->disabled = true;
    } else if (fct_slice_equal(event->type, FCT_SLICE("$EndpointEnabled"))) {
        state->disabled = false;
    } else {
        return no_endpoint_event(event, err);
    }
    state->size = sizeof *state;
    state->by = member_text(&members[0], arena);
    state->why = member_text(&members[1], arena);
    state->service = factum_arena_copy(arena, fct_slice_from(event->stream, prefix.len));
    state->created = event->created;
    state->revision = event->revision;
    state->position = event->position;
    if (factum_arena_status(arena) != FACTUM_OK) {
        return fct_fail(err, factum_arena_status(arena), "endpoint: its events are too big");
    }
    return state->url.len > 0 ? FACTUM_OK : no_endpoint_event(event, err);
}

/* NOT_FOUND: the stream has no event. */
static factum_status read_endpoint(factum_store *store, factum_slice stream,
                                   const factum_call *call, factum_arena *arena,
                                   factum_endpoint_state *state, factum_error *err)
{
    factum_event event;
    factum_cursor *cursor;
    const factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_STREAM, .name = stream, .call = call};
    *state = (factum_endpoint_state){.size = sizeof *state};
    factum_status status = factum_read(store, &request, &cursor, err);
    if (status == FACTUM_STREAM_NOT_FOUND || status == FACTUM_STREAM_DELETED) {
        return fct_fail(err, FACTUM_NOT_FOUND, "this service has no endpoint");
    }
    if (status != FACTUM_OK) {
        return status;
    }
    while ((status = factum_cursor_next(cursor, &event, err)) == FACTUM_OK) {
        status = fct_endpoint_fold(state, &event, arena, err);
        if (status != FACTUM_OK) {
            break;
        }
    }
    factum_cursor_close(cursor);
    if (status == FACTUM_DONE) {
        return state->url.len > 0 ? FACTUM_OK
                                  : fct_fail(err, FACTUM_NOT_FOUND, "this service has no endpoint");
    }
    return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

struct endpoint_writing {
    factum_store *store;
    factum_act_options options;
    char stream[FCT_ENDPOINT_STREAM_SIZE];
    factum_arena arena;
    factum_endpoint_state state;
    bool any; /* |state| is set */
};

static factum_status begin_writing(struct endpoint_writing *w, factum_store *store,
                                   factum_slice service, const factum_act_options *options,
                                   factum_error *err)
{
    *w = (struct endpoint_writing){.store = store, .options = {.size = sizeof w->options}};
    fct_arena_init(&w->arena, fct_mem_heap(), ENDPOINT_ARENA_MAX);
    if (!fct_endpoint_name_valid(service)) {
        return fct_fail(err, FACTUM_INVALID,
                        "endpoint: the name of a service is [a-z][a-z0-9_]*, at most %d bytes",
                        FACTUM_ENDPOINT_NAME_MAX);
    }
    factum_status status = options == NULL ? FACTUM_OK
                                           : fct_sized_read(&w->options, sizeof w->options, options,
                                                            "endpoint: the options", err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (w->options.by.len > FACTUM_NAME_SIZE_MAX || w->options.why.len > ENDPOINT_WHY_MAX) {
        return fct_fail(err, FACTUM_INVALID,
                        "endpoint: who acts has at most %d bytes, and why at most %u",
                        FACTUM_NAME_SIZE_MAX, ENDPOINT_WHY_MAX);
    }
    (void)snprintf(w->stream, sizeof w->stream, "%s%.*s", FCT_ENDPOINT_STREAM_PREFIX,
                   (int)service.len, (const char *)service.ptr);
    status = read_endpoint(store, factum_slice_from(w->stream), w->options.call, &w->arena,
                           &w->state, err);
    w->any = status == FACTUM_OK;
    return status;
}

static void put_who(const struct endpoint_writing *w, factum_json_writer *to)
{
    if (w->options.by.len > 0) {
        factum_json_put_member_text(to, "by", w->options.by);
    }
    if (w->options.why.len > 0) {
        factum_json_put_member_text(to, "why", w->options.why);
    }
    factum_json_put_end(to);
}

static factum_status append_endpoint_event(struct endpoint_writing *w, const char *type,
                                           factum_json_writer *to, factum_act_result *given,
                                           factum_error *err)
{
    factum_append_result result;
    factum_status status = factum_json_writer_finish(to, err);
    if (status != FACTUM_OK) {
        return status;
    }
    const factum_new_event event = {.stream = factum_slice_from(w->stream),
                                    .type = factum_slice_from(type),
                                    .data = fct_slice(to->buffer, to->used)};
    const factum_expectation expectation = {event.stream, w->any ? factum_at(w->state.revision)
                                                                 : factum_no_stream()};
    const factum_append_request request = {.size = sizeof request,
                                           .events = &event,
                                           .event_count = 1,
                                           .expectations = &expectation,
                                           .expectation_count = 1,
                                           .system = true,
                                           .call = w->options.call};
    status = factum_append(w->store, &request, &result, NULL, err);
    if (status == FACTUM_OK && given != NULL) {
        const factum_act_result done = {
            .size = sizeof done, .revision = result.revision, .position = result.position};
        fct_sized_write(given, &done, sizeof done);
    }
    return status == FACTUM_WRONG_REVISION
               ? fct_wrap(err, status, "another caller has just changed the endpoint")
               : status;
}

static factum_status check_endpoint(const factum_endpoint *endpoint, struct fct_endpoint_url *url,
                                    factum_error *err)
{
    if (endpoint->secret.len > 0 && !fct_endpoint_name_valid(endpoint->secret)) {
        return fct_fail(err, FACTUM_INVALID,
                        "endpoint: the name of a secret is [a-z][a-z0-9_]*, at most %d bytes; the "
                        "secret itself never stands here",
                        FACTUM_ENDPOINT_NAME_MAX);
    }
    if (endpoint->timeout_ms > FCT_ENDPOINT_TIMEOUT_MAX_MS ||
        endpoint->parallel > FCT_ENDPOINT_PARALLEL_MAX) {
        return fct_fail(err, FACTUM_INVALID,
                        "endpoint: at most %u ms of timeout and %u deliveries at a time",
                        FCT_ENDPOINT_TIMEOUT_MAX_MS, FCT_ENDPOINT_PARALLEL_MAX);
    }
    return fct_endpoint_url_read(endpoint->url, url, err);
}

static factum_status append_endpoint(struct endpoint_writing *w, const factum_endpoint *endpoint,
                                     const struct fct_endpoint_url *url, factum_act_result *result,
                                     factum_error *err)
{
    factum_json_writer to;
    uint32_t timeout = endpoint->timeout_ms == 0 ? FCT_ENDPOINT_TIMEOUT_MS : endpoint->timeout_ms;
    uint32_t parallel = endpoint->parallel == 0 ? FCT_ENDPOINT_PARALLEL : endpoint->parallel;
    factum_json_writer_in(&to, &w->arena);
    factum_json_put_object(&to);
    factum_json_put_member_text(&to, "service", endpoint->service);
    factum_json_put_member_text(&to, "url", factum_slice_from(url->text));
    if (endpoint->secret.len > 0) {
        factum_json_put_member_text(&to, "secret", endpoint->secret);
    }
    factum_json_put_member_int64(&to, "timeoutMs", timeout);
    factum_json_put_member_int64(&to, "parallel", parallel);
    put_who(w, &to);
    return append_endpoint_event(w, endpoint_types[0], &to, result, err);
}

factum_status factum_endpoint_deploy(factum_store *store, const factum_endpoint *given,
                                     const factum_act_options *options, factum_act_result *result,
                                     factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_endpoint endpoint;
    struct fct_endpoint_url url;
    struct endpoint_writing w;
    if (store == NULL) {
        return fct_fail(err, FACTUM_INVALID, "endpoint: a store is needed");
    }
    factum_status status =
        fct_sized_read(&endpoint, sizeof endpoint, given, "endpoint: the endpoint", err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (result != NULL) {
        status = fct_sized_check(result, "endpoint: the result", err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = check_endpoint(&endpoint, &url, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = begin_writing(&w, store, endpoint.service, options, err);
    if (status == FACTUM_OK || status == FACTUM_NOT_FOUND) {
        status = append_endpoint(&w, &endpoint, &url, result, err);
    }
    factum_arena_finish(&w.arena);
    return status;
}

/* ---- acts ------------------------------------------------------------------------------------ */

/* Is the endpoint in the wanted state already? */
static bool act_is_done(const factum_endpoint_state *state, factum_endpoint_act act)
{
    return act == FACTUM_ENDPOINT_ENABLE    ? !state->disabled
           : act == FACTUM_ENDPOINT_DISABLE ? state->disabled
                                            : state->removed;
}

static factum_status record_act(struct endpoint_writing *w,
                                const factum_endpoint_act_request *request,
                                factum_act_result *result, factum_error *err)
{
    factum_json_writer to;
    const factum_endpoint_guard *guard = request->guard;
    if (w->state.removed) {
        return fct_fail(err, FACTUM_NOT_FOUND, "the service %.*s has no endpoint: it was removed",
                        FCT_FMT(request->service));
    }
    if (act_is_done(&w->state, request->act)) {
        const factum_act_result done = {.size = sizeof done,
                                        .revision = w->state.revision,
                                        .position = w->state.position,
                                        .already = true};
        if (result != NULL) {
            fct_sized_write(result, &done, sizeof done);
        }
        return FACTUM_OK;
    }
    if (request->act == FACTUM_ENDPOINT_REMOVE && guard != NULL && guard->may_remove != NULL) {
        factum_status status = guard->may_remove(guard->data, request->service, err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    factum_json_writer_in(&to, &w->arena);
    factum_json_put_object(&to);
    put_who(w, &to);
    return append_endpoint_event(w, endpoint_types[request->act], &to, result, err);
}

factum_status factum_endpoint_act_record(factum_store *store,
                                         const factum_endpoint_act_request *given,
                                         factum_act_result *result, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_endpoint_act_request request;
    struct endpoint_writing w;
    factum_status status =
        fct_sized_read(&request, sizeof request, given, "endpoint: the request", err);
    if (status == FACTUM_OK && result != NULL) {
        status = fct_sized_check(result, "endpoint: the result", err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (store == NULL || request.act < FACTUM_ENDPOINT_ENABLE ||
        request.act > FACTUM_ENDPOINT_REMOVE) {
        return fct_fail(err, FACTUM_INVALID, "endpoint: a store and an act are needed");
    }
    status = begin_writing(&w, store, request.service, request.options, err);
    if (status == FACTUM_OK) {
        status = record_act(&w, &request, result, err);
    }
    factum_arena_finish(&w.arena);
    return status;
}

/* ---- the list -------------------------------------------------------------------------------- */

static factum_status list_endpoint(factum_store *store, factum_slice stream,
                                   const factum_endpoint_each *each, bool *go_on, factum_error *err)
{
    factum_arena arena;
    factum_endpoint_state state;
    fct_arena_init(&arena, fct_mem_heap(), ENDPOINT_ARENA_MAX);
    factum_status status = read_endpoint(store, stream, NULL, &arena, &state, err);
    if (status == FACTUM_OK) {
        *go_on = each->each(each->data, &state);
    }
    factum_arena_finish(&arena);
    return status;
}

static factum_status list_endpoints(factum_store *store, const factum_endpoint_each *each,
                                    factum_error *err)
{
    factum_list *list;
    factum_list_entry entry;
    bool go_on = true;
    const factum_list_request request = {.size = sizeof request,
                                         .kind = FACTUM_LIST_STREAMS,
                                         .prefix = FCT_SLICE(FCT_ENDPOINT_STREAM_PREFIX)};
    factum_status status = factum_list_open(store, &request, &list, err);
    if (status != FACTUM_OK) {
        return status;
    }
    while (go_on && (status = factum_list_next(list, &entry, err)) == FACTUM_OK) {
        status = list_endpoint(store, entry.name, each, &go_on, err);
        if (status != FACTUM_OK && status != FACTUM_NOT_FOUND) {
            break;
        }
        status = FACTUM_OK;
    }
    factum_list_close(list);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

factum_status factum_endpoint_list(factum_store *store, factum_slice service,
                                   const factum_endpoint_each *each, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    char stream[FCT_ENDPOINT_STREAM_SIZE];
    bool go_on = true;
    if (store == NULL || each == NULL || each->each == NULL) {
        return fct_fail(err, FACTUM_INVALID,
                        "endpoint: a store and a function for endpoints are needed");
    }
    if (service.len == 0) {
        return list_endpoints(store, each, err);
    }
    if (!fct_endpoint_name_valid(service)) {
        return fct_fail(err, FACTUM_INVALID, "endpoint: the name of a service is [a-z][a-z0-9_]*");
    }
    (void)snprintf(stream, sizeof stream, "%s%.*s", FCT_ENDPOINT_STREAM_PREFIX, (int)service.len,
                   (const char *)service.ptr);
    return list_endpoint(store, factum_slice_from(stream), each, &go_on, err);
}
