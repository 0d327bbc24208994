/* pick.h - `with` and `keep`: an object of the values that paths find. Layer: saga. Pure. */
#ifndef FCT_SAGA_PICK_H
#define FCT_SAGA_PICK_H

#include <factum/json.h>
#include <factum/json_write.h>

#include "saga/definition.h"

/* Writes the members of |pick| into the object that |to| is in; paths look into |from|, which may
 * be empty (|from->count| 0). A value that is missing or null is left out if |missing| is set or
 * the field is optional. Errors: INVALID (otherwise; the text has the field, its path and the place
 * that was read). */
FCT_MUST_USE factum_status fct_pick_write(const struct fct_pick *pick, const factum_json *from,
                                          bool missing, factum_json_writer *to, factum_error *err);

/* A JSON object with the members of |base| and |more|, both objects or empty; of two members with
 * one name that of |more| stays. In |arena|. Errors: INVALID, TOO_BIG, NO_MEMORY. */
FCT_MUST_USE factum_status fct_pick_merge(factum_slice base, factum_slice more, factum_arena *arena,
                                          factum_slice *merged, factum_error *err);

/* Parses |text| onto a tape in |arena|. Errors: INVALID (not a JSON object), TOO_BIG, NO_MEMORY. */
FCT_MUST_USE factum_status fct_pick_parse(factum_slice text, factum_arena *arena, factum_json *json,
                                          factum_error *err);

#endif
