/* infer.h - a first schema, inferred from values. Layer: schema; pure over codec.
 *
 * Records for each place in the values which kinds were there, how often a member was there, and a
 * few of its texts. The result is a draft for a person to edit: members that were always present
 * are required, and texts with few distinct values become an enum. Memory is bounded: beyond the
 * limits below new places are ignored, and the draft is less precise.
 */
#ifndef FCT_SCHEMA_INFER_H
#define FCT_SCHEMA_INFER_H

#include <factum/json.h>

#include "core/buf.h"

#define FCT_INFER_PLACES_MAX 4096u /* distinct places in the values */
#define FCT_INFER_TEXTS_MAX 8u     /* distinct texts of a place, for an enum */
#define FCT_INFER_DEPTH_MAX 32u

struct fct_infer;

/* NULL: no memory. */
struct fct_infer *fct_infer_create(const struct fct_mem *mem);
/* Accepts NULL. */
void fct_infer_destroy(struct fct_infer *infer);
/* Records the value. Without memory it records less, as beyond a limit. */
void fct_infer_see(struct fct_infer *infer, const factum_json *json);
/* Writes the schema, indented, with a line end. |title| must not need escapes. Errors: NO_MEMORY,
 * TOO_BIG. */
FCT_MUST_USE factum_status fct_infer_write(const struct fct_infer *infer, factum_slice title,
                                           struct fct_buf *buf, factum_error *err);

#endif
