/* clock.c - see clock.h. Layer: saga. */
#include "saga/clock.h"

int64_t fct_saga_clock_now(struct fct_saga_clock *clock, int64_t wall, int64_t monotonic)
{
    int64_t expected = clock->wall + (monotonic - clock->monotonic);
    int64_t apart = wall > expected ? wall - expected : expected - wall;
    clock->parted = clock->started && apart > FCT_CLOCK_GUARD;
    if (clock->parted) {
        return expected;
    }
    clock->started = true;
    clock->wall = wall;
    clock->monotonic = monotonic;
    return wall;
}
