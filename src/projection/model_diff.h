/* model_diff.h - which rows differ between two builds of a model. Layer: projection.
 *
 * Table by table: those of |after| in the order of their names, then those that only |before| has.
 * If both builds have the same primary key, rows are matched by it. Otherwise a row is all of its
 * values, equal rows are counted, and a change is a removal and an addition. A row is reported with
 * the columns of |after|, then those that only |before| has; a column that a build lacks is NULL. A
 * table that a build lacks is empty there. Values are compared as SQLite does without a collation:
 * 1 equals 1.0.
 *
 * Both builds are read in one snapshot, in order and as streams, so memory does not grow with the
 * number of rows. Without an index in that order SQLite sorts in a temporary file; memory stays
 * below three times the connection's cache. The WAL cannot be emptied meanwhile.
 */
#ifndef FCT_PROJECTION_MODEL_DIFF_H
#define FCT_PROJECTION_MODEL_DIFF_H

#include <factum/model_rows.h>

#include "projection/model_build.h"

struct fct_model_diff {
    struct fct_build before;
    struct fct_build after;
    uint64_t changes_max;            /* at most so many are reported; 0: all */
    const factum_changes *changes;   /* its false ends the comparison: CANCELLED */
    const factum_progress *progress; /* called with the number of rows read; or NULL */
};

/* *total (optional) is the number of differing rows, also of those that are not reported. |file|
 * may be a reader; the callbacks must not use it, and its progress handler is replaced. Errors:
 * NOT_FOUND (a build), CANCELLED, TOO_BIG, BUSY, IO, CORRUPT, NO_MEMORY. */
FCT_MUST_USE factum_status fct_model_diff_run(struct fct_model_file *file,
                                              const struct fct_model_diff *diff, uint64_t *total,
                                              factum_error *err);

#endif
