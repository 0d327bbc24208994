/* remote.h - a store at the other end of a connection. Layer: engine_remote.
 *
 * The client of factum.v1.Store behind the engine interface. It has a thread of its own for the
 * connection ("factum-remote"), on which questions and readers are called back, and the thread of
 * engine/notifier.h, which completes appends and delivers notices: a slow completer delays neither.
 *
 * How it differs from a local store:
 * - A lost connection is opened again. Reads, lists and questions continue automatically; without a
 *   connection for 10 s (or until their deadline) they return UNREACHABLE.
 * - An append that was never sent by then ends with UNREACHABLE (if its deadline passes while a
 *   connection exists: EXPIRED). An append that was sent and not answered is sent again with the
 *   same event ids and the same key, so that the server recognises it; events without an id get one
 *   before the first send. Without an answer by its deadline, or within 10 s after the loss, it
 *   ends with UNKNOWN_OUTCOME. DELETE, TOMBSTONE, and appends that mix events with and without ids
 *   and have no key, are not sent again: UNKNOWN_OUTCOME.
 * - An append that the engine sent again looks like a first call: |already| is false then, even if
 *   the caller had made the same append before.
 * - If the server comes back with another store, or after a restore, everything returns
 *   WRONG_TIMELINE: open the store again.
 */
#ifndef FCT_ENGINE_REMOTE_REMOTE_H
#define FCT_ENGINE_REMOTE_REMOTE_H

#include "engine/engine.h"

struct fct_engine_remote_options {
    const struct fct_mem *mem;
    const struct fct_os *os;
    /* "factum://[USER[:SECRET]@]HOST[:PORT]", "factums://...", "factum+unix://[USER:SECRET@]/PATH".
     * Without a secret in the address, FACTUM_SECRET or the file FACTUM_SECRET_FILE has it. factums
     * trusts the certificates in the file FACTUM_CA_FILE, or those that the system trusts. Percent
     * signs encode other characters in USER and SECRET. */
    const char *address;
    struct fct_limits limits;     /* 0: the server's; of the queue: the default */
    factum_durability durability; /* of appends without one; DEFAULT: the server's */
    bool read_only;
    const factum_log_sink *sink; /* copied; NULL: silent. Called on the thread of the connection */
};

/* Connects, within 10 s. No error text contains the secret. Errors: UNREACHABLE, DENIED (wrong
 * secret), UNSUPPORTED (not this protocol), INVALID (the address is malformed), NO_MEMORY, IO,
 * NOT_FOUND (a named file). */
FCT_MUST_USE factum_status fct_engine_remote_open(struct fct_engine *engine,
                                                  const struct fct_engine_remote_options *options,
                                                  factum_error *err);

/* Returns the name and version of the server: "factum 0.1.0". Lasts as long as the engine. */
const char *fct_engine_remote_server(const struct fct_engine *engine);

/* ---- for tests ------------------------------------------------------------------------------- */

/* Drops the answers to the next |count| successful appends. */
void fct_engine_remote_lose(struct fct_engine *engine, uint32_t count);
/* While held, appends are accepted and not sent. */
void fct_engine_remote_hold(struct fct_engine *engine, bool held);
/* Closes the connection, as if the network had failed. */
void fct_engine_remote_hang_up(struct fct_engine *engine);

#endif
