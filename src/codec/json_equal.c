/* json_equal.c - compares the meaning of two JSON values. Layer: codec. See factum/json.h.
 *
 * Walks through the first value in the order of its tape. The search for a member of the second
 * starts after the member that was found last, so objects with members in the same order take one
 * step a member. */
#include <factum/json.h>

#include "codec/json_text.h"
#include "core/check.h"
#include "core/slice.h"

/* An array or object that is open in both values. */
struct pair {
    uint32_t container_a;
    uint32_t container_b;
    uint32_t next_a; /* the item or name to come; FACTUM_JSON_NONE: none */
    uint32_t next_b; /* of an object: where the search starts */
};

struct walk {
    const factum_json *a;
    const factum_json *b;
    uint32_t steps;
    unsigned depth;
    struct pair open[FACTUM_JSON_DEPTH_LIMIT];
};

static bool same_text(const factum_json *a, uint32_t value_a, const factum_json *b,
                      uint32_t value_b)
{
    factum_slice text_a = factum_json_inside(a, value_a);
    factum_slice text_b = factum_json_inside(b, value_b);
    return factum_json_is_escaped(a, value_a) || factum_json_is_escaped(b, value_b)
               ? fct_json_text_compare(text_a, text_b) == 0
               : fct_slice_equal(text_a, text_b);
}

static bool is_unique(const factum_json *json, uint32_t object)
{
    return (json->nodes[object].flags & FACTUM_JSON_UNIQUE) != 0;
}

/* ---- members --------------------------------------------------------------------------------- */

/* The name in |object| of |json| that means the same as |name| of |other|, the last one if there
 * are several. |hint| is a name, or FACTUM_JSON_NONE. */
static uint32_t find_name(struct walk *walk, const factum_json *json, uint32_t object,
                          uint32_t hint, const factum_json *other, uint32_t name)
{
    uint32_t first = factum_json_first(json, object);
    bool unique = is_unique(json, object);
    uint32_t start = unique && hint != FACTUM_JSON_NONE ? hint : first;
    uint32_t found = FACTUM_JSON_NONE;
    uint32_t at = start;
    while (at != FACTUM_JSON_NONE && walk->steps < FACTUM_JSON_EQUAL_STEPS_MAX) {
        walk->steps++;
        if (same_text(json, at, other, name)) {
            found = at;
            if (unique) {
                break;
            }
        }
        at = factum_json_next(json, object, at);
        if (at == FACTUM_JSON_NONE && start != first) {
            at = first;
        }
        if (at == start) {
            break;
        }
    }
    return found;
}

/* Is |name| the last of the equal names of its object, whose value counts? */
static bool counts(struct walk *walk, const factum_json *json, uint32_t object, uint32_t name)
{
    return is_unique(json, object) ||
           find_name(walk, json, object, FACTUM_JSON_NONE, json, name) == name;
}

static uint32_t count_members(struct walk *walk, const factum_json *json, uint32_t object)
{
    uint32_t count = 0;
    for (uint32_t at = factum_json_first(json, object); at != FACTUM_JSON_NONE;
         at = factum_json_next(json, object, at)) {
        count += counts(walk, json, object, at) ? 1 : 0;
    }
    return count;
}

/* ---- values ---------------------------------------------------------------------------------- */

/* Compares two values without their items or members. Opens non-empty containers. */
static bool same_here(struct walk *walk, uint32_t value_a, uint32_t value_b)
{
    const factum_json *a = walk->a;
    const factum_json *b = walk->b;
    factum_json_kind kind = factum_json_kind_of(a, value_a);
    if (kind != factum_json_kind_of(b, value_b)) {
        return false;
    }
    if (kind == FACTUM_JSON_NUMBER) {
        factum_slice raw_a = factum_json_raw(a, value_a);
        factum_slice raw_b = factum_json_raw(b, value_b);
        return fct_slice_equal(raw_a, raw_b) || factum_json_compare_numbers(raw_a, raw_b) == 0;
    }
    if (kind == FACTUM_JSON_TEXT) {
        return same_text(a, value_a, b, value_b);
    }
    if (kind != FACTUM_JSON_ARRAY && kind != FACTUM_JSON_OBJECT) {
        return true;
    }
    bool object = kind == FACTUM_JSON_OBJECT;
    FCT_ASSERT(walk->depth < FACTUM_JSON_DEPTH_LIMIT);
    walk->open[walk->depth++] = (struct pair){.container_a = value_a,
                                              .container_b = value_b,
                                              .next_a = factum_json_first(a, value_a),
                                              .next_b = factum_json_first(b, value_b)};
    return object ? count_members(walk, a, value_a) == count_members(walk, b, value_b)
                  : factum_json_count(a, value_a) == factum_json_count(b, value_b);
}

/* The next values to compare; false: none in |pair|, or one of them is missing. */
static bool next_in_array(struct walk *walk, struct pair *pair, uint32_t *value_a,
                          uint32_t *value_b)
{
    *value_a = pair->next_a;
    *value_b = pair->next_b;
    if (*value_a == FACTUM_JSON_NONE) {
        return false;
    }
    pair->next_a = factum_json_next(walk->a, pair->container_a, *value_a);
    pair->next_b = factum_json_next(walk->b, pair->container_b, *value_b);
    return true;
}

static bool next_in_object(struct walk *walk, struct pair *pair, uint32_t *value_a,
                           uint32_t *value_b, bool *equal)
{
    while (pair->next_a != FACTUM_JSON_NONE) {
        uint32_t name = pair->next_a;
        pair->next_a = factum_json_next(walk->a, pair->container_a, name);
        if (!counts(walk, walk->a, pair->container_a, name)) {
            continue;
        }
        uint32_t found = find_name(walk, walk->b, pair->container_b, pair->next_b, walk->a, name);
        *equal = found != FACTUM_JSON_NONE;
        if (*equal) {
            pair->next_b = factum_json_next(walk->b, pair->container_b, found);
            *value_a = name + 1;
            *value_b = found + 1;
        }
        return *equal;
    }
    return false;
}

/* False at the end, or as soon as *equal is false. */
static bool next_values(struct walk *walk, uint32_t *value_a, uint32_t *value_b, bool *equal)
{
    while (walk->depth > 0 && *equal) {
        struct pair *pair = &walk->open[walk->depth - 1];
        bool object = factum_json_kind_of(walk->a, pair->container_a) == FACTUM_JSON_OBJECT;
        if (object ? next_in_object(walk, pair, value_a, value_b, equal)
                   : next_in_array(walk, pair, value_a, value_b)) {
            return true;
        }
        walk->depth--;
    }
    return false;
}

factum_status factum_json_equal(const factum_json *a, uint32_t value_a, const factum_json *b,
                                uint32_t value_b, bool *equal)
{
    struct walk walk;
    walk.a = a;
    walk.b = b;
    walk.steps = 0;
    walk.depth = 0;
    bool same;
    do {
        same = same_here(&walk, value_a, value_b);
    } while (same && next_values(&walk, &value_a, &value_b, &same));
    if (walk.steps >= FACTUM_JSON_EQUAL_STEPS_MAX) {
        return FACTUM_TOO_BIG;
    }
    *equal = same;
    return FACTUM_OK;
}
