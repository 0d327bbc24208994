/* scenario.c - given, when, then: tests of deciders. Layer: decider. See testing.h.
 *
 * Needs no store: events are printed, parsed and folded as with a store.
 *
 * Invariants:
 *  1. The first failure stays; later steps do nothing.
 *  2. The memory of an event is overwritten before the next event is read.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <factum/testing.h>

#include "core/error.h"
#include "core/slice.h"
#include "decider/decision.h"
#include "decider/fold.h"

#define TEXT_SIZE 4096
#define SCENARIO_ARENA_MAX ((size_t)64 << 20)
#define SHOWN_MAX 400 /* bytes of data in a difference */
#define SCENARIO_STREAM "the-stream"

struct factum_test {
    struct factum_fold *fold; /* NULL before the first GIVEN or WHEN */
    struct factum_arena arena;
    struct factum_arena again; /* memory of the second decision */
    struct factum_arena wanted;
    struct factum_decision decision;
    struct factum_decision second;
    factum_verdict verdict;
    bool decided;
    bool failed;
    size_t used;
    char text[TEXT_SIZE];
};

/* ---- texts of failures ----------------------------------------------------------------------- */

static FCT_PRINTF(2, 3) void add_text(struct factum_test *test, const char *format, ...)
{
    va_list arguments;
    size_t room = sizeof test->text - test->used;
    va_start(arguments, format);
    int len = vsnprintf(test->text + test->used, room, format, arguments);
    va_end(arguments);
    test->used += len < 0 ? 0 : (size_t)len < room ? (size_t)len : room - 1;
}

static void add_event_text(struct factum_test *test, const char *what, factum_slice type,
                           factum_slice data)
{
    int shown = data.len < SHOWN_MAX ? (int)data.len : SHOWN_MAX;
    add_text(test, "\n  %s%.*s %.*s%s", what, FCT_FMT(type), shown, (const char *)data.ptr,
             data.len > SHOWN_MAX ? "..." : "");
}

/* The outcome of the last command. */
static void add_outcome_text(struct factum_test *test)
{
    const struct factum_decision *decision = &test->decision;
    if (test->verdict == FACTUM_NOOP) {
        add_text(test, "got a no-op");
    } else if (test->verdict == FACTUM_REJECTED) {
        add_text(test, "got the rejection %s: %s", decision->code, decision->text);
    } else {
        add_text(test, "got %zu event%s:", decision->count, decision->count == 1 ? "" : "s");
        for (size_t i = 0; i < decision->count; i++) {
            add_event_text(test, "", decision->events[i].type, decision->events[i].data);
        }
    }
}

void factum_test_fail(factum_test *test, const char *where, const char *format, ...)
{
    va_list arguments;
    char text[512];
    if (test->failed) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    test->failed = true;
    add_text(test, "%s: %s", where, text);
}

const void *factum_test_state(const factum_test *test)
{
    return test->fold == NULL ? NULL : test->fold->state;
}

/* ---- given ----------------------------------------------------------------------------------- */

/* The decider of the test, which stays the same; false if the test has failed. */
static bool begin_step(struct factum_test *test, const char *where, const factum_decider *decider)
{
    factum_error err = {.status = FACTUM_OK};
    if (test->failed) {
        return false;
    }
    if (test->fold != NULL && test->fold->decider != decider) {
        factum_test_fail(test, where, "a test has one decider: %s, not %s",
                         test->fold->decider->name, decider->name);
    } else if (test->fold == NULL &&
               (fct_decider_check(decider, &err) != FACTUM_OK ||
                fct_fold_create(fct_mem_heap(), decider, 0, &test->fold, &err) != FACTUM_OK)) {
        factum_test_fail(test, where, "%s", err.text);
    }
    return !test->failed;
}

/* Prints events as they are stored; false if one cannot be. */
static bool print_events(struct factum_test *test, const char *where, const void *events,
                         size_t count, struct factum_decision *printed)
{
    const factum_decider *decider = test->fold->decider;
    fct_decision_init(printed, decider, &test->wanted, factum_slice_from(SCENARIO_STREAM));
    for (size_t i = 0; i < count; i++) {
        (void)factum_emit(printed, (const uint8_t *)events + i * decider->event_size);
    }
    if (printed->failed != FACTUM_OK) {
        factum_test_fail(test, where, "%s", printed->err.text);
    }
    return !test->failed;
}

/* Folds an event from private memory, and then overwrites that memory. */
static void fold_event(struct factum_test *test, const char *where,
                       const struct fct_emitted *emitted)
{
    struct factum_fold *fold = test->fold;
    factum_error err = {.status = FACTUM_OK};
    factum_arena_reset(&fold->scratch);
    const factum_event event = {
        .type = emitted->type,
        .data = factum_arena_copy(&fold->scratch, emitted->data),
    };
    void *typed = factum_arena_alloc(&fold->scratch, fold->decider->event_size);
    const struct fct_stored stored = {event.type, event.data, NULL};
    factum_status status = fct_arena_status(&fold->scratch, "the event", &err);
    if (status == FACTUM_OK) {
        status = fct_parse_typed(fold->decider, &stored, &fold->scratch, typed, &err);
    }
    if (status == FACTUM_OK) {
        status = fct_fold_evolve(fold, typed, &err);
    }
    fct_arena_poison(&fold->scratch);
    if (status != FACTUM_OK) {
        factum_test_fail(test, where, "%s", err.text);
    }
}

static void fold_events(struct factum_test *test, const char *where,
                        const struct factum_decision *events)
{
    for (size_t i = 0; i < events->count && !test->failed; i++) {
        fold_event(test, where, &events->events[i]);
    }
}

void factum_test_given(factum_test *test, const char *where, const factum_decider *decider,
                       const void *events, size_t count)
{
    struct factum_decision printed;
    if (begin_step(test, where, decider) && print_events(test, where, events, count, &printed)) {
        fold_events(test, where, &printed);
    }
}

/* ---- when ------------------------------------------------------------------------------------ */

static bool same_decision(const struct factum_decision *a, const struct factum_decision *b)
{
    bool same = a->count == b->count && strcmp(a->code, b->code) == 0;
    for (size_t i = 0; same && i < a->count; i++) {
        same = fct_slice_equal(a->events[i].type, b->events[i].type) &&
               fct_slice_equal(a->events[i].data, b->events[i].data) &&
               fct_slice_equal(a->events[i].stream, b->events[i].stream);
    }
    return same;
}

/* Decides twice, into test->decision and test->second. */
static void decide_twice(struct factum_test *test, const char *where, const void *command)
{
    const factum_decider *decider = test->fold->decider;
    factum_slice stream =
        decider->query == NULL ? factum_slice_from(SCENARIO_STREAM) : (factum_slice){.ptr = NULL};
    factum_error err = {.status = FACTUM_OK};
    factum_verdict verdict;
    fct_decision_init(&test->decision, decider, &test->arena, stream);
    fct_decision_init(&test->second, decider, &test->again, stream);
    if (fct_decide_now(&test->decision, test->fold->state, command, &test->verdict, &err) !=
            FACTUM_OK ||
        fct_decide_now(&test->second, test->fold->state, command, &verdict, &err) != FACTUM_OK) {
        factum_test_fail(test, where, "%s", err.text);
    } else if (verdict != test->verdict || !same_decision(&test->decision, &test->second)) {
        factum_test_fail(test, where,
                         "decider %s decides the same command on the same state "
                         "in two ways: is it pure?",
                         decider->name);
    }
}

void factum_test_when(factum_test *test, const char *where, const factum_decider *decider,
                      const void *command)
{
    if (!begin_step(test, where, decider)) {
        return;
    }
    factum_arena_reset(&test->wanted);
    uint8_t *before = factum_arena_alloc(&test->wanted, decider->state_size);
    if (before == NULL) {
        factum_test_fail(test, where, "out of memory");
        return;
    }
    memcpy(before, test->fold->state, decider->state_size);
    decide_twice(test, where, command);
    if (!test->failed && memcmp(before, test->fold->state, decider->state_size) != 0) {
        factum_test_fail(test, where, "decider %s changes the state when it decides",
                         decider->name);
    }
    test->decided = !test->failed;
    fold_events(test, where, &test->decision);
}

/* ---- then ------------------------------------------------------------------------------------ */

static bool has_decided(struct factum_test *test, const char *where)
{
    if (!test->failed && !test->decided) {
        factum_test_fail(test, where, "a WHEN comes before a THEN");
    }
    return !test->failed;
}

static void fail_events(struct factum_test *test, const char *where, const char *what,
                        const struct factum_decision *wanted)
{
    factum_test_fail(test, where, "%s\nexpected %zu event%s:", what, wanted->count,
                     wanted->count == 1 ? "" : "s");
    for (size_t i = 0; i < wanted->count; i++) {
        add_event_text(test, "", wanted->events[i].type, wanted->events[i].data);
    }
    add_text(test, "\n");
    add_outcome_text(test);
}

static size_t first_difference(factum_slice a, factum_slice b)
{
    size_t at = 0;
    while (at < a.len && at < b.len && a.ptr[at] == b.ptr[at]) {
        at++;
    }
    return at;
}

static void compare_events(struct factum_test *test, const char *where,
                           const struct factum_decision *wanted)
{
    char what[128];
    const struct factum_decision *got = &test->decision;
    for (size_t i = 0; i < wanted->count && i < got->count; i++) {
        const struct fct_emitted *a = &wanted->events[i];
        const struct fct_emitted *b = &got->events[i];
        if (!fct_slice_equal(a->type, b->type)) {
            (void)snprintf(what, sizeof what, "event %zu is another", i + 1);
            fail_events(test, where, what, wanted);
            return;
        }
        if (!fct_slice_equal(a->data, b->data)) {
            factum_test_fail(test, where, "event %zu differs at byte %zu of its data", i + 1,
                             first_difference(a->data, b->data) + 1);
            add_event_text(test, "expected ", a->type, a->data);
            add_event_text(test, "got      ", b->type, b->data);
            return;
        }
    }
    if (wanted->count != got->count) {
        fail_events(test, where, "the number of events differs", wanted);
    }
}

void factum_test_then(factum_test *test, const char *where, const factum_decider *decider,
                      const void *events, size_t count)
{
    struct factum_decision wanted;
    if (!has_decided(test, where) || !begin_step(test, where, decider)) {
        return;
    }
    if (!print_events(test, where, events, count, &wanted)) {
        return;
    }
    if (test->verdict != FACTUM_ACCEPTED) {
        fail_events(test, where, "the command was not accepted", &wanted);
        return;
    }
    compare_events(test, where, &wanted);
}

static const struct fct_emitted *event_number(struct factum_test *test, const char *where,
                                              size_t index)
{
    if (!has_decided(test, where)) {
        return NULL;
    }
    if (test->verdict != FACTUM_ACCEPTED || index >= test->decision.count) {
        factum_test_fail(test, where, "expected an event %zu\n", index + 1);
        add_outcome_text(test);
        return NULL;
    }
    return &test->decision.events[index];
}

void factum_test_then_stream(factum_test *test, const char *where, size_t index, const char *stream)
{
    const struct fct_emitted *event = event_number(test, where, index);
    if (event != NULL && !fct_slice_equal(event->stream, factum_slice_from(stream))) {
        factum_test_fail(test, where, "event %zu goes into stream %.*s, not %s", index + 1,
                         FCT_FMT(event->stream), stream);
    }
}

void factum_test_then_tag(factum_test *test, const char *where, size_t index, const char *tag)
{
    const struct fct_emitted *event = event_number(test, where, index);
    bool found = false;
    if (event == NULL) {
        return;
    }
    for (size_t i = 0; i < event->tag_count; i++) {
        found = found || fct_slice_equal(event->tags[i], factum_slice_from(tag));
    }
    if (!found) {
        factum_test_fail(test, where, "event %zu does not have the tag %s", index + 1, tag);
        for (size_t i = 0; i < event->tag_count; i++) {
            add_text(test, "\n  it has %.*s", FCT_FMT(event->tags[i]));
        }
    }
}

void factum_test_then_noop(factum_test *test, const char *where)
{
    if (has_decided(test, where) && test->verdict != FACTUM_NOOP) {
        factum_test_fail(test, where, "expected a no-op\n");
        add_outcome_text(test);
    }
}

void factum_test_then_rejected(factum_test *test, const char *where, const char *code)
{
    if (has_decided(test, where) &&
        (test->verdict != FACTUM_REJECTED || strcmp(test->decision.code, code) != 0)) {
        factum_test_fail(test, where, "expected the rejection %s\n", code);
        add_outcome_text(test);
    }
}

/* ---- running --------------------------------------------------------------------------------- */

bool factum_test_passes(const factum_test_case *test_case, char *text, size_t size)
{
    const struct fct_mem *mem = fct_mem_heap();
    struct factum_test *test = fct_mem_zalloc(mem, 1, sizeof *test);
    if (test == NULL) {
        (void)snprintf(text, size, "%s: out of memory", test_case->name);
        return false;
    }
    fct_arena_init(&test->arena, mem, SCENARIO_ARENA_MAX);
    fct_arena_init(&test->again, mem, SCENARIO_ARENA_MAX);
    fct_arena_init(&test->wanted, mem, SCENARIO_ARENA_MAX);
    test_case->run(test);
    bool passes = !test->failed;
    (void)snprintf(text, size, "%s", test->text);
    factum_fold_destroy(test->fold);
    factum_arena_finish(&test->arena);
    factum_arena_finish(&test->again);
    factum_arena_finish(&test->wanted);
    fct_mem_free(mem, test);
    return passes;
}

/* Prints a TAP comment for each line of |text|. */
static void print_comment(const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        (void)printf("# %.*s\n", (int)len, text);
        text += len + (text[len] == '\n' ? 1 : 0);
    }
}

int factum_test_run(const factum_test_case *cases, size_t count)
{
    char text[TEXT_SIZE];
    int failed = 0;
    (void)printf("1..%zu\n", count);
    for (size_t i = 0; i < count; i++) {
        bool passes = factum_test_passes(&cases[i], text, sizeof text);
        (void)printf("%sok %zu - %s\n", passes ? "" : "not ", i + 1, cases[i].name);
        if (!passes) {
            print_comment(text);
            failed = 1;
        }
    }
    (void)fflush(stdout);
    return failed;
}
