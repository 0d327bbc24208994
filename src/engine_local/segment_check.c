/* segment_check.c - see segment_check.h. Layer: engine_local.
 *
 * A segment is a sequence of parts: its header, then batch headers, each followed by a payload. A
 * part is checked when all of its bytes have come. A part that comes in one piece is not copied.
 *
 * Invariants, until a part fails:
 *  1. The part under way begins at |offset|, and buffer.len of its bytes have come, fewer than
 *     part_size.
 *  2. No more than |size| bytes have come: offset + buffer.len <= size.
 *  3. The batches and records of this segment are among those that are counted.
 * After a failure history.known is false.
 */
#include "engine_local/segment_check.h"

#include <string.h>

#include "codec/record.h"
#include "core/check.h"
#include "core/error.h"
#include "core/uuid.h"

static void segment_check_check(const struct fct_segment_check *check)
{
    FCT_ASSERT(check->buffer.len < check->part_size);
    FCT_ASSERT(check->offset <= check->size);
    FCT_ASSERT(check->buffer.len <= check->size - check->offset);
    FCT_ASSERT(check->batches >= check->first_batches);
    FCT_ASSERT(check->records >= check->first_records);
}

void fct_segment_check_init(struct fct_segment_check *check, const struct fct_mem *mem,
                            factum_uuid store_id)
{
    *check = (struct fct_segment_check){
        .store_id = store_id,
        .history = {.known = true, .batch_number = 1, .timeline = 1},
    };
    fct_buf_init(&check->buffer, mem, FCT_SEGMENT_SIZE_MAX);
}

void fct_segment_check_finish(struct fct_segment_check *check)
{
    fct_buf_finish(&check->buffer);
}

void fct_segment_check_begin(struct fct_segment_check *check, uint64_t number, uint64_t size)
{
    fct_buf_clear(&check->buffer);
    check->number = number;
    check->size = size;
    check->header = (struct fct_segment_header){.base = check->history.end};
    check->offset = 0;
    check->part_size = FCT_SEGMENT_HEADER_SIZE;
    check->in_payload = false;
    check->sealed = false;
    check->first_batches = check->batches;
    check->first_records = check->records;
    check->bad_position = 0;
    check->bad_why = NULL;
    segment_check_check(check);
}

uint64_t fct_segment_check_position(const struct fct_segment_check *check)
{
    return check->in_payload ? check->batch.position : check->header.base + check->offset;
}

static factum_status bad_part(struct fct_segment_check *check, uint64_t position, const char *why)
{
    FCT_ASSERT(check->bad_why == NULL); /* the first damage ends the check */
    check->history.known = false;
    check->bad_position = position;
    check->bad_why = why;
    return FACTUM_CORRUPT;
}

/* ---- the parts ------------------------------------------------------------------------------- */

static const char *wrong_in_header(const struct fct_segment_check *check,
                                   const struct fct_segment_header *header)
{
    const struct fct_segment_history *history = &check->history;
    if (header->number != check->number) {
        return "it has the number of another segment";
    }
    if (!fct_uuid_equal(header->store_id, check->store_id)) {
        return "it is of another store";
    }
    if (!history->known) {
        return NULL;
    }
    bool gap = header->base > history->end && header->timeline > history->timeline;
    if (header->base != history->end && (!gap || header->number == 1)) {
        return "it does not begin where the segment before it ends";
    }
    if (header->chain != history->chain || header->batch_number != history->batch_number ||
        header->timeline < history->timeline) {
        return "it does not continue the chain of the segment before it";
    }
    return NULL;
}

static factum_status take_segment_header(struct fct_segment_check *check, const uint8_t *bytes,
                                         factum_error *err)
{
    struct fct_segment_header header;
    factum_status status = fct_segment_header_decode(bytes, &header);
    if (status == FACTUM_NEWER_FORMAT) {
        check->history.known = false;
        return fct_fail(err, status, "it was written by a newer version of Factum: use that one");
    }
    if (status != FACTUM_OK) {
        return bad_part(check, check->header.base, "its header does not verify");
    }
    const char *wrong = wrong_in_header(check, &header);
    if (wrong != NULL) {
        return bad_part(check, check->header.base, wrong);
    }
    check->header = header;
    check->history.chain = header.chain;
    check->history.batch_number = header.batch_number;
    check->history.timeline = header.timeline;
    return FACTUM_OK;
}

static factum_status check_batch_records(struct fct_segment_check *check, const uint8_t *payload)
{
    const struct fct_batch_header *batch = &check->batch;
    uint64_t position = batch->position + FCT_BATCH_HEADER_SIZE;
    uint32_t count = 0;
    for (size_t at = 0; at < batch->payload_size; count++) {
        struct fct_record record;
        if (fct_record_decode(payload + at, batch->payload_size - at, position + at,
                              check->header.salt, true, &record) != FACTUM_OK) {
            return bad_part(check, position + at, "a record does not verify");
        }
        FCT_ASSERT(record.size > 0);
        at += record.size;
        check->events += record.kind == FCT_RECORD_EVENT ? 1 : 0;
    }
    if (count != batch->record_count) {
        return bad_part(check, batch->position, "the batch has another number of records");
    }
    check->records += count;
    return FACTUM_OK;
}

static factum_status check_seal(struct fct_segment_check *check, const uint8_t *payload)
{
    struct fct_segment_footer footer;
    const struct fct_batch_header *batch = &check->batch;
    if (batch->payload_size != FCT_FOOTER_SIZE ||
        fct_segment_footer_decode(payload, &footer) != FACTUM_OK ||
        footer.batches != check->batches - check->first_batches ||
        footer.records != check->records - check->first_records ||
        footer.first_position != check->header.base + FCT_SEGMENT_HEADER_SIZE ||
        footer.end_position != batch->position + FCT_SEAL_SIZE ||
        footer.chain != check->history.chain) {
        return bad_part(check, batch->position, "the seal does not fit its segment");
    }
    check->sealed = true;
    return FACTUM_OK;
}

static factum_status take_payload(struct fct_segment_check *check, const uint8_t *payload)
{
    FCT_ASSERT(check->in_payload);
    const struct fct_batch_header *batch = &check->batch;
    if (fct_batch_payload_crc(batch->chain, payload, batch->payload_size) != batch->payload_crc) {
        return bad_part(check, batch->position, "the batch does not verify");
    }
    factum_status status = (batch->flags & FCT_BATCH_SEAL) != 0
                               ? check_seal(check, payload)
                               : check_batch_records(check, payload);
    if (status == FACTUM_OK) {
        check->history.chain = check->batch_chain;
        check->history.batch_number = batch->number + 1;
        check->batches++;
        check->in_payload = false;
    }
    return status;
}

static factum_status take_batch_header(struct fct_segment_check *check, const uint8_t *bytes)
{
    uint64_t position = check->header.base + check->offset;
    FCT_ASSERT(check->size - check->offset >= FCT_BATCH_HEADER_SIZE);
    uint64_t room = check->size - check->offset - FCT_BATCH_HEADER_SIZE;
    if (check->sealed ||
        fct_batch_header_decode(bytes, position, check->header.salt, &check->batch) != FACTUM_OK ||
        check->batch.payload_size > room) {
        return bad_part(check, position, "no batch begins there");
    }
    if (check->batch.chain != check->history.chain ||
        check->batch.number != check->history.batch_number) {
        return bad_part(check, position, "the chain is broken");
    }
    check->batch_chain = fct_batch_chain(bytes);
    check->in_payload = true;
    return FACTUM_OK;
}

static factum_status take_part(struct fct_segment_check *check, const uint8_t *bytes,
                               factum_error *err)
{
    factum_status status = FACTUM_OK;
    size_t size = check->part_size;
    size_t next = FCT_BATCH_HEADER_SIZE;
    if (check->in_payload) {
        status = take_payload(check, bytes);
    } else if (check->offset == 0) {
        status = take_segment_header(check, bytes, err);
    } else {
        status = take_batch_header(check, bytes);
        next = check->batch.payload_size;
        if (status == FACTUM_OK && next == 0) { /* an idle batch has no payload */
            status = take_payload(check, bytes);
            next = FCT_BATCH_HEADER_SIZE;
        }
    }
    if (status == FACTUM_OK) {
        check->offset += size;
        check->part_size = next;
    }
    return status;
}

/* ---- a segment ------------------------------------------------------------------------------- */

factum_status fct_segment_check_add(struct fct_segment_check *check, const void *bytes, size_t len,
                                    factum_error *err)
{
    const uint8_t *from = bytes;
    factum_status status = check->bad_why == NULL ? FACTUM_OK : FACTUM_CORRUPT;
    while (status == FACTUM_OK && len > 0) {
        struct fct_buf *buffer = &check->buffer;
        segment_check_check(check);
        FCT_ASSERT(len <= check->size - check->offset - buffer->len);
        size_t missing = check->part_size - buffer->len;
        size_t part = len < missing ? len : missing;
        if (buffer->len == 0 && part == missing) {
            status = take_part(check, from, err);
        } else {
            status = fct_buf_add(buffer, from, part);
            if (status != FACTUM_OK) {
                check->history.known = false;
                return fct_fail(err, status, "check a segment: %s", factum_status_text(status));
            }
            if (part == missing) {
                status = take_part(check, buffer->ptr, err);
                fct_buf_clear(buffer);
            }
        }
        from += part;
        len -= part;
    }
    return status;
}

factum_status fct_segment_check_end(struct fct_segment_check *check, bool full)
{
    uint64_t position = fct_segment_check_position(check);
    if (check->bad_why != NULL) {
        return FACTUM_CORRUPT;
    }
    if (check->offset != check->size || check->in_payload) {
        return bad_part(check, position,
                        check->offset == 0 ? "it is too short to have a header" : "half a batch");
    }
    if (full && !check->sealed) {
        return bad_part(check, position, "it has no seal");
    }
    FCT_ASSERT(check->buffer.len == 0);
    segment_check_check(check);
    check->history.known = true;
    check->history.end = check->header.base + check->size;
    return FACTUM_OK;
}
