/* cmd_schema.h - what the commands of factum schema share. Layer: cli. */
#ifndef FACTUM_CLI_CMD_SCHEMA_H
#define FACTUM_CLI_CMD_SCHEMA_H

#include <factum/schema.h>

#include "cli/cli.h"

/* False after a message. */
bool schema_options_from(const struct options *options, factum_schema_options *schema);
/* Prints one line of JSON: {"valid":false,"errors":[{"pointer":...,"schema":...,"text":...}]} */
void schema_print_result(const factum_schema_result *result);
/* cmd_schema_batch.c: --batch, from standard input; returns the exit code. */
int schema_run_batch(const factum_schema_options *options);

#endif
