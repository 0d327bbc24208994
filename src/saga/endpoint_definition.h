/* endpoint_definition.h - the events of an endpoint's stream: "$definition:endpoint-SERVICE".
 * Layer: saga. Pure.
 *
 *     $EndpointDeployed {"service","url","secret"?,"timeoutMs","parallel","by"?,"why"?}
 *     $EndpointEnabled  $EndpointDisabled  $EndpointRemoved  {"by"?,"why"?}
 *
 * The events name a secret, but do not contain it.
 */
#ifndef FCT_SAGA_ENDPOINT_DEFINITION_H
#define FCT_SAGA_ENDPOINT_DEFINITION_H

#include <factum/arena.h>
#include <factum/endpoint.h>

#include "core/compiler.h"

#define FCT_ENDPOINT_STREAM_PREFIX "$definition:endpoint-"
#define FCT_ENDPOINT_STREAM_SIZE (sizeof FCT_ENDPOINT_STREAM_PREFIX + FACTUM_ENDPOINT_NAME_MAX)
#define FCT_ENDPOINT_TIMEOUT_MS 30000u
#define FCT_ENDPOINT_TIMEOUT_MAX_MS 300000u
#define FCT_ENDPOINT_PARALLEL 4u
#define FCT_ENDPOINT_PARALLEL_MAX 32u

/* Applies |event| of an endpoint's stream to |state|, which is zeroed before the first event. Its
 * texts are in |arena|. Errors: CORRUPT (not such an event), NO_MEMORY, TOO_BIG. */
FCT_MUST_USE factum_status fct_endpoint_fold(factum_endpoint_state *state,
                                             const factum_event *event, factum_arena *arena,
                                             factum_error *err);

#endif
