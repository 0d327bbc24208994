/* scenario_test.c - given, when, then: which scenarios pass, and what a failure prints. */
#include "support/test.h"

#include <factum/testing.h>

#include "core/slice.h"

/* A lamp: on or off, with a label. Its faults are switched on by the command. */
typedef struct lamp_event {
    enum { LAMP_ON, LAMP_LABELLED } type;
    factum_slice label;
} lamp_event;
typedef struct lamp_state {
    bool on;
    factum_slice label;
    factum_slice kept; /* a pointer into an event: a fault */
} lamp_state;
typedef struct lamp_command {
    enum { SWITCH, LABEL, BREAK, CHANGE, DICE, SHOUT } type;
    factum_slice label;
} lamp_command;
FACTUM_DECIDER_DECLARE(lamp, lamp_state, lamp_command, lamp_event);

static factum_status lamp_event_parse(factum_slice type, factum_slice data, factum_arena *arena,
                                      lamp_event *event, factum_error *err)
{
    (void)err;
    (void)arena;
    event->type = fct_slice_equal(type, FCT_SLICE("On")) ? LAMP_ON : LAMP_LABELLED;
    event->label = data; /* borrowed: the whole text */
    return FACTUM_OK;
}

static factum_slice lamp_event_print(const lamp_event *event, factum_json_writer *to)
{
    factum_json_put_text(to, event->label);
    return factum_slice_from(event->type == LAMP_ON ? "On" : "Labelled");
}

static void lamp_evolve(lamp_state *state, const lamp_event *event, factum_arena *arena)
{
    if (event->type == LAMP_ON) {
        state->on = true;
    } else {
        state->label = factum_arena_copy(arena, event->label);
        state->kept = event->label;
    }
}

static factum_verdict lamp_decide(const lamp_state *state, const lamp_command *command,
                                  factum_decision *out)
{
    static int calls;
    lamp_event event = {.type = LAMP_ON};
    switch (command->type) {
    case SWITCH:
        return state->on ? FACTUM_NOOP : factum_emit(out, &event);
    case LABEL:
        event = (lamp_event){LAMP_LABELLED, command->label};
        return factum_emit(out, &event);
    case CHANGE:
        ((lamp_state *)(uintptr_t)state)->on = true;
        return FACTUM_NOOP;
    case DICE:
        return calls++ % 2 == 0 ? FACTUM_NOOP : factum_emit(out, &event);
    case SHOUT:
        return factum_emit_to(out, FCT_SLICE("else"), &event, NULL, 0);
    case BREAK:
        break;
    }
    return factum_reject(out, "lamp.broken", "it does not %s", "glow");
}

static void lamp_command_print(const lamp_command *command, factum_json_writer *to)
{
    factum_json_put_int64(to, (int64_t)command->type);
}

FACTUM_DECIDER(lamp, 1);

/* Runs a scenario; "" if it passes, otherwise its message after "file:line: ". */
static const char *says(void (*run)(factum_test *test))
{
    static char text[2048];
    const factum_test_case one = {"one", run};
    if (factum_test_passes(&one, text, sizeof text)) {
        assert_string_equal(text, "");
        return "";
    }
    const char *colon = strstr(text, ": ");
    assert_non_null(colon);
    return colon + 2;
}

FACTUM_TEST(good)
{
    FACTUM_WHEN(lamp, {.type = SWITCH});
    FACTUM_THEN(lamp, {.type = LAMP_ON});
    FACTUM_WHEN(lamp, {.type = SWITCH});
    FACTUM_THEN_NOOP();
    FACTUM_WHEN(lamp, {.type = BREAK});
    FACTUM_THEN_REJECTED("lamp.broken");
    FACTUM_WHEN(lamp, {.type = LABEL, .label = {(const uint8_t *)"x", 1}});
    FACTUM_THEN(lamp, {LAMP_LABELLED, {(const uint8_t *)"x", 1}});
    FACTUM_THEN_STREAM(0, "the-stream");
}
TEST(correct_input_passes)
{
    assert_string_equal(says(good), "");
}

FACTUM_TEST(other_code)
{
    FACTUM_WHEN(lamp, {.type = BREAK});
    FACTUM_THEN_REJECTED("lamp.burnt");
}
FACTUM_TEST(event_for_noop)
{
    FACTUM_WHEN(lamp, {.type = SWITCH});
    FACTUM_THEN_NOOP();
}
FACTUM_TEST(noop_for_event)
{
    FACTUM_GIVEN(lamp, {.type = LAMP_ON});
    FACTUM_WHEN(lamp, {.type = SWITCH});
    FACTUM_THEN(lamp, {.type = LAMP_ON});
}
FACTUM_TEST(other_data)
{
    FACTUM_WHEN(lamp, {.type = LABEL, .label = {(const uint8_t *)"desk", 4}});
    FACTUM_THEN(lamp, {LAMP_LABELLED, {(const uint8_t *)"deck", 4}});
}
FACTUM_TEST(other_type)
{
    FACTUM_WHEN(lamp, {.type = SWITCH});
    FACTUM_THEN(lamp, {.type = LAMP_LABELLED});
}
FACTUM_TEST(other_number)
{
    FACTUM_WHEN(lamp, {.type = SWITCH});
    FACTUM_THEN(lamp, {.type = LAMP_ON}, {.type = LAMP_ON});
}
TEST(a_difference_is_described)
{
    assert_string_equal(says(other_code), "expected the rejection lamp.burnt\n"
                                          "got the rejection lamp.broken: it does not glow");
    assert_string_equal(says(event_for_noop), "expected a no-op\ngot 1 event:\n  On \"\"");
    assert_string_equal(says(noop_for_event), "the command was not accepted\nexpected 1 event:\n"
                                              "  On \"\"\ngot a no-op");
    assert_string_equal(says(other_data), "event 1 differs at byte 4 of its data\n"
                                          "  expected Labelled \"deck\"\n"
                                          "  got      Labelled \"desk\"");
    assert_string_equal(says(other_type), "event 1 is another\nexpected 1 event:\n  Labelled \"\"\n"
                                          "got 1 event:\n  On \"\"");
    assert_string_equal(says(other_number),
                        "the number of events differs\nexpected 2 events:\n  On \"\"\n  On \"\"\n"
                        "got 1 event:\n  On \"\"");
}

FACTUM_TEST(changes)
{
    FACTUM_WHEN(lamp, {.type = CHANGE});
    FACTUM_THEN_NOOP();
}
FACTUM_TEST(dices)
{
    FACTUM_WHEN(lamp, {.type = DICE});
}
FACTUM_TEST(shouts)
{
    FACTUM_WHEN(lamp, {.type = SHOUT});
}
FACTUM_TEST(keeps)
{
    FACTUM_GIVEN(lamp, {LAMP_LABELLED, {(const uint8_t *)"desk", 4}});
    const lamp_state *lamp = FACTUM_STATE(lamp);
    if (lamp->label.len != 6 || memcmp(lamp->label.ptr, "\"desk\"", 6) != 0) {
        factum_test_fail(factum_test_, "keeps", "the copy is gone");
    }
    if (memcmp(lamp->kept.ptr, "\"desk\"", 6) == 0) {
        factum_test_fail(factum_test_, "keeps", "the event's memory is still there");
    }
}
TEST(a_decider_that_is_not_pure_is_found)
{
    assert_non_null(strstr(says(changes), "decider lamp changes the state when it decides"));
    assert_non_null(strstr(says(dices), "in two ways: is it pure?"));
    assert_non_null(strstr(says(shouts), "emits into else"));
    assert_string_equal(says(keeps), "");
}

FACTUM_TEST(nothing_decided)
{
    FACTUM_GIVEN(lamp, {.type = LAMP_ON});
    FACTUM_THEN_NOOP();
}
FACTUM_TEST(no_such_event)
{
    FACTUM_WHEN(lamp, {.type = SWITCH});
    FACTUM_THEN_STREAM(1, "x");
}
FACTUM_TEST(other_stream)
{
    FACTUM_WHEN(lamp, {.type = SWITCH});
    FACTUM_THEN_STREAM(0, "x");
}
FACTUM_TEST(other_tag)
{
    FACTUM_WHEN(lamp, {.type = SWITCH});
    FACTUM_THEN_TAG(0, "x");
}
FACTUM_TEST(first_failure)
{
    FACTUM_WHEN(lamp, {.type = SWITCH});
    factum_test_fail(factum_test_, "here", "first");
    FACTUM_THEN_NOOP();
    factum_test_fail(factum_test_, "here", "second");
}
TEST(an_invalid_test_fails)
{
    assert_string_equal(says(nothing_decided), "a WHEN comes before a THEN");
    assert_non_null(strstr(says(no_such_event), "expected an event 2"));
    assert_non_null(strstr(says(other_stream), "event 1 goes into stream the-stream, not x"));
    assert_non_null(strstr(says(other_tag), "event 1 does not have the tag x"));
    assert_string_equal(says(first_failure), "first");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(correct_input_passes),
        CASE(a_difference_is_described),
        CASE(a_decider_that_is_not_pure_is_found),
        CASE(an_invalid_test_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
