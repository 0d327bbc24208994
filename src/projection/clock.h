/* clock.h - the monotonic clock in milliseconds, for pauses and waits of the host and its
 * runners. Layer: projection. */
#ifndef FCT_PROJECTION_CLOCK_H
#define FCT_PROJECTION_CLOCK_H

#include "os/os.h"

static inline int64_t fct_clock_ms(void)
{
    return (int64_t)(fct_os_monotonic(fct_os_real()) / 1000000u);
}

#endif
