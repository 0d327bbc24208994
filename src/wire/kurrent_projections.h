/* kurrent_projections.h - the part of the KurrentDB service Projections that a server with a fixed
 * set of projections needs: the request for statistics and its answer.
 * Layer: wire.
 *
 * Source: proto/kurrent/projections.proto.
 */
#ifndef FCT_WIRE_KURRENT_PROJECTIONS_H
#define FCT_WIRE_KURRENT_PROJECTIONS_H

#include <factum/base.h>

#include "core/buf.h"

/* Which projections the statistics are about. */
enum fct_kurrent_statistics_mode {
    FCT_KURRENT_STATISTICS_NONE,
    FCT_KURRENT_STATISTICS_NAME,
    FCT_KURRENT_STATISTICS_ALL,
    FCT_KURRENT_STATISTICS_TRANSIENT,
    FCT_KURRENT_STATISTICS_CONTINUOUS,
    FCT_KURRENT_STATISTICS_ONE_TIME,
};

struct fct_kurrent_statistics {
    enum fct_kurrent_statistics_mode mode;
    factum_slice name; /* of NAME; borrows from the message */
};

/* Decodes StatisticsReq, without its frame. After a failure *statistics is undefined. Errors:
 * INVALID (the bytes are not this message, or the name is not UTF-8). */
FCT_MUST_USE factum_status fct_kurrent_decode_statistics(factum_slice message,
                                                         struct fct_kurrent_statistics *statistics,
                                                         factum_error *err);

/* StatisticsResp.Details. All texts are UTF-8 and may be empty. */
struct fct_kurrent_projection {
    factum_slice name;
    factum_slice effective_name;
    factum_slice status; /* "Running" */
    factum_slice state_reason;
    factum_slice mode; /* "Continuous" */
    factum_slice position;
    factum_slice last_checkpoint;
    factum_slice checkpoint_status;
    float progress; /* percent */
    int64_t core_processing_time;
    int64_t version;
    int64_t epoch;
    int64_t events_processed_after_restart;
    int64_t buffered_events;
    int32_t writes_in_progress;
    int32_t reads_in_progress;
    int32_t partitions_cached;
    int32_t write_pending_events_before_checkpoint;
    int32_t write_pending_events_after_checkpoint;
};

/* Appends StatisticsResp with its gRPC frame. After a failure |buf| is as before. Errors:
 * NO_MEMORY, TOO_BIG. */
FCT_MUST_USE factum_status
fct_kurrent_encode_projection(struct fct_buf *buf, const struct fct_kurrent_projection *projection);

#endif
