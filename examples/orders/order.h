/* order.h - an order as a fold of its events: the worked example. Layer: example, public API only.
 *
 * An order is never stored. What is stored is what happened to it, one stream an order; its state
 * is computed from those events, now or as of any moment in the past.
 *
 *     OrderPlaced -> PaymentReceived -> OrderShipped -> OrderDelivered
 *
 * and what goes wrong: PaymentFailed, OrderCancelled, OrderReturned, PaymentRefunded. The three
 * events of the rental example (RentalOrdered, RentalPaid, RentalReturned) are read as steps of the
 * same life.
 */
#ifndef EXAMPLES_ORDERS_ORDER_H
#define EXAMPLES_ORDERS_ORDER_H

#include <factum/factum.h>

enum order_status {
    ORDER_UNKNOWN = 0, /* nothing has happened yet */
    ORDER_PLACED,
    ORDER_PAYMENT_FAILED,
    ORDER_PARTLY_PAID,
    ORDER_PAID,
    ORDER_SHIPPED,
    ORDER_DELIVERED,
    ORDER_RETURNED,
    ORDER_REFUNDED,
    ORDER_CANCELLED,
    ORDER_STATUS_COUNT
};

/* "placed", "partly paid", ...; static. */
const char *order_status_name(enum order_status status);

/* The state. Zeroed is the state before the first event. */
struct order {
    enum order_status status;
    int64_t total_cents;
    int64_t paid_cents;
    int64_t returned_cents;
    int64_t refunded_cents;
    uint64_t failed_payments;
    uint64_t event_count;
    uint64_t revision; /* of the last event; with an append it says "nothing happened since" */
    int64_t placed;    /* times, ns */
    int64_t changed;
    char customer[64]; /* "" if the events do not name one */
};

/* The fold: |order| after |event|. Event types that are not known change nothing but the revision.
 * INVALID if an amount is missing or no whole number. */
FACTUM_MUST_USE factum_status order_evolve(struct order *order, const factum_event *event,
                                           factum_error *err);

/* A moment in the past; zeroed is now. */
struct order_moment {
    bool revision_set;
    bool time_set;
    uint64_t revision; /* up to this one, inclusive */
    int64_t time;      /* what had happened by then, inclusive */
};

/* Understands "--revision N" and "--at TIME"; false if it is neither, or the value makes no sense.
 * */
bool order_moment_option(struct order_moment *moment, const char *option, const char *value);

/* Opens a cursor on the events of |stream| up to |moment|. */
FACTUM_MUST_USE factum_status order_read(factum_store *store, factum_slice stream,
                                         const struct order_moment *moment, factum_cursor **cursor,
                                         factum_error *err);

/* The state of |stream| as of |moment|: reads and folds. STREAM_NOT_FOUND. */
FACTUM_MUST_USE factum_status order_load(factum_store *store, factum_slice stream,
                                         const struct order_moment *moment, struct order *order,
                                         factum_error *err);

/* One line: when, which revision, what. */
void order_print_event(const factum_event *event);
/* The state, one fact a line. */
void order_print(const struct order *order);

#endif
