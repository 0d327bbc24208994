/* refused.c - see refused.h. Layer: projection. A user of the public API. */
#include "projection/refused.h"

#include <factum/json.h>
#include <factum/json_write.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/slice.h"
#include "projection/acts.h"

#define REFUSAL_NODES_MAX 16u
#define REFUSAL_ARENA_MAX ((size_t)64 << 10)

static factum_status add_refusal(struct fct_refused *refused, uint64_t revision, factum_error *err)
{
    if (refused->count == FCT_REFUSED_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "projection: more than %u acts were refused",
                        FCT_REFUSED_MAX);
    }
    if (refused->count == refused->capacity) {
        size_t capacity = refused->capacity == 0 ? 16 : refused->capacity * 2;
        uint64_t *grown =
            fct_mem_resize(fct_mem_heap(), refused->revisions, capacity * sizeof *grown);
        if (grown == NULL) {
            return fct_fail(err, FACTUM_NO_MEMORY, "projection: out of memory for refused acts");
        }
        refused->revisions = grown;
        refused->capacity = capacity;
    }
    refused->revisions[refused->count++] = revision;
    return FACTUM_OK;
}

/* The act that |event| refuses. False: the event's data is not that of a refusal. */
static bool refusal_parse(const factum_event *event, uint64_t *revision)
{
    factum_json_node nodes[REFUSAL_NODES_MAX];
    factum_json json;
    if (factum_json_parse(event->data, NULL, nodes, REFUSAL_NODES_MAX, &json, NULL) != FACTUM_OK) {
        return false;
    }
    uint32_t value = factum_json_find(&json, FACTUM_JSON_ROOT, FCT_SLICE("revision"));
    return value != FACTUM_JSON_NONE &&
           factum_json_to_uint64(&json, value, revision) == FACTUM_OK &&
           *revision < event->revision;
}

factum_status fct_refused_read(factum_store *store, factum_slice name, const factum_call *call,
                               struct fct_refused *refused, factum_error *err)
{
    factum_cursor *cursor;
    factum_event event;
    uint64_t revision = 0;
    factum_status status = fct_acts_open(store, name, 0, UINT64_MAX, call, &cursor, err);
    if (status != FACTUM_OK) {
        return status == FACTUM_STREAM_NOT_FOUND || status == FACTUM_STREAM_DELETED ? FACTUM_OK
                                                                                    : status;
    }
    while (status == FACTUM_OK) {
        status = factum_cursor_next(cursor, &event, err);
        if (status == FACTUM_OK && fct_slice_equal(event.type, FCT_SLICE(FCT_ACT_REFUSED)) &&
            refusal_parse(&event, &revision)) {
            status = add_refusal(refused, revision, err);
        }
    }
    factum_cursor_close(cursor);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

bool fct_refused_has(const struct fct_refused *refused, uint64_t revision)
{
    for (size_t i = 0; i < refused->count; i++) {
        if (refused->revisions[i] == revision) {
            return true;
        }
    }
    return false;
}

void fct_refused_free(struct fct_refused *refused)
{
    fct_mem_free(fct_mem_heap(), refused->revisions);
    *refused = (struct fct_refused){.count = 0};
}

factum_status fct_refused_record(factum_store *store, factum_slice name, uint64_t revision,
                                 const char *why, factum_error *err)
{
    char stream[FCT_PROJECTION_STREAM_SIZE];
    factum_json_writer to;
    factum_arena arena;
    factum_append_result result;
    factum_status status = fct_acts_stream(name, stream, err);
    if (status != FACTUM_OK) {
        return status;
    }
    fct_arena_init(&arena, fct_mem_heap(), REFUSAL_ARENA_MAX);
    factum_json_writer_in(&to, &arena);
    factum_json_put_object(&to);
    factum_json_put_member(&to, "revision");
    factum_json_put_uint64(&to, revision);
    factum_json_put_member_text(&to, "why", fct_utf8_whole(why));
    factum_json_put_end(&to);
    status = factum_json_writer_finish(&to, err);
    if (status == FACTUM_OK) {
        const factum_new_event event = {.stream = factum_slice_from(stream),
                                        .type = FCT_SLICE(FCT_ACT_REFUSED),
                                        .data = {to.buffer, to.used}};
        const factum_expectation any = {event.stream, factum_any()};
        const factum_append_request request = {
            .size = sizeof request,
            .events = &event,
            .event_count = 1,
            .expectations = &any,
            .expectation_count = 1,
            .system = true,
        };
        status = factum_append(store, &request, &result, NULL, err);
    }
    factum_arena_finish(&arena);
    return status;
}
