/* rpc.c - see rpc.h. */
#include "rpc.h"

#include <poll.h>
#include <sys/socket.h>

enum { WINDOW = 8 << 20 };

static ssize_t give(nghttp2_session *session, int32_t id, uint8_t *to, size_t max, uint32_t *flags,
                    nghttp2_data_source *source, void *user)
{
    struct call *call = source->ptr;
    size_t left = call->out.len - call->sent;
    (void)session, (void)id, (void)user;
    if (left == 0 && !call->closing) {
        call->waiting = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    size_t size = left < max ? left : max;
    memcpy(to, call->out.ptr + call->sent, size);
    call->sent += size;
    if (call->sent == call->out.len) {
        fct_buf_clear(&call->out);
        call->sent = 0;
        if (call->closing)
            *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t)size;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t size, void *user)
{
    struct call *call = nghttp2_session_get_stream_user_data(session, id);
    factum_slice bytes = {data, size}, message;
    factum_error err;
    (void)flags, (void)user;
    if (!call || call->cancelled)
        return 0;
    factum_status status;
    while ((status = fct_grpc_deframe(&call->in, &bytes, &message, &err)) == FACTUM_OK)
        call->message(call, message);
    if (status < 0)
        wl_die("answer", err.text);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                     void *user)
{
    (void)flags, (void)user;
    struct call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (call && name_size == 11 && !memcmp(name, "grpc-status", 11))
        call->status = atoi((const char *)value);
    if (call && name_size == 12 && !memcmp(name, "grpc-message", 12))
        fprintf(stderr, "grpc-message: %.*s\n", (int)value_size, (const char *)value);
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
    struct call *call = nghttp2_session_get_stream_user_data(session, id);
    (void)error;
    (void)user;
    if (!call)
        return 0;
    if (call->status != 0 && !call->cancelled)
        wl_die("call", "did not end with OK");
    call->ended = true;
    if (call->end)
        call->end(call);
    call->next = call->rpc->free_calls;
    call->rpc->free_calls = call;
    return 0;
}

struct rpc *rpc_dial(void)
{
    int fd = dial_tcp();
    if (fd < 0)
        return NULL;
    struct rpc *rpc = calloc(1, sizeof *rpc);
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW},
    };
    rpc->fd = fd;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_option_new(&option);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_peer_max_concurrent_streams(option, 1024);
    nghttp2_session_client_new2(&rpc->session, callbacks, rpc, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(rpc->session, NGHTTP2_FLAG_NONE, settings, 2);
    nghttp2_session_set_local_window_size(rpc->session, NGHTTP2_FLAG_NONE, 0, WINDOW);
    return rpc;
}

void rpc_hangup(void *conn)
{
    struct rpc *rpc = conn;
    nghttp2_session_del(rpc->session);
    close(rpc->fd);
    for (struct call *call; (call = rpc->free_calls) != NULL;) {
        rpc->free_calls = call->next;
        fct_buf_finish(&call->out);
        fct_grpc_deframer_finish(&call->in);
        free(call);
    }
    free(rpc);
}

int rpc_fd(void *conn)
{
    return ((struct rpc *)conn)->fd;
}

static bool receive(struct rpc *rpc)
{
    ssize_t got = recv(rpc->fd, rpc->in, sizeof rpc->in, 0);
    if (got < 0 && errno == EAGAIN)
        return false;
    if (got <= 0)
        wl_die("rpc", "hung up");
    if (nghttp2_session_mem_recv(rpc->session, rpc->in, (size_t)got) != got)
        wl_die("rpc", "not HTTP/2");
    return true;
}

void rpc_flush(void *conn)
{
    struct rpc *rpc = conn;
    for (;;) {
        const uint8_t *bytes = NULL;
        ssize_t size = 0;
        while (rpc->out_size < sizeof rpc->out / 2 &&
               (size = nghttp2_session_mem_send(rpc->session, &bytes)) > 0) {
            memcpy(rpc->out + rpc->out_size, bytes, (size_t)size);
            rpc->out_size += (size_t)size;
        }
        if (rpc->out_size == 0)
            return;
        ssize_t sent =
            send(rpc->fd, rpc->out + rpc->out_at, rpc->out_size - rpc->out_at, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            struct pollfd wait = {.fd = rpc->fd, .events = POLLIN | POLLOUT};
            poll(&wait, 1, 10000);
            if (wait.revents & POLLIN)
                receive(rpc);
            continue;
        }
        if (sent < 0)
            wl_die("rpc", NULL);
        rpc->out_at += (size_t)sent;
        if (rpc->out_at == rpc->out_size)
            rpc->out_at = rpc->out_size = 0;
    }
}

void rpc_take(void *conn)
{
    struct rpc *rpc = conn;
    while (!receive(rpc)) {
        if (poll(&(struct pollfd){.fd = rpc->fd, .events = POLLIN}, 1, 10000) <= 0)
            wl_die("rpc", "nothing came in 10 s");
    }
    if (nghttp2_session_want_write(rpc->session))
        rpc_flush(rpc);
}

struct call *rpc_call(struct rpc *rpc, void (*message)(struct call *call, factum_slice message))
{
    struct call *call = rpc->free_calls;
    if (call) {
        rpc->free_calls = call->next;
        fct_buf_clear(&call->out);
    } else {
        call = calloc(1, sizeof *call);
        fct_buf_init(&call->out, fct_mem_heap(), 64 << 20);
        fct_grpc_deframer_init(&call->in, fct_mem_heap(), 64 << 20);
    }
    call->rpc = rpc;
    call->message = message;
    call->end = NULL;
    call->closing = call->waiting = call->ended = call->cancelled = false;
    call->status = -1;
    call->sent = 0;
    return call;
}

#define FIELD(name, value, size)                                                                   \
    {                                                                                              \
        (uint8_t *)(name), (uint8_t *)(value), sizeof(name) - 1, (size),                           \
            NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE                           \
    }

void rpc_begin(struct call *call, const char *path)
{
    const nghttp2_nv fields[] = {
        FIELD(":method", "POST", 4),
        FIELD(":scheme", "http", 4),
        FIELD(":path", path, strlen(path)),
        FIELD(":authority", "localhost", 9),
        FIELD("content-type", "application/grpc", 16),
        FIELD("te", "trailers", 8),
    };
    const nghttp2_data_provider provider = {.source.ptr = call, .read_callback = give};
    call->id = nghttp2_submit_request(call->rpc->session, NULL, fields, 6, &provider, call);
    if (call->id < 0)
        wl_die("call", nghttp2_strerror(call->id));
}

void rpc_say(struct call *call)
{
    if (call->waiting) {
        call->waiting = false;
        nghttp2_session_resume_data(call->rpc->session, call->id);
    }
}

void rpc_finish(struct call *call)
{
    rpc_flush(call->rpc);
    while (!call->ended)
        rpc_take(call->rpc);
}
