/* login_fuzz.c - any bytes as the header field "authorization". Accepted values are within their
 * bounds; refusals do not repeat the value. */
#include <string.h>

#include "core/check.h"
#include "core/slice.h"
#include "server/login.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fct_login login;
    factum_error err = {.status = FACTUM_OK};
    memset(&login, 0, sizeof login);
    factum_status status = fct_login_parse(fct_slice(data, size), &login, &err);
    if (status != FACTUM_OK) {
        FCT_ASSERT(status == FACTUM_DENIED);
        FCT_ASSERT(err.status == status);
        FCT_ASSERT(strncmp(err.text, "th", 2) == 0); /* one of the three texts of a refusal */
        return 0;
    }
    FCT_ASSERT(login.user_len <= FCT_LOGIN_USER_MAX);
    FCT_ASSERT(login.password_len <= FCT_LOGIN_PASSWORD_MAX);
    FCT_ASSERT(login.bytes[login.user_len] == ':');
    FCT_ASSERT(memchr(login.bytes, ':', login.user_len) == NULL);
    FCT_ASSERT((login.user_len + 1 + login.password_len + 2) / 3 * 4 + 6 <= size);
    return 0;
}
