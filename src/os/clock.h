/* clock.h - an os whose wall clock is a function of the caller. Layer: os. */
#ifndef FCT_OS_CLOCK_H
#define FCT_OS_CLOCK_H

#include "os/os.h"

/* Must not move while |os| is in use. */
struct fct_os_clock {
    struct fct_os os; /* first: its functions find the clock by it */
    struct fct_os_ops ops;
    factum_clock clock;
};

/* Sets clock->os: the wall clock is |given|, everything else is of |base|. Neither needs to outlive
 * the call. */
void fct_os_clock_init(struct fct_os_clock *clock, const struct fct_os *base,
                       const factum_clock *given);

#endif
