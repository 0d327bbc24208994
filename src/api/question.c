/* question.c - questions about a store, and places as tokens. Layer: api. No logic of its own. */
#include "api/store_int.h"

#include "core/error.h"
#include "engine/event_copy.h"
#include "engine/token.h"

#define QUESTION(kind_) .size = sizeof(factum_question), .kind = (kind_)

void factum_event_copy_free(factum_event_copy *copy)
{
    fct_event_copy_finish(copy);
}

factum_status factum_read_event(factum_store *store, uint64_t position, factum_event_copy *copy,
                                factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_question question = {
        QUESTION(FACTUM_ASK_EVENT),
        .position = position,
        .event = copy,
    };
    factum_status status = fct_api_need(store != NULL && copy != NULL,
                                        "read: a store and a place for the event are needed", err);
    return status == FACTUM_OK ? fct_engine_answer(&store->engine, &question, err) : status;
}

factum_status factum_find_event(factum_store *store, factum_slice stream, factum_uuid id,
                                factum_event_copy *copy, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_question question = {
        QUESTION(FACTUM_ASK_FIND_EVENT),
        .name = stream,
        .id = id,
        .event = copy,
    };
    factum_status status =
        fct_api_need(store != NULL && copy != NULL,
                     "find event: a store and a place for the event are needed", err);
    return status == FACTUM_OK ? fct_engine_answer(&store->engine, &question, err) : status;
}

factum_status factum_find_key(factum_store *store, factum_slice key, factum_key_info *info,
                              factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_question question = {
        QUESTION(FACTUM_ASK_KEY),
        .name = key,
        .key = info,
    };
    factum_status status =
        fct_api_need(store != NULL && info != NULL,
                     "find key: a store and a place for the answer are needed", err);
    return status == FACTUM_OK ? fct_engine_answer(&store->engine, &question, err) : status;
}

factum_status factum_count_events(factum_store *store, factum_source source, factum_slice name,
                                  uint64_t after, uint64_t upto, uint64_t *count, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_question question = {
        QUESTION(FACTUM_ASK_COUNT), .source = source, .name = name, .position = after, .upto = upto,
    };
    if (store == NULL || count == NULL) {
        return fct_fail(err, FACTUM_INVALID,
                        "count: a store and a place for the number are needed");
    }
    factum_status status = fct_engine_answer(&store->engine, &question, err);
    if (status == FACTUM_OK) {
        *count = question.number;
    }
    return status;
}

factum_status factum_visible_place(factum_store *store, uint64_t *place, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_status status = fct_api_need(store != NULL && place != NULL,
                                        "place: a store and a place for it are needed", err);
    return status == FACTUM_OK ? fct_engine_place(&store->engine, place, err) : status;
}

factum_status factum_stream_info_get(factum_store *store, factum_slice stream,
                                     factum_stream_info *info, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_status status =
        fct_api_need(store != NULL && info != NULL,
                     "stream: a store and a place for the answer are needed", err);
    return status == FACTUM_OK ? fct_engine_stream(&store->engine, stream, info, err) : status;
}

factum_status factum_info_get(factum_store *store, factum_info *info, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_question question = {QUESTION(FACTUM_ASK_INFO), .info = info};
    factum_status status = fct_api_need(store != NULL && info != NULL,
                                        "info: a store and a place for the answer are needed", err);
    return status == FACTUM_OK ? fct_engine_answer(&store->engine, &question, err) : status;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

void factum_token_format(const factum_store *store, uint64_t place, char text[FACTUM_TOKEN_SIZE])
{
    if (store != NULL && text != NULL) {
        fct_token_format(&store->engine.timelines, place, text);
    } else if (text != NULL) {
        text[0] = '\0';
    }
}

factum_status factum_token_parse(const factum_store *store, factum_slice token, uint64_t *place,
                                 factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_status status = fct_api_need(store != NULL && place != NULL,
                                        "token: a store and a place for it are needed", err);
    return status == FACTUM_OK ? fct_token_parse(&store->engine.timelines, token, place, err)
                               : status;
}
