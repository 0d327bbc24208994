/* random.h - a small seeded generator (splitmix64) for ids, tests and simulations. Layer: core.
 * Not for secrets. */
#ifndef FCT_CORE_RANDOM_H
#define FCT_CORE_RANDOM_H

#include <stdint.h>

struct fct_random {
    uint64_t state;
};

uint64_t fct_random_next(struct fct_random *random);
/* Uniform in [0, bound); |bound| > 0. */
uint64_t fct_random_below(struct fct_random *random, uint64_t bound);

#endif
