/* model_table.c - see model_table.h. Layer: projection. */
#include "projection/model_table.h"

#include <string.h>

#include "core/error.h"
#include "core/slice.h"
#include "projection/sqlite_status.h"

#define TABLE_COLUMNS_MAX 2000 /* SQLite's own limit */
#define HIDDEN_OF_VIRTUAL_TABLES 1
#define HIDDEN_COMPUTED 2

/* ---- names ----------------------------------------------------------------------------------- */

struct table_names {
    factum_arena *arena;
    factum_slice *names;
    size_t max;
    size_t count;
    factum_status status;
};

static bool note_name(void *data, factum_slice name)
{
    struct table_names *found = data;
    for (size_t i = 0; i < found->count; i++) {
        if (fct_slice_equal(found->names[i], name)) {
            return true;
        }
    }
    if (found->count == found->max) {
        found->status = FACTUM_TOO_BIG;
        return false;
    }
    factum_slice copy = factum_arena_copy(found->arena, name);
    if (copy.len != name.len) {
        found->status = factum_arena_status(found->arena);
        return false;
    }
    found->names[found->count++] = copy;
    return true;
}

factum_status fct_model_table_names(struct fct_model_file *file, struct fct_build build,
                                    factum_arena *arena, factum_slice *names, size_t max,
                                    size_t *count, factum_error *err)
{
    struct table_names found = {arena, names, max, *count, FACTUM_OK};
    factum_status status = fct_model_build_tables(file, build, &found, note_name, err);
    if (status == FACTUM_OK && found.status != FACTUM_OK) {
        status = fct_fail(err, found.status, "%s.db: listing the tables: no room", file->name);
    }
    *count = found.count;
    return status;
}

/* ---- columns --------------------------------------------------------------------------------- */

struct table_columns {
    factum_slice *names;
    uint32_t *keys;
};

static factum_status note_column(sqlite3_stmt *row, bool stored, factum_arena *arena,
                                 const struct table_columns *columns, struct fct_model_table *table,
                                 factum_error *err)
{
    int hidden = sqlite3_column_int(row, 2);
    if (hidden == HIDDEN_OF_VIRTUAL_TABLES || (stored && hidden == HIDDEN_COMPUTED)) {
        return FACTUM_OK;
    }
    if (table->column_count == TABLE_COLUMNS_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "a table has more than %d columns", TABLE_COLUMNS_MAX);
    }
    factum_slice name = fct_sqlite_text(row, 0);
    factum_slice copy = factum_arena_copy(arena, name);
    if (copy.len != name.len) {
        return fct_fail(err, factum_arena_status(arena), "reading the columns of a table: no room");
    }
    int key = sqlite3_column_int(row, 1);
    if (key > 0 && key <= TABLE_COLUMNS_MAX) {
        columns->keys[key - 1] = (uint32_t)table->column_count;
        table->key_count++;
    }
    columns->names[table->column_count++] = copy;
    return FACTUM_OK;
}

factum_status fct_model_table_load(struct fct_model_file *file, struct fct_build build,
                                   factum_slice name, bool stored, factum_arena *arena,
                                   struct fct_model_table *table, factum_error *err)
{
    static const char sql[] = "SELECT name, pk, hidden FROM pragma_table_xinfo(?1 || ?2)";
    char suffix[FCT_BUILD_SUFFIX_SIZE];
    sqlite3_stmt *statement = NULL;
    bool row = true;
    const struct table_columns columns = {
        .names = factum_arena_alloc(arena, TABLE_COLUMNS_MAX * sizeof(factum_slice)),
        .keys = factum_arena_alloc(arena, TABLE_COLUMNS_MAX * sizeof(uint32_t))};
    if (columns.names == NULL || columns.keys == NULL) {
        return fct_fail(err, factum_arena_status(arena), "reading the columns of a table: no room");
    }
    fct_build_suffix(build, suffix);
    *table = (struct fct_model_table){.name = name, .columns = columns.names, .keys = columns.keys};
    factum_status status = fct_sqlite_prepare(file->db, factum_slice_from(sql),
                                              "reading the columns of a table", &statement, err);
    if (status == FACTUM_OK) {
        (void)fct_sqlite_bind_text(statement, 1, name);
        (void)fct_sqlite_bind_text(statement, 2, factum_slice_from(suffix));
    }
    while (status == FACTUM_OK && row) {
        status = fct_sqlite_step(statement, "reading the columns of a table", &row, err);
        if (status == FACTUM_OK && row) {
            status = note_column(statement, stored, arena, &columns, table, err);
        }
    }
    (void)sqlite3_finalize(statement);
    return status;
}

/* ---- values ---------------------------------------------------------------------------------- */

factum_value fct_value_of_column(sqlite3_stmt *row, int column)
{
    factum_value value = {.kind = FACTUM_VALUE_NULL};
    switch (sqlite3_column_type(row, column)) {
    case SQLITE_INTEGER:
        value.kind = FACTUM_VALUE_INTEGER;
        value.integer = sqlite3_column_int64(row, column);
        break;
    case SQLITE_FLOAT:
        value.kind = FACTUM_VALUE_REAL;
        value.real = sqlite3_column_double(row, column);
        break;
    case SQLITE_TEXT:
        value.kind = FACTUM_VALUE_TEXT;
        value.bytes = fct_sqlite_text(row, column);
        break;
    case SQLITE_BLOB:
        value.kind = FACTUM_VALUE_BYTES;
        value.bytes.ptr = sqlite3_column_blob(row, column);
        value.bytes.len = (size_t)sqlite3_column_bytes(row, column);
        break;
    default:
        break;
    }
    return value;
}

factum_value fct_value_of(sqlite3_value *value)
{
    factum_value is = {.kind = FACTUM_VALUE_NULL};
    switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
        is.kind = FACTUM_VALUE_INTEGER;
        is.integer = sqlite3_value_int64(value);
        break;
    case SQLITE_FLOAT:
        is.kind = FACTUM_VALUE_REAL;
        is.real = sqlite3_value_double(value);
        break;
    case SQLITE_TEXT:
        is.kind = FACTUM_VALUE_TEXT;
        is.bytes.ptr = sqlite3_value_text(value);
        is.bytes.len = is.bytes.ptr != NULL ? (size_t)sqlite3_value_bytes(value) : 0;
        break;
    case SQLITE_BLOB:
        is.kind = FACTUM_VALUE_BYTES;
        is.bytes.ptr = sqlite3_value_blob(value);
        is.bytes.len = (size_t)sqlite3_value_bytes(value);
        break;
    default:
        break;
    }
    return is;
}

static int compare_integers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_reals(double a, double b)
{
    return (a > b) - (a < b);
}

/* Exact: converting the integer to a double could change it. */
static int compare_integer_with_real(int64_t a, double b)
{
    if (b < -9223372036854775808.0) {
        return 1;
    }
    if (b >= 9223372036854775808.0) {
        return -1;
    }
    int whole = compare_integers(a, (int64_t)b);
    return whole != 0 ? whole : compare_reals((double)a, b);
}

static int compare_bytes(factum_slice a, factum_slice b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common > 0 ? memcmp(a.ptr, b.ptr, common) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* The order of types: NULL, numbers, texts, blobs. */
static int class_of(const factum_value *value)
{
    switch (value->kind) {
    case FACTUM_VALUE_NULL:
        return 0;
    case FACTUM_VALUE_INTEGER:
    case FACTUM_VALUE_REAL:
        return 1;
    case FACTUM_VALUE_TEXT:
        return 2;
    case FACTUM_VALUE_BYTES:
        return 3;
    }
    return 0;
}

int fct_value_compare(const factum_value *a, const factum_value *b)
{
    int classes = class_of(a) - class_of(b);
    if (classes != 0 || a->kind == FACTUM_VALUE_NULL) {
        return classes;
    }
    if (class_of(a) > 1) {
        return compare_bytes(a->bytes, b->bytes);
    }
    if (a->kind == FACTUM_VALUE_INTEGER) {
        return b->kind == FACTUM_VALUE_INTEGER ? compare_integers(a->integer, b->integer)
                                               : compare_integer_with_real(a->integer, b->real);
    }
    return b->kind == FACTUM_VALUE_INTEGER ? -compare_integer_with_real(b->integer, a->real)
                                           : compare_reals(a->real, b->real);
}
