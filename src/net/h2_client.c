/* h2_client.c - see h2_client.h. Layer: net. HTTP/2 (RFC 9113) over nghttp2.
 *
 * Knows nothing of sockets, TLS, gRPC or stores.
 *
 * Invariants (client_check).
 *  1. closed() is called once for each call that was started: when nghttp2 closes the stream, by
 *     the receive, send or tick that follows a cancel, or by destroy.
 *  2. After a failed allocation inside nghttp2 the session is broken: neither receive nor send
 *     calls nghttp2 again.
 *  3. A writer that found no room left more than half of the room waiting. was_full remembers this,
 *     so that writable follows.
 *  4. Handlers run only inside receive, send, tick and destroy, of which one runs at a time.
 */
#include "net/h2_client.h"

#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "net/h2_int.h"

enum {
    CLIENT_FIELDS_MAX = 64,
    CLIENT_HEAD_SIZE_MAX = 16 * 1024,
    CLIENT_REQUEST_FIELDS_MAX = 32,
    CLIENT_ROOM = 256 * 1024,
    CLIENT_KEPT_SIZE = 64 * 1024, /* memory kept of a request that was sent */
    CLIENT_WINDOW = 1 << 20,
    CLIENT_SESSION_WINDOW = 16 << 20,
    CLIENT_PING_MS = 10000,
};

#define CLIENT_WAITING_MAX ((size_t)64 << 20)

struct client_field {
    uint32_t at; /* offset of the name in the bytes of the head; the value follows */
    uint32_t name_size;
    uint32_t value_size;
};

/* The incoming head or trailers. One is enough: header blocks are not interleaved. */
struct client_head {
    struct fct_buf bytes;
    struct client_field fields[CLIENT_FIELDS_MAX];
    size_t field_count;
    unsigned status;
    bool too_big;
};

struct fct_h2_client {
    struct fct_h2_client_options options;
    nghttp2_session *nghttp2;
    struct client_head head;
    struct fct_h2_link calls;
    size_t call_count;
    struct fct_h2_link writable;
    struct fct_h2_link dead; /* calls whose closed() is due */
    struct fct_buf out;
    uint64_t heard_ms; /* when the last byte came */
    uint64_t asked_ms; /* when PING was sent */
    bool has_time;
    bool asked;
    bool inside;
    bool signalled;
    bool goaway;
    bool is_over;
    bool is_broken;
};

struct client_call {
    struct fct_client_call base; /* first */
    struct fct_h2_client *client;
    struct fct_h2_link all;
    struct fct_h2_link writable;
    struct fct_h2_link dead;
    int32_t id;
    bool ended;    /* nothing more is written */
    bool deferred; /* nghttp2 waits for resume */
    bool was_full;
    bool head_done;
    bool answer_ended;
    bool is_dead;
    enum fct_client_end how; /* how a dead call ended */
    size_t unreleased;
    struct fct_buf out; /* [out_from, len) is not yet sent */
    size_t out_from;
};

#define CLIENT_CALL_OF(link, member)                                                               \
    ((struct client_call *)(void *)((char *)(link)-offsetof(struct client_call, member)))

static struct client_call *client_call_of(struct fct_client_call *call)
{
    return (struct client_call *)(void *)call;
}

static void client_check(const struct fct_h2_client *client)
{
    FCT_ASSERT(!client->inside);
    FCT_ASSERT((client->call_count == 0) == fct_h2_ring_is_empty(&client->calls));
    FCT_ASSERT(client->call_count > 0 || fct_h2_ring_is_empty(&client->dead));
    FCT_ASSERT(!client->is_broken || client->is_over);
}

static void client_signal(struct fct_h2_client *client)
{
    if (!client->inside && !client->signalled) {
        client->signalled = true;
        client->options.wants_send(client->options.data);
    }
}

/* Checks |rv| of a function of nghttp2: a fatal one breaks the session. */
static void client_survive(struct fct_h2_client *client, int rv)
{
    if (rv < NGHTTP2_ERR_FATAL) {
        client->is_broken = true;
        client->is_over = true;
        client_signal(client);
    }
}

/* ---- the end of calls ------------------------------------------------------------------------ */

/* Calls closed() and frees |call|. */
static void client_close(struct client_call *call, enum fct_client_end how)
{
    struct fct_h2_client *client = call->client;
    call->is_dead = true;
    (void)nghttp2_session_set_stream_user_data(client->nghttp2, call->id, NULL);
    fct_h2_ring_remove(&call->all);
    FCT_ASSERT(client->call_count > 0);
    client->call_count--;
    fct_h2_ring_remove(&call->writable);
    fct_h2_ring_remove(&call->dead);
    call->base.handler->closed(&call->base, how);
    fct_buf_finish(&call->out);
    fct_mem_free(client->options.mem, call);
}

static void client_close_dead(struct fct_h2_client *client)
{
    while (!fct_h2_ring_is_empty(&client->dead)) {
        struct client_call *call = CLIENT_CALL_OF(client->dead.next, dead);
        client_close(call, call->how);
    }
}

/* After this the handler gets closed() alone. */
static void client_kill(struct client_call *call, enum fct_client_end how, uint32_t error_code)
{
    struct fct_h2_client *client = call->client;
    if (call->is_dead) {
        return;
    }
    call->is_dead = true;
    call->how = how;
    fct_h2_ring_add(&client->dead, &call->dead);
    if (!client->is_broken) {
        client_survive(client, nghttp2_submit_rst_stream(client->nghttp2, NGHTTP2_FLAG_NONE,
                                                         call->id, error_code));
    }
    client_signal(client);
}

static enum fct_client_end client_end_of(const struct client_call *call, uint32_t error_code)
{
    if (call->answer_ended) {
        return FCT_CLIENT_COMPLETE;
    }
    return error_code == NGHTTP2_REFUSED_STREAM ? FCT_CLIENT_REFUSED : FCT_CLIENT_RESET;
}

static int client_on_stream_close(nghttp2_session *nghttp2, int32_t id, uint32_t error_code,
                                  void *data)
{
    (void)data;
    struct client_call *call = nghttp2_session_get_stream_user_data(nghttp2, id);
    if (call != NULL) {
        client_close(call, call->is_dead ? call->how : client_end_of(call, error_code));
    }
    return 0;
}

/* Called for a request that cannot be sent any more, because GOAWAY came first. */
static int client_on_frame_not_send(nghttp2_session *nghttp2, const nghttp2_frame *frame, int rv,
                                    void *data)
{
    (void)nghttp2;
    (void)rv;
    struct fct_h2_client *client = data;
    if (frame->hd.type != NGHTTP2_HEADERS) {
        return 0;
    }
    for (struct fct_h2_link *link = client->calls.next; link != &client->calls; link = link->next) {
        struct client_call *call = CLIENT_CALL_OF(link, all);
        if (call->id == frame->hd.stream_id && !call->is_dead) {
            call->is_dead = true;
            call->how = FCT_CLIENT_REFUSED;
            fct_h2_ring_add(&client->dead, &call->dead);
            break;
        }
    }
    return 0;
}

/* ---- heads and trailers ---------------------------------------------------------------------- */

static int client_on_begin_headers(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *data)
{
    (void)nghttp2;
    (void)frame;
    struct client_head *head = &((struct fct_h2_client *)data)->head;
    fct_buf_clear(&head->bytes);
    head->field_count = 0;
    head->status = 0;
    head->too_big = false;
    return 0;
}

static int client_on_header(nghttp2_session *nghttp2, const nghttp2_frame *frame,
                            const uint8_t *name, size_t name_size, const uint8_t *value,
                            size_t value_size, uint8_t flags, void *data)
{
    (void)nghttp2;
    (void)frame;
    (void)flags;
    struct client_head *head = &((struct fct_h2_client *)data)->head;
    struct fct_buf *bytes = &head->bytes;
    if (fct_slice_equal(fct_slice(name, name_size), FCT_SLICE(":status"))) {
        for (size_t i = 0; i < value_size && i < 3; i++) { /* nghttp2 has checked the syntax */
            head->status = head->status * 10 + (unsigned)(value[i] - '0');
        }
        return 0;
    }
    if (head->too_big || head->field_count == CLIENT_FIELDS_MAX ||
        fct_buf_reserve(bytes, name_size + value_size) != FACTUM_OK) {
        head->too_big = true;
        return 0;
    }
    head->fields[head->field_count++] =
        (struct client_field){(uint32_t)bytes->len, (uint32_t)name_size, (uint32_t)value_size};
    bool added = fct_buf_add(bytes, name, name_size) == FACTUM_OK &&
                 fct_buf_add(bytes, value, value_size) == FACTUM_OK;
    return added ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static void client_head_complete(struct fct_h2_client *client, struct client_call *call)
{
    const struct client_head *head = &client->head;
    const struct fct_client_handler *handler = call->base.handler;
    struct fct_field fields[CLIENT_FIELDS_MAX];
    if (head->too_big) {
        client_kill(call, FCT_CLIENT_RESET, NGHTTP2_INTERNAL_ERROR);
        return;
    }
    for (size_t i = 0; i < head->field_count; i++) {
        const uint8_t *name = head->bytes.ptr + head->fields[i].at;
        fields[i].name = fct_slice(name, head->fields[i].name_size);
        fields[i].value = fct_slice(name + head->fields[i].name_size, head->fields[i].value_size);
    }
    if (!call->head_done && head->status / 100 == 1) {
        return; /* the final head follows */
    }
    if (call->head_done) {
        if (handler->trailers != NULL) {
            handler->trailers(&call->base, fields, head->field_count);
        }
        return;
    }
    call->head_done = true;
    if (handler->head != NULL) {
        handler->head(&call->base, head->status, fields, head->field_count);
    }
}

static int client_on_frame_recv(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *data)
{
    struct fct_h2_client *client = data;
    uint8_t type = frame->hd.type;
    if (type == NGHTTP2_GOAWAY) {
        client->goaway = true;
    }
    if (client->is_broken || (type != NGHTTP2_HEADERS && type != NGHTTP2_DATA)) {
        return 0;
    }
    struct client_call *call = nghttp2_session_get_stream_user_data(nghttp2, frame->hd.stream_id);
    if (call == NULL || call->is_dead) {
        return 0;
    }
    if (type == NGHTTP2_HEADERS) {
        client_head_complete(client, call);
    }
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        call->answer_ended = true;
    }
    return 0;
}

/* ---- data ------------------------------------------------------------------------------------ */

static int client_on_data(nghttp2_session *nghttp2, uint8_t flags, int32_t id, const uint8_t *bytes,
                          size_t size, void *data)
{
    (void)flags;
    struct fct_h2_client *client = data;
    if (client->is_broken) {
        return 0;
    }
    client_survive(client, nghttp2_session_consume_connection(nghttp2, size));
    struct client_call *call = nghttp2_session_get_stream_user_data(nghttp2, id);
    if (call == NULL || call->is_dead) {
        return 0;
    }
    call->unreleased += size;
    if (call->base.handler->data != NULL) {
        call->base.handler->data(&call->base, fct_slice(bytes, size));
    } else {
        fct_client_release(&call->base, size);
    }
    return 0;
}

void fct_client_release(struct fct_client_call *base, size_t size)
{
    struct client_call *call = client_call_of(base);
    struct fct_h2_client *client = call->client;
    FCT_ASSERT(size <= call->unreleased);
    call->unreleased -= size;
    if (!client->is_broken && !call->is_dead && size > 0) {
        client_survive(client, nghttp2_session_consume_stream(client->nghttp2, call->id, size));
        if (nghttp2_session_want_write(client->nghttp2) != 0) {
            client_signal(client);
        }
    }
}

static size_t client_waiting(const struct client_call *call)
{
    return call->out.len - call->out_from;
}

static ssize_t client_on_read(nghttp2_session *nghttp2, int32_t id, uint8_t *bytes, size_t size,
                              uint32_t *flags, nghttp2_data_source *source, void *data)
{
    (void)source;
    struct fct_h2_client *client = data;
    struct client_call *call = nghttp2_session_get_stream_user_data(nghttp2, id);
    if (call == NULL || call->is_dead) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* RST_STREAM is already queued */
    }
    size_t waiting = client_waiting(call);
    if (waiting == 0 && !call->ended) {
        call->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    size = size < waiting ? size : waiting;
    if (size > 0) {
        memcpy(bytes, call->out.ptr + call->out_from, size);
    }
    call->out_from += size;
    waiting -= size;
    if (waiting == 0) {
        call->out_from = 0;
        fct_buf_clear(&call->out);
        if (call->out.capacity > CLIENT_KEPT_SIZE) {
            fct_buf_finish(&call->out);
            fct_buf_init(&call->out, client->options.mem, CLIENT_WAITING_MAX);
        }
        *flags |= call->ended ? NGHTTP2_DATA_FLAG_EOF : 0;
    }
    if (call->was_full && waiting <= CLIENT_ROOM / 2) {
        call->was_full = false;
        fct_h2_ring_add(&client->writable, &call->writable);
    }
    return (ssize_t)size;
}

static void client_resume(struct client_call *call)
{
    struct fct_h2_client *client = call->client;
    if (call->deferred && !client->is_broken) {
        call->deferred = false;
        client_survive(client, nghttp2_session_resume_data(client->nghttp2, call->id));
    }
    client_signal(client);
}

factum_status fct_client_write(struct fct_client_call *base, factum_slice bytes)
{
    struct client_call *call = client_call_of(base);
    FCT_ASSERT(!call->ended);
    if (call->is_dead || call->client->is_broken || bytes.len == 0) {
        return FACTUM_OK;
    }
    if (call->out_from > 0 && bytes.len > call->out.capacity - call->out.len) {
        size_t waiting = client_waiting(call);
        memmove(call->out.ptr, call->out.ptr + call->out_from, waiting);
        call->out.len = waiting;
        call->out_from = 0;
    }
    factum_status status = fct_buf_add_slice(&call->out, bytes);
    if (status == FACTUM_OK) {
        call->was_full = call->was_full || client_waiting(call) > CLIENT_ROOM / 2;
        client_resume(call);
    }
    return status;
}

size_t fct_client_room(const struct fct_client_call *base)
{
    const struct client_call *call = (const struct client_call *)(const void *)base;
    size_t waiting = client_waiting(call);
    bool lost = call->is_dead || call->client->is_broken;
    return lost || waiting >= CLIENT_ROOM ? 0 : CLIENT_ROOM - waiting;
}

void fct_client_end(struct fct_client_call *base)
{
    struct client_call *call = client_call_of(base);
    call->ended = true;
    client_resume(call);
}

void fct_client_cancel(struct fct_client_call *base)
{
    client_kill(client_call_of(base), FCT_CLIENT_CANCELLED, NGHTTP2_CANCEL);
}

/* ---- starting a call ------------------------------------------------------------------------- */

static nghttp2_nv client_nv(factum_slice name, factum_slice value)
{
    union {
        const uint8_t *in;
        uint8_t *out;
    } n = {.in = name.ptr}, v = {.in = value.ptr}; /* nghttp2 copies, but takes mutable pointers */
    return (nghttp2_nv){n.out, v.out, name.len, value.len, NGHTTP2_NV_FLAG_NONE};
}

bool fct_h2_client_can_start(const struct fct_h2_client *client)
{
    if (client->is_over || client->goaway ||
        nghttp2_session_check_request_allowed(client->nghttp2) == 0) {
        return false;
    }
    return client->call_count < nghttp2_session_get_remote_settings(
                                    client->nghttp2, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

factum_status fct_h2_client_start(struct fct_h2_client *client, factum_slice path,
                                  const struct fct_field *fields, size_t count,
                                  struct fct_client_call **started)
{
    return fct_h2_client_request(client, FCT_SLICE("POST"), path, fields, count, started);
}

factum_status fct_h2_client_request(struct fct_h2_client *client, factum_slice method,
                                    factum_slice path, const struct fct_field *fields, size_t count,
                                    struct fct_client_call **started)
{
    FCT_ASSERT(count <= CLIENT_REQUEST_FIELDS_MAX);
    nghttp2_nv all[CLIENT_REQUEST_FIELDS_MAX + 4] = {
        client_nv(FCT_SLICE(":method"), method),
        client_nv(FCT_SLICE(":scheme"),
                  client->options.is_secure ? FCT_SLICE("https") : FCT_SLICE("http")),
        client_nv(FCT_SLICE(":path"), path),
        client_nv(FCT_SLICE(":authority"), client->options.authority),
    };
    if (!fct_h2_client_can_start(client)) {
        return FACTUM_UNREACHABLE;
    }
    for (size_t i = 0; i < count; i++) {
        all[4 + i] = client_nv(fields[i].name, fields[i].value);
    }
    struct client_call *call = fct_mem_zalloc(client->options.mem, 1, sizeof *call);
    if (call == NULL) {
        return FACTUM_NO_MEMORY;
    }
    nghttp2_data_provider provider = {.read_callback = client_on_read};
    call->id = nghttp2_submit_request(client->nghttp2, NULL, all, count + 4, &provider, call);
    if (call->id < 0) {
        fct_mem_free(client->options.mem, call);
        return FACTUM_NO_MEMORY;
    }
    call->client = client;
    fct_buf_init(&call->out, client->options.mem, CLIENT_WAITING_MAX);
    fct_h2_ring_add(&client->calls, &call->all);
    client->call_count++;
    client_signal(client);
    *started = &call->base;
    return FACTUM_OK;
}

/* ---- bytes in and out ------------------------------------------------------------------------ */

bool fct_h2_client_receive(struct fct_h2_client *client, factum_slice bytes, uint64_t now_ms)
{
    client_check(client);
    client->inside = true;
    client->heard_ms = now_ms;
    client->has_time = true;
    client->asked = false;
    client_close_dead(client);
    if (!client->is_over && bytes.len > 0) {
        ssize_t rv = nghttp2_session_mem_recv(client->nghttp2, bytes.ptr, bytes.len);
        if (rv < 0) {
            client->is_broken = true;
            client->is_over = true;
        }
    }
    client_close_dead(client);
    client->inside = false;
    client_check(client);
    return !client->is_over;
}

static void client_run_writable(struct fct_h2_client *client)
{
    while (!fct_h2_ring_is_empty(&client->writable)) {
        struct client_call *call = CLIENT_CALL_OF(client->writable.next, writable);
        fct_h2_ring_remove(&call->writable);
        if (!call->is_dead && !call->ended && call->base.handler->writable != NULL) {
            call->base.handler->writable(&call->base);
        }
    }
}

/* Takes frames from nghttp2 until it has none or |out| is full. */
static void client_gather(struct fct_h2_client *client)
{
    while (!client->is_broken && client->out.size_max - client->out.len >= FCT_H2_PIECE_MAX) {
        const uint8_t *piece = NULL;
        ssize_t size = nghttp2_session_mem_send(client->nghttp2, &piece);
        if (size == 0) {
            return;
        }
        if (size < 0 || fct_buf_add(&client->out, piece, (size_t)size) != FACTUM_OK) {
            client_survive(client, NGHTTP2_ERR_NOMEM);
        }
    }
}

size_t fct_h2_client_send(struct fct_h2_client *client, const uint8_t **bytes)
{
    client_check(client);
    client->inside = true;
    fct_buf_clear(&client->out);
    client_close_dead(client);
    client_run_writable(client);
    client_gather(client);
    client_close_dead(client);
    if (client->out.len == 0) {
        client->signalled = false;
    }
    client->inside = false;
    client_check(client);
    *bytes = client->out.ptr;
    return client->out.len;
}

bool fct_h2_client_tick(struct fct_h2_client *client, uint64_t now_ms)
{
    client_check(client);
    client->inside = true;
    client_close_dead(client);
    if (!client->has_time) {
        client->has_time = true;
        client->heard_ms = now_ms;
    }
    if (client->asked) {
        client->is_over = client->is_over || now_ms - client->asked_ms >= client->options.pong_ms;
    } else if (now_ms - client->heard_ms >= client->options.ping_ms && !client->is_broken) {
        client->asked = true;
        client->asked_ms = now_ms;
        client_survive(client, nghttp2_submit_ping(client->nghttp2, NGHTTP2_FLAG_NONE, NULL));
    }
    client->inside = false;
    return !client->is_over;
}

bool fct_h2_client_is_finished(const struct fct_h2_client *client)
{
    return client->is_over || (nghttp2_session_want_read(client->nghttp2) == 0 &&
                               nghttp2_session_want_write(client->nghttp2) == 0);
}

/* ---- its life -------------------------------------------------------------------------------- */

static void *client_mem_alloc(size_t size, void *data)
{
    return fct_mem_alloc(data, size == 0 ? 1 : size);
}

static void client_mem_free(void *block, void *data)
{
    fct_mem_free(data, block);
}

static void *client_mem_zalloc(size_t count, size_t size, void *data)
{
    bool is_empty = count == 0 || size == 0;
    return fct_mem_zalloc(data, is_empty ? 1 : count, is_empty ? 1 : size);
}

static void *client_mem_resize(void *block, size_t size, void *data)
{
    return fct_mem_resize(data, block, size == 0 ? 1 : size);
}

static bool client_submit_preface(struct fct_h2_client *client)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (uint32_t)client->options.call_window},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, CLIENT_HEAD_SIZE_MAX},
    };
    return nghttp2_submit_settings(client->nghttp2, NGHTTP2_FLAG_NONE, settings,
                                   sizeof settings / sizeof settings[0]) == 0 &&
           nghttp2_session_set_local_window_size(client->nghttp2, NGHTTP2_FLAG_NONE, 0,
                                                 CLIENT_SESSION_WINDOW) == 0;
}

static bool client_create_nghttp2(struct fct_h2_client *client)
{
    union {
        const struct fct_mem *in;
        void *out;
    } mem = {.in = client->options.mem};
    nghttp2_mem memory = {mem.out, client_mem_alloc, client_mem_free, client_mem_zalloc,
                          client_mem_resize};
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    bool done = nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&option) == 0;
    if (done) {
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, client_on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, client_on_header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, client_on_frame_recv);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, client_on_data);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, client_on_stream_close);
        nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks,
                                                                 client_on_frame_not_send);
        nghttp2_option_set_no_auto_window_update(option, 1);
        nghttp2_option_set_no_closed_streams(option, 1);
        nghttp2_option_set_max_reserved_remote_streams(option, 0);
        done = nghttp2_session_client_new3(&client->nghttp2, callbacks, client, option, &memory) ==
                   0 &&
               client_submit_preface(client);
    }
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return done;
}

factum_status fct_h2_client_create(const struct fct_h2_client_options *options,
                                   struct fct_h2_client **made, factum_error *err)
{
    struct fct_h2_client *client = fct_mem_zalloc(options->mem, 1, sizeof *client);
    if (client == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "no memory for an HTTP/2 session");
    }
    client->options = *options;
    struct fct_h2_client_options *filled = &client->options;
    filled->call_window = filled->call_window == 0 ? CLIENT_WINDOW : filled->call_window;
    filled->ping_ms = filled->ping_ms == 0 ? CLIENT_PING_MS : filled->ping_ms;
    filled->pong_ms = filled->pong_ms == 0 ? CLIENT_PING_MS : filled->pong_ms;
    fct_h2_ring_init(&client->calls);
    fct_h2_ring_init(&client->writable);
    fct_h2_ring_init(&client->dead);
    fct_buf_init(&client->head.bytes, options->mem, CLIENT_HEAD_SIZE_MAX);
    fct_buf_init(&client->out, options->mem, FCT_H2_SEND_MAX);
    if (!client_create_nghttp2(client)) {
        fct_h2_client_destroy(client);
        return fct_fail(err, FACTUM_NO_MEMORY, "no memory for an HTTP/2 session");
    }
    *made = client;
    return FACTUM_OK;
}

void fct_h2_client_destroy(struct fct_h2_client *client)
{
    if (client == NULL) {
        return;
    }
    client_check(client);
    client->inside = true;
    client->is_broken = true;
    client->is_over = true;
    while (!fct_h2_ring_is_empty(&client->calls)) {
        struct client_call *call = CLIENT_CALL_OF(client->calls.next, all);
        client_close(call, call->is_dead ? call->how : FCT_CLIENT_LOST);
    }
    nghttp2_session_del(client->nghttp2);
    fct_buf_finish(&client->out);
    fct_buf_finish(&client->head.bytes);
    fct_mem_free(client->options.mem, client);
}
