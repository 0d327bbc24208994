/* write.c - the memory engine stores an append that was judged. Layer: engine_memory. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/slice.h"
#include "core/uuid.h"
#include "engine_memory/memory_int.h"

static bool reserve(const struct fct_mem *mem, void *items, size_t *capacity, size_t count,
                    size_t item_size)
{
    void **block = items;
    if (count <= *capacity) {
        return true;
    }
    size_t wanted = *capacity < 64 ? 64 : *capacity;
    while (wanted < count) {
        wanted *= 2;
    }
    void *grown = fct_mem_resize(mem, *block, wanted * item_size);
    if (grown != NULL) {
        *block = grown;
        *capacity = wanted;
    }
    return grown != NULL;
}

static factum_uuid make_id(struct memory *memory)
{
    uint64_t words[2] = {fct_random_next(&memory->random), fct_random_next(&memory->random)};
    factum_uuid id;
    memcpy(id.bytes, words, sizeof id.bytes);
    return fct_uuid_marked(id, FCT_UUID_RANDOM);
}

static factum_slice put(uint8_t **to, factum_slice bytes)
{
    factum_slice copy = fct_slice(*to, bytes.len);
    if (bytes.len > 0) {
        memcpy(*to, bytes.ptr, bytes.len);
    }
    *to += bytes.len;
    return copy;
}

static struct stored *store_event(struct memory *memory, const factum_new_event *event)
{
    size_t size = event->stream.len + event->type.len + event->data.len + event->metadata.len +
                  event->media_type.len;
    for (size_t i = 0; i < event->tag_count; i++) {
        size += event->tags[i].len;
    }
    struct stored *stored = fct_mem_zalloc(
        memory->mem, 1, sizeof *stored + event->tag_count * sizeof stored->tags[0] + size);
    if (stored == NULL) {
        return NULL;
    }
    uint8_t *to = (uint8_t *)(void *)&stored->tags[event->tag_count];
    bool tombstone = fct_slice_equal(event->type, FCT_SLICE(FCT_TYPE_TOMBSTONE));
    struct standing standing = fct_memory_stand(memory, event->stream);
    bool fresh = standing.state == FACTUM_STREAM_ABSENT;
    stored->event = (factum_event){
        .stream = put(&to, event->stream),
        .type = put(&to, event->type),
        .data = put(&to, event->data),
        .metadata = put(&to, event->metadata),
        .content_type =
            event->media_type.len > 0 ? put(&to, event->media_type) : fct_event_content_type(event),
        .tags = stored->tags,
        .tag_count = event->tag_count,
        .id = fct_uuid_is_zero(event->id) ? make_id(memory) : event->id,
        .revision = tombstone ? FACTUM_REVISION_TOMBSTONE
                    : fresh   ? 0
                              : standing.last_revision + 1,
        .position = memory->end,
        .created = memory->created_last,
        .time = event->has_time ? event->time : memory->created_last,
        .has_time = event->has_time,
    };
    for (size_t i = 0; i < event->tag_count; i++) {
        stored->tags[i] = put(&to, event->tags[i]);
    }
    memory->events[memory->count++] = stored;
    memory->end += FCT_MEMORY_POSITION_STEP;
    return stored;
}

/* Does the request write to the metastream of |stream|? */
static bool says_metadata(const factum_append_request *request, factum_slice stream)
{
    for (size_t i = 0; i < request->event_count; i++) {
        if (fct_memory_is_metastream_of(request->events[i].stream, stream)) {
            return true;
        }
    }
    return false;
}

/* Revives deleted streams that the request writes to, also those that have only metadata. */
static bool revive(struct memory *memory, const factum_append_request *request)
{
    for (size_t i = 0; i < request->event_count; i++) {
        factum_slice stream = request->events[i].stream;
        struct standing standing = fct_memory_stand(memory, stream);
        if (!standing.metadata.soft_deleted || says_metadata(request, stream)) {
            continue; /* the request sets the metadata, or the stream is revived already */
        }
        char name[FACTUM_NAME_SIZE_MAX + 2] = "$$";
        char json[48];
        memcpy(name + 2, stream.ptr, stream.len);
        bool fresh = standing.state == FACTUM_STREAM_ABSENT;
        int len = snprintf(json, sizeof json, "{\"$tb\":%" PRIu64 "}",
                           fresh ? 0 : standing.last_revision + 1);
        const factum_new_event event = {
            .stream = fct_slice(name, stream.len + 2),
            .type = FCT_SLICE(FCT_TYPE_METADATA),
            .data = fct_slice(json, (size_t)len),
        };
        if (store_event(memory, &event) == NULL) {
            return false;
        }
    }
    return true;
}

void fct_memory_take_back(struct memory *memory, size_t count, uint64_t end)
{
    while (memory->count > count) {
        fct_mem_free(memory->mem, memory->events[--memory->count]);
    }
    memory->end = end;
}

static void store_key(struct memory *memory, struct stored_key *key,
                      const factum_append_request *request, size_t first, uint64_t position)
{
    key->fingerprint = fct_append_fingerprint(request);
    key->first = first;
    key->count = request->event_count;
    key->position = position;
    key->created = memory->created_last;
    key->len = request->idempotency_key.len;
    memcpy(key->name, request->idempotency_key.ptr, key->len);
    key->slice = fct_slice(key->name, key->len);
    memory->keys[memory->key_count++] = key;
    for (size_t i = first; i < memory->count; i++) {
        memory->events[i]->key = key;
    }
}

static bool store_events(const struct append *append)
{
    const factum_append_request *request = append->request;
    for (size_t i = 0; i < request->event_count; i++) {
        struct stored *stored = store_event(append->memory, &request->events[i]);
        if (stored == NULL) {
            return false;
        }
        stored->event.last_of_commit = i + 1 == request->event_count;
        fct_memory_note(append, i, &stored->event);
    }
    return true;
}

factum_status fct_memory_write(const struct append *append)
{
    struct memory *memory = append->memory;
    const factum_append_request *request = append->request;
    size_t before = memory->count;
    uint64_t end = memory->end;
    struct stored_key *key = NULL;
    bool keyed = request->idempotency_key.len > 0;
    bool good = reserve(memory->mem, &memory->events, &memory->capacity,
                        before + 2 * request->event_count, sizeof(void *)) &&
                reserve(memory->mem, &memory->keys, &memory->key_capacity, memory->key_count + 1,
                        sizeof(void *));
    if (good && keyed) {
        key = fct_mem_zalloc(memory->mem, 1, sizeof *key);
        good = key != NULL;
    }
    int64_t now = fct_os_time(memory->os);
    memory->created_last = now > memory->created_last ? now : memory->created_last;
    good = good && revive(memory, request);
    size_t first = memory->count;
    good = good && store_events(append);
    if (!good) {
        fct_memory_take_back(memory, before, end);
        fct_mem_free(memory->mem, key);
        append->op->result = (factum_append_result){.first_position = 0};
        return fct_fail(&append->op->err, FACTUM_NO_MEMORY, "append: out of memory");
    }
    for (size_t i = before; i < memory->count; i++) {
        memory->events[i]->commit = memory->events[before]->event.position;
    }
    if (keyed) {
        store_key(memory, key, request, first, end);
    }
    return FACTUM_OK;
}
