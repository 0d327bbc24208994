/* script.h - what the commands of deciders share: files, the decider, pretty JSON. Layer: cli. */
#ifndef FACTUM_CLI_SCRIPT_H
#define FACTUM_CLI_SCRIPT_H

#include <factum/json.h>
#include <factum/script.h>

#include "cli/cli.h"

/* A whole file in memory; "-" is standard input. The caller frees text->ptr. 0, or the exit code
 * after a message. */
int read_file(const char *path, size_t size_max, uint8_t **bytes, size_t *len);
/* The script in |path| as the decider |name|. 0, or the exit code after a message. */
int open_decider(const char *path, const char *name, factum_script_decider **decider);
/* What a script or its data did wrong is refused by a definition: EXIT_INVALID. Otherwise as
 * fail_with. */
int fail_with_script(factum_status status, const factum_error *err);
/* The category of |stream|: what is before its first '-'. False after a message: it has none. */
bool category_of(const char *stream, char name[FACTUM_NAME_SIZE_MAX + 1]);
/* |json| over several lines, two blanks a level, without a line end after it. */
void print_pretty(FILE *to, factum_slice json);

/* blame.c: which event gave each value of a state its value. */
struct blame;
/* NULL without memory. */
struct blame *blame_create(void);
/* Accepts NULL. */
void blame_destroy(struct blame *blame);
/* The state after |event|, or, with NULL, the initial one. False without memory. */
bool blame_take(struct blame *blame, factum_slice state, const factum_event *event);
/* A line for each value: where it is, what it is, and the event. */
void blame_print(const struct blame *blame, bool json);

#endif
