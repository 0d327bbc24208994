/* h2_int.h - what the files of the HTTP/2 session share. Layer: net, private.
 *
 *     h2.c           the session: its life, receive, send, the time limits
 *     h2_head.c      the head of a request, from its fields to an exchange
 *     h2_exchange.c  the answer: what exchange.h offers, and the bytes that wait to be sent
 *     h2_watch.c     counts what only a hostile or broken peer sends
 *
 * nghttp2 does framing, HPACK and flow control. Handlers are called from inside its callbacks, in
 * which it allows every submit function.
 */
#ifndef FCT_NET_H2_INT_H
#define FCT_NET_H2_INT_H

#include <stddef.h>
#include <sys/types.h>

#include <nghttp2/nghttp2.h>

#include "core/buf.h"
#include "net/session.h"

#define FCT_H2_PREFACE_SIZE 24
#define FCT_H2_FRAME_HEADER_SIZE 9
/* in an answer, or in its trailers */
#define FCT_H2_FIELDS_MAX 64
/* The largest piece of output of nghttp2: a frame of 16 KiB and its header, rounded up. */
#define FCT_H2_PIECE_MAX ((size_t)(16 * 1024 + 256))
/* The most that one send returns. */
#define FCT_H2_SEND_MAX (64 * 1024 + 2 * FCT_H2_PIECE_MAX)
/* The most bytes of one answer that wait, including one message that exceeds the room. */
#define FCT_H2_WAITING_MAX ((size_t)32 << 20)

/* A ring: both its head and its members. Zeroed: a member of no ring. */
struct fct_h2_link {
    struct fct_h2_link *prev;
    struct fct_h2_link *next;
};

/* Reads frame headers before nghttp2, which does not report all frames, and keeps the bucket. */
struct fct_h2_watch {
    size_t preface_left;
    uint8_t header[FCT_H2_FRAME_HEADER_SIZE];
    size_t header_size; /* bytes of the header that have come */
    size_t payload_left;
    bool first_done;     /* the first frame is complete */
    bool head_open;      /* between HEADERS and the end of its header block */
    bool is_pending;     /* the preface, a frame's header or a header block is incomplete ... */
    uint64_t pending_ms; /* ... since then */
    uint64_t tokens;     /* a glitch costs FCT_H2_GLITCH of them */
    uint64_t tokens_max;
    uint64_t tokens_per_ms;
    uint64_t filled_ms;
    bool has_time;         /* filled_ms is set */
    uint64_t updates_free; /* WINDOW_UPDATE frames that follow from what was sent */
    bool ping_free;        /* an answer was sent since the last PING */
};

#define FCT_H2_GLITCH 64000

void fct_h2_watch_init(struct fct_h2_watch *watch, const struct fct_session_limits *limits);
/* |now_ms| of the first call is when the connection began. */
void fct_h2_watch_time(struct fct_h2_watch *watch, uint64_t now_ms);
/* Counts a glitch. Returns false if that was one too many. */
FCT_MUST_USE bool fct_h2_watch_glitch(struct fct_h2_watch *watch);
/* Reads the peer's frame headers. Returns false after too many glitches. */
FCT_MUST_USE bool fct_h2_watch_bytes(struct fct_h2_watch *watch, factum_slice bytes);
/* DATA or HEADERS of an answer were sent. */
void fct_h2_watch_sent(struct fct_h2_watch *watch, size_t size);

struct fct_h2_head_field {
    uint32_t at; /* offset of the name in the bytes of the head; the value follows */
    uint32_t name_size;
    uint32_t value_size;
};

enum fct_h2_pseudo {
    FCT_H2_METHOD,
    FCT_H2_SCHEME,
    FCT_H2_PATH,
    FCT_H2_AUTHORITY,
    FCT_H2_PSEUDO_COUNT,
};

/* The incoming head. One is enough: header blocks are not interleaved (RFC 9113, 4.3). */
struct fct_h2_head {
    struct fct_buf bytes;
    struct fct_h2_head_field *fields; /* room for field_count_max */
    size_t field_count;
    size_t seen_count; /* including pseudo fields and fields that are not kept */
    size_t size;       /* names, values, 32 for each field (RFC 9113, 6.5.2) */
    struct fct_h2_head_field pseudo[FCT_H2_PSEUDO_COUNT];
    bool too_big;
    bool no_memory;
};

struct fct_h2 {
    struct fct_session session;         /* first */
    struct fct_session_options options; /* defaults filled in */
    nghttp2_session *nghttp2;
    struct fct_h2_watch watch;
    struct fct_h2_head head;
    struct fct_h2_link streams;
    struct fct_h2_link writable; /* streams with room again */
    struct fct_h2_link aborted;  /* streams whose closed() is due */
    size_t stream_count;
    size_t waiting;       /* bytes of all answers not yet sent */
    bool was_over;        /* |waiting| reached the maximum, at which no answer has room */
    struct fct_buf out;   /* what send returns */
    struct fct_buf spare; /* memory of a sent answer, for the next one */
    uint64_t now_ms;
    uint64_t active_ms; /* when the last byte came, or when an exchange was last open */
    bool has_begun;     /* a time is known */
    bool was_used;      /* send returned something since the last tick */
    bool inside;        /* receive, send, tick or destroy runs */
    bool signalled;     /* wants_send was called, and send has not returned 0 since */
    bool is_over;       /* GOAWAY is queued or sent, and nothing more is read */
    bool is_broken;     /* out of memory: nothing more is sent either */
    bool shuts_down;
    bool is_trusted;  /* the peer has the full exchanges_max */
    size_t held_ends; /* streams that hold their end */
};

struct fct_h2_trailers;

struct fct_h2_stream {
    struct fct_exchange exchange; /* first */
    struct fct_h2 *h2;
    struct fct_h2_link all;
    struct fct_h2_link writable;
    struct fct_h2_link aborted;
    int32_t id;
    bool responded;
    bool finished;
    bool headers_sent;
    bool deferred; /* nghttp2 waits for resume */
    bool was_full; /* enough waited to stop a writer: writable is due when half of that is sent */
    bool request_ended;
    bool answer_ended; /* its last frame was sent */
    bool is_dead;      /* aborted, or closed() runs */
    /* The whole answer except its end is sent. The end waits for the end of the request. */
    bool holds_end;
    bool held_enough;   /* the end of the answer does not wait, or no longer */
    unsigned end_ticks; /* ticks since holds_end was set */
    size_t late_size;   /* bytes of the request that came after the answer was finished */
    size_t unreleased;  /* bytes of the body not yet released */
    struct fct_buf out; /* [out_from, len) is not yet sent */
    size_t out_from;
    struct fct_h2_trailers *trailers;
    struct fct_field fields[]; /* of the head; their bytes follow */
};

#define FCT_H2_STREAM_OF(link, member)                                                             \
    ((struct fct_h2_stream *)(void *)((char *)(link)-offsetof(struct fct_h2_stream, member)))

void fct_h2_ring_init(struct fct_h2_link *ring);
bool fct_h2_ring_is_empty(const struct fct_h2_link *ring);
/* Adds |link| at the end, unless it is in a ring already. */
void fct_h2_ring_add(struct fct_h2_link *ring, struct fct_h2_link *link);
/* Accepts a member of no ring. */
void fct_h2_ring_remove(struct fct_h2_link *link);

/* h2.c */
/* Checks |rv| of a function of nghttp2: a fatal one breaks the session. Returns true if it is not
 * fatal. */
bool fct_h2_survives(struct fct_h2 *h2, int rv);
/* Calls wants_send if it is due. */
void fct_h2_signal(struct fct_h2 *h2);
/* Counts a glitch. One too many ends the connection with ENHANCE_YOUR_CALM. */
void fct_h2_glitch(struct fct_h2 *h2);
/* Sends GOAWAY with |error_code|, after which nothing more is read. */
void fct_h2_terminate(struct fct_h2 *h2, uint32_t error_code);
/* Returns the exchange of a stream, or NULL. */
struct fct_h2_stream *fct_h2_find(struct fct_h2 *h2, int32_t id);
/* Calls closed() and frees |stream|. Not from inside the functions of exchange.h. */
void fct_h2_close(struct fct_h2_stream *stream, bool complete);

/* h2_head.c: callbacks of nghttp2, and the step after a complete head. */
int fct_h2_on_begin_headers(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *data);
int fct_h2_on_header(nghttp2_session *nghttp2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                     void *data);
int fct_h2_on_invalid_header(nghttp2_session *nghttp2, const nghttp2_frame *frame,
                             const uint8_t *name, size_t name_size, const uint8_t *value,
                             size_t value_size, uint8_t flags, void *data);
void fct_h2_head_complete(struct fct_h2 *h2, const nghttp2_frame *frame);

/* h2_exchange.c */
extern const struct fct_exchange_ops fct_h2_exchange_ops;
int fct_h2_on_send_data(nghttp2_session *nghttp2, nghttp2_frame *frame, const uint8_t *header,
                        size_t size, nghttp2_data_source *source, void *data);
/* Frees the memory of |stream|'s answer. */
void fct_h2_answer_free(struct fct_h2_stream *stream);
/* The end of the answer waits no longer for the end of the request. */
void fct_h2_answer_release_end(struct fct_h2_stream *stream);
/* Counts a tick for all answers whose end waits, and releases those that have waited for two; with
 * |all| every one. */
void fct_h2_release_ends(struct fct_h2 *h2, bool all);
/* Calls writable() once for each exchange that has room again. */
void fct_h2_run_writable(struct fct_h2 *h2);

#endif
