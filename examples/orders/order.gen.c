/* Written by factum schema generate: change the schemas instead. */
/* order.gen.c - see order.gen.h. */
#include "order.gen.h"

#include <string.h>

static void read_order_cancelled(factum_typed_reader *in, uint32_t value, order_cancelled *to)
{
    static const factum_typed_name names[] = {
        {"reason", 6, true},
    };
    factum_typed_object object = factum_typed_members(in, value, names, 1);
    for (int found; (found = factum_typed_next(&object)) != FACTUM_TYPED_END;) {
        switch (found) {
        case 0:
            factum_typed_text(in, object.value, &to->reason);
            break;
        default: /* a member that the schema does not name */
            break;
        }
    }
}

static void print_order_cancelled(factum_json_writer *to, const order_cancelled *from)
{
    factum_json_put_object(to);
    factum_json_put_name(to, "reason", 6);
    factum_json_put_text(to, from->reason);
    factum_json_put_end(to);
}

static void read_order_delivered(factum_typed_reader *in, uint32_t value, order_delivered *to)
{
    static const factum_typed_name names[] = {
        {"signed", 6, false},
    };
    factum_typed_object object = factum_typed_members(in, value, names, 1);
    for (int found; (found = factum_typed_next(&object)) != FACTUM_TYPED_END;) {
        switch (found) {
        case 0:
            to->has_signed_ = true;
            factum_typed_bool(in, object.value, &to->signed_);
            break;
        default: /* a member that the schema does not name */
            break;
        }
    }
}

static void print_order_delivered(factum_json_writer *to, const order_delivered *from)
{
    factum_json_put_object(to);
    if (from->has_signed_) {
        factum_json_put_name(to, "signed", 6);
        factum_json_put_bool(to, from->signed_);
    }
    factum_json_put_end(to);
}

static void read_order_line(factum_typed_reader *in, uint32_t value, order_line *to)
{
    static const factum_typed_name names[] = {
        {"product", 7, true},
        {"unitPriceCents", 14, true},
        {"quantity", 8, true},
    };
    factum_typed_object object = factum_typed_members(in, value, names, 3);
    for (int found; (found = factum_typed_next(&object)) != FACTUM_TYPED_END;) {
        switch (found) {
        case 0:
            factum_typed_text(in, object.value, &to->product);
            break;
        case 1:
            factum_typed_int64(in, object.value, &to->unitPriceCents);
            break;
        case 2:
            factum_typed_int64(in, object.value, &to->quantity);
            break;
        default: /* a member that the schema does not name */
            break;
        }
    }
}

static void print_order_line(factum_json_writer *to, const order_line *from)
{
    factum_json_put_object(to);
    factum_json_put_name(to, "product", 7);
    factum_json_put_text(to, from->product);
    factum_json_put_name(to, "unitPriceCents", 14);
    factum_json_put_int64(to, from->unitPriceCents);
    factum_json_put_name(to, "quantity", 8);
    factum_json_put_int64(to, from->quantity);
    factum_json_put_end(to);
}

static void read_order_line_list(factum_typed_reader *in, uint32_t value, order_line_list *to)
{
    order_line *items = (order_line *)factum_typed_items(in, value, sizeof *items, &to->count);
    uint32_t at = factum_json_first(in->json, value);
    to->items = items;
    for (size_t i = 0; i < to->count; i++) {
        read_order_line(in, at, &items[i]);
        at = factum_json_next(in->json, value, at);
    }
}

static void print_order_line_list(factum_json_writer *to, const order_line_list *from)
{
    factum_json_put_array(to);
    for (size_t i = 0; i < from->count; i++) {
        print_order_line(to, &from->items[i]);
    }
    factum_json_put_end(to);
}

static void read_order_placed(factum_typed_reader *in, uint32_t value, order_placed *to)
{
    static const factum_typed_name names[] = {
        {"customerId", 10, true},
        {"lines", 5, true},
        {"totalCents", 10, true},
    };
    factum_typed_object object = factum_typed_members(in, value, names, 3);
    for (int found; (found = factum_typed_next(&object)) != FACTUM_TYPED_END;) {
        switch (found) {
        case 0:
            factum_typed_text(in, object.value, &to->customerId);
            break;
        case 1:
            read_order_line_list(in, object.value, &to->lines);
            break;
        case 2:
            factum_typed_int64(in, object.value, &to->totalCents);
            break;
        default: /* a member that the schema does not name */
            break;
        }
    }
}

static void print_order_placed(factum_json_writer *to, const order_placed *from)
{
    factum_json_put_object(to);
    factum_json_put_name(to, "customerId", 10);
    factum_json_put_text(to, from->customerId);
    factum_json_put_name(to, "lines", 5);
    print_order_line_list(to, &from->lines);
    factum_json_put_name(to, "totalCents", 10);
    factum_json_put_int64(to, from->totalCents);
    factum_json_put_end(to);
}

static void read_order_returned(factum_typed_reader *in, uint32_t value, order_returned *to)
{
    static const factum_typed_name names[] = {
        {"reason", 6, true},
        {"amountCents", 11, true},
    };
    factum_typed_object object = factum_typed_members(in, value, names, 2);
    for (int found; (found = factum_typed_next(&object)) != FACTUM_TYPED_END;) {
        switch (found) {
        case 0:
            factum_typed_text(in, object.value, &to->reason);
            break;
        case 1:
            factum_typed_int64(in, object.value, &to->amountCents);
            break;
        default: /* a member that the schema does not name */
            break;
        }
    }
}

static void print_order_returned(factum_json_writer *to, const order_returned *from)
{
    factum_json_put_object(to);
    factum_json_put_name(to, "reason", 6);
    factum_json_put_text(to, from->reason);
    factum_json_put_name(to, "amountCents", 11);
    factum_json_put_int64(to, from->amountCents);
    factum_json_put_end(to);
}

static void read_order_shipped(factum_typed_reader *in, uint32_t value, order_shipped *to)
{
    static const factum_typed_name names[] = {
        {"carrier", 7, false},
        {"parcel", 6, false},
    };
    factum_typed_object object = factum_typed_members(in, value, names, 2);
    for (int found; (found = factum_typed_next(&object)) != FACTUM_TYPED_END;) {
        switch (found) {
        case 0:
            to->has_carrier = true;
            factum_typed_text(in, object.value, &to->carrier);
            break;
        case 1:
            to->has_parcel = true;
            factum_typed_text(in, object.value, &to->parcel);
            break;
        default: /* a member that the schema does not name */
            break;
        }
    }
}

static void print_order_shipped(factum_json_writer *to, const order_shipped *from)
{
    factum_json_put_object(to);
    if (from->has_carrier) {
        factum_json_put_name(to, "carrier", 7);
        factum_json_put_text(to, from->carrier);
    }
    if (from->has_parcel) {
        factum_json_put_name(to, "parcel", 6);
        factum_json_put_text(to, from->parcel);
    }
    factum_json_put_end(to);
}

static void read_order_payment_failed(factum_typed_reader *in, uint32_t value,
    order_payment_failed *to)
{
    static const factum_typed_name names[] = {
        {"reason", 6, true},
        {"amountCents", 11, false},
    };
    factum_typed_object object = factum_typed_members(in, value, names, 2);
    for (int found; (found = factum_typed_next(&object)) != FACTUM_TYPED_END;) {
        switch (found) {
        case 0:
            factum_typed_text(in, object.value, &to->reason);
            break;
        case 1:
            to->has_amountCents = true;
            factum_typed_int64(in, object.value, &to->amountCents);
            break;
        default: /* a member that the schema does not name */
            break;
        }
    }
}

static void print_order_payment_failed(factum_json_writer *to, const order_payment_failed *from)
{
    factum_json_put_object(to);
    factum_json_put_name(to, "reason", 6);
    factum_json_put_text(to, from->reason);
    if (from->has_amountCents) {
        factum_json_put_name(to, "amountCents", 11);
        factum_json_put_int64(to, from->amountCents);
    }
    factum_json_put_end(to);
}

static void read_order_payment_received(factum_typed_reader *in, uint32_t value,
    order_payment_received *to)
{
    static const factum_typed_name names[] = {
        {"paymentId", 9, true},
        {"method", 6, false},
        {"amountCents", 11, true},
    };
    factum_typed_object object = factum_typed_members(in, value, names, 3);
    for (int found; (found = factum_typed_next(&object)) != FACTUM_TYPED_END;) {
        switch (found) {
        case 0:
            factum_typed_text(in, object.value, &to->paymentId);
            break;
        case 1:
            to->has_method = true;
            factum_typed_text(in, object.value, &to->method);
            break;
        case 2:
            factum_typed_int64(in, object.value, &to->amountCents);
            break;
        default: /* a member that the schema does not name */
            break;
        }
    }
}

static void print_order_payment_received(factum_json_writer *to, const order_payment_received *from)
{
    factum_json_put_object(to);
    factum_json_put_name(to, "paymentId", 9);
    factum_json_put_text(to, from->paymentId);
    if (from->has_method) {
        factum_json_put_name(to, "method", 6);
        factum_json_put_text(to, from->method);
    }
    factum_json_put_name(to, "amountCents", 11);
    factum_json_put_int64(to, from->amountCents);
    factum_json_put_end(to);
}

static void read_order_payment_refunded(factum_typed_reader *in, uint32_t value,
    order_payment_refunded *to)
{
    static const factum_typed_name names[] = {
        {"amountCents", 11, true},
    };
    factum_typed_object object = factum_typed_members(in, value, names, 1);
    for (int found; (found = factum_typed_next(&object)) != FACTUM_TYPED_END;) {
        switch (found) {
        case 0:
            factum_typed_int64(in, object.value, &to->amountCents);
            break;
        default: /* a member that the schema does not name */
            break;
        }
    }
}

static void print_order_payment_refunded(factum_json_writer *to, const order_payment_refunded *from)
{
    factum_json_put_object(to);
    factum_json_put_name(to, "amountCents", 11);
    factum_json_put_int64(to, from->amountCents);
    factum_json_put_end(to);
}

static void read_order_rental_ordered(factum_typed_reader *in, uint32_t value,
    order_rental_ordered *to)
{
    static const factum_typed_name names[] = {
        {"customerId", 10, true},
    };
    factum_typed_object object = factum_typed_members(in, value, names, 1);
    for (int found; (found = factum_typed_next(&object)) != FACTUM_TYPED_END;) {
        switch (found) {
        case 0:
            factum_typed_int64(in, object.value, &to->customerId);
            break;
        default: /* a member that the schema does not name */
            break;
        }
    }
}

static void print_order_rental_ordered(factum_json_writer *to, const order_rental_ordered *from)
{
    factum_json_put_object(to);
    factum_json_put_name(to, "customerId", 10);
    factum_json_put_int64(to, from->customerId);
    factum_json_put_end(to);
}

static void read_order_rental_paid(factum_typed_reader *in, uint32_t value, order_rental_paid *to)
{
    static const factum_typed_name names[] = {
        {"amountCents", 11, true},
    };
    factum_typed_object object = factum_typed_members(in, value, names, 1);
    for (int found; (found = factum_typed_next(&object)) != FACTUM_TYPED_END;) {
        switch (found) {
        case 0:
            factum_typed_int64(in, object.value, &to->amountCents);
            break;
        default: /* a member that the schema does not name */
            break;
        }
    }
}

static void print_order_rental_paid(factum_json_writer *to, const order_rental_paid *from)
{
    factum_json_put_object(to);
    factum_json_put_name(to, "amountCents", 11);
    factum_json_put_int64(to, from->amountCents);
    factum_json_put_end(to);
}

static void read_order_rental_returned(factum_typed_reader *in, uint32_t value,
    order_rental_returned *to)
{
    static const factum_typed_name names[] = {
        {"rentalId", 8, false},
    };
    factum_typed_object object = factum_typed_members(in, value, names, 1);
    for (int found; (found = factum_typed_next(&object)) != FACTUM_TYPED_END;) {
        switch (found) {
        case 0:
            to->has_rentalId = true;
            factum_typed_int64(in, object.value, &to->rentalId);
            break;
        default: /* a member that the schema does not name */
            break;
        }
    }
}

static void print_order_rental_returned(factum_json_writer *to, const order_rental_returned *from)
{
    factum_json_put_object(to);
    if (from->has_rentalId) {
        factum_json_put_name(to, "rentalId", 8);
        factum_json_put_int64(to, from->rentalId);
    }
    factum_json_put_end(to);
}

/* in the order of order_event_type, which begins with 1 */
static const factum_typed_name type_names[] = {
    {"OrderCancelled", 14, false},
    {"OrderDelivered", 14, false},
    {"OrderPlaced", 11, false},
    {"OrderReturned", 13, false},
    {"OrderShipped", 12, false},
    {"PaymentFailed", 13, false},
    {"PaymentReceived", 15, false},
    {"PaymentRefunded", 15, false},
    {"RentalOrdered", 13, false},
    {"RentalPaid", 10, false},
    {"RentalReturned", 14, false},
};

factum_slice order_event_type_name(order_event_type type)
{
    return factum_typed_name_at(type_names, 11, (uint32_t)type);
}

order_event_type order_event_type_of(factum_slice name)
{
    return (order_event_type)(factum_typed_find(name, type_names, 11) + 1);
}

static void read_event(factum_typed_reader *in, order_event *event)
{
    switch (event->type) {
    case ORDER_CANCELLED:
        read_order_cancelled(in, FACTUM_JSON_ROOT, &event->as.cancelled);
        break;
    case ORDER_DELIVERED:
        read_order_delivered(in, FACTUM_JSON_ROOT, &event->as.delivered);
        break;
    case ORDER_PLACED:
        read_order_placed(in, FACTUM_JSON_ROOT, &event->as.placed);
        break;
    case ORDER_RETURNED:
        read_order_returned(in, FACTUM_JSON_ROOT, &event->as.returned);
        break;
    case ORDER_SHIPPED:
        read_order_shipped(in, FACTUM_JSON_ROOT, &event->as.shipped);
        break;
    case ORDER_PAYMENT_FAILED:
        read_order_payment_failed(in, FACTUM_JSON_ROOT, &event->as.payment_failed);
        break;
    case ORDER_PAYMENT_RECEIVED:
        read_order_payment_received(in, FACTUM_JSON_ROOT, &event->as.payment_received);
        break;
    case ORDER_PAYMENT_REFUNDED:
        read_order_payment_refunded(in, FACTUM_JSON_ROOT, &event->as.payment_refunded);
        break;
    case ORDER_RENTAL_ORDERED:
        read_order_rental_ordered(in, FACTUM_JSON_ROOT, &event->as.rental_ordered);
        break;
    case ORDER_RENTAL_PAID:
        read_order_rental_paid(in, FACTUM_JSON_ROOT, &event->as.rental_paid);
        break;
    case ORDER_RENTAL_RETURNED:
        read_order_rental_returned(in, FACTUM_JSON_ROOT, &event->as.rental_returned);
        break;
    }
}

factum_status order_event_parse(factum_slice type, const factum_json *data,
    factum_arena *arena, order_event *event, factum_error *err)
{
    factum_typed_reader in = factum_typed_reader_of(data, arena, err);
    memset(event, 0, sizeof *event);
    int found = factum_typed_find(type, type_names, 11);
    if (found < 0) {
        return factum_typed_no_type(&in, type, "order");
    }
    event->type = (order_event_type)(found + 1);
    read_event(&in, event);
    if (factum_typed_finish(&in) != FACTUM_OK) {
        event->type = (order_event_type)0;
    }
    return factum_typed_finish(&in);
}

factum_slice order_event_print(const order_event *event, factum_json_writer *to)
{
    switch (event->type) {
    case ORDER_CANCELLED:
        print_order_cancelled(to, &event->as.cancelled);
        break;
    case ORDER_DELIVERED:
        print_order_delivered(to, &event->as.delivered);
        break;
    case ORDER_PLACED:
        print_order_placed(to, &event->as.placed);
        break;
    case ORDER_RETURNED:
        print_order_returned(to, &event->as.returned);
        break;
    case ORDER_SHIPPED:
        print_order_shipped(to, &event->as.shipped);
        break;
    case ORDER_PAYMENT_FAILED:
        print_order_payment_failed(to, &event->as.payment_failed);
        break;
    case ORDER_PAYMENT_RECEIVED:
        print_order_payment_received(to, &event->as.payment_received);
        break;
    case ORDER_PAYMENT_REFUNDED:
        print_order_payment_refunded(to, &event->as.payment_refunded);
        break;
    case ORDER_RENTAL_ORDERED:
        print_order_rental_ordered(to, &event->as.rental_ordered);
        break;
    case ORDER_RENTAL_PAID:
        print_order_rental_paid(to, &event->as.rental_paid);
        break;
    case ORDER_RENTAL_RETURNED:
        print_order_rental_returned(to, &event->as.rental_returned);
        break;
    default:
        factum_json_writer_fail(to, FACTUM_INVALID, "an event without a type");
        break;
    }
    return order_event_type_name(event->type);
}
