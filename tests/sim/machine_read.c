/* machine_read.c - reads from every kind of place, by queries and filters, cursors that stay open,
 * subscriptions, single looks. See machine.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/slice.h"
#include "machine.h"

#define TEXT(text)                                                                                 \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }

/* ---- requests -------------------------------------------------------------------------------- */

static factum_slice pick_source_name(struct machine *machine, factum_source source)
{
    static const char *const virtual_names[] = {"$ce-a", "$et-A", "$bc-x", "$ce-b",
                                                "$et-$metadata"};
    switch (source) {
    case FACTUM_SOURCE_STREAM:
        if (machine_rarely(machine, 5)) {
            return factum_slice_from(virtual_names[machine_pick(machine, 5)]);
        }
        return machine_pick_stream(machine);
    case FACTUM_SOURCE_CATEGORY:
        return machine_pick_name(machine, &machine_categories);
    case FACTUM_SOURCE_TYPE:
        return machine_rarely(machine, 6) ? FCT_SLICE("$metadata")
                                          : machine_pick_name(machine, &machine_types);
    case FACTUM_SOURCE_CORRELATION:
        return machine_pick_name(machine, &machine_correlations);
    case FACTUM_SOURCE_TAG:
        return machine_pick_name(machine, &machine_tags);
    case FACTUM_SOURCE_ALL:
    case FACTUM_SOURCE_QUERY:
        break;
    }
    return fct_slice(NULL, 0);
}

static uint64_t pick_revision(struct machine *machine)
{
    static const uint64_t odd[] = {20,
                                   FACTUM_REVISION_TOMBSTONE - 1,
                                   FACTUM_REVISION_TOMBSTONE,
                                   FACTUM_REVISION_TOMBSTONE + 1,
                                   UINT64_MAX - 1,
                                   UINT64_MAX};
    size_t choice = machine_pick(machine, 14);
    return choice < 8 ? choice : odd[choice - 8];
}

static void pick_bounds(struct machine *machine, factum_read_request requests[2])
{
    factum_read_request *request = &requests[0];
    struct pair position = machine_pick_position(machine);
    request->backwards = machine_pick(machine, 2) == 1;
    request->count_max = machine_rarely(machine, 3) ? 1 + machine_pick(machine, 4) : 0;
    request->skip_system = machine_rarely(machine, 5);
    if (machine_rarely(machine, 6)) {
        request->until_created_set = true;
        request->until_created = machine_pick_time(machine);
    }
    if (machine_rarely(machine, 5)) {
        request->until_time_set = true;
        request->until_time = machine_pick_time(machine);
    }
    if (machine_rarely(machine, 6)) {
        request->until_revision_set = true;
        request->until_revision = pick_revision(machine);
    }
    request->until_position_set = machine_rarely(machine, 6);
    uint64_t from = requests[1].from_value;
    requests[1] = requests[0];
    requests[1].from_value = from;
    requests[0].until_position = position.memory;
    requests[1].until_position = position.local;
}

/* A filter that some events pass and some do not. */
static void pick_filter(struct machine *machine, factum_filter *filter)
{
    static const factum_slice prefixes[] = {TEXT("a-"), TEXT("b"), TEXT("$$"), TEXT("\xc3\xa4")};
    static const factum_slice type_prefixes[] = {TEXT("$"), TEXT("C")};
    *filter = (factum_filter){.size = sizeof *filter};
    if (machine_pick(machine, 2) == 0) {
        size_t from = machine_pick(machine, 4);
        filter->stream_prefixes = prefixes + from;
        filter->stream_prefix_count = machine_pick(machine, 4 - from) + 1;
    }
    if (machine_pick(machine, 2) == 0) {
        filter->types = machine_types.names;
        filter->type_count = machine_pick(machine, 3);
    }
    if (machine_rarely(machine, 3)) {
        filter->type_prefixes = type_prefixes;
        filter->type_prefix_count = machine_pick(machine, 3);
    }
}

/* What is read and where it begins. With |selection|, also by a query or a filter, and after a
 * place; without it, bytes choose the same as before these existed. */
static factum_read_request pick_request(struct machine *machine, struct selection *selection,
                                        struct pair *from)
{
    bool query = selection != NULL && machine_pick(machine, 2) == 1;
    factum_source source = query ? FACTUM_SOURCE_QUERY : (factum_source)machine_pick(machine, 6);
    if (!query && machine_rarely(machine, 3)) {
        source = FACTUM_SOURCE_STREAM;
    }
    factum_read_request request = {
        .size = sizeof request,
        .source = source,
        .name = pick_source_name(machine, source),
        .from = (factum_from)machine_pick(machine, selection == NULL ? 4 : 5),
    };
    if (query) {
        selection->query =
            (factum_query){selection->items, machine_pick_items(machine, selection->items)};
        request.query = &selection->query;
        request.commits = true;
    }
    if (selection != NULL && machine_pick(machine, 3) == 1) {
        pick_filter(machine, &selection->filter);
        request.filter = &selection->filter;
    }
    *from = request.from == FACTUM_FROM_AFTER ? machine_pick_place(machine)
                                              : machine_pick_position(machine);
    return request;
}

static void pick_requests(struct machine *machine, bool bounds, struct selection *selection,
                          factum_read_request requests[2])
{
    struct pair from;
    factum_read_request request = pick_request(machine, selection, &from);
    if (request.from == FACTUM_FROM_REVISION) {
        from.memory = pick_revision(machine);
        from.local = from.memory;
    }
    requests[0] = request;
    requests[1] = request;
    requests[0].from_value = from.memory;
    requests[1].from_value = from.local;
    if (bounds) {
        pick_bounds(machine, requests);
    }
}

/* Ordinals count postings, which colliding names share. */
static bool counts_ordinals(const struct machine *machine, const factum_read_request *request)
{
    bool list = request->source != FACTUM_SOURCE_ALL && request->source != FACTUM_SOURCE_QUERY &&
                (request->source != FACTUM_SOURCE_STREAM || fct_engine_is_virtual(request->name));
    return !machine->colliding || !list;
}

static bool needs_ordinals(const factum_read_request *request)
{
    return request->from == FACTUM_FROM_REVISION || request->until_revision_set;
}

static void say_request(const struct machine *machine, const factum_read_request *r)
{
    machine_say(machine,
                "source %d %.*s from %d/%" PRIu64 "%s, at most %" PRIu64 ", until c%d/%" PRId64
                " t%d/%" PRId64 " r%d/%" PRIu64 " p%d/%" PRIu64 "%s",
                (int)r->source, (int)r->name.len, (const char *)r->name.ptr, (int)r->from,
                r->from_value, r->backwards ? " backwards" : "", r->count_max, r->until_created_set,
                r->until_created, r->until_time_set, r->until_time, r->until_revision_set,
                r->until_revision, r->until_position_set, r->until_position,
                r->skip_system ? ", no system" : "");
    for (size_t i = 0; r->query != NULL && i < r->query->item_count; i++) {
        const factum_query_item *item = &r->query->items[i];
        machine_say(machine, "item of %zu types from %.*s, %zu tags from %.*s", item->type_count,
                    item->type_count > 0 ? (int)item->types[0].len : 0,
                    item->type_count > 0 ? (const char *)item->types[0].ptr : "", item->tag_count,
                    item->tag_count > 0 ? (int)item->tags[0].len : 0,
                    item->tag_count > 0 ? (const char *)item->tags[0].ptr : "");
    }
    if (r->filter != NULL) {
        machine_say(machine, "filter of %zu stream prefixes, %zu types, %zu type prefixes",
                    r->filter->stream_prefix_count, r->filter->type_count,
                    r->filter->type_prefix_count);
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

static void say_event(const struct machine *machine, const char *who, const factum_event *event)
{
    machine_say(machine, "%s gives %.*s/%" PRIu64 " at %" PRIu64, who, (int)event->stream.len,
                (const char *)event->stream.ptr, event->revision, event->position);
}

/* The event that only one of them gives. */
static void say_odd(const struct machine *machine, const factum_status statuses[2],
                    const factum_event events[2])
{
    if (statuses[0] == FACTUM_OK && statuses[1] != FACTUM_OK) {
        say_event(machine, "memory", &events[0]);
    } else if (statuses[1] == FACTUM_OK && statuses[0] != FACTUM_OK) {
        say_event(machine, "local", &events[1]);
    }
}

static bool open_cursors(struct machine *machine, const factum_read_request requests[2],
                         factum_cursor *cursors[2])
{
    factum_status statuses[2];
    factum_error errors[2] = {{.text = ""}, {.text = ""}};
    say_request(machine, &requests[1]);
    statuses[0] = factum_read(&machine->memory, &requests[0], &cursors[0], &errors[0]);
    statuses[1] = factum_read(&machine->local, &requests[1], &cursors[1], &errors[1]);
    for (size_t i = 0; i < 2; i++) {
        if ((statuses[i] == FACTUM_OK) != (cursors[i] != NULL)) {
            machine_differ(machine, "a cursor that should not exist");
        }
    }
    return machine_same_status(machine, statuses, errors) && statuses[0] == FACTUM_OK;
}

/* The next event of both; false at the end. */
static bool next_events(struct machine *machine, factum_cursor *cursors[2], bool ordinals)
{
    factum_status statuses[2];
    factum_event events[2];
    factum_error errors[2] = {{.text = ""}, {.text = ""}};
    for (size_t i = 0; i < 2; i++) {
        statuses[i] = factum_cursor_next(cursors[i], &events[i], &errors[i]);
    }
    say_odd(machine, statuses, events);
    if (!machine_same_status(machine, statuses, errors) || statuses[0] != FACTUM_OK) {
        return false;
    }
    machine_same_event(machine, events, ordinals);
    if (!machine_same_position(machine, events[0].position, events[1].position)) {
        machine_differ(machine, "memory gives the event at %" PRIu64 ", local that at %" PRIu64,
                       events[0].position, events[1].position);
    }
    return !machine->failed;
}

static void read_through(struct machine *machine, const factum_read_request requests[2])
{
    factum_cursor *cursors[2] = {NULL, NULL};
    bool more = open_cursors(machine, requests, cursors);
    while (more) {
        more = next_events(machine, cursors, counts_ordinals(machine, &requests[0]));
    }
    if (cursors[0] != NULL && cursors[1] != NULL && !machine->failed) {
        (void)next_events(machine, cursors, false); /* DONE stays DONE */
    }
    factum_cursor_close(cursors[0]);
    factum_cursor_close(cursors[1]);
}

static void read_once(struct machine *machine, struct selection *selection)
{
    factum_read_request requests[2];
    pick_requests(machine, true, selection, requests);
    if (counts_ordinals(machine, &requests[0]) || !needs_ordinals(&requests[0])) {
        read_through(machine, requests);
    }
}

void machine_read(struct machine *machine)
{
    read_once(machine, NULL);
}

void machine_read_selected(struct machine *machine)
{
    struct selection selection;
    read_once(machine, &selection);
}

void machine_read_all(struct machine *machine)
{
    for (size_t backwards = 0; backwards < 2 && !machine->failed; backwards++) {
        factum_read_request request = {.size = sizeof request, .backwards = backwards == 1};
        factum_read_request requests[2] = {request, request};
        read_through(machine, requests);
        for (size_t i = 0; i < machine_streams.count && !machine->failed; i++) {
            requests[0].source = FACTUM_SOURCE_STREAM;
            requests[0].name = machine_streams.names[i];
            requests[1] = requests[0];
            read_through(machine, requests);
        }
    }
}

/* ---- cursors that are extended --------------------------------------------------------------- */

static void close_pair(struct handles *handles)
{
    for (size_t i = 0; i < 2; i++) {
        factum_cursor_close(handles->cursors[i]);
        factum_subscription_close(handles->subscriptions[i]);
        handles->cursors[i] = NULL;
        handles->subscriptions[i] = NULL;
    }
}

static void hold_cursor(struct machine *machine, bool selected)
{
    struct handles *handles = &machine->handles[machine_pick(machine, HANDLES_MAX)];
    if (handles->cursors[0] == NULL) {
        pick_requests(machine, true, selected ? &handles->selection : NULL, handles->requests);
        bool comparable = counts_ordinals(machine, &handles->requests[0]) ||
                          !needs_ordinals(&handles->requests[0]);
        if (!comparable || !open_cursors(machine, handles->requests, handles->cursors)) {
            close_pair(handles);
        }
        return;
    }
    bool more = true;
    for (size_t left = 1 + machine_pick(machine, 6); more && left > 0; left--) {
        more =
            next_events(machine, handles->cursors, counts_ordinals(machine, &handles->requests[0]));
    }
    if (!more) {
        close_pair(handles);
    }
}

void machine_hold_cursor(struct machine *machine)
{
    hold_cursor(machine, false);
}

void machine_hold_selected(struct machine *machine)
{
    hold_cursor(machine, true);
}

/* ---- subscriptions --------------------------------------------------------------------------- */

static void open_followers(struct machine *machine, struct handles *handles)
{
    factum_status statuses[2];
    factum_error errors[2] = {{.text = ""}, {.text = ""}};
    say_request(machine, &handles->requests[1]);
    statuses[0] = factum_subscribe(&machine->memory, &handles->requests[0],
                                   &handles->subscriptions[0], &errors[0]);
    statuses[1] = factum_subscribe(&machine->local, &handles->requests[1],
                                   &handles->subscriptions[1], &errors[1]);
    if (!machine_same_status(machine, statuses, errors) || statuses[0] != FACTUM_OK) {
        close_pair(handles);
    }
}

static void subscribe(struct machine *machine, bool selected)
{
    struct handles *handles = &machine->followers[machine_pick(machine, HANDLES_MAX)];
    close_pair(handles);
    pick_requests(machine, machine_rarely(machine, 12), selected ? &handles->selection : NULL,
                  handles->requests);
    if (counts_ordinals(machine, &handles->requests[0]) || !needs_ordinals(&handles->requests[0])) {
        open_followers(machine, handles);
    }
}

void machine_subscribe(struct machine *machine)
{
    subscribe(machine, false);
}

void machine_subscribe_selected(struct machine *machine)
{
    subscribe(machine, true);
}

/* How many events are at or before this place. */
static size_t events_upto(const struct machine *machine, size_t engine, uint64_t place)
{
    return place == UINT64_MAX ? machine->place_count : machine_before(machine, engine, place + 1);
}

static bool same_place(struct machine *machine, const struct handles *handles)
{
    uint64_t memory = factum_subscription_checkpoint(handles->subscriptions[0]);
    uint64_t local = factum_subscription_checkpoint(handles->subscriptions[1]);
    if (events_upto(machine, 0, memory) != events_upto(machine, 1, local)) {
        machine_differ(machine, "memory goes on after %" PRIu64 ", local after %" PRIu64, memory,
                       local);
    }
    return !machine->failed;
}

/* The next event of a subscription; false at the end. */
static bool follow_once(struct machine *machine, const struct handles *handles)
{
    factum_status statuses[2];
    factum_event events[2];
    factum_error errors[2] = {{.text = ""}, {.text = ""}};
    for (size_t i = 0; i < 2; i++) {
        statuses[i] =
            factum_subscription_next(handles->subscriptions[i], 0, &events[i], &errors[i]);
    }
    say_odd(machine, statuses, events);
    bool same = machine_same_status(machine, statuses, errors);
    if (same && statuses[0] == FACTUM_OK) {
        machine_same_event(machine, events, counts_ordinals(machine, &handles->requests[0]));
        if (!machine_same_position(machine, events[0].position, events[1].position)) {
            machine_differ(machine, "memory gives the event at %" PRIu64 ", local at %" PRIu64,
                           events[0].position, events[1].position);
        }
    }
    return same && same_place(machine, handles) &&
           (statuses[0] == FACTUM_OK || statuses[0] == FACTUM_CAUGHT_UP);
}

void machine_follow(struct machine *machine)
{
    struct handles *handles = &machine->followers[machine_pick(machine, HANDLES_MAX)];
    if (handles->subscriptions[0] == NULL) {
        return;
    }
    size_t left = 1 + machine_pick(machine, 8);
    while (left > 0 && follow_once(machine, handles)) {
        left--;
    }
    if (machine_rarely(machine, 30)) {
        factum_subscription_stop(handles->subscriptions[0]);
        factum_subscription_stop(handles->subscriptions[1]);
        (void)follow_once(machine, handles); /* CANCELLED */
        close_pair(handles);
    }
}

void machine_let_go(struct machine *machine)
{
    for (size_t i = 0; i < HANDLES_MAX; i++) {
        struct handles *handles = &machine->followers[i];
        close_pair(&machine->handles[i]);
        bool open = handles->subscriptions[0] != NULL;
        bool begun = open && factum_subscription_checkpoint(handles->subscriptions[0]) != 0;
        for (size_t j = 0; j < 2 && begun; j++) {
            handles->requests[j].from = FACTUM_FROM_AFTER;
            handles->requests[j].from_value =
                factum_subscription_checkpoint(handles->subscriptions[j]);
        }
        close_pair(handles);
        handles->requests[0].size = open ? sizeof handles->requests[0] : 0;
    }
}

void machine_take_up(struct machine *machine)
{
    for (size_t i = 0; i < HANDLES_MAX && !machine->failed; i++) {
        if (machine->followers[i].requests[0].size != 0) {
            open_followers(machine, &machine->followers[i]);
        }
    }
}

void machine_close_handles(struct machine *machine)
{
    for (size_t i = 0; i < HANDLES_MAX; i++) {
        close_pair(&machine->handles[i]);
        close_pair(&machine->followers[i]);
    }
}

/* ---- single looks ---------------------------------------------------------------------------- */

void machine_stream_info(struct machine *machine)
{
    factum_stream_info infos[2] = {{.size = sizeof infos[0]}, {.size = sizeof infos[0]}};
    factum_status statuses[2];
    factum_error errors[2] = {{.text = ""}, {.text = ""}};
    factum_slice stream = machine_pick_stream(machine);
    statuses[0] = factum_stream_info_get(&machine->memory, stream, &infos[0], &errors[0]);
    statuses[1] = factum_stream_info_get(&machine->local, stream, &infos[1], &errors[1]);
    if (!machine_same_status(machine, statuses, errors) || statuses[0] != FACTUM_OK) {
        return;
    }
    const factum_stream_info *a = &infos[0];
    const factum_stream_info *b = &infos[1];
    const char *what =
        a->state != b->state                                                  ? "state"
        : a->last_revision != b->last_revision                                ? "last_revision"
        : a->first_revision != b->first_revision                              ? "first_revision"
        : !machine_same_position(machine, a->last_position, b->last_position) ? "last_position"
        : a->has_metadata != b->has_metadata                                  ? "has_metadata"
        : a->has_metadata && a->metadata_revision != b->metadata_revision     ? "metadata"
        : a->max_count != b->max_count                                        ? "max_count"
        : a->max_age != b->max_age                                            ? "max_age"
        : a->truncate_before != b->truncate_before                            ? "$tb"
                                                                              : NULL;
    if (what != NULL) {
        machine_differ(machine,
                       "%.*s: %s differs: memory state %d, %" PRIu64 "..%" PRIu64
                       ", local state %d, %" PRIu64 "..%" PRIu64,
                       (int)stream.len, (const char *)stream.ptr, what, (int)a->state,
                       a->first_revision, a->last_revision, (int)b->state, b->first_revision,
                       b->last_revision);
    }
}

void machine_single_event(struct machine *machine)
{
    factum_event_copy copies[2] = {{.memory = NULL}, {.memory = NULL}};
    factum_status statuses[2];
    factum_error errors[2] = {{.text = ""}, {.text = ""}};
    struct pair position = machine_pick_position(machine);
    if (machine_rarely(machine, 3) && machine->place_count > 0) {
        /* somewhere inside an event, where the memory engine knows 7 places */
        const struct place *place = &machine->places[machine_pick(machine, machine->place_count)];
        position.memory = place->memory + 4;
        position.local = place->local + 4 * (1 + machine_pick(machine, 20));
        size_t before = machine_before(machine, 1, position.local);
        if (before < machine->place_count && machine->places[before].local == position.local) {
            position.memory = machine->places[before].memory;
        }
    }
    statuses[0] = factum_read_event(&machine->memory, position.memory, &copies[0], &errors[0]);
    statuses[1] = factum_read_event(&machine->local, position.local, &copies[1], &errors[1]);
    if (machine_same_status(machine, statuses, errors) && statuses[0] == FACTUM_OK) {
        const factum_event events[2] = {copies[0].event, copies[1].event};
        machine_same_event(machine, events, true);
    }
    factum_event_copy_free(&copies[0]);
    factum_event_copy_free(&copies[1]);
}

void machine_ends(struct machine *machine)
{
    factum_store *stores[2] = {&machine->memory, &machine->local};
    factum_status statuses[2];
    factum_error errors[2] = {{.text = ""}, {.text = ""}};
    factum_info infos[2] = {{.size = sizeof infos[0]}, {.size = sizeof infos[0]}};
    struct pair position = machine_pick_position(machine);
    for (size_t i = 0; i < 2; i++) {
        uint64_t end = machine_end_of(stores[i]);
        if (machine_before(machine, i, end) != machine->place_count) {
            machine_differ(machine, "events after the end, %" PRIu64, end);
        }
        uint64_t from = i == 0 ? position.memory : position.local;
        statuses[i] = factum_wait(stores[i], from, 0, &errors[i]);
    }
    (void)machine_same_status(machine, statuses, errors);
    for (size_t i = 0; i < 2; i++) {
        statuses[i] = factum_info_get(stores[i], &infos[i], &errors[i]);
    }
    if (machine_same_status(machine, statuses, errors) &&
        (infos[0].event_count != machine->place_count ||
         infos[1].event_count != machine->place_count ||
         (!machine->colliding && infos[1].stream_count != infos[0].stream_count))) {
        machine_differ(machine,
                       "memory counts %" PRIu64 " events of %" PRIu64 " streams, local %" PRIu64
                       " of %" PRIu64 ", there are %zu",
                       infos[0].event_count, infos[0].stream_count, infos[1].event_count,
                       infos[1].stream_count, machine->place_count);
    }
}
