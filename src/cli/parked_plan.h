/* parked_plan.h - what a retry of parked deliveries will send, printed before it is done. Layer:
 * cli. Only with sagas. */
#ifndef FACTUM_CLI_PARKED_PLAN_H
#define FACTUM_CLI_PARKED_PLAN_H

#include <factum/endpoint.h>

#include "cli/cli.h"

struct planned {
    uint64_t position;
    size_t key; /* its offset in |keys| */
    size_t key_len;
    bool printed;
};

/* The parked commands of a service, in the order of their positions. Starts as {0}; freed by
 * parked_plan_free. */
struct plan {
    struct planned *rows;
    size_t count, capacity;
    char *keys;
    size_t keys_len, keys_capacity;
    bool no_memory;
};

/* Adds a delivery; |data| is the plan. False on a signal, or with |no_memory| set. */
bool parked_plan_row(void *data, const factum_endpoint_parked *parked);
/* Prints a line for each key, with its positions in order. A plan is printed once, by this function
 * or the next. */
void parked_plan_print(struct plan *plan, const char *service);
/* |retried| of them were retried; |hosted|: a host delivers them now. */
void parked_plan_print_json(struct plan *plan, const char *service, uint64_t retried, bool hosted);
void parked_plan_free(struct plan *plan);

#endif
