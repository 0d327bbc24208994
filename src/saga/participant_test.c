/* participant_test.c - participants: each command is answered once, even if commands come twice,
 * too late, in the wrong order or broken. On a store in memory and on one on disk. */
#include "support/mem_fault.h"
#include "support/test_store.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#include "core/slice.h"
#include "saga/participant.h"

#define COMMANDS "command:stock-order-7"
#define DO_1 "saga:order-7/reserve/do/1"
#define UNDO_1 "saga:order-7/reserve/undo/1"
#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

/* What the handlers do, and what they have seen. */
struct service {
    factum_store *store;
    int reserved, released; /* calls */
    int fails;              /* so many calls fail, with |fails_with| */
    factum_status fails_with;
    int overtakes; /* in so many calls another writer appends to the stream first */
    bool refuses;
    bool quiet; /* appends nothing */
    bool stops; /* the participant, while it fails */
    factum_participant *participant;
    factum_do_state done;
    size_t event_count;
    char event_type[64], event_stream[64], event_data[64];
};

struct fixture {
    factum_store *store;
    char dir[SCRATCH_SIZE];
    factum_error err;
    struct service service;
    struct {
        int broken, unhandled, retry;
        char text[600];
    } log;
};

static void write_log(void *data, factum_log_level level, const char *id, const char *text)
{
    struct fixture *f = data;
    (void)level;
    f->log.broken += strcmp(id, "participant.broken") == 0;
    f->log.unhandled += strcmp(id, "participant.unhandled") == 0;
    f->log.retry += strcmp(id, "participant.retry") == 0;
    (void)snprintf(f->log.text, sizeof f->log.text, "%s", text);
}

static int set_up(void **state, bool on_disk)
{
    static struct fixture fixture;
    fixture = (struct fixture){.store = NULL};
    *state = &fixture;
    int result = test_store_open(&fixture.store, on_disk, fixture.dir, NULL, &fixture.err);
    fixture.service.store = fixture.store;
    return result;
}

static int set_up_memory(void **state)
{
    return set_up(state, false);
}

static int set_up_local(void **state)
{
    return set_up(state, true);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    return test_store_close(f->store, f->dir, &f->err);
}

/* ---- handlers -------------------------------------------------------------------------------- */

static void copy_text(char to[64], factum_slice text)
{
    (void)snprintf(to, 64, "%.*s", (int)text.len, (const char *)text.ptr);
}

static factum_status append_other(factum_store *store, factum_error *err)
{
    const factum_new_event event = {.type = FCT_SLICE("StockCounted"), .data = FCT_SLICE("{}")};
    return factum_append_stream(store, FCT_SLICE("stock-7"), factum_any(), &event, 1, NULL, err);
}

/* The events go where the stream ended when it was read. */
static factum_status expected_of(struct service *service, factum_expected *expected,
                                 factum_error *err)
{
    factum_stream_info info = {.size = sizeof info};
    factum_status status = factum_stream_info_get(service->store, FCT_SLICE("stock-7"), &info, err);
    *expected =
        info.state == FACTUM_STREAM_PRESENT ? factum_at(info.last_revision) : factum_no_stream();
    if (status == FACTUM_OK && service->overtakes > 0) {
        service->overtakes--;
        status = append_other(service->store, err);
    }
    return status;
}

static factum_status answer(struct service *service, const char *type, factum_outbox *outbox,
                            factum_error *err)
{
    factum_expected expected;
    factum_status status = expected_of(service, &expected, err);
    const factum_slice tag = FCT_SLICE("sku:1");
    const factum_new_event event = {
        .stream = FCT_SLICE("stock-7"),
        .type = factum_slice_from(type),
        .data = FCT_SLICE("{\"qty\":2}"),
        .metadata = FCT_SLICE("{\"by\\u0021\":[1],\"$causationId\":\"forged\"}"),
        .tags = &tag,
        .tag_count = 1,
    };
    if (service->fails > 0) {
        service->fails--;
        if (service->stops) {
            factum_participant_stop(service->participant);
        }
        return service->fails_with;
    }
    if (service->refuses) {
        return factum_outbox_refuse(outbox, "stock.none_left", "%d of %s left", 0, "sku 1");
    }
    if (status != FACTUM_OK || service->quiet) {
        return status;
    }
    return factum_outbox_add(outbox, &event, expected, err);
}

static factum_status reserve(void *data, const factum_command *command, factum_outbox *outbox,
                             factum_error *err)
{
    struct service *service = data;
    assert_false(command->undo);
    assert_int_equal(command->done, FACTUM_DO_NONE);
    assert_int_equal(factum_json_kind_of(command->json, FACTUM_JSON_ROOT), FACTUM_JSON_OBJECT);
    service->reserved++;
    return answer(service, "StockReserved", outbox, err);
}

static factum_status release(void *data, const factum_command *command, factum_outbox *outbox,
                             factum_error *err)
{
    struct service *service = data;
    assert_true(command->undo);
    service->released++;
    service->done = command->done;
    service->event_count = command->event_count;
    if (command->event_count > 0) {
        copy_text(service->event_type, command->events[0].type);
        copy_text(service->event_stream, command->events[0].stream);
        copy_text(service->event_data, command->events[0].data);
    }
    return answer(service, "StockReleased", outbox, err);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static factum_status send_raw(struct fixture *f, const char *type, const char *data,
                              const char *metadata)
{
    const factum_new_event event = {.type = factum_slice_from(type),
                                    .data = factum_slice_from(data),
                                    .metadata = factum_slice_from(metadata)};
    return factum_append_stream(f->store, FCT_SLICE(COMMANDS), factum_any(), &event, 1, NULL,
                                &f->err);
}

static void send_do(struct fixture *f)
{
    assert_ok(send_raw(f, "stock.ReserveStock", "{\"sku\":1}",
                       "{\"$commandId\":\"" DO_1 "\",\"$sagaId\":\"order-7\","
                       "\"$correlationId\":\"c-1\",\"traceparent\":\"" PARENT "\"}"),
              f->err);
}

static void send_undo(struct fixture *f)
{
    assert_ok(send_raw(f, "stock.ReleaseStock", "{}",
                       "{\"$commandId\":\"" UNDO_1 "\",\"$sagaId\":\"order-7\","
                       "\"$correlationId\":\"c-1\",\"$undoes\":\"" DO_1 "\"}"),
              f->err);
}

static factum_participant_options usual(struct fixture *f, factum_log_sink *sink)
{
    *sink = (factum_log_sink){f, write_log};
    return (factum_participant_options){
        .size = sizeof(factum_participant_options),
        .service = FCT_SLICE("stock"),
        .retry_first_ms = 1,
        .retry_last_ms = 2,
        .log = sink,
    };
}

static factum_participant *open_with(struct fixture *f, const factum_participant_options *options,
                                     struct service *service)
{
    factum_participant *made;
    assert_ok(factum_participant_open(f->store, options, &made, &f->err), f->err);
    assert_ok(factum_on_command(made, "stock.ReserveStock", reserve, service, &f->err), f->err);
    assert_ok(factum_on_command(made, "stock.ReleaseStock", release, service, &f->err), f->err);
    service->participant = made;
    return made;
}

static factum_participant *open_usual(struct fixture *f)
{
    factum_log_sink sink;
    const factum_participant_options options = usual(f, &sink);
    return open_with(f, &options, &f->service);
}

static const factum_follow_until caught_up = {.size = sizeof caught_up, .caught_up = true};

static factum_participant_info info_of(factum_participant *participant)
{
    factum_participant_info info = {.size = sizeof info};
    assert_int_equal(factum_participant_info_get(participant, &info, NULL), FACTUM_OK);
    return info;
}

static factum_participant_info run(struct fixture *f, factum_participant *participant)
{
    assert_ok(factum_participant_run(participant, &caught_up, &f->err), f->err);
    return info_of(participant);
}

/* The stream has events of these types, separated by blanks. */
static void expect_types(struct fixture *f, const char *stream, const char *wanted)
{
    char types[512] = "";
    size_t used = 0;
    factum_cursor *cursor;
    factum_event event;
    const factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_STREAM, .name = factum_slice_from(stream)};
    factum_status status = factum_read(f->store, &request, &cursor, &f->err);
    if (status == FACTUM_STREAM_NOT_FOUND) {
        assert_string_equal("", wanted);
        return;
    }
    assert_ok(status, f->err);
    while ((status = factum_cursor_next(cursor, &event, &f->err)) == FACTUM_OK) {
        used += (size_t)snprintf(types + used, sizeof types - used, "%s%.*s", used > 0 ? " " : "",
                                 (int)event.type.len, (const char *)event.type.ptr);
        assert_true(used < sizeof types);
    }
    assert_int_equal(status, FACTUM_DONE);
    factum_cursor_close(cursor);
    assert_string_equal(types, wanted);
}

/* The one event under |key|. */
static void read_answer(struct fixture *f, const char *key, factum_event_copy *copy)
{
    factum_key_info info = {.size = sizeof info};
    assert_ok(factum_find_key(f->store, factum_slice_from(key), &info, &f->err), f->err);
    assert_int_equal(info.event_count, 1);
    assert_ok(factum_read_event(f->store, info.first_position, copy, &f->err), f->err);
}

static void expect_text(factum_slice text, const char *wanted)
{
    assert_int_equal(text.len, strlen(wanted));
    assert_memory_equal(text.ptr, wanted, text.len);
}

/* ---- once ------------------------------------------------------------------------------------ */

TEST(a_command_is_answered_once_however_often_it_is_sent)
{
    struct fixture *f = *state;
    factum_participant *stock = open_usual(f);
    send_do(f);
    send_do(f);
    factum_participant_info info = run(f, stock);
    send_do(f);
    info = run(f, stock);
    assert_int_equal(info.command_count, 3);
    assert_int_equal(info.succeeded_count, 1);
    assert_int_equal(info.duplicate_count, 2);
    assert_int_equal(f->service.reserved, 1);
    expect_types(f, "stock-7", "StockReserved");
    factum_participant_close(stock);
}

TEST(an_answer_names_the_command_its_saga_and_a_span_of_its_trace)
{
    struct fixture *f = *state;
    factum_participant *stock = open_usual(f);
    factum_event_copy copy = {.capacity = 0};
    send_do(f);
    (void)run(f, stock);
    read_answer(f, DO_1, &copy);
    expect_text(copy.event.stream, "stock-7");
    assert_int_equal(copy.event.tag_count, 1);
    static const char start[] = "{\"$causationId\":\"" DO_1 "\",\"$correlationId\":\"c-1\","
                                "\"$sagaId\":\"order-7\",\"traceparent\":\""
                                "00-0af7651916cd43dd8448eb211c80319c-";
    static const char end[] = "-01\",\"by!\":[1]}";
    assert_int_equal(copy.event.metadata.len, sizeof start + sizeof end - 2 + 16);
    assert_memory_equal(copy.event.metadata.ptr, start, sizeof start - 1);
    assert_memory_not_equal(copy.event.metadata.ptr + sizeof start - 1, "b7ad6b7169203331", 16);
    assert_memory_equal(copy.event.metadata.ptr + sizeof start - 1 + 16, end, sizeof end - 1);
    factum_event_copy_free(&copy);
    factum_participant_close(stock);
}

TEST(a_participant_that_has_lost_its_checkpoint_does_nothing_twice)
{
    struct fixture *f = *state;
    factum_log_sink sink;
    factum_participant_options options = usual(f, &sink);
    factum_participant *stock = open_with(f, &options, &f->service);
    send_do(f);
    send_undo(f);
    (void)run(f, stock);
    factum_participant_close(stock);
    options.checkpoint = FCT_SLICE("another");
    stock = open_with(f, &options, &f->service);
    factum_participant_info info = run(f, stock);
    assert_int_equal(info.duplicate_count, 2);
    assert_int_equal(f->service.reserved, 1);
    assert_int_equal(f->service.released, 1);
    expect_types(f, "stock-7", "StockReserved StockReleased");
    factum_participant_close(stock);
}

TEST(a_handler_that_appends_nothing_has_succeeded)
{
    struct fixture *f = *state;
    factum_participant *stock = open_usual(f);
    f->service.quiet = true;
    send_do(f);
    assert_int_equal(run(f, stock).succeeded_count, 1);
    expect_types(f, COMMANDS, "stock.ReserveStock CommandSucceeded");
    factum_participant_close(stock);
}

TEST(a_refusal_is_answered_once_with_code_and_text)
{
    struct fixture *f = *state;
    factum_participant *stock = open_usual(f);
    factum_event_copy copy = {.capacity = 0};
    f->service.refuses = true;
    send_do(f);
    send_do(f);
    factum_participant_info info = run(f, stock);
    assert_int_equal(info.failed_count, 1);
    assert_int_equal(info.duplicate_count, 1);
    expect_types(f, COMMANDS, "stock.ReserveStock stock.ReserveStock CommandFailed");
    read_answer(f, DO_1, &copy);
    expect_text(copy.event.data, "{\"code\":\"stock.none_left\",\"text\":\"0 of sku 1 left\"}");
    factum_event_copy_free(&copy);
    factum_participant_close(stock);
}

/* ---- undos ----------------------------------------------------------------------------------- */

TEST(an_undo_sees_what_its_do_has_appended)
{
    struct fixture *f = *state;
    factum_participant *stock = open_usual(f);
    send_do(f);
    send_undo(f);
    send_undo(f);
    assert_int_equal(run(f, stock).succeeded_count, 2);
    assert_int_equal(f->service.released, 1);
    assert_int_equal(f->service.done, FACTUM_DO_DONE);
    assert_int_equal(f->service.event_count, 1);
    assert_string_equal(f->service.event_type, "StockReserved");
    assert_string_equal(f->service.event_stream, "stock-7");
    assert_string_equal(f->service.event_data, "{\"qty\":2}");
    expect_types(f, "stock-7", "StockReserved StockReleased");
    factum_participant_close(stock);
}

TEST(an_undo_before_its_do_leaves_a_tombstone_and_the_do_has_no_effect)
{
    struct fixture *f = *state;
    factum_participant *stock = open_usual(f);
    factum_event_copy copy = {.capacity = 0};
    send_undo(f);
    send_do(f);
    factum_participant_info info = run(f, stock);
    send_do(f);
    send_undo(f);
    info = run(f, stock);
    assert_int_equal(info.cancelled_count, 1);
    assert_int_equal(info.late_count, 2);
    assert_int_equal(info.duplicate_count, 1);
    assert_int_equal(f->service.reserved + f->service.released, 0);
    read_answer(f, DO_1, &copy);
    expect_text(copy.event.type, "CommandCancelled");
    expect_text(copy.event.stream, COMMANDS);
    read_answer(f, UNDO_1, &copy);
    expect_text(copy.event.type, "CommandSucceeded");
    expect_types(f, "stock-7", "");
    factum_event_copy_free(&copy);
    factum_participant_close(stock);
}

TEST(after_a_crash_between_tombstone_and_answer_the_answer_follows)
{
    struct fixture *f = *state;
    factum_log_sink sink;
    factum_participant_options options = usual(f, &sink);
    options.undo_always = true;
    factum_participant *stock = open_with(f, &options, &f->service);
    f->service.fails = 1;
    f->service.fails_with = FACTUM_IO;
    send_undo(f);
    assert_status(factum_participant_run(stock, &caught_up, &f->err), FACTUM_IO);
    assert_text(f->err, "command " UNDO_1);
    expect_types(f, COMMANDS, "stock.ReleaseStock CommandCancelled");
    factum_participant_close(stock);

    stock = open_with(f, &options, &f->service);
    f->service.quiet = true;
    factum_participant_info info = run(f, stock);
    assert_int_equal(info.cancelled_count, 0);
    assert_int_equal(info.succeeded_count, 1);
    assert_int_equal(f->service.released, 2);
    assert_int_equal(f->service.done, FACTUM_DO_CANCELLED);
    expect_types(f, COMMANDS, "stock.ReleaseStock CommandCancelled CommandSucceeded");
    factum_participant_close(stock);
}

TEST(the_undo_of_a_do_that_failed_has_nothing_to_do)
{
    struct fixture *f = *state;
    factum_participant *stock = open_usual(f);
    f->service.refuses = true;
    send_do(f);
    send_undo(f);
    factum_participant_info info = run(f, stock);
    assert_int_equal(info.failed_count, 1);
    assert_int_equal(info.succeeded_count, 1);
    assert_int_equal(f->service.released, 0);
    factum_participant_close(stock);
}

/* ---- others who are faster, failures --------------------------------------------------------- */

TEST(a_handler_that_lost_a_race_is_called_again)
{
    struct fixture *f = *state;
    factum_participant *stock = open_usual(f);
    f->service.overtakes = 3;
    send_do(f);
    assert_int_equal(run(f, stock).race_count, 3);
    assert_int_equal(f->service.reserved, 4);
    expect_types(f, "stock-7", "StockCounted StockCounted StockCounted StockReserved");
    factum_participant_close(stock);
}

TEST(races_have_an_end_and_are_then_tried_later)
{
    struct fixture *f = *state;
    factum_log_sink sink;
    factum_participant_options options = usual(f, &sink);
    options.races_max = 2;
    options.retries_max = 1;
    factum_participant *stock = open_with(f, &options, &f->service);
    f->service.overtakes = INT_MAX;
    send_do(f);
    assert_status(factum_participant_run(stock, &caught_up, &f->err), FACTUM_BUSY);
    assert_text(f->err, "other writers were faster 3 times");
    assert_int_equal(f->service.reserved, 6);
    assert_int_equal(f->log.retry, 1);
    f->service.overtakes = 0;
    assert_int_equal(run(f, stock).succeeded_count, 1);
    factum_participant_close(stock);
}

TEST(busy_commands_come_again_and_other_failures_end_the_run)
{
    struct fixture *f = *state;
    factum_participant *stock = open_usual(f);
    f->service.fails = 5;
    f->service.fails_with = FACTUM_UNREACHABLE;
    send_do(f);
    factum_participant_info info = run(f, stock);
    assert_int_equal(info.retry_count, 5);
    assert_int_equal(info.succeeded_count, 1);
    f->service.fails = 1;
    f->service.fails_with = FACTUM_DONE; /* no status of a handler */
    send_undo(f);
    assert_status(factum_participant_run(stock, &caught_up, &f->err), FACTUM_INVALID);
    assert_text(f->err, "command " UNDO_1 ": the handler has returned DONE");
    assert_int_equal(run(f, stock).succeeded_count, 2);
    factum_participant_close(stock);
}

TEST(a_participant_that_waits_is_stopped)
{
    struct fixture *f = *state;
    factum_log_sink sink;
    factum_participant_options options = usual(f, &sink);
    options.retry_first_ms = options.retry_last_ms = 600000;
    factum_participant *stock = open_with(f, &options, &f->service);
    f->service.fails = INT_MAX;
    f->service.fails_with = FACTUM_BUSY;
    f->service.stops = true;
    send_do(f);
    assert_status(factum_participant_run(stock, NULL, &f->err), FACTUM_BUSY);
    assert_status(factum_participant_run(stock, NULL, &f->err), FACTUM_DONE);
    factum_participant_close(stock);
}

TEST(a_run_ends_at_its_deadline_also_while_it_waits)
{
    struct fixture *f = *state;
    factum_log_sink sink;
    factum_participant_options options = usual(f, &sink);
    options.retry_first_ms = options.retry_last_ms = 600000;
    factum_participant *stock = open_with(f, &options, &f->service);
    f->service.fails = INT_MAX;
    f->service.fails_with = FACTUM_BUSY;
    send_do(f);
    const factum_follow_until until = {.size = sizeof until, .deadline = factum_deadline(50)};
    factum_status status = factum_participant_run(stock, &until, &f->err);
    assert_true(status == FACTUM_TIMEOUT || status == FACTUM_BUSY);
    factum_participant_close(stock);
}

/* ---- commands without a handler -------------------------------------------------------------- */

TEST(a_broken_command_is_counted_and_reported_and_stops_nobody)
{
    struct fixture *f = *state;
    static const struct {
        const char *data, *metadata, *says;
    } cases[] = {
        {"{}", "", "it has no metadata"},
        {"{}", "{", "its metadata: "},
        {"{}", "[]", "$commandId is missing"},
        {"{}", "{\"$sagaId\":\"order-7\"}", "$commandId is missing"},
        {"{}", "{\"$commandId\":7}", "$commandId is not a text"},
        {"{}", "{\"$commandId\":\"\\ud800\"}", "$commandId is not valid Unicode"},
        {"{}", "{\"$commandId\":\"reserve-1\",\"$sagaId\":\"order-7\"}", "is not saga:NAME-ID/"},
        {"{}", "{\"$commandId\":\"saga:order-7/reserve/do/0\",\"$sagaId\":\"order-7\"}",
         "is not saga:NAME-ID/"},
        {"{}", "{\"$commandId\":\"" DO_1 "\",\"$sagaId\":\"order-8\"}", "not that of $commandId"},
        {"{}", "{\"$commandId\":\"saga:order-8/reserve/do/1\",\"$sagaId\":\"order-8\"}",
         "the stream is not that of $sagaId"},
        {"{}", "{\"$commandId\":\"" UNDO_1 "\",\"$sagaId\":\"order-7\"}", "$undoes is not the do"},
        {"{}", "{\"$commandId\":\"" UNDO_1 "\",\"$sagaId\":\"order-7\",\"$undoes\":\"" UNDO_1 "\"}",
         "$undoes is not the do"},
        {"{}",
         "{\"$commandId\":\"" UNDO_1 "\",\"$sagaId\":\"order-7\","
         "\"$undoes\":\"saga:order-8/reserve/do/1\"}",
         "$undoes is not the do"},
        {"{]", "{\"$commandId\":\"" DO_1 "\",\"$sagaId\":\"order-7\"}", "its data: "},
    };
    const size_t count = sizeof cases / sizeof cases[0];
    factum_participant *stock = open_usual(f);
    for (size_t i = 0; i < count; i++) {
        assert_ok(send_raw(f, "stock.ReserveStock", cases[i].data, cases[i].metadata), f->err);
        assert_int_equal(run(f, stock).broken_count, i + 1);
        if (strstr(f->log.text, cases[i].says) == NULL) {
            fail_msg("%s: %s", cases[i].metadata, f->log.text);
        }
    }
    assert_int_equal(f->log.broken, count);
    assert_int_equal(f->service.reserved + f->service.released, 0);
    send_do(f);
    assert_int_equal(run(f, stock).succeeded_count, 1);
    factum_participant_close(stock);
}

TEST(events_that_are_no_commands_are_left_alone)
{
    struct fixture *f = *state;
    factum_participant *stock = open_usual(f);
    assert_ok(send_raw(f, "CommandSucceeded", "{}", ""), f->err);
    assert_ok(send_raw(f, "stock", "{}", ""), f->err);
    assert_ok(send_raw(f, "stocks.ReserveStock", "{}", ""), f->err);
    factum_participant_info info = run(f, stock);
    assert_int_equal(info.command_count + info.broken_count, 0);
    factum_participant_close(stock);
}

static void send_unknown(struct fixture *f, const char *id)
{
    char metadata[256];
    (void)snprintf(metadata, sizeof metadata, "{\"$commandId\":\"%s\",\"$sagaId\":\"order-7\"}",
                   id);
    assert_ok(send_raw(f, "stock.CountStock", "{}", metadata), f->err);
}

TEST(a_command_without_a_handler_is_reported_when_nobody_has_answered_it)
{
    struct fixture *f = *state;
    factum_log_sink sink;
    factum_participant_options options = usual(f, &sink);
    options.unhandled_after_ms = 50;
    factum_participant *stock = open_with(f, &options, &f->service);
    send_unknown(f, "saga:order-7/count/do/1");
    send_unknown(f, "saga:order-7/count/do/1");
    send_unknown(f, "saga:order-7/count/do/2");
    send_do(f); /* is not held up */
    factum_participant_info info = run(f, stock);
    assert_int_equal(info.unhandled_count, 2);
    assert_int_equal(info.succeeded_count, 1);

    const factum_new_event counted = {.type = FCT_SLICE("StockCounted"), .data = FCT_SLICE("{}")};
    const factum_new_event named[] = {
        {.stream = FCT_SLICE("stock-9"), .type = counted.type, .data = counted.data}};
    const factum_expectation any[] = {{FCT_SLICE("stock-9"), factum_any()}};
    const factum_append_request other = {.size = sizeof other,
                                         .events = named,
                                         .event_count = 1,
                                         .expectations = any,
                                         .expectation_count = 1,
                                         .idempotency_key = FCT_SLICE("saga:order-7/count/do/2")};
    assert_ok(factum_append(f->store, &other, NULL, NULL, &f->err), f->err);
    const factum_follow_until until = {.size = sizeof until, .deadline = factum_deadline(300)};
    assert_status(factum_participant_run(stock, &until, &f->err), FACTUM_TIMEOUT);
    assert_int_equal(info_of(stock).unhandled_count, 1);
    assert_int_equal(f->log.unhandled, 1);
    assert_non_null(strstr(f->log.text, "nobody answers command saga:order-7/count/do/1 of type "
                                        "stock.CountStock"));
    factum_participant_close(stock);
}

TEST(a_run_of_so_many_events_counts_over_its_interruptions)
{
    struct fixture *f = *state;
    factum_participant *stock = open_usual(f);
    send_unknown(f, "saga:order-7/count/do/1");
    send_do(f);
    send_undo(f);
    const factum_follow_until until = {.size = sizeof until, .event_count = 2};
    assert_ok(factum_participant_run(stock, &until, &f->err), f->err);
    factum_participant_info info = info_of(stock);
    assert_int_equal(info.command_count, 2);
    assert_int_equal(info.succeeded_count, 1);
    factum_participant_close(stock);
}

/* ---- two runners ----------------------------------------------------------------------------- */

#define RIVAL_COMMANDS 60

static factum_status reserve_any(void *data, const factum_command *command, factum_outbox *outbox,
                                 factum_error *err)
{
    const factum_new_event event = {
        .stream = FCT_SLICE("stock-8"), .type = FCT_SLICE("StockReserved"), .data = command->id};
    atomic_fetch_add((_Atomic int *)data, 1);
    return factum_outbox_add(outbox, &event, factum_any(), err);
}

static void *run_rival(void *data)
{
    factum_error err;
    factum_status status = factum_participant_run(data, &caught_up, &err);
    return status == FACTUM_OK ? NULL : data;
}

TEST(two_runners_answer_each_command_once)
{
    struct fixture *f = *state;
    _Atomic int calls = 0;
    factum_participant *rivals[2];
    pthread_t threads[2];
    for (int i = 0; i < RIVAL_COMMANDS; i++) {
        char metadata[256];
        const bool undo = i % 3 == 2; /* of the do that comes next */
        (void)snprintf(metadata, sizeof metadata,
                       "{\"$commandId\":\"saga:order-7/s%d/%s/1\",\"$sagaId\":\"order-7\","
                       "\"$undoes\":\"saga:order-7/s%d/do/1\"}",
                       undo ? i + 1 : i, undo ? "undo" : "do", i + 1);
        assert_ok(send_raw(f, "stock.ReserveStock", "{}", metadata), f->err);
    }
    for (int i = 0; i < 2; i++) {
        const factum_participant_options options = {
            .size = sizeof options,
            .service = FCT_SLICE("stock"),
            .checkpoint = factum_slice_from(i == 0 ? "one" : "two"),
        };
        assert_ok(factum_participant_open(f->store, &options, &rivals[i], &f->err), f->err);
        assert_ok(factum_on_command(rivals[i], "stock.ReserveStock", reserve_any, &calls, &f->err),
                  f->err);
        assert_int_equal(pthread_create(&threads[i], NULL, run_rival, rivals[i]), 0);
    }
    uint64_t succeeded = 0;
    uint64_t cancelled = 0;
    for (int i = 0; i < 2; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
        factum_participant_info info = info_of(rivals[i]);
        assert_int_equal(info.command_count, RIVAL_COMMANDS);
        succeeded += info.succeeded_count;
        cancelled += info.cancelled_count;
        factum_participant_close(rivals[i]);
    }
    uint64_t count = 0;
    assert_ok(factum_count_events(f->store, FACTUM_SOURCE_STREAM, FCT_SLICE("stock-8"), 0,
                                  UINT64_MAX, &count, &f->err),
              f->err);
    /* A third are undos that come first; 19 of their dos follow, without effect. */
    assert_int_equal(cancelled, RIVAL_COMMANDS / 3);
    assert_int_equal(count, RIVAL_COMMANDS / 3 + 1);
    assert_int_equal(succeeded, RIVAL_COMMANDS / 3 * 2 + 1);
    assert_true(calls >= (int)count);
}

/* ---- deciders -------------------------------------------------------------------------------- */

typedef struct shelf_event {
    int64_t quantity;
} shelf_event;
typedef struct shelf_state {
    int64_t taken;
} shelf_state;
typedef struct shelf_command {
    int64_t quantity;
} shelf_command;
FACTUM_DECIDER_DECLARE(shelf, shelf_state, shelf_command, shelf_event);

static factum_status shelf_event_parse(factum_slice type, factum_slice data, factum_arena *arena,
                                       shelf_event *event, factum_error *err)
{
    (void)arena;
    (void)err;
    event->quantity = data.ptr[0] - '0';
    return fct_slice_equal(type, FCT_SLICE("Taken")) ? FACTUM_OK : FACTUM_NOT_FOUND;
}

static factum_slice shelf_event_print(const shelf_event *event, factum_json_writer *to)
{
    factum_json_put_int64(to, event->quantity);
    return factum_slice_from("Taken");
}

static void shelf_evolve(shelf_state *state, const shelf_event *event, factum_arena *arena)
{
    (void)arena;
    state->taken += event->quantity;
}

static factum_verdict shelf_decide(const shelf_state *state, const shelf_command *command,
                                   factum_decision *out)
{
    const shelf_event event = {command->quantity};
    if (command->quantity == 0) {
        return FACTUM_NOOP;
    }
    if (state->taken + command->quantity > 5) {
        return factum_reject(out, "shelf.empty", "%d left", (int)(5 - state->taken));
    }
    return factum_emit(out, &event);
}

static void shelf_command_print(const shelf_command *command, factum_json_writer *to)
{
    factum_json_put_int64(to, command->quantity);
}
FACTUM_DECIDER(shelf, 1);

static factum_status shelf_read(void *data, const factum_command *command, factum_arena *arena,
                                void *typed, factum_error *err)
{
    (void)data;
    (void)arena;
    (void)err;
    return factum_json_to_int64(command->json, FACTUM_JSON_ROOT,
                                &((shelf_command *)typed)->quantity);
}

static factum_slice shelf_stream(void *data, const factum_command *command, factum_arena *arena)
{
    (void)data;
    (void)command;
    (void)arena;
    return FCT_SLICE("shelf-1");
}

TEST(a_decider_answers_with_events_a_rejection_or_nothing)
{
    struct fixture *f = *state;
    static const char *const data[] = {"3", "3", "0", "2"};
    const factum_command_decider with = {.size = sizeof with,
                                         .decider = &shelf_decider,
                                         .command_size = sizeof(shelf_command),
                                         .read = shelf_read,
                                         .stream = shelf_stream};
    factum_participant *stock = open_usual(f);
    factum_event_copy copy = {.capacity = 0};
    assert_ok(factum_on_command_decide(stock, "stock.Take", &with, &f->err), f->err);
    assert_status(factum_on_command_decide(stock, "stock.Take", &with, &f->err), FACTUM_EXISTS);
    for (int i = 0; i < 4; i++) {
        char metadata[256];
        (void)snprintf(metadata, sizeof metadata,
                       "{\"$commandId\":\"saga:order-7/take/do/%d\",\"$sagaId\":\"order-7\","
                       "\"$correlationId\":\"c-1\"}",
                       i + 1);
        assert_ok(send_raw(f, "stock.Take", data[i], metadata), f->err);
        assert_ok(send_raw(f, "stock.Take", data[i], metadata), f->err);
    }
    factum_participant_info info = run(f, stock);
    assert_int_equal(info.succeeded_count, 3);
    assert_int_equal(info.failed_count, 1);
    assert_int_equal(info.duplicate_count, 4);
    expect_types(f, "shelf-1", "Taken Taken");
    read_answer(f, "saga:order-7/take/do/1", &copy);
    char metadata[256];
    (void)snprintf(metadata, sizeof metadata, "%.*s", (int)copy.event.metadata.len,
                   (const char *)copy.event.metadata.ptr);
    assert_non_null(strstr(metadata, "\"$causationId\":\"saga:order-7/take/do/1\""));
    read_answer(f, "saga:order-7/take/do/2", &copy);
    expect_text(copy.event.data, "{\"code\":\"shelf.empty\",\"text\":\"2 left\"}");
    read_answer(f, "saga:order-7/take/do/3", &copy);
    expect_text(copy.event.type, "CommandSucceeded");
    factum_event_copy_free(&copy);
    factum_participant_close(stock);
}

/* ---- outboxes, arguments, memory ------------------------------------------------------------- */

TEST(an_outbox_refuses_what_cannot_be_appended)
{
    struct fixture *f = *state;
    struct factum_outbox outbox;
    factum_arena arena;
    const factum_event sent = {.stream = FCT_SLICE(COMMANDS)};
    const factum_command command = {.id = FCT_SLICE(DO_1), .event = &sent};
    factum_new_event event = {.type = FCT_SLICE("A"), .data = FCT_SLICE("{}")};
    const factum_append_condition condition = {.after = 1};
    factum_arena_init(&arena, 0);
    fct_outbox_init(&outbox, &arena, &command);
    assert_status(
        factum_outbox_add(&outbox, &event, factum_expect(FACTUM_EXPECTED_NONE, 0), &f->err),
        FACTUM_INVALID);
    assert_text(f->err, "what is expected of stream " COMMANDS "?");
    assert_int_equal(outbox.status, FACTUM_INVALID);
    fct_outbox_init(&outbox, &arena, &command);
    assert_ok(factum_outbox_add(&outbox, &event, factum_at(1), &f->err), f->err);
    assert_ok(factum_outbox_add(&outbox, &event, factum_expect(FACTUM_EXPECTED_NONE, 0), &f->err),
              f->err);
    assert_int_equal(outbox.expectation_count, 1);
    assert_status(factum_outbox_add(&outbox, &event, factum_at(2), &f->err), FACTUM_INVALID);
    assert_text(f->err, "two things are expected");
    event.metadata = FCT_SLICE("[1]");
    assert_status(factum_outbox_add(&outbox, &event, factum_at(1), &f->err), FACTUM_INVALID);
    assert_text(f->err, "not an object");
    assert_ok(factum_outbox_condition(&outbox, &condition, &f->err), f->err);
    assert_status(factum_outbox_condition(&outbox, &condition, &f->err), FACTUM_INVALID);
    assert_int_equal(factum_outbox_refuse(&outbox, "no", "%0300d", 1), FACTUM_OK);
    assert_int_equal(outbox.status, FACTUM_OK);
    assert_int_equal(outbox.event_count, 1);
    event.metadata = FCT_SLICE("");
    assert_status(factum_outbox_add(&outbox, &event, factum_at(1), &f->err), FACTUM_INVALID);
    assert_text(f->err, "was refused");
    factum_arena_finish(&arena);
}

TEST(invalid_arguments_are_refused)
{
    struct fixture *f = *state;
    factum_participant *stock = NULL;
    factum_participant_options options = {.size = sizeof options};
    assert_status(factum_participant_open(f->store, &options, &stock, &f->err), FACTUM_INVALID);
    options.service = FCT_SLICE("Stock");
    assert_status(factum_participant_open(f->store, &options, &stock, &f->err), FACTUM_INVALID);
    assert_text(f->err, "a service has 1 to 63");
    assert_null(stock);
    stock = open_usual(f);
    assert_status(factum_on_command(stock, "stock.ReserveStock", reserve, NULL, &f->err),
                  FACTUM_EXISTS);
    assert_status(factum_on_command(stock, "payment.Charge", reserve, NULL, &f->err),
                  FACTUM_INVALID);
    assert_text(f->err, "the type payment.Charge is not stock.COMMAND");
    assert_status(factum_on_command(stock, "stock.", reserve, NULL, &f->err), FACTUM_INVALID);
    assert_status(factum_on_command(stock, "stock.A", NULL, NULL, &f->err), FACTUM_INVALID);
    factum_participant_close(stock);
    factum_participant_close(NULL);
    factum_participant_stop(NULL);
}

/* Opens, runs a do and an undo. All memory is given back. */
static factum_status with_memory(struct fixture *f, struct fct_mem_fault *mem)
{
    factum_log_sink sink;
    factum_participant_options options = usual(f, &sink);
    const struct fct_participant_world world = {&mem->mem, fct_os_real()};
    factum_participant *stock;
    factum_status status = fct_participant_open(&world, f->store, &options, &stock, &f->err);
    if (status == FACTUM_OK) {
        status = factum_on_command(stock, "stock.ReserveStock", reserve, &f->service, &f->err);
    }
    if (status == FACTUM_OK) {
        status = factum_on_command(stock, "stock.ReleaseStock", release, &f->service, &f->err);
    }
    if (status == FACTUM_OK) {
        status = factum_participant_run(stock, &caught_up, &f->err);
    }
    factum_participant_close(stock);
    return status;
}

TEST(without_memory_nothing_is_lost_and_nothing_happens_twice)
{
    struct fixture *f = *state;
    struct fct_mem_fault mem;
    factum_status status = FACTUM_NO_MEMORY;
    send_do(f);
    send_undo(f);
    send_unknown(f, "saga:order-7/count/do/1");
    for (unsigned long at = 0; status != FACTUM_OK; at++) {
        fct_mem_fault_init(&mem);
        mem.fail_at = at;
        status = with_memory(f, &mem);
        assert_true(status == FACTUM_OK || status == FACTUM_NO_MEMORY);
        assert_int_equal(mem.held, 0);
    }
    expect_types(f, "stock-7", "StockReserved StockReleased");
}

#define BOTH(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, set_up_memory, tear_down),                               \
        cmocka_unit_test_setup_teardown(name, set_up_local, tear_down)
#define MEMORY_CASE(name) cmocka_unit_test_setup_teardown(name, set_up_memory, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_command_is_answered_once_however_often_it_is_sent),
        BOTH(an_answer_names_the_command_its_saga_and_a_span_of_its_trace),
        BOTH(a_participant_that_has_lost_its_checkpoint_does_nothing_twice),
        BOTH(a_handler_that_appends_nothing_has_succeeded),
        BOTH(a_refusal_is_answered_once_with_code_and_text),
        BOTH(an_undo_sees_what_its_do_has_appended),
        BOTH(an_undo_before_its_do_leaves_a_tombstone_and_the_do_has_no_effect),
        BOTH(after_a_crash_between_tombstone_and_answer_the_answer_follows),
        MEMORY_CASE(the_undo_of_a_do_that_failed_has_nothing_to_do),
        BOTH(a_handler_that_lost_a_race_is_called_again),
        MEMORY_CASE(races_have_an_end_and_are_then_tried_later),
        MEMORY_CASE(busy_commands_come_again_and_other_failures_end_the_run),
        MEMORY_CASE(a_participant_that_waits_is_stopped),
        MEMORY_CASE(a_run_ends_at_its_deadline_also_while_it_waits),
        MEMORY_CASE(a_broken_command_is_counted_and_reported_and_stops_nobody),
        MEMORY_CASE(events_that_are_no_commands_are_left_alone),
        MEMORY_CASE(a_command_without_a_handler_is_reported_when_nobody_has_answered_it),
        MEMORY_CASE(a_run_of_so_many_events_counts_over_its_interruptions),
        BOTH(two_runners_answer_each_command_once),
        BOTH(a_decider_answers_with_events_a_rejection_or_nothing),
        MEMORY_CASE(an_outbox_refuses_what_cannot_be_appended),
        MEMORY_CASE(invalid_arguments_are_refused),
        MEMORY_CASE(without_memory_nothing_is_lost_and_nothing_happens_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
