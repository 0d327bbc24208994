/* cmd_completions.c - factum completions bash: a script generated from the table of commands.
 * Layer: cli. */
#include <string.h>

#include "cli/cli.h"

static void print_options(const char *names)
{
    while (*names != '\0') {
        size_t len = strcspn(names, " ");
        (void)printf("--%.*s ", (int)len, names);
        names += len + (names[len] == ' ' ? 1 : 0);
    }
}

/* The members of a family by the words after its name, and their options. */
static void print_family(const struct command *family)
{
    for (size_t i = 0; family->family[i] != NULL; i++) {
        (void)printf("%s ", strchr(family->family[i]->name, ' ') + 1);
    }
    for (size_t i = 0; family->family[i] != NULL; i++) {
        print_options(family->family[i]->options);
    }
}

static int run(const struct options *options)
{
    if (strcmp(options->arguments[0], "bash") != 0) {
        return complain("completions exist for bash only");
    }
    (void)printf(
        "_factum() {\n"
        "    local word=${COMP_WORDS[COMP_CWORD]} i command=\n"
        "    case ${COMP_WORDS[COMP_CWORD - 1]} in\n"
        "    --expected) COMPREPLY=($(compgen -W 'any no-stream exists' -- \"$word\")); "
        "return ;;\n"
        "    --durability) COMPREPLY=($(compgen -W 'sync os' -- \"$word\")); return ;;\n"
        "    --sort) COMPREPLY=($(compgen -W 'first name count' -- \"$word\")); return ;;\n"
        "    --on-error) COMPREPLY=($(compgen -W 'stop skip' -- \"$word\")); return ;;\n"
        "    --store | --connect | --backup) COMPREPLY=($(compgen -d -- \"$word\")); return ;;\n"
        "    --draft) COMPREPLY=($(compgen -W '06 07 2019-09 2020-12' -- \"$word\")); return ;;\n"
        "    metadata) COMPREPLY=($(compgen -W 'get set' -- \"$word\")); return ;;\n"
        "    completions) COMPREPLY=($(compgen -W bash -- \"$word\")); return ;;\n"
        "    esac\n"
        "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
        "        case ${COMP_WORDS[i]} in\n"
        "        --store | --connect) ((i++)) ;;\n"
        "        -*) ;;\n"
        "        *) command=${COMP_WORDS[i]}; break ;;\n"
        "        esac\n"
        "    done\n"
        "    case $command in\n"
        "    '' | help) COMPREPLY=($(compgen -W '--store --connect --quiet help ");
    for (size_t i = 0; commands[i] != NULL; i++) {
        (void)printf("%s ", commands[i]->name);
    }
    (void)printf("' -- \"$word\")) ;;\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        (void)printf("    %s) COMPREPLY=($(compgen -W '--store --connect --quiet --help ",
                     commands[i]->name);
        if (commands[i]->family != NULL) {
            print_family(commands[i]);
        } else {
            print_options(commands[i]->options);
        }
        (void)printf("' -- \"$word\")) ;;\n");
    }
    (void)printf("    esac\n}\ncomplete -o default -F _factum factum\n");
    return 0;
}

const struct command command_completions = {
    .name = "completions",
    .usage = "completions bash",
    .summary = "print a completion script: source <(factum completions bash)",
    .help = "",
    .options = "",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};
