/* problem.c - see problem.h. Layer: wire. */
#include "wire/problem.h"

#include "wire/json_out.h"

unsigned fct_problem_status(factum_status code)
{
    switch (code) {
    case FACTUM_INVALID:
        return 400;
    case FACTUM_DENIED:
        return 403;
    case FACTUM_STREAM_NOT_FOUND:
    case FACTUM_NOT_FOUND:
        return 404;
    case FACTUM_WRONG_REVISION:
    case FACTUM_CONDITION_FAILED:
    case FACTUM_KEY_CONFLICT:
    case FACTUM_WRONG_TIMELINE:
    case FACTUM_EXISTS:
        return 409;
    case FACTUM_STREAM_DELETED:
        return 410;
    case FACTUM_TOO_BIG:
        return 413;
    case FACTUM_SCHEMA_VIOLATION:
        return 422;
    case FACTUM_UNSUPPORTED:
        return 501;
    case FACTUM_UNREACHABLE:
        return 502;
    case FACTUM_BUSY:
    case FACTUM_LOCKED:
    case FACTUM_NO_SPACE:
    case FACTUM_NO_MEMORY:
    case FACTUM_FAILED:
    case FACTUM_READ_ONLY:
    case FACTUM_CANCELLED:
        return 503;
    case FACTUM_EXPIRED:
        return 504;
    case FACTUM_OK:
    case FACTUM_DONE:
    case FACTUM_CAUGHT_UP:
    case FACTUM_TIMEOUT:
    case FACTUM_PENDING:
    case FACTUM_IO:
    case FACTUM_CORRUPT:
    case FACTUM_UNKNOWN_OUTCOME:
    case FACTUM_NEWER_FORMAT:
        break;
    }
    return 500;
}

bool fct_problem_is_passing(unsigned status)
{
    return status == 503;
}

factum_status fct_problem_format(struct fct_buf *buf, const struct fct_problem *problem)
{
    bool rejected = problem->rejection.len > 0;
    const char *name = rejected ? "REJECTED" : factum_status_name(problem->code);
    const char *title =
        rejected ? "the decider has rejected the command" : factum_status_text(problem->code);
    factum_slice code = rejected ? problem->rejection : factum_slice_from(name);
    factum_status status =
        fct_buf_printf(buf, "{\"type\":\"urn:factum:problem:%s\",\"title\":\"%s\",\"status\":%u",
                       name, title, problem->status);
    if (status == FACTUM_OK && problem->detail.len > 0) {
        status = fct_buf_add_text(buf, ",\"detail\":");
    }
    if (status == FACTUM_OK && problem->detail.len > 0) {
        status = fct_json_out_text(buf, problem->detail);
    }
    if (status == FACTUM_OK) {
        status = fct_buf_add_text(buf, ",\"code\":");
    }
    if (status == FACTUM_OK) {
        status = fct_json_out_text(buf, code);
    }
    if (status == FACTUM_OK) {
        status = fct_buf_add_slice(buf, problem->more);
    }
    return status == FACTUM_OK ? fct_buf_add_text(buf, "}") : status;
}
