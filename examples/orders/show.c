/* show.c - orders-show: the time line of one order and its state, now or as of a moment. Layer:
 * example, public API only.
 *
 *     orders-show STORE STREAM [--revision N] [--at TIME]
 */
#include <stdio.h>

#include "order.h"

static factum_status show(factum_store *store, factum_slice stream,
                          const struct order_moment *moment, factum_error *err)
{
    struct order order = {0};
    factum_status status = order_load_each(store, stream, moment, &order, order_print_event, err);
    if (status != FACTUM_OK) {
        return status;
    }
    order_print(&order);
    return FACTUM_OK;
}

int main(int argc, char **argv)
{
    struct order_moment moment = {0};
    bool well = argc >= 3 && argc % 2 == 1;
    for (int i = 3; i + 1 < argc && well; i += 2) {
        well = order_moment_option(&moment, argv[i], argv[i + 1]);
    }
    if (!well) {
        fprintf(stderr, "usage: orders-show STORE STREAM [--revision N] [--at TIME]\n");
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
        status = show(store, factum_slice_from(argv[2]), &moment, &err);
        (void)factum_close(store, NULL);
    }
    if (status != FACTUM_OK) {
        fprintf(stderr, "orders-show: %s\n", err.text);
        return 1;
    }
    return 0;
}
