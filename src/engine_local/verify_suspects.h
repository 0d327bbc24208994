/* verify_suspects.h - for verify: looks up the postings in buckets whose sums differ between log
 * and index. Layer: engine_local, private to it.
 *
 * Names decide, not hashes: sums also differ if names share a hash, and then the store is sound.
 */
#ifndef FCT_ENGINE_LOCAL_VERIFY_SUSPECTS_H
#define FCT_ENGINE_LOCAL_VERIFY_SUSPECTS_H

#include <factum/store.h>

#include "core/compiler.h"
#include "engine_local/posting_sums.h"

struct fct_local;

struct fct_suspects {
    struct fct_local *local;
    uint64_t end; /* positions before it were summed */
    factum_verify_report *report;
    void *data;
    bool (*progress)(void *data, uint64_t more); /* bytes of log and runs; false: stop. Or NULL */
    uint64_t surplus_births;                     /* positions in births where no list begins */
    bool buckets[FCT_INDEX_BIRTH + 1][FCT_SUM_BUCKETS]; /* by kind */
};

/* Suspects the buckets in which the sums differ. False: all sums agree. */
bool fct_suspects_find(struct fct_suspects *suspects, const struct fct_posting_sums *log,
                       const struct fct_posting_sums *index);
/* Suspects every bucket. */
void fct_suspects_all(struct fct_suspects *suspects);
/* Looks up the suspected postings, those of the log in the index, then those of the index in the
 * log. Problems are noted in the report.
 * Errors: CORRUPT (a run is damaged), CANCELLED, IO, NO_MEMORY. */
FCT_MUST_USE factum_status fct_suspects_look_up(struct fct_suspects *suspects, factum_error *err);

/* Counts a problem in the report, which keeps the first one's text. */
void fct_verify_note(factum_verify_report *report, const char *format, ...) FCT_PRINTF(2, 3);

#endif
