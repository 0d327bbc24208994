/* refused.h - acts on a projection that its host could not carry out: events in the stream of the
 * definition, so that everybody who folds the stream leaves the acts out. Layer: projection. A user
 * of the public API.
 *
 *     $ProjectionActRefused  {"revision", "why"}
 *
 * A host finds out late: an act is recorded first, and only then it turns out that it is impossible
 * (the build of a swap has stopped; tables cannot be created).
 */
#ifndef FCT_PROJECTION_REFUSED_H
#define FCT_PROJECTION_REFUSED_H

#include <factum/store.h>

#include "core/compiler.h"

#define FCT_ACT_REFUSED "$ProjectionActRefused"
#define FCT_REFUSED_MAX 65536u /* of one projection */

/* The revisions of the refused acts, in the order of their events. {0} is the empty set. */
struct fct_refused {
    uint64_t *revisions;
    size_t count;
    size_t capacity;
};

/* Reads the refusals of |name| into the empty set |refused|, for fct_refused_free, also after a
 * failure. A stream that does not exist has none. Errors: TOO_BIG (more than FCT_REFUSED_MAX),
 * NO_MEMORY; otherwise as factum_read. */
FCT_MUST_USE factum_status fct_refused_read(factum_store *store, factum_slice name,
                                            const factum_call *call, struct fct_refused *refused,
                                            factum_error *err);
bool fct_refused_has(const struct fct_refused *refused, uint64_t revision);
void fct_refused_free(struct fct_refused *refused);

/* Records that the act at |revision| of |name| was refused, and |why|. Errors: as factum_append. */
FCT_MUST_USE factum_status fct_refused_record(factum_store *store, factum_slice name,
                                              uint64_t revision, const char *why,
                                              factum_error *err);

#endif
