/* definition.h - the event that deploys a decider: "$DeciderDeployed" in the stream
 * "$definition:decider-CATEGORY". Layer: decider. Pure; deploy.h has the form. */
#ifndef FCT_DECIDER_DEFINITION_H
#define FCT_DECIDER_DEFINITION_H

#include <factum/deploy.h>

#include "core/compiler.h"

#define FCT_DEFINITION_PREFIX "$definition:decider-"
#define FCT_DECIDER_DEPLOYED "$DeciderDeployed"

/* The name of the stream of |category|'s definition. Errors: INVALID (not the name of a
 * category). */
FCT_MUST_USE factum_status fct_definition_stream(factum_slice category,
                                                 char stream[FACTUM_NAME_SIZE_MAX + 1],
                                                 factum_error *err);
/* SHA-256 of |text|. Errors: NO_MEMORY. */
FCT_MUST_USE factum_status fct_definition_hash(factum_slice text, char hash[FACTUM_HASH_TEXT_SIZE],
                                               factum_error *err);
/* The data of the event for |deployed|, in |arena|. Errors: INVALID (a text is not UTF-8), TOO_BIG,
 * NO_MEMORY. */
FCT_MUST_USE factum_status fct_definition_format(const factum_deployed *deployed,
                                                 factum_arena *arena, factum_slice *data,
                                                 factum_error *err);
/* Reads |event| as a deployed decider, freed by factum_deployed_free. Errors: INVALID (another kind
 * of event, or its text has another hash), NO_MEMORY. */
FCT_MUST_USE factum_status fct_definition_parse(const factum_event *event,
                                                factum_deployed **deployed, factum_error *err);

#endif
