/* story.c - orders-story: one order from its first event to its last, in a new store. Layer:
 * example, public API only. Read it from main() down: each step is a function.
 *
 *     orders-story STORE
 *
 * It places an order, which is paid, shipped and delivered; prints its time line; reads its state
 * as of a revision and as of a time; lets two clerks change it at the same time, one of whom is
 * refused and decides again; and repeats a write whose answer was lost, which is recognised and not
 * written twice.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "order.h"

#define STREAM "order-1001"

static bool report(const char *what, factum_status status, const factum_error *err)
{
    if (status != FACTUM_OK) {
        fprintf(stderr, "orders-story: %s: %s\n", what, err->text);
    }
    return status == FACTUM_OK;
}

static factum_new_event event_of(const char *type, const char *time, const char *data)
{
    factum_new_event event = {
        .type = factum_slice_from(type),
        .data = factum_slice_from(data),
        .content_type = FACTUM_CONTENT_JSON,
        .has_time = true,
    };
    if (factum_time_parse(factum_slice_from(time), &event.time) != FACTUM_OK) {
        event.has_time = false;
    }
    return event;
}

/* Appends one event to the order, if it is still at |expected|. */
static factum_status say(factum_store *store, factum_expected expected, const char *type,
                         const char *time, const char *data, factum_append_result *result,
                         factum_error *err)
{
    factum_new_event event = event_of(type, time, data);
    return factum_append_stream(store, factum_slice_from(STREAM), expected, &event, 1, result, err);
}

static bool place_and_pay(factum_store *store)
{
    factum_error err;
    factum_status status =
        say(store, factum_no_stream(), "OrderPlaced", "2026-03-02T09:15:00Z",
            "{\"customerId\":\"C7\",\"lines\":[{\"product\":\"Teapot\",\"unitPriceCents\":2450,"
            "\"quantity\":2}],\"totalCents\":4900}",
            NULL, &err);
    if (!report("place", status, &err)) {
        return false;
    }
    status = say(store, factum_at(0), "PaymentFailed", "2026-03-02T09:16:10Z",
                 "{\"reason\":\"card expired\",\"amountCents\":4900}", NULL, &err);
    if (!report("payment", status, &err)) {
        return false;
    }
    status = say(store, factum_at(1), "PaymentReceived", "2026-03-02T09:21:42Z",
                 "{\"paymentId\":\"P-1\",\"method\":\"card\",\"amountCents\":4900}", NULL, &err);
    if (!report("payment", status, &err)) {
        return false;
    }
    printf(STREAM " is placed (revision 0). Its payment fails (1), and then succeeds (2).\n");
    return true;
}

/* Two clerks load the order at the same revision. The first ships it; the second wants to
 * cancel it, is refused, loads again and sees that it is too late. */
static bool two_clerks(factum_store *store)
{
    factum_error err;
    factum_append_result result;
    struct order ann;
    struct order ben;
    factum_slice stream = factum_slice_from(STREAM);
    if (!report("load", order_load(store, stream, NULL, &ann, &err), &err) ||
        !report("load", order_load(store, stream, NULL, &ben, &err), &err)) {
        return false;
    }
    factum_status status =
        say(store, factum_at(ann.revision), "OrderShipped", "2026-03-03T14:00:00Z",
            "{\"carrier\":\"United Package\"}", NULL, &err);
    if (!report("ship", status, &err)) {
        return false;
    }
    printf("Ann, who saw revision %" PRIu64 ", ships the order.\n", ann.revision);
    status = say(store, factum_at(ben.revision), "OrderCancelled", "2026-03-03T14:00:01Z",
                 "{\"reason\":\"customer called\"}", &result, &err);
    if (status != FACTUM_WRONG_REVISION) {
        fprintf(stderr, "orders-story: the second write was not refused\n");
        return false;
    }
    printf("Ben, who saw revision %" PRIu64 " too, cancels it. Refused:\n  %s\n", ben.revision,
           err.text);
    if (!report("load", order_load(store, stream, NULL, &ben, &err), &err)) {
        return false;
    }
    printf("Ben loads it again: %s, revision %" PRIu64 ". Too late to cancel.\n",
           order_status_name(ben.state.status), ben.revision);
    return true;
}

/* The answer of an append was lost; the append is sent again, with the same key. */
static bool deliver_twice(factum_store *store)
{
    factum_error err;
    factum_new_event event =
        event_of("OrderDelivered", "2026-03-05T10:30:00Z", "{\"signed\":true}");
    event.stream = factum_slice_from(STREAM);
    const factum_expectation expectation = {
        .stream = factum_slice_from(STREAM),
        .expected = factum_at(3),
    };
    const factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &expectation,
        .expectation_count = 1,
        .idempotency_key = factum_slice_from("delivery-77812"),
    };
    printf("\n");
    for (int attempt = 1; attempt <= 2; attempt++) {
        factum_append_result result;
        factum_status status = factum_append(store, &request, &result, NULL, &err);
        if (!report("deliver", status, &err)) {
            return false;
        }
        printf("OrderDelivered with key delivery-77812, attempt %d: revision %" PRIu64 "%s\n",
               attempt, result.revision, result.already ? ", written before" : ", written now");
        if (result.already != (attempt == 2)) {
            fprintf(stderr, "orders-story: the repetition was not recognised\n");
            return false;
        }
    }
    return true;
}

static bool time_line(factum_store *store)
{
    factum_error err;
    factum_cursor *cursor;
    factum_status status = order_read(store, factum_slice_from(STREAM), NULL, &cursor, &err);
    if (!report("read", status, &err)) {
        return false;
    }
    printf("\nThe time line of " STREAM ":\n");
    factum_event event;
    while ((status = factum_cursor_next(cursor, &event, &err)) == FACTUM_OK) {
        order_print_event(&event);
    }
    factum_cursor_close(cursor);
    return status == FACTUM_DONE || report("read", status, &err);
}

static bool state_as_of(factum_store *store, const char *what, const struct order_moment *moment)
{
    factum_error err;
    struct order order;
    factum_status status = order_load(store, factum_slice_from(STREAM), moment, &order, &err);
    if (!report("load", status, &err)) {
        return false;
    }
    printf("\nIts state %s:\n", what);
    order_print(&order);
    return true;
}

static bool the_past(factum_store *store)
{
    struct order_moment moment = {.revision_set = true, .revision = 1};
    if (!state_as_of(store, "at revision 1", &moment)) {
        return false;
    }
    memset(&moment, 0, sizeof moment);
    moment.time_set = true;
    if (factum_time_parse(factum_slice_from("2026-03-04T00:00:00Z"), &moment.time) != FACTUM_OK) {
        return false;
    }
    return state_as_of(store, "on 4 March 2026, 00:00 UTC", &moment) &&
           state_as_of(store, "now", NULL);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: orders-story STORE\n");
        return 2;
    }
    factum_store *store;
    factum_error err;
    if (!report("open", factum_open(argv[1], NULL, &store, &err), &err)) {
        return 1;
    }
    bool well = place_and_pay(store) && two_clerks(store) && deliver_twice(store) &&
                time_line(store) && the_past(store);
    well = report("close", factum_close(store, &err), &err) && well;
    return well ? 0 : 1;
}
