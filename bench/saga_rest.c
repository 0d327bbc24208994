/* saga_rest.c - timers, the start with running sagas, the checker, and the cost of a trace. */
#include "saga.h"

static const char *const late_saga =
    "saga: late\n"
    "version: 1\n"
    "start: LateBegun\n"
    "id: .orderId\n"
    "keep: {orderId, quantity}\n"
    "defaults: {within: 1h}\n"
    "steps:\n"
    "  - hold: {do: silent.Wait, with: {orderId, quantity}, ok: Waited, fail: NotWaited,\n"
    "           undo: none, because: \"nothing happens\", on_timeout: fail}\n";

/* ---- timers ---------------------------------------------------------------------------------- */

enum { TIMERS = 10000, TIMER_FLIGHTS = 1024 };

static _Atomic int64_t ahead; /* added to the machine's clocks */

static int64_t wall_now(void *data)
{
    struct timespec t;
    (void)data;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec + atomic_load(&ahead);
}

static int64_t monotonic_now(void *data)
{
    (void)data;
    return (int64_t)wl_now() + atomic_load(&ahead);
}

/* Seconds until |count| more sagas have started, or timers have fired. */
static double wait_for(factum_sagas *sagas, uint64_t from, bool fired, uint64_t count)
{
    for (;;) {
        factum_sagas_info info = saga_figures(sagas);
        if ((fired ? info.timer_count : info.started_count) >= count)
            return (double)(wl_now() - from) / 1e9;
        if (wl_now() - from > 60000000000u)
            wl_die("timers", "they do not come");
        wl_sleep_until(wl_now() + 200000);
    }
}

/* Makes all timers due now. The event wakes the host, which sleeps by the machine's clock. */
static uint64_t make_due(factum_store *store)
{
    atomic_fetch_add(&ahead, INT64_C(2) * 3600 * 1000000000);
    uint64_t from = wl_now();
    saga_starts(store, "ClockMoved", 0, 1);
    return from;
}

int saga_timers(const char *dir)
{
    static const factum_clock wall = {NULL, wall_now}, monotonic = {NULL, monotonic_now};
    double armed[SAGA_REPS_MAX], fired[SAGA_REPS_MAX], arm_ratio[SAGA_REPS_MAX],
        fire_ratio[SAGA_REPS_MAX];
    wl_params_t p = wl_params();
    int reps = p.reps < SAGA_REPS_MAX ? p.reps : SAGA_REPS_MAX;
    factum_store *store = saga_store_open(dir, &wall);
    saga_deploy(store, late_saga);
    factum_sagas *sagas = saga_host(store, dir, &monotonic);
    saga_ready(sagas);
    saga_starts(store, "LateBegun", 1, 1);
    wait_for(sagas, wl_now(), false, 1);
    wait_for(sagas, make_due(store), true, 1);
    factum_store *other = saga_store_open(hand_dir(dir), NULL);
    struct hand *arms = hand_record(store, 1, 0, 2); /* the order and the start of its saga */
    struct hand *fires = hand_record(store, 1, 2, 3);
    for (int i = 0; i < reps; i++) {
        uint64_t before = 1 + (uint64_t)i * TIMERS;
        uint64_t from = wl_now();
        saga_starts(store, "LateBegun", before + 1, TIMERS);
        armed[i] = wait_for(sagas, from, false, before + TIMERS);
        fired[i] = wait_for(sagas, make_due(store), true, before + TIMERS);
        saga_settle();
        arm_ratio[i] = armed[i] / hand_burst(other, arms, TIMERS, TIMER_FLIGHTS);
        fire_ratio[i] = fired[i] / hand_burst(other, fires, TIMERS, TIMER_FLIGHTS);
        armed[i] = TIMERS / armed[i];
        fired[i] = TIMERS / fired[i];
    }
    wl_emit_reps("factum", "timers", "armed", armed, reps, "/s");
    wl_emit_reps("factum", "timers", "fired, 10,000 due at once", fired, reps, "/s");
    wl_emit_reps("factum", "timers_time", "armed", arm_ratio, reps, "x by hand");
    wl_emit_reps("factum", "timers_time", "fired, 10,000 due at once", fire_ratio, reps,
                 "x by hand");
    factum_sagas_info info = saga_figures(sagas);
    factum_sagas_close(sagas);
    saga_store_close(store);
    saga_store_close(other);
    hand_free(arms);
    hand_free(fires);
    if (info.bad_count + info.stuck_count > 0 || info.open_count != 0)
        wl_die("timers", "some sagas did not end");
    return 0;
}

/* ---- the start ------------------------------------------------------------------------------- */

static uint64_t running_count(void)
{
    return (uint64_t)wl_env("SAGA_COUNT", 100000);
}

int saga_fill(const char *dir)
{
    factum_store *store = saga_store_open(dir, NULL);
    saga_deploy(store, late_saga);
    factum_sagas *sagas = saga_host(store, dir, NULL);
    saga_ready(sagas);
    double before = wl_mem_mb(getpid(), "RssAnon:");
    saga_starts(store, "LateBegun", 1, running_count());
    wait_for(sagas, wl_now(), false, running_count());
    double each = (wl_mem_mb(getpid(), "RssAnon:") - before) * 1048576 / (double)running_count();
    wl_emit("factum", "saga_memory", "just started, the store's too", each, "B each", 0);
    factum_sagas_close(sagas);
    sagas = saga_host(store, dir, NULL); /* the lists catch up too */
    saga_ready(sagas);
    factum_sagas_close(sagas);
    saga_store_close(store);
    return 0;
}

int saga_recover(const char *dir)
{
    double count = (double)running_count();
    uint64_t from = wl_now();
    factum_store *store = saga_store_open(dir, NULL);
    double opened = (double)(wl_now() - from) / 1e6;
    double before = wl_mem_mb(getpid(), "RssAnon:");
    factum_sagas *sagas = saga_host(store, dir, NULL);
    saga_ready(sagas);
    double ready = (double)(wl_now() - from) / 1e6;
    factum_sagas_info info = saga_figures(sagas);
    double each = (wl_mem_mb(getpid(), "RssAnon:") - before) * 1048576 / count;
    wl_emit("factum", "saga_start", "the store opened", opened, "ms", 0);
    wl_emit("factum", "saga_start", "ready", ready, "ms", 0);
    wl_emit("factum", "saga_memory", "after a start", each, "B each", 0);
    factum_sagas_close(sagas);
    saga_store_close(store);
    if (info.open_count != running_count())
        fprintf(stderr, "%" PRIu64 " sagas: ", info.open_count),
            wl_die("recover", "not all are there");
    return 0;
}

/* ---- the checker ----------------------------------------------------------------------------- */

static const char *const checked_saga =
    "saga: checked\n"
    "version: 1\n"
    "start: OrderPlaced\n"
    "id: .orderId\n"
    "keep: {orderId, lines, totalCents}\n"
    "deadline: 5d\n"
    "defaults: {within: 30s, retry: {times: 5, from: 500ms, to: 30s}}\n"
    "steps:\n"
    "  - reserve: {do: stock.Reserve, with: {orderId, lines}, ok: StockReserved,\n"
    "              keep: {reservationId}, fail: StockUnavailable, undo: stock.Release,\n"
    "              undo_with: {orderId, reservationId}}\n"
    "  - charge: {do: payment.Charge, with: {orderId, totalCents}, ok: PaymentReceived,\n"
    "             fail: PaymentDeclined, undo: payment.Refund, undo_with: {orderId}}\n"
    "  - ship: {do: shipping.HandOver, with: {orderId}, ok: OrderShipped,\n"
    "           keep: {trackingNo}, fail: ShipmentRefused, pivot: true, within: 48h}\n"
    "  - parallel:\n"
    "      steps:\n"
    "        - receipt: {do: mail.Send, with: {orderId, trackingNo}, ok: ReceiptSent}\n"
    "        - close: {do: order.Complete, with: {orderId}, ok: OrderCompleted}\n"
    "undone: {do: order.Reject, with: {orderId, reason: .failure.code}}\n";

int saga_check(const char *dir)
{
    double rate[SAGA_REPS_MAX];
    wl_params_t p = wl_params();
    int reps = p.reps < SAGA_REPS_MAX ? p.reps : SAGA_REPS_MAX;
    const factum_saga_bounds bounds = {.size = sizeof bounds, .generations = 2, .acts = 3};
    factum_saga *saga;
    factum_error err;
    double states = 0;
    (void)dir;
    saga_must(factum_saga_load(saga_slice(checked_saga), NULL, &saga, &err), "check", &err);
    for (int i = 0; i < reps; i++) {
        factum_saga_report report = {.size = sizeof report};
        uint64_t from = wl_now();
        saga_must(factum_saga_check(saga, &bounds, NULL, &report, &err), "check", &err);
        if (!report.sound || !report.complete)
            wl_die("check", report.broken_rule);
        states = (double)report.state_count;
        rate[i] = states / ((double)(wl_now() - from) / 1e9);
        factum_saga_report_free(&report);
    }
    factum_saga_free(saga);
    wl_emit("factum", "saga_check", "states of the example", states, "", 0);
    wl_emit_reps("factum", "saga_check", "states/s", rate, reps, "states/s");
    return 0;
}

/* ---- the cost of a trace for an append ------------------------------------------------------- */

enum { STAMP_FLIGHTS = 256, STAMP_SLICES = 8 };
#define TRACEPARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
#define FLOW "order-12345678"
/* What the store adds for a context, here written by the program. */
#define CARRIED ",\"$correlationId\":\"" FLOW "\",\"traceparent\":\"" TRACEPARENT "\"}"

enum { PLAIN, CARRIES, TRACED, STAMP_KINDS };

struct stamp_flight {
    factum_append_op op;
    factum_append_request request;
    factum_new_event event;
    factum_expectation any;
    wl_event made;
    char carried[256];
};
static struct {
    factum_store *store;
    factum_completer completer;
    int kind;
    wl_writer writer;
    uint64_t until;
    pthread_mutex_t lock;
    pthread_cond_t news;
    uint64_t done;
    int under_way;
} stamp = {.lock = PTHREAD_MUTEX_INITIALIZER, .news = PTHREAD_COND_INITIALIZER};

static void stamp_prepare(struct stamp_flight *f)
{
    static const factum_call call = {
        .size = sizeof call,
        .traceparent = {(const uint8_t *)TRACEPARENT, sizeof TRACEPARENT - 1},
        .correlation_id = {(const uint8_t *)FLOW, sizeof FLOW - 1}};
    wl_next(&stamp.writer, &f->made);
    f->event = (factum_new_event){.stream = {(const uint8_t *)f->made.name, f->made.name_len},
                                  .type = saga_slice(f->made.type),
                                  .data = {(const uint8_t *)f->made.data, f->made.data_len},
                                  .metadata = {(const uint8_t *)f->made.meta, f->made.meta_len}};
    if (stamp.kind == CARRIES) {
        size_t len = f->event.metadata.len - 1;
        memcpy(f->carried, f->event.metadata.ptr, len);
        memcpy(f->carried + len, CARRIED, sizeof CARRIED - 1);
        f->event.metadata = (factum_slice){(const uint8_t *)f->carried, len + sizeof CARRIED - 1};
    }
    memcpy(f->event.id.bytes, f->made.id, 16);
    f->any = (factum_expectation){f->event.stream, factum_any()};
    f->request = (factum_append_request){.size = sizeof f->request,
                                         .events = &f->event,
                                         .event_count = 1,
                                         .expectations = &f->any,
                                         .expectation_count = 1,
                                         .call = stamp.kind == TRACED ? &call : NULL};
}

static void stamp_submit(struct stamp_flight *f)
{
    factum_error err;
    stamp_prepare(f);
    memset(&f->op, 0, sizeof f->op);
    f->op.size = sizeof f->op;
    f->op.request = &f->request;
    f->op.completer = &stamp.completer;
    f->op.data = f;
    saga_must(factum_append_submit(stamp.store, &f->op, &err), "stamp", &err);
}

static void stamp_done(void *data, factum_append_op *const *ops, size_t count)
{
    int ended = 0;
    (void)data;
    stamp.done += count;
    for (size_t i = 0; i < count; i++) {
        saga_must(ops[i]->status, "stamp", &ops[i]->err);
        if (wl_now() < stamp.until)
            stamp_submit(ops[i]->data);
        else
            ended++;
    }
    pthread_mutex_lock(&stamp.lock);
    stamp.under_way -= ended;
    pthread_cond_signal(&stamp.news);
    pthread_mutex_unlock(&stamp.lock);
}

/* Appends in |secs|: by one thread that waits, or with |flights| under way. */
static double stamp_rate(int flights, double secs)
{
    static struct stamp_flight all[STAMP_FLIGHTS];
    uint64_t from = wl_now();
    factum_append_result result;
    factum_error err;
    stamp.until = from + (uint64_t)(secs * 1e9);
    stamp.done = 0;
    while (flights == 1 && wl_now() < stamp.until) {
        stamp_prepare(&all[0]);
        saga_must(factum_append(stamp.store, &all[0].request, &result, NULL, &err), "stamp", &err);
        stamp.done++;
    }
    if (flights > 1) {
        pthread_mutex_lock(&stamp.lock);
        stamp.under_way = flights;
        for (int i = 0; i < flights; i++)
            stamp_submit(&all[i]);
        while (stamp.under_way > 0)
            pthread_cond_wait(&stamp.news, &stamp.lock);
        pthread_mutex_unlock(&stamp.lock);
    }
    return (double)stamp.done / ((double)(wl_now() - from) / 1e9);
}

/* Short slices of all three in turns, so that other work of the machine affects them alike. CPU
 * time is that of this process, so that other processes matter less. */
static void stamp_measure(int flights, const char *param)
{
    enum { MAX = SAGA_REPS_MAX * STAMP_SLICES };
    static const char *const names[] = {"append_plain", "append_carries", "append_traced"};
    wl_params_t p = wl_params();
    double rates[STAMP_KINDS][MAX], cpu[STAMP_KINDS][MAX], times[MAX], costs[MAX], all[MAX];
    int count = (p.reps < SAGA_REPS_MAX ? p.reps : SAGA_REPS_MAX) * STAMP_SLICES;
    for (int i = 0; i < count; i++) {
        for (int turn = 0; turn < STAMP_KINDS; turn++) {
            uint64_t before = saga_cpu();
            stamp.kind = i % 2 == 0 ? turn : STAMP_KINDS - 1 - turn;
            rates[stamp.kind][i] = stamp_rate(flights, p.secs / 4);
            cpu[stamp.kind][i] = (double)(saga_cpu() - before) / (double)stamp.done;
        }
        times[i] = rates[CARRIES][i] / rates[TRACED][i];
        costs[i] = cpu[TRACED][i] / cpu[CARRIES][i];
        all[i] = rates[PLAIN][i] / rates[TRACED][i];
    }
    for (int kind = 0; kind < STAMP_KINDS; kind++)
        wl_emit("factum", names[kind], param, wl_median(rates[kind], count), "/s", 0);
    wl_emit("factum", "append_traced_time", param, wl_median(times, count), "x carries", 0);
    wl_emit("factum", "append_traced_cpu", param, wl_median(costs, count), "x carries", 0);
    wl_emit("factum", "append_traced_all", param, wl_median(all, count), "x plain", 0);
}

int saga_stamp(const char *dir)
{
    uint64_t *versions = calloc(10000, sizeof *versions);
    stamp.store = saga_store_open(dir, NULL);
    stamp.completer = (factum_completer){NULL, stamp_done};
    wl_writer_init(&stamp.writer, versions, 10000, 0, 1, 0);
    stamp_measure(1, "1 at once");
    stamp_measure(STAMP_FLIGHTS, "256 at once");
    saga_store_close(stamp.store);
    free(versions);
    return 0;
}
