/* remote.h - a store at the other end of a connection. Layer: engine_remote.
 *
 * The client of factum.v1.Store behind the engine interface. It has a thread of its own for the
 * connection ("factum-remote"), on which questions and readers are called back, and that of
 * engine/notifier.h, which ends appends and brings news: a completer that is slow holds up neither.
 *
 * What is particular to a store behind a connection:
 *  - A lost connection is made again. Reads, lists and questions go on by themselves; without a
 *    connection for 10 s (or until their deadline) they give UNREACHABLE.
 *  - An append that was never sent by then gives UNREACHABLE (its deadline passes while there is a
 *    connection: EXPIRED). One that was sent and not answered is sent again with the same event ids
 *    and the same key, so that the server recognises it; the ids of events that have none are made
 *    before the first send. If there is no answer by its deadline, or within 10 s after the loss:
 *    UNKNOWN_OUTCOME. DELETE, TOMBSTONE, and appends that mix events with and without ids and have
 *    no key, are not sent again: UNKNOWN_OUTCOME.
 *  - What the engine sent again looks like a first call: |already| is false then, even if the
 *    caller himself had made the same append before.
 *  - If the server comes back with another store, or after a restore, everything gives
 *    WRONG_TIMELINE: open the store again.
 */
#ifndef FCT_ENGINE_REMOTE_REMOTE_H
#define FCT_ENGINE_REMOTE_REMOTE_H

#include "engine/engine.h"

struct fct_engine_remote_options {
    const struct fct_mem *mem;
    const struct fct_os *os;
    /* "factum://[USER[:SECRET]@]HOST[:PORT]", "factums://...", "factum+unix://[USER:SECRET@]/PATH".
     * Without a secret in it: that of FACTUM_SECRET, or in the file FACTUM_SECRET_FILE. factums
     * trusts the certificates in the file FACTUM_CA_FILE, or those that the system trusts. Percent
     * signs encode other characters in USER and SECRET. */
    const char *address;
    struct fct_limits limits;     /* 0: the server's; of the queue: the defaults */
    factum_durability durability; /* of appends that do not say; DEFAULT: the server's */
    bool read_only;
    const factum_log_sink *sink; /* copied; NULL: silent. Called on the thread of the connection */
};

/* Connects, within 10 s. UNREACHABLE, DENIED (wrong secret), UNSUPPORTED (not this protocol),
 * INVALID (the address is malformed), NO_MEMORY, IO, NOT_FOUND (a file that was named). No text has
 * the secret in it. */
FCT_MUST_USE factum_status fct_engine_remote_open(struct fct_engine *engine,
                                                  const struct fct_engine_remote_options *options,
                                                  factum_error *err);

/* What the server is: "factum 0.1.0". Lasts as long as the engine. */
const char *fct_engine_remote_server(const struct fct_engine *engine);

/* ---- for tests ------------------------------------------------------------------------------- */

/* The answers of the next |count| appends that were made get lost. */
void fct_engine_remote_lose(struct fct_engine *engine, uint32_t count);
/* While held, appends are taken and not sent. */
void fct_engine_remote_hold(struct fct_engine *engine, bool held);
/* Hangs up, as if the network had failed. */
void fct_engine_remote_hang_up(struct fct_engine *engine);

#endif
