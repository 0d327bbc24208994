/* store_news.c - News of factum.v1.Store: reports that the store has advanced, and for which of a
 * client's interests there is something to read. Layer: server.
 *
 * Without interests the store is asked for its place, which is sent. With interests a feed reads
 * each new event once for the call, looks its stream, category, type and tags up in a table, and
 * records which interests it hits. The hits are sent when the feed has caught up. Hits that cannot
 * be sent yet, because the client does not read, are merged with later ones.
 *
 * Invariants.
 *  1. Every event up to |place| that hits an interest was reported, or is recorded in |hits| or by
 *     |all|.
 *  2. An interest is in both tables, by its number and by its name.
 *  3. An interest is effective from |place| on once its request is in |requests|: a request that
 *     comes while the feed is beyond |place| waits in |requests_late| until the feed has caught up.
 */
#include "wire/store_news.h"

#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/slice.h"
#include "server/store_calls.h"

#define NEWS_BUCKETS 4096u
#define NEWS_EVENTS_PER_TURN 1024

struct store_interest {
    struct store_interest *by_number; /* next one in its bucket */
    struct store_interest *by_name;
    uint32_t number;
    factum_source source; /* STREAM, CATEGORY, TYPE or TAG */
    uint64_t round;       /* round of |hits| in which it was added last */
    size_t name_len;
    uint8_t name[];
};

struct store_news_table {
    struct store_interest *by_number[NEWS_BUCKETS];
    struct store_interest *by_name[NEWS_BUCKETS];
    size_t count;
    uint32_t hits[FCT_STORE_HITS_MAX];
};

struct store_news_state {
    struct fct_grpc_call *call;
    struct fct_watcher watcher;
    struct fct_feed feed;           /* open once an interest existed */
    struct store_news_table *table; /* allocated once an interest existed */
    uint64_t place;                 /* sent last, or to be sent next */
    uint64_t requests;
    uint64_t requests_late;
    uint64_t round;
    bool reading;  /* the feed has read something after |place| */
    uint32_t bits; /* of factum_news, not sent yet */
    size_t hit_count;
    bool all;
    bool due; /* an answer is due */
};

/* ---- reporting ------------------------------------------------------------------------------- */

static void news_send(struct fct_grpc_call *call)
{
    struct store_news_state *state = call->state;
    if (call->finished || !state->due || fct_grpc_room(call) == 0) {
        return; /* writable continues */
    }
    const struct fct_store_news news = {
        .place = state->place,
        .requests = state->requests,
        .room = (state->bits & FACTUM_NEWS_ROOM) != 0,
        .failed = (state->bits & FACTUM_NEWS_FAILED) != 0,
        .all = state->all,
        .hits = state->table == NULL ? NULL : state->table->hits,
        .hit_count = state->all ? 0 : state->hit_count,
    };
    if (fct_store_encode_news(&call->out, &news) != FACTUM_OK) {
        fct_store_call_no_memory(call);
        return;
    }
    fct_grpc_send(call);
    state->due = false;
    state->bits = 0;
    state->all = false;
    state->hit_count = 0;
    state->round++;
}

static void news_done(struct factum_question *question)
{
    (void)question; /* an embedded store answers at once */
}

/* Used without interests. */
static void news_ask_place(struct fct_grpc_call *call)
{
    struct store_news_state *state = call->state;
    factum_question question = {
        .size = sizeof question, .kind = FACTUM_ASK_PLACE, .done = news_done};
    factum_status status = factum_ask(call->server->store, &question, NULL);
    FCT_ASSERT(status != FACTUM_PENDING);
    if (status == FACTUM_OK && question.number > state->place) {
        state->place = question.number;
        state->due = true;
    }
}

/* ---- events ---------------------------------------------------------------------------------- */

static struct store_interest **news_name_bucket(struct store_news_table *table,
                                                factum_source source, factum_slice name)
{
    return &table->by_name[fct_hash64(name, (uint64_t)source) % NEWS_BUCKETS];
}

static void news_note(struct store_news_state *state, factum_source source, factum_slice name)
{
    struct store_interest *it = *news_name_bucket(state->table, source, name);
    for (; it != NULL; it = it->by_name) {
        if (it->round == state->round || it->source != source ||
            !fct_slice_equal(fct_slice(it->name, it->name_len), name)) {
            continue;
        }
        if (state->hit_count == FCT_STORE_HITS_MAX) {
            state->all = true;
            return;
        }
        it->round = state->round;
        state->table->hits[state->hit_count++] = it->number;
    }
}

static void news_note_event(struct store_news_state *state, const factum_event *event)
{
    const uint8_t *dash = memchr(event->stream.ptr, '-', event->stream.len);
    news_note(state, FACTUM_SOURCE_STREAM, event->stream);
    if (fct_slice_starts(event->stream, FCT_SLICE("$$"))) {
        news_note(state, FACTUM_SOURCE_STREAM, fct_slice_from(event->stream, 2));
    }
    if (dash != NULL) {
        news_note(state, FACTUM_SOURCE_CATEGORY,
                  fct_slice(event->stream.ptr, (size_t)(dash - event->stream.ptr)));
    }
    news_note(state, FACTUM_SOURCE_TYPE, event->type);
    for (size_t i = 0; i < event->tag_count; i++) {
        news_note(state, FACTUM_SOURCE_TAG, event->tags[i]);
    }
}

static void news_catch_up(struct store_news_state *state)
{
    state->place = fct_feed_place(&state->feed);
    state->requests += state->requests_late;
    state->requests_late = 0;
    state->reading = false;
    state->due = true;
}

static void news_read(struct fct_grpc_call *call)
{
    struct store_news_state *state = call->state;
    for (int i = 0; !call->finished; i++) {
        factum_event event;
        factum_error err;
        if (i == NEWS_EVENTS_PER_TURN) {
            fct_feed_again(&state->feed);
            return;
        }
        factum_status status = fct_feed_next(&state->feed, &event, &err);
        if (status == FACTUM_OK) {
            state->reading = true;
            news_note_event(state, &event);
        } else if (status == FACTUM_CAUGHT_UP) {
            news_catch_up(state);
        } else if (status == FACTUM_PENDING) {
            news_send(call);
            return;
        } else if (status == FACTUM_FAILED) {
            state->bits |= FACTUM_NEWS_FAILED;
            state->due = true;
            news_send(call);
            return;
        } else {
            fct_store_call_fail(call, status, &err);
        }
    }
}

static void news_on_feed(struct fct_feed *feed)
{
    struct fct_grpc_call *call = feed->data;
    if (!call->finished) {
        news_read(call);
    }
}

static void news_on_watcher(struct fct_watcher *watcher, uint32_t news)
{
    struct store_news_state *state = FCT_CONTAINER_OF(watcher, struct store_news_state, watcher);
    struct fct_grpc_call *call = state->call;
    if (call->finished) {
        return;
    }
    if (call->server->stopping) {
        factum_error err;
        (void)fct_fail(&err, FACTUM_UNREACHABLE, "the server is shutting down");
        fct_store_call_fail(call, FACTUM_UNREACHABLE, &err);
        return;
    }
    state->bits |= news & (FACTUM_NEWS_ROOM | FACTUM_NEWS_FAILED);
    state->due = state->due || state->bits != 0;
    if (state->table == NULL) {
        news_ask_place(call);
    }
    news_send(call);
}

/* ---- interests ------------------------------------------------------------------------------- */

static struct store_interest **news_find(struct store_news_table *table, uint32_t number)
{
    struct store_interest **at = &table->by_number[number % NEWS_BUCKETS];
    while (*at != NULL && (*at)->number != number) {
        at = &(*at)->by_number;
    }
    return at;
}

static void news_remove(struct fct_grpc_call *call, uint32_t number)
{
    struct store_news_state *state = call->state;
    struct store_interest **at = news_find(state->table, number);
    struct store_interest *it = *at;
    if (it == NULL) {
        return;
    }
    *at = it->by_number;
    factum_slice name = fct_slice(it->name, it->name_len);
    struct store_interest **named = news_name_bucket(state->table, it->source, name);
    while (*named != it) {
        FCT_ASSERT(*named != NULL);
        named = &(*named)->by_name;
    }
    *named = it->by_name;
    state->table->count--;
    fct_mem_free(call->server->mem, it);
}

/* Replaces a virtual stream by what it shows. */
static factum_status news_normalize(struct fct_store_interest *interest, factum_error *err)
{
    factum_slice name = interest->name;
    if (interest->source == FACTUM_SOURCE_STREAM) {
        bool category = fct_slice_starts(name, FCT_SLICE("$ce-"));
        if (category || fct_slice_starts(name, FCT_SLICE("$et-"))) {
            interest->source = category ? FACTUM_SOURCE_CATEGORY : FACTUM_SOURCE_TYPE;
            interest->name = fct_slice_from(name, 4);
        }
    }
    bool possible = interest->source == FACTUM_SOURCE_STREAM ||
                    interest->source == FACTUM_SOURCE_CATEGORY ||
                    interest->source == FACTUM_SOURCE_TYPE || interest->source == FACTUM_SOURCE_TAG;
    if (!possible || fct_slice_starts(name, FCT_SLICE("$bc-"))) {
        return fct_fail(err, FACTUM_INVALID,
                        "news: an interest is in a stream, a category, a type or a tag");
    }
    if (name.len == 0 || name.len > FACTUM_NAME_SIZE_MAX + 4) {
        return fct_fail(err, FACTUM_INVALID, "news: an interest has a name of 1 to %d bytes",
                        FACTUM_NAME_SIZE_MAX);
    }
    return FACTUM_OK;
}

static factum_status news_add(struct fct_grpc_call *call, const struct fct_store_interest *interest,
                              factum_error *err)
{
    struct store_news_state *state = call->state;
    struct store_news_table *table = state->table;
    struct store_interest **at = news_find(table, interest->number);
    if (*at != NULL) {
        return fct_fail(err, FACTUM_INVALID, "news: the number %u is in use", interest->number);
    }
    if (table->count == FCT_STORE_INTERESTS_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "news: more than %u interests",
                        FCT_STORE_INTERESTS_MAX);
    }
    struct store_interest *it =
        fct_mem_zalloc(call->server->mem, 1, sizeof *it + interest->name.len);
    if (it == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "the server is out of memory");
    }
    it->number = interest->number;
    it->source = interest->source;
    it->name_len = interest->name.len;
    if (it->name_len > 0) {
        memcpy(it->name, interest->name.ptr, it->name_len);
    }
    struct store_interest **named = news_name_bucket(table, it->source, interest->name);
    it->by_name = *named;
    *named = it;
    *at = it;
    table->count++;
    return FACTUM_OK;
}

/* From here on the feed determines the place. */
static factum_status news_open_table(struct fct_grpc_call *call, factum_error *err)
{
    struct store_news_state *state = call->state;
    const factum_read_request request = {.size = sizeof request,
                                         .source = FACTUM_SOURCE_ALL,
                                         .from = FACTUM_FROM_AFTER,
                                         .from_value = state->place};
    if (state->table != NULL) {
        return FACTUM_OK;
    }
    struct store_news_table *table = fct_mem_zalloc(call->server->mem, 1, sizeof *table);
    if (table == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "the server is out of memory");
    }
    state->feed.wake = news_on_feed;
    state->feed.data = call;
    state->feed.protocol = FCT_FEED_STORE;
    factum_status status = fct_feed_open(call->server, &state->feed, &request, true, err);
    if (status != FACTUM_OK) {
        fct_mem_free(call->server->mem, table);
        return status;
    }
    state->table = table;
    return FACTUM_OK;
}

static factum_status news_take(struct fct_grpc_call *call, struct fct_store_interest *interest,
                               factum_error *err)
{
    factum_status status = news_open_table(call, err);
    if (status != FACTUM_OK || interest->remove) {
        if (status == FACTUM_OK) {
            news_remove(call, interest->number);
        }
        return status;
    }
    status = news_normalize(interest, err);
    if (status == FACTUM_OK && interest->source == FACTUM_SOURCE_STREAM) {
        status = fct_rights_check(call->principal, FCT_OP_READ_STREAM, interest->name, err);
    }
    return status == FACTUM_OK ? news_add(call, interest, err) : status;
}

static void news_message(struct fct_grpc_call *call, factum_slice message)
{
    struct store_news_state *state = call->state;
    struct fct_pb_reader reader = fct_pb_reader(message);
    struct fct_store_interest interest;
    factum_error err;
    factum_status status;
    while ((status = fct_store_next_interest(&reader, &interest, &err)) == FACTUM_OK) {
        status = news_take(call, &interest, &err);
        if (status != FACTUM_OK) {
            break;
        }
    }
    if (status != FACTUM_DONE) {
        fct_store_call_fail(call, status, &err);
        return;
    }
    if (state->reading) {
        state->requests_late++;
        return;
    }
    state->requests++;
    state->due = true;
    if (state->table != NULL && state->feed.slot == NULL && state->feed.task.slot == NULL) {
        news_read(call); /* for the first time: what the feed has not read is reported afterwards */
    } else {
        news_send(call);
    }
}

/* ---- the call -------------------------------------------------------------------------------- */

static void news_begin(struct fct_grpc_call *call)
{
    struct store_news_state *state = call->state;
    state->call = call;
    state->round = 1;
    state->watcher.news = news_on_watcher;
    if (fct_grpc_allowed(call, FCT_OP_INFO, fct_slice(NULL, 0))) {
        fct_feeds_watch(call->server, &state->watcher);
        news_ask_place(call);
        state->due = true;
        news_send(call);
    }
}

static void news_writable(struct fct_grpc_call *call)
{
    news_send(call);
}

static void news_end(struct fct_grpc_call *call)
{
    (void)call; /* interests do not change */
}

static void news_closed(struct fct_grpc_call *call)
{
    struct store_news_state *state = call->state;
    fct_feeds_unwatch(&state->watcher);
    fct_feed_close(&state->feed);
    for (size_t i = 0; state->table != NULL && i < NEWS_BUCKETS; i++) {
        while (state->table->by_number[i] != NULL) {
            struct store_interest *it = state->table->by_number[i];
            state->table->by_number[i] = it->by_number;
            fct_mem_free(call->server->mem, it);
        }
    }
    fct_mem_free(call->server->mem, state->table);
}

const struct fct_grpc_method fct_store_news_method = {
    .path = FCT_STORE_PATH("News"),
    .state_size = sizeof(struct store_news_state),
    .streams_requests = true,
    .bidirectional = true,
    .begin = news_begin,
    .message = news_message,
    .end = news_end,
    .writable = news_writable,
    .closed = news_closed,
};
