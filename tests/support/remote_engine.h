/* remote_engine.h - an engine that behaves like one at the other end of a connection, around
 * another engine. A test double of engine/engine.h; uses core, os and engine.
 *
 * What it does that an embedded engine does not:
 *  - no append_here: an append goes to the wrapped engine later, on another thread, in any order;
 *    answers come later still, out of order, in small groups;
 *  - readers, lists and questions answer PENDING; readers get a few events at a time and copy them;
 *  - an answer can be lost: the append was made, and ends with UNKNOWN_OUTCOME;
 *  - a deadline that passes before the append is handed over gives EXPIRED, and nothing is written.
 *
 * News of the wrapped engine pass through, capabilities are its own. Delays and orders come from a
 * seeded generator, but threads decide as well: a seed does not repeat a run.
 */
#ifndef FCT_TESTS_SUPPORT_REMOTE_ENGINE_H
#define FCT_TESTS_SUPPORT_REMOTE_ENGINE_H

#include "engine/engine.h"

struct fct_remote_options {
    /* Open, with completions; owned by the caller, who closes it after the remote. */
    struct fct_engine *wrapped;
    struct fct_limits limits; /* limits of the remote; zeros: defaults */
    uint64_t seed;
};

/* The caller owns *engine and closes it with fct_engine_close, which hands over the waiting
 * appends. */
FCT_MUST_USE factum_status fct_remote_engine_open(struct fct_engine *engine,
                                                  const struct fct_remote_options *options,
                                                  factum_error *err);

/* Loses the answers of the next |count| appends: these end with UNKNOWN_OUTCOME at their
 * deadline, when they are cancelled, or when the engine is closed. */
void fct_remote_lose(struct fct_engine *engine, uint32_t count);
/* While held, appends are taken and not handed over. */
void fct_remote_hold(struct fct_engine *engine, bool held);

#endif
