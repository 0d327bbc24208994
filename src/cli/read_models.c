/* read_models.c - see read_models.h. Layer: cli. */
#include "cli/read_models.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/progress.h"

#define LOOK_MS 200      /* between two looks at the awaited state */
#define READY_SECONDS 30 /* a host that has not found its models by then has failed */

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

bool wait_limit_begin(const struct options *options, struct wait_limit *limit)
{
    uint64_t seconds = 0;
    *limit = (struct wait_limit){.limited = options->timeout != NULL};
    if (limit->limited && !option_number(options->timeout, "timeout", &seconds)) {
        return false;
    }
    limit->end = seconds_now() + (double)seconds;
    return true;
}

int64_t wait_limit_next(const struct wait_limit *limit)
{
    double left = limit->end - seconds_now();
    if (!limit->limited || left * 1000 >= LOOK_MS) {
        return LOOK_MS;
    }
    return left > 0 ? (int64_t)(left * 1000) : 0;
}

void pause_a_little(void)
{
    static const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000};
    (void)nanosleep(&pause, NULL);
}

int fail_late(const factum_error *err)
{
    (void)fflush(stdout);
    (void)complain("%s", err->text);
    return EXIT_NOT_YET;
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
    static const struct timespec far = {.tv_nsec = 50000000};
    double end = seconds_now() + READY_SECONDS;
    struct in_use in_use = {false};
    const factum_build_each each = {&in_use, look_for_use};
    while (!interrupted) {
        factum_error err;
        factum_status status = models_list(models, name, &each, &err);
        bool not_yet = status == FACTUM_NOT_FOUND || status == FACTUM_BUSY;
        if (status != FACTUM_OK && !not_yet) {
            return fail_with(status, &err);
        }
        if (in_use.found) {
            return 0;
        }
        if (seconds_now() >= end) {
            (void)complain("the model %.*s cannot be opened %s %s", (int)name.len,
                           (const char *)name.ptr, models->path == NULL ? "at" : "in",
                           models->path == NULL ? models->options->store : models->path);
            return EXIT_FAILURE_;
        }
        (void)nanosleep(models->path == NULL ? &far : &pause, NULL);
    }
    return EXIT_INTERRUPTED;
}

int read_models_start(struct read_models *models, const factum_slice *names, size_t count,
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
        .copy = models->options->models != NULL && is_address(models->options->store),
    };
    factum_status status = factum_models_open(models->store, &options, &models->models, &err);
    return status == FACTUM_OK ? 0 : fail_with(status, &err);
}

struct looked_up {
    bool removed;
    char host[FACTUM_PROJECTION_NAME_MAX + 1];
};

static bool look_up(void *data, const factum_projection_state *state)
{
    struct looked_up *found = data;
    found->removed = state->removed;
    (void)snprintf(found->host, sizeof found->host, "%.*s", (int)state->host.len,
                   (const char *)state->host.ptr);
    return false;
}

int read_models_look_up(struct read_models *models, const char *name)
{
    factum_error err;
    struct looked_up found = {.removed = false};
    const factum_projection_each each = {&found, look_up};
    factum_status status =
        factum_projection_find(models->store, factum_slice_from(name), 0, &each, &err);
    if (status != FACTUM_OK) {
        return fail_with(status, &err);
    }
    if (found.removed) {
        (void)complain("the projection %s was removed: deploy it again to use it", name);
        return EXIT_NOT_FOUND;
    }
    (void)snprintf(models->host, sizeof models->host, "%s", found.host);
    models->elsewhere = models->path == NULL && strcmp(found.host, "server") != 0;
    return 0;
}

int read_models_not_here(const struct read_models *models)
{
    (void)complain(
        "the model %s is kept by its host %s, and not by the server at %s: ask it there, "
        "or keep a model of your own with factum run and --models DIR",
        models->options->arguments[0], models->host, models->options->store);
    return EXIT_USAGE;
}

int read_models_host(struct read_models *models, const char *name)
{
    const factum_slice wanted = factum_slice_from(name);
    int code = read_models_look_up(models, name);
    if (code == 0 && models->elsewhere) {
        code = read_models_not_here(models);
    }
    if (code == 0 && models->path != NULL) {
        code = read_models_start(models, &wanted, 1, false);
    }
    return code == 0 ? read_models_ready(models, wanted) : code;
}

/* The names of projections that have a model. */
struct names {
    const char *host; /* only of this host; NULL: of every host */
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
    if (models->path == NULL) {
        return 0; /* the server keeps them */
    }
    int code = list_names(models, &names);
    if (code == 0 && names.count > 0) {
        code = read_models_start(models, names.names, names.count, true);
    }
    if (code == 0) {
        code = wait_until_ready(models, &names);
    }
    free_names(&names);
    return code;
}

/* Collects the projections of the arguments, which the names borrow from. */
static int keep_named(struct read_models *models, const char *const *arguments, size_t count)
{
    factum_slice names[sizeof models->options->arguments / sizeof models->options->arguments[0]];
    int code = 0;
    for (size_t i = 0; i < count && code == 0; i++) {
        names[i] = factum_slice_from(arguments[i]);
        code = read_models_look_up(models, arguments[i]);
    }
    if (code == 0) {
        code = read_models_start(models, names, count, false);
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
        code = read_models_start(models, NULL, 0, false);
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

/* Starts the bar at what was applied before. */
void models_progress(const struct read_models *models, factum_slice name, struct progress *progress)
{
    struct behind behind = {0, 0};
    const factum_build_each each = {&behind, add_behind};
    factum_error err;
    if (!progress->wanted || models_list(models, name, &each, &err) != FACTUM_OK) {
        return;
    }
    if (behind.events == 0) { /* nothing left to do: no bar */
        progress_clear();
        return;
    }
    if (progress->skipped == 0) {
        progress_skip(progress, behind.applied);
    }
    progress->items = behind.applied;
    progress_step(progress, behind.applied, behind.applied + behind.events);
}
