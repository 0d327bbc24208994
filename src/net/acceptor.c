/* acceptor.c - see acceptor.h. Layer: net.
 *
 * Invariants (acceptor_check).
 *  1. |conn_count| is the length of |conns|, and at most |connections_max|.
 *  2. |closing| counts handles that libuv still has; the memory lasts until it is 0.
 *  3. The loop never spins on a listener that cannot accept: without a descriptor the listener
 *     pauses until the next tick.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/check.h"
#include "core/error.h"
#include "net/acceptor_int.h"
#include "net/loop_int.h"

#define BACKLOG 1024
#define ACCEPTS_PER_TURN 64
#define TICK_MS 1000
#define CONNECTIONS_DEFAULT 10000
#define WAITING_MAX ((size_t)512 << 20) /* over all connections */
#define FILES_RESERVED_MAX 256          /* descriptors kept for the store's files */

static void acceptor_check(const struct fct_acceptor *acceptor)
{
    FCT_ASSERT(acceptor->conn_count <= acceptor->options.connections_max);
    FCT_ASSERT((acceptor->conn_count == 0) == (acceptor->conns == NULL));
    FCT_ASSERT(acceptor->conn_count <= acceptor->conns_ever);
    FCT_ASSERT(!acceptor->shut_down || acceptor->listeners == NULL);
}

/* ---- addresses ------------------------------------------------------------------------------- */

/* Splits "HOST:PORT"; *host and *port point into |copy|. */
static factum_status split_address(const char *address, char copy[FCT_ADDRESS_SIZE],
                                   const char **port, factum_error *err)
{
    size_t len = strlen(address);
    if (len >= FCT_ADDRESS_SIZE) {
        return fct_fail(err, FACTUM_INVALID, "listen: an address of %zu bytes", len);
    }
    memcpy(copy, address, len + 1);
    char *colon = strrchr(copy, ':');
    if (colon == NULL || colon == copy || colon[1] == '\0') {
        return fct_fail(err, FACTUM_INVALID,
                        "listen: %s is not ADDRESS:PORT, such as 127.0.0.1:2113 or [::1]:2113",
                        address);
    }
    *colon = '\0';
    *port = colon + 1;
    if (copy[0] == '[' && colon[-1] == ']') {
        colon[-1] = '\0';
        memmove(copy, copy + 1, strlen(copy));
    }
    return FACTUM_OK;
}

/* The caller frees *found with freeaddrinfo. */
static factum_status resolve(const char *address, struct addrinfo **found, factum_error *err)
{
    char copy[FCT_ADDRESS_SIZE];
    const char *port = NULL;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    factum_status status = split_address(address, copy, &port, err);
    if (status != FACTUM_OK) {
        return status;
    }
    int failed = getaddrinfo(copy, port, &hints, found);
    if (failed != 0) {
        return fct_fail(err, failed == EAI_NONAME ? FACTUM_NOT_FOUND : FACTUM_INVALID,
                        "listen on %s: %s", address, gai_strerror(failed));
    }
    return FACTUM_OK;
}

static bool is_loopback(const struct sockaddr *name)
{
    if (name->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)name;
        return (ntohl(in->sin_addr.s_addr) >> 24) == 127;
    }
    if (name->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const void *)name;
        return IN6_IS_ADDR_LOOPBACK(&in->sin6_addr);
    }
    return false;
}

factum_status fct_address_is_loopback(const char *address, bool *loopback, factum_error *err)
{
    struct addrinfo *found = NULL;
    factum_status status = resolve(address, &found, err);
    if (status == FACTUM_OK) {
        *loopback = true;
        for (struct addrinfo *at = found; at != NULL; at = at->ai_next) {
            *loopback = *loopback && is_loopback(at->ai_addr);
        }
        freeaddrinfo(found);
    }
    return status;
}

/* ---- listeners ------------------------------------------------------------------------------- */

static void on_connection(uv_poll_t *poll, int status, int events);

static void open_spare(struct fct_acceptor *acceptor)
{
    if (acceptor->spare_fd < 0) {
        acceptor->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
}

/* No descriptor is left: closes the spare one for a moment, so that the waiting peer is accepted
 * and refused. If another thread takes that descriptor first, the listener pauses until the next
 * tick, because the loop must not spin. */
static void refuse_one(struct fct_listener *listener)
{
    struct fct_acceptor *acceptor = listener->acceptor;
    if (acceptor->spare_fd >= 0) {
        (void)close(acceptor->spare_fd);
        acceptor->spare_fd = -1;
    }
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        (void)close(fd);
        open_spare(acceptor);
    } else if (errno == EMFILE || errno == ENFILE) {
        (void)uv_poll_stop(&listener->poll);
        listener->pauses = true;
    }
}

static void end_pauses(struct fct_acceptor *acceptor)
{
    open_spare(acceptor);
    for (struct fct_listener *at = acceptor->listeners; at != NULL; at = at->next) {
        if (at->pauses) {
            at->pauses = false;
            (void)uv_poll_start(&at->poll, UV_READABLE, on_connection);
        }
    }
}

/* Limits the number of connections so that descriptors remain for the store's files. */
static size_t connections_max(size_t wanted)
{
    struct rlimit limit;
    if (wanted == 0) {
        wanted = CONNECTIONS_DEFAULT;
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        return wanted;
    }
    rlim_t reserved =
        limit.rlim_cur / 2 < FILES_RESERVED_MAX ? limit.rlim_cur / 2 : FILES_RESERVED_MAX;
    rlim_t possible = limit.rlim_cur - reserved;
    return wanted < possible ? wanted : (size_t)possible;
}

/* Counts only when the total has reached the limit of one address. */
static bool address_is_full(const struct fct_acceptor *acceptor,
                            const struct sockaddr_storage *from)
{
    size_t most = acceptor->options.connections_per_address_max;
    size_t count = 0;
    if (most == 0 || acceptor->conn_count < most) {
        return false;
    }
    for (const struct fct_conn *at = acceptor->conns; at != NULL; at = fct_conn_next(at)) {
        count += fct_conn_is_from(at, from) ? 1 : 0;
    }
    return count >= most;
}

static void report_refused(struct fct_acceptor *acceptor, const struct sockaddr_storage *from)
{
    char address[FCT_ADDRESS_SIZE];
    uint64_t now = fct_loop_now_ms(acceptor->options.loop);
    acceptor->refused_count++;
    if (acceptor->options.refused == NULL ||
        (acceptor->refused_ms != 0 && now - acceptor->refused_ms < TICK_MS)) {
        return;
    }
    if (from != NULL) {
        fct_conn_describe(from, address);
    }
    acceptor->options.refused(acceptor->options.data, from == NULL ? NULL : address,
                              acceptor->refused_count);
    acceptor->refused_count = 0;
    acceptor->refused_ms = now;
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    struct fct_listener *listener = poll->data;
    struct fct_acceptor *acceptor = listener->acceptor;
    (void)status;
    (void)events;
    acceptor_check(acceptor);
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage from = {.ss_family = AF_UNSPEC};
        socklen_t size = sizeof from;
        int fd =
            accept4(listener->fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE) {
                refuse_one(listener);
            }
            return;
        }
        if (acceptor->conn_count >= acceptor->options.connections_max) {
            (void)close(fd);
            report_refused(acceptor, NULL);
        } else if (!listener->is_unix && address_is_full(acceptor, &from)) {
            (void)close(fd);
            report_refused(acceptor, &from);
        } else {
            fct_conn_open(acceptor, fd, listener->is_unix);
        }
    }
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct fct_listener *listener = handle->data;
    struct fct_acceptor *acceptor = listener->acceptor;
    (void)close(listener->fd);
    fct_mem_free(acceptor->options.mem, listener);
    acceptor->closing--;
}

static void close_listeners(struct fct_acceptor *acceptor)
{
    while (acceptor->listeners != NULL) {
        struct fct_listener *listener = acceptor->listeners;
        acceptor->listeners = listener->next;
        if (listener->is_unix) {
            (void)unlink(listener->path);
        }
        (void)uv_poll_stop(&listener->poll);
        acceptor->closing++;
        uv_close((uv_handle_t *)&listener->poll, on_listener_closed);
    }
}

/* Takes over the bound socket |fd|. */
static factum_status begin_listening(struct fct_acceptor *acceptor, int fd, const char *unix_path,
                                     factum_error *err)
{
    struct fct_listener *listener = fct_mem_zalloc(acceptor->options.mem, 1, sizeof *listener);
    if (listener == NULL) {
        (void)close(fd);
        return fct_fail(err, FACTUM_NO_MEMORY, "listen: out of memory");
    }
    int failed = listen(fd, BACKLOG) != 0 ? errno : 0;
    if (failed == 0) {
        failed = -uv_poll_init(fct_loop_uv(acceptor->options.loop), &listener->poll, fd);
    }
    if (failed != 0) {
        (void)close(fd);
        fct_mem_free(acceptor->options.mem, listener);
        return fct_fail_os(err, failed, "listen");
    }
    listener->acceptor = acceptor;
    listener->fd = fd;
    listener->poll.data = listener;
    listener->is_unix = unix_path != NULL;
    (void)snprintf(listener->path, sizeof listener->path, "%s", unix_path == NULL ? "" : unix_path);
    listener->next = acceptor->listeners;
    acceptor->listeners = listener;
    (void)uv_poll_start(&listener->poll, UV_READABLE, on_connection);
    return FACTUM_OK;
}

static factum_status fail_bind(int os_error, const char *address, factum_error *err)
{
    if (os_error == EADDRINUSE) {
        return fct_fail(err, FACTUM_EXISTS,
                        "listen on %s: in use by another program; choose another port", address);
    }
    if (os_error == EACCES || os_error == EPERM) {
        return fct_fail(err, FACTUM_DENIED, "listen on %s: not allowed for this user", address);
    }
    if (os_error == EADDRNOTAVAIL) {
        return fct_fail(err, FACTUM_NOT_FOUND, "listen on %s: not an address of this machine",
                        address);
    }
    return fct_fail_os(err, os_error, "listen on %s", address);
}

/* Returns 0 and the bound socket in *fd, or an errno. */
static int bind_to(const struct addrinfo *name, int *fd)
{
    int on = 1;
    int made = socket(name->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (made < 0) {
        return errno;
    }
    (void)setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (name->ai_family == AF_INET6) {
        (void)setsockopt(made, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    if (bind(made, name->ai_addr, name->ai_addrlen) != 0) {
        int failed = errno;
        (void)close(made);
        return failed;
    }
    *fd = made;
    return 0;
}

static void describe_bound(int fd, const char *address, char bound[FCT_ADDRESS_SIZE])
{
    factum_error ignored;
    char host[FCT_ADDRESS_SIZE] = "";
    const char *port = NULL;
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    memset(&name, 0, sizeof name);
    unsigned number = 0;
    if (getsockname(fd, (struct sockaddr *)&name, &size) == 0) {
        number = name.ss_family == AF_INET
                     ? ntohs(((struct sockaddr_in *)(void *)&name)->sin_port)
                     : ntohs(((struct sockaddr_in6 *)(void *)&name)->sin6_port);
    }
    if (split_address(address, host, &port, &ignored) == FACTUM_OK) {
        bool v6 = strchr(host, ':') != NULL;
        (void)snprintf(bound, FCT_ADDRESS_SIZE, "%s%.*s%s:%u", v6 ? "[" : "", FCT_ADDRESS_SIZE - 10,
                       host, v6 ? "]" : "", number);
    }
}

factum_status fct_acceptor_listen(struct fct_acceptor *acceptor, const char *address,
                                  char bound[FCT_ADDRESS_SIZE], factum_error *err)
{
    struct addrinfo *found = NULL;
    int fd = -1;
    factum_status status = resolve(address, &found, err);
    if (status != FACTUM_OK) {
        return status;
    }
    int failed = bind_to(found, &fd);
    freeaddrinfo(found);
    if (failed != 0) {
        return fail_bind(failed, address, err);
    }
    describe_bound(fd, address, bound);
    return begin_listening(acceptor, fd, NULL, err);
}

/* True if a process listens at |name|. */
static bool is_alive(const struct sockaddr_un *name)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool alive =
        fd >= 0 && connect(fd, (const struct sockaddr *)(const void *)name, sizeof *name) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return alive;
}

factum_status fct_acceptor_listen_unix(struct fct_acceptor *acceptor, const char *path,
                                       factum_error *err)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct stat found;
    if (strlen(path) >= sizeof name.sun_path || path[0] == '\0') {
        return fct_fail(err, FACTUM_INVALID, "listen on %s: a socket's path has 1 to %zu bytes",
                        path, sizeof name.sun_path - 1);
    }
    memcpy(name.sun_path, path, strlen(path));
    if (lstat(path, &found) == 0) {
        if (!S_ISSOCK(found.st_mode)) {
            return fct_fail(err, FACTUM_EXISTS,
                            "listen on %s: the file exists and is not a socket; remove it or "
                            "choose another path",
                            path);
        }
        if (is_alive(&name)) {
            return fail_bind(EADDRINUSE, path, err);
        }
        (void)unlink(path); /* left over from a process that was killed */
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return fct_fail_os(err, errno, "listen on %s", path);
    }
    (void)fchmod(fd, S_IRUSR | S_IWUSR); /* Linux gives the socket's file this mode at bind */
    if (bind(fd, (const struct sockaddr *)(const void *)&name, sizeof name) != 0 ||
        chmod(path, S_IRUSR | S_IWUSR) != 0) {
        int failed = errno;
        (void)close(fd);
        return fail_bind(failed, path, err);
    }
    return begin_listening(acceptor, fd, path, err);
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* While all peers together leave too many answers unread, closes the connection with most of
 * them. */
static void bound_waiting(struct fct_acceptor *acceptor)
{
    size_t all = 0;
    do {
        struct fct_conn *worst = NULL;
        size_t most = 0;
        all = 0;
        for (struct fct_conn *at = acceptor->conns; at != NULL; at = fct_conn_next(at)) {
            size_t waiting = fct_conn_waiting(at);
            all += waiting;
            if (waiting > most) {
                worst = at;
                most = waiting;
            }
        }
        if (all > WAITING_MAX) {
            fct_conn_close(worst);
        }
    } while (all > WAITING_MAX);
}

static void on_acceptor_tick(struct fct_timer *timer)
{
    struct fct_acceptor *acceptor = FCT_CONTAINER_OF(timer, struct fct_acceptor, tick);
    uint64_t now = fct_loop_now_ms(acceptor->options.loop);
    acceptor_check(acceptor);
    end_pauses(acceptor);
    bound_waiting(acceptor);
    struct fct_conn *conn = acceptor->conns;
    while (conn != NULL) {
        struct fct_conn *next = fct_conn_next(conn);
        fct_conn_tick(conn, now);
        conn = next;
    }
}

void fct_acceptor_hang_up(struct fct_acceptor *acceptor)
{
    while (acceptor->conns != NULL) {
        fct_conn_close(acceptor->conns);
    }
}

factum_status fct_acceptor_create(const struct fct_acceptor_options *options,
                                  struct fct_acceptor **made, factum_error *err)
{
    struct fct_acceptor *acceptor = fct_mem_zalloc(options->mem, 1, sizeof *acceptor);
    if (acceptor == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "listen: out of memory");
    }
    acceptor->options = *options;
    acceptor->options.connections_max = connections_max(options->connections_max);
    acceptor->spare_fd = -1;
    open_spare(acceptor);
    acceptor->tick.run = on_acceptor_tick;
    fct_timer_start(options->loop, &acceptor->tick, TICK_MS, TICK_MS);
    *made = acceptor;
    return FACTUM_OK;
}

void fct_acceptor_destroy(struct fct_acceptor *acceptor)
{
    if (acceptor == NULL) {
        return;
    }
    close_listeners(acceptor);
    fct_acceptor_hang_up(acceptor);
    fct_timer_stop(&acceptor->tick);
    while (acceptor->closing > 0) {
        (void)uv_run(fct_loop_uv(acceptor->options.loop), UV_RUN_NOWAIT);
    }
    if (acceptor->spare_fd >= 0) {
        (void)close(acceptor->spare_fd);
    }
    fct_mem_free(acceptor->options.mem, acceptor);
}

void fct_acceptor_set_tls(struct fct_acceptor *acceptor, struct fct_tls_context *context)
{
    acceptor->tls = context;
}

void fct_acceptor_shut_down(struct fct_acceptor *acceptor)
{
    acceptor->shut_down = true;
    close_listeners(acceptor);
    acceptor_check(acceptor);
    struct fct_conn *conn = acceptor->conns;
    while (conn != NULL) {
        struct fct_conn *next = fct_conn_next(conn);
        fct_conn_shut_down(conn);
        conn = next;
    }
}

size_t fct_acceptor_connection_count(const struct fct_acceptor *acceptor)
{
    return acceptor->conn_count;
}

uint64_t fct_acceptor_connections_ever(const struct fct_acceptor *acceptor)
{
    return acceptor->conns_ever;
}
