/* model_parked.c - the parked events of models, counted and listed from their files. Layer:
 * projection. See models_int.h. */
#include <string.h>

#include "core/error.h"
#include "core/slice.h"
#include "projection/models_int.h"
#include "projection/sqlite_status.h"

static const char parked_counts_sql[] =
    "SELECT count(DISTINCT key), count(*) FROM factum_parked WHERE build = ?1";
static const char parked_list_sql[] =
    "SELECT key, position, type, reason, attempts, next_attempt, since FROM factum_parked"
    " WHERE build = ?1 AND (?2 IS NULL OR key = ?2) ORDER BY position";

static factum_status prepare_for(struct fct_model_file *file, const char *sql, const char *build,
                                 sqlite3_stmt **statement, factum_error *err)
{
    factum_status status = fct_sqlite_prepare(file->db, factum_slice_from(sql),
                                              "look at parked events", statement, err);
    if (status == FACTUM_OK &&
        fct_sqlite_bind_text(*statement, 1, factum_slice_from(build)) != SQLITE_OK) {
        sqlite3_finalize(*statement);
        status = fct_fail(err, FACTUM_NO_MEMORY, "models: out of memory");
    }
    return status;
}

factum_status fct_model_parked_counts(struct fct_model_file *file, const char *build,
                                      struct fct_parked_counts *counts, factum_error *err)
{
    sqlite3_stmt *statement;
    bool row = false;
    factum_status status = prepare_for(file, parked_counts_sql, build, &statement, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_sqlite_step(statement, "count parked events", &row, err);
    if (status == FACTUM_OK && row) {
        counts->keys = (uint64_t)sqlite3_column_int64(statement, 0);
        counts->events = (uint64_t)sqlite3_column_int64(statement, 1);
    }
    sqlite3_finalize(statement);
    return status;
}

static factum_status report_parked(struct fct_hosted_build *build, sqlite3_stmt *statement,
                                   const factum_parked_each *each, bool *go_on, factum_error *err)
{
    bool row = true;
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK && *go_on) {
        status = fct_sqlite_step(statement, "list parked events", &row, err);
        if (status != FACTUM_OK || !row) {
            break;
        }
        const factum_parked parked = {
            .size = sizeof parked,
            .model = factum_slice_from(build->model->name),
            .version = build->id.version,
            .key = fct_sqlite_text(statement, 0),
            .position = (uint64_t)sqlite3_column_int64(statement, 1),
            .type = fct_sqlite_text(statement, 2),
            .reason = fct_sqlite_text(statement, 3),
            .attempts = (uint64_t)sqlite3_column_int64(statement, 4),
            .next_attempt = sqlite3_column_int64(statement, 5),
            .since = sqlite3_column_int64(statement, 6),
        };
        *go_on = each->each(each->data, &parked);
    }
    return status;
}

factum_status fct_hosted_build_parked(struct fct_hosted_build *build, factum_slice key,
                                      const factum_parked_each *each, bool *go_on,
                                      factum_error *err)
{
    struct fct_model_file *file;
    sqlite3_stmt *statement;
    char name[FCT_MODEL_BUILD_NAME_SIZE];
    factum_status status =
        fct_model_open_file(build->models, build->model->name, false, false, &file, err);
    if (status == FACTUM_NOT_FOUND) {
        return FACTUM_OK; /* the file is being created */
    }
    if (status != FACTUM_OK) {
        return status;
    }
    fct_build_name(file, (struct fct_build){build->id.version, build->id.run}, name);
    status = prepare_for(file, parked_list_sql, name, &statement, err);
    if (status == FACTUM_OK) {
        if (key.len > 0 && fct_sqlite_bind_text(statement, 2, key) != SQLITE_OK) {
            status = fct_fail(err, FACTUM_NO_MEMORY, "models: out of memory");
        }
        if (status == FACTUM_OK) {
            status = report_parked(build, statement, each, go_on, err);
        }
        sqlite3_finalize(statement);
    }
    fct_model_file_close(file);
    return status;
}

factum_status factum_models_parked(factum_models *models, factum_slice model, factum_slice key,
                                   const factum_parked_each *each, factum_error *err)
{
    bool go_on = true;
    bool found = model.len == 0;
    factum_status status = FACTUM_OK;
    if (models == NULL || each == NULL || each->each == NULL) {
        return fct_fail(err, FACTUM_INVALID, "models: a host and a function for events are needed");
    }
    for (size_t i = 0; status == FACTUM_OK && go_on; i++) {
        fct_mutex_lock(&models->lock);
        struct fct_model *next = i < models->count ? models->models[i] : NULL;
        fct_mutex_unlock(&models->lock);
        if (next == NULL) {
            break;
        }
        if (model.len > 0 && !fct_slice_equal(model, factum_slice_from(next->name))) {
            continue;
        }
        found = true;
        for (unsigned role = 0; role < FCT_MODEL_ROLES && status == FACTUM_OK && go_on; role++) {
            struct fct_hosted_build *build =
                fct_hosted_build_hold(models, next, (enum fct_model_role)role);
            if (build != NULL) {
                status = fct_hosted_build_parked(build, key, each, &go_on, err);
            }
            fct_hosted_build_release(build);
        }
    }
    return status == FACTUM_OK && !found
               ? fct_fail(err, FACTUM_NOT_FOUND,
                          "there is no model %.*s here: see factum projection list", FCT_FMT(model))
               : status;
}
