/* watch.c - the call News: the server tells that its store has moved on. Layer: engine_remote.
 * Loop's thread. */
#include "core/slice.h"
#include "engine_remote/remote_int.h"
#include "wire/store_news.h"
#include "wire/store_shared.h"

static void watch_message(struct distant_call *call, factum_slice message)
{
    struct distant *distant = call->distant;
    struct fct_store_news news;
    uint32_t bits = 0;
    if (fct_store_decode_news(message, &news, distant->hits, NULL) != FACTUM_OK) {
        return; /* the next one says all of it again */
    }
    if (news.place != distant->place) {
        distant->place = news.place;
        bits |= FACTUM_NEWS_END;
    }
    bits |= news.room ? FACTUM_NEWS_ROOM : 0u;
    bits |= news.failed ? FACTUM_NEWS_FAILED : 0u;
    if (bits != 0) {
        fct_news_post(&distant->news, bits);
    }
}

/* Without news subscriptions would stand still: the connection is made again. */
static void watch_ended(struct distant_call *call, enum distant_end end)
{
    struct distant *distant = call->distant;
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
    if (fct_distant_call_start(&distant->watch, FCT_SLICE(FCT_STORE_PATH("News")), 0,
                               fct_slice(NULL, 0), false) != FACTUM_OK) {
        fct_distant_hang_up(distant);
    }
}
