/* json_diff.c - see json_diff.h. Layer: cli. The recursion is as deep as the values, whose depth
 * the parser limits. */
#include "cli/json_diff.h"

#include <stdio.h>
#include <string.h>

struct diff {
    const factum_json *a;
    const factum_json *b;
    json_diff_found found;
    void *data;
    size_t count;
};

static const factum_slice nothing = {.len = 0};

static void report_difference(struct diff *diff, const factum_json *where, uint32_t value,
                              factum_slice before, factum_slice after)
{
    char pointer[JSON_DIFF_POINTER_SIZE];
    (void)factum_json_pointer(where, value, pointer, sizeof pointer);
    diff->found(diff->data, pointer, before, after);
    diff->count++;
}

/* The member of |object| in |json| that has the name at |name| of |other|, or FACTUM_JSON_NONE. */
static uint32_t member_like(const factum_json *json, uint32_t object, const factum_json *other,
                            uint32_t name)
{
    for (uint32_t at = factum_json_first(json, object); at != FACTUM_JSON_NONE;
         at = factum_json_next(json, object, at)) {
        bool equal;
        if (factum_json_equal(json, at, other, name, &equal) == FACTUM_OK && equal) {
            return at + 1;
        }
    }
    return FACTUM_JSON_NONE;
}

static void compare(struct diff *diff, uint32_t a, uint32_t b);

static void compare_objects(struct diff *diff, uint32_t a, uint32_t b)
{
    for (uint32_t at = factum_json_first(diff->a, a); at != FACTUM_JSON_NONE;
         at = factum_json_next(diff->a, a, at)) {
        uint32_t other = member_like(diff->b, b, diff->a, at);
        if (other == FACTUM_JSON_NONE) {
            report_difference(diff, diff->a, at + 1, factum_json_raw(diff->a, at + 1), nothing);
        } else {
            compare(diff, at + 1, other);
        }
    }
    for (uint32_t at = factum_json_first(diff->b, b); at != FACTUM_JSON_NONE;
         at = factum_json_next(diff->b, b, at)) {
        if (member_like(diff->a, a, diff->b, at) == FACTUM_JSON_NONE) {
            report_difference(diff, diff->b, at + 1, nothing, factum_json_raw(diff->b, at + 1));
        }
    }
}

static void compare_arrays(struct diff *diff, uint32_t a, uint32_t b)
{
    uint32_t at = factum_json_first(diff->a, a);
    uint32_t other = factum_json_first(diff->b, b);
    while (at != FACTUM_JSON_NONE || other != FACTUM_JSON_NONE) {
        if (other == FACTUM_JSON_NONE) {
            report_difference(diff, diff->a, at, factum_json_raw(diff->a, at), nothing);
        } else if (at == FACTUM_JSON_NONE) {
            report_difference(diff, diff->b, other, nothing, factum_json_raw(diff->b, other));
        } else {
            compare(diff, at, other);
        }
        at = at == FACTUM_JSON_NONE ? at : factum_json_next(diff->a, a, at);
        other = other == FACTUM_JSON_NONE ? other : factum_json_next(diff->b, b, other);
    }
}

static void compare(struct diff *diff, uint32_t a, uint32_t b)
{
    factum_json_kind kind = factum_json_kind_of(diff->a, a);
    bool equal = false;
    if (factum_json_equal(diff->a, a, diff->b, b, &equal) == FACTUM_OK && equal) {
        return;
    }
    if (kind != factum_json_kind_of(diff->b, b) ||
        (kind != FACTUM_JSON_OBJECT && kind != FACTUM_JSON_ARRAY)) {
        report_difference(diff, diff->a, a, factum_json_raw(diff->a, a),
                          factum_json_raw(diff->b, b));
    } else if (kind == FACTUM_JSON_OBJECT) {
        compare_objects(diff, a, b);
    } else {
        compare_arrays(diff, a, b);
    }
}

size_t json_diff(const factum_json *a, const factum_json *b, json_diff_found found, void *data)
{
    struct diff diff = {.a = a, .b = b, .found = found, .data = data};
    compare(&diff, FACTUM_JSON_ROOT, FACTUM_JSON_ROOT);
    return diff.count;
}
