/* growth_cases.c - structs of programs built against an older or a newer version of this library,
 * on every engine. Run by conformance_test.c.
 *
 * If a struct is smaller, the library must neither read nor write after its end. If it is larger,
 * the members that the library does not know must be zero in a request, and are set to zero in an
 * answer.
 */
#include "fixture.h"

#include <stddef.h>

#define NEWER 24u /* bytes of members that this library does not know */

/* The size of a struct of |type| as it was before it had |member|. */
#define SIZE_BEFORE(type, member) offsetof(type, member)

/* A request or answer followed by the members of a newer version. */
#define GROWN(type)                                                                                \
    struct {                                                                                       \
        type it;                                                                                   \
        uint8_t newer[NEWER];                                                                      \
    }

static bool all_bytes_are(const void *bytes, size_t len, uint8_t value)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < len; i++) {
        if (at[i] != value) {
            return false;
        }
    }
    return true;
}

/* ---- requests -------------------------------------------------------------------------------- */

TEST(an_append_request_may_be_older_or_newer)
{
    struct fixture *f = *state;
    factum_new_event event = event_of("a-1", "A", 0);
    factum_expectation expectation = {event.stream, factum_any()};
    GROWN(factum_append_request) grown;
    memset(&grown, 0xff, sizeof grown); /* members that are not set are not read */
    grown.it.size = SIZE_BEFORE(factum_append_request, condition);
    grown.it.events = &event;
    grown.it.event_count = 1;
    grown.it.expectations = &expectation;
    grown.it.expectation_count = 1;
    OK(append_request(f, &grown.it, NULL));
    grown.it.size = SIZE_BEFORE(factum_append_request, expectations);
    assert_status(append_request(f, &grown.it, NULL),
                  FACTUM_INVALID); /* no expectation was given */
    assert_text(f->err, "without an expectation");
    memset(&grown, 0, sizeof grown);
    grown.it.size = sizeof grown;
    grown.it.events = &event;
    grown.it.event_count = 1;
    grown.it.expectations = &expectation;
    grown.it.expectation_count = 1;
    OK(append_request(f, &grown.it, NULL));
    grown.newer[NEWER - 1] = 1;
    assert_status(append_request(f, &grown.it, NULL), FACTUM_INVALID);
    assert_text(f->err, "append: the request sets a member that this version of the library does "
                        "not know");
    grown.it.size = 0;
    assert_status(append_request(f, &grown.it, NULL), FACTUM_INVALID);
    assert_status(append_request(f, NULL, NULL), FACTUM_INVALID);
    assert_string_equal(stream_text(f, "a-1"), "0:A 1:A");
}

TEST(the_context_of_a_call_may_be_older_or_newer)
{
    struct fixture *f = *state;
    GROWN(factum_call) call;
    factum_append_request append = {.size = sizeof append, .call = &call.it};
    factum_read_request all = reading(FACTUM_SOURCE_ALL, NULL);
    factum_question question = {
        .size = sizeof question, .kind = FACTUM_ASK_PLACE, .call = &call.it};
    const struct {
        size_t size;
        uint64_t deadline;
        uint8_t newer;
        factum_status status;
    } all_calls[] = {
        {SIZE_BEFORE(factum_call, principal), 0, 0xff, FACTUM_OK},
        {SIZE_BEFORE(factum_call, principal), 1, 0xff, FACTUM_EXPIRED},
        {SIZE_BEFORE(factum_call, deadline), 1, 0xff,
         FACTUM_OK}, /* the older struct does not have it */
        {sizeof call, 0, 0, FACTUM_OK},
        {sizeof call, 1, 0, FACTUM_EXPIRED},
        {sizeof call, 0, 1, FACTUM_INVALID},
        {0, 0, 0, FACTUM_INVALID},
    };
    all.call = &call.it;
    for (size_t i = 0; i < sizeof all_calls / sizeof all_calls[0]; i++) {
        factum_status status = all_calls[i].status;
        memset(&call, 0, sizeof call);
        memset(call.newer, all_calls[i].newer, sizeof call.newer);
        call.it.size = all_calls[i].size;
        call.it.deadline = all_calls[i].deadline;
        assert_status(append_request(f, &append, NULL), status);
        assert_status(fct_engine_answer(&f->engine, &question, &f->err), status);
        assert_string_equal(read_text(f, &all),
                            status == FACTUM_OK ? "" : factum_status_name(status));
    }
}

TEST(a_read_request_may_be_older_or_newer)
{
    struct fixture *f = *state;
    GROWN(factum_read_request) grown;
    append_many(f, "s-1", 2);
    memset(&grown, 0xff, sizeof grown);
    grown.it.source = FACTUM_SOURCE_STREAM;
    grown.it.name = FCT_SLICE("s-1");
    grown.it.size = SIZE_BEFORE(factum_read_request, from);
    assert_string_equal(read_text(f, &grown.it), "0:A 1:B");
    memset(&grown, 0, sizeof grown);
    grown.it.source = FACTUM_SOURCE_STREAM;
    grown.it.name = FCT_SLICE("s-1");
    grown.it.size = sizeof grown;
    assert_string_equal(read_text(f, &grown.it), "0:A 1:B");
    grown.newer[0] = 1;
    assert_string_equal(read_text(f, &grown.it), "INVALID");
    assert_text(f->err, "read: the request sets a member that this version");
    grown.it.size = 0;
    assert_string_equal(read_text(f, &grown.it), "INVALID");
    assert_string_equal(read_text(f, NULL), "INVALID");
}

TEST(a_filter_may_be_older_or_newer)
{
    struct fixture *f = *state;
    GROWN(factum_filter) grown;
    factum_slice prefix = FCT_SLICE("s-");
    factum_read_request all = reading(FACTUM_SOURCE_ALL, NULL);
    append_many(f, "s-1", 2);
    append_many(f, "t-1", 1);
    memset(&grown, 0xff, sizeof grown);
    all.filter = &grown.it;
    grown.it.stream_prefixes = &prefix;
    grown.it.stream_prefix_count = 1;
    grown.it.size = SIZE_BEFORE(factum_filter, types);
    assert_string_equal(read_text(f, &all), "0:A 0:B");
    memset(&grown, 0, sizeof grown);
    grown.it.stream_prefixes = &prefix;
    grown.it.stream_prefix_count = 1;
    grown.it.size = sizeof grown;
    assert_string_equal(read_text(f, &all), "0:A 0:B");
    grown.newer[1] = 1;
    assert_string_equal(read_text(f, &all), "INVALID");
    grown.it.size = 0;
    assert_string_equal(read_text(f, &all), "INVALID");
}

TEST(a_list_request_may_be_older_or_newer)
{
    struct fixture *f = *state;
    GROWN(factum_list_request) grown;
    struct fct_lister *lister;
    factum_list_entry entry;
    append_many(f, "s-1", 1);
    memset(&grown, 0xff, sizeof grown);
    grown.it.kind = FACTUM_LIST_TYPES;
    grown.it.size = SIZE_BEFORE(factum_list_request, category);
    OK(fct_engine_list(&f->engine, &grown.it, &lister, &f->err));
    OK(fct_lister_next(lister, &entry, &f->err));
    assert_true(fct_slice_equal(entry.name, FCT_SLICE("A")));
    assert_status(fct_lister_next(lister, &entry, &f->err), FACTUM_DONE);
    fct_lister_close(lister);
    memset(&grown, 0, sizeof grown);
    grown.it.size = sizeof grown;
    OK(fct_engine_list(&f->engine, &grown.it, &lister, &f->err));
    fct_lister_close(lister);
    grown.newer[1] = 1;
    assert_status(fct_engine_list(&f->engine, &grown.it, &lister, &f->err), FACTUM_INVALID);
    assert_null(lister);
    assert_status(fct_engine_list(&f->engine, NULL, &lister, &f->err), FACTUM_INVALID);
}

TEST(what_the_library_keeps_for_itself_must_be_whole)
{
    struct fixture *f = *state;
    factum_append_request request = {.size = sizeof request};
    factum_append_op op = {.size = sizeof op - 1, .request = &request};
    factum_completer completer = {.done = NULL};
    factum_question question = {.size = sizeof question - 1, .kind = FACTUM_ASK_PLACE};
    factum_listener listener = {.size = sizeof listener};
    op.completer = &completer;
    assert_status(fct_engine_submit(&f->engine, &op, &f->err), FACTUM_INVALID);
    assert_text(f->err, "size = sizeof(factum_append_op)");
    op.size++;
    assert_status(fct_engine_submit(&f->engine, &op, &f->err), FACTUM_INVALID);
    assert_text(f->err, "an op needs a completer");
    op.completer = NULL;
    assert_status(fct_engine_submit(&f->engine, &op, &f->err), FACTUM_INVALID);
    assert_status(fct_engine_submit(&f->engine, NULL, &f->err), FACTUM_INVALID);
    assert_status(fct_engine_ask(&f->engine, &question, &f->err), FACTUM_INVALID);
    assert_text(f->err, "size = sizeof(factum_question)");
    assert_status(fct_engine_ask(&f->engine, NULL, &f->err), FACTUM_INVALID);
    assert_status(fct_engine_listen(&f->engine, &listener, &f->err), FACTUM_INVALID);
    assert_text(f->err, "size = sizeof(factum_listener)");
    assert_status(fct_engine_listen(&f->engine, NULL, &f->err), FACTUM_INVALID);
    fct_engine_unlisten(&f->engine, NULL);
}

/* ---- answers --------------------------------------------------------------------------------- */

TEST(an_answer_about_a_stream_may_be_older_or_newer)
{
    struct fixture *f = *state;
    GROWN(factum_stream_info) grown;
    const factum_slice name = FCT_SLICE("s-1");
    append_many(f, "s-1", 3);
    OK(set_metadata(f, "s-1", "{\"$maxCount\":2}"));
    memset(&grown, 0xee, sizeof grown);
    grown.it.size = SIZE_BEFORE(factum_stream_info, max_count);
    OK(fct_engine_stream(&f->engine, name, &grown.it, &f->err));
    assert_int_equal(grown.it.last_revision, 2);
    assert_true(grown.it.has_metadata);
    assert_true(all_bytes_are(&grown.it.max_count, sizeof grown.it.max_count, 0xee));
    grown.it.size = sizeof grown;
    OK(fct_engine_stream(&f->engine, name, &grown.it, &f->err));
    assert_int_equal(grown.it.size, sizeof grown);
    assert_int_equal(grown.it.max_count, 2);
    assert_true(all_bytes_are(grown.newer, NEWER, 0));
    grown.it.size = 0;
    assert_status(fct_engine_stream(&f->engine, name, &grown.it, &f->err), FACTUM_INVALID);
    assert_status(fct_engine_stream(&f->engine, name, NULL, &f->err), FACTUM_INVALID);
}

TEST(an_answer_about_a_key_may_be_older_or_newer)
{
    struct fixture *f = *state;
    GROWN(factum_key_info) grown;
    uint64_t revision = 5;
    factum_new_event event = event_of("a-1", "A", 0);
    factum_expectation expectation = {event.stream, factum_any()};
    factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &expectation,
        .expectation_count = 1,
        .idempotency_key = FCT_SLICE("k"),
    };
    factum_question question = {
        .size = sizeof question, .kind = FACTUM_ASK_KEY, .name = FCT_SLICE("k")};
    question.key = &grown.it;
    OK(append_request(f, &request, NULL));
    memset(&grown, 0xee, sizeof grown); /* also where the revisions go */
    grown.it.size = SIZE_BEFORE(factum_key_info, revisions);
    OK(fct_engine_answer(&f->engine, &question, &f->err));
    assert_true(all_bytes_are(&grown.it.event_count, sizeof grown.it.event_count, 0xee));
    grown.it.revisions = &revision;
    grown.it.revisions_max = 1;
    grown.it.size = SIZE_BEFORE(factum_key_info, position);
    OK(fct_engine_answer(&f->engine, &question, &f->err));
    assert_int_equal(revision, 0);
    assert_int_equal(grown.it.event_count, 1);
    assert_int_equal(grown.it.first_position, f->result.position);
    assert_ptr_equal(grown.it.revisions, &revision);
    assert_true(all_bytes_are(&grown.it.position, sizeof grown.it.position, 0xee));
    grown.it.size = sizeof grown;
    OK(fct_engine_answer(&f->engine, &question, &f->err));
    assert_int_equal(grown.it.position, f->result.position);
    assert_true(all_bytes_are(grown.newer, NEWER, 0));
}

TEST(figures_may_be_older_or_newer)
{
    struct fixture *f = *state;
    GROWN(factum_info) grown;
    factum_question question = {.size = sizeof question, .kind = FACTUM_ASK_INFO};
    question.info = &grown.it;
    append_many(f, "s-1", 2);
    memset(&grown, 0xee, sizeof grown);
    grown.it.size = SIZE_BEFORE(factum_info, stream_count);
    OK(fct_engine_answer(&f->engine, &question, &f->err));
    assert_int_equal(grown.it.event_count, 2);
    assert_true(all_bytes_are(&grown.it.stream_count, sizeof grown.it.stream_count, 0xee));
    grown.it.size = sizeof grown;
    OK(fct_engine_answer(&f->engine, &question, &f->err));
    assert_int_equal(grown.it.size, sizeof grown);
    assert_true(all_bytes_are(grown.newer, NEWER, 0));
}

const struct CMUnitTest growth_cases[] = {
    FIXTURE_CASE(an_append_request_may_be_older_or_newer),
    FIXTURE_CASE(the_context_of_a_call_may_be_older_or_newer),
    CASE_ONCE(a_read_request_may_be_older_or_newer),
    CASE_ONCE(a_filter_may_be_older_or_newer),
    CASE_ONCE(a_list_request_may_be_older_or_newer),
    CASE_ONCE(what_the_library_keeps_for_itself_must_be_whole),
    CASE_ONCE(an_answer_about_a_stream_may_be_older_or_newer),
    CASE_ONCE(an_answer_about_a_key_may_be_older_or_newer),
    CASE_ONCE(figures_may_be_older_or_newer),
};
const size_t growth_case_count = sizeof growth_cases / sizeof growth_cases[0];
