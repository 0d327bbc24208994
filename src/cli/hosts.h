/* hosts.h - what a served store runs besides: read models, and sagas. Layer: cli. */
#ifndef FCT_CLI_HOSTS_H
#define FCT_CLI_HOSTS_H

#include <factum/store.h>

struct hosts {
    struct factum_models *models; /* NULL: none, or built without SQLite */
    struct factum_sagas *sagas;   /* NULL: none, or built without sagas */
};

/* Opens what is in |directory|/models. All NULL on failure. */
factum_status hosts_open(factum_store *store, const char *directory, const factum_log_sink *log,
                         struct hosts *hosts, factum_error *err);
/* Before the store is closed. */
void hosts_close(struct hosts *hosts);

#endif
