/* collect.c - events become nodes, from their metadata, and from the data of sagas' events. Layer:
 * trace. See flow.h.
 *
 * Metadata comes from outside. A member that is not JSON, not a text, too long or not valid is
 * treated as missing: a trace shows what can be read.
 */
#include <string.h>

#include "codec/json.h"
#include "core/error.h"
#include "core/slice.h"
#include "core/trace_context.h"
#include "trace/flow.h"

#define STEPS_BETWEEN 256u /* events read between two questions whether to continue */
#define CODE_SIZE_MAX 64u
#define TEXT_SIZE_MAX 200u
#define NODES_FIRST 64u
#define FOUND_BY_ID_MAX 4u /* events that are read because their id is a correlation id */

/* ---- metadata -------------------------------------------------------------------------------- */

/* Decodes a text member into |memory|; empty if it is not a text, or does not fit. */
static factum_slice text_of(const struct fct_json_member *member, char *memory, size_t size)
{
    size_t len = 0;
    bool good = member->found && member->value.kind == FACTUM_JSON_TEXT &&
                fct_json_unescape(member->value.raw, memory, size, &len) == FACTUM_OK;
    return good ? fct_slice(memory, len) : fct_slice(NULL, 0);
}

/* |text| in lower case, if it is an id of 32 hexadecimal digits that are not all 0. */
static bool trace_id_of(factum_slice text, char id[32])
{
    bool other = false;
    for (size_t i = 0; text.len == 32 && i < 32; i++) {
        uint8_t c = text.ptr[i];
        bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (!digit) {
            return false;
        }
        other = other || c != '0';
        id[i] = (char)c;
    }
    return other;
}

void fct_marks_read(factum_slice metadata, struct fct_marks *marks)
{
    enum { CORRELATION, CAUSATION, COMMAND, PARENT, TRACE, MEMBERS };
    struct fct_json_member members[MEMBERS] = {
        [CORRELATION] = {.name = FCT_SLICE("$correlationId")},
        [CAUSATION] = {.name = FCT_SLICE("$causationId")},
        [COMMAND] = {.name = FCT_SLICE("$commandId")},
        [PARENT] = {.name = FCT_SLICE("traceparent")},
        [TRACE] = {.name = FCT_SLICE("$traceId")},
    };
    struct fct_json whole;
    char given[256];
    char normal[FCT_TRACEPARENT_SIZE];
    factum_slice none = fct_slice(NULL, 0);
    marks->correlation = marks->causation = marks->command_id = marks->trace_id = none;
    if (metadata.len < 2 || fct_json_pick(metadata, &whole, members, MEMBERS, NULL) != FACTUM_OK) {
        return;
    }
    marks->correlation = text_of(&members[CORRELATION], marks->memory[0], sizeof marks->memory[0]);
    marks->causation = text_of(&members[CAUSATION], marks->memory[1], sizeof marks->memory[1]);
    marks->command_id = text_of(&members[COMMAND], marks->memory[2], sizeof marks->memory[2]);
    if (fct_traceparent_normal(text_of(&members[PARENT], given, sizeof given), normal)) {
        memcpy(marks->trace, normal + 3, sizeof marks->trace);
        marks->trace_id = fct_slice(marks->trace, sizeof marks->trace);
    } else if (trace_id_of(text_of(&members[TRACE], given, sizeof given), marks->trace)) {
        marks->trace_id = fct_slice(marks->trace, sizeof marks->trace);
    }
}

/* ---- events of sagas ------------------------------------------------------------------------- */

static const struct {
    const char *type;
    uint8_t role;
    uint32_t flags;
} known[] = {
    {"SagaStuck", FCT_ROLE_STUCK, 0},
    {"SagaFailed", FCT_ROLE_STEP, FACTUM_TRACE_FAILED},
    {"StepFailed", FCT_ROLE_STEP, FACTUM_TRACE_FAILED},
    {"UndoFailed", FCT_ROLE_STEP, FACTUM_TRACE_FAILED},
    {"CommandFailed", FCT_ROLE_OTHER, FACTUM_TRACE_FAILED},
    {"StepTimedOut", FCT_ROLE_STEP, FACTUM_TRACE_TIMED_OUT},
    {"UndoTimedOut", FCT_ROLE_STEP, FACTUM_TRACE_TIMED_OUT},
    {"StepStarted", FCT_ROLE_STEP, 0},
    {"StepSucceeded", FCT_ROLE_STEP, 0},
    {"UndoStarted", FCT_ROLE_STEP, 0},
    {"UndoSucceeded", FCT_ROLE_STEP, 0},
    {"SagaRetried", FCT_ROLE_STEP, 0},
    {"SagaSkipped", FCT_ROLE_STEP, 0},
    {"SagaUndoRequested", FCT_ROLE_STEP, 0},
    {"SagaStarted", FCT_ROLE_SAGA, 0},
    {"SagaDone", FCT_ROLE_SAGA, 0},
    {"SagaUndone", FCT_ROLE_SAGA, 0},
    {"SagaCompleted", FCT_ROLE_SAGA, 0},
    {"SagaCancelled", FCT_ROLE_SAGA, 0},
};

/* |text|, truncated to |size| bytes between two characters, in the trace's memory. */
static factum_slice keep_text(factum_trace *trace, factum_slice text, size_t size)
{
    if (text.len > size) {
        text.len = size;
        text.len = fct_utf8_prefix(text);
    }
    return factum_arena_copy(&trace->texts, text);
}

/* The member |position| of the object |value|. */
static uint64_t position_in(const struct fct_json *value)
{
    struct fct_json_member member = {.name = FCT_SLICE("position")};
    struct fct_json whole;
    int64_t number = 0;
    bool good = value->kind == FACTUM_JSON_OBJECT &&
                fct_json_pick(value->raw, &whole, &member, 1, NULL) == FACTUM_OK && member.found &&
                fct_json_int64(&member.value, &number) == FACTUM_OK && number > 0;
    return good ? (uint64_t)number : 0;
}

static void take_data(factum_trace *trace, struct fct_node *node, factum_slice data)
{
    enum { STEP, CODE, TEXT, WHY, INPUT, START, MEMBERS };
    struct fct_json_member members[MEMBERS] = {
        [STEP] = {.name = FCT_SLICE("step")},   [CODE] = {.name = FCT_SLICE("code")},
        [TEXT] = {.name = FCT_SLICE("text")},   [WHY] = {.name = FCT_SLICE("why")},
        [INPUT] = {.name = FCT_SLICE("input")}, [START] = {.name = FCT_SLICE("start")},
    };
    struct fct_json whole;
    char memory[4096];
    int64_t input = 0;
    if (fct_json_pick(data, &whole, members, MEMBERS, NULL) != FACTUM_OK) {
        return;
    }
    node->step = keep_text(trace, text_of(&members[STEP], memory, sizeof memory), CODE_SIZE_MAX);
    if ((node->flags & FACTUM_TRACE_FAILED) != 0 || node->role == FCT_ROLE_STUCK) {
        const struct fct_json_member *code = members[CODE].found ? &members[CODE] : &members[WHY];
        node->code = keep_text(trace, text_of(code, memory, sizeof memory), CODE_SIZE_MAX);
        node->text =
            keep_text(trace, text_of(&members[TEXT], memory, sizeof memory), TEXT_SIZE_MAX);
    }
    if (members[INPUT].found && fct_json_int64(&members[INPUT].value, &input) == FACTUM_OK &&
        input > 0) {
        node->input = (uint64_t)input;
    } else if (members[START].found) {
        node->input = position_in(&members[START].value);
    }
}

/* Is it an event of a saga's stream, or a participant's refusal in any stream? */
static void take_role(factum_trace *trace, struct fct_node *node, factum_slice data)
{
    bool saga = fct_slice_starts(node->stream, FCT_SLICE("saga:"));
    if (!saga && !fct_slice_equal(node->type, FCT_SLICE("CommandFailed"))) {
        return;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (fct_slice_equal(node->type, factum_slice_from(known[i].type))) {
            node->role = known[i].role;
            node->flags |= known[i].flags;
        }
    }
    take_data(trace, node, data);
}

static bool is_command(const struct fct_node *node)
{
    return fct_slice_starts(node->stream, FCT_SLICE("command:")) &&
           !fct_slice_equal(node->type, FCT_SLICE("CommandFailed")) &&
           !fct_slice_equal(node->type, FCT_SLICE("CommandSucceeded")) &&
           !fct_slice_equal(node->type, FCT_SLICE("CommandCancelled"));
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static factum_status flow_no_memory(factum_error *err)
{
    return fct_fail(err, FACTUM_NO_MEMORY, "trace: out of memory");
}

static factum_status make_room(factum_trace *trace, factum_error *err)
{
    if (trace->count < trace->capacity) {
        return FACTUM_OK;
    }
    uint32_t capacity = trace->capacity == 0 ? NODES_FIRST : 2 * trace->capacity;
    struct fct_node *nodes =
        fct_mem_resize(trace->mem, trace->nodes, capacity * sizeof *trace->nodes);
    if (nodes == NULL) {
        return flow_no_memory(err);
    }
    trace->nodes = nodes;
    trace->capacity = capacity;
    return FACTUM_OK;
}

static void fill_node(factum_trace *trace, struct fct_node *node, const factum_event *event)
{
    struct fct_marks marks;
    fct_marks_read(event->metadata, &marks);
    *node = (struct fct_node){
        .position = event->position,
        .revision = event->revision,
        .created = event->created,
        .id = event->id,
        .stream = factum_arena_copy(&trace->texts, event->stream),
        .type = factum_arena_copy(&trace->texts, event->type),
        .correlation = factum_arena_copy(&trace->texts, marks.correlation),
        .causation = factum_arena_copy(&trace->texts, marks.causation),
        .command_id = factum_arena_copy(&trace->texts, marks.command_id),
        .trace_id = factum_arena_copy(&trace->texts, marks.trace_id),
        .cause = FCT_NODE_NONE,
        .root = FCT_NODE_NONE,
    };
    take_role(trace, node, event->data);
    node->flags |= is_command(node) ? (uint32_t)FACTUM_TRACE_COMMAND : 0u;
}

factum_status fct_flow_step(struct fct_flow *flow, factum_error *err)
{
    const factum_progress *progress = flow->options.progress;
    if (++flow->events_read % STEPS_BETWEEN == 0 && progress != NULL &&
        !progress->step(progress->data, flow->events_read, 0)) {
        return fct_fail(err, FACTUM_CANCELLED, "trace: ended before it was complete");
    }
    return FACTUM_OK;
}

bool fct_flow_hides(const struct fct_flow *flow, const factum_event *event)
{
    return flow->options.skip_system && fct_slice_starts(event->stream, FCT_SLICE("$"));
}

factum_status fct_flow_add(struct fct_flow *flow, const factum_event *event, factum_error *err)
{
    factum_trace *trace = flow->trace;
    if (fct_flow_hides(flow, event)) {
        return FACTUM_OK;
    }
    struct fct_hash128 key =
        fct_table_key(FCT_KEY_POSITION, fct_slice(&event->position, sizeof event->position));
    if (fct_table_find(&flow->seen, key) != NULL) {
        return FACTUM_OK;
    }
    if (trace->count >= flow->options.events_max) {
        trace->info.truncated = true;
        return FACTUM_OK;
    }
    factum_status status = make_room(trace, err);
    if (status != FACTUM_OK) {
        return status;
    }
    fill_node(trace, &trace->nodes[trace->count], event);
    status = fct_arena_status(&trace->texts, "trace", err);
    if (status == FACTUM_OK) {
        struct fct_hash128 id =
            fct_table_key(FCT_KEY_ID, fct_slice(event->id.bytes, sizeof event->id.bytes));
        if (fct_table_put(&flow->seen, key, trace->count) == NULL ||
            fct_table_put(&flow->seen, id, trace->count) == NULL) {
            return flow_no_memory(err);
        }
        trace->count++;
    }
    return status;
}

factum_status fct_flow_read(struct fct_flow *flow, factum_source source, factum_slice name,
                            factum_error *err)
{
    const factum_read_request request = {
        .size = sizeof request, .source = source, .name = name, .call = flow->options.call};
    factum_cursor *cursor;
    factum_event event;
    factum_status status = factum_read(flow->store, &request, &cursor, err);
    if (status != FACTUM_OK) {
        return status;
    }
    while (status == FACTUM_OK && !flow->trace->info.truncated) {
        status = fct_flow_step(flow, err);
        if (status == FACTUM_OK) {
            status = factum_cursor_next(cursor, &event, err);
        }
        if (status == FACTUM_OK) {
            status = fct_flow_add(flow, &event, err);
        }
    }
    factum_cursor_close(cursor);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

/* ---- correlation ids ------------------------------------------------------------------------- */

/* Adds the event whose id is the correlation id: the first event of a flow often gives its id to
 * the flow. */
static factum_status add_first(struct fct_flow *flow, factum_slice correlation, factum_error *err)
{
    factum_uuid id;
    factum_event_copy copy = {.memory = NULL};
    if (flow->correlations > FOUND_BY_ID_MAX || factum_uuid_parse(correlation, &id) != FACTUM_OK ||
        fct_table_find(&flow->seen,
                       fct_table_key(FCT_KEY_ID, fct_slice(id.bytes, sizeof id.bytes))) != NULL) {
        return FACTUM_OK;
    }
    factum_status status = factum_find_event(flow->store, flow->options.stream, id, &copy, err);
    if (status == FACTUM_OK) {
        status = fct_flow_add(flow, &copy.event, err);
    } else if (status == FACTUM_NOT_FOUND || status == FACTUM_STREAM_NOT_FOUND) {
        status = FACTUM_OK;
    }
    factum_event_copy_free(&copy);
    return status;
}

static factum_status follow_correlation(struct fct_flow *flow, factum_slice correlation,
                                        factum_error *err)
{
    struct fct_hash128 key = fct_table_key(FCT_KEY_TEXT, correlation);
    if (fct_table_find(&flow->seen, key) != NULL ||
        flow->correlations >= FCT_FLOW_CORRELATIONS_MAX) {
        return FACTUM_OK;
    }
    flow->correlations++;
    if (fct_table_put(&flow->seen, key, 0) == NULL) {
        return flow_no_memory(err);
    }
    factum_status status = fct_flow_read(flow, FACTUM_SOURCE_CORRELATION, correlation, err);
    return status == FACTUM_OK ? add_first(flow, correlation, err) : status;
}

/* Adds the event that a saga's commit answers, if it has another correlation id, or none. */
static factum_status add_input(struct fct_flow *flow, uint64_t position, factum_error *err)
{
    factum_event_copy copy = {.memory = NULL};
    struct fct_hash128 key = fct_table_key(FCT_KEY_POSITION, fct_slice(&position, sizeof position));
    if (position == 0 || fct_table_find(&flow->seen, key) != NULL) {
        return FACTUM_OK;
    }
    factum_status status = factum_read_event(flow->store, position, &copy, err);
    if (status == FACTUM_OK) {
        status = fct_flow_add(flow, &copy.event, err);
    } else if (status == FACTUM_NOT_FOUND || status == FACTUM_INVALID) {
        status = FACTUM_OK;
    }
    factum_event_copy_free(&copy);
    return status;
}

factum_status fct_flow_expand(struct fct_flow *flow, factum_error *err)
{
    const factum_trace *trace = flow->trace;
    factum_status status = FACTUM_OK;
    for (uint32_t i = 0; status == FACTUM_OK && i < trace->count && !trace->info.truncated; i++) {
        char id[FACTUM_UUID_TEXT_SIZE];
        uint64_t input = trace->nodes[i].input;
        factum_slice correlation = trace->nodes[i].correlation;
        if (correlation.len == 0) {
            factum_uuid_format(trace->nodes[i].id, id);
            correlation = factum_slice_from(id);
        }
        status = follow_correlation(flow, correlation, err);
        if (status == FACTUM_OK) {
            status = add_input(flow, input, err);
        }
    }
    return status;
}
