/* verify.c - reads every byte of the log from the device and checks it. Layer: log.
 *
 * Reads through files of its own, not the maps: an unreadable sector is an error to report, not a
 * signal, and the writer may go on. What the maps and the cache hold is let go first, segment by
 * segment; a reader beside it may fetch some of it again. Batches are read one at a time; memory is
 * bounded by the largest.
 */
#include <string.h>

#include "core/error.h"
#include "log/log_int.h"

#define TELL_INTERVAL (1u << 20)

struct check {
    struct fct_log *log;
    struct fct_log_verify_report *report;
    const struct fct_log_visitor *visitor;
    uint64_t total;
    uint64_t told;
    uint8_t *buffer;
    size_t capacity;
    uint64_t chain;
    uint64_t number;
    /* Of the segment under way. */
    struct fct_segment *segment;
    struct fct_file *file;
    uint64_t offset;
    uint64_t used;
    uint64_t batches;
    uint64_t records;
    bool sealed; /* the last batch was a seal */
};

static factum_status bad(struct check *check, uint64_t position, const char *what,
                         factum_error *err)
{
    check->report->bad_from = position;
    fct_segment_name(check->segment->header.number, check->report->file);
    return fct_log_damage(check->segment, position, what, err);
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

/* Reads bytes of the batch at check->offset, or of the header of the segment. */
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
        return bad(check, header->position, "the batch has another number of records", err);
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
    if (header->payload_size != FCT_FOOTER_SIZE ||
        fct_segment_footer_decode(check->buffer, &footer) != FACTUM_OK ||
        footer.batches != check->batches || footer.records != check->records ||
        footer.first_position != of->base + FCT_SEGMENT_HEADER_SIZE ||
        footer.end_position != header->position + FCT_SEAL_SIZE || footer.chain != check->chain) {
        return bad(check, header->position, "the seal does not fit its segment", err);
    }
    return FACTUM_OK;
}

static factum_status check_batch(struct check *check, factum_error *err)
{
    uint8_t encoded[FCT_BATCH_HEADER_SIZE];
    struct fct_batch_header header;
    const struct fct_segment *segment = check->segment;
    uint64_t position = segment->header.base + check->offset;
    uint64_t room = check->used - check->offset;
    factum_status status = room < sizeof encoded
                               ? bad(check, position, "half a batch header", err)
                               : read_bytes(check, check->offset, encoded, sizeof encoded, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (fct_batch_header_decode(encoded, position, segment->header.salt, &header) != FACTUM_OK ||
        header.payload_size > room - sizeof encoded || check->sealed) {
        return bad(check, position, "no batch is there", err);
    }
    if (header.chain != check->chain || header.number != check->number) {
        return bad(check, position, "the chain is broken", err);
    }
    status = room_for(check, header.payload_size, err);
    if (status == FACTUM_OK && header.payload_size > 0) {
        status = read_bytes(check, check->offset + sizeof encoded, check->buffer,
                            header.payload_size, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (fct_batch_payload_crc(header.chain, check->buffer, header.payload_size) !=
        header.payload_crc) {
        return bad(check, position, "the batch does not verify", err);
    }
    check->sealed = (header.flags & FCT_BATCH_SEAL) != 0;
    status = check->sealed ? check_footer(check, &header, err) : check_records(check, &header, err);
    if (status == FACTUM_OK) {
        check->chain = fct_batch_chain(encoded);
        check->number = header.number + 1;
        check->batches++;
        check->report->batches++;
        check->report->chain = check->chain;
        check->offset += sizeof encoded + header.payload_size;
    }
    return status;
}

/* The header as it is on the device now. */
static factum_status check_header(struct check *check, factum_error *err)
{
    uint8_t bytes[FCT_SEGMENT_HEADER_SIZE];
    struct fct_segment_header header;
    uint64_t base = check->segment->header.base;
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
    while (status == FACTUM_OK && check->offset < check->used) {
        status = check_batch(check, err);
        uint64_t done = check->report->bytes + check->offset;
        if (status == FACTUM_OK && check->visitor->progress != NULL &&
            done - check->told >= TELL_INTERVAL) {
            check->told = done;
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
    char path[FCT_PATH_SIZE];
    bool sealed = atomic_load(&segment->sealed);
    uint64_t used = atomic_load(&segment->used);
    uint64_t wanted = end - segment->header.base;
    check->segment = segment;
    check->used = used < wanted ? used : wanted;
    fct_segment_name(segment->header.number, name);
    factum_status status = fct_path_join(path, check->log->dir, name, err);
    if (status == FACTUM_OK) {
        status = fct_file_open(check->log->os, path, FCT_OPEN_READ, &check->file, err);
    }
    if (status == FACTUM_NOT_FOUND) {
        return bad(check, segment->header.base, "its file is gone", err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = check_batches(check, err);
    factum_status closed = fct_file_close(&check->file, NULL);
    (void)closed; /* it was open for reading only */
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
    static const struct fct_log_visitor nobody;
    struct fct_segment *segment = fct_log_segment_at(log, fct_log_start(log));
    uint64_t end = fct_log_end(log);
    *report = (struct fct_log_verify_report){.bad_from = UINT64_MAX};
    struct check check = {
        .log = log,
        .report = report,
        .visitor = visitor == NULL ? &nobody : visitor,
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
        bool behind = report->bad_from == segment->header.base + segment->capacity;
        fct_segment_name(segment->header.number + behind, report->file);
        return fct_fail(err, FACTUM_CORRUPT, "%s", log->reason);
    }
    return status;
}
