/* model_file_test.c - which files are opened, what they contain, and builds, swaps and acts in
 * them. Layer: projection. */
#include "projection/model_file.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "projection/sqlite_status.h"
#include "support/model_fixture.h"

static factum_status open_again(struct model_fixture *f,
                                const struct fct_model_file_options *options)
{
    struct fct_model_file *file = NULL;
    f->err = (factum_error){.status = FACTUM_OK};
    factum_status status = fct_model_file_open(options, &file, &f->err);
    assert_true((status == FACTUM_OK) == (file != NULL));
    fct_model_file_close(file);
    return status;
}

static void close_file(struct model_fixture *f)
{
    fct_model_file_close(f->file);
    f->file = NULL;
}

static void path_of(const struct model_fixture *f, const char *base, char path[128])
{
    (void)snprintf(path, 128, "%s/%s", f->dir, base);
}

static void write_file(const struct model_fixture *f, const char *base, const char *text)
{
    char path[128];
    path_of(f, base, path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static bool file_is_there(const struct model_fixture *f, const char *base)
{
    char path[128];
    struct stat facts;
    path_of(f, base, path);
    return stat(path, &facts) == 0;
}

/* Runs |sql| on the closed file, as another program would. */
static void change_closed(struct model_fixture *f, const char *sql)
{
    char path[128];
    sqlite3 *db;
    close_file(f);
    path_of(f, "orders.db", path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    model_exec(db, sql);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void two_tables(struct model_definition *made)
{
    model_begin(made, "orders");
    model_relation(made, "CREATE TABLE {{orders}} (id TEXT PRIMARY KEY, total BIGINT NOT NULL)");
    model_relation(made, "CREATE TABLE {{lines}} (sku TEXT, qty BIGINT)");
    model_relation(made, "CREATE INDEX {{by_sku}} ON {{lines}} (sku)");
}

/* ---- opening --------------------------------------------------------------------------------- */

TEST(a_new_file_has_its_bookkeeping_and_its_pragmas)
{
    struct model_fixture *f = *state;
    struct fct_model_state is;
    char path[128];
    struct stat facts;
    assert_ok(fct_model_file_state(f->file, &is, &f->err), f->err);
    assert_false(is.acts_set);
    assert_string_equal(is.in_use, "");
    assert_int_equal(model_number(f->file->db, "PRAGMA synchronous"), 2);
    assert_int_equal(model_number(f->file->db, "PRAGMA cell_size_check"), 1);
    assert_int_equal(model_number(f->file->db, "PRAGMA trusted_schema"), 0);
    assert_int_equal(model_number(f->file->db, "PRAGMA busy_timeout"), FCT_MODEL_BUSY_MS);
    assert_int_equal(model_number(f->file->db, "PRAGMA cache_size"), -16384);
    assert_int_equal(model_number(f->file->db, "SELECT format FROM factum_model"), 1);
    path_of(f, "orders.db", path);
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
    assert_true(file_is_there(f, "orders.db-wal"));
    close_file(f);
    assert_false(file_is_there(f, "orders.db-wal")); /* emptied by the last one */
}

TEST(a_reader_needs_a_model_and_changes_nothing)
{
    struct model_fixture *f = *state;
    struct fct_model_file_options options = model_options(f->dir, false);
    struct fct_model_file *reader;
    options.name = FCT_SLICE("others");
    assert_status(open_again(f, &options), FACTUM_NOT_FOUND);
    assert_text(f->err, "others.db does not exist");
    write_file(f, "others.db", "");
    assert_status(open_again(f, &options), FACTUM_NOT_FOUND);
    assert_text(f->err, "has no model yet");

    options.name = FCT_SLICE("orders");
    assert_ok(fct_model_file_open(&options, &reader, &f->err), f->err);
    assert_status(fct_sqlite_exec(reader->db, "DELETE FROM factum_model", "x", &f->err),
                  FACTUM_READ_ONLY);
    close_file(f);
    fct_model_file_close(reader);
    assert_true(file_is_there(f, "orders.db-wal")); /* a reader leaves it to writers */
}

TEST(a_file_of_another_program_is_refused)
{
    struct model_fixture *f = *state;
    struct fct_model_file_options options = model_options(f->dir, true);
    options.store.bytes[0] = 9;
    assert_status(open_again(f, &options), FACTUM_INVALID);
    assert_text(f->err, "belongs to the store 01020300-0000-0000-0000-000000000000, not to 0902");
    assert_text(f->err, "delete the file: it is rebuilt");

    options = model_options(f->dir, true);
    change_closed(f, "UPDATE factum_model SET name = 'other'");
    assert_status(open_again(f, &options), FACTUM_INVALID);
    assert_text(f->err, "orders.db is the file of the model other");

    char path[128];
    sqlite3 *db;
    path_of(f, "photos.db", path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    model_exec(db, "CREATE TABLE photos (id)");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    options.name = FCT_SLICE("photos");
    assert_status(open_again(f, &options), FACTUM_INVALID);
    assert_text(f->err, "not a read model");
    options.write = false;
    assert_status(open_again(f, &options), FACTUM_INVALID);

    options.name = FCT_SLICE("");
    assert_status(open_again(f, &options), FACTUM_INVALID);
}

TEST(a_newer_or_a_damaged_file_is_refused_by_name)
{
    struct model_fixture *f = *state;
    struct fct_model_file_options options = model_options(f->dir, true);
    change_closed(f, "UPDATE factum_model SET format = 2");
    assert_status(open_again(f, &options), FACTUM_NEWER_FORMAT);
    assert_text(f->err, "orders.db has format 2, this version knows 1");
    /* A newer format may have other columns. */
    change_closed(f, "ALTER TABLE factum_model RENAME COLUMN acts TO deeds");
    assert_status(open_again(f, &options), FACTUM_NEWER_FORMAT);
    change_closed(f, "UPDATE factum_model SET format = 1");
    assert_status(open_again(f, &options), FACTUM_CORRUPT);
    assert_text(f->err, "delete the file: it is rebuilt");
    change_closed(f,
                  "ALTER TABLE factum_model RENAME COLUMN deeds TO acts; DELETE FROM factum_model");
    assert_status(open_again(f, &options), FACTUM_CORRUPT);
    assert_text(f->err, "its bookkeeping is empty");
    change_closed(f, "INSERT INTO factum_model VALUES (1, 0, '', 'orders', -1, '', '')");
    assert_status(open_again(f, &options), FACTUM_CORRUPT);
    change_closed(f, "DROP TABLE factum_checkpoint; UPDATE factum_model SET format = 1");
    assert_status(open_again(f, &options), FACTUM_CORRUPT);
}

TEST(what_is_no_database_is_refused_and_can_be_removed)
{
    struct model_fixture *f = *state;
    struct fct_model_file_options options = model_options(f->dir, true);
    close_file(f);
    write_file(f, "orders.db",
               "this is a text of a person who keeps texts in files named *.db, "
               "and it is longer than the header of a database, which has 100.");
    assert_status(open_again(f, &options), FACTUM_CORRUPT);
    assert_text(f->err, "not a database");
    assert_text(f->err, "delete the file: it is rebuilt");
    write_file(f, "orders.db-wal", "x");
    assert_ok(fct_model_file_remove(options.os, f->dir, options.name, &f->err), f->err);
    assert_false(file_is_there(f, "orders.db"));
    assert_false(file_is_there(f, "orders.db-wal"));
    assert_ok(fct_model_file_remove(options.os, f->dir, options.name, &f->err), f->err);
    assert_ok(open_again(f, &options), f->err);
}

static void copy_file(const struct model_fixture *f, const char *from, const char *to)
{
    char path[128];
    char bytes[4096];
    size_t len;
    path_of(f, from, path);
    FILE *source = fopen(path, "r");
    path_of(f, to, path);
    FILE *copy = fopen(path, "w");
    assert_true(source != NULL && copy != NULL);
    while ((len = fread(bytes, 1, sizeof bytes, source)) > 0) {
        assert_int_equal(fwrite(bytes, 1, len, copy), len);
    }
    assert_int_equal(fclose(source), 0);
    assert_int_equal(fclose(copy), 0);
}

/* Copies the database and its WAL as a kill leaves them. Closing a descriptor of a file drops
 * SQLite's locks; no other connection uses the file now. */
static void copy_left_open(const struct model_fixture *f)
{
    copy_file(f, "orders.db", "left.db");
    copy_file(f, "orders.db-wal", "left.db-wal");
}

/* Overwrites a part of each page from |from| on; the bookkeeping is before it. */
static void damage(const struct model_fixture *f, const char *base, long from)
{
    char path[128];
    char page[4096];
    path_of(f, base, path);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    for (long at = from; fseek(file, at, SEEK_SET) == 0 && fread(page, sizeof page, 1, file) == 1;
         at += (long)sizeof page) {
        memset(page, 0x5a, 600);
        assert_int_equal(fseek(file, at, SEEK_SET), 0);
        assert_int_equal(fwrite(page, sizeof page, 1, file), 1);
    }
    assert_int_equal(fclose(file), 0);
}

TEST(a_file_that_was_left_open_is_checked_as_a_whole)
{
    struct model_fixture *f = *state;
    struct fct_model_file_options options = model_options(f->dir, true);
    model_exec(f->file->db,
               "CREATE TABLE big (a); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1"
               " FROM n WHERE i < 400) INSERT INTO big SELECT hex(zeroblob(300)) FROM n");
    assert_true(fct_model_file_sweep_now(f->file, 0));
    model_exec(f->file->db, "INSERT INTO big VALUES (1); UPDATE factum_model SET name = 'left'");
    copy_left_open(f);
    options.name = FCT_SLICE("left");
    assert_ok(open_again(f, &options), f->err);
    copy_left_open(f);
    damage(f, "left.db", 10 * 4096L);
    assert_status(open_again(f, &options), FACTUM_CORRUPT);
    assert_text(f->err, "delete the file: it is rebuilt");
    copy_left_open(f);
    damage(f, "left.db", 10 * 4096L);
    options.check = false; /* what is damaged is found when it is read */
    assert_ok(open_again(f, &options), f->err);
}

TEST(a_locked_file_is_busy_after_the_wait)
{
    struct model_fixture *f = *state;
    struct model_definition made;
    char path[128];
    sqlite3 *other;
    two_tables(&made);
    path_of(f, "orders.db", path);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    model_exec(other, "BEGIN IMMEDIATE");
    (void)sqlite3_busy_timeout(f->file->db, 20);
    assert_status(fct_model_build_create(f->file, &made.definition, model_v1, &f->err),
                  FACTUM_BUSY);
    assert_text(f->err, "orders.db: beginning a transaction: database is locked");
    assert_false(fct_model_file_sweep_now(f->file, 0));
    model_exec(other, "COMMIT");
    assert_ok(fct_model_build_create(f->file, &made.definition, model_v1, &f->err), f->err);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
}

TEST(a_file_that_was_deleted_while_open_is_noticed)
{
    struct model_fixture *f = *state;
    assert_ok(fct_model_file_check_place(f->file, &f->err), f->err);
    assert_ok(fct_model_file_remove(fct_os_real(), f->dir, FCT_SLICE("orders"), &f->err), f->err);
    assert_status(fct_model_file_check_place(f->file, &f->err), FACTUM_NOT_FOUND);
    assert_text(f->err, "deleted or replaced");
}

TEST(a_model_in_memory_has_no_file)
{
    struct model_fixture *f = *state;
    struct model_definition made;
    struct fct_model_file *memory;
    struct fct_model_file_options options = model_options(NULL, true);
    two_tables(&made);
    assert_ok(fct_model_file_open(&options, &memory, &f->err), f->err);
    assert_ok(fct_model_build_create(memory, &made.definition, model_v1, &f->err), f->err);
    assert_ok(fct_model_swap(memory, model_v1, &f->err), f->err);
    assert_int_equal(model_number(memory->db, "SELECT count(*) FROM orders"), 0);
    assert_ok(fct_model_file_check_place(memory, &f->err), f->err);
    assert_false(fct_model_file_sweep_now(memory, 0));
    fct_model_file_close(memory);
}

TEST(the_wal_is_swept_under_the_write_lock)
{
    struct model_fixture *f = *state;
    struct fct_model_file_options options = model_options(f->dir, false);
    struct fct_model_file *reader;
    model_exec(f->file->db, "CREATE TABLE big (a)");
    assert_ok(fct_model_file_open(&options, &reader, &f->err), f->err);
    model_exec(reader->db, "BEGIN; SELECT count(*) FROM big"); /* keeps its snapshot */
    for (int i = 0; i < 1500; i++) {
        model_exec(f->file->db, "INSERT INTO big VALUES (hex(zeroblob(1500)))");
        fct_model_file_sweep(f->file);
    }
    assert_true(f->file->wal_frames > 1500); /* the reader needs the older pages */
    assert_true(f->file->sweep_at > 1000);   /* and the sweep is not tried after each commit */
    assert_false(fct_model_file_sweep_now(f->file, 30));
    model_exec(reader->db, "COMMIT");
    assert_true(fct_model_file_sweep_now(f->file, 0));
    model_exec(f->file->db, "INSERT INTO big VALUES (1)");
    assert_true(f->file->wal_frames < 10);
    fct_model_file_close(reader);
}

/* ---- builds ---------------------------------------------------------------------------------- */

struct listed {
    char tables[128];
};

static bool note_table(void *data, factum_slice table)
{
    struct listed *listed = data;
    size_t len = strlen(listed->tables);
    (void)snprintf(listed->tables + len, sizeof listed->tables - len, "%.*s ", (int)table.len,
                   (const char *)table.ptr);
    return true;
}

TEST(builds_are_created_found_and_dropped)
{
    struct model_fixture *f = *state;
    struct model_definition made;
    struct fct_build_row row;
    struct listed listed = {0};
    const struct fct_build again = {1, 2};
    two_tables(&made);
    assert_ok(fct_model_build_create(f->file, &made.definition, model_v2, &f->err), f->err);
    assert_ok(fct_model_build_create(f->file, &made.definition, again, &f->err), f->err);
    assert_ok(fct_model_build_create(f->file, &made.definition, model_v1, &f->err), f->err);
    assert_status(fct_model_build_create(f->file, &made.definition, model_v1, &f->err),
                  FACTUM_EXISTS);
    assert_text(f->err, "the build orders__v1 exists already");
    assert_int_equal(model_number(f->file->db, "SELECT count(*) FROM factum_checkpoint"), 3);
    assert_ok(fct_model_build_find(f->file, again, &row, &f->err), f->err);
    assert_string_equal(row.name, "orders__v1_2");
    assert_int_equal(row.build.version, 1);
    assert_int_equal(row.build.run, 2);
    assert_ok(fct_model_build_tables(f->file, model_v1, &listed, note_table, &f->err), f->err);
    assert_string_equal(listed.tables, "lines orders ");

    model_exec(f->file->db, "INSERT INTO factum_parked VALUES ('orders__v1', 'k', 1, '', '', 0, 0, "
                            "0), ('orders__v2', 'k', 1, '', '', 0, 0, 0)");
    assert_ok(fct_model_build_drop(f->file, model_v1, &f->err), f->err);
    assert_status(fct_model_build_find(f->file, model_v1, &row, &f->err), FACTUM_NOT_FOUND);
    assert_status(fct_model_build_drop(f->file, model_v1, &f->err), FACTUM_NOT_FOUND);
    assert_ok(fct_model_build_find(f->file, again, &row, &f->err), f->err);
    assert_int_equal(model_number(f->file->db, "SELECT count(*) FROM orders__v1_2"), 0);
    assert_int_equal(model_number(f->file->db, "SELECT count(*) FROM orders__v1"), -1);
    assert_int_equal(model_number(f->file->db, "SELECT count(*) FROM factum_parked"), 1);
}

TEST(a_build_that_fails_leaves_nothing)
{
    struct model_fixture *f = *state;
    struct model_definition made;
    int64_t before = model_number(f->file->db, "SELECT count(*) FROM sqlite_schema");
    two_tables(&made);
    model_relation(&made, "CREATE INDEX {{bad}} ON {{orders}} (nowhere)");
    assert_status(fct_model_build_create(f->file, &made.definition, model_v1, &f->err),
                  FACTUM_FAILED);
    assert_text(f->err, "test.sql:4");
    assert_text(f->err, "nowhere");
    assert_int_equal(model_number(f->file->db, "SELECT count(*) FROM sqlite_schema"), before);
    assert_int_equal(model_number(f->file->db, "SELECT count(*) FROM factum_checkpoint"), 0);
}

/* ---- swapping -------------------------------------------------------------------------------- */

static void make_v1_and_v2(struct model_fixture *f)
{
    struct model_definition made;
    two_tables(&made);
    assert_ok(fct_model_build_create(f->file, &made.definition, model_v1, &f->err), f->err);
    model_begin(&made, "orders");
    model_relation(&made, "CREATE TABLE {{orders}} (id TEXT PRIMARY KEY, total BIGINT NOT NULL)");
    model_relation(&made, "CREATE TABLE {{extra}} (a)");
    assert_ok(fct_model_build_create(f->file, &made.definition, model_v2, &f->err), f->err);
    model_exec(f->file->db,
               "INSERT INTO orders__v1 VALUES ('a', 1);"
               "INSERT INTO orders__v2 VALUES ('a', 2); INSERT INTO extra__v2 VALUES (2)");
}

TEST(a_swap_and_one_back_change_views_and_names)
{
    struct model_fixture *f = *state;
    struct fct_model_state is;
    make_v1_and_v2(f);
    assert_ok(fct_model_swap(f->file, model_v1, &f->err), f->err);
    assert_status(fct_model_swap(f->file, model_v1, &f->err), FACTUM_INVALID);
    assert_status(fct_model_swap(f->file, (struct fct_build){3, 1}, &f->err), FACTUM_NOT_FOUND);
    assert_int_equal(model_number(f->file->db, "SELECT total FROM orders"), 1);
    assert_int_equal(model_number(f->file->db, "SELECT count(*) FROM lines"), 0);

    assert_ok(fct_model_swap(f->file, model_v2, &f->err), f->err);
    assert_int_equal(model_number(f->file->db, "SELECT total FROM orders"), 2);
    assert_int_equal(model_number(f->file->db, "SELECT a FROM extra"), 2);
    assert_int_equal(model_number(f->file->db, "SELECT count(*) FROM lines"), -1);
    assert_status(fct_model_build_drop(f->file, model_v2, &f->err), FACTUM_INVALID);
    assert_text(f->err, "in use");

    assert_ok(fct_model_swap(f->file, model_v1, &f->err), f->err);
    assert_int_equal(model_number(f->file->db, "SELECT total FROM orders"), 1);
    assert_ok(fct_model_file_state(f->file, &is, &f->err), f->err);
    assert_string_equal(is.in_use, "orders__v1");
    assert_string_equal(is.previous, "orders__v2");
    assert_ok(fct_model_build_drop(f->file, model_v2, &f->err), f->err);
    assert_ok(fct_model_file_state(f->file, &is, &f->err), f->err);
    assert_string_equal(is.previous, "");
}

TEST(a_swap_that_fails_leaves_the_old_views)
{
    struct model_fixture *f = *state;
    make_v1_and_v2(f);
    assert_ok(fct_model_swap(f->file, model_v1, &f->err), f->err);
    model_exec(f->file->db, "CREATE TABLE extra (in_the_way)");
    assert_status(fct_model_swap(f->file, model_v2, &f->err), FACTUM_FAILED);
    assert_text(f->err, "\"extra\" already exists");
    assert_int_equal(model_number(f->file->db, "SELECT total FROM orders"), 1);
    assert_int_equal(model_number(f->file->db, "SELECT count(*) FROM lines"), 0);
}

struct watcher {
    struct fct_model_file *reader;
    _Atomic bool ended;
    int torn;
    int reads;
};

/* The table contains its version, and so does the bookkeeping. */
static void *watch_versions(void *data)
{
    struct watcher *watcher = data;
    while (!atomic_load(&watcher->ended)) {
        int64_t same = model_number(
            watcher->reader->db, "SELECT in_use = 'orders__v' || total FROM orders, factum_model");
        watcher->torn += same != 1;
        watcher->reads++;
    }
    return NULL;
}

TEST(a_reader_beside_sees_one_version_or_the_other)
{
    struct model_fixture *f = *state;
    struct watcher watcher = {.torn = 0};
    pthread_t thread;
    struct fct_model_file_options options = model_options(f->dir, false);
    make_v1_and_v2(f);
    assert_ok(fct_model_swap(f->file, model_v1, &f->err), f->err);
    assert_ok(fct_model_file_open(&options, &watcher.reader, &f->err), f->err);
    assert_int_equal(pthread_create(&thread, NULL, watch_versions, &watcher), 0);
    for (int i = 0; i < 100; i++) {
        const struct fct_build next = i % 2 == 0 ? model_v2 : model_v1;
        assert_ok(fct_model_swap(f->file, next, &f->err), f->err);
    }
    atomic_store(&watcher.ended, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    fct_model_file_close(watcher.reader);
    assert_true(watcher.reads > 0);
    assert_int_equal(watcher.torn, 0);
}

/* ---- acts ------------------------------------------------------------------------------------ */

TEST(an_act_and_its_effect_are_one_transaction)
{
    struct model_fixture *f = *state;
    struct fct_model_state is;
    bool done;
    make_v1_and_v2(f);
    assert_ok(fct_model_act_look(f->file, 0, &done, &f->err), f->err);
    assert_false(done);
    assert_ok(fct_model_act_begin(f->file, 0, &f->err), f->err);
    assert_ok(fct_model_swap(f->file, model_v1, &f->err), f->err);
    fct_model_act_cancel(f->file);
    assert_ok(fct_model_file_state(f->file, &is, &f->err), f->err);
    assert_false(is.acts_set);
    assert_string_equal(is.in_use, "");

    assert_ok(fct_model_act_begin(f->file, 0, &f->err), f->err);
    assert_ok(fct_model_swap(f->file, model_v1, &f->err), f->err);
    assert_ok(fct_model_act_commit(f->file, &f->err), f->err);
    assert_ok(fct_model_file_state(f->file, &is, &f->err), f->err);
    assert_true(is.acts_set);
    assert_int_equal(is.acts, 0);
    assert_string_equal(is.in_use, "orders__v1");
    assert_status(fct_model_act_begin(f->file, 0, &f->err), FACTUM_EXISTS);
    assert_true(sqlite3_get_autocommit(f->file->db) != 0);
    assert_ok(fct_model_act_look(f->file, 0, &done, &f->err), f->err);
    assert_true(done);
}

TEST(an_act_that_cannot_be_done_is_recorded_with_its_reason)
{
    struct model_fixture *f = *state;
    struct fct_model_state is;
    bool done;
    make_v1_and_v2(f);
    assert_ok(fct_model_act_begin(f->file, 7, &f->err), f->err);
    assert_status(fct_model_swap(f->file, (struct fct_build){9, 1}, &f->err), FACTUM_NOT_FOUND);
    assert_ok(fct_model_act_refuse(f->file, 7, "there is no build 9", &f->err), f->err);
    assert_ok(fct_model_act_commit(f->file, &f->err), f->err);
    assert_status(fct_model_act_look(f->file, 7, &done, &f->err), FACTUM_INVALID);
    assert_true(done);
    assert_text(f->err, "there is no build 9");
    assert_ok(fct_model_act_look(f->file, 6, &done, &f->err), f->err);
    assert_true(done);
    assert_ok(fct_model_act_begin(f->file, 20000, &f->err), f->err);
    assert_ok(fct_model_act_refuse(f->file, 20000, "no", &f->err), f->err);
    assert_ok(fct_model_act_commit(f->file, &f->err), f->err);
    assert_int_equal(model_number(f->file->db, "SELECT count(*) FROM factum_refused"), 1);
    assert_ok(fct_model_file_state(f->file, &is, &f->err), f->err);
    assert_int_equal(is.acts, 20000);
}

/* ---- codes ----------------------------------------------------------------------------------- */

TEST(each_code_of_sqlite_has_its_status)
{
    const struct {
        int code;
        factum_status status;
    } cases[] = {
        {SQLITE_OK, FACTUM_OK},
        {SQLITE_DONE, FACTUM_OK},
        {SQLITE_CONSTRAINT_UNIQUE, FACTUM_INVALID},
        {SQLITE_MISMATCH, FACTUM_INVALID},
        {SQLITE_TOOBIG, FACTUM_INVALID},
        {SQLITE_RANGE, FACTUM_INVALID},
        {SQLITE_BUSY_SNAPSHOT, FACTUM_BUSY},
        {SQLITE_LOCKED, FACTUM_BUSY},
        {SQLITE_FULL, FACTUM_NO_SPACE},
        {SQLITE_IOERR_FSYNC, FACTUM_IO},
        {SQLITE_CANTOPEN, FACTUM_IO},
        {SQLITE_IOERR_NOMEM, FACTUM_NO_MEMORY},
        {SQLITE_NOMEM, FACTUM_NO_MEMORY},
        {SQLITE_CORRUPT_VTAB, FACTUM_CORRUPT},
        {SQLITE_NOTADB, FACTUM_CORRUPT},
        {SQLITE_READONLY_DBMOVED, FACTUM_NOT_FOUND},
        {SQLITE_INTERRUPT, FACTUM_CANCELLED},
        {SQLITE_ERROR, FACTUM_FAILED},
        {SQLITE_SCHEMA, FACTUM_FAILED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(fct_sqlite_status(cases[i].code), cases[i].status);
    }
    factum_error err;
    assert_status(fct_sqlite_fail(NULL, SQLITE_FULL, &err, "doing %d", 3), FACTUM_NO_SPACE);
    assert_text(err, "model: doing 3: database or disk is full");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MODEL_CASE(a_new_file_has_its_bookkeeping_and_its_pragmas),
        MODEL_CASE(a_reader_needs_a_model_and_changes_nothing),
        MODEL_CASE(a_file_of_another_program_is_refused),
        MODEL_CASE(a_newer_or_a_damaged_file_is_refused_by_name),
        MODEL_CASE(what_is_no_database_is_refused_and_can_be_removed),
        MODEL_CASE(a_file_that_was_left_open_is_checked_as_a_whole),
        MODEL_CASE(a_locked_file_is_busy_after_the_wait),
        MODEL_CASE(a_file_that_was_deleted_while_open_is_noticed),
        MODEL_CASE(a_model_in_memory_has_no_file),
        MODEL_CASE(the_wal_is_swept_under_the_write_lock),
        MODEL_CASE(builds_are_created_found_and_dropped),
        MODEL_CASE(a_build_that_fails_leaves_nothing),
        MODEL_CASE(a_swap_and_one_back_change_views_and_names),
        MODEL_CASE(a_swap_that_fails_leaves_the_old_views),
        MODEL_CASE(a_reader_beside_sees_one_version_or_the_other),
        MODEL_CASE(an_act_and_its_effect_are_one_transaction),
        MODEL_CASE(an_act_that_cannot_be_done_is_recorded_with_its_reason),
        MODEL_CASE(each_code_of_sqlite_has_its_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
