/* walk.c - readers of the log: single records, and walks over all of them in either direction.
 * Layer: log. Takes no lock; knows nothing of the writer but what is visible.
 *
 * Forward, a batch is verified as a whole when it is entered (its CRC and its place in the chain),
 * and its records are taken apart without another look. Started inside a batch, and backward, each
 * record is verified by itself. A record ends with its size and a batch header with a point that no
 * size can be, so that the bytes before any boundary say what to step over.
 *
 * Invariant: no byte at or behind segment->used is looked at, whatever a length says.
 */
#include <inttypes.h>
#include <string.h>

#include "codec/bytes.h"
#include "core/check.h"
#include "core/error.h"
#include "log/log_int.h"

#define UNREADABLE "it cannot be read"
#define PREFETCH_SIZE 448u /* a record of the usual size */

/* How far the bytes of |segment| may be read. */
static uint64_t readable(const struct fct_segment *segment)
{
    return atomic_load_explicit(&segment->used, memory_order_acquire);
}

/* Can the device read the record at |offset|, of which |used| is the end at most? */
static bool record_readable(struct fct_segment *segment, const uint8_t *map, uint64_t offset,
                            uint64_t used)
{
    uint64_t room = used - offset;
    uint64_t header = room < FCT_RECORD_HEADER_SIZE ? room : FCT_RECORD_HEADER_SIZE;
    if (!fct_segment_readable(segment, offset, header)) {
        return false;
    }
    uint64_t size = fct_record_peek_size(map + offset, (size_t)room);
    return size <= header || size > room || fct_segment_readable(segment, offset, size);
}

/* Does the batch at |offset| verify? Then *end is where it ends. *unreadable: the device failed. */
static bool batch_verifies(struct fct_segment *segment, const uint8_t *map, uint64_t offset,
                           uint64_t *end, bool *unreadable)
{
    struct fct_batch_header header;
    uint64_t used = readable(segment);
    const uint8_t *at = map + offset;
    *unreadable = false;
    if (offset + FCT_BATCH_HEADER_SIZE > used) {
        return false;
    }
    *unreadable = !fct_segment_readable(segment, offset, FCT_BATCH_HEADER_SIZE);
    if (*unreadable || fct_batch_header_decode(at, segment->header.base + offset,
                                               segment->header.salt, &header) != FACTUM_OK) {
        return false;
    }
    uint64_t payload = offset + FCT_BATCH_HEADER_SIZE;
    *end = payload + header.payload_size;
    *unreadable = header.payload_size > 0 && header.payload_size <= used - payload &&
                  !fct_segment_readable(segment, payload, header.payload_size);
    return *end <= used && !*unreadable &&
           fct_batch_payload_crc(header.chain, at + FCT_BATCH_HEADER_SIZE, header.payload_size) ==
               header.payload_crc;
}

/* The first batch of the segment that does not verify, or else the one that |offset| lies in. It is
 * remembered: there may be much to check, and readers may meet the same damage again and again. */
static uint64_t first_bad(struct fct_segment *segment, const uint8_t *map, uint64_t offset,
                          bool *unreadable)
{
    uint64_t known = atomic_load(&segment->first_bad);
    *unreadable = (known & 1) != 0;
    if (known != 0 && known <= offset + 1) {
        return known & ~UINT64_C(1);
    }
    uint64_t at = FCT_SEGMENT_HEADER_SIZE;
    uint64_t end = at;
    bool good = true;
    while (good && end <= offset) {
        at = end;
        good = batch_verifies(segment, map, at, &end, unreadable);
    }
    if (!good) {
        atomic_store(&segment->first_bad, at | *unreadable);
    }
    return at;
}

/* Damage at |position|. What is named is where its segment's first bad batch begins: whoever meets
 * the damage, and wherever, it is the position that verify names and that a repair accepts. */
static factum_status damage_at(struct fct_segment *segment, const uint8_t *map, uint64_t position,
                               const char *what, factum_error *err)
{
    bool unreadable;
    uint64_t from = first_bad(segment, map, position - segment->header.base, &unreadable);
    return fct_log_damage(segment, segment->header.base + from, unreadable ? UNREADABLE : what,
                          err);
}

factum_status fct_log_read(struct fct_log *log, uint64_t position, struct fct_record *record,
                           factum_error *err)
{
    struct fct_segment *segment = fct_log_segment_at(log, position);
    if (segment == NULL || position % FCT_RECORD_ALIGN != 0) {
        return fct_fail(err, FACTUM_CORRUPT, "no record can be at position %" PRIu64, position);
    }
    uint64_t offset = position - segment->header.base;
    uint64_t used = readable(segment);
    if (offset < FCT_SEGMENT_HEADER_SIZE + FCT_BATCH_HEADER_SIZE || offset >= used) {
        return fct_fail(err, FACTUM_CORRUPT, "no record can be at position %" PRIu64, position);
    }
    const uint8_t *map;
    factum_status status = fct_segment_map(segment, &map, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (!record_readable(segment, map, offset, used)) {
        return damage_at(segment, map, position, UNREADABLE, err);
    }
    if (fct_record_decode(map + offset, (size_t)(used - offset), position, segment->header.salt,
                          true, record) != FACTUM_OK) {
        return damage_at(segment, map, position, "the record does not verify", err);
    }
    return FACTUM_OK;
}

void fct_log_prefetch(struct fct_log *log, uint64_t position)
{
    const struct fct_segment *segment = fct_log_segment_at(log, position);
    if (segment == NULL) {
        return;
    }
    const uint8_t *map = atomic_load_explicit(&segment->map, memory_order_relaxed);
    uint64_t offset = position - segment->header.base;
    if (map != NULL && offset < segment->capacity) {
        for (uint64_t line = 0; line < PREFETCH_SIZE; line += 64) {
            FCT_PREFETCH(map + offset + line); /* never faults, so it may point behind the map */
        }
    }
}

/* ---- standing somewhere ---------------------------------------------------------------------- */

/* Goes on in |segment|, at its first batch. On failure the walk is as before. */
static factum_status enter(struct fct_log_walk *walk, struct fct_segment *segment,
                           factum_error *err)
{
    const uint8_t *map;
    factum_status status = fct_segment_map(segment, &map, err);
    if (status != FACTUM_OK) {
        return status;
    }
    walk->segment = segment;
    walk->map = map;
    walk->salt = segment->header.salt;
    walk->base = segment->header.base;
    walk->position = walk->base + FCT_SEGMENT_HEADER_SIZE;
    walk->batch_end = 0;
    walk->chain = segment->header.chain;
    walk->chain_known = true;
    return FACTUM_OK;
}

static bool walk_header_at(const struct fct_log_walk *walk, uint64_t position,
                           struct fct_batch_header *header)
{
    uint64_t offset = position - walk->base;
    uint64_t used = readable(walk->segment);
    return offset + FCT_BATCH_HEADER_SIZE <= used &&
           fct_segment_readable(walk->segment, offset, FCT_BATCH_HEADER_SIZE) &&
           fct_batch_header_decode(walk->map + offset, position, walk->salt, header) == FACTUM_OK &&
           header->payload_size <= used - offset - FCT_BATCH_HEADER_SIZE;
}

static bool walk_record_at(const struct fct_log_walk *walk, uint64_t position,
                           struct fct_record *record)
{
    uint64_t offset = position - walk->base;
    uint64_t used = readable(walk->segment);
    return offset >= FCT_SEGMENT_HEADER_SIZE && offset < used &&
           record_readable(walk->segment, walk->map, offset, used) &&
           fct_record_decode(walk->map + offset, (size_t)(used - offset), position, walk->salt,
                             true, record) == FACTUM_OK;
}

static factum_status walk_damage(const struct fct_log_walk *walk, uint64_t position,
                                 const char *what, factum_error *err)
{
    return damage_at(walk->segment, walk->map, position, what, err);
}

/* The last boundary (batch header or record) at or before |position|, and the first one at or after
 * it, found by stepping over batches and records from the start of the segment. CORRUPT if that
 * meets damage. */
static factum_status boundaries(const struct fct_log_walk *walk, uint64_t position,
                                uint64_t *before, uint64_t *after, factum_error *err)
{
    uint64_t end = walk->base + readable(walk->segment);
    uint64_t at = walk->base + FCT_SEGMENT_HEADER_SIZE;
    struct fct_batch_header header;
    *before = at;
    *after = at;
    while (at < end && at < position) {
        if (!walk_header_at(walk, at, &header)) {
            return walk_damage(walk, at, "no batch is there", err);
        }
        uint64_t batch_end = at + FCT_BATCH_HEADER_SIZE + header.payload_size;
        *before = at;
        *after = batch_end;
        bool inside = position < batch_end && (header.flags & FCT_BATCH_SEAL) == 0;
        uint64_t next = at + FCT_BATCH_HEADER_SIZE;
        while (inside && next < batch_end) {
            if (next >= position) {
                *before = next == position ? next : *before;
                *after = next;
                return FACTUM_OK;
            }
            *before = next;
            uint64_t offset = next - walk->base;
            uint64_t room = batch_end - next;
            bool whole = room >= FCT_RECORD_HEADER_SIZE &&
                         fct_segment_readable(walk->segment, offset, FCT_RECORD_HEADER_SIZE);
            uint32_t size = whole ? fct_record_peek_size(walk->map + offset, (size_t)room) : 0;
            if (size == 0) {
                return walk_damage(walk, next, "the record has no size", err);
            }
            next += size;
            *after = next;
        }
        at = batch_end;
    }
    if (at == position) {
        *before = at;
        *after = at;
    }
    return FACTUM_OK;
}

factum_status fct_log_walk_init(struct fct_log_walk *walk, struct fct_log *log, uint64_t from,
                                factum_error *err)
{
    uint64_t start = fct_log_start(log);
    *walk = (struct fct_log_walk){.log = log, .limit = fct_log_end(log)};
    from = from < start ? start : from;
    from = from > walk->limit ? walk->limit : from;
    from = (from + FCT_RECORD_ALIGN - 1) / FCT_RECORD_ALIGN * FCT_RECORD_ALIGN;
    struct fct_segment *segment = fct_log_segment_at(log, from);
    if (from > segment->header.base + readable(segment)) { /* in what was given up */
        struct fct_segment *next = fct_log_segment_after(log, segment);
        segment = next == NULL ? segment : next;
    }
    factum_status status = enter(walk, segment, err);
    if (status != FACTUM_OK || from <= walk->position) {
        return status;
    }
    walk->position = from;
    walk->chain_known = false;
    struct fct_batch_header header;
    struct fct_record record;
    if (from < walk->limit && !walk_header_at(walk, from, &header) &&
        !walk_record_at(walk, from, &record)) {
        /* No boundary. The usual case is "just after a record's start", from a checkpoint. */
        if (walk_record_at(walk, from - FCT_RECORD_ALIGN, &record)) {
            walk->position = from - FCT_RECORD_ALIGN + record.size;
        } else {
            uint64_t before;
            status = boundaries(walk, from, &before, &walk->position, err);
        }
    }
    return status;
}

factum_status fct_log_find(struct fct_log *log, uint64_t position, struct fct_record *record,
                           factum_error *err)
{
    struct fct_segment *segment = fct_log_segment_at(log, position);
    struct fct_log_walk walk = {.log = log};
    struct fct_batch_header header;
    uint64_t before = 0;
    uint64_t after;
    factum_status status = FACTUM_OK;
    bool possible = segment != NULL && position % FCT_RECORD_ALIGN == 0 &&
                    position < segment->header.base + readable(segment);
    if (possible) {
        status = fct_log_read(log, position, record, err);
        if (status != FACTUM_CORRUPT) {
            return status;
        }
        status = enter(&walk, segment, err);
        if (status == FACTUM_OK && !walk_header_at(&walk, position, &header)) {
            status = boundaries(&walk, position, &before, &after, err);
        }
    }
    if (status != FACTUM_OK) {
        return status;
    }
    return before == position && possible
               ? fct_log_read(log, position, record, err)
               : fct_fail(err, FACTUM_NOT_FOUND, "no event at position %" PRIu64, position);
}

/* ---- forward --------------------------------------------------------------------------------- */

static factum_status enter_batch(struct fct_log_walk *walk, const struct fct_batch_header *header,
                                 factum_error *err)
{
    const uint8_t *at = walk->map + (walk->position - walk->base);
    if (walk->chain_known && header->chain != walk->chain) {
        return walk_damage(walk, walk->position, "the chain is broken", err);
    }
    if (header->payload_size > 0 &&
        !fct_segment_readable(walk->segment, walk->position - walk->base + FCT_BATCH_HEADER_SIZE,
                              header->payload_size)) {
        return walk_damage(walk, walk->position, UNREADABLE, err);
    }
    if (fct_batch_payload_crc(header->chain, at + FCT_BATCH_HEADER_SIZE, header->payload_size) !=
        header->payload_crc) {
        return walk_damage(walk, walk->position, "the batch does not verify", err);
    }
    walk->chain = fct_batch_chain(at);
    walk->chain_known = true;
    walk->batch_start = walk->position;
    walk->batch_number = header->number;
    walk->batch_chain = header->chain;
    walk->position += FCT_BATCH_HEADER_SIZE;
    walk->batch_end = walk->position + header->payload_size;
    if ((header->flags & FCT_BATCH_SEAL) != 0) {
        walk->position = walk->batch_end;
    }
    return FACTUM_OK;
}

/* At a boundary that is not inside a verified batch: a batch header or, if the walk began inside a
 * batch, a record. DONE: a batch was entered. */
static factum_status take_unverified(struct fct_log_walk *walk, struct fct_record *record,
                                     factum_error *err)
{
    struct fct_batch_header header;
    if (walk_header_at(walk, walk->position, &header)) {
        factum_status status = enter_batch(walk, &header, err);
        return status == FACTUM_OK ? FACTUM_DONE : status;
    }
    if (!walk->chain_known && walk_record_at(walk, walk->position, record)) {
        walk->position += record->size;
        return FACTUM_OK;
    }
    return walk_damage(walk, walk->position, "no batch is there", err);
}

/* To the next batch, over the end of a segment if need be. DONE: there is one, |walk| stands in it
 * or behind it. Sets *end at the end of what is visible. */
static factum_status step(struct fct_log_walk *walk, struct fct_record *record, bool *end,
                          factum_error *err)
{
    *end = false;
    if (walk->position >= walk->limit) {
        walk->limit = fct_log_end(walk->log);
        *end = walk->position >= walk->limit;
        if (*end) {
            return FACTUM_DONE;
        }
    }
    if (walk->position == walk->base + readable(walk->segment)) {
        struct fct_segment *next = fct_log_segment_after(walk->log, walk->segment);
        if (next != NULL) {
            factum_status status = enter(walk, next, err);
            return status == FACTUM_OK ? FACTUM_DONE : status;
        }
    }
    return take_unverified(walk, record, err);
}

factum_status fct_log_walk_next(struct fct_log_walk *walk, struct fct_record *record,
                                factum_error *err)
{
    bool end = false;
    while (walk->position >= walk->batch_end) {
        factum_status status = step(walk, record, &end, err);
        if (status != FACTUM_DONE || end) {
            return status;
        }
    }
    uint64_t offset = walk->position - walk->base;
    if (fct_record_decode(walk->map + offset, (size_t)(walk->batch_end - walk->position),
                          walk->position, walk->salt, false, record) != FACTUM_OK) {
        return walk_damage(walk, walk->position, "the record makes no sense", err);
    }
    walk->position += record->size;
    return FACTUM_OK;
}

/* ---- backward -------------------------------------------------------------------------------- */

/* Where the records of a segment end, without its seal. */
static uint64_t records_end(const struct fct_segment *segment)
{
    uint64_t used = readable(segment);
    bool sealed = atomic_load(&segment->sealed) && used >= FCT_SEGMENT_HEADER_SIZE + FCT_SEAL_SIZE;
    return segment->header.base + (sealed ? used - FCT_SEAL_SIZE : used);
}

factum_status fct_log_walk_init_backward(struct fct_log_walk *walk, struct fct_log *log,
                                         uint64_t before, factum_error *err)
{
    *walk = (struct fct_log_walk){.log = log, .limit = fct_log_end(log)};
    before = before >= walk->limit ? walk->limit : before;
    uint64_t start = fct_log_start(log);
    before = before < start ? start : before;
    struct fct_segment *segment = fct_log_segment_at(log, before);
    factum_status status = enter(walk, segment, err);
    uint64_t end = records_end(segment);
    if (status != FACTUM_OK || before <= walk->position) {
        return status;
    }
    walk->position = before > end ? end : before;
    if (walk->position == end) {
        return FACTUM_OK;
    }
    struct fct_batch_header header;
    struct fct_record record;
    uint64_t aligned = walk->position / FCT_RECORD_ALIGN * FCT_RECORD_ALIGN;
    if (aligned != walk->position ||
        (!walk_header_at(walk, aligned, &header) && !walk_record_at(walk, aligned, &record))) {
        uint64_t after;
        status = boundaries(walk, walk->position, &walk->position, &after, err);
    }
    return status;
}

factum_status fct_log_walk_previous(struct fct_log_walk *walk, struct fct_record *record,
                                    factum_error *err)
{
    for (;;) {
        uint64_t first = walk->base + FCT_SEGMENT_HEADER_SIZE;
        if (walk->position <= first) {
            struct fct_segment *before = fct_log_segment_before(walk->log, walk->segment);
            if (before == NULL) {
                return FACTUM_DONE;
            }
            factum_status status = enter(walk, before, err);
            if (status != FACTUM_OK) {
                return status;
            }
            walk->position = records_end(before);
            continue;
        }
        uint64_t room = walk->position - first;
        uint64_t end = walk->position - walk->base;
        if (!fct_segment_readable(walk->segment, end - 8, 8)) {
            return walk_damage(walk, walk->position - FCT_RECORD_ALIGN, UNREADABLE, err);
        }
        uint32_t trailer = fct_get_u32(walk->map + end - 4);
        if (trailer == FCT_BATCH_TRAILER) {
            struct fct_batch_header header;
            if (room < FCT_BATCH_HEADER_SIZE ||
                !walk_header_at(walk, walk->position - FCT_BATCH_HEADER_SIZE, &header)) {
                return walk_damage(walk, walk->position - FCT_RECORD_ALIGN,
                                   "no batch header ends there", err);
            }
            walk->position -= FCT_BATCH_HEADER_SIZE;
            continue;
        }
        if (trailer > room || !walk_record_at(walk, walk->position - trailer, record) ||
            record->size != trailer) {
            return walk_damage(walk, walk->position - FCT_RECORD_ALIGN, "no record ends there",
                               err);
        }
        walk->position -= trailer;
        return FACTUM_OK;
    }
}
