/* schema_fuzz.c - any bytes as a schema: refused with a text, or compiled and used on a few
 * documents. The first byte chooses the draft and whether formats are checked. */
#include <stdlib.h>
#include <string.h>

#include <factum/schema.h>

#include "core/check.h"
#include "core/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static factum_schema_checker *checker;

static void check(const factum_schema *schema, const char *text)
{
    factum_error err;
    factum_schema_result result = {.size = sizeof result};
    factum_status status =
        factum_schema_check(schema, checker, factum_slice_from(text), 5, &result, &err);
    if (status != FACTUM_OK) {
        FCT_ASSERT(!result.valid);
        FCT_ASSERT(result.fault_count == 0);
        return;
    }
    FCT_ASSERT(result.valid == (result.fault_count == 0));
    for (size_t i = 0; i < result.fault_count; i++) {
        FCT_ASSERT(strlen(result.faults[i].text) > 0);
        FCT_ASSERT(strchr(result.faults[i].schema, '#') != NULL);
        FCT_ASSERT(result.faults[i].pointer[0] == '\0' || result.faults[i].pointer[0] == '/');
    }
    /* The fault that is reported alone is the first of several. */
    factum_schema_result first = {.size = sizeof first};
    if (factum_schema_check(schema, checker, factum_slice_from(text), 1, &first, &err) ==
        FACTUM_OK) {
        FCT_ASSERT(first.valid == result.valid);
        FCT_ASSERT(first.fault_count <= 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const texts[] = {
        "null",
        "1.5",
        "\"a\\u0062\"",
        "[1,1.0,\"a\",{\"a\":[null]},[],true]",
        "{\"a\":1,\"b\":{\"a\":[1,2,{\"c\":\"x\"}]},\"foo\":\"bar\",\"\":[],\"c\\n\":-1e3}",
    };
    factum_error err;
    factum_schema *schema;
    if (size == 0) {
        return 0;
    }
    if (checker == NULL && factum_schema_checker_create(&checker, &err) != FACTUM_OK) {
        abort();
    }
    factum_schema_document document = {
        .uri = FCT_SLICE("http://localhost/other.json"),
        .text = FCT_SLICE(
            "{\"$defs\":{\"a\":{\"$anchor\":\"a\",\"type\":\"integer\"}},\"items\":{\"$ref\":"
            "\"#a\"}}"),
    };
    factum_schema_options options = {.size = sizeof options,
                                     .documents = &document,
                                     .document_count = 1,
                                     .draft = (factum_schema_draft)(data[0] % 5),
                                     .formats = (data[0] & 8) != 0,
                                     .steps_max = 20000};
    memset(err.text, 0, sizeof err.text);
    if (factum_schema_compile(fct_slice(data + 1, size - 1), &options, &schema, &err) !=
        FACTUM_OK) {
        FCT_ASSERT(schema == NULL);
        FCT_ASSERT(err.text[0] != '\0');
        return 0;
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        check(schema, texts[i]);
    }
    factum_schema_tag_place place = {.size = sizeof place};
    for (size_t i = 0; factum_schema_tag(schema, i, &place, &err) == FACTUM_OK; i++) {
        FCT_ASSERT(place.path_count <= FACTUM_SCHEMA_TAG_DEPTH_MAX);
    }
    factum_schema_destroy(schema);
    return 0;
}
