/* cmd_decider.c - factum decider: deploys, lists and shows deciders of a store. Layer: cli. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/deploying.h"
#include "cli/input.h"
#include "cli/script.h"
#include "cli/whole_file.h"

#define SCRIPT_SIZE_MAX ((size_t)1 << 20) /* the library refuses larger scripts by its own limit */
#define HASH_SHOWN 12                     /* digits that a reader can compare */

/* ---- deploying ------------------------------------------------------------------------------- */

static void print_deployment(const struct options *options, const factum_store *store,
                             const factum_deployment *done)
{
    const char *category = options->arguments[0];
    if (options->json) {
        (void)printf("{\"category\":");
        print_json_text(stdout, factum_slice_from(category));
        (void)printf(",\"revision\":%" PRIu64 ",\"position\":%" PRIu64
                     ",\"hash\":\"%s\",\"already\":%s,",
                     done->revision, done->position, done->hash, done->already ? "true" : "false");
        print_json_token(store, done->position);
        (void)printf("}\n");
    } else if (done->already) {
        (void)printf("%s has this decider already: revision %" PRIu64 "\n", category,
                     done->revision);
    } else if (!options->quiet) {
        (void)printf("%s revision %" PRIu64 ", %.*s\n", category, done->revision, HASH_SHOWN,
                     done->hash);
    }
}

/* A faulty script is refused as EXIT_INVALID, a bad CATEGORY as EXIT_USAGE. */
static int deploy_text(const struct options *options, factum_store *store, factum_slice text)
{
    factum_error err;
    factum_deployment done = {.size = sizeof done};
    const factum_deploy_options wanted = {
        .size = sizeof wanted,
        .by = who_acts(options),
        .why = factum_slice_from(options->why),
        .name = input_name(options->arguments[1]),
    };
    factum_status status = factum_decider_deploy(store, factum_slice_from(options->arguments[0]),
                                                 text, &wanted, &done, &err);
    if (status != FACTUM_OK) {
        return fail_with_script(status, &err);
    }
    print_deployment(options, store, &done);
    return 0;
}

static int run_deploy(const struct options *options)
{
    factum_store *store;
    uint8_t *bytes = NULL;
    size_t len = 0;
    factum_script_decider *decider = NULL;
    if (options->arguments[0][0] == '\0' || options->arguments[0][0] == '$' ||
        strchr(options->arguments[0], '-') != NULL) {
        return complain("CATEGORY is a name without '-' that does not begin with '$', not \"%s\"",
                        options->arguments[0]);
    }
    int code = file_read(options->arguments[1], SCRIPT_SIZE_MAX, &bytes, &len);
    if (code == 0) { /* check before a store is created for it */
        code = open_text(options->arguments[1], (factum_slice){bytes, len}, options->arguments[0],
                         &decider);
        factum_script_decider_close(decider);
    }
    if (code == 0) {
        code = open_store(options, true, &store);
    }
    if (code == 0) {
        code = close_store(store, deploy_text(options, store, (factum_slice){bytes, len}));
    }
    free(bytes);
    return code;
}

/* ---- what is deployed ------------------------------------------------------------------------ */

/* Prints the members of an object, without the closing brace. */
static void print_deployed_json(const factum_store *store, const factum_deployed *deployed)
{
    char created[FACTUM_TIME_TEXT_SIZE];
    factum_time_format(deployed->created, created);
    (void)printf("{\"category\":");
    print_json_text(stdout, deployed->category);
    (void)printf(",\"revision\":%" PRIu64 ",\"position\":%" PRIu64
                 ",\"created\":\"%s\",\"hash\":\"%.*s\",",
                 deployed->revision, deployed->position, created, (int)deployed->hash.len,
                 (const char *)deployed->hash.ptr);
    if (deployed->by.len > 0) {
        (void)printf("\"by\":");
        print_json_text(stdout, deployed->by);
        (void)printf(",");
    }
    if (deployed->why.len > 0) {
        (void)printf("\"why\":");
        print_json_text(stdout, deployed->why);
        (void)printf(",");
    }
    print_json_token(store, deployed->position);
}

struct listing {
    const struct options *options;
    const factum_store *store;
};

static bool list_deployed(void *data, const factum_deployed *deployed)
{
    const struct listing *listing = data;
    char created[FACTUM_TIME_TEXT_SIZE];
    if (listing->options->json) {
        print_deployed_json(listing->store, deployed);
        (void)printf("}\n");
        return !interrupted;
    }
    factum_time_format(deployed->created, created);
    print_text(stdout, deployed->category);
    (void)printf("  revision %" PRIu64 "  %.*s  %s", deployed->revision, HASH_SHOWN,
                 (const char *)deployed->hash.ptr, created);
    if (deployed->by.len > 0) {
        (void)printf("  ");
        print_text(stdout, deployed->by);
    }
    if (deployed->why.len > 0) {
        (void)printf("  ");
        print_text(stdout, deployed->why);
    }
    (void)printf("\n");
    return !interrupted;
}

static int run_list(const struct options *options)
{
    factum_store *store;
    factum_error err;
    int code = open_store(options, false, &store);
    if (code != 0) {
        return code;
    }
    struct listing listing = {options, store};
    const factum_deployed_each each = {&listing, list_deployed};
    factum_status status = factum_decider_list(store, &each, &err);
    if (status == FACTUM_CANCELLED && interrupted) {
        code = EXIT_INTERRUPTED;
    } else if (status != FACTUM_OK) {
        code = fail_with(status, &err);
    }
    return close_store(store, finish_output(code));
}

static void show_deployed(const struct options *options, const factum_store *store,
                          const factum_deployed *deployed)
{
    if (!options->json) {
        (void)fwrite(deployed->text.ptr, 1, deployed->text.len, stdout);
        return;
    }
    print_deployed_json(store, deployed);
    (void)printf(",\"text\":");
    print_json_text(stdout, deployed->text);
    (void)printf("}\n");
}

static int run_show(const struct options *options)
{
    factum_store *store;
    factum_error err;
    factum_deployed *deployed;
    uint64_t revision = 0;
    if (options->revision != NULL && !option_number(options->revision, "revision", &revision)) {
        return EXIT_USAGE;
    }
    int code = open_store(options, false, &store);
    if (code != 0) {
        return code;
    }
    factum_status status =
        factum_decider_find(store, factum_slice_from(options->arguments[0]),
                            options->revision == NULL ? NULL : &revision, &deployed, &err);
    if (status == FACTUM_OK) {
        show_deployed(options, store, deployed);
        code = finish_output(0);
    } else {
        code = fail_with(status, &err);
    }
    factum_deployed_free(deployed);
    return close_store(store, code);
}

/* ---- the family ------------------------------------------------------------------------------ */

static const struct command decider_deploy = {
    .name = "decider deploy",
    .usage = "decider deploy CATEGORY FILE.lua [options]",
    .summary = "deploy a script (- for standard input) as the decider of a category",
    .help = "  --why TEXT         why; stored with it\n"
            "  --by NAME          who (the name of this user)\n"
            "  --json             its revision and hash as JSON\n",
    .notes = "The script is opened first: one that is wrong is refused, with file and line. The "
             "same\ntext again changes nothing. A server takes it over its UNIX socket, or if it "
             "was started\nwith --allow-deploy.\n",
    .options = "why by json ",
    .arguments_min = 2,
    .arguments_max = 2,
    .run = run_deploy,
};

static const struct command decider_list = {
    .name = "decider list",
    .usage = "decider list",
    .summary = "list the deployed deciders",
    .help = "  --json             one JSON object a line\n",
    .options = "json ",
    .run = run_list,
};

static const struct command decider_show = {
    .name = "decider show",
    .usage = "decider show CATEGORY [--revision N]",
    .summary = "print a deployed decider",
    .help = "  --revision N       an earlier one (the newest)\n"
            "  --json             as JSON, with who deployed it, when and why\n",
    .options = "revision json ",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_show,
};

static const struct command *const family[] = {&decider_deploy, &decider_list, &decider_show, NULL};

const struct command command_decider = {
    .name = "decider",
    .usage = "decider deploy | list | show ...",
    .summary = "deploy deciders in Lua, and show what is deployed",
    .help = "",
    .options = "",
    .family = family,
};
