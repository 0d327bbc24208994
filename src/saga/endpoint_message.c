/* endpoint_message.c - see endpoint_message.h. Layer: saga. Pure. */
#include "saga/endpoint_message.h"

#include <stdio.h>
#include <string.h>

#include <factum/json_write.h>

#include "codec/json.h"
#include "core/error.h"
#include "core/slice.h"

factum_slice fct_command_service(factum_slice stream)
{
    factum_slice prefix = FCT_SLICE("command:");
    if (!fct_slice_starts(stream, prefix)) {
        return (factum_slice){NULL, 0};
    }
    factum_slice rest = fct_slice_from(stream, prefix.len);
    const uint8_t *dash = rest.len > 0 ? memchr(rest.ptr, '-', rest.len) : NULL;
    return dash == NULL ? (factum_slice){NULL, 0} : fct_slice(rest.ptr, (size_t)(dash - rest.ptr));
}

static factum_slice meta_text(const struct fct_json_member *member, factum_arena *arena)
{
    size_t len = 0;
    if (!member->found || member->value.kind != FACTUM_JSON_TEXT) {
        return (factum_slice){NULL, 0};
    }
    char *text = factum_arena_take(arena, member->value.raw.len);
    bool good = text != NULL && fct_json_unescape(member->value.raw, text, member->value.raw.len,
                                                  &len) == FACTUM_OK;
    return good ? fct_slice(text, len) : (factum_slice){NULL, 0};
}

static factum_slice normal_trace(factum_slice given, factum_arena *arena)
{
    char normal[FCT_TRACEPARENT_SIZE];
    return fct_traceparent_normal(given, normal)
               ? factum_arena_copy(arena, fct_slice(normal, sizeof normal))
               : (factum_slice){NULL, 0};
}

factum_status fct_endpoint_command_read(const factum_event *event, factum_arena *arena,
                                        struct fct_command_meta *meta, factum_error *err)
{
    struct fct_json whole;
    struct fct_json_member members[] = {
        {.name = FCT_SLICE("$commandId")},     {.name = FCT_SLICE("$sagaId")},
        {.name = FCT_SLICE("$correlationId")}, {.name = FCT_SLICE("$causationId")},
        {.name = FCT_SLICE("traceparent")},    {.name = FCT_SLICE("$undoes")}};
    *meta = (struct fct_command_meta){.command_id = {NULL, 0}};
    bool read = fct_json_pick(event->metadata, &whole, members, 6, NULL) == FACTUM_OK;
    if (read) {
        meta->command_id = meta_text(&members[0], arena);
        meta->saga_id = meta_text(&members[1], arena);
        meta->correlation_id = meta_text(&members[2], arena);
        meta->causation_id = meta_text(&members[3], arena);
        meta->traceparent = normal_trace(meta_text(&members[4], arena), arena);
        meta->undoes = meta_text(&members[5], arena);
    }
    if (factum_arena_status(arena) != FACTUM_OK) {
        return fct_fail(err, factum_arena_status(arena), "endpoint: the command is too big");
    }
    return meta->command_id.len > 0 && meta->command_id.len <= FACTUM_NAME_SIZE_MAX
               ? FACTUM_OK
               : fct_fail(err, FACTUM_INVALID, "endpoint: the event at %.*s is no command",
                          FCT_FMT(event->stream));
}

static void put_attribute(factum_json_writer *to, const char *name, factum_slice text)
{
    if (text.len > 0) {
        factum_json_put_member_text(to, name, text);
    }
}

factum_status fct_command_body(const factum_event *event, factum_slice service,
                               const struct fct_command_meta *meta, factum_arena *arena,
                               factum_slice *body, factum_error *err)
{
    char source[128];
    char time[FACTUM_TIME_TEXT_SIZE];
    factum_json_writer to;
    struct fct_json data;
    if (event->data.len > 0 && fct_json_check(event->data, &data, err) != FACTUM_OK) {
        return fct_wrap(err, FACTUM_INVALID, "the command's data");
    }
    (void)snprintf(source, sizeof source, "/factum/command/%.*s", FCT_FMT(service));
    factum_time_format(event->created, time);
    factum_json_writer_in(&to, arena);
    factum_json_put_object(&to);
    factum_json_put_member_text(&to, "specversion", FCT_SLICE("1.0"));
    factum_json_put_member_text(&to, "id", meta->command_id);
    factum_json_put_member_text(&to, "source", factum_slice_from(source));
    factum_json_put_member_text(&to, "type", event->type);
    put_attribute(&to, "subject", meta->saga_id);
    factum_json_put_member_text(&to, "time", factum_slice_from(time));
    factum_json_put_member_text(&to, "datacontenttype", FCT_SLICE("application/json"));
    put_attribute(&to, "correlationid", meta->correlation_id);
    put_attribute(&to, "causationid", meta->causation_id);
    put_attribute(&to, "traceparent", meta->traceparent);
    put_attribute(&to, "undoes", meta->undoes);
    if (event->data.len > 0) {
        factum_json_put_member(&to, "data");
        factum_json_put_raw(&to, data.raw);
    }
    factum_json_put_end(&to);
    factum_status status = factum_json_writer_finish(&to, err);
    *body = fct_slice(to.buffer, to.used);
    return status;
}

void fct_trace_child(factum_slice parent, const uint8_t span[8], char out[FCT_TRACEPARENT_SIZE + 1])
{
    static const char digits[] = "0123456789abcdef";
    bool any = false;
    memcpy(out, parent.ptr, FCT_TRACEPARENT_SIZE);
    out[FCT_TRACEPARENT_SIZE] = '\0';
    for (size_t i = 0; i < 8; i++) {
        any = any || span[i] != 0;
    }
    for (size_t i = 0; i < 8; i++) {
        uint8_t byte = any ? span[i] : 1; /* zero is no id */
        out[36 + 2 * i] = digits[byte >> 4];
        out[37 + 2 * i] = digits[byte & 15u];
    }
}

factum_status fct_reply_metadata(const struct fct_command_meta *meta, factum_slice causation_id,
                                 factum_slice child, factum_arena *arena, factum_slice *metadata,
                                 factum_error *err)
{
    factum_json_writer to;
    factum_json_writer_in(&to, arena);
    factum_json_put_object(&to);
    put_attribute(&to, "$causationId", causation_id);
    put_attribute(&to, "$correlationId", meta->correlation_id);
    put_attribute(&to, "$sagaId", meta->saga_id);
    put_attribute(&to, "traceparent", child);
    factum_json_put_end(&to);
    factum_status status = factum_json_writer_finish(&to, err);
    *metadata = fct_slice(to.buffer, to.used);
    return status;
}
