/* machine_ask.c - keys, ids, counts and tokens, looked up in both engines, and calls after their
 * deadline. See machine.h. */
#include <inttypes.h>
#include <string.h>

#include "core/slice.h"
#include "machine.h"

/* The text of a lookup that found nothing may differ between engines. */
static bool both_found(struct machine *machine, const factum_status statuses[2],
                       const factum_error errors[2])
{
    return machine_same_status(machine, statuses, errors) && statuses[0] == FACTUM_OK;
}

static void find_key(struct machine *machine)
{
    uint64_t revisions[2][RECIPE_EVENTS_MAX];
    factum_key_info infos[2];
    factum_status statuses[2];
    factum_error errors[2] = {{.text = ""}, {.text = ""}};
    factum_slice key = machine_pick_name(machine, &machine_keys);
    size_t room = machine_pick(machine, RECIPE_EVENTS_MAX + 1);
    memset(revisions, 0xee, sizeof revisions);
    for (size_t i = 0; i < 2; i++) {
        infos[i] = (factum_key_info){
            .size = sizeof infos[i], .revisions = revisions[i], .revisions_max = room};
        statuses[i] = factum_find_key(i == 0 ? &machine->memory : &machine->local, key, &infos[i],
                                      &errors[i]);
    }
    if (!both_found(machine, statuses, errors)) {
        return;
    }
    const factum_key_info *a = &infos[0];
    const factum_key_info *b = &infos[1];
    /* The fingerprint of an append that only checks includes the place of a condition, which
     * differs between engines. */
    bool same_content =
        a->event_count == 0 || memcmp(&a->fingerprint, &b->fingerprint, sizeof a->fingerprint) == 0;
    const char *what = a->event_count != b->event_count ? "event_count"
                       : a->revision != b->revision     ? "revision"
                       : a->created != b->created       ? "created"
                       : !machine_same_position(machine, a->first_position, b->first_position)
                           ? "first_position"
                       : !machine_same_position(machine, a->position, b->position) ? "position"
                       : !same_content                                             ? "fingerprint"
                       : memcmp(revisions[0], revisions[1], sizeof revisions[0]) != 0 ? "revisions"
                                                                                      : NULL;
    if (what != NULL) {
        machine_differ(machine,
                       "key %.*s: %s differs: memory has %" PRIu64 " events, local %" PRIu64,
                       (int)key.len, (const char *)key.ptr, what, a->event_count, b->event_count);
    }
}

static void find_event(struct machine *machine)
{
    factum_event_copy copies[2] = {{.memory = NULL}, {.memory = NULL}};
    factum_status statuses[2];
    factum_error errors[2] = {{.text = ""}, {.text = ""}};
    factum_uuid id = {{(uint8_t)(1 + machine_pick(machine, 10))}};
    factum_slice stream =
        machine_pick(machine, 2) == 0 ? machine_pick_stream(machine) : FCT_SLICE("");
    for (size_t i = 0; i < 2; i++) {
        statuses[i] = factum_find_event(i == 0 ? &machine->memory : &machine->local, stream, id,
                                        &copies[i], &errors[i]);
    }
    if (both_found(machine, statuses, errors)) {
        const factum_event events[2] = {copies[0].event, copies[1].event};
        machine_same_event(machine, events, false); /* it was not read from a source */
    }
    factum_event_copy_free(&copies[0]);
    factum_event_copy_free(&copies[1]);
}

static factum_slice pick_counted(struct machine *machine, factum_source source)
{
    switch (source) {
    case FACTUM_SOURCE_STREAM:
        return machine_rarely(machine, 4) ? FCT_SLICE("$et-A") : machine_pick_stream(machine);
    case FACTUM_SOURCE_CATEGORY:
        return machine_pick_name(machine, &machine_categories);
    case FACTUM_SOURCE_TYPE:
        return machine_pick_name(machine, &machine_types);
    case FACTUM_SOURCE_CORRELATION:
        return machine_pick_name(machine, &machine_correlations);
    case FACTUM_SOURCE_TAG:
        return machine_pick_name(machine, &machine_tags);
    case FACTUM_SOURCE_ALL:
    case FACTUM_SOURCE_QUERY:
        break;
    }
    return FCT_SLICE("");
}

static void count_events(struct machine *machine)
{
    uint64_t counts[2] = {0, 0};
    factum_status statuses[2];
    factum_error errors[2] = {{.text = ""}, {.text = ""}};
    factum_source source = (factum_source)machine_pick(machine, 7);
    factum_slice name = pick_counted(machine, source);
    struct pair after = machine_pick_place(machine);
    struct pair upto = machine_pick_place(machine);
    for (size_t i = 0; i < 2; i++) {
        statuses[i] =
            factum_count_events(i == 0 ? &machine->memory : &machine->local, source, name,
                                i == 0 ? after.memory : after.local,
                                i == 0 ? upto.memory : upto.local, &counts[i], &errors[i]);
    }
    /* Counts are of postings, which colliding names share. */
    if (both_found(machine, statuses, errors) && !machine->colliding && counts[0] != counts[1]) {
        machine_differ(machine, "source %d %.*s: memory counts %" PRIu64 ", local %" PRIu64,
                       (int)source, (int)name.len, (const char *)name.ptr, counts[0], counts[1]);
    }
}

/* A place survives the round trip through a token. */
static void token(struct machine *machine)
{
    struct pair place = machine_pick_position(machine);
    char texts[2][FACTUM_TOKEN_SIZE];
    uint64_t parsed[2] = {0, 0};
    factum_status statuses[2];
    factum_error errors[2] = {{.text = ""}, {.text = ""}};
    factum_token_format(&machine->memory, place.memory, texts[0]);
    factum_token_format(&machine->local, place.local, texts[1]);
    size_t cut = machine_rarely(machine, 4) ? 1 + machine_pick(machine, 20) : 0;
    for (size_t i = 0; i < 2; i++) {
        factum_slice text = fct_slice(texts[i], cut > 0 ? cut : strlen(texts[i]));
        statuses[i] = factum_token_parse(i == 0 ? &machine->memory : &machine->local, text,
                                         &parsed[i], &errors[i]);
    }
    errors[0] = errors[1]; /* their texts contain the token */
    if (machine_same_status(machine, statuses, errors) && statuses[0] == FACTUM_OK &&
        (parsed[0] != place.memory || parsed[1] != place.local)) {
        machine_differ(machine, "token %s is place %" PRIu64, texts[1], parsed[1]);
    }
}

void machine_ask(struct machine *machine)
{
    switch (machine_pick(machine, 4)) {
    case 0:
        find_key(machine);
        break;
    case 1:
        find_event(machine);
        break;
    case 2:
        count_events(machine);
        break;
    default:
        token(machine);
        break;
    }
}

/* ---- deadlines ------------------------------------------------------------------------------- */

static factum_status call_late(factum_store *store, size_t what, const factum_call *call,
                               factum_error *err)
{
    const factum_append_request nothing = {.size = sizeof nothing, .call = call};
    const factum_read_request all = {.size = sizeof all, .call = call};
    factum_question question = {.size = sizeof question, .kind = FACTUM_ASK_PLACE, .call = call};
    factum_cursor *cursor = NULL;
    factum_event event;
    factum_status status;
    switch (what) {
    case 0:
        return factum_append(store, &nothing, NULL, NULL, err);
    case 1:
        return factum_ask(store, &question, err);
    default:
        status = factum_read(store, &all, &cursor, err);
        if (status == FACTUM_OK) {
            status = factum_cursor_next(cursor, &event, err);
        }
        factum_cursor_close(cursor);
        return status;
    }
}

void machine_be_late(struct machine *machine)
{
    factum_status statuses[2];
    factum_error errors[2] = {{.text = ""}, {.text = ""}};
    size_t what = machine_pick(machine, 3);
    factum_call call = {.size = sizeof call};
    call.deadline = machine_pick(machine, 2) == 0 ? 1 : UINT64_MAX;
    statuses[0] = call_late(&machine->memory, what, &call, &errors[0]);
    statuses[1] = call_late(&machine->local, what, &call, &errors[1]);
    (void)machine_same_status(machine, statuses, errors);
    if (what == 0 && statuses[0] == FACTUM_OK) {
        machine->now_least = machine->now; /* as after any append without events */
    }
}
