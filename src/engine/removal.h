/* removal.h - turns DELETE and TOMBSTONE into appends of one event with its expectations.
 * Layer: engine. Pure. */
#ifndef FCT_ENGINE_REMOVAL_H
#define FCT_ENGINE_REMOVAL_H

#include <factum/async.h>

/* Must not be moved: |request| points into it. */
struct fct_removal {
    factum_append_request request;
    factum_new_event event;
    factum_expectation expectations[2];
    char metastream[FACTUM_NAME_SIZE_MAX + 2];
};

/* Makes removal->request from the request of |op|, whose action is DELETE or TOMBSTONE. Borrows the
 * stream's name and the context from the op's request. */
void fct_removal_init(struct fct_removal *removal, const factum_append_op *op);

#endif
