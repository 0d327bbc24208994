/* login.c - see login.h. Layer: server. Pure.
 *
 * The format: "Basic" in any case, one or more spaces, base64 of the user, a colon and the
 * password. A user has no colon, a password may have some.
 */
#include "server/login.h"

#include <string.h>

#include "core/error.h"
#include "core/slice.h"
#include "wire/base64.h"

static bool login_is_basic(factum_slice field)
{
    static const char scheme[] = "basic ";
    if (field.len < sizeof scheme - 1) {
        return false;
    }
    for (size_t i = 0; i < sizeof scheme - 1; i++) {
        uint8_t c = field.ptr[i];
        c = c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
        if (c != (uint8_t)scheme[i]) {
            return false;
        }
    }
    return true;
}

factum_status fct_login_parse(factum_slice field, struct fct_login *login, factum_error *err)
{
    if (!login_is_basic(field)) {
        return fct_fail(err, FACTUM_DENIED,
                        "this server knows Basic authentication only: log in as admin with "
                        "the secret of its first start");
    }
    size_t from = 6;
    while (from < field.len && field.ptr[from] == ' ') {
        from++;
    }
    struct fct_base64_room room = {.bytes = login->bytes, .size = sizeof login->bytes};
    factum_status status = fct_base64_decode(fct_slice_from(field, from), FCT_BASE64_PADDED, &room);
    const uint8_t *colon = room.len == 0 ? NULL : memchr(login->bytes, ':', room.len);
    if (status == FACTUM_INVALID || (status == FACTUM_OK && colon == NULL)) {
        return fct_fail(err, FACTUM_DENIED,
                        "the login cannot be read: \"Basic\" and base64 of user:password is "
                        "expected");
    }
    login->user_len = colon == NULL ? room.len : (size_t)(colon - login->bytes);
    login->password_len = colon == NULL ? 0 : room.len - login->user_len - 1;
    if (status != FACTUM_OK || login->user_len > FCT_LOGIN_USER_MAX ||
        login->password_len > FCT_LOGIN_PASSWORD_MAX) {
        return fct_fail(err, FACTUM_DENIED,
                        "the login is too long: at most %u bytes of user and %u of password",
                        FCT_LOGIN_USER_MAX, FCT_LOGIN_PASSWORD_MAX);
    }
    return FACTUM_OK;
}
