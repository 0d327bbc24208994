/* clock.h - the time that timers go by. Layer: saga. Pure: both clocks are told.
 *
 * The wall clock is what due times are written in, and it can be set wrong for a while. So it is
 * held against the monotonic clock: if the two part by more than a guard window, the time goes on
 * from where they last agreed, by the monotonic clock alone, until they agree again. No timer fires
 * early because somebody set the clock forward, none late because it was set back. After a restart
 * the wall clock is all there is.
 */
#ifndef FCT_SAGA_CLOCK_H
#define FCT_SAGA_CLOCK_H

#include <factum/base.h>

#define FCT_CLOCK_GUARD (INT64_C(5) * 1000000000) /* nanoseconds */

struct fct_saga_clock {
    int64_t wall; /* when they last agreed */
    int64_t monotonic;
    bool started;
    bool parted;
};

/* Now, given what both clocks say. */
int64_t fct_saga_clock_now(struct fct_saga_clock *clock, int64_t wall, int64_t monotonic);

#endif
