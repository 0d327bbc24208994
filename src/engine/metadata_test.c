/* metadata_test.c - sets metadata over an engine whose answers the test chooses. */
#include "support/test.h"

#include "core/error.h"
#include "core/slice.h"
#include "engine/engine.h"
#include "engine/rules.h"

#define ASKS_MAX 3

struct fixture {
    struct fct_engine engine;
    factum_stream_info infos[ASKS_MAX]; /* the answers, in order; then the last one again */
    size_t asks;
    factum_status statuses[ASKS_MAX]; /* expectations of the appends, in order */
    size_t appends;
    factum_expected expected; /* of the last append */
    char stream[32];
    char data[128];
    factum_append_result result;
    factum_error err;
};

static factum_status fake_ask(void *self, factum_question *question, factum_error *err)
{
    struct fixture *f = self;
    (void)err;
    assert_int_equal(question->kind, FACTUM_ASK_STREAM);
    assert_true(fct_slice_equal(question->name, FCT_SLICE("s-1")));
    *question->stream = f->infos[f->asks];
    f->asks += f->asks + 1 < ASKS_MAX ? 1 : 0;
    return FACTUM_OK;
}

static void fake_append_here(void *self, factum_append_op *op)
{
    struct fixture *f = self;
    const factum_append_request *request = fct_op_request(op);
    assert_int_equal(request->event_count, 1);
    const factum_new_event *event = &request->events[0];
    f->expected = request->expectations[0].expected;
    (void)snprintf(f->stream, sizeof f->stream, "%.*s", FCT_FMT(event->stream));
    (void)snprintf(f->data, sizeof f->data, "%.*s", FCT_FMT(event->data));
    assert_true(fct_slice_equal(event->type, FCT_SLICE(FCT_TYPE_METADATA)));
    op->status = f->statuses[f->appends++];
    if (op->status < 0) {
        (void)fct_fail(&op->err, op->status, "refused");
    }
    op->result.position = 77;
}

static const struct fct_engine_ops fake_ops = {
    .size = sizeof(struct fct_engine_ops),
    .capabilities = UINT32_MAX,
    .append_here = fake_append_here,
    .ask = fake_ask,
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.asks = 0};
    fixture.engine = (struct fct_engine){
        .ops = &fake_ops, .self = &fixture, .mem = fct_mem_heap(), .os = fct_os_real()};
    *state = &fixture;
    return fct_limits_default(&fixture.engine.limits, NULL) == FACTUM_OK ? 0 : 1;
}

static factum_status set(struct fixture *f, factum_expected expected, const char *json)
{
    return fct_engine_metadata_set(&f->engine, FCT_SLICE("s-1"), expected, factum_slice_from(json),
                                   &f->result, &f->err);
}

static factum_stream_info info_of(factum_stream_state state, uint64_t truncate_before)
{
    return (factum_stream_info){.state = state,
                                .last_revision = 4,
                                .has_metadata = truncate_before > 0,
                                .metadata_revision = 6,
                                .truncate_before = truncate_before};
}

TEST(what_hides_nothing_is_written_as_it_is)
{
    struct fixture *f = *state;
    f->infos[0] = info_of(FACTUM_STREAM_PRESENT, 0);
    assert_ok(set(f, factum_any(), " { \"a\" : 1 } "), f->err);
    assert_string_equal(f->stream, "$$s-1");
    assert_string_equal(f->data, " { \"a\" : 1 } ");
    assert_int_equal(f->expected.kind,
                     FACTUM_EXPECTED_NO_STREAM); /* at the revision that was read */
    assert_int_equal(f->result.position, 77);
}

TEST(what_is_hidden_stays_hidden)
{
    static const struct {
        factum_stream_state state;
        uint64_t truncate_before;
        const char *json;
        const char *written;
    } cases[] = {
        {FACTUM_STREAM_PRESENT, 3, "{}", "{\"$tb\":3}"},
        {FACTUM_STREAM_PRESENT, 3, " { \"a\" : 1 } ", "{\"$tb\":3, \"a\" : 1 }"},
        {FACTUM_STREAM_PRESENT, 3, "{\"$tb\":0}", "{\"$tb\":0}"},
        {FACTUM_STREAM_PRESENT, 3, "{\"\\u0024tb\":1}", "{\"\\u0024tb\":1}"},
        {FACTUM_STREAM_SOFT_DELETED, FCT_SOFT_DELETED, "{\"$maxCount\":2}",
         "{\"$tb\":5,\"$maxCount\":2}"},
        {FACTUM_STREAM_SOFT_DELETED, FCT_SOFT_DELETED, "{\"$tb\":2}", "{\"$tb\":2}"},
        {FACTUM_STREAM_ABSENT, FCT_SOFT_DELETED, "{}", "{}"}, /* there is nothing to hide */
        {FACTUM_STREAM_ABSENT, 3, "{}", "{\"$tb\":3}"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        f->infos[0] = info_of(cases[i].state, cases[i].truncate_before);
        f->asks = 0;
        f->appends = 0;
        assert_ok(set(f, factum_any(), cases[i].json), f->err);
        assert_string_equal(f->data, cases[i].written);
    }
}

TEST(metadata_that_was_replaced_meanwhile_is_looked_at_again)
{
    struct fixture *f = *state;
    f->infos[0] = info_of(FACTUM_STREAM_PRESENT, 0);
    f->infos[1] = info_of(FACTUM_STREAM_SOFT_DELETED, FCT_SOFT_DELETED); /* by another writer */
    f->statuses[0] = FACTUM_WRONG_REVISION;
    assert_ok(set(f, factum_any(), "{\"a\":1}"), f->err);
    assert_int_equal(f->appends, 2);
    assert_int_equal(f->expected.kind, FACTUM_EXPECTED_REVISION);
    assert_int_equal(f->expected.revision, 6);
    assert_string_equal(f->data, "{\"$tb\":5,\"a\":1}");
}

TEST(an_expectation_of_the_callers_is_refused_once)
{
    struct fixture *f = *state;
    f->infos[0] = info_of(FACTUM_STREAM_PRESENT, 3);
    f->infos[1] = f->infos[2] = f->infos[0];
    const factum_expected all[] = {factum_no_stream(), factum_at(2)};
    for (size_t i = 0; i < 2; i++) {
        f->appends = 0;
        f->statuses[0] = FACTUM_WRONG_REVISION;
        assert_status(set(f, all[i], "{}"), FACTUM_WRONG_REVISION);
        assert_int_equal(f->appends, 1);
        assert_int_equal(f->expected.kind, all[i].kind);
        assert_int_equal(f->expected.revision, all[i].revision);
    }
    f->appends = 0;
    assert_ok(set(f, factum_stream_exists(), "{}"), f->err); /* WRONG_REVISION, then OK */
    assert_int_equal(f->appends, 2);
    f->infos[2] = info_of(FACTUM_STREAM_PRESENT, 0);
    f->appends = 0;
    assert_status(set(f, factum_stream_exists(), "{}"), FACTUM_WRONG_REVISION);
    assert_int_equal(f->appends, 1);
}

TEST(a_tombstoned_stream_takes_no_metadata)
{
    struct fixture *f = *state;
    f->infos[0] = info_of(FACTUM_STREAM_TOMBSTONED, 0);
    assert_status(set(f, factum_any(), "{\"$tb\":1}"), FACTUM_STREAM_DELETED);
    assert_string_equal(f->err.text, "stream s-1 is deleted for ever: it takes no metadata");
    assert_int_equal(f->result.actual_state, FACTUM_STREAM_TOMBSTONED);
    assert_int_equal(f->appends, 0);
}

#define PREPARED_CASE(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PREPARED_CASE(what_hides_nothing_is_written_as_it_is),
        PREPARED_CASE(what_is_hidden_stays_hidden),
        PREPARED_CASE(metadata_that_was_replaced_meanwhile_is_looked_at_again),
        PREPARED_CASE(an_expectation_of_the_callers_is_refused_once),
        PREPARED_CASE(a_tombstoned_stream_takes_no_metadata),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
