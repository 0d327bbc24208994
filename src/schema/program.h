/* program.h - a compiled schema: arrays that are built once and then only read. Layer: schema.
 *
 * Every subschema is a rule: a bit for each of its keywords, and an operand for each of them, in
 * the order of the bits. An operand has the node of the keyword's value in its document, which
 * gives errors their place, and a number whose meaning depends on the keyword:
 *
 *     a count, a rule, an index of bounds, divisors, patterns or tables,
 *     or a list: the place in |words| of its length, which its members follow
 *
 * Invariants:
 * 1. Rule 0 accepts everything; the rule of a document's root is rule_of[0] of the document.
 * 2. Rules that apply to the same value never lead back to each other by static references.
 * 3. After fct_program_create nothing changes: any number of threads may read it.
 */
#ifndef FCT_SCHEMA_PROGRAM_H
#define FCT_SCHEMA_PROGRAM_H

#include <assert.h>

#include <factum/json.h>
#include <factum/schema.h>

#include "schema/names.h"
#include "schema/number.h"
#include "schema/pattern.h"

/* The keywords of operands, in the order of the bits. */
enum fct_keyword {
    FCT_K_FALSE, /* the schema false */
    FCT_K_TYPE,
    FCT_K_ENUM,
    FCT_K_CONST,
    FCT_K_MULTIPLE_OF, /* a divisor */
    FCT_K_MAXIMUM,     /* a bound, and so the next three */
    FCT_K_EXCLUSIVE_MAXIMUM,
    FCT_K_MINIMUM,
    FCT_K_EXCLUSIVE_MINIMUM,
    FCT_K_MAX_LENGTH, /* a count */
    FCT_K_MIN_LENGTH,
    FCT_K_PATTERN,
    FCT_K_FORMAT, /* enum fct_format; only if formats are checked */
    FCT_K_MAX_ITEMS,
    FCT_K_MIN_ITEMS,
    FCT_K_UNIQUE_ITEMS,
    FCT_K_MAX_PROPERTIES,
    FCT_K_MIN_PROPERTIES,
    FCT_K_MEMBERS,               /* a table of the names in properties and required */
    FCT_K_REQUIRED,              /* names */
    FCT_K_PATTERN_PROPERTIES,    /* a list: pattern, rule, ... */
    FCT_K_ADDITIONAL_PROPERTIES, /* a rule */
    FCT_K_PROPERTY_NAMES,
    FCT_K_DEPENDENTS, /* a list: name, rule or none, node of the value, ... */
    FCT_K_PREFIX_ITEMS,
    FCT_K_ITEMS,
    FCT_K_CONTAINS,
    FCT_K_MIN_CONTAINS,
    FCT_K_MAX_CONTAINS,
    FCT_K_REF,
    FCT_K_DYNAMIC_REF, /* a list: the rule without a scope; a list of resource, rule, ... */
    FCT_K_ALL_OF,
    FCT_K_ANY_OF,
    FCT_K_ONE_OF,
    FCT_K_NOT,
    FCT_K_IF,
    FCT_K_THEN,
    FCT_K_ELSE,
    FCT_K_UNEVALUATED_ITEMS,
    FCT_K_UNEVALUATED_PROPERTIES,
    FCT_K_COUNT
};
static_assert(FCT_K_COUNT <= 64, "a bit for each");

#define FCT_BIT(keyword) (UINT64_C(1) << (keyword))

/* The types that |type| names: a bit for each factum_json_kind, and one for whole numbers. */
#define FCT_TYPE_INTEGER 7
#define FCT_TYPES_ALL 0xffu

/* What follows a value's own checks, in this order. */
enum fct_phase {
    FCT_PHASE_MEMBERS,
    FCT_PHASE_ITEMS,
    FCT_PHASE_CONTAINS,
    FCT_PHASE_REF,
    FCT_PHASE_DYNAMIC_REF,
    FCT_PHASE_ALL_OF,
    FCT_PHASE_ANY_OF,
    FCT_PHASE_ONE_OF,
    FCT_PHASE_NOT,
    FCT_PHASE_IF,
    FCT_PHASE_DEPENDENTS,
    FCT_PHASE_REST_ITEMS,
    FCT_PHASE_REST_MEMBERS,
    FCT_PHASE_COUNT
};

#define FCT_RULE_ANY 0u          /* the rule that accepts everything */
#define FCT_RULE_NONE UINT32_MAX /* no rule */

struct fct_rule {
    uint64_t keywords;
    uint32_t operands; /* the index of the first */
    uint32_t document, node;
    uint32_t resource;
    uint32_t members; /* the operand of FCT_K_MEMBERS, which is needed most often */
    uint16_t phases;  /* a bit for each fct_phase */
    uint8_t types;    /* of FCT_K_TYPE; otherwise FCT_TYPES_ALL */
    uint8_t draft;
    bool tracks; /* has unevaluatedItems or unevaluatedProperties */
};

struct fct_operand {
    uint32_t node; /* of the keyword's value, in the rule's document */
    uint32_t value;
};

struct fct_bound {
    struct fct_decimal decimal;
    int64_t small; /* the value, if is_small */
    bool is_small; /* whole, of 18 digits at most */
};

struct fct_member {
    uint32_t offset, len; /* of its name in texts */
    uint32_t hash;
    uint32_t rule;     /* FCT_RULE_NONE: the name is only required */
    uint32_t required; /* its number among the required names; FCT_RULE_NONE: not required */
};

/* The names of an object: |slots| numbers of members, a power of two; open addressing. */
struct fct_table {
    uint32_t slots; /* in words */
    uint32_t mask;
    uint32_t members; /* the first */
    uint32_t count;
};

/* A document is parsed when something refers to it. */
struct fct_document {
    uint32_t uri; /* in places */
    bool loaded;
    bool builtin;  /* a meta-schema: its text is static */
    uint8_t *text; /* a copy, unless |builtin| */
    size_t text_size;
    factum_json_node *nodes;
    factum_json json;
    uint32_t *rule_of; /* for each node */
};

/* A schema with a URI of its own. */
struct fct_resource {
    uint32_t uri; /* in places */
    uint32_t document, node;
    bool recursive; /* $recursiveAnchor */
};

/* A step of a path to a tag. */
struct fct_tag_step {
    uint32_t kind;  /* factum_schema_step_kind */
    uint32_t value; /* MEMBER: a name in texts; otherwise the number of the item */
};

/* The place of values that become tags. */
struct fct_tag {
    uint32_t name; /* in texts */
    uint32_t path; /* in words: a list of struct fct_tag_step, two words each */
};

struct fct_limits {
    size_t size_max;    /* of a document */
    uint32_t rules_max; /* of all documents together */
    uint64_t steps_max; /* of one validation */
};

struct fct_program {
    const struct fct_mem *mem;
    struct fct_limits limits;
    bool formats; /* format is checked */
    uint8_t draft;
    uint64_t seed;
    struct fct_names places; /* URIs (value: a resource; more: a document + 1) and anchors (value:
                                a rule; more: 1 if it is dynamic) */
    struct fct_names texts;  /* names of members */
    struct fct_buf documents, resources, rules, operands, words;
    struct fct_buf bounds, divisors, patterns, tables, members, tags;
    uint32_t root;
    bool tracks;   /* a rule has unevaluatedItems or unevaluatedProperties */
    bool has_tags; /* some rule has x-factum-tag */
};

/* The |i|-th of an array in a buffer. */
#define FCT_AT(buffer, type, i) ((type *)(void *)(buffer).ptr + (i))
/* The first item; NULL if the buffer was never used. */
#define FCT_FIRST(buffer, type) ((type *)(void *)(buffer).ptr)
#define FCT_COUNT_OF(buffer, type) ((uint32_t)((buffer).len / sizeof(type)))

static inline const struct fct_rule *fct_rule_at(const struct fct_program *program, uint32_t rule)
{
    return FCT_AT(program->rules, const struct fct_rule, rule);
}

/* The operand of a keyword that the rule has. */
static inline const struct fct_operand *fct_operand_of(const struct fct_program *program,
                                                       const struct fct_rule *rule,
                                                       enum fct_keyword keyword)
{
    uint32_t before = (uint32_t)FCT_POPCOUNT64(rule->keywords & (FCT_BIT(keyword) - 1));
    return FCT_AT(program->operands, const struct fct_operand, rule->operands + before);
}

static inline const uint32_t *fct_words_at(const struct fct_program *program, uint32_t at)
{
    return FCT_AT(program->words, const uint32_t, at);
}

static inline const struct fct_document *fct_document_at(const struct fct_program *program,
                                                         uint32_t document)
{
    return FCT_AT(program->documents, const struct fct_document, document);
}

#endif
