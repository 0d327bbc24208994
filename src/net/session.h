/* session.h - the server's side of one connection's protocol: bytes in, exchanges and bytes out.
 * Layer: net.
 *
 * Sans-I/O: a session never sees a socket or a clock. The owner (conn.c, a unit test, a fuzzer)
 * passes bytes and times, and takes bytes. h1.c speaks HTTP/1.1 over llhttp, h2.c HTTP/2 over
 * nghttp2. One thread.
 *
 * Invariants.
 *  1. Memory is bounded by the limits below, whatever the peer sends.
 *  2. Every exchange that was begun is closed, at the latest by destroy.
 *  3. After receive has returned false or is_finished is true, the owner sends what send still
 *     returns, and closes the connection.
 */
#ifndef FCT_NET_SESSION_H
#define FCT_NET_SESSION_H

#include "core/mem.h"
#include "net/exchange.h"

/* 0: the default in parentheses. */
struct fct_session_limits {
    size_t head_size_max;       /* bytes of a request's head (16 KiB) */
    size_t field_count_max;     /* (100) */
    size_t exchanges_max;       /* concurrent ones, HTTP/2 (1,024) */
    size_t exchanges_first_max; /* before fct_exchange_trust (equal to exchanges_max) */
    size_t body_window;         /* bytes of one body that are not yet released (1 MiB) */
    size_t session_window;      /* of all bodies of the connection (8 MiB) */
    size_t write_buffer_max;    /* bytes of one answer that wait to be sent: its room (256 KiB) */
    /* Of all answers of the connection, HTTP/2; beyond it each answer still has room for 16 KiB
     * (16 MiB). */
    size_t session_write_max;
    /* PING, SETTINGS, empty frames, early resets ... after which the peer is refused with
     * ENHANCE_YOUR_CALM (200) ... */
    size_t glitches_burst;
    size_t glitches_per_second; /* ... and how many are forgiven (20) */
    unsigned header_ms; /* from the first byte of a request to the end of its head (10,000) */
    unsigned idle_ms;   /* without a byte and without an open exchange (300,000) */
};

struct fct_session_options {
    const struct fct_mem *mem;
    const struct fct_peer *peer; /* borrowed */
    struct fct_session_limits limits;
    void *data;
    /* The head of a request is complete. Sets exchange->handler. */
    void (*begin)(void *data, struct fct_exchange *exchange);
    /* fct_session_send has work: bytes to send, a request that waited, or the end. Called from
     * inside the functions of exchange.h, tick and shut_down; not from receive or send, after which
     * the owner calls send anyway. Called once until the next send has returned 0. */
    void (*wants_send)(void *data);
};

struct fct_session;

struct fct_session_ops {
    bool (*receive)(struct fct_session *session, factum_slice bytes, uint64_t now_ms);
    bool (*wants_receive)(const struct fct_session *session);
    bool (*input_ended)(struct fct_session *session);
    size_t (*send)(struct fct_session *session, const uint8_t **bytes);
    void (*tick)(struct fct_session *session, uint64_t now_ms);
    void (*shut_down)(struct fct_session *session);
    bool (*is_finished)(const struct fct_session *session);
    size_t (*waiting)(const struct fct_session *session);
    void (*destroy)(struct fct_session *session);
};

struct fct_session {
    const struct fct_session_ops *ops;
};

/* Creates a session. Errors: NO_MEMORY. */
FCT_MUST_USE factum_status fct_h1_create(const struct fct_session_options *options,
                                         struct fct_session **session, factum_error *err);
FCT_MUST_USE factum_status fct_h2_create(const struct fct_session_options *options,
                                         struct fct_session **session, factum_error *err);

/* Takes bytes of the peer. |now_ms| is of a monotonic clock, the same as for tick. Returns false if
 * the connection is over, because the peer broke the rules or asked to close. */
FCT_MUST_USE bool fct_session_receive(struct fct_session *session, factum_slice bytes,
                                      uint64_t now_ms);
/* True if the owner may read from the peer now. While false the owner leaves bytes in the socket:
 * handlers have not released the bytes that came, or a request waits for the answer before it. Ask
 * again after each receive and send. A receive while false accepts a few MiB of waiting bytes. */
bool fct_session_wants_receive(const struct fct_session *session);
/* The peer sends nothing more, like `nc -N` after its request, but may still read. Returns true if
 * an answer is being sent: the session is finished after it. Returns false if the owner should
 * close the connection: no answer is being sent, or only an endless one (fct_exchange.endless).
 * Always false for HTTP/2. */
FCT_MUST_USE bool fct_session_input_ended(struct fct_session *session);
/* Returns the size of the next bytes to send, which last until the next call on the session; 0:
 * none now. The bytes count as sent: the owner keeps what it cannot write at once. HTTP/2 returns
 * up to 97 KiB, and once a call asks each exchange that has room again for more. */
size_t fct_session_send(struct fct_session *session, const uint8_t **bytes);
/* Checks the time limits. Call about once a second; the owner sends afterwards. */
void fct_session_tick(struct fct_session *session, uint64_t now_ms);
/* Takes no new exchanges: HTTP/2 sends GOAWAY, HTTP/1.1 closes after the current answer. The owner
 * sends afterwards. */
void fct_session_shut_down(struct fct_session *session);
/* True if no more bytes will come: close the connection once everything is sent. */
bool fct_session_is_finished(const struct fct_session *session);
/* Bytes of answers that are kept until the peer takes them. */
size_t fct_session_waiting(const struct fct_session *session);
/* Closes all exchanges and frees the session. Accepts NULL. */
void fct_session_destroy(struct fct_session *session);

/* How a connection begins. */
enum fct_preface { FCT_PREFACE_UNDECIDED, FCT_PREFACE_HTTP1, FCT_PREFACE_HTTP2, FCT_PREFACE_TLS };
/* |bytes|: what has come so far. */
enum fct_preface fct_preface_of(factum_slice bytes);

#endif
