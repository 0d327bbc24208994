/* act_run.c - an act on a projection: recorded, waited for, reported. Layer: cli. See
 * read_models.h. */
#include <inttypes.h>
#include <string.h>

#include "cli/deploying.h"
#include "cli/progress.h"
#include "cli/read_models.h"

static int record_act(struct read_models *models, factum_projection_act act, factum_slice key,
                      uint64_t position, factum_act_result *result)
{
    factum_error err;
    const factum_act_options with = {
        .size = sizeof with,
        .by = who_acts(models->options),
        .why = factum_slice_from(models->options->why),
    };
    const factum_act_request request = {
        .size = sizeof request,
        .act = act,
        .projection = factum_slice_from(models->options->arguments[0]),
        .key = key,
        .position = position,
        .options = &with,
    };
    factum_status status = models_act_record(models, &request, result, &err);
    if (status == FACTUM_OK) {
        return 0;
    }
    int code = fail_with(status, &err);
    /* The act does not fit the state of the builds. */
    return status == FACTUM_INVALID ? EXIT_REFUSED : code;
}

/* A build that stopped by itself never catches up. */
struct stopped {
    bool any;
    char text[512];
};

static bool look_for_stopped(void *data, const factum_build_status *status)
{
    struct stopped *stopped = data;
    if (status->state == FACTUM_BUILD_STOPPED && !status->in_use) {
        stopped->any = true;
        (void)snprintf(stopped->text, sizeof stopped->text,
                       "version %" PRIu64 " of %.*s has stopped: %s", status->version,
                       (int)status->model.len, (const char *)status->model.ptr, status->reason);
    }
    return !stopped->any;
}

bool act_has_stopped(const struct read_models *models, factum_slice name)
{
    factum_error err;
    struct stopped stopped = {.any = false};
    const factum_build_each each = {&stopped, look_for_stopped};
    if (models_list(models, name, &each, &err) != FACTUM_OK || !stopped.any) {
        return false;
    }
    (void)complain("%s", stopped.text);
    return true;
}

static int wait_for_act(const struct read_models *models, const struct wait_limit *limit,
                        uint64_t revision)
{
    factum_error err;
    struct progress progress;
    const factum_slice name = factum_slice_from(models->options->arguments[0]);
    int code = 0;
    progress_begin(&progress, models->options->arguments[0], models->options->quiet);
    while (code == 0) {
        int64_t wait_ms = wait_limit_next(limit);
        factum_status status = models_act_wait(models, name, revision, wait_ms, &err);
        if (status == FACTUM_OK) {
            break;
        }
        if (interrupted) {
            code = EXIT_INTERRUPTED;
        } else if (status == FACTUM_BUSY && wait_ms > 0) { /* others wait too: try again in a moment
                                                            */
            pause_a_little();
        } else if (status != FACTUM_TIMEOUT) {
            code = fail_with(status, &err);
            code = status == FACTUM_INVALID ? EXIT_REFUSED : code;
        } else if (wait_ms == 0) {
            code = fail_late(&err);
        }
        models_progress(models, name, &progress);
    }
    progress_end(&progress);
    return code;
}

struct version {
    uint64_t in_use;
};

static bool take_version(void *data, const factum_projection_state *state)
{
    ((struct version *)data)->in_use = state->in_use;
    return false;
}

static const char *done_text(factum_projection_act act)
{
    static const char *const texts[] = {
        [FACTUM_ACT_PAUSE] = "paused",
        [FACTUM_ACT_RESUME] = "resumed",
        [FACTUM_ACT_REMOVE] = "removed",
        [FACTUM_ACT_REBUILD] = "is built once more beside the version in use, until you swap",
        [FACTUM_ACT_SWAP] = "swapped",
        [FACTUM_ACT_ROLLBACK] = "rolled back",
        [FACTUM_ACT_RETRY] = "retried",
        [FACTUM_ACT_RETRY_ALL] = "retried",
        [FACTUM_ACT_SKIP] = "skipped",
    };
    return texts[act];
}

/* Prints why a recorded act is not waited for. */
static void print_recorded(const struct read_models *models, factum_projection_act act,
                           const factum_act_result *result)
{
    (void)printf("%s: %s is recorded, revision %" PRIu64 "; ", models->options->arguments[0],
                 factum_projection_act_name(act), result->revision);
    if (models->elsewhere) {
        (void)printf("its host %s carries it out\n", models->host);
    } else {
        (void)printf("the server keeps no read models now, and carries it out when it does\n");
    }
}

static void print_act(const struct read_models *models, factum_projection_act act,
                      const factum_act_result *result, bool done)
{
    const char *name = models->options->arguments[0];
    struct version version = {0};
    const factum_projection_each each = {&version, take_version};
    factum_error err;
    bool known =
        factum_projection_find(models->store, factum_slice_from(name), 0, &each, &err) == FACTUM_OK;
    if (models->options->json) {
        (void)printf("{\"name\":\"%s\",\"act\":\"%s\",\"revision\":%" PRIu64
                     ",\"position\":%" PRIu64 ",\"already\":%s,\"done\":%s,\"version\":%" PRIu64
                     ",",
                     name, factum_projection_act_name(act), result->revision, result->position,
                     result->already ? "true" : "false", done ? "true" : "false",
                     known ? version.in_use : 0);
        print_json_token(models->store, result->position);
        (void)printf("}\n");
    } else if (models->options->quiet) {
        return;
    } else if (!done) {
        print_recorded(models, act, result);
    } else if (act == FACTUM_ACT_SWAP || act == FACTUM_ACT_ROLLBACK) {
        (void)printf("%s: %s, version %" PRIu64 " is in use\n", name, done_text(act),
                     version.in_use);
    } else {
        (void)printf("%s: %s%s\n", name, done_text(act), result->already ? " already" : "");
    }
}

static bool end_list(void *data, const factum_build_status *status)
{
    (void)data;
    (void)status;
    return false;
}

static bool take_host(void *data, const factum_projection_state *state)
{
    struct read_models *models = data;
    models->elsewhere = !same_text(state->host, factum_slice_from("server"));
    (void)snprintf(models->host, sizeof models->host, "%.*s", (int)state->host.len,
                   (const char *)state->host.ptr);
    return false;
}

/* On an address: does a host at the server carry out acts on this projection? */
static bool is_carried_out(struct read_models *models)
{
    const factum_build_each each = {NULL, end_list};
    const factum_projection_each projection = {models, take_host};
    const factum_slice name = factum_slice_from(models->options->arguments[0]);
    factum_error err;
    if (models->path != NULL) {
        return true;
    }
    return factum_projection_find(models->store, name, 0, &projection, &err) == FACTUM_OK &&
           !models->elsewhere &&
           models_list(models, (factum_slice){NULL, 0}, &each, &err) != FACTUM_UNSUPPORTED;
}

int act_run(struct read_models *models, factum_projection_act act, factum_slice key,
            uint64_t position)
{
    struct wait_limit limit;
    factum_act_result result = {.size = sizeof result};
    const factum_slice name = factum_slice_from(models->options->arguments[0]);
    if (!wait_limit_begin(models->options, &limit)) {
        return EXIT_USAGE;
    }
    int code = record_act(models, act, key, position, &result);
    if (code == 0 && models->path != NULL && models->models == NULL) {
        code = read_models_start(models, &name, 1, false);
    }
    bool done = code == 0 && is_carried_out(models);
    if (done) {
        code = wait_for_act(models, &limit, result.revision);
    }
    if (code == 0) {
        print_act(models, act, &result, done);
    }
    return code;
}
