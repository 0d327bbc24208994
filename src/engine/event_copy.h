/* event_copy.h - an event that outlives the call that found it. Layer: engine. For authors of
 * engines.
 *
 * The memory of a factum_event_copy comes from fct_mem_heap(), whatever allocator an engine uses,
 * because its user frees it without the engine.
 */
#ifndef FCT_ENGINE_EVENT_COPY_H
#define FCT_ENGINE_EVENT_COPY_H

#include <factum/store.h>

#include "core/compiler.h"

/* Copies |event|, with all that it points to, into |copy|, whose memory grows as needed. |event|
 * must not point into |copy|. Errors: NO_MEMORY (|copy| is unchanged). */
FCT_MUST_USE factum_status fct_event_copy_set(factum_event_copy *copy, const factum_event *event,
                                              factum_error *err);
/* See factum_event_copy_free. */
void fct_event_copy_finish(factum_event_copy *copy);

#endif
