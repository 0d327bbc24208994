/* event_copy.c - see event_copy.h. Layer: engine.
 *
 * The memory has the slices of the tags and of the key first, for their alignment, then all bytes.
 */
#include "engine/event_copy.h"

#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/slice.h"

static size_t slice_count(const factum_event *event)
{
    return event->tag_count + (event->key != NULL ? 1 : 0);
}

static size_t size_of(const factum_event *event)
{
    size_t size = slice_count(event) * sizeof(factum_slice) + event->stream.len + event->type.len +
                  event->data.len + event->metadata.len + event->content_type.len;
    for (size_t i = 0; i < event->tag_count; i++) {
        size += event->tags[i].len;
    }
    size += event->key != NULL ? event->key->len : 0;
    return size;
}

static factum_slice put_bytes(uint8_t **to, factum_slice bytes)
{
    factum_slice copied = fct_slice(*to, bytes.len);
    if (bytes.len > 0) {
        memcpy(*to, bytes.ptr, bytes.len);
    }
    *to += bytes.len;
    return copied;
}

factum_status fct_event_copy_set(factum_event_copy *copy, const factum_event *event,
                                 factum_error *err)
{
    size_t size = size_of(event);
    if (size > copy->capacity) {
        void *grown = fct_mem_resize(fct_mem_heap(), copy->memory, size);
        if (grown == NULL) {
            return fct_fail(err, FACTUM_NO_MEMORY, "read: out of memory");
        }
        copy->memory = grown;
        copy->capacity = size;
    }
    factum_slice *tags = copy->memory;
    uint8_t *to = (uint8_t *)copy->memory + slice_count(event) * sizeof *tags;
    copy->event = *event;
    copy->event.stream = put_bytes(&to, event->stream);
    copy->event.type = put_bytes(&to, event->type);
    copy->event.data = put_bytes(&to, event->data);
    copy->event.metadata = put_bytes(&to, event->metadata);
    copy->event.content_type = put_bytes(&to, event->content_type);
    copy->event.tags = event->tag_count > 0 ? tags : NULL;
    for (size_t i = 0; i < event->tag_count; i++) {
        tags[i] = put_bytes(&to, event->tags[i]);
    }
    if (event->key != NULL) {
        tags[event->tag_count] = put_bytes(&to, *event->key);
        copy->event.key = &tags[event->tag_count];
    }
    FCT_ASSERT((size_t)(to - (uint8_t *)copy->memory) == size);
    return FACTUM_OK;
}

void fct_event_copy_finish(factum_event_copy *copy)
{
    if (copy != NULL) {
        fct_mem_free(fct_mem_heap(), copy->memory);
        *copy = (factum_event_copy){.memory = NULL};
    }
}
