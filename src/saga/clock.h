/* clock.h - the time that timers use. Layer: saga. Pure: the caller passes both clocks.
 *
 * Due times are times of the wall clock, which may be set wrong for a while. So it is compared with
 * the monotonic clock: if the two differ by more than a guard window, time continues from their
 * last agreement by the monotonic clock alone, until they agree again. So no timer fires early
 * because the clock was set forward, or late because it was set back. After a restart only the wall
 * clock is known.
 */
#ifndef FCT_SAGA_CLOCK_H
#define FCT_SAGA_CLOCK_H

#include <factum/base.h>

#define FCT_CLOCK_GUARD (INT64_C(5) * 1000000000) /* nanoseconds */

struct fct_saga_clock {
    int64_t wall; /* at their last agreement */
    int64_t monotonic;
    bool started;
    bool parted;
};

/* The time, given both clocks. */
int64_t fct_saga_clock_now(struct fct_saga_clock *clock, int64_t wall, int64_t monotonic);

#endif
