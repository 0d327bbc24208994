/* recovery.c - from the files of a directory to a log that can be trusted. Layer: log. Rules R11 to
 * R13 of docs/formats.md.
 *
 * 1. The segments must be in order: dense numbers, one store, each begins where the one before ends
 *    and carries its chain; all but the last are sealed. Otherwise: CORRUPT, with the file's name.
 *    A header that does not verify is damage at its place, as in step 4. Only temporary files are
 *    deleted.
 * 2. The last segment is scanned (scan.h), from its start or from a proof that it confirms. The
 *    valid log ends where no batch is valid. A proof that contradicts the batch at its place, in
 *    any segment: CORRUPT.
 * 3. The evidence is the furthest place known to have been acknowledged: by proofs.h, and by
 *    durable_upto of every header that verifies, in the valid log and after it. A segment that has
 *    a successor was all acknowledged, since R7 lets the successor appear only then.
 * 4. Evidence after the end of the valid log, a block after it that cannot be read, a file that is
 *    too short, or no room for a seal: acknowledged data is damaged, or may be. Nothing is changed;
 *    valid batches can be read. Otherwise the bytes after the valid log were never acknowledged:
 *    tail.h truncates them and makes sure that the valid ones are on disk.
 * 5. If log/END names the end of the valid log, the close was clean: nothing was written since.
 *    Then the rest of the file is not read, and nothing is written.
 *
 * A crash in any step is repaired by the next opening.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "core/uuid.h"
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

/* The segment that an earlier run prepared is left to prepare.h: it is large, and an opening does
 * not wait for its removal. */
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
    FCT_ASSERT(listing->count <= listing->capacity);
    FCT_ASSERT(listing->temporary_count <= TEMPORARIES_MAX);
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

static factum_status remove_temporaries(const struct listing *listing, factum_error *err)
{
    factum_status status = FACTUM_OK;
    FCT_ASSERT(!listing->log->read_only);
    for (size_t i = 0; status == FACTUM_OK && i < listing->temporary_count; i++) {
        status =
            fct_os_unlink_in(listing->log->os, listing->log->dir, listing->temporaries[i], err);
    }
    return status;
}

static factum_status refuse_name(uint64_t number, uint64_t own, factum_error *err)
{
    FCT_ASSERT(number != own);
    return fct_fail(err, FACTUM_CORRUPT,
                    "segment %020" PRIu64 ".seg contains segment number %" PRIu64
                    ": rename it to %020" PRIu64
                    ".seg if that file is missing; otherwise move it out of the directory and keep "
                    "it",
                    number, own, own);
}

/* Reports the gap in the numbers before the file with index |i|: as a file under the name of
 * another if there is such a file. */
static factum_status refuse_gap(const struct listing *listing, size_t i, factum_error *err)
{
    const struct fct_log *log = listing->log;
    FCT_ASSERT(i > 0);
    FCT_ASSERT(i < listing->count);
    for (size_t at = 0; at < listing->count; at++) {
        uint64_t number = listing->numbers[at];
        uint64_t own = number;
        factum_error later;
        struct fct_segment *segment;
        factum_status status =
            fct_segment_open(&segment, log->os, log->mem, log->dir, number, false, err);
        if (status == FACTUM_OK) {
            own = segment->header.number;
            (void)fct_segment_close(segment, log->mem, &later); /* open for reading only */
        } else if (status != FACTUM_CORRUPT) {
            return status;
        }
        if (own != number) {
            return refuse_name(number, own, err);
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
        return fct_fail(err, FACTUM_NOT_FOUND, "no store here: %s does not exist", log->dir);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (listing->count > 0) {
        qsort(listing->numbers, listing->count, sizeof *listing->numbers, fct_log_compare_u64);
        FCT_ASSERT(listing->numbers[0] > 0);
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
    FCT_ASSERT(from == fct_log_end(log));
    fct_segment_name(segment->header.number, name);
    log->recovery.damaged_from = from;
    (void)snprintf(reason, sizeof reason,
                   "segment %s is damaged at position %" PRIu64 " (%s; acknowledged up to %" PRIu64
                   "): restore a backup, or give up the rest: factum repair --accept-loss "
                   "%" PRIu64,
                   name, from, what, scan->evidence, from);
    fct_log_set_state(log, FCT_LOG_DAMAGED, reason);
}

/* Gives the log the end that the scan found. */
static void set_end(struct fct_log *log, struct fct_segment *segment, const struct fct_scan *scan)
{
    uint64_t end = scan->base + scan->offset;
    FCT_ASSERT(segment == fct_log_last_segment(log));
    FCT_ASSERT(scan->offset <= segment->capacity);
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

/* Is the last file the copy of a restored backup, which has only the used bytes? It must end with
 * the valid log, or with zeros after it, which an interrupted complete_copy leaves; and there must
 * be no proof of how far the log went. */
static bool is_copy(const struct fct_segment *segment, const struct fct_scan *scan,
                    const struct fct_proofs *proofs)
{
    return proofs->count == 0 && !scan->sealed && scan->zero_from == scan->offset &&
           segment->file_size < segment->header.size;
}

/* Fills a copy with zeros up to the size of the original (rule R5). */
static factum_status complete_copy(const struct fct_log *log, struct fct_segment *segment,
                                   struct fct_scan *scan, factum_error *err)
{
    uint64_t size = segment->header.size;
    FCT_ASSERT(!log->read_only);
    FCT_ASSERT(segment->file_size < size);
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

/* Why the log must not be written to; NULL if it may. */
static const char *damage_of(const struct fct_segment *segment, const struct fct_scan *scan)
{
    if (scan->failed) {
        return "it cannot be read";
    }
    if (scan->evidence > scan->base + scan->offset) {
        return scan->sealed ? "the segment after it is missing" : "no batch verifies there";
    }
    /* A file has its full size before it becomes a segment; only a sealed one is truncated. */
    bool whole = segment->file_size >= segment->header.size;
    bool truncated = scan->sealed && segment->file_size >= scan->offset;
    if (!whole && !truncated) {
        return "the file is too short";
    }
    bool room = scan->sealed || segment->capacity - scan->offset >= FCT_SEAL_SIZE;
    return room ? NULL : "it has no room for a seal";
}

/* Drops the cached pages of [proven->offset, *zeros) and maps the file again: the cache may show
 * bytes there that are not on disk. From *zeros on the file contains only zeros, which need not
 * be read again: after a failed sync the cache can show more than the disk has, never less. */
static factum_status drop_and_map(struct fct_segment *segment, const struct fct_scan *scan,
                                  const struct fct_scan *proven, uint64_t *zeros, factum_error *err)
{
    bool failed; /* the next scan finds out where */
    FCT_ASSERT(proven->offset <= scan->offset);
    *zeros = fct_scan_zero_from(segment, scan->offset, segment->capacity, &failed);
    fct_segment_unmap(segment);
    factum_status status = fct_file_drop_cache(segment->file, proven->offset, *zeros, err);
    return status == FACTUM_OK ? fct_segment_map_tail(segment, err) : status;
}

/* Scans the last segment as the cache shows it. Unless the last close was clean, it then scans what
 * is not proven to be on the device again, from the device. */
static factum_status scan_last(const struct fct_log *log, struct fct_segment *segment,
                               const struct fct_proofs *proofs, struct fct_scan *scan, bool *clean,
                               factum_error *err)
{
    uint64_t zeros = segment->capacity;
    struct fct_scan proven;
    *clean = false;
    factum_status status = fct_segment_map_tail(segment, err);
    if (status != FACTUM_OK) {
        return status;
    }
    fct_scan_run(scan, segment, proofs->points, proofs->count, &proven);
    *clean = proofs->end != 0 && proofs->end == scan->base + scan->offset && scan->foreign == NULL;
    if (*clean) {
        return FACTUM_OK;
    }
    if (!log->read_only) {
        status = drop_and_map(segment, scan, &proven, &zeros, err);
        if (status != FACTUM_OK) {
            return status;
        }
        fct_scan_again(scan, &proven);
    }
    fct_scan_rest(scan, zeros);
    FCT_ASSERT(scan->zero_from >= scan->offset);
    return FACTUM_OK;
}

/* Gives the log the state that the scan and the proofs show: DAMAGED, or ready for writing. */
static factum_status use_last(struct fct_log *log, struct fct_segment *segment,
                              const struct fct_proofs *proofs, struct fct_scan *scan, bool clean,
                              factum_error *err)
{
    bool copy = is_copy(segment, scan, proofs);
    if (copy && !log->read_only) {
        factum_status status = complete_copy(log, segment, scan, err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    set_end(log, segment, scan);
    log->proven_end = proofs->proven_end;
    atomic_store(&log->wants_heartbeat, log->proven_end != fct_log_end(log));
    log->epoch = (proofs->epoch > log->epoch ? proofs->epoch : log->epoch) + 1;
    const char *damage = copy && log->read_only ? NULL : damage_of(segment, scan);
    if (damage != NULL) {
        report_damage(log, segment, scan, damage);
        return FACTUM_OK;
    }
    FCT_ASSERT(log->proven_end <= fct_log_end(log));
    bool excess = scan->sealed && segment->file_size > scan->offset;
    if (log->read_only || (clean && !excess)) {
        return FACTUM_OK;
    }
    return fct_tail_recover(log, segment, scan, err);
}

static factum_status recover_last(struct fct_log *log, struct fct_segment *segment,
                                  const struct fct_log_options *options, factum_error *err)
{
    struct fct_proofs proofs;
    struct fct_scan scan;
    bool clean;
    factum_status status = fct_proofs_gather(&proofs, log, options, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = scan_last(log, segment, &proofs, &scan, &clean, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (scan.foreign != NULL) {
        return fct_proofs_refuse(&proofs, scan.foreign, segment, err);
    }
    status = fct_proofs_check(&proofs, log, scan.base + scan.start, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return use_last(log, segment, &proofs, &scan, clean, err);
}

/* ---- all segments ---------------------------------------------------------------------------- */

/* CORRUPT if |segment| does not have the number |number|, or does not continue the segment before,
 * which ends at |base|. NEWER_FORMAT if this version may only read it. */
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
        wrong = "is the first file, but not the first segment of the log";
    } else if (!first && !fct_uuid_equal(header->store_id, log->store_id)) {
        wrong = "belongs to another store";
    } else if (!first && header->base != base && !gap) {
        wrong = "does not begin where the segment before ends";
    } else if (!first && (header->chain != log->chain || header->timeline < log->timeline ||
                          header->batch_number != log->batch_number)) {
        wrong = "does not continue the chain of the segment before";
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

/* A segment without its seal, though it has a successor: keeps the batches that are valid. The
 * successor is the evidence that there were more. */
static factum_status recover_unsealed(struct fct_log *log, struct fct_segment *segment,
                                      bool unreadable, factum_error *err)
{
    struct fct_scan scan;
    factum_status status = fct_segment_map_tail(segment, err);
    if (status != FACTUM_OK) {
        return status;
    }
    fct_scan_run(&scan, segment, NULL, 0, NULL);
    fct_scan_rest(&scan, segment->capacity);
    FCT_ASSERT(scan.foreign == NULL);
    set_end(log, segment, &scan);
    report_damage(log, segment, &scan,
                  scan.failed || unreadable ? "it cannot be read"
                  : scan.sealed             ? "its seal is not at its end"
                                            : "its seal or its successor is wrong");
    return FACTUM_OK;
}

/* A segment that has a successor must be sealed. */
static factum_status recover_sealed(struct fct_log *log, struct fct_segment *segment,
                                    factum_error *err)
{
    struct fct_batch_header seal;
    struct fct_segment_footer footer;
    uint64_t chain;
    factum_status status = fct_segment_read_seal(segment, &seal, &footer, &chain, err);
    if (status == FACTUM_DONE || status == FACTUM_IO) {
        return recover_unsealed(log, segment, status == FACTUM_IO, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    log->chain = chain;
    log->batch_number = seal.number + 1;
    log->epoch = seal.epoch > log->epoch ? seal.epoch : log->epoch;
    atomic_store(&segment->used, segment->capacity);
    atomic_store(&segment->sealed, true);
    return fct_file_close(&segment->file, err);
}

/* A segment without a header that verifies: the log ends where the segment before does, at
 * |base|. */
static void lose_segment(struct fct_log *log, uint64_t base, const char *why)
{
    char reason[sizeof log->reason];
    FCT_ASSERT(base > 0);
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
    FCT_ASSERT(before == NULL || atomic_load(&before->sealed));
    factum_status status = fct_log_reserve_segment(log, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_segment_open(&segment, log->os, log->mem, log->dir, number, write, err);
    if (status == FACTUM_CORRUPT && before != NULL) {
        lose_segment(log, base, err->text);
        return FACTUM_OK;
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = check_order(log, segment, number, base, err);
    if (status != FACTUM_OK) {
        factum_error later;
        (void)fct_segment_close(segment, log->mem, &later); /* nothing was written */
        return status;
    }
    log->store_id = segment->header.store_id;
    log->timeline = segment->header.timeline;
    fct_log_add_segment(log, segment);
    return last ? recover_last(log, segment, options, err) : recover_sealed(log, segment, err);
}

/* For a directory without segments: creates the first one of a new store, unless a proof shows that
 * there was a log. */
static factum_status create_log(struct fct_log *log, const struct fct_log_options *options,
                                factum_error *err)
{
    bool any = options->proof.position > 0;
    FCT_ASSERT(fct_log_last_segment(log) == NULL);
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
        return fct_fail(err, FACTUM_NOT_FOUND, "no store here: %s contains no segments", log->dir);
    }
    status = fct_os_random(log->os, log->store_id.bytes, sizeof log->store_id.bytes, err);
    if (status != FACTUM_OK) {
        return status;
    }
    log->store_id = fct_uuid_marked(log->store_id, FCT_UUID_RANDOM);
    log->timeline = 1;
    log->epoch = 1;
    log->batch_number = 1;
    log->recovery.created = true;
    return fct_log_create_first(log, err);
}

/* Raises recovery.evidence_upto to the furthest proof, if the last segment was not scanned. */
static factum_status note_evidence_upto(struct fct_log *log, const struct fct_log_options *options,
                                        factum_error *err)
{
    struct fct_proofs proofs;
    FCT_ASSERT(fct_log_state(log) == FCT_LOG_DAMAGED);
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
    FCT_ASSERT(fct_log_last_segment(log) == NULL);
    factum_status status = list_files(&listing, err);
    if (status == FACTUM_OK && listing.count == 0) {
        status = create_log(log, options, err);
    }
    for (size_t i = 0; status == FACTUM_OK && i < listing.count; i++) {
        status = recover_segment(log, options, listing.numbers[i], i + 1 == listing.count, err);
        if (status == FACTUM_OK && fct_log_state(log) == FCT_LOG_DAMAGED) {
            status = note_evidence_upto(log, options, err);
            break; /* later segments cannot be trusted */
        }
    }
    fct_mem_free(log->mem, listing.numbers);
    if (status == FACTUM_OK && log->read_only && fct_log_state(log) == FCT_LOG_OPEN) {
        atomic_store(&log->state, FCT_LOG_READ_ONLY);
    }
    return status;
}
