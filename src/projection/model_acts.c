/* model_acts.c - acts on a projection, carried out in the file of its model. Layer: projection. See
 * models_int.h.
 *
 *     a new file: the acts are folded, and only the builds of the final state are created
 *     otherwise, act by act:
 *         ready? (a swap: the new build has caught up) --no--> later
 *         work of runners (retry, skip): before the act is recorded, because it can be done twice
 *         begin a transaction with the act's revision --EXISTS--> another host carried it out
 *         the effect: builds created and dropped, views swapped
 *         commit
 *     runners are started and stopped to match the fold
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "core/mem.h"
#include "os/os.h"
#include "projection/kept_gates.h"
#include "projection/models_int.h"
#include "projection/refused.h"

#define ACT_READ_ARENA_MAX ((size_t)4 << 20)
#define ACT_WAIT_MS INT64_C(5000) /* the longest wait of a retry for the events before it */

/* One pass over the new acts of a model. */
struct passing {
    struct factum_models *models;
    struct fct_model *model;
    struct fct_model_file *file;
};

static struct fct_build_id *role_id(struct fct_acts *acts, enum fct_model_role role)
{
    return role == FCT_ROLE_IN_USE     ? &acts->in_use
           : role == FCT_ROLE_PREVIOUS ? &acts->previous
                                       : &acts->building;
}

static bool same_build(struct fct_build_id a, struct fct_build_id b)
{
    return a.version == b.version && a.run == b.run;
}

/* ---- builds in the file ---------------------------------------------------------------------- */

static factum_status create_build_tables(struct passing *pass, struct fct_build_id id,
                                         factum_error *err)
{
    struct fct_hosted_build *build;
    factum_status status = fct_hosted_build_create(pass->models, pass->model, id, &build, err);
    if (status == FACTUM_OK) {
        status = fct_model_build_create(pass->file, build->definition,
                                        (struct fct_build){id.version, id.run}, err);
        fct_hosted_build_free(build);
    }
    return status == FACTUM_EXISTS ? FACTUM_OK : status;
}

static factum_status drop_build_tables(struct passing *pass, struct fct_build_id id,
                                       factum_error *err)
{
    factum_status status =
        fct_model_build_drop(pass->file, (struct fct_build){id.version, id.run}, err);
    return status == FACTUM_NOT_FOUND ? FACTUM_OK : status;
}

/* Creates the builds that only |after| has, drops those that only |before| has, and makes the views
 * show the build in use. Inside a transaction. */
static factum_status change_builds(struct passing *pass, struct fct_acts *before,
                                   struct fct_acts *after, factum_error *err)
{
    factum_status status = FACTUM_OK;
    for (unsigned i = 0; i < FCT_MODEL_ROLES && status == FACTUM_OK; i++) {
        struct fct_build_id id = *role_id(after, (enum fct_model_role)i);
        bool had = false;
        for (unsigned k = 0; k < FCT_MODEL_ROLES; k++) {
            had = had || same_build(*role_id(before, (enum fct_model_role)k), id);
        }
        if (id.version != 0 && !had) {
            status = create_build_tables(pass, id, err);
        }
    }
    if (status == FACTUM_OK && after->in_use.version != 0 &&
        !same_build(before->in_use, after->in_use)) {
        status = fct_model_swap(pass->file,
                                (struct fct_build){after->in_use.version, after->in_use.run}, err);
    }
    if (status == FACTUM_OK && after->in_use.version == 0 && before->in_use.version != 0) {
        status = fct_model_unuse(pass->file, err);
    }
    for (unsigned i = 0; i < FCT_MODEL_ROLES && status == FACTUM_OK; i++) {
        struct fct_build_id id = *role_id(before, (enum fct_model_role)i);
        bool stays = id.version == 0;
        for (unsigned k = 0; k < FCT_MODEL_ROLES; k++) {
            stays = stays || same_build(*role_id(after, (enum fct_model_role)k), id);
        }
        if (!stays) {
            status = drop_build_tables(pass, id, err);
        }
    }
    return status;
}

/* ---- runners --------------------------------------------------------------------------------- */

static struct fct_hosted_build *hosted(struct fct_model *model, struct fct_build_id id)
{
    for (unsigned i = 0; i < FCT_MODEL_ROLES; i++) {
        if (model->builds[i] != NULL && same_build(model->builds[i]->id, id)) {
            return model->builds[i];
        }
    }
    return NULL;
}

/* Stops the runners of builds that will be dropped, before their tables are. */
static void stop_others(struct fct_model *model, struct fct_acts *after)
{
    for (unsigned i = 0; i < FCT_MODEL_ROLES; i++) {
        struct fct_hosted_build *build = model->builds[i];
        bool stays = false;
        for (unsigned k = 0; build != NULL && k < FCT_MODEL_ROLES; k++) {
            stays = stays || same_build(*role_id(after, (enum fct_model_role)k), build->id);
        }
        if (build != NULL && !stays) {
            fct_mutex_lock(&build->models->lock);
            fct_model_check(model);
            model->builds[i] = NULL;
            fct_mutex_unlock(&build->models->lock);
            fct_hosted_build_free(build);
        }
    }
}

/* Does the new build have everything that the build in use has? The place of a build in use that
 * has stopped is ignored: it may be after the end of a store that is an older backup. */
static bool has_caught_up(struct fct_model *model)
{
    struct fct_runner_status building = {.place = 0};
    struct fct_runner_status in_use = {.place = 0};
    const struct fct_hosted_build *build = hosted(model, model->acts.building);
    const struct fct_hosted_build *used = hosted(model, model->acts.in_use);
    if (build == NULL || build->runner == NULL) {
        return false;
    }
    fct_runner_status_get(build->runner, &building);
    if (used != NULL && used->runner != NULL) {
        fct_runner_status_get(used->runner, &in_use);
    }
    return building.state == FACTUM_BUILD_LIVE &&
           (in_use.state == FACTUM_BUILD_STOPPED || building.place >= in_use.place);
}

/* A retry or a skip, as work for a runner. */
struct parked_work {
    const struct fct_act *act;
};

static factum_status do_parked_work(void *data, struct fct_applier *applier,
                                    const struct fct_parked_source *source, int64_t now,
                                    factum_error *err)
{
    const struct fct_act *act = ((struct parked_work *)data)->act;
    switch ((int)act->act) {
    case FACTUM_ACT_RETRY:
        return fct_apply_retry(applier, &act->key, true, source, now, NULL, err);
    case FACTUM_ACT_RETRY_ALL:
        return fct_apply_retry(applier, NULL, true, source, now, NULL, err);
    default: {
        factum_status status = fct_apply_skip(applier, act->position, now, err);
        return status == FACTUM_OK ? fct_apply_retry(applier, NULL, false, source, now, NULL, err)
                                   : status;
    }
    }
}

/* Gives the work to all runners. A runner that does not run does it when it starts: it then reads
 * the skipped positions and tries the parked events. */
static void work_on_parked(struct fct_model *model, const struct fct_act *act)
{
    struct parked_work work = {act};
    const struct fct_runner_work todo = {&work, do_parked_work};
    factum_error ignored;
    for (unsigned i = 0; i < FCT_MODEL_ROLES; i++) {
        if (model->builds[i] != NULL && model->builds[i]->runner != NULL) {
            (void)(fct_runner_do(model->builds[i]->runner, &todo, &ignored) == FACTUM_OK);
        }
    }
}

/* RESUME also restarts runners that stopped after a failure. */
static void restart_ended(struct fct_model *model)
{
    for (unsigned i = 0; i < FCT_MODEL_ROLES; i++) {
        struct fct_hosted_build *build = model->builds[i];
        struct fct_runner_status status;
        if (build == NULL || build->runner == NULL) {
            continue;
        }
        fct_runner_status_get(build->runner, &status);
        if (status.state == FACTUM_BUILD_STOPPED || status.state == FACTUM_BUILD_FENCED) {
            fct_hosted_build_stop(build);
        }
    }
}

/* The builds of the acts, by role: those of |old| stay and leave |old|, others are created. Goes on
 * after a failure, which leaves a place empty. */
static factum_status choose_builds(struct factum_models *models, struct fct_model *model,
                                   struct fct_hosted_build *old[FCT_MODEL_ROLES],
                                   struct fct_hosted_build *next[FCT_MODEL_ROLES],
                                   factum_error *err)
{
    factum_status status = FACTUM_OK;
    for (unsigned i = 0; i < FCT_MODEL_ROLES; i++) {
        struct fct_build_id id = *role_id(&model->acts, (enum fct_model_role)i);
        next[i] = NULL;
        for (unsigned k = 0; k < FCT_MODEL_ROLES && id.version != 0; k++) {
            if (old[k] != NULL && same_build(old[k]->id, id)) {
                next[i] = old[k];
                old[k] = NULL;
            }
        }
        if (next[i] == NULL && id.version != 0) {
            factum_status made = fct_hosted_build_create(models, model, id, &next[i], err);
            status = status == FACTUM_OK ? made : status;
        }
    }
    return status;
}

/* Starts or stops the runner of |build|, as the acts say. */
static factum_status match_runner(const struct factum_models *models, const struct fct_model *model,
                                  struct fct_hosted_build *build, factum_error *err)
{
    if (model->acts.paused && build->runner != NULL) {
        fct_hosted_build_stop(build);
    } else if (!model->acts.paused && build->runner == NULL && !models->options.no_run) {
        return fct_hosted_build_run(build, err);
    }
    return FACTUM_OK;
}

/* Creates the hosted builds of the acts and starts their runners; stops the runners if the
 * projection is paused. Other threads see all places of the model change at once. */
static factum_status match_runners(struct factum_models *models, struct fct_model *model,
                                   factum_error *err)
{
    struct fct_hosted_build *old[FCT_MODEL_ROLES];
    struct fct_hosted_build *next[FCT_MODEL_ROLES];
    memcpy(old, model->builds, sizeof old);
    factum_status status = choose_builds(models, model, old, next, err);
    fct_mutex_lock(&models->lock);
    memcpy(model->builds, next, sizeof next);
    fct_model_check(model);
    fct_mutex_unlock(&models->lock);
    for (unsigned i = 0; i < FCT_MODEL_ROLES; i++) {
        if (next[i] != NULL) {
            factum_status started = match_runner(models, model, next[i], err);
            status = status == FACTUM_OK ? started : status;
        }
    }
    for (unsigned k = 0; k < FCT_MODEL_ROLES; k++) {
        fct_hosted_build_free(old[k]);
    }
    fct_models_count_sync(models);
    return status;
}

/* ---- acts ------------------------------------------------------------------------------------ */

/* Records in the file that the act cannot be carried out, and why, so that later acts go on. */
static factum_status refuse_act(struct passing *pass, uint64_t revision, const factum_error *why,
                                factum_error *err)
{
    factum_status status = fct_model_act_begin(pass->file, revision, err);
    if (status == FACTUM_EXISTS) {
        return FACTUM_OK;
    }
    if (status == FACTUM_OK) {
        status = fct_model_act_refuse(pass->file, revision, why->text, err);
    }
    if (status == FACTUM_OK) {
        return fct_model_act_commit(pass->file, err);
    }
    fct_model_act_cancel(pass->file);
    return status;
}

/* The state after a refused act: only its revision and position are new. */
static void only_seen(struct fct_acts *after, const struct fct_acts *before)
{
    struct fct_acts seen = *before;
    fct_acts_pass(&seen, after->revision, after->position);
    *after = seen;
}

/* Refuses an act for everybody: first in the stream, where the next writer sees the refusal, then
 * in the file. */
static factum_status refuse_for_all(struct passing *pass, uint64_t revision,
                                    const factum_error *why, factum_error *err)
{
    const factum_slice name = factum_slice_from(pass->model->name);
    factum_status status =
        pass->models->options.copy
            ? FACTUM_OK
            : fct_refused_record(pass->models->store, name, revision, why->text, err);
    return status == FACTUM_OK ? refuse_act(pass, revision, why, err) : status;
}

/* Does the stream contain a refusal of the act, by another host or by this one before it was
 * killed? */
static factum_status is_refused(const struct passing *pass, uint64_t revision, bool *refused,
                                factum_error *err)
{
    struct fct_refused refusals = {.count = 0};
    factum_status status = fct_refused_read(
        pass->models->store, factum_slice_from(pass->model->name), NULL, &refusals, err);
    *refused = fct_refused_has(&refusals, revision);
    fct_refused_free(&refusals);
    return status;
}

/* Will the act fail again whenever it is tried? */
static bool is_final(factum_status status)
{
    return status == FACTUM_FAILED || status == FACTUM_INVALID || status == FACTUM_UNSUPPORTED ||
           status == FACTUM_TOO_BIG || status == FACTUM_NOT_FOUND;
}

/* Has the file the act already, by another host or by this one before it was killed? */
static bool is_carried_out(struct passing *pass, uint64_t revision, bool *refused)
{
    bool done = false;
    factum_error ignored;
    factum_status status = fct_model_act_look(pass->file, revision, &done, &ignored);
    *refused = status == FACTUM_INVALID;
    return *refused || (status == FACTUM_OK && done);
}

/* Carries out the act that leads to |after|. If another host has refused it, |after| becomes the
 * state without the act. */
static factum_status commit_act(struct passing *pass, struct fct_acts *after, uint64_t revision,
                                factum_error *err)
{
    bool refused = false;
    factum_status status = fct_model_act_begin(pass->file, revision, err);
    if (status == FACTUM_EXISTS) { /* another host has carried it out, or has refused it */
        (void)is_carried_out(pass, revision, &refused);
        if (refused) {
            only_seen(after, &pass->model->acts);
        }
        return FACTUM_OK;
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = change_builds(pass, &pass->model->acts, after, err);
    if (status == FACTUM_OK) {
        return fct_model_act_commit(pass->file, err);
    }
    fct_model_act_cancel(pass->file);
    return status;
}

/* An operator often asks for a retry right after the event that makes it succeed. So the build in
 * use gets the events before the act first. A build that does not move, or is far behind, is not
 * waited for, because later acts wait for this one. */
static bool waits_for_events(struct fct_model *model, const factum_event *event)
{
    int64_t now = fct_monotonic_ms();
    struct fct_hosted_build *build = model->builds[FCT_ROLE_IN_USE];
    struct fct_runner_status status;
    bool has = false;
    factum_error ignored;
    if (build == NULL || build->runner == NULL ||
        fct_hosted_build_has(build, event->position, &has, &ignored) != FACTUM_OK) {
        return false;
    }
    fct_runner_status_get(build->runner, &status);
    if (has && status.state != FACTUM_BUILD_STARTING) {
        return false;
    }
    if (model->waits_since == 0 || model->waits_at != event->revision) {
        model->waits_since = now;
        model->waits_at = event->revision;
    }
    return status.state <= FACTUM_BUILD_LIVE && now - model->waits_since < ACT_WAIT_MS;
}

/* Is a build run by another host? Then that host works on the parked events, or this one after the
 * lease. */
static bool is_fenced(struct fct_model *model)
{
    bool fenced = false;
    for (unsigned i = 0; i < FCT_MODEL_ROLES; i++) {
        struct fct_runner_status status;
        if (model->builds[i] != NULL && model->builds[i]->runner != NULL) {
            fct_runner_status_get(model->builds[i]->runner, &status);
            fenced = fenced || status.state == FACTUM_BUILD_FENCED;
        }
    }
    return fenced;
}

/* OK: the act may be carried out now. PENDING: it has to wait. */
static factum_status prepare_act(struct passing *pass, const struct fct_act *act,
                                 const factum_event *event)
{
    factum_error ignored;
    struct fct_model *model = pass->model;
    if (act->act == FACTUM_ACT_SWAP && fct_acts_judge(&model->acts, act, &ignored) == FACTUM_OK &&
        !has_caught_up(model)) {
        return FACTUM_PENDING;
    }
    if (act->act >= FACTUM_ACT_RETRY) { /* before it is recorded: it can be done twice */
        if (pass->models->options.no_run || is_fenced(model) || waits_for_events(model, event)) {
            return FACTUM_PENDING;
        }
        work_on_parked(model, act);
    }
    return FACTUM_OK;
}

/* Drops the previous build if it is not kept any longer at |now|. */
static factum_status drop_expired(struct passing *pass, int64_t now, factum_error *err)
{
    struct fct_model *model = pass->model;
    struct fct_acts after = model->acts;
    const struct fct_build_id old = after.previous;
    fct_acts_at(&after, now);
    if (pass->models->options.no_run || same_build(after.previous, old)) {
        return FACTUM_OK;
    }
    stop_others(model, &after);
    factum_status status = drop_build_tables(pass, old, err);
    if (status == FACTUM_OK) {
        fct_mutex_lock(&pass->models->lock);
        model->acts = after;
        fct_mutex_unlock(&pass->models->lock);
    }
    return status;
}

/* A swap to a build that has stopped would wait for ever, and hold up the acts that could repair
 * it. */
static bool swaps_to_stopped(const struct passing *pass, const struct fct_act *act,
                             factum_error *why)
{
    struct fct_model *model = pass->model;
    struct fct_runner_status status;
    const struct fct_hosted_build *build = hosted(model, model->acts.building);
    if (act->act != FACTUM_ACT_SWAP || build == NULL || build->runner == NULL) {
        return false;
    }
    fct_runner_status_get(build->runner, &status);
    if (status.state != FACTUM_BUILD_STOPPED || status.file_gone) { /* a new file is created soon */
        return false;
    }
    (void)fct_fail(why, FACTUM_FAILED,
                   "version %" PRIu64 " has stopped: %.120s; repair that, resume, then swap again",
                   build->id.version, status.reason);
    return true;
}

/* Carries out an act that the file does not have yet. PENDING: it has to wait. */
static factum_status carry_out_now(struct passing *pass, const struct fct_act *act,
                                   const factum_event *event, struct fct_acts *after,
                                   factum_error *err)
{
    factum_error why;
    bool refused = false;
    bool stopped = swaps_to_stopped(pass, act, &why);
    factum_status status = stopped ? FACTUM_OK : prepare_act(pass, act, event);
    if (status == FACTUM_OK) { /* not while the act waits, because this reads the stream */
        status = is_refused(pass, event->revision, &refused, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (refused) {
        (void)fct_fail(&why, FACTUM_FAILED, "it was refused: see the stream of the definition");
        only_seen(after, &pass->model->acts);
        return refuse_act(pass, event->revision, &why, err);
    }
    if (!stopped) {
        stop_others(pass->model, after);
        status = commit_act(pass, after, event->revision, &why);
        if (!is_final(status)) {
            return status == FACTUM_OK ? status : fct_fail(err, status, "%s", why.text);
        }
    }
    only_seen(after, &pass->model->acts);
    return refuse_for_all(pass, event->revision, &why, err);
}

/* Carries out one act. PENDING: it has to wait. */
static factum_status carry_out_act(struct passing *pass, const struct fct_act *act,
                                   const factum_event *event, factum_error *err)
{
    struct fct_model *model = pass->model;
    bool refused = false;
    bool done = is_carried_out(pass, event->revision, &refused);
    factum_status status = drop_expired(pass, event->created, err);
    if (status != FACTUM_OK) {
        return status;
    }
    struct fct_acts after = model->acts;
    fct_acts_add(&after, act, event->revision, event->position, event->created);
    if (refused) {
        only_seen(&after, &model->acts);
    } else if (!done) {
        status = carry_out_now(pass, act, event, &after, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    fct_mutex_lock(&pass->models->lock);
    model->acts = after;
    fct_mutex_unlock(&pass->models->lock);
    fct_kept_gates_drop(pass->models, model);
    if (act->act == FACTUM_ACT_RESUME) {
        restart_ended(model);
    }
    status = match_runners(pass->models, model, err);
    fct_models_notify(pass->models);
    return status;
}

/* Passes an event that is not an act: one of another type, or a refusal, which only concerns new
 * files. */
static factum_status pass_event(struct passing *pass, const factum_event *event,
                                const factum_error *why, factum_error *err)
{
    struct fct_model *model = pass->model;
    factum_status status = refuse_act(pass, event->revision, why, err);
    if (status == FACTUM_OK) {
        fct_mutex_lock(&pass->models->lock);
        fct_acts_pass(&model->acts, event->revision, event->position);
        fct_mutex_unlock(&pass->models->lock);
    }
    return status;
}

static factum_status carry_out_new(struct passing *pass, factum_error *err)
{
    factum_cursor *cursor;
    factum_event event;
    factum_arena arena;
    struct fct_act act;
    uint64_t from = pass->model->acts.any ? pass->model->acts.revision + 1 : 0;
    factum_status status = fct_acts_open(pass->models->store, factum_slice_from(pass->model->name),
                                         from, UINT64_MAX, NULL, &cursor, err);
    if (status != FACTUM_OK) {
        return status == FACTUM_STREAM_NOT_FOUND || status == FACTUM_STREAM_DELETED ? FACTUM_OK
                                                                                    : status;
    }
    fct_arena_init(&arena, fct_mem_heap(), ACT_READ_ARENA_MAX);
    while (status == FACTUM_OK) {
        factum_arena_reset(&arena);
        status = factum_cursor_next(cursor, &event, err);
        if (status != FACTUM_OK) {
            break;
        }
        factum_error why;
        status = fct_act_parse(&event, &arena, &act, &why);
        if (status == FACTUM_OK) {
            status = carry_out_act(pass, &act, &event, err);
        } else if (status == FACTUM_INVALID) {
            status = pass_event(pass, &event, &why, err);
        } else {
            *err = why;
        }
    }
    factum_arena_finish(&arena);
    factum_cursor_close(cursor);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

/* Folds the events of |cursor|, without the refused acts. */
static factum_status fold_from(struct passing *pass, const struct fct_refused *refusals,
                               factum_cursor *cursor, struct fct_acts *acts, factum_error *err)
{
    factum_event event;
    factum_arena arena;
    struct fct_act act;
    factum_status status;
    fct_arena_init(&arena, fct_mem_heap(), ACT_READ_ARENA_MAX);
    while ((status = factum_cursor_next(cursor, &event, err)) == FACTUM_OK) {
        bool refused = false;
        factum_arena_reset(&arena);
        if (!is_carried_out(pass, event.revision, &refused)) { /* otherwise the file knows whether
                                                                * it was refused */
            refused = fct_refused_has(refusals, event.revision);
        }
        status = refused ? FACTUM_INVALID : fct_act_parse(&event, &arena, &act, err);
        if (status == FACTUM_OK) {
            fct_acts_add(acts, &act, event.revision, event.position, event.created);
        } else if (status == FACTUM_INVALID) {
            fct_acts_pass(acts, event.revision, event.position);
        } else {
            break;
        }
    }
    factum_arena_finish(&arena);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

/* Folds the acts up to the last one of the file, or all if it has none. */
static factum_status fold_acts(struct passing *pass, const struct fct_model_state *state,
                               struct fct_acts *acts, factum_error *err)
{
    factum_cursor *cursor;
    struct fct_refused refusals = {.count = 0};
    factum_store *store = pass->models->store;
    const factum_slice name = factum_slice_from(pass->model->name);
    memset(acts, 0, sizeof *acts);
    factum_status status = fct_acts_open(store, name, 0, state->acts_set ? state->acts : UINT64_MAX,
                                         NULL, &cursor, err);
    if (status != FACTUM_OK) {
        return status == FACTUM_STREAM_NOT_FOUND || status == FACTUM_STREAM_DELETED ? FACTUM_OK
                                                                                    : status;
    }
    status = fct_refused_read(store, name, NULL, &refusals, err);
    if (status == FACTUM_OK) {
        status = fold_from(pass, &refusals, cursor, acts, err);
    }
    fct_refused_free(&refusals);
    factum_cursor_close(cursor);
    return status;
}

/* Removes the previous build from |acts| if the file has dropped it: that is not an act. */
static void forget_dropped(struct passing *pass, const struct fct_model_state *state,
                           struct fct_acts *acts)
{
    factum_error ignored;
    struct fct_build_row row;
    const struct fct_build previous = {acts->previous.version, acts->previous.run};
    if (state->acts_set && previous.version != 0 &&
        fct_model_build_find(pass->file, previous, &row, &ignored) == FACTUM_NOT_FOUND) {
        memset(&acts->previous, 0, sizeof acts->previous);
    }
}

/* The first look at a model: folds the acts of its file; for a new file all acts, and carries them
 * out. */
static factum_status begin_model(struct passing *pass, factum_error *err)
{
    struct fct_model_state state;
    struct fct_acts acts;
    struct fct_model *model = pass->model;
    const struct fct_acts none = {.any = false};
    factum_status status = fct_model_file_state(pass->file, &state, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fold_acts(pass, &state, &acts, err);
    if (status == FACTUM_OK && state.acts_set && (!acts.any || acts.revision < state.acts)) {
        return fct_fail(err, FACTUM_WRONG_TIMELINE,
                        "%s.db has carried out acts that this store does not have: it is rebuilt",
                        model->name);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    forget_dropped(pass, &state, &acts);
    if (!state.acts_set && acts.any) {
        model->acts = none;
        status = commit_act(pass, &acts, acts.revision, err);
        if (is_final(status)) {
            const factum_error why = *err;
            only_seen(&acts, &none);
            status = refuse_act(pass, acts.revision, &why, err);
        }
    }
    if (status == FACTUM_OK) {
        fct_mutex_lock(&pass->models->lock);
        model->acts = acts;
        model->known = true;
        fct_mutex_unlock(&pass->models->lock);
        status = match_runners(pass->models, model, err);
    }
    return status;
}

static void keep_problem(struct factum_models *models, struct fct_model *model, const char *text)
{
    fct_mutex_lock(&models->lock);
    bool changed = strcmp(model->problem, text) != 0;
    (void)snprintf(model->problem, sizeof model->problem, "%s", text);
    fct_mutex_unlock(&models->lock);
    if (changed && text[0] != '\0') {
        fct_log_message(&models->log, FACTUM_LOG_WARN, "projection.acts", "projection %s: %s",
                        model->name, text);
    }
}

/* Renames the damaged file to NAME.db.damaged: it may belong to somebody else, or be worth a
 * look. */
static void rename_damaged(const struct passing *pass)
{
    factum_error ignored;
    char base[FACTUM_PROJECTION_NAME_MAX + sizeof ".db.damaged"];
    char from[FCT_PATH_SIZE];
    char to[FCT_PATH_SIZE];
    const struct factum_models *models = pass->models;
    (void)snprintf(base, sizeof base, "%s.db", pass->model->name);
    factum_status status = fct_path_join(from, models->dir, base, &ignored);
    (void)snprintf(base, sizeof base, "%s.db.damaged", pass->model->name);
    if (status == FACTUM_OK) {
        status = fct_path_join(to, models->dir, base, &ignored);
    }
    if (status == FACTUM_OK && fct_os_rename(models->os, from, to, &ignored) == FACTUM_OK) {
        fct_log_message(&models->log, FACTUM_LOG_WARN, "projection.damaged",
                        "projection %s: the damaged file is kept as %s", pass->model->name, to);
    }
}

/* Rebuilds the file, which is derived from the events. */
static factum_status rebuild_file(struct passing *pass, factum_error *err)
{
    struct fct_model *model = pass->model;
    fct_log_message(&pass->models->log, FACTUM_LOG_WARN, "projection.rebuilt", "projection %s: %s",
                    model->name, err->text);
    fct_model_release(pass->models, model);
    fct_model_file_close(pass->file);
    pass->file = NULL;
    if (err->status == FACTUM_CORRUPT) {
        rename_damaged(pass);
    }
    factum_status status = fct_model_file_remove(pass->models->os, pass->models->dir,
                                                 factum_slice_from(model->name), err);
    return status == FACTUM_OK
               ? fct_model_open_file(pass->models, model->name, true, false, &pass->file, err)
               : status;
}

/* Was the file deleted, and created again empty by somebody who wrote to it? */
static bool has_lost_acts(struct passing *pass)
{
    struct fct_model_state state;
    factum_error ignored;
    return pass->model->known && pass->model->acts.any &&
           fct_model_file_state(pass->file, &state, &ignored) == FACTUM_OK && !state.acts_set;
}

static void set_settled(struct factum_models *models, struct fct_model *model, bool settled)
{
    fct_mutex_lock(&models->lock);
    model->settled = settled;
    fct_mutex_unlock(&models->lock);
}

void fct_model_catch_up(struct factum_models *models, struct fct_model *model)
{
    struct passing pass = {.models = models, .model = model};
    factum_error err = {.status = FACTUM_OK};
    set_settled(models, model, false);
    factum_status status = fct_os_make_dir(models->os, models->dir, &err); /* if deleted */
    if (status == FACTUM_OK) {
        status = fct_model_open_file(models, model->name, true, !model->known, &pass.file, &err);
    }
    if (status == FACTUM_CORRUPT) {
        status = rebuild_file(&pass, &err);
    }
    if (status == FACTUM_OK && has_lost_acts(&pass)) {
        fct_model_release(models, model);
    }
    if (status == FACTUM_OK && !model->known) {
        status = begin_model(&pass, &err);
    }
    if (status == FACTUM_WRONG_TIMELINE) {
        status = rebuild_file(&pass, &err);
        status = status == FACTUM_OK ? begin_model(&pass, &err) : status;
    }
    if (status == FACTUM_OK) {
        status = carry_out_new(&pass, &err);
    }
    if (status == FACTUM_OK && model->known) {
        status = drop_expired(&pass, factum_now(models->store), &err);
    }
    if (status == FACTUM_OK && model->known) { /* starts a runner that could not be started before
                                                */
        status = match_runners(models, model, &err);
    }
    fct_model_file_close(pass.file);
    model->pending = status != FACTUM_OK;
    keep_problem(models, model, status < FACTUM_OK ? err.text : "");
    set_settled(models, model, true);
    fct_models_notify(models);
}

void fct_model_release(struct factum_models *models, struct fct_model *model)
{
    /* So that a runner is the last to close the file, and empties the WAL. */
    fct_kept_gates_drop(models, model);
    for (unsigned i = 0; i < FCT_MODEL_ROLES; i++) {
        struct fct_hosted_build *build = model->builds[i];
        fct_mutex_lock(&models->lock);
        model->builds[i] = NULL;
        fct_mutex_unlock(&models->lock);
        fct_hosted_build_free(build);
    }
    fct_mutex_lock(&models->lock);
    model->known = false;
    memset(&model->acts, 0, sizeof model->acts);
    fct_mutex_unlock(&models->lock);
    fct_models_count_sync(models);
}
