/* repair.c - giving up what is damaged, when nothing better is left. Layer: log.
 *
 * Let X be the start of the batch with the first damage, and B a position behind all that was ever
 * handed out. Steps, each durable before the next:
 *
 *   1. the rest of X's segment is copied to lost-<X>, unless an earlier try has done so
 *   2. LAST says B and END goes: from now on the log opens as DAMAGED until step 6 is done
 *   3. later segments are renamed to lost-<name>, the newest first, so that no gap appears
 *   4. X's segment gets the size that it was made with, and zeros from X on
 *   5. the log is opened: it is DAMAGED at X; it is sealed there
 *   6. a new segment in a new timeline begins at B with an idle batch that has the flag LOSS
 *
 * A crash in between leaves a DAMAGED log, for which the same call can be made again (from the
 * place that it then names: after step 5 it is the end of the seal).
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
    struct fct_segment *segment; /* X lies in it */
    uint64_t from;               /* X */
    uint64_t base;               /* B */
    uint64_t files_end;          /* the position where the last file ends */
};

static void note_base(struct loss *loss, uint64_t position)
{
    uint64_t base = (position + FCT_SEGMENT_HEADER_SIZE - 1) / FCT_SEGMENT_HEADER_SIZE *
                    FCT_SEGMENT_HEADER_SIZE;
    loss->base = base > loss->base ? base : loss->base;
}

/* ---- what is to be given up ------------------------------------------------------------------ */

/* The start of the batch that |position| lies in; all before it verifies. */
static factum_status batch_start(struct loss *loss, uint64_t position, factum_error *err)
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
        if (!fct_segment_readable(segment, at, FCT_BATCH_HEADER_SIZE) ||
            fct_batch_header_decode(map + at, base + at, segment->header.salt, &header) !=
                FACTUM_OK) {
            /* A moment ago it did: nothing may be given up for a fault that comes and goes. */
            return fct_fail(err, FACTUM_IO,
                            "repair: position %" PRIu64 " cannot be read any more: try again",
                            base + at);
        }
        if (at + FCT_BATCH_HEADER_SIZE + header.payload_size > offset) {
            break;
        }
        at += FCT_BATCH_HEADER_SIZE + header.payload_size;
    }
    loss->segment = segment;
    loss->from = base + at;
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
    note_base(loss, fct_log_end(loss->log));
    return batch_start(loss, from, err);
}

/* ---- the steps ------------------------------------------------------------------------------- */

static factum_status exists(const struct fct_log *log, const char *name, bool *there,
                            factum_error *err)
{
    char path[FCT_PATH_SIZE];
    struct fct_file *file;
    factum_status status = fct_path_join(path, log->dir, name, err);
    if (status == FACTUM_OK) {
        status = fct_file_open(log->os, path, FCT_OPEN_READ, &file, err);
    }
    *there = status == FACTUM_OK;
    if (*there) {
        return fct_file_close(&file, err);
    }
    return status == FACTUM_NOT_FOUND ? FACTUM_OK : status;
}

/* Writes |bytes|, the rest of X's segment, to lost-<X>. */
static factum_status keep_bytes(const struct loss *loss, const uint8_t *bytes, uint64_t size,
                                uint64_t failed, factum_error *err)
{
    const struct fct_log *log = loss->log;
    char name[FCT_SEGMENT_NAME_SIZE];
    (void)snprintf(name, sizeof name, "lost-%020" PRIu64, loss->from);
    size = fct_scan_data_end(bytes, size);
    if (failed > 0) {
        fct_log_message(&log->sink, FACTUM_LOG_WARN, "repair.blocks_lost",
                        "%" PRIu64 " blocks of %u bytes cannot be read: log/%s has zeros for them",
                        failed, FCT_SEGMENT_HEADER_SIZE, name);
    }
    return size == 0
               ? FACTUM_OK
               : fct_file_replace(log->os, log->dir, name, fct_slice(bytes, (size_t)size), err);
}

/* Step 1, through a file of its own, since a sealed segment has none. */
static factum_status keep(const struct loss *loss, factum_error *err)
{
    struct fct_log *log = loss->log;
    char name[FCT_SEGMENT_NAME_SIZE];
    struct fct_segment *segment;
    bool kept;
    uint64_t failed = 0;
    uint64_t offset = loss->from - loss->segment->header.base;
    (void)snprintf(name, sizeof name, "lost-%020" PRIu64, loss->from);
    factum_status status = exists(log, name, &kept, err);
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
    status = bytes == NULL ? fct_fail(err, FACTUM_NO_MEMORY, "repair: out of memory")
                           : fct_segment_salvage(segment, offset, size, bytes, &failed, err);
    if (status == FACTUM_OK) {
        status = keep_bytes(loss, bytes, size, failed, err);
    }
    fct_mem_free(log->mem, bytes);
    (void)fct_segment_close(segment, log->mem, NULL); /* it was open for reading only */
    return status;
}

/* Step 2. */
static factum_status record_damage(const struct loss *loss, factum_error *err)
{
    const struct fct_log *log = loss->log;
    struct fct_log_point point = {.position = loss->base};
    factum_status status = fct_end_file_write(log, FCT_LAST_NAME, &point, err);
    if (status == FACTUM_OK && log->end_file) {
        char path[FCT_PATH_SIZE];
        status = fct_path_join(path, log->dir, FCT_END_NAME, err);
        if (status == FACTUM_OK) {
            status = fct_os_unlink(log->os, path, err);
        }
        if (status == FACTUM_OK) {
            status = fct_os_sync_dir(log->os, log->dir, err);
        }
    }
    return status;
}

static factum_status note_last(void *data, const char *name)
{
    uint64_t *last = data;
    uint64_t number = fct_segment_number(name);
    *last = number > *last ? number : *last;
    return FACTUM_OK;
}

/* Segment |number| has no header that says where it lies: it began at loss->base at the latest. */
static factum_status note_unreadable(struct loss *loss, uint64_t number, factum_error *err)
{
    const struct fct_log *log = loss->log;
    char name[FCT_SEGMENT_NAME_SIZE];
    char path[FCT_PATH_SIZE];
    struct fct_file *file;
    uint64_t size = 0;
    fct_segment_name(number, name);
    factum_status status = fct_path_join(path, log->dir, name, err);
    if (status == FACTUM_OK) {
        status = fct_file_open(log->os, path, FCT_OPEN_READ, &file, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_file_size(file, &size, err);
    factum_status closed = fct_file_close(&file, NULL);
    (void)closed; /* it was open for reading only */
    note_base(loss, loss->base + (size < FCT_SEGMENT_SIZE_MAX ? size : FCT_SEGMENT_SIZE_MAX));
    loss->files_end = loss->base;
    return status;
}

/* How far positions were handed out: later segments say it. */
static factum_status note_later(struct loss *loss, uint64_t *last, factum_error *err)
{
    const struct fct_log *log = loss->log;
    const struct fct_segment *segment = loss->segment;
    *last = 0;
    loss->files_end = segment->header.base + segment->file_size;
    note_base(loss, segment->header.base + segment->header.size);
    factum_status status = fct_os_list_dir(log->os, log->dir, note_last, last, err);
    for (uint64_t number = segment->header.number + 1; status == FACTUM_OK && number <= *last;
         number++) {
        struct fct_segment *later;
        status = fct_segment_open(&later, log->os, log->mem, log->dir, number, false, err);
        if (status == FACTUM_OK) {
            note_base(loss, later->header.base + later->header.size);
            loss->files_end = later->header.base + later->file_size;
            status = fct_segment_close(later, log->mem, err);
        } else if (status == FACTUM_CORRUPT) {
            status = note_unreadable(loss, number, err);
        }
    }
    return status;
}

/* LAST may name only the start of a segment that is missing, which held more. */
static void note_evidence_base(struct loss *loss)
{
    uint64_t evidence = loss->log->recovery.evidence_upto;
    note_base(loss, evidence > loss->files_end ? evidence + FCT_SEGMENT_SIZE_MAX : evidence);
}

/* lost-<name>, or lost-<name>.2 and so on if an earlier loss took that. */
static factum_status free_name(const struct fct_log *log, const char *name, char lost[LOST_SIZE],
                               factum_error *err)
{
    bool there = true;
    factum_status status = FACTUM_OK;
    for (unsigned i = 1; status == FACTUM_OK && there; i++) {
        int length = snprintf(lost, LOST_SIZE, "lost-%s", name);
        if (i > 1) {
            (void)snprintf(lost + length, LOST_SIZE - (size_t)length, ".%u", i);
        }
        status = exists(log, lost, &there, err);
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

/* Step 4, through a file of its own, since a sealed segment has none. */
static factum_status blank(const struct loss *loss, factum_error *err)
{
    struct fct_log *log = loss->log;
    struct fct_segment *segment;
    uint64_t size;
    uint64_t offset = loss->from - loss->segment->header.base;
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
        /* After an earlier try it ends with the seal of step 5. */
        uint64_t whole = at_seal ? offset : segment->header.size;
        status = fct_file_truncate(segment->file, whole, err);
    }
    if (status == FACTUM_OK) {
        status = fct_file_sync(segment->file, err);
    }
    factum_status closed = fct_segment_close(segment, log->mem, status == FACTUM_OK ? err : NULL);
    return status == FACTUM_OK ? closed : status;
}

/* Steps 1 to 4. */
static factum_status cut_damaged(struct loss *loss, factum_error *err)
{
    uint64_t last;
    factum_status status = note_later(loss, &last, err);
    note_evidence_base(loss);
    if (status == FACTUM_OK) {
        status = keep(loss, err);
    }
    if (status == FACTUM_OK) {
        status = record_damage(loss, err);
    }
    while (status == FACTUM_OK && last > loss->segment->header.number) {
        status = quarantine(loss, last--, err);
    }
    return status == FACTUM_OK ? blank(loss, err) : status;
}

/* Steps 5 and 6. */
static factum_status resume(const struct fct_log_options *options, const struct loss *loss,
                            factum_error *err)
{
    struct fct_log *log;
    factum_status status = fct_log_open(&log, options, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (fct_log_state(log) != FCT_LOG_DAMAGED || log->recovery.damaged_from != loss->from) {
        status = fct_fail(err, FACTUM_CORRUPT, "repair: the log does not end at position %" PRIu64,
                          loss->from);
    } else {
        fct_log_set_state(log, FCT_LOG_OPEN, "");
        log->timeline++;
        log->end_file = false;
        status = fct_log_write_loss(log, loss->base, err);
        fct_log_message(&log->sink, FACTUM_LOG_WARN, "log.loss_accepted",
                        "positions %" PRIu64 " to %" PRIu64 " were given up", loss->from,
                        loss->base);
    }
    if (status != FACTUM_OK) {
        fct_log_set_state(log, FCT_LOG_FAILED, "repair failed"); /* closing must not write */
    }
    factum_status closed = fct_log_close(log, status == FACTUM_OK ? err : NULL);
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
        status = cut_damaged(&loss, err);
    }
    fct_log_set_state(loss.log, FCT_LOG_READ_ONLY, ""); /* closing must not write */
    factum_status closed = fct_log_close(loss.log, status == FACTUM_OK ? err : NULL);
    status = status == FACTUM_OK ? closed : status;
    if (status == FACTUM_OK) {
        status = forget(data, err); /* LAST is the evidence now */
    }
    plain.proof = (struct fct_log_point){.position = 0};
    return status == FACTUM_OK ? resume(&plain, &loss, err) : status;
}
