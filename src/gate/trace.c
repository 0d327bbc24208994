/* trace.c - see trace.h. Layer: gate.
 *
 * Two passes, so that the copy is one block of exactly the size needed. The first pass decides what
 * each event gets. Only the decisions for the first few events are kept; the others are made again.
 */
#include "gate/trace.h"

#include <factum/json_write.h>

#include <string.h>

#include "codec/json.h"
#include "core/arena.h"
#include "core/check.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/slice.h"
#include "core/trace_context.h"
#include "engine/check_append.h"
#include "engine/rules.h"
#include "os/os.h"

#define PARENT_NAME "\"traceparent\":\""
#define STATE_NAME "\",\"tracestate\":\""
#define STATE_SIZE_MAX 512u /* a longer one is dropped */
#define TRACE_SIZE 32u
#define SPAN_SIZE 16u
#define TRACE_AT 3u
#define SPAN_AT 36u
#define IDS_SIZE_MAX ((size_t)64 << 10) /* of both ids as JSON */

enum { CORRELATION, CAUSATION, IDS };

/* What the context of an append gives to its events. */
struct given {
    factum_slice ids[IDS]; /* as JSON members: "$correlationId":"..."; empty: not given */
    bool parent;
    char traceparent[FCT_TRACEPARENT_SIZE];
    size_t state_len;
    char state[2 * STATE_SIZE_MAX]; /* as JSON text */
};

/* What one event gets. */
struct addition {
    bool ids[IDS];
    bool parent;
    bool state;
    char traceparent[FCT_TRACEPARENT_SIZE];
};

#define CHOICES_KEPT 8u

struct choice {
    bool any;
    struct addition add;
};

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
    factum_error ignored;
    *tracing = (struct fct_tracing){.mem = mem};
    /* Without random bytes the ids of this process may equal those of another one: an unlikely flaw
     * of a picture, and no reason to refuse events. */
    if (fct_os_random(fct_os_real(), &tracing->seed, sizeof tracing->seed, &ignored) != FACTUM_OK) {
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
    for (size_t i = 0; i < state.len; i++) { /* a valid state has no control characters */
        uint8_t c = state.ptr[i] == '\t' ? ' ' : state.ptr[i];
        if (c == '"' || c == '\\') {
            given->state[given->state_len++] = '\\';
        }
        given->state[given->state_len++] = (char)c;
    }
}

/* Makes one id for the append, the parent of everything that follows from its events. */
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

/* "traceparent" from the ids of KurrentDB's clients. */
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

/* Can |metadata| get anything added? Cheap, and may answer yes wrongly. */
static bool may_add(const struct given *given, factum_slice metadata)
{
    bool any = given->parent || given->ids[CORRELATION].len > 0 || given->ids[CAUSATION].len > 0;
    return any || fct_slice_holds(metadata, FCT_SLICE("\"$traceId\""));
}

/* Decides what an event with |metadata|, which is trimmed, gets. False: nothing. */
static bool choose(const struct given *given, const factum_new_event *event, factum_slice metadata,
                   struct addition *add)
{
    enum { PARENT = IDS, TRACE, SPAN, MEMBERS };
    struct fct_json_member members[MEMBERS] = {
        [CORRELATION] = {.name = FCT_SLICE("$correlationId")},
        [CAUSATION] = {.name = FCT_SLICE("$causationId")},
        [PARENT] = {.name = FCT_SLICE("traceparent")},
        [TRACE] = {.name = FCT_SLICE("$traceId")},
        [SPAN] = {.name = FCT_SLICE("$spanId")},
    };
    struct fct_json whole;
    if (event->stream.ptr[0] == '$' || !may_add(given, metadata) ||
        (metadata.len > 0 &&
         (metadata.ptr[0] != '{' ||
          fct_json_pick(metadata, &whole, members, MEMBERS, NULL) != FACTUM_OK))) {
        return false;
    }
    for (size_t i = 0; i < IDS; i++) {
        add->ids[i] = given->ids[i].len > 0 && !members[i].found;
    }
    bool own =
        !members[PARENT].found && join_ids(&members[TRACE], &members[SPAN], add->traceparent);
    add->parent = own || (given->parent && !members[PARENT].found);
    add->state = add->parent && !own && given->state_len > 0;
    if (add->parent && !own) {
        memcpy(add->traceparent, given->traceparent, FCT_TRACEPARENT_SIZE);
    }
    return add->ids[CORRELATION] || add->ids[CAUSATION] || add->parent;
}

/* The most bytes that |metadata| can have with the additions. */
static size_t size_with(const struct given *given, const struct addition *add,
                        factum_slice metadata)
{
    size_t size = (metadata.len < 2 ? 2 : metadata.len) + 1;
    for (size_t i = 0; i < IDS; i++) {
        size += add->ids[i] ? given->ids[i].len + 1 : 0;
    }
    size += add->parent ? sizeof(PARENT_NAME "\"") - 1 + FCT_TRACEPARENT_SIZE + 1 : 0;
    return size + (add->state ? sizeof(STATE_NAME) - 1 + given->state_len : 0);
}

static uint8_t *put_bytes(uint8_t *to, const void *bytes, size_t len)
{
    if (len > 0) {
        memcpy(to, bytes, len);
    }
    return to + len;
}

static uint8_t *put_trace(uint8_t *to, const struct given *given, const struct addition *add)
{
    to = put_bytes(to, PARENT_NAME, sizeof(PARENT_NAME) - 1);
    to = put_bytes(to, add->traceparent, FCT_TRACEPARENT_SIZE);
    if (add->state) {
        to = put_bytes(to, STATE_NAME, sizeof(STATE_NAME) - 1);
        to = put_bytes(to, given->state, given->state_len);
    }
    *to++ = '"';
    *to++ = ',';
    return to;
}

/* Writes |metadata| with the new members at its end to |to|; returns where it ends. Each member is
 * followed by a comma, and the last comma is replaced by the bracket. */
static uint8_t *write_with(const struct given *given, const struct addition *add,
                           factum_slice metadata, uint8_t *to)
{
    factum_slice inside = fct_slice(NULL, 0);
    *to++ = '{';
    if (metadata.len > 2) {
        inside = fct_slice(metadata.ptr + 1, metadata.len - 2);
        to = put_bytes(to, inside.ptr, inside.len);
    }
    if (fct_slice_trim(inside, FCT_JSON_SPACES).len > 0) {
        *to++ = ',';
    }
    for (size_t i = 0; i < IDS; i++) {
        if (add->ids[i]) {
            to = put_bytes(to, given->ids[i].ptr, given->ids[i].len);
            *to++ = ',';
        }
    }
    to = add->parent ? put_trace(to, given, add) : to;
    to[-1] = '}';
    return to;
}

/* ---- the ids of the context ------------------------------------------------------------------ */

/* Makes the id a JSON member, in |arena|. */
static factum_status print_id(const char *name, factum_slice id, factum_arena *arena,
                              factum_slice *member, factum_error *err)
{
    factum_json_writer to;
    *member = fct_slice(NULL, 0);
    if (id.len == 0) {
        return FACTUM_OK;
    }
    factum_json_writer_in(&to, arena);
    factum_json_put_object(&to);
    factum_json_put_member_text(&to, name, id);
    factum_json_put_end(&to);
    factum_status status = factum_json_writer_finish(&to, err);
    if (status == FACTUM_OK) {
        *member = fct_slice(to.buffer + 1, to.used - 2); /* without its brackets */
    }
    return status;
}

static factum_status take_ids(const factum_call *call, factum_arena *arena, struct given *given,
                              factum_error *err)
{
    factum_status status =
        print_id("$correlationId", call->correlation_id, arena, &given->ids[CORRELATION], err);
    return status == FACTUM_OK
               ? print_id("$causationId", call->causation_id, arena, &given->ids[CAUSATION], err)
               : status;
}

/* ---- the whole append ------------------------------------------------------------------------ */

static factum_slice metadata_of(const factum_new_event *event)
{
    return fct_slice_trim(event->metadata, FCT_JSON_SPACES);
}

static size_t measure(const struct given *given, const factum_append_request *request,
                      struct choice choices[CHOICES_KEPT])
{
    struct choice other;
    size_t size = 0;
    for (size_t i = 0; i < request->event_count; i++) {
        struct choice *choice = i < CHOICES_KEPT ? &choices[i] : &other;
        factum_slice metadata = metadata_of(&request->events[i]);
        choice->any = choose(given, &request->events[i], metadata, &choice->add);
        if (choice->any) {
            size += size_with(given, &choice->add, metadata);
        }
    }
    return size;
}

static void write_all(const struct given *given, const factum_append_request *request,
                      const struct choice choices[CHOICES_KEPT], factum_new_event *events,
                      uint8_t *to, const uint8_t *end)
{
    struct choice other;
    for (size_t i = 0; i < request->event_count; i++) {
        const struct choice *choice = i < CHOICES_KEPT ? &choices[i] : &other;
        factum_slice metadata = metadata_of(&request->events[i]);
        if (i >= CHOICES_KEPT) {
            other.any = choose(given, &request->events[i], metadata, &other.add);
        }
        if (choice->any) {
            uint8_t *after = write_with(given, &choice->add, metadata, to);
            FCT_ASSERT(after <= end);
            events[i].metadata = fct_slice(to, (size_t)(after - to));
            to = after;
        }
    }
}

/* Replaces the request by a copy with the additions of |given|, of at most |size| bytes of
 * metadata. */
static factum_status copy_request(struct fct_tracing *tracing, const struct given *given,
                                  const struct choice choices[CHOICES_KEPT], size_t size,
                                  factum_append_op *op, factum_error *err)
{
    factum_append_request *request = fct_op_request_here(op);
    size_t events_size = request->event_count * sizeof *request->events;
    struct stamped *stamped = fct_mem_alloc(tracing->mem, sizeof *stamped + events_size + size);
    if (stamped == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "append: out of memory");
    }
    if (request->idempotency_key.len > 0) {
        request->fingerprint = fct_append_fingerprint(request); /* of the request as it was sent */
    }
    *stamped =
        (struct stamped){.tail = {stamped_end}, .before = fct_op_tail(op), .mem = tracing->mem};
    memcpy(stamped->events, request->events, events_size);
    uint8_t *bytes = (uint8_t *)stamped->events + events_size;
    write_all(given, request, choices, stamped->events, bytes, bytes + size);
    request->events = stamped->events;
    fct_op_set_tail(op, &stamped->tail);
    return FACTUM_OK;
}

factum_status fct_trace_stamp(struct fct_tracing *tracing, factum_append_op *op, factum_error *err)
{
    const factum_append_request *request = fct_op_request(op);
    struct given given;
    struct choice choices[CHOICES_KEPT];
    factum_arena arena;
    if (request->call == NULL || request->event_count == 0) {
        return FACTUM_OK;
    }
    const factum_call call = fct_call_get(request->call);
    take_call(tracing, &call, &given);
    fct_arena_init(&arena, tracing->mem, IDS_SIZE_MAX);
    factum_status status = take_ids(&call, &arena, &given, err);
    size_t size = status == FACTUM_OK ? measure(&given, request, choices) : 0;
    if (size > 0) {
        status = copy_request(tracing, &given, choices, size, op, err);
    }
    factum_arena_finish(&arena);
    return status;
}
