/* subscription.c - catch-up subscriptions: a reader that is extended when events arrive. Layer:
 * api.
 *
 * Happy path: next returns what the reader has. At the reader's end it returns CAUGHT_UP once, then
 * waits until the store shows more, extends the reader, and continues. No event is buffered, so a
 * slow consumer costs nothing, and no event is lost or returned twice: the reader's place is the
 * only state.
 *
 * Invariants:
 *  1. Every event of this subscription at or before |checkpoint| was returned. |checkpoint| never
 *     falls.
 *  2. |caught_up| is true from CAUGHT_UP to the next event.
 */
#include "api/store_int.h"

#include <string.h>

#include "core/error.h"
#include "core/sized.h"
#include "core/slice.h"

#define NS_PER_MS UINT64_C(1000000)

struct factum_subscription {
    factum_store *store;
    struct fct_reader *reader;
    _Atomic uint64_t checkpoint;
    uint64_t deadline;     /* of its request; 0: none */
    bool caught_up;        /* CAUGHT_UP was returned after the last event */
    bool ended;            /* the stream's tombstone was returned, or is before the start */
    bool stream;           /* it reads one stream, which a tombstone can end */
    bool tombstone_hidden; /* the reader may skip it */
    bool in_steps;         /* a call ends when the request's steps are used up */
    _Atomic uint32_t stop;
    factum_slice name;                            /* of the stream: the copy below */
    uint8_t name_bytes[FACTUM_NAME_SIZE_MAX + 2]; /* a metastream's is the longest */
};

/* ---- opening and closing --------------------------------------------------------------------- */

/* The place of a subscription that has returned nothing yet. */
static uint64_t first_checkpoint(const factum_read_request *request,
                                 const struct fct_reader *reader)
{
    switch (request->from) {
    case FACTUM_FROM_END:
        return reader->place;
    case FACTUM_FROM_POSITION:
        return request->from_value == 0 ? 0 : request->from_value - 1;
    case FACTUM_FROM_AFTER:
        return request->from_value;
    case FACTUM_FROM_START:
    case FACTUM_FROM_REVISION:
        break;
    }
    return 0;
}

/* The engine has accepted |request|. */
static void remember(factum_subscription *subscription, const factum_read_request *request)
{
    atomic_init(&subscription->checkpoint, first_checkpoint(request, subscription->reader));
    subscription->deadline = fct_call_get(request->call).deadline;
    subscription->stream =
        request->source == FACTUM_SOURCE_STREAM && !fct_engine_is_virtual(request->name);
    subscription->tombstone_hidden = request->skip_system || request->filter != NULL;
    /* A reader that can answer PENDING needs no steps. */
    subscription->in_steps = request->steps_max > 0 && subscription->reader->ops->ready == NULL;
    if (subscription->stream) {
        memcpy(subscription->name_bytes, request->name.ptr, request->name.len);
        subscription->name = fct_slice(subscription->name_bytes, request->name.len);
    }
}

factum_status factum_subscribe(factum_store *store, const factum_read_request *request,
                               factum_subscription **subscription, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_read_request full;
    if (store == NULL || subscription == NULL) {
        return fct_api_need(false, "subscribe: a store and a place for it are needed", err);
    }
    *subscription = NULL;
    factum_status status =
        fct_sized_read(&full, sizeof full, request, "subscribe: the request", err);
    if (status != FACTUM_OK) {
        return status;
    }
    factum_subscription *made = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *made);
    if (made == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "subscribe: out of memory");
    }
    made->store = store;
    status = fct_engine_read(&store->engine, &full, true, &made->reader, err);
    if (status != FACTUM_OK) {
        fct_mem_free(fct_mem_heap(), made);
        return status;
    }
    remember(made, &full);
    *subscription = made;
    return FACTUM_OK;
}

void factum_subscription_close(factum_subscription *subscription)
{
    if (subscription != NULL) {
        fct_reader_close(subscription->reader);
        fct_mem_free(fct_mem_heap(), subscription);
    }
}

/* ---- next ------------------------------------------------------------------------------------ */

static void reach(factum_subscription *subscription, uint64_t place)
{
    if (place > atomic_load(&subscription->checkpoint)) {
        atomic_store(&subscription->checkpoint, place);
    }
}

static factum_status deleted(factum_error *err)
{
    return fct_fail(err, FACTUM_STREAM_DELETED, "the stream was deleted for ever");
}

static factum_status stopped(factum_error *err)
{
    return fct_fail(err, FACTUM_CANCELLED, "the subscription was stopped");
}

/* STREAM_DELETED if the reader, at its end, has passed the stream's tombstone. */
static factum_status look_for_tombstone(factum_subscription *subscription, factum_error *err)
{
    factum_stream_info info = {.size = sizeof info};
    if (!subscription->stream) {
        return FACTUM_OK;
    }
    factum_status status =
        fct_engine_stream(&subscription->store->engine, subscription->name, &info, err);
    if (status != FACTUM_OK) {
        return status;
    }
    subscription->ended =
        info.state == FACTUM_STREAM_TOMBSTONED && info.last_position <= subscription->reader->place;
    return subscription->ended ? deleted(err) : FACTUM_OK;
}

/* The smaller of the rest of |timeout_ms| since |start| and the time until the deadline; -1: for
 * ever. */
static int64_t time_left(const factum_subscription *subscription, uint64_t start,
                         int64_t timeout_ms)
{
    uint64_t now = fct_os_monotonic(subscription->store->engine.os);
    int64_t left = -1;
    if (timeout_ms >= 0) {
        int64_t passed = (int64_t)((now - start) / NS_PER_MS);
        left = passed < timeout_ms ? timeout_ms - passed : 0;
    }
    if (subscription->deadline != 0) {
        uint64_t until = subscription->deadline > now ? subscription->deadline - now : 0;
        int64_t until_ms = (int64_t)(until / NS_PER_MS + (until % NS_PER_MS != 0));
        left = left < 0 || until_ms < left ? until_ms : left;
    }
    return left;
}

/* The reader is at its end. OK: there is more, and the reader was extended. *looked: this call has
 * extended it before. */
static factum_status go_on(factum_subscription *subscription, int64_t left, bool *looked,
                           factum_error *err)
{
    struct fct_engine *engine = &subscription->store->engine;
    struct fct_reader *reader = subscription->reader;
    factum_status status = FACTUM_OK;
    reach(subscription, reader->place);
    if (!subscription->caught_up || subscription->tombstone_hidden) {
        status = look_for_tombstone(subscription, err);
    }
    if (status == FACTUM_OK && !subscription->caught_up) {
        uint64_t visible = reader->place;
        if (!*looked) { /* otherwise all that is visible now came after this call began */
            status = fct_engine_place(engine, &visible, err);
        }
        if (status == FACTUM_OK && visible <= reader->place) {
            subscription->caught_up = true;
            return FACTUM_CAUGHT_UP;
        }
    } else if (status == FACTUM_OK) {
        if (*looked && left == 0) {
            return FACTUM_TIMEOUT; /* changes in other streams must not keep the caller for ever */
        }
        status = fct_engine_wait(engine, reader->place + 1, left, &subscription->stop, err);
        status = status == FACTUM_CANCELLED ? stopped(err) : status;
    }
    if (status == FACTUM_OK) {
        status = fct_reader_extend(reader, err);
        *looked = true;
    }
    return status;
}

static factum_status next_of_reader(factum_subscription *subscription, factum_event *event,
                                    factum_error *err)
{
    struct fct_reader *reader = subscription->reader;
    return subscription->in_steps ? reader->ops->next(reader, event, err)
                                  : fct_reader_next(reader, event, err);
}

factum_status factum_subscription_next(factum_subscription *subscription, int64_t timeout_ms,
                                       factum_event *event, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (subscription == NULL || event == NULL) {
        return fct_api_need(false, "a subscription and a place for the event are needed", err);
    }
    uint64_t start = fct_os_monotonic(subscription->store->engine.os);
    bool looked = false;
    for (;;) {
        if (atomic_load(&subscription->stop) != 0) {
            return stopped(err);
        }
        if (subscription->ended) {
            return deleted(err);
        }
        factum_status status = next_of_reader(subscription, event, err);
        if (status == FACTUM_OK) {
            subscription->caught_up = false;
            subscription->ended =
                subscription->stream && event->revision == FACTUM_REVISION_TOMBSTONE;
            reach(subscription, event->position);
        }
        if (status != FACTUM_DONE) {
            return status;
        }
        status = go_on(subscription, time_left(subscription, start, timeout_ms), &looked, err);
        if (status == FACTUM_TIMEOUT) {
            factum_status late = fct_deadline_check(subscription->store->engine.os,
                                                    subscription->deadline, "subscription", err);
            return late == FACTUM_OK ? status : late;
        }
        if (status != FACTUM_OK) {
            return status;
        }
    }
}

uint64_t factum_subscription_checkpoint(const factum_subscription *subscription)
{
    return subscription == NULL ? 0 : atomic_load(&subscription->checkpoint);
}

void factum_subscription_stop(factum_subscription *subscription)
{
    if (subscription != NULL) {
        atomic_store(&subscription->stop, 1);
        fct_engine_wake(&subscription->store->engine);
    }
}
