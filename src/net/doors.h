/* doors.h - listeners, and the connections that came in by them. Layer: net.
 *
 * One port takes HTTP/1.1, HTTP/2 with prior knowledge and, with a certificate, TLS: the first
 * bytes tell. Everything happens on the loop's thread.
 *
 * With a certificate, a peer that is not local must speak TLS.
 */
#ifndef FCT_NET_DOORS_H
#define FCT_NET_DOORS_H

#include "net/loop.h"
#include "net/session.h"
#include "net/tls.h"

#define FCT_ADDRESS_SIZE 128 /* with the zero byte */

struct fct_doors_options {
    const struct fct_mem *mem;
    struct fct_loop *loop;
    struct fct_session_limits limits;
    size_t connections_max;
    size_t connections_per_address_max; /* 0: no limit. UNIX sockets have none */
    void *data;
    void (*begin)(void *data, struct fct_exchange *exchange);
    /* A connection was refused, of |address|, which has too many, or at all (NULL): at most once a
     * second, with how many since the last time. May be NULL. */
    void (*refused)(void *data, const char *address, uint64_t count);
};

struct fct_doors;

/* NO_MEMORY. */
FCT_MUST_USE factum_status fct_doors_create(const struct fct_doors_options *options,
                                            struct fct_doors **doors, factum_error *err);
/* Closes what is open. Accepts NULL. Not while the loop runs. */
void fct_doors_destroy(struct fct_doors *doors);

/* "ADDRESS:PORT", an IPv6 address in brackets. |bound| gets what is listened on, with the real
 * port. INVALID, EXISTS (in use), NOT_FOUND (no such address here), DENIED, IO, NO_MEMORY. */
FCT_MUST_USE factum_status fct_doors_listen(struct fct_doors *doors, const char *address,
                                            char bound[FCT_ADDRESS_SIZE], factum_error *err);
/* A UNIX socket, mode 0600; removed at the end. A dead one in its place is replaced. */
FCT_MUST_USE factum_status fct_doors_listen_unix(struct fct_doors *doors, const char *path,
                                                 factum_error *err);
/* Is the address that |address| names one of loopback? INVALID, NOT_FOUND. */
FCT_MUST_USE factum_status fct_address_is_loopback(const char *address, bool *loopback,
                                                   factum_error *err);
/* For connections from now on; NULL: no TLS. Borrowed until replaced. */
void fct_doors_set_tls(struct fct_doors *doors, struct fct_tls_context *context);
/* No new connections, and no new exchanges on those that are open. */
void fct_doors_shut_down(struct fct_doors *doors);
/* Closes all connections at once. Loop's thread. */
void fct_doors_hang_up(struct fct_doors *doors);
size_t fct_doors_connection_count(const struct fct_doors *doors);
uint64_t fct_doors_connections_ever(const struct fct_doors *doors);

#endif
