/* h1_int.h - what the files of the HTTP/1.1 session share. Layer: net.
 *
 * h1.c owns the session: input, exchanges, times. h1_head.c reads the head of a request,
 * h1_answer.c writes answers, h1_check.c checks the syntax of lines.
 *
 * Invariants.
 *  1. At most one exchange is open. The next head is not read before the exchange is closed.
 *  2. Handlers are called from receive and send only; closed also from tick, shut_down and destroy.
 *  3. |head| is not changed while an exchange is open: its slices point into |head|.
 */
#ifndef FCT_NET_H1_INT_H
#define FCT_NET_H1_INT_H

#include <llhttp.h>

#include "core/buf.h"
#include "net/h1_check.h"
#include "net/session.h"

enum {
    FCT_H1_OUT_MAX = 32 << 20,   /* bytes that wait to be sent */
    FCT_H1_INPUT_MAX = 4 << 20,  /* bytes that wait to be read */
    FCT_H1_DRAIN_MAX = 64 << 10, /* bytes of an unwanted body that are read to keep a connection */
};

enum fct_h1_reading {
    FCT_H1_READS_HEAD,
    FCT_H1_READS_BODY,
    FCT_H1_READS_NOTHING, /* the request is complete, the exchange is open */
};

enum fct_h1_progress {
    FCT_H1_NOT_BEGUN,
    FCT_H1_BEGUN, /* respond was called; the end of the head is not yet written */
    FCT_H1_BODY,
    FCT_H1_FINISHED,
};

enum fct_h1_framing {
    FCT_H1_NO_BODY, /* HEAD, 204, 304 */
    FCT_H1_LENGTH,
    FCT_H1_CHUNKED,
    FCT_H1_UNTIL_CLOSE,
};

struct fct_h1_answer {
    enum fct_h1_progress progress;
    enum fct_h1_framing framing; /* valid from BODY on, NO_BODY and LENGTH from BEGUN on */
    uint64_t length_left;        /* of content-length */
    size_t from;                 /* where the answer begins in |out|, until part of it is sent */
    bool is_sent;                /* the peer may have part of it */
};

struct fct_h1;

struct fct_h1_exchange {
    struct fct_exchange base; /* first */
    struct fct_h1 *h1;
};

struct fct_h1 {
    struct fct_session base; /* first */
    const struct fct_mem *mem;
    struct fct_session_limits limits; /* defaults filled in */
    void *data;
    void (*begin)(void *data, struct fct_exchange *exchange);
    void (*wants_send)(void *data);

    /* The request. */
    enum fct_h1_reading reading;
    struct fct_h1_check check;
    llhttp_t parser;
    struct fct_buf head;
    struct fct_field *fields; /* room for field_count_max, allocated with the first head */
    size_t field_count;
    factum_slice url;      /* as llhttp saw it */
    const uint8_t *framed; /* bytes before this one that llhttp has are checked */
    bool head_complete;    /* llhttp has seen the end of the head */
    bool complete;         /* llhttp has seen the end of the request */
    bool is_head;          /* method HEAD */
    bool is_http10;
    bool is_chunked;
    bool expects_continue; /* and 100 Continue was not sent */
    bool keep_alive;
    size_t unreleased;
    size_t drained;

    struct fct_h1_exchange exchange;
    bool is_open;
    bool is_aborted;
    enum fct_abort why;
    struct fct_h1_answer answer;

    struct fct_buf input; /* the bytes of |rest| between two calls */
    factum_slice rest;    /* not yet read */
    struct fct_buf out;
    struct fct_buf sent; /* what send last returned */

    bool is_inside;  /* one of receive, send, tick ... runs */
    bool has_woken;  /* wants_send was called */
    bool is_full;    /* there was no room: writable is due */
    bool is_closing; /* shut_down was called */
    bool is_last;    /* the peer sends nothing after |rest| */
    bool is_finished;

    bool has_time;
    uint64_t now;
    uint64_t active_at;   /* when a byte came or an exchange closed */
    uint64_t head_at;     /* when the first byte of the head came */
    uint64_t body_size;   /* bytes of the body that came */
    uint64_t body_waited; /* milliseconds in which only the peer could continue the body */
};

/* h1_head.c: reads the complete head in h1->head into the exchange and the members above. Returns
 * false if the head is refused: *status and *reason (static) are for the peer. */
FCT_MUST_USE bool fct_h1_read_head(struct fct_h1 *h1, unsigned *status, const char **reason);

/* h1_answer.c */
extern const struct fct_exchange_ops fct_h1_exchange_ops;
/* Ends an open head before send hands out the written bytes. Errors: NO_MEMORY. */
FCT_MUST_USE factum_status fct_h1_answer_flush(struct fct_h1 *h1);
/* Writes an answer of the session's own, with a body that names |reason|; nothing without
 * memory. */
void fct_h1_answer_refusal(struct fct_h1 *h1, unsigned status, const char *reason);

/* h1.c: calls wants_send, unless it was called already or the owner will call send anyway. */
void fct_h1_wake(struct fct_h1 *h1);
/* h1.c: true if the rest of an unwanted body is so small that reading it is worth keeping the
 * connection. */
bool fct_h1_may_drain(const struct fct_h1 *h1);

#endif
