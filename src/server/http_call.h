/* http_call.h - one call over HTTP/JSON: its request, its memory, its answer. Layer: server.
 *
 * fct_http_begin (http.c) creates a call for an exchange, finds its route and refuses what it can
 * without the body. The route's function runs once the request is complete. It answers at once
 * (fct_http_answer, fct_http_fail), or leaves work behind: an append under way, or a reader that
 * continues when there is room.
 *
 * Invariants (http_call_check).
 *  1. A call is freed in one place: when its exchange has closed, or, if its work asked for it, by
 *     fct_http_free afterwards.
 *  2. The route, the host, the right and the names in the query are checked before the body is
 *     read.
 *  3. The bodies of all calls together are bounded (FCT_HTTP_BODIES_SIZE_MAX).
 *  4. Memory taken from the call lasts as long as the call.
 *  5. A finished call is answered.
 */
#ifndef FCT_SERVER_HTTP_CALL_H
#define FCT_SERVER_HTTP_CALL_H

#include "core/buf.h"
#include "server/server_int.h"
#include "wire/url.h"

#define FCT_HTTP_BODIES_SIZE_MAX ((uint64_t)256 << 20)
#define FCT_HTTP_EVENTS_MAX 100000 /* in one append: the most that a store takes */
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
    bool body; /* the request may have a body */
    bool root; /* also answered while the server stops */
};

/* Work that continues after run has returned. Either function may be NULL. */
struct fct_http_work {
    void (*writable)(struct fct_http_call *call);
    /* The exchange has closed: call->exchange is NULL. Returns true if the call is freed later, by
     * fct_http_free. */
    bool (*closed)(struct fct_http_call *call);
};

struct fct_http_call {
    struct fct_server *server;
    struct fct_exchange *exchange; /* NULL: closed */
    const struct fct_principal *principal;
    const struct fct_http_route *route;
    struct fct_url url;
    factum_slice name; /* the first part in braces of the path, such as {name} */
    factum_slice more_names[FCT_HTTP_MORE_NAMES]; /* the further parts in braces */
    struct fct_buf body;
    struct fct_buf out; /* scratch for answers */
    struct fct_http_chunk *chunks;
    size_t body_counted; /* bytes counted in server->http_bodies_size */
    bool head;           /* HEAD: as GET, without the body of the answer */
    bool answered;       /* the answer has begun: no refusal is possible any more */
    bool finished;       /* or aborted */
    const struct fct_http_work *work;
    void *state;      /* of the work */
    uint8_t memory[]; /* of the URL */
};

/* http_routes.c */
const struct fct_http_route *fct_http_routes(size_t *count);

/* Returns |size| zero bytes from the call's memory; NULL if out of memory. |size| > 0. */
FCT_MUST_USE void *fct_http_take(struct fct_http_call *call, size_t size);
/* Copies |text|, which may be empty. Errors: NO_MEMORY. */
FCT_MUST_USE factum_status fct_http_copy(struct fct_http_call *call, factum_slice text,
                                         factum_slice *copy);
/* Frees the call after closed() has asked for it, and once nothing of the call is used any more. */
void fct_http_free(struct fct_http_call *call);

/* A whole answer. |fields| are added to those that every answer has. */
struct fct_http_answer {
    unsigned status;
    const char *type; /* NULL: no body */
    factum_slice body;
    const struct fct_field *fields;
    size_t field_count;
};
#define FCT_HTTP_FIELDS_MAX 8
void fct_http_answer(struct fct_http_call *call, const struct fct_http_answer *answer);
/* Answers 200 with call->out as JSON if |status|, that of writing it, is OK; otherwise answers the
 * failure. */
void fct_http_answer_out(struct fct_http_call *call, factum_status status);

/* A refusal: problem details, or an abort if the answer has begun already. */
struct fct_http_refusal {
    factum_status code;
    unsigned status;        /* the HTTP status; 0: that of the code */
    const char *detail;     /* NULL: none */
    factum_slice more;      /* as in struct fct_problem */
    struct fct_field field; /* one more; without a name: none */
    bool counted;           /* already counted */
};
void fct_http_refuse(struct fct_http_call *call, const struct fct_http_refusal *refusal);
void fct_http_fail(struct fct_http_call *call, factum_status code, const factum_error *err);

/* Begins an answer in pieces: its head, with status 200. Returns false if the answer was aborted or
 * is finished (HEAD). */
FCT_MUST_USE bool fct_http_stream(struct fct_http_call *call, const struct fct_field *fields,
                                  size_t field_count);
/* Returns false if aborted. */
FCT_MUST_USE bool fct_http_write(struct fct_http_call *call, factum_slice bytes);
void fct_http_finish(struct fct_http_call *call, const struct fct_field *trailers, size_t count);

/* Asks fct_rights_check. Returns false after it has answered DENIED, or 401 to nobody. */
FCT_MUST_USE bool fct_http_may(struct fct_http_call *call, enum fct_operation operation,
                               factum_slice stream);

/* ---- http_query.c: members of the query, and header fields about revisions ------------------- */

/* Returns the value, or a slice at NULL. */
factum_slice fct_http_text(const struct fct_http_call *call, const char *name);
/* True for "?name" and "?name=true". Errors: INVALID (neither true nor false). */
FCT_MUST_USE factum_status fct_http_flag(const struct fct_http_call *call, const char *name,
                                         bool *flag, factum_error *err);
/* Leaves *number unchanged if the member is missing. Errors: INVALID. */
FCT_MUST_USE factum_status fct_http_number(const struct fct_http_call *call, const char *name,
                                           uint64_t *number, factum_error *err);
/* Reads ?limit, 1 to FCT_HTTP_LIMIT_MAX; *limit is the default before. Errors: INVALID. */
FCT_MUST_USE factum_status fct_http_limit(const struct fct_http_call *call, uint64_t *limit,
                                          factum_error *err);
/* Reads ?after=TOKEN; sets *given if the member exists. Errors: INVALID, WRONG_TIMELINE. */
FCT_MUST_USE factum_status fct_http_after(const struct fct_http_call *call, uint64_t *place,
                                          bool *given, factum_error *err);
/* Parses digits alone, without a sign. Errors: INVALID. */
FCT_MUST_USE factum_status fct_http_digits(factum_slice text, uint64_t *number);
/* Parses "any", "no-stream", "exists" or a revision. Errors: INVALID, with |name|. */
FCT_MUST_USE factum_status fct_http_expected_word(factum_slice word, const char *name,
                                                  factum_expected *expected, factum_error *err);
/* Reads If-Match, If-None-Match and ?expected. *by_field: one of the fields was given, and its
 * failure is 412. Errors: INVALID (they contradict each other). */
FCT_MUST_USE factum_status fct_http_expected(const struct fct_http_call *call,
                                             factum_expected *expected, bool *by_field,
                                             factum_error *err);

/* Checks that the body is JSON. Returns false after it has refused another type with |detail|. */
FCT_MUST_USE bool fct_http_has_json(struct fct_http_call *call, const char *detail);
/* Reads Idempotency-Key, a bare or quoted text, into the call's memory; *key is unchanged without
 * the field. Errors: INVALID (not a key, or another one than *key); NO_MEMORY. */
FCT_MUST_USE factum_status fct_http_key(struct fct_http_call *call, factum_slice *key,
                                        factum_error *err);

/* ---- http_guard.c ---------------------------------------------------------------------------- */

/* Protects against web pages that reach a server of the same machine by a name of their own (DNS
 * rebinding), and against pages of other origins. |advertised| may be empty. Errors: DENIED. */
FCT_MUST_USE factum_status fct_http_guard(const struct fct_exchange *exchange,
                                          factum_slice advertised, factum_error *err);

#endif
