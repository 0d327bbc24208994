/* model_try.h - which rows an event would change. Layer: projection.
 *
 * The event is applied in a transaction that is rolled back; SQLite's pre-update hook reports each
 * row that a statement touches. The changes of one row become one: from its values before the event
 * to those after it. A row that ends as it began is not reported. Rows are matched by their primary
 * keys, or by their rowids where there is no key.
 *
 * Invariants: no callback runs while the transaction is open; nothing of the transaction stays.
 */
#ifndef FCT_PROJECTION_MODEL_TRY_H
#define FCT_PROJECTION_MODEL_TRY_H

#include <factum/model_rows.h>

#include "projection/sqlite_target.h"

/* |target| is of |build| in |file|. It need not have taken the build over; the build's runner only
 * waits for the write lock. Calls |changes| table by table, in the order of keys. Errors: INVALID
 * (the event is refused; the message says why), TOO_BIG (the changed rows take more than 64 MiB),
 * CANCELLED (by |changes|); otherwise as the target's begin and apply. */
FCT_MUST_USE factum_status fct_model_try(struct fct_model_file *file, struct fct_build build,
                                         struct fct_target *target,
                                         const struct fct_bound_event *event,
                                         const factum_changes *changes, factum_error *err);

#endif
