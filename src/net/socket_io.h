/* socket_io.h - bytes into and out of a connected, non-blocking socket, with TLS or without.
 * Layer: net. Used by conn.c and dial.c. Knows nothing of sessions and loops. */
#ifndef FCT_NET_SOCKET_IO_H
#define FCT_NET_SOCKET_IO_H

#include <factum/base.h>

#include "net/tls.h"

enum fct_io {
    FCT_IO_SOME,    /* some bytes were moved, at least 1 */
    FCT_IO_BLOCKED, /* again when the socket is ready */
    FCT_IO_END,     /* the peer has ended its side; never over TLS */
    FCT_IO_GONE,    /* the connection is over; over TLS also when the peer has ended its side */
};

/* Sends a part of |bytes|, of which *put were taken. |tls| may be NULL. After BLOCKED over TLS the
 * same bytes must be passed again, possibly at another address. */
enum fct_io fct_io_put(int fd, struct fct_tls *tls, factum_slice bytes, size_t *put);
/* Receives *got bytes, at most |size|. |tls| may be NULL. */
enum fct_io fct_io_get(int fd, struct fct_tls *tls, uint8_t *bytes, size_t size, size_t *got);
/* True if errno of a failed call on a socket says that the call only has to be repeated later. */
bool fct_io_must_wait(void);

#endif
