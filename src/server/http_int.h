/* http_int.h - what the families of routes share: events of a body, selections of events, and each
 * route's function. Layer: server. */
#ifndef FCT_SERVER_HTTP_INT_H
#define FCT_SERVER_HTTP_INT_H

#include <factum/ndjson.h>
#include <factum/sagas.h>

#include "codec/json.h"
#include "codec/json_doc.h"
#include "server/http_call.h"

/* ---- http_events.c: events and queries in a body --------------------------------------------- */

/* Events that become one append. Their slices point into the body, or into the call's memory. */
struct fct_http_events {
    factum_ndjson *ndjson; /* the caller destroys it */
    factum_slice stream;   /* of the path; empty: each event names its own */
    factum_new_event *items;
    size_t count;
    size_t room;
    factum_slice key; /* the key that the events name; empty: none */
};

/* Parses the body, which may contain events, with its outer |levels|, into |doc|, which the caller
 * finishes in any case. Errors: INVALID; TOO_BIG (more than FCT_HTTP_NODES_MAX values);
 * NO_MEMORY. */
#define FCT_HTTP_NODES_MAX 500000 /* FCT_HTTP_EVENTS_MAX events, and as many expectations */
FCT_MUST_USE factum_status fct_http_body_json(struct fct_http_call *call, unsigned levels,
                                              struct fct_json_doc *doc, factum_error *err);
/* Takes an array of events, or one event. Errors: INVALID (names the event), TOO_BIG, NO_MEMORY. */
FCT_MUST_USE factum_status fct_http_events_json(struct fct_http_call *call, const factum_json *json,
                                                uint32_t value, struct fct_http_events *events,
                                                factum_error *err);
/* Takes lines of JSON: the whole body. Errors: as above. */
FCT_MUST_USE factum_status fct_http_events_lines(struct fct_http_call *call,
                                                 struct fct_http_events *events, factum_error *err);
/* CloudEvents by |mode| (http_cloudevents.c). */
enum fct_cloud_mode { FCT_CLOUD_NONE, FCT_CLOUD_BINARY, FCT_CLOUD_STRUCTURED, FCT_CLOUD_BATCH };
enum fct_cloud_mode fct_http_cloud_mode(const struct fct_http_call *call);
FCT_MUST_USE factum_status fct_http_events_cloud(struct fct_http_call *call,
                                                 enum fct_cloud_mode mode,
                                                 struct fct_http_events *events, factum_error *err);
/* Makes room for |count| more items. Errors: TOO_BIG (over FCT_HTTP_EVENTS_MAX), NO_MEMORY. */
FCT_MUST_USE factum_status fct_http_events_reserve(struct fct_http_call *call,
                                                   struct fct_http_events *events, size_t count,
                                                   factum_error *err);
/* Adds the event |text|, a line of JSON, for which there is room. |text| must last for the call
 * only, unless it is in the body. Errors: INVALID, NO_MEMORY. */
FCT_MUST_USE factum_status fct_http_events_add(struct fct_http_call *call,
                                               struct fct_http_events *events, factum_slice text,
                                               factum_error *err);
/* Decodes a JSON string into the call's memory. Errors: INVALID (no string, or not UTF-8),
 * NO_MEMORY. */
FCT_MUST_USE factum_status fct_http_json_text(struct fct_http_call *call, factum_slice raw,
                                              factum_slice *text);
/* Parses a query in JSON: [{"types": [...], "tags": [...]}, ...] */
FCT_MUST_USE factum_status fct_http_query_json(struct fct_http_call *call, factum_slice text,
                                               factum_query *query, factum_error *err);

/* ---- http_context.c -------------------------------------------------------------------------- */

/* Fills |call|, in the call's memory: the principal, and the trace, the flow and the cause of the
 * header. Errors: INVALID, NO_MEMORY. */
FCT_MUST_USE factum_status fct_http_context_read(struct fct_http_call *call, factum_call *context,
                                                 factum_error *err);

/* ---- http_append.c --------------------------------------------------------------------------- */

/* An append under way. Take it from the call's memory, fill pending.request and pending.op. */
struct fct_http_append {
    struct fct_http_call *call;
    struct fct_pending pending;
    factum_call context;
    bool under_way;
    bool by_field; /* a wrong revision is a failed precondition, 412 */
    /* Answers; the exchange exists. NULL: the answer of an append. */
    void (*answer)(struct fct_http_append *append);
    void *state;
};
/* Starts it, or answers the reason. */
void fct_http_append_start(struct fct_http_call *call, struct fct_http_append *append);
/* Refuses an append that has ended, or could not be started. */
void fct_http_append_refuse(struct fct_http_append *append, factum_status status,
                            const factum_error *err);

/* ---- http_violation.c ------------------------------------------------------------------------ */

/* Adds the members "event", "stream", "pointer" and "schema" of a SCHEMA_VIOLATION with |text| for
 * event |index|; nothing if the event does not exist. */
FCT_MUST_USE factum_status fct_http_violation_put(struct fct_buf *out,
                                                  const factum_append_request *request,
                                                  size_t index, const char *text);

/* ---- http_select.c --------------------------------------------------------------------------- */

/* The events of a read or a live tail. */
struct fct_http_selection {
    factum_read_request request;
    factum_query query;
    factum_filter filter;
    factum_slice prefix;
};
/* |live|: the rest of the query must fit a live tail. Errors: INVALID, WRONG_TIMELINE and
 * others. */
FCT_MUST_USE factum_status fct_http_select(struct fct_http_call *call, bool live,
                                           struct fct_http_selection *selection, factum_error *err);
#define FCT_HTTP_SELECT_QUERY " after from limit backwards at time-at system wait prefix "

/* Reads ?at and ?time-at: as of a recorded time, a revision of the stream, a token; a writers'
 * time. */
FCT_MUST_USE factum_status fct_http_at(const struct fct_http_call *call,
                                       factum_read_request *request, factum_error *err);

/* http_commands.c: checks that {category} is a category. Errors: INVALID. */
FCT_MUST_USE factum_status fct_http_category(const struct fct_http_call *call, factum_error *err);

/* http_live.c: the answer as server-sent events. */
void fct_http_live(struct fct_http_call *call);
/* Returns the name of a stream's state in answers. */
const char *fct_http_state_name(factum_stream_state state);

/* http_wait.c: waits as ?wait=TOKEN and Prefer: wait=N ask, then runs the route's function. */
void fct_http_wait_and_run(struct fct_http_call *call);

/* ---- the routes' functions ------------------------------------------------------------------- */

void fct_http_append_stream(struct fct_http_call *call);
void fct_http_append_events(struct fct_http_call *call);
void fct_http_read_events(struct fct_http_call *call);
void fct_http_list_streams(struct fct_http_call *call);
void fct_http_list_categories(struct fct_http_call *call);
void fct_http_list_types(struct fct_http_call *call);
void fct_http_list_tags(struct fct_http_call *call);
void fct_http_stream_info(struct fct_http_call *call);
void fct_http_metadata_get(struct fct_http_call *call);
void fct_http_metadata_put(struct fct_http_call *call);
void fct_http_stream_delete(struct fct_http_call *call);
void fct_http_store_info(struct fct_http_call *call);
void fct_http_health_live(struct fct_http_call *call);
void fct_http_health_ready(struct fct_http_call *call);
void fct_http_node_info(struct fct_http_call *call);
void fct_http_gossip(struct fct_http_call *call);
void fct_http_schemas_list(struct fct_http_call *call);
void fct_http_schema_get(struct fct_http_call *call);
void fct_http_schema_register(struct fct_http_call *call);
void fct_http_schema_check(struct fct_http_call *call);
void fct_http_schema_mode_put(struct fct_http_call *call);
void fct_http_deciders_list(struct fct_http_call *call);
void fct_http_decider_get(struct fct_http_call *call);
void fct_http_decider_deploy(struct fct_http_call *call);
void fct_http_command(struct fct_http_call *call);
void fct_http_stream_state(struct fct_http_call *call);
/* http_traces.c */
void fct_http_trace(struct fct_http_call *call);
void fct_http_metrics(struct fct_http_call *call);
void fct_http_models_list(struct fct_http_call *call);
void fct_http_model_get(struct fct_http_call *call);
void fct_http_model_parked(struct fct_http_call *call);
void fct_http_model_query(struct fct_http_call *call);
void fct_http_projections_list(struct fct_http_call *call);
void fct_http_projection_get(struct fct_http_call *call);
void fct_http_projection_deploy(struct fct_http_call *call);
void fct_http_projection_act(struct fct_http_call *call);
void fct_http_projection_act_get(struct fct_http_call *call);
void fct_http_projection_diff(struct fct_http_call *call);
/* http_sagas.c, or sagas_off.c */
bool fct_server_sagas_info(const struct fct_server *server, factum_sagas_info *info);
void fct_http_sagas_list(struct fct_http_call *call);
void fct_http_saga_versions(struct fct_http_call *call);
void fct_http_saga_get(struct fct_http_call *call);
void fct_http_saga_graph(struct fct_http_call *call);
void fct_http_saga_timers(struct fct_http_call *call);
void fct_http_saga_deploy(struct fct_http_call *call);
void fct_http_saga_act(struct fct_http_call *call);
/* http_endpoints.c, or sagas_off.c */
void fct_http_endpoints_list(struct fct_http_call *call);
void fct_http_deliveries_list(struct fct_http_call *call);
void fct_http_delivery_retry(struct fct_http_call *call);
void fct_http_delivery_skip(struct fct_http_call *call);
void fct_http_model_try(struct fct_http_call *call);

#endif
