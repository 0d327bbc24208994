/* shape.h - what a JSON Schema says about the value at a path: which JSON types it may have,
 * whether it is always there, whether it can be there at all. Layer: projection. Pure.
 *
 * Follows type, const, enum, properties, additionalProperties, required, items, prefixItems,
 * minItems, maxItems, $ref within the schema, allOf, and the branches of anyOf and oneOf. Where it
 * cannot follow, the answer is "any type, perhaps". docs/guide/read-models.md documents the limits.
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
    FCT_SHAPE_NUMBER = 8, /* may have a fraction */
    FCT_SHAPE_TEXT = 16,
    FCT_SHAPE_ARRAY = 32,
    FCT_SHAPE_OBJECT = 64,
    FCT_SHAPE_ANY = 127
};

struct fct_shape {
    unsigned types; /* bits; 0: no value is possible */
    bool always;    /* every valid document has a value there */
    /* A step of the path is a member that the schema does not list, in an object whose members it
     * lists without saying that there are others ("additionalProperties", "patternProperties" and
     * schemas that cannot be followed say so). A valid document may still have the member. */
    bool unnamed;
    uint32_t step;        /* the number of the step that finds nothing or is unnamed, from 0 */
    factum_slice nearest; /* then: the member with the most similar name; or empty */
};

/* A schema that shapes are asked of. All questions together may take a limited number of steps;
 * each visited member or item of the schema is a step. */
struct fct_shape_source {
    const factum_json *json;
    bool prefix_items;   /* the draft has "prefixItems" */
    bool ref_alone;      /* the draft ignores everything beside "$ref" */
    bool embedded;       /* it embeds other documents: no reference is followed */
    uint64_t steps_left; /* 0: every answer is "any type, perhaps" */
};

#define FCT_SHAPE_DEPTH_MAX 128u /* schemas inside each other, including references */

/* |schema| must outlive |source|. */
void fct_shape_open(struct fct_shape_source *source, const factum_json *schema, uint64_t steps_max);
/* The shape of the value at |path| in the documents that the schema accepts. |path| may contain
 * "[]". Never fails: damaged or deep schemas, and those that take too many steps, give ANY. */
struct fct_shape fct_shape_of(struct fct_shape_source *source, const struct fct_path *path);
/* Prints "a text", "a whole number or null", "any value" ... into |text| of |size| bytes. */
void fct_shape_print(unsigned types, char *text, size_t size);

#endif
