/* problem.h - a refusal as problem details (RFC 9457). Layer: wire. Pure.
 *
 *     {"type":"urn:factum:problem:WRONG_REVISION","title":"the stream is not at the expected
 *      revision","status":409,"detail":"...","code":"WRONG_REVISION", more}
 *
 * The code is factum_status_name, the title factum_status_text, the detail the text of the error:
 * the same words as in the library and the command line.
 */
#ifndef FCT_WIRE_PROBLEM_H
#define FCT_WIRE_PROBLEM_H

#include "core/buf.h"

#define FCT_PROBLEM_TYPE "application/problem+json"

struct fct_problem {
    factum_status code;  /* below 0 */
    unsigned status;     /* the HTTP status */
    factum_slice detail; /* empty: none */
    /* The code of a decider that has rejected a command: it becomes "code", type and title are
     * those of a rejection, and |code| is ignored. */
    factum_slice rejection;
    factum_slice more; /* more members, as JSON text that begins with a comma; or empty */
};

/* Returns the HTTP status of a failure about which nothing but |code| is known. */
unsigned fct_problem_status(factum_status code);
/* True if the same request may succeed later, so that a Retry-After is due. */
bool fct_problem_is_passing(unsigned status);
/* Appends the problem as JSON. Errors: NO_MEMORY, TOO_BIG. */
FCT_MUST_USE factum_status fct_problem_format(struct fct_buf *buf,
                                              const struct fct_problem *problem);

#endif
