/* hosted_build.c - a build with its definition, and its runner over the model's file. Layer:
 * projection. See models_int.h. */
#include <inttypes.h>
#include <string.h>

#include "core/arena.h"
#include "core/check.h"
#include "core/error.h"
#include "core/mem.h"
#include "projection/models_int.h"
#include "projection/sqlite_target.h"

#define BUILD_ARENA_MAX ((size_t)4 << 20)

factum_status fct_model_open_file(const struct factum_models *models, const char *name, bool write,
                                  bool check, struct fct_model_file **file, factum_error *err)
{
    const struct fct_model_file_options options = {
        .dir = models->dir,
        .name = factum_slice_from(name),
        .store = models->store_id,
        .write = write,
        .check = check,
        .mem = fct_mem_heap(),
        .os = models->os,
    };
    return fct_model_file_open(&options, file, err);
}

/* ---- the definition -------------------------------------------------------------------------- */

factum_status fct_hosted_build_create(struct factum_models *models, struct fct_model *model,
                                      struct fct_build_id id, struct fct_hosted_build **build,
                                      factum_error *err)
{
    struct fct_act act;
    *build = NULL;
    struct fct_hosted_build *made = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *made);
    if (made == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "projection: out of memory");
    }
    made->holders = 1;
    made->models = models;
    made->model = model;
    made->id = id;
    fct_arena_init(&made->arena, fct_mem_heap(), BUILD_ARENA_MAX);
    factum_status status = fct_acts_text(models->store, factum_slice_from(model->name), id.text_at,
                                         NULL, &made->arena, &act, NULL, err);
    if (status == FACTUM_OK) {
        status =
            fct_projection_parse(act.text, model->name, FCT_DIALECT_SQLITE, &made->definition, err);
    }
    if (status == FACTUM_OK) {
        status = fct_source_init(&made->source, made->definition, &made->arena, err);
    }
    if (status != FACTUM_OK) {
        fct_hosted_build_free(made);
        return status;
    }
    *build = made;
    return FACTUM_OK;
}

void fct_hosted_build_stop(struct fct_hosted_build *build)
{
    fct_mutex_lock(&build->models->lock);
    struct fct_runner *runner = build->runner;
    build->runner = NULL;
    fct_mutex_unlock(&build->models->lock);
    atomic_store(&build->ending, true);
    fct_runner_stop(runner);
    atomic_store(&build->ending, false);
}

void fct_model_check(const struct fct_model *model)
{
    for (unsigned i = 0; i < FCT_MODEL_ROLES; i++) {
        const struct fct_hosted_build *build = model->builds[i];
        FCT_ASSERT(build == NULL || build->holders > 0);
        FCT_ASSERT(build == NULL || build->model == model);
        FCT_ASSERT(build == NULL || build != model->builds[(i + 1) % FCT_MODEL_ROLES]);
    }
}

struct fct_hosted_build *fct_hosted_build_hold(struct factum_models *models,
                                               struct fct_model *model, enum fct_model_role role)
{
    fct_mutex_lock(&models->lock);
    fct_model_check(model);
    struct fct_hosted_build *build = model->builds[role];
    if (build != NULL) {
        build->holders++;
    }
    fct_mutex_unlock(&models->lock);
    return build;
}

void fct_hosted_build_release(struct fct_hosted_build *build)
{
    if (build == NULL) {
        return;
    }
    struct factum_models *models = build->models;
    fct_mutex_lock(&models->lock);
    FCT_ASSERT(build->holders > 0);
    bool last = --build->holders == 0;
    FCT_ASSERT(!last || build->runner == NULL);
    fct_mutex_unlock(&models->lock);
    if (last) {
        fct_projection_definition_free(build->definition);
        factum_arena_finish(&build->arena);
        fct_mem_free(fct_mem_heap(), build);
    }
}

void fct_hosted_build_free(struct fct_hosted_build *build)
{
    if (build != NULL) {
        fct_hosted_build_stop(build);
        fct_hosted_build_release(build);
    }
}

/* ---- the target ------------------------------------------------------------------------------ */

static factum_status open_build(void *data, const struct fct_definition *definition,
                                struct fct_target **target, factum_error *err)
{
    struct fct_hosted_build *build = data;
    const struct fct_build id = {build->id.version, build->id.run};
    factum_status status =
        fct_model_open_file(build->models, build->model->name, true, false, &build->file, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_sqlite_target_open(build->file, definition, id, target, err);
    if (status != FACTUM_OK) {
        return status;
    }
    fct_sqlite_target_limit(*target, &build->ending, FCT_EVENT_MS_MAX);
    return FACTUM_OK;
}

static void close_build(void *data)
{
    struct fct_hosted_build *build = data;
    fct_model_file_close(build->file);
    build->file = NULL;
}

/* The stream of the definition records what was skipped, so that a rebuilt file knows it too. */
factum_status fct_hosted_build_skipped(struct fct_hosted_build *build, struct fct_applier *applier,
                                       factum_error *err)
{
    factum_cursor *cursor;
    factum_event event;
    factum_arena arena;
    struct fct_act act;
    factum_status status =
        fct_acts_open(build->models->store, factum_slice_from(build->model->name), 0, UINT64_MAX,
                      NULL, &cursor, err);
    if (status != FACTUM_OK) {
        return status;
    }
    fct_arena_init(&arena, fct_mem_heap(), BUILD_ARENA_MAX);
    while (status == FACTUM_OK) {
        status = factum_cursor_next(cursor, &event, err);
        factum_arena_reset(&arena);
        if (status != FACTUM_OK) {
            break;
        }
        status = fct_act_parse(&event, &arena, &act, err);
        if (status == FACTUM_OK && act.act == FACTUM_ACT_SKIP) {
            status = fct_applier_skip(applier, act.position, err);
        }
        status = status == FACTUM_INVALID ? FACTUM_OK : status; /* the event is not an act */
    }
    factum_arena_finish(&arena);
    factum_cursor_close(cursor);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

static factum_status prepare_applier(void *data, struct fct_applier *applier, factum_error *err)
{
    return fct_hosted_build_skipped(data, applier, err);
}

static void runner_changed(void *data)
{
    fct_models_notify(data);
}

factum_status fct_hosted_build_run(struct fct_hosted_build *build, factum_error *err)
{
    const factum_models_options *options = &build->models->options;
    const struct fct_definition *definition = build->definition;
    const struct fct_runner_options with = {
        .store = build->models->store,
        .definition = definition,
        .opener = {build, open_build, prepare_applier, close_build},
        .limits =
            {
                .retries = definition->retries,
                .retry_within = definition->retry_within,
                .parked_keys_max = options->parked_keys_max,
                .parked_events_max = options->parked_events_max,
            },
        .batch_events_max = options->batch_events_max,
        .batch_size_max = options->batch_size_max,
        .batch_wait_ms = options->batch_wait_ms,
        .log = &build->models->log,
        .notify_data = build->models,
        .notify = runner_changed,
    };
    struct fct_runner *runner;
    factum_status status = fct_runner_start(&with, &runner, err);
    fct_mutex_lock(&build->models->lock);
    build->runner = runner;
    fct_mutex_unlock(&build->models->lock);
    return status;
}
