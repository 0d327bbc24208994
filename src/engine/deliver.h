/* deliver.h - calling users back: completions of appends, and what must not happen inside a call
 * back. Layer: engine. For authors of engines, and for block.c. */
#ifndef FCT_ENGINE_DELIVER_H
#define FCT_ENGINE_DELIVER_H

#include <factum/async.h>

#include "core/compiler.h"

#define FCT_DELIVER_MAX 1024u /* ops in one call of a completer */

/* Ends the tails of |count| (at most FCT_DELIVER_MAX) ended ops, then calls their completers, each
 * once, with all of its ops in their order. Their outcomes are set. No locks are held. */
void fct_deliver(factum_append_op *const *ops, size_t count);

/* While a user's function runs on this thread, calls that wait are refused: the user's function may
 * be what they would wait for. Nests. */
void fct_callback_enter(void);
void fct_callback_leave(void);
/* INVALID inside a user's function: "append: ..." */
FCT_MUST_USE factum_status fct_callback_refuse(const char *what, factum_error *err);

#endif
