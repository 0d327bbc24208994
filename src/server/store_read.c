/* store_read.c - Read of factum.v1.Store: what is visible when the call begins, in batches.
 * Layer: server.
 *
 * A turn sends events while the client's window has room, at most 256, so that readers take turns.
 *
 * Invariant: the first answer has the place up to which the read sees, and is sent before the call
 * ends with OK, even without events.
 */
#include "wire/store_read.h"

#include "server/store_calls.h"

#define READ_EVENTS_PER_TURN 256
#define READ_SEND_SIZE ((size_t)32 << 10)

struct store_read_state {
    struct fct_feed feed;
    bool opened;
    bool place_sent; /* the place was sent */
    bool open;       /* |batch| is being written */
    struct fct_store_batch batch;
};

/* ---- a turn ---------------------------------------------------------------------------------- */

static factum_status read_begin_batch(struct fct_grpc_call *call)
{
    struct store_read_state *state = call->state;
    if (state->open) {
        return FACTUM_OK;
    }
    uint64_t place = fct_feed_place(&state->feed);
    factum_status status =
        fct_store_batch_begin(&state->batch, &call->out, state->place_sent ? NULL : &place);
    if (status == FACTUM_OK) {
        state->place_sent = true;
        state->open = true;
    }
    return status;
}

static void read_send_batch(struct fct_grpc_call *call)
{
    struct store_read_state *state = call->state;
    if (state->open) {
        state->open = false;
        fct_store_batch_end(&state->batch);
        fct_grpc_send(call);
    }
}

/* The events before it were sent. */
static void read_finish(struct fct_grpc_call *call, factum_status status, const factum_error *err)
{
    const struct store_read_state *state = call->state;
    bool begun = status != FACTUM_DONE || state->place_sent || read_begin_batch(call) == FACTUM_OK;
    read_send_batch(call);
    if (!begun) {
        fct_store_call_no_memory(call);
    } else if (status == FACTUM_DONE) {
        fct_grpc_finish_ok(call);
    } else {
        fct_store_call_fail(call, status, err);
    }
}

/* Returns false when the call or its turn is over; what there is was sent. */
static bool read_give_next(struct fct_grpc_call *call)
{
    struct store_read_state *state = call->state;
    factum_event event;
    factum_error err = {.status = FACTUM_OK};
    factum_status status = fct_feed_next(&state->feed, &event, &err);
    if (status == FACTUM_PENDING) {
        read_send_batch(call);
        return false;
    }
    if (status != FACTUM_OK) {
        read_finish(call, status, &err);
        return false;
    }
    status = read_begin_batch(call);
    if (status == FACTUM_OK) {
        status = fct_store_batch_add(&state->batch, &event);
    }
    if (status != FACTUM_OK) {
        state->open = false;
        fct_store_call_no_memory(call);
        return false;
    }
    if (fct_store_batch_size(&state->batch) >= READ_SEND_SIZE) {
        read_send_batch(call);
    }
    return true;
}

static void read_give(struct fct_grpc_call *call)
{
    struct store_read_state *state = call->state;
    bool waits = false; /* until its client reads: it keeps no buffer meanwhile */
    for (int i = 0; !call->finished; i++) {
        size_t room = fct_grpc_room(call);
        if (room == 0 || room <= call->out.len) {
            waits = true; /* writable continues */
            break;
        }
        if (i == READ_EVENTS_PER_TURN) {
            fct_feed_again(&state->feed);
            break;
        }
        if (!read_give_next(call)) {
            return;
        }
    }
    if (!call->finished) {
        read_send_batch(call);
    }
    if (!call->finished && waits) {
        fct_grpc_rest(call);
    }
}

static void read_on_feed(struct fct_feed *feed)
{
    struct fct_grpc_call *call = feed->data;
    if (!call->finished) {
        read_give(call);
    }
}

static void store_read_writable(struct fct_grpc_call *call)
{
    const struct store_read_state *state = call->state;
    if (state->opened) {
        read_give(call);
    }
}

/* ---- the beginning --------------------------------------------------------------------------- */

static void read_open(struct fct_grpc_call *call, factum_read_request *request, bool follow)
{
    struct store_read_state *state = call->state;
    factum_error err;
    const factum_call context = fct_store_call_context(call);
    if (!fct_store_call_may_read(call, request->source, request->name, &request->skip_system)) {
        return;
    }
    /* cppcheck-suppress autoVariables; the feed needs it only until it is open */
    request->call = &context;
    state->feed.wake = read_on_feed;
    state->feed.data = call;
    state->feed.series = follow;
    factum_status status = fct_feed_open(call->server, &state->feed, request, false, &err);
    if (status != FACTUM_OK) {
        fct_store_call_fail(call, status, &err);
        return;
    }
    state->opened = true;
}

static void store_read_message(struct fct_grpc_call *call, factum_slice message)
{
    const struct store_read_state *state = call->state;
    struct fct_store_read read;
    factum_read_request request;
    factum_error err;
    void *memory = NULL;
    factum_status status = fct_store_decode_read(message, &read, &err);
    if (status == FACTUM_OK && read.memory_size > 0) {
        memory = fct_mem_alloc(call->server->mem, read.memory_size);
        if (memory == NULL) {
            fct_store_call_no_memory(call);
            return;
        }
    }
    if (status == FACTUM_OK) {
        status = fct_store_build_read(&read, memory, &request, &err);
    }
    if (status == FACTUM_OK) {
        read_open(call, &request, read.follow);
    } else {
        fct_store_call_fail(call, status, &err);
    }
    fct_mem_free(call->server->mem, memory);
    if (state->opened) {
        read_give(call);
    }
}

static void store_read_closed(struct fct_grpc_call *call)
{
    struct store_read_state *state = call->state;
    fct_feed_close(&state->feed);
}

const struct fct_grpc_method fct_store_read_method = {
    .path = FCT_STORE_PATH("Read"),
    .state_size = sizeof(struct store_read_state),
    .message = store_read_message,
    .writable = store_read_writable,
    .closed = store_read_closed,
};
