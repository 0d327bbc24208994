/* as_of.c - see as_of.h. Layer: projection. A user of the public API of the store. */
#include "projection/as_of.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "core/mem.h"
#include "projection/batch.h"
#include "projection/sqlite_status.h"
#include "projection/sqlite_target.h"

/* One replay in progress. */
struct replay {
    struct fct_as_of *as_of;
    const factum_model_query *query;
    struct fct_model_file *file;
    struct fct_target *target;
    struct fct_applier applier;
    bool begun; /* |applier| was begun */
    struct fct_batch batch;
    uint64_t from; /* where the replay goes on, for the progress */
};

/* ---- files ----------------------------------------------------------------------------------- */

static factum_status open_replay_file(const struct fct_as_of *as_of, struct fct_model_file **file,
                                      factum_error *err)
{
    const struct fct_model_file_options options = {
        .dir = as_of->dir,
        .name = factum_slice_from(as_of->build->model->name),
        .store = as_of->build->models->store_id,
        .write = true,
        .mem = fct_mem_heap(),
        .os = as_of->build->models->os,
    };
    factum_status status = fct_model_file_open(&options, file, err);
    if (status == FACTUM_OK) { /* what a crash loses is replayed again */
        status = fct_sqlite_exec((*file)->db, "PRAGMA synchronous=OFF", "replay", err);
    }
    return status;
}

static void remove_replay_files(const struct fct_as_of *as_of)
{
    const struct fct_os *os = as_of->build->models->os;
    factum_error err;
    factum_status status =
        fct_model_file_remove(os, as_of->dir, factum_slice_from(as_of->build->model->name), &err);
    if (status == FACTUM_OK) {
        status = fct_os_remove_dir(os, as_of->dir, &err);
    }
    if (status != FACTUM_OK) { /* the next host of the directory removes the files */
        fct_log_message(&as_of->build->models->log, FACTUM_LOG_WARN, "projection.replay", "%s",
                        err.text);
    }
}

static void free_as_of(struct fct_as_of *as_of)
{
    if (as_of != NULL) {
        remove_replay_files(as_of);
        fct_hosted_build_release(as_of->build);
        fct_mem_free(fct_mem_heap(), as_of);
    }
}

/* ---- replaying ------------------------------------------------------------------------------- */

static factum_status begin_replay(struct replay *replay, factum_error *err)
{
    struct fct_hosted_build *hosted = replay->as_of->build;
    const struct fct_build build = {hosted->id.version, hosted->id.run};
    const struct fct_apply_limits limits = {.parked_keys_max = UINT64_MAX,
                                            .parked_events_max = UINT64_MAX};
    factum_status status = open_replay_file(replay->as_of, &replay->file, err);
    if (status == FACTUM_OK) {
        status = fct_model_build_create(replay->file, hosted->definition, build, err);
        if (status == FACTUM_OK) {
            status = fct_model_swap(replay->file, build, err);
        } else if (status == FACTUM_EXISTS) {
            status = FACTUM_OK; /* the replay goes on */
        }
    }
    if (status == FACTUM_OK) {
        status =
            fct_sqlite_target_open(replay->file, hosted->definition, build, &replay->target, err);
    }
    if (status == FACTUM_OK) {
        status = fct_applier_begin(&replay->applier, replay->target, &limits, err);
        replay->begun = status == FACTUM_OK;
    }
    if (status == FACTUM_OK) {
        status = fct_hosted_build_skipped(hosted, &replay->applier, err);
    }
    if (status == FACTUM_OK) {
        const factum_models_options *options = &hosted->models->options;
        status = fct_batch_init(&replay->batch, hosted->definition, options->batch_events_max,
                                options->batch_size_max, err);
    }
    replay->from = replay->applier.at.position;
    return status;
}

static void end_replay(struct replay *replay)
{
    fct_batch_finish(&replay->batch);
    if (replay->begun) {
        fct_applier_finish(&replay->applier);
    }
    if (replay->target != NULL) {
        replay->target->ops->close(replay->target);
    }
    fct_model_file_close(replay->file);
}

static factum_status flush_replay(struct replay *replay, uint64_t place, factum_error *err)
{
    struct fct_checkpoint to = replay->applier.at;
    to.position = place;
    if (replay->batch.count > 0) {
        to.created = replay->batch.events[replay->batch.count - 1].created;
    }
    factum_status status =
        fct_apply_batch(&replay->applier, replay->batch.events, replay->batch.count, &to, 0, err);
    fct_batch_reset(&replay->batch);
    const factum_progress *progress = replay->query->progress;
    if (status == FACTUM_OK && progress != NULL && progress->step != NULL &&
        !progress->step(progress->data, place - replay->from,
                        replay->as_of->position - replay->from)) {
        return fct_fail(err, FACTUM_CANCELLED, "the replay was stopped");
    }
    return status;
}

static factum_status load_waiting(void *data, uint64_t position, factum_arena *arena,
                                  struct fct_bound_event *event, factum_error *err)
{
    struct replay *replay = data;
    return fct_source_bind_again(replay->as_of->build->models->store, replay->batch.binder,
                                 position, arena, event, err);
}

static factum_status read_events(struct replay *replay, factum_cursor *cursor, factum_error *err)
{
    factum_event event;
    factum_status status;
    while ((status = factum_cursor_next(cursor, &event, err)) == FACTUM_OK) {
        status = fct_batch_add(&replay->batch, &event, err);
        if (status == FACTUM_TOO_BIG) { /* apply the events before it first */
            const struct fct_batch *batch = &replay->batch;
            status = flush_replay(replay, batch->events[batch->count - 1].position, err);
            if (status == FACTUM_OK) {
                status = fct_batch_add(&replay->batch, &event, err);
            }
        }
        if (status == FACTUM_OK && fct_batch_is_full(&replay->batch)) {
            status = flush_replay(replay, event.position, err);
        }
        if (status != FACTUM_OK) {
            return status;
        }
    }
    return status == FACTUM_DONE ? flush_replay(replay, replay->as_of->position, err) : status;
}

static factum_status run_replay(struct replay *replay, factum_error *err)
{
    const struct fct_parked_source source = {replay, load_waiting};
    const struct fct_as_of *as_of = replay->as_of;
    factum_cursor *cursor;
    factum_read_request request = as_of->build->source.request;
    request.from = FACTUM_FROM_AFTER;
    request.from_value = replay->applier.at.position;
    request.until_position_set = true;
    request.until_position = as_of->position;
    request.until_time_set = as_of->by_time;
    request.until_time = as_of->time;
    request.call = replay->query->call;
    factum_status status = factum_read(as_of->build->models->store, &request, &cursor, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = read_events(replay, cursor, err);
    factum_cursor_close(cursor);
    if (status == FACTUM_OK) {
        status = fct_apply_retry(&replay->applier, NULL, true, &source, 0, NULL, err);
    }
    return status;
}

static factum_status bring_to(struct fct_as_of *as_of, const factum_model_query *query,
                              factum_error *err)
{
    struct replay replay = {.as_of = as_of, .query = query};
    factum_status status = fct_os_make_dir(as_of->build->models->os, as_of->dir, err);
    if (status == FACTUM_OK) {
        status = begin_replay(&replay, err);
    }
    if (status == FACTUM_OK && replay.applier.at.position < as_of->position) {
        status = run_replay(&replay, err);
    }
    as_of->at = replay.applier.at;
    end_replay(&replay);
    return status;
}

/* ---- moments --------------------------------------------------------------------------------- */

/* *position is that of the last event recorded at or before |created|; 0: none. */
static factum_status position_at(factum_store *store, int64_t created, const factum_call *call,
                                 uint64_t *position, factum_error *err)
{
    factum_cursor *cursor;
    factum_event event;
    const factum_read_request request = {
        .size = sizeof request,
        .source = FACTUM_SOURCE_ALL,
        .from = FACTUM_FROM_START,
        .backwards = true,
        .count_max = 1,
        .until_created_set = true,
        .until_created = created,
        .call = call,
    };
    factum_status status = factum_read(store, &request, &cursor, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = factum_cursor_next(cursor, &event, err);
    *position = status == FACTUM_OK ? event.position : 0;
    factum_cursor_close(cursor);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

/* The position to replay to, from the moment that the query asks for. */
static factum_status find_moment(const struct fct_hosted_build *build,
                                 const factum_model_query *query, struct fct_as_of *wanted,
                                 factum_error *err)
{
    factum_store *store = build->models->store;
    memset(wanted, 0, sizeof *wanted);
    factum_status status = factum_visible_place(store, &wanted->end, err);
    wanted->position = wanted->end;
    if (status == FACTUM_OK && query->at_created_set) {
        status = position_at(store, query->at, query->call, &wanted->position, err);
    } else if (query->at_position_set && query->at_position < wanted->end) {
        wanted->position = query->at_position;
    } else if (query->at_time_set) {
        wanted->by_time = true;
        wanted->time = query->at;
    }
    return status;
}

/* ---- the cache ------------------------------------------------------------------------------- */

/* The invariants in as_of.h. With the lock. */
static void as_of_check(const struct factum_models *models)
{
    for (unsigned i = 0; i < FCT_AS_OF_KEPT; i++) {
        const struct fct_as_of *kept = models->as_of[i];
        FCT_ASSERT(kept == NULL || kept->build->holders > 0);
        FCT_ASSERT(kept == NULL || kept->build->models == models);
        FCT_ASSERT(kept == NULL || kept->last_used <= models->as_of_count);
        FCT_ASSERT(kept == NULL || kept != models->as_of[(i + 1) % FCT_AS_OF_KEPT]);
    }
}

static bool fits(const struct fct_as_of *kept, const struct fct_hosted_build *build,
                 const struct fct_as_of *wanted)
{
    if (kept == NULL || kept->build != build || kept->by_time != wanted->by_time) {
        return false;
    }
    return kept->by_time ? kept->time == wanted->time && kept->end == wanted->end
                         : kept->at.position <= wanted->position;
}

/* Takes the newest replay that can go on out of the cache; NULL: none. If the cache is full, *gone
 * is the replay that makes room. */
static struct fct_as_of *take_kept(struct fct_hosted_build *build, const struct fct_as_of *wanted,
                                   struct fct_as_of **gone)
{
    struct factum_models *models = build->models;
    struct fct_as_of **best = NULL;
    struct fct_as_of **oldest = NULL;
    *gone = NULL;
    fct_mutex_lock(&models->lock);
    as_of_check(models);
    for (unsigned i = 0; i < FCT_AS_OF_KEPT; i++) {
        struct fct_as_of **slot = &models->as_of[i];
        if (fits(*slot, build, wanted) &&
            (best == NULL || (*slot)->at.position > (*best)->at.position)) {
            best = slot;
        }
        if (oldest == NULL || *slot == NULL ||
            (*oldest != NULL && (*slot)->last_used < (*oldest)->last_used)) {
            oldest = slot;
        }
    }
    struct fct_as_of *found = best == NULL ? NULL : *best;
    if (best != NULL) {
        *best = NULL;
    } else if (oldest != NULL && *oldest != NULL) {
        *gone = *oldest;
        *oldest = NULL;
    }
    fct_mutex_unlock(&models->lock);
    return found;
}

/* Takes the lock if another host's sweep kept it from this host at its opening. Without it another
 * host may delete a replay in use, whose query then fails with IO. */
static void lock_again(struct factum_models *models)
{
    factum_error err;
    fct_mutex_lock(&models->lock);
    if (!models->as_of_locked) {
        models->as_of_locked = fct_file_lock(models->as_of_lock, &err) == FACTUM_OK;
    }
    bool locked = models->as_of_locked;
    fct_mutex_unlock(&models->lock);
    if (!locked) {
        fct_log_message(&models->log, FACTUM_LOG_WARN, "projection.replay",
                        "a replay is not protected from other hosts: %s", err.text);
    }
}

static struct fct_as_of *create_as_of(struct fct_hosted_build *build)
{
    factum_error ignored;
    struct factum_models *models = build->models;
    struct fct_as_of *made = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *made);
    if (made == NULL) {
        return NULL;
    }
    lock_again(models);
    uint64_t number = 0;
    char name[sizeof FCT_AS_OF_PREFIX + 16];
    factum_status status = fct_os_random(models->os, &number, sizeof number, &ignored);
    (void)snprintf(name, sizeof name, FCT_AS_OF_PREFIX "%016" PRIx64, number);
    if (status != FACTUM_OK || fct_path_join(made->dir, models->dir, name, &ignored) != FACTUM_OK) {
        fct_mem_free(fct_mem_heap(), made);
        return NULL;
    }
    fct_mutex_lock(&models->lock);
    build->holders++;
    fct_mutex_unlock(&models->lock);
    made->build = build;
    return made;
}

factum_status fct_as_of_get(struct fct_hosted_build *build, const factum_model_query *query,
                            struct fct_as_of **as_of, factum_error *err)
{
    struct fct_as_of wanted;
    struct fct_as_of *gone;
    *as_of = NULL;
    factum_status status = find_moment(build, query, &wanted, err);
    if (status != FACTUM_OK) {
        return status;
    }
    struct fct_as_of *found = take_kept(build, &wanted, &gone);
    free_as_of(gone);
    if (found == NULL) {
        found = create_as_of(build);
    }
    if (found == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "models: out of memory, or a path is too long");
    }
    found->by_time = wanted.by_time;
    found->time = wanted.time;
    found->end = wanted.end;
    found->position = wanted.position;
    status = bring_to(found, query, err);
    if (status != FACTUM_OK) {
        free_as_of(found);
        return status;
    }
    *as_of = found;
    return FACTUM_OK;
}

void fct_as_of_release(struct fct_as_of *as_of)
{
    if (as_of == NULL) {
        return;
    }
    struct factum_models *models = as_of->build->models;
    bool kept = false;
    fct_mutex_lock(&models->lock);
    as_of->last_used = ++models->as_of_count;
    for (unsigned i = 0; i < FCT_AS_OF_KEPT && !kept; i++) {
        if (models->as_of[i] == NULL) {
            models->as_of[i] = as_of;
            kept = true;
        }
    }
    as_of_check(models);
    fct_mutex_unlock(&models->lock);
    if (!kept) {
        free_as_of(as_of);
    }
}

struct replay_dir {
    const struct fct_os *os;
    char path[FCT_PATH_SIZE];
};

/* Deletes one entry of a replay's directory. */
static factum_status delete_entry(void *data, const char *name)
{
    factum_error ignored;
    const struct replay_dir *dir = data;
    return fct_os_unlink_in(dir->os, dir->path, name, &ignored);
}

static factum_status delete_replay(void *data, const char *name)
{
    factum_error ignored;
    struct factum_models *models = data;
    struct replay_dir dir = {.os = models->os};
    if (strncmp(name, FCT_AS_OF_PREFIX, sizeof FCT_AS_OF_PREFIX - 1) != 0) {
        return FACTUM_OK;
    }
    factum_status status = fct_path_join(dir.path, models->dir, name, &ignored);
    if (status == FACTUM_OK) {
        status = fct_os_list_dir(models->os, dir.path, delete_entry, &dir, &ignored);
    }
    /* The next host removes what cannot be deleted now. */
    (void)(status == FACTUM_OK && fct_os_remove_dir(models->os, dir.path, &ignored) == FACTUM_OK);
    return FACTUM_OK;
}

/* Deletes all replays, if no host of the directory has the lock. */
static factum_status sweep_if_alone(struct factum_models *models, factum_error *err)
{
    struct fct_file *lock = NULL;
    factum_error ignored;
    factum_status status = fct_file_open_in(models->os, models->dir, FCT_AS_OF_LOCK,
                                            FCT_OPEN_WRITE | FCT_OPEN_CREATE, &lock, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_file_lock(lock, err);
    if (status == FACTUM_OK) {
        status = fct_os_list_dir(models->os, models->dir, delete_replay, models, err);
    }
    (void)fct_file_close(&lock, &ignored);
    return status == FACTUM_LOCKED ? FACTUM_OK : status;
}

factum_status fct_as_of_sweep(struct factum_models *models, factum_error *err)
{
    factum_status status = sweep_if_alone(models, err);
    if (status == FACTUM_OK) {
        status = fct_file_open_in(models->os, models->dir, FCT_AS_OF_LOCK, FCT_OPEN_READ,
                                  &models->as_of_lock, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_file_lock(models->as_of_lock, err);
    models->as_of_locked = status == FACTUM_OK;
    /* LOCKED: another host sweeps just now. There is nothing to protect before the first replay. */
    return status == FACTUM_LOCKED ? FACTUM_OK : status;
}

void fct_as_of_clear(struct factum_models *models)
{
    for (unsigned i = 0; i < FCT_AS_OF_KEPT; i++) {
        fct_mutex_lock(&models->lock);
        struct fct_as_of *as_of = models->as_of[i];
        models->as_of[i] = NULL;
        fct_mutex_unlock(&models->lock);
        free_as_of(as_of);
    }
}
