/* kurrent_read.c - Read of KurrentDB's service Streams: reads and catch-up subscriptions of a
 * stream or of $all. Layer: server.
 *
 * A turn sends events while the client's window has room, at most 256 and for at most 2 ms, so that
 * readers take turns. Time is limited because a filter's expression may need as long for one event
 * as a whole turn without a filter. The only state is the feed's place: a client that waits or does
 * not read costs nothing more.
 *
 * Invariants.
 *  1. Commit and prepare positions are equal. That of an event is the store's; that of a checkpoint
 *     or of caught up is a place: everything at or before it was examined.
 *  2. A subscription's first message is its confirmation. It ends by its client, a tombstone, an
 *     error or the end of the server. A read that has begun may end while the server stops.
 */
#include <openssl/rand.h>
#include <string.h>

#include "core/error.h"
#include "core/slice.h"
#include "core/uuid.h"
#include "os/os.h"
#include "server/kurrent_int.h"
#include "server/kurrent_link.h"
#include "server/kurrent_matcher.h"

#define READ_EVENTS_PER_TURN 256
#define READ_EXAMINED_PER_TURN 1024
#define READ_TURN_NS 2000000
#define WINDOW_DEFAULT 32
#define SEND_SIZE ((size_t)32 << 10)

struct read_state {
    struct fct_feed feed;
    bool opened;
    bool is_all;
    bool follow;
    bool backwards;
    bool resolve_links;
    bool live; /* caught up was sent: once, however often the reader catches up */
    enum fct_kurrent_id_form id_form;
    uint32_t compatibility;
    uint64_t left;                /* events that may still be sent */
    uint64_t given;               /* events sent */
    uint64_t from;                /* the requested revision, of a stream */
    uint64_t examined;            /* since the last checkpoint */
    uint64_t checkpoint_every;    /* 0: without a filter */
    uint64_t last_position;       /* of the last event that was examined */
    uint64_t checkpoint_position; /* of the last checkpoint sent */
    struct fct_kurrent_number last_revision;
    struct fct_kurrent_matcher *matcher;
    struct fct_buf stream;
    enum fct_link_kind links; /* whether the stream is virtual */
};

/* ---- the request ----------------------------------------------------------------------------- */

static void refuse_combination(struct fct_grpc_call *call, const char *text)
{
    fct_grpc_finish(call, FCT_GRPC_INVALID_ARGUMENT, factum_slice_from(text), NULL, 0);
}

static bool number_is_valid(uint64_t number)
{
    return number <= FCT_KURRENT_NUMBER_MAX || number == FCT_KURRENT_NONE;
}

/* Returns NULL, or what is wrong: not all combinations of options have a meaning. */
static const char *check_read(const struct fct_kurrent_read *read)
{
    bool follow = read->amount == FCT_KURRENT_AMOUNT_SUBSCRIPTION;
    bool filtered = read->filter_option == FCT_KURRENT_FILTER_GIVEN;
    if (read->source == FCT_KURRENT_SOURCE_NONE || read->from == FCT_KURRENT_FROM_NONE ||
        read->amount == FCT_KURRENT_AMOUNT_NONE) {
        return "The combination of stream, position and count is invalid: one is missing.";
    }
    if (read->source == FCT_KURRENT_SOURCE_STREAM && read->stream.len == 0) {
        return "'stream_identifier' is a required argument";
    }
    if (read->direction > FCT_KURRENT_BACKWARDS) {
        return "The combination of directions is invalid: forwards or backwards.";
    }
    if (!number_is_valid(read->revision) || !number_is_valid(read->commit_position)) {
        return "a revision or position is above 2^63-1";
    }
    if (follow && read->direction == FCT_KURRENT_BACKWARDS) {
        return "The combination of a subscription and backwards is invalid.";
    }
    if (filtered && read->source == FCT_KURRENT_SOURCE_STREAM) {
        return "The combination of a stream and a filter is invalid: filters are for $all.";
    }
    if (read->id_form == FCT_KURRENT_ID_NONE) {
        return "'uuid_option' is a required argument";
    }
    if (filtered && read->filter.window == FCT_KURRENT_WINDOW_MAX && read->filter.window_max == 0) {
        return "the filter's window must be at least 1";
    }
    if (filtered && follow && read->filter.checkpoint_interval_multiplier == 0) {
        return "the filter's checkpoint interval must be at least 1";
    }
    return NULL;
}

static factum_read_request request_for_stream(const struct fct_kurrent_read *read)
{
    bool follow = read->amount == FCT_KURRENT_AMOUNT_SUBSCRIPTION;
    factum_read_request request = {.size = sizeof request,
                                   .source = FACTUM_SOURCE_STREAM,
                                   .name = read->stream,
                                   .backwards = read->direction == FCT_KURRENT_BACKWARDS};
    if (read->from == FCT_KURRENT_FROM_END ||
        (read->from == FCT_KURRENT_FROM_REVISION && read->revision > FCT_KURRENT_NUMBER_MAX)) {
        request.from = request.backwards ? FACTUM_FROM_START : FACTUM_FROM_END;
    } else if (read->from == FCT_KURRENT_FROM_REVISION) {
        request.from = FACTUM_FROM_REVISION;
        request.from_value = read->revision + (follow ? 1 : 0); /* exclusive */
    } else if (request.backwards) { /* from the start: the first event alone */
        request.from = FACTUM_FROM_REVISION;
    }
    return request;
}

/* Backwards from a position reads what is before it; a subscription reads what is after it. */
static factum_read_request request_for_all(const struct fct_kurrent_read *read)
{
    bool follow = read->amount == FCT_KURRENT_AMOUNT_SUBSCRIPTION;
    factum_read_request request = {.size = sizeof request,
                                   .source = FACTUM_SOURCE_ALL,
                                   .backwards = read->direction == FCT_KURRENT_BACKWARDS};
    uint64_t position = read->commit_position;
    if (read->from == FCT_KURRENT_FROM_END ||
        (read->from == FCT_KURRENT_FROM_POSITION && position > FCT_KURRENT_NUMBER_MAX)) {
        request.from = request.backwards ? FACTUM_FROM_START : FACTUM_FROM_END;
    } else if (read->from == FCT_KURRENT_FROM_POSITION) {
        request.from = follow || request.backwards ? FACTUM_FROM_AFTER : FACTUM_FROM_POSITION;
        request.from_value = request.backwards && position > 0 ? position - 1 : position;
    } else if (request.backwards) {
        request.from = FACTUM_FROM_AFTER; /* before the first event: empty */
    }
    return request;
}

/* True if the read can return an event. */
static bool gives_some(const struct fct_server *server, const factum_read_request *wanted)
{
    const factum_read_request request = {
        .size = sizeof request, .source = wanted->source, .name = wanted->name, .count_max = 1};
    factum_cursor *cursor = NULL;
    factum_event event;
    bool found = factum_read(server->store, &request, &cursor, NULL) == FACTUM_OK &&
                 factum_cursor_next(cursor, &event, NULL) == FACTUM_OK;
    factum_cursor_close(cursor);
    return found;
}

/* "$idx-ce-CATEGORY" or "$idx-et-TYPE" as the only prefix selects a list of the store. Errors:
 * NOT_FOUND (another index, whose name *name becomes). */
static factum_status use_index(const struct fct_kurrent_filter *filter,
                               factum_read_request *request, bool *used, factum_slice *name,
                               factum_error *err)
{
    const factum_slice category = FCT_SLICE("$idx-ce-");
    const factum_slice type = FCT_SLICE("$idx-et-");
    *used = false;
    if (filter->regex.len > 0) {
        return FACTUM_OK; /* prefixes are ignored */
    }
    for (size_t i = 0; i < filter->prefix_count; i++) {
        factum_slice prefix = filter->prefixes[i];
        if (filter->on != FCT_KURRENT_FILTER_ON_STREAM ||
            !fct_slice_starts(prefix, FCT_SLICE("$idx-"))) {
            continue;
        }
        bool of_category = fct_slice_starts(prefix, category);
        if (filter->prefix_count > 1) {
            return fct_fail(err, FACTUM_INVALID, "the name of an index is the only prefix");
        }
        if (!of_category && !fct_slice_starts(prefix, type)) {
            *name = prefix;
            return fct_fail(err, FACTUM_NOT_FOUND,
                            "unknown index: offered are $idx-ce-CATEGORY and $idx-et-TYPE");
        }
        request->source = of_category ? FACTUM_SOURCE_CATEGORY : FACTUM_SOURCE_TYPE;
        request->name = fct_slice_from(prefix, category.len);
        *used = true;
    }
    return FACTUM_OK;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void finish_out_of_memory(struct fct_grpc_call *call)
{
    fct_grpc_finish(call, FCT_GRPC_RESOURCE_EXHAUSTED, FCT_SLICE("out of memory"), NULL, 0);
}

/* Adds a trailer with the name of the stream or index. */
static void fail_named(struct fct_grpc_call *call, enum fct_grpc_code code, factum_slice text,
                       const struct fct_field *exception, factum_slice name_field)
{
    struct read_state *state = call->state;
    struct fct_buf name;
    fct_buf_init(&name, call->server->mem, 4 * FACTUM_NAME_SIZE_MAX);
    if (fct_grpc_encode_message(&name, fct_buf_slice(&state->stream)) != FACTUM_OK) {
        fct_buf_clear(&name);
    }
    const struct fct_field fields[] = {
        *exception,
        {name_field, fct_buf_slice(&name)},
    };
    fct_grpc_finish(call, code, text, fields, 2);
    fct_buf_finish(&name);
}

static void finish_not_found(struct fct_grpc_call *call)
{
    struct read_state *state = call->state;
    if (fct_kurrent_encode_stream_not_found(&call->out, fct_buf_slice(&state->stream)) !=
        FACTUM_OK) {
        finish_out_of_memory(call);
        return;
    }
    fct_grpc_send(call);
    fct_grpc_finish_ok(call);
}

static void finish_failed(struct fct_grpc_call *call, factum_status status, const factum_error *err)
{
    if (call->out.len > 0) {
        fct_grpc_send(call);
    }
    if (status == FACTUM_STREAM_NOT_FOUND) {
        finish_not_found(call);
    } else if (status == FACTUM_STREAM_DELETED) {
        const struct fct_field deleted = {FCT_SLICE("exception"), FCT_SLICE("stream-deleted")};
        fail_named(call, FCT_GRPC_FAILED_PRECONDITION, FCT_SLICE("The stream is deleted."),
                   &deleted, FCT_SLICE("stream-name"));
    } else if (status == FACTUM_NOT_FOUND) {
        const struct fct_field missing = {FCT_SLICE("exception"), FCT_SLICE("index-not-found")};
        fail_named(call, FCT_GRPC_NOT_FOUND, factum_slice_from(err->text), &missing,
                   FCT_SLICE("index-name"));
    } else {
        fct_grpc_fail(call, status, err);
    }
}

/* Sends the bounds of the stream, which clients with compatibility 1 get at the end of a read. */
static factum_status encode_bounds(struct fct_grpc_call *call)
{
    struct read_state *state = call->state;
    factum_stream_info info;
    factum_status status = FACTUM_OK;
    if (!fct_kurrent_stream_info(call->server, fct_buf_slice(&state->stream), &info)) {
        return FACTUM_OK;
    }
    if (state->given == 0 && !state->backwards && info.first_revision > state->from) {
        status = fct_kurrent_encode_first_stream_position(&call->out, info.first_revision);
    }
    return status == FACTUM_OK
               ? fct_kurrent_encode_last_stream_position(&call->out, info.last_revision)
               : status;
}

/* True if the list has no event: the store has no state of a virtual stream. */
static bool list_is_empty(struct fct_grpc_call *call)
{
    const struct read_state *state = call->state;
    const factum_read_request request = {.source = FACTUM_SOURCE_STREAM,
                                         .name = fct_buf_slice(&state->stream)};
    return !gives_some(call->server, &request);
}

static void finish_read(struct fct_grpc_call *call)
{
    struct read_state *state = call->state;
    if (state->compatibility >= 1 && !state->is_all && state->links == FCT_LINK_NONE &&
        encode_bounds(call) != FACTUM_OK) {
        finish_out_of_memory(call);
        return;
    }
    if (call->out.len > 0) {
        fct_grpc_send(call);
    }
    if (state->given == 0 && state->links != FCT_LINK_NONE && list_is_empty(call)) {
        finish_not_found(call);
    } else {
        fct_grpc_finish_ok(call);
    }
}

static factum_status encode_checkpoint(struct fct_grpc_call *call)
{
    struct read_state *state = call->state;
    state->examined = 0;
    if (state->last_position == state->checkpoint_position) {
        return FACTUM_OK;
    }
    state->checkpoint_position = state->last_position;
    return fct_kurrent_encode_checkpoint(&call->out, state->last_position,
                                         factum_now(call->server->store));
}

/* True for a subscription to $all that has got nothing yet: the place of an empty store is no
 * event's. */
static bool store_is_empty(struct fct_grpc_call *call)
{
    const struct read_state *state = call->state;
    const factum_read_request request = {.source = FACTUM_SOURCE_ALL};
    return state->last_position == 0 && !gives_some(call->server, &request);
}

static factum_status encode_caught_up(struct fct_grpc_call *call)
{
    struct read_state *state = call->state;
    struct fct_kurrent_liveness liveness = {.time = factum_now(call->server->store)};
    factum_status status = FACTUM_OK;
    if (state->live) {
        return FACTUM_OK;
    }
    state->live = true;
    if (state->is_all) {
        uint64_t place = store_is_empty(call) ? 0 : fct_feed_place(&state->feed);
        liveness.position = (struct fct_kurrent_number){place > 0, place};
        if (state->checkpoint_every > 0 && place > state->last_position) {
            state->last_position = place;
        }
        status = state->checkpoint_every == 0 ? FACTUM_OK : encode_checkpoint(call);
    } else {
        factum_stream_info info;
        if (!state->last_revision.given && state->links == FCT_LINK_NONE &&
            fct_kurrent_stream_info(call->server, fct_buf_slice(&state->stream), &info)) {
            state->last_revision = (struct fct_kurrent_number){true, info.last_revision};
        }
        liveness.revision = state->last_revision;
    }
    return status == FACTUM_OK ? fct_kurrent_encode_caught_up(&call->out, &liveness) : status;
}

/* ---- a turn ---------------------------------------------------------------------------------- */

/* Encodes an event, or takes the bytes that another subscriber has encoded. Links are encoded per
 * reader: it depends on the reader whether their target may be read and exists. */
static factum_status encode_event(struct fct_grpc_call *call, const factum_event *event,
                                  factum_error *err)
{
    struct read_state *state = call->state;
    const struct fct_link_request request = {
        .server = call->server,
        .principal = call->principal,
        .kind = state->links,
        .stream = fct_buf_slice(&state->stream),
        .resolve = state->resolve_links,
        .id_form = state->id_form,
    };
    const enum fct_shape shape =
        state->id_form == FCT_KURRENT_ID_STRING ? FCT_SHAPE_KURRENT_TEXT_ID : FCT_SHAPE_KURRENT;
    bool same_for_all = fct_link_is_plain(&request, event);
    factum_slice bytes;
    if (same_for_all && fct_feed_shared(&state->feed, shape, &bytes)) {
        return fct_buf_add_slice(&call->out, bytes) == FACTUM_OK
                   ? FACTUM_OK
                   : fct_fail(err, FACTUM_NO_MEMORY, "read: out of memory");
    }
    size_t before = call->out.len;
    factum_status status = fct_link_encode(&request, event, &call->out, err);
    if (status == FACTUM_OK && same_for_all) {
        fct_feed_share(&state->feed, shape, fct_slice_from(fct_buf_slice(&call->out), before));
    }
    return status;
}

static factum_status give_event(struct fct_grpc_call *call, const factum_event *event,
                                factum_error *err)
{
    struct read_state *state = call->state;
    factum_status status = encode_event(call, event, err);
    state->given++;
    state->left--;
    state->last_revision = (struct fct_kurrent_number){true, event->ordinal};
    return status;
}

/* An event was read: sends it, or leaves it out by the filter. */
static factum_status take_event(struct fct_grpc_call *call, const factum_event *event,
                                factum_error *err)
{
    struct read_state *state = call->state;
    bool matches = true;
    factum_status status = FACTUM_OK;
    state->last_position = event->position;
    state->examined++;
    if (state->matcher != NULL) {
        status = fct_kurrent_matcher_test(state->matcher, event, &matches, err);
    }
    if (status == FACTUM_OK && matches) {
        status = give_event(call, event, err);
    }
    if (status == FACTUM_OK && state->follow && state->checkpoint_every > 0 &&
        state->examined >= state->checkpoint_every) {
        status = encode_checkpoint(call);
    }
    return status;
}

/* Returns false when the turn or the call is over. */
static bool give_next(struct fct_grpc_call *call)
{
    struct read_state *state = call->state;
    factum_event event;
    factum_error err = {.status = FACTUM_OK};
    factum_status status =
        state->left == 0 ? FACTUM_DONE : fct_feed_next(&state->feed, &event, &err);
    if (status == FACTUM_OK) {
        status = take_event(call, &event, &err);
    } else if (status == FACTUM_CAUGHT_UP) {
        status = encode_caught_up(call);
    } else if (status == FACTUM_DONE) {
        finish_read(call);
        return false;
    }
    if (status < 0) {
        finish_failed(call, status, &err);
        return false;
    }
    return status == FACTUM_OK;
}

/* Others are waiting. The clock is read only where one event may take long. */
static bool turn_is_over(const struct read_state *state, int examined, uint64_t given,
                         uint64_t until_ns)
{
    return examined == READ_EXAMINED_PER_TURN || given >= READ_EVENTS_PER_TURN ||
           (state->matcher != NULL && examined > 0 && fct_os_monotonic(fct_os_real()) >= until_ns);
}

static void give(struct fct_grpc_call *call)
{
    struct read_state *state = call->state;
    uint64_t given = state->given;
    uint64_t until_ns = fct_os_monotonic(fct_os_real()) + READ_TURN_NS;
    bool goes_on = false;
    for (int i = 0;; i++) {
        size_t room = fct_grpc_room(call);
        if (room == 0 || room <= call->out.len) {
            break; /* writable continues */
        }
        if (turn_is_over(state, i, state->given - given, until_ns)) {
            fct_feed_again(&state->feed);
            goes_on = true;
            break;
        }
        if (!give_next(call)) {
            break;
        }
        if (call->out.len >= SEND_SIZE) {
            fct_grpc_send(call);
        }
    }
    if (!call->finished && call->out.len > 0) {
        fct_grpc_send(call);
    }
    if (!goes_on) {
        fct_grpc_rest(call);
    }
}

static void go_on_reading(struct fct_grpc_call *call)
{
    const struct read_state *state = call->state;
    if (call->server->stopping && state->follow) {
        fct_grpc_finish(call, FCT_GRPC_UNAVAILABLE, FCT_SLICE("the server is shutting down"), NULL,
                        0);
        return;
    }
    give(call);
}

static void on_feed(struct fct_feed *feed)
{
    struct fct_grpc_call *call = feed->data;
    if (!call->finished) {
        go_on_reading(call);
    }
}

static void read_writable(struct fct_grpc_call *call)
{
    struct read_state *state = call->state;
    if (state->opened) {
        go_on_reading(call);
    }
}

/* ---- the beginning --------------------------------------------------------------------------- */

static factum_status encode_confirmation(struct fct_grpc_call *call)
{
    factum_uuid id;
    char text[FACTUM_UUID_TEXT_SIZE];
    if (RAND_bytes(id.bytes, sizeof id.bytes) != 1) {
        return FACTUM_IO;
    }
    factum_uuid_format(fct_uuid_marked(id, FCT_UUID_RANDOM), text);
    return fct_kurrent_encode_confirmation(&call->out, factum_slice_from(text));
}

static factum_status set_up_filter(struct fct_grpc_call *call, const struct fct_kurrent_read *read,
                                   factum_read_request *request, factum_error *err)
{
    struct read_state *state = call->state;
    bool indexed = false;
    factum_slice unknown = fct_slice(NULL, 0);
    if (read->filter_option != FCT_KURRENT_FILTER_GIVEN) {
        return FACTUM_OK;
    }
    factum_status status = use_index(&read->filter, request, &indexed, &unknown, err);
    if (status != FACTUM_OK) {
        return fct_buf_add_slice(&state->stream, unknown) == FACTUM_OK ? status : FACTUM_INVALID;
    }
    if (indexed && !state->follow && !gives_some(call->server, request)) {
        (void)fct_fail(err, FACTUM_NOT_FOUND, "the index has no events yet");
        return fct_buf_add_slice(&state->stream, read->filter.prefixes[0]) == FACTUM_OK
                   ? FACTUM_NOT_FOUND
                   : FACTUM_INVALID;
    }
    uint64_t window =
        read->filter.window == FCT_KURRENT_WINDOW_MAX ? read->filter.window_max : WINDOW_DEFAULT;
    state->checkpoint_every = window * read->filter.checkpoint_interval_multiplier;
    return indexed
               ? FACTUM_OK
               : fct_kurrent_matcher_create(call->server->mem, &read->filter, &state->matcher, err);
}

static void remember_read(struct read_state *state, const struct fct_kurrent_read *read)
{
    state->is_all = read->source == FCT_KURRENT_SOURCE_ALL;
    state->follow = read->amount == FCT_KURRENT_AMOUNT_SUBSCRIPTION;
    state->backwards = read->direction == FCT_KURRENT_BACKWARDS;
    state->resolve_links = read->resolve_links;
    state->id_form = read->id_form;
    state->compatibility = read->compatibility;
    state->left = state->follow ? UINT64_MAX : read->count;
    state->from = read->from == FCT_KURRENT_FROM_REVISION ? read->revision
                  : read->from == FCT_KURRENT_FROM_END    ? UINT64_MAX
                                                          : 0;
    state->links = state->is_all ? FCT_LINK_NONE : fct_link_kind_of(read->stream);
}

static bool read_allowed(struct fct_grpc_call *call, const struct fct_kurrent_read *read)
{
    return read->source == FCT_KURRENT_SOURCE_ALL
               ? fct_grpc_allowed(call, FCT_OP_READ_ALL, FCT_SLICE("$all"))
               : fct_grpc_allowed(call, fct_kurrent_operation(read->stream, false), read->stream);
}

/* True for a tombstoned stream: its former events are sent to no subscriber and no reader. */
static bool is_tombstoned(struct fct_grpc_call *call)
{
    const struct read_state *state = call->state;
    factum_stream_info info;
    return !state->is_all && state->links == FCT_LINK_NONE &&
           !fct_kurrent_stream_info(call->server, fct_buf_slice(&state->stream), &info) &&
           info.state == FACTUM_STREAM_TOMBSTONED;
}

static factum_status open_read(struct fct_grpc_call *call, const struct fct_kurrent_read *read,
                               factum_error *err)
{
    struct read_state *state = call->state;
    factum_read_request request = state->is_all ? request_for_all(read) : request_for_stream(read);
    factum_status status = set_up_filter(call, read, &request, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (state->follow && is_tombstoned(call)) {
        return fct_fail(err, FACTUM_STREAM_DELETED, "the stream is deleted for ever");
    }
    if (state->follow) {
        status = encode_confirmation(call);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    state->feed.wake = on_feed;
    state->feed.data = call;
    state->feed.protocol = FCT_FEED_KURRENT;
    return fct_feed_open(call->server, &state->feed, &request, state->follow, err);
}

static void read_message(struct fct_grpc_call *call, factum_slice message)
{
    struct read_state *state = call->state;
    struct fct_kurrent_read read;
    factum_error err = {.status = FACTUM_OK};
    factum_status status = fct_kurrent_decode_read(message, &read, &err);
    if (status != FACTUM_OK) {
        fct_grpc_finish(call, FCT_GRPC_INVALID_ARGUMENT, factum_slice_from(err.text), NULL, 0);
        return;
    }
    const char *wrong = check_read(&read);
    if (wrong != NULL) {
        refuse_combination(call, wrong);
        return;
    }
    if (!read_allowed(call, &read)) {
        return;
    }
    remember_read(state, &read);
    if (fct_buf_add_slice(&state->stream, read.stream) != FACTUM_OK) {
        fct_grpc_finish(call, FCT_GRPC_INVALID_ARGUMENT, FCT_SLICE("the stream's name is too long"),
                        NULL, 0);
        return;
    }
    status = open_read(call, &read, &err);
    if (status != FACTUM_OK) {
        finish_failed(call, status, &err);
        return;
    }
    state->opened = true;
    give(call);
}

static void read_begin(struct fct_grpc_call *call)
{
    struct read_state *state = call->state;
    fct_buf_init(&state->stream, call->server->mem, FACTUM_NAME_SIZE_MAX + 8);
}

static void read_closed(struct fct_grpc_call *call)
{
    struct read_state *state = call->state;
    fct_feed_close(&state->feed);
    fct_kurrent_matcher_destroy(state->matcher);
    fct_buf_finish(&state->stream);
}

const struct fct_grpc_method fct_kurrent_read_method = {
    .path = "/event_store.client.streams.Streams/Read",
    .state_size = sizeof(struct read_state),
    .begin = read_begin,
    .message = read_message,
    .writable = read_writable,
    .closed = read_closed,
};
