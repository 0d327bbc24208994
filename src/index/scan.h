/* scan.h - reads all of an index, in the order of its files: to check it, and to compare it with
 * the log. Layer: index.
 *
 * Reads each run once, from its start to its end, and looks nothing up. Memory: the keys of the
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

/* Who looks on; each function may be NULL. */
struct fct_index_visitor {
    void *data;
    /* Gets the bytes of runs that were read since it was called last; false stops (CANCELLED). */
    bool (*progress)(void *data, uint64_t bytes);
    /* Gets the postings, which last until it returns. A failure stops. */
    factum_status (*postings)(void *data, const struct fct_index_postings *postings,
                              factum_error *err);
};

/* Reads every run as a whole and checks it: that its pages are what was written, that keys and
 * positions rise, that filter and block index lead to each key. CORRUPT names the first damaged
 * file; all that are damaged are quarantined. |visitor| (may be NULL) gets no postings. */
FCT_MUST_USE factum_status fct_index_verify(struct fct_index *index,
                                            const struct fct_index_visitor *visitor,
                                            factum_error *err);

/* Gives the visitor all postings as they are now, or a few more, that are added meanwhile: the
 * keys in order, and the list of a key in order. CORRUPT: damage was met, and is not healed; what
 * was given until then is not all. */
FCT_MUST_USE factum_status fct_index_scan(struct fct_index *index,
                                          const struct fct_index_visitor *visitor,
                                          factum_error *err);

#endif
