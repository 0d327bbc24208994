/* proofs.c - reads the proofs and compares them with the log. Layer: log. proofs.h has the
 * invariants. */
#include "log/proofs.h"

#include <inttypes.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"

static const char the_index[] = "the index";

static bool same_store(const factum_uuid *a, const factum_uuid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static void proofs_check(const struct fct_proofs *proofs)
{
    FCT_ASSERT(proofs->count <= FCT_SCAN_POINTS_MAX);
    FCT_ASSERT(proofs->end <= proofs->proven_end);
}

static void add_proof(struct fct_proofs *proofs, const char *name,
                      const struct fct_log_point *point)
{
    FCT_ASSERT(proofs->count < FCT_SCAN_POINTS_MAX);
    FCT_ASSERT(point->position <= FCT_POSITION_MAX);
    proofs->names[proofs->count] = name;
    proofs->points[proofs->count++] = *point;
}

/* Adds the proof in |name|, if the file exists, verifies, and belongs to this store: *added. */
static factum_status add_end_file(const struct fct_log *log, struct fct_proofs *proofs,
                                  const char *name, bool *exists, bool *added, factum_error *err)
{
    struct fct_end_proof end;
    factum_error reason;
    factum_status status = fct_end_file_read(log, name, &end, &reason);
    *exists = status == FACTUM_OK || status == FACTUM_CORRUPT;
    *added = status == FACTUM_OK && same_store(&end.store_id, &log->store_id);
    if (*added) {
        uint64_t position = end.point.position;
        add_proof(proofs, name, &end.point);
        proofs->epoch = end.epoch > proofs->epoch ? end.epoch : proofs->epoch;
        proofs->proven_end = position > proofs->proven_end ? position : proofs->proven_end;
    }
    if (status == FACTUM_CORRUPT) {
        fct_log_message(&log->sink, FACTUM_LOG_WARN, "recovery.evidence_damaged", "%s",
                        reason.text);
        return FACTUM_OK;
    }
    if (status == FACTUM_NOT_FOUND) {
        return FACTUM_OK;
    }
    if (status != FACTUM_OK) {
        *err = reason;
    }
    return status;
}

factum_status fct_proofs_gather(struct fct_proofs *proofs, struct fct_log *log,
                                const struct fct_log_options *options, factum_error *err)
{
    bool exists = false;
    bool added = false;
    *proofs = (struct fct_proofs){.count = 0};
    factum_status status = add_end_file(log, proofs, FCT_LAST_NAME, &exists, &added, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = add_end_file(log, proofs, FCT_END_NAME, &exists, &added, err);
    if (status != FACTUM_OK) {
        return status;
    }
    log->end_file = exists; /* one that proves nothing must be removed as well */
    proofs->end = added ? proofs->points[proofs->count - 1].position : 0;
    if (options->proof.position > 0 && options->proof.position <= FCT_POSITION_MAX &&
        same_store(&options->proof_store_id, &log->store_id)) {
        add_proof(proofs, the_index, &options->proof);
    }
    proofs_check(proofs);
    return FACTUM_OK;
}

factum_status fct_proofs_exist(const struct fct_log *log, bool *any, factum_error *err)
{
    static const char *const names[] = {FCT_END_NAME, FCT_LAST_NAME};
    factum_status status = FACTUM_OK;
    for (size_t i = 0; status == FACTUM_OK && i < sizeof names / sizeof names[0]; i++) {
        struct fct_end_proof end;
        status = fct_end_file_read(log, names[i], &end, err);
        *any = *any || status == FACTUM_OK || status == FACTUM_CORRUPT;
        status = status == FACTUM_CORRUPT || status == FACTUM_NOT_FOUND ? FACTUM_OK : status;
    }
    return status;
}

factum_status fct_proofs_refuse(const struct fct_proofs *proofs, const struct fct_log_point *point,
                                const struct fct_segment *segment, factum_error *err)
{
    FCT_ASSERT(point >= proofs->points);
    FCT_ASSERT(point < proofs->points + proofs->count);
    const char *name = proofs->names[point - proofs->points];
    bool index = name == the_index;
    return fct_fail(err, FACTUM_CORRUPT,
                    "segment %020" PRIu64 ".seg belongs to another history than %s%s names at "
                    "position %" PRIu64 ": restore the store from a backup%s",
                    segment->header.number, index ? "" : "log/", name, point->position,
                    index ? ", or, if the log is the right one, run factum repair --rebuild-index"
                          : "");
}

/* Does a batch begin at |offset| of |segment|, by steps from its start? Also true if damage on the
 * way hides the answer. */
static bool may_begin_at(struct fct_segment *segment, uint64_t offset)
{
    uint64_t at = FCT_SEGMENT_HEADER_SIZE;
    struct fct_batch_header header;
    FCT_ASSERT(offset <= segment->capacity);
    while (at < offset) {
        if (!fct_segment_batch_at(segment, at, segment->capacity, &header)) {
            return true;
        }
        at += FCT_BATCH_HEADER_SIZE + header.payload_size;
    }
    return at == offset;
}

/* Sets *agree to whether the log has the batch of |point| at its place in |segment|. */
static factum_status compare_point(struct fct_segment *segment, const struct fct_log_point *point,
                                   bool *agree, factum_error *err)
{
    const struct fct_segment_header *header = &segment->header;
    uint64_t offset = point->position - header->base;
    FCT_ASSERT(point->position >= header->base);
    if (offset == 0 || offset == FCT_SEGMENT_HEADER_SIZE) { /* 0: the end of the segment before */
        *agree = header->batch_number == point->batch_number && header->chain == point->chain;
        return FACTUM_OK;
    }
    const uint8_t *map;
    factum_status status = fct_segment_map(segment, &map, err);
    if (status != FACTUM_OK) {
        return status;
    }
    struct fct_batch_header batch;
    if (offset % 8 == 0 && offset > FCT_SEGMENT_HEADER_SIZE &&
        fct_segment_batch_at(segment, offset, segment->capacity, &batch)) {
        *agree = batch.number == point->batch_number && batch.chain == point->chain;
    } else {
        *agree = offset < segment->capacity && may_begin_at(segment, offset);
    }
    return FACTUM_OK;
}

factum_status fct_proofs_check(const struct fct_proofs *proofs, struct fct_log *log, uint64_t upto,
                               factum_error *err)
{
    factum_status status = FACTUM_OK;
    proofs_check(proofs);
    for (size_t i = 0; status == FACTUM_OK && i < proofs->count; i++) {
        const struct fct_log_point *point = &proofs->points[i];
        if (point->position >= upto || point->batch_number == 0) {
            continue; /* without a number: a bound that a repair set */
        }
        struct fct_segment *segment = fct_log_segment_at(log, point->position);
        bool agree = true;
        status = segment == NULL ? FACTUM_OK : compare_point(segment, point, &agree, err);
        if (status == FACTUM_OK && !agree) {
            status = fct_proofs_refuse(proofs, point, segment, err);
        }
    }
    return status;
}
