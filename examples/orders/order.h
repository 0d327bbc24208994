/* order.h - an order as it is shown, now or in the past: the worked example. Layer: example, public
 * API only.
 *
 * An order is never stored. Its events are stored, one stream for each order; its state is computed
 * from them, now or as of any moment in the past.
 *
 *     OrderPlaced -> PaymentReceived -> OrderShipped -> OrderDelivered
 *
 * and failures: PaymentFailed, OrderCancelled, OrderReturned, PaymentRefunded. The three events of
 * the rental example (RentalOrdered, RentalPaid, RentalReturned) are read as steps of the same
 * kind. */
#ifndef EXAMPLES_ORDERS_ORDER_H
#define EXAMPLES_ORDERS_ORDER_H

#include <factum/factum.h>

#include "order_decider.h"

/* The decider's state, and revision and times from its events. Zeroed is an order without
 * events. */
struct order {
    order_state state; /* its customer_id and payments are empty: they are in the fold */
    uint64_t event_count;
    uint64_t revision; /* of the last event; the expected revision of an append */
    int64_t placed;    /* times, ns */
    int64_t changed;
    char customer[64]; /* "" if the events do not name one */
};

/* A moment in the past; zeroed is now. */
struct order_moment {
    bool revision_set;
    bool time_set;
    uint64_t revision; /* up to this one, inclusive */
    int64_t time;      /* events that had happened by then, inclusive */
};

/* Reads "--revision N" or "--at TIME" into *moment; false if it is neither, or the value is
 * invalid. */
bool order_moment_option(struct order_moment *moment, const char *option, const char *value);

/* Opens a cursor on the events of |stream| up to |moment|. */
FACTUM_MUST_USE factum_status order_read(factum_store *store, factum_slice stream,
                                         const struct order_moment *moment, factum_cursor **cursor,
                                         factum_error *err);

/* The state of |stream| as of |moment|: reads and folds. STREAM_NOT_FOUND. */
FACTUM_MUST_USE factum_status order_load(factum_store *store, factum_slice stream,
                                         const struct order_moment *moment, struct order *order,
                                         factum_error *err);

/* The same, and calls |each| with every event before it is folded. */
FACTUM_MUST_USE factum_status order_load_each(factum_store *store, factum_slice stream,
                                              const struct order_moment *moment,
                                              struct order *order,
                                              void (*each)(const factum_event *event),
                                              factum_error *err);

/* One line: when, which revision, what. */
void order_print_event(const factum_event *event);
/* The state, one fact a line. */
void order_print(const struct order *order);

#endif
