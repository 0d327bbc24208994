/* exchange.h - one request and its answer, over HTTP/1.1 and HTTP/2 alike. Layer: net.
 *
 * A session (h1.c, h2.c) makes an exchange when the head of a request is complete, and owns it. Who
 * answers it, the handler, is called by the session and calls the functions below; everything
 * happens on the thread of the session. Knows nothing of sockets, gRPC, JSON or stores.
 *
 *     session                                handler
 *     begin(exchange)                   ->   sets exchange->handler and ->data
 *     handler->body(exchange, bytes)    ->   fct_exchange_release(exchange, n) once they are used
 *     handler->end(exchange)            ->   the request is complete
 *                                       <-   fct_exchange_respond(status, fields)
 *                                       <-   fct_exchange_write(bytes) while fct_exchange_room() >
 *                                       0
 *     handler->writable(exchange)       ->   there is room again
 *                                       <-   fct_exchange_finish(trailers)
 *     handler->closed(exchange)         ->   the last call, always made; the exchange is gone after
 *     it
 *
 * Rules.
 *  1. Answers may begin at any time after begin, also inside it, and may end before the request
 *     does. Each exchange gets respond at most once, and finish at most once after it. After finish
 *     a handler gets no more body and no end, only closed.
 *  2. A handler is never called from inside a function of this header: it may call any of them at
 *     any time until closed. It is called from fct_session_receive and fct_session_send (HTTP/1.1
 *     goes on with a request that had to wait), and closed also from the other functions of a
 *     session.
 *  3. What is written is copied. Room is what keeps memory bounded: a write beyond it is taken (one
 *     message is never split by its writer), so a writer asks before each message. writable is
 *     called once when half of a room that was filled is free again: a writer who stopped at room 0
 *     is always called, and one may be called without need.
 *  4. Bytes of the body count against the peer's window until they are released.
 */
#ifndef FCT_NET_EXCHANGE_H
#define FCT_NET_EXCHANGE_H

#include <factum/base.h>

#include "core/compiler.h"

/* A header or trailer field. The name is lower case. */
struct fct_field {
    factum_slice name;
    factum_slice value;
};

struct fct_exchange;

struct fct_exchange_handler {
    void (*body)(struct fct_exchange *exchange, factum_slice bytes);
    void (*end)(struct fct_exchange *exchange);
    void (*writable)(struct fct_exchange *exchange);
    /* |complete|: both sides had ended. Otherwise the peer or the connection went away, or
     * fct_exchange_abort was called. */
    void (*closed)(struct fct_exchange *exchange, bool complete);
};

/* Why an exchange is aborted. */
enum fct_abort {
    FCT_ABORT_CANCEL,   /* no longer wanted */
    FCT_ABORT_PROTOCOL, /* the peer broke the rules */
    FCT_ABORT_INTERNAL,
    FCT_ABORT_CALM, /* the peer asks for too much */
};

/* For who has answered at once: drops the rest of the request. */
extern const struct fct_exchange_handler fct_exchange_ignoring;

/* What a session implements; called through the functions below. */
struct fct_exchange_ops {
    factum_status (*respond)(struct fct_exchange *exchange, unsigned status,
                             const struct fct_field *fields, size_t count);
    size_t (*room)(const struct fct_exchange *exchange);
    factum_status (*write)(struct fct_exchange *exchange, factum_slice bytes);
    factum_status (*finish)(struct fct_exchange *exchange, const struct fct_field *trailers,
                            size_t count);
    void (*release)(struct fct_exchange *exchange, size_t size);
    void (*abort)(struct fct_exchange *exchange, enum fct_abort why);
    void (*trust)(struct fct_exchange *exchange); /* NULL: it makes no difference */
};

/* Who is at the other end of a connection. Owned by the connection, lasts as long as it. */
struct fct_peer {
    factum_slice address; /* "127.0.0.1:52144", "unix" */
    factum_slice local;   /* the address that was connected to: "127.0.0.1:2113" */
    bool is_local;        /* a UNIX socket, or loopback */
    bool is_secure;       /* TLS */
};

struct fct_exchange {
    const struct fct_exchange_ops *ops;
    const struct fct_peer *peer;
    bool http2;
    /* The head of the request: lasts as long as the exchange. */
    factum_slice method;
    factum_slice target; /* the path and query, as sent */
    factum_slice authority;
    const struct fct_field *fields; /* in their order, no pseudo fields */
    size_t field_count;
    bool endless; /* set by the handler: the answer goes on for ever, so that a peer which has ended
                     its side is taken for gone */
    /* The handler's. */
    const struct fct_exchange_handler *handler;
    void *data;
};

/* The value of the first field |name| (lower case); a slice at NULL if there is none. */
factum_slice fct_exchange_field(const struct fct_exchange *exchange, factum_slice name);

/* Begins the answer. |fields| without pseudo fields, connection, transfer-encoding; they are
 * copied. A content-length among them is kept, and HTTP/1.1 sends chunks without one. NO_MEMORY;
 * INVALID (a field that cannot be sent: a bug or a value with a line end; more than 64 fields).
 * After a failure abort it. */
FCT_MUST_USE factum_status fct_exchange_respond(struct fct_exchange *exchange, unsigned status,
                                                const struct fct_field *fields, size_t count);
/* Bytes that may be written now; 0: wait for writable. */
size_t fct_exchange_room(const struct fct_exchange *exchange);
/* Adds bytes to the body of the answer. NO_MEMORY, TOO_BIG (32 MiB would wait): abort it. After an
 * abort it does nothing, as the other functions. */
FCT_MUST_USE factum_status fct_exchange_write(struct fct_exchange *exchange, factum_slice bytes);
/* Ends the answer. Trailers go with HTTP/2 and with chunks; otherwise they are left out. */
FCT_MUST_USE factum_status fct_exchange_finish(struct fct_exchange *exchange,
                                               const struct fct_field *trailers, size_t count);
/* |size| bytes that body() was given are used: the peer may send as many more. */
void fct_exchange_release(struct fct_exchange *exchange, size_t size);
/* Its peer has logged in, or need not: the connection may have as many exchanges as the session's
 * limits say, from now on. */
void fct_exchange_trust(struct fct_exchange *exchange);
/* Ends it at once, from either state; closed() follows, not from inside this call. */
void fct_exchange_abort(struct fct_exchange *exchange, enum fct_abort why);

#endif
