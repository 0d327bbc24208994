/* parked_sagas.h - what waits for an operator besides the events of read models: commands that
 * an endpoint did not accept, and stuck sagas. Layer: cli. Only with sagas. */
#ifndef FACTUM_CLI_PARKED_SAGAS_H
#define FACTUM_CLI_PARKED_SAGAS_H

#include "cli/read_models.h"
#include "cli/table.h"

/* Adds them to |table|, which has the columns of factum parked list, or prints them as lines of
 * JSON. A |key| that is not empty selects deliveries and leaves sagas out. On an address the server
 * is asked for both. 0, or the exit code after a message. */
int parked_sagas_list(const struct read_models *models, factum_slice key, struct table *table);

#endif
