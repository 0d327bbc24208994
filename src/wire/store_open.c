/* store_open.c - see store_open.h. Layer: wire. */
#include "wire/store_open.h"

#include "core/error.h"
#include "wire/store_int.h"

enum { OPENED_TIMELINES = 9 };

static const struct fct_store_member open_members[] = {
    FCT_STORE_MEMBER(1, U32, struct fct_store_open, protocol),
    FCT_STORE_MEMBER(2, TEXT, struct fct_store_open, client),
};
static const struct fct_store_table open_table = FCT_STORE_TABLE(open_members);

static const struct fct_store_member opened_members[] = {
    FCT_STORE_MEMBER(1, U32, struct fct_store_opened, protocol),
    FCT_STORE_MEMBER(2, U32, struct fct_store_opened, capabilities),
    FCT_STORE_MEMBER(3, U64, struct fct_store_opened, event_size_max),
    FCT_STORE_MEMBER(4, U64, struct fct_store_opened, append_events_max),
    FCT_STORE_MEMBER(5, U64, struct fct_store_opened, append_size_max),
    FCT_STORE_MEMBER(6, U64, struct fct_store_opened, queue_max),
    FCT_STORE_MEMBER(7, U64, struct fct_store_opened, queue_size_max),
    FCT_STORE_MEMBER(8, ID, struct fct_store_opened, store_id),
    FCT_STORE_MEMBER(10, I64, struct fct_store_opened, time),
    FCT_STORE_MEMBER(11, U32, struct fct_store_opened, format_major),
    FCT_STORE_MEMBER(12, U32, struct fct_store_opened, format_minor),
    FCT_STORE_MEMBER(13, TEXT, struct fct_store_opened, server),
    FCT_STORE_MEMBER(14, BOOL, struct fct_store_opened, read_only),
    FCT_STORE_MEMBER(15, U64, struct fct_store_opened, place),
};
static const struct fct_store_table opened_table = FCT_STORE_TABLE(opened_members);

static const struct fct_store_member timeline_members[] = {
    FCT_STORE_MEMBER(1, U64, struct fct_store_timeline, id),
    FCT_STORE_MEMBER(2, U64, struct fct_store_timeline, from),
};
static const struct fct_store_table timeline_table = FCT_STORE_TABLE(timeline_members);

factum_status fct_store_encode_open(struct fct_buf *buf, const struct fct_store_open *open)
{
    struct fct_grpc_message message = fct_grpc_message_begin(buf);
    fct_store_put(&message.writer, &open_table, open);
    return fct_grpc_message_end(&message);
}

factum_status fct_store_decode_open(factum_slice message, struct fct_store_open *open,
                                    factum_error *err)
{
    *open = (struct fct_store_open){.protocol = 0};
    return fct_store_take_all(&open_table, message, open) ? FACTUM_OK
                                                          : fct_store_invalid("OpenRequest", err);
}

factum_status fct_store_encode_opened(struct fct_buf *buf, const struct fct_store_opened *opened)
{
    struct fct_grpc_message message = fct_grpc_message_begin(buf);
    fct_store_put(&message.writer, &opened_table, opened);
    for (uint32_t i = 0; i < opened->timeline_count; i++) {
        fct_store_put_nested(&message.writer, OPENED_TIMELINES, &timeline_table,
                             &opened->timelines[i]);
    }
    return fct_grpc_message_end(&message);
}

static factum_status open_take_timeline(factum_slice bytes, struct fct_store_opened *opened,
                                        factum_error *err)
{
    if (opened->timeline_count == FCT_STORE_TIMELINES_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "open: more than %u timelines",
                        FCT_STORE_TIMELINES_MAX);
    }
    struct fct_store_timeline *timeline = &opened->timelines[opened->timeline_count++];
    return fct_store_take_all(&timeline_table, bytes, timeline)
               ? FACTUM_OK
               : fct_store_invalid("OpenAnswer", err);
}

factum_status fct_store_decode_opened(factum_slice message, struct fct_store_opened *opened,
                                      factum_error *err)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    factum_status status = FACTUM_OK;
    *opened = (struct fct_store_opened){.protocol = 0};
    while (status == FACTUM_OK && fct_pb_next(&reader, &field)) {
        if (fct_pb_tag(&field) == FCT_STORE_BYTES(OPENED_TIMELINES)) {
            status = open_take_timeline(field.bytes, opened, err);
        } else if (!fct_store_take(&opened_table, &field, opened)) {
            status = fct_store_invalid("OpenAnswer", err);
        }
    }
    return status == FACTUM_OK && reader.failed ? fct_store_invalid("OpenAnswer", err) : status;
}
