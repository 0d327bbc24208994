/* json_path.h - paths into JSON: .orderId, .address.city, .lines[0].sku, .lines[].sku.
 * Layer: codec. Pure: no allocation, no recursion.
 *
 *     path  = "." | step+
 *     step  = "." name | "[" index "]" | "[]"
 *     name  = a letter or '_' or '$', then letters, digits, '_', '$', '-'; or a JSON text: ."a b"
 *     index = 0 to 4294967294, without leading zeros
 *
 * "." alone is the whole value. "[]" visits each item in turn: a path with "[]" yields any number
 * of values, other paths at most one. A step without a match (no member of that name, an array that
 * is too short, not an array) yields nothing.
 */
#ifndef FCT_CODEC_JSON_PATH_H
#define FCT_CODEC_JSON_PATH_H

#include <factum/json.h>

#include "core/compiler.h"

#define FCT_PATH_STEPS_MAX 32u
#define FCT_PATH_TEXT_MAX 1024u

enum fct_path_kind {
    FCT_PATH_MEMBER,
    FCT_PATH_INDEX,
    FCT_PATH_EACH,
};

struct fct_path_step {
    enum fct_path_kind kind;
    uint32_t index;
    uint16_t start; /* of a name, in |names| */
    uint16_t len;
};

struct fct_path {
    uint32_t count;
    bool fans_out; /* contains "[]" */
    struct fct_path_step steps[FCT_PATH_STEPS_MAX];
    char names[FCT_PATH_TEXT_MAX]; /* unescaped */
};

/* A walk over the values of a path; starts with fct_path_begin. */
struct fct_path_walk {
    const struct fct_path *path;
    const factum_json *json;
    uint32_t start;
    bool begun;
    bool ended;
    uint32_t arrays[FCT_PATH_STEPS_MAX]; /* of each "[]": its array, and the item it is at */
    uint32_t items[FCT_PATH_STEPS_MAX];
};

/* Compiles |text|. Errors: INVALID ("path .a..b: a name is missing at byte 3"), TOO_BIG (more than
 * FCT_PATH_TEXT_MAX bytes or FCT_PATH_STEPS_MAX steps). */
FCT_MUST_USE factum_status fct_path_compile(factum_slice text, struct fct_path *path,
                                            factum_error *err);
/* Appends the steps of |more| to |path|. False: it would become too long, and is unchanged. */
bool fct_path_add(struct fct_path *path, const struct fct_path *more);
/* The first value that |path| yields from |value| on, or FACTUM_JSON_NONE. */
uint32_t fct_path_find(const struct fct_path *path, const factum_json *json, uint32_t value);
/* Starts a walk over all values; |path| and |json| must outlast it. */
void fct_path_begin(struct fct_path_walk *walk, const struct fct_path *path,
                    const factum_json *json, uint32_t value);
/* The next value in the order of the text; at the end, and from then on, FACTUM_JSON_NONE. */
uint32_t fct_path_next(struct fct_path_walk *walk);

#endif
