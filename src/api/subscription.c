/* subscription.c - catch-up subscriptions: a reader that is extended when there is news.
 * Layer: api.
 *
 * Happy path: next gives what the reader has; at its end it says CAUGHT_UP once, then waits for the
 * store's end to move, extends the reader, and goes on. No event is buffered, so a slow consumer
 * costs nothing and none is lost or given twice: the reader's place is the only state.
 */
#include "api/store_int.h"

#include <string.h>

#include "core/error.h"
#include "core/slice.h"

struct factum_subscription {
    factum_store *store;
    struct fct_reader *reader;
    uint64_t end;      /* what the reader sees up to */
    uint64_t position; /* to continue from */
    bool told;         /* CAUGHT_UP was said since the last event */
    bool ended;        /* the stream's tombstone was given, or is before the place to begin */
    bool stream;
    _Atomic uint32_t stop;
    factum_slice name; /* of the stream: own copy below */
    uint8_t name_bytes[FACTUM_NAME_SIZE_MAX];
};

factum_status factum_subscribe(factum_store *store, const factum_read_request *request,
                               factum_subscription **subscription, factum_error *err)
{
    if (store == NULL || subscription == NULL) {
        return fct_api_need(false, "subscribe: a store and a place for it are needed", err);
    }
    const struct fct_mem *mem = store->engine.mem;
    *subscription = NULL;
    factum_subscription *made = fct_mem_zalloc(mem, 1, sizeof *made);
    if (made == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "subscribe: out of memory");
    }
    made->store = store;
    uint64_t end =
        store->engine.ops->end(store->engine.self); /* the reader begins at or after it */
    factum_status status = fct_engine_read(&store->engine, request, true, &made->reader, err);
    if (status == FACTUM_OK) {
        made->stream =
            request->source == FACTUM_SOURCE_STREAM && !fct_engine_is_virtual(request->name);
        made->position = request->from == FACTUM_FROM_POSITION ? request->from_value
                         : request->from == FACTUM_FROM_END    ? end
                                                               : 0;
        made->name = fct_slice(made->name_bytes, made->stream ? request->name.len : 0);
        if (made->stream) {
            memcpy(made->name_bytes, request->name.ptr, request->name.len);
        }
        status = made->reader->ops->extend(made->reader, &made->end, err);
        if (status != FACTUM_OK) {
            made->reader->ops->close(made->reader);
        }
    }
    if (status != FACTUM_OK) {
        fct_mem_free(mem, made);
        return status;
    }
    *subscription = made;
    return FACTUM_OK;
}

static factum_status take(factum_subscription *subscription, const factum_event *event)
{
    subscription->position = event->position + 1;
    subscription->told = false;
    subscription->ended = subscription->stream && event->revision == FACTUM_REVISION_TOMBSTONE;
    return FACTUM_OK;
}

static factum_status deleted(factum_error *err)
{
    return fct_fail(err, FACTUM_STREAM_DELETED, "the stream was deleted for ever");
}

/* Of |timeout_ms| since |start|; -1 stays -1. */
static int64_t time_left(const struct fct_engine *engine, uint64_t start, int64_t timeout_ms)
{
    int64_t passed = (int64_t)((fct_os_monotonic(engine->os) - start) / 1000000);
    if (timeout_ms < 0) {
        return timeout_ms;
    }
    return passed < timeout_ms ? timeout_ms - passed : 0;
}

/* Everything was given, and that is all there will ever be if the stream has its tombstone. */
static factum_status look_for_tombstone(factum_subscription *subscription, factum_error *err)
{
    struct fct_engine *engine = &subscription->store->engine;
    factum_stream_info info;
    factum_status status = FACTUM_OK;
    if (subscription->stream) {
        status = fct_engine_stream(engine, subscription->name, &info, err);
        subscription->ended = status == FACTUM_OK && info.state == FACTUM_STREAM_TOMBSTONED &&
                              info.last_position < subscription->end;
    }
    return status;
}

factum_status factum_subscription_next(factum_subscription *subscription, int64_t timeout_ms,
                                       factum_event *event, factum_error *err)
{
    if (subscription == NULL || event == NULL) {
        return fct_api_need(false, "a subscription and a place for the event are needed", err);
    }
    struct fct_engine *engine = &subscription->store->engine;
    uint64_t start = fct_os_monotonic(engine->os);
    bool looked = false;
    for (;;) {
        if (atomic_load(&subscription->stop) != 0) {
            return fct_fail(err, FACTUM_CANCELLED, "the subscription was stopped");
        }
        if (subscription->ended) {
            return deleted(err);
        }
        factum_status status = subscription->reader->ops->next(subscription->reader, event, err);
        if (status == FACTUM_OK) {
            return take(subscription, event);
        }
        if (status != FACTUM_DONE) {
            return status;
        }
        if (subscription->end > subscription->position) {
            subscription->position = subscription->end;
        }
        uint64_t before = subscription->end;
        if (engine->ops->end(engine->self) == before) {
            if (!subscription->told) {
                status = look_for_tombstone(subscription, err);
                if (status != FACTUM_OK || subscription->ended) {
                    return status != FACTUM_OK ? status : deleted(err);
                }
                subscription->told = true;
                return FACTUM_CAUGHT_UP;
            }
            status = engine->ops->wait(engine->self, before, time_left(engine, start, timeout_ms),
                                       &subscription->stop, err);
            if (status == FACTUM_TIMEOUT) {
                return status;
            }
            if (status != FACTUM_OK && status != FACTUM_CANCELLED) {
                return status;
            }
        } else if (looked && time_left(engine, start, timeout_ms) == 0) {
            return FACTUM_TIMEOUT; /* others' news would keep the caller for ever */
        }
        status = subscription->reader->ops->extend(subscription->reader, &subscription->end, err);
        if (status != FACTUM_OK) {
            return status;
        }
        looked = true;
    }
}

uint64_t factum_subscription_position(const factum_subscription *subscription)
{
    return subscription == NULL ? 0 : subscription->position;
}

void factum_subscription_stop(factum_subscription *subscription)
{
    if (subscription == NULL) {
        return;
    }
    struct fct_engine *engine = &subscription->store->engine;
    atomic_store(&subscription->stop, 1);
    engine->ops->wake(engine->self);
}

void factum_subscription_close(factum_subscription *subscription)
{
    if (subscription != NULL) {
        const struct fct_mem *mem = subscription->store->engine.mem;
        subscription->reader->ops->close(subscription->reader);
        fct_mem_free(mem, subscription);
    }
}
