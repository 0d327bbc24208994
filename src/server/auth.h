/* auth.h - who is at the other end: Basic authentication (RFC 7617) against the admin's secret.
 * Layer: server.
 *
 * The secret (server/secret.h) is made at the first start and shown once. A login is checked on a
 * thread of its own, since scrypt is slow on purpose, then remembered under a keyed hash for 60 s,
 * bounded. Requests that bring the same login while it is being checked wait for the one check.
 *
 * Every function but fct_auth_open runs on the loop's thread.
 */
#ifndef FCT_SERVER_AUTH_H
#define FCT_SERVER_AUTH_H

#include <factum/base.h>

#include "core/mem.h"
#include "net/loop.h"
#include "server/rights.h"
#include "server/secret.h"

struct fct_auth;

#define FCT_AUTH_SECRET_SIZE FCT_SECRET_TEXT_SIZE /* of the text, with the zero byte */
#define FCT_AUTH_USER "admin"
#define FCT_AUTH_LOGINS_MAX 64u  /* different logins that wait for their check */
#define FCT_AUTH_CACHE_MAX 1024u /* logins that are remembered */
#define FCT_AUTH_CACHE_MS 60000u /* ... and for how long */

/* Opens the secret kept in |dir|, or makes one: |secret| then gets its text, otherwise "". Call it
 * as the last thing of a start that can fail: the text is not to be had again.
 * NOT_FOUND (no directory), IO, NO_SPACE, CORRUPT (the file is damaged), NEWER_FORMAT, NO_MEMORY.
 */
FCT_MUST_USE factum_status fct_auth_open(const struct fct_mem *mem, struct fct_loop *loop,
                                         const char *dir, char secret[FCT_AUTH_SECRET_SIZE],
                                         struct fct_auth **auth, factum_error *err);
/* The same with a secret that the caller has; copied. NO_MEMORY, IO (no thread). */
FCT_MUST_USE factum_status fct_auth_create(const struct fct_mem *mem, struct fct_loop *loop,
                                           const struct fct_secret *secret, struct fct_auth **auth,
                                           factum_error *err);
/* Waits for the one check under way; checks that still wait are forgotten. Accepts NULL. On the
 * loop's thread, or when the loop does not run any more. */
void fct_auth_close(struct fct_auth *auth);

/* One question. Zero it, set |done| and |data|; it belongs to auth until done was called or it was
 * forgotten. */
struct fct_auth_check {
    struct fct_principal principal; /* the answer, if OK */
    factum_status status;           /* OK, DENIED (wrong), BUSY (no memory for the check) */
    void (*done)(struct fct_auth_check *check);
    void *data;
    struct fct_auth_check *next; /* auth's, and so is this */
    struct fct_auth_check **slot;
};

/* |authorization|: the field's value ("Basic ..."); empty: nobody, who has no right.
 * OK (check->principal is set), DENIED, BUSY (too many logins wait) or NO_MEMORY at once, without
 * done, if it is known already or cannot be right; PENDING: |done| will be called, from the loop
 * and not from inside this call. The same time and text for a wrong user and a wrong password. */
FCT_MUST_USE factum_status fct_auth_ask(struct fct_auth *auth, factum_slice authorization,
                                        struct fct_auth_check *check, factum_error *err);
/* check->status after done, with its text. */
factum_status fct_auth_result(const struct fct_auth_check *check, factum_error *err);
/* done will not be called, and the check is the caller's again. Accepts one that does not wait. */
void fct_auth_forget(struct fct_auth_check *check);

/* For tests: what is remembered becomes |by_ms| older. */
void fct_auth_age(struct fct_auth *auth, uint64_t by_ms);

#endif
