/* segment_check.h - do the bytes of a log's segments verify? They are given piece by piece, from
 * the first segment to the last. Layer: engine_local.
 *
 * Knows nothing of files: who copies or hashes a segment gives the same bytes to a check. Checks
 * what fct_log_verify checks in an open log: headers, batches, records, seals, the chain, and that
 * each segment continues the one before. Memory is bounded by the largest batch.
 *
 *     init, (begin, add..., end)..., finish
 */
#ifndef FCT_ENGINE_LOCAL_SEGMENT_CHECK_H
#define FCT_ENGINE_LOCAL_SEGMENT_CHECK_H

#include "codec/frame.h"
#include "core/buf.h"

/* What the segments so far say of the next one. */
struct fct_segment_history {
    bool known; /* false: the next one is believed; after damage, or if the check begins there */
    uint64_t chain;
    uint64_t batch_number; /* of the next batch */
    uint64_t end;          /* where the next segment begins */
    uint32_t timeline;
};

struct fct_segment_check {
    struct fct_buf buffer; /* of the part under way: a header, or a batch's payload */
    factum_uuid store_id;
    struct fct_segment_history history;
    uint64_t batches;
    uint64_t records;
    uint64_t events;
    /* Of the segment under way. */
    uint64_t number;
    uint64_t size;
    struct fct_segment_header header;
    struct fct_batch_header batch;
    uint64_t batch_chain;   /* after |batch| */
    uint64_t offset;        /* of the part under way */
    uint64_t first_batches; /* |batches| and |records| at its beginning */
    uint64_t first_records;
    size_t part_size; /* of the part under way */
    bool in_payload;
    bool sealed;
    /* The damage that add or end found. */
    uint64_t bad_position; /* of the batch, the record, or the segment's header */
    const char *bad_why;   /* "the chain is broken" */
};

/* The segments of the store |store_id|; the next one is the first of the log. */
void fct_segment_check_init(struct fct_segment_check *check, const struct fct_mem *mem,
                            factum_uuid store_id);
void fct_segment_check_finish(struct fct_segment_check *check);
/* |size| bytes of segment |number| follow. An earlier segment that was not ended is given up. */
void fct_segment_check_begin(struct fct_segment_check *check, uint64_t number, uint64_t size);
/* CORRUPT: the bytes do not verify, for the reason in |bad_why|; history is then not known.
 * NEWER_FORMAT, NO_MEMORY. There is a text for the last two only: callers know the file. */
FCT_MUST_USE factum_status fct_segment_check_add(struct fct_segment_check *check, const void *bytes,
                                                 size_t len, factum_error *err);
/* All bytes were given. CORRUPT: a batch is not whole, or, if |full|, there is no seal. */
FCT_MUST_USE factum_status fct_segment_check_end(struct fct_segment_check *check, bool full);
/* Position of the batch or header that the next byte belongs to. */
uint64_t fct_segment_check_position(const struct fct_segment_check *check);

#endif
