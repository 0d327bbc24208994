/* http_call.h - one call of the HTTP/JSON door: its request, its memory, its answer. Layer: server.
 *
 * fct_http_begin (http.c) makes a call for an exchange, finds its route and refuses what must not
 * go further; the route's function runs once the whole request is there. It answers at once
 * (fct_http_answer, fct_http_fail), or it leaves work behind: an append that is under way, a reader
 * that goes on when there is room.
 *
 * Invariants.
 *  1. A call is freed in one place: when its exchange has closed, or, if its work asked for it, by
 *     fct_http_free after that.
 *  2. Before a body is looked at, the route, the host, the right and the names in the query were
 *     checked.
 *  3. Bodies that are held by all calls together are bounded (FCT_HTTP_BODIES_SIZE_MAX).
 *  4. What was taken from the call's memory lasts as long as the call.
 */
#ifndef FCT_SERVER_HTTP_CALL_H
#define FCT_SERVER_HTTP_CALL_H

#include "core/buf.h"
#include "server/server_int.h"
#include "wire/url.h"

#define FCT_HTTP_BODIES_SIZE_MAX ((uint64_t)256 << 20)
#define FCT_HTTP_EVENTS_MAX 100000 /* of one append: the most that a store takes */
#define FCT_HTTP_LIMIT_DEFAULT 100
#define FCT_HTTP_LIMIT_MAX 10000

#define FCT_HTTP_MORE_NAMES 2

struct fct_http_call;
struct fct_http_chunk;

/* A line of the route table. */
struct fct_http_route {
    const char *method;
    const char *path;  /* "/api/v1/streams/{name}" */
    const char *query; /* the members that the query may have, each between two blanks */
    void (*run)(struct fct_http_call *call);
    enum fct_operation operation;
    bool body; /* it has one */
    bool root; /* answered while the server stops, too */
};

/* What goes on after run has returned. Either function may be NULL. */
struct fct_http_work {
    void (*writable)(struct fct_http_call *call);
    /* The exchange has closed: call->exchange is NULL. True: the call is freed later, by
     * fct_http_free. */
    bool (*closed)(struct fct_http_call *call);
};

struct fct_http_call {
    struct fct_server *server;
    struct fct_exchange *exchange; /* NULL: it has closed */
    const struct fct_principal *principal;
    const struct fct_http_route *route;
    struct fct_url url;
    factum_slice name; /* {name}, or what else stands in braces first, of the path */
    factum_slice more_names[FCT_HTTP_MORE_NAMES]; /* what stands in further ones */
    struct fct_buf body;
    struct fct_buf out; /* to make answers in */
    struct fct_http_chunk *chunks;
    size_t body_counted; /* bytes counted in server->http_bodies_size */
    bool head;           /* HEAD: as GET, without the body of the answer */
    bool answered;       /* the answer has begun: a refusal can no longer be given */
    bool finished;       /* or aborted */
    const struct fct_http_work *work;
    void *state;      /* the work's */
    uint8_t memory[]; /* of the URL */
};

/* http_routes.c */
const struct fct_http_route *fct_http_routes(size_t *count);

/* |size| bytes of zero from the call's memory; NULL without memory. |size| > 0. */
FCT_MUST_USE void *fct_http_take(struct fct_http_call *call, size_t size);
/* A copy of |text|, which may be empty. NO_MEMORY. */
FCT_MUST_USE factum_status fct_http_copy(struct fct_http_call *call, factum_slice text,
                                         factum_slice *copy);
/* After closed() has asked for it, and once nothing of the call is used any more. */
void fct_http_free(struct fct_http_call *call);

/* The whole answer. |fields| are added to those that every answer has. */
struct fct_http_answer {
    unsigned status;
    const char *type; /* NULL: no body */
    factum_slice body;
    const struct fct_field *fields;
    size_t field_count;
};
#define FCT_HTTP_FIELDS_MAX 8
void fct_http_answer(struct fct_http_call *call, const struct fct_http_answer *answer);
/* 200 with call->out as JSON. |status|: that of writing it; a failure is answered in place of
 * it. */
void fct_http_answer_out(struct fct_http_call *call, factum_status status);

/* Refuses with problem details, or aborts if the answer has begun already. */
struct fct_http_refusal {
    factum_status code;
    unsigned status;        /* of HTTP; 0: that of the code */
    const char *detail;     /* NULL: none */
    factum_slice more;      /* as in struct fct_problem */
    struct fct_field field; /* one more; without a name: none */
    bool counted;           /* in the counters already */
};
void fct_http_refuse(struct fct_http_call *call, const struct fct_http_refusal *refusal);
void fct_http_fail(struct fct_http_call *call, factum_status code, const factum_error *err);

/* An answer in pieces: its head, with status 200. False: it was aborted, or it is finished
 * (HEAD). */
FCT_MUST_USE bool fct_http_stream(struct fct_http_call *call, const struct fct_field *fields,
                                  size_t field_count);
/* False: aborted. */
FCT_MUST_USE bool fct_http_write(struct fct_http_call *call, factum_slice bytes);
void fct_http_finish(struct fct_http_call *call, const struct fct_field *trailers, size_t count);

/* Asks fct_rights_check; false: DENIED was answered, as 401 for nobody. */
FCT_MUST_USE bool fct_http_may(struct fct_http_call *call, enum fct_operation operation,
                               factum_slice stream);

/* ---- http_query.c: members of the query, and what header fields say of revisions ------------- */

/* The value; a slice at NULL if there is none. */
factum_slice fct_http_text(const struct fct_http_call *call, const char *name);
/* "?name", "?name=true": true; INVALID for anything but true and false. */
FCT_MUST_USE factum_status fct_http_flag(const struct fct_http_call *call, const char *name,
                                         bool *flag, factum_error *err);
/* Leaves *number if there is none. INVALID. */
FCT_MUST_USE factum_status fct_http_number(const struct fct_http_call *call, const char *name,
                                           uint64_t *number, factum_error *err);
/* ?limit, 1 to FCT_HTTP_LIMIT_MAX; *limit is the default before. */
FCT_MUST_USE factum_status fct_http_limit(const struct fct_http_call *call, uint64_t *limit,
                                          factum_error *err);
/* ?after=TOKEN; *given says whether. INVALID, WRONG_TIMELINE. */
FCT_MUST_USE factum_status fct_http_after(const struct fct_http_call *call, uint64_t *place,
                                          bool *given, factum_error *err);
/* Digits alone, without a sign. */
FCT_MUST_USE factum_status fct_http_digits(factum_slice text, uint64_t *number);
/* "any", "no-stream", "exists" or a revision. INVALID, for |name|. */
FCT_MUST_USE factum_status fct_http_expected_word(factum_slice word, const char *name,
                                                  factum_expected *expected, factum_error *err);
/* What If-Match, If-None-Match and ?expected say; INVALID if they contradict each other. *by_field:
 * one of the fields was given: its failure is 412. */
FCT_MUST_USE factum_status fct_http_expected(const struct fct_http_call *call,
                                             factum_expected *expected, bool *by_field,
                                             factum_error *err);

/* Is the body JSON? False: it has another type, and was refused with |detail|. */
FCT_MUST_USE bool fct_http_has_json(struct fct_http_call *call, const char *detail);
/* Idempotency-Key: a bare text, or one in quotes, in the call's memory; *key as it was without the
 * field. INVALID: it is no key, or another one than *key; NO_MEMORY. */
FCT_MUST_USE factum_status fct_http_key(struct fct_http_call *call, factum_slice *key,
                                        factum_error *err);

/* ---- http_guard.c ---------------------------------------------------------------------------- */

/* Against web pages that reach a server of the same machine by a name of their own (DNS rebinding),
 * and against pages of other origins. OK or DENIED. |advertised| may be empty. */
FCT_MUST_USE factum_status fct_http_guard(const struct fct_exchange *exchange,
                                          factum_slice advertised, factum_error *err);

#endif
