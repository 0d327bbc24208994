/* factum.c - Factum as a backend of embedded.c, through its public API only. */
#include "backend.h"
#include <factum/factum.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

enum { BATCH_MAX = 1000, TAGS = 1000 };

static factum_slice slice(const void *p, size_t n)
{
    return (factum_slice){p, n};
}
static void must(factum_status s, const char *what, const factum_error *err)
{
    if (s < 0)
        wl_die(what, err->text);
}
static void fill(factum_new_event *to, const wl_event *e)
{
    *to = (factum_new_event){
        .stream = slice(e->name, e->name_len),
        .type = slice(e->type, e->type_len),
        .data = slice(e->data, e->data_len),
        .metadata = slice(e->meta, e->meta_len),
    };
    memcpy(to->id.bytes, e->id, 16);
}
static factum_expected expected_before(uint64_t version)
{
    return version ? factum_at(version - 1) : factum_no_stream();
}

/* With WL_TAGS each event of a batch has one of TAGS tags, by its number; otherwise none. */
static const factum_slice *tags(void)
{
    static char names[TAGS][16];
    static factum_slice slices[TAGS];
    if (!getenv("WL_TAGS"))
        return NULL;
    for (int i = 0; i < TAGS && !slices[i].ptr; i++)
        slices[i] =
            slice(names[i], (size_t)snprintf(names[i], sizeof names[i], "customer:%03d", i));
    return slices;
}
static const factum_slice *tag_of(const factum_slice *all, uint64_t n)
{
    return &all[wl_mix(n ^ 0x7461675e) % TAGS];
}

void *factum_bench_open(const char *dir, bool relaxed)
{
    factum_store *store;
    factum_error err;
    (void)relaxed;
    must(factum_open(dir, NULL, &store, &err), "factum open", &err);
    return store;
}
void factum_bench_close(void *db)
{
    factum_error err;
    must(factum_close(db, &err), "factum close", &err);
}

/* One expectation for each distinct stream: where its first event of the batch must go. */
typedef struct {
    factum_new_event ev[BATCH_MAX];
    factum_expectation ex[BATCH_MAX];
    uint32_t table[4096]; /* stream + 1 -> seen in this batch */
    uint32_t stamp[4096];
    uint32_t now;
} batch;

static bool first_of_batch(batch *b, uint32_t stream)
{
    uint32_t at = (stream * 2654435761u) & 4095;
    while (b->stamp[at] == b->now) {
        if (b->table[at] == stream)
            return false;
        at = (at + 1) & 4095;
    }
    b->stamp[at] = b->now;
    b->table[at] = stream;
    return true;
}
void factum_bench_append(void *db, wl_event *const *ev, int n)
{
    static _Thread_local batch *b;
    static _Thread_local const factum_slice *all;
    factum_append_result result;
    factum_error err;
    if (!b) {
        if (!(b = calloc(1, sizeof *b)))
            wl_die("calloc", NULL);
        all = tags();
    }
    size_t streams = 0;
    b->now++;
    for (int i = 0; i < n; i++) {
        fill(&b->ev[i], ev[i]);
        if (all) {
            b->ev[i].tags = tag_of(all, ev[i]->n);
            b->ev[i].tag_count = 1;
        }
        if (n == 1 || first_of_batch(b, ev[i]->stream))
            b->ex[streams++] =
                (factum_expectation){b->ev[i].stream, expected_before(ev[i]->version)};
    }
    factum_append_request request = {
        .size = sizeof request,
        .events = b->ev,
        .event_count = (size_t)n,
        .expectations = b->ex,
        .expectation_count = streams,
    };
    must(factum_append(db, &request, &result, NULL, &err), "factum append", &err);
    if (result.already || result.revision != ev[n - 1]->version)
        wl_die("factum", "wrong revision");
}

static void consume(factum_store *store, const factum_read_request *request, wl_sink *s)
{
    factum_cursor *cursor;
    factum_event event;
    factum_error err;
    factum_status status = factum_read(store, request, &cursor, &err);
    must(status, "factum read", &err);
    while ((status = factum_cursor_next(cursor, &event, &err)) == FACTUM_OK)
        wl_consume(s, event.data.ptr, event.data.len, event.metadata.ptr, event.metadata.len);
    must(status, "factum next", &err);
    factum_cursor_close(cursor);
}
void factum_bench_replay(void *db, wl_sink *s)
{
    factum_read_request request = {.size = sizeof request};
    consume(db, &request, s);
}
void factum_bench_stream(void *db, const char *name, wl_sink *s)
{
    factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_STREAM, .name = slice(name, strlen(name))};
    consume(db, &request, s);
}
static void bench_absent(const char *as, const char *dir)
{
    void *db = factum_bench_open(dir, false);
    wl_lat_t lat;
    wl_lat_init(&lat);
    for (uint32_t i = 0; i < 100000; i++) {
        char name[32];
        factum_stream_info info = {.size = sizeof info};
        factum_error err;
        snprintf(name, sizeof name, "absent-%08x", i * 2654435761u);
        uint64_t t0 = wl_now();
        must(factum_stream_info_get(db, slice(name, strlen(name)), &info, &err), "info", &err);
        wl_lat_add(&lat, wl_now() - t0);
        if (info.state != FACTUM_STREAM_ABSENT)
            wl_die(name, "exists");
    }
    wl_lat_sort(&lat);
    wl_emit(as, "absent_p50", "a stream that is not there", wl_lat_us(&lat, .5), "us", 0);
    wl_emit(as, "absent_p99", "a stream that is not there", wl_lat_us(&lat, .99), "us", 0);
    free(lat.v);
    factum_bench_close(db);
}

/* ---- query: the first 100 events of two types and one tag, beside those of the tag ----------- */

enum { FIRST = 100 };

/* Prints the time to the first FIRST events of |request|, which must find as many. */
static uint64_t time_first(factum_store *store, const factum_read_request *request,
                           factum_slice tag, const factum_slice *types, size_t type_count)
{
    factum_cursor *cursor;
    factum_event event;
    factum_error err;
    wl_sink s = {0};
    bool right = true;
    uint64_t t0 = wl_now();
    must(factum_read(store, request, &cursor, &err), "factum read", &err);
    for (int i = 0; i < FIRST; i++) {
        factum_status status = factum_cursor_next(cursor, &event, &err);
        must(status, "factum next", &err);
        if (status != FACTUM_OK && wl_params().events >= 1000000)
            wl_die("query", "too few events");
        if (status != FACTUM_OK)
            break; /* a quick run on a small load */
        wl_consume(&s, event.data.ptr, event.data.len, event.metadata.ptr, event.metadata.len);
        bool typed = type_count == 0;
        for (size_t j = 0; j < type_count; j++)
            typed |= event.type.len == types[j].len &&
                     !memcmp(event.type.ptr, types[j].ptr, types[j].len);
        right &= typed && event.tag_count == 1 && event.tags[0].len == tag.len &&
                 !memcmp(event.tags[0].ptr, tag.ptr, tag.len);
    }
    uint64_t took = wl_now() - t0;
    factum_cursor_close(cursor);
    if (!right)
        wl_die("query", "wrong events");
    return took;
}
static void bench_query(const char *as, const char *dir)
{
    enum { PROBES = 2000 };
    factum_store *store = factum_bench_open(dir, false);
    const factum_slice *all = tags();
    const factum_slice types[2] = {factum_slice_from("ItemAdded"),
                                   factum_slice_from("OrderPlaced")};
    factum_query_item item = {.types = types, .type_count = 2, .tag_count = 1};
    const factum_query query = {&item, 1};
    factum_read_request by_query = {.size = sizeof by_query,
                                    .source = FACTUM_SOURCE_QUERY,
                                    .query = &query,
                                    .from = FACTUM_FROM_AFTER};
    factum_read_request by_tag = {
        .size = sizeof by_tag, .source = FACTUM_SOURCE_TAG, .from = FACTUM_FROM_AFTER};
    factum_error err;
    uint64_t end = 0;
    wl_lat_t lat[2];
    if (!all)
        wl_die("query", "the load needs WL_TAGS");
    must(factum_visible_place(store, &end, &err), "factum place", &err);
    wl_lat_init(&lat[0]);
    wl_lat_init(&lat[1]);
    for (uint32_t i = 0; i < 2 * PROBES; i++) {
        uint64_t took[2];
        for (int k = 0; k < 2;
             k++) { /* at another place, because the events of the first are cached */
            uint64_t r = wl_mix(2 * (i % PROBES) + (uint32_t)k);
            factum_slice tag = all[r % TAGS];
            /* anywhere in the first half, so that 100 follow */
            uint64_t place = (uint64_t)((double)(r >> 40) / (1 << 24) * 0.5 * (double)end);
            item.tags = &tag;
            by_tag.name = tag;
            by_query.from_value = by_tag.from_value = place;
            took[k] = k == 0 ? time_first(store, &by_query, tag, types, 2)
                             : time_first(store, &by_tag, tag, NULL, 0);
        }
        for (int k = 0; k < 2 && i >= PROBES; k++) /* the first round warms the caches */
            wl_lat_add(&lat[k], took[k]);
    }
    for (int k = 0; k < 2; k++) {
        const char *what = k ? "first 100 of a tag" : "first 100 of two types x one tag";
        wl_lat_sort(&lat[k]);
        wl_emit(as, "query_p50", what, wl_lat_us(&lat[k], .5), "us", 0);
        wl_emit(as, "query_p99", what, wl_lat_us(&lat[k], .99), "us", 0);
        free(lat[k].v);
    }
    factum_bench_close(store);
}

void factum_bench_each(void *db,
                       void (*each)(void *arg, const char *name, size_t name_len, const char *data,
                                    size_t len, uint64_t position),
                       void *arg)
{
    factum_read_request request = {.size = sizeof request};
    factum_cursor *cursor;
    factum_event event;
    factum_error err;
    factum_status status = factum_read(db, &request, &cursor, &err);
    must(status, "factum read", &err);
    while ((status = factum_cursor_next(cursor, &event, &err)) == FACTUM_OK)
        each(arg, (const char *)event.stream.ptr, event.stream.len, (const char *)event.data.ptr,
             event.data.len, event.position);
    must(status, "factum next", &err);
    factum_cursor_close(cursor);
}
double factum_bench_ahead(const char *dir)
{
    factum_store *store;
    factum_error err;
    factum_info info = {.size = sizeof info};
    factum_store_options options = {.size = sizeof options, .read_only = true};
    must(factum_open(dir, &options, &store, &err), "factum open", &err);
    must(factum_info_get(store, &info, &err), "factum info", &err);
    double ahead = (double)info.prepared_bytes;
    must(factum_close(store, &err), "factum close", &err);
    return ahead;
}

/* ---- a256: one application thread, 256 appends in flight ------------------------------------- */

typedef struct {
    factum_append_op op;
    factum_append_request request;
    factum_new_event ev;
    factum_expectation ex;
    wl_event event;
    uint64_t sent;
    struct flight *of;
} seat;
typedef struct flight {
    factum_store *store;
    wl_writer *w;
    wl_lat_t *lat;
    _Atomic uint64_t done;
    _Atomic bool stop;
    _Atomic int landed;
    seat *seats;
} flight;

static void send_next(seat *s)
{
    factum_error err;
    wl_next(s->of->w, &s->event);
    fill(&s->ev, &s->event);
    s->ex = (factum_expectation){s->ev.stream, expected_before(s->event.version)};
    s->sent = wl_now();
    must(factum_append_submit(s->of->store, &s->op, &err), "factum submit", &err);
}
static void landed(void *data, factum_append_op *const *ops, size_t count)
{
    flight *f = data;
    for (size_t i = 0; i < count; i++) {
        seat *s = ops[i]->data;
        must(ops[i]->status, "factum completion", &ops[i]->err);
        if (ops[i]->result.revision != s->event.version)
            wl_die("factum", "wrong revision");
        wl_lat_add(f->lat, wl_now() - s->sent);
        f->done++;
        if (f->stop)
            f->landed++;
        else
            send_next(s);
    }
}
static void run_async(factum_store *store, uint64_t *ver, const wl_params_t *p)
{
    enum { IN_FLIGHT = 256 };
    wl_writer w;
    wl_lat_t lat;
    flight f = {.store = store, .w = &w, .lat = &lat, .seats = calloc(IN_FLIGHT, sizeof(seat))};
    factum_completer completer = {&f, landed};
    wl_writer_init(&w, ver, p->streams, 0, 1, (uint64_t)30 << 40);
    wl_lat_init(&lat);
    for (int i = 0; i < IN_FLIGHT; i++) {
        seat *s = &f.seats[i];
        s->of = &f;
        s->request = (factum_append_request){.size = sizeof s->request,
                                             .events = &s->ev,
                                             .event_count = 1,
                                             .expectations = &s->ex,
                                             .expectation_count = 1};
        s->op = (factum_append_op){
            .size = sizeof s->op, .request = &s->request, .completer = &completer, .data = s};
    }
    /* Before the first completion may use the writer, all first events are made. */
    factum_error err;
    for (int i = 0; i < IN_FLIGHT; i++) {
        seat *s = &f.seats[i];
        wl_next(&w, &s->event);
        fill(&s->ev, &s->event);
        s->ex = (factum_expectation){s->ev.stream, expected_before(s->event.version)};
    }
    double r[9];
    for (int i = 0; i < IN_FLIGHT; i++) {
        f.seats[i].sent = wl_now();
        must(factum_append_submit(store, &f.seats[i].op, &err), "factum submit", &err);
    }
    usleep(50000);
    for (int k = 0; k < p->reps; k++) {
        uint64_t d0 = f.done, t0 = wl_now();
        usleep((useconds_t)(p->secs * 1e6));
        r[k] = (double)(f.done - d0) / ((double)(wl_now() - t0) / 1e9);
    }
    f.stop = true;
    while (f.landed < IN_FLIGHT)
        usleep(1000);
    wl_emit_reps("factum", "append", "a256", r, p->reps, "events/s");
    wl_lat_sort(&lat);
    wl_emit("factum", "append_p50", "a256", wl_lat_us(&lat, .5), "us", 0);
    wl_emit("factum", "append_p99", "a256", wl_lat_us(&lat, .99), "us", 0);
    free(lat.v);
    free(f.seats);
}

/* ---- listeners: commits without listeners, and with 1,000 ------------------------------------ */

static _Atomic uint64_t notified;

static void on_news(void *data, uint32_t news)
{
    (void)data;
    (void)news;
    notified++;
}
/* Commits of one event by one thread, for |secs|. */
static double commit_rate(factum_store *store, wl_writer *w, double secs)
{
    wl_event e, *one = &e;
    uint64_t n = 0, t0 = wl_now(), end = t0 + (uint64_t)(secs * 1e9), t = t0;
    for (; t < end; t = wl_now(), n++) {
        wl_next(w, &e);
        factum_bench_append(store, &one, 1);
    }
    return (double)n / ((double)(t - t0) / 1e9);
}
static void run_listeners(factum_store *store, uint64_t *ver, const wl_params_t *p)
{
    enum { LISTENERS = 1000 };
    static factum_listener listeners[LISTENERS];
    wl_writer w;
    double without[9], with[9];
    factum_error err;
    wl_writer_init(&w, ver, p->streams, 0, 1, (uint64_t)31 << 40);
    for (int k = 0; k < p->reps; k++) { /* in turns, so that both meet the same machine */
        without[k] = commit_rate(store, &w, p->secs);
        for (int i = 0; i < LISTENERS; i++) {
            listeners[i] = (factum_listener){.size = sizeof listeners[i], .notify = on_news};
            must(factum_listen(store, &listeners[i], &err), "factum listen", &err);
        }
        uint64_t before = notified;
        with[k] = commit_rate(store, &w, p->secs);
        for (int i = 0; i < LISTENERS; i++)
            factum_unlisten(store, &listeners[i]);
        if (notified - before < LISTENERS)
            wl_die("factum", "listeners were not called");
    }
    wl_emit_reps("factum", "listeners", "none", without, p->reps, "commits/s");
    wl_emit_reps("factum", "listeners", "1000", with, p->reps, "commits/s");
}

/* ---- contention: 16 threads on one stream ---------------------------------------------------- */

typedef struct {
    factum_store *store;
    pthread_t t;
    uint64_t seed;
} rival;
static struct {
    _Atomic bool stop;
    _Atomic uint64_t won, lost;
} C;

static void *rival_main(void *arg)
{
    rival *me = arg;
    static const char name[] = "contended-1";
    factum_slice stream = slice(name, sizeof name - 1);
    wl_event e;
    for (uint64_t n = me->seed; !C.stop; n++) {
        factum_error err;
        factum_stream_info info = {.size = sizeof info};
        factum_new_event ev;
        wl_make(&e, n, 0, 0);
        for (;;) {
            must(factum_stream_info_get(me->store, stream, &info, &err), "factum info", &err);
            fill(&ev, &e);
            ev.stream = stream;
            factum_expected expected = info.state == FACTUM_STREAM_PRESENT
                                           ? factum_at(info.last_revision)
                                           : factum_no_stream();
            factum_status s = factum_append_stream(me->store, stream, expected, &ev, 1, NULL, &err);
            if (s == FACTUM_OK)
                break;
            if (s != FACTUM_WRONG_REVISION)
                must(s, "factum append", &err);
            C.lost++;
            if (C.stop)
                return NULL;
        }
        C.won++;
    }
    return NULL;
}
static void run_contention(factum_store *store, const wl_params_t *p)
{
    enum { RIVALS = 16 };
    rival r[RIVALS];
    double v[9];
    C.stop = false;
    for (int i = 0; i < RIVALS; i++) {
        r[i] = (rival){.store = store, .seed = ((uint64_t)40 << 40) + (uint64_t)i * 100000000ull};
        pthread_create(&r[i].t, NULL, rival_main, &r[i]);
    }
    usleep(50000);
    uint64_t lost0 = C.lost, won0 = C.won;
    for (int k = 0; k < p->reps; k++) {
        uint64_t d0 = C.won, t0 = wl_now();
        usleep((useconds_t)(p->secs * 1e6));
        v[k] = (double)(C.won - d0) / ((double)(wl_now() - t0) / 1e9);
    }
    double lost = (double)(C.lost - lost0) / (double)(C.won - won0 + 1);
    C.stop = true;
    for (int i = 0; i < RIVALS; i++)
        pthread_join(r[i].t, NULL);
    wl_emit_reps("factum", "contention", "16 threads, one stream", v, p->reps, "commits/s");
    wl_emit("factum", "contention", "refusals a commit", lost, "", 0);
}

void factum_bench_extra(void *db, uint64_t *ver, const wl_params_t *p)
{
    if (wl_wanted("a256"))
        run_async(db, ver, p);
    if (wl_wanted("listeners"))
        run_listeners(db, ver, p);
    if (wl_wanted("contention"))
        run_contention(db, p);
}

void factum_bench_kill(const char *dir)
{
    factum_store *store = factum_bench_open(dir, false);
    wl_event *buf = malloc(sizeof *buf * 100), *ev[100];
    uint64_t version = 0;
    for (int i = 0; i < 100; i++)
        ev[i] = &buf[i];
    for (int k = 0; k < 700; k++) {
        for (int i = 0; i < 100; i++) {
            wl_make(ev[i], ((uint64_t)50 << 40) + (uint64_t)(k * 100 + i), 90000000, version++);
        }
        factum_bench_append(store, ev, 100);
    }
    kill(getpid(), SIGKILL);
}

bool factum_bench_step(const char *step, const char *as, const char *dir)
{
    static const struct {
        const char *name;
        void (*run)(const char *as, const char *dir);
    } steps[] = {{"absent", bench_absent}, {"query", bench_query}, {"verify", factum_bench_verify}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (!strcmp(step, steps[i].name)) {
            steps[i].run(as, dir);
            return true;
        }
    }
    return false;
}
