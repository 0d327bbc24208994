/* shape.h - what a JSON Schema says of the value at a path: which JSON types it may have, whether
 * it is always there, whether it can be there at all. Layer: projection. Pure.
 *
 * It follows properties, items, prefixItems, required, $ref within the schema, allOf, and the
 * branches of anyOf and oneOf. What it cannot follow it does not guess: the answer is then "any
 * type, perhaps". docs/guide/read-models.md says so.
 */
#ifndef FCT_PROJECTION_SHAPE_H
#define FCT_PROJECTION_SHAPE_H

#include <factum/json.h>

#include "codec/json_path.h"
#include "core/compiler.h"

enum {
    FCT_SHAPE_NULL = 1,
    FCT_SHAPE_BOOLEAN = 2,
    FCT_SHAPE_INTEGER = 4,
    FCT_SHAPE_NUMBER = 8, /* with a fraction, perhaps */
    FCT_SHAPE_TEXT = 16,
    FCT_SHAPE_ARRAY = 32,
    FCT_SHAPE_OBJECT = 64,
    FCT_SHAPE_ANY = 127
};

struct fct_shape {
    unsigned types; /* bits; 0: no value can be there */
    bool always;    /* a valid document has it */
    factum_slice
        nearest; /* if none can be there: the member with the most similar name; or empty */
};

/* The shape of the value at |path| in the documents that |schema| accepts. |path| may go through
 * "[]". Never fails: damaged or deep schemas give ANY. */
struct fct_shape fct_shape_at(const factum_json *schema, const struct fct_path *path);
/* "a text", "a whole number or null" ...: into |text|, which has |size| bytes. */
void fct_shape_print(unsigned types, char *text, size_t size);

#endif
