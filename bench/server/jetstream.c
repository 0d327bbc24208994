/* jetstream.c - a client of NATS JetStream, over its text protocol (docs.nats.io, "Client
 * Protocol").
 *
 * One stream EVENTS with file storage and one replica; an event stream is a subject, ev.STREAM.
 * Every append has Nats-Expected-Last-Subject-Sequence, so that the server checks the version. With
 * one publisher, sequence numbers are known before their answers come. This version of the server
 * answers before it syncs, and has no setting for that: its figures are not durable. It does not
 * use the library of NATS, whose flushing thread would limit small windows. */
#include "door.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { ANSWERS = 1 }; /* the next number is that of the first read */

struct client {
    int fd;
    char inbox[48];
    int reads;
    struct tags tags;
    wl_sink *sink; /* of deliveries; NULL: arrived() */
    char *answer;  /* where the next answer goes; NULL: it is that to an append */
    bool answered;
    size_t out_size, in_size;
    char out[1 << 19];
    char in[1 << 20];
};

static uint64_t last_sequence;
static uint64_t *sequences; /* of the last event of each stream */

static void jetstream_flush(void *conn)
{
    struct client *client = conn;
    send_bytes(client->fd, client->out, client->out_size);
    client->out_size = 0;
}

static void queue(struct client *client, const char *text, size_t size)
{
    if (size > sizeof client->out - client->out_size)
        jetstream_flush(client);
    memcpy(client->out + client->out_size, text, size);
    client->out_size += size;
}

static void queue_text(struct client *client, const char *text)
{
    queue(client, text, strlen(text));
}

static void *jetstream_dial(void)
{
    static unsigned count;
    int fd = dial_tcp();
    if (fd < 0)
        return NULL;
    struct client *client = calloc(1, sizeof *client);
    char text[256];
    client->fd = fd;
    snprintf(client->inbox, sizeof client->inbox, "_INBOX.%d-%u", getpid(), count++);
    snprintf(text, sizeof text,
             "CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\n"
             "SUB %s.a %d\r\n",
             client->inbox, ANSWERS);
    queue_text(client, text);
    return client;
}

static void jetstream_hangup(void *conn)
{
    struct client *client = conn;
    close(client->fd);
    free(client);
}

static int jetstream_fd(void *conn)
{
    return ((struct client *)conn)->fd;
}

/* ---- the server's operations ----------------------------------------------------------------- */

struct message {
    int subscription;
    const char *reply;
    size_t head_size, size; /* |size| with the head */
};

static void take_answer(struct client *client, const char *payload, size_t size)
{
    if (client->answer) {
        size_t fits = size < 1023 ? size : 1023;
        memcpy(client->answer, payload, fits);
        client->answer[fits] = 0;
        client->answer = NULL;
        client->answered = true;
        return;
    }
    if (memmem(payload, size, "\"error\"", 7) || !memmem(payload, size, "\"seq\"", 5))
        wl_die("append", "refused");
    acked(tags_pop(&client->tags));
}

/* Flow control, or a heartbeat that reports that flow control waits. */
static void answer_control(struct client *client, const struct message *message,
                           const char *payload)
{
    static const char stalled[] = "Nats-Consumer-Stalled: ";
    const char *to = message->reply;
    size_t size = strlen(to);
    const char *at = memmem(payload, message->head_size, stalled, sizeof stalled - 1);
    if (at) {
        to = at + sizeof stalled - 1;
        size = (size_t)((const char *)memchr(to, '\r', message->head_size) - to);
    }
    if (size == 0)
        return;
    queue_text(client, "PUB ");
    queue(client, to, size);
    queue_text(client, " 0\r\n\r\n");
}

static void take_delivery(struct client *client, const struct message *message, const char *payload)
{
    const char *head_end = payload + message->head_size;
    if (message->head_size > 12 && !memcmp(payload, "NATS/1.0 100", 12)) {
        answer_control(client, message, payload);
        return;
    }
    const char *meta = memmem(payload, message->head_size, "\r\nM: ", 5);
    const char *meta_end = meta ? memchr(meta + 5, '\r', (size_t)(head_end - meta - 5)) : NULL;
    if (!meta_end)
        wl_die("delivery", "not an event of ours");
    size_t size = message->size - message->head_size;
    if (client->sink)
        wl_consume(client->sink, head_end, size, meta + 5, (size_t)(meta_end - meta - 5));
    else
        arrived(head_end, size);
}

/* One operation at |at|, of |size| bytes at most. Returns its length, 0 if it is not complete. */
static size_t take_operation(struct client *client, char *at, size_t size)
{
    char *line_end = memmem(at, size, "\r\n", 2);
    if (!line_end)
        return 0;
    size_t line_size = (size_t)(line_end - at) + 2;
    bool head = !memcmp(at, "HMSG ", 5);
    if (!head && memcmp(at, "MSG ", 4)) {
        if (!memcmp(at, "PING", 4))
            queue_text(client, "PONG\r\n");
        if (!memcmp(at, "-ERR", 4))
            wl_die("jetstream", "-ERR");
        return line_size;
    }
    char words[5][128];
    char line[512];
    if (line_size >= sizeof line)
        wl_die("jetstream", "line too long");
    memcpy(line, at, line_size);
    line[line_size - 2] = 0;
    int count = sscanf(line, "%*s %127s %127s %127s %127s %127s", words[0], words[1], words[2],
                       words[3], words[4]);
    int sizes = head ? 2 : 1;
    struct message message = {.subscription = atoi(words[1]),
                              .reply = count == sizes + 3 ? words[2] : "",
                              .head_size = head ? (size_t)atoi(words[count - 2]) : 0,
                              .size = (size_t)atoi(words[count - 1])};
    if (size < line_size + message.size + 2)
        return 0;
    if (message.subscription == ANSWERS)
        take_answer(client, at + line_size, message.size);
    else if (message.subscription == ANSWERS + client->reads) /* not of a read that has ended */
        take_delivery(client, &message, at + line_size);
    return line_size + message.size + 2;
}

/* false: nothing arrived in time, or the server has gone */
static bool take_some(struct client *client)
{
    ssize_t got =
        recv(client->fd, client->in + client->in_size, sizeof client->in - client->in_size, 0);
    if (got <= 0)
        return false;
    client->in_size += (size_t)got;
    size_t at = 0;
    for (size_t used; (used = take_operation(client, client->in + at, client->in_size - at)) > 0;)
        at += used;
    client->in_size -= at;
    memmove(client->in, client->in + at, client->in_size);
    if (client->out_size > 0)
        jetstream_flush(client);
    return true;
}

static void jetstream_take(void *conn)
{
    if (!take_some(conn))
        wl_die("jetstream", "hung up");
}

/* A request of the JetStream API; the start of its answer goes to |answer|, of 1,024 bytes. */
static bool request(struct client *client, const char *subject, const char *body, char *answer)
{
    char text[1024];
    int size = snprintf(text, sizeof text, "PUB $JS.API.%s %s.a %zu\r\n%s\r\n", subject,
                        client->inbox, strlen(body), body);
    queue(client, text, (size_t)size);
    jetstream_flush(client);
    client->answer = answer;
    client->answered = false;
    while (!client->answered) {
        if (!take_some(client))
            return false;
    }
    return true;
}

/* ---- appends --------------------------------------------------------------------------------- */

static void jetstream_prepare(void *conn)
{
    char answer[1024];
    request(conn, "STREAM.DELETE.EVENTS", "", answer);
    if (!request(conn, "STREAM.CREATE.EVENTS",
                 "{\"name\":\"EVENTS\",\"subjects\":[\"ev.*\"],\"retention\":\"limits\","
                 "\"storage\":\"file\",\"discard\":\"old\",\"num_replicas\":1,"
                 "\"max_consumers\":-1,\"max_msgs\":-1,\"max_bytes\":-1,\"max_age\":0,"
                 "\"duplicate_window\":100000000}",
                 answer) ||
        strstr(answer, "\"error\""))
        wl_die("stream", answer);
    last_sequence = 0;
}

static void jetstream_put(void *conn, const wl_event *event, uint64_t tag, enum put_mode mode)
{
    struct client *client = conn;
    enum { SPARE_STREAMS = 200000 };
    if (!sequences)
        sequences = calloc(WL_ALL_STREAMS(params.streams) + SPARE_STREAMS, sizeof *sequences);
    if (mode == PUT_LOAD && last_sequence == 0)
        jetstream_prepare(conn);
    char head[512], text[128];
    int head_size = snprintf(head, sizeof head,
                             "NATS/1.0\r\nNats-Expected-Last-Subject-Sequence: %" PRIu64
                             "\r\nT: %s\r\nM: %.*s\r\n\r\n",
                             sequences[event->stream], event->type, event->meta_len, event->meta);
    int text_size = snprintf(text, sizeof text, "HPUB ev.%s %s.a %d %d\r\n", event->name,
                             client->inbox, head_size, head_size + event->data_len);
    queue(client, text, (size_t)text_size);
    queue(client, head, (size_t)head_size);
    queue(client, event->data, event->data_len);
    queue(client, "\r\n", 2);
    sequences[event->stream] = ++last_sequence;
    tags_push(&client->tags, tag);
}

/* ---- reads ----------------------------------------------------------------------------------- */

static void consumer(struct client *client, const char *stream, const char *policy)
{
    char text[1024], answer[1024];
    client->reads++;
    snprintf(text, sizeof text, "SUB %s.d%d %d\r\n", client->inbox, client->reads,
             ANSWERS + client->reads);
    queue_text(client, text);
    snprintf(text, sizeof text,
             "{\"stream_name\":\"EVENTS\",\"config\":{\"deliver_subject\":\"%s.d%d\","
             "\"deliver_policy\":\"%s\",\"ack_policy\":\"none\",\"max_deliver\":1,"
             "\"filter_subject\":\"ev.%s\",\"flow_control\":true,\"idle_heartbeat\":1000000000,"
             "\"replay_policy\":\"instant\",\"mem_storage\":true,\"num_replicas\":1}}",
             client->inbox, client->reads, policy, stream);
    if (!request(client, "CONSUMER.CREATE.EVENTS", text, answer) || strstr(answer, "\"error\""))
        wl_die("consumer", answer);
}

static void consume_all(struct client *client, const char *stream, wl_sink *sink, uint64_t count)
{
    char text[32];
    uint64_t end = sink->events + count;
    client->sink = sink;
    consumer(client, stream, "all"); /* the first events may come with its answer */
    while (sink->events < end)
        jetstream_take(client);
    client->sink = NULL;
    snprintf(text, sizeof text, "UNSUB %d\r\n", ANSWERS + client->reads);
    queue_text(client, text);
    jetstream_flush(client);
}

static void jetstream_replay(void *conn, wl_sink *sink)
{
    consume_all(conn, "*", sink, params.events - sink->events % params.events);
}

static void jetstream_stream(void *conn, const char *name, wl_sink *sink)
{
    uint32_t stream = (uint32_t)atoi(name + 6) - params.streams;
    consume_all(conn, name, sink, stream < WL_P10 ? 10 : stream < WL_P10 + WL_P100 ? 100 : 1000);
}

static void jetstream_subscribe(void *conn, const char *stream)
{
    consumer(conn, stream ? stream : "*", "new");
}

static bool jetstream_first(void *conn)
{
    struct client *client = conn;
    struct timeval wait = {.tv_usec = 200000};
    char answer[1024] = "";
    setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    return request(client, "STREAM.MSG.GET.EVENTS", "{\"seq\":1}", answer) &&
           strstr(answer, "\"data\"");
}

const struct door jetstream_door = {
    .name = "jetstream",
    .dial = jetstream_dial,
    .hangup = jetstream_hangup,
    .fd = jetstream_fd,
    .put = jetstream_put,
    .flush = jetstream_flush,
    .take = jetstream_take,
    .first = jetstream_first,
    .prepare = jetstream_prepare,
    .replay = jetstream_replay,
    .stream = jetstream_stream,
    .subscribe = jetstream_subscribe,
    .news = jetstream_take,
};
