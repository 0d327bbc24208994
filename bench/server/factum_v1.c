/* factum_v1.c - a client of Factum's server by its own protocol, factum.v1.Store: one call
 * Append for all appends, Read for all reads. */
#include "rpc.h"

#include "wire/store_append.h"
#include "wire/store_read.h"

static void on_answer(struct call *call, factum_slice message)
{
    struct fct_store_appended appended;
    factum_error err;
    (void)call;
    if (fct_store_decode_appended(message, &appended, &err) != FACTUM_OK)
        wl_die("append", "not an answer");
    if (appended.status != FACTUM_OK)
        wl_die("append", appended.err.text);
    acked(appended.number);
}

static void v1_put(void *conn, const wl_event *event, uint64_t tag, enum put_mode mode)
{
    struct rpc *rpc = conn;
    (void)mode;
    if (!rpc->batch) {
        rpc->batch = rpc_call(rpc, on_answer);
        rpc_begin(rpc->batch, FCT_STORE_PATH("Append"));
    }
    factum_new_event new_event = {
        .type = {(const uint8_t *)event->type, event->type_len},
        .data = {(const uint8_t *)event->data, event->data_len},
        .metadata = {(const uint8_t *)event->meta, event->meta_len},
    };
    memcpy(&new_event.id, event->id, 16);
    const factum_expectation expectation = {
        .stream = {(const uint8_t *)event->name, event->name_len},
        .expected = event->version ? factum_at(event->version - 1) : factum_no_stream(),
    };
    new_event.stream = expectation.stream;
    const factum_append_request request = {.size = sizeof request,
                                           .events = &new_event,
                                           .event_count = 1,
                                           .expectations = &expectation,
                                           .expectation_count = 1};
    const struct fct_store_append append = {.number = tag};
    if (fct_store_encode_append(&rpc->batch->out, &append, &request) != FACTUM_OK)
        wl_die("append", "no memory");
    rpc_say(rpc->batch);
}

static void on_read_answer(struct call *call, factum_slice message)
{
    struct fct_store_events events;
    struct fct_store_event_room room;
    factum_event event;
    factum_error err;
    if (fct_store_decode_events(message, &events, &err) != FACTUM_OK)
        wl_die("read", "not an answer");
    while (fct_store_next_event(&events, &room, &event, &err) == FACTUM_OK)
        wl_consume(call->rpc->sink, event.data.ptr, event.data.len, event.metadata.ptr,
                   event.metadata.len);
}

static void read_to_end(struct rpc *rpc, const factum_read_request *request, wl_sink *sink)
{
    struct call *call = rpc_call(rpc, on_read_answer);
    if (fct_store_encode_read(&call->out, request, false) != FACTUM_OK)
        wl_die("read", "no memory");
    call->closing = true;
    rpc->sink = sink;
    rpc_begin(call, FCT_STORE_PATH("Read"));
    rpc_finish(call);
}

static void v1_replay(void *conn, wl_sink *sink)
{
    read_to_end(conn, &(factum_read_request){.size = sizeof(factum_read_request)}, sink);
}

static void v1_stream(void *conn, const char *name, wl_sink *sink)
{
    read_to_end(conn,
                &(factum_read_request){.size = sizeof(factum_read_request),
                                       .source = FACTUM_SOURCE_STREAM,
                                       .name = {(const uint8_t *)name, strlen(name)}},
                sink);
}

static void *v1_dial(void)
{
    return rpc_dial();
}

const struct door factum_v1_door = {
    .name = "factum-v1",
    .dial = v1_dial,
    .hangup = rpc_hangup,
    .fd = rpc_fd,
    .put = v1_put,
    .flush = rpc_flush,
    .take = rpc_take,
    .replay = v1_replay,
    .stream = v1_stream,
};
