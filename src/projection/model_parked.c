/* model_parked.c - the parked events of models, listed from their files. Layer:
 * projection. See models_int.h. */
#include "core/error.h"
#include "core/slice.h"
#include "projection/models_int.h"
#include "projection/parked_table.h"
#include "projection/sqlite_status.h"

static factum_status prepare_list(struct fct_model_file *file, struct fct_build build,
                                  factum_slice key, sqlite3_stmt **statement, factum_error *err)
{
    static const char sql[] = "SELECT " FCT_PARKED_COLUMNS " FROM factum_parked"
                              " WHERE build = ?1 AND (?2 IS NULL OR key = ?2) ORDER BY position";
    char name[FCT_MODEL_BUILD_NAME_SIZE];
    fct_build_name(file, build, name);
    factum_status status = fct_sqlite_prepare(file->db, factum_slice_from(sql),
                                              "listing parked events", statement, err);
    if (status == FACTUM_OK) {
        int code = sqlite3_bind_text(*statement, 1, name, -1, SQLITE_TRANSIENT);
        if (code == SQLITE_OK && key.len > 0) {
            code = fct_sqlite_bind_text(*statement, 2, key);
        }
        status = code == SQLITE_OK ? FACTUM_OK
                                   : fct_fail(err, FACTUM_NO_MEMORY, "models: out of memory");
    }
    return status;
}

static factum_status report_parked(struct fct_hosted_build *build, sqlite3_stmt *statement,
                                   const factum_parked_each *each, bool *go_on, factum_error *err)
{
    bool row = true;
    while (*go_on) {
        factum_status status = fct_sqlite_step(statement, "listing parked events", &row, err);
        if (status != FACTUM_OK || !row) {
            return status;
        }
        const struct fct_parked_row at = fct_parked_row_at(statement);
        const factum_parked parked = {
            .size = sizeof parked,
            .model = factum_slice_from(build->model->name),
            .version = build->id.version,
            .key = at.key,
            .position = at.position,
            .type = at.type,
            .reason = at.reason,
            .attempts = at.attempts,
            .next_attempt = at.next_attempt,
            .since = at.since,
        };
        *go_on = each->each(each->data, &parked);
    }
    return FACTUM_OK;
}

factum_status fct_hosted_build_parked(struct fct_hosted_build *build, factum_slice key,
                                      const factum_parked_each *each, bool *go_on,
                                      factum_error *err)
{
    struct fct_model_file *file;
    sqlite3_stmt *statement = NULL;
    const struct fct_build id = {build->id.version, build->id.run};
    factum_status status =
        fct_model_open_file(build->models, build->model->name, false, false, &file, err);
    if (status == FACTUM_NOT_FOUND) {
        return FACTUM_OK; /* the file is being created */
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = prepare_list(file, id, key, &statement, err);
    if (status == FACTUM_OK) {
        status = report_parked(build, statement, each, go_on, err);
    }
    (void)sqlite3_finalize(statement);
    fct_model_file_close(file);
    return status;
}

factum_status factum_models_parked(factum_models *models, factum_slice model, factum_slice key,
                                   const factum_parked_each *each, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    bool go_on = true;
    bool found = model.len == 0;
    factum_status status = FACTUM_OK;
    if (models == NULL || each == NULL || each->each == NULL) {
        return fct_fail(err, FACTUM_INVALID, "models: a host and a function for events are needed");
    }
    for (size_t i = 0; status == FACTUM_OK && go_on; i++) {
        struct fct_model *next = fct_models_at(models, i);
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
