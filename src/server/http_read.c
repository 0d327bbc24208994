/* http_read.c - pages of events: one JSON value, or lines. Layer: server.
 *
 * Events are written as they are read, while there is room and at most EVENTS_PER_TURN before other
 * calls get their turn: a page is never in memory as a whole. So a read that fails in the middle
 * can no longer be refused: its answer breaks off, which the client detects.
 *
 * "next" (in lines: the trailer factum-next) is the token after which the next page begins; null
 * when a backward read has reached the first event.
 */
#include <inttypes.h>
#include <stdio.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "server/http_int.h"
#include "wire/media.h"

#define EVENTS_PER_TURN 256

enum form { FORM_JSON, FORM_LINES, FORM_LIVE, FORMS };
static const char *const form_types[FORMS] = {"application/json", "application/x-ndjson",
                                              "text/event-stream"};

struct reader {
    struct fct_http_call *call;
    struct fct_feed feed;
    factum_ndjson *ndjson;
    enum form form;
    bool backwards;
    uint64_t limit; /* 0: all */
    uint64_t given;
    uint64_t last_position;
    bool has_tag; /* |tag| is the ETag: the stream's last revision */
    char tag[32];
};

static void end_reader(struct reader *reader)
{
    fct_feed_close(&reader->feed);
    factum_ndjson_destroy(reader->ndjson);
    reader->ndjson = NULL;
}

static bool page_closed(struct fct_http_call *call)
{
    end_reader(call->state);
    return false;
}

/* Writes the head of the answer, once something to read from is known to exist. */
static bool begin_page(struct reader *reader)
{
    struct fct_field fields[2];
    size_t count = 0;
    fields[count++] =
        (struct fct_field){FCT_SLICE("content-type"), factum_slice_from(form_types[reader->form])};
    if (reader->has_tag) {
        fields[count++] = (struct fct_field){FCT_SLICE("etag"), factum_slice_from(reader->tag)};
    }
    return fct_http_stream(reader->call, fields, count) &&
           (reader->form == FORM_LINES || fct_http_write(reader->call, FCT_SLICE("{\"events\":[")));
}

static bool write_event(struct reader *reader, const factum_event *event)
{
    factum_slice line;
    struct fct_http_call *call = reader->call;
    factum_error err;
    factum_status status = factum_ndjson_format(reader->ndjson, event, &line, &err);
    if (status != FACTUM_OK) {
        fct_http_fail(call, status, &err);
        return false;
    }
    reader->last_position = event->position;
    if (reader->form == FORM_LINES) {
        reader->given++;
        return fct_http_write(call, line);
    }
    FCT_ASSERT(line.len > 0);
    line.len--; /* without its line end */
    return (reader->given++ == 0 || fct_http_write(call, FCT_SLICE(",\n"))) &&
           fct_http_write(call, line);
}

/* Sets *place, after which the next page begins. Returns false if no next page exists. */
static bool next_place(const struct reader *reader, uint64_t *place)
{
    bool full = reader->limit != 0 && reader->given >= reader->limit;
    if (!reader->backwards) {
        *place = full ? reader->last_position : fct_feed_place(&reader->feed);
        return true;
    }
    /* Backwards, the next page begins at or before its place: the one before the last event. */
    *place = reader->last_position - 1;
    return full && reader->last_position > 0;
}

static void finish_page(struct reader *reader)
{
    struct fct_http_call *call = reader->call;
    uint64_t place = 0;
    char token[FACTUM_TOKEN_SIZE] = "";
    char end[FACTUM_TOKEN_SIZE + 32];
    bool more = next_place(reader, &place);
    if (more) {
        factum_token_format(call->server->store, place, token);
    }
    if (reader->form == FORM_LINES) {
        const struct fct_field trailer = {FCT_SLICE("factum-next"), factum_slice_from(token)};
        fct_http_finish(call, &trailer, more ? 1 : 0);
    } else {
        (void)snprintf(end, sizeof end, more ? "],\"next\":\"%s\"}" : "],\"next\":null}", token);
        if (fct_http_write(call, factum_slice_from(end))) {
            fct_http_finish(call, NULL, 0);
        }
    }
    end_reader(reader);
}

/* Continues the answer as far as there is room. */
static void fill_page(struct reader *reader)
{
    struct fct_http_call *call = reader->call;
    for (int i = 0; i < EVENTS_PER_TURN; i++) {
        factum_event event;
        factum_error err;
        if (call->answered && fct_exchange_room(call->exchange) == 0) {
            return; /* until writable */
        }
        factum_status status = fct_feed_next(&reader->feed, &event, &err);
        if (status == FACTUM_PENDING) {
            return; /* until woken */
        }
        if (status < 0) {
            fct_http_fail(call, status, &err);
            end_reader(reader);
            return;
        }
        bool going = call->answered || begin_page(reader);
        if (going && status == FACTUM_OK) {
            going = write_event(reader, &event);
        }
        if (!going) {
            end_reader(reader);
            return;
        }
        if (status == FACTUM_DONE) {
            finish_page(reader);
            return;
        }
    }
    fct_feed_again(&reader->feed);
}

static void on_read_writable(struct fct_http_call *call)
{
    struct reader *reader = call->state;
    fill_page(reader);
}

static void on_read_wake(struct fct_feed *feed)
{
    struct reader *reader = feed->data;
    if (reader->call->exchange != NULL && !reader->call->finished) {
        fill_page(reader);
    }
}

static const struct fct_http_work read_work = {on_read_writable, page_closed};

/* Finds the last revision of the stream that is read, for the ETag. */
static factum_status take_tag(struct reader *reader, factum_error *err)
{
    struct fct_http_call *call = reader->call;
    factum_stream_info info = {.size = sizeof info};
    if (call->name.len == 0) {
        return FACTUM_OK;
    }
    factum_status status = factum_stream_info_get(call->server->store, call->name, &info, err);
    if (status == FACTUM_OK && info.state == FACTUM_STREAM_PRESENT) {
        reader->has_tag = true;
        (void)snprintf(reader->tag, sizeof reader->tag, "\"%" PRIu64 "\"", info.last_revision);
    }
    return status;
}

static factum_status open_reader(struct fct_http_call *call, enum form form, factum_error *err)
{
    struct fct_http_selection selection;
    struct reader *reader = fct_http_take(call, sizeof *reader);
    if (reader == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "out of memory");
    }
    reader->call = call;
    reader->form = form;
    reader->limit = form == FORM_JSON ? FCT_HTTP_LIMIT_DEFAULT : 0;
    reader->feed.wake = on_read_wake;
    reader->feed.data = reader;
    factum_status status = fct_http_select(call, false, &selection, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_limit(call, &reader->limit, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = take_tag(reader, err);
    if (status != FACTUM_OK) {
        return status;
    }
    reader->ndjson = factum_ndjson_create();
    if (reader->ndjson == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "out of memory");
    }
    reader->backwards = selection.request.backwards;
    selection.request.count_max = reader->limit;
    call->state = reader;
    call->work = &read_work;
    status = fct_feed_open(call->server, &reader->feed, &selection.request, false, err);
    if (status != FACTUM_OK) {
        end_reader(reader);
        return status;
    }
    fill_page(reader);
    return FACTUM_OK;
}

void fct_http_read_events(struct fct_http_call *call)
{
    factum_error err;
    factum_slice accept = fct_exchange_field(call->exchange, FCT_SLICE("accept"));
    size_t form = fct_media_choose(accept, form_types, FORMS);
    if (form == FORMS) {
        fct_http_refuse(call, &(struct fct_http_refusal){
                                  .code = FACTUM_UNSUPPORTED,
                                  .status = 406,
                                  .detail = "events come as application/json, "
                                            "application/x-ndjson or text/event-stream"});
    } else if (form == FORM_LIVE) {
        fct_http_live(call);
    } else {
        factum_status status = open_reader(call, (enum form)form, &err);
        if (status != FACTUM_OK) {
            fct_http_fail(call, status, &err);
        }
    }
}
