/* clock.c - see clock.h. Layer: os. */
#include "os/clock.h"

#include <assert.h>

static_assert(offsetof(struct fct_os_clock, os) == 0, "an os of this kind is its fct_os_clock");

static int64_t given_time(const struct fct_os *os)
{
    const struct fct_os_clock *clock = (const struct fct_os_clock *)(const void *)os;
    return clock->clock.now(clock->clock.data);
}

void fct_os_clock_init(struct fct_os_clock *clock, const struct fct_os *base,
                       const factum_clock *given)
{
    clock->clock = *given;
    clock->ops = *base->ops;
    clock->ops.time_now = given_time;
    clock->os = (struct fct_os){.ops = &clock->ops, .data = base->data};
}
