/* model_build.c - see model_build.h. Layer: projection. */
#include "projection/model_build.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "projection/sqlite_status.h"

#define BUILD_SQL_SIZE_MAX ((size_t)1 << 20) /* a definition has at most 256 KiB */
#define REFUSED_KEPT 10000

/* ---- a step: all of it or nothing, in a transaction or as one -------------------------------- */

static factum_status step_begin(struct fct_model_file *file, bool *own, factum_error *err)
{
    FCT_ASSERT(file->write);
    *own = sqlite3_get_autocommit(file->db) != 0;
    return fct_sqlite_exec(file->db, *own ? "BEGIN IMMEDIATE" : "SAVEPOINT factum_step",
                           "beginning a transaction", err);
}

static factum_status step_end(struct fct_model_file *file, bool own, factum_status status,
                              factum_error *err)
{
    if (status == FACTUM_OK) {
        status = fct_sqlite_exec(file->db, own ? "COMMIT" : "RELEASE factum_step",
                                 "ending a transaction", err);
    }
    /* SQLite has rolled back already after some failures. */
    if (status != FACTUM_OK && sqlite3_get_autocommit(file->db) == 0) {
        (void)sqlite3_exec(file->db,
                           own ? "ROLLBACK" : "ROLLBACK TO factum_step; RELEASE factum_step", NULL,
                           NULL, NULL);
    } else if (status == FACTUM_OK && own) {
        fct_model_file_sweep(file);
    }
    return status;
}

/* Prepares |sql| and binds |name| as ?1 and, unless NULL, |other| as ?2. */
static factum_status prepare_named(struct fct_model_file *file, const char *sql, const char *name,
                                   const char *other, sqlite3_stmt **statement, factum_error *err)
{
    factum_status status = fct_sqlite_prepare(file->db, factum_slice_from(sql),
                                              "changing the bookkeeping", statement, err);
    if (status == FACTUM_OK) {
        (void)fct_sqlite_bind_text(*statement, 1, factum_slice_from(name));
        if (other != NULL) {
            (void)fct_sqlite_bind_text(*statement, 2, factum_slice_from(other));
        }
    }
    return status;
}

static factum_status run_named(struct fct_model_file *file, const char *sql, const char *name,
                               const char *other, int64_t *changes, factum_error *err)
{
    sqlite3_stmt *statement;
    factum_status status = prepare_named(file, sql, name, other, &statement, err);
    if (status == FACTUM_OK) {
        status = fct_sqlite_run(statement, "changing the bookkeeping", changes, err);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

/* ---- names ----------------------------------------------------------------------------------- */

void fct_build_suffix(struct fct_build build, char suffix[FCT_BUILD_SUFFIX_SIZE])
{
    int len = snprintf(suffix, FCT_BUILD_SUFFIX_SIZE, "__v%" PRIu64, build.version);
    if (build.run > 1) {
        (void)snprintf(suffix + len, FCT_BUILD_SUFFIX_SIZE - (size_t)len, "_%" PRIu64, build.run);
    }
}

void fct_build_name(const struct fct_model_file *file, struct fct_build build,
                    char name[FCT_MODEL_BUILD_NAME_SIZE])
{
    char suffix[FCT_BUILD_SUFFIX_SIZE];
    fct_build_suffix(build, suffix);
    (void)snprintf(name, FCT_MODEL_BUILD_NAME_SIZE, "%s%s", file->name, suffix);
}

/* ---- making ---------------------------------------------------------------------------------- */

static factum_status create_relation(struct fct_model_file *file,
                                     const struct fct_definition *definition,
                                     const struct fct_relation *relation, const char *suffix,
                                     factum_error *err)
{
    struct fct_buf sql;
    char doing[128];
    sqlite3_stmt *statement = NULL;
    fct_buf_init(&sql, file->mem, BUILD_SQL_SIZE_MAX);
    (void)snprintf(doing, sizeof doing, "%.*s:%u", FCT_FMT(definition->file),
                   (unsigned)relation->statement.line);
    factum_status status = fct_statement_print(&relation->statement, suffix, &sql);
    if (status != FACTUM_OK) {
        status = fct_fail(err, status, "%s: the statement is too long", doing);
    } else {
        status = fct_sqlite_prepare(file->db, fct_buf_slice(&sql), doing, &statement, err);
    }
    if (status == FACTUM_OK) {
        status = fct_sqlite_run(statement, doing, NULL, err);
    }
    (void)sqlite3_finalize(statement);
    fct_buf_finish(&sql);
    return status;
}

static factum_status insert_checkpoint(struct fct_model_file *file, struct fct_build build,
                                       const char *name, factum_error *err)
{
    sqlite3_stmt *statement;
    int64_t changes = 0;
    factum_status status = prepare_named(
        file, "INSERT OR IGNORE INTO factum_checkpoint VALUES (?1, ?2, ?3, 0, 0, '', 0, 0)", name,
        NULL, &statement, err);
    if (status == FACTUM_OK) {
        (void)sqlite3_bind_int64(statement, 2, (int64_t)build.version);
        (void)sqlite3_bind_int64(statement, 3, (int64_t)build.run);
        status = fct_sqlite_run(statement, "changing the bookkeeping", &changes, err);
    }
    (void)sqlite3_finalize(statement);
    if (status == FACTUM_OK && changes == 0) {
        status = fct_fail(err, FACTUM_EXISTS, "the build %s exists already", name);
    }
    return status;
}

factum_status fct_model_build_create(struct fct_model_file *file,
                                     const struct fct_definition *definition,
                                     struct fct_build build, factum_error *err)
{
    FCT_ASSERT(build.version > 0 && build.version <= INT64_MAX);
    FCT_ASSERT(build.run > 0 && build.run <= INT64_MAX);
    char suffix[FCT_BUILD_SUFFIX_SIZE];
    char name[FCT_MODEL_BUILD_NAME_SIZE];
    bool own;
    fct_build_suffix(build, suffix);
    fct_build_name(file, build, name);
    factum_status status = step_begin(file, &own, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = insert_checkpoint(file, build, name, err);
    for (size_t i = 0; i < definition->relation_count && status == FACTUM_OK; i++) {
        status = create_relation(file, definition, &definition->relations[i], suffix, err);
    }
    return step_end(file, own, status, err);
}

/* ---- finding --------------------------------------------------------------------------------- */

static void read_build(sqlite3_stmt *statement, struct fct_build_row *row)
{
    *row = (struct fct_build_row){0};
    factum_slice name = fct_sqlite_text(statement, 0);
    factum_slice token = fct_sqlite_text(statement, 5);
    (void)snprintf(row->name, sizeof row->name, "%.*s", (int)name.len, (const char *)name.ptr);
    row->build.version = (uint64_t)sqlite3_column_int64(statement, 1);
    row->build.run = (uint64_t)sqlite3_column_int64(statement, 2);
    row->checkpoint.position = (uint64_t)sqlite3_column_int64(statement, 3);
    row->checkpoint.epoch = (uint64_t)sqlite3_column_int64(statement, 4);
    (void)snprintf(row->checkpoint.token, sizeof row->checkpoint.token, "%.*s", (int)token.len,
                   (const char *)token.ptr);
    row->checkpoint.created = sqlite3_column_int64(statement, 6);
    row->checkpoint.event_count = (uint64_t)sqlite3_column_int64(statement, 7);
    row->in_use = sqlite3_column_int(statement, 8) != 0;
    row->previous = sqlite3_column_int(statement, 9) != 0;
}

factum_status fct_model_build_find(struct fct_model_file *file, struct fct_build build,
                                   struct fct_build_row *row, factum_error *err)
{
    char name[FCT_MODEL_BUILD_NAME_SIZE];
    sqlite3_stmt *statement;
    bool found = false;
    fct_build_name(file, build, name);
    factum_status status = prepare_named(
        file,
        "SELECT c.name, c.version, c.run, c.position, c.epoch, c.token, c.created, c.event_count,"
        " c.name = m.in_use, c.name = m.previous FROM factum_checkpoint c, factum_model m"
        " WHERE c.name = ?1",
        name, NULL, &statement, err);
    if (status == FACTUM_OK) {
        status = fct_sqlite_step(statement, "reading a checkpoint", &found, err);
    }
    if (status == FACTUM_OK && found) {
        read_build(statement, row);
    } else if (status == FACTUM_OK) {
        status = fct_fail(err, FACTUM_NOT_FOUND, "there is no build %s", name);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

/* Tables whose name ends with the suffix. No suffix is the end of another one, so no other build's
 * tables do. */
factum_status fct_model_build_tables(struct fct_model_file *file, struct fct_build build,
                                     void *data, bool (*each)(void *data, factum_slice table),
                                     factum_error *err)
{
    char suffix[FCT_BUILD_SUFFIX_SIZE];
    sqlite3_stmt *statement;
    bool found = true;
    fct_build_suffix(build, suffix);
    factum_status status = prepare_named(
        file,
        "SELECT substr(name, 1, length(name) - length(?1)) FROM sqlite_schema WHERE type = 'table'"
        " AND length(name) > length(?1) AND substr(name, -length(?1)) = ?1 ORDER BY 1",
        suffix, NULL, &statement, err);
    while (status == FACTUM_OK && found) {
        status = fct_sqlite_step(statement, "listing the tables", &found, err);
        if (status == FACTUM_OK && found) {
            found = each(data, fct_sqlite_text(statement, 0));
        }
    }
    (void)sqlite3_finalize(statement);
    return status;
}

/* ---- names of a build, collected before they are changed ------------------------------------- */

struct build_names {
    struct fct_buf text; /* each name, then a zero byte */
    factum_status status;
};

static bool add_name(void *data, factum_slice name)
{
    struct build_names *names = data;
    names->status = fct_buf_add_slice(&names->text, name);
    if (names->status == FACTUM_OK) {
        names->status = fct_buf_add(&names->text, "", 1);
    }
    return names->status == FACTUM_OK;
}

static factum_status names_status(const struct build_names *names, factum_status status,
                                  factum_error *err)
{
    if (status == FACTUM_OK && names->status != FACTUM_OK) {
        return fct_fail(err, names->status, "listing the tables of a build");
    }
    return status;
}

/* Runs |before| for the name. With a |suffix|, it creates the view of that name over the table. */
static factum_status run_for_name(struct fct_model_file *file, const char *before, const char *name,
                                  const char *suffix, factum_error *err)
{
    char sql[2048];
    int len;
    if (suffix == NULL) {
        len = snprintf(sql, sizeof sql, "%s \"%s\"", before, name);
    } else {
        len = snprintf(sql, sizeof sql, "%s \"%s\" AS SELECT * FROM \"%s%s\"", before, name, name,
                       suffix);
    }
    if (len < 0 || (size_t)len >= sizeof sql) {
        return fct_fail(err, FACTUM_TOO_BIG, "%s.db: the name of a table is too long", file->name);
    }
    return fct_sqlite_exec(file->db, sql, before, err);
}

/* ---- dropping -------------------------------------------------------------------------------- */

static factum_status drop_tables(struct fct_model_file *file, struct fct_build build,
                                 factum_error *err)
{
    struct build_names names = {.status = FACTUM_OK};
    char suffix[FCT_BUILD_SUFFIX_SIZE];
    fct_buf_init(&names.text, file->mem, BUILD_SQL_SIZE_MAX);
    fct_build_suffix(build, suffix);
    factum_status status =
        names_status(&names, fct_model_build_tables(file, build, &names, add_name, err), err);
    for (size_t at = 0; at < names.text.len && status == FACTUM_OK;) {
        const char *name = (const char *)names.text.ptr + at;
        char table[1024];
        int len = snprintf(table, sizeof table, "%s%s", name, suffix);
        status = len < 0 || (size_t)len >= sizeof table
                     ? fct_fail(err, FACTUM_TOO_BIG, "the name of a table is too long")
                     : run_for_name(file, "DROP TABLE", table, NULL, err);
        at += strlen(name) + 1;
    }
    fct_buf_finish(&names.text);
    return status;
}

static factum_status drop_build(struct fct_model_file *file, const struct fct_build_row *row,
                                factum_error *err)
{
    factum_status status = drop_tables(file, row->build, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = run_named(file, "DELETE FROM factum_checkpoint WHERE name = ?1", row->name, NULL, NULL,
                       err);
    if (status != FACTUM_OK) {
        return status;
    }
    status =
        run_named(file, "DELETE FROM factum_parked WHERE build = ?1", row->name, NULL, NULL, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return run_named(file, "UPDATE factum_model SET previous = '' WHERE previous = ?1", row->name,
                     NULL, NULL, err);
}

factum_status fct_model_build_drop(struct fct_model_file *file, struct fct_build build,
                                   factum_error *err)
{
    struct fct_build_row row = {.in_use = false};
    bool own;
    factum_status status = step_begin(file, &own, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_model_build_find(file, build, &row, err);
    if (status == FACTUM_OK && row.in_use) {
        status = fct_fail(err, FACTUM_INVALID, "the build %s is in use: swap to another one first",
                          row.name);
    } else if (status == FACTUM_OK) {
        status = drop_build(file, &row, err);
    }
    return step_end(file, own, status, err);
}

/* ---- swapping -------------------------------------------------------------------------------- */

static factum_status list_views(struct fct_model_file *file, struct build_names *names,
                                factum_error *err)
{
    sqlite3_stmt *statement;
    bool found = true;
    factum_status status = fct_sqlite_prepare(
        file->db, FCT_SLICE("SELECT name FROM sqlite_schema WHERE type = 'view'"),
        "listing the views", &statement, err);
    while (status == FACTUM_OK && found) {
        status = fct_sqlite_step(statement, "listing the views", &found, err);
        if (status == FACTUM_OK && found) {
            found = add_name(names, fct_sqlite_text(statement, 0));
        }
    }
    (void)sqlite3_finalize(statement);
    return names_status(names, status, err);
}

static factum_status replace_views(struct fct_model_file *file, struct fct_build build,
                                   factum_error *err)
{
    struct build_names names = {.status = FACTUM_OK};
    char suffix[FCT_BUILD_SUFFIX_SIZE];
    fct_buf_init(&names.text, file->mem, BUILD_SQL_SIZE_MAX);
    fct_build_suffix(build, suffix);
    factum_status status = list_views(file, &names, err);
    size_t dropped = names.text.len; /* the names after that are of views to create */
    if (status == FACTUM_OK) {
        status =
            names_status(&names, fct_model_build_tables(file, build, &names, add_name, err), err);
    }
    for (size_t at = 0; at < names.text.len && status == FACTUM_OK;) {
        const char *name = (const char *)names.text.ptr + at;
        status = at < dropped ? run_for_name(file, "DROP VIEW", name, NULL, err)
                              : run_for_name(file, "CREATE VIEW", name, suffix, err);
        at += strlen(name) + 1;
    }
    fct_buf_finish(&names.text);
    return status;
}

static factum_status use_build(struct fct_model_file *file, const struct fct_build_row *row,
                               factum_error *err)
{
    factum_status status = replace_views(file, row->build, err);
    if (status == FACTUM_OK) {
        status = run_named(file, "UPDATE factum_model SET previous = in_use, in_use = ?1",
                           row->name, NULL, NULL, err);
    }
    return status;
}

factum_status fct_model_swap(struct fct_model_file *file, struct fct_build build, factum_error *err)
{
    struct fct_build_row row = {.in_use = false};
    bool own;
    factum_status status = step_begin(file, &own, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_model_build_find(file, build, &row, err);
    if (status == FACTUM_OK && row.in_use) {
        status = fct_fail(err, FACTUM_INVALID, "the build %s is in use already", row.name);
    } else if (status == FACTUM_OK) {
        status = use_build(file, &row, err);
    }
    return step_end(file, own, status, err);
}

factum_status fct_model_unuse(struct fct_model_file *file, factum_error *err)
{
    const struct fct_build none = {0, 0}; /* no table has its suffix */
    bool own;
    factum_status status = step_begin(file, &own, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = replace_views(file, none, err);
    if (status == FACTUM_OK) {
        status = run_named(file, "UPDATE factum_model SET previous = ?1, in_use = ?1", "", NULL,
                           NULL, err);
    }
    return step_end(file, own, status, err);
}

/* ---- acts ------------------------------------------------------------------------------------ */

static factum_status bind_and_run(struct fct_model_file *file, const char *sql, uint64_t revision,
                                  const char *text, int64_t *changes, factum_error *err)
{
    sqlite3_stmt *statement;
    factum_status status =
        fct_sqlite_prepare(file->db, factum_slice_from(sql), "recording an act", &statement, err);
    if (status == FACTUM_OK) {
        (void)sqlite3_bind_int64(statement, 1, (int64_t)revision);
        if (text != NULL) {
            (void)fct_sqlite_bind_text(statement, 2, factum_slice_from(text));
        }
        status = fct_sqlite_run(statement, "recording an act", changes, err);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

factum_status fct_model_act_record(struct fct_model_file *file, uint64_t revision,
                                   factum_error *err)
{
    FCT_ASSERT(sqlite3_get_autocommit(file->db) == 0);
    int64_t changes = 0;
    if (revision > INT64_MAX) {
        return fct_fail(err, FACTUM_INVALID, "recording an act: the revision is too large");
    }
    factum_status status = bind_and_run(file, "UPDATE factum_model SET acts = ?1 WHERE acts < ?1",
                                        revision, NULL, &changes, err);
    if (status == FACTUM_OK && changes == 0) {
        return fct_fail(err, FACTUM_EXISTS, "%s: the act at revision %" PRIu64 " was carried out",
                        file->name, revision);
    }
    return status;
}

factum_status fct_model_act_begin(struct fct_model_file *file, uint64_t revision, factum_error *err)
{
    FCT_ASSERT(file->write);
    FCT_ASSERT(sqlite3_get_autocommit(file->db) != 0);
    factum_status status =
        fct_sqlite_exec(file->db, "BEGIN IMMEDIATE", "beginning a transaction", err);
    if (status == FACTUM_OK) {
        status = fct_model_act_record(file, revision, err);
        if (status != FACTUM_OK) {
            fct_model_act_cancel(file);
        }
    }
    return status;
}

factum_status fct_model_act_refuse(struct fct_model_file *file, uint64_t revision,
                                   const char *reason, factum_error *err)
{
    FCT_ASSERT(sqlite3_get_autocommit(file->db) == 0);
    factum_status status = bind_and_run(
        file, "INSERT OR REPLACE INTO factum_refused VALUES (?1, ?2)", revision, reason, NULL, err);
    if (status == FACTUM_OK && revision > REFUSED_KEPT) {
        status = bind_and_run(file, "DELETE FROM factum_refused WHERE revision <= ?1",
                              revision - REFUSED_KEPT, NULL, NULL, err);
    }
    return status;
}

factum_status fct_model_act_commit(struct fct_model_file *file, factum_error *err)
{
    factum_status status = fct_sqlite_exec(file->db, "COMMIT", "committing an act", err);
    if (status != FACTUM_OK) {
        fct_model_act_cancel(file);
    } else {
        fct_model_file_sweep(file);
    }
    return status;
}

void fct_model_act_cancel(struct fct_model_file *file)
{
    if (sqlite3_get_autocommit(file->db) == 0) {
        (void)sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
    }
}

factum_status fct_model_act_look(struct fct_model_file *file, uint64_t revision, bool *done,
                                 factum_error *err)
{
    sqlite3_stmt *statement;
    bool row = false;
    *done = false;
    factum_status status =
        fct_sqlite_prepare(file->db,
                           FCT_SLICE("SELECT m.acts >= ?1, r.reason FROM factum_model m"
                                     " LEFT JOIN factum_refused r ON r.revision = ?1"),
                           "looking for an act", &statement, err);
    if (status == FACTUM_OK) {
        (void)sqlite3_bind_int64(statement, 1, (int64_t)revision);
        status = fct_sqlite_step(statement, "looking for an act", &row, err);
    }
    if (status == FACTUM_OK && row) {
        factum_slice reason = fct_sqlite_text(statement, 1);
        *done = sqlite3_column_int(statement, 0) != 0;
        if (reason.len > 0) {
            status =
                fct_fail(err, FACTUM_INVALID, "%.*s", (int)reason.len, (const char *)reason.ptr);
        }
    }
    (void)sqlite3_finalize(statement);
    return status;
}
