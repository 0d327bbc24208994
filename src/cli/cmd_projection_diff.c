/* cmd_projection_diff.c - factum projection diff: the rows that a swap would change. Layer: cli. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "cli/progress.h"
#include "cli/read_models.h"

#define CHANGES_SHOWN 100

/* ---- waiting for what is built --------------------------------------------------------------- */

struct built {
    bool building;   /* the definition's state names a build */
    uint64_t newest; /* its version */
    bool found;
    bool all_there; /* every build of the model is caught up, or will not catch up */
};

static bool take_state(void *data, const factum_projection_state *state)
{
    struct built *built = data;
    built->building = state->building;
    built->newest = state->version;
    return false;
}

static bool look_at_build(void *data, const factum_build_status *status)
{
    struct built *built = data;
    bool stands = status->state == FACTUM_BUILD_PAUSED || status->state == FACTUM_BUILD_STOPPED;
    built->found = built->found || (!status->in_use && status->version == built->newest);
    built->all_there =
        built->all_there &&
        (stands || (status->state == FACTUM_BUILD_LIVE && status->behind_events == 0));
    return true;
}

/* Sets *ready if no build is still to be waited for. */
static factum_status look(const struct read_models *models, factum_slice name, bool *ready,
                          factum_error *err)
{
    struct built built = {.all_there = true};
    const factum_projection_each projection = {&built, take_state};
    const factum_build_each each = {&built, look_at_build};
    factum_status status = factum_projection_find(models->store, name, 0, &projection, err);
    if (status == FACTUM_OK) {
        status = models_list(models, name, &each, err);
    }
    *ready = !built.building || (built.found && built.all_there);
    return status;
}

static int late(const struct read_models *models)
{
    (void)complain("the build beside %s has not caught up yet", models->options->arguments[0]);
    return EXIT_NOT_YET;
}

static int wait_until_built(const struct read_models *models, factum_slice name,
                            const struct wait_limit *limit)
{
    struct progress progress;
    factum_error err;
    bool ready = false;
    int code = 0;
    progress_begin(&progress, models->options->arguments[0], models->options->quiet);
    while (code == 0) {
        factum_status status = look(models, name, &ready, &err);
        int64_t wait_ms = wait_limit_next(limit);
        const struct timespec pause = {.tv_nsec = (wait_ms < 20 ? wait_ms : 20) * 1000000};
        if (status != FACTUM_OK) {
            code = fail_with(status, &err);
        } else if (act_has_stopped(models, name)) {
            code = EXIT_REFUSED;
        } else if (ready) {
            break;
        } else if (interrupted) {
            code = EXIT_INTERRUPTED;
        } else if (wait_ms == 0) {
            code = late(models);
        } else {
            models_progress(models, name, &progress);
            (void)nanosleep(&pause, NULL);
        }
    }
    progress_end(&progress);
    return code;
}

/* ---- the command ----------------------------------------------------------------------------- */

static int print_diff(const struct read_models *models, factum_slice name, uint64_t shown_max)
{
    factum_error err;
    int code = 0;
    struct progress progress;
    const factum_progress steps = {&progress, progress_callback};
    struct row_changes changes = {.options = models->options, .shown_max = shown_max};
    progress_begin(&progress, "comparing rows", models->options->quiet);
    factum_status status = models_diff(models, name, &changes, &steps, &err);
    progress_end(&progress);
    if (changes.failed) {
        (void)complain("out of memory");
        code = EXIT_FAILURE_;
    } else if (status != FACTUM_OK) {
        code = fail_with(status, &err);
    } else {
        row_changes_end(&changes);
    }
    row_changes_free(&changes);
    return code;
}

static int run_diff(const struct options *options)
{
    struct read_models models;
    struct wait_limit limit;
    uint64_t shown_max = CHANGES_SHOWN;
    const factum_slice name = factum_slice_from(options->arguments[0]);
    if (!check_name(options->arguments[0]) || !wait_limit_begin(options, &limit) ||
        (options->changes_max != NULL &&
         !option_count(options->changes_max, "changes-max", &shown_max))) {
        return EXIT_USAGE;
    }
    int code = read_models_open(options, &models);
    if (code != 0) {
        return code;
    }
    code = read_models_host(&models, options->arguments[0]);
    if (code == 0) {
        code = wait_until_built(&models, name, &limit);
    }
    if (code == 0) {
        code = print_diff(&models, name, shown_max);
    }
    return read_models_close(&models, finish_output(code));
}

const struct command command_projection_diff = {
    .name = "projection diff",
    .usage = "projection diff NAME [options]",
    .summary = "show which rows a swap would change, once the build beside has caught up",
    .help =
        "  --changes-max N    the most to show, over an address 10000 at most (100); all count\n"
        "  --timeout SECONDS  the longest wait (no limit)\n"
        "  --models DIR       where the models are (\"models\" in the store)\n"
        "  --json             as JSON, a change a line, then the counts\n",
    .notes = "+ a row that would be added, - one removed, ~ one changed: old -> new.\n",
    .options = "changes-max timeout models json ",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_diff,
};
