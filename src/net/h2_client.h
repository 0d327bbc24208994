/* h2_client.h - the client's side of one HTTP/2 connection: bytes in, calls and bytes out.
 * Layer: net.
 *
 * Sans-I/O, as session.h: its owner (dial.c, a unit test) gives it bytes and times, and takes
 * bytes. A call is one request and its answer:
 *
 *     fct_h2_client_start(client, path, fields) -> call
 *     fct_client_write(call, bytes) while fct_client_room() > 0, fct_client_end(call)
 *                                       <-   head(call, status, fields)
 *                                       <-   data(call, bytes)
 *     fct_client_release(call, n) once they are used
 *                                       <-   trailers(call, fields)
 *                                       <-   closed(call, how): the last one, always made
 *
 * Rules.
 *  1. A handler is never called from inside start, write, end, release and cancel: it may call any
 *     of them at any time until closed. It is called from receive, send, tick and destroy.
 *  2. Memory is bounded: what waits of an answer by the window of its call, what waits of a request
 *     by its writer, who asks for room before each message. Bytes of the connection's window are
 *     given back as they come, so that a call that is not read does not hold up others.
 *  3. Pushes are refused; a head or trailers over 16 KiB or 64 fields end their call.
 *  4. A peer from which nothing has come for ping_ms is asked by PING; after pong_ms more without a
 *     byte the connection is lost. One thread.
 */
#ifndef FCT_NET_H2_CLIENT_H
#define FCT_NET_H2_CLIENT_H

#include "core/mem.h"
#include "net/exchange.h"

struct fct_h2_client;
struct fct_client_call;

/* How a call has ended. */
enum fct_client_end {
    FCT_CLIENT_COMPLETE, /* the answer is whole */
    FCT_CLIENT_REFUSED,  /* the peer has done nothing of it (RFC 9113, 8.7): it may be sent again */
    FCT_CLIENT_RESET,    /* by the peer, or for breaking the rules */
    FCT_CLIENT_CANCELLED, /* by fct_client_cancel */
    FCT_CLIENT_LOST,      /* the connection is gone */
};

/* |fields| and all slices last until the return. Any of them may be NULL, except closed. */
struct fct_client_handler {
    void (*head)(struct fct_client_call *call, unsigned status, const struct fct_field *fields,
                 size_t count);
    void (*data)(struct fct_client_call *call, factum_slice bytes);
    void (*trailers)(struct fct_client_call *call, const struct fct_field *fields, size_t count);
    void (*writable)(struct fct_client_call *call); /* there is room again */
    void (*closed)(struct fct_client_call *call, enum fct_client_end how);
};

/* Owned by the session; gone after closed. */
struct fct_client_call {
    const struct fct_client_handler *handler;
    void *data; /* the starter's */
};

/* Zero: the default in parentheses. */
struct fct_h2_client_options {
    const struct fct_mem *mem;
    factum_slice authority; /* borrowed for as long as the session lives */
    bool is_secure;         /* TLS: the scheme is https */
    size_t call_window;     /* bytes of an answer that are not released (1 MiB) */
    unsigned ping_ms;       /* (10,000) */
    unsigned pong_ms;       /* (10,000) */
    void *data;
    /* There is something for send. As in session.h. */
    void (*wants_send)(void *data);
};

/* NO_MEMORY. */
FCT_MUST_USE factum_status fct_h2_client_create(const struct fct_h2_client_options *options,
                                                struct fct_h2_client **client, factum_error *err);
/* Closes all calls: LOST. Accepts NULL. */
void fct_h2_client_destroy(struct fct_h2_client *client);
/* False: the connection is over. The owner destroys the session. */
FCT_MUST_USE bool fct_h2_client_receive(struct fct_h2_client *client, factum_slice bytes,
                                        uint64_t now_ms);
/* The next bytes to send, which last until the next call on the session; 0: nothing now. */
size_t fct_h2_client_send(struct fct_h2_client *client, const uint8_t **bytes);
/* About once a second. False: the peer has not answered in time, as of receive. */
FCT_MUST_USE bool fct_h2_client_tick(struct fct_h2_client *client, uint64_t now_ms);
/* Nothing more will come. */
bool fct_h2_client_is_finished(const struct fct_h2_client *client);
/* May another call be started now? Not after GOAWAY, nor over the peer's limit. */
bool fct_h2_client_can_start(const struct fct_h2_client *client);

/* A request |method| of |path| with |fields| (no pseudo fields; copied; 32 at most). The call is
 * the session's. NO_MEMORY; UNREACHABLE: the connection takes no more calls. */
FCT_MUST_USE factum_status fct_h2_client_request(struct fct_h2_client *client, factum_slice method,
                                                 factum_slice path, const struct fct_field *fields,
                                                 size_t count, struct fct_client_call **call);
/* The same with POST. */
FCT_MUST_USE factum_status fct_h2_client_start(struct fct_h2_client *client, factum_slice path,
                                               const struct fct_field *fields, size_t count,
                                               struct fct_client_call **call);
/* Adds bytes to the body of the request; they are copied. NO_MEMORY, TOO_BIG (64 MiB would wait):
 * cancel it. */
FCT_MUST_USE factum_status fct_client_write(struct fct_client_call *call, factum_slice bytes);
/* Bytes that may be written now; 0: wait for writable. A write beyond it is taken. */
size_t fct_client_room(const struct fct_client_call *base);
/* The body of the request is complete. */
void fct_client_end(struct fct_client_call *base);
/* |size| bytes that data() was given are used. */
void fct_client_release(struct fct_client_call *base, size_t size);
/* Ends it at once; closed follows, not from inside this call. */
void fct_client_cancel(struct fct_client_call *base);

#endif
