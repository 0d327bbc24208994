/* host_test.c - sagas on a thread, with real participants: to the end, back, through a restart, and
 * with several hosts at once. */
#include "support/test_store.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include <factum/participant.h>
#include <factum/sagas.h>

#include "core/slice.h"
#include "saga/instance.h"

#define WAIT_MS 20000

static const char order_saga[] =
    "saga: order_fulfilment\n"
    "version: 1\n"
    "start: OrderPlaced\n"
    "id: .orderId\n"
    "keep: {orderId, customerId, totalCents, lines}\n"
    "deadline: 5d\n"
    "defaults: {within: 30s, retry: {times: 3, from: 10ms, to: 50ms, jitter: none}}\n"
    "steps:\n"
    "  - reserve_stock:\n"
    "      do: stock.ReserveStock\n"
    "      with: {orderId, lines}\n"
    "      ok: StockReserved\n"
    "      keep: {reservationId}\n"
    "      fail: StockUnavailable\n"
    "      undo: stock.ReleaseStock\n"
    "      undo_with: {orderId, reservationId}\n"
    "  - charge_payment:\n"
    "      do: payment.Charge\n"
    "      with: {orderId, customerId, amountCents: .totalCents}\n"
    "      ok: PaymentReceived\n"
    "      keep: {paymentId}\n"
    "      fail: PaymentDeclined\n"
    "      within: 60s\n"
    "      undo: payment.Refund\n"
    "      undo_with: {orderId, paymentId}\n"
    "  - ship:\n"
    "      do: shipping.HandOver\n"
    "      with: {orderId}\n"
    "      ok: OrderShipped\n"
    "      keep: {trackingNo}\n"
    "      fail: ShipmentRefused\n"
    "      pivot: true\n"
    "      within: 48h\n"
    "  - parallel:\n"
    "      steps:\n"
    "        - send_receipt: {do: mail.SendReceipt, with: {orderId, trackingNo}, ok: ReceiptSent}\n"
    "        - close_order: {do: order.Complete, with: {orderId}, ok: OrderCompleted}\n"
    "undone: {do: order.Reject, with: {orderId, reason: .failure.code}}\n";

/* A participant that answers each command with one event. */
struct service {
    struct fixture *f;
    const char *name;
    const char *answers[3][3]; /* command, type of the answer, its data */
    factum_participant *participant;
    pthread_t thread;
    _Atomic int refuse; /* commands of the first type are refused so many times */
    _Atomic int counts[3];
};

#define SERVICES 5

struct fixture {
    factum_store *store;
    char dir[SCRATCH_SIZE];
    char path[SCRATCH_SIZE + 16];
    factum_error err;
    factum_sagas *sagas;
    factum_sagas *other; /* a second host */
    factum_saga *saga;
    struct service services[SERVICES];
    int service_count;
};

static factum_status answer(void *data, const factum_command *command, factum_outbox *outbox,
                            factum_error *err)
{
    struct service *s = data;
    for (int i = 0; i < 3 && s->answers[i][0] != NULL; i++) {
        if (!fct_slice_equal(command->type, factum_slice_from(s->answers[i][0]))) {
            continue;
        }
        atomic_fetch_add(&s->counts[i], 1);
        if (i == 0 && atomic_load(&s->refuse) > 0) {
            atomic_fetch_sub(&s->refuse, 1);
            return factum_outbox_refuse(outbox, "refused.by_test", "not this time");
        }
        if (s->answers[i][1] == NULL) {
            return FACTUM_OK;
        }
        const factum_new_event event = {.type = factum_slice_from(s->answers[i][1]),
                                        .data = factum_slice_from(s->answers[i][2])};
        return factum_outbox_add(outbox, &event, factum_any(), err);
    }
    return FACTUM_INVALID;
}

static void *serve(void *data)
{
    struct service *s = data;
    factum_error err;
    factum_status status = factum_participant_run(s->participant, NULL, &err);
    if (status != FACTUM_DONE && status != FACTUM_OK) {
        print_error("%s: %s\n", s->name, err.text);
    }
    return NULL;
}

static void start_service(struct fixture *f, struct service service)
{
    struct service *s = &f->services[f->service_count++];
    *s = service;
    s->f = f;
    const factum_participant_options options = {.size = sizeof options,
                                                .service = factum_slice_from(s->name)};
    assert_ok(factum_participant_open(f->store, &options, &s->participant, &f->err), f->err);
    for (int i = 0; i < 3 && s->answers[i][0] != NULL; i++) {
        assert_ok(factum_on_command(s->participant, s->answers[i][0], answer, s, &f->err), f->err);
    }
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void start_services(struct fixture *f, bool with_payment)
{
    start_service(f, (struct service){.name = "stock",
                                      .answers = {{"stock.ReserveStock", "StockReserved",
                                                   "{\"reservationId\":\"r1\"}"},
                                                  {"stock.ReleaseStock", "StockReleased", "{}"}}});
    start_service(f, (struct service){.name = "shipping",
                                      .answers = {{"shipping.HandOver", "OrderShipped",
                                                   "{\"trackingNo\":\"T-1\"}"}}});
    start_service(f, (struct service){.name = "mail",
                                      .answers = {{"mail.SendReceipt", "ReceiptSent", "{}"}}});
    start_service(f, (struct service){.name = "order",
                                      .answers = {{"order.Complete", "OrderCompleted", "{}"},
                                                  {"order.Reject", "OrderRejected", "{}"}}});
    if (with_payment) {
        start_service(
            f, (struct service){
                   .name = "payment",
                   .answers = {{"payment.Charge", "PaymentReceived", "{\"paymentId\":\"p1\"}"},
                               {"payment.Refund", "PaymentRefunded", "{}"}}});
    }
}

static void stop_services(struct fixture *f)
{
    for (int i = 0; i < f->service_count; i++) {
        factum_participant_stop(f->services[i].participant);
        (void)pthread_join(f->services[i].thread, NULL);
        factum_participant_close(f->services[i].participant);
    }
    f->service_count = 0;
}

static void write_log(void *data, factum_log_level level, const char *id, const char *text)
{
    (void)data;
    if (level <= FACTUM_LOG_WARN) {
        print_error("%s: %s\n", id, text);
    }
}

static void open_sagas(struct fixture *f)
{
    const factum_log_sink log = {.write = write_log};
    const factum_sagas_options options = {.size = sizeof options, .path = f->path, .log = &log};
    assert_ok(factum_sagas_open(f->store, &options, &f->sagas, &f->err), f->err);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    memset(f, 0, sizeof *f);
    *state = f;
    if (test_store_open(&f->store, true, f->dir, NULL, &f->err) != 0) {
        return 1;
    }
    (void)snprintf(f->path, sizeof f->path, "%s/models", f->dir);
    factum_saga_deploy_options options = {.size = sizeof options};
    options.act.size = sizeof options.act;
    assert_ok(factum_saga_load(factum_slice_from(order_saga), NULL, &f->saga, &f->err), f->err);
    assert_ok(factum_saga_deploy(f->store, f->saga, &options, NULL, NULL, &f->err), f->err);
    open_sagas(f);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    factum_sagas_close(f->sagas);
    factum_sagas_close(f->other);
    stop_services(f);
    factum_saga_free(f->saga);
    return test_store_close(f->store, f->dir, &f->err);
}

static void place_order(struct fixture *f, const char *id)
{
    char stream[64];
    char data[200];
    (void)snprintf(stream, sizeof stream, "order-%s", id);
    (void)snprintf(data, sizeof data,
                   "{\"orderId\":\"%s\",\"customerId\":\"c7\",\"totalCents\":1200,"
                   "\"lines\":[{\"sku\":\"A\",\"qty\":2}]}",
                   id);
    const factum_new_event event = {.type = factum_slice_from("OrderPlaced"),
                                    .data = factum_slice_from(data)};
    assert_ok(factum_append_stream(f->store, factum_slice_from(stream), factum_any(), &event, 1,
                                   NULL, &f->err),
              f->err);
}

/* The types of the events of a stream, with spaces between. */
static void types_of(struct fixture *f, const char *stream, const char *prefix, char *text,
                     size_t size)
{
    factum_cursor *cursor;
    factum_event event;
    text[0] = '\0';
    const factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_STREAM, .name = factum_slice_from(stream)};
    if (factum_read(f->store, &request, &cursor, &f->err) != FACTUM_OK) {
        return;
    }
    while (factum_cursor_next(cursor, &event, &f->err) == FACTUM_OK) {
        size_t len = strlen(text);
        if (fct_slice_starts(event.type, factum_slice_from(prefix))) {
            (void)snprintf(text + len, size - len, "%.*s ", (int)event.type.len,
                           (const char *)event.type.ptr);
        }
    }
    factum_cursor_close(cursor);
}

/* Waits until the saga's stream has an event |type|. */
static void wait_for(struct fixture *f, const char *id, const char *type)
{
    char stream[96];
    char text[4000];
    (void)snprintf(stream, sizeof stream, "saga:order_fulfilment-%s", id);
    for (int i = 0; i < WAIT_MS / 5; i++) {
        types_of(f, stream, "", text, sizeof text);
        if (strstr(text, type) != NULL) {
            return;
        }
        (void)usleep(5000);
    }
    print_error("%s has no %s: %s\n", stream, type, text);
    fail();
}

TEST(an_order_goes_to_its_end)
{
    struct fixture *f = *state;
    char text[4000];
    start_services(f, true);
    place_order(f, "42");
    wait_for(f, "42", "SagaDone");
    types_of(f, "saga:order_fulfilment-42", "S", text, sizeof text);
    assert_string_equal(text, "SagaStarted StepStarted StepSucceeded StepStarted StepSucceeded "
                              "StepStarted StepSucceeded StepStarted StepStarted StepSucceeded "
                              "StepSucceeded SagaDone ");
}

TEST(a_payment_that_is_declined_is_compensated)
{
    struct fixture *f = *state;
    char text[4000];
    start_services(f, true);
    atomic_store(&f->services[4].refuse, 1);
    place_order(f, "43");
    wait_for(f, "43", "SagaUndone");
    types_of(f, "command:stock-order_fulfilment-43", "", text, sizeof text);
    assert_string_equal(text, "stock.ReserveStock StockReserved stock.ReleaseStock StockReleased ");
    types_of(f, "command:payment-order_fulfilment-43", "", text, sizeof text);
    assert_string_equal(text, "payment.Charge CommandFailed ");
    types_of(f, "command:order-order_fulfilment-43", "", text, sizeof text);
    assert_string_equal(text, "order.Reject OrderRejected ");
}

static void deploy(struct fixture *f, const char *text)
{
    factum_saga *saga;
    factum_saga_deploy_options options = {.size = sizeof options};
    options.act.size = sizeof options.act;
    assert_ok(factum_saga_load(factum_slice_from(text), NULL, &saga, &f->err), f->err);
    assert_ok(factum_saga_deploy(f->store, saga, &options, NULL, NULL, &f->err), f->err);
    factum_saga_free(saga);
}

/* A second version, which waits for a payment only as long as a test can. */
static void deploy_impatient(struct fixture *f)
{
    static const char patient[] = "within: 60s";
    char text[sizeof order_saga + 16];
    const char *at = strstr(order_saga, patient);
    const char *version = strstr(order_saga, "version: 1");
    (void)snprintf(text, sizeof text, "%.*sversion: 2%.*swithin: 400ms%s",
                   (int)(version - order_saga), order_saga, (int)(at - version - 10), version + 10,
                   at + sizeof patient - 1);
    deploy(f, text);
}

TEST(a_silent_payment_is_undone_before_it_can_happen)
{
    struct fixture *f = *state;
    char text[4000];
    deploy_impatient(f);
    start_services(f, false);
    place_order(f, "44");
    wait_for(f, "44", "StepTimedOut");
    wait_for(f, "44", "UndoStarted");
    start_service(f, (struct service){.name = "payment",
                                      .answers = {{"payment.Charge", "PaymentReceived",
                                                   "{\"paymentId\":\"p1\"}"},
                                                  {"payment.Refund", "PaymentRefunded", "{}"}}});
    wait_for(f, "44", "SagaUndone");
    types_of(f, "command:payment-order_fulfilment-44", "", text, sizeof text);
    /* It takes the do first, late, then its undo. */
    assert_string_equal(text, "payment.Charge payment.Refund PaymentReceived PaymentRefunded ");
}

TEST(sagas_continue_after_a_restart)
{
    struct fixture *f = *state;
    char text[4000];
    place_order(f, "45");
    wait_for(f, "45", "StepStarted");
    factum_sagas_close(f->sagas);
    place_order(f, "46");
    start_services(f, true);
    open_sagas(f);
    wait_for(f, "45", "SagaDone");
    wait_for(f, "46", "SagaDone");
    types_of(f, "command:stock-order_fulfilment-45", "", text, sizeof text);
    assert_string_equal(text, "stock.ReserveStock StockReserved ");
}

TEST(two_hosts_fence_each_other)
{
    struct fixture *f = *state;
    char text[4000];
    char id[16];
    const factum_log_sink log = {.write = write_log};
    const factum_sagas_options options = {.size = sizeof options, .log = &log};
    assert_ok(factum_sagas_open(f->store, &options, &f->other, &f->err), f->err);
    start_services(f, true);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(id, sizeof id, "%d", 100 + i);
        place_order(f, id);
    }
    for (int i = 0; i < 100; i++) {
        char stream[96];
        (void)snprintf(id, sizeof id, "%d", 100 + i);
        wait_for(f, id, "SagaDone");
        (void)snprintf(stream, sizeof stream, "command:mail-order_fulfilment-%s", id);
        types_of(f, stream, "", text, sizeof text);
        assert_string_equal(text, "mail.SendReceipt ReceiptSent ");
    }
    uint64_t place;
    assert_ok(factum_visible_place(f->store, &place, &f->err), f->err);
    assert_ok(factum_sagas_wait(f->other, place, WAIT_MS, &f->err), f->err);
}

TEST(a_second_start_is_recorded_and_starts_nothing)
{
    struct fixture *f = *state;
    char text[4000];
    start_services(f, true);
    place_order(f, "47");
    wait_for(f, "47", "SagaDone");
    place_order(f, "47");
    wait_for(f, "47", "ReplyRecorded");
    types_of(f, "command:stock-order_fulfilment-47", "", text, sizeof text);
    assert_string_equal(text, "stock.ReserveStock StockReserved ");
}

TEST(waiting_is_for_what_follows)
{
    struct fixture *f = *state;
    uint64_t place;
    char text[4000];
    place_order(f, "48");
    assert_ok(factum_visible_place(f->store, &place, &f->err), f->err);
    assert_ok(factum_sagas_wait(f->sagas, place, WAIT_MS, &f->err), f->err);
    types_of(f, "saga:order_fulfilment-48", "S", text, sizeof text);
    assert_string_equal(text, "SagaStarted StepStarted ");
    factum_sagas_info info = {.size = sizeof info};
    assert_ok(factum_sagas_info_get(f->sagas, &info, &f->err), f->err);
    assert_int_equal(info.started_count, 1);
    assert_int_equal(info.open_count, 1);
}

static void append(struct fixture *f, const char *type, const char *data)
{
    const factum_new_event event = {.type = factum_slice_from(type),
                                    .data = factum_slice_from(data)};
    assert_ok(factum_append_stream(f->store, FCT_SLICE("other-1"), factum_any(), &event, 1, NULL,
                                   &f->err),
              f->err);
}

static void take_all(struct fixture *f)
{
    uint64_t place;
    assert_ok(factum_visible_place(f->store, &place, &f->err), f->err);
    assert_ok(factum_sagas_wait(f->sagas, place, WAIT_MS, &f->err), f->err);
}

TEST(replies_to_two_versions_wait_for_the_same_saga)
{
    struct fixture *f = *state;
    char text[8000];
    const char *place = strstr(order_saga, "        - close_order");
    assert_non_null(place);
    (void)snprintf(text, sizeof text,
                   "%.*s        - pack: {do: mail.Pack, with: {orderId}, "
                   "ok: OrderPacked}\n%s",
                   (int)(place - order_saga), order_saga, place);
    *(strstr(text, "version: ") + strlen("version: ")) = '2';
    append(f, "StockReserved", "{\"orderId\":\"60\",\"reservationId\":\"r1\"}");
    take_all(f);
    deploy(f, text);
    append(f, "OrderPacked", "{\"orderId\":\"60\"}");
    take_all(f);
    place_order(f, "60");
    take_all(f);
    types_of(f, "saga:order_fulfilment-60", "", text, sizeof text);
    assert_string_equal(text, "ReplyRecorded TimerSet ReplyRecorded SagaStarted TimerSet "
                              "StepStarted TimerSet ");
    factum_sagas_info info = {.size = sizeof info};
    assert_ok(factum_sagas_info_get(f->sagas, &info, &f->err), f->err);
    assert_int_equal(info.bad_count, 0);
}

static const char bulky_saga[] =
    "saga: bulky\n"
    "version: 1\n"
    "start: BulkyPlaced\n"
    "id: .id\n"
    "keep: {id, blob}\n"
    "deadline: 5d\n"
    "steps:\n"
    "  - parallel:\n"
    "      steps:\n"
    "        - left: {do: stock.Left, with: {a: .blob, b: .blob}, ok: LeftDone, undo: none, "
    "because: none}\n"
    "        - right: {do: stock.Right, with: {a: .blob, b: .blob}, ok: RightDone, undo: none, "
    "because: none}\n";

TEST(commands_that_the_store_refuses_are_stuck_each)
{
    struct fixture *f = *state;
    char text[4000];
    static char data[600064];
    size_t size = 600000;
    deploy(f, bulky_saga);
    int head = snprintf(data, 64, "{\"id\":\"1\",\"blob\":\"");
    memset(data + head, 'x', size);
    (void)snprintf(data + head + size, 8, "\"}");
    append(f, "BulkyPlaced", data);
    take_all(f);
    types_of(f, "saga:bulky-1", "", text, sizeof text);
    assert_string_equal(text, "SagaStarted TimerSet SagaStuck SagaStuck ");
    types_of(f, "command:stock-bulky-1", "", text, sizeof text);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(an_order_goes_to_its_end),
        FIXTURE_CASE(a_payment_that_is_declined_is_compensated),
        FIXTURE_CASE(a_silent_payment_is_undone_before_it_can_happen),
        FIXTURE_CASE(sagas_continue_after_a_restart),
        FIXTURE_CASE(two_hosts_fence_each_other),
        FIXTURE_CASE(a_second_start_is_recorded_and_starts_nothing),
        FIXTURE_CASE(waiting_is_for_what_follows),
        FIXTURE_CASE(replies_to_two_versions_wait_for_the_same_saga),
        FIXTURE_CASE(commands_that_the_store_refuses_are_stuck_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
