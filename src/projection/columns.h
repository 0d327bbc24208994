/* columns.h - which parameters of a handler are directly the value of a column that takes numbers.
 * Layer: projection. Pure, except that it allocates.
 *
 * A parameter is directly a column's value as a whole value of "INSERT INTO {{t}} (c, ...) VALUES
 * (:p, ...)" (without a list of columns, in the order of the table) or of "SET c = :p". SQLite
 * judges parameters inside an expression, a SELECT or a row value.
 *
 * A column takes numbers if SQLite gives its declared type the affinity INTEGER, REAL or NUMERIC
 * (https://www.sqlite.org/datatype3.html, section 3.1): a text that looks like a number becomes one
 * there, "007" becomes 7. Types of dates, of UUIDs and of JSON are left out, though SQLite calls
 * them NUMERIC: their texts do not look like numbers. In a STRICT table, ANY takes everything.
 */
#ifndef FCT_PROJECTION_COLUMNS_H
#define FCT_PROJECTION_COLUMNS_H

#include "core/mem.h"
#include "projection/definition.h"

#define FCT_COLUMNS_MAX 2000u /* of a table; SQLite's own limit */

/* The first place where a parameter is the value of a column of numbers. */
struct fct_column_place {
    factum_slice column; /* without quotes; empty: no such place */
    factum_slice type;   /* as declared */
    uint32_t line;
    uint32_t column_number; /* in its line */
};

/* The state of searches in the handlers of one definition. */
struct fct_columns;

/* |definition| must outlive the result. NULL: no memory. */
struct fct_columns *fct_columns_create(const struct fct_mem *mem,
                                       const struct fct_definition *definition);
/* Accepts NULL. */
void fct_columns_free(struct fct_columns *columns);
/* Fills |places|, one for each parameter of |handler|. */
void fct_columns_find(struct fct_columns *columns, const struct fct_handler *handler,
                      struct fct_column_place *places);

#endif
