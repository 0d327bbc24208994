/* models_off.c - a server that is built without SQLite: the functions of models.h and the routes of
 * read models, which answer UNSUPPORTED. Layer: server. */
#include "core/error.h"
#include "server/models.h"

static factum_status refuse_models(factum_error *err)
{
    return fct_fail(err, FACTUM_UNSUPPORTED, "this server is built without read models (SQLite)");
}

factum_status fct_models_check(const struct factum_models *models, factum_error *err)
{
    return models == NULL ? FACTUM_OK : refuse_models(err);
}

bool fct_models_sync_start(struct fct_server *server, struct fct_pending *pending)
{
    (void)server;
    (void)pending;
    return false;
}

factum_status fct_models_sync_commit(struct fct_server *server, const factum_result *result,
                                     const _Atomic bool *stop, struct fct_buf *out)
{
    (void)server;
    (void)result;
    (void)stop;
    (void)out;
    return FACTUM_OK;
}

factum_status fct_models_put_behind(struct fct_buf *out, const struct fct_behind *behind)
{
    (void)out;
    (void)behind;
    return FACTUM_OK;
}

void fct_models_behind_text(const struct fct_behind *behind, char text[FCT_BEHIND_TEXT_SIZE])
{
    (void)behind;
    text[0] = '\0';
}

size_t fct_models_behind_field(const char *text, struct fct_field *field)
{
    (void)text;
    (void)field;
    return 0;
}

factum_status fct_models_schema_check(struct fct_server *server, factum_slice subject,
                                      factum_slice schema, factum_error *err)
{
    (void)server;
    (void)subject;
    (void)schema;
    (void)err;
    return FACTUM_OK;
}

bool fct_models_metrics_start(struct fct_http_call *call, unsigned form)
{
    (void)call;
    (void)form;
    return false;
}

static void refuse_route(struct fct_http_call *call)
{
    factum_error err;
    factum_status status = refuse_models(&err);
    fct_http_fail(call, status, &err);
}

void fct_http_models_list(struct fct_http_call *call)
{
    refuse_route(call);
}

void fct_http_model_get(struct fct_http_call *call)
{
    refuse_route(call);
}

void fct_http_model_parked(struct fct_http_call *call)
{
    refuse_route(call);
}

void fct_http_model_query(struct fct_http_call *call)
{
    refuse_route(call);
}

void fct_http_projections_list(struct fct_http_call *call)
{
    refuse_route(call);
}

void fct_http_projection_get(struct fct_http_call *call)
{
    refuse_route(call);
}

void fct_http_projection_deploy(struct fct_http_call *call)
{
    refuse_route(call);
}

void fct_http_projection_act(struct fct_http_call *call)
{
    refuse_route(call);
}

void fct_http_projection_act_get(struct fct_http_call *call)
{
    refuse_route(call);
}

void fct_http_projection_diff(struct fct_http_call *call)
{
    refuse_route(call);
}

void fct_http_model_try(struct fct_http_call *call)
{
    refuse_route(call);
}
