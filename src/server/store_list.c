/* store_list.c - List of factum.v1.Store: names in pages, in turns. Layer: server. */
#include "wire/store_list.h"

#include "core/slice.h"
#include "server/store_calls.h"

#define LIST_ENTRIES_PER_TURN 256
#define LIST_STEPS_PER_CALL 2048
#define LIST_SEND_SIZE ((size_t)32 << 10)

struct store_list_state {
    struct fct_grpc_call *call;
    factum_list *list;
    struct fct_task task;
    bool open; /* |page| is being written */
    struct fct_store_page page;
};

static void list_send_page(struct fct_grpc_call *call)
{
    struct store_list_state *state = call->state;
    if (state->open) {
        state->open = false;
        fct_store_page_end(&state->page);
        fct_grpc_send(call);
    }
}

static factum_status list_add(struct fct_grpc_call *call, const factum_list_entry *entry)
{
    struct store_list_state *state = call->state;
    factum_status status = FACTUM_OK;
    if (!state->open) {
        status = fct_store_page_begin(&state->page, &call->out);
        state->open = status == FACTUM_OK;
    }
    return status == FACTUM_OK ? fct_store_page_add(&state->page, entry) : status;
}

/* Returns false when the call or its turn is over. */
static bool list_give_next(struct fct_grpc_call *call)
{
    struct store_list_state *state = call->state;
    factum_list_entry entry;
    factum_error err;
    factum_status status = factum_list_try_next(state->list, &entry, &err);
    if (status == FACTUM_OK && list_add(call, &entry) != FACTUM_OK) {
        state->open = false;
        fct_store_call_no_memory(call);
        return false;
    }
    if (status == FACTUM_OK) {
        if (fct_store_page_size(&state->page) >= LIST_SEND_SIZE) {
            list_send_page(call);
        }
        return true;
    }
    list_send_page(call);
    if (status == FACTUM_PENDING) { /* many names were examined in vain */
        fct_loop_work(call->server->loop, &state->task);
    } else if (status == FACTUM_DONE) {
        fct_grpc_finish_ok(call);
    } else {
        fct_store_call_fail(call, status, &err);
    }
    return false;
}

static void list_give(struct fct_grpc_call *call)
{
    struct store_list_state *state = call->state;
    for (int i = 0; !call->finished; i++) {
        size_t room = fct_grpc_room(call);
        if (room == 0 || room <= call->out.len) {
            break; /* writable continues */
        }
        if (i == LIST_ENTRIES_PER_TURN) {
            fct_loop_work(call->server->loop, &state->task);
            break;
        }
        if (!list_give_next(call)) {
            return;
        }
    }
    if (!call->finished) {
        list_send_page(call);
    }
}

static void list_on_turn(struct fct_task *task)
{
    struct store_list_state *state = FCT_CONTAINER_OF(task, struct store_list_state, task);
    if (!state->call->finished) {
        list_give(state->call);
    }
}

static void list_writable(struct fct_grpc_call *call)
{
    const struct store_list_state *state = call->state;
    if (state->list != NULL) {
        list_give(call);
    }
}

static void list_message(struct fct_grpc_call *call, factum_slice message)
{
    struct store_list_state *state = call->state;
    factum_list_request request;
    factum_error err;
    const factum_call context = fct_store_call_context(call);
    if (!fct_grpc_allowed(call, FCT_OP_LIST, fct_slice(NULL, 0))) {
        return;
    }
    factum_status status = fct_store_decode_list(message, &request, &err);
    if (status == FACTUM_OK) {
        request.call = &context;
        request.steps_max = LIST_STEPS_PER_CALL;
        status = factum_list_open(call->server->store, &request, &state->list, &err);
    }
    if (status != FACTUM_OK) {
        fct_store_call_fail(call, status, &err);
        return;
    }
    list_give(call);
}

static void list_begin(struct fct_grpc_call *call)
{
    struct store_list_state *state = call->state;
    state->call = call;
    state->task.run = list_on_turn;
}

static void store_list_closed(struct fct_grpc_call *call)
{
    struct store_list_state *state = call->state;
    fct_loop_forget(call->server->loop, &state->task);
    factum_list_close(state->list);
}

const struct fct_grpc_method fct_store_list_method = {
    .path = FCT_STORE_PATH("List"),
    .state_size = sizeof(struct store_list_state),
    .begin = list_begin,
    .message = list_message,
    .writable = list_writable,
    .closed = store_list_closed,
};
