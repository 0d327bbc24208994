/* fixture.c - see fixture.h. */
#include "fixture.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/memory.h"
#include "engine_local/local.h"

const char *const engine_names[ENGINE_KINDS] = {"memory", "local", "local tiny", "local colliding"};

static void open_engine(struct fixture *fixture)
{
    struct fct_limits limits = {
        .append_events_max = 200, .event_size_max = 10000, .append_size_max = 1000000};
    if (fixture->kind == ENGINE_MEMORY) {
        assert_ok(fct_engine_memory_open(&fixture->engine, fct_mem_heap(), fct_os_real(), &limits,
                                         &fixture->err),
                  fixture->err);
        return;
    }
    struct fct_local_options options = {
        .os = fct_os_real(),
        .mem = fct_mem_heap(),
        .path = fixture->dir,
        .limits = limits,
        .threads = fixture->kind == ENGINE_LOCAL,
    };
    if (fixture->kind != ENGINE_LOCAL) {
        options.segment_size_first = 16 << 10;
        options.segment_size_max = 64 << 10;
        options.memtable_span_max = 4 << 10;
    }
    if (fixture->kind == ENGINE_LOCAL_COLLIDING) {
        options.hash_mask = 1;
    }
    assert_ok(fct_engine_local_open(&fixture->engine, &options, &fixture->err), fixture->err);
}

void fixture_open(struct fixture *fixture, enum engine_kind kind)
{
    *fixture = (struct fixture){.kind = kind};
    (void)snprintf(fixture->dir, sizeof fixture->dir, "/tmp/factum-conformance-XXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    open_engine(fixture);
}

void fixture_reopen(struct fixture *fixture)
{
    if (fixture->kind != ENGINE_MEMORY) {
        assert_ok(fixture->engine.ops->close(fixture->engine.self, &fixture->err), fixture->err);
        open_engine(fixture);
    }
}

void fixture_close(struct fixture *fixture)
{
    char command[128];
    assert_ok(fixture->engine.ops->close(fixture->engine.self, &fixture->err), fixture->err);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", fixture->dir);
    assert_int_equal(system(command), 0);
}

factum_expected any(void)
{
    return (factum_expected){.kind = FACTUM_EXPECTED_ANY};
}

factum_expected no_stream(void)
{
    return (factum_expected){.kind = FACTUM_EXPECTED_NO_STREAM};
}

factum_expected stream_exists(void)
{
    return (factum_expected){.kind = FACTUM_EXPECTED_STREAM_EXISTS};
}

factum_expected at(uint64_t revision)
{
    return (factum_expected){.kind = FACTUM_EXPECTED_REVISION, .revision = revision};
}

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

factum_status append_events(struct fixture *fixture, const factum_new_event *events, size_t count,
                            const factum_expectation *expectations, size_t expectation_count)
{
    factum_append_request request = {
        .size = sizeof request,
        .events = events,
        .event_count = count,
        .expectations = expectations,
        .expectation_count = expectation_count,
    };
    return fct_engine_append(&fixture->engine, &request, &fixture->result, NULL, &fixture->err);
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

factum_read_request reading(factum_source source, const char *name)
{
    return (factum_read_request){
        .size = sizeof(factum_read_request), .source = source, .name = factum_slice_from(name)};
}

const char *read_text(struct fixture *fixture, const factum_read_request *request)
{
    static char text[4096];
    struct fct_reader *reader;
    size_t used = 0;
    text[0] = '\0';
    factum_status status =
        fct_engine_read(&fixture->engine, request, false, &reader, &fixture->err);
    if (status != FACTUM_OK) {
        return factum_status_name(status);
    }
    factum_event event;
    while ((status = reader->ops->next(reader, &event, &fixture->err)) == FACTUM_OK) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%" PRIu64 ":%.*s",
                                 used == 0 ? "" : " ", event.ordinal, FCT_FMT(event.type));
        assert_true(used < sizeof text);
    }
    reader->ops->close(reader);
    assert_int_equal(status, FACTUM_DONE);
    return text;
}

const char *stream_text(struct fixture *fixture, const char *stream)
{
    factum_read_request request = reading(FACTUM_SOURCE_STREAM, stream);
    return read_text(fixture, &request);
}

void append_many(struct fixture *f, const char *stream, int count)
{
    static const char *const types[] = {"A", "B", "C"};
    for (int i = 0; i < count; i++) {
        OK(append_one(f, stream, any(), types[i % 3]));
    }
}

int fixture_set_up(void **state)
{
    static struct fixture fixture;
    enum engine_kind kind = *(enum engine_kind *)*state;
    fixture_open(&fixture, kind);
    *state = &fixture;
    return 0;
}

int fixture_tear_down(void **state)
{
    fixture_close(*state);
    return 0;
}
