/* trace.c - opens a trace; figures of the trace and its nodes. Layer: trace. */
#include <factum/trace.h>

#include "core/error.h"
#include "core/sized.h"
#include "core/slice.h"
#include "trace/flow.h"

static factum_status check_trace_options(const factum_trace_options *given, factum_slice id,
                                         factum_trace_options *full, factum_error *err)
{
    factum_status status = FACTUM_OK;
    *full = (factum_trace_options){.size = sizeof *full};
    if (given != NULL) {
        status = fct_sized_read(full, sizeof *full, given, "trace: the options struct", err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (id.len == 0 || id.len > FACTUM_NAME_SIZE_MAX || !fct_utf8_valid(id)) {
        return fct_fail(err, FACTUM_INVALID, "trace: an id is UTF-8 of 1 to %d bytes",
                        FACTUM_NAME_SIZE_MAX);
    }
    full->events_max = full->events_max == 0 ? FACTUM_TRACE_EVENTS_DEFAULT : full->events_max;
    full->scan_max = full->scan_max == 0 ? FACTUM_TRACE_SCAN_DEFAULT : full->scan_max;
    return full->events_max <= FACTUM_TRACE_EVENTS_MAX
               ? FACTUM_OK
               : fct_fail(err, FACTUM_INVALID, "trace: events_max is at most %u",
                          FACTUM_TRACE_EVENTS_MAX);
}

static factum_trace *trace_create(factum_slice id)
{
    const struct fct_mem *mem = fct_mem_heap();
    factum_trace *trace = fct_mem_zalloc(mem, 1, sizeof *trace);
    if (trace != NULL) {
        trace->mem = mem;
        trace->info.size = sizeof trace->info;
        fct_arena_init(&trace->texts, mem, FCT_FLOW_TEXTS_MAX);
        trace->id = factum_arena_copy(&trace->texts, id);
    }
    return trace;
}

factum_status factum_trace_open(factum_store *store, factum_slice id,
                                const factum_trace_options *options, factum_trace **trace,
                                factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (trace == NULL || store == NULL) {
        return fct_fail(err, FACTUM_INVALID, "trace: a store and a place for the trace are needed");
    }
    *trace = NULL;
    struct fct_flow flow = {.store = store};
    factum_status status = check_trace_options(options, id, &flow.options, err);
    if (status != FACTUM_OK) {
        return status;
    }
    flow.trace = trace_create(id);
    if (flow.trace == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "trace: out of memory");
    }
    fct_table_init(&flow.seen, flow.trace->mem);
    status = fct_flow_find(&flow, flow.trace->id, err);
    if (status == FACTUM_OK) {
        status = fct_flow_expand(&flow, err);
    }
    fct_table_finish(&flow.seen);
    if (status == FACTUM_OK) {
        status = fct_flow_build(flow.trace, err);
    }
    if (status != FACTUM_OK) {
        factum_trace_close(flow.trace);
        return status;
    }
    *trace = flow.trace;
    return FACTUM_OK;
}

void factum_trace_close(factum_trace *trace)
{
    if (trace != NULL) {
        factum_arena_finish(&trace->texts);
        fct_mem_free(trace->mem, trace->nodes);
        fct_mem_free(trace->mem, trace);
    }
}

factum_status factum_trace_info_get(const factum_trace *trace, factum_trace_info *info,
                                    factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (trace == NULL) {
        return fct_fail(err, FACTUM_INVALID, "trace: none is given");
    }
    factum_status status = fct_sized_check(info, "trace: the info struct", err);
    if (status == FACTUM_OK) {
        fct_sized_write(info, &trace->info, sizeof trace->info);
    }
    return status;
}

factum_status factum_trace_at(const factum_trace *trace, size_t index, factum_trace_node *node,
                              factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (trace == NULL) {
        return fct_fail(err, FACTUM_INVALID, "trace: none is given");
    }
    factum_status status = fct_sized_check(node, "trace: the node struct", err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (index >= trace->count) {
        return fct_fail(err, FACTUM_NOT_FOUND, "trace: there are %u events", trace->count);
    }
    const struct fct_node *from = &trace->nodes[index];
    bool root = from->cause == FCT_NODE_NONE;
    const factum_trace_node full = {
        .size = sizeof full,
        .cause = root ? FACTUM_TRACE_NO_CAUSE : from->cause,
        .latency = root ? 0 : from->created - trace->nodes[from->cause].created,
        .flags = from->flags,
        .stream = from->stream,
        .type = from->type,
        .service = fct_node_service(from),
        .id = from->id,
        .position = from->position,
        .revision = from->revision,
        .created = from->created,
        .causation = from->causation,
        .command_id = from->command_id,
        .trace_id = from->trace_id,
        .code = from->code,
        .text = from->text,
    };
    fct_sized_write(node, &full, sizeof full);
    return FACTUM_OK;
}
