/* endpoints_deliver.c - the courier: takes due commands, calls endpoints, appends replies. Layer:
 * saga. See endpoints_int.h.
 *
 *     due --> answered meanwhile? --yes--> OVER
 *              | no
 *             an undo: was its do never sent? --yes--> cancel the do, answer the undo, OVER
 *              | no
 *             SENDING, durably --> the call --> the verdict (endpoint_rules.h) --> the row
 *
 * Each path changes the row or moves its time forward, so that no command is due for ever in a
 * loop.
 *
 * Invariant: |delivery_count| is the length of the list |deliveries|, at most FCT_DELIVERIES_MAX.
 * Only the courier changes them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "core/mem.h"
#include "core/slice.h"
#include "saga/endpoints_int.h"

#define DELIVERY_ARENA_MAX ((size_t)96 << 20) /* an event of 16 MiB, its body, an answer */
#define ROUND_ARENA_MAX ((size_t)16 << 20)
#define IDLE_MS 2000
#define MS INT64_C(1000000)
#define KEPT_FOR (INT64_C(30) * 86400 * 1000 * MS) /* rows that are OVER or TAKEN */
#define DROP_PAUSE (INT64_C(3600) * 1000 * MS)

/* A call under way. */
struct fct_delivery {
    struct fct_delivery *next;
    factum_arena arena;
    struct fct_queue_row row; /* its texts are in |arena| */
    struct fct_command_meta meta;
    factum_slice trace; /* of the call; or empty */
    bool was_maybe;     /* |maybe| before this attempt */
    bool had_problem;   /* the endpoint had a problem before */
};

factum_status fct_reply_append(factum_store *store, const struct fct_reply *reply,
                               const struct fct_command_meta *meta, factum_arena *arena,
                               factum_error *err)
{
    factum_slice metadata;
    factum_status status =
        fct_reply_metadata(meta, reply->key, reply->trace, arena, &metadata, err);
    if (status != FACTUM_OK) {
        return status;
    }
    const factum_new_event event = {
        .stream = reply->stream, .type = reply->type, .data = reply->data, .metadata = metadata};
    const factum_expectation expectation = {reply->stream, factum_any()};
    const factum_append_request request = {.size = sizeof request,
                                           .events = &event,
                                           .event_count = 1,
                                           .expectations = &expectation,
                                           .expectation_count = 1,
                                           .idempotency_key = reply->key};
    return factum_append(store, &request, NULL, NULL, err);
}

static void deliveries_check(const struct factum_endpoints *e)
{
    FCT_ASSERT(e->delivery_count <= FCT_DELIVERIES_MAX);
    FCT_ASSERT((e->deliveries == NULL) == (e->delivery_count == 0));
}

/* ---- rows ------------------------------------------------------------------------------------ */

static int64_t courier_now(const struct factum_endpoints *e)
{
    return factum_now(e->store);
}

static void write_row(struct factum_endpoints *e, const struct fct_queue_row *row)
{
    factum_error err;
    if (fct_queue_update(&e->due, row, &err) != FACTUM_OK) {
        e->lost = true; /* the row may be SENDING in the file */
        fct_log_message(&e->log, FACTUM_LOG_ERROR, "endpoint.file", "%s", err.text);
    }
}

static void row_over(struct factum_endpoints *e, struct fct_queue_row *row,
                     enum fct_command_state state, const char *reason)
{
    row->state = state;
    row->next = courier_now(e);
    row->reason = factum_slice_from(reason);
    write_row(e, row);
}

static void row_parked(struct factum_endpoints *e, struct fct_queue_row *row, const char *reason)
{
    row->state = FCT_COMMAND_PARKED;
    row->reason = factum_slice_from(reason);
    write_row(e, row);
    fct_log_message(&e->log, FACTUM_LOG_WARN, "endpoint.parked", "%.*s: %.*s: %s",
                    FCT_FMT(row->service), FCT_FMT(row->command_id), reason);
}

/* The command waits for at least |wait|, or it is given up. */
static void row_again(struct factum_endpoints *e, struct fct_queue_row *row, int64_t wait,
                      const char *reason)
{
    char text[FCT_ENDPOINT_WHY_SIZE + 64];
    int64_t now = courier_now(e);
    const factum_endpoints_options *options = &e->options;
    int64_t pause = fct_retry_pause(row->attempts, options->retry_first_ms * MS,
                                    options->retry_last_ms * MS, &e->random);
    row->since = row->since == 0 ? now : row->since;
    if ((options->attempts_max > 0 && row->attempts >= options->attempts_max) ||
        now - row->since >= (int64_t)options->give_up_ms * MS) {
        (void)snprintf(text, sizeof text, "%s: given up after %" PRIu64 " attempts", reason,
                       row->attempts);
        row_parked(e, row, text);
        return;
    }
    row->state = FCT_COMMAND_WAITING;
    row->next = now + (wait > pause ? wait : pause);
    row->reason = factum_slice_from(reason);
    write_row(e, row);
}

/* A failure of the store or the file, and not of the endpoint: it does not count as an attempt. */
static void row_later(struct factum_endpoints *e, struct fct_queue_row *row, const char *reason)
{
    row->state = FCT_COMMAND_WAITING;
    row->next = courier_now(e) + 1000 * MS;
    row->reason = factum_slice_from(reason);
    write_row(e, row);
    fct_log_message(&e->log, FACTUM_LOG_WARN, "endpoint.delayed", "%.*s: %s",
                    FCT_FMT(row->command_id), reason);
}

/* ---- the end of a call ----------------------------------------------------------------------- */

static void free_delivery(struct factum_endpoints *e, struct fct_delivery *delivery)
{
    struct fct_delivery **link = &e->deliveries;
    while (*link != NULL && *link != delivery) {
        link = &(*link)->next;
    }
    if (*link != NULL) {
        FCT_ASSERT(e->delivery_count > 0);
        *link = delivery->next;
        e->delivery_count--;
    }
    deliveries_check(e);
    factum_arena_finish(&delivery->arena);
    fct_mem_free(fct_mem_heap(), delivery);
}

void fct_deliveries_free(struct factum_endpoints *e)
{
    while (e->deliveries != NULL) {
        free_delivery(e, e->deliveries);
    }
}

static bool is_for_operator(factum_status status)
{
    return status == FACTUM_INVALID || status == FACTUM_TOO_BIG ||
           status == FACTUM_SCHEMA_VIOLATION || status == FACTUM_STREAM_DELETED;
}

static void end_answered(struct factum_endpoints *e, struct fct_delivery *delivery,
                         const struct fct_judgement *judgement)
{
    factum_error err;
    const struct fct_reply reply = {.stream = judgement->stream.len > 0 ? judgement->stream
                                                                        : delivery->row.key,
                                    .type = judgement->type,
                                    .data = judgement->data,
                                    .key = delivery->row.command_id,
                                    .trace = delivery->trace};
    factum_status status =
        fct_reply_append(e->store, &reply, &delivery->meta, &delivery->arena, &err);
    if (status == FACTUM_OK || status == FACTUM_KEY_CONFLICT) {
        row_over(e, &delivery->row, FCT_COMMAND_OVER, "");
    } else if (is_for_operator(status)) {
        row_parked(e, &delivery->row, err.text);
    } else {
        row_later(e, &delivery->row, err.text);
    }
}

static void end_disabled(struct factum_endpoints *e, struct fct_delivery *delivery, const char *why)
{
    factum_error err;
    const factum_act_options options = {
        .size = sizeof options, .by = FCT_SLICE("endpoint"), .why = factum_slice_from(why)};
    const factum_endpoint_act_request request = {.size = sizeof request,
                                                 .act = FACTUM_ENDPOINT_DISABLE,
                                                 .service = delivery->row.service,
                                                 .options = &options};
    factum_status status = factum_endpoint_act_record(e->store, &request, NULL, &err);
    /* The follower brings the event into the file soon. */
    row_later(e, &delivery->row, status == FACTUM_OK ? why : err.text);
}

static void note_problem(struct factum_endpoints *e, factum_slice service, int64_t not_before,
                         const char *problem)
{
    factum_error err;
    const struct fct_queue_endpoint endpoint = {
        .service = service, .not_before = not_before, .problem = factum_slice_from(problem)};
    if (fct_queue_endpoint_update(&e->due, &endpoint, &err) != FACTUM_OK) {
        fct_log_message(&e->log, FACTUM_LOG_WARN, "endpoint.file", "%s", err.text);
    }
}

/* Records the outcome for the endpoint as a whole. */
static void note_endpoint(struct factum_endpoints *e, const struct fct_delivery *delivery,
                          const struct fct_http_reply *answer,
                          const struct fct_judgement *judgement)
{
    bool failed = judgement->verdict == FCT_VERDICT_RETRY || judgement->verdict == FCT_VERDICT_PARK;
    bool pauses = judgement->wait > 0 && (answer->status == 429 || answer->status == 503);
    if (failed || delivery->had_problem) {
        note_problem(e, delivery->row.service, pauses ? courier_now(e) + judgement->wait : 0,
                     failed ? judgement->why : "");
    }
}

static void end_delivery(struct factum_endpoints *e, struct fct_delivery *delivery,
                         const struct fct_http_reply *answer)
{
    factum_error err;
    struct fct_judgement judgement;
    struct fct_queue_row *row = &delivery->row;
    if (fct_http_reply_judge(answer, courier_now(e), &delivery->arena, &judgement, &err) !=
        FACTUM_OK) {
        row_later(e, row, err.text);
        return;
    }
    if (judgement.undone) {
        row->maybe = delivery->was_maybe;
    }
    note_endpoint(e, delivery, answer, &judgement);
    switch (judgement.verdict) {
    case FCT_VERDICT_REPLY:
    case FCT_VERDICT_FAILED:
        end_answered(e, delivery, &judgement);
        break;
    case FCT_VERDICT_TAKEN:
        row_over(e, row, FCT_COMMAND_TAKEN, "");
        break;
    case FCT_VERDICT_RETRY:
        row_again(e, row, judgement.wait, judgement.why);
        break;
    case FCT_VERDICT_PARK:
        row_parked(e, row, judgement.why);
        break;
    case FCT_VERDICT_DISABLE:
        end_disabled(e, delivery, judgement.why);
        break;
    }
}

static void end_deliveries(struct factum_endpoints *e)
{
    void *data;
    struct fct_http_reply answer;
    struct fct_http_flight *flight;
    while ((flight = fct_http_ended(e->http, &answer, &data)) != NULL) {
        end_delivery(e, data, &answer);
        fct_http_end(e->http, flight);
        free_delivery(e, data);
    }
}

/* ---- before a call --------------------------------------------------------------------------- */

/* OK: the command is answered, or cancelled. NOT_FOUND: neither. */
static factum_status look_for_answer(struct factum_endpoints *e, factum_slice command_id,
                                     bool *cancelled, factum_error *err)
{
    factum_event_copy copy = {.memory = NULL};
    factum_key_info info = {.size = sizeof info};
    *cancelled = false;
    factum_status status = factum_find_key(e->store, command_id, &info, err);
    if (status != FACTUM_OK || info.event_count == 0) {
        return status;
    }
    status = factum_read_event(e->store, info.first_position, &copy, err);
    *cancelled =
        status == FACTUM_OK && fct_slice_equal(copy.event.type, FCT_SLICE("CommandCancelled"));
    factum_event_copy_free(&copy);
    return status == FACTUM_NOT_FOUND ? FACTUM_OK : status;
}

static factum_status append_plain(struct factum_endpoints *e, struct fct_delivery *delivery,
                                  factum_slice type, factum_slice key, factum_error *err)
{
    const struct fct_reply reply = {
        .stream = delivery->row.key, .type = type, .data = FCT_SLICE("{}"), .key = key};
    return fct_reply_append(e->store, &reply, &delivery->meta, &delivery->arena, err);
}

/* Cancels the do of this undo if no byte of it was ever sent. The do is not delivered after this in
 * any case. */
static factum_status cancel_do(struct factum_endpoints *e, struct fct_delivery *delivery,
                               bool *cancelled, factum_error *err)
{
    struct fct_queue_row done;
    factum_slice undoes = delivery->row.undoes;
    factum_status found = fct_queue_find(&e->due, undoes, &done, err);
    if (found != FACTUM_OK && found != FACTUM_NOT_FOUND) {
        return found;
    }
    factum_status status = look_for_answer(e, undoes, cancelled, err);
    if (status == FACTUM_NOT_FOUND) {
        bool never = found == FACTUM_OK && !done.maybe && done.state != FCT_COMMAND_TAKEN &&
                     done.state != FCT_COMMAND_OVER;
        status = never ? append_plain(e, delivery, FCT_SLICE("CommandCancelled"), undoes, err)
                       : FACTUM_OK;
        *cancelled = never && status == FACTUM_OK;
        status = status == FACTUM_KEY_CONFLICT ? FACTUM_OK : status; /* it was answered just now */
    }
    if (status == FACTUM_OK && found == FACTUM_OK && done.state != FCT_COMMAND_OVER) {
        row_over(e, &done, FCT_COMMAND_OVER, "it is undone");
    }
    return status;
}

/* DONE: nothing is to be sent, and the row is up to date. */
static factum_status look_before(struct factum_endpoints *e, struct fct_delivery *delivery,
                                 factum_error *err)
{
    bool cancelled = false;
    factum_status status = look_for_answer(e, delivery->row.command_id, &cancelled, err);
    if (status == FACTUM_OK) {
        row_over(e, &delivery->row, FCT_COMMAND_OVER, "");
        return FACTUM_DONE;
    }
    if (status != FACTUM_NOT_FOUND) {
        return status;
    }
    if (delivery->row.undoes.len == 0) {
        return FACTUM_OK;
    }
    status = cancel_do(e, delivery, &cancelled, err);
    if (status != FACTUM_OK || !cancelled) {
        return status;
    }
    status =
        append_plain(e, delivery, FCT_SLICE("CommandSucceeded"), delivery->row.command_id, err);
    if (status == FACTUM_OK || status == FACTUM_KEY_CONFLICT) {
        row_over(e, &delivery->row, FCT_COMMAND_OVER, "");
        return FACTUM_DONE;
    }
    return status;
}

/* ---- the call -------------------------------------------------------------------------------- */

#define HEADERS_MAX 6u

struct call_headers {
    const char *line[HEADERS_MAX];
    size_t count;
};

static factum_status add_header(struct call_headers *headers, const char *name, const char *value,
                                factum_arena *arena, factum_error *err)
{
    size_t size = strlen(name) + strlen(value) + 3;
    char *line = factum_arena_take(arena, size);
    if (line == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "endpoint: out of memory");
    }
    (void)snprintf(line, size, "%s: %s", name, value);
    headers->line[headers->count++] = line;
    return FACTUM_OK;
}

static factum_slice secret_of(const struct factum_endpoints *e, factum_slice name)
{
    for (size_t i = 0; i < e->options.secret_count; i++) {
        if (fct_slice_equal(e->options.secrets[i].name, name)) {
            return e->options.secrets[i].secret;
        }
    }
    return (factum_slice){NULL, 0};
}

static factum_status add_signature(struct factum_endpoints *e, factum_slice name, factum_slice body,
                                   struct call_headers *headers, factum_arena *arena,
                                   factum_error *err)
{
    char text[FCT_ENDPOINT_SIGNATURE_SIZE];
    if (name.len == 0) {
        return FACTUM_OK;
    }
    factum_slice secret = secret_of(e, name);
    if (secret.len == 0) {
        return fct_fail(err, FACTUM_DENIED, "this host does not know the secret %.*s",
                        FCT_FMT(name));
    }
    factum_status status = fct_endpoint_sign(secret, courier_now(e) / (1000 * MS), body, text, err);
    return status == FACTUM_OK ? add_header(headers, "Factum-Signature", text, arena, err) : status;
}

static factum_status add_trace(struct factum_endpoints *e, struct fct_delivery *delivery,
                               struct call_headers *headers, factum_error *err)
{
    char text[FCT_TRACEPARENT_SIZE + 1] = "";
    factum_slice child = fct_traceparent_child(delivery->meta.traceparent, &e->random, text);
    if (child.len == 0) {
        return FACTUM_OK;
    }
    delivery->trace = factum_arena_copy(&delivery->arena, child);
    return add_header(headers, "traceparent", text, &delivery->arena, err);
}

static factum_status make_headers(struct factum_endpoints *e, struct fct_delivery *delivery,
                                  const struct fct_queue_endpoint *endpoint, factum_slice body,
                                  struct call_headers *headers, factum_error *err)
{
    factum_arena *arena = &delivery->arena;
    const char *key = fct_endpoint_header_value(delivery->row.command_id, arena);
    if (key == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "endpoint: out of memory");
    }
    factum_status status = add_header(headers, "Content-Type",
                                      "application/cloudevents+json; charset=UTF-8", arena, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = add_header(headers, "Idempotency-Key", key, arena, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = add_header(headers, "User-Agent", "factum", arena, err);
    if (status != FACTUM_OK) {
        return status;
    }
    headers->line[headers->count++] = "Expect:"; /* no waiting before the body */
    status = add_trace(e, delivery, headers, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return add_signature(e, endpoint->secret, body, headers, arena, err);
}

/* Sends the command: from here on it may have an effect. */
static factum_status begin_call(struct factum_endpoints *e, struct fct_delivery *delivery,
                                const struct fct_queue_endpoint *endpoint,
                                const factum_event *event, factum_error *err)
{
    factum_slice body;
    struct call_headers headers = {.count = 0};
    struct fct_queue_row *row = &delivery->row;
    factum_status status =
        fct_command_body(event, row->service, &delivery->meta, &delivery->arena, &body, err);
    if (status == FACTUM_OK) {
        status = make_headers(e, delivery, endpoint, body, &headers, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    row->state = FCT_COMMAND_SENDING;
    row->maybe = true;
    row->attempts++;
    row->since = row->since == 0 ? courier_now(e) : row->since;
    status = fct_queue_update(&e->due, row, err);
    if (status != FACTUM_OK) {
        return status;
    }
    const struct fct_http_request request = {.url = endpoint->url,
                                             .timeout_ms = endpoint->timeout_ms,
                                             .headers = headers.line,
                                             .header_count = headers.count,
                                             .body = body,
                                             .data = delivery};
    return fct_http_start(e->http, &request, err);
}

static void not_called(struct factum_endpoints *e, struct fct_delivery *delivery,
                       factum_status status, const factum_error *err)
{
    struct fct_queue_row *row = &delivery->row;
    if (status == FACTUM_DONE) {
        return;
    }
    row->maybe = delivery->was_maybe;
    if (status == FACTUM_DENIED) {
        row->attempts += row->state == FCT_COMMAND_SENDING ? 0 : 1;
        note_problem(e, row->service, 0, err->text);
        row_again(e, row, 0, err->text);
    } else if (status == FACTUM_NOT_FOUND) {
        row_over(e, row, FCT_COMMAND_OVER, "the event is gone");
    } else if (is_for_operator(status) || status == FACTUM_CORRUPT) {
        row_parked(e, row, err->text);
    } else {
        row_later(e, row, err->text);
    }
}

/* The metadata outlasts the event that it was read from. */
static factum_status keep_meta(struct fct_delivery *delivery, factum_error *err)
{
    struct fct_command_meta *meta = &delivery->meta;
    factum_slice *texts[] = {&meta->command_id, &meta->saga_id, &meta->correlation_id,
                             &meta->causation_id, &meta->undoes};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        *texts[i] = factum_arena_copy(&delivery->arena, *texts[i]);
    }
    return factum_arena_status(&delivery->arena) == FACTUM_OK
               ? FACTUM_OK
               : fct_fail(err, FACTUM_NO_MEMORY, "endpoint: out of memory");
}

static factum_status begin_command(struct factum_endpoints *e, struct fct_delivery *delivery,
                                   const struct fct_queue_endpoint *endpoint,
                                   const factum_event *event, factum_error *err)
{
    factum_status status =
        fct_command_meta_read(event, endpoint->service, &delivery->arena, &delivery->meta, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = keep_meta(delivery, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = look_before(e, delivery, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return begin_call(e, delivery, endpoint, event, err);
}

static void begin_delivery(struct factum_endpoints *e, struct fct_delivery *delivery,
                           const struct fct_queue_endpoint *endpoint)
{
    factum_error err;
    factum_event_copy copy = {.memory = NULL};
    factum_status status = factum_read_event(e->store, delivery->row.position, &copy, &err);
    if (status == FACTUM_OK) {
        status = begin_command(e, delivery, endpoint, &copy.event, &err);
    }
    factum_event_copy_free(&copy);
    if (status == FACTUM_OK) {
        delivery->next = e->deliveries;
        e->deliveries = delivery;
        e->delivery_count++;
        deliveries_check(e);
        return;
    }
    not_called(e, delivery, status, &err);
    free_delivery(e, delivery);
}

/* ---- due commands ---------------------------------------------------------------------------- */

static size_t count_deliveries(const struct factum_endpoints *e, factum_slice service)
{
    size_t count = 0;
    for (const struct fct_delivery *d = e->deliveries; d != NULL; d = d->next) {
        count += fct_slice_equal(d->row.service, service) ? 1 : 0;
    }
    return count;
}

/* DONE: no command of this endpoint is due. */
static factum_status take_one(struct factum_endpoints *e, const struct fct_queue_endpoint *endpoint,
                              int64_t *due, factum_error *err)
{
    struct fct_delivery *delivery = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *delivery);
    if (delivery == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "endpoint: out of memory");
    }
    fct_arena_init(&delivery->arena, fct_mem_heap(), DELIVERY_ARENA_MAX);
    factum_status status = fct_queue_next(&e->due, endpoint->service, courier_now(e),
                                          &delivery->arena, &delivery->row, due, err);
    if (status != FACTUM_OK) {
        free_delivery(e, delivery);
        return status;
    }
    delivery->was_maybe = delivery->row.maybe;
    delivery->had_problem = endpoint->problem.len > 0 || endpoint->not_before != 0;
    begin_delivery(e, delivery, endpoint);
    return FACTUM_OK;
}

static factum_status take_due(struct factum_endpoints *e, const struct fct_queue_endpoint *endpoint,
                              int64_t *due, factum_error *err)
{
    factum_status status = FACTUM_OK;
    if (endpoint->disabled) {
        return FACTUM_OK;
    }
    if (endpoint->not_before > courier_now(e)) {
        *due = endpoint->not_before < *due ? endpoint->not_before : *due;
        return FACTUM_OK;
    }
    /* As many turns as deliveries: commands that need no call do not hold up the others. */
    for (uint32_t turn = 0; status == FACTUM_OK && turn < endpoint->parallel; turn++) {
        if (e->delivery_count >= FCT_DELIVERIES_MAX ||
            count_deliveries(e, endpoint->service) >= endpoint->parallel) {
            return FACTUM_OK;
        }
        status = take_one(e, endpoint, due, err);
    }
    if (status == FACTUM_OK && count_deliveries(e, endpoint->service) < endpoint->parallel) {
        *due = 0; /* there may be more */
    }
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

struct endpoint_set {
    factum_arena arena;
    struct fct_queue_endpoint *items;
    size_t count;
    size_t capacity;
};

static factum_status keep_endpoint(void *data, const struct fct_queue_endpoint *endpoint,
                                   factum_error *err)
{
    struct endpoint_set *set = data;
    if (set->count == set->capacity) {
        size_t capacity = set->capacity == 0 ? 16 : 2 * set->capacity;
        struct fct_queue_endpoint *items = factum_arena_take(&set->arena, capacity * sizeof *items);
        if (items == NULL) {
            return fct_fail(err, FACTUM_NO_MEMORY, "endpoint: out of memory");
        }
        if (set->count > 0) {
            memcpy(items, set->items, set->count * sizeof *items);
        }
        set->items = items;
        set->capacity = capacity;
    }
    struct fct_queue_endpoint *kept = &set->items[set->count++];
    *kept = *endpoint;
    kept->service = factum_arena_copy(&set->arena, endpoint->service);
    kept->url = factum_arena_copy(&set->arena, endpoint->url);
    kept->secret = factum_arena_copy(&set->arena, endpoint->secret);
    kept->problem = factum_arena_copy(&set->arena, endpoint->problem);
    return factum_arena_status(&set->arena) == FACTUM_OK
               ? FACTUM_OK
               : fct_fail(err, FACTUM_NO_MEMORY, "endpoint: out of memory");
}

/* Starts what is due. Returns when the next command will be due. */
static int64_t begin_deliveries(struct factum_endpoints *e)
{
    factum_error err;
    int64_t due = courier_now(e) + IDLE_MS * MS;
    struct endpoint_set set = {.items = NULL};
    fct_arena_init(&set.arena, fct_mem_heap(), ROUND_ARENA_MAX);
    factum_status status = fct_queue_endpoints(&e->due, keep_endpoint, &set, &err);
    for (size_t i = 0; status == FACTUM_OK && i < set.count; i++) {
        status = take_due(e, &set.items[i], &due, &err);
    }
    factum_arena_finish(&set.arena);
    if (status != FACTUM_OK) {
        fct_log_message(&e->log, FACTUM_LOG_ERROR, "endpoint.file", "%s", err.text);
        due = courier_now(e) + IDLE_MS * MS;
    }
    return due;
}

/* Drops old rows. A row that could not be written waits again when no delivery is under way. */
static void tidy_rows(struct factum_endpoints *e)
{
    factum_error err = {.text = ""};
    factum_status status = FACTUM_OK;
    int64_t now = courier_now(e);
    if (e->lost && e->delivery_count == 0) {
        status = fct_queue_recover(&e->due, &err);
        e->lost = status != FACTUM_OK;
    }
    if (status == FACTUM_OK && now >= e->next_drop) {
        e->next_drop = now + DROP_PAUSE;
        status = fct_queue_drop(&e->due, now - KEPT_FOR, &err);
    }
    if (status != FACTUM_OK) {
        fct_log_message(&e->log, FACTUM_LOG_WARN, "endpoint.file", "%s", err.text);
    }
}

void fct_courier_run(void *data)
{
    struct factum_endpoints *e = data;
    while (atomic_load(&e->stop) == 0) {
        tidy_rows(e);
        int64_t due = e->lost ? courier_now(e) + IDLE_MS * MS : begin_deliveries(e);
        int64_t wait = (due - courier_now(e)) / MS;
        fct_http_wait(e->http, wait < 0 ? 0 : wait > IDLE_MS ? IDLE_MS : (int)wait + 1);
        end_deliveries(e);
    }
}
