/* entry.c - see entry.h. Layer: saga.
 *
 * Invariants:
 *  1. |count| is at least |open_count|, |loaded_count| and |heap_count|.
 *  2. The list of loaded entries is empty exactly if |loaded_count| is 0.
 *  3. |oldest| and |newest| are the ends of one list; without waiting inputs it is empty, and
 *     |waiting_bytes| is 0.
 *  4. An entry is in the heap, at |at|, exactly if it is due.
 *  5. |first| and |last| of an entry are the ends of its queue.
 */
#include "saga/entry.h"

#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/slice.h"

#define BUCKETS_FIRST 1024u
#define NOT_IN_HEAP SIZE_MAX

static void entries_check(const struct fct_entries *entries)
{
    FCT_ASSERT(entries->open_count <= entries->count && entries->loaded_count <= entries->count &&
               entries->heap_count <= entries->count); /* 1 */
    FCT_ASSERT((entries->most_used == NULL) == (entries->loaded_count == 0) &&
               (entries->least_used == NULL) == (entries->loaded_count == 0)); /* 2 */
    FCT_ASSERT((entries->oldest == NULL) == (entries->newest == NULL));        /* 3 */
    FCT_ASSERT(entries->waiting_count > 0 ||
               (entries->oldest == NULL && entries->waiting_bytes == 0));
}

static void entry_links_check(const struct fct_entries *entries, const struct fct_entry *entry)
{
    FCT_ASSERT((entry->at == NOT_IN_HEAP) == (entry->due == 0)); /* 4 */
    FCT_ASSERT(entry->at == NOT_IN_HEAP ||
               (entry->at < entries->heap_count && entries->heap[entry->at] == entry));
    FCT_ASSERT((entry->first == NULL) == (entry->last == NULL)); /* 5 */
}

/* ---- by name --------------------------------------------------------------------------------- */

static uint64_t hash_key(const struct fct_saga_key *key)
{
    const factum_slice parts[] = {key->name, FCT_SLICE("-"), key->id};
    return fct_hash128_parts(parts, 3, 0).low;
}

factum_status fct_entries_init(struct fct_entries *entries, const struct fct_mem *mem,
                               factum_error *err)
{
    memset(entries, 0, sizeof *entries);
    entries->mem = mem;
    entries->buckets = fct_mem_zalloc(mem, BUCKETS_FIRST, sizeof *entries->buckets);
    entries->bucket_count = BUCKETS_FIRST;
    return entries->buckets != NULL ? FACTUM_OK
                                    : fct_fail(err, FACTUM_NO_MEMORY, "sagas: out of memory");
}

void fct_entries_finish(struct fct_entries *entries)
{
    for (size_t i = 0; entries->buckets != NULL && i < entries->bucket_count; i++) {
        while (entries->buckets[i] != NULL) {
            struct fct_entry *entry = entries->buckets[i];
            while (entry->first != NULL) {
                fct_entries_served(entries, entry);
            }
            fct_entries_unload(entries, entry);
            fct_entries_drop(entries, entry);
        }
    }
    if (entries->mem != NULL) {
        fct_mem_free(entries->mem, entries->buckets);
        fct_mem_free(entries->mem, entries->heap);
    }
    memset(entries, 0, sizeof *entries);
}

static struct fct_entry **bucket_of(const struct fct_entries *entries, uint64_t hash)
{
    return &entries->buckets[hash & (entries->bucket_count - 1)];
}

struct fct_entry *fct_entries_find(const struct fct_entries *entries,
                                   const struct fct_saga_key *key)
{
    uint64_t hash = hash_key(key);
    struct fct_entry *entry = *bucket_of(entries, hash);
    while (entry != NULL && (entry->hash != hash || !fct_slice_equal(entry->key.id, key->id) ||
                             !fct_slice_equal(entry->key.name, key->name))) {
        entry = entry->chain;
    }
    return entry;
}

/* Doubles the buckets; without memory the chains grow. */
static void spread(struct fct_entries *entries)
{
    size_t count = entries->bucket_count * 2;
    struct fct_entry **buckets = fct_mem_zalloc(entries->mem, count, sizeof *buckets);
    if (buckets == NULL) {
        return;
    }
    for (size_t i = 0; i < entries->bucket_count; i++) {
        while (entries->buckets[i] != NULL) {
            struct fct_entry *entry = entries->buckets[i];
            entries->buckets[i] = entry->chain;
            entry->chain = buckets[entry->hash & (count - 1)];
            buckets[entry->hash & (count - 1)] = entry;
        }
    }
    fct_mem_free(entries->mem, entries->buckets);
    entries->buckets = buckets;
    entries->bucket_count = count;
}

struct fct_entry *fct_entries_get(struct fct_entries *entries, const struct fct_saga_key *key)
{
    struct fct_entry *entry = fct_entries_find(entries, key);
    if (entry != NULL) {
        return entry;
    }
    size_t text = key->name.len + key->id.len;
    entry = fct_mem_zalloc(entries->mem, 1, sizeof *entry + text);
    if (entry == NULL) {
        return NULL;
    }
    uint8_t *name = (uint8_t *)(entry + 1);
    memcpy(name, key->name.ptr, key->name.len);
    memcpy(name + key->name.len, key->id.ptr, key->id.len);
    entry->key.name = fct_slice(name, key->name.len);
    entry->key.id = fct_slice(name + key->name.len, key->id.len);
    entry->hash = hash_key(key);
    entry->at = NOT_IN_HEAP;
    if (entries->count >= entries->bucket_count) {
        spread(entries);
    }
    entry->chain = *bucket_of(entries, entry->hash);
    *bucket_of(entries, entry->hash) = entry;
    entries->count++;
    entries_check(entries);
    return entry;
}

void fct_entries_drop(struct fct_entries *entries, struct fct_entry *entry)
{
    factum_error ignored;
    FCT_ASSERT(entry->instance == NULL && entry->first == NULL && entry->commit == NULL &&
               !entry->is_again && !entry->is_closing);
    struct fct_entry **place = bucket_of(entries, entry->hash);
    while (*place != entry) {
        place = &(*place)->chain;
    }
    *place = entry->chain;
    factum_status status = fct_entries_set_due(entries, entry, 0, &ignored);
    FCT_ASSERT(status == FACTUM_OK); /* only a due time needs memory */
    fct_entries_set_open(entries, entry, false);
    entries->count--;
    fct_mem_free(entries->mem, entry);
    entries_check(entries);
}

void fct_entries_set_open(struct fct_entries *entries, struct fct_entry *entry, bool open)
{
    if (entry->open != open) {
        entries->open_count = open ? entries->open_count + 1 : entries->open_count - 1;
        entry->open = open;
    }
}

/* ---- by timer -------------------------------------------------------------------------------- */

static void place_at(struct fct_entries *entries, struct fct_entry *entry, size_t at)
{
    entries->heap[at] = entry;
    entry->at = at;
}

static void sift_up(struct fct_entries *entries, struct fct_entry *entry, size_t at)
{
    while (at > 0 && entries->heap[(at - 1) / 2]->due > entry->due) {
        place_at(entries, entries->heap[(at - 1) / 2], at);
        at = (at - 1) / 2;
    }
    place_at(entries, entry, at);
}

static void sift_down(struct fct_entries *entries, struct fct_entry *entry, size_t at)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= entries->heap_count) {
            break;
        }
        if (child + 1 < entries->heap_count &&
            entries->heap[child + 1]->due < entries->heap[child]->due) {
            child++;
        }
        if (entries->heap[child]->due >= entry->due) {
            break;
        }
        place_at(entries, entries->heap[child], at);
        at = child;
    }
    place_at(entries, entry, at);
}

static void leave_heap(struct fct_entries *entries, struct fct_entry *entry)
{
    size_t at = entry->at;
    entry->at = NOT_IN_HEAP;
    struct fct_entry *last = entries->heap[--entries->heap_count];
    if (last != entry) {
        sift_up(entries, last, at);
        sift_down(entries, last, last->at);
    }
}

static factum_status enter_heap(struct fct_entries *entries, struct fct_entry *entry,
                                factum_error *err)
{
    if (entries->heap_count == entries->heap_capacity) {
        size_t capacity = entries->heap_capacity > 0 ? entries->heap_capacity * 2 : 1024;
        struct fct_entry **heap =
            fct_mem_resize(entries->mem, entries->heap, capacity * sizeof(struct fct_entry *));
        if (heap == NULL) {
            entry->due = 0;
            return fct_fail(err, FACTUM_NO_MEMORY, "sagas: their timers");
        }
        entries->heap = heap;
        entries->heap_capacity = capacity;
    }
    sift_up(entries, entry, entries->heap_count++);
    return FACTUM_OK;
}

factum_status fct_entries_set_due(struct fct_entries *entries, struct fct_entry *entry, int64_t due,
                                  factum_error *err)
{
    entry_links_check(entries, entry);
    if (due == entry->due) {
        return FACTUM_OK;
    }
    if (entry->at != NOT_IN_HEAP) {
        leave_heap(entries, entry);
    }
    entry->due = due;
    factum_status status = due != 0 ? enter_heap(entries, entry, err) : FACTUM_OK;
    entry_links_check(entries, entry);
    return status;
}

struct fct_entry *fct_entries_first_due(const struct fct_entries *entries)
{
    return entries->heap_count > 0 ? entries->heap[0] : NULL;
}

/* ---- by use ---------------------------------------------------------------------------------- */

static void unlink_used(struct fct_entries *entries, struct fct_entry *entry)
{
    struct fct_entry *before = entry->used_before;
    struct fct_entry *after = entry->used_after;
    *(before != NULL ? &before->used_after : &entries->most_used) = after;
    *(after != NULL ? &after->used_before : &entries->least_used) = before;
    entry->used_before = NULL;
    entry->used_after = NULL;
}

static void link_used(struct fct_entries *entries, struct fct_entry *entry)
{
    entry->used_after = entries->most_used;
    *(entries->most_used != NULL ? &entries->most_used->used_before : &entries->least_used) = entry;
    entries->most_used = entry;
}

struct fct_instance *fct_entries_load(struct fct_entries *entries, struct fct_entry *entry,
                                      const struct fct_deployed_set *set)
{
    FCT_ASSERT(entry->instance == NULL);
    entry->instance = fct_mem_alloc(entries->mem, sizeof *entry->instance);
    if (entry->instance == NULL) {
        return NULL;
    }
    fct_instance_init(entry->instance, entries->mem, set, &entry->key);
    link_used(entries, entry);
    entries->loaded_count++;
    entries_check(entries);
    return entry->instance;
}

void fct_entries_use(struct fct_entries *entries, struct fct_entry *entry)
{
    FCT_ASSERT(entry->instance != NULL);
    if (entries->most_used != entry) {
        unlink_used(entries, entry);
        link_used(entries, entry);
    }
}

void fct_entries_unload(struct fct_entries *entries, struct fct_entry *entry)
{
    if (entry->instance == NULL) {
        return;
    }
    unlink_used(entries, entry);
    fct_instance_finish(entry->instance);
    fct_mem_free(entries->mem, entry->instance);
    entry->instance = NULL;
    FCT_ASSERT(entries->loaded_count > 0);
    entries->loaded_count--;
    entries_check(entries);
}

/* ---- waiting inputs -------------------------------------------------------------------------- */

static factum_slice put_copy(uint8_t **at, factum_slice slice)
{
    uint8_t *to = *at;
    if (slice.len > 0) {
        memcpy(to, slice.ptr, slice.len);
    }
    *at += slice.len;
    return fct_slice(to, slice.len);
}

static void link_newest(struct fct_entries *entries, struct fct_waiting *waiting)
{
    waiting->older = entries->newest;
    *(entries->newest != NULL ? &entries->newest->newer : &entries->oldest) = waiting;
    entries->newest = waiting;
}

static void unlink_waiting(struct fct_entries *entries, struct fct_waiting *waiting)
{
    *(waiting->older != NULL ? &waiting->older->newer : &entries->oldest) = waiting->newer;
    *(waiting->newer != NULL ? &waiting->newer->older : &entries->newest) = waiting->older;
}

struct fct_waiting *fct_entries_wait(struct fct_entries *entries, struct fct_entry *entry,
                                     const struct fct_waiting *waiting)
{
    const factum_event *event = &waiting->event;
    size_t bytes = waiting->step.len;
    if (waiting->has_event) {
        bytes += event->stream.len + event->type.len + event->data.len + event->metadata.len;
    }
    struct fct_waiting *copy = fct_mem_zalloc(entries->mem, 1, sizeof *copy + bytes);
    if (copy == NULL) {
        return NULL;
    }
    uint8_t *at = (uint8_t *)(copy + 1);
    copy->kind = waiting->kind;
    copy->has_event = waiting->has_event;
    copy->undo = waiting->undo;
    copy->generation = waiting->generation;
    copy->size = bytes;
    copy->step = put_copy(&at, waiting->step);
    if (waiting->has_event) {
        copy->event.stream = put_copy(&at, event->stream);
        copy->event.type = put_copy(&at, event->type);
        copy->event.data = put_copy(&at, event->data);
        copy->event.metadata = put_copy(&at, event->metadata);
        copy->event.id = event->id;
        copy->event.position = event->position;
        copy->event.revision = event->revision;
        copy->event.created = event->created;
        link_newest(entries, copy);
    }
    *(entry->last != NULL ? &entry->last->next : &entry->first) = copy;
    entry->last = copy;
    entries->waiting_count++;
    entries->waiting_bytes += copy->size;
    entries_check(entries);
    entry_links_check(entries, entry);
    return copy;
}

void fct_entries_served(struct fct_entries *entries, struct fct_entry *entry)
{
    struct fct_waiting *waiting = entry->first;
    FCT_ASSERT(waiting != NULL);
    entry->first = waiting->next;
    if (entry->first == NULL) {
        entry->last = NULL;
    }
    if (waiting->has_event) {
        unlink_waiting(entries, waiting);
    }
    entries->waiting_count--;
    entries->waiting_bytes -= waiting->size;
    fct_mem_free(entries->mem, waiting);
    entries_check(entries);
    entry_links_check(entries, entry);
}
