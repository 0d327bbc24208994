/* sqlite_target_test.c - batches, fencing, savepoints, parked events, and the file after a kill.
 * Layer: projection. */
#include "projection/parked_table.h"
#include "projection/sqlite_target.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "support/mem_fault.h"
#include "support/model_fixture.h"

#define BATCHES_OF_A_CHILD 1000000u
#define KILLS 50

struct target_fixture {
    struct model_fixture *model;
    struct model_definition made;
    const struct fct_handler *insert; /* :id, :total */
    const struct fct_handler *update; /* :total, :id; expects 1 */
    const struct fct_handler *count;  /* two statements; :sku */
    const struct fct_handler *parse;  /* :note, JSON, then :id */
    struct fct_target *target;
    struct fct_checkpoint at;
    factum_error err;
};

static void define(struct target_fixture *f)
{
    model_begin(&f->made, "orders");
    model_relation(&f->made, "CREATE TABLE {{orders}} (id TEXT PRIMARY KEY, total INTEGER NOT NULL"
                             " CHECK (total < 1000000)) STRICT");
    model_relation(&f->made, "CREATE TABLE {{skus}} (sku TEXT PRIMARY KEY, n BIGINT, last)");
    f->insert =
        model_on(&f->made, -1, "INSERT INTO {{orders}} (id, total) VALUES (:id, :total)", NULL);
    f->update = model_on(&f->made, 1, "UPDATE {{orders}} SET total = :total WHERE id = :id", NULL);
    f->count = model_on(&f->made, -1,
                        "INSERT INTO {{skus}} (sku, n) VALUES (:sku, 1)"
                        " ON CONFLICT (sku) DO UPDATE SET n = {{skus}}.n + excluded.n",
                        "UPDATE {{skus}} SET last = :last WHERE sku = :sku");
    (void)model_on(&f->made, -1, "DELETE FROM {{skus}} WHERE sku = :sku OR sku = :other", NULL);
    f->parse = model_on(
        &f->made, -1,
        "UPDATE {{orders}} SET total = abs(json_extract(:note, '$.total')) WHERE id = :id", NULL);
}

static void open_target(struct target_fixture *f, struct fct_target **target)
{
    assert_ok(
        fct_sqlite_target_open(f->model->file, &f->made.definition, model_v1, target, &f->err),
        f->err);
}

static int set_up(void **state)
{
    static struct target_fixture fixture;
    void *model;
    memset(&fixture, 0, sizeof fixture);
    if (model_set_up(&model) != 0) {
        return 1;
    }
    fixture.model = model;
    define(&fixture);
    *state = &fixture;
    if (fct_model_build_create(fixture.model->file, &fixture.made.definition, model_v1,
                               &fixture.err) != FACTUM_OK) {
        return 1;
    }
    open_target(&fixture, &fixture.target);
    return fixture.target->ops->take_over(fixture.target, &fixture.at, &fixture.err) == FACTUM_OK
               ? 0
               : 1;
}

static void close_target(struct target_fixture *f)
{
    if (f->target != NULL) {
        f->target->ops->close(f->target);
        f->target = NULL;
    }
}

static int tear_down(void **state)
{
    struct target_fixture *f = *state;
    void *model = f->model;
    close_target(f);
    return model_tear_down(&model);
}

static struct fct_checkpoint after(struct fct_checkpoint at, uint64_t position)
{
    at.position = position;
    at.created = (int64_t)position * 10;
    at.event_count++;
    (void)snprintf(at.token, sizeof at.token, "token-%d", (int)position);
    return at;
}

static void begin(struct target_fixture *f, uint64_t position)
{
    struct fct_checkpoint to = after(f->at, position);
    assert_ok(f->target->ops->begin(f->target, &f->at, &to, &f->err), f->err);
    f->at = to;
}

static factum_status apply(struct target_fixture *f, const struct fct_handler *handler,
                           const factum_value *values, size_t rows)
{
    struct fct_bound bound = {.handler = handler, .values = values, .row_count = rows};
    struct fct_bound_event event = {.position = 1, .bound = &bound, .bound_count = 1};
    f->err = (factum_error){.status = FACTUM_OK};
    return f->target->ops->apply(f->target, &event, &f->err);
}

static factum_status insert(struct target_fixture *f, const char *id, int64_t total)
{
    const factum_value values[] = {model_text(id), model_integer(total)};
    return apply(f, f->insert, values, 1);
}

static factum_status update(struct target_fixture *f, const char *id, int64_t total)
{
    const factum_value values[] = {model_integer(total), model_text(id)};
    return apply(f, f->update, values, 1);
}

static int64_t number(struct target_fixture *f, const char *sql)
{
    return model_number(f->model->file->db, sql);
}

static void commit(struct target_fixture *f)
{
    assert_ok(f->target->ops->commit(f->target, &f->err), f->err);
}

/* ---- values ---------------------------------------------------------------------------------- */

TEST(each_kind_of_value_arrives_as_it_is)
{
    struct target_fixture *f = *state;
    const factum_value lasts[] = {
        {.kind = FACTUM_VALUE_NULL},
        model_integer(INT64_MIN),
        {.kind = FACTUM_VALUE_REAL, .real = 0.5},
        {.kind = FACTUM_VALUE_TEXT}, /* empty, with NULL as its pointer: still a text */
        {.kind = FACTUM_VALUE_TEXT, .bytes = FCT_SLICE("a\0b")},
        {.kind = FACTUM_VALUE_BYTES},
        {.kind = FACTUM_VALUE_BYTES, .bytes = FCT_SLICE("\xff\x00")},
    };
    factum_value values[14];
    begin(f, 1);
    for (size_t i = 0; i < 7; i++) {
        static const char *const names[] = {"0", "1", "2", "3", "4", "5", "6"};
        values[2 * i] = model_text(names[i]);
        values[2 * i + 1] = lasts[i];
    }
    assert_ok(apply(f, f->count, values, 7), f->err);
    commit(f);
    assert_int_equal(number(f, "SELECT group_concat(typeof(last), ' ') = 'null integer real text"
                               " text blob blob' FROM (SELECT last FROM skus__v1 ORDER BY sku)"),
                     1);
    assert_int_equal(number(f, "SELECT last = -9223372036854775808 FROM skus__v1 WHERE sku = '1'"),
                     1);
    assert_int_equal(number(f, "SELECT last = '' FROM skus__v1 WHERE sku = '3'"), 1);
    assert_int_equal(number(f, "SELECT hex(last) = '610062' FROM skus__v1 WHERE sku = '4'"), 1);
    assert_int_equal(number(f, "SELECT last = x'ff00' FROM skus__v1 WHERE sku = '6'"), 1);
}

TEST(statements_run_in_order_for_each_row)
{
    struct target_fixture *f = *state;
    const factum_value values[] = {model_text("a"),  model_integer(1), model_text("a"),
                                   model_integer(2), model_text("b"),  model_integer(3)};
    begin(f, 1);
    assert_ok(apply(f, f->count, values, 3), f->err);
    assert_ok(apply(f, f->count, NULL, 0), f->err); /* an empty list */
    commit(f);
    assert_int_equal(number(f, "SELECT 10 * n + last FROM skus__v1 WHERE sku = 'a'"), 22);
    assert_int_equal(number(f, "SELECT 10 * n + last FROM skus__v1 WHERE sku = 'b'"), 13);
}

/* ---- faults of an event ---------------------------------------------------------------------- */

TEST(a_fault_of_an_event_is_invalid_and_the_batch_continues)
{
    struct target_fixture *f = *state;
    const factum_value wrong[] = {model_text("x"), model_text("no number")};
    begin(f, 1);
    assert_ok(insert(f, "a", 1), f->err);
    assert_status(insert(f, "a", 2), FACTUM_INVALID);
    assert_text(f->err, "test.sql:10: UNIQUE constraint failed: orders__v1.id");
    assert_status(insert(f, "b", 1000000), FACTUM_INVALID);
    assert_text(f->err, "CHECK constraint failed");
    assert_status(apply(f, f->insert, wrong, 1), FACTUM_INVALID);
    assert_text(f->err, "cannot store TEXT value");
    assert_status(update(f, "nobody", 3), FACTUM_INVALID);
    assert_text(f->err, "test.sql:20: expected 1 row, 0 changed");
    const factum_value no_json[] = {model_text("no JSON"), model_text("a")};
    assert_status(apply(f, f->parse, no_json, 1), FACTUM_INVALID);
    assert_text(f->err, "malformed JSON");
    const factum_value least[] = {model_text("{\"total\":-9223372036854775808}"), model_text("a")};
    assert_status(apply(f, f->parse, least, 1), FACTUM_INVALID);
    assert_text(f->err, "integer overflow");
    struct fct_bound_event bad = {.trouble = "the key is missing"};
    assert_status(f->target->ops->apply(f->target, &bad, &f->err), FACTUM_INVALID);
    assert_text(f->err, "the key is missing");
    assert_ok(update(f, "a", 5), f->err);
    commit(f);
    assert_int_equal(number(f, "SELECT total FROM orders__v1"), 5);
}

TEST(savepoints_nest)
{
    struct target_fixture *f = *state;
    const struct fct_target_ops *ops = f->target->ops;
    begin(f, 1);
    assert_ok(ops->save(f->target, 0, &f->err), f->err);
    assert_ok(insert(f, "outer", 1), f->err);
    assert_ok(ops->save(f->target, 1, &f->err), f->err);
    assert_ok(insert(f, "inner", 2), f->err);
    assert_status(insert(f, "outer", 2), FACTUM_INVALID);
    assert_ok(ops->back_to(f->target, 1, &f->err), f->err);
    assert_int_equal(number(f, "SELECT count(*) FROM orders__v1"), 1);
    assert_ok(ops->release(f->target, 1, &f->err), f->err);
    assert_ok(ops->save(f->target, 1, &f->err), f->err); /* the same depth again */
    assert_ok(insert(f, "second", 2), f->err);
    assert_ok(ops->release(f->target, 1, &f->err), f->err);
    assert_ok(ops->release(f->target, 0, &f->err), f->err);
    for (unsigned depth = 0; depth < FCT_SQLITE_SAVE_DEPTH_MAX; depth++) {
        assert_ok(ops->save(f->target, depth, &f->err), f->err);
    }
    assert_ok(insert(f, "deep", 2), f->err);
    assert_ok(ops->back_to(f->target, 3, &f->err), f->err);
    commit(f); /* also releases the savepoints */
    assert_int_equal(number(f, "SELECT count(*) FROM orders__v1 WHERE id IN ('outer', 'second')"),
                     2);
    assert_int_equal(number(f, "SELECT count(*) FROM orders__v1"), 2);
    assert_int_equal(number(f, "SELECT position FROM factum_checkpoint"), 1);
}

TEST(a_statement_that_rolls_the_batch_back_is_a_broken_model)
{
    struct target_fixture *f = *state;
    close_target(f);
    const struct fct_handler *rude = model_on(
        &f->made, -1, "INSERT OR ROLLBACK INTO {{orders}} (id, total) VALUES (:id, :total)", NULL);
    const factum_value values[] = {model_text("a"), model_integer(1)};
    open_target(f, &f->target);
    begin(f, 1);
    assert_ok(apply(f, rude, values, 1), f->err);
    assert_status(apply(f, rude, values, 1), FACTUM_FAILED);
    assert_text(f->err, "rolled back the whole batch");
    assert_status(f->target->ops->commit(f->target, &f->err), FACTUM_FAILED);
    f->target->ops->rollback(f->target);
    assert_int_equal(number(f, "SELECT position FROM factum_checkpoint"), 0);
}

/* ---- the checkpoint -------------------------------------------------------------------------- */

TEST(a_batch_moves_rows_and_checkpoint_together)
{
    struct target_fixture *f = *state;
    struct fct_checkpoint found;
    begin(f, 5);
    assert_ok(insert(f, "a", 1), f->err);
    f->target->ops->rollback(f->target);
    assert_ok(f->target->ops->read_checkpoint(f->target, &found, &f->err), f->err);
    assert_int_equal(found.position, 0);
    assert_string_equal(found.token, "");
    assert_int_equal(number(f, "SELECT count(*) FROM orders__v1"), 0);

    f->at = found;
    begin(f, 7);
    assert_ok(insert(f, "a", 1), f->err);
    struct fct_checkpoint fewer = f->at;
    fewer.event_count = 41;
    assert_ok(f->target->ops->set_checkpoint(f->target, &fewer, &f->err), f->err);
    commit(f);
    assert_ok(f->target->ops->read_checkpoint(f->target, &found, &f->err), f->err);
    assert_int_equal(found.position, 7);
    assert_int_equal(found.created, 70);
    assert_int_equal(found.event_count, 41);
    assert_string_equal(found.token, "token-7");
}

TEST(a_runner_that_is_not_at_the_checkpoint_is_refused)
{
    struct target_fixture *f = *state;
    struct fct_checkpoint from = f->at;
    struct fct_checkpoint to = after(f->at, 9);
    from.position = 3;
    assert_status(f->target->ops->begin(f->target, &from, &to, &f->err), FACTUM_DENIED);
    assert_text(f->err, "the checkpoint of orders__v1 is at 0, not at 3");
    assert_true(sqlite3_get_autocommit(f->model->file->db) != 0);
    from.position = UINT64_MAX;
    assert_status(f->target->ops->begin(f->target, &from, &to, &f->err), FACTUM_INVALID);
    begin(f, 9);
    commit(f);
}

/* The old runner does not know that it was replaced: it is refused before its first row. */
TEST(a_runner_that_was_taken_over_is_fenced_off)
{
    struct target_fixture *f = *state;
    struct fct_model_file_options options = model_options(f->model->dir, true);
    struct fct_model_file *file;
    struct fct_target *other;
    struct fct_checkpoint theirs;
    begin(f, 4);
    assert_ok(insert(f, "a", 1), f->err);
    commit(f);
    options.check = false;
    assert_ok(fct_model_file_open(&options, &file, &f->err), f->err);
    assert_ok(fct_sqlite_target_open(file, &f->made.definition, model_v1, &other, &f->err), f->err);
    assert_ok(other->ops->take_over(other, &theirs, &f->err), f->err);
    assert_int_equal(theirs.position, 4);
    assert_int_equal(theirs.epoch, f->at.epoch + 1);

    struct fct_checkpoint to = after(f->at, 5);
    assert_status(f->target->ops->begin(f->target, &f->at, &to, &f->err), FACTUM_DENIED);
    assert_text(f->err, "orders__v1 is run by another host: its epoch is 2, not 1");
    to = after(theirs, 5);
    assert_ok(other->ops->begin(other, &theirs, &to, &f->err), f->err);
    (void)sqlite3_busy_timeout(f->model->file->db, 10);
    struct fct_checkpoint busy = after(f->at, 6);
    assert_status(f->target->ops->begin(f->target, &f->at, &busy, &f->err), FACTUM_BUSY);
    assert_ok(other->ops->commit(other, &f->err), f->err);
    other->ops->close(other);
    assert_ok(fct_model_build_drop(file, model_v1, &f->err), f->err);
    fct_model_file_close(file);
    assert_status(f->target->ops->begin(f->target, &f->at, &busy, &f->err), FACTUM_DENIED);
    assert_text(f->err, "orders__v1 was dropped");
    assert_status(f->target->ops->take_over(f->target, &theirs, &f->err), FACTUM_NOT_FOUND);
    assert_true(sqlite3_get_autocommit(f->model->file->db) != 0);
}

/* ---- a broken database ----------------------------------------------------------------------- */

TEST(a_table_that_is_gone_is_a_broken_model)
{
    struct target_fixture *f = *state;
    struct fct_target *again;
    model_exec(f->model->file->db, "DROP TABLE orders__v1");
    begin(f, 1);
    assert_status(insert(f, "a", 1), FACTUM_FAILED);
    assert_text(f->err, "test.sql:10: no such table: orders__v1 (changed by hand? rebuild");
    f->target->ops->rollback(f->target);
    assert_status(
        fct_sqlite_target_open(f->model->file, &f->made.definition, model_v1, &again, &f->err),
        FACTUM_FAILED);
    assert_text(f->err, "no such table: orders__v1 (changed by hand? rebuild the model, or delete "
                        "its file)");
    assert_null(again);
    assert_status(
        fct_sqlite_target_open(f->model->file, &f->made.definition, model_v2, &again, &f->err),
        FACTUM_NOT_FOUND);
}

TEST(a_full_disk_is_no_space_and_nothing_is_lost)
{
    struct target_fixture *f = *state;
    char limit[64];
    char id[32];
    factum_status status = FACTUM_OK;
    begin(f, 1);
    assert_ok(insert(f, "a", 1), f->err);
    commit(f);
    (void)snprintf(limit, sizeof limit, "PRAGMA max_page_count=%d",
                   (int)number(f, "PRAGMA page_count") + 2);
    assert_true(number(f, limit) > 0);
    begin(f, 2);
    for (int i = 0; i < 100000 && status == FACTUM_OK; i++) {
        (void)snprintf(id, sizeof id, "order-%d", i);
        status = insert(f, id, i);
    }
    assert_status(status, FACTUM_NO_SPACE);
    assert_text(f->err, "database or disk is full");
    f->target->ops->rollback(f->target);
    assert_int_equal(number(f, "SELECT count(*) FROM orders__v1"), 1);
    assert_int_equal(number(f, "SELECT position FROM factum_checkpoint"), 1);
    assert_true(number(f, "PRAGMA max_page_count=100000") > 0);
    assert_ok(f->target->ops->read_checkpoint(f->target, &f->at, &f->err), f->err);
    begin(f, 2);
    assert_ok(insert(f, "b", 1), f->err);
    commit(f);
}

TEST(a_file_that_was_deleted_is_noticed_by_the_next_batch)
{
    struct target_fixture *f = *state;
    struct fct_checkpoint to = after(f->at, 1);
    assert_ok(fct_model_file_remove(fct_os_real(), f->model->dir, FCT_SLICE("orders"), &f->err),
              f->err);
    assert_status(f->target->ops->begin(f->target, &f->at, &to, &f->err), FACTUM_NOT_FOUND);
}

/* ---- parked events --------------------------------------------------------------------------- */

static void park(struct target_fixture *f, const char *key, uint64_t position, const char *reason)
{
    const struct fct_parked_row row = {.key = factum_slice_from(key),
                                       .position = position,
                                       .type = FCT_SLICE("Placed"),
                                       .reason = factum_slice_from(reason),
                                       .attempts = position,
                                       .next_attempt = 5,
                                       .since = 6};
    assert_ok(f->target->ops->park(f->target, &row, &f->err), f->err);
}

static size_t parked(struct target_fixture *f, const char *key, uint64_t from, size_t max,
                     factum_arena *arena, struct fct_parked_row **rows)
{
    size_t count = 0;
    factum_slice of = factum_slice_from(key);
    assert_ok(f->target->ops->parked_read(f->target, key != NULL ? &of : NULL, from, max, arena,
                                          rows, &count, &f->err),
              f->err);
    return count;
}

TEST(parked_events_are_kept_by_key_and_position)
{
    struct target_fixture *f = *state;
    factum_arena arena;
    struct fct_parked_row *rows;
    struct fct_parked_counts counts;
    factum_arena_init(&arena, 0);
    begin(f, 50);
    park(f, "k2", 30, "");
    park(f, "k1", 10, "old");
    park(f, "k1", 10, "total is no number"); /* once more: the newest attempt is kept */
    park(f, "", 20, "no key");
    for (uint64_t i = 0; i < 40; i++) {
        park(f, "k3", 100 + i, "");
    }
    commit(f);
    assert_ok(fct_parked_count(f->model->file->db, "orders__v1", &counts, &f->err), f->err);
    assert_int_equal(counts.keys, 4);
    assert_int_equal(counts.events, 43);
    assert_int_equal(parked(f, NULL, 0, 1000, &arena, &rows), 43);
    assert_int_equal(rows[0].position, 10);
    assert_true(fct_slice_equal(rows[0].key, FCT_SLICE("k1")));
    assert_true(fct_slice_equal(rows[0].reason, FCT_SLICE("total is no number")));
    assert_true(fct_slice_equal(rows[0].type, FCT_SLICE("Placed")));
    assert_int_equal(rows[0].attempts, 10);
    assert_int_equal(rows[0].next_attempt, 5);
    assert_int_equal(rows[0].since, 6);
    assert_int_equal(rows[1].key.len, 0);
    assert_int_equal(rows[42].position, 139);
    assert_int_equal(parked(f, "k3", 110, 5, &arena, &rows), 5);
    assert_int_equal(rows[0].position, 111);
    assert_int_equal(parked(f, "k4", 0, 5, &arena, &rows), 0);
    assert_int_equal(parked(f, NULL, UINT64_MAX, 5, &arena, &rows), 0);

    begin(f, 60);
    assert_ok(f->target->ops->unpark(f->target, 20, &f->err), f->err);
    assert_ok(f->target->ops->unpark_after(f->target, 29, &f->err), f->err);
    commit(f);
    assert_int_equal(parked(f, NULL, 0, 1000, &arena, &rows), 1);
    assert_int_equal(rows[0].position, 10);
    factum_arena_finish(&arena);

    begin(f, 70);
    park(f, "k1", 11, "");
    commit(f);
    factum_arena_init(&arena, 16);
    size_t count;
    assert_status(
        f->target->ops->parked_read(f->target, NULL, 0, 9, &arena, &rows, &count, &f->err),
        FACTUM_TOO_BIG);
    factum_arena_finish(&arena);
}

TEST(another_builds_parked_events_are_not_ours)
{
    struct target_fixture *f = *state;
    struct fct_parked_counts counts;
    model_exec(f->model->file->db,
               "INSERT INTO factum_parked VALUES ('orders__v2', 'k', 9, '', '', 0, 0, 0)");
    begin(f, 1);
    assert_ok(f->target->ops->unpark_after(f->target, 0, &f->err), f->err);
    commit(f);
    assert_ok(fct_parked_count(f->model->file->db, "orders__v1", &counts, &f->err), f->err);
    assert_int_equal(counts.events, 0);
    assert_int_equal(number(f, "SELECT count(*) FROM factum_parked"), 1);
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* Fails the k-th allocation for each k, until none fails. */
TEST(opening_survives_every_lack_of_memory_and_applying_takes_none)
{
    struct target_fixture *f = *state;
    struct fct_model_file_options options = model_options(f->model->dir, true);
    struct fct_mem_fault fault;
    factum_status status = FACTUM_NO_MEMORY;
    fct_mem_fault_init(&fault);
    options.mem = &fault.mem;
    options.check = false;
    for (unsigned long k = 0; status == FACTUM_NO_MEMORY; k++) {
        struct fct_model_file *file = NULL;
        struct fct_target *target = NULL;
        fault.calls = 0;
        fault.fail_at = k;
        assert_true(k < 50);
        status = fct_model_file_open(&options, &file, &f->err);
        if (status == FACTUM_OK) {
            status = fct_sqlite_target_open(file, &f->made.definition, model_v1, &target, &f->err);
        }
        if (status == FACTUM_OK) {
            assert_ok(target->ops->take_over(target, &f->at, &f->err), f->err);
            struct fct_target *ours = f->target;
            unsigned long calls = fault.calls;
            f->target = target;
            begin(f, 1);
            assert_ok(insert(f, "a", 1), f->err);
            commit(f);
            f->target = ours;
            assert_int_equal(fault.calls, calls);
            target->ops->close(target);
        }
        fct_model_file_close(file);
        assert_int_equal(fault.held, 0);
    }
    assert_int_equal(status, FACTUM_OK);
    assert_true(fault.calls > 2);
}

/* ---- a kill ---------------------------------------------------------------------------------- */

/* Batch |n| inserts the rows n.0 to n.9 and moves the checkpoint to n. */
static void run_until_killed(struct target_fixture *f, int began)
{
    struct fct_model_file_options options = model_options(f->model->dir, true);
    assert_ok(fct_model_file_open(&options, &f->model->file, &f->err), f->err);
    open_target(f, &f->target);
    assert_ok(f->target->ops->take_over(f->target, &f->at, &f->err), f->err);
    for (unsigned n = 0; n < BATCHES_OF_A_CHILD; n++) {
        char id[48];
        begin(f, f->at.position + 1);
        for (int i = 0; i < 10; i++) {
            (void)snprintf(id, sizeof id, "%u.%d", (unsigned)f->at.position, i);
            assert_ok(insert(f, id, i), f->err);
        }
        commit(f);
        if (n == 0) {
            assert_int_equal(write(began, "b", 1), 1);
        }
    }
}

static void check_after_kill(struct target_fixture *f, int64_t *reached)
{
    struct fct_model_file_options options = model_options(f->model->dir, true);
    assert_ok(fct_model_file_open(&options, &f->model->file, &f->err), f->err);
    int64_t position = number(f, "SELECT position FROM factum_checkpoint");
    assert_true(position >= *reached);
    assert_int_equal(number(f, "SELECT count(*) FROM orders__v1"), 10 * position);
    assert_int_equal(number(f, "SELECT event_count FROM factum_checkpoint"), position);
    assert_int_equal(number(f, "SELECT count(DISTINCT id) FROM orders__v1"), 10 * position);
    *reached = position;
    fct_model_file_close(f->model->file);
    f->model->file = NULL;
}

TEST(a_kill_at_any_moment_leaves_rows_and_checkpoint_equal)
{
    struct target_fixture *f = *state;
    int64_t reached = 0;
    close_target(f);
    fct_model_file_close(f->model->file);
    f->model->file = NULL;
    uint32_t random = (uint32_t)time(NULL) | 1;
    print_message("seed %u\n", (unsigned)random);
    for (int i = 0; i < KILLS; i++) {
        int began[2];
        char byte;
        assert_int_equal(pipe(began), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            run_until_killed(f, began[1]);
            _exit(0);
        }
        if (i % 2 == 0) { /* the others may be killed while they open the file */
            assert_int_equal(read(began[0], &byte, 1), 1);
        }
        random = random * 1664525u + 1013904223u;
        const struct timespec wait = {.tv_nsec = (long)((random >> 8) % 40000) * 1000};
        int status;
        (void)nanosleep(&wait, NULL);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        (void)close(began[0]);
        (void)close(began[1]);
        check_after_kill(f, &reached);
    }
    print_message("%d batches\n", (int)reached);
    assert_true(reached >= KILLS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(each_kind_of_value_arrives_as_it_is),
        FIXTURE_CASE(statements_run_in_order_for_each_row),
        FIXTURE_CASE(a_fault_of_an_event_is_invalid_and_the_batch_continues),
        FIXTURE_CASE(savepoints_nest),
        FIXTURE_CASE(a_statement_that_rolls_the_batch_back_is_a_broken_model),
        FIXTURE_CASE(a_batch_moves_rows_and_checkpoint_together),
        FIXTURE_CASE(a_runner_that_is_not_at_the_checkpoint_is_refused),
        FIXTURE_CASE(a_runner_that_was_taken_over_is_fenced_off),
        FIXTURE_CASE(a_table_that_is_gone_is_a_broken_model),
        FIXTURE_CASE(a_full_disk_is_no_space_and_nothing_is_lost),
        FIXTURE_CASE(a_file_that_was_deleted_is_noticed_by_the_next_batch),
        FIXTURE_CASE(parked_events_are_kept_by_key_and_position),
        FIXTURE_CASE(another_builds_parked_events_are_not_ours),
        FIXTURE_CASE(opening_survives_every_lack_of_memory_and_applying_takes_none),
        FIXTURE_CASE(a_kill_at_any_moment_leaves_rows_and_checkpoint_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
