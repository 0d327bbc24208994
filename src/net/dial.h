/* dial.h - an outgoing connection: a TCP or UNIX socket, TLS or none, and an HTTP/2 client session.
 * Layer: net.
 *
 * One attempt: whoever wants to be connected again dials again. Everything happens on the loop's
 * thread, except that a name is looked up on a thread of libuv's pool.
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
    factum_slice authority;      /* "localhost:2113", also the name of the server in texts */
    size_t call_window;          /* as in h2_client.h */
    unsigned connect_ms;         /* until opened; 0: 10,000 */
    void *data;
    void (*opened)(void *data, struct fct_h2_client *client);
    /* There is or was no connection: UNREACHABLE, NO_MEMORY. The session is destroyed, and its
     * calls are closed, after this returns. Not from inside fct_dial_open. */
    void (*closed)(void *data, const factum_error *why);
    void (*freed)(void *data); /* the last call. Not from inside fct_dial_open and fct_dial_close */
};

struct fct_dial;

/* NO_MEMORY, INVALID (a UNIX path that is too long). */
FCT_MUST_USE factum_status fct_dial_open(const struct fct_dial_options *options,
                                         struct fct_dial **dial, factum_error *err);
/* Destroys the session, if there is one, and hangs up: freed follows, closed does not. Not from
 * inside a handler of one of its calls. */
void fct_dial_close(struct fct_dial *dial);

#endif
