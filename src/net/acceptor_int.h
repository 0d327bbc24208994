/* acceptor_int.h - what acceptor.c and conn.c share. Layer: net. */
#ifndef FCT_NET_ACCEPTOR_INT_H
#define FCT_NET_ACCEPTOR_INT_H

#include <sys/socket.h>
#include <uv.h>

#include "core/buf.h"
#include "net/acceptor.h"

struct fct_conn;

struct fct_listener {
    struct fct_listener *next;
    struct fct_acceptor *acceptor;
    uv_poll_t poll;
    int fd;
    bool is_unix;
    bool pauses;                 /* until the next tick: no descriptor is left */
    char path[FCT_ADDRESS_SIZE]; /* of a UNIX socket */
};

struct fct_acceptor {
    struct fct_acceptor_options options;
    struct fct_tls_context *tls;
    struct fct_listener *listeners;
    struct fct_conn *conns;
    size_t conn_count;
    uint64_t conns_ever;
    size_t closing;         /* handles that libuv still has */
    size_t unsent_size;     /* bytes that connections keep for peers that do not read */
    uint64_t refused_count; /* since |refused| was called */
    uint64_t refused_ms;    /* when |refused| was called; 0: never */
    bool shut_down;
    struct fct_timer tick;
    int spare_fd; /* closed for a moment to refuse a connection when no descriptor is left */
};

/* True if |conn| comes from the address |from|, whatever the port. False for a UNIX socket. */
bool fct_conn_is_from(const struct fct_conn *conn, const struct sockaddr_storage *from);
/* "192.0.2.1:5000", "[2001:db8::1]:5000", "unix". */
void fct_conn_describe(const struct sockaddr_storage *from, char text[FCT_ADDRESS_SIZE]);
/* Takes over |fd|, and closes it on failure. */
void fct_conn_open(struct fct_acceptor *acceptor, int fd, bool is_unix);
/* Closes the connection at once; libuv's callback frees its memory. */
void fct_conn_close(struct fct_conn *conn);
void fct_conn_shut_down(struct fct_conn *conn);
/* Bytes kept in memory until the peer takes them. */
size_t fct_conn_waiting(const struct fct_conn *conn);
/* Checks the time limits. Call once a second. May close the connection. */
void fct_conn_tick(struct fct_conn *conn, uint64_t now_ms);
struct fct_conn *fct_conn_next(const struct fct_conn *conn);

#endif
