/* sqlite_check.h - SQLite's judgement of a definition: its tables are created in a database in
 * memory, and its statements and queries are prepared there. Layer: projection.
 *
 * An authorizer refuses what the definition has no business with: tables that are not its own,
 * functions that are not on a list of those that give the same for the same arguments, ATTACH,
 * PRAGMA and whatever else reaches out of its tables. No statement is run but those that create.
 */
#ifndef FCT_PROJECTION_SQLITE_CHECK_H
#define FCT_PROJECTION_SQLITE_CHECK_H

#include "projection/definition.h"

/* Checks |definition|, which was parsed for SQLite and has passed the lint. INVALID: SQLite's text,
 * with the place in the definition; "order_summary" is the table's name there, without a version.
 * NO_MEMORY, TOO_BIG. */
FCT_MUST_USE factum_status fct_sqlite_check(const struct fct_definition *definition,
                                            factum_error *err);
/* May a definition call |function|? */
bool fct_sqlite_function_allowed(const char *function);

#endif
