/* order.c - an order as it is shown: the decider's fold, and revision and times from the events.
 * Layer: example, public API only. */
#include "order.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The texts of the state are in the fold: those that are shown are copied. */
static factum_status take_state(struct order *order, const factum_fold *fold, factum_error *err)
{
    factum_fold_info info = {.size = sizeof info};
    factum_status status = factum_fold_get(fold, &info, err);
    if (status != FACTUM_OK) {
        return status;
    }
    memcpy(&order->state, info.state, sizeof order->state);
    factum_slice name = order->state.customer_id;
    size_t len = name.len < sizeof order->customer ? name.len : 0;
    if (len > 0) {
        memcpy(order->customer, name.ptr, len);
    }
    order->customer[len] = '\0';
    order->state.customer_id = (factum_slice){NULL, 0};
    order->state.payments = NULL;
    return FACTUM_OK;
}

static void note_envelope(struct order *order, const factum_event *event)
{
    if (order->event_count++ == 0) {
        order->placed = event->time;
    }
    order->revision = event->revision;
    order->changed = event->time;
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

static factum_status fold_all(factum_cursor *cursor, factum_fold *fold, struct order *order,
                              void (*each)(const factum_event *event), factum_error *err)
{
    factum_event event;
    factum_status status;
    while ((status = factum_cursor_next(cursor, &event, err)) == FACTUM_OK) {
        if (each != NULL) {
            each(&event);
        }
        note_envelope(order, &event);
        status = factum_fold_add(fold, &event, err);
        if (status != FACTUM_OK) {
            break;
        }
    }
    return status == FACTUM_DONE ? take_state(order, fold, err) : status;
}

factum_status order_load_each(factum_store *store, factum_slice stream,
                              const struct order_moment *moment, struct order *order,
                              void (*each)(const factum_event *event), factum_error *err)
{
    const factum_fold_options options = {.size = sizeof options, .lenient = true};
    factum_cursor *cursor;
    factum_fold *fold;
    memset(order, 0, sizeof *order);
    factum_status status = factum_fold_create(&order_decider, &options, &fold, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = order_read(store, stream, moment, &cursor, err);
    if (status == FACTUM_OK) {
        status = fold_all(cursor, fold, order, each, err);
        factum_cursor_close(cursor);
    }
    factum_fold_destroy(fold);
    return status;
}

factum_status order_load(factum_store *store, factum_slice stream,
                         const struct order_moment *moment, struct order *order, factum_error *err)
{
    return order_load_each(store, stream, moment, order, NULL, err);
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
    printf("  %-10s %s\n", "status", order_status_name(order->state.status));
    if (order->event_count == 0) {
        return;
    }
    if (order->customer[0] != '\0') {
        printf("  %-10s %s\n", "customer", order->customer);
    }
    print_cents("total", order->state.total_cents);
    print_cents("paid", order->state.paid_cents);
    print_cents("returned", order->state.returned_cents);
    print_cents("refunded", order->state.refunded_cents);
    factum_time_format(order->changed, time);
    printf("  %-10s %s\n", "as of", time);
    printf("  %-10s %" PRIu64 "\n", "revision", order->revision);
}
