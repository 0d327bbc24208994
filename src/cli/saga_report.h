/* saga_report.h - what the commands that check a saga share: its file, the bounds, the verdict.
 * Layer: cli. */
#ifndef FACTUM_CLI_SAGA_REPORT_H
#define FACTUM_CLI_SAGA_REPORT_H

#include <factum/saga.h>

#include "cli/cli.h"

/* Loads |text| of the file |path| and prints warnings. 0, or the exit code after a message. */
int saga_load(const struct options *options, const char *path, factum_slice text,
              const factum_schemas *schemas, factum_saga **saga);
/* Parses --generations, --acts, --states-max. False after a message. */
bool saga_bounds(const struct options *options, factum_saga_bounds *bounds);
/* Checks |saga|, with a bar on a terminal, and prints the findings. 0, or the exit code:
 * EXIT_INVALID if it is not sound. */
int saga_check(const struct options *options, const factum_saga *saga,
               const factum_saga_bounds *bounds);
/* Prints the run that breaks a rule to standard output or standard error. */
void saga_print_run(FILE *to, const factum_saga_report *report);

#endif
