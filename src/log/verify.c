/* verify.c - reads every byte of the log from the device and checks it. Layer: log.
 *
 * Reads through the file, not the map: an unreadable sector is an error to report, not a signal. Batches are
 * read one at a time; memory is bounded by the largest of them.
 */
#include <string.h>

#include "core/error.h"
#include "log/log_int.h"

struct check {
    struct fct_log *log;
    struct fct_log_verify_report *report;
    bool (*progress)(void *data, uint64_t done, uint64_t total);
    void *data;
    uint64_t total;
    uint8_t *buffer;
    size_t capacity;
    uint64_t chain;
    uint64_t number;
};

static factum_status bad(struct check *check, const struct fct_segment *segment, uint64_t position,
                         const char *what, factum_error *err)
{
    check->report->bad_from = position;
    fct_segment_name(segment->header.number, check->report->file);
    return fct_fail(err, FACTUM_CORRUPT, "segment %s is damaged at position %llu: %s",
                    check->report->file, (unsigned long long)position, what);
}

static factum_status room_for(struct check *check, size_t size, factum_error *err)
{
    if (size <= check->capacity) {
        return FACTUM_OK;
    }
    uint8_t *grown = fct_mem_resize(check->log->mem, check->buffer, size);
    if (grown == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "verify: out of memory");
    }
    check->buffer = grown;
    check->capacity = size;
    return FACTUM_OK;
}

static factum_status check_records(struct check *check, const struct fct_segment *segment,
                                   const struct fct_batch_header *header, factum_error *err)
{
    uint64_t position = header->position + FCT_BATCH_HEADER_SIZE;
    uint32_t count = 0;
    for (size_t at = 0; at < header->payload_size; count++) {
        struct fct_record record;
        if (fct_record_decode(check->buffer + at, header->payload_size - at, position + at,
                              segment->header.salt, true, &record) != FACTUM_OK) {
            return bad(check, segment, position + at, "a record does not verify", err);
        }
        at += record.size;
    }
    if (count != header->record_count) {
        return bad(check, segment, header->position, "the batch has another number of records",
                   err);
    }
    check->report->records += count;
    return FACTUM_OK;
}

static factum_status read_bytes(struct check *check, const struct fct_segment *segment,
                                uint64_t offset, void *bytes, size_t size, factum_error *err)
{
    factum_status status = fct_file_read(segment->file, offset, bytes, size, err);
    if (status == FACTUM_CORRUPT || status == FACTUM_IO) {
        return bad(check, segment, segment->header.base + offset, "it cannot be read", err);
    }
    return status;
}

static factum_status check_batch(struct check *check, const struct fct_segment *segment,
                                 uint64_t *offset, uint64_t used, factum_error *err)
{
    uint8_t encoded[FCT_BATCH_HEADER_SIZE];
    struct fct_batch_header header;
    uint64_t position = segment->header.base + *offset;
    factum_status status = used - *offset < sizeof encoded
                               ? bad(check, segment, position, "half a batch header", err)
                               : read_bytes(check, segment, *offset, encoded, sizeof encoded, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (fct_batch_header_decode(encoded, position, segment->header.salt, &header) != FACTUM_OK ||
        header.payload_size > used - *offset - sizeof encoded) {
        return bad(check, segment, position, "no batch is there", err);
    }
    if (header.chain != check->chain || header.number != check->number) {
        return bad(check, segment, position, "the chain is broken", err);
    }
    status = room_for(check, header.payload_size, err);
    if (status == FACTUM_OK) {
        status = read_bytes(check, segment, *offset + sizeof encoded, check->buffer,
                            header.payload_size, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (fct_batch_payload_crc(header.chain, check->buffer, header.payload_size) !=
        header.payload_crc) {
        return bad(check, segment, position, "the batch does not verify", err);
    }
    if ((header.flags & FCT_BATCH_SEAL) == 0) {
        status = check_records(check, segment, &header, err);
    }
    check->chain = fct_batch_chain(encoded);
    check->number = header.number + 1;
    check->report->batches++;
    check->report->chain = check->chain;
    *offset += sizeof encoded + header.payload_size;
    return status;
}

static factum_status check_header(struct check *check, struct fct_segment *segment,
                                  factum_error *err)
{
    uint8_t bytes[FCT_SEGMENT_HEADER_SIZE];
    struct fct_segment_header header;
    factum_status status = fct_file_drop_cache(segment->file, err);
    if (status == FACTUM_OK) {
        status = read_bytes(check, segment, 0, bytes, sizeof bytes, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (fct_segment_header_decode(bytes, &header) != FACTUM_OK || header.chain != check->chain ||
        header.batch_number != check->number || header.base != segment->header.base) {
        return bad(check, segment, segment->header.base, "its header does not verify", err);
    }
    return FACTUM_OK;
}

static factum_status check_segment(struct check *check, struct fct_segment *segment, uint64_t used,
                                   factum_error *err)
{
    factum_status status = check_header(check, segment, err);
    uint64_t offset = FCT_SEGMENT_HEADER_SIZE;
    uint64_t told = 0;
    while (status == FACTUM_OK && offset < used) {
        status = check_batch(check, segment, &offset, used, err);
        if (status == FACTUM_OK && check->progress != NULL && offset - told > (1u << 20)) {
            told = offset;
            if (!check->progress(check->data, check->report->bytes + offset, check->total)) {
                return fct_fail(err, FACTUM_CANCELLED, "verify was stopped");
            }
        }
    }
    check->report->segments++;
    check->report->bytes += offset;
    return status;
}

factum_status fct_log_verify(struct fct_log *log,
                             bool (*progress)(void *data, uint64_t done, uint64_t total),
                             void *data, struct fct_log_verify_report *report, factum_error *err)
{
    struct fct_segment *segment = fct_log_segment_at(log, 0);
    uint64_t end = fct_log_end(log);
    *report = (struct fct_log_verify_report){.bad_from = UINT64_MAX};
    struct check check = {
        .log = log,
        .report = report,
        .progress = progress,
        .data = data,
        .total = end,
        .chain = segment->header.chain,
        .number = segment->header.batch_number,
    };
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK && segment != NULL && segment->header.base < end) {
        uint64_t used = atomic_load(&segment->used);
        uint64_t wanted = end - segment->header.base;
        status = check_segment(&check, segment, used < wanted ? used : wanted, err);
        segment = fct_log_segment_after(log, segment);
    }
    fct_mem_free(log->mem, check.buffer);
    if (status == FACTUM_OK && fct_log_state(log) == FCT_LOG_DAMAGED) {
        report->bad_from = log->recovery.damaged_from;
        return fct_fail(err, FACTUM_CORRUPT, "%s", log->reason);
    }
    return status;
}
