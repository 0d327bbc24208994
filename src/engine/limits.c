/* limits.c - the limits of an engine: defaults and maxima. Layer: engine. */
#include <inttypes.h>

#include "core/error.h"
#include "engine/engine.h"

#define EVENT_SIZE_MAX_DEFAULT (UINT64_C(1) << 20)
#define EVENT_SIZE_MAX_MAX (UINT64_C(16) << 20)
#define APPEND_EVENTS_MAX_DEFAULT UINT64_C(1000)
#define APPEND_EVENTS_MAX_MAX UINT64_C(100000)
#define APPEND_SIZE_MAX_DEFAULT (UINT64_C(16) << 20)
#define APPEND_SIZE_MAX_MAX (UINT64_C(32) << 20)
#define QUEUE_MAX_DEFAULT UINT64_C(65536)
#define QUEUE_MAX_MAX (UINT64_C(1) << 24)
#define QUEUE_SIZE_MAX_DEFAULT (UINT64_C(256) << 20)
#define QUEUE_SIZE_MAX_MAX (UINT64_C(1) << 40)

static factum_status set_limit(uint64_t *limit, uint64_t otherwise, uint64_t most, const char *name,
                               factum_error *err)
{
    if (*limit > most) {
        return fct_fail(err, FACTUM_INVALID, "%s may be %" PRIu64 " at most", name, most);
    }
    *limit = *limit == 0 ? otherwise : *limit;
    return FACTUM_OK;
}

factum_status fct_limits_default(struct fct_limits *limits, factum_error *err)
{
    const struct {
        uint64_t *limit;
        uint64_t otherwise;
        uint64_t most;
        const char *name;
    } all[] = {
        {&limits->event_size_max, EVENT_SIZE_MAX_DEFAULT, EVENT_SIZE_MAX_MAX, "event_size_max"},
        {&limits->append_events_max, APPEND_EVENTS_MAX_DEFAULT, APPEND_EVENTS_MAX_MAX,
         "append_events_max"},
        {&limits->append_size_max, APPEND_SIZE_MAX_DEFAULT, APPEND_SIZE_MAX_MAX, "append_size_max"},
        {&limits->queue_max, QUEUE_MAX_DEFAULT, QUEUE_MAX_MAX, "queue_max"},
        {&limits->queue_size_max, QUEUE_SIZE_MAX_DEFAULT, QUEUE_SIZE_MAX_MAX, "queue_size_max"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        factum_status status =
            set_limit(all[i].limit, all[i].otherwise, all[i].most, all[i].name, err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    return FACTUM_OK;
}
