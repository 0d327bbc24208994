/* kurrent_replies.c - see kurrent_replies.h. Layer: wire. All answers except the event, which has
 * its own file, kurrent_event.c. */
#include "wire/kurrent_replies.h"

#include "core/check.h"
#include "core/slice.h"
#include "wire/kurrent_int.h"

/* ---- ReadResp -------------------------------------------------------------------------------- */

factum_status fct_kurrent_encode_confirmation(struct fct_buf *buf, factum_slice subscription_id)
{
    struct fct_grpc_message reply = fct_grpc_message_begin(buf);
    size_t begun = fct_pb_begin(&reply.writer, 2);
    fct_pb_put_bytes(&reply.writer, 1, subscription_id);
    fct_pb_end(&reply.writer, begun);
    return fct_grpc_message_end(&reply);
}

factum_status fct_kurrent_encode_checkpoint(struct fct_buf *buf, uint64_t position, int64_t time)
{
    struct fct_grpc_message reply = fct_grpc_message_begin(buf);
    size_t begun = fct_pb_begin(&reply.writer, 3);
    fct_pb_put_uint(&reply.writer, 1, position);
    fct_pb_put_uint(&reply.writer, 2, position);
    fct_kurrent_add_time(&reply.writer, 3, time);
    fct_pb_end(&reply.writer, begun);
    return fct_grpc_message_end(&reply);
}

factum_status fct_kurrent_encode_stream_not_found(struct fct_buf *buf, factum_slice stream)
{
    struct fct_grpc_message reply = fct_grpc_message_begin(buf);
    size_t begun = fct_pb_begin(&reply.writer, 4);
    fct_kurrent_add_stream(&reply.writer, 1, stream);
    fct_pb_end(&reply.writer, begun);
    return fct_grpc_message_end(&reply);
}

static factum_status replies_encode_number(struct fct_buf *buf, uint32_t number, uint64_t value)
{
    struct fct_grpc_message reply = fct_grpc_message_begin(buf);
    fct_pb_add_uint(&reply.writer, number, value);
    return fct_grpc_message_end(&reply);
}

factum_status fct_kurrent_encode_first_stream_position(struct fct_buf *buf, uint64_t revision)
{
    return replies_encode_number(buf, 5, revision);
}

factum_status fct_kurrent_encode_last_stream_position(struct fct_buf *buf, uint64_t revision)
{
    return replies_encode_number(buf, 6, revision);
}

factum_status fct_kurrent_encode_last_all_position(struct fct_buf *buf, uint64_t position)
{
    struct fct_grpc_message reply = fct_grpc_message_begin(buf);
    fct_kurrent_add_position(&reply.writer, 7, position);
    return fct_grpc_message_end(&reply);
}

static factum_status replies_encode_liveness(struct fct_buf *buf, uint32_t number,
                                             const struct fct_kurrent_liveness *liveness)
{
    struct fct_grpc_message reply = fct_grpc_message_begin(buf);
    size_t begun = fct_pb_begin(&reply.writer, number);
    fct_kurrent_add_time(&reply.writer, 1, liveness->time);
    if (liveness->revision.given) {
        fct_pb_add_uint(&reply.writer, 2, liveness->revision.value);
    }
    if (liveness->position.given) {
        fct_kurrent_add_position(&reply.writer, 3, liveness->position.value);
    }
    fct_pb_end(&reply.writer, begun);
    return fct_grpc_message_end(&reply);
}

factum_status fct_kurrent_encode_caught_up(struct fct_buf *buf,
                                           const struct fct_kurrent_liveness *liveness)
{
    return replies_encode_liveness(buf, 8, liveness);
}

factum_status fct_kurrent_encode_fell_behind(struct fct_buf *buf,
                                             const struct fct_kurrent_liveness *liveness)
{
    return replies_encode_liveness(buf, 9, liveness);
}

/* ---- AppendResp, DeleteResp, TombstoneResp --------------------------------------------------- */

/* Adds Success, which AppendResp and BatchAppendResp have with the same field numbers. */
static void replies_add_success(struct fct_pb_writer *writer, uint32_t number,
                                const struct fct_kurrent_appended *appended)
{
    size_t begun = fct_pb_begin(writer, number);
    if (appended->revision.given) {
        fct_pb_add_uint(writer, 1, appended->revision.value);
    } else {
        fct_kurrent_add_empty(writer, 2);
    }
    if (appended->position.given) {
        fct_kurrent_add_position(writer, 3, appended->position.value);
    } else {
        fct_kurrent_add_empty(writer, 4);
    }
    fct_pb_end(writer, begun);
}

factum_status fct_kurrent_encode_appended(struct fct_buf *buf,
                                          const struct fct_kurrent_appended *appended)
{
    struct fct_grpc_message reply = fct_grpc_message_begin(buf);
    replies_add_success(&reply.writer, 1, appended);
    return fct_grpc_message_end(&reply);
}

/* The field numbers of a oneof of expected revisions; 0: the oneof has no such field. */
struct replies_expected_numbers {
    uint32_t revision;
    uint32_t no_stream;
    uint32_t any;
    uint32_t stream_exists;
};

static void replies_add_expected(struct fct_pb_writer *writer,
                                 const struct replies_expected_numbers *numbers,
                                 const struct fct_kurrent_expected *expected)
{
    switch (expected->kind) {
    case FCT_KURRENT_EXPECTED_REVISION:
        fct_pb_add_uint(writer, numbers->revision, expected->revision);
        break;
    case FCT_KURRENT_EXPECTED_NO_STREAM:
        if (numbers->no_stream == 0) {
            fct_pb_add_uint(writer, numbers->revision, UINT64_MAX);
        } else {
            fct_kurrent_add_empty(writer, numbers->no_stream);
        }
        break;
    case FCT_KURRENT_EXPECTED_ANY:
        fct_kurrent_add_empty(writer, numbers->any);
        break;
    case FCT_KURRENT_EXPECTED_STREAM_EXISTS:
        fct_kurrent_add_empty(writer, numbers->stream_exists);
        break;
    case FCT_KURRENT_EXPECTED_NONE:
    default:
        break;
    }
}

/* Adds field |number| for a revision, or the next field for an absent stream. */
static void replies_add_current(struct fct_pb_writer *writer, uint32_t number,
                                struct fct_kurrent_number current)
{
    if (current.given) {
        fct_pb_add_uint(writer, number, current.value);
    } else {
        fct_kurrent_add_empty(writer, number + 1);
    }
}

factum_status fct_kurrent_encode_wrong_version(struct fct_buf *buf,
                                               const struct fct_kurrent_wrong_version *wrong)
{
    static const struct replies_expected_numbers of_2020 = {
        .revision = 3, .no_stream = 0, .any = 4, .stream_exists = 5};
    static const struct replies_expected_numbers of_today = {
        .revision = 8, .no_stream = 11, .any = 9, .stream_exists = 10};
    struct fct_grpc_message reply = fct_grpc_message_begin(buf);
    size_t begun = fct_pb_begin(&reply.writer, 2);
    replies_add_current(&reply.writer, 1, wrong->current);
    replies_add_expected(&reply.writer, &of_2020, &wrong->expected);
    replies_add_current(&reply.writer, 6, wrong->current);
    replies_add_expected(&reply.writer, &of_today, &wrong->expected);
    fct_pb_end(&reply.writer, begun);
    return fct_grpc_message_end(&reply);
}

factum_status fct_kurrent_encode_deleted(struct fct_buf *buf, struct fct_kurrent_number position)
{
    struct fct_grpc_message reply = fct_grpc_message_begin(buf);
    if (position.given) {
        fct_kurrent_add_position(&reply.writer, 1, position.value);
    } else {
        fct_kurrent_add_empty(&reply.writer, 2);
    }
    return fct_grpc_message_end(&reply);
}

/* ---- BatchAppendResp ------------------------------------------------------------------------- */

/* Adds fields 1 and 4 to 8. */
static void replies_add_request(struct fct_pb_writer *writer,
                                const struct fct_kurrent_batch_reply *reply)
{
    static const struct replies_expected_numbers numbers = {
        .revision = 5, .no_stream = 6, .any = 7, .stream_exists = 8};
    fct_kurrent_add_id(writer, 1, &reply->correlation_id);
    fct_kurrent_add_stream(writer, 4, reply->stream);
    replies_add_expected(writer, &numbers, &reply->expected);
}

factum_status fct_kurrent_encode_batch_appended(struct fct_buf *buf,
                                                const struct fct_kurrent_batch_reply *batch_reply,
                                                const struct fct_kurrent_appended *appended)
{
    struct fct_grpc_message reply = fct_grpc_message_begin(buf);
    replies_add_request(&reply.writer, batch_reply);
    replies_add_success(&reply.writer, 3, appended);
    return fct_grpc_message_end(&reply);
}

/* In the order of fct_kurrent_refusal_kind. A name is both the message and the type of the
 * details. */
static const struct replies_refusal {
    enum fct_grpc_code code;
    const char *name;
    const char *type_url;
} replies_refusals[] = {
#define REFUSAL(code, name)                                                                        \
    {                                                                                              \
        code, name, "type.googleapis.com/event_store.client." name                                 \
    }
    REFUSAL(FCT_GRPC_ALREADY_EXISTS, "WrongExpectedVersion"),
    REFUSAL(FCT_GRPC_NOT_FOUND, "StreamDeleted"),
    REFUSAL(FCT_GRPC_PERMISSION_DENIED, "AccessDenied"),
    REFUSAL(FCT_GRPC_DEADLINE_EXCEEDED, "Timeout"),
    REFUSAL(FCT_GRPC_FAILED_PRECONDITION, "InvalidTransaction"),
    REFUSAL(FCT_GRPC_INVALID_ARGUMENT, "MaximumAppendSizeExceeded"),
    REFUSAL(FCT_GRPC_INVALID_ARGUMENT, "MaximumAppendEventSizeExceeded"),
    REFUSAL(FCT_GRPC_INVALID_ARGUMENT, "BadRequest"),
    REFUSAL(FCT_GRPC_UNKNOWN, "Unknown"),
#undef REFUSAL
    {FCT_GRPC_UNKNOWN, "Unknown", "type.googleapis.com/google.protobuf.Empty"},
};

static void replies_add_wrong_detail(struct fct_pb_writer *writer,
                                     const struct fct_kurrent_wrong_version *wrong)
{
    static const struct replies_expected_numbers numbers = {
        .revision = 3, .no_stream = 6, .any = 4, .stream_exists = 5};
    replies_add_current(writer, 1, wrong->current);
    replies_add_expected(writer, &numbers, &wrong->expected);
}

/* Adds the content of the details, which for most kinds is empty. */
static void replies_add_detail(struct fct_pb_writer *writer, factum_slice stream,
                               const struct fct_kurrent_refusal *refusal)
{
    char text[FACTUM_UUID_TEXT_SIZE];
    switch (refusal->kind) {
    case FCT_KURRENT_REFUSAL_WRONG_VERSION:
        replies_add_wrong_detail(writer, &refusal->wrong);
        break;
    case FCT_KURRENT_REFUSAL_STREAM_DELETED:
        fct_kurrent_add_stream(writer, 1, stream);
        break;
    case FCT_KURRENT_REFUSAL_APPEND_TOO_BIG:
        fct_pb_put_uint(writer, 1, refusal->append_size_max);
        break;
    case FCT_KURRENT_REFUSAL_EVENT_TOO_BIG:
        factum_uuid_format(refusal->event_id, text);
        fct_pb_add_bytes(writer, 1, fct_slice(text, sizeof text - 1));
        fct_pb_put_uint(writer, 2, refusal->event_size);
        fct_pb_put_uint(writer, 3, refusal->event_size_max);
        break;
    case FCT_KURRENT_REFUSAL_BAD_REQUEST:
        fct_pb_put_bytes(writer, 1, refusal->message);
        break;
    case FCT_KURRENT_REFUSAL_ACCESS_DENIED:
    case FCT_KURRENT_REFUSAL_TIMEOUT:
    case FCT_KURRENT_REFUSAL_INVALID_TRANSACTION:
    case FCT_KURRENT_REFUSAL_UNKNOWN:
    case FCT_KURRENT_REFUSAL_OTHER:
    default:
        break;
    }
}

/* Adds google.rpc.Status as field 2. */
static void replies_add_error(struct fct_pb_writer *writer, factum_slice stream,
                              const struct fct_kurrent_refusal *refusal)
{
    FCT_ASSERT((size_t)refusal->kind < sizeof replies_refusals / sizeof replies_refusals[0]);
    const struct replies_refusal *row = &replies_refusals[refusal->kind];
    bool is_other = refusal->kind == FCT_KURRENT_REFUSAL_OTHER;
    enum fct_grpc_code code = is_other ? refusal->code : row->code;
    factum_slice message =
        refusal->message.len > 0 ? refusal->message : factum_slice_from(row->name);
    size_t status = fct_pb_begin(writer, 2);
    fct_pb_put_uint(writer, 1, code);
    fct_pb_put_bytes(writer, 2, message);
    size_t details = fct_pb_begin(writer, 3);
    fct_pb_put_bytes(writer, 1, factum_slice_from(row->type_url));
    size_t value = fct_pb_begin(writer, 2);
    replies_add_detail(writer, stream, refusal);
    fct_pb_end(writer, value);
    fct_pb_end(writer, details);
    fct_pb_end(writer, status);
}

factum_status fct_kurrent_encode_batch_refused(struct fct_buf *buf,
                                               const struct fct_kurrent_batch_reply *batch_reply,
                                               const struct fct_kurrent_refusal *refusal)
{
    struct fct_grpc_message reply = fct_grpc_message_begin(buf);
    replies_add_request(&reply.writer, batch_reply);
    replies_add_error(&reply.writer, batch_reply->stream, refusal);
    return fct_grpc_message_end(&reply);
}
