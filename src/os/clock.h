/* clock.h - an os whose wall clock is somebody else's function. Layer: os. */
#ifndef FCT_OS_CLOCK_H
#define FCT_OS_CLOCK_H

#include "os/os.h"

/* Must stay where it is while |os| is in use. */
struct fct_os_clock {
    struct fct_os os; /* first: its functions find the clock by it */
    struct fct_os_ops ops;
    factum_clock clock;
};

/* Makes clock->os: everything is |base|'s except the wall clock, which is |given|'s. Both are
 * needed for the call only. */
void fct_os_clock_init(struct fct_os_clock *clock, const struct fct_os *base,
                       const factum_clock *given);

#endif
