/* sagas.h - what the commands of sagas share: their lists, and the arguments. Layer: cli.
 *
 * In a directory this process keeps the lists, runs no saga, and brings the lists up to date before
 * it reads them. On an address the server is asked, and answers from its lists as they are.
 */
#ifndef FACTUM_CLI_SAGAS_H
#define FACTUM_CLI_SAGAS_H

#include <factum/saga_view.h>

#include "cli/cli.h"

struct saga_lists {
    factum_store *store;
    factum_sagas *sagas; /* NULL: a server keeps the lists */
    uint64_t place;      /* the lists have to reach it before they are read */
};

/* Opens store and lists. 0, or the exit code after a message, with nothing open. */
int saga_lists_open(const struct options *options, struct saga_lists *lists);
/* Closes everything. Returns |code|, or the exit code of a failure. */
int saga_lists_close(struct saga_lists *lists, int code);
/* For a command that has |store| open already. saga_lists_release is due in any case, before the
 * store is closed. Errors: as factum_sagas_open and factum_visible_place. */
factum_status saga_lists_use(const struct options *options, factum_store *store,
                             struct saga_lists *lists, factum_error *err);
void saga_lists_release(struct saga_lists *lists);
/* Errors: as factum_sagas_list and factum_sagas_timers. */
factum_status saga_lists_list(struct saga_lists *lists, const factum_saga_filter *filter,
                              const factum_saga_each *each, factum_error *err);
factum_status saga_lists_timers(struct saga_lists *lists, const factum_saga_filter *filter,
                                const factum_saga_timer_each *each, factum_error *err);

#define SAGA_ID_TEXT_SIZE (FACTUM_SAGA_NAME_MAX + FACTUM_SAGA_ID_MAX + 2)
/* NAME-ID in |text|, which the result borrows. */
factum_slice saga_id_text(factum_slice saga, factum_slice id, char text[SAGA_ID_TEXT_SIZE]);
/* Does |text| have the form NAME-ID? False after a message. */
bool argument_saga(const char *text);
/* The status with this name, or ANY after a message on standard error. */
factum_saga_status option_status(const char *name);

/* Prints what was written to |to| as a line, and frees its memory. 0, or the exit code after a
 * message. */
int print_written(factum_json_writer *to, factum_arena *arena);

#endif
