/* redis.c - the client of Redis Streams.
 *
 * An append is XADD s:STREAM <version+1>-0, which Redis refuses if that version is taken. The load
 * goes into the one stream "all", probe streams also into their own: its smallest form. A live
 * append goes to the stream "e2e", on which XREAD waits.
 */
#ifdef WITH_REDIS
#include "door.h"

#include <hiredis/hiredis.h>

struct client {
    redisContext *redis;
    struct tags tags;
    char from[64]; /* id for the next XREAD */
};

static void checked(const redisReply *reply, const char *what)
{
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        wl_die(what, reply ? reply->str : "no reply");
}

static void *redis_dial(void)
{
    redisContext *redis = redisConnect("127.0.0.1", port);
    if (!redis || redis->err) {
        if (redis)
            redisFree(redis);
        return NULL;
    }
    struct client *client = calloc(1, sizeof *client);
    client->redis = redis;
    return client;
}

static void redis_hangup(void *conn)
{
    struct client *client = conn;
    redisFree(client->redis);
    free(client);
}

static int redis_fd(void *conn)
{
    return ((struct client *)conn)->redis->fd;
}

static void add_checked(struct client *client, const wl_event *event, uint64_t tag)
{
    char key[40], id[32];
    int key_size = snprintf(key, sizeof key, "s:%s", event->name);
    int id_size = snprintf(id, sizeof id, "%" PRIu64 "-0", event->version + 1);
    const char *args[] = {
        "XADD", key,         id,  "t",        event->type, "i", (const char *)event->id,
        "d",    event->data, "m", event->meta};
    size_t sizes[] = {
        4, (size_t)key_size, (size_t)id_size, 1, event->type_len, 1, 16, 1, event->data_len,
        1, event->meta_len};
    redisAppendCommandArgv(client->redis, 11, args, sizes);
    tags_push(&client->tags, tag);
}

static void add_to_one(struct client *client, const char *key, const wl_event *event, uint64_t tag)
{
    char version[24];
    int version_size = snprintf(version, sizeof version, "%" PRIu64, event->version);
    const char *args[] = {"XADD",
                          key,
                          "*",
                          "s",
                          event->name,
                          "v",
                          version,
                          "t",
                          event->type,
                          "i",
                          (const char *)event->id,
                          "d",
                          event->data,
                          "m",
                          event->meta};
    size_t sizes[] = {4,
                      strlen(key),
                      1,
                      1,
                      event->name_len,
                      1,
                      (size_t)version_size,
                      1,
                      event->type_len,
                      1,
                      16,
                      1,
                      event->data_len,
                      1,
                      event->meta_len};
    redisAppendCommandArgv(client->redis, 15, args, sizes);
    tags_push(&client->tags, tag);
}

static void redis_put(void *conn, const wl_event *event, uint64_t tag, enum put_mode mode)
{
    if (mode == PUT_APPEND) {
        add_checked(conn, event, tag);
    } else if (mode == PUT_LIVE) {
        add_to_one(conn, "e2e", event, tag);
    } else {
        if (event->stream >= params.streams)
            add_checked(conn, event, ACK_IGNORED);
        add_to_one(conn, "all", event, tag);
    }
}

static void redis_flush(void *conn)
{
    struct client *client = conn;
    for (int done = 0; !done;) {
        if (redisBufferWrite(client->redis, &done) != REDIS_OK)
            wl_die("redis", client->redis->errstr);
    }
}

static void redis_take(void *conn)
{
    struct client *client = conn;
    redisReply *reply = NULL;
    if (redisBufferRead(client->redis) != REDIS_OK)
        wl_die("redis", client->redis->errstr);
    while (redisGetReplyFromReader(client->redis, (void **)&reply) == REDIS_OK && reply) {
        checked(reply, "XADD");
        freeReplyObject(reply);
        acked(tags_pop(&client->tags));
    }
}

static void redis_prepare(void *conn)
{
    redisReply *reply = redisCommand(((struct client *)conn)->redis, "FLUSHALL");
    checked(reply, "FLUSHALL");
    freeReplyObject(reply);
}

static bool redis_first(void *conn)
{
    redisReply *reply = redisCommand(((struct client *)conn)->redis, "XRANGE all - + COUNT 1");
    bool there = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 1;
    if (reply)
        freeReplyObject(reply);
    return there;
}

/* [id, [name, value ...]], data and metadata last */
static void consume(const redisReply *entry, wl_sink *sink)
{
    const redisReply *fields = entry->element[1];
    const redisReply *data = fields->element[fields->elements - 3];
    const redisReply *meta = fields->element[fields->elements - 1];
    wl_consume(sink, data->str, data->len, meta->str, meta->len);
}

static void redis_replay(void *conn, wl_sink *sink)
{
    char from[80] = "-";
    for (size_t n = 1000; n == 1000;) {
        redisReply *reply =
            redisCommand(((struct client *)conn)->redis, "XRANGE all %s + COUNT 1000", from);
        checked(reply, "XRANGE");
        n = reply->elements;
        for (size_t i = 0; i < n; i++)
            consume(reply->element[i], sink);
        if (n)
            snprintf(from, sizeof from, "(%s", reply->element[n - 1]->element[0]->str);
        freeReplyObject(reply);
    }
}

static void redis_stream(void *conn, const char *name, wl_sink *sink)
{
    redisReply *reply = redisCommand(((struct client *)conn)->redis, "XRANGE s:%s - +", name);
    checked(reply, "XRANGE");
    for (size_t i = 0; i < reply->elements; i++)
        consume(reply->element[i], sink);
    freeReplyObject(reply);
}

static void redis_subscribe(void *conn, const char *stream)
{
    (void)stream;
    snprintf(((struct client *)conn)->from, 64, "$");
}

static void redis_news(void *conn)
{
    struct client *client = conn;
    redisReply *reply =
        redisCommand(client->redis, "XREAD COUNT 100 BLOCK 3000 STREAMS e2e %s", client->from);
    checked(reply, "XREAD");
    if (reply->type == REDIS_REPLY_NIL)
        wl_die("XREAD", "no event in 3 s");
    const redisReply *entries = reply->element[0]->element[1];
    for (size_t i = 0; i < entries->elements; i++) {
        const redisReply *fields = entries->element[i]->element[1];
        const redisReply *data = fields->element[fields->elements - 3];
        arrived(data->str, data->len);
    }
    snprintf(client->from, sizeof client->from, "%s",
             entries->element[entries->elements - 1]->element[0]->str);
    freeReplyObject(reply);
}

const struct door redis_door = {
    .name = "redis",
    .dial = redis_dial,
    .hangup = redis_hangup,
    .fd = redis_fd,
    .put = redis_put,
    .flush = redis_flush,
    .take = redis_take,
    .first = redis_first,
    .prepare = redis_prepare,
    .replay = redis_replay,
    .stream = redis_stream,
    .subscribe = redis_subscribe,
    .news = redis_news,
};
#endif
