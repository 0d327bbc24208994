/* http_guard.c - which hosts and origins are answered. Layer: server.
 *
 * Any web page can make its reader's browser send requests to a server on the reader's own
 * machine, and by DNS rebinding also read the answers. Such a request names the page's host, not
 * ours; and a request that a page of another origin sends has an Origin (RFC 6454, 7; Fetch 3.2).
 * No page of another origin is admitted: this server has no CORS.
 */
#include <string.h>

#include "core/error.h"
#include "core/slice.h"
#include "server/http_call.h"

static bool same_host(factum_slice a, factum_slice b)
{
    bool same = a.len == b.len;
    for (size_t i = 0; same && i < a.len; i++) {
        uint8_t x = a.ptr[i];
        uint8_t y = b.ptr[i];
        same = x == y || ((x ^ y) == 0x20 && (x | 0x20) >= 'a' && (x | 0x20) <= 'z');
    }
    return same;
}

/* Strips the port of "host:port" and "[::1]:2113". */
static factum_slice without_port(factum_slice authority)
{
    size_t end = authority.len;
    while (end > 0 && authority.ptr[end - 1] >= '0' && authority.ptr[end - 1] <= '9') {
        end--;
    }
    bool port = end > 0 && authority.ptr[end - 1] == ':';
    bool bare_ipv6 = port && authority.ptr[0] != '[' && memchr(authority.ptr, ':', end - 1) != NULL;
    return port && !bare_ipv6 ? fct_slice(authority.ptr, end - 1) : authority;
}

static bool host_is_ours(const struct fct_exchange *exchange, factum_slice advertised)
{
    factum_slice host = without_port(exchange->authority);
    const factum_slice local[] = {
        FCT_SLICE("localhost"),
        FCT_SLICE("127.0.0.1"),
        FCT_SLICE("[::1]"),
        advertised,
        without_port(exchange->peer->local),
    };
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++) {
        if (local[i].len > 0 && same_host(host, local[i])) {
            return true;
        }
    }
    return false;
}

/* Returns the authority of an origin, "https://host:port"; empty for "null" and for a text that is
 * no origin. */
static factum_slice origin_authority(factum_slice origin)
{
    const factum_slice schemes[] = {FCT_SLICE("http://"), FCT_SLICE("https://")};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (fct_slice_starts(origin, schemes[i])) {
            return fct_slice_from(origin, schemes[i].len);
        }
    }
    return fct_slice(NULL, 0);
}

factum_status fct_http_guard(const struct fct_exchange *exchange, factum_slice advertised,
                             factum_error *err)
{
    const struct fct_peer *peer = exchange->peer;
    /* No browser uses a UNIX socket. */
    if (peer->is_local && !peer->is_secure && !peer->is_unix && exchange->authority.len > 0 &&
        !host_is_ours(exchange, advertised)) {
        return fct_fail(err, FACTUM_DENIED,
                        "the host \"%.*s\" is not this server's: use localhost or the address that "
                        "it listens on",
                        FCT_FMT(exchange->authority));
    }
    factum_slice origin = fct_exchange_field(exchange, FCT_SLICE("origin"));
    if (origin.ptr == NULL) {
        return FACTUM_OK;
    }
    factum_slice from = origin_authority(origin);
    if (from.len == 0 || !same_host(from, exchange->authority)) {
        return fct_fail(err, FACTUM_DENIED,
                        "requests from the web origin \"%.*s\" are not answered, only from the "
                        "server's own",
                        FCT_FMT(origin));
    }
    return FACTUM_OK;
}
