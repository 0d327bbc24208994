/* schema_crash.c - the registration of a schema on the simulated disk: stopped at each call that
 * changes the disk, with each sync lost, with no space for each write, with the store closed during
 * the registration, and stopped while it checks stored events.
 *
 * A store has some events and version 1 of a schema; version 2 is registered: the proof checks the
 * stored events, the version is appended to "$schemas", and the gate binds it. After any
 * interruption all acknowledged events are there. Version 2 exists whole or not at all, and
 * exists if it was acknowledged. The newest version of the store binds, both before the store is
 * closed and after it is opened again. A registration that failed can be made again. Version 1
 * binds in any case. Prints TAP.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <factum/async.h>
#include <factum/registry.h>

#include "api/store_int.h"
#include "core/check.h"
#include "core/slice.h"
#include "engine_local/local.h"
#include "gate/gate.h"
#include "os/thread.h"
#include "schema/registry_event.h"
#include "sim/sim_disk.h"
#include "support/fault.h"
#include "support/tap.h"

enum { EVENTS = 40, CLOSINGS = 60 };

#define SUBJECT "order/Placed"
#define FIRST "{\"required\":[\"qty\"],\"properties\":{\"qty\":{\"minimum\":1}}}"
#define SECOND "{\"required\":[\"qty\",\"sku\"],\"properties\":{\"qty\":{\"minimum\":1}}}"
/* What fits nothing, the first version, both. */
#define BAD "{\"qty\":0,\"sku\":\"A\"}"
#define OLD "{\"qty\":1}"
#define GOOD "{\"qty\":2,\"sku\":\"A\"}"

static char what_runs[128];

static void die(const char *what, const char *why)
{
    tap_fail("%s: %s (%s)", what, why, what_runs);
}

/* ---- a store --------------------------------------------------------------------------------- */

static factum_status open_store(const struct fct_os *os, bool threads, factum_store **store,
                                factum_error *err)
{
    const struct fct_local_options options = {
        .os = os,
        .mem = fct_mem_heap(),
        .path = "/store",
        .segment_size_first = 8 << 10,
        .segment_size_max = 8 << 10,
        .memtable_span_max = 2 << 10,
        .threads = threads,
    };
    struct factum_store *made = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *made);
    FCT_ASSERT(made != NULL);
    factum_status status = fct_engine_local_open(&made->engine, &options, err);
    if (status == FACTUM_OK) {
        status = fct_gate_put(&made->engine, NULL, err);
    }
    if (status != FACTUM_OK) {
        fct_mem_free(fct_mem_heap(), made);
        made = NULL;
    }
    *store = made;
    return status;
}

static factum_status put(factum_store *store, const char *data, factum_error *err)
{
    const factum_new_event event = {.type = FCT_SLICE("Placed"), .data = factum_slice_from(data)};
    return factum_append_stream(store, FCT_SLICE("order-1"), factum_any(), &event, 1, NULL, err);
}

static factum_status enroll(factum_store *store, const char *schema, factum_error *err)
{
    return factum_schema_register(store, FCT_SLICE(SUBJECT), factum_slice_from(schema), NULL, NULL,
                                  err);
}

static uint64_t count_events(factum_store *store)
{
    const factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_STREAM, .name = FCT_SLICE("order-1")};
    factum_error err;
    factum_cursor *cursor;
    factum_event event;
    uint64_t count = 0;
    if (factum_read(store, &request, &cursor, &err) != FACTUM_OK) {
        die("read", err.text);
    }
    factum_status status;
    while ((status = factum_cursor_next(cursor, &event, &err)) == FACTUM_OK) {
        count++;
    }
    factum_cursor_close(cursor);
    if (status != FACTUM_DONE) {
        die("read", err.text);
    }
    return count;
}

/* Returns the newest version in the store, and checks that it is whole. */
static uint64_t newest_version(factum_store *store)
{
    factum_error err;
    factum_schemas *schemas;
    factum_schema_version version = {.size = sizeof version};
    if (factum_schemas_open(store, &schemas, &err) != FACTUM_OK) {
        die("the registry cannot be read", err.text);
    }
    uint64_t newest = 0;
    while (factum_schemas_at(schemas, (size_t)newest, &version, &err) == FACTUM_OK) {
        const char *text = newest == 0 ? FIRST : SECOND;
        if (version.version != ++newest ||
            !fct_slice_equal(version.text, factum_slice_from(text))) {
            die("a version is not what was registered", SUBJECT);
        }
    }
    factum_schemas_close(schemas);
    return newest;
}

/* Checks that |version| binds, and no other. Appends an event that fits. Returns how many other
 * events were accepted. */
static uint64_t check_binds(factum_store *store, uint64_t version)
{
    factum_error err;
    if (put(store, BAD, &err) != FACTUM_SCHEMA_VIOLATION) {
        die("version 1 does not bind", err.text);
    }
    factum_status old = put(store, OLD, &err);
    if (version == 2 ? old != FACTUM_SCHEMA_VIOLATION : old != FACTUM_OK) {
        die(version == 2 ? "version 2 is in the store and does not bind"
                         : "version 2 is not in the store and binds",
            err.text);
    }
    if (put(store, GOOD, &err) != FACTUM_OK) {
        die("an event that fits is refused", err.text);
    }
    return version == 2 ? 1 : 2;
}

/* ---- interruptions --------------------------------------------------------------------------- */

/* What was acknowledged. */
struct known {
    uint64_t events;
    bool second;
    bool old; /* not that it was: an event that does not fit version 2 may be there */
};

/* A disk with a store that has its events and version 1. */
static struct fct_sim_disk *make_disk(bool locked)
{
    factum_error err;
    factum_store *store;
    struct fct_sim_disk *disk = fct_sim_disk_create(1, locked);
    FCT_ASSERT(disk != NULL);
    if (open_store(fct_sim_disk_os(disk), false, &store, &err) != FACTUM_OK) {
        die("open", err.text);
    }
    for (int i = 0; i < EVENTS; i++) {
        if (put(store, GOOD, &err) != FACTUM_OK) {
            die("append", err.text);
        }
    }
    if (enroll(store, FIRST, &err) != FACTUM_OK || factum_close(store, &err) != FACTUM_OK) {
        die("register", err.text);
    }
    return disk;
}

/* Appends an event, registers version 2, and appends another event, until something fails. A store
 * that continues after a failed registration enforces what its log contains. */
static void work(const struct fct_os *os, struct known *known)
{
    factum_error err;
    factum_store *store;
    *known = (struct known){.events = EVENTS};
    if (open_store(os, false, &store, &err) != FACTUM_OK) {
        return;
    }
    known->events += put(store, GOOD, &err) == FACTUM_OK;
    known->second = enroll(store, SECOND, &err) == FACTUM_OK;
    bool going = put(store, GOOD, &err) == FACTUM_OK;
    known->events += going;
    factum_status old = put(store, OLD, &err);
    if (known->second ? old == FACTUM_OK : old == FACTUM_SCHEMA_VIOLATION && going) {
        die("the version that binds is not the acknowledged one", err.text);
    }
    known->events += old == FACTUM_OK;
    known->old = old != FACTUM_SCHEMA_VIOLATION && going;
    factum_status closed = factum_close(store, &err);
    (void)closed; /* the disk may have stopped */
}

/* Opens the store twice: |known| is there, and the newest version binds. If version 2 is
 * missing, it is registered now; if a stored event does not fit it, the registration must report
 * the event. */
static void check(struct fct_sim_disk *image, const struct known *known)
{
    factum_error err;
    factum_store *store;
    uint64_t version = 0;
    for (int opening = 0; opening < 2; opening++) {
        if (open_store(fct_sim_disk_os(image), false, &store, &err) != FACTUM_OK) {
            die("open after a crash", err.text);
        }
        uint64_t found = newest_version(store);
        if (found < (known->second ? 2u : 1u) || (opening == 1 && found != version)) {
            die("a version is lost", SUBJECT);
        }
        if (count_events(store) < known->events) {
            die("an acknowledged event is lost", "order-1");
        }
        version = found;
        if (opening == 0 && version == 1 && !known->old) {
            factum_status again = enroll(store, SECOND, &err);
            if (again != FACTUM_OK) {
                die("the registration cannot be made again", err.text);
            }
            version = 2;
        }
        (void)check_binds(store, version);
        if (version == 1 && enroll(store, SECOND, &err) != FACTUM_SCHEMA_VIOLATION) {
            die("the proof has not seen an event that was stored", err.text);
        }
        if (factum_close(store, &err) != FACTUM_OK) {
            die("close", err.text);
        }
    }
}

/* How many changing calls opening, working and closing take. */
static uint64_t count_calls(const struct fct_sim_disk *start)
{
    struct known known;
    struct fct_sim_disk *disk = fct_sim_disk_clone(start);
    uint64_t before = fct_sim_disk_calls(disk);
    work(fct_sim_disk_os(disk), &known);
    if (!known.second || known.events != EVENTS + 2) {
        die("the work fails", "without any fault");
    }
    uint64_t calls = fct_sim_disk_calls(disk) - before;
    fct_sim_disk_destroy(disk);
    return calls;
}

static void say_run(const char *what, uint64_t at, unsigned mode)
{
    (void)snprintf(what_runs, sizeof what_runs, "%s at call %" PRIu64 ", crash mode %u", what, at,
                   mode);
}

static void crash_and_check(struct fct_sim_disk *disk, const struct known *known, unsigned mode,
                            uint64_t seed)
{
    struct fct_sim_disk *image = fct_sim_disk_crash(disk, (enum fct_crash_mode)mode, seed);
    FCT_ASSERT(image != NULL);
    check(image, known);
    fct_sim_disk_destroy(image);
}

/* Stops the disk at its |at|-th call, or loses the first sync from there on. */
static void interrupt(const struct fct_sim_disk *start, bool stop, uint64_t at)
{
    struct known known;
    struct fct_sim_disk *disk = fct_sim_disk_clone(start);
    uint64_t call = fct_sim_disk_calls(disk) + at;
    say_run(stop ? "stopped" : "a sync lost", at, 0);
    if (stop) {
        fct_sim_disk_stop_at(disk, call);
    } else {
        fct_sim_disk_lose_sync(disk, call);
    }
    work(fct_sim_disk_os(disk), &known);
    for (unsigned mode = 0; mode < FCT_CRASH_MODES; mode++) {
        say_run(stop ? "stopped" : "a sync lost", at, mode);
        crash_and_check(disk, &known, mode, at);
    }
    fct_sim_disk_destroy(disk);
}

/* The |at|-th call has no space, the next one has space again. False if there are fewer calls. */
static bool refuse_space(const struct fct_sim_disk *start, uint64_t at)
{
    struct known known;
    struct fct_fault fault;
    struct fct_sim_disk *disk = fct_sim_disk_clone(start);
    say_run("no space", at, FCT_CRASH_NONE);
    fct_fault_init(&fault, fct_sim_disk_os(disk));
    fault.kind = FCT_FAULT_ENOSPC;
    fault.at = at;
    work(&fault.os, &known);
    bool reached = atomic_load(&fault.calls) > at;
    crash_and_check(disk, &known, FCT_CRASH_NONE, at);
    fct_sim_disk_destroy(disk);
    return reached;
}

/* ---- closed during a registration ------------------------------------------------------------ */

/* A registration's append, given to the store and not waited for. */
struct flight {
    factum_append_op op;
    factum_append_request request;
    factum_expectation expectation;
    factum_new_event event;
    factum_completer completer;
    char data[512];
    _Atomic uint32_t ended;
};

static void wait_word(_Atomic uint32_t *word)
{
    while (atomic_load(word) == 0) {
        (void)fct_word_wait(word, 0, UINT64_MAX);
    }
}

static void flight_done(void *data, factum_append_op *const *ops, size_t count)
{
    struct flight *flight = data;
    (void)ops;
    atomic_fetch_add(&flight->ended, (uint32_t)count);
    fct_word_wake(&flight->ended, 1);
}

static void flight_make(struct flight *flight)
{
    static const char hash[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    int len = snprintf(flight->data, sizeof flight->data,
                       "{\"subject\":\"" SUBJECT "\",\"version\":2,\"id\":2,\"hash\":\"%s\","
                       "\"proof\":\"none\",\"schema\":" SECOND "}",
                       hash);
    flight->event = (factum_new_event){.stream = FCT_SLICE(FCT_SCHEMAS_STREAM),
                                       .type = FCT_SLICE(FCT_SCHEMA_REGISTERED),
                                       .data = fct_slice(flight->data, (size_t)len)};
    flight->expectation = (factum_expectation){flight->event.stream, factum_at(0)};
    flight->request = (factum_append_request){.size = sizeof flight->request,
                                              .events = &flight->event,
                                              .event_count = 1,
                                              .expectations = &flight->expectation,
                                              .expectation_count = 1,
                                              .system = true};
    flight->completer = (factum_completer){flight, flight_done};
    flight->op = (factum_append_op){
        .size = sizeof flight->op, .request = &flight->request, .completer = &flight->completer};
}

/* Cancels the append. The outcome decides which version binds now. Returns how many events were
 * stored. */
static uint64_t cancel_flight(factum_store *store, struct flight *flight)
{
    factum_error err;
    factum_append_cancel(store, &flight->op);
    wait_word(&flight->ended);
    bool written = flight->op.status == FACTUM_OK;
    factum_status old = put(store, OLD, &err);
    if (old != (written ? FACTUM_SCHEMA_VIOLATION : FACTUM_OK)) {
        die(written ? "a stored version does not bind" : "a cancelled version binds", err.text);
    }
    return written ? 0 : 1;
}

/* Closes the store right after the append was submitted, after it was cancelled, or after a later
 * event. Returns true if the append was cancelled. */
static bool close_in_flight(const struct fct_sim_disk *start, int round)
{
    static struct flight flight;
    factum_error err;
    factum_store *store;
    struct fct_sim_disk *disk = fct_sim_disk_clone(start);
    memset(&flight, 0, sizeof flight);
    flight_make(&flight);
    (void)snprintf(what_runs, sizeof what_runs, "closed in flight, round %d", round);
    if (open_store(fct_sim_disk_os(disk), true, &store, &err) != FACTUM_OK ||
        factum_append_submit(store, &flight.op, &err) != FACTUM_OK) {
        die("submit", err.text);
    }
    struct known known = {.events = EVENTS};
    if (round % 3 == 1) {
        known.events += cancel_flight(store, &flight);
        known.old = known.events > EVENTS;
    } else if (round % 3 == 2) {
        /* BUSY until the result of the registration is known */
        factum_status old = put(store, OLD, &err);
        if (old != FACTUM_BUSY && old != FACTUM_SCHEMA_VIOLATION) {
            die("a version under way does not bind", err.text);
        }
    }
    if (factum_close(store, &err) != FACTUM_OK) {
        die("close", err.text);
    }
    if (atomic_load(&flight.ended) != 1) {
        die("the append has not ended once", "");
    }
    if (flight.op.status != FACTUM_OK && flight.op.status != FACTUM_CANCELLED) {
        die("the append ended otherwise", flight.op.err.text);
    }
    known.second = flight.op.status == FACTUM_OK;
    crash_and_check(disk, &known, FCT_CRASH_NONE, 1);
    fct_sim_disk_destroy(disk);
    return flight.op.status == FACTUM_CANCELLED;
}

/* ---- stopped while stored events are checked ------------------------------------------------- */

/* A registration in its own thread; other threads stop it. */
struct proving {
    factum_store *store;
    struct fct_thread thread;
    _Atomic uint32_t begun;
    _Atomic uint32_t stop;
    factum_status status;
    factum_error err;
};

static void raise_word(_Atomic uint32_t *word)
{
    atomic_store(word, 1);
    fct_word_wake(word, 1);
}

/* Runs until it is asked to stop. */
static bool proving_step(void *data, uint64_t done, uint64_t total)
{
    struct proving *proving = data;
    (void)done;
    (void)total;
    raise_word(&proving->begun);
    wait_word(&proving->stop);
    return false;
}

static void proving_run(void *data)
{
    struct proving *proving = data;
    const factum_progress progress = {proving, proving_step};
    const factum_register_options options = {.size = sizeof options, .progress = &progress};
    proving->status = factum_schema_register(proving->store, FCT_SLICE("Bulk"), FCT_SLICE("true"),
                                             &options, NULL, &proving->err);
}

/* More events than one step of the proof checks. */
static void put_bulk(factum_store *store)
{
    static factum_new_event events[1000];
    factum_error err;
    for (size_t i = 0; i < 1000; i++) {
        events[i] = (factum_new_event){.type = FCT_SLICE("Bulk"), .data = FCT_SLICE("{}")};
    }
    for (int i = 0; i < 5; i++) {
        if (factum_append_stream(store, FCT_SLICE("bulk-1"), factum_any(), events, 1000, NULL,
                                 &err) != FACTUM_OK) {
            die("append", err.text);
        }
    }
}

static void stop_proof(const struct fct_sim_disk *start)
{
    static struct proving proving;
    factum_error err;
    struct fct_sim_disk *disk = fct_sim_disk_clone(start);
    (void)snprintf(what_runs, sizeof what_runs, "stopped in its proof");
    if (open_store(fct_sim_disk_os(disk), true, &proving.store, &err) != FACTUM_OK) {
        die("open", err.text);
    }
    put_bulk(proving.store);
    if (fct_thread_start(&proving.thread, "proving", proving_run, &proving, &err) != FACTUM_OK) {
        die("thread", err.text);
    }
    wait_word(&proving.begun);
    if (put(proving.store, GOOD, &err) != FACTUM_OK) {
        die("an append waits for a proof", err.text);
    }
    raise_word(&proving.stop);
    fct_thread_join(&proving.thread);
    if (proving.status != FACTUM_CANCELLED) {
        die("the registration did not end as cancelled", proving.err.text);
    }
    if (factum_close(proving.store, &err) != FACTUM_OK) {
        die("close", err.text);
    }
    const struct known known = {.events = EVENTS + 1};
    crash_and_check(disk, &known, FCT_CRASH_NONE, 1);
    fct_sim_disk_destroy(disk);
}

int main(void)
{
    struct fct_sim_disk *start = make_disk(true);
    uint64_t calls = count_calls(start);
    uint64_t at;
    for (at = 0; at <= calls; at++) {
        interrupt(start, true, at);
        interrupt(start, false, at);
    }
    tap_case(true, "stopped at each of %" PRIu64 " calls, and each sync lost", calls);
    for (at = 0; refuse_space(start, at); at++) {
    }
    tap_case(true, "no space at each of %" PRIu64 " calls", at);
    int cancelled = 0;
    for (int round = 0; round < CLOSINGS; round++) {
        cancelled += close_in_flight(start, round);
    }
    tap_case(true, "closed %d times during a registration, which is cancelled in %d of them",
             CLOSINGS, cancelled);
    stop_proof(start);
    tap_case(true, "stopped while stored events are checked");
    fct_sim_disk_destroy(start);
    return tap_end();
}
