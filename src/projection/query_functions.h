/* query_functions.h - functions of SQLite that can take long within one step, in versions that
 * charge the guard of their query. Layer: projection.
 *
 * instr, replace, LIKE, GLOB, and trim with two arguments take time in proportion to the product of
 * their arguments; printf and format print numbers of any width, any number of times. SQLite cannot
 * interrupt a function. These versions end when the time of the query does, and give the same
 * results as SQLite's; query_functions_test.c compares them. Differences:
 *   - a width or a precision is at most FCT_QUERY_WIDTH_MAX;
 *   - a printf of nothing is an empty text, not NULL;
 *   - instr may find bytes that are not UTF-8;
 *   - LIKE and GLOB use no index: write a range instead, name >= 'ab' AND name < 'ac'.
 */
#ifndef FCT_PROJECTION_QUERY_FUNCTIONS_H
#define FCT_PROJECTION_QUERY_FUNCTIONS_H

#include "projection/query_guard.h"

#define FCT_QUERY_WIDTH_MAX 1000

/* Replaces SQLite's functions in guard->db; |guard| must outlive the connection. Returns a code of
 * SQLite. */
FCT_MUST_USE int fct_query_functions_add(struct fct_query_guard *guard);

#endif
