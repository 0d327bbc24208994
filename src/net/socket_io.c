/* socket_io.c - see socket_io.h. Layer: net. */
#include "net/socket_io.h"

#include <errno.h>
#include <sys/socket.h>

#include "core/check.h"

bool fct_io_must_wait(void)
{
    return errno == EAGAIN || errno == EINTR; /* EWOULDBLOCK is EAGAIN on Linux */
}

static enum fct_io io_of_tls(enum fct_tls_result result)
{
    switch (result) {
    case FCT_TLS_OK:
        return FCT_IO_SOME;
    case FCT_TLS_WANTS_READ:
    case FCT_TLS_WANTS_WRITE:
        return FCT_IO_BLOCKED;
    case FCT_TLS_END:
    case FCT_TLS_FAILED:
        break;
    }
    return FCT_IO_GONE;
}

enum fct_io fct_io_put(int fd, struct fct_tls *tls, factum_slice bytes, size_t *put)
{
    FCT_ASSERT(bytes.len > 0);
    if (tls != NULL) {
        return io_of_tls(fct_tls_write(tls, bytes.ptr, bytes.len, put));
    }
    ssize_t sent = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
    if (sent >= 0) {
        *put = (size_t)sent;
        return FCT_IO_SOME;
    }
    return fct_io_must_wait() ? FCT_IO_BLOCKED : FCT_IO_GONE;
}

enum fct_io fct_io_get(int fd, struct fct_tls *tls, uint8_t *bytes, size_t size, size_t *got)
{
    FCT_ASSERT(size > 0);
    if (tls != NULL) {
        return io_of_tls(fct_tls_read(tls, bytes, size, got));
    }
    ssize_t received = recv(fd, bytes, size, 0);
    if (received > 0) {
        *got = (size_t)received;
        return FCT_IO_SOME;
    }
    if (received == 0) {
        return FCT_IO_END;
    }
    return fct_io_must_wait() ? FCT_IO_BLOCKED : FCT_IO_GONE;
}
