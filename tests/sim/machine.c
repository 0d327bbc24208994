/* machine.c - the machine's lifetime, its choices, what counts as the same, reopening. See
 * machine.h. */
#include "machine.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/slice.h"
#include "engine_memory/memory.h"

#define SECOND INT64_C(1000000000)
#define NAME(text)                                                                                 \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }
#define TABLE(array)                                                                               \
    {                                                                                              \
        array, sizeof array / sizeof array[0]                                                      \
    }

static const factum_slice streams[] = {
    NAME("a-1"), NAME("a-2"),        NAME("b-1"),   NAME("a-1"),   NAME("plain"), NAME("$sys"),
    NAME("-x"),  NAME("\xc3\xa4-1"), NAME("$$a-1"), NAME("$$b-1"), NAME("b-1"),   NAME("$$$sys"),
};
static const factum_slice wrong_streams[] = {
    NAME(""),      NAME("$$"),   NAME("$$$$a-1"), NAME("$ce-a"), NAME("$et-A"),
    NAME("$bc-x"), NAME("$all"), NAME("\xff"),    NAME("a\0b"),  NAME("never-1"),
};
static const factum_slice types[] = {NAME("A"), NAME("B"), NAME("C"), NAME("A"), NAME("$link")};
/* Any slice of this array serves as a set of tags. "t" is in the array twice. */
static const factum_slice tags[] = {NAME("t"), NAME("u"), NAME("v"), NAME("t"), NAME("w")};
static const factum_slice categories[] = {NAME("a"), NAME("b"), NAME("\xc3\xa4"), NAME("none")};
static const factum_slice correlations[] = {NAME("x"), NAME("y"), NAME("none")};

const struct name_table machine_streams = TABLE(streams);
const struct name_table machine_types = TABLE(types);
const struct name_table machine_tags = TABLE(tags);
const struct name_table machine_categories = TABLE(categories);
const struct name_table machine_correlations = TABLE(correlations);

/* ---- choices --------------------------------------------------------------------------------- */

size_t machine_pick(struct machine *machine, size_t count)
{
    struct choices *choices = machine->choices;
    FCT_ASSERT(count > 0);
    if (choices->bytes == NULL) {
        return (size_t)fct_random_below(&choices->random, count);
    }
    return choices->at < choices->len ? choices->bytes[choices->at++] % count : 0;
}

bool machine_rarely(struct machine *machine, size_t in)
{
    return machine_pick(machine, in) == in - 1;
}

factum_slice machine_pick_name(struct machine *machine, const struct name_table *table)
{
    return table->names[machine_pick(machine, table->count)];
}

factum_slice machine_pick_stream(struct machine *machine)
{
    static const struct name_table wrong = TABLE(wrong_streams);
    return machine_pick_name(machine, machine_rarely(machine, 60) ? &wrong : &machine_streams);
}

int64_t machine_pick_time(struct machine *machine)
{
    static const int64_t old[] = {INT64_C(-693705600) * SECOND, 0, INT64_MIN, INT64_MAX, SECOND};
    size_t from = machine->place_count;
    int64_t beside = (int64_t)machine_pick(machine, 3) - 1;
    switch (machine_pick(machine, 4)) {
    case 0:
        return old[machine_pick(machine, sizeof old / sizeof old[0])];
    case 1:
        return machine->now;
    case 2:
        from = from == 0 ? 0 : machine_pick(machine, from);
        return from == machine->place_count ? 0 : machine->places[from].created + beside;
    default:
        from = from == 0 ? 0 : machine_pick(machine, from);
        return from == machine->place_count ? 0 : machine->places[from].time;
    }
}

uint64_t machine_end_of(factum_store *store)
{
    uint64_t place = 0;
    factum_status status = factum_visible_place(store, &place, NULL);
    FCT_ASSERT(status == FACTUM_OK);
    return place + 1;
}

struct pair machine_pick_place(struct machine *machine)
{
    struct pair place = machine_pick_position(machine);
    if (place.memory == machine_end_of(&machine->memory)) {
        place.memory--;
        place.local--;
    }
    return place;
}

struct pair machine_pick_position(struct machine *machine)
{
    struct pair end = {machine_end_of(&machine->memory), machine_end_of(&machine->local)};
    size_t choice = machine_pick(machine, 10);
    if (machine->place_count == 0 || choice == 0) {
        return (struct pair){0, 0};
    }
    const struct place *place = &machine->places[machine_pick(machine, machine->place_count)];
    switch (choice) {
    case 1:
        return end;
    case 2:
        return (struct pair){end.memory - 1, end.local - 1};
    case 3:
        return (struct pair){UINT64_MAX, UINT64_MAX};
    case 4:
        return (struct pair){place->memory + 1, place->local + 1};
    case 5:
        return (struct pair){place->memory - 1, place->local - 1};
    case 6:
        return (struct pair){UINT64_MAX - 1, UINT64_MAX - 1};
    default:
        return (struct pair){place->memory, place->local};
    }
}

/* ---- what is the same ------------------------------------------------------------------------ */

void machine_differ(struct machine *machine, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (!machine->failed) {
        printf("# operation %zu, %s: ", machine->operation, machine->name);
        (void)vprintf(format, args);
        printf("\n");
        (void)fflush(stdout);
    }
    va_end(args);
    machine->failed = true;
}

void machine_say(const struct machine *machine, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (machine->verbose) {
        printf("# %zu %s: ", machine->operation, machine->name);
        (void)vprintf(format, args);
        printf("\n");
    }
    va_end(args);
}

/* Does the text contain a position? */
static bool names_position(factum_status status)
{
    return status == FACTUM_KEY_CONFLICT || status == FACTUM_CONDITION_FAILED ||
           status == FACTUM_NOT_FOUND;
}

bool machine_same_status(struct machine *machine, const factum_status statuses[2],
                         const factum_error errors[2])
{
    if (statuses[0] != statuses[1]) {
        machine_differ(machine, "memory %s (%s), local %s (%s)", factum_status_name(statuses[0]),
                       statuses[0] < 0 ? errors[0].text : "", factum_status_name(statuses[1]),
                       statuses[1] < 0 ? errors[1].text : "");
        return false;
    }
    if (statuses[0] < 0 && !names_position(statuses[0]) &&
        strcmp(errors[0].text, errors[1].text) != 0) {
        machine_differ(machine, "memory says \"%s\", local \"%s\"", errors[0].text, errors[1].text);
        return false;
    }
    machine_say(machine, "%s %s", factum_status_name(statuses[0]),
                statuses[0] < 0 ? errors[1].text : "");
    return true;
}

size_t machine_before(const struct machine *machine, size_t engine, uint64_t position)
{
    size_t count = 0;
    while (count < machine->place_count &&
           (engine == 0 ? machine->places[count].memory : machine->places[count].local) <
               position) {
        count++;
    }
    return count;
}

bool machine_same_position(const struct machine *machine, uint64_t memory, uint64_t local)
{
    size_t before = machine_before(machine, 0, memory);
    if (memory == 0 || local == 0) {
        return memory == local;
    }
    return before < machine->place_count && machine->places[before].memory == memory &&
           machine->places[before].local == local;
}

/* Ids that the machine makes differ in their first byte only; those that a store makes do not. */
static bool is_given(factum_uuid id)
{
    static const factum_uuid zero;
    return memcmp(id.bytes + 1, zero.bytes + 1, sizeof zero.bytes - 1) == 0;
}

static bool same_id(factum_uuid a, factum_uuid b)
{
    return is_given(a) == is_given(b) && (!is_given(a) || a.bytes[0] == b.bytes[0]);
}

static bool same_key(const factum_slice *a, const factum_slice *b)
{
    return a == NULL || b == NULL ? a == b : fct_slice_equal(*a, *b);
}

static bool same_tags(const factum_event *a, const factum_event *b)
{
    bool same = a->tag_count == b->tag_count;
    for (size_t i = 0; same && i < a->tag_count; i++) {
        same = fct_slice_equal(a->tags[i], b->tags[i]);
    }
    return same;
}

void machine_same_event(struct machine *machine, const factum_event events[2], bool ordinals)
{
    const factum_event *a = &events[0];
    const factum_event *b = &events[1];
    const char *what = !fct_slice_equal(a->stream, b->stream)               ? "stream"
                       : !fct_slice_equal(a->type, b->type)                 ? "type"
                       : !fct_slice_equal(a->data, b->data)                 ? "data"
                       : !fct_slice_equal(a->metadata, b->metadata)         ? "metadata"
                       : !fct_slice_equal(a->content_type, b->content_type) ? "content type"
                       : !same_tags(a, b)                                   ? "tags"
                       : !same_id(a->id, b->id)                             ? "id"
                       : a->revision != b->revision                         ? "revision"
                       : ordinals && a->ordinal != b->ordinal               ? "ordinal"
                       : a->created != b->created                           ? "created"
                       : a->time != b->time                                 ? "time"
                       : a->has_time != b->has_time                         ? "has_time"
                       : a->last_of_commit != b->last_of_commit             ? "last_of_commit"
                       : !same_key(a->key, b->key)                          ? "key"
                                                                            : NULL;
    if (what != NULL) {
        machine_differ(machine,
                       "%s differs: memory %.*s/%" PRIu64 " (%" PRIu64 "), local %.*s/%" PRIu64
                       " (%" PRIu64 ")",
                       what, (int)a->stream.len, (const char *)a->stream.ptr, a->revision,
                       a->ordinal, (int)b->stream.len, (const char *)b->stream.ptr, b->revision,
                       b->ordinal);
    }
}

void machine_learn(struct machine *machine)
{
    factum_cursor *cursors[2] = {NULL, NULL};
    factum_store *stores[2] = {&machine->memory, &machine->local};
    factum_event events[2];
    factum_status statuses[2];
    factum_error errors[2] = {{.text = ""}, {.text = ""}};
    for (size_t i = 0; i < 2; i++) {
        factum_read_request request = {.size = sizeof request, .commits = true};
        if (machine->place_count > 0) {
            const struct place *last = &machine->places[machine->place_count - 1];
            request.from = FACTUM_FROM_AFTER;
            request.from_value = i == 0 ? last->memory : last->local;
        }
        statuses[i] = factum_read(stores[i], &request, &cursors[i], &errors[i]);
    }
    while (machine_same_status(machine, statuses, errors) && statuses[0] == FACTUM_OK) {
        for (size_t i = 0; i < 2; i++) {
            statuses[i] = factum_cursor_next(cursors[i], &events[i], &errors[i]);
        }
        if (statuses[0] != FACTUM_OK || statuses[1] != FACTUM_OK) {
            continue;
        }
        machine_same_event(machine, events, true);
        FCT_ASSERT(machine->place_count < sizeof machine->places / sizeof machine->places[0]);
        machine->places[machine->place_count++] = (struct place){
            events[0].position, events[1].position, events[0].created, events[0].time};
    }
    factum_cursor_close(cursors[0]);
    factum_cursor_close(cursors[1]);
}

/* ---- opening and closing --------------------------------------------------------------------- */

static void must(factum_status status, const factum_error *err, struct machine *machine)
{
    if (status != FACTUM_OK) {
        machine_differ(machine, "%s: %s", factum_status_name(status), err->text);
    }
}

static void open_local(struct machine *machine)
{
    factum_error err = {.text = ""};
    fct_sim_disk_set_time(machine->disk, machine->now);
    machine->options.os = fct_sim_disk_os(machine->disk);
    must(fct_engine_local_open(&machine->local.engine, &machine->options, &err), &err, machine);
    uint64_t timeline = machine->local.engine.timelines.items[0].id;
    if (machine->timeline == 0) {
        machine->timeline = timeline;
    }
    if (machine->local.engine.timelines.count != 1 || timeline != machine->timeline) {
        machine_differ(machine, "the history is a different one");
    }
}

void machine_init(struct machine *machine, struct choices *choices, bool threads, bool verbose)
{
    static const uint64_t masks[] = {0, 0, 1, 3};
    static const uint64_t spans[] = {1 << 10, 4 << 10, 64 << 10, 1 << 20};
    factum_error err = {.text = ""};
    *machine = (struct machine){
        .choices = choices, .now = 1700000000 * SECOND, .name = "open", .verbose = verbose};
    struct fct_limits limits = {
        .event_size_max = 4000, .append_events_max = 8, .append_size_max = 8000};
    machine->clock = fct_sim_disk_create(1, false);
    threads = threads && machine_pick(machine, 2) == 1;
    machine->disk = fct_sim_disk_create(2, threads);
    FCT_ASSERT(machine->clock != NULL && machine->disk != NULL);
    fct_sim_disk_set_time(machine->clock, machine->now);
    machine->options = (struct fct_local_options){
        .mem = fct_mem_heap(),
        .path = "/store",
        .limits = limits,
        .durability = machine_pick(machine, 2) == 0 ? FACTUM_DURABILITY_SYNC : FACTUM_DURABILITY_OS,
        .segment_size_first = UINT64_C(16) << 10,
        .segment_size_max = UINT64_C(16) << (10 + machine_pick(machine, 3)),
        .memtable_span_max = spans[machine_pick(machine, 4)],
        .hash_mask = masks[machine_pick(machine, 4)],
        .threads = threads,
    };
    machine->colliding = machine->options.hash_mask != 0;
    machine_say(machine, "hash mask %" PRIu64 ", segments to %" PRIu64 ", runs of %" PRIu64 "%s",
                machine->options.hash_mask, machine->options.segment_size_max,
                machine->options.memtable_span_max, threads ? ", with threads" : "");
    must(fct_engine_memory_open(&machine->memory.engine, fct_mem_heap(),
                                fct_sim_disk_os(machine->clock), &limits, &err),
         &err, machine);
    open_local(machine);
}

static void close_local(struct machine *machine)
{
    factum_error err = {.text = ""};
    must(fct_engine_close(&machine->local.engine, &err), &err, machine);
}

void machine_finish(struct machine *machine)
{
    factum_error ignored;
    machine_close_handles(machine);
    close_local(machine);
    factum_status status = fct_engine_close(&machine->memory.engine, &ignored);
    FCT_ASSERT(status == FACTUM_OK);
    fct_sim_disk_destroy(machine->disk);
    fct_sim_disk_destroy(machine->clock);
}

static void reopen(struct machine *machine)
{
    machine_let_go(machine);
    close_local(machine);
    open_local(machine);
    machine->unsynced = false;
    machine_learn(machine);
    machine_take_up(machine);
}

/* As if the process had stopped here, or the machine if nothing can be lost. */
static void drop(struct machine *machine)
{
    if (machine->options.threads) {
        reopen(machine); /* the threads may be writing */
        return;
    }
    machine_let_go(machine);
    enum fct_crash_mode mode = FCT_CRASH_ALL;
    if (!machine->unsynced) {
        mode = (enum fct_crash_mode)machine_pick(machine, FCT_CRASH_MODES);
    }
    struct fct_sim_disk *left = fct_sim_disk_crash(machine->disk, mode, machine->operation);
    FCT_ASSERT(left != NULL);
    close_local(machine);
    fct_sim_disk_destroy(machine->disk);
    machine->disk = left;
    open_local(machine);
    machine_learn(machine);
    machine_take_up(machine);
}

static void tick(struct machine *machine)
{
    if (machine->options.threads) {
        return; /* they do it */
    }
    factum_error err = {.text = ""};
    must(fct_engine_local_tick(&machine->local.engine, &err), &err, machine);
}

static void verify(struct machine *machine)
{
    factum_error err = {.text = ""};
    factum_verify_report report = {.size = sizeof report};
    must(factum_verify(&machine->local, NULL, &report, &err), &err, machine);
    if (report.events != machine->place_count) {
        machine_differ(machine, "%" PRIu64 " events verified, there are %zu", report.events,
                       machine->place_count);
    }
}

static void move_clock(struct machine *machine)
{
    static const int64_t steps[] = {0, 0, 0, 1, 1000, SECOND, 7 * SECOND, -3 * SECOND};
    int64_t now = machine->now + steps[machine_pick(machine, sizeof steps / sizeof steps[0])];
    machine->now = now < machine->now_least ? machine->now_least : now;
    fct_sim_disk_set_time(machine->clock, machine->now);
    fct_sim_disk_set_time(machine->disk, machine->now);
}

/* ---- operations ------------------------------------------------------------------------------ */

struct operation {
    const char *name;
    void (*run)(struct machine *machine);
    size_t weight;
};

/* The operations of the first edition keep their order, so that a fuzzer's inputs keep their
 * meaning: new ones go to the end. */
static const struct operation operations[] = {
    {"append", machine_append, 20},
    {"repeat", machine_repeat, 8},
    {"batch", machine_batch, 6},
    {"set metadata", machine_metadata, 4},
    {"delete", machine_delete, 3},
    {"tombstone", machine_tombstone, 1},
    {"read", machine_read, 24},
    {"hold a cursor", machine_hold_cursor, 4},
    {"subscribe", machine_subscribe, 3},
    {"follow", machine_follow, 8},
    {"stream info", machine_stream_info, 4},
    {"list", machine_list, 2},
    {"single event", machine_single_event, 3},
    {"ends", machine_ends, 2},
    {"tick", tick, 4},
    {"reopen", reopen, 2},
    {"drop", drop, 2},
    {"verify", verify, 1},
    /* since the second edition */
    {"read a selection", machine_read_selected, 14},
    {"hold a selection", machine_hold_selected, 4},
    {"subscribe to a selection", machine_subscribe_selected, 4},
    {"ask", machine_ask, 14},
    {"list a page", machine_list_page, 4},
    {"append with a fingerprint", machine_append_fingerprint, 8},
    {"repeat with another fingerprint", machine_repeat_fingerprint, 3},
    {"be late", machine_be_late, 3},
};
#define FIRST_WEIGHT ((size_t)101) /* operations before the second edition */
#define CHOICES ((size_t)256)      /* a choice from a fuzzer's byte */

/* A byte chooses one of the first operations by its remainder, or, if it is large, a later one. */
static const struct operation *pick_operation(struct machine *machine)
{
    size_t choice = machine_pick(machine, CHOICES);
    choice = choice < 2 * FIRST_WEIGHT ? choice % FIRST_WEIGHT : choice - FIRST_WEIGHT;
    size_t index = 0;
    while (choice >= operations[index].weight) {
        choice -= operations[index++].weight;
        FCT_ASSERT(index < sizeof operations / sizeof operations[0]);
    }
    return &operations[index];
}

bool machine_step(struct machine *machine)
{
    const struct choices *choices = machine->choices;
    if (machine->failed || machine->place_count > MACHINE_EVENTS_MAX ||
        (choices->bytes != NULL && choices->at >= choices->len)) {
        return false;
    }
    const struct operation *operation = pick_operation(machine);
    machine->operation++;
    machine->name = operation->name;
    move_clock(machine);
    operation->run(machine);
    return !machine->failed;
}

void machine_end(struct machine *machine)
{
    machine->name = "end";
    if (!machine->failed) {
        reopen(machine);
    }
    if (!machine->failed) {
        machine_read_all(machine);
        verify(machine);
    }
}
