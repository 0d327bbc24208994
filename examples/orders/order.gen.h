/* order.gen.h - the events of an order as C types, and between them and JSON. Layer: example,
 * public API only.
 *
 * Written in the form of generated code: a tagged union, texts as slices, lists as pointer and
 * count. Change the events' description and not this file, once it is generated.
 */
#ifndef EXAMPLES_ORDERS_ORDER_GEN_H
#define EXAMPLES_ORDERS_ORDER_GEN_H

#include <string.h>

#include <factum/decider.h>
#include <factum/json.h>

typedef struct order_line {
    factum_slice product;
    int64_t unit_price_cents;
    int64_t quantity;
} order_line;

typedef struct order_placed {
    factum_slice customer_id; /* may be missing */
    const order_line *lines;
    size_t line_count;
    int64_t total_cents;
} order_placed;

typedef struct order_payment_received {
    factum_slice payment_id; /* may be missing */
    factum_slice method;     /* may be missing */
    int64_t amount_cents;
} order_payment_received;

typedef struct order_payment_failed {
    factum_slice reason; /* may be missing */
} order_payment_failed;

typedef struct order_shipped {
    factum_slice carrier; /* may be missing */
    factum_slice parcel;  /* may be missing */
} order_shipped;

typedef struct order_delivered {
    bool was_signed; /* false if it is missing */
} order_delivered;

typedef struct order_returned {
    factum_slice reason; /* may be missing */
    int64_t amount_cents;
} order_returned;

typedef struct order_payment_refunded {
    int64_t amount_cents;
} order_payment_refunded;

typedef struct order_cancelled {
    factum_slice reason; /* may be missing */
} order_cancelled;

typedef struct order_rental_ordered {
    factum_slice customer_id; /* may be missing */
} order_rental_ordered;

typedef struct order_rental_paid {
    int64_t amount_cents;
} order_rental_paid;

typedef enum order_event_type {
    ORDER_PLACED,
    ORDER_PAYMENT_RECEIVED,
    ORDER_PAYMENT_FAILED,
    ORDER_SHIPPED,
    ORDER_DELIVERED,
    ORDER_RETURNED,
    ORDER_PAYMENT_REFUNDED,
    ORDER_CANCELLED,
    ORDER_RENTAL_ORDERED,
    ORDER_RENTAL_PAID,
    ORDER_RENTAL_RETURNED,
    ORDER_EVENT_TYPES
} order_event_type;

typedef struct order_event {
    order_event_type type;
    union {
        order_placed placed;
        order_payment_received payment_received;
        order_payment_failed payment_failed;
        order_shipped shipped;
        order_delivered delivered;
        order_returned returned;
        order_payment_refunded payment_refunded;
        order_cancelled cancelled;
        order_rental_ordered rental_ordered;
        order_rental_paid rental_paid;
    };
} order_event;

static const char *const order_event_type_names[ORDER_EVENT_TYPES] = {
    "OrderPlaced",    "PaymentReceived", "PaymentFailed",   "OrderShipped",
    "OrderDelivered", "OrderReturned",   "PaymentRefunded", "OrderCancelled",
    "RentalOrdered",  "RentalPaid",      "RentalReturned",
};

/* ---- reading --------------------------------------------------------------------------------- */

static inline factum_status order_gen_invalid(const char *name, const char *what, factum_error *err)
{
    err->status = FACTUM_INVALID;
    err->os_error = 0;
    size_t used = 0;
    const char *const parts[] = {"\"", name, "\" ", what};
    for (size_t i = 0; i < 4; i++) {
        for (const char *c = parts[i]; *c != '\0' && used + 1 < sizeof err->text; c++) {
            err->text[used++] = *c;
        }
    }
    err->text[used] = '\0';
    return FACTUM_INVALID;
}

/* A text, or a number as it stands there; empty if the member is missing or null. */
static inline factum_status order_gen_text(const factum_json *json, uint32_t object,
                                           const char *name, factum_arena *arena,
                                           factum_slice *text, factum_error *err)
{
    uint32_t value = factum_json_find(json, object, factum_slice_from(name));
    if (value == FACTUM_JSON_NONE || factum_json_kind_of(json, value) == FACTUM_JSON_NULL) {
        return FACTUM_OK;
    }
    if (factum_json_kind_of(json, value) == FACTUM_JSON_NUMBER) {
        *text = factum_json_raw(json, value);
        return FACTUM_OK;
    }
    if (factum_json_kind_of(json, value) != FACTUM_JSON_TEXT) {
        return order_gen_invalid(name, "is not a text", err);
    }
    *text = factum_json_inside(json, value);
    if (factum_json_is_escaped(json, value)) {
        char *plain = (char *)factum_arena_alloc(arena, text->len);
        size_t len = 0;
        if (plain == NULL ||
            factum_json_unescape(json, value, plain, text->len, &len) != FACTUM_OK) {
            return order_gen_invalid(name, "cannot be unescaped", err);
        }
        text->ptr = (const uint8_t *)plain;
        text->len = len;
    }
    return FACTUM_OK;
}

static inline factum_status order_gen_int64(const factum_json *json, uint32_t object,
                                            const char *name, int64_t *number, factum_error *err)
{
    uint32_t value = factum_json_find(json, object, factum_slice_from(name));
    if (value == FACTUM_JSON_NONE) {
        return order_gen_invalid(name, "is missing", err);
    }
    return factum_json_to_int64(json, value, number) == FACTUM_OK
               ? FACTUM_OK
               : order_gen_invalid(name, "is not a whole number", err);
}

static inline factum_status order_gen_bool(const factum_json *json, uint32_t object,
                                           const char *name, bool *value, factum_error *err)
{
    uint32_t found = factum_json_find(json, object, factum_slice_from(name));
    if (found == FACTUM_JSON_NONE) {
        return FACTUM_OK;
    }
    factum_json_kind kind = factum_json_kind_of(json, found);
    *value = kind == FACTUM_JSON_TRUE;
    return kind == FACTUM_JSON_TRUE || kind == FACTUM_JSON_FALSE
               ? FACTUM_OK
               : order_gen_invalid(name, "is neither true nor false", err);
}

static inline factum_status order_gen_lines(const factum_json *json, uint32_t object,
                                            factum_arena *arena, order_placed *placed,
                                            factum_error *err)
{
    uint32_t array = factum_json_find(json, object, factum_slice_from("lines"));
    if (array == FACTUM_JSON_NONE) {
        return FACTUM_OK;
    }
    size_t count = factum_json_count(json, array);
    order_line *lines = (order_line *)factum_arena_alloc(arena, count * sizeof *lines);
    factum_status status = FACTUM_OK;
    size_t i = 0;
    if (factum_json_kind_of(json, array) != FACTUM_JSON_ARRAY) {
        return order_gen_invalid("lines", "is not an array", err);
    }
    for (uint32_t at = factum_json_first(json, array);
         lines != NULL && status == FACTUM_OK && at != FACTUM_JSON_NONE;
         at = factum_json_next(json, array, at), i++) {
        status = order_gen_text(json, at, "product", arena, &lines[i].product, err);
        if (status == FACTUM_OK) {
            status = order_gen_int64(json, at, "unitPriceCents", &lines[i].unit_price_cents, err);
        }
        if (status == FACTUM_OK) {
            status = order_gen_int64(json, at, "quantity", &lines[i].quantity, err);
        }
    }
    placed->lines = lines;
    placed->line_count = lines == NULL ? 0 : count;
    return status;
}

static inline factum_status order_gen_members(const factum_json *json, factum_arena *arena,
                                              order_event *event, factum_error *err)
{
    const uint32_t data = FACTUM_JSON_ROOT;
    factum_status status = FACTUM_OK;
    switch (event->type) {
    case ORDER_PLACED:
        status = order_gen_text(json, data, "customerId", arena, &event->placed.customer_id, err);
        if (status == FACTUM_OK) {
            status = order_gen_lines(json, data, arena, &event->placed, err);
        }
        return status == FACTUM_OK
                   ? order_gen_int64(json, data, "totalCents", &event->placed.total_cents, err)
                   : status;
    case ORDER_PAYMENT_RECEIVED:
        status = order_gen_text(json, data, "paymentId", arena, &event->payment_received.payment_id,
                                err);
        if (status == FACTUM_OK) {
            status =
                order_gen_text(json, data, "method", arena, &event->payment_received.method, err);
        }
        return status == FACTUM_OK ? order_gen_int64(json, data, "amountCents",
                                                     &event->payment_received.amount_cents, err)
                                   : status;
    case ORDER_PAYMENT_FAILED:
        return order_gen_text(json, data, "reason", arena, &event->payment_failed.reason, err);
    case ORDER_SHIPPED:
        status = order_gen_text(json, data, "carrier", arena, &event->shipped.carrier, err);
        return status == FACTUM_OK
                   ? order_gen_text(json, data, "parcel", arena, &event->shipped.parcel, err)
                   : status;
    case ORDER_DELIVERED:
        return order_gen_bool(json, data, "signed", &event->delivered.was_signed, err);
    case ORDER_RETURNED:
        status = order_gen_text(json, data, "reason", arena, &event->returned.reason, err);
        return status == FACTUM_OK
                   ? order_gen_int64(json, data, "amountCents", &event->returned.amount_cents, err)
                   : status;
    case ORDER_PAYMENT_REFUNDED:
        return order_gen_int64(json, data, "amountCents", &event->payment_refunded.amount_cents,
                               err);
    case ORDER_CANCELLED:
        return order_gen_text(json, data, "reason", arena, &event->cancelled.reason, err);
    case ORDER_RENTAL_ORDERED:
        return order_gen_text(json, data, "customerId", arena, &event->rental_ordered.customer_id,
                              err);
    case ORDER_RENTAL_PAID:
        return order_gen_int64(json, data, "amountCents", &event->rental_paid.amount_cents, err);
    case ORDER_RENTAL_RETURNED:
    case ORDER_EVENT_TYPES:
        break;
    }
    return status;
}

/* See factum_decider.parse. */
static inline factum_status order_event_parse(factum_slice type, factum_slice data,
                                              factum_arena *arena, order_event *event,
                                              factum_error *err)
{
    factum_json_node few[128];
    factum_json json;
    int known = 0;
    while (known < (int)ORDER_EVENT_TYPES &&
           (strlen(order_event_type_names[known]) != type.len ||
            memcmp(order_event_type_names[known], type.ptr, type.len) != 0)) {
        known++;
    }
    if (known == (int)ORDER_EVENT_TYPES) {
        return FACTUM_NOT_FOUND;
    }
    event->type = (order_event_type)known;
    factum_status status =
        factum_json_parse(data, NULL, few, sizeof few / sizeof few[0], &json, err);
    if (status == FACTUM_TOO_BIG) {
        size_t capacity = factum_json_nodes_max(data.len);
        factum_json_node *nodes =
            (factum_json_node *)factum_arena_alloc(arena, capacity * sizeof *nodes);
        if (nodes == NULL) {
            return FACTUM_NO_MEMORY;
        }
        status = factum_json_parse(data, NULL, nodes, capacity, &json, err);
    }
    return status == FACTUM_OK ? order_gen_members(&json, arena, event, err) : status;
}

/* ---- printing -------------------------------------------------------------------------------- */

/* Left out if it is empty. */
static inline void order_gen_print_text(factum_json_writer *to, const char *name, factum_slice text)
{
    if (text.len > 0) {
        factum_json_put_member_text(to, name, text);
    }
}

/* Left out if there are none. */
static inline void order_gen_print_lines(factum_json_writer *to, const order_line *lines,
                                         size_t count)
{
    if (count == 0) {
        return;
    }
    factum_json_put_member(to, "lines");
    factum_json_put_array(to);
    for (size_t i = 0; i < count; i++) {
        factum_json_put_object(to);
        order_gen_print_text(to, "product", lines[i].product);
        factum_json_put_member_int64(to, "unitPriceCents", lines[i].unit_price_cents);
        factum_json_put_member_int64(to, "quantity", lines[i].quantity);
        factum_json_put_end(to);
    }
    factum_json_put_end(to);
}

/* See factum_decider.print. */
static inline factum_slice order_event_print(const order_event *event, factum_json_writer *to)
{
    factum_json_put_object(to);
    switch (event->type) {
    case ORDER_PLACED:
        order_gen_print_text(to, "customerId", event->placed.customer_id);
        order_gen_print_lines(to, event->placed.lines, event->placed.line_count);
        factum_json_put_member_int64(to, "totalCents", event->placed.total_cents);
        break;
    case ORDER_PAYMENT_RECEIVED:
        order_gen_print_text(to, "paymentId", event->payment_received.payment_id);
        order_gen_print_text(to, "method", event->payment_received.method);
        factum_json_put_member_int64(to, "amountCents", event->payment_received.amount_cents);
        break;
    case ORDER_PAYMENT_FAILED:
        order_gen_print_text(to, "reason", event->payment_failed.reason);
        break;
    case ORDER_SHIPPED:
        order_gen_print_text(to, "carrier", event->shipped.carrier);
        order_gen_print_text(to, "parcel", event->shipped.parcel);
        break;
    case ORDER_DELIVERED:
        factum_json_put_member_bool(to, "signed", event->delivered.was_signed);
        break;
    case ORDER_RETURNED:
        order_gen_print_text(to, "reason", event->returned.reason);
        factum_json_put_member_int64(to, "amountCents", event->returned.amount_cents);
        break;
    case ORDER_PAYMENT_REFUNDED:
        factum_json_put_member_int64(to, "amountCents", event->payment_refunded.amount_cents);
        break;
    case ORDER_CANCELLED:
        order_gen_print_text(to, "reason", event->cancelled.reason);
        break;
    case ORDER_RENTAL_ORDERED:
        order_gen_print_text(to, "customerId", event->rental_ordered.customer_id);
        break;
    case ORDER_RENTAL_PAID:
        factum_json_put_member_int64(to, "amountCents", event->rental_paid.amount_cents);
        break;
    case ORDER_RENTAL_RETURNED:
    case ORDER_EVENT_TYPES:
        break;
    }
    factum_json_put_end(to);
    return factum_slice_from(order_event_type_names[event->type]);
}

static inline factum_verdict order_emit(factum_decision *out, const order_event *event)
{
    return factum_emit(out, event);
}

#endif
