/* cloudevents_fuzz.c - one CloudEvent over HTTP in its three modes: binary, structured and batched.
 *
 * Input: lines "name: value" with attributes, an empty line, the data.
 *
 * Oracle: the modes agree. Either all are refused, or the store holds the same event three times;
 * what is stored is what was sent.
 */
#include <factum/ndjson.h>

#include "core/slice.h"
#include "server_fuzz.h"
#include "wire/json_out.h"
#include "wire/media.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum mode { MODE_BINARY, MODE_STRUCTURED, MODE_BATCH, MODES };

#define REQUESTS_PER_STORE 500
#define ATTRIBUTES_MAX 12 /* as many as the fake takes beside the other fields */
#define VALUE_SIZE_MAX 200
#define DATA_SIZE_MAX 1000

struct cloud {
    factum_slice names[ATTRIBUTES_MAX];
    factum_slice values[ATTRIBUTES_MAX];
    size_t count;
    factum_slice type; /* bytes of the data */
    factum_slice data;
};

static struct server_fuzz fuzz;

static bool is_name(factum_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')) {
            return false;
        }
    }
    return name.len > 0 && name.len < 80;
}

/* A header field whose value needs no encoding, as the sessions give it. */
static bool is_field_value(factum_slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] <= ' ' || value.ptr[i] > '~') {
            return false;
        }
    }
    return true;
}

/* False if the input is no event that all three modes can send. */
static bool split_input(struct cloud *cloud, factum_slice rest)
{
    *cloud = (struct cloud){.type = FCT_SLICE("application/json")};
    while (rest.len > 0) {
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
        if (end == NULL) {
            return false;
        }
        factum_slice line = fct_slice(rest.ptr, (size_t)(end - rest.ptr));
        rest = fct_slice_from(rest, line.len + 1);
        if (line.len == 0) {
            break;
        }
        const uint8_t *colon = memchr(line.ptr, ':', line.len);
        size_t at = colon == NULL ? line.len : (size_t)(colon - line.ptr);
        if (at + 2 > line.len || line.ptr[at + 1] != ' ' || line.len - at > VALUE_SIZE_MAX) {
            return false;
        }
        factum_slice name = fct_slice(line.ptr, at);
        factum_slice value = fct_slice_from(line, at + 2);
        if (fct_slice_equal(name, FCT_SLICE("datacontenttype"))) {
            cloud->type = value;
        } else if (!is_name(name) || cloud->count == ATTRIBUTES_MAX) {
            return false;
        } else {
            cloud->names[cloud->count] = name;
            cloud->values[cloud->count++] = value;
        }
    }
    cloud->data = rest;
    factum_slice type = fct_media_type(cloud->type);
    return cloud->type.len > 0 && is_field_value(cloud->type) && rest.len > 0 &&
           rest.len <= DATA_SIZE_MAX && fct_utf8_valid(rest) &&
           (!fct_media_is_json(type) || factum_json_check(rest, NULL) == FACTUM_OK) &&
           !fct_slice_starts(type, FCT_SLICE("application/cloudevents"));
}

static bool is_text(const struct cloud *cloud)
{
    bool text = true;
    for (size_t i = 0; i < cloud->count; i++) {
        text = text && fct_utf8_valid(cloud->values[i]);
    }
    return text;
}

/* ---- the three modes ------------------------------------------------------------------------- */

static void put_binary(struct fct_buf *fields, const struct cloud *cloud)
{
    FCT_ASSERT(fct_buf_printf(fields, "content-type: %.*s\n", PLAIN(cloud->type)) == FACTUM_OK);
    for (size_t i = 0; i < cloud->count; i++) {
        factum_slice value = cloud->values[i];
        FCT_ASSERT(fct_buf_printf(fields, "ce-%.*s: ", PLAIN(cloud->names[i])) == FACTUM_OK);
        for (size_t k = 0; k < value.len; k++) {
            FCT_ASSERT(fct_buf_printf(fields, "%%%02x", value.ptr[k]) == FACTUM_OK);
        }
        FCT_ASSERT(fct_buf_add_text(fields, "\n") == FACTUM_OK);
    }
}

/* JSON data is the value itself, other data a string. */
static void put_structured(struct fct_buf *body, const struct cloud *cloud)
{
    FCT_ASSERT(fct_buf_add_text(body, "{\"datacontenttype\":") == FACTUM_OK);
    FCT_ASSERT(fct_json_out_text(body, cloud->type) == FACTUM_OK);
    for (size_t i = 0; i < cloud->count; i++) {
        FCT_ASSERT(fct_buf_printf(body, ",\"%.*s\":", PLAIN(cloud->names[i])) == FACTUM_OK);
        FCT_ASSERT(fct_json_out_text(body, cloud->values[i]) == FACTUM_OK);
    }
    FCT_ASSERT(fct_buf_add_text(body, ",\"data\":") == FACTUM_OK);
    if (fct_media_is_json(fct_media_type(cloud->type))) {
        FCT_ASSERT(fct_buf_add_slice(body, cloud->data) == FACTUM_OK);
    } else {
        FCT_ASSERT(fct_json_out_text(body, cloud->data) == FACTUM_OK);
    }
    FCT_ASSERT(fct_buf_add_text(body, "}") == FACTUM_OK);
}

/* The status of the answer. */
static unsigned send(const struct cloud *cloud, enum mode mode, const char *stream)
{
    static struct fake_exchange fake;
    static const char *const types[MODES] = {"", "content-type: application/cloudevents+json\n",
                                             "content-type: application/cloudevents-batch+json\n"};
    char line[128];
    struct fct_buf fields;
    struct fct_buf body;
    fct_buf_init(&fields, fct_mem_heap(), 1 << 16);
    fct_buf_init(&body, fct_mem_heap(), 1 << 16);
    FCT_ASSERT(fct_buf_add_text(&fields, types[mode]) == FACTUM_OK);
    if (mode == MODE_BINARY) {
        put_binary(&fields, cloud);
        FCT_ASSERT(fct_buf_add_slice(&body, cloud->data) == FACTUM_OK);
    } else {
        FCT_ASSERT(fct_buf_add_text(&body, mode == MODE_BATCH ? "[" : "") == FACTUM_OK);
        put_structured(&body, cloud);
        FCT_ASSERT(fct_buf_add_text(&body, mode == MODE_BATCH ? "]" : "") == FACTUM_OK);
    }
    FCT_ASSERT(fct_buf_add(&fields, "", 1) == FACTUM_OK);
    (void)snprintf(line, sizeof line, "POST /api/v1/streams/%s", stream);
    fake_init(&fake, &server_fuzz_peer, line, (const char *)fields.ptr);
    fct_http_begin(&fuzz.server, &server_fuzz_admin, &fake.exchange);
    fake_send(&fake, (const char *)body.ptr, body.len, 1 + body.len / 3);
    server_fuzz_settle(&fuzz);
    FCT_ASSERT(fake.finished);
    unsigned status = fake.status;
    fake_free(&fake);
    fct_buf_finish(&fields);
    fct_buf_finish(&body);
    FCT_ASSERT(fuzz.server.http_bodies_size == 0);
    return status;
}

/* ---- what is stored -------------------------------------------------------------------------- */

/* The only event of a stream, until the cursor is closed. */
static factum_cursor *read_stream(const char *stream, factum_event *event)
{
    const factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_STREAM, .name = factum_slice_from(stream)};
    factum_event other;
    factum_cursor *cursor = NULL;
    FCT_ASSERT(factum_read(fuzz.server.store, &request, &cursor, NULL) == FACTUM_OK);
    FCT_ASSERT(factum_cursor_next(cursor, &other, NULL) == FACTUM_OK);
    FCT_ASSERT(factum_cursor_next(cursor, &other, NULL) == FACTUM_DONE);
    factum_cursor_close(cursor);
    FCT_ASSERT(factum_read(fuzz.server.store, &request, &cursor, NULL) == FACTUM_OK);
    FCT_ASSERT(factum_cursor_next(cursor, event, NULL) == FACTUM_OK);
    return cursor;
}

static void check_stored(const struct cloud *cloud, char streams[MODES][32])
{
    factum_event first;
    factum_cursor *cursor = read_stream(streams[0], &first);
    FCT_ASSERT(fct_slice_equal(first.data, cloud->data));
    for (int mode = 1; mode < MODES; mode++) {
        factum_event event;
        factum_cursor *other = read_stream(streams[mode], &event);
        FCT_ASSERT(memcmp(&event.id, &first.id, sizeof first.id) == 0);
        FCT_ASSERT(fct_slice_equal(event.type, first.type));
        FCT_ASSERT(fct_slice_equal(event.data, first.data));
        FCT_ASSERT(fct_slice_equal(event.content_type, first.content_type));
        FCT_ASSERT(fct_slice_equal(event.metadata, first.metadata));
        FCT_ASSERT(event.has_time == first.has_time &&
                   (!event.has_time || event.time == first.time));
        factum_cursor_close(other);
    }
    factum_cursor_close(cursor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned long number;
    char streams[MODES][32];
    unsigned statuses[MODES];
    struct cloud cloud;
    if (size > 4096 || memchr(data, '\0', size) != NULL ||
        !split_input(&cloud, fct_slice(data, size))) {
        return 0;
    }
    if (fuzz.server.store == NULL) {
        server_fuzz_open(&fuzz, "");
    }
    number++;
    if (!is_text(&cloud)) { /* cannot be expressed in JSON */
        FCT_ASSERT(send(&cloud, MODE_BINARY, "m") >= 400);
        return 0;
    }
    for (int mode = 0; mode < MODES; mode++) {
        (void)snprintf(streams[mode], sizeof streams[mode], "m%d-%lu", mode, number);
        statuses[mode] = send(&cloud, (enum mode)mode, streams[mode]);
        FCT_ASSERT((statuses[mode] == 201) == (statuses[0] == 201));
        FCT_ASSERT(statuses[mode] == 201 || (statuses[mode] >= 400 && statuses[mode] < 500));
    }
    if (statuses[0] == 201) {
        check_stored(&cloud, streams);
    }
    if (++fuzz.requests == REQUESTS_PER_STORE) {
        server_fuzz_close(&fuzz);
    }
    return 0;
}
