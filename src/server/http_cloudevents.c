/* http_cloudevents.c - CloudEvents 1.0.2 over HTTP. Layer: server.
 *
 * Modes by Content-Type (HTTP binding 3): application/cloudevents-batch+json, application/
 * cloudevents+json; any other type with a ce-specversion field is binary mode.
 *
 * The mapping:
 *
 *     id          the event's id if it is a UUID; otherwise an id derived from source and id, so
 *                 that the same event sent twice is the same event here (source and id name it)
 *     type, time  the event's
 *     subject     the stream, where the path names none
 *     data, datacontenttype   data and content type, byte for byte
 *     all others, and an id or subject not used above: metadata, under their names
 *     correlationid           also "$correlationId", causationid also "$causationId"
 */
#include <string.h>

#include "core/error.h"
#include "core/hash.h"
#include "core/slice.h"
#include "core/uuid.h"
#include "server/http_int.h"
#include "wire/json_out.h"
#include "wire/media.h"

#define ATTRIBUTES_MAX 64 /* of one event */

/* An attribute, its value as plain text; |raw|: as JSON, if it came as JSON. */
struct attribute {
    factum_slice name;
    factum_slice text;
    factum_slice raw;
};

struct cloud_event {
    struct attribute attributes[ATTRIBUTES_MAX];
    size_t count;
    bool has_data;
    bool data_is_base64;
    struct fct_json data_json; /* of structured mode */
    factum_slice data;         /* of binary mode */
};

enum fct_cloud_mode fct_http_cloud_mode(const struct fct_http_call *call)
{
    factum_slice type =
        fct_media_type(fct_exchange_field(call->exchange, FCT_SLICE("content-type")));
    if (fct_media_is(type, "application/cloudevents-batch+json")) {
        return FCT_CLOUD_BATCH;
    }
    if (fct_media_is(type, "application/cloudevents+json")) {
        return FCT_CLOUD_STRUCTURED;
    }
    return fct_exchange_field(call->exchange, FCT_SLICE("ce-specversion")).ptr != NULL
               ? FCT_CLOUD_BINARY
               : FCT_CLOUD_NONE;
}

static const struct attribute *find_attribute(const struct cloud_event *cloud, const char *name)
{
    for (size_t i = 0; i < cloud->count; i++) {
        if (fct_slice_equal(cloud->attributes[i].name, factum_slice_from(name))) {
            return &cloud->attributes[i];
        }
    }
    return NULL;
}

static factum_slice attribute_text(const struct cloud_event *cloud, const char *name)
{
    const struct attribute *attribute = find_attribute(cloud, name);
    return attribute == NULL ? fct_slice(NULL, 0) : attribute->text;
}

static bool is_attribute_name(factum_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) {
            return false;
        }
    }
    return name.len > 0 && name.len <= 64;
}

static factum_status add_attribute(struct cloud_event *cloud, struct attribute attribute,
                                   factum_error *err)
{
    char name[80] = "";
    if (fct_slice_equal(attribute.name, FCT_SLICE("data"))) { /* CloudEvents 1.0.2, 3.1 */
        return fct_fail(err, FACTUM_INVALID,
                        "no attribute of a CloudEvent is called data: send it as the body");
    }
    if (!is_attribute_name(attribute.name)) {
        return fct_fail(err, FACTUM_INVALID,
                        "\"%.*s\" is no attribute of a CloudEvent: a name is of a-z and 0-9",
                        FCT_FMT(attribute.name));
    }
    memcpy(name, attribute.name.ptr, attribute.name.len);
    if (find_attribute(cloud, name) != NULL) {
        return fct_fail(err, FACTUM_INVALID, "the attribute %s occurs twice", name);
    }
    if (cloud->count == ATTRIBUTES_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "a CloudEvent with more than %d attributes",
                        ATTRIBUTES_MAX);
    }
    cloud->attributes[cloud->count++] = attribute;
    return FACTUM_OK;
}

/* ---- binary mode: fields --------------------------------------------------------------------- */

/* HTTP binding 3.1.3.2: a quoted text is unquoted, then percent-decoded, once. */
static factum_status take_field_value(struct fct_http_call *call, factum_slice field,
                                      factum_slice *text)
{
    uint8_t *plain = fct_http_take(call, field.len + 1);
    size_t len = 0;
    if (plain == NULL) {
        return FACTUM_NO_MEMORY;
    }
    bool quoted = field.len > 1 && field.ptr[0] == '"' && field.ptr[field.len - 1] == '"';
    size_t end = quoted ? field.len - 1 : field.len;
    for (size_t i = quoted ? 1 : 0; i < end; i++) {
        if (quoted && field.ptr[i] == '\\' && i + 1 < end) {
            i++;
        }
        plain[len++] = field.ptr[i];
    }
    return fct_percent_decode(fct_slice(plain, len), plain, text); /* never longer */
}

static factum_status take_fields(struct fct_http_call *call, struct cloud_event *cloud,
                                 factum_error *err)
{
    const factum_slice prefix = FCT_SLICE("ce-");
    const struct fct_exchange *exchange = call->exchange;
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < exchange->field_count && status == FACTUM_OK; i++) {
        factum_slice name = exchange->fields[i].name;
        if (!fct_slice_starts(name, prefix)) {
            continue;
        }
        struct attribute attribute = {.name = fct_slice_from(name, prefix.len)};
        if (fct_slice_equal(attribute.name, FCT_SLICE("datacontenttype"))) {
            return fct_fail(err, FACTUM_INVALID,
                            "ce-datacontenttype: in binary mode it is the Content-Type");
        }
        status = take_field_value(call, exchange->fields[i].value, &attribute.text);
        status = status == FACTUM_OK
                     ? add_attribute(cloud, attribute, err)
                     : fct_fail(err, status, "%.*s is not percent-encoded UTF-8", FCT_FMT(name));
    }
    factum_slice type = fct_exchange_field(exchange, FCT_SLICE("content-type"));
    if (status == FACTUM_OK && type.len > 0) {
        status = add_attribute(
            cloud, (struct attribute){.name = FCT_SLICE("datacontenttype"), .text = type}, err);
    }
    cloud->data = fct_buf_slice(&call->body);
    cloud->has_data = cloud->data.len > 0;
    return status;
}

/* ---- structured mode: members ---------------------------------------------------------------- */

static factum_status take_member(struct fct_http_call *call, struct cloud_event *cloud,
                                 factum_slice name, const struct fct_json *value, factum_error *err)
{
    bool base64 = fct_slice_equal(name, FCT_SLICE("data_base64"));
    if (base64 || fct_slice_equal(name, FCT_SLICE("data"))) {
        if (cloud->has_data) {
            return fct_fail(err, FACTUM_INVALID,
                            "a CloudEvent has \"data\" or \"data_base64\", once");
        }
        cloud->has_data = true;
        cloud->data_is_base64 = base64;
        cloud->data_json = *value;
        return FACTUM_OK;
    }
    struct attribute attribute = {.name = name, .text = value->raw, .raw = value->raw};
    if (value->kind == FACTUM_JSON_NULL) {
        return FACTUM_OK; /* treated as missing */
    }
    if (value->kind == FACTUM_JSON_ARRAY || value->kind == FACTUM_JSON_OBJECT) {
        return fct_fail(err, FACTUM_INVALID,
                        "the attribute %.*s is a text, a number, true or false", FCT_FMT(name));
    }
    if (value->kind == FACTUM_JSON_TEXT) {
        factum_status status = fct_http_json_text(call, value->raw, &attribute.text);
        if (status != FACTUM_OK) {
            return fct_fail(err, status, "the attribute %.*s is not UTF-8", FCT_FMT(name));
        }
    }
    return add_attribute(cloud, attribute, err);
}

static factum_status take_members(struct fct_http_call *call, struct cloud_event *cloud,
                                  const factum_json *json, factum_error *err)
{
    factum_status status = FACTUM_OK;
    if (factum_json_kind_of(json, FACTUM_JSON_ROOT) != FACTUM_JSON_OBJECT) {
        return fct_fail(err, FACTUM_INVALID, "a CloudEvent is a JSON object");
    }
    for (uint32_t at = factum_json_first(json, FACTUM_JSON_ROOT);
         status == FACTUM_OK && at != FACTUM_JSON_NONE;
         at = factum_json_next(json, FACTUM_JSON_ROOT, at)) {
        const struct fct_json value = {factum_json_raw(json, at + 1),
                                       factum_json_kind_of(json, at + 1)};
        status = take_member(call, cloud, factum_json_inside(json, at), &value, err);
    }
    return status;
}

/* ---- the event as a line of JSON ------------------------------------------------------------- */

static factum_status put_name_text(struct fct_buf *out, const char *before, factum_slice text)
{
    factum_status status = fct_buf_add_text(out, before);
    return status == FACTUM_OK ? fct_json_out_text(out, text) : status;
}

/* Derives an id from source and id. */
static factum_uuid derived_id(factum_slice source, factum_slice id)
{
    factum_uuid uuid;
    struct fct_hash128 hash = fct_hash128(id, fct_hash64(source, 0));
    for (unsigned i = 0; i < 8; i++) {
        uuid.bytes[i] = (uint8_t)(hash.high >> (56 - 8 * i));
        uuid.bytes[8 + i] = (uint8_t)(hash.low >> (56 - 8 * i));
    }
    return fct_uuid_marked(uuid, FCT_UUID_DERIVED);
}

/* True for attributes that the event itself has; the others become metadata. */
static bool is_of_event(const struct attribute *attribute, bool own_id, bool own_stream)
{
    static const char *const names[] = {"specversion", "type", "time", "datacontenttype"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (fct_slice_equal(attribute->name, factum_slice_from(names[i]))) {
            return true;
        }
    }
    return (own_id && fct_slice_equal(attribute->name, FCT_SLICE("id"))) ||
           (own_stream && fct_slice_equal(attribute->name, FCT_SLICE("subject")));
}

static factum_status put_attribute(struct fct_buf *out, const char *name, factum_slice plain_name,
                                   const struct attribute *attribute, bool first)
{
    factum_status status = fct_buf_add_text(out, first ? "" : ",");
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_json_out_text(out, name != NULL ? factum_slice_from(name) : plain_name);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_buf_add_text(out, ":");
    if (status != FACTUM_OK) {
        return status;
    }
    return attribute->raw.len > 0 ? fct_buf_add_slice(out, attribute->raw)
                                  : fct_json_out_text(out, attribute->text);
}

static factum_status put_metadata(struct fct_buf *out, const struct cloud_event *cloud, bool own_id,
                                  bool own_stream)
{
    static const char *const copies[][2] = {{"correlationid", "$correlationId"},
                                            {"causationid", "$causationId"}};
    bool first = true;
    factum_status status = fct_buf_add_text(out, ",\"metadata\":{");
    for (size_t i = 0; i < cloud->count && status == FACTUM_OK; i++) {
        const struct attribute *attribute = &cloud->attributes[i];
        if (!is_of_event(attribute, own_id, own_stream)) {
            status = put_attribute(out, NULL, attribute->name, attribute, first);
            first = false;
        }
    }
    for (size_t i = 0; i < 2 && status == FACTUM_OK; i++) {
        const struct attribute *attribute = find_attribute(cloud, copies[i][0]);
        if (attribute != NULL) {
            status = put_attribute(out, copies[i][1], attribute->name, attribute, first);
        }
    }
    return status == FACTUM_OK ? fct_buf_add_text(out, "}") : status;
}

static factum_status check_required(const struct cloud_event *cloud, factum_error *err)
{
    static const char *const required[] = {"specversion", "id", "source", "type"};
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++) {
        if (attribute_text(cloud, required[i]).len == 0) {
            return fct_fail(err, FACTUM_INVALID, "a CloudEvent has a \"%s\" that is not empty",
                            required[i]);
        }
    }
    factum_slice version = attribute_text(cloud, "specversion");
    return fct_slice_equal(version, FCT_SLICE("1.0"))
               ? FACTUM_OK
               : fct_fail(err, FACTUM_INVALID, "CloudEvents of version 1.0 are taken, not \"%.*s\"",
                          FCT_FMT(version));
}

/* Writes the members before the metadata, and the begin of the object. */
static factum_status put_members(struct fct_buf *out, const struct cloud_event *cloud,
                                 factum_slice stream, const char *id)
{
    factum_status status = put_name_text(out, "{\"stream\":", stream);
    if (status != FACTUM_OK) {
        return status;
    }
    status = put_name_text(out, ",\"type\":", attribute_text(cloud, "type"));
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_buf_printf(out, ",\"id\":\"%s\"", id);
    if (status != FACTUM_OK) {
        return status;
    }
    factum_slice time = attribute_text(cloud, "time");
    if (time.ptr != NULL) {
        status = put_name_text(out, ",\"time\":", time);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    factum_slice type = attribute_text(cloud, "datacontenttype");
    return type.len > 0 ? put_name_text(out, ",\"contentType\":", type) : FACTUM_OK;
}

/* Writes the event without its data, as a line for factum_ndjson. */
static factum_status put_event(struct fct_http_call *call, const struct cloud_event *cloud,
                               bool own_stream, factum_slice stream)
{
    struct fct_buf *out = &call->out;
    factum_uuid id;
    factum_slice text = attribute_text(cloud, "id");
    bool own_id = factum_uuid_parse(text, &id) == FACTUM_OK && !fct_uuid_is_zero(id);
    if (!own_id) {
        id = derived_id(attribute_text(cloud, "source"), text);
    }
    char printed[FACTUM_UUID_TEXT_SIZE];
    factum_uuid_format(id, printed);
    fct_buf_clear(out);
    factum_status status = put_members(out, cloud, stream, printed);
    if (status != FACTUM_OK) {
        return status;
    }
    status = put_metadata(out, cloud, own_id, own_stream);
    if (status != FACTUM_OK) {
        return status;
    }
    if (cloud->data_is_base64) {
        status = fct_buf_add_text(out, ",\"encoding\":\"base64\",\"data\":");
        status = status == FACTUM_OK ? fct_buf_add_slice(out, cloud->data_json.raw) : status;
    }
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_buf_add_text(out, "}");
}

/* Sets data that is not base64: the JSON value for a JSON type, otherwise the text. */
static factum_status set_data(struct fct_http_call *call, const struct cloud_event *cloud,
                              enum fct_cloud_mode mode, factum_new_event *event, factum_error *err)
{
    factum_slice type = attribute_text(cloud, "datacontenttype");
    bool json = type.len == 0 || fct_media_is_json(fct_media_type(type));
    if (!cloud->has_data || cloud->data_is_base64) {
        return FACTUM_OK;
    }
    if (mode == FCT_CLOUD_BINARY) {
        struct fct_json value;
        event->data = cloud->data;
        if (type.len == 0) {
            event->content_type = FACTUM_CONTENT_BINARY; /* nothing is known of its type */
            return FACTUM_OK;
        }
        factum_status status = json ? fct_json_check(event->data, &value, err) : FACTUM_OK;
        return status == FACTUM_OK ? status : fct_wrap(err, status, "data");
    }
    event->data = cloud->data_json.raw;
    if (json) {
        return FACTUM_OK;
    }
    factum_status status = fct_http_json_text(call, cloud->data_json.raw, &event->data);
    return status == FACTUM_OK
               ? status
               : fct_fail(err, status, "\"data\" of the type %.*s is a text, or \"data_base64\"",
                          FCT_FMT(type));
}

static factum_status make_event(struct fct_http_call *call, const struct cloud_event *cloud,
                                enum fct_cloud_mode mode, struct fct_http_events *events,
                                factum_error *err)
{
    factum_slice stream = call->name.len > 0 ? call->name : attribute_text(cloud, "subject");
    factum_status status = check_required(cloud, err);
    if (status == FACTUM_OK && stream.len == 0) {
        status = fct_fail(err, FACTUM_INVALID,
                          "\"subject\" names the stream, where the path does not: it is missing");
    }
    if (status != FACTUM_OK) {
        return status;
    }
    bool own_stream = fct_slice_equal(stream, attribute_text(cloud, "subject"));
    status = put_event(call, cloud, own_stream, stream);
    if (status != FACTUM_OK) {
        return fct_fail(err, status, "a CloudEvent: %s", factum_status_text(status));
    }
    status = fct_http_events_add(call, events, fct_buf_slice(&call->out), err);
    return status == FACTUM_OK ? set_data(call, cloud, mode, &events->items[events->count - 1], err)
                               : status;
}

/* |json| has the members of the event, without their contents. */
static factum_status take_structured(struct fct_http_call *call, const factum_json *json,
                                     enum fct_cloud_mode mode, struct fct_http_events *events,
                                     factum_error *err)
{
    struct cloud_event cloud;
    memset(&cloud, 0, sizeof cloud);
    factum_status status = take_members(call, &cloud, json, err);
    return status == FACTUM_OK ? make_event(call, &cloud, mode, events, err) : status;
}

/* Takes each event of the array in the body. */
static factum_status take_batch(struct fct_http_call *call, const factum_json *json,
                                struct fct_http_events *events, factum_error *err)
{
    static const struct fct_json_extent extent = {
        .depth_max = FCT_JSON_DOCUMENT_DEPTH, .levels = 1, .nodes_max = FCT_HTTP_NODES_MAX};
    struct fct_json_fault fault;
    struct fct_json_doc one;
    if (factum_json_kind_of(json, FACTUM_JSON_ROOT) != FACTUM_JSON_ARRAY) {
        return fct_fail(err, FACTUM_INVALID, "a batch of CloudEvents is a JSON array");
    }
    size_t count = factum_json_count(json, FACTUM_JSON_ROOT);
    factum_status status = fct_http_events_reserve(call, events, count, err);
    fct_json_doc_init(&one, call->server->mem);
    for (uint32_t item = factum_json_first(json, FACTUM_JSON_ROOT);
         status == FACTUM_OK && item != FACTUM_JSON_NONE;
         item = factum_json_next(json, FACTUM_JSON_ROOT, item)) {
        status = fct_json_doc_read(&one, factum_json_raw(json, item), extent, &fault);
        status = status == FACTUM_OK
                     ? take_structured(call, &one.json, FCT_CLOUD_BATCH, events, err)
                     : fct_fail(err, status, "a CloudEvent: %s", factum_status_text(status));
        if (status != FACTUM_OK) {
            status = fct_wrap(err, status, "event %zu of %zu", events->count + 1, count);
        }
    }
    fct_json_doc_finish(&one);
    return status;
}

static factum_status take_document(struct fct_http_call *call, enum fct_cloud_mode mode,
                                   struct fct_http_events *events, factum_error *err)
{
    struct fct_json_doc doc;
    factum_status status = fct_http_body_json(call, 1, &doc, err);
    if (status == FACTUM_OK && mode == FCT_CLOUD_BATCH) {
        status = take_batch(call, &doc.json, events, err);
    } else if (status == FACTUM_OK) {
        status = fct_http_events_reserve(call, events, 1, err);
        if (status == FACTUM_OK) {
            status = take_structured(call, &doc.json, mode, events, err);
        }
    }
    fct_json_doc_finish(&doc);
    return status;
}

factum_status fct_http_events_cloud(struct fct_http_call *call, enum fct_cloud_mode mode,
                                    struct fct_http_events *events, factum_error *err)
{
    if (mode != FCT_CLOUD_BINARY) {
        return take_document(call, mode, events, err);
    }
    struct cloud_event cloud;
    memset(&cloud, 0, sizeof cloud);
    factum_status status = fct_http_events_reserve(call, events, 1, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = take_fields(call, &cloud, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return make_event(call, &cloud, mode, events, err);
}
