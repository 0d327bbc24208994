/* repair.c - gives up the damaged end of a log, when there is no backup to restore. Layer: log.
 *
 * |from| is the start of the batch with the first damage, |base| a position after every position
 * that was ever assigned. Steps, each durable before the next:
 *
 *   1. The rest of the damaged segment is copied to lost-<from>, unless an earlier try did that.
 *   2. LAST names |base|, and END is removed: from now on the log opens as DAMAGED until step 6.
 *   3. Later segments are renamed to lost-<name>, the newest first, so that no gap appears.
 *   4. The damaged segment gets the size of its creation, and zeros from |from| on.
 *   5. The log is opened: it is DAMAGED at |from|; it is sealed there.
 *   6. A new segment with a new timeline begins at |base|, with an idle batch with the flag LOSS.
 *
 * After a crash in between the log is DAMAGED, and the same call can be made again, from the place
 * that the log then names (after step 5 the end of the seal).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "core/slice.h"
#include "log/log_int.h"
#include "log/tail.h"

#define LOST_SIZE (FCT_SEGMENT_NAME_SIZE + 24) /* lost-<name>.<number> */

struct loss {
    struct fct_log *log;
    struct fct_segment *segment; /* the damaged one, which contains |from| */
    uint64_t from;
    uint64_t base;      /* a multiple of 4096 */
    uint64_t files_end; /* the position where the last file ends */
};

static void loss_check(const struct loss *loss)
{
    uint64_t first = loss->segment->header.base + FCT_SEGMENT_HEADER_SIZE;
    FCT_ASSERT(loss->from >= first);
    FCT_ASSERT(loss->from <= loss->segment->header.base + loss->segment->capacity);
    FCT_ASSERT(loss->base >= loss->from);
    FCT_ASSERT(loss->base % FCT_SEGMENT_HEADER_SIZE == 0);
}

/* Raises |base| to |position|, rounded up. */
static void raise_base(struct loss *loss, uint64_t position)
{
    uint64_t base = (position + FCT_SEGMENT_HEADER_SIZE - 1) / FCT_SEGMENT_HEADER_SIZE *
                    FCT_SEGMENT_HEADER_SIZE;
    FCT_ASSERT(base >= position);
    loss->base = base > loss->base ? base : loss->base;
}

/* ---- the extent of the loss ------------------------------------------------------------------ */

/* Sets |segment| and |from| for the batch that contains |position|; all before it verify. */
static factum_status find_batch(struct loss *loss, uint64_t position, factum_error *err)
{
    const uint8_t *map;
    struct fct_segment *segment = fct_log_segment_at(loss->log, position);
    factum_status status = fct_segment_map(segment, &map, err);
    if (status != FACTUM_OK) {
        return status;
    }
    uint64_t base = segment->header.base;
    uint64_t offset = position - base;
    uint64_t at = FCT_SEGMENT_HEADER_SIZE;
    while (at < offset) {
        struct fct_batch_header header;
        if (!fct_segment_batch_at(segment, at, segment->capacity, &header)) {
            /* Verify could read it. Nothing is given up because of a fault that comes and goes. */
            return fct_fail(err, FACTUM_IO,
                            "repair: position %" PRIu64
                            " could be read a moment ago, and now it cannot: "
                            "try again",
                            base + at);
        }
        if (at + FCT_BATCH_HEADER_SIZE + header.payload_size > offset) {
            break;
        }
        at += FCT_BATCH_HEADER_SIZE + header.payload_size;
    }
    loss->segment = segment;
    loss->from = base + at;
    loss_check(loss);
    /* Only a forged file has no room: the writer keeps it free. Refused before anything changes. */
    bool stays_sealed = atomic_load(&segment->sealed) && atomic_load(&segment->used) == at;
    if (!stays_sealed && segment->header.size - at < FCT_SEAL_SIZE) {
        return fct_fail(err, FACTUM_CORRUPT,
                        "repair: the segment has no room for a seal at position %" PRIu64
                        ": restore a backup",
                        loss->from);
    }
    return FACTUM_OK;
}

static factum_status find_loss(struct loss *loss, uint64_t from, factum_error *err)
{
    struct fct_log_verify_report report;
    factum_status status = fct_log_verify(loss->log, NULL, &report, err);
    if (status == FACTUM_OK) {
        return fct_fail(err, FACTUM_INVALID, "repair: the log is not damaged: nothing to give up");
    }
    if (status != FACTUM_CORRUPT) {
        return status;
    }
    if (report.bad_from != from) {
        return fct_fail(err, FACTUM_INVALID,
                        "repair: the damage begins at position %" PRIu64 ", not at %" PRIu64,
                        report.bad_from, from);
    }
    raise_base(loss, fct_log_end(loss->log));
    return find_batch(loss, from, err);
}

/* ---- the steps ------------------------------------------------------------------------------- */

static factum_status file_exists(const struct fct_log *log, const char *name, bool *exists,
                                 factum_error *err)
{
    struct fct_file *file;
    factum_status status = fct_file_open_in(log->os, log->dir, name, FCT_OPEN_READ, &file, err);
    *exists = status == FACTUM_OK;
    if (*exists) {
        FCT_ASSERT(file != NULL);
        return fct_file_close(&file, err);
    }
    return status == FACTUM_NOT_FOUND ? FACTUM_OK : status;
}

static void lost_name(const struct loss *loss, char name[FCT_SEGMENT_NAME_SIZE])
{
    (void)snprintf(name, FCT_SEGMENT_NAME_SIZE, "lost-%020" PRIu64, loss->from);
}

/* Writes |bytes|, the rest of the damaged segment, to lost-<from>. */
static factum_status keep_bytes(const struct loss *loss, const uint8_t *bytes, uint64_t size,
                                uint64_t failed, factum_error *err)
{
    const struct fct_log *log = loss->log;
    char name[FCT_SEGMENT_NAME_SIZE];
    uint64_t data_size = fct_scan_data_end(bytes, size);
    FCT_ASSERT(data_size <= size);
    lost_name(loss, name);
    if (failed > 0) {
        fct_log_message(&log->sink, FACTUM_LOG_WARN, "repair.blocks_lost",
                        "%" PRIu64 " %s of %u bytes cannot be read: log/%s has zeros there", failed,
                        failed == 1 ? "block" : "blocks", FCT_SEGMENT_HEADER_SIZE, name);
    }
    if (data_size == 0) {
        return FACTUM_OK;
    }
    return fct_file_replace(log->os, log->dir, name, fct_slice(bytes, (size_t)data_size), err);
}

/* Step 1. It opens the segment again, because a sealed one has no open file. */
static factum_status keep_rest(const struct loss *loss, factum_error *err)
{
    struct fct_log *log = loss->log;
    char name[FCT_SEGMENT_NAME_SIZE];
    struct fct_segment *segment;
    bool kept;
    uint64_t failed = 0;
    uint64_t offset = loss->from - loss->segment->header.base;
    loss_check(loss);
    lost_name(loss, name);
    factum_status status = file_exists(log, name, &kept, err);
    if (status != FACTUM_OK || kept) {
        return status;
    }
    status = fct_segment_open(&segment, log->os, log->mem, log->dir, loss->segment->header.number,
                              false, err);
    if (status != FACTUM_OK) {
        return status;
    }
    uint64_t size = segment->capacity > offset ? segment->capacity - offset : 0;
    uint8_t *bytes = fct_mem_alloc(log->mem, size > 0 ? (size_t)size : 1);
    if (bytes == NULL) {
        status = fct_fail(err, FACTUM_NO_MEMORY, "repair: out of memory");
        goto done;
    }
    status = fct_segment_salvage(segment, offset, size, bytes, &failed, err);
    if (status == FACTUM_OK) {
        status = keep_bytes(loss, bytes, size, failed, err);
    }
done:
    fct_mem_free(log->mem, bytes);
    factum_error later;
    (void)fct_segment_close(segment, log->mem, &later); /* it was open for reading only */
    return status;
}

/* Step 2. A point without a batch number is not a proof but a bound. */
static factum_status record_damage(const struct loss *loss, factum_error *err)
{
    struct fct_log *log = loss->log;
    struct fct_log_point bound = {.position = loss->base};
    loss_check(loss);
    FCT_ASSERT(log->last == NULL);
    factum_status status = fct_end_file_write(log, FCT_LAST_NAME, &bound, err);
    return status == FACTUM_OK && log->end_file ? fct_end_file_remove(log, err) : status;
}

static factum_status note_last(void *data, const char *name)
{
    uint64_t *last = data;
    uint64_t number = fct_segment_number(name);
    *last = number > *last ? number : *last;
    return FACTUM_OK;
}

/* Raises |base| for segment |number|, whose header does not verify. It began at |base| at the
 * latest. */
static factum_status note_unreadable(struct loss *loss, uint64_t number, factum_error *err)
{
    const struct fct_log *log = loss->log;
    char name[FCT_SEGMENT_NAME_SIZE];
    struct fct_file *file;
    uint64_t size = 0;
    fct_segment_name(number, name);
    factum_status status = fct_file_open_in(log->os, log->dir, name, FCT_OPEN_READ, &file, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_file_size(file, &size, err);
    factum_error later;
    (void)fct_file_close(&file, &later); /* it was open for reading only */
    raise_base(loss, loss->base + (size < FCT_SEGMENT_SIZE_MAX ? size : FCT_SEGMENT_SIZE_MAX));
    loss->files_end = loss->base;
    return status;
}

/* Raises |base| after the positions of the later segments. *last is the number of the last one. */
static factum_status note_later(struct loss *loss, uint64_t *last, factum_error *err)
{
    const struct fct_log *log = loss->log;
    const struct fct_segment *segment = loss->segment;
    *last = 0;
    loss->files_end = segment->header.base + segment->file_size;
    raise_base(loss, segment->header.base + segment->header.size);
    factum_status status = fct_os_list_dir(log->os, log->dir, note_last, last, err);
    for (uint64_t number = segment->header.number + 1; status == FACTUM_OK && number <= *last;
         number++) {
        struct fct_segment *later;
        status = fct_segment_open(&later, log->os, log->mem, log->dir, number, false, err);
        if (status == FACTUM_OK) {
            raise_base(loss, later->header.base + later->header.size);
            loss->files_end = later->header.base + later->file_size;
            status = fct_segment_close(later, log->mem, err);
        } else if (status == FACTUM_CORRUPT) {
            status = note_unreadable(loss, number, err);
        }
    }
    return status;
}

/* Raises |base| after the evidence. Where LAST names the start of a missing segment, that segment
 * contained more. */
static void note_evidence_base(struct loss *loss)
{
    FCT_ASSERT(loss->files_end > 0);
    uint64_t evidence = loss->log->recovery.evidence_upto;
    raise_base(loss, evidence > loss->files_end ? evidence + FCT_SEGMENT_SIZE_MAX : evidence);
}

/* A name that is free: lost-<name>, or lost-<name>.2 and so on after earlier losses. */
static factum_status free_name(const struct fct_log *log, const char *name, char lost[LOST_SIZE],
                               factum_error *err)
{
    bool taken = true;
    factum_status status = FACTUM_OK;
    for (unsigned i = 1; status == FACTUM_OK && taken; i++) {
        int length = snprintf(lost, LOST_SIZE, "lost-%s", name);
        FCT_ASSERT(length > 0);
        FCT_ASSERT((size_t)length < LOST_SIZE);
        if (i > 1) {
            (void)snprintf(lost + length, LOST_SIZE - (size_t)length, ".%u", i);
        }
        status = file_exists(log, lost, &taken, err);
    }
    return status;
}

/* Step 3. */
static factum_status quarantine(const struct loss *loss, uint64_t number, factum_error *err)
{
    const struct fct_log *log = loss->log;
    char name[FCT_SEGMENT_NAME_SIZE];
    char lost[LOST_SIZE];
    char from[FCT_PATH_SIZE];
    char to[FCT_PATH_SIZE];
    FCT_ASSERT(number > loss->segment->header.number);
    fct_segment_name(number, name);
    factum_status status = free_name(log, name, lost, err);
    if (status == FACTUM_OK) {
        status = fct_path_join(from, log->dir, name, err);
    }
    if (status == FACTUM_OK) {
        status = fct_path_join(to, log->dir, lost, err);
    }
    if (status == FACTUM_OK) {
        status = fct_os_move(log->os, from, to, err);
    }
    return status == FACTUM_OK ? fct_os_sync_dir(log->os, log->dir, err) : status;
}

/* Step 4. It opens the segment again, because a sealed one has no open file. */
static factum_status blank_rest(const struct loss *loss, factum_error *err)
{
    struct fct_log *log = loss->log;
    struct fct_segment *segment;
    uint64_t size;
    uint64_t offset = loss->from - loss->segment->header.base;
    loss_check(loss);
    fct_segment_unmap(loss->segment);
    bool at_seal =
        atomic_load(&loss->segment->sealed) && atomic_load(&loss->segment->used) == offset;
    factum_status status = fct_segment_open(&segment, log->os, log->mem, log->dir,
                                            loss->segment->header.number, true, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_segment_map_tail(segment, err);
    if (status == FACTUM_OK) {
        status = fct_tail_zero(log, segment, offset, &size, err);
    }
    if (status == FACTUM_OK) {
        fct_segment_unmap(segment); /* no map outlives a change of the size */
        /* After an earlier try the segment ends with the seal of step 5. */
        uint64_t whole = at_seal ? offset : segment->header.size;
        status = fct_file_truncate(segment->file, whole, err);
    }
    if (status == FACTUM_OK) {
        status = fct_file_sync(segment->file, err);
    }
    factum_error later;
    factum_status closed = fct_segment_close(segment, log->mem, status == FACTUM_OK ? err : &later);
    return status == FACTUM_OK ? closed : status;
}

/* Steps 1 to 4. */
static factum_status remove_damaged(struct loss *loss, factum_error *err)
{
    uint64_t last;
    factum_status status = note_later(loss, &last, err);
    note_evidence_base(loss);
    if (status == FACTUM_OK) {
        status = keep_rest(loss, err);
    }
    if (status == FACTUM_OK) {
        status = record_damage(loss, err);
    }
    while (status == FACTUM_OK && last > loss->segment->header.number) {
        status = quarantine(loss, last--, err);
    }
    return status == FACTUM_OK ? blank_rest(loss, err) : status;
}

/* Steps 5 and 6, on the open log. */
static factum_status begin_timeline(struct fct_log *log, const struct loss *loss, factum_error *err)
{
    const struct fct_segment *segment = fct_log_last_segment(log);
    if (fct_log_state(log) != FCT_LOG_DAMAGED || log->recovery.damaged_from != loss->from) {
        return fct_fail(err, FACTUM_CORRUPT, "repair: the log does not end at position %" PRIu64,
                        loss->from);
    }
    if (!atomic_load(&segment->sealed) &&
        segment->capacity - atomic_load(&segment->used) < FCT_SEAL_SIZE) {
        return fct_fail(err, FACTUM_CORRUPT,
                        "repair: the segment has no room for a seal at position %" PRIu64
                        ": restore a backup",
                        loss->from);
    }
    FCT_ASSERT(loss->base >= fct_log_end(log));
    fct_log_set_state(log, FCT_LOG_OPEN, "");
    log->timeline++;
    log->end_file = false;
    factum_status status = fct_log_write_loss(log, loss->base, err);
    if (status == FACTUM_OK) {
        fct_log_message(&log->sink, FACTUM_LOG_WARN, "log.loss_accepted",
                        "positions %" PRIu64 " to %" PRIu64 " were given up", loss->from,
                        loss->base);
    }
    return status;
}

/* Opens the log for steps 5 and 6. */
static factum_status resume(const struct fct_log_options *options, const struct loss *loss,
                            factum_error *err)
{
    struct fct_log *log;
    factum_status status = fct_log_open(&log, options, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = begin_timeline(log, loss, err);
    if (status != FACTUM_OK) {
        fct_log_set_state(log, FCT_LOG_FAILED, "repair failed"); /* closing must not write */
    }
    factum_error later;
    factum_status closed = fct_log_close(log, status == FACTUM_OK ? err : &later);
    return status == FACTUM_OK ? closed : status;
}

factum_status fct_log_accept_loss(const struct fct_log_options *options, uint64_t from,
                                  factum_status (*forget)(void *data, factum_error *err),
                                  void *data, factum_error *err)
{
    struct fct_log_options plain = *options;
    plain.read_only = false;
    plain.threads = false;
    struct loss loss = {.from = from};
    factum_status status = fct_log_open(&loss.log, &plain, err);
    if (status != FACTUM_OK) {
        return fct_wrap(err, status, "repair");
    }
    status = find_loss(&loss, from, err);
    if (status == FACTUM_OK) {
        status = remove_damaged(&loss, err);
    }
    fct_log_set_state(loss.log, FCT_LOG_READ_ONLY, ""); /* closing must not write */
    factum_error later;
    factum_status closed = fct_log_close(loss.log, status == FACTUM_OK ? err : &later);
    status = status == FACTUM_OK ? closed : status;
    if (status != FACTUM_OK) {
        return status;
    }
    status = forget(data, err); /* from here on LAST is the evidence of the loss */
    if (status != FACTUM_OK) {
        return status;
    }
    plain.proof = (struct fct_log_point){.position = 0};
    return resume(&plain, &loss, err);
}
