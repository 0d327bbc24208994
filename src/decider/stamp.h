/* stamp.h - what a command adds to its events: metadata, and the hash of its content. Layer:
 * decider. Pure. */
#ifndef FCT_DECIDER_STAMP_H
#define FCT_DECIDER_STAMP_H

#include "decider/subject.h"

struct fct_stamp {
    factum_fingerprint hash; /* of the requested content; zero without a command id */
    factum_slice metadata;   /* of each event; may be empty */
};

/* Makes the stamp in |arena|. Errors: INVALID (a command id without content, or an id that is too
 * long or not UTF-8), NO_MEMORY, TOO_BIG. */
FCT_MUST_USE factum_status fct_stamp_make(struct fct_stamp *stamp, const factum_decider *decider,
                                          const factum_transact_request *request,
                                          const struct fct_subject *subject,
                                          struct factum_arena *arena, factum_error *err);

#endif
