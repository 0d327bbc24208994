/* schemas.c - the cost of a schema: appends of events that are checked, compared with appends
 * that are not, 64 in flight; and the check of a new version on stored events.
 *
 *   schemas DIRECTORY [EVENTS TO PROVE]      1,000,000 by default
 *
 * The two stores take turns, and the figure is the median of the rounds' ratios, so that other
 * work of the machine affects both alike. Appends are submitted from the completer, as a
 * server's loop submits them: one thread does all the checks. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <factum/factum.h>
#include <factum/registry.h>

#define IN_FLIGHT 64
#define ROUNDS 9
#define BATCH 1000
#define DATA_SIZE 512
#define TEXTS 1024

static const char schema[] =
    "{\"type\":\"object\",\"required\":[\"orderId\",\"customerId\",\"currency\",\"totalCents\"],"
    "\"properties\":{\"orderId\":{\"type\":\"string\",\"minLength\":8},"
    "\"customerId\":{\"type\":\"string\",\"pattern\":\"^C-[0-9]+$\"},"
    "\"currency\":{\"enum\":[\"EUR\",\"USD\"]},"
    "\"totalCents\":{\"type\":\"integer\",\"minimum\":0},\"express\":{\"type\":\"boolean\"},"
    "\"note\":{\"type\":[\"string\",\"null\"]},\"placedAt\":{\"type\":\"string\"},"
    "\"channel\":{\"type\":\"string\",\"maxLength\":40}},\"additionalProperties\":false}";

static char texts[TEXTS][DATA_SIZE];
static char streams[TEXTS][16];

static void die(const char *what, const factum_error *err)
{
    fprintf(stderr, "%s: %s\n", what, err->text);
    exit(1);
}

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

static uint64_t random_state = 8259;
static unsigned below(unsigned limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state % limit);
}

static void make_texts(void)
{
    for (unsigned i = 0; i < TEXTS; i++) {
        snprintf(streams[i], sizeof streams[i], "order-%u", i);
        snprintf(texts[i], DATA_SIZE,
                 "{\"orderId\":\"%08x-7d40-4f0e-9a77-2a4f8c%06x\",\"customerId\":\"C-%u\","
                 "\"currency\":\"%s\",\"totalCents\":%u,\"express\":%s,\"note\":%s,"
                 "\"placedAt\":\"2026-%02u-%02uT09:26:53.%03uZ\",\"channel\":\"%s\"}",
                 below(1u << 31), below(1u << 24), below(100000), below(2) ? "EUR" : "USD",
                 below(1000000), below(2) ? "true" : "false", below(3) ? "null" : "\"ring twice\"",
                 1 + below(12), 1 + below(28), below(1000), below(2) ? "web" : "branch 17");
    }
}

static factum_new_event event_of(unsigned i)
{
    return (factum_new_event){.stream = factum_slice_from(streams[i % TEXTS]),
                              .type = factum_slice_from("OrderPlaced"),
                              .data = factum_slice_from(texts[i % TEXTS])};
}

/* ---- appends in flight ----------------------------------------------------------------------- */

struct flight {
    factum_append_op op;
    factum_append_request request;
    factum_new_event event;
    factum_expectation expectation;
};

struct run {
    factum_store *store;
    factum_durability durability;
    factum_completer completer;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned started, ended, wanted;
    struct flight flights[IN_FLIGHT];
};

static void start_one(struct run *run, struct flight *flight)
{
    factum_error err;
    flight->event = event_of(run->started++);
    flight->expectation = (factum_expectation){flight->event.stream, factum_any()};
    flight->request = (factum_append_request){.size = sizeof flight->request,
                                              .events = &flight->event,
                                              .event_count = 1,
                                              .expectations = &flight->expectation,
                                              .expectation_count = 1,
                                              .durability = run->durability};
    memset(&flight->op, 0, sizeof flight->op);
    flight->op.size = sizeof flight->op;
    flight->op.request = &flight->request;
    flight->op.completer = &run->completer;
    flight->op.data = flight;
    if (factum_append_submit(run->store, &flight->op, &err) != FACTUM_OK) {
        die("submit", &err);
    }
}

static void on_done(void *data, factum_append_op *const *ops, size_t count)
{
    struct run *run = data;
    pthread_mutex_lock(&run->lock);
    for (size_t i = 0; i < count; i++) {
        if (ops[i]->status != FACTUM_OK) {
            die("append", &ops[i]->err);
        }
        run->ended++;
        if (run->started < run->wanted) {
            start_one(run, ops[i]->data);
        }
    }
    pthread_cond_signal(&run->changed);
    pthread_mutex_unlock(&run->lock);
}

/* Nanoseconds for each append. */
static double time_appends(factum_store *store, factum_durability durability, unsigned count)
{
    static struct run run;
    run = (struct run){.store = store,
                       .durability = durability,
                       .completer = {&run, on_done},
                       .lock = PTHREAD_MUTEX_INITIALIZER,
                       .changed = PTHREAD_COND_INITIALIZER,
                       .wanted = count};
    double begin = now();
    pthread_mutex_lock(&run.lock);
    for (unsigned i = 0; i < IN_FLIGHT; i++) {
        start_one(&run, &run.flights[i]);
    }
    while (run.ended < run.wanted) {
        pthread_cond_wait(&run.changed, &run.lock);
    }
    pthread_mutex_unlock(&run.lock);
    return (now() - begin) * 1e9 / count;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, by_value);
    return values[ROUNDS / 2];
}

static void compare(factum_store *plain, factum_store *checked, factum_durability durability,
                    unsigned count)
{
    double without[ROUNDS], with[ROUNDS], ratio[ROUNDS];
    for (int i = -1; i < ROUNDS; i++) { /* the first is not counted */
        double a = time_appends(plain, durability, count);
        double b = time_appends(checked, durability, count);
        if (i >= 0) {
            without[i] = a;
            with[i] = b;
            ratio[i] = b / a;
        }
    }
    printf("append, %d in flight, %-4s  %8.0f ns without  %8.0f ns checked  %.2f times\n",
           IN_FLIGHT, factum_durability_name(durability), median(without), median(with),
           median(ratio));
}

/* ---- the proof ------------------------------------------------------------------------------- */

static void store_events(factum_store *store, unsigned count)
{
    static factum_new_event events[BATCH];
    static factum_expectation expectations[BATCH];
    for (unsigned at = 0; at < count; at += BATCH) {
        factum_error err;
        for (unsigned i = 0; i < BATCH; i++) {
            events[i] = event_of(at + i);
            expectations[i] = (factum_expectation){events[i].stream, factum_any()};
        }
        const factum_append_request request = {.size = sizeof request,
                                               .events = events,
                                               .event_count = BATCH,
                                               .expectations = expectations,
                                               .expectation_count = BATCH,
                                               .durability = FACTUM_DURABILITY_OS};
        if (factum_append(store, &request, NULL, NULL, &err) != FACTUM_OK) {
            die("append", &err);
        }
    }
}

static void time_proof(factum_store *store, unsigned count)
{
    factum_error err;
    factum_registration done = {.size = sizeof done};
    double best = 1e9;
    store_events(store, count);
    for (int i = 0; i < 3; i++) {
        double begin = now();
        if (factum_schema_prove(store, factum_slice_from("OrderPlaced"), factum_slice_from(schema),
                                NULL, &done, &err) != FACTUM_OK) {
            die("prove", &err);
        }
        double took = now() - begin;
        best = took < best ? took : best;
    }
    printf("proof                       %" PRIu64 " events  %.0f events/s\n", done.proven_events,
           (double)done.proven_events / best);
}

static factum_store *open_in(const char *directory, const char *name)
{
    char path[4096];
    factum_error err;
    factum_store *store;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (factum_open(path, NULL, &store, &err) != FACTUM_OK) {
        die("open", &err);
    }
    return store;
}

int main(int argc, char **argv)
{
    factum_error err;
    unsigned count = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1000000;
    if (argc < 2 || count < BATCH) {
        fprintf(stderr, "usage: schemas DIRECTORY [EVENTS TO PROVE, at least 1000]\n");
        return 2;
    }
    make_texts();
    factum_store *plain = open_in(argv[1], "plain");
    factum_store *checked = open_in(argv[1], "checked");
    if (factum_schema_register(checked, factum_slice_from("OrderPlaced"), factum_slice_from(schema),
                               NULL, NULL, &err) != FACTUM_OK) {
        die("register", &err);
    }
    compare(plain, checked, FACTUM_DURABILITY_SYNC, 5000);
    compare(plain, checked, FACTUM_DURABILITY_OS, 50000);
    factum_store *stored = open_in(argv[1], "stored");
    time_proof(stored, count / BATCH * BATCH);
    factum_store *stores[] = {plain, checked, stored};
    for (size_t i = 0; i < 3; i++) {
        if (factum_close(stores[i], &err) != FACTUM_OK) {
            die("close", &err);
        }
    }
    return 0;
}
