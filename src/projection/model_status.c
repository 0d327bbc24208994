/* model_status.c - how far the builds of models have come, and waiting for them. Layer: projection.
 * See models_int.h. A user of the public API of the store. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/sized.h"
#include "os/os.h"
#include "projection/models_int.h"
#include "projection/parked_table.h"

#define POLL_MS INT64_C(20) /* how often to look at a model that another process runs */

static const char *const state_names[] = {
    [FACTUM_BUILD_STARTING] = "starting", [FACTUM_BUILD_CATCHING_UP] = "catching up",
    [FACTUM_BUILD_LIVE] = "live",         [FACTUM_BUILD_PAUSED] = "paused",
    [FACTUM_BUILD_FENCED] = "fenced",     [FACTUM_BUILD_STOPPED] = "stopped",
    [FACTUM_BUILD_RETRYING] = "retrying",
};

const char *factum_build_state_name(factum_build_state state)
{
    return (size_t)state < sizeof state_names / sizeof state_names[0] ? state_names[state] : "";
}

/* The end of a wait in monotonic milliseconds; INT64_MAX: never. */
static int64_t end_of(int64_t timeout_ms)
{
    int64_t now = fct_monotonic_ms();
    return timeout_ms < 0 || timeout_ms > INT64_MAX - now ? INT64_MAX : now + timeout_ms;
}

/* ---- one build ------------------------------------------------------------------------------- */

/* The status of a build that is not run here, from the model's file. */
static factum_status look_into_file(const struct fct_hosted_build *build,
                                    struct fct_runner_status *status, factum_error *err)
{
    struct fct_model_file *file;
    struct fct_build_row row;
    factum_status found =
        fct_model_open_file(build->models, build->model->name, false, false, &file, err);
    if (found != FACTUM_OK) {
        return found;
    }
    found =
        fct_model_build_find(file, (struct fct_build){build->id.version, build->id.run}, &row, err);
    if (found == FACTUM_OK) {
        status->checkpoint = row.checkpoint;
        status->place = row.checkpoint.position;
        found = fct_parked_count(file->db, row.name, &status->parked, err);
    }
    fct_model_file_close(file);
    return found;
}

/* The runner's status, or that of the file. */
static factum_status look_at_build(struct fct_hosted_build *build, struct fct_runner_status *status,
                                   factum_error *err)
{
    memset(status, 0, sizeof *status);
    fct_mutex_lock(&build->models->lock);
    bool runs = build->runner != NULL;
    if (runs) {
        fct_runner_status_get(build->runner, status);
    } else if (build->model->acts.paused) {
        status->state = FACTUM_BUILD_PAUSED;
    }
    fct_mutex_unlock(&build->models->lock);
    /* A build that another host runs moves without this one. */
    bool ours =
        runs && status->state != FACTUM_BUILD_FENCED && status->state != FACTUM_BUILD_STARTING;
    return ours ? FACTUM_OK : look_into_file(build, status, err);
}

static factum_status measure_lag(const struct fct_hosted_build *build,
                                 const struct fct_runner_status *from, factum_build_status *status,
                                 factum_error *err)
{
    factum_store *store = build->models->store;
    int64_t created = 0;
    factum_status found =
        fct_source_first(&build->source, store, from->place, UINT64_MAX, NULL, &created, err);
    if (found == FACTUM_DONE) {
        return FACTUM_OK;
    }
    if (found == FACTUM_OK) {
        int64_t now = factum_now(store);
        status->behind_time = now > created ? now - created : 1;
        found = fct_source_behind(&build->source, store, from->place, &status->behind_events, err);
    }
    return found;
}

factum_status fct_hosted_build_status(struct fct_hosted_build *build, bool in_use,
                                      factum_build_status *status, factum_error *err)
{
    struct fct_runner_status from;
    *status = (factum_build_status){.size = sizeof *status};
    factum_status found = look_at_build(build, &from, err);
    if (found != FACTUM_OK) {
        return found;
    }
    status->model = factum_slice_from(build->model->name);
    status->version = build->id.version;
    status->in_use = in_use;
    status->state = from.state;
    status->place = from.place;
    status->place_created = from.checkpoint.created;
    status->event_count = from.checkpoint.event_count;
    status->parked_keys = from.parked.keys;
    status->parked_events = from.parked.events;
    (void)snprintf(status->reason, sizeof status->reason, "%s", from.reason);
    fct_mutex_lock(&build->models->lock);
    if (from.reason[0] == '\0') {
        (void)snprintf(status->reason, sizeof status->reason, "%s", build->model->problem);
    }
    fct_mutex_unlock(&build->models->lock);
    return measure_lag(build, &from, status, err);
}

/* ---- the list -------------------------------------------------------------------------------- */

static factum_status no_model(factum_slice name, factum_error *err)
{
    return fct_fail(err, FACTUM_NOT_FOUND,
                    "there is no model %.*s here: see factum projection list", FCT_FMT(name));
}

factum_status fct_models_in_use(struct factum_models *models, factum_slice name,
                                struct fct_hosted_build **build, factum_error *err)
{
    struct fct_model *model = fct_models_find(models, name);
    *build = model == NULL ? NULL : fct_hosted_build_hold(models, model, FCT_ROLE_IN_USE);
    return *build != NULL ? FACTUM_OK : no_model(name, err);
}

/* If a build's file cannot be read now, the status has the reason, so that the list goes on. */
static factum_status status_or_reason(struct fct_hosted_build *build, bool in_use,
                                      factum_build_status *status, factum_error *err)
{
    factum_error own = {.status = FACTUM_OK};
    factum_status found = fct_hosted_build_status(build, in_use, status, &own);
    if (found == FACTUM_OK || found == FACTUM_NO_MEMORY) {
        return found == FACTUM_OK ? FACTUM_OK : fct_fail(err, found, "%s", own.text);
    }
    *status = (factum_build_status){
        .size = sizeof *status,
        .model = factum_slice_from(build->model->name),
        .version = build->id.version,
        .in_use = in_use,
        .state = FACTUM_BUILD_RETRYING,
    };
    (void)snprintf(status->reason, sizeof status->reason, "%s", own.text);
    return FACTUM_OK;
}

static factum_status list_model(struct factum_models *models, struct fct_model *model,
                                const factum_build_each *each, bool *go_on, factum_error *err)
{
    factum_status status = FACTUM_OK;
    for (unsigned i = 0; i < FCT_MODEL_ROLES && status == FACTUM_OK && *go_on; i++) {
        struct fct_hosted_build *build =
            fct_hosted_build_hold(models, model, (enum fct_model_role)i);
        factum_build_status current;
        if (build == NULL) {
            continue;
        }
        status = status_or_reason(build, i == FCT_ROLE_IN_USE, &current, err);
        if (status == FACTUM_OK) {
            *go_on = each->each(each->data, &current);
        }
        fct_hosted_build_release(build);
    }
    return status;
}

factum_status factum_models_list(factum_models *models, factum_slice model,
                                 const factum_build_each *each, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    bool go_on = true;
    factum_status status = FACTUM_OK;
    if (models == NULL || each == NULL || each->each == NULL) {
        return fct_fail(err, FACTUM_INVALID, "models: a host and a function for builds are needed");
    }
    if (model.len > 0) {
        struct fct_model *found = fct_models_find(models, model);
        return found == NULL ? no_model(model, err) : list_model(models, found, each, &go_on, err);
    }
    for (size_t i = 0; status == FACTUM_OK && go_on; i++) {
        struct fct_model *next = fct_models_at(models, i);
        if (next == NULL) {
            break;
        }
        status = list_model(models, next, each, &go_on, err);
    }
    return status;
}

/* ---- waiting --------------------------------------------------------------------------------- */

factum_status fct_hosted_build_has(struct fct_hosted_build *build, uint64_t place, bool *has,
                                   factum_error *err)
{
    struct fct_runner_status from;
    int64_t created;
    factum_status status = look_at_build(build, &from, err);
    *has = status == FACTUM_OK && from.place >= place;
    if (status != FACTUM_OK || *has) {
        return status == FACTUM_NOT_FOUND ? FACTUM_OK : status; /* its file is being created */
    }
    status = fct_source_first(&build->source, build->models->store, from.place, place, NULL,
                              &created, err);
    *has = status == FACTUM_DONE;
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

static factum_status too_late(struct fct_hosted_build *build, uint64_t place,
                              factum_build_status *status, factum_error *err)
{
    factum_build_status current;
    char token[FACTUM_TOKEN_SIZE];
    factum_status found = status_or_reason(build, true, &current, err);
    if (found != FACTUM_OK) {
        return found;
    }
    factum_token_format(build->models->store, place, token);
    if (status != NULL) {
        fct_sized_write(status, &current, sizeof current);
    }
    (void)fct_fail(
        err, FACTUM_TIMEOUT,
        "accepted at %s; the model %s is behind by %" PRIu64 " event%s, %.1f seconds%s%s", token,
        build->model->name, current.behind_events, current.behind_events == 1 ? "" : "s",
        (double)current.behind_time / 1e9, current.reason[0] != '\0' ? ": " : "", current.reason);
    return FACTUM_TIMEOUT;
}

static bool is_in_use(const struct fct_hosted_build *build)
{
    fct_mutex_lock(&build->models->lock);
    bool in_use = build->model->builds[FCT_ROLE_IN_USE] == build;
    fct_mutex_unlock(&build->models->lock);
    return in_use;
}

/* Has the host seen every projection that was deployed when it was opened? */
static bool has_looked(struct factum_models *models)
{
    fct_mutex_lock(&models->lock);
    bool looked = models->looked;
    fct_mutex_unlock(&models->lock);
    return looked;
}

/* Waits for a change in the host, at most POLL_MS and not after |until|. False: |until| has
 * passed. */
static bool wait_a_little(struct factum_models *models, uint32_t seen, int64_t until)
{
    int64_t left = until == INT64_MAX ? POLL_MS : until - fct_monotonic_ms();
    if (left > 0) {
        left = left < POLL_MS ? left : POLL_MS;
        (void)fct_word_wait(&models->changes, seen, (uint64_t)left * 1000000u);
    }
    return left > 0;
}

/* DONE: the build is not in use any more. */
static factum_status wait_for_build(struct fct_hosted_build *build, uint64_t place, int64_t until,
                                    factum_build_status *status, factum_error *err)
{
    struct factum_models *models = build->models;
    for (;;) {
        bool has = false;
        uint32_t seen = atomic_load(&models->changes);
        factum_status found = fct_hosted_build_has(build, place, &has, err);
        if (found != FACTUM_OK || has) {
            return found;
        }
        if (!is_in_use(build)) {
            return FACTUM_DONE; /* another build has come into use: wait for that one */
        }
        if (!wait_a_little(models, seen, until)) {
            return too_late(build, place, status, err);
        }
    }
}

factum_status factum_models_wait(factum_models *models, factum_slice model, uint64_t place,
                                 int64_t timeout_ms, factum_build_status *status, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    struct fct_hosted_build *build = NULL;
    if (models == NULL) {
        return fct_fail(err, FACTUM_INVALID, "models: a host is needed");
    }
    factum_status found =
        status == NULL ? FACTUM_OK : fct_sized_check(status, "models: the status", err);
    int64_t until = end_of(timeout_ms);
    found = found == FACTUM_OK ? FACTUM_DONE : found;
    while (found == FACTUM_DONE) {
        uint32_t seen = atomic_load(&models->changes);
        bool looked = has_looked(models);
        found = fct_models_in_use(models, model, &build, err);
        if (build != NULL) {
            found = wait_for_build(build, place, until, status, err);
            fct_hosted_build_release(build);
        } else if (!looked && wait_a_little(models, seen, until)) {
            found = FACTUM_DONE; /* the host was opened a moment ago */
        }
    }
    return found;
}

static bool wants_any(const struct fct_hosted_build *build, const factum_new_event *events,
                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fct_source_wants(&build->source, build->definition, events[i].stream, events[i].type,
                             events[i].tags, events[i].tag_count)) {
            return true;
        }
    }
    return false;
}

factum_status factum_models_wait_sync(factum_models *models, const factum_new_event *events,
                                      size_t count, uint64_t place, int64_t timeout_ms,
                                      factum_build_status *status, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (models == NULL || (events == NULL && count > 0)) {
        return fct_fail(err, FACTUM_INVALID, "models: a host and events are needed");
    }
    factum_status found =
        status == NULL ? FACTUM_OK : fct_sized_check(status, "models: the status", err);
    int64_t until = end_of(timeout_ms);
    for (size_t i = 0; found == FACTUM_OK; i++) {
        struct fct_model *model = fct_models_at(models, i);
        if (model == NULL) {
            break;
        }
        struct fct_hosted_build *build = fct_hosted_build_hold(models, model, FCT_ROLE_IN_USE);
        if (build != NULL && build->definition->mode == FACTUM_PROJECTION_SYNC &&
            wants_any(build, events, count)) {
            found = wait_for_build(build, place, until, status, err);
        }
        fct_hosted_build_release(build);
        if (found == FACTUM_DONE) { /* a swap: look at the same model again */
            found = FACTUM_OK;
            i--;
        }
    }
    return found;
}

bool factum_models_any_sync(const factum_models *models)
{
    return models != NULL && atomic_load(&models->sync_count) > 0;
}

bool factum_models_wants_sync(factum_models *models, const factum_new_event *events, size_t count)
{
    bool wants = false;
    if (!factum_models_any_sync(models)) {
        return false;
    }
    fct_mutex_lock(&models->lock);
    for (size_t i = 0; i < models->count && !wants; i++) {
        const struct fct_hosted_build *build = models->models[i]->builds[FCT_ROLE_IN_USE];
        wants = build != NULL && build->definition->mode == FACTUM_PROJECTION_SYNC &&
                wants_any(build, events, count);
    }
    fct_mutex_unlock(&models->lock);
    return wants;
}

/* ---- acts ------------------------------------------------------------------------------------ */

static factum_status look_for_act(struct factum_models *models, const char *name, uint64_t revision,
                                  bool *done, factum_error *err)
{
    struct fct_model_file *file;
    factum_status status = fct_model_open_file(models, name, false, false, &file, err);
    *done = false;
    if (status == FACTUM_NOT_FOUND || status == FACTUM_BUSY) {
        return FACTUM_OK; /* not yet */
    }
    if (status == FACTUM_OK) {
        status = fct_model_act_look(file, revision, done, err);
        fct_model_file_close(file);
    }
    return status;
}

/* Does this host show the state after the act? A model that another host runs always does. */
static bool shows_act(struct factum_models *models, factum_slice name, uint64_t revision)
{
    struct fct_model *model = fct_models_find(models, name);
    fct_mutex_lock(&models->lock);
    bool shows = models->looked;
    if (shows && model != NULL && model->hosted) {
        const struct fct_build_id *in_use = &model->acts.in_use;
        const struct fct_hosted_build *build = model->builds[FCT_ROLE_IN_USE];
        shows = model->settled && model->acts.any && model->acts.revision >= revision &&
                (in_use->version == 0 || (build != NULL && build->id.version == in_use->version &&
                                          build->id.run == in_use->run));
    }
    fct_mutex_unlock(&models->lock);
    return shows;
}

factum_status factum_models_act_wait(factum_models *models, factum_slice model, uint64_t revision,
                                     int64_t timeout_ms, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    char stream[FCT_PROJECTION_STREAM_SIZE];
    const char *name = stream + sizeof FCT_PROJECTION_PREFIX - 1;
    if (models == NULL) {
        return fct_fail(err, FACTUM_INVALID, "models: a host is needed");
    }
    factum_status status = fct_acts_stream(model, stream, err);
    int64_t until = end_of(timeout_ms);
    while (status == FACTUM_OK) {
        bool done = false;
        uint32_t seen = atomic_load(&models->changes);
        status = look_for_act(models, name, revision, &done, err);
        if (status != FACTUM_OK || (done && shows_act(models, model, revision))) {
            return status;
        }
        int64_t left = until == INT64_MAX ? POLL_MS : until - fct_monotonic_ms();
        if (left <= 0) {
            (void)fct_fail(err, FACTUM_TIMEOUT,
                           "no host has carried out revision %" PRIu64 " of %s yet", revision,
                           name);
            return FACTUM_TIMEOUT;
        }
        (void)fct_word_wait(&models->changes, seen,
                            (uint64_t)(left < POLL_MS ? left : POLL_MS) * 1000000u);
    }
    return status;
}
