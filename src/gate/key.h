/* key.h - the idempotency key of clients whose protocol has no field for one. Layer: gate. */
#ifndef FCT_GATE_KEY_H
#define FCT_GATE_KEY_H

#include "engine/engine.h"

/* If |op|, which is prepared, has no key, "$idempotencyKey" in the metadata of its first event
 * becomes its key, borrowed from there. Errors: INVALID (it is not a text of 1 to
 * FACTUM_NAME_SIZE_MAX bytes without escapes). */
FCT_MUST_USE factum_status fct_key_take(factum_append_op *op, factum_error *err);

#endif
