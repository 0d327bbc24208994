/* server.c - the server's life: opens its parts, runs the loop on a thread, and closes everything
 * in order. Layer: server. Implements <factum/server.h>.
 *
 * Stopping: no new connections or calls; subscribers are ended; calls under way have until the time
 * limit; then connections are closed. The loop ends once no append is under way; the store ends
 * each append.
 */
#include <factum/server.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/log_sink.h"
#include "core/sized.h"
#include "net/acceptor.h"
#include "os/thread.h"
#include "server/deciders.h"
#include "server/dispatch.h"
#include "server/models.h"
#include "server/server_int.h"

#define LISTEN_DEFAULT "127.0.0.1:2113"
#define STOP_POLL_MS 5
/* What KurrentDB's clients need: docs/guide/server.md. */
#define APPEND_SIZE_MAX ((uint64_t)32 << 20)
#define EVENT_SIZE_MAX ((uint64_t)16 << 20)

struct factum_server {
    struct fct_server core;
    struct fct_acceptor *acceptor;
    struct fct_tls_context *tls;
    struct fct_thread thread;
    struct fct_mutex lock; /* protects |tls_next| */
    struct fct_task stop_task;
    struct fct_task reload_task;
    struct fct_timer stop_timer;
    struct fct_tls_context *tls_next;
    uint64_t stop_by_ms;
    int64_t stop_timeout_ms;
    bool hung_up;
    char *cert_file;
    char *key_file;
    char *host;
    char address[FCT_ADDRESS_SIZE];
    char secret[FCT_AUTH_SECRET_SIZE];
};

/* Without a login everybody is treated as logged in. */
#define EXCHANGES_FIRST_MAX 100
#define CONNECTIONS_PER_ADDRESS_DEFAULT 1000

static void connection_refused(void *data, const char *address, uint64_t count)
{
    const struct fct_server *core = data;
    if (address == NULL) {
        fct_log_message(&core->log, FACTUM_LOG_WARN, "server.connections_full",
                        "connections-max is reached: refused %" PRIu64, count);
    } else {
        fct_log_message(&core->log, FACTUM_LOG_WARN, "server.address_full",
                        "%s has as many connections as connections-per-address-max allows: "
                        "refused %" PRIu64,
                        address, count);
    }
}

static void begin_exchange(void *data, struct fct_exchange *exchange)
{
    fct_dispatch_begin(data, exchange);
}

/* ---- options --------------------------------------------------------------------------------- */

static factum_status check_options(const factum_server_options *options, factum_error *err)
{
    const char *listen = options->listen == NULL ? LISTEN_DEFAULT : options->listen;
    bool loopback = true;
    if ((options->tls_cert_file == NULL) != (options->tls_key_file == NULL)) {
        return fct_fail(err, FACTUM_INVALID,
                        "serve: a certificate needs its key, and a key its certificate");
    }
    if (listen[0] == '\0' && options->unix_path == NULL) {
        return fct_fail(err, FACTUM_INVALID, "serve: neither an address nor a UNIX socket");
    }
    if (!options->insecure && options->secret_dir == NULL) {
        return fct_fail(err, FACTUM_INVALID,
                        "serve: without insecure, a directory for the admin's secret is needed");
    }
    if (options->insecure_any_address && !options->insecure) {
        return fct_fail(err, FACTUM_INVALID, "serve: insecure_any_address requires insecure");
    }
    factum_status status =
        listen[0] == '\0' ? FACTUM_OK : fct_address_is_loopback(listen, &loopback, err);
    if (status != FACTUM_OK || loopback) {
        return status;
    }
    if (options->insecure && !options->insecure_any_address) {
        return fct_fail(err, FACTUM_INVALID,
                        "serve: %s is not loopback: insecure, it needs insecure_any_address too",
                        listen);
    }
    if (!options->insecure && options->tls_cert_file == NULL) {
        return fct_fail(err, FACTUM_INVALID,
                        "serve: %s is not loopback: it needs a certificate (TLS)", listen);
    }
    return FACTUM_OK;
}

static factum_status copy_text(const struct fct_mem *mem, const char *text, char **copy,
                               factum_error *err)
{
    if (text == NULL) {
        return FACTUM_OK;
    }
    size_t size = strlen(text) + 1;
    *copy = fct_mem_alloc(mem, size);
    if (*copy == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "serve: out of memory");
    }
    memcpy(*copy, text, size);
    return FACTUM_OK;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void run_server(void *data)
{
    factum_server *server = data;
    fct_loop_run(server->core.loop);
}

/* True while jobs run on threads of their own. */
static bool works_are_under_way(const struct fct_server *core)
{
    size_t count = core->upkeep_count;
    for (size_t i = 0; i < FCT_JOB_KINDS; i++) {
        count += core->jobs[i];
    }
    return count > 0;
}

static void on_stop_timer(struct fct_timer *timer)
{
    factum_server *server = FCT_CONTAINER_OF(timer, factum_server, stop_timer);
    bool late = fct_loop_now_ms(server->core.loop) >= server->stop_by_ms;
    if (late && !server->hung_up) {
        server->hung_up = true;
        fct_acceptor_hang_up(server->acceptor);
    }
    if (fct_acceptor_connection_count(server->acceptor) == 0 &&
        fct_appends_under_way(&server->core) == 0 && !works_are_under_way(&server->core)) {
        fct_timer_stop(timer);
        fct_loop_stop(server->core.loop);
    }
}

static void on_stop(struct fct_task *task)
{
    factum_server *server = FCT_CONTAINER_OF(task, factum_server, stop_task);
    server->core.stopping = true;
    server->stop_by_ms = fct_loop_now_ms(server->core.loop) + (uint64_t)server->stop_timeout_ms;
    fct_feeds_stop(&server->core);
    fct_acceptor_shut_down(server->acceptor);
    server->stop_timer.run = on_stop_timer;
    fct_timer_start(server->core.loop, &server->stop_timer, STOP_POLL_MS, STOP_POLL_MS);
}

static void on_reload(struct fct_task *task)
{
    factum_server *server = FCT_CONTAINER_OF(task, factum_server, reload_task);
    fct_mutex_lock(&server->lock);
    struct fct_tls_context *next = server->tls_next;
    server->tls_next = NULL;
    fct_mutex_unlock(&server->lock);
    if (next != NULL) {
        fct_acceptor_set_tls(server->acceptor, next);
        fct_tls_context_destroy(server->tls);
        server->tls = next;
    }
}

/* ---- start and stop -------------------------------------------------------------------------- */

/* Frees a server in any state of opening whose thread does not run. */
static void free_server(factum_server *server)
{
    const struct fct_mem *mem = server->core.mem;
    fct_acceptor_destroy(server->acceptor);
    if (server->core.loop != NULL) {
        fct_timer_stop(&server->stop_timer);
        fct_appends_close(&server->core);
        fct_feeds_close(&server->core);
        fct_kurrent_jobs_drop(&server->core);
        fct_auth_close(server->core.auth);
        fct_deciders_close(&server->core);
    }
    fct_loop_destroy(server->core.loop);
    fct_tls_context_destroy(server->tls);
    fct_tls_context_destroy(server->tls_next);
    fct_mutex_finish(&server->lock);
    fct_mem_free(mem, server->cert_file);
    fct_mem_free(mem, server->key_file);
    fct_mem_free(mem, server->host);
    fct_mem_free(mem, server);
}

static factum_status open_acceptor(factum_server *server, const factum_server_options *options,
                                   factum_error *err)
{
    const char *listen = options->listen == NULL ? LISTEN_DEFAULT : options->listen;
    const struct fct_acceptor_options settings = {
        .mem = server->core.mem,
        .loop = server->core.loop,
        .limits = {.exchanges_first_max = options->insecure ? 0 : EXCHANGES_FIRST_MAX},
        .connections_max = options->connections_max,
        .connections_per_address_max = options->connections_per_address_max == 0
                                           ? CONNECTIONS_PER_ADDRESS_DEFAULT
                                           : options->connections_per_address_max,
        .refused = connection_refused,
        .data = &server->core,
        .begin = begin_exchange,
    };
    factum_status status = fct_acceptor_create(&settings, &server->acceptor, err);
    if (status == FACTUM_OK && options->tls_cert_file != NULL) {
        status = fct_tls_context_create(options->tls_cert_file, options->tls_key_file, &server->tls,
                                        err);
        fct_acceptor_set_tls(server->acceptor, server->tls);
    }
    if (status == FACTUM_OK && listen[0] != '\0') {
        status = fct_acceptor_listen(server->acceptor, listen, server->address, err);
    }
    if (status == FACTUM_OK && options->unix_path != NULL) {
        status = fct_acceptor_listen_unix(server->acceptor, options->unix_path, err);
    }
    server->core.acceptor = server->acceptor;
    return status;
}

static factum_status copy_texts(factum_server *server, const factum_server_options *options,
                                factum_error *err)
{
    const struct fct_mem *mem = server->core.mem;
    factum_status status = copy_text(mem, options->tls_cert_file, &server->cert_file, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = copy_text(mem, options->tls_key_file, &server->key_file, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return copy_text(mem, options->advertised_host, &server->host, err);
}

/* After a failure the caller frees the server, with the parts that are open. */
static factum_status open_parts(factum_server *server, const factum_server_options *options,
                                factum_error *err)
{
    struct fct_server *core = &server->core;
    factum_status status = fct_loop_create(core->mem, &core->loop, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_appends_open(core, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_feeds_open(core, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_deciders_open(core, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = copy_texts(server, options, err);
    if (status != FACTUM_OK) {
        return status;
    }
    core->advertised_host = factum_slice_from(server->host);
    core->advertised_port = options->advertised_port;
    core->started_ms = fct_loop_now_ms(core->loop);
    status = open_acceptor(server, options, err);
    if (status != FACTUM_OK || options->insecure) {
        return status;
    }
    /* Last, because a secret is shown once. */
    return fct_auth_open(core->mem, core->loop, options->secret_dir, server->secret, &core->auth,
                         err);
}

factum_status factum_server_start(factum_store *store, const factum_server_options *options,
                                  factum_server **started, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    const struct fct_mem *mem = fct_mem_heap();
    factum_server_options full;
    if (store == NULL || started == NULL) {
        return fct_fail(err, FACTUM_INVALID,
                        "serve: a store and a place for the server are needed");
    }
    *started = NULL;
    factum_status status = fct_sized_read(&full, sizeof full, options, "serve: the options", err);
    if (status == FACTUM_OK) {
        status = check_options(&full, err);
    }
    if (status == FACTUM_OK) {
        status = fct_models_check(full.models, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    factum_server *server = fct_mem_zalloc(mem, 1, sizeof *server);
    if (server == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "serve: out of memory");
    }
    fct_mutex_init(&server->lock);
    server->core.mem = mem;
    server->core.store = store;
    server->core.models = full.models;
    server->core.sagas = full.sagas;
    server->core.endpoints = full.endpoints;
    if (full.log != NULL) {
        server->core.log = *full.log;
    }
    server->core.allow_deploy = full.allow_deploy;
    server->core.append_size_max = APPEND_SIZE_MAX;
    server->core.event_size_max = EVENT_SIZE_MAX;
    server->stop_task.run = on_stop;
    server->reload_task.run = on_reload;
    status = open_parts(server, &full, err);
    if (status == FACTUM_OK) {
        status = fct_thread_start(&server->thread, "factum-server", run_server, server, err);
    }
    if (status != FACTUM_OK) {
        free_server(server);
        return status;
    }
    *started = server;
    return FACTUM_OK;
}

const char *factum_server_address(const factum_server *server)
{
    return server->address;
}

const char *factum_server_secret(const factum_server *server)
{
    return server->secret;
}

factum_status factum_server_reload(factum_server *server, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    struct fct_tls_context *fresh = NULL;
    if (server->cert_file == NULL) {
        return fct_fail(err, FACTUM_UNSUPPORTED, "reload: the server has no certificate");
    }
    factum_status status = fct_tls_context_create(server->cert_file, server->key_file, &fresh, err);
    if (status != FACTUM_OK) {
        return fct_wrap(err, status, "reload (the old certificate stays)");
    }
    fct_mutex_lock(&server->lock);
    struct fct_tls_context *old = server->tls_next;
    server->tls_next = fresh;
    fct_mutex_unlock(&server->lock);
    fct_tls_context_destroy(old);
    fct_loop_post(server->core.loop, &server->reload_task);
    return FACTUM_OK;
}

void factum_server_stop(factum_server *server, int64_t timeout_ms)
{
    if (server == NULL) {
        return;
    }
    server->stop_timeout_ms = timeout_ms < 0 ? 0 : timeout_ms;
    fct_loop_post(server->core.loop, &server->stop_task);
    fct_thread_join(&server->thread);
    free_server(server);
}
