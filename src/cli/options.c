/* options.c - arguments into struct options. Layer: cli. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

enum kind {
    FLAG,
    TEXT,
    TAGS,
    PARAMS,
};

struct option {
    const char *name;
    enum kind kind;
    size_t offset;
    const char *command; /* the only command with this meaning; NULL: every command */
};

#define OPTION(name, kind, member)                                                                 \
    {                                                                                              \
        name, kind, offsetof(struct options, member), NULL                                         \
    }
#define OPTION_OF(command, name, kind, member)                                                     \
    {                                                                                              \
        name, kind, offsetof(struct options, member), command                                      \
    }

static const struct option known[] = {
    OPTION("store", TEXT, store),
    OPTION("connect", TEXT, store),
    OPTION("json", FLAG, json),
    OPTION("quiet", FLAG, quiet),
    OPTION("help", FLAG, help),
    OPTION("all", FLAG, all),
    OPTION("backwards", FLAG, backwards),
    OPTION("skip-system", FLAG, skip_system),
    OPTION("category", TEXT, category),
    OPTION("type", TEXT, type),
    OPTION("correlation", TEXT, correlation),
    OPTION("tag", TAGS, tags),
    OPTION("from", TEXT, from),
    OPTION("from-position", TEXT, from_position),
    OPTION("after", TEXT, after),
    OPTION("count", TEXT, count),
    OPTION("at", TEXT, at),
    OPTION("time-at", TEXT, time_at),
    OPTION("revision", TEXT, revision),
    OPTION("expected", TEXT, expected),
    OPTION("id", TEXT, id),
    OPTION("key", TEXT, key),
    OPTION("time", TEXT, time),
    OPTION("metadata", TEXT, metadata),
    OPTION("durability", TEXT, durability),
    OPTION("lines", TEXT, lines),
    OPTION("content-type", TEXT, content_type),
    OPTION("bytes", FLAG, bytes),
    OPTION("lenient", FLAG, lenient),
    OPTION("prefix", TEXT, prefix),
    OPTION("sort", TEXT, sort),
    OPTION("limit", TEXT, limit),
    OPTION_OF("import", "batch", TEXT, batch),
    OPTION("on-error", TEXT, on_error),
    OPTION("accept-loss", TEXT, accept_loss),
    OPTION("backup", TEXT, backup),
    OPTION("timeout", TEXT, timeout),
    OPTION("rebuild-index", FLAG, rebuild_index),
    OPTION("tombstone", FLAG, tombstone),
    OPTION("again", FLAG, again),
    OPTION("system", FLAG, system),
    OPTION_OF("schema validate", "batch", FLAG, by_lines),
    OPTION("formats", FLAG, formats),
    OPTION("draft", TEXT, draft),
    OPTION("to", TEXT, to),
    OPTION("keep-unknown", FLAG, keep_unknown),
    OPTION("force", FLAG, force),
    OPTION("delivery", FLAG, delivery),
    OPTION("generations", TEXT, generations),
    OPTION("acts", TEXT, acts),
    OPTION("states-max", TEXT, states_max),
    OPTION("script", TEXT, script),
    OPTION("seed", TEXT, seed),
    OPTION("seeds", TEXT, seeds),
    OPTION("version", TEXT, version),
    OPTION("unproven", FLAG, unproven),
    OPTION("listen", TEXT, listen),
    OPTION("unix", TEXT, unix_path),
    OPTION("tls-cert", TEXT, tls_cert),
    OPTION("tls-key", TEXT, tls_key),
    OPTION("secret-dir", TEXT, secret_dir),
    OPTION("advertise-host", TEXT, advertise_host),
    OPTION("endpoints-allow", TEXT, endpoints_allow),
    OPTION("endpoints-secrets", TEXT, endpoints_secrets),
    OPTION("endpoints-ca", TEXT, endpoints_ca),
    OPTION("endpoints-allow-private", FLAG, endpoints_allow_private),
    OPTION("secret", TEXT, secret),
    OPTION("advertise-port", TEXT, advertise_port),
    OPTION("connections-max", TEXT, connections_max),
    OPTION("connections-per-address-max", TEXT, connections_per_address_max),
    OPTION("config", TEXT, config),
    OPTION("config-check", FLAG, config_check),
    OPTION("decider", TEXT, decider),
    OPTION("data", TEXT, data),
    OPTION("traceparent", TEXT, traceparent),
    OPTION("full", FLAG, full),
    OPTION("dot", FLAG, dot),
    OPTION("mermaid", FLAG, mermaid),
    OPTION("stream", TEXT, stream),
    OPTION("scan", TEXT, scan),
    OPTION("why", TEXT, why),
    OPTION("by", TEXT, by),
    OPTION("blame", FLAG, blame),
    OPTION("watch", FLAG, watch),
    OPTION("models", TEXT, models),
    OPTION("host", TEXT, host),
    OPTION("named", TEXT, named),
    OPTION("param", PARAMS, params),
    OPTION("wait", TEXT, wait),
    OPTION("rows-max", TEXT, rows_max),
    OPTION("changes-max", TEXT, changes_max),
    OPTION("csv", FLAG, csv),
    OPTION("plan", FLAG, plan),
    OPTION("until-caught-up", FLAG, until_caught_up),
    OPTION("do", TEXT, do_type),
    OPTION("undo", TEXT, undo_type),
    OPTION("undo-data", TEXT, undo_data),
    OPTION("status", TEXT, status),
    OPTION("reason", TEXT, reason),
    OPTION("result", TEXT, result),
    OPTION("what-if", FLAG, what_if),
    OPTION("cancel", FLAG, cancel),
    OPTION("insecure", FLAG, insecure),
    OPTION("insecure-any-address", FLAG, insecure_any_address),
    OPTION("allow-deploy", FLAG, allow_deploy),
    OPTION("no-run", FLAG, no_run),
};

/* Is |name| one of the words in |list|, or an option that every command has? */
static bool takes(const struct command *command, const char *name, size_t len)
{
    static const char everywhere[] = "store connect quiet help ";
    const char *lists[] = {everywhere, command->options};
    for (size_t i = 0; i < 2; i++) {
        for (const char *word = lists[i]; *word != '\0';) {
            size_t word_len = strcspn(word, " ");
            if (word_len == len && memcmp(word, name, len) == 0) {
                return true;
            }
            word += word_len + (word[word_len] == ' ' ? 1 : 0);
        }
    }
    return false;
}

static const struct option *find(const struct command *command, const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const char *only = known[i].command;
        if (strlen(known[i].name) == len && memcmp(known[i].name, name, len) == 0 &&
            (only == NULL || strcmp(only, command->name) == 0) && takes(command, name, len)) {
            return &known[i];
        }
    }
    return NULL;
}

static int set_value(struct options *options, const struct option *option, const char *value)
{
    char *member = (char *)options + option->offset;
    if (option->kind == TAGS) {
        if (options->tag_count == TAG_OPTIONS_MAX) {
            return complain("--tag can be given %d times at most", TAG_OPTIONS_MAX);
        }
        options->tags[options->tag_count++] = value;
        options->tag = value;
        return 0;
    }
    if (option->kind == PARAMS) {
        if (options->param_count == PARAM_OPTIONS_MAX) {
            return complain("--param can be given %d times at most", PARAM_OPTIONS_MAX);
        }
        options->params[options->param_count++] = value;
        return 0;
    }
    *(const char **)(void *)member = value;
    options->store_given =
        options->store_given || option->offset == offsetof(struct options, store);
    return 0;
}

/* Parses --name, --name=value or --name value; moves *i over a value. */
static int take_option(const struct command *command, int argc, char **argv, int *i,
                       struct options *options)
{
    const char *name = argv[*i] + 2;
    const char *equals = strchr(name, '=');
    size_t len = equals == NULL ? strlen(name) : (size_t)(equals - name);
    const struct option *option = find(command, name, len);
    if (option == NULL) {
        return complain("factum %s has no option --%.*s; factum %s --help lists them",
                        command->name, (int)len, name, command->name);
    }
    if (option->kind == FLAG) {
        if (equals != NULL) {
            return complain("--%s takes no value", option->name);
        }
        *(bool *)(void *)((char *)options + option->offset) = true;
        return 0;
    }
    if (equals != NULL) {
        return set_value(options, option, equals + 1);
    }
    if (*i + 1 >= argc) {
        return complain("--%s takes a value", option->name);
    }
    return set_value(options, option, argv[++*i]);
}

/* Does |argument| look like an option with one dash? "-" alone is standard input; "-5" after the
 * first argument is data. */
static bool is_short_option(const char *argument, size_t arguments_before)
{
    bool is_number = argument[0] == '-' && argument[1] >= '0' && argument[1] <= '9';
    return argument[0] == '-' && argument[1] != '\0' && !(is_number && arguments_before > 0);
}

int options_parse(const struct command *command, int argc, char **argv, struct options *options)
{
    bool only_arguments = false;
    for (int i = 0; i < argc; i++) {
        const char *argument = argv[i];
        int code = 0;
        if (!only_arguments && strcmp(argument, "--") == 0) {
            only_arguments = true;
        } else if (!only_arguments && strcmp(argument, "-h") == 0) {
            options->help = true;
        } else if (!only_arguments && strncmp(argument, "--", 2) == 0) {
            code = take_option(command, argc, argv, &i, options);
        } else if (!only_arguments && is_short_option(argument, options->argument_count)) {
            code = complain("factum %s has no option %s; -- goes before arguments that begin with "
                            "-; factum %s --help lists the options",
                            command->name, argument, command->name);
        } else if (options->argument_count == command->arguments_max) {
            code = complain("factum %s: what is \"%s\"? usage: factum %s", command->name, argument,
                            command->usage);
        } else {
            options->arguments[options->argument_count++] = argument;
        }
        if (code != 0) {
            return code;
        }
    }
    if (!options->help && options->argument_count < command->arguments_min) {
        return complain("factum %s: something is missing; usage: factum %s", command->name,
                        command->usage);
    }
    return 0;
}

bool option_number(const char *text, const char *name, uint64_t *number)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0) {
        (void)complain("--%s takes a whole number, not \"%s\"", name, text);
        return false;
    }
    *number = value;
    return true;
}

bool option_count(const char *text, const char *name, uint64_t *number)
{
    if (!option_number(text, name, number)) {
        return false;
    }
    if (*number == 0) {
        (void)complain("--%s takes 1 or more", name);
        return false;
    }
    return true;
}

bool option_time(const char *text, const char *name, int64_t *time)
{
    if (factum_time_parse(factum_slice_from(text), time) != FACTUM_OK) {
        if (strlen(text) >= 19 && strncmp(text + 16, ":60", 3) == 0) {
            (void)complain(
                "--%s \"%s\" has second 60, which exists only as 23:59:60 UTC on 30 June "
                "and 31 December",
                name, text);
            return false;
        }
        (void)complain(
            "--%s takes a time as 2026-01-31T12:00:00Z or 2026-01-31, from "
            "1677-09-21T00:12:43.145224192Z to 2262-04-11T23:47:16.854775807Z, not \"%s\"",
            name, text);
        return false;
    }
    return true;
}

bool option_expected(const char *text, factum_expected *expected)
{
    *expected = factum_any();
    if (text == NULL || strcmp(text, "any") == 0) {
        return true;
    }
    if (strcmp(text, "no-stream") == 0) {
        *expected = factum_no_stream();
        return true;
    }
    if (strcmp(text, "exists") == 0) {
        *expected = factum_stream_exists();
        return true;
    }
    if (text[0] >= '0' && text[0] <= '9') {
        *expected = factum_at(0);
        return option_number(text, "expected", &expected->revision);
    }
    (void)complain("--expected takes any, no-stream, exists or a revision, not \"%s\"", text);
    return false;
}
