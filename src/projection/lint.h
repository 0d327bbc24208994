/* lint.h - what a definition must not use, though SQLite accepts it: whatever could give other rows
 * when the same events are applied again. Layer: projection. Knows no database.
 *
 * The rules are about tokens, so they also cover texts that SQLite's authorizer does not see, such
 * as DEFAULT. In "tables": no function in DEFAULT, CHECK and GENERATED, no clock, no AUTOINCREMENT,
 * no action of a foreign key, no reference to a table of another definition. In statements: no
 * function of dates, no clock, no random numbers, nothing that counts changes, no rowid, no
 * aggregate that depends on an order without one, no LIMIT without ORDER BY, no name of SQLite's
 * own. In both: no conflict clause that ends the transaction. A name in quotes is treated as the
 * name without them.
 */
#ifndef FCT_PROJECTION_LINT_H
#define FCT_PROJECTION_LINT_H

#include "projection/definition.h"
#include "projection/sql_scan.h"

/* The limit of a statement's tokens after each use of a table expression is replaced by its text,
 * as SQLite does. A text of the greatest size alone has fewer. */
#define FCT_LINT_EXPANDED_MAX 300000u

/* Errors: INVALID ("FILE:LINE:COLUMN: what is wrong: what would be right"), UNSUPPORTED,
 * TOO_BIG. */
FCT_MUST_USE factum_status fct_projection_lint(const struct fct_definition *definition,
                                               factum_error *err);
/* The name of a word, or of a quoted name without its quotes; empty for other tokens. */
factum_slice fct_lint_name(const struct fct_sql_token *token);
/* Is |text| the name |name| (lower case), in any case of letters? */
bool fct_lint_is(factum_slice text, const char *name);

#endif
