/* limit_cases.c - lists, limits and verification, on every engine. Run by conformance_test.c. */
#include "fixture.h"

/* ---- lists, limits, waiting ------------------------------------------------------------------ */

TEST(streams_and_types_are_listed)
{
    struct fixture *f = *state;
    append_many(f, "s-1", 4);
    append_many(f, "s-2", 1);
    fixture_reopen(f);
    append_many(f, "t-1", 1);
    uint64_t events = 0;
    uint64_t names = 0;
    struct fct_lister *lister;
    factum_list_entry entry;
    if (f->kind == ENGINE_LOCAL_COLLIDING) {
        return; /* names that share a key are one entry there; real hashes do not collide */
    }
    const factum_list_request request = {.size = sizeof request, .kind = FACTUM_LIST_STREAMS};
    OK(fct_engine_list(&f->engine, &request, &lister, &f->err));
    while (fct_lister_next(lister, &entry, &f->err) == FACTUM_OK) {
        names++;
        events += entry.event_count;
        assert_true(entry.name.len == 3);
        assert_true(entry.first_position <= entry.last_position);
    }
    fct_lister_close(lister);
    assert_int_equal(names, 3);
    assert_int_equal(events, 6);
}

TEST(what_is_over_a_limit_is_refused_before_it_is_written)
{
    struct fixture *f = *state;
    static char big[10001];
    static char name[FACTUM_NAME_SIZE_MAX + 2];
    factum_new_event event = event_of("l-1", "A", 0);
    factum_expectation expectation = {event.stream, factum_any()};
    memset(big, 'x', sizeof big);
    event.data = fct_slice(big, sizeof big);
    assert_status(append_events(f, &event, 1, &expectation, 1), FACTUM_TOO_BIG);
    assert_text(f->err, "10001 bytes of data and metadata: at most 10000");
    event.data.len = 10000;
    OK(append_events(f, &event, 1, &expectation, 1));
    static factum_new_event many[201];
    for (size_t i = 0; i < 201; i++) {
        many[i] = event_of("l-1", "A", 0);
    }
    assert_status(append_events(f, many, 201, &expectation, 1), FACTUM_TOO_BIG);
    assert_text(f->err, "201 events: at most 200");
    OK(append_events(f, many, 200, &expectation, 1));
    static factum_slice tags[FACTUM_TAGS_MAX];
    static char tag[FACTUM_NAME_SIZE_MAX];
    memset(tag, 't', sizeof tag);
    for (size_t i = 0; i < FACTUM_TAGS_MAX; i++) {
        tags[i] = fct_slice(tag, sizeof tag);
    }
    for (size_t i = 0; i < 200; i++) {
        many[i].tags = tags;
        many[i].tag_count = FACTUM_TAGS_MAX;
    }
    assert_status(append_events(f, many, 200, &expectation, 1), FACTUM_TOO_BIG);
    assert_text(f->err, "bytes of data, metadata, names and tags: at most 1000000");
    memset(name, 'n', sizeof name - 1);
    assert_status(append_one(f, name, factum_any(), "A"), FACTUM_TOO_BIG);
    name[FACTUM_NAME_SIZE_MAX] = '\0';
    OK(append_one(f, name, factum_any(), "A"));
    assert_status(append_one(f, "", factum_any(), "A"), FACTUM_INVALID);
    assert_status(append_one(f, "bad\xff", factum_any(), "A"), FACTUM_INVALID);
}

TEST(much_is_kept_over_reopening_and_verifies)
{
    struct fixture *f = *state;
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 60; i++) {
            char stream[16];
            (void)snprintf(stream, sizeof stream, "m-%d", i % 7);
            OK(append_one(f, stream,
                          round == 0 && i < 7 ? factum_no_stream() : factum_stream_exists(), "A"));
        }
        fixture_reopen(f);
    }
    factum_stream_info info = {.size = sizeof info};
    OK(fct_engine_stream(&f->engine, FCT_SLICE("m-0"), &info, &f->err));
    assert_int_equal(info.last_revision, 35);
    factum_verify_report report = {.size = sizeof report};
    OK(f->engine.ops->upkeep->verify(f->engine.self, NULL, &report, &f->err));
    assert_int_equal(report.events, 240);
    assert_int_equal(report.problems, 0);
}

const struct CMUnitTest limit_cases[] = {
    FIXTURE_CASE(streams_and_types_are_listed),
    FIXTURE_CASE(what_is_over_a_limit_is_refused_before_it_is_written),
    FIXTURE_CASE(much_is_kept_over_reopening_and_verifies),
};
const size_t limit_case_count = sizeof limit_cases / sizeof limit_cases[0];
