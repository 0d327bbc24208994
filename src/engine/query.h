/* query.h - queries and filters: copies of them, and matching against events. Layer: engine.
 *
 * Pure, except for the memory of copies. Knows nothing of how events are found. */
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

/* Copies of the query and the filter of a read request, for readers that outlive it. */
struct fct_query_copy {
    const struct fct_mem *mem;
    void *block;
    factum_query query;   /* no items: the request has none */
    factum_filter filter; /* if has_filter */
    bool has_filter;
};
/* Errors: NO_MEMORY. */
FCT_MUST_USE factum_status fct_query_copy_init(struct fct_query_copy *copy,
                                               const struct fct_mem *mem,
                                               const factum_read_request *request,
                                               factum_error *err);
/* Accepts a zeroed copy. */
void fct_query_copy_finish(struct fct_query_copy *copy);

#endif
