/* kurrent_projections.c - see kurrent_projections.h. Layer: wire. */
#include "wire/kurrent_projections.h"

#include "core/slice.h"
#include "wire/kurrent_int.h"

static factum_status projections_take_options(factum_slice message,
                                              struct fct_kurrent_statistics *statistics)
{
    static const enum fct_kurrent_statistics_mode modes[] = {
        [2] = FCT_KURRENT_STATISTICS_ALL,
        [3] = FCT_KURRENT_STATISTICS_TRANSIENT,
        [4] = FCT_KURRENT_STATISTICS_CONTINUOUS,
        [5] = FCT_KURRENT_STATISTICS_ONE_TIME,
    };
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK && fct_pb_next(&reader, &field)) {
        if (field.type != FCT_PB_BYTES) {
            continue;
        }
        if (field.number == 1) {
            statistics->mode = FCT_KURRENT_STATISTICS_NAME;
            status = fct_kurrent_take_text(field.bytes, &statistics->name);
        } else if (field.number < sizeof modes / sizeof modes[0]) {
            statistics->mode = modes[field.number];
            statistics->name = fct_slice(NULL, 0);
        }
    }
    return status != FACTUM_OK ? status : fct_kurrent_end(&reader);
}

factum_status fct_kurrent_decode_statistics(factum_slice message,
                                            struct fct_kurrent_statistics *statistics,
                                            factum_error *err)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    factum_status status = FACTUM_OK;
    *statistics = (struct fct_kurrent_statistics){0};
    while (status == FACTUM_OK && fct_pb_next(&reader, &field)) {
        if (fct_pb_tag(&field) == FCT_KURRENT_BYTES(1)) {
            status = projections_take_options(field.bytes, statistics);
        }
    }
    status = status != FACTUM_OK ? status : fct_kurrent_end(&reader);
    return fct_kurrent_result(status, "StatisticsReq", err);
}

/* A negative int32 or int64 takes ten bytes, with its sign in the upper half. */
static void projections_put_int(struct fct_pb_writer *writer, uint32_t number, int64_t value)
{
    fct_pb_put_uint(writer, number, (uint64_t)value);
}

factum_status fct_kurrent_encode_projection(struct fct_buf *buf,
                                            const struct fct_kurrent_projection *projection)
{
    struct fct_grpc_message reply = fct_grpc_message_begin(buf);
    struct fct_pb_writer *writer = &reply.writer;
    size_t begun = fct_pb_begin(writer, 1);
    projections_put_int(writer, 1, projection->core_processing_time);
    projections_put_int(writer, 2, projection->version);
    projections_put_int(writer, 3, projection->epoch);
    fct_pb_put_bytes(writer, 4, projection->effective_name);
    projections_put_int(writer, 5, projection->writes_in_progress);
    projections_put_int(writer, 6, projection->reads_in_progress);
    projections_put_int(writer, 7, projection->partitions_cached);
    fct_pb_put_bytes(writer, 8, projection->status);
    fct_pb_put_bytes(writer, 9, projection->state_reason);
    fct_pb_put_bytes(writer, 10, projection->name);
    fct_pb_put_bytes(writer, 11, projection->mode);
    fct_pb_put_bytes(writer, 12, projection->position);
    fct_pb_put_float(writer, 13, projection->progress);
    fct_pb_put_bytes(writer, 14, projection->last_checkpoint);
    projections_put_int(writer, 15, projection->events_processed_after_restart);
    fct_pb_put_bytes(writer, 16, projection->checkpoint_status);
    projections_put_int(writer, 17, projection->buffered_events);
    projections_put_int(writer, 18, projection->write_pending_events_before_checkpoint);
    projections_put_int(writer, 19, projection->write_pending_events_after_checkpoint);
    fct_pb_end(writer, begun);
    return fct_grpc_message_end(&reply);
}
