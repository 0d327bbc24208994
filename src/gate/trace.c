/* trace.c - see trace.h. Layer: gate.
 *
 * Two passes, so that the copy is one block of exactly the size needed: what each event gets is
 * decided twice, by the same function.
 */
#include "gate/trace.h"

#include <string.h>

#include "codec/json.h"
#include "core/check.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/sized.h"
#include "core/slice.h"
#include "core/trace_context.h"
#include "engine/rules.h"
#include "os/os.h"

#define PARENT_NAME "\"traceparent\":\""
#define STATE_NAME "\",\"tracestate\":\""
#define PARENT_MEMBER_SIZE (sizeof(PARENT_NAME) - 1 + FCT_TRACEPARENT_SIZE)
#define STATE_SIZE_MAX 512u /* a longer one does not go along */
#define TRACE_SIZE 32u
#define SPAN_SIZE 16u
#define TRACE_AT 3u
#define SPAN_AT 36u

/* What the context of an append gives to its events. */
struct given {
    bool parent;
    char traceparent[FCT_TRACEPARENT_SIZE];
    size_t state_len;
    char state[2 * STATE_SIZE_MAX]; /* as it stands in JSON */
};

enum choice { LEAVE, BY_IDS, BY_CALL };

/* The events, then their metadata. */
struct stamped {
    struct fct_op_tail tail;
    struct fct_op_tail *before;
    const struct fct_mem *mem;
    factum_new_event events[];
};

static void stamped_end(struct fct_op_tail *tail, factum_append_op *op)
{
    struct stamped *stamped = (struct stamped *)(void *)tail;
    struct fct_op_tail *before = stamped->before;
    fct_mem_free(stamped->mem, stamped);
    if (before != NULL) {
        before->end(before, op);
    }
}

/* ---- ids ------------------------------------------------------------------------------------- */

void fct_tracing_init(struct fct_tracing *tracing, const struct fct_mem *mem)
{
    *tracing = (struct fct_tracing){.mem = mem};
    /* Without random bytes the ids of this process may be those of another one: an unlikely flaw of
     * a picture, and no reason to refuse events. */
    if (fct_os_random(fct_os_real(), &tracing->seed, sizeof tracing->seed, NULL) != FACTUM_OK) {
        tracing->seed = (uint64_t)fct_os_monotonic(fct_os_real());
    }
}

/* An id of 16 digits that are not all 0. */
static void make_id(struct fct_tracing *tracing, char text[SPAN_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t number = atomic_fetch_add_explicit(&tracing->made, 1, memory_order_relaxed);
    uint64_t id = fct_hash64(fct_slice(&number, sizeof number), tracing->seed) | 1;
    for (size_t i = 0; i < SPAN_SIZE; i++) {
        text[i] = digits[id >> (60 - 4 * i) & 15];
    }
}

static void take_state(struct given *given, factum_slice state)
{
    if (state.len > STATE_SIZE_MAX || !fct_tracestate_valid(state)) {
        return;
    }
    for (size_t i = 0; i < state.len; i++) { /* no control characters are in a valid one */
        uint8_t c = state.ptr[i] == '\t' ? ' ' : state.ptr[i];
        if (c == '"' || c == '\\') {
            given->state[given->state_len++] = '\\';
        }
        given->state[given->state_len++] = (char)c;
    }
}

/* One id for the append, as the parent of whoever goes on from its events. */
static void take_call(struct fct_tracing *tracing, const factum_call *call, struct given *given)
{
    given->parent = call->traceparent.len > 0;
    given->state_len = 0;
    if (!given->parent) {
        return;
    }
    if (fct_traceparent_normal(call->traceparent, given->traceparent)) {
        take_state(given, call->tracestate);
    } else {
        memcpy(given->traceparent, "00-", TRACE_AT);
        make_id(tracing, given->traceparent + TRACE_AT);
        make_id(tracing, given->traceparent + TRACE_AT + SPAN_SIZE);
        memcpy(given->traceparent + TRACE_AT + TRACE_SIZE, "-", 1);
        memcpy(given->traceparent + SPAN_AT + SPAN_SIZE, "-01", 3);
    }
    make_id(tracing, given->traceparent + SPAN_AT);
}

/* ---- one event ------------------------------------------------------------------------------- */

/* "traceparent" of the ids of KurrentDB's clients. */
static bool join_ids(const struct fct_json_member *trace, const struct fct_json_member *span,
                     char parent[FCT_TRACEPARENT_SIZE])
{
    char text[FCT_TRACEPARENT_SIZE] = "00-";
    bool sized = trace->found && trace->value.kind == FACTUM_JSON_TEXT &&
                 trace->value.raw.len == TRACE_SIZE + 2 && span->found &&
                 span->value.kind == FACTUM_JSON_TEXT && span->value.raw.len == SPAN_SIZE + 2;
    if (!sized) {
        return false;
    }
    memcpy(text + TRACE_AT, trace->value.raw.ptr + 1, TRACE_SIZE);
    text[TRACE_AT + TRACE_SIZE] = '-';
    memcpy(text + SPAN_AT, span->value.raw.ptr + 1, SPAN_SIZE);
    memcpy(text + SPAN_AT + SPAN_SIZE, "-01", 3);
    return fct_traceparent_normal(fct_slice(text, sizeof text), parent);
}

static enum choice choose(const struct given *given, const factum_new_event *event,
                          factum_slice metadata, char parent[FCT_TRACEPARENT_SIZE])
{
    enum { PARENT, TRACE, SPAN, MEMBERS };
    struct fct_json_member members[MEMBERS] = {[PARENT] = {.name = FCT_SLICE("traceparent")},
                                               [TRACE] = {.name = FCT_SLICE("$traceId")},
                                               [SPAN] = {.name = FCT_SLICE("$spanId")}};
    struct fct_json whole;
    enum choice by_call = given->parent ? BY_CALL : LEAVE;
    if (event->stream.ptr[0] == '$' || (metadata.len == 0 && !given->parent)) {
        return LEAVE;
    }
    memcpy(parent, given->traceparent, FCT_TRACEPARENT_SIZE);
    if (metadata.len == 0) {
        return by_call;
    }
    if (metadata.ptr[0] != '{' ||
        (!given->parent && !fct_slice_holds(metadata, FCT_SLICE("\"$traceId\""))) ||
        fct_json_pick(metadata, &whole, members, MEMBERS, NULL) != FACTUM_OK ||
        members[PARENT].found) {
        return LEAVE;
    }
    return join_ids(&members[TRACE], &members[SPAN], parent) ? BY_IDS : by_call;
}

/* The size of |metadata| with what |choice| adds. */
static size_t size_with(const struct given *given, enum choice choice, factum_slice metadata)
{
    size_t state =
        choice == BY_CALL && given->state_len > 0 ? sizeof(STATE_NAME) - 1 + given->state_len : 0;
    size_t old = metadata.len < 2 ? 2 : metadata.len;
    return choice == LEAVE ? 0 : old + 1 + PARENT_MEMBER_SIZE + state + 1;
}

static uint8_t *put(uint8_t *to, const void *bytes, size_t len)
{
    memcpy(to, bytes, len);
    return to + len;
}

/* Writes |metadata| with the new members at its end to |to|; returns where it ends. */
static uint8_t *write_with(const struct given *given, enum choice choice,
                           const char parent[FCT_TRACEPARENT_SIZE], factum_slice metadata,
                           uint8_t *to)
{
    factum_slice inside = fct_slice(NULL, 0);
    *to++ = '{';
    if (metadata.len > 2) {
        inside = fct_slice(metadata.ptr + 1, metadata.len - 2);
        to = put(to, inside.ptr, inside.len);
    }
    if (fct_slice_trim(inside, FCT_JSON_SPACES).len > 0) {
        *to++ = ',';
    }
    to = put(to, PARENT_NAME, sizeof(PARENT_NAME) - 1);
    to = put(to, parent, FCT_TRACEPARENT_SIZE);
    if (choice == BY_CALL && given->state_len > 0) {
        to = put(to, STATE_NAME, sizeof(STATE_NAME) - 1);
        to = put(to, given->state, given->state_len);
    }
    return put(to, "\"}", 2);
}

/* ---- the whole append ------------------------------------------------------------------------ */

static factum_slice metadata_of(const factum_new_event *event)
{
    return fct_slice_trim(event->metadata, FCT_JSON_SPACES);
}

static size_t measure(const struct given *given, const factum_append_request *request)
{
    char parent[FCT_TRACEPARENT_SIZE];
    size_t size = 0;
    for (size_t i = 0; i < request->event_count; i++) {
        factum_slice metadata = metadata_of(&request->events[i]);
        size += size_with(given, choose(given, &request->events[i], metadata, parent), metadata);
    }
    return size;
}

static void write_all(const struct given *given, const factum_append_request *request,
                      factum_new_event *events, uint8_t *to, const uint8_t *end)
{
    char parent[FCT_TRACEPARENT_SIZE];
    for (size_t i = 0; i < request->event_count; i++) {
        factum_slice metadata = metadata_of(&request->events[i]);
        enum choice choice = choose(given, &request->events[i], metadata, parent);
        if (choice != LEAVE) {
            uint8_t *after = write_with(given, choice, parent, metadata, to);
            FCT_ASSERT(after <= end);
            events[i].metadata = fct_slice(to, (size_t)(after - to));
            to = after;
        }
    }
}

factum_status fct_trace_stamp(struct fct_tracing *tracing, factum_append_op *op, factum_error *err)
{
    factum_append_request *request = fct_op_request_here(op);
    struct given given;
    if (request->call == NULL || request->event_count == 0) {
        return FACTUM_OK;
    }
    factum_call call;
    fct_sized_copy(&call, sizeof call, request->call);
    take_call(tracing, &call, &given);
    size_t size = measure(&given, request);
    if (size == 0) {
        return FACTUM_OK;
    }
    size_t events_size = request->event_count * sizeof *request->events;
    struct stamped *stamped = fct_mem_alloc(tracing->mem, sizeof *stamped + events_size + size);
    if (stamped == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "append: out of memory");
    }
    if (request->idempotency_key.len > 0) {
        request->fingerprint = fct_append_fingerprint(request); /* of what was sent */
    }
    *stamped =
        (struct stamped){.tail = {stamped_end}, .before = fct_op_tail(op), .mem = tracing->mem};
    memcpy(stamped->events, request->events, events_size);
    uint8_t *bytes = (uint8_t *)stamped->events + events_size;
    write_all(&given, request, stamped->events, bytes, bytes + size);
    request->events = stamped->events;
    fct_op_set_tail(op, &stamped->tail);
    return FACTUM_OK;
}
