/* append.c - appends: the call Append of a connection, and the appends that wait for it.
 * Layer: engine_remote.
 *
 *     submit -> appends_in -> unsent -> sent -> its answer -> notifier.h -> its completer
 *                               ^---------'  the connection is lost: again, with the same ids
 *
 * A pending append keeps the request with the ids of its events. It is encoded when it is sent,
 * with the time that is left then. Its number is assigned when it is sent.
 *
 * Invariants (appends_check). Loop's thread, except 4.
 *  1. An append that has not ended is in |all|; also in |unsent|, or in the slot of its number.
 *  2. |unsure|: it was sent on a connection that is lost. It never ends as if nothing was written.
 *  3. Only a |repeatable| append is sent twice.
 *  4. op->internal[OP_PENDING], under the lock: the pending append; NULL once it has ended.
 *  5. |slot_count| is 0 or a power of two, and larger than the number of sent appends.
 */
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "core/uuid.h"
#include "engine/deliver.h"
#include "engine_remote/remote_int.h"
#include "wire/store_append.h"

#define OP_PENDING FCT_BACKLOG_INTERNAL
#define APPEND_SLOTS_FIRST 64u
/* Extra time for the answer to an append whose deadline has passed. */
#define APPEND_GRACE_NS UINT64_C(200000000)

struct pending_append {
    struct pending_append *next;        /* in appends_in */
    struct pending_append *next_cancel; /* in cancels */
    factum_append_op *op;
    factum_append_request request; /* its events are |events|, if ids were created */
    factum_call context;
    struct distant_link all;
    struct distant_link unsent;
    uint64_t number; /* 0: not sent on this connection */
    uint64_t limit;  /* when it gives up if it has no deadline; 0: not set */
    bool repeatable;
    bool unsure;
    bool cancelled;
    bool cancel_listed;
    bool lost; /* a test drops its answer */
    factum_new_event events[];
};

static struct pending_append *append_of_all(struct distant_link *link)
{
    return FCT_CONTAINER_OF(link, struct pending_append, all);
}

static void appends_check(const struct distant_appends *appends)
{
    FCT_ASSERT((appends->slots == NULL) == (appends->slot_count == 0));
    FCT_ASSERT((appends->slot_count & (appends->slot_count - 1)) == 0 || appends->slot_count == 0);
    FCT_ASSERT(appends->count > 0 || fct_distant_ring_is_empty(&appends->all));
    FCT_ASSERT(appends->count > 0 || fct_distant_ring_is_empty(&appends->unsent));
}

/* ---- submitting ------------------------------------------------------------------------------ */

static bool append_lacks_id(const factum_append_request *request, bool any)
{
    size_t lacking = 0;
    for (size_t i = 0; i < request->event_count; i++) {
        lacking += fct_uuid_is_zero(request->events[i].id);
    }
    return any ? lacking > 0 : lacking > 0 && lacking == request->event_count;
}

/* Gives each event a random id. */
static factum_status append_make_ids(const struct distant *distant, struct pending_append *pending,
                                     factum_error *err)
{
    const factum_append_request *request = fct_op_request(pending->op);
    memcpy(pending->events, request->events, request->event_count * sizeof pending->events[0]);
    for (size_t i = 0; i < request->event_count; i++) {
        factum_uuid *id = &pending->events[i].id;
        factum_status status = fct_os_random(distant->os, id->bytes, sizeof id->bytes, err);
        if (status != FACTUM_OK) {
            return status;
        }
        *id = fct_uuid_marked(*id, FCT_UUID_RANDOM);
    }
    pending->request.events = pending->events;
    return FACTUM_OK;
}

static factum_status append_prepare(const struct distant *distant, factum_append_op *op,
                                    struct pending_append **made, factum_error *err)
{
    const factum_append_request *request = fct_op_request(op);
    bool makes_ids = append_lacks_id(request, false);
    size_t size = sizeof **made + (makes_ids ? request->event_count : 0) * sizeof(factum_new_event);
    struct pending_append *pending = fct_mem_zalloc(distant->mem, 1, size);
    if (pending == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "append: out of memory");
    }
    pending->op = op;
    pending->request = *request;
    pending->context = fct_call_get(request->call);
    if (pending->request.durability == FACTUM_DURABILITY_DEFAULT) {
        pending->request.durability = distant->durability;
    }
    factum_status status = FACTUM_OK;
    if (makes_ids) {
        status = append_make_ids(distant, pending, err);
    }
    pending->repeatable =
        op->action == FACTUM_ACTION_APPEND &&
        (request->idempotency_key.len > 0 || makes_ids || !append_lacks_id(request, true));
    if (status != FACTUM_OK) {
        fct_mem_free(distant->mem, pending);
        return status;
    }
    *made = pending;
    return FACTUM_OK;
}

factum_status fct_distant_append(void *self, factum_append_op *op, factum_error *err)
{
    struct distant *distant = self;
    struct pending_append *pending = NULL;
    if (distant->read_only) {
        return fct_fail(err, FACTUM_READ_ONLY, "the store is open for reading only");
    }
    factum_status status = fct_notifier_start(&distant->notifier, err);
    if (status == FACTUM_OK) {
        status = append_prepare(distant, op, &pending, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    fct_mutex_lock(&distant->lock);
    status = distant->stop ? fct_fail(err, FACTUM_FAILED, "append: the store is being closed")
                           : fct_backlog_add(&distant->backlog, &distant->limits, op,
                                             &distant->completer, err);
    if (status == FACTUM_OK) {
        op->internal[OP_PENDING] = pending;
        *distant->appends_last = pending;
        distant->appends_last = &pending->next;
    }
    fct_mutex_unlock(&distant->lock);
    if (status != FACTUM_OK) {
        fct_mem_free(distant->mem, pending);
        return status;
    }
    fct_distant_post(distant);
    return FACTUM_OK;
}

void fct_distant_cancel(void *self, factum_append_op *op)
{
    struct distant *distant = self;
    fct_mutex_lock(&distant->lock);
    struct pending_append *pending = op->internal[OP_PENDING];
    if (pending != NULL && !pending->cancel_listed) {
        pending->cancel_listed = true;
        pending->next_cancel = distant->cancels;
        distant->cancels = pending;
    }
    fct_mutex_unlock(&distant->lock);
    fct_distant_post(distant);
}

/* The completer of all ops: they no longer wait, and are passed to their own completer. */
void fct_distant_completed(void *self, factum_append_op *const *ops, size_t count)
{
    struct distant *distant = self;
    fct_mutex_lock(&distant->lock);
    bool room = fct_backlog_remove(&distant->backlog, ops, count);
    fct_mutex_unlock(&distant->lock);
    fct_deliver(ops, count);
    if (room) {
        fct_notifier_post(&distant->notifier, FACTUM_NEWS_ROOM);
    }
}

/* ---- sent appends by their number ------------------------------------------------------------ */

static struct pending_append **append_slot(struct distant_appends *appends, uint64_t number)
{
    return &appends->slots[number & (appends->slot_count - 1)];
}

/* Makes room for one more, and keeps free slots so that a free number is found quickly. */
static factum_status append_grow_slots(struct distant *distant)
{
    struct distant_appends *appends = &distant->appends;
    if (appends->count * 2 <= appends->slot_count && appends->slot_count > 0) {
        return FACTUM_OK;
    }
    size_t count = appends->slot_count == 0 ? APPEND_SLOTS_FIRST : appends->slot_count * 2;
    struct pending_append **slots = fct_mem_zalloc(distant->mem, count, sizeof(void *));
    if (slots == NULL) {
        return FACTUM_NO_MEMORY;
    }
    for (size_t i = 0; i < appends->slot_count; i++) {
        struct pending_append *pending = appends->slots[i];
        if (pending != NULL) {
            /* Different numbers of the smaller table stay different. */
            slots[pending->number & (count - 1)] = pending;
        }
    }
    fct_mem_free(distant->mem, appends->slots);
    appends->slots = slots;
    appends->slot_count = count;
    return FACTUM_OK;
}

static struct pending_append *append_find(struct distant_appends *appends, uint64_t number)
{
    struct pending_append *pending =
        appends->slot_count == 0 || number == 0 ? NULL : *append_slot(appends, number);
    return pending != NULL && pending->number == number ? pending : NULL;
}

/* ---- the end of one -------------------------------------------------------------------------- */

static void append_end(struct distant *distant, struct pending_append *pending)
{
    struct distant_appends *appends = &distant->appends;
    factum_append_op *op = pending->op;
    appends_check(appends);
    FCT_ASSERT(appends->count > 0);
    if (pending->number != 0) {
        FCT_ASSERT(*append_slot(appends, pending->number) == pending);
        *append_slot(appends, pending->number) = NULL;
    }
    fct_distant_ring_remove(&pending->all);
    fct_distant_ring_remove(&pending->unsent);
    appends->count--;
    fct_mutex_lock(&distant->lock);
    op->internal[OP_PENDING] = NULL;
    if (pending->cancel_listed) {
        struct pending_append **slot = &distant->cancels;
        while (*slot != NULL && *slot != pending) {
            slot = &(*slot)->next_cancel;
        }
        *slot = *slot == NULL ? NULL : pending->next_cancel;
    }
    fct_mutex_unlock(&distant->lock);
    fct_mem_free(distant->mem, pending);
    fct_notifier_complete(&distant->notifier, op);
}

static void append_fail(struct distant *distant, struct pending_append *pending,
                        factum_status status, const char *text)
{
    pending->op->status = fct_fail(&pending->op->err, status, "%s", text);
    append_end(distant, pending);
}

static void append_end_unknown(struct distant *distant, struct pending_append *pending)
{
    append_fail(distant, pending, FACTUM_UNKNOWN_OUTCOME,
                pending->cancelled
                    ? "append: cancelled before an answer came: the events may have been appended"
                    : "append: no answer came: the events may have been appended");
}

/* ---- answers --------------------------------------------------------------------------------- */

/* Returns true if a test drops the answer. */
static bool append_note_answer(struct distant *distant, uint64_t position)
{
    fct_mutex_lock(&distant->lock);
    bool lost = distant->lose > 0;
    distant->lose -= lost ? 1 : 0;
    distant->must_see = position > distant->must_see ? position : distant->must_see;
    fct_mutex_unlock(&distant->lock);
    return lost;
}

static void append_answered(struct distant_call *call, factum_slice message)
{
    struct distant *distant = call->distant;
    struct fct_store_appended appended;
    factum_error err;
    if (fct_store_decode_appended(message, &appended, &err) != FACTUM_OK) {
        distant->why = err;
        fct_distant_hang_up(distant); /* the connection is replaced, and the append is sent again */
        return;
    }
    struct pending_append *pending = append_find(&distant->appends, appended.number);
    if (pending == NULL || pending->lost) {
        return; /* it has ended before */
    }
    factum_append_op *op = pending->op;
    if (appended.status == FACTUM_OK && append_note_answer(distant, appended.result.position)) {
        pending->lost = true;
        if (pending->cancelled) {
            append_end_unknown(distant, pending);
        }
        return;
    }
    op->status = appended.status;
    op->result = appended.result;
    if (appended.status < 0) {
        op->err = appended.err;
    } else {
        op->result.already = op->result.already && !pending->unsure;
        if (op->revisions != NULL) {
            (void)fct_store_appended_revisions(message, op->revisions,
                                               pending->request.event_count);
        }
    }
    append_end(distant, pending);
}

/* ---- sending --------------------------------------------------------------------------------- */

static factum_status append_encode(struct distant *distant, const struct pending_append *pending,
                                   uint64_t number, bool cancel)
{
    struct fct_buf *scratch = &distant->appends.scratch;
    struct fct_store_append append = {.number = number, .cancel = cancel};
    fct_buf_clear(scratch);
    if (!cancel) {
        append.action = pending->op->action;
        append.revisions = pending->op->revisions != NULL;
        append.traceparent = pending->context.traceparent;
        append.tracestate = pending->context.tracestate;
        append.correlation_id = pending->context.correlation_id;
        append.causation_id = pending->context.causation_id;
        append.has_timeout = pending->context.deadline != 0;
        append.timeout_ms = fct_distant_ms_left(distant, pending->context.deadline);
    }
    return fct_store_encode_append(scratch, &append, &pending->request);
}

/* Sends an append, or ends it if it cannot be sent. */
static void append_send(struct distant *distant, struct pending_append *pending)
{
    struct distant_appends *appends = &distant->appends;
    appends_check(appends);
    factum_status status = append_grow_slots(distant);
    uint64_t number = appends->number + 1;
    while (status == FACTUM_OK && (number == 0 || *append_slot(appends, number) != NULL)) {
        number++;
    }
    if (status == FACTUM_OK) {
        status = append_encode(distant, pending, number, false);
    }
    if (status == FACTUM_OK) {
        status = fct_client_write(appends->call.h2, fct_buf_slice(&appends->scratch));
    }
    if (status == FACTUM_OK) {
        fct_distant_ring_remove(&pending->unsent);
        appends->number = number;
        pending->number = number;
        pending->limit = 0;
        *append_slot(appends, number) = pending;
    } else if (pending->unsure) {
        append_end_unknown(distant, pending);
    } else {
        append_fail(distant, pending, status,
                    status == FACTUM_TOO_BIG ? "append: too big for one message"
                                             : "append: out of memory");
    }
    if (appends->scratch.capacity > FCT_DISTANT_WINDOW) {
        fct_buf_finish(&appends->scratch);
        fct_buf_init(&appends->scratch, distant->mem, FCT_DISTANT_MESSAGE_MAX);
    }
}

static void append_writable(struct distant_call *call)
{
    fct_appends_send(call->distant);
}

/* The call is lost, and with it the answers to the appends sent on it. */
static void append_call_ended(struct distant_call *call, enum distant_end end)
{
    struct distant *distant = call->distant;
    struct distant_appends *appends = &distant->appends;
    bool denied = end == DISTANT_ANSWERED &&
                  (call->status == FACTUM_DENIED || call->status == FACTUM_UNSUPPORTED);
    struct distant_link *link = appends->all.next;
    while (link != &appends->all) {
        struct pending_append *pending = append_of_all(link);
        link = link->next;
        if (pending->number != 0) {
            *append_slot(appends, pending->number) = NULL;
            pending->number = 0;
            pending->unsure = pending->unsure || (end != DISTANT_UNTOUCHED && !denied);
        } else {
            fct_distant_ring_remove(&pending->unsent);
        }
        if (pending->unsure && (!pending->repeatable || pending->cancelled || pending->lost)) {
            append_end_unknown(distant, pending);
        } else if (denied) {
            append_fail(distant, pending, call->status, call->err.text);
        } else {
            fct_distant_ring_add(&appends->unsent, &pending->unsent); /* in their order */
            pending->limit = fct_distant_limit_from_now(distant);
        }
    }
    if (end == DISTANT_ANSWERED && !denied) {
        if (call->status != FACTUM_OK) {
            distant->why = call->err;
        }
        fct_distant_hang_up(distant); /* starts again, not at once */
    }
    fct_distant_limit(distant);
}

static const struct distant_call_ops append_call_ops = {
    .message = append_answered, .writable = append_writable, .ended = append_call_ended};

void fct_appends_send(struct distant *distant)
{
    struct distant_appends *appends = &distant->appends;
    fct_mutex_lock(&distant->lock);
    bool held = distant->held;
    fct_mutex_unlock(&distant->lock);
    if (distant->state != DISTANT_UP || held || fct_distant_ring_is_empty(&appends->unsent)) {
        return;
    }
    if (appends->call.h2 == NULL &&
        fct_distant_call_start(&appends->call, FCT_SLICE(FCT_STORE_PATH("Append")), 0,
                               fct_slice(NULL, 0), false) != FACTUM_OK) {
        return; /* the limiter tries again */
    }
    while (!fct_distant_ring_is_empty(&appends->unsent) && fct_client_room(appends->call.h2) > 0) {
        append_send(distant, FCT_CONTAINER_OF(appends->unsent.next, struct pending_append, unsent));
    }
}

/* ---- requests of users' threads -------------------------------------------------------------- */

static void append_do_cancel(struct distant *distant, struct pending_append *pending)
{
    struct distant_appends *appends = &distant->appends;
    pending->cancelled = true;
    if (pending->lost || (pending->number == 0 && pending->unsure)) {
        append_end_unknown(distant, pending);
    } else if (pending->number == 0) {
        append_fail(distant, pending, FACTUM_CANCELLED, "append: cancelled before it was sent");
    } else if (append_encode(distant, pending, pending->number, true) == FACTUM_OK &&
               appends->call.h2 != NULL) {
        if (fct_client_write(appends->call.h2, fct_buf_slice(&appends->scratch)) != FACTUM_OK) {
            fct_distant_hang_up(distant);
        }
    }
}

void fct_appends_take(struct distant *distant)
{
    struct distant_appends *appends = &distant->appends;
    fct_mutex_lock(&distant->lock);
    struct pending_append *list = distant->appends_in;
    distant->appends_in = NULL;
    distant->appends_last = &distant->appends_in;
    fct_mutex_unlock(&distant->lock);
    bool any = list != NULL;
    while (list != NULL) {
        struct pending_append *pending = list;
        list = pending->next;
        fct_distant_ring_add(&appends->all, &pending->all);
        fct_distant_ring_add(&appends->unsent, &pending->unsent);
        appends->count++;
        if (distant->state != DISTANT_UP) {
            pending->limit = fct_distant_limit_from_now(distant);
        }
        if (distant->replaced) {
            append_fail(distant, pending, FACTUM_WRONG_TIMELINE, distant->other_store.text);
        }
    }
    for (;;) {
        fct_mutex_lock(&distant->lock);
        struct pending_append *pending = distant->cancels;
        if (pending != NULL) {
            distant->cancels = pending->next_cancel;
            pending->cancel_listed = false;
        }
        fct_mutex_unlock(&distant->lock);
        if (pending == NULL) {
            break;
        }
        append_do_cancel(distant, pending);
    }
    if (any) {
        fct_distant_limit(distant);
    }
}

/* ---- time limits, and the end of all appends ------------------------------------------------- */

static void append_check_limit(struct distant *distant, struct pending_append *pending,
                               uint64_t now)
{
    bool up = distant->state == DISTANT_UP;
    uint64_t deadline = pending->context.deadline;
    if (up && deadline == 0) {
        pending->limit = 0; /* it is sent when there is room */
    }
    bool is_late = deadline != 0 && now >= deadline;
    bool has_waited = deadline == 0 && pending->limit != 0 && now >= pending->limit;
    if (pending->number != 0) {
        if (is_late && now - deadline >= (pending->lost ? 0 : APPEND_GRACE_NS)) {
            append_end_unknown(distant, pending);
        }
    } else if ((is_late || has_waited) && pending->unsure) {
        append_end_unknown(distant, pending);
    } else if (is_late && up) {
        append_fail(distant, pending, FACTUM_EXPIRED, "append: the deadline has passed");
    } else if (is_late || has_waited) {
        pending->op->status = fct_distant_unreachable(distant, "append", &pending->op->err);
        append_end(distant, pending);
    }
}

void fct_appends_limit(struct distant *distant, uint64_t now)
{
    struct distant_appends *appends = &distant->appends;
    struct distant_link *link = appends->all.next;
    while (link != &appends->all) {
        struct pending_append *pending = append_of_all(link);
        link = link->next;
        append_check_limit(distant, pending, now);
    }
    fct_appends_send(distant);
}

void fct_appends_end_lost(struct distant *distant)
{
    struct distant_link *link = distant->appends.all.next;
    while (link != &distant->appends.all) {
        struct pending_append *pending = append_of_all(link);
        link = link->next;
        if (pending->lost) {
            append_end_unknown(distant, pending);
        }
    }
}

void fct_appends_end(struct distant *distant, factum_status unsent, const char *text)
{
    struct distant_appends *appends = &distant->appends;
    while (!fct_distant_ring_is_empty(&appends->all)) {
        struct pending_append *pending = append_of_all(appends->all.next);
        if (pending->number != 0 || pending->unsure) {
            append_end_unknown(distant, pending);
        } else {
            append_fail(distant, pending, unsent, text);
        }
    }
}

void fct_appends_init(struct distant *distant)
{
    struct distant_appends *appends = &distant->appends;
    appends->call.distant = distant;
    appends->call.ops = &append_call_ops;
    fct_distant_ring_init(&appends->all);
    fct_distant_ring_init(&appends->unsent);
    fct_buf_init(&appends->scratch, distant->mem, FCT_DISTANT_MESSAGE_MAX);
    distant->appends_last = &distant->appends_in;
}

void fct_appends_finish(struct distant *distant)
{
    FCT_ASSERT(distant->appends.count == 0);
    fct_mem_free(distant->mem, distant->appends.slots);
    fct_buf_finish(&distant->appends.scratch);
}
