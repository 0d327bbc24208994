/* grpc_fuzz.c - any bytes as a body of frames: however they are split, the same messages come
 * out, and the same failure. The first byte chooses the split. */
#include "core/check.h"
#include "core/slice.h"
#include "wire/grpc.h"

enum { MESSAGE_SIZE_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    struct fct_buf messages;
    factum_status status;
    bool is_empty;
};

/* Each message is recorded as a frame, so that its size is compared too. */
static void record(struct outcome *outcome, factum_slice message)
{
    size_t begun = 0;
    FCT_ASSERT(fct_grpc_frame_begin(&outcome->messages, &begun) == FACTUM_OK);
    FCT_ASSERT(fct_buf_add_slice(&outcome->messages, message) == FACTUM_OK);
    fct_grpc_frame_end(&outcome->messages, begun);
}

/* |step| 0: all at once. */
static void deframe(struct outcome *outcome, factum_slice bytes, size_t step)
{
    struct fct_grpc_deframer deframer;
    fct_grpc_deframer_init(&deframer, fct_mem_heap(), MESSAGE_SIZE_MAX);
    fct_buf_init(&outcome->messages, fct_mem_heap(), bytes.len);
    outcome->status = FACTUM_DONE;
    while (bytes.len > 0 && outcome->status == FACTUM_DONE) {
        factum_slice message;
        factum_slice part = bytes;
        if (step > 0 && step < part.len) {
            part.len = step;
        }
        bytes = fct_slice_from(bytes, part.len);
        while ((outcome->status = fct_grpc_deframe(&deframer, &part, &message, NULL)) ==
               FACTUM_OK) {
            FCT_ASSERT(message.len <= MESSAGE_SIZE_MAX);
            record(outcome, message);
        }
    }
    outcome->is_empty = fct_grpc_deframer_is_empty(&deframer);
    fct_grpc_deframer_finish(&deframer);
}

static void fields(factum_slice text)
{
    int64_t ms = 0;
    struct fct_buf encoded;
    struct fct_buf decoded;
    if (fct_grpc_parse_timeout(text, &ms) == FACTUM_OK) {
        FCT_ASSERT(ms >= 0);
    }
    fct_buf_init(&encoded, fct_mem_heap(), text.len * 3);
    fct_buf_init(&decoded, fct_mem_heap(), text.len);
    FCT_ASSERT(fct_grpc_decode_message(&decoded, text) == FACTUM_OK);
    fct_buf_clear(&decoded);
    FCT_ASSERT(fct_grpc_encode_message(&encoded, text) == FACTUM_OK);
    FCT_ASSERT(fct_grpc_decode_message(&decoded, fct_buf_slice(&encoded)) == FACTUM_OK);
    FCT_ASSERT(fct_slice_equal(fct_buf_slice(&decoded), text));
    fct_buf_finish(&encoded);
    fct_buf_finish(&decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole;
    struct outcome split;
    if (size == 0) {
        return 0;
    }
    factum_slice body = fct_slice(data + 1, size - 1);
    deframe(&whole, body, 0);
    deframe(&split, body, (size_t)data[0] + 1);
    FCT_ASSERT(whole.status == split.status);
    FCT_ASSERT(whole.is_empty == split.is_empty);
    FCT_ASSERT(fct_slice_equal(fct_buf_slice(&whole.messages), fct_buf_slice(&split.messages)));
    FCT_ASSERT(!whole.is_empty || fct_slice_equal(fct_buf_slice(&whole.messages), body));
    fct_buf_finish(&whole.messages);
    fct_buf_finish(&split.messages);
    fields(body);
    return 0;
}
