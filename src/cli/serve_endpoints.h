/* serve_endpoints.h - the endpoints that factum serve calls. Layer: cli. */
#ifndef FACTUM_CLI_SERVE_ENDPOINTS_H
#define FACTUM_CLI_SERVE_ENDPOINTS_H

#include <factum/endpoint.h>

#include "server/config.h"

/* Opens the endpoints in the folder "models" of the store's directory, if the configuration allows
 * any host; otherwise *endpoints is NULL. Closed by factum_endpoints_close. Errors: as
 * factum_endpoints_open; INVALID (the file of secrets cannot be read, others may read it, or one of
 * its lines is not "NAME = SECRET"). */
factum_status serve_endpoints_open(factum_store *store, const struct fct_config *config,
                                   const factum_log_sink *log, factum_endpoints **endpoints,
                                   factum_error *err);

#endif
