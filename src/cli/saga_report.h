/* saga_report.h - what the commands share that check a saga: its file, the bounds, the verdict.
 * Layer: cli. */
#ifndef FACTUM_CLI_SAGA_REPORT_H
#define FACTUM_CLI_SAGA_REPORT_H

#include <factum/saga.h>

#include "cli/cli.h"

/* Loads |text|, the file |path|. 0, or the exit code after a message; warnings are printed. */
int saga_load(const struct options *options, const char *path, factum_slice text,
              const factum_schemas *schemas, factum_saga **saga);
/* --generations, --acts, --states-max. False after a message. */
bool saga_bounds(const struct options *options, factum_saga_bounds *bounds);
/* Checks |saga|, with a bar on a terminal, and prints what was found. 0, or the exit code: INVALID
 * if it is not sound. */
int saga_check(const struct options *options, const factum_saga *saga,
               const factum_saga_bounds *bounds);
/* The run that breaks a rule, on standard output or standard error. */
void saga_print_run(FILE *to, const factum_saga_report *report);

#endif
