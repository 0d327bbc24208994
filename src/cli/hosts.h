/* hosts.h - what runs in the process of a served store: read models, sagas, HTTP endpoints of
 * sagas. Layer: cli. */
#ifndef FCT_CLI_HOSTS_H
#define FCT_CLI_HOSTS_H

#include <factum/store.h>

#include "server/config.h"

struct hosts {
    struct factum_models *models; /* NULL: none, or built without SQLite */
    struct factum_sagas *sagas;   /* NULL: none, or built without sagas; as the next */
    struct factum_endpoints *endpoints;
};

/* Opens all of them, in the folder "models" of the store's directory. All NULL on failure. */
factum_status hosts_open(factum_store *store, const struct fct_config *config,
                         const factum_log_sink *log, struct hosts *hosts, factum_error *err);
/* Call before the store is closed. */
void hosts_close(struct hosts *hosts);

#endif
