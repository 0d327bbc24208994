/* find.c - which events an id names. Layer: trace. See flow.h.
 *
 * Indexed names are looked up first: correlation ids, streams of sagas, idempotency keys. Then the
 * newest events are read backwards, up to a limit.
 */
#include <inttypes.h>

#include "core/error.h"
#include "core/slice.h"
#include "core/uuid.h"
#include "trace/flow.h"

/* A search for events that no index leads to. */
struct wanted {
    factum_slice id;
    bool is_uuid;
    factum_uuid uuid;
    uint64_t scanned;
    uint64_t oldest; /* position of the last event that was read */
};

static bool is_missing(factum_status status)
{
    return status == FACTUM_NOT_FOUND || status == FACTUM_STREAM_NOT_FOUND ||
           status == FACTUM_STREAM_DELETED || status == FACTUM_INVALID;
}

/* ---- by index -------------------------------------------------------------------------------- */

static factum_status find_correlation(struct fct_flow *flow, factum_slice id, factum_error *err)
{
    flow->trace->info.kind = FACTUM_TRACE_OF_CORRELATION;
    return fct_flow_read(flow, FACTUM_SOURCE_CORRELATION, id, err);
}

/* The stream of the saga |id|, which is "NAME-ID" or "saga:NAME-ID", or the id of a command of a
 * saga: "saga:NAME-ID/STEP/do/GENERATION". ID may contain '/', so the id of a command is split from
 * its end. */
static factum_slice saga_stream(factum_slice id, bool command, char memory[FACTUM_NAME_SIZE_MAX])
{
    static const char prefix[] = "saga:";
    factum_slice none = fct_slice(NULL, 0);
    bool prefixed = fct_slice_starts(id, FCT_SLICE("saga:"));
    if (!command) {
        size_t skip = prefixed ? 0 : sizeof prefix - 1;
        if (id.len + skip > FACTUM_NAME_SIZE_MAX) {
            return none;
        }
        memcpy(memory, prefix, skip);
        memcpy(memory + skip, id.ptr, id.len);
        return fct_slice(memory, skip + id.len);
    }
    unsigned slashes = 0;
    size_t len = id.len;
    while (prefixed && slashes < 3 && len > 0) {
        len--;
        slashes += id.ptr[len] == '/' ? 1 : 0;
    }
    return slashes == 3 ? fct_slice(id.ptr, len) : none;
}

static factum_status find_saga(struct fct_flow *flow, factum_slice id, bool command,
                               factum_error *err)
{
    char memory[FACTUM_NAME_SIZE_MAX];
    factum_slice stream = saga_stream(id, command, memory);
    if (stream.len == 0) {
        return FACTUM_OK;
    }
    flow->trace->info.kind = command ? FACTUM_TRACE_OF_COMMAND : FACTUM_TRACE_OF_SAGA;
    factum_status status = fct_flow_read(flow, FACTUM_SOURCE_STREAM, stream, err);
    return is_missing(status) ? FACTUM_OK : status;
}

/* Events that were appended under the id as a key, as deciders and participants do. */
static factum_status find_key(struct fct_flow *flow, factum_slice id, factum_error *err)
{
    factum_key_info info = {.size = sizeof info};
    factum_event_copy copy = {.memory = NULL};
    factum_status status = factum_find_key(flow->store, id, &info, err);
    if (status != FACTUM_OK || info.event_count == 0) {
        return status == FACTUM_OK || is_missing(status) ? FACTUM_OK : status;
    }
    flow->trace->info.kind = FACTUM_TRACE_OF_COMMAND;
    status = factum_read_event(flow->store, info.first_position, &copy, err);
    if (status == FACTUM_OK) {
        status = fct_flow_add(flow, &copy.event, err);
    }
    factum_event_copy_free(&copy);
    return status;
}

static factum_status find_uuid(struct fct_flow *flow, const struct wanted *wanted,
                               factum_error *err)
{
    factum_event_copy copy = {.memory = NULL};
    if (!wanted->is_uuid) {
        return FACTUM_OK;
    }
    factum_status status =
        factum_find_event(flow->store, flow->options.stream, wanted->uuid, &copy, err);
    if (status == FACTUM_OK) {
        flow->trace->info.kind = FACTUM_TRACE_OF_EVENT;
        status = fct_flow_add(flow, &copy.event, err);
    } else if (is_missing(status)) {
        status = FACTUM_OK;
    }
    factum_event_copy_free(&copy);
    return status;
}

/* ---- by reading ------------------------------------------------------------------------------ */

/* Does the event match, and by which kind of id? */
static bool is_wanted(const struct wanted *wanted, const factum_event *event,
                      factum_trace_kind *kind)
{
    struct fct_marks marks;
    if (wanted->is_uuid && fct_uuid_equal(wanted->uuid, event->id)) {
        *kind = FACTUM_TRACE_OF_EVENT;
        return true;
    }
    if (!fct_slice_holds(event->metadata, FCT_SLICE("ra")) && /* traceparent, $traceId */
        !fct_slice_holds(event->metadata, FCT_SLICE("$commandId"))) {
        return false;
    }
    fct_marks_read(event->metadata, &marks);
    *kind = fct_slice_equal(marks.trace_id, wanted->id) ? FACTUM_TRACE_OF_TRACE
                                                        : FACTUM_TRACE_OF_COMMAND;
    return *kind == FACTUM_TRACE_OF_TRACE || fct_slice_equal(marks.command_id, wanted->id);
}

/* For a trace id all events in reach are taken, for any other id the newest one. */
static factum_status scan_cursor(struct fct_flow *flow, struct wanted *wanted,
                                 factum_cursor *cursor, factum_error *err)
{
    factum_event event;
    factum_trace_kind kind = FACTUM_TRACE_OF_EVENT;
    factum_status status = FACTUM_OK;
    bool done = false;
    while (status == FACTUM_OK && !done) {
        status = fct_flow_step(flow, err);
        if (status == FACTUM_OK) {
            status = factum_cursor_next(cursor, &event, err);
        }
        if (status != FACTUM_OK) {
            break;
        }
        wanted->scanned++;
        wanted->oldest = event.position;
        if (!fct_flow_hides(flow, &event) && is_wanted(wanted, &event, &kind)) {
            flow->trace->info.kind = kind;
            status = fct_flow_add(flow, &event, err);
            done = kind != FACTUM_TRACE_OF_TRACE || flow->trace->info.truncated;
        }
    }
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

static factum_status scan(struct fct_flow *flow, struct wanted *wanted, factum_error *err)
{
    const bool in_stream = flow->options.stream.len > 0;
    const factum_read_request request = {
        .size = sizeof request,
        .source = in_stream ? FACTUM_SOURCE_STREAM : FACTUM_SOURCE_ALL,
        .name = flow->options.stream,
        .backwards = true,
        .count_max = flow->options.scan_max,
        .call = flow->options.call,
    };
    factum_cursor *cursor;
    factum_status status = factum_read(flow->store, &request, &cursor, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = scan_cursor(flow, wanted, cursor, err);
    factum_cursor_close(cursor);
    flow->trace->info.scanned = wanted->scanned;
    return status;
}

static factum_status found_nothing(const struct fct_flow *flow, const struct wanted *wanted,
                                   factum_error *err)
{
    const bool all = wanted->scanned < flow->options.scan_max;
    const char *where = flow->options.stream.len > 0 ? "the stream's" : "the store's";
    if (all) {
        return fct_fail(err, FACTUM_NOT_FOUND,
                        "\"%.*s\" is not a correlation id, saga or key, and none of %s %" PRIu64
                        " events has it as its id, its command's or its trace's",
                        FCT_FMT(wanted->id), where, wanted->scanned);
    }
    return fct_fail(err, FACTUM_NOT_FOUND,
                    "\"%.*s\" is not a correlation id, saga or key, nor an id in %s newest %" PRIu64
                    " events, back to position %" PRIu64 ": look further back, or name the stream",
                    FCT_FMT(wanted->id), where, wanted->scanned, wanted->oldest);
}

/* ---- all ------------------------------------------------------------------------------------- */

static factum_status find_by_index(struct fct_flow *flow, const struct wanted *wanted,
                                   factum_error *err)
{
    const factum_trace *trace = flow->trace;
    factum_status status = find_correlation(flow, wanted->id, err);
    if (status == FACTUM_OK && trace->count == 0) {
        status = find_saga(flow, wanted->id, false, err);
    }
    if (status == FACTUM_OK && trace->count == 0) {
        status = find_saga(flow, wanted->id, true, err);
    }
    if (status == FACTUM_OK && trace->count == 0) {
        status = find_key(flow, wanted->id, err);
    }
    return status == FACTUM_OK && trace->count == 0 ? find_uuid(flow, wanted, err) : status;
}

factum_status fct_flow_find(struct fct_flow *flow, factum_slice id, factum_error *err)
{
    const factum_trace *trace = flow->trace;
    struct wanted wanted = {.id = id};
    wanted.is_uuid = factum_uuid_parse(id, &wanted.uuid) == FACTUM_OK;
    factum_status status = find_by_index(flow, &wanted, err);
    if (status == FACTUM_OK && trace->count == 0) {
        status = scan(flow, &wanted, err);
    }
    return status == FACTUM_OK && trace->count == 0 ? found_nothing(flow, &wanted, err) : status;
}
