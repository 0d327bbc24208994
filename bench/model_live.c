/* model_live.c - read models of a running server: how long after an append a query sees the
 * event, and the cost of "mode sync" for an append.
 *
 * Append to visible, open loop: event i is due at a fixed time and is submitted then, whether or
 * not those before it have ended; its time is measured from when it was due. A watcher queries
 * over HTTP, with the token of the oldest event that it has not seen: the server answers once
 * the model has it. Every event up to the place in the answer was visible by then. So a time
 * includes the append, the model, the query and both answers, and, because one query is under
 * way at a time, the rest of the query before.
 *
 * Mode sync: one model wants events of the type OrderPaid and is of mode sync, another one wants
 * OrderPlaced and is not; appends of the two types take turns. */
#include "model.h"

#include <arpa/inet.h>
#include <factum/async.h>
#include <factum/remote.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

enum { REPS_MAX = 15, FLIGHTS = 8192, WRITERS_MAX = 16 };

static const char *const async_model = "--@ projection live version 1\n--@ from category order\n"
                                       "--@ tables\n"
                                       "CREATE TABLE {{live}} (number INTEGER PRIMARY KEY,\n"
                                       "    id TEXT NOT NULL, cents BIGINT NOT NULL);\n"
                                       "--@ on OrderPlaced\n"
                                       "INSERT INTO {{live}} VALUES (:seq, :orderId,\n"
                                       "    :quantity * :unitPriceCents);\n";
static const char *const sync_model = "--@ projection paid version 1\n--@ from category order\n"
                                      "--@ mode sync\n"
                                      "--@ tables\n"
                                      "CREATE TABLE {{paid}} (id TEXT PRIMARY KEY,\n"
                                      "    events BIGINT NOT NULL);\n"
                                      "--@ on OrderPaid\n"
                                      "INSERT INTO {{paid}} (id, events) VALUES (:orderId, 1)\n"
                                      "ON CONFLICT (id) DO UPDATE SET events = events + 1;\n";

static factum_store *store;
static int port;
static _Atomic uint64_t next_number = 1;

/* ---- HTTP ------------------------------------------------------------------------------------ */

static int http_dial(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        wl_die("connect", NULL);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/* Posts |body|; returns the status of the answer. *text is the whole answer, valid until the
 * next call. */
static int http_post(int fd, const char *path, const char *body, const char **text)
{
    static _Thread_local char buffer[65536];
    int len = snprintf(buffer, sizeof buffer,
                       "POST %s HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                       "content-length: %zu\r\n\r\n%s",
                       path, strlen(body), body);
    if (len >= (int)sizeof buffer || send(fd, buffer, (size_t)len, MSG_NOSIGNAL) != len)
        wl_die(path, "cannot be sent");
    size_t have = 0, want = SIZE_MAX;
    while (have < want) {
        ssize_t got = recv(fd, buffer + have, sizeof buffer - 1 - have, 0);
        if (got <= 0)
            wl_die(path, "no answer");
        have += (size_t)got;
        buffer[have] = '\0';
        const char *head = strstr(buffer, "\r\n\r\n");
        const char *length = strcasestr(buffer, "\r\ncontent-length:");
        if (head != NULL && length == NULL)
            wl_die(path, buffer);
        if (head != NULL)
            want = (size_t)(head + 4 - buffer) + strtoull(length + 17, NULL, 10);
    }
    *text = buffer;
    return atoi(buffer + 9);
}

/* Queries one row once the model has the place |after|. Returns the place up to which the answer
 * has all events. */
static uint64_t http_seen(int fd, uint64_t after)
{
    char body[200], token[FACTUM_TOKEN_SIZE];
    const char *text;
    uint64_t place = 0;
    factum_error err;
    factum_token_format(store, after, token);
    snprintf(body, sizeof body, "{\"sql\":\"SELECT max(number) FROM live\",\"wait\":\"%s\"}",
             token);
    if (http_post(fd, "/api/v1/models/live/query", body, &text) != 200)
        wl_die("query", text);
    const char *at = strstr(text, "\"asOf\":{\"token\":\"");
    const char *end = at == NULL ? NULL : strchr(at + 17, '"');
    if (end == NULL)
        wl_die("query", text);
    factum_slice as_of = {(const uint8_t *)at + 17, (size_t)(end - at - 17)};
    model_must(factum_token_parse(store, as_of, &place, &err), "asOf", &err);
    return place;
}

/* ---- appends --------------------------------------------------------------------------------- */

static void deploy(const char *text)
{
    factum_projection *projection;
    factum_error err;
    factum_act_result done = {.size = sizeof done};
    model_must(factum_projection_load(model_slice(text), NULL, &projection, &err), "load", &err);
    model_must(factum_projection_deploy(store, projection, NULL, &done, &err), "deploy", &err);
    factum_projection_free(projection);
}

/* Event |number| of |type|; |made| holds the memory that |event| points to. */
static void make(wl_event *made, factum_new_event *event, uint64_t number, const char *type)
{
    wl_make(made, number, (uint32_t)(wl_mix(number) % 10000), 0);
    *event = (factum_new_event){.stream = {(const uint8_t *)made->name, made->name_len},
                                .type = model_slice(type),
                                .data = {(const uint8_t *)made->data, made->data_len},
                                .metadata = {(const uint8_t *)made->meta, made->meta_len}};
    memcpy(event->id.bytes, made->id, 16);
}

static factum_append_request request_of(const factum_new_event *event,
                                        const factum_expectation *any)
{
    return (factum_append_request){.size = sizeof(factum_append_request),
                                   .events = event,
                                   .event_count = 1,
                                   .expectations = any,
                                   .expectation_count = 1};
}

/* ---- mode sync ------------------------------------------------------------------------------- */

struct writer {
    const char *type;
    uint64_t until;
    wl_lat_t times;
};

static void *write_on(void *data)
{
    struct writer *writer = data;
    factum_error err;
    factum_append_result result;
    factum_new_event event;
    wl_event made;
    while (wl_now() < writer->until) {
        make(&made, &event, atomic_fetch_add(&next_number, 1), writer->type);
        factum_expectation any = {event.stream, factum_any()};
        factum_append_request request = request_of(&event, &any);
        uint64_t from = wl_now();
        model_must(factum_append(store, &request, &result, NULL, &err), "append", &err);
        wl_lat_add(&writer->times, wl_now() - from);
    }
    return NULL;
}

/* Adds the times of |count| writers of |secs| seconds to |all|. */
static void write_round(const char *type, int count, double secs, wl_lat_t *all)
{
    static struct writer writers[WRITERS_MAX];
    pthread_t threads[WRITERS_MAX];
    for (int i = 0; i < count; i++) {
        if (writers[i].times.v == NULL)
            wl_lat_init(&writers[i].times);
        writers[i].times.n = 0;
        writers[i].type = type;
        writers[i].until = wl_now() + (uint64_t)(secs * 1e9);
        if (pthread_create(&threads[i], NULL, write_on, &writers[i]) != 0)
            wl_die("thread", NULL);
    }
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        for (uint64_t k = 0; k < writers[i].times.n; k++)
            wl_lat_add(all, (uint64_t)writers[i].times.v[k] * 10);
    }
}

static void emit_times(wl_lat_t *times, const char *metric, const char *param)
{
    static const struct {
        const char *name;
        double quantile;
    } of[] = {{"p50", 0.5}, {"p99", 0.99}, {"max", 1}};
    char name[64];
    wl_lat_sort(times);
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s_%s", metric, of[i].name);
        wl_emit("factum", name, param, wl_lat_us(times, of[i].quantile), "us", 0);
    }
    snprintf(name, sizeof name, "%s_count", metric);
    wl_emit("factum", name, param, (double)times->n, "", 0);
}

static void measure_sync(const wl_params_t *p)
{
    static const char *const types[] = {"OrderShipped", "OrderPlaced", "OrderPaid"};
    static const char *const said[] = {"no model wants it", "mode async", "mode sync"};
    static wl_lat_t times[2][3];
    for (int w = 0; w < 2; w++) {
        for (int i = 0; i < 3; i++)
            wl_lat_init(&times[w][i]);
    }
    for (int round = 0; round < p->reps; round++) {
        for (int turn = 0; turn < 6; turn++) {
            int i = round % 2 ? 5 - turn : turn;
            write_round(types[i % 3], i < 3 ? 1 : WRITERS_MAX, p->secs, &times[i / 3][i % 3]);
        }
    }
    for (int w = 0; w < 2; w++) {
        for (int i = 0; i < 3; i++) {
            char param[64];
            snprintf(param, sizeof param, "%s, %s", said[i], w ? "16 writers" : "1 writer");
            emit_times(&times[w][i], "sync_append", param);
        }
    }
}

/* ---- append to visible ----------------------------------------------------------------------- */

struct flight {
    factum_append_op op;
    factum_append_request request;
    factum_new_event event;
    factum_expectation any;
    wl_event made;
    uint64_t index;
    _Atomic bool busy;
};

static struct {
    uint64_t count;
    uint64_t first_number;
    uint64_t begin, step;     /* event i is due at begin + i * step */
    _Atomic uint64_t *places; /* of each event that was acknowledged; 0: not yet */
    pthread_mutex_t lock;
    pthread_cond_t news;
    wl_lat_t acked, visible;
} live = {.lock = PTHREAD_MUTEX_INITIALIZER, .news = PTHREAD_COND_INITIALIZER};

static uint64_t due(uint64_t i)
{
    return live.begin + i * live.step;
}

static void on_done(void *data, factum_append_op *const *ops, size_t count)
{
    uint64_t now = wl_now();
    (void)data;
    pthread_mutex_lock(&live.lock);
    for (size_t i = 0; i < count; i++) {
        struct flight *flight = ops[i]->data;
        model_must(ops[i]->status, "append", &ops[i]->err);
        wl_lat_add(&live.acked, now - due(flight->index));
        atomic_store(&live.places[flight->index], ops[i]->result.position);
        atomic_store(&flight->busy, false);
    }
    pthread_cond_signal(&live.news);
    pthread_mutex_unlock(&live.lock);
}

/* Every event at or before the place of an answer was visible by then. Appends that are under way
 * together may be stored in another order than they were sent in. */
static void *watch(void *data)
{
    int fd = http_dial();
    bool *done = calloc(live.count, sizeof *done);
    uint64_t next = 0;
    (void)data;
    while (next < live.count) {
        pthread_mutex_lock(&live.lock);
        while (atomic_load(&live.places[next]) == 0)
            pthread_cond_wait(&live.news, &live.lock);
        pthread_mutex_unlock(&live.lock);
        uint64_t seen = http_seen(fd, atomic_load(&live.places[next]));
        uint64_t now = wl_now();
        if (seen < atomic_load(&live.places[next]))
            wl_die("watch", "the model does not show what was waited for");
        for (uint64_t i = next; i < live.count && due(i) < now; i++) {
            uint64_t place = atomic_load(&live.places[i]);
            if (place != 0 && place <= seen && !done[i]) {
                wl_lat_add(&live.visible, now - due(i));
                done[i] = true;
            }
        }
        while (next < live.count && done[next])
            next++;
    }
    free(done);
    close(fd);
    return NULL;
}

static void submit_all(void)
{
    static struct flight flights[FLIGHTS];
    const factum_completer completer = {NULL, on_done};
    factum_error err;
    for (uint64_t i = 0; i < live.count; i++) {
        struct flight *flight = &flights[i % FLIGHTS];
        wl_sleep_until(due(i));
        if (atomic_load(&flight->busy))
            wl_die("append", "the server is thousands of appends behind");
        make(&flight->made, &flight->event, live.first_number + i, "OrderPlaced");
        flight->index = i;
        flight->any = (factum_expectation){flight->event.stream, factum_any()};
        flight->request = request_of(&flight->event, &flight->any);
        flight->op = (factum_append_op){.size = sizeof flight->op,
                                        .request = &flight->request,
                                        .completer = &completer,
                                        .data = flight};
        atomic_store(&flight->busy, true);
        model_must(factum_append_submit(store, &flight->op, &err), "submit", &err);
    }
}

static void measure_visible(void)
{
    pthread_t watcher;
    double rate = wl_env("WL_E2E_RATE", 1000);
    live.count = (uint64_t)(rate * wl_env("WL_E2E_SECS", 21));
    live.places = calloc(live.count, sizeof *live.places);
    live.first_number = atomic_fetch_add(&next_number, live.count);
    live.step = (uint64_t)(1e9 / rate);
    live.begin = wl_now() + 100000000;
    wl_lat_init(&live.acked);
    wl_lat_init(&live.visible);
    if (pthread_create(&watcher, NULL, watch, NULL) != 0)
        wl_die("thread", NULL);
    submit_all();
    pthread_join(watcher, NULL);
    char param[40];
    snprintf(param, sizeof param, "%.0f events/s", rate);
    emit_times(&live.acked, "acknowledged", param);
    emit_times(&live.visible, "visible", param);
    free(live.places);
}

int model_live(const char *text)
{
    wl_params_t p = wl_params();
    char address[64];
    factum_error err;
    port = atoi(text);
    snprintf(address, sizeof address, "factum://127.0.0.1:%d", port);
    wl_init();
    factum_remote_enable();
    model_must(factum_open(address, NULL, &store, &err), address, &err);
    deploy(async_model);
    int fd = http_dial();
    const char *answer;
    const char *body = "{\"sql\":\"SELECT max(number) FROM live\"}";
    for (int i = 0; http_post(fd, "/api/v1/models/live/query", body, &answer) != 200; i++) {
        if (i == 200)
            wl_die("the model does not come", answer);
        wl_sleep_until(wl_now() + 50000000);
    }
    close(fd);
    measure_visible();
    deploy(sync_model);
    /* The model's host may not run it yet; the first round waits for it. */
    wl_sleep_until(wl_now() + 1000000000);
    measure_sync(&p);
    model_store_close(store);
    return 0;
}
