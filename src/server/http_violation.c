/* http_violation.c - the members of the answer to an event that does not fit its schema: the event,
 * the place in its data, the schema. Layer: server.
 *
 * The gate's text is "event 2: /lines/0/qty: must be at least 1, but is 0 (schema OrderPlaced 3)".
 * It is parsed from both ends, and compared with the event's data, because names of members may
 * contain anything.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "codec/json_doc.h"
#include "core/slice.h"
#include "server/http_int.h"
#include "wire/json_out.h"

/* Returns the item of an array with the index |step|. */
static uint32_t item_at(const factum_json *json, uint32_t array, factum_slice step)
{
    uint32_t index = 0;
    if (step.len == 0 || step.len > 9) {
        return FACTUM_JSON_NONE;
    }
    for (size_t i = 0; i < step.len; i++) {
        if (step.ptr[i] < '0' || step.ptr[i] > '9') {
            return FACTUM_JSON_NONE;
        }
        index = index * 10 + (uint32_t)(step.ptr[i] - '0');
    }
    uint32_t at = factum_json_first(json, array);
    for (; index > 0 && at != FACTUM_JSON_NONE; index--) {
        at = factum_json_next(json, array, at);
    }
    return at;
}

/* Returns the member that |step|, with its escapes "~0" and "~1", names; NONE for a value that is
 * no object. */
static uint32_t member_at(const factum_json *json, uint32_t value, factum_slice step)
{
    char name[sizeof((factum_error *)0)->text];
    size_t len = 0;
    for (size_t i = 0; i < step.len && len < sizeof name; i++) {
        char byte = (char)step.ptr[i];
        if (byte == '~' && i + 1 < step.len) {
            byte = step.ptr[++i] == '0' ? '~' : '/';
        }
        name[len++] = byte;
    }
    return factum_json_find(json, value, fct_slice(name, len));
}

/* True if |pointer|, which begins with "/", leads to a value. */
static bool leads_to_value(const factum_json *json, factum_slice pointer)
{
    uint32_t value = FACTUM_JSON_ROOT;
    while (pointer.len > 0 && value != FACTUM_JSON_NONE) {
        factum_slice rest = fct_slice_from(pointer, 1);
        const uint8_t *end = rest.len == 0 ? NULL : memchr(rest.ptr, '/', rest.len);
        factum_slice step = fct_slice(rest.ptr, end == NULL ? rest.len : (size_t)(end - rest.ptr));
        value = factum_json_kind_of(json, value) == FACTUM_JSON_ARRAY
                    ? item_at(json, value, step)
                    : member_at(json, value, step);
        pointer = fct_slice_from(rest, step.len);
    }
    return value != FACTUM_JSON_NONE;
}

/* Returns the longest beginning of |text|, up to a ": ", that is the place of a value in |data|. */
static factum_slice longest_place(const char *text, factum_slice data)
{
    const struct fct_json_extent extent = {.depth_max = FCT_JSON_DEPTH_MAX};
    factum_slice place = fct_slice(NULL, 0);
    struct fct_json_doc doc;
    fct_json_doc_init(&doc, fct_mem_heap());
    if (fct_json_doc_read(&doc, data, extent, NULL) == FACTUM_OK) {
        for (const char *end = strstr(text, ": "); end != NULL; end = strstr(end + 1, ": ")) {
            factum_slice pointer = fct_slice(text, (size_t)(end - text));
            place = leads_to_value(&doc.json, pointer) ? pointer : place;
        }
    }
    fct_json_doc_finish(&doc);
    return place;
}

/* Returns the place in |data| that the text names; empty for the data as a whole, and for a
 * truncated place. */
static factum_slice place_of(const char *text, size_t index, factum_slice data)
{
    char before[40];
    int len = snprintf(before, sizeof before, "event %zu: ", index);
    if (strncmp(text, before, (size_t)len) != 0 || text[len] != '/') {
        return fct_slice(NULL, 0);
    }
    text += len;
    const char *end = strstr(text, ": ");
    bool sure = end == NULL || strstr(end + 1, ": ") == NULL;
    if (!sure) {
        factum_slice place = longest_place(text, data);
        if (place.len > 0) {
            return place;
        }
    }
    return end == NULL ? fct_slice(NULL, 0) : fct_slice(text, (size_t)(end - text));
}

/* Returns the contents of the last brackets of the text, if it ends with them. */
static factum_slice schema_of(const char *text)
{
    static const char before[] = " (schema ";
    size_t len = strlen(text);
    const char *begin = NULL;
    for (const char *at = strstr(text, before); at != NULL; at = strstr(at + 1, before)) {
        begin = at + sizeof before - 1;
    }
    return begin == NULL || text[len - 1] != ')'
               ? fct_slice(NULL, 0)
               : fct_slice(begin, (size_t)(text + len - 1 - begin));
}

factum_status fct_http_violation_put(struct fct_buf *out, const factum_append_request *request,
                                     size_t index, const char *text)
{
    if (index >= request->event_count) {
        return FACTUM_OK;
    }
    const factum_new_event *event = &request->events[index];
    factum_status put = fct_buf_printf(out, ",\"event\":%zu,\"stream\":", index);
    if (put == FACTUM_OK) {
        put = fct_json_out_text(out, event->stream);
    }
    if (put == FACTUM_OK) {
        put = fct_buf_add_text(out, ",\"pointer\":");
    }
    if (put == FACTUM_OK) {
        put = fct_json_out_text(out, place_of(text, index, event->data));
    }
    if (put == FACTUM_OK) {
        put = fct_buf_add_text(out, ",\"schema\":");
    }
    return put == FACTUM_OK ? fct_json_out_text(out, schema_of(text)) : put;
}
