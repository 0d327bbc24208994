/* driver.c - runs the steps of the workload over a door.
 *
 *   server PEER PORT append [PID]              rates by connections and appends in flight; CPU time
 *                                              of the process PID an append
 *   server PEER PORT load | replay | rehydrate | e2e
 *   server PEER PORT ready [T0 WHAT]           until the load can be read; T0: CLOCK_MONOTONIC, ns
 *   server PEER PORT subscribers PID           the cost of 1,000 subscribers for the process PID
 *   server PEER PORT fanout PID                the cost of 1, 10, 100 and 1,000 subscribers of
 *                                              everything for the process PID, an event delivered
 *   server PEER PORT cpu PID                   its CPU time an event replayed
 *   server PEER PORT serve DIR                 floor and bare: the server itself
 *   server - 0 now                             CLOCK_MONOTONIC
 */
#include "door.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/socket.h>

wl_params_t params;
int port;
static const struct door *door;

int dial_tcp(void)
{
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(fd, (void *)&address, sizeof address)) {
        close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

void send_bytes(int fd, const void *bytes, size_t len)
{
    for (const char *at = bytes; len > 0;) {
        ssize_t sent = send(fd, at, len, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 1000);
            continue;
        }
        if (sent <= 0)
            wl_die("send", NULL);
        at += sent;
        len -= (size_t)sent;
    }
}

static void *connected(void)
{
    void *conn = NULL;
    for (int i = 0; i < 5000 && !(conn = door->dial()); i++)
        usleep(1000);
    if (!conn)
        wl_die("connect", "nobody listens");
    return conn;
}

/* ---- appends in flight ----------------------------------------------------------------------- */

/* A tag is the number of the connection and that of the slot: the slot that is answered sends the
 * next append. */
struct slot {
    uint64_t sent;
    bool free;
};
static struct {
    struct slot *slots;
    uint64_t *answered; /* tags, since the last sample */
    size_t answered_count;
    uint64_t done;
    wl_lat_t latency;
} flight;

void acked(uint64_t tag)
{
    if (tag == ACK_IGNORED)
        return;
    flight.done++;
    flight.answered[flight.answered_count++] = tag;
}

static void flight_begin(size_t slots)
{
    flight.slots = calloc(slots, sizeof *flight.slots);
    flight.answered = calloc(slots, sizeof *flight.answered);
    flight.answered_count = 0;
    flight.done = 0;
    wl_lat_init(&flight.latency);
}

static void flight_end(void)
{
    free(flight.slots);
    free(flight.answered);
    free(flight.latency.v);
}

/* One append, from sending to its answer. */
static void put_one(void *conn, const wl_event *event, enum put_mode mode)
{
    flight.answered_count = 0;
    door->put(conn, event, 0, mode);
    door->flush(conn);
    while (!flight.answered_count)
        door->take(conn);
    flight.answered_count = 0;
}

static double cpu_seconds(int pid)
{
    char path[64];
    char line[1024];
    unsigned long user = 0, kernel = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file || !fgets(line, sizeof line, file))
        wl_die(path, NULL);
    fclose(file);
    const char *after = strrchr(line, ')');
    if (!after || sscanf(after + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                         &kernel) != 2)
        wl_die(path, "unreadable");
    return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

struct lane {
    void *conn;
    wl_writer writer;
};

static void lane_next(struct lane *lanes, uint64_t tag, int window)
{
    wl_event event;
    struct lane *lane = &lanes[tag / (uint64_t)window];
    wl_next(&lane->writer, &event);
    flight.slots[tag].sent = wl_now();
    door->put(lane->conn, &event, tag, PUT_APPEND);
}

/* Rates of params.reps windows into |rates|; CPU time of |pid| an append, in us, if it is not 0. */
static double append_windows(struct lane *lanes, int conns, int window, double *rates, int pid)
{
    int epoll = epoll_create1(0);
    for (int i = 0; i < conns; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = lanes[i].conn};
        epoll_ctl(epoll, EPOLL_CTL_ADD, door->fd(lanes[i].conn), &event);
        for (int k = 0; k < window; k++)
            lane_next(lanes, (uint64_t)(i * window + k), window);
        door->flush(lanes[i].conn);
    }
    double cpu = pid ? cpu_seconds(pid) : 0;
    uint64_t mark = 0, from = wl_now(), now = from, flying = (uint64_t)conns * (uint64_t)window;
    int taken = 0;
    while (flying > 0) {
        struct epoll_event events[256];
        int n = epoll_wait(epoll, events, 256, 10000);
        if (n <= 0)
            wl_die("append", "no answer in 10 s");
        for (int i = 0; i < n; i++) {
            door->take(events[i].data.ptr);
            now = wl_now();
            size_t answered = flight.answered_count;
            flight.answered_count = 0;
            for (size_t k = 0; k < answered; k++) {
                uint64_t tag = flight.answered[k];
                wl_lat_add(&flight.latency, now - flight.slots[tag].sent);
                if (taken == params.reps)
                    flying--;
                else
                    lane_next(lanes, tag, window);
            }
            door->flush(events[i].data.ptr);
        }
        if (taken < params.reps && now - from >= (uint64_t)(params.secs * 1e9)) {
            rates[taken++] = (double)(flight.done - mark) / ((double)(now - from) / 1e9);
            from = now;
            mark = flight.done;
        }
    }
    close(epoll);
    return pid ? (cpu_seconds(pid) - cpu) / (double)flight.done * 1e6 : 0;
}

static void append_run(int conns, int window, uint64_t *versions, uint64_t salt, int pid)
{
    char label[32];
    double rates[9];
    struct lane *lanes = calloc((size_t)conns, sizeof *lanes);
    flight_begin((size_t)conns * (size_t)window);
    for (int i = 0; i < conns; i++) {
        lanes[i].conn = connected();
        wl_writer_init(&lanes[i].writer, versions, params.streams, (uint32_t)i, (uint32_t)conns,
                       salt);
    }
    double cpu = append_windows(lanes, conns, window, rates, pid);
    for (int i = 0; i < conns; i++)
        door->hangup(lanes[i].conn);
    free(lanes);
    snprintf(label, sizeof label, "c%dw%d", conns, window);
    wl_emit_reps(door->name, "append", label, rates, params.reps, "events/s");
    wl_lat_sort(&flight.latency);
    wl_emit(door->name, "append_p50", label, wl_lat_us(&flight.latency, .5), "us", 0);
    wl_emit(door->name, "append_p99", label, wl_lat_us(&flight.latency, .99), "us", 0);
    if (pid)
        wl_emit(door->name, "cpu", label, cpu, "us", 0);
    flight_end();
}

/* WL_APPENDS="c1w1 c1w256": only these. */
static void step_append(int pid)
{
    static const int counts[4] = {1, 16, 64, 256};
    uint64_t *versions = calloc(params.streams, sizeof *versions);
    for (int i = 0; i < 7; i++) {
        int window = i < 4 ? counts[i] : 1;
        int conns = i < 4 ? 1 : counts[i - 3];
        char label[32];
        snprintf(label, sizeof label, "c%dw%d", conns, window);
        if ((window > 1 && door->one_a_connection) || !wl_wanted(label))
            continue;
        append_run(conns, window, versions, (uint64_t)(i + 1) << 40, pid);
    }
    free(versions);
}

/* ---- CPU time of the server ------------------------------------------------------------------ */

static void step_cpu(int pid)
{
    void *conn = connected();
    wl_sink sink = {0};
    double cpu = cpu_seconds(pid);
    for (int i = 0; i < params.reps; i++)
        door->replay(conn, &sink);
    cpu = (cpu_seconds(pid) - cpu) / (double)sink.events * 1e6;
    wl_emit(door->name, "cpu", "an event replayed", cpu, "us", 0);
    door->hangup(conn);
}

/* ---- the load, and its readers --------------------------------------------------------------- */

static void step_load(void)
{
    enum { IN_FLIGHT = 256 };
    void *conn = connected();
    uint64_t from = wl_now();
    if (door->load) {
        door->load(conn);
    } else {
        uint32_t *plan = wl_load_plan(params.streams, params.events);
        uint64_t *versions = calloc(WL_ALL_STREAMS(params.streams), sizeof *versions);
        uint32_t put = 0;
        flight_begin(IN_FLIGHT);
        while (flight.done < params.events) {
            flight.answered_count = 0;
            for (; put < params.events && put - flight.done < IN_FLIGHT; put++) {
                wl_event event;
                wl_make(&event, put, plan[put], versions[plan[put]]++);
                door->put(conn, &event, put % IN_FLIGHT, PUT_LOAD);
            }
            door->flush(conn);
            door->take(conn);
        }
        flight_end();
        free(plan);
        free(versions);
    }
    wl_emit(door->name, "load", "all events", params.events / ((double)(wl_now() - from) / 1e9),
            "events/s", 0);
    if (door->loaded)
        door->loaded(conn);
    door->hangup(conn);
}

static void step_replay(void)
{
    double rates[9];
    void *conn = connected();
    for (int i = 0; i < params.reps; i++) {
        wl_sink sink = {0};
        uint64_t from = wl_now();
        door->replay(conn, &sink);
        rates[i] = (double)sink.events / ((double)(wl_now() - from) / 1e9);
        if (sink.events != params.events)
            wl_die("replay", "wrong count");
    }
    wl_emit_reps(door->name, "replay", "one consumer, from the start", rates, params.reps,
                 "events/s");
    door->hangup(conn);
}

static void step_rehydrate(void)
{
    static const int lengths[3] = {10, 100, 1000};
    void *conn = connected();
    wl_lat_t latency;
    wl_lat_init(&latency);
    for (int l = 0; l < 3; l++) {
        uint32_t count = wl_probe_count(lengths[l]);
        uint32_t first = wl_probe_first(params.streams, lengths[l]);
        uint64_t end = wl_now() + (uint64_t)(params.secs * 3e9);
        latency.n = 0;
        for (uint32_t i = 0; i < count * 4 && (i < 8 || wl_now() < end); i++) {
            char name[24];
            wl_sink sink = {0};
            wl_name(name, first + (uint32_t)(wl_mix(i) % count));
            uint64_t from = wl_now();
            door->stream(conn, name, &sink);
            wl_lat_add(&latency, wl_now() - from);
            if (sink.events != (uint64_t)lengths[l])
                wl_die("rehydrate", "wrong count");
        }
        char label[32];
        wl_lat_sort(&latency);
        snprintf(label, sizeof label, "%d events", lengths[l]);
        wl_emit(door->name, "rehydrate_p50", label, wl_lat_us(&latency, .5), "us", 0);
        wl_emit(door->name, "rehydrate_p99", label, wl_lat_us(&latency, .99), "us", 0);
    }
    free(latency.v);
    door->hangup(conn);
}

/* ---- from the append to the subscriber ------------------------------------------------------- */

static struct {
    uint64_t *due;
    uint32_t count;
    _Atomic uint32_t seen;
    _Atomic bool up;
    wl_lat_t latency;
} e2e;

void arrived(const char *data, size_t len)
{
    /* "seq": the number that wl_make() wrote; PostgreSQL formats JSON again */
    const char *at = memmem(data, len, "\"seq\":", 6);
    if (!at)
        wl_die("subscriber", "not an event of ours");
    uint64_t n = strtoull(at + 6, NULL, 10) - 1000000000u;
    if (n < e2e.count)
        wl_lat_add(&e2e.latency, wl_now() - e2e.due[n]);
    e2e.seen++;
}

static void *subscriber(void *arg)
{
    (void)arg;
    void *conn = connected();
    door->subscribe(conn, NULL);
    e2e.up = true;
    while (e2e.seen < e2e.count)
        door->news(conn);
    door->hangup(conn);
    return NULL;
}

static void step_e2e(void)
{
    void *conn = connected();
    pthread_t thread;
    e2e.count = (uint32_t)(params.e2e_rate * params.e2e_secs);
    e2e.due = calloc(e2e.count, sizeof *e2e.due);
    wl_lat_init(&e2e.latency);
    flight_begin(1);
    pthread_create(&thread, NULL, subscriber, NULL);
    while (!e2e.up)
        usleep(1000);
    usleep(200000);
    uint64_t start = wl_now(), gap = 1000000000ull / (uint64_t)params.e2e_rate;
    for (uint32_t i = 0; i < e2e.count; i++) {
        wl_event event;
        wl_make(&event, i, WL_ALL_STREAMS(params.streams) + i, 0);
        e2e.due[i] = start + i * gap;
        wl_sleep_until(e2e.due[i]);
        put_one(conn, &event, PUT_LIVE);
    }
    for (int i = 0; i < 5000 && e2e.seen < e2e.count; i++)
        usleep(1000);
    if (e2e.seen < e2e.count)
        wl_die("e2e", "events are missing");
    pthread_join(thread, NULL);
    wl_lat_sort(&e2e.latency);
    wl_emit(door->name, "e2e_p50", "append to subscriber", wl_lat_us(&e2e.latency, .5), "us", 0);
    wl_emit(door->name, "e2e_p99", "append to subscriber", wl_lat_us(&e2e.latency, .99), "us", 0);
    door->hangup(conn);
}

/* 1,000 subscribers of 1,000 streams: once of streams that are written, where each tenth append
 * is seen by one of them, and once of streams that nobody writes. */
enum { SUBSCRIBERS = 1000, SUBSCRIBED_RATE = 2000, SECONDS = 4 };

static _Atomic bool listening_over;
static void *listen_to_many(void *arg)
{
    void *conn = arg;
    struct pollfd wait = {.fd = door->fd(conn), .events = POLLIN};
    while (!listening_over) {
        if (poll(&wait, 1, 50) > 0)
            door->news(conn);
    }
    return NULL;
}

/* CPU time of |pid| an append, in us. */
static double paced_appends(void *conn, wl_writer *writer, int pid, const char *label)
{
    uint64_t start = wl_now(), gap = 1000000000ull / SUBSCRIBED_RATE;
    wl_lat_t latency;
    wl_lat_init(&latency);
    double cpu = cpu_seconds(pid);
    for (uint64_t i = 0; i < SECONDS * SUBSCRIBED_RATE; i++) {
        wl_event event;
        wl_next(writer, &event);
        wl_sleep_until(start + i * gap);
        uint64_t from = wl_now();
        put_one(conn, &event, PUT_APPEND);
        wl_lat_add(&latency, wl_now() - from);
    }
    cpu = (cpu_seconds(pid) - cpu) / (SECONDS * SUBSCRIBED_RATE) * 1e6;
    wl_lat_sort(&latency);
    wl_emit(door->name, "subscribers_p50", label, wl_lat_us(&latency, .5), "us", 0);
    wl_emit(door->name, "subscribers_cpu", label, cpu, "us", 0);
    free(latency.v);
    return cpu;
}

static void step_subscribers(int pid)
{
    void *conn = connected();
    uint64_t *versions = calloc(params.streams, sizeof *versions);
    wl_writer writer;
    wl_writer_init(&writer, versions, params.streams, 0, 1, 99ull << 40);
    flight_begin(1);
    wl_lat_init(&e2e.latency);
    for (int quiet = 0; quiet < 2; quiet++) {
        paced_appends(conn, &writer, pid, quiet ? "none, again" : "none");
        void *many = connected();
        pthread_t thread;
        for (uint32_t i = 0; i < SUBSCRIBERS; i++) {
            char name[24];
            wl_name(name, quiet ? 70000000 + i : i * (params.streams / SUBSCRIBERS));
            door->subscribe(many, name);
        }
        listening_over = false;
        pthread_create(&thread, NULL, listen_to_many, many);
        usleep(300000);
        e2e.seen = 0;
        paced_appends(conn, &writer, pid, quiet ? "1000, quiet" : "1000, written");
        listening_over = true;
        pthread_join(thread, NULL);
        wl_emit(door->name, "subscribers_seen", quiet ? "quiet" : "written", e2e.seen, "events", 0);
        door->hangup(many);
        usleep(300000);
    }
    door->hangup(conn);
}

/* CPU time for each event delivered to a subscriber of everything: the cost of appends without
 * subscribers is subtracted. */
static void step_fanout(int pid)
{
    void *conn = connected();
    uint64_t *versions = calloc(params.streams, sizeof *versions);
    wl_writer writer;
    wl_writer_init(&writer, versions, params.streams, 0, 1, 99ull << 40);
    flight_begin(1);
    wl_lat_init(&e2e.latency);
    double alone = paced_appends(conn, &writer, pid, "fanout, none");
    for (uint32_t count = 1; count <= SUBSCRIBERS; count *= 10) {
        char label[32];
        void *many = connected();
        pthread_t thread;
        snprintf(label, sizeof label, "fanout, %u", count);
        for (uint32_t i = 0; i < count; i++)
            door->subscribe(many, NULL);
        listening_over = false;
        pthread_create(&thread, NULL, listen_to_many, many);
        usleep(300000);
        e2e.seen = 0;
        double busy = paced_appends(conn, &writer, pid, label) - alone;
        uint32_t seen = e2e.seen;
        listening_over = true;
        pthread_join(thread, NULL);
        wl_emit(door->name, "fanout_seen", label, seen, "events", 0);
        wl_emit(door->name, "fanout_cpu", label, busy * SECONDS * SUBSCRIBED_RATE / (seen + 1),
                "us", 0);
        door->hangup(many);
        usleep(300000);
    }
    door->hangup(conn);
}

/* ---- start ----------------------------------------------------------------------------------- */

static void step_ready(uint64_t from, const char *what)
{
    while (wl_now() - from < 60000000000ull) {
        void *conn = door->dial();
        if (conn) {
            bool up = !*what || door->first(conn);
            door->hangup(conn);
            if (up) {
                if (*what)
                    wl_emit(door->name, "startup", what, (double)(wl_now() - from) / 1e6, "ms", 0);
                return;
            }
        }
        usleep(500);
    }
    wl_die("ready", "not in 60 s");
}

static const struct door *door_of(const char *name)
{
    static const struct door *const doors[] = {
        &floor_door,     &bare_door, &factum_door, &factum_unary_door, &factum_v1_door,
#ifdef WITH_REDIS
        &redis_door,
#endif
#ifdef WITH_POSTGRES
        &postgres_door,
#endif
        &jetstream_door,
    };
    for (size_t i = 0; i < sizeof doors / sizeof *doors; i++) {
        if (!strcmp(doors[i]->name, name))
            return doors[i];
    }
    return NULL;
}

int main(int argc, char **argv)
{
    params = wl_params();
    if (params.reps > 8)
        params.reps = 8;
    wl_init();
    if (argc == 4 && !strcmp(argv[3], "now")) {
        printf("%" PRIu64 "\n", wl_now());
        return 0;
    }
    /* "redis:always" is the peer redis, in rows of that name */
    static struct door named;
    char peer[64] = "";
    if (argc >= 4) {
        snprintf(peer, sizeof peer, "%s", argv[1]);
        peer[strcspn(peer, ":")] = 0;
        door = door_of(peer);
    }
    if (!door) {
        fprintf(stderr, "usage: server PEER[:ROWS] PORT STEP ...; this build has no peer \"%s\"\n",
                peer);
        return 2;
    }
    named = *door;
    if (strchr(argv[1], ':'))
        named.name = strchr(argv[1], ':') + 1;
    port = atoi(argv[2]);
    const char *step = argv[3];
    if (!strcmp(step, "serve") && argc == 5) {
        if (door == &floor_door)
            floor_serve(argv[4]);
        bare_serve(argv[4]);
    }
    door = &named;
    if (!strcmp(step, "ready")) {
        step_ready(argc > 4 ? strtoull(argv[4], NULL, 10) : wl_now(), argc > 5 ? argv[5] : "");
        return 0;
    }
    if (door->prepare && !strcmp(step, "append"))
        door->prepare(connected());
    if (!strcmp(step, "append"))
        step_append(argc > 4 ? atoi(argv[4]) : 0);
    else if (!strcmp(step, "load"))
        step_load();
    else if (!strcmp(step, "replay"))
        step_replay();
    else if (!strcmp(step, "rehydrate"))
        step_rehydrate();
    else if (!strcmp(step, "e2e"))
        step_e2e();
    else if (!strcmp(step, "subscribers") && argc == 5)
        step_subscribers(atoi(argv[4]));
    else if (!strcmp(step, "fanout") && argc == 5)
        step_fanout(atoi(argv[4]));
    else if (!strcmp(step, "cpu") && argc == 5)
        step_cpu(atoi(argv[4]));
    else
        return 2;
    return 0;
}
