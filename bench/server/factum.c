/* factum.c - clients of Factum's server, by the protocol of KurrentDB: appends by BatchAppend
 * (factum) and by Append, one call each (unary). Requests follow proto/kurrent/streams.proto. */
#include "rpc.h"

#include "core/slice.h"
#include "wire/protobuf.h"

#define STREAMS "/event_store.client.streams.Streams/"

static factum_slice text_of(const char *text)
{
    return (factum_slice){(const uint8_t *)text, strlen(text)};
}

static void put_identifier(struct fct_pb_writer *writer, uint32_t number, factum_slice name)
{
    size_t begun = fct_pb_begin(writer, number);
    fct_pb_add_bytes(writer, 3, name);
    fct_pb_end(writer, begun);
}

static void put_id(struct fct_pb_writer *writer, uint32_t number, uint64_t high, uint64_t low)
{
    size_t id = fct_pb_begin(writer, number);
    size_t structured = fct_pb_begin(writer, 1);
    fct_pb_put_uint(writer, 1, high);
    fct_pb_put_uint(writer, 2, low);
    fct_pb_end(writer, structured);
    fct_pb_end(writer, id);
}

static void put_empty(struct fct_pb_writer *writer, uint32_t number)
{
    fct_pb_add_bytes(writer, number, (factum_slice){NULL, 0});
}

static void put_entry(struct fct_pb_writer *writer, factum_slice key, factum_slice value)
{
    size_t begun = fct_pb_begin(writer, 2);
    fct_pb_add_bytes(writer, 1, key);
    fct_pb_add_bytes(writer, 2, value);
    fct_pb_end(writer, begun);
}

/* Stream and expected version, which have the same numbers in both appends. */
static void put_options(struct fct_pb_writer *writer, uint32_t number, const wl_event *event)
{
    size_t begun = fct_pb_begin(writer, number);
    put_identifier(writer, 1, (factum_slice){(const uint8_t *)event->name, event->name_len});
    if (event->version > 0)
        fct_pb_add_uint(writer, 2, event->version - 1);
    else
        put_empty(writer, 3);
    fct_pb_end(writer, begun);
}

static void put_proposed(struct fct_pb_writer *writer, uint32_t number, const wl_event *event)
{
    uint64_t id[2];
    memcpy(id, event->id, 16);
    size_t begun = fct_pb_begin(writer, number);
    put_id(writer, 1, id[0], id[1]);
    put_entry(writer, FCT_SLICE("type"),
              (factum_slice){(const uint8_t *)event->type, event->type_len});
    put_entry(writer, FCT_SLICE("content-type"), FCT_SLICE("application/json"));
    fct_pb_put_bytes(writer, 3, (factum_slice){(const uint8_t *)event->meta, event->meta_len});
    fct_pb_put_bytes(writer, 4, (factum_slice){(const uint8_t *)event->data, event->data_len});
    fct_pb_end(writer, begun);
}

static size_t frame_begin(struct fct_buf *buf)
{
    size_t begun;
    if (fct_grpc_frame_begin(buf, &begun) != FACTUM_OK)
        wl_die("rpc", "no memory");
    return begun;
}

static factum_slice member(factum_slice message, uint32_t number)
{
    struct fct_pb_reader reader = fct_pb_reader(message);
    struct fct_pb_field field;
    while (fct_pb_next(&reader, &field)) {
        if (field.number == number && field.type == FCT_PB_BYTES)
            return field.bytes;
    }
    return (factum_slice){NULL, 0};
}

/* ---- BatchAppend ----------------------------------------------------------------------------- */

/* The correlation id is the tag and a 1. */
static void on_batch_answer(struct call *call, factum_slice message)
{
    struct fct_pb_reader reader = fct_pb_reader(message);
    struct fct_pb_field field;
    uint64_t tag = 0;
    bool success = false;
    (void)call;
    while (fct_pb_next(&reader, &field)) {
        if (field.number == 1) {
            struct fct_pb_reader id = fct_pb_reader(member(field.bytes, 1));
            while (fct_pb_next(&id, &field)) {
                if (field.number == 1)
                    tag = field.value;
            }
        } else if (field.number == 3) {
            success = true;
        }
    }
    if (!success)
        wl_die("append", "refused");
    acked(tag);
}

static void batch_put(void *conn, const wl_event *event, uint64_t tag, enum put_mode mode)
{
    struct rpc *rpc = conn;
    (void)mode;
    if (!rpc->batch) {
        rpc->batch = rpc_call(rpc, on_batch_answer);
        rpc_begin(rpc->batch, STREAMS "BatchAppend");
    }
    struct fct_pb_writer writer = fct_pb_writer(&rpc->batch->out);
    size_t frame = frame_begin(&rpc->batch->out);
    put_id(&writer, 1, tag, 1);
    put_options(&writer, 2, event);
    put_proposed(&writer, 3, event);
    fct_pb_put_uint(&writer, 4, 1);
    fct_grpc_frame_end(&rpc->batch->out, frame);
    rpc_say(rpc->batch);
}

/* ---- Append ---------------------------------------------------------------------------------- */

static void on_append_answer(struct call *call, factum_slice message)
{
    if (!member(message, 1).len)
        wl_die("append", "refused");
    (void)call;
}

static void on_append_end(struct call *call)
{
    acked(call->tag);
}

static void unary_put(void *conn, const wl_event *event, uint64_t tag, enum put_mode mode)
{
    struct call *call = rpc_call(conn, on_append_answer);
    (void)mode;
    call->tag = tag;
    call->end = on_append_end;
    struct fct_pb_writer writer = fct_pb_writer(&call->out);
    size_t frame = frame_begin(&call->out);
    put_options(&writer, 1, event);
    fct_grpc_frame_end(&call->out, frame);
    frame = frame_begin(&call->out);
    put_proposed(&writer, 2, event);
    fct_grpc_frame_end(&call->out, frame);
    call->closing = true;
    rpc_begin(call, STREAMS "Append");
}

/* ---- Read ------------------------------------------------------------------------------------ */

static void on_read_answer(struct call *call, factum_slice message)
{
    struct rpc *rpc = call->rpc;
    struct fct_pb_reader reader = fct_pb_reader(message);
    struct fct_pb_field field;
    if (!fct_pb_next(&reader, &field))
        return;
    rpc->seen = true;
    if (field.number != 1) /* confirmation, caught up ... */
        return;
    factum_slice data = {NULL, 0}, meta = {NULL, 0};
    reader = fct_pb_reader(member(field.bytes, 1));
    while (fct_pb_next(&reader, &field)) {
        if (field.number == 7)
            meta = field.bytes;
        else if (field.number == 8)
            data = field.bytes;
    }
    if (rpc->sink)
        wl_consume(rpc->sink, data.ptr, data.len, meta.ptr, meta.len);
    else
        arrived((const char *)data.ptr, data.len);
}

/* |stream| NULL: all. |count| 0: a subscription to new events. */
static struct call *begin_read(struct rpc *rpc, const char *stream, uint64_t count)
{
    struct call *call = rpc_call(rpc, on_read_answer);
    struct fct_pb_writer writer = fct_pb_writer(&call->out);
    uint32_t from = count ? 0 : 1; /* start, or end, which comes after it */
    size_t frame = frame_begin(&call->out);
    size_t options = fct_pb_begin(&writer, 1);
    size_t source = fct_pb_begin(&writer, stream ? 1 : 2);
    if (stream)
        put_identifier(&writer, 1, text_of(stream));
    put_empty(&writer, (stream ? 3 : 2) + from);
    fct_pb_end(&writer, source);
    if (count)
        fct_pb_put_uint(&writer, 5, count);
    else
        put_empty(&writer, 6);
    put_empty(&writer, 8);
    size_t form = fct_pb_begin(&writer, 9);
    put_empty(&writer, 1);
    fct_pb_end(&writer, form);
    fct_pb_end(&writer, options);
    fct_grpc_frame_end(&call->out, frame);
    call->closing = true;
    rpc_begin(call, STREAMS "Read");
    return call;
}

static void read_to_end(struct rpc *rpc, const char *stream, uint64_t count, wl_sink *sink)
{
    rpc->sink = sink;
    rpc_finish(begin_read(rpc, stream, count));
    rpc->sink = NULL;
}

static void factum_replay(void *conn, wl_sink *sink)
{
    read_to_end(conn, NULL, INT64_MAX, sink);
}

static void factum_stream(void *conn, const char *name, wl_sink *sink)
{
    read_to_end(conn, name, INT64_MAX, sink);
}

static bool factum_first(void *conn)
{
    wl_sink sink = {0};
    read_to_end(conn, NULL, 1, &sink);
    return sink.events == 1;
}

static void factum_subscribe(void *conn, const char *stream)
{
    struct rpc *rpc = conn;
    rpc->seen = false;
    begin_read(rpc, stream, 0);
    rpc_flush(rpc);
    while (!rpc->seen)
        rpc_take(rpc);
}

static void *factum_dial(void)
{
    return rpc_dial();
}

const struct door factum_door = {
    .name = "factum",
    .dial = factum_dial,
    .hangup = rpc_hangup,
    .fd = rpc_fd,
    .put = batch_put,
    .flush = rpc_flush,
    .take = rpc_take,
    .first = factum_first,
    .replay = factum_replay,
    .stream = factum_stream,
    .subscribe = factum_subscribe,
    .news = rpc_take,
};

const struct door factum_unary_door = {
    .name = "factum-unary",
    .dial = factum_dial,
    .hangup = rpc_hangup,
    .fd = rpc_fd,
    .put = unary_put,
    .flush = rpc_flush,
    .take = rpc_take,
};

/* bare.c answers these calls. */
const struct door bare_door = {
    .name = "http2-sync",
    .dial = factum_dial,
    .hangup = rpc_hangup,
    .fd = rpc_fd,
    .put = unary_put,
    .flush = rpc_flush,
    .take = rpc_take,
};
