/* inbox_test.c - the inbox, on databases in memory and in files, by one connection and by two. */
#include "support/scratch.h"
#include "support/test.h"

#include <sqlite3.h>

#include <factum/delivery.h>

#include "core/slice.h"

struct fixture {
    sqlite3 *db;
    sqlite3 *other; /* another connection to the same file */
    char dir[SCRATCH_SIZE];
    factum_error err;
};

static sqlite3 *open_db(const char *dir)
{
    sqlite3 *db;
    char path[SCRATCH_SIZE + 16];
    (void)snprintf(path, sizeof path, "%s/inbox.db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA journal_mode=WAL", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.db = NULL};
    *state = &fixture;
    assert_true(scratch_make(fixture.dir));
    fixture.db = open_db(fixture.dir);
    fixture.other = open_db(fixture.dir);
    assert_ok(factum_inbox_create_table(fixture.db, &fixture.err), fixture.err);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(sqlite3_close(f->db), SQLITE_OK); /* no statement was left */
    assert_int_equal(sqlite3_close(f->other), SQLITE_OK);
    assert_true(scratch_remove(f->dir));
    return 0;
}

static void run(sqlite3 *db, const char *sql)
{
    char *problem = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &problem) != SQLITE_OK) {
        print_error("%s: %s\n", sql, problem);
        fail();
    }
}

static int64_t number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    return value;
}

static factum_status take(struct fixture *f, sqlite3 *db, const char *consumer, const char *id,
                          int64_t received)
{
    const factum_inbox_message message = {.size = sizeof message,
                                          .consumer = factum_slice_from(consumer),
                                          .id = factum_slice_from(id),
                                          .position = 7,
                                          .received = received};
    return factum_inbox_take(db, &message, &f->err);
}

/* Messages "0" to "count - 1", received at 1, 2, ... */
static void fill(struct fixture *f, const char *consumer, int count)
{
    run(f->db, "BEGIN");
    for (int i = 0; i < count; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "%d", i);
        assert_ok(take(f, f->db, consumer, id, i + 1), f->err);
    }
    run(f->db, "COMMIT");
}

/* ---- taking ---------------------------------------------------------------------------------- */

TEST(a_message_is_taken_once_by_each_consumer)
{
    struct fixture *f = *state;
    run(f->db, "BEGIN");
    assert_ok(take(f, f->db, "stock", "a", 5), f->err);
    assert_status(take(f, f->db, "stock", "a", 6), FACTUM_EXISTS);
    assert_text(f->err, "inbox: stock has taken the message a before");
    assert_ok(take(f, f->db, "stock", "b", 6), f->err);
    assert_ok(take(f, f->db, "mail", "a", 6), f->err);
    run(f->db, "COMMIT; BEGIN");
    assert_status(take(f, f->db, "stock", "b", 7), FACTUM_EXISTS);
    run(f->db, "COMMIT");
    assert_int_equal(number(f->db, "SELECT count(*) FROM factum_inbox"), 3);
    assert_int_equal(number(f->db, "SELECT position FROM factum_inbox WHERE id = 'b'"), 7);
    assert_int_equal(number(f->db, "SELECT received FROM factum_inbox WHERE id = 'b'"), 6);
}

TEST(a_message_is_not_taken_after_a_rollback)
{
    struct fixture *f = *state;
    run(f->db, "BEGIN");
    assert_ok(take(f, f->db, "stock", "a", 0), f->err);
    run(f->db, "ROLLBACK; BEGIN");
    assert_ok(take(f, f->db, "stock", "a", 0), f->err);
    run(f->db, "COMMIT");
    assert_true(number(f->db, "SELECT received FROM factum_inbox") > INT64_C(1600000000000000000));
}

TEST(a_duplicate_does_not_end_the_transaction)
{
    struct fixture *f = *state;
    run(f->db, "CREATE TABLE stock(n); BEGIN");
    run(f->db, "INSERT INTO stock VALUES (1)");
    assert_ok(take(f, f->db, "stock", "a", 1), f->err);
    assert_status(take(f, f->db, "stock", "a", 1), FACTUM_EXISTS);
    assert_int_equal(sqlite3_get_autocommit(f->db), 0);
    run(f->db, "COMMIT");
    assert_int_equal(number(f->db, "SELECT count(*) FROM stock"), 1);
}

TEST(without_a_transaction_nothing_is_taken)
{
    struct fixture *f = *state;
    assert_status(take(f, f->db, "stock", "a", 1), FACTUM_INVALID);
    assert_text(f->err, "no transaction is open");
    assert_int_equal(number(f->db, "SELECT count(*) FROM factum_inbox"), 0);
}

TEST(of_two_connections_one_takes_it)
{
    struct fixture *f = *state;
    run(f->db, "BEGIN IMMEDIATE");
    assert_ok(take(f, f->db, "stock", "a", 1), f->err);
    run(f->other, "BEGIN");
    assert_status(take(f, f->other, "stock", "a", 1), FACTUM_BUSY);
    assert_text(f->err, "inbox: take a message: database is locked");
    run(f->db, "COMMIT");
    run(f->other, "ROLLBACK; BEGIN IMMEDIATE");
    assert_status(take(f, f->other, "stock", "a", 1), FACTUM_EXISTS);
    run(f->other, "COMMIT");
}

TEST(a_transaction_that_read_before_somebody_wrote_is_busy)
{
    struct fixture *f = *state;
    run(f->other, "BEGIN");
    assert_int_equal(number(f->other, "SELECT count(*) FROM factum_inbox"), 0);
    fill(f, "stock", 1);
    assert_status(take(f, f->other, "stock", "0", 1), FACTUM_BUSY);
    run(f->other, "ROLLBACK");
}

TEST(a_failed_write_has_its_reason)
{
    struct fixture *f = *state;
    run(f->other, "PRAGMA query_only=1; BEGIN");
    assert_status(take(f, f->other, "stock", "a", 1), FACTUM_READ_ONLY);
    run(f->other, "ROLLBACK; PRAGMA query_only=0");
    run(f->db, "DROP TABLE factum_inbox; BEGIN");
    assert_status(take(f, f->db, "stock", "a", 1), FACTUM_INVALID);
    assert_text(f->err, "no such table: factum_inbox");
    run(f->db, "ROLLBACK; CREATE TABLE factum_inbox(x)");
    assert_status(factum_inbox_create_table(f->db, &f->err), FACTUM_INVALID);
    assert_text(f->err, "inbox: create the table: no such column: consumer");
    run(f->db, "DROP TABLE factum_inbox");
}

TEST(a_full_disk_is_reported)
{
    struct fixture *f = *state;
    factum_status status = FACTUM_OK;
    const int64_t pages = number(f->db, "PRAGMA page_count");
    char sql[64];
    (void)snprintf(sql, sizeof sql, "PRAGMA max_page_count=%d", (int)pages + 1);
    run(f->db, sql);
    run(f->db, "BEGIN");
    for (int i = 0; i < 1000 && status == FACTUM_OK; i++) {
        char id[128];
        (void)snprintf(id, sizeof id, "%0100d", i);
        status = take(f, f->db, "stock", id, 1);
    }
    assert_int_equal(status, FACTUM_NO_SPACE);
    if (sqlite3_get_autocommit(f->db) == 0) {
        run(f->db, "ROLLBACK");
    }
    assert_int_equal(number(f->db, "SELECT count(*) FROM factum_inbox"), 0);
}

TEST(the_table_may_be_created_again)
{
    struct fixture *f = *state;
    fill(f, "stock", 1);
    assert_ok(factum_inbox_create_table(f->other, &f->err), f->err);
    assert_int_equal(number(f->other, "SELECT count(*) FROM factum_inbox"), 1);
    assert_status(factum_inbox_create_table(NULL, &f->err), FACTUM_INVALID);
}

TEST(arguments_are_checked)
{
    struct fixture *f = *state;
    static uint8_t long_name[FACTUM_NAME_SIZE_MAX + 1];
    const factum_inbox_message good = {
        .size = sizeof good, .consumer = FCT_SLICE("stock"), .id = FCT_SLICE("a")};
    factum_inbox_message bad[7];
    memset(long_name, 'x', sizeof long_name);
    for (size_t i = 0; i < 7; i++) {
        bad[i] = good;
    }
    bad[0].size = 0;
    bad[1].id = FCT_SLICE("");
    bad[2].consumer = FCT_SLICE("");
    bad[3].id = fct_slice(long_name, sizeof long_name);
    bad[4].id = FCT_SLICE("\xff");
    bad[5].id = FCT_SLICE("a\0b");
    bad[6].position = UINT64_MAX;
    run(f->db, "BEGIN");
    for (size_t i = 0; i < 7; i++) {
        assert_status(factum_inbox_take(f->db, &bad[i], &f->err), FACTUM_INVALID);
    }
    assert_status(factum_inbox_take(NULL, &good, &f->err), FACTUM_INVALID);
    assert_status(factum_inbox_take(f->db, NULL, &f->err), FACTUM_INVALID);
    assert_ok(factum_inbox_take(f->db, &good, NULL), f->err);
    run(f->db, "COMMIT");
    assert_int_equal(number(f->db, "SELECT position IS NULL FROM factum_inbox"), 1);
}

/* ---- trimming -------------------------------------------------------------------------------- */

static uint64_t trim(struct fixture *f, const factum_inbox_limits *limits)
{
    uint64_t removed = 0;
    assert_ok(factum_inbox_trim(f->db, limits, &removed, &f->err), f->err);
    return removed;
}

TEST(ids_that_are_too_old_are_trimmed_oldest_first)
{
    struct fixture *f = *state;
    factum_inbox_limits limits = {.size = sizeof limits,
                                  .consumer = FCT_SLICE("stock"),
                                  .received_before_set = true,
                                  .received_before = 91,
                                  .step_max = 40};
    fill(f, "stock", 100);
    fill(f, "mail", 100);
    assert_int_equal(trim(f, &limits), 40);
    assert_int_equal(number(f->db, "SELECT min(received) FROM factum_inbox WHERE consumer='stock'"),
                     41);
    assert_int_equal(trim(f, &limits), 40);
    assert_int_equal(trim(f, &limits), 10);
    assert_int_equal(trim(f, &limits), 0);
    assert_int_equal(number(f->db, "SELECT count(*) FROM factum_inbox WHERE consumer='stock'"), 10);
    assert_int_equal(number(f->db, "SELECT count(*) FROM factum_inbox WHERE consumer='mail'"), 100);
    run(f->db, "BEGIN");
    assert_ok(take(f, f->db, "stock", "0", 1000), f->err); /* which was trimmed: it is new again */
    assert_status(take(f, f->db, "stock", "90", 1000), FACTUM_EXISTS);
    run(f->db, "COMMIT");
}

TEST(the_newest_so_many_ids_stay)
{
    struct fixture *f = *state;
    factum_inbox_limits limits = {.size = sizeof limits,
                                  .consumer = FCT_SLICE("stock"),
                                  .count_max_set = true,
                                  .count_max = 30,
                                  .step_max = 50};
    fill(f, "stock", 100);
    fill(f, "mail", 100);
    run(f->db, "BEGIN");
    assert_int_equal(trim(f, &limits), 50);
    assert_int_equal(trim(f, &limits), 20);
    assert_int_equal(trim(f, &limits), 0);
    run(f->db, "COMMIT");
    assert_int_equal(number(f->db, "SELECT min(received) FROM factum_inbox WHERE consumer='stock'"),
                     71);
    limits.count_max = UINT64_MAX;
    assert_int_equal(trim(f, &limits), 0);
    limits.count_max = 0;
    assert_int_equal(trim(f, &limits), 30);
    assert_int_equal(number(f->db, "SELECT count(*) FROM factum_inbox"), 100);
}

TEST(both_limits_share_a_step)
{
    struct fixture *f = *state;
    const factum_inbox_limits limits = {.size = sizeof limits,
                                        .consumer = FCT_SLICE("stock"),
                                        .received_before_set = true,
                                        .count_max_set = true,
                                        .received_before = 21,
                                        .count_max = 50,
                                        .step_max = 30};
    const factum_inbox_limits none = {.size = sizeof none, .consumer = FCT_SLICE("stock")};
    fill(f, "stock", 100);
    assert_int_equal(trim(f, &limits), 30);
    assert_int_equal(trim(f, &limits), 20);
    assert_int_equal(trim(f, &none), 0);
    assert_status(factum_inbox_trim(NULL, &none, NULL, &f->err), FACTUM_INVALID);
    assert_status(factum_inbox_trim(f->db, NULL, NULL, &f->err), FACTUM_INVALID);
    run(f->db, "DROP TABLE factum_inbox");
    uint64_t removed = 9;
    assert_status(factum_inbox_trim(f->db, &limits, &removed, &f->err), FACTUM_INVALID);
    assert_text(f->err, "inbox: trim: no such table");
    assert_int_equal(removed, 9);
}

TEST(trimming_by_age_walks_the_index)
{
    struct fixture *f = *state;
    sqlite3_stmt *statement;
    const char *sql = "EXPLAIN QUERY PLAN SELECT consumer, id FROM factum_inbox "
                      "WHERE consumer = 'a' AND received < 5 ORDER BY received, id LIMIT 3";
    assert_int_equal(sqlite3_prepare_v2(f->db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_non_null(
        strstr((const char *)sqlite3_column_text(statement, 3), "INDEX factum_inbox_received"));
    assert_int_equal(sqlite3_step(statement), SQLITE_DONE); /* no sorting */
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_message_is_taken_once_by_each_consumer),
        FIXTURE_CASE(a_message_is_not_taken_after_a_rollback),
        FIXTURE_CASE(a_duplicate_does_not_end_the_transaction),
        FIXTURE_CASE(without_a_transaction_nothing_is_taken),
        FIXTURE_CASE(of_two_connections_one_takes_it),
        FIXTURE_CASE(a_transaction_that_read_before_somebody_wrote_is_busy),
        FIXTURE_CASE(a_failed_write_has_its_reason),
        FIXTURE_CASE(a_full_disk_is_reported),
        FIXTURE_CASE(the_table_may_be_created_again),
        FIXTURE_CASE(arguments_are_checked),
        FIXTURE_CASE(ids_that_are_too_old_are_trimmed_oldest_first),
        FIXTURE_CASE(the_newest_so_many_ids_stay),
        FIXTURE_CASE(both_limits_share_a_step),
        FIXTURE_CASE(trimming_by_age_walks_the_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
