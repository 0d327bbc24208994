/* lint.h - what a definition must not use, though SQLite would take it: whatever could give other
 * rows when the same events are applied again. Layer: projection. Knows no database.
 *
 * Rules of tokens, in texts that SQLite's authorizer does not see (it is silent about DEFAULT) as
 * in all others. In "tables": no function in DEFAULT, CHECK and GENERATED, no clock, no
 * AUTOINCREMENT, no action of a foreign key, no reference to a table of somebody else. In
 * statements: no function of dates, no clock, no random numbers, nothing that counts changes, no
 * rowid, no aggregate of an order without one, no LIMIT without ORDER BY, no name of SQLite's own.
 * In both no conflict clause that ends the transaction. A name in quotes counts as without them.
 */
#ifndef FCT_PROJECTION_LINT_H
#define FCT_PROJECTION_LINT_H

#include "projection/definition.h"
#include "projection/sql_scan.h"

/* Tokens of a statement, once each use of a table expression is replaced by its text, as SQLite
 * does: text alone of the greatest size has fewer. */
#define FCT_LINT_EXPANDED_MAX 300000u

/* INVALID: "FILE:LINE:COLUMN: what is wrong: what would be right". UNSUPPORTED, TOO_BIG. */
FCT_MUST_USE factum_status fct_projection_lint(const struct fct_definition *definition,
                                               factum_error *err);
/* The name of a word, or of a name without its quotes; empty for other tokens. */
factum_slice fct_lint_name(const struct fct_sql_token *token);
/* Is it |name| (lower case), in any case of letters? */
bool fct_lint_is(factum_slice text, const char *name);

#endif
