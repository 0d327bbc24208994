/* command.c - see command.h. Layer: saga. */
#include "saga/command.h"

#include "core/arena.h"
#include "core/error.h"
#include "core/slice.h"
#include "saga/names.h"

#define TRACE_SPAN_AT 36u /* in "00-<32 digits>-<16 digits>-<2 digits>" */
#define TRACE_SPAN_SIZE 16u

factum_slice fct_traceparent_child(factum_slice parent, struct fct_random *random,
                                   char child[FCT_TRACEPARENT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    if (!fct_traceparent_normal(parent, child)) {
        return fct_slice(NULL, 0);
    }
    uint64_t span = fct_random_next(random) | 1; /* all zeros would not be valid */
    for (size_t i = 0; i < TRACE_SPAN_SIZE; i++) {
        child[TRACE_SPAN_AT + i] = digits[(span >> (4 * i)) & 15];
    }
    return fct_slice(child, FCT_TRACEPARENT_SIZE);
}

/* The text of the member |name| of an object, in the object's text or in |arena|; empty if
 * missing. */
static factum_status command_member(const factum_json *json, const char *name, factum_arena *arena,
                                    factum_slice *text, factum_error *err)
{
    uint32_t value = factum_json_find(json, FACTUM_JSON_ROOT, factum_slice_from(name));
    *text = fct_slice(NULL, 0);
    if (value == FACTUM_JSON_NONE) {
        return FACTUM_OK;
    }
    if (factum_json_kind_of(json, value) != FACTUM_JSON_TEXT) {
        return fct_fail(err, FACTUM_INVALID, "%s is not a text", name);
    }
    factum_slice inside = factum_json_inside(json, value);
    if (!factum_json_is_escaped(json, value)) {
        *text = inside;
        return FACTUM_OK;
    }
    size_t len = 0;
    char *plain = factum_arena_take(arena, inside.len);
    if (plain == NULL) {
        return fct_arena_status(arena, name, err);
    }
    if (factum_json_unescape(json, value, plain, inside.len, &len) != FACTUM_OK) {
        return fct_fail(err, FACTUM_INVALID, "%s is not valid Unicode", name);
    }
    *text = fct_slice(plain, len);
    return FACTUM_OK;
}

/* ---- the metadata ---------------------------------------------------------------------------- */

/* The attempt; 1 unless the metadata has a higher one. */
static uint64_t command_attempt(const factum_json *metadata)
{
    uint64_t attempt = 1;
    uint32_t value = factum_json_find(metadata, FACTUM_JSON_ROOT, FCT_SLICE("$attempt"));
    if (value == FACTUM_JSON_NONE ||
        factum_json_to_uint64(metadata, value, &attempt) != FACTUM_OK || attempt == 0) {
        return 1;
    }
    return attempt;
}

/* "command:<service>-<saga id>" */
static bool command_stream_is(factum_slice stream, factum_slice service, factum_slice saga_id)
{
    const size_t prefix = sizeof FCT_COMMAND_PREFIX - 1;
    return stream.len == prefix + service.len + 1 + saga_id.len &&
           fct_slice_starts(stream, FCT_SLICE(FCT_COMMAND_PREFIX)) &&
           stream.ptr[prefix + service.len] == '-' &&
           fct_slice_equal(fct_slice(stream.ptr + prefix, service.len), service) &&
           fct_slice_equal(fct_slice_from(stream, prefix + service.len + 1), saga_id);
}

/* The ids must belong together and to the stream, so that nobody writes under the ids of another
 * saga. */
static factum_status command_check_ids(const factum_event *event, factum_slice service,
                                       struct fct_command_meta *meta, factum_error *err)
{
    struct fct_command_id id;
    struct fct_command_id undoes;
    if (meta->command_id.len == 0) {
        return fct_fail(err, FACTUM_INVALID, "$commandId is missing");
    }
    if (meta->command_id.len > FACTUM_NAME_SIZE_MAX ||
        !fct_command_id_read(meta->command_id, &id)) {
        return fct_fail(err, FACTUM_INVALID, "$commandId %.*s is not saga:NAME-ID/STEP/do/NUMBER",
                        FCT_FMT(meta->command_id));
    }
    if (!fct_slice_equal(id.saga_id, meta->saga_id)) {
        return fct_fail(err, FACTUM_INVALID, "$sagaId is not that of $commandId");
    }
    if (!command_stream_is(event->stream, service, meta->saga_id)) {
        return fct_fail(err, FACTUM_INVALID, "the stream is not that of $sagaId");
    }
    meta->undo = id.undo;
    if (!id.undo) {
        meta->undoes = fct_slice(NULL, 0);
        return FACTUM_OK;
    }
    if (!fct_command_id_read(meta->undoes, &undoes) || undoes.undo ||
        !fct_slice_equal(undoes.saga_id, id.saga_id) || !fct_slice_equal(undoes.step, id.step)) {
        return fct_fail(err, FACTUM_INVALID, "$undoes is not the do of the same step");
    }
    return FACTUM_OK;
}

/* An invalid trace is ignored. */
static factum_slice command_trace(factum_slice given, factum_arena *arena)
{
    char normal[FCT_TRACEPARENT_SIZE];
    return fct_traceparent_normal(given, normal)
               ? factum_arena_copy(arena, fct_slice(normal, sizeof normal))
               : fct_slice(NULL, 0);
}

static factum_status command_read_metadata(const factum_event *event, factum_arena *arena,
                                           struct fct_command_meta *meta, factum_error *err)
{
    const struct {
        const char *name;
        factum_slice *text;
    } members[] = {
        {"$commandId", &meta->command_id},
        {"$sagaId", &meta->saga_id},
        {"$undoes", &meta->undoes},
        {"$correlationId", &meta->correlation_id},
        {"$causationId", &meta->causation_id},
        {"traceparent", &meta->traceparent},
    };
    factum_json json;
    factum_json_node nodes[FCT_COMMAND_NODES];
    if (event->metadata.len == 0) {
        return fct_fail(err, FACTUM_INVALID, "it has no metadata");
    }
    factum_status status =
        factum_generated_tape(event->metadata, arena, nodes, FCT_COMMAND_NODES, &json, err);
    if (status != FACTUM_OK) {
        return fct_wrap(err, status, "its metadata");
    }
    for (size_t i = 0; i < sizeof members / sizeof members[0] && status == FACTUM_OK; i++) {
        status = command_member(&json, members[i].name, arena, members[i].text, err);
    }
    meta->attempt = command_attempt(&json);
    meta->traceparent = command_trace(meta->traceparent, arena);
    return status == FACTUM_OK ? fct_arena_status(arena, "its metadata", err) : status;
}

factum_status fct_command_meta_read(const factum_event *event, factum_slice service,
                                    factum_arena *arena, struct fct_command_meta *meta,
                                    factum_error *err)
{
    *meta = (struct fct_command_meta){.attempt = 1};
    if (event->type.len <= service.len || !fct_slice_starts(event->type, service) ||
        event->type.ptr[service.len] != '.') {
        return FACTUM_NOT_FOUND;
    }
    factum_status status = command_read_metadata(event, arena, meta, err);
    return status == FACTUM_OK ? command_check_ids(event, service, meta, err) : status;
}

factum_status fct_command_read(const factum_event *event, factum_slice service,
                               struct fct_command_room *room, factum_command *command,
                               factum_error *err)
{
    struct fct_command_meta meta;
    factum_status status = fct_command_meta_read(event, service, room->arena, &meta, err);
    if (status == FACTUM_OK) {
        status = factum_generated_tape(event->data, room->arena, room->nodes, FCT_COMMAND_NODES,
                                       &room->json, err);
        status = status == FACTUM_OK ? status : fct_wrap(err, status, "its data");
    }
    *command = (factum_command){
        .size = sizeof *command,
        .type = event->type,
        .data = event->data,
        .event = event,
        .json = &room->json,
        .id = meta.command_id,
        .saga_id = meta.saga_id,
        .undo = meta.undo,
        .undoes = meta.undoes,
        .correlation = meta.correlation_id,
        .traceparent = fct_traceparent_child(meta.traceparent, room->random, room->child),
        .attempt = meta.attempt,
    };
    return status;
}
