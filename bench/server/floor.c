/* floor.c - the least that a durable event server can do, and its client: the yardstick for every
 * server. Not a store.
 *
 * One thread, epoll. Appends that arrive during a commit share the next one: one pwrite into a file
 * of written extents, one fdatasync, then the answers. The expected version is a number in an
 * array. A replay is sendfile of the log; a subscriber gets each committed group.
 */
#include "door.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

enum { SPARE_STREAMS = 200000, INPUT_SIZE = 1 << 18, GROUP_SIZE = 8 << 20, ANSWERS_MAX = 4096 };
enum { ASK_APPEND = 1, ASK_REPLAY, ASK_SUBSCRIBE };

/* An append on the wire and in the log, where checksum and position are filled in. */
struct record {
    uint32_t size, checksum;
    uint64_t position, version;
    uint8_t id[16];
    uint32_t stream;
    uint8_t name_size, type_size;
    uint16_t data_size, meta_size, ask;
    uint32_t zero;
};
struct answer {
    uint64_t position, good;
};

/* ---- server ---------------------------------------------------------------------------------- */

struct peer {
    int fd;
    size_t input_size, answer_count;
    char *input;
    struct answer *answers;
};
static struct {
    int epoll, listener, log;
    off_t end, size;
    uint64_t position;
    uint32_t *versions;
    uint32_t stream_count;
    char *group;
    size_t group_size;
    struct peer *subscribers[16];
    int subscriber_count;
} srv;

static void accept_peer(void)
{
    int one = 1;
    struct peer *peer = calloc(1, sizeof *peer);
    peer->fd = accept4(srv.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    peer->input = malloc(INPUT_SIZE);
    peer->answers = malloc(ANSWERS_MAX * sizeof *peer->answers);
    setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
    epoll_ctl(srv.epoll, EPOLL_CTL_ADD, peer->fd, &event);
}

static void drop_peer(struct peer *peer)
{
    for (int i = 0; i < srv.subscriber_count; i++) {
        if (srv.subscribers[i] == peer)
            srv.subscribers[i--] = srv.subscribers[--srv.subscriber_count];
    }
    close(peer->fd);
    free(peer->input);
    free(peer->answers);
    free(peer);
}

static void send_log(struct peer *peer)
{
    int flags = fcntl(peer->fd, F_GETFL);
    fcntl(peer->fd, F_SETFL, flags & ~O_NONBLOCK);
    for (off_t at = 0; at < srv.end;) {
        if (sendfile(peer->fd, srv.log, &at, (size_t)(srv.end - at)) <= 0)
            break;
    }
    fcntl(peer->fd, F_SETFL, flags);
}

static void take_append(struct peer *peer, struct record *record)
{
    bool good =
        record->stream < srv.stream_count && srv.versions[record->stream] == record->version;
    if (good) {
        srv.versions[record->stream]++;
        record->position = srv.position++;
        record->checksum = wl_crc32c(0, (char *)record + 8, record->size - 8);
        memcpy(srv.group + srv.group_size, record, record->size);
        srv.group_size += record->size;
    }
    peer->answers[peer->answer_count++] = (struct answer){record->position, good};
}

/* false: the peer has gone */
static bool read_peer(struct peer *peer)
{
    ssize_t got = recv(peer->fd, peer->input + peer->input_size, INPUT_SIZE - peer->input_size, 0);
    if (got <= 0)
        return got < 0 && errno == EAGAIN;
    peer->input_size += (size_t)got;
    size_t at = 0;
    while (peer->input_size - at >= sizeof(struct record)) {
        struct record *record = (void *)(peer->input + at);
        if (peer->input_size - at < record->size || peer->answer_count == ANSWERS_MAX ||
            srv.group_size + record->size > GROUP_SIZE)
            break;
        if (record->ask == ASK_APPEND)
            take_append(peer, record);
        else if (record->ask == ASK_REPLAY)
            send_log(peer);
        else if (srv.subscriber_count < 16)
            srv.subscribers[srv.subscriber_count++] = peer;
        at += record->size;
    }
    peer->input_size -= at;
    memmove(peer->input, peer->input + at, peer->input_size);
    return true;
}

static void commit_group(void)
{
    if (srv.end + (off_t)srv.group_size > srv.size)
        srv.end = 0;
    if (pwrite(srv.log, srv.group, srv.group_size, srv.end) != (ssize_t)srv.group_size ||
        fdatasync(srv.log))
        wl_die("log", NULL);
    srv.end += (off_t)srv.group_size;
}

static void serve_turn(void)
{
    struct epoll_event events[512];
    int n = epoll_wait(srv.epoll, events, 512, -1);
    srv.group_size = 0;
    for (int i = 0; i < n; i++) {
        struct peer *peer = events[i].data.ptr;
        if (!peer) {
            accept_peer();
        } else if (!read_peer(peer)) {
            drop_peer(peer);
            events[i].data.ptr = NULL;
        }
    }
    if (srv.group_size)
        commit_group();
    for (int i = 0; i < n; i++) {
        struct peer *peer = events[i].data.ptr;
        if (peer && peer->answer_count) {
            send_bytes(peer->fd, peer->answers, peer->answer_count * sizeof(struct answer));
            peer->answer_count = 0;
        }
    }
    for (int k = 0; srv.group_size && k < srv.subscriber_count; k++)
        send_bytes(srv.subscribers[k]->fd, srv.group, srv.group_size);
}

_Noreturn void floor_serve(const char *dir)
{
    char path[600];
    int one = 1;
    snprintf(path, sizeof path, "%s/log", dir);
    srv.size = (off_t)params.events * 450 + (64 << 20);
    srv.log = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
    char *zeros = calloc(1, 1 << 20);
    for (off_t at = 0; at < srv.size; at += 1 << 20) {
        if (pwrite(srv.log, zeros, 1 << 20, at) < 0)
            wl_die(path, NULL);
    }
    fsync(srv.log);
    srv.stream_count = WL_ALL_STREAMS(params.streams) + SPARE_STREAMS;
    srv.versions = calloc(srv.stream_count, sizeof *srv.versions);
    srv.group = malloc(GROUP_SIZE);
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

/* ---- client ---------------------------------------------------------------------------------- */

struct client {
    int fd;
    struct tags tags;
    size_t out_size, in_size;
    char out[512 * 512];
    char in[1 << 20];
};

static void *floor_dial(void)
{
    int fd = dial_tcp();
    if (fd < 0)
        return NULL;
    struct client *client = calloc(1, sizeof *client);
    client->fd = fd;
    return client;
}

static void floor_hangup(void *conn)
{
    struct client *client = conn;
    close(client->fd);
    free(client);
}

static int floor_fd(void *conn)
{
    return ((struct client *)conn)->fd;
}

static void floor_flush(void *conn)
{
    struct client *client = conn;
    send_bytes(client->fd, client->out, client->out_size);
    client->out_size = 0;
}

static void floor_put(void *conn, const wl_event *event, uint64_t tag, enum put_mode mode)
{
    struct client *client = conn;
    (void)mode;
    if (client->out_size > sizeof client->out - 512)
        floor_flush(client);
    struct record record = {.version = event->version,
                            .stream = event->stream,
                            .name_size = (uint8_t)event->name_len,
                            .type_size = (uint8_t)event->type_len,
                            .data_size = event->data_len,
                            .meta_size = event->meta_len,
                            .ask = ASK_APPEND};
    memcpy(record.id, event->id, 16);
    char *begin = client->out + client->out_size;
    char *at = begin + sizeof record;
    at = mempcpy(at, event->name, event->name_len);
    at = mempcpy(at, event->type, event->type_len);
    at = mempcpy(at, event->data, event->data_len);
    at = mempcpy(at, event->meta, event->meta_len);
    while ((at - begin) & 7)
        *at++ = 0;
    record.size = (uint32_t)(at - begin);
    memcpy(begin, &record, sizeof record);
    client->out_size += record.size;
    tags_push(&client->tags, tag);
}

static void receive(struct client *client)
{
    ssize_t got =
        recv(client->fd, client->in + client->in_size, sizeof client->in - client->in_size, 0);
    if (got <= 0)
        wl_die("floor", "hung up");
    client->in_size += (size_t)got;
}

static void used(struct client *client, size_t size)
{
    client->in_size -= size;
    memmove(client->in, client->in + size, client->in_size);
}

static void floor_take(void *conn)
{
    struct client *client = conn;
    size_t at = 0;
    receive(client);
    for (; client->in_size - at >= sizeof(struct answer); at += sizeof(struct answer)) {
        struct answer answer;
        memcpy(&answer, client->in + at, sizeof answer);
        if (!answer.good)
            wl_die("append", "wrong version");
        acked(tags_pop(&client->tags));
    }
    used(client, at);
}

/* Passes each complete record to |sink|, or as news. */
static void take_records(struct client *client, wl_sink *sink)
{
    size_t at = 0;
    receive(client);
    while (client->in_size - at >= sizeof(struct record)) {
        const struct record *record = (void *)(client->in + at);
        if (client->in_size - at < record->size)
            break;
        if (wl_crc32c(0, client->in + at + 8, record->size - 8) != record->checksum)
            wl_die("record", "wrong checksum");
        const char *data = client->in + at + sizeof *record + record->name_size + record->type_size;
        if (sink)
            wl_consume(sink, data, record->data_size, data + record->data_size, record->meta_size);
        else
            arrived(data, record->data_size);
        at += record->size;
    }
    used(client, at);
}

static void ask(struct client *client, uint16_t what)
{
    struct record record = {.size = sizeof record, .ask = what};
    send_bytes(client->fd, &record, sizeof record);
}

static void floor_replay(void *conn, wl_sink *sink)
{
    ask(conn, ASK_REPLAY);
    for (uint64_t end = sink->events + params.events; sink->events < end;)
        take_records(conn, sink);
}

static void floor_subscribe(void *conn, const char *stream)
{
    (void)stream;
    ask(conn, ASK_SUBSCRIBE);
}

static void floor_news(void *conn)
{
    take_records(conn, NULL);
}

const struct door floor_door = {
    .name = "floor",
    .dial = floor_dial,
    .hangup = floor_hangup,
    .fd = floor_fd,
    .put = floor_put,
    .flush = floor_flush,
    .take = floor_take,
    .replay = floor_replay,
    .subscribe = floor_subscribe,
    .news = floor_news,
};
