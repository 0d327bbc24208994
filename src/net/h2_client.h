/* h2_client.h - the client's side of one HTTP/2 connection: bytes in, calls and bytes out.
 * Layer: net.
 *
 * Sans-I/O, like session.h: the owner (dial.c, a unit test) passes bytes and times, and takes
 * bytes. A call is one request and its answer:
 *
 *     fct_h2_client_start(client, path, fields) -> call
 *     fct_client_write(call, bytes) while fct_client_room() > 0, fct_client_end(call)
 *                                       <-   head(call, status, fields)
 *                                       <-   data(call, bytes)
 *     fct_client_release(call, n) once they are used
 *                                       <-   trailers(call, fields)
 *                                       <-   closed(call, how): always the last one
 *
 * Rules.
 *  1. A handler is never called from inside start, write, end, release and cancel, and may call any
 *     of them at any time until closed. Handlers are called from receive, send, tick and destroy.
 *  2. Memory is bounded. The window of a call bounds the waiting bytes of its answer. The writer of
 *     a request bounds its waiting bytes: it asks for room before each message. Bytes of the
 *     connection's window are returned as they come, so that a call that is not read does not hold
 *     up others.
 *  3. Pushes are refused. A head or trailers over 16 KiB or 64 fields end their call.
 *  4. A peer that has sent nothing for ping_ms gets a PING; after pong_ms more without a byte the
 *     connection is lost. One thread.
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
    /* The peer has not processed the request (RFC 9113, 8.7): it may be sent again. */
    FCT_CLIENT_REFUSED,
    FCT_CLIENT_RESET,     /* by the peer, or because the peer broke the rules */
    FCT_CLIENT_CANCELLED, /* by fct_client_cancel */
    FCT_CLIENT_LOST,      /* the connection is gone */
};

/* |fields| and all slices last until the handler returns. Every member except closed may be
 * NULL. */
struct fct_client_handler {
    void (*head)(struct fct_client_call *call, unsigned status, const struct fct_field *fields,
                 size_t count);
    void (*data)(struct fct_client_call *call, factum_slice bytes);
    void (*trailers)(struct fct_client_call *call, const struct fct_field *fields, size_t count);
    void (*writable)(struct fct_client_call *call); /* there is room again */
    void (*closed)(struct fct_client_call *call, enum fct_client_end how);
};

/* Owned by the session; freed after closed. */
struct fct_client_call {
    const struct fct_client_handler *handler;
    void *data; /* the starter's */
};

/* 0: the default in parentheses. */
struct fct_h2_client_options {
    const struct fct_mem *mem;
    factum_slice authority; /* borrowed while the session lives */
    bool is_secure;         /* TLS: the scheme is https */
    size_t call_window;     /* bytes of an answer that are not yet released (1 MiB) */
    unsigned ping_ms;       /* (10,000) */
    unsigned pong_ms;       /* (10,000) */
    void *data;
    /* fct_h2_client_send has work; as in session.h. */
    void (*wants_send)(void *data);
};

/* Creates a session. Errors: NO_MEMORY. */
FCT_MUST_USE factum_status fct_h2_client_create(const struct fct_h2_client_options *options,
                                                struct fct_h2_client **client, factum_error *err);
/* Closes all calls with LOST. Accepts NULL. */
void fct_h2_client_destroy(struct fct_h2_client *client);
/* Takes bytes from the peer. Returns false if the connection is over: the owner destroys the
 * session. */
FCT_MUST_USE bool fct_h2_client_receive(struct fct_h2_client *client, factum_slice bytes,
                                        uint64_t now_ms);
/* Returns the size of the next bytes to send, which last until the next call on the session; 0:
 * none now. */
size_t fct_h2_client_send(struct fct_h2_client *client, const uint8_t **bytes);
/* Call about once a second. Returns false if the peer has not answered in time: then as after
 * receive. */
FCT_MUST_USE bool fct_h2_client_tick(struct fct_h2_client *client, uint64_t now_ms);
/* True if no more bytes will come from or go to the peer. */
bool fct_h2_client_is_finished(const struct fct_h2_client *client);
/* True if another call may be started now: before GOAWAY, and below the peer's limit. */
bool fct_h2_client_can_start(const struct fct_h2_client *client);

/* Starts a call: a request |method| of |path| with |fields| (no pseudo fields; copied; at most 32).
 * The session owns the call. Errors: NO_MEMORY; UNREACHABLE (the connection takes no more
 * calls). */
FCT_MUST_USE factum_status fct_h2_client_request(struct fct_h2_client *client, factum_slice method,
                                                 factum_slice path, const struct fct_field *fields,
                                                 size_t count, struct fct_client_call **call);
/* fct_h2_client_request with POST. */
FCT_MUST_USE factum_status fct_h2_client_start(struct fct_h2_client *client, factum_slice path,
                                               const struct fct_field *fields, size_t count,
                                               struct fct_client_call **call);
/* Copies |bytes| to the end of the request's body. After a failure the caller cancels the call.
 * Errors: NO_MEMORY; TOO_BIG (64 MiB would wait). */
FCT_MUST_USE factum_status fct_client_write(struct fct_client_call *call, factum_slice bytes);
/* Returns how many bytes may be written now; 0: wait for writable. A write beyond the room is
 * accepted. */
size_t fct_client_room(const struct fct_client_call *base);
/* Ends the body of the request. */
void fct_client_end(struct fct_client_call *base);
/* |size| bytes passed to data() are used. */
void fct_client_release(struct fct_client_call *base, size_t size);
/* Ends the call at once. closed() follows, not from inside this call. */
void fct_client_cancel(struct fct_client_call *base);

#endif
