/* query_fuzz.c - any bytes as a query of a small model. It ends soon after its time limit, with
 * rows or an error that gives a reason; it writes nothing, opens no file except the model's,
 * reads no value of another table, and leaks nothing. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/check.h"
#include "core/slice.h"
#include "projection/query_files.h"
#include "projection/query_gate.h"
#include "projection/query_guard.h"
#include "support/mem_fault.h"

#define TIME_MS_MAX UINT64_C(50)
#define OVER_MS_MAX UINT64_C(5000) /* sanitizers and busy machines take long */
#define SECRET "geheim-7391"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char schema[] =
    "CREATE TABLE t__v3 (id INTEGER PRIMARY KEY, name TEXT, n INT, j TEXT);"
    "CREATE INDEX t_by_name__v3 ON t__v3 (name);"
    "CREATE TABLE secret (s TEXT); INSERT INTO secret VALUES ('" SECRET "'), ('" SECRET "');"
    "CREATE VIEW t AS SELECT * FROM t__v3;"
    "INSERT INTO t__v3 VALUES (1, 'ab', 5, '[1,2]'), (2, 'Cd', -7, '{\"a\":1}'), (3, NULL, 0, "
    "NULL);";

static struct fct_mem_fault fault;
static struct fct_query_gate *gate;
static sqlite3 *db;

static uint64_t cpu_ms(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void open_model(void)
{
    factum_error err;
    fct_query_guard_install();
    FCT_ASSERT(fct_query_guard_is_exact());
    fct_mem_fault_init(&fault);
    FCT_ASSERT(sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                               fct_query_files_vfs()) == SQLITE_OK);
    FCT_ASSERT(sqlite3_exec(db, schema, NULL, NULL, NULL) == SQLITE_OK);
    struct fct_query_gate_options options = {.os = fct_os_real(), .mem = &fault.mem, .db = db};
    FCT_ASSERT(fct_query_gate_open(&options, &gate, &err) == FACTUM_OK);
}

static bool take_columns(void *data, const factum_slice *names, size_t count)
{
    (void)data;
    (void)names;
    FCT_ASSERT(count > 0);
    return true;
}

static bool take_row(void *data, const factum_value *values, size_t count)
{
    const factum_slice *sql = data;
    for (size_t i = 0; i < count; i++) {
        /* The query may contain the secret word itself. */
        FCT_ASSERT(values[i].bytes.len < sizeof SECRET - 1 ||
                   fct_slice_holds(*sql, FCT_SLICE("7391")) ||
                   !fct_slice_holds(values[i].bytes, FCT_SLICE(SECRET)));
    }
    return true;
}

static void check_end(factum_status status, const factum_error *err)
{
    FCT_ASSERT(status == FACTUM_OK || status == FACTUM_INVALID || status == FACTUM_EXPIRED ||
               status == FACTUM_TOO_BIG);
    FCT_ASSERT(status == FACTUM_OK || err->text[0] != '\0');
    FCT_ASSERT(sqlite3_total_changes(db) == 5);
    FCT_ASSERT(sqlite3_get_autocommit(db) != 0);
    FCT_ASSERT(sqlite3_db_name(db, 2) == NULL); /* main and temp, nothing attached */
    FCT_ASSERT(fault.held == 1);                /* the gate */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct fct_query_table table = {FCT_SLICE("t"), FCT_SLICE("t__v3")};
    if (gate == NULL) {
        open_model();
    }
    factum_error err = {.status = FACTUM_OK};
    factum_slice sql = fct_slice(data, size);
    factum_rows rows = {.data = &sql, .columns = take_columns, .row = take_row};
    const factum_model_parameter parameter = {FCT_SLICE("p"), {.kind = FACTUM_VALUE_INTEGER}};
    uint64_t row_count = 0;
    for (int plan = 0; plan < 2; plan++) {
        struct fct_query query = {
            .sql = sql,
            .tables = &table,
            .table_count = 1,
            .parameters = &parameter,
            .parameter_count = size > 0 && memchr(data, ':', size) != NULL,
            .plan = plan > 0,
            .time_ms_max = TIME_MS_MAX,
            .memory_max = UINT64_C(8) << 20,
        };
        uint64_t start = cpu_ms();
        factum_status status = fct_query_gate_run(gate, &query, &rows, &row_count, &err);
        FCT_ASSERT(cpu_ms() - start <= TIME_MS_MAX + OVER_MS_MAX);
        check_end(status, &err);
    }
    return 0;
}
