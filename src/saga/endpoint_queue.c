/* endpoint_queue.c - see endpoint_queue.h. Layer: saga. */
#include "saga/endpoint_queue.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/slice.h"
#include "os/os.h"
#include "saga/endpoint_definition.h"

#define QUEUE_FORMAT 1
#define QUEUE_BUSY_MS 5000
#define QUEUE_EVENT_ARENA_MAX ((size_t)1 << 20)

static const char queue_schema[] =
    "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS endpoint (service TEXT PRIMARY KEY, url TEXT NOT NULL,"
    " secret TEXT NOT NULL, timeout_ms INTEGER NOT NULL, parallel INTEGER NOT NULL,"
    " disabled INTEGER NOT NULL DEFAULT 0, not_before INTEGER NOT NULL DEFAULT 0,"
    " problem TEXT NOT NULL DEFAULT '') WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS command (position INTEGER PRIMARY KEY,"
    " command_id TEXT NOT NULL UNIQUE, key TEXT NOT NULL, service TEXT NOT NULL,"
    " undoes TEXT NOT NULL, state INTEGER NOT NULL, maybe INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL DEFAULT 0, since INTEGER NOT NULL DEFAULT 0,"
    " next INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '');"
    "CREATE INDEX IF NOT EXISTS command_due ON command (service, state, next);"
    "CREATE INDEX IF NOT EXISTS command_key ON command (key, position) WHERE state < 3;"
    "CREATE INDEX IF NOT EXISTS command_undoes ON command (undoes) WHERE undoes <> '';";

/* ---- SQLite ---------------------------------------------------------------------------------- */

static factum_status queue_status(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return FACTUM_OK;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return FACTUM_BUSY;
    case SQLITE_FULL:
        return FACTUM_NO_SPACE;
    case SQLITE_NOMEM:
        return FACTUM_NO_MEMORY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return FACTUM_CORRUPT;
    default:
        return FACTUM_IO;
    }
}

static factum_status queue_fail(struct fct_queue *queue, int code, factum_error *err)
{
    return fct_fail(err, queue_status(code), FCT_QUEUE_FILE ": %s",
                    queue->db != NULL ? sqlite3_errmsg(queue->db) : sqlite3_errstr(code));
}

static factum_status queue_exec(struct fct_queue *queue, const char *sql, factum_error *err)
{
    int code = sqlite3_exec(queue->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? FACTUM_OK : queue_fail(queue, code, err);
}

/* A prepared statement in use. The first failure stays in |code|. */
struct queue_call {
    struct fct_queue *queue;
    sqlite3_stmt *statement;
    int code;
    int count; /* bound parameters */
};

static struct queue_call queue_prepare(struct fct_queue *queue, const char *sql)
{
    struct queue_call call = {.queue = queue};
    call.code = sqlite3_prepare_v2(queue->db, sql, -1, &call.statement, NULL);
    return call;
}

static void queue_bind_text(struct queue_call *call, factum_slice text)
{
    if (call->code == SQLITE_OK) {
        call->code = sqlite3_bind_text64(call->statement, ++call->count,
                                         text.len > 0 ? (const char *)text.ptr : "", text.len,
                                         SQLITE_STATIC, SQLITE_UTF8);
    }
}

static void bind_int(struct queue_call *call, int64_t number)
{
    if (call->code == SQLITE_OK) {
        call->code = sqlite3_bind_int64(call->statement, ++call->count, number);
    }
}

/* Is there a row? False at the end and after a failure, which is in call->code. */
static bool queue_step(struct queue_call *call)
{
    if (call->code != SQLITE_OK && call->code != SQLITE_ROW) {
        return false;
    }
    call->code = sqlite3_step(call->statement);
    return call->code == SQLITE_ROW;
}

static factum_status queue_finish(struct queue_call *call, factum_error *err)
{
    factum_status status = queue_status(call->code) == FACTUM_OK
                               ? FACTUM_OK
                               : queue_fail(call->queue, call->code, err);
    sqlite3_finalize(call->statement);
    return status;
}

static factum_status queue_run(struct queue_call *call, factum_error *err)
{
    (void)queue_step(call);
    return queue_finish(call, err);
}

static factum_slice queue_text(const struct queue_call *call, int column)
{
    const unsigned char *text = sqlite3_column_text(call->statement, column);
    int len = sqlite3_column_bytes(call->statement, column);
    return fct_slice(text, text != NULL && len > 0 ? (size_t)len : 0);
}

static int64_t queue_number(const struct queue_call *call, int column)
{
    return sqlite3_column_int64(call->statement, column);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* The format of the file; 0: its tables were not created yet. */
static factum_status read_format(struct fct_queue *queue, int64_t *format, factum_error *err)
{
    struct queue_call call = queue_prepare(queue, "PRAGMA user_version");
    *format = 0;
    if (queue_step(&call)) {
        *format = queue_number(&call, 0);
    }
    factum_status status = queue_finish(&call, err);
    return status == FACTUM_OK && *format > QUEUE_FORMAT
               ? fct_fail(err, FACTUM_NEWER_FORMAT,
                          FCT_QUEUE_FILE " was written by a newer version: update, or delete it")
               : status;
}

static factum_status create_tables(struct fct_queue *queue, uint64_t born, factum_error *err)
{
    factum_status status = queue_exec(queue, "BEGIN IMMEDIATE", err);
    if (status == FACTUM_OK) {
        status = queue_exec(queue, queue_schema, err);
    }
    if (status == FACTUM_OK) {
        struct queue_call call =
            queue_prepare(queue, "INSERT OR IGNORE INTO meta VALUES ('born', ?1), ('token', '')");
        bind_int(&call, (int64_t)born);
        status = queue_run(&call, err);
    }
    if (status == FACTUM_OK) {
        status = queue_exec(queue, "PRAGMA user_version=1", err);
    }
    if (status == FACTUM_OK) {
        return queue_exec(queue, "COMMIT", err);
    }
    fct_queue_rollback(queue);
    return status;
}

/* |flags| are those of sqlite3_open_v2, besides the ones of every connection. */
static factum_status connect_file(struct fct_queue *queue, const char *path, int flags,
                                  factum_error *err)
{
    int code = sqlite3_open_v2(
        path, &queue->db,
        flags | SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_busy_timeout(queue->db, QUEUE_BUSY_MS);
    }
    if (code != SQLITE_OK) {
        return queue_fail(queue, code, err);
    }
    return queue_exec(queue,
                      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                      "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON",
                      err);
}

factum_status fct_queue_open(struct fct_queue *queue, const char *dir, uint64_t born,
                             factum_error *err)
{
    int64_t format = 0;
    char path[FCT_PATH_SIZE];
    *queue = (struct fct_queue){NULL};
    factum_status status = fct_path_join(path, dir, FCT_QUEUE_FILE, err);
    if (status == FACTUM_OK) {
        status = connect_file(queue, path, SQLITE_OPEN_CREATE, err);
    }
    if (status == FACTUM_OK) {
        status = read_format(queue, &format, err);
    }
    if (status == FACTUM_OK && format == 0) {
        status = create_tables(queue, born, err);
    }
    if (status != FACTUM_OK) {
        fct_queue_close(queue);
    }
    return status;
}

/* Asks SQLite's file system: opening and closing the file here would release the locks that other
 * connections of this process hold on it. */
static factum_status find_file(const char *path, factum_error *err)
{
    int found = 0;
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    int code = vfs == NULL ? SQLITE_ERROR : vfs->xAccess(vfs, path, SQLITE_ACCESS_EXISTS, &found);
    if (code != SQLITE_OK) {
        return fct_fail(err, queue_status(code), FCT_QUEUE_FILE ": %s", sqlite3_errstr(code));
    }
    return found != 0 ? FACTUM_OK
                      : fct_fail(err, FACTUM_NOT_FOUND, FCT_QUEUE_FILE " does not exist");
}

factum_status fct_queue_open_existing(struct fct_queue *queue, const char *dir, factum_error *err)
{
    int64_t format = 0;
    char path[FCT_PATH_SIZE];
    *queue = (struct fct_queue){NULL};
    factum_status status = fct_path_join(path, dir, FCT_QUEUE_FILE, err);
    if (status == FACTUM_OK) {
        status = find_file(path, err);
    }
    if (status == FACTUM_OK) {
        status = connect_file(queue, path, 0, err);
    }
    if (status == FACTUM_OK) {
        status = read_format(queue, &format, err);
    }
    if (status == FACTUM_OK && format == 0) {
        status = fct_fail(err, FACTUM_NOT_FOUND, FCT_QUEUE_FILE " has no tables yet");
    }
    if (status != FACTUM_OK) {
        fct_queue_close(queue);
    }
    return status;
}

void fct_queue_close(struct fct_queue *queue)
{
    (void)sqlite3_close(queue->db);
    queue->db = NULL;
}

factum_status fct_queue_begin(struct fct_queue *queue, factum_error *err)
{
    return sqlite3_get_autocommit(queue->db) == 0 ? FACTUM_OK
                                                  : queue_exec(queue, "BEGIN IMMEDIATE", err);
}

factum_status fct_queue_commit(struct fct_queue *queue, factum_error *err)
{
    factum_status status = queue_exec(queue, "COMMIT", err);
    if (status != FACTUM_OK) {
        fct_queue_rollback(queue);
    }
    return status;
}

void fct_queue_rollback(struct fct_queue *queue)
{
    if (sqlite3_get_autocommit(queue->db) == 0) {
        (void)sqlite3_exec(queue->db, "ROLLBACK", NULL, NULL, NULL);
    }
}

factum_status fct_queue_recover(struct fct_queue *queue, factum_error *err)
{
    return queue_exec(queue, "UPDATE command SET state = 0 WHERE state = 1", err);
}

factum_status fct_queue_drop(struct fct_queue *queue, int64_t old, factum_error *err)
{
    struct queue_call call =
        queue_prepare(queue, "DELETE FROM command WHERE state IN (3, 4) AND next < ?1");
    bind_int(&call, old);
    return queue_run(&call, err);
}

/* ---- the follower ---------------------------------------------------------------------------- */

factum_status fct_queue_token_get(struct fct_queue *queue, char token[FACTUM_TOKEN_SIZE],
                                  factum_error *err)
{
    struct queue_call call = queue_prepare(queue, "SELECT value FROM meta WHERE name = 'token'");
    token[0] = '\0';
    if (queue_step(&call)) {
        (void)snprintf(token, FACTUM_TOKEN_SIZE, "%.*s", FCT_FMT(queue_text(&call, 0)));
    }
    return queue_finish(&call, err);
}

factum_status fct_queue_token_set(struct fct_queue *queue, const char *from, const char *to,
                                  factum_error *err)
{
    struct queue_call call =
        queue_prepare(queue, "UPDATE meta SET value = ?1 WHERE name = 'token' AND value = ?2");
    queue_bind_text(&call, factum_slice_from(to));
    queue_bind_text(&call, factum_slice_from(from));
    factum_status status = queue_run(&call, err);
    if (status == FACTUM_OK && sqlite3_changes(queue->db) != 1) {
        return fct_fail(err, FACTUM_WRONG_REVISION,
                        FCT_QUEUE_FILE ": another host follows with this file");
    }
    return status;
}

static factum_status endpoint_deployed(struct fct_queue *queue, const factum_endpoint_state *state,
                                       factum_error *err)
{
    struct queue_call call = queue_prepare(
        queue, "INSERT INTO endpoint (service, url, secret, timeout_ms, parallel)"
               " VALUES (?1, ?2, ?3, ?4, ?5)"
               " ON CONFLICT (service) DO UPDATE SET url = ?2, secret = ?3, timeout_ms = ?4,"
               " parallel = ?5, disabled = 0, not_before = 0, problem = ''");
    queue_bind_text(&call, state->service);
    queue_bind_text(&call, state->url);
    queue_bind_text(&call, state->secret);
    bind_int(&call, state->timeout_ms);
    bind_int(&call, state->parallel);
    return queue_run(&call, err);
}

/* One of the statements below, for one service. */
static factum_status run_for(struct fct_queue *queue, const char *sql, factum_slice service,
                             factum_error *err)
{
    struct queue_call call = queue_prepare(queue, sql);
    queue_bind_text(&call, service);
    return queue_run(&call, err);
}

/* Pauses that came from the endpoint's earlier settings end: the commands are tried at once. */
static factum_status begin_again(struct fct_queue *queue, factum_slice service, factum_error *err)
{
    return run_for(queue,
                   "UPDATE command SET next = 0, attempts = 0, since = 0"
                   " WHERE service = ?1 AND state = 0",
                   service, err);
}

/* Like TAKEN: if the service gets an endpoint again, a command that is sent again is delivered.
 * fct_queue_drop counts from |removed|, the time of the event. */
static factum_status forget_endpoint(struct fct_queue *queue, factum_slice service, int64_t removed,
                                     factum_error *err)
{
    struct queue_call call = queue_prepare(
        queue, "UPDATE command SET state = 3, next = ?2 WHERE service = ?1 AND state < 3");
    queue_bind_text(&call, service);
    bind_int(&call, removed);
    factum_status status = queue_run(&call, err);
    return status == FACTUM_OK
               ? run_for(queue, "DELETE FROM endpoint WHERE service = ?1", service, err)
               : status;
}

static factum_status apply_endpoint(struct fct_queue *queue, const factum_event *event,
                                    const factum_endpoint_state *state, factum_error *err)
{
    factum_status status = FACTUM_OK;
    if (state->removed) {
        return forget_endpoint(queue, state->service, state->created, err);
    }
    if (state->disabled) {
        return run_for(queue, "UPDATE endpoint SET disabled = 1 WHERE service = ?1", state->service,
                       err);
    }
    if (fct_slice_equal(event->type, FCT_SLICE("$EndpointDeployed"))) {
        status = endpoint_deployed(queue, state, err);
    } else {
        status = run_for(queue,
                         "UPDATE endpoint SET disabled = 0, not_before = 0, problem = ''"
                         " WHERE service = ?1",
                         state->service, err);
    }
    return status == FACTUM_OK ? begin_again(queue, state->service, err) : status;
}

factum_status fct_queue_endpoint_event(struct fct_queue *queue, const factum_event *event,
                                       factum_error *err)
{
    factum_arena arena;
    /* An earlier event has put the URL into the table. */
    factum_endpoint_state state = {.size = sizeof state, .url = FCT_SLICE("-")};
    fct_arena_init(&arena, fct_mem_heap(), QUEUE_EVENT_ARENA_MAX);
    factum_status status = fct_endpoint_fold(&state, event, &arena, err);
    if (status == FACTUM_OK) {
        status = apply_endpoint(queue, event, &state, err);
    } else if (status == FACTUM_CORRUPT || status == FACTUM_TOO_BIG) {
        /* Not CORRUPT, which would mean that the file is damaged. */
        status = fct_fail(err, FACTUM_INVALID,
                          "endpoint: the event %.*s in %.*s at position %" PRIu64 " is broken",
                          FCT_FMT(event->type), FCT_FMT(event->stream), event->position);
    }
    factum_arena_finish(&arena);
    return status;
}

factum_status fct_queue_add(struct fct_queue *queue, const struct fct_queue_row *row,
                            factum_error *err)
{
    struct queue_call call = queue_prepare(
        queue, "INSERT INTO command (position, command_id, key, service, undoes, state, maybe)"
               " SELECT ?1, ?2, ?3, ?4, ?5, 0,"
               " ?6 OR ?1 <= (SELECT value FROM meta WHERE name = 'born')"
               " FROM endpoint WHERE service = ?4"
               " ON CONFLICT (command_id) DO UPDATE SET state = 0, next = 0 WHERE state = 3"
               " ON CONFLICT (position) DO NOTHING");
    bind_int(&call, (int64_t)row->position);
    queue_bind_text(&call, row->command_id);
    queue_bind_text(&call, row->key);
    queue_bind_text(&call, row->service);
    queue_bind_text(&call, row->undoes);
    bind_int(&call, row->maybe ? 1 : 0);
    return queue_run(&call, err);
}

/* ---- the deliveries -------------------------------------------------------------------------- */

factum_status fct_queue_endpoints(struct fct_queue *queue,
                                  factum_status (*each)(void *data,
                                                        const struct fct_queue_endpoint *endpoint,
                                                        factum_error *err),
                                  void *data, factum_error *err)
{
    factum_error ignored;
    factum_status status = FACTUM_OK;
    struct queue_call call =
        queue_prepare(queue, "SELECT service, url, secret, timeout_ms, parallel, disabled,"
                             " not_before, problem FROM endpoint ORDER BY service");
    while (status == FACTUM_OK && queue_step(&call)) {
        const struct fct_queue_endpoint endpoint = {
            .service = queue_text(&call, 0),
            .url = queue_text(&call, 1),
            .secret = queue_text(&call, 2),
            .timeout_ms = (uint32_t)queue_number(&call, 3),
            .parallel = (uint32_t)queue_number(&call, 4),
            .disabled = queue_number(&call, 5) != 0,
            .not_before = queue_number(&call, 6),
            .problem = queue_text(&call, 7),
        };
        status = each(data, &endpoint, err);
    }
    factum_status end = queue_finish(&call, status == FACTUM_OK ? err : &ignored);
    return status == FACTUM_OK ? end : status;
}

#define ROW_COLUMNS                                                                                \
    "position, command_id, key, service, undoes, state, maybe, attempts, since, next, reason"

static struct fct_queue_row row_of(const struct queue_call *call)
{
    return (struct fct_queue_row){
        .position = (uint64_t)queue_number(call, 0),
        .command_id = queue_text(call, 1),
        .key = queue_text(call, 2),
        .service = queue_text(call, 3),
        .undoes = queue_text(call, 4),
        .state = (enum fct_command_state)queue_number(call, 5),
        .maybe = queue_number(call, 6) != 0,
        .attempts = (uint64_t)queue_number(call, 7),
        .since = queue_number(call, 8),
        .next = queue_number(call, 9),
        .reason = queue_text(call, 10),
    };
}

/* Is |row| a do whose undo is WAITING, SENDING or PARKED? */
#define UNDO_WAITS(row)                                                                            \
    "EXISTS (SELECT 1 FROM command u WHERE u.undoes = " row ".command_id AND u.undoes <> ''"       \
    " AND u.state IN (0, 1, 2))"

/* Which row of a key is due: endpoint_queue.h. */
static const char due_sql[] =
    "SELECT " ROW_COLUMNS " FROM command c WHERE service = ?1 AND state = 0"
    " AND NOT " UNDO_WAITS("c") " AND NOT EXISTS (SELECT 1 FROM command d WHERE d.key = c.key AND "
                                "d.position < c.position"
                                " AND d.state < 3 AND (d.state = 1 OR NOT " UNDO_WAITS(
                                    "d") "))"
                                         " ORDER BY next LIMIT 1";

factum_status fct_queue_next(struct fct_queue *queue, factum_slice service, int64_t now,
                             factum_arena *arena, struct fct_queue_row *row, int64_t *due,
                             factum_error *err)
{
    bool found = false;
    struct queue_call call = queue_prepare(queue, due_sql);
    queue_bind_text(&call, service);
    if (queue_step(&call)) {
        *row = row_of(&call);
        found = row->next <= now;
        *due = !found && row->next < *due ? row->next : *due;
        row->command_id = factum_arena_copy(arena, row->command_id);
        row->key = factum_arena_copy(arena, row->key);
        row->service = factum_arena_copy(arena, row->service);
        row->undoes = factum_arena_copy(arena, row->undoes);
        row->reason = factum_arena_copy(arena, row->reason);
    }
    factum_status status = queue_finish(&call, err);
    if (status == FACTUM_OK && factum_arena_status(arena) != FACTUM_OK) {
        return fct_fail(err, factum_arena_status(arena), FCT_QUEUE_FILE ": out of memory");
    }
    return status == FACTUM_OK && !found ? FACTUM_DONE : status;
}

factum_status fct_queue_find(struct fct_queue *queue, factum_slice command_id,
                             struct fct_queue_row *row, factum_error *err)
{
    bool found = false;
    struct queue_call call =
        queue_prepare(queue, "SELECT " ROW_COLUMNS " FROM command WHERE command_id = ?1");
    queue_bind_text(&call, command_id);
    if (queue_step(&call)) {
        found = true;
        *row = row_of(&call);
        row->command_id = row->key = row->service = row->undoes = row->reason =
            (factum_slice){NULL, 0};
    }
    factum_status status = queue_finish(&call, err);
    return status == FACTUM_OK && !found
               ? fct_fail(err, FACTUM_NOT_FOUND, FCT_QUEUE_FILE ": the command does not exist")
               : status;
}

factum_status fct_queue_update(struct fct_queue *queue, const struct fct_queue_row *row,
                               factum_error *err)
{
    struct queue_call call =
        queue_prepare(queue, "UPDATE command SET state = ?2, maybe = ?3, attempts = ?4, since = ?5,"
                             " next = ?6, reason = ?7 WHERE position = ?1"
                             " AND (state < 3 OR ?2 = 4)");
    bind_int(&call, (int64_t)row->position);
    bind_int(&call, row->state);
    bind_int(&call, row->maybe ? 1 : 0);
    bind_int(&call, (int64_t)row->attempts);
    bind_int(&call, row->since);
    bind_int(&call, row->next);
    queue_bind_text(&call, row->reason);
    return queue_run(&call, err);
}

factum_status fct_queue_endpoint_update(struct fct_queue *queue,
                                        const struct fct_queue_endpoint *endpoint,
                                        factum_error *err)
{
    struct queue_call call = queue_prepare(
        queue, "UPDATE endpoint SET not_before = ?2, problem = ?3 WHERE service = ?1");
    queue_bind_text(&call, endpoint->service);
    bind_int(&call, endpoint->not_before);
    queue_bind_text(&call, endpoint->problem);
    return queue_run(&call, err);
}

/* ---- operators ------------------------------------------------------------------------------- */

factum_status fct_queue_counts(struct fct_queue *queue, factum_slice service,
                               uint64_t counts[FCT_COMMAND_OVER + 1], factum_error *err)
{
    struct queue_call call = queue_prepare(
        queue, "SELECT state, count(*) FROM command WHERE service = ?1 GROUP BY state");
    memset(counts, 0, (FCT_COMMAND_OVER + 1) * sizeof *counts);
    queue_bind_text(&call, service);
    while (queue_step(&call)) {
        int64_t state = queue_number(&call, 0);
        if (state >= 0 && state <= FCT_COMMAND_OVER) {
            counts[state] = (uint64_t)queue_number(&call, 1);
        }
    }
    return queue_finish(&call, err);
}

factum_status fct_queue_parked(struct fct_queue *queue, factum_slice service, factum_slice key,
                               bool (*each)(void *data, const struct fct_queue_row *row),
                               void *data, factum_error *err)
{
    struct queue_call call =
        queue_prepare(queue, "SELECT " ROW_COLUMNS " FROM command WHERE state = 2"
                             " AND ?1 IN ('', service) AND ?2 IN ('', key) ORDER BY position");
    queue_bind_text(&call, service);
    queue_bind_text(&call, key);
    while (queue_step(&call)) {
        const struct fct_queue_row row = row_of(&call);
        if (!each(data, &row)) {
            break;
        }
    }
    return queue_finish(&call, err);
}

factum_status fct_queue_retry(struct fct_queue *queue, factum_slice service, factum_slice key,
                              uint64_t *count, factum_error *err)
{
    struct queue_call call = queue_prepare(
        queue, "UPDATE command SET state = 0, next = 0, attempts = 0, since = 0 WHERE state = 2"
               " AND ?1 IN ('', service) AND ?2 IN ('', key)");
    queue_bind_text(&call, service);
    queue_bind_text(&call, key);
    factum_status status = queue_run(&call, err);
    *count = status == FACTUM_OK ? (uint64_t)sqlite3_changes(queue->db) : 0;
    return status;
}
