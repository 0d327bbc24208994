/* query_walk.h - the positions that may fit a query, in order, from lists of postings.
 * Layer: engine_local.
 *
 *   query   = item OR item ...                 positions of all items, merged
 *   item    = group AND group ...              positions that are in every group
 *   group   = list OR list ...                 the types of an item; one tag; categories
 *   list    = postings of one key
 *
 * A superset: hashes may collide, and a group whose lists are much longer than the item's shortest
 * is left out, since looking at the records costs less. Who walks checks each record. Positions
 * come once each. Knows nothing of records, and gives no events.
 */
#ifndef FCT_ENGINE_LOCAL_QUERY_WALK_H
#define FCT_ENGINE_LOCAL_QUERY_WALK_H

#include "codec/record.h"
#include "engine/query.h"
#include "index/index.h"

struct fct_local;
struct fct_query_walk;

/* Moves of groups in one call, after which it answers PENDING. */
#define FCT_QUERY_WALK_STEPS 4096u

/* A walk over what fits |query|. *walk is the caller's, for destroy; NULL on failure. */
FCT_MUST_USE factum_status fct_query_walk_create(struct fct_query_walk **walk,
                                                 struct fct_local *local, const factum_query *query,
                                                 bool backwards, factum_error *err);
/* A walk over what may pass |filter|; *walk is NULL if its lists do not bound that: it has neither
 * exact types alone, nor only prefixes that name a category. */
FCT_MUST_USE factum_status fct_query_walk_create_filtered(struct fct_query_walk **walk,
                                                          struct fct_local *local,
                                                          const factum_filter *filter,
                                                          bool backwards, factum_error *err);
/* Accepts NULL. */
void fct_query_walk_destroy(struct fct_query_walk *walk);
/* The next position is at or after |position|; backwards: at or before it. */
void fct_query_walk_seek(struct fct_query_walk *walk, uint64_t position);
/* OK with a position, or DONE. Everything before |end| is complete in the lists; forward, what lies
 * at or after it is given by later calls with a larger |end|. Backwards: seek before |end|.
 * PENDING: so many postings were looked at that a deadline is worth a look; call again. */
FCT_MUST_USE factum_status fct_query_walk_next(struct fct_query_walk *walk, uint64_t end,
                                               uint64_t *position, factum_error *err);

/* Does the stored event fit? */
bool fct_record_fits(const struct fct_record *record, const factum_query *query);
/* The first event after the place |after| that fits |query|: OK with its position, or DONE. */
FCT_MUST_USE factum_status fct_query_first_after(struct fct_local *local, const factum_query *query,
                                                 uint64_t after, uint64_t *position,
                                                 factum_error *err);

#endif
