/* conn.c - one connection: a socket, TLS or none, and a session. Layer: net.
 *
 * SNIFF      until the first bytes name the protocol
 * HANDSHAKE  TLS; then SNIFF again, inside TLS
 * OPEN       bytes pass between the socket and the session
 * LINGER     everything is sent and our side is shut down; further input is read and dropped,
 *            because closing a socket with unread bytes resets it and could lose the last answer
 * CLOSED     libuv is closing the handle; its callback frees the memory
 *
 * Invariants (conn_check).
 *  1. |unsent| contains what the session returned and the socket did not take. While |unsent| has
 *     bytes, the session is not asked for more. |unsent_at| is at most its length.
 *  2. Bytes are sent by the task |flush| alone, once a turn.
 *  3. Closing is final: nothing is called for the connection afterwards.
 *  4. acceptor->unsent_size is the sum of the capacities of |unsent| of all connections.
 *  5. A session exists in OPEN and LINGER, and in no other state.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/check.h"
#include "core/slice.h"
#include "net/acceptor_int.h"
#include "net/loop_int.h"
#include "net/socket_io.h"

#define SNIFF_SIZE 24  /* bytes of the preface of HTTP/2 */
#define SNIFF_MS 10000 /* covers TLS and the first bytes */
#define LINGER_MS 1000
#define STALL_MS 30000 /* the peer has taken nothing for this long */
#define READS_PER_TURN 8
#define SEND_SIZE_PER_TURN ((size_t)256 << 10) /* then other connections get their turn */
#define UNSENT_MAX ((size_t)40 << 20)          /* more than one call of fct_session_send returns */
#define UNSENT_ALL_MAX ((size_t)256 << 20)     /* over all connections */

enum conn_state { CONN_SNIFF, CONN_HANDSHAKE, CONN_OPEN, CONN_LINGER, CONN_CLOSED };

struct fct_conn {
    struct fct_conn *next;
    struct fct_conn **slot;
    struct fct_acceptor *acceptor;
    uv_poll_t poll;
    int events;
    int fd;
    enum conn_state state;
    bool over;    /* close once everything is sent */
    bool ended;   /* the peer has ended its side; it may still read */
    bool blocked; /* the socket takes no more bytes */
    struct fct_tls *tls;
    struct fct_session *session;
    struct fct_peer peer;
    struct fct_task flush;
    struct fct_task resume; /* continues reading when the socket will not announce the bytes */
    struct fct_buf unsent;
    size_t unsent_at;
    uint64_t since_ms; /* when the state or the stall began */
    size_t sniffed_len;
    uint8_t sniffed[SNIFF_SIZE];
    struct sockaddr_storage from; /* family 0: not known */
    char address[FCT_ADDRESS_SIZE];
    char local[FCT_ADDRESS_SIZE];
};

static void watch(struct fct_conn *conn);
static void free_unsent(struct fct_conn *conn);

static void conn_check(const struct fct_conn *conn)
{
    bool has_session = conn->state == CONN_OPEN || conn->state == CONN_LINGER;
    FCT_ASSERT((conn->session != NULL) == has_session);
    FCT_ASSERT(conn->unsent_at <= conn->unsent.len);
    FCT_ASSERT(conn->unsent.capacity <= conn->acceptor->unsent_size);
    FCT_ASSERT(conn->state != CONN_HANDSHAKE || conn->tls != NULL);
    FCT_ASSERT(conn->state == CONN_CLOSED || *conn->slot == conn);
}

/* ---- addresses ------------------------------------------------------------------------------- */

static bool describe(const struct sockaddr_storage *from, char text[FCT_ADDRESS_SIZE])
{
    char host[INET6_ADDRSTRLEN] = "";
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)from;
        (void)inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        (void)snprintf(text, FCT_ADDRESS_SIZE, "%s:%u", host, ntohs(in->sin_port));
        return (ntohl(in->sin_addr.s_addr) >> 24) == 127;
    }
    if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const void *)from;
        (void)inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof host);
        (void)snprintf(text, FCT_ADDRESS_SIZE, "[%s]:%u", host, ntohs(in->sin6_port));
        return IN6_IS_ADDR_LOOPBACK(&in->sin6_addr);
    }
    (void)snprintf(text, FCT_ADDRESS_SIZE, "unix");
    return true;
}

static void name_peer(struct fct_conn *conn, bool is_unix)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    memset(&name, 0, sizeof name);
    bool local = getpeername(conn->fd, (struct sockaddr *)&name, &size) == 0 &&
                 describe(&name, conn->address);
    conn->from = name;
    size = sizeof name;
    memset(&name, 0, sizeof name);
    if (getsockname(conn->fd, (struct sockaddr *)&name, &size) == 0) {
        (void)describe(&name, conn->local);
    }
    conn->peer = (struct fct_peer){
        .address = factum_slice_from(conn->address),
        .local = factum_slice_from(conn->local),
        .is_unix = is_unix,
        .is_local = is_unix || local,
    };
}

/* ---- the end --------------------------------------------------------------------------------- */

static void on_poll_closed(uv_handle_t *handle)
{
    struct fct_conn *conn = handle->data;
    struct fct_acceptor *acceptor = conn->acceptor;
    (void)close(conn->fd);
    fct_mem_free(acceptor->options.mem, conn);
    acceptor->closing--;
}

void fct_conn_close(struct fct_conn *conn)
{
    struct fct_acceptor *acceptor = conn->acceptor;
    if (conn->state == CONN_CLOSED) {
        return;
    }
    conn->state = CONN_CLOSED;
    *conn->slot = conn->next;
    if (conn->next != NULL) {
        conn->next->slot = conn->slot;
    }
    acceptor->conn_count--;
    fct_session_destroy(conn->session); /* closes its exchanges, which may want to send */
    conn->session = NULL;
    fct_tls_destroy(conn->tls);
    free_unsent(conn);
    fct_loop_forget(acceptor->options.loop, &conn->flush);
    fct_loop_forget(acceptor->options.loop, &conn->resume);
    (void)uv_poll_stop(&conn->poll);
    acceptor->closing++;
    uv_close((uv_handle_t *)&conn->poll, on_poll_closed);
}

/* Called once everything is sent. */
static void linger(struct fct_conn *conn)
{
    if (conn->ended) {
        fct_conn_close(conn); /* nothing is left unread */
        return;
    }
    if (conn->tls != NULL) {
        fct_tls_close(conn->tls);
    }
    (void)shutdown(conn->fd, SHUT_WR);
    conn->state = CONN_LINGER;
    conn->over = true; /* the session is done; only the end of the peer's side is awaited */
    conn->since_ms = fct_loop_now_ms(conn->acceptor->options.loop);
    watch(conn);
}

/* ---- sending --------------------------------------------------------------------------------- */

static void free_unsent(struct fct_conn *conn)
{
    FCT_ASSERT(conn->acceptor->unsent_size >= conn->unsent.capacity);
    conn->acceptor->unsent_size -= conn->unsent.capacity;
    fct_buf_finish(&conn->unsent);
    conn->unsent_at = 0;
}

/* Too much memory is kept for peers that do not read: closes the connection, other than |conn|,
 * that has not read for the longest time. */
static void relieve(const struct fct_conn *conn)
{
    struct fct_conn *worst = NULL;
    for (struct fct_conn *at = conn->acceptor->conns; at != NULL; at = at->next) {
        bool keeps = at != conn && at->unsent.len > 0;
        if (keeps && (worst == NULL || at->since_ms < worst->since_ms)) {
            worst = at;
        }
    }
    if (worst != NULL) {
        fct_conn_close(worst);
    }
}

/* Returns false if out of memory. */
static bool keep(struct fct_conn *conn, const uint8_t *bytes, size_t len)
{
    size_t before = conn->unsent.capacity;
    factum_status status = fct_buf_add(&conn->unsent, bytes, len);
    conn->acceptor->unsent_size += conn->unsent.capacity - before;
    if (conn->acceptor->unsent_size > UNSENT_ALL_MAX) {
        relieve(conn);
    }
    return status == FACTUM_OK;
}

/* Sends all bytes, or keeps the rest in |unsent|, which is empty before. */
static enum fct_io send_or_keep(struct fct_conn *conn, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        size_t sent = 0;
        enum fct_io io = fct_io_put(conn->fd, conn->tls, fct_slice(bytes, len), &sent);
        if (io == FCT_IO_BLOCKED) {
            conn->since_ms = fct_loop_now_ms(conn->acceptor->options.loop);
            return keep(conn, bytes, len) ? FCT_IO_BLOCKED : FCT_IO_GONE;
        }
        if (io == FCT_IO_GONE) {
            return FCT_IO_GONE;
        }
        bytes += sent;
        len -= sent;
    }
    return FCT_IO_SOME;
}

static enum fct_io send_unsent(struct fct_conn *conn)
{
    while (conn->unsent_at < conn->unsent.len) {
        size_t sent = 0;
        enum fct_io io =
            fct_io_put(conn->fd, conn->tls,
                       fct_slice_from(fct_buf_slice(&conn->unsent), conn->unsent_at), &sent);
        if (io != FCT_IO_SOME) {
            return io;
        }
        conn->unsent_at += sent;
        conn->since_ms = fct_loop_now_ms(conn->acceptor->options.loop);
    }
    free_unsent(conn);
    return FCT_IO_SOME;
}

/* Returns SOME if everything was sent, or if the turn is used up and |flush| is queued again. */
static enum fct_io send_turn(struct fct_conn *conn)
{
    enum fct_io io = send_unsent(conn);
    size_t given = 0;
    while (io == FCT_IO_SOME) {
        if (given >= SEND_SIZE_PER_TURN) {
            fct_loop_work(conn->acceptor->options.loop, &conn->flush);
            return FCT_IO_SOME;
        }
        const uint8_t *bytes = NULL;
        size_t len = conn->session == NULL ? 0 : fct_session_send(conn->session, &bytes);
        if (len == 0) {
            break;
        }
        io = send_or_keep(conn, bytes, len);
        given += len;
    }
    return io;
}

static void on_flush(struct fct_task *task)
{
    struct fct_conn *conn = FCT_CONTAINER_OF(task, struct fct_conn, flush);
    conn_check(conn);
    if (conn->state != CONN_OPEN) {
        return;
    }
    enum fct_io io = send_turn(conn);
    conn->blocked = io == FCT_IO_BLOCKED;
    if (io == FCT_IO_GONE) {
        fct_conn_close(conn);
        return;
    }
    bool queued = conn->flush.slot != NULL;
    if (io == FCT_IO_SOME && !queued && (conn->over || fct_session_is_finished(conn->session))) {
        linger(conn);
        return;
    }
    watch(conn);
}

static void wants_send(void *data)
{
    struct fct_conn *conn = data;
    if (conn->state == CONN_OPEN) {
        fct_loop_later(conn->acceptor->options.loop, &conn->flush);
    }
}

/* ---- receiving ------------------------------------------------------------------------------- */

static void begin_exchange(void *data, struct fct_exchange *exchange)
{
    struct fct_conn *conn = data;
    conn->acceptor->options.begin(conn->acceptor->options.data, exchange);
}

static factum_status open_session(struct fct_conn *conn, enum fct_preface preface)
{
    factum_error ignored;
    const struct fct_session_options options = {
        .mem = conn->acceptor->options.mem,
        .peer = &conn->peer,
        .limits = conn->acceptor->options.limits,
        .data = conn,
        .begin = begin_exchange,
        .wants_send = wants_send,
    };
    factum_status status = preface == FCT_PREFACE_HTTP2
                               ? fct_h2_create(&options, &conn->session, &ignored)
                               : fct_h1_create(&options, &conn->session, &ignored);
    if (status == FACTUM_OK) {
        conn->state = CONN_OPEN;
        if (conn->acceptor->shut_down) {
            fct_session_shut_down(conn->session);
        }
    }
    return status;
}

/* Passes bytes to the session. Returns false if the connection is closed. */
static bool take(struct fct_conn *conn, factum_slice bytes)
{
    struct fct_loop *loop = conn->acceptor->options.loop;
    if (conn->state == CONN_LINGER || conn->over) {
        return true; /* dropped */
    }
    if (conn->state == CONN_SNIFF) {
        size_t more = SNIFF_SIZE - conn->sniffed_len;
        more = more < bytes.len ? more : bytes.len;
        memcpy(conn->sniffed + conn->sniffed_len, bytes.ptr, more);
        conn->sniffed_len += more;
        bytes = fct_slice_from(bytes, more);
        factum_slice sniffed = fct_slice(conn->sniffed, conn->sniffed_len);
        enum fct_preface preface = fct_preface_of(sniffed);
        if (preface == FCT_PREFACE_UNDECIDED) {
            return true;
        }
        if (preface == FCT_PREFACE_TLS || open_session(conn, preface) != FACTUM_OK) {
            fct_conn_close(conn);
            return false;
        }
        conn->over = !fct_session_receive(conn->session, sniffed, fct_loop_now_ms(loop));
    }
    if (bytes.len > 0 && !conn->over) {
        conn->over = !fct_session_receive(conn->session, bytes, fct_loop_now_ms(loop));
    }
    fct_loop_later(loop, &conn->flush);
    return true;
}

/* The peer has ended its side. Returns false if nothing is left to send to the peer. Over TLS the
 * end of one side is treated as the end of both. */
static bool goes_on_after_end(struct fct_conn *conn)
{
    if (conn->state != CONN_OPEN) {
        return false;
    }
    bool answers = fct_session_input_ended(conn->session);
    if (!answers && !conn->over && conn->unsent.len == 0) {
        return false;
    }
    conn->ended = true;
    fct_loop_later(conn->acceptor->options.loop, &conn->flush);
    return true;
}

static bool may_receive(const struct fct_conn *conn)
{
    return !conn->ended &&
           (conn->session == NULL || conn->over || fct_session_wants_receive(conn->session));
}

static void receive_turn(struct fct_conn *conn)
{
    uint8_t *bytes = fct_loop_buffer(conn->acceptor->options.loop);
    for (int i = 0; may_receive(conn); i++) {
        size_t got = 0;
        if (i == READS_PER_TURN) {
            fct_loop_later(conn->acceptor->options.loop, &conn->resume);
            return;
        }
        enum fct_io io = fct_io_get(conn->fd, conn->tls, bytes, FCT_LOOP_BUFFER_SIZE, &got);
        if (io == FCT_IO_BLOCKED) {
            return;
        }
        if (io == FCT_IO_END && goes_on_after_end(conn)) {
            return;
        }
        if (io == FCT_IO_END || io == FCT_IO_GONE) {
            fct_conn_close(conn);
            return;
        }
        if (!take(conn, fct_slice(bytes, got))) {
            return;
        }
        if (got < FCT_LOOP_BUFFER_SIZE && conn->tls == NULL) {
            return; /* the socket is empty */
        }
    }
}

/* The first byte tells TLS from the other protocols. Returns true once the byte is known. */
static bool sniff_tls(struct fct_conn *conn)
{
    factum_error ignored;
    uint8_t first;
    ssize_t seen = recv(conn->fd, &first, 1, MSG_PEEK);
    if (seen < 0 && fct_io_must_wait()) {
        return false;
    }
    bool tls = seen == 1 && fct_preface_of(fct_slice(&first, 1)) == FCT_PREFACE_TLS;
    bool wanted = conn->acceptor->tls != NULL && !conn->peer.is_local;
    if (seen <= 0 || (tls && conn->acceptor->tls == NULL) || (wanted && !tls)) {
        fct_conn_close(conn);
        return false;
    }
    if (tls) {
        if (fct_tls_create(conn->acceptor->tls, conn->fd, &conn->tls, &ignored) != FACTUM_OK) {
            fct_conn_close(conn);
            return false;
        }
        conn->peer.is_secure = true;
        conn->state = CONN_HANDSHAKE;
    }
    return true;
}

static bool shake_hands(struct fct_conn *conn)
{
    enum fct_tls_result result = fct_tls_handshake(conn->tls);
    conn->blocked = result == FCT_TLS_WANTS_WRITE;
    if (result == FCT_TLS_OK) {
        conn->state = CONN_SNIFF;
        return true;
    }
    if (result == FCT_TLS_END || result == FCT_TLS_FAILED) {
        fct_conn_close(conn);
    }
    return false;
}

static void go_on(struct fct_conn *conn)
{
    conn_check(conn);
    if (conn->state == CONN_SNIFF && conn->sniffed_len == 0 && conn->tls == NULL &&
        !sniff_tls(conn)) {
        return;
    }
    if (conn->state == CONN_HANDSHAKE && !shake_hands(conn)) {
        return;
    }
    receive_turn(conn);
}

static void on_resume(struct fct_task *task)
{
    struct fct_conn *conn = FCT_CONTAINER_OF(task, struct fct_conn, resume);
    go_on(conn);
    if (conn->state != CONN_CLOSED) {
        watch(conn);
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct fct_conn *conn = poll->data;
    if (status < 0) {
        fct_conn_close(conn);
        return;
    }
    if ((events & UV_WRITABLE) != 0) {
        conn->blocked = false;
        fct_loop_later(conn->acceptor->options.loop, &conn->flush);
    }
    go_on(conn);
    if (conn->state != CONN_CLOSED) {
        watch(conn);
    }
}

static void watch(struct fct_conn *conn)
{
    conn_check(conn);
    int events = (may_receive(conn) ? UV_READABLE : 0) | (conn->blocked ? UV_WRITABLE : 0);
    if (events != conn->events) {
        if (conn->tls != NULL && (events & ~conn->events & UV_READABLE) != 0) {
            /* OpenSSL reads ahead: the socket does not announce the bytes that it has. */
            fct_loop_later(conn->acceptor->options.loop, &conn->resume);
        }
        conn->events = events;
        /* UNTESTED: fails only for a descriptor that cannot be polled. */
        int failed =
            events == 0 ? uv_poll_stop(&conn->poll) : uv_poll_start(&conn->poll, events, on_poll);
        FCT_ASSERT(failed == 0);
    }
}

/* Detects a peer whose machine is gone; a live peer may be silent for any time. */
static void keep_alive(int fd)
{
    static const int on = 1, idle_s = 60, interval_s = 10, probes = 3;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

/* ---- where connections come from ------------------------------------------------------------- */

void fct_conn_describe(const struct sockaddr_storage *from, char text[FCT_ADDRESS_SIZE])
{
    (void)describe(from, text);
}

bool fct_conn_is_from(const struct fct_conn *conn, const struct sockaddr_storage *from)
{
    if (conn->from.ss_family != from->ss_family) {
        return false;
    }
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *one = (const void *)&conn->from;
        const struct sockaddr_in *other = (const void *)from;
        return one->sin_addr.s_addr == other->sin_addr.s_addr;
    }
    const struct sockaddr_in6 *one = (const void *)&conn->from;
    const struct sockaddr_in6 *other = (const void *)from;
    return from->ss_family == AF_INET6 &&
           memcmp(&one->sin6_addr, &other->sin6_addr, sizeof one->sin6_addr) == 0;
}

/* ---- for acceptor.c -------------------------------------------------------------------------- */

void fct_conn_open(struct fct_acceptor *acceptor, int fd, bool is_unix)
{
    int on = 1;
    struct fct_conn *conn = fct_mem_zalloc(acceptor->options.mem, 1, sizeof *conn);
    if (conn == NULL || uv_poll_init(fct_loop_uv(acceptor->options.loop), &conn->poll, fd) != 0) {
        fct_mem_free(acceptor->options.mem, conn);
        (void)close(fd);
        return;
    }
    conn->acceptor = acceptor;
    conn->fd = fd;
    conn->poll.data = conn;
    conn->flush.run = on_flush;
    conn->resume.run = on_resume;
    conn->since_ms = fct_loop_now_ms(acceptor->options.loop);
    fct_buf_init(&conn->unsent, acceptor->options.mem, UNSENT_MAX);
    name_peer(conn, is_unix);
    if (!is_unix) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        keep_alive(fd);
    }
    conn->next = acceptor->conns;
    conn->slot = &acceptor->conns;
    if (conn->next != NULL) {
        conn->next->slot = &conn->next;
    }
    acceptor->conns = conn;
    acceptor->conn_count++;
    acceptor->conns_ever++;
    watch(conn);
}

struct fct_conn *fct_conn_next(const struct fct_conn *conn)
{
    return conn->next;
}

size_t fct_conn_waiting(const struct fct_conn *conn)
{
    size_t of_session = conn->session == NULL ? 0 : fct_session_waiting(conn->session);
    return conn->unsent.capacity + of_session;
}

void fct_conn_shut_down(struct fct_conn *conn)
{
    if (conn->state == CONN_OPEN) {
        fct_session_shut_down(conn->session);
        fct_loop_later(conn->acceptor->options.loop, &conn->flush);
    } else if (conn->state != CONN_LINGER) {
        fct_conn_close(conn);
    }
}

void fct_conn_tick(struct fct_conn *conn, uint64_t now_ms)
{
    uint64_t age = now_ms - conn->since_ms;
    conn_check(conn);
    switch (conn->state) {
    case CONN_SNIFF:
    case CONN_HANDSHAKE:
        if (age >= SNIFF_MS) {
            fct_conn_close(conn);
        }
        return;
    case CONN_OPEN:
        if (conn->blocked && age >= STALL_MS &&
            (conn->over || conn->ended || fct_session_is_finished(conn->session))) {
            fct_conn_close(conn);
            return;
        }
        fct_session_tick(conn->session, now_ms);
        fct_loop_later(conn->acceptor->options.loop, &conn->flush);
        return;
    case CONN_LINGER:
        if (age >= LINGER_MS) {
            fct_conn_close(conn);
        }
        return;
    case CONN_CLOSED:
        return;
    }
}
