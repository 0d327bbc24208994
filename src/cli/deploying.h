/* deploying.h - what the commands that deploy share: who deploys, and its printing. Layer:
 * cli. */
#ifndef FACTUM_CLI_DEPLOYING_H
#define FACTUM_CLI_DEPLOYING_H

#include "cli/cli.h"

/* Who acts: --by, or the name of the user. Lasts until the next call. */
factum_slice who_acts(const struct options *options);
/* Prints ,"name":"text" on standard output; nothing if |text| is empty. */
void print_filled_member(const char *name, factum_slice text);

#endif
