/* decide_test.c - the rules of decide.h, over facts from a small table.
 *
 * The table holds STREAMS streams, one for each expectation. A stream's events are written as a
 * text with a letter for each event's id, '-' for none: "ab-". Event r of stream s is at position
 * 1000 * (s + 1) + 10 * r and ends 9 later.
 */
#include "support/test.h"

#include "core/error.h"
#include "core/random.h"
#include "core/slice.h"
#include "core/uuid.h"
#include "engine/decide.h"
#include "engine/engine.h"

#define STREAMS 3u
#define EVENTS_MAX 8u
#define NOTHING "" /* the ids of a stream without events */

enum fact { KEY, KEY_EVENT, MAP, STREAM, KNOWN, AT, MATCH, FACTS };

struct table {
    /* The stored facts. */
    const char *stored[STREAMS];
    factum_stream_state states[STREAMS];
    bool has_metadata[STREAMS];
    bool marked_deleted[STREAMS];
    uint64_t known_from[STREAMS]; /* events before this revision have left the window */
    bool key_used;
    struct fct_key_fact key;
    uint64_t match; /* position of the event that fits the condition; 0: none */
    /* The request. */
    factum_append_op op;
    factum_append_request request;
    factum_new_event events[EVENTS_MAX];
    size_t event_streams[EVENTS_MAX];
    factum_expectation expectations[STREAMS];
    factum_append_condition condition;
    factum_fingerprint fingerprint;
    uint64_t revisions[EVENTS_MAX];
    uint64_t already_end;
    /* Facts whose answers differ from the table's, and how often each was asked for. */
    factum_status answers[FACTS];
    uint64_t answers_from[FACTS]; /* differs only from this call on */
    unsigned asked[FACTS];
};

/* ---- facts ----------------------------------------------------------------------------------- */

/* OK, or the answer that the test demands for this fact. */
static factum_status ask(struct table *t, enum fact fact, factum_error *err)
{
    factum_status status = t->asked[fact]++ >= t->answers_from[fact] ? t->answers[fact] : FACTUM_OK;
    return status < 0 ? fct_fail(err, status, "fact %d fails", (int)fact) : status;
}

static factum_uuid id_of(char letter)
{
    factum_uuid id = {{0}};
    id.bytes[7] = letter == '-' ? 0 : (uint8_t)letter;
    return id;
}

static void event_fact(struct fct_event_fact *fact, size_t stream, uint64_t revision, char letter)
{
    *fact = (struct fct_event_fact){
        .id = id_of(letter), .revision = revision, .position = 1000 * (stream + 1) + 10 * revision};
    fact->end = fact->position + 9;
}

static factum_status fact_key(void *data, struct fct_key_fact *fact, factum_error *err)
{
    struct table *t = data;
    factum_status status = ask(t, KEY, err);
    if (status != FACTUM_OK || !t->key_used) {
        return status != FACTUM_OK ? status : FACTUM_DONE;
    }
    *fact = t->key;
    return FACTUM_OK;
}

static factum_status fact_key_event(void *data, uint64_t i, struct fct_event_fact *fact,
                                    factum_error *err)
{
    factum_status status = ask(data, KEY_EVENT, err);
    event_fact(fact, 0, 20 + i, 'k');
    return status;
}

static factum_status fact_map(void *data, factum_error *err)
{
    return ask(data, MAP, err);
}

static size_t next_in_stream(const struct table *t, size_t from, size_t stream)
{
    while (from < t->request.event_count && t->event_streams[from] != stream) {
        from++;
    }
    return from;
}

static void fact_stream(void *data, size_t expectation, struct fct_stream_fact *fact)
{
    struct table *t = data;
    (void)ask(t, STREAM, NULL);
    size_t count = strlen(t->stored[expectation]);
    *fact = (struct fct_stream_fact){
        .state = t->states[expectation],
        .has_metadata = t->has_metadata[expectation],
        .marked_deleted = t->marked_deleted[expectation],
        .last_revision = count > 0 ? count - 1 : 0,
        .first_event = next_in_stream(t, 0, expectation),
    };
    for (size_t i = 0; i < t->request.event_count; i++) {
        fact->event_count += t->event_streams[i] == expectation ? 1 : 0;
    }
}

static size_t fact_next_event(void *data, size_t event)
{
    const struct table *t = data;
    return next_in_stream(t, event + 1, t->event_streams[event]);
}

static bool find_known(const struct table *t, size_t stream, factum_uuid id, uint64_t *revision)
{
    for (size_t r = strlen(t->stored[stream]); r > t->known_from[stream]; r--) {
        factum_uuid stored = id_of(t->stored[stream][r - 1]);
        if (fct_uuid_equal(stored, id)) {
            *revision = r - 1;
            return true;
        }
    }
    return false;
}

static factum_status fact_known(void *data, size_t expectation, factum_uuid id, uint64_t *revision,
                                factum_error *err)
{
    struct table *t = data;
    assert_true(id.bytes[7] != 0); /* events without an id are not asked for */
    factum_status status = ask(t, KNOWN, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return find_known(t, expectation, id, revision) ? FACTUM_OK : FACTUM_DONE;
}

static factum_status fact_at(void *data, size_t expectation, uint64_t revision,
                             struct fct_event_fact *fact, factum_error *err)
{
    struct table *t = data;
    factum_status status = ask(t, AT, err);
    if (status != FACTUM_OK || revision >= strlen(t->stored[expectation])) {
        return status != FACTUM_OK ? status : FACTUM_DONE;
    }
    event_fact(fact, expectation, revision, t->stored[expectation][revision]);
    return FACTUM_OK;
}

static factum_status fact_match(void *data, uint64_t *position, factum_error *err)
{
    struct table *t = data;
    factum_status status = ask(t, MATCH, err);
    if (status != FACTUM_OK || t->match == 0) {
        return status != FACTUM_OK ? status : FACTUM_DONE;
    }
    *position = t->match;
    return FACTUM_OK;
}

static const struct fct_facts facts = {
    .key = fact_key,
    .key_event = fact_key_event,
    .map = fact_map,
    .stream = fact_stream,
    .next_event = fact_next_event,
    .known = fact_known,
    .at = fact_at,
    .match = fact_match,
};

/* ---- tables ---------------------------------------------------------------------------------- */

static const char *const names[STREAMS] = {"s0", "s1", "s2"};

static struct table *table(void)
{
    static struct table t;
    t = (struct table){.stored = {NOTHING, NOTHING, NOTHING}};
    t.request = (factum_append_request){
        .size = sizeof t.request, .events = t.events, .expectations = t.expectations};
    t.fingerprint.bytes[0] = 1;
    return &t;
}

/* Stream |stream| has the events |ids|; it is absent if they are empty. */
static void stored(struct table *t, size_t stream, const char *ids)
{
    t->stored[stream] = ids;
    t->states[stream] = ids[0] != '\0' ? FACTUM_STREAM_PRESENT : FACTUM_STREAM_ABSENT;
}

/* The next expectation, of the stream with its number. */
static void expect(struct table *t, factum_expected expected)
{
    size_t i = t->request.expectation_count++;
    t->expectations[i] = (factum_expectation){factum_slice_from(names[i]), expected};
}

/* Writes |ids| to |stream|. */
static void writes(struct table *t, size_t stream, const char *ids)
{
    for (; *ids != '\0'; ids++) {
        size_t i = t->request.event_count++;
        t->events[i] =
            (factum_new_event){.stream = factum_slice_from(names[stream]), .id = id_of(*ids)};
        t->event_streams[i] = stream;
    }
}

static enum fct_verdict decide(struct table *t)
{
    memset(t->asked, 0, sizeof t->asked);
    memset(t->revisions, 0xff, sizeof t->revisions);
    t->already_end = 12345; /* left by an earlier append */
    t->op.status = FACTUM_OK;
    t->op.result = (factum_append_result){.position = 0};
    t->op.revisions = t->revisions;
    memcpy(&t->op.internal[FCT_OP_REQUEST_WORD], &t->request, sizeof t->request);
    enum fct_verdict verdict =
        fct_decide(&t->op, &t->request, t->fingerprint, &facts, t, &t->already_end);
    fct_decide_say(&t->op);
    return verdict;
}

/* The outcome as text. */
static const char *outcome(struct table *t)
{
    static char text[64];
    switch (decide(t)) {
    case FCT_VERDICT_NEW:
        return "new";
    case FCT_VERDICT_LATER:
        return "later";
    case FCT_VERDICT_ANSWER:
        break;
    }
    if (t->op.status == FACTUM_OK) {
        assert_true(t->op.result.already);
        return "recognised";
    }
    assert_false(t->op.result.already);
    if (t->op.status == FACTUM_WRONG_REVISION || t->op.status == FACTUM_STREAM_DELETED) {
        assert_int_equal(t->op.err.status, t->op.status);
        (void)snprintf(text, sizeof text, "%s %zu", factum_status_name(t->op.status),
                       t->op.result.refused_index);
        return text;
    }
    return factum_status_name(t->op.status);
}

/* One stream with |ids|, to which |written| is to be written. */
static const char *outcome_of(const char *ids, factum_expected expected, const char *written)
{
    struct table *t = table();
    stored(t, 0, ids);
    expect(t, expected);
    writes(t, 0, written);
    return outcome(t);
}

/* ---- rule 1: keys ---------------------------------------------------------------------------- */

static struct table *with_key(const char *written)
{
    struct table *t = table();
    t->request.idempotency_key = FCT_SLICE("k");
    t->key_used = true;
    t->key = (struct fct_key_fact){
        .fingerprint = t->fingerprint, .event_count = strlen(written), .position = 5555};
    stored(t, 0, "ab");
    expect(t, factum_no_stream()); /* does not hold */
    writes(t, 0, written);
    return t;
}

TEST(a_known_key_with_the_same_content_gives_the_first_result)
{
    struct table *t = with_key("--");
    assert_string_equal(outcome(t), "recognised");
    assert_int_equal(t->op.result.first_position, 1200);
    assert_int_equal(t->op.result.position, 1210);
    assert_int_equal(t->op.result.revision, 21);
    assert_int_equal(t->revisions[0], 20);
    assert_int_equal(t->revisions[1], 21);
    assert_int_equal(t->already_end, 1219);
    assert_int_equal(t->asked[MAP], 0);
    assert_int_equal(t->asked[STREAM], 0);
}

TEST(a_known_key_with_other_content_is_a_conflict)
{
    struct table *t = with_key("--");
    t->fingerprint.bytes[15] = 1;
    assert_string_equal(outcome(t), "KEY_CONFLICT");
    assert_string_equal(t->op.err.text, "idempotency key k was used for an append with other "
                                        "content, at position 5555: use a new key");
    t = with_key("--");
    t->key.event_count = 3;
    assert_string_equal(outcome(t), "KEY_CONFLICT");
    assert_int_equal(t->asked[KEY_EVENT], 0);
}

TEST(with_a_fingerprint_of_its_own_the_number_of_events_may_differ)
{
    struct table *t = with_key("-");
    t->request.fingerprint = t->fingerprint;
    t->key.event_count = 3;
    assert_string_equal(outcome(t), "recognised");
    assert_int_equal(t->op.result.revision, 22);
    assert_int_equal(t->revisions[0], 20);
    assert_int_equal(t->revisions[1], UINT64_MAX); /* it does not fit the array */
    t->key.event_count = 0;
    assert_string_equal(outcome(t), "recognised");
    assert_int_equal(t->op.result.position, 0);
    assert_int_equal(t->already_end, 0);
}

TEST(an_unknown_key_changes_nothing)
{
    struct table *t = with_key("--");
    t->key_used = false;
    assert_string_equal(outcome(t), "WRONG_REVISION 0");
    t->expectations[0].expected = factum_at(1);
    assert_string_equal(outcome(t), "new");
    assert_int_equal(t->asked[KEY], 1);
}

TEST(an_event_of_a_known_key_may_be_pending_missing_or_damaged)
{
    for (uint64_t at = 0; at < 2; at++) {
        struct table *t = with_key("--");
        t->answers[KEY_EVENT] = FACTUM_PENDING;
        t->answers_from[KEY_EVENT] = at;
        assert_string_equal(outcome(t), "later");
        assert_int_equal(t->op.result.first_position, 0);
        t->answers[KEY_EVENT] = FACTUM_IO;
        assert_string_equal(outcome(t), "IO");
        assert_int_equal(t->op.result.first_position, 0);
        assert_int_equal(t->already_end, 0);
        t->answers[KEY_EVENT] = FACTUM_DONE;
        assert_string_equal(outcome(t), "CORRUPT");
        assert_string_equal(t->op.err.text, "append: an event that was appended before is missing: "
                                            "verify the store");
    }
}

/* ---- rule 2: ids ----------------------------------------------------------------------------- */

TEST(a_repetition_is_searched_for_at_the_expected_revision)
{
    assert_string_equal(outcome_of("abc", factum_at(0), "bc"), "recognised");
    assert_string_equal(outcome_of("abc", factum_at(0), "b"), "recognised");
    assert_string_equal(outcome_of("abc", factum_at(1), "bc"), "WRONG_REVISION 0");
    assert_string_equal(outcome_of("abc", factum_at(0), "ab"), "WRONG_REVISION 0");
    assert_string_equal(outcome_of("abc", factum_at(2), "c"), "new"); /* the expectation holds */
    assert_string_equal(outcome_of("abc", factum_at(9), "c"), "WRONG_REVISION 0");
    assert_string_equal(outcome_of("abc", factum_at(UINT64_MAX), "a"), "WRONG_REVISION 0");
    assert_string_equal(outcome_of("abc", factum_no_stream(), "ab"), "recognised");
    assert_string_equal(outcome_of("abc", factum_no_stream(), "bc"), "WRONG_REVISION 0");
    assert_string_equal(outcome_of(NOTHING, factum_no_stream(), "ab"), "new");
    assert_string_equal(outcome_of(NOTHING, factum_at(0), "a"), "WRONG_REVISION 0");
    assert_string_equal(outcome_of(NOTHING, factum_stream_exists(), "a"), "WRONG_REVISION 0");
}

TEST(with_any_a_repetition_is_where_the_newest_first_id_is)
{
    factum_expected both[] = {factum_any(), factum_stream_exists()};
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(outcome_of("abc", both[i], "bc"), "recognised");
        assert_string_equal(outcome_of("abcab", both[i], "ab"), "recognised");
        assert_string_equal(outcome_of("abcad", both[i], "ab"), "WRONG_REVISION 0");
        assert_string_equal(outcome_of("abc", both[i], "de"), "new");
        assert_string_equal(outcome_of("abc", both[i], "cd"), "WRONG_REVISION 0");
        assert_string_equal(outcome_of("abc", both[i], "dc"), "new"); /* "d" was never there */
    }
    struct table *t = table();
    stored(t, 0, "abc");
    t->known_from[0] = 2;
    expect(t, factum_any());
    writes(t, 0, "bc");
    assert_string_equal(outcome(t), "new"); /* "b" has left the window */
}

TEST(an_append_that_is_partly_there_is_refused)
{
    assert_string_equal(outcome_of("abc", factum_at(0), "bcd"), "WRONG_REVISION 0");
    assert_string_equal(outcome_of("abc", factum_at(0), "bd"), "WRONG_REVISION 0");
    assert_string_equal(outcome_of("ab", factum_no_stream(), "abc"), "WRONG_REVISION 0");
    assert_string_equal(outcome_of("abc", factum_any(), "bcd"), "WRONG_REVISION 0");
}

TEST(events_without_ids_are_never_recognised)
{
    assert_string_equal(outcome_of("---", factum_at(0), "--"), "WRONG_REVISION 0");
    assert_string_equal(outcome_of("---", factum_any(), "--"), "new");
    assert_string_equal(outcome_of("a-", factum_no_stream(), "a-"), "WRONG_REVISION 0");
    assert_string_equal(outcome_of("-b", factum_no_stream(), "-b"), "WRONG_REVISION 0");
    assert_string_equal(outcome_of("-b", factum_any(), "-b"), "WRONG_REVISION 0");
    assert_string_equal(outcome_of("-b", factum_any(), "-c"), "new");
}

TEST(a_deleted_stream_still_knows_its_ids)
{
    struct table *t = table();
    stored(t, 0, "abc");
    t->states[0] = FACTUM_STREAM_SOFT_DELETED;
    expect(t, factum_at(1));
    writes(t, 0, "c");
    assert_string_equal(outcome(t), "recognised");
    t->expectations[0].expected = factum_at(2);
    assert_string_equal(outcome(t), "new");
    t->expectations[0].expected = factum_no_stream();
    assert_string_equal(outcome(t), "new");
    t->expectations[0].expected = factum_stream_exists();
    assert_string_equal(outcome(t), "WRONG_REVISION 0");
}

/* ---- rules 3 and 4: several streams ---------------------------------------------------------- */

/* Two streams, "ab" and "cd": the expectations, and what is written. */
static struct table *two(factum_expected first, const char *to_first, factum_expected second,
                         const char *to_second)
{
    struct table *t = table();
    stored(t, 0, "ab");
    stored(t, 1, "cd");
    expect(t, first);
    expect(t, second);
    writes(t, 1, to_second); /* not in the order of the expectations */
    writes(t, 0, to_first);
    return t;
}

TEST(an_append_is_recognised_if_it_repeats_in_all_streams)
{
    struct table *t = two(factum_at(0), "b", factum_no_stream(), "cd");
    assert_string_equal(outcome(t), "recognised");
    assert_int_equal(t->op.result.first_position, 2000);
    assert_int_equal(t->op.result.position, 1010);
    assert_int_equal(t->op.result.revision, 1);
    assert_int_equal(t->revisions[0], 0);
    assert_int_equal(t->revisions[1], 1);
    assert_int_equal(t->revisions[2], 1);
    assert_int_equal(t->already_end, 2019);
}

TEST(an_append_is_new_if_all_streams_hold)
{
    assert_string_equal(outcome(two(factum_at(1), "e", factum_any(), "f")), "new");
    assert_string_equal(outcome(two(factum_at(1), "", factum_stream_exists(), "f")), "new");
    struct table *t = table(); /* checks only */
    expect(t, factum_no_stream());
    assert_string_equal(outcome(t), "new");
    t = table(); /* nothing at all */
    assert_string_equal(outcome(t), "new");
}

TEST(a_mixture_is_refused_by_the_stream_that_repeats)
{
    struct table *t = two(factum_at(1), "e", factum_no_stream(), "cd");
    assert_string_equal(outcome(t), "WRONG_REVISION 1");
    assert_int_equal(t->op.result.actual_revision, 1);
    assert_int_equal(t->op.result.actual_state, FACTUM_STREAM_PRESENT);
    assert_string_equal(outcome(two(factum_no_stream(), "ab", factum_any(), "e")),
                        "WRONG_REVISION 0");
    assert_string_equal(outcome(two(factum_no_stream(), "ab", factum_at(0), "e")),
                        "WRONG_REVISION 1");
}

TEST(what_is_not_written_is_checked_but_not_for_a_repetition)
{
    assert_string_equal(outcome(two(factum_at(0), "", factum_at(1), "e")), "WRONG_REVISION 0");
    assert_string_equal(outcome(two(factum_at(0), "", factum_at(0), "d")), "recognised");
    assert_string_equal(outcome(two(factum_at(0), "", factum_no_stream(), "")), "WRONG_REVISION 0");
    assert_string_equal(outcome(two(factum_at(1), "", factum_no_stream(), "")), "WRONG_REVISION 1");
}

/* ---- rules 5 and 6: tombstones and removals -------------------------------------------------- */

TEST(a_tombstoned_stream_takes_nothing_and_expects_nothing)
{
    struct table *t = two(factum_any(), "e", factum_any(), "f");
    t->states[1] = FACTUM_STREAM_TOMBSTONED;
    assert_string_equal(outcome(t), "STREAM_DELETED 1");
    assert_string_equal(t->op.err.text, "stream s1 is deleted for ever: use another name");
    static const struct {
        factum_expected_kind kind;
        const char *outcome;
    } unwritten[] = {
        {FACTUM_EXPECTED_ANY, "new"},
        {FACTUM_EXPECTED_NO_STREAM, "new"},
        {FACTUM_EXPECTED_STREAM_EXISTS, "STREAM_DELETED 1"},
        {FACTUM_EXPECTED_REVISION, "STREAM_DELETED 1"},
    };
    for (size_t i = 0; i < 4; i++) {
        t = two(factum_any(), "e", factum_expect(unwritten[i].kind, 1), "");
        t->states[1] = FACTUM_STREAM_TOMBSTONED;
        assert_string_equal(outcome(t), unwritten[i].outcome);
    }
}

/* A DELETE of stream 0, whose metastream is stream 1. */
static struct table *deletion(const char *ids, factum_expected expected)
{
    struct table *t = table();
    stored(t, 0, ids);
    expect(t, expected);
    expect(t, factum_any());
    writes(t, 1, "-");
    t->op.action = FACTUM_ACTION_DELETE;
    return t;
}

TEST(a_stream_that_has_something_is_deleted)
{
    assert_string_equal(outcome(deletion("ab", factum_any())), "new");
    assert_string_equal(outcome(deletion("ab", factum_at(1))), "new");
    assert_string_equal(outcome(deletion("ab", factum_at(0))), "WRONG_REVISION 0");
    struct table *t = deletion(NOTHING, factum_any());
    t->has_metadata[0] = true;
    assert_string_equal(outcome(t), "new");
    t->expectations[0].expected = factum_stream_exists();
    assert_string_equal(outcome(t), "new");
    t->marked_deleted[0] = true;
    assert_string_equal(outcome(t), "WRONG_REVISION 0");
    t->expectations[0].expected = factum_any();
    assert_string_equal(outcome(t), "new");
    t = deletion("ab", factum_any());
    t->states[0] = FACTUM_STREAM_SOFT_DELETED;
    assert_string_equal(outcome(t), "new");
}

TEST(a_stream_that_never_was_or_is_no_more_is_not_deleted)
{
    struct table *t = deletion(NOTHING, factum_any());
    assert_string_equal(outcome(t), "WRONG_REVISION 0");
    assert_string_equal(t->op.err.text, "stream s0 does not exist, but it should exist");
    t = deletion(NOTHING, factum_no_stream());
    assert_string_equal(outcome(t), "WRONG_REVISION 0");
    assert_string_equal(t->op.err.text, "stream s0 does not exist, but it should exist");
    t = deletion(NOTHING, factum_at(3));
    assert_string_equal(outcome(t), "WRONG_REVISION 0");
    assert_string_equal(t->op.err.text, "stream s0 does not exist, and so is not at revision 3");
    t = deletion("ab", factum_any());
    t->states[0] = FACTUM_STREAM_TOMBSTONED;
    assert_string_equal(outcome(t), "STREAM_DELETED 0");
    assert_string_equal(t->op.err.text, "stream s0 is deleted for ever: use another name");
}

TEST(a_tombstone_is_an_event_of_the_stream)
{
    static const struct {
        const char *ids;
        factum_stream_state state;
        factum_expected_kind kind;
        const char *outcome;
    } cases[] = {
        {"ab", FACTUM_STREAM_PRESENT, FACTUM_EXPECTED_REVISION, "new"},
        {"ab", FACTUM_STREAM_PRESENT, FACTUM_EXPECTED_NO_STREAM, "WRONG_REVISION 0"},
        {"ab", FACTUM_STREAM_TOMBSTONED, FACTUM_EXPECTED_ANY, "STREAM_DELETED 0"},
        {NOTHING, FACTUM_STREAM_ABSENT, FACTUM_EXPECTED_ANY, "new"},
        {NOTHING, FACTUM_STREAM_ABSENT, FACTUM_EXPECTED_STREAM_EXISTS, "WRONG_REVISION 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct table *t = table();
        stored(t, 0, cases[i].ids);
        t->states[0] = cases[i].state;
        expect(t, factum_expect(cases[i].kind, 1));
        writes(t, 0, "-");
        t->op.action = FACTUM_ACTION_TOMBSTONE;
        assert_string_equal(outcome(t), cases[i].outcome);
    }
}

/* ---- rule 7: conditions ---------------------------------------------------------------------- */

TEST(a_condition_is_refused_by_the_event_that_fits)
{
    struct table *t = two(factum_any(), "e", factum_any(), "f");
    t->request.condition = &t->condition;
    assert_string_equal(outcome(t), "new");
    assert_int_equal(t->asked[MATCH], 1);
    t->match = 99;
    assert_string_equal(outcome(t), "CONDITION_FAILED");
    assert_int_equal(t->op.result.conflict_position, 99);
    assert_string_equal(t->op.err.text, "the event at position 99 fits the append condition: read "
                                        "again what was decided on and retry");
}

TEST(a_repetition_is_recognised_whatever_its_condition)
{
    struct table *t = two(factum_at(0), "b", factum_at(0), "d");
    t->request.condition = &t->condition;
    t->match = 99;
    assert_string_equal(outcome(t), "recognised");
    assert_int_equal(t->asked[MATCH], 0);
}

/* ---- which facts are asked for --------------------------------------------------------------- */

TEST(facts_that_are_not_needed_are_not_asked_for)
{
    struct table *t = two(factum_at(1), "e", factum_at(1), "f");
    assert_string_equal(outcome(t), "new");
    assert_int_equal(t->asked[KEY], 0);
    assert_int_equal(t->asked[MAP], 1);
    assert_int_equal(t->asked[KNOWN], 0);
    assert_int_equal(t->asked[AT], 0);
    assert_int_equal(t->asked[MATCH], 0);
    t = two(factum_any(), "-", factum_any(), "--"); /* no ids */
    assert_string_equal(outcome(t), "new");
    assert_int_equal(t->asked[KNOWN], 0);
    t = two(factum_any(), "e", factum_any(), "fg"); /* one id each */
    assert_string_equal(outcome(t), "new");
    assert_int_equal(t->asked[KNOWN], 2);
    assert_int_equal(t->asked[AT], 0);
    t = two(factum_at(0), "-", factum_any(), "f"); /* refused at once */
    t->request.condition = &t->condition;
    assert_string_equal(outcome(t), "WRONG_REVISION 0");
    assert_int_equal(t->asked[KNOWN], 0);
    assert_int_equal(t->asked[AT], 0);
    assert_int_equal(t->asked[MATCH], 0);
    t = two(factum_at(0), "xy", factum_any(), "f"); /* refused by the first id */
    assert_string_equal(outcome(t), "WRONG_REVISION 0");
    assert_int_equal(t->asked[AT], 1);
}

/* A request that asks for every fact, of a key that is not known. */
static struct table *curious(void)
{
    struct table *t = two(factum_at(0), "b", factum_any(), "f");
    t->request.idempotency_key = FCT_SLICE("k");
    t->request.condition = &t->condition;
    return t;
}

TEST(a_pending_fact_puts_the_append_off)
{
    const enum fact asked[] = {KEY, MAP, AT, KNOWN};
    for (size_t i = 0; i < 4; i++) {
        struct table *t = curious();
        t->answers[asked[i]] = FACTUM_PENDING;
        assert_string_equal(outcome(t), "later");
        assert_int_equal(t->asked[MATCH], 0);
    }
    struct table *t = two(factum_any(), "e", factum_any(), "f");
    t->request.condition = &t->condition;
    t->answers[MATCH] = FACTUM_PENDING;
    assert_string_equal(outcome(t), "later");
}

TEST(a_fact_that_fails_is_the_answer)
{
    const enum fact asked[] = {KEY, MAP, AT, KNOWN};
    for (size_t i = 0; i < 4; i++) {
        struct table *t = curious();
        char text[32];
        (void)snprintf(text, sizeof text, "fact %d fails", (int)asked[i]);
        t->answers[asked[i]] = FACTUM_CORRUPT;
        assert_string_equal(outcome(t), "CORRUPT");
        assert_string_equal(t->op.err.text, text);
        assert_int_equal(t->asked[MATCH], 0);
    }
    struct table *t = two(factum_any(), "e", factum_any(), "f");
    t->request.condition = &t->condition;
    t->answers[MATCH] = FACTUM_IO;
    assert_string_equal(outcome(t), "IO");
    t->answers[MATCH] = FACTUM_OK;
    t->answers[MAP] = FACTUM_INVALID;
    assert_string_equal(outcome(t), "INVALID");
}

/* Recognising asks again for the facts that were compared: that may fail, or find nothing. */
TEST(a_fact_may_fail_when_it_is_asked_for_again)
{
    for (uint64_t from = 2; from < 4; from++) { /* two comparisons, then two reads of values */
        struct table *t = table();
        stored(t, 0, "abc");
        expect(t, factum_at(0));
        writes(t, 0, "bc");
        t->answers_from[AT] = from;
        t->answers[AT] = FACTUM_PENDING;
        assert_string_equal(outcome(t), "later");
        t->answers[AT] = FACTUM_IO;
        assert_string_equal(outcome(t), "IO");
        t->answers[AT] = FACTUM_DONE;
        assert_string_equal(outcome(t), "CORRUPT");
        assert_int_equal(t->op.result.first_position, 0);
        assert_int_equal(t->already_end, 0);
    }
}

/* ---- texts ----------------------------------------------------------------------------------- */

TEST(refusals_by_a_stream_have_a_text_and_others_keep_theirs)
{
    struct table *t = two(factum_at(7), "e", factum_any(), "f");
    assert_string_equal(outcome(t), "WRONG_REVISION 0");
    assert_string_equal(t->op.err.text,
                        "stream s0 is at revision 1, not 7: read it again and retry");
    t = two(factum_any(), "ax", factum_any(), "f");
    assert_string_equal(outcome(t), "WRONG_REVISION 0");
    assert_string_equal(t->op.err.text, "stream s0 is at revision 1, but only some of these events "
                                        "are in it: read it again and retry");
    t->op.status = FACTUM_IO;
    (void)fct_fail(&t->op.err, FACTUM_IO, "as it was");
    fct_decide_say(&t->op);
    assert_string_equal(t->op.err.text, "as it was");
}

/* ---- the same rules, written differently ----------------------------------------------------- */

struct model {
    enum { MODEL_HOLDS, MODEL_REPEATS, MODEL_REFUSED } class[STREAMS];
    bool written[STREAMS];
    uint64_t from[STREAMS]; /* the revision at which it repeats */
};

/* The ids that are to be written to |stream|, as text. */
static void ids_for(const struct table *t, size_t stream, char ids[EVENTS_MAX + 1])
{
    size_t count = 0;
    for (size_t i = 0; i < t->request.event_count; i++) {
        if (t->event_streams[i] == stream) {
            uint8_t letter = t->events[i].id.bytes[7];
            ids[count++] = letter == 0 ? '-' : (char)letter;
        }
    }
    ids[count] = '\0';
}

static bool model_holds(const struct table *t, size_t stream)
{
    factum_expected expected = t->expectations[stream].expected;
    bool ever = t->stored[stream][0] != '\0';
    bool present = t->states[stream] == FACTUM_STREAM_PRESENT;
    switch (expected.kind) {
    case FACTUM_EXPECTED_ANY:
        return true;
    case FACTUM_EXPECTED_NO_STREAM:
        return !present;
    case FACTUM_EXPECTED_STREAM_EXISTS:
        return present || (!ever && t->has_metadata[stream] && !t->marked_deleted[stream]);
    case FACTUM_EXPECTED_REVISION:
        return ever && strlen(t->stored[stream]) == expected.revision + 1;
    case FACTUM_EXPECTED_NONE:
        break;
    }
    return false;
}

/* Are |ids| in the stream already, from revision |from| on? */
static bool is_there(const struct table *t, size_t stream, uint64_t from, const char *ids)
{
    const char *events = t->stored[stream];
    size_t count = strlen(ids);
    return from <= strlen(events) && strlen(events) - from >= count &&
           memcmp(events + from, ids, count) == 0 && strchr(ids, '-') == NULL;
}

static void model_stream(const struct table *t, size_t stream, struct model *model)
{
    char ids[EVENTS_MAX + 1];
    ids_for(t, stream, ids);
    factum_expected expected = t->expectations[stream].expected;
    bool holds = model_holds(t, stream);
    bool any = expected.kind == FACTUM_EXPECTED_ANY ||
               (expected.kind == FACTUM_EXPECTED_STREAM_EXISTS && holds);
    const char *first = ids + strspn(ids, "-");
    model->written[stream] = ids[0] != '\0';
    model->from[stream] = 0;
    model->class[stream] = holds ? MODEL_HOLDS : MODEL_REFUSED;
    if (t->states[stream] == FACTUM_STREAM_TOMBSTONED) {
        bool nothing =
            expected.kind == FACTUM_EXPECTED_ANY || expected.kind == FACTUM_EXPECTED_NO_STREAM;
        model->class[stream] = nothing && ids[0] == '\0' ? MODEL_HOLDS : MODEL_REFUSED;
    } else if (any && *first != '\0') {
        if (find_known(t, stream, id_of(*first), &model->from[stream])) {
            bool there = is_there(t, stream, model->from[stream], ids);
            model->class[stream] = there ? MODEL_REPEATS : MODEL_REFUSED;
        }
    } else if (!holds && *first != '\0' && expected.kind != FACTUM_EXPECTED_STREAM_EXISTS) {
        bool at = expected.kind == FACTUM_EXPECTED_REVISION;
        model->from[stream] = at ? expected.revision + 1 : 0;
        if (is_there(t, stream, model->from[stream], ids)) {
            model->class[stream] = MODEL_REPEATS;
        }
    }
}

/* The first stream of a class, or STREAMS. */
static size_t first_of(const struct model *model, int class, bool written)
{
    size_t i = 0;
    while (i < STREAMS && ((int)model->class[i] != class || model->written[i] != written)) {
        i++;
    }
    return i;
}

static void model_outcome(const struct table *t, struct model *model, char text[32])
{
    for (size_t i = 0; i < STREAMS; i++) {
        model_stream(t, i, model);
    }
    size_t refused = first_of(model, MODEL_REFUSED, true);
    size_t repeats = first_of(model, MODEL_REPEATS, true);
    if (refused == STREAMS && repeats != STREAMS) {
        if (first_of(model, MODEL_HOLDS, true) == STREAMS) {
            (void)snprintf(text, 32, "recognised");
            return;
        }
        refused = repeats;
    }
    if (refused == STREAMS) {
        refused = first_of(model, MODEL_REFUSED, false);
    }
    if (refused != STREAMS) {
        bool gone = t->states[refused] == FACTUM_STREAM_TOMBSTONED;
        (void)snprintf(text, 32, "%s %zu", gone ? "STREAM_DELETED" : "WRONG_REVISION", refused);
        return;
    }
    bool failed = t->request.condition != NULL && t->match != 0;
    (void)snprintf(text, 32, "%s", failed ? "CONDITION_FAILED" : "new");
}

static void random_table(struct table *t, struct fct_random *random, char ids[STREAMS][8])
{
    for (size_t s = 0; s < STREAMS; s++) {
        size_t count = (size_t)fct_random_below(random, 5);
        for (size_t i = 0; i < count; i++) {
            ids[s][i] = "abc-"[fct_random_below(random, 4)];
        }
        ids[s][count] = '\0';
        stored(t, s, ids[s]);
        if (count > 0 && fct_random_below(random, 4) == 0) {
            bool gone = fct_random_below(random, 2) == 0;
            t->states[s] = gone ? FACTUM_STREAM_TOMBSTONED : FACTUM_STREAM_SOFT_DELETED;
        }
        t->has_metadata[s] = fct_random_below(random, 3) == 0;
        t->marked_deleted[s] = t->states[s] == FACTUM_STREAM_SOFT_DELETED ||
                               (t->has_metadata[s] && count == 0 && fct_random_below(random, 2));
        t->known_from[s] = fct_random_below(random, 3);
        expect(t, factum_expect((factum_expected_kind)(1 + fct_random_below(random, 4)),
                                fct_random_below(random, 5)));
    }
    size_t count = (size_t)fct_random_below(random, 5);
    size_t streams = 1 + (size_t)fct_random_below(random, STREAMS);
    uint64_t letters = 2 + fct_random_below(random, 3); /* often without '-' */
    for (size_t i = 0; i < count; i++) {
        const char id[2] = {"abc-"[fct_random_below(random, letters)], '\0'};
        writes(t, (size_t)fct_random_below(random, streams), id);
    }
    t->request.condition = fct_random_below(random, 2) == 0 ? &t->condition : NULL;
    t->match = fct_random_below(random, 2) * 99;
}

/* A recognised append has the values of the stored events. */
static void assert_values(const struct table *t, const struct model *model)
{
    uint64_t next[STREAMS];
    memcpy(next, model->from, sizeof next);
    uint64_t end = 0;
    for (size_t i = 0; i < t->request.event_count; i++) {
        struct fct_event_fact event;
        size_t stream = t->event_streams[i];
        event_fact(&event, stream, next[stream]++, 'x');
        assert_int_equal(t->revisions[i], event.revision);
        end = event.end > end ? event.end : end;
        if (i == 0) {
            assert_int_equal(t->op.result.first_position, event.position);
        }
        if (i + 1 == t->request.event_count) {
            assert_int_equal(t->op.result.position, event.position);
            assert_int_equal(t->op.result.revision, event.revision);
        }
    }
    assert_int_equal(t->already_end, end);
}

/* With a pending fact the outcome is the same, if the fact is not asked for, or "later". */
static void assert_later_or(struct table *t, const char *expected)
{
    for (int fact = MAP; fact < FACTS; fact++) {
        if (fact != STREAM) {
            t->answers[fact] = FACTUM_PENDING;
            const char *was = outcome(t);
            assert_string_equal(was, t->asked[fact] > 0 ? "later" : expected);
            t->answers[fact] = FACTUM_OK;
        }
    }
}

#define ROUNDS 100000

TEST(random_appends_are_decided_as_by_a_second_version_of_the_rules)
{
    struct fct_random random = {1};
    unsigned recognised = 0;
    unsigned mixtures = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct table *t = table();
        struct model model;
        char ids[STREAMS][8];
        char expected[32];
        random_table(t, &random, ids);
        model_outcome(t, &model, expected);
        const char *was = outcome(t);
        if (strcmp(was, expected) != 0) {
            print_error("round %d: %s, not %s\n", round, was, expected);
            fail();
        }
        if (strcmp(expected, "recognised") == 0) {
            recognised++;
            assert_values(t, &model);
        }
        mixtures += first_of(&model, MODEL_REPEATS, true) != STREAMS &&
                            first_of(&model, MODEL_HOLDS, true) != STREAMS
                        ? 1
                        : 0;
        assert_later_or(t, expected);
    }
    assert_true(recognised > ROUNDS / 100);
    assert_true(mixtures > ROUNDS / 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_known_key_with_the_same_content_gives_the_first_result),
        CASE(a_known_key_with_other_content_is_a_conflict),
        CASE(with_a_fingerprint_of_its_own_the_number_of_events_may_differ),
        CASE(an_unknown_key_changes_nothing),
        CASE(an_event_of_a_known_key_may_be_pending_missing_or_damaged),
        CASE(a_repetition_is_searched_for_at_the_expected_revision),
        CASE(with_any_a_repetition_is_where_the_newest_first_id_is),
        CASE(an_append_that_is_partly_there_is_refused),
        CASE(events_without_ids_are_never_recognised),
        CASE(a_deleted_stream_still_knows_its_ids),
        CASE(an_append_is_recognised_if_it_repeats_in_all_streams),
        CASE(an_append_is_new_if_all_streams_hold),
        CASE(a_mixture_is_refused_by_the_stream_that_repeats),
        CASE(what_is_not_written_is_checked_but_not_for_a_repetition),
        CASE(a_tombstoned_stream_takes_nothing_and_expects_nothing),
        CASE(a_stream_that_has_something_is_deleted),
        CASE(a_stream_that_never_was_or_is_no_more_is_not_deleted),
        CASE(a_tombstone_is_an_event_of_the_stream),
        CASE(a_condition_is_refused_by_the_event_that_fits),
        CASE(a_repetition_is_recognised_whatever_its_condition),
        CASE(facts_that_are_not_needed_are_not_asked_for),
        CASE(a_pending_fact_puts_the_append_off),
        CASE(a_fact_that_fails_is_the_answer),
        CASE(a_fact_may_fail_when_it_is_asked_for_again),
        CASE(refusals_by_a_stream_have_a_text_and_others_keep_theirs),
        CASE(random_appends_are_decided_as_by_a_second_version_of_the_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
