/* query_bind.c - the parameters of a query. Layer: projection. See query_bind.h. */
#include "projection/query_bind.h"

#include "core/error.h"
#include "core/slice.h"

/* The name of the parameter |number|, from 1. Empty: it has another form, and |err| says so. */
static factum_slice query_bind_name(sqlite3_stmt *statement, const struct fct_query *query,
                                    int number, factum_error *err)
{
    const char *written = sqlite3_bind_parameter_name(statement, number);
    if (query->numbered != NULL && (written == NULL || written[0] == '?') &&
        (size_t)number <= query->numbered_count) {
        return query->numbered[number - 1];
    }
    if (query->numbered == NULL && written != NULL && written[0] == ':') {
        return factum_slice_from(written + 1);
    }
    (void)fct_fail(err, FACTUM_INVALID, "a parameter has the form :name, not %.64s",
                   written != NULL ? written : "?");
    return (factum_slice){NULL, 0};
}

/* The given parameter |name|; NULL: none. */
static const factum_model_parameter *query_bind_given(const struct fct_query *query,
                                                      factum_slice name)
{
    for (size_t i = 0; i < query->parameter_count; i++) {
        if (fct_slice_equal(query->parameters[i].name, name)) {
            return &query->parameters[i];
        }
    }
    return NULL;
}

/* The number of the parameter |name| in the statement; 0: none. */
static int query_bind_find(sqlite3_stmt *statement, const struct fct_query *query,
                           factum_slice name)
{
    factum_error ignored;
    int count = sqlite3_bind_parameter_count(statement);
    for (int i = 1; i <= count; i++) {
        if (fct_slice_equal(query_bind_name(statement, query, i, &ignored), name)) {
            return i;
        }
    }
    return 0;
}

/* Checks that each given parameter is in the query, and is given once. */
static factum_status query_bind_check_given(sqlite3_stmt *statement, const struct fct_query *query,
                                            factum_error *err)
{
    for (size_t i = 0; i < query->parameter_count; i++) {
        const factum_model_parameter *given = &query->parameters[i];
        if (query_bind_find(statement, query, given->name) == 0) {
            return fct_fail(err, FACTUM_INVALID, "the query has no parameter :%.*s",
                            FCT_FMT(given->name));
        }
        if (query_bind_given(query, given->name) != given) {
            return fct_fail(err, FACTUM_INVALID, "the parameter :%.*s is given twice",
                            FCT_FMT(given->name));
        }
    }
    return FACTUM_OK;
}

static int query_bind_value(sqlite3_stmt *statement, int number, const factum_value *value)
{
    const void *bytes = value->bytes.len > 0 ? (const void *)value->bytes.ptr : "";
    switch (value->kind) {
    case FACTUM_VALUE_NULL:
        return sqlite3_bind_null(statement, number);
    case FACTUM_VALUE_INTEGER:
        return sqlite3_bind_int64(statement, number, value->integer);
    case FACTUM_VALUE_REAL:
        return sqlite3_bind_double(statement, number, value->real);
    case FACTUM_VALUE_TEXT:
        return fct_utf8_valid(value->bytes)
                   ? sqlite3_bind_text64(statement, number, bytes, value->bytes.len, SQLITE_STATIC,
                                         SQLITE_UTF8)
                   : SQLITE_MISMATCH;
    case FACTUM_VALUE_BYTES:
        return sqlite3_bind_blob64(statement, number, bytes, value->bytes.len, SQLITE_STATIC);
    default:
        return SQLITE_MISUSE;
    }
}

static factum_status query_bind_one(sqlite3_stmt *statement, int number,
                                    const factum_model_parameter *given, factum_error *err)
{
    int code = query_bind_value(statement, number, &given->value);
    switch (code) {
    case SQLITE_OK:
        return FACTUM_OK;
    case SQLITE_MISMATCH:
        return fct_fail(err, FACTUM_INVALID, "the parameter :%.*s is a text that is not UTF-8",
                        FCT_FMT(given->name));
    case SQLITE_TOOBIG:
        return fct_fail(err, FACTUM_TOO_BIG,
                        "the parameter :%.*s has %zu bytes: at most %d with this much memory",
                        FCT_FMT(given->name), given->value.bytes.len,
                        sqlite3_limit(sqlite3_db_handle(statement), SQLITE_LIMIT_LENGTH, -1));
    case SQLITE_NOMEM:
        return fct_fail(err, FACTUM_NO_MEMORY, "no memory for a query");
    default:
        return fct_fail(err, FACTUM_INVALID, "the parameter :%.*s is of an unknown kind: %d",
                        FCT_FMT(given->name), (int)given->value.kind);
    }
}

factum_status fct_query_bind(sqlite3_stmt *statement, const struct fct_query *query,
                             factum_error *err)
{
    int count = sqlite3_bind_parameter_count(statement);
    factum_status status = FACTUM_OK;
    for (int i = 1; i <= count && status == FACTUM_OK; i++) {
        factum_slice name = query_bind_name(statement, query, i, err);
        const factum_model_parameter *given = query_bind_given(query, name);
        if (name.len == 0) {
            return FACTUM_INVALID;
        }
        status = given != NULL ? query_bind_one(statement, i, given, err)
                               : fct_fail(err, FACTUM_INVALID, "the parameter :%.*s is missing",
                                          FCT_FMT(name));
    }
    return status == FACTUM_OK ? query_bind_check_given(statement, query, err) : status;
}
