/* machine_append.c - appends of every kind, their repetitions, metadata, deletions. See
 * machine.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/slice.h"
#include "engine/query.h"
#include "machine.h"

#define TEXT(text)                                                                                 \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }

static const factum_slice keys[] = {TEXT("k1"), TEXT("k2"), TEXT("k3"),
                                    TEXT("k4"), TEXT("k5"), TEXT("\xff")};
const struct name_table machine_keys = {keys, sizeof keys / sizeof keys[0]};
static const factum_slice bodies[] = {
    TEXT("{\"n\":1}"), TEXT("{\"n\":2}"), TEXT(""), TEXT("no json"), TEXT("{\"n\":1}"),
};
static const factum_slice correlated[] = {
    TEXT(""),
    TEXT("{\"$correlationId\":\"x\"}"),
    TEXT("{\"a\":[1],\"$correlationId\":\"y\"}"),
    TEXT("{\"$correlationId\":7}"),
    TEXT("{\"$correlationId\":\"\\u0078\"}"),
    TEXT("$correlationId"),
};
static const factum_slice stream_metadata[] = {
    TEXT("{\"$maxCount\":2}"),
    TEXT("{\"$maxAge\":5}"),
    TEXT("{\"$tb\":1}"),
    TEXT("{\"$tb\":3,\"$maxCount\":1,\"own\":{}}"),
    TEXT("{}"),
    TEXT("{\"$tb\":9223372036854775807}"),
    TEXT("{\"$maxCount\":0,\"$tb\":0}"),
    TEXT("{\"$maxAge\":9223372036854775807}"),
    TEXT("{\"$maxCount\":9223372036854775807}"),
    TEXT("{\"$maxCount\":-1}"),
    TEXT("{\"$tb\":1.5}"),
    TEXT("[1]"),
    TEXT("no json"),
};
static const uint8_t filler[4200];

#define PICK(machine, array) (array)[machine_pick((machine), sizeof(array) / sizeof((array)[0]))]

/* ---- making one ------------------------------------------------------------------------------ */

factum_expected machine_pick_expected(struct machine *machine, factum_slice stream)
{
    factum_stream_info info = {.size = sizeof info};
    size_t kind = machine_pick(machine, 40);
    if (kind == 39) {
        return (factum_expected){.kind = (factum_expected_kind)(machine_pick(machine, 2) * 5)};
    }
    factum_expected expected = {.kind = (factum_expected_kind)(kind % 4 + 1)};
    if (expected.kind == FACTUM_EXPECTED_REVISION) {
        factum_status status = factum_stream_info_get(&machine->memory, stream, &info, NULL);
        uint64_t last = status == FACTUM_OK ? info.last_revision : 0;
        static const uint64_t odd[] = {0, 1, 100, INT64_MAX, UINT64_MAX};
        size_t choice = machine_pick(machine, 8);
        expected.revision = choice < 4                ? last
                            : choice < 6 && last > 0  ? last - 1
                            : choice == 6 && last > 1 ? last - 2
                                                      : PICK(machine, odd);
    }
    return expected;
}

static factum_slice pick_data(struct machine *machine)
{
    static const size_t sizes[] = {900, 2500, 3999, 4000, 4001};
    if (machine_rarely(machine, 8)) {
        return fct_slice(filler, sizes[machine_pick(machine, machine_rarely(machine, 4) ? 5 : 2)]);
    }
    return PICK(machine, bodies);
}

static factum_new_event pick_event(struct machine *machine, factum_slice stream)
{
    bool meta = fct_slice_starts(stream, FCT_SLICE("$$"));
    factum_new_event event = {
        .stream = stream,
        .type = machine_pick_name(machine, &machine_types),
        .data = pick_data(machine),
    };
    if (meta) {
        event.data = PICK(machine, stream_metadata);
    }
    if (meta != machine_rarely(machine, 50)) {
        event.type = FCT_SLICE("$metadata");
    }
    if (machine_rarely(machine, 100)) {
        event.type = FCT_SLICE("$streamDeleted");
    }
    if (machine_rarely(machine, 3)) {
        event.metadata = PICK(machine, correlated);
    }
    if (machine_rarely(machine, 3)) {
        size_t from = machine_pick(machine, machine_tags.count);
        event.tags = machine_tags.names + from;
        event.tag_count = machine_pick(machine, machine_tags.count - from + 1);
    }
    if (machine_rarely(machine, 4)) {
        event.has_time = true;
        event.time = machine_pick_time(machine);
    }
    if (machine_rarely(machine, 8)) {
        event.content_type = (factum_content_type)(machine_rarely(machine, 30) ? 2 : 1);
    }
    if (machine_pick(machine, 3) != 0) {
        event.id.bytes[0] = (uint8_t)(1 + machine_pick(machine, 9));
    }
    return event;
}

size_t machine_pick_items(struct machine *machine, factum_query_item items[2])
{
    size_t count = 1 + machine_pick(machine, 2);
    for (size_t i = 0; i < count; i++) {
        factum_query_item *item = &items[i];
        *item = (factum_query_item){.type_count = 0};
        size_t choice = machine_pick(machine, 12);
        if (choice % 3 != 0) {
            size_t from = machine_pick(machine, machine_types.count);
            item->types = machine_types.names + from;
            item->type_count = 1 + machine_pick(machine, machine_types.count - from);
        }
        if (choice % 3 != 1 && choice != 9) {
            size_t from = machine_pick(machine, machine_tags.count);
            item->tags = machine_tags.names + from;
            item->tag_count = 1 + machine_pick(machine, machine_tags.count - from);
        }
    }
    return count;
}

static bool has_expectation(const struct recipe *recipe, factum_slice stream)
{
    for (size_t i = 0; i < recipe->expectation_count; i++) {
        if (fct_slice_equal(recipe->expectations[i].stream, stream)) {
            return true;
        }
    }
    return false;
}

static void expect(struct machine *machine, struct recipe *recipe, factum_slice stream)
{
    if (recipe->expectation_count < RECIPE_EVENTS_MAX) {
        recipe->expectations[recipe->expectation_count++] =
            (factum_expectation){stream, machine_pick_expected(machine, stream)};
    }
}

struct recipe machine_pick_recipe(struct machine *machine)
{
    struct recipe recipe = {.event_count = machine_pick(machine, 4)};
    if (recipe.event_count == 0 && !machine_rarely(machine, 3)) {
        recipe.event_count = 1;
    }
    if (machine_rarely(machine, 40)) {
        recipe.event_count = 8 + machine_pick(machine, 2);
    }
    bool extra = recipe.event_count == 0 || machine_rarely(machine, 6);
    if (extra && machine_rarely(machine, 2)) {
        expect(machine, &recipe, machine_pick_stream(machine));
        extra = false;
    }
    factum_slice stream = machine_pick_stream(machine);
    for (size_t i = 0; i < recipe.event_count; i++) {
        stream = machine_rarely(machine, 3) ? machine_pick_stream(machine) : stream;
        recipe.events[i] = pick_event(machine, stream);
        bool wanted = !has_expectation(&recipe, stream);
        if (wanted != machine_rarely(machine, 60)) {
            expect(machine, &recipe, stream);
        }
    }
    if (extra) {
        expect(machine, &recipe, machine_pick_stream(machine));
    }
    if (machine_rarely(machine, 4)) {
        recipe.key = keys[machine_pick(machine, machine_rarely(machine, 12) ? 6 : 5)];
    }
    if (machine_rarely(machine, 4)) {
        recipe.item_count = machine_pick_items(machine, recipe.items);
        recipe.after = machine_pick_place(machine);
    }
    if (machine_rarely(machine, 3)) {
        recipe.durability =
            (factum_durability)machine_pick(machine, machine_rarely(machine, 20) ? 4 : 3);
    }
    return recipe;
}

/* ---- sending it ------------------------------------------------------------------------------ */

void machine_say_recipe(const struct machine *machine, const struct recipe *recipe)
{
    if (!machine->verbose) {
        return;
    }
    for (size_t i = 0; i < recipe->expectation_count; i++) {
        const factum_expectation *e = &recipe->expectations[i];
        machine_say(machine, "expects %.*s %d/%" PRIu64, (int)e->stream.len,
                    (const char *)e->stream.ptr, (int)e->expected.kind, e->expected.revision);
    }
    for (size_t i = 0; i < recipe->event_count; i++) {
        const factum_new_event *e = &recipe->events[i];
        machine_say(machine, "event %.*s %.*s id %d, %zu tags, data %.*s", (int)e->stream.len,
                    (const char *)e->stream.ptr, (int)e->type.len, (const char *)e->type.ptr,
                    e->id.bytes[0], e->tag_count, (int)(e->data.len < 60 ? e->data.len : 0),
                    (const char *)e->data.ptr);
    }
    machine_say(machine, "key %.*s, fingerprint %d, %zu condition items", (int)recipe->key.len,
                (const char *)recipe->key.ptr, recipe->fingerprint.bytes[0], recipe->item_count);
}

/* Does the event that refused the append match its condition, and come after its place? */
static void check_conflict(struct machine *machine, const factum_append_condition *condition,
                           uint64_t position)
{
    factum_event event;
    factum_cursor *cursor = NULL;
    factum_read_request request = {
        .size = sizeof request, .from = FACTUM_FROM_POSITION, .from_value = position};
    factum_status status = factum_read(&machine->local, &request, &cursor, NULL);
    if (status == FACTUM_OK) {
        status = factum_cursor_next(cursor, &event, NULL);
    }
    if (status != FACTUM_OK || event.position != position || position <= condition->after ||
        !fct_query_fits(&condition->query, event.type, event.tags, event.tag_count)) {
        machine_differ(machine, "the event at %" PRIu64 " does not refuse the condition", position);
    }
    factum_cursor_close(cursor);
}

static void same_result(struct machine *machine, const struct answer answers[2],
                        const struct recipe *recipe)
{
    const factum_append_result *a = &answers[0].result;
    const factum_append_result *b = &answers[1].result;
    factum_durability wanted = recipe->durability == FACTUM_DURABILITY_DEFAULT
                                   ? machine->options.durability
                                   : recipe->durability;
    const char *what =
        !machine_same_position(machine, a->first_position, b->first_position) ? "first_position"
        : !machine_same_position(machine, a->position, b->position)           ? "position"
        : a->revision != b->revision                                          ? "revision"
        : a->already != b->already                                            ? "already"
        : a->refused_index != b->refused_index                                ? "refused_index"
        : a->actual_state != b->actual_state                                  ? "actual_state"
        : a->actual_revision != b->actual_revision                            ? "actual_revision"
        : (a->conflict_position == 0) != (b->conflict_position == 0)          ? "conflict_position"
        : answers[1].status == FACTUM_OK && b->durability != wanted           ? "durability"
                                                                              : NULL;
    if (what != NULL) {
        machine_differ(machine,
                       "%s differs: memory %" PRIu64 "..%" PRIu64 " r%" PRIu64 " already %d (%zu "
                       "%d %" PRIu64 "), local %" PRIu64 "..%" PRIu64 " r%" PRIu64
                       " already %d (%zu %d %" PRIu64 ")",
                       what, a->first_position, a->position, a->revision, a->already,
                       a->refused_index, (int)a->actual_state, a->actual_revision,
                       b->first_position, b->position, b->revision, b->already, b->refused_index,
                       (int)b->actual_state, b->actual_revision);
    }
}

void machine_same_answers(struct machine *machine, const struct recipe *recipe,
                          const struct answer answers[2])
{
    const factum_status statuses[2] = {answers[0].status, answers[1].status};
    const factum_error errors[2] = {answers[0].error, answers[1].error};
    if (!machine_same_status(machine, statuses, errors)) {
        return;
    }
    same_result(machine, answers, recipe);
    if (memcmp(answers[0].revisions, answers[1].revisions, sizeof answers[0].revisions) != 0) {
        machine_differ(machine, "the revisions of the events differ");
    }
    if (statuses[1] == FACTUM_CONDITION_FAILED) {
        factum_append_condition condition = {{recipe->items, recipe->item_count},
                                             recipe->after.local};
        check_conflict(machine, &condition, answers[1].result.conflict_position);
    }
    bool written = statuses[1] == FACTUM_OK && !answers[1].result.already;
    if (written && recipe->event_count > 0) {
        machine->unsynced = answers[1].result.durability == FACTUM_DURABILITY_OS;
    } else if (written) { /* its key, if it has one */
        machine->unsynced =
            machine->unsynced || answers[1].result.durability == FACTUM_DURABILITY_OS;
        machine->now_least = machine->now; /* after a reopening nothing on disk records this */
    }
}

void machine_request(const struct recipe *recipe, size_t engine, factum_append_condition *condition,
                     factum_append_request *request)
{
    *condition =
        (factum_append_condition){{recipe->items, recipe->item_count},
                                  engine == 0 ? recipe->after.memory : recipe->after.local};
    *request = (factum_append_request){
        .size = sizeof *request,
        .events = recipe->events,
        .event_count = recipe->event_count,
        .expectations = recipe->expectations,
        .expectation_count = recipe->expectation_count,
        .condition = recipe->item_count > 0 ? condition : NULL,
        .idempotency_key = recipe->key,
        .fingerprint = recipe->fingerprint,
        .durability = recipe->durability,
    };
}

void machine_answer_init(struct answer *answer)
{
    *answer = (struct answer){.status = FACTUM_OK};
    memset(answer->revisions, 0xee, sizeof answer->revisions);
}

static void send(struct machine *machine, struct recipe *recipe)
{
    struct answer answers[2];
    machine_say_recipe(machine, recipe);
    for (size_t i = 0; i < 2; i++) {
        struct answer *answer = &answers[i];
        factum_append_condition condition;
        factum_append_request request;
        machine_answer_init(answer);
        machine_request(recipe, i, &condition, &request);
        answer->status = factum_append(i == 0 ? &machine->memory : &machine->local, &request,
                                       &answer->result, answer->revisions, &answer->error);
    }
    machine_learn(machine);
    machine_same_answers(machine, recipe, answers);
}

/* By factum_append_stream, which sets the expectation for its one stream itself. */
static void send_to_stream(struct machine *machine, struct recipe *recipe)
{
    struct answer answers[2];
    factum_slice stream = machine_pick_stream(machine);
    factum_expected expected = machine_pick_expected(machine, stream);
    recipe->durability = FACTUM_DURABILITY_DEFAULT;
    recipe->item_count = 0;
    for (size_t i = 0; i < recipe->event_count; i++) {
        if (!machine_rarely(machine, 20)) {
            recipe->events[i].stream = machine_rarely(machine, 2) ? stream : fct_slice(NULL, 0);
        }
    }
    machine_say_recipe(machine, recipe);
    for (size_t i = 0; i < 2; i++) {
        struct answer *answer = &answers[i];
        machine_answer_init(answer);
        answer->status = factum_append_stream(i == 0 ? &machine->memory : &machine->local, stream,
                                              expected, recipe->events, recipe->event_count,
                                              &answer->result, &answer->error);
    }
    machine_learn(machine);
    machine_same_answers(machine, recipe, answers);
}

/* ---- operations ------------------------------------------------------------------------------ */

void machine_append(struct machine *machine)
{
    struct recipe recipe = machine_pick_recipe(machine);
    if (machine_rarely(machine, 8)) {
        send_to_stream(machine, &recipe);
        return;
    }
    machine->recipes[machine->recipe_count++ % RECIPES_KEPT] = recipe;
    send(machine, &recipe);
}

struct recipe machine_vary_recipe(struct machine *machine, const struct recipe *old)
{
    struct recipe recipe = *old;
    size_t event = recipe.event_count == 0 ? 0 : machine_pick(machine, recipe.event_count);
    size_t expectation =
        recipe.expectation_count == 0 ? 0 : machine_pick(machine, recipe.expectation_count);
    switch (machine_pick(machine, 12)) {
    case 0:
        recipe.events[event].data = PICK(machine, bodies);
        break;
    case 1:
        recipe.events[event].id.bytes[0] = (uint8_t)machine_pick(machine, 4);
        break;
    case 2:
        recipe.expectations[expectation].expected =
            machine_pick_expected(machine, recipe.expectations[expectation].stream);
        break;
    case 3:
        recipe.key = keys[machine_pick(machine, 5)];
        break;
    case 4:
        recipe.event_count -= recipe.event_count > 0 ? 1 : 0;
        break;
    case 5:
        recipe.item_count = 0;
        break;
    case 6:
        recipe.expectations[expectation].expected =
            (factum_expected){.kind = (factum_expected_kind)(1 + machine_pick(machine, 3))};
        break;
    case 7:
        if (recipe.event_count > 0 && recipe.event_count < RECIPE_EVENTS_MAX) {
            recipe.events[recipe.event_count] = pick_event(machine, recipe.events[event].stream);
            recipe.event_count++;
        }
        break;
    default:
        break; /* exactly the same */
    }
    return recipe;
}

void machine_repeat(struct machine *machine)
{
    size_t kept = machine->recipe_count < RECIPES_KEPT ? machine->recipe_count : RECIPES_KEPT;
    if (kept > 0) {
        const struct recipe *old = &machine->recipes[machine_pick(machine, kept)];
        struct recipe recipe = machine_vary_recipe(machine, old);
        send(machine, &recipe);
    }
}

/* With a fingerprint from the caller, the content may differ each time. */
void machine_append_fingerprint(struct machine *machine)
{
    struct recipe recipe = machine_pick_recipe(machine);
    recipe.key = keys[machine_pick(machine, 5)];
    recipe.fingerprint.bytes[0] = (uint8_t)(1 + machine_pick(machine, 2));
    machine->recipes[machine->recipe_count++ % RECIPES_KEPT] = recipe;
    send(machine, &recipe);
}

void machine_repeat_fingerprint(struct machine *machine)
{
    size_t kept = machine->recipe_count < RECIPES_KEPT ? machine->recipe_count : RECIPES_KEPT;
    if (kept > 0) {
        struct recipe recipe = machine->recipes[machine_pick(machine, kept)];
        recipe.fingerprint.bytes[0] = (uint8_t)machine_pick(machine, 3);
        send(machine, &recipe);
    }
}

/* One of the calls that append an event of the store's own. */
enum own_call {
    SET_METADATA,
    DELETE,
    TOMBSTONE,
};

static factum_status call_one(factum_store *store, enum own_call which, factum_slice stream,
                              factum_expected expected, factum_slice json, struct answer *answer)
{
    switch (which) {
    case SET_METADATA:
        return factum_metadata_set(store, stream, expected, json, &answer->result, &answer->error);
    case DELETE:
        return factum_delete(store, stream, expected, &answer->result, &answer->error);
    case TOMBSTONE:
        break;
    }
    return factum_tombstone(store, stream, expected, &answer->result, &answer->error);
}

static void call(struct machine *machine, enum own_call which)
{
    static const struct recipe one = {.event_count = 1};
    struct answer answers[2];
    factum_slice stream = machine_pick_stream(machine);
    factum_expected expected = machine_pick_expected(machine, stream);
    factum_slice json = PICK(machine, stream_metadata);
    if (machine_pick(machine, 2) == 0) {
        expected = factum_any();
    }
    machine_say(machine, "%.*s expected %d/%" PRIu64, (int)stream.len, (const char *)stream.ptr,
                (int)expected.kind, expected.revision);
    for (size_t i = 0; i < 2; i++) {
        machine_answer_init(&answers[i]);
        answers[i].status = call_one(i == 0 ? &machine->memory : &machine->local, which, stream,
                                     expected, json, &answers[i]);
    }
    machine_learn(machine);
    machine_same_answers(machine, &one, answers);
}

void machine_metadata(struct machine *machine)
{
    call(machine, SET_METADATA);
}

void machine_delete(struct machine *machine)
{
    call(machine, DELETE);
}

void machine_tombstone(struct machine *machine)
{
    call(machine, TOMBSTONE);
}
