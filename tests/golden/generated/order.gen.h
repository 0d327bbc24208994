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

typedef enum order_cancelled_reason_value {
    ORDER_CANCELLED_REASON_UNKNOWN, /* a text that the schema did not name */
    ORDER_CANCELLED_REASON_CUSTOMER, /* "customer" */
    ORDER_CANCELLED_REASON_STOCK, /* "stock" */
    ORDER_CANCELLED_REASON_PAYMENT /* "payment" */
} order_cancelled_reason_value;

typedef struct order_cancelled_reason {
    order_cancelled_reason_value value;
    factum_slice text; /* as in the event; printed only if |value| is unknown */
} order_cancelled_reason;

/* The order will not be delivered */
typedef struct order_cancelled {
    factum_slice orderId;
    order_cancelled_reason reason;
    bool has_by;
    factum_slice by;
} order_cancelled;

/* The customer has the parcel */
typedef struct order_delivered {
    factum_slice orderId;
    factum_slice deliveredAt; /* RFC 3339: factum_time_parse */
    bool has_signedBy;
    factum_slice signedBy;
} order_delivered;

/* What was ordered, and how often */
typedef struct order_line {
    factum_slice sku;
    int64_t qty;
    bool has_cents;
    int64_t cents; /* Price of one */
} order_line;

typedef struct order_line_list {
    const order_line *items;
    size_t count;
} order_line_list;

typedef enum order_placed_currency_value {
    ORDER_PLACED_CURRENCY_UNKNOWN, /* a text that the schema did not name */
    ORDER_PLACED_CURRENCY_EUR, /* "EUR" */
    ORDER_PLACED_CURRENCY_USD, /* "USD" */
    ORDER_PLACED_CURRENCY_GBP /* "GBP" */
} order_placed_currency_value;

typedef struct order_placed_currency {
    order_placed_currency_value value;
    factum_slice text; /* as in the event; printed only if |value| is unknown */
} order_placed_currency;

typedef struct order_address {
    factum_slice street;
    factum_slice city;
    bool has_postcode;
    factum_slice postcode;
    factum_slice country;
} order_address;

/* A customer has placed an order */
typedef struct order_placed {
    factum_slice orderId;
    factum_slice customerId;
    order_line_list lines;
    int64_t totalCents; /* Sum of the lines, with tax */
    bool has_currency;
    order_placed_currency currency;
    bool has_shipTo;
    order_address shipTo;
    bool has_note;
    bool note_is_null;
    factum_slice note;
} order_placed;

typedef struct order_shipped_labels_entry {
    factum_slice name;
    factum_slice value;
} order_shipped_labels_entry;

typedef struct order_shipped_labels {
    const order_shipped_labels_entry *items;
    size_t count;
} order_shipped_labels;

/* A carrier has the parcel */
typedef struct order_shipped {
    factum_slice orderId;
    factum_slice carrier;
    factum_slice trackingNo;
    bool has_weightKg;
    factum_slice weightKg; /* a number as it stands */
    bool has_labels;
    order_shipped_labels labels;
} order_shipped;

typedef struct order_method_card {
    /* kind is "card" */
    factum_slice last4;
} order_method_card;

typedef struct order_method_transfer {
    /* kind is "transfer" */
    factum_slice iban;
} order_method_transfer;

typedef enum order_method_variant {
    ORDER_METHOD_UNKNOWN, /* a variant that the schema did not name */
    ORDER_METHOD_CARD, /* "card" */
    ORDER_METHOD_TRANSFER /* "transfer" */
} order_method_variant;

/* How it was paid */
typedef struct order_method {
    order_method_variant variant; /* told by "kind" */
    union {
        factum_slice unknown; /* JSON as it stands */
        order_method_card card;
        order_method_transfer transfer;
    } as;
} order_method;

/* Money for an order has arrived */
typedef struct order_payment_received {
    factum_slice orderId;
    factum_slice paymentId;
    int64_t amountCents;
    bool has_method;
    order_method method;
} order_payment_received;

typedef enum order_event_type {
    ORDER_CANCELLED = 1, /* OrderCancelled */
    ORDER_DELIVERED, /* OrderDelivered */
    ORDER_PLACED, /* OrderPlaced */
    ORDER_SHIPPED, /* OrderShipped */
    ORDER_PAYMENT_RECEIVED /* PaymentReceived */
} order_event_type;

/* One event of the category. */
typedef struct order_event {
    order_event_type type;
    union {
        order_cancelled cancelled;
        order_delivered delivered;
        order_placed placed;
        order_shipped shipped;
        order_payment_received payment_received;
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
