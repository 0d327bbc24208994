/* json.h - JSON text as a checked tape: an array of nodes over the text, in its order.
 *
 *     factum_json_node nodes[256];
 *     factum_json json;
 *     factum_status status = factum_json_parse(event.data, NULL, nodes, 256, &json, &err);
 *     uint32_t total = factum_json_find(&json, FACTUM_JSON_ROOT, FACTUM_LITERAL("totalCents"));
 *
 * One pass checks the text (RFC 8259: strict UTF-8, a limit of depth, optionally no member twice) and
 * writes the nodes; what follows looks at nothing twice. Nothing allocates or recurses. Numbers stay
 * as they stand in the text, so they are exact. A value is the number of its node; the value of a
 * member is the node after its name; the node after a value and all that is in it is |next|.
 *
 * Valid C99 and C++17. Thread-safe: nothing is shared.
 */
#ifndef FACTUM_JSON_H
#define FACTUM_JSON_H

#include <factum/base.h>

#ifdef __cplusplus
extern "C" {
#endif

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
    FACTUM_JSON_NAME = 4     /* the name of a member: a TEXT */
};

typedef struct factum_json_node {
    uint32_t start; /* offset in the text; of a text, of its first byte after the quote */
    uint32_t len;   /* bytes there; of a text, without its quotes */
    uint32_t next;  /* the node after this value and all that is in it; of a name, its value */
    uint8_t kind;   /* factum_json_kind */
    uint8_t flags;
    uint16_t reserved;
} factum_json_node;

typedef struct factum_json {
    factum_slice text; /* borrowed */
    const factum_json_node *nodes;
    uint32_t count;
} factum_json;

#define FACTUM_JSON_ROOT 0u          /* the whole value */
#define FACTUM_JSON_NONE UINT32_MAX  /* no such value */

typedef struct factum_json_options {
    size_t size;
    uint32_t depth_max;   /* arrays and objects inside each other; 0: FACTUM_JSON_DEPTH_MAX */
    bool duplicates;      /* members of one name may stand twice; factum_json_find takes the last */
} factum_json_options;

/* Checks |text| and writes its tape into |nodes|, which the caller owns and which must last as long as
 * *json. |options| may be NULL. INVALID: no JSON, with what is wrong and where. TOO_BIG: |capacity|
 * nodes are too few (factum_json_nodes_max always suffices), or the text has 4 GiB. */
FACTUM_API FACTUM_MUST_USE factum_status factum_json_parse(factum_slice text,
                                                           const factum_json_options *options,
                                                           factum_json_node *nodes, size_t capacity,
                                                           factum_json *json, factum_error *err);
/* The most nodes that |len| bytes of text can need. */
FACTUM_API size_t factum_json_nodes_max(size_t len);

#ifdef __cplusplus
}
#endif
#endif
