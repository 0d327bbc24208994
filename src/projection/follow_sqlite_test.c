/* follow_sqlite_test.c - checkpoint and effect in one transaction of SQLite: each event takes
 * effect exactly once, whatever fails, whoever else follows, however often the process is
 * killed. */
#include "support/test_store.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include <sqlite3.h>

#include <factum/delivery.h>

#include "core/slice.h"

#define PATH_SIZE (SCRATCH_SIZE + 16)

struct fixture {
    char dir[SCRATCH_SIZE]; /* of the database, and of the store below it */
    char store_dir[PATH_SIZE];
    char path[PATH_SIZE];
    factum_error err;
};

/* ---- a follower that counts events in a table ------------------------------------------------ */

struct counting {
    sqlite3 *db;
    int fail_every; /* each call of this number fails; 0: none */
    int calls;
    int failed;
    bool slow;
};

static factum_status by_code(const struct counting *c, int code, factum_error *err)
{
    if (code == SQLITE_OK) {
        return FACTUM_OK;
    }
    (void)snprintf(err->text, sizeof err->text, "%s", sqlite3_errmsg(c->db));
    return (code & 0xff) == SQLITE_BUSY ? FACTUM_BUSY : FACTUM_IO;
}

static int run_sql(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static factum_status begin(const struct counting *c, factum_error *err)
{
    bool open = sqlite3_get_autocommit(c->db) == 0;
    return open ? FACTUM_OK : by_code(c, run_sql(c->db, "BEGIN IMMEDIATE"), err);
}

static factum_status count(void *data, const factum_event *event, factum_error *err)
{
    struct counting *c = data;
    sqlite3_stmt *statement = NULL;
    factum_status status = begin(c, err);
    if (status != FACTUM_OK) {
        return status;
    }
    int code = sqlite3_prepare_v2(c->db,
                                  "INSERT INTO seen(position, n) VALUES (?1, 1) "
                                  "ON CONFLICT (position) DO UPDATE SET n = n + 1",
                                  -1, &statement, NULL);
    if (code == SQLITE_OK) {
        (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)event->position);
        code = sqlite3_step(statement);
        code = code == SQLITE_DONE ? SQLITE_OK : code;
    }
    (void)sqlite3_finalize(statement);
    if (c->slow) {
        const struct timespec moment = {.tv_nsec = 20000};
        (void)nanosleep(&moment, NULL);
    }
    if (c->fail_every > 0 && ++c->calls % c->fail_every == 0) {
        c->failed++;
        return FACTUM_CANCELLED; /* after its effect, which must be undone */
    }
    return by_code(c, code, err);
}

static factum_status load(void *data, char token[FACTUM_TOKEN_SIZE], factum_error *err)
{
    struct counting *c = data;
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(c->db, "SELECT token FROM checkpoint", -1, &statement, NULL);
    code = code == SQLITE_OK ? sqlite3_step(statement) : code;
    if (code == SQLITE_ROW) {
        (void)snprintf(token, FACTUM_TOKEN_SIZE, "%s",
                       (const char *)sqlite3_column_text(statement, 0));
    }
    (void)sqlite3_finalize(statement);
    return by_code(c, code == SQLITE_ROW ? SQLITE_OK : code, err);
}

static factum_status save(void *data, const char *from, const char *to, factum_error *err)
{
    struct counting *c = data;
    sqlite3_stmt *statement = NULL;
    factum_status status = begin(c, err);
    if (status != FACTUM_OK) {
        return status;
    }
    int code = sqlite3_prepare_v2(c->db, "UPDATE checkpoint SET token = ?2 WHERE token = ?1", -1,
                                  &statement, NULL);
    if (code == SQLITE_OK) {
        (void)sqlite3_bind_text(statement, 1, from, -1, SQLITE_STATIC);
        (void)sqlite3_bind_text(statement, 2, to, -1, SQLITE_STATIC);
        code = sqlite3_step(statement);
        code = code == SQLITE_DONE ? SQLITE_OK : code;
    }
    (void)sqlite3_finalize(statement);
    if (code == SQLITE_OK && sqlite3_changes(c->db) != 1) {
        return FACTUM_WRONG_REVISION;
    }
    return by_code(c, code == SQLITE_OK ? run_sql(c->db, "COMMIT") : code, err);
}

static void undo(void *data)
{
    const struct counting *c = data;
    if (sqlite3_get_autocommit(c->db) == 0) {
        (void)run_sql(c->db, "ROLLBACK");
    }
}

/* One run until it has caught up, over connections of its own. */
static factum_status follow_once(const char *path, factum_store *store, struct counting *c,
                                 factum_error *err)
{
    const factum_follow_keeper keeper = {c, load, save, undo};
    const factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_CATEGORY, .name = FCT_SLICE("count")};
    const factum_follow_options options = {.size = sizeof options,
                                           .name = FCT_SLICE("counter"),
                                           .request = &request,
                                           .data = c,
                                           .each = count,
                                           .keeper = &keeper,
                                           .events_max = 10};
    const factum_follow_until caught_up = {.size = sizeof caught_up, .caught_up = true};
    factum_follow *follow = NULL;
    factum_status status = FACTUM_IO;
    err->text[0] = '\0';
    if (sqlite3_open(path, &c->db) == SQLITE_OK && sqlite3_busy_timeout(c->db, 5000) == SQLITE_OK &&
        run_sql(c->db, "PRAGMA synchronous=OFF") == SQLITE_OK) {
        status = factum_follow_open(store, &options, &follow, err);
    }
    if (status == FACTUM_OK) {
        status = factum_follow_run(follow, &caught_up, err);
    }
    factum_follow_close(follow);
    if (sqlite3_close(c->db) != SQLITE_OK) {
        status = FACTUM_FAILED;
    }
    c->db = NULL;
    return status;
}

/* ---- the fixture ----------------------------------------------------------------------------- */

static int set_up(void **state)
{
    static struct fixture fixture;
    sqlite3 *db;
    *state = &fixture;
    assert_true(scratch_make(fixture.dir));
    (void)snprintf(fixture.path, sizeof fixture.path, "%s/model.db", fixture.dir);
    (void)snprintf(fixture.store_dir, sizeof fixture.store_dir, "%s/store", fixture.dir);
    assert_int_equal(sqlite3_open(fixture.path, &db), SQLITE_OK);
    assert_int_equal(run_sql(db, "PRAGMA journal_mode=WAL;"
                                 "CREATE TABLE seen(position INTEGER PRIMARY KEY, n INTEGER);"
                                 "CREATE TABLE checkpoint(token TEXT);"
                                 "INSERT INTO checkpoint VALUES ('')"),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    return scratch_remove(f->dir) ? 0 : 1;
}

static void fill(struct fixture *f, factum_store *store, size_t events)
{
    static factum_new_event all[500];
    assert_true(events <= 500);
    for (size_t i = 0; i < events; i++) {
        all[i] = (factum_new_event){.type = FCT_SLICE("Counted"), .data = FCT_SLICE("{}")};
    }
    assert_ok(
        factum_append_stream(store, FCT_SLICE("count-1"), factum_any(), all, events, NULL, &f->err),
        f->err);
}

/* Each of so many events has taken effect once. */
static void assert_exactly_once(struct fixture *f, int64_t events)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT count(*), min(n), max(n) FROM seen", -1, &statement, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int64(statement, 0), events);
    assert_int_equal(sqlite3_column_int64(statement, 1), 1);
    assert_int_equal(sqlite3_column_int64(statement, 2), 1);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* ---- failures -------------------------------------------------------------------------------- */

TEST(a_function_that_often_fails_counts_each_event_once)
{
    struct fixture *f = *state;
    struct counting c = {.fail_every = 7};
    factum_store *store;
    factum_status status = FACTUM_CANCELLED;
    assert_ok(factum_testing_open_memory(NULL, &store, &f->err), f->err);
    fill(f, store, 300);
    for (int i = 0; i < 1000 && status == FACTUM_CANCELLED; i++) {
        status = follow_once(f->path, store, &c, &f->err);
    }
    assert_ok(status, f->err);
    assert_true(c.failed > 10);
    assert_exactly_once(f, 300);
    assert_ok(factum_close(store, &f->err), f->err);
}

/* ---- rivals ---------------------------------------------------------------------------------- */

struct rival {
    struct fixture *f;
    pthread_barrier_t *start;
    factum_store *store;
    int fenced;
    factum_status status;
    factum_error err;
};

static void *compete(void *data)
{
    struct rival *rival = data;
    struct counting c = {.slow = true};
    (void)pthread_barrier_wait(rival->start);
    do {
        rival->status = follow_once(rival->f->path, rival->store, &c, &rival->err);
        rival->fenced += rival->status == FACTUM_WRONG_REVISION;
    } while (rival->status == FACTUM_WRONG_REVISION || rival->status == FACTUM_BUSY);
    return NULL;
}

TEST(two_rivals_count_each_event_once)
{
    struct fixture *f = *state;
    factum_store *store;
    pthread_t threads[2];
    assert_ok(factum_open(f->store_dir, NULL, &store, &f->err), f->err);
    for (int i = 0; i < 4; i++) {
        fill(f, store, 500);
    }
    pthread_barrier_t start;
    assert_int_equal(pthread_barrier_init(&start, NULL, 2), 0);
    struct rival rivals[2] = {{.f = f, .start = &start, .store = store},
                              {.f = f, .start = &start, .store = store}};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, compete, &rivals[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_ok(rivals[i].status, rivals[i].err);
    }
    assert_true(rivals[0].fenced + rivals[1].fenced > 0);
    assert_int_equal(pthread_barrier_destroy(&start), 0);
    assert_exactly_once(f, 2000);
    assert_ok(factum_close(store, &f->err), f->err);
}

/* ---- kills ----------------------------------------------------------------------------------- */

/* In a child: 0 if it has caught up. */
static int follow_in_child(const struct fixture *f)
{
    struct counting c = {.slow = true};
    factum_store *store;
    factum_error err;
    factum_status status = factum_open(f->store_dir, NULL, &store, &err);
    if (status == FACTUM_OK) {
        status = follow_once(f->path, store, &c, &err);
        (void)factum_close(store, NULL);
    }
    if (status != FACTUM_OK) {
        (void)fprintf(stderr, "child: %s\n", err.text);
    }
    return status == FACTUM_OK ? 0 : 1;
}

TEST(a_process_that_is_killed_again_and_again_counts_each_event_once)
{
    struct fixture *f = *state;
    factum_store *store;
    int kills = 0;
    int code = -1;
    assert_ok(factum_open(f->store_dir, NULL, &store, &f->err), f->err);
    for (int i = 0; i < 2; i++) {
        fill(f, store, 500);
    }
    assert_ok(factum_close(store, &f->err), f->err);
    for (int turn = 0; turn < 200 && code != 0; turn++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            _exit(follow_in_child(f));
        }
        const struct timespec moment = {.tv_nsec = 10000000L + (turn % 20) * 1000000L};
        (void)nanosleep(&moment, NULL);
        if (turn < 150) {
            (void)kill(child, SIGKILL);
        }
        int status = 0;
        assert_true(waitpid(child, &status, 0) == child);
        kills += WIFSIGNALED(status);
        code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    assert_int_equal(code, 0);
    assert_true(kills > 0);
    assert_exactly_once(f, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_function_that_often_fails_counts_each_event_once),
        FIXTURE_CASE(two_rivals_count_each_event_once),
        FIXTURE_CASE(a_process_that_is_killed_again_and_again_counts_each_event_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
