/* async.c - the calls that do not wait: appends by completion, listeners, questions. Layer: api.
 * Reads without waiting are in cursor.c. No logic of its own. */
#include <assert.h>

#include "api/store_int.h"

#include "core/check.h"
#include "core/error.h"
#include "core/sized.h"

factum_status factum_append_submit(factum_store *store, factum_append_op *op, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_status status = fct_api_need(store != NULL, "append: a store is needed", err);
    return status == FACTUM_OK ? fct_engine_submit(&store->engine, op, err) : status;
}

void factum_append_cancel(factum_store *store, factum_append_op *op)
{
    if (store != NULL && op != NULL) {
        fct_engine_cancel(&store->engine, op);
    }
}

factum_status factum_listen(factum_store *store, factum_listener *listener, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_status status = fct_api_need(store != NULL, "listen: a store is needed", err);
    return status == FACTUM_OK ? fct_engine_listen(&store->engine, listener, err) : status;
}

void factum_unlisten(factum_store *store, factum_listener *listener)
{
    if (store != NULL) {
        fct_engine_unlisten(&store->engine, listener);
    }
}

factum_status factum_terms_get(const factum_store *store, factum_terms *terms, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    static_assert(FACTUM_TIMELINES_MAX == FCT_TIMELINES_MAX, "all timelines fit");
    factum_status status = fct_api_need(store != NULL, "terms: a store is needed", err);
    if (status == FACTUM_OK) {
        status = fct_sized_check(terms, "terms: the answer", err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    FCT_ASSERT(store != NULL);
    const struct fct_limits *limits = &store->engine.limits;
    const struct fct_timelines *timelines = &store->engine.timelines;
    factum_terms full = {
        .size = sizeof full,
        .event_size_max = limits->event_size_max,
        .append_events_max = limits->append_events_max,
        .append_size_max = limits->append_size_max,
        .queue_max = limits->queue_max,
        .queue_size_max = limits->queue_size_max,
        .timeline_count = timelines->count,
    };
    for (uint32_t i = 0; i < timelines->count; i++) {
        full.timelines[i] = (factum_timeline){timelines->items[i].id, timelines->items[i].from};
    }
    fct_sized_write(terms, &full, sizeof full);
    return FACTUM_OK;
}

factum_status factum_ask(factum_store *store, factum_question *question, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_status status = fct_api_need(store != NULL, "ask: a store is needed", err);
    bool whole = question != NULL && question->size >= sizeof *question; /* otherwise the engine
                                                                          * refuses it */
    if (status == FACTUM_OK && whole) {
        status = fct_api_need(question->done != NULL,
                              "ask: a question needs a function for a late answer (done)", err);
    }
    return status == FACTUM_OK ? fct_engine_ask(&store->engine, question, err) : status;
}
