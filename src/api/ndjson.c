/* ndjson.c - events as lines of JSON. Layer: api. See ndjson.h.
 *
 * Data and metadata are never taken apart: they are slices of the line, byte for byte. In a line
 * that is made only their line ends change. Text that
 * has escapes, and base64, are decoded into one buffer that is sized before anything points into
 * it.
 */
#include <inttypes.h>
#include <string.h>

#include <factum/ndjson.h>

#include "codec/json.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/slice.h"

#define LINE_SIZE_MAX ((size_t)64 << 20)

struct factum_ndjson {
    struct fct_buf text; /* decoded parts, or the line being made */
    factum_slice tags[FACTUM_TAGS_MAX];
};

factum_ndjson *factum_ndjson_create(void)
{
    factum_ndjson *ndjson = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *ndjson);
    if (ndjson != NULL) {
        fct_buf_init(&ndjson->text, fct_mem_heap(), LINE_SIZE_MAX * 2);
    }
    return ndjson;
}

void factum_ndjson_destroy(factum_ndjson *ndjson)
{
    if (ndjson != NULL) {
        fct_buf_finish(&ndjson->text);
        fct_mem_free(fct_mem_heap(), ndjson);
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

/* One line under way. */
struct parse {
    factum_ndjson *ndjson;
    factum_slice line;
    factum_error *err;
    struct fct_json data;
    bool has_data;
    bool binary;
};

static factum_status bad(const struct parse *parse, const struct fct_json *value, const char *what)
{
    return fct_fail(parse->err, FACTUM_INVALID, "byte %zu: %s",
                    (size_t)(value->raw.ptr - parse->line.ptr), what);
}

/* The text of |value|: borrowed from the line if it has no escapes. */
static factum_status take_text(const struct parse *parse, const struct fct_json *value,
                               const char *what, factum_slice *text)
{
    if (value->type != FCT_JSON_TEXT) {
        return bad(parse, value, what);
    }
    factum_slice raw = fct_slice(value->raw.ptr + 1, value->raw.len - 2);
    if (memchr(raw.ptr, '\\', raw.len) == NULL) {
        *text = raw;
        return FACTUM_OK;
    }
    struct fct_buf *buf = &parse->ndjson->text; /* reserved: the decoded text is never longer */
    size_t len;
    if (fct_json_unescape(value->raw, (char *)buf->ptr + buf->len, buf->capacity - buf->len,
                          &len) != FACTUM_OK) {
        return bad(parse, value, what);
    }
    *text = fct_slice(buf->ptr + buf->len, len);
    buf->len += len;
    return FACTUM_OK;
}

static factum_status take_tags(const struct parse *parse, const struct fct_json *value,
                               factum_new_event *event)
{
    struct fct_json item;
    size_t offset = 0;
    if (value->type != FCT_JSON_ARRAY) {
        return bad(parse, value, "\"tags\" is an array of texts");
    }
    event->tag_count = 0;
    while (fct_json_item_next(value, &offset, &item)) {
        if (event->tag_count == FACTUM_TAGS_MAX) {
            return bad(parse, value, "too many tags");
        }
        factum_status status = take_text(parse, &item, "\"tags\" is an array of texts",
                                         &parse->ndjson->tags[event->tag_count++]);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    event->tags = parse->ndjson->tags;
    return FACTUM_OK;
}

static int base64_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static bool base64_decode(factum_slice text, struct fct_buf *buf, factum_slice *bytes)
{
    while (text.len > 0 && text.ptr[text.len - 1] == '=') {
        text.len--;
    }
    uint8_t *start = buf->ptr + buf->len;
    uint8_t *to = start;
    uint32_t bits = 0;
    int have = 0;
    for (size_t i = 0; i < text.len; i++) {
        int value = base64_value(text.ptr[i]);
        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have >= 8) {
            have -= 8;
            *to++ = (uint8_t)(bits >> have);
        }
    }
    *bytes = fct_slice(start, (size_t)(to - start));
    buf->len += bytes->len;
    return have < 6;
}

static factum_status take_metadata(struct parse *parse, const struct fct_json *value,
                                   factum_new_event *event)
{
    factum_slice text = {.len = 0};
    event->metadata = fct_slice(NULL, 0);
    if (value->type == FCT_JSON_OBJECT) {
        event->metadata = value->raw;
        return FACTUM_OK;
    }
    if (value->type == FCT_JSON_NULL) {
        return FACTUM_OK;
    }
    const char *what = "\"metadata\" is an object, or base64 text if it is not JSON";
    factum_status status = take_text(parse, value, what, &text);
    if (status == FACTUM_OK && !base64_decode(text, &parse->ndjson->text, &event->metadata)) {
        status = bad(parse, value, what);
    }
    return status;
}

static factum_status take_member(struct parse *parse, factum_slice name,
                                 const struct fct_json *value, factum_new_event *event)
{
    factum_slice text;
    factum_status status = FACTUM_OK;
    char plain[16]; /* longer ones are not ours */
    size_t len;
    if (memchr(name.ptr, '\\', name.len) != NULL &&
        fct_json_unescape(name, plain, sizeof plain, &len) == FACTUM_OK) {
        name = fct_slice(plain, len);
    }
    if (fct_slice_equal(name, FCT_SLICE("stream"))) {
        return take_text(parse, value, "\"stream\" is a text", &event->stream);
    }
    if (fct_slice_equal(name, FCT_SLICE("type"))) {
        return take_text(parse, value, "\"type\" is a text", &event->type);
    }
    if (fct_slice_equal(name, FCT_SLICE("data"))) {
        parse->data = *value;
        parse->has_data = true;
    } else if (fct_slice_equal(name, FCT_SLICE("metadata"))) {
        return take_metadata(parse, value, event);
    } else if (fct_slice_equal(name, FCT_SLICE("tags"))) {
        return take_tags(parse, value, event);
    } else if (fct_slice_equal(name, FCT_SLICE("id"))) {
        status = take_text(parse, value, "\"id\" is a UUID", &text);
        if (status == FACTUM_OK && factum_uuid_parse(text, &event->id) != FACTUM_OK) {
            status = bad(parse, value, "\"id\" is a UUID");
        }
    } else if (fct_slice_equal(name, FCT_SLICE("time"))) {
        status = take_text(parse, value, "\"time\" is a time as in RFC 3339", &text);
        event->has_time = true;
        if (status == FACTUM_OK && factum_time_parse(text, &event->time) != FACTUM_OK) {
            status = bad(parse, value, "\"time\" is a time as in RFC 3339, from 1677 to 2262");
        }
    } else if (fct_slice_equal(name, FCT_SLICE("contentType"))) {
        status = take_text(parse, value, "\"contentType\" is a text", &text);
        parse->binary =
            status == FACTUM_OK && !fct_slice_equal(text, FCT_SLICE("application/json"));
    }
    return status;
}

static factum_status take_data(struct parse *parse, factum_new_event *event)
{
    if (!parse->has_data) {
        event->data = fct_slice(NULL, 0);
        return FACTUM_OK;
    }
    if (!parse->binary) {
        event->data = parse->data.raw;
        return FACTUM_OK;
    }
    factum_slice text;
    event->content_type = FACTUM_CONTENT_BINARY;
    factum_status status =
        take_text(parse, &parse->data, "\"data\" that is not JSON is base64 text", &text);
    if (status == FACTUM_OK && !base64_decode(text, &parse->ndjson->text, &event->data)) {
        status = bad(parse, &parse->data, "\"data\" is no base64");
    }
    return status;
}

factum_status factum_ndjson_parse(factum_ndjson *ndjson, factum_slice line, factum_new_event *event,
                                  factum_error *err)
{
    if (ndjson == NULL || event == NULL || line.ptr == NULL) {
        return fct_fail(err, FACTUM_INVALID, "byte 0: there is no line, or no place for its event");
    }
    struct parse parse = {.ndjson = ndjson, .line = line, .err = err};
    struct fct_json object;
    size_t at = 0;
    *event = (factum_new_event){.tag_count = 0};
    if (line.len > LINE_SIZE_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "a line of %zu bytes: at most %zu", line.len,
                        LINE_SIZE_MAX);
    }
    fct_buf_clear(&ndjson->text);
    factum_status status = fct_buf_reserve(&ndjson->text, line.len * 2);
    if (status != FACTUM_OK) {
        return fct_fail(err, status, "a line of %zu bytes: out of memory", line.len);
    }
    if (fct_json_parse(line, &object, &at) != FACTUM_OK) {
        return fct_fail(err, FACTUM_INVALID, "byte %zu: this is no JSON", at);
    }
    if (object.type != FCT_JSON_OBJECT) {
        return fct_fail(err, FACTUM_INVALID, "byte 0: an event is a JSON object");
    }
    size_t offset = 0;
    factum_slice name;
    struct fct_json value;
    while (status == FACTUM_OK && fct_json_member_next(&object, &offset, &name, &value)) {
        status = take_member(&parse, name, &value, event);
    }
    if (status == FACTUM_OK) {
        status = take_data(&parse, event);
    }
    if (status == FACTUM_OK && (event->stream.len == 0 || event->type.len == 0)) {
        status = fct_fail(err, FACTUM_INVALID,
                          "byte 0: \"%s\" is missing or empty: an event has a \"stream\" and a "
                          "\"type\"",
                          event->stream.len == 0 ? "stream" : "type");
    }
    return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

static factum_status put_text(struct fct_buf *buf, factum_slice text)
{
    static const char hex[] = "0123456789abcdef";
    factum_status status = fct_buf_reserve(buf, text.len * 6 + 2);
    if (status != FACTUM_OK) {
        return status;
    }
    uint8_t *to = buf->ptr + buf->len;
    *to++ = '"';
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '"' || c == '\\') {
            *to++ = '\\';
            *to++ = c;
        } else if (c < 0x20) {
            memcpy(to, "\\u00", 4);
            to[4] = (uint8_t)hex[c >> 4];
            to[5] = (uint8_t)hex[c & 15];
            to += 6;
        } else {
            *to++ = c;
        }
    }
    *to++ = '"';
    buf->len = (size_t)(to - buf->ptr);
    return FACTUM_OK;
}

static factum_status put_base64(struct fct_buf *buf, factum_slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    factum_status status = fct_buf_reserve(buf, bytes.len / 3 * 4 + 8);
    if (status != FACTUM_OK) {
        return status;
    }
    uint8_t *to = buf->ptr + buf->len;
    *to++ = '"';
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t bits = (uint32_t)bytes.ptr[i] << 16;
        bits |= left > 1 ? (uint32_t)bytes.ptr[i + 1] << 8 : 0;
        bits |= left > 2 ? (uint32_t)bytes.ptr[i + 2] : 0;
        *to++ = (uint8_t)digits[bits >> 18];
        *to++ = (uint8_t)digits[bits >> 12 & 63];
        *to++ = left > 1 ? (uint8_t)digits[bits >> 6 & 63] : '=';
        *to++ = left > 2 ? (uint8_t)digits[bits & 63] : '=';
    }
    *to++ = '"';
    buf->len = (size_t)(to - buf->ptr);
    return FACTUM_OK;
}

/* JSON on one line: a line end in it is white space between values, for which a blank does. */
static factum_status put_json(struct fct_buf *buf, const struct fct_json *value)
{
    size_t start = buf->len;
    factum_status status = fct_buf_add_slice(buf, value->raw);
    for (size_t i = start; i < buf->len; i++) {
        if (buf->ptr[i] == '\n' || buf->ptr[i] == '\r') {
            buf->ptr[i] = ' ';
        }
    }
    return status;
}

static factum_status put_metadata(struct fct_buf *buf, factum_slice metadata)
{
    struct fct_json value;
    factum_status status = fct_buf_add_text(buf, ",\"metadata\":");
    if (status != FACTUM_OK) {
        return status;
    }
    bool plain =
        fct_json_parse(metadata, &value, NULL) == FACTUM_OK && value.type == FCT_JSON_OBJECT;
    return plain ? put_json(buf, &value) : put_base64(buf, metadata);
}

static factum_status put_data(struct fct_buf *buf, const factum_event *event)
{
    bool json = fct_slice_equal(event->content_type, FCT_SLICE("application/json"));
    if (event->data.len == 0 && json) {
        return FACTUM_OK; /* no data: no member */
    }
    factum_status status = fct_buf_add_text(buf, ",\"data\":");
    if (status != FACTUM_OK) {
        return status;
    }
    struct fct_json value;
    if (json && fct_json_parse(event->data, &value, NULL) == FACTUM_OK) {
        return put_json(buf, &value);
    }
    status = put_base64(buf, event->data);
    if (status == FACTUM_OK) {
        status = fct_buf_add_text(buf, ",\"contentType\":");
    }
    return status == FACTUM_OK ? put_text(buf, FCT_SLICE("application/octet-stream")) : status;
}

static factum_status put_head(struct fct_buf *buf, const factum_event *event)
{
    char id[FACTUM_UUID_TEXT_SIZE];
    factum_uuid_format(event->id, id);
    factum_status status = fct_buf_add_text(buf, "{\"stream\":");
    if (status == FACTUM_OK) {
        status = put_text(buf, event->stream);
    }
    if (status == FACTUM_OK) {
        status = fct_buf_add_text(buf, ",\"type\":");
    }
    if (status == FACTUM_OK) {
        status = put_text(buf, event->type);
    }
    return status == FACTUM_OK ? fct_buf_printf(buf, ",\"id\":\"%s\"", id) : status;
}

static factum_status put_tags(struct fct_buf *buf, const factum_event *event)
{
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < event->tag_count && status == FACTUM_OK; i++) {
        status = fct_buf_add_text(buf, i == 0 ? ",\"tags\":[" : ",");
        if (status == FACTUM_OK) {
            status = put_text(buf, event->tags[i]);
        }
    }
    return status == FACTUM_OK && event->tag_count > 0 ? fct_buf_add_text(buf, "]") : status;
}

factum_status factum_ndjson_format(factum_ndjson *ndjson, const factum_event *event,
                                   factum_slice *line, factum_error *err)
{
    if (ndjson == NULL || event == NULL || line == NULL) {
        return fct_fail(err, FACTUM_INVALID, "an event and a place for its line are needed");
    }
    struct fct_buf *buf = &ndjson->text;
    char time[FACTUM_TIME_TEXT_SIZE];
    fct_buf_clear(buf);
    factum_status status = put_head(buf, event);
    if (status == FACTUM_OK && event->has_time) {
        factum_time_format(event->time, time);
        status = fct_buf_printf(buf, ",\"time\":\"%s\"", time);
    }
    if (status == FACTUM_OK) {
        status = put_data(buf, event);
    }
    if (status == FACTUM_OK && event->metadata.len > 0) {
        status = put_metadata(buf, event->metadata);
    }
    if (status == FACTUM_OK) {
        status = put_tags(buf, event);
    }
    if (status == FACTUM_OK) {
        factum_time_format(event->created, time);
        status = fct_buf_printf(
            buf, ",\"revision\":%" PRIu64 ",\"position\":%" PRIu64 ",\"created\":\"%s\"}\n",
            event->revision, event->position, time);
    }
    if (status != FACTUM_OK) {
        return fct_fail(err, status, "an event of %zu bytes cannot be written as a line",
                        event->data.len);
    }
    *line = fct_buf_slice(buf);
    return FACTUM_OK;
}

/* ---- single values --------------------------------------------------------------------------- */

factum_status factum_json_member(factum_slice json, const char *name, factum_slice *value)
{
    struct fct_json at;
    if (name == NULL || value == NULL || json.ptr == NULL ||
        fct_json_parse(json, &at, NULL) != FACTUM_OK) {
        return FACTUM_INVALID;
    }
    while (*name != '\0') {
        const char *dot = strchr(name, '.');
        size_t len = dot == NULL ? strlen(name) : (size_t)(dot - name);
        if (at.type != FCT_JSON_OBJECT || !fct_json_member(&at, fct_slice(name, len), &at)) {
            return FACTUM_NOT_FOUND;
        }
        name += len + (dot == NULL ? 0 : 1);
    }
    *value = at.raw;
    return FACTUM_OK;
}

factum_status factum_json_text(factum_slice value, char *buffer, size_t size)
{
    struct fct_json text;
    size_t len;
    if (value.ptr == NULL || buffer == NULL || size == 0 ||
        fct_json_parse(value, &text, NULL) != FACTUM_OK || text.type != FCT_JSON_TEXT) {
        return FACTUM_INVALID;
    }
    factum_status status = fct_json_unescape(text.raw, buffer, size - 1, &len);
    if (status == FACTUM_OK) {
        buffer[len] = '\0';
    }
    return status;
}

factum_status factum_json_int64(factum_slice value, int64_t *number)
{
    struct fct_json parsed;
    bool given = value.ptr != NULL && number != NULL;
    return given && fct_json_parse(value, &parsed, NULL) == FACTUM_OK
               ? fct_json_int64(&parsed, number)
               : FACTUM_INVALID;
}
