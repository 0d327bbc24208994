/* blame.c - which event gave each value of a state its value (script.h). Layer: decider. Knows no
 * store and no language: states come as JSON.
 *
 * A state is a list of values with their paths, in the order of its text. After each event the new
 * list is compared with the one before: a value that is the same at the same path keeps its event,
 * any other one has this event. Both lists are sorted by path, so that one pass does it.
 *
 * Invariants.
 *  1. |values| is sorted by path; |by_order| is the order of the state's text.
 *  2. A failure leaves values and events as they were.
 */
#include <factum/json.h>
#include <factum/script.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/sized.h"
#include "core/slice.h"

#define PATH_SIZE_MAX 4096

struct blame_value {
    char *path; /* and after its zero byte the value, as JSON */
    const char *value;
    size_t value_len;
    size_t order; /* in the text */
    size_t event; /* number in |events| */
};

struct blame_event {
    char *type;
    size_t type_len;
    uint64_t revision;
    uint64_t position;
    int64_t time;
    factum_uuid id;
    bool initial;
};

struct factum_blame {
    struct blame_value *values;
    size_t *by_order;
    size_t count;
    struct blame_event *events;
    size_t event_count, event_room;
};

struct blame_walk {
    const factum_json *json;
    struct blame_value *values;
    size_t *by_order;
    size_t count, room;
    char path[PATH_SIZE_MAX];
    bool failed;
};

static factum_status blame_no_memory(factum_error *err)
{
    return fct_fail(err, FACTUM_NO_MEMORY, "blame: out of memory");
}

factum_status factum_blame_create(factum_blame **blame, factum_error *err)
{
    if (blame == NULL) {
        return fct_fail(err, FACTUM_INVALID, "blame: a place for it is needed");
    }
    *blame = fct_mem_zalloc(fct_mem_heap(), 1, sizeof **blame);
    return *blame == NULL ? blame_no_memory(err) : FACTUM_OK;
}

static void free_values(struct blame_value *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fct_mem_free(fct_mem_heap(), values[i].path);
    }
    fct_mem_free(fct_mem_heap(), values);
}

void factum_blame_destroy(factum_blame *blame)
{
    const struct fct_mem *mem = fct_mem_heap();
    if (blame == NULL) {
        return;
    }
    free_values(blame->values, blame->count);
    fct_mem_free(mem, blame->by_order);
    for (size_t i = 0; i < blame->event_count; i++) {
        fct_mem_free(mem, blame->events[i].type);
    }
    fct_mem_free(mem, blame->events);
    fct_mem_free(mem, blame);
}

/* ---- a state as a list of values ------------------------------------------------------------- */

static void add_value(struct blame_walk *walk, uint32_t value)
{
    const struct fct_mem *mem = fct_mem_heap();
    factum_slice raw = factum_json_raw(walk->json, value);
    size_t len = strlen(walk->path);
    if (walk->count == walk->room) {
        size_t room = walk->room == 0 ? 64 : 2 * walk->room;
        struct blame_value *values = fct_mem_resize(mem, walk->values, room * sizeof *values);
        walk->failed = values == NULL;
        if (walk->failed) {
            return;
        }
        walk->values = values;
        walk->room = room;
    }
    char *text = fct_mem_alloc(mem, len + 1 + raw.len);
    walk->failed = text == NULL;
    if (text != NULL) {
        memcpy(text, walk->path, len + 1);
        memcpy(text + len + 1, raw.ptr, raw.len);
        walk->values[walk->count] = (struct blame_value){
            .path = text, .value = text + len + 1, .value_len = raw.len, .order = walk->count};
        walk->count++;
    }
}

static bool is_plain_name(factum_slice name)
{
    bool plain = name.len > 0 && !(name.ptr[0] >= '0' && name.ptr[0] <= '9');
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        plain = plain && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                          (c >= '0' && c <= '9'));
    }
    return plain;
}

/* Appends ".name", or "[3]"; a path that would be too long ends there. */
static size_t add_step(struct blame_walk *walk, size_t len, uint32_t at, uint32_t item,
                       bool is_name)
{
    factum_slice name = factum_json_inside(walk->json, at);
    size_t room = sizeof walk->path - len;
    int made;
    if (!is_name) {
        made = snprintf(walk->path + len, room, "[%" PRIu32 "]", item);
    } else if (is_plain_name(name)) {
        made = snprintf(walk->path + len, room, ".%.*s", (int)name.len, (const char *)name.ptr);
    } else {
        made = snprintf(walk->path + len, room, ".\"%.*s\"", (int)name.len, (const char *)name.ptr);
    }
    return made > 0 && (size_t)made < room ? len + (size_t)made : sizeof walk->path - 1;
}

/* All values that hold no others: texts, numbers and the like, and what is empty. */
// NOLINTNEXTLINE(misc-no-recursion): the parser has bounded the depth
static void walk_state(struct blame_walk *walk, uint32_t value, size_t len)
{
    uint32_t at = factum_json_first(walk->json, value);
    bool is_object = factum_json_kind_of(walk->json, value) == FACTUM_JSON_OBJECT;
    if (at == FACTUM_JSON_NONE) {
        if (len == 0) {
            (void)snprintf(walk->path, sizeof walk->path, ".");
        }
        add_value(walk, value);
        return;
    }
    for (uint32_t item = 0; at != FACTUM_JSON_NONE && !walk->failed; item++) {
        size_t longer = add_step(walk, len, at, item, is_object);
        walk_state(walk, is_object ? at + 1 : at, longer);
        walk->path[len] = '\0';
        at = factum_json_next(walk->json, value, at);
    }
}

static int compare_paths(const void *a, const void *b)
{
    const struct blame_value *x = a;
    const struct blame_value *y = b;
    int order = strcmp(x->path, y->path);
    return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

/* Sorts the values by path, and says where the order of the text has gone. False without memory. */
static bool sort_values(struct blame_walk *walk)
{
    size_t size = (walk->count == 0 ? 1 : walk->count) * sizeof *walk->by_order;
    walk->by_order = fct_mem_alloc(fct_mem_heap(), size);
    if (walk->by_order == NULL) {
        return false;
    }
    qsort(walk->values, walk->count, sizeof *walk->values, compare_paths);
    for (size_t i = 0; i < walk->count; i++) {
        walk->by_order[walk->values[i].order] = i;
    }
    return true;
}

/* ---- one state after the other --------------------------------------------------------------- */

/* Values that are as they were keep their event. Both lists are sorted by path. */
static void keep_events(const factum_blame *blame, struct blame_walk *walk, size_t event)
{
    size_t old = 0;
    for (size_t i = 0; i < walk->count; i++) {
        struct blame_value *value = &walk->values[i];
        value->event = event;
        while (old < blame->count && strcmp(blame->values[old].path, value->path) < 0) {
            old++;
        }
        const struct blame_value *before = old < blame->count ? &blame->values[old] : NULL;
        if (before != NULL && strcmp(before->path, value->path) == 0 &&
            before->value_len == value->value_len &&
            memcmp(before->value, value->value, value->value_len) == 0) {
            value->event = before->event;
        }
    }
}

static bool reserve_event(factum_blame *blame)
{
    if (blame->event_count < blame->event_room) {
        return true;
    }
    size_t room = blame->event_room == 0 ? 64 : 2 * blame->event_room;
    struct blame_event *events =
        fct_mem_resize(fct_mem_heap(), blame->events, room * sizeof *events);
    if (events == NULL) {
        return false;
    }
    blame->events = events;
    blame->event_room = room;
    return true;
}

static bool add_event(factum_blame *blame, const factum_event *event)
{
    size_t len = event == NULL ? 0 : event->type.len;
    char *type = reserve_event(blame) ? fct_mem_alloc(fct_mem_heap(), len + 1) : NULL;
    if (type == NULL) {
        return false;
    }
    struct blame_event *added = &blame->events[blame->event_count];
    *added = (struct blame_event){.type = type, .type_len = len, .initial = event == NULL};
    if (event != NULL) {
        memcpy(type, event->type.ptr, len);
        added->revision = event->revision;
        added->position = event->position;
        added->time = event->time;
        added->id = event->id;
    }
    blame->event_count++;
    return true;
}

/* The values of |state|; on failure what was made so far is in |walk|. */
static factum_status read_values(struct blame_walk *walk, factum_slice state, factum_error *err)
{
    size_t capacity = factum_json_nodes_max(state.len);
    factum_json_node *nodes = fct_mem_zalloc(fct_mem_heap(), capacity, sizeof *nodes);
    factum_json json;
    if (nodes == NULL) {
        return blame_no_memory(err);
    }
    factum_status status = factum_json_parse(state, NULL, nodes, capacity, &json, err);
    if (status == FACTUM_OK) {
        walk->json = &json;
        walk_state(walk, FACTUM_JSON_ROOT, 0);
        if (walk->failed || !sort_values(walk)) {
            status = blame_no_memory(err);
        }
    }
    fct_mem_free(fct_mem_heap(), nodes);
    return status;
}

factum_status factum_blame_take(factum_blame *blame, factum_slice state, const factum_event *event,
                                factum_error *err)
{
    const struct fct_mem *mem = fct_mem_heap();
    if (blame == NULL) {
        return fct_fail(err, FACTUM_INVALID, "blame: there is none");
    }
    struct blame_walk *walk = fct_mem_zalloc(mem, 1, sizeof *walk);
    if (walk == NULL) {
        return blame_no_memory(err);
    }
    factum_status status = read_values(walk, state, err);
    if (status == FACTUM_OK && !add_event(blame, event)) {
        status = blame_no_memory(err);
    }
    if (status == FACTUM_OK) {
        keep_events(blame, walk, blame->event_count - 1);
        free_values(blame->values, blame->count);
        fct_mem_free(mem, blame->by_order);
        blame->values = walk->values;
        blame->by_order = walk->by_order;
        blame->count = walk->count;
    } else {
        free_values(walk->values, walk->count);
        fct_mem_free(mem, walk->by_order);
    }
    fct_mem_free(mem, walk);
    return status;
}

factum_status factum_blame_at(const factum_blame *blame, size_t index, factum_blamed *value,
                              factum_error *err)
{
    if (blame == NULL) {
        return fct_fail(err, FACTUM_INVALID, "blame: there is none");
    }
    factum_status status = fct_sized_check(value, "blame: the value", err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (index >= blame->count) {
        return FACTUM_DONE;
    }
    const struct blame_value *found = &blame->values[blame->by_order[index]];
    const struct blame_event *event = &blame->events[found->event];
    const factum_blamed full = {
        .size = sizeof full,
        .path = factum_slice_from(found->path),
        .value = fct_slice(found->value, found->value_len),
        .initial = event->initial,
        .revision = event->revision,
        .position = event->position,
        .type = fct_slice(event->type, event->type_len),
        .time = event->time,
        .id = event->id,
    };
    fct_sized_write(value, &full, sizeof full);
    return FACTUM_OK;
}
