/* model_try.h - which rows an event would change. Layer: projection.
 *
 * The event is applied in a transaction that is rolled back; SQLite's pre-update hook tells each
 * row that a statement touches. What happened to one row is told as one change: from what it was
 * before the event to what it is after it; a row that ends as it began is not told. Rows are
 * matched by their primary keys, or by their row numbers where there is no key.
 *
 * Invariants: nothing is called back while the transaction is open; nothing is kept of it.
 */
#ifndef FCT_PROJECTION_MODEL_TRY_H
#define FCT_PROJECTION_MODEL_TRY_H

#include <factum/model_rows.h>

#include "projection/sqlite_target.h"

/* |target| is of |build| in |file|; it need not have taken the build over, and its runner is not
 * disturbed but for the write lock. Tells |changes| table by table, by keys. What the event is
 * refused with is the status and the text: INVALID. TOO_BIG: it changes more rows than 64 MiB hold.
 * CANCELLED: by |changes|. Otherwise as the target's begin and apply. */
FCT_MUST_USE factum_status fct_model_try(struct fct_model_file *file, struct fct_build build,
                                         struct fct_target *target,
                                         const struct fct_bound_event *event,
                                         const factum_changes *changes, factum_error *err);

#endif
