#include "server/auth.h"
factum_status fct_auth_open(const struct fct_mem *mem, struct fct_loop *loop, const char *dir, char secret[FCT_AUTH_SECRET_SIZE], struct fct_auth **auth, factum_error *err){(void)mem;(void)loop;(void)dir;(void)secret;(void)auth;(void)err;return FACTUM_UNSUPPORTED;}
void fct_auth_close(struct fct_auth *auth){(void)auth;}
factum_status fct_auth_ask(struct fct_auth *auth, factum_slice a, struct fct_auth_check *check, factum_error *err){(void)auth;(void)a;(void)check;(void)err;return FACTUM_DENIED;}
