/* cmd_endpoint.c - factum endpoint: deploys, lists and changes HTTP endpoints of services. Layer:
 * cli. */
#include <inttypes.h>
#include <string.h>

#include <factum/endpoint.h>

#include "cli/deploying.h"
#include "cli/service_needs.h"

/* ---- deploying ------------------------------------------------------------------------------- */

static factum_act_options act_of(const struct options *options)
{
    return (factum_act_options){.size = sizeof(factum_act_options),
                                .by = who_acts(options),
                                .why = factum_slice_from(options->why)};
}

/* Only whole seconds, without a unit: one form is enough. */
static bool timeout_of(const struct options *options, uint32_t *timeout_ms)
{
    uint64_t seconds = 0;
    *timeout_ms = 0;
    if (options->timeout == NULL) {
        return true;
    }
    if (!option_count(options->timeout, "timeout", &seconds)) {
        return false;
    }
    if (seconds > 300) {
        (void)complain("--timeout is at most 300 seconds");
        return false;
    }
    *timeout_ms = (uint32_t)seconds * 1000;
    return true;
}

static void print_act(const struct options *options, const factum_store *store,
                      const factum_act_result *done, const char *what)
{
    const char *service = options->arguments[0];
    if (options->json) {
        (void)printf("{\"service\":");
        print_json_text(stdout, factum_slice_from(service));
        (void)printf(",\"revision\":%" PRIu64 ",\"position\":%" PRIu64 ",\"already\":%s,",
                     done->revision, done->position, done->already ? "true" : "false");
        print_json_token(store, done->position);
        (void)printf("}\n");
    } else if (!options->quiet) {
        (void)printf("%s %s%s\n", service, done->already ? "was " : "", what);
    }
}

static int run_endpoint_deploy(const struct options *options)
{
    factum_store *store;
    factum_error err;
    factum_act_result done = {.size = sizeof done};
    const factum_act_options act = act_of(options);
    factum_endpoint endpoint = {.size = sizeof endpoint,
                                .service = factum_slice_from(options->arguments[0]),
                                .url = factum_slice_from(options->arguments[1]),
                                .secret = factum_slice_from(options->secret)};
    if (!timeout_of(options, &endpoint.timeout_ms)) {
        return EXIT_USAGE;
    }
    int code = open_store(options, true, &store);
    if (code != 0) {
        return code;
    }
    factum_status status = factum_endpoint_deploy(store, &endpoint, &act, &done, &err);
    if (status == FACTUM_OK) {
        print_act(options, store, &done, "deployed");
        code = finish_output(0);
    } else {
        code = fail_with(status, &err);
    }
    return close_store(store, code);
}

/* ---- acts ------------------------------------------------------------------------------------ */

static int run_act(const struct options *options, factum_endpoint_act act, const char *what)
{
    factum_store *store;
    factum_error err;
    factum_act_result done = {.size = sizeof done};
    const factum_act_options act_options = act_of(options);
    const factum_endpoint_act_request request = {.size = sizeof request,
                                                 .act = act,
                                                 .service =
                                                     factum_slice_from(options->arguments[0]),
                                                 .options = &act_options};
    int code = open_store(options, false, &store);
    if (code != 0) {
        return code;
    }
    factum_status status = factum_endpoint_act_record(store, &request, &done, &err);
    if (status == FACTUM_OK) {
        print_act(options, store, &done, what);
        code = finish_output(0);
    } else {
        code = fail_with(status, &err);
    }
    return close_store(store, code);
}

static int run_enable(const struct options *options)
{
    return run_act(options, FACTUM_ENDPOINT_ENABLE, "enabled");
}

static int run_disable(const struct options *options)
{
    return run_act(options, FACTUM_ENDPOINT_DISABLE, "disabled");
}

/* Refused while sagas that have not ended need the service. */
static int run_remove(const struct options *options)
{
    factum_error err;
    struct saga_lists lists;
    factum_act_result done = {.size = sizeof done};
    const factum_act_options act_options = act_of(options);
    const factum_endpoint_guard guard = {&lists, service_may_be_removed};
    const factum_endpoint_act_request request = {.size = sizeof request,
                                                 .act = FACTUM_ENDPOINT_REMOVE,
                                                 .service =
                                                     factum_slice_from(options->arguments[0]),
                                                 .options = &act_options,
                                                 .guard = &guard};
    if (options->force) {
        return run_act(options, FACTUM_ENDPOINT_REMOVE, "removed");
    }
    int code = saga_lists_open(options, &lists);
    if (code != 0) {
        return code;
    }
    factum_status status = factum_endpoint_act_record(lists.store, &request, &done, &err);
    if (status == FACTUM_OK) {
        print_act(options, lists.store, &done, "removed");
        code = finish_output(0);
    } else {
        code = interrupted ? EXIT_INTERRUPTED : fail_with(status, &err);
    }
    return saga_lists_close(&lists, code);
}

/* ---- the list -------------------------------------------------------------------------------- */

static void print_json_member(const char *name, factum_slice text)
{
    (void)printf(",\"%s\":", name);
    print_json_text(stdout, text);
}

static void print_endpoint_json(const factum_endpoint_state *state)
{
    char since[FACTUM_TIME_TEXT_SIZE];
    factum_time_format(state->created, since);
    (void)printf("{\"service\":");
    print_json_text(stdout, state->service);
    print_json_member("url", state->url);
    if (state->secret.len > 0) {
        print_json_member("secret", state->secret);
    }
    (void)printf(
        ",\"timeoutMs\":%u,\"parallel\":%u,\"disabled\":%s,\"removed\":%s,\"since\":\"%s\"",
        (unsigned)state->timeout_ms, (unsigned)state->parallel, state->disabled ? "true" : "false",
        state->removed ? "true" : "false", since);
    if (state->by.len > 0) {
        print_json_member("by", state->by);
    }
    if (state->why.len > 0) {
        print_json_member("why", state->why);
    }
    (void)printf(",\"revision\":%" PRIu64 "}\n", state->revision);
}

static bool list_endpoint(void *data, const factum_endpoint_state *state)
{
    const struct options *options = data;
    if (options->json) {
        print_endpoint_json(state);
    } else if (!state->removed) {
        print_text(stdout, state->service);
        (void)printf("  ");
        print_text(stdout, state->url);
        if (state->secret.len > 0) {
            (void)printf("  signed with ");
            print_text(stdout, state->secret);
        }
        if (state->disabled) {
            (void)printf("  disabled: ");
            print_text(stdout, state->why.len > 0 ? state->why : factum_slice_from("no reason"));
        }
        (void)printf("\n");
    }
    return !interrupted;
}

static int run_endpoint_list(const struct options *options)
{
    factum_store *store;
    factum_error err;
    struct options copy = *options;
    const factum_endpoint_each each = {&copy, list_endpoint};
    int code = open_store(options, false, &store);
    if (code != 0) {
        return code;
    }
    factum_status status =
        factum_endpoint_list(store, factum_slice_from(options->arguments[0]), &each, &err);
    code = status == FACTUM_OK ? finish_output(interrupted ? EXIT_INTERRUPTED : 0)
                               : fail_with(status, &err);
    return close_store(store, code);
}

/* ---- the family ------------------------------------------------------------------------------ */

static const struct command endpoint_deploy = {
    .name = "endpoint deploy",
    .usage = "endpoint deploy SERVICE URL [options]",
    .summary = "deliver the commands of a service to a URL",
    .help = "  --secret NAME      sign with the secret that the server knows by this name\n"
            "  --timeout SECONDS  of a delivery, 300 at most (30)\n"
            "  --why TEXT         why; stored with it\n"
            "  --by NAME          who (the name of this user)\n"
            "  --json             its revision as JSON\n",
    .notes =
        "The server calls it only if its --endpoints-allow lists the host. Commands that were\n"
        "recorded before the first deployment are not delivered.\n",
    .options = "secret timeout why by json ",
    .arguments_min = 2,
    .arguments_max = 2,
    .run = run_endpoint_deploy,
};

static const struct command endpoint_list = {
    .name = "endpoint list",
    .usage = "endpoint list [SERVICE]",
    .summary = "list the endpoints that are deployed",
    .help = "  --json             one JSON object a line, those that were removed too\n",
    .options = "json ",
    .arguments_max = 1,
    .run = run_endpoint_list,
};

#define ACT_HELP                                                                                   \
    "  --why TEXT         why; stored with it\n"                                                   \
    "  --by NAME          who (the name of this user)\n"                                           \
    "  --json             its revision as JSON\n"

static const struct command endpoint_enable = {
    .name = "endpoint enable",
    .usage = "endpoint enable SERVICE [options]",
    .summary = "deliver again, after a disable or an answer 410",
    .help = ACT_HELP,
    .options = "why by json ",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_enable,
};

static const struct command endpoint_disable = {
    .name = "endpoint disable",
    .usage = "endpoint disable SERVICE [options]",
    .summary = "let the commands of a service wait",
    .help = ACT_HELP,
    .options = "why by json ",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_disable,
};

static const struct command endpoint_remove = {
    .name = "endpoint remove",
    .usage = "endpoint remove SERVICE [options]",
    .summary = "deliver nothing more to a service, and drop the waiting commands",
    .help = "  --force            also if open sagas need the service\n" ACT_HELP,
    .notes = "The exit status is 3 if open sagas need the service.\n",
    .options = "force why by json ",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_remove,
};

static const struct command *const endpoint_family[] = {
    &endpoint_deploy, &endpoint_list, &endpoint_enable, &endpoint_disable, &endpoint_remove, NULL};

const struct command command_endpoint = {
    .name = "endpoint",
    .usage = "endpoint deploy | list | enable | disable | remove ...",
    .summary = "let HTTP endpoints take the commands of sagas",
    .help = "",
    .options = "",
    .family = endpoint_family,
};
