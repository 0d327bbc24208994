/* sqlite_target.c - see sqlite_target.h. Layer: projection.
 *
 * Invariants:
 *  1. Every statement is reset when a function returns, so that none keeps a snapshot or a lock.
 *  2. The values of a statement may be freed after its reset; it is bound again before each step.
 *  3. Savepoints are used only inside a transaction.
 */
#include "projection/sqlite_target.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "os/os.h"
#include "projection/parked_table.h"
#include "projection/sqlite_status.h"

#define LOOK_STEPS 20000                      /* a fraction of a millisecond */
#define TARGET_SQL_SIZE_MAX ((size_t)1 << 20) /* a definition has at most 256 KiB */

/* The statements of the bookkeeping. In all that need the build's name, it is ?1. */
#define OWN_LIST(X)                                                                                \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                    \
    X(COMMIT, "COMMIT")                                                                            \
    X(MOVE, "UPDATE factum_checkpoint SET position = ?2, created = ?3, event_count = ?4,"          \
            " token = ?5 WHERE name = ?1 AND position = ?6 AND epoch = ?7")                        \
    X(SET, "UPDATE factum_checkpoint SET position = ?2, created = ?3, event_count = ?4,"           \
           " token = ?5 WHERE name = ?1 AND epoch = ?6")                                           \
    X(RISE, "UPDATE factum_checkpoint SET epoch = epoch + 1 WHERE name = ?1")                      \
    X(READ, "SELECT position, epoch, created, event_count, token FROM factum_checkpoint"           \
            " WHERE name = ?1")                                                                    \
    X(PARKED, "SELECT " FCT_PARKED_COLUMNS " FROM factum_parked WHERE build = ?1"                  \
              " AND position > ?2 ORDER BY position LIMIT ?3")                                     \
    X(PARKED_OF, "SELECT " FCT_PARKED_COLUMNS " FROM factum_parked WHERE build = ?1"               \
                 " AND position > ?2 AND key = ?4 ORDER BY position LIMIT ?3")                     \
    X(PARK, "INSERT OR REPLACE INTO factum_parked VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")        \
    X(UNPARK, "DELETE FROM factum_parked WHERE build = ?1 AND position = ?2")                      \
    X(UNPARK_AFTER, "DELETE FROM factum_parked WHERE build = ?1 AND position > ?2")

enum own {
#define OWN_ENUM(name, sql) OWN_##name,
    OWN_LIST(OWN_ENUM)
#undef OWN_ENUM
        OWN_COUNT_OF
};

static const char *const own_sql[] = {
#define OWN_SQL(name, sql) sql,
    OWN_LIST(OWN_SQL)
#undef OWN_SQL
};

struct ready_statement {
    sqlite3_stmt *stmt;
    const struct fct_statement *source;
    uint32_t *parameters; /* the parameters of the section that the statement uses, each once */
    size_t parameter_count;
};

struct ready_handler {
    struct ready_statement *statements;
    size_t count;
};

enum saving { SAVING_SAVE, SAVING_RELEASE, SAVING_BACK, SAVING_COUNT };

struct sqlite_target {
    struct fct_target target; /* first: a struct fct_target of this kind is its sqlite_target */
    struct fct_model_file *file;
    sqlite3 *db;
    const struct fct_definition *definition;
    factum_arena arena;
    struct ready_handler *handlers; /* one for each handler of the definition */
    sqlite3_stmt *own[OWN_COUNT_OF];
    sqlite3_stmt *savings[FCT_SQLITE_SAVE_DEPTH_MAX][SAVING_COUNT]; /* prepared at their first use
                                                                     */
    char name[FCT_MODEL_BUILD_NAME_SIZE];
    char suffix[FCT_BUILD_SUFFIX_SIZE];
    /* Stops a statement of a definition that runs for too long. */
    const _Atomic bool *stop; /* or NULL */
    int64_t event_ms_max;
    bool applying;
    int64_t since_ms; /* when the statements of the current event were looked at first; 0: not yet
                       */
    bool is_late;
};

static struct sqlite_target *sqlite_target_of(struct fct_target *target)
{
    return (struct sqlite_target *)(void *)target;
}

/* A statement of the bookkeeping with the build's name bound. */
static sqlite3_stmt *own_of(struct sqlite_target *t, enum own which)
{
    sqlite3_stmt *statement = t->own[which];
    (void)fct_sqlite_bind_text(statement, 1, factum_slice_from(t->name));
    return statement;
}

/* Adds what to do to a failure of the file itself; others stay as they are. */
FCT_COLD static factum_status advise(factum_status status, factum_error *err)
{
    const char *advice = status == FACTUM_CORRUPT ? "damaged? delete the file: it is rebuilt"
                         : status == FACTUM_FAILED && strstr(err->text, ": no such ") != NULL
                             ? "changed by hand? rebuild the model, or delete its file"
                             : NULL;
    if (advice == NULL || strstr(err->text, "delete ") != NULL) {
        return status;
    }
    char why[160];
    (void)snprintf(why, sizeof why, "%.159s", err->text);
    return fct_fail(err, status, "%s (%s)", why, advice);
}

static factum_status bind_number(sqlite3_stmt *statement, int index, uint64_t number,
                                 factum_error *err)
{
    if (number > INT64_MAX) {
        return fct_fail(err, FACTUM_INVALID, "%" PRIu64 " is over the numbers of SQLite", number);
    }
    (void)sqlite3_bind_int64(statement, index, (int64_t)number);
    return FACTUM_OK;
}

/* ---- the checkpoint -------------------------------------------------------------------------- */

static void take_checkpoint(sqlite3_stmt *row, struct fct_checkpoint *checkpoint)
{
    *checkpoint = (struct fct_checkpoint){
        .position = (uint64_t)sqlite3_column_int64(row, 0),
        .epoch = (uint64_t)sqlite3_column_int64(row, 1),
        .created = sqlite3_column_int64(row, 2),
        .event_count = (uint64_t)sqlite3_column_int64(row, 3),
    };
    factum_slice token = fct_sqlite_text(row, 4);
    size_t len = token.len < FACTUM_TOKEN_SIZE ? token.len : FACTUM_TOKEN_SIZE - 1;
    if (len > 0) {
        memcpy(checkpoint->token, token.ptr, len);
    }
}

static factum_status target_read_checkpoint(struct fct_target *target,
                                            struct fct_checkpoint *checkpoint, factum_error *err)
{
    struct sqlite_target *t = sqlite_target_of(target);
    sqlite3_stmt *read = own_of(t, OWN_READ);
    bool row;
    factum_status status = fct_sqlite_step(read, "reading the checkpoint", &row, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (!row) {
        return fct_fail(err, FACTUM_NOT_FOUND, "there is no build %s any more", t->name);
    }
    take_checkpoint(read, checkpoint);
    (void)sqlite3_reset(read);
    return FACTUM_OK;
}

static void target_rollback(struct fct_target *target)
{
    struct sqlite_target *t = sqlite_target_of(target);
    /* SQLite itself has rolled back after some failures. */
    if (sqlite3_get_autocommit(t->db) == 0) {
        (void)sqlite3_exec(t->db, "ROLLBACK", NULL, NULL, NULL);
    }
}

static factum_status begin_transaction(struct sqlite_target *t, factum_error *err)
{
    FCT_ASSERT(sqlite3_get_autocommit(t->db) != 0);
    factum_status status = fct_model_file_check_place(t->file, err);
    if (status == FACTUM_OK) {
        status = fct_sqlite_run(t->own[OWN_BEGIN], "beginning a batch", NULL, err);
    }
    return status;
}

static factum_status target_take_over(struct fct_target *target, struct fct_checkpoint *checkpoint,
                                      factum_error *err)
{
    struct sqlite_target *t = sqlite_target_of(target);
    struct fct_checkpoint found;
    factum_status status = begin_transaction(t, err);
    if (status != FACTUM_OK) {
        return advise(status, err);
    }
    status = fct_sqlite_run(own_of(t, OWN_RISE), "taking the build over", NULL, err);
    if (status == FACTUM_OK) {
        status = target_read_checkpoint(target, &found, err);
    }
    if (status == FACTUM_OK) {
        status = fct_sqlite_run(t->own[OWN_COMMIT], "taking the build over", NULL, err);
    }
    if (status != FACTUM_OK) {
        target_rollback(target);
        return advise(status, err);
    }
    *checkpoint = found;
    return FACTUM_OK;
}

/* Fails with the reason why the checkpoint could not be moved from |from|. */
static factum_status fenced(struct sqlite_target *t, const struct fct_checkpoint *from,
                            factum_error *err)
{
    struct fct_checkpoint found = {.epoch = 0};
    factum_status status = target_read_checkpoint(&t->target, &found, err);
    if (status == FACTUM_NOT_FOUND) {
        return fct_fail(err, FACTUM_DENIED, "%s was dropped", t->name);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (found.epoch != from->epoch) {
        return fct_fail(err, FACTUM_DENIED,
                        "%s is run by another host: its epoch is %" PRIu64 ", not %" PRIu64,
                        t->name, found.epoch, from->epoch);
    }
    return fct_fail(err, FACTUM_DENIED, "the checkpoint of %s is at %" PRIu64 ", not at %" PRIu64,
                    t->name, found.position, from->position);
}

static factum_status bind_checkpoint(sqlite3_stmt *statement, const struct fct_checkpoint *to,
                                     factum_error *err)
{
    size_t token = strnlen(to->token, FACTUM_TOKEN_SIZE);
    (void)sqlite3_bind_int64(statement, 3, to->created);
    (void)fct_sqlite_bind_text(statement, 5, fct_slice(to->token, token));
    factum_status status = bind_number(statement, 2, to->position, err);
    return status == FACTUM_OK ? bind_number(statement, 4, to->event_count, err) : status;
}

static factum_status move_checkpoint(struct sqlite_target *t, const struct fct_checkpoint *from,
                                     const struct fct_checkpoint *to, factum_error *err)
{
    sqlite3_stmt *move = own_of(t, OWN_MOVE);
    int64_t changes = 0;
    factum_status status = bind_checkpoint(move, to, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = bind_number(move, 6, from->position, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = bind_number(move, 7, from->epoch, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_sqlite_run(move, "moving the checkpoint", &changes, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return changes != 1 ? fenced(t, from, err) : FACTUM_OK;
}

static factum_status target_begin(struct fct_target *target, const struct fct_checkpoint *from,
                                  const struct fct_checkpoint *to, factum_error *err)
{
    FCT_ASSERT(from->epoch == to->epoch);
    factum_status status = begin_transaction(sqlite_target_of(target), err);
    if (status == FACTUM_OK) {
        status = move_checkpoint(sqlite_target_of(target), from, to, err);
        if (status != FACTUM_OK) {
            target_rollback(target);
        }
    }
    return status == FACTUM_OK ? FACTUM_OK : advise(status, err);
}

static factum_status target_set_checkpoint(struct fct_target *target,
                                           const struct fct_checkpoint *to, factum_error *err)
{
    struct sqlite_target *t = sqlite_target_of(target);
    FCT_ASSERT(sqlite3_get_autocommit(t->db) == 0);
    sqlite3_stmt *set = own_of(t, OWN_SET);
    int64_t changes = 0;
    factum_status status = bind_checkpoint(set, to, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = bind_number(set, 6, to->epoch, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_sqlite_run(set, "correcting the checkpoint", &changes, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return changes != 1 ? fenced(t, to, err) : FACTUM_OK;
}

static factum_status target_commit(struct fct_target *target, factum_error *err)
{
    struct sqlite_target *t = sqlite_target_of(target);
    if (sqlite3_get_autocommit(t->db) != 0) {
        return fct_fail(err, FACTUM_FAILED, "%s: one of its statements has ended the transaction",
                        t->name);
    }
    factum_status status = fct_sqlite_run(t->own[OWN_COMMIT], "committing a batch", NULL, err);
    if (status == FACTUM_OK) {
        fct_model_file_sweep(t->file);
    }
    return status == FACTUM_OK ? FACTUM_OK : advise(status, err);
}

/* ---- savepoints ------------------------------------------------------------------------------ */

static factum_status run_saving(struct fct_target *target, unsigned depth, enum saving which,
                                factum_error *err)
{
    static const char *const words[] = {"SAVEPOINT", "RELEASE", "ROLLBACK TO"};
    struct sqlite_target *t = sqlite_target_of(target);
    FCT_ASSERT(depth < FCT_SQLITE_SAVE_DEPTH_MAX);
    sqlite3_stmt **statement = &t->savings[depth][which];
    if (*statement == NULL) {
        char sql[40];
        (void)snprintf(sql, sizeof sql, "%s factum_%u", words[which], depth);
        factum_status status =
            fct_sqlite_prepare(t->db, factum_slice_from(sql), "a savepoint", statement, err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    return fct_sqlite_run(*statement, "a savepoint", NULL, err);
}

static factum_status target_save(struct fct_target *target, unsigned depth, factum_error *err)
{
    /* Outside a transaction a savepoint would begin one. */
    FCT_ASSERT(sqlite3_get_autocommit(sqlite_target_of(target)->db) == 0);
    return run_saving(target, depth, SAVING_SAVE, err);
}

static factum_status target_release(struct fct_target *target, unsigned depth, factum_error *err)
{
    return run_saving(target, depth, SAVING_RELEASE, err);
}

static factum_status target_back_to(struct fct_target *target, unsigned depth, factum_error *err)
{
    return run_saving(target, depth, SAVING_BACK, err);
}

/* ---- applying -------------------------------------------------------------------------------- */

static int bind_value(sqlite3_stmt *statement, int index, const factum_value *value)
{
    switch (value->kind) {
    case FACTUM_VALUE_NULL:
        return sqlite3_bind_null(statement, index);
    case FACTUM_VALUE_INTEGER:
        return sqlite3_bind_int64(statement, index, value->integer);
    case FACTUM_VALUE_REAL:
        return sqlite3_bind_double(statement, index, value->real);
    case FACTUM_VALUE_TEXT:
        return fct_sqlite_bind_text(statement, index, value->bytes);
    case FACTUM_VALUE_BYTES:
        return sqlite3_bind_blob64(statement, index,
                                   value->bytes.len > 0 ? (const void *)value->bytes.ptr : "",
                                   value->bytes.len, SQLITE_STATIC);
    }
    return SQLITE_MISMATCH;
}

/* SQLite has one code for a wrong statement, for a missing table, and for a function that refuses
 * its operands: text that is not valid JSON, a sum that is too big. In the last case the statement
 * can still be prepared, and the event is at fault. */
FCT_COLD static bool still_prepares(struct sqlite_target *t, const struct ready_statement *ready)
{
    sqlite3_stmt *again = NULL;
    int code = sqlite3_prepare_v2(t->db, sqlite3_sql(ready->stmt), -1, &again, NULL);
    (void)sqlite3_finalize(again);
    return code == SQLITE_OK;
}

/* Called by SQLite every LOOK_STEPS steps of its machine: 1 ends the statement. */
static int look_whether_to_end(void *data)
{
    struct sqlite_target *t = data;
    if (!t->applying) {
        return 0;
    }
    int64_t now = fct_monotonic_ms();
    if (t->since_ms == 0) {
        t->since_ms = now;
    }
    t->is_late = now - t->since_ms > t->event_ms_max;
    return t->is_late || (t->stop != NULL && atomic_load(t->stop)) ? 1 : 0;
}

void fct_sqlite_target_limit(struct fct_target *target, const _Atomic bool *stop,
                             int64_t event_ms_max)
{
    struct sqlite_target *t = sqlite_target_of(target);
    t->stop = stop;
    t->event_ms_max = event_ms_max;
    sqlite3_progress_handler(t->db, LOOK_STEPS, look_whether_to_end, t);
}

/* Fails with the meaning of |code|: "orders.sql:31: UNIQUE constraint failed: ...". */
FCT_COLD static factum_status fail_ready(struct sqlite_target *t,
                                         const struct ready_statement *ready, int code,
                                         factum_error *err)
{
    factum_status status = fct_sqlite_fail(
        t->db, code, err, "%.*s:%u", FCT_FMT(t->definition->file), (unsigned)ready->source->line);
    if (status == FACTUM_CANCELLED && t->is_late) {
        return fct_fail(err, FACTUM_FAILED, "%.*s:%u: the event takes more than %" PRId64 " s",
                        FCT_FMT(t->definition->file), (unsigned)ready->source->line,
                        t->event_ms_max / 1000);
    }
    if (code == SQLITE_ERROR && still_prepares(t, ready)) {
        status = FACTUM_INVALID;
        err->status = status;
    }
    if (status == FACTUM_INVALID && sqlite3_get_autocommit(t->db) != 0) {
        return fct_wrap(err, FACTUM_FAILED, "the statement has rolled back the whole batch");
    }
    return status;
}

FCT_COLD static factum_status fail_count(struct sqlite_target *t,
                                         const struct ready_statement *ready, uint64_t expected,
                                         int64_t changed, factum_error *err)
{
    return fct_fail(err, FACTUM_INVALID, "%.*s:%u: expected %" PRIu64 " row%s, %" PRId64 " changed",
                    FCT_FMT(t->definition->file), (unsigned)ready->source->line, expected,
                    expected == 1 ? "" : "s", changed);
}

static factum_status run_ready(struct sqlite_target *t, const struct ready_statement *ready,
                               const struct fct_handler *handler, const factum_value *values,
                               factum_error *err)
{
    sqlite3_stmt *stmt = ready->stmt;
    for (size_t i = 0; i < ready->parameter_count; i++) {
        uint32_t parameter = ready->parameters[i];
        int code = bind_value(stmt, (int)parameter + 1, &values[parameter]);
        if (FCT_UNLIKELY(code != SQLITE_OK)) {
            return fail_ready(t, ready, code, err);
        }
    }
    int code;
    do {
        code = sqlite3_step(stmt);
    } while (code == SQLITE_ROW);
    factum_status status = FACTUM_OK;
    if (FCT_UNLIKELY(code != SQLITE_DONE)) {
        status = fail_ready(t, ready, code, err);
    } else if (handler->expect_set) {
        int64_t changed = sqlite3_changes64(t->db);
        if (FCT_UNLIKELY(changed < 0 || (uint64_t)changed != handler->expect)) {
            status = fail_count(t, ready, handler->expect, changed, err);
        }
    }
    (void)sqlite3_reset(stmt); /* repeats the code of the step */
    return status;
}

static factum_status run_bound(struct sqlite_target *t, const struct fct_bound *bound,
                               factum_error *err)
{
    const struct fct_handler *handler = bound->handler;
    size_t number = (size_t)(handler - t->definition->handlers);
    FCT_ASSERT(number < t->definition->handler_count);
    const struct ready_handler *ready = &t->handlers[number];
    for (size_t row = 0; row < bound->row_count; row++) {
        const factum_value *values = bound->values + row * handler->parameter_count;
        for (size_t i = 0; i < ready->count; i++) {
            factum_status status = run_ready(t, &ready->statements[i], handler, values, err);
            if (FCT_UNLIKELY(status != FACTUM_OK)) {
                return status;
            }
        }
    }
    return FACTUM_OK;
}

static factum_status target_apply(struct fct_target *target, const struct fct_bound_event *event,
                                  factum_error *err)
{
    struct sqlite_target *t = sqlite_target_of(target);
    factum_status status = FACTUM_OK;
    if (FCT_UNLIKELY(event->trouble != NULL)) {
        return fct_fail(err, FACTUM_INVALID, "%s", event->trouble);
    }
    t->applying = true;
    t->since_ms = 0;
    for (size_t i = 0; i < event->bound_count && FCT_LIKELY(status == FACTUM_OK); i++) {
        status = run_bound(t, &event->bound[i], err);
    }
    t->applying = false;
    return FCT_LIKELY(status == FACTUM_OK) ? FACTUM_OK : advise(status, err);
}

/* ---- parked events --------------------------------------------------------------------------- */

static bool copy_text(factum_arena *arena, factum_slice *text)
{
    const size_t len = text->len;
    *text = factum_arena_copy(arena, *text);
    return text->len == len;
}

static factum_status copy_parked(sqlite3_stmt *row, factum_arena *arena,
                                 struct fct_parked_row *parked, factum_error *err)
{
    *parked = fct_parked_row_at(row);
    if (!copy_text(arena, &parked->key) || !copy_text(arena, &parked->type) ||
        !copy_text(arena, &parked->reason)) {
        return fct_fail(err, factum_arena_status(arena), "reading parked events: no room");
    }
    return FACTUM_OK;
}

/* Adds the row to an array that doubles; the arena frees the old copies. */
static factum_status add_parked(sqlite3_stmt *row, factum_arena *arena,
                                struct fct_parked_row **rows, size_t count, size_t *capacity,
                                factum_error *err)
{
    if (count == *capacity) {
        size_t more = *capacity == 0 ? 16 : 2 * *capacity;
        struct fct_parked_row *grown = factum_arena_take(arena, more * sizeof **rows);
        if (grown == NULL) {
            return fct_fail(err, factum_arena_status(arena), "reading parked events: no room");
        }
        if (count > 0) {
            memcpy(grown, *rows, count * sizeof **rows);
        }
        *rows = grown;
        *capacity = more;
    }
    FCT_ASSERT(*rows != NULL);
    return copy_parked(row, arena, &(*rows)[count], err);
}

static factum_status target_parked_read(struct fct_target *target, const factum_slice *key,
                                        uint64_t after, size_t max, factum_arena *arena,
                                        struct fct_parked_row **rows, size_t *count,
                                        factum_error *err)
{
    struct sqlite_target *t = sqlite_target_of(target);
    sqlite3_stmt *read = own_of(t, key != NULL ? OWN_PARKED_OF : OWN_PARKED);
    struct fct_parked_row *found = NULL;
    size_t found_count = 0;
    size_t capacity = 0;
    bool row = true;
    /* park refuses positions above SQLite's largest number. */
    (void)sqlite3_bind_int64(read, 2, after > INT64_MAX ? INT64_MAX : (int64_t)after);
    (void)sqlite3_bind_int64(read, 3, max > INT32_MAX ? INT32_MAX : (int64_t)max);
    if (key != NULL) {
        (void)fct_sqlite_bind_text(read, 4, *key);
    }
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK && row) {
        status = fct_sqlite_step(read, "reading parked events", &row, err);
        if (status == FACTUM_OK && row) {
            status = add_parked(read, arena, &found, found_count, &capacity, err);
            found_count++;
        }
    }
    (void)sqlite3_reset(read);
    if (status == FACTUM_OK) {
        *rows = found;
        *count = found_count;
    }
    return status;
}

static factum_status target_park(struct fct_target *target, const struct fct_parked_row *row,
                                 factum_error *err)
{
    struct sqlite_target *t = sqlite_target_of(target);
    FCT_ASSERT(sqlite3_get_autocommit(t->db) == 0);
    sqlite3_stmt *park = own_of(t, OWN_PARK);
    (void)fct_sqlite_bind_text(park, 2, row->key);
    (void)fct_sqlite_bind_text(park, 4, row->type);
    (void)fct_sqlite_bind_text(park, 5, row->reason);
    (void)sqlite3_bind_int64(park, 7, row->next_attempt);
    (void)sqlite3_bind_int64(park, 8, row->since);
    factum_status status = bind_number(park, 3, row->position, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = bind_number(park, 6, row->attempts, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_sqlite_run(park, "parking an event", NULL, err);
}

static factum_status run_unpark(struct fct_target *target, enum own which, uint64_t position,
                                factum_error *err)
{
    struct sqlite_target *t = sqlite_target_of(target);
    FCT_ASSERT(sqlite3_get_autocommit(t->db) == 0);
    sqlite3_stmt *unpark = own_of(t, which);
    factum_status status = bind_number(unpark, 2, position, err);
    return status == FACTUM_OK ? fct_sqlite_run(unpark, "unparking", NULL, err) : status;
}

static factum_status target_unpark(struct fct_target *target, uint64_t position, factum_error *err)
{
    return run_unpark(target, OWN_UNPARK, position, err);
}

static factum_status target_unpark_after(struct fct_target *target, uint64_t position,
                                         factum_error *err)
{
    return run_unpark(target, OWN_UNPARK_AFTER, position, err);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Lists the parameters of the statement, each once, in the order of their first use. */
static factum_status list_parameters(struct sqlite_target *t, const struct fct_handler *handler,
                                     struct ready_statement *ready, factum_error *err)
{
    const struct fct_statement *source = ready->source;
    ready->parameters = factum_arena_take(&t->arena, source->part_count * sizeof(uint32_t));
    uint8_t *seen = factum_arena_alloc(&t->arena, handler->parameter_count + 1);
    if (ready->parameters == NULL || seen == NULL) {
        return fct_fail(err, factum_arena_status(&t->arena), "preparing %s: no room", t->name);
    }
    for (size_t i = 0; i < source->part_count; i++) {
        uint32_t parameter = source->parts[i].parameter;
        if (source->parts[i].kind != FCT_PART_PARAMETER) {
            continue;
        }
        FCT_ASSERT(parameter < handler->parameter_count);
        if (seen[parameter] == 0) {
            seen[parameter] = 1;
            ready->parameters[ready->parameter_count++] = parameter;
        }
    }
    return FACTUM_OK;
}

static factum_status prepare_ready(struct sqlite_target *t, struct ready_statement *ready,
                                   struct fct_buf *sql, factum_error *err)
{
    char doing[128];
    fct_buf_clear(sql);
    (void)snprintf(doing, sizeof doing, "%.*s:%u", FCT_FMT(t->definition->file),
                   (unsigned)ready->source->line);
    factum_status status = fct_statement_print(ready->source, t->suffix, sql);
    if (status != FACTUM_OK) {
        return fct_fail(err, status, "%s: the statement is too long", doing);
    }
    return fct_sqlite_prepare(t->db, fct_buf_slice(sql), doing, &ready->stmt, err);
}

static factum_status prepare_handler(struct sqlite_target *t, const struct fct_handler *handler,
                                     struct ready_handler *ready, struct fct_buf *sql,
                                     factum_error *err)
{
    factum_status status = FACTUM_OK;
    ready->statements =
        factum_arena_alloc(&t->arena, (handler->statement_count + 1) * sizeof *ready->statements);
    if (ready->statements == NULL) {
        return fct_fail(err, factum_arena_status(&t->arena), "preparing %s: no room", t->name);
    }
    for (size_t i = 0; i < handler->statement_count && status == FACTUM_OK; i++) {
        struct ready_statement *statement = &ready->statements[i];
        statement->source = &handler->statements[i];
        ready->count++; /* from now on it is finalized */
        status = list_parameters(t, handler, statement, err);
        if (status == FACTUM_OK) {
            status = prepare_ready(t, statement, sql, err);
        }
    }
    return status;
}

static factum_status prepare_all(struct sqlite_target *t, factum_error *err)
{
    const struct fct_definition *definition = t->definition;
    struct fct_buf sql;
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < OWN_COUNT_OF && status == FACTUM_OK; i++) {
        status = fct_sqlite_prepare(t->db, factum_slice_from(own_sql[i]), "the bookkeeping",
                                    &t->own[i], err);
    }
    fct_buf_init(&sql, t->file->mem, TARGET_SQL_SIZE_MAX);
    for (size_t i = 0; i < definition->handler_count && status == FACTUM_OK; i++) {
        status = prepare_handler(t, &definition->handlers[i], &t->handlers[i], &sql, err);
    }
    fct_buf_finish(&sql);
    return status;
}

static void target_close(struct fct_target *target)
{
    if (target == NULL) {
        return;
    }
    struct sqlite_target *t = sqlite_target_of(target);
    sqlite3_progress_handler(t->db, 0, NULL, NULL);
    target_rollback(target);
    for (size_t i = 0; t->handlers != NULL && i < t->definition->handler_count; i++) {
        for (size_t k = 0; k < t->handlers[i].count; k++) {
            (void)sqlite3_finalize(t->handlers[i].statements[k].stmt);
        }
    }
    for (size_t i = 0; i < OWN_COUNT_OF; i++) {
        (void)sqlite3_finalize(t->own[i]);
    }
    for (size_t i = 0; i < FCT_SQLITE_SAVE_DEPTH_MAX * SAVING_COUNT; i++) {
        (void)sqlite3_finalize(t->savings[i / SAVING_COUNT][i % SAVING_COUNT]);
    }
    factum_arena_finish(&t->arena);
    fct_mem_free(t->file->mem, t);
}

static const struct fct_target_ops sqlite_target_ops = {
    .take_over = target_take_over,
    .read_checkpoint = target_read_checkpoint,
    .begin = target_begin,
    .set_checkpoint = target_set_checkpoint,
    .commit = target_commit,
    .rollback = target_rollback,
    .save = target_save,
    .release = target_release,
    .back_to = target_back_to,
    .apply = target_apply,
    .parked_read = target_parked_read,
    .park = target_park,
    .unpark = target_unpark,
    .unpark_after = target_unpark_after,
    .close = target_close,
};

factum_status fct_sqlite_target_open(struct fct_model_file *file,
                                     const struct fct_definition *definition,
                                     struct fct_build build, struct fct_target **target,
                                     factum_error *err)
{
    FCT_ASSERT(file->write);
    struct fct_build_row row;
    *target = NULL;
    factum_status status = fct_model_build_find(file, build, &row, err);
    if (status != FACTUM_OK) {
        return status;
    }
    struct sqlite_target *t = fct_mem_zalloc(file->mem, 1, sizeof *t);
    if (t == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "opening %s: out of memory", row.name);
    }
    t->target.ops = &sqlite_target_ops;
    t->file = file;
    t->db = file->db;
    t->definition = definition;
    memcpy(t->name, row.name, sizeof t->name);
    fct_build_suffix(build, t->suffix);
    factum_arena_init(&t->arena, 0);
    t->handlers =
        factum_arena_alloc(&t->arena, (definition->handler_count + 1) * sizeof *t->handlers);
    status = t->handlers != NULL
                 ? prepare_all(t, err)
                 : fct_fail(err, factum_arena_status(&t->arena), "opening %s: no room", row.name);
    if (status != FACTUM_OK) {
        target_close(&t->target);
        return advise(status, err);
    }
    *target = &t->target;
    return FACTUM_OK;
}
