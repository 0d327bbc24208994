/* json_fuzz.c - any bytes into the JSON scanner, and a walk over whatever it accepts. */
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "core/check.h"
#include "core/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct fct_json *value, int depth)
{
    char text[64];
    size_t len;
    int64_t number;
    factum_slice name;
    struct fct_json inner;
    size_t offset = 0;
    (void)fct_json_int64(value, &number);
    if (value->type == FCT_JSON_TEXT) {
        (void)fct_json_unescape(value->raw, text, sizeof text, &len);
    }
    while (depth > 0 && fct_json_member_next(value, &offset, &name, &inner)) {
        FCT_ASSERT(inner.raw.ptr + inner.raw.len <= value->raw.ptr + value->raw.len);
        (void)fct_json_unescape(name, text, sizeof text, &len);
        walk(&inner, depth - 1);
    }
    offset = 0;
    while (depth > 0 && fct_json_item_next(value, &offset, &inner)) {
        FCT_ASSERT(inner.raw.ptr + inner.raw.len <= value->raw.ptr + value->raw.len);
        walk(&inner, depth - 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fct_json value;
    struct fct_json_fault fault;
    if (fct_json_parse_line(fct_slice(data, size), &value, &fault) == FACTUM_OK) {
        walk(&value, FCT_JSON_DEPTH_MAX + 1);
    } else {
        FCT_ASSERT(fault.at <= size);
        FCT_ASSERT(fault.reason[0] != '\0');
        FCT_ASSERT(memchr(fault.reason, '\0', sizeof fault.reason) != NULL);
    }
    return 0;
}
