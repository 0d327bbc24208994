/* cmd_projection.c - factum projection: deploys, lists and shows projections, and acts on them.
 * Layer: cli. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/deploying.h"
#include "cli/input.h"
#include "cli/read_models.h"
#include "cli/table.h"
#include "cli/whole_file.h"

#define HASH_SHOWN 12 /* digits that a reader can compare */

/* ---- deploying ------------------------------------------------------------------------------- */

static int load_text(const char *path, factum_slice text, const factum_schemas *schemas,
                     factum_projection **projection)
{
    factum_error err;
    const factum_projection_options options = {
        .size = sizeof options, .name = input_name(path), .schemas = schemas};
    factum_status status = factum_projection_load(text, &options, projection, &err);
    if (status == FACTUM_OK) {
        return 0;
    }
    int code = fail_with(status, &err);
    return status == FACTUM_NO_MEMORY ? code : EXIT_INVALID;
}

static void print_deployed(const struct options *options, const factum_store *store,
                           const factum_projection_info *info, const factum_act_result *done)
{
    const char *name = (const char *)info->name.ptr;
    int len = (int)info->name.len;
    if (options->json) {
        (void)printf("{\"name\":\"%.*s\",\"version\":%" PRIu64 ",\"revision\":%" PRIu64
                     ",\"position\":%" PRIu64 ",\"hash\":\"%.*s\",\"already\":%s,",
                     len, name, info->version, done->revision, done->position, (int)info->hash.len,
                     (const char *)info->hash.ptr, done->already ? "true" : "false");
        print_json_token(store, done->position);
        (void)printf("}\n");
    } else if (done->already) {
        (void)printf("%.*s has this version already: version %" PRIu64 "\n", len, name,
                     info->version);
    } else if (!options->quiet) {
        (void)printf("%.*s version %" PRIu64 ", %.*s\n", len, name, info->version, HASH_SHOWN,
                     (const char *)info->hash.ptr);
    }
}

static int deploy_loaded(const struct options *options, factum_store *store,
                         const factum_projection *projection)
{
    factum_error err;
    factum_projection_info info = {.size = sizeof info};
    factum_act_result done = {.size = sizeof done};
    const factum_act_options with = {
        .size = sizeof with, .by = who_acts(options), .why = factum_slice_from(options->why)};
    factum_status status = factum_projection_info_get(projection, &info, &err);
    if (status == FACTUM_OK) {
        status = factum_projection_deploy(store, projection, &with, &done, &err);
    }
    if (status != FACTUM_OK) {
        int code = fail_with(status, &err);
        return status == FACTUM_INVALID ? EXIT_INVALID : code;
    }
    print_deployed(options, store, &info, &done);
    return 0;
}

/* Loads the text again, with the schemas of the store, and deploys it. */
static int deploy_into(const struct options *options, factum_store *store, factum_slice text)
{
    factum_error err;
    factum_schemas *schemas;
    factum_projection *projection = NULL;
    factum_status status = factum_schemas_open(store, &schemas, &err);
    if (status != FACTUM_OK) {
        return fail_with(status, &err);
    }
    int code = load_text(options->arguments[0], text, schemas, &projection);
    if (code == 0) {
        code = deploy_loaded(options, store, projection);
    }
    factum_projection_free(projection);
    factum_schemas_close(schemas);
    return code;
}

static int run_deploy(const struct options *options)
{
    factum_store *store;
    factum_projection *projection = NULL;
    uint8_t *bytes = NULL;
    size_t len = 0;
    int code = file_read(options->arguments[0], FACTUM_PROJECTION_TEXT_MAX, &bytes, &len);
    if (code == 0) { /* check before a store is created for it */
        code = load_text(options->arguments[0], (factum_slice){bytes, len}, NULL, &projection);
        factum_projection_free(projection);
    }
    if (code == 0) {
        code = open_store(options, true, &store);
    }
    if (code == 0) {
        code = close_store(store, deploy_into(options, store, (factum_slice){bytes, len}));
    }
    free(bytes);
    return code;
}

/* ---- the list -------------------------------------------------------------------------------- */

struct listing {
    const struct read_models *models;
    struct table table;
    factum_status status; /* of the first failure */
    factum_error err;
};

/* The builds of one model together. */
struct lag {
    bool known;
    factum_build_status in_use; /* without its texts, which end with the call */
};

static bool take_lag(void *data, const factum_build_status *status)
{
    struct lag *lag = data;
    if (status->in_use) {
        lag->in_use = *status;
        lag->known = true;
    }
    return true;
}

static const char *state_of(const factum_projection_state *state, const struct lag *lag)
{
    if (state->removed) {
        return "removed";
    }
    if (state->paused) {
        return "paused";
    }
    return lag->known && lag->in_use.behind_events > 0 ? "behind"
           : lag->known                                ? "up to date"
                                                       : "deployed";
}

/* Prints the members of an object, without the closing brace. */
static void print_state_json(const factum_projection_state *state)
{
    char created[FACTUM_TIME_TEXT_SIZE];
    factum_time_format(state->created, created);
    (void)printf("{\"name\":\"%.*s\",\"version\":%" PRIu64 ",\"newest\":%" PRIu64
                 ",\"previous\":%" PRIu64 ",\"building\":%s,\"paused\":%s,\"removed\":%s"
                 ",\"mode\":\"%s\"",
                 (int)state->name.len, (const char *)state->name.ptr, state->in_use, state->version,
                 state->previous, state->building ? "true" : "false",
                 state->paused ? "true" : "false", state->removed ? "true" : "false",
                 state->mode == FACTUM_PROJECTION_SYNC ? "sync" : "async");
    print_filled_member("host", state->host);
    print_filled_member("hash", state->hash);
    (void)printf(",\"created\":\"%s\",\"revision\":%" PRIu64, created, state->revision);
    print_filled_member("by", state->by);
    print_filled_member("why", state->why);
}

static void list_json(const factum_projection_state *state, const struct lag *lag)
{
    print_state_json(state);
    (void)printf(",\"state\":\"%s\"", state_of(state, lag));
    if (lag->known) {
        (void)printf(",\"behind\":{\"events\":%" PRIu64 ",\"seconds\":%.3f},\"parked\":{\"keys\":"
                     "%" PRIu64 ",\"events\":%" PRIu64 "}",
                     lag->in_use.behind_events, (double)lag->in_use.behind_time / 1e9,
                     lag->in_use.parked_keys, lag->in_use.parked_events);
    }
    (void)printf("}\n");
}

static bool list_row(struct listing *listing, const factum_projection_state *state,
                     const struct lag *lag)
{
    static const factum_value none = {.kind = FACTUM_VALUE_NULL};
    int64_t tenths = lag->in_use.behind_time / 100000000;
    const struct factum_value seconds = {
        .kind = FACTUM_VALUE_REAL, .real = (double)tenths / 10, /* one digit is enough */
    };
    const factum_value values[] = {
        table_text(state->name),
        state->in_use > 0 ? table_number(state->in_use) : none,
        state->building ? table_number(state->version) : none,
        table_text(factum_slice_from(state_of(state, lag))),
        lag->known ? table_number(lag->in_use.behind_events) : none,
        lag->known ? seconds : none,
        lag->known ? table_number(lag->in_use.parked_events) : none,
    };
    return table_row(&listing->table, values, sizeof values / sizeof values[0]);
}

/* Does a server not keep this model, or not yet, or no model at all? */
static bool is_unknown(factum_status status)
{
    return status == FACTUM_NOT_FOUND || status == FACTUM_BUSY || status == FACTUM_UNSUPPORTED;
}

static bool list_one(void *data, const factum_projection_state *state)
{
    struct listing *listing = data;
    struct lag lag = {.known = false};
    const factum_build_each each = {&lag, take_lag};
    bool here = listing->models->models != NULL || listing->models->path == NULL;
    if (here && !state->removed) {
        listing->status = models_list(listing->models, state->name, &each, &listing->err);
    }
    if (listing->models->path == NULL && is_unknown(listing->status)) {
        listing->status = FACTUM_OK;
    }
    if (listing->status != FACTUM_OK) {
        return false;
    }
    if (listing->models->options->json) {
        list_json(state, &lag);
        return !interrupted;
    }
    return list_row(listing, state, &lag) && !interrupted;
}

static int list_all(struct read_models *models)
{
    static const char *const names[] = {"name",   "version", "building", "state",
                                        "events", "seconds", "parked"};
    factum_slice columns[sizeof names / sizeof names[0]];
    struct listing listing = {.models = models, .status = FACTUM_OK};
    const factum_projection_each each = {&listing, list_one};
    factum_error err;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        columns[i] = factum_slice_from(names[i]);
    }
    (void)table_columns(&listing.table, columns, sizeof names / sizeof names[0]);
    factum_status status = factum_projection_list(models->store, &each, &err);
    int code = 0;
    if (status != FACTUM_OK) {
        code = fail_with(status, &err);
    } else if (listing.status != FACTUM_OK) {
        code = fail_with(listing.status, &listing.err);
    } else if (!models->options->json && table_row_count(&listing.table) > 0) {
        (void)table_print(&listing.table, stdout, 0);
    }
    table_finish(&listing.table);
    return code == 0 && interrupted ? EXIT_INTERRUPTED : code;
}

static int run_list(const struct options *options)
{
    struct read_models models;
    int code = read_models_open(options, &models);
    if (code != 0) {
        return code;
    }
    if (models.path != NULL) {
        code = read_models_look(&models);
    }
    if (code == 0) {
        code = list_all(&models);
    }
    return read_models_close(&models, finish_output(code));
}

/* ---- the text -------------------------------------------------------------------------------- */

static bool show_one(void *data, const factum_projection_state *state)
{
    const struct options *options = data;
    if (options->json) {
        print_state_json(state);
        (void)printf(",\"text\":");
        print_json_text(stdout, state->text);
        (void)printf("}\n");
    } else {
        (void)fwrite(state->text.ptr, 1, state->text.len, stdout);
    }
    return false;
}

static int run_show(const struct options *options)
{
    factum_store *store;
    factum_error err;
    uint64_t version = 0;
    if (!check_name(options->arguments[0]) ||
        (options->version != NULL && !option_count(options->version, "version", &version))) {
        return EXIT_USAGE;
    }
    int code = open_store(options, false, &store);
    if (code != 0) {
        return code;
    }
    const factum_projection_each each = {(void *)(uintptr_t)options, show_one};
    factum_status status = factum_projection_find(store, factum_slice_from(options->arguments[0]),
                                                  version, &each, &err);
    code = status == FACTUM_OK ? finish_output(0) : fail_with(status, &err);
    return close_store(store, code);
}

/* ---- acts ------------------------------------------------------------------------------------ */

static int run_act(const struct options *options, factum_projection_act act)
{
    struct read_models models;
    if (!check_name(options->arguments[0])) {
        return EXIT_USAGE;
    }
    int code = read_models_open(options, &models);
    return code == 0 ? read_models_close(&models, act_run(&models, act, (factum_slice){NULL, 0}, 0))
                     : code;
}

static int run_pause(const struct options *options)
{
    return run_act(options, FACTUM_ACT_PAUSE);
}

static int run_resume(const struct options *options)
{
    return run_act(options, FACTUM_ACT_RESUME);
}

static int run_remove(const struct options *options)
{
    return run_act(options, FACTUM_ACT_REMOVE);
}

static int run_rebuild(const struct options *options)
{
    return run_act(options, FACTUM_ACT_REBUILD);
}

static int run_swap(const struct options *options)
{
    return run_act(options, FACTUM_ACT_SWAP);
}

static int run_rollback(const struct options *options)
{
    return run_act(options, FACTUM_ACT_ROLLBACK);
}

/* ---- the family ------------------------------------------------------------------------------ */

static const struct command projection_deploy = {
    .name = "projection deploy",
    .usage = "projection deploy FILE.sql [options]",
    .summary = "deploy a definition (- for standard input): a first version, or a newer one",
    .help = "  --why TEXT         why; stored with it\n"
            "  --by NAME          who (the name of this user)\n"
            "  --json             its version, revision and hash as JSON\n",
    .notes = "The definition is checked first, also against the schemas of the store: one that is\n"
             "wrong is refused, with file, line and column. The same text again changes nothing.\n"
             "A newer version is built beside the one in use, until projection swap.\n",
    .options = "why by json ",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_deploy,
};

static const struct command projection_list = {
    .name = "projection list",
    .usage = "projection list",
    .summary = "list the projections: version in use, state, how far behind, parked events",
    .help = "  --models DIR       where the models are (\"models\" in the store)\n"
            "  --json             one JSON object a line\n",
    .options = "models json ",
    .run = run_list,
};

static const struct command projection_show = {
    .name = "projection show",
    .usage = "projection show NAME [--version N]",
    .summary = "print the definition of a projection",
    .help = "  --version N        an earlier one (the newest)\n"
            "  --json             as JSON, with who deployed it, when and why\n",
    .options = "version json ",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_show,
};

#define ACT_HELP                                                                                   \
    "  --why TEXT         why; stored with it\n"                                                   \
    "  --by NAME          who (the name of this user)\n"                                           \
    "  --timeout SECONDS  the longest wait until it is carried out (no limit)\n"                   \
    "  --json             the answer as JSON\n"

#define ACT_COMMAND(word, what)                                                                    \
    static const struct command projection_##word = {                                              \
        .name = "projection " #word,                                                               \
        .usage = "projection " #word " NAME [options]",                                            \
        .summary = (what),                                                                         \
        .help = ACT_HELP,                                                                          \
        .options = "why by timeout json ",                                                         \
        .arguments_min = 1,                                                                        \
        .arguments_max = 1,                                                                        \
        .run = run_##word,                                                                         \
    }

ACT_COMMAND(pause, "stop applying events to a model");
ACT_COMMAND(resume, "continue, also after a model has stopped by itself");
ACT_COMMAND(remove, "delete a model; it can be deployed again later");
ACT_COMMAND(rebuild, "build the version in use once more, beside it");
ACT_COMMAND(swap, "take the build beside into use, once it has caught up");
ACT_COMMAND(rollback, "return to the build in use before");

static const struct command *const family[] = {&projection_deploy,
                                               &projection_list,
                                               &projection_show,
                                               &projection_pause,
                                               &projection_resume,
                                               &projection_remove,
                                               &projection_rebuild,
                                               &command_projection_diff,
                                               &projection_swap,
                                               &projection_rollback,
                                               NULL};

const struct command command_projection = {
    .name = "projection",
    .usage = "projection deploy | list | show | pause | resume | remove | rebuild | diff | swap | "
             "rollback ...",
    .summary = "deploy read models in SQL, list them, and act on them",
    .help = "",
    .notes =
        "On a store directory a command carries out what it records. On an address the server\n"
        "does, and the command waits for it.\n",
    .options = "",
    .family = family,
};
