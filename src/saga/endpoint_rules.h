/* endpoint_rules.h - the rules for delivering a command: where it may go, how it is signed, what an
 * answer means, when it is tried again. Layer: saga. Pure: no clock, no socket.
 *
 *     status of the answer          verdict
 *     2xx with a body               REPLY: {"type", "data", "stream"}; otherwise PARK
 *     202, 2xx without a body       TAKEN: the reply comes later, by another way
 *     409, 422, a body with "code"  FAILED: the reply is CommandFailed {"code", "text"}
 *     410                           DISABLE
 *     408, 425, 429, 5xx, none      RETRY, not before Retry-After
 *     3xx, other 4xx, 1xx           PARK
 *
 * |undone| is set if this attempt has certainly had no effect. A 5xx does not prove that: a proxy
 * may have lost the answer of an endpoint that did the work.
 */
#ifndef FCT_SAGA_ENDPOINT_RULES_H
#define FCT_SAGA_ENDPOINT_RULES_H

#include <factum/arena.h>
#include <factum/base.h>

#include "core/compiler.h"
#include "core/random.h"

#define FCT_ENDPOINT_WHY_SIZE 256
#define FCT_ENDPOINT_SIGNATURE_SIZE 100                     /* "t=<20 digits>,v1=<64 hex>" */
#define FCT_ENDPOINT_WAIT_MAX (INT64_C(86400) * 1000000000) /* the longest Retry-After: a day */

/* ---- where to -------------------------------------------------------------------------------- */

enum fct_address_class {
    FCT_ADDRESS_PUBLIC,
    FCT_ADDRESS_LOOPBACK,
    FCT_ADDRESS_PRIVATE,  /* RFC 1918, RFC 6598, unique local */
    FCT_ADDRESS_RESERVED, /* link-local, metadata services, multicast, and all that is not a host */
};
/* The class of an address of 4 or 16 bytes. An IPv6 address that contains an IPv4 one (mapped,
 * NAT64, 6to4) has the class of that one. */
enum fct_address_class fct_address_classify(const uint8_t *bytes, size_t len);
/* "public", "loopback" ... Static. */
const char *fct_address_class_name(enum fct_address_class class_);

/* A place that a URL names. |host| is in lower case and without brackets. */
struct fct_endpoint_place {
    factum_slice host;
    uint32_t port;
    bool default_port; /* |port| is that of the scheme */
};
/* Does one of |patterns| match the place? Names: any case. */
bool fct_endpoint_allowed(const factum_slice *patterns, size_t count,
                          const struct fct_endpoint_place *place);
/* Is the pattern well formed? */
bool fct_endpoint_pattern_valid(factum_slice pattern);
/* [a-z][a-z0-9_]*, at most FACTUM_ENDPOINT_NAME_MAX bytes. */
bool fct_endpoint_name_valid(factum_slice name);

/* ---- the request ----------------------------------------------------------------------------- */

/* "t=<seconds>,v1=<hex>": HMAC-SHA256 of "<seconds>.<body>" with |secret|. Errors: NO_MEMORY (of
 * libcrypto). */
FCT_MUST_USE factum_status fct_endpoint_sign(factum_slice secret, int64_t seconds,
                                             factum_slice body,
                                             char text[FCT_ENDPOINT_SIGNATURE_SIZE],
                                             factum_error *err);
/* |text| as a value of a header: '%', '"', space and everything that is not printable ASCII become
 * %XX. A string in |arena|; NULL: no room. */
char *fct_endpoint_header_value(factum_slice text, factum_arena *arena);

/* ---- what an answer means -------------------------------------------------------------------- */

enum fct_answer_verdict {
    FCT_VERDICT_REPLY,
    FCT_VERDICT_TAKEN,
    FCT_VERDICT_FAILED,
    FCT_VERDICT_RETRY,
    FCT_VERDICT_PARK,
    FCT_VERDICT_DISABLE,
};

/* An answer, or its absence. */
struct fct_http_reply {
    long status; /* of HTTP; 0: no answer */
    factum_slice body;
    bool too_big;             /* the body exceeds the limit and is truncated */
    factum_slice retry_after; /* the header; empty: missing */
    factum_slice location;
    bool not_reached;    /* without a status: no byte of the request was sent */
    const char *problem; /* without a status: the reason */
};

struct fct_judgement {
    enum fct_answer_verdict verdict;
    bool undone;
    factum_slice type; /* of REPLY and FAILED; in the arena, as the next two */
    factum_slice data;
    factum_slice stream; /* empty: the stream of the command */
    int64_t wait;        /* of RETRY: nanoseconds, at least; 0: not given */
    char why[FCT_ENDPOINT_WHY_SIZE];
};
/* |now| is the wall clock, for a Retry-After that is a date. Errors: NO_MEMORY, TOO_BIG (the
 * arena). */
FCT_MUST_USE factum_status fct_http_reply_judge(const struct fct_http_reply *answer, int64_t now,
                                                factum_arena *arena,
                                                struct fct_judgement *judgement, factum_error *err);

/* The wait that a Retry-After asks for: 0 if it cannot be read or is over, and at most
 * FCT_ENDPOINT_WAIT_MAX. Seconds, or one of the three dates of RFC 9110, 5.6.7. */
int64_t fct_retry_after(factum_slice value, int64_t now);

/* ---- the next attempt ------------------------------------------------------------------------ */

/* The pause after |attempts| >= 1 failures: uniform from 0 to first * 2^(attempts - 1), at most
 * |last|: full jitter. In nanoseconds, above 0. */
int64_t fct_retry_pause(uint64_t attempts, int64_t first, int64_t last, struct fct_random *random);

#endif
