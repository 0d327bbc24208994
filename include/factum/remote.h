/* remote.h - stores at the other end of a connection, opened by their address.
 *
 *     factum_remote_enable();
 *     factum_open("factum://localhost:2113", NULL, &store, &err);
 *
 * Addresses:
 *     factum://[USER[:SECRET]@]HOST[:PORT]        TCP; without a PORT 2113
 *     factums://[USER[:SECRET]@]HOST[:PORT]       TLS; the server's certificate is checked by those
 *                                                 that the system trusts, or those in the file that
 *                                                 FACTUM_CA_FILE names
 *     factum+unix://[USER[:SECRET]@]/PATH         a UNIX socket
 * An address without a secret takes it from the variable FACTUM_SECRET, or from the first line of
 * the file that FACTUM_SECRET_FILE names. Without a USER it is admin. No message shows the secret.
 *
 * All of store.h and async.h works as with an embedded store, with these differences. Calls may
 * wait for the network, and answer PENDING where they must not. A lost connection is made again,
 * and what was under way goes on by itself; without one for 10 s, or until its deadline, a call
 * gives UNREACHABLE. An append that was sent and not answered is sent again with the same ids and
 * key; without an answer it gives UNKNOWN_OUTCOME, which here does not mean that the store has to
 * be opened again. What the library itself has sent again looks like a first call: |already| is
 * false. Of the options of factum_open, no_threads is refused (UNSUPPORTED), read_only refuses
 * appends, and must_exist, log and the limits of events that are higher than the server's have no
 * effect. factum_verify and factum_backup work at the server: the directory is one of its own, an
 * absolute path. restore and repair take no address.
 *
 * Link libfactum-net. Valid C99 and C++17.
 */
#ifndef FACTUM_REMOTE_H
#define FACTUM_REMOTE_H

#include <factum/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* From here on factum_open() knows the addresses above. Any thread; any number of times. */
FACTUM_API void factum_remote_enable(void);

typedef struct factum_ping_report {
    size_t size;
    char server[64];        /* "factum 0.1.0" */
    uint64_t connect_ns;    /* until there was a connection and the server had said what it is */
    uint64_t round_trip_ns; /* of one question after that */
} factum_ping_report;

/* Asks the server at |address| whether it is there and lets us in. |report| is optional.
 * UNREACHABLE, DENIED, UNSUPPORTED (no Factum server), INVALID (the address is malformed),
 * NO_MEMORY, IO. */
FACTUM_API FACTUM_MUST_USE factum_status factum_ping(const char *address,
                                                     factum_ping_report *report, factum_error *err);

#ifdef __cplusplus
}
#endif
#endif
