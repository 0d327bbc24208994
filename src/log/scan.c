/* scan.c - see scan.h. Layer: log.
 *
 * A batch is valid if its header verifies (with the salt and its own position, before its length is
 * believed), if it carries the expected number and chain, and if its payload verifies. The valid
 * log ends at the first place where no batch is valid.
 *
 * A log point lets the scan begin late. The scan believes it if the batch before it has the number
 * and the chain that precede those of the point. Steps backward find that batch: each record ends
 * with its size.
 */
#include "log/scan.h"

#include <string.h>

#include "codec/bytes.h"
#include "core/check.h"

#define BLOCK ((size_t)4096)

/* The invariants of scan.h that cost a compare. */
static void scan_check(const struct fct_scan *scan)
{
    FCT_ASSERT(scan->map != NULL);
    FCT_ASSERT(scan->offset % 8 == 0);
    FCT_ASSERT(scan->offset >= FCT_SEGMENT_HEADER_SIZE);
    FCT_ASSERT(scan->offset <= scan->segment->capacity);
    FCT_ASSERT(scan->start <= scan->offset);
    FCT_ASSERT(scan->evidence >= scan->base + FCT_SEGMENT_HEADER_SIZE);
}

static void note_evidence(struct fct_scan *scan, uint64_t position)
{
    if (position > scan->evidence) {
        scan->evidence = position;
    }
}

static bool can_read(const struct fct_scan *scan, uint64_t offset, uint64_t size)
{
    return fct_segment_readable(scan->segment, offset, size);
}

/* Does the batch header at |offset| verify? */
static bool header_at(const struct fct_scan *scan, uint64_t offset, struct fct_batch_header *header)
{
    FCT_ASSERT(offset <= scan->segment->capacity);
    return fct_segment_batch_at(scan->segment, offset, scan->segment->capacity, header);
}

static bool payload_verifies(const struct fct_scan *scan, uint64_t offset,
                             const struct fct_batch_header *header)
{
    FCT_ASSERT(offset + FCT_BATCH_HEADER_SIZE <= scan->segment->capacity);
    uint64_t room = scan->segment->capacity - offset - FCT_BATCH_HEADER_SIZE;
    return header->payload_size <= room &&
           (header->payload_size == 0 ||
            can_read(scan, offset + FCT_BATCH_HEADER_SIZE, header->payload_size)) &&
           fct_batch_payload_crc(header->chain, scan->map + offset + FCT_BATCH_HEADER_SIZE,
                                 header->payload_size) == header->payload_crc;
}

static void note_created(struct fct_scan *scan, const struct fct_batch_header *header)
{
    struct fct_record record;
    const uint8_t *at = scan->map + scan->offset + FCT_BATCH_HEADER_SIZE;
    if (header->record_count == 0 ||
        fct_record_decode(at, header->payload_size, 0, 0, false, &record) != FACTUM_OK) {
        return;
    }
    scan->created_last = record.created;
    if (scan->records == 0) {
        scan->created_first = record.created;
    }
}

/* Moves over the batch at scan->offset; false if none is valid there. */
static bool take_batch(struct fct_scan *scan)
{
    struct fct_batch_header header;
    if (!header_at(scan, scan->offset, &header)) {
        return false;
    }
    if (header.number != scan->number || header.chain != scan->chain) {
        return false;
    }
    note_evidence(scan, header.durable_upto); /* true even if the payload does not verify */
    if (!payload_verifies(scan, scan->offset, &header)) {
        return false;
    }
    note_created(scan, &header);
    scan->chain = fct_batch_chain(scan->map + scan->offset);
    scan->number = header.number + 1;
    scan->epoch = header.epoch > scan->epoch ? header.epoch : scan->epoch;
    scan->offset += FCT_BATCH_HEADER_SIZE + header.payload_size;
    scan->sealed = (header.flags & FCT_BATCH_SEAL) != 0;
    scan->records += header.record_count;
    scan_check(scan);
    return true;
}

/* The offset of the header of the batch that ends at |offset|; 0 if none is found. */
static uint64_t batch_before(const struct fct_scan *scan, uint64_t offset)
{
    uint64_t at = offset;
    FCT_ASSERT(offset <= scan->segment->capacity);
    FCT_ASSERT(offset % 8 == 0);
    while (at >= FCT_SEGMENT_HEADER_SIZE + FCT_BATCH_HEADER_SIZE) {
        uint32_t trailer = can_read(scan, at - 8, 8) ? fct_get_u32(scan->map + at - 4) : 0;
        if (trailer == FCT_BATCH_TRAILER) {
            return at - FCT_BATCH_HEADER_SIZE;
        }
        if (trailer < FCT_RECORD_HEADER_SIZE || trailer % FCT_RECORD_ALIGN != 0 ||
            trailer > at - FCT_SEGMENT_HEADER_SIZE) {
            return 0;
        }
        at -= trailer;
    }
    return 0;
}

/* Starts the scan at |point| if the batch before it proves the point, unless the scan starts after
 * it already. */
static void start_at(struct fct_scan *scan, const struct fct_log_point *point)
{
    uint64_t first = scan->base + FCT_SEGMENT_HEADER_SIZE;
    if (point->position <= first || point->position % 8 != 0 ||
        point->position > scan->base + scan->segment->capacity) {
        return;
    }
    uint64_t offset = point->position - scan->base;
    uint64_t before = batch_before(scan, offset);
    struct fct_batch_header header;
    if (before == 0 || !header_at(scan, before, &header) ||
        before + FCT_BATCH_HEADER_SIZE + header.payload_size != offset ||
        !payload_verifies(scan, before, &header)) {
        return;
    }
    if (header.number + 1 != point->batch_number ||
        fct_batch_chain(scan->map + before) != point->chain) {
        scan->foreign = point; /* a valid batch, but of another history */
        return;
    }
    if (offset <= scan->offset) {
        return;
    }
    note_evidence(scan, header.durable_upto);
    scan->offset = offset;
    scan->number = point->batch_number;
    scan->chain = point->chain;
    scan->epoch = header.epoch > scan->epoch ? header.epoch : scan->epoch;
}

/* Notes in |met| the points that agree with the scan at its offset. */
static void note_met(const struct fct_scan *scan, const struct fct_log_point *points,
                     size_t point_count, bool met[FCT_SCAN_POINTS_MAX])
{
    FCT_ASSERT(point_count <= FCT_SCAN_POINTS_MAX);
    for (size_t i = 0; i < point_count; i++) {
        met[i] =
            met[i] || (points[i].position == scan->base + scan->offset &&
                       points[i].batch_number == scan->number && points[i].chain == scan->chain);
    }
}

void fct_scan_run(struct fct_scan *scan, struct fct_segment *segment,
                  const struct fct_log_point *points, size_t point_count, struct fct_scan *proven)
{
    *scan = (struct fct_scan){
        .segment = segment,
        .map = atomic_load(&segment->map),
        .base = segment->header.base,
        .offset = FCT_SEGMENT_HEADER_SIZE,
        .chain = segment->header.chain,
        .number = segment->header.batch_number,
        /* The header is durable, and so is the seal before it. */
        .evidence = segment->header.base + FCT_SEGMENT_HEADER_SIZE,
    };
    FCT_ASSERT(scan->map != NULL);
    FCT_ASSERT(point_count <= FCT_SCAN_POINTS_MAX);
    for (size_t i = 0; i < point_count; i++) {
        note_evidence(scan, points[i].position);
        start_at(scan, &points[i]);
    }
    scan->start = scan->offset;
    scan_check(scan);
    bool met[FCT_SCAN_POINTS_MAX] = {false};
    bool more;
    do {
        note_met(scan, points, point_count, met);
        struct fct_scan before = *scan;
        more = !scan->sealed && take_batch(scan);
        if (proven != NULL && scan->evidence >= before.base + before.offset) {
            *proven = before;
        }
    } while (more);
    note_met(scan, points, point_count, met);
    for (size_t i = 0; i < point_count; i++) {
        uint64_t position = points[i].position;
        if (position >= scan->base + scan->start && position <= scan->base + scan->offset &&
            !met[i]) {
            scan->foreign = &points[i];
        }
    }
}

void fct_scan_again(struct fct_scan *scan, const struct fct_scan *proven)
{
    struct fct_scan first = *scan;
    FCT_ASSERT(proven->base + proven->offset <= first.evidence);
    *scan = *proven;
    scan->map = atomic_load(&scan->segment->map);
    scan->evidence = first.evidence;
    scan->foreign = first.foreign; /* points are evidence, so all lie before |proven| */
    while (!scan->sealed && take_batch(scan)) {
    }
    scan_check(scan);
}

/* Compares the bytes with themselves shifted by one: memcmp is faster than a loop. */
static bool all_zero(const uint8_t *bytes, size_t size)
{
    FCT_ASSERT(size > 0);
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

uint64_t fct_scan_data_end(const uint8_t *bytes, uint64_t size)
{
    uint64_t end = 0;
    for (uint64_t at = 0; at < size;) {
        size_t step = size - at < BLOCK ? (size_t)(size - at) : BLOCK;
        if (step < BLOCK || !all_zero(bytes + at, step)) {
            end = at + step;
        }
        at += step;
    }
    while (end > 0 && bytes[end - 1] == 0) {
        end--;
    }
    FCT_ASSERT(end <= size);
    return end;
}

uint64_t fct_scan_zero_from(struct fct_segment *segment, uint64_t from, uint64_t to, bool *failed)
{
    const uint8_t *map = atomic_load(&segment->map);
    uint64_t end = from;
    FCT_ASSERT(to <= segment->capacity);
    *failed = from < to && !fct_segment_readable(segment, from, to - from);
    if (!*failed) {
        return from < to ? from + fct_scan_data_end(map + from, to - from) : from;
    }
    for (uint64_t at = from; at < to;) {
        uint64_t step = BLOCK - at % BLOCK;
        step = step < to - at ? step : to - at;
        bool read = fct_segment_readable(segment, at, step);
        uint64_t data = read ? fct_scan_data_end(map + at, step) : step;
        end = data > 0 ? at + data : end;
        at += step;
    }
    return end;
}

void fct_scan_rest(struct fct_scan *scan, uint64_t zeros)
{
    uint64_t capacity = scan->segment->capacity;
    FCT_ASSERT(zeros <= capacity);
    scan_check(scan);
    uint64_t to = zeros < scan->offset ? scan->offset : zeros;
    scan->zero_from = fct_scan_zero_from(scan->segment, scan->offset, to, &scan->failed);
    uint64_t failed_block = UINT64_MAX; /* the last one met: each try may take seconds */
    for (uint64_t at = scan->offset; at < scan->zero_from && at + FCT_BATCH_HEADER_SIZE <= capacity;
         at += 8) {
        struct fct_batch_header header;
        uint64_t last = at + FCT_BATCH_HEADER_SIZE - 1;
        if (at / BLOCK == failed_block || last / BLOCK == failed_block) {
            continue;
        }
        if (scan->failed && !can_read(scan, at, FCT_BATCH_HEADER_SIZE)) {
            failed_block = can_read(scan, at, 8) ? last / BLOCK : at / BLOCK;
            continue;
        }
        if (fct_get_u64(scan->map + at) != 0 &&
            fct_batch_header_decode(scan->map + at, scan->base + at, scan->segment->header.salt,
                                    &header) == FACTUM_OK) {
            note_evidence(scan, header.durable_upto);
        }
    }
}
