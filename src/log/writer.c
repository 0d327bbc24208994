/* writer.c - batches onto the disk. Layer: log. Knows nothing of what the records mean.
 *
 * Happy path: begin (rolls if the batch might not fit) -> add, add, ... encode into one buffer ->
 * send: header, one write -> commit: one sync, visible.
 *
 * Failures: without space or memory for the next segment, begin refuses and nothing has changed.
 * Any failure after that (write, sync, truncate, rename, close) makes the log FAILED for good: what
 * is on disk is not known, and a sync that failed once must not be asked again (rule R9).
 *
 * Invariants, while the log is OPEN:
 *  1. durable <= end. The end is where the visible bytes of the last segment end.
 *  2. Everything before the last segment is durable: a segment appears only after the one before is
 *     sealed, truncated and on disk (rule R7).
 *  3. A segment that is not sealed has room for its seal.
 *  4. The buffer contains |pending| bytes of payload, after room for the header. A batch that was
 *     sent is complete, and the next call is a commit. After a crash such a batch may exist.
 *  5. Of a batch that was not sent, at most [ahead_from, ahead_to) is on disk, after the end. Such
 *     a batch can be dropped; after a crash these bytes are a torn tail.
 *  6. No byte of a batch is written before LAST names its segment and END is removed (rule R8).
 */
#include <inttypes.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "log/log_int.h"

/* A segment of this size or more has its successor prepared as soon as it begins. */
#define PREPARE_AT_ONCE (UINT64_C(16) << 20)
/* A smaller batch gains nothing from a sync that starts before the commit. */
#define START_SIZE_MIN ((size_t)16 << 10)
#define BUFFER_SIZE_MIN ((size_t)64 << 10)
/* Whole pages are written ahead, so that no page is written twice. */
#define PAGE_SIZE ((uint64_t)4096)
#define BATCH_SIZE_MAX ((size_t)2 * FCT_RECORD_SIZE_MAX)

/* The segment that is written to: a log that writes has one. */
static struct fct_segment *tail_segment(const struct fct_log *log)
{
    struct fct_segment *segment = fct_log_last_segment(log);
    FCT_ASSERT(segment != NULL);
    return segment;
}

/* The invariants of the file's head, a compare or two each. */
static void writer_check(const struct fct_log *log)
{
    if (fct_log_state(log) != FCT_LOG_OPEN) {
        return;
    }
    const struct fct_segment *segment = tail_segment(log);
    uint64_t base = segment->header.base;
    uint64_t used = atomic_load_explicit(&segment->used, memory_order_relaxed);
    uint64_t durable = fct_log_durable(log);
    FCT_ASSERT(fct_log_end(log) == base + used);
    FCT_ASSERT(durable <= base + used);
    FCT_ASSERT(durable >= base + FCT_SEGMENT_HEADER_SIZE);
    FCT_ASSERT(atomic_load(&segment->sealed) || used + FCT_SEAL_SIZE <= segment->capacity);
    FCT_ASSERT(log->pending == 0 || FCT_BATCH_HEADER_SIZE + log->pending <= log->buffer_capacity);
    FCT_ASSERT(log->sent == 0 || log->sent == FCT_BATCH_HEADER_SIZE + log->pending);
    FCT_ASSERT(log->ahead_from <= log->ahead_to);
    FCT_ASSERT(log->ahead_to == 0 || log->ahead_from > used);
    FCT_ASSERT(log->ahead_to == 0 || log->segment_proven);
    FCT_ASSERT(log->sent == 0 || !log->end_file);
}

/* Makes the log FAILED for good. A full disk becomes IO: the space was prepared, so no caller can
 * help by freeing some. */
static factum_status fail_for_good(struct fct_log *log, factum_status status, factum_error *err)
{
    FCT_ASSERT(status < 0);
    fct_log_set_state(log, FCT_LOG_FAILED, err->text);
    err->status = status == FACTUM_NO_SPACE ? FACTUM_IO : status;
    return err->status;
}

/* Makes LAST name the end of the log. A failure before the first write to LAST changed nothing; any
 * other failure makes the log FAILED. */
static factum_status prove_end(struct fct_log *log, factum_error *err)
{
    factum_status status = fct_last_advance(log, err);
    if (status == FACTUM_OK) {
        FCT_ASSERT(log->segment_proven);
        return FACTUM_OK;
    }
    bool harmless = status == FACTUM_NO_SPACE || log->last == NULL;
    return harmless ? status : fail_for_good(log, status, err);
}

/* ---- writing ahead ------------------------------------------------------------------------------
 *
 * The first bytes of a big batch are written while the rest is encoded. The header is written last:
 * until then the bytes after the end of the log mean nothing.
 */

static void forget_ahead(struct fct_log *log)
{
    log->ahead_from = 0;
    log->ahead_to = 0;
    log->ahead_status = FACTUM_OK;
}

/* Writes the full pages of the payload so far, if they are worth a call. A failure is reported by
 * write_rest. */
static void write_ahead(struct fct_log *log)
{
    FCT_ASSERT(log->segment_proven);
    FCT_ASSERT(!log->end_file);
    struct fct_segment *segment = tail_segment(log);
    uint64_t offset = atomic_load_explicit(&segment->used, memory_order_relaxed);
    uint64_t unit = log->ahead_size < PAGE_SIZE ? log->ahead_size : PAGE_SIZE;
    uint64_t from = log->ahead_to;
    if (from == 0) {
        from = (offset + FCT_BATCH_HEADER_SIZE + unit - 1) / unit * unit;
    }
    uint64_t to = (offset + FCT_BATCH_HEADER_SIZE + log->pending) / unit * unit;
    if (to < from + log->ahead_size || log->ahead_status != FACTUM_OK) {
        return;
    }
    log->ahead_status = fct_file_write(segment->file, from, log->buffer + (from - offset),
                                       (size_t)(to - from), &log->ahead_err);
    if (log->ahead_status == FACTUM_OK) {
        fct_file_start_sync(segment->file, from, to - from);
        log->ahead_from = log->ahead_from == 0 ? from : log->ahead_from;
        log->ahead_to = to;
    }
}

/* Writes the bytes of the batch in the buffer that write_ahead did not write. */
static factum_status write_rest(struct fct_log *log, struct fct_segment *segment, uint64_t offset,
                                size_t size, factum_error *err)
{
    uint64_t from = log->ahead_from;
    uint64_t to = log->ahead_to;
    FCT_ASSERT(from == 0 || from > offset);
    FCT_ASSERT(to <= offset + size);
    factum_status status = log->ahead_status;
    if (status != FACTUM_OK) {
        *err = log->ahead_err;
    } else if (from == 0) {
        status = fct_file_write(segment->file, offset, log->buffer, size, err);
    } else {
        status = fct_file_write(segment->file, offset, log->buffer, (size_t)(from - offset), err);
        if (status == FACTUM_OK && to < offset + size) {
            status = fct_file_write(segment->file, to, log->buffer + (to - offset),
                                    (size_t)(offset + size - to), err);
        }
    }
    forget_ahead(log);
    return status;
}

/* ---- batches --------------------------------------------------------------------------------- */

static void encode_header(struct fct_log *log, const struct fct_segment *segment, uint32_t flags)
{
    uint64_t end = fct_log_end(log);
    FCT_ASSERT(fct_log_durable(log) <= end);
    struct fct_batch_header header = {
        .position = end,
        .number = log->batch_number,
        .durable_upto = fct_log_durable(log),
        .chain = log->chain,
        .payload_size = (uint32_t)log->pending,
        .payload_crc =
            fct_batch_payload_crc(log->chain, log->buffer + FCT_BATCH_HEADER_SIZE, log->pending),
        .record_count = log->pending_records,
        .epoch = log->epoch,
        .flags = flags,
    };
    fct_batch_header_encode(log->buffer, &header, segment->header.salt);
}

/* Writes the batch in the buffer at the end of the last segment. */
static factum_status send_batch(struct fct_log *log, uint32_t flags, factum_error *err)
{
    struct fct_segment *segment = tail_segment(log);
    uint64_t offset = fct_log_end(log) - segment->header.base;
    size_t size = FCT_BATCH_HEADER_SIZE + log->pending;
    FCT_ASSERT(offset == atomic_load(&segment->used));
    FCT_ASSERT(offset + size <= segment->capacity);
    FCT_ASSERT(!atomic_load(&segment->sealed));
    FCT_ASSERT(log->sent == 0);
    FCT_ASSERT(!log->end_file);
    encode_header(log, segment, flags);
    factum_status status = write_rest(log, segment, offset, size, err);
    if (status != FACTUM_OK) {
        return fail_for_good(log, status, err);
    }
    log->sent = size;
    return FACTUM_OK;
}

/* Syncs the batch that was sent, if |sync|, and makes it visible. */
static factum_status publish_batch(struct fct_log *log, bool sync, factum_error *err)
{
    struct fct_segment *segment = tail_segment(log);
    size_t size = log->sent;
    uint64_t end = fct_log_end(log);
    uint64_t offset = end - segment->header.base;
    FCT_ASSERT(size == FCT_BATCH_HEADER_SIZE + log->pending);
    log->sent = 0;
    if (sync) {
        factum_status status = fct_file_sync(segment->file, err);
        if (status != FACTUM_OK) {
            return fail_for_good(log, status, err);
        }
    }
    log->chain = fct_batch_chain(log->buffer);
    log->batch_number++;
    log->segment_records += log->pending_records;
    log->pending = 0;
    log->pending_records = 0;
    atomic_store_explicit(&segment->used, offset + size, memory_order_release);
    atomic_store_explicit(&log->end, end + size, memory_order_release);
    if (sync) {
        atomic_store(&log->durable, end + size);
    }
    return FACTUM_OK;
}

static factum_status write_batch(struct fct_log *log, uint32_t flags, factum_error *err)
{
    factum_status status = send_batch(log, flags, err);
    return status == FACTUM_OK ? publish_batch(log, true, err) : status;
}

factum_status fct_log_reserve_buffer(struct fct_log *log, size_t size, factum_error *err)
{
    size_t need = FCT_BATCH_HEADER_SIZE + (size < FCT_FOOTER_SIZE ? FCT_FOOTER_SIZE : size);
    if (need <= log->buffer_capacity) {
        return FACTUM_OK;
    }
    size_t capacity =
        log->buffer_capacity < BUFFER_SIZE_MIN ? BUFFER_SIZE_MIN : log->buffer_capacity;
    while (capacity < need) {
        capacity *= 2;
    }
    uint8_t *buffer = fct_mem_resize(log->mem, log->buffer, capacity);
    if (buffer == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "append: out of memory");
    }
    log->buffer = buffer;
    log->buffer_capacity = capacity;
    FCT_ASSERT(capacity >= FCT_SEAL_SIZE);
    return FACTUM_OK;
}

/* ---- rolling --------------------------------------------------------------------------------- */

/* Counts what the footer states about the batches of |segment|, from its map: for a segment that an
 * earlier run began and that the opening did not scan from its start. Stops at damage, which verify
 * reports. */
static void count_segment(struct fct_log *log, struct fct_segment *segment)
{
    const uint8_t *map = atomic_load(&segment->map);
    uint64_t used = atomic_load(&segment->used);
    uint64_t base = segment->header.base;
    struct fct_batch_header header;
    struct fct_record record;
    FCT_ASSERT(map != NULL);
    log->segment_records = 0;
    uint64_t at = FCT_SEGMENT_HEADER_SIZE;
    while (fct_segment_batch_at(segment, at, used, &header) &&
           header.payload_size <= used - at - FCT_BATCH_HEADER_SIZE) {
        at += FCT_BATCH_HEADER_SIZE;
        uint64_t end = at + header.payload_size;
        if (header.record_count > 0 && fct_segment_readable(segment, at, header.payload_size) &&
            fct_record_decode(map + at, header.payload_size, base + at, 0, false, &record) ==
                FACTUM_OK) {
            log->segment_created_last = record.created;
            if (log->segment_records == 0) {
                log->segment_created_first = record.created;
            }
        }
        log->segment_records += header.record_count;
        at = end;
    }
    log->segment_counted = true;
}

/* Puts the footer of |segment| into the buffer, as the payload of its seal. */
static void encode_footer(struct fct_log *log, const struct fct_segment *segment)
{
    struct fct_segment_footer footer = {
        .batches = log->batch_number - segment->header.batch_number,
        .records = log->segment_records,
        .first_position = segment->header.base + FCT_SEGMENT_HEADER_SIZE,
        .end_position = fct_log_end(log) + FCT_SEAL_SIZE,
        .chain = log->chain,
        .created_first = log->segment_created_first,
        .created_last = log->segment_created_last,
    };
    FCT_ASSERT(log->batch_number >= segment->header.batch_number);
    FCT_ASSERT(log->buffer_capacity >= FCT_SEAL_SIZE);
    fct_segment_footer_encode(log->buffer + FCT_BATCH_HEADER_SIZE, &footer);
    log->pending = FCT_FOOTER_SIZE;
    log->pending_records = 0;
}

factum_status fct_log_seal(struct fct_log *log, factum_error *err)
{
    struct fct_segment *segment = tail_segment(log);
    writer_check(log);
    if (!log->segment_counted) {
        count_segment(log, segment);
    }
    encode_footer(log, segment);
    factum_status status = write_batch(log, FCT_BATCH_SEAL, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_file_truncate(segment->file, atomic_load(&segment->used), err);
    if (status == FACTUM_OK) {
        status = fct_file_sync(segment->file, err);
    }
    if (status != FACTUM_OK) {
        return fail_for_good(log, status, err);
    }
    atomic_store(&segment->sealed, true);
    return FACTUM_OK;
}

/* Does everything for the next segment that can fail without harm: its file, memory and salt. */
static factum_status ready_segment(struct fct_log *log, uint64_t size, struct fct_segment **segment,
                                   uint64_t *salt, factum_error *err)
{
    struct fct_file *file;
    uint64_t taken;
    FCT_ASSERT(log->sent == 0);
    factum_status status = fct_log_reserve_segment(log, err);
    if (status == FACTUM_OK) {
        status = fct_log_reserve_buffer(log, FCT_FOOTER_SIZE, err);
    }
    if (status == FACTUM_OK) {
        status = fct_os_random(log->os, salt, sizeof *salt, err);
    }
    if (status == FACTUM_OK) {
        size = (size + FCT_SEGMENT_HEADER_SIZE - 1) / FCT_SEGMENT_HEADER_SIZE *
               FCT_SEGMENT_HEADER_SIZE;
        status = fct_prepare_take(&log->prepare, size, &file, &taken, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    FCT_ASSERT(taken >= size);
    status = fct_segment_new(segment, log->os, log->mem, log->dir, file, taken, err);
    if (status != FACTUM_OK) {
        fct_prepare_give_back(&log->prepare, file, taken);
    }
    return status;
}

/* Makes |segment| the last one of the log, empty, with its position |base|. */
static factum_status activate_segment(struct fct_log *log, struct fct_segment *segment,
                                      uint64_t base, uint64_t salt, factum_error *err)
{
    const struct fct_segment *old = fct_log_last_segment(log);
    FCT_ASSERT(old == NULL || atomic_load(&old->sealed));
    FCT_ASSERT(old == NULL || base >= old->header.base + atomic_load(&old->used));
    struct fct_segment_header header = {
        .format_major = FCT_SEGMENT_FORMAT_MAJOR,
        .format_minor = FCT_SEGMENT_FORMAT_MINOR,
        .store_id = log->store_id,
        .number = old == NULL ? 1 : old->header.number + 1,
        .base = base,
        .salt = salt,
        .chain = log->chain,
        .batch_number = log->batch_number,
        .created = fct_os_time(log->os),
        .timeline = log->timeline,
        .size = segment->capacity,
    };
    factum_status status = fct_segment_activate(segment, &header, FCT_PREPARED_NAME, err);
    if (status != FACTUM_OK) {
        return status;
    }
    log->segment_records = 0;
    log->segment_created_first = 0;
    log->segment_created_last = 0;
    log->segment_counted = true;
    uint64_t end = base + FCT_SEGMENT_HEADER_SIZE;
    log->proven_end = end;
    log->segment_proven = false;
    fct_log_add_segment(log, segment);
    atomic_store_explicit(&log->end, end, memory_order_release);
    atomic_store(&log->durable, end);
    atomic_store(&log->wants_heartbeat, false);
    writer_check(log);
    return FACTUM_OK;
}

factum_status fct_log_create_first(struct fct_log *log, factum_error *err)
{
    factum_error ignored;
    struct fct_segment *segment;
    uint64_t salt;
    FCT_ASSERT(fct_log_last_segment(log) == NULL);
    factum_status status = ready_segment(log, log->segment_size_first, &segment, &salt, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = activate_segment(log, segment, 0, salt, err);
    if (status != FACTUM_OK) {
        (void)fct_segment_close(segment, log->mem, &ignored);
    }
    return status;
}

static uint64_t next_size(const struct fct_log *log, const struct fct_segment *segment)
{
    uint64_t size = segment->header.size;
    FCT_ASSERT(log->segment_size_max <= FCT_SEGMENT_SIZE_MAX);
    return size >= log->segment_size_max / 2 ? log->segment_size_max : size * 2;
}

factum_status fct_log_roll(struct fct_log *log, uint64_t size, uint64_t base, factum_error *err)
{
    factum_error ignored;
    struct fct_segment *old = tail_segment(log);
    struct fct_segment *segment;
    uint64_t salt;
    uint64_t usual = next_size(log, old);
    writer_check(log);
    factum_status status = ready_segment(log, size > usual ? size : usual, &segment, &salt, err);
    if (status == FACTUM_NO_SPACE || status == FACTUM_NO_MEMORY) {
        return status; /* nothing has changed */
    }
    if (status != FACTUM_OK) {
        return fail_for_good(log, status, err);
    }
    if (!atomic_load(&old->sealed)) {
        status = fct_log_seal(log, err);
    }
    if (status == FACTUM_OK) {
        uint64_t end = fct_log_end(log);
        status = activate_segment(log, segment, base > end ? base : end, salt, err);
    }
    if (status != FACTUM_OK) {
        (void)fct_segment_close(segment, log->mem, &ignored);
        return fail_for_good(log, status, err);
    }
    status = fct_file_close(&old->file, err);
    if (status != FACTUM_OK) {
        return fail_for_good(log, status, err);
    }
    fct_log_message(&log->sink, FACTUM_LOG_DEBUG, "segment.rolled", "segment %" PRIu64 " begins",
                    segment->header.number);
    return FACTUM_OK;
}

/* Has the next segment filled in proportion to this one, a quarter faster, so that it is ready in
 * time. */
static void prepare_next(struct fct_log *log)
{
    const struct fct_segment *segment = tail_segment(log);
    uint64_t used = atomic_load_explicit(&segment->used, memory_order_relaxed);
    FCT_ASSERT(used <= segment->capacity);
    uint64_t next = next_size(log, segment);
    if (log->threads && (segment->capacity >= PREPARE_AT_ONCE || used >= segment->capacity / 4)) {
        fct_prepare_want(&log->prepare, next, used * next / segment->capacity / 4 * 5 + 1);
    }
}

/* ---- the writer's calls ---------------------------------------------------------------------- */

/* Before the first write of a run: makes LAST name the end, and removes END. */
static factum_status begin_run(struct fct_log *log, factum_error *err)
{
    FCT_ASSERT(log->pending == 0);
    factum_status status = prove_end(log, err);
    if (status != FACTUM_OK || !log->end_file) {
        return status;
    }
    status = fct_end_file_remove(log, err);
    bool harmless = status == FACTUM_NO_SPACE && log->end_file;
    return status == FACTUM_OK || harmless ? status : fail_for_good(log, status, err);
}

/* The bytes of a segment that a batch needs at most, with room for a seal after it. */
static uint64_t size_needed(size_t payload_size_max)
{
    FCT_ASSERT(payload_size_max <= BATCH_SIZE_MAX);
    return FCT_BATCH_HEADER_SIZE + payload_size_max + FCT_SEAL_SIZE;
}

static bool must_roll(const struct fct_log *log, size_t payload_size_max)
{
    const struct fct_segment *segment = tail_segment(log);
    return atomic_load(&segment->sealed) ||
           atomic_load(&segment->used) + size_needed(payload_size_max) > segment->capacity;
}

/* Makes room for the batch on disk, and the proofs that must precede it. */
static factum_status make_room(struct fct_log *log, size_t payload_size_max, factum_error *err)
{
    factum_status status = fct_log_reserve_buffer(log, payload_size_max, err);
    if (status == FACTUM_OK && (log->last == NULL || log->end_file)) {
        status = begin_run(log, err);
    }
    if (status == FACTUM_OK && must_roll(log, payload_size_max)) {
        status = fct_log_roll(log, FCT_SEGMENT_HEADER_SIZE + size_needed(payload_size_max), 0, err);
    }
    if (status == FACTUM_OK && !log->segment_proven) {
        status = prove_end(log, err);
    }
    FCT_ASSERT(status != FACTUM_OK || !must_roll(log, payload_size_max));
    return status;
}

factum_status fct_log_begin(struct fct_log *log, size_t payload_size_max, factum_error *err)
{
    FCT_ASSERT(log->sent == 0);
    factum_status status = fct_log_refusal(log, err);
    if (status != FACTUM_OK) {
        return status;
    }
    log->pending = 0;
    log->pending_records = 0;
    log->pending_max = 0;
    forget_ahead(log);
    writer_check(log);
    if (payload_size_max > BATCH_SIZE_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG,
                        "a batch of %zu bytes is too big: write at most %zu bytes at once",
                        payload_size_max, BATCH_SIZE_MAX);
    }
    status = make_room(log, payload_size_max, err);
    if (status != FACTUM_OK) {
        return status;
    }
    log->pending_max = payload_size_max;
    writer_check(log);
    return FACTUM_OK;
}

uint64_t fct_log_add(struct fct_log *log, struct fct_record *record, const factum_slice *tags,
                     size_t tag_count, size_t size)
{
    FCT_ASSERT(log->sent == 0);
    FCT_ASSERT(size > 0);
    FCT_ASSERT(log->pending <= log->pending_max);
    FCT_ASSERT(size <= log->pending_max - log->pending);
    const struct fct_segment *segment = tail_segment(log);
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
    if (log->pending >= log->ahead_size) {
        write_ahead(log);
    }
    return record->position;
}

factum_status fct_log_send(struct fct_log *log, bool sync, factum_error *err)
{
    factum_status status = fct_log_refusal(log, err);
    if (status != FACTUM_OK || log->pending == 0) {
        return status;
    }
    struct fct_segment *segment = tail_segment(log);
    uint64_t offset = atomic_load_explicit(&segment->used, memory_order_relaxed);
    writer_check(log);
    status = send_batch(log, 0, err);
    log->pending_max = 0;
    if (status == FACTUM_OK && sync && log->sent >= START_SIZE_MIN) {
        fct_file_start_sync(segment->file, offset, log->sent);
    }
    writer_check(log);
    return status;
}

factum_status fct_log_commit(struct fct_log *log, bool sync, factum_error *err)
{
    factum_status status = log->sent == 0 ? fct_log_send(log, sync, err) : FACTUM_OK;
    if (status != FACTUM_OK || log->pending == 0) {
        return status;
    }
    writer_check(log);
    status = publish_batch(log, sync, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (!atomic_load_explicit(&log->wants_heartbeat, memory_order_relaxed)) {
        atomic_store(&log->wants_heartbeat, true);
    }
    prepare_next(log);
    writer_check(log);
    return FACTUM_OK;
}

factum_status fct_log_sync(struct fct_log *log, factum_error *err)
{
    FCT_ASSERT(log->sent == 0);
    writer_check(log);
    if (fct_log_durable(log) == fct_log_end(log)) {
        return FACTUM_OK;
    }
    if (fct_log_state(log) == FCT_LOG_FAILED) {
        return fct_log_refusal(log, err); /* rule R9: the kernel may report a second sync as good */
    }
    factum_status status = fct_file_sync(tail_segment(log)->file, err);
    if (status != FACTUM_OK) {
        return fail_for_good(log, status, err);
    }
    atomic_store(&log->durable, fct_log_end(log));
    writer_check(log);
    return FACTUM_OK;
}

factum_status fct_log_heartbeat(struct fct_log *log, factum_error *err)
{
    factum_status status = fct_log_refusal(log, err);
    if (status == FACTUM_READ_ONLY || status == FACTUM_CORRUPT) {
        return FACTUM_OK;
    }
    if (status == FACTUM_OK) {
        status = fct_log_sync(log, err);
    }
    if (status != FACTUM_OK || log->proven_end == fct_log_end(log)) {
        return status;
    }
    FCT_ASSERT(log->proven_end < fct_log_end(log));
    return prove_end(log, err);
}

factum_status fct_log_write_loss(struct fct_log *log, uint64_t base, factum_error *err)
{
    factum_status status = fct_log_reserve_buffer(log, FCT_FOOTER_SIZE, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_log_roll(log, 0, base, err);
    if (status != FACTUM_OK) {
        return status;
    }
    FCT_ASSERT(fct_log_end(log) >= base + FCT_SEGMENT_HEADER_SIZE);
    return write_batch(log, FCT_BATCH_IDLE | FCT_BATCH_LOSS, err);
}
