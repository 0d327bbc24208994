/* parked_plan.h - what a retry of parked deliveries sends, said before it is done. Layer: cli. Only
 * with sagas. */
#ifndef FACTUM_CLI_PARKED_PLAN_H
#define FACTUM_CLI_PARKED_PLAN_H

#include <factum/endpoint.h>

#include "cli/cli.h"

struct planned {
    uint64_t position;
    size_t key; /* its offset in |keys| */
    size_t key_len;
    bool told;
};

/* The parked ones of a service, in the order of their positions. Zeroed before, freed by
 * parked_plan_free. */
struct plan {
    struct planned *rows;
    size_t count, capacity;
    char *keys;
    size_t keys_len, keys_capacity;
    bool no_memory;
};

/* Adds one; |data| is the plan. False: a signal came, or |no_memory|. */
bool parked_plan_row(void *data, const factum_endpoint_parked *parked);
/* A line for each key, with its positions in their order. Once for a plan, and so is the other. */
void parked_plan_print(struct plan *plan, const char *service);
/* |retried| were; |hosted|: somebody delivers them now. */
void parked_plan_print_json(struct plan *plan, const char *service, uint64_t retried, bool hosted);
void parked_plan_free(struct plan *plan);

#endif
