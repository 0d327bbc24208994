/* order_decider.c - how events change an order, and which events follow from a command. Layer:
 * example, public API only.
 *
 * Pure functions: no store, no clock, no memory except the arena's. The fold never fails on events
 * in an unexpected order: events are facts, and it describes them. order_decide determines what may
 * happen. */
#include "order_decider.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

/* The customers of rentals have numbers. */
static factum_slice number_text(int64_t number, factum_arena *arena)
{
    char digits[24];
    (void)snprintf(digits, sizeof digits, "%" PRId64, number);
    return factum_arena_copy(arena, factum_slice_from(digits));
}

static void order_evolve(order_state *s, const order_event *e, factum_arena *arena)
{
    /* No default: an event type that is added and not handled here breaks the build. */
    switch (e->type) {
    case ORDER_PLACED:
        s->status = ORDER_STATUS_PLACED;
        s->total_cents = e->as.placed.totalCents;
        s->customer_id = factum_arena_copy(arena, e->as.placed.customerId);
        break;
    case ORDER_PAYMENT_RECEIVED:
        add_payment(s, e->as.payment_received.paymentId, e->as.payment_received.amountCents, arena);
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
        s->returned_cents += e->as.returned.amountCents;
        s->status = ORDER_STATUS_RETURNED;
        break;
    case ORDER_PAYMENT_REFUNDED:
        s->refunded_cents += e->as.payment_refunded.amountCents;
        if (s->status != ORDER_STATUS_CANCELLED) {
            s->status = ORDER_STATUS_REFUNDED;
        }
        break;
    case ORDER_CANCELLED:
        s->status = ORDER_STATUS_CANCELLED;
        break;
    case ORDER_RENTAL_ORDERED:
        s->status = ORDER_STATUS_PLACED;
        s->customer_id = number_text(e->as.rental_ordered.customerId, arena);
        break;
    case ORDER_RENTAL_PAID:
        add_payment(s, (factum_slice){NULL, 0}, e->as.rental_paid.amountCents, arena);
        break;
    case ORDER_RENTAL_RETURNED:
        s->status = ORDER_STATUS_RETURNED;
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
    e.as.placed.customerId = c->customer_id;
    e.as.placed.lines = (order_line_list){c->lines, c->line_count};
    e.as.placed.totalCents = c->total_cents;
    return factum_emit(out, &e);
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

/* Payments may come in parts. A payment that was received before changes nothing; more than the
 * order costs is refused. */
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
    e.as.payment_received.paymentId = c->payment_id;
    e.as.payment_received.has_method = c->method.len > 0;
    e.as.payment_received.method = c->method;
    e.as.payment_received.amountCents = c->amount_cents;
    return factum_emit(out, &e);
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
    e.as.shipped.has_carrier = c->carrier.len > 0;
    e.as.shipped.carrier = c->carrier;
    e.as.shipped.has_parcel = c->parcel.len > 0;
    e.as.shipped.parcel = c->parcel;
    return factum_emit(out, &e);
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
    e.as.delivered.has_signed_ = true;
    e.as.delivered.signed_ = c->was_signed;
    return factum_emit(out, &e);
}

/* Payments are refunded in the same commit. */
static factum_verdict cancel(const order_state *s, const order_command *c, factum_decision *out)
{
    if (s->status >= ORDER_STATUS_SHIPPED) {
        return factum_reject(out, "order.shipped", "the order is %s: it can be returned",
                             order_status_name(s->status));
    }
    order_event cancelled = {.type = ORDER_CANCELLED};
    cancelled.as.cancelled.reason = c->reason;
    factum_verdict verdict = factum_emit(out, &cancelled);
    if (s->paid_cents > 0) {
        order_event refunded = {.type = ORDER_PAYMENT_REFUNDED};
        refunded.as.payment_refunded.amountCents = s->paid_cents;
        verdict = factum_emit(out, &refunded);
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

static void print_lines(const order_command *c, factum_json_writer *to)
{
    factum_json_put_member(to, "lines");
    factum_json_put_array(to);
    for (size_t i = 0; i < c->line_count; i++) {
        factum_json_put_object(to);
        factum_json_put_member_text(to, "product", c->lines[i].product);
        factum_json_put_member_int64(to, "unitPriceCents", c->lines[i].unitPriceCents);
        factum_json_put_member_int64(to, "quantity", c->lines[i].quantity);
        factum_json_put_end(to);
    }
    factum_json_put_end(to);
}

static void order_command_print(const order_command *c, factum_json_writer *to)
{
    factum_json_put_object(to);
    factum_json_put_member_int64(to, "type", (int64_t)c->type);
    factum_json_put_member_text(to, "customerId", c->customer_id);
    print_lines(c, to);
    factum_json_put_member_int64(to, "totalCents", c->total_cents);
    factum_json_put_member_text(to, "paymentId", c->payment_id);
    factum_json_put_member_text(to, "method", c->method);
    factum_json_put_member_int64(to, "amountCents", c->amount_cents);
    factum_json_put_member_text(to, "carrier", c->carrier);
    factum_json_put_member_text(to, "parcel", c->parcel);
    factum_json_put_member_bool(to, "signed", c->was_signed);
    factum_json_put_member_text(to, "reason", c->reason);
    factum_json_put_end(to);
}

FACTUM_DECIDER_GENERATED(order, 1);
