/* deploying.h - what the commands share that deploy a file: its text, and who deploys it. Layer:
 * cli. */
#ifndef FACTUM_CLI_DEPLOYING_H
#define FACTUM_CLI_DEPLOYING_H

#include "cli/cli.h"

/* Reads a whole file into memory; "-" is standard input. The caller frees *bytes. 0, or the exit
 * code after a message. */
int read_file(const char *path, size_t size_max, uint8_t **bytes, size_t *len);
/* Who acts: --by, or the name of the user. Lasts until the next call. */
factum_slice who_acts(const struct options *options);
/* Prints ,"name":"text" on standard output; nothing if |text| is empty. */
void print_filled_member(const char *name, factum_slice text);

#endif
