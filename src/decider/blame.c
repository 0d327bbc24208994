/* blame.c - which event set each value of a state (script.h). Layer: decider. Knows no store and no
 * language: states come as JSON.
 *
 * A state is a list of values with their paths, in the order of its text. After each event the new
 * list is compared with the one before: a value that is equal at the same path keeps its event, and
 * every other value gets the new event. Both lists are sorted by path, so one pass is enough.
 *
 * Invariants:
 *  1. |values| is sorted by path; |by_order| is the order of the state's text.
 *  2. A list has the events that its values name, each once, and no others.
 *  3. A failure leaves the list as it was.
 *  4. Both lists and the nodes of the text together have at most |bytes_max| bytes.
 */
#include <factum/json.h>
#include <factum/script.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/sized.h"
#include "core/slice.h"

#define PATH_SIZE_MAX 4096
#define NODES_FIRST 256u
#define BYTES_MAX_DEFAULT ((size_t)64 << 20)
#define NO_EVENT SIZE_MAX

struct blame_value {
    const char *path;
    factum_slice value; /* as JSON */
    size_t order;       /* in the text */
    size_t event;       /* index in |events| */
};

struct blame_event {
    factum_slice type;
    uint64_t revision;
    uint64_t position;
    int64_t time;
    factum_uuid id;
    bool initial;
};

/* A state. All its memory is in the arena. */
struct blame_list {
    struct factum_arena arena;
    struct blame_value *values;
    size_t *by_order;
    size_t count;
    struct blame_event *events;
    size_t event_count;
};

struct factum_blame {
    size_t bytes_max;
    struct blame_list list;
};

struct blame_walk {
    const factum_json *json;
    struct blame_list *list;
    char path[PATH_SIZE_MAX];
};

static factum_status blame_no_memory(factum_error *err)
{
    return fct_fail(err, FACTUM_NO_MEMORY, "blame: out of memory");
}

static factum_status blame_too_big(const factum_blame *blame, factum_error *err)
{
    return fct_fail(err, FACTUM_TOO_BIG,
                    "blame: the values of the state, their paths and their events need more than "
                    "%zu bytes",
                    blame->bytes_max);
}

factum_status factum_blame_create(size_t bytes_max, factum_blame **blame, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (blame == NULL) {
        return fct_fail(err, FACTUM_INVALID, "blame: a place for it is needed");
    }
    *blame = fct_mem_zalloc(fct_mem_heap(), 1, sizeof **blame);
    if (*blame == NULL) {
        return blame_no_memory(err);
    }
    (*blame)->bytes_max = bytes_max == 0 ? BYTES_MAX_DEFAULT : bytes_max;
    return FACTUM_OK;
}

void factum_blame_destroy(factum_blame *blame)
{
    if (blame != NULL) {
        factum_arena_finish(&blame->list.arena);
        fct_mem_free(fct_mem_heap(), blame);
    }
}

/* ---- a state as a list of values ------------------------------------------------------------- */

/* Without room the arena keeps the failure. */
static void add_value(struct blame_walk *walk, uint32_t value)
{
    struct blame_list *list = walk->list;
    size_t size = strlen(walk->path) + 1;
    factum_slice raw = factum_json_raw(walk->json, value);
    char *path = factum_arena_take(&list->arena, size + raw.len);
    if (path != NULL) {
        memcpy(path, walk->path, size);
        memcpy(path + size, raw.ptr, raw.len);
        list->values[list->count] = (struct blame_value){
            .path = path, .value = fct_slice(path + size, raw.len), .order = list->count};
        list->count++;
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

/* Appends ".name" or "[3]"; truncates a path that is too long. */
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

/* Collects all values that contain no others: texts, numbers and so on, and empty objects and
 * arrays. */
/* NOLINTNEXTLINE(misc-no-recursion): the parser has limited the depth */
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
    for (uint32_t item = 0;
         at != FACTUM_JSON_NONE && factum_arena_status(&walk->list->arena) == FACTUM_OK; item++) {
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

/* Sorts the values by path, and records where each is in the order of the text. */
static void sort_values(struct blame_list *list)
{
    qsort(list->values, list->count, sizeof *list->values, compare_paths);
    for (size_t i = 0; i < list->count; i++) {
        list->by_order[list->values[i].order] = i;
    }
}

/* Makes room for the values of |json|. False: the arena has the reason. */
static bool reserve_values(struct blame_list *list, const factum_json *json)
{
    size_t count = 0;
    for (uint32_t i = 0; i < json->count; i++) {
        bool is_name = (json->nodes[i].flags & FACTUM_JSON_NAME) != 0;
        count += !is_name && factum_json_first(json, i) == FACTUM_JSON_NONE ? 1 : 0;
    }
    list->values = factum_arena_take(&list->arena, count * sizeof *list->values);
    list->by_order = factum_arena_take(&list->arena, count * sizeof *list->by_order);
    return list->values != NULL && list->by_order != NULL;
}

/* Parses |state|, with at most |bytes| bytes of nodes; the caller frees *nodes in any case. */
static factum_status parse_state(const factum_blame *blame, factum_slice state, size_t bytes,
                                 factum_json_node **nodes, factum_json *json, factum_error *err)
{
    const struct fct_mem *mem = fct_mem_heap();
    size_t most = bytes / sizeof **nodes;
    size_t capacity = NODES_FIRST < most ? NODES_FIRST : most;
    factum_status status = FACTUM_TOO_BIG;
    while (status == FACTUM_TOO_BIG) {
        fct_mem_free(mem, *nodes);
        *nodes = capacity == 0 ? NULL : fct_mem_alloc(mem, capacity * sizeof **nodes);
        if (*nodes == NULL) {
            return capacity == 0 ? blame_too_big(blame, err) : blame_no_memory(err);
        }
        status = factum_json_parse(state, NULL, *nodes, capacity, json, err);
        if (status == FACTUM_TOO_BIG && capacity == most) {
            return blame_too_big(blame, err);
        }
        capacity = capacity < most / 4 ? capacity * 4 : most;
    }
    if (status == FACTUM_OK) { /* returns the spare memory before the list is built */
        factum_json_node *fit = fct_mem_resize(mem, *nodes, (size_t)json->count * sizeof *fit);
        *nodes = fit != NULL ? fit : *nodes;
        json->nodes = *nodes;
    }
    return status;
}

static factum_status list_status(const factum_blame *blame, const struct blame_list *list,
                                 factum_error *err)
{
    switch ((int)factum_arena_status(&list->arena)) {
    case FACTUM_OK:
        return FACTUM_OK;
    case FACTUM_TOO_BIG:
        return blame_too_big(blame, err);
    default:
        return blame_no_memory(err);
    }
}

/* The values of |state|, in *list, whose arena the caller finishes in any case. */
static factum_status read_values(const factum_blame *blame, factum_slice state,
                                 struct blame_list *list, factum_error *err)
{
    const struct fct_mem *mem = fct_mem_heap();
    size_t left = blame->bytes_max - blame->list.arena.size;
    factum_json_node *nodes = NULL;
    factum_json json = {.count = 0};
    struct blame_walk *walk = fct_mem_zalloc(mem, 1, sizeof *walk);
    if (walk == NULL) {
        return blame_no_memory(err);
    }
    factum_status status = parse_state(blame, state, left, &nodes, &json, err);
    if (status == FACTUM_OK) {
        size_t used = (size_t)json.count * sizeof *nodes;
        fct_arena_init(&list->arena, mem, left > used ? left - used : 1);
        /* cppcheck-suppress autoVariables; |walk| is freed below */
        *walk = (struct blame_walk){.json = &json, .list = list};
        if (reserve_values(list, &json)) {
            walk_state(walk, FACTUM_JSON_ROOT, 0);
        }
        status = list_status(blame, list, err);
    }
    if (status == FACTUM_OK) {
        sort_values(list);
    }
    fct_mem_free(mem, nodes);
    fct_mem_free(mem, walk);
    return status;
}

/* ---- from state to state --------------------------------------------------------------------- */

/* Numbers the events that |list| names. moved[i] is the new number of event i of the old list, and
 * the result is the number of the new event; NO_EVENT: no value names it. Unchanged values keep
 * their event. Both lists are sorted by path. */
static size_t number_events(struct blame_list *list, const struct blame_list *before, size_t *moved)
{
    size_t fresh = NO_EVENT;
    size_t old = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct blame_value *value = &list->values[i];
        while (old < before->count && strcmp(before->values[old].path, value->path) < 0) {
            old++;
        }
        const struct blame_value *was = old < before->count ? &before->values[old] : NULL;
        bool same = was != NULL && strcmp(was->path, value->path) == 0 &&
                    fct_slice_equal(was->value, value->value);
        size_t *number = same ? &moved[was->event] : &fresh;
        if (*number == NO_EVENT) {
            *number = list->event_count++;
        }
        value->event = *number;
    }
    return fresh;
}

static void put_event(struct blame_list *list, size_t number, const struct blame_event *event)
{
    if (number != NO_EVENT) {
        list->events[number] = *event;
        list->events[number].type = factum_arena_copy(&list->arena, event->type);
    }
}

static factum_status name_events(const factum_blame *blame, struct blame_list *list,
                                 const struct blame_event *event, factum_error *err)
{
    const struct blame_list *before = &blame->list;
    size_t *moved = factum_arena_take(&list->arena, before->event_count * sizeof *moved);
    if (moved == NULL) {
        return list_status(blame, list, err);
    }
    for (size_t i = 0; i < before->event_count; i++) {
        moved[i] = NO_EVENT;
    }
    size_t fresh = number_events(list, before, moved);
    list->events = factum_arena_take(&list->arena, list->event_count * sizeof *list->events);
    if (list->events == NULL) {
        return list_status(blame, list, err);
    }
    for (size_t i = 0; i < before->event_count; i++) {
        put_event(list, moved[i], &before->events[i]);
    }
    put_event(list, fresh, event);
    return list_status(blame, list, err);
}

static struct blame_event event_of(const factum_event *event)
{
    if (event == NULL) {
        return (struct blame_event){.initial = true};
    }
    return (struct blame_event){.type = event->type,
                                .revision = event->revision,
                                .position = event->position,
                                .time = event->time,
                                .id = event->id};
}

factum_status factum_blame_take(factum_blame *blame, factum_slice state, const factum_event *event,
                                factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    struct blame_list list = {.count = 0};
    const struct blame_event now = event_of(event);
    if (blame == NULL) {
        return fct_fail(err, FACTUM_INVALID, "blame: the blame is NULL");
    }
    factum_status status = read_values(blame, state, &list, err);
    if (status == FACTUM_OK) {
        status = name_events(blame, &list, &now, err);
    }
    if (status != FACTUM_OK) {
        factum_arena_finish(&list.arena);
        return status;
    }
    factum_arena_finish(&blame->list.arena);
    blame->list = list;
    return FACTUM_OK;
}

factum_status factum_blame_at(const factum_blame *blame, size_t index, factum_blamed *value,
                              factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (blame == NULL) {
        return fct_fail(err, FACTUM_INVALID, "blame: the blame is NULL");
    }
    factum_status status = fct_sized_check(value, "blame: the value", err);
    if (status != FACTUM_OK) {
        return status;
    }
    const struct blame_list *list = &blame->list;
    if (index >= list->count) {
        return FACTUM_DONE;
    }
    const struct blame_value *found = &list->values[list->by_order[index]];
    const struct blame_event *event = &list->events[found->event];
    const factum_blamed full = {
        .size = sizeof full,
        .path = factum_slice_from(found->path),
        .value = found->value,
        .initial = event->initial,
        .revision = event->revision,
        .position = event->position,
        .type = event->type,
        .time = event->time,
        .id = event->id,
    };
    fct_sized_write(value, &full, sizeof full);
    return FACTUM_OK;
}
