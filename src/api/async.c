/* async.c - the calls that do not wait: appends by completion, listeners, questions. Layer: api.
 * Reads without waiting are in cursor.c. No logic of its own. */
#include "api/store_int.h"

#include "core/error.h"

factum_status factum_append_submit(factum_store *store, factum_append_op *op, factum_error *err)
{
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
    factum_status status = fct_api_need(store != NULL, "listen: a store is needed", err);
    return status == FACTUM_OK ? fct_engine_listen(&store->engine, listener, err) : status;
}

void factum_unlisten(factum_store *store, factum_listener *listener)
{
    if (store != NULL) {
        fct_engine_unlisten(&store->engine, listener);
    }
}

factum_status factum_ask(factum_store *store, factum_question *question, factum_error *err)
{
    factum_status status = fct_api_need(store != NULL, "ask: a store is needed", err);
    bool whole = question != NULL && question->size >= sizeof *question; /* or the engine refuses */
    if (status == FACTUM_OK && whole) {
        status = fct_api_need(question->done != NULL,
                              "ask: a question needs a function for a late answer (done)", err);
    }
    return status == FACTUM_OK ? fct_engine_ask(&store->engine, question, err) : status;
}
