/* query_functions_int.h - what the files of query_functions.h share. Layer: projection. */
#ifndef FCT_PROJECTION_QUERY_FUNCTIONS_INT_H
#define FCT_PROJECTION_QUERY_FUNCTIONS_INT_H

#include <sqlite3.h>

#include <factum/base.h>

/* Charges |work|, about nanoseconds, to the query. False: the query has to end, and the function's
 * result is that error. */
bool fct_query_function_goes_on(sqlite3_context *context, uint64_t work);
/* Makes |text|, or its error, the function's result; frees it. */
void fct_query_function_finish(sqlite3_context *context, sqlite3_str *text);
/* printf(FORMAT, ...) and format(FORMAT, ...) */
void fct_query_printf(sqlite3_context *context, int count, sqlite3_value **values);

#endif
