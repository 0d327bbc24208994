/* token.h - places as text, bound to a history. Layer: engine. Pure.
 *
 * A token is "f1-<timeline, 16 hex digits>-<partition>-<place, decimal>". A place belongs to the
 * current timeline if it lies at or after its |from|; one before that belongs to the timeline that
 * was current there, and holds in all later ones.
 */
#ifndef FCT_ENGINE_TOKEN_H
#define FCT_ENGINE_TOKEN_H

#include "engine/engine.h"

void fct_token_format(const struct fct_timelines *timelines, uint64_t place,
                      char text[FACTUM_TOKEN_SIZE]);
/* INVALID, WRONG_TIMELINE. */
FCT_MUST_USE factum_status fct_token_parse(const struct fct_timelines *timelines,
                                           factum_slice token, uint64_t *place, factum_error *err);

#endif
