/* recovery.c - from the files of a directory to a log that can be trusted. Layer: log.
 *
 * 1. The segments are in order: dense numbers, one store, each begins where the one before ends and carries
 *    its chain; all but the last are sealed. If not: CORRUPT, with the file's name. Nothing is deleted.
 * 2. The last one is scanned batch by batch, from its start, or from a mark that it confirms. X = the first
 *    place where no batch verifies.
 * 3. Evidence E = the furthest place known to have been acknowledged: marks (index manifest, log/END),
 *    durable_upto of every header that verifies, before X and after it.
 * 4. E > X: acknowledged data is damaged. Nothing is changed; what verifies can be read.
 *    E <= X: what lies after X was never acknowledged: it is kept in a side file and zeroed.
 * 5. Unless the end was clean (log/END names X): everything from the last place proven durable to X is written
 *    again in place and synced, since the kernel may show bytes that a failed sync never brought to disk.
 *
 * Every step may be interrupted and begun again: 4 only zeroes what 5 would not keep, and 5 writes what is
 * there already.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/bytes.h"
#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "core/slice.h"
#include "log/bug.h"
#include "log/log_int.h"

#define TORN_FILES_KEPT 8u
#define SEGMENTS_MAX (1u << 20)

/* ---- what is in the directory ---------------------------------------------------------------- */

struct listing {
    struct fct_log *log;
    uint64_t *numbers;
    size_t count;
    size_t capacity;
    uint64_t torn[TORN_FILES_KEPT + 1];
    size_t torn_count;
    bool prepared;
    factum_error *err;
};

static factum_status note_name(void *data, const char *name)
{
    struct listing *listing = data;
    uint64_t number = fct_segment_number(name);
    listing->prepared = listing->prepared || strcmp(name, FCT_PREPARED_NAME) == 0;
    if (number == 0) {
        return FACTUM_OK;
    }
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity == 0 ? 64 : listing->capacity * 2;
        void *grown = capacity > SEGMENTS_MAX
                          ? NULL
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

static factum_status list_segments(struct listing *listing, factum_error *err)
{
    struct fct_log *log = listing->log;
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
            char name[FCT_SEGMENT_NAME_SIZE];
            fct_segment_name(listing->numbers[i - 1] + 1, name);
            return fct_fail(err, FACTUM_CORRUPT,
                            "segment %s is missing from the log: restore it from a backup", name);
        }
    }
    if (listing->prepared && !log->read_only) {
        char path[FCT_PATH_SIZE];
        status = fct_path_join(path, log->dir, FCT_PREPARED_NAME, err);
        if (status == FACTUM_OK) {
            status = fct_os_unlink(log->os, path, err);
        }
    }
    return status;
}

/* ---- scanning ------------------------------------------------------------------------------------ */

/* The state of the scan of the last segment. */
struct scan {
    struct fct_log *log;
    struct fct_segment *segment;
    const uint8_t *map;
    uint64_t base;
    uint64_t offset; /* of the next batch; at the end: X */
    uint64_t chain;
    uint64_t number;
    uint64_t evidence;
    uint64_t marker_end; /* end of the last batch if that is a marker */
    uint64_t records;
    uint64_t batches;
    uint32_t epoch;
    bool sealed;
};

static void note_evidence(struct scan *scan, uint64_t position)
{
    if (position > scan->evidence) {
        scan->evidence = position;
    }
}

/* Takes the batch at scan->offset; false if none verifies there. */
static bool scan_batch(struct scan *scan)
{
    const struct fct_segment *segment = scan->segment;
    uint64_t room = segment->capacity - scan->offset;
    struct fct_batch_header header;
    if (room < FCT_BATCH_HEADER_SIZE) {
        return false;
    }
    const uint8_t *at = scan->map + scan->offset;
    uint64_t position = scan->base + scan->offset;
    if (fct_batch_header_decode(at, position, segment->header.salt, &header) != FACTUM_OK) {
        return false;
    }
    bool linked = header.number == scan->number && header.chain == scan->chain;
    if (!linked && !fct_bug(FCT_BUG_NO_CHAIN_CHECK)) {
        return false;
    }
    note_evidence(scan, header.durable_upto); /* the header itself verifies */
    if (header.payload_size > room - FCT_BATCH_HEADER_SIZE ||
        fct_batch_payload_crc(header.chain, at + FCT_BATCH_HEADER_SIZE, header.payload_size) !=
            header.payload_crc) {
        return false;
    }
    scan->chain = fct_batch_chain(at);
    scan->number = header.number + 1;
    scan->epoch = header.epoch > scan->epoch ? header.epoch : scan->epoch;
    scan->offset += FCT_BATCH_HEADER_SIZE + header.payload_size;
    scan->sealed = (header.flags & FCT_BATCH_SEAL) != 0;
    scan->records += header.record_count;
    scan->batches++;
    scan->marker_end = header.record_count == 0 ? scan->base + scan->offset : 0;
    return true;
}

/* Where does something stand after X that was certainly written by us? */
static void scan_for_evidence(struct scan *scan)
{
    uint64_t capacity = scan->segment->capacity;
    for (uint64_t at = scan->offset; at + FCT_BATCH_HEADER_SIZE <= capacity; at += 8) {
        struct fct_batch_header header;
        if (fct_get_u64(scan->map + at) == 0) {
            continue;
        }
        if (fct_batch_header_decode(scan->map + at, scan->base + at, scan->segment->header.salt,
                                    &header) == FACTUM_OK) {
            note_evidence(scan, header.durable_upto);
        }
    }
}

/* Starts the scan at |mark| if the segment confirms it. */
static bool start_at_mark(struct scan *scan, const struct fct_log_mark *mark)
{
    uint64_t first = scan->base + FCT_SEGMENT_HEADER_SIZE;
    if (mark->position < first || mark->position > scan->base + scan->segment->capacity ||
        mark->position % 8 != 0 || mark->batch_number < scan->number) {
        return false;
    }
    uint64_t offset = mark->position - scan->base;
    if (scan->segment->capacity - offset >= FCT_BATCH_HEADER_SIZE) {
        struct fct_batch_header header;
        bool batch = fct_batch_header_decode(scan->map + offset, mark->position,
                                             scan->segment->header.salt, &header) == FACTUM_OK;
        if (batch && (header.number != mark->batch_number || header.chain != mark->chain)) {
            return false;
        }
    }
    scan->offset = offset;
    scan->number = mark->batch_number;
    scan->chain = mark->chain;
    scan->marker_end = mark->position; /* what it says is as good as a marker */
    return true;
}

/* ---- the end of the last segment ----------------------------------------------------------------------- */


static factum_status note_torn(void *data, const char *name)
{
    struct listing *listing = data;
    if (strncmp(name, "torn-", 5) == 0 && listing->torn_count <= TORN_FILES_KEPT) {
        listing->torn[listing->torn_count++] = strtoull(name + 5, NULL, 10);
    }
    return FACTUM_OK;
}

/* Keeps the newest side files, so that a machine that crashes often does not fill its disk. */
static factum_status prune_torn(struct fct_log *log, factum_error *err)
{
    struct listing listing = {.log = log};
    factum_status status = fct_os_list_dir(log->os, log->dir, note_torn, &listing, err);
    if (status != FACTUM_OK || listing.torn_count <= TORN_FILES_KEPT) {
        return status;
    }
    qsort(listing.torn, listing.torn_count, sizeof listing.torn[0], compare_numbers);
    char name[FCT_SEGMENT_NAME_SIZE];
    char path[FCT_PATH_SIZE];
    (void)snprintf(name, sizeof name, "torn-%020" PRIu64, listing.torn[0]);
    status = fct_path_join(path, log->dir, name, err);
    return status == FACTUM_OK ? fct_os_unlink(log->os, path, err) : status;
}

/* What was never acknowledged goes to log/torn-<position>, then is zeroed. */
static factum_status clear_tail(struct scan *scan, factum_error *err)
{
    struct fct_log *log = scan->log;
    const uint8_t *from = scan->map + scan->offset;
    uint64_t size = scan->segment->capacity - scan->offset;
    while (size > 0 && from[size - 1] == 0) {
        size--;
    }
    if (size == 0) {
        return FACTUM_OK;
    }
    char name[FCT_SEGMENT_NAME_SIZE];
    (void)snprintf(name, sizeof name, "torn-%020" PRIu64, scan->base + scan->offset);
    factum_status status =
        fct_file_replace(log->os, log->dir, name, fct_slice(from, (size_t)size), err);
    if (status == FACTUM_OK) {
        status = prune_torn(log, err);
    }
    if (status != FACTUM_OK || fct_bug(FCT_BUG_TORN_TAIL_STAYS)) {
        return status;
    }
    uint8_t *zeros = fct_mem_zalloc(log->mem, 1, (size_t)size);
    if (zeros == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "recover the log: out of memory");
    }
    status = fct_file_write(scan->segment->file, scan->offset, zeros, (size_t)size, err);
    fct_mem_free(log->mem, zeros);
    log->recovery.torn_bytes = size;
    fct_log_message(&log->sink, FACTUM_LOG_WARN, "recovery.torn",
                    "%" PRIu64 " bytes that were never acknowledged were cut at position %" PRIu64,
                    size, scan->base + scan->offset);
    return status;
}

/* Rule R12: what is not proven to be on disk is written again. */
static factum_status rewrite_tail(struct scan *scan, factum_error *err)
{
    uint64_t from = scan->evidence > scan->base ? scan->evidence - scan->base : 0;
    from = from < FCT_SEGMENT_HEADER_SIZE ? FCT_SEGMENT_HEADER_SIZE : from;
    factum_status status = FACTUM_OK;
    if (from < scan->offset && !fct_bug(FCT_BUG_NO_TAIL_REWRITE)) {
        size_t size = (size_t)(scan->offset - from);
        uint8_t *copy = fct_mem_alloc(scan->log->mem, size);
        if (copy == NULL) {
            return fct_fail(err, FACTUM_NO_MEMORY, "recover the log: out of memory");
        }
        memcpy(copy, scan->map + from, size);
        status = fct_file_write(scan->segment->file, from, copy, size, err);
        fct_mem_free(scan->log->mem, copy);
        scan->log->recovery.tail_rewritten = true;
    }
    if (status == FACTUM_OK) {
        status = fct_file_sync(scan->segment->file, err);
    }
    return status == FACTUM_OK ? fct_os_sync_dir(scan->log->os, scan->log->dir, err) : status;
}

static void report_damage(struct scan *scan, uint64_t from, const char *what)
{
    struct fct_log *log = scan->log;
    char name[FCT_SEGMENT_NAME_SIZE];
    char reason[sizeof log->reason];
    fct_segment_name(scan->segment->header.number, name);
    log->recovery.damaged_from = from;
    (void)snprintf(reason, sizeof reason,
                   "segment %s is damaged at position %" PRIu64 " (%s; acknowledged up to %" PRIu64
                   "): restore a backup, or give up what follows with factum repair "
                   "--accept-loss %" PRIu64,
                   name, from, what, scan->evidence, from);
    fct_log_set_state(log, FCT_LOG_DAMAGED, reason);
}

/* The log as the scan has found it. */
static void settle(struct scan *scan)
{
    struct fct_log *log = scan->log;
    uint64_t end = scan->base + scan->offset;
    log->chain = scan->chain;
    log->batch_number = scan->number;
    log->epoch = scan->epoch + 1;
    log->segment_batches = scan->batches;
    log->segment_records = scan->records;
    log->marked_end = scan->marker_end;
    log->recovery.evidence_upto = scan->evidence;
    atomic_store(&scan->segment->used, scan->offset);
    atomic_store(&scan->segment->sealed, scan->sealed);
    atomic_store(&log->end, end);
    atomic_store(&log->durable, end);
    atomic_store(&log->wants_marker, scan->marker_end != end);
}

static factum_status mend_tail(struct scan *scan, bool clean, factum_error *err)
{
    uint64_t end = scan->base + scan->offset;
    if (scan->evidence > end && !fct_bug(FCT_BUG_TRUNCATE_DAMAGE)) {
        report_damage(scan, end, "no batch verifies there");
        return FACTUM_OK;
    }
    if (scan->log->read_only || clean) {
        return FACTUM_OK;
    }
    factum_status status = clear_tail(scan, err);
    if (status == FACTUM_OK) {
        status = rewrite_tail(scan, err);
    }
    return status;
}

static factum_status recover_last(struct fct_log *log, struct fct_segment *segment,
                                  const struct fct_log_mark *marks, size_t mark_count,
                                  const struct fct_log_end_mark *end_mark, factum_error *err)
{
    struct scan scan = {
        .log = log,
        .segment = segment,
        .map = fct_segment_map(segment, err),
        .base = segment->header.base,
        .offset = FCT_SEGMENT_HEADER_SIZE,
        .chain = segment->header.chain,
        .number = segment->header.batch_number,
        .epoch = end_mark == NULL ? 0 : end_mark->epoch,
    };
    if (scan.map == NULL) {
        return err == NULL ? FACTUM_IO : err->status;
    }
    uint64_t start = 0;
    for (size_t i = 0; i < mark_count; i++) {
        if (marks[i].position > start && start_at_mark(&scan, &marks[i])) {
            start = marks[i].position;
        }
        note_evidence(&scan, marks[i].position);
    }
    uint64_t scan_start = scan.offset;
    while (!scan.sealed && scan_batch(&scan)) {
    }
    log->recovery.scanned_bytes = scan.offset - scan_start;
    uint64_t end = scan.base + scan.offset;
    bool clean = end_mark != NULL && end_mark->mark.position == end;
    if (!clean) {
        scan_for_evidence(&scan);
    }
    factum_status status = mend_tail(&scan, clean, err);
    settle(&scan);
    return status;
}

/* ---- all segments ------------------------------------------------------------------------------------------ */

/* Is |segment| the successor of what came before? */
static factum_status check_order(const struct fct_log *log, const struct fct_segment *segment,
                                 size_t index, uint64_t base, factum_error *err)
{
    char name[FCT_SEGMENT_NAME_SIZE];
    fct_segment_name(segment->header.number, name);
    const char *wrong = NULL;
    if (index > 0 && memcmp(segment->header.store_id.bytes, log->store_id.bytes,
                            sizeof log->store_id.bytes) != 0) {
        wrong = "is of another store";
    } else if (index > 0 && segment->header.base != base) {
        wrong = "does not begin where the one before ends";
    } else if (index > 0 && (segment->header.chain != log->chain ||
                             segment->header.batch_number != log->batch_number)) {
        wrong = "does not continue the chain of the one before";
    } else if (index == 0 && (segment->header.number != 1 || segment->header.base != 0)) {
        wrong = "is the first one there, but not the first of the log";
    }
    if (wrong != NULL) {
        return fct_fail(err, FACTUM_CORRUPT, "segment %s %s: restore it from a backup", name,
                        wrong);
    }
    return FACTUM_OK;
}

/* A segment that has a successor must be sealed; if its seal is damaged, it is scanned like a last one,
 * with the successor as evidence. */
static factum_status recover_sealed(struct fct_log *log, struct fct_segment *segment,
                                    const struct fct_segment *next, bool *usable,
                                    factum_error *err)
{
    struct fct_batch_header seal;
    struct fct_segment_footer footer;
    uint64_t chain;
    *usable = true;
    factum_status status = fct_segment_read_seal(segment, &seal, &footer, &chain, err);
    if (status == FACTUM_OK) {
        log->chain = chain;
        log->batch_number = seal.number + 1;
        atomic_store(&segment->used, segment->capacity);
        atomic_store(&segment->sealed, true);
        return FACTUM_OK;
    }
    if (status != FACTUM_DONE) {
        return status;
    }
    struct fct_log_mark successor = {.position = next->header.base,
                                     .batch_number = UINT64_MAX};
    *usable = false;
    bool read_only = log->read_only;
    log->read_only = true; /* whatever is found: nothing is mended here */
    status = recover_last(log, segment, &successor, 1, NULL, err);
    log->read_only = read_only;
    if (status == FACTUM_OK && fct_log_state(log) != FCT_LOG_DAMAGED) {
        struct scan scan = {.log = log, .segment = segment, .evidence = next->header.base};
        report_damage(&scan, fct_log_end(log), "its seal is damaged");
    }
    return status;
}

static factum_status open_segments(struct fct_log *log, const struct listing *listing,
                                   factum_error *err)
{
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < listing->count && status == FACTUM_OK; i++) {
        char name[FCT_SEGMENT_NAME_SIZE];
        struct fct_segment *segment;
        fct_segment_name(listing->numbers[i], name);
        status = fct_segment_open(&segment, log->os, log->mem, log->dir, name, !log->read_only,
                                  err);
        if (status == FACTUM_OK) {
            status = fct_log_add_segment(log, segment, err);
            if (status != FACTUM_OK) {
                (void)fct_segment_close(segment, log->mem, NULL);
            }
        }
    }
    return status;
}

/* Keeps only the first |count| segments in the table: the later ones are beyond damage. */
static void drop_segments(struct fct_log *log, size_t count)
{
    struct fct_segment_table *table = atomic_load(&log->table);
    while (table->count > count) {
        (void)fct_segment_close(table->segments[--table->count], log->mem, NULL);
    }
}

static factum_status recover_segments(struct fct_log *log, const struct fct_log_options *options,
                                      const struct fct_log_end_mark *end_mark, factum_error *err)
{
    struct fct_segment_table *table = atomic_load(&log->table);
    log->store_id = table->segments[0]->header.store_id;
    log->timeline = table->segments[0]->header.timeline;
    uint64_t base = 0;
    for (size_t i = 0; i < table->count; i++) {
        struct fct_segment *segment = table->segments[i];
        factum_status status = check_order(log, segment, i, base, err);
        bool usable = true;
        if (status == FACTUM_OK && i + 1 < table->count) {
            status = recover_sealed(log, segment, table->segments[i + 1], &usable, err);
        } else if (status == FACTUM_OK) {
            struct fct_log_mark marks[2];
            size_t count = 0;
            if (options->mark.position > 0 &&
                memcmp(options->mark_store_id.bytes, log->store_id.bytes, 16) == 0) {
                marks[count++] = options->mark;
            }
            bool ours = end_mark != NULL &&
                        memcmp(end_mark->store_id.bytes, log->store_id.bytes, 16) == 0;
            if (ours) {
                marks[count++] = end_mark->mark;
            }
            status = recover_last(log, segment, marks, count, ours ? end_mark : NULL, err);
        }
        if (status != FACTUM_OK) {
            return status;
        }
        if (!usable) {
            drop_segments(log, i + 1);
            return FACTUM_OK;
        }
        base = segment->header.base + segment->capacity;
    }
    return FACTUM_OK;
}

/* The very first segment of a new store. */
static factum_status create_first(struct fct_log *log, const struct fct_log_options *options,
                                  bool end_known, factum_error *err)
{
    if (log->read_only) {
        return fct_fail(err, FACTUM_NOT_FOUND, "no store here: %s has no segments", log->dir);
    }
    if (end_known || options->mark.position > 0) {
        return fct_fail(err, FACTUM_CORRUPT,
                        "the log's segments are missing from %s: restore them from a backup",
                        log->dir);
    }
    factum_status status =
        fct_os_random(log->os, log->store_id.bytes, sizeof log->store_id.bytes, err);
    log->store_id.bytes[6] = (uint8_t)((log->store_id.bytes[6] & 0x0f) | 0x40); /* version 4 */
    log->store_id.bytes[8] = (uint8_t)((log->store_id.bytes[8] & 0x3f) | 0x80);
    log->timeline = 1;
    log->epoch = 1;
    log->batch_number = 1;
    log->recovery.created = true;
    if (status == FACTUM_OK) {
        status = fct_log_new_segment(log, 1, 0, log->segment_size_first, err);
    }
    if (status == FACTUM_OK) {
        atomic_store(&log->end, FCT_SEGMENT_HEADER_SIZE);
        atomic_store(&log->durable, FCT_SEGMENT_HEADER_SIZE);
        log->marked_end = FCT_SEGMENT_HEADER_SIZE;
    }
    return status;
}

factum_status fct_log_recover(struct fct_log *log, const struct fct_log_options *options,
                              factum_error *err)
{
    struct listing listing = {.log = log};
    struct fct_log_end_mark end_mark;
    log->recovery.damaged_from = UINT64_MAX;
    factum_status status = list_segments(&listing, err);
    factum_status end_status = FACTUM_NOT_FOUND;
    if (status == FACTUM_OK) {
        end_status = fct_end_file_read(log, &end_mark, NULL);
        log->end_file = end_status == FACTUM_OK;
        status = end_status == FACTUM_OK || end_status == FACTUM_NOT_FOUND
                     ? FACTUM_OK
                     : fct_fail(err, end_status, "open log: log/END cannot be read");
    }
    if (status == FACTUM_OK && listing.count == 0) {
        status = create_first(log, options, log->end_file, err);
    } else if (status == FACTUM_OK) {
        status = open_segments(log, &listing, err);
        if (status == FACTUM_OK) {
            status = recover_segments(log, options, log->end_file ? &end_mark : NULL, err);
        }
    }
    fct_mem_free(log->mem, listing.numbers);
    if (status == FACTUM_OK && log->read_only && fct_log_state(log) == FCT_LOG_OPEN) {
        atomic_store(&log->state, FCT_LOG_READ_ONLY);
    }
    return status;
}
