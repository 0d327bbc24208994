/* query.h - queries and filters: copied, and matched against events. Layer: engine.
 *
 * Pure, except for the copies' memory. Knows nothing of how events are found. */
#ifndef FCT_ENGINE_QUERY_H
#define FCT_ENGINE_QUERY_H

#include <factum/store.h>

#include "core/compiler.h"
#include "core/mem.h"

/* True if an event of |type| with |tags| fits an item of |query|. */
bool fct_query_fits(const factum_query *query, factum_slice type, const factum_slice *tags,
                    size_t tag_count);

/* True if an event of |stream| and |type| passes. NULL passes everything. */
bool fct_filter_passes(const factum_filter *filter, factum_slice stream, factum_slice type);

/* Copies of the query and filter of a read request, for readers that outlive it; either may be
 * absent. */
struct fct_query_copy {
    const struct fct_mem *mem;
    void *block;
    factum_query query;   /* no items: none */
    factum_filter filter; /* all empty: none */
    bool has_filter;
};
FCT_MUST_USE factum_status fct_query_copy_init(struct fct_query_copy *copy,
                                               const struct fct_mem *mem,
                                               const factum_read_request *request,
                                               factum_error *err);
/* Accepts a zeroed copy. */
void fct_query_copy_finish(struct fct_query_copy *copy);

#endif
