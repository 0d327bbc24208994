/* read_models.c - see read_models.h. Layer: cli. */
#include "cli/read_models.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/deploying.h"

#define LOOK_MS 200      /* between two looks at what is waited for */
#define READY_SECONDS 30 /* a host that has not found its models by then will not */

/* ---- names and time -------------------------------------------------------------------------- */

bool check_name(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
    if (text[0] >= 'a' && text[0] <= 'z' && text[len] == '\0' &&
        len <= FACTUM_PROJECTION_NAME_MAX) {
        return true;
    }
    (void)complain("\"%s\" is not the name of a projection: a-z, then a-z, 0-9 and _, at most %d "
                   "characters",
                   text, FACTUM_PROJECTION_NAME_MAX);
    return false;
}

bool argument_position(const char *text, uint64_t *position)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0) {
        (void)complain("POSITION is a whole number, as parked list shows it, not \"%s\"", text);
        return false;
    }
    *position = value;
    return true;
}

bool patience_begin(const struct options *options, struct patience *patience)
{
    uint64_t seconds = 0;
    *patience = (struct patience){.limited = options->timeout != NULL};
    if (patience->limited && !option_number(options->timeout, "timeout", &seconds)) {
        return false;
    }
    patience->end = seconds_now() + (double)seconds;
    return true;
}

int64_t patience_next(const struct patience *patience)
{
    double left = patience->end - seconds_now();
    if (!patience->limited || left * 1000 >= LOOK_MS) {
        return LOOK_MS;
    }
    return left > 0 ? (int64_t)(left * 1000) : 0;
}

int fail_late(const factum_error *err)
{
    (void)fflush(stdout);
    (void)complain("%s", err->text);
    return EXIT_NOT_YET;
}

int ask_server(const struct options *options, const char *command)
{
    return complain(
        "factum %s needs the models, and the server at %s keeps them: name models of "
        "your own with --models DIR, or use the store's directory when no server has it",
        command, options->store);
}

/* ---- open and close -------------------------------------------------------------------------- */

int read_models_open(const struct options *options, struct read_models *models)
{
    const char *dir = options->models != NULL ? options->models : options->store;
    const char *folder = options->models != NULL ? "" : "/models";
    *models = (struct read_models){.options = options};
    if (options->models != NULL || !is_address(options->store)) {
        size_t size = strlen(dir) + strlen(folder) + 1;
        models->path = malloc(size);
        if (models->path == NULL) {
            (void)complain("out of memory");
            return EXIT_FAILURE_;
        }
        (void)snprintf(models->path, size, "%s%s", dir, folder);
    }
    int code = open_store(options, false, &models->store);
    if (code != 0) {
        free(models->path);
        models->path = NULL;
    }
    return code;
}

int read_models_close(struct read_models *models, int code)
{
    factum_models_close(models->models);
    free(models->path);
    return close_store(models->store, code);
}

/* ---- hosting --------------------------------------------------------------------------------- */

struct in_use {
    bool found;
};

static bool look_for_use(void *data, const factum_build_status *status)
{
    struct in_use *in_use = data;
    in_use->found = in_use->found || status->in_use;
    return !in_use->found;
}

int read_models_ready(const struct read_models *models, factum_slice name)
{
    static const struct timespec pause = {.tv_nsec = 5000000};
    double end = seconds_now() + READY_SECONDS;
    struct in_use in_use = {false};
    const factum_build_each each = {&in_use, look_for_use};
    while (!interrupted) {
        factum_error err;
        factum_status status = factum_models_list(models->models, name, &each, &err);
        bool not_yet = status == FACTUM_NOT_FOUND || status == FACTUM_BUSY;
        if (status != FACTUM_OK && !not_yet) {
            return fail_with(status, &err);
        }
        if (in_use.found) {
            return 0;
        }
        if (seconds_now() >= end) {
            (void)complain("the model %.*s cannot be opened in %s", (int)name.len,
                           (const char *)name.ptr, models->path);
            return EXIT_FAILURE_;
        }
        (void)nanosleep(&pause, NULL);
    }
    return EXIT_INTERRUPTED;
}

static int start_host(struct read_models *models, const factum_slice *names, size_t count,
                      bool no_run)
{
    factum_error err;
    const factum_models_options options = {
        .size = sizeof options,
        .path = models->path,
        .host = factum_slice_from(models->options->host),
        .names = names,
        .name_count = count,
        .no_run = no_run,
        .log = &messages,
    };
    factum_status status = factum_models_open(models->store, &options, &models->models, &err);
    return status == FACTUM_OK ? 0 : fail_with(status, &err);
}

struct removed {
    bool is;
};

static bool look_whether_removed(void *data, const factum_projection_state *state)
{
    ((struct removed *)data)->is = state->removed;
    return false;
}

int read_models_look_up(const struct read_models *models, const char *name)
{
    factum_error err;
    struct removed removed = {false};
    const factum_projection_each each = {&removed, look_whether_removed};
    factum_status status =
        factum_projection_find(models->store, factum_slice_from(name), 0, &each, &err);
    if (status != FACTUM_OK) {
        return fail_with(status, &err);
    }
    if (removed.is) {
        (void)complain("the projection %s was removed: deploy it again to use it", name);
        return EXIT_NOT_FOUND;
    }
    return 0;
}

int read_models_host(struct read_models *models, const char *name)
{
    const factum_slice wanted = factum_slice_from(name);
    int code = read_models_look_up(models, name);
    if (code == 0) {
        code = start_host(models, &wanted, 1, false);
    }
    return code == 0 ? read_models_ready(models, wanted) : code;
}

/* The names of the projections that have a model. */
struct names {
    const char *host; /* of this host alone; NULL: of all */
    factum_slice *names;
    size_t count, capacity;
    bool failed;
};

static bool add_name(void *data, const factum_projection_state *state)
{
    struct names *names = data;
    bool other = names->host != NULL && !same_text(factum_slice_from(names->host), state->host);
    if (state->removed || other) {
        return true;
    }
    if (names->count == names->capacity) {
        size_t capacity = names->capacity == 0 ? 16 : names->capacity * 2;
        factum_slice *grown = realloc(names->names, capacity * sizeof *grown);
        names->failed = grown == NULL;
        if (grown == NULL) {
            return false;
        }
        names->names = grown;
        names->capacity = capacity;
    }
    uint8_t *copy = malloc(state->name.len + 1);
    names->failed = copy == NULL;
    if (copy != NULL) {
        memcpy(copy, state->name.ptr, state->name.len);
        names->names[names->count++] = (factum_slice){copy, state->name.len};
    }
    /* cppcheck-suppress memleak; names->names has it */
    return copy != NULL;
}

static void free_names(struct names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        free((void *)(uintptr_t)names->names[i].ptr);
    }
    free(names->names);
}

static int list_names(const struct read_models *models, struct names *names)
{
    factum_error err;
    const factum_projection_each each = {names, add_name};
    factum_status status = factum_projection_list(models->store, &each, &err);
    if (status != FACTUM_OK) {
        return fail_with(status, &err);
    }
    if (names->failed) {
        (void)complain("out of memory");
        return EXIT_FAILURE_;
    }
    return 0;
}

static int wait_until_ready(const struct read_models *models, const struct names *names)
{
    int code = 0;
    for (size_t i = 0; i < names->count && code == 0; i++) {
        code = read_models_ready(models, names->names[i]);
    }
    return code;
}

int read_models_look(struct read_models *models)
{
    struct names names = {.count = 0};
    int code = list_names(models, &names);
    if (code == 0 && names.count > 0) {
        code = start_host(models, names.names, names.count, true);
    }
    if (code == 0) {
        code = wait_until_ready(models, &names);
    }
    free_names(&names);
    return code;
}

/* The projections of the arguments; they last as long as the arguments. */
static int keep_named(struct read_models *models, const char *const *arguments, size_t count)
{
    factum_slice names[sizeof models->options->arguments / sizeof models->options->arguments[0]];
    int code = 0;
    for (size_t i = 0; i < count && code == 0; i++) {
        names[i] = factum_slice_from(arguments[i]);
        code = read_models_look_up(models, arguments[i]);
    }
    if (code == 0) {
        code = start_host(models, names, count, false);
    }
    for (size_t i = 0; i < count && code == 0; i++) {
        code = read_models_ready(models, names[i]);
    }
    return code;
}

int read_models_keep(struct read_models *models, const char *const *arguments, size_t count,
                     size_t *hosted)
{
    const char *host = models->options->host;
    struct names names = {.host = host == NULL ? "server" : host};
    *hosted = count;
    if (count > 0) {
        return keep_named(models, arguments, count);
    }
    int code = list_names(models, &names);
    if (code == 0) {
        code = start_host(models, NULL, 0, false);
    }
    if (code == 0) {
        code = wait_until_ready(models, &names);
    }
    *hosted = names.count;
    free_names(&names);
    return code;
}

/* ---- progress -------------------------------------------------------------------------------- */

struct behind {
    uint64_t events; /* of all builds */
    uint64_t applied;
};

static bool add_behind(void *data, const factum_build_status *status)
{
    struct behind *behind = data;
    behind->events += status->behind_events;
    behind->applied += status->event_count;
    return true;
}

/* The bar begins with what was applied before. */
void models_progress(const struct read_models *models, factum_slice name, struct progress *progress)
{
    struct behind behind = {0, 0};
    const factum_build_each each = {&behind, add_behind};
    factum_error err;
    if (!progress->wanted || factum_models_list(models->models, name, &each, &err) != FACTUM_OK) {
        return;
    }
    if (behind.events == 0) { /* nothing is left to do: no bar */
        progress_clear();
        return;
    }
    if (progress->skipped == 0) {
        progress_skip(progress, behind.applied);
    }
    progress->items = behind.applied;
    progress_step(progress, behind.applied, behind.applied + behind.events);
}

/* ---- acts ------------------------------------------------------------------------------------ */

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
    factum_status status = factum_projection_act_record(models->store, &request, result, &err);
    if (status == FACTUM_OK) {
        return 0;
    }
    int code = fail_with(status, &err);
    return status == FACTUM_INVALID ? EXIT_REFUSED : code; /* what is there does not let it */
}

/* The build that a swap waits for may have stopped, and then it waits for ever. */
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

static bool has_stopped(const struct read_models *models, factum_slice name)
{
    factum_error err;
    struct stopped stopped = {.any = false};
    const factum_build_each each = {&stopped, look_for_stopped};
    if (factum_models_list(models->models, name, &each, &err) != FACTUM_OK || !stopped.any) {
        return false;
    }
    (void)complain("%s", stopped.text);
    return true;
}

static int wait_for_act(const struct read_models *models, const struct patience *patience,
                        factum_projection_act act, uint64_t revision)
{
    factum_error err;
    struct progress progress;
    const factum_slice name = factum_slice_from(models->options->arguments[0]);
    int code = 0;
    progress_begin(&progress, models->options->arguments[0], models->options->quiet);
    while (code == 0) {
        int64_t wait_ms = patience_next(patience);
        factum_status status =
            factum_models_act_wait(models->models, name, revision, wait_ms, &err);
        if (status == FACTUM_OK) {
            break;
        }
        if (interrupted) {
            code = EXIT_INTERRUPTED;
        } else if (status != FACTUM_TIMEOUT) {
            code = fail_with(status, &err);
            code = status == FACTUM_INVALID ? EXIT_REFUSED : code;
        } else if (wait_ms == 0) {
            code = fail_late(&err);
        } else if (act == FACTUM_ACT_SWAP && has_stopped(models, name)) {
            code = EXIT_NOT_YET;
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

static void print_act(const struct read_models *models, factum_projection_act act,
                      const factum_act_result *result)
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
                     result->already ? "true" : "false", models->path != NULL ? "true" : "false",
                     known ? version.in_use : 0);
        print_json_token(models->store, result->position);
        (void)printf("}\n");
    } else if (models->options->quiet) {
        return;
    } else if (models->path == NULL) {
        (void)printf("%s: %s is recorded, revision %" PRIu64 "; the server carries it out\n", name,
                     factum_projection_act_name(act), result->revision);
    } else if (act == FACTUM_ACT_SWAP || act == FACTUM_ACT_ROLLBACK) {
        (void)printf("%s: %s, version %" PRIu64 " is in use\n", name, done_text(act),
                     version.in_use);
    } else {
        (void)printf("%s: %s%s\n", name, done_text(act), result->already ? " already" : "");
    }
}

int act_run(struct read_models *models, factum_projection_act act, factum_slice key,
            uint64_t position)
{
    struct patience patience;
    factum_act_result result = {.size = sizeof result};
    const factum_slice name = factum_slice_from(models->options->arguments[0]);
    if (!patience_begin(models->options, &patience)) {
        return EXIT_USAGE;
    }
    int code = record_act(models, act, key, position, &result);
    if (code == 0 && models->path != NULL && models->models == NULL) {
        code = start_host(models, &name, 1, false);
    }
    if (code == 0 && models->path != NULL) {
        code = wait_for_act(models, &patience, act, result.revision);
    }
    if (code == 0) {
        print_act(models, act, &result);
    }
    return code;
}
