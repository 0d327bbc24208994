/* sql_functions.h - the functions of SQLite that definitions and queries may call. Layer:
 * projection. Pure. A function that is not in the list is refused, so that functions of later
 * versions of SQLite are refused too. */
#ifndef FCT_PROJECTION_SQL_FUNCTIONS_H
#define FCT_PROJECTION_SQL_FUNCTIONS_H

#include <stdbool.h>

enum fct_sql_caller {
    FCT_SQL_IN_DEFINITION = 1,
    FCT_SQL_IN_QUERY = 2,
};

/* May |caller| call the function |name|, in any case of letters? */
bool fct_sql_function_allowed(const char *name, enum fct_sql_caller caller);

#endif
