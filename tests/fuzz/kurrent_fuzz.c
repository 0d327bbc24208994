/* kurrent_fuzz.c - any bytes as a request: the first byte chooses the message. What is decoded
 * must lie within the bytes, and answers that repeat it must be encoded into frames that fit. */
#include "core/check.h"
#include "core/slice.h"
#include "wire/kurrent_projections.h"
#include "wire/kurrent_replies.h"
#include "wire/kurrent_streams.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An empty slice may point anywhere. */
static void check_within(factum_slice slice, factum_slice message)
{
    if (slice.len > 0) {
        FCT_ASSERT(slice.ptr >= message.ptr);
        FCT_ASSERT(slice.len <= message.len);
        FCT_ASSERT(slice.ptr - message.ptr <= (ptrdiff_t)(message.len - slice.len));
    }
}

static void check_text(factum_slice text, factum_slice message)
{
    check_within(text, message);
    FCT_ASSERT(fct_utf8_valid(text));
}

static void check_expected(const struct fct_kurrent_expected *expected)
{
    FCT_ASSERT(expected->kind <= FCT_KURRENT_EXPECTED_STREAM_EXISTS);
    FCT_ASSERT(expected->kind == FCT_KURRENT_EXPECTED_REVISION || expected->revision == 0);
}

/* Asserts that |buf| holds exactly one frame. */
static void check_frame(struct fct_buf *buf)
{
    factum_slice message;
    struct fct_grpc_deframer deframer;
    factum_slice bytes = fct_buf_slice(buf);
    fct_grpc_deframer_init(&deframer, fct_mem_heap(), bytes.len);
    FCT_ASSERT(fct_grpc_deframe(&deframer, &bytes, &message, NULL) == FACTUM_OK);
    FCT_ASSERT(message.len + FCT_GRPC_PREFIX_SIZE == buf->len);
    FCT_ASSERT(bytes.len == 0);
    fct_grpc_deframer_finish(&deframer);
    fct_buf_clear(buf);
}

static void check_proposed(const struct fct_kurrent_proposed *proposed, factum_slice message,
                           struct fct_buf *buf)
{
    FCT_ASSERT(proposed->id.form <= FCT_KURRENT_ID_MALFORMED);
    FCT_ASSERT(proposed->has_type || proposed->type.len == 0);
    FCT_ASSERT(proposed->has_content_type || proposed->content_type.len == 0);
    check_text(proposed->type, message);
    check_text(proposed->content_type, message);
    check_within(proposed->custom_metadata, message);
    check_within(proposed->data, message);
    struct fct_kurrent_event event = {
        .id = proposed->id.uuid,
        .stream = proposed->data,
        .type = proposed->type,
        .content_type = proposed->content_type,
        .custom_metadata = proposed->custom_metadata,
        .data = proposed->data,
    };
    struct fct_kurrent_read_event read_event = {
        .event = &event,
        .link = proposed->has_type ? &event : NULL,
        .position = {proposed->has_content_type, message.len},
        .id_form = proposed->id.form == FCT_KURRENT_ID_STRING ? FCT_KURRENT_ID_STRING
                                                              : FCT_KURRENT_ID_STRUCTURED,
    };
    FCT_ASSERT(fct_kurrent_encode_event(buf, &read_event) == FACTUM_OK);
    FCT_ASSERT(buf->len == fct_kurrent_event_size(&read_event));
    check_frame(buf);
}

static void try_read(factum_slice message)
{
    struct fct_kurrent_read read;
    if (fct_kurrent_decode_read(message, &read, NULL) != FACTUM_OK) {
        return;
    }
    FCT_ASSERT(read.source <= FCT_KURRENT_SOURCE_ALL);
    FCT_ASSERT(read.source == FCT_KURRENT_SOURCE_STREAM || read.stream.len == 0);
    FCT_ASSERT(read.source != FCT_KURRENT_SOURCE_NONE || read.from == FCT_KURRENT_FROM_NONE);
    FCT_ASSERT(read.source != FCT_KURRENT_SOURCE_ALL || read.from != FCT_KURRENT_FROM_REVISION);
    FCT_ASSERT(read.source != FCT_KURRENT_SOURCE_STREAM || read.from != FCT_KURRENT_FROM_POSITION);
    FCT_ASSERT(read.amount == FCT_KURRENT_AMOUNT_COUNT || read.count == 0);
    FCT_ASSERT(read.id_form <= FCT_KURRENT_ID_STRING);
    FCT_ASSERT(read.filter.prefix_count <= FCT_KURRENT_PREFIXES_MAX);
    check_within(read.stream, message);
    check_text(read.filter.regex, message);
    for (size_t i = 0; i < read.filter.prefix_count; i++) {
        check_text(read.filter.prefixes[i], message);
    }
}

static void try_append(factum_slice message, struct fct_buf *buf)
{
    struct fct_kurrent_append append;
    if (fct_kurrent_decode_append(message, &append, NULL) == FACTUM_OK) {
        FCT_ASSERT(append.content <= FCT_KURRENT_APPEND_MESSAGE);
        check_within(append.options.stream, message);
        check_expected(&append.options.expected);
        check_proposed(&append.proposed, message, buf);
    }
}

static void try_batch(factum_slice message, struct fct_buf *buf)
{
    struct fct_kurrent_batch batch;
    struct fct_kurrent_proposed proposed;
    size_t count = 0;
    factum_status status;
    if (fct_kurrent_decode_batch(message, &batch, NULL) != FACTUM_OK) {
        return;
    }
    check_within(batch.options.stream, message);
    check_expected(&batch.options.expected);
    FCT_ASSERT(batch.proposed_size <= message.len);
    while ((status = fct_kurrent_batch_next(&batch, &proposed, NULL)) != FACTUM_DONE) {
        count++;
        if (status == FACTUM_OK) {
            check_proposed(&proposed, message, buf);
        }
    }
    FCT_ASSERT(count == batch.proposed_count);
    struct fct_kurrent_batch_reply reply = {batch.correlation_id, batch.options.stream,
                                            batch.options.expected};
    struct fct_kurrent_refusal refusal = {
        .kind = (enum fct_kurrent_refusal_kind)(count % (FCT_KURRENT_REFUSAL_OTHER + 1)),
        .wrong = {.current = {batch.is_final, message.len}, .expected = batch.options.expected},
    };
    FCT_ASSERT(fct_kurrent_encode_batch_refused(buf, &reply, &refusal) == FACTUM_OK);
    check_frame(buf);
}

static void try_delete(factum_slice message)
{
    struct fct_kurrent_target target;
    if (fct_kurrent_decode_delete(message, &target, NULL) == FACTUM_OK) {
        check_within(target.stream, message);
        check_expected(&target.expected);
    }
}

static void try_statistics(factum_slice message)
{
    struct fct_kurrent_statistics statistics;
    if (fct_kurrent_decode_statistics(message, &statistics, NULL) == FACTUM_OK) {
        FCT_ASSERT(statistics.mode <= FCT_KURRENT_STATISTICS_ONE_TIME);
        FCT_ASSERT(statistics.mode == FCT_KURRENT_STATISTICS_NAME || statistics.name.len == 0);
        check_text(statistics.name, message);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fct_buf buf;
    if (size == 0) {
        return 0;
    }
    factum_slice message = fct_slice(data + 1, size - 1);
    fct_buf_init(&buf, fct_mem_heap(), size * 8 + 1024);
    switch (data[0] % 5) {
    case 0:
        try_read(message);
        break;
    case 1:
        try_append(message, &buf);
        break;
    case 2:
        try_batch(message, &buf);
        break;
    case 3:
        try_delete(message);
        break;
    default:
        try_statistics(message);
        break;
    }
    fct_buf_finish(&buf);
    return 0;
}
