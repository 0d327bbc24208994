/* query_walk.h - the positions that may fit a query, in order, from lists of postings.
 * Layer: engine_local.
 *
 *   query   = item OR item ...                 positions of all items, merged
 *   item    = group AND group ...              positions that are in every group
 *   group   = list OR list ...                 the types of an item; one tag; categories
 *   list    = postings of one key
 *
 * The positions are a superset of those that fit: names may share a hash, and a group whose lists
 * are much longer than the item's shortest is left out, because reading records costs less. The
 * caller checks each record. Each position is given once.
 */
#ifndef FCT_ENGINE_LOCAL_QUERY_WALK_H
#define FCT_ENGINE_LOCAL_QUERY_WALK_H

#include "codec/record.h"
#include "engine/query.h"
#include "index/index.h"

struct fct_local;
struct fct_query_walk;

/* Moves of groups in one call; after that it answers PENDING. */
#define FCT_QUERY_WALK_STEPS 4096u

/* Creates a walk over the positions that may fit |query|, for fct_query_walk_destroy. *walk is NULL
 * on failure. Errors: NO_MEMORY, CORRUPT, IO. */
FCT_MUST_USE factum_status fct_query_walk_create(struct fct_query_walk **walk,
                                                 struct fct_local *local, const factum_query *query,
                                                 bool backwards, factum_error *err);
/* The same for the positions that may pass |filter|. OK with *walk NULL: no lists narrow the
 * filter, because it has neither types without type prefixes, nor stream prefixes that all name a
 * category. */
FCT_MUST_USE factum_status fct_query_walk_create_filtered(struct fct_query_walk **walk,
                                                          struct fct_local *local,
                                                          const factum_filter *filter,
                                                          bool backwards, factum_error *err);
/* Accepts NULL. */
void fct_query_walk_destroy(struct fct_query_walk *walk);
/* The next position that is given is at or after |position|; backwards: at or before it. */
void fct_query_walk_seek(struct fct_query_walk *walk, uint64_t position);
/* OK with the next position, or DONE. The lists are complete before |end|. Forwards, positions at
 * or after |end| are given by later calls with a larger |end|; backwards, seek before |end| first.
 * PENDING: this call has used up its steps; look at the deadline and call again.
 * Errors: CORRUPT, IO. */
FCT_MUST_USE factum_status fct_query_walk_next(struct fct_query_walk *walk, uint64_t end,
                                               uint64_t *position, factum_error *err);

/* Does the stored event fit? */
bool fct_record_fits(const struct fct_record *record, const factum_query *query);
/* Finds the first event after the place |after| that fits |query|. DONE: no event fits.
 * Errors: NO_MEMORY, CORRUPT, IO. */
FCT_MUST_USE factum_status fct_query_first_after(struct fct_local *local, const factum_query *query,
                                                 uint64_t after, uint64_t *position,
                                                 factum_error *err);

#endif
