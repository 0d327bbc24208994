/* main.c - factum: finds the command, runs it, returns its exit code. Layer: cli. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#ifdef FCT_WITH_SERVER
#include <factum/remote.h>
#endif

#include "cli/cli.h"

const struct command *const commands[] = {
    &command_append,      &command_read,       &command_tail,
    &command_streams,     &command_categories, &command_types,
    &command_tags,        &command_import,     &command_export,
    &command_info,        &command_verify,     &command_repair,
    &command_backup,      &command_restore,    &command_delete,
    &command_metadata,    &command_schema,     &command_trace,
#ifdef FCT_WITH_LUA
    &command_decider,     &command_command,    &command_state,
    &command_test,
#endif
#ifdef FCT_WITH_SQL
    &command_projection,  &command_parked,     &command_run,
    &command_query,
#endif
#ifdef FCT_WITH_SAGA
    &command_saga,        &command_endpoint,
#endif
#ifdef FCT_WITH_SERVER
    &command_serve,       &command_ping,
#endif
    &command_completions, &command_version,    NULL,
};

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

static void print_usage(FILE *to)
{
    (void)fprintf(to, "usage: factum [--store DIR] COMMAND [arguments]\n\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        (void)fprintf(to, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
    }
    (void)fprintf(to,
                  "\nThe store is --store, or FACTUM_STORE, or ./factum-data: a directory, or the "
                  "address of a\nserver, factum://HOST:PORT. factum COMMAND --help says more.\n");
}

static const char everywhere[] = "  --store DIR        the store (FACTUM_STORE, or ./factum-data)\n"
                                 "  --connect ADDRESS  the store of a server: factum://HOST:PORT\n"
                                 "  --quiet            no progress, no remarks\n";

static void print_notes(const struct command *command)
{
    if (command->notes != NULL) {
        (void)printf("\n%s", command->notes);
    }
}

static void print_help(const struct command *command)
{
    (void)printf("usage: factum %s\n\n%s\n", command->usage, command->summary);
    for (size_t i = 0; command->family != NULL && command->family[i] != NULL; i++) {
        const struct command *member = command->family[i];
        (void)printf("\nfactum %s\n%s\n%s", member->usage, member->summary, member->help);
        print_notes(member);
    }
    (void)printf("\n%s%s", command->help, everywhere);
    print_notes(command);
    (void)printf(
        "\nDefaults are in parentheses. The exit status is 0 after success; man factum lists the "
        "others.\n");
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

/* The name of a family's member: "validate" of "schema validate". */
static const char *member_word(const struct command *member)
{
    const char *blank = strchr(member->name, ' ');
    return blank == NULL ? member->name : blank + 1;
}

/* NULL: the family does not have the member. */
static const struct command *find_member(const struct command *family, const char *word)
{
    for (size_t i = 0; family->family[i] != NULL; i++) {
        if (strcmp(member_word(family->family[i]), word) == 0) {
            return family->family[i];
        }
    }
    return NULL;
}

static int run_version(const struct options *options)
{
    uint32_t number = factum_version_number();
    if (options->json) {
        (void)printf("{\"version\":\"%u.%u.%u\"}\n", number >> 16, number >> 8 & 255, number & 255);
    } else {
        (void)printf("factum %u.%u.%u\n", number >> 16, number >> 8 & 255, number & 255);
    }
    return 0;
}

const struct command command_version = {
    .name = "version",
    .usage = "version",
    .summary = "print the version",
    .help = "  --json             as JSON\n",
    .options = "json ",
    .run = run_version,
};

/* The length of the option at |word| that names the store; 0: another word. */
static size_t store_option(const char *word)
{
    static const char *const names[] = {"--store", "--connect"};
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(names[i]);
        if (strncmp(word, names[i], len) == 0 && (word[len] == '=' || word[len] == '\0')) {
            return len;
        }
    }
    return 0;
}

/* Parses the options before the command: --store, --connect and --quiet. Returns the index of the
 * command, argc without a command, or -1 after a message. */
static int skip_global(int argc, char **argv, struct options *options)
{
    int i = 1;
    while (i < argc) {
        size_t len = store_option(argv[i]);
        if (strcmp(argv[i], "--quiet") == 0) {
            options->quiet = true;
            i++;
        } else if (len == 0) {
            break;
        } else if (argv[i][len] == '=') {
            options->store = argv[i] + len + 1;
            options->store_given = true;
            i++;
        } else if (i + 1 == argc) {
            (void)complain("%s takes a directory or an address", argv[i]);
            return -1;
        } else {
            options->store = argv[i + 1];
            options->store_given = true;
            i += 2;
        }
    }
    return i;
}

static bool asks_for_help(const char *word)
{
    return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int run_help(int argc, char **argv, int at)
{
    const char *name = at + 1 < argc && !asks_for_help(argv[at + 1]) ? argv[at + 1] : NULL;
    const struct command *command = name == NULL ? NULL : find_command(name);
    if (name != NULL && command == NULL) {
        return complain("no command %s; factum help lists them", name);
    }
    if (command != NULL && command->family != NULL && at + 2 < argc) {
        const struct command *member = find_member(command, argv[at + 2]);
        command = member == NULL ? command : member;
    }
    if (command == NULL) {
        print_usage(stdout);
    } else {
        print_help(command);
    }
    return finish_output(0);
}

/* Of a family, the member that argv[*at] names, with *at moved on; otherwise the command itself.
 * NULL after a message, or after help with *code 0. */
static const struct command *choose(const struct command *command, int argc, char **argv, int *at,
                                    int *code)
{
    *code = EXIT_USAGE;
    if (command->family == NULL) {
        return command;
    }
    (*at)++;
    if (*at == argc) {
        (void)complain("factum %s: something is missing; usage: factum %s", command->name,
                       command->usage);
        return NULL;
    }
    if (asks_for_help(argv[*at])) {
        print_help(command);
        *code = 0;
        return NULL;
    }
    const struct command *member = find_member(command, argv[*at]);
    if (member == NULL) {
        (void)complain("no command %s %s; factum help %s lists them", command->name, argv[*at],
                       command->name);
    }
    return member;
}

/* Parses the words after the command, and runs the command. */
static int run_command(const struct command *command, int argc, char **argv,
                       struct options *options)
{
    int code = options_parse(command, argc, argv, options);
    if (code == 0 && options->help) {
        print_help(command);
    } else if (code == 0) {
        code = command->run(options);
    }
    return code;
}

int main(int argc, char **argv)
{
    const char *environment = getenv("FACTUM_STORE");
    struct options options = {
        .store = environment != NULL && environment[0] != '\0' ? environment : "factum-data"};
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of fflush */
    (void)signal(SIGXFSZ, SIG_IGN);
#ifdef FCT_WITH_SERVER
    factum_remote_enable();
#endif
    int at = skip_global(argc, argv, &options);
    if (at < 0 || at == argc) {
        if (at == argc) {
            print_usage(stderr);
        }
        return EXIT_USAGE;
    }
    if (asks_for_help(argv[at])) {
        return run_help(argc, argv, at);
    }
    bool version = strcmp(argv[at], "--version") == 0 || strcmp(argv[at], "-V") == 0;
    const char *name = version ? "version" : argv[at];
    const struct command *command = find_command(name);
    if (command == NULL && argv[at][0] == '-') {
        return complain(
            "%s: only --store, --connect and --quiet come before the command, other options "
            "after it; factum help lists the commands",
            argv[at]);
    }
    if (command == NULL) {
        return complain("no command %s; factum help lists them", argv[at]);
    }
    int code;
    command = choose(command, argc, argv, &at, &code);
    if (command != NULL) {
        code = run_command(command, argc - at - 1, argv + at + 1, &options);
    }
    return finish_output(code);
}
