/* walk.c - readers of the log: single records, and walks over all records in either direction.
 * Layer: log. Takes no lock. Of the writer it knows only what is visible.
 *
 * Forward, a walk verifies a batch as a whole when it enters the batch: its CRC and its place in
 * the chain. It then decodes the records without verifying each. A walk that starts inside a batch,
 * and a walk backward, verify each record alone. The last 4 bytes of a record are its size; the
 * last 4 bytes of a batch header are a trailer that no size can equal. So the bytes before a
 * boundary say how far back the boundary before it is.
 *
 * Invariants of a walk:
 *  1. |position| is a boundary, the start of a batch header or of a record, in |segment|. It is
 *     never after the end of the visible bytes of |segment|.
 *  2. While position < batch_end, the walk is inside a batch that verified as a whole.
 *  3. No byte at or after segment->used is read, whatever a length says.
 */
#include <inttypes.h>
#include <string.h>

#include "codec/bytes.h"
#include "core/check.h"
#include "core/error.h"
#include "log/log_int.h"

#define UNREADABLE "it cannot be read"
#define PREFETCH_SIZE 448u /* a record of the usual size */

/* The bytes of |segment| that readers may look at. */
static uint64_t visible_size(const struct fct_segment *segment)
{
    uint64_t used = atomic_load_explicit(&segment->used, memory_order_acquire);
    FCT_ASSERT(used <= segment->capacity);
    return used;
}

/* Can the device read the record at |offset|? The record ends at |used| at the latest. */
static bool record_readable(struct fct_segment *segment, const uint8_t *map, uint64_t offset,
                            uint64_t used)
{
    FCT_ASSERT(offset < used);
    uint64_t room = used - offset;
    uint64_t header = room < FCT_RECORD_HEADER_SIZE ? room : FCT_RECORD_HEADER_SIZE;
    if (!fct_segment_readable(segment, offset, header)) {
        return false;
    }
    uint64_t size = fct_record_peek_size(map + offset, (size_t)room);
    return size <= header || size > room || fct_segment_readable(segment, offset, size);
}

/* Does the batch at |offset| verify? If so, *end is where it ends. *unreadable: the device
 * failed. */
static bool batch_verifies(struct fct_segment *segment, const uint8_t *map, uint64_t offset,
                           uint64_t *end, bool *unreadable)
{
    struct fct_batch_header header;
    uint64_t used = visible_size(segment);
    FCT_ASSERT(offset >= FCT_SEGMENT_HEADER_SIZE);
    *unreadable = false;
    if (offset + FCT_BATCH_HEADER_SIZE > used) {
        return false;
    }
    /* One probe decides: a second one may find the device well again, or not any more. */
    *unreadable = !fct_segment_readable(segment, offset, FCT_BATCH_HEADER_SIZE);
    if (*unreadable || fct_batch_header_decode(map + offset, segment->header.base + offset,
                                               segment->header.salt, &header) != FACTUM_OK) {
        return false;
    }
    uint64_t payload = offset + FCT_BATCH_HEADER_SIZE;
    *end = payload + header.payload_size;
    *unreadable = header.payload_size > 0 && header.payload_size <= used - payload &&
                  !fct_segment_readable(segment, payload, header.payload_size);
    return *end <= used && !*unreadable &&
           fct_batch_payload_crc(header.chain, map + payload, header.payload_size) ==
               header.payload_crc;
}

/* The first batch of the segment that does not verify; the batch around |offset| if all up to it
 * verify. segment->first_bad keeps the answer: the search may be long, and readers may meet the
 * same damage many times. */
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
    FCT_ASSERT(at <= offset);
    return at;
}

/* Reports damage at |position|. The error names the start of the first bad batch of the segment:
 * every reader of the same damage names the position that verify names and that a repair
 * accepts. */
static factum_status damage_at(struct fct_segment *segment, const uint8_t *map, uint64_t position,
                               const char *what, factum_error *err)
{
    bool unreadable;
    FCT_ASSERT(position - segment->header.base >= FCT_SEGMENT_HEADER_SIZE);
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
    uint64_t used = visible_size(segment);
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
    FCT_ASSERT(record->size <= used - offset);
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
            FCT_PREFETCH(map + offset + line); /* never faults, even past the end of the map */
        }
    }
}

/* ---- the place of a walk --------------------------------------------------------------------- */

/* The invariants of the file's head, as far as they cost a compare each. */
static void walk_check(const struct fct_log_walk *walk)
{
    uint64_t capacity = walk->segment->capacity;
    FCT_ASSERT(walk->base == walk->segment->header.base);
    FCT_ASSERT(walk->position % FCT_RECORD_ALIGN == 0);
    FCT_ASSERT(walk->position >= walk->base + FCT_SEGMENT_HEADER_SIZE);
    FCT_ASSERT(walk->position <= walk->base + capacity);
    FCT_ASSERT(walk->batch_end <= walk->base + capacity);
}

/* Continues in |segment|, at its first batch. On failure the walk does not change. */
static factum_status walk_enter(struct fct_log_walk *walk, struct fct_segment *segment,
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
    walk_check(walk);
    return FACTUM_OK;
}

static bool walk_header_at(const struct fct_log_walk *walk, uint64_t position,
                           struct fct_batch_header *header)
{
    FCT_ASSERT(position >= walk->base);
    uint64_t offset = position - walk->base;
    uint64_t used = visible_size(walk->segment);
    return fct_segment_batch_at(walk->segment, offset, used, header) &&
           header->payload_size <= used - offset - FCT_BATCH_HEADER_SIZE;
}

static bool walk_record_at(const struct fct_log_walk *walk, uint64_t position,
                           struct fct_record *record)
{
    FCT_ASSERT(position >= walk->base);
    uint64_t offset = position - walk->base;
    uint64_t used = visible_size(walk->segment);
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

struct boundaries {
    uint64_t before; /* the last one at or before a position */
    uint64_t after;  /* the first one at or after it */
};

/* Steps over the records of the batch at found->before, which ends at |end| and contains
 * |position|. */
static factum_status boundaries_in_batch(const struct fct_log_walk *walk, uint64_t position,
                                         uint64_t end, struct boundaries *found, factum_error *err)
{
    uint64_t next = found->before + FCT_BATCH_HEADER_SIZE;
    FCT_ASSERT(position > found->before);
    FCT_ASSERT(position < end);
    while (next < position) {
        uint64_t offset = next - walk->base;
        uint64_t room = end - next;
        bool whole = room >= FCT_RECORD_HEADER_SIZE &&
                     fct_segment_readable(walk->segment, offset, FCT_RECORD_HEADER_SIZE);
        uint32_t size = whole ? fct_record_peek_size(walk->map + offset, (size_t)room) : 0;
        if (size == 0) {
            return walk_damage(walk, next, "the record has no size", err);
        }
        found->before = next;
        next += size;
    }
    found->before = next == position ? next : found->before;
    found->after = next;
    return FACTUM_OK;
}

/* The boundaries around |position|, by steps over batches and records from the start of the
 * segment. CORRUPT if there is damage on the way. */
static factum_status find_boundaries(const struct fct_log_walk *walk, uint64_t position,
                                     struct boundaries *found, factum_error *err)
{
    uint64_t end = walk->base + visible_size(walk->segment);
    uint64_t at = walk->base + FCT_SEGMENT_HEADER_SIZE;
    found->before = at;
    while (at < end && at < position) {
        struct fct_batch_header header;
        if (!walk_header_at(walk, at, &header)) {
            return walk_damage(walk, at, "no batch is there", err);
        }
        uint64_t batch_end = at + FCT_BATCH_HEADER_SIZE + header.payload_size;
        found->before = at;
        if (position < batch_end && (header.flags & FCT_BATCH_SEAL) == 0) {
            return boundaries_in_batch(walk, position, batch_end, found, err);
        }
        at = batch_end;
    }
    found->before = at == position ? at : found->before;
    found->after = at;
    FCT_ASSERT(found->before <= found->after);
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
    if (from > segment->header.base + visible_size(segment)) { /* a repair gave up this place */
        struct fct_segment *next = fct_log_segment_after(log, segment);
        segment = next == NULL ? segment : next;
    }
    factum_status status = walk_enter(walk, segment, err);
    if (status != FACTUM_OK || from <= walk->position) {
        return status;
    }
    walk->position = from;
    walk->chain_known = false;
    struct fct_batch_header header;
    struct fct_record record;
    if (from < walk->limit && !walk_header_at(walk, from, &header) &&
        !walk_record_at(walk, from, &record)) {
        /* No boundary. The usual case is a checkpoint: the place just after a record's start. */
        if (walk_record_at(walk, from - FCT_RECORD_ALIGN, &record)) {
            walk->position = from - FCT_RECORD_ALIGN + record.size;
        } else {
            struct boundaries found = {.after = from};
            status = find_boundaries(walk, from, &found, err);
            walk->position = status == FACTUM_OK ? found.after : from;
        }
    }
    walk_check(walk);
    return status;
}

static FCT_COLD factum_status no_event(uint64_t position, factum_error *err)
{
    return fct_fail(err, FACTUM_NOT_FOUND, "no event at position %" PRIu64, position);
}

factum_status fct_log_find(struct fct_log *log, uint64_t position, struct fct_record *record,
                           factum_error *err)
{
    struct fct_segment *segment = fct_log_segment_at(log, position);
    if (segment == NULL || position % FCT_RECORD_ALIGN != 0 ||
        position >= segment->header.base + visible_size(segment)) {
        return no_event(position, err);
    }
    factum_status status = fct_log_read(log, position, record, err);
    if (status != FACTUM_CORRUPT) {
        return status;
    }
    /* Either the record is damaged, or no record begins here. */
    struct fct_log_walk walk = {.log = log};
    struct fct_batch_header header;
    status = walk_enter(&walk, segment, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (walk_header_at(&walk, position, &header)) {
        return no_event(position, err);
    }
    struct boundaries found;
    status = find_boundaries(&walk, position, &found, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return found.before == position ? fct_log_read(log, position, record, err)
                                    : no_event(position, err);
}

/* ---- forward --------------------------------------------------------------------------------- */

enum walk_step {
    STEP_RECORD, /* |record| is the next one */
    STEP_BATCH,  /* the walk moved to another place: step again, or take the records of its batch */
    STEP_END,    /* there are no more visible records */
};

/* Verifies the batch at the walk's position, and moves to its first record, or after a seal. */
static factum_status enter_batch(struct fct_log_walk *walk, const struct fct_batch_header *header,
                                 factum_error *err)
{
    FCT_ASSERT(walk->position >= walk->batch_end);
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

/* Takes what begins at the walk's position, outside a batch that was verified as a whole: a batch
 * header or, if the walk began inside a batch, a record. */
static factum_status take_unverified(struct fct_log_walk *walk, struct fct_record *record,
                                     enum walk_step *step, factum_error *err)
{
    struct fct_batch_header header;
    if (walk_header_at(walk, walk->position, &header)) {
        *step = STEP_BATCH;
        return enter_batch(walk, &header, err);
    }
    if (walk->chain_known || !walk_record_at(walk, walk->position, record)) {
        return walk_damage(walk, walk->position, "no batch is there", err);
    }
    FCT_ASSERT(record->position == walk->position);
    *step = STEP_RECORD;
    walk->position += record->size;
    return FACTUM_OK;
}

/* Moves on outside a verified batch, into the next segment at the end of this one. */
static factum_status walk_step(struct fct_log_walk *walk, struct fct_record *record,
                               enum walk_step *step, factum_error *err)
{
    if (walk->position >= walk->limit) {
        walk->limit = fct_log_end(walk->log);
        if (walk->position >= walk->limit) {
            *step = STEP_END;
            return FACTUM_OK;
        }
    }
    if (walk->position == walk->base + visible_size(walk->segment)) {
        struct fct_segment *next = fct_log_segment_after(walk->log, walk->segment);
        if (next != NULL) {
            *step = STEP_BATCH;
            return walk_enter(walk, next, err);
        }
    }
    return take_unverified(walk, record, step, err);
}

factum_status fct_log_walk_next(struct fct_log_walk *walk, struct fct_record *record,
                                factum_error *err)
{
    walk_check(walk);
    while (walk->position >= walk->batch_end) {
        enum walk_step step = STEP_END;
        factum_status status = walk_step(walk, record, &step, err);
        if (status != FACTUM_OK) {
            return status;
        }
        if (step == STEP_END) {
            return FACTUM_DONE;
        }
        if (step == STEP_RECORD) {
            return FACTUM_OK;
        }
    }
    uint64_t offset = walk->position - walk->base;
    if (fct_record_decode(walk->map + offset, (size_t)(walk->batch_end - walk->position),
                          walk->position, walk->salt, false, record) != FACTUM_OK) {
        return walk_damage(walk, walk->position, "the record is not valid", err);
    }
    walk->position += record->size;
    FCT_ASSERT(walk->position <= walk->batch_end);
    return FACTUM_OK;
}

/* ---- backward -------------------------------------------------------------------------------- */

/* The position where the records of a segment end, without its seal. */
static uint64_t records_end(const struct fct_segment *segment)
{
    uint64_t used = visible_size(segment);
    bool sealed = atomic_load(&segment->sealed) && used >= FCT_SEGMENT_HEADER_SIZE + FCT_SEAL_SIZE;
    return segment->header.base + (sealed ? used - FCT_SEAL_SIZE : used);
}

factum_status fct_log_walk_init_backward(struct fct_log_walk *walk, struct fct_log *log,
                                         uint64_t before, factum_error *err)
{
    *walk = (struct fct_log_walk){.log = log, .limit = fct_log_end(log)};
    before = before > walk->limit ? walk->limit : before;
    uint64_t start = fct_log_start(log);
    before = before < start ? start : before;
    struct fct_segment *segment = fct_log_segment_at(log, before);
    factum_status status = walk_enter(walk, segment, err);
    if (status != FACTUM_OK || before <= walk->position) {
        return status;
    }
    uint64_t end = records_end(segment);
    if (before >= end) {
        walk->position = end;
        return FACTUM_OK;
    }
    struct fct_batch_header header;
    struct fct_record record;
    if (before % FCT_RECORD_ALIGN == 0 &&
        (walk_header_at(walk, before, &header) || walk_record_at(walk, before, &record))) {
        walk->position = before;
        return FACTUM_OK;
    }
    struct boundaries found;
    status = find_boundaries(walk, before, &found, err);
    walk->position = status == FACTUM_OK ? found.before : walk->position;
    walk_check(walk);
    return status;
}

static factum_status damage_before(const struct fct_log_walk *walk, const char *what,
                                   factum_error *err)
{
    return walk_damage(walk, walk->position - FCT_RECORD_ALIGN, what, err);
}

/* Steps back over what ends at the walk's position, a record or a batch header. */
static factum_status step_back(struct fct_log_walk *walk, struct fct_record *record,
                               enum walk_step *step, factum_error *err)
{
    uint64_t end = walk->position - walk->base;
    uint64_t room = end - FCT_SEGMENT_HEADER_SIZE;
    FCT_ASSERT(room >= FCT_RECORD_ALIGN);
    if (!fct_segment_readable(walk->segment, end - 8, 8)) {
        return damage_before(walk, UNREADABLE, err);
    }
    uint32_t size = fct_get_u32(walk->map + end - 4);
    if (size == FCT_BATCH_TRAILER) {
        struct fct_batch_header header;
        if (room < FCT_BATCH_HEADER_SIZE ||
            !walk_header_at(walk, walk->position - FCT_BATCH_HEADER_SIZE, &header)) {
            return damage_before(walk, "no batch header ends there", err);
        }
        walk->position -= FCT_BATCH_HEADER_SIZE;
        *step = STEP_BATCH;
        return FACTUM_OK;
    }
    if (size > room || !walk_record_at(walk, walk->position - size, record) ||
        record->size != size) {
        return damage_before(walk, "no record ends there", err);
    }
    walk->position -= size;
    *step = STEP_RECORD;
    return FACTUM_OK;
}

/* To the end of the records of the segment before; STEP_END at the first segment. */
static factum_status segment_back(struct fct_log_walk *walk, enum walk_step *step,
                                  factum_error *err)
{
    struct fct_segment *before = fct_log_segment_before(walk->log, walk->segment);
    *step = before == NULL ? STEP_END : STEP_BATCH;
    if (before == NULL) {
        return FACTUM_OK;
    }
    FCT_ASSERT(before->header.base < walk->base);
    factum_status status = walk_enter(walk, before, err);
    if (status == FACTUM_OK) {
        walk->position = records_end(before);
    }
    return status;
}

factum_status fct_log_walk_previous(struct fct_log_walk *walk, struct fct_record *record,
                                    factum_error *err)
{
    enum walk_step step = STEP_BATCH;
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK && step == STEP_BATCH) {
        walk_check(walk);
        status = walk->position == walk->base + FCT_SEGMENT_HEADER_SIZE
                     ? segment_back(walk, &step, err)
                     : step_back(walk, record, &step, err);
    }
    return status == FACTUM_OK && step == STEP_END ? FACTUM_DONE : status;
}
