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

/* ---- what the server answers over HTTP ------------------------------------------------------- */

/* A request to the server's HTTP interface (docs/openapi.json) over a store's own connection: with
 * its login, its TLS, and beside its other calls. */
typedef struct factum_remote_request {
    size_t size;
    const char *method;       /* "GET", "POST" ... */
    const char *target;       /* "/api/v1/models?wait=..."; percent encoded */
    const char *content_type; /* of |body|; NULL: no body */
    factum_slice body;        /* at most 32 MiB */
    /* The request changes something: after a lost connection it is not sent again, and
     * UNKNOWN_OUTCOME says so. Otherwise it is sent again until the answer has begun. */
    bool once;
    int64_t timeout_ms;  /* until the whole answer is there; 0: no limit */
    uint64_t answer_max; /* bytes of the answer's body; 0: 64 MiB. More are TOO_BIG */
    /* Called at least five times a second while it waits, with the bytes that have come and 0;
     * false breaks it off, CANCELLED. Or NULL. */
    const factum_progress *progress;
} factum_remote_request;

/* Where the body of an answer goes, piece by piece, on the caller's thread; only what is read is
 * taken from the network. */
typedef struct factum_remote_body {
    void *data;
    bool (*bytes)(void *data, factum_slice bytes); /* false: it is broken off, CANCELLED */
} factum_remote_body;

typedef struct factum_remote_answer {
    size_t size;
    unsigned http_status; /* 0: there was no answer */
    char content_type[64];
} factum_remote_answer;

/* Sends |request| on a connection of |store|, which was opened by an address, and waits for the
 * answer. OK: its status is 200 to 299, and |body| (or NULL: it is not wanted) has all of it. A
 * refusal of the server is the status that its problem details name (RFC 9457: "code"), with their
 * detail as the text, or IO if they name none; |body| is not called then. UNSUPPORTED: the store
 * was not opened by an address. UNREACHABLE, also if the connection is lost in the middle of the
 * answer. UNKNOWN_OUTCOME, EXPIRED (timeout_ms), TOO_BIG, CANCELLED, WRONG_TIMELINE, IO (the server
 * has broken off the answer), INVALID, NO_MEMORY. After any failure but a refusal the server may
 * have done what was asked. |answer| is optional. Any thread, but not in a callback of the library.
 */
FACTUM_API FACTUM_MUST_USE factum_status factum_remote_send(factum_store *store,
                                                            const factum_remote_request *request,
                                                            const factum_remote_body *body,
                                                            factum_remote_answer *answer,
                                                            factum_error *err);

#ifdef __cplusplus
}
#endif
#endif
