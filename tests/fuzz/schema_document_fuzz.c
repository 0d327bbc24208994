/* schema_document_fuzz.c - any bytes as a document, validated by a few schemas that use every
 * keyword. */
#include <stdlib.h>
#include <string.h>

#include <factum/schema.h>

#include "core/check.h"
#include "core/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const texts[] = {
    /* an order, as users write them */
    "{\"type\":\"object\",\"required\":[\"orderId\",\"lines\"],\"properties\":{\"orderId\":{"
    "\"type\":"
    "\"string\",\"pattern\":\"^o-[0-9]+$\"},\"at\":{\"format\":\"date-time\"},\"lines\":{\"type\":"
    "\"array\",\"uniqueItems\":true,\"minItems\":1,\"items\":{\"type\":\"object\",\"properties\":{"
    "\"sku\":{\"minLength\":1,\"maxLength\":8},\"price\":{\"multipleOf\":0.01,\"minimum\":0,"
    "\"exclusiveMaximum\":1e6}},\"additionalProperties\":false}}}}",
    /* recursion, alternatives, unevaluated members */
    "{\"$dynamicAnchor\":\"n\",\"type\":[\"object\",\"array\",\"number\",\"string\"],"
    "\"properties\":{"
    "\"a\":{\"$dynamicRef\":\"#n\"},\"b\":{\"$ref\":\"#\"}},\"patternProperties\":{\"^x\":{\"$"
    "ref\":"
    "\"#/$defs/d\"}},\"prefixItems\":[{\"$ref\":\"#\"}],\"contains\":{\"type\":\"number\"},"
    "\"minContains\":0,\"maxContains\":3,\"anyOf\":[{\"properties\":{\"c\":true}},{\"required\":["
    "\"d\"]},"
    "{\"not\":{\"type\":\"object\"}}],\"if\":{\"required\":[\"e\"]},\"then\":{\"properties\":{"
    "\"e\":"
    "true}},\"else\":{\"maxProperties\":4},\"unevaluatedProperties\":{\"type\":\"boolean\"},"
    "\"unevaluatedItems\":{\"enum\":[1,\"a\",null,{\"a\":[1]}]},\"$defs\":{\"d\":{\"oneOf\":[{"
    "\"type\":"
    "\"integer\"},{\"minimum\":3},{\"const\":{\"k\":[1.0]}}]}}}",
    /* names, dependencies, formats */
    "{\"propertyNames\":{\"maxLength\":5,\"pattern\":\"^[^z]\"},\"dependentRequired\":{\"a\":["
    "\"b\"]},"
    "\"dependentSchemas\":{\"b\":{\"required\":[\"c\"]}},\"minProperties\":1,\"properties\":{\"m\":"
    "{"
    "\"format\":\"email\"},\"u\":{\"format\":\"uri\"},\"i\":{\"format\":\"ipv6\"},\"t\":{"
    "\"format\":"
    "\"uri-template\"},\"p\":{\"format\":\"relative-json-pointer\"},\"d\":{\"format\":\"duration\"}"
    ","
    "\"r\":{\"format\":\"regex\"},\"h\":{\"format\":\"hostname\"}},\"items\":{\"format\":\"time\"}"
    "}",
    /* schemas as data */
    "{\"$ref\":\"https://json-schema.org/draft/2020-12/schema\"}",
};
enum {
    SCHEMAS = sizeof texts / sizeof texts[0],
};

static factum_schema *schemas[SCHEMAS];
static factum_schema_checker *checker;

static void begin(void)
{
    factum_error err;
    factum_schema_options options = {.size = sizeof options, .formats = true, .steps_max = 100000};
    if (factum_schema_checker_create(&checker, &err) != FACTUM_OK) {
        abort();
    }
    for (size_t i = 0; i < SCHEMAS; i++) {
        FCT_ASSERT(factum_schema_compile(factum_slice_from(texts[i]), &options, &schemas[i],
                                         &err) == FACTUM_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (checker == NULL) {
        begin();
    }
    for (size_t i = 0; i < SCHEMAS; i++) {
        factum_error err;
        factum_schema_result all = {.size = sizeof all};
        factum_schema_result first = {.size = sizeof first};
        factum_status status =
            factum_schema_check(schemas[i], checker, fct_slice(data, size), 10, &all, &err);
        bool valid = all.valid;
        if (status != FACTUM_OK) {
            continue;
        }
        FCT_ASSERT(valid == (all.fault_count == 0));
        for (size_t k = 0; k < all.fault_count; k++) {
            FCT_ASSERT(strlen(all.faults[k].text) > 0);
        }
        status = factum_schema_check(schemas[i], checker, fct_slice(data, size), 1, &first, &err);
        FCT_ASSERT(status != FACTUM_OK || first.valid == valid);
    }
    return 0;
}
