/* cmd_run.c - factum run: keeps read models in this process. Layer: cli. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/progress.h"
#include "cli/read_models.h"

#define BUILDS_MAX 4096 /* builds whose changes are printed */

/* The last printed state of a build. */
struct shown {
    char model[FACTUM_PROJECTION_NAME_MAX + 1];
    uint64_t version;
    bool in_use;
    factum_build_state state;
    uint64_t parked_events;
    uint64_t look; /* the last look that saw the build */
};

/* The state of all builds. */
struct watch {
    const struct read_models *models;
    struct shown *shown;
    size_t count, capacity;
    uint64_t look;
    size_t seen, live, idle; /* idle: paused by an operator, or kept by another host */
    bool stopped;            /* a build has stopped because of an error */
    bool no_memory;
};

static void print_build_json(const factum_build_status *status)
{
    (void)printf("{\"name\":\"%.*s\",\"version\":%" PRIu64 ",\"inUse\":%s,\"state\":\"%s\""
                 ",\"behind\":{\"events\":%" PRIu64
                 ",\"seconds\":%.3f},\"parked\":{\"keys\":%" PRIu64 ",\"events\":%" PRIu64 "}",
                 (int)status->model.len, (const char *)status->model.ptr, status->version,
                 status->in_use ? "true" : "false", factum_build_state_name(status->state),
                 status->behind_events, (double)status->behind_time / 1e9, status->parked_keys,
                 status->parked_events);
    if (status->reason[0] != '\0') {
        (void)printf(",\"reason\":");
        print_json_text(stdout, factum_slice_from(status->reason));
    }
    (void)printf("}\n");
}

static void print_build(const factum_build_status *status)
{
    char text[64];
    (void)printf("%.*s version %" PRIu64 "%s: %s", (int)status->model.len,
                 (const char *)status->model.ptr, status->version,
                 status->in_use ? "" : ", not in use", factum_build_state_name(status->state));
    if (status->behind_events > 0) {
        format_things(status->behind_events, "event", "events", text);
        (void)printf(", %s behind", text);
    }
    if (status->parked_events > 0) {
        format_things(status->parked_events, "event", "events", text);
        (void)printf(", %s parked", text);
    }
    if (status->reason[0] != '\0') {
        (void)printf(": ");
        print_text(stdout, factum_slice_from(status->reason));
    }
    (void)printf("\n");
}

/* The entry of the build; a new entry is printed as "starting". One version may have two builds, so
 * each entry is taken once in a look. NULL without memory. */
static struct shown *entry_of(struct watch *watch, const factum_build_status *status)
{
    for (size_t i = 0; i < watch->count; i++) {
        struct shown *shown = &watch->shown[i];
        if (shown->look != watch->look && shown->version == status->version &&
            shown->in_use == status->in_use &&
            same_text(factum_slice_from(shown->model), status->model)) {
            shown->look = watch->look;
            return shown;
        }
    }
    if (watch->count == watch->capacity) {
        size_t capacity = watch->capacity == 0 ? 16 : watch->capacity * 2;
        struct shown *grown =
            capacity > BUILDS_MAX ? NULL : realloc(watch->shown, capacity * sizeof *watch->shown);
        if (grown == NULL) {
            watch->no_memory = true;
            return NULL;
        }
        watch->shown = grown;
        watch->capacity = capacity;
    }
    struct shown *made = &watch->shown[watch->count++];
    *made = (struct shown){.version = status->version,
                           .in_use = status->in_use,
                           .look = watch->look,
                           .state = FACTUM_BUILD_STARTING};
    (void)snprintf(made->model, sizeof made->model, "%.*s", (int)status->model.len,
                   (const char *)status->model.ptr);
    return made;
}

static bool look_at_build(void *data, const factum_build_status *status)
{
    struct watch *watch = data;
    struct shown *shown = entry_of(watch, status);
    if (shown == NULL) {
        return false;
    }
    watch->seen++;
    watch->live += status->state == FACTUM_BUILD_LIVE;
    watch->idle += status->state == FACTUM_BUILD_PAUSED || status->state == FACTUM_BUILD_FENCED;
    watch->stopped = watch->stopped || status->state == FACTUM_BUILD_STOPPED;
    if (shown->state != status->state || shown->parked_events != status->parked_events) {
        shown->state = status->state;
        shown->parked_events = status->parked_events;
        progress_clear();
        if (watch->models->options->json) {
            print_build_json(status);
        } else if (!watch->models->options->quiet) {
            print_build(status);
        }
    }
    return true;
}

/* Looks at all builds once, and prints what has changed. */
static int look(struct watch *watch)
{
    factum_error err;
    const factum_build_each each = {watch, look_at_build};
    watch->look++;
    watch->seen = watch->live = watch->idle = 0;
    watch->stopped = false;
    factum_status status =
        factum_models_list(watch->models->models, (factum_slice){NULL, 0}, &each, &err);
    if (status == FACTUM_OK && watch->no_memory) {
        (void)complain("too many builds to watch, or out of memory");
        return EXIT_FAILURE_;
    }
    if (status != FACTUM_OK && status != FACTUM_NOT_FOUND && status != FACTUM_BUSY) {
        return fail_with(status, &err);
    }
    return fflush(stdout) == 0 ? 0 : EXIT_NOBODY_READS;
}

/* ---- running --------------------------------------------------------------------------------- */

static int keep(const struct read_models *models, const struct wait_limit *limit)
{
    struct progress progress;
    struct watch watch = {.models = models};
    const struct options *options = models->options;
    int code = 0;
    progress_begin(&progress, "catching up", options->quiet);
    while (code == 0) {
        int64_t wait_ms = wait_limit_next(limit);
        const struct timespec pause = {.tv_nsec = (long)wait_ms * 1000000};
        code = look(&watch);
        models_progress(models, (factum_slice){NULL, 0}, &progress);
        if (code != 0) {
            break;
        }
        if (options->until_caught_up && watch.live + watch.idle == watch.seen) {
            break;
        }
        if (options->until_caught_up && watch.stopped) {
            code = EXIT_NOT_YET; /* the printed line has the reason */
        } else if (interrupted) {
            code = options->until_caught_up ? EXIT_INTERRUPTED : 0;
            break;
        } else if (wait_ms == 0) {
            code = options->until_caught_up ? complain("not caught up in time") : 0;
            code = code == 0 ? 0 : EXIT_NOT_YET;
            break;
        } else if (nobody_reads()) {
            code = EXIT_NOBODY_READS;
        } else {
            (void)nanosleep(&pause, NULL);
        }
    }
    progress_end(&progress);
    free(watch.shown);
    return code;
}

static int run_hosted(struct read_models *models, const struct wait_limit *limit)
{
    size_t hosted = 0;
    const struct options *options = models->options;
    int code = read_models_keep(models, options->arguments, options->argument_count, &hosted);
    if (code == 0 && hosted == 0 && !options->quiet) {
        (void)fprintf(stderr, "factum: no projection is deployed for this host yet\n");
    }
    return code == 0 ? keep(models, limit) : code;
}

static int run(const struct options *options)
{
    struct wait_limit limit;
    struct read_models models;
    for (size_t i = 0; i < options->argument_count; i++) {
        if (!check_name(options->arguments[i])) {
            return EXIT_USAGE;
        }
    }
    if ((options->host != NULL && !check_name(options->host)) ||
        !wait_limit_begin(options, &limit)) {
        return EXIT_USAGE;
    }
    if (options->host != NULL && options->argument_count > 0) {
        return complain("name projections, or a --host, whose projections are all kept");
    }
    if (is_address(options->store) && options->models == NULL) {
        return complain("factum run needs the models, and the server at %s keeps its own: name a "
                        "directory for models of this process with --models DIR",
                        options->store);
    }
    int code = read_models_open(options, &models);
    return code == 0 ? read_models_close(&models, finish_output(run_hosted(&models, &limit)))
                     : code;
}

const struct command command_run = {
    .name = "run",
    .usage = "run [NAME...] [options]",
    .summary = "keep read models up to date until a signal, and print how their state changes",
    .help =
        "  --until-caught-up  end when they have all existing events\n"
        "  --timeout SECONDS  end after so long; with --until-caught-up the exit status is then 9\n"
        "  --models DIR       where the models are (\"models\" in the store)\n"
        "  --host NAME        keep the projections of another host (server)\n"
        "  --json             one JSON object a line, for each change\n",
    .notes = "Without NAME all projections of the host are kept. A store directory can be open in\n"
             "one process only: while run keeps it, query and others are refused. On an address\n"
             "--models is required: the models are kept here, from the server's events.\n",
    .options = "until-caught-up timeout models host json ",
    .arguments_max = 8,
    .run = run,
};
