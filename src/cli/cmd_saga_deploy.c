/* cmd_saga_deploy.c - factum saga deploy, and factum saga definitions. Layer: cli. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/deploying.h"
#include "cli/saga_report.h"
#include "cli/table.h"
#include "cli/whole_file.h"

/* ---- deploying ------------------------------------------------------------------------------- */

static void print_deployed(const struct options *options, const factum_store *store,
                           const factum_saga_info *info, const factum_act_result *done,
                           const factum_saga_report *report)
{
    char states[64];
    const char *name = (const char *)info->name.ptr;
    int len = (int)info->name.len;
    if (options->json) {
        (void)printf("{\"name\":\"%.*s\",\"version\":%" PRIu64 ",\"revision\":%" PRIu64
                     ",\"position\":%" PRIu64 ",\"hash\":\"%.*s\",\"already\":%s,\"sound\":%s"
                     ",\"states\":%" PRIu64 ",",
                     len, name, info->version, done->revision, done->position, (int)info->hash.len,
                     (const char *)info->hash.ptr, done->already ? "true" : "false",
                     report->sound || done->already ? "true" : "false", report->state_count);
        print_json_token(store, done->position);
        (void)printf("}\n");
    } else if (done->already) {
        (void)printf("%.*s has this version already: version %" PRIu64 "\n", len, name,
                     info->version);
    } else if (!options->quiet) {
        format_things(report->state_count, "state", "states", states);
        (void)printf("%.*s version %" PRIu64 ", %.12s, %s, %s\n", len, name, info->version,
                     (const char *)info->hash.ptr, report->sound ? "sound" : "FORCED: not sound",
                     states);
    }
}

static int deploy_loaded(const struct options *options, factum_store *store,
                         const factum_saga *saga, const factum_saga_bounds *bounds)
{
    factum_error err;
    factum_saga_info info = {.size = sizeof info};
    factum_act_result done = {.size = sizeof done};
    factum_saga_report report = {.size = sizeof report};
    const factum_saga_deploy_options with = {
        .size = sizeof with,
        .act = {.size = sizeof with.act,
                .by = who_acts(options),
                .why = factum_slice_from(options->why)},
        .forced = options->force,
        .bounds = bounds,
    };
    int code = 0;
    factum_status status = factum_saga_info_get(saga, &info, &err);
    if (status == FACTUM_OK) {
        status = factum_saga_deploy(store, saga, &with, &done, &report, &err);
    }
    if (status == FACTUM_OK) {
        print_deployed(options, store, &info, &done, &report);
    } else {
        code = fail_with(status, &err);
        code = status == FACTUM_INVALID || status == FACTUM_CONDITION_FAILED ? EXIT_INVALID : code;
        if (status == FACTUM_CONDITION_FAILED && report.table != NULL) {
            saga_print_run(stderr, &report);
        }
    }
    factum_saga_report_free(&report);
    return code;
}

/* Loads the text again, with the schemas of the store, checks and deploys it. */
static int deploy_into(const struct options *options, factum_store *store, factum_slice text,
                       const factum_saga_bounds *bounds)
{
    factum_error err;
    factum_schemas *schemas;
    factum_saga *saga = NULL;
    factum_status status = factum_schemas_open(store, &schemas, &err);
    if (status != FACTUM_OK) {
        return fail_with(status, &err);
    }
    int code = saga_load(options, options->arguments[0], text, schemas, &saga);
    if (code == 0) {
        code = deploy_loaded(options, store, saga, bounds);
    }
    factum_saga_free(saga);
    factum_schemas_close(schemas);
    return code;
}

static int run_deploy(const struct options *options)
{
    factum_store *store;
    factum_saga *saga = NULL;
    factum_saga_bounds bounds;
    struct options quiet = *options;
    uint8_t *bytes = NULL;
    size_t len = 0;
    if (!saga_bounds(options, &bounds)) {
        return EXIT_USAGE;
    }
    if (options->force && options->why == NULL) {
        return complain("--force needs --why: it is kept with the deployment");
    }
    int code = file_read(options->arguments[0], FACTUM_SAGA_TEXT_MAX, &bytes, &len);
    if (code == 0) { /* check before a store is created for it; warnings are printed once */
        quiet.quiet = true;
        code = saga_load(&quiet, options->arguments[0], (factum_slice){bytes, len}, NULL, &saga);
        factum_saga_free(saga);
    }
    if (code == 0) {
        code = open_store(options, true, &store);
    }
    if (code == 0) {
        code = close_store(store, deploy_into(options, store, (factum_slice){bytes, len}, &bounds));
    }
    free(bytes);
    return code;
}

/* ---- the list -------------------------------------------------------------------------------- */

struct definitions {
    const struct options *options;
    struct table table;
};

static void print_definition_json(const factum_saga_deployed *deployed)
{
    char created[FACTUM_TIME_TEXT_SIZE];
    factum_time_format(deployed->created, created);
    (void)printf("{\"name\":\"%.*s\",\"version\":%" PRIu64
                 ",\"created\":\"%s\",\"revision\":%" PRIu64 ",\"position\":%" PRIu64
                 ",\"forced\":%s,\"states\":%" PRIu64,
                 (int)deployed->name.len, (const char *)deployed->name.ptr, deployed->version,
                 created, deployed->revision, deployed->position,
                 deployed->forced ? "true" : "false", deployed->state_count);
    print_filled_member("hash", deployed->hash);
    print_filled_member("host", deployed->host);
    print_filled_member("by", deployed->by);
    print_filled_member("why", deployed->why);
    print_filled_member("text", deployed->text);
    (void)printf("}\n");
}

static bool list_definition(void *data, const factum_saga_deployed *deployed)
{
    static const factum_value none = {.kind = FACTUM_VALUE_NULL};
    struct definitions *list = data;
    char created[FACTUM_TIME_TEXT_SIZE];
    if (list->options->json) {
        print_definition_json(deployed);
        return !interrupted;
    }
    factum_time_format(deployed->created, created);
    const factum_value values[] = {
        table_text(deployed->name),
        table_number(deployed->version),
        table_text((factum_slice){(const uint8_t *)created, 19}),
        table_number(deployed->state_count),
        table_text(factum_slice_from(deployed->forced ? "forced" : "sound")),
        table_text(deployed->host),
        deployed->by.len > 0 ? table_text(deployed->by) : none,
    };
    return table_row(&list->table, values, sizeof values / sizeof values[0]) && !interrupted;
}

static int run_definitions(const struct options *options)
{
    static const char *const names[] = {"name",  "version", "created", "states",
                                        "check", "host",    "by"};
    factum_slice columns[sizeof names / sizeof names[0]];
    struct definitions list = {.options = options};
    const factum_saga_deployed_each each = {&list, list_definition};
    factum_store *store;
    factum_error err;
    int code = open_store(options, false, &store);
    if (code != 0) {
        return code;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        columns[i] = factum_slice_from(names[i]);
    }
    (void)table_columns(&list.table, columns, sizeof names / sizeof names[0]);
    factum_slice name = factum_slice_from(options->arguments[0]);
    factum_status status = factum_saga_deployments(store, name, &each, &err);
    if (status != FACTUM_OK) {
        code = fail_with(status, &err);
    } else if (!options->json && table_row_count(&list.table) > 0) {
        (void)table_print(&list.table, stdout, 0);
    }
    table_finish(&list.table);
    code = code == 0 && interrupted ? EXIT_INTERRUPTED : code;
    return close_store(store, finish_output(code));
}

const struct command command_saga_deploy = {
    .name = "saga deploy",
    .usage = "saga deploy FILE [options]",
    .summary = "check a definition, then deploy it: a first version, or a newer one",
    .help = "  --why TEXT         why; stored with it\n"
            "  --by NAME          who (the name of this user)\n"
            "  --force            also if the check refuses it; needs --why\n"
            "  --generations N, --acts N, --states-max N  bounds, as of saga check\n"
            "  --json             its version, revision and hash as JSON\n",
    .notes = "The exit status is 7 if it is wrong or not sound. The same text again changes\n"
             "nothing. Sagas begin with events after it; those that run keep their version.\n",
    .options = "why by force generations acts states-max json ",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_deploy,
};

const struct command command_saga_definitions = {
    .name = "saga definitions",
    .usage = "saga definitions [NAME]",
    .summary =
        "list the deployed versions of sagas, with who deployed them and what the check said",
    .help = "  --json             one JSON object a line, with hash, reason and text\n",
    .options = "json ",
    .arguments_max = 1,
    .run = run_definitions,
};
