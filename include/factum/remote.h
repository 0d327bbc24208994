/* remote.h - stores at the other end of a connection, opened by their address.
 *
 *     factum_remote_enable();
 *     factum_open("factum://localhost:2113", NULL, &store, &err);
 *
 * Addresses:
 *     factum://[USER[:SECRET]@]HOST[:PORT]        TCP; without a PORT 2113
 *     factums://[USER[:SECRET]@]HOST[:PORT]       TLS; the server's certificate is checked against
 *                                                 the authorities that the system trusts, or those
 *                                                 in the file that FACTUM_CA_FILE names
 *     factum+unix://[USER[:SECRET]@]/PATH         a UNIX socket
 *
 * The secret of an address without one is the variable FACTUM_SECRET, or the first line of the file
 * that FACTUM_SECRET_FILE names. Without a USER the user is admin. No message shows the secret.
 *
 * Everything in store.h and async.h works as with an embedded store, with these differences:
 * - Calls may wait for the network. Calls that must not wait answer PENDING.
 * - A lost connection is opened again, and calls under way go on. A call that has no connection for
 *   10 s, or until its deadline, fails with UNREACHABLE.
 * - An append that was sent and not answered is sent again with the same ids and key. Without an
 *   answer it fails with UNKNOWN_OUTCOME, which here does not mean that the store has to be opened
 *   again. An append that the library itself has sent again looks like a first call: |already| is
 *   false.
 * - Of the options of factum_open, no_threads is refused (UNSUPPORTED), and read_only refuses
 *   appends. must_exist, log, and limits of events above the server's have no effect.
 * - factum_verify and factum_backup work at the server: the directory is an absolute path there.
 *   factum_restore and factum_repair take no address.
 *
 * Link libfactum-net. Valid C99 and C++17. */
#ifndef FACTUM_REMOTE_H
#define FACTUM_REMOTE_H

#include <factum/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Lets factum_open take the addresses above from now on. Any thread; any number of times. */
FACTUM_API void factum_remote_enable(void);

typedef struct factum_ping_report {
    size_t size;
    char server[64];        /* "factum 0.1.0" */
    uint64_t connect_ns;    /* until the connection was open and the server had sent its version */
    uint64_t round_trip_ns; /* of one question after that */
} factum_ping_report;

/* Connects to the server at |address| and asks it one question. |report| is optional. Errors:
 * UNREACHABLE, DENIED (the login is refused), UNSUPPORTED (not a Factum server), INVALID (the
 * address is malformed), NO_MEMORY, IO. */
FACTUM_API FACTUM_MUST_USE factum_status factum_ping(const char *address,
                                                     factum_ping_report *report, factum_error *err);

/* ---- what the server answers over HTTP ------------------------------------------------------- */

/* A request to the server's HTTP interface (docs/openapi.json) over a store's own connection: with
 * its login and its TLS, at the same time as its other calls. */
typedef struct factum_remote_request {
    size_t size;
    const char *method;       /* "GET", "POST" ... */
    const char *target;       /* "/api/v1/models?wait=..."; percent encoded */
    const char *content_type; /* of |body|; NULL: no body */
    factum_slice body;        /* at most 32 MiB */
    /* True: the request changes something; after a lost connection it is not sent again, and the
     * call fails with UNKNOWN_OUTCOME. False: it is sent again until the answer has begun. */
    bool once;
    int64_t timeout_ms;  /* until the whole answer has arrived; 0: no limit */
    uint64_t answer_max; /* bytes of the answer's body; 0: 64 MiB; more give TOO_BIG */
    /* Optional. Called at least five times a second during the wait, with the bytes that have
     * arrived and 0; false ends the call with CANCELLED. */
    const factum_progress *progress;
} factum_remote_request;

/* Where the body of an answer goes, piece by piece, on the caller's thread. The network is read no
 * faster than |bytes| returns. */
typedef struct factum_remote_body {
    void *data;
    bool (*bytes)(void *data, factum_slice bytes); /* false ends the call with CANCELLED */
} factum_remote_body;

typedef struct factum_remote_answer {
    size_t size;
    unsigned http_status; /* 0: no answer came */
    char content_type[64];
} factum_remote_answer;

/* Sends |request| on a connection of |store|, which was opened by an address, and waits for the
 * answer. OK: its status is 200 to 299, and |body| (optional) has all of it. A refusal of the
 * server gives the status that its problem details name (RFC 9457: "code"), with their detail as
 * the text, or IO if they name none; |body| is not called. |answer| is optional.
 * Errors: UNSUPPORTED (the store was not opened by an address), UNREACHABLE (also if the connection
 * is lost in the middle of the answer), UNKNOWN_OUTCOME, EXPIRED (timeout_ms), TOO_BIG, CANCELLED,
 * WRONG_TIMELINE, IO (the server broke off the answer), INVALID, NO_MEMORY. After any failure
 * except a refusal the server may have done what was asked. Any thread, but not inside a callback
 * of the library. */
FACTUM_API FACTUM_MUST_USE factum_status factum_remote_send(factum_store *store,
                                                            const factum_remote_request *request,
                                                            const factum_remote_body *body,
                                                            factum_remote_answer *answer,
                                                            factum_error *err);

#ifdef __cplusplus
}
#endif
#endif
