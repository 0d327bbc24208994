/* Written by factum schema generate: change the schemas instead. */
/* order.gen.h - the events of category order, as C types. */
#ifndef ORDER_GEN_H
#define ORDER_GEN_H

#include <factum/typed.h>

/* A switch over the types without a default has to name them all. */
#if defined(__GNUC__)
#pragma GCC diagnostic error "-Wswitch"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The order will not be delivered */
typedef struct order_cancelled {
    factum_slice reason;
} order_cancelled;

/* The customer has the parcel */
typedef struct order_delivered {
    bool has_signed_;
    bool signed_; /* "signed" in JSON */
} order_delivered;

/* What was ordered, and how often */
typedef struct order_line {
    factum_slice product;
    int64_t unitPriceCents;
    int64_t quantity;
} order_line;

typedef struct order_line_list {
    const order_line *items;
    size_t count;
} order_line_list;

/* A customer has placed an order */
typedef struct order_placed {
    factum_slice customerId;
    order_line_list lines;
    int64_t totalCents; /* Sum of the lines */
} order_placed;

/* Goods have come back, all of them or a part */
typedef struct order_returned {
    factum_slice reason;
    int64_t amountCents;
} order_returned;

/* A carrier has the parcel */
typedef struct order_shipped {
    bool has_carrier;
    factum_slice carrier;
    bool has_parcel;
    factum_slice parcel; /* Number by which the carrier knows it */
} order_shipped;

/* A payment was refused */
typedef struct order_payment_failed {
    factum_slice reason;
    bool has_amountCents;
    int64_t amountCents;
} order_payment_failed;

/* Money for an order has arrived, all of it or a part */
typedef struct order_payment_received {
    factum_slice paymentId;
    bool has_method;
    factum_slice method;
    int64_t amountCents;
} order_payment_received;

/* Money was given back */
typedef struct order_payment_refunded {
    int64_t amountCents;
} order_payment_refunded;

/* A customer takes something for some days */
typedef struct order_rental_ordered {
    int64_t customerId;
} order_rental_ordered;

/* Money for a rental has arrived */
typedef struct order_rental_paid {
    int64_t amountCents;
} order_rental_paid;

/* What was rented is back */
typedef struct order_rental_returned {
    bool has_rentalId;
    int64_t rentalId;
} order_rental_returned;

typedef enum order_event_type {
    ORDER_CANCELLED = 1, /* OrderCancelled */
    ORDER_DELIVERED, /* OrderDelivered */
    ORDER_PLACED, /* OrderPlaced */
    ORDER_RETURNED, /* OrderReturned */
    ORDER_SHIPPED, /* OrderShipped */
    ORDER_PAYMENT_FAILED, /* PaymentFailed */
    ORDER_PAYMENT_RECEIVED, /* PaymentReceived */
    ORDER_PAYMENT_REFUNDED, /* PaymentRefunded */
    ORDER_RENTAL_ORDERED, /* RentalOrdered */
    ORDER_RENTAL_PAID, /* RentalPaid */
    ORDER_RENTAL_RETURNED /* RentalReturned */
} order_event_type;

/* One event of the category. */
typedef struct order_event {
    order_event_type type;
    union {
        order_cancelled cancelled;
        order_delivered delivered;
        order_placed placed;
        order_returned returned;
        order_shipped shipped;
        order_payment_failed payment_failed;
        order_payment_received payment_received;
        order_payment_refunded payment_refunded;
        order_rental_ordered rental_ordered;
        order_rental_paid rental_paid;
        order_rental_returned rental_returned;
    } as;
} order_event;

/* The data of an event of |type|. Its texts are slices of data->text or lie in |arena|, as do
 * lists: *event lasts as long as both. NOT_FOUND: no such type in this file. INVALID: the data
 * does not fit; the text of |err| begins with its place, a JSON pointer. TOO_BIG: the arena's
 * maximum. NO_MEMORY. After a failure event->type is 0. */
factum_status order_event_parse(factum_slice type, const factum_json *data,
    factum_arena *arena, order_event *event, factum_error *err);

/* Prints the data of the event and returns the name of its type;
 * factum_json_writer_finish says whether it could. As factum_decider.print. */
factum_slice order_event_print(const order_event *event, factum_json_writer *to);

/* The name of the type in the store, static; empty if it is no type. */
factum_slice order_event_type_name(order_event_type type);

/* The type with that name; 0 if no type has it. */
order_event_type order_event_type_of(factum_slice name);

#ifdef __cplusplus
}
#endif
#endif
