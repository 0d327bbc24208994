/* keywords.h - the names of keywords, the drafts that have them, and which contain subschemas.
 * Layer: schema. Pure. */
#ifndef FCT_SCHEMA_KEYWORDS_H
#define FCT_SCHEMA_KEYWORDS_H

#include <factum/base.h>

/* What the value of a keyword contains. */
enum fct_holds {
    FCT_HOLDS_VALUE, /* no subschemas */
    FCT_HOLDS_SCHEMA,
    FCT_HOLDS_ARRAY,        /* of subschemas */
    FCT_HOLDS_SCHEMA_ARRAY, /* one, or an array of them: items up to 2019-09 */
    FCT_HOLDS_MAP,          /* an object of subschemas */
    FCT_HOLDS_DEPENDENCIES, /* an object of subschemas and of arrays of names */
};

/* Every keyword that the validator uses. */
enum fct_word {
    FCT_WORD_ADDITIONAL_ITEMS,
    FCT_WORD_ADDITIONAL_PROPERTIES,
    FCT_WORD_ALL_OF,
    FCT_WORD_ANCHOR,
    FCT_WORD_ANY_OF,
    FCT_WORD_CONST,
    FCT_WORD_CONTAINS,
    FCT_WORD_CONTENT_SCHEMA,
    FCT_WORD_DEFINITIONS,
    FCT_WORD_DEFS,
    FCT_WORD_DEPENDENCIES,
    FCT_WORD_DEPENDENT_REQUIRED,
    FCT_WORD_DEPENDENT_SCHEMAS,
    FCT_WORD_DYNAMIC_ANCHOR,
    FCT_WORD_DYNAMIC_REF,
    FCT_WORD_ELSE,
    FCT_WORD_ENUM,
    FCT_WORD_EXCLUSIVE_MAXIMUM,
    FCT_WORD_EXCLUSIVE_MINIMUM,
    FCT_WORD_FORMAT,
    FCT_WORD_ID,
    FCT_WORD_IF,
    FCT_WORD_ITEMS,
    FCT_WORD_MAX_CONTAINS,
    FCT_WORD_MAX_ITEMS,
    FCT_WORD_MAX_LENGTH,
    FCT_WORD_MAX_PROPERTIES,
    FCT_WORD_MAXIMUM,
    FCT_WORD_MIN_CONTAINS,
    FCT_WORD_MIN_ITEMS,
    FCT_WORD_MIN_LENGTH,
    FCT_WORD_MIN_PROPERTIES,
    FCT_WORD_MINIMUM,
    FCT_WORD_MULTIPLE_OF,
    FCT_WORD_NOT,
    FCT_WORD_ONE_OF,
    FCT_WORD_PATTERN,
    FCT_WORD_PATTERN_PROPERTIES,
    FCT_WORD_PREFIX_ITEMS,
    FCT_WORD_PROPERTIES,
    FCT_WORD_PROPERTY_NAMES,
    FCT_WORD_RECURSIVE_ANCHOR,
    FCT_WORD_RECURSIVE_REF,
    FCT_WORD_REF,
    FCT_WORD_REQUIRED,
    FCT_WORD_SCHEMA,
    FCT_WORD_THEN,
    FCT_WORD_TYPE,
    FCT_WORD_UNEVALUATED_ITEMS,
    FCT_WORD_UNEVALUATED_PROPERTIES,
    FCT_WORD_UNIQUE_ITEMS,
    FCT_WORD_TAG,
    FCT_WORD_COUNT /* not a keyword of the draft */
};

/* The keyword |name| in |draft|, a factum_schema_draft. FCT_WORD_COUNT: not a keyword. */
enum fct_word fct_word_of(factum_slice name, uint8_t draft);
enum fct_holds fct_word_holds(enum fct_word word, uint8_t draft);

#endif
