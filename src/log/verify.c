/* verify.c - reads every byte of the log from the device and checks it. Layer: log.
 *
 * Reads through files of its own, not through the maps: an unreadable sector is an error to report
 * and not a signal, and the writer may go on. Segment by segment it first drops the pages in the
 * maps and the cache; other readers may bring some of them back. It reads one batch at a time, so
 * its memory is bounded by the largest batch.
 *
 * Invariants of a check:
 *  1. 0 <= offset <= used in |segment|. Everything before |offset| verified.
 *  2. |chain| and |number| are those that the batch at |offset| must carry.
 */
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "log/log_int.h"

#define REPORT_INTERVAL (1u << 20) /* bytes between two calls of progress */

struct check {
    struct fct_log *log;
    struct fct_log_verify_report *report;
    const struct fct_log_visitor *visitor;
    uint64_t total;
    uint64_t reported;
    uint8_t *buffer;
    size_t capacity;
    uint64_t chain;
    uint64_t number;
    /* Of the current segment. */
    struct fct_segment *segment;
    struct fct_file *file;
    uint64_t offset;
    uint64_t used;
    uint64_t batches;
    uint64_t records;
    bool sealed; /* the last batch was a seal */
};

static void verify_check(const struct check *check)
{
    FCT_ASSERT(check->offset <= check->used);
    FCT_ASSERT(check->offset % 8 == 0);
    FCT_ASSERT(check->reported <= check->total);
}

/* Reports damage at |position|, and notes it. */
static factum_status bad(struct check *check, uint64_t position, const char *what,
                         factum_error *err)
{
    FCT_ASSERT(check->report->bad_from == UINT64_MAX);
    check->report->bad_from = position;
    fct_segment_name(check->segment->header.number, check->report->file);
    return fct_log_damage(check->segment, position, what, err);
}

static factum_status make_room_for(struct check *check, size_t size, factum_error *err)
{
    if (size <= check->capacity) {
        return FACTUM_OK;
    }
    FCT_ASSERT(size <= FCT_SEGMENT_SIZE_MAX);
    uint8_t *grown = fct_mem_resize(check->log->mem, check->buffer, size);
    if (grown == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "verify: out of memory");
    }
    check->buffer = grown;
    check->capacity = size;
    return FACTUM_OK;
}

/* Reads bytes of the batch at check->offset, or of the segment header. A failure is damage. */
static factum_status read_bytes(struct check *check, uint64_t offset, void *bytes, size_t size,
                                factum_error *err)
{
    factum_status status = fct_file_read(check->file, offset, bytes, size, err);
    if (status == FACTUM_CORRUPT || status == FACTUM_IO) {
        return bad(check, check->segment->header.base + check->offset, "it cannot be read", err);
    }
    return status;
}

static factum_status check_records(struct check *check, const struct fct_batch_header *header,
                                   factum_error *err)
{
    uint64_t position = header->position + FCT_BATCH_HEADER_SIZE;
    uint32_t count = 0;
    FCT_ASSERT(header->payload_size <= check->capacity);
    for (size_t at = 0; at < header->payload_size; count++) {
        struct fct_record record;
        if (fct_record_decode(check->buffer + at, header->payload_size - at, position + at,
                              check->segment->header.salt, true, &record) != FACTUM_OK) {
            return bad(check, position + at, "a record does not verify", err);
        }
        if (check->visitor->record != NULL) {
            factum_status status = check->visitor->record(check->visitor->data, &record, err);
            if (status != FACTUM_OK) {
                return status;
            }
        }
        at += record.size;
    }
    if (count != header->record_count) {
        return bad(check, header->position, "the batch has a wrong number of records", err);
    }
    check->records += count;
    check->report->records += count;
    return FACTUM_OK;
}

static factum_status check_footer(struct check *check, const struct fct_batch_header *header,
                                  factum_error *err)
{
    struct fct_segment_footer footer;
    const struct fct_segment_header *of = &check->segment->header;
    FCT_ASSERT((header->flags & FCT_BATCH_SEAL) != 0);
    if (header->payload_size != FCT_FOOTER_SIZE ||
        fct_segment_footer_decode(check->buffer, &footer) != FACTUM_OK ||
        footer.batches != check->batches || footer.records != check->records ||
        footer.first_position != of->base + FCT_SEGMENT_HEADER_SIZE ||
        footer.end_position != header->position + FCT_SEAL_SIZE || footer.chain != check->chain) {
        return bad(check, header->position, "the seal does not fit its segment", err);
    }
    return FACTUM_OK;
}

/* Reads the header of the batch at check->offset, and checks it. */
static factum_status check_batch_header(struct check *check, uint8_t bytes[FCT_BATCH_HEADER_SIZE],
                                        struct fct_batch_header *header, factum_error *err)
{
    const struct fct_segment *segment = check->segment;
    uint64_t position = segment->header.base + check->offset;
    uint64_t room = check->used - check->offset;
    if (room < FCT_BATCH_HEADER_SIZE) {
        return bad(check, position, "half a batch header", err);
    }
    factum_status status = read_bytes(check, check->offset, bytes, FCT_BATCH_HEADER_SIZE, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (fct_batch_header_decode(bytes, position, segment->header.salt, header) != FACTUM_OK ||
        header->payload_size > room - FCT_BATCH_HEADER_SIZE || check->sealed) {
        return bad(check, position, "no batch is there", err);
    }
    if (header->chain != check->chain || header->number != check->number) {
        return bad(check, position, "the chain is broken", err);
    }
    return FACTUM_OK;
}

static factum_status check_payload(struct check *check, const struct fct_batch_header *header,
                                   factum_error *err)
{
    factum_status status = make_room_for(check, header->payload_size, err);
    if (status == FACTUM_OK && header->payload_size > 0) {
        status = read_bytes(check, check->offset + FCT_BATCH_HEADER_SIZE, check->buffer,
                            header->payload_size, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (fct_batch_payload_crc(header->chain, check->buffer, header->payload_size) !=
        header->payload_crc) {
        return bad(check, header->position, "the batch does not verify", err);
    }
    check->sealed = (header->flags & FCT_BATCH_SEAL) != 0;
    return check->sealed ? check_footer(check, header, err) : check_records(check, header, err);
}

static factum_status check_batch(struct check *check, factum_error *err)
{
    uint8_t encoded[FCT_BATCH_HEADER_SIZE];
    struct fct_batch_header header = {.payload_size = 0};
    verify_check(check);
    factum_status status = check_batch_header(check, encoded, &header, err);
    if (status == FACTUM_OK) {
        status = check_payload(check, &header, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    check->chain = fct_batch_chain(encoded);
    check->number = header.number + 1;
    check->batches++;
    check->report->batches++;
    check->report->chain = check->chain;
    check->offset += FCT_BATCH_HEADER_SIZE + header.payload_size;
    verify_check(check);
    return FACTUM_OK;
}

/* Drops the cached pages of the segment, and checks its header as the device has it now. */
static factum_status check_header(struct check *check, factum_error *err)
{
    uint8_t bytes[FCT_SEGMENT_HEADER_SIZE];
    struct fct_segment_header header;
    uint64_t base = check->segment->header.base;
    FCT_ASSERT(check->offset == 0);
    const uint8_t *map = atomic_load(&check->segment->map);
    if (map != NULL) {
        fct_os_release(check->log->os, map, check->segment->capacity);
    }
    factum_status status = fct_file_drop_cache(check->file, 0, check->segment->capacity, err);
    fct_segment_forget_read(check->segment);
    if (status == FACTUM_OK) {
        status = read_bytes(check, 0, bytes, sizeof bytes, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (fct_segment_header_decode(bytes, &header) != FACTUM_OK || header.chain != check->chain ||
        header.batch_number != check->number || header.base != base ||
        header.salt != check->segment->header.salt) {
        return bad(check, base, "its header does not verify", err);
    }
    return FACTUM_OK;
}

static factum_status check_batches(struct check *check, factum_error *err)
{
    check->offset = 0;
    factum_status status = check_header(check, err);
    check->offset = FCT_SEGMENT_HEADER_SIZE;
    check->batches = 0;
    check->records = 0;
    check->sealed = false;
    FCT_ASSERT(check->used >= FCT_SEGMENT_HEADER_SIZE);
    while (status == FACTUM_OK && check->offset < check->used) {
        status = check_batch(check, err);
        uint64_t done = check->report->bytes + check->offset;
        if (status == FACTUM_OK && check->visitor->progress != NULL &&
            done - check->reported >= REPORT_INTERVAL) {
            check->reported = done;
            if (!check->visitor->progress(check->visitor->data, done, check->total)) {
                return fct_fail(err, FACTUM_CANCELLED, "verify was stopped");
            }
        }
    }
    return status;
}

static factum_status check_segment(struct check *check, struct fct_segment *segment, uint64_t end,
                                   factum_error *err)
{
    char name[FCT_SEGMENT_NAME_SIZE];
    bool sealed = atomic_load(&segment->sealed);
    uint64_t used = atomic_load(&segment->used);
    uint64_t wanted = end - segment->header.base;
    FCT_ASSERT(end > segment->header.base);
    check->segment = segment;
    check->used = used < wanted ? used : wanted;
    fct_segment_name(segment->header.number, name);
    factum_status status =
        fct_file_open_in(check->log->os, check->log->dir, name, FCT_OPEN_READ, &check->file, err);
    if (status == FACTUM_NOT_FOUND) {
        return bad(check, segment->header.base, "its file is gone", err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = check_batches(check, err);
    factum_error later;
    (void)fct_file_close(&check->file, &later); /* it was open for reading only */
    if (status == FACTUM_OK && sealed && used <= wanted && !check->sealed) {
        status = bad(check, segment->header.base + check->offset, "it has no seal", err);
    }
    check->report->segments++;
    check->report->bytes += check->offset;
    return status;
}

factum_status fct_log_verify(struct fct_log *log, const struct fct_log_visitor *visitor,
                             struct fct_log_verify_report *report, factum_error *err)
{
    static const struct fct_log_visitor none;
    struct fct_segment *segment = fct_log_segment_at(log, fct_log_start(log));
    uint64_t end = fct_log_end(log);
    *report = (struct fct_log_verify_report){.bad_from = UINT64_MAX};
    struct check check = {
        .log = log,
        .report = report,
        .visitor = visitor == NULL ? &none : visitor,
        .total = end,
        .chain = segment->header.chain,
        .number = segment->header.batch_number,
    };
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK && segment != NULL && segment->header.base < end) {
        status = check_segment(&check, segment, end, err);
        segment = fct_log_segment_after(log, segment);
    }
    fct_mem_free(log->mem, check.buffer);
    if (status == FACTUM_OK && fct_log_state(log) == FCT_LOG_DAMAGED) {
        report->bad_from = log->recovery.damaged_from;
        segment = fct_log_last_segment(log);
        /* The end of the last segment: the next one is damaged or missing. */
        bool next = report->bad_from == segment->header.base + segment->capacity;
        fct_segment_name(segment->header.number + next, report->file);
        return fct_fail(err, FACTUM_CORRUPT, "%s", log->reason);
    }
    return status;
}
