/* source.h - what a definition reads, as a request to a store. Layer: projection. */
#ifndef FCT_PROJECTION_SOURCE_H
#define FCT_PROJECTION_SOURCE_H

#include "projection/bind.h"

/* A request and what it points to. The definition must outlive it. Must not be copied. */
struct fct_source {
    const factum_slice *types; /* the types that have a handler, each once */
    size_t type_count;
    factum_filter filter;
    factum_query_item item;
    factum_query query;
    factum_read_request request; /* from the start; the caller may set |from| and |until_*| */
};

/* Fills *source; its list of types is in |arena|. Errors: TOO_BIG and NO_MEMORY (the arena). */
FCT_MUST_USE factum_status fct_source_init(struct fct_source *source,
                                           const struct fct_definition *definition,
                                           factum_arena *arena, factum_error *err);
/* Does the definition have statements for an event of |stream|, |type| and |tags|? */
bool fct_source_wants(const struct fct_source *source, const struct fct_definition *definition,
                      factum_slice stream, factum_slice type, const factum_slice *tags,
                      size_t tag_count);
/* Finds the first wanted event after the place |after| and at or before |upto| (UINT64_MAX: the
 * end); *created is when it was recorded. Returns DONE if no event is wanted there. Errors: as
 * factum_read. */
FCT_MUST_USE factum_status fct_source_first(const struct fct_source *source, factum_store *store,
                                            uint64_t after, uint64_t upto, const factum_call *call,
                                            int64_t *created, factum_error *err);
/* The number of events of the source after |after|, including those without a handler. A source
 * that cannot be counted without reading is counted up to FCT_BEHIND_MAX. Errors: as
 * factum_read. */
#define FCT_BEHIND_MAX UINT64_C(10000)
FCT_MUST_USE factum_status fct_source_behind(const struct fct_source *source, factum_store *store,
                                             uint64_t after, uint64_t *events, factum_error *err);
/* Reads the event at |position| again and binds it into |bound|, in |arena|. Errors: NOT_FOUND (the
 * store does not have it any more); otherwise as factum_read_event and fct_bind. */
FCT_MUST_USE factum_status fct_source_bind_again(factum_store *store, struct fct_binder *binder,
                                                 uint64_t position, factum_arena *arena,
                                                 struct fct_bound_event *bound, factum_error *err);

#endif
