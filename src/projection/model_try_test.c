/* model_try_test.c - which rows an event would change, and that nothing is changed. Layer:
 * projection. */
#include "projection/model_try.h"

#include <inttypes.h>

#include "support/model_fixture.h"

struct try_fixture {
    struct model_fixture *model;
    struct model_definition made;
    struct fct_target *target;
    struct fct_checkpoint at;
    char reported[2048];
    bool end;
    factum_error err;
};

static int set_up(void **state)
{
    static struct try_fixture fixture;
    void *model;
    memset(&fixture, 0, sizeof fixture);
    if (model_set_up(&model) != 0) {
        return 1;
    }
    fixture.model = model;
    model_begin(&fixture.made, "orders");
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct try_fixture *f = *state;
    void *model = f->model;
    if (f->target != NULL) {
        f->target->ops->close(f->target);
    }
    return model_tear_down(&model);
}

static void add_text(struct try_fixture *f, const char *text)
{
    size_t len = strlen(f->reported);
    (void)snprintf(f->reported + len, sizeof f->reported - len, "%s", text);
}

static void add_values(struct try_fixture *f, const factum_value *values, size_t count)
{
    for (size_t i = 0; values != NULL && i < count; i++) {
        char text[64] = " null";
        if (values[i].kind == FACTUM_VALUE_INTEGER) {
            (void)snprintf(text, sizeof text, " %" PRId64, values[i].integer);
        } else if (values[i].kind != FACTUM_VALUE_NULL) {
            (void)snprintf(text, sizeof text, " '%.*s'", (int)values[i].bytes.len,
                           (const char *)values[i].bytes.ptr);
        }
        add_text(f, text);
    }
}

static bool note(void *data, factum_slice table, factum_row_change kind,
                 const factum_slice *columns, size_t count, const factum_value *before,
                 const factum_value *after)
{
    static const char *const marks[] = {"?", "+", "-", "~"};
    struct try_fixture *f = data;
    (void)columns;
    assert_true(sqlite3_get_autocommit(f->model->file->db) != 0); /* no transaction is open */
    add_text(f, f->reported[0] != '\0' ? ", " : "");
    add_text(f, marks[kind]);
    char name[64];
    (void)snprintf(name, sizeof name, "%.*s", (int)table.len, (const char *)table.ptr);
    add_text(f, name);
    add_values(f, before, count);
    add_text(f, kind == FACTUM_ROW_CHANGED ? " >" : "");
    add_values(f, after, count);
    return !f->end;
}

/* Called after tables and handlers are defined. */
static void open_build(struct try_fixture *f, const char *rows)
{
    struct fct_model_file *file = f->model->file;
    assert_ok(fct_model_build_create(file, &f->made.definition, model_v1, &f->err), f->err);
    assert_ok(fct_sqlite_target_open(file, &f->made.definition, model_v1, &f->target, &f->err),
              f->err);
    assert_ok(f->target->ops->take_over(f->target, &f->at, &f->err), f->err);
    model_exec(file->db, rows);
}

static factum_status try_event(struct try_fixture *f, const struct fct_handler *handler,
                               const factum_value *values, size_t rows)
{
    struct fct_bound bound = {.handler = handler, .values = values, .row_count = rows};
    struct fct_bound_event event = {.position = 1, .bound = &bound, .bound_count = 1};
    const factum_changes changes = {f, note};
    int64_t before = model_number(f->model->file->db, "SELECT total_changes()");
    (void)before;
    f->reported[0] = '\0';
    f->err = (factum_error){.status = FACTUM_OK};
    return fct_model_try(f->model->file, model_v1, f->target, &event, &changes, &f->err);
}

static void assert_tried(struct try_fixture *f, const struct fct_handler *handler,
                         const char *wanted)
{
    const factum_value none = {.kind = FACTUM_VALUE_NULL};
    struct fct_checkpoint at;
    assert_ok(try_event(f, handler, &none, 1), f->err);
    assert_string_equal(f->reported, wanted);
    assert_ok(f->target->ops->read_checkpoint(f->target, &at, &f->err), f->err);
    assert_int_equal(at.epoch, f->at.epoch); /* its runner goes on */
    assert_int_equal(at.position, f->at.position);
}

TEST(several_changes_of_a_row_are_one_change)
{
    struct try_fixture *f = *state;
    model_relation(&f->made, "CREATE TABLE {{t}} (id TEXT PRIMARY KEY, n BIGINT)");
    const struct fct_handler *insert_update =
        model_on(&f->made, -1, "INSERT INTO {{t}} VALUES ('new', 1)", "UPDATE {{t}} SET n = n + 1");
    const struct fct_handler *insert_delete = model_on(
        &f->made, -1, "INSERT INTO {{t}} VALUES ('new', 1)", "DELETE FROM {{t}} WHERE id <> 'a'");
    const struct fct_handler *there_and_back =
        model_on(&f->made, -1, "UPDATE {{t}} SET n = n + 1", "UPDATE {{t}} SET n = n - 1");
    const struct fct_handler *replace =
        model_on(&f->made, -1, "INSERT OR REPLACE INTO {{t}} VALUES ('a', 7)", NULL);
    const struct fct_handler *rename =
        model_on(&f->made, -1, "UPDATE {{t}} SET id = 'c', n = 9 WHERE id = 'a'", NULL);
    const struct fct_handler *nothing =
        model_on(&f->made, -1, "UPDATE {{t}} SET n = 0 WHERE id = 'x'", NULL);
    open_build(f, "INSERT INTO t__v1 VALUES ('a', 1), ('b', 2)");
    assert_tried(f, insert_update, "~t 'a' 1 > 'a' 2, ~t 'b' 2 > 'b' 3, +t 'new' 2");
    assert_tried(f, insert_delete, "-t 'b' 2");
    assert_tried(f, there_and_back, "");
    assert_tried(f, replace, "~t 'a' 1 > 'a' 7");
    assert_tried(f, rename, "-t 'a' 1, +t 'c' 9");
    assert_tried(f, nothing, "");
    assert_int_equal(model_number(f->model->file->db, "SELECT sum(n) FROM t__v1"), 3);
}

TEST(tables_of_every_form_report_their_rows)
{
    struct try_fixture *f = *state;
    model_relation(&f->made, "CREATE TABLE {{bag}} (a, b)");
    model_relation(&f->made, "CREATE TABLE {{num}} (x, id INTEGER PRIMARY KEY, b)");
    model_relation(&f->made, "CREATE TABLE {{pair}} (v, b, a, PRIMARY KEY (a, b)) WITHOUT ROWID");
    model_relation(&f->made, "CREATE TABLE {{sum}} (id INTEGER PRIMARY KEY, g AS (b * 2), b,"
                             " s AS (b * 3) STORED)");
    const struct fct_handler *bag =
        model_on(&f->made, -1, "UPDATE {{bag}} SET b = 5", "INSERT INTO {{bag}} VALUES (1, 1)");
    const struct fct_handler *num = model_on(&f->made, -1, "UPDATE {{num}} SET id = id + 10",
                                             "INSERT INTO {{num}} (x) VALUES ('y')");
    const struct fct_handler *pair =
        model_on(&f->made, -1, "UPDATE {{pair}} SET v = 'w'",
                 "INSERT INTO {{pair}} VALUES ('n', 'b2', 'a1'), ('n', 'b1', 'a2')");
    const struct fct_handler *sum = model_on(&f->made, -1, "UPDATE {{sum}} SET b = b + 1",
                                             "INSERT INTO {{sum}} (b) VALUES (7)");
    open_build(f, "INSERT INTO bag__v1 VALUES (1, 1), (1, 1); INSERT INTO num__v1 VALUES"
                  " ('x', 1, 'b'); INSERT INTO pair__v1 VALUES ('v', 'b1', 'a1');"
                  "INSERT INTO sum__v1 (b) VALUES (2)");
    assert_tried(f, bag, "~bag 1 1 > 1 5, ~bag 1 1 > 1 5, +bag 1 1");
    assert_tried(f, num, "-num 'x' 1 'b', +num 'x' 11 'b', +num 'y' 12 null");
    assert_tried(f, pair,
                 "~pair 'v' 'b1' 'a1' > 'w' 'b1' 'a1', +pair 'n' 'b2' 'a1',"
                 " +pair 'n' 'b1' 'a2'");
    assert_tried(f, sum, "~sum 1 2 6 > 1 3 9, +sum 2 7 21");
}

/* The statement was prepared and run before the hook was set. */
TEST(emptying_a_table_reports_every_row)
{
    struct try_fixture *f = *state;
    model_relation(&f->made, "CREATE TABLE {{t}} (id INTEGER PRIMARY KEY)");
    const struct fct_handler *empty = model_on(&f->made, -1, "DELETE FROM {{t}}", NULL);
    open_build(f, "INSERT INTO t__v1 VALUES (1), (2), (3)");
    struct fct_bound bound = {.handler = empty, .row_count = 1};
    struct fct_bound_event event = {.bound = &bound, .bound_count = 1};
    assert_ok(f->target->ops->begin(f->target, &f->at, &f->at, &f->err), f->err);
    assert_ok(f->target->ops->apply(f->target, &event, &f->err), f->err);
    f->target->ops->rollback(f->target);
    assert_tried(f, empty, "-t 1, -t 2, -t 3");
    assert_ok(f->target->ops->begin(f->target, &f->at, &f->at, &f->err), f->err);
    assert_ok(f->target->ops->apply(f->target, &event, &f->err), f->err);
    assert_ok(f->target->ops->commit(f->target, &f->err), f->err);
    assert_tried(f, empty, "");
}

TEST(the_fault_of_an_event_is_reported_and_nothing_is_kept)
{
    struct try_fixture *f = *state;
    model_relation(&f->made, "CREATE TABLE {{t}} (id TEXT PRIMARY KEY)");
    const struct fct_handler *twice =
        model_on(&f->made, -1, "INSERT INTO {{t}} VALUES ('b')", "INSERT INTO {{t}} VALUES ('a')");
    const struct fct_handler *good =
        model_on(&f->made, -1, "INSERT INTO {{t}} VALUES ('b'), ('c')", NULL);
    const factum_value none = {.kind = FACTUM_VALUE_NULL};
    open_build(f, "INSERT INTO t__v1 VALUES ('a')");
    assert_status(try_event(f, twice, &none, 1), FACTUM_INVALID);
    assert_text(f->err, "UNIQUE constraint failed");
    assert_string_equal(f->reported, "");
    f->end = true;
    assert_status(try_event(f, good, &none, 1), FACTUM_CANCELLED);
    assert_string_equal(f->reported, "+t 'b'");
    assert_int_equal(model_number(f->model->file->db, "SELECT count(*) FROM t__v1"), 1);
    assert_true(sqlite3_get_autocommit(f->model->file->db) != 0);
}

TEST(more_rows_than_memory_holds_are_too_big)
{
    struct try_fixture *f = *state;
    model_relation(&f->made, "CREATE TABLE {{t}} (id INTEGER PRIMARY KEY, text)");
    const struct fct_handler *big =
        model_on(&f->made, -1,
                 "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 80)"
                 " INSERT INTO {{t}} SELECT i, zeroblob(1000000) FROM n",
                 NULL);
    const factum_value none = {.kind = FACTUM_VALUE_NULL};
    open_build(f, "");
    assert_status(try_event(f, big, &none, 1), FACTUM_TOO_BIG);
    assert_string_equal(f->reported, "");
    assert_int_equal(model_number(f->model->file->db, "SELECT count(*) FROM t__v1"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(several_changes_of_a_row_are_one_change),
        FIXTURE_CASE(tables_of_every_form_report_their_rows),
        FIXTURE_CASE(emptying_a_table_reports_every_row),
        FIXTURE_CASE(the_fault_of_an_event_is_reported_and_nothing_is_kept),
        FIXTURE_CASE(more_rows_than_memory_holds_are_too_big),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
