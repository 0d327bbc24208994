/* parked_deliveries.h - commands that an endpoint did not accept: listed, retried, skipped. Layer:
 * cli. Only with sagas.
 *
 * In a directory the file of the endpoints' host is opened, and nothing is delivered: a retried
 * command is sent when a host runs. On an address the server is asked, unless --models names a
 * directory.
 */
#ifndef FACTUM_CLI_PARKED_DELIVERIES_H
#define FACTUM_CLI_PARKED_DELIVERIES_H

#include <factum/endpoint.h>

#include "cli/read_models.h"

/* Calls |each| for the parked commands of |key| (empty: all). 0, or the exit code after a
 * message. */
int parked_deliveries_list(const struct read_models *models, factum_slice key,
                           const factum_endpoint_parked_each *each);

/* factum parked retry SERVICE [KEY] --delivery: prints first what is sent, and in which order. */
int parked_deliveries_retry(const struct options *options);
/* factum parked skip SERVICE POSITION --why TEXT --delivery */
int parked_deliveries_skip(const struct options *options);

#endif
