/* metaschema.c - see metaschema.h. Layer: schema.
 *
 * Each text restricts the values of the keywords of its draft or vocabulary to those of the
 * specification, as a schema.
 */
#include "schema/metaschema.h"

#include <stddef.h>

/* Parts that several texts share. */
#define COUNT_ "{\"type\":\"integer\",\"minimum\":0}"
#define NAMES_                                                                                     \
    "{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"uniqueItems\":true,\"default\":[]}"
#define TYPES_                                                                                     \
    "{\"enum\":[\"array\",\"boolean\",\"integer\",\"null\",\"number\",\"object\",\"string\"]}"
#define TYPE_                                                                                      \
    "{\"anyOf\":[{\"$ref\":\"#/" DEFS_ "/simpleTypes\"},{\"type\":\"array\",\"items\":{\"$ref\":"  \
    "\"#/" DEFS_ "/simpleTypes\"},\"minItems\":1,\"uniqueItems\":true}]}"

/* ---- draft-06 and draft-07 ------------------------------------------------------------------- */

#define SELF "{\"$ref\":\"#\"}"
#define SELF_MAP "{\"type\":\"object\",\"additionalProperties\":" SELF ",\"default\":{}}"
#define REF_COUNT "{\"$ref\":\"#/definitions/nonNegativeInteger\"}"
#define REF_COUNT_0 "{\"$ref\":\"#/definitions/nonNegativeIntegerDefault0\"}"
#define REF_ARRAY "{\"$ref\":\"#/definitions/schemaArray\"}"
#define REF_NAMES "{\"$ref\":\"#/definitions/stringArray\"}"
#define DEFS_ "definitions"

#define OLD_DEFINITIONS                                                                            \
    "\"definitions\":{\"schemaArray\":{\"type\":\"array\",\"minItems\":1,\"items\":" SELF "},"     \
    "\"nonNegativeInteger\":" COUNT_ ",\"nonNegativeIntegerDefault0\":{\"allOf\":[" REF_COUNT      \
    ",{\"default\":0}]},\"simpleTypes\":" TYPES_ ",\"stringArray\":" NAMES_ "}"

#define OLD_PROPERTIES                                                                             \
    "\"$id\":{\"type\":\"string\",\"format\":\"uri-reference\"},"                                  \
    "\"$schema\":{\"type\":\"string\",\"format\":\"uri\"},"                                        \
    "\"$ref\":{\"type\":\"string\",\"format\":\"uri-reference\"},"                                 \
    "\"title\":{\"type\":\"string\"},\"description\":{\"type\":\"string\"},"                       \
    "\"multipleOf\":{\"type\":\"number\",\"exclusiveMinimum\":0},"                                 \
    "\"maximum\":{\"type\":\"number\"},\"exclusiveMaximum\":{\"type\":\"number\"},"                \
    "\"minimum\":{\"type\":\"number\"},\"exclusiveMinimum\":{\"type\":\"number\"},"                \
    "\"maxLength\":" REF_COUNT ",\"minLength\":" REF_COUNT_0 ","                                   \
    "\"pattern\":{\"type\":\"string\",\"format\":\"regex\"},\"additionalItems\":" SELF ","         \
    "\"maxItems\":" REF_COUNT ",\"minItems\":" REF_COUNT_0 ","                                     \
    "\"uniqueItems\":{\"type\":\"boolean\",\"default\":false},\"contains\":" SELF ","              \
    "\"maxProperties\":" REF_COUNT ",\"minProperties\":" REF_COUNT_0 ",\"required\":" REF_NAMES    \
    ",\"additionalProperties\":" SELF ",\"definitions\":" SELF_MAP ",\"properties\":" SELF_MAP "," \
    "\"patternProperties\":{\"type\":\"object\",\"additionalProperties\":" SELF                    \
    ",\"propertyNames\":{\"format\":\"regex\"},\"default\":{}},"                                   \
    "\"dependencies\":{\"type\":\"object\",\"additionalProperties\":{\"anyOf\":[" SELF             \
    "," REF_NAMES "]}},\"propertyNames\":" SELF ",\"const\":true,\"type\":" TYPE_ ","              \
    "\"format\":{\"type\":\"string\"},\"allOf\":" REF_ARRAY ",\"anyOf\":" REF_ARRAY                \
    ",\"oneOf\":" REF_ARRAY ",\"not\":" SELF

static const char draft_06[] =
    "{\"$schema\":\"http://json-schema.org/draft-06/schema#\","
    "\"$id\":\"http://json-schema.org/draft-06/schema#\",\"title\":\"draft-06\"," OLD_DEFINITIONS
    ",\"type\":[\"object\",\"boolean\"],\"properties\":{" OLD_PROPERTIES
    ",\"items\":{\"anyOf\":[" SELF "," REF_ARRAY "],\"default\":{}},\"default\":{},"
    "\"examples\":{\"type\":\"array\",\"items\":{}},"
    "\"enum\":{\"type\":\"array\",\"minItems\":1,\"uniqueItems\":true}},\"default\":{}}";

static const char draft_07[] =
    "{\"$schema\":\"http://json-schema.org/draft-07/schema#\","
    "\"$id\":\"http://json-schema.org/draft-07/schema#\",\"title\":\"draft-07\"," OLD_DEFINITIONS
    ",\"type\":[\"object\",\"boolean\"],\"properties\":{" OLD_PROPERTIES
    ",\"items\":{\"anyOf\":[" SELF "," REF_ARRAY "],\"default\":true},\"default\":true,"
    "\"$comment\":{\"type\":\"string\"},\"readOnly\":{\"type\":\"boolean\",\"default\":false},"
    "\"writeOnly\":{\"type\":\"boolean\",\"default\":false},"
    "\"examples\":{\"type\":\"array\",\"items\":true},"
    "\"enum\":{\"type\":\"array\",\"items\":true},\"if\":" SELF ",\"then\":" SELF ",\"else\":" SELF
    ",\"contentMediaType\":{\"type\":\"string\"},\"contentEncoding\":{\"type\":\"string\"}},"
    "\"default\":true}";

/* ---- 2019-09 and 2020-12 --------------------------------------------------------------------- */

#undef DEFS_
#define DEFS_ "$defs"
#define BASE_19 "https://json-schema.org/draft/2019-09/"
#define BASE_20 "https://json-schema.org/draft/2020-12/"
#define SELF_19 "{\"$recursiveRef\":\"#\"}"
#define SELF_20 "{\"$dynamicRef\":\"#meta\"}"

/* Begins a meta-schema or one of its vocabularies. */
#define HEAD_19(name)                                                                              \
    "{\"$schema\":\"" BASE_19 "schema\",\"$id\":\"" BASE_19 name                                   \
    "\",\"$recursiveAnchor\":true,\"type\":[\"object\",\"boolean\"],"
#define HEAD_20(name)                                                                              \
    "{\"$schema\":\"" BASE_20 "schema\",\"$id\":\"" BASE_20 name                                   \
    "\",\"$dynamicAnchor\":\"meta\",\"type\":[\"object\",\"boolean\"],"
#define MAP_OF(self) "{\"type\":\"object\",\"additionalProperties\":" self ",\"default\":{}}"
#define ARRAY_OF(self) "{\"type\":\"array\",\"minItems\":1,\"items\":" self "}"
#define TEXT_ "{\"type\":\"string\"}"
#define URI_REFERENCE "{\"type\":\"string\",\"format\":\"uri-reference\"}"

#define VOCABULARY                                                                                 \
    "{\"type\":\"object\",\"propertyNames\":{\"format\":\"uri\"},"                                 \
    "\"additionalProperties\":{\"type\":\"boolean\"}}"

#define APPLICATORS(self)                                                                          \
    "\"contains\":" self ",\"additionalProperties\":" self ",\"properties\":" MAP_OF(              \
        self) ",\"patternProperties\":{\"type\":\"object\",\"additionalProperties\":" self         \
              ",\"propertyNames\":{\"format\":\"regex\"},\"default\":{}},"                         \
              "\"dependentSchemas\":" MAP_OF(                                                      \
                  self) ",\"propertyNames\":" self ",\"if\":" self ",\"then\":" self               \
                        ",\"else\":" self ",\"allOf\":" ARRAY_OF(self) ",\"anyOf\":" ARRAY_OF(     \
                            self) ",\"oneOf\":" ARRAY_OF(self) ",\"not\":" self
#define VALIDATION                                                                                 \
    "\"properties\":{\"type\":" TYPE_ ",\"const\":true,\"enum\":{\"type\":\"array\",\"items\":"    \
    "true},\"multipleOf\":{\"type\":\"number\",\"exclusiveMinimum\":0},"                           \
    "\"maximum\":{\"type\":\"number\"},\"exclusiveMaximum\":{\"type\":\"number\"},"                \
    "\"minimum\":{\"type\":\"number\"},\"exclusiveMinimum\":{\"type\":\"number\"},"                \
    "\"maxLength\":" COUNT_ ",\"minLength\":" COUNT_ ",\"pattern\":{\"type\":\"string\","          \
    "\"format\":\"regex\"},\"maxItems\":" COUNT_ ",\"minItems\":" COUNT_ ",\"uniqueItems\":"       \
    "{\"type\":\"boolean\",\"default\":false},\"maxContains\":" COUNT_ ",\"minContains\":" COUNT_  \
    ",\"maxProperties\":" COUNT_ ",\"minProperties\":" COUNT_ ",\"required\":" NAMES_ ","          \
    "\"dependentRequired\":{\"type\":\"object\",\"additionalProperties\":" NAMES_ "}},"            \
    "\"$defs\":{\"simpleTypes\":" TYPES_ "}}"
#define META_DATA                                                                                  \
    "\"properties\":{\"title\":" TEXT_ ",\"description\":" TEXT_ ",\"default\":true,"              \
    "\"deprecated\":{\"type\":\"boolean\",\"default\":false},\"readOnly\":{\"type\":\"boolean\","  \
    "\"default\":false},\"writeOnly\":{\"type\":\"boolean\",\"default\":false},"                   \
    "\"examples\":{\"type\":\"array\",\"items\":true}}}"
#define CONTENT(self)                                                                              \
    "\"properties\":{\"contentMediaType\":" TEXT_ ",\"contentEncoding\":" TEXT_                    \
    ",\"contentSchema\":" self "}}"

static const char schema_19[] = HEAD_19(
    "schema") "\"allOf\":[{\"$ref\":\"meta/core\"},{\"$ref\":\"meta/applicator\"},{\"$ref\":"
              "\"meta/validation\"},{\"$ref\":\"meta/meta-data\"},{\"$ref\":\"meta/"
              "format\"},{\"$ref\":"
              "\"meta/content\"}],\"properties\":{\"definitions\":" MAP_OF(
                  SELF_19) ",\"dependencies\":{\"type\":\"object\",\"additionalProperties\":{"
                           "\"anyOf\":[" SELF_19
                           ",{\"$ref\":\"meta/validation#/properties/required\"}]}}}}";
static const char core_19[] = HEAD_19(
    "meta/core") "\"properties\":{\"$id\":{\"type\":\"string\",\"format\":\"uri-reference\","
                 "\"pattern\":"
                 "\"^[^#]*#?$\"},\"$schema\":{\"type\":\"string\",\"format\":\"uri\"},\"$anchor\":{"
                 "\"type\":"
                 "\"string\",\"pattern\":\"^[A-Za-z][-A-Za-z0-9.:_]*$\"},\"$ref\":" URI_REFERENCE
                 ",\"$recursiveRef\":" URI_REFERENCE
                 ",\"$recursiveAnchor\":{\"type\":\"boolean\",\"default\":"
                 "false},\"$vocabulary\":" VOCABULARY ",\"$comment\":" TEXT_
                 ",\"$defs\":" MAP_OF(SELF_19) "}}";
static const char applicator_19[] =
    HEAD_19("meta/applicator") "\"properties\":{\"additionalItems\":" SELF_19
                               ",\"unevaluatedItems\":" SELF_19
                               ",\"unevaluatedProperties\":" SELF_19
                               ",\"items\":{\"anyOf\":[" SELF_19
                               "," ARRAY_OF(SELF_19) "]}," APPLICATORS(SELF_19) "}}";
static const char validation_19[] = HEAD_19("meta/validation") VALIDATION;
static const char meta_data_19[] = HEAD_19("meta/meta-data") META_DATA;
static const char format_19[] = HEAD_19("meta/format") "\"properties\":{\"format\":" TEXT_ "}}";
static const char content_19[] = HEAD_19("meta/content") CONTENT(SELF_19);

static const char schema_20[] = HEAD_20(
    "schema") "\"allOf\":[{\"$ref\":\"meta/core\"},{\"$ref\":\"meta/applicator\"},{\"$ref\":"
              "\"meta/unevaluated\"},{\"$ref\":\"meta/validation\"},{\"$ref\":\"meta/"
              "meta-data\"},{\"$ref\":"
              "\"meta/format-annotation\"},{\"$ref\":\"meta/"
              "content\"}],\"properties\":{\"definitions\":" MAP_OF(
                  SELF_20) ",\"dependencies\":{\"type\":\"object\",\"additionalProperties\":{"
                           "\"anyOf\":[" SELF_20 ",{\"$ref\":\"meta/validation#/properties/"
                           "required\"}]}},\"$recursiveAnchor\":"
                           "{\"type\":\"string\",\"pattern\":\"^[A-Za-z_][-A-Za-z0-9._]*$\"},\"$"
                           "recursiveRef\":" URI_REFERENCE "}}";
static const char core_20[] = HEAD_20(
    "meta/core") "\"properties\":{\"$id\":{\"type\":\"string\",\"format\":\"uri-reference\","
                 "\"pattern\":"
                 "\"^[^#]*#?$\"},\"$schema\":{\"type\":\"string\",\"format\":\"uri\"},\"$"
                 "ref\":" URI_REFERENCE
                 ",\"$anchor\":{\"$ref\":\"#/$defs/anchorString\"},\"$dynamicRef\":" URI_REFERENCE
                 ",\"$dynamicAnchor\":{\"$ref\":\"#/$defs/"
                 "anchorString\"},\"$vocabulary\":" VOCABULARY ",\"$comment\":" TEXT_
                 ",\"$defs\":" MAP_OF(
                     SELF_20) "},\"$defs\":{\"anchorString\":{\"type\":"
                              "\"string\",\"pattern\":\"^[A-Za-z_][-A-Za-z0-9._]*$\"}}}";
static const char applicator_20[] =
    HEAD_20("meta/applicator") "\"properties\":{\"prefixItems\":" ARRAY_OF(
        SELF_20) ",\"items\":" SELF_20 "," APPLICATORS(SELF_20) "}}";
static const char unevaluated_20[] =
    HEAD_20("meta/unevaluated") "\"properties\":{\"unevaluatedItems\":" SELF_20
                                ",\"unevaluatedProperties\":" SELF_20 "}}";
static const char validation_20[] = HEAD_20("meta/validation") VALIDATION;
static const char meta_data_20[] = HEAD_20("meta/meta-data") META_DATA;
static const char format_20[] =
    HEAD_20("meta/format-annotation") "\"properties\":{\"format\":" TEXT_ "}}";
static const char assertion_20[] =
    HEAD_20("meta/format-assertion") "\"properties\":{\"format\":" TEXT_ "}}";
static const char content_20[] = HEAD_20("meta/content") CONTENT(SELF_20);

const struct fct_metaschema fct_metaschemas[] = {
    {"http://json-schema.org/draft-06/schema", FACTUM_SCHEMA_DRAFT_06, true, draft_06},
    {"http://json-schema.org/draft-07/schema", FACTUM_SCHEMA_DRAFT_07, true, draft_07},
    {BASE_19 "schema", FACTUM_SCHEMA_2019_09, true, schema_19},
    {BASE_19 "meta/core", FACTUM_SCHEMA_2019_09, false, core_19},
    {BASE_19 "meta/applicator", FACTUM_SCHEMA_2019_09, false, applicator_19},
    {BASE_19 "meta/validation", FACTUM_SCHEMA_2019_09, false, validation_19},
    {BASE_19 "meta/meta-data", FACTUM_SCHEMA_2019_09, false, meta_data_19},
    {BASE_19 "meta/format", FACTUM_SCHEMA_2019_09, false, format_19},
    {BASE_19 "meta/content", FACTUM_SCHEMA_2019_09, false, content_19},
    {BASE_20 "schema", FACTUM_SCHEMA_2020_12, true, schema_20},
    {BASE_20 "meta/core", FACTUM_SCHEMA_2020_12, false, core_20},
    {BASE_20 "meta/applicator", FACTUM_SCHEMA_2020_12, false, applicator_20},
    {BASE_20 "meta/unevaluated", FACTUM_SCHEMA_2020_12, false, unevaluated_20},
    {BASE_20 "meta/validation", FACTUM_SCHEMA_2020_12, false, validation_20},
    {BASE_20 "meta/meta-data", FACTUM_SCHEMA_2020_12, false, meta_data_20},
    {BASE_20 "meta/format-annotation", FACTUM_SCHEMA_2020_12, false, format_20},
    {BASE_20 "meta/format-assertion", FACTUM_SCHEMA_2020_12, false, assertion_20},
    {BASE_20 "meta/content", FACTUM_SCHEMA_2020_12, false, content_20},
    {NULL, FACTUM_SCHEMA_DEFAULT, false, NULL},
};
