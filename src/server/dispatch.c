/* dispatch.c - see dispatch.h. Layer: server.
 *
 * A worker checks the login, because hashing a password is slow. Meanwhile the bytes of the body
 * are kept and not released, so that the client's window bounds them. Then the service takes over,
 * and gets the kept bytes.
 *
 * Whoever can open the UNIX socket is the admin, and may deploy: the mode of the socket's file
 * admits its owner alone.
 */
#include "server/dispatch.h"

#include "core/buf.h"
#include "core/slice.h"

#define KEPT_SIZE_MAX ((size_t)4 << 20) /* more than a window */

/* An exchange whose login is being checked. */
struct held {
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

static void dispatch_to_service(struct fct_server *server, const struct fct_principal *principal,
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
                        FCT_SLICE("too many logins wait for their check: try again later"));
    } else {
        fct_http_turn_away(exchange);
    }
}

/* ---- while the login is checked -------------------------------------------------------------- */

static void held_free(struct held *held)
{
    fct_buf_finish(&held->kept);
    fct_mem_free(held->server->mem, held);
}

static void held_body(struct fct_exchange *exchange, factum_slice bytes)
{
    struct held *held = exchange->data;
    if (fct_buf_add_slice(&held->kept, bytes) != FACTUM_OK) {
        fct_exchange_abort(exchange, FCT_ABORT_CALM);
    }
}

static void held_end(struct fct_exchange *exchange)
{
    struct held *held = exchange->data;
    held->ended = true;
}

static void held_writable(struct fct_exchange *exchange)
{
    (void)exchange;
}

static void held_closed(struct fct_exchange *exchange, bool complete)
{
    struct held *held = exchange->data;
    (void)complete;
    fct_auth_forget(&held->check);
    held_free(held);
}

static const struct fct_exchange_handler held_handler = {held_body, held_end, held_writable,
                                                         held_closed};

/* The login is correct or wrong, or could not be checked. */
static void dispatch_checked(struct fct_server *server, factum_status status,
                             struct fct_exchange *exchange)
{
    if (status == FACTUM_BUSY || status == FACTUM_NO_MEMORY) {
        turn_away(exchange);
    } else {
        dispatch_to_service(server, status == FACTUM_OK ? admin_of(server) : &principal_nobody,
                            exchange);
    }
}

static void on_checked(struct fct_auth_check *check)
{
    struct held *held = check->data;
    struct fct_exchange *exchange = held->exchange;
    dispatch_checked(held->server, check->status, exchange);
    if (held->kept.len > 0) {
        exchange->handler->body(exchange, fct_buf_slice(&held->kept));
    }
    if (held->ended) {
        exchange->handler->end(exchange);
    }
    held_free(held);
}

static void check_login(struct fct_server *server, struct fct_exchange *exchange,
                        factum_slice authorization)
{
    factum_error ignored;
    struct held *held = fct_mem_zalloc(server->mem, 1, sizeof *held);
    if (held == NULL) {
        turn_away(exchange);
        return;
    }
    held->server = server;
    held->exchange = exchange;
    held->check.done = on_checked;
    held->check.data = held;
    fct_buf_init(&held->kept, server->mem, KEPT_SIZE_MAX);
    factum_status status = fct_auth_ask(server->auth, authorization, &held->check, &ignored);
    if (status == FACTUM_PENDING) {
        exchange->handler = &held_handler;
        exchange->data = held;
        return;
    }
    held_free(held);
    dispatch_checked(server, status, exchange);
}

void fct_dispatch_begin(struct fct_server *server, struct fct_exchange *exchange)
{
    factum_slice authorization = fct_exchange_field(exchange, FCT_SLICE("authorization"));
    if (exchange->peer->is_unix) {
        dispatch_to_service(server, &principal_deployer, exchange);
    } else if (server->auth == NULL) {
        dispatch_to_service(server, admin_of(server), exchange);
    } else if (authorization.len == 0) {
        dispatch_to_service(server, &principal_nobody, exchange);
    } else {
        check_login(server, exchange, authorization);
    }
}
