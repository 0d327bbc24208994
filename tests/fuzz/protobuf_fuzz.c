/* protobuf_fuzz.c - any bytes as a message: what was read is written and read again. */
#include "core/check.h"
#include "core/slice.h"
#include "wire/protobuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_again(struct fct_pb_writer *writer, const struct fct_pb_field *field)
{
    size_t before = writer->buf->len;
    struct fct_pb_field again;
    if (field->type == FCT_PB_VARINT) {
        fct_pb_add_uint(writer, field->number, field->value);
    } else if (field->type == FCT_PB_BYTES) {
        fct_pb_add_bytes(writer, field->number, field->bytes);
    } else {
        return;
    }
    FCT_ASSERT(writer->status == FACTUM_OK);
    struct fct_pb_reader reader = fct_pb_reader(fct_slice_from(fct_buf_slice(writer->buf), before));
    FCT_ASSERT(fct_pb_next(&reader, &again));
    FCT_ASSERT(again.number == field->number);
    FCT_ASSERT(again.type == field->type);
    FCT_ASSERT(again.value == field->value);
    FCT_ASSERT(fct_slice_equal(again.bytes, field->bytes));
    FCT_ASSERT(reader.rest.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fct_buf buf;
    struct fct_pb_field field;
    fct_buf_init(&buf, fct_mem_heap(), size * 2 + 64);
    struct fct_pb_writer writer = fct_pb_writer(&buf);
    struct fct_pb_reader reader = fct_pb_reader(fct_slice(data, size));
    size_t rest = size;
    while (fct_pb_next(&reader, &field)) {
        FCT_ASSERT(reader.rest.len < rest);
        rest = reader.rest.len;
        FCT_ASSERT(field.number > 0);
        write_again(&writer, &field);
    }
    FCT_ASSERT(reader.failed == (reader.rest.len > 0));
    fct_buf_finish(&buf);
    return 0;
}
