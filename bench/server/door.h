/* door.h - the functions of a server's client that driver.c measures.
 *
 * A connection is used by one thread. A failure ends the program with a message.
 */
#ifndef DOOR_H
#define DOOR_H
#include "../workload.h"

enum put_mode {
    PUT_APPEND, /* expected version checked */
    PUT_LOAD,   /* also found in the order of all events */
    PUT_LIVE,   /* also seen by subscribers */
};

struct door {
    const char *name; /* the peer's name in the rows */
    bool one_a_connection;
    bool no_replay;
    void *(*dial)(void); /* NULL: not up yet */
    void (*hangup)(void *conn);
    int (*fd)(void *conn);
    /* put() queues an append; flush() sends the queue; take() takes the answers that have
     * arrived, and calls acked() for each. take() blocks if the connection is blocking. */
    void (*put)(void *conn, const wl_event *event, uint64_t tag, enum put_mode mode);
    void (*flush)(void *conn);
    void (*take)(void *conn);
    bool (*first)(void *conn); /* true if the first event can be read */
    void (*prepare)(void *conn);
    void (*load)(void *conn); /* NULL: by put(PUT_LOAD), 256 in flight */
    void (*loaded)(void *conn);
    void (*replay)(void *conn, wl_sink *sink);
    void (*stream)(void *conn, const char *name, wl_sink *sink);
    /* subscribes to new events, of all or of a stream */
    void (*subscribe)(void *conn, const char *stream);
    void (*news)(void *conn); /* waits, and calls arrived() for each event that arrives */
};

/* driver.c. |tag| as given to put(); ACK_IN_ORDER: of the oldest append of the connection. */
#define ACK_IGNORED UINT64_MAX
void acked(uint64_t tag);
void arrived(const char *data, size_t len);

extern wl_params_t params;
extern int port;
int dial_tcp(void); /* -1: nobody listens */
void send_bytes(int fd, const void *bytes, size_t len);

/* Tags of appends that are answered in order. */
struct tags {
    uint64_t tag[4096];
    uint64_t head, tail;
};
static inline void tags_push(struct tags *tags, uint64_t tag)
{
    tags->tag[tags->head++ & 4095] = tag;
}
static inline uint64_t tags_pop(struct tags *tags)
{
    return tags->tag[tags->tail++ & 4095];
}

extern const struct door floor_door, bare_door, redis_door, jetstream_door, postgres_door;
extern const struct door factum_door, factum_unary_door, factum_v1_door;

/* The servers of the benchmark. */
_Noreturn void floor_serve(const char *dir);
_Noreturn void bare_serve(const char *dir);
#endif
