/* store_append.c - Append of factum.v1.Store: many appends at once, answered as they end.
 * Layer: server.
 *
 *     message -> decode -> rights -> one allocation: op, message, arrays, revisions -> the store
 *     the store -> the loop -> answer -> the op is freed
 *
 * Invariants (append_check).
 *  1. Each append request gets one answer, and a cancel none. Bytes that are no message end the
 *     call: the following bytes could not be trusted.
 *  2. Bytes of the body are held until their append is answered, and while the client does not read
 *     its answers: the client's window bounds what waits.
 *  3. When the call has closed, running appends continue without an answer.
 *  4. server->collected_size counts the size of every op, beside the jobs of kurrent_job.c. An
 *     append that finds no room is BUSY; the watchers are notified when half of the room is free
 *     again.
 */
#include "wire/store_append.h"

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "server/models.h"
#include "server/store_calls.h"

#define APPEND_BUCKETS 256u

/* An append under way; arrays and the message follow in the same block. */
struct store_op {
    struct fct_pending pending;
    struct fct_server *server;
    struct fct_grpc_call *call; /* NULL: the client has disconnected */
    struct store_op *next;      /* in a bucket of the call's table */
    struct store_op **slot;
    factum_call context;
    uint64_t number;
    size_t size; /* of the block */
    size_t held;
    size_t revision_count; /* how many are wanted */
};

struct store_append_state {
    struct fct_grpc_call *call;
    struct fct_watcher watcher; /* is called when the server stops */
    size_t running;
    size_t withheld;                   /* bytes of answered appends that are not yet released */
    bool ended;                        /* the client sends nothing more */
    char behind[FCT_BEHIND_TEXT_SIZE]; /* of the last append that has one */
    struct store_op *ops[APPEND_BUCKETS];
};

static void append_check(const struct store_append_state *state)
{
    FCT_ASSERT(state->call->server->collected_size <= FCT_COLLECTED_MAX);
    FCT_ASSERT(state->withheld <= state->call->held);
}

/* ---- answers --------------------------------------------------------------------------------- */

static void append_release(struct fct_grpc_call *call, size_t size)
{
    struct store_append_state *state = call->state;
    append_check(state);
    state->withheld += size;
    if (fct_grpc_room(call) > 0) {
        size_t all = state->withheld;
        state->withheld = 0;
        fct_grpc_release(call, all);
    }
}

static void append_finish_if_done(struct fct_grpc_call *call)
{
    const struct store_append_state *state = call->state;
    if (state->running > 0) {
        return;
    }
    if (state->ended) {
        struct fct_field field;
        size_t count = fct_models_behind_field(state->behind, &field);
        fct_grpc_finish(call, FCT_GRPC_OK, fct_slice(NULL, 0), &field, count);
    } else if (call->server->stopping) {
        factum_error err;
        (void)fct_fail(&err, FACTUM_UNREACHABLE, "the server is shutting down");
        fct_store_call_fail(call, FACTUM_UNREACHABLE, &err);
    }
}

static void append_news(struct fct_watcher *watcher, uint32_t news)
{
    const struct store_append_state *state =
        FCT_CONTAINER_OF(watcher, struct store_append_state, watcher);
    (void)news;
    if (state->call->server->stopping && !state->call->finished) {
        append_finish_if_done(state->call);
    }
}

static void append_send(struct fct_grpc_call *call, const struct fct_store_appended *appended)
{
    if (call->finished) {
        return;
    }
    if (fct_store_encode_appended(&call->out, appended) == FACTUM_OK) {
        fct_grpc_send(call);
    } else {
        fct_store_call_no_memory(call); /* a missing answer would never be noticed */
    }
}

static void append_refuse(struct fct_grpc_call *call, uint64_t number, factum_status status,
                          const factum_error *err)
{
    const struct fct_store_appended appended = {.number = number, .status = status, .err = *err};
    append_send(call, &appended);
}

static void append_free(struct store_op *op)
{
    struct fct_server *server = op->server;
    FCT_ASSERT(server->collected_size >= op->size);
    server->collected_size -= op->size;
    if (server->room_wanted && server->collected_size <= FCT_COLLECTED_MAX / 2) {
        server->room_wanted = false;
        fct_feeds_room(server);
    }
    if (op->slot != NULL) {
        *op->slot = op->next;
        if (op->next != NULL) {
            op->next->slot = op->slot;
        }
    }
    fct_mem_free(server->mem, op);
}

static void append_done(struct fct_pending *pending)
{
    struct store_op *op = FCT_CONTAINER_OF(pending, struct store_op, pending);
    struct fct_grpc_call *call = op->call;
    if (call == NULL) {
        append_free(op);
        return;
    }
    struct store_append_state *state = call->state;
    const struct fct_store_appended appended = {
        .number = op->number,
        .status = pending->op.status,
        .result = pending->op.result,
        .err = pending->op.err,
        .revisions = pending->op.status == FACTUM_OK ? pending->op.revisions : NULL,
        .revision_count = op->revision_count,
    };
    if (pending->behind != NULL) {
        fct_models_behind_text(pending->behind, state->behind);
    }
    append_send(call, &appended);
    FCT_ASSERT(state->running > 0);
    state->running--;
    append_release(call, op->held);
    append_free(op);
    append_finish_if_done(call);
}

/* ---- requests -------------------------------------------------------------------------------- */

/* Events written need the right to write; streams that are only checked need the right to read. */
static factum_status append_check_rights(const struct fct_grpc_call *call,
                                         const factum_append_request *request,
                                         factum_append_action action, factum_error *err)
{
    const struct fct_principal *principal = call->principal;
    enum fct_operation on_stream =
        action == FACTUM_ACTION_APPEND ? FCT_OP_READ_STREAM : FCT_OP_DELETE;
    factum_slice last = fct_slice(NULL, 0);
    factum_status status = FACTUM_OK;
    if (principal->right == FCT_RIGHT_DEPLOY) {
        return FACTUM_OK;
    }
    for (size_t i = 0; status == FACTUM_OK && i < request->expectation_count; i++) {
        status = fct_rights_check(principal, on_stream, request->expectations[i].stream, err);
    }
    for (size_t i = 0; status == FACTUM_OK && i < request->event_count; i++) {
        if (i == 0 || request->events[i].stream.ptr != last.ptr) {
            last = request->events[i].stream;
            status = fct_rights_check(principal, FCT_OP_APPEND, last, err);
        }
    }
    if (status == FACTUM_OK && request->condition != NULL) {
        status = fct_rights_check(principal, FCT_OP_READ_ALL, fct_slice(NULL, 0), err);
    }
    return status;
}

static size_t append_round_up(size_t size)
{
    return (size + FCT_STORE_ALIGNMENT - 1) / FCT_STORE_ALIGNMENT * FCT_STORE_ALIGNMENT;
}

/* Allocates op, arrays, revisions and a copy of the message, from which |append| then borrows.
 * Returns NULL if there is no room or no memory. */
static struct store_op *append_make(struct fct_grpc_call *call, struct fct_store_append *append,
                                    uint8_t **arrays, factum_error *err)
{
    struct fct_server *server = call->server;
    size_t head = append_round_up(sizeof(struct store_op));
    size_t revisions = append->revisions ? append->event_count * sizeof(uint64_t) : 0;
    size_t size = head + append->memory_size + revisions + append->message.len;
    append_check(call->state);
    if (size > FCT_COLLECTED_MAX - server->collected_size) {
        server->room_wanted = true;
        (void)fct_fail(err, FACTUM_BUSY, "append: too many bytes of appends wait: try again");
        return NULL;
    }
    uint8_t *block = fct_mem_alloc(server->mem, size);
    if (block == NULL) {
        (void)fct_fail(err, FACTUM_NO_MEMORY, "append: the server is out of memory");
        return NULL;
    }
    server->collected_size += size;
    struct store_op *op = (void *)block;
    *op = (struct store_op){.server = server, .call = call, .number = append->number, .size = size};
    *arrays = block + head;
    uint8_t *after = block + head + append->memory_size;
    if (revisions > 0) {
        op->revision_count = append->event_count;
        op->pending.op.revisions = (void *)after;
    }
    after += revisions;
    fct_store_move_append(append, after);
    return op;
}

static void append_set_context(struct store_op *op, const struct fct_store_append *append)
{
    op->context = (factum_call){.size = sizeof op->context,
                                .principal = op->call->principal->name,
                                .traceparent = append->traceparent,
                                .tracestate = append->tracestate,
                                .correlation_id = append->correlation_id,
                                .causation_id = append->causation_id};
    if (append->has_timeout) {
        bool far = append->timeout_ms > INT64_MAX;
        op->context.deadline = factum_deadline(far ? INT64_MAX : (int64_t)append->timeout_ms);
    }
    op->pending.request.call = &op->context;
}

static void append_add(struct store_append_state *state, struct store_op *op)
{
    struct store_op **slot = &state->ops[op->number % APPEND_BUCKETS];
    op->next = *slot;
    op->slot = slot;
    if (op->next != NULL) {
        op->next->slot = &op->next;
    }
    *slot = op;
    state->running++;
}

static void append_start(struct fct_grpc_call *call, struct fct_store_append *append)
{
    factum_error err;
    uint8_t *arrays;
    size_t message_size = append->message.len;
    struct store_op *op = append_make(call, append, &arrays, &err);
    if (op == NULL) {
        append_refuse(call, append->number, err.status, &err);
        return;
    }
    factum_status status = fct_store_build_append(append, arrays, &op->pending.request, &err);
    if (status == FACTUM_OK) {
        status = append_check_rights(call, &op->pending.request, append->action, &err);
    }
    if (status == FACTUM_OK) {
        op->pending.op.action = append->action;
        op->pending.done = append_done;
        append_set_context(op, append);
        status = fct_append_start(call->server, &op->pending, &err);
    }
    if (status != FACTUM_OK) {
        const struct fct_store_appended refused = {.number = append->number,
                                                   .status = status,
                                                   .result = op->pending.op.result,
                                                   .err = err};
        append_send(call, &refused);
        append_free(op);
        return;
    }
    op->held = message_size;
    fct_grpc_hold(call, op->held);
    append_add(call->state, op);
}

static void append_cancel(struct fct_grpc_call *call, uint64_t number)
{
    struct store_append_state *state = call->state;
    struct store_op *op = state->ops[number % APPEND_BUCKETS];
    while (op != NULL && op->number != number) {
        op = op->next;
    }
    if (op != NULL) {
        factum_append_cancel(call->server->store, &op->pending.op);
    }
}

static void store_append_message(struct fct_grpc_call *call, factum_slice message)
{
    struct fct_store_append append;
    factum_error err;
    factum_status status = fct_store_decode_append(message, &append, &err);
    if (status == FACTUM_TOO_BIG) {
        append_refuse(call, append.number, status, &err);
    } else if (status != FACTUM_OK) {
        fct_store_call_fail(call, status, &err);
    } else if (append.cancel) {
        append_cancel(call, append.number);
    } else {
        append_start(call, &append);
    }
}

static void store_append_begin(struct fct_grpc_call *call)
{
    struct store_append_state *state = call->state;
    if (!fct_grpc_allowed(call, FCT_OP_APPEND, fct_slice(NULL, 0))) {
        return; /* the call has ended */
    }
    state->call = call;
    state->watcher.news = append_news;
    fct_feeds_watch(call->server, &state->watcher);
}

static void store_append_end(struct fct_grpc_call *call)
{
    struct store_append_state *state = call->state;
    state->ended = true;
    append_finish_if_done(call);
}

static void append_writable(struct fct_grpc_call *call)
{
    append_release(call, 0);
}

static void store_append_closed(struct fct_grpc_call *call)
{
    struct store_append_state *state = call->state;
    fct_feeds_unwatch(&state->watcher);
    for (size_t i = 0; i < APPEND_BUCKETS; i++) {
        while (state->ops[i] != NULL) {
            struct store_op *op = state->ops[i];
            state->ops[i] = op->next;
            op->slot = NULL;
            op->call = NULL;
        }
    }
}

const struct fct_grpc_method fct_store_append_method = {
    .path = FCT_STORE_PATH("Append"),
    .state_size = sizeof(struct store_append_state),
    .streams_requests = true,
    .bidirectional = true,
    .begin = store_append_begin,
    .message = store_append_message,
    .end = store_append_end,
    .writable = append_writable,
    .closed = store_append_closed,
};
