/* segment_check.h - checks the bytes of a log's segments, which are given piece by piece, from the
 * first segment to the last. Layer: engine_local.
 *
 * Knows nothing of files: whoever copies or hashes a segment passes the same bytes to a check. It
 * checks what fct_log_verify checks in an open log: headers, batches, records, seals, the chain,
 * and that each segment continues the one before. Memory is bounded by the largest batch.
 *
 *     init, (begin, add..., end)..., finish
 */
#ifndef FCT_ENGINE_LOCAL_SEGMENT_CHECK_H
#define FCT_ENGINE_LOCAL_SEGMENT_CHECK_H

#include "codec/frame.h"
#include "core/buf.h"

/* What the next segment has to continue. */
struct fct_segment_history {
    bool known; /* false: any segment may follow, after damage or at a check's beginning */
    uint64_t chain;
    uint64_t batch_number; /* of the next batch */
    uint64_t end;          /* position where the next segment begins */
    uint32_t timeline;
};

struct fct_segment_check {
    struct fct_buf buffer; /* bytes of the part under way: a header, or a batch's payload */
    factum_uuid store_id;
    struct fct_segment_history history;
    uint64_t batches;
    uint64_t records;
    uint64_t events;
    /* The segment under way. */
    uint64_t number;
    uint64_t size;
    struct fct_segment_header header;
    struct fct_batch_header batch;
    uint64_t batch_chain;   /* chain value after |batch| */
    uint64_t offset;        /* of the part under way */
    uint64_t first_batches; /* |batches| when the segment began */
    uint64_t first_records; /* |records| when the segment began */
    size_t part_size;       /* of the part under way */
    bool in_payload;        /* the part under way is the payload of |batch| */
    bool sealed;
    /* The damage that add or end found. */
    uint64_t bad_position; /* of the batch, the record, or the segment's header */
    const char *bad_why;   /* "the chain is broken" */
};

/* Begins a check of the segments of the store |store_id|, with the first one of the log. */
void fct_segment_check_init(struct fct_segment_check *check, const struct fct_mem *mem,
                            factum_uuid store_id);
void fct_segment_check_finish(struct fct_segment_check *check);
/* Begins segment |number|, of |size| bytes. A segment that was not ended is dropped. */
void fct_segment_check_begin(struct fct_segment_check *check, uint64_t number, uint64_t size);
/* Checks the next |len| bytes of the segment; no more than |size| bytes come in all.
 * Errors: CORRUPT (the bytes do not verify: see |bad_position| and |bad_why|; |err| is unchanged,
 * because the caller knows the file), NEWER_FORMAT, NO_MEMORY. */
FCT_MUST_USE factum_status fct_segment_check_add(struct fct_segment_check *check, const void *bytes,
                                                 size_t len, factum_error *err);
/* Ends the segment, whose bytes have all been given.
 * Errors: CORRUPT (a batch is not whole or, if |full|, the seal is missing). */
FCT_MUST_USE factum_status fct_segment_check_end(struct fct_segment_check *check, bool full);
/* Position of the batch or header that the next byte belongs to. */
uint64_t fct_segment_check_position(const struct fct_segment_check *check);

#endif
