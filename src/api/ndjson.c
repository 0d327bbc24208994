/* ndjson.c - events as lines of JSON. Layer: api. See ndjson.h.
 *
 * Data and metadata are never parsed further: they are slices of the line, byte for byte.
 * Formatting changes only the line ends in them. Text with escapes, and base64, are decoded into
 * one buffer, which gets its full size before anything points into it.
 */
#include <inttypes.h>
#include <string.h>

#include <factum/ndjson.h>

#include "codec/json.h"
#include "codec/json_doc.h"
#include "codec/json_scan.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/sized.h"
#include "core/slice.h"
#include "core/uuid.h"
#include "engine/rules.h"

#define LINE_SIZE_MAX ((size_t)64 << 20)
#define CONTENT_JSON FCT_SLICE("application/json")
#define CONTENT_BYTES FCT_SLICE("application/octet-stream")

struct factum_ndjson {
    struct fct_buf text;     /* decoded parts, or the line that is written */
    struct fct_json_doc doc; /* the line that is read: its members, without what is inside them */
    factum_slice tags[FACTUM_TAGS_MAX];
};

factum_ndjson *factum_ndjson_create(void)
{
    factum_ndjson *ndjson = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *ndjson);
    if (ndjson != NULL) {
        fct_buf_init(&ndjson->text, fct_mem_heap(), LINE_SIZE_MAX * 2);
        fct_json_doc_init(&ndjson->doc, fct_mem_heap());
    }
    return ndjson;
}

void factum_ndjson_destroy(factum_ndjson *ndjson)
{
    if (ndjson != NULL) {
        fct_buf_finish(&ndjson->text);
        fct_json_doc_finish(&ndjson->doc);
        fct_mem_free(fct_mem_heap(), ndjson);
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The members that a line may have. */
enum member {
    MEMBER_STREAM,
    MEMBER_TYPE,
    MEMBER_DATA,
    MEMBER_METADATA,
    MEMBER_TAGS,
    MEMBER_ID,
    MEMBER_TIME,
    MEMBER_CONTENT_TYPE,
    MEMBER_ENCODING,
    MEMBER_COMMIT,
    MEMBER_KEY,
    MEMBER_REVISION, /* this and the following ones: written by export, ignored here */
    MEMBER_POSITION,
    MEMBER_CREATED,
    MEMBER_COUNT, /* none of them */
};
#define MEMBER_NAME(text)                                                                          \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }
static const factum_slice member_names[MEMBER_COUNT] = {
    MEMBER_NAME("stream"),   MEMBER_NAME("type"),        MEMBER_NAME("data"),
    MEMBER_NAME("metadata"), MEMBER_NAME("tags"),        MEMBER_NAME("id"),
    MEMBER_NAME("time"),     MEMBER_NAME("contentType"), MEMBER_NAME("encoding"),
    MEMBER_NAME("commit"),   MEMBER_NAME("key"),         MEMBER_NAME("revision"),
    MEMBER_NAME("position"), MEMBER_NAME("created"),
};

/* One line while it is read. */
struct parse {
    factum_ndjson *ndjson;
    factum_slice text;
    factum_ndjson_line *line;
    factum_error *err;
    const factum_json *json;       /* of the line */
    uint32_t values[MEMBER_COUNT]; /* of the members in |seen| */
    uint32_t seen;                 /* bits */
};

static size_t offset_of(const struct parse *parse, factum_slice part)
{
    return (size_t)(part.ptr - parse->text.ptr);
}

static factum_slice raw_of(const struct parse *parse, enum member member)
{
    return factum_json_raw(parse->json, parse->values[member]);
}

static factum_json_kind kind_of(const struct parse *parse, enum member member)
{
    return factum_json_kind_of(parse->json, parse->values[member]);
}

/* |member| has the wrong kind of value. */
static factum_status must_be(const struct parse *parse, enum member member, const char *what)
{
    return fct_fail(parse->err, FACTUM_INVALID, "\"%.*s\" at byte %zu must be %s",
                    FCT_FMT(member_names[member]), offset_of(parse, raw_of(parse, member)), what);
}

/* The text of |value| of |json|, where |value| is |member| or inside it. Without escapes it is
 * borrowed from the line. */
static factum_status take_text_of(const struct parse *parse, enum member member,
                                  const factum_json *json, uint32_t value, factum_slice *text)
{
    if (!factum_json_is_escaped(json, value)) {
        *text = factum_json_inside(json, value);
        return FACTUM_OK;
    }
    struct fct_buf *buf = &parse->ndjson->text; /* large enough: the decoded text is never longer */
    size_t len;
    if (factum_json_unescape(json, value, (char *)buf->ptr + buf->len, buf->capacity - buf->len,
                             &len) != FACTUM_OK) {
        return fct_fail(parse->err, FACTUM_INVALID,
                        "\"%.*s\" at byte %zu has a lone surrogate: \\ud800 to \\udfff come in "
                        "pairs",
                        FCT_FMT(member_names[member]),
                        offset_of(parse, factum_json_raw(json, value)));
    }
    *text = fct_slice(buf->ptr + buf->len, len);
    buf->len += len;
    return FACTUM_OK;
}

static factum_status take_text(const struct parse *parse, enum member member, const char *what,
                               factum_slice *text)
{
    return kind_of(parse, member) == FACTUM_JSON_TEXT
               ? take_text_of(parse, member, parse->json, parse->values[member], text)
               : must_be(parse, member, what);
}

/* The items of the array have a tape of their own, since the line's tape has only its members. */
static factum_status take_tags(const struct parse *parse, factum_new_event *event)
{
    factum_json_node nodes[FACTUM_TAGS_MAX + 1];
    factum_slice raw = raw_of(parse, MEMBER_TAGS);
    struct fct_json_fault fault;
    struct fct_json_scan scan = {.text = raw,
                                 .depth_max = FACTUM_JSON_DEPTH_LIMIT,
                                 .nodes = nodes,
                                 .capacity = FACTUM_TAGS_MAX + 1,
                                 .levels = 1};
    if (kind_of(parse, MEMBER_TAGS) != FACTUM_JSON_ARRAY) {
        return must_be(parse, MEMBER_TAGS, "an array of strings");
    }
    if (fct_json_scan(&scan, &fault) != FACTUM_OK) {
        return must_be(parse, MEMBER_TAGS, "an array of at most 32 strings");
    }
    factum_json json = {.text = raw, .nodes = nodes, .count = scan.count};
    for (uint32_t at = 1; at < json.count; at++) {
        if (factum_json_kind_of(&json, at) != FACTUM_JSON_TEXT) {
            return must_be(parse, MEMBER_TAGS, "an array of strings");
        }
        factum_status status =
            take_text_of(parse, MEMBER_TAGS, &json, at, &parse->ndjson->tags[event->tag_count++]);
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

static factum_status take_base64(const struct parse *parse, enum member member, const char *what,
                                 factum_slice *bytes)
{
    factum_slice text = {NULL, 0};
    factum_status status = take_text(parse, member, what, &text);
    if (status == FACTUM_OK && !base64_decode(text, &parse->ndjson->text, bytes)) {
        status = must_be(parse, member, what);
    }
    return status;
}

static factum_status take_metadata(const struct parse *parse, factum_new_event *event)
{
    factum_json_kind kind = kind_of(parse, MEMBER_METADATA);
    if (kind == FACTUM_JSON_OBJECT) {
        event->metadata = raw_of(parse, MEMBER_METADATA);
    }
    return kind == FACTUM_JSON_OBJECT || kind == FACTUM_JSON_NULL
               ? FACTUM_OK
               : take_base64(parse, MEMBER_METADATA, "an object, or base64 if it is not JSON",
                             &event->metadata);
}

static factum_status take_id(const struct parse *parse, factum_new_event *event)
{
    factum_slice text = {NULL, 0};
    factum_status status = take_text(parse, MEMBER_ID, "a UUID", &text);
    if (status == FACTUM_OK && factum_uuid_parse(text, &event->id) != FACTUM_OK) {
        status = must_be(parse, MEMBER_ID, "a UUID");
    }
    if (status == FACTUM_OK && fct_uuid_is_zero(event->id)) {
        status = must_be(parse, MEMBER_ID,
                         "another UUID than the nil one; without \"id\" the event gets a new one");
    }
    return status;
}

static factum_status take_time(const struct parse *parse, factum_new_event *event)
{
    static const char what[] = "a time as in RFC 3339, from 1677 to 2262";
    factum_slice text = {NULL, 0};
    factum_status status = take_text(parse, MEMBER_TIME, what, &text);
    event->has_time = true;
    if (status == FACTUM_OK && factum_time_parse(text, &event->time) != FACTUM_OK) {
        bool second_60 = text.len >= 19 && memcmp(text.ptr + 16, ":60", 3) == 0;
        status = must_be(parse, MEMBER_TIME,
                         second_60 ? "a time whose second exists: 60 only does as 23:59:60 UTC on "
                                     "30 June and 31 December"
                                   : what);
    }
    return status;
}

/* Refuses numbers below 0 or over INT64_MAX. */
static factum_status take_commit(const struct parse *parse)
{
    int64_t number;
    if (factum_json_to_int64(parse->json, parse->values[MEMBER_COMMIT], &number) != FACTUM_OK ||
        number < 0) {
        return must_be(parse, MEMBER_COMMIT, "a whole number, 0 or more");
    }
    parse->line->has_commit = true;
    parse->line->commit = (uint64_t)number;
    return FACTUM_OK;
}

static factum_status take_key(const struct parse *parse)
{
    static const char what[] = "a string of 1 to 1,024 bytes";
    factum_slice *key = &parse->line->key;
    factum_status status = take_text(parse, MEMBER_KEY, what, key);
    return status == FACTUM_OK && (key->len == 0 || key->len > FACTUM_NAME_SIZE_MAX)
               ? must_be(parse, MEMBER_KEY, what)
               : status;
}

/* Does the media type mean JSON? Its parameters do not matter. */
static bool means_json(factum_slice type)
{
    static const char suffix[] = "+json";
    char text[FACTUM_NAME_SIZE_MAX + 1] = "";
    for (size_t i = 0; i < type.len && type.ptr[i] != ';' && type.ptr[i] != ' '; i++) {
        bool upper = type.ptr[i] >= 'A' && type.ptr[i] <= 'Z';
        text[i] = (char)(type.ptr[i] + (upper ? 'a' - 'A' : 0));
    }
    size_t len = strlen(text);
    return strcmp(text, "application/json") == 0 || strcmp(text, "text/json") == 0 ||
           (len > strlen(suffix) && strcmp(text + len - strlen(suffix), suffix) == 0);
}

/* *json: data is JSON, unless the line has a content type or base64. */
static factum_status take_content_type(const struct parse *parse, factum_new_event *event,
                                       bool *json)
{
    static const char what[] = "a media type, as in image/png";
    factum_slice type = {NULL, 0};
    factum_status status = take_text(parse, MEMBER_CONTENT_TYPE, what, &type);
    if (status != FACTUM_OK) {
        return status;
    }
    if (!fct_media_type_valid(type)) {
        return must_be(parse, MEMBER_CONTENT_TYPE, what);
    }
    *json = means_json(type);
    event->content_type = *json ? FACTUM_CONTENT_JSON : FACTUM_CONTENT_BINARY;
    if (!fct_slice_equal(type, CONTENT_JSON) && !fct_slice_equal(type, CONTENT_BYTES)) {
        event->media_type = type;
    }
    return FACTUM_OK;
}

static bool has(const struct parse *parse, enum member member)
{
    return (parse->seen >> member & 1u) != 0;
}

static factum_status take_data(const struct parse *parse, factum_new_event *event)
{
    factum_status status = FACTUM_OK;
    bool json = true;
    if (has(parse, MEMBER_CONTENT_TYPE)) {
        status = take_content_type(parse, event, &json);
    }
    if (status == FACTUM_OK && has(parse, MEMBER_ENCODING)) {
        factum_slice raw = raw_of(parse, MEMBER_ENCODING);
        status = fct_slice_equal(raw, FCT_SLICE("\"base64\""))
                     ? FACTUM_OK
                     : must_be(parse, MEMBER_ENCODING, "\"base64\"");
        json = false;
    }
    if (status != FACTUM_OK || !has(parse, MEMBER_DATA)) {
        return status;
    }
    if (json) {
        event->data = raw_of(parse, MEMBER_DATA);
        return FACTUM_OK;
    }
    return take_base64(parse, MEMBER_DATA, "base64 text, since \"contentType\" is not JSON",
                       &event->data);
}

static factum_status take_members(const struct parse *parse, factum_new_event *event)
{
    factum_status status = FACTUM_OK;
    for (unsigned i = 0; i < MEMBER_COUNT && status == FACTUM_OK; i++) {
        enum member member = (enum member)i;
        if (!has(parse, member)) {
            continue;
        }
        if (member == MEMBER_STREAM) {
            status = take_text(parse, member, "a string", &event->stream);
        } else if (member == MEMBER_TYPE) {
            status = take_text(parse, member, "a string", &event->type);
        } else if (member == MEMBER_METADATA) {
            status = take_metadata(parse, event);
        } else if (member == MEMBER_TAGS) {
            status = take_tags(parse, event);
        } else if (member == MEMBER_ID) {
            status = take_id(parse, event);
        } else if (member == MEMBER_TIME) {
            status = take_time(parse, event);
        } else if (member == MEMBER_COMMIT) {
            status = take_commit(parse);
        } else if (member == MEMBER_KEY) {
            status = take_key(parse);
        }
    }
    return status == FACTUM_OK ? take_data(parse, event) : status;
}

static enum member member_of(const factum_json *json, uint32_t name)
{
    unsigned member = 0;
    while (member < MEMBER_COUNT && !factum_json_text_is(json, name, member_names[member])) {
        member++;
    }
    return (enum member)member;
}

/* Puts the members of the line into parse->values. */
static factum_status find_members(struct parse *parse)
{
    const factum_json *json = parse->json;
    for (uint32_t at = factum_json_first(json, FACTUM_JSON_ROOT); at != FACTUM_JSON_NONE;
         at = factum_json_next(json, FACTUM_JSON_ROOT, at)) {
        enum member member = member_of(json, at);
        factum_slice name = factum_json_inside(json, at);
        factum_slice shown = fct_slice(name.ptr, name.len < 64 ? name.len : 64);
        if (member == MEMBER_COUNT && !parse->line->lenient) {
            return fct_fail(parse->err, FACTUM_INVALID,
                            "unknown member \"%.*s\" at byte %zu: a line has stream, type, data, "
                            "metadata, tags, id, time, contentType, commit, key",
                            FCT_FMT(shown), offset_of(parse, name) - 1);
        }
        if (member == MEMBER_COUNT) {
            continue;
        }
        if (has(parse, member) && !parse->line->lenient) {
            return fct_fail(parse->err, FACTUM_INVALID, "duplicate member \"%.*s\" at byte %zu",
                            FCT_FMT(shown), offset_of(parse, name) - 1);
        }
        parse->values[member] = at + 1;
        parse->seen |= UINT32_C(1) << member;
    }
    return FACTUM_OK;
}

/* The caller's stream, which the line may repeat but not contradict. */
static factum_status set_stream(struct parse *parse, factum_new_event *event)
{
    factum_slice given = parse->line->stream;
    if (given.len == 0) {
        return FACTUM_OK;
    }
    if (has(parse, MEMBER_STREAM) && !fct_slice_equal(event->stream, given)) {
        return fct_fail(parse->err, FACTUM_INVALID,
                        "\"stream\" is \"%.*s\", but the events are for \"%.*s\": leave it out",
                        FCT_FMT(event->stream), FCT_FMT(given));
    }
    event->stream = given;
    return FACTUM_OK;
}

/* Parses the line onto its tape, members only. */
static factum_status read_line(struct parse *parse)
{
    static const struct fct_json_extent extent = {.depth_max = FCT_JSON_LINE_DEPTH, .levels = 1};
    struct fct_json_fault fault;
    struct fct_json_doc *doc = &parse->ndjson->doc;
    if (parse->text.len > LINE_SIZE_MAX) {
        return fct_fail(parse->err, FACTUM_TOO_BIG, "a line of %zu bytes: at most %zu",
                        parse->text.len, LINE_SIZE_MAX);
    }
    fct_buf_clear(&parse->ndjson->text);
    factum_status status = fct_buf_reserve(&parse->ndjson->text, parse->text.len * 2);
    if (status != FACTUM_OK) {
        return fct_fail(parse->err, status, "a line of %zu bytes: out of memory", parse->text.len);
    }
    status = fct_json_doc_read(doc, parse->text, extent, &fault);
    if (status == FACTUM_INVALID) {
        return fct_fail(parse->err, status, "not valid JSON: %s at byte %zu", fault.reason,
                        fault.at);
    }
    if (status != FACTUM_OK) {
        return fct_fail(parse->err, status, "a line of %zu bytes: out of memory", parse->text.len);
    }
    if (factum_json_kind_of(parse->json, FACTUM_JSON_ROOT) != FACTUM_JSON_OBJECT) {
        factum_slice raw = factum_json_raw(parse->json, FACTUM_JSON_ROOT);
        return fct_fail(parse->err, FACTUM_INVALID, "a line must be a JSON object, not %.*s",
                        (int)(raw.len < 32 ? raw.len : 32), (const char *)raw.ptr);
    }
    return FACTUM_OK;
}

static factum_status parse_line(struct parse *parse)
{
    factum_new_event *event = &parse->line->event;
    factum_status status = read_line(parse);
    if (status == FACTUM_OK) {
        status = find_members(parse);
    }
    if (status == FACTUM_OK) {
        status = take_members(parse, event);
    }
    if (status == FACTUM_OK) {
        status = set_stream(parse, event);
    }
    if (status == FACTUM_OK && (event->stream.len == 0 || event->type.len == 0)) {
        status = fct_fail(parse->err, FACTUM_INVALID,
                          "\"%s\" is missing or empty: an event has a \"stream\" and a \"type\"",
                          event->stream.len == 0 ? "stream" : "type");
    }
    return status;
}

factum_status factum_ndjson_parse_line(factum_ndjson *ndjson, factum_slice text,
                                       factum_ndjson_line *line, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_ndjson_line full;
    factum_status status = fct_sized_check(line, "a line's struct", err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (ndjson == NULL || text.ptr == NULL) {
        return fct_fail(err, FACTUM_INVALID, "there is no line");
    }
    fct_sized_copy(&full, sizeof full, line);
    full =
        (factum_ndjson_line){.size = sizeof full, .lenient = full.lenient, .stream = full.stream};
    struct parse parse = {
        .ndjson = ndjson, .json = &ndjson->doc.json, .text = text, .line = &full, .err = err};
    status = parse_line(&parse);
    if (status == FACTUM_OK) {
        fct_sized_write(line, &full, sizeof full);
    }
    return status;
}

factum_status factum_ndjson_parse(factum_ndjson *ndjson, factum_slice line, factum_new_event *event,
                                  factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_ndjson_line parsed = {.size = sizeof parsed};
    if (event == NULL) {
        return fct_fail(err, FACTUM_INVALID, "the event is NULL");
    }
    factum_status status = factum_ndjson_parse_line(ndjson, line, &parsed, err);
    if (status == FACTUM_OK) {
        *event = parsed.event;
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

/* Writes JSON on one line: a line end in it is white space between values, so a blank can replace
 * it. */
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
        fct_json_parse(metadata, &value, NULL) == FACTUM_OK && value.kind == FACTUM_JSON_OBJECT;
    return plain ? put_json(buf, &value) : put_base64(buf, metadata);
}

/* Writes a text member; |before| ends with the colon. */
static factum_status put_text_member(struct fct_buf *buf, const char *before, factum_slice text)
{
    factum_status status = fct_buf_add_text(buf, before);
    return status == FACTUM_OK ? put_text(buf, text) : status;
}

static factum_status put_data(struct fct_buf *buf, const factum_event *event)
{
    struct fct_json value;
    factum_slice type = event->content_type;
    bool json = type.len > 0 && type.len <= FACTUM_NAME_SIZE_MAX && means_json(type);
    bool plain = json && fct_json_parse(event->data, &value, NULL) == FACTUM_OK;
    bool none = json && event->data.len == 0; /* no data: no member */
    factum_status status = none ? FACTUM_OK : fct_buf_add_text(buf, ",\"data\":");
    if (status == FACTUM_OK && !none) {
        status = plain ? put_json(buf, &value) : put_base64(buf, event->data);
    }
    if (status == FACTUM_OK && json && !plain && !none) {
        status = fct_buf_add_text(buf, ",\"encoding\":\"base64\"");
    }
    if (status == FACTUM_OK && !fct_slice_equal(type, CONTENT_JSON)) {
        status = put_text_member(buf, ",\"contentType\":", type.len > 0 ? type : CONTENT_BYTES);
    }
    return status;
}

static factum_status put_head(struct fct_buf *buf, const factum_event *event)
{
    char id[FACTUM_UUID_TEXT_SIZE];
    factum_uuid_format(event->id, id);
    factum_status status = put_text_member(buf, "{\"stream\":", event->stream);
    if (status == FACTUM_OK) {
        status = put_text_member(buf, ",\"type\":", event->type);
    }
    return status == FACTUM_OK && !fct_uuid_is_zero(event->id)
               ? fct_buf_printf(buf, ",\"id\":\"%s\"", id)
               : status;
}

/* Writes what the store assigned to the event, and the commit that it was appended in. */
static factum_status put_place(struct fct_buf *buf, const factum_event *event)
{
    char created[FACTUM_TIME_TEXT_SIZE];
    factum_time_format(event->created, created);
    factum_status status = FACTUM_OK;
    if (event->key != NULL) {
        status = put_text_member(buf, ",\"key\":", *event->key);
    }
    if (status == FACTUM_OK) {
        status = fct_buf_printf(buf, ",\"revision\":%" PRIu64 ",\"position\":%" PRIu64,
                                event->revision, event->position);
    }
    if (status == FACTUM_OK && event->commit != 0) {
        status = fct_buf_printf(buf, ",\"commit\":%" PRIu64, event->commit);
    }
    return status == FACTUM_OK ? fct_buf_printf(buf, ",\"created\":\"%s\"}\n", created) : status;
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
    factum_error own;
    err = fct_error_or(err, &own);
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
        status = put_place(buf, event);
    }
    if (status != FACTUM_OK) {
        return fct_fail(err, status, "an event of %zu bytes cannot be written as a line",
                        event->data.len);
    }
    *line = fct_buf_slice(buf);
    return FACTUM_OK;
}

/* ---- single values --------------------------------------------------------------------------- */

factum_status factum_json_check(factum_slice json, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    struct fct_json value;
    return json.ptr == NULL && json.len > 0 ? fct_fail(err, FACTUM_INVALID, "the JSON text is NULL")
                                            : fct_json_check(json, &value, err);
}

factum_status factum_json_member(factum_slice json, const char *name, factum_slice *value)
{
    struct fct_json at;
    if (name == NULL || value == NULL || json.ptr == NULL) {
        return FACTUM_INVALID;
    }
    if (*name == '\0') {
        if (fct_json_parse(json, &at, NULL) != FACTUM_OK) {
            return FACTUM_INVALID;
        }
        *value = at.raw;
        return FACTUM_OK;
    }
    while (*name != '\0') {
        const char *dot = strchr(name, '.');
        size_t len = dot == NULL ? strlen(name) : (size_t)(dot - name);
        struct fct_json_member member = {.name = fct_slice(name, len)};
        if (fct_json_pick(json, &at, &member, 1, NULL) != FACTUM_OK) {
            return FACTUM_INVALID;
        }
        if (!member.found) {
            return FACTUM_NOT_FOUND;
        }
        json = member.value.raw;
        name += len + (dot == NULL ? 0 : 1);
    }
    *value = json;
    return FACTUM_OK;
}

factum_status factum_json_text(factum_slice value, char *buffer, size_t size)
{
    struct fct_json text;
    size_t len;
    if (value.ptr == NULL || buffer == NULL || size == 0 ||
        fct_json_parse(value, &text, NULL) != FACTUM_OK || text.kind != FACTUM_JSON_TEXT) {
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
