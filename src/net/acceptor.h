/* acceptor.h - listeners, and the connections that they accept. Layer: net.
 *
 * One port takes HTTP/1.1, HTTP/2 with prior knowledge and, with a certificate, TLS: the first
 * bytes decide. With a certificate, a peer that is not local must speak TLS. Everything happens on
 * the loop's thread.
 */
#ifndef FCT_NET_ACCEPTOR_H
#define FCT_NET_ACCEPTOR_H

#include "net/loop.h"
#include "net/session.h"
#include "net/tls.h"

#define FCT_ADDRESS_SIZE 128 /* including the zero byte */

struct fct_acceptor_options {
    const struct fct_mem *mem;
    struct fct_loop *loop;
    struct fct_session_limits limits;
    size_t connections_max;
    size_t connections_per_address_max; /* 0: no limit; UNIX sockets have none */
    void *data;
    void (*begin)(void *data, struct fct_exchange *exchange);
    /* A connection was refused: |address| has too many connections, or, if NULL, all together are
     * too many. Called at most once a second, with the number refused since the last call. May be
     * NULL. */
    void (*refused)(void *data, const char *address, uint64_t count);
};

struct fct_acceptor;

/* Creates an acceptor without listeners. Errors: NO_MEMORY. */
FCT_MUST_USE factum_status fct_acceptor_create(const struct fct_acceptor_options *options,
                                               struct fct_acceptor **acceptor, factum_error *err);
/* Closes all listeners and connections. Accepts NULL. Not while the loop runs. */
void fct_acceptor_destroy(struct fct_acceptor *acceptor);

/* Listens on "ADDRESS:PORT", an IPv6 address in brackets. |bound| gets the address with the port
 * actually used. Errors: INVALID (no address), EXISTS (in use), NOT_FOUND (this machine does not
 * have the address), DENIED, IO, NO_MEMORY. */
FCT_MUST_USE factum_status fct_acceptor_listen(struct fct_acceptor *acceptor, const char *address,
                                               char bound[FCT_ADDRESS_SIZE], factum_error *err);
/* Listens on a UNIX socket of mode 0600, which is removed at the end. A socket in its place on
 * which no process listens is replaced. Errors: INVALID (the path is too long), EXISTS (in use, or
 * another file), DENIED, IO, NO_MEMORY. */
FCT_MUST_USE factum_status fct_acceptor_listen_unix(struct fct_acceptor *acceptor, const char *path,
                                                    factum_error *err);
/* Sets *loopback if |address| is an address of this machine's loopback. Errors: INVALID,
 * NOT_FOUND. */
FCT_MUST_USE factum_status fct_address_is_loopback(const char *address, bool *loopback,
                                                   factum_error *err);
/* For connections from now on; NULL: no TLS. |context| is borrowed until replaced. */
void fct_acceptor_set_tls(struct fct_acceptor *acceptor, struct fct_tls_context *context);
/* Takes no new connections, and no new exchanges on open connections. */
void fct_acceptor_shut_down(struct fct_acceptor *acceptor);
/* Closes all connections at once. Loop's thread. */
void fct_acceptor_hang_up(struct fct_acceptor *acceptor);
size_t fct_acceptor_connection_count(const struct fct_acceptor *acceptor);
uint64_t fct_acceptor_connections_ever(const struct fct_acceptor *acceptor);

#endif
