/* keywords.c - see keywords.h. Layer: schema. */
#include "schema/keywords.h"

#include <string.h>

#include <factum/schema.h>

struct word {
    const char *name;
    uint8_t from, to; /* drafts */
    uint8_t holds;
};

enum {
    D6 = FACTUM_SCHEMA_DRAFT_06,
    D7 = FACTUM_SCHEMA_DRAFT_07,
    D19 = FACTUM_SCHEMA_2019_09,
    D20 = FACTUM_SCHEMA_2020_12,
};

static const struct word words[FCT_WORD_COUNT] = {
    [FCT_WORD_ADDITIONAL_ITEMS] = {"additionalItems", D6, D19, FCT_HOLDS_SCHEMA},
    [FCT_WORD_ADDITIONAL_PROPERTIES] = {"additionalProperties", D6, D20, FCT_HOLDS_SCHEMA},
    [FCT_WORD_ALL_OF] = {"allOf", D6, D20, FCT_HOLDS_ARRAY},
    [FCT_WORD_ANCHOR] = {"$anchor", D19, D20, FCT_HOLDS_VALUE},
    [FCT_WORD_ANY_OF] = {"anyOf", D6, D20, FCT_HOLDS_ARRAY},
    [FCT_WORD_CONST] = {"const", D6, D20, FCT_HOLDS_VALUE},
    [FCT_WORD_CONTAINS] = {"contains", D6, D20, FCT_HOLDS_SCHEMA},
    [FCT_WORD_CONTENT_SCHEMA] = {"contentSchema", D19, D20, FCT_HOLDS_SCHEMA},
    [FCT_WORD_DEFINITIONS] = {"definitions", D6, D20, FCT_HOLDS_MAP},
    [FCT_WORD_DEFS] = {"$defs", D19, D20, FCT_HOLDS_MAP},
    [FCT_WORD_DEPENDENCIES] = {"dependencies", D6, D20, FCT_HOLDS_DEPENDENCIES},
    [FCT_WORD_DEPENDENT_REQUIRED] = {"dependentRequired", D19, D20, FCT_HOLDS_VALUE},
    [FCT_WORD_DEPENDENT_SCHEMAS] = {"dependentSchemas", D19, D20, FCT_HOLDS_MAP},
    [FCT_WORD_DYNAMIC_ANCHOR] = {"$dynamicAnchor", D20, D20, FCT_HOLDS_VALUE},
    [FCT_WORD_DYNAMIC_REF] = {"$dynamicRef", D20, D20, FCT_HOLDS_VALUE},
    [FCT_WORD_ELSE] = {"else", D7, D20, FCT_HOLDS_SCHEMA},
    [FCT_WORD_ENUM] = {"enum", D6, D20, FCT_HOLDS_VALUE},
    [FCT_WORD_EXCLUSIVE_MAXIMUM] = {"exclusiveMaximum", D6, D20, FCT_HOLDS_VALUE},
    [FCT_WORD_EXCLUSIVE_MINIMUM] = {"exclusiveMinimum", D6, D20, FCT_HOLDS_VALUE},
    [FCT_WORD_FORMAT] = {"format", D6, D20, FCT_HOLDS_VALUE},
    [FCT_WORD_ID] = {"$id", D6, D20, FCT_HOLDS_VALUE},
    [FCT_WORD_IF] = {"if", D7, D20, FCT_HOLDS_SCHEMA},
    [FCT_WORD_ITEMS] = {"items", D6, D20, FCT_HOLDS_SCHEMA_ARRAY},
    [FCT_WORD_MAX_CONTAINS] = {"maxContains", D19, D20, FCT_HOLDS_VALUE},
    [FCT_WORD_MAX_ITEMS] = {"maxItems", D6, D20, FCT_HOLDS_VALUE},
    [FCT_WORD_MAX_LENGTH] = {"maxLength", D6, D20, FCT_HOLDS_VALUE},
    [FCT_WORD_MAX_PROPERTIES] = {"maxProperties", D6, D20, FCT_HOLDS_VALUE},
    [FCT_WORD_MAXIMUM] = {"maximum", D6, D20, FCT_HOLDS_VALUE},
    [FCT_WORD_MIN_CONTAINS] = {"minContains", D19, D20, FCT_HOLDS_VALUE},
    [FCT_WORD_MIN_ITEMS] = {"minItems", D6, D20, FCT_HOLDS_VALUE},
    [FCT_WORD_MIN_LENGTH] = {"minLength", D6, D20, FCT_HOLDS_VALUE},
    [FCT_WORD_MIN_PROPERTIES] = {"minProperties", D6, D20, FCT_HOLDS_VALUE},
    [FCT_WORD_MINIMUM] = {"minimum", D6, D20, FCT_HOLDS_VALUE},
    [FCT_WORD_MULTIPLE_OF] = {"multipleOf", D6, D20, FCT_HOLDS_VALUE},
    [FCT_WORD_NOT] = {"not", D6, D20, FCT_HOLDS_SCHEMA},
    [FCT_WORD_ONE_OF] = {"oneOf", D6, D20, FCT_HOLDS_ARRAY},
    [FCT_WORD_PATTERN] = {"pattern", D6, D20, FCT_HOLDS_VALUE},
    [FCT_WORD_PATTERN_PROPERTIES] = {"patternProperties", D6, D20, FCT_HOLDS_MAP},
    [FCT_WORD_PREFIX_ITEMS] = {"prefixItems", D20, D20, FCT_HOLDS_ARRAY},
    [FCT_WORD_PROPERTIES] = {"properties", D6, D20, FCT_HOLDS_MAP},
    [FCT_WORD_PROPERTY_NAMES] = {"propertyNames", D6, D20, FCT_HOLDS_SCHEMA},
    [FCT_WORD_RECURSIVE_ANCHOR] = {"$recursiveAnchor", D19, D19, FCT_HOLDS_VALUE},
    [FCT_WORD_RECURSIVE_REF] = {"$recursiveRef", D19, D19, FCT_HOLDS_VALUE},
    [FCT_WORD_REF] = {"$ref", D6, D20, FCT_HOLDS_VALUE},
    [FCT_WORD_REQUIRED] = {"required", D6, D20, FCT_HOLDS_VALUE},
    [FCT_WORD_SCHEMA] = {"$schema", D6, D20, FCT_HOLDS_VALUE},
    [FCT_WORD_THEN] = {"then", D7, D20, FCT_HOLDS_SCHEMA},
    [FCT_WORD_TYPE] = {"type", D6, D20, FCT_HOLDS_VALUE},
    [FCT_WORD_UNEVALUATED_ITEMS] = {"unevaluatedItems", D19, D20, FCT_HOLDS_SCHEMA},
    [FCT_WORD_UNEVALUATED_PROPERTIES] = {"unevaluatedProperties", D19, D20, FCT_HOLDS_SCHEMA},
    [FCT_WORD_UNIQUE_ITEMS] = {"uniqueItems", D6, D20, FCT_HOLDS_VALUE},
    [FCT_WORD_TAG] = {"x-factum-tag", D6, D20, FCT_HOLDS_VALUE},
};

enum fct_word fct_word_of(factum_slice name, uint8_t draft)
{
    unsigned word = 0;
    while (word < FCT_WORD_COUNT) {
        const char *known = words[word].name;
        if (name.len > 0 && known[0] == (char)name.ptr[0] && strlen(known) == name.len &&
            memcmp(known, name.ptr, name.len) == 0) {
            break;
        }
        word++;
    }
    bool has = word < FCT_WORD_COUNT && words[word].from <= draft && draft <= words[word].to;
    return has ? (enum fct_word)word : FCT_WORD_COUNT;
}

enum fct_holds fct_word_holds(enum fct_word word, uint8_t draft)
{
    if (word == FCT_WORD_COUNT) {
        return FCT_HOLDS_VALUE;
    }
    return word == FCT_WORD_ITEMS && draft >= D20 ? FCT_HOLDS_SCHEMA
                                                  : (enum fct_holds)words[word].holds;
}
