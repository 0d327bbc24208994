/* http_live.c - the live tail, as server-sent events (WHATWG HTML, 9.2). Layer: server.
 *
 *     id: TOKEN
 *     data: {"stream":...}         the event, as everywhere; its type is in it
 *
 *     event: caught-up             everything up to here was sent; heartbeats have it too
 *     id: TOKEN
 *     data:
 *
 *     event: error                 the end: the problem details
 *     data: {"type":"urn:factum:problem:...",...}
 *
 * An event has no "event" field, so that onmessage of an EventSource gets all events. A client
 * resumes by Last-Event-ID, which an EventSource sends automatically and which overrides ?after and
 * ?from.
 *
 * A gap is never silent: an event that cannot be read ends the stream with an error, and a
 * subscriber that is too slow is served from the store when it has room again. The end of the
 * server ends the stream too.
 */
#include <stdio.h>

#include "core/error.h"
#include "core/slice.h"
#include "server/http_int.h"
#include "wire/problem.h"

#define EVENTS_PER_TURN_LIVE 256
#define OUT_KEPT_LIVE 4096
#define TICK_MS 1000
#define HEARTBEAT_TICKS 15

struct live {
    struct fct_http_call *call;
    struct fct_feed feed;
    struct fct_timer timer;
    factum_ndjson *ndjson;
    unsigned quiet_ticks; /* ticks since something was sent */
    uint64_t sent_place;  /* place of the last id that was sent */
    bool behind;          /* "caught up" is due after the next events */
};

static void end_live(struct live *live)
{
    fct_feed_close(&live->feed);
    fct_timer_stop(&live->timer);
    factum_ndjson_destroy(live->ndjson);
    live->ndjson = NULL;
}

static bool live_closed(struct fct_http_call *call)
{
    end_live(call->state);
    return false;
}

/* Ends the stream with its last message: the reason. */
static void fail_live(struct live *live, factum_status code, const factum_error *err)
{
    struct fct_http_call *call = live->call;
    if (!call->answered) {
        fct_http_fail(call, code, err);
        end_live(live);
        return;
    }
    const struct fct_problem problem = {
        .code = code, .status = fct_problem_status(code), .detail = factum_slice_from(err->text)};
    fct_buf_clear(&call->out);
    factum_status status = fct_buf_add_text(&call->out, "event: error\ndata: ");
    if (status == FACTUM_OK) {
        status = fct_problem_format(&call->out, &problem);
    }
    if (status == FACTUM_OK) {
        status = fct_buf_add_text(&call->out, "\n\n");
    }
    if (code > -FCT_REFUSALS) {
        call->server->counters.refusals[-code]++;
    }
    if (status != FACTUM_OK) {
        fct_http_fail(call, code, err); /* the answer breaks off */
    } else if (fct_http_write(call, fct_buf_slice(&call->out))) {
        fct_http_finish(call, NULL, 0);
    }
    end_live(live);
}

static bool begin_live(struct live *live)
{
    const struct fct_field fields[] = {
        {FCT_SLICE("content-type"), FCT_SLICE("text/event-stream")},
        {FCT_SLICE("x-accel-buffering"), FCT_SLICE("no")}, /* for proxies that would hold it back */
    };
    return fct_http_stream(live->call, fields, sizeof fields / sizeof fields[0]) &&
           fct_http_write(live->call, FCT_SLICE("retry: 1000\n\n"));
}

/* Sends a comment, and the place if it is new. The place is an event with empty data, because some
 * clients take an id only with data; a lost place would be a gap for a client without events. */
static bool write_place(struct live *live, const char *comment)
{
    char text[FACTUM_TOKEN_SIZE + 96];
    char token[FACTUM_TOKEN_SIZE];
    uint64_t place = fct_feed_place(&live->feed);
    live->quiet_ticks = 0;
    if (place == 0 || place == live->sent_place) {
        (void)snprintf(text, sizeof text, ": %s\n\n", comment);
    } else {
        factum_token_format(live->call->server->store, place, token);
        (void)snprintf(text, sizeof text, "event: caught-up\nid: %s\ndata:\n: %s\n\n", token,
                       comment);
        live->sent_place = place;
    }
    return fct_http_write(live->call, factum_slice_from(text));
}

/* Writes to call->out, unless another subscriber has encoded the event: the bytes are the same for
 * all. */
static factum_status format_live_event(struct live *live, const factum_event *event,
                                       factum_slice *bytes, factum_error *err)
{
    struct fct_http_call *call = live->call;
    char token[FACTUM_TOKEN_SIZE];
    factum_slice line;
    if (fct_feed_shared(&live->feed, FCT_SHAPE_SSE, bytes)) {
        return FACTUM_OK;
    }
    factum_status status = factum_ndjson_format(live->ndjson, event, &line, err);
    if (status != FACTUM_OK) {
        return status;
    }
    factum_token_format(call->server->store, event->position, token);
    fct_buf_clear(&call->out);
    status = fct_buf_printf(&call->out, "id: %s\ndata: ", token);
    if (status == FACTUM_OK) {
        status = fct_buf_add_slice(&call->out, line);
    }
    if (status == FACTUM_OK) { /* the line ends with '\n': a second one ends the event */
        status = fct_buf_add_text(&call->out, "\n");
    }
    if (status != FACTUM_OK) {
        return fct_fail(err, status, "a live tail: out of memory");
    }
    *bytes = fct_buf_slice(&call->out);
    fct_feed_share(&live->feed, FCT_SHAPE_SSE, *bytes);
    return FACTUM_OK;
}

static bool write_live_event(struct live *live, const factum_event *event)
{
    factum_slice bytes;
    factum_error err;
    factum_status status = format_live_event(live, event, &bytes, &err);
    if (status != FACTUM_OK) {
        fail_live(live, status, &err);
        return false;
    }
    live->quiet_ticks = 0;
    live->sent_place = event->position;
    bool going = fct_http_write(live->call, bytes);
    if (live->call->out.capacity > OUT_KEPT_LIVE) {
        fct_buf_finish(&live->call->out); /* the call may wait for long */
    }
    return going;
}

static void stop_live(struct live *live)
{
    factum_error err;
    (void)fct_fail(&err, FACTUM_CANCELLED, "the server is shutting down: go on with Last-Event-ID");
    fail_live(live, FACTUM_CANCELLED, &err);
}

static void fill_live(struct live *live)
{
    struct fct_http_call *call = live->call;
    if (call->server->stopping) {
        stop_live(live);
        return;
    }
    for (int i = 0; i < EVENTS_PER_TURN_LIVE; i++) {
        factum_event event;
        factum_error err;
        if (call->answered && fct_exchange_room(call->exchange) == 0) {
            live->behind = true;
            return;
        }
        factum_status status = fct_feed_next(&live->feed, &event, &err);
        if (status < 0) {
            fail_live(live, status, &err);
            return;
        }
        bool going = call->answered || begin_live(live);
        if (going && status == FACTUM_OK) {
            going = write_live_event(live, &event);
        } else if (going && status == FACTUM_CAUGHT_UP) {
            going = !live->behind || write_place(live, "caught up");
            live->behind = false;
        }
        if (!going) {
            end_live(live);
            return;
        }
        if (status == FACTUM_PENDING) {
            return;
        }
    }
    live->behind = true;
    fct_feed_again(&live->feed);
}

static void on_live_writable(struct fct_http_call *call)
{
    struct live *live = call->state;
    fill_live(live);
}

static void on_live_wake(struct fct_feed *feed)
{
    struct live *live = feed->data;
    if (live->call->exchange != NULL && !live->call->finished) {
        fill_live(live);
    }
}

static void on_live_tick(struct fct_timer *timer)
{
    struct live *live = FCT_CONTAINER_OF(timer, struct live, timer);
    if (live->call->server->stopping) {
        stop_live(live);
        return;
    }
    bool due = ++live->quiet_ticks >= HEARTBEAT_TICKS;
    if (due && live->call->answered && fct_exchange_room(live->call->exchange) > 0 &&
        !write_place(live, "heartbeat")) {
        end_live(live);
    }
}

static const struct fct_http_work live_work = {on_live_writable, live_closed};

/* Reads the place of a browser that lost the connection. */
static factum_status resume(const struct fct_http_call *call, factum_read_request *request,
                            factum_error *err)
{
    factum_slice id = fct_exchange_field(call->exchange, FCT_SLICE("last-event-id"));
    if (id.len == 0) {
        return FACTUM_OK;
    }
    request->from = FACTUM_FROM_AFTER;
    factum_status status = factum_token_parse(call->server->store, id, &request->from_value, err);
    return status == FACTUM_OK ? status : fct_wrap(err, status, "Last-Event-ID");
}

static factum_status open_live(struct fct_http_call *call, factum_error *err)
{
    struct fct_http_selection selection;
    factum_status status = fct_http_select(call, true, &selection, err);
    if (status == FACTUM_OK) {
        status = resume(call, &selection.request, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    struct live *live = fct_http_take(call, sizeof *live);
    factum_ndjson *ndjson = live == NULL ? NULL : factum_ndjson_create();
    if (ndjson == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "out of memory");
    }
    live->call = call;
    live->ndjson = ndjson;
    live->behind = true;
    live->feed.wake = on_live_wake;
    live->feed.data = live;
    live->feed.protocol = FCT_FEED_HTTP;
    live->timer.run = on_live_tick;
    call->state = live;
    call->work = &live_work;
    call->exchange->endless = true;
    status = fct_feed_open(call->server, &live->feed, &selection.request, true, err);
    if (status != FACTUM_OK) {
        end_live(live);
        return status;
    }
    fct_timer_start(call->server->loop, &live->timer, TICK_MS, TICK_MS);
    fill_live(live);
    return FACTUM_OK;
}

void fct_http_live(struct fct_http_call *call)
{
    factum_error err;
    factum_status status = open_live(call, &err);
    if (status != FACTUM_OK) {
        fct_http_fail(call, status, &err);
    }
}
