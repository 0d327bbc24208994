/* deliver.h - calls users' functions: delivers completions of appends, and refuses calls that must
 * not be made inside such a function. Layer: engine. For authors of engines, and for block.c. */
#ifndef FCT_ENGINE_DELIVER_H
#define FCT_ENGINE_DELIVER_H

#include <factum/async.h>

#include "core/compiler.h"

#define FCT_DELIVER_MAX 1024u /* ops in one call of a completer */

/* Ends the tails of |count| ended ops (at most FCT_DELIVER_MAX), whose outcomes are set, then calls
 * each of their completers once, with all of its ops in their order. No locks are held. */
void fct_deliver(factum_append_op *const *ops, size_t count);

/* Around a call of a user's function. Until it returns, calls on this thread that wait are refused,
 * because the user's function may be what they would wait for. Nests. */
void fct_callback_enter(void);
void fct_callback_leave(void);
/* Errors: INVALID (inside a user's function; the text begins with |what|: "append: ..."). */
FCT_MUST_USE factum_status fct_callback_refuse(const char *what, factum_error *err);

#endif
