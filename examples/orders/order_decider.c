/* order_decider.c - what events do to an order, and which events a command makes. Layer: example,
 * public API only.
 *
 * Pure functions: no store, no clock, no memory but the arena's. The fold never fails on events in
 * an order that it did not expect: events are facts, and it describes them. What may happen is
 * said by order_decide.
 */
#include "order_decider.h"

#include <inttypes.h>

const char *order_status_name(enum order_status status)
{
    static const char *const names[ORDER_STATUS_COUNT] = {
        "unknown", "placed",    "payment failed", "partly paid", "paid",
        "shipped", "delivered", "returned",       "refunded",    "cancelled",
    };
    return status < ORDER_STATUS_COUNT ? names[status] : "unknown";
}

/* ---- evolve: state + event -> state ---------------------------------------------------------- */

static void add_payment(order_state *s, factum_slice id, int64_t amount, factum_arena *arena)
{
    s->paid_cents += amount;
    if (s->status <= ORDER_STATUS_PAID) {
        bool enough = s->paid_cents >= s->total_cents;
        s->status = enough ? ORDER_STATUS_PAID : ORDER_STATUS_PARTLY_PAID;
    }
    order_payment *payment =
        id.len > 0 ? (order_payment *)factum_arena_alloc(arena, sizeof *payment) : NULL;
    if (payment != NULL) {
        payment->id = factum_arena_copy(arena, id);
        payment->earlier = s->payments;
        s->payments = payment;
    }
}

static void order_evolve(order_state *s, const order_event *e, factum_arena *arena)
{
    /* No default: an event type that is added and not handled here breaks the build. */
    switch (e->type) {
    case ORDER_PLACED:
        s->status = ORDER_STATUS_PLACED;
        s->total_cents = e->placed.total_cents;
        s->customer_id = factum_arena_copy(arena, e->placed.customer_id);
        break;
    case ORDER_PAYMENT_RECEIVED:
        add_payment(s, e->payment_received.payment_id, e->payment_received.amount_cents, arena);
        break;
    case ORDER_PAYMENT_FAILED:
        s->failed_payments++;
        if (s->status == ORDER_STATUS_PLACED) {
            s->status = ORDER_STATUS_PAYMENT_FAILED;
        }
        break;
    case ORDER_SHIPPED:
        s->status = ORDER_STATUS_SHIPPED;
        break;
    case ORDER_DELIVERED:
        s->status = ORDER_STATUS_DELIVERED;
        break;
    case ORDER_RETURNED:
        s->returned_cents += e->returned.amount_cents;
        s->status = ORDER_STATUS_RETURNED;
        break;
    case ORDER_PAYMENT_REFUNDED:
        s->refunded_cents += e->payment_refunded.amount_cents;
        if (s->status != ORDER_STATUS_CANCELLED) {
            s->status = ORDER_STATUS_REFUNDED;
        }
        break;
    case ORDER_CANCELLED:
        s->status = ORDER_STATUS_CANCELLED;
        break;
    case ORDER_RENTAL_ORDERED:
        s->status = ORDER_STATUS_PLACED;
        s->customer_id = factum_arena_copy(arena, e->rental_ordered.customer_id);
        break;
    case ORDER_RENTAL_PAID:
        add_payment(s, (factum_slice){NULL, 0}, e->rental_paid.amount_cents, arena);
        break;
    case ORDER_RENTAL_RETURNED:
        s->status = ORDER_STATUS_RETURNED;
        break;
    case ORDER_EVENT_TYPES:
        break;
    }
}

/* ---- decide: state + command -> events ------------------------------------------------------- */

static factum_verdict place(const order_state *s, const order_command *c, factum_decision *out)
{
    if (s->status != ORDER_STATUS_UNKNOWN) {
        return factum_reject(out, "order.exists", "the order is %s", order_status_name(s->status));
    }
    if (c->total_cents <= 0) {
        return factum_reject(out, "order.empty", "an order of %" PRId64 " cents", c->total_cents);
    }
    order_event e = {.type = ORDER_PLACED};
    e.placed.customer_id = c->customer_id;
    e.placed.lines = c->lines;
    e.placed.line_count = c->line_count;
    e.placed.total_cents = c->total_cents;
    return order_emit(out, &e);
}

static bool has_payment(const order_state *s, factum_slice id)
{
    for (const order_payment *p = s->payments; p != NULL; p = p->earlier) {
        if (p->id.len == id.len && memcmp(p->id.ptr, id.ptr, id.len) == 0) {
            return true;
        }
    }
    return false;
}

/* Payments may come in parts. The same one twice counts once; more than the order costs is refused.
 */
static factum_verdict pay(const order_state *s, const order_command *c, factum_decision *out)
{
    int64_t open = s->total_cents - s->paid_cents;
    if (c->payment_id.len > 0 && has_payment(s, c->payment_id)) {
        return FACTUM_NOOP;
    }
    if (c->amount_cents <= 0) {
        return factum_reject(out, "order.no_amount", "a payment of %" PRId64 " cents",
                             c->amount_cents);
    }
    if (open <= 0) {
        return factum_reject(out, "order.already_paid", "%" PRId64 " of %" PRId64 " cents paid",
                             s->paid_cents, s->total_cents);
    }
    if (c->amount_cents > open) {
        return factum_reject(out, "order.paid_too_much",
                             "%" PRId64 " cents are paid, %" PRId64 " are open", c->amount_cents,
                             open);
    }
    order_event e = {.type = ORDER_PAYMENT_RECEIVED};
    e.payment_received.payment_id = c->payment_id;
    e.payment_received.method = c->method;
    e.payment_received.amount_cents = c->amount_cents;
    return order_emit(out, &e);
}

static factum_verdict ship(const order_state *s, const order_command *c, factum_decision *out)
{
    if (s->status >= ORDER_STATUS_SHIPPED) {
        return FACTUM_NOOP;
    }
    if (s->status != ORDER_STATUS_PAID) {
        return factum_reject(out, "order.not_paid", "%" PRId64 " of %" PRId64 " cents paid",
                             s->paid_cents, s->total_cents);
    }
    order_event e = {.type = ORDER_SHIPPED};
    e.shipped.carrier = c->carrier;
    e.shipped.parcel = c->parcel;
    return order_emit(out, &e);
}

static factum_verdict deliver(const order_state *s, const order_command *c, factum_decision *out)
{
    if (s->status >= ORDER_STATUS_DELIVERED) {
        return FACTUM_NOOP;
    }
    if (s->status != ORDER_STATUS_SHIPPED) {
        return factum_reject(out, "order.not_shipped", "the order is %s",
                             order_status_name(s->status));
    }
    order_event e = {.type = ORDER_DELIVERED};
    e.delivered.was_signed = c->was_signed;
    return order_emit(out, &e);
}

/* What was paid is given back, in the same commit. */
static factum_verdict cancel(const order_state *s, const order_command *c, factum_decision *out)
{
    if (s->status >= ORDER_STATUS_SHIPPED) {
        return factum_reject(out, "order.shipped", "the order is %s: it can be returned",
                             order_status_name(s->status));
    }
    order_event cancelled = {.type = ORDER_CANCELLED};
    cancelled.cancelled.reason = c->reason;
    factum_verdict verdict = order_emit(out, &cancelled);
    if (s->paid_cents > 0) {
        order_event refunded = {.type = ORDER_PAYMENT_REFUNDED};
        refunded.payment_refunded.amount_cents = s->paid_cents;
        verdict = order_emit(out, &refunded);
    }
    return verdict;
}

static factum_verdict order_decide(const order_state *s, const order_command *c,
                                   factum_decision *out)
{
    if (c->type == ORDER_PLACE) {
        return place(s, c, out);
    }
    if (s->status == ORDER_STATUS_UNKNOWN) {
        return factum_reject(out, "order.unknown", "there is no such order");
    }
    if (s->status == ORDER_STATUS_CANCELLED) {
        return c->type == ORDER_CANCEL
                   ? FACTUM_NOOP
                   : factum_reject(out, "order.cancelled", "the order is cancelled");
    }
    switch (c->type) {
    case ORDER_PAY:
        return pay(s, c, out);
    case ORDER_SHIP:
        return ship(s, c, out);
    case ORDER_DELIVER:
        return deliver(s, c, out);
    case ORDER_CANCEL:
        return cancel(s, c, out);
    case ORDER_PLACE:
        break;
    }
    return factum_reject(out, "order.bad_command", "type %d", (int)c->type);
}

/* ---- what a command asks for, for its hash --------------------------------------------------- */

static void order_command_print(const order_command *c, factum_json_writer *to)
{
    factum_json_put_object(to);
    factum_json_put_member_int64(to, "type", (int64_t)c->type);
    order_gen_print_text(to, "customerId", c->customer_id);
    order_gen_print_lines(to, c->lines, c->line_count);
    factum_json_put_member_int64(to, "totalCents", c->total_cents);
    order_gen_print_text(to, "paymentId", c->payment_id);
    order_gen_print_text(to, "method", c->method);
    factum_json_put_member_int64(to, "amountCents", c->amount_cents);
    order_gen_print_text(to, "carrier", c->carrier);
    order_gen_print_text(to, "parcel", c->parcel);
    factum_json_put_member_int64(to, "signed", c->was_signed);
    order_gen_print_text(to, "reason", c->reason);
    factum_json_put_end(to);
}

FACTUM_DECIDER(order, 1);
