/* recovery.c - from the files of a directory to a log that can be trusted. Layer: log.
 *
 * 1. The segments are in order: dense numbers, one store, each begins where the one before ends
 *    and carries its chain; all but the last are sealed. If not: CORRUPT, with the file's name.
 *    Only a header that does not verify is damage at its place, as in step 4. Nothing is deleted
 *    but temporary files.
 * 2. The last one is scanned (scan.h), from its start or from a point that it confirms. X = the
 *    first place where no batch verifies. A proof that names another batch than the one that
 *    verifies there, in any segment: CORRUPT.
 * 3. Evidence E = the furthest place known to have been acknowledged: by proofs.h, and by
 *    durable_upto of every header that verifies, before X and after it. A segment that has a
 *    successor was all acknowledged, since R7 lets the successor appear only then.
 * 4. E > X, a block from X on that cannot be read, or a file of the wrong size: acknowledged data
 *    is damaged, or may be. Nothing is changed; what verifies can be read. Otherwise the bytes
 *    after X were never acknowledged: tail.h truncates them and makes sure that what is kept is on
 *    disk.
 * 5. If log/END names X, the end was clean: nothing was written since it was synced. Then neither
 *    the rest of the file is looked at nor anything written.
 *
 * Every step may be interrupted and begun again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "log/log_int.h"
#include "log/proofs.h"
#include "log/scan.h"
#include "log/tail.h"

#define SEGMENTS_MAX ((size_t)1 << 24)
#define TEMPORARIES_MAX 16u

/* ---- what is in the directory ---------------------------------------------------------------- */

struct listing {
    struct fct_log *log;
    uint64_t *numbers;
    size_t count;
    size_t capacity;
    char temporaries[TEMPORARIES_MAX][64];
    size_t temporary_count;
    factum_error *err;
};

/* Except a prepared segment that was left: it is filled again rather than removed, which takes
 * long. */
static bool is_temporary(const char *name)
{
    size_t len = strlen(name);
    return strcmp(name, FCT_PREPARED_NAME) != 0 && len > 4 && len < 64 &&
           strcmp(name + len - 4, ".tmp") == 0;
}

static factum_status note_name(void *data, const char *name)
{
    struct listing *listing = data;
    uint64_t number = fct_segment_number(name);
    if (is_temporary(name) && listing->temporary_count < TEMPORARIES_MAX) {
        memcpy(listing->temporaries[listing->temporary_count++], name, strlen(name) + 1);
    }
    if (number == 0) {
        bool prepared = !listing->log->read_only && strcmp(name, FCT_PREPARED_NAME) == 0;
        listing->log->prepare.left = listing->log->prepare.left || prepared;
        return FACTUM_OK;
    }
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity == 0 ? 64 : listing->capacity * 2;
        void *grown = capacity > SEGMENTS_MAX ? NULL
                                              : fct_mem_resize(listing->log->mem, listing->numbers,
                                                               capacity * sizeof *listing->numbers);
        if (grown == NULL) {
            return fct_fail(listing->err, FACTUM_NO_MEMORY, "open log: out of memory");
        }
        listing->numbers = grown;
        listing->capacity = capacity;
    }
    listing->numbers[listing->count++] = number;
    return FACTUM_OK;
}

static int compare_numbers(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;
    return *x < *y ? -1 : *x > *y;
}

static factum_status remove_temporaries(const struct listing *listing, factum_error *err)
{
    factum_status status = FACTUM_OK;
    for (size_t i = 0; status == FACTUM_OK && i < listing->temporary_count; i++) {
        char path[FCT_PATH_SIZE];
        status = fct_path_join(path, listing->log->dir, listing->temporaries[i], err);
        if (status == FACTUM_OK) {
            status = fct_os_unlink(listing->log->os, path, err);
        }
    }
    return status;
}

static factum_status refuse_name(uint64_t number, uint64_t says, factum_error *err)
{
    return fct_fail(err, FACTUM_CORRUPT,
                    "segment %020" PRIu64 ".seg says that it is number %" PRIu64
                    ": give it that name if that one is missing, else move it aside and keep it",
                    number, says);
}

/* There is a gap before the i-th file: perhaps a file just has the name of another. */
static factum_status refuse_gap(const struct listing *listing, size_t i, factum_error *err)
{
    const struct fct_log *log = listing->log;
    for (size_t at = 0; at < listing->count; at++) {
        uint64_t number = listing->numbers[at];
        uint64_t says = number;
        struct fct_segment *segment;
        factum_status status =
            fct_segment_open(&segment, log->os, log->mem, log->dir, number, false, err);
        if (status == FACTUM_OK) {
            says = segment->header.number;
            (void)fct_segment_close(segment, log->mem, NULL);
        } else if (status != FACTUM_CORRUPT) {
            return status;
        }
        if (says != number) {
            return refuse_name(number, says, err);
        }
    }
    return fct_fail(err, FACTUM_CORRUPT,
                    "segment %020" PRIu64 ".seg is missing from the log: restore it from a backup",
                    listing->numbers[i - 1] + 1);
}

static factum_status list_files(struct listing *listing, factum_error *err)
{
    const struct fct_log *log = listing->log;
    listing->err = err;
    factum_status status = fct_os_list_dir(log->os, log->dir, note_name, listing, err);
    if (status == FACTUM_NOT_FOUND) {
        return fct_fail(err, FACTUM_NOT_FOUND, "no store here: there is no %s", log->dir);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (listing->count > 0) {
        qsort(listing->numbers, listing->count, sizeof *listing->numbers, compare_numbers);
    }
    for (size_t i = 1; i < listing->count; i++) {
        if (listing->numbers[i] != listing->numbers[i - 1] + 1) {
            return refuse_gap(listing, i, err);
        }
    }
    return log->read_only ? FACTUM_OK : remove_temporaries(listing, err);
}

/* ---- the last segment ------------------------------------------------------------------------ */

static void report_damage(struct fct_log *log, const struct fct_segment *segment,
                          const struct fct_scan *scan, const char *what)
{
    char name[FCT_SEGMENT_NAME_SIZE];
    char reason[sizeof log->reason];
    uint64_t from = scan->base + scan->offset;
    fct_segment_name(segment->header.number, name);
    log->recovery.damaged_from = from;
    (void)snprintf(reason, sizeof reason,
                   "segment %s is damaged at position %" PRIu64 " (%s; acknowledged up to %" PRIu64
                   "): restore a backup, or give up the rest: factum repair --accept-loss "
                   "%" PRIu64,
                   name, from, what, scan->evidence, from);
    fct_log_set_state(log, FCT_LOG_DAMAGED, reason);
}

/* The log as the scan has found it. */
static void settle(struct fct_log *log, struct fct_segment *segment, const struct fct_scan *scan)
{
    uint64_t end = scan->base + scan->offset;
    log->chain = scan->chain;
    log->batch_number = scan->number;
    log->epoch = scan->epoch > log->epoch ? scan->epoch : log->epoch;
    log->segment_records = scan->records;
    log->segment_created_first = scan->created_first;
    log->segment_created_last = scan->created_last;
    log->segment_counted = scan->start == FCT_SEGMENT_HEADER_SIZE;
    log->recovery.scanned_bytes += scan->offset - scan->start;
    log->recovery.evidence_upto = scan->evidence;
    atomic_store(&segment->used, scan->offset);
    atomic_store(&segment->sealed, scan->sealed);
    atomic_store(&log->end, end);
    atomic_store(&log->durable, end);
}

/* A restored backup: the last file was copied only as far as it was used. It must end where X is,
 * or in zeros behind it, which an interrupted completion leaves, and there must be nothing else
 * that knows how far the log went. */
static bool is_copy(const struct fct_segment *segment, const struct fct_scan *scan,
                    const struct fct_proofs *proofs)
{
    return proofs->count == 0 && !scan->sealed && scan->zero_from == scan->offset &&
           segment->file_size < segment->header.size;
}

/* Gives it the size that it had, in zeros that are there (rule R5). */
static factum_status complete_copy(const struct fct_log *log, struct fct_segment *segment,
                                   struct fct_scan *scan, factum_error *err)
{
    uint64_t size = segment->header.size;
    factum_status status = fct_tail_fill(log, segment, scan->offset, size, err);
    if (status == FACTUM_OK) {
        status = fct_file_sync(segment->file, err);
    }
    if (status == FACTUM_OK) {
        fct_segment_unmap(segment);
        segment->file_size = size;
        segment->capacity = size;
        status = fct_segment_map_tail(segment, err);
    }
    scan->map = atomic_load(&segment->map);
    return status;
}

static const char *damage_of(const struct fct_segment *segment, const struct fct_scan *scan)
{
    if (scan->failed) {
        return "it cannot be read";
    }
    if (scan->evidence > scan->base + scan->offset) {
        return scan->sealed ? "the segment after it is missing" : "no batch verifies there";
    }
    /* A file is made in full before it becomes a segment, and cut only behind its seal. */
    bool whole = segment->file_size >= segment->header.size;
    bool cut = scan->sealed && segment->file_size >= scan->offset;
    return whole || cut ? NULL : "the file is too short";
}

/* Drops what a cache may show that is not on disk, and maps again: what lies between the last place
 * that a header names as durable and *zeros, from where on the file holds only zeros. Those need
 * not come from the device again: a failed sync can make the cache show more than there is, never
 * less. */
static factum_status drop_and_map(struct fct_segment *segment, const struct fct_scan *scan,
                                  const struct fct_scan *proven, uint64_t *zeros, factum_error *err)
{
    bool failed; /* the scan that follows finds out where */
    *zeros = fct_scan_zero_from(segment, scan->offset, segment->capacity, &failed);
    fct_segment_unmap(segment);
    factum_status status = fct_file_drop_cache(segment->file, proven->offset, *zeros, err);
    return status == FACTUM_OK ? fct_segment_map_tail(segment, err) : status;
}

/* Scans the last segment as the cache shows it and, unless nothing was written since END was, what
 * is not proven to be on the device once more, from there. */
static factum_status scan_last(const struct fct_log *log, struct fct_segment *segment,
                               const struct fct_proofs *proofs, struct fct_scan *scan, bool *clean,
                               factum_error *err)
{
    uint64_t zeros = segment->capacity;
    struct fct_scan proven;
    *clean = false;
    factum_status status = fct_segment_map_tail(segment, err);
    if (status == FACTUM_OK) {
        fct_scan_run(scan, segment, proofs->points, proofs->count, &proven);
        *clean =
            proofs->end != 0 && proofs->end == scan->base + scan->offset && scan->foreign == NULL;
    }
    if (status == FACTUM_OK && !*clean && !log->read_only) {
        status = drop_and_map(segment, scan, &proven, &zeros, err);
        if (status == FACTUM_OK) {
            fct_scan_again(scan, &proven);
        }
    }
    if (status == FACTUM_OK && !*clean) {
        fct_scan_rest(scan, zeros);
    }
    return status;
}

static factum_status recover_last(struct fct_log *log, struct fct_segment *segment,
                                  const struct fct_proofs *proofs, factum_error *err)
{
    struct fct_scan scan;
    bool clean;
    factum_status status = scan_last(log, segment, proofs, &scan, &clean, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (scan.foreign != NULL) {
        return fct_proofs_refuse(proofs, scan.foreign, segment, err);
    }
    status = fct_proofs_check(proofs, log, scan.base + scan.start, err);
    if (status != FACTUM_OK) {
        return status;
    }
    bool copy = is_copy(segment, &scan, proofs);
    if (copy && !log->read_only) {
        status = complete_copy(log, segment, &scan, err);
    }
    settle(log, segment, &scan);
    log->proven_end = proofs->proven_end;
    atomic_store(&log->wants_heartbeat, log->proven_end != fct_log_end(log));
    log->epoch = (proofs->epoch > log->epoch ? proofs->epoch : log->epoch) + 1;
    const char *damage = copy ? NULL : damage_of(segment, &scan);
    if (damage != NULL) {
        report_damage(log, segment, &scan, damage);
        return FACTUM_OK;
    }
    bool excess = scan.sealed && segment->file_size > scan.offset;
    return status != FACTUM_OK || log->read_only || (clean && !excess)
               ? status
               : fct_tail_recover(log, segment, &scan, err);
}

/* ---- all segments ---------------------------------------------------------------------------- */

/* Is |segment| the successor of what came before? |base| is where that ended. */
static factum_status check_order(const struct fct_log *log, const struct fct_segment *segment,
                                 uint64_t number, uint64_t base, factum_error *err)
{
    const struct fct_segment_header *header = &segment->header;
    bool first = fct_log_last_segment(log) == NULL;
    bool gap = header->base > base && header->timeline > log->timeline; /* a loss was accepted */
    const char *wrong = NULL;
    if (header->number != number) {
        return refuse_name(number, header->number, err);
    }
    if (first && (header->number != 1 || header->base != 0)) {
        wrong = "is the first one there, but not the first of the log";
    } else if (!first && memcmp(&header->store_id, &log->store_id, sizeof log->store_id) != 0) {
        wrong = "is of another store";
    } else if (!first && header->base != base && !gap) {
        wrong = "does not begin where the one before ends";
    } else if (!first && (header->chain != log->chain || header->timeline < log->timeline ||
                          header->batch_number != log->batch_number)) {
        wrong = "does not continue the chain of the one before";
    }
    if (wrong == NULL && header->read_compatible != 0 && !log->read_only) {
        return fct_fail(err, FACTUM_NEWER_FORMAT,
                        "segment %020" PRIu64 ".seg has features that this version can only read: "
                        "open the store read-only",
                        header->number);
    }
    return wrong == NULL ? FACTUM_OK
                         : fct_fail(err, FACTUM_CORRUPT,
                                    "segment %020" PRIu64 ".seg %s: restore it from a backup",
                                    header->number, wrong);
}

/* A segment that has a successor must be sealed; if its seal does not verify, what can be read of
 * it is scanned, and its successor is the evidence that there was more. */
static factum_status recover_sealed(struct fct_log *log, struct fct_segment *segment,
                                    factum_error *err)
{
    struct fct_batch_header seal;
    struct fct_segment_footer footer;
    uint64_t chain;
    factum_status status = fct_segment_read_seal(segment, &seal, &footer, &chain, err);
    if (status == FACTUM_OK) {
        log->chain = chain;
        log->batch_number = seal.number + 1;
        log->epoch = seal.epoch > log->epoch ? seal.epoch : log->epoch;
        atomic_store(&segment->used, segment->capacity);
        atomic_store(&segment->sealed, true);
        return fct_file_close(&segment->file, err);
    }
    bool unreadable = status == FACTUM_IO;
    if (status != FACTUM_DONE && !unreadable) {
        return status;
    }
    struct fct_scan scan;
    status = fct_segment_map_tail(segment, err);
    if (status == FACTUM_OK) {
        fct_scan_run(&scan, segment, NULL, 0, NULL);
        fct_scan_rest(&scan, segment->capacity);
        settle(log, segment, &scan);
        report_damage(log, segment, &scan,
                      scan.failed || unreadable ? "it cannot be read"
                      : scan.sealed             ? "its seal is not at its end"
                                                : "its seal or its successor is wrong");
    }
    return status;
}

/* A segment without a header that verifies: all from its place on is beyond what can be trusted.
 * |base| is where the one before ends. */
static void lose_segment(struct fct_log *log, uint64_t base, const char *why)
{
    char reason[sizeof log->reason];
    (void)snprintf(reason, sizeof reason,
                   "%.80s (position %" PRIu64 " on): restore it from a backup, or give up what "
                   "follows with factum repair --accept-loss %" PRIu64,
                   why, base, base);
    fct_log_set_damaged(log, base, reason);
}

static factum_status recover_segment(struct fct_log *log, const struct fct_log_options *options,
                                     uint64_t number, bool last, factum_error *err)
{
    struct fct_segment *segment;
    const struct fct_segment *before = fct_log_last_segment(log);
    uint64_t base = before == NULL ? 0 : before->header.base + before->capacity;
    bool write = last && !log->read_only;
    factum_error reason;
    factum_status status = fct_log_reserve_segment(log, &reason);
    if (status == FACTUM_OK) {
        status = fct_segment_open(&segment, log->os, log->mem, log->dir, number, write, &reason);
    }
    if (status == FACTUM_CORRUPT && before != NULL) {
        lose_segment(log, base, reason.text);
        return FACTUM_OK;
    }
    if (status != FACTUM_OK) {
        if (err != NULL) {
            *err = reason;
        }
        return status;
    }
    status = check_order(log, segment, number, base, err);
    if (status != FACTUM_OK) {
        (void)fct_segment_close(segment, log->mem, NULL);
        return status;
    }
    log->store_id = segment->header.store_id;
    log->timeline = segment->header.timeline;
    fct_log_add_segment(log, segment);
    if (!last) {
        return recover_sealed(log, segment, err);
    }
    struct fct_proofs proofs;
    status = fct_proofs_gather(&proofs, log, options, err);
    return status == FACTUM_OK ? recover_last(log, segment, &proofs, err) : status;
}

/* The very first segment of a new store. */
static factum_status create(struct fct_log *log, const struct fct_log_options *options,
                            factum_error *err)
{
    bool any = options->proof.position > 0;
    factum_status status = fct_proofs_exist(log, &any, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (any) {
        return fct_fail(err, FACTUM_CORRUPT,
                        "the log's segments are missing from %s: restore them from a backup",
                        log->dir);
    }
    if (log->read_only || options->must_exist) {
        return fct_fail(err, FACTUM_NOT_FOUND, "no store here: %s has no segments", log->dir);
    }
    status = fct_os_random(log->os, log->store_id.bytes, sizeof log->store_id.bytes, err);
    log->store_id.bytes[6] = (uint8_t)((log->store_id.bytes[6] & 0x0f) | 0x40); /* version 4 */
    log->store_id.bytes[8] = (uint8_t)((log->store_id.bytes[8] & 0x3f) | 0x80);
    log->timeline = 1;
    log->epoch = 1;
    log->batch_number = 1;
    log->recovery.created = true;
    return status == FACTUM_OK ? fct_log_create_first(log, err) : status;
}

/* How far the log is known to have gone, where the last segment was not reached. */
static factum_status note_evidence_upto(struct fct_log *log, const struct fct_log_options *options,
                                        factum_error *err)
{
    struct fct_proofs proofs;
    factum_status status = fct_proofs_gather(&proofs, log, options, err);
    for (size_t i = 0; i < proofs.count; i++) {
        if (proofs.points[i].position > log->recovery.evidence_upto) {
            log->recovery.evidence_upto = proofs.points[i].position;
        }
    }
    return status;
}

factum_status fct_log_recover(struct fct_log *log, const struct fct_log_options *options,
                              factum_error *err)
{
    struct listing listing = {.log = log};
    log->recovery.damaged_from = UINT64_MAX;
    factum_status status = list_files(&listing, err);
    if (status == FACTUM_OK && listing.count == 0) {
        status = create(log, options, err);
    }
    for (size_t i = 0; status == FACTUM_OK && i < listing.count; i++) {
        status = recover_segment(log, options, listing.numbers[i], i + 1 == listing.count, err);
        if (status == FACTUM_OK && fct_log_state(log) == FCT_LOG_DAMAGED) {
            status = note_evidence_upto(log, options, err);
            break; /* later segments are beyond what can be trusted */
        }
    }
    fct_mem_free(log->mem, listing.numbers);
    if (status == FACTUM_OK && log->read_only && fct_log_state(log) == FCT_LOG_OPEN) {
        atomic_store(&log->state, FCT_LOG_READ_ONLY);
    }
    return status;
}
