/* query_fixture.h - a small model in a file, and queries against it; uses projection. */
#ifndef FCT_TESTS_SUPPORT_QUERY_FIXTURE_H
#define FCT_TESTS_SUPPORT_QUERY_FIXTURE_H

#include "core/slice.h"
#include "projection/query_gate.h"
#include "projection/query_guard.h"
#include "support/mem_fault.h"
#include "support/scratch.h"
#include "support/test.h"

/* What runners create: tables of a version, views over them, bookkeeping. */
static const char fixture_schema[] =
    "PRAGMA journal_mode = wal;"
    "CREATE TABLE factum_checkpoint (name TEXT PRIMARY KEY, position INT);"
    "INSERT INTO factum_checkpoint VALUES ('order_summary__v3', 42);"
    "CREATE TABLE factum_parked (build TEXT, key TEXT, position INT);"
    "CREATE TABLE order_summary__v3 (order_id TEXT PRIMARY KEY, customer_id TEXT NOT NULL,"
    "  total_cents BIGINT NOT NULL, tracking TEXT);"
    "CREATE INDEX order_summary_by_customer__v3 ON order_summary__v3 (customer_id);"
    "CREATE TABLE order_summary__v4 (order_id TEXT PRIMARY KEY, customer_id TEXT);"
    "CREATE TABLE sku_sales__v3 (sku TEXT PRIMARY KEY, qty BIGINT NOT NULL);"
    "CREATE VIEW order_summary AS SELECT * FROM order_summary__v3;"
    "CREATE VIEW sku_sales AS SELECT * FROM sku_sales__v3;"
    "CREATE VIEW sneaky AS SELECT * FROM factum_parked;"
    "INSERT INTO order_summary__v3 VALUES ('o1', 'c7', 1200, NULL), ('o2', 'c7', 300, 'T1'),"
    "  ('o3', 'c8', 99, 'T2');"
    "INSERT INTO sku_sales__v3 VALUES ('A', 5), ('B', 7);";

struct fixture {
    char dir[SCRATCH_SIZE];
    char path[SCRATCH_SIZE + 16];
    struct fct_mem_fault fault;
    struct fct_query_table tables[2];
    struct fct_query_gate *gate;
    factum_error err;
    /* The last answer: "a|b" for the columns, then "\n1|x" for each row. */
    char text[4096];
    size_t text_size;
    uint64_t row_count;
    uint64_t rows_wanted; /* |rows| ends the answer after this many; 0: all */
};

static inline void fixture_execute(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    char *message = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) {
        print_error("%s: %s\n", sql, message);
        fail();
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static inline void fixture_open(struct fixture *f, const struct fct_os *os)
{
    *f = (struct fixture){
        .tables = {{FCT_SLICE("order_summary"), FCT_SLICE("order_summary__v3")},
                   {FCT_SLICE("sku_sales"), FCT_SLICE("sku_sales__v3")}},
    };
    fct_query_guard_install();
    fct_mem_fault_init(&f->fault);
    assert_true(scratch_make(f->dir));
    (void)snprintf(f->path, sizeof f->path, "%s/m.db", f->dir);
    fixture_execute(f->path, fixture_schema);
    struct fct_query_gate_options options = {.os = os, .mem = &f->fault.mem, .path = f->path};
    assert_ok(fct_query_gate_open(&options, &f->gate, &f->err), f->err);
}

static inline void fixture_close(struct fixture *f)
{
    fct_query_gate_close(f->gate);
    assert_int_equal(f->fault.held, 0);
    assert_true(scratch_remove(f->dir));
}

static inline void fixture_add(struct fixture *f, const char *text, size_t len)
{
    if (len > sizeof f->text - 1 - f->text_size) {
        len = sizeof f->text - 1 - f->text_size;
    }
    memcpy(f->text + f->text_size, text, len);
    f->text_size += len;
    f->text[f->text_size] = '\0';
}

static inline bool fixture_columns(void *data, const factum_slice *names, size_t count)
{
    struct fixture *f = data;
    for (size_t i = 0; i < count; i++) {
        fixture_add(f, "|", i > 0);
        fixture_add(f, (const char *)names[i].ptr, names[i].len);
    }
    return true;
}

static inline bool fixture_row(void *data, const factum_value *values, size_t count)
{
    struct fixture *f = data;
    char number[64];
    int len = 0;
    for (size_t i = 0; i < count; i++) {
        fixture_add(f, i > 0 ? "|" : "\n", 1);
        switch (values[i].kind) {
        case FACTUM_VALUE_INTEGER:
            len = snprintf(number, sizeof number, "%lld", (long long)values[i].integer);
            fixture_add(f, number, (size_t)len);
            break;
        case FACTUM_VALUE_REAL:
            len = snprintf(number, sizeof number, "%g", values[i].real);
            fixture_add(f, number, (size_t)len);
            break;
        case FACTUM_VALUE_TEXT:
            fixture_add(f, (const char *)values[i].bytes.ptr, values[i].bytes.len);
            break;
        case FACTUM_VALUE_BYTES:
            fixture_add(f, "x", 1);
            for (size_t b = 0; b < values[i].bytes.len && b < 16; b++) {
                len = snprintf(number, sizeof number, "%02x", values[i].bytes.ptr[b]);
                fixture_add(f, number, (size_t)len);
            }
            break;
        case FACTUM_VALUE_NULL:
        default:
            fixture_add(f, "NULL", 4);
            break;
        }
    }
    f->row_count++;
    return f->rows_wanted == 0 || f->row_count < f->rows_wanted;
}

/* |query| with the model's tables. */
static inline factum_status fixture_run(struct fixture *f, struct fct_query query)
{
    factum_rows rows = {.data = f, .columns = fixture_columns, .row = fixture_row};
    uint64_t row_count = 0;
    f->text_size = 0;
    f->text[0] = '\0';
    f->row_count = 0;
    f->err = (factum_error){.status = FACTUM_OK};
    query.tables = f->tables;
    query.table_count = 2;
    factum_status status = fct_query_gate_run(f->gate, &query, &rows, &row_count, &f->err);
    assert_int_equal(row_count, f->row_count);
    assert_int_equal(f->err.status, status);
    return status;
}

static inline factum_status fixture_ask(struct fixture *f, const char *sql)
{
    return fixture_run(f, (struct fct_query){.sql = factum_slice_from(sql)});
}

#endif
