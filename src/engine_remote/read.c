/* read.c - reads: batches of events from the server, lent to their reader one at a time.
 * Layer: engine_remote. The reader's thread.
 *
 * A reader keeps its request as the message that was sent first, and the arrays over it. After a
 * lost connection it requests the rest: after its last event, up to the place that the first answer
 * named. A following reader is a series of reads (wire/store_read.h).
 *
 * Invariants.
 *  1. Events come from |events|, which borrows the inflow's current message.
 *  2. |tail| is known once the server has reported how the read ended.
 */
#include <string.h>

#include "core/error.h"
#include "core/slice.h"
#include "engine_remote/remote_int.h"
#include "wire/store_read.h"

#define READ_RESUMES_MAX 8u /* without an event in between */

struct read_tail {
    bool known;
    factum_status status;
    factum_error err;
};

struct distant_reader {
    struct fct_reader base; /* first */
    struct inflow inflow;
    struct fct_buf origin; /* the request as a message */
    void *arrays;
    factum_read_request request; /* over |origin| and |arrays| */
    bool follow;
    struct distant_interest interest; /* of a following reader */
    struct read_tail begun;
    struct read_tail tail;
    bool extending;  /* the read of an extension is under way */
    bool abandoning; /* the previous read is being ended */
    bool undrained;  /* the read was not read to its end */
    bool resumed;    /* the read under way requests the rest of another */
    unsigned resumes;
    bool any;      /* an event was returned ... */
    uint64_t last; /* ... and this is the position of the last one */
    uint64_t given;
    bool in_batch;
    struct fct_store_events events;
    struct fct_store_event_room room;
};

static struct distant_reader *reader_of(struct fct_reader *base)
{
    return (struct distant_reader *)(void *)base;
}

static factum_status read_tail_status(const struct read_tail *tail, factum_error *err)
{
    if (tail->status < 0) {
        *err = tail->err;
    }
    return tail->status;
}

static void read_tail_set(struct read_tail *tail, factum_status status, const factum_error *err)
{
    tail->known = true;
    tail->status = status;
    if (status < 0) {
        tail->err = *err;
    }
}

/* ---- asking ---------------------------------------------------------------------------------- */

static factum_status read_start(struct distant_reader *reader, const factum_read_request *request,
                                bool follow, factum_error *err)
{
    fct_buf_clear(&reader->inflow.message);
    factum_status status = fct_store_encode_read(&reader->inflow.message, request, follow);
    if (status != FACTUM_OK) {
        return fct_fail(err, status, "read: out of memory");
    }
    fct_inflow_start(&reader->inflow);
    return FACTUM_PENDING;
}

/* Requests the rest of a read that was broken off: PENDING, DONE (nothing is left), or a
 * failure. */
static factum_status read_resume(struct distant_reader *reader, factum_error *err)
{
    factum_read_request request = reader->request;
    uint64_t place = reader->base.place;
    if (++reader->resumes > READ_RESUMES_MAX) {
        return fct_distant_unreachable(reader->inflow.distant, "read", err);
    }
    if (!reader->begun.known) {
        return read_start(reader, &request, reader->follow, err);
    }
    if ((request.count_max != 0 && reader->given >= request.count_max) ||
        (reader->any && request.backwards && reader->last == 0)) {
        return FACTUM_DONE;
    }
    request.count_max -= request.count_max == 0 ? 0 : reader->given;
    if (reader->any) {
        request.from = FACTUM_FROM_AFTER;
        request.from_value = request.backwards ? reader->last - 1 : reader->last;
    }
    if (!request.until_position_set || request.until_position > place) {
        request.until_position_set = true;
        request.until_position = place;
    }
    reader->resumed = true;
    return read_start(reader, &request, false, err);
}

/* Starts the next read of a following reader, after its place. |undrained|: the previous one was
 * abandoned, so this one begins after the last event returned. */
static factum_status read_go_on(struct distant_reader *reader, bool undrained, factum_error *err)
{
    factum_read_request request = reader->request;
    uint64_t place = reader->base.place;
    bool by_place = request.from == FACTUM_FROM_POSITION || request.from == FACTUM_FROM_AFTER;
    bool keeps_start = !reader->any && (request.from == FACTUM_FROM_REVISION ||
                                        (by_place && request.from_value > place) ||
                                        (undrained && request.from != FACTUM_FROM_END));
    if (!keeps_start) {
        request.from = FACTUM_FROM_AFTER;
        request.from_value = undrained && reader->any ? reader->last : place;
    }
    reader->undrained = undrained;
    return read_start(reader, &request, true, err);
}

/* ---- answers --------------------------------------------------------------------------------- */

/* Decodes the next message into |events|: OK, PENDING, DONE or a failure. |first|: it has the
 * place. */
static factum_status read_message(struct distant_reader *reader, bool first, factum_error *err)
{
    factum_slice message;
    bool lost = false;
    factum_status status = fct_inflow_next(&reader->inflow, &message, &lost, err);
    if (lost) {
        return first && reader->begun.known ? read_go_on(reader, reader->undrained, err)
                                            : read_resume(reader, err);
    }
    if (status == FACTUM_DONE && first) {
        return fct_fail(err, FACTUM_IO, "read: the server gave no answer");
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_store_decode_events(message, &reader->events, err);
    if (status == FACTUM_OK && first && !reader->events.has_place) {
        status = fct_fail(err, FACTUM_IO, "read: the server does not say up to where it reads");
    }
    reader->in_batch = status == FACTUM_OK;
    return status;
}

static factum_status reader_begin(struct fct_reader *base, factum_error *err)
{
    struct distant_reader *reader = reader_of(base);
    factum_error failure;
    if (!reader->begun.known) {
        factum_status status = read_message(reader, true, &failure);
        if (status == FACTUM_PENDING) {
            return status;
        }
        read_tail_set(&reader->begun, status, &failure);
        if (status == FACTUM_OK) {
            base->place = reader->events.place;
            fct_watch_saw(reader->inflow.distant, base->place);
        }
    }
    return read_tail_status(&reader->begun, err);
}

/* The current message is used up. OK: another one is there. */
static factum_status read_more(struct distant_reader *reader, factum_error *err)
{
    factum_error failure;
    if (!reader->tail.known) {
        factum_status status = read_message(reader, false, &failure);
        if (status == FACTUM_OK || status == FACTUM_PENDING) {
            return status;
        }
        bool is_gone = reader->resumed && reader->follow &&
                       (status == FACTUM_STREAM_NOT_FOUND || status == FACTUM_STREAM_DELETED);
        read_tail_set(&reader->tail, is_gone ? FACTUM_DONE : status, &failure);
    }
    return read_tail_status(&reader->tail, err);
}

static factum_status reader_next(struct fct_reader *base, factum_event *event, factum_error *err)
{
    struct distant_reader *reader = reader_of(base);
    factum_status status =
        fct_deadline_check(reader->inflow.distant->os, reader->inflow.deadline, "read", err);
    while (status == FACTUM_OK) {
        if (reader->in_batch) {
            status = fct_store_next_event(&reader->events, &reader->room, event, err);
            if (status == FACTUM_OK) {
                reader->any = true;
                reader->last = event->position;
                reader->given++;
                reader->resumes = 0;
                return FACTUM_OK;
            }
            reader->in_batch = false;
            status = status == FACTUM_DONE ? FACTUM_OK : status;
        } else {
            status = read_more(reader, err);
        }
    }
    return status;
}

/* Abandons the read under way. OK: it has ended. */
static factum_status read_abandon(struct distant_reader *reader)
{
    factum_error ignored;
    factum_slice message;
    bool lost = false;
    factum_status status;
    if (!reader->abandoning) {
        reader->abandoning = true;
        reader->in_batch = false;
        fct_inflow_abandon(&reader->inflow);
    }
    do {
        status = fct_inflow_next(&reader->inflow, &message, &lost, &ignored);
    } while (status == FACTUM_OK);
    return status == FACTUM_PENDING ? status : FACTUM_OK;
}

/* Starts an extension: PENDING, or a failure. */
static factum_status read_begin_extension(struct distant_reader *reader, factum_error *err)
{
    bool undrained = !reader->tail.known;
    factum_status status = undrained ? read_abandon(reader) : FACTUM_OK;
    if (status == FACTUM_OK) {
        reader->abandoning = false;
        reader->resumed = false;
        status = read_go_on(reader, undrained, err);
        reader->extending = status == FACTUM_PENDING;
    }
    return status;
}

static factum_status reader_extend(struct fct_reader *base, factum_error *err)
{
    struct distant_reader *reader = reader_of(base);
    factum_status status =
        fct_deadline_check(reader->inflow.distant->os, reader->inflow.deadline, "read", err);
    if (status == FACTUM_OK && !reader->extending) {
        bool is_read = reader->tail.known && reader->tail.status == FACTUM_DONE;
        return is_read && fct_watch_covers(reader->inflow.distant, &reader->interest, &base->place)
                   ? FACTUM_OK
                   : read_begin_extension(reader, err);
    }
    if (status == FACTUM_OK) {
        status = read_message(reader, true, err);
    }
    if (status != FACTUM_PENDING) {
        reader->extending = false;
    }
    if (status == FACTUM_OK) {
        reader->tail.known = false;
        base->place = reader->events.place > base->place ? reader->events.place : base->place;
        fct_watch_saw(reader->inflow.distant, base->place);
    }
    return status;
}

static void reader_ready(struct fct_reader *base, const factum_ready *ready)
{
    fct_inflow_ready(&reader_of(base)->inflow, ready);
}

/* ---- its life -------------------------------------------------------------------------------- */

static void read_free(struct inflow *inflow)
{
    struct distant_reader *reader = FCT_CONTAINER_OF(inflow, struct distant_reader, inflow);
    const struct fct_mem *mem = inflow->distant->mem;
    if (reader->follow) {
        fct_watch_forget(inflow->distant, &reader->interest);
    }
    fct_buf_finish(&reader->origin);
    fct_mem_free(mem, reader->arrays);
    fct_mem_free(mem, reader);
}

static void reader_close(struct fct_reader *base)
{
    fct_inflow_close(&reader_of(base)->inflow);
}

static const struct fct_reader_ops reader_ops = {
    .begin = reader_begin,
    .next = reader_next,
    .extend = reader_extend,
    .ready = reader_ready,
    .close = reader_close,
};

/* Copies the request, by means of the message that it is encoded to. */
static factum_status read_keep(struct distant_reader *reader, const factum_read_request *request,
                               factum_error *err)
{
    struct fct_store_read read = {.memory_size = 0};
    factum_status status = fct_store_encode_read(&reader->origin, request, reader->follow);
    if (status == FACTUM_OK) {
        factum_slice message = fct_slice_from(fct_buf_slice(&reader->origin), FCT_GRPC_PREFIX_SIZE);
        status = fct_store_decode_read(message, &read, err);
    }
    if (status == FACTUM_OK && read.memory_size > 0) {
        reader->arrays = fct_mem_alloc(reader->inflow.distant->mem, read.memory_size);
        status = reader->arrays == NULL ? FACTUM_NO_MEMORY : FACTUM_OK;
    }
    if (status == FACTUM_OK) {
        status = fct_store_build_read(&read, reader->arrays, &reader->request, err);
    }
    return status == FACTUM_NO_MEMORY ? fct_fail(err, status, "read: out of memory") : status;
}

/* Registers an interest, so that the server reports when there is something to read. */
static void read_watch(struct distant_reader *reader)
{
    const factum_read_request *request = &reader->request;
    bool is_list = request->source == FACTUM_SOURCE_STREAM ||
                   request->source == FACTUM_SOURCE_CATEGORY ||
                   request->source == FACTUM_SOURCE_TYPE || request->source == FACTUM_SOURCE_TAG;
    if (reader->follow && is_list) {
        reader->interest.source = request->source;
        reader->interest.name = request->name;
        fct_watch_listen(reader->inflow.distant, &reader->interest);
        fct_distant_post(reader->inflow.distant);
    }
}

factum_status fct_distant_read(void *self, const factum_read_request *request, bool follow,
                               struct fct_reader **out, factum_error *err)
{
    struct distant *distant = self;
    struct distant_reader *reader = fct_mem_zalloc(distant->mem, 1, sizeof *reader);
    if (reader == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "read: out of memory");
    }
    reader->base.ops = &reader_ops;
    reader->follow = follow;
    reader->inflow.distant = distant;
    reader->inflow.path = FCT_SLICE(FCT_STORE_PATH("Read"));
    reader->inflow.what = "read";
    reader->inflow.free = read_free;
    reader->inflow.deadline = fct_call_get(request->call).deadline;
    fct_buf_init(&reader->origin, distant->mem, FCT_DISTANT_MESSAGE_MAX);
    fct_buf_init(&reader->inflow.message, distant->mem, FCT_DISTANT_MESSAGE_MAX);
    factum_status status = read_keep(reader, request, err);
    if (status == FACTUM_OK) {
        status = read_start(reader, &reader->request, follow, err);
    }
    if (status != FACTUM_PENDING) {
        fct_buf_finish(&reader->inflow.message);
        read_free(&reader->inflow);
        return status;
    }
    read_watch(reader);
    *out = &reader->base;
    return FACTUM_OK;
}
