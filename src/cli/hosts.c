/* hosts.c - see hosts.h. Layer: cli. */
#include "cli/hosts.h"

#include <limits.h>
#include <stdio.h>

#ifdef FCT_WITH_SQL
#include <factum/models.h>
#endif
#ifdef FCT_WITH_SAGA
#include <factum/sagas.h>

#include "cli/serve_endpoints.h"
#endif

#ifdef FCT_WITH_SQL
static factum_status open_hosted_models(factum_store *store, const char *path,
                                        const factum_log_sink *log, struct hosts *hosts,
                                        factum_error *err)
{
    const factum_models_options options = {.size = sizeof options, .path = path, .log = log};
    return factum_models_open(store, &options, &hosts->models, err);
}
#endif

#ifdef FCT_WITH_SAGA
static factum_status open_hosted_sagas(factum_store *store, const char *path,
                                       const factum_log_sink *log, struct hosts *hosts,
                                       factum_error *err)
{
    const factum_sagas_options options = {.size = sizeof options, .path = path, .log = log};
    return factum_sagas_open(store, &options, &hosts->sagas, err);
}
#endif

factum_status hosts_open(factum_store *store, const struct fct_config *config,
                         const factum_log_sink *log, struct hosts *hosts, factum_error *err)
{
    char path[PATH_MAX];
    factum_status status = FACTUM_OK;
    *hosts = (struct hosts){NULL, NULL, NULL};
    int len = snprintf(path, sizeof path, "%s/models", config->store);
    if (len < 0 || (size_t)len >= sizeof path) {
        (void)snprintf(err->text, sizeof err->text, "the path of the store is too long");
        return FACTUM_INVALID;
    }
    (void)store;
    (void)log;
#ifdef FCT_WITH_SQL
    status = open_hosted_models(store, path, log, hosts, err);
#endif
#ifdef FCT_WITH_SAGA
    if (status == FACTUM_OK) {
        status = open_hosted_sagas(store, path, log, hosts, err);
    }
    if (status == FACTUM_OK) {
        status = serve_endpoints_open(store, config, log, &hosts->endpoints, err);
    }
#else
    if (status == FACTUM_OK && config->endpoints.allow != NULL) {
        (void)snprintf(err->text, sizeof err->text,
                       "endpoints-allow: this program was built without sagas");
        status = FACTUM_UNSUPPORTED;
    }
#endif
    if (status != FACTUM_OK) {
        hosts_close(hosts);
    }
    return status;
}

void hosts_close(struct hosts *hosts)
{
#ifdef FCT_WITH_SAGA
    factum_endpoints_close(hosts->endpoints);
    hosts->endpoints = NULL;
    factum_sagas_close(hosts->sagas);
    hosts->sagas = NULL;
#endif
#ifdef FCT_WITH_SQL
    factum_models_close(hosts->models);
    hosts->models = NULL;
#endif
}
