/* Written by factum schema generate: change the schemas instead. */
/* order.gen.c - see order.gen.h. */
#include "order.gen.h"

#include <string.h>

static void read_order_cancelled_reason(factum_typed_reader *in, uint32_t value,
    order_cancelled_reason *to)
{
    static const factum_typed_name names[] = {
        {"customer", 8, false},
        {"stock", 5, false},
        {"payment", 7, false},
    };
    /* another text gives -1, and with that ORDER_CANCELLED_REASON_UNKNOWN */
    to->value = (order_cancelled_reason_value)(factum_typed_choice(in, value, names, 3) + 1);
    factum_typed_text(in, value, &to->text);
}

static void print_order_cancelled_reason(factum_json_writer *to, const order_cancelled_reason *from)
{
    static const factum_typed_name names[] = {
        {"customer", 8, false},
        {"stock", 5, false},
        {"payment", 7, false},
    };
    factum_typed_put_choice(to, names, 3, (uint32_t)from->value, from->text);
}

static void read_order_cancelled(factum_typed_reader *in, uint32_t value, order_cancelled *to)
{
    static const factum_typed_name names[] = {
        {"orderId", 7, true},
        {"reason", 6, true},
        {"by", 2, false},
    };
    factum_typed_object object = factum_typed_members(in, value, names, 3);
    for (int found; (found = factum_typed_next(&object)) != FACTUM_TYPED_END;) {
        switch (found) {
        case 0:
            factum_typed_text(in, object.value, &to->orderId);
            break;
        case 1:
            read_order_cancelled_reason(in, object.value, &to->reason);
            break;
        case 2:
            to->has_by = true;
            factum_typed_text(in, object.value, &to->by);
            break;
        default: /* a member that the schema does not name */
            break;
        }
    }
}

static void print_order_cancelled(factum_json_writer *to, const order_cancelled *from)
{
    factum_json_put_object(to);
    factum_json_put_name(to, "orderId", 7);
    factum_json_put_text(to, from->orderId);
    factum_json_put_name(to, "reason", 6);
    print_order_cancelled_reason(to, &from->reason);
    if (from->has_by) {
        factum_json_put_name(to, "by", 2);
        factum_json_put_text(to, from->by);
    }
    factum_json_put_end(to);
}

static void read_order_delivered(factum_typed_reader *in, uint32_t value, order_delivered *to)
{
    static const factum_typed_name names[] = {
        {"orderId", 7, true},
        {"deliveredAt", 11, true},
        {"signedBy", 8, false},
    };
    factum_typed_object object = factum_typed_members(in, value, names, 3);
    for (int found; (found = factum_typed_next(&object)) != FACTUM_TYPED_END;) {
        switch (found) {
        case 0:
            factum_typed_text(in, object.value, &to->orderId);
            break;
        case 1:
            factum_typed_text(in, object.value, &to->deliveredAt);
            break;
        case 2:
            to->has_signedBy = true;
            factum_typed_text(in, object.value, &to->signedBy);
            break;
        default: /* a member that the schema does not name */
            break;
        }
    }
}

static void print_order_delivered(factum_json_writer *to, const order_delivered *from)
{
    factum_json_put_object(to);
    factum_json_put_name(to, "orderId", 7);
    factum_json_put_text(to, from->orderId);
    factum_json_put_name(to, "deliveredAt", 11);
    factum_json_put_text(to, from->deliveredAt);
    if (from->has_signedBy) {
        factum_json_put_name(to, "signedBy", 8);
        factum_json_put_text(to, from->signedBy);
    }
    factum_json_put_end(to);
}

static void read_order_line(factum_typed_reader *in, uint32_t value, order_line *to)
{
    static const factum_typed_name names[] = {
        {"sku", 3, true},
        {"qty", 3, true},
        {"cents", 5, false},
    };
    factum_typed_object object = factum_typed_members(in, value, names, 3);
    for (int found; (found = factum_typed_next(&object)) != FACTUM_TYPED_END;) {
        switch (found) {
        case 0:
            factum_typed_text(in, object.value, &to->sku);
            break;
        case 1:
            factum_typed_int64(in, object.value, &to->qty);
            break;
        case 2:
            to->has_cents = true;
            factum_typed_int64(in, object.value, &to->cents);
            break;
        default: /* a member that the schema does not name */
            break;
        }
    }
}

static void print_order_line(factum_json_writer *to, const order_line *from)
{
    factum_json_put_object(to);
    factum_json_put_name(to, "sku", 3);
    factum_json_put_text(to, from->sku);
    factum_json_put_name(to, "qty", 3);
    factum_json_put_int64(to, from->qty);
    if (from->has_cents) {
        factum_json_put_name(to, "cents", 5);
        factum_json_put_int64(to, from->cents);
    }
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

static void read_order_placed_currency(factum_typed_reader *in, uint32_t value,
    order_placed_currency *to)
{
    static const factum_typed_name names[] = {
        {"EUR", 3, false},
        {"USD", 3, false},
        {"GBP", 3, false},
    };
    /* another text gives -1, and with that ORDER_PLACED_CURRENCY_UNKNOWN */
    to->value = (order_placed_currency_value)(factum_typed_choice(in, value, names, 3) + 1);
    factum_typed_text(in, value, &to->text);
}

static void print_order_placed_currency(factum_json_writer *to, const order_placed_currency *from)
{
    static const factum_typed_name names[] = {
        {"EUR", 3, false},
        {"USD", 3, false},
        {"GBP", 3, false},
    };
    factum_typed_put_choice(to, names, 3, (uint32_t)from->value, from->text);
}

static void read_order_address(factum_typed_reader *in, uint32_t value, order_address *to)
{
    static const factum_typed_name names[] = {
        {"street", 6, true},
        {"city", 4, true},
        {"postcode", 8, false},
        {"country", 7, true},
    };
    factum_typed_object object = factum_typed_members(in, value, names, 4);
    for (int found; (found = factum_typed_next(&object)) != FACTUM_TYPED_END;) {
        switch (found) {
        case 0:
            factum_typed_text(in, object.value, &to->street);
            break;
        case 1:
            factum_typed_text(in, object.value, &to->city);
            break;
        case 2:
            to->has_postcode = true;
            factum_typed_text(in, object.value, &to->postcode);
            break;
        case 3:
            factum_typed_text(in, object.value, &to->country);
            break;
        default: /* a member that the schema does not name */
            break;
        }
    }
}

static void print_order_address(factum_json_writer *to, const order_address *from)
{
    factum_json_put_object(to);
    factum_json_put_name(to, "street", 6);
    factum_json_put_text(to, from->street);
    factum_json_put_name(to, "city", 4);
    factum_json_put_text(to, from->city);
    if (from->has_postcode) {
        factum_json_put_name(to, "postcode", 8);
        factum_json_put_text(to, from->postcode);
    }
    factum_json_put_name(to, "country", 7);
    factum_json_put_text(to, from->country);
    factum_json_put_end(to);
}

static void read_order_placed(factum_typed_reader *in, uint32_t value, order_placed *to)
{
    static const factum_typed_name names[] = {
        {"orderId", 7, true},
        {"customerId", 10, true},
        {"lines", 5, true},
        {"totalCents", 10, true},
        {"currency", 8, false},
        {"shipTo", 6, false},
        {"note", 4, false},
    };
    factum_typed_object object = factum_typed_members(in, value, names, 7);
    for (int found; (found = factum_typed_next(&object)) != FACTUM_TYPED_END;) {
        switch (found) {
        case 0:
            factum_typed_text(in, object.value, &to->orderId);
            break;
        case 1:
            factum_typed_text(in, object.value, &to->customerId);
            break;
        case 2:
            read_order_line_list(in, object.value, &to->lines);
            break;
        case 3:
            factum_typed_int64(in, object.value, &to->totalCents);
            break;
        case 4:
            to->has_currency = true;
            read_order_placed_currency(in, object.value, &to->currency);
            break;
        case 5:
            to->has_shipTo = true;
            read_order_address(in, object.value, &to->shipTo);
            break;
        case 6:
            to->has_note = true;
            to->note_is_null = factum_typed_is_null(in, object.value);
            if (!to->note_is_null) {
                factum_typed_text(in, object.value, &to->note);
            }
            break;
        default: /* a member that the schema does not name */
            break;
        }
    }
}

static void print_order_placed(factum_json_writer *to, const order_placed *from)
{
    factum_json_put_object(to);
    factum_json_put_name(to, "orderId", 7);
    factum_json_put_text(to, from->orderId);
    factum_json_put_name(to, "customerId", 10);
    factum_json_put_text(to, from->customerId);
    factum_json_put_name(to, "lines", 5);
    print_order_line_list(to, &from->lines);
    factum_json_put_name(to, "totalCents", 10);
    factum_json_put_int64(to, from->totalCents);
    if (from->has_currency) {
        factum_json_put_name(to, "currency", 8);
        print_order_placed_currency(to, &from->currency);
    }
    if (from->has_shipTo) {
        factum_json_put_name(to, "shipTo", 6);
        print_order_address(to, &from->shipTo);
    }
    if (from->has_note) {
        factum_json_put_name(to, "note", 4);
        if (from->note_is_null) {
            factum_json_put_null(to);
        } else {
            factum_json_put_text(to, from->note);
        }
    }
    factum_json_put_end(to);
}

static void read_order_shipped_labels(factum_typed_reader *in, uint32_t value,
    order_shipped_labels *to)
{
    factum_typed_object object = factum_typed_members(in, value, NULL, 0);
    order_shipped_labels_entry *items =
        (order_shipped_labels_entry *)factum_typed_others(&object, sizeof *items, &(*to).count);
    (*to).items = items;
    for (size_t i = 0; i < (*to).count;) {
        int found = factum_typed_next(&object);
        if (found == FACTUM_TYPED_END) {
            break;
        }
        if (found == FACTUM_TYPED_OTHER) {
            items[i].name = factum_typed_name_of(&object);
            factum_typed_text(in, object.value, &items[i].value);
            i++;
        }
    }
}

static void print_order_shipped_labels(factum_json_writer *to, const order_shipped_labels *from)
{
    factum_json_put_object(to);
    for (size_t i = 0; i < (*from).count; i++) {
        factum_slice name = (*from).items[i].name;
        factum_json_put_name(to, (const char *)name.ptr, name.len);
        factum_json_put_text(to, (*from).items[i].value);
    }
    factum_json_put_end(to);
}

static void read_order_shipped(factum_typed_reader *in, uint32_t value, order_shipped *to)
{
    static const factum_typed_name names[] = {
        {"orderId", 7, true},
        {"carrier", 7, true},
        {"trackingNo", 10, true},
        {"weightKg", 8, false},
        {"labels", 6, false},
    };
    factum_typed_object object = factum_typed_members(in, value, names, 5);
    for (int found; (found = factum_typed_next(&object)) != FACTUM_TYPED_END;) {
        switch (found) {
        case 0:
            factum_typed_text(in, object.value, &to->orderId);
            break;
        case 1:
            factum_typed_text(in, object.value, &to->carrier);
            break;
        case 2:
            factum_typed_text(in, object.value, &to->trackingNo);
            break;
        case 3:
            to->has_weightKg = true;
            factum_typed_number(in, object.value, &to->weightKg);
            break;
        case 4:
            to->has_labels = true;
            read_order_shipped_labels(in, object.value, &to->labels);
            break;
        default: /* a member that the schema does not name */
            break;
        }
    }
}

static void print_order_shipped(factum_json_writer *to, const order_shipped *from)
{
    factum_json_put_object(to);
    factum_json_put_name(to, "orderId", 7);
    factum_json_put_text(to, from->orderId);
    factum_json_put_name(to, "carrier", 7);
    factum_json_put_text(to, from->carrier);
    factum_json_put_name(to, "trackingNo", 10);
    factum_json_put_text(to, from->trackingNo);
    if (from->has_weightKg) {
        factum_json_put_name(to, "weightKg", 8);
        factum_json_put_number(to, from->weightKg);
    }
    if (from->has_labels) {
        factum_json_put_name(to, "labels", 6);
        print_order_shipped_labels(to, &from->labels);
    }
    factum_json_put_end(to);
}

static void read_order_method_card(factum_typed_reader *in, uint32_t value, order_method_card *to)
{
    static const factum_typed_name names[] = {
        {"kind", 4, true},
        {"last4", 5, true},
    };
    factum_typed_object object = factum_typed_members(in, value, names, 2);
    for (int found; (found = factum_typed_next(&object)) != FACTUM_TYPED_END;) {
        switch (found) {
        case 0:
            factum_typed_is_text(in, object.value, "card", 4);
            break;
        case 1:
            factum_typed_text(in, object.value, &to->last4);
            break;
        default: /* a member that the schema does not name */
            break;
        }
    }
}

static void print_order_method_card(factum_json_writer *to, const order_method_card *from)
{
    factum_json_put_object(to);
    factum_json_put_name(to, "kind", 4);
    factum_typed_put_literal(to, "card", 4);
    factum_json_put_name(to, "last4", 5);
    factum_json_put_text(to, from->last4);
    factum_json_put_end(to);
}

static void read_order_method_transfer(factum_typed_reader *in, uint32_t value,
    order_method_transfer *to)
{
    static const factum_typed_name names[] = {
        {"kind", 4, true},
        {"iban", 4, true},
    };
    factum_typed_object object = factum_typed_members(in, value, names, 2);
    for (int found; (found = factum_typed_next(&object)) != FACTUM_TYPED_END;) {
        switch (found) {
        case 0:
            factum_typed_is_text(in, object.value, "transfer", 8);
            break;
        case 1:
            factum_typed_text(in, object.value, &to->iban);
            break;
        default: /* a member that the schema does not name */
            break;
        }
    }
}

static void print_order_method_transfer(factum_json_writer *to, const order_method_transfer *from)
{
    factum_json_put_object(to);
    factum_json_put_name(to, "kind", 4);
    factum_typed_put_literal(to, "transfer", 8);
    factum_json_put_name(to, "iban", 4);
    factum_json_put_text(to, from->iban);
    factum_json_put_end(to);
}

static void read_order_method(factum_typed_reader *in, uint32_t value, order_method *to)
{
    static const factum_typed_name names[] = {
        {"card", 4, false},
        {"transfer", 8, false},
    };
    switch (factum_typed_variant(in, value, "kind", names, 2)) {
    case 0:
        to->variant = ORDER_METHOD_CARD;
        read_order_method_card(in, value, &to->as.card);
        break;
    case 1:
        to->variant = ORDER_METHOD_TRANSFER;
        read_order_method_transfer(in, value, &to->as.transfer);
        break;
    default:
        to->variant = ORDER_METHOD_UNKNOWN;
        factum_typed_json(in, value, &to->as.unknown);
        break;
    }
}

static void print_order_method(factum_json_writer *to, const order_method *from)
{
    switch (from->variant) {
    case ORDER_METHOD_CARD:
        print_order_method_card(to, &from->as.card);
        break;
    case ORDER_METHOD_TRANSFER:
        print_order_method_transfer(to, &from->as.transfer);
        break;
    case ORDER_METHOD_UNKNOWN:
    default:
        factum_json_put_raw(to, from->as.unknown);
        break;
    }
}

static void read_order_payment_received(factum_typed_reader *in, uint32_t value,
    order_payment_received *to)
{
    static const factum_typed_name names[] = {
        {"orderId", 7, true},
        {"paymentId", 9, true},
        {"amountCents", 11, true},
        {"method", 6, false},
    };
    factum_typed_object object = factum_typed_members(in, value, names, 4);
    for (int found; (found = factum_typed_next(&object)) != FACTUM_TYPED_END;) {
        switch (found) {
        case 0:
            factum_typed_text(in, object.value, &to->orderId);
            break;
        case 1:
            factum_typed_text(in, object.value, &to->paymentId);
            break;
        case 2:
            factum_typed_int64(in, object.value, &to->amountCents);
            break;
        case 3:
            to->has_method = true;
            read_order_method(in, object.value, &to->method);
            break;
        default: /* a member that the schema does not name */
            break;
        }
    }
}

static void print_order_payment_received(factum_json_writer *to, const order_payment_received *from)
{
    factum_json_put_object(to);
    factum_json_put_name(to, "orderId", 7);
    factum_json_put_text(to, from->orderId);
    factum_json_put_name(to, "paymentId", 9);
    factum_json_put_text(to, from->paymentId);
    factum_json_put_name(to, "amountCents", 11);
    factum_json_put_int64(to, from->amountCents);
    if (from->has_method) {
        factum_json_put_name(to, "method", 6);
        print_order_method(to, &from->method);
    }
    factum_json_put_end(to);
}

/* in the order of order_event_type, which begins with 1 */
static const factum_typed_name type_names[] = {
    {"OrderCancelled", 14, false},
    {"OrderDelivered", 14, false},
    {"OrderPlaced", 11, false},
    {"OrderShipped", 12, false},
    {"PaymentReceived", 15, false},
};

factum_slice order_event_type_name(order_event_type type)
{
    return factum_typed_name_at(type_names, 5, (uint32_t)type);
}

order_event_type order_event_type_of(factum_slice name)
{
    return (order_event_type)(factum_typed_find(name, type_names, 5) + 1);
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
    case ORDER_SHIPPED:
        read_order_shipped(in, FACTUM_JSON_ROOT, &event->as.shipped);
        break;
    case ORDER_PAYMENT_RECEIVED:
        read_order_payment_received(in, FACTUM_JSON_ROOT, &event->as.payment_received);
        break;
    }
}

factum_status order_event_parse(factum_slice type, const factum_json *data,
    factum_arena *arena, order_event *event, factum_error *err)
{
    factum_typed_reader in = factum_typed_reader_of(data, arena, err);
    memset(event, 0, sizeof *event);
    int found = factum_typed_find(type, type_names, 5);
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
    case ORDER_SHIPPED:
        print_order_shipped(to, &event->as.shipped);
        break;
    case ORDER_PAYMENT_RECEIVED:
        print_order_payment_received(to, &event->as.payment_received);
        break;
    default:
        factum_json_writer_fail(to, FACTUM_INVALID, "an event without a type");
        break;
    }
    return order_event_type_name(event->type);
}
