/* exchange.h - one request and its answer, over HTTP/1.1 and HTTP/2 alike. Layer: net.
 *
 * A session (h1.c, h2.c) creates an exchange when the head of a request is complete, and owns it. A
 * handler answers the exchange: the session calls the handler, and the handler calls the functions
 * below. Everything happens on the thread of the session. Knows nothing of sockets, gRPC, JSON or
 * stores.
 *
 *     session                                handler
 *     begin(exchange)                   ->   sets exchange->handler and ->data
 *     handler->body(exchange, bytes)    ->   fct_exchange_release(exchange, n) once they are used
 *     handler->end(exchange)            ->   the request is complete
 *                                       <-   fct_exchange_respond(status, fields)
 *                                       <-   fct_exchange_write(bytes) while room() > 0
 *     handler->writable(exchange)       ->   there is room again
 *                                       <-   fct_exchange_finish(trailers)
 *     handler->closed(exchange)         ->   always the last call; frees the exchange afterwards
 *
 * Rules.
 *  1. An answer may begin at any time after begin, also inside begin, and may end before the
 *     request does. respond is called at most once, then finish at most once. After finish a
 *     handler gets no more body and no end, only closed.
 *  2. A handler is never called from inside a function of this header, and may call any of them at
 *     any time until closed. It is called from fct_session_receive and fct_session_send (HTTP/1.1
 *     resumes a request that had to wait); closed is also called from the other functions of a
 *     session.
 *  3. Written bytes are copied. Room bounds the memory: a write beyond the room is accepted (a
 *     writer never splits one message), so a writer asks before each message. writable is called
 *     once when half of a filled room is free again: a writer that stopped at room 0 is always
 *     called; one may also be called without need.
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
    /* |complete|: both sides had ended. Otherwise the peer or the connection is gone, or
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

/* A handler for an exchange that was answered at once: drops the rest of the request. */
extern const struct fct_exchange_handler fct_exchange_ignoring;

/* Implemented by a session; called through the functions below. */
struct fct_exchange_ops {
    factum_status (*respond)(struct fct_exchange *exchange, unsigned status,
                             const struct fct_field *fields, size_t count);
    size_t (*room)(const struct fct_exchange *exchange);
    factum_status (*write)(struct fct_exchange *exchange, factum_slice bytes);
    factum_status (*finish)(struct fct_exchange *exchange, const struct fct_field *trailers,
                            size_t count);
    void (*release)(struct fct_exchange *exchange, size_t size);
    void (*abort)(struct fct_exchange *exchange, enum fct_abort why);
    void (*trust)(struct fct_exchange *exchange); /* NULL: trust changes nothing */
};

/* The other end of a connection. Owned by the connection, and lasts as long as the connection. */
struct fct_peer {
    factum_slice address; /* "127.0.0.1:52144", "unix" */
    factum_slice local;   /* the address that was connected to: "127.0.0.1:2113" */
    bool is_unix;         /* a UNIX socket */
    bool is_local;        /* a UNIX socket, or loopback */
    bool is_secure;       /* TLS */
};

struct fct_exchange {
    const struct fct_exchange_ops *ops;
    const struct fct_peer *peer;
    bool http2;
    /* The head of the request. Lasts as long as the exchange. */
    factum_slice method;
    factum_slice target; /* the path and query, as sent */
    factum_slice authority;
    const struct fct_field *fields; /* in the order sent, without pseudo fields */
    size_t field_count;
    /* Set by the handler: the answer never ends, so a peer that ends its side is treated as
     * gone. */
    bool endless;
    /* Set by the handler: the peer may keep its request open until the answer ends. Otherwise, over
     * HTTP/2, the end of an answer waits for the end of its request, for 1 to 2 s and up to 64 KiB
     * more of it; closed() comes later by as much. */
    bool ends_first;
    /* Set by the handler. */
    const struct fct_exchange_handler *handler;
    void *data;
};

/* Returns the value of the first field |name| (lower case), or a slice at NULL if none exists. */
factum_slice fct_exchange_field(const struct fct_exchange *exchange, factum_slice name);

/* Begins the answer. |fields| are copied; they contain no pseudo fields, connection or
 * transfer-encoding. A content-length among them is kept; without one HTTP/1.1 sends chunks. After
 * a failure the caller aborts the exchange. Errors: NO_MEMORY; INVALID (a field that cannot be
 * sent, such as a value with a line end; more than 64 fields). */
FCT_MUST_USE factum_status fct_exchange_respond(struct fct_exchange *exchange, unsigned status,
                                                const struct fct_field *fields, size_t count);
/* Returns how many bytes may be written now. 0: wait for writable. */
size_t fct_exchange_room(const struct fct_exchange *exchange);
/* Adds bytes to the body of the answer. After an abort this and the other functions do nothing.
 * After a failure the caller aborts the exchange. Errors: NO_MEMORY; TOO_BIG (32 MiB would
 * wait). */
FCT_MUST_USE factum_status fct_exchange_write(struct fct_exchange *exchange, factum_slice bytes);
/* Ends the answer. Trailers are sent over HTTP/2 and with chunks, and dropped otherwise. Errors:
 * NO_MEMORY, INVALID (a trailer that cannot be sent). */
FCT_MUST_USE factum_status fct_exchange_finish(struct fct_exchange *exchange,
                                               const struct fct_field *trailers, size_t count);
/* |size| bytes passed to body() are used: the peer may send as many more. */
void fct_exchange_release(struct fct_exchange *exchange, size_t size);
/* The peer has logged in, or need not: from now on the connection may have as many exchanges as the
 * session's limits allow. */
void fct_exchange_trust(struct fct_exchange *exchange);
/* Ends the exchange at once, in any state. closed() follows, not from inside this call. */
void fct_exchange_abort(struct fct_exchange *exchange, enum fct_abort why);

#endif
