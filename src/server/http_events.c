/* http_events.c - events and queries in the body of a request. Layer: server. See http_int.h.
 *
 * factum_ndjson reads each event. Slices of the body stay valid, because the body lasts as long as
 * the call; decoded bytes are copied into the call's memory.
 */
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "server/http_int.h"

#define QUERY_ITEMS_TEXT "a query is an array of 1 to 64 items {\"types\":[...],\"tags\":[...]}"

/* An item has five nodes, and one more for each name; twice as many, so that a list that is too
 * long gets its own error. */
#define QUERY_NODES_MAX (2 * (1 + 5 * FACTUM_QUERY_ITEMS_MAX + FACTUM_QUERY_NAMES_MAX))

static bool is_inside(factum_slice part, factum_slice whole)
{
    uintptr_t at = (uintptr_t)part.ptr;
    uintptr_t start = (uintptr_t)whole.ptr;
    return at >= start && at - start <= whole.len;
}

/* Makes *part last as long as the call. */
static factum_status keep_part(struct fct_http_call *call, factum_slice *part)
{
    return part->len == 0 || is_inside(*part, fct_buf_slice(&call->body))
               ? FACTUM_OK
               : fct_http_copy(call, *part, part);
}

static factum_status keep_tags(struct fct_http_call *call, factum_new_event *event)
{
    if (event->tag_count == 0) {
        event->tags = NULL;
        return FACTUM_OK;
    }
    factum_slice *tags = fct_http_take(call, event->tag_count * sizeof *tags);
    factum_status status = tags == NULL ? FACTUM_NO_MEMORY : FACTUM_OK;
    for (size_t i = 0; i < event->tag_count && status == FACTUM_OK; i++) {
        tags[i] = event->tags[i];
        status = keep_part(call, &tags[i]);
    }
    event->tags = tags;
    return status;
}

static factum_status keep_event(struct fct_http_call *call, const struct fct_http_events *events,
                                factum_new_event *event)
{
    factum_slice *parts[] = {&event->type, &event->data, &event->metadata, &event->media_type};
    factum_status status = FACTUM_OK;
    if (events->stream.len > 0) {
        event->stream = events->stream;
    } else {
        status = keep_part(call, &event->stream);
    }
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && status == FACTUM_OK; i++) {
        status = keep_part(call, parts[i]);
    }
    return status == FACTUM_OK ? keep_tags(call, event) : status;
}

factum_status fct_http_events_reserve(struct fct_http_call *call, struct fct_http_events *events,
                                      size_t count, factum_error *err)
{
    if (count > FCT_HTTP_EVENTS_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "an append of more than %d events",
                        FCT_HTTP_EVENTS_MAX);
    }
    events->room = count;
    events->items = count == 0 ? NULL : fct_http_take(call, count * sizeof *events->items);
    if (events->ndjson == NULL) {
        events->ndjson = factum_ndjson_create();
    }
    return (count > 0 && events->items == NULL) || events->ndjson == NULL
               ? fct_fail(err, FACTUM_NO_MEMORY, "an append of %zu events: out of memory", count)
               : FACTUM_OK;
}

/* All events form one append, which has one key. */
static factum_status take_key(struct fct_http_call *call, struct fct_http_events *events,
                              factum_slice key, factum_error *err)
{
    if (key.len == 0 || fct_slice_equal(key, events->key)) {
        return FACTUM_OK;
    }
    if (events->key.len > 0 || events->count > 0) {
        return fct_fail(err, FACTUM_INVALID,
                        "\"key\" differs from that of the first event: the events of an append "
                        "have one key");
    }
    return fct_http_copy(call, key, &events->key) == FACTUM_OK
               ? FACTUM_OK
               : fct_fail(err, FACTUM_NO_MEMORY, "out of memory");
}

factum_status fct_http_events_add(struct fct_http_call *call, struct fct_http_events *events,
                                  factum_slice text, factum_error *err)
{
    factum_ndjson_line line = {.size = sizeof line, .stream = events->stream};
    factum_status status = factum_ndjson_parse_line(events->ndjson, text, &line, err);
    if (status == FACTUM_OK) {
        status = take_key(call, events, line.key, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (keep_event(call, events, &line.event) != FACTUM_OK) {
        return fct_fail(err, FACTUM_NO_MEMORY, "out of memory");
    }
    FCT_ASSERT(events->items != NULL);
    events->items[events->count++] = line.event;
    return FACTUM_OK;
}

factum_status fct_http_body_json(struct fct_http_call *call, unsigned levels,
                                 struct fct_json_doc *doc, factum_error *err)
{
    const struct fct_json_extent extent = {
        .depth_max = FCT_JSON_DOCUMENT_DEPTH, .levels = levels, .nodes_max = FCT_HTTP_NODES_MAX};
    struct fct_json_fault fault;
    fct_json_doc_init(doc, call->server->mem);
    factum_status status = fct_json_doc_read(doc, fct_buf_slice(&call->body), extent, &fault);
    if (status == FACTUM_INVALID) {
        return fct_fail(err, status, "the body is not valid JSON: %s at byte %zu", fault.reason,
                        fault.at);
    }
    if (status == FACTUM_TOO_BIG) {
        return fct_fail(err, status, "a body of more than %d values", FCT_HTTP_NODES_MAX);
    }
    return status == FACTUM_OK ? status : fct_fail(err, status, "out of memory");
}

factum_status fct_http_events_json(struct fct_http_call *call, const factum_json *json,
                                   uint32_t value, struct fct_http_events *events,
                                   factum_error *err)
{
    if (factum_json_kind_of(json, value) != FACTUM_JSON_ARRAY) {
        factum_status status = fct_http_events_reserve(call, events, 1, err);
        return status == FACTUM_OK
                   ? fct_http_events_add(call, events, factum_json_raw(json, value), err)
                   : status;
    }
    size_t count = factum_json_count(json, value);
    factum_status status = fct_http_events_reserve(call, events, count, err);
    for (uint32_t item = factum_json_first(json, value);
         status == FACTUM_OK && item != FACTUM_JSON_NONE;
         item = factum_json_next(json, value, item)) {
        status = fct_http_events_add(call, events, factum_json_raw(json, item), err);
        if (status != FACTUM_OK) {
            status = fct_wrap(err, status, "event %zu of %zu", events->count + 1, count);
        }
    }
    return status;
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* Returns the next line that is not empty, without its end; false at the end of the text. */
static bool next_line(factum_slice *rest, factum_slice *line, size_t *number)
{
    while (rest->len > 0) {
        const uint8_t *end = memchr(rest->ptr, '\n', rest->len);
        size_t len = end == NULL ? rest->len : (size_t)(end - rest->ptr);
        *line = fct_slice(rest->ptr, len);
        *rest = fct_slice_from(*rest, end == NULL ? len : len + 1);
        ++*number;
        if (line->len > 0 && line->ptr[line->len - 1] == '\r') {
            line->len--;
        }
        if (line->len > 0) {
            return true;
        }
    }
    return false;
}

factum_status fct_http_events_lines(struct fct_http_call *call, struct fct_http_events *events,
                                    factum_error *err)
{
    factum_slice rest = fct_buf_slice(&call->body);
    factum_slice line;
    size_t count = 0;
    size_t number = 0;
    while (count <= FCT_HTTP_EVENTS_MAX && next_line(&rest, &line, &number)) {
        count++;
    }
    factum_status status = fct_http_events_reserve(call, events, count, err);
    rest = fct_buf_slice(&call->body);
    number = 0;
    while (status == FACTUM_OK && next_line(&rest, &line, &number)) {
        status = fct_http_events_add(call, events, line, err);
        if (status != FACTUM_OK) {
            status = fct_wrap(err, status, "line %zu", number);
        }
    }
    return status;
}

/* ---- queries --------------------------------------------------------------------------------- */

factum_status fct_http_json_text(struct fct_http_call *call, factum_slice raw, factum_slice *text)
{
    size_t len = 0;
    if (raw.len < 2 || raw.ptr[0] != '"') {
        return FACTUM_INVALID;
    }
    uint8_t *plain = fct_http_take(call, raw.len);
    if (plain == NULL) {
        return FACTUM_NO_MEMORY;
    }
    if (fct_json_unescape(raw, (char *)plain, raw.len, &len) != FACTUM_OK) {
        return FACTUM_INVALID;
    }
    *text = fct_slice(plain, len);
    return FACTUM_OK;
}

/* Takes an array of texts, at most |left|, which is counted down. */
static factum_status take_names(struct fct_http_call *call, const factum_json *json, uint32_t array,
                                const factum_slice **names, size_t *count, size_t *left)
{
    if (factum_json_kind_of(json, array) != FACTUM_JSON_ARRAY) {
        return FACTUM_INVALID;
    }
    *count = factum_json_count(json, array);
    if (*count > *left) {
        return FACTUM_TOO_BIG;
    }
    *left -= *count;
    factum_slice *texts = *count == 0 ? NULL : fct_http_take(call, *count * sizeof *texts);
    if (*count > 0 && texts == NULL) {
        return FACTUM_NO_MEMORY;
    }
    factum_status status = FACTUM_OK;
    *names = texts;
    uint32_t item = factum_json_first(json, array);
    for (size_t i = 0; i < *count && status == FACTUM_OK; i++) {
        status = fct_http_json_text(call, factum_json_raw(json, item), &texts[i]);
        item = factum_json_next(json, array, item);
    }
    return status;
}

static factum_status take_item(struct fct_http_call *call, const factum_json *json, uint32_t value,
                               factum_query_item *item, size_t *left)
{
    if (factum_json_kind_of(json, value) != FACTUM_JSON_OBJECT) {
        return FACTUM_INVALID;
    }
    factum_status status = FACTUM_OK;
    for (uint32_t name = factum_json_first(json, value);
         status == FACTUM_OK && name != FACTUM_JSON_NONE;
         name = factum_json_next(json, value, name)) {
        if (factum_json_text_is(json, name, FCT_SLICE("types")) && item->types == NULL) {
            status = take_names(call, json, name + 1, &item->types, &item->type_count, left);
        } else if (factum_json_text_is(json, name, FCT_SLICE("tags")) && item->tags == NULL) {
            status = take_names(call, json, name + 1, &item->tags, &item->tag_count, left);
        } else {
            status = FACTUM_INVALID;
        }
    }
    return status;
}

static factum_status take_query(struct fct_http_call *call, const factum_json *json,
                                factum_query *query)
{
    size_t left = FACTUM_QUERY_NAMES_MAX;
    factum_query_item *items = fct_http_take(call, FACTUM_QUERY_ITEMS_MAX * sizeof *items);
    if (items == NULL) {
        return FACTUM_NO_MEMORY;
    }
    *query = (factum_query){.items = items};
    if (factum_json_kind_of(json, FACTUM_JSON_ROOT) != FACTUM_JSON_ARRAY) {
        return FACTUM_INVALID;
    }
    factum_status status = FACTUM_OK;
    for (uint32_t item = factum_json_first(json, FACTUM_JSON_ROOT);
         status == FACTUM_OK && item != FACTUM_JSON_NONE;
         item = factum_json_next(json, FACTUM_JSON_ROOT, item)) {
        status = query->item_count == FACTUM_QUERY_ITEMS_MAX
                     ? FACTUM_TOO_BIG
                     : take_item(call, json, item, &items[query->item_count++], &left);
    }
    return status == FACTUM_OK && query->item_count == 0 ? FACTUM_INVALID : status;
}

factum_status fct_http_query_json(struct fct_http_call *call, factum_slice text,
                                  factum_query *query, factum_error *err)
{
    /* An array, an object in it with two members, and the names in their arrays. */
    static const struct fct_json_extent extent = {
        .depth_max = FCT_JSON_DEPTH_MAX, .levels = 3, .nodes_max = QUERY_NODES_MAX};
    struct fct_json_doc doc;
    struct fct_json_fault fault;
    fct_json_doc_init(&doc, call->server->mem);
    factum_status status = fct_json_doc_read(&doc, text, extent, &fault);
    if (status == FACTUM_INVALID) {
        fct_json_doc_finish(&doc);
        return fct_fail(err, status, "not valid JSON: %s at byte %zu", fault.reason, fault.at);
    }
    if (status == FACTUM_OK) {
        status = take_query(call, &doc.json, query);
    }
    fct_json_doc_finish(&doc);
    if (status == FACTUM_TOO_BIG) {
        return fct_fail(err, status, "a query has at most %d items and %d types and tags",
                        FACTUM_QUERY_ITEMS_MAX, FACTUM_QUERY_NAMES_MAX);
    }
    if (status == FACTUM_NO_MEMORY) {
        return fct_fail(err, status, "a query: out of memory");
    }
    return status == FACTUM_OK
               ? status
               : fct_fail(err, status, QUERY_ITEMS_TEXT ", not %.*s", FCT_FMT(text));
}
