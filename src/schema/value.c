/* value.c - see value.h. Layer: schema.
 *
 * Both walks keep a stack of the current containers. The hash of an object is the sum of the hashes
 * of its members, so their order does not matter.
 */
#include "schema/value.h"

#include "core/check.h"
#include "core/hash.h"
#include "core/slice.h"

uint32_t fct_value_item(const factum_json *json, uint32_t array, uint32_t index)
{
    uint32_t end = json->nodes[array].next;
    uint32_t at = array + 1;
    while (at < end && index > 0) {
        at = json->nodes[at].next;
        index--;
    }
    return at < end ? at : FACTUM_JSON_NONE;
}

/* ---- equality -------------------------------------------------------------------------------- */

struct pair {
    uint32_t at_a, end_a; /* the next member or item of a */
    uint32_t at_b, end_b; /* its expected place in b */
    uint32_t first_b;
    bool object;
};

static bool is_container(const factum_json_node *node)
{
    return node->kind >= FACTUM_JSON_ARRAY;
}

static bool equal_scalars(struct fct_value a, struct fct_value b)
{
    uint8_t kind = a.json->nodes[a.node].kind;
    if (kind == FACTUM_JSON_TEXT) {
        return fct_text_equal(fct_value_text(a.json, a.node), fct_value_text(b.json, b.node));
    }
    if (kind == FACTUM_JSON_NUMBER) {
        struct fct_decimal number_a = fct_value_decimal(a.json, a.node);
        struct fct_decimal number_b = fct_value_decimal(b.json, b.node);
        return fct_decimal_compare(&number_a, &number_b) == 0;
    }
    return true;
}

/* The member of b with the name at |name| of a: most often the one at pair->at_b. */
static uint32_t find_partner(struct fct_value a, struct fct_value b, const struct pair *pair,
                             uint64_t *steps)
{
    struct fct_text name = fct_value_text(a.json, pair->at_a);
    uint32_t at = pair->at_b;
    if (at < pair->end_b && fct_text_equal(name, fct_value_text(b.json, at))) {
        return at;
    }
    for (at = pair->first_b; at < pair->end_b; at = b.json->nodes[at + 1].next) {
        (*steps)++;
        if (fct_text_equal(name, fct_value_text(b.json, at))) {
            return at;
        }
    }
    return FACTUM_JSON_NONE;
}

/* The first step of a comparison. False: they differ. Containers push a pair. */
static bool begin_pair(struct fct_value a, struct fct_value b, struct pair *stack, uint32_t *depth)
{
    const factum_json_node *node_a = &a.json->nodes[a.node];
    const factum_json_node *node_b = &b.json->nodes[b.node];
    if (node_a->kind != node_b->kind) {
        return false;
    }
    if (!is_container(node_a)) {
        return equal_scalars(a, b);
    }
    if (node_a->next - a.node != node_b->next - b.node) {
        return false; /* equal values have the same number of nodes */
    }
    FCT_ASSERT(*depth < FCT_VALUE_DEPTH_MAX);
    stack[(*depth)++] = (struct pair){.at_a = a.node + 1,
                                      .end_a = node_a->next,
                                      .at_b = b.node + 1,
                                      .end_b = node_b->next,
                                      .first_b = b.node + 1,
                                      .object = node_a->kind == FACTUM_JSON_OBJECT};
    return true;
}

bool fct_value_equal(struct fct_value a, struct fct_value b, uint64_t *steps)
{
    struct pair stack[FCT_VALUE_DEPTH_MAX];
    uint32_t depth = 0;
    (*steps)++;
    if (!begin_pair(a, b, stack, &depth)) {
        return false;
    }
    while (depth > 0) {
        struct pair *pair = &stack[depth - 1];
        if (pair->at_a >= pair->end_a) {
            depth--;
            continue;
        }
        uint32_t at_b = pair->object ? find_partner(a, b, pair, steps) : pair->at_b;
        if (at_b == FACTUM_JSON_NONE || at_b >= pair->end_b) {
            return false;
        }
        struct fct_value inner_a = {a.json, pair->object ? pair->at_a + 1 : pair->at_a};
        struct fct_value inner_b = {b.json, pair->object ? at_b + 1 : at_b};
        pair->at_a = a.json->nodes[inner_a.node].next;
        pair->at_b = b.json->nodes[inner_b.node].next;
        (*steps)++;
        if (!begin_pair(inner_a, inner_b, stack, &depth)) {
            return false;
        }
    }
    return true;
}

/* ---- hashes ---------------------------------------------------------------------------------- */

struct level {
    uint32_t at, end;
    uint64_t sum;
    uint64_t name; /* of an object: the hash of the current member's name */
    bool object;
};

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t both[2] = {a, b};
    return fct_hash64(fct_slice(both, sizeof both), 0);
}

static uint64_t hash_scalar(struct fct_value value, uint64_t seed)
{
    uint8_t kind = value.json->nodes[value.node].kind;
    if (kind == FACTUM_JSON_TEXT) {
        return fct_text_hash(fct_value_text(value.json, value.node), seed + kind);
    }
    if (kind == FACTUM_JSON_NUMBER) {
        struct fct_decimal number = fct_value_decimal(value.json, value.node);
        return fct_decimal_hash(&number, seed + kind);
    }
    return mix(seed, kind);
}

static void add_to(struct level *level, uint64_t hash)
{
    level->sum = level->object ? level->sum + mix(level->name, hash) : mix(level->sum, hash);
}

uint64_t fct_value_hash(struct fct_value value, uint64_t seed, uint64_t *steps)
{
    const factum_json *json = value.json;
    struct level stack[FCT_VALUE_DEPTH_MAX + 1] = {
        {.at = value.node, .end = json->nodes[value.node].next, .sum = seed}};
    uint32_t depth = 1;
    for (;;) {
        struct level *level = &stack[depth - 1];
        if (level->at >= level->end) {
            uint64_t hash = mix(level->sum, level->object ? 1 : 2);
            depth--;
            if (depth == 0) {
                return hash;
            }
            add_to(&stack[depth - 1], hash);
            continue;
        }
        if (level->object) {
            level->name = fct_text_hash(fct_value_text(json, level->at), seed);
            level->at++;
        }
        uint32_t at = level->at;
        level->at = json->nodes[at].next;
        (*steps)++;
        if (!is_container(&json->nodes[at])) {
            add_to(level, hash_scalar((struct fct_value){json, at}, seed));
            continue;
        }
        FCT_ASSERT(depth <= FCT_VALUE_DEPTH_MAX);
        stack[depth++] = (struct level){.at = at + 1,
                                        .end = json->nodes[at].next,
                                        .sum = seed,
                                        .object = json->nodes[at].kind == FACTUM_JSON_OBJECT};
    }
}
