/* stream_metadata.h - the metadata that a caller gives for a stream: checked, and extended so that
 * hidden events stay hidden. Layer: codec. Pure.
 *
 * A "$metadata" event replaces the metadata completely. Metadata of a person without "$tb" would
 * show the events again that the metadata before it has hidden.
 */
#ifndef FCT_CODEC_STREAM_METADATA_H
#define FCT_CODEC_STREAM_METADATA_H

#include <factum/store.h>

#include "codec/json.h"
#include "core/buf.h"

#define FCT_SOFT_DELETED UINT64_C(0x7fffffffffffffff) /* the $tb of a soft-deleted stream */

struct fct_given_metadata {
    struct fct_json object; /* in the text that was given */
    bool empty;             /* it has no members */
    bool has_before;        /* it has "$tb" */
};

/* Errors: INVALID (no JSON object, or a member of ours that is not a whole number, 0 or more). */
FCT_MUST_USE factum_status fct_given_metadata_read(factum_slice json,
                                                   struct fct_given_metadata *given,
                                                   factum_error *err);
/* Adds the object to |to|, with "$tb" |before| as its first member. Errors: those of buf.h. */
FCT_MUST_USE factum_status fct_given_metadata_put(const struct fct_given_metadata *given,
                                                  uint64_t before, struct fct_buf *to);

/* The revision before which events are hidden, and must stay hidden; 0: none are. */
uint64_t fct_hidden_before(const factum_stream_info *info);
/* The expectation of the metastream that makes the append fail if |info| is not true any more. */
factum_expected fct_metadata_expected(factum_expected wanted, const factum_stream_info *info);

#endif
