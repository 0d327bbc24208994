/* capability_cases.c - an engine can do what its capabilities promise, and calls that need another
 * capability do not reach it. Run by conformance_test.c, for every engine. */
#include "fixture.h"

/* The engine under test without some capabilities. Calls that pass the checks are counted, and
 * go no further. */
struct masked {
    struct fct_engine engine;
    struct fct_engine_ops ops;
};

static unsigned asked;

static factum_status asked_to_append(void *self, factum_append_op *op, factum_error *err)
{
    (void)self;
    (void)op;
    asked++;
    return fct_fail(err, FACTUM_CANCELLED, "asked to append");
}

static factum_status asked_to_read(void *self, const factum_read_request *request, bool follow,
                                   struct fct_reader **reader, factum_error *err)
{
    (void)self;
    (void)request;
    (void)follow;
    (void)reader;
    asked++;
    return fct_fail(err, FACTUM_CANCELLED, "asked to read");
}

static factum_status asked_to_list(void *self, const factum_list_request *request,
                                   struct fct_lister **lister, factum_error *err)
{
    (void)self;
    (void)request;
    (void)lister;
    asked++;
    return fct_fail(err, FACTUM_CANCELLED, "asked to list");
}

static struct fct_engine *mask(struct masked *masked, struct fixture *f, factum_capability missing)
{
    masked->engine = f->engine;
    masked->ops = *f->engine.ops;
    masked->ops.capabilities = UINT32_MAX & ~(uint32_t)missing;
    masked->ops.append = asked_to_append;
    masked->ops.append_here = NULL;
    masked->ops.read = asked_to_read;
    masked->ops.list = asked_to_list;
    masked->engine.ops = &masked->ops;
    asked = 0;
    return &masked->engine;
}

static void never(void *data, factum_append_op *const *ops, size_t count)
{
    (void)data;
    (void)ops;
    (void)count;
    raise_word((_Atomic uint32_t *)data);
}

/* Asserts |status| for a call, waiting or not. CANCELLED: the call reached the engine each time. */
static void assert_append(struct fct_engine *engine, const factum_append_request *request,
                          factum_status status, struct fixture *f)
{
    static _Atomic uint32_t completions;
    factum_completer completer = {&completions, never};
    factum_append_op op = {.size = sizeof op, .request = request, .completer = &completer};
    asked = 0;
    assert_status(fct_engine_append(engine, request, NULL, NULL, &f->err), status);
    assert_status(fct_engine_submit(engine, &op, &f->err), status);
    assert_int_equal(asked, status == FACTUM_CANCELLED ? 2 : 0);
    assert_int_equal(atomic_load(&completions), 0);
}

TEST(without_atomic_appends_across_streams_there_is_one_stream_each)
{
    struct fixture *f = *state;
    struct masked masked;
    struct fct_engine *engine = mask(&masked, f, FACTUM_CAPABILITY_ATOMIC_ACROSS_STREAMS);
    factum_new_event events[] = {event_of("a-1", "A", 0), event_of("a-1", "B", 0),
                                 event_of("b-1", "C", 0)};
    factum_expectation expectations[] = {{FCT_SLICE("a-1"), factum_any()},
                                         {FCT_SLICE("b-1"), factum_any()}};
    factum_append_request request = {
        .size = sizeof request,
        .events = events,
        .event_count = 3,
        .expectations = expectations,
        .expectation_count = 2,
    };
    assert_append(engine, &request, FACTUM_UNSUPPORTED, f);
    assert_string_equal(f->err.text,
                        "this store cannot write several streams in one append: write one");
    request.event_count = 2; /* b-1 is only checked */
    assert_append(engine, &request, FACTUM_CANCELLED, f);
    request.event_count = 0;
    assert_append(engine, &request, FACTUM_CANCELLED, f);
}

TEST(without_conditions_they_are_refused)
{
    struct fixture *f = *state;
    struct masked masked;
    struct fct_engine *engine = mask(&masked, f, FACTUM_CAPABILITY_CONDITIONS);
    factum_slice type = FCT_SLICE("A");
    factum_query_item item = {.types = &type, .type_count = 1};
    factum_append_condition condition = {.query = {&item, 1}};
    factum_append_request request = {.size = sizeof request, .condition = &condition};
    assert_append(engine, &request, FACTUM_UNSUPPORTED, f);
    assert_string_equal(f->err.text, "this store has no append conditions");
    request.condition = NULL;
    assert_append(engine, &request, FACTUM_CANCELLED, f);
}

TEST(without_a_total_order_streams_and_lists_are_read)
{
    struct fixture *f = *state;
    struct masked masked;
    struct fct_engine *engine = mask(&masked, f, FACTUM_CAPABILITY_TOTAL_ORDER);
    factum_slice type = FCT_SLICE("A");
    factum_query_item item = {.types = &type, .type_count = 1};
    factum_query query = {&item, 1};
    struct fct_reader *reader;
    for (int follow = 0; follow < 2; follow++) {
        factum_read_request all = reading(FACTUM_SOURCE_ALL, NULL);
        assert_status(fct_engine_start_read(engine, &all, follow == 1, &reader, &f->err),
                      FACTUM_UNSUPPORTED);
        assert_text(f->err, "this store has no order over all streams");
        all = reading(FACTUM_SOURCE_QUERY, NULL);
        all.query = &query;
        assert_status(fct_engine_read(engine, &all, follow == 1, &reader, &f->err),
                      FACTUM_UNSUPPORTED);
        assert_null(reader);
    }
    assert_int_equal(asked, 0);
    for (int source = FACTUM_SOURCE_STREAM; source < FACTUM_SOURCE_QUERY; source++) {
        factum_read_request one = reading((factum_source)source, "s");
        assert_status(fct_engine_read(engine, &one, false, &reader, &f->err), FACTUM_CANCELLED);
        assert_int_equal(asked, source);
    }
}

TEST(without_lists_they_are_refused)
{
    struct fixture *f = *state;
    struct masked masked;
    struct fct_engine *engine = mask(&masked, f, FACTUM_CAPABILITY_LIST);
    factum_list_request request = {.size = sizeof request};
    struct fct_lister *lister;
    assert_status(fct_engine_list(engine, &request, &lister, &f->err), FACTUM_UNSUPPORTED);
    assert_string_equal(f->err.text, "this store keeps no lists of names");
    assert_null(lister);
    assert_int_equal(asked, 0);
    engine = mask(&masked, f, FACTUM_CAPABILITY_CONDITIONS);
    assert_status(fct_engine_list(engine, &request, &lister, &f->err), FACTUM_CANCELLED);
}

TEST(the_capabilities_of_upkeep_match_its_functions)
{
    struct fixture *f = *state;
    const struct fct_engine_ops *ops = f->engine.ops;
    const struct fct_upkeep_ops *upkeep = ops->upkeep;
    bool verify = upkeep != NULL && upkeep->verify != NULL;
    bool backup = upkeep != NULL && upkeep->backup != NULL;
    assert_int_equal(verify, (ops->capabilities & FACTUM_CAPABILITY_VERIFY) != 0);
    assert_int_equal(backup, (ops->capabilities & FACTUM_CAPABILITY_BACKUP) != 0);
    assert_true(upkeep == NULL || upkeep->size == sizeof *upkeep);
    assert_int_equal(ops->size, sizeof *ops);
}

TEST(the_result_has_the_durability_that_was_reached)
{
    struct fixture *f = *state;
    bool durable = (f->engine.ops->capabilities & FACTUM_CAPABILITY_DURABLE) != 0;
    factum_new_event event = event_of("a-1", "A", 0);
    factum_expectation expectation = {event.stream, factum_any()};
    factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &expectation,
        .expectation_count = 1,
        .durability = FACTUM_DURABILITY_SYNC,
    };
    OK(append_request(f, &request, NULL));
    assert_int_equal(f->result.durability, durable ? FACTUM_DURABILITY_SYNC : FACTUM_DURABILITY_OS);
    request.durability = FACTUM_DURABILITY_OS;
    OK(append_request(f, &request, NULL));
    assert_true(f->result.durability == FACTUM_DURABILITY_OS ||
                f->result.durability == FACTUM_DURABILITY_SYNC);
    fixture_reopen(f);
    assert_string_equal(stream_text(f, "a-1"), "0:A 1:A");
}

/* Each bit that is set, by one use. */
TEST(every_capability_of_an_engine_works)
{
    struct fixture *f = *state;
    uint32_t capabilities = f->engine.ops->capabilities;
    factum_slice type = FCT_SLICE("A");
    factum_query_item item = {.types = &type, .type_count = 1};
    factum_append_condition condition = {.query = {&item, 1}};
    factum_new_event events[] = {event_of("a-1", "A", 0), event_of("b-1", "B", 0)};
    factum_expectation expectations[] = {{FCT_SLICE("a-1"), factum_any()},
                                         {FCT_SLICE("b-1"), factum_any()}};
    factum_append_request request = {
        .size = sizeof request,
        .events = events,
        .event_count = (capabilities & FACTUM_CAPABILITY_ATOMIC_ACROSS_STREAMS) != 0 ? 2 : 1,
        .expectations = expectations,
        .expectation_count = 2,
        .condition = (capabilities & FACTUM_CAPABILITY_CONDITIONS) != 0 ? &condition : NULL,
    };
    OK(append_request(f, &request, NULL));
    if (request.condition != NULL) {
        assert_status(append_request(f, &request, NULL), FACTUM_CONDITION_FAILED);
    }
    if ((capabilities & FACTUM_CAPABILITY_TOTAL_ORDER) != 0) {
        factum_read_request all = reading(FACTUM_SOURCE_ALL, NULL);
        assert_string_equal(read_text(f, &all), request.event_count == 2 ? "0:A 0:B" : "0:A");
    }
    if ((capabilities & FACTUM_CAPABILITY_LIST) != 0) {
        const factum_list_request types = {.size = sizeof types, .kind = FACTUM_LIST_TYPES};
        struct fct_lister *lister;
        factum_list_entry entry;
        OK(fct_engine_list(&f->engine, &types, &lister, &f->err));
        OK(fct_lister_next(lister, &entry, &f->err));
        fct_lister_close(lister);
    }
    if ((capabilities & FACTUM_CAPABILITY_VERIFY) != 0) {
        factum_verify_report report = {.size = sizeof report};
        OK(f->engine.ops->upkeep->verify(f->engine.self, NULL, &report, &f->err));
        assert_int_equal(report.problems, 0);
    }
    if ((capabilities & FACTUM_CAPABILITY_BACKUP) != 0) {
        char to[128];
        factum_backup_report report = {.size = sizeof report};
        (void)snprintf(to, sizeof to, "%s-backup", f->dir);
        OK(f->engine.ops->upkeep->backup(f->engine.self, to, NULL, &report, &f->err));
        assert_true(report.end_position > f->result.position);
    }
}

const struct CMUnitTest capability_cases[] = {
    CASE_ONCE(without_atomic_appends_across_streams_there_is_one_stream_each),
    CASE_ONCE(without_conditions_they_are_refused),
    CASE_ONCE(without_a_total_order_streams_and_lists_are_read),
    CASE_ONCE(without_lists_they_are_refused),
    CASE_ONCE(the_capabilities_of_upkeep_match_its_functions),
    FIXTURE_CASE(the_result_has_the_durability_that_was_reached),
    FIXTURE_CASE(every_capability_of_an_engine_works),
};
const size_t capability_case_count = sizeof capability_cases / sizeof capability_cases[0];
