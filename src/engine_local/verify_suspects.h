/* verify_suspects.h - looks up, one by one, the postings of which the sums of log and index differ.
 * Layer: engine_local, private to it.
 *
 * Decides by names, not by hashes: sums may differ only because names share a hash.
 */
#ifndef FCT_ENGINE_LOCAL_VERIFY_SUSPECTS_H
#define FCT_ENGINE_LOCAL_VERIFY_SUSPECTS_H

#include <factum/store.h>

#include "core/compiler.h"
#include "engine_local/posting_sums.h"

struct fct_local;

struct fct_suspects {
    struct fct_local *local;
    uint64_t end; /* of the log, as it was summed */
    factum_verify_report *report;
    void *data;
    bool (*progress)(void *data, uint64_t more); /* bytes of the log and of runs read */
    uint64_t surplus_births; /* positions in lists of births where no list begins */
    bool buckets[FCT_INDEX_BIRTH + 1][FCT_SUM_BUCKETS]; /* by kind */
};

/* Suspects the buckets in which the sums differ; false if there are none. */
bool fct_suspects_find(struct fct_suspects *suspects, const struct fct_posting_sums *log,
                       const struct fct_posting_sums *index);
void fct_suspects_all(struct fct_suspects *suspects);
/* Looks up what is suspected, first of the log in the index, then of the index in the log. What is
 * wrong is noted in the report. CORRUPT: damage was met, and is not healed. */
FCT_MUST_USE factum_status fct_suspects_look_up(struct fct_suspects *suspects, factum_error *err);

/* Counts a problem of the report; the first one's text is kept. */
void fct_verify_note(factum_verify_report *report, const char *format, ...) FCT_PRINTF(2, 3);

#endif
