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
