/* auth.h - who is at the other end: Basic authentication against the admin's secret. Layer: server.
 *
 * The secret is made at the first start (256 bits of chance, as text), shown once, and kept as a
 * scrypt hash in the file "admin" of the directory given (mode 0600, written by rename and synced).
 * Nothing of it enters the log. A login is checked on a worker thread, since scrypt is slow on
 * purpose, then remembered under a keyed hash for 60 s, bounded.
 */
#ifndef FCT_SERVER_AUTH_H
#define FCT_SERVER_AUTH_H

#include <factum/base.h>

#include "core/mem.h"
#include "net/loop.h"
#include "server/rights.h"

struct fct_auth;

#define FCT_AUTH_SECRET_SIZE 64 /* of the text, with the zero byte */

/* Opens the secret kept in |dir|, or makes one: |secret| then gets its text, otherwise "".
 * NOT_FOUND (no directory), IO, CORRUPT (the file is damaged), NO_MEMORY. */
FCT_MUST_USE factum_status fct_auth_open(const struct fct_mem *mem, struct fct_loop *loop,
                                         const char *dir, char secret[FCT_AUTH_SECRET_SIZE],
                                         struct fct_auth **auth, factum_error *err);
/* Waits for checks under way. Accepts NULL. */
void fct_auth_close(struct fct_auth *auth);

/* One question. Zero it, set |done| and |data|; it belongs to auth until done was called. */
struct fct_auth_check {
    struct fct_principal principal; /* the answer, if OK */
    factum_status status;           /* OK, DENIED (wrong), BUSY (too many at once) */
    void (*done)(struct fct_auth_check *check);
    void *data;
    struct fct_auth_check *next; /* auth's, and so are these */
    struct fct_task task;
    struct fct_auth *auth;
    char user[64];
    char password[256];
};

/* |authorization|: the field's value ("Basic ..."); empty: nobody, who has no right. Loop thread.
 * OK or DENIED at once if it is known already or cannot be right (then done is not called);
 * PENDING: |done| will be called on the loop's thread. The same time and text for a wrong user and
 * a wrong password. */
FCT_MUST_USE factum_status fct_auth_ask(struct fct_auth *auth, factum_slice authorization,
                                        struct fct_auth_check *check, factum_error *err);

#endif
