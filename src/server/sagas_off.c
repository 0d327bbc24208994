/* sagas_off.c - a server that is built without sagas: their routes answer UNSUPPORTED.
 * Layer: server. */
#include "core/error.h"
#include "server/http_int.h"

static void refuse_sagas(struct fct_http_call *call)
{
    factum_error err;
    (void)fct_fail(&err, FACTUM_UNSUPPORTED, "this server is built without sagas");
    fct_http_fail(call, FACTUM_UNSUPPORTED, &err);
}

void fct_http_sagas_list(struct fct_http_call *call)
{
    refuse_sagas(call);
}

void fct_http_saga_versions(struct fct_http_call *call)
{
    refuse_sagas(call);
}

void fct_http_saga_get(struct fct_http_call *call)
{
    refuse_sagas(call);
}

void fct_http_saga_graph(struct fct_http_call *call)
{
    refuse_sagas(call);
}

void fct_http_saga_timers(struct fct_http_call *call)
{
    refuse_sagas(call);
}

void fct_http_saga_deploy(struct fct_http_call *call)
{
    refuse_sagas(call);
}

void fct_http_saga_act(struct fct_http_call *call)
{
    refuse_sagas(call);
}

void fct_http_endpoints_list(struct fct_http_call *call)
{
    refuse_sagas(call);
}

void fct_http_deliveries_list(struct fct_http_call *call)
{
    refuse_sagas(call);
}

void fct_http_delivery_retry(struct fct_http_call *call)
{
    refuse_sagas(call);
}

void fct_http_delivery_skip(struct fct_http_call *call)
{
    refuse_sagas(call);
}

/* Returns false: no sagas run here. */
bool fct_server_sagas_info(const struct fct_server *server, factum_sagas_info *info)
{
    (void)server;
    (void)info;
    return false;
}
