/* sqlite_check.h - SQLite's judgement of a definition: its tables are created in a database in
 * memory, and its statements and queries are prepared there. Layer: projection.
 *
 * An authorizer refuses everything that a definition may not do: use of tables that are not its
 * own, of functions that are not on the list of those that give the same for the same arguments
 * (sql_functions.h), ATTACH, PRAGMA and whatever else reaches out of its tables. Only the
 * statements of "tables" are run.
 */
#ifndef FCT_PROJECTION_SQLITE_CHECK_H
#define FCT_PROJECTION_SQLITE_CHECK_H

#include "projection/definition.h"

/* Checks |definition|, which was parsed for SQLite and has passed the lint. Errors: INVALID
 * (SQLite's text, with the place in the definition and the names of tables as written there),
 * NO_MEMORY, TOO_BIG. */
FCT_MUST_USE factum_status fct_sqlite_check(const struct fct_definition *definition,
                                            factum_error *err);

#endif
