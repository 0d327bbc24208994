/* cmd_schema.h - what the commands of factum schema share. Layer: cli. */
#ifndef FACTUM_CLI_CMD_SCHEMA_H
#define FACTUM_CLI_CMD_SCHEMA_H

#include <factum/schema.h>

#include "cli/cli.h"

struct content {
    uint8_t *bytes; /* freed with free() */
    size_t len;
};
/* Reads a whole file, or standard input for "-". 0, or the exit code after a message. */
int content_read(const char *path, size_t size_max, struct content *content);
/* False after a message. */
bool schema_options_from(const struct options *options, factum_schema_options *schema);
/* Prints one line of JSON: {"valid":false,"errors":[{"pointer":...,"schema":...,"text":...}]} */
void schema_print_result(const factum_schema_result *result);
/* cmd_schema_batch.c: --batch, from standard input; returns the exit code. */
int schema_run_batch(const factum_schema_options *options);

#endif
