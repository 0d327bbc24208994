/* feed.c - readers and subscribers, and which of them an append wakes. Layer: server.
 *
 * A feed is a cursor or a subscription of the store, read without waiting. A feed that has nothing
 * to return waits in a table, under the name that it reads. The tail, a subscription to everything,
 * reads each new event once for all feeds. It wakes those that wait for the event's stream,
 * category or type, and those that wait for anything. So an append costs time for its own
 * subscribers only.
 *
 * A feed of everything or of one stream that has caught up closes its subscription and rides: it
 * takes events that the tail has read (recent.h), with the bytes that other feeds have encoded them
 * to. If it is so slow that the recent events are gone, or if a tombstone comes, it subscribes
 * again at its place. Feeds of categories, types and filters ask the store: the tail knows neither
 * their ordinals nor their conditions.
 *
 * A wake-up is a hint. So a tail that is far behind may skip to the end: it wakes all feeds, whose
 * riding ends with that. While nobody subscribes, the tail reads nothing, because appends would pay
 * for it.
 *
 * Invariants (feeds_check, feed_check).
 *  1. A waiting feed asked the store after the tail last read: the tail will still read every event
 *     that the feed has not seen.
 *  2. A feed that asked in vain is in the table, or its task is queued, or both: it cannot be
 *     forgotten, and may be woken without need.
 *  3. The tail is at the end, or continues to read, while a subscription exists. |behind| is set
 *     only while none exists, and the first one moves the tail to the end before it asks the store.
 *  4. A riding feed has returned every event of its own at or before |place|. Later events are
 *     among the recent events from |number| on, or |number| is below the number of the first one.
 *  5. No recent event concerns a feed that rides and waits in the table: an event that concerned it
 *     would have woken it.
 *  6. A riding feed has no subscription, and |shares|.
 */
#include <stdatomic.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/slice.h"
#include "os/thread.h"
#include "server/server_int.h"

#define BUCKETS 4096u
#define TAIL_EVENTS_PER_TURN 1024
/* Of one call of the store: about a millisecond. A selective filter takes many turns. */
#define STEPS_PER_CALL 4096
#define TURNS_MAX 64 /* in a row: then all feeds are woken, and the tail skips to the end */

struct fct_feeds {
    struct fct_server *server;
    factum_listener listener;
    struct fct_task news;  /* posted by the store's thread */
    struct fct_task again; /* the tail has more to read */
    factum_subscription *tail;
    bool behind; /* the tail stopped, because nobody subscribed */
    unsigned turns;
    size_t sharer_count; /* feeds that ride or would ride */
    struct fct_recent recent;
    struct fct_feed *followers;
    _Atomic uint32_t bits; /* bits of factum_news that the loop has not seen */
    struct fct_watcher *watchers;
    struct fct_feed *any;
    struct fct_feed *buckets[BUCKETS];
};

static void feeds_check(const struct fct_feeds *feeds)
{
    uint64_t subscriptions = feeds->server->counters.subscriptions;
    FCT_ASSERT((subscriptions == 0) == (feeds->followers == NULL));
    FCT_ASSERT(feeds->sharer_count <= subscriptions);
    FCT_ASSERT(!feeds->behind || subscriptions == 0);
    FCT_ASSERT(subscriptions > 0 || feeds->any == NULL);
    FCT_ASSERT(feeds->turns < TURNS_MAX);
}

static void feed_check(const struct fct_feed *feed)
{
    FCT_ASSERT(!feed->rides || (feed->shares && feed->subscription == NULL));
    FCT_ASSERT(!feed->shares || feed->counted);
    FCT_ASSERT(feed->counted || (feed->subscription == NULL && feed->slot == NULL));
    FCT_ASSERT(feed->slot == NULL || *feed->slot == feed);
    FCT_ASSERT(!feed->rides || feed->number <= feed->server->feeds->recent.end);
}

/* ---- the table ------------------------------------------------------------------------------- */

static struct fct_feed **bucket_of(struct fct_feeds *feeds, factum_source source, factum_slice name)
{
    uint64_t hash = fct_hash64(name, (uint64_t)source);
    return &feeds->buckets[hash % BUCKETS];
}

static void stop_waiting(struct fct_feed *feed)
{
    if (feed->slot != NULL) {
        *feed->slot = feed->next;
        if (feed->next != NULL) {
            feed->next->slot = feed->slot;
        }
        feed->slot = NULL;
        feed->next = NULL;
    }
}

static void wait_for_news(struct fct_feed *feed)
{
    struct fct_feeds *feeds = feed->server->feeds;
    if (feed->slot != NULL) {
        return;
    }
    struct fct_feed **slot = feed->interest == FACTUM_SOURCE_ALL
                                 ? &feeds->any
                                 : bucket_of(feeds, feed->interest, fct_buf_slice(&feed->name));
    feed->next = *slot;
    feed->slot = slot;
    if (feed->next != NULL) {
        feed->next->slot = &feed->next;
    }
    *slot = feed;
}

static void wake(struct fct_feed *feed)
{
    stop_waiting(feed);
    fct_loop_later(feed->server->loop, &feed->task);
}

static void wake_all(struct fct_feed **list)
{
    while (*list != NULL) {
        wake(*list);
    }
}

/* Wakes feeds because of the newest event: older events do not concern waiting feeds. */
static void wake_those(struct fct_feeds *feeds, factum_source source, factum_slice name)
{
    struct fct_feed *feed = *bucket_of(feeds, source, name);
    while (feed != NULL) {
        struct fct_feed *next = feed->next;
        if (feed->interest == source && fct_slice_equal(fct_buf_slice(&feed->name), name)) {
            if (feed->rides && feeds->recent.end > feeds->recent.first) {
                feed->number = feeds->recent.end - 1;
            }
            wake(feed);
        }
        feed = next;
    }
}

static void wake_everybody(struct fct_feeds *feeds)
{
    wake_all(&feeds->any);
    for (size_t i = 0; i < BUCKETS; i++) {
        wake_all(&feeds->buckets[i]);
    }
}

static void wake_for(struct fct_feeds *feeds, const factum_event *event)
{
    const uint8_t *dash = memchr(event->stream.ptr, '-', event->stream.len);
    wake_those(feeds, FACTUM_SOURCE_STREAM, event->stream);
    wake_those(feeds, FACTUM_SOURCE_TYPE, event->type);
    if (dash != NULL) {
        factum_slice category = fct_slice(event->stream.ptr, (size_t)(dash - event->stream.ptr));
        wake_those(feeds, FACTUM_SOURCE_CATEGORY, category);
    }
}

/* ---- the tail -------------------------------------------------------------------------------- */

static factum_status open_tail(struct fct_feeds *feeds, factum_error *err)
{
    const factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_ALL, .from = FACTUM_FROM_END};
    factum_status status = factum_subscribe(feeds->server->store, &request, &feeds->tail, err);
    if (status == FACTUM_OK) {
        fct_recent_restart(&feeds->recent, factum_subscription_checkpoint(feeds->tail));
    }
    return status;
}

/* Continues at the end. All feeds are woken afterwards, and read the skipped events themselves. */
static void skip_to_end(struct fct_feeds *feeds)
{
    factum_error ignored;
    factum_subscription *old = feeds->tail;
    if (open_tail(feeds, &ignored) == FACTUM_OK) {
        factum_subscription_close(old);
    }
    wake_everybody(feeds);
}

static void take_recent(struct fct_feeds *feeds, const factum_event *event)
{
    if (feeds->sharer_count > 0) {
        (void)fct_recent_add(&feeds->recent, event); /* if it fails, feeds ask the store */
    } else {
        fct_recent_restart(&feeds->recent, event->position);
    }
    wake_for(feeds, event);
}

static void read_tail(struct fct_feeds *feeds)
{
    bool any = false;
    feeds_check(feeds);
    if (feeds->server->counters.subscriptions == 0) {
        FCT_ASSERT(feeds->any == NULL);
        feeds->behind = true;
        return;
    }
    for (int i = 0; i < TAIL_EVENTS_PER_TURN; i++) {
        factum_event event;
        factum_status status = factum_subscription_next(feeds->tail, 0, &event, NULL);
        if (status < 0) {
            skip_to_end(feeds); /* each feed finds the failure itself */
            return;
        }
        if (status == FACTUM_TIMEOUT) {
            feeds->turns = 0;
            fct_recent_reach(&feeds->recent, factum_subscription_checkpoint(feeds->tail));
            if (any) {
                wake_all(&feeds->any);
            }
            return;
        }
        if (status == FACTUM_OK) {
            any = true;
            take_recent(feeds, &event);
        }
    }
    wake_all(&feeds->any);
    if (++feeds->turns == TURNS_MAX) {
        feeds->turns = 0;
        skip_to_end(feeds);
    }
    fct_loop_later(feeds->server->loop, &feeds->again);
}

static void on_again(struct fct_task *task)
{
    read_tail(FCT_CONTAINER_OF(task, struct fct_feeds, again));
}

static void notify_watchers(struct fct_feeds *feeds, uint32_t bits)
{
    struct fct_watcher *watcher = feeds->watchers;
    while (watcher != NULL) {
        struct fct_watcher *next = watcher->next;
        watcher->news(watcher, bits);
        watcher = next;
    }
}

static void on_news(struct fct_task *task)
{
    struct fct_feeds *feeds = FCT_CONTAINER_OF(task, struct fct_feeds, news);
    uint32_t bits = atomic_exchange(&feeds->bits, 0);
    if ((bits & (FACTUM_NEWS_END | FACTUM_NEWS_FAILED)) != 0 && feeds->again.slot == NULL) {
        read_tail(feeds);
    }
    notify_watchers(feeds, bits);
}

/* Runs on the store's thread. */
static void notify(void *data, uint32_t news)
{
    struct fct_feeds *feeds = data;
    atomic_fetch_or(&feeds->bits, news);
    fct_loop_post(feeds->server->loop, &feeds->news);
}

factum_status fct_feeds_open(struct fct_server *server, factum_error *err)
{
    struct fct_feeds *feeds = fct_mem_zalloc(server->mem, 1, sizeof *feeds);
    if (feeds == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "start the server: out of memory");
    }
    feeds->server = server;
    feeds->recent.mem = server->mem;
    feeds->news.run = on_news;
    feeds->again.run = on_again;
    feeds->listener =
        (factum_listener){.size = sizeof feeds->listener, .data = feeds, .notify = notify};
    factum_status status = factum_listen(server->store, &feeds->listener, err);
    if (status == FACTUM_OK) {
        status = open_tail(feeds, err);
        if (status != FACTUM_OK) {
            factum_unlisten(server->store, &feeds->listener);
        }
    }
    if (status != FACTUM_OK) {
        fct_mem_free(server->mem, feeds);
        return status;
    }
    server->feeds = feeds;
    return FACTUM_OK;
}

const struct fct_feed *fct_feeds_first(const struct fct_server *server)
{
    return server->feeds->followers;
}

void fct_feeds_stop(struct fct_server *server)
{
    wake_everybody(server->feeds);
    notify_watchers(server->feeds, 0);
}

void fct_feeds_room(struct fct_server *server)
{
    struct fct_feeds *feeds = server->feeds;
    atomic_fetch_or(&feeds->bits, FACTUM_NEWS_ROOM);
    fct_loop_post(server->loop, &feeds->news);
}

void fct_feeds_watch(struct fct_server *server, struct fct_watcher *watcher)
{
    struct fct_feeds *feeds = server->feeds;
    FCT_ASSERT(watcher->slot == NULL);
    watcher->next = feeds->watchers;
    watcher->slot = &feeds->watchers;
    if (watcher->next != NULL) {
        watcher->next->slot = &watcher->next;
    }
    feeds->watchers = watcher;
}

void fct_feeds_unwatch(struct fct_watcher *watcher)
{
    if (watcher->slot != NULL) {
        *watcher->slot = watcher->next;
        if (watcher->next != NULL) {
            watcher->next->slot = watcher->slot;
        }
        watcher->slot = NULL;
    }
}

void fct_feeds_close(struct fct_server *server)
{
    struct fct_feeds *feeds = server->feeds;
    if (feeds == NULL) {
        return;
    }
    factum_unlisten(server->store, &feeds->listener);
    fct_loop_unpost(server->loop, &feeds->news);
    FCT_ASSERT(feeds->any == NULL);
    FCT_ASSERT(feeds->watchers == NULL);
    fct_loop_forget(server->loop, &feeds->again);
    factum_subscription_close(feeds->tail);
    fct_recent_finish(&feeds->recent);
    fct_mem_free(server->mem, feeds);
    server->feeds = NULL;
}

/* ---- feeds ----------------------------------------------------------------------------------- */

static void run_wake(struct fct_task *task)
{
    struct fct_feed *feed = FCT_CONTAINER_OF(task, struct fct_feed, task);
    feed->wake(feed);
}

/* Sets what wakes the feed: a stream, a category or a type by its name, or anything. */
static factum_status note_interest(struct fct_feed *feed, const factum_read_request *request)
{
    static const struct {
        const char *prefix;
        factum_source source;
    } virtual_streams[] = {
        {"$ce-", FACTUM_SOURCE_CATEGORY},
        {"$et-", FACTUM_SOURCE_TYPE},
        {"$bc-", FACTUM_SOURCE_ALL},
    };
    factum_slice name = request->name;
    feed->interest = FACTUM_SOURCE_ALL;
    if (request->source == FACTUM_SOURCE_STREAM || request->source == FACTUM_SOURCE_CATEGORY ||
        request->source == FACTUM_SOURCE_TYPE) {
        feed->interest = request->source;
    }
    for (size_t i = 0; i < 3 && request->source == FACTUM_SOURCE_STREAM; i++) {
        factum_slice prefix = factum_slice_from(virtual_streams[i].prefix);
        if (fct_slice_starts(name, prefix)) {
            feed->interest = virtual_streams[i].source;
            name = fct_slice_from(name, prefix.len);
            break;
        }
    }
    fct_buf_init(&feed->name, feed->server->mem, FACTUM_NAME_SIZE_MAX + 8);
    return fct_buf_add_slice(&feed->name, name);
}

/* True if the tail reads exactly what the request asks for, event by event. */
static bool may_ride(const struct fct_feed *feed, const factum_read_request *request)
{
    return request->filter == NULL && request->call == NULL && !request->commits &&
           (request->source == FACTUM_SOURCE_ALL ||
            (request->source == FACTUM_SOURCE_STREAM && !request->skip_system &&
             feed->interest == FACTUM_SOURCE_STREAM));
}

static factum_status begin_following(struct fct_feed *feed, const factum_read_request *request,
                                     factum_error *err)
{
    struct fct_feeds *feeds = feed->server->feeds;
    feed->server->counters.subscriptions++;
    feed->newer = NULL;
    feed->older = feeds->followers;
    if (feed->older != NULL) {
        feed->older->newer = feed;
    }
    feeds->followers = feed;
    feed->counted = true;
    if (note_interest(feed, request) != FACTUM_OK) {
        fct_feed_close(feed);
        return fct_fail(err, FACTUM_NO_MEMORY, "subscribe: out of memory");
    }
    feed->shares = may_ride(feed, request);
    feed->skip_system = request->skip_system;
    feed->hash = fct_recent_hash(fct_buf_slice(&feed->name));
    feeds->sharer_count += feed->shares ? 1 : 0;
    feeds_check(feeds);
    return FACTUM_OK;
}

static void end_following(struct fct_feed *feed)
{
    struct fct_feeds *feeds = feed->server->feeds;
    if (feed->newer != NULL) {
        feed->newer->older = feed->older;
    } else {
        feeds->followers = feed->older;
    }
    if (feed->older != NULL) {
        feed->older->newer = feed->newer;
    }
    feeds->sharer_count -= feed->shares ? 1 : 0;
    feed->server->counters.subscriptions--;
    feeds_check(feeds);
    fct_buf_finish(&feed->name);
}

factum_status fct_feed_open(struct fct_server *server, struct fct_feed *feed,
                            const factum_read_request *wanted, bool follow, factum_error *err)
{
    factum_read_request in_steps = *wanted;
    const factum_read_request *request = &in_steps;
    in_steps.steps_max = STEPS_PER_CALL;
    FCT_ASSERT(feed->wake != NULL);
    feed->server = server;
    feed->follow = follow;
    feed->task.run = run_wake;
    factum_status status;
    if (follow) {
        if (server->feeds->behind) {
            server->feeds->behind = false;
            server->feeds->turns = 0;
            /* Without memory the tail reads everything that it has not read. */
            skip_to_end(server->feeds);
        }
        status = factum_subscribe(server->store, request, &feed->subscription, err);
    } else if (feed->series) {
        status = factum_read_start(server->store, request, true, &feed->cursor, err);
    } else {
        status = factum_read(server->store, request, &feed->cursor, err);
    }
    return status == FACTUM_OK && follow ? begin_following(feed, request, err) : status;
}

/* ---- riding ---------------------------------------------------------------------------------- */

/* Everything up to the end was returned. */
static void begin_riding(struct fct_feed *feed)
{
    uint64_t place = factum_subscription_checkpoint(feed->subscription);
    if (feed->shares && fct_recent_covers(&feed->server->feeds->recent, place, &feed->number)) {
        feed->rides = true;
        feed->caught_up = true;
        feed->place = place;
        factum_subscription_close(feed->subscription);
        feed->subscription = NULL;
    }
}

static factum_status end_riding(struct fct_feed *feed, factum_error *err)
{
    const factum_read_request request = {.size = sizeof request,
                                         .source = feed->interest,
                                         .name = fct_buf_slice(&feed->name),
                                         .from = FACTUM_FROM_AFTER,
                                         .from_value = feed->place,
                                         .skip_system = feed->skip_system};
    factum_status status =
        factum_subscribe(feed->server->store, &request, &feed->subscription, err);
    feed->rides = status != FACTUM_OK;
    return status;
}

static void embedded_is_never_late(factum_question *question)
{
    (void)question;
    FCT_ASSERT(false); /* the server's store is embedded */
}

/* Returns the first visible revision, because the stream's metadata may hide new events. Asked once
 * per event. */
static uint64_t first_revision_of(const struct fct_feed *feed, struct fct_recent_event *recent)
{
    factum_stream_info info = {.size = sizeof info};
    factum_question question = {.size = sizeof question,
                                .kind = FACTUM_ASK_STREAM,
                                .name = recent->event.stream,
                                .stream = &info,
                                .done = embedded_is_never_late};
    if (!recent->asked && factum_ask(feed->server->store, &question, NULL) == FACTUM_OK) {
        recent->asked = true;
        recent->first_revision = info.state == FACTUM_STREAM_SOFT_DELETED
                                     ? FACTUM_REVISION_TOMBSTONE
                                     : info.first_revision;
    }
    return recent->first_revision;
}

static bool concerns(const struct fct_feed *feed, struct fct_recent_event *recent)
{
    const factum_event *event = &recent->event;
    if (event->position <= feed->place) {
        return false; /* the feed subscribed before the tail came this far */
    }
    if (feed->interest == FACTUM_SOURCE_ALL) {
        return !feed->skip_system ||
               (event->stream.ptr[0] != '$' && event->revision != FACTUM_REVISION_TOMBSTONE);
    }
    return feed->hash == recent->stream_hash &&
           fct_slice_equal(fct_buf_slice(&feed->name), event->stream) &&
           event->revision >= first_revision_of(feed, recent);
}

/* Like fct_feed_next. TIMEOUT: no event exists, and CAUGHT_UP was returned. DONE: the feed has
 * ended. */
static factum_status ride(struct fct_feed *feed, factum_event *event)
{
    struct fct_recent *recent = &feed->server->feeds->recent;
    if (feed->slot != NULL) {
        feed->number = recent->end;
    } else if (feed->number < recent->first) {
        return FACTUM_DONE;
    }
    while (feed->number < recent->end) {
        struct fct_recent_event *next = fct_recent_get(recent, feed->number++);
        FCT_ASSERT(next != NULL);
        if (!concerns(feed, next)) {
            continue;
        }
        bool of_stream = feed->interest == FACTUM_SOURCE_STREAM;
        if (of_stream && next->event.revision == FACTUM_REVISION_TOMBSTONE) {
            return FACTUM_DONE; /* the store's subscription knows how the feed ends */
        }
        *event = next->event;
        event->ordinal = of_stream ? event->revision : 0;
        feed->place = event->position;
        feed->caught_up = false;
        feed->given = next;
        return FACTUM_OK;
    }
    feed->place = recent->place > feed->place ? recent->place : feed->place;
    if (!feed->caught_up) {
        feed->caught_up = true;
        return FACTUM_CAUGHT_UP;
    }
    return FACTUM_TIMEOUT;
}

bool fct_feed_is_live(const struct fct_feed *feed)
{
    return feed->rides || feed->slot != NULL;
}

bool fct_feed_shared(const struct fct_feed *feed, enum fct_shape shape, factum_slice *bytes)
{
    if (feed->given == NULL || feed->given->encoded[shape] == NULL) {
        return false;
    }
    *bytes = fct_slice(feed->given->encoded[shape], feed->given->encoded_len[shape]);
    return true;
}

void fct_feed_share(struct fct_feed *feed, enum fct_shape shape, factum_slice bytes)
{
    struct fct_feeds *feeds = feed->server->feeds;
    if (feed->given != NULL && feeds->sharer_count > 1) {
        fct_recent_keep(&feeds->recent, feed->given, shape, bytes);
    }
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* TIMEOUT: no event exists now. */
static factum_status follow_next(struct fct_feed *feed, factum_event *event, factum_error *err)
{
    factum_status status = FACTUM_DONE;
    feed->given = NULL;
    if (feed->rides) {
        status = ride(feed, event);
        if (status != FACTUM_DONE) {
            return status;
        }
        status = end_riding(feed, err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    status = factum_subscription_next(feed->subscription, 0, event, err);
    if (status == FACTUM_TIMEOUT) {
        begin_riding(feed);
    }
    return status;
}

factum_status fct_feed_next(struct fct_feed *feed, factum_event *event, factum_error *err)
{
    feed_check(feed);
    factum_status status = feed->follow ? follow_next(feed, event, err)
                                        : factum_cursor_try_next(feed->cursor, event, err);
    if (status == FACTUM_PENDING) {
        fct_feed_again(feed); /* many events were examined in vain: other feeds get their turn */
        return status;
    }
    if (status == FACTUM_TIMEOUT && feed->server->stopping) {
        return fct_fail(err, FACTUM_UNREACHABLE, "the server is shutting down");
    }
    if (status == FACTUM_TIMEOUT) {
        wait_for_news(feed);
        return FACTUM_PENDING;
    }
    feed->server->counters.events_read += status == FACTUM_OK ? 1 : 0;
    return status;
}

uint64_t fct_feed_place(const struct fct_feed *feed)
{
    if (feed->rides) {
        const struct fct_recent *recent = &feed->server->feeds->recent;
        return feed->slot != NULL && recent->place > feed->place ? recent->place : feed->place;
    }
    return feed->follow ? factum_subscription_checkpoint(feed->subscription)
                        : factum_cursor_place(feed->cursor);
}

void fct_feed_again(struct fct_feed *feed)
{
    stop_waiting(feed);
    fct_loop_work(feed->server->loop, &feed->task);
}

void fct_feed_close(struct fct_feed *feed)
{
    if (feed->server == NULL) {
        return;
    }
    feed_check(feed);
    stop_waiting(feed);
    fct_loop_forget(feed->server->loop, &feed->task);
    if (feed->counted) {
        end_following(feed);
    }
    factum_subscription_close(feed->subscription);
    factum_cursor_close(feed->cursor);
    *feed = (struct fct_feed){.server = NULL};
}
