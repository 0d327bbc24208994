/* sqlite_target.h - a build in a model's file, as a target (target.h). Layer: projection.
 *
 * Statements are prepared once, when the target is opened. Values are bound in place, without
 * copies, and applying an event allocates nothing of ours.
 *
 * What target.h leaves open: back_to keeps the savepoint, so it has to be released afterwards, or
 * given back with the transaction. begin also fails with NOT_FOUND if the file was deleted or
 * replaced. A failed commit has to be rolled back. After a commit a long WAL is swept.
 */
#ifndef FCT_PROJECTION_SQLITE_TARGET_H
#define FCT_PROJECTION_SQLITE_TARGET_H

#include "projection/model_build.h"

#define FCT_SQLITE_SAVE_DEPTH_MAX 64u

/* |file| is a writer; it and |definition| must outlive the target. Only one target of a file may
 * have a transaction, and nothing else may use the file meanwhile. *target is the caller's, for its
 * close; NULL on failure. Errors: NOT_FOUND (the build does not exist), FAILED (a statement does
 * not fit the tables; the message names its line), TOO_BIG, BUSY, IO, NO_MEMORY, CORRUPT. */
FCT_MUST_USE factum_status fct_sqlite_target_open(struct fct_model_file *file,
                                                  const struct fct_definition *definition,
                                                  struct fct_build build,
                                                  struct fct_target **target, factum_error *err);
/* Limits the statements of an event: CANCELLED when *stop becomes true (NULL: never), FAILED when
 * the event takes more than |event_ms_max| milliseconds. Without this call there is no limit. */
#define FCT_EVENT_MS_MAX INT64_C(60000)
void fct_sqlite_target_limit(struct fct_target *target, const _Atomic bool *stop,
                             int64_t event_ms_max);

#endif
