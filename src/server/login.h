/* login.h - the field "authorization" of a request: Basic authentication (RFC 7617). Layer: server.
 * Pure. Does not know which logins are correct. */
#ifndef FCT_SERVER_LOGIN_H
#define FCT_SERVER_LOGIN_H

#include <factum/base.h>

#include "core/compiler.h"

#define FCT_LOGIN_USER_MAX 63u /* bytes */
#define FCT_LOGIN_PASSWORD_MAX 255u

/* Its owner wipes it. */
struct fct_login {
    size_t user_len;
    size_t password_len;
    uint8_t bytes[FCT_LOGIN_USER_MAX + 1 + FCT_LOGIN_PASSWORD_MAX]; /* user, ':', password */
};

/* Parses the field. *login may contain parts of it after a failure, too. Errors: DENIED (another
 * scheme, not base64 of user:password, too long; the text contains no byte of the field). */
FCT_MUST_USE factum_status fct_login_parse(factum_slice field, struct fct_login *login,
                                           factum_error *err);

#endif
