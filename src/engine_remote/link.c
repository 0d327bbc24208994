/* link.c - the connection of the engine: dialling, the call Open, dialling again.
 * Layer: engine_remote. Loop's thread.
 *
 *     DOWN --retry--> DIALLING --opened--> OPENING --Open answered--> UP
 *      ^------------------ every failure, and every loss --------------'
 *
 * The first attempt decides whether the store opens. Later ones are repeated, after 0, 50, 100 ...
 * ms up to 2 s, until the engine is closed.
 */
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "core/slice.h"
#include "core/uuid.h"
#include "engine_remote/remote_int.h"

enum { LINK_DELAY_MS = 50, LINK_DELAY_MAX_MS = 2000 };

/* ---- coming up ------------------------------------------------------------------------------- */

/* The first attempt has ended: fct_engine_remote_open continues. */
static void link_tell_opener(struct distant *distant, factum_status status, const factum_error *err)
{
    fct_mutex_lock(&distant->lock);
    if (!distant->opened_known) {
        distant->opened_known = true;
        distant->open_status = status;
        if (status != FACTUM_OK) {
            distant->open_err = *err;
        }
        atomic_fetch_add(&distant->word, 1);
        fct_word_wake(&distant->word, FCT_WAKE_ALL);
    }
    fct_mutex_unlock(&distant->lock);
}

static bool link_is_same_store(const struct fct_store_opened *a, const struct fct_store_opened *b)
{
    bool same = fct_uuid_equal(a->store_id, b->store_id) && a->timeline_count == b->timeline_count;
    for (uint32_t i = 0; same && i < a->timeline_count; i++) {
        same = a->timelines[i].id == b->timelines[i].id &&
               a->timelines[i].from == b->timelines[i].from;
    }
    return same;
}

/* The server has another store now: everything under way, and everything later, fails. */
static void link_replaced(struct distant *distant)
{
    distant->replaced = true;
    (void)fct_fail(&distant->other_store, FACTUM_WRONG_TIMELINE,
                   "%s has another store or another history now: open it again",
                   distant->address.authority);
    distant->why = distant->other_store;
    fct_appends_end(distant, FACTUM_WRONG_TIMELINE, distant->other_store.text);
    fct_asks_fail(distant, FACTUM_WRONG_TIMELINE, &distant->other_store);
    fct_inflows_fail(distant, FACTUM_WRONG_TIMELINE, &distant->other_store);
    fct_distant_hang_up(distant);
}

static void link_log_up(struct distant *distant)
{
    if (distant->logged_down) {
        distant->logged_down = false;
        fct_log_message(&distant->sink, FACTUM_LOG_INFO, "remote.back",
                        "the connection to %s is back", distant->address.authority);
    }
}

static void link_up(struct distant *distant, const struct fct_store_opened *opened)
{
    if (!distant->ever_up) {
        distant->ever_up = true;
        distant->opened = *opened;
        distant->place = opened->place; /* events that exist already are no news */
        distant->opened.server = fct_slice(NULL, 0);
        (void)snprintf(distant->server, sizeof distant->server, "%.*s", FCT_FMT(opened->server));
        fct_text_clean(distant->server);
    } else if (!link_is_same_store(&distant->opened, opened)) {
        link_replaced(distant);
        return;
    }
    distant->state = DISTANT_UP;
    distant->delay_ms = 0;
    link_log_up(distant);
    link_tell_opener(distant, FACTUM_OK, NULL);
    fct_watch_start(distant);
    fct_appends_send(distant);
    fct_asks_start(distant);
    fct_inflows_start(distant);
}

static void link_open_message(struct distant_call *call, factum_slice message)
{
    struct distant *distant = call->distant;
    struct fct_store_opened opened;
    factum_error err;
    if (distant->state != DISTANT_OPENING) {
        return; /* a second message */
    }
    factum_status status = fct_store_decode_opened(message, &opened, &err);
    if (status == FACTUM_OK && (opened.protocol == 0 || opened.protocol > FCT_STORE_PROTOCOL ||
                                opened.timeline_count == 0)) {
        status = fct_fail(&err, FACTUM_UNSUPPORTED, "%s speaks version %u of the protocol, not %u",
                          distant->address.authority, opened.protocol, FCT_STORE_PROTOCOL);
    }
    if (status == FACTUM_OK) {
        link_up(distant, &opened);
    } else {
        distant->why = err;
        fct_distant_hang_up(distant);
    }
}

static void link_open_ended(struct distant_call *call, enum distant_end end)
{
    struct distant *distant = call->distant;
    if (distant->state != DISTANT_OPENING) {
        return;
    }
    if (end == DISTANT_ANSWERED && call->status != FACTUM_OK) {
        distant->why = call->err;
    } else if (end == DISTANT_ANSWERED) {
        (void)fct_fail(&distant->why, FACTUM_UNREACHABLE, "%s does not answer like a Factum server",
                       distant->address.authority);
    }
    if (end != DISTANT_LOST) {
        fct_distant_hang_up(distant);
    }
}

static const struct distant_call_ops link_open_ops = {.message = link_open_message,
                                                      .ended = link_open_ended};

/* ---- the connection -------------------------------------------------------------------------- */

static void link_opened(void *data, struct fct_h2_client *client)
{
    struct distant *distant = data;
    const struct fct_store_open open = {.protocol = FCT_STORE_PROTOCOL,
                                        .client = FCT_SLICE("libfactum " FACTUM_VERSION)};
    struct fct_buf buf;
    distant->client = client;
    distant->state = DISTANT_OPENING;
    fct_buf_init(&buf, distant->mem, 4096);
    factum_status status = fct_store_encode_open(&buf, &open);
    if (status == FACTUM_OK) {
        status = fct_distant_call_start(&distant->open, FCT_SLICE(FCT_STORE_PATH("Open")), 10000,
                                        fct_buf_slice(&buf), true);
    }
    if (status != FACTUM_OK) {
        (void)fct_fail(&distant->why, status, "open: out of memory");
        fct_distant_hang_up(distant);
    }
    fct_buf_finish(&buf);
}

/* Logged once, however many attempts fail until a connection exists again. */
static void link_log_down(struct distant *distant)
{
    if (distant->ever_up && !distant->logged_down && !distant->stops) {
        distant->logged_down = true;
        fct_log_message(&distant->sink, FACTUM_LOG_WARN, "remote.lost",
                        "the connection to %s is lost%s: %s", distant->address.authority,
                        distant->replaced ? "" : ", reconnecting", distant->why.text);
    }
}

/* The connection is gone, for the reason in distant->why: calls under way end as lost. */
static void link_down(struct distant *distant)
{
    bool first = !distant->ever_up;
    link_log_down(distant);
    distant->client = NULL;
    distant->dial = NULL;
    distant->state = DISTANT_DOWN;
    if (first) {
        link_tell_opener(distant, distant->why.status, &distant->why);
    } else if (!distant->stops && !distant->replaced) {
        fct_timer_start(distant->loop, &distant->retry, distant->delay_ms, 0);
        distant->delay_ms = distant->delay_ms == 0 ? LINK_DELAY_MS : 2 * distant->delay_ms;
        if (distant->delay_ms > LINK_DELAY_MAX_MS) {
            distant->delay_ms = LINK_DELAY_MAX_MS;
        }
    }
    fct_distant_limit(distant);
}

static void link_closed(void *data, const factum_error *why)
{
    struct distant *distant = data;
    if (!distant->replaced) {
        distant->why = *why;
    }
    link_down(distant);
}

static void link_freed(void *data)
{
    struct distant *distant = data;
    FCT_ASSERT(distant->dials > 0);
    distant->dials--;
    fct_distant_limit(distant);
}

void fct_distant_dial(struct distant *distant)
{
    const struct fct_dial_options options = {
        .mem = distant->mem,
        .loop = distant->loop,
        .host = distant->address.host,
        .port = distant->address.port,
        .unix_path = distant->address.path,
        .tls = distant->tls,
        .authority = factum_slice_from(distant->address.authority),
        .call_window = FCT_DISTANT_WINDOW,
        .data = distant,
        .opened = link_opened,
        .closed = link_closed,
        .freed = link_freed,
    };
    FCT_ASSERT(distant->state == DISTANT_DOWN);
    distant->state = DISTANT_DIALLING;
    if (fct_dial_open(&options, &distant->dial, &distant->why) == FACTUM_OK) {
        distant->dials++;
    } else {
        link_down(distant);
    }
}

static void link_retry(struct fct_timer *timer)
{
    struct distant *distant = FCT_CONTAINER_OF(timer, struct distant, retry);
    if (distant->state == DISTANT_DOWN && !distant->stops && !distant->replaced) {
        fct_distant_dial(distant);
    }
}

static void link_on_hang_up(struct fct_task *task)
{
    struct distant *distant = FCT_CONTAINER_OF(task, struct distant, hang_up);
    struct fct_dial *dial = distant->dial;
    if (dial != NULL) {
        if (distant->why.status == FACTUM_OK) {
            (void)fct_fail(&distant->why, FACTUM_UNREACHABLE, "%s: the connection was closed",
                           distant->address.authority);
        }
        link_down(distant);
        fct_dial_close(dial);
    }
}

void fct_distant_hang_up(struct distant *distant)
{
    fct_loop_later(distant->loop, &distant->hang_up);
}

void fct_distant_link_close(struct distant *distant)
{
    struct fct_dial *dial = distant->dial;
    fct_timer_stop(&distant->retry);
    fct_loop_forget(distant->loop, &distant->hang_up);
    if (dial != NULL) {
        distant->dial = NULL;
        distant->client = NULL;
        distant->state = DISTANT_DOWN;
        fct_dial_close(dial);
    }
}

void fct_distant_link_init(struct distant *distant)
{
    distant->state = DISTANT_DOWN;
    distant->retry.run = link_retry;
    distant->hang_up.run = link_on_hang_up;
    distant->open.distant = distant;
    distant->open.ops = &link_open_ops;
}
