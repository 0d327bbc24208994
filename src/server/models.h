/* models.h - what the server does with the read models that it was given. Layer: server, which uses
 * their public API alone (factum/models.h).
 *
 * models_sync.c lets appends wait for them, http_models.c shows them, http_model_query.c asks them,
 * http_projections.c deploys their definitions and acts on them, http_models_metrics.c measures
 * them; models_schema.c asks what they need of schemas. A server that is built without SQLite has
 * models_off.c in place of all of these.
 *
 * Everything that looks at a model may wait, for SQLite or for the store, and so is done by jobs.
 */
#ifndef FCT_SERVER_MODELS_H
#define FCT_SERVER_MODELS_H

#include <factum/decider.h>

#include "server/http_int.h"

/* How long an append is held up by models of mode sync, at most. */
#define FCT_MODELS_SYNC_MS 5000

/* May a server be started with |models|? UNSUPPORTED: it is built without them. */
FCT_MUST_USE factum_status fct_models_check(const struct factum_models *models, factum_error *err);

/* Holds up the append |pending|, which the store has ended, if a model of mode sync may want its
 * events: true, and fct_append_end is called, perhaps later. False: it is to be answered now. On
 * the loop. */
FCT_MUST_USE bool fct_models_sync_start(struct fct_server *server, struct fct_pending *pending);
/* Waits for the models of mode sync that want one of the events of the commit of |result|, on the
 * thread of a job that *stop ends. Adds the member "behind" to |out| if one is not there in time.
 */
FCT_MUST_USE factum_status fct_models_sync_commit(struct fct_server *server,
                                                  const factum_result *result,
                                                  const _Atomic bool *stop, struct fct_buf *out);
/* ,"behind":{"model":"...","events":3,"seconds":0.250,"detail":"..."} */
FCT_MUST_USE factum_status fct_models_put_behind(struct fct_buf *out,
                                                 const struct fct_behind *behind);
/* The same as a value of metadata: "orders; events=3; seconds=0.250". */
#define FCT_BEHIND_TEXT_SIZE 160
void fct_models_behind_text(const struct fct_behind *behind, char text[FCT_BEHIND_TEXT_SIZE]);

/* The trailer "factum-behind" with |text| into |field|: how many there are, none if it is empty. */
size_t fct_models_behind_field(const char *text, struct fct_field *field);

/* May |schema| be registered for |subject|? CONDITION_FAILED: a deployed projection needs what it
 * takes away, says the text. As factum_projection_schema_check. On the thread of a job. */
FCT_MUST_USE factum_status fct_models_schema_check(struct fct_server *server, factum_slice subject,
                                                   factum_slice schema, factum_error *err);

/* Answers /metrics with what models there are, by a job: true. False: there are none. */
FCT_MUST_USE bool fct_models_metrics_start(struct fct_http_call *call, unsigned form);
/* http_metrics.c: the answer, with |models| from that job. */
void fct_http_metrics_answer(struct fct_http_call *call, unsigned form, factum_slice models);

#endif
