/* remote_test.c - engine_remote against a server, while the connection between them breaks: each
 * append is made once, reads have no gap, and an unknown outcome is reported as such. */
#include "support/test.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <factum/remote.h>
#include <factum/server.h>
#include <factum/testing.h>

#include "api/scheme.h"
#include "core/slice.h"
#include "engine/engine.h"
#include "engine_remote/remote.h"
#include "os/thread.h"
#include "support/mem_fault.h"
#include "support/scratch.h"

#define NS_PER_MS UINT64_C(1000000)

struct fixture {
    char dir[SCRATCH_SIZE];
    char path[SCRATCH_SIZE + 16];
    char address[SCRATCH_SIZE + 32];
    factum_store *store;
    factum_server *server;
    struct fct_engine engine;
    bool is_open;
    factum_error err;
};

static struct fixture f;

#define OK(call) assert_ok(call, f.err)

/* ---- server and engine ----------------------------------------------------------------------- */

static void start_server(void)
{
    const factum_server_options options = {
        .size = sizeof options, .listen = "", .unix_path = f.path, .insecure = true};
    OK(factum_server_start(f.store, &options, &f.server, &f.err));
}

static void stop_server(void)
{
    factum_server_stop(f.server, 0);
    f.server = NULL;
}

static void new_store(void)
{
    OK(factum_testing_open_memory(NULL, &f.store, &f.err));
}

static void close_store(void)
{
    OK(factum_close(f.store, &f.err));
    f.store = NULL;
}

static struct {
    _Atomic uint32_t lost;
    _Atomic uint32_t back;
} logged;

static void write_log(void *data, factum_log_level level, const char *id, const char *text)
{
    (void)data;
    (void)level;
    bool named = strstr(text, "/socket") != NULL || strstr(text, "localhost") != NULL;
    atomic_fetch_add(&logged.lost, named && strcmp(id, "remote.lost") == 0 ? 1 : 0);
    atomic_fetch_add(&logged.back, named && strcmp(id, "remote.back") == 0 ? 1 : 0);
}

static factum_status open_engine(const struct fct_mem *mem)
{
    static const factum_log_sink sink = {.write = write_log};
    const struct fct_engine_remote_options options = {
        .mem = mem, .os = fct_os_real(), .address = f.address, .sink = &sink};
    factum_status status = fct_engine_remote_open(&f.engine, &options, &f.err);
    f.is_open = status == FACTUM_OK;
    return status;
}

static void close_engine(void)
{
    if (f.is_open) {
        OK(fct_engine_close(&f.engine, &f.err));
        f.is_open = false;
    }
}

static int set_up(void **state)
{
    (void)state;
    memset(&f, 0, sizeof f);
    assert_true(scratch_make(f.dir));
    (void)snprintf(f.path, sizeof f.path, "%s/socket", f.dir);
    (void)snprintf(f.address, sizeof f.address, "factum+unix://%s", f.path);
    new_store();
    start_server();
    OK(open_engine(fct_mem_heap()));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    close_engine();
    stop_server();
    close_store();
    return scratch_remove(f.dir) ? 0 : -1;
}

static void sleep_ms(unsigned ms)
{
    _Atomic uint32_t word = 0;
    (void)fct_word_wait(&word, 0, ms * NS_PER_MS);
}

/* ---- appends --------------------------------------------------------------------------------- */

static factum_status append(const char *stream, factum_expected expected, const char *key,
                            uint64_t deadline, factum_append_result *result)
{
    const factum_new_event event = {
        .stream = factum_slice_from(stream), .type = FCT_SLICE("A"), .data = FCT_SLICE("{}")};
    const factum_expectation expectation = {event.stream, expected};
    const factum_call call = {.size = sizeof call, .deadline = deadline};
    const factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &expectation,
        .expectation_count = 1,
        .idempotency_key = factum_slice_from(key),
        .call = &call,
    };
    return fct_engine_append(&f.engine, &request, result, NULL, &f.err);
}

struct breaker {
    struct fct_thread thread;
    _Atomic uint32_t stop;
    unsigned every_ms;
};

static void break_connections(void *data)
{
    struct breaker *breaker = data;
    while (atomic_load(&breaker->stop) == 0) {
        sleep_ms(breaker->every_ms);
        fct_engine_remote_hang_up(&f.engine);
    }
}

static void start_breaking(struct breaker *breaker, unsigned every_ms)
{
    memset(breaker, 0, sizeof *breaker);
    breaker->every_ms = every_ms;
    OK(fct_thread_start(&breaker->thread, "breaker", break_connections, breaker, &f.err));
}

static void stop_breaking(struct breaker *breaker)
{
    atomic_store(&breaker->stop, 1);
    fct_thread_join(&breaker->thread);
}

TEST(an_append_over_a_connection_that_breaks_is_made_once_and_looks_like_a_first_one)
{
    struct breaker breaker;
    start_breaking(&breaker, 3);
    for (uint64_t i = 0; i < 300; i++) {
        factum_append_result result;
        /* Each expects a revision: an append that was made twice, or not at all, would be
         * refused. */
        OK(append("s-1", i == 0 ? factum_no_stream() : factum_at(i - 1), i % 2 == 0 ? "" : NULL, 0,
                  &result));
        assert_int_equal(result.revision, i);
        assert_false(result.already);
    }
    stop_breaking(&breaker);
}

TEST(an_append_with_a_key_over_a_connection_that_breaks_is_made_once)
{
    struct breaker breaker;
    start_breaking(&breaker, 3);
    for (uint64_t i = 0; i < 100; i++) {
        char key[16];
        factum_append_result result;
        (void)snprintf(key, sizeof key, "k-%d", (int)i);
        OK(append("s-1", factum_any(), key, 0, &result));
        assert_int_equal(result.revision, i);
        assert_false(result.already);
    }
    stop_breaking(&breaker);
    factum_append_result result;
    uint64_t place = 0;
    OK(fct_engine_place(&f.engine, &place, &f.err)); /* over a connection that stays */
    OK(append("s-1", factum_any(), "k-7", 0, &result));
    /* The owner repeats it, not the engine. */
    assert_true(result.already);
    assert_int_equal(result.revision, 7);
}

struct flood {
    factum_append_op ops[400];
    _Atomic uint32_t ended;
    _Atomic uint32_t wrong;
};

static void flood_done(void *data, factum_append_op *const *ops, size_t count)
{
    struct flood *flood = data;
    for (size_t i = 0; i < count; i++) {
        bool right = ops[i]->status == FACTUM_OK && !ops[i]->result.already;
        atomic_fetch_add(&flood->wrong, right ? 0 : 1);
    }
    atomic_fetch_add(&flood->ended, (uint32_t)count);
}

TEST(many_appends_under_way_are_each_made_once)
{
    static struct flood flood;
    static const uint8_t bytes[5000];
    struct breaker breaker;
    memset(&flood, 0, sizeof flood);
    const factum_completer completer = {&flood, flood_done};
    const factum_new_event event = {.stream = FCT_SLICE("s-1"),
                                    .type = FCT_SLICE("A"),
                                    .data = fct_slice(bytes, sizeof bytes),
                                    .content_type = FACTUM_CONTENT_BINARY};
    const factum_expectation expectation = {event.stream, factum_any()};
    const factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &expectation,
        .expectation_count = 1,
    };
    start_breaking(&breaker, 5);
    for (size_t i = 0; i < 400; i++) {
        flood.ops[i] = (factum_append_op){
            .size = sizeof flood.ops[i], .request = &request, .completer = &completer};
        OK(fct_engine_submit(&f.engine, &flood.ops[i], &f.err));
    }
    while (atomic_load(&flood.ended) < 400) {
        sleep_ms(1);
    }
    stop_breaking(&breaker);
    assert_int_equal(atomic_load(&flood.wrong), 0);
    factum_stream_info info = {.size = sizeof info};
    OK(fct_engine_stream(&f.engine, event.stream, &info, &f.err));
    assert_int_equal(info.last_revision, 399);
}

TEST(a_delete_whose_answer_is_lost_has_an_unknown_outcome)
{
    OK(append("s-1", factum_any(), NULL, 0, NULL));
    fct_engine_remote_lose(&f.engine, 1);
    struct breaker breaker;
    start_breaking(&breaker, 50);
    assert_status(fct_engine_remove(&f.engine, FACTUM_ACTION_DELETE, FCT_SLICE("s-1"), factum_any(),
                                    NULL, &f.err),
                  FACTUM_UNKNOWN_OUTCOME);
    assert_text(f.err, "the events may have been appended");
    stop_breaking(&breaker);
}

/* ---- the server goes away -------------------------------------------------------------------- */

TEST(waiting_calls_continue_when_the_server_returns)
{
    static struct flood flood;
    memset(&flood, 0, sizeof flood);
    const factum_completer completer = {&flood, flood_done};
    const factum_new_event event = {.stream = FCT_SLICE("s-1"), .type = FCT_SLICE("A")};
    const factum_expectation expectation = {event.stream, factum_any()};
    const factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &expectation,
        .expectation_count = 1,
    };
    stop_server();
    sleep_ms(20);
    for (size_t i = 0; i < 50; i++) {
        flood.ops[i] = (factum_append_op){
            .size = sizeof flood.ops[i], .request = &request, .completer = &completer};
        OK(fct_engine_submit(&f.engine, &flood.ops[i], &f.err));
    }
    sleep_ms(100);
    assert_int_equal(atomic_load(&flood.ended), 0);
    start_server();
    uint64_t place = 0;
    OK(fct_engine_place(&f.engine, &place, &f.err));
    while (atomic_load(&flood.ended) < 50) {
        sleep_ms(1);
    }
    assert_int_equal(atomic_load(&flood.wrong), 0);
}

TEST(without_a_server_calls_are_unreachable_at_their_deadline)
{
    stop_server();
    sleep_ms(20);
    assert_status(append("s-1", factum_any(), NULL, factum_deadline(150), NULL),
                  FACTUM_UNREACHABLE);
    assert_text(f.err, "append: no connection: connect to /");
    const factum_call call = {.size = sizeof call, .deadline = factum_deadline(150)};
    factum_question question = {.size = sizeof question, .kind = FACTUM_ASK_PLACE, .call = &call};
    assert_status(fct_engine_answer(&f.engine, &question, &f.err), FACTUM_UNREACHABLE);
    const factum_call other = {.size = sizeof other, .deadline = factum_deadline(150)};
    const factum_read_request request = {.size = sizeof request, .call = &other};
    struct fct_reader *reader;
    factum_status status = fct_engine_read(&f.engine, &request, false, &reader, &f.err);
    assert_true(status == FACTUM_UNREACHABLE || status == FACTUM_EXPIRED);
    start_server();
}

TEST(another_store_at_the_address_is_not_taken_for_this_one)
{
    OK(append("s-1", factum_any(), NULL, 0, NULL));
    stop_server();
    close_store();
    char path[sizeof f.dir + 8];
    (void)snprintf(path, sizeof path, "%s/store", f.dir);
    OK(factum_open(path, NULL, &f.store, &f.err));
    start_server();
    uint64_t place = 0;
    assert_status(fct_engine_place(&f.engine, &place, &f.err), FACTUM_WRONG_TIMELINE);
    assert_text(f.err, "has another store or another history now: open it again");
    assert_status(append("s-1", factum_any(), NULL, 0, NULL), FACTUM_WRONG_TIMELINE);
    close_engine();
    OK(open_engine(fct_mem_heap()));
    OK(append("s-1", factum_no_stream(), NULL, 0, NULL));
}

TEST(closing_without_a_server_ends_waiting_calls)
{
    static struct flood flood;
    memset(&flood, 0, sizeof flood);
    const factum_completer completer = {&flood, flood_done};
    const factum_append_request request = {.size = sizeof request};
    flood.ops[0] = (factum_append_op){
        .size = sizeof flood.ops[0], .request = &request, .completer = &completer};
    stop_server();
    sleep_ms(20);
    OK(fct_engine_submit(&f.engine, &flood.ops[0], &f.err));
    close_engine();
    assert_int_equal(atomic_load(&flood.ended), 1);
    assert_status(flood.ops[0].status, FACTUM_CANCELLED);
    start_server();
}

TEST(without_a_server_no_store_is_opened)
{
    close_engine();
    stop_server();
    assert_status(open_engine(fct_mem_heap()), FACTUM_UNREACHABLE);
    assert_text(f.err, "connect to /");
    start_server();
}

/* ---- reads ----------------------------------------------------------------------------------- */

enum { EVENTS = 3000 };

static void fill(void)
{
    static factum_new_event events[EVENTS];
    for (size_t i = 0; i < EVENTS; i++) {
        events[i] = (factum_new_event){.type = i % 3 == 0 ? FCT_SLICE("A") : FCT_SLICE("B"),
                                       .data = FCT_SLICE("{\"some\":\"text of an event\"}")};
    }
    for (size_t i = 0; i < EVENTS; i += 1000) {
        OK(factum_append_stream(f.store, FCT_SLICE("s-1"), factum_any(), events + i, 1000, NULL,
                                &f.err));
    }
}

/* Reads to the end while the connection breaks every few events; each must follow the one
 * before. */
static uint64_t read_all(const factum_read_request *request, unsigned step)
{
    struct fct_reader *reader;
    factum_event event;
    factum_status status;
    uint64_t count = 0;
    uint64_t next = request->backwards ? EVENTS - 1 : 0;
    OK(fct_engine_read(&f.engine, request, false, &reader, &f.err));
    while ((status = fct_reader_next(reader, &event, &f.err)) == FACTUM_OK) {
        if (step == 1) {
            assert_int_equal(event.revision, next);
        } else {
            assert_true(event.revision % step == 0);
        }
        next = request->backwards ? next - 1 : next + 1;
        if (count++ % 100 == 0) {
            fct_engine_remote_hang_up(&f.engine);
            sleep_ms(1);
        }
    }
    assert_status(status, FACTUM_DONE);
    fct_reader_close(reader);
    return count;
}

TEST(a_read_over_a_connection_that_breaks_has_no_gap)
{
    fill();
    factum_read_request request = {.size = sizeof request};
    assert_int_equal(read_all(&request, 1), EVENTS);
    request.backwards = true;
    assert_int_equal(read_all(&request, 1), EVENTS);
    request.count_max = 1234;
    assert_int_equal(read_all(&request, 1), 1234);
    request = (factum_read_request){.size = sizeof request,
                                    .source = FACTUM_SOURCE_STREAM,
                                    .name = FCT_SLICE("s-1"),
                                    .count_max = 2500};
    assert_int_equal(read_all(&request, 1), 2500);
    const factum_slice type = FCT_SLICE("A");
    const factum_query_item item = {.types = &type, .type_count = 1};
    const factum_query query = {&item, 1};
    request = (factum_read_request){
        .size = sizeof request, .source = FACTUM_SOURCE_QUERY, .query = &query};
    assert_int_equal(read_all(&request, 3), EVENTS / 3);
}

TEST(what_is_appended_while_a_read_is_broken_off_is_not_in_it)
{
    struct fct_reader *reader;
    factum_event event;
    factum_status status;
    uint64_t count = 0;
    fill();
    const factum_read_request request = {.size = sizeof request};
    OK(fct_engine_read(&f.engine, &request, false, &reader, &f.err));
    for (int i = 0; i < 10; i++) {
        OK(append("later-1", factum_any(), NULL, 0, NULL));
    }
    while ((status = fct_reader_next(reader, &event, &f.err)) == FACTUM_OK) {
        if (count++ % 500 == 0) {
            fct_engine_remote_hang_up(&f.engine);
        }
    }
    assert_status(status, FACTUM_DONE);
    assert_int_equal(count, EVENTS);
    fct_reader_close(reader);
}

TEST(a_following_reader_misses_nothing_and_repeats_nothing)
{
    struct fct_reader *reader;
    struct breaker breaker;
    factum_event event;
    uint64_t next = 0;
    const factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_STREAM, .name = FCT_SLICE("s-1")};
    OK(fct_engine_read(&f.engine, &request, true, &reader, &f.err));
    start_breaking(&breaker, 4);
    for (uint64_t i = 0; i < 200; i++) {
        factum_append_result result;
        OK(append("s-1", factum_any(), NULL, 0, &result));
        OK(fct_reader_extend(reader, &f.err));
        assert_true(reader->place >= result.position);
        /* Sometimes it is extended again before it is read. */
        while (i % 3 != 0 && fct_reader_next(reader, &event, &f.err) == FACTUM_OK) {
            assert_int_equal(event.revision, next++);
        }
        assert_true(i % 3 == 0 || next == i + 1);
    }
    stop_breaking(&breaker);
    fct_reader_close(reader);
}

/* Readers of streams of their own, extended after each append: each sees its events at once,
 * whether the server was asked or its news showed that nothing is new. */
TEST(many_following_readers_see_their_events_and_no_others)
{
    enum { READERS = 40, ROUNDS = 200 };
    static struct fct_reader *readers[READERS];
    static uint64_t next[READERS];
    static char names[READERS][16];
    factum_event event;
    memset(next, 0, sizeof next);
    for (size_t i = 0; i < READERS; i++) {
        (void)snprintf(names[i], sizeof names[i], "s%d-%d", (int)(i % 3), (int)i);
        factum_read_request request = {.size = sizeof request,
                                       .source = FACTUM_SOURCE_STREAM,
                                       .name = factum_slice_from(names[i])};
        OK(fct_engine_read(&f.engine, &request, true, &readers[i], &f.err));
    }
    for (size_t round = 0; round < ROUNDS; round++) {
        factum_append_result result;
        size_t writer = round * 7 % READERS;
        OK(append(names[writer], factum_any(), NULL, 0, &result));
        if (round % 50 == 20) {
            fct_engine_remote_hang_up(&f.engine);
        }
        if (round % 3 == 0) {
            sleep_ms(2); /* the news may have arrived, or not */
        }
        for (size_t i = 0; i < READERS; i++) {
            factum_status status;
            uint64_t seen = 0;
            OK(fct_reader_extend(readers[i], &f.err));
            assert_true(readers[i]->place >= result.position);
            while ((status = fct_reader_next(readers[i], &event, &f.err)) == FACTUM_OK) {
                assert_int_equal(event.revision, next[i]++);
                seen++;
            }
            assert_status(status, FACTUM_DONE);
            assert_int_equal(seen, i == writer ? 1 : 0);
        }
    }
    for (size_t i = 0; i < READERS; i++) {
        fct_reader_close(readers[i]);
    }
}

TEST(a_list_over_a_connection_that_breaks_has_each_name_once)
{
    enum { NAMES = 600 };
    static uint8_t seen[NAMES];
    memset(seen, 0, sizeof seen);
    factum_slice tags[10];
    char names[10][16];
    for (int i = 0; i < NAMES; i += 10) { /* ten appear at once */
        for (int j = 0; j < 10; j++) {
            (void)snprintf(names[j], sizeof names[j], "t-%d", i + j);
            tags[j] = factum_slice_from(names[j]);
        }
        const factum_new_event event = {.type = FCT_SLICE("A"), .tags = tags, .tag_count = 10};
        OK(factum_append_stream(f.store, FCT_SLICE("s-1"), factum_any(), &event, 1, NULL, &f.err));
    }
    const factum_list_request request = {.size = sizeof request, .kind = FACTUM_LIST_TAGS};
    struct fct_lister *lister;
    factum_list_entry entry;
    factum_status status;
    unsigned count = 0;
    OK(fct_engine_list(&f.engine, &request, &lister, &f.err));
    while ((status = fct_lister_next(lister, &entry, &f.err)) == FACTUM_OK) {
        char name[16];
        (void)snprintf(name, sizeof name, "%.*s", (int)entry.name.len,
                       (const char *)entry.name.ptr);
        long number = strtol(name + 2, NULL, 10);
        assert_true(number >= 0 && number < NAMES);
        assert_int_equal(seen[number]++, 0);
        if (count++ % 50 == 7) {
            fct_engine_remote_hang_up(&f.engine);
            sleep_ms(1);
        }
    }
    assert_status(status, FACTUM_DONE);
    assert_int_equal(count, NAMES);
    fct_lister_close(lister);
}

TEST(many_readers_that_are_not_read_block_nobody)
{
    enum { READERS = 700 }; /* more than may be under way at once */
    static struct fct_reader *readers[READERS];
    static uint8_t bytes[60000];
    factum_event event;
    const factum_new_event big = {.type = FCT_SLICE("A"),
                                  .data = fct_slice(bytes, sizeof bytes),
                                  .content_type = FACTUM_CONTENT_BINARY};
    for (int i = 0; i < 20; i++) {
        OK(factum_append_stream(f.store, FCT_SLICE("s-1"), factum_any(), &big, 1, NULL, &f.err));
    }
    const factum_read_request request = {.size = sizeof request};
    for (size_t i = 0; i < READERS; i++) {
        OK(fct_engine_start_read(&f.engine, &request, false, &readers[i], &f.err));
    }
    uint64_t place = 0;
    OK(fct_engine_place(&f.engine, &place, &f.err));
    OK(append("s-2", factum_any(), NULL, 0, NULL));
    for (size_t i = 0; i < READERS; i++) {
        OK(fct_reader_begin(readers[i], &f.err));
        OK(fct_reader_next(readers[i], &event, &f.err));
        fct_reader_close(readers[i]);
    }
}

/* ---- access, addresses ----------------------------------------------------------------------- */

TEST(invalid_addresses_are_refused_without_their_secret)
{
    static const char *const wrong[] = {
        "factum://",         "factum://admin:hidden@",    "factum://admin:hidden@host:",
        "factum://h:0",      "factum://h:65536",          "factum://h:12x",
        "factum://[::1",     "factum://h:1/path",         "factum://admin:hid%zzden@host",
        "factum://h o:1",    "factum+unix://relative",    "factum+unix://",
        "factum://[::1]x:1", "factum://admin:hidden@a b", "other://h:1",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct fct_engine engine;
        const struct fct_engine_remote_options options = {
            .mem = fct_mem_heap(), .os = fct_os_real(), .address = wrong[i]};
        assert_status(fct_engine_remote_open(&engine, &options, &f.err), FACTUM_INVALID);
        assert_text(f.err, "an address is factum://HOST:PORT");
        assert_null(strstr(f.err.text, "hid"));
    }
}

TEST(the_secret_is_asked_for_and_never_shown)
{
    factum_server *server;
    const factum_server_options options = {
        .size = sizeof options, .listen = "127.0.0.1:0", .secret_dir = f.dir};
    char address[256];
    OK(factum_server_start(f.store, &options, &server, &f.err));
    const char *where = factum_server_address(server);
    factum_ping_report report = {.size = sizeof report};
    (void)snprintf(address, sizeof address, "factum://admin:wrong-secret@%s", where);
    assert_status(factum_ping(address, &report, &f.err), FACTUM_DENIED);
    assert_null(strstr(f.err.text, "wrong-secret"));
    (void)snprintf(address, sizeof address, "factum://%s", where);
    assert_status(factum_ping(address, &report, &f.err), FACTUM_DENIED);
    assert_int_equal(setenv("FACTUM_SECRET", factum_server_secret(server), 1), 0);
    OK(factum_ping(address, &report, &f.err));
    assert_int_equal(unsetenv("FACTUM_SECRET"), 0);
    assert_string_equal(report.server, "factum " FACTUM_VERSION);
    (void)snprintf(address, sizeof address, "factum://admin:%s@%s", factum_server_secret(server),
                   where);
    OK(factum_ping(address, NULL, &f.err));
    char file[sizeof f.dir + 16];
    (void)snprintf(file, sizeof file, "%s/secret", f.dir);
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    (void)fprintf(out, "%s\n", factum_server_secret(server));
    assert_int_equal(fclose(out), 0);
    assert_int_equal(setenv("FACTUM_SECRET_FILE", file, 1), 0);
    (void)snprintf(address, sizeof address, "factum://%s", where);
    OK(factum_ping(address, NULL, &f.err));
    assert_int_equal(unsetenv("FACTUM_SECRET_FILE"), 0);
    factum_server_stop(server, 0);
}

TEST(the_public_api_opens_an_address)
{
    factum_store *store;
    factum_remote_enable();
    factum_remote_enable();
    OK(factum_open(f.address, NULL, &store, &f.err));
    factum_new_event event = {.type = FCT_SLICE("A")};
    OK(factum_append_stream(store, FCT_SLICE("s-1"), factum_any(), &event, 1, NULL, &f.err));
    OK(factum_close(store, &f.err));
    factum_store_options options = {.size = sizeof options, .read_only = true};
    OK(factum_open(f.address, &options, &store, &f.err));
    assert_status(
        factum_append_stream(store, FCT_SLICE("s-1"), factum_any(), &event, 1, NULL, &f.err),
        FACTUM_READ_ONLY);
    OK(factum_close(store, &f.err));
    options = (factum_store_options){.size = sizeof options, .no_threads = true};
    assert_status(factum_open(f.address, &options, &store, &f.err), FACTUM_UNSUPPORTED);
    assert_status(factum_open("none://h", NULL, &store, &f.err), FACTUM_UNSUPPORTED);
    assert_text(f.err, "no kind of address begins with none://");
    const factum_repair_options repair = {.size = sizeof repair, .rebuild_index = true};
    assert_status(factum_repair(f.address, &repair, NULL, &f.err), FACTUM_UNSUPPORTED);
    assert_text(f.err, "repair works on the directory of a store, not on an address");
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* The calls of a program, until one fails. Every call ends, whatever fails. */
static void use_all(void)
{
    factum_event event;
    struct fct_reader *reader;
    struct fct_lister *lister;
    factum_list_entry entry;
    uint64_t place;
    const factum_read_request read = {.size = sizeof read};
    const factum_list_request list = {.size = sizeof list};
    (void)append("s-1", factum_any(), NULL, factum_deadline(300), NULL);
    (void)append("s-1", factum_any(), "k", factum_deadline(300), NULL);
    factum_status status = fct_engine_place(&f.engine, &place, &f.err);
    status = fct_engine_read(&f.engine, &read, false, &reader, &f.err);
    if (status == FACTUM_OK) {
        while (fct_reader_next(reader, &event, &f.err) == FACTUM_OK) {
        }
        fct_reader_close(reader);
    }
    status = fct_engine_list(&f.engine, &list, &lister, &f.err);
    if (status == FACTUM_OK) {
        while (fct_lister_next(lister, &entry, &f.err) == FACTUM_OK) {
        }
        fct_lister_close(lister);
    }
}

TEST(every_failed_allocation_ends_calls_and_leaves_nothing_behind)
{
    struct fct_mem_fault fault;
    unsigned long failed = 1;
    close_engine();
    for (unsigned long at = 0; failed > 0 && at < 2000; at++) {
        fct_mem_fault_init(&fault);
        fault.fail_at = at;
        if (open_engine(&fault.mem) == FACTUM_OK) {
            use_all();
        }
        close_engine();
        failed = fault.failed;
        assert_int_equal(fault.held, 0);
    }
    assert_int_equal(failed, 0);
}

TEST(a_lost_connection_is_logged_once_and_so_is_its_return)
{
    atomic_store(&logged.lost, 0);
    atomic_store(&logged.back, 0);
    stop_server();
    for (int i = 0; i < 500 && atomic_load(&logged.lost) == 0; i++) {
        sleep_ms(10);
    }
    sleep_ms(100); /* failed attempts log nothing more */
    assert_int_equal(atomic_load(&logged.lost), 1);
    assert_int_equal(atomic_load(&logged.back), 0);
    start_server();
    for (int i = 0; i < 500 && atomic_load(&logged.back) == 0; i++) {
        sleep_ms(10);
    }
    assert_int_equal(atomic_load(&logged.lost), 1);
    assert_int_equal(atomic_load(&logged.back), 1);
}

/* ---- requests of HTTP ------------------------------------------------------------------------ */

struct web {
    factum_store *store;
    char body[1 << 20];
    size_t len;
    bool refuses;   /* the first bytes of the body */
    bool hangs_up;  /* at the first bytes */
    unsigned steps; /* calls of progress until it returns false; 0: the first one does */
    factum_remote_answer answer;
};

static struct web web;

static bool web_bytes(void *data, factum_slice bytes)
{
    (void)data;
    size_t left = sizeof web.body - 1 - web.len;
    size_t size = bytes.len < left ? bytes.len : left;
    memcpy(web.body + web.len, bytes.ptr, size);
    web.len += size;
    web.body[web.len] = '\0';
    if (web.hangs_up) {
        web.hangs_up = false;
        fct_engine_remote_hang_up(fct_api_engine(web.store));
        sleep_ms(50);
    }
    return !web.refuses;
}

static bool web_step(void *data, uint64_t done, uint64_t total)
{
    (void)data;
    (void)done;
    assert_int_equal(total, 0);
    return web.steps-- > 0;
}

static factum_status ask_web(factum_remote_request *request)
{
    static const factum_remote_body body = {NULL, web_bytes};
    request->size = sizeof *request;
    request->method = request->method == NULL ? "GET" : request->method;
    web.len = 0;
    web.answer = (factum_remote_answer){.size = sizeof web.answer};
    return factum_remote_send(web.store, request, &body, &web.answer, &f.err);
}

static int set_up_web(void **state)
{
    memset(&web, 0, sizeof web);
    factum_remote_enable();
    return set_up(state) == 0 && factum_open(f.address, NULL, &web.store, &f.err) == FACTUM_OK ? 0
                                                                                               : -1;
}

static int tear_down_web(void **state)
{
    factum_status status = factum_close(web.store, &f.err);
    return tear_down(state) == 0 && status == FACTUM_OK ? 0 : -1;
}

#define WEB_CASE(name) cmocka_unit_test_setup_teardown(name, set_up_web, tear_down_web)

TEST(a_request_returns_the_answer_of_the_server)
{
    factum_remote_request info = {.target = "/api/v1/info"};
    OK(ask_web(&info));
    assert_int_equal(web.answer.http_status, 200);
    assert_string_equal(web.answer.content_type, "application/json");
    assert_true(web.body[0] == '{' && web.body[web.len - 1] == '}');
    factum_remote_request place = {.method = "POST",
                                   .target = "/api/v1/streams/a%20b",
                                   .content_type = "application/json",
                                   .body = FCT_SLICE("{\"type\":\"A\",\"data\":{}}"),
                                   .once = true};
    OK(ask_web(&place));
    assert_int_equal(web.answer.http_status, 201);
    factum_stream_info stream = {.size = sizeof stream};
    OK(fct_engine_stream(&f.engine, FCT_SLICE("a b"), &stream, &f.err));
    assert_int_equal(stream.last_revision, 0);
    OK(factum_remote_send(web.store, &place, NULL, NULL, &f.err)); /* nobody wants the answer */
}

TEST(a_refusal_of_a_request_is_the_status_and_the_text_of_the_server)
{
    factum_remote_request request = {.target = "/api/v1/streams/nothing-1"};
    assert_status(ask_web(&request), FACTUM_STREAM_NOT_FOUND);
    assert_text(f.err, "nothing-1");
    assert_int_equal(web.answer.http_status, 404);
    assert_string_equal(web.answer.content_type, "application/problem+json");
    assert_int_equal(web.len, 0);
    request.target = "/api/v1/streams/nothing-1?limit=x";
    assert_status(ask_web(&request), FACTUM_INVALID);
    request.target = "/nothing";
    request.method = "HEAD"; /* the answer has no details */
    assert_status(ask_web(&request), FACTUM_IO);
    assert_text(f.err, "HEAD /nothing: ");
    assert_text(f.err, "answers with HTTP status 404, and does not say why");
    request.target = "/api/v1/info";
    request.method = "DELETE";
    assert_status(ask_web(&request), FACTUM_UNSUPPORTED);
}

TEST(requests_that_cannot_be_sent_are_refused)
{
    static const char *const targets[] = {NULL, "", "api", "/a b", "/a\n", "/\xc3\xa4"};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        factum_remote_request target = {.target = targets[i]};
        assert_status(ask_web(&target), FACTUM_INVALID);
    }
    factum_remote_request wrong[] = {
        {.target = "/x", .method = "GE T"},
        {.target = "/x", .body = FCT_SLICE("x")},
        {.target = "/x", .timeout_ms = -1},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_status(ask_web(&wrong[i]), FACTUM_INVALID);
    }
    factum_remote_request request = {.target = "/x"};
    assert_status(factum_remote_send(NULL, &request, NULL, NULL, &f.err), FACTUM_INVALID);
    request = (factum_remote_request){.size = sizeof request, .method = "GET", .target = "/x"};
    assert_status(factum_remote_send(f.store, &request, NULL, NULL, &f.err), FACTUM_UNSUPPORTED);
}

TEST(an_answer_is_bounded_and_can_be_broken_off)
{
    fill();
    factum_remote_request request = {.target = "/api/v1/events?limit=3000", .answer_max = 10000};
    assert_status(ask_web(&request), FACTUM_TOO_BIG);
    assert_text(f.err, "the answer is over 10000 bytes");
    assert_true(web.len <= 10000);
    request.answer_max = 0;
    OK(ask_web(&request));
    assert_true(web.len > 300000); /* more than waits at once */
    web.refuses = true;
    assert_status(ask_web(&request), FACTUM_CANCELLED);
    web.refuses = false;
    const factum_progress progress = {NULL, web_step};
    request.progress = &progress;
    web.steps = 0;
    assert_status(ask_web(&request), FACTUM_CANCELLED);
    web.steps = UINT_MAX;
    OK(ask_web(&request));
}

TEST(an_answer_that_is_cut_off_is_not_taken_for_a_whole_one)
{
    fill();
    factum_remote_request request = {.target = "/api/v1/events?limit=3000"};
    web.hangs_up = true;
    assert_status(ask_web(&request), FACTUM_UNREACHABLE);
    OK(ask_web(&request)); /* by the next connection */
    request.once = true;
    web.hangs_up = true;
    assert_status(ask_web(&request), FACTUM_UNKNOWN_OUTCOME);
    stop_server();
    request.timeout_ms = 100;
    request.once = false;
    factum_status status = ask_web(&request);
    assert_true(status == FACTUM_UNREACHABLE || status == FACTUM_EXPIRED);
    assert_int_equal(web.answer.http_status, 0);
    start_server();
    request.timeout_ms = 0;
    OK(ask_web(&request)); /* the request waits for the server */
}

static void break_web(void *data)
{
    struct breaker *breaker = data;
    while (atomic_load(&breaker->stop) == 0) {
        sleep_ms(breaker->every_ms);
        fct_engine_remote_hang_up(fct_api_engine(web.store));
    }
}

TEST(a_request_that_changes_something_is_sent_once_over_a_connection_that_breaks)
{
    enum { ROUNDS = 300 };
    uint64_t sure = 0;
    uint64_t unsure = 0;
    struct breaker breaker = {.every_ms = 3};
    OK(fct_thread_start(&breaker.thread, "breaker", break_web, &breaker, &f.err));
    for (int i = 0; i < ROUNDS; i++) {
        factum_remote_request request = {.method = "POST",
                                         .target = "/api/v1/streams/s-1",
                                         .content_type = "application/json",
                                         .body = FCT_SLICE("{\"type\":\"A\",\"data\":{}}"),
                                         .once = true};
        factum_status status = ask_web(&request);
        assert_true(status == FACTUM_OK || status == FACTUM_UNKNOWN_OUTCOME);
        sure += status == FACTUM_OK;
        unsure += status == FACTUM_UNKNOWN_OUTCOME;
    }
    atomic_store(&breaker.stop, 1);
    fct_thread_join(&breaker.thread);
    factum_stream_info stream = {.size = sizeof stream};
    OK(fct_engine_stream(&f.engine, FCT_SLICE("s-1"), &stream, &f.err));
    assert_true(stream.last_revision + 1 >= sure);
    assert_true(stream.last_revision + 1 <= sure + unsure);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_lost_connection_is_logged_once_and_so_is_its_return),
        FIXTURE_CASE(
            an_append_over_a_connection_that_breaks_is_made_once_and_looks_like_a_first_one),
        FIXTURE_CASE(an_append_with_a_key_over_a_connection_that_breaks_is_made_once),
        FIXTURE_CASE(many_appends_under_way_are_each_made_once),
        FIXTURE_CASE(a_delete_whose_answer_is_lost_has_an_unknown_outcome),
        FIXTURE_CASE(waiting_calls_continue_when_the_server_returns),
        FIXTURE_CASE(without_a_server_calls_are_unreachable_at_their_deadline),
        FIXTURE_CASE(another_store_at_the_address_is_not_taken_for_this_one),
        FIXTURE_CASE(closing_without_a_server_ends_waiting_calls),
        FIXTURE_CASE(without_a_server_no_store_is_opened),
        FIXTURE_CASE(a_read_over_a_connection_that_breaks_has_no_gap),
        FIXTURE_CASE(what_is_appended_while_a_read_is_broken_off_is_not_in_it),
        FIXTURE_CASE(a_following_reader_misses_nothing_and_repeats_nothing),
        FIXTURE_CASE(many_following_readers_see_their_events_and_no_others),
        FIXTURE_CASE(a_list_over_a_connection_that_breaks_has_each_name_once),
        FIXTURE_CASE(many_readers_that_are_not_read_block_nobody),
        FIXTURE_CASE(invalid_addresses_are_refused_without_their_secret),
        FIXTURE_CASE(the_secret_is_asked_for_and_never_shown),
        FIXTURE_CASE(the_public_api_opens_an_address),
        WEB_CASE(a_request_returns_the_answer_of_the_server),
        WEB_CASE(a_refusal_of_a_request_is_the_status_and_the_text_of_the_server),
        WEB_CASE(requests_that_cannot_be_sent_are_refused),
        WEB_CASE(an_answer_is_bounded_and_can_be_broken_off),
        WEB_CASE(an_answer_that_is_cut_off_is_not_taken_for_a_whole_one),
        WEB_CASE(a_request_that_changes_something_is_sent_once_over_a_connection_that_breaks),
        FIXTURE_CASE(every_failed_allocation_ends_calls_and_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
