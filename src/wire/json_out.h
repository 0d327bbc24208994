/* json_out.h - JSON written into a buffer. Layer: wire. Pure. */
#ifndef FCT_WIRE_JSON_OUT_H
#define FCT_WIRE_JSON_OUT_H

#include "core/buf.h"

/* |text| with its quotes; a byte that is not UTF-8 becomes '?'. NO_MEMORY, or TOO_BIG; the buffer
 * is as before then. */
FCT_MUST_USE factum_status fct_json_out_text(struct fct_buf *buf, factum_slice text);

#endif
