/* shape.c - see shape.h. Layer: projection.
 *
 * A value is described by a schema and by all schemas that apply to the same place: those of "$ref"
 * and "allOf", and one of "anyOf" and "oneOf". A view is what they say together about one value:
 * which types it may have, and what is at the rest of the path from there on. Views of schemas that
 * all apply are intersected (shape_meet), those of alternatives are joined (shape_union). A keyword
 * that is not understood is left out, which can only make a view wider. So "no value is possible"
 * is certain.
 *
 * Invariants:
 * 1. Recursion ends at FCT_SHAPE_DEPTH_MAX; each visited member is a step.
 * 2. After |lost| no view means anything, and the answer is "any type, perhaps".
 */
#include "projection/shape.h"

#include <stdio.h>
#include <string.h>

#include "core/nearest.h"
#include "core/slice.h"

#define SHAPE_KEYWORD_LIST(X)                                                                      \
    X(TYPE, "type")                                                                                \
    X(CONST, "const")                                                                              \
    X(ENUM, "enum")                                                                                \
    X(PROPERTIES, "properties")                                                                    \
    X(PATTERN_PROPERTIES, "patternProperties")                                                     \
    X(ADDITIONAL_PROPERTIES, "additionalProperties")                                               \
    X(UNEVALUATED_PROPERTIES, "unevaluatedProperties")                                             \
    X(REQUIRED, "required")                                                                        \
    X(ITEMS, "items")                                                                              \
    X(PREFIX_ITEMS, "prefixItems")                                                                 \
    X(ADDITIONAL_ITEMS, "additionalItems")                                                         \
    X(MIN_ITEMS, "minItems")                                                                       \
    X(MAX_ITEMS, "maxItems")                                                                       \
    X(REF, "$ref")                                                                                 \
    X(DYNAMIC_REF, "$dynamicRef")                                                                  \
    X(RECURSIVE_REF, "$recursiveRef")                                                              \
    X(ALL_OF, "allOf")                                                                             \
    X(ANY_OF, "anyOf")                                                                             \
    X(ONE_OF, "oneOf")                                                                             \
    X(IF, "if")                                                                                    \
    X(DEPENDENT_SCHEMAS, "dependentSchemas")                                                       \
    X(DEPENDENCIES, "dependencies")

enum shape_keyword {
#define SHAPE_KEYWORD_ENUM(name, text) SHAPE_##name,
    SHAPE_KEYWORD_LIST(SHAPE_KEYWORD_ENUM)
#undef SHAPE_KEYWORD_ENUM
        SHAPE_KEYWORD_COUNT
};

static const char *const shape_keywords[] = {
#define SHAPE_KEYWORD_TEXT(name, text) text,
    SHAPE_KEYWORD_LIST(SHAPE_KEYWORD_TEXT)
#undef SHAPE_KEYWORD_TEXT
};

/* One question: about the first |count| steps of the path. */
struct shape_walk {
    struct fct_shape_source *source;
    const struct fct_path *path;
    uint32_t count;
    unsigned depth;
    bool lost;
    /* Of the object that the last step looks into: */
    bool lists; /* its schemas list members, */
    bool named; /* the member of the step is one of them, */
    bool open;  /* others are allowed */
    /* Of all such objects: */
    bool strange;                /* the member is not listed in one, */
    bool known;                  /* it is listed or allowed in one, */
    bool found;                  /* it is listed in one */
    struct fct_nearest *nearest; /* NULL: similar names, which take long, are not wanted */
};

/* What is known of a value, |step| steps into the path. */
struct shape_view {
    unsigned self; /* its types; 0: no value is possible */
    bool has;      /* if the value has the needed type, the step finds something */
    unsigned rest; /* the types at the end of the path, if the step finds something */
    bool always;   /* then a value is always at the end of the path */
};

static const struct shape_view shape_unknown = {.self = FCT_SHAPE_ANY, .rest = FCT_SHAPE_ANY};

static struct shape_view shape_see(struct shape_walk *walk, uint32_t node, uint32_t step);

/* ---- the schema as JSON ---------------------------------------------------------------------- */

static const factum_json *shape_json(const struct shape_walk *walk)
{
    return walk->source->json;
}

/* Counts a step. False: too many. */
static bool shape_step(struct shape_walk *walk)
{
    if (walk->source->steps_left == 0) {
        walk->lost = true;
        return false;
    }
    walk->source->steps_left--;
    return !walk->lost;
}

/* The first member or item of |container|, and the next ones; NONE: no more. The node of a member
 * is that of its name. */
static uint32_t shape_first(struct shape_walk *walk, uint32_t container)
{
    return shape_step(walk) ? factum_json_first(shape_json(walk), container) : FACTUM_JSON_NONE;
}

static uint32_t shape_next(struct shape_walk *walk, uint32_t container, uint32_t at)
{
    return shape_step(walk) ? factum_json_next(shape_json(walk), container, at) : FACTUM_JSON_NONE;
}

static bool shape_is(const struct shape_walk *walk, uint32_t node, factum_json_kind kind)
{
    return node != FACTUM_JSON_NONE && factum_json_kind_of(shape_json(walk), node) == kind;
}

/* The value of the member |name|, as factum_json_find. */
static uint32_t shape_member(struct shape_walk *walk, uint32_t object, factum_slice name)
{
    uint32_t found = FACTUM_JSON_NONE;
    if (!shape_is(walk, object, FACTUM_JSON_OBJECT)) {
        return found;
    }
    for (uint32_t at = shape_first(walk, object); at != FACTUM_JSON_NONE;
         at = shape_next(walk, object, at)) {
        if (factum_json_text_is(shape_json(walk), at, name)) {
            found = at + 1;
        }
    }
    return found;
}

static uint32_t shape_item(struct shape_walk *walk, uint32_t array, uint64_t number)
{
    if (!shape_is(walk, array, FACTUM_JSON_ARRAY)) {
        return FACTUM_JSON_NONE;
    }
    uint32_t at = shape_first(walk, array);
    for (uint64_t i = 0; i < number && at != FACTUM_JSON_NONE; i++) {
        at = shape_next(walk, array, at);
    }
    return at;
}

static void shape_read(struct shape_walk *walk, uint32_t schema,
                       uint32_t keywords[SHAPE_KEYWORD_COUNT])
{
    for (size_t i = 0; i < SHAPE_KEYWORD_COUNT; i++) {
        keywords[i] = FACTUM_JSON_NONE;
    }
    for (uint32_t at = shape_first(walk, schema); at != FACTUM_JSON_NONE;
         at = shape_next(walk, schema, at)) {
        for (size_t i = 0; i < SHAPE_KEYWORD_COUNT; i++) {
            if (factum_json_text_is(shape_json(walk), at, factum_slice_from(shape_keywords[i]))) {
                keywords[i] = at + 1;
            }
        }
    }
    if (!walk->source->prefix_items) {
        keywords[SHAPE_PREFIX_ITEMS] = FACTUM_JSON_NONE;
    }
}

static uint64_t shape_number(const struct shape_walk *walk, uint32_t node, uint64_t otherwise)
{
    uint64_t number;
    return node != FACTUM_JSON_NONE &&
                   factum_json_to_uint64(shape_json(walk), node, &number) == FACTUM_OK
               ? number
               : otherwise;
}

/* ---- views ----------------------------------------------------------------------------------- */

/* The view of a value that both views describe. */
static struct shape_view shape_meet(struct shape_view a, struct shape_view b)
{
    return (struct shape_view){.self = a.self & b.self,
                               .has = a.has || b.has,
                               .rest = a.rest & b.rest,
                               .always = a.always || b.always};
}

/* The type that the step needs. */
static unsigned shape_needed(const struct shape_walk *walk, uint32_t step)
{
    return walk->path->steps[step].kind == FCT_PATH_MEMBER ? FCT_SHAPE_OBJECT : FCT_SHAPE_ARRAY;
}

/* Completes a view after all schemas that apply to the value were intersected: sets |has|. */
static struct shape_view shape_close(const struct shape_walk *walk, struct shape_view view,
                                     uint32_t step)
{
    if (step == walk->count) {
        view.rest = view.self;
        view.always = view.self != 0;
        return view;
    }
    unsigned needed = shape_needed(walk, step);
    view.rest = (view.self & needed) != 0 ? view.rest : 0;
    view.always = view.always && view.has && view.self == needed && view.rest != 0;
    return view;
}

/* Does the last step look for a member of the value after |step| steps? */
static bool shape_is_last(const struct shape_walk *walk, uint32_t step)
{
    return step + 1 == walk->count && walk->path->steps[step].kind == FCT_PATH_MEMBER;
}

/* The view of a value on its own. Notes whether the last step's member is listed in it. */
/* NOLINTNEXTLINE(misc-no-recursion): by FCT_SHAPE_DEPTH_MAX */
static struct shape_view shape_see_closed(struct shape_walk *walk, uint32_t node, uint32_t step)
{
    if (!shape_is_last(walk, step)) {
        return shape_close(walk, shape_see(walk, node, step), step);
    }
    walk->lists = false;
    walk->named = false;
    walk->open = false;
    struct shape_view view = shape_see(walk, node, step);
    bool known = walk->named || walk->open || !walk->lists;
    walk->found = walk->found || walk->named;
    if ((view.self & FCT_SHAPE_OBJECT) != 0) {
        walk->known = walk->known || known;
        walk->strange = walk->strange || !known;
    }
    return shape_close(walk, view, step);
}

/* ---- types ----------------------------------------------------------------------------------- */

static unsigned shape_type_named(const struct shape_walk *walk, uint32_t node)
{
    static const struct {
        const char *name;
        unsigned types;
    } names[] = {{"null", FCT_SHAPE_NULL},       {"boolean", FCT_SHAPE_BOOLEAN},
                 {"integer", FCT_SHAPE_INTEGER}, {"number", FCT_SHAPE_INTEGER | FCT_SHAPE_NUMBER},
                 {"string", FCT_SHAPE_TEXT},     {"array", FCT_SHAPE_ARRAY},
                 {"object", FCT_SHAPE_OBJECT}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (factum_json_text_is(shape_json(walk), node, factum_slice_from(names[i].name))) {
            return names[i].types;
        }
    }
    return FCT_SHAPE_ANY;
}

static unsigned shape_type_of_value(const struct shape_walk *walk, uint32_t node)
{
    switch (factum_json_kind_of(shape_json(walk), node)) {
    case FACTUM_JSON_NULL:
        return FCT_SHAPE_NULL;
    case FACTUM_JSON_FALSE:
    case FACTUM_JSON_TRUE:
        return FCT_SHAPE_BOOLEAN;
    case FACTUM_JSON_NUMBER: /* for a schema 1 and 1.0 are equal */
        return factum_json_is_whole(shape_json(walk), node) ? FCT_SHAPE_INTEGER : FCT_SHAPE_NUMBER;
    case FACTUM_JSON_TEXT:
        return FCT_SHAPE_TEXT;
    case FACTUM_JSON_ARRAY:
        return FCT_SHAPE_ARRAY;
    case FACTUM_JSON_OBJECT:
        break;
    }
    return FCT_SHAPE_OBJECT;
}

/* The union of the types of the items of |array|. */
static unsigned shape_types_in(struct shape_walk *walk, uint32_t array,
                               unsigned (*type_of)(const struct shape_walk *walk, uint32_t node))
{
    unsigned types = 0;
    for (uint32_t at = shape_first(walk, array); at != FACTUM_JSON_NONE;
         at = shape_next(walk, array, at)) {
        types |= type_of(walk, at);
    }
    return types;
}

static unsigned shape_types(struct shape_walk *walk, const uint32_t *keywords)
{
    unsigned types = FCT_SHAPE_ANY;
    uint32_t type = keywords[SHAPE_TYPE];
    if (shape_is(walk, type, FACTUM_JSON_TEXT)) {
        types &= shape_type_named(walk, type);
    } else if (shape_is(walk, type, FACTUM_JSON_ARRAY)) {
        types &= shape_types_in(walk, type, shape_type_named);
    }
    if (keywords[SHAPE_CONST] != FACTUM_JSON_NONE) {
        types &= shape_type_of_value(walk, keywords[SHAPE_CONST]);
    }
    if (shape_is(walk, keywords[SHAPE_ENUM], FACTUM_JSON_ARRAY)) {
        types &= shape_types_in(walk, keywords[SHAPE_ENUM], shape_type_of_value);
    }
    return types;
}

/* ---- members --------------------------------------------------------------------------------- */

static factum_slice shape_name(const struct shape_walk *walk, uint32_t step)
{
    const struct fct_path_step *member = &walk->path->steps[step];
    return fct_slice(walk->path->names + member->start, member->len);
}

static bool shape_requires(struct shape_walk *walk, uint32_t required, factum_slice name)
{
    bool found = false;
    if (!shape_is(walk, required, FACTUM_JSON_ARRAY)) {
        return false;
    }
    for (uint32_t at = shape_first(walk, required); at != FACTUM_JSON_NONE;
         at = shape_next(walk, required, at)) {
        found = found || factum_json_text_is(shape_json(walk), at, name);
    }
    return found;
}

/* Searches the listed members, on the last step for similar names too. */
static uint32_t shape_listed(struct shape_walk *walk, uint32_t properties, factum_slice name,
                             bool last)
{
    uint32_t found = FACTUM_JSON_NONE;
    if (!shape_is(walk, properties, FACTUM_JSON_OBJECT)) {
        return found;
    }
    for (uint32_t at = shape_first(walk, properties); at != FACTUM_JSON_NONE;
         at = shape_next(walk, properties, at)) {
        if (factum_json_text_is(shape_json(walk), at, name)) {
            found = at + 1;
        } else if (last && walk->nearest != NULL && !factum_json_is_escaped(shape_json(walk), at)) {
            fct_nearest_offer(walk->nearest, factum_json_inside(shape_json(walk), at));
        }
        walk->lists = walk->lists || last;
    }
    walk->named = walk->named || (last && found != FACTUM_JSON_NONE);
    return found;
}

/* Does a keyword allow members that are not listed, or could it? */
static bool shape_is_open(const struct shape_walk *walk, const uint32_t *keywords)
{
    static const enum shape_keyword unclear[] = {SHAPE_DYNAMIC_REF,        SHAPE_RECURSIVE_REF,
                                                 SHAPE_PATTERN_PROPERTIES, SHAPE_IF,
                                                 SHAPE_DEPENDENT_SCHEMAS,  SHAPE_DEPENDENCIES};
    static const enum shape_keyword others[] = {SHAPE_ADDITIONAL_PROPERTIES,
                                                SHAPE_UNEVALUATED_PROPERTIES};
    bool open = false;
    for (size_t i = 0; i < sizeof unclear / sizeof unclear[0]; i++) {
        open = open || keywords[unclear[i]] != FACTUM_JSON_NONE;
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        uint32_t node = keywords[others[i]];
        open = open || (node != FACTUM_JSON_NONE && !shape_is(walk, node, FACTUM_JSON_FALSE));
    }
    return open;
}

/* NOLINTNEXTLINE(misc-no-recursion): by FCT_SHAPE_DEPTH_MAX */
static struct shape_view shape_see_member(struct shape_walk *walk, const uint32_t *keywords,
                                          uint32_t step)
{
    struct shape_view view = shape_unknown;
    factum_slice name = shape_name(walk, step);
    bool last = shape_is_last(walk, step);
    uint32_t next = shape_listed(walk, keywords[SHAPE_PROPERTIES], name, last);
    walk->open = walk->open || (last && shape_is_open(walk, keywords));
    view.has = shape_requires(walk, keywords[SHAPE_REQUIRED], name);
    if (next == FACTUM_JSON_NONE && keywords[SHAPE_PATTERN_PROPERTIES] == FACTUM_JSON_NONE) {
        next = keywords[SHAPE_ADDITIONAL_PROPERTIES];
    }
    if (next == FACTUM_JSON_NONE) {
        view.always = last;
        return view;
    }
    struct shape_view after = shape_see_closed(walk, next, step + 1);
    view.rest = after.rest;
    view.always = after.always;
    return view;
}

/* ---- items ----------------------------------------------------------------------------------- */

/* The schemas of an array's items: one for each of the first items in |first|, one for all later
 * items in |others|. */
struct shape_items {
    uint32_t first;
    uint32_t others;
    uint64_t count_min;
    uint64_t count_max;
};

static struct shape_items shape_items_of(const struct shape_walk *walk, const uint32_t *keywords)
{
    struct shape_items items = {.first = keywords[SHAPE_PREFIX_ITEMS],
                                .others = keywords[SHAPE_ITEMS],
                                .count_min = shape_number(walk, keywords[SHAPE_MIN_ITEMS], 0),
                                .count_max =
                                    shape_number(walk, keywords[SHAPE_MAX_ITEMS], UINT64_MAX)};
    if (shape_is(walk, items.others, FACTUM_JSON_ARRAY)) { /* before 2020-12 */
        items.first = items.others;
        items.others = keywords[SHAPE_ADDITIONAL_ITEMS];
    }
    return items;
}

/* The view of an item that |node| describes; NONE: any value. */
/* NOLINTNEXTLINE(misc-no-recursion): by FCT_SHAPE_DEPTH_MAX */
static struct shape_view shape_see_item(struct shape_walk *walk, uint32_t node, uint32_t step)
{
    struct shape_view view = shape_unknown;
    if (node != FACTUM_JSON_NONE) {
        return shape_see_closed(walk, node, step + 1);
    }
    view.always = step + 1 == walk->count;
    return view;
}

/* NOLINTNEXTLINE(misc-no-recursion): by FCT_SHAPE_DEPTH_MAX */
static struct shape_view shape_see_index(struct shape_walk *walk, const uint32_t *keywords,
                                         uint32_t step)
{
    struct shape_items items = shape_items_of(walk, keywords);
    uint32_t index = walk->path->steps[step].index;
    uint32_t node = shape_item(walk, items.first, index);
    struct shape_view after =
        shape_see_item(walk, node == FACTUM_JSON_NONE ? items.others : node, step);
    bool possible = index < items.count_max && after.self != 0;
    return (struct shape_view){.self = FCT_SHAPE_ANY,
                               .has = index < items.count_min,
                               .rest = possible ? after.rest : 0,
                               .always = after.always};
}

/* Joins |view|, of one more item, to |all|. */
static void shape_add_item(struct shape_view *all, struct shape_view view)
{
    if (view.self != 0) {
        all->rest |= view.rest;
        all->always = all->always && view.always;
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): by FCT_SHAPE_DEPTH_MAX */
static struct shape_view shape_see_each(struct shape_walk *walk, const uint32_t *keywords,
                                        uint32_t step)
{
    struct shape_items items = shape_items_of(walk, keywords);
    struct shape_view all = {.self = FCT_SHAPE_ANY, .has = items.count_min > 0, .always = true};
    uint64_t count = 0;
    if (shape_is(walk, items.first, FACTUM_JSON_ARRAY)) {
        for (uint32_t at = shape_first(walk, items.first);
             at != FACTUM_JSON_NONE && count < items.count_max;
             at = shape_next(walk, items.first, at)) {
            shape_add_item(&all, shape_see_item(walk, at, step));
            count++;
        }
    }
    if (count < items.count_max) {
        shape_add_item(&all, shape_see_item(walk, items.others, step));
    }
    return all;
}

/* ---- references ------------------------------------------------------------------------------ */

static int shape_hex(uint8_t c)
{
    int digit = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    return digit >= 0 && digit < 16 ? digit : -1;
}

/* Decodes the next part of a JSON pointer in a URI fragment from *rest, which begins with a slash,
 * into |name| of |size| bytes. False: not a pointer, or the part is too long. */
static bool shape_pointer_part(factum_slice *rest, uint8_t *name, size_t size, size_t *len)
{
    size_t at = 1;
    *len = 0;
    while (at < rest->len && rest->ptr[at] != '/') {
        uint8_t c = rest->ptr[at++];
        if (c == '%') {
            int high = at < rest->len ? shape_hex(rest->ptr[at]) : -1;
            int low = at + 1 < rest->len ? shape_hex(rest->ptr[at + 1]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            c = (uint8_t)(high * 16 + low);
            at += 2;
        }
        if (c == '~') {
            if (at >= rest->len || (rest->ptr[at] != '0' && rest->ptr[at] != '1')) {
                return false;
            }
            c = rest->ptr[at++] == '0' ? '~' : '/';
        }
        if (*len == size) {
            return false;
        }
        name[(*len)++] = c;
    }
    *rest = fct_slice_from(*rest, at);
    return true;
}

/* The value that a JSON pointer leads to from the root. */
static uint32_t shape_pointed(struct shape_walk *walk, factum_slice pointer)
{
    uint8_t name[256];
    size_t len;
    uint32_t node = FACTUM_JSON_ROOT;
    while (pointer.len > 0 && node != FACTUM_JSON_NONE) {
        if (pointer.ptr[0] != '/' || !shape_pointer_part(&pointer, name, sizeof name, &len)) {
            return FACTUM_JSON_NONE;
        }
        if (shape_is(walk, node, FACTUM_JSON_OBJECT)) {
            node = shape_member(walk, node, fct_slice(name, len));
            continue;
        }
        uint64_t number = 0;
        for (size_t i = 0; i < len; i++) {
            if (name[i] < '0' || name[i] > '9' || i > 9) {
                return FACTUM_JSON_NONE;
            }
            number = number * 10 + (uint64_t)(name[i] - '0');
        }
        node = len > 0 ? shape_item(walk, node, number) : FACTUM_JSON_NONE;
    }
    return node;
}

/* The schema with the "$anchor" |name|. */
static uint32_t shape_anchored(struct shape_walk *walk, factum_slice name)
{
    const factum_json *json = shape_json(walk);
    for (uint32_t at = 0; at < json->count; at++) {
        if (!shape_step(walk)) {
            break;
        }
        if (factum_json_kind_of(json, at) != FACTUM_JSON_OBJECT) {
            continue;
        }
        uint32_t anchor = shape_member(walk, at, FCT_SLICE("$anchor"));
        if (anchor != FACTUM_JSON_NONE && factum_json_text_is(json, anchor, name)) {
            return at;
        }
    }
    return FACTUM_JSON_NONE;
}

/* The schema of the reference |ref|; NONE: the reference cannot be followed. */
static uint32_t shape_referred(struct shape_walk *walk, uint32_t ref)
{
    if (walk->source->embedded || !shape_is(walk, ref, FACTUM_JSON_TEXT) ||
        factum_json_is_escaped(shape_json(walk), ref)) {
        return FACTUM_JSON_NONE;
    }
    factum_slice uri = factum_json_inside(shape_json(walk), ref);
    const uint8_t *hash = uri.len == 0 ? NULL : memchr(uri.ptr, '#', uri.len);
    factum_slice base = fct_slice(uri.ptr, hash == NULL ? uri.len : (size_t)(hash - uri.ptr));
    factum_slice fragment = hash == NULL ? fct_slice(NULL, 0) : fct_slice_from(uri, base.len + 1);
    if (base.len > 0) {
        uint32_t id = shape_member(walk, FACTUM_JSON_ROOT, FCT_SLICE("$id"));
        factum_slice end = FCT_SLICE("#");
        if (!shape_is(walk, id, FACTUM_JSON_TEXT)) {
            return FACTUM_JSON_NONE;
        }
        factum_slice own = factum_json_inside(shape_json(walk), id);
        own.len -= own.len > 0 && own.ptr[own.len - 1] == end.ptr[0] ? 1 : 0;
        if (!fct_slice_equal(base, own)) {
            return FACTUM_JSON_NONE;
        }
    }
    return fragment.len > 0 && fragment.ptr[0] != '/' ? shape_anchored(walk, fragment)
                                                      : shape_pointed(walk, fragment);
}

/* ---- schemas --------------------------------------------------------------------------------- */

/* The view if |base| and one of the schemas of |array| apply. */
/* NOLINTNEXTLINE(misc-no-recursion): by FCT_SHAPE_DEPTH_MAX */
static struct shape_view shape_union(struct shape_walk *walk, uint32_t array,
                                     struct shape_view base, uint32_t step)
{
    struct shape_view all = {.has = true, .always = true};
    bool lists = walk->lists;
    bool listed = lists;
    if (!shape_is(walk, array, FACTUM_JSON_ARRAY)) {
        return shape_unknown;
    }
    for (uint32_t at = shape_first(walk, array); at != FACTUM_JSON_NONE;
         at = shape_next(walk, array, at)) {
        walk->lists = lists;
        struct shape_view view = shape_see(walk, at, step);
        listed = listed || walk->lists;
        view.self &= base.self;
        if (view.self == 0) {
            continue; /* it never applies */
        }
        /* An object whose schemas list no member allows any. */
        walk->open = walk->open || (shape_is_last(walk, step) && !walk->lists &&
                                    (view.self & FCT_SHAPE_OBJECT) != 0);
        bool fits = step == walk->count || (view.self & shape_needed(walk, step)) != 0;
        all.self |= view.self;
        all.has = all.has && view.has;
        all.rest |= fits ? view.rest : 0;
        all.always = all.always && view.always;
    }
    walk->lists = listed;
    return all;
}

/* NOLINTNEXTLINE(misc-no-recursion): by FCT_SHAPE_DEPTH_MAX */
static struct shape_view shape_see_step(struct shape_walk *walk, const uint32_t *keywords,
                                        uint32_t step)
{
    if (step < walk->count) {
        switch (walk->path->steps[step].kind) {
        case FCT_PATH_MEMBER:
            return shape_see_member(walk, keywords, step);
        case FCT_PATH_INDEX:
            return shape_see_index(walk, keywords, step);
        case FCT_PATH_EACH:
            return shape_see_each(walk, keywords, step);
        }
    }
    return shape_unknown;
}

/* The view of a reference. One that cannot be followed may allow any member. */
/* NOLINTNEXTLINE(misc-no-recursion): by FCT_SHAPE_DEPTH_MAX */
static struct shape_view shape_see_ref(struct shape_walk *walk, uint32_t ref, uint32_t step)
{
    uint32_t node = shape_referred(walk, ref);
    if (node == FACTUM_JSON_NONE) {
        walk->open = walk->open || shape_is_last(walk, step);
        return shape_unknown;
    }
    return shape_see(walk, node, step);
}

/* NOLINTNEXTLINE(misc-no-recursion): by FCT_SHAPE_DEPTH_MAX */
static struct shape_view shape_see_object(struct shape_walk *walk, uint32_t schema, uint32_t step)
{
    uint32_t keywords[SHAPE_KEYWORD_COUNT];
    shape_read(walk, schema, keywords);
    if (keywords[SHAPE_REF] != FACTUM_JSON_NONE && walk->source->ref_alone) {
        return shape_see_ref(walk, keywords[SHAPE_REF], step);
    }
    struct shape_view view = shape_see_step(walk, keywords, step);
    view.self &= shape_types(walk, keywords);
    if (keywords[SHAPE_REF] != FACTUM_JSON_NONE) {
        view = shape_meet(view, shape_see_ref(walk, keywords[SHAPE_REF], step));
    }
    if (shape_is(walk, keywords[SHAPE_ALL_OF], FACTUM_JSON_ARRAY)) {
        uint32_t all = keywords[SHAPE_ALL_OF];
        for (uint32_t at = shape_first(walk, all); at != FACTUM_JSON_NONE;
             at = shape_next(walk, all, at)) {
            view = shape_meet(view, shape_see(walk, at, step));
        }
    }
    view = shape_meet(view, shape_union(walk, keywords[SHAPE_ANY_OF], view, step));
    return shape_meet(view, shape_union(walk, keywords[SHAPE_ONE_OF], view, step));
}

/* What the schema |node| says of the value that |step| steps lead to. */
/* NOLINTNEXTLINE(misc-no-recursion): by FCT_SHAPE_DEPTH_MAX */
static struct shape_view shape_see(struct shape_walk *walk, uint32_t node, uint32_t step)
{
    struct shape_view view = shape_unknown;
    if (walk->depth == FCT_SHAPE_DEPTH_MAX) {
        walk->lost = true;
    }
    if (!shape_step(walk)) {
        return view;
    }
    walk->depth++;
    if (shape_is(walk, node, FACTUM_JSON_OBJECT)) {
        view = shape_see_object(walk, node, step);
    } else if (shape_is(walk, node, FACTUM_JSON_FALSE)) {
        view = (struct shape_view){.self = 0};
    } else {
        walk->open = walk->open || shape_is_last(walk, step);
    }
    walk->depth--;
    return view;
}

/* ---- questions ------------------------------------------------------------------------------- */

void fct_shape_open(struct fct_shape_source *source, const factum_json *schema, uint64_t steps_max)
{
    *source =
        (struct fct_shape_source){.json = schema, .prefix_items = true, .steps_left = steps_max};
    uint32_t draft = factum_json_find(schema, FACTUM_JSON_ROOT, FCT_SLICE("$schema"));
    if (draft != FACTUM_JSON_NONE && factum_json_kind_of(schema, draft) == FACTUM_JSON_TEXT) {
        factum_slice uri = factum_json_inside(schema, draft);
        source->ref_alone = fct_slice_holds(uri, FCT_SLICE("draft-07")) ||
                            fct_slice_holds(uri, FCT_SLICE("draft-06"));
        source->prefix_items = !source->ref_alone && !fct_slice_holds(uri, FCT_SLICE("2019-09"));
    }
    uint32_t own = factum_json_find(schema, FACTUM_JSON_ROOT, FCT_SLICE("$id"));
    for (uint32_t at = 0; at < schema->count && !source->embedded; at++) {
        source->embedded = (factum_json_at(schema, at)->flags & FACTUM_JSON_NAME) != 0 &&
                           at + 1 != own && factum_json_text_is(schema, at, FCT_SLICE("$id"));
    }
}

/* The listed member whose name is most similar to that of the last step. */
static factum_slice shape_nearest(struct fct_shape_source *source, const struct fct_path *path,
                                  uint32_t count)
{
    struct fct_nearest nearest;
    struct shape_walk walk = {.source = source, .path = path, .count = count, .nearest = &nearest};
    fct_nearest_begin(&nearest, shape_name(&walk, count - 1));
    (void)shape_see_closed(&walk, FACTUM_JSON_ROOT, 0);
    return nearest.best;
}

/* The shape at the first |count| steps. */
static struct fct_shape shape_prefix(struct fct_shape_source *source, const struct fct_path *path,
                                     uint32_t count)
{
    struct shape_walk walk = {.source = source, .path = path, .count = count};
    struct shape_view view = shape_see_closed(&walk, FACTUM_JSON_ROOT, 0);
    if (walk.lost) {
        return (struct fct_shape){.types = FCT_SHAPE_ANY};
    }
    struct fct_shape shape = {.types = view.rest,
                              .always = view.always,
                              .unnamed = walk.strange && !walk.known,
                              .step = count > 0 ? count - 1 : 0};
    bool missing = (shape.types == 0 || shape.unnamed) && !walk.found;
    if (missing && count > 0 && path->steps[count - 1].kind == FCT_PATH_MEMBER &&
        path->steps[count - 1].len > 1) {
        shape.nearest = shape_nearest(source, path, count);
    }
    return shape;
}

struct fct_shape fct_shape_of(struct fct_shape_source *source, const struct fct_path *path)
{
    struct fct_shape unnamed = {.unnamed = false};
    struct fct_shape shape = shape_prefix(source, path, 0);
    for (uint32_t count = 1; count <= path->count && shape.types != 0; count++) {
        shape = shape_prefix(source, path, count);
        if (shape.unnamed && !unnamed.unnamed) {
            unnamed = shape;
        }
    }
    if (shape.types != 0 && unnamed.unnamed) {
        shape.unnamed = true;
        shape.step = unnamed.step;
        shape.nearest = unnamed.nearest;
    }
    return shape;
}

void fct_shape_print(unsigned types, char *text, size_t size)
{
    static const struct {
        unsigned types;
        const char *name;
    } names[] = {{FCT_SHAPE_TEXT, "a text"},
                 {FCT_SHAPE_NUMBER, "a number"},
                 {FCT_SHAPE_INTEGER, "a whole number"},
                 {FCT_SHAPE_BOOLEAN, "a boolean"},
                 {FCT_SHAPE_ARRAY, "an array"},
                 {FCT_SHAPE_OBJECT, "an object"},
                 {FCT_SHAPE_NULL, "null"}};
    if (types == FCT_SHAPE_ANY || types == 0) {
        (void)snprintf(text, size, "%s", types == 0 ? "nothing" : "any value");
        return;
    }
    if ((types & FCT_SHAPE_NUMBER) != 0) {
        types &= ~(unsigned)FCT_SHAPE_INTEGER;
    }
    size_t used = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && used < size; i++) {
        if ((types & names[i].types) == 0) {
            continue;
        }
        types &= ~names[i].types;
        int len = snprintf(text + used, size - used, "%s%s", names[i].name,
                           types == 0                   ? ""
                           : (types & (types - 1)) == 0 ? " or "
                                                        : ", ");
        used += (size_t)len;
    }
}
