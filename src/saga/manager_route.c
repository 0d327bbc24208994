/* manager_route.c - which sagas an event concerns. Layer: saga.
 *
 *     stream "saga:..."                       the saga's own: did another writer append it?
 *     stream "$definition:saga-..."           definitions are read again
 *     "$causationId" is a command id          the answer to that command
 *     its type starts a saga                  `id` finds which one
 *     its type answers a step, and it names   an answer from outside; `id` finds whose
 *     no command
 */
#include <inttypes.h>

#include "codec/json.h"
#include "core/error.h"
#include "core/slice.h"
#include "saga/manager_int.h"
#include "saga/pick.h"

/* What `id` finds in the data, as text in |buffer|. False: nothing that can be an id. */
static bool find_id(const struct factum_saga *saga, const factum_json *json,
                    char buffer[FACTUM_SAGA_ID_MAX], factum_slice *id)
{
    size_t len = 0;
    uint32_t value =
        json->count > 0 ? fct_path_find(saga->id, json, FACTUM_JSON_ROOT) : FACTUM_JSON_NONE;
    if (value == FACTUM_JSON_NONE) {
        return false;
    }
    if (factum_json_kind_of(json, value) == FACTUM_JSON_TEXT) {
        if (factum_json_unescape(json, value, buffer, FACTUM_SAGA_ID_MAX, &len) != FACTUM_OK) {
            return false;
        }
        *id = fct_slice(buffer, len);
        return len > 0 && memchr(buffer, '\0', len) == NULL;
    }
    *id = factum_json_raw(json, value);
    return factum_json_kind_of(json, value) == FACTUM_JSON_NUMBER &&
           factum_json_is_whole(json, value) && id->len <= FACTUM_SAGA_ID_MAX;
}

/* An event of a saga's own stream: the manager recognises its own events. */
static factum_status route_own(struct fct_manager *manager, const struct fct_saga_key *key,
                               const factum_event *event, factum_error *err)
{
    if (!fct_manager_hosts(manager, key->name)) {
        return FACTUM_OK;
    }
    struct fct_entry *entry = fct_entries_find(&manager->entries, key);
    if (entry != NULL && event->position <= entry->known) {
        return FACTUM_OK;
    }
    if (entry != NULL && entry->commit != NULL) {
        entry->seen = event->position; /* read when the commit has ended */
        return FACTUM_OK;
    }
    const struct fct_waiting waiting = {.kind = FCT_WAITING_REFRESH};
    return fct_manager_queue(manager, key, &waiting, err);
}

/* Reads the command id that |event| answers. */
static bool find_command(const factum_event *event, char buffer[FACTUM_NAME_SIZE_MAX],
                         struct fct_command_id *id)
{
    struct fct_json_member cause = {.name = FCT_SLICE("$causationId")};
    struct fct_json value;
    size_t len = 0;
    return event->metadata.len > 0 && fct_slice_holds(event->metadata, FCT_SLICE("\"saga:")) &&
           fct_json_pick(event->metadata, &value, &cause, 1, NULL) == FACTUM_OK && cause.found &&
           fct_json_unescape(cause.value.raw, buffer, FACTUM_NAME_SIZE_MAX, &len) == FACTUM_OK &&
           fct_command_id_read(fct_slice(buffer, len), id);
}

static factum_status route_reply(struct fct_manager *manager, const struct fct_command_id *id,
                                 const factum_event *event, factum_error *err)
{
    if (!fct_manager_hosts(manager, id->saga.name)) {
        return FACTUM_OK;
    }
    const struct fct_waiting waiting = {.kind = FCT_WAITING_REPLY,
                                        .has_event = true,
                                        .undo = id->undo,
                                        .generation = id->generation,
                                        .step = id->step,
                                        .event = *event};
    return fct_manager_queue(manager, &id->saga, &waiting, err);
}

static factum_status route_by_type(struct fct_manager *manager, const struct fct_route *route,
                                   const factum_json *json, const factum_event *event,
                                   factum_error *err)
{
    char buffer[FACTUM_SAGA_ID_MAX];
    struct fct_saga_key key = {.name = route->saga->name};
    /* A start uses the version that was deployed then, an answer the version of its saga. */
    const struct factum_saga *now =
        fct_deployed_at(&manager->set, route->saga->name, event->position);
    if (route->start ? now != route->saga : now == NULL) {
        return FACTUM_OK;
    }
    if (!find_id(route->saga, json, buffer, &key.id)) {
        fct_manager_bad(manager,
                        "event %.*s at position %" PRIu64 ": saga %.*s finds no id in it by %.*s",
                        FCT_FMT(event->type), event->position, FCT_FMT(route->saga->name),
                        FCT_FMT(route->saga->id_text));
        return FACTUM_OK;
    }
    const struct fct_waiting waiting = {.kind =
                                            route->start ? FCT_WAITING_START : FCT_WAITING_OUTSIDE,
                                        .has_event = true,
                                        .event = *event};
    return fct_manager_queue(manager, &key, &waiting, err);
}

/* Has an earlier route put the event into the same queue? Versions of a saga share types, and often
 * the path to the id. */
static bool is_repeated(const struct fct_route *first, const struct fct_route *route)
{
    for (; first < route; first++) {
        if (!first->start && !route->start && fct_slice_equal(first->type, route->type) &&
            fct_slice_equal(first->saga->name, route->saga->name) &&
            fct_slice_equal(first->saga->id_text, route->saga->id_text)) {
            return true;
        }
    }
    return false;
}

static factum_status route_types(struct fct_manager *manager, const factum_event *event,
                                 bool answers_command, factum_error *err)
{
    factum_error ignored;
    const struct fct_route *first;
    factum_arena arena;
    factum_json json = {.count = 0};
    factum_status status = FACTUM_OK;
    size_t count = fct_routes_find(&manager->routes, event->type, &first);
    if (count == 0) {
        return FACTUM_OK;
    }
    factum_arena_init(&arena, 0);
    if (fct_pick_parse(event->data, &arena, &json, &ignored) != FACTUM_OK) {
        json.count = 0;
    }
    for (size_t i = 0; i < count && status == FACTUM_OK; i++) {
        const struct fct_route *route = first + i;
        bool wanted = fct_slice_equal(route->type, event->type) &&
                      (route->start || !answers_command) && !is_repeated(first, route);
        if (wanted) {
            status = route_by_type(manager, route, &json, event, err);
        }
    }
    factum_arena_finish(&arena);
    return status;
}

/* When the log is read again from far back, most events are known already. */
static factum_status read_definitions(struct fct_manager *manager, const factum_event *event,
                                      factum_error *err)
{
    factum_slice name = fct_slice_from(event->stream, sizeof FCT_SAGA_DEFINITION_PREFIX - 1);
    if (fct_deployed_knows(&manager->set, name, event->position)) {
        return FACTUM_OK;
    }
    factum_status status =
        fct_deployed_refresh(&manager->set, manager->options.store, manager->options.log, err);
    return status == FACTUM_OK
               ? fct_routes_build(&manager->routes, &manager->set, manager->options.host, err)
               : status;
}

factum_status fct_manager_route(struct fct_manager *manager, const factum_event *event,
                                factum_error *err)
{
    char buffer[FACTUM_NAME_SIZE_MAX];
    struct fct_saga_key key;
    struct fct_command_id id;
    if (fct_saga_stream_read(event->stream, &key)) {
        return route_own(manager, &key, event, err);
    }
    if (fct_slice_starts(event->stream, FCT_SLICE(FCT_SAGA_DEFINITION_PREFIX))) {
        return read_definitions(manager, event, err);
    }
    if (event->stream.len > 0 && event->stream.ptr[0] == '$') {
        return FACTUM_OK;
    }
    bool answers = find_command(event, buffer, &id);
    factum_status status = answers ? route_reply(manager, &id, event, err) : FACTUM_OK;
    return status == FACTUM_OK ? route_types(manager, event, answers, err) : status;
}
