/* json_number.h - the numbers of JSON, as they stand in a text that was checked. Layer: codec.
 * Pure. */
#ifndef FCT_CODEC_JSON_NUMBER_H
#define FCT_CODEC_JSON_NUMBER_H

#include <factum/json.h>

#include "core/compiler.h"

/* INVALID: a fraction, or out of range. */
FCT_MUST_USE factum_status fct_json_number_int64(factum_slice raw, int64_t *number);
FCT_MUST_USE factum_status fct_json_number_uint64(factum_slice raw, uint64_t *number);
/* INVALID: over the largest double. */
FCT_MUST_USE factum_status fct_json_number_double(factum_slice raw, double *number);
bool fct_json_number_whole(factum_slice raw);

#endif
