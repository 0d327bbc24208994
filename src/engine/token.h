/* token.h - places as text, bound to a history. Layer: engine. Pure.
 *
 * A token is "f1-<timeline, 16 hex digits>-<partition>-<place, decimal>". A timeline begins at its
 * |from|, and a place belongs to the last timeline that begins at or before it. A token is accepted
 * if no later timeline than its own begins at or before its place.
 */
#ifndef FCT_ENGINE_TOKEN_H
#define FCT_ENGINE_TOKEN_H

#include "engine/engine.h"

/* The token of |place|. */
void fct_token_format(const struct fct_timelines *timelines, uint64_t place,
                      char text[FACTUM_TOKEN_SIZE]);
/* Errors: INVALID (not a token), WRONG_TIMELINE (of another history). */
FCT_MUST_USE factum_status fct_token_parse(const struct fct_timelines *timelines,
                                           factum_slice token, uint64_t *place, factum_error *err);

#endif
