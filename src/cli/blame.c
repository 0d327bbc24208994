/* blame.c - which event gave each value of a state its value. Layer: cli.
 *
 * A state is a list of values with their paths, in the order of its text. After each event the new
 * list is compared with the one before: a value that is the same at the same path keeps its event,
 * any other one has this event. Both lists are sorted by path, so that one pass does it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/script.h"

#define PATH_SIZE_MAX 4096

struct blamed {
    char *path; /* and behind its zero byte the value, as JSON */
    const char *value;
    size_t value_len;
    size_t order; /* in the text */
    size_t event; /* number in |events| */
};

struct blamer {
    char *type;
    uint64_t revision;
    int64_t time;
    factum_uuid id;
    bool initial;
};

struct blame {
    struct blamed *values;
    size_t count;
    struct blamer *events;
    size_t event_count, event_room;
};

struct walk {
    const factum_json *json;
    struct blamed *values;
    size_t count, room;
    char path[PATH_SIZE_MAX];
    bool failed;
};

struct blame *blame_create(void)
{
    return calloc(1, sizeof(struct blame));
}

static void free_values(struct blamed *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(values[i].path);
    }
    free(values);
}

void blame_destroy(struct blame *blame)
{
    if (blame == NULL) {
        return;
    }
    free_values(blame->values, blame->count);
    for (size_t i = 0; i < blame->event_count; i++) {
        free(blame->events[i].type);
    }
    free(blame->events);
    free(blame);
}

static void add_value(struct walk *walk, uint32_t value)
{
    factum_slice raw = factum_json_raw(walk->json, value);
    size_t len = strlen(walk->path);
    if (walk->count == walk->room) {
        size_t room = walk->room == 0 ? 64 : 2 * walk->room;
        struct blamed *values = realloc(walk->values, room * sizeof *values);
        walk->failed = values == NULL;
        if (walk->failed) {
            return;
        }
        walk->values = values;
        walk->room = room;
    }
    char *text = malloc(len + 1 + raw.len);
    walk->failed = text == NULL;
    if (text != NULL) {
        memcpy(text, walk->path, len + 1);
        memcpy(text + len + 1, raw.ptr, raw.len);
        walk->values[walk->count] = (struct blamed){
            .path = text, .value = text + len + 1, .value_len = raw.len, .order = walk->count};
        walk->count++;
    }
}

static bool is_plain(factum_slice name)
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
static size_t add_step(struct walk *walk, size_t len, uint32_t at, uint32_t item, bool is_name)
{
    factum_slice name = factum_json_inside(walk->json, at);
    size_t room = sizeof walk->path - len;
    int made;
    if (!is_name) {
        made = snprintf(walk->path + len, room, "[%" PRIu32 "]", item);
    } else if (is_plain(name)) {
        made = snprintf(walk->path + len, room, ".%.*s", (int)name.len, (const char *)name.ptr);
    } else {
        made = snprintf(walk->path + len, room, ".\"%.*s\"", (int)name.len, (const char *)name.ptr);
    }
    return made > 0 && (size_t)made < room ? len + (size_t)made : sizeof walk->path - 1;
}

/* All values that hold no others: texts, numbers and the like, and what is empty. */
// NOLINTNEXTLINE(misc-no-recursion): the parser has bounded the depth
static void walk_state(struct walk *walk, uint32_t value, size_t len)
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
    const struct blamed *x = a;
    const struct blamed *y = b;
    return strcmp(x->path, y->path);
}

static int compare_order(const void *a, const void *b)
{
    const struct blamed *x = a;
    const struct blamed *y = b;
    return (x->order > y->order) - (x->order < y->order);
}

/* Values that are as they were keep their event. Both lists are sorted by path. */
static void keep_events(const struct blame *blame, struct walk *walk, size_t event)
{
    size_t old = 0;
    for (size_t i = 0; i < walk->count; i++) {
        struct blamed *value = &walk->values[i];
        value->event = event;
        while (old < blame->count && strcmp(blame->values[old].path, value->path) < 0) {
            old++;
        }
        const struct blamed *before = old < blame->count ? &blame->values[old] : NULL;
        if (before != NULL && strcmp(before->path, value->path) == 0 &&
            before->value_len == value->value_len &&
            memcmp(before->value, value->value, value->value_len) == 0) {
            value->event = before->event;
        }
    }
}

static bool add_event(struct blame *blame, const factum_event *event)
{
    if (blame->event_count == blame->event_room) {
        size_t room = blame->event_room == 0 ? 64 : 2 * blame->event_room;
        struct blamer *events = realloc(blame->events, room * sizeof *events);
        if (events == NULL) {
            return false;
        }
        blame->events = events;
        blame->event_room = room;
    }
    struct blamer *added = &blame->events[blame->event_count];
    *added = (struct blamer){.initial = event == NULL};
    size_t len = event == NULL ? 0 : event->type.len;
    added->type = malloc(len + 1);
    if (added->type == NULL) {
        return false;
    }
    if (event != NULL) {
        memcpy(added->type, event->type.ptr, len);
        added->revision = event->revision;
        added->time = event->time;
        added->id = event->id;
    }
    added->type[len] = '\0';
    blame->event_count++;
    return true;
}

bool blame_take(struct blame *blame, factum_slice state, const factum_event *event)
{
    size_t capacity = factum_json_nodes_max(state.len);
    factum_json_node *nodes = malloc(capacity * sizeof *nodes);
    factum_json json;
    factum_error err;
    struct walk *walk = calloc(1, sizeof *walk);
    bool good = nodes != NULL && walk != NULL && add_event(blame, event) &&
                factum_json_parse(state, NULL, nodes, capacity, &json, &err) == FACTUM_OK;
    if (good) {
        walk->json = &json;
        walk_state(walk, FACTUM_JSON_ROOT, 0);
        good = !walk->failed;
    }
    if (good) {
        qsort(walk->values, walk->count, sizeof *walk->values, compare_paths);
        keep_events(blame, walk, blame->event_count - 1);
        free_values(blame->values, blame->count);
        blame->values = walk->values;
        blame->count = walk->count;
    } else if (walk != NULL) {
        free_values(walk->values, walk->count);
    }
    free(walk);
    free(nodes);
    return good;
}

static void print_blamer(const struct blamer *event)
{
    char time[FACTUM_TIME_TEXT_SIZE];
    char id[FACTUM_UUID_TEXT_SIZE];
    if (event->initial) {
        (void)printf("initial");
        return;
    }
    factum_time_format(event->time, time);
    factum_uuid_format(event->id, id);
    (void)printf("revision %" PRIu64 "  ", event->revision);
    print_text(stdout, factum_slice_from(event->type));
    (void)printf("  %s  %s", time, id);
}

static void print_blamer_json(const struct blamer *event)
{
    char time[FACTUM_TIME_TEXT_SIZE];
    char id[FACTUM_UUID_TEXT_SIZE];
    if (event->initial) {
        (void)printf("\"initial\":true");
        return;
    }
    factum_time_format(event->time, time);
    factum_uuid_format(event->id, id);
    (void)printf("\"revision\":%" PRIu64 ",\"type\":", event->revision);
    print_json_text(stdout, factum_slice_from(event->type));
    (void)printf(",\"time\":\"%s\",\"id\":\"%s\"", time, id);
}

void blame_print(const struct blame *blame, bool json)
{
    size_t widest = 0;
    if (blame->count == 0) {
        return;
    }
    qsort(blame->values, blame->count, sizeof *blame->values, compare_order);
    for (size_t i = 0; i < blame->count; i++) {
        size_t width = strlen(blame->values[i].path) + 2 + blame->values[i].value_len;
        widest = width > widest && width <= 60 ? width : widest;
    }
    for (size_t i = 0; i < blame->count; i++) {
        const struct blamed *value = &blame->values[i];
        const struct blamer *event = &blame->events[value->event];
        factum_slice text = {(const uint8_t *)value->value, value->value_len};
        size_t width = strlen(value->path) + 2 + value->value_len;
        if (json) {
            (void)printf("{\"path\":");
            print_json_text(stdout, factum_slice_from(value->path));
            (void)printf(",\"value\":");
            print_text(stdout, text);
            (void)printf(",");
            print_blamer_json(event);
            (void)printf("}\n");
        } else {
            print_text(stdout, factum_slice_from(value->path));
            (void)printf("  ");
            print_text(stdout, text);
            (void)printf("%*s", (int)(widest > width ? widest - width : 0) + 2, "");
            print_blamer(event);
            (void)printf("\n");
        }
    }
    qsort(blame->values, blame->count, sizeof *blame->values, compare_paths);
}
