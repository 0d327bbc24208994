/* ask.c - questions to the server, one call each. Layer: engine_remote.
 *
 *     ask -> asks_in -> waits for a connection -> asked -> answered -> done(question)
 *                          ^--------------------'  the connection is lost
 *
 * Invariant. An unanswered question is in asks_in or in distant->asks.
 */
#include <string.h>

#include "core/error.h"
#include "core/sized.h"
#include "core/slice.h"
#include "engine/deliver.h"
#include "engine/event_copy.h"
#include "engine_remote/remote_int.h"
#include "wire/store_ask.h"

struct asked {
    struct distant_call call; /* first */
    struct asked *next;       /* in asks_in */
    struct distant_link link;
    factum_question *question;
    uint64_t deadline;
    uint64_t limit;
    bool answered;
    factum_status status; /* the outcome of decoding the answer */
    factum_error err;
    struct fct_buf message;
};

static struct asked *asked_of(struct distant_link *link)
{
    return FCT_CONTAINER_OF(link, struct asked, link);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void ask_end(struct asked *asked, factum_status status, const factum_error *err)
{
    factum_question *question = asked->question;
    const struct fct_mem *mem = asked->call.distant->mem;
    question->status = status;
    if (status < 0) {
        question->err = *err;
    }
    fct_distant_ring_remove(&asked->link);
    fct_buf_finish(&asked->message);
    fct_mem_free(mem, asked);
    fct_callback_enter();
    question->done(question); /* the question may be freed now */
    fct_callback_leave();
}

/* ---- the answer ------------------------------------------------------------------------------ */

static factum_status ask_take_event(factum_question *question, factum_slice message,
                                    factum_error *err)
{
    struct fct_store_event_room room;
    factum_event event;
    factum_status status = fct_store_decode_event(message, &room, &event, err);
    return status == FACTUM_OK ? fct_event_copy_set(question->event, &event, err) : status;
}

static factum_status ask_take(factum_question *question, factum_slice message, factum_error *err)
{
    factum_stream_info stream = {.size = sizeof stream};
    factum_key_info key = {.size = sizeof key};
    factum_info info = {.size = sizeof info};
    factum_slice event = fct_slice(NULL, 0);
    factum_question full = *question;
    full.stream = &stream;
    full.key = &key;
    full.info = &info;
    if (question->kind == FACTUM_ASK_KEY) {
        factum_key_info given;
        fct_sized_copy(&given, sizeof given, question->key);
        key.revisions = given.revisions; /* of the answer, an absent member stays 0 */
        key.revisions_max = given.revisions_max;
    }
    factum_status status = fct_store_decode_answer(message, &full, &event, err);
    if (status != FACTUM_OK) {
        return status;
    }
    switch (question->kind) {
    case FACTUM_ASK_PLACE:
    case FACTUM_ASK_COUNT:
        question->number = full.number;
        break;
    case FACTUM_ASK_STREAM:
        fct_sized_write(question->stream, &stream, sizeof stream);
        break;
    case FACTUM_ASK_KEY:
        fct_sized_write(question->key, &key, sizeof key);
        break;
    case FACTUM_ASK_INFO:
        fct_sized_write(question->info, &info, sizeof info);
        break;
    case FACTUM_ASK_EVENT:
    case FACTUM_ASK_FIND_EVENT:
        return ask_take_event(question, event, err);
    }
    return FACTUM_OK;
}

static void ask_message(struct distant_call *call, factum_slice message)
{
    struct asked *asked = (struct asked *)(void *)call;
    if (!asked->answered) {
        asked->answered = true;
        asked->status = ask_take(asked->question, message, &asked->err);
        if (asked->question->kind == FACTUM_ASK_PLACE && asked->status == FACTUM_OK) {
            fct_watch_saw(call->distant, asked->question->number);
        }
    }
}

static void ask_ended(struct distant_call *call, enum distant_end end)
{
    struct asked *asked = (struct asked *)(void *)call;
    struct distant *distant = call->distant;
    switch (end) {
    case DISTANT_ANSWERED:
        if (call->status != FACTUM_OK) {
            ask_end(asked, call->status, &call->err);
        } else if (asked->answered) {
            ask_end(asked, asked->status, &asked->err);
        } else {
            ask_end(asked, fct_fail(&asked->err, FACTUM_IO, "ask: the server gave no answer"),
                    &asked->err);
        }
        break;
    case DISTANT_STOPPED: /* stopped by the time limit: |status| is set */
        ask_end(asked, asked->status, &asked->err);
        break;
    case DISTANT_UNTOUCHED:
    case DISTANT_LOST:
        asked->answered = false;
        asked->limit = fct_distant_limit_from_now(distant);
        fct_distant_limit(distant);
        break;
    }
    fct_asks_start(distant); /* a question that waited for its turn */
}

static const struct distant_call_ops ask_ops = {.message = ask_message, .ended = ask_ended};

/* ---- starting -------------------------------------------------------------------------------- */

/* Returns false if no call can be started now. */
static bool ask_start(struct asked *asked)
{
    uint64_t left =
        asked->deadline == 0 ? 0 : fct_distant_ms_left(asked->call.distant, asked->deadline);
    if (asked->deadline != 0 && left == 0) {
        return true; /* the limiter ends it */
    }
    factum_status status = fct_distant_call_start(&asked->call, FCT_SLICE(FCT_STORE_PATH("Ask")),
                                                  left, fct_buf_slice(&asked->message), true);
    if (status == FACTUM_NO_MEMORY) {
        (void)fct_fail(&asked->err, status, "ask: out of memory");
        ask_end(asked, status, &asked->err);
    }
    return status != FACTUM_UNREACHABLE;
}

void fct_asks_start(struct distant *distant)
{
    bool can = distant->state == DISTANT_UP;
    struct distant_link *link = distant->asks.next;
    while (can && link != &distant->asks) {
        struct asked *asked = asked_of(link);
        link = link->next;
        if (asked->call.h2 == NULL) {
            can = ask_start(asked);
        }
    }
}

void fct_asks_take(struct distant *distant)
{
    fct_mutex_lock(&distant->lock);
    struct asked *list = distant->asks_in;
    distant->asks_in = NULL;
    distant->asks_last = &distant->asks_in;
    fct_mutex_unlock(&distant->lock);
    while (list != NULL) {
        struct asked *asked = list;
        list = asked->next;
        fct_distant_ring_add(&distant->asks, &asked->link);
        asked->limit = fct_distant_limit_from_now(distant);
        if (distant->replaced) {
            ask_end(asked, FACTUM_WRONG_TIMELINE, &distant->other_store);
        } else if (distant->state == DISTANT_UP) {
            (void)ask_start(asked);
        }
        fct_distant_limit(distant);
    }
}

/* ---- time limits ----------------------------------------------------------------------------- */

/* Ends the question now, or stops its call first. */
static void ask_give_up(struct asked *asked, factum_status status, const factum_error *err)
{
    if (asked->call.h2 == NULL) {
        ask_end(asked, status, err);
    } else if (!asked->call.stopped) {
        asked->status = status;
        asked->err = *err;
        fct_distant_call_stop(&asked->call);
    }
}

void fct_asks_limit(struct distant *distant, uint64_t now)
{
    struct distant_link *link = distant->asks.next;
    while (link != &distant->asks) {
        struct asked *asked = asked_of(link);
        factum_error err;
        link = link->next;
        bool up = distant->state == DISTANT_UP;
        if (up && asked->deadline == 0) {
            asked->limit = 0;
        }
        if (asked->deadline != 0 && now >= asked->deadline && (up || asked->call.h2 != NULL)) {
            (void)fct_fail(&err, FACTUM_EXPIRED, "ask: the deadline has passed");
            ask_give_up(asked, FACTUM_EXPIRED, &err);
        } else if (asked->call.h2 == NULL && ((asked->deadline != 0 && now >= asked->deadline) ||
                                              (asked->limit != 0 && now >= asked->limit))) {
            ask_end(asked, fct_distant_unreachable(distant, "ask", &err), &err);
        }
    }
    fct_asks_start(distant);
}

void fct_asks_fail(struct distant *distant, factum_status status, const factum_error *err)
{
    struct distant_link *link = distant->asks.next;
    while (link != &distant->asks) {
        struct asked *asked = asked_of(link);
        link = link->next;
        ask_give_up(asked, status, err);
    }
}

/* ---- any thread ------------------------------------------------------------------------------ */

static factum_status ask_encode(struct asked *asked)
{
    const factum_question *question = asked->question;
    struct fct_store_ask ask = {
        .kind = question->kind,
        .source = question->source,
        .name = question->name,
        .position = question->position,
        .upto = question->upto,
        .id = question->id,
    };
    if (question->kind == FACTUM_ASK_KEY) {
        factum_key_info key;
        fct_sized_copy(&key, sizeof key, question->key);
        ask.revisions_max = key.revisions == NULL ? 0 : key.revisions_max;
    }
    return fct_store_encode_ask(&asked->message, &ask);
}

factum_status fct_distant_ask(void *self, factum_question *question, factum_error *err)
{
    struct distant *distant = self;
    struct asked *asked = fct_mem_zalloc(distant->mem, 1, sizeof *asked);
    if (asked == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "ask: out of memory");
    }
    asked->call.distant = distant;
    asked->call.ops = &ask_ops;
    asked->question = question;
    asked->deadline = fct_call_get(question->call).deadline;
    fct_buf_init(&asked->message, distant->mem, 64 << 10);
    factum_status status = ask_encode(asked);
    if (status != FACTUM_OK) {
        fct_buf_finish(&asked->message);
        fct_mem_free(distant->mem, asked);
        return fct_fail(err, status, "ask: out of memory");
    }
    fct_mutex_lock(&distant->lock);
    bool stop = distant->stop;
    if (!stop) {
        *distant->asks_last = asked;
        distant->asks_last = &asked->next;
    }
    fct_mutex_unlock(&distant->lock);
    if (stop) {
        fct_buf_finish(&asked->message);
        fct_mem_free(distant->mem, asked);
        return fct_fail(err, FACTUM_FAILED, "ask: the store is being closed");
    }
    fct_distant_post(distant);
    return FACTUM_PENDING;
}
