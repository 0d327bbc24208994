/* writer.c - batches onto the disk. Layer: log.
 *
 * Happy path: begin (rolls if the batch might not fit) -> add, add, ... encode into one buffer -> commit:
 * header, one write, one sync, visible. Failure modes: no space when a segment is prepared: begin refuses,
 * nothing changed. Any failure after that (write, sync, truncate, rename): the log has FAILED, for good: what
 * is on disk is not known, and a sync that failed once must not be asked again (rule R9).
 */
#include <inttypes.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "log/bug.h"
#include "log/log_int.h"

#define PREPARE_AT_ONCE (UINT64_C(16) << 20) /* segments this big have their successor made at once */

static factum_status refusal(const struct fct_log *log, factum_error *err)
{
    switch (fct_log_state(log)) {
    case FCT_LOG_OPEN:
        return FACTUM_OK;
    case FCT_LOG_READ_ONLY:
        return fct_fail(err, FACTUM_READ_ONLY, "the store is open for reading only");
    case FCT_LOG_DAMAGED:
        return fct_fail(err, FACTUM_CORRUPT, "%s", log->reason);
    case FCT_LOG_FAILED:
        break;
    }
    return fct_fail(err, FACTUM_FAILED, "%s", log->reason);
}

/* Poisons the log. */
static factum_status fail_for_good(struct fct_log *log, factum_status status, factum_error *err)
{
    fct_log_set_state(log, FCT_LOG_FAILED, err->text);
    return status;
}

static factum_status sync_segment(struct fct_log *log, struct fct_segment *segment,
                                  factum_error *err)
{
    factum_status status = fct_file_sync(segment->file, err);
    if (status != FACTUM_OK && fct_bug(FCT_BUG_RETRY_SYNC)) {
        status = fct_file_sync(segment->file, err);
    }
    (void)log;
    return status;
}

static void encode_header(struct fct_log *log, const struct fct_segment *segment, uint32_t flags)
{
    uint64_t end = fct_log_end(log);
    size_t covered = log->pending;
    if (fct_bug(FCT_BUG_PAYLOAD_CRC_SHORT) && covered >= 8) {
        covered -= 8;
    }
    struct fct_batch_header header = {
        .position = end,
        .number = log->batch_number,
        .durable_upto = fct_log_durable(log),
        .chain = log->chain,
        .payload_size = (uint32_t)log->pending,
        .payload_crc = fct_batch_payload_crc(log->chain, log->buffer + FCT_BATCH_HEADER_SIZE,
                                             covered),
        .record_count = log->pending_records,
        .epoch = log->epoch,
        .flags = flags,
    };
    if (fct_bug(FCT_BUG_DURABLE_TOO_FAR)) {
        header.durable_upto = end + FCT_BATCH_HEADER_SIZE + log->pending;
    }
    fct_batch_header_encode(log->buffer, &header, segment->header.salt);
}

/* Writes the batch in the buffer at the end of the last segment and, if |sync|, makes it durable; then
 * it is visible. */
static factum_status write_batch(struct fct_log *log, uint32_t flags, bool sync, factum_error *err)
{
    struct fct_segment *segment = fct_log_last_segment(log);
    uint64_t end = fct_log_end(log);
    uint64_t offset = end - segment->header.base;
    size_t size = FCT_BATCH_HEADER_SIZE + log->pending;
    FCT_ASSERT(offset >= FCT_SEGMENT_HEADER_SIZE);
    FCT_ASSERT(!atomic_load(&segment->sealed));
    encode_header(log, segment, flags);
    factum_error own;
    factum_error *reason = err == NULL ? &own : err;
    factum_status status = fct_file_write(segment->file, offset, log->buffer, size, reason);
    if (status == FACTUM_OK && sync && !fct_bug(FCT_BUG_ACK_BEFORE_SYNC)) {
        status = sync_segment(log, segment, reason);
    }
    if (status != FACTUM_OK) {
        return fail_for_good(log, status, reason);
    }
    log->chain = fct_batch_chain(log->buffer);
    log->batch_number++;
    log->segment_batches++;
    log->segment_records += log->pending_records;
    atomic_store_explicit(&segment->used, offset + size, memory_order_release);
    atomic_store_explicit(&log->end, end + size, memory_order_release);
    if (sync) {
        atomic_store(&log->durable, end + size);
    }
    log->pending = 0;
    log->pending_records = 0;
    return FACTUM_OK;
}

static factum_status reserve_buffer(struct fct_log *log, size_t size, factum_error *err)
{
    if (size <= log->buffer_capacity) {
        return FACTUM_OK;
    }
    size_t capacity = log->buffer_capacity < 65536 ? 65536 : log->buffer_capacity;
    while (capacity < size) {
        capacity *= 2;
    }
    uint8_t *buffer = fct_mem_resize(log->mem, log->buffer, capacity);
    if (buffer == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "append: out of memory");
    }
    log->buffer = buffer;
    log->buffer_capacity = capacity;
    return FACTUM_OK;
}

/* ---- rolling ------------------------------------------------------------------------------------ */

/* Ends the last segment: its seal is written and synced, and what was prepared after it is given back. */
static factum_status seal(struct fct_log *log, factum_error *err)
{
    struct fct_segment *segment = fct_log_last_segment(log);
    uint64_t end = fct_log_end(log);
    struct fct_segment_footer footer = {
        .batches = log->segment_batches,
        .records = log->segment_records,
        .first_position = segment->header.base + FCT_SEGMENT_HEADER_SIZE,
        .end_position = end + FCT_SEAL_SIZE,
        .chain = log->chain,
        .created_first = log->segment_created_first,
        .created_last = log->segment_created_last,
    };
    fct_segment_footer_encode(log->buffer + FCT_BATCH_HEADER_SIZE, &footer);
    log->pending = FCT_FOOTER_SIZE;
    log->pending_records = 0;
    bool sync = !fct_bug(FCT_BUG_SEAL_NOT_SYNCED);
    factum_status status = write_batch(log, FCT_BATCH_SEAL, sync, err);
    if (status != FACTUM_OK) {
        return status;
    }
    factum_error own;
    factum_error *reason = err == NULL ? &own : err;
    uint64_t size = end + FCT_SEAL_SIZE - segment->header.base;
    status = fct_file_truncate(segment->file, size, reason);
    if (status == FACTUM_OK && sync) {
        status = fct_file_sync(segment->file, reason);
    }
    if (status != FACTUM_OK) {
        return fail_for_good(log, status, reason);
    }
    atomic_store(&segment->sealed, true);
    return FACTUM_OK;
}

static factum_status roll(struct fct_log *log, uint64_t need, factum_error *err)
{
    struct fct_segment *segment = fct_log_last_segment(log);
    uint64_t size = fct_log_next_size(log, segment->header.size);
    if (size < need) {
        size = need;
    }
    /* All that can run out of space comes before anything is changed. */
    struct fct_file *file;
    uint64_t taken;
    factum_status status = fct_prepare_take(&log->prepare, size, &file, &taken, err);
    if (status != FACTUM_OK) {
        return status;
    }
    log->prepare.file = file;
    log->prepare.size = taken;
    if (!atomic_load(&segment->sealed)) {
        status = seal(log, err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    factum_error own;
    factum_error *reason = err == NULL ? &own : err;
    status = fct_log_new_segment(log, segment->header.number + 1, fct_log_end(log), taken, reason);
    if (status != FACTUM_OK) {
        return fail_for_good(log, status, reason);
    }
    uint64_t end = fct_log_end(log) + FCT_SEGMENT_HEADER_SIZE;
    atomic_store_explicit(&log->end, end, memory_order_release);
    atomic_store(&log->durable, end);
    log->marked_end = end;
    fct_log_message(&log->sink, FACTUM_LOG_DEBUG, "segment.rolled", "segment %" PRIu64 " begins",
                    segment->header.number + 1);
    return FACTUM_OK;
}

static void prepare_next(struct fct_log *log)
{
    const struct fct_segment *segment = fct_log_last_segment(log);
    uint64_t used = atomic_load(&segment->used);
    if (segment->capacity >= PREPARE_AT_ONCE || used >= segment->capacity / 4) {
        fct_prepare_want(&log->prepare, fct_log_next_size(log, segment->header.size));
    }
}

/* ---- the writer's calls ---------------------------------------------------------------------------- */

factum_status fct_log_begin(struct fct_log *log, size_t payload_size_max, factum_error *err)
{
    factum_status status = refusal(log, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (payload_size_max > FCT_RECORD_SIZE_MAX * 2u) {
        return fct_fail(err, FACTUM_TOO_BIG, "a batch of %zu bytes is over the limit",
                        payload_size_max);
    }
    status = reserve_buffer(log, payload_size_max + FCT_SEAL_SIZE, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (log->end_file) {
        status = fct_bug(FCT_BUG_END_FILE_STAYS) ? FACTUM_OK : fct_end_file_remove(log, err);
        if (status != FACTUM_OK) {
            return status;
        }
        log->end_file = false;
    }
    const struct fct_segment *segment = fct_log_last_segment(log);
    uint64_t need = FCT_BATCH_HEADER_SIZE + payload_size_max + FCT_SEAL_SIZE;
    if (atomic_load(&segment->sealed) ||
        atomic_load(&segment->used) + need > segment->capacity) {
        status = roll(log, FCT_SEGMENT_HEADER_SIZE + need, err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    log->pending = 0;
    log->pending_records = 0;
    log->pending_max = payload_size_max;
    return FACTUM_OK;
}

uint64_t fct_log_add(struct fct_log *log, struct fct_record *record, const factum_slice *tags,
                     size_t tag_count, size_t size)
{
    FCT_ASSERT(size > 0);
    FCT_ASSERT(log->pending + size <= log->pending_max);
    const struct fct_segment *segment = fct_log_last_segment(log);
    record->position = fct_log_end(log) + FCT_BATCH_HEADER_SIZE + log->pending;
    record->size = (uint32_t)size;
    fct_record_encode(log->buffer + FCT_BATCH_HEADER_SIZE + log->pending, size, record, tags,
                      tag_count, segment->header.salt);
    if (log->segment_records == 0 && log->pending == 0) {
        log->segment_created_first = record->created;
    }
    log->segment_created_last = record->created;
    log->pending += size;
    log->pending_records++;
    return record->position;
}

size_t fct_log_pending(const struct fct_log *log)
{
    return log->pending;
}

uint32_t fct_log_pending_records(const struct fct_log *log)
{
    return log->pending_records;
}

void fct_log_rewind(struct fct_log *log, size_t pending, uint32_t record_count)
{
    FCT_ASSERT(pending <= log->pending);
    log->pending = pending;
    log->pending_records = record_count;
}

factum_status fct_log_commit(struct fct_log *log, bool sync, factum_error *err)
{
    factum_status status = refusal(log, err);
    if (status != FACTUM_OK || log->pending == 0) {
        return status;
    }
    status = write_batch(log, 0, sync, err);
    if (status == FACTUM_OK) {
        atomic_store(&log->wants_marker, true);
        prepare_next(log);
    }
    return status;
}

factum_status fct_log_write_empty(struct fct_log *log, uint32_t flags, factum_error *err)
{
    factum_status status = fct_log_begin(log, 0, err);
    if (status != FACTUM_OK) {
        return status;
    }
    /* What `os` commits left in the cache is on disk before a header says so. */
    if (fct_log_durable(log) < fct_log_end(log)) {
        factum_error own;
        factum_error *reason = err == NULL ? &own : err;
        status = sync_segment(log, fct_log_last_segment(log), reason);
        if (status != FACTUM_OK) {
            return fail_for_good(log, status, reason);
        }
        atomic_store(&log->durable, fct_log_end(log));
    }
    status = write_batch(log, flags, true, err);
    if (status == FACTUM_OK) {
        log->marked_end = fct_log_end(log);
        atomic_store(&log->wants_marker, false);
    }
    return status;
}

factum_status fct_log_marker(struct fct_log *log, factum_error *err)
{
    factum_status status = refusal(log, err);
    if (status == FACTUM_READ_ONLY || status == FACTUM_CORRUPT) {
        return FACTUM_OK;
    }
    if (status != FACTUM_OK || log->marked_end == fct_log_end(log)) {
        return status;
    }
    if (fct_bug(FCT_BUG_NO_END_FILE)) {
        return FACTUM_OK;
    }
    return fct_log_write_empty(log, FCT_BATCH_MARKER, err);
}
