/* saga_run.c - sagas of four steps, to their end: how many a second, and how long a step takes.
 *
 * A fixed number of sagas is under way at once: for each that is done the next order is placed.
 * One thread follows commands and ends, and answers each command as soon as it sees it, by a
 * completion, so that the participants cost as little as possible. A second measurement has one
 * factum_participant for each service.
 *
 * For comparison the same commits are made by hand (saga_hand.c), ten for each saga: the order;
 * the manager's commit that begins the saga and sends the first command; and for each step the
 * answer of its participant, and the manager's commit that takes it and sends the next command
 * or ends the saga. By hand these ten are made one after another for as many sagas at once, by a
 * thread for each that waits for its commits, and then by completions; the faster of the two is
 * used. They have a store of their own, in which no sagas run. All take turns. */
#include "saga.h"

#include <factum/participant.h>
#include <factum/remote.h>

static const char *const order_saga =
    "saga: fulfil\n"
    "version: 1\n"
    "start: OrderPlaced\n"
    "id: .orderId\n"
    "keep: {orderId, quantity}\n"
    "defaults: {within: 10m, retry: {times: 3, from: 1s, to: 10s}}\n"
    "steps:\n"
    "  - reserve: {do: stock.Reserve, with: {orderId, quantity}, ok: StockReserved,\n"
    "              keep: {reservationId}, fail: StockUnavailable, undo: stock.Release,\n"
    "              undo_with: {orderId, reservationId}}\n"
    "  - charge: {do: payment.Charge, with: {orderId, quantity}, ok: PaymentReceived,\n"
    "             fail: PaymentDeclined, undo: payment.Refund, undo_with: {orderId}}\n"
    "  - ship: {do: shipping.HandOver, with: {orderId, reservationId}, ok: OrderShipped,\n"
    "           fail: ShipmentRefused, pivot: true, on_timeout: ask}\n"
    "  - receipt: {do: mail.Send, with: {orderId}, ok: ReceiptSent}\n";

static const struct {
    const char *service, *command, *answer, *data;
} services[SAGA_STEPS] = {
    {"stock", "stock.Reserve", "StockReserved", "{\"reservationId\":\"r-12345\"}"},
    {"payment", "payment.Charge", "PaymentReceived", "{\"paymentId\":\"p-12345\"}"},
    {"shipping", "shipping.HandOver", "OrderShipped", "{\"trackingNo\":\"T-12345\"}"},
    {"mail", "mail.Send", "ReceiptSent", "{}"},
};

static _Atomic uint64_t next_number = 1; /* of the next order */

/* ---- appends that nobody waits for ----------------------------------------------------------- */

/* An append of one event, which owns its texts. */
struct flight {
    factum_append_op op;
    factum_append_request request;
    factum_new_event event;
    factum_expectation any;
    size_t used;
    uint8_t bytes[2048];
};

static void flight_done(void *data, factum_append_op *const *ops, size_t count)
{
    (void)data;
    for (size_t i = 0; i < count; i++) {
        saga_must(ops[i]->status, "append", &ops[i]->err);
        free(ops[i]->data);
    }
}

static factum_slice put(struct flight *flight, factum_slice text)
{
    uint8_t *to = flight->bytes + flight->used;
    if (flight->used + text.len > sizeof flight->bytes)
        wl_die("append", "an event is too big");
    memcpy(to, text.ptr, text.len);
    flight->used += text.len;
    return (factum_slice){to, text.len};
}

static void send_event(factum_store *store, factum_slice stream, const char *type, const char *data,
                       factum_slice metadata, factum_slice key)
{
    static const factum_completer completer = {NULL, flight_done};
    factum_error err;
    struct flight *flight = calloc(1, sizeof *flight);
    flight->event.stream = put(flight, stream);
    flight->event.type = saga_slice(type);
    flight->event.data = put(flight, saga_slice(data));
    flight->event.metadata = put(flight, metadata);
    flight->any = (factum_expectation){flight->event.stream, factum_any()};
    flight->request = (factum_append_request){.size = sizeof flight->request,
                                              .events = &flight->event,
                                              .event_count = 1,
                                              .expectations = &flight->any,
                                              .expectation_count = 1,
                                              .idempotency_key = put(flight, key)};
    flight->op.size = sizeof flight->op;
    flight->op.request = &flight->request;
    flight->op.completer = &completer;
    flight->op.data = flight;
    saga_must(factum_append_submit(store, &flight->op, &err), "submit", &err);
}

static void place_order(factum_store *store)
{
    char id[SAGA_ID_LEN + 1], stream[32], data[64];
    const factum_slice none = {NULL, 0};
    saga_id(id, atomic_fetch_add(&next_number, 1));
    snprintf(stream, sizeof stream, "order-%s", id);
    snprintf(data, sizeof data, "{\"orderId\":\"%s\",\"quantity\":3}", id);
    send_event(store, saga_slice(stream), "OrderPlaced", data, none, none);
}

/* ---- the participants ------------------------------------------------------------------------ */

/* The text of the member |name| of metadata written by the store's own sagas. */
static factum_slice member(factum_slice metadata, const char *name)
{
    size_t len = strlen(name);
    const uint8_t *at = memmem(metadata.ptr, metadata.len, name, len);
    const uint8_t *end = metadata.ptr + metadata.len;
    const uint8_t *quote = at == NULL ? NULL : memchr(at + len, '"', (size_t)(end - at) - len);
    if (quote == NULL)
        wl_die("a command without", name);
    return (factum_slice){at + len, (size_t)(quote - at) - len};
}

static void answer(factum_store *store, const factum_event *event, int service)
{
    char metadata[1024];
    factum_slice id = member(event->metadata, "\"$commandId\":\"");
    factum_slice saga = member(event->metadata, "\"$sagaId\":\"");
    factum_slice flow = member(event->metadata, "\"$correlationId\":\"");
    factum_slice trace = member(event->metadata, "\"traceparent\":\"");
    int len =
        snprintf(metadata, sizeof metadata,
                 "{\"$causationId\":\"%.*s\",\"$correlationId\":\"%.*s\",\"$sagaId\":\"%.*s\","
                 "\"traceparent\":\"%.*s\"}",
                 (int)id.len, id.ptr, (int)flow.len, flow.ptr, (int)saga.len, saga.ptr,
                 (int)trace.len, trace.ptr);
    send_event(store, event->stream, services[service].answer, services[service].data,
               (factum_slice){(const uint8_t *)metadata, (size_t)len}, id);
}

static bool is_type(const factum_event *event, const char *type)
{
    return event->type.len == strlen(type) && memcmp(event->type.ptr, type, event->type.len) == 0;
}

/* ---- under way ------------------------------------------------------------------------------- */

struct drive {
    factum_store *store;
    factum_store *other; /* the store in which the same is made by hand */
    bool answers;        /* answer here; otherwise participants do */
    factum_subscription *subscription;
};

static void follow(struct drive *drive)
{
    factum_slice types[SAGA_STEPS + 1];
    factum_filter filter = {.size = sizeof filter, .types = types, .type_count = 1};
    factum_read_request request = {.size = sizeof request,
                                   .source = FACTUM_SOURCE_ALL,
                                   .from = FACTUM_FROM_END,
                                   .filter = &filter};
    factum_error err;
    types[0] = saga_slice("SagaDone");
    for (int i = 0; drive->answers && i < SAGA_STEPS; i++)
        types[filter.type_count++] = saga_slice(services[i].command);
    saga_must(factum_subscribe(drive->store, &request, &drive->subscription, &err), "subscribe",
              &err);
}

/* |count| sagas under way for |secs|; sagas per second, to the end of the last one. */
static double drive_sagas(struct drive *drive, int count, double secs)
{
    uint64_t from = wl_now(), done = 0, until = from + (uint64_t)(secs * 1e9);
    int under_way = count;
    factum_event event;
    factum_error err;
    for (int i = 0; i < count; i++)
        place_order(drive->store);
    while (under_way > 0) {
        factum_status status = factum_subscription_next(drive->subscription, 30000, &event, &err);
        if (status == FACTUM_TIMEOUT)
            wl_die("sagas", "none goes on");
        saga_must(status, "subscription", &err);
        if (status != FACTUM_OK)
            continue;
        for (int i = 0; i < SAGA_STEPS; i++) {
            if (is_type(&event, services[i].command))
                answer(drive->store, &event, i);
        }
        if (is_type(&event, "SagaDone")) {
            done++;
            if (wl_now() < until)
                place_order(drive->store);
            else
                under_way--;
        }
    }
    return (double)done / ((double)(wl_now() - from) / 1e9);
}

/* ---- factum_participant ---------------------------------------------------------------------- */

static struct {
    factum_participant *participant;
    pthread_t thread;
} threads[SAGA_STEPS];

static factum_status handle(void *data, const factum_command *command, factum_outbox *outbox,
                            factum_error *err)
{
    int i = (int)(intptr_t)data;
    (void)command;
    const factum_new_event event = {.type = saga_slice(services[i].answer),
                                    .data = saga_slice(services[i].data)};
    return factum_outbox_add(outbox, &event, factum_any(), err);
}

static void *participate(void *data)
{
    factum_error err;
    saga_must(factum_participant_run(data, NULL, &err), "participant", &err);
    return NULL;
}

static void start_participants(factum_store *store)
{
    factum_error err;
    for (int i = 0; i < SAGA_STEPS; i++) {
        const factum_participant_options options = {.size = sizeof options,
                                                    .service = saga_slice(services[i].service)};
        saga_must(factum_participant_open(store, &options, &threads[i].participant, &err),
                  "participant", &err);
        saga_must(factum_on_command(threads[i].participant, services[i].command, handle,
                                    (void *)(intptr_t)i, &err),
                  "participant", &err);
        if (pthread_create(&threads[i].thread, NULL, participate, threads[i].participant) != 0)
            wl_die("thread", NULL);
    }
}

static void stop_participants(void)
{
    for (int i = 0; i < SAGA_STEPS; i++) {
        factum_participant_stop(threads[i].participant);
        pthread_join(threads[i].thread, NULL);
        factum_participant_close(threads[i].participant);
    }
}

/* ---- how long a step takes ------------------------------------------------------------------- */

/* From the commit that sends a command to the one that takes its answer, by the store's times of
 * the sagas after the place |from|. */
static void measure_steps(factum_store *store, uint64_t from, wl_lat_t *times)
{
    const factum_slice types[] = {saga_slice("StepStarted"), saga_slice("StepSucceeded")};
    const factum_filter filter = {.size = sizeof filter, .types = types, .type_count = 2};
    const factum_read_request request = {.size = sizeof request,
                                         .source = FACTUM_SOURCE_ALL,
                                         .from = FACTUM_FROM_AFTER,
                                         .from_value = from,
                                         .filter = &filter};
    factum_cursor *cursor;
    factum_event event;
    factum_error err;
    int64_t sent = 0;
    saga_must(factum_read(store, &request, &cursor, &err), "steps", &err);
    while (factum_cursor_next(cursor, &event, &err) == FACTUM_OK) {
        if (is_type(&event, "StepStarted"))
            sent = event.created;
        else if (sent != 0)
            wl_lat_add(times, (uint64_t)(event.created - sent));
    }
    factum_cursor_close(cursor);
}

/* ---- the measurement ------------------------------------------------------------------------- */

static void emit_p(const char *peer, const char *metric, const char *param, wl_lat_t *times)
{
    char name[64];
    wl_lat_sort(times);
    snprintf(name, sizeof name, "%s_p50", metric);
    wl_emit(peer, name, param, wl_lat_us(times, 0.5), "us", 0);
    snprintf(name, sizeof name, "%s_p99", metric);
    wl_emit(peer, name, param, wl_lat_us(times, 0.99), "us", 0);
}

/* The results of one round. */
struct seen {
    double rate; /* sagas per second */
    double cpu;  /* microseconds of this process a saga */
};

static struct seen seen_of(double rate, uint64_t from, uint64_t cpu)
{
    double done = rate * ((double)(wl_now() - from) / 1e9);
    return (struct seen){rate, (double)(saga_cpu() - cpu) / 1e3 / done};
}

/* By threads, and by completions: the faster of the two. */
static struct seen by_hand(struct drive *drive, const struct hand *hand, int count, double secs,
                           wl_lat_t *times)
{
    uint64_t from = wl_now(), cpu = saga_cpu();
    struct seen waiting = seen_of(hand_run(drive->other, hand, count, secs / 2, times), from, cpu);
    from = wl_now(), cpu = saga_cpu();
    struct seen flowing = seen_of(hand_flow(drive->other, hand, count, secs / 2), from, cpu);
    return waiting.rate > flowing.rate ? waiting : flowing;
}

/* The lists are part of the measurement: their later work is waited for, and is part of the CPU
 * time. */
static struct seen by_sagas(struct drive *drive, int count, double secs)
{
    uint64_t from = wl_now(), cpu = saga_cpu();
    struct seen seen = seen_of(drive_sagas(drive, count, secs), from, cpu);
    double done = seen.rate * ((double)(wl_now() - from) / 1e9);
    saga_settle();
    seen.cpu = (double)(saga_cpu() - cpu) / 1e3 / done;
    return seen;
}

/* Rounds of both, in turns; emits the medians, and that of the rounds' ratios. */
static void measure(struct drive *drive, const struct hand *hand, int count, const char *kind,
                    wl_lat_t *times)
{
    wl_params_t p = wl_params();
    double hands[SAGA_REPS_MAX], sagas[SAGA_REPS_MAX], ratio[SAGA_REPS_MAX], cpu[SAGA_REPS_MAX];
    char param[64];
    int reps = p.reps < SAGA_REPS_MAX ? p.reps : SAGA_REPS_MAX;
    snprintf(param, sizeof param, "%d at once%s", count, kind);
    by_sagas(drive, count, p.secs / 4);
    for (int i = 0; i < reps; i++) {
        struct seen hand_seen = {0, 0};
        if (i % 2 == 0)
            hand_seen = by_hand(drive, hand, count, p.secs, times);
        struct seen saga_seen = by_sagas(drive, count, p.secs);
        if (i % 2 != 0)
            hand_seen = by_hand(drive, hand, count, p.secs, times);
        hands[i] = hand_seen.rate;
        sagas[i] = saga_seen.rate;
        ratio[i] = hand_seen.rate / saga_seen.rate;
        cpu[i] = saga_seen.cpu / hand_seen.cpu;
    }
    wl_emit_reps("hand", "sagas", param, hands, reps, "sagas/s");
    wl_emit_reps("factum", "sagas", param, sagas, reps, "sagas/s");
    wl_emit_reps("factum", "saga_time", param, ratio, reps, "x by hand");
    wl_emit_reps("factum", "saga_cpu", param, cpu, reps, "x by hand");
}

static uint64_t place_of(factum_store *store)
{
    uint64_t place;
    factum_error err;
    saga_must(factum_visible_place(store, &place, &err), "place", &err);
    return place;
}

/* All measurements, in |store|, where sagas run, and in |other|, where none do. |kind| is appended
 * to the names of the rows. */
static void measure_all(factum_store *store, factum_store *other, const char *kind)
{
    static const int counts[] = {1, 16, 64};
    struct drive drive = {.store = store, .other = other, .answers = true};
    wl_lat_t hand_times, step_times;
    char name[64];
    wl_lat_init(&hand_times);
    wl_lat_init(&step_times);
    follow(&drive);
    drive_sagas(&drive, 1, 0); /* saga number 1 is the one that is repeated by hand */
    struct hand *hand = hand_record(store, 1, 0, 10);
    uint64_t place = place_of(store);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        if (wl_env("SAGA_AT", counts[i]) != counts[i])
            continue;
        measure(&drive, hand, counts[i], kind, i == 0 ? &hand_times : NULL);
        if (i == 0)
            measure_steps(store, place, &step_times);
    }
    snprintf(name, sizeof name, "1 at once%s", kind);
    emit_p("hand", "saga_commit", name, &hand_times);
    emit_p("factum", "saga_step", name, &step_times);
    factum_subscription_close(drive.subscription);
    drive.answers = false;
    follow(&drive);
    start_participants(store);
    snprintf(name, sizeof name, "%s, factum_participant", kind);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (wl_env("SAGA_AT", counts[i]) == counts[i])
            measure(&drive, hand, counts[i], name, NULL);
    stop_participants();
    factum_subscription_close(drive.subscription);
    hand_free(hand);
}

int saga_run(const char *dir)
{
    factum_store *store = saga_store_open(dir, NULL);
    saga_deploy(store, order_saga);
    factum_sagas *sagas = saga_host(store, dir, NULL);
    saga_ready(sagas);
    factum_store *other = saga_store_open(hand_dir(dir), NULL);
    measure_all(store, other, "");
    saga_store_close(other);
    factum_sagas_info info = saga_figures(sagas);
    factum_sagas_close(sagas);
    saga_store_close(store);
    if (info.bad_count + info.stuck_count + info.conflict_count > 0)
        wl_die("sagas", "some did not go as they should");
    return 0;
}

/* A server with sagas, and one without. */
int saga_live(const char *ports)
{
    char address[64];
    factum_store *stores[2];
    factum_error err;
    int with, without;
    if (sscanf(ports, "%d,%d", &with, &without) != 2)
        wl_die("live", "two ports are needed");
    factum_remote_enable();
    for (int i = 0; i < 2; i++) {
        snprintf(address, sizeof address, "factum://127.0.0.1:%d", i == 0 ? with : without);
        saga_must(factum_open(address, NULL, &stores[i], &err), address, &err);
    }
    saga_deploy(stores[0], order_saga);
    measure_all(stores[0], stores[1], ", server");
    saga_store_close(stores[0]);
    saga_store_close(stores[1]);
    return 0;
}
