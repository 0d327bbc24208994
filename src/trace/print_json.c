/* print_json.c - a trace as JSON: all nodes and edges, in the order of the log. Layer: trace. */
#include <factum/json_write.h>

#include <inttypes.h>
#include <stdio.h>

#include "core/slice.h"
#include "trace/out.h"

static const char *const kind_names[] = {"correlation", "event", "saga", "command", "trace"};

static void put_number(factum_json_writer *to, const char *name, uint64_t number)
{
    factum_json_put_member(to, name);
    factum_json_put_uint64(to, number);
}

static void put_time(factum_json_writer *to, const char *name, int64_t time)
{
    char text[FACTUM_TIME_TEXT_SIZE];
    factum_time_format(time, text);
    factum_json_put_member_text(to, name, factum_slice_from(text));
}

/* An empty text is left out. */
static void put_filled(factum_json_writer *to, const char *name, factum_slice text)
{
    if (text.len > 0) {
        factum_json_put_member_text(to, name, text);
    }
}

static void put_info(factum_json_writer *to, const factum_trace *trace)
{
    const factum_trace_info *info = &trace->info;
    factum_json_put_member_text(to, "id", trace->id);
    factum_json_put_member_text(to, "kind", factum_slice_from(kind_names[info->kind]));
    put_filled(to, "correlationId", info->correlation);
    put_number(to, "events", info->event_count);
    put_number(to, "streams", info->stream_count);
    put_number(to, "services", info->service_count);
    put_number(to, "roots", info->root_count);
    put_number(to, "causesNotFound", info->missing_count);
    put_number(to, "open", info->open_count);
    put_number(to, "stuck", info->stuck_count);
    put_number(to, "failed", info->failed_count);
    put_number(to, "timedOut", info->timed_out_count);
    factum_json_put_member_bool(to, "truncated", info->truncated);
    put_number(to, "scanned", info->scanned);
    put_time(to, "start", info->first_created);
    put_time(to, "end", info->last_created);
    factum_json_put_member_int64(to, "durationNs", info->last_created - info->first_created);
}

static void put_path(factum_json_writer *to, const factum_trace *trace)
{
    char share[32];
    int len = snprintf(share, sizeof share, "%.4f", fct_path_share(trace));
    factum_json_put_member(to, "criticalPath");
    factum_json_put_object(to);
    factum_json_put_member_int64(to, "durationNs", trace->info.path_time);
    factum_json_put_member(to, "share");
    factum_json_put_number(to, fct_slice(share, (size_t)len));
    factum_json_put_member(to, "positions");
    factum_json_put_array(to);
    for (uint32_t i = 0; i < trace->count; i++) {
        if ((trace->nodes[i].flags & FACTUM_TRACE_CRITICAL) != 0) {
            factum_json_put_uint64(to, trace->nodes[i].position);
        }
    }
    factum_json_put_end(to);
    factum_json_put_end(to);
}

static void put_node_flags(factum_json_writer *to, uint32_t flags)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } names[] = {
        {FACTUM_TRACE_COMMAND, "command"},
        {FACTUM_TRACE_OPEN, "open"},
        {FACTUM_TRACE_STUCK, "stuck"},
        {FACTUM_TRACE_FAILED, "failed"},
        {FACTUM_TRACE_TIMED_OUT, "timedOut"},
        {FACTUM_TRACE_CAUSE_MISSING, "causeNotFound"},
        {FACTUM_TRACE_CAUSE_LATER, "causeNotBefore"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((flags & names[i].flag) != 0) {
            factum_json_put_member_bool(to, names[i].name, true);
        }
    }
}

static void put_node(factum_json_writer *to, const struct fct_node *node)
{
    char id[FACTUM_UUID_TEXT_SIZE];
    factum_uuid_format(node->id, id);
    factum_json_put_object(to);
    put_number(to, "position", node->position);
    factum_json_put_member_text(to, "stream", node->stream);
    put_number(to, "revision", node->revision);
    factum_json_put_member_text(to, "type", node->type);
    factum_json_put_member_text(to, "service", fct_node_service(node));
    factum_json_put_member_text(to, "id", factum_slice_from(id));
    put_time(to, "created", node->created);
    put_filled(to, "correlationId", node->correlation);
    put_filled(to, "causationId", node->causation);
    put_filled(to, "commandId", node->command_id);
    put_filled(to, "traceId", node->trace_id);
    put_filled(to, "step", node->step);
    put_filled(to, "code", node->code);
    put_filled(to, "text", node->text);
    put_node_flags(to, node->flags);
    factum_json_put_end(to);
}

static void put_edges(factum_json_writer *to, const factum_trace *trace)
{
    factum_json_put_member(to, "edges");
    factum_json_put_array(to);
    for (uint32_t i = 0; i < trace->count; i++) {
        const struct fct_node *node = &trace->nodes[i];
        if (node->cause == FCT_NODE_NONE) {
            continue;
        }
        const struct fct_node *cause = &trace->nodes[node->cause];
        factum_json_put_object(to);
        put_number(to, "from", cause->position);
        put_number(to, "to", node->position);
        factum_json_put_member_int64(to, "latencyNs", node->created - cause->created);
        factum_json_put_end(to);
    }
    factum_json_put_end(to);
}

factum_status fct_print_json(const factum_trace *trace, const factum_trace_sink *sink,
                             factum_error *err)
{
    uint8_t buffer[FCT_OUT_SIZE];
    factum_json_writer to;
    factum_json_writer_to(&to, buffer, sizeof buffer, sink->write, sink->data);
    factum_json_put_object(&to);
    put_info(&to, trace);
    put_path(&to, trace);
    factum_json_put_member(&to, "nodes");
    factum_json_put_array(&to);
    for (uint32_t i = 0; i < trace->count; i++) {
        put_node(&to, &trace->nodes[i]);
    }
    factum_json_put_end(&to);
    put_edges(&to, trace);
    factum_json_put_end(&to);
    return factum_json_writer_finish(&to, err);
}
