/* report.c - orders-report: folds every order of a store and adds up. Layer: example, public API
 * only.
 *
 *     orders-report STORE [--category NAME] [--at TIME]
 *
 * Prints a line for each status (orders, cents ordered, paid, returned, refunded) and their sum.
 * The category is "order" unless it is named: "rental" folds the rentals. With --at it is the
 * report as of that time, from the same events.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "order.h"

struct sums {
    uint64_t orders;
    uint64_t events;
    int64_t total;
    int64_t paid;
    int64_t returned;
    int64_t refunded;
};

static void add(struct sums *sums, const struct order *order)
{
    sums->orders++;
    sums->events += order->event_count;
    sums->total += order->state.total_cents;
    sums->paid += order->state.paid_cents;
    sums->returned += order->state.returned_cents;
    sums->refunded += order->state.refunded_cents;
}

static void print_row(const char *name, const struct sums *sums)
{
    printf("%-15s %10" PRIu64 " %10" PRIu64 " %15" PRId64 " %15" PRId64 " %13" PRId64 " %13" PRId64
           "\n",
           name, sums->orders, sums->events, sums->total, sums->paid, sums->returned,
           sums->refunded);
}

/* Folds each stream of |category| into |sums|, one entry a status and one for all. */
static factum_status fold_all(factum_store *store, const char *category,
                              const struct order_moment *moment,
                              struct sums sums[ORDER_STATUS_COUNT + 1], factum_error *err)
{
    factum_list *list;
    factum_list_request request = {
        .size = sizeof request,
        .kind = FACTUM_LIST_STREAMS,
        .category = factum_slice_from(category),
    };
    factum_status status = factum_list_open(store, &request, &list, err);
    if (status != FACTUM_OK) {
        return status;
    }
    factum_list_entry entry;
    while ((status = factum_list_next(list, &entry, err)) == FACTUM_OK) {
        struct order order;
        status = order_load(store, entry.name, moment, &order, err);
        if (status == FACTUM_STREAM_NOT_FOUND || status == FACTUM_STREAM_DELETED) {
            continue;
        }
        if (status != FACTUM_OK) {
            break;
        }
        if (order.event_count > 0) {
            add(&sums[order.state.status], &order);
            add(&sums[ORDER_STATUS_COUNT], &order);
        }
    }
    factum_list_close(list);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

static factum_status report(factum_store *store, const char *category,
                            const struct order_moment *moment, factum_error *err)
{
    struct sums sums[ORDER_STATUS_COUNT + 1] = {{0}};
    factum_status status = fold_all(store, category, moment, sums, err);
    if (status != FACTUM_OK) {
        return status;
    }
    printf("%-15s %10s %10s %15s %15s %13s %13s\n", "status", "orders", "events", "totalCents",
           "paidCents", "returnedCents", "refundedCents");
    for (int i = 0; i < ORDER_STATUS_COUNT; i++) {
        if (sums[i].orders > 0) {
            print_row(order_status_name((enum order_status)i), &sums[i]);
        }
    }
    print_row("all", &sums[ORDER_STATUS_COUNT]);
    return FACTUM_OK;
}

int main(int argc, char **argv)
{
    struct order_moment moment = {0};
    const char *category = "order";
    bool well = argc >= 2 && argc % 2 == 0;
    for (int i = 2; i + 1 < argc && well; i += 2) {
        if (strcmp(argv[i], "--category") == 0) {
            category = argv[i + 1];
        } else {
            well =
                strcmp(argv[i], "--at") == 0 && order_moment_option(&moment, argv[i], argv[i + 1]);
        }
    }
    if (!well) {
        fprintf(stderr, "usage: orders-report STORE [--category NAME] [--at TIME]\n");
        return 2;
    }
    const factum_store_options options = {
        .size = sizeof options,
        .read_only = true,
        .must_exist = true,
    };
    factum_store *store;
    factum_error err;
    factum_status status = factum_open(argv[1], &options, &store, &err);
    if (status == FACTUM_OK) {
        status = report(store, category, &moment, &err);
        (void)factum_close(store, NULL);
    }
    if (status != FACTUM_OK) {
        fprintf(stderr, "orders-report: %s\n", err.text);
        return 1;
    }
    return 0;
}
