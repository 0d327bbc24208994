/* dial.c - see dial.h. Layer: net.
 *
 * RESOLVE    a name becomes addresses
 * CONNECT    one address after the other, until one answers
 * HANDSHAKE  TLS
 * OPEN       bytes pass between the socket and the session
 * CLOSED     handles are closing; freed() follows the last one
 *
 * Invariants (dial_check).
 *  1. |unsent| contains what the session returned and the socket did not take. While |unsent| has
 *     bytes, the session is not asked for more. |unsent_at| is at most its length.
 *  2. Bytes are sent by the task |flush| alone, once a turn.
 *  3. |busy| counts handles and requests of libuv that will still call back. The memory lasts until
 *     |busy| is 0 and the state is CLOSED.
 *  4. A session exists in OPEN alone.
 */
#include "net/dial.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "net/loop_int.h"
#include "net/socket_io.h"

enum {
    DIAL_CONNECT_MS = 10000,
    DIAL_TICK_MS = 1000,
    DIAL_READS_PER_TURN = 8,
    DIAL_SENDS_PER_TURN = 32,
};

#define DIAL_UNSENT_MAX ((size_t)1 << 20)

enum dial_state { DIAL_RESOLVE, DIAL_CONNECT, DIAL_HANDSHAKE, DIAL_OPEN, DIAL_CLOSED };

/* One per attempt: a libuv handle is closed before the next attempt begins. */
struct dial_socket {
    uv_poll_t poll;
    struct fct_dial *dial;
    int fd;
};

struct fct_dial {
    struct fct_dial_options options;
    enum dial_state state;
    unsigned busy;
    uv_getaddrinfo_t lookup;
    bool looking;
    struct addrinfo *addresses; /* libuv's */
    const struct addrinfo *next;
    struct dial_socket *socket; /* NULL: none is open */
    int events;
    bool blocked; /* the socket takes no more bytes */
    struct fct_tls *tls;
    struct fct_h2_client *client;
    struct fct_buf unsent;
    size_t unsent_at;
    struct fct_timer timer; /* the time limit, then the tick */
    struct fct_task flush;
    struct fct_task resume;
    struct fct_task begin;
    factum_error why; /* why the last attempt failed */
};

static void dial_watch(struct fct_dial *dial);
static void dial_next(struct fct_dial *dial);
static void dial_on_poll(uv_poll_t *poll, int status, int events);

static void dial_check(const struct fct_dial *dial)
{
    FCT_ASSERT(dial->unsent_at <= dial->unsent.len);
    FCT_ASSERT((dial->client != NULL) == (dial->state == DIAL_OPEN));
    FCT_ASSERT(dial->state != DIAL_CLOSED || dial->socket == NULL);
    FCT_ASSERT(dial->socket == NULL || dial->busy > 0);
    FCT_ASSERT(dial->tls == NULL || dial->socket != NULL);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void dial_release(struct fct_dial *dial)
{
    FCT_ASSERT(dial->busy > 0);
    dial->busy--;
    if (dial->busy == 0 && dial->state == DIAL_CLOSED) {
        const struct fct_dial_options options = dial->options;
        fct_buf_finish(&dial->unsent);
        fct_mem_free(options.mem, dial);
        options.freed(options.data);
    }
}

static void dial_on_socket_closed(uv_handle_t *handle)
{
    struct dial_socket *socket = handle->data;
    struct fct_dial *dial = socket->dial;
    (void)close(socket->fd);
    fct_mem_free(dial->options.mem, socket);
    dial_release(dial);
}

static void dial_drop_socket(struct fct_dial *dial)
{
    fct_tls_destroy(dial->tls);
    dial->tls = NULL;
    if (dial->socket != NULL) {
        (void)uv_poll_stop(&dial->socket->poll);
        uv_close((uv_handle_t *)&dial->socket->poll, dial_on_socket_closed);
        dial->socket = NULL;
    }
    dial->events = 0;
    dial->blocked = false;
}

void fct_dial_close(struct fct_dial *dial)
{
    if (dial->state == DIAL_CLOSED) {
        return;
    }
    dial->state = DIAL_CLOSED;
    fct_h2_client_destroy(dial->client);
    dial->client = NULL;
    dial_drop_socket(dial);
    if (dial->looking) {
        (void)uv_cancel((uv_req_t *)&dial->lookup);
    }
    uv_freeaddrinfo(dial->addresses);
    dial->addresses = NULL;
    fct_timer_stop(&dial->timer);
    fct_loop_forget(dial->options.loop, &dial->flush);
    fct_loop_forget(dial->options.loop, &dial->resume);
    /* The task |begin| runs in any case, and keeps the memory until then. */
}

/* Ends the connection, or the attempt to open one, with the reason in dial->why. */
static void dial_fail(struct fct_dial *dial)
{
    factum_error why = dial->why;
    if (dial->state != DIAL_CLOSED) {
        dial->options.closed(dial->options.data, &why);
        fct_dial_close(dial);
    }
}

static void dial_explain(struct fct_dial *dial, const char *what)
{
    (void)fct_fail(&dial->why, FACTUM_UNREACHABLE, "%.*s: %s", FCT_FMT(dial->options.authority),
                   what);
}

static void dial_explain_os(struct fct_dial *dial, int os_error, const char *what)
{
    factum_slice where = dial->options.host == NULL ? factum_slice_from(dial->options.unix_path)
                                                    : dial->options.authority;
    (void)fct_fail_os(&dial->why, os_error, "%s %.*s", what, FCT_FMT(where));
    dial->why.status = FACTUM_UNREACHABLE;
}

static void dial_lose(struct fct_dial *dial, const char *what)
{
    dial_explain(dial, what);
    dial_fail(dial);
}

/* ---- sending --------------------------------------------------------------------------------- */

static enum fct_io dial_send_unsent(struct fct_dial *dial)
{
    while (dial->unsent_at < dial->unsent.len) {
        size_t sent = 0;
        enum fct_io io =
            fct_io_put(dial->socket->fd, dial->tls,
                       fct_slice_from(fct_buf_slice(&dial->unsent), dial->unsent_at), &sent);
        if (io != FCT_IO_SOME) {
            return io;
        }
        dial->unsent_at += sent;
    }
    fct_buf_clear(&dial->unsent);
    dial->unsent_at = 0;
    return FCT_IO_SOME;
}

/* Returns SOME if everything was sent, or if the turn is used up and |flush| is queued again. */
static enum fct_io dial_send_turn(struct fct_dial *dial)
{
    enum fct_io io = dial_send_unsent(dial);
    for (int i = 0; io == FCT_IO_SOME; i++) {
        if (i == DIAL_SENDS_PER_TURN) {
            fct_loop_later(dial->options.loop, &dial->flush);
            return FCT_IO_SOME;
        }
        const uint8_t *bytes = NULL;
        size_t len = fct_h2_client_send(dial->client, &bytes);
        if (len == 0) {
            break;
        }
        if (fct_buf_add(&dial->unsent, bytes, len) != FACTUM_OK) {
            return FCT_IO_GONE;
        }
        io = dial_send_unsent(dial);
    }
    return io;
}

static void dial_on_flush(struct fct_task *task)
{
    struct fct_dial *dial = FCT_CONTAINER_OF(task, struct fct_dial, flush);
    dial_check(dial);
    if (dial->state != DIAL_OPEN) {
        return;
    }
    enum fct_io io = dial_send_turn(dial);
    dial->blocked = io == FCT_IO_BLOCKED;
    if (io == FCT_IO_GONE) {
        dial_lose(dial, "the connection is lost");
        return;
    }
    if (io == FCT_IO_SOME && dial->flush.slot == NULL && fct_h2_client_is_finished(dial->client)) {
        dial_lose(dial, "the server has ended the connection");
        return;
    }
    dial_watch(dial);
}

static void dial_wants_send(void *data)
{
    struct fct_dial *dial = data;
    if (dial->state == DIAL_OPEN) {
        fct_loop_later(dial->options.loop, &dial->flush);
    }
}

/* ---- receiving ------------------------------------------------------------------------------- */

static void dial_receive_turn(struct fct_dial *dial)
{
    struct fct_loop *loop = dial->options.loop;
    uint8_t *bytes = fct_loop_buffer(loop);
    for (int i = 0; i < DIAL_READS_PER_TURN; i++) {
        size_t got = 0;
        enum fct_io io = fct_io_get(dial->socket->fd, dial->tls, bytes, FCT_LOOP_BUFFER_SIZE, &got);
        if (io == FCT_IO_BLOCKED) {
            return;
        }
        if (io == FCT_IO_END || io == FCT_IO_GONE) {
            dial_lose(dial, "the server has closed the connection");
            return;
        }
        bool alive =
            fct_h2_client_receive(dial->client, fct_slice(bytes, got), fct_loop_now_ms(loop));
        if (!alive) {
            dial_lose(dial, "the server breaks the rules of HTTP/2");
            return;
        }
        fct_loop_later(loop, &dial->flush);
        if (got < FCT_LOOP_BUFFER_SIZE && dial->tls == NULL) {
            return; /* the socket is empty */
        }
    }
    fct_loop_later(loop, &dial->resume);
}

static void dial_open_session(struct fct_dial *dial)
{
    const struct fct_h2_client_options options = {
        .mem = dial->options.mem,
        .authority = dial->options.authority,
        .is_secure = dial->tls != NULL,
        .call_window = dial->options.call_window,
        .data = dial,
        .wants_send = dial_wants_send,
    };
    if (fct_h2_client_create(&options, &dial->client, &dial->why) != FACTUM_OK) {
        dial_fail(dial);
        return;
    }
    dial->state = DIAL_OPEN;
    uv_freeaddrinfo(dial->addresses);
    dial->addresses = NULL;
    dial->next = NULL;
    fct_timer_start(dial->options.loop, &dial->timer, DIAL_TICK_MS, DIAL_TICK_MS);
    fct_loop_later(dial->options.loop, &dial->flush);
    dial->options.opened(dial->options.data, dial->client);
}

/* ---- connecting ------------------------------------------------------------------------------ */

static void dial_shake_hands(struct fct_dial *dial)
{
    enum fct_tls_result result = fct_tls_handshake(dial->tls);
    dial->blocked = result == FCT_TLS_WANTS_WRITE;
    if (result == FCT_TLS_END || result == FCT_TLS_FAILED) {
        const char *distrust = fct_tls_distrust(dial->tls);
        if (distrust == NULL) {
            dial_explain(dial, "the TLS handshake failed");
        } else {
            (void)fct_fail(&dial->why, FACTUM_UNREACHABLE,
                           "%.*s: the server's certificate is not trusted: %s",
                           FCT_FMT(dial->options.authority), distrust);
        }
        dial_fail(dial); /* no other address is tried: this one is the server */
    } else if (result == FCT_TLS_OK && !fct_tls_is_http2(dial->tls)) {
        dial_lose(dial, "the server does not offer HTTP/2");
    } else if (result == FCT_TLS_OK) {
        dial_open_session(dial);
    }
}

static void dial_connected(struct fct_dial *dial)
{
    int on = 1;
    int failed = 0;
    socklen_t size = sizeof failed;
    if (getsockopt(dial->socket->fd, SOL_SOCKET, SO_ERROR, &failed, &size) != 0) {
        failed = errno;
    }
    if (failed != 0) {
        dial_explain_os(dial, failed, "connect to");
        dial_next(dial);
        return;
    }
    dial->blocked = false;
    if (dial->options.host != NULL) {
        (void)setsockopt(dial->socket->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    if (dial->options.tls == NULL) {
        dial_open_session(dial);
        return;
    }
    if (fct_tls_connect(dial->options.tls, dial->socket->fd, dial->options.host, &dial->tls,
                        &dial->why) != FACTUM_OK) {
        dial_fail(dial);
        return;
    }
    dial->state = DIAL_HANDSHAKE;
    dial_shake_hands(dial);
}

/* Starts to connect to one address. Returns false if the attempt fails at once. */
static bool dial_begin_connect(struct fct_dial *dial, const struct sockaddr *address, size_t size)
{
    struct dial_socket *made = fct_mem_zalloc(dial->options.mem, 1, sizeof *made);
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (made == NULL || fd < 0) {
        dial_explain_os(dial, made == NULL ? ENOMEM : errno, "connect to");
    } else if (connect(fd, address, (socklen_t)size) != 0 && errno != EINPROGRESS) {
        dial_explain_os(dial, errno, "connect to");
    } else if (uv_poll_init(fct_loop_uv(dial->options.loop), &made->poll, fd) != 0) {
        dial_explain_os(dial, EIO, "connect to");
    } else {
        made->dial = dial;
        made->fd = fd;
        made->poll.data = made;
        dial->socket = made;
        dial->busy++;
        dial->blocked = true;
        dial_watch(dial);
        return true;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    fct_mem_free(dial->options.mem, made);
    return false;
}

/* Tries the next address, or gives up. */
static void dial_next(struct fct_dial *dial)
{
    dial_drop_socket(dial);
    while (dial->next != NULL) {
        const struct addrinfo *address = dial->next;
        dial->next = address->ai_next;
        if (dial_begin_connect(dial, address->ai_addr, address->ai_addrlen)) {
            return;
        }
    }
    dial_fail(dial);
}

static void dial_on_resolved(uv_getaddrinfo_t *lookup, int failed, struct addrinfo *addresses)
{
    struct fct_dial *dial = lookup->data;
    dial->looking = false;
    if (dial->state == DIAL_CLOSED) {
        uv_freeaddrinfo(addresses);
    } else {
        dial->state = DIAL_CONNECT;
        dial->addresses = addresses;
        dial->next = failed == 0 ? addresses : NULL;
        if (failed != 0) {
            dial_explain(dial, failed == UV_EAI_NONAME || failed == UV_EAI_NODATA
                                   ? "unknown host"
                                   : uv_strerror(failed));
        }
        dial_next(dial);
    }
    dial_release(dial);
}

static void dial_begin_unix(struct fct_dial *dial)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(dial->options.unix_path);
    memcpy(address.sun_path, dial->options.unix_path, len);
    dial->state = DIAL_CONNECT;
    if (!dial_begin_connect(dial, (const struct sockaddr *)(const void *)&address,
                            sizeof address)) {
        dial_fail(dial);
    }
}

static void dial_on_begin(struct fct_task *task)
{
    struct fct_dial *dial = FCT_CONTAINER_OF(task, struct fct_dial, begin);
    if (dial->state != DIAL_CLOSED && dial->options.host == NULL) {
        dial_begin_unix(dial);
    } else if (dial->state != DIAL_CLOSED) {
        const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
        dial->lookup.data = dial;
        int failed =
            uv_getaddrinfo(fct_loop_uv(dial->options.loop), &dial->lookup, dial_on_resolved,
                           dial->options.host, dial->options.port, &hints);
        dial->looking = failed == 0;
        dial->busy += failed == 0 ? 1 : 0;
        if (failed != 0) {
            dial_lose(dial, uv_strerror(failed));
        }
    }
    dial_release(dial);
}

/* ---- what the loop calls --------------------------------------------------------------------- */

static void dial_go_on(struct fct_dial *dial)
{
    dial_check(dial);
    switch (dial->state) {
    case DIAL_CONNECT:
        dial_connected(dial);
        break;
    case DIAL_HANDSHAKE:
        dial_shake_hands(dial);
        break;
    case DIAL_OPEN:
        dial_receive_turn(dial);
        break;
    case DIAL_RESOLVE:
    case DIAL_CLOSED:
        break;
    }
    dial_check(dial);
    if (dial->state != DIAL_CLOSED) {
        dial_watch(dial);
    }
}

static void dial_on_poll(uv_poll_t *poll, int status, int events)
{
    struct fct_dial *dial = ((struct dial_socket *)poll->data)->dial;
    if (status < 0) {
        events = UV_READABLE | UV_WRITABLE; /* the next call on the socket returns the reason */
    }
    if ((events & UV_WRITABLE) != 0 && dial->state == DIAL_OPEN) {
        dial->blocked = false;
        fct_loop_later(dial->options.loop, &dial->flush);
    }
    dial_go_on(dial);
}

static void dial_on_resume(struct fct_task *task)
{
    struct fct_dial *dial = FCT_CONTAINER_OF(task, struct fct_dial, resume);
    dial_go_on(dial);
}

static void dial_on_timer(struct fct_timer *timer)
{
    struct fct_dial *dial = FCT_CONTAINER_OF(timer, struct fct_dial, timer);
    dial_check(dial);
    if (dial->state != DIAL_OPEN) {
        dial_lose(dial, "no connection within the time limit");
    } else if (!fct_h2_client_tick(dial->client, fct_loop_now_ms(dial->options.loop))) {
        dial_lose(dial, "the server no longer answers");
    } else {
        fct_loop_later(dial->options.loop, &dial->flush);
    }
}

static void dial_watch(struct fct_dial *dial)
{
    int events =
        dial->state == DIAL_CONNECT ? UV_WRITABLE : UV_READABLE | (dial->blocked ? UV_WRITABLE : 0);
    if (dial->socket != NULL && events != dial->events) {
        dial->events = events;
        /* UNTESTED: fails only for a descriptor that cannot be polled. */
        int failed = uv_poll_start(&dial->socket->poll, events, dial_on_poll);
        FCT_ASSERT(failed == 0);
    }
}

factum_status fct_dial_open(const struct fct_dial_options *options, struct fct_dial **made,
                            factum_error *err)
{
    struct sockaddr_un address;
    if (options->host == NULL && strlen(options->unix_path) >= sizeof address.sun_path) {
        return fct_fail(err, FACTUM_INVALID, "the path of a UNIX socket has at most %zu bytes: %s",
                        sizeof address.sun_path - 1, options->unix_path);
    }
    struct fct_dial *dial = fct_mem_zalloc(options->mem, 1, sizeof *dial);
    if (dial == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "connect: out of memory");
    }
    dial->options = *options;
    dial->flush.run = dial_on_flush;
    dial->resume.run = dial_on_resume;
    dial->begin.run = dial_on_begin;
    dial->timer.run = dial_on_timer;
    dial->busy = 1; /* |begin| */
    fct_buf_init(&dial->unsent, options->mem, DIAL_UNSENT_MAX);
    fct_loop_later(options->loop, &dial->begin);
    fct_timer_start(options->loop, &dial->timer,
                    options->connect_ms == 0 ? DIAL_CONNECT_MS : options->connect_ms, 0);
    *made = dial;
    return FACTUM_OK;
}
