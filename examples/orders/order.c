/* order.c - the fold of an order, by hand. Layer: example, public API only.
 *
 * Three parts: which event types are known (a table), what each does to the state (one switch), and
 * how a stream is read into it. The fold never fails on an order of events that it did not expect:
 * events are facts, a fold describes them. What may happen next is for the code that appends.
 */
#include "order.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum step {
    STEP_OTHER,
    STEP_PLACED,
    STEP_PAID,
    STEP_PAYMENT_FAILED,
    STEP_SHIPPED,
    STEP_DELIVERED,
    STEP_RETURNED,
    STEP_REFUNDED,
    STEP_CANCELLED,
};

/* |amount| names the member of data that the step needs. */
static const struct {
    const char *type;
    const char *amount;
    enum step step;
} known[] = {
    {"OrderPlaced", "totalCents", STEP_PLACED},
    {"PaymentReceived", "amountCents", STEP_PAID},
    {"PaymentFailed", NULL, STEP_PAYMENT_FAILED},
    {"OrderShipped", NULL, STEP_SHIPPED},
    {"OrderDelivered", NULL, STEP_DELIVERED},
    {"OrderReturned", "amountCents", STEP_RETURNED},
    {"PaymentRefunded", "amountCents", STEP_REFUNDED},
    {"OrderCancelled", NULL, STEP_CANCELLED},
    {"RentalOrdered", NULL, STEP_PLACED},
    {"RentalPaid", "amountCents", STEP_PAID},
    {"RentalReturned", NULL, STEP_RETURNED},
};

const char *order_status_name(enum order_status status)
{
    static const char *const names[ORDER_STATUS_COUNT] = {
        "unknown", "placed",    "payment failed", "partly paid", "paid",
        "shipped", "delivered", "returned",       "refunded",    "cancelled",
    };
    return status < ORDER_STATUS_COUNT ? names[status] : "unknown";
}

static bool slice_is(factum_slice slice, const char *text)
{
    size_t len = strlen(text);
    return slice.len == len && memcmp(slice.ptr, text, len) == 0;
}

static factum_status classify(const factum_event *event, enum step *step, int64_t *amount,
                              factum_error *err)
{
    *step = STEP_OTHER;
    *amount = 0;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (!slice_is(event->type, known[i].type)) {
            continue;
        }
        *step = known[i].step;
        if (known[i].amount == NULL) {
            return FACTUM_OK;
        }
        factum_slice value;
        factum_status status = factum_json_member(event->data, known[i].amount, &value);
        if (status == FACTUM_OK) {
            status = factum_json_int64(value, amount);
        }
        if (status != FACTUM_OK && err != NULL) {
            err->status = FACTUM_INVALID;
            err->os_error = 0;
            snprintf(err->text, sizeof err->text, "%s at position %" PRIu64 " has no whole \"%s\"",
                     known[i].type, event->position, known[i].amount);
        }
        return status == FACTUM_OK ? FACTUM_OK : FACTUM_INVALID;
    }
    return FACTUM_OK;
}

static void learn_customer(struct order *order, const factum_event *event)
{
    factum_slice value;
    if (factum_json_member(event->data, "customerId", &value) != FACTUM_OK) {
        return;
    }
    if (factum_json_text(value, order->customer, sizeof order->customer) == FACTUM_OK) {
        return;
    }
    order->customer[0] = '\0';
    if (value.len < sizeof order->customer) { /* a number */
        memcpy(order->customer, value.ptr, value.len);
        order->customer[value.len] = '\0';
    }
}

static void pay(struct order *order, int64_t amount)
{
    order->paid_cents += amount;
    if (order->status <= ORDER_PAID) {
        bool enough = order->paid_cents >= order->total_cents;
        order->status = enough ? ORDER_PAID : ORDER_PARTLY_PAID;
    }
}

factum_status order_evolve(struct order *order, const factum_event *event, factum_error *err)
{
    enum step step;
    int64_t amount;
    factum_status status = classify(event, &step, &amount, err);
    if (status != FACTUM_OK) {
        return status;
    }
    /* No default: a step that is added and not handled here breaks the build. */
    switch (step) {
    case STEP_OTHER:
        break;
    case STEP_PLACED:
        order->status = ORDER_PLACED;
        order->total_cents = amount;
        order->placed = event->time;
        learn_customer(order, event);
        break;
    case STEP_PAID:
        pay(order, amount);
        break;
    case STEP_PAYMENT_FAILED:
        order->failed_payments++;
        if (order->status == ORDER_PLACED) {
            order->status = ORDER_PAYMENT_FAILED;
        }
        break;
    case STEP_SHIPPED:
        order->status = ORDER_SHIPPED;
        break;
    case STEP_DELIVERED:
        order->status = ORDER_DELIVERED;
        break;
    case STEP_RETURNED:
        order->returned_cents += amount;
        order->status = ORDER_RETURNED;
        break;
    case STEP_REFUNDED:
        order->refunded_cents += amount;
        order->status = ORDER_REFUNDED;
        break;
    case STEP_CANCELLED:
        order->status = ORDER_CANCELLED;
        break;
    }
    order->event_count++;
    order->revision = event->revision;
    order->changed = event->time;
    return FACTUM_OK;
}

bool order_moment_option(struct order_moment *moment, const char *option, const char *value)
{
    if (strcmp(option, "--at") == 0) {
        moment->time_set = true;
        return factum_time_parse(factum_slice_from(value), &moment->time) == FACTUM_OK;
    }
    if (strcmp(option, "--revision") == 0) {
        char *end;
        moment->revision_set = true;
        moment->revision = strtoull(value, &end, 10);
        return *value >= '0' && *value <= '9' && *end == '\0';
    }
    return false;
}

factum_status order_read(factum_store *store, factum_slice stream,
                         const struct order_moment *moment, factum_cursor **cursor,
                         factum_error *err)
{
    factum_read_request request = {
        .size = sizeof request,
        .source = FACTUM_SOURCE_STREAM,
        .name = stream,
    };
    if (moment != NULL) {
        request.until_revision_set = moment->revision_set;
        request.until_revision = moment->revision;
        request.until_time_set = moment->time_set;
        request.until_time = moment->time;
    }
    return factum_read(store, &request, cursor, err);
}

factum_status order_load(factum_store *store, factum_slice stream,
                         const struct order_moment *moment, struct order *order, factum_error *err)
{
    memset(order, 0, sizeof *order);
    factum_cursor *cursor;
    factum_status status = order_read(store, stream, moment, &cursor, err);
    if (status != FACTUM_OK) {
        return status;
    }
    factum_event event;
    while ((status = factum_cursor_next(cursor, &event, err)) == FACTUM_OK) {
        status = order_evolve(order, &event, err);
        if (status != FACTUM_OK) {
            break;
        }
    }
    factum_cursor_close(cursor);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

void order_print_event(const factum_event *event)
{
    char time[FACTUM_TIME_TEXT_SIZE];
    factum_time_format(event->time, time);
    printf("%4" PRIu64 "  %s  %.*s  %.*s\n", event->revision, time, (int)event->type.len,
           (const char *)event->type.ptr, (int)event->data.len, (const char *)event->data.ptr);
}

static void print_cents(const char *name, int64_t cents)
{
    if (cents != 0) {
        printf("  %-10s %" PRId64 ".%02" PRId64 "\n", name, cents / 100, cents % 100);
    }
}

void order_print(const struct order *order)
{
    char time[FACTUM_TIME_TEXT_SIZE];
    printf("  %-10s %s\n", "status", order_status_name(order->status));
    if (order->event_count == 0) {
        return;
    }
    if (order->customer[0] != '\0') {
        printf("  %-10s %s\n", "customer", order->customer);
    }
    print_cents("total", order->total_cents);
    print_cents("paid", order->paid_cents);
    print_cents("returned", order->returned_cents);
    print_cents("refunded", order->refunded_cents);
    factum_time_format(order->changed, time);
    printf("  %-10s %s\n", "as of", time);
    printf("  %-10s %" PRIu64 "\n", "revision", order->revision);
}
