/* value.h - values on the tape by their meaning: steps, equality, hashes. Layer: schema. Pure.
 *
 * A value is a tape and the number of a node. Equal are: numbers of the same value (1, 1.0), texts
 * that decode to the same, arrays item by item, objects in any order of their members. Depth is at
 * most FCT_VALUE_DEPTH_MAX; no recursion.
 */
#ifndef FCT_SCHEMA_VALUE_H
#define FCT_SCHEMA_VALUE_H

#include <factum/json.h>

#include "schema/number.h"
#include "schema/text.h"

#define FCT_VALUE_DEPTH_MAX 256 /* the tape's maximum */

struct fct_value {
    const factum_json *json;
    uint32_t node;
};

/* The bytes of a node; of a text or a name without its quotes. */
static inline factum_slice fct_value_raw(const factum_json *json, uint32_t node)
{
    const factum_json_node *at = &json->nodes[node];
    return (factum_slice){.ptr = json->text.ptr + at->start, .len = at->len};
}

static inline struct fct_text fct_value_text(const factum_json *json, uint32_t node)
{
    return (struct fct_text){.raw = fct_value_raw(json, node),
                             .escaped = (json->nodes[node].flags & FACTUM_JSON_ESCAPED) != 0};
}

static inline struct fct_decimal fct_value_decimal(const factum_json *json, uint32_t node)
{
    return fct_decimal_parse(fct_value_raw(json, node));
}

/* The item |index| of an array, or FACTUM_JSON_NONE. Takes a step for each item before it. */
uint32_t fct_value_item(const factum_json *json, uint32_t array, uint32_t index);
/* *steps grows by about the visited nodes. */
bool fct_value_equal(struct fct_value a, struct fct_value b, uint64_t *steps);
/* Equal for equal values. */
uint64_t fct_value_hash(struct fct_value value, uint64_t seed, uint64_t *steps);

#endif
