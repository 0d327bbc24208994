/* models.h - what the server does with its read models. Layer: server, which uses their public API
 * alone (factum/models.h).
 *
 * models_sync.c lets appends wait for models; http_models.c lists them; http_model_query.c queries
 * them; http_projections.c deploys their definitions and acts on them; http_models_metrics.c
 * measures them; models_schema.c asks what they need of schemas. A server that is built without
 * SQLite has models_off.c in place of all of these.
 *
 * Reading a model may wait for SQLite or for the store, so jobs do it.
 */
#ifndef FCT_SERVER_MODELS_H
#define FCT_SERVER_MODELS_H

#include <factum/decider.h>

#include "server/http_int.h"

/* The longest time for which models of mode sync delay an append. */
#define FCT_MODELS_SYNC_MS 5000

/* Checks that a server may be started with |models|. Errors: UNSUPPORTED (it is built without
 * them). */
FCT_MUST_USE factum_status fct_models_check(const struct factum_models *models, factum_error *err);

/* Delays the append |pending|, which the store has ended, if a model of mode sync may want its
 * events. Returns true if fct_append_end will be called, possibly later; false if the append is to
 * be answered now. On the loop. */
FCT_MUST_USE bool fct_models_sync_start(struct fct_server *server, struct fct_pending *pending);
/* A read of the events of the commit of |result|. */
static inline factum_read_request fct_read_of_commit(const factum_result *result)
{
    return (factum_read_request){
        .size = sizeof(factum_read_request),
        .from = FACTUM_FROM_POSITION,
        .from_value = result->first_position,
        .count_max = result->event_count,
        .until_position_set = true,
        .until_position = result->position,
    };
}

/* Waits, on the thread of a job that *stop ends, for the models of mode sync that want an event of
 * the commit of |result|. Adds the member "behind" to |out| if a model does not have them in
 * time. */
FCT_MUST_USE factum_status fct_models_sync_commit(struct fct_server *server,
                                                  const factum_result *result,
                                                  const _Atomic bool *stop, struct fct_buf *out);
/* Adds ,"behind":{"model":"...","events":3,"seconds":0.250,"detail":"..."}. */
FCT_MUST_USE factum_status fct_models_put_behind(struct fct_buf *out,
                                                 const struct fct_behind *behind);
/* The same as a value of metadata: "orders; events=3; seconds=0.250". */
#define FCT_BEHIND_TEXT_SIZE 160
void fct_models_behind_text(const struct fct_behind *behind, char text[FCT_BEHIND_TEXT_SIZE]);

/* Sets |field| to the trailer "factum-behind" with |text|. Returns how many fields: none if |text|
 * is empty. */
size_t fct_models_behind_field(const char *text, struct fct_field *field);

/* Checks that |schema| may be registered for |subject|, like factum_projection_schema_check. On the
 * thread of a job. Errors: CONDITION_FAILED (a deployed projection needs what the schema takes
 * away; named in the text), and those of that function. */
FCT_MUST_USE factum_status fct_models_schema_check(struct fct_server *server, factum_slice subject,
                                                   factum_slice schema, factum_error *err);

/* Answers /metrics with the models, by a job. Returns false if the server has no models. */
FCT_MUST_USE bool fct_models_metrics_start(struct fct_http_call *call, unsigned form);
/* http_metrics.c: sends the answer, with |models| of that job. */
void fct_http_metrics_answer(struct fct_http_call *call, unsigned form, factum_slice models);

#endif
