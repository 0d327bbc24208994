/* http_routes.c - every path of the HTTP door, in one table. Layer: server.
 *
 * docs/openapi.json describes the same routes; tests/http holds one against the other.
 */
#include "server/http_int.h"

#define LIST_QUERY " prefix after limit wait "

static const struct fct_http_route http_routes[] = {
    {"POST", "/api/v1/streams/{name}", " expected system ", fct_http_append_stream, FCT_OP_APPEND,
     true, false},
    {"GET", "/api/v1/streams/{name}", FCT_HTTP_SELECT_QUERY, fct_http_read_events,
     FCT_OP_READ_STREAM, false, false},
    {"DELETE", "/api/v1/streams/{name}", " expected tombstone ", fct_http_stream_delete,
     FCT_OP_DELETE, false, false},
    {"GET", "/api/v1/streams/{name}/info", " wait ", fct_http_stream_info, FCT_OP_READ_STREAM,
     false, false},
    {"GET", "/api/v1/streams/{name}/metadata", " wait ", fct_http_metadata_get,
     FCT_OP_READ_METADATA, false, false},
    {"PUT", "/api/v1/streams/{name}/metadata", " expected ", fct_http_metadata_put,
     FCT_OP_WRITE_METADATA, true, false},
    {"GET", "/api/v1/streams/{name}/state", " at time-at revision blame wait ",
     fct_http_stream_state, FCT_OP_READ_STREAM, false, false},
    {"POST", "/api/v1/events", " expected system ", fct_http_append_events, FCT_OP_APPEND, true,
     false},
    {"GET", "/api/v1/events", FCT_HTTP_SELECT_QUERY "category type tag correlation query ",
     fct_http_read_events, FCT_OP_READ_ALL, false, false},
    {"GET", "/api/v1/streams", LIST_QUERY "category ", fct_http_list_streams, FCT_OP_LIST, false,
     false},
    {"GET", "/api/v1/categories", LIST_QUERY, fct_http_list_categories, FCT_OP_LIST, false, false},
    {"GET", "/api/v1/types", LIST_QUERY, fct_http_list_types, FCT_OP_LIST, false, false},
    {"GET", "/api/v1/tags", LIST_QUERY, fct_http_list_tags, FCT_OP_LIST, false, false},
    {"GET", "/api/v1/info", " wait ", fct_http_store_info, FCT_OP_INFO, false, false},
    {"GET", "/api/v1/schemas", " all wait ", fct_http_schemas_list, FCT_OP_READ_SCHEMAS, false,
     false},
    {"GET", "/api/v1/schemas/{subject}", " version wait ", fct_http_schema_get, FCT_OP_READ_SCHEMAS,
     false, false},
    {"POST", "/api/v1/schemas/{subject}", " after unproven ", fct_http_schema_register,
     FCT_OP_REGISTER_SCHEMA, true, false},
    {"POST", "/api/v1/schemas/{subject}/check", " after unproven ", fct_http_schema_check,
     FCT_OP_REGISTER_SCHEMA, true, false},
    {"PUT", "/api/v1/schemas/{subject}/mode", " ", fct_http_schema_mode_put, FCT_OP_REGISTER_SCHEMA,
     true, false},
    {"GET", "/api/v1/deciders", " wait ", fct_http_deciders_list, FCT_OP_READ_DECIDERS, false,
     false},
    {"GET", "/api/v1/deciders/{category}", " revision wait ", fct_http_decider_get,
     FCT_OP_READ_DECIDERS, false, false},
    {"POST", "/api/v1/deciders/{category}", " expected why ", fct_http_decider_deploy,
     FCT_OP_DEPLOY, true, false},
    {"POST", "/api/v1/commands/{category}/{id}/{command}", " ", fct_http_command, FCT_OP_APPEND,
     true, false},
    {"GET", "/api/v1/models", " wait ", fct_http_models_list, FCT_OP_READ_MODELS, false, false},
    {"GET", "/api/v1/models/{name}", " wait ", fct_http_model_get, FCT_OP_READ_MODELS, false,
     false},
    {"GET", "/api/v1/models/{name}/parked", " key limit wait ", fct_http_model_parked,
     FCT_OP_READ_MODELS, false, false},
    {"POST", "/api/v1/models/{name}/parked/{position}/try", " typed ", fct_http_model_try,
     FCT_OP_ACT_ON_MODEL, false, false},
    {"POST", "/api/v1/models/{name}/query", " ", fct_http_model_query, FCT_OP_QUERY_MODEL, true,
     false},
    {"GET", "/api/v1/projections", " wait ", fct_http_projections_list, FCT_OP_READ_PROJECTIONS,
     false, false},
    {"GET", "/api/v1/projections/{name}", " version wait ", fct_http_projection_get,
     FCT_OP_READ_PROJECTIONS, false, false},
    {"GET", "/api/v1/projections/{name}/diff", " limit typed wait ", fct_http_projection_diff,
     FCT_OP_QUERY_MODEL, false, false},
    {"GET", "/api/v1/projections/{name}/acts/{revision}", " timeout wait ",
     fct_http_projection_act_get, FCT_OP_READ_PROJECTIONS, false, false},
    {"POST", "/api/v1/projections", " why timeout ", fct_http_projection_deploy, FCT_OP_DEPLOY,
     true, false},
    {"POST", "/api/v1/projections/{name}/{act}", " ", fct_http_projection_act, FCT_OP_ACT_ON_MODEL,
     true, false},
    {"GET", "/health/live", " ", fct_http_health_live, FCT_OP_HEALTH, false, true},
    {"GET", "/health/ready", " ", fct_http_health_ready, FCT_OP_HEALTH, false, true},
    {"GET", "/metrics", " ", fct_http_metrics, FCT_OP_METRICS, false, true},
    {"GET", "/info", " ", fct_http_node_info, FCT_OP_FEATURES, false, true},
    {"GET", "/gossip", " format ", fct_http_gossip, FCT_OP_FEATURES, false, true},
};

const struct fct_http_route *fct_http_routes(size_t *count)
{
    *count = sizeof http_routes / sizeof http_routes[0];
    return http_routes;
}
