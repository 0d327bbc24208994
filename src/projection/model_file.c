/* model_file.c - see model_file.h. Layer: projection. */
#include "projection/model_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "projection/query_guard.h"
#include "projection/sqlite_status.h"

#define WRITER_CACHE_SIZE ((size_t)16 << 20)
#define READER_CACHE_SIZE ((size_t)4 << 20)
#define SWEEP_FRAMES 1000     /* 4 MiB of pages */
#define LONG_WAL_FRAMES 65536 /* 256 MiB: a longer WAL makes writers wait for readers */
#define LONG_WAL_WAIT_MS 2000
#define SWEEP_POLL_MS 10

static const char model_tables[] =
    "CREATE TABLE factum_model (id INTEGER PRIMARY KEY CHECK (id = 1), format INTEGER NOT NULL,"
    " store TEXT NOT NULL, name TEXT NOT NULL, acts INTEGER NOT NULL, in_use TEXT NOT NULL,"
    " previous TEXT NOT NULL);"
    "CREATE TABLE factum_checkpoint (name TEXT PRIMARY KEY NOT NULL, version INTEGER NOT NULL,"
    " run INTEGER NOT NULL, position INTEGER NOT NULL, epoch INTEGER NOT NULL,"
    " token TEXT NOT NULL, created INTEGER NOT NULL, event_count INTEGER NOT NULL);"
    "CREATE TABLE factum_parked (build TEXT NOT NULL, key TEXT NOT NULL,"
    " position INTEGER NOT NULL, type TEXT NOT NULL, reason TEXT NOT NULL,"
    " attempts INTEGER NOT NULL, next_attempt INTEGER NOT NULL, since INTEGER NOT NULL,"
    " PRIMARY KEY (build, position)) WITHOUT ROWID;"
    "CREATE INDEX factum_parked_by_key ON factum_parked (build, key, position);"
    "CREATE TABLE factum_refused (revision INTEGER PRIMARY KEY, reason TEXT NOT NULL);";

/* Each prepares only if the table has the columns. */
static const char *const model_probes[] = {
    "SELECT format, store, name, acts, in_use, previous FROM factum_model",
    ("SELECT name, version, run, position, epoch, token, created, event_count"
     " FROM factum_checkpoint"),
    "SELECT build, key, position, type, reason, attempts, next_attempt, since FROM factum_parked",
    "SELECT revision, reason FROM factum_refused",
};

/* Invariants 2 and 4 of model_file.h. */
static void model_file_check(const struct fct_model_file *file)
{
    FCT_ASSERT(file->db != NULL);
    FCT_ASSERT(file->write || file->sweeper == NULL);
    FCT_ASSERT(file->sweep_at > 0);
    FCT_ASSERT(file->wal_frames >= 0);
}

/* ---- its connection -------------------------------------------------------------------------- */

/* Turns a failure of the file itself into CORRUPT with what to do; others stay as they are. */
static factum_status model_damaged(const struct fct_model_file *file, factum_status status,
                                   factum_error *err)
{
    if (status != FACTUM_CORRUPT && status != FACTUM_FAILED && status != FACTUM_INVALID) {
        return status;
    }
    char why[160];
    (void)snprintf(why, sizeof why, "%.159s", err->text);
    return fct_fail(err, FACTUM_CORRUPT, "%s (damaged? delete the file: it is rebuilt)",
                    why[0] != '\0' ? why : file->name);
}

static int note_wal_frames(void *data, sqlite3 *db, const char *schema, int frames)
{
    struct fct_model_file *file = data;
    (void)db;
    (void)schema;
    if (frames < file->wal_frames) {
        file->sweep_at = SWEEP_FRAMES; /* the WAL has begun again */
    }
    file->wal_frames = frames;
    return SQLITE_OK;
}

static factum_status set_switches(sqlite3 *db, bool checkpoint_on_close, factum_error *err)
{
    const struct {
        int option;
        int value;
    } switches[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0}, /* "x" is a name, never a text */
        {SQLITE_DBCONFIG_DQS_DDL, 0},
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
        {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, checkpoint_on_close ? 0 : 1},
    };
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++) {
        int code = sqlite3_db_config(db, switches[i].option, switches[i].value, NULL);
        if (code != SQLITE_OK) {
            return fct_sqlite_fail(db, code, err, "configuring the connection");
        }
    }
    (void)sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    return FACTUM_OK;
}

static factum_status open_connection(const struct fct_model_file *file, bool create, sqlite3 **db,
                                     factum_error *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                (create ? SQLITE_OPEN_CREATE : 0);
    bool memory = file->path[0] == '\0';
    if (memory) {
        flags |= SQLITE_OPEN_MEMORY;
    }
    fct_query_guard_install(); /* before SQLite's first allocation */
    int code = sqlite3_open_v2(memory ? ":memory:" : file->path, db, flags, NULL);
    if (code == SQLITE_OK) {
        return FACTUM_OK;
    }
    factum_status status = fct_sqlite_fail(*db, code, err, "opening %s", file->path);
    if (*db != NULL && sqlite3_system_errno(*db) == ENOENT) {
        status = fct_fail(err, FACTUM_NOT_FOUND, "%s does not exist", file->path);
    }
    return status;
}

static factum_status set_pragmas(struct fct_model_file *file, size_t cache_size, factum_error *err)
{
    char text[400];
    (void)snprintf(text, sizeof text,
                   "PRAGMA synchronous=FULL; PRAGMA mmap_size=0; PRAGMA cell_size_check=ON;"
                   "PRAGMA foreign_keys=OFF; PRAGMA wal_autocheckpoint=0;"
                   "PRAGMA journal_size_limit=67108864; PRAGMA cache_size=-%zu;"
                   "PRAGMA query_only=%s;",
                   cache_size >> 10, file->write ? "OFF" : "ON");
    return fct_sqlite_exec(file->db, text, "setting pragmas", err);
}

/* For writers; the file remembers the mode. */
static factum_status set_wal(struct fct_model_file *file, factum_error *err)
{
    sqlite3_stmt *statement;
    bool row = false;
    factum_status status = fct_sqlite_prepare(file->db, FCT_SLICE("PRAGMA journal_mode=WAL"),
                                              "turning WAL on", &statement, err);
    if (status == FACTUM_OK) {
        status = fct_sqlite_step(statement, "turning WAL on", &row, err);
    }
    if (status == FACTUM_OK &&
        !(row && fct_slice_equal(fct_sqlite_text(statement, 0), FCT_SLICE("wal")))) {
        status = fct_fail(err, FACTUM_IO, "%s: the file system does not support SQLite's WAL",
                          file->path);
    }
    (void)sqlite3_finalize(statement);
    if (status == FACTUM_OK) {
        (void)sqlite3_wal_hook(file->db, note_wal_frames, file);
    }
    return status;
}

/* Creates an empty file that only its owner may read; SQLite's own would be readable by others. */
static factum_status create_empty(const struct fct_model_file *file, const struct fct_os *os,
                                  factum_error *err)
{
    struct fct_file *made;
    factum_status status = fct_file_open(
        os, file->path, FCT_OPEN_WRITE | FCT_OPEN_CREATE | FCT_OPEN_EXCLUSIVE, &made, err);
    if (status == FACTUM_OK) {
        status = fct_file_close(&made, err);
    }
    return status == FACTUM_EXISTS ? FACTUM_OK : status;
}

static factum_status connect_to(struct fct_model_file *file,
                                const struct fct_model_file_options *options, factum_error *err)
{
    size_t cache = options->write ? WRITER_CACHE_SIZE : READER_CACHE_SIZE;
    factum_status status = FACTUM_OK;
    if (options->write && options->dir != NULL) {
        status = create_empty(file, options->os, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = open_connection(file, options->write, &file->db, err);
    if (status != FACTUM_OK) {
        return status;
    }
    (void)sqlite3_busy_timeout(file->db, FCT_MODEL_BUSY_MS);
    status = set_switches(file->db, options->write, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = set_pragmas(file, options->cache_size != 0 ? options->cache_size : cache, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (options->write && options->dir != NULL) {
        status = set_wal(file, err);
    }
    return status;
}

/* ---- its bookkeeping ------------------------------------------------------------------------- */

/* Prepares |sql| and steps to its first row, if it has one. */
static factum_status first_row(struct fct_model_file *file, const char *sql,
                               sqlite3_stmt **statement, bool *row, factum_error *err)
{
    factum_status status = fct_sqlite_prepare(file->db, factum_slice_from(sql),
                                              "reading the bookkeeping", statement, err);
    *row = false;
    if (status == FACTUM_OK) {
        status = fct_sqlite_step(*statement, "reading the bookkeeping", row, err);
    }
    return status;
}

/* The number of tables, and whether the model's bookkeeping is among them. */
static factum_status count_tables(struct fct_model_file *file, int64_t *count, bool *ours,
                                  factum_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    factum_status status = first_row(
        file, "SELECT count(*), coalesce(sum(name = 'factum_model'), 0) FROM sqlite_schema",
        &statement, &row, err);
    if (status == FACTUM_OK && row) {
        *count = sqlite3_column_int64(statement, 0);
        *ours = sqlite3_column_int64(statement, 1) != 0;
    }
    (void)sqlite3_finalize(statement);
    return status;
}

static factum_status insert_model(struct fct_model_file *file, factum_uuid store, factum_error *err)
{
    char id[FACTUM_UUID_TEXT_SIZE];
    sqlite3_stmt *statement;
    factum_uuid_format(store, id);
    factum_status status = fct_sqlite_prepare(
        file->db, FCT_SLICE("INSERT INTO factum_model VALUES (1, ?1, ?2, ?3, -1, '', '')"),
        "making the bookkeeping", &statement, err);
    if (status == FACTUM_OK) {
        (void)sqlite3_bind_int(statement, 1, FCT_MODEL_FORMAT);
        (void)fct_sqlite_bind_text(statement, 2, factum_slice_from(id));
        (void)fct_sqlite_bind_text(statement, 3, factum_slice_from(file->name));
        status = fct_sqlite_run(statement, "making the bookkeeping", NULL, err);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

static factum_status create_bookkeeping(struct fct_model_file *file, factum_uuid store,
                                        factum_error *err)
{
    int64_t count = 0;
    bool ours = false;
    factum_status status = fct_sqlite_exec(file->db, "BEGIN IMMEDIATE", "beginning", err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = count_tables(file, &count, &ours, err); /* another process may have been faster */
    if (status == FACTUM_OK && !ours && count > 0) {
        status =
            fct_fail(err, FACTUM_INVALID,
                     "%s is a database, but not a read model: use another directory", file->path);
    } else if (status == FACTUM_OK && !ours) {
        status = fct_sqlite_exec(file->db, model_tables, "making the bookkeeping", err);
        status = status == FACTUM_OK ? insert_model(file, store, err) : status;
    }
    if (status == FACTUM_OK) {
        status = fct_sqlite_exec(file->db, "COMMIT", "making the bookkeeping", err);
    }
    if (sqlite3_get_autocommit(file->db) == 0) {
        (void)sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
    }
    return status;
}

/* |row| has the columns format, store, name. */
static factum_status judge_row(struct fct_model_file *file, sqlite3_stmt *row, factum_uuid store,
                               factum_error *err)
{
    char id[FACTUM_UUID_TEXT_SIZE];
    int64_t format = sqlite3_column_int64(row, 0);
    factum_slice owner = fct_sqlite_text(row, 1);
    factum_slice name = fct_sqlite_text(row, 2);
    factum_uuid_format(store, id);
    if (format > FCT_MODEL_FORMAT) {
        return fct_fail(err, FACTUM_NEWER_FORMAT,
                        "%s.db has format %lld, this version knows %d: use a newer version, or"
                        " delete the file: it is rebuilt",
                        file->name, (long long)format, FCT_MODEL_FORMAT);
    }
    if (format < 1) {
        return fct_fail(err, FACTUM_CORRUPT,
                        "%s.db has no valid format number: delete the file: it is rebuilt",
                        file->name);
    }
    if (!fct_slice_equal(owner, factum_slice_from(id))) {
        return fct_fail(err, FACTUM_INVALID,
                        "%s.db belongs to the store %.*s, not to %s: use another directory, or"
                        " delete the file: it is rebuilt",
                        file->name, FCT_FMT(owner), id);
    }
    if (!fct_slice_equal(name, factum_slice_from(file->name))) {
        return fct_fail(err, FACTUM_INVALID, "%s.db is the file of the model %.*s", file->name,
                        FCT_FMT(name));
    }
    return FACTUM_OK;
}

static factum_status judge_model(struct fct_model_file *file, factum_uuid store, factum_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    factum_status status =
        first_row(file, "SELECT format FROM factum_model", &statement, &row, err);
    bool newer =
        status == FACTUM_OK && row && sqlite3_column_int64(statement, 0) > FCT_MODEL_FORMAT;
    (void)sqlite3_finalize(statement);
    statement = NULL;
    for (size_t i = 0; status == FACTUM_OK && !newer && row && i < 4; i++) {
        status = fct_sqlite_prepare(file->db, factum_slice_from(model_probes[i]),
                                    "reading the bookkeeping", &statement, err);
        (void)sqlite3_finalize(statement);
        statement = NULL;
    }
    status = model_damaged(file, status, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (!row) {
        return fct_fail(err, FACTUM_CORRUPT,
                        "%s.db: its bookkeeping is empty: delete the file: it is rebuilt",
                        file->name);
    }
    status = first_row(file, "SELECT format, store, name FROM factum_model", &statement, &row, err);
    if (status == FACTUM_OK) {
        status = judge_row(file, statement, store, err);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

/* Compares every page with its neighbours; "ok" is the only good answer. */
static factum_status check_pages(struct fct_model_file *file, factum_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    factum_status status = first_row(file, "PRAGMA quick_check(1)", &statement, &row, err);
    if (status == FACTUM_OK && row) {
        factum_slice answer = fct_sqlite_text(statement, 0);
        if (!fct_slice_equal(answer, FCT_SLICE("ok"))) {
            status = fct_fail(err, FACTUM_CORRUPT,
                              "%s.db is damaged (%.*s): delete the file: it is rebuilt", file->name,
                              FCT_FMT(answer));
        }
    }
    (void)sqlite3_finalize(statement);
    return status;
}

/* A WAL that is not empty was left by a writer that did not close the file. */
static bool was_left_open(const struct fct_model_file *file, const struct fct_os *os)
{
    factum_error ignored;
    char path[FCT_PATH_SIZE + 8];
    struct fct_file *wal;
    uint64_t size = 0;
    (void)snprintf(path, sizeof path, "%s-wal", file->path);
    if (fct_file_open(os, path, FCT_OPEN_READ, &wal, &ignored) != FACTUM_OK) {
        return false;
    }
    bool known = fct_file_size(wal, &size, &ignored) == FACTUM_OK;
    (void)fct_file_close(&wal, &ignored);
    return !known || size > 0;
}

static factum_status admit(struct fct_model_file *file,
                           const struct fct_model_file_options *options, bool left_open,
                           factum_error *err)
{
    int64_t count = 0;
    bool ours = false;
    factum_status status = FACTUM_OK;
    if (left_open) {
        status = check_pages(file, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = count_tables(file, &count, &ours, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (!ours && options->write) {
        status = create_bookkeeping(file, options->store, err);
    } else if (!ours) {
        status = count > 0 ? fct_fail(err, FACTUM_INVALID, "%s is not a read model", file->path)
                           : fct_fail(err, FACTUM_NOT_FOUND, "%s has no model yet", file->path);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    return judge_model(file, options->store, err);
}

/* ---- opening and closing --------------------------------------------------------------------- */

static factum_status name_file(struct fct_model_file *file,
                               const struct fct_model_file_options *options, factum_error *err)
{
    char base[sizeof file->name + 4];
    if (options->name.len == 0 || options->name.len >= sizeof file->name) {
        return fct_fail(err, FACTUM_INVALID, "the name of a model has 1 to %d bytes",
                        FACTUM_PROJECTION_NAME_MAX);
    }
    memcpy(file->name, options->name.ptr, options->name.len);
    (void)snprintf(base, sizeof base, "%s.db", file->name);
    return options->dir == NULL ? FACTUM_OK : fct_path_join(file->path, options->dir, base, err);
}

factum_status fct_model_file_open(const struct fct_model_file_options *options,
                                  struct fct_model_file **file, factum_error *err)
{
    FCT_ASSERT(options->mem != NULL && options->os != NULL);
    FCT_ASSERT(options->write || options->dir != NULL);
    *file = NULL;
    struct fct_model_file *made = fct_mem_zalloc(options->mem, 1, sizeof *made);
    if (made == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "opening a model: out of memory");
    }
    made->mem = options->mem;
    made->write = options->write;
    made->sweep_at = SWEEP_FRAMES;
    factum_status status = name_file(made, options, err);
    bool left_open = status == FACTUM_OK && options->check && options->dir != NULL &&
                     was_left_open(made, options->os);
    if (status == FACTUM_OK) {
        status = connect_to(made, options, err);
    }
    if (status == FACTUM_OK) {
        status = admit(made, options, left_open, err);
    }
    if (status == FACTUM_CORRUPT && strstr(err->text, "delete the file") == NULL) {
        status = model_damaged(made, status, err);
    }
    if (status != FACTUM_OK) {
        fct_model_file_close(made);
        return status;
    }
    model_file_check(made);
    *file = made;
    return FACTUM_OK;
}

void fct_model_file_close(struct fct_model_file *file)
{
    if (file == NULL) {
        return;
    }
    (void)sqlite3_close_v2(file->sweeper);
    (void)sqlite3_close_v2(file->db);
    fct_mem_free(file->mem, file);
}

factum_status fct_model_file_remove(const struct fct_os *os, const char *dir, factum_slice name,
                                    factum_error *err)
{
    /* The database last: a WAL without a database is useless, and SQLite deletes it. */
    static const char *const endings[] = {".db-wal", ".db-shm", ".db"};
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < 3 && status == FACTUM_OK; i++) {
        char base[FACTUM_PROJECTION_NAME_MAX + 16];
        (void)snprintf(base, sizeof base, "%.*s%s", (int)name.len, (const char *)name.ptr,
                       endings[i]);
        status = fct_os_unlink_in(os, dir, base, err);
        status = status == FACTUM_NOT_FOUND ? FACTUM_OK : status;
    }
    return status;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void copy_name(char to[FCT_MODEL_BUILD_NAME_SIZE], factum_slice from)
{
    (void)snprintf(to, FCT_MODEL_BUILD_NAME_SIZE, "%.*s", (int)from.len, (const char *)from.ptr);
}

factum_status fct_model_file_state(struct fct_model_file *file, struct fct_model_state *state,
                                   factum_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    *state = (struct fct_model_state){0};
    factum_status status =
        first_row(file, "SELECT acts, in_use, previous FROM factum_model", &statement, &row, err);
    if (status == FACTUM_OK && !row) {
        status =
            fct_fail(err, FACTUM_CORRUPT,
                     "%s.db: its bookkeeping is empty: delete the file: it is rebuilt", file->name);
    } else if (status == FACTUM_OK) {
        int64_t acts = sqlite3_column_int64(statement, 0);
        state->acts_set = acts >= 0;
        state->acts = acts >= 0 ? (uint64_t)acts : 0;
        copy_name(state->in_use, fct_sqlite_text(statement, 1));
        copy_name(state->previous, fct_sqlite_text(statement, 2));
    }
    (void)sqlite3_finalize(statement);
    return status;
}

factum_status fct_model_file_check_place(struct fct_model_file *file, factum_error *err)
{
    int moved = 0;
    int code = sqlite3_file_control(file->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (code == SQLITE_OK && moved != 0 && file->path[0] != '\0') {
        return fct_fail(err, FACTUM_NOT_FOUND,
                        "%s was deleted or replaced while it was open: open it again", file->path);
    }
    return FACTUM_OK;
}

/* ---- the WAL --------------------------------------------------------------------------------- */

static bool open_sweeper(struct fct_model_file *file)
{
    factum_error ignored;
    if (file->sweeper != NULL) {
        return true;
    }
    if (open_connection(file, false, &file->sweeper, &ignored) == FACTUM_OK &&
        set_switches(file->sweeper, false, &ignored) == FACTUM_OK &&
        sqlite3_exec(file->sweeper,
                     "PRAGMA synchronous=FULL; PRAGMA mmap_size=0; PRAGMA wal_autocheckpoint=0;"
                     "PRAGMA cache_size=-64; SELECT count(*) FROM sqlite_schema",
                     NULL, NULL, NULL) == SQLITE_OK) {
        return true;
    }
    (void)sqlite3_close_v2(file->sweeper);
    file->sweeper = NULL;
    return false;
}

/* The write lock is held: see the head of model_file.h. */
static bool sweep_locked(struct fct_model_file *file, int wait_ms)
{
    int frames = 0;
    int moved = 0;
    for (;;) {
        int code = sqlite3_wal_checkpoint_v2(file->sweeper, NULL, SQLITE_CHECKPOINT_PASSIVE,
                                             &frames, &moved);
        bool all = code == SQLITE_OK && moved >= frames;
        if (all || wait_ms <= 0 || (code != SQLITE_OK && code != SQLITE_BUSY)) {
            file->sweep_at = all ? SWEEP_FRAMES : file->wal_frames + SWEEP_FRAMES / 4;
            return all;
        }
        (void)sqlite3_sleep(SWEEP_POLL_MS);
        wait_ms -= SWEEP_POLL_MS;
    }
}

bool fct_model_file_sweep_now(struct fct_model_file *file, int wait_ms)
{
    FCT_ASSERT(file->write);
    model_file_check(file);
    if (file->path[0] == '\0' || sqlite3_get_autocommit(file->db) == 0 || !open_sweeper(file)) {
        return false;
    }
    (void)sqlite3_busy_timeout(file->db, wait_ms);
    bool locked = sqlite3_exec(file->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;
    (void)sqlite3_busy_timeout(file->db, FCT_MODEL_BUSY_MS);
    if (!locked) {
        return false; /* another writer works: a later commit tries again */
    }
    bool all = sweep_locked(file, wait_ms);
    (void)sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
    model_file_check(file);
    return all;
}

void fct_model_file_sweep(struct fct_model_file *file)
{
    if (file->wal_frames >= file->sweep_at) {
        bool is_long = file->wal_frames >= LONG_WAL_FRAMES;
        (void)fct_model_file_sweep_now(file, is_long ? LONG_WAL_WAIT_MS : 0);
    }
}
