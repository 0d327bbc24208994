/* recent.c - see recent.h. Layer: server. */
#include "server/recent.h"

#include <string.h>

#include "core/check.h"
#include "core/hash.h"

#define STREAM_SEED 0x7265u

static void recent_check(const struct fct_recent *recent)
{
    FCT_ASSERT(recent->first <= recent->end);
    FCT_ASSERT(recent->end - recent->first <= FCT_RECENT_MAX);
    FCT_ASSERT((recent->first == recent->end) == (recent->size == 0));
    FCT_ASSERT(recent->since <= recent->place);
}

uint64_t fct_recent_hash(factum_slice stream)
{
    return fct_hash64(stream, STREAM_SEED);
}

static struct fct_recent_event **slot_of(struct fct_recent *recent, uint64_t number)
{
    return &recent->events[number % FCT_RECENT_MAX];
}

static void forget_oldest(struct fct_recent *recent)
{
    struct fct_recent_event *oldest = *slot_of(recent, recent->first);
    *slot_of(recent, recent->first) = NULL;
    recent->first++;
    FCT_ASSERT(recent->size >= oldest->size);
    recent->size -= oldest->size;
    recent->since = oldest->event.position;
    for (size_t i = 0; i < FCT_SHAPES; i++) {
        fct_mem_free(recent->mem, oldest->encoded[i]);
    }
    fct_mem_free(recent->mem, oldest);
}

static void forget_all(struct fct_recent *recent)
{
    while (recent->first != recent->end) {
        forget_oldest(recent);
    }
}

void fct_recent_restart(struct fct_recent *recent, uint64_t place)
{
    forget_all(recent);
    recent->end++; /* skips a number: the skipped place is no event here */
    recent->first = recent->end;
    recent->since = place;
    recent->place = place;
    recent_check(recent);
}

static size_t bytes_of(const factum_event *event)
{
    size_t size = event->tag_count * sizeof(factum_slice) + event->stream.len + event->type.len +
                  event->data.len + event->metadata.len + event->content_type.len;
    for (size_t i = 0; i < event->tag_count; i++) {
        size += event->tags[i].len;
    }
    return size;
}

static void copy_slice(uint8_t **to, factum_slice *slice)
{
    if (slice->len > 0) {
        memcpy(*to, slice->ptr, slice->len);
    }
    slice->ptr = *to;
    *to += slice->len;
}

/* Copies into the memory after |made|: the slices of the tags first, for their alignment. */
static void copy_event(struct fct_recent_event *made, const factum_event *event)
{
    factum_slice *tags = (factum_slice *)(void *)(made + 1);
    uint8_t *to = (uint8_t *)(tags + event->tag_count);
    made->event = *event;
    copy_slice(&to, &made->event.stream);
    copy_slice(&to, &made->event.type);
    copy_slice(&to, &made->event.data);
    copy_slice(&to, &made->event.metadata);
    copy_slice(&to, &made->event.content_type);
    for (size_t i = 0; i < event->tag_count; i++) {
        tags[i] = event->tags[i];
        copy_slice(&to, &tags[i]);
    }
    made->event.tags = event->tag_count > 0 ? tags : NULL;
}

struct fct_recent_event *fct_recent_add(struct fct_recent *recent, const factum_event *event)
{
    size_t size = sizeof(struct fct_recent_event) + bytes_of(event);
    recent_check(recent);
    FCT_ASSERT(event->position >= recent->place);
    FCT_ASSERT(event->key == NULL); /* the tail does not request commits */
    struct fct_recent_event *made =
        size > FCT_RECENT_EVENT_MAX ? NULL : fct_mem_alloc(recent->mem, size);
    if (made == NULL) {
        fct_recent_restart(recent, event->position);
        return NULL;
    }
    memset(made, 0, sizeof *made);
    made->size = size;
    made->stream_hash = fct_recent_hash(event->stream);
    copy_event(made, event);
    while (recent->first != recent->end && (recent->end - recent->first == FCT_RECENT_MAX ||
                                            recent->size + size > FCT_RECENT_SIZE_MAX)) {
        forget_oldest(recent);
    }
    *slot_of(recent, recent->end) = made;
    recent->end++;
    recent->size += size;
    recent->place = event->position;
    recent_check(recent);
    return made;
}

void fct_recent_reach(struct fct_recent *recent, uint64_t place)
{
    if (place > recent->place) {
        recent->place = place;
    }
}

bool fct_recent_covers(const struct fct_recent *recent, uint64_t place, uint64_t *number)
{
    uint64_t at = recent->end;
    if (place < recent->since) {
        return false;
    }
    while (at > recent->first &&
           recent->events[(at - 1) % FCT_RECENT_MAX]->event.position > place) {
        at--;
    }
    *number = at;
    return true;
}

struct fct_recent_event *fct_recent_get(struct fct_recent *recent, uint64_t number)
{
    return number >= recent->first && number < recent->end ? *slot_of(recent, number) : NULL;
}

void fct_recent_keep(struct fct_recent *recent, struct fct_recent_event *event,
                     enum fct_shape shape, factum_slice bytes)
{
    FCT_ASSERT(event->encoded[shape] == NULL);
    uint8_t *copy = bytes.len == 0 ? NULL : fct_mem_alloc(recent->mem, bytes.len);
    if (copy != NULL) {
        memcpy(copy, bytes.ptr, bytes.len);
        event->encoded[shape] = copy;
        event->encoded_len[shape] = bytes.len;
        event->size += bytes.len;
        recent->size += bytes.len;
    }
}

void fct_recent_finish(struct fct_recent *recent)
{
    forget_all(recent);
}
