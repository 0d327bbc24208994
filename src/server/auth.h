/* auth.h - who is at the other end: Basic authentication (RFC 7617) against the admin's secret.
 * Layer: server.
 *
 * The secret (server/secret.h) is created at the first start and shown once. scrypt is slow on
 * purpose, so a login is checked on a thread of its own. A correct login is then cached under a
 * keyed hash for 60 s; the cache is bounded. Requests with a login that is being checked wait for
 * that check.
 *
 * Every function except fct_auth_open runs on the loop's thread.
 */
#ifndef FCT_SERVER_AUTH_H
#define FCT_SERVER_AUTH_H

#include <factum/base.h>

#include "core/mem.h"
#include "net/loop.h"
#include "server/rights.h"
#include "server/secret.h"

struct fct_auth;

#define FCT_AUTH_SECRET_SIZE FCT_SECRET_TEXT_SIZE /* size of the text, including the zero byte */
#define FCT_AUTH_USER "admin"
#define FCT_AUTH_LOGINS_MAX 64u  /* different logins that may wait for their check */
#define FCT_AUTH_CACHE_MAX 1024u /* cached logins */
#define FCT_AUTH_CACHE_MS 60000u /* ... and for how long they are cached */

/* Opens the secret in |dir|, or creates one: then |secret| gets its text, otherwise "". Call it as
 * the last step of a start that can fail: the text cannot be read again. Errors: NOT_FOUND (no
 * directory), IO, NO_SPACE, CORRUPT (the file is damaged), NEWER_FORMAT, NO_MEMORY. */
FCT_MUST_USE factum_status fct_auth_open(const struct fct_mem *mem, struct fct_loop *loop,
                                         const char *dir, char secret[FCT_AUTH_SECRET_SIZE],
                                         struct fct_auth **auth, factum_error *err);
/* The same with a secret of the caller; copied. Errors: NO_MEMORY, IO (no thread). */
FCT_MUST_USE factum_status fct_auth_create(const struct fct_mem *mem, struct fct_loop *loop,
                                           const struct fct_secret *secret, struct fct_auth **auth,
                                           factum_error *err);
/* Waits for the check under way; checks that still wait are dropped. Accepts NULL. On the loop's
 * thread, or when the loop no longer runs. */
void fct_auth_close(struct fct_auth *auth);

/* One question. Zero it, set |done| and |data|. auth owns it until |done| was called or the check
 * was forgotten. */
struct fct_auth_check {
    struct fct_principal principal; /* the answer, if OK */
    factum_status status;           /* OK, DENIED (wrong), BUSY (no memory for the check) */
    void (*done)(struct fct_auth_check *check);
    void *data;
    struct fct_auth_check *next; /* private to auth.c, like the next */
    struct fct_auth_check **slot;
};

/* Checks a login. |authorization| is the field's value ("Basic ..."); empty: nobody, who has no
 * right. Returns PENDING if |done| will be called, from the loop and not from inside this call.
 * Otherwise |done| is not called: OK (check->principal is set), DENIED, BUSY (too many logins
 * wait), NO_MEMORY. A wrong user and a wrong password take the same time and get the same text. */
FCT_MUST_USE factum_status fct_auth_ask(struct fct_auth *auth, factum_slice authorization,
                                        struct fct_auth_check *check, factum_error *err);
/* Returns check->status after done, with its text. */
factum_status fct_auth_result(const struct fct_auth_check *check, factum_error *err);
/* |done| will not be called, and the check is the caller's again. Accepts a check that does not
 * wait. */
void fct_auth_forget(struct fct_auth_check *check);

/* For tests: makes cached logins |by_ms| older. */
void fct_auth_age(struct fct_auth *auth, uint64_t by_ms);

#endif
