/* http_events.c - events and queries in the body of a request. Layer: server. See http_int.h.
 *
 * factum_ndjson reads each event. What it borrows from the body stays where it is, since the body
 * lasts as long as the call; what it has decoded is copied into the call's memory.
 */
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "server/http_int.h"

#define QUERY_ITEMS_TEXT "a query is an array of 1 to 64 items {\"types\":[...],\"tags\":[...]}"

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

/* The events are one append, which has one key. */
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

factum_status fct_http_events_json(struct fct_http_call *call, const struct fct_json *value,
                                   struct fct_http_events *events, factum_error *err)
{
    size_t count = 0;
    size_t offset = 0;
    struct fct_json item;
    bool many = value->type == FCT_JSON_ARRAY;
    while (many && count <= FCT_HTTP_EVENTS_MAX && fct_json_item_next(value, &offset, &item)) {
        count++;
    }
    factum_status status = fct_http_events_reserve(call, events, many ? count : 1, err);
    if (status == FACTUM_OK && !many) {
        return fct_http_events_add(call, events, value->raw, err);
    }
    offset = 0;
    while (status == FACTUM_OK && fct_json_item_next(value, &offset, &item)) {
        status = fct_http_events_add(call, events, item.raw, err);
        if (status != FACTUM_OK) {
            status = fct_wrap(err, status, "event %zu of %zu", events->count + 1, count);
        }
    }
    return status;
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* The next line that is not empty, without its end; false at the end of the text. */
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

factum_status fct_http_json_text(struct fct_http_call *call, const struct fct_json *value,
                                 factum_slice *text)
{
    size_t len = 0;
    if (value->type != FCT_JSON_TEXT) {
        return FACTUM_INVALID;
    }
    uint8_t *plain = fct_http_take(call, value->raw.len);
    if (plain == NULL) {
        return FACTUM_NO_MEMORY;
    }
    if (fct_json_unescape(value->raw, (char *)plain, value->raw.len, &len) != FACTUM_OK) {
        return FACTUM_INVALID;
    }
    *text = fct_slice(plain, len);
    return FACTUM_OK;
}

/* An array of texts, |left| at most, which is counted down. */
static factum_status take_names(struct fct_http_call *call, const struct fct_json *array,
                                const factum_slice **names, size_t *count, size_t *left)
{
    size_t offset = 0;
    struct fct_json item;
    if (array->type != FCT_JSON_ARRAY) {
        return FACTUM_INVALID;
    }
    *count = 0;
    while (fct_json_item_next(array, &offset, &item)) {
        if (*left == 0) {
            return FACTUM_TOO_BIG;
        }
        --*left;
        ++*count;
    }
    factum_slice *texts = *count == 0 ? NULL : fct_http_take(call, *count * sizeof *texts);
    if (*count > 0 && texts == NULL) {
        return FACTUM_NO_MEMORY;
    }
    factum_status status = FACTUM_OK;
    offset = 0;
    for (size_t i = 0; i < *count && status == FACTUM_OK; i++) {
        status = fct_json_item_next(array, &offset, &item)
                     ? fct_http_json_text(call, &item, &texts[i])
                     : FACTUM_INVALID;
    }
    *names = texts;
    return status;
}

static factum_status take_item(struct fct_http_call *call, const struct fct_json *value,
                               factum_query_item *item, size_t *left)
{
    size_t offset = 0;
    factum_slice name;
    struct fct_json member;
    factum_status status = value->type == FCT_JSON_OBJECT ? FACTUM_OK : FACTUM_INVALID;
    while (status == FACTUM_OK && fct_json_member_next(value, &offset, &name, &member)) {
        if (fct_slice_equal(name, FCT_SLICE("types")) && item->types == NULL) {
            status = take_names(call, &member, &item->types, &item->type_count, left);
        } else if (fct_slice_equal(name, FCT_SLICE("tags")) && item->tags == NULL) {
            status = take_names(call, &member, &item->tags, &item->tag_count, left);
        } else {
            status = FACTUM_INVALID;
        }
    }
    return status;
}

factum_status fct_http_query_json(struct fct_http_call *call, const struct fct_json *value,
                                  factum_query *query, factum_error *err)
{
    size_t offset = 0;
    size_t left = FACTUM_QUERY_NAMES_MAX;
    struct fct_json item;
    factum_status status = value->type == FCT_JSON_ARRAY ? FACTUM_OK : FACTUM_INVALID;
    factum_query_item *items = fct_http_take(call, FACTUM_QUERY_ITEMS_MAX * sizeof *items);
    if (items == NULL) {
        status = FACTUM_NO_MEMORY;
    }
    *query = (factum_query){.items = items};
    while (status == FACTUM_OK && fct_json_item_next(value, &offset, &item)) {
        if (query->item_count == FACTUM_QUERY_ITEMS_MAX) {
            status = FACTUM_TOO_BIG;
            break;
        }
        status = take_item(call, &item, &items[query->item_count++], &left);
    }
    if (status == FACTUM_OK && query->item_count == 0) {
        status = FACTUM_INVALID;
    }
    if (status == FACTUM_TOO_BIG) {
        return fct_fail(err, status, "a query has at most %d items and %d types and tags",
                        FACTUM_QUERY_ITEMS_MAX, FACTUM_QUERY_NAMES_MAX);
    }
    return status == FACTUM_OK ? FACTUM_OK
           : status == FACTUM_NO_MEMORY
               ? fct_fail(err, status, "a query: out of memory")
               : fct_fail(err, status, QUERY_ITEMS_TEXT ", not %.*s", FCT_FMT(value->raw));
}
