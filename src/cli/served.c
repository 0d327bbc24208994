/* served.c - see served.h: a question to the server, and its answer as JSON. Layer: cli. */
#include "cli/served.h"

#include <stdlib.h>
#include <string.h>

#ifdef FCT_WITH_SERVER
#include <factum/remote.h>
#endif

#define ANSWER_SIZE_MAX ((uint64_t)64 << 20)

/* ---- asking ---------------------------------------------------------------------------------- */

static factum_status fail(factum_error *err, factum_status status, const char *text,
                          const char *name)
{
    err->status = status;
    err->os_error = 0;
    (void)snprintf(err->text, sizeof err->text, "%.80s%.160s", text, name);
    return status;
}

#ifdef FCT_WITH_SERVER
static bool take_bytes(void *data, factum_slice bytes)
{
    struct served_answer *answer = data;
    if (bytes.len > answer->capacity - answer->len) {
        size_t capacity = answer->capacity == 0 ? 4096 : answer->capacity * 2;
        while (capacity - answer->len < bytes.len) {
            capacity *= 2;
        }
        uint8_t *grown = realloc(answer->bytes, capacity);
        answer->no_memory = grown == NULL;
        if (grown == NULL) {
            return false;
        }
        answer->bytes = grown;
        answer->capacity = capacity;
    }
    memcpy(answer->bytes + answer->len, bytes.ptr, bytes.len);
    answer->len += bytes.len;
    return true;
}

static bool goes_on(void *data, uint64_t done, uint64_t total)
{
    (void)data;
    (void)done;
    (void)total;
    return !interrupted;
}

static factum_status fetch(factum_store *store, const struct served_question *question,
                           struct served_answer *answer, factum_error *err)
{
    static const factum_progress progress = {NULL, goes_on};
    const factum_remote_body body = {answer, take_bytes};
    const factum_remote_request request = {
        .size = sizeof request,
        .method = question->method,
        .target = question->target,
        .content_type = question->body.len > 0 ? "application/json" : NULL,
        .body = question->body,
        .once = question->once,
        .answer_max = ANSWER_SIZE_MAX,
        .progress = &progress,
    };
    factum_status status = factum_remote_send(store, &request, &body, NULL, err);
    return answer->no_memory ? fail(err, FACTUM_NO_MEMORY, "out of memory", "") : status;
}
#else
static factum_status fetch(factum_store *store, const struct served_question *question,
                           struct served_answer *answer, factum_error *err)
{
    (void)store;
    (void)question;
    (void)answer;
    return fail(err, FACTUM_UNSUPPORTED, "this factum was built without servers", "");
}
#endif

factum_status served_ask(factum_store *store, const struct served_question *question,
                         struct served_answer *answer, factum_error *err)
{
    factum_error why;
    factum_status status = fetch(store, question, answer, err);
    if (status != FACTUM_OK) {
        return status;
    }
    size_t count = factum_json_nodes_max(answer->len);
    answer->nodes = malloc((count + 1) * sizeof *answer->nodes);
    answer->texts = malloc(answer->len + 1);
    if (answer->nodes == NULL || answer->texts == NULL) {
        return fail(err, FACTUM_NO_MEMORY, "out of memory", "");
    }
    status = factum_json_parse((factum_slice){answer->bytes, answer->len}, NULL, answer->nodes,
                               count, &answer->json, &why);
    if (status != FACTUM_OK) {
        return fail(err, FACTUM_IO, "the server's answer is not valid JSON: ", why.text);
    }
    return FACTUM_OK;
}

void served_finish(struct served_answer *answer)
{
    free(answer->bytes);
    free(answer->nodes);
    free(answer->texts);
    *answer = (struct served_answer){.len = 0};
}

factum_status served_check(const struct served_answer *answer, factum_error *err)
{
    return answer->lacks == NULL
               ? FACTUM_OK
               : fail(err, FACTUM_IO, "the server's answer has no proper member ", answer->lacks);
}

/* ---- members --------------------------------------------------------------------------------- */

static uint32_t lacking(struct served_answer *answer, const char *name)
{
    answer->lacks = answer->lacks == NULL ? name : answer->lacks;
    return FACTUM_JSON_NONE;
}

uint32_t served_member(struct served_answer *answer, uint32_t object, const char *name,
                       factum_json_kind kind)
{
    uint32_t value = object == FACTUM_JSON_NONE
                         ? FACTUM_JSON_NONE
                         : factum_json_find(&answer->json, object, factum_slice_from(name));
    return value != FACTUM_JSON_NONE && factum_json_kind_of(&answer->json, value) == kind
               ? value
               : lacking(answer, name);
}

/* All texts of an answer fit into |texts|: no text grows when its escapes are decoded, and each is
 * decoded once. */
factum_slice served_unescaped(struct served_answer *answer, uint32_t value)
{
    size_t len = 0;
    size_t left = answer->len - answer->texts_len;
    char *to = (char *)answer->texts + answer->texts_len;
    if (!factum_json_is_escaped(&answer->json, value)) {
        return factum_json_inside(&answer->json, value);
    }
    if (factum_json_unescape(&answer->json, value, to, left, &len) != FACTUM_OK) {
        (void)lacking(answer, "(a text)");
        return (factum_slice){NULL, 0};
    }
    answer->texts_len += len;
    return (factum_slice){(const uint8_t *)to, len};
}

factum_slice served_text(struct served_answer *answer, uint32_t object, const char *name)
{
    uint32_t value = served_member(answer, object, name, FACTUM_JSON_TEXT);
    return value == FACTUM_JSON_NONE ? (factum_slice){NULL, 0} : served_unescaped(answer, value);
}

uint64_t served_number(struct served_answer *answer, uint32_t object, const char *name)
{
    uint64_t number = 0;
    uint32_t value = served_member(answer, object, name, FACTUM_JSON_NUMBER);
    if (value != FACTUM_JSON_NONE &&
        factum_json_to_uint64(&answer->json, value, &number) != FACTUM_OK) {
        (void)lacking(answer, name);
    }
    return number;
}

double served_real(struct served_answer *answer, uint32_t object, const char *name)
{
    double number = 0;
    uint32_t value = served_member(answer, object, name, FACTUM_JSON_NUMBER);
    if (value != FACTUM_JSON_NONE &&
        factum_json_to_double(&answer->json, value, &number) != FACTUM_OK) {
        (void)lacking(answer, name);
    }
    return number;
}

bool served_bool(struct served_answer *answer, uint32_t object, const char *name)
{
    uint32_t value = object == FACTUM_JSON_NONE
                         ? FACTUM_JSON_NONE
                         : factum_json_find(&answer->json, object, factum_slice_from(name));
    factum_json_kind kind =
        value == FACTUM_JSON_NONE ? FACTUM_JSON_NULL : factum_json_kind_of(&answer->json, value);
    if (kind != FACTUM_JSON_TRUE && kind != FACTUM_JSON_FALSE) {
        (void)lacking(answer, name);
    }
    return kind == FACTUM_JSON_TRUE;
}

factum_slice served_optional(struct served_answer *answer, uint32_t object, const char *name)
{
    uint32_t value = object == FACTUM_JSON_NONE
                         ? FACTUM_JSON_NONE
                         : factum_json_find(&answer->json, object, factum_slice_from(name));
    bool none =
        value == FACTUM_JSON_NONE || factum_json_kind_of(&answer->json, value) == FACTUM_JSON_NULL;
    return none ? (factum_slice){NULL, 0} : served_text(answer, object, name);
}

int64_t served_time(struct served_answer *answer, uint32_t object, const char *name)
{
    int64_t time = 0;
    factum_slice text = served_optional(answer, object, name);
    if (text.len > 0 && factum_time_parse(text, &time) != FACTUM_OK) {
        (void)lacking(answer, name);
    }
    return time;
}

/* ---- what several answers have --------------------------------------------------------------- */

void served_behind(struct served_answer *answer, uint32_t object, factum_build_status *status)
{
    uint32_t behind = served_member(answer, object, "behind", FACTUM_JSON_OBJECT);
    double seconds = served_real(answer, behind, "seconds");
    status->behind_events = served_number(answer, behind, "events");
    if (seconds >= 0 && seconds < 9e9) { /* otherwise it does not fit */
        status->behind_time = (int64_t)(seconds * 1e3 + 0.5) * 1000000;
    }
}

factum_build_state served_state(factum_slice name)
{
    for (int state = FACTUM_BUILD_STARTING; state <= FACTUM_BUILD_RETRYING; state++) {
        if (same_text(name,
                      factum_slice_from(factum_build_state_name((factum_build_state)state)))) {
            return (factum_build_state)state;
        }
    }
    return FACTUM_BUILD_STARTING;
}

factum_status served_each(struct served_answer *answer, const char *name,
                          bool (*take)(struct served_answer *answer, uint32_t object,
                                       const void *data),
                          const void *data, factum_error *err)
{
    uint32_t list = served_member(answer, FACTUM_JSON_ROOT, name, FACTUM_JSON_ARRAY);
    uint32_t at = list == FACTUM_JSON_NONE ? list : factum_json_first(&answer->json, list);
    while (at != FACTUM_JSON_NONE && take(answer, at, data)) {
        at = factum_json_next(&answer->json, list, at);
    }
    return served_check(answer, err);
}

bool served_add_encoded(char *target, size_t size, factum_slice text)
{
    size_t len = strlen(target);
    for (size_t i = 0; i < text.len; i++) {
        if (len + 4 > size) {
            return false;
        }
        len += (size_t)snprintf(target + len, size - len, "%%%02X", text.ptr[i]);
    }
    return true;
}
