/* store_append.h - Append of factum.v1.Store. Layer: wire. Conventions: store_shared.h. */
#ifndef FCT_WIRE_STORE_APPEND_H
#define FCT_WIRE_STORE_APPEND_H

#include "wire/store_shared.h"

/* ---- AppendRequest --------------------------------------------------------------------------- */

struct fct_store_append {
    uint64_t number;
    bool cancel;    /* only |number| is set */
    bool revisions; /* the answer shall contain revisions */
    bool has_timeout;
    uint64_t timeout_ms; /* 0: the deadline has passed */
    factum_append_action action;
    factum_slice traceparent;
    factum_slice tracestate;
    factum_slice correlation_id;
    factum_slice causation_id;
    /* Set by decode. */
    size_t event_count;
    size_t memory_size; /* bytes that fct_store_build_append needs; 0 for a cancel */
    size_t tag_count;   /* private, like the members below */
    size_t expectation_count;
    size_t item_count;
    size_t name_count;
    bool has_condition;
    factum_slice message;
};

/* Encodes the members of |append| that are not set by decode, and |request|. |request| is not used
 * for a cancel, and its |call| is ignored: deadline and trace are in |append|. */
FCT_MUST_USE factum_status fct_store_encode_append(struct fct_buf *buf,
                                                   const struct fct_store_append *append,
                                                   const factum_append_request *request);
FCT_MUST_USE factum_status fct_store_decode_append(factum_slice message,
                                                   struct fct_store_append *append,
                                                   factum_error *err);
/* Copies the message to |to|, which has room for its bytes; |append| borrows from the copy. */
void fct_store_move_append(struct fct_store_append *append, uint8_t *to);
/* Fills |request|, except its |call|, with arrays in the |append->memory_size| bytes at |memory|.
 * |memory| and the message must last as long as the request. Nothing that the store checks (names,
 * limits, missing members) is checked here. An event without a stream gets the stream of the first
 * expectation; an expectation without a kind becomes FACTUM_EXPECTED_NONE. */
FCT_MUST_USE factum_status fct_store_build_append(const struct fct_store_append *append,
                                                  void *memory, factum_append_request *request,
                                                  factum_error *err);

/* ---- AppendAnswer ---------------------------------------------------------------------------- */

struct fct_store_appended {
    uint64_t number;
    factum_status status;
    factum_append_result result;
    factum_error err;          /* if status < 0 */
    const uint64_t *revisions; /* to encode; NULL: none; not set by decode */
    size_t revision_count;     /* set by decode as well */
};

FCT_MUST_USE factum_status fct_store_encode_appended(struct fct_buf *buf,
                                                     const struct fct_store_appended *appended);
FCT_MUST_USE factum_status fct_store_decode_appended(factum_slice message,
                                                     struct fct_store_appended *appended,
                                                     factum_error *err);
/* Copies the first |max| revisions of a decoded answer to |to|. Returns how many were copied. */
size_t fct_store_appended_revisions(factum_slice message, uint64_t *to, size_t max);

#endif
