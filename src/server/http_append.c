/* http_append.c - appends over HTTP: to one stream, and to several. Layer: server.
 *
 * An append under way belongs to its call, which outlives its exchange until the store has
 * answered: the call's memory contains the events that the store works with.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "server/models.h"
#include "wire/json_out.h"
#include "wire/media.h"

#define REFUSED_TYPE                                                                               \
    "the body is application/json (an event or an array of events), application/x-ndjson (a line " \
    "each) or CloudEvents"

/* ---- the append under way -------------------------------------------------------------------- */

const char *fct_http_state_name(factum_stream_state state)
{
    switch (state) {
    case FACTUM_STREAM_PRESENT:
        return "present";
    case FACTUM_STREAM_SOFT_DELETED:
        return "deleted";
    case FACTUM_STREAM_TOMBSTONED:
        return "tombstoned";
    case FACTUM_STREAM_ABSENT:
        break;
    }
    return "absent";
}

/* Adds the members of a refusal beyond its text: the stream, and its real state. */
static factum_status put_truth(struct fct_buf *out, const struct fct_http_append *append,
                               factum_status status, const factum_error *err,
                               const factum_store *store)
{
    const factum_append_result *result = &append->pending.op.result;
    const factum_append_request *request = &append->pending.request;
    if (status == FACTUM_CONDITION_FAILED) {
        char token[FACTUM_TOKEN_SIZE];
        factum_token_format(store, result->conflict_position, token);
        return fct_buf_printf(out, ",\"conflictPosition\":%" PRIu64 ",\"conflict\":\"%s\"",
                              result->conflict_position, token);
    }
    if (status == FACTUM_SCHEMA_VIOLATION) {
        return fct_http_violation_put(out, request, result->refused_index, err->text);
    }
    bool of_stream = status == FACTUM_WRONG_REVISION || status == FACTUM_STREAM_DELETED;
    if (!of_stream || result->refused_index >= request->expectation_count) {
        return FACTUM_OK;
    }
    factum_status put = fct_buf_add_text(out, ",\"stream\":");
    if (put == FACTUM_OK) {
        put = fct_json_out_text(out, request->expectations[result->refused_index].stream);
    }
    if (put == FACTUM_OK) {
        put = fct_buf_printf(out, ",\"actualState\":\"%s\"",
                             fct_http_state_name(result->actual_state));
    }
    bool has_revision = result->actual_state == FACTUM_STREAM_PRESENT ||
                        result->actual_state == FACTUM_STREAM_SOFT_DELETED;
    return put == FACTUM_OK && has_revision
               ? fct_buf_printf(out, ",\"actualRevision\":%" PRIu64, result->actual_revision)
               : put;
}

void fct_http_append_refuse(struct fct_http_append *append, factum_status status,
                            const factum_error *err)
{
    struct fct_http_call *call = append->call;
    fct_buf_clear(&call->out);
    if (put_truth(&call->out, append, status, err, call->server->store) != FACTUM_OK) {
        fct_buf_clear(&call->out);
    }
    bool failed_precondition = status == FACTUM_WRONG_REVISION && append->by_field;
    fct_http_refuse(call, &(struct fct_http_refusal){.code = status,
                                                     .status = failed_precondition ? 412 : 0,
                                                     .detail = err->text,
                                                     .more = fct_buf_slice(&call->out),
                                                     .counted = true});
}

static bool append_stays(struct fct_http_call *call)
{
    const struct fct_http_append *append = call->state;
    return append->under_way;
}

static const struct fct_http_work append_work = {.closed = append_stays};

static void answer_append(struct fct_http_append *append);

static void on_append_done(struct fct_pending *pending)
{
    struct fct_http_append *append = pending->data;
    FCT_ASSERT(append->under_way);
    append->under_way = false;
    if (append->call->exchange == NULL) {
        fct_http_free(append->call);
    } else if (append->answer != NULL) {
        append->answer(append);
    } else {
        answer_append(append);
    }
}

void fct_http_append_start(struct fct_http_call *call, struct fct_http_append *append)
{
    factum_error err;
    FCT_ASSERT(append != NULL);
    append->call = call;
    append->pending.done = on_append_done;
    append->pending.data = append;
    call->state = append;
    call->work = &append_work;
    factum_status status = fct_append_start(call->server, &append->pending, &err);
    if (status != FACTUM_OK) {
        fct_http_append_refuse(append, status, &err);
        return;
    }
    append->under_way = true;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static factum_status put_result(struct fct_buf *out, const struct fct_http_append *append,
                                const factum_store *store)
{
    const factum_append_result *result = &append->pending.op.result;
    char token[FACTUM_TOKEN_SIZE];
    factum_token_format(store, result->position, token);
    return fct_buf_printf(out,
                          "\"position\":%" PRIu64 ",\"firstPosition\":%" PRIu64
                          ",\"token\":\"%s\",\"count\":%zu,\"already\":%s,\"durability\":\"%s\"",
                          result->position, result->first_position, token,
                          append->pending.request.event_count, result->already ? "true" : "false",
                          factum_durability_name(result->durability));
}

/* Adds the last revision of each written stream. */
static factum_status put_streams(struct fct_buf *out, const struct fct_http_append *append)
{
    const factum_append_request *request = &append->pending.request;
    const uint64_t *revisions = append->pending.op.revisions;
    factum_status status = fct_buf_add_text(out, ",\"streams\":[");
    if (status != FACTUM_OK) {
        return status;
    }
    bool first = true;
    for (size_t i = 0; i < request->expectation_count; i++) {
        factum_slice stream = request->expectations[i].stream;
        const uint64_t *last = append->state;
        if (last[i] == 0) {
            continue; /* an expectation of a stream that is not written */
        }
        status = fct_buf_add_text(out, first ? "{\"stream\":" : ",{\"stream\":");
        if (status != FACTUM_OK) {
            return status;
        }
        status = fct_json_out_text(out, stream);
        if (status != FACTUM_OK) {
            return status;
        }
        status = fct_buf_printf(out, ",\"revision\":%" PRIu64 "}", revisions[last[i] - 1]);
        if (status != FACTUM_OK) {
            return status;
        }
        first = false;
    }
    return fct_buf_add_text(out, "]");
}

static void answer_append(struct fct_http_append *append)
{
    struct fct_http_call *call = append->call;
    const struct fct_pending *pending = &append->pending;
    if (pending->op.status != FACTUM_OK) {
        fct_http_append_refuse(append, pending->op.status, &pending->op.err);
        return;
    }
    struct fct_buf *out = &call->out;
    bool one = call->name.len > 0;
    fct_buf_clear(out);
    factum_status status = fct_buf_add_text(out, one ? "{\"stream\":" : "{");
    if (status == FACTUM_OK && one) {
        status = fct_json_out_text(out, call->name);
    }
    if (status == FACTUM_OK && one) {
        status = fct_buf_printf(out, ",\"revision\":%" PRIu64 ",", pending->op.result.revision);
    }
    if (status == FACTUM_OK) {
        status = put_result(out, append, call->server->store);
    }
    if (status == FACTUM_OK && !one) {
        status = put_streams(out, append);
    }
    if (status == FACTUM_OK && pending->behind != NULL) {
        status = fct_models_put_behind(out, pending->behind);
    }
    if (status == FACTUM_OK) {
        status = fct_buf_add_text(out, "}");
    }
    struct fct_http_answer answer = {
        .status = pending->op.result.already || pending->request.event_count == 0 ? 200 : 201,
        .type = "application/json"};
    char tag[32];
    (void)snprintf(tag, sizeof tag, "\"%" PRIu64 "\"", pending->op.result.revision);
    const struct fct_field etag = {FCT_SLICE("etag"), factum_slice_from(tag)};
    if (one) {
        answer.fields = &etag;
        answer.field_count = 1;
    }
    if (status != FACTUM_OK) { /* it is appended: answer at least that */
        answer.body = FCT_SLICE("{}");
    } else {
        answer.body = fct_buf_slice(out);
    }
    fct_http_answer(call, &answer);
}

/* ---- the request ----------------------------------------------------------------------------- */

/* UNKNOWN is answered with 415 by the caller. */
enum body_kind { BODY_UNKNOWN, BODY_JSON, BODY_LINES, BODY_CLOUD };

static enum body_kind kind_of_body(const struct fct_http_call *call)
{
    factum_slice field = fct_exchange_field(call->exchange, FCT_SLICE("content-type"));
    factum_slice type = fct_media_type(field);
    if (fct_http_cloud_mode(call) != FCT_CLOUD_NONE) {
        return BODY_CLOUD;
    }
    if (fct_media_is_foreign(field)) {
        return BODY_UNKNOWN;
    }
    if (fct_media_is(type, "application/json")) {
        return BODY_JSON;
    }
    return fct_media_is(type, "application/x-ndjson") ? BODY_LINES : BODY_UNKNOWN;
}

static void refuse_type(struct fct_http_call *call, const char *detail)
{
    fct_http_refuse(call, &(struct fct_http_refusal){
                              .code = FACTUM_UNSUPPORTED, .status = 415, .detail = detail});
}

static struct fct_http_append *new_append(struct fct_http_call *call, factum_error *err)
{
    struct fct_http_append *append = fct_http_take(call, sizeof *append);
    if (append == NULL) {
        (void)fct_fail(err, FACTUM_NO_MEMORY, "out of memory");
    }
    return append;
}

static factum_status take_context(struct fct_http_call *call, struct fct_http_append *append,
                                  factum_error *err)
{
    append->pending.request.call = &append->context;
    return fct_http_context_read(call, &append->context, err);
}

static factum_status take_stream_events(struct fct_http_call *call, enum body_kind kind,
                                        struct fct_http_events *events, factum_error *err)
{
    struct fct_json_doc doc = {.mem = NULL};
    factum_status status = FACTUM_OK;
    if (kind == BODY_CLOUD) {
        status = fct_http_events_cloud(call, fct_http_cloud_mode(call), events, err);
    } else if (kind == BODY_LINES) {
        status = fct_http_events_lines(call, events, err);
    } else {
        status = fct_http_body_json(call, 1, &doc, err);
        if (status == FACTUM_OK) {
            status = fct_http_events_json(call, &doc.json, FACTUM_JSON_ROOT, events, err);
        }
    }
    fct_json_doc_finish(&doc);
    return status == FACTUM_OK && events->count == 0
               ? fct_fail(err, FACTUM_INVALID, "the body has no events")
               : status;
}

static factum_status make_stream_append(struct fct_http_call *call, enum body_kind kind,
                                        struct fct_http_append **made, factum_error *err)
{
    struct fct_http_events events = {.stream = call->name};
    struct fct_http_append *append = new_append(call, err);
    factum_expectation *expectation = fct_http_take(call, sizeof *expectation);
    if (append == NULL || expectation == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "out of memory");
    }
    factum_status status = fct_http_expected(call, &expectation->expected, &append->by_field, err);
    if (status == FACTUM_OK) {
        status = fct_http_flag(call, "system", &append->pending.request.system, err);
    }
    if (status == FACTUM_OK) {
        status = take_stream_events(call, kind, &events, err);
    }
    if (status == FACTUM_OK) {
        status = fct_http_key(call, &events.key, err);
    }
    if (status == FACTUM_OK) {
        status = take_context(call, append, err);
    }
    factum_ndjson_destroy(events.ndjson);
    expectation->stream = call->name;
    append->pending.request.events = events.items;
    append->pending.request.event_count = events.count;
    append->pending.request.expectations = expectation;
    append->pending.request.expectation_count = 1;
    append->pending.request.idempotency_key = events.key;
    *made = append;
    return status;
}

void fct_http_append_stream(struct fct_http_call *call)
{
    factum_error err;
    struct fct_http_append *append = NULL;
    enum body_kind kind = kind_of_body(call);
    if (kind == BODY_UNKNOWN) {
        refuse_type(call, REFUSED_TYPE);
        return;
    }
    factum_status status = make_stream_append(call, kind, &append, &err);
    if (status != FACTUM_OK) {
        fct_http_fail(call, status, &err);
        return;
    }
    fct_http_append_start(call, append);
}

/* ---- several streams ------------------------------------------------------------------------- */

/* Sorts expectations by stream, for the search. */
static int compare_expectations(const void *a, const void *b)
{
    factum_slice x = ((const factum_expectation *)a)->stream;
    factum_slice y = ((const factum_expectation *)b)->stream;
    size_t len = x.len < y.len ? x.len : y.len;
    int order = len == 0 ? 0 : memcmp(x.ptr, y.ptr, len);
    return order != 0 ? order : (x.len > y.len) - (x.len < y.len);
}

/* The members of a body for several streams. */
struct batch {
    struct fct_http_events events;
    factum_expectation *expectations; /* room for each member of "expected" and each event */
    size_t expectation_count;
    factum_append_condition *condition;
    bool has_query; /* of the condition */
    bool has_after;
};

static factum_status take_condition_member(struct fct_http_call *call, const factum_json *json,
                                           uint32_t name, struct batch *batch, factum_error *err)
{
    factum_append_condition *condition = batch->condition;
    factum_slice raw = factum_json_raw(json, name + 1);
    factum_slice token = {NULL, 0};
    if (factum_json_text_is(json, name, FCT_SLICE("query")) && !batch->has_query) {
        batch->has_query = true;
        return fct_http_query_json(call, raw, &condition->query, err);
    }
    if (factum_json_text_is(json, name, FCT_SLICE("after")) && !batch->has_after) {
        batch->has_after = true;
        return fct_http_json_text(call, raw, &token) != FACTUM_OK
                   ? fct_fail(err, FACTUM_INVALID, "\"after\" is a token, a text")
                   : factum_token_parse(call->server->store, token, &condition->after, err);
    }
    return fct_fail(err, FACTUM_INVALID,
                    "\"condition\" has \"query\" and \"after\", once each, not \"%.*s\"",
                    FCT_FMT(factum_json_inside(json, name)));
}

static factum_status take_condition(struct fct_http_call *call, const factum_json *json,
                                    uint32_t value, struct batch *batch, factum_error *err)
{
    if (factum_json_kind_of(json, value) != FACTUM_JSON_OBJECT) {
        return fct_fail(err, FACTUM_INVALID,
                        "\"condition\" is an object with \"query\" and \"after\"");
    }
    batch->condition = fct_http_take(call, sizeof *batch->condition);
    factum_status status =
        batch->condition == NULL ? fct_fail(err, FACTUM_NO_MEMORY, "out of memory") : FACTUM_OK;
    for (uint32_t name = factum_json_first(json, value);
         status == FACTUM_OK && name != FACTUM_JSON_NONE;
         name = factum_json_next(json, value, name)) {
        status = take_condition_member(call, json, name, batch, err);
    }
    return status == FACTUM_OK && !batch->has_query
               ? fct_fail(err, FACTUM_INVALID, "\"condition\" has no \"query\"")
               : status;
}

static factum_status take_expected(struct fct_http_call *call, const factum_json *json,
                                   uint32_t value, struct batch *batch, factum_error *err)
{
    if (factum_json_kind_of(json, value) != FACTUM_JSON_OBJECT) {
        return fct_fail(err, FACTUM_INVALID,
                        "\"expected\" is an object: {\"stream\": revision or \"any\" ...}");
    }
    factum_status status = FACTUM_OK;
    for (uint32_t name = factum_json_first(json, value);
         status == FACTUM_OK && name != FACTUM_JSON_NONE;
         name = factum_json_next(json, value, name)) {
        factum_expectation *one = &batch->expectations[batch->expectation_count++];
        factum_slice word = factum_json_raw(json, name + 1);
        status = fct_http_json_text(call, factum_json_raw(json, name), &one->stream);
        if (status == FACTUM_OK && factum_json_kind_of(json, name + 1) == FACTUM_JSON_TEXT) {
            status = fct_http_json_text(call, word, &word);
        }
        status = status != FACTUM_OK
                     ? fct_fail(err, status, "\"expected\" cannot be read")
                     : fct_http_expected_word(word, "\"expected\"", &one->expected, err);
    }
    return status;
}

/* The members of the body's object. */
enum batch_member { BATCH_EVENTS, BATCH_EXPECTED, BATCH_CONDITION, BATCH_KEY, BATCH_MEMBERS };

/* Sets |values|; FACTUM_JSON_NONE: a missing member. */
static factum_status find_batch_members(const factum_json *json, uint32_t values[BATCH_MEMBERS],
                                        factum_error *err)
{
    static const char *const names[] = {"events", "expected", "condition", "key"};
    bool object = factum_json_kind_of(json, FACTUM_JSON_ROOT) == FACTUM_JSON_OBJECT;
    for (size_t i = 0; i < BATCH_MEMBERS; i++) {
        values[i] = FACTUM_JSON_NONE;
    }
    for (uint32_t at = object ? factum_json_first(json, FACTUM_JSON_ROOT) : FACTUM_JSON_NONE;
         at != FACTUM_JSON_NONE; at = factum_json_next(json, FACTUM_JSON_ROOT, at)) {
        size_t i = 0;
        while (i < BATCH_MEMBERS && !factum_json_text_is(json, at, factum_slice_from(names[i]))) {
            i++;
        }
        if (i == BATCH_MEMBERS || values[i] != FACTUM_JSON_NONE) {
            return fct_fail(err, FACTUM_INVALID,
                            "%s member \"%.*s\": the body has events, expected, condition, key",
                            i == BATCH_MEMBERS ? "unknown" : "duplicate",
                            FCT_FMT(factum_json_inside(json, at)));
        }
        values[i] = at + 1;
    }
    uint32_t events = values[BATCH_EVENTS];
    return events != FACTUM_JSON_NONE && factum_json_kind_of(json, events) == FACTUM_JSON_ARRAY
               ? FACTUM_OK
               : fct_fail(err, FACTUM_INVALID,
                          "the body is an object with \"events\", an array of events that each "
                          "name their stream");
}

static factum_status reserve_expectations(struct fct_http_call *call, struct batch *batch,
                                          size_t more, factum_error *err)
{
    size_t room = batch->events.count + more;
    if (more > FCT_HTTP_EVENTS_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "\"expected\" has more than %d streams",
                        FCT_HTTP_EVENTS_MAX);
    }
    batch->expectations = fct_http_take(call, (room == 0 ? 1 : room) * sizeof *batch->expectations);
    return batch->expectations != NULL ? FACTUM_OK
                                       : fct_fail(err, FACTUM_NO_MEMORY, "out of memory");
}

static factum_status take_batch_key(struct fct_http_call *call, factum_slice raw,
                                    struct batch *batch, factum_error *err)
{
    factum_slice key = {NULL, 0};
    if (fct_http_json_text(call, raw, &key) != FACTUM_OK || key.len == 0) {
        return fct_fail(err, FACTUM_INVALID, "\"key\" is a string of 1 to %d bytes",
                        FACTUM_NAME_SIZE_MAX);
    }
    if (batch->events.key.len > 0 && !fct_slice_equal(batch->events.key, key)) {
        return fct_fail(err, FACTUM_INVALID, "\"key\" differs from that of the events");
    }
    batch->events.key = key;
    return FACTUM_OK;
}

static factum_status take_batch_members(struct fct_http_call *call, const factum_json *json,
                                        struct batch *batch, factum_error *err)
{
    uint32_t values[BATCH_MEMBERS];
    factum_status status = find_batch_members(json, values, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_events_json(call, json, values[BATCH_EVENTS], &batch->events, err);
    if (status != FACTUM_OK) {
        return status;
    }
    uint32_t expected = values[BATCH_EXPECTED];
    size_t more = expected == FACTUM_JSON_NONE ? 0 : factum_json_count(json, expected);
    status = reserve_expectations(call, batch, more, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (values[BATCH_EXPECTED] != FACTUM_JSON_NONE) {
        status = take_expected(call, json, values[BATCH_EXPECTED], batch, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (values[BATCH_CONDITION] != FACTUM_JSON_NONE) {
        status = take_condition(call, json, values[BATCH_CONDITION], batch, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    return values[BATCH_KEY] != FACTUM_JSON_NONE
               ? take_batch_key(call, factum_json_raw(json, values[BATCH_KEY]), batch, err)
               : FACTUM_OK;
}

/* The body's tape has its members and their direct members: each event is parsed separately. */
static factum_status take_batch_json(struct fct_http_call *call, struct batch *batch,
                                     factum_error *err)
{
    struct fct_json_doc doc;
    factum_status status = fct_http_body_json(call, 2, &doc, err);
    if (status == FACTUM_OK) {
        status = take_batch_members(call, &doc.json, batch, err);
    }
    fct_json_doc_finish(&doc);
    return status;
}

static bool expects(const struct batch *batch, size_t count, factum_slice stream, size_t *at)
{
    const factum_expectation wanted = {.stream = stream};
    const factum_expectation *found = count == 0 ? NULL
                                                 : bsearch(&wanted, batch->expectations, count,
                                                           sizeof wanted, compare_expectations);
    *at = found == NULL ? 0 : (size_t)(found - batch->expectations);
    return found != NULL;
}

/* Adds an expectation for each written stream without one: any. */
static void complete_expectations(struct batch *batch)
{
    size_t given = batch->expectation_count;
    size_t unused;
    if (given > 0) {
        qsort(batch->expectations, given, sizeof *batch->expectations, compare_expectations);
    }
    for (size_t i = 0; i < batch->events.count; i++) {
        factum_slice stream = batch->events.items[i].stream;
        if (!expects(batch, given, stream, &unused)) {
            batch->expectations[batch->expectation_count++] =
                (factum_expectation){stream, factum_any()};
        }
    }
    if (batch->expectation_count > given) {
        qsort(batch->expectations, batch->expectation_count, sizeof *batch->expectations,
              compare_expectations);
    }
    size_t kept = 0;
    for (size_t i = 0; i < batch->expectation_count; i++) {
        const factum_expectation *one = &batch->expectations[i];
        /* Two explicit ones of a stream stay: the store refuses them. */
        bool again = kept > 0 && one->expected.kind == FACTUM_EXPECTED_ANY &&
                     compare_expectations(one, &batch->expectations[kept - 1]) == 0;
        if (!again) {
            batch->expectations[kept++] = *one;
        }
    }
    batch->expectation_count = kept;
}

/* Returns the number of the last event of each expectation's stream, from 1; 0: not written. */
static uint64_t *number_streams(struct fct_http_call *call, const struct batch *batch)
{
    size_t count = batch->expectation_count;
    uint64_t *last = fct_http_take(call, (count + 1) * sizeof *last);
    for (size_t i = 0; last != NULL && i < batch->events.count; i++) {
        size_t at;
        bool found = expects(batch, count, batch->events.items[i].stream, &at);
        FCT_ASSERT(found);
        last[at] = i + 1;
    }
    return last;
}

static factum_status make_batch(struct fct_http_call *call, enum body_kind kind,
                                struct batch *batch, factum_error *err)
{
    factum_status status;
    if (kind == BODY_JSON) {
        status = take_batch_json(call, batch, err);
    } else {
        status = kind == BODY_LINES
                     ? fct_http_events_lines(call, &batch->events, err)
                     : fct_http_events_cloud(call, fct_http_cloud_mode(call), &batch->events, err);
        if (status == FACTUM_OK) {
            status = reserve_expectations(call, batch, 0, err);
        }
    }
    if (status == FACTUM_OK) {
        status = fct_http_key(call, &batch->events.key, err);
    }
    if (status == FACTUM_OK && fct_http_text(call, "expected").ptr != NULL) {
        status = fct_fail(err, FACTUM_INVALID,
                          "several streams: \"expected\" is in the body, one for each stream");
    }
    factum_ndjson_destroy(batch->events.ndjson);
    batch->events.ndjson = NULL;
    return status;
}

void fct_http_append_events(struct fct_http_call *call)
{
    factum_error err;
    struct batch batch = {.expectations = NULL};
    enum body_kind kind = kind_of_body(call);
    if (kind == BODY_UNKNOWN) {
        refuse_type(call, REFUSED_TYPE);
        return;
    }
    struct fct_http_append *append = new_append(call, &err);
    factum_status status = append == NULL ? FACTUM_NO_MEMORY : make_batch(call, kind, &batch, &err);
    if (status == FACTUM_OK) {
        status = fct_http_flag(call, "system", &append->pending.request.system, &err);
    }
    if (status == FACTUM_OK) {
        status = take_context(call, append, &err);
    }
    if (status != FACTUM_OK) {
        fct_http_fail(call, status, &err);
        return;
    }
    complete_expectations(&batch);
    for (size_t i = 0; i < batch.expectation_count; i++) {
        if (!fct_http_may(call, FCT_OP_APPEND, batch.expectations[i].stream)) {
            return;
        }
    }
    append->state = number_streams(call, &batch);
    append->pending.op.revisions = fct_http_take(call, (batch.events.count + 1) * sizeof(uint64_t));
    if (append->state == NULL || append->pending.op.revisions == NULL) {
        (void)fct_fail(&err, FACTUM_NO_MEMORY, "out of memory");
        fct_http_fail(call, FACTUM_NO_MEMORY, &err);
        return;
    }
    append->pending.request.events = batch.events.items;
    append->pending.request.event_count = batch.events.count;
    append->pending.request.expectations = batch.expectations;
    append->pending.request.expectation_count = batch.expectation_count;
    append->pending.request.condition = batch.condition;
    append->pending.request.idempotency_key = batch.events.key;
    fct_http_append_start(call, append);
}
