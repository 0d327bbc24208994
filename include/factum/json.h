/* json.h - JSON text as a checked tape: an array of nodes over the text, in its order.
 *
 *     factum_json_node nodes[256];
 *     factum_json json;
 *     factum_status status = factum_json_parse(event.data, NULL, nodes, 256, &json, &err);
 *     uint32_t total = factum_json_find(&json, FACTUM_JSON_ROOT, factum_slice_from("totalCents"));
 *
 * One pass checks the text (RFC 8259: strict UTF-8, a limit of depth, no member twice unless that
 * is allowed) and writes the nodes. Later calls read the nodes and do not check the text again.
 * Nothing here allocates or recurses. Numbers stay as written in the text, so they are exact.
 *
 * A value is identified by the number of its node. Nodes are in the order of the text:
 *
 *     {"a":[1,2],"b":"x"}
 *      0 OBJECT  next 7
 *      1   TEXT "a", NAME     next 2
 *      2     ARRAY            next 5
 *      3       NUMBER 1       next 4
 *      4       NUMBER 2       next 5
 *      5   TEXT "b", NAME     next 6
 *      6     TEXT "x"         next 7
 *
 * The value of a member is the node after its name. |next| is the node after a value and all that
 * is in it. The first child of a container is the node after it, unless that is its |next|.
 *
 * A text may contain escapes of lone surrogates (\ud800), which RFC 8259 allows and Unicode does
 * not. Such a text equals only a text with the same lone surrogates, and cannot be unescaped.
 *
 * Valid C99 and C++17. Thread-safe: nothing is shared.
 */
#ifndef FACTUM_JSON_H
#define FACTUM_JSON_H

#include <factum/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FACTUM_JSON_DEPTH_MAX 64    /* arrays and objects inside each other, by default */
#define FACTUM_JSON_DEPTH_LIMIT 256 /* the most that factum_json_options.depth_max may be */

typedef enum factum_json_kind {
    FACTUM_JSON_NULL,
    FACTUM_JSON_FALSE,
    FACTUM_JSON_TRUE,
    FACTUM_JSON_NUMBER,
    FACTUM_JSON_TEXT,
    FACTUM_JSON_ARRAY,
    FACTUM_JSON_OBJECT
} factum_json_kind;

enum {
    FACTUM_JSON_ESCAPED = 1, /* a text or a name with a backslash in it */
    FACTUM_JSON_INTEGER = 2, /* a number without fraction and exponent */
    FACTUM_JSON_NAME = 4,    /* the name of a member: a TEXT */
    FACTUM_JSON_UNIQUE = 8   /* an object whose names were compared: all differ */
};

typedef struct factum_json_node {
    uint32_t start; /* offset in the text; of a text, of its first byte after the quote */
    uint32_t len;   /* bytes there; of a text, without its quotes */
    uint32_t next;  /* the node after this value and all that is in it; of a name, its value */
    uint8_t kind;   /* factum_json_kind */
    uint8_t flags;
    uint16_t reserved; /* not for callers */
} factum_json_node;

typedef struct factum_json {
    factum_slice text; /* borrowed */
    const factum_json_node *nodes;
    uint32_t count;
} factum_json;

#define FACTUM_JSON_ROOT 0u         /* the whole value */
#define FACTUM_JSON_NONE UINT32_MAX /* the value does not exist */

typedef struct factum_json_options {
    size_t size;
    uint32_t depth_max; /* arrays and objects inside each other; 0: FACTUM_JSON_DEPTH_MAX */
    bool duplicates;    /* a member may appear twice; factum_json_find finds the last one */
} factum_json_options;

/* Checks |text| and writes its tape into |nodes|, which has room for |capacity| nodes, is the
 * caller's, and must last as long as *json. |options| is optional. On failure *json is unchanged;
 * |nodes| is not.
 * Errors: INVALID (not JSON, or a member appears twice: the text says what is wrong and where; or
 * depth_max is over FACTUM_JSON_DEPTH_LIMIT), TOO_BIG (|capacity| is too small, which
 * factum_json_nodes_max never is; or the text has 4 GiB). */
FACTUM_API FACTUM_MUST_USE factum_status factum_json_parse(factum_slice text,
                                                           const factum_json_options *options,
                                                           factum_json_node *nodes, size_t capacity,
                                                           factum_json *json, factum_error *err);
/* The most nodes that |len| bytes of text can need. */
FACTUM_API size_t factum_json_nodes_max(size_t len);

/* ---- values ---------------------------------------------------------------------------------- */

/* In all functions below |json| was parsed, and |value| is a node of it: below json->count. */

/* The node of |value|. Lasts as long as the nodes. */
static inline const factum_json_node *factum_json_at(const factum_json *json, uint32_t value)
{
    return &json->nodes[value];
}

/* The kind of |value|; of a name, TEXT. */
static inline factum_json_kind factum_json_kind_of(const factum_json *json, uint32_t value)
{
    return (factum_json_kind)json->nodes[value].kind;
}

/* The value as written in the text: a text with its quotes. Borrowed from the text. */
static inline factum_slice factum_json_raw(const factum_json *json, uint32_t value)
{
    const factum_json_node *node = &json->nodes[value];
    uint32_t quote = node->kind == FACTUM_JSON_TEXT ? 1u : 0u;
    factum_slice raw;
    raw.ptr = json->text.ptr + node->start - quote;
    raw.len = (size_t)node->len + 2u * quote;
    return raw;
}

/* The inside of a text as written: without quotes, with its escapes. Without FACTUM_JSON_ESCAPED it
 * is the decoded text. Borrowed from the text. */
static inline factum_slice factum_json_inside(const factum_json *json, uint32_t value)
{
    factum_slice inside;
    inside.ptr = json->text.ptr + json->nodes[value].start;
    inside.len = json->nodes[value].len;
    return inside;
}

/* True if the text or name |value| has escapes, so that factum_json_inside is not its meaning. */
static inline bool factum_json_is_escaped(const factum_json *json, uint32_t value)
{
    return (json->nodes[value].flags & FACTUM_JSON_ESCAPED) != 0;
}

/* ---- what is inside -------------------------------------------------------------------------- */

/* The items of an array and the names of an object:
 *
 *     for (uint32_t at = factum_json_first(&json, object); at != FACTUM_JSON_NONE;
 *          at = factum_json_next(&json, object, at)) {
 *         uint32_t value = at + 1;
 *     }
 *
 * A value that is not a container has none. */
static inline uint32_t factum_json_first(const factum_json *json, uint32_t container)
{
    return json->nodes[container].next > container + 1 ? container + 1 : FACTUM_JSON_NONE;
}

/* The item or name after |at|, which is an item or name of |container|. */
static inline uint32_t factum_json_next(const factum_json *json, uint32_t container, uint32_t at)
{
    uint32_t next = (json->nodes[at].flags & FACTUM_JSON_NAME) != 0 ? json->nodes[at + 1].next
                                                                    : json->nodes[at].next;
    return next < json->nodes[container].next ? next : FACTUM_JSON_NONE;
}

/* How many items or members a container has; 0 for any other value. Takes one step for each. */
FACTUM_API uint32_t factum_json_count(const factum_json *json, uint32_t container);

/* The value of the member |name|, the last one if there are several. FACTUM_JSON_NONE: the
 * member does not exist, or |object| is not an object. Names are compared decoded: "\u0061" is "a".
 */
FACTUM_API uint32_t factum_json_find(const factum_json *json, uint32_t object, factum_slice name);

/* The path of |value| as a JSON pointer (RFC 6901): "/lines/3/sku", "" for the root; for a name,
 * the path of its value. Writes it into |buffer| of |size| bytes, at least 1, with a zero byte at
 * its end. A lone surrogate in a name becomes U+FFFD. Takes one step for each item or member before
 * the value in each container around it.
 * Errors: TOO_BIG (it does not fit; |buffer| has its beginning). */
FACTUM_API factum_status factum_json_pointer(const factum_json *json, uint32_t value, char *buffer,
                                             size_t size);

/* ---- texts ----------------------------------------------------------------------------------- */

/* Decodes a text or a name into |buffer| of |size| bytes, without a zero byte. *len is the length,
 * at most the node's |len|. Errors: INVALID (not a text, or a lone surrogate in it), TOO_BIG (it
 * does not fit). */
FACTUM_API FACTUM_MUST_USE factum_status factum_json_unescape(const factum_json *json,
                                                              uint32_t value, char *buffer,
                                                              size_t size, size_t *len);
/* True if |value| is a text or a name that, decoded, is |text|, which is UTF-8. */
FACTUM_API bool factum_json_text_is(const factum_json *json, uint32_t value, factum_slice text);

/* ---- numbers --------------------------------------------------------------------------------- */

/* The whole number |value|, into *number; 1.0 and 1e3 are whole. Errors: INVALID (not a number, a
 * fraction, out of range). */
FACTUM_API FACTUM_MUST_USE factum_status factum_json_to_int64(const factum_json *json,
                                                              uint32_t value, int64_t *number);
/* As factum_json_to_int64, for numbers from 0 on. */
FACTUM_API FACTUM_MUST_USE factum_status factum_json_to_uint64(const factum_json *json,
                                                               uint32_t value, uint64_t *number);
/* The nearest double to the number |value|, into *number; the even one of two equally near; 0 if it
 * is too small. Does not depend on the locale. Errors: INVALID (not a number, or over the largest
 * double). */
FACTUM_API FACTUM_MUST_USE factum_status factum_json_to_double(const factum_json *json,
                                                               uint32_t value, double *number);
/* True if |value| is a whole number, of any size. */
FACTUM_API bool factum_json_is_whole(const factum_json *json, uint32_t value);
/* Compares two JSON numbers, as factum_json_raw gives them, exactly: below 0, 0 or above 0. Any
 * number of digits and any exponent; takes time for the bytes of both. */
FACTUM_API int factum_json_compare_numbers(factum_slice a, factum_slice b);

/* ---- equality -------------------------------------------------------------------------------- */

/* Compares two values as JSON Schema does, into *equal: 1 is 1.0 and 10e-1, "\u0061" is "a", and
 * the order of members does not matter.
 * Errors: TOO_BIG (not decided after FACTUM_JSON_EQUAL_STEPS_MAX comparisons of names; only large
 * objects with members in different orders, and objects with members twice, need more than one for
 * each member). */
#define FACTUM_JSON_EQUAL_STEPS_MAX 16000000u
FACTUM_API FACTUM_MUST_USE factum_status factum_json_equal(const factum_json *a, uint32_t value_a,
                                                           const factum_json *b, uint32_t value_b,
                                                           bool *equal);

#ifdef __cplusplus
}
#endif
#endif
