/* json_number.h - reads numbers of JSON text that was checked. Layer: codec. Pure. */
#ifndef FCT_CODEC_JSON_NUMBER_H
#define FCT_CODEC_JSON_NUMBER_H

#include <factum/json.h>

#include "core/compiler.h"

/* Errors: INVALID (not a whole number, or out of range). */
FCT_MUST_USE factum_status fct_json_number_int64(factum_slice raw, int64_t *number);
FCT_MUST_USE factum_status fct_json_number_uint64(factum_slice raw, uint64_t *number);
/* Errors: INVALID (above the largest double). */
FCT_MUST_USE factum_status fct_json_number_double(factum_slice raw, double *number);
bool fct_json_number_whole(factum_slice raw);

#endif
