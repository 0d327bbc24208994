/* dispatch.c - see dispatch.h. Layer: server.
 *
 * A worker checks the login, because hashing a password is slow. Meanwhile the bytes of the body
 * are kept and not released, so that the client's window bounds them. Then the service takes over,
 * and gets the kept bytes.
 *
 * Whoever can open the UNIX socket is the admin, and may deploy: the mode of the socket's file
 * admits its owner alone.
 */
#include "server/door.h"

#include "core/buf.h"
#include "core/slice.h"

#define KEPT_SIZE_MAX ((size_t)4 << 20) /* more than a window */

/* An exchange whose login is being checked. */
struct visitor {
    struct fct_server *server;
    struct fct_exchange *exchange;
    struct fct_auth_check check;
    struct fct_buf kept;
    bool ended;
};

static const struct fct_principal principal_admin = {
    .right = FCT_RIGHT_ADMIN,
    .name = {(const uint8_t *)"admin", 5},
};

/* The admin who may deploy code (rights.h). */
static const struct fct_principal principal_deployer = {
    .right = FCT_RIGHT_DEPLOY,
    .name = {(const uint8_t *)"admin", 5},
};

static const struct fct_principal principal_nobody = {
    .right = FCT_RIGHT_NONE,
    .name = {(const uint8_t *)"anonymous", 9},
};

static const struct fct_principal *admin_of(const struct fct_server *server)
{
    return server->allow_deploy ? &principal_deployer : &principal_admin;
}

static bool is_grpc(const struct fct_exchange *exchange)
{
    factum_slice type = fct_exchange_field(exchange, FCT_SLICE("content-type"));
    return fct_slice_starts(type, FCT_SLICE("application/grpc"));
}

static void let_in(struct fct_server *server, const struct fct_principal *principal,
                   struct fct_exchange *exchange)
{
    if (principal->right != FCT_RIGHT_NONE) {
        fct_exchange_trust(exchange);
    }
    if (is_grpc(exchange)) {
        fct_grpc_begin(server, principal, exchange);
    } else {
        fct_http_begin(server, principal, exchange);
    }
}

/* Too many logins wait, or memory is out: the client may try again. */
static void turn_away(struct fct_exchange *exchange)
{
    if (is_grpc(exchange)) {
        fct_grpc_refuse(exchange, FCT_GRPC_UNAVAILABLE,
                        FCT_SLICE("too many logins wait: try again"));
    } else {
        fct_http_turn_away(exchange);
    }
}

/* ---- while the login is checked -------------------------------------------------------------- */

static void visitor_free(struct visitor *visitor)
{
    fct_buf_finish(&visitor->kept);
    fct_mem_free(visitor->server->mem, visitor);
}

static void visitor_body(struct fct_exchange *exchange, factum_slice bytes)
{
    struct visitor *visitor = exchange->data;
    if (fct_buf_add_slice(&visitor->kept, bytes) != FACTUM_OK) {
        fct_exchange_abort(exchange, FCT_ABORT_CALM);
    }
}

static void visitor_end(struct fct_exchange *exchange)
{
    struct visitor *visitor = exchange->data;
    visitor->ended = true;
}

static void visitor_writable(struct fct_exchange *exchange)
{
    (void)exchange;
}

static void visitor_closed(struct fct_exchange *exchange, bool complete)
{
    struct visitor *visitor = exchange->data;
    (void)complete;
    fct_auth_forget(&visitor->check);
    visitor_free(visitor);
}

static const struct fct_exchange_handler visitor_handler = {visitor_body, visitor_end,
                                                            visitor_writable, visitor_closed};

/* The login is correct or wrong, or could not be checked. */
static void greet(struct fct_server *server, factum_status status, struct fct_exchange *exchange)
{
    if (status == FACTUM_BUSY || status == FACTUM_NO_MEMORY) {
        turn_away(exchange);
    } else {
        let_in(server, status == FACTUM_OK ? admin_of(server) : &principal_nobody, exchange);
    }
}

static void on_checked(struct fct_auth_check *check)
{
    struct visitor *visitor = check->data;
    struct fct_exchange *exchange = visitor->exchange;
    greet(visitor->server, check->status, exchange);
    if (visitor->kept.len > 0) {
        exchange->handler->body(exchange, fct_buf_slice(&visitor->kept));
    }
    if (visitor->ended) {
        exchange->handler->end(exchange);
    }
    visitor_free(visitor);
}

static void check_login(struct fct_server *server, struct fct_exchange *exchange,
                        factum_slice authorization)
{
    struct visitor *visitor = fct_mem_zalloc(server->mem, 1, sizeof *visitor);
    if (visitor == NULL) {
        turn_away(exchange);
        return;
    }
    visitor->server = server;
    visitor->exchange = exchange;
    visitor->check.done = on_checked;
    visitor->check.data = visitor;
    fct_buf_init(&visitor->kept, server->mem, KEPT_SIZE_MAX);
    factum_status status = fct_auth_ask(server->auth, authorization, &visitor->check, NULL);
    if (status == FACTUM_PENDING) {
        exchange->handler = &visitor_handler;
        exchange->data = visitor;
        return;
    }
    visitor_free(visitor);
    greet(server, status, exchange);
}

void fct_door_begin(struct fct_server *server, struct fct_exchange *exchange)
{
    factum_slice authorization = fct_exchange_field(exchange, FCT_SLICE("authorization"));
    bool is_unix = fct_slice_equal(exchange->peer->address, FCT_SLICE("unix"));
    if (is_unix) {
        let_in(server, &principal_deployer, exchange);
    } else if (server->auth == NULL) {
        let_in(server, admin_of(server), exchange);
    } else if (authorization.len == 0) {
        let_in(server, &principal_nobody, exchange);
    } else {
        check_login(server, exchange, authorization);
    }
}
