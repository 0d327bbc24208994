/* decider.c - the cost of a decision compared with a bare append, and how fast events are folded.
 *
 *     decider DIR [SECONDS]
 *
 * Fold: a stream of events of some 250 bytes, read only; folded with a parser over <factum/json.h>;
 * folded with one that looks up each member by factum_json_member. Decide: 1, 16 and 64 threads,
 * each on streams of its own or all on one, by turns in one run: a bare append (same bytes, key and
 * expectations), a decision on a cached state, one on a state that is read. For both durabilities:
 * with "os" nothing waits for the disk, so that the work itself is visible.
 */
#include "workload.h"
#include <factum/factum.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
    FOLD_EVENTS = 200000,
    HISTORY = 20,
    ROUNDS = 5,
    THREADS_MAX = 64,
    STREAMS = 16,
    COLD_STREAMS = 4096
};

#define EVENT                                                                                      \
    "{\"orderId\":\"%s\",\"paymentId\":\"P-%08" PRIu64 "\",\"method\":\"card\",\"currency\":"      \
    "\"EUR\",\"amountCents\":%d,\"payer\":{\"name\":\"Ann Author\",\"email\":"                     \
    "\"ann@example.org\",\"address\":\"12 Long Street, 10115 Berlin\"},\"reference\":"             \
    "\"order 2025/0007712, second part\"}"

/* ---- the decider ----------------------------------------------------------------------------- */

typedef struct {
    factum_slice order_id, payment_id, method, email;
    int64_t amount_cents;
} paid_event;
typedef struct {
    int64_t paid, count;
} paid_state;
typedef struct {
    const char *order_id;
    uint64_t number;
} paid_command;

static bool type_is_paid(factum_slice type)
{
    return type.len == 15 && memcmp(type.ptr, "PaymentReceived", 15) == 0;
}
static factum_slice text_of(const factum_json *json, uint32_t object, const char *name)
{
    uint32_t v = factum_json_find(json, object, factum_slice_from(name));
    return v == FACTUM_JSON_NONE ? (factum_slice){0} : factum_json_inside(json, v);
}
static factum_status paid_event_parse(factum_slice type, factum_slice data, factum_arena *arena,
                                      paid_event *e, factum_error *err)
{
    factum_json_node nodes[64];
    factum_json json;
    (void)arena;
    if (!type_is_paid(type))
        return FACTUM_NOT_FOUND;
    factum_status s = factum_json_parse(data, NULL, nodes, 64, &json, err);
    if (s != FACTUM_OK)
        return s;
    e->order_id = text_of(&json, 0, "orderId");
    e->payment_id = text_of(&json, 0, "paymentId");
    e->method = text_of(&json, 0, "method");
    uint32_t payer = factum_json_find(&json, 0, factum_slice_from("payer"));
    e->email = payer == FACTUM_JSON_NONE ? (factum_slice){0} : text_of(&json, payer, "email");
    uint32_t amount = factum_json_find(&json, 0, factum_slice_from("amountCents"));
    return amount == FACTUM_JSON_NONE ? FACTUM_INVALID
                                      : factum_json_to_int64(&json, amount, &e->amount_cents);
}
static factum_slice paid_event_print(const paid_event *e, factum_json_writer *to)
{
    factum_json_put_object(to);
    factum_json_put_member_text(to, "orderId", e->order_id);
    factum_json_put_member_text(to, "paymentId", e->payment_id);
    factum_json_put_member_text(to, "method", e->method);
    factum_json_put_member_text(to, "currency", factum_slice_from("EUR"));
    factum_json_put_member_int64(to, "amountCents", e->amount_cents);
    factum_json_put_member(to, "payer");
    factum_json_put_object(to);
    factum_json_put_member_text(to, "name", factum_slice_from("Ann Author"));
    factum_json_put_member_text(to, "email", e->email);
    factum_json_put_member_text(to, "address", factum_slice_from("12 Long Street, 10115 Berlin"));
    factum_json_put_end(to);
    factum_json_put_member_text(to, "reference",
                                factum_slice_from("order 2025/0007712, second part"));
    factum_json_put_end(to);
    return factum_slice_from("PaymentReceived");
}
static void paid_evolve(paid_state *s, const paid_event *e, factum_arena *arena)
{
    (void)arena;
    s->paid += e->amount_cents;
    s->count++;
}
static factum_verdict paid_decide(const paid_state *s, const paid_command *c, factum_decision *out)
{
    char id[24];
    if (s->paid < 0)
        return factum_reject(out, "paid.negative", "%d", (int)s->paid);
    snprintf(id, sizeof id, "P-%08" PRIu64, c->number);
    paid_event e = {factum_slice_from(c->order_id), factum_slice_from(id),
                    factum_slice_from("card"), factum_slice_from("ann@example.org"), 100};
    return factum_emit(out, &e);
}
static void paid_command_print(const paid_command *c, factum_json_writer *to)
{
    factum_json_put_text(to, factum_slice_from(c->order_id));
    factum_json_put_int64(to, (int64_t)c->number);
}
FACTUM_DECIDER_DECLARE(paid, paid_state, paid_command, paid_event);
FACTUM_DECIDER(paid, 1);

/* The same with one scan of the text for each member. */
static factum_status slow_parse(factum_slice type, factum_slice data, factum_arena *arena,
                                void *event, factum_error *err)
{
    paid_event *e = event;
    factum_slice v;
    (void)arena;
    (void)err;
    if (!type_is_paid(type))
        return FACTUM_NOT_FOUND;
    bool well = factum_json_member(data, "orderId", &e->order_id) == FACTUM_OK &&
                factum_json_member(data, "paymentId", &e->payment_id) == FACTUM_OK &&
                factum_json_member(data, "method", &e->method) == FACTUM_OK &&
                factum_json_member(data, "payer.email", &e->email) == FACTUM_OK &&
                factum_json_member(data, "amountCents", &v) == FACTUM_OK &&
                factum_json_int64(v, &e->amount_cents) == FACTUM_OK;
    return well ? FACTUM_OK : FACTUM_INVALID;
}

static void must(factum_status s, const char *what, const factum_error *err)
{
    if (s < 0)
        wl_die(what, err->text);
}

/* ---- fold ------------------------------------------------------------------------------------ */

static void load_stream(factum_store *store, const char *stream, int events)
{
    enum { BATCH = 500 };
    static char data[BATCH][400];
    static factum_new_event batch[BATCH];
    factum_error err;
    for (int done = 0; done < events;) {
        int n = events - done < BATCH ? events - done : BATCH;
        for (int i = 0; i < n; i++) {
            snprintf(data[i], sizeof data[i], EVENT, stream, (uint64_t)(done + i), 100);
            batch[i] = (factum_new_event){.type = factum_slice_from("PaymentReceived"),
                                          .data = factum_slice_from(data[i])};
        }
        must(factum_append_stream(store, factum_slice_from(stream), factum_any(), batch, n, NULL,
                                  &err),
             "load", &err);
        done += n;
    }
}
static factum_read_request whole(const char *stream)
{
    return (factum_read_request){.size = sizeof(factum_read_request),
                                 .source = FACTUM_SOURCE_STREAM,
                                 .name = factum_slice_from(stream)};
}
static double read_only(factum_store *store)
{
    factum_read_request request = whole("fold-1");
    factum_cursor *cursor;
    factum_event event;
    factum_error err;
    uint64_t t0 = wl_now(), bytes = 0;
    must(factum_read(store, &request, &cursor, &err), "read", &err);
    while (factum_cursor_next(cursor, &event, &err) == FACTUM_OK)
        bytes += event.data.len;
    factum_cursor_close(cursor);
    if (bytes == 0)
        wl_die("read", "nothing");
    return FOLD_EVENTS / ((double)(wl_now() - t0) / 1e9);
}
static double fold_by(factum_store *store, const factum_decider *decider)
{
    factum_read_request request = whole("fold-1");
    factum_fold_info info = {.size = sizeof info};
    factum_fold *fold;
    factum_error err;
    uint64_t t0 = wl_now();
    must(factum_fold_create(decider, NULL, &fold, &err), "fold", &err);
    must(factum_fold_read(fold, store, &request, &err), "fold", &err);
    uint64_t t1 = wl_now();
    must(factum_fold_get(fold, &info, &err), "fold", &err);
    if (((const paid_state *)info.state)->paid != 100 * FOLD_EVENTS)
        wl_die("fold", "wrong sum");
    factum_fold_destroy(fold);
    return FOLD_EVENTS / ((double)(t1 - t0) / 1e9);
}
static int by_value(const void *a, const void *b)
{
    return *(const double *)a < *(const double *)b ? -1 : *(const double *)a > *(const double *)b;
}
static double median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, by_value);
    return values[ROUNDS / 2];
}
static void fold_section(factum_store *store)
{
    static factum_decider slow;
    double bare[ROUNDS], tape[ROUNDS], member[ROUNDS];
    slow = paid_decider;
    slow.parse = slow_parse;
    load_stream(store, "fold-1", FOLD_EVENTS);
    for (int i = 0; i < ROUNDS; i++) {
        bare[i] = read_only(store);
        tape[i] = fold_by(store, &paid_decider);
        member[i] = fold_by(store, &slow);
    }
    printf("fold, %d events of some 250 bytes, one thread, events/s (median of %d)\n", FOLD_EVENTS,
           ROUNDS);
    printf("  read only                  %10.0f\n", median(bare));
    printf("  fold, json.h (tape)        %10.0f\n", median(tape));
    printf("  fold, a scan per member    %10.0f\n", median(member));
}

/* ---- decide ---------------------------------------------------------------------------------- */

enum mode { BARE, WARM, COLD, MODES };
static const char *const mode_names[MODES] = {"bare append", "warm decision", "cold decision"};

struct worker {
    pthread_t thread;
    factum_store *store;
    factum_state_cache *cache;
    enum mode mode;
    bool one_stream;
    factum_durability durability;
    int number;
    int cold_streams; /* many, so that they stay short */
    uint64_t count, retries;
    uint64_t next[STREAMS]; /* revisions, of bare appends */
};
static atomic_bool stop;
static atomic_uint_fast64_t numbers;

static void stream_of(const struct worker *w, int i, char *name, size_t size)
{
    /* Each mode has streams of its own: appends of one mode would make the states of another
     * old. */
    if (w->one_stream)
        snprintf(name, size, "shared%d-%d", w->mode, w->durability);
    else
        snprintf(name, size, "own%d%d-%d-%d", w->mode, w->durability, w->number, i);
}
static void append_bare(struct worker *w, const char *stream, uint64_t *next, uint64_t number)
{
    /* The stamps of a decision, which also cost an index entry for each correlation id. */
    char data[400], key[32], metadata[200];
    factum_append_result result;
    factum_error err;
    snprintf(data, sizeof data, EVENT, stream, number, 100);
    snprintf(key, sizeof key, "command-%010" PRIu64, number);
    snprintf(metadata, sizeof metadata,
             "{\"$commandId\":\"%s\",\"$commandHash\":\"0123456789abcdef0123456789abcdef\","
             "\"$correlationId\":\"%s\"}",
             key, key);
    factum_new_event event = {.stream = factum_slice_from(stream),
                              .type = factum_slice_from("PaymentReceived"),
                              .data = factum_slice_from(data),
                              .metadata = factum_slice_from(metadata)};
    factum_expectation expectation = {event.stream,
                                      w->one_stream ? factum_any() : factum_at(*next - 1)};
    factum_append_request request = {.size = sizeof request,
                                     .events = &event,
                                     .event_count = 1,
                                     .expectations = &expectation,
                                     .expectation_count = 1,
                                     .idempotency_key = factum_slice_from(key),
                                     .durability = w->durability};
    must(factum_append(w->store, &request, &result, NULL, &err), "append", &err);
    *next = result.revision + 1;
}
static void decide(struct worker *w, const char *stream, uint64_t number)
{
    char id[32];
    factum_result result;
    factum_error err;
    snprintf(id, sizeof id, "command-%010" PRIu64, number);
    paid_command command = {stream, number};
    factum_transact_request request = {.size = sizeof request,
                                       .stream = factum_slice_from(stream),
                                       .command = &command,
                                       .command_id = factum_slice_from(id),
                                       .durability = w->durability,
                                       .retries_max = 1000000,
                                       .cache = w->mode == WARM ? w->cache : NULL};
    must(factum_transact(w->store, &paid_decider, &request, &result, &err), "decide", &err);
    w->retries += result.retries;
}
static void *work(void *data)
{
    struct worker *w = data;
    char stream[32];
    for (int i = 0; !atomic_load_explicit(&stop, memory_order_relaxed);
         i = (i + 1) % (w->mode == COLD ? w->cold_streams : STREAMS)) {
        uint64_t number = atomic_fetch_add(&numbers, 1);
        stream_of(w, i, stream, sizeof stream);
        if (w->mode == BARE)
            append_bare(w, stream, &w->next[i], number);
        else
            decide(w, stream, number);
        w->count++;
    }
    return NULL;
}
/* Commits a second. */
static double run(struct worker *workers, int threads, enum mode mode, double seconds,
                  uint64_t *retries)
{
    uint64_t count = 0;
    atomic_store(&stop, false);
    for (int i = 0; i < threads; i++) {
        workers[i].mode = mode;
        workers[i].count = workers[i].retries = 0;
        for (int j = 0; mode == BARE && j < STREAMS && !workers[i].one_stream; j++) {
            char name[32];
            factum_stream_info info = {.size = sizeof info};
            factum_error err;
            stream_of(&workers[i], j, name, sizeof name);
            must(factum_stream_info_get(workers[i].store, factum_slice_from(name), &info, &err),
                 "info", &err);
            workers[i].next[j] = info.last_revision + 1;
        }
    }
    uint64_t t0 = wl_now();
    for (int i = 0; i < threads; i++)
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    usleep((useconds_t)(seconds * 1e6));
    atomic_store(&stop, true);
    for (int i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        count += workers[i].count;
        *retries += workers[i].retries;
    }
    return count / ((double)(wl_now() - t0) / 1e9);
}
static void decide_section(factum_store *store, int threads, bool one_stream,
                           factum_durability durability, double seconds)
{
    static struct worker workers[THREADS_MAX];
    double rates[MODES][ROUNDS];
    uint64_t retries[MODES] = {0};
    factum_state_cache *cache;
    factum_error err;
    char name[32];
    must(factum_state_cache_create(store, NULL, &cache, &err), "cache", &err);
    for (int i = 0; i < threads; i++) {
        workers[i] = (struct worker){.store = store,
                                     .cache = cache,
                                     .one_stream = one_stream,
                                     .durability = durability,
                                     .number = i,
                                     .cold_streams = COLD_STREAMS / threads};
        for (int mode = BARE; mode < MODES; mode++) {
            workers[i].mode = mode;
            int streams = mode == COLD ? workers[i].cold_streams : STREAMS;
            for (int j = 0; j < streams; j++) {
                factum_stream_info info = {.size = sizeof info};
                stream_of(&workers[i], j, name, sizeof name);
                must(factum_stream_info_get(store, factum_slice_from(name), &info, &err), "info",
                     &err);
                if (info.state != FACTUM_STREAM_PRESENT)
                    load_stream(store, name, HISTORY);
            }
        }
    }
    for (int round = 0; round < ROUNDS; round++)
        for (int mode = BARE; mode < MODES; mode++)
            if (mode != COLD || !one_stream) /* a long stream's fold is measured by itself */
                rates[mode][round] = run(workers, threads, mode, seconds, &retries[mode]);
    double bare = median(rates[BARE]);
    for (int mode = BARE; mode < MODES; mode++) {
        if (mode == COLD && one_stream)
            continue;
        double rate = median(rates[mode]);
        printf("%-5s %2d threads, %-10s %-14s %8.0f/s  %5.2fx %s\n",
               factum_durability_name(durability), threads, one_stream ? "one stream" : "own",
               mode_names[mode], rate, bare / rate, retries[mode] > 0 ? "(races were lost)" : "");
        if (retries[mode] > 0)
            printf("      %.2f retries a command\n",
                   (double)retries[mode] / (rate * seconds * ROUNDS));
    }
    factum_state_cache_destroy(cache);
}

int main(int argc, char **argv)
{
    static const int counts[] = {1, 16, 64};
    factum_store *store;
    factum_error err;
    if (argc < 2) {
        fprintf(stderr, "usage: decider DIR [SECONDS]\n");
        return 2;
    }
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 0.5;
    const factum_store_options options = {
        .size = sizeof options, .durability = FACTUM_DURABILITY_OS}; /* used for the loads */
    must(factum_open(argv[1], &options, &store, &err), "open", &err);
    fold_section(store);
    printf("decide; the factor is time beside the bare append of the same row (median of %d)\n",
           ROUNDS);
    for (int durability = FACTUM_DURABILITY_SYNC; durability <= FACTUM_DURABILITY_OS; durability++)
        for (int one_stream = 0; one_stream < 2; one_stream++)
            for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
                decide_section(store, counts[i], one_stream != 0, (factum_durability)durability,
                               seconds);
    must(factum_close(store, &err), "close", &err);
    return 0;
}
