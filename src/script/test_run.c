/* test_run.c - the cases of a file of tests, each in its own stores in memory. Layer: script.
 *
 * A user of the public API: what a case shows is true for every store. Each case is decided twice,
 * in two stores, because a script that remembers something outside of its state answers
 * differently.
 */
#include <inttypes.h>
#include <string.h>

#include <factum/testing.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/slice.h"
#include "script/lua.h"
#include "script/sandbox_int.h"

#define TEXT_SIZE_MAX ((size_t)1 << 20) /* of the differences */
#define TEST_NAME_SIZE (FACTUM_NAME_SIZE_MAX + 1)

struct test_case {
    const factum_script_decider *decider;
    factum_json json; /* of all cases */
    uint32_t given, when, expect, state;
    char stream[TEST_NAME_SIZE];
    struct fct_buf text; /* the differences */
    struct fct_buf got[2];
    factum_store *store;
};

/* ---- texts ----------------------------------------------------------------------------------- */

static uint32_t member(const factum_json *json, uint32_t object, const char *name)
{
    return object == FACTUM_JSON_NONE ? FACTUM_JSON_NONE
                                      : factum_json_find(json, object, factum_slice_from(name));
}

/* A text of a name's size. False: too long, or not a text. */
static bool short_text(const factum_json *json, uint32_t value, char text[TEST_NAME_SIZE])
{
    size_t len = 0;
    if (value == FACTUM_JSON_NONE ||
        factum_json_unescape(json, value, text, TEST_NAME_SIZE - 1, &len) != FACTUM_OK) {
        return false;
    }
    text[len] = '\0';
    return true;
}

static factum_status say(struct test_case *test, const char *text)
{
    fct_buf_clear(&test->text);
    return fct_buf_printf(&test->text, "%s\n", text);
}

/* Was a difference found? */
static bool differs(const struct test_case *test)
{
    return test->text.len > 0;
}

/* ---- given ----------------------------------------------------------------------------------- */

/* At most FACTUM_TAGS_MAX of them. */
static size_t read_tags(const factum_json *json, uint32_t list, char (*texts)[TEST_NAME_SIZE],
                        factum_slice *tags)
{
    size_t count = 0;
    if (list == FACTUM_JSON_NONE) {
        return 0;
    }
    for (uint32_t at = factum_json_first(json, list);
         at != FACTUM_JSON_NONE && count < FACTUM_TAGS_MAX; at = factum_json_next(json, list, at)) {
        if (short_text(json, at, texts[count])) {
            tags[count] = factum_slice_from(texts[count]);
            count++;
        }
    }
    return count;
}

/* The texts of one event: too large for the stack. */
struct given_texts {
    char type[TEST_NAME_SIZE];
    char stream[TEST_NAME_SIZE];
    char tags[FACTUM_TAGS_MAX][TEST_NAME_SIZE];
};

static factum_status append_given(struct test_case *test, uint32_t value, struct given_texts *texts,
                                  factum_error *err)
{
    const factum_json *json = &test->json;
    factum_slice tags[FACTUM_TAGS_MAX];
    uint32_t data = member(json, value, "data");
    uint32_t metadata = member(json, value, "metadata");
    uint32_t time = member(json, value, "time");
    if (!short_text(json, member(json, value, "type"), texts->type)) {
        return say(test, "a given event has no type");
    }
    if (!short_text(json, member(json, value, "stream"), texts->stream)) {
        memcpy(texts->stream, test->stream, sizeof texts->stream);
    }
    factum_new_event event = {
        .type = factum_slice_from(texts->type),
        .data = data == FACTUM_JSON_NONE ? FCT_SLICE("{}") : factum_json_raw(json, data),
        .tags = tags,
        .tag_count = read_tags(json, member(json, value, "tags"), texts->tags, tags),
    };
    if (metadata != FACTUM_JSON_NONE) {
        event.metadata = factum_json_raw(json, metadata);
    }
    event.has_time =
        time != FACTUM_JSON_NONE && factum_json_to_int64(json, time, &event.time) == FACTUM_OK;
    return factum_append_stream(test->store, factum_slice_from(texts->stream), factum_any(), &event,
                                1, NULL, err);
}

static factum_status append_all_given(struct test_case *test, factum_error *err)
{
    factum_status status = FACTUM_OK;
    if (test->given == FACTUM_JSON_NONE) {
        return FACTUM_OK;
    }
    struct given_texts *texts = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *texts);
    if (texts == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "out of memory");
    }
    if (factum_json_kind_of(&test->json, test->given) == FACTUM_JSON_ARRAY) {
        for (uint32_t at = factum_json_first(&test->json, test->given);
             status == FACTUM_OK && at != FACTUM_JSON_NONE;
             at = factum_json_next(&test->json, test->given, at)) {
            status = append_given(test, at, texts, err);
        }
    } else if (factum_json_count(&test->json, test->given) > 0) {
        status = append_given(test, test->given, texts, err);
    }
    fct_mem_free(fct_mem_heap(), texts);
    return status;
}

/* ---- when ------------------------------------------------------------------------------------ */

static factum_status transact(struct test_case *test, factum_result *result, factum_error *err)
{
    const factum_json *json = &test->json;
    char name[TEST_NAME_SIZE];
    char id[TEST_NAME_SIZE];
    uint32_t data = member(json, test->when, "data");
    uint32_t time = member(json, test->when, "time");
    bool has_query = factum_script_has_query(test->decider);
    if (!short_text(json, member(json, test->when, "name"), name)) {
        return fct_fail(err, FACTUM_INVALID, "when has no name: when = { name = \"...\" }");
    }
    (void)short_text(json, member(json, test->when, "id"), id);
    factum_script_command command = {
        .size = sizeof command,
        .decider = test->decider,
        .name = factum_slice_from(name),
        .id = factum_slice_from(strchr(test->stream, '-') + 1),
        .stream = factum_slice_from(test->stream),
    };
    if (data != FACTUM_JSON_NONE) {
        command.data = factum_json_raw(json, data);
    }
    if (time != FACTUM_JSON_NONE && factum_json_to_int64(json, time, &command.time) != FACTUM_OK) {
        return fct_fail(err, FACTUM_INVALID, "when has a time that is not a whole number");
    }
    const factum_transact_request request = {
        .size = sizeof request,
        .stream = has_query ? fct_slice(NULL, 0) : command.stream,
        .command = &command,
    };
    return factum_transact(test->store, factum_script_decider_get(test->decider), &request, result,
                           err);
}

/* ---- expect ---------------------------------------------------------------------------------- */

static factum_status add_event_line(struct fct_buf *text, factum_slice type, factum_slice data)
{
    return fct_buf_printf(text, "  %.*s %.*s\n", (int)(type.len < 200 ? type.len : 200),
                          (const char *)type.ptr, (int)(data.len < 2000 ? data.len : 2000),
                          (const char *)data.ptr);
}

static factum_status describe_expected(struct test_case *test)
{
    const factum_json *json = &test->json;
    char code[TEST_NAME_SIZE];
    factum_status status = fct_buf_add_text(&test->text, "expected:\n");
    bool list = factum_json_kind_of(json, test->expect) == FACTUM_JSON_ARRAY;
    if (status == FACTUM_OK && short_text(json, member(json, test->expect, "reject"), code)) {
        return fct_buf_printf(&test->text, "  rejected: %s\n", code);
    }
    if (status == FACTUM_OK && factum_json_count(json, test->expect) == 0) {
        return fct_buf_add_text(&test->text, "  nothing\n");
    }
    uint32_t at = list ? factum_json_first(json, test->expect) : test->expect;
    while (status == FACTUM_OK && at != FACTUM_JSON_NONE) {
        uint32_t data = member(json, at, "data");
        (void)short_text(json, member(json, at, "type"), code);
        status = add_event_line(&test->text, factum_slice_from(code),
                                data == FACTUM_JSON_NONE ? FCT_SLICE("(any data)")
                                                         : factum_json_raw(json, data));
        at = list ? factum_json_next(json, test->expect, at) : FACTUM_JSON_NONE;
    }
    return status;
}

static bool same_json(const factum_json *json, uint32_t value, factum_slice text)
{
    const struct fct_mem *mem = fct_mem_heap();
    size_t capacity = factum_json_nodes_max(text.len);
    factum_json_node *nodes = fct_mem_zalloc(mem, capacity, sizeof *nodes);
    factum_json other;
    bool equal = false;
    if (nodes != NULL &&
        factum_json_parse(text, NULL, nodes, capacity, &other, NULL) == FACTUM_OK &&
        factum_json_equal(json, value, &other, FACTUM_JSON_ROOT, &equal) != FACTUM_OK) {
        equal = false;
    }
    fct_mem_free(mem, nodes);
    return equal;
}

static bool has_tag(const factum_event *event, const factum_json *json, uint32_t tag)
{
    for (size_t i = 0; i < event->tag_count; i++) {
        if (factum_json_text_is(json, tag, event->tags[i])) {
            return true;
        }
    }
    return false;
}

/* Compares only the members that the expected event has. */
static bool same_event(const factum_json *json, uint32_t expected, const factum_event *event)
{
    uint32_t type = member(json, expected, "type");
    uint32_t data = member(json, expected, "data");
    uint32_t stream = member(json, expected, "stream");
    uint32_t tags = member(json, expected, "tags");
    bool same = type != FACTUM_JSON_NONE && factum_json_text_is(json, type, event->type) &&
                (data == FACTUM_JSON_NONE || same_json(json, data, event->data)) &&
                (stream == FACTUM_JSON_NONE || factum_json_text_is(json, stream, event->stream));
    if (same && tags != FACTUM_JSON_NONE) {
        same = factum_json_count(json, tags) == event->tag_count;
        for (uint32_t at = factum_json_first(json, tags); same && at != FACTUM_JSON_NONE;
             at = factum_json_next(json, tags, at)) {
            same = has_tag(event, json, at);
        }
    }
    return same;
}

/* Reads the events after |place|, prints them into |got|, and compares them with the expected
 * ones. */
static factum_status compare_events(struct test_case *test, uint64_t place, struct fct_buf *got,
                                    bool *same, factum_error *err)
{
    const factum_json *json = &test->json;
    bool list = factum_json_kind_of(json, test->expect) == FACTUM_JSON_ARRAY;
    uint32_t at = factum_json_count(json, test->expect) == 0 ? FACTUM_JSON_NONE
                  : list                                     ? factum_json_first(json, test->expect)
                                                             : test->expect;
    factum_read_request request = {
        .size = sizeof request, .from = FACTUM_FROM_AFTER, .from_value = place};
    factum_cursor *cursor;
    factum_event event;
    factum_status status = factum_read(test->store, &request, &cursor, err);
    if (status != FACTUM_OK) {
        return status;
    }
    while ((status = factum_cursor_next(cursor, &event, err)) == FACTUM_OK) {
        *same = *same && at != FACTUM_JSON_NONE && same_event(json, at, &event);
        at = at == FACTUM_JSON_NONE || !list ? FACTUM_JSON_NONE
                                             : factum_json_next(json, test->expect, at);
        status = add_event_line(got, event.type, event.data);
        if (status != FACTUM_OK) {
            break;
        }
    }
    factum_cursor_close(cursor);
    *same = *same && at == FACTUM_JSON_NONE;
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

static factum_status compare_outcome(struct test_case *test, const factum_result *result,
                                     uint64_t place, struct fct_buf *got, factum_error *err)
{
    const factum_json *json = &test->json;
    uint32_t code = member(json, test->expect, "reject");
    uint32_t text = member(json, test->expect, "text");
    bool same = true;
    factum_status status;
    if (result->verdict == FACTUM_REJECTED) {
        same = code != FACTUM_JSON_NONE &&
               factum_json_text_is(json, code, factum_slice_from(result->code)) &&
               (text == FACTUM_JSON_NONE ||
                factum_json_text_is(json, text, factum_slice_from(result->text)));
        status = fct_buf_printf(got, "  rejected: %s%s%s\n", result->code,
                                result->text[0] == '\0' ? "" : ": ", result->text);
    } else if (result->verdict == FACTUM_NOOP) {
        same = code == FACTUM_JSON_NONE && factum_json_count(json, test->expect) == 0;
        status = fct_buf_add_text(got, "  nothing\n");
    } else {
        same = code == FACTUM_JSON_NONE;
        status = compare_events(test, place, got, &same, err);
    }
    if (status == FACTUM_OK && !same) {
        status = describe_expected(test);
        if (status == FACTUM_OK) {
            status =
                fct_buf_printf(&test->text, "got:\n%.*s", (int)got->len, (const char *)got->ptr);
        }
    }
    return status;
}

/* ---- state ----------------------------------------------------------------------------------- */

static factum_status compare_state(struct test_case *test, factum_error *err)
{
    factum_fold *fold;
    factum_fold_info info = {.size = sizeof info};
    factum_slice json;
    bool all = factum_script_has_query(test->decider);
    const factum_read_request request = {
        .size = sizeof request,
        .source = all ? FACTUM_SOURCE_ALL : FACTUM_SOURCE_STREAM,
        .name = all ? fct_slice(NULL, 0) : factum_slice_from(test->stream),
    };
    factum_status status =
        factum_fold_create(factum_script_decider_get(test->decider), NULL, &fold, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = factum_fold_read(fold, test->store, &request, err);
    if (status == FACTUM_OK || status == FACTUM_STREAM_NOT_FOUND) {
        status = factum_fold_get(fold, &info, err);
    }
    if (status == FACTUM_OK) {
        status = factum_script_state_json(test->decider, info.state, &json, err);
    }
    if (status == FACTUM_OK && !same_json(&test->json, test->state, json)) {
        factum_slice wanted = factum_json_raw(&test->json, test->state);
        status = fct_buf_printf(&test->text, "expected state:\n  %.*s\ngot state:\n  %.*s\n",
                                (int)wanted.len, (const char *)wanted.ptr, (int)json.len,
                                (const char *)json.ptr);
    }
    factum_fold_destroy(fold);
    return status;
}

/* ---- a case ---------------------------------------------------------------------------------- */

static factum_status run_once(struct test_case *test, struct fct_buf *got, factum_error *err)
{
    uint64_t place = 0;
    factum_result result = {.verdict = FACTUM_NOOP};
    factum_status status = factum_testing_open_memory(NULL, &test->store, err);
    if (status == FACTUM_OK) {
        status = append_all_given(test, err);
    }
    if (status == FACTUM_OK) {
        status = factum_visible_place(test->store, &place, err);
    }
    if (status == FACTUM_OK && !differs(test) && test->when != FACTUM_JSON_NONE) {
        status = transact(test, &result, err);
        if (status == FACTUM_OK && test->expect != FACTUM_JSON_NONE) {
            status = compare_outcome(test, &result, place, got, err);
        }
    }
    if (status == FACTUM_OK && !differs(test) && test->state != FACTUM_JSON_NONE) {
        status = compare_state(test, err);
    }
    if (test->store != NULL) {
        (void)factum_close(test->store, NULL);
        test->store = NULL;
    }
    return status;
}

/* Has the object a member that cases do not have? Its name is in |name|. */
static bool has_unknown(const factum_json *json, uint32_t object, char name[TEST_NAME_SIZE])
{
    static const char *const known[] = {"given", "when", "expect", "state"};
    for (uint32_t at = factum_json_first(json, object); at != FACTUM_JSON_NONE;
         at = factum_json_next(json, object, at)) {
        bool found = false;
        for (size_t i = 0; i < 4; i++) {
            found = found || factum_json_text_is(json, at, factum_slice_from(known[i]));
        }
        if (!found) {
            (void)short_text(json, at, name);
            return true;
        }
    }
    return false;
}

/* Checks a case before it is run. */
static factum_status check_case(struct test_case *test, uint32_t value)
{
    char name[TEST_NAME_SIZE];
    char text[TEST_NAME_SIZE + 64];
    if (has_unknown(&test->json, value, name)) {
        (void)snprintf(text, sizeof text, "what is %s? A case has given, when, expect, state",
                       name);
        return say(test, text);
    }
    if (test->expect == FACTUM_JSON_NONE && test->state == FACTUM_JSON_NONE) {
        return say(test, "it expects nothing: expect = ... or state = ...");
    }
    if ((test->expect == FACTUM_JSON_NONE) != (test->when == FACTUM_JSON_NONE)) {
        return say(test, "when and expect belong together");
    }
    return FACTUM_OK;
}

static factum_status run_case(struct test_case *test, uint32_t value, factum_error *err)
{
    char id[TEST_NAME_SIZE] = "1";
    const char *name = factum_script_decider_get(test->decider)->name;
    test->given = member(&test->json, value, "given");
    test->when = member(&test->json, value, "when");
    test->expect = member(&test->json, value, "expect");
    test->state = member(&test->json, value, "state");
    (void)short_text(&test->json, member(&test->json, test->when, "id"), id);
    int len = snprintf(test->stream, sizeof test->stream, "%s-%s", name, id);
    if (len < 0 || (size_t)len >= sizeof test->stream) {
        return say(test, "the id is too long");
    }
    factum_status status = check_case(test, value);
    for (size_t i = 0; status == FACTUM_OK && !differs(test) && i < 2; i++) {
        status = run_once(test, &test->got[i], err);
    }
    if (status == FACTUM_OK && !differs(test) &&
        !fct_slice_equal(fct_buf_slice(&test->got[0]), fct_buf_slice(&test->got[1]))) {
        status = say(test, "decided twice, and the answers differ: the script keeps something "
                           "outside of its state");
    }
    return status;
}

static void finish_case(struct test_case *test)
{
    fct_buf_finish(&test->text);
    fct_buf_finish(&test->got[0]);
    fct_buf_finish(&test->got[1]);
}

/* Runs one entry of the list: {"name", "line", "case"}. */
static factum_status report_case(const factum_script_decider *decider, const factum_json *json,
                                 uint32_t entry, const factum_script_cases *cases,
                                 factum_error *err)
{
    struct test_case test = {.decider = decider, .json = *json};
    char name[TEST_NAME_SIZE] = "";
    int64_t line = 0;
    factum_error why = {.status = FACTUM_OK};
    fct_buf_init(&test.text, fct_mem_heap(), TEXT_SIZE_MAX);
    fct_buf_init(&test.got[0], fct_mem_heap(), TEXT_SIZE_MAX);
    fct_buf_init(&test.got[1], fct_mem_heap(), TEXT_SIZE_MAX);
    (void)short_text(json, member(json, entry, "name"), name);
    if (factum_json_to_int64(json, member(json, entry, "line"), &line) != FACTUM_OK) {
        line = 0;
    }
    factum_status status = run_case(&test, member(json, entry, "case"), &why);
    /* A failure of the decider, not of the tests. */
    if (status < FACTUM_OK && status != FACTUM_NO_MEMORY) {
        status = say(&test, why.text);
    }
    if (status == FACTUM_OK) {
        const factum_script_case outcome = {
            .size = sizeof outcome,
            .name = factum_slice_from(name),
            .line = (uint64_t)line,
            .passed = !differs(&test),
            .text = fct_buf_slice(&test.text),
        };
        cases->each(cases->data, &outcome);
    }
    finish_case(&test);
    return status == FACTUM_OK ? status : fct_fail(err, FACTUM_NO_MEMORY, "out of memory");
}

factum_status fct_lua_test(const factum_script_decider *decider, const factum_script *tests,
                           const factum_script_cases *cases, factum_error *err)
{
    struct fct_sandbox *sandbox = NULL;
    struct fct_sandbox_options options = fct_lua_options(tests);
    factum_slice text;
    factum_json json;
    options.tests = true;
    factum_status status = fct_sandbox_open(&options, &sandbox, err);
    if (status == FACTUM_OK) {
        status = fct_test_cases(sandbox, &text, err);
    }
    if (status == FACTUM_OK) {
        status = fct_values_parse(sandbox, 0, text, &json, err);
    }
    uint32_t at =
        status == FACTUM_OK ? factum_json_first(&json, FACTUM_JSON_ROOT) : FACTUM_JSON_NONE;
    for (; status == FACTUM_OK && at != FACTUM_JSON_NONE;
         at = factum_json_next(&json, FACTUM_JSON_ROOT, at)) {
        status = report_case(decider, &json, at, cases, err);
    }
    fct_sandbox_close(sandbox);
    return status;
}
