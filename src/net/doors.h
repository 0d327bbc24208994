/* doors.h - listeners, and the connections that they accept. Layer: net.
 *
 * One port takes HTTP/1.1, HTTP/2 with prior knowledge and, with a certificate, TLS: the first
 * bytes decide. With a certificate, a peer that is not local must speak TLS. Everything happens on
 * the loop's thread.
 */
#ifndef FCT_NET_DOORS_H
#define FCT_NET_DOORS_H

#include "net/loop.h"
#include "net/session.h"
#include "net/tls.h"

#define FCT_ADDRESS_SIZE 128 /* including the zero byte */

struct fct_doors_options {
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

struct fct_doors;

/* Creates an acceptor without listeners. Errors: NO_MEMORY. */
FCT_MUST_USE factum_status fct_doors_create(const struct fct_doors_options *options,
                                            struct fct_doors **doors, factum_error *err);
/* Closes all listeners and connections. Accepts NULL. Not while the loop runs. */
void fct_doors_destroy(struct fct_doors *doors);

/* Listens on "ADDRESS:PORT", an IPv6 address in brackets. |bound| gets the address with the port
 * actually used. Errors: INVALID (no address), EXISTS (in use), NOT_FOUND (this machine does not
 * have the address), DENIED, IO, NO_MEMORY. */
FCT_MUST_USE factum_status fct_doors_listen(struct fct_doors *doors, const char *address,
                                            char bound[FCT_ADDRESS_SIZE], factum_error *err);
/* Listens on a UNIX socket of mode 0600, which is removed at the end. A socket in its place on
 * which no process listens is replaced. Errors: INVALID (the path is too long), EXISTS (in use, or
 * another file), DENIED, IO, NO_MEMORY. */
FCT_MUST_USE factum_status fct_doors_listen_unix(struct fct_doors *doors, const char *path,
                                                 factum_error *err);
/* Sets *loopback if |address| is an address of this machine's loopback. Errors: INVALID,
 * NOT_FOUND. */
FCT_MUST_USE factum_status fct_address_is_loopback(const char *address, bool *loopback,
                                                   factum_error *err);
/* For connections from now on; NULL: no TLS. |context| is borrowed until replaced. */
void fct_doors_set_tls(struct fct_doors *doors, struct fct_tls_context *context);
/* Takes no new connections, and no new exchanges on open connections. */
void fct_doors_shut_down(struct fct_doors *doors);
/* Closes all connections at once. Loop's thread. */
void fct_doors_hang_up(struct fct_doors *doors);
size_t fct_doors_connection_count(const struct fct_doors *doors);
uint64_t fct_doors_connections_ever(const struct fct_doors *doors);

#endif
