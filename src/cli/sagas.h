/* sagas.h - what the commands of sagas share: their lists, and the arguments. Layer: cli.
 *
 * In a directory the lists are kept by this process, which runs no saga, and are up to date before
 * they are asked. On an address the server is asked, which answers as its lists are.
 */
#ifndef FACTUM_CLI_SAGAS_H
#define FACTUM_CLI_SAGAS_H

#include <factum/saga_view.h>

#include "cli/cli.h"

struct saga_lists {
    factum_store *store;
    factum_sagas *sagas; /* NULL: a server has them */
    uint64_t place;      /* that they are asked for */
};

/* 0, or the exit code after a message; then nothing is open. */
int saga_lists_open(const struct options *options, struct saga_lists *lists);
/* Closes all; |code|, or the exit code of a failure. */
int saga_lists_close(struct saga_lists *lists, int code);
/* For a command that has |store| open already. Release it in any case, before the store is
 * closed. As factum_sagas_open and factum_visible_place. */
factum_status saga_lists_use(const struct options *options, factum_store *store,
                             struct saga_lists *lists, factum_error *err);
void saga_lists_release(struct saga_lists *lists);
/* As factum_sagas_list and factum_sagas_timers. */
factum_status saga_lists_list(struct saga_lists *lists, const factum_saga_filter *filter,
                              const factum_saga_each *each, factum_error *err);
factum_status saga_lists_timers(struct saga_lists *lists, const factum_saga_filter *filter,
                                const factum_saga_timer_each *each, factum_error *err);

/* Is |text| NAME-ID? False after a message. */
bool argument_saga(const char *text);
/* The status with this name. If there is none: ANY, after a message on standard error. */
factum_saga_status option_status(const char *name);

/* Prints what was written into |to| as a line, and gives its memory back. */
void print_written(factum_json_writer *to, factum_arena *arena);

#endif
