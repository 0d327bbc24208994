/* query_bind.h - the parameters of a query. Layer: projection. */
#ifndef FCT_PROJECTION_QUERY_BIND_H
#define FCT_PROJECTION_QUERY_BIND_H

#include "projection/query_gate.h"

/* Binds query->parameters to |statement| by their names; the values must outlive the statement.
 * Errors: INVALID (a parameter is missing, not in the query, given twice, of an unknown kind, or a
 * TEXT that is not UTF-8), TOO_BIG (a value), NO_MEMORY. */
FCT_MUST_USE factum_status fct_query_bind(sqlite3_stmt *statement, const struct fct_query *query,
                                          factum_error *err);

#endif
