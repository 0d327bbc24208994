/* bare.c - the cost of gRPC calls for a server that does nothing except sync: nghttp2, where each
 * call gets the same answer. Not a store.
 *
 * One thread, epoll. The messages of all calls of a turn are written raw by one pwrite into a file
 * of written extents, then one fdatasync, then the answers: as in the floor. Its client is that of
 * Factum's unary appends (factum.c).
 */
#include "rpc.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { GROUP_MAX = 8 << 20, CALLS_MAX = 8192, LOG_SIZE = 256 << 20 };

struct peer {
    int fd;
    bool dirty;
    nghttp2_session *session;
};

static struct {
    int epoll, listener, log;
    off_t end;
    size_t group_size;
    uint8_t *group;
    struct {
        struct peer *peer;
        int32_t id;
    } ended[CALLS_MAX]; /* calls to answer after the sync */
    size_t ended_count;
} srv;

/* A frame with an AppendResp that has a Success. */
static const uint8_t answer[] = {0, 0, 0, 0, 6, 0x0a, 4, 0x08, 5, 0x1a, 0};

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t size, void *user)
{
    (void)session, (void)flags, (void)id, (void)user;
    if (size <= GROUP_MAX - srv.group_size) {
        memcpy(srv.group + srv.group_size, data, size);
        srv.group_size += size;
    }
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct peer *peer = user;
    (void)session;
    peer->dirty = true;
    if (frame->hd.type == NGHTTP2_DATA && frame->hd.flags & NGHTTP2_FLAG_END_STREAM &&
        srv.ended_count < CALLS_MAX) {
        srv.ended[srv.ended_count].peer = peer;
        srv.ended[srv.ended_count++].id = frame->hd.stream_id;
    }
    return 0;
}

#define FIELD(name, value)                                                                         \
    {                                                                                              \
        (uint8_t *)(name), (uint8_t *)(value), sizeof(name) - 1, sizeof(value) - 1,                \
            NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE                           \
    }

static ssize_t give(nghttp2_session *session, int32_t id, uint8_t *to, size_t max, uint32_t *flags,
                    nghttp2_data_source *source, void *user)
{
    static const nghttp2_nv trailer[] = {FIELD("grpc-status", "0")};
    (void)source, (void)user, (void)max;
    memcpy(to, answer, sizeof answer);
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    nghttp2_submit_trailer(session, id, trailer, 1);
    return (ssize_t)sizeof answer;
}

static void accept_peer(void)
{
    int one = 1;
    const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1024}};
    struct peer *peer = calloc(1, sizeof *peer);
    nghttp2_session_callbacks *callbacks;
    peer->fd = accept4(srv.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_server_new(&peer->session, callbacks, peer);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(peer->session, NGHTTP2_FLAG_NONE, settings, 1);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
    epoll_ctl(srv.epoll, EPOLL_CTL_ADD, peer->fd, &event);
}

static bool read_peer(struct peer *peer)
{
    static uint8_t in[1 << 18];
    ssize_t got = recv(peer->fd, in, sizeof in, 0);
    if (got < 0 && errno == EAGAIN)
        return true;
    return got > 0 && nghttp2_session_mem_recv(peer->session, in, (size_t)got) == got;
}

static void flush_peer(struct peer *peer)
{
    static uint8_t out[1 << 18];
    const uint8_t *bytes;
    size_t size = 0;
    for (ssize_t got; (got = nghttp2_session_mem_send(peer->session, &bytes)) > 0;) {
        if (size + (size_t)got > sizeof out) {
            send_bytes(peer->fd, out, size);
            size = 0;
        }
        memcpy(out + size, bytes, (size_t)got);
        size += (size_t)got;
    }
    if (size > 0)
        send_bytes(peer->fd, out, size);
    peer->dirty = false;
}

static void drop_peer(struct peer *peer)
{
    nghttp2_session_del(peer->session);
    close(peer->fd);
    free(peer);
}

static void serve_turn(void)
{
    static const nghttp2_nv fields[] = {FIELD(":status", "200"),
                                        FIELD("content-type", "application/grpc")};
    const nghttp2_data_provider provider = {.read_callback = give};
    struct epoll_event events[512];
    int n = epoll_wait(srv.epoll, events, 512, -1);
    srv.group_size = srv.ended_count = 0;
    for (int i = 0; i < n; i++) {
        struct peer *peer = events[i].data.ptr;
        if (!peer) {
            accept_peer();
        } else if (!read_peer(peer)) {
            drop_peer(peer); /* needs no answer: the client waits for all */
            events[i].data.ptr = NULL;
        }
    }
    if (srv.group_size) {
        if (srv.end + (off_t)srv.group_size > LOG_SIZE)
            srv.end = 0;
        if (pwrite(srv.log, srv.group, srv.group_size, srv.end) < 0 || fdatasync(srv.log))
            wl_die("log", NULL);
        srv.end += (off_t)srv.group_size;
    }
    for (size_t i = 0; i < srv.ended_count; i++)
        nghttp2_submit_response(srv.ended[i].peer->session, srv.ended[i].id, fields, 2, &provider);
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr)
            flush_peer(events[i].data.ptr);
    }
}

_Noreturn void bare_serve(const char *dir)
{
    char path[600];
    int one = 1;
    snprintf(path, sizeof path, "%s/log", dir);
    srv.log = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
    srv.group = calloc(1, GROUP_MAX);
    for (off_t at = 0; at < LOG_SIZE; at += GROUP_MAX) {
        if (pwrite(srv.log, srv.group, GROUP_MAX, at) < 0)
            wl_die(path, NULL);
    }
    fsync(srv.log);
    srv.epoll = epoll_create1(0);
    srv.listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(srv.listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(srv.listener, (void *)&address, sizeof address) || listen(srv.listener, 512))
        wl_die("listen", NULL);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(srv.epoll, EPOLL_CTL_ADD, srv.listener, &event);
    for (;;)
        serve_turn();
}
