/* fields.h - the fields that a projection names, compared with the schemas of its events.
 * Layer: projection. Knows the registry only as factum_schemas.
 *
 * The parameters of a projection declare what it needs of an event. For each type of a section "on"
 * that has a schema:
 * - each parameter's member has to be one that the schema lists, or one that it allows by
 *   "additionalProperties", "patternProperties" or in a way that shape.h cannot follow;
 * - "each" has to lead to an array or an object, and the key to a text, a number or a boolean;
 * - a parameter that is directly the value of a column of numbers (columns.h) must not always be a
 *   text, an array or an object. This is checked for reserved parameters too, and without a schema.
 * If the source is a category, the schema of "CATEGORY/TYPE" is used or, if it does not exist, that
 * of "TYPE", as for appends. A schema that is not valid JSON is ignored.
 */
#ifndef FCT_PROJECTION_FIELDS_H
#define FCT_PROJECTION_FIELDS_H

#include <factum/registry.h>

#include "projection/definition.h"

#define FCT_FIELDS_STEPS_MAX UINT64_C(20000000) /* members of schemas that one check may visit */

/* |schemas| may be NULL: nothing is registered. Errors: INVALID ("orders.sql:12:9: OrderPlaced has
 * no member custmerId: did you mean customerId?"), TOO_BIG (FCT_FIELDS_STEPS_MAX), NO_MEMORY. */
FCT_MUST_USE factum_status fct_fields_check(const struct fct_definition *definition,
                                            const factum_schemas *schemas, factum_error *err);
/* Would |schema|, as the schema of events of |type|, take away what |definition| needs? OK: no, or
 * |definition| does not use |type|. |why| has |size| bytes and may be NULL if |size| is 0. Errors:
 * INVALID (yes, and |why| is the reason: "projection orders version 3 needs it: orders.sql:12:9:
 * ..."), TOO_BIG, NO_MEMORY. */
FCT_MUST_USE factum_status fct_fields_break(const struct fct_definition *definition,
                                            factum_slice type, const factum_json *schema, char *why,
                                            size_t size);

#endif
