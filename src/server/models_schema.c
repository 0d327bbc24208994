/* models_schema.c - refuses a schema that would take away what a deployed projection needs.
 * Layer: server. See models.h. */
#include <factum/projection.h>

#include "core/error.h"
#include "server/models.h"

factum_status fct_models_schema_check(struct fct_server *server, factum_slice subject,
                                      factum_slice schema, factum_error *err)
{
    return factum_projection_schema_check(server->store, subject, schema, err);
}
