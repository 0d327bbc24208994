/* models.c - a host of read models: opened, closed, and its thread, which follows the streams of
 * definitions. Layer: projection. See models_int.h. A user of the public API of the store. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "core/mem.h"
#include "core/sized.h"
#include "core/slice.h"
#include "os/os.h"
#include "projection/as_of.h"

#define TICK_MS INT64_C(200) /* how often waiting acts and ended runners are looked at */
#define IDLE_MS INT64_C(5000)
#define LEASE_MS INT64_C(30000) /* a build whose checkpoint stands still so long is taken over */
#define NAMES_MAX 1024u

/* ---- the list -------------------------------------------------------------------------------- */

struct fct_model *fct_models_at(struct factum_models *models, size_t i)
{
    fct_mutex_lock(&models->lock);
    struct fct_model *model = i < models->count ? models->models[i] : NULL;
    fct_mutex_unlock(&models->lock);
    return model;
}

struct fct_model *fct_models_find(struct factum_models *models, factum_slice name)
{
    struct fct_model *found = NULL;
    fct_mutex_lock(&models->lock);
    for (size_t i = 0; i < models->count && found == NULL; i++) {
        if (fct_slice_equal(factum_slice_from(models->models[i]->name), name)) {
            found = models->models[i];
        }
    }
    fct_mutex_unlock(&models->lock);
    return found;
}

void fct_models_notify(struct factum_models *models)
{
    atomic_fetch_add(&models->changes, 1);
    fct_word_wake(&models->changes, FCT_WAKE_ALL);
}

void fct_models_count_sync(struct factum_models *models)
{
    uint32_t count = 0;
    fct_mutex_lock(&models->lock);
    for (size_t i = 0; i < models->count; i++) {
        const struct fct_hosted_build *build = models->models[i]->builds[FCT_ROLE_IN_USE];
        count += build != NULL && build->definition->mode == FACTUM_PROJECTION_SYNC ? 1 : 0;
    }
    fct_mutex_unlock(&models->lock);
    atomic_store(&models->sync_count, count);
}

static factum_status no_memory(factum_error *err)
{
    return fct_fail(err, FACTUM_NO_MEMORY, "models: out of memory");
}

/* Adds an entry to the list. */
static factum_status add_model(struct factum_models *models, factum_slice name,
                               struct fct_model **model, factum_error *err)
{
    factum_status status = FACTUM_OK;
    struct fct_model *made = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *made);
    if (made == NULL) {
        return no_memory(err);
    }
    (void)snprintf(made->name, sizeof made->name, "%.*s", (int)name.len, (const char *)name.ptr);
    fct_mutex_lock(&models->lock);
    if (models->count == models->capacity) {
        size_t capacity = models->capacity == 0 ? 8 : models->capacity * 2;
        struct fct_model **grown =
            fct_mem_resize(fct_mem_heap(), models->models, capacity * sizeof(struct fct_model *));
        if (grown == NULL) {
            status = no_memory(err);
        } else {
            models->models = grown;
            models->capacity = capacity;
        }
    }
    if (status == FACTUM_OK) {
        FCT_ASSERT(models->count < models->capacity);
        models->models[models->count++] = made;
    }
    fct_mutex_unlock(&models->lock);
    if (status != FACTUM_OK) {
        fct_mem_free(fct_mem_heap(), made);
        return status;
    }
    *model = made;
    return FACTUM_OK;
}

static bool is_asked_for(const struct factum_models *models, factum_slice name)
{
    for (size_t i = 0; i < models->options.name_count; i++) {
        if (fct_slice_equal(factum_slice_from(models->names[i]), name)) {
            return true;
        }
    }
    return false;
}

/* Does this host run the projection? */
struct hosting {
    struct factum_models *models;
    bool ours;
};

static bool look_at_host(void *data, const factum_projection_state *state)
{
    struct hosting *hosting = data;
    if (state->host.len == 0 && hosting->models->options.name_count == 0) {
        /* A text that this version cannot parse: whoever has run the projection goes on. */
        return false;
    }
    hosting->ours = hosting->models->options.name_count > 0
                        ? is_asked_for(hosting->models, state->name)
                        : fct_slice_equal(state->host, factum_slice_from(hosting->models->host));
    return false;
}

/* Looks at a projection whose stream has new events, or that is seen first. */
static factum_status look_at(struct factum_models *models, factum_slice name, factum_error *err)
{
    factum_error ignored;
    char stream[FCT_PROJECTION_STREAM_SIZE];
    struct hosting hosting = {models, false};
    const factum_projection_each each = {&hosting, look_at_host};
    struct fct_model *model = fct_models_find(models, name);
    hosting.ours = model != NULL && model->hosted;
    if (fct_acts_stream(name, stream, &ignored) != FACTUM_OK) {
        return FACTUM_OK; /* not the stream of a projection */
    }
    factum_status status = factum_projection_find(models->store, name, 0, &each, err);
    if (status == FACTUM_NOT_FOUND || status == FACTUM_INVALID) {
        return FACTUM_OK;
    }
    if (status == FACTUM_TOO_BIG || status == FACTUM_CORRUPT || status == FACTUM_UNSUPPORTED) {
        fct_log_message(&models->log, FACTUM_LOG_WARN, "projection.host", "projection %.*s: %s",
                        FCT_FMT(name), err->text);
        return FACTUM_OK; /* the other projections go on */
    }
    if (status == FACTUM_OK && model == NULL) {
        status = add_model(models, name, &model, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    fct_mutex_lock(&models->lock);
    model->hosted = hosting.ours;
    fct_mutex_unlock(&models->lock);
    if (model->hosted) {
        fct_model_catch_up(models, model);
    } else if (model->known) {
        fct_model_release(models, model);
    }
    fct_models_notify(models);
    return FACTUM_OK;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static bool is_closing(struct factum_models *models)
{
    fct_mutex_lock(&models->lock);
    bool stop = models->stop;
    fct_mutex_unlock(&models->lock);
    return stop;
}

/* The place of the build in its file. False: unknown. */
static bool place_in_file(const struct fct_hosted_build *build, uint64_t *place)
{
    factum_error ignored;
    struct fct_model_file *file = NULL;
    struct fct_build_row row = {.checkpoint = {.position = 0}};
    factum_status found =
        fct_model_open_file(build->models, build->model->name, false, false, &file, &ignored);
    if (found == FACTUM_OK) {
        found = fct_model_build_find(file, (struct fct_build){build->id.version, build->id.run},
                                     &row, &ignored);
    }
    fct_model_file_close(file);
    *place = row.checkpoint.position;
    return found == FACTUM_OK;
}

/* Another host runs the build. It is taken over if its checkpoint stands still for a lease although
 * there are events for it. A build without new events may stand still. */
static bool lease_has_passed(struct fct_hosted_build *build)
{
    factum_error ignored;
    uint64_t place;
    int64_t created;
    if (!place_in_file(build, &place)) {
        return false;
    }
    if (build->fenced_since == 0 || place != build->fenced_at ||
        fct_source_first(&build->source, build->models->store, place, UINT64_MAX, NULL, &created,
                         &ignored) != FACTUM_OK) {
        build->fenced_since = fct_monotonic_ms();
        build->fenced_at = place;
        return false;
    }
    return fct_monotonic_ms() - build->fenced_since >= LEASE_MS;
}

/* A new file is in the place of the old one. It is opened, but not more often than every
 * IDLE_MS. */
static bool pause_is_over(struct fct_hosted_build *build)
{
    int64_t now = fct_monotonic_ms();
    if (build->fenced_since == 0) {
        build->fenced_since = now;
    }
    if (now - build->fenced_since < IDLE_MS) {
        return false;
    }
    build->fenced_since = 0;
    return true;
}

/* Has a runner ended in a way that a restart can repair? */
static bool wants_restart(struct fct_hosted_build *build)
{
    struct fct_runner_status status;
    if (build == NULL || build->runner == NULL) {
        return false;
    }
    fct_runner_status_get(build->runner, &status);
    if (status.state == FACTUM_BUILD_STOPPED && status.file_gone) {
        return pause_is_over(build);
    }
    if (status.state != FACTUM_BUILD_FENCED) {
        build->fenced_since = 0;
        return false;
    }
    return lease_has_passed(build);
}

/* Was the file deleted, or replaced by an empty one? */
static bool file_is_gone(struct factum_models *models, struct fct_model *model)
{
    factum_error ignored;
    struct fct_model_file *file = NULL;
    factum_status status =
        model->known && model->acts.in_use.version != 0
            ? fct_model_open_file(models, model->name, false, false, &file, &ignored)
            : FACTUM_OK;
    struct fct_model_state state = {.acts_set = true};
    if (file != NULL && fct_model_file_state(file, &state, &ignored) != FACTUM_OK) {
        state.acts_set = true; /* unknown */
    }
    fct_model_file_close(file);
    return status == FACTUM_NOT_FOUND || !state.acts_set;
}

/* Is the previous build still there after FCT_PREVIOUS_KEPT? */
static bool previous_has_expired(const struct factum_models *models, const struct fct_model *model)
{
    struct fct_acts now = model->acts;
    fct_acts_at(&now, factum_now(models->store));
    return !models->options.no_run && now.previous.version != model->acts.previous.version;
}

static void look_after(struct factum_models *models, struct fct_model *model)
{
    factum_error ignored;
    bool again = model->pending || previous_has_expired(models, model);
    if (!model->hosted) {
        return;
    }
    if (file_is_gone(models, model)) {
        fct_log_message(&models->log, FACTUM_LOG_WARN, "projection.rebuilt",
                        "projection %s: its file is gone, it is rebuilt", model->name);
        fct_model_release(models, model);
        again = true;
    }
    for (unsigned i = 0; i < FCT_MODEL_ROLES; i++) {
        uint64_t place;
        if (!wants_restart(model->builds[i])) {
            continue;
        }
        if (!place_in_file(model->builds[i], &place)) { /* another file, which lacks the build */
            fct_model_release(models, model);
            again = true;
        } else {
            fct_hosted_build_stop(model->builds[i]);
            if (fct_hosted_build_run(model->builds[i], &ignored) != FACTUM_OK) {
                again = true;
            }
        }
    }
    if (again) {
        fct_model_catch_up(models, model);
    }
}

static bool any_pending(struct factum_models *models)
{
    for (size_t i = 0; i < models->count; i++) {
        if (models->models[i]->hosted && models->models[i]->pending) {
            return true;
        }
    }
    return false;
}

/* Until the host is closed (CANCELLED), or a failure. */
static factum_status follow_definitions(struct factum_models *models, factum_error *err)
{
    factum_event event;
    factum_status status = FACTUM_OK;
    int64_t looked = fct_monotonic_ms();
    while (status == FACTUM_OK) {
        status = factum_subscription_next(models->subscription,
                                          any_pending(models) ? TICK_MS : IDLE_MS, &event, err);
        if (status == FACTUM_OK) {
            status = look_at(models, fct_slice_from(event.stream, sizeof FCT_PROJECTION_PREFIX - 1),
                             err);
        } else if (status == FACTUM_CAUGHT_UP || status == FACTUM_TIMEOUT) {
            status = FACTUM_OK;
        }
        if (fct_monotonic_ms() - looked >= TICK_MS) {
            for (size_t i = 0; i < models->count && status == FACTUM_OK; i++) {
                look_after(models, models->models[i]);
            }
            looked = fct_monotonic_ms();
        }
    }
    return status;
}

static factum_status open_definitions(struct factum_models *models, uint64_t after,
                                      factum_error *err)
{
    factum_subscription *subscription;
    const factum_slice prefix = FCT_SLICE(FCT_PROJECTION_PREFIX);
    const factum_filter filter = {
        .size = sizeof filter, .stream_prefixes = &prefix, .stream_prefix_count = 1};
    const factum_read_request request = {
        .size = sizeof request,
        .source = FACTUM_SOURCE_ALL,
        .from = FACTUM_FROM_AFTER,
        .from_value = after,
        .filter = &filter,
    };
    factum_status status = factum_subscribe(models->store, &request, &subscription, err);
    if (status != FACTUM_OK) {
        return status;
    }
    fct_mutex_lock(&models->lock);
    models->subscription = subscription;
    bool stop = models->stop;
    fct_mutex_unlock(&models->lock);
    return stop ? FACTUM_CANCELLED : FACTUM_OK;
}

static void close_definitions(struct factum_models *models)
{
    fct_mutex_lock(&models->lock);
    factum_subscription *subscription = models->subscription;
    models->subscription = NULL;
    fct_mutex_unlock(&models->lock);
    factum_subscription_close(subscription);
}

/* Looks at every projection that is deployed now. */
static factum_status look_at_all(struct factum_models *models, factum_error *err)
{
    factum_list *list;
    factum_list_entry entry;
    const factum_list_request request = {
        .size = sizeof request,
        .kind = FACTUM_LIST_STREAMS,
        .prefix = FCT_SLICE(FCT_PROJECTION_PREFIX),
    };
    factum_status status = factum_list_open(models->store, &request, &list, err);
    if (status != FACTUM_OK) {
        return status;
    }
    while (status == FACTUM_OK && !is_closing(models)) {
        status = factum_list_next(list, &entry, err);
        if (status == FACTUM_OK) {
            status =
                look_at(models, fct_slice_from(entry.name, sizeof FCT_PROJECTION_PREFIX - 1), err);
        }
    }
    factum_list_close(list);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

static void host_thread(void *data)
{
    struct factum_models *models = data;
    factum_error err = {.status = FACTUM_OK};
    while (!is_closing(models)) {
        uint64_t place = 0;
        factum_status status = factum_visible_place(models->store, &place, &err);
        if (status == FACTUM_OK) {
            status = look_at_all(models, &err);
        }
        if (status == FACTUM_OK) {
            fct_mutex_lock(&models->lock);
            models->looked = true;
            fct_mutex_unlock(&models->lock);
            fct_models_notify(models);
            status = open_definitions(models, place, &err);
        }
        if (status == FACTUM_OK) {
            status = follow_definitions(models, &err);
        }
        close_definitions(models);
        if (status < FACTUM_OK && status != FACTUM_CANCELLED) {
            fct_log_message(&models->log, FACTUM_LOG_WARN, "projection.host",
                            "the definitions of projections cannot be followed: %s", err.text);
            int64_t until = fct_monotonic_ms() + IDLE_MS;
            while (!is_closing(models) && fct_monotonic_ms() < until) {
                uint32_t seen = atomic_load(&models->changes);
                (void)fct_word_wait(&models->changes, seen, (uint64_t)TICK_MS * 1000000u);
            }
        }
    }
    for (size_t i = 0; i < models->count; i++) {
        fct_model_release(models, models->models[i]);
    }
    fct_as_of_clear(models);
}

/* ---- open and close -------------------------------------------------------------------------- */

static factum_status copy_names(struct factum_models *models, factum_error *err)
{
    char stream[FCT_PROJECTION_STREAM_SIZE];
    const factum_models_options *options = &models->options;
    if (options->names == NULL) {
        models->options.name_count = 0;
    }
    if (options->name_count == 0) {
        return FACTUM_OK;
    }
    if (options->name_count > NAMES_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "models: at most %u names", NAMES_MAX);
    }
    models->names = fct_mem_zalloc(fct_mem_heap(), options->name_count, sizeof *models->names);
    if (models->names == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < options->name_count; i++) {
        factum_status status = fct_acts_stream(options->names[i], stream, err);
        if (status != FACTUM_OK) {
            return status;
        }
        (void)snprintf(models->names[i], sizeof models->names[i], "%s",
                       stream + sizeof FCT_PROJECTION_PREFIX - 1);
    }
    models->options.names = NULL;
    return FACTUM_OK;
}

static factum_status read_models_options(struct factum_models *models,
                                         const factum_models_options *given, factum_error *err)
{
    factum_models_options *options = &models->options;
    factum_status status =
        fct_sized_read(options, sizeof *options, given, "models: the options", err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (options->path == NULL || strlen(options->path) >= sizeof models->dir) {
        return fct_fail(err, FACTUM_INVALID, "models: a path of at most %zu bytes is needed",
                        sizeof models->dir - 1);
    }
    if (options->host.len > FACTUM_PROJECTION_NAME_MAX) {
        return fct_fail(err, FACTUM_INVALID, "models: a host's name has at most %d bytes",
                        FACTUM_PROJECTION_NAME_MAX);
    }
    (void)snprintf(models->dir, sizeof models->dir, "%s", options->path);
    (void)snprintf(models->host, sizeof models->host, "%.*s",
                   options->host.len > 0 ? (int)options->host.len : 6,
                   options->host.len > 0 ? (const char *)options->host.ptr : "server");
    if (options->log != NULL) {
        models->log = *options->log;
    }
    if (options->batch_events_max == 0) {
        options->batch_events_max = 5000;
    }
    if (options->batch_size_max == 0) {
        options->batch_size_max = UINT64_C(8) << 20;
    }
    if (options->parked_keys_max == 0) {
        options->parked_keys_max = 1024;
    }
    if (options->parked_events_max == 0) {
        options->parked_events_max = 1024;
    }
    return copy_names(models, err);
}

static void free_models(struct factum_models *models)
{
    factum_error ignored;
    for (size_t i = 0; i < models->count; i++) {
        fct_mem_free(fct_mem_heap(), models->models[i]);
    }
    fct_mem_free(fct_mem_heap(), models->models);
    fct_mem_free(fct_mem_heap(), models->names);
    (void)fct_file_close(&models->as_of_lock, &ignored);
    fct_mutex_finish(&models->lock);
    fct_mem_free(fct_mem_heap(), models);
}

factum_status fct_models_open(factum_store *store, const factum_models_options *options,
                              const struct fct_os *os, factum_models **models, factum_error *err)
{
    factum_info info = {.size = sizeof info};
    if (store == NULL || models == NULL) {
        return fct_fail(err, FACTUM_INVALID, "models: a store and a place for them are needed");
    }
    *models = NULL;
    struct factum_models *made = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *made);
    if (made == NULL) {
        return no_memory(err);
    }
    made->store = store;
    made->os = os;
    fct_mutex_init(&made->lock);
    factum_status status = read_models_options(made, options, err);
    if (status == FACTUM_OK) {
        status = factum_info_get(store, &info, err);
    }
    made->store_id = info.store_id;
    if (status == FACTUM_OK) {
        status = fct_os_make_dir_synced(os, made->dir, err);
    }
    if (status == FACTUM_OK) {
        status = fct_as_of_sweep(made, err);
    }
    if (status == FACTUM_OK) {
        status = fct_thread_start(&made->thread, "models", host_thread, made, err);
    }
    if (status != FACTUM_OK) {
        free_models(made);
        return status;
    }
    *models = made;
    return FACTUM_OK;
}

factum_status factum_models_open(factum_store *store, const factum_models_options *options,
                                 factum_models **models, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    return fct_models_open(store, options, fct_os_real(), models, err);
}

void factum_models_close(factum_models *models)
{
    if (models == NULL) {
        return;
    }
    fct_mutex_lock(&models->lock);
    models->stop = true;
    if (models->subscription != NULL) {
        factum_subscription_stop(models->subscription);
    }
    fct_mutex_unlock(&models->lock);
    fct_models_notify(models);
    fct_thread_join(&models->thread);
    free_models(models);
}
