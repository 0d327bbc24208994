/* source.h - what a definition reads, as a request to a store. Layer: projection. */
#ifndef FCT_PROJECTION_SOURCE_H
#define FCT_PROJECTION_SOURCE_H

#include "projection/definition.h"

/* A request and what it points to. The definition must last as long. Not to be copied. */
struct fct_source {
    const factum_slice *types; /* that have a handler, each once */
    size_t type_count;
    factum_filter filter;
    factum_query_item item;
    factum_query query;
    factum_read_request request; /* from the start; |from| and |until_| are the caller's to set */
};

/* Fills *source; its list of types is in |arena|. TOO_BIG, NO_MEMORY: of the arena. */
FCT_MUST_USE factum_status fct_source_init(struct fct_source *source,
                                           const struct fct_definition *definition,
                                           factum_arena *arena, factum_error *err);
/* Is an event of |stream|, |type| and |tags| one that the definition has statements for? */
bool fct_source_wants(const struct fct_source *source, const struct fct_definition *definition,
                      factum_slice stream, factum_slice type, const factum_slice *tags,
                      size_t tag_count);
/* The first event that is wanted after the place |after| and at or before |upto| (UINT64_MAX: the
 * end): OK with when it was recorded in *created, or DONE: there is none. As factum_read. */
FCT_MUST_USE factum_status fct_source_first(const struct fct_source *source, factum_store *store,
                                            uint64_t after, uint64_t upto, const factum_call *call,
                                            int64_t *created, factum_error *err);
/* How many events of the source lie after |after|, those without a handler too; FCT_BEHIND_MAX if
 * there are more of a source that cannot be counted without reading. As factum_read. */
#define FCT_BEHIND_MAX UINT64_C(10000)
FCT_MUST_USE factum_status fct_source_behind(const struct fct_source *source, factum_store *store,
                                             uint64_t after, uint64_t *events, factum_error *err);

#endif
