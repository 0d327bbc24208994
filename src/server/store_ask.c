/* store_ask.c - Open and Ask of factum.v1.Store. Layer: server.
 *
 * The store is embedded: it answers at once, never with PENDING.
 */
#include "wire/store_ask.h"

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "server/store_calls.h"
#include "wire/store_open.h"

/* Never called, because the store is embedded. */
static void ask_done(struct factum_question *question)
{
    (void)question;
}

static factum_status ask_store(struct fct_grpc_call *call, factum_question *question,
                               factum_error *err)
{
    question->size = sizeof *question;
    question->done = ask_done;
    factum_status status = factum_ask(call->server->store, question, err);
    FCT_ASSERT(status != FACTUM_PENDING);
    return status;
}

/* ---- Open ------------------------------------------------------------------------------------ */

static factum_status open_describe(struct fct_grpc_call *call, struct fct_store_opened *opened,
                                   factum_error *err)
{
    factum_store *store = call->server->store;
    factum_terms terms = {.size = sizeof terms};
    factum_info info = {.size = sizeof info};
    factum_question about = {.kind = FACTUM_ASK_INFO, .info = &info};
    factum_question place = {.kind = FACTUM_ASK_PLACE};
    factum_status status = factum_terms_get(store, &terms, err);
    if (status == FACTUM_OK) {
        status = ask_store(call, &about, err);
    }
    if (status == FACTUM_OK && ask_store(call, &place, err) != FACTUM_OK) {
        place.number = 0; /* a store that has failed is opened as well */
    }
    *opened = (struct fct_store_opened){
        .protocol = FCT_STORE_PROTOCOL,
        .capabilities = factum_capabilities(store),
        .event_size_max = terms.event_size_max,
        .append_events_max = terms.append_events_max,
        .append_size_max = terms.append_size_max,
        .queue_max = terms.queue_max,
        .queue_size_max = terms.queue_size_max,
        .store_id = info.store_id,
        .timeline_count = (uint32_t)terms.timeline_count,
        .time = factum_now(store),
        .format_major = info.format_major,
        .format_minor = info.format_minor,
        .server = FCT_SLICE("factum " FACTUM_VERSION),
        .read_only = info.read_only,
        .place = place.number,
    };
    for (uint32_t i = 0; i < opened->timeline_count; i++) {
        opened->timelines[i] =
            (struct fct_store_timeline){terms.timelines[i].id, terms.timelines[i].from};
    }
    return status;
}

static void open_message(struct fct_grpc_call *call, factum_slice message)
{
    struct fct_store_open open;
    struct fct_store_opened opened;
    factum_error err;
    if (!fct_grpc_allowed(call, FCT_OP_INFO, fct_slice(NULL, 0))) {
        return;
    }
    factum_status status = fct_store_decode_open(message, &open, &err);
    if (status == FACTUM_OK && open.protocol == 0) {
        status = fct_fail(&err, FACTUM_INVALID, "open: the client's protocol version is missing");
    }
    if (status == FACTUM_OK) {
        status = open_describe(call, &opened, &err);
    }
    if (status != FACTUM_OK) {
        fct_store_call_fail(call, status, &err);
        return;
    }
    fct_store_call_answer(call, fct_store_encode_opened(&call->out, &opened));
}

const struct fct_grpc_method fct_store_open_method = {
    .path = FCT_STORE_PATH("Open"),
    .message = open_message,
};

/* ---- Ask ------------------------------------------------------------------------------------- */

/* Checks the rights before the store is asked. */
static bool ask_allowed(struct fct_grpc_call *call, const struct fct_store_ask *ask)
{
    bool skip_system = true;
    switch (ask->kind) {
    case FACTUM_ASK_STREAM:
        return fct_grpc_allowed(call, FCT_OP_READ_STREAM, ask->name);
    case FACTUM_ASK_EVENT:
        return fct_grpc_allowed(call, FCT_OP_READ_ALL, fct_slice(NULL, 0));
    case FACTUM_ASK_FIND_EVENT:
        return ask->name.len > 0 ? fct_grpc_allowed(call, FCT_OP_READ_STREAM, ask->name)
                                 : fct_grpc_allowed(call, FCT_OP_READ_ALL, fct_slice(NULL, 0));
    case FACTUM_ASK_KEY:
        return fct_grpc_allowed(call, FCT_OP_READ_ALL, fct_slice(NULL, 0));
    case FACTUM_ASK_COUNT:
        return fct_store_call_may_read(call, ask->source, ask->name, &skip_system);
    case FACTUM_ASK_PLACE:
    case FACTUM_ASK_INFO:
    default:
        return fct_grpc_allowed(call, FCT_OP_INFO, fct_slice(NULL, 0));
    }
}

/* Memory for the answer. */
struct ask_room {
    factum_stream_info stream;
    factum_key_info key;
    factum_info info;
    factum_event_copy event;
};

static bool ask_make_room(struct fct_grpc_call *call, const struct fct_store_ask *ask,
                          struct ask_room *room)
{
    *room = (struct ask_room){.stream = {.size = sizeof room->stream},
                              .key = {.size = sizeof room->key},
                              .info = {.size = sizeof room->info}};
    uint64_t max =
        ask->revisions_max < FCT_STORE_REVISIONS_MAX ? ask->revisions_max : FCT_STORE_REVISIONS_MAX;
    if (ask->kind != FACTUM_ASK_KEY || max == 0) {
        return true;
    }
    room->key.revisions_max = (size_t)max;
    room->key.revisions = fct_mem_zalloc(call->server->mem, (size_t)max, sizeof(uint64_t));
    return room->key.revisions != NULL;
}

static void ask_answer(struct fct_grpc_call *call, const struct fct_store_ask *ask,
                       struct ask_room *room)
{
    factum_error err;
    const factum_call context = fct_store_call_context(call);
    factum_question question = {
        .kind = ask->kind,
        .call = &context,
        .source = ask->source,
        .name = ask->name,
        .position = ask->position,
        .upto = ask->upto,
        .id = ask->id,
        .stream = &room->stream,
        .key = &room->key,
        .info = &room->info,
        .event = &room->event,
    };
    factum_status status = ask_store(call, &question, &err);
    if (status != FACTUM_OK) {
        fct_store_call_fail(call, status, &err);
        return;
    }
    bool found = ask->kind == FACTUM_ASK_EVENT || ask->kind == FACTUM_ASK_FIND_EVENT;
    if (found && !fct_grpc_allowed(call, FCT_OP_READ_STREAM, room->event.event.stream)) {
        return;
    }
    fct_store_call_answer(call, fct_store_encode_answer(&call->out, &question));
}

static void ask_message(struct fct_grpc_call *call, factum_slice message)
{
    struct fct_store_ask ask;
    struct ask_room room;
    factum_error err;
    factum_status status = fct_store_decode_ask(message, &ask, &err);
    if (status != FACTUM_OK) {
        fct_store_call_fail(call, status, &err);
        return;
    }
    if (!ask_allowed(call, &ask)) {
        return;
    }
    if (ask_make_room(call, &ask, &room)) {
        ask_answer(call, &ask, &room);
    } else {
        fct_store_call_no_memory(call);
    }
    factum_event_copy_free(&room.event);
    fct_mem_free(call->server->mem, room.key.revisions);
}

const struct fct_grpc_method fct_store_ask_method = {
    .path = FCT_STORE_PATH("Ask"),
    .message = ask_message,
};
