/* script.h - what the commands of deciders share: the decider, pretty JSON. Layer: cli. */
#ifndef FACTUM_CLI_SCRIPT_H
#define FACTUM_CLI_SCRIPT_H

#include <factum/deploy.h>
#include <factum/json.h>

#include "cli/cli.h"

/* Opens the script |text| of the file |path| as the decider |name|. 0, or the exit code after a
 * message. */
int open_text(const char *path, factum_slice text, const char *name,
              factum_script_decider **decider);
/* The same from the file. 0, or the exit code after a message. */
int open_decider(const char *path, const char *name, factum_script_decider **decider);
/* Opens the store, and the decider of |category|: the script of --decider, or the deployed decider.
 * The caller closes both. 0, or the exit code after a message, with neither open. */
int open_store_and_decider(const struct options *options, bool write, const char *category,
                           factum_store **store, factum_script_decider **decider);
/* A fault of a script or of its data is EXIT_INVALID; otherwise as fail_with. */
int fail_with_script(factum_status status, const factum_error *err);
/* The category of |stream|: the part before its first '-'. False after a message: it has none. */
bool category_of(const char *stream, char name[FACTUM_NAME_SIZE_MAX + 1]);
/* Prints |json| over several lines, two blanks a level, without a line end after it. */
void print_pretty(FILE *to, factum_slice json);

/* blame.c: prints a line for each value: its place, the value, and the event that set it. */
void blame_print(const factum_blame *blame, bool json);

#endif
