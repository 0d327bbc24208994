/* pending_cases.c - reads, lists and questions whose answer may come later, asked without
 * waiting. On every engine; an embedded one answers at once. Run by conformance_test.c. */
#include "flight.h"

static _Atomic uint32_t answered_count;

static void answered(factum_question *question)
{
    (void)question;
    raise_word(&answered_count);
}

struct readiness {
    _Atomic uint32_t calls;
};

static void became_ready(void *data)
{
    struct readiness *readiness = data;
    raise_word(&readiness->calls);
}

/* Waits until a reader that answered PENDING is ready: then its step is worth repeating. */
static void await_ready(struct fct_reader *reader, struct readiness *readiness, uint32_t *pending)
{
    const factum_ready ready = {readiness, became_ready};
    assert_non_null(reader->ops->ready);
    reader->ops->ready(reader, &ready);
    await_word(&readiness->calls, ++*pending);
}

TEST(a_reader_calls_back_once_for_each_pending)
{
    struct fixture *f = *state;
    static struct readiness readiness;
    struct fct_reader *reader;
    factum_event event;
    factum_status status;
    uint32_t pending = 0;
    size_t events = 0;
    memset(&readiness, 0, sizeof readiness);
    append_many(f, "s-1", 20);
    factum_read_request all = reading(FACTUM_SOURCE_ALL, NULL);
    OK(fct_engine_start_read(&f->engine, &all, true, &reader, &f->err));
    while ((status = reader->ops->begin(reader, &f->err)) == FACTUM_PENDING) {
        await_ready(reader, &readiness, &pending);
    }
    OK(status);
    OK(reader->ops->begin(reader, &f->err)); /* again, with the same result */
    assert_true(reader->place >= f->result.position);
    append_many(f, "s-1", 5);
    for (int round = 0; round < 2; round++) {
        while ((status = reader->ops->next(reader, &event, &f->err)) != FACTUM_DONE) {
            assert_true(status == FACTUM_OK || status == FACTUM_PENDING);
            events += status == FACTUM_OK ? 1 : 0;
            if (status == FACTUM_PENDING) {
                await_ready(reader, &readiness, &pending);
            }
        }
        assert_int_equal(events, round == 0 ? 20 : 25);
        while ((status = reader->ops->extend(reader, &f->err)) == FACTUM_PENDING) {
            await_ready(reader, &readiness, &pending);
        }
        OK(status);
        assert_true(reader->place >= f->result.position);
    }
    sleep_ms(1);
    assert_int_equal(atomic_load(&readiness.calls), pending);
    assert_true(pending > 0 || !kind_is_remote(f->kind));
    reader->ops->close(reader);
}

/* Reads the events of |filter|, one call at a time; *pauses counts the PENDING answers. */
static size_t read_in_steps(struct fixture *f, factum_read_request *request, size_t *pauses)
{
    static struct readiness readiness;
    struct fct_reader *reader;
    factum_event event;
    factum_status status;
    uint32_t pending = 0;
    size_t events = 0;
    memset(&readiness, 0, sizeof readiness);
    OK(fct_engine_read(&f->engine, request, false, &reader, &f->err));
    while ((status = reader->ops->next(reader, &event, &f->err)) != FACTUM_DONE) {
        assert_true(status == FACTUM_OK || status == FACTUM_PENDING);
        events += status == FACTUM_OK ? 1 : 0;
        *pauses += status == FACTUM_PENDING ? 1 : 0;
        if (status == FACTUM_PENDING && reader->ops->ready != NULL) {
            await_ready(reader, &readiness, &pending);
        }
    }
    reader->ops->close(reader);
    return events;
}

/* Callers that wait do not see the pauses. */
static size_t read_by_waiting(struct fixture *f, const factum_read_request *request)
{
    struct fct_reader *reader;
    factum_event event;
    factum_status status;
    size_t events = 0;
    OK(fct_engine_read(&f->engine, request, false, &reader, &f->err));
    while ((status = fct_reader_next(reader, &event, &f->err)) == FACTUM_OK) {
        events++;
    }
    assert_status(status, FACTUM_DONE);
    fct_reader_close(reader);
    return events;
}

TEST(a_read_and_a_list_that_find_little_pause_after_their_steps)
{
    struct fixture *f = *state;
    const factum_slice none = FCT_SLICE("none");
    const factum_slice rare = FCT_SLICE("rare");
    const factum_filter filters[] = {
        {.size = sizeof filters[0], .stream_prefixes = &none, .stream_prefix_count = 1},
        {.size = sizeof filters[0], .stream_prefixes = &rare, .stream_prefix_count = 1}};
    for (int i = 0; i < 60; i++) {
        append_many(f, i % 30 == 7 ? "rare1" : "s-1", 1);
    }
    append_many(f, "t-1", 1);
    append_many(f, "u-1", 1);
    bool embedded = !kind_is_remote(f->kind);
    for (size_t i = 0; i < 2; i++) {
        for (int backwards = 0; backwards < 2; backwards++) {
            size_t pauses = 0;
            factum_read_request request = reading(FACTUM_SOURCE_ALL, NULL);
            request.filter = &filters[i];
            request.backwards = backwards == 1;
            request.steps_max = 10;
            assert_int_equal(read_in_steps(f, &request, &pauses), i == 0 ? 0 : 2);
            assert_true(pauses >= 4 || !embedded);
            assert_int_equal(read_by_waiting(f, &request), i == 0 ? 0 : 2);
        }
    }
    struct fct_lister *lister;
    factum_list_entry entry;
    factum_status status;
    size_t pauses = 0;
    const factum_list_request list = {.size = sizeof list,
                                      .kind = FACTUM_LIST_CATEGORIES,
                                      .prefix = FCT_SLICE("x"),
                                      .steps_max = 1};
    OK(fct_engine_list(&f->engine, &list, &lister, &f->err));
    while (embedded && (status = lister->ops->next(lister, &entry, &f->err)) != FACTUM_DONE) {
        assert_int_equal(status, FACTUM_PENDING);
        pauses++;
    }
    assert_true(pauses >= 1 || !embedded);
    assert_int_equal(fct_lister_next(lister, &entry, &f->err), FACTUM_DONE);
    fct_lister_close(lister);
}

TEST(a_read_needs_its_request_for_the_call_only)
{
    struct fixture *f = *state;
    OK(append_tagged(f, "s-1", "A", "t"));
    OK(append_tagged(f, "s-1", "B", "t"));
    const char *const names[] = {"", "s-1", "s", "A", "", "t"};
    const char *const texts[] = {"0:A 0:B", "0:A 1:B", "0:A 1:B", "0:A", "", "0:A 1:B"};
    for (int source = FACTUM_SOURCE_ALL; source <= FACTUM_SOURCE_TAG; source++) {
        if (names[source][0] == '\0' && source != FACTUM_SOURCE_ALL) {
            continue;
        }
        if (f->kind == ENGINE_LOCAL_COLLIDING && source > FACTUM_SOURCE_STREAM) {
            continue; /* ordinals of lists that share a key are not exact there */
        }
        char name[8];
        struct fct_reader *reader;
        (void)snprintf(name, sizeof name, "%s", names[source]);
        factum_call call = {.size = sizeof call};
        factum_read_request request = reading((factum_source)source, name);
        request.call = &call;
        OK(fct_engine_start_read(&f->engine, &request, false, &reader, &f->err));
        memset(name, 'x', sizeof name);
        memset(&call, 0xa5, sizeof call);
        memset(&request, 0xa5, sizeof request);
        OK(fct_reader_begin(reader, &f->err));
        assert_string_equal(rest_text(f, reader), texts[source]);
        fct_reader_close(reader);
    }
}

TEST(a_reader_that_is_closed_calls_nobody_back)
{
    struct fixture *f = *state;
    static struct readiness readiness;
    append_many(f, "s-1", 3);
    factum_read_request all = reading(FACTUM_SOURCE_ALL, NULL);
    for (int i = 0; i < 50; i++) {
        struct fct_reader *reader;
        memset(&readiness, 0, sizeof readiness);
        OK(fct_engine_start_read(&f->engine, &all, false, &reader, &f->err));
        if (reader->ops->begin(reader, &f->err) == FACTUM_PENDING) {
            const factum_ready ready = {&readiness, became_ready};
            reader->ops->ready(reader, &ready);
        }
        reader->ops->close(reader);
        uint32_t calls = atomic_load(&readiness.calls);
        if (i % 10 == 0) {
            sleep_ms(1);
        }
        assert_true(calls <= 1);
        assert_int_equal(atomic_load(&readiness.calls), calls);
    }
}

TEST(a_list_calls_back_once_for_each_pending)
{
    struct fixture *f = *state;
    static struct readiness readiness;
    struct fct_lister *lister;
    factum_list_entry entry;
    factum_status status;
    uint32_t pending = 0;
    size_t names = 0;
    memset(&readiness, 0, sizeof readiness);
    for (int i = 0; i < 10; i++) {
        char stream[16];
        (void)snprintf(stream, sizeof stream, "s-%d", i);
        append_many(f, stream, 1);
    }
    const factum_list_request request = {.size = sizeof request, .kind = FACTUM_LIST_STREAMS};
    OK(fct_engine_list(&f->engine, &request, &lister, &f->err));
    while ((status = lister->ops->next(lister, &entry, &f->err)) != FACTUM_DONE) {
        assert_true(status == FACTUM_OK || status == FACTUM_PENDING);
        names += status == FACTUM_OK ? 1 : 0;
        if (status == FACTUM_PENDING) {
            const factum_ready ready = {&readiness, became_ready};
            lister->ops->ready(lister, &ready);
            await_word(&readiness.calls, ++pending);
        }
    }
    assert_int_equal(names, 10);
    assert_true(pending > 0 || !kind_is_remote(f->kind));
    assert_int_equal(atomic_load(&readiness.calls), pending);
    assert_status(lister->ops->next(lister, &entry, &f->err), FACTUM_DONE);
    lister->ops->close(lister);
    OK(fct_engine_list(&f->engine, &request, &lister, &f->err));
    if (lister->ops->next(lister, &entry, &f->err) == FACTUM_PENDING) {
        const factum_ready ready = {&readiness, became_ready};
        lister->ops->ready(lister, &ready);
    }
    lister->ops->close(lister);
}

TEST(a_question_that_is_pending_is_answered_once)
{
    struct fixture *f = *state;
    enum { QUESTIONS = 30 };
    static factum_question questions[QUESTIONS];
    uint32_t pending = 0;
    append_many(f, "s-1", 3);
    memset(questions, 0, sizeof questions);
    atomic_store(&answered_count, 0);
    for (size_t i = 0; i < QUESTIONS; i++) {
        questions[i].size = sizeof questions[i];
        questions[i].kind = FACTUM_ASK_COUNT;
        questions[i].source = i % 2 == 0 ? FACTUM_SOURCE_STREAM : FACTUM_SOURCE_TYPE;
        questions[i].name = i % 2 == 0 ? FCT_SLICE("s-1") : FCT_SLICE("A");
        questions[i].upto = UINT64_MAX;
        questions[i].done = answered;
        factum_status status = fct_engine_ask(&f->engine, &questions[i], &f->err);
        assert_true(status == FACTUM_OK || status == FACTUM_PENDING);
        pending += status == FACTUM_PENDING ? 1 : 0;
    }
    assert_true(pending > 0 || !kind_is_remote(f->kind));
    await_word(&answered_count, pending);
    sleep_ms(1);
    assert_int_equal(atomic_load(&answered_count), pending);
    for (size_t i = 0; i < QUESTIONS; i++) {
        assert_status(questions[i].status, FACTUM_OK);
        bool exact = f->kind != ENGINE_LOCAL_COLLIDING;
        assert_true(!exact || questions[i].number == (i % 2 == 0 ? 3 : 1));
    }
}

const struct CMUnitTest pending_cases[] = {
    CASE_ONCE(a_reader_calls_back_once_for_each_pending),
    CASE_ONCE(a_read_and_a_list_that_find_little_pause_after_their_steps),
    CASE_ONCE(a_read_needs_its_request_for_the_call_only),
    CASE_ONCE(a_reader_that_is_closed_calls_nobody_back),
    CASE_ONCE(a_list_calls_back_once_for_each_pending),
    CASE_ONCE(a_question_that_is_pending_is_answered_once),
};
const size_t pending_case_count = sizeof pending_cases / sizeof pending_cases[0];
