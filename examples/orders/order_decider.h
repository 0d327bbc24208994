/* order_decider.h - what may happen to an order: its commands, its state, its rules. Layer:
 * example, public API only.
 *
 *     place -> pay (possibly in parts) -> ship -> deliver;   cancel, until it is shipped
 *
 * The events are in order.gen.h, which factum schema generate has generated. The rules are only in
 * order_decide (order_decider.c).
 */
#ifndef EXAMPLES_ORDERS_ORDER_DECIDER_H
#define EXAMPLES_ORDERS_ORDER_DECIDER_H

#include <factum/decider.h>

#include "order.gen.h"

enum order_status {
    ORDER_STATUS_UNKNOWN = 0, /* nothing has happened yet */
    ORDER_STATUS_PLACED,
    ORDER_STATUS_PAYMENT_FAILED,
    ORDER_STATUS_PARTLY_PAID,
    ORDER_STATUS_PAID,
    ORDER_STATUS_SHIPPED,
    ORDER_STATUS_DELIVERED,
    ORDER_STATUS_RETURNED,
    ORDER_STATUS_REFUNDED,
    ORDER_STATUS_CANCELLED,
    ORDER_STATUS_COUNT
};

/* "placed", "partly paid", ...; static. */
const char *order_status_name(enum order_status status);

/* A payment that was received; the newest is first. */
typedef struct order_payment {
    factum_slice id;
    const struct order_payment *earlier;
} order_payment;

/* Zeroed is the state before the first event. Texts and payments are in the fold's arena. */
typedef struct order_state {
    enum order_status status;
    int64_t total_cents;
    int64_t paid_cents;
    int64_t returned_cents;
    int64_t refunded_cents;
    uint64_t failed_payments;
    factum_slice customer_id;
    const order_payment *payments;
} order_state;

typedef enum order_command_type {
    ORDER_PLACE,
    ORDER_PAY,
    ORDER_SHIP,
    ORDER_DELIVER,
    ORDER_CANCEL
} order_command_type;

typedef struct order_command {
    order_command_type type;
    factum_slice customer_id; /* PLACE */
    const order_line *lines;  /* PLACE */
    size_t line_count;
    int64_t total_cents;     /* PLACE */
    factum_slice payment_id; /* PAY */
    factum_slice method;     /* PAY */
    int64_t amount_cents;    /* PAY */
    factum_slice carrier;    /* SHIP */
    factum_slice parcel;     /* SHIP */
    bool was_signed;         /* DELIVER */
    factum_slice reason;     /* CANCEL */
} order_command;

FACTUM_DECIDER_DECLARE(order, order_state, order_command, order_event);

#endif
