/* feed.c - readers and subscribers, and who of them is woken by what was appended. Layer: server.
 *
 * A feed is a cursor or a subscription of the store, asked without waiting. One that has nothing to
 * give waits in a table under what it reads. The tail, a subscription to everything, reads each new
 * event once, for all of them, and wakes those that wait for its stream, its category or its type,
 * and those that wait for anything: an append costs what its subscribers cost, however many others
 * there are.
 *
 * To be woken is a hint: a feed asks the store itself. So the tail may skip, if it has fallen far
 * behind, by waking everybody; and while nobody subscribes it reads nothing, which an append would
 * pay for.
 *
 * Invariants.
 *  1. A feed that waits asked the store after the tail last read: whatever it has not seen, the
 *     tail will still read.
 *  2. A feed that has asked in vain is in the table, or its task is queued, or both: it cannot be
 *     forgotten, and may be woken without need.
 *  3. The tail is at the end, or reads on, whenever there is a subscription: |behind| is set only
 *     while there is none, and the first one puts the tail to the end before it asks the store.
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
#define TURNS_MAX 64 /* in a row: then everybody is woken, and the tail skips to the end */

struct fct_feeds {
    struct fct_server *server;
    factum_listener listener;
    struct fct_task news;  /* posted by the store's thread */
    struct fct_task again; /* the tail has more to read */
    factum_subscription *tail;
    bool behind; /* it was left where it was: nobody subscribed */
    unsigned turns;
    _Atomic uint32_t bits; /* of factum_news, which the loop has not seen yet */
    struct fct_watcher *watchers;
    struct fct_feed *any;
    struct fct_feed *buckets[BUCKETS];
};

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

static void wake_those(struct fct_feeds *feeds, factum_source source, factum_slice name)
{
    struct fct_feed *feed = *bucket_of(feeds, source, name);
    while (feed != NULL) {
        struct fct_feed *next = feed->next;
        if (feed->interest == source && fct_slice_equal(fct_buf_slice(&feed->name), name)) {
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
    return factum_subscribe(feeds->server->store, &request, &feeds->tail, err);
}

/* Goes on at the end. Everybody is woken after it, and finds by itself what was skipped. */
static void skip_to_end(struct fct_feeds *feeds)
{
    factum_subscription *old = feeds->tail;
    if (open_tail(feeds, NULL) == FACTUM_OK) {
        factum_subscription_close(old);
    }
    wake_everybody(feeds);
}

static void read_tail(struct fct_feeds *feeds)
{
    bool any = false;
    if (feeds->server->counters.subscriptions == 0) {
        FCT_ASSERT(feeds->any == NULL);
        feeds->behind = true;
        return;
    }
    for (int i = 0; i < TAIL_EVENTS_PER_TURN; i++) {
        factum_event event;
        factum_status status = factum_subscription_next(feeds->tail, 0, &event, NULL);
        if (status < 0) {
            skip_to_end(feeds); /* each finds out by itself what is wrong */
            return;
        }
        if (status == FACTUM_TIMEOUT) {
            feeds->turns = 0;
            if (any) {
                wake_all(&feeds->any);
            }
            return;
        }
        if (status == FACTUM_OK) {
            any = true;
            wake_for(feeds, &event);
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

static void tell_watchers(struct fct_feeds *feeds, uint32_t bits)
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
    tell_watchers(feeds, bits);
}

/* On the store's thread. */
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

void fct_feeds_stop(struct fct_server *server)
{
    wake_everybody(server->feeds);
    tell_watchers(server->feeds, 0);
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
    fct_mem_free(server->mem, feeds);
    server->feeds = NULL;
}

/* ---- feeds ----------------------------------------------------------------------------------- */

static void run_wake(struct fct_task *task)
{
    struct fct_feed *feed = FCT_CONTAINER_OF(task, struct fct_feed, task);
    feed->wake(feed);
}

/* What wakes it: a stream, a category or a type by its name; anything otherwise. */
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

factum_status fct_feed_open(struct fct_server *server, struct fct_feed *feed,
                            const factum_read_request *request, bool follow, factum_error *err)
{
    FCT_ASSERT(feed->wake != NULL);
    feed->server = server;
    feed->follow = follow;
    feed->task.run = run_wake;
    factum_status status;
    if (follow) {
        if (server->feeds->behind) {
            server->feeds->behind = false;
            server->feeds->turns = 0;
            skip_to_end(server->feeds); /* without memory it reads all that it has not read */
        }
        status = factum_subscribe(server->store, request, &feed->subscription, err);
    } else if (feed->series) {
        status = factum_read_start(server->store, request, true, &feed->cursor, err);
    } else {
        status = factum_read(server->store, request, &feed->cursor, err);
    }
    if (status == FACTUM_OK && follow) {
        server->counters.subscriptions++;
        if (note_interest(feed, request) != FACTUM_OK) {
            fct_feed_close(feed);
            return fct_fail(err, FACTUM_NO_MEMORY, "subscribe: out of memory");
        }
    }
    return status;
}

factum_status fct_feed_next(struct fct_feed *feed, factum_event *event, factum_error *err)
{
    if (!feed->follow) {
        factum_status status = factum_cursor_next(feed->cursor, event, err);
        feed->server->counters.events_read += status == FACTUM_OK ? 1 : 0;
        return status;
    }
    factum_status status = factum_subscription_next(feed->subscription, 0, event, err);
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
    stop_waiting(feed);
    fct_loop_forget(feed->server->loop, &feed->task);
    if (feed->subscription != NULL) {
        feed->server->counters.subscriptions--;
        fct_buf_finish(&feed->name);
    }
    factum_subscription_close(feed->subscription);
    factum_cursor_close(feed->cursor);
    *feed = (struct fct_feed){.server = NULL};
}
