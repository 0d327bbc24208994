/* random.c - splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
 * Layer: core. */
#include "core/random.h"

uint64_t fct_random_next(struct fct_random *random)
{
    uint64_t x = random->state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

uint64_t fct_random_below(struct fct_random *random, uint64_t bound)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound; /* a multiple of |bound|: no bias */
    uint64_t value = fct_random_next(random);
    while (value >= limit) {
        value = fct_random_next(random);
    }
    return value % bound;
}
