/* json_out.h - JSON written into a buffer. Layer: wire. Pure. */
#ifndef FCT_WIRE_JSON_OUT_H
#define FCT_WIRE_JSON_OUT_H

#include "core/buf.h"

/* Appends |text| as a JSON string with quotes; a byte that is not UTF-8 becomes '?'. After a
 * failure the buffer is as before. Errors: NO_MEMORY, TOO_BIG. */
FCT_MUST_USE factum_status fct_json_out_text(struct fct_buf *buf, factum_slice text);

#endif
