/* saga_hand.c - the commits of a saga, made by hand; see saga.h.
 *
 * These are the appends of a program without sagas that leaves the same events. The bytes of one
 * saga are kept with the places of its id in them; each saga by hand is a copy with another id.
 * Its own stream is expected at its revision, as a saga does, all others at any. */
#include "saga.h"

enum {
    COMMITS_MAX = 32,
    EVENTS_MAX = 128,
    IDS_MAX = 1024,
    BYTES_MAX = 1 << 16,
    FLIGHTS_MAX = 4096
};

struct part {
    uint32_t at, len;
};
struct hand_event {
    struct part stream, type, data, metadata;
    uint64_t revision;
    bool own;
};
struct hand_commit {
    uint64_t number;
    uint32_t first, count;
    struct part key;
};
struct hand {
    size_t commit_count, event_count, id_count, used;
    struct hand_commit commits[COMMITS_MAX];
    struct hand_event events[EVENTS_MAX];
    uint32_t ids[IDS_MAX];
    uint8_t bytes[BYTES_MAX];
};
/* A saga under way by hand. */
struct chain {
    factum_append_op op;
    factum_append_request request;
    factum_new_event events[EVENTS_MAX];
    factum_expectation streams[EVENTS_MAX];
    size_t next; /* next of its commits */
    uint8_t bytes[BYTES_MAX];
};

static _Atomic uint64_t next_number = UINT64_C(5000000000); /* sagas by hand */

/* ---- recording ------------------------------------------------------------------------------- */

static struct part keep(struct hand *hand, factum_slice slice)
{
    struct part part = {(uint32_t)hand->used, (uint32_t)slice.len};
    if (hand->used + slice.len > sizeof hand->bytes)
        wl_die("by hand", "a saga has too many bytes");
    memcpy(hand->bytes + hand->used, slice.ptr, slice.len);
    hand->used += slice.len;
    return part;
}

static bool holds(factum_slice slice, const char *id)
{
    return slice.len > 0 && memmem(slice.ptr, slice.len, id, SAGA_ID_LEN) != NULL;
}

static void keep_event(struct hand *hand, const factum_event *event, const char *id)
{
    struct hand_commit *commit = &hand->commits[hand->commit_count - 1];
    if (hand->commit_count == 0 || commit->number != event->commit) {
        if (hand->commit_count == COMMITS_MAX)
            wl_die("by hand", "a saga has too many commits");
        commit = &hand->commits[hand->commit_count++];
        *commit = (struct hand_commit){.number = event->commit, .first = hand->event_count};
        if (event->key != NULL && holds(*event->key, id))
            commit->key = keep(hand, *event->key);
    }
    if (hand->event_count == EVENTS_MAX)
        wl_die("by hand", "a saga has too many events");
    commit->count++;
    hand->events[hand->event_count++] =
        (struct hand_event){.stream = keep(hand, event->stream),
                            .type = keep(hand, event->type),
                            .data = keep(hand, event->data),
                            .metadata = keep(hand, event->metadata),
                            .revision = event->revision,
                            .own = event->stream.len > 5 && !memcmp(event->stream.ptr, "saga:", 5)};
}

struct hand *hand_record(factum_store *store, uint64_t number, size_t first, size_t end)
{
    struct hand *hand = calloc(1, sizeof *hand);
    char id[SAGA_ID_LEN + 1];
    factum_cursor *cursor;
    factum_event event;
    factum_error err;
    factum_status status;
    const factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_ALL, .commits = true, .skip_system = true};
    saga_id(id, number);
    saga_must(factum_read(store, &request, &cursor, &err), "by hand", &err);
    while ((status = factum_cursor_next(cursor, &event, &err)) == FACTUM_OK) {
        if (holds(event.stream, id))
            keep_event(hand, &event, id);
    }
    saga_must(status, "by hand", &err);
    factum_cursor_close(cursor);
    if (hand->commit_count < end)
        wl_die("by hand", "the saga has fewer commits than it should");
    for (size_t at = 0; at + SAGA_ID_LEN <= hand->used; at++) {
        if (memcmp(hand->bytes + at, id, SAGA_ID_LEN) == 0 && hand->id_count < IDS_MAX)
            hand->ids[hand->id_count++] = (uint32_t)at;
    }
    memmove(hand->commits, hand->commits + first, (end - first) * sizeof *hand->commits);
    hand->commit_count = end - first;
    return hand;
}

size_t hand_commits(const struct hand *hand)
{
    return hand->commit_count;
}

void hand_free(struct hand *hand)
{
    free(hand);
}

/* ---- making ---------------------------------------------------------------------------------- */

static void begin(struct chain *chain, const struct hand *hand)
{
    char id[SAGA_ID_LEN + 1];
    saga_id(id, atomic_fetch_add(&next_number, 1));
    memcpy(chain->bytes, hand->bytes, hand->used);
    for (size_t i = 0; i < hand->id_count; i++)
        memcpy(chain->bytes + hand->ids[i], id, SAGA_ID_LEN);
    chain->next = 0;
}

static factum_slice slice_of(const struct chain *chain, struct part part)
{
    return (factum_slice){chain->bytes + part.at, part.len};
}

static factum_expected expected_of(const struct hand_event *event, bool from_start)
{
    if (!event->own || !from_start)
        return factum_any();
    return event->revision == 0 ? factum_no_stream() : factum_at(event->revision - 1);
}

/* The request for the next commit. */
static void prepare(struct chain *chain, const struct hand *hand)
{
    const struct hand_commit *commit = &hand->commits[chain->next++];
    bool from_start = hand->commits[0].first == 0;
    size_t streams = 0;
    for (uint32_t i = 0; i < commit->count; i++) {
        const struct hand_event *event = &hand->events[commit->first + i];
        factum_slice stream = slice_of(chain, event->stream);
        bool known = false;
        chain->events[i] = (factum_new_event){.stream = stream,
                                              .type = slice_of(chain, event->type),
                                              .data = slice_of(chain, event->data),
                                              .metadata = slice_of(chain, event->metadata)};
        for (size_t k = 0; k < streams && !known; k++)
            known = chain->streams[k].stream.len == stream.len &&
                    memcmp(chain->streams[k].stream.ptr, stream.ptr, stream.len) == 0;
        if (!known)
            chain->streams[streams++] =
                (factum_expectation){stream, expected_of(event, from_start)};
    }
    chain->request = (factum_append_request){.size = sizeof chain->request,
                                             .events = chain->events,
                                             .event_count = commit->count,
                                             .expectations = chain->streams,
                                             .expectation_count = streams};
    if (commit->key.len > 0)
        chain->request.idempotency_key = slice_of(chain, commit->key);
}

/* ---- threads that wait ----------------------------------------------------------------------- */

struct writer {
    factum_store *store;
    const struct hand *hand;
    uint64_t until, done;
    wl_lat_t *times;
    struct chain *chain;
};

static void *write_sagas(void *data)
{
    struct writer *w = data;
    factum_append_result result;
    factum_error err;
    while (wl_now() < w->until) {
        begin(w->chain, w->hand);
        for (size_t i = 0; i < w->hand->commit_count; i++) {
            uint64_t from = wl_now();
            prepare(w->chain, w->hand);
            saga_must(factum_append(w->store, &w->chain->request, &result, NULL, &err), "by hand",
                      &err);
            if (w->times != NULL)
                wl_lat_add(w->times, wl_now() - from);
        }
        w->done++;
    }
    return NULL;
}

double hand_run(factum_store *store, const struct hand *hand, int count, double secs,
                wl_lat_t *times)
{
    struct writer *writers = calloc((size_t)count, sizeof *writers);
    pthread_t *threads = calloc((size_t)count, sizeof *threads);
    uint64_t from = wl_now(), done = 0;
    for (int i = 0; i < count; i++) {
        writers[i] = (struct writer){.store = store,
                                     .hand = hand,
                                     .until = from + (uint64_t)(secs * 1e9),
                                     .times = i == 0 ? times : NULL,
                                     .chain = calloc(1, sizeof(struct chain))};
        if (pthread_create(&threads[i], NULL, write_sagas, &writers[i]) != 0)
            wl_die("thread", NULL);
    }
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        done += writers[i].done;
        free(writers[i].chain);
    }
    free(writers);
    free(threads);
    return (double)done / ((double)(wl_now() - from) / 1e9);
}

/* ---- completions ----------------------------------------------------------------------------- */

struct burst {
    factum_store *store;
    const struct hand *hand;
    factum_completer completer;
    pthread_mutex_t lock;
    pthread_cond_t news;
    uint64_t left, until; /* sagas that are still to begin; none begins after this time, unless 0 */
    uint64_t done, under_way;
};

/* Should one more saga begin? */
static bool one_more(struct burst *burst)
{
    if (burst->left == 0 || (burst->until != 0 && wl_now() >= burst->until))
        return false;
    burst->left--;
    return true;
}

static void submit_chain(struct burst *burst, struct chain *chain)
{
    factum_error err;
    prepare(chain, burst->hand);
    memset(&chain->op, 0, sizeof chain->op);
    chain->op.size = sizeof chain->op;
    chain->op.request = &chain->request;
    chain->op.completer = &burst->completer;
    chain->op.data = chain;
    saga_must(factum_append_submit(burst->store, &chain->op, &err), "by hand", &err);
}

static void chain_done(void *data, factum_append_op *const *ops, size_t count)
{
    struct burst *burst = data;
    uint64_t ended = 0;
    for (size_t i = 0; i < count; i++) {
        struct chain *chain = ops[i]->data;
        saga_must(ops[i]->status, "by hand", &ops[i]->err);
        if (chain->next == burst->hand->commit_count) {
            burst->done++;
            if (!one_more(burst)) {
                ended++;
                continue;
            }
            begin(chain, burst->hand);
        }
        submit_chain(burst, chain);
    }
    pthread_mutex_lock(&burst->lock);
    burst->under_way -= ended;
    pthread_cond_signal(&burst->news);
    pthread_mutex_unlock(&burst->lock);
}

/* Sagas per second. */
static double run_burst(struct burst *burst, int flights)
{
    static struct chain *chains[FLIGHTS_MAX];
    burst->completer = (factum_completer){burst, chain_done};
    pthread_mutex_init(&burst->lock, NULL);
    pthread_cond_init(&burst->news, NULL);
    burst->under_way = (uint64_t)flights;
    for (int i = 0; i < flights; i++)
        begin(chains[i] = calloc(1, sizeof(struct chain)), burst->hand);
    uint64_t from = wl_now();
    for (int i = 0; i < flights; i++)
        submit_chain(burst, chains[i]);
    pthread_mutex_lock(&burst->lock);
    while (burst->under_way > 0)
        pthread_cond_wait(&burst->news, &burst->lock);
    pthread_mutex_unlock(&burst->lock);
    double secs = (double)(wl_now() - from) / 1e9;
    for (int i = 0; i < flights; i++)
        free(chains[i]);
    return (double)burst->done / secs;
}

double hand_flow(factum_store *store, const struct hand *hand, int flights, double secs)
{
    struct burst burst = {.store = store,
                          .hand = hand,
                          .left = UINT64_MAX,
                          .until = wl_now() + (uint64_t)(secs * 1e9)};
    return run_burst(&burst, flights);
}

double hand_burst(factum_store *store, const struct hand *hand, uint64_t count, int flights)
{
    struct burst burst = {.store = store, .hand = hand};
    flights = (uint64_t)flights < count ? flights : (int)count;
    burst.left = count - (uint64_t)flights;
    return (double)count / run_burst(&burst, flights);
}
