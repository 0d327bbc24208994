/* call.c - the context of a call: checks it, and reads it for engines. Layer: engine. */
#include "core/error.h"
#include "core/sized.h"
#include "core/slice.h"
#include "engine/check_append.h"

factum_call fct_call_get(const factum_call *call)
{
    factum_call full = {.size = sizeof full};
    if (call != NULL) {
        fct_sized_copy(&full, sizeof full, call);
    }
    return full;
}

factum_status fct_deadline_check(const struct fct_os *os, uint64_t deadline, const char *what,
                                 factum_error *err)
{
    if (deadline != 0 && fct_os_monotonic(os) >= deadline) {
        return fct_fail(err, FACTUM_EXPIRED, "%s: the deadline has passed", what);
    }
    return FACTUM_OK;
}

factum_status fct_call_check(const struct fct_engine *engine, const factum_call *call,
                             const char *what, factum_error *err)
{
    if (call == NULL) {
        return FACTUM_OK;
    }
    factum_call full;
    factum_status status = fct_sized_read(&full, sizeof full, call, "the context of a call", err);
    const factum_slice ids[] = {full.correlation_id, full.causation_id};
    for (size_t i = 0; status == FACTUM_OK && i < sizeof ids / sizeof ids[0]; i++) {
        if (ids[i].len > FACTUM_NAME_SIZE_MAX || (ids[i].len > 0 && !fct_utf8_valid(ids[i]))) {
            status = fct_fail(err, FACTUM_INVALID,
                              "%s: a correlation or causation id is UTF-8 of at most %d bytes",
                              what, FACTUM_NAME_SIZE_MAX);
        }
    }
    return status == FACTUM_OK ? fct_deadline_check(engine->os, full.deadline, what, err) : status;
}
