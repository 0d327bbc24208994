/* model_table.h - a table of a build and its values, for code that compares rows.
 * Layer: projection.
 *
 * The order of values is SQLite's with the collation BINARY: NULL, numbers by their value, texts by
 * their bytes, then blobs.
 */
#ifndef FCT_PROJECTION_MODEL_TABLE_H
#define FCT_PROJECTION_MODEL_TABLE_H

#include <factum/arena.h>
#include <factum/model_rows.h>

#include "projection/model_build.h"

struct fct_model_table {
    factum_slice name; /* without its suffix */
    const factum_slice *columns;
    size_t column_count;  /* 0: the build has no such table */
    const uint32_t *keys; /* indexes of the columns of its primary key, in the key's order */
    size_t key_count;     /* 0: it has no key */
};

/* Adds the names of the tables of |build| that |names| does not have yet to |names|, which has room
 * for |max|. Copies are in |arena|. Errors: TOO_BIG. */
FCT_MUST_USE factum_status fct_model_table_names(struct fct_model_file *file,
                                                 struct fct_build build, factum_arena *arena,
                                                 factum_slice *names, size_t max, size_t *count,
                                                 factum_error *err);
/* The table |name| of |build|; it points into |arena|. |stored|: without columns that are computed
 * when they are read. */
FCT_MUST_USE factum_status fct_model_table_load(struct fct_model_file *file, struct fct_build build,
                                                factum_slice name, bool stored, factum_arena *arena,
                                                struct fct_model_table *table, factum_error *err);

/* The value of a column of the current row; lasts until the next step. */
factum_value fct_value_of_column(sqlite3_stmt *row, int column);
/* Lasts as long as |value|. */
factum_value fct_value_of(sqlite3_value *value);
/* Below 0, 0 or above 0. 1 and 1.0 are equal. */
int fct_value_compare(const factum_value *a, const factum_value *b);

#endif
