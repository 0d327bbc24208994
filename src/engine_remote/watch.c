/* watch.c - the call News: the server tells that its store has moved on, and what of it concerns
 * the interests of following readers. Layer: engine_remote. Loop's thread, except fct_watch_listen,
 * fct_watch_covers and fct_watch_saw.
 *
 * A following reader is extended without a call if nothing has happened that concerns it. That it
 * still sees all that this program has seen before, |must_see| makes sure: the highest place that
 * an append, a question or another reader was told.
 *
 * Invariants.
 *  1. An interest that has a number is in the slot of that number (less 1).
 *  2. Under the lock: one that |counts| was hit last at |hit_place|, or at |all_place|, and nothing
 *     between |since| and |news_place| concerns it apart from those.
 */
#include "core/check.h"
#include "core/slice.h"
#include "engine_remote/remote_int.h"
#include "wire/store_news.h"
#include "wire/store_shared.h"

enum { WATCH_SLOTS_FIRST = 64, WATCH_BATCH = 128 };

/* ---- any thread ------------------------------------------------------------------------------ */

void fct_watch_listen(struct distant *distant, struct distant_interest *interest)
{
    fct_mutex_lock(&distant->lock);
    interest->listed = true;
    interest->next = distant->interests_in;
    distant->interests_in = interest;
    fct_mutex_unlock(&distant->lock);
}

static uint64_t watch_later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void fct_watch_saw(struct distant *distant, uint64_t place)
{
    fct_mutex_lock(&distant->lock);
    distant->must_see = watch_later(distant->must_see, place);
    fct_mutex_unlock(&distant->lock);
}

bool fct_watch_covers(struct distant *distant, const struct distant_interest *interest,
                      uint64_t *place)
{
    fct_mutex_lock(&distant->lock);
    bool known = distant->news_place != 0 && distant->news_place >= distant->must_see;
    bool still = distant->news_place <= *place; /* nothing at all has happened since */
    bool unhit = interest->counts && interest->since <= *place && interest->hit_place <= *place &&
                 distant->all_place <= *place;
    bool covers = known && (still || unhit);
    if (covers) {
        *place = watch_later(*place, distant->news_place);
    }
    fct_mutex_unlock(&distant->lock);
    return covers;
}

/* ---- requests -------------------------------------------------------------------------------- */

static void watch_send(struct distant *distant, const struct fct_store_interest *interests,
                       size_t count)
{
    struct fct_buf buf;
    fct_buf_init(&buf, distant->mem, (size_t)4 << 20);
    if (fct_store_encode_interests(&buf, interests, count) != FACTUM_OK ||
        fct_client_write(distant->watch.h2, fct_buf_slice(&buf)) != FACTUM_OK) {
        fct_distant_hang_up(distant);
    }
    distant->news_requests++;
    fct_buf_finish(&buf);
}

/* Tells the server of all interests that it does not know. */
static void watch_send_new(struct distant *distant)
{
    struct fct_store_interest batch[WATCH_BATCH];
    size_t count = 0;
    if (distant->watch.h2 == NULL || distant->watch.stopped) {
        return;
    }
    for (size_t i = 0; i < distant->interest_slots && distant->unsent_interests > 0; i++) {
        struct distant_interest *interest = distant->interests[i];
        if (interest == NULL || interest->request != 0) {
            continue;
        }
        batch[count++] = (struct fct_store_interest){
            .number = interest->number, .source = interest->source, .name = interest->name};
        interest->request = distant->news_requests + 1;
        distant->unsent_interests--;
        distant->uncounted = true;
        if (count == WATCH_BATCH) {
            watch_send(distant, batch, count);
            count = 0;
        }
    }
    if (count > 0) {
        watch_send(distant, batch, count);
    }
}

/* ---- slots ----------------------------------------------------------------------------------- */

/* A slot that is free, or SIZE_MAX. */
static size_t watch_find_slot(struct distant *distant)
{
    if (distant->interest_count == distant->interest_slots) {
        size_t slots =
            distant->interest_slots == 0 ? WATCH_SLOTS_FIRST : 2 * distant->interest_slots;
        struct distant_interest **grown =
            slots > FCT_STORE_INTERESTS_MAX
                ? NULL
                : fct_mem_resize(distant->mem, (void *)distant->interests, slots * sizeof *grown);
        if (grown == NULL) {
            return SIZE_MAX; /* its reader asks each time */
        }
        for (size_t i = distant->interest_slots; i < slots; i++) {
            grown[i] = NULL;
        }
        distant->interests = grown;
        distant->interest_slots = slots;
    }
    size_t at = distant->interest_hint;
    while (distant->interests[at % distant->interest_slots] != NULL) {
        at++;
    }
    distant->interest_hint = at % distant->interest_slots;
    return distant->interest_hint;
}

void fct_watch_take(struct distant *distant)
{
    for (;;) {
        fct_mutex_lock(&distant->lock);
        struct distant_interest *interest = distant->interests_in;
        if (interest != NULL) {
            distant->interests_in = interest->next;
            interest->listed = false;
        }
        fct_mutex_unlock(&distant->lock);
        if (interest == NULL) {
            break;
        }
        size_t slot = watch_find_slot(distant);
        if (slot != SIZE_MAX) {
            interest->number = (uint32_t)slot + 1;
            interest->request = 0;
            distant->interests[slot] = interest;
            distant->interest_count++;
            distant->unsent_interests++;
        }
    }
    if (distant->unsent_interests > 0) {
        watch_send_new(distant);
    }
}

void fct_watch_forget(struct distant *distant, struct distant_interest *interest)
{
    fct_mutex_lock(&distant->lock);
    if (interest->listed) {
        struct distant_interest **at = &distant->interests_in;
        while (*at != interest) {
            at = &(*at)->next;
        }
        *at = interest->next;
        interest->listed = false;
    }
    fct_mutex_unlock(&distant->lock);
    if (interest->number == 0) {
        return;
    }
    distant->interests[interest->number - 1] = NULL;
    distant->interest_count--;
    distant->unsent_interests -= interest->request == 0 ? 1 : 0;
    if (interest->request != 0 && distant->watch.h2 != NULL && !distant->watch.stopped) {
        const struct fct_store_interest removed = {.number = interest->number, .remove = true};
        watch_send(distant, &removed, 1);
    }
    interest->number = 0;
}

/* ---- answers --------------------------------------------------------------------------------- */

/* With the lock. */
static void watch_note(struct distant *distant, const struct fct_store_news *news)
{
    for (size_t i = 0; i < news->hit_count; i++) {
        size_t slot = (size_t)distant->hits[i] - 1; /* 0 becomes the highest */
        if (slot < distant->interest_slots && distant->interests[slot] != NULL) {
            distant->interests[slot]->hit_place = news->place;
        }
    }
    if (news->all) {
        distant->all_place = news->place;
    }
    distant->news_place = news->place;
    if (!distant->uncounted) {
        return;
    }
    distant->uncounted = false;
    for (size_t i = 0; i < distant->interest_slots; i++) {
        struct distant_interest *interest = distant->interests[i];
        if (interest == NULL || interest->counts) {
            continue;
        }
        if (interest->request != 0 && interest->request <= news->requests) {
            interest->counts = true;
            interest->since = news->place;
        } else {
            distant->uncounted = true;
        }
    }
}

static void watch_message(struct distant_call *call, factum_slice message)
{
    struct distant *distant = call->distant;
    struct fct_store_news news;
    uint32_t bits = 0;
    if (fct_store_decode_news(message, &news, distant->hits, &distant->why) != FACTUM_OK) {
        fct_distant_hang_up(distant); /* what was in it is not known */
        return;
    }
    fct_mutex_lock(&distant->lock);
    watch_note(distant, &news);
    fct_mutex_unlock(&distant->lock);
    if (news.place != distant->place) {
        distant->place = news.place;
        bits |= FACTUM_NEWS_END;
    }
    bits |= news.room ? FACTUM_NEWS_ROOM : 0u;
    bits |= news.failed ? FACTUM_NEWS_FAILED : 0u;
    if (bits != 0) {
        fct_notifier_post(&distant->notifier, bits);
    }
}

/* Nothing is known any more: readers ask. Without news subscriptions would stand still, so the
 * connection is made again. */
static void watch_ended(struct distant_call *call, enum distant_end end)
{
    struct distant *distant = call->distant;
    fct_mutex_lock(&distant->lock);
    distant->news_place = 0;
    for (size_t i = 0; i < distant->interest_slots; i++) {
        if (distant->interests[i] != NULL) {
            distant->interests[i]->counts = false;
        }
    }
    fct_mutex_unlock(&distant->lock);
    if (end == DISTANT_ANSWERED || end == DISTANT_UNTOUCHED) {
        if (end == DISTANT_ANSWERED && call->status != FACTUM_OK) {
            distant->why = call->err;
        }
        fct_distant_hang_up(distant);
    }
}

static const struct distant_call_ops watch_ops = {.message = watch_message, .ended = watch_ended};

void fct_watch_start(struct distant *distant)
{
    distant->watch.distant = distant;
    distant->watch.ops = &watch_ops;
    distant->news_requests = 0;
    distant->unsent_interests = distant->interest_count;
    for (size_t i = 0; i < distant->interest_slots; i++) {
        if (distant->interests[i] != NULL) {
            distant->interests[i]->request = 0;
        }
    }
    if (fct_distant_call_start(&distant->watch, FCT_SLICE(FCT_STORE_PATH("News")), 0,
                               fct_slice(NULL, 0), false) != FACTUM_OK) {
        fct_distant_hang_up(distant);
    } else {
        watch_send_new(distant);
    }
}

void fct_watch_finish(struct distant *distant)
{
    FCT_ASSERT(distant->interest_count == 0);
    fct_mem_free(distant->mem, (void *)distant->interests);
}
