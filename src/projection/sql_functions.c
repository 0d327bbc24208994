/* sql_functions.c - see sql_functions.h. Layer: projection.
 *
 * For definitions: the same arguments give the same result on every machine and at every time. exp,
 * ln, sin and others of the kind are left out, because their last digits depend on the C library.
 *
 * For queries: left out are functions that load code or read the state of the connection
 * (load_extension, changes, sqlite_...), those of full-text tables, and json_patch, whose time
 * grows with the product of its arguments.
 */
#include "projection/sql_functions.h"

#include <stddef.h>

#include <sqlite3.h>

#define DEFINITION FCT_SQL_IN_DEFINITION
#define QUERY FCT_SQL_IN_QUERY
#define BOTH (FCT_SQL_IN_DEFINITION | FCT_SQL_IN_QUERY)

/* In the order of strcmp. */
static const struct {
    const char *name;
    unsigned callers; /* a bit for each fct_sql_caller */
} sql_functions[] = {
    {"->", BOTH},
    {"->>", BOTH},
    {"abs", BOTH},
    {"acos", QUERY},
    {"acosh", QUERY},
    {"asin", QUERY},
    {"asinh", QUERY},
    {"atan", QUERY},
    {"atan2", QUERY},
    {"atanh", QUERY},
    {"avg", BOTH},
    {"ceil", BOTH},
    {"ceiling", BOTH},
    {"char", BOTH},
    {"coalesce", BOTH},
    {"cos", QUERY},
    {"cosh", QUERY},
    {"count", BOTH},
    {"cume_dist", BOTH},
    {"current_date", QUERY},
    {"current_time", QUERY},
    {"current_timestamp", QUERY},
    {"date", QUERY},
    {"datetime", QUERY},
    {"degrees", QUERY},
    {"dense_rank", BOTH},
    {"exp", QUERY},
    {"first_value", BOTH},
    {"floor", BOTH},
    {"format", BOTH},
    {"glob", BOTH},
    {"group_concat", BOTH},
    {"hex", BOTH},
    {"ifnull", BOTH},
    {"iif", BOTH},
    {"instr", BOTH},
    {"json", BOTH},
    {"json_array", BOTH},
    {"json_array_length", BOTH},
    {"json_extract", BOTH},
    {"json_group_array", BOTH},
    {"json_group_object", BOTH},
    {"json_insert", BOTH},
    {"json_object", BOTH},
    {"json_patch", DEFINITION},
    {"json_quote", BOTH},
    {"json_remove", BOTH},
    {"json_replace", BOTH},
    {"json_set", BOTH},
    {"json_type", BOTH},
    {"json_valid", BOTH},
    {"julianday", QUERY},
    {"lag", BOTH},
    {"last_value", BOTH},
    {"lead", BOTH},
    {"length", BOTH},
    {"like", BOTH},
    {"likelihood", BOTH},
    {"likely", BOTH},
    {"ln", QUERY},
    {"log", QUERY},
    {"log10", QUERY},
    {"log2", QUERY},
    {"lower", BOTH},
    {"ltrim", BOTH},
    {"max", BOTH},
    {"min", BOTH},
    {"mod", BOTH},
    {"nth_value", BOTH},
    {"ntile", BOTH},
    {"nullif", BOTH},
    {"percent_rank", BOTH},
    {"pi", QUERY},
    {"pow", QUERY},
    {"power", QUERY},
    {"printf", BOTH},
    {"quote", BOTH},
    {"radians", QUERY},
    {"random", QUERY},
    {"randomblob", QUERY},
    {"rank", BOTH},
    {"replace", BOTH},
    {"round", BOTH},
    {"row_number", BOTH},
    {"rtrim", BOTH},
    {"sign", BOTH},
    {"sin", QUERY},
    {"sinh", QUERY},
    {"sqrt", BOTH},
    {"strftime", QUERY},
    {"substr", BOTH},
    {"substring", BOTH},
    {"sum", BOTH},
    {"tan", QUERY},
    {"tanh", QUERY},
    {"time", QUERY},
    {"total", BOTH},
    {"trim", BOTH},
    {"trunc", BOTH},
    {"typeof", BOTH},
    {"unicode", BOTH},
    {"unixepoch", QUERY},
    {"unlikely", BOTH},
    {"upper", BOTH},
    {"zeroblob", QUERY},
};

#undef BOTH
#undef QUERY
#undef DEFINITION

bool fct_sql_function_allowed(const char *name, enum fct_sql_caller caller)
{
    size_t low = 0;
    size_t high = sizeof sql_functions / sizeof *sql_functions;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = sqlite3_stricmp(name, sql_functions[middle].name);
        if (order == 0) {
            return (sql_functions[middle].callers & (unsigned)caller) != 0;
        }
        low = order > 0 ? middle + 1 : low;
        high = order > 0 ? high : middle;
    }
    return false;
}
