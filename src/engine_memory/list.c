/* list.c - the listers of the memory engine: streams, categories, event types, tags.
 * Layer: engine_memory.
 *
 * A lister walks over the events that existed when it was opened. It returns a name at the first
 * event that has the name, and counts the later events with that name. It takes the lock for each
 * call. Knows nothing of speed: it compares every name with every other.
 */
#include <string.h>

#include "core/error.h"
#include "core/slice.h"
#include "engine/rules.h"
#include "engine_memory/memory_int.h"

struct lister {
    struct fct_lister base;
    struct memory *memory;
    uint64_t deadline;           /* monotonic; 0: none */
    factum_list_request request; /* prefix and category: copies, in |texts| */
    size_t end;                  /* events that it walks over */
    uint64_t given;
    uint64_t given_first; /* first position of the last name given */
    size_t at;
    size_t tag;
    uint8_t texts[2 * FACTUM_NAME_SIZE_MAX];
};

static factum_slice name_of(const struct lister *lister, const factum_event *event, size_t tag)
{
    switch (lister->request.kind) {
    case FACTUM_LIST_STREAMS:
        return event->stream;
    case FACTUM_LIST_CATEGORIES:
        return fct_category(event->stream);
    case FACTUM_LIST_TYPES:
        return event->type;
    case FACTUM_LIST_TAGS:
        break;
    }
    return tag < event->tag_count ? event->tags[tag] : fct_slice(NULL, 0);
}

static bool has_name(const struct lister *lister, const factum_event *event, factum_slice name)
{
    size_t tags = lister->request.kind == FACTUM_LIST_TAGS ? event->tag_count : 1;
    for (size_t i = 0; i < tags; i++) {
        if (fct_slice_equal(name_of(lister, event, i), name)) {
            return true;
        }
    }
    return false;
}

/* Fills |entry| if this is the first event with the name. */
static bool list_name(const struct lister *lister, size_t index, factum_slice name,
                      factum_list_entry *entry)
{
    const struct memory *memory = lister->memory;
    for (size_t i = 0; i < index; i++) {
        if (has_name(lister, &memory->events[i]->event, name)) {
            return false;
        }
    }
    const factum_event *first = &memory->events[index]->event;
    *entry = (factum_list_entry){
        .name = name, .first_position = first->position, .first_created = first->created};
    for (size_t i = index; i < memory->count; i++) {
        const factum_event *event = &memory->events[i]->event;
        if (has_name(lister, event, name)) {
            entry->event_count++;
            entry->last_position = event->position;
            entry->last_created = event->created;
        }
    }
    return true;
}

static bool is_asked_for(const struct lister *lister, const factum_event *event, factum_slice name)
{
    const factum_list_request *request = &lister->request;
    return name.len > 0 && fct_slice_starts(name, request->prefix) &&
           event->position > request->after &&
           (request->category.len == 0 ||
            fct_slice_equal(fct_category(event->stream), request->category));
}

/* The count is reached, and |event| is not the one whose names are being given. */
static bool is_full(const struct lister *lister, const factum_event *event)
{
    return lister->request.count_max > 0 && lister->given >= lister->request.count_max &&
           event->position != lister->given_first;
}

static factum_status lister_next(struct fct_lister *base, factum_list_entry *entry,
                                 factum_error *err)
{
    struct lister *lister = (struct lister *)(void *)base;
    struct memory *memory = lister->memory;
    factum_status status = fct_deadline_check(memory->os, lister->deadline, "list", err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = FACTUM_DONE;
    uint64_t steps = 0;
    fct_mutex_lock(&memory->lock);
    while (status == FACTUM_DONE && lister->at < lister->end &&
           !is_full(lister, &memory->events[lister->at]->event)) {
        if (lister->request.steps_max > 0 && steps++ == lister->request.steps_max) {
            status = FACTUM_PENDING;
            break;
        }
        const factum_event *event = &memory->events[lister->at]->event;
        factum_slice name = name_of(lister, event, lister->tag);
        size_t index = lister->at;
        bool repeated = false;
        for (size_t i = 0; i < lister->tag; i++) {
            repeated = repeated || fct_slice_equal(name, event->tags[i]);
        }
        bool tags = lister->request.kind == FACTUM_LIST_TAGS;
        bool more = tags && lister->tag + 1 < event->tag_count;
        lister->tag = more ? lister->tag + 1 : 0;
        lister->at += more ? 0 : 1;
        if (!repeated && is_asked_for(lister, event, name) &&
            list_name(lister, index, name, entry)) {
            lister->given++;
            lister->given_first = event->position;
            status = FACTUM_OK;
        }
    }
    fct_mutex_unlock(&memory->lock);
    return status;
}

static void lister_close(struct fct_lister *base)
{
    struct lister *lister = (struct lister *)(void *)base;
    fct_mem_free(lister->memory->mem, lister);
}

static const struct fct_lister_ops lister_ops = {lister_next, NULL, lister_close};

static factum_slice copy(factum_slice text, uint8_t *to)
{
    if (text.len > 0) {
        memcpy(to, text.ptr, text.len);
    }
    return fct_slice(to, text.len);
}

factum_status fct_memory_list(void *self, const factum_list_request *request,
                              struct fct_lister **out, factum_error *err)
{
    struct memory *memory = self;
    *out = NULL;
    struct lister *lister = fct_mem_zalloc(memory->mem, 1, sizeof *lister);
    if (lister == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "list: out of memory");
    }
    lister->base.ops = &lister_ops;
    lister->memory = memory;
    lister->request = *request;
    lister->request.call = NULL;
    lister->deadline = fct_call_get(request->call).deadline;
    lister->request.prefix = copy(request->prefix, lister->texts);
    lister->request.category = copy(request->category, lister->texts + FACTUM_NAME_SIZE_MAX);
    fct_mutex_lock(&memory->lock);
    lister->end = memory->count;
    fct_mutex_unlock(&memory->lock);
    *out = &lister->base;
    return FACTUM_OK;
}
