/* script.h - what the commands of deciders share: the decider, pretty JSON. Layer: cli. */
#ifndef FACTUM_CLI_SCRIPT_H
#define FACTUM_CLI_SCRIPT_H

#include <factum/deploy.h>
#include <factum/json.h>

#include "cli/cli.h"
#include "cli/deploying.h"

/* The script |text| of the file |path| as the decider |name|. 0, or the exit code after a
 * message. */
int open_text(const char *path, factum_slice text, const char *name,
              factum_script_decider **decider);
/* The same of the file itself. 0, or the exit code after a message. */
int open_decider(const char *path, const char *name, factum_script_decider **decider);
/* The store, and the decider of |category|: that of --decider, or the one that is deployed in the
 * store. Both are the caller's. 0, or the exit code after a message; then there is neither. */
int open_store_and_decider(const struct options *options, bool write, const char *category,
                           factum_store **store, factum_script_decider **decider);
/* What a script or its data did wrong is refused by a definition: EXIT_INVALID. Otherwise as
 * fail_with. */
int fail_with_script(factum_status status, const factum_error *err);
/* The category of |stream|: what is before its first '-'. False after a message: it has none. */
bool category_of(const char *stream, char name[FACTUM_NAME_SIZE_MAX + 1]);
/* |json| over several lines, two blanks a level, without a line end after it. */
void print_pretty(FILE *to, factum_slice json);

/* blame.c: a line for each value: where it is, what it is, and the event that gave it. */
void blame_print(const factum_blame *blame, bool json);

#endif
