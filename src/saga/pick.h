/* pick.h - `with` and `keep`: an object made of the values that paths find. Layer: saga. Pure. */
#ifndef FCT_SAGA_PICK_H
#define FCT_SAGA_PICK_H

#include <factum/json.h>
#include <factum/json_write.h>

#include "saga/definition.h"

/* Writes the members of |pick| into the object that |to| is in; paths look into |from|. |missing|:
 * what a path does not find, or finds as null, is left out; otherwise that is INVALID, and the text
 * names the field, its path and what was looked at; but a field that is optional is left out too.
 * |from->count| 0: there is nothing to look at. */
FCT_MUST_USE factum_status fct_pick_write(const struct fct_pick *pick, const factum_json *from,
                                          bool missing, factum_json_writer *to, factum_error *err);

/* A JSON object with the members of |base| and |more|, both objects or empty; of two members of one
 * name that of |more| stays. In |arena|. INVALID, TOO_BIG, NO_MEMORY. */
FCT_MUST_USE factum_status fct_pick_merge(factum_slice base, factum_slice more, factum_arena *arena,
                                          factum_slice *merged, factum_error *err);

/* |text| on a tape in |arena|. INVALID: it is no JSON object. TOO_BIG, NO_MEMORY. */
FCT_MUST_USE factum_status fct_pick_parse(factum_slice text, factum_arena *arena, factum_json *json,
                                          factum_error *err);

#endif
