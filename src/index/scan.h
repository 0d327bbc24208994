/* scan.h - reads a whole index in the order of its files: to check it, and to compare it with the
 * log. Layer: index.
 *
 * Each run is read once, from start to end; nothing is looked up. Memory: the keys of the
 * memtables, whose size is bounded, and a cursor for each run.
 */
#ifndef FCT_INDEX_SCAN_H
#define FCT_INDEX_SCAN_H

#include "index/index.h"

/* Postings of one key that follow each other in its list. */
struct fct_index_postings {
    struct fct_index_key key;
    uint64_t ordinal; /* of positions[0], in the list of the key */
    const uint64_t *positions;
    uint32_t count;
};

/* Callbacks of a scan. |progress| may be NULL. */
struct fct_index_visitor {
    void *data;
    /* |bytes| of runs were read since the last call. False stops the scan: CANCELLED. */
    bool (*progress)(void *data, uint64_t bytes);
    /* |postings| last until it returns. A failure stops the scan, which returns it. */
    factum_status (*postings)(void *data, const struct fct_index_postings *postings,
                              factum_error *err);
};

/* Reads every run and checks it: that pages are as written, that keys and positions rise, that
 * filter and block index lead to each key. |visitor| may be NULL; its |postings| is not called.
 * Errors: CORRUPT (|err| names the first damaged file; all damaged runs are quarantined),
 * CANCELLED. */
FCT_MUST_USE factum_status fct_index_verify(struct fct_index *index,
                                            const struct fct_index_visitor *visitor,
                                            factum_error *err);

/* Passes all postings to the visitor as they are now, with some of those that are added meanwhile:
 * the keys in order, and the list of a key in order. Errors: CORRUPT (damage was met, which is not
 * healed; not all postings were passed), CANCELLED, NO_MEMORY, those of the visitor. */
FCT_MUST_USE factum_status fct_index_scan(struct fct_index *index,
                                          const struct fct_index_visitor *visitor,
                                          factum_error *err);

#endif
