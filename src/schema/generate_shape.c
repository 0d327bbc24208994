/* generate_shape.c - the C shape of a schema: a text, a list, a struct, a union, or any JSON.
 * Layer: schema.
 *
 * Looks at one schema and its allOf, anyOf and oneOf, not at the schemas of its members. If no
 * single C type fits all that the schema allows, the value stays JSON, and a remark says why.
 */
#include "schema/generate_int.h"

#include <string.h>

#include "core/slice.h"

enum {
    IS_NULL = 1,
    IS_BOOL = 2,
    IS_INTEGER = 4,
    IS_NUMBER = 8,
    IS_TEXT = 16,
    IS_ARRAY = 32,
    IS_OBJECT = 64,
    IS_ANY = 127,
};

static unsigned bits_of_type(const factum_json *json, uint32_t node)
{
    static const struct {
        const char *name;
        unsigned bits;
    } types[] = {
        {"null", IS_NULL},     {"boolean", IS_BOOL}, {"integer", IS_INTEGER},
        {"string", IS_TEXT},   {"array", IS_ARRAY},  {"number", IS_NUMBER | IS_INTEGER},
        {"object", IS_OBJECT},
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (factum_json_kind_of(json, node) == FACTUM_JSON_TEXT &&
            factum_json_text_is(json, node, factum_slice_from(types[i].name))) {
            return types[i].bits;
        }
    }
    return 0;
}

/* The types that one schema's "type" allows. */
static unsigned types_of(const struct fct_gen *gen, uint32_t node)
{
    const factum_json *json = &gen->doc->json;
    uint32_t type = fct_gen_key(gen, node, "type");
    if (type == FACTUM_JSON_NONE) {
        return IS_ANY;
    }
    if (factum_json_kind_of(json, type) != FACTUM_JSON_ARRAY) {
        return bits_of_type(json, type);
    }
    unsigned bits = 0;
    for (uint32_t at = factum_json_first(json, type); at != FACTUM_JSON_NONE;
         at = factum_json_next(json, type, at)) {
        bits |= bits_of_type(json, at);
    }
    return bits;
}

/* The first of the parts with the keyword; *count is the number of parts with it. */
static uint32_t first_with(const struct fct_gen *gen, const struct fct_gen_parts *parts,
                           const char *key, uint32_t *count)
{
    uint32_t found = FACTUM_JSON_NONE;
    *count = 0;
    for (uint32_t i = 0; i < parts->count; i++) {
        uint32_t value = fct_gen_key(gen, parts->nodes[i], key);
        if (value != FACTUM_JSON_NONE) {
            found = *count == 0 ? value : found;
            (*count)++;
        }
    }
    return found;
}

static bool any_has(const struct fct_gen *gen, const struct fct_gen_parts *parts, const char *key)
{
    uint32_t count;
    return first_with(gen, parts, key, &count) != FACTUM_JSON_NONE;
}

/* ---- constants and enums --------------------------------------------------------------------- */

uint32_t fct_gen_constant(const struct fct_gen *gen, uint32_t node)
{
    const factum_json *json = &gen->doc->json;
    uint32_t value = fct_gen_key(gen, node, "const");
    uint32_t list = fct_gen_key(gen, node, "enum");
    if (value == FACTUM_JSON_NONE && list != FACTUM_JSON_NONE &&
        factum_json_kind_of(json, list) == FACTUM_JSON_ARRAY &&
        factum_json_count(json, list) == 1) {
        value = factum_json_first(json, list);
    }
    if (value == FACTUM_JSON_NONE) {
        return value;
    }
    factum_json_kind kind = factum_json_kind_of(json, value);
    return kind == FACTUM_JSON_ARRAY || kind == FACTUM_JSON_OBJECT ? FACTUM_JSON_NONE : value;
}

/* An enum of texts (and null), or of whole numbers; otherwise the value stays JSON. */
static void shape_of_enum(const struct fct_gen *gen, uint32_t list, struct fct_gen_shape *shape)
{
    const factum_json *json = &gen->doc->json;
    uint32_t texts = 0;
    uint32_t whole = 0;
    uint32_t others = 0;
    shape->values = list;
    for (uint32_t at = factum_json_first(json, list); at != FACTUM_JSON_NONE;
         at = factum_json_next(json, list, at)) {
        factum_json_kind kind = factum_json_kind_of(json, at);
        int64_t number;
        if (kind == FACTUM_JSON_TEXT) {
            texts++;
        } else if (kind == FACTUM_JSON_NUMBER &&
                   factum_json_to_int64(json, at, &number) == FACTUM_OK) {
            whole++;
        } else if (kind == FACTUM_JSON_NULL) {
            shape->nullable = true;
        } else {
            others++;
        }
    }
    if (texts > 0 && texts <= FACTUM_GENERATE_VALUES_MAX && whole + others == 0) {
        shape->kind = FCT_GEN_ENUM;
    } else if (whole > 0 && texts + others == 0) {
        shape->kind = FCT_GEN_INT64;
        shape->remark = "one of a few whole numbers";
    } else {
        shape->nullable = false;
        shape->remark = "an enum of different kinds of values";
    }
}

/* ---- members --------------------------------------------------------------------------------- */

uint32_t fct_gen_property(struct fct_gen *gen, const struct fct_gen_parts *parts, factum_slice name)
{
    uint32_t first = FACTUM_JSON_NONE;
    for (uint32_t i = 0; i < parts->count; i++) {
        struct fct_gen_target target;
        uint32_t properties = fct_gen_key(gen, parts->nodes[i], "properties");
        uint32_t found = properties == FACTUM_JSON_NONE
                             ? properties
                             : factum_json_find(&gen->doc->json, properties, name);
        if (found != FACTUM_JSON_NONE && fct_gen_follow(gen, found, &target) == FACTUM_OK &&
            target.open == NULL && fct_gen_constant(gen, target.node) != FACTUM_JSON_NONE) {
            return found;
        }
        first = first == FACTUM_JSON_NONE ? found : first;
    }
    return first;
}

bool fct_gen_requires(const struct fct_gen *gen, const struct fct_gen_parts *parts,
                      factum_slice name)
{
    const factum_json *json = &gen->doc->json;
    for (uint32_t i = 0; i < parts->count; i++) {
        uint32_t list = fct_gen_key(gen, parts->nodes[i], "required");
        uint32_t at = list == FACTUM_JSON_NONE ? list : factum_json_first(json, list);
        for (; at != FACTUM_JSON_NONE; at = factum_json_next(json, list, at)) {
            if (factum_json_kind_of(json, at) == FACTUM_JSON_TEXT &&
                factum_json_text_is(json, at, name)) {
                return true;
            }
        }
    }
    return false;
}

/* ---- anyOf and oneOf ------------------------------------------------------------------------- */

/* The schemas of an anyOf or oneOf that do more than require members. */
struct branches {
    uint32_t *nodes;
    uint32_t count;
    bool null;        /* one of them is null */
    bool too_many;    /* over FACTUM_GENERATE_VALUES_MAX */
    const char *open; /* why one of them cannot be followed */
};

static bool is_null_schema(const struct fct_gen *gen, uint32_t node)
{
    uint32_t constant = fct_gen_constant(gen, node);
    bool always_null = constant != FACTUM_JSON_NONE &&
                       factum_json_kind_of(&gen->doc->json, constant) == FACTUM_JSON_NULL;
    return always_null || types_of(gen, node) == IS_NULL;
}

/* Does the schema only require members? */
static bool only_requires(const struct fct_gen *gen, uint32_t node)
{
    static const char *const keys[] = {
        "$ref",  "type",  "properties", "items", "enum",
        "const", "allOf", "anyOf",      "oneOf", "additionalProperties"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (fct_gen_key(gen, node, keys[i]) != FACTUM_JSON_NONE) {
            return false;
        }
    }
    return factum_json_kind_of(&gen->doc->json, node) == FACTUM_JSON_OBJECT;
}

static factum_status take_branches(struct fct_gen *gen, uint32_t list, struct branches *branches)
{
    const factum_json *json = &gen->doc->json;
    uint32_t at = factum_json_first(json, list);
    for (; at != FACTUM_JSON_NONE; at = factum_json_next(json, list, at)) {
        struct fct_gen_target target;
        factum_status status = fct_gen_follow(gen, at, &target);
        if (status != FACTUM_OK) {
            return status;
        }
        branches->open = target.open != NULL ? target.open : branches->open;
        if (is_null_schema(gen, target.node)) {
            branches->null = true;
        } else if (branches->count == FACTUM_GENERATE_VALUES_MAX) {
            branches->too_many = true;
        } else {
            branches->nodes[branches->count++] = at;
        }
    }
    return FACTUM_OK;
}

/* Do all branches only require members? */
static bool only_limits(const struct fct_gen *gen, const struct branches *branches)
{
    for (uint32_t i = 0; i < branches->count; i++) {
        if (!only_requires(gen, branches->nodes[i])) {
            return false;
        }
    }
    return !branches->null && !branches->too_many;
}

/* Is each branch a constant text? */
static bool all_are_texts(const struct fct_gen *gen, const uint32_t *nodes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t value = fct_gen_constant(gen, nodes[i]);
        if (value == FACTUM_JSON_NONE ||
            factum_json_kind_of(&gen->doc->json, value) != FACTUM_JSON_TEXT) {
            return false;
        }
    }
    return count > 0;
}

factum_status fct_gen_branch(struct fct_gen *gen, const struct fct_gen_parts *base, uint32_t branch,
                             struct fct_gen_parts *parts)
{
    struct fct_gen_target target;
    factum_status status = fct_gen_follow(gen, branch, &target);
    *parts = *base;
    return status != FACTUM_OK ? status : fct_gen_add_parts(gen, target.node, parts, 0);
}

/* The constant text of the member |tag| of an object of these parts, if it is required too. */
static uint32_t tag_of(struct fct_gen *gen, const struct fct_gen_parts *parts, factum_slice tag)
{
    struct fct_gen_target target;
    uint32_t schema = fct_gen_property(gen, parts, tag);
    if (schema == FACTUM_JSON_NONE || !fct_gen_requires(gen, parts, tag) ||
        fct_gen_follow(gen, schema, &target) != FACTUM_OK || target.open != NULL) {
        return FACTUM_JSON_NONE;
    }
    uint32_t value = fct_gen_constant(gen, target.node);
    return value != FACTUM_JSON_NONE &&
                   factum_json_kind_of(&gen->doc->json, value) == FACTUM_JSON_TEXT
               ? value
               : FACTUM_JSON_NONE;
}

/* Does the value of |tag| differ between all branches? */
static factum_status is_tag(struct fct_gen *gen, const struct fct_gen_shape *shape,
                            factum_slice tag, bool *good)
{
    const factum_json *json = &gen->doc->json;
    uint32_t values[FACTUM_GENERATE_VALUES_MAX];
    *good = false;
    for (uint32_t i = 0; i < shape->branch_count; i++) {
        struct fct_gen_parts parts;
        factum_status status = fct_gen_branch(gen, &shape->parts, shape->branches[i], &parts);
        if (status != FACTUM_OK) {
            return status;
        }
        values[i] = parts.open == NULL ? tag_of(gen, &parts, tag) : FACTUM_JSON_NONE;
        if (values[i] == FACTUM_JSON_NONE) {
            return FACTUM_OK;
        }
        for (uint32_t k = 0; k < i; k++) {
            bool equal = true;
            if (factum_json_equal(json, values[i], json, values[k], &equal) != FACTUM_OK || equal) {
                return FACTUM_OK;
            }
        }
    }
    *good = true;
    return FACTUM_OK;
}

/* Are all branches objects without a choice of their own? */
static factum_status are_objects(struct fct_gen *gen, const struct fct_gen_shape *shape,
                                 bool *objects)
{
    *objects = false;
    for (uint32_t i = 0; i < shape->branch_count; i++) {
        struct fct_gen_parts parts;
        unsigned types = IS_ANY;
        factum_status status = fct_gen_branch(gen, &shape->parts, shape->branches[i], &parts);
        if (status != FACTUM_OK) {
            return status;
        }
        for (uint32_t k = shape->parts.count; k < parts.count; k++) {
            if (fct_gen_key(gen, parts.nodes[k], "anyOf") != FACTUM_JSON_NONE ||
                fct_gen_key(gen, parts.nodes[k], "oneOf") != FACTUM_JSON_NONE) {
                return FACTUM_OK;
            }
        }
        for (uint32_t k = 0; k < parts.count; k++) {
            types &= types_of(gen, parts.nodes[k]);
        }
        if ((types & IS_OBJECT) == 0 || (types != IS_OBJECT && types != IS_ANY)) {
            return FACTUM_OK;
        }
    }
    *objects = true;
    return FACTUM_OK;
}

/* Several branches: an enum of their texts, a union by a tag, or JSON. */
static factum_status shape_of_choice(struct fct_gen *gen, struct fct_gen_shape *shape)
{
    const factum_json *json = &gen->doc->json;
    struct fct_gen_parts first;
    bool good = false;
    if (all_are_texts(gen, shape->branches, shape->branch_count)) {
        shape->kind = FCT_GEN_ENUM;
        return FACTUM_OK;
    }
    shape->remark = "one of several schemas, without a member that tells which";
    factum_status status = are_objects(gen, shape, &good);
    if (status != FACTUM_OK || !good) {
        return status;
    }
    status = fct_gen_branch(gen, &shape->parts, shape->branches[0], &first);
    for (uint32_t i = 0; status == FACTUM_OK && i < first.count; i++) {
        uint32_t object = fct_gen_key(gen, first.nodes[i], "properties");
        uint32_t at = object == FACTUM_JSON_NONE ? object : factum_json_first(json, object);
        for (; at != FACTUM_JSON_NONE; at = factum_json_next(json, object, at)) {
            factum_slice tag;
            if (fct_gen_text(gen, at, &tag) != FACTUM_OK ||
                tag_of(gen, &first, tag) == FACTUM_JSON_NONE ||
                memchr(tag.ptr, '\0', tag.len) != NULL) {
                continue;
            }
            status = is_tag(gen, shape, tag, &good);
            if (status != FACTUM_OK) {
                return status;
            }
            if (good) {
                shape->kind = FCT_GEN_UNION;
                shape->tag = tag;
                shape->remark = NULL;
                return FACTUM_OK;
            }
        }
    }
    return status;
}

/* ---- plain types ----------------------------------------------------------------------------- */

/* Is a maximum above that of int64, and a minimum at least 0? */
static bool is_unsigned(const struct fct_gen *gen, const struct fct_gen_parts *parts)
{
    const factum_json *json = &gen->doc->json;
    bool positive = false;
    bool large = false;
    for (uint32_t i = 0; i < parts->count; i++) {
        uint32_t least = fct_gen_key(gen, parts->nodes[i], "minimum");
        uint32_t most = fct_gen_key(gen, parts->nodes[i], "maximum");
        if (least != FACTUM_JSON_NONE && factum_json_kind_of(json, least) == FACTUM_JSON_NUMBER) {
            positive = positive || factum_json_compare_numbers(factum_json_raw(json, least),
                                                               FCT_SLICE("0")) >= 0;
        }
        if (most != FACTUM_JSON_NONE && factum_json_kind_of(json, most) == FACTUM_JSON_NUMBER) {
            large = large || factum_json_compare_numbers(factum_json_raw(json, most),
                                                         FCT_SLICE("9223372036854775807")) > 0;
        }
    }
    return positive && large;
}

static void shape_of_array(const struct fct_gen *gen, struct fct_gen_shape *shape)
{
    uint32_t count;
    uint32_t items = first_with(gen, &shape->parts, "items", &count);
    bool tuple = any_has(gen, &shape->parts, "prefixItems") ||
                 (items != FACTUM_JSON_NONE &&
                  factum_json_kind_of(&gen->doc->json, items) == FACTUM_JSON_ARRAY);
    if (tuple || count > 1) {
        shape->remark =
            tuple ? "an array with a schema for each place" : "several schemas of items";
        return;
    }
    shape->kind = FCT_GEN_LIST;
    shape->items = items;
}

static void shape_of_object(const struct fct_gen *gen, struct fct_gen_shape *shape)
{
    uint32_t count;
    uint32_t others = first_with(gen, &shape->parts, "additionalProperties", &count);
    bool patterns = any_has(gen, &shape->parts, "patternProperties");
    uint32_t properties = first_with(gen, &shape->parts, "properties", &(uint32_t){0});
    bool named =
        any_has(gen, &shape->parts, "required") ||
        (properties != FACTUM_JSON_NONE && factum_json_count(&gen->doc->json, properties) > 0);
    bool closed = others != FACTUM_JSON_NONE &&
                  factum_json_kind_of(&gen->doc->json, others) == FACTUM_JSON_FALSE;
    if (named || (closed && !patterns)) {
        shape->kind = FCT_GEN_STRUCT;
    } else if (others != FACTUM_JSON_NONE && count == 1 && !patterns &&
               factum_json_kind_of(&gen->doc->json, others) == FACTUM_JSON_OBJECT) {
        shape->kind = FCT_GEN_MAP;
        shape->items = others;
    } else {
        shape->remark = "an object whose members the schema does not name";
    }
}

static void shape_of_text(const struct fct_gen *gen, struct fct_gen_shape *shape)
{
    uint32_t count;
    uint32_t format = first_with(gen, &shape->parts, "format", &count);
    shape->kind = FCT_GEN_TEXT;
    if (format != FACTUM_JSON_NONE &&
        factum_json_kind_of(&gen->doc->json, format) == FACTUM_JSON_TEXT &&
        factum_json_text_is(&gen->doc->json, format, FCT_SLICE("date-time"))) {
        shape->remark = "RFC 3339: factum_time_parse";
    }
}

/* The types that keywords imply for a schema without "type". */
static unsigned implied_types(const struct fct_gen *gen, const struct fct_gen_parts *parts)
{
    bool object = any_has(gen, parts, "properties") || any_has(gen, parts, "required") ||
                  any_has(gen, parts, "additionalProperties") ||
                  any_has(gen, parts, "patternProperties");
    bool array = any_has(gen, parts, "items") || any_has(gen, parts, "prefixItems");
    return object == array ? IS_ANY : object ? IS_OBJECT : IS_ARRAY;
}

static void shape_by_type(const struct fct_gen *gen, struct fct_gen_shape *shape)
{
    unsigned types = IS_ANY;
    for (uint32_t i = 0; i < shape->parts.count; i++) {
        types &= types_of(gen, shape->parts.nodes[i]);
    }
    types = types == IS_ANY ? implied_types(gen, &shape->parts) : types;
    bool nullable = shape->nullable || (types & IS_NULL) != 0;
    switch (types & ~(unsigned)IS_NULL) {
    case IS_BOOL:
        shape->kind = FCT_GEN_BOOL;
        break;
    case IS_INTEGER:
        shape->kind = is_unsigned(gen, &shape->parts) ? FCT_GEN_UINT64 : FCT_GEN_INT64;
        break;
    case IS_NUMBER:
    case IS_NUMBER | IS_INTEGER:
        shape->kind = FCT_GEN_NUMBER;
        break;
    case IS_TEXT:
        shape_of_text(gen, shape);
        break;
    case IS_ARRAY:
        shape_of_array(gen, shape);
        break;
    case IS_OBJECT:
        shape_of_object(gen, shape);
        break;
    default:
        shape->remark = types == IS_ANY ? NULL : "several types";
        break;
    }
    shape->nullable = nullable && shape->kind != FCT_GEN_JSON;
}

/* ---- one schema ------------------------------------------------------------------------------ */

/* The anyOf or oneOf of the parts that does more than limit; *list is FACTUM_JSON_NONE if no part
 * has one. Several set shape->remark. */
static factum_status find_choice(struct fct_gen *gen, struct fct_gen_shape *shape,
                                 struct branches *branches, uint32_t *list)
{
    static const char *const keys[] = {"oneOf", "anyOf"};
    *list = FACTUM_JSON_NONE;
    for (uint32_t i = 0; i < shape->parts.count * 2; i++) {
        struct branches some = {.nodes = branches->nodes};
        uint32_t found = fct_gen_key(gen, shape->parts.nodes[i / 2], keys[i % 2]);
        if (found == FACTUM_JSON_NONE ||
            factum_json_kind_of(&gen->doc->json, found) != FACTUM_JSON_ARRAY) {
            continue;
        }
        if (*list != FACTUM_JSON_NONE) {
            shape->remark = "several of anyOf and oneOf";
            return FACTUM_OK;
        }
        factum_status status = take_branches(gen, found, &some);
        if (status != FACTUM_OK) {
            return status;
        }
        if (!only_limits(gen, &some)) {
            *list = found;
            *branches = some;
        }
    }
    return FACTUM_OK;
}

/* Has |node| more than its anyOf or oneOf? */
static bool says_more(const struct fct_gen *gen, const struct fct_gen_parts *parts)
{
    static const char *const keys[] = {
        "type",  "properties", "patternProperties",   "required", "items", "prefixItems", "enum",
        "const", "allOf",      "additionalProperties"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (any_has(gen, parts, keys[i])) {
            return true;
        }
    }
    return parts->count > 1;
}

/* The shape from an anyOf or oneOf: *done if that decides it. */
static factum_status shape_by_choice(struct fct_gen *gen, struct fct_gen_shape *shape, bool *done)
{
    struct branches branches = {.nodes = shape->branches};
    uint32_t list;
    factum_status status = find_choice(gen, shape, &branches, &list);
    *done = status != FACTUM_OK || shape->remark != NULL;
    if (*done || list == FACTUM_JSON_NONE) {
        return status;
    }
    shape->branch_count = branches.count;
    shape->nullable = branches.null;
    *done = true;
    if (branches.too_many || branches.open != NULL || branches.count == 0) {
        shape->remark = branches.too_many ? "a choice of more than 512 schemas" : branches.open;
        shape->nullable = false;
        return FACTUM_OK;
    }
    if (branches.count == 1 && !says_more(gen, &shape->parts)) {
        shape->pass = shape->branches[0];
        return FACTUM_OK;
    }
    if (branches.count == 1) {
        *done = false;
        struct fct_gen_parts parts;
        status = fct_gen_branch(gen, &shape->parts, shape->branches[0], &parts);
        shape->parts = parts;
        return status;
    }
    status = shape_of_choice(gen, shape);
    shape->nullable = shape->nullable && shape->kind != FCT_GEN_JSON;
    return status;
}

factum_status fct_gen_shape(struct fct_gen *gen, uint32_t node, struct fct_gen_shape *shape)
{
    bool done = false;
    *shape = (struct fct_gen_shape){
        .pass = FACTUM_JSON_NONE, .values = FACTUM_JSON_NONE, .items = FACTUM_JSON_NONE};
    factum_status status = fct_gen_add_parts(gen, node, &shape->parts, 0);
    if (status == FACTUM_OK && shape->parts.open == NULL) {
        status = shape_by_choice(gen, shape, &done);
    }
    if (status != FACTUM_OK || done) {
        return status;
    }
    if (shape->parts.open != NULL) {
        shape->remark = shape->parts.open;
        return FACTUM_OK;
    }
    uint32_t lists;
    uint32_t constants;
    uint32_t list = first_with(gen, &shape->parts, "enum", &lists);
    (void)first_with(gen, &shape->parts, "const", &constants);
    if (lists + constants > 1) {
        shape->remark = "several of enum and const";
    } else if (lists == 1 && factum_json_kind_of(&gen->doc->json, list) == FACTUM_JSON_ARRAY) {
        shape_of_enum(gen, list, shape);
    } else if (constants + lists == 1) {
        shape->remark = "a constant";
    } else {
        shape_by_type(gen, shape);
    }
    return FACTUM_OK;
}
