/* dial.h - an outgoing connection: a TCP or UNIX socket, TLS or none, and an HTTP/2 client session.
 * Layer: net.
 *
 * A dial is one attempt; to connect again, dial again. Everything happens on the loop's thread,
 * except that names are resolved on a thread of libuv's pool.
 *
 *     fct_dial_open -> opened(client) -> ... -> closed(why) -> freed
 *                  \-> closed(why) -> freed
 *     fct_dial_close at any time before closed -> freed
 */
#ifndef FCT_NET_DIAL_H
#define FCT_NET_DIAL_H

#include "net/h2_client.h"
#include "net/loop.h"
#include "net/tls.h"

/* Borrowed until freed. */
struct fct_dial_options {
    const struct fct_mem *mem;
    struct fct_loop *loop;
    const char *host; /* a name or an address, IPv6 without brackets; NULL: |unix_path| */
    const char *port; /* "2113" */
    const char *unix_path;
    struct fct_tls_context *tls; /* of fct_tls_client_context_create; NULL: no TLS */
    factum_slice authority;      /* "localhost:2113"; also names the server in texts */
    size_t call_window;          /* as in h2_client.h */
    unsigned connect_ms;         /* until opened; 0: 10,000 */
    void *data;
    void (*opened)(void *data, struct fct_h2_client *client);
    /* No connection exists, or the connection is lost: UNREACHABLE, NO_MEMORY. The session is
     * destroyed and its calls are closed after this call returns. Never called from inside
     * fct_dial_open. */
    void (*closed)(void *data, const factum_error *why);
    /* The last call; never from inside fct_dial_open or fct_dial_close. */
    void (*freed)(void *data);
};

struct fct_dial;

/* Starts an attempt; the outcome arrives through |options|. Errors: NO_MEMORY; INVALID (the UNIX
 * path is too long). */
FCT_MUST_USE factum_status fct_dial_open(const struct fct_dial_options *options,
                                         struct fct_dial **dial, factum_error *err);
/* Destroys the session, if one exists, and disconnects: freed follows, closed does not. Not from
 * inside a handler of one of the session's calls. */
void fct_dial_close(struct fct_dial *dial);

#endif
