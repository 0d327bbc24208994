/* infer.h - a first schema, drawn from values. Layer: schema; pure over codec.
 *
 * Remembers for each place in the values which kinds stood there, how often a member was there, and
 * a few of its texts. What comes out is a draft for a person to edit: members that were always
 * there are required, texts with few different values become an enum. Bounded: beyond the limits
 * below places are no longer told apart, and the draft says less.
 */
#ifndef FCT_SCHEMA_INFER_H
#define FCT_SCHEMA_INFER_H

#include <factum/json.h>

#include "core/buf.h"

#define FCT_INFER_PLACES_MAX 4096u /* different places in the values */
#define FCT_INFER_TEXTS_MAX 8u     /* different texts of a place, for an enum */
#define FCT_INFER_DEPTH_MAX 32u

struct fct_infer;

/* NULL without memory. */
struct fct_infer *fct_infer_create(const struct fct_mem *mem);
/* Accepts NULL. */
void fct_infer_destroy(struct fct_infer *infer);
/* Without memory it remembers less, as beyond a limit. */
void fct_infer_see(struct fct_infer *infer, const factum_json *json);
/* Writes the schema, indented, with a line end. |title| needs no escapes. NO_MEMORY, TOO_BIG. */
FCT_MUST_USE factum_status fct_infer_write(const struct fct_infer *infer, factum_slice title,
                                           struct fct_buf *buf, factum_error *err);

#endif
