/* served_models.c - see served.h: builds, parked events, waiting, acts. Layer: cli. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/served.h"

#define PARKED_MAX 10000 /* as many as the server returns at once */

/* ---- builds ---------------------------------------------------------------------------------- */

/* The name of a model, checked: the server is not trusted. */
static factum_slice served_name(struct served_answer *answer, uint32_t object)
{
    factum_slice name = served_text(answer, object, "name");
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) {
            answer->lacks = "name";
        }
    }
    return name;
}

static bool take_build(struct served_answer *answer, uint32_t object, const void *data)
{
    const factum_build_each *each = data;
    uint32_t as_of = served_member(answer, object, "asOf", FACTUM_JSON_OBJECT);
    uint32_t parked = served_member(answer, object, "parked", FACTUM_JSON_OBJECT);
    factum_slice reason = served_optional(answer, object, "reason");
    factum_build_status status = {
        .size = sizeof status,
        .model = served_name(answer, object),
        .version = served_number(answer, object, "version"),
        .in_use = served_bool(answer, object, "inUse"),
        .state = served_state(served_text(answer, object, "state")),
        .place = served_number(answer, as_of, "position"),
        .place_created = served_time(answer, as_of, "created"),
        .event_count = served_number(answer, object, "events"),
        .parked_keys = served_number(answer, parked, "keys"),
        .parked_events = served_number(answer, parked, "events"),
    };
    served_behind(answer, object, &status);
    (void)snprintf(status.reason, sizeof status.reason, "%.*s", (int)reason.len,
                   reason.len > 0 ? (const char *)reason.ptr : "");
    for (char *c = status.reason; *c != '\0'; c++) { /* it is printed on a terminal */
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = '?';
        }
    }
    return answer->lacks == NULL && each->each(each->data, &status);
}

factum_status served_list(factum_store *store, factum_slice model, const factum_build_each *each,
                          factum_error *err)
{
    char target[SERVED_TARGET_SIZE];
    struct served_answer answer = {.len = 0};
    const struct served_question question = {.method = "GET", .target = target};
    (void)snprintf(target, sizeof target, "/api/v1/models%s%.*s", model.len > 0 ? "/" : "",
                   (int)model.len, (const char *)model.ptr);
    factum_status status = served_ask(store, &question, &answer, err);
    if (status == FACTUM_OK) {
        status = served_each(&answer, "builds", take_build, each, err);
    }
    served_finish(&answer);
    return status;
}

/* ---- parked events --------------------------------------------------------------------------- */

static bool take_parked(struct served_answer *answer, uint32_t object, const void *data)
{
    const factum_parked_each *each = data;
    const factum_parked parked = {
        .size = sizeof parked,
        .model = served_name(answer, object),
        .version = served_number(answer, object, "version"),
        .key = served_text(answer, object, "key"),
        .position = served_number(answer, object, "position"),
        .type = served_text(answer, object, "type"),
        .reason = served_optional(answer, object, "reason"),
        .attempts = served_number(answer, object, "attempts"),
        .next_attempt = served_time(answer, object, "nextAttempt"),
        .since = served_time(answer, object, "since"),
    };
    return answer->lacks == NULL && each->each(each->data, &parked);
}

static factum_status each_parked(struct served_answer *answer, const factum_parked_each *each,
                                 factum_error *err)
{
    uint32_t list = served_member(answer, FACTUM_JSON_ROOT, "parked", FACTUM_JSON_ARRAY);
    if (list != FACTUM_JSON_NONE && served_bool(answer, FACTUM_JSON_ROOT, "more")) {
        *err = (factum_error){.status = FACTUM_TOO_BIG};
        (void)snprintf(
            err->text, sizeof err->text,
            "over %d events are parked, and the server returns no more at once: name a key",
            PARKED_MAX);
        return FACTUM_TOO_BIG;
    }
    return served_each(answer, "parked", take_parked, each, err);
}

factum_status served_parked(factum_store *store, factum_slice model, factum_slice key,
                            const factum_parked_each *each, factum_error *err)
{
    char target[SERVED_TARGET_SIZE];
    struct served_answer answer = {.len = 0};
    const struct served_question question = {.method = "GET", .target = target};
    (void)snprintf(target, sizeof target, "/api/v1/models/%.*s/parked?limit=%d%s", (int)model.len,
                   (const char *)model.ptr, PARKED_MAX, key.len > 0 ? "&key=" : "");
    if (!served_add_encoded(target, sizeof target, key)) {
        *err = (factum_error){.status = FACTUM_INVALID, .text = "the key is too long"};
        return FACTUM_INVALID;
    }
    factum_status status = served_ask(store, &question, &answer, err);
    if (status == FACTUM_OK) {
        status = each_parked(&answer, each, err);
    }
    served_finish(&answer);
    return status;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static bool take_in_use(void *data, const factum_build_status *status)
{
    factum_build_status *in_use = data;
    if (status->in_use) {
        *in_use = *status;
        in_use->model = (factum_slice){NULL, 0};
    }
    return !status->in_use;
}

/* Waits by a query that selects nothing from the model. */
factum_status served_wait(factum_store *store, factum_slice model, uint64_t place,
                          int64_t timeout_ms, factum_build_status *status, factum_error *err)
{
    char target[SERVED_TARGET_SIZE];
    char body[FACTUM_TOKEN_SIZE + 128];
    char token[FACTUM_TOKEN_SIZE];
    struct served_answer answer = {.len = 0};
    const factum_build_each each = {status, take_in_use};
    factum_token_format(store, place, token);
    (void)snprintf(target, sizeof target, "/api/v1/models/%.*s/query", (int)model.len,
                   (const char *)model.ptr);
    (void)snprintf(body, sizeof body,
                   "{\"sql\":\"SELECT 1\",\"wait\":\"%s\",\"timeoutSeconds\":%" PRId64 ".%03d}",
                   token, timeout_ms / 1000, (int)(timeout_ms % 1000));
    const struct served_question question = {
        .method = "POST", .target = target, .body = factum_slice_from(body)};
    factum_status asked = served_ask(store, &question, &answer, err);
    served_finish(&answer);
    if (asked != FACTUM_EXPIRED) {
        return asked;
    }
    factum_error ignored;
    (void)served_list(store, model, &each, &ignored);
    return FACTUM_TIMEOUT; /* |err| has the text of the wait */
}

/* ---- acts ------------------------------------------------------------------------------------ */

static const char *act_path(factum_projection_act act)
{
    return act == FACTUM_ACT_RETRY_ALL ? "retry" : factum_projection_act_name(act);
}

/* NULL without memory; the caller frees it. */
static char *act_body(const factum_act_request *request, size_t *len)
{
    char *text = NULL;
    FILE *to = open_memstream(&text, len);
    if (to == NULL) {
        return NULL;
    }
    (void)fputs("{\"timeoutSeconds\":0", to);
    if (request->options->by.len > 0) {
        (void)fputs(",\"by\":", to);
        print_json_text(to, request->options->by);
    }
    if (request->options->why.len > 0) {
        (void)fputs(",\"why\":", to);
        print_json_text(to, request->options->why);
    }
    if (request->act == FACTUM_ACT_RETRY) {
        (void)fputs(",\"key\":", to);
        print_json_text(to, request->key);
    } else if (request->act == FACTUM_ACT_SKIP) {
        (void)fprintf(to, ",\"position\":%" PRIu64, request->position);
    }
    (void)fputs("}", to);
    if (fclose(to) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

factum_status served_act_record(factum_store *store, const factum_act_request *request,
                                factum_act_result *result, factum_error *err)
{
    char target[SERVED_TARGET_SIZE];
    struct served_answer answer = {.len = 0};
    size_t len = 0;
    char *body = act_body(request, &len);
    if (body == NULL) {
        *err = (factum_error){.status = FACTUM_NO_MEMORY, .text = "out of memory"};
        return FACTUM_NO_MEMORY;
    }
    (void)snprintf(target, sizeof target, "/api/v1/projections/%.*s/%s",
                   (int)request->projection.len, (const char *)request->projection.ptr,
                   act_path(request->act));
    const struct served_question question = {
        .method = "POST",
        .target = target,
        .body = {(const uint8_t *)body, len},
        .once = true,
    };
    factum_status status = served_ask(store, &question, &answer, err);
    if (status == FACTUM_OK) {
        result->revision = served_number(&answer, FACTUM_JSON_ROOT, "revision");
        result->position = served_number(&answer, FACTUM_JSON_ROOT, "position");
        result->already = served_bool(&answer, FACTUM_JSON_ROOT, "already");
        status = served_check(&answer, err);
    }
    served_finish(&answer);
    free(body);
    return status;
}

factum_status served_act_wait(factum_store *store, factum_slice model, uint64_t revision,
                              int64_t timeout_ms, factum_error *err)
{
    char target[SERVED_TARGET_SIZE];
    struct served_answer answer = {.len = 0};
    const struct served_question question = {.method = "GET", .target = target};
    (void)snprintf(target, sizeof target, "/api/v1/projections/%.*s/acts/%" PRIu64 "?timeout=%d",
                   (int)model.len, (const char *)model.ptr, revision, timeout_ms > 0 ? 1 : 0);
    factum_status status = served_ask(store, &question, &answer, err);
    if (status == FACTUM_OK && !served_bool(&answer, FACTUM_JSON_ROOT, "done")) {
        (void)snprintf(err->text, sizeof err->text,
                       "no host has carried out revision %" PRIu64 " of %.*s yet", revision,
                       (int)model.len, (const char *)model.ptr);
        status = FACTUM_TIMEOUT;
    }
    if (status == FACTUM_OK || status == FACTUM_TIMEOUT) {
        factum_status whole = served_check(&answer, err);
        status = whole == FACTUM_OK ? status : whole;
    }
    served_finish(&answer);
    return status;
}
