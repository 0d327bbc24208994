/* parked_sagas.h - what waits for an operator besides the events of read models: commands that an
 * endpoint did not take, and sagas that are stuck. Layer: cli. Only with sagas.
 */
#ifndef FACTUM_CLI_PARKED_SAGAS_H
#define FACTUM_CLI_PARKED_SAGAS_H

#include "cli/read_models.h"
#include "cli/table.h"

/* Adds them to |table|, whose columns are those of factum parked list, or prints them as lines of
 * JSON. |key|, if it is not empty, is of deliveries, and leaves sagas out. At an address the server
 * tells of both. 0, or the exit code after a message. */
int parked_sagas_list(const struct read_models *models, factum_slice key, struct table *table);

#endif
