/* model_changes.c - which rows a swap would change, and which rows a parked event would. Layer:
 * projection. See models_int.h, model_diff.h and model_try.h. */
#include <inttypes.h>
#include <string.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/mem.h"
#include "projection/bind.h"
#include "projection/model_diff.h"
#include "projection/model_try.h"
#include "projection/models_int.h"
#include "projection/sqlite_target.h"

#define TRY_MS_MAX INT64_C(10000) /* it holds the write lock, and the runner waits */
#define TRY_ARENA_MAX ((size_t)256 << 20)

static struct fct_build file_build(const struct fct_hosted_build *build)
{
    return (struct fct_build){build->id.version, build->id.run};
}

/* ---- diff ------------------------------------------------------------------------------------ */

static factum_status compare_builds(struct fct_hosted_build *before, struct fct_hosted_build *after,
                                    const struct fct_model_diff *asked, uint64_t *total,
                                    factum_error *err)
{
    struct fct_model_file *file;
    struct fct_model_diff diff = *asked;
    diff.before = file_build(before);
    diff.after = file_build(after);
    factum_status status =
        fct_model_open_file(before->models, before->model->name, false, false, &file, err);
    if (status == FACTUM_OK) {
        status = fct_model_diff_run(file, &diff, total, err);
        fct_model_file_close(file);
    }
    return status;
}

factum_status factum_models_diff(factum_models *models, factum_slice model, uint64_t changes_max,
                                 const factum_changes *changes, const factum_progress *progress,
                                 uint64_t *total, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    struct fct_hosted_build *before;
    const struct fct_model_diff asked = {
        .changes_max = changes_max, .changes = changes, .progress = progress};
    if (models == NULL || changes == NULL || changes->change == NULL) {
        return fct_fail(err, FACTUM_INVALID, "models: a host and a function for rows are needed");
    }
    factum_status status = fct_models_in_use(models, model, &before, err);
    if (status != FACTUM_OK) {
        return status;
    }
    struct fct_hosted_build *after =
        fct_hosted_build_hold(models, before->model, FCT_ROLE_BUILDING);
    if (after == NULL) {
        status = fct_fail(err, FACTUM_NOT_FOUND,
                          "nothing is built beside version %" PRIu64 " of %s: deploy a newer "
                          "version, or rebuild this one",
                          before->id.version, before->model->name);
    } else {
        status = compare_builds(before, after, &asked, total, err);
    }
    fct_hosted_build_release(after);
    fct_hosted_build_release(before);
    return status;
}

/* ---- try ------------------------------------------------------------------------------------- */

static factum_status bind_at(struct fct_hosted_build *build, uint64_t position, factum_arena *arena,
                             struct fct_bound_event *event, factum_error *err)
{
    struct fct_binder *binder;
    factum_status status = fct_binder_create(build->definition, &binder, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_source_bind_again(build->models->store, binder, position, arena, event, err);
    fct_binder_free(binder);
    return status == FACTUM_OK && event->trouble != NULL
               ? fct_fail(err, FACTUM_INVALID, "%s", event->trouble)
               : status;
}

static factum_status try_bound(struct fct_hosted_build *build, const struct fct_bound_event *event,
                               const factum_changes *changes, factum_error *err)
{
    struct fct_model_file *file;
    struct fct_target *target = NULL;
    factum_status status =
        fct_model_open_file(build->models, build->model->name, true, false, &file, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_sqlite_target_open(file, build->definition, file_build(build), &target, err);
    if (status == FACTUM_OK) {
        fct_sqlite_target_limit(target, NULL, TRY_MS_MAX);
        status = fct_model_try(file, file_build(build), target, event, changes, err);
        target->ops->close(target);
    }
    fct_model_file_close(file);
    return status;
}

static factum_status try_build(struct fct_hosted_build *build, uint64_t position,
                               const factum_changes *changes, factum_error *err)
{
    factum_arena arena;
    struct fct_bound_event event;
    fct_arena_init(&arena, fct_mem_heap(), TRY_ARENA_MAX);
    factum_status status = bind_at(build, position, &arena, &event, err);
    if (status == FACTUM_OK) {
        status = try_bound(build, &event, changes, err);
    }
    factum_arena_finish(&arena);
    return status;
}

struct looking {
    uint64_t position;
    bool found;
};

static bool look_for_position(void *data, const factum_parked *parked)
{
    struct looking *looking = data;
    looking->found = parked->position == looking->position;
    return !looking->found;
}

/* The build in which the event is parked, held. NULL: none, or a failure in *status. */
static struct fct_hosted_build *hold_parked(struct factum_models *models, struct fct_model *model,
                                            uint64_t position, factum_status *status,
                                            factum_error *err)
{
    const factum_slice any_key = {NULL, 0};
    for (unsigned role = 0; role < FCT_MODEL_ROLES && *status == FACTUM_OK; role++) {
        struct looking looking = {.position = position};
        const factum_parked_each each = {&looking, look_for_position};
        bool go_on = true;
        struct fct_hosted_build *build =
            fct_hosted_build_hold(models, model, (enum fct_model_role)role);
        if (build != NULL) {
            *status = fct_hosted_build_parked(build, any_key, &each, &go_on, err);
        }
        if (looking.found) {
            return build;
        }
        fct_hosted_build_release(build);
    }
    return NULL;
}

factum_status factum_models_try(factum_models *models, factum_slice model, uint64_t position,
                                const factum_changes *changes, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_status status = FACTUM_OK;
    if (models == NULL || model.len == 0 || changes == NULL || changes->change == NULL) {
        return fct_fail(err, FACTUM_INVALID,
                        "models: a host, a model and a function for rows are needed");
    }
    struct fct_model *found = fct_models_find(models, model);
    struct fct_hosted_build *build =
        found != NULL ? hold_parked(models, found, position, &status, err) : NULL;
    if (status == FACTUM_OK && build == NULL) {
        return fct_fail(err, FACTUM_NOT_FOUND, "no event of %.*s is parked at position %" PRIu64,
                        FCT_FMT(model), position);
    }
    if (build != NULL) {
        status = try_build(build, position, changes, err);
    }
    fct_hosted_build_release(build);
    return status;
}
