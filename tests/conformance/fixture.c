/* fixture.c - see fixture.h. */
#include "fixture.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "engine_local/local.h"
#include "engine_memory/memory.h"
#include "fixture_server.h"
#include "gate/gate.h"
#include "support/remote_engine.h"
#include "support/scratch.h"

#define AWAIT_NS UINT64_C(20000000000)

const char *const engine_names[ENGINE_KINDS] = {
    "memory",
    "local",
    "local tiny",
    "local colliding",
    "remote over memory",
    "remote over local",
    "server over memory",
    "server over local",
    "gate over memory",
    "gate over local",
};
const char *const form_names[APPEND_FORMS] = {"", ", by completion"};
char once[] = "once";

bool kind_has_threads(enum engine_kind kind)
{
    return kind != ENGINE_LOCAL_TINY && kind != ENGINE_LOCAL_COLLIDING;
}

bool kind_is_remote(enum engine_kind kind)
{
    return kind == ENGINE_REMOTE_MEMORY || kind == ENGINE_REMOTE_LOCAL || kind_has_server(kind);
}

bool kind_is_built(enum engine_kind kind)
{
#ifdef FCT_WITH_SERVER
    (void)kind;
    return true;
#else
    return !kind_has_server(kind);
#endif
}

bool kind_has_server(enum engine_kind kind)
{
    return kind == ENGINE_SERVER_MEMORY || kind == ENGINE_SERVER_LOCAL;
}

/* ---- opening and closing --------------------------------------------------------------------- */

bool kind_is_memory(enum engine_kind kind)
{
    return kind == ENGINE_MEMORY || kind == ENGINE_REMOTE_MEMORY || kind == ENGINE_SERVER_MEMORY ||
           kind == ENGINE_GATE_MEMORY;
}

bool kind_has_gate(enum engine_kind kind)
{
    return kind == ENGINE_GATE_MEMORY || kind == ENGINE_GATE_LOCAL;
}

static factum_status open_local(struct fixture *fixture, const struct fct_limits *limits,
                                struct fct_engine *engine)
{
    struct fct_local_options options = {
        .os = fct_os_real(),
        .mem = fct_mem_heap(),
        .path = fixture->dir,
        .limits = *limits,
        .threads = kind_has_threads(fixture->kind),
    };
    if (!options.threads) {
        options.segment_size_first = 16 << 10;
        options.segment_size_max = 64 << 10;
        options.memtable_span_max = 4 << 10;
    }
    if (fixture->kind == ENGINE_LOCAL_COLLIDING) {
        options.hash_mask = 1;
    }
    return fct_engine_local_open(engine, &options, &fixture->err);
}

static factum_status open_remote(struct fixture *fixture)
{
    static uint64_t seed = 1;
    const struct fct_remote_options options = {
        .wrapped = &fixture->wrapped, .limits = fixture->limits, .seed = seed++};
    return fct_remote_engine_open(&fixture->engine, &options, &fixture->err);
}

static void open_engine(struct fixture *fixture)
{
    if (kind_has_server(fixture->kind)) {
        fixture_server_open(fixture);
        return;
    }
    bool remote = kind_is_remote(fixture->kind);
    struct fct_engine *engine = remote ? &fixture->wrapped : &fixture->engine;
    struct fct_limits limits = fixture->limits;
    limits.queue_max = remote ? 0 : limits.queue_max; /* the queue that counts is the remote's */
    limits.queue_size_max = remote ? 0 : limits.queue_size_max;
    factum_status status =
        kind_is_memory(fixture->kind)
            ? fct_engine_memory_open(engine, fct_mem_heap(), fct_os_real(), &limits, &fixture->err)
            : open_local(fixture, &limits, engine);
    if (status == FACTUM_OK && remote) {
        status = open_remote(fixture);
    }
    if (status == FACTUM_OK && kind_has_gate(fixture->kind)) {
        status = fct_gate_put(&fixture->engine, NULL, &fixture->err);
    }
    assert_ok(status, fixture->err);
}

static void close_engine(struct fixture *fixture)
{
    assert_ok(fct_engine_close(&fixture->engine, &fixture->err), fixture->err);
    if (kind_has_server(fixture->kind)) {
        fixture_server_close(fixture);
    } else if (kind_is_remote(fixture->kind)) {
        assert_ok(fct_engine_close(&fixture->wrapped, &fixture->err), fixture->err);
    }
}

static void remove_dir(const struct fixture *fixture)
{
    char command[192];
    (void)snprintf(command, sizeof command, "rm -rf '%s' '%s-backup'", fixture->dir, fixture->dir);
    assert_int_equal(system(command), 0);
}

static void open_new(struct fixture *fixture)
{
    assert_true(scratch_make(fixture->dir));
    open_engine(fixture);
}

void fixture_open(struct fixture *fixture, const struct variant *variant)
{
    memset(fixture, 0, sizeof *fixture);
    fixture->kind = variant->kind;
    fixture->form = variant->form;
    fixture->limits = (struct fct_limits){
        .append_events_max = 200, .event_size_max = 10000, .append_size_max = 1000000};
    open_new(fixture);
}

void fixture_reopen(struct fixture *fixture)
{
    if (!kind_is_memory(fixture->kind)) {
        close_engine(fixture);
        open_engine(fixture);
    }
}

void fixture_renew(struct fixture *fixture)
{
    close_engine(fixture);
    remove_dir(fixture);
    open_new(fixture);
}

void fixture_close(struct fixture *fixture)
{
    unstall(fixture);
    close_engine(fixture);
    remove_dir(fixture);
}

int set_up(void **state)
{
    static struct fixture fixture;
    fixture_open(&fixture, *state);
    *state = &fixture;
    return 0;
}

int tear_down(void **state)
{
    fixture_close(*state);
    return 0;
}

void lose_answers(struct fixture *fixture, uint32_t count)
{
    if (kind_has_server(fixture->kind)) {
        fixture_server_lose(fixture, count);
    } else {
        fct_remote_lose(&fixture->engine, count);
    }
}

void hold_appends(struct fixture *fixture, bool held)
{
    if (kind_has_server(fixture->kind)) {
        fixture_server_hold(fixture, held);
    } else {
        fct_remote_hold(&fixture->engine, held);
    }
}

/* ---- appends --------------------------------------------------------------------------------- */

factum_new_event event_of(const char *stream, const char *type, uint8_t id)
{
    factum_new_event event = {
        .stream = factum_slice_from(stream),
        .type = factum_slice_from(type),
        .data = FCT_SLICE("{\"n\":1}"),
    };
    event.id.bytes[0] = id;
    return event;
}

static void raise_done(void *data, factum_append_op *const *ops, size_t count)
{
    (void)ops;
    (void)count;
    raise_word(data);
}

/* Submits, and waits for the completion. */
static factum_status submit(struct fixture *fixture, factum_append_action action,
                            const factum_append_request *request, uint64_t *revisions)
{
    static factum_append_op op; /* static: a failing test must leave nothing on a stack */
    static _Atomic uint32_t ended;
    static factum_completer completer = {&ended, raise_done};
    memset(&op, 0, sizeof op);
    op.size = sizeof op;
    op.action = action;
    op.request = request;
    op.revisions = revisions;
    op.completer = &completer;
    atomic_store(&ended, 0);
    factum_status status = fct_engine_submit(&fixture->engine, &op, &fixture->err);
    if (status == FACTUM_OK) {
        await_word(&ended, 1);
        status = op.status;
        if (status < 0) {
            fixture->err = op.err;
            assert_int_equal(op.err.status, status);
        }
    }
    fixture->result = op.result;
    return status;
}

factum_status append_request(struct fixture *fixture, const factum_append_request *request,
                             uint64_t *revisions)
{
    return fixture->form == FORM_COMPLETION
               ? submit(fixture, FACTUM_ACTION_APPEND, request, revisions)
               : fct_engine_append(&fixture->engine, request, &fixture->result, revisions,
                                   &fixture->err);
}

factum_status append_events(struct fixture *fixture, const factum_new_event *events, size_t count,
                            const factum_expectation *expectations, size_t expectation_count)
{
    const factum_append_request request = {
        .size = sizeof request,
        .events = events,
        .event_count = count,
        .expectations = expectations,
        .expectation_count = expectation_count,
    };
    return append_request(fixture, &request, NULL);
}

factum_status append_id(struct fixture *fixture, const char *stream, factum_expected expected,
                        const char *type, uint8_t id)
{
    factum_new_event event = event_of(stream, type, id);
    factum_expectation expectation = {event.stream, expected};
    return append_events(fixture, &event, 1, &expectation, 1);
}

factum_status append_one(struct fixture *fixture, const char *stream, factum_expected expected,
                         const char *type)
{
    return append_id(fixture, stream, expected, type, 0);
}

factum_status append_tagged(struct fixture *fixture, const char *stream, const char *type,
                            const char *tag)
{
    factum_slice tags[] = {factum_slice_from(tag)};
    factum_new_event event = event_of(stream, type, 0);
    event.tags = tags;
    event.tag_count = 1;
    factum_expectation expectation = {event.stream, factum_any()};
    return append_events(fixture, &event, 1, &expectation, 1);
}

void append_many(struct fixture *f, const char *stream, int count)
{
    static const char *const types[] = {"A", "B", "C"};
    for (int i = 0; i < count; i++) {
        OK(append_one(f, stream, factum_any(), types[i % 3]));
    }
}

factum_status remove_stream(struct fixture *fixture, factum_append_action action,
                            const char *stream, factum_expected expected)
{
    if (fixture->form == FORM_BLOCKING) {
        return fct_engine_remove(&fixture->engine, action, factum_slice_from(stream), expected,
                                 &fixture->result, &fixture->err);
    }
    const factum_expectation expectation = {factum_slice_from(stream), expected};
    const factum_append_request request = {
        .size = sizeof request, .expectations = &expectation, .expectation_count = 1};
    return submit(fixture, action, &request, NULL);
}

factum_status delete_stream(struct fixture *fixture, const char *stream, factum_expected expected)
{
    return remove_stream(fixture, FACTUM_ACTION_DELETE, stream, expected);
}

factum_status tombstone(struct fixture *fixture, const char *stream, factum_expected expected)
{
    return remove_stream(fixture, FACTUM_ACTION_TOMBSTONE, stream, expected);
}

factum_status set_metadata(struct fixture *fixture, const char *stream, const char *json)
{
    return fct_engine_metadata_set(&fixture->engine, factum_slice_from(stream), factum_any(),
                                   factum_slice_from(json), &fixture->result, &fixture->err);
}

/* ---- reads and questions --------------------------------------------------------------------- */

factum_read_request reading(factum_source source, const char *name)
{
    return (factum_read_request){
        .size = sizeof(factum_read_request), .source = source, .name = factum_slice_from(name)};
}

const char *rest_text(struct fixture *fixture, struct fct_reader *reader)
{
    static char text[4096];
    size_t used = 0;
    factum_event event;
    factum_status status;
    text[0] = '\0';
    while ((status = fct_reader_next(reader, &event, &fixture->err)) == FACTUM_OK) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%" PRIu64 ":%.*s",
                                 used == 0 ? "" : " ", event.ordinal, FCT_FMT(event.type));
        assert_true(used < sizeof text);
    }
    return status == FACTUM_DONE ? text : factum_status_name(status);
}

const char *read_text(struct fixture *fixture, const factum_read_request *request)
{
    struct fct_reader *reader;
    factum_status status =
        fct_engine_read(&fixture->engine, request, false, &reader, &fixture->err);
    if (status != FACTUM_OK) {
        assert_null(reader);
        return factum_status_name(status);
    }
    const char *text = rest_text(fixture, reader);
    fct_reader_close(reader);
    return text;
}

const char *stream_text(struct fixture *fixture, const char *stream)
{
    factum_read_request request = reading(FACTUM_SOURCE_STREAM, stream);
    return read_text(fixture, &request);
}

uint64_t place_now(struct fixture *f)
{
    uint64_t place = 0;
    OK(fct_engine_place(&f->engine, &place, &f->err));
    return place;
}

/* ---- other threads --------------------------------------------------------------------------- */

void raise_word(_Atomic uint32_t *word)
{
    atomic_fetch_add(word, 1);
    fct_word_wake(word, FCT_WAKE_ALL);
}

void await_word(_Atomic uint32_t *word, uint32_t value)
{
    uint64_t start = fct_os_monotonic(fct_os_real());
    uint32_t seen;
    while ((seen = atomic_load(word)) < value) {
        (void)fct_word_wait(word, seen, AWAIT_NS);
        if (fct_os_monotonic(fct_os_real()) - start >= AWAIT_NS) {
            fail_msg("not reached in time: %u, not %u", seen, value);
        }
    }
}

void sleep_ms(unsigned ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&time, NULL);
}

static void stall_done(void *data, factum_append_op *const *ops, size_t count)
{
    struct stall *stall = data;
    (void)ops;
    (void)count;
    raise_word(&stall->entered);
    while (atomic_load(&stall->released) == 0) {
        (void)fct_word_wait(&stall->released, 0, UINT64_MAX);
    }
    raise_word(&stall->entered);
}

void stall(struct fixture *f)
{
    static const factum_append_request checks_nothing = {.size = sizeof checks_nothing};
    struct stall *stall = &f->stall;
    memset(stall, 0, sizeof *stall);
    stall->completer = (factum_completer){stall, stall_done};
    stall->op.size = sizeof stall->op;
    stall->op.request = &checks_nothing;
    stall->op.completer = &stall->completer;
    OK(fct_engine_submit(&f->engine, &stall->op, &f->err));
    await_word(&stall->entered, 1);
}

void unstall(struct fixture *f)
{
    struct stall *stall = &f->stall;
    if (stall->completer.done != NULL) {
        raise_word(&stall->released);
        await_word(&stall->entered, 2);
        stall->completer.done = NULL;
    }
}
