/* http_begin.c - stands in for the HTTP service until it is here. Layer: server. */
#include "core/slice.h"
#include "server/server_int.h"

static void http_body(struct fct_exchange *exchange, factum_slice bytes)
{
    fct_exchange_release(exchange, bytes.len);
}
static void http_nothing(struct fct_exchange *exchange)
{
    (void)exchange;
}
static void http_closed(struct fct_exchange *exchange, bool complete)
{
    (void)exchange;
    (void)complete;
}
static const struct fct_exchange_handler http_handler = {http_body, http_nothing, http_nothing,
                                                         http_closed};

void fct_http_begin(struct fct_server *server, const struct fct_principal *principal,
                    struct fct_exchange *exchange)
{
    (void)server;
    (void)principal;
    exchange->handler = &http_handler;
    if (fct_exchange_respond(exchange, 404, NULL, 0) != FACTUM_OK ||
        fct_exchange_finish(exchange, NULL, 0) != FACTUM_OK) {
        fct_exchange_abort(exchange, FCT_ABORT_INTERNAL);
    }
}
