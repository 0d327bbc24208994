/* serve_endpoints.h - the endpoints that factum serve calls. Layer: cli. */
#ifndef FACTUM_CLI_SERVE_ENDPOINTS_H
#define FACTUM_CLI_SERVE_ENDPOINTS_H

#include <factum/endpoint.h>

#include "server/config.h"

/* Opens them in the directory "models" of the store, if the configuration lists what may be called;
 * NULL otherwise. For factum_endpoints_close. As factum_endpoints_open; INVALID: the file of
 * secrets cannot be read, is readable for others, or a line of it is no "NAME = SECRET". */
factum_status serve_endpoints_open(factum_store *store, const struct fct_config *config,
                                   const factum_log_sink *log, factum_endpoints **endpoints,
                                   factum_error *err);

#endif
