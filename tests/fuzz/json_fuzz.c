/* json_fuzz.c - any bytes into the JSON check. Members that are picked from accepted text are
 * the ones that a tape finds. */
#include <string.h>

#include "codec/json.h"
#include "codec/json_doc.h"
#include "core/check.h"
#include "core/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The picked members are those that the tape finds. */
static void check_member(const factum_json *json, const struct fct_json_member *member)
{
    uint32_t value = factum_json_find(json, FACTUM_JSON_ROOT, member->name);
    FCT_ASSERT(member->found == (value != FACTUM_JSON_NONE));
    if (member->found) {
        char text[64];
        size_t len;
        int64_t number;
        int64_t same = 0;
        FCT_ASSERT(fct_slice_equal(member->value.raw, factum_json_raw(json, value)));
        FCT_ASSERT(member->value.kind == factum_json_kind_of(json, value));
        if (fct_json_int64(&member->value, &number) == FACTUM_OK) {
            FCT_ASSERT(factum_json_to_int64(json, value, &same) == FACTUM_OK);
            FCT_ASSERT(same == number);
        }
        if (member->value.kind == FACTUM_JSON_TEXT) {
            (void)fct_json_unescape(member->value.raw, text, sizeof text, &len);
        }
    }
}

static void check_accepted(factum_slice text, const struct fct_json *whole,
                           const struct fct_json_member members[3])
{
    const struct fct_json_extent extent = {.depth_max = FCT_JSON_DEPTH_MAX, .levels = 1};
    struct fct_json_doc doc;
    struct fct_json_fault fault;
    fct_json_doc_init(&doc, fct_mem_heap());
    FCT_ASSERT(fct_json_doc_read(&doc, text, extent, &fault) == FACTUM_OK);
    FCT_ASSERT(fct_slice_equal(factum_json_raw(&doc.json, FACTUM_JSON_ROOT), whole->raw));
    FCT_ASSERT(factum_json_kind_of(&doc.json, FACTUM_JSON_ROOT) == whole->kind);
    for (size_t i = 0; i < 3; i++) {
        check_member(&doc.json, &members[i]);
    }
    fct_json_doc_finish(&doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fct_json value;
    struct fct_json picked;
    struct fct_json_fault fault;
    struct fct_json_fault same;
    struct fct_json_member members[3] = {
        {.name = FCT_SLICE("a")}, {.name = FCT_SLICE("")}, {.name = FCT_SLICE("id")}};
    factum_slice text = fct_slice(data, size);
    factum_status status = fct_json_parse(text, &value, &fault);
    FCT_ASSERT(fct_json_pick(text, &picked, members, 3, &same) == status);
    if (status == FACTUM_OK) {
        FCT_ASSERT(fct_slice_equal(picked.raw, value.raw));
        check_accepted(text, &value, members);
    } else {
        FCT_ASSERT(fault.at <= size);
        FCT_ASSERT(fault.reason[0] != '\0');
        FCT_ASSERT(memchr(fault.reason, '\0', sizeof fault.reason) != NULL);
        FCT_ASSERT(fault.at == same.at);
        FCT_ASSERT(strcmp(fault.reason, same.reason) == 0);
    }
    return 0;
}
